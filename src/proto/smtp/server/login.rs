//! AUTH: challenges and what becomes of the answers (RFC 4954).

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::turn::{self, Answer, say};
use super::{Accounts, Context, Greeting, Input, Session, Turn};
use crate::proto::secret::Secret;
use crate::proto::smtp::command::{self, Refusal};
use crate::proto::smtp::fault::{Decision, Verdict};
use crate::proto::smtp::sasl::{self, Mechanism, Plain};
use crate::proto::smtp::stage::Stage;

/// An exchange under way.
#[derive(Debug)]
pub struct Exchange {
    ask: Ask,
    /// What a fault does to all of its replies.
    decision: Decision,
}

impl Exchange {
    /// Whether the next line is a user's name, which is no secret.
    pub fn asks_for_name(&self) -> bool {
        matches!(self.ask, Ask::LoginUser)
    }
}

/// What the client was asked for.
#[derive(Debug)]
enum Ask {
    /// The message of PLAIN (RFC 4616 §2).
    Plain,
    LoginUser,
    LoginPassword {
        user: Vec<u8>,
    },
    /// The digest of this challenge (RFC 2195 §2).
    CramMd5 {
        challenge: String,
    },
}

/// What an answer leads to.
enum Outcome {
    /// The next question, and its challenge.
    Ask(Ask),
    /// Who logged in; `None`: nobody by that name and password.
    Decided(Option<String>),
}

const WRONG: Refusal = Refusal::new(535, "5.7.8 User or password is wrong");
const NOT_BASE64: Refusal = Refusal::new(501, "5.5.2 That is not base64 (RFC 4648)");
const MALFORMED: Refusal = Refusal::new(501, "5.5.2 That is not what the mechanism asks for");
const CANCELLED: Refusal = Refusal::new(501, "5.7.0 The login was given up");

impl Session {
    /// `AUTH`, with what a fault makes of it.
    pub(super) fn auth(
        &mut self,
        argument: &[u8],
        decision: Decision,
        from: usize,
        context: &mut Context,
    ) -> Turn {
        let at_once = |verdict: &&Verdict| !is_about_credentials(verdict);
        if let Some(verdict) = decision.verdict.as_ref().filter(at_once) {
            let answer = turn::spoil(verdict, context.out);
            return self.turn(Stage::Auth, from, answer, decision, context);
        }
        let begun = self.begin(argument);
        match begun {
            Ok((ask, None)) => self.ask(ask, decision, from, context),
            Ok((ask, Some(initial))) => {
                let answer = sasl::Answer::read_initial(&argument[initial]);
                self.answered(ask, answer, decision, from, context)
            }
            Err(refusal) => {
                let answer = self.refuse(refusal, context);
                self.turn(Stage::Auth, from, answer, decision, context)
            }
        }
    }

    /// A line that answers a challenge.
    pub(super) fn login_line(
        &mut self,
        exchange: Exchange,
        line: &[u8],
        context: &mut Context,
    ) -> Turn {
        let from = context.out.len();
        let is_secret = line != sasl::CANCEL && !matches!(exchange.ask, Ask::LoginUser);
        let answer = sasl::Answer::read(line);
        let mut turn = self.answered(exchange.ask, answer, exchange.decision, from, context);
        turn.line = Some(0..line.len());
        turn.secret = is_secret.then_some(0..line.len());
        self.be_wary_after(&turn);
        turn
    }

    /// A client may go on with its answers although its login was refused.
    pub(super) fn be_wary_after(&mut self, turn: &Turn) {
        self.wary = turn.code.is_none_or(|code| ![235, 334].contains(&code.0));
    }

    /// Whether AUTH is possible now, and with what it begins.
    fn begin(&mut self, argument: &[u8]) -> Result<(Ask, Option<Range<usize>>), Refusal> {
        match self.greeting {
            Greeting::Refused => {
                return Err(Refusal::new(503, "5.5.1 Nothing but QUIT is left"));
            }
            Greeting::Awaited | Greeting::Helo => {
                return Err(Refusal::new(503, "5.5.1 Say EHLO first"));
            }
            Greeting::Ehlo => {}
        }
        if self.user.is_some() {
            return Err(Refusal::new(503, "5.5.1 You are logged in already"));
        }
        if self.transaction.is_some() {
            return Err(Refusal::new(
                503,
                "5.5.1 AUTH comes before MAIL, not inside a transaction",
            ));
        }
        if argument.iter().any(u8::is_ascii_control) {
            return Err(Refusal::new(
                500,
                "5.5.2 A command holds no control characters",
            ));
        }
        let auth = command::auth(argument)?;
        let ask = match auth.mechanism {
            Mechanism::Login => Ask::LoginUser,
            Mechanism::CramMd5 if auth.initial.is_some() => {
                return Err(Refusal::new(
                    501,
                    "5.7.0 With CRAM-MD5 the server speaks first (RFC 4954 4)",
                ));
            }
            Mechanism::CramMd5 => Ask::CramMd5 {
                challenge: self.challenge(),
            },
            Mechanism::Plain | Mechanism::XOauth2 => Ask::Plain,
        };
        Ok((ask, auth.initial))
    }

    /// A challenge that was never given before (RFC 2195 §2).
    fn challenge(&mut self) -> String {
        self.challenges = self.challenges.wrapping_add(1);
        format!("<{}.{}@{}>", self.seed, self.challenges, self.service.name)
    }

    /// Puts a question.
    fn ask(
        &mut self,
        ask: Ask,
        mut decision: Decision,
        from: usize,
        context: &mut Context,
    ) -> Turn {
        let challenge = match &ask {
            Ask::Plain => String::new(),
            Ask::LoginUser => STANDARD.encode("Username:"),
            Ask::LoginPassword { .. } => STANDARD.encode("Password:"),
            Ask::CramMd5 { challenge } => STANDARD.encode(challenge),
        };
        let answer = say(context.out, 334, &challenge);
        let turn = self.turn(Stage::Auth, from, answer, decision.clone(), context);
        // What is injected comes once.
        decision.inject = None;
        self.input = Input::Login(Exchange { ask, decision });
        turn
    }

    /// Works on an answer; `None` was no base64.
    fn answered(
        &mut self,
        ask: Ask,
        answer: Option<sasl::Answer>,
        decision: Decision,
        from: usize,
        context: &mut Context,
    ) -> Turn {
        let answer = match self.judge(ask, answer) {
            Ok(Outcome::Ask(ask)) => return self.ask(ask, decision, from, context),
            Ok(Outcome::Decided(user)) => match &decision.verdict {
                Some(verdict) => turn::spoil(verdict, context.out),
                None => self.let_in(user, context),
            },
            Err(refusal) => self.refuse(refusal, context),
        };
        self.turn(Stage::Auth, from, answer, decision, context)
    }

    fn let_in(&mut self, user: Option<String>, context: &mut Context) -> Answer {
        if user.is_none() {
            return self.refuse(WRONG, context);
        }
        self.user = user;
        say(context.out, 235, "2.7.0 You are logged in")
    }

    fn judge(&self, ask: Ask, answer: Option<sasl::Answer>) -> Result<Outcome, Refusal> {
        let bytes = match answer.ok_or(NOT_BASE64)? {
            sasl::Answer::Cancel => return Err(CANCELLED),
            sasl::Answer::Bytes(bytes) => bytes,
        };
        let bytes = bytes.reveal();
        Ok(match ask {
            Ask::LoginUser => Outcome::Ask(Ask::LoginPassword {
                user: bytes.to_vec(),
            }),
            Ask::LoginPassword { user } => {
                let user = String::from_utf8(user).map_err(|_| MALFORMED)?;
                Outcome::Decided(self.knows(user, |password| password.reveal() == bytes))
            }
            Ask::Plain => {
                let plain = Plain::read(bytes).ok_or(MALFORMED)?;
                // Nobody acts on behalf of somebody else here (RFC 4616 §2).
                let as_oneself = plain.on_behalf.is_empty() || plain.on_behalf == plain.user;
                let user = self.knows(plain.user, |password| *password == plain.password);
                Outcome::Decided(user.filter(|_| as_oneself))
            }
            Ask::CramMd5 { challenge } => {
                let (user, digest) = sasl::split_cram_md5(bytes).ok_or(MALFORMED)?;
                let is_right = |password: &Secret| {
                    sasl::cram_md5(user, password.reveal(), challenge.as_bytes())
                        .rsplit(' ')
                        .next()
                        .is_some_and(|right| right.eq_ignore_ascii_case(digest))
                };
                Outcome::Decided(self.knows(user.to_owned(), is_right))
            }
        })
    }

    /// The user, if it is one.
    fn knows(&self, user: String, is_right: impl Fn(&Secret) -> bool) -> Option<String> {
        let known = match &self.service.accounts {
            Accounts::Anybody => !user.is_empty(),
            Accounts::Only {
                user: known,
                password,
            } => *known == user && is_right(password),
        };
        known.then_some(user)
    }
}

/// Whether a fault's reply is about the credentials, not about the command: it waits until they were given.
fn is_about_credentials(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Reply { code, .. } => code.0 / 10 % 10 != 0 && code.0 != 421,
        Verdict::Drop => false,
    }
}
