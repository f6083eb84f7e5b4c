//! However the bytes of a client come, the replies are the same: pipelined groups in one segment, byte by byte, in two parts split anywhere.

use proptest::prelude::*;

use crate::support::mail::{EHLO, Lab, MAIL, MESSAGE, RCPT, Reply};

/// Whole sessions, with all that is allowed to be sent at once, and the codes of their replies.
fn sessions() -> Vec<(String, Vec<u16>)> {
    vec![
        (
            format!("{EHLO}\r\n{MAIL}\r\n{RCPT}\r\nDATA\r\n{MESSAGE}..dot\r\n.\r\nQUIT\r\n"),
            vec![220, 250, 250, 250, 354, 250, 221],
        ),
        (
            format!(
                "{EHLO}\r\nRSET\r\n{MAIL}\r\n{RCPT}\r\nRCPT TO:<>\r\n{RCPT}\r\nDATA\r\n.\r\n{MAIL}\r\n{RCPT}\r\nDATA\r\n.hi\r\n.\r\nQUIT\r\n"
            ),
            vec![
                220, 250, 250, 250, 250, 501, 250, 354, 250, 250, 250, 354, 250, 221,
            ],
        ),
        (
            format!(
                "{EHLO}\r\n{MAIL}\r\n{RCPT}\r\nBDAT 5\r\nab\r\ncBDAT 0\r\nBDAT 6 LAST\r\nQUIT\r\nQUIT\r\n"
            ),
            vec![220, 250, 250, 250, 250, 250, 250, 221],
        ),
        // All recipients were refused, and DATA was sent all the same (RFC 2920 §3.1).
        (
            format!(
                "{EHLO}\r\n{MAIL}\r\nRCPT TO:<>\r\nDATA\r\nRSET\r\nNOOP\r\nXYZZY\r\n\r\nQUIT\r\n"
            ),
            vec![220, 250, 250, 501, 554, 250, 250, 500, 500, 221],
        ),
        (
            format!(
                "{EHLO}\r\nAUTH LOGIN\r\ndGlt\r\nc2VjcmV0\r\nAUTH PLAIN AHQAcw==\r\n{MAIL}\nQUIT\n"
            ),
            vec![220, 250, 334, 334, 235, 503, 250, 221],
        ),
        (
            format!(
                "NOOP {}\r\nVRFY you\r\nHELP\r\nDATA\r\nQUIT\r\n",
                "x".repeat(1000)
            ),
            vec![220, 500, 252, 214, 503, 221],
        ),
    ]
}

/// All replies to these parts of a session, with the number of a stored message taken out.
fn replies(lab: &Lab, parts: &[&[u8]]) -> Vec<Reply> {
    let mut talk = lab.connect();
    for part in parts {
        talk.say(part);
    }
    let mut replies = Reply::all(&talk.finish());
    for line in replies.iter_mut().flat_map(|reply| &mut reply.lines) {
        if let Some(at) = line.find("as message ") {
            line.truncate(at);
        }
    }
    replies
}

#[test]
fn in_one_segment_and_byte_by_byte() {
    let lab = Lab::new();
    for (session, codes) in sessions() {
        let whole = replies(&lab, &[session.as_bytes()]);
        let said: Vec<u16> = whole.iter().map(|reply| reply.code).collect();
        assert_eq!(said, codes, "{session}");
        let held = lab.server.report().held;
        let bytes: Vec<&[u8]> = session.as_bytes().chunks(1).collect();
        assert_eq!(replies(&lab, &bytes), whole, "{session}");
        let taken = codes.windows(2).filter(|pair| pair == &[354, 250]).count() as u64;
        let taken = taken.max(u64::from(session.contains("LAST")));
        assert_eq!(lab.server.report().held, held + taken);
    }
    let stored = lab.messages();
    let undone = format!("{MESSAGE}.dot\r\n");
    let expected: [&[u8]; 4] = [undone.as_bytes(), b"", b"hi\r\n", b"ab\r\ncQUIT\r\n"];
    assert_eq!(stored.len(), 2 * expected.len());
    // Each session ran twice, one after the other.
    let pairs = [0, 0, 1, 2, 1, 2, 3, 3];
    for (stored, expected) in stored.iter().zip(pairs.map(|pair| expected[pair])) {
        assert_eq!(
            stored.escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
    }
}

#[test]
fn a_hundred_transactions_in_one_write() {
    let lab = Lab::new();
    let transaction = format!("{MAIL}\r\n{RCPT}\r\nDATA\r\n{MESSAGE}.\r\n");
    let mut talk = lab.session();
    talk.say(transaction.repeat(100) + "QUIT\r\n");
    let mut expected = [250, 250, 354, 250].repeat(100);
    expected.push(221);
    assert_eq!(Reply::codes(&talk.finish()), expected);
    assert_eq!(lab.server.report().held, 100);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_split_gives_the_same_replies(
        session in proptest::sample::select(sessions()),
        mut cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12),
    ) {
        let lab = Lab::new();
        let (session, codes) = session;
        let bytes = session.as_bytes();
        cuts.sort_unstable_by_key(|cut| cut.index(bytes.len()));
        let mut parts = Vec::new();
        let mut from = 0;
        for cut in cuts {
            let to = cut.index(bytes.len());
            parts.push(&bytes[from..to]);
            from = to;
        }
        parts.push(&bytes[from..]);
        let said: Vec<u16> = replies(&lab, &parts).iter().map(|reply| reply.code).collect();
        prop_assert_eq!(said, codes);
    }
}
