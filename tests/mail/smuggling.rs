//! Where a message ends: each false end, with a second message smuggled behind it, at a strict and at a lenient server.

use sockscope::proto::smtp::server::EndOfData;
use sockscope::trace::mail::SessionEnd;

use crate::support::mail::{Lab, Reply, Talk};

/// What stands between the text of the first message and the commands that would send the second.
#[derive(Clone, Copy)]
struct Ending {
    bytes: &'static str,
    /// A lenient server takes it for the end.
    ends: bool,
    /// What a strict server says to the message.
    strict: Strict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strict {
    /// Whether this is the end is in doubt: refused, and the session is closed.
    Closed,
    /// A bare CR or LF in the text: refused.
    Refused,
    /// It is text.
    Taken,
}

const fn ending(bytes: &'static str, ends: bool, strict: Strict) -> Ending {
    Ending {
        bytes,
        ends,
        strict,
    }
}

const ENDINGS: [Ending; 11] = [
    ending("\n.\n", true, Strict::Closed),
    ending("\n.\r\n", true, Strict::Closed),
    ending("\r\n.\n", true, Strict::Closed),
    ending("\r\n.\r\r\n", true, Strict::Closed),
    ending("\r\r\n.\r\r\n", true, Strict::Closed),
    ending("\n.\r", false, Strict::Refused),
    ending("\r.\n", false, Strict::Refused),
    ending("\r.\r", false, Strict::Refused),
    ending("\r.\r\n", false, Strict::Refused),
    ending("\r\n.\r", false, Strict::Refused),
    ending("\r\n\0.\r\n", false, Strict::Taken),
];

fn lab(end_of_data: EndOfData) -> Lab {
    Lab::with(|setup| setup.config.end_of_data = end_of_data)
}

/// Two messages, the second behind the ending; all in one write, as an attacker's server would relay it.
fn attack(ending: &str) -> String {
    format!(
        "Subject: first\r\n\r\nHello{ending}MAIL FROM:<admin@bank.example>\r\nRCPT TO:<victim@d.example>\r\nDATA\r\n\
         Subject: smuggled\r\n\r\nBelieve me.\r\n.\r\n"
    )
}

fn attacked(lab: &Lab, ending: &str) -> Vec<Reply> {
    let mut talk: Talk = lab.session();
    talk.begin(1);
    talk.say(attack(ending));
    Reply::all(&talk.finish())
}

fn codes(replies: &[Reply]) -> Vec<u16> {
    replies.iter().map(|reply| reply.code).collect()
}

#[test]
fn a_strict_server_sees_one_message_and_says_what_is_wrong_with_it() {
    for Ending { bytes, strict, .. } in ENDINGS {
        let mut lab = lab(EndOfData::Strict);
        let replies = attacked(&lab, bytes);
        let reply = &replies[0];
        let shown = bytes.escape_debug();
        assert_eq!(
            replies.len(),
            1,
            "no second transaction: {shown} {replies:?}"
        );
        match strict {
            Strict::Closed => {
                assert_eq!((reply.code, reply.enhanced()), (521, "5.5.2"), "{shown}");
                assert!(reply.text().contains("CR LF . CR LF"), "{reply:?}");
                assert_eq!(lab.end_of(1), SessionEnd::Misbehaved, "{shown}");
            }
            Strict::Refused => {
                assert_eq!((reply.code, reply.enhanced()), (550, "5.5.2"), "{shown}");
                assert!(reply.text().contains("bare CR or LF"), "{reply:?}");
            }
            Strict::Taken => assert_eq!(reply.code, 250, "{shown}"),
        }
        lab.wait_for_all();
        let arrived = lab.arrived();
        assert_eq!(
            arrived.len(),
            usize::from(strict == Strict::Taken),
            "{shown}"
        );
        assert!(
            arrived.iter().all(|one| one
                .envelope
                .from
                .as_ref()
                .is_some_and(|from| from.as_str() == "a@b.example")),
            "{shown}"
        );
    }
}

#[test]
fn a_strict_server_is_as_strict_byte_by_byte() {
    for Ending { bytes, strict, .. } in ENDINGS {
        let lab = lab(EndOfData::Strict);
        let mut talk = lab.session();
        talk.begin(1);
        for byte in attack(bytes).bytes() {
            // It may have closed at the doubtful end.
            if talk.try_say([byte]).is_err() {
                break;
            }
        }
        let expected = match strict {
            Strict::Closed => 521,
            Strict::Refused => 550,
            Strict::Taken => 250,
        };
        assert_eq!(
            Reply::codes(&talk.finish()),
            [expected],
            "{}",
            bytes.escape_debug()
        );
    }
}

#[test]
fn a_lenient_server_has_the_smuggled_message_in_its_mailbox() {
    for Ending { bytes, ends, .. } in ENDINGS {
        let mut lab = lab(EndOfData::Lenient);
        let said = codes(&attacked(&lab, bytes));
        lab.wait_for_all();
        let shown = bytes.escape_debug();
        let senders: Vec<String> = lab
            .listed()
            .iter()
            .map(|one| one.envelope.from.as_ref().expect("it has one").to_string())
            .collect();
        if ends {
            assert_eq!(said, [250, 250, 250, 354, 250], "{shown}");
            assert_eq!(senders, ["a@b.example", "admin@bank.example"], "{shown}");
            let subjects: Vec<String> = lab.listed().into_iter().map(|one| one.subject).collect();
            assert_eq!(subjects, ["first", "smuggled"], "{shown}");
        } else {
            assert_eq!(said, [250], "{shown}");
            assert_eq!(senders, ["a@b.example"], "{shown}");
        }
    }
}

#[test]
fn the_right_end_is_one_everywhere() {
    for end_of_data in [EndOfData::Strict, EndOfData::Lenient] {
        let lab = lab(end_of_data);
        assert_eq!(
            codes(&attacked(&lab, "\r\n.\r\n")),
            [250, 250, 250, 354, 250]
        );
        assert_eq!(lab.server.report().held, 2);
    }
}

#[test]
fn the_switch_works_from_the_next_message_on() {
    let lab = lab(EndOfData::Strict);
    let mut talk = lab.session();
    lab.server.set_end_of_data(EndOfData::Lenient);
    talk.begin(1);
    talk.say("Hi\n.\n");
    assert_eq!(talk.reply().code, 250);
    lab.server.set_end_of_data(EndOfData::Strict);
    talk.begin(1);
    talk.say("Hi\n.\n");
    assert_eq!(talk.reply().code, 521);
    assert_eq!(talk.finish(), b"");
}

#[test]
fn chunks_have_no_end_to_smuggle_by() {
    let mut lab = lab(EndOfData::Lenient);
    for Ending { bytes, .. } in ENDINGS {
        let text = attack(bytes);
        let mut talk = lab.session();
        talk.say(format!(
            "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nBDAT {} LAST\r\n{text}",
            text.len()
        ));
        assert_eq!(Reply::codes(&talk.finish()), [250, 250, 250]);
    }
    lab.wait_for_all();
    let stored = lab.messages();
    assert_eq!(stored.len(), ENDINGS.len());
    for (stored, ending) in stored.iter().zip(ENDINGS) {
        assert!(*stored == attack(ending.bytes).into_bytes());
    }
}
