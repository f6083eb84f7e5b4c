//! `sockscope get`: sends one correct request on a bare socket and prints both sides of it, with every line end in sight, when each step was done,
//! and what the server got wrong.

mod request;

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use self::request::{Refused, Url};
use crate::net::request_sender::{Plan, converse};
use crate::net::resolve::Family;
use crate::net::stop::StopRequest;
use crate::proto::http::reply::{Asked, Head, Reader};
use crate::proto::http::script::{Pace, awaited};
use crate::trace::clock::Clock;
use crate::trace::escape::escape_hostile;
use crate::trace::event::Event;
use crate::trace::recorder::Recorder;
use crate::trace::tap::Tap;
use crate::trace::web::{SenderEnd, SenderEvent, SenderId};
use crate::words::{Words, phrases};

/// The only sender of the command.
const SENDER: SenderId = 1;
/// The longest part of a line of the body that waits for its end, in bytes.
const LONGEST_HELD: usize = 8 * 1024;

/// What to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Both sides; what could mislead a terminal is escaped in the body too.
    Escaped,
    /// Both sides; the body's bytes as they are, without chunks.
    Exact,
    /// Every byte of the answer as it came, and nothing else.
    Raw,
}

/// What the request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// GET.
    Fetch,
    /// HEAD: only the head of what GET would fetch.
    Head,
    /// POST, with this text as content.
    Send(String),
}

impl Purpose {
    fn method(&self) -> &'static str {
        match self {
            Purpose::Fetch => "GET",
            Purpose::Head => "HEAD",
            Purpose::Send(_) => "POST",
        }
    }

    fn content(&self) -> Option<&str> {
        match self {
            Purpose::Send(text) => Some(text),
            _ => None,
        }
    }
}

/// What to ask for, and how to show it.
#[derive(Debug, Clone)]
pub struct GetOptions {
    pub url: String,
    pub purpose: Purpose,
    /// Instead of the method that the purpose stands for.
    pub method: Option<String>,
    /// `Name: value` replaces or adds a field, `Name:` takes it out, `Name;` sends it empty.
    pub fields: Vec<String>,
    pub family: Family,
    /// As in [`Plan`].
    pub patience: Duration,
    pub shown: Shown,
}

/// How the command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitKind {
    /// A complete answer came, whatever its status.
    Answered,
    InVain,
    /// Somebody asked the program to end before that.
    Interrupted,
}

/// The request that the options ask for, or why they make none.
///
/// # Errors
/// A sentence for whoever typed them.
pub fn plan(options: &GetOptions, words: Words) -> Result<Plan, String> {
    let purpose = &options.purpose;
    let method = options.method.as_deref().unwrap_or(purpose.method());
    let made = Url::parse(&options.url).and_then(|url| {
        let bytes = request::build(&url, method, &options.fields, purpose.content())?;
        Ok((url.target, bytes))
    });
    let (target, bytes) = made.map_err(|refused| refusal(&refused, words))?;
    Ok(Plan {
        target,
        family: options.family,
        bytes,
        pace: Pace::AtOnce,
        patience: options.patience,
    })
}

/// Sends the request and prints what happens to `out`, and to `err` what went wrong.
///
/// # Errors
/// Those of writing, and of listening for a request to stop.
pub fn run(
    plan: &Plan,
    shown: Shown,
    recorder: Recorder,
    words: Words,
    clock: Clock,
    out: impl Write,
    mut err: impl Write,
) -> io::Result<ExitKind> {
    let asked = awaited(&plan.bytes).first().copied();
    let asked = asked.unwrap_or(Asked::Content);
    let mut printer = Printer::new(out, shown, asked, words, clock.at(Instant::now()));
    let (stop, stopped) = oneshot::channel();
    let stop = Stop::listen(stop)?;
    // The printer gets its events without a detour; what is in the tap goes into files only.
    let files = Tap::new(0, || {}).recording(recorder);
    let mut written = Ok(());
    let report = |event: SenderEvent, exact: &[u8]| {
        files.push_with(|| Event::Sender {
            id: SENDER,
            event: event.clone(),
        });
        if written.is_ok() {
            written = printer.print(event, exact);
        }
        if written.is_err() {
            // Nobody reads on.
            stop.now();
        }
    };
    converse(plan, u64::MAX, clock, files.recorder(), stopped, report);
    written?;
    if let Some(complaint) = complaint(&printer, plan, words) {
        writeln!(err, "sockscope: {complaint}")?;
    }
    Ok(match printer.end {
        Some(SenderEnd::Complete) => ExitKind::Answered,
        Some(SenderEnd::Stopped) => ExitKind::Interrupted,
        _ => ExitKind::InVain,
    })
}

/// Ends the conversation: at a request to end the program, so that its files are completed, or when nobody reads on.
struct Stop(Arc<Mutex<Option<oneshot::Sender<()>>>>);

impl Stop {
    fn listen(stop: oneshot::Sender<()>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut request = runtime.block_on(async { StopRequest::listen() })?;
        let stop = Self(Arc::new(Mutex::new(Some(stop))));
        let on_request = Self(stop.0.clone());
        // It ends with the program.
        std::thread::Builder::new()
            .name("stop".to_owned())
            .spawn(move || {
                runtime.block_on(request.requested());
                on_request.now();
            })?;
        Ok(stop)
    }

    fn now(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Why the arguments make no request.
fn refusal(refused: &Refused, words: Words) -> String {
    match refused {
        Refused::Https => words.t("get.https").into_owned(),
        Refused::Url(url) => words.fill("get.bad_url", &[("url", &escape_hostile(url))]),
        Refused::Method(method) => {
            words.fill("get.bad_method", &[("method", &escape_hostile(method))])
        }
        Refused::Field(field) => words.fill("get.bad_field", &[("field", &escape_hostile(field))]),
    }
}

/// What there is to complain about in the end.
fn complaint<W: Write>(printer: &Printer<W>, plan: &Plan, words: Words) -> Option<String> {
    Some(match printer.end.as_ref()? {
        SenderEnd::Complete | SenderEnd::Stopped => return None,
        SenderEnd::ServerClosed if printer.received == 0 => words.t("get.no_answer").into_owned(),
        SenderEnd::ServerClosed => words.t("get.cut_short").into_owned(),
        SenderEnd::Reset => words.t("get.reset").into_owned(),
        SenderEnd::TimedOut => {
            let time = phrases::setting(plan.patience);
            words.fill("get.timed_out", &[("time", &time)])
        }
        SenderEnd::CannotConnect(error) => words.fill(
            "get.cannot_connect",
            &[("target", &plan.target), ("error", error)],
        ),
        SenderEnd::Failed(error) => words.fill("get.failed", &[("error", error)]),
    })
}

/// Prints a conversation as it happens.
struct Printer<W> {
    out: W,
    shown: Shown,
    words: Words,
    reader: Reader,
    /// How many heads of the answer are printed, interim ones and the final one.
    heads: usize,
    /// The line of the body that has begun.
    held: Vec<u8>,
    /// The last byte of the body so far.
    last: u8,
    started: Duration,
    /// When the last byte went out or came in.
    moved: Duration,
    sent: u64,
    received: u64,
    end: Option<SenderEnd>,
}

impl<W: Write> Printer<W> {
    fn new(out: W, shown: Shown, asked: Asked, words: Words, started: Duration) -> Self {
        Self {
            out,
            shown,
            words,
            reader: Reader::new(asked),
            heads: 0,
            held: Vec::new(),
            last: b'\n',
            started,
            moved: started,
            sent: 0,
            received: 0,
            end: None,
        }
    }

    /// `exact` are the bytes that the event tells of, with secrets: whoever asks for the answer as it is, gets it.
    fn print(&mut self, event: SenderEvent, exact: &[u8]) -> io::Result<()> {
        match event {
            SenderEvent::Connected { at, local, target } => {
                let time = self.since_start(at);
                self.note(
                    "get.connected",
                    &[("target", &target), ("local", &local), ("time", &time)],
                )?;
            }
            SenderEvent::Sent { at, bytes } => {
                self.moved = at;
                self.sent += bytes.len() as u64;
                if self.shown != Shown::Raw {
                    lines(&mut self.out, '>', &bytes)?;
                }
            }
            SenderEvent::Received { at, bytes } => match self.shown {
                Shown::Escaped => self.received(at, &bytes)?,
                Shown::Exact | Shown::Raw => self.received(at, exact)?,
            },
            SenderEvent::Ended { how, .. } => {
                let is_answer = !matches!(how, SenderEnd::CannotConnect(_));
                self.end = Some(how);
                if is_answer && self.shown != Shown::Raw {
                    self.finish()?;
                }
            }
        }
        self.out.flush()
    }

    fn since_start(&self, at: Duration) -> String {
        phrases::time(at.saturating_sub(self.started))
    }

    /// A line about the conversation.
    fn note(&mut self, key: &str, values: &[(&str, &dyn std::fmt::Display)]) -> io::Result<()> {
        if self.shown == Shown::Raw {
            return Ok(());
        }
        writeln!(self.out, "* {}", self.words.fill(key, values))
    }

    fn received(&mut self, at: Duration, bytes: &[u8]) -> io::Result<()> {
        let is_first = self.received == 0;
        self.moved = at;
        self.received += bytes.len() as u64;
        if self.shown == Shown::Raw {
            return self.out.write_all(bytes);
        }
        if is_first {
            let time = self.since_start(at);
            self.note("get.first_byte", &[("time", &time)])?;
        }
        let mut body = Vec::new();
        let used = self
            .reader
            .push(bytes, &mut |piece| body.extend_from_slice(piece));
        if used < bytes.len() {
            self.reader.surplus();
        }
        self.show(&body)
    }

    /// Prints the heads that have become complete, and a piece of the body.
    fn show(&mut self, body: &[u8]) -> io::Result<()> {
        let heads = self.reader.interim().iter().chain(self.reader.head());
        for Head { bytes, .. } in heads.skip(self.heads) {
            self.heads += 1;
            lines(&mut self.out, '<', bytes)?;
        }
        self.last = body.last().copied().unwrap_or(self.last);
        if self.shown == Shown::Exact {
            return self.out.write_all(body);
        }
        self.held.extend_from_slice(body);
        let mut rest = self.held.as_slice();
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let line = &rest[..end];
            escaped(&mut self.out, line.strip_suffix(b"\r").unwrap_or(line))?;
            self.out.write_all(b"\n")?;
            rest = &rest[end + 1..];
        }
        if rest.len() > LONGEST_HELD {
            let (whole, begun) = rest.split_at(whole_characters(rest));
            escaped(&mut self.out, whole)?;
            rest = begun;
        }
        let shown = self.held.len() - rest.len();
        self.held.drain(..shown);
        Ok(())
    }

    /// Prints what is left when the conversation is over, and the notes on it.
    fn finish(&mut self) -> io::Result<()> {
        let mut body = Vec::new();
        if self.received > 0 {
            self.reader
                .finish(&mut |piece| body.extend_from_slice(piece));
        }
        self.show(&body)?;
        escaped(&mut self.out, &self.held)?;
        if self.last != b'\n' {
            self.out.write_all(b"\n")?;
        }
        for remark in self.reader.remarks().to_vec() {
            let sentence = self.words.t(&format!("remark.{}", remark.deviation.name()));
            let source = remark.deviation.source();
            self.note(
                "get.remark",
                &[
                    ("at", &remark.offset),
                    ("remark", &sentence),
                    ("source", &source),
                ],
            )?;
        }
        let time = self.since_start(self.moved);
        let (sent, received) = (self.sent, self.received);
        self.note(
            "get.done",
            &[("time", &time), ("sent", &sent), ("received", &received)],
        )
    }
}

/// Writes each line of a head behind a sign for its direction, its end in sight.
fn lines(out: &mut impl Write, sign: char, head: &[u8]) -> io::Result<()> {
    head.split_inclusive(|&byte| byte == b'\n')
        .try_for_each(|line| writeln!(out, "{sign} {}", escape_hostile(line)))
}

/// Writes text that may hold anything but line feeds. Tabs stay: they do no more than move on.
fn escaped(out: &mut impl Write, text: &[u8]) -> io::Result<()> {
    for (index, part) in text.split(|&byte| byte == b'\t').enumerate() {
        let tab = if index == 0 { "" } else { "\t" };
        write!(out, "{tab}{}", escape_hostile(part))?;
    }
    Ok(())
}

/// How many of these bytes come before a character of UTF-8 that may not be complete.
fn whole_characters(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(3);
    let lead = bytes[tail..].iter().rposition(|&byte| byte >= 0xc0);
    lead.map_or(bytes.len(), |at| tail + at)
}

#[cfg(test)]
mod tests;
