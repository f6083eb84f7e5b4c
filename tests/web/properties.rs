//! Whatever is sent, the server answers or closes, and goes on.

use std::sync::LazyLock;
use std::time::Duration;

use proptest::prelude::*;

use crate::support::web::{GET, Lab, Response, marked};

/// What requests are made of, whole and broken.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: [&str; 24] = [
        "GET ",
        "HEAD ",
        "POST ",
        "/",
        "/a.txt",
        "*",
        " HTTP/1.1",
        " HTTP/1.0",
        " HTTP/9.9",
        "\r\n",
        "\n",
        "\r\n\r\n",
        "Host: h\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Transfer-Encoding: chunked\r\n",
        "5\r\nhello\r\n0\r\n\r\n",
        "Expect: 100-continue\r\n",
        "Connection: close\r\n",
        "Range: bytes=0-0,-1\r\n",
        ": ",
        " ",
        "\x16\x03",
        "%00/../",
    ];
    let piece = prop_oneof![
        8 => prop::sample::select(&PIECES[..]).prop_map(|piece| piece.as_bytes().to_vec()),
        2 => Just(GET.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

/// Requests with answers that do not depend on what came before.
const REQUESTS: [&str; 10] = [
    GET,
    "HEAD /a.txt HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /none HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /sub HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /large HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /large HTTP/1.1\r\nHost: h\r\nRange: bytes=1000-90000\r\n\r\n",
    "\r\nGET /a.txt HTTP/1.1\r\nHost: h\r\nIf-None-Match: *\r\n\r\n",
    "POST /a.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nGET / HTT",
    "GET /a.txt HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
     5\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
];

/// A server for all cases of a property.
static LAB: LazyLock<Lab> = LazyLock::new(|| {
    // Tags are strong from the beginning, and stay the same.
    let mut lab = Lab::with(|setup| setup.wall += Duration::from_secs(3_600));
    lab.file("sub/x", "x");
    lab.file("large", vec![b'x'; 100_000]);
    lab
});

/// The answers to the requests, each asked on a connection of its own.
static ANSWERS: LazyLock<Vec<Response>> =
    LazyLock::new(|| REQUESTS.iter().map(|request| LAB.ask(request)).collect());

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_bytes_harm_the_server(soup in soup()) {
        let lab = &*LAB;
        let mut client = lab.connect();
        client.send(&soup);
        client.finish();
        let (answers, _) = client.rest();
        prop_assert!(answers.is_empty() || answers.starts_with(b"HTTP/1.1 "));
        client = lab.connect();
        client.assert_open();
        prop_assert!(!lab.server.is_finished());
    }

    #[test]
    fn requests_cut_anywhere_are_answered_as_if_sent_one_at_a_time(
        picks in prop::collection::vec(0..REQUESTS.len(), 1..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let lab = &*LAB;
        let bytes: Vec<u8> = picks.iter().flat_map(|&pick| marked(REQUESTS[pick]).0).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.push(bytes.len());
        cuts.sort_unstable();
        let mut client = lab.connect();
        let mut sent = 0;
        for cut in cuts {
            client.send(&bytes[sent..cut]);
            sent = cut;
            // So that the server sees some of the cuts.
            std::thread::yield_now();
        }
        for pick in picks {
            let response = client.response(REQUESTS[pick].as_bytes());
            let (head, content) = response.lasting();
            let expected = ANSWERS[pick].lasting();
            prop_assert_eq!(head, expected.0, "{}", REQUESTS[pick]);
            prop_assert!(content == expected.1, "{}", REQUESTS[pick]);
        }
        client.finish();
        client.assert_closed();
    }
}
