//! What each command gets for a reply, by what was said before it (RFC 5321 §4.1.4).

use std::ops::Range;

use super::content::Chunking;
use super::turn::{self, Answer, line, say, say_named};
use super::{Cause, Channel, Context, Greeting, Input, Next, Session, Transaction, Turn};
use crate::proto::smtp::code::Class;
use crate::proto::smtp::command::{self, Refusal};
use crate::proto::smtp::fault::{Decision, Verdict};
use crate::proto::smtp::stage::Stage;

const EHLO_FIRST: Refusal = Refusal::new(503, "5.5.1 Say EHLO first");

impl Session {
    /// A command line without its end.
    pub(super) fn command(&mut self, line: &[u8], context: &mut Context) -> Turn {
        let (stage, argument) = command::split(line);
        let secret = self.secret_part(stage, line, &argument);
        let argument = &line[argument];
        let from = context.out.len();
        let sender = self.envelope.from.as_ref().map(|address| address.as_str());
        let decision = context.faults.decide(stage, argument, sender, context.now);
        let mut turn = match stage {
            Stage::Auth => self.auth(argument, decision, from, context),
            Stage::Bdat => self.bdat(argument, decision, from, context),
            _ => {
                let answer = match &decision.verdict {
                    Some(verdict) if !is_another_yes(stage, verdict) => {
                        if let (Stage::Rcpt, Some(transaction)) = (stage, &mut self.transaction) {
                            transaction.refused = true;
                        }
                        turn::spoil(verdict, context.out)
                    }
                    verdict => {
                        let answer = self
                            .carry_out(stage, line, argument, context)
                            .unwrap_or_else(|refusal| self.refuse(refusal, context));
                        match verdict {
                            Some(verdict) if answer.code.is_some_and(|code| code < 300) => {
                                context.out.truncate(from);
                                turn::spoil(verdict, context.out)
                            }
                            _ => answer,
                        }
                    }
                };
                self.turn(stage, from, answer, decision, context)
            }
        };
        match stage {
            Stage::Auth => self.be_wary_after(&turn),
            // What is unknown may be the first of several answers.
            Stage::Other => {}
            _ => self.wary = false,
        }
        turn.line = Some(0..line.len());
        turn.secret = secret;
        turn
    }

    /// The part of a command line that may hold a password.
    fn secret_part(
        &self,
        stage: Stage,
        line: &[u8],
        argument: &Range<usize>,
    ) -> Option<Range<usize>> {
        match stage {
            Stage::Auth => {
                let text = &line[argument.clone()];
                let mut words = text.splitn(3, |&byte| byte == b' ');
                let (mechanism, initial) = (words.next()?, words.next());
                let open = if mechanism.eq_ignore_ascii_case(b"LOGIN") {
                    // What LOGIN brings along is the user's name.
                    mechanism.len() + 1 + initial?.len() + 1
                } else if command::is_mechanism(mechanism) {
                    mechanism.len() + 1
                } else {
                    // The mechanism was forgotten, and a secret stands in its place.
                    0
                };
                let start = argument.start + open;
                (start < line.len()).then_some(start..line.len())
            }
            Stage::Other if self.wary => Some(0..line.len()),
            _ => None,
        }
    }

    /// From where on bytes that [`Session::advance`] has not worked on may hold a password: the beginning of a line, or lines behind something that
    /// takes time. As long as nobody knows, they do.
    pub fn hides(&self, rest: &[u8]) -> Option<usize> {
        let mut at = match &self.input {
            Input::Login(exchange) if exchange.asks_for_name() => after_line(rest)?,
            Input::Login(_) => return Some(0),
            _ if self.wary => return Some(0),
            _ => 0,
        };
        if at > 0 {
            return Some(at);
        }
        while at < rest.len() {
            let end = after_line(&rest[at..]).map(|end| at + end);
            let line = &rest[at..end.unwrap_or(rest.len())];
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let (stage, argument) = command::split(line);
            if stage == Stage::Auth {
                let is_named = end.is_some() || line[argument.start..].contains(&b' ');
                let secret = match is_named {
                    true => self.secret_part(stage, line, &argument),
                    // The mechanism may go on, or be none.
                    false => Some(argument),
                };
                // Behind it stand the answers.
                let from = secret.map(|secret| at + secret.start).or(end);
                return from.filter(|&from| from < rest.len());
            }
            at = end?;
        }
        None
    }

    fn carry_out(
        &mut self,
        stage: Stage,
        line: &[u8],
        argument: &[u8],
        context: &mut Context,
    ) -> Result<Answer, Refusal> {
        if stage == Stage::Other {
            return self.unknown(line, context);
        }
        if line.iter().any(u8::is_ascii_control) {
            return Err(Refusal::new(
                500,
                "5.5.2 A command holds no control characters",
            ));
        }
        if self.greeting == Greeting::Refused && stage != Stage::Quit {
            return Err(Refusal::new(
                503,
                "5.5.1 The greeting was a refusal: nothing but QUIT is left",
            ));
        }
        match stage {
            Stage::Ehlo => self.ehlo(argument, context),
            Stage::Helo => self
                .hello(argument, Greeting::Helo)
                .map(|()| say_named(context.out, 250, &self.service.name, "")),
            Stage::StartTls => self.start_tls(argument, context),
            Stage::Mail => self.mail(argument, context),
            Stage::Rcpt => self.rcpt(argument, context),
            Stage::Data => self.data(argument, context),
            Stage::Rset => {
                command::nothing(argument)?;
                self.reset();
                Ok(say(context.out, 250, "2.0.0 Ok"))
            }
            Stage::Vrfy if argument.is_empty() => {
                Err(Refusal::new(501, "5.5.4 Syntax: VRFY address"))
            }
            Stage::Vrfy => Ok(say(
                context.out,
                252,
                "2.5.2 Not telling who is here, but mail for anybody is taken",
            )),
            Stage::Expn => Err(Refusal::new(502, "5.5.1 There are no lists here")),
            Stage::Help => Ok(help(context.out)),
            Stage::Quit => {
                command::nothing(argument)?;
                let mut answer = say(context.out, 221, "2.0.0 Bye");
                answer.next = Next::Close(Cause::Quit);
                Ok(answer)
            }
            // The stages that are left have no command.
            _ => Ok(say(context.out, 250, "2.0.0 Ok")),
        }
    }

    fn unknown(&mut self, line: &[u8], context: &mut Context) -> Result<Answer, Refusal> {
        if command::is_http(line) {
            let mut answer = say(context.out, 421, "4.7.0 This is SMTP, not HTTP");
            answer.next = Next::Close(Cause::Misbehaved);
            return Ok(answer);
        }
        Err(if line.is_empty() {
            Refusal::new(500, "5.5.2 An empty line is no command")
        } else {
            Refusal::new(500, "5.5.1 Command not recognized")
        })
    }

    /// What EHLO and HELO have in common: the transaction is forgotten (RFC 5321 §4.1.4).
    fn hello(&mut self, argument: &[u8], greeting: Greeting) -> Result<(), Refusal> {
        let name = command::hello(argument)?;
        self.helo.clear();
        self.helo.push_str(name);
        self.greeting = greeting;
        self.reset();
        Ok(())
    }

    fn ehlo(&mut self, argument: &[u8], context: &mut Context) -> Result<Answer, Refusal> {
        self.hello(argument, Greeting::Ehlo)?;
        let out = &mut *context.out;
        turn::append(
            out,
            format_args!("250-{} greets you\r\n", self.service.name),
        );
        line(out, 250, b'-', "PIPELINING");
        turn::append(
            out,
            format_args!("250-SIZE {}\r\n", self.service.limits.message),
        );
        if self.channel == Channel::Upgradable {
            line(out, 250, b'-', "STARTTLS");
        }
        for keyword in [
            "AUTH PLAIN LOGIN CRAM-MD5",
            "8BITMIME",
            "SMTPUTF8",
            "CHUNKING",
            "DSN",
            "ENHANCEDSTATUSCODES",
        ] {
            line(out, 250, b'-', keyword);
        }
        Ok(say(out, 250, "HELP"))
    }

    fn start_tls(&mut self, argument: &[u8], context: &mut Context) -> Result<Answer, Refusal> {
        command::nothing(argument)?;
        match self.channel {
            Channel::Tls => {
                return Err(Refusal::new(503, "5.5.1 TLS is spoken already"));
            }
            Channel::Clear => {
                return Err(Refusal::new(502, "5.5.1 There is no TLS here"));
            }
            Channel::Upgradable => {}
        }
        if self.greeting != Greeting::Ehlo {
            return Err(EHLO_FIRST);
        }
        let mut answer = say(context.out, 220, "2.0.0 Begin the TLS handshake");
        answer.next = Next::StartTls;
        Ok(answer)
    }

    fn mail(&mut self, argument: &[u8], context: &mut Context) -> Result<Answer, Refusal> {
        if self.greeting == Greeting::Awaited {
            return Err(EHLO_FIRST);
        }
        if self.transaction.is_some() {
            return Err(Refusal::new(
                503,
                "5.5.1 A transaction is under way: RSET ends it",
            ));
        }
        let mail = command::mail(argument, self.extended())?;
        let size = mail.size.unwrap_or(0);
        if size > self.service.limits.message {
            return Err(Refusal::new(
                552,
                "5.3.4 The message is bigger than SIZE in the reply to EHLO",
            ));
        }
        if size > context.room || context.room == 0 {
            return Ok(say(
                context.out,
                452,
                "4.3.1 The mailbox has no room for it",
            ));
        }
        self.reset();
        self.envelope.from = mail.from;
        self.transaction = Some(Transaction {
            utf8: mail.utf8,
            ..Transaction::default()
        });
        Ok(say(context.out, 250, "2.1.0 Sender ok"))
    }

    fn rcpt(&mut self, argument: &[u8], context: &mut Context) -> Result<Answer, Refusal> {
        let extended = self.extended();
        let Some(transaction) = &mut self.transaction else {
            return Err(Refusal::new(503, "5.5.1 Say MAIL first"));
        };
        if transaction.chunking != Chunking::None {
            return Err(Refusal::new(
                503,
                "5.5.1 The message has begun: no further recipients",
            ));
        }
        let read = command::rcpt(argument, extended, transaction.utf8, &self.service.name);
        let address = match read {
            Ok(address) => address,
            Err(refusal) => {
                transaction.refused = true;
                return Err(refusal);
            }
        };
        if self.envelope.to.len() >= self.service.limits.recipients {
            transaction.refused = true;
            // A transient error (RFC 5321 §4.5.3.1.10), and none of the client's: it can't know the limit.
            return Ok(say(
                context.out,
                452,
                "4.5.3 Too many recipients: send again to the others",
            ));
        }
        self.envelope.to.push(address);
        Ok(say(context.out, 250, "2.1.5 Recipient ok"))
    }

    /// A line that is too long, as far as it was read.
    pub(super) fn too_long(
        &mut self,
        stage: Stage,
        line: Range<usize>,
        context: &mut Context,
    ) -> Turn {
        let from = context.out.len();
        let in_login = matches!(self.input, Input::Login(_));
        self.input = Input::Command;
        let answer = self.refuse(
            if in_login {
                Refusal::new(500, "5.5.6 The line is too long: 12288 octets are allowed")
            } else {
                Refusal::new(500, "5.5.2 The line is too long (RFC 5321 4.5.3.1.4)")
            },
            context,
        );
        let mut turn = self.turn(stage, from, answer, Decision::default(), context);
        if stage == Stage::Auth || self.wary {
            turn.secret = Some(line.clone());
        }
        turn.line = Some(line);
        turn
    }

    /// A TLS handshake where clear text is spoken.
    pub(super) fn not_in_clear_text(&mut self, line: Range<usize>, context: &mut Context) -> Turn {
        let from = context.out.len();
        let mut answer = say(
            context.out,
            421,
            "4.7.0 This port begins in clear text: say STARTTLS, or take the port for TLS",
        );
        answer.next = Next::Close(Cause::Misbehaved);
        let mut turn = self.turn(Stage::Other, from, answer, Decision::default(), context);
        turn.line = Some(line);
        turn
    }
}

/// Where the first line has ended.
fn after_line(bytes: &[u8]) -> Option<usize> {
    memchr::memchr(b'\n', bytes).map(|end| end + 1)
}

/// The commands (RFC 5321 §4.1.1.8).
fn help(out: &mut Vec<u8>) -> Answer {
    for text in [
        "2.0.0 EHLO name, HELO name; STARTTLS",
        "2.0.0 AUTH PLAIN, AUTH LOGIN, AUTH CRAM-MD5",
        "2.0.0 MAIL FROM:<address> [SIZE= BODY= SMTPUTF8 RET= ENVID= AUTH=]",
        "2.0.0 RCPT TO:<address> [NOTIFY= ORCPT=]",
        "2.0.0 DATA; BDAT length [LAST]",
    ] {
        line(out, 214, b'-', text);
    }
    say(out, 214, "2.0.0 RSET, NOOP, VRFY address, HELP, QUIT")
}

/// Whether a fault's reply says yes where the right reply says yes: the first digit rules (RFC 5321 §4.2), so the command is carried out.
fn is_another_yes(stage: Stage, verdict: &Verdict) -> bool {
    let says_yes =
        matches!(verdict, Verdict::Reply { code, .. } if code.class() == Class::Positive);
    let ends_there = matches!(
        stage,
        Stage::Ehlo | Stage::Helo | Stage::Mail | Stage::Rcpt | Stage::Rset
    );
    says_yes && ends_there
}
