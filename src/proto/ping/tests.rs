//! The pinger under a made-up clock: a script tells what the network does and when, and the events are compared as text.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};

use proptest::prelude::*;

use super::*;
use crate::proto::link::parse_duration;
use crate::proto::stats::Counts;

const TARGET: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 12_000);
const STRANGER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 666);
const TOKEN: Text = Text::Token {
    key: 0x5eed,
    size: 0,
};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn time(text: &str) -> Duration {
    parse_duration(text).unwrap_or_else(|_| panic!("`{text}` is no time"))
}

fn steady(interval: Duration) -> Mode {
    Mode::Steady { interval }
}

/// A session with the clock and the socket that a driver would have.
struct Bench {
    session: Session,
    now: Duration,
    stats: PingStats,
    events: Vec<(Duration, PingEvent)>,
    /// Whether the system sends.
    sends: bool,
    /// What was sent, by number.
    datagrams: BTreeMap<u64, Vec<u8>>,
}

impl Bench {
    fn new(mode: Mode, count: Option<u64>, timeout: Duration, text: Text) -> Self {
        let plan = Plan {
            mode,
            count,
            timeout,
            text,
        };
        Self {
            session: Session::new(plan, Duration::ZERO),
            now: Duration::ZERO,
            stats: PingStats::new(Duration::from_nanos(1)),
            events: Vec::new(),
            sends: true,
            datagrams: BTreeMap::new(),
        }
    }

    /// One turn of the driver's loop.
    fn step(&mut self) {
        if let Some((seq, datagram)) = self.session.poll_transmit(self.now) {
            if self.sends {
                self.datagrams.insert(seq, datagram.clone());
                self.session.handle_sent(seq, datagram, self.now);
            } else {
                let error = "network unreachable".to_owned();
                self.session.handle_send_failure(seq, self.now, error);
            }
        }
        self.session.handle_timeout(self.now);
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(event) = self.session.poll() {
            event.count(&mut self.stats);
            self.events.push((self.now, event));
        }
    }

    /// When the session wants to be called next.
    fn due(&self) -> Option<Duration> {
        let dues = [self.session.next_send(), self.session.poll_timeout()];
        dues.into_iter().flatten().min()
    }

    /// Lets the time go on to `until`, with a turn at every deadline.
    fn run(&mut self, until: Duration) {
        while let Some(due) = self.due().filter(|&due| due <= until) {
            self.now = self.now.max(due);
            self.step();
        }
        self.now = until;
    }

    /// Lets it run until nothing more is due.
    fn run_out(&mut self) {
        while let Some(due) = self.due() {
            self.run(due);
        }
    }

    fn receive(&mut self, bytes: &[u8], from: SocketAddr, kernel_at: Option<Duration>) {
        let is_target = from == TARGET;
        self.session
            .handle_datagram(bytes, from, is_target, self.now, kernel_at);
        self.collect();
    }

    fn reply_to(&mut self, seq: u64) {
        let reply = self.datagrams[&seq].to_ascii_uppercase();
        self.receive(&reply, TARGET, None);
    }

    fn refused(&mut self, quoted: Option<&[u8]>) {
        self.session.handle_refused(quoted, self.now);
        self.collect();
    }

    /// One line of a script, `TIME COMMAND ARGUMENTS`.
    fn play(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        let mut word = || words.next().unwrap_or_default();
        let at = time(word());
        let command = word();
        if command == "sleep-to" {
            // The machine stood still: nothing was called in between.
            self.now = at;
            self.step();
            return;
        }
        self.run(at);
        let argument = word();
        let number = || argument.parse::<u64>().expect("a number");
        match command {
            "run" => {}
            "reply" => self.reply_to(number()),
            "copy" => {
                let bytes = self.datagrams[&number()].clone();
                self.receive(&bytes, TARGET, None);
            }
            "mixed" => {
                let mut bytes = self.datagrams[&number()].clone();
                bytes
                    .iter_mut()
                    .step_by(2)
                    .for_each(u8::make_ascii_uppercase);
                self.receive(&bytes, TARGET, None);
            }
            "flip" => {
                let mut bytes = self.datagrams[&number()].to_ascii_uppercase();
                for place in std::iter::from_fn(|| words.next()) {
                    let (byte, bit) = place.split_once('.').expect("byte.bit");
                    let byte: usize = byte.parse().expect("a byte");
                    bytes[byte] ^= 1 << bit.parse::<u8>().expect("a bit");
                }
                self.receive(&bytes, TARGET, None);
            }
            "short" => {
                let bytes = self.datagrams[&number()].to_ascii_uppercase();
                self.receive(&bytes[..bytes.len() - 1], TARGET, None);
            }
            "stranger" => {
                let bytes = self.datagrams[&number()].to_ascii_uppercase();
                self.receive(&bytes, STRANGER, None);
            }
            "noise" => self.receive(argument.as_bytes(), TARGET, None),
            "stamp" => {
                let index = u32::try_from(number()).expect("a small number");
                self.session.handle_sent_stamp(index, time(word()));
            }
            "kernel-reply" => {
                let bytes = self.datagrams[&number()].to_ascii_uppercase();
                let kernel_at = time(words.next().expect("a time"));
                self.receive(&bytes, TARGET, Some(kernel_at));
            }
            "refused" => {
                let quoted = self.datagrams[&number()].clone();
                self.refused(Some(&quoted));
            }
            "refused-somehow" => self.refused(None),
            "cable-out" => self.sends = false,
            "cable-in" => self.sends = true,
            "timeout" => {
                let mode = self.session.plan().mode;
                self.session.set_pace(mode, time(argument), self.now);
                self.step();
            }
            "interval" => {
                let timeout = self.session.plan().timeout;
                self.session
                    .set_pace(steady(time(argument)), timeout, self.now);
                self.step();
            }
            "lab" => {
                let gap = time(argument);
                let timeout = self.session.plan().timeout;
                self.session.set_pace(Mode::Lab { gap }, timeout, self.now);
                self.step();
            }
            "stop" => {
                self.session.stop();
                self.collect();
            }
            other => panic!("no command `{other}`"),
        }
    }

    /// What happened, an event a line; that a record became final only where it is asked for.
    fn log(&self, with_settled: bool) -> String {
        let mut log = String::new();
        for (now, event) in &self.events {
            let line = match event {
                PingEvent::Sent { seq, at, .. } => format!("{at:?} sent {seq}"),
                PingEvent::Replied { record, at, .. } => {
                    format!("{at:?} replied {}", told(record))
                }
                PingEvent::TimedOut { record, at } => format!("{at:?} timed-out {}", told(record)),
                PingEvent::Refused { record, at } => format!("{at:?} refused {}", told(record)),
                PingEvent::Duplicate { record, at } => format!("{at:?} duplicate {}", told(record)),
                PingEvent::Unsolicited { from, at, bytes } => {
                    let from = if *from == TARGET {
                        "target"
                    } else {
                        "stranger"
                    };
                    format!("{at:?} unsolicited {bytes} from {from}")
                }
                PingEvent::SendFailed { seq, at, .. } => format!("{at:?} not-sent {seq}"),
                PingEvent::Settled { .. } if !with_settled => continue,
                PingEvent::Settled { record } => format!("{now:?} settled {}", told(record)),
                PingEvent::Finished => format!("{now:?} finished"),
            };
            let _ = writeln!(log, "{line}");
        }
        log
    }
}

/// A record in words: what is not at its default.
fn told(record: &PingRecord) -> String {
    let mut told = record.seq.to_string();
    match record.outcome {
        Outcome::InFlight => told += " in-flight",
        Outcome::Replied => {}
        Outcome::Late => told += " late",
        Outcome::Lost => told += " lost",
        Outcome::Refused => told += " refused",
    }
    if let Some(rtt) = record.rtt {
        let _ = write!(told, " {rtt:?}");
    }
    if let Some(kernel) = record.kernel_rtt {
        let _ = write!(told, " kernel {kernel:?}");
    }
    if record.duplicates > 0 {
        let _ = write!(told, " x{}", record.duplicates + 1);
    }
    if record.reordered {
        told += " reordered";
    }
    if record.damaged {
        told += " damaged";
    }
    told
}

/// Counters that are not 0, by name.
fn counted(counts: Counts) -> String {
    let Counts {
        sent,
        in_flight,
        replied,
        late,
        lost,
        refused,
        duplicates,
        reordered,
        damaged,
        unsolicited,
    } = counts;
    let all = [
        ("sent", sent),
        ("in-flight", in_flight),
        ("replied", replied),
        ("late", late),
        ("lost", lost),
        ("refused", refused),
        ("duplicates", duplicates),
        ("reordered", reordered),
        ("damaged", damaged),
        ("unsolicited", unsolicited),
    ];
    let some: Vec<_> = all
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    some.join(", ")
}

/// The lines of an indented text.
fn lines(text: &str) -> Vec<&str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect()
}

/// Plays a script and compares what came of it.
fn expect(mut bench: Bench, script: &str, events: &str, counts: &str) -> Bench {
    for line in lines(script) {
        bench.play(line);
    }
    let log = bench.log(events.contains("settled"));
    assert_eq!(lines(&log), lines(events), "events");
    assert_eq!(counted(bench.stats.counts()), counts);
    bench
}

/// Stop and wait with a timeout of 1 s, as the lab does.
fn lab(count: u64) -> Bench {
    let gap = Duration::ZERO;
    Bench::new(Mode::Lab { gap }, Some(count), ms(1000), TOKEN)
}

/// A ping each 200 ms with a timeout of 1 s, without end.
fn endless() -> Bench {
    Bench::new(steady(ms(200)), None, ms(1000), TOKEN)
}

#[test]
fn the_lab_stops_and_waits() {
    expect(
        lab(4),
        "200us reply 1
         800us reply 2
         9s run",
        "0ns sent 1
         200µs replied 1 200µs
         200µs sent 2
         800µs replied 2 600µs
         800µs sent 3
         1.0008s timed-out 3 lost
         1.0008s sent 4
         2.0008s timed-out 4 lost
         3.0008s finished",
        "sent 4, replied 2, lost 2",
    );
}

#[test]
fn the_lab_leaves_its_gap_between_pings() {
    let gap = ms(500);
    expect(
        Bench::new(Mode::Lab { gap }, Some(3), ms(1000), TOKEN),
        "1ms reply 1
         1501ms reply 2
         1502ms reply 3
         9s run",
        "0ns sent 1
         1ms replied 1 1ms
         500ms sent 2
         1.5s timed-out 2 lost
         1.5s sent 3
         1.501s replied 2 late 1.001s
         1.502s replied 3 2ms
         1.752s finished",
        "sent 3, replied 2, late 1",
    );
}

#[test]
fn steady_keeps_its_deadlines_whatever_happens() {
    // The replies come at odd moments and one not at all; the sending times know nothing of it.
    expect(
        endless(),
        "1ms reply 1
         333ms reply 2
         777ms reply 4
         1200ms run",
        "0ns sent 1
         1ms replied 1 1ms
         200ms sent 2
         333ms replied 2 133ms
         400ms sent 3
         600ms sent 4
         777ms replied 4 177ms
         800ms sent 5
         1s sent 6
         1.2s sent 7",
        "sent 7, in-flight 4, replied 3",
    );
}

#[test]
fn a_late_wake_up_does_not_shift_the_deadlines() {
    let mut bench = endless();
    for turn in 0..1_000u64 {
        bench.now = ms(200 * turn) + Duration::from_micros(turn * 7919 % 150_000);
        bench.step();
        assert_eq!(bench.session.next_send(), Some(ms(200 * (turn + 1))));
    }
}

#[test]
fn a_sleep_of_the_machine_is_skipped_and_not_made_up_for() {
    expect(
        endless(),
        "300ms run
         10300ms sleep-to
         10301ms reply 3
         10700ms run",
        "0ns sent 1
         200ms sent 2
         10.3s sent 3
         10.3s timed-out 1 lost
         10.3s timed-out 2 lost
         10.301s replied 3 1ms
         10.5s sent 4
         10.7s sent 5",
        "sent 5, in-flight 2, replied 1, lost 2",
    );
}

#[test]
fn a_late_reply_takes_the_loss_back() {
    let bench = expect(
        Bench::new(steady(ms(10)), Some(2), ms(100), TOKEN),
        "1ms run
         120ms reply 2
         150ms run
         700ms reply 1
         9s run",
        "0ns sent 1
         10ms sent 2
         100ms timed-out 1 lost
         110ms timed-out 2 lost
         120ms replied 2 late 110ms
         370ms settled 2 late 110ms
         700ms replied 1 late 700ms reordered
         950ms settled 1 late 700ms reordered
         950ms finished",
        "sent 2, late 2, reordered 1",
    );
    assert_eq!(bench.stats.loss(), Some(0.0));
}

#[test]
fn a_reply_after_the_record_is_final_settles_it_once_more() {
    expect(
        Bench::new(steady(ms(4000)), None, ms(100), TOKEN),
        "1500ms run
         2000ms reply 1
         2300ms run",
        "0ns sent 1
         100ms timed-out 1 lost
         1.1s settled 1 lost
         2s replied 1 late 2s
         2.25s settled 1 late 2s",
        "sent 1, late 1",
    );
}

#[test]
fn after_a_slow_reply_lost_pings_are_watched_longer() {
    expect(
        Bench::new(steady(ms(1000)), Some(2), ms(2000), TOKEN),
        "2900ms reply 1
         20s run",
        "0ns sent 1
         1s sent 2
         2s timed-out 1 lost
         2.9s replied 1 late 2.9s
         3s timed-out 2 lost
         3.15s settled 1 late 2.9s
         11.7s settled 2 lost
         11.7s finished",
        "sent 2, late 1, lost 1",
    );
}

#[test]
fn the_timeout_can_change_while_pings_are_in_flight() {
    expect(
        endless(),
        "500ms timeout 250ms
         700ms timeout 2s
         900ms stop
         2500ms reply 4
         3s run",
        "0ns sent 1
         200ms sent 2
         400ms sent 3
         500ms timed-out 1 lost
         500ms timed-out 2 lost
         600ms sent 4
         650ms timed-out 3 lost
         800ms sent 5
         2.5s replied 4 1.9s
         2.8s timed-out 5 lost",
        "sent 5, replied 1, lost 4",
    );
}

#[test]
fn the_pace_can_change_while_pings_are_in_flight() {
    // A shorter interval takes effect at once, a longer one after the next ping; stop-and-wait waits for all that is in flight.
    expect(
        Bench::new(steady(ms(1000)), None, ms(1000), TOKEN),
        "100ms interval 50ms
         160ms interval 300ms
         210ms lab 0s
         220ms reply 1
         230ms reply 2
         240ms reply 3
         250ms run",
        "0ns sent 1
         150ms sent 2
         200ms sent 3
         220ms replied 1 220ms
         230ms replied 2 80ms
         240ms replied 3 40ms
         240ms sent 4",
        "sent 4, in-flight 1, replied 3",
    );
}

#[test]
fn a_refusal_names_the_ping_that_it_quotes() {
    expect(
        endless(),
        "450ms refused 2
         450ms refused 2
         460ms reply 2
         470ms reply 1
         480ms refused 1",
        "0ns sent 1
         200ms sent 2
         400ms sent 3
         450ms refused 2 refused
         450ms settled 2 refused
         460ms unsolicited 23 from target
         470ms replied 1 470ms",
        "sent 3, in-flight 1, replied 1, refused 1, unsolicited 1",
    );
}

#[test]
fn a_refusal_that_quotes_nothing_means_the_newest_in_flight() {
    let bench = expect(
        endless(),
        "410ms reply 3
         420ms refused-somehow
         430ms refused-somehow
         440ms refused-somehow",
        "0ns sent 1
         200ms sent 2
         400ms sent 3
         410ms replied 3 10ms
         420ms refused 2 refused
         430ms refused 1 refused",
        "sent 3, replied 1, refused 2",
    );
    assert_eq!(bench.stats.loss(), Some(2.0 / 3.0));
}

#[test]
fn a_lost_ping_is_not_refused_any_more() {
    expect(
        lab(1),
        "1s run
         1001ms refused 1
         1002ms refused-somehow
         9s run",
        "0ns sent 1
         1s timed-out 1 lost
         2s finished",
        "sent 1, lost 1",
    );
}

#[test]
fn the_lab_goes_on_after_a_refusal() {
    expect(
        lab(2),
        "1ms refused 1
         2ms refused-somehow
         9s run",
        "0ns sent 1
         1ms refused 1 refused
         1ms settled 1 refused
         1ms sent 2
         2ms refused 2 refused
         2ms settled 2 refused
         2ms finished",
        "sent 2, refused 2",
    );
}

#[test]
fn further_replies_are_duplicates() {
    expect(
        lab(2),
        "1ms reply 1
         2ms reply 1
         3ms copy 1
         4ms flip 1 0.0
         1100ms reply 2
         1101ms reply 2
         9s run",
        "0ns sent 1
         1ms replied 1 1ms
         1ms sent 2
         2ms duplicate 1 1ms x2
         3ms duplicate 1 1ms x3
         4ms duplicate 1 1ms x4
         251ms settled 1 1ms x4
         1.001s timed-out 2 lost
         1.1s replied 2 late 1.099s
         1.101s duplicate 2 late 1.099s x2
         1.35s settled 2 late 1.099s x2
         1.35s finished",
        "sent 2, replied 1, late 1, duplicates 4",
    );
}

/// RFC 4737 section 3.3: reordered is what comes with a number below the highest that came before. The one that overtook is not.
#[test]
fn what_was_overtaken_is_reordered() {
    expect(
        endless(),
        "950ms reply 1
         951ms reply 4
         952ms reply 2
         953ms reply 3
         954ms reply 5
         955ms reply 2",
        "0ns sent 1
         200ms sent 2
         400ms sent 3
         600ms sent 4
         800ms sent 5
         950ms replied 1 950ms
         951ms replied 4 351ms
         952ms replied 2 752ms reordered
         953ms replied 3 553ms reordered
         954ms replied 5 154ms
         955ms duplicate 2 752ms x2 reordered",
        "sent 5, replied 5, duplicates 1, reordered 2",
    );
}

/// `Ping 3 0123456789abcdef`: the word, the number and the token, each with one bit turned over, the two blanks, and a bit on each leg.
#[test]
fn one_turned_bit_a_leg_is_damage() {
    for flips in [
        "0.0", "4.3", "5.0", "5.4", "6.6", "7.0", "22.1", "1.1 20.4", "5.0 5.2",
    ] {
        expect(
            endless(),
            &format!("450ms flip 3 {flips}"),
            "0ns sent 1
             200ms sent 2
             400ms sent 3
             450ms replied 3 50ms damaged",
            "sent 3, in-flight 2, replied 1, damaged 1",
        );
    }
}

#[test]
fn more_than_that_is_no_reply_of_ours() {
    expect(
        endless(),
        "10ms flip 1 0.0 1.0 2.0
         20ms short 1
         30ms noise hello
         40ms noise Ping
         50ms stranger 1
         60ms reply 1",
        "0ns sent 1
         10ms unsolicited 23 from target
         20ms unsolicited 22 from target
         30ms unsolicited 5 from target
         40ms unsolicited 4 from target
         50ms unsolicited 23 from stranger
         60ms replied 1 60ms",
        "sent 1, replied 1, unsolicited 5",
    );
}

/// The bit that tells upper from lower case may come as it likes: servers copy, and servers upper-case.
#[test]
fn the_case_of_letters_does_not_matter() {
    expect(
        endless(),
        "610ms reply 1
         611ms copy 2
         612ms mixed 3
         613ms flip 4 0.5",
        "0ns sent 1
         200ms sent 2
         400ms sent 3
         600ms sent 4
         610ms replied 1 610ms
         611ms replied 2 411ms
         612ms replied 3 212ms
         613ms replied 4 13ms",
        "sent 4, replied 4",
    );
}

#[test]
fn a_reply_of_another_run_is_unsolicited() {
    let mut bench = endless();
    bench.run(ms(10));
    let other = Text::Token { key: 1, size: 0 };
    bench.receive(&other.datagram(1), TARGET, None);
    assert_eq!(
        counted(bench.stats.counts()),
        "sent 1, in-flight 1, unsolicited 1"
    );
}

#[test]
fn plain_pings_are_matched_by_their_number() {
    let plain = Bench::new(steady(ms(200)), None, ms(1000), Text::Plain);
    expect(
        plain,
        "410ms copy 3
         420ms reply 1
         430ms flip 2 0.0
         440ms noise PING-9
         450ms noise ping",
        "0ns sent 1
         200ms sent 2
         400ms sent 3
         410ms replied 3 10ms
         420ms replied 1 420ms reordered
         430ms replied 2 230ms reordered damaged
         440ms duplicate 1 420ms x2 reordered
         450ms unsolicited 4 from target",
        "sent 3, replied 3, duplicates 1, reordered 2, damaged 1, unsolicited 1",
    );
}

#[test]
fn the_text_of_a_datagram() {
    assert_eq!(Text::Plain.datagram(1), b"Ping 1");
    assert_eq!(Text::Plain.datagram(1234), b"Ping 1234");
    // SplitMix64 seeded with 0 gives this first number (Vigna's splitmix64.c).
    let text = Text::Token { key: 0, size: 0 };
    assert_eq!(text.datagram(1), b"Ping 1 e220a8397b1dcdaf");
    let sizes = [
        (0, 23),
        (23, 23),
        (24, 24),
        (25, 25),
        (64, 64),
        (1400, 1400),
    ];
    for (size, len) in sizes {
        let datagram = Text::Token { key: 0, size }.datagram(1);
        assert_eq!(datagram.len(), len);
        assert!(datagram.starts_with(&text.datagram(1)), "{size}");
        assert!(datagram.iter().all(|byte| (b' '..=b'z').contains(byte)));
    }
    let largest = Text::Token { key: 0, size: 0 }.datagram(9_999_999);
    assert_eq!(largest.len(), SMALLEST_TOKEN_DATAGRAM);
}

#[test]
fn the_number_in_a_datagram() {
    let cases: [(&[u8], Option<u64>); 12] = [
        (b"Ping 1", Some(1)),
        (b"PING 42 TOKEN", Some(42)),
        (b"pInG 007", Some(7)),
        (b"Ping 18446744073709551615", Some(u64::MAX)),
        (b"Ping 18446744073709551616", None),
        (b"Ping ", None),
        (b"Ping", None),
        (b"", None),
        (b"Pong 1", None),
        (b"Ping -1", None),
        (b"Ping 5\xff\x00", Some(5)),
        (b"\xff\xfe\xfd\xfc\xfb\xfa", None),
    ];
    for (datagram, seq) in cases {
        assert_eq!(sequence_of(datagram), seq, "{}", datagram.escape_ascii());
    }
}

#[test]
fn it_finishes_when_the_last_ping_is_final() {
    expect(
        Bench::new(steady(ms(100)), Some(2), ms(1000), TOKEN),
        "150ms reply 2
         160ms reply 1
         9s run",
        "0ns sent 1
         100ms sent 2
         150ms replied 2 50ms
         160ms replied 1 160ms reordered
         400ms settled 2 50ms
         410ms settled 1 160ms reordered
         410ms finished",
        "sent 2, replied 2, reordered 1",
    );
}

#[test]
fn a_count_of_none_finishes_when_told_to_stop() {
    let mut bench = Bench::new(steady(ms(100)), Some(0), ms(1000), TOKEN);
    bench.run(ms(1000));
    assert_eq!(bench.log(true), "");
    bench.play("1s stop");
    assert_eq!(bench.log(true), "1s finished\n");
    assert!(bench.session.is_finished());
}

#[test]
fn after_stop_what_is_in_flight_is_waited_for() {
    let bench = expect(
        endless(),
        "250ms stop
         300ms reply 1
         300ms stop
         9s run",
        "0ns sent 1
         200ms sent 2
         300ms replied 1 300ms
         550ms settled 1 300ms
         1.2s timed-out 2 lost
         2.2s settled 2 lost
         2.2s finished",
        "sent 2, replied 1, lost 1",
    );
    assert_eq!(bench.due(), None);
}

#[test]
fn a_ping_that_could_not_be_sent_is_a_try_and_no_loss() {
    expect(
        Bench::new(steady(ms(200)), Some(4), ms(1000), TOKEN),
        "100ms cable-out
         500ms cable-in
         601ms reply 2
         601ms reply 1
         9s run",
        "0ns sent 1
         200ms not-sent 2
         400ms not-sent 2
         600ms sent 2
         601ms replied 2 1ms
         601ms replied 1 601ms reordered
         851ms finished",
        "sent 2, replied 2, reordered 1",
    );
}

#[test]
fn the_lab_pauses_after_a_failure_to_send() {
    let mut bench = lab(3);
    bench.sends = false;
    expect(
        bench,
        "1500ms cable-in
         2001ms reply 1
         9s run",
        "0ns not-sent 1
         1s not-sent 1
         2s sent 1
         2.001s replied 1 1ms
         2.251s finished",
        "sent 1, replied 1",
    );
    let mut bench = lab(2);
    bench.sends = false;
    expect(
        bench,
        "9s run",
        "0ns not-sent 1
         1s not-sent 1
         1s finished",
        "",
    );
}

#[test]
fn the_kernel_stamps_make_a_second_rtt() {
    expect(
        endless(),
        "1ms stamp 0 100us
         2ms kernel-reply 1 900us
         210ms stamp 1 9s
         210ms kernel-reply 2 9005ms
         410ms stamp 2 9s
         411ms kernel-reply 3 8s
         610ms stamp 3 9s
         611ms kernel-reply 4 9012ms
         810ms kernel-reply 5 9s
         811ms stamp 4 9s
         1001ms stamp 5 9s
         1002ms reply 6
         1003ms stamp 77 9s",
        "0ns sent 1
         2ms replied 1 2ms kernel 800µs
         200ms sent 2
         210ms replied 2 10ms kernel 5ms
         400ms sent 3
         411ms replied 3 11ms
         600ms sent 4
         611ms replied 4 11ms
         800ms sent 5
         810ms replied 5 10ms
         1s sent 6
         1.002s replied 6 2ms",
        "sent 6, replied 6",
    );
}

#[test]
fn kernel_stamps_are_found_across_the_wrap_of_their_index() {
    let mut bench = endless();
    bench.session.datagrams_sent = u32::MAX - 1;
    bench.run(ms(850));
    for (index, seq) in [(u32::MAX - 1, 1), (u32::MAX, 2), (0, 3), (1, 4)] {
        let sent = ms(60_000 + seq);
        bench.session.handle_sent_stamp(index, sent);
        let reply = bench.datagrams[&seq].clone();
        bench.receive(&reply, TARGET, Some(sent + ms(seq)));
    }
    let kernel: Vec<_> = bench
        .session
        .probes
        .iter()
        .map(|probe| probe.record.kernel_rtt)
        .collect();
    assert_eq!(
        kernel,
        [Some(ms(1)), Some(ms(2)), Some(ms(3)), Some(ms(4)), None]
    );
}

#[test]
fn a_stamp_before_the_first_ping_is_nothing() {
    let mut bench = endless();
    bench.session.handle_sent_stamp(0, ms(1));
    bench.refused(None);
    bench.refused(Some(b"Ping 1"));
    bench.session.handle_timeout(ms(5));
    bench.receive(b"PING 1", TARGET, None);
    assert_eq!(lines(&bench.log(true)), ["0ns unsolicited 6 from target"]);
}

/// Sends `count` pings a millisecond apart with a timeout of an hour.
fn many_in_flight(count: usize) -> Bench {
    let hour = Duration::from_secs(3600);
    let mut bench = Bench::new(steady(ms(1)), Some(count as u64), hour, TOKEN);
    bench.run(ms(count as u64 - 1));
    bench
}

#[test]
fn the_oldest_of_too_many_in_flight_is_given_up() {
    let mut bench = many_in_flight(REMEMBERED + 2);
    let sent = REMEMBERED as u64 + 2;
    let expected = format!("sent {sent}, in-flight {REMEMBERED}, lost 2");
    assert_eq!(counted(bench.stats.counts()), expected);
    assert_eq!(bench.session.in_flight, REMEMBERED);
    bench.reply_to(1);
    assert_eq!(bench.stats.counts().unsolicited, 1, "it is forgotten");
    for seq in 3..=sent {
        bench.reply_to(seq);
    }
    bench.run_out();
    let expected = format!("sent {sent}, replied {REMEMBERED}, lost 2, unsolicited 1");
    assert_eq!(counted(bench.stats.counts()), expected);
    assert!(bench.session.is_finished());
}

#[test]
fn the_last_ping_is_waited_for_when_it_pushes_out_the_first() {
    let mut bench = many_in_flight(REMEMBERED);
    bench.session.plan.count = Some(REMEMBERED as u64 + 1);
    for seq in 2..=REMEMBERED as u64 {
        bench.reply_to(seq);
    }
    // All but the first are final when the last one goes out and takes its place.
    bench.session.next_due = bench.now + ms(1000);
    bench.run(bench.now + ms(1000));
    assert!(!bench.session.is_finished());
    bench.reply_to(REMEMBERED as u64 + 1);
    bench.run_out();
    let expected = format!("sent {}, replied {REMEMBERED}, lost 1", REMEMBERED + 1);
    assert_eq!(counted(bench.stats.counts()), expected);
    assert_eq!(
        bench.events.last().map(|(_, event)| event),
        Some(&PingEvent::Finished)
    );
}

/// Something that may happen to a session, in any order.
#[derive(Debug, Clone)]
enum Happening {
    Time(u64),
    Sleep(u64),
    Reply {
        back: usize,
        flips: Vec<(usize, u8)>,
        cut: usize,
        from_target: bool,
        stamped: bool,
    },
    Refused {
        back: Option<usize>,
    },
    Bytes(Vec<u8>),
    Stamp {
        back: u32,
    },
    Cable(bool),
    Timeout(u64),
    Interval(u64),
    Lab(u64),
    Stop,
}

fn happening() -> impl Strategy<Value = Happening> {
    let reply = (
        0usize..12,
        prop::collection::vec((0usize..40, 0u8..8), 0..3),
        prop_oneof![9 => Just(0usize), 1 => 1usize..40],
        prop::bool::weighted(0.9),
        any::<bool>(),
    );
    prop_oneof![
        8 => (0u64..400).prop_map(Happening::Time),
        1 => (0u64..20_000).prop_map(Happening::Sleep),
        8 => reply.prop_map(|(back, flips, cut, from_target, stamped)| Happening::Reply {
            back, flips, cut, from_target, stamped
        }),
        1 => prop::option::of(0usize..8).prop_map(|back| Happening::Refused { back }),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Happening::Bytes),
        2 => (0u32..4).prop_map(|back| Happening::Stamp { back }),
        1 => any::<bool>().prop_map(Happening::Cable),
        1 => (0u64..3_000).prop_map(Happening::Timeout),
        1 => (1u64..400).prop_map(Happening::Interval),
        1 => (0u64..400).prop_map(Happening::Lab),
        1 => Just(Happening::Stop),
    ]
}

fn happen(bench: &mut Bench, happening: Happening) {
    let nth_last = |bench: &Bench, back: usize| bench.datagrams.values().rev().nth(back).cloned();
    match happening {
        Happening::Time(time) => bench.run(bench.now + ms(time)),
        Happening::Sleep(time) => {
            bench.now += ms(time);
            bench.step();
        }
        Happening::Reply {
            back,
            flips,
            cut,
            from_target,
            stamped,
        } => {
            let Some(mut bytes) = nth_last(bench, back) else {
                return;
            };
            for (byte, bit) in flips {
                let len = bytes.len();
                bytes[byte % len] ^= 1 << bit;
            }
            bytes.truncate(bytes.len().saturating_sub(cut));
            let from = if from_target { TARGET } else { STRANGER };
            let kernel_at = stamped.then(|| bench.now + ms(7));
            bench.receive(&bytes, from, kernel_at);
        }
        Happening::Refused { back } => {
            let quoted = back.and_then(|back| nth_last(bench, back));
            bench.refused(quoted.as_deref());
        }
        Happening::Bytes(bytes) => bench.receive(&bytes, TARGET, None),
        Happening::Stamp { back } => {
            let index = bench.session.datagrams_sent.wrapping_sub(back);
            bench.session.handle_sent_stamp(index, bench.now + ms(5));
        }
        Happening::Cable(sends) => bench.sends = sends,
        Happening::Timeout(timeout) => {
            let mode = bench.session.plan().mode;
            bench.session.set_pace(mode, ms(timeout), bench.now);
        }
        Happening::Interval(interval) => {
            let timeout = bench.session.plan().timeout;
            bench
                .session
                .set_pace(steady(ms(interval)), timeout, bench.now);
        }
        Happening::Lab(gap) => {
            let timeout = bench.session.plan().timeout;
            bench
                .session
                .set_pace(Mode::Lab { gap: ms(gap) }, timeout, bench.now);
        }
        Happening::Stop => bench.session.stop(),
    }
}

/// What the events say, counted one by one without any of the session's own means.
fn recount(events: &[(Duration, PingEvent)]) -> Counts {
    let mut life: BTreeMap<u64, Outcome> = BTreeMap::new();
    let mut counts = Counts::default();
    for (_, event) in events {
        match event {
            PingEvent::Sent { seq, .. } => {
                assert_eq!(life.insert(*seq, Outcome::InFlight), None, "sent once");
                assert_eq!(*seq, life.len() as u64, "numbers grow by one");
            }
            PingEvent::Replied { record, at, .. } => {
                let was = life[&record.seq];
                let now = match was {
                    Outcome::InFlight => Outcome::Replied,
                    Outcome::Lost => Outcome::Late,
                    other => panic!("a reply to a ping that is {other:?}"),
                };
                assert_eq!(record.outcome, now);
                assert_eq!(record.rtt, Some(*at - record.sent_at));
                assert!(record.kernel_rtt <= record.rtt);
                let overtaken = life
                    .range(record.seq + 1..)
                    .any(|(_, state)| matches!(state, Outcome::Replied | Outcome::Late));
                assert_eq!(record.reordered, overtaken);
                counts.reordered += u64::from(overtaken);
                counts.damaged += u64::from(record.damaged);
                life.insert(record.seq, now);
            }
            PingEvent::TimedOut { record, .. } => {
                assert_eq!(
                    life.insert(record.seq, Outcome::Lost),
                    Some(Outcome::InFlight)
                );
            }
            PingEvent::Refused { record, .. } => {
                assert_eq!(
                    life.insert(record.seq, Outcome::Refused),
                    Some(Outcome::InFlight)
                );
            }
            PingEvent::Duplicate { record, .. } => {
                assert!(matches!(
                    life[&record.seq],
                    Outcome::Replied | Outcome::Late
                ));
                counts.duplicates += 1;
            }
            PingEvent::Settled { record } => assert_eq!(record.outcome, life[&record.seq]),
            PingEvent::Unsolicited { .. } => counts.unsolicited += 1,
            PingEvent::SendFailed { .. } | PingEvent::Finished => {}
        }
    }
    for outcome in life.values() {
        *match outcome {
            Outcome::InFlight => &mut counts.in_flight,
            Outcome::Replied => &mut counts.replied,
            Outcome::Late => &mut counts.late,
            Outcome::Lost => &mut counts.lost,
            Outcome::Refused => &mut counts.refused,
        } += 1;
    }
    counts.sent = life.len() as u64;
    counts
}

proptest! {
    #[test]
    fn any_order_of_events_adds_up(
        plain in any::<bool>(),
        stop_and_wait in any::<bool>(),
        count in prop::option::of(0u64..30),
        happenings in prop::collection::vec(happening(), 0..120),
    ) {
        let text = if plain { Text::Plain } else { TOKEN };
        let mode = if stop_and_wait { Mode::Lab { gap: ms(20) } } else { steady(ms(100)) };
        let mut bench = Bench::new(mode, count, ms(1000), text);
        for happening in happenings {
            happen(&mut bench, happening);
            bench.collect();
            let counts = bench.stats.counts();
            prop_assert_eq!(counts.sent, counts.in_flight + counts.decided());
            prop_assert_eq!(counts.in_flight, bench.session.in_flight as u64);
            bench.session.handle_timeout(bench.now);
            bench.collect();
            prop_assert!(bench.session.poll_timeout().is_none_or(|due| due > bench.now));
        }
        bench.session.stop();
        bench.collect();
        bench.run_out();
        prop_assert_eq!(bench.stats.counts(), recount(&bench.events));
        prop_assert_eq!(bench.stats.counts().in_flight, 0);
        let finished = bench.events.iter().filter(|(_, event)| *event == PingEvent::Finished);
        prop_assert_eq!(finished.count(), 1);
        let mut settled = BTreeMap::new();
        for (_, event) in &bench.events {
            match event {
                PingEvent::Settled { record } => {
                    settled.insert(record.seq, *record);
                }
                // A copy may come even after that.
                PingEvent::Duplicate { record, .. } => {
                    settled.entry(record.seq).and_modify(|known| known.duplicates = record.duplicates);
                }
                _ => {}
            }
        }
        let records: Vec<_> = bench.session.probes.iter().map(|probe| probe.record).collect();
        let settled: Vec<_> = settled.into_values().collect();
        prop_assert_eq!(records, settled, "the last word on each ping is its record");
    }

    /// On a network that only delays, copies and loses, each ping fares as its own delay says.
    #[test]
    fn each_ping_fares_as_the_network_had_it(
        network in prop::collection::vec((prop::option::weighted(0.7, 0u64..2_500), 0u32..3), 1..40),
    ) {
        let timeout = ms(1_000);
        let mut bench = Bench::new(steady(ms(50)), Some(network.len() as u64), timeout, TOKEN);
        let mut arrivals: Vec<(Duration, u64)> = Vec::new();
        for (seq, (delay, copies)) in (1..).zip(&network) {
            if let Some(delay) = delay {
                // Half a millisecond keeps a reply off the very moment of a deadline.
                let at = ms(50 * (seq - 1) + delay) + Duration::from_micros(500);
                arrivals.extend((0..=*copies).map(|_| (at, seq)));
            }
        }
        arrivals.sort();
        for &(at, seq) in &arrivals {
            bench.run(at);
            bench.reply_to(seq);
        }
        bench.run_out();
        let mut expected = Counts {
            sent: network.len() as u64,
            ..Counts::default()
        };
        for (delay, copies) in &network {
            match delay {
                None => expected.lost += 1,
                Some(delay) if *delay < 1_000 => expected.replied += 1,
                Some(_) => expected.late += 1,
            }
            expected.duplicates += delay.map_or(0, |_| u64::from(*copies));
        }
        let mut first: Vec<u64> = Vec::new();
        for &(_, seq) in &arrivals {
            if !first.contains(&seq) {
                expected.reordered += u64::from(first.iter().any(|&earlier| earlier > seq));
                first.push(seq);
            }
        }
        prop_assert_eq!(bench.stats.counts(), expected);
        prop_assert!(bench.session.is_finished());
    }

    /// Turned bits never make a ping answer for another one, as long as its text has a token.
    #[test]
    fn damage_is_never_taken_for_another_ping(
        pings in 1u64..80,
        which in any::<prop::sample::Index>(),
        flips in prop::collection::vec((0usize..23, 0u8..8), 1..=2),
    ) {
        let mut bench = Bench::new(steady(ms(1)), None, ms(1000), TOKEN);
        bench.run(ms(pings - 1));
        let seq = which.index(pings as usize) as u64 + 1;
        let mut reply = bench.datagrams[&seq].to_ascii_uppercase();
        for (byte, bit) in flips {
            reply[byte] ^= 1 << bit;
        }
        bench.receive(&reply, TARGET, None);
        match bench.events.last() {
            Some((_, PingEvent::Replied { record, .. })) => prop_assert_eq!(record.seq, seq),
            // The number itself was hit, and the ping is not among the newest that are tried.
            Some((_, PingEvent::Unsolicited { .. })) => prop_assert!(pings - seq >= 64),
            other => prop_assert!(false, "{other:?}"),
        }
    }
}
