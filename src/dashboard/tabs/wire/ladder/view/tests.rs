use super::*;
use crate::proto::link::Leg;
use crate::trace::start_error::Transport;
use crate::trace::wire::{Lab, Layer, Payload};

fn note(id: RowId) -> Row {
    Row {
        id,
        at: Duration::from_millis(id),
        lab: Some(Lab::Ping),
        flow: Flow::default(),
        what: What::Note(id.to_string()),
        marked: false,
    }
}

fn kept(selected: RowId) -> (usize, Option<RowId>, Option<RowId>) {
    let rows: Vec<Row> = (1..=2_000).map(note).collect();
    let view = LadderView::of(rows.iter(), selected);
    (
        view.rungs.len(),
        view.row_of(0),
        view.row_of(view.rungs.len() - 1),
    )
}

#[test]
fn a_ladder_is_bounded_around_the_selected_row() {
    let most = AROUND as u64;
    assert_eq!(
        kept(1_000),
        (2 * AROUND + 1, Some(1_000 - most), Some(1_000 + most))
    );
    assert_eq!(kept(1), (AROUND + 1, Some(1), Some(1 + most)));
    assert_eq!(kept(2_000), (AROUND + 1, Some(2_000 - most), Some(2_000)));
    // Of rows without the selected one the last.
    assert_eq!(
        kept(9_999),
        (2 * AROUND, Some(2_001 - 2 * most), Some(2_000))
    );
}

#[test]
fn a_message_whose_clocks_disagree_never_arrives_before_it_leaves() {
    let mut message = Message::new(Kind::Datagram, End::Client);
    message.sent = Some(Duration::from_millis(20));
    message.arrived = vec![Duration::from_millis(3), Duration::from_millis(30)];
    message.fate = Fate::Arrived;
    let row = Row {
        what: What::Message(Box::new(message)),
        ..note(1)
    };
    let view = LadderView::of([&row].into_iter(), 1);
    let passage = &view.passages[0];
    assert_eq!(passage.arrives.len(), 2);
    assert!(passage.arrives.iter().all(|row| *row >= passage.departs));
}

fn moves(at: u64, end: End, call: fn(Payload) -> Call) -> SocketEvent {
    SocketEvent {
        at: Duration::from_millis(at),
        lab: Lab::Ping,
        end,
        socket: 1,
        transport: Transport::Udp,
        local: None,
        peer: None,
        call: call(Payload {
            bytes: b"PING 17".as_slice().into(),
            length: 7,
            masked: false,
            layer: Layer::Socket,
        }),
        error: None,
    }
}

#[test]
fn a_reply_that_the_link_killed_takes_no_call_from_the_next_one() {
    let reply = |id: RowId, fate| {
        let mut message = Message::new(Kind::Datagram, End::Server);
        message.sent = Some(Duration::from_millis(id));
        message.length = 7;
        message.fate = fate;
        Row {
            what: What::Message(Box::new(message)),
            ..note(id)
        }
    };
    let call = moves(2, End::Server, Call::SendTo);
    let call = Row {
        what: What::Call(call),
        ..note(2)
    };
    let rows = [
        reply(1, Fate::Killed(Leg::Reply)),
        call,
        reply(2, Fate::InFlight),
    ];
    let view = LadderView::of(rows.iter(), 1);
    let departs: Vec<usize> = view
        .passages
        .iter()
        .map(|passage| passage.departs)
        .collect();
    assert_eq!(departs, [0, 1]);
    assert_eq!(view.rungs.len(), 2);
}

#[test]
fn what_somebody_else_sent_arrives_at_the_call_that_received_it() {
    // A lab looks at the clock after its call.
    let mut message = Message::new(Kind::Request, End::Client);
    message.arrived = vec![Duration::from_millis(3)];
    message.length = 7;
    message.fate = Fate::Arrived;
    let rows = [
        Row {
            what: What::Call(moves(2, End::Server, Call::Recv)),
            ..note(2)
        },
        Row {
            what: What::Message(Box::new(message)),
            ..note(3)
        },
    ];
    let view = LadderView::of(rows.iter(), 3);
    assert_eq!(view.rungs.len(), 1, "{view:?}");
    assert_eq!(
        (view.passages[0].departs, &*view.passages[0].arrives),
        (0, &[0][..])
    );
}

#[test]
fn a_reply_that_a_busy_machine_sent_late_leaves_at_the_call_of_the_same_bytes() {
    let departs_of = |bytes: &[u8]| {
        let mut message = Message::new(Kind::Datagram, End::Server);
        message.sent = Some(Duration::from_millis(3));
        message.arrived = vec![Duration::from_millis(31)];
        message.bytes = bytes.into();
        message.length = 7;
        message.fate = Fate::Arrived;
        let rows = [
            Row {
                what: What::Message(Box::new(message)),
                ..note(3)
            },
            Row {
                what: What::Call(moves(30, End::Server, Call::SendTo)),
                ..note(30)
            },
        ];
        let view = LadderView::of(rows.iter(), 3);
        (view.rungs.len(), view.passages[0].departs)
    };
    let (alone, _) = departs_of(b"PING 18");
    let (together, departs) = departs_of(b"PING 17");
    assert_eq!((together, departs), (alone - 1, 0), "its box is its start");
}
