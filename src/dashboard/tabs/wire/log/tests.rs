use super::*;
use crate::dashboard::tabs::wire::filter::Filter;
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);

fn flow(port: u16) -> Flow {
    Flow {
        client: Some(([127, 0, 0, 1], port).into()),
        server: Some(([127, 0, 0, 1], 7).into()),
    }
}

fn note(log: &mut Log, at: u64, text: &str) -> RowId {
    let what = What::Note(text.to_owned());
    log.push(at as u32 * MS, None, flow(1), what)
}

fn shown(log: &Log) -> Vec<RowId> {
    (0..log.len())
        .filter_map(|place| log.shown(place))
        .map(|row| row.id)
        .collect()
}

#[test]
fn rows_stand_in_the_order_of_time_and_keep_their_ids() {
    let mut log = Log::new(100, 1 << 20);
    for at in [5, 3, 9, 3] {
        note(&mut log, at, "x");
    }
    assert_eq!(
        shown(&log),
        [2, 4, 1, 3],
        "of one moment, the first to come"
    );
    log.change(3, |row| row.at = 4 * MS);
    assert_eq!(shown(&log), [2, 4, 3, 1]);
    let key = log.key_of(3).unwrap();
    assert_eq!(log.at_key(key).map(|row| row.id), Some(3));
    assert_eq!(log.place_of(key), 2);
    log.change(3, |row| row.flow = flow(2));
    let ids = |port| -> Vec<RowId> {
        let rows = log.flow(flow(port), key, 10);
        rows.map(|row| row.id).collect()
    };
    assert_eq!((ids(1), ids(2)), (vec![2, 4, 1], vec![3]));
}

#[test]
fn a_frozen_view_shows_nothing_later_and_keeps_all() {
    let mut log = Log::new(100, 1 << 20);
    note(&mut log, 1, "x");
    note(&mut log, 3, "x");
    log.set_until(log.key_of(2));
    note(&mut log, 4, "x");
    note(&mut log, 2, "x");
    assert_eq!(shown(&log), [1, 4, 2], "what was before comes late");
    assert_eq!(log.flow(flow(1), 0, 10).count(), 3);
    log.set_until(None);
    assert_eq!(shown(&log), [1, 4, 2, 3]);
}

#[test]
fn a_row_passes_the_filter_when_it_begins_to_match() {
    let mut log = Log::new(100, 1 << 20);
    let filter = Filter::parse("is:marked", |_| None).unwrap();
    log.set_sieve(Sieve { filter, only: None });
    for at in 1..=3 {
        note(&mut log, at, "x");
    }
    assert!(shown(&log).is_empty());
    log.change(2, |row| row.marked = true);
    assert_eq!(shown(&log), [2]);
    log.change(2, |row| row.marked = false);
    assert!(shown(&log).is_empty());
    let only = Some(flow(9));
    log.set_sieve(Sieve { filter: None, only });
    assert!(shown(&log).is_empty());
}

#[test]
fn times_that_make_no_sense_leave_it_bounded() {
    let mut log = Log::new(10, 1 << 20);
    log.push(Duration::MAX, None, flow(1), What::LeftOut(1));
    for _ in 0..1_000 {
        log.push(Duration::ZERO, None, flow(1), What::LeftOut(1));
    }
    assert!(log.slots.len() <= 20, "{}", log.slots.len());
    assert_eq!(
        (log.kept(), log.forgotten() + log.kept() as u64),
        (10, 1_001)
    );
}

#[test]
fn a_capture_gets_what_is_kept_in_the_order_of_time() {
    use crate::proto::ping::PingEvent;
    use crate::trace::event::{EchoEvent, PingerEvent};
    let mut log = Log::new(100, 1 << 20);
    let failed = Event::Echo(EchoEvent::Failed {
        error: "x".to_owned(),
    });
    let sent = Event::Ping {
        target: 1,
        event: PingerEvent::Ping(PingEvent::Sent {
            seq: 1,
            at: 2 * MS,
            datagram: b"Ping 1".to_vec(),
        }),
    };
    log.keep_event(&sent);
    // It has no time of its own.
    log.keep_event(&failed);
    note(&mut log, 1, "before");
    let text = "after".to_owned();
    note(&mut log, 3, &text);
    let at = 3 * MS;
    let held = log.held();
    assert_eq!(
        held[1..],
        [
            Item::Event(sent),
            Item::Event(failed),
            Item::Note { at, text }
        ]
    );
    log.clear();
    assert!(log.held().is_empty());
    assert_eq!(note(&mut log, 4, "x"), 3, "no id is used twice");
}

#[derive(Debug, Clone)]
enum Step {
    Push(u64, usize),
    Move(RowId, u64),
    Mark(RowId),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..50u64, 0..400usize).prop_map(|(at, bytes)| Step::Push(at, bytes)),
        (1..100u64, 0..50u64).prop_map(|(id, at)| Step::Move(id, at)),
        (1..100u64).prop_map(Step::Mark),
    ]
}

proptest! {
    /// Whatever comes: both bounds hold, the weights add up, the order is that of time, and every order names the same rows.
    #[test]
    fn bounds_and_orders_hold(steps in proptest::collection::vec(step(), 0..150), filtered in any::<bool>()) {
        const MEMORY: usize = 16 << 10;
        let mut log = Log::new(20, MEMORY);
        if filtered {
            let filter = Filter::parse("!is:marked", |_| None).unwrap();
            log.set_sieve(Sieve { filter, only: None });
        }
        let mut pushed = 0;
        for step in steps {
            match step {
                Step::Push(at, bytes) => {
                    note(&mut log, at, &"x".repeat(bytes));
                    pushed += 1;
                }
                Step::Move(id, at) => log.change(id, |row| row.at = at as u32 * MS),
                Step::Mark(id) => log.change(id, |row| row.marked = true),
            }
            prop_assert!(log.kept() <= 20 && log.bytes <= log.memory && log.slots.len() <= 40);
            let slots = || log.slots.iter().flatten();
            prop_assert_eq!(slots().map(|slot| slot.weight).sum::<usize>(), log.bytes);
            prop_assert_eq!(slots().count(), log.kept());
            prop_assert_eq!(log.kept() as u64 + log.forgotten(), pushed);
            prop_assert!(log.order.iter().is_sorted_by(|a, b| a.key < b.key));
            for entry in &log.order {
                prop_assert_eq!(log.key_of(entry.id), Some(entry.key));
            }
            let flowing: usize = log.flows.values().map(VecDeque::len).sum();
            prop_assert_eq!(flowing, log.kept());
            let unmarked = log.order.iter().filter(|entry| !log.row(entry.id).unwrap().marked);
            let unmarked: Vec<RowId> = unmarked.map(|entry| entry.id).collect();
            if filtered {
                prop_assert_eq!(shown(&log), unmarked);
            }
        }
    }
}
