//! Any sequence of items gives a file that can be read.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn payload() -> impl Strategy<Value = Payload> {
    let layer = prop_oneof![3 => Just(Layer::Socket), 1 => Just(Layer::InsideTls)];
    let begins = prop_oneof![3 => Just(&b""[..]), 1 => Just(&[0x16, 3, 1][..])];
    let more = prop_oneof![Just(0_u64), 0..200_000_u64, Just(1_000_000)];
    (begins, vec(any::<u8>(), 0..300), more, any::<bool>(), layer).prop_map(
        |(begins, rest, more, masked, layer)| {
            let bytes = [begins, &rest].concat();
            Payload {
                length: bytes.len() as u64 + more,
                bytes: bytes.into(),
                masked,
                layer,
            }
        },
    )
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        Just(Call::Socket),
        Just(Call::Bind),
        Just(Call::Listen { backlog: 5 }),
        Just(Call::Accept { listener: 1 }),
        Just(Call::Connect),
        Just(Call::Shutdown),
        Just(Call::Close),
        payload().prop_map(Call::Send),
        payload().prop_map(Call::Recv),
        payload().prop_map(Call::SendTo),
        payload().prop_map(Call::RecvFrom),
    ]
}

/// An address of one end, in any form that a socket may show it in.
fn some_address(end: End) -> impl Strategy<Value = Option<SocketAddr>> {
    let texts = match end {
        End::Client => [
            "127.0.0.1:40000",
            "192.0.2.7:40000",
            "[::1]:40000",
            "[::ffff:127.0.0.1]:40000",
            "",
        ],
        End::Server => [
            "127.0.0.1:6789",
            "192.0.2.1:6789",
            "0.0.0.0:6789",
            "[::]:6789",
            "",
        ],
    };
    prop::sample::select(texts.to_vec()).prop_map(|text| text.parse().ok())
}

fn event() -> impl Strategy<Value = Item> {
    let errors = prop::sample::select(vec![
        None,
        None,
        None,
        Some("reset"),
        Some("refused"),
        Some("\x1bno"),
    ]);
    let socket = (
        0..6_u64,
        prop::sample::select(Lab::ALL.to_vec()),
        any::<bool>(),
        any::<bool>(),
    );
    let ends = (some_address(End::Client), some_address(End::Server));
    (0..1_000_u64, socket, ends, call(), errors).prop_map(
        |(at, (socket, lab, is_client, is_udp), (client, server), call, error)| {
            let (end, local, peer) = if is_client {
                (End::Client, client, server)
            } else {
                (End::Server, server, client)
            };
            Item::Call(SocketEvent {
                at: ms(at),
                lab,
                end,
                socket,
                transport: if is_udp {
                    Transport::Udp
                } else {
                    Transport::Tcp
                },
                local,
                peer,
                call,
                error: error.map(Into::into),
            })
        },
    )
}

fn item() -> impl Strategy<Value = Item> {
    let note = (0..1_000_u64, ".*").prop_map(|(at, text)| Item::Note { at: ms(at), text });
    prop_oneof![12 => event(), 1 => note]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_sequence_gives_a_file_that_is_read_to_its_end(items in vec(item(), 0..60), cuts in vec(0..1_000_u64, 0..4)) {
        let mut capture = Capture::new(Vec::new(), clock(), &about()).unwrap();
        let mut cuts = cuts;
        cuts.sort_unstable();
        for (n, item) in items.iter().enumerate() {
            if n % 16 == 15 && let Some(at) = cuts.pop() {
                capture.left_out(1);
                capture.write_until(ms(at)).unwrap();
                walk(&capture.out);
            }
            capture.take(item);
        }
        let captured = read(capture.finish().unwrap());
        streams::check_numbers(&captured);
        let written: u64 = captured.endings.iter().map(|ending| ending.received - ending.left_out).sum();
        prop_assert_eq!(written, captured.packets.len() as u64);
    }
}
