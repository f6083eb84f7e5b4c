//! Faults at work: what was counted and seen so far, and what that makes of a command.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::{Action, Fault, Which};
use crate::proto::smtp::code::{Class, Code, Enhanced};
use crate::proto::smtp::stage::Stage;

/// Pairs of sender and recipient that greylisting remembers; then the oldest is forgotten.
const MOST_PAIRS: usize = 10_000;

/// Bytes of a sender or recipient that are remembered: an address is no longer (RFC 5321 §4.5.3.1.3).
const LONGEST_PATH: usize = 256;

/// A set of faults at work. All sessions of a server share one, so that "the third RCPT" is the third one the server sees.
#[derive(Debug, Default)]
pub struct Faults {
    faults: Vec<Counted>,
    greylist: Greylist,
}

#[derive(Debug)]
struct Counted {
    fault: Fault,
    /// Commands so far that it is about.
    seen: u32,
}

/// What is to be done about one reply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// In place of the right reply.
    pub verdict: Option<Verdict>,
    /// This long before the reply.
    pub before: Duration,
    /// Byte by byte, with this much between two.
    pub between: Option<Duration>,
    /// Lines end in LF alone.
    pub bare_lf: bool,
    /// A line behind the reply, without its end.
    pub inject: Option<String>,
}

impl Decision {
    /// All is as it should be.
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    /// Both, where a reply answers two things: what this one says stands first.
    pub fn and(mut self, other: Self) -> Self {
        self.verdict = self.verdict.or(other.verdict);
        self.before = self.before.saturating_add(other.before);
        self.between = self.between.max(other.between);
        self.bare_lf |= other.bare_lf;
        self.inject = self.inject.or(other.inject);
        self
    }
}

/// What takes the place of the right reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The command is not carried out, unless this says yes where the right reply would have.
    Reply {
        code: Code,
        enhanced: Option<Enhanced>,
        text: Cow<'static, str>,
    },
    /// The connection is closed without a word.
    Drop,
}

impl Faults {
    /// These faults; nothing is counted yet.
    pub fn new(faults: Vec<Fault>) -> Self {
        Self {
            faults: faults
                .into_iter()
                .map(|fault| Counted { fault, seen: 0 })
                .collect(),
            greylist: Greylist::default(),
        }
    }

    /// As they were set.
    pub fn list(&self) -> Vec<Fault> {
        self.faults
            .iter()
            .map(|counted| counted.fault.clone())
            .collect()
    }

    /// Counts a command and tells what becomes of its reply. Of several faults that would each take the place of the reply the first one does;
    /// what they do to the way it is written adds up.
    ///
    /// `argument` is what follows the command's verb, `sender` that of the transaction under way. `now` is any clock that only goes forward.
    pub fn decide(
        &mut self,
        stage: Stage,
        argument: &[u8],
        sender: Option<&str>,
        now: Duration,
    ) -> Decision {
        let mut decision = Decision::default();
        let greylist = &mut self.greylist;
        let mut lets_through = |pause| greylist.lets_through(sender, argument, pause, now);
        for counted in &mut self.faults {
            let fault = &counted.fault;
            let about = fault.stage.is_none_or(|wanted| wanted == stage)
                && fault
                    .holding
                    .as_deref()
                    .is_none_or(|text| holds(argument, text.as_bytes()));
            if !about {
                continue;
            }
            counted.seen = counted.seen.saturating_add(1);
            let fires = match fault.which {
                Which::Every => true,
                Which::Only(number) => counted.seen == number,
                Which::First(count) => counted.seen <= count,
                Which::EveryNth(nth) => counted.seen.is_multiple_of(nth),
            };
            if fires {
                apply(&fault.action, &mut decision, &mut lets_through);
            }
        }
        decision
    }
}

/// Adds what an action does to a decision. `lets_through` tells whether greylisting with that pause does.
fn apply(
    action: &Action,
    decision: &mut Decision,
    lets_through: &mut impl FnMut(Duration) -> bool,
) {
    let verdict = match action {
        Action::Delay(duration) => {
            decision.before = decision.before.saturating_add(*duration);
            return;
        }
        Action::ByteByByte(duration) => {
            decision.between = decision.between.max(Some(*duration));
            return;
        }
        Action::BareLf => {
            decision.bare_lf = true;
            return;
        }
        Action::Inject(text) => {
            decision.inject.get_or_insert_with(|| text.clone());
            return;
        }
        Action::Greylist(pause) if lets_through(*pause) => return,
        Action::Greylist(_) => reply(451, (4, 7, 1), "Greylisted: try again later"),
        Action::MailboxFull => reply(452, (4, 2, 2), "The mailbox is full"),
        Action::TooBig => reply(552, (5, 3, 4), "The message is too big"),
        Action::Shutdown => reply(421, (4, 3, 2), "Shutting down, closing the connection"),
        Action::Drop => Verdict::Drop,
        Action::Reply {
            code,
            enhanced,
            text,
        } => Verdict::Reply {
            code: *code,
            enhanced: *enhanced,
            text: match text.as_str() {
                "" => Cow::Borrowed(own_words(*code)),
                text => Cow::Owned(text.to_owned()),
            },
        },
    };
    decision.verdict.get_or_insert(verdict);
}

fn reply(code: u16, (class, subject, detail): (u8, u16, u16), text: &'static str) -> Verdict {
    Verdict::Reply {
        code: Code(code),
        enhanced: Some(Enhanced {
            class,
            subject,
            detail,
        }),
        text: Cow::Borrowed(text),
    }
}

/// What is said with a code that was asked for without a text.
fn own_words(code: Code) -> &'static str {
    match code.class() {
        Class::Positive => "Ok, says a fault",
        Class::Intermediate => "Go on, says a fault",
        Class::Transient => "Not now, says a fault",
        Class::Permanent => "No, says a fault",
    }
}

/// Whether the text stands somewhere in these bytes, in any case of ASCII letters.
fn holds(bytes: &[u8], text: &[u8]) -> bool {
    text.is_empty()
        || bytes
            .windows(text.len())
            .any(|window| window.eq_ignore_ascii_case(text))
}

/// Who was seen first when (RFC 6647 §2.4). The client's address plays no part in it: in a lab it is always the same.
#[derive(Debug, Default)]
struct Greylist {
    first_seen: HashMap<Box<[u8]>, Duration>,
    /// The same keys, the oldest first.
    order: VecDeque<Box<[u8]>>,
}

impl Greylist {
    /// Whether this pair was first seen at least `pause` ago. A new one is remembered.
    fn lets_through(
        &mut self,
        sender: Option<&str>,
        argument: &[u8],
        pause: Duration,
        now: Duration,
    ) -> bool {
        let key = pair(sender, argument);
        if let Some(first) = self.first_seen.get(&key) {
            return now.saturating_sub(*first) >= pause;
        }
        if self.order.len() >= MOST_PAIRS
            && let Some(oldest) = self.order.pop_front()
        {
            self.first_seen.remove(&oldest);
        }
        self.order.push_back(key.clone());
        self.first_seen.insert(key, now);
        pause.is_zero()
    }
}

/// Sender and recipient in one key, without regard to case. The recipient is what stands between the brackets, so that parameters make no difference.
fn pair(sender: Option<&str>, argument: &[u8]) -> Box<[u8]> {
    let path = match argument.iter().position(|&byte| byte == b'<') {
        Some(open) => {
            let inside = &argument[open + 1..];
            let close = inside.iter().rposition(|&byte| byte == b'>');
            &inside[..close.unwrap_or(inside.len())]
        }
        None => argument,
    };
    let sender = sender.unwrap_or_default().as_bytes();
    let mut key = Vec::new();
    key.extend_from_slice(&sender[..sender.len().min(LONGEST_PATH)]);
    // Neither part holds a line end.
    key.push(b'\n');
    key.extend_from_slice(&path[..path.len().min(LONGEST_PATH)]);
    key.make_ascii_lowercase();
    key.into_boxed_slice()
}
