//! The web lab: requests by method, responses by status.

use sockscope::net::files::Root;
use sockscope::net::request_sender::{Plan, RequestSender};
use sockscope::net::resolve::Family;
use sockscope::net::web::WebServer;
use sockscope::proto::http::script::Pace;
use sockscope::settings::Target;
use sockscope::trace::event::Event;
use sockscope::trace::web::WebEvent;

use crate::support::web::config;
use crate::support::{PATIENCE, folder};
use crate::{Session, sorted};

const REQUESTS: [&str; 5] = [
    "GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\nGET /nothing HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "HEAD /a.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "GET /large.bin HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "DELETE /a.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
];

#[test]
#[ignore = "needs tshark"]
fn requests_and_responses_are_those_that_the_server_answered() {
    let mut session = Session::new();
    let folder = folder();
    std::fs::write(folder.path().join("a.txt"), "0123456789").expect("it can be written");
    std::fs::write(folder.path().join("large.bin"), vec![b'x'; 300_000])
        .expect("it can be written");
    let config = config(Root::Folder(folder.path().to_owned()));
    let server = WebServer::start(config, session.clock, session.tap.clone()).expect("a free port");
    let port = server.address().port();
    for (id, request) in (1..).zip(REQUESTS) {
        let plan = Plan {
            target: Target {
                host: "127.0.0.1".to_owned(),
                port,
            },
            family: Family::Any,
            bytes: request.as_bytes().to_vec(),
            pace: Pace::AtOnce,
            patience: PATIENCE,
        };
        let sender = RequestSender::start(id, plan, session.clock, session.tap.clone());
        let _sender = sender.expect("a thread starts");
        session.wait_for_ends(id as usize);
    }
    session.wait_until("all answers", |session| {
        let is_answer = |event: &&Event| matches!(event, Event::Web(WebEvent::Exchange(_)));
        session.events().filter(is_answer).count() == REQUESTS.len() + 1
    });
    let answered = |shown: fn(&sockscope::trace::web::Exchange) -> String| {
        let of = |event: &Event| match event {
            Event::Web(WebEvent::Exchange(exchange)) => Some(shown(exchange)),
            _ => None,
        };
        sorted(session.events().filter_map(of).collect())
    };
    let methods = answered(|exchange| {
        let method = &exchange.parts.method;
        let bytes = &exchange.request.bytes[method.start as usize..method.end as usize];
        String::from_utf8_lossy(bytes).into_owned()
    });
    let statuses = answered(|exchange| {
        exchange
            .status
            .map_or_else(String::new, |status| status.code().to_string())
    });
    let rules = answered(|exchange| exchange.rule.map_or("", |rule| rule.name()).to_owned());
    let captured = session.capture();
    let decode = format!("tcp.port=={port},http");
    let decode = ["-d", &decode];
    captured.assert_sound(&decode);
    captured.assert_times();
    assert_eq!(
        sorted(captured.field(&decode, "http.request", "http.request.method")),
        methods
    );
    assert_eq!(
        sorted(captured.field(&decode, "http.response", "http.response.code")),
        statuses
    );
    let body = captured.field(
        &decode,
        "http.response.code == 200 and http.content_length == 300000",
        "http.file_data",
    );
    // Older versions of tshark print text as such, newer ones in hexadecimal.
    assert!(
        body.len() == 1 && [300_000, 600_000].contains(&body[0].len()),
        "the large file, whole"
    );
    let comments = captured
        .field(
            &decode,
            "frame.comment contains \"web server, request\"",
            "frame.comment",
        )
        .join("\n");
    for rule in rules {
        assert!(
            comments.contains(&format!(": {rule} (RFC")),
            "{rule}: {comments}"
        );
    }
}
