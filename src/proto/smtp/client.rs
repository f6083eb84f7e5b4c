//! The SMTP client without its sockets: whole replies in, the next step out (RFC 5321 §3, §4.1).
//!
//! A [`Client`] knows facts — what the server offers, who is logged in, which recipients it took — and what goes out next follows from them
//! ([`Client::step`]). So a line that a person types into the session needs no rules of its own: it changes the facts as its reply says, and the
//! next step follows from those. Replies are matched to commands in their order, whether or not commands were sent in groups (RFC 2920).
//!
//! It stands apart from the sockets so that every reply of every stage can be played to it.
//!
//! | part | what it is |
//! |---|---|
//! | `job` | what a session needs of a plan, checked |
//! | `ledger` | which messages are still to go to whom, and how they fared |
//! | `session` | which command is next, and what each reply changes |
//! | `hand` | lines that a person types |

mod hand;
mod job;
mod ledger;
mod session;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use super::address::Address;
use super::capability::Capabilities;
use super::code::{Class, Code};
use super::outcome::{
    Failure, Need, Outcome, Recipient, RecipientFate, Summary, TlsFailure, Verdict,
};
use super::plan::{Retry, Security};
use super::reply::{Oddity, Reply};
use super::sasl;
use super::stage::Stage;
use crate::proto::secret::Line;
use ledger::{Ledger, Letter};
use session::verdict;

pub use hand::LONGEST;
pub use job::{Job, JobError};

/// Bytes of a chunk (RFC 3030): big enough that a reply for each costs nothing, small enough that a refusal is heard in time.
pub const CHUNK: u64 = 1024 * 1024;

/// What is to be done next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Nothing can be done before the reply to this command.
    Await(Stage),
    /// This line is to go out. The next step may be another one of the same group (RFC 2920).
    Send { stage: Stage, line: Line },
    /// The TLS handshake: [`Client::secured`] or [`Client::fail`] tell how it went. Nothing that was received before it may be read after it.
    Handshake,
    /// A message is to be put together: [`Client::composed`] tells its measure. With `utf8` its header may hold UTF-8 (RFC 6532).
    Compose { number: u32, utf8: bool },
    /// The message is to go out, dots doubled, and the final dot.
    Content,
    /// This line is to go out, and right behind it these bytes of the message as they are (RFC 3030).
    Chunk { line: Line, from: u64, bytes: u64 },
    /// A message is decided.
    Decided {
        number: u32,
        recipients: Vec<Recipient>,
    },
    /// The connection is to be closed: there is nothing more to do on it.
    Close,
}

/// The measure of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// Its bytes, before dots are doubled.
    pub bytes: u64,
    /// It holds bytes beyond ASCII.
    pub eight_bit: bool,
}

/// How a reply was understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// The command that it answers, or the last one if it answers none.
    pub stage: Stage,
    pub meaning: Meaning,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The client can go on as it wants to.
    Wanted,
    Unwanted,
    /// It answers nothing.
    Unasked,
}

/// Another try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Again {
    pub pause: Duration,
    /// Who got a 4xx.
    pub recipients: Vec<Address>,
}

/// A command whose reply is awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Banner,
    Ehlo,
    Helo,
    StartTls,
    Auth,
    Mail,
    /// The place of the recipient in the envelope.
    Rcpt(usize),
    Data,
    Dot,
    /// The end of a message for nobody (RFC 2920 §3.1).
    LoneDot,
    Chunk {
        last: bool,
    },
    Rset,
    Quit,
    /// A line that a person typed besides what the client wants to say.
    ByHand(Stage),
}

impl Asked {
    fn stage(self) -> Stage {
        match self {
            Asked::Banner => Stage::Banner,
            Asked::Ehlo => Stage::Ehlo,
            Asked::Helo => Stage::Helo,
            Asked::StartTls => Stage::StartTls,
            Asked::Auth => Stage::Auth,
            Asked::Mail => Stage::Mail,
            Asked::Rcpt(_) => Stage::Rcpt,
            Asked::Data => Stage::Data,
            Asked::Dot | Asked::LoneDot => Stage::Dot,
            Asked::Chunk { .. } => Stage::Bdat,
            Asked::Rset => Stage::Rset,
            Asked::Quit => Stage::Quit,
            Asked::ByHand(stage) => stage,
        }
    }
}

/// What the facts ask for next, whether or not it can be done already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Say(Asked),
    Handshake,
    Compose,
    /// All that the transaction needs has been said.
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Clear,
    /// TLS is agreed on, and the handshake comes next.
    Upgrading,
    Encrypted,
}

#[derive(Debug, Clone, PartialEq)]
enum Hello {
    /// EHLO comes next.
    Ehlo,
    /// The server does not know EHLO.
    Helo,
    Done,
}

#[derive(Debug, Clone, PartialEq)]
enum Login {
    /// Nobody wants to log in, or somebody has.
    Done,
    Wanted,
    /// The server waits for this answer to its challenge.
    Answer(Line),
    /// `*` was said: nothing but a refusal can follow (RFC 4954 §4).
    GivenUp,
}

/// The envelope as this server can be told it.
#[derive(Debug)]
struct Wire {
    from: String,
    to: Vec<String>,
    utf8: bool,
}

/// A mail transaction, from MAIL to the reply that ends it (RFC 5321 §3.3).
#[derive(Debug)]
struct Transaction {
    /// `None` is not answered yet.
    sender: Option<Sender>,
    /// How many of the letter's recipients were said.
    said: usize,
    /// Of those, how many answers are awaited.
    open: usize,
    accepted: Vec<usize>,
    /// Recipients that a person added by hand.
    by_hand: usize,
    body: Body,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    Accepted,
    /// Its reply decides about everybody, whatever the rest of a group got.
    Refused,
}

/// How far the message itself is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    /// DATA, or the first chunk, is still to be said.
    Before,
    /// DATA was said.
    Asked,
    /// The server waits for the message.
    Open,
    /// So many bytes went out in chunks.
    Chunked(u64),
    /// All of it is out, or on its way.
    Out,
    /// The server would not have it, and RSET has to clear up.
    Refused,
}

impl Transaction {
    fn new() -> Self {
        Self {
            sender: None,
            said: 0,
            open: 0,
            accepted: Vec::new(),
            by_hand: 0,
            body: Body::Before,
        }
    }

    fn has_recipient(&self) -> bool {
        !self.accepted.is_empty() || self.by_hand > 0
    }
}

/// The client of one sending. It goes through one connection after another: [`Client::begin`] starts each.
#[derive(Debug)]
pub struct Client {
    job: Job,
    ledger: Ledger,
    /// Connections begun.
    attempt: u32,
    /// Our name in EHLO.
    name: String,
    link: Link,
    greeted: bool,
    hello: Hello,
    offers: Capabilities,
    login: Login,
    exchange: Option<sasl::Exchange>,
    wire: Option<Wire>,
    letter: Option<Letter>,
    measure: Option<Measure>,
    transaction: Option<Transaction>,
    /// The message, or a chunk of it, is on its way and not out yet.
    writing: bool,
    asked: VecDeque<Asked>,
    /// Messages that are decided, and were not told yet.
    decided: VecDeque<(u32, Vec<Recipient>)>,
    /// Why the login was refused.
    login_refusal: Option<Verdict>,
    /// The session comes to its end. The results tell the outcome where nothing else does.
    leaving: Option<Option<Outcome>>,
    closed: bool,
    /// The last command that was answered, or that it ended at.
    stage: Stage,
}

impl Client {
    pub fn new(job: Job) -> Self {
        Self {
            ledger: Ledger::new(job.envelope.to.clone(), job.count),
            attempt: 0,
            name: String::new(),
            link: Link::Clear,
            greeted: false,
            hello: Hello::Ehlo,
            offers: Capabilities::default(),
            login: Login::Done,
            exchange: None,
            wire: None,
            letter: None,
            measure: None,
            transaction: None,
            writing: false,
            asked: VecDeque::new(),
            decided: VecDeque::new(),
            login_refusal: None,
            leaving: None,
            closed: true,
            stage: Stage::Connect,
            job,
        }
    }

    /// A connection is open; `local` is our end of it.
    pub fn begin(&mut self, local: IpAddr) {
        self.attempt += 1;
        self.name = (self.job.helo.clone()).unwrap_or_else(|| job::literal(local));
        self.greeted = false;
        self.hello = Hello::Ehlo;
        self.offers = Capabilities::default();
        self.exchange = self.job.exchange.clone();
        self.login = match self.exchange {
            Some(_) => Login::Wanted,
            None => Login::Done,
        };
        self.wire = None;
        self.writing = false;
        self.asked.clear();
        self.leaving = None;
        self.login_refusal = None;
        self.closed = false;
        self.stage = Stage::Connect;
        if self.job.security == Security::Tls {
            self.link = Link::Upgrading;
        } else {
            self.link = Link::Clear;
            self.asked.push_back(Asked::Banner);
        }
        if self.job.quit_after == Some(Stage::Connect) {
            self.leave(Some(Outcome::Stopped));
            self.close();
        }
    }

    /// The connection could not be opened, or what is needed for it.
    pub fn cannot_begin(&mut self, failure: Failure) {
        self.leaving = Some(Some(Outcome::Failed(failure)));
        self.stage = Stage::Connect;
        self.close();
    }

    /// What is to be done next. [`Client::go`] says that a line, or the message, is going out; until then the answer stays the same. A decided message
    /// is told once.
    pub fn step(&mut self) -> Step {
        if let Some((number, recipients)) = self.decided.pop_front() {
            return Step::Decided { number, recipients };
        }
        if self.closed {
            return Step::Close;
        }
        match self.next() {
            Ok(Wish::Handshake) => Step::Handshake,
            Ok(Wish::Compose) => Step::Compose {
                number: self.letter.as_ref().map_or(1, |letter| letter.number),
                utf8: self.wire.as_ref().is_some_and(|wire| wire.utf8),
            },
            Ok(Wish::Say(Asked::Dot)) => Step::Content,
            Ok(Wish::Say(Asked::Chunk { last })) => {
                let (from, bytes) = self.chunk();
                let end = if last { " LAST" } else { "" };
                Step::Chunk {
                    line: Line::open(format!("BDAT {bytes}{end}").as_bytes()),
                    from,
                    bytes,
                }
            }
            Ok(Wish::Say(asked)) => {
                let line = self.line(asked);
                let holds_end = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0);
                assert!(
                    !line.bytes().iter().any(holds_end),
                    "addresses, names and credentials are checked, and base64 has no control characters"
                );
                Step::Send {
                    stage: asked.stage(),
                    line,
                }
            }
            Ok(Wish::Nothing) => {
                self.close();
                self.step()
            }
            Err(stage) => Step::Await(stage),
        }
    }

    /// The step is being done as it stands: its line goes out now. After [`Step::Content`] and [`Step::Chunk`], [`Client::content_sent`] says that
    /// all of it is out; a reply before that may end the session.
    pub fn go(&mut self) {
        if let Ok(Wish::Say(asked)) = self.next() {
            self.said(asked);
        }
    }

    /// A person sends this line in place of the one that would go out. `None`: it is no line, and nothing may be sent.
    pub fn go_with(&mut self, line: &[u8]) -> Option<(Stage, Line)> {
        let stage = hand::stage(line);
        match self.next() {
            Ok(Wish::Say(asked))
                if hand::is_line(line)
                    && asked.stage() == stage
                    && !matches!(asked, Asked::Dot | Asked::Chunk { .. }) =>
            {
                self.said(asked);
                self.note_mechanism(line);
                Some((stage, hand::line(line)))
            }
            _ => self.raw(line),
        }
    }

    /// A person sends this line besides what would go out. `None`: it is no line, and nothing may be sent.
    pub fn raw(&mut self, line: &[u8]) -> Option<(Stage, Line)> {
        if !hand::is_line(line) {
            return None;
        }
        if matches!(self.login, Login::Answer(_)) {
            self.said(Asked::Auth);
            return Some((Stage::Auth, hand::answer(line)));
        }
        if self.body() == Some(Body::Open) {
            // A line of the message; its end is a dot alone.
            if line == b"." {
                self.said(Asked::Dot);
                self.content_sent();
            }
            return Some((Stage::Dot, Line::open(line)));
        }
        let stage = hand::stage(line);
        match stage {
            Stage::Quit => {
                self.leave(Some(Outcome::Stopped));
                self.said(Asked::Quit);
            }
            _ => self.said(Asked::ByHand(stage)),
        }
        self.note_mechanism(line);
        Some((stage, hand::line(line)))
    }

    /// The challenges after this AUTH, if it is one, are answered as its mechanism wants them.
    fn note_mechanism(&mut self, line: &[u8]) {
        if let Some(mechanism) = hand::mechanism(line) {
            let exchange = self.job.exchange.clone();
            self.exchange = exchange.map(|exchange| exchange.by(mechanism));
        }
    }

    /// A person wants it to end: QUIT as soon as the session allows it.
    pub fn quit(&mut self) {
        self.leave(Some(Outcome::Stopped));
        if matches!(self.login, Login::Answer(_)) {
            self.login = Login::Answer(Line::open(sasl::CANCEL));
        }
        if !self.greeted || self.body() == Some(Body::Open) {
            self.close();
        }
    }

    /// The measure of the message that was asked for.
    pub fn composed(&mut self, measure: Measure) {
        self.measure = Some(measure);
        if let Some(Some(most)) = self.offers.size
            && most > 0
            && measure.bytes > most
        {
            let bytes = measure.bytes;
            let need = Need::Size { bytes, most };
            self.leave(Some(Outcome::Failed(Failure::NotOffered(need))));
        }
        self.settle();
    }

    /// The whole message, or chunk, is out.
    pub fn content_sent(&mut self) {
        self.writing = false;
    }

    /// The handshake went well.
    pub fn secured(&mut self) {
        self.link = Link::Encrypted;
        self.stage = Stage::Tls;
        // What was learnt in clear text counts no more (RFC 3207 §4.2).
        self.hello = Hello::Ehlo;
        self.offers = Capabilities::default();
        if !self.greeted {
            self.asked.push_back(Asked::Banner);
        }
        self.settle();
    }

    /// The connection is of no use any more.
    pub fn fail(&mut self, failure: Failure) {
        self.lose(Outcome::Failed(failure));
    }

    /// A person closes the connection at once.
    pub fn abandon(&mut self) {
        self.lose(Outcome::Stopped);
    }

    fn lose(&mut self, outcome: Outcome) {
        if self.closed {
            // Between two connections.
            if outcome == Outcome::Stopped && self.ledger.has_more() {
                self.leaving = Some(Some(outcome));
            }
            return;
        }
        let open = self.next();
        let ends_message =
            |asked: &Asked| matches!(asked, Asked::Dot | Asked::Chunk { last: true });
        let may_be_taken = !self.writing && self.asked.iter().any(ends_message);
        if may_be_taken && let Some(letter) = &mut self.letter {
            for who in std::mem::take(&mut letter.todo) {
                if !letter.later.contains(&who) {
                    letter.decide(who, RecipientFate::Unknown, None);
                }
            }
        }
        if self.leaving.is_none() {
            self.stage = match open {
                Err(stage) => stage,
                Ok(Wish::Say(asked)) => asked.stage(),
                Ok(Wish::Handshake) => Stage::Tls,
                Ok(Wish::Compose | Wish::Nothing) => self.stage,
            };
        }
        self.leave(Some(if may_be_taken {
            Outcome::Unknown
        } else {
            outcome
        }));
        self.finish_letter();
        self.close();
    }

    /// Takes the next reply, and adds to its oddities what only its place in the session tells.
    pub fn reply(&mut self, reply: &mut Reply) -> Heard {
        let refuses = matches!(reply.code.class(), Class::Transient | Class::Permanent);
        let asked = if self.closed {
            None
        } else if self.writing && self.asked.len() == 1 && !refuses {
            // Nothing good can be said about a message before its end.
            None
        } else if self.asked.is_empty() && self.body() == Some(Body::Open) && refuses {
            // It was decided about before its first byte went out.
            self.writing = true;
            Some(Asked::Dot)
        } else {
            self.asked.pop_front()
        };
        let Some(asked) = asked else {
            if reply.code == Code(421) && !self.closed {
                self.shut(&verdict(self.stage, reply));
            }
            return Heard {
                stage: self.stage,
                meaning: Meaning::Unasked,
            };
        };
        let stage = asked.stage();
        let says_nothing_new =
            matches!(asked, Asked::Rset | Asked::ByHand(_)) || self.is_moot(asked);
        if self.leaving.is_none() && !says_nothing_new {
            self.stage = stage;
        }
        let wanted = if reply.code == Code(421) {
            self.answered(asked);
            self.shut(&verdict(stage, reply));
            false
        } else {
            self.take(asked, reply)
        };
        self.settle();
        Heard {
            stage,
            meaning: if wanted {
                Meaning::Wanted
            } else {
                Meaning::Unwanted
            },
        }
    }

    /// After [`Step::Close`]: whether the recipients that got a 4xx are tried again on another connection.
    pub fn again(&mut self) -> Option<Again> {
        let Retry::After { pause, .. } = self.job.retry else {
            return None;
        };
        let has_cause = self.ledger.waits() && self.leaving == Some(None);
        has_cause.then(|| Again {
            pause,
            recipients: self.ledger.ready_again(),
        })
    }

    /// A person does not want to wait for another try.
    pub fn give_up(&mut self) {
        self.leaving = Some(Some(Outcome::Stopped));
    }

    /// How it ended.
    pub fn summary(&self) -> Summary {
        let by_results = self.ledger.outcome();
        let outcome = match (&self.leaving, by_results) {
            (_, Outcome::Unknown) => Outcome::Unknown,
            (Some(Some(outcome)), _) => outcome.clone(),
            (_, by_results) => by_results,
        };
        Summary {
            outcome,
            stage: self.stage,
            recipients: self.ledger.last.clone(),
            sent: self.ledger.sent,
            asked: self.ledger.asked,
        }
    }

    /// How many replies are awaited.
    pub fn awaited(&self) -> usize {
        self.asked.len()
    }

    /// Whether the reply that was just taken agreed on TLS: nothing may stand behind it (RFC 3207 §4.2).
    pub fn is_upgrading(&self) -> bool {
        self.link == Link::Upgrading && !self.closed
    }

    /// Whether there is nothing more to do on this connection.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether commands may follow one another without a wait.
    fn is_pipelining(&self) -> bool {
        self.job.pipelining && self.offers.pipelining
    }

    fn is_chunking(&self) -> bool {
        self.job.chunking && self.offers.chunking
    }

    fn body(&self) -> Option<Body> {
        self.transaction
            .as_ref()
            .map(|transaction| transaction.body)
    }

    fn leave(&mut self, outcome: Option<Outcome>) {
        if self.leaving.is_none() {
            self.leaving = Some(outcome);
        }
    }

    fn close(&mut self) {
        self.closed = true;
        self.asked.clear();
        self.finish_letter();
        if let Some(verdict) = &self.login_refusal {
            self.ledger.leave_untried(verdict);
        }
    }
}

#[cfg(test)]
mod tests;
