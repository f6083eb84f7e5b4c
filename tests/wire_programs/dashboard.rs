//! A capture that a key of the dashboard begins and ends, with all labs in it.

use crate::support::session::{NOTE, all_labs, port};
use crate::support::terminal::{dashboard, figure, keys};
use crate::{Captured, sorted};

#[test]
#[ignore = "needs tshark"]
fn a_key_captures_what_all_labs_did_since_the_start() {
    // Loss as in the textbook's lab: 4 of 11.
    let mut terminal = dashboard((120, 36), &[]);
    let [echo, web, mail] = ["echo", "web", "mail"].map(|lab| port(&mut terminal, lab));
    terminal.wait_for("some pings", |screen| figure(screen, "replied") >= Some(2));
    terminal.keys_then("w", ".pcapng");
    terminal.keys_then(keys::ENTER, "● capturing ");
    let pings = all_labs(&mut terminal);
    let dropped = figure(terminal.screen(), "dropped req/rep");
    terminal.keys_then("w", "captured: ");
    let said = terminal.text();
    terminal.keys("q");
    let ended = terminal.finish();
    assert_eq!(ended.code, 0, "{}", ended.text());

    let files = std::fs::read_dir(ended.home()).expect("the home is there");
    let paths = files.map(|file| file.expect("it is there").path());
    let path = paths
        .into_iter()
        .find(|path| path.extension().is_some_and(|it| it == "pcapng"));
    let captured = Captured::at(path.expect("a capture"));
    let decode = [
        format!("udp.port=={echo},data"),
        format!("tcp.port=={web},http"),
        format!("tcp.port=={mail},smtp"),
    ];
    let decode: Vec<&str> = decode.iter().flat_map(|rule| ["-d", rule]).collect();
    captured.assert_sound(&decode);
    captured.assert_times();
    let packets = captured.number_of(&[], "frame");
    assert!(
        said.contains(&format!("packets: {packets}")),
        "{packets} in\n{said}"
    );

    // Pings from the first one on, though the capture was begun after it.
    let requests = format!("udp.dstport == {echo}");
    assert_eq!(captured.number_of(&[], &requests), pings.sent);
    let first = captured.field(&[], &requests, "data.text");
    assert!(
        first.is_empty() || first[0].starts_with("Ping 1 "),
        "{first:?}"
    );
    let replies = captured.number_of(&[], &format!("udp.srcport == {echo}"));
    assert_eq!(replies, pings.replied + pings.late);
    let lost = captured.number_of(
        &[],
        &format!("{requests} and frame.comment contains \": request-lost\""),
    );
    assert_eq!(Some(lost), dropped);
    assert_eq!(lost, pings.lost);

    assert_eq!(
        captured.field(&decode, "http.request", "http.request.method"),
        ["GET"]
    );
    assert_eq!(
        captured.field(&decode, "http.response", "http.response.code"),
        ["200"]
    );
    let commands = captured.field(&decode, "smtp.req.command", "smtp.req.command");
    let commands: Vec<String> = sorted(commands);
    assert_eq!(commands, ["DATA", "EHLO", "MAIL", "QUIT", "RCPT"]);
    let codes = captured.field(&decode, "smtp.rsp", "smtp.response.code");
    assert_eq!(
        sorted(codes),
        ["220", "221", "250", "250", "250", "250", "354"]
    );
    for (lab, filter) in [("ping", "udp"), ("web", "http"), ("mail", "smtp")] {
        let names = captured.field(&decode, filter, "frame.interface_name");
        assert!(names.iter().all(|name| name == lab), "{names:?}");
    }
    let noted = captured.field(
        &decode,
        &format!("frame.comment contains \"{NOTE}\""),
        "frame.number",
    );
    assert_eq!(noted.len(), 1);
}
