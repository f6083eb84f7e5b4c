//! `sockscope echo`: the lossy echo server with a line a datagram, for people or as JSON lines.

use std::borrow::Cow;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

use super::output::{Failure, Format, Output};
use crate::net::echo::{EchoConfig, EchoServer};
use crate::net::stop::StopRequest;
use crate::proto::link::{LinkSettings, format_duration, presets};
use crate::trace::clock::Clock;
use crate::trace::escape::escape_hostile;
use crate::trace::event::{ClientCounts, EchoCounts, EchoDatagram, EchoEvent, Event};
use crate::trace::recorder::Recorder;
use crate::trace::tap::Tap;
use crate::words::{Words, phrases};

/// How many events may wait for the printer.
const TAP: usize = 65_536;
/// After each look at the tap events gather this long: woken for every batch of a flood, the printer would take a processor away from the server.
const GATHER: Duration = Duration::from_millis(5);

/// How much is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// A line a datagram.
    Datagrams,
    /// The address and the counters.
    Quiet,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Line<'a> {
    Listening {
        address: SocketAddr,
        seed: u64,
    },
    Datagram {
        n: u64,
        at: String,
        from: SocketAddr,
        bytes: usize,
        payload: Cow<'a, str>,
        verdict: &'static str,
        reason: Option<String>,
        delay_us: f64,
        copies: u8,
        corrupted: bool,
    },
    /// Datagrams that were served but not printed, because the reader is slower than the network.
    Skipped {
        datagrams: u64,
    },
    Preset {
        name: &'static str,
        #[serde(flatten)]
        link: &'a LinkSettings,
        interval_us: Option<f64>,
        size: Option<usize>,
    },
    Summary {
        #[serde(flatten)]
        counts: EchoCounts,
        clients: &'a [ClientCounts],
    },
}

/// Runs the server until it is asked to stop, its reader has gone, or it has served `config.count` datagrams.
pub async fn run(
    config: EchoConfig,
    format: Format,
    detail: Detail,
    recorder: Recorder,
    words: Words,
    clock: Clock,
    out: impl Write,
) -> Result<(), Failure> {
    let mut printer = Printer {
        output: Output::new(out),
        format,
        detail,
        words,
        clock,
        failure: None,
    };
    let mut stop = StopRequest::listen()?;
    let wake = std::sync::Arc::new(tokio::sync::Notify::new());
    let tap = Tap::new(TAP, {
        let wake = wake.clone();
        move || wake.notify_one()
    })
    .recording(recorder);
    let mut server = EchoServer::start(config, clock, tap.clone()).map_err(Failure::Start)?;
    let mut events = Vec::new();
    while !server.is_finished() && !printer.output.is_closed() {
        /// A server that has reached its count ends without an event.
        const LOOK: Duration = Duration::from_millis(50);
        let stopped = tokio::select! {
            () = stop.requested() => true,
            () = wake.notified() => false,
            () = tokio::time::sleep(LOOK) => false,
        };
        let left_out = tap.drain(&mut events);
        printer.print(&mut events, left_out)?;
        if stopped {
            break;
        }
        tokio::time::sleep(GATHER).await;
    }
    server.stop();
    let left_out = tap.drain(&mut events);
    printer.print(&mut events, left_out)?;
    printer.summary(&server.counts(), &server.clients())?;
    printer
        .failure
        .map_or(Ok(()), |error| Err(Failure::Socket(error)))
}

/// Prints the presets with what they do.
pub fn list_presets(format: Format, words: Words, out: impl Write) -> io::Result<()> {
    let mut output = Output::new(out);
    for preset in presets() {
        if format == Format::Json {
            let (interval_us, size) = preset
                .traffic
                .map(|traffic| (traffic.interval.as_nanos() as f64 / 1e3, traffic.payload))
                .unzip();
            output.json(&Line::Preset {
                name: preset.id,
                link: &preset.link,
                interval_us,
                size,
            })?;
            continue;
        }
        output.line(&format!(
            "{:<12}{}",
            preset.id,
            words.t(&format!("preset.{}", preset.id))
        ))?;
        for (leg, settings) in [
            ("leg.request", &preset.link.request),
            ("leg.reply", &preset.link.reply),
        ] {
            output.line(&words.fill(
                "leg.does",
                &[
                    ("leg", &words.t(leg)),
                    ("what", &phrases::leg(settings, words)),
                ],
            ))?;
        }
        if let Some(traffic) = preset.traffic {
            let command = format!(
                "sockscope ping -c 500 --mode steady -i {} --size {}",
                format_duration(traffic.interval),
                traffic.payload
            );
            output.line(&format!(
                "  {}",
                words.fill("preset.try", &[("command", &command)])
            ))?;
        }
    }
    Ok(())
}

struct Printer<W: Write> {
    output: Output<W>,
    format: Format,
    detail: Detail,
    words: Words,
    clock: Clock,
    failure: Option<String>,
}

impl<W: Write> Printer<W> {
    fn print(&mut self, events: &mut Vec<Event>, left_out: u64) -> io::Result<()> {
        for event in events.drain(..) {
            match event {
                Event::Echo(EchoEvent::Listening { address, seed, .. }) => {
                    self.listening(address, seed)?
                }
                Event::Echo(EchoEvent::Datagram(datagram)) if self.detail == Detail::Datagrams => {
                    self.datagram(&datagram)?
                }
                Event::Echo(EchoEvent::Failed { error }) => self.failure = Some(error),
                _ => {}
            }
        }
        if left_out > 0 && self.detail == Detail::Datagrams {
            match self.format {
                Format::Json => self.output.json(&Line::Skipped {
                    datagrams: left_out,
                })?,
                Format::Text => self
                    .output
                    .line(&self.words.fill("echo.not_shown", &[("count", &left_out)]))?,
            }
        }
        Ok(())
    }

    fn listening(&mut self, address: SocketAddr, seed: u64) -> io::Result<()> {
        if self.format == Format::Json {
            return self.output.json(&Line::Listening { address, seed });
        }
        self.output.line(
            &self
                .words
                .fill("echo.listening", &[("address", &address), ("seed", &seed)]),
        )?;
        if !address.ip().is_loopback() {
            self.output.line(&self.words.t("echo.open_warning"))?;
        }
        Ok(())
    }

    fn datagram(&mut self, datagram: &EchoDatagram) -> io::Result<()> {
        if self.format == Format::Json {
            return self.output.json(&Line::Datagram {
                n: datagram.n,
                at: self.clock.rfc3339(datagram.at),
                from: datagram.from,
                bytes: datagram.bytes,
                payload: escape_hostile(datagram.payload.bytes()),
                verdict: datagram.ruling.name(),
                reason: datagram.ruling.reason(),
                delay_us: datagram.delay.as_nanos() as f64 / 1e3,
                copies: datagram.copies,
                corrupted: datagram.corrupted,
            });
        }
        let line = datagram_line(datagram, &self.clock, self.words);
        self.output.line(&line)
    }

    fn summary(&mut self, counts: &EchoCounts, clients: &[ClientCounts]) -> io::Result<()> {
        if self.format == Format::Json {
            return self.output.json(&Line::Summary {
                counts: *counts,
                clients,
            });
        }
        for line in summary_lines(counts, clients, self.words) {
            self.output.line(&line)?;
        }
        Ok(())
    }
}

/// The line of one datagram: when, from whom, what it said, and what was done with it.
fn datagram_line(datagram: &EchoDatagram, clock: &Clock, words: Words) -> String {
    const SHOWN: usize = 32;
    let payload = datagram.payload.bytes();
    let text = escape_hostile(&payload[..payload.len().min(SHOWN)]);
    let mut line = format!(
        "{}  #{:<5} {:<21} {:<32}  {}",
        clock.time_of_day(datagram.at),
        datagram.n,
        datagram.from,
        text,
        phrases::ruling(&datagram.ruling, words)
    );
    let mut note = |text: String| {
        line.push_str("  ");
        line.push_str(&text);
    };
    if !datagram.delay.is_zero() {
        note(words.fill("echo.delayed", &[("delay", &phrases::time(datagram.delay))]));
    }
    if datagram.copies > 1 {
        note(words.fill("echo.copies", &[("copies", &datagram.copies)]));
    }
    if datagram.corrupted {
        note(words.t("echo.corrupted").into_owned());
    }
    if datagram.held {
        note(words.t("echo.held").into_owned());
    }
    line
}

fn summary_lines(counts: &EchoCounts, clients: &[ClientCounts], words: Words) -> Vec<String> {
    let totals = &counts.totals;
    let mut lines = vec![words.fill(
        "echo.summary",
        &[
            ("received", &totals.received),
            ("replied", &totals.replied),
            ("request_lost", &totals.request_lost),
            ("reply_lost", &totals.reply_lost),
            ("queue_full", &totals.queue_full),
            ("refused", &totals.refused),
        ],
    )];
    if let Some(dropped) = counts.kernel_dropped.filter(|&dropped| dropped > 0) {
        lines.push(words.fill("echo.kernel_dropped", &[("count", &dropped)]));
    }
    for client in clients {
        let totals = &client.totals;
        lines.push(words.fill(
            "echo.client",
            &[
                ("address", &client.address),
                ("received", &totals.received),
                ("replied", &totals.replied),
                ("request_lost", &totals.request_lost),
                ("reply_lost", &totals.reply_lost),
            ],
        ));
    }
    if counts.clients_forgotten > 0 {
        lines.push(words.fill(
            "echo.clients_forgotten",
            &[("count", &counts.clients_forgotten)],
        ));
    }
    lines
}
