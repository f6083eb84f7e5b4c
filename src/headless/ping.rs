//! `sockscope ping`: pings one target or several, with a line a ping and a summary, for people, as JSON lines, or as a CSV file.

use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::output::{Format, Output};
use crate::net::pinger::{Pinger, PingerConfig};
use crate::net::stop::StopRequest;
use crate::proto::ping::{Outcome, PingEvent, PingRecord, Plan};
use crate::proto::stats::{PingStats, Summary};
use crate::trace::clock::Clock;
use crate::trace::csv::{self, CsvFile};
use crate::trace::escape::escape_hostile;
use crate::trace::event::{Event, PingerEvent, TargetId};
use crate::trace::recorder::Recorder;
use crate::trace::tap::Tap;
use crate::words::{Words, phrases};

/// How many events may wait for the printer.
const TAP: usize = 65_536;

/// One target with its name as it was typed.
#[derive(Debug, Clone)]
pub struct NamedTarget {
    pub name: String,
    pub address: SocketAddr,
}

/// What to run and how to report it.
pub struct PingRun {
    pub targets: Vec<NamedTarget>,
    pub plan: Plan,
    pub clock_step: Duration,
    pub format: Format,
    /// A new file that gets a row a ping.
    pub csv: Option<File>,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Line<'a> {
    Ping {
        target: &'a str,
        seq: u64,
        at: String,
        outcome: &'static str,
        rtt_us: Option<f64>,
        kernel_rtt_us: Option<f64>,
        duplicates: u32,
        reordered: bool,
        damaged: bool,
    },
    /// Events that were counted but not printed, because the reader is slower than the network.
    Skipped { events: u64 },
    Summary {
        target: &'a str,
        #[serde(flatten)]
        summary: Box<Summary>,
    },
}

/// Pings until every ping is decided, or until it is asked to stop or its reader has gone; then prints the summaries. Tells whether any reply came.
/// A CSV file that can't be written any further is told to `err`, and the pings go on.
pub async fn run(
    run: PingRun,
    recorder: Recorder,
    words: Words,
    clock: Clock,
    out: impl Write,
    err: impl Write,
) -> io::Result<bool> {
    let mut stop = StopRequest::listen()?;
    let wake = Arc::new(tokio::sync::Notify::new());
    let tap = Tap::new(TAP, {
        let wake = wake.clone();
        move || wake.notify_one()
    })
    .recording(recorder);
    let names = run
        .targets
        .iter()
        .map(|target| target.name.clone())
        .collect();
    let plan = run.plan;
    let mut printer = Printer {
        output: Output::new(out),
        format: run.format,
        words,
        clock,
        clock_step: run.clock_step,
        names,
        csv: None,
        err,
    };
    if let Some(file) = run.csv {
        printer.begin_csv(file);
    }
    let mut pingers = Vec::new();
    for (id, target) in run.targets.iter().enumerate() {
        printer.opening(target, &plan)?;
        let config = PingerConfig {
            id,
            target: target.address,
            plan: plan.clone(),
            clock_step: run.clock_step,
        };
        pingers.push(Pinger::start(config, clock, tap.clone())?);
    }
    let mut running = pingers.len();
    let mut events = Vec::new();
    let mut stopped = false;
    while running > 0 && !stopped && !printer.output.is_closed() {
        tokio::select! {
            () = stop.requested() => stopped = true,
            () = wake.notified() => {}
        }
        let left_out = tap.drain(&mut events);
        running -= printer.print(&mut events, left_out)?;
    }
    for pinger in &mut pingers {
        pinger.stop();
    }
    let left_out = tap.drain(&mut events);
    printer.print(&mut events, left_out)?;
    let mut any_reply = false;
    for (id, pinger) in pingers.iter().enumerate() {
        let summary = pinger.with_stats(PingStats::summary);
        any_reply |= summary.replied + summary.late > 0;
        printer.summary(id, summary)?;
    }
    Ok(any_reply)
}

struct Printer<W: Write, E: Write> {
    output: Output<W>,
    format: Format,
    words: Words,
    clock: Clock,
    clock_step: Duration,
    names: Vec<String>,
    csv: Option<CsvFile<Box<dyn Write>>>,
    err: E,
}

impl<W: Write, E: Write> Printer<W, E> {
    fn begin_csv(&mut self, file: impl Write + 'static) {
        let file: Box<dyn Write> = Box::new(file);
        match CsvFile::new(file, &csv::PING_COLUMNS) {
            Ok(csv) => self.csv = Some(csv),
            Err(error) => self.end_csv(&error),
        }
    }

    /// Leaves the file as it is: a full disk is no reason to stop pinging.
    fn end_csv(&mut self, error: &io::Error) {
        self.csv = None;
        let said = self.words.fill("ping.csv_failed", &[("error", error)]);
        // Where nobody reads it, nobody can be told.
        let _ = writeln!(self.err, "sockscope: {said}");
    }

    fn opening(&mut self, target: &NamedTarget, plan: &Plan) -> io::Result<()> {
        if self.format == Format::Json {
            return Ok(());
        }
        let address = target.address;
        let timeout = phrases::setting(plan.timeout);
        let step = phrases::time(self.clock_step);
        self.output.line(&self.words.fill(
            "ping.opening",
            &[("target", &address), ("timeout", &timeout), ("step", &step)],
        ))
    }

    /// Prints what happened; tells how many pingers have ended.
    fn print(&mut self, events: &mut Vec<Event>, left_out: u64) -> io::Result<usize> {
        let mut ended = 0;
        for event in events.drain(..) {
            let Event::Ping { target, event } = event else {
                continue;
            };
            match event {
                PingerEvent::Started { .. } => {}
                PingerEvent::Failed { error } => {
                    ended += 1;
                    self.text(|words| words.fill("ping.failed", &[("error", &error)]))?;
                }
                PingerEvent::Ping(PingEvent::Finished) => ended += 1,
                PingerEvent::Ping(event) => self.ping(target, &event)?,
            }
        }
        if left_out > 0 {
            match self.format {
                Format::Json => self.output.json(&Line::Skipped { events: left_out })?,
                Format::Text => self
                    .output
                    .line(&self.words.fill("echo.not_shown", &[("count", &left_out)]))?,
            }
        }
        Ok(ended)
    }

    fn text(&mut self, line: impl FnOnce(Words) -> String) -> io::Result<()> {
        if self.format == Format::Text {
            self.output.line(&line(self.words))
        } else {
            Ok(())
        }
    }

    fn ping(&mut self, target: TargetId, event: &PingEvent) -> io::Result<()> {
        if let PingEvent::Settled { record } = event {
            return self.settled(target, record);
        }
        if self.format == Format::Json {
            return Ok(());
        }
        let several = self.names.len() > 1;
        let prefix = if several {
            format!("{}  ", self.names.get(target).map_or("", String::as_str))
        } else {
            String::new()
        };
        if let Some(line) = ping_line(event, &self.clock, self.clock_step, self.words) {
            self.output.line(&format!("{prefix}{line}"))?;
        }
        Ok(())
    }

    fn settled(&mut self, target: TargetId, record: &PingRecord) -> io::Result<()> {
        let name = self.names.get(target).map_or("", String::as_str);
        let filed = match &mut self.csv {
            Some(csv) => csv.row(&csv::ping_cells(name, record, &self.clock)),
            None => Ok(()),
        };
        if self.format == Format::Json {
            let PingRecord {
                seq,
                duplicates,
                reordered,
                damaged,
                ..
            } = *record;
            self.output.json(&Line::Ping {
                target: name,
                seq,
                at: self.clock.rfc3339(record.sent_at),
                outcome: csv::outcome_name(record.outcome),
                rtt_us: record.rtt.map(csv::in_micros),
                kernel_rtt_us: record.kernel_rtt.map(csv::in_micros),
                duplicates,
                reordered,
                damaged,
            })?;
        }
        if let Err(error) = filed {
            self.end_csv(&error);
        }
        Ok(())
    }

    fn summary(&mut self, target: TargetId, summary: Summary) -> io::Result<()> {
        let name = self.names.get(target).cloned().unwrap_or_default();
        if self.format == Format::Json {
            return self.output.json(&Line::Summary {
                target: &name,
                summary: Box::new(summary),
            });
        }
        for line in summary_lines(&name, &summary, self.words) {
            self.output.line(&line)?;
        }
        Ok(())
    }
}

/// The line of one event; `None` for events that people need no line for.
fn ping_line(
    event: &PingEvent,
    clock: &Clock,
    clock_step: Duration,
    words: Words,
) -> Option<String> {
    let rtt = |record: &PingRecord| {
        record.rtt.map_or_else(
            || phrases::NOTHING.to_owned(),
            |rtt| phrases::rtt(rtt, clock_step),
        )
    };
    let line = match event {
        PingEvent::Replied { record, reply, .. } => {
            let key = if record.outcome == Outcome::Late {
                "ping.late"
            } else {
                "ping.reply"
            };
            let reply = escape_hostile(&reply[..reply.len().min(SHOWN)]);
            let mut line = words.fill(
                key,
                &[
                    ("seq", &record.seq),
                    ("rtt", &rtt(record)),
                    ("reply", &reply),
                ],
            );
            for (key, said) in [
                ("ping.mark_reordered", record.reordered),
                ("ping.mark_damaged", record.damaged),
            ] {
                if said {
                    line.push_str("  ");
                    line.push_str(&words.t(key));
                }
            }
            line
        }
        PingEvent::TimedOut { record, .. } => words.fill("ping.timed_out", &[("seq", &record.seq)]),
        PingEvent::Refused { record, .. } => words.fill("ping.refused", &[("seq", &record.seq)]),
        PingEvent::Duplicate { record, .. } => {
            words.fill("ping.duplicate", &[("seq", &record.seq)])
        }
        PingEvent::Unsolicited { from, bytes, .. } => {
            words.fill("ping.unsolicited", &[("from", from), ("bytes", bytes)])
        }
        PingEvent::SendFailed { seq, error, .. } => {
            words.fill("ping.send_failed", &[("seq", seq), ("error", error)])
        }
        PingEvent::Sent { .. } | PingEvent::Settled { .. } | PingEvent::Finished => return None,
    };
    let at = match event {
        PingEvent::Replied { at, .. }
        | PingEvent::TimedOut { at, .. }
        | PingEvent::Refused { at, .. }
        | PingEvent::Duplicate { at, .. }
        | PingEvent::Unsolicited { at, .. }
        | PingEvent::SendFailed { at, .. }
        | PingEvent::Sent { at, .. } => *at,
        PingEvent::Settled { record } => record.sent_at,
        PingEvent::Finished => Duration::ZERO,
    };
    Some(format!("{}  {line}", clock.time_of_day(at)))
}

/// How many bytes of a reply a line shows.
const SHOWN: usize = 48;

/// The summary of a target, for people.
pub fn summary_lines(target: &str, summary: &Summary, words: Words) -> Vec<String> {
    let us = phrases::micros;
    let mut lines = vec![words.fill("summary.title", &[("target", &target)])];
    lines.push(words.fill(
        "summary.counts",
        &[
            ("sent", &summary.sent),
            ("replied", &summary.replied),
            ("late", &summary.late),
            ("lost", &summary.lost),
            ("refused", &summary.refused),
        ],
    ));
    lines.push(words.fill(
        "summary.loss",
        &[
            ("loss", &phrases::percent_or_nothing(summary.loss)),
            ("interval", &phrases::interval(summary.loss_ci95)),
        ],
    ));
    if summary.duplicates + summary.reordered + summary.damaged + summary.unsolicited > 0 {
        lines.push(words.fill(
            "summary.marks",
            &[
                ("duplicates", &summary.duplicates),
                ("reordered", &summary.reordered),
                ("damaged", &summary.damaged),
                ("unsolicited", &summary.unsolicited),
            ],
        ));
    }
    let rtt = &summary.rtt_us;
    lines.push(words.fill(
        "summary.rtt",
        &[
            ("min", &us(rtt.min)),
            ("mean", &us(rtt.mean)),
            ("max", &us(rtt.max)),
            ("mdev", &us(rtt.mdev)),
        ],
    ));
    lines.push(words.fill(
        "summary.percentiles",
        &[
            ("p50", &us(rtt.p50)),
            ("p95", &us(rtt.p95)),
            ("p99", &us(rtt.p99)),
        ],
    ));
    let jitter = &summary.jitter_us;
    lines.push(words.fill(
        "summary.jitter",
        &[
            ("rfc3550", &us(jitter.rfc3550)),
            ("ipdv", &us(jitter.mean_abs_ipdv)),
            ("spread", &us(jitter.p95_p50)),
        ],
    ));
    lines.push(words.fill(
        "summary.rto",
        &[
            ("srtt", &us(summary.srtt_us)),
            ("rttvar", &us(summary.rttvar_us)),
            ("rto", &us(summary.rto_us)),
        ],
    ));
    lines
}

#[cfg(test)]
mod tests {
    use std::time::{Instant, SystemTime};

    use super::*;
    use crate::words::Lang;

    /// A disk with room for so many writes.
    struct Disk(u32);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(1).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_csv_file_on_a_full_disk_is_told_once_and_the_pings_go_on() {
        for room in 0..3 {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let mut printer = Printer {
                output: Output::new(&mut out),
                format: Format::Json,
                words: Words(Lang::En),
                clock: Clock::new(Instant::now(), SystemTime::now()),
                clock_step: Duration::ZERO,
                names: vec!["127.0.0.1:12000".to_owned()],
                csv: None,
                err: &mut err,
            };
            printer.begin_csv(Disk(room));
            for seq in 1..=4 {
                let record = PingRecord::in_flight(seq, Duration::ZERO);
                printer.settled(0, &record).unwrap();
            }
            assert_eq!(String::from_utf8(out).unwrap().lines().count(), 4);
            let said = String::from_utf8(err).unwrap();
            assert_eq!(said.lines().count(), 1, "{said}");
            assert!(said.contains("CSV"), "{said}");
        }
    }
}
