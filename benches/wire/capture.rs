//! How fast captures and records are written, and records read again: in memory, one thread, without a disk.

use std::io::Cursor;
use std::time::{Instant, SystemTime};

use sockscope::trace::clock::Clock;
use sockscope::trace::pcapng::{About, Capture};
use sockscope::trace::record::{Entry, Header, Reader, VERSION, Writer};
use sockscope::trace::recorder::Item;

use super::support::report::{Outcome, Report, median};
use super::traffic::{FRAMES_PER_SECOND, Traffic};

const ROUNDS: usize = 9;
/// Virtual seconds of all labs that are written in a round.
const SECONDS: u64 = 60;
/// The labs of the `hour` tell about this many things a second, and a capture must never be what limits them.
const TARGET: f64 = 100_000.0;

/// The frames of all labs, as the recorder's ring hands them over.
fn items() -> Outcome<Vec<Vec<Item>>> {
    let mut traffic = Traffic::new()?;
    let mut frames = Vec::new();
    for _ in 0..SECONDS * FRAMES_PER_SECOND {
        let (calls, events) = traffic.next_frame();
        let calls = calls.into_iter().map(Item::Call);
        let mut items: Vec<Item> = calls.chain(events.into_iter().map(Item::Event)).collect();
        items.sort_by_key(Item::at);
        frames.push(items);
    }
    Ok(frames)
}

fn capture(frames: &[Vec<Item>], clock: Clock) -> Outcome<usize> {
    let about = About {
        program: "sockscope".to_owned(),
        command: "bench".to_owned(),
    };
    let mut capture = Capture::new(Vec::new(), clock, &about)?;
    for frame in frames {
        frame.iter().for_each(|item| capture.take(item));
        if let Some(at) = frame.last().and_then(Item::at) {
            capture.write_until(at)?;
        }
    }
    Ok(capture.finish()?.len())
}

fn record(entries: &[Entry]) -> Outcome<Vec<u8>> {
    let header = Header {
        version: VERSION,
        program: "sockscope".to_owned(),
        command: "bench".to_owned(),
        started: SystemTime::now(),
    };
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, &header)?;
    for entry in entries {
        writer.write(entry)?;
    }
    writer.flush()?;
    drop(writer);
    Ok(bytes)
}

fn read(bytes: &[u8]) -> Outcome<usize> {
    let reader = Reader::open(Cursor::new(bytes)).map_err(|error| format!("{error:?}"))?;
    let mut count = 0;
    for entry in reader {
        entry.map_err(|damage| format!("{damage:?}"))?;
        count += 1;
    }
    Ok(count)
}

pub fn measure(report: &mut Report) -> Outcome<()> {
    let frames = items()?;
    let count: usize = frames.iter().map(Vec::len).sum();
    let entries: Vec<Entry> = frames
        .iter()
        .flatten()
        .map(|item| Entry::of(item.clone(), Default::default()))
        .collect();
    let bytes = record(&entries)?;
    report.heading(&format!(
        "Files in memory: {count} events and calls of all labs, {ROUNDS} rounds in turn, medians"
    ));
    let clock = Clock::new(Instant::now(), SystemTime::now());
    let work: [(&str, &dyn Fn() -> Outcome<usize>); 3] = [
        ("pcapng written", &|| capture(&frames, clock)),
        ("JSON lines written", &|| Ok(record(&entries)?.len())),
        ("JSON lines read", &|| match read(&bytes)? {
            read if read == count => Ok(bytes.len()),
            read => Err(format!("{read} of {count} were read").into()),
        }),
    ];
    let mut seconds = [const { Vec::new() }; 3];
    let mut sizes = [0; 3];
    for _ in 0..ROUNDS {
        for (place, (_, work)) in work.iter().enumerate() {
            let start = Instant::now();
            sizes[place] = work()?;
            seconds[place].push(start.elapsed().as_secs_f64());
        }
    }
    report.say(&format!(
        "{:<20} {:>10} {:>8} {:>10}",
        "", "a second", "MB/s", "bytes each"
    ));
    for (place, (name, _)) in work.iter().enumerate() {
        let seconds = median(&seconds[place]);
        let (rate, size) = (count as f64 / seconds, sizes[place] as f64);
        report.say(&format!(
            "{name:<20} {rate:>10.0} {:>8.1} {:>10.0}",
            size / seconds / 1e6,
            size / count as f64
        ));
        report.target(
            rate >= TARGET,
            &format!("{name}: {rate:.0} a second, at least {TARGET}"),
        );
    }
    Ok(())
}
