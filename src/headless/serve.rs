//! `sockscope serve`: the web server with a line a request, for log analysers, people or as JSON lines, on standard output or in a file.
//!
//! It stands apart from the other printers because of the pace: lines are gathered and written many at a time, for a system call each would take a
//! processor away from the server.

use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

use super::output::{Failure, Format, Output};
use crate::net::files::Root;
use crate::net::stop::StopRequest;
use crate::net::web::{WebConfig, WebServer};
use crate::proto::http::service::{Mode, Service};
use crate::proto::stats::{RttMicros, RttSummary};
use crate::trace::access_log::{AccessLog, LogFormat};
use crate::trace::clock::Clock;
use crate::trace::escape::escape_hostile;
use crate::trace::event::Event;
use crate::trace::recorder::Recorder;
use crate::trace::tap::Tap;
use crate::trace::web::{WebEvent, WebFigures};
use crate::words::{Words, phrases};

/// How many events may wait for the printer: a twentieth of a second at full speed, and a bound on the memory that large requests can take.
const TAP: usize = 8_192;
/// After each look at the tap events gather this long: woken for every request, the printer would take a processor away from the server.
const GATHER: Duration = Duration::from_millis(5);
/// A server that has stopped says so without an event.
const LOOK: Duration = Duration::from_millis(50);
/// How long what is being sent may take after the first request to stop.
const GRACE: Duration = Duration::from_secs(5);
/// Log lines are written when this many bytes of them are there, or nothing more is.
const CHUNK: usize = 256 << 10;

/// What is reported, and where.
pub struct Report {
    /// How standard output is written.
    pub format: Format,
    /// How each request is logged; `None` logs none.
    pub log: Option<LogFormat>,
    /// A file for the log, open for appending; `None` prints it.
    pub file: Option<File>,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Line {
    Listening { address: SocketAddr },
    Summary(Box<Summary>),
}

#[derive(Serialize)]
struct Summary {
    connections: u64,
    refused: u64,
    requests: u64,
    statuses: Statuses,
    unanswered: u64,
    cut_short: u64,
    malformed: u64,
    bytes_in: u64,
    bytes_out: u64,
    accept_failures: Option<u64>,
    duration_us: RttMicros,
}

/// Requests by the class of their status.
#[derive(Serialize)]
struct Statuses {
    #[serde(rename = "1xx")]
    informational: u64,
    #[serde(rename = "2xx")]
    successful: u64,
    #[serde(rename = "3xx")]
    redirection: u64,
    #[serde(rename = "4xx")]
    client_error: u64,
    #[serde(rename = "5xx")]
    server_error: u64,
}

impl Summary {
    fn of(figures: &WebFigures) -> Self {
        let counts = &figures.counts;
        let [
            informational,
            successful,
            redirection,
            client_error,
            server_error,
        ] = counts.by_class;
        Self {
            connections: counts.connections,
            refused: counts.refused,
            requests: counts.requests,
            statuses: Statuses {
                informational,
                successful,
                redirection,
                client_error,
                server_error,
            },
            unanswered: counts.unanswered,
            cut_short: counts.cut_short,
            malformed: counts.malformed,
            bytes_in: counts.bytes_in,
            bytes_out: counts.bytes_out,
            accept_failures: counts.accept_failures,
            duration_us: in_micros(&figures.durations),
        }
    }
}

fn in_micros(durations: &RttSummary) -> RttMicros {
    let micros = |time: Option<Duration>| time.map(|time| time.as_nanos() as f64 / 1e3);
    RttMicros {
        min: micros(durations.min()),
        mean: micros(durations.mean()),
        p50: micros(durations.p50()),
        p95: micros(durations.p95()),
        p99: micros(durations.p99()),
        max: micros(durations.max()),
        mdev: micros(durations.mdev()),
    }
}

/// Runs the server until it is asked to stop or its reader has gone. At the first request to stop it finishes what is being sent.
pub async fn run(
    config: WebConfig,
    report: Report,
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
    let mut printer = Printer::new(report, config.root.clone(), words, clock, out);
    let mut server = WebServer::start(config, clock, tap.clone()).map_err(Failure::Start)?;
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
        // Read before the events are taken out: what it counts is then either among them or was left out.
        let counted = (printer.gap.left_out > 0).then(|| server.figures().counts.requests);
        let left_out = tap.drain(&mut events);
        printer.print(&mut events)?;
        if let Some(requests) = counted {
            let missing = printer.gap.known(requests);
            printer.skipped(missing)?;
        }
        printer.gap.left_out += left_out;
        tokio::time::sleep(GATHER).await;
    }
    server.stop(Duration::ZERO);
    tap.drain(&mut events);
    printer.print(&mut events)?;
    let figures = server.figures();
    let missing = printer.gap.rest(figures.counts.requests);
    printer.skipped(missing)?;
    printer.summary(&figures)?;
    printer
        .failure
        .map_or(Ok(()), |error| Err(Failure::Socket(error)))
}

/// How many requests the log lacks. The tap tells how many events of every kind it left out; how many of them were requests follows from what the
/// server has counted.
#[derive(Debug, Default)]
struct Gap {
    /// Requests that were logged.
    logged: u64,
    /// Requests that the log says it lacks.
    told: u64,
    /// Events left out since it last said so.
    left_out: u64,
}

impl Gap {
    /// Requests to be told as missing now, of so many.
    fn known(&mut self, requests: u64) -> u64 {
        let most = std::mem::take(&mut self.left_out);
        self.tell(requests, most)
    }

    /// Requests to be told as missing when everything has been logged.
    fn rest(&mut self, requests: u64) -> u64 {
        self.tell(requests, u64::MAX)
    }

    fn tell(&mut self, requests: u64, most: u64) -> u64 {
        let missing = requests.saturating_sub(self.logged + self.told).min(most);
        self.told += missing;
        missing
    }
}

struct Printer<W: Write> {
    output: Output<W>,
    format: Format,
    log: Option<AccessLog>,
    file: Option<File>,
    /// Lines of the log that are not written yet.
    lines: Vec<u8>,
    gap: Gap,
    root: Root,
    words: Words,
    failure: Option<String>,
}

impl<W: Write> Printer<W> {
    fn new(report: Report, root: Root, words: Words, clock: Clock, out: W) -> Self {
        Self {
            output: Output::new(out),
            format: report.format,
            log: report.log.map(|format| AccessLog::new(format, clock)),
            file: report.file,
            lines: Vec::new(),
            gap: Gap::default(),
            root,
            words,
            failure: None,
        }
    }

    fn print(&mut self, events: &mut Vec<Event>) -> io::Result<()> {
        for event in events.drain(..) {
            match event {
                Event::Web(WebEvent::Exchange(exchange)) => {
                    self.gap.logged += 1;
                    if let Some(log) = &mut self.log {
                        log.request(&exchange, &mut self.lines);
                    }
                    if self.lines.len() >= CHUNK {
                        self.write_lines()?;
                    }
                }
                Event::Web(WebEvent::Listening {
                    address,
                    reachable,
                    service,
                }) => self.listening(address, &reachable, &service)?,
                Event::Web(WebEvent::Failed { error }) => self.failure = Some(error),
                _ => {}
            }
        }
        self.write_lines()
    }

    /// Writes the lines of the log that are there.
    fn write_lines(&mut self) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let written = match &mut self.file {
            Some(file) => file.write_all(&self.lines).map_err(|error| {
                let said = self.words.fill("serve.cannot_log", &[("error", &error)]);
                io::Error::new(error.kind(), said)
            }),
            None => self.output.bytes(&self.lines),
        };
        self.lines.clear();
        written
    }

    fn listening(
        &mut self,
        address: SocketAddr,
        reachable: &[SocketAddr],
        service: &Service,
    ) -> io::Result<()> {
        if let (Some(log), Some(_)) = (&self.log, &self.file) {
            log.listening(address, &mut self.lines);
        }
        if self.format == Format::Json {
            return self.output.json(&Line::Listening { address });
        }
        let words = self.words;
        let folder = match &self.root {
            Root::Embedded => words.t("serve.built_in").into_owned(),
            Root::Folder(path) => {
                let path = path.to_string_lossy();
                let path = escape_hostile(path.as_bytes());
                words.fill("serve.folder", &[("path", &path)])
            }
        };
        let mode = match service.mode {
            Mode::Concurrent => words.t("serve.concurrent"),
            Mode::OneAtATime => words.t("serve.one_at_a_time"),
        };
        let (first, others) = reachable.split_first().unwrap_or((&address, &[]));
        self.output.line(&words.fill(
            "serve.listening",
            &[("url", &url(first)), ("folder", &folder), ("mode", &mode)],
        ))?;
        for other in others {
            let line = words.fill("serve.also_at", &[("url", &url(other))]);
            self.output.line(&line)?;
        }
        if !address.ip().is_loopback() {
            self.output.line(&words.t("serve.open_warning"))?;
        }
        Ok(())
    }

    fn skipped(&mut self, requests: u64) -> io::Result<()> {
        if let (Some(log), 1..) = (&self.log, requests) {
            log.skipped(requests, &mut self.lines);
        }
        self.write_lines()
    }

    fn summary(&mut self, figures: &WebFigures) -> io::Result<()> {
        if self.format == Format::Json {
            let summary = Box::new(Summary::of(figures));
            return self.output.json(&Line::Summary(summary));
        }
        for line in summary_lines(figures, self.words) {
            self.output.line(&line)?;
        }
        Ok(())
    }
}

fn url(address: &SocketAddr) -> String {
    format!("http://{address}/")
}

/// What the server did, for people.
pub fn summary_lines(figures: &WebFigures, words: Words) -> Vec<String> {
    let counts = &figures.counts;
    let [_, successful, redirection, client_error, server_error] = counts.by_class;
    let mut lines = vec![
        words.fill(
            "serve.summary",
            &[
                ("requests", &counts.requests),
                ("connections", &counts.connections),
                ("bytes_out", &counts.bytes_out),
                ("bytes_in", &counts.bytes_in),
            ],
        ),
        words.fill(
            "serve.statuses",
            &[
                ("successful", &successful),
                ("redirection", &redirection),
                ("client_error", &client_error),
                ("server_error", &server_error),
                ("unanswered", &counts.unanswered),
            ],
        ),
    ];
    let failures = counts.accept_failures;
    if counts.malformed + counts.cut_short + counts.refused + failures.unwrap_or(0) > 0 {
        lines.push(words.fill(
            "serve.troubles",
            &[
                ("malformed", &counts.malformed),
                ("cut_short", &counts.cut_short),
                ("refused", &counts.refused),
                ("accept_failures", &phrases::count_or_nothing(failures)),
            ],
        ));
    }
    let durations = &figures.durations;
    lines.push(words.fill(
        "serve.durations",
        &[
            ("p50", &phrases::time_or_nothing(durations.p50())),
            ("p95", &phrases::time_or_nothing(durations.p95())),
            ("p99", &phrases::time_or_nothing(durations.p99())),
        ],
    ));
    lines
}

#[cfg(test)]
mod tests {
    use std::time::{Instant, SystemTime};

    use serde_json::{Value, json};

    use super::*;
    use crate::proto::http::status::Status;
    use crate::trace::access_log::tests::exchange;
    use crate::trace::web::{Ending, WebCounts};
    use crate::words::Lang;

    /// What a printer of these settings writes when it is used so.
    fn printed(
        format: Format,
        log: Option<LogFormat>,
        file: Option<File>,
        lang: Lang,
        using: impl FnOnce(&mut Printer<&mut Vec<u8>>) -> io::Result<()>,
    ) -> Vec<String> {
        let report = Report { format, log, file };
        let clock = Clock::new(Instant::now(), SystemTime::UNIX_EPOCH);
        let root = Root::Folder("my\u{1b}pages".into());
        let mut out = Vec::new();
        let mut printer = Printer::new(report, root, Words(lang), clock, &mut out);
        using(&mut printer).expect("a Vec takes everything");
        let text = String::from_utf8(out).expect("UTF-8");
        assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
        text.lines().map(str::to_owned).collect()
    }

    fn request() -> Event {
        let said: [&[u8]; 5] = [b"GET", b"/", b"HTTP/1.1", b"", b""];
        Event::Web(WebEvent::Exchange(Box::new(exchange(said))))
    }

    fn listening(reachable: &[&str]) -> Event {
        let address = |text: &&str| text.parse().unwrap();
        Event::Web(WebEvent::Listening {
            address: address(&reachable[0]),
            reachable: reachable.iter().map(address).collect(),
            service: Box::default(),
        })
    }

    fn figures() -> WebFigures {
        let mut counts = WebCounts {
            connections: 2,
            bytes_in: 300,
            bytes_out: 4096,
            accept_failures: Some(0),
            ..WebCounts::default()
        };
        counts.count(Some(Status::OK), Ending::Complete);
        counts.count(Some(Status::NOT_FOUND), Ending::ClientGone);
        let mut durations = RttSummary::default();
        durations.record(Duration::from_micros(213));
        WebFigures { counts, durations }
    }

    #[test]
    fn what_no_record_holds_is_not_said_to_be_none() {
        let mut figures = figures();
        figures.counts.accept_failures = None;
        let lines = summary_lines(&figures, Words(Lang::En)).join("\n");
        assert!(lines.contains("- times out of descriptors"), "{lines}");
    }

    #[test]
    fn people_see_where_it_is_and_what_it_did() {
        let log = Some(LogFormat::Common);
        let lines = printed(Format::Text, log, None, Lang::En, |printer| {
            let reachable = ["192.0.2.7:80", "[2001:db8::1]:80"];
            printer.print(&mut vec![listening(&reachable), request()])?;
            printer.skipped(3)?;
            printer.summary(&figures())
        });
        assert_eq!(
            lines[..2],
            [
                "Web server at http://192.0.2.7:80/, serving the folder my\\x1bpages, all connections at once. Ctrl+C ends it.",
                "Also at http://[2001:db8::1]:80/"
            ]
        );
        assert!(lines[2].starts_with("Warning: "), "{}", lines[2]);
        assert!(lines[3].ends_with("\"GET / HTTP/1.1\" 200 1024"));
        assert_eq!(
            lines[4..],
            [
                "# 3 requests were not logged",
                "2 requests on 2 connections, 4096 bytes sent, 300 received",
                "2xx 1, 3xx 0, 4xx 1, 5xx 0, unanswered 0",
                "0 malformed, 1 cut short, 0 connections refused, 0 times out of descriptors",
                "Duration p50 213 µs, p95 213 µs, p99 213 µs"
            ]
        );
    }

    #[test]
    fn loopback_needs_no_warning() {
        for lang in Lang::ALL {
            let lines = printed(Format::Text, None, None, lang, |printer| {
                printer.print(&mut vec![listening(&["127.0.0.1:6789"]), request()])?;
                printer.skipped(3)
            });
            assert_eq!(lines.len(), 1, "no log was asked for: {lines:?}");
            assert!(lines[0].contains("http://127.0.0.1:6789/"));
        }
    }

    #[test]
    fn programs_get_one_object_a_line() {
        let log = Some(LogFormat::Json);
        let lines = printed(Format::Json, log, None, Lang::ZhCn, |printer| {
            printer.print(&mut vec![listening(&["0.0.0.0:80"]), request()])?;
            printer.skipped(3)?;
            printer.summary(&figures())
        });
        let lines: Vec<Value> = lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(
            lines[0],
            json!({"event": "listening", "address": "0.0.0.0:80"})
        );
        assert_eq!(lines[1]["event"], "request");
        assert_eq!(lines[2], json!({"event": "skipped", "requests": 3}));
        assert_eq!(
            lines[3],
            json!({
                "event": "summary", "connections": 2, "refused": 0, "requests": 2,
                "statuses": {"1xx": 0, "2xx": 1, "3xx": 0, "4xx": 1, "5xx": 0},
                "unanswered": 0, "cut_short": 1, "malformed": 0,
                "bytes_in": 300, "bytes_out": 4096, "accept_failures": 0,
                "duration_us": {"min": 213.0, "mean": 213.0, "p50": 213.0, "p95": 213.0,
                                "p99": 213.0, "max": 213.0, "mdev": null}
            })
        );
        assert_eq!(lines.len(), 4);
    }

    #[test]
    fn a_file_gets_the_log_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        for (format, first) in [
            (LogFormat::Json, "{\"event\":\"listening\",\"address\":"),
            (LogFormat::Combined, "192.0.2.7 - - ["),
        ] {
            let file = Some(File::create(&path).unwrap());
            let lines = printed(Format::Text, Some(format), file, Lang::En, |printer| {
                printer.print(&mut vec![listening(&["127.0.0.1:80"]), request()])?;
                printer.summary(&figures())
            });
            let log = std::fs::read_to_string(&path).unwrap();
            assert!(log.starts_with(first), "{log}");
            assert!(log.contains("GET"), "{log}");
            assert!(!lines.iter().any(|line| line.contains("GET")), "{lines:?}");
        }
    }

    #[test]
    fn a_log_that_cannot_be_written_is_an_error_with_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        File::create(&path).unwrap();
        let read_only = Some(File::open(&path).unwrap());
        let log = Some(LogFormat::Json);
        printed(Format::Text, log, read_only, Lang::En, |printer| {
            let error = printer.print(&mut vec![request()]).unwrap_err();
            assert!(error.to_string().starts_with("the log cannot be written: "));
            Ok(())
        });
    }

    /// Counts how often it is written to.
    #[derive(Default)]
    struct Writes {
        sizes: Vec<usize>,
    }

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.sizes.push(bytes.len());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn many_lines_are_written_at_a_time_and_not_too_many() {
        let report = Report {
            format: Format::Json,
            log: Some(LogFormat::Json),
            file: None,
        };
        let clock = Clock::new(Instant::now(), SystemTime::UNIX_EPOCH);
        let mut out = Writes::default();
        let mut printer = Printer::new(report, Root::Embedded, Words(Lang::En), clock, &mut out);
        let mut events: Vec<Event> = (0..2_000).map(|_| request()).collect();
        printer.print(&mut events).unwrap();
        let sizes = out.sizes;
        let all: usize = sizes.iter().sum();
        assert_eq!(sizes.len(), all.div_ceil(CHUNK), "{sizes:?}");
        assert!(sizes.len() > 1, "{sizes:?}");
    }

    #[test]
    fn the_requests_that_were_left_out_add_up() {
        let mut gap = Gap {
            logged: 100,
            ..Gap::default()
        };
        assert_eq!(gap.known(100), 0, "nothing is missing");
        // 30 events were left out; by now 20 requests are counted that were not logged.
        gap.left_out = 30;
        assert_eq!(gap.known(120), 20);
        assert_eq!(gap.left_out, 0);
        // Counted already, but perhaps still on its way through the tap: never more than were left out.
        gap.left_out = 2;
        assert_eq!(gap.known(130), 2);
        gap.logged += 8;
        assert_eq!(gap.rest(131), 1);
        assert_eq!(gap.logged + gap.told, 131);
    }
}
