//! The lab's mail server without its sockets: bytes of a client in, replies and deeds out (RFC 5321).
//!
//! The driver reads into a buffer and hands it to [`Session::advance`] until that asks for more. The session writes its replies into the driver's
//! buffer and the bytes of messages into another, and says in a [`Turn`] what else there is to do. It knows no socket, no file and no clock, so that
//! every rule of the protocol is tested without them. There is no way to relay in it.
//!
//! | part | what it is |
//! |---|---|
//! | this file | the vocabulary, and bytes made into lines |
//! | `dialogue` | a command's reply, by what was said before |
//! | `login` | the challenges of AUTH |
//! | `content` | messages, whole and in chunks |
//! | `turn` | replies written, with the faults that spoil them |

mod content;
mod dialogue;
mod login;
mod turn;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::address::Envelope;
use super::code::Code;
use super::command;
use super::fault::{Decision, Faults};
use super::stage::Stage;
use crate::proto::secret::Secret;
use content::{Chunking, Incoming};
use login::Exchange;

/// What the server is told at its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The name in its greeting.
    pub name: String,
    pub accounts: Accounts,
    pub limits: Limits,
}

/// Who may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accounts {
    /// Any user with any password: nobody needs an account.
    Anybody,
    Only {
        user: String,
        password: Secret,
    },
}

/// Where a message ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndOfData {
    /// At CRLF `.` CRLF only; a bare CR or LF is refused (RFC 5321 §2.3.8, §4.1.1.4).
    #[default]
    Strict,
    /// Also at a dot between bare LFs or CRs, as servers did that let mail be smuggled.
    Lenient,
}

/// What no client gets past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message (RFC 1870).
    pub message: u64,
    /// Recipients of a message; at least the 100 of RFC 5321 §4.5.3.1.8.
    pub recipients: usize,
    /// Messages in the mailbox.
    pub messages: usize,
    /// Bytes of all messages in the mailbox.
    pub mailbox: u64,
    pub connections: usize,
    /// How long a client may say nothing (RFC 5321 §4.5.3.2.7: at least five minutes).
    pub idle: Duration,
    /// Commands that were refused, of one session, before it is closed.
    pub errors: u32,
}

/// How a session's connection began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// In clear text, and there is no TLS.
    Clear,
    /// In clear text; STARTTLS is offered.
    Upgradable,
    /// In TLS from the first byte (RFC 8314).
    Tls,
}

/// What a session uses of its driver while it works on something.
pub struct Context<'a> {
    pub faults: &'a mut Faults,
    /// Any clock that only goes forward, the same for all sessions that share the faults.
    pub now: Duration,
    /// Bytes that the mailbox can still take; 0 when it is full.
    pub room: u64,
    /// Replies are written to its end.
    pub out: &'a mut Vec<u8>,
    /// Bytes of the message, dots undone, are written to its end. The driver may take them away after each call.
    pub content: &'a mut Vec<u8>,
}

/// What became of some input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Bytes of the input that are dealt with: the driver hands over what follows them, and more where nothing was.
    pub consumed: usize,
    /// `None` asks for more bytes.
    pub turn: Option<Turn>,
}

/// A command, or the end of a message, and what comes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    pub stage: Stage,
    /// The command's line in the input, without its end. `None` where no line was: the greeting, the end of a message.
    pub line: Option<Range<usize>>,
    /// The part of the line that may hold a password: from somewhere to its end. [`Turn::heard`] masks it.
    pub secret: Option<Range<usize>>,
    /// A message, or a chunk of one, came to its end with this.
    pub measure: Option<Measure>,
    /// The reply in [`Context::out`]; empty where nothing is said (yet).
    pub reply: Range<usize>,
    /// The code in it.
    pub code: Option<Code>,
    /// How the reply is to be written.
    pub manner: Manner,
    /// A fault had its hand in it.
    pub spoilt: bool,
    pub next: Next,
}

/// How big a message, or a chunk of one, was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Measure {
    /// On the wire, doubled dots and the final dot included.
    pub wire: u64,
    /// Dots that were doubled.
    pub stuffed: u64,
}

/// How a reply is written, or how long the driver waits before it closes without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Manner {
    #[default]
    AtOnce,
    /// After `before`, then all at once, or a byte at a time with `between` two of them.
    Slow {
        before: Duration,
        between: Option<Duration>,
    },
}

/// What the driver does after the reply of a turn is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Go on with the input. Whatever of a message was gathered is void unless [`Session::receiving`].
    Go,
    /// Throw away all input that is there (RFC 3207 §4.2), let the TLS handshake happen, call [`Session::secured`].
    StartTls,
    /// The message is whole: keep what was gathered, safely, for [`Session::envelope`]; then call [`Session::stored`], which replies.
    Store,
    /// Write out the reply, then close.
    Close(Cause),
}

/// Why a session is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    Quit,
    /// Too many refused commands, or what no mail client sends.
    Misbehaved,
    /// A fault closes it.
    Fault,
    /// [`Farewell`].
    Farewell,
}

/// Why a message could not be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotStored {
    /// The mailbox is full.
    Full,
    /// The disk would not.
    Failed,
}

/// Why the driver ends a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// The client said nothing for too long.
    Idle,
    /// Too many connections are open.
    TooMany,
    /// The server is stopped.
    Stopped,
}

/// One client's session.
#[derive(Debug)]
pub struct Session {
    service: Arc<Service>,
    channel: Channel,
    end_of_data: EndOfData,
    /// What challenges are made of.
    seed: u64,
    challenges: u32,
    greeting: Greeting,
    /// What the client called itself.
    helo: String,
    user: Option<String>,
    transaction: Option<Transaction>,
    /// Of the transaction, or of the message that was stored last.
    envelope: Envelope,
    input: Input,
    /// The rest of a line that was too long is thrown away.
    skipping: bool,
    /// The next line may hold a password although no AUTH is under way: the client did not wait for the refusal, or did not see that it was one.
    wary: bool,
    /// Commands that were refused.
    errors: u32,
}

/// How far the opening of a session got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Greeting {
    /// The server's greeting was a refusal: nothing but QUIT is left (RFC 5321 §3.1).
    Refused,
    /// Neither HELO nor EHLO was said.
    Awaited,
    Helo,
    Ehlo,
}

/// MAIL was accepted, and the message did not come to its end yet.
#[derive(Debug, Default)]
struct Transaction {
    /// MAIL had SMTPUTF8.
    utf8: bool,
    /// A recipient was refused.
    refused: bool,
    chunking: Chunking,
    /// Bytes of the chunks so far.
    bytes: u64,
}

/// As what the next bytes are read.
#[derive(Debug)]
enum Input {
    Command,
    /// The answer to a challenge.
    Login(Exchange),
    /// A message or a chunk of one.
    Content(Incoming),
    /// The message is whole and not stored yet; its reply belongs to this stage. Nothing is read until then.
    Storing(Stage, Decision),
    /// STARTTLS was answered: what comes before the handshake is thrown away (RFC 3207 §4.2).
    Upgrading,
    /// Nothing is read any more.
    Closed,
}

impl Session {
    /// Bytes of the longest line that a client may send at all (RFC 4954 §4), its end included.
    pub const LONGEST_LINE: usize = command::AUTH_LINE;

    /// A session that begins. `seed` is any number that no client can guess: the challenges of CRAM-MD5 are made of it.
    pub fn new(service: Arc<Service>, channel: Channel, end_of_data: EndOfData, seed: u64) -> Self {
        Self {
            service,
            channel,
            end_of_data,
            seed,
            challenges: 0,
            greeting: Greeting::Awaited,
            helo: String::new(),
            user: None,
            transaction: None,
            envelope: Envelope {
                from: None,
                to: Vec::new(),
            },
            input: Input::Command,
            skipping: false,
            wary: false,
            errors: 0,
        }
    }

    /// The greeting. It is the first thing said, in an encrypted session after the handshake.
    pub fn greet(&mut self, context: &mut Context) -> Turn {
        let from = context.out.len();
        let decision = context.faults.decide(Stage::Banner, b"", None, context.now);
        let answer = match &decision.verdict {
            Some(verdict) => {
                let answer = turn::spoil(verdict, context.out);
                if answer.code.is_some_and(|code| code >= 500) {
                    self.greeting = Greeting::Refused;
                }
                answer
            }
            None => turn::say_named(
                context.out,
                220,
                &self.service.name,
                " ESMTP sockscope's lab server, where mail comes in and none goes out",
            ),
        };
        self.turn(Stage::Banner, from, answer, decision, context)
    }

    /// Works on the beginning of `input`, as far as one turn goes. What was not consumed must be handed over again; where there was no turn, with more
    /// behind it. It is never more than [`Session::LONGEST_LINE`].
    pub fn advance(&mut self, input: &[u8], context: &mut Context) -> Step {
        match &self.input {
            Input::Command | Input::Login(_) => self.line(input, context),
            Input::Content(_) => self.content(input, context),
            Input::Storing(..) => Step {
                consumed: 0,
                turn: None,
            },
            Input::Upgrading | Input::Closed => Step {
                consumed: input.len(),
                turn: None,
            },
        }
    }

    /// The TLS handshake that [`Next::StartTls`] asked for is done. All that was said before is forgotten (RFC 3207 §4.2).
    pub fn secured(&mut self) {
        self.channel = Channel::Tls;
        self.greeting = Greeting::Awaited;
        self.helo.clear();
        self.user = None;
        self.reset();
        self.input = Input::Command;
    }

    /// A last `421`, when the driver ends the session.
    pub fn farewell(&mut self, why: Farewell, context: &mut Context) -> Turn {
        let from = context.out.len();
        let text = match why {
            Farewell::Idle => "4.4.2 Nothing was said for too long, closing the connection",
            Farewell::TooMany => "4.7.0 Too many connections are open, try again later",
            Farewell::Stopped => "4.3.2 The server is being stopped, closing the connection",
        };
        let mut answer = turn::say(context.out, 421, text);
        answer.next = Next::Close(Cause::Farewell);
        self.turn(Stage::Other, from, answer, Decision::default(), context)
    }

    /// Takes effect with the next message.
    pub fn set_end_of_data(&mut self, end_of_data: EndOfData) {
        self.end_of_data = end_of_data;
    }

    /// A message is under way: what was gathered of it is still worth something.
    pub fn receiving(&self) -> bool {
        let chunked = |transaction: &Transaction| transaction.chunking == Chunking::UnderWay;
        matches!(self.input, Input::Content(_) | Input::Storing(..))
            || self.transaction.as_ref().is_some_and(chunked)
    }

    /// Sender and recipients of the transaction under way, or, until another begins, of the message that was stored last.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// What the client called itself.
    pub fn helo(&self) -> Option<&str> {
        (!self.helo.is_empty()).then_some(&self.helo)
    }

    /// The client said EHLO, not HELO.
    pub fn extended(&self) -> bool {
        self.greeting == Greeting::Ehlo
    }

    pub fn encrypted(&self) -> bool {
        self.channel == Channel::Tls
    }

    /// MAIL of the transaction under way said SMTPUTF8 (RFC 6531 §3.4).
    pub fn utf8(&self) -> bool {
        self.transaction
            .as_ref()
            .is_some_and(|transaction| transaction.utf8)
    }

    /// Who logged in.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Forgets the transaction (RFC 5321 §4.1.1.5).
    fn reset(&mut self) {
        self.transaction = None;
        self.envelope.from = None;
        self.envelope.to.clear();
    }

    /// A line, once it is whole.
    fn line(&mut self, input: &[u8], context: &mut Context) -> Step {
        let mut start = 0;
        if self.skipping {
            let Some(end) = memchr::memchr(b'\n', input) else {
                return Step {
                    consumed: input.len(),
                    turn: None,
                };
            };
            self.skipping = false;
            start = end + 1;
        }
        let rest = &input[start..];
        let end = memchr::memchr(b'\n', rest);
        let length = end.map_or(rest.len(), |end| end + 1);
        let (stage, longest) = match self.input {
            Input::Login(_) => (Stage::Auth, command::AUTH_LINE),
            _ => {
                let (stage, _) = command::split(&rest[..length]);
                (stage, command::longest_line(stage, self.extended()))
            }
        };
        if length > longest {
            self.skipping = end.is_none();
            let line = start..start + longest;
            return Step {
                consumed: start + length,
                turn: Some(self.too_long(stage, line, context)),
            };
        }
        if is_handshake(rest) {
            let shown = end.unwrap_or(rest.len());
            return Step {
                consumed: input.len(),
                // Of what is thrown away, that much is shown.
                turn: Some(self.not_in_clear_text(start..start + shown, context)),
            };
        }
        let Some(end) = end else {
            return Step {
                consumed: start,
                turn: None,
            };
        };
        let line = &rest[..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let turn = match std::mem::replace(&mut self.input, Input::Command) {
            Input::Login(exchange) => self.login_line(exchange, line, context),
            _ => self.command(line, context),
        };
        Step {
            consumed: start + length,
            turn: Some(turn.shifted(start)),
        }
    }
}

/// The first bytes of a TLS handshake (RFC 8446 §5.1): a client that was told "TLS" at the port for clear text.
fn is_handshake(input: &[u8]) -> bool {
    input.starts_with(&[0x16, 0x03])
}

#[cfg(test)]
mod tests;
