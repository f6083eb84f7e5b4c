//! What holds for any bytes: the server lives, says nothing but replies, and keeps what it was sent.

use std::sync::OnceLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use sockscope::proto::smtp::transparency::Stuffer;

use crate::support::mail::{AUTH, EHLO, Lab, MAIL, MESSAGE, RCPT, Reply};

/// Pieces of sessions, so that soup gets further than the first command.
const PIECES: [&str; 30] = [
    "EHLO x\r\n",
    "HELO x\r\n",
    "MAIL FROM:<a@b.example>\r\n",
    "RCPT TO:<c@d.example>\r\n",
    "RCPT TO:<>\r\n",
    "DATA\r\n",
    ".\r\n",
    "\r\n.\r\n",
    "\n.\n",
    "..\r\n",
    "BDAT 3\r\nabc",
    "BDAT 2 LAST\r\nxy",
    "BDAT 99999999999\r\n",
    "RSET\r\n",
    "AUTH LOGIN\r\n",
    "dGlt\r\n",
    "*\r\n",
    "AUTH PLAIN AHQAcw==\r\n",
    "AUTH CRAM-MD5\r\n",
    "NOOP\r\n",
    "VRFY x\r\n",
    "HELP\r\n",
    "\r",
    "\n",
    "\0",
    "\r\n",
    "MAIL FROM:<",
    "QUIT\r\n",
    "STARTTLS\r\n",
    "Subject: x\r\n",
];

fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => select(&PIECES[..]).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..200),
        1 => (1..20_000_usize).prop_map(|length| vec![b'x'; length]),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// One server for all cases: what one leaves behind must not hurt the next.
fn lab() -> &'static Lab {
    static LAB: OnceLock<Lab> = OnceLock::new();
    LAB.get_or_init(|| {
        Lab::with(|setup| {
            setup.secure();
            // Nobody reads the events.
            setup.events = 0;
        })
    })
}

/// A message as a client would send it, and what of it must arrive.
fn encoded(body: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut wire = Vec::new();
    let mut stuffer = Stuffer::new();
    stuffer.push(body, &mut wire);
    stuffer.finish(&mut wire);
    let mut lines = Vec::new();
    let mut rest = body.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        match byte {
            b'\r' => {
                rest.next_if_eq(&b'\n');
                lines.extend_from_slice(b"\r\n");
            }
            b'\n' => lines.extend_from_slice(b"\r\n"),
            byte => lines.push(byte),
        }
    }
    if !lines.is_empty() && !lines.ends_with(b"\n") {
        lines.extend_from_slice(b"\r\n");
    }
    (wire, lines)
}

/// Bodies with much of what matters: dots, halves of line ends, any byte.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b".".to_vec()),
        Just(b"..".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n.\r\n".to_vec()),
        vec(any::<u8>(), 0..60),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn soup_does_not_kill_the_server_and_every_reply_is_one(soup in soup()) {
        let lab = lab();
        let mut talk = lab.connect();
        // It may have closed in the middle of it.
        let _ = talk.try_say(&soup);
        let said = talk.finish();
        // Behind an agreement on TLS stand the bytes of TLS.
        let replies = if soup.windows(8).any(|word| word.eq_ignore_ascii_case(b"STARTTLS")) {
            Vec::new()
        } else {
            Reply::all(&said)
        };
        for reply in replies {
            prop_assert!(!reply.lines.is_empty());
        }
        prop_assert!(!lab.server.is_finished());
        let mut talk = lab.session();
        prop_assert_eq!(talk.ask("NOOP"), 250);
    }

    #[test]
    fn what_is_sent_is_what_is_stored(body in body(), cut in any::<prop::sample::Index>()) {
        let lab = Lab::new();
        let mut whole = b"X: 1\r\n\r\n".to_vec();
        whole.extend_from_slice(&body);
        let (wire, expected) = encoded(&whole);
        let mut talk = lab.session();
        talk.begin(1);
        let (first, second) = wire.split_at(cut.index(wire.len()));
        talk.say(first);
        talk.say(second);
        prop_assert_eq!(talk.reply().code, 250);
        let stored = lab.messages();
        prop_assert_eq!(stored.len(), 1);
        prop_assert_eq!(stored[0].escape_ascii().to_string(), expected.escape_ascii().to_string());
    }

    #[test]
    fn chunks_are_stored_as_they_are(body in vec(any::<u8>(), 0..3_000), cuts in vec(any::<prop::sample::Index>(), 0..4)) {
        let lab = Lab::new();
        let mut whole = b"X: 1\r\n\r\n".to_vec();
        whole.extend_from_slice(&body);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(whole.len())).collect();
        cuts.sort_unstable();
        let mut session = format!("{EHLO}\r\n{AUTH}\r\n{MAIL}\r\n{RCPT}\r\n").into_bytes();
        let mut expected = vec![220, 250, 235, 250, 250];
        let mut from = 0;
        for to in cuts {
            session.extend_from_slice(format!("BDAT {}\r\n", to - from).as_bytes());
            session.extend_from_slice(&whole[from..to]);
            expected.push(250);
            from = to;
        }
        session.extend_from_slice(format!("BDAT {} LAST\r\n", whole.len() - from).as_bytes());
        session.extend_from_slice(&whole[from..]);
        expected.push(250);
        let mut talk = lab.connect();
        talk.say(&session);
        prop_assert_eq!(Reply::codes(&talk.finish()), expected);
        prop_assert_eq!(&lab.messages()[0], &whole);
    }
}

#[test]
fn the_server_of_the_soup_still_takes_mail() {
    let mut talk = lab().session();
    assert_eq!(talk.send(MESSAGE).code, 250);
}
