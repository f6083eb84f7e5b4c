//! `sockscope mailbox`: the lab's mail server with a line a command, a reply and a message, for people or as JSON lines.
//!
//! It stands apart from `sockscope mail` because a server has many sessions at a time and no end of its own; lines are gathered and written many at a
//! time, as in `sockscope serve`.

mod json;

use std::borrow::Cow;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use self::json::{Line, Summary, end_of_data_name, object};
use super::output::{Failure, Format, Output};
use crate::net::mail_server::{MailServer, MailServerConfig};
use crate::net::stop::StopRequest;
use crate::proto::smtp::address::Envelope;
use crate::proto::smtp::fault::Fault;
use crate::proto::smtp::server::EndOfData;
use crate::settings::{MAIL_PORT, local};
use crate::trace::clock::Clock;
use crate::trace::escape::escape_hostile;
use crate::trace::event::Event;
use crate::trace::mail::{Arrived, MailEvent, MailReport, SessionEnd, SessionId, Speech};
use crate::trace::recorder::Recorder;
use crate::trace::tap::Tap;
use crate::words::{Words, phrases};

/// How many events may wait for the printer. Together with the pause after each look this bounds what printing may cost: a flood of mail is
/// counted, not read.
const TAP: usize = 2_048;
/// After each look at the tap events gather this long: woken for every line, the printer would take a processor away from the server.
const GATHER: Duration = Duration::from_millis(100);
/// A server that has stopped says so without an event.
const LOOK: Duration = Duration::from_millis(50);
/// How long messages that are coming in may take after the first request to stop.
const GRACE: Duration = Duration::from_secs(5);
/// Lines are written when this many bytes of them are there, or nothing more is.
const CHUNK: usize = 256 << 10;

/// Runs the server until it is asked to stop or its reader has gone. At the first request to stop it finishes the messages that are coming in.
pub async fn run(
    config: MailServerConfig,
    format: Format,
    recorder: Recorder,
    words: Words,
    clock: Clock,
    out: impl Write,
) -> Result<(), Failure> {
    let mut stop = StopRequest::listen()?;
    let wake = std::sync::Arc::new(tokio::sync::Notify::new());
    let tap = Tap::new(TAP, {
        let wake = wake.clone();
        move || wake.notify_one()
    })
    .recording(recorder);
    let wrong = Wrong {
        faults: config.faults.clone(),
        end_of_data: config.end_of_data,
    };
    let mut printer = Printer::new(format, wrong, words, clock, out);
    let mut server = MailServer::start(config, clock, tap.clone()).map_err(Failure::Start)?;
    let mut events = Vec::new();
    let mut grace = GRACE;
    while !server.is_finished() && !printer.output.is_closed() {
        tokio::select! {
            () = stop.requested() => {
                server.tell_to_stop(grace);
                grace = Duration::ZERO;
            }
            () = wake.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
        printer.left_out += tap.drain(&mut events);
        printer.print(&mut events)?;
        tokio::time::sleep(GATHER).await;
    }
    server.stop(Duration::ZERO);
    printer.left_out += tap.drain(&mut events);
    printer.print(&mut events)?;
    printer.finish(&server.report())?;
    printer
        .failure
        .map_or(Ok(()), |error| Err(Failure::Socket(error)))
}

/// What the server does wrong on purpose.
struct Wrong {
    faults: Vec<Fault>,
    end_of_data: EndOfData,
}

struct Printer<W: Write> {
    /// From the start on.
    wrong: Wrong,
    output: Output<W>,
    format: Format,
    /// Lines that are not written yet.
    lines: Vec<u8>,
    left_out: u64,
    words: Words,
    clock: Clock,
    failure: Option<String>,
    /// The time of day of the last line, and the millisecond that it is.
    time: (u128, String),
}

impl<W: Write> Printer<W> {
    fn new(format: Format, wrong: Wrong, words: Words, clock: Clock, out: W) -> Self {
        Self {
            wrong,
            output: Output::new(out),
            format,
            lines: Vec::new(),
            left_out: 0,
            words,
            clock,
            failure: None,
            time: (0, String::new()),
        }
    }

    fn print(&mut self, events: &mut Vec<Event>) -> io::Result<()> {
        for event in events.drain(..) {
            let Event::Mail(event) = event else {
                continue;
            };
            match self.format {
                Format::Json => {
                    if let Some(object) = object(&event, self.clock) {
                        self.object(&object)?;
                    }
                }
                Format::Text => self.text(&event),
            }
            match event {
                MailEvent::Listening { .. } => self.wrong()?,
                MailEvent::Failed { error } => self.failure = Some(error),
                _ => {}
            }
            if self.lines.len() >= CHUNK {
                self.write_lines()?;
            }
        }
        self.write_lines()
    }

    fn write_lines(&mut self) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let written = self.output.bytes(&self.lines);
        self.lines.clear();
        written
    }

    fn line(&mut self, text: &str) {
        self.lines.extend_from_slice(text.as_bytes());
        self.lines.push(b'\n');
    }

    fn object(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.lines, value)?;
        self.lines.push(b'\n');
        Ok(())
    }

    fn text(&mut self, event: &MailEvent) {
        let words = self.words;
        match event {
            MailEvent::Spoken { session, spoken } => {
                let line = said(&spoken.what, words);
                self.in_session(*session, spoken.at, &line);
            }
            MailEvent::Listening {
                address,
                tls_address,
                certificate,
                folder,
            } => {
                let folder = folder.as_deref();
                for line in listening(*address, *tls_address, folder, words) {
                    self.line(&line);
                }
                if let Some(path) = certificate {
                    let line = words.fill("receive.certificate", &[("path", &path_shown(path))]);
                    self.line(&line);
                }
            }
            MailEvent::Opened {
                session,
                client,
                at,
                encrypted,
            } => {
                let key = match encrypted {
                    true => "receive.opened_tls",
                    false => "receive.opened",
                };
                let line = words.fill(key, &[("client", client)]);
                self.in_session(*session, *at, &line);
            }
            MailEvent::Secured {
                session,
                at,
                version,
                cipher,
            } => {
                let line = words.fill(
                    "receive.secured",
                    &[("version", version), ("cipher", cipher)],
                );
                self.in_session(*session, *at, &line);
            }
            MailEvent::Dropped {
                session, at, bytes, ..
            } => {
                let line = words.fill("receive.dropped", &[("bytes", bytes)]);
                self.in_session(*session, *at, &line);
            }
            MailEvent::Arrived(arrived) => {
                let line = arrival(arrived, words);
                self.in_session(arrived.session, arrived.at, &line);
            }
            MailEvent::Closed {
                session,
                at,
                cause,
                commands,
                messages,
                ..
            } => {
                let line = words.fill(
                    "receive.closed",
                    &[
                        ("cause", &cause_in_words(*cause, words)),
                        ("commands", commands),
                        ("messages", messages),
                    ],
                );
                self.in_session(*session, *at, &line);
            }
            MailEvent::Faulty { .. } | MailEvent::Failed { .. } => {}
        }
    }

    /// A line about a session.
    fn in_session(&mut self, session: SessionId, at: Duration, text: &str) {
        let (millisecond, time) = &mut self.time;
        if *millisecond != at.as_millis() || time.is_empty() {
            // In a flood, many lines have the same.
            (*millisecond, *time) = (at.as_millis(), self.clock.time_of_day(at));
        }
        let line = format!("{time} #{session} {text}");
        self.line(&line);
    }

    /// Tells what is done wrong on purpose. Nobody changes that while the command runs.
    fn wrong(&mut self) -> io::Result<()> {
        let faults: Vec<String> = self.wrong.faults.iter().map(Fault::to_string).collect();
        let end_of_data = self.wrong.end_of_data;
        if faults.is_empty() && end_of_data == EndOfData::Strict {
            return Ok(());
        }
        if self.format == Format::Json {
            let end_of_data = end_of_data_name(end_of_data);
            return self.object(&Line::Faults {
                faults,
                end_of_data,
            });
        }
        if !faults.is_empty() {
            let list = faults.join("; ");
            let list = escape_hostile(&list);
            let line = self.words.fill("receive.faults", &[("faults", &list)]);
            self.line(&line);
        }
        if end_of_data == EndOfData::Lenient {
            let line = self.words.t("receive.lenient");
            self.line(&line);
        }
        Ok(())
    }

    fn finish(&mut self, report: &MailReport) -> io::Result<()> {
        let left_out = self.left_out;
        match self.format {
            Format::Json => {
                if left_out > 0 {
                    self.object(&Line::Skipped { events: left_out })?;
                }
                self.object(&Line::Summary(Box::new(Summary::of(report))))?;
            }
            Format::Text => {
                if left_out > 0 {
                    let line = self.words.fill("receive.skipped", &[("events", &left_out)]);
                    self.line(&line);
                }
                for line in summary_lines(report, self.words) {
                    self.line(&line);
                }
            }
        }
        self.write_lines()
    }
}

/// What was said, as the examples of RFC 5321 (appendix D) write it. Of a long reply the first line.
fn said(speech: &Speech, words: Words) -> String {
    match speech {
        Speech::Command(line) => format!("C: {}", escape_hostile(&line.shown)),
        Speech::Content { bytes, .. } => {
            let content = words.fill("receive.content", &[("bytes", bytes)]);
            format!("C: {content}")
        }
        Speech::Reply { reply, .. } => {
            let first = reply.lines.first().map_or(&[][..], |line| line);
            let text = escape_hostile(first);
            match reply.lines.len() {
                0 | 1 => format!("S: {} {text}", reply.code),
                lines => {
                    let more = words.fill("receive.more_lines", &[("lines", &(lines - 1))]);
                    format!("S: {}-{text} {more}", reply.code)
                }
            }
        }
    }
}

/// Where the server is, and how to talk to it.
fn listening(
    address: SocketAddr,
    tls_address: Option<SocketAddr>,
    folder: Option<&Path>,
    words: Words,
) -> Vec<String> {
    let place = match folder {
        Some(path) => words.fill("receive.folder", &[("path", &path_shown(path))]),
        None => words.t("receive.memory").into_owned(),
    };
    let mut lines = vec![words.fill(
        "receive.listening",
        &[("address", &address), ("place", &place)],
    )];
    if let Some(address) = tls_address {
        lines.push(words.fill("receive.listening_tls", &[("address", &address)]));
    }
    let near = local(address);
    let is_usual = near == SocketAddr::from(([127, 0, 0, 1], MAIL_PORT));
    let server = match is_usual {
        true => String::new(),
        false => format!("--server {near} "),
    };
    lines.push(words.fill("receive.try", &[("server", &server)]));
    let addresses = std::iter::once(address).chain(tls_address);
    if addresses.into_iter().any(|at| !at.ip().is_loopback()) {
        lines.push(words.t("receive.open_warning").into_owned());
    }
    lines
}

fn arrival(arrived: &Arrived, words: Words) -> String {
    let Envelope { from, to } = &arrived.envelope;
    let from = from.as_ref().map_or("<>", |from| from.as_str());
    let to: Vec<&str> = to.iter().map(|to| to.as_str()).collect();
    let to = to.join(", ");
    let line = words.fill(
        "receive.message",
        &[
            ("from", &escape_hostile(from)),
            ("to", &escape_hostile(&to)),
            ("bytes", &arrived.bytes),
        ],
    );
    match &arrived.file {
        Some(path) => format!("{line} {}", path_shown(path)),
        None => line,
    }
}

fn path_shown(path: &Path) -> String {
    escape_hostile(path.to_string_lossy().as_bytes()).into_owned()
}

fn cause_in_words(end: SessionEnd, words: Words) -> Cow<'static, str> {
    match end {
        SessionEnd::Quit => words.t("receive.end.quit"),
        SessionEnd::ClientGone => words.t("receive.end.client_gone"),
        SessionEnd::Idle => words.t("receive.end.idle"),
        SessionEnd::Misbehaved => words.t("receive.end.misbehaved"),
        SessionEnd::HandshakeFailed => words.t("receive.end.handshake_failed"),
        SessionEnd::Fault => words.t("receive.end.fault"),
        SessionEnd::TooMany => words.t("receive.end.too_many"),
        SessionEnd::Stopped => words.t("receive.end.stopped"),
    }
}

/// What the server did, for people.
pub fn summary_lines(report: &MailReport, words: Words) -> Vec<String> {
    let counts = &report.counts;
    let [positive, intermediate, transient, permanent] = counts.by_class;
    let mut lines = vec![
        words.fill(
            "receive.summary",
            &[
                ("messages", &counts.messages),
                ("bytes", &counts.bytes),
                ("sessions", &counts.sessions),
                ("commands", &counts.commands),
            ],
        ),
        words.fill(
            "receive.replies",
            &[
                ("positive", &positive),
                ("intermediate", &intermediate),
                ("transient", &transient),
                ("permanent", &permanent),
            ],
        ),
    ];
    if counts.refused + counts.faults.unwrap_or(0) + counts.turned_away > 0 {
        lines.push(words.fill(
            "receive.troubles",
            &[
                ("refused", &counts.refused),
                ("faults", &phrases::count_or_nothing(counts.faults)),
                ("turned_away", &counts.turned_away),
            ],
        ));
    }
    lines.push(words.fill(
        "receive.held",
        &[
            ("held", &report.held),
            ("size", &phrases::size(report.bytes)),
        ],
    ));
    lines
}

#[cfg(test)]
mod tests;
