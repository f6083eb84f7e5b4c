//! The lab's mail server without its sockets: bytes of a client in, replies and deeds out (RFC 5321).
//!
//! The driver reads into a buffer and hands it to [`Session::advance`] until nothing whole is left in it. The session writes its replies into the
//! driver's buffer and the bytes of messages into another, and says in a [`Turn`] what else there is to do. It knows no socket, no file and no
//! clock, so that every rule of the protocol is tested without them. There is no way to relay in it.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::address::Envelope;
use super::code::Code;
use super::fault::Faults;
use super::stage::Stage;
use crate::proto::secret::Secret;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
    /// The part of the input that holds a password, and is shown as [`crate::proto::secret::MASK`].
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

/// How a reply is written.
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
    envelope: Envelope,
}

impl Session {
    /// A session that begins. `seed` is any number that no client can guess: the challenge of CRAM-MD5 is made of it.
    pub fn new(service: Arc<Service>, channel: Channel, end_of_data: EndOfData, seed: u64) -> Self {
        let _ = seed;
        Self {
            service,
            channel,
            end_of_data,
            envelope: Envelope {
                from: None,
                to: Vec::new(),
            },
        }
    }

    /// The greeting. It is the first thing said, in an encrypted session after the handshake.
    pub fn greet(&mut self, context: &mut Context) -> Turn {
        let from = context.out.len();
        context.out.extend_from_slice(b"220 ");
        context.out.extend_from_slice(self.service.name.as_bytes());
        context.out.extend_from_slice(b" ESMTP sockscope\r\n");
        self.turn(Stage::Banner, from..context.out.len(), Code(220))
    }

    /// Works on the beginning of `input`, as far as one turn goes. Bytes that are not consumed must be handed over again, with more behind them;
    /// they are never more than [`Session::LONGEST_LINE`].
    pub fn advance(&mut self, input: &[u8], context: &mut Context) -> Step {
        let Some(end) = input.iter().position(|&byte| byte == b'\n') else {
            return Step {
                consumed: 0,
                turn: None,
            };
        };
        let from = context.out.len();
        context
            .out
            .extend_from_slice(b"502 5.5.1 Not implemented\r\n");
        Step {
            consumed: end + 1,
            turn: Some(self.turn(Stage::Other, from..context.out.len(), Code(502))),
        }
    }

    /// The reply to a message, once it is kept under a number or not; the call that [`Next::Store`] asks for.
    pub fn stored(&mut self, outcome: Result<u64, NotStored>, context: &mut Context) -> Turn {
        let from = context.out.len();
        let (text, code) = match outcome {
            Ok(_) => ("250 2.0.0 Ok\r\n", 250),
            Err(_) => ("452 4.3.1 Full\r\n", 452),
        };
        context.out.extend_from_slice(text.as_bytes());
        self.turn(Stage::Dot, from..context.out.len(), Code(code))
    }

    /// The TLS handshake that [`Next::StartTls`] asked for is done: the session begins anew (RFC 3207 §4.2).
    pub fn secured(&mut self) {
        self.channel = Channel::Tls;
    }

    /// A last `421`, when the driver ends the session.
    pub fn farewell(&mut self, why: Farewell, context: &mut Context) -> Turn {
        let from = context.out.len();
        let _ = why;
        context.out.extend_from_slice(b"421 4.3.2 Closing\r\n");
        let mut turn = self.turn(Stage::Other, from..context.out.len(), Code(421));
        turn.next = Next::Close(Cause::Farewell);
        turn
    }

    /// Takes effect with the next message.
    pub fn set_end_of_data(&mut self, end_of_data: EndOfData) {
        self.end_of_data = end_of_data;
    }

    /// A message is under way: what comes next in [`Context::content`] belongs to it.
    pub fn receiving(&self) -> bool {
        false
    }

    /// Sender and recipients of the message under way.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// What the client called itself.
    pub fn helo(&self) -> Option<&str> {
        None
    }

    /// The client said EHLO, not HELO.
    pub fn extended(&self) -> bool {
        true
    }

    pub fn encrypted(&self) -> bool {
        self.channel == Channel::Tls
    }

    /// Who logged in.
    pub fn user(&self) -> Option<&str> {
        None
    }

    /// Bytes of the longest line that a client may send at all (RFC 4954 §4).
    pub const LONGEST_LINE: usize = 12_288;

    fn turn(&self, stage: Stage, reply: Range<usize>, code: Code) -> Turn {
        Turn {
            stage,
            line: None,
            secret: None,
            measure: None,
            reply,
            code: Some(code),
            manner: Manner::AtOnce,
            spoilt: false,
            next: Next::Go,
        }
    }
}
