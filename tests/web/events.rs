//! What is reported: events, states and counters that agree with what went over the wire.

use std::collections::BTreeMap;

use sockscope::net::web::Keep;
use sockscope::proto::http::status::Class;
use sockscope::trace::web::{Cause, Ending, Exchange, Part, Phase, WebCounts, WebEvent};

use crate::support::web::{DIGITS, GET, Lab};

/// The bytes of a part of a request.
fn part<'a>(exchange: &'a Exchange, part: &Part) -> &'a [u8] {
    &exchange.request.bytes[part.start as usize..part.end as usize]
}

/// What can be said of every exchange.
fn assert_consistent(exchange: &Exchange) {
    let timing = exchange.timing;
    let steps = [
        Some(timing.accepted),
        Some(timing.arrived),
        Some(timing.begun),
        timing.parsed,
        timing.decided,
        timing.first_byte_out,
        Some(timing.done),
    ];
    assert!(steps.iter().flatten().is_sorted(), "{exchange:?}");
    assert!(timing.arrived <= timing.first_byte && timing.first_byte <= timing.done);
    assert!(exchange.request.bytes.len() as u64 <= exchange.request.length);
    assert!(exchange.response.bytes.len() as u64 <= exchange.response.length);
    let parts = &exchange.parts;
    let optional = [&parts.user_agent, &parts.referer].into_iter().flatten();
    for part in [&parts.method, &parts.target, &parts.version]
        .into_iter()
        .chain(optional)
    {
        assert!(part.start <= part.end, "{exchange:?}");
        assert!(
            part.end as usize <= exchange.request.bytes.len(),
            "{exchange:?}"
        );
    }
    if exchange.ending == Ending::Complete {
        let sent = exchange.response_head as u64 + exchange.content_sent;
        assert_eq!(exchange.response.length, sent);
        assert!(exchange.status.is_some() && timing.first_byte_out.is_some());
    }
    assert_eq!(exchange.status.is_some(), exchange.rule.is_some());
}

/// The counters that these events add up to.
fn sum(events: &[WebEvent]) -> WebCounts {
    let mut counts = WebCounts {
        accept_failures: Some(0),
        ..WebCounts::default()
    };
    for event in events {
        match event {
            WebEvent::Opened { .. } => {
                counts.connections += 1;
                counts.open += 1;
            }
            WebEvent::Closed(closed) => {
                counts.open -= 1;
                counts.bytes_in += closed.bytes_in;
                counts.bytes_out += closed.bytes_out;
                counts.refused += u64::from(closed.cause == Cause::Refused);
            }
            WebEvent::Exchange(exchange) => {
                assert_consistent(exchange);
                counts.requests += 1;
                match exchange.status {
                    None => counts.unanswered += 1,
                    Some(status) => {
                        let class = Class::ALL.iter().position(|class| *class == status.class());
                        counts.by_class[class.expect("one of the classes")] += 1;
                        counts.cut_short += u64::from(exchange.ending != Ending::Complete);
                    }
                }
                // Of the requests below, those that broke a rule are the ones that were no HTTP.
                counts.malformed += u64::from(exchange.broken_at.is_some());
            }
            _ => {}
        }
    }
    counts
}

#[test]
fn everything_is_reported_in_order_with_its_bytes() {
    let mut lab = Lab::new();
    let address = lab.server.address();
    let requests = [
        "GET /a.txt?q HTTP/1.1\r\nHost: h\r\nUser-Agent: me\r\nReferer: http://h/\r\n\r\n",
        "GET /none HTTP/1.0\r\n\r\n",
    ];
    let mut client = lab.connect();
    let responses = requests.map(|request| client.ask(request));
    client.assert_closed();
    let local = client.address();
    drop(client);
    lab.until("it is gone", |lab| lab.connections().is_empty());
    let events = lab.all_events();
    let [
        WebEvent::Listening {
            address: listening,
            reachable,
            ..
        },
        WebEvent::Opened {
            connection: 1,
            client,
            at,
        },
        WebEvent::Exchange(first),
        WebEvent::Exchange(second),
        WebEvent::Closed(closed),
    ] = events.as_slice()
    else {
        panic!("{events:?}");
    };
    assert_eq!(
        (*listening, reachable.as_slice()),
        (address, &[address][..])
    );
    assert_eq!(*client, local);
    for (exchange, (request, response)) in [first, second]
        .into_iter()
        .zip(requests.iter().zip(&responses))
    {
        assert_consistent(exchange);
        assert_eq!((exchange.connection, exchange.client), (1, local));
        assert_eq!(exchange.timing.accepted, *at);
        assert_eq!(&*exchange.request.bytes, request.as_bytes());
        assert_eq!(exchange.response_head, response.head.len());
        assert_eq!(exchange.content_sent, response.content.len() as u64);
        let whole = [response.head.as_bytes(), &response.content].concat();
        assert_eq!(&*exchange.response.bytes, whole);
        assert_eq!(exchange.parts.head, request.len());
    }
    assert_eq!((first.number, second.number), (1, 2));
    let parts = &first.parts;
    assert_eq!(part(first, &parts.method), b"GET");
    assert_eq!(part(first, &parts.target), b"/a.txt?q");
    assert_eq!(part(first, &parts.version), b"HTTP/1.1");
    assert_eq!(
        parts.user_agent.as_ref().map(|it| part(first, it)),
        Some(&b"me"[..])
    );
    assert_eq!(
        parts.referer.as_ref().map(|it| part(first, it)),
        Some(&b"http://h/"[..])
    );
    assert_eq!(
        (&second.parts.user_agent, &second.parts.referer),
        (&None, &None)
    );
    assert_eq!((closed.connection, closed.client), (1, local));
    assert_eq!((closed.cause, closed.requests), (Cause::Asked, 2));
    assert!(closed.at >= second.timing.done);
    let bytes_in: usize = requests.iter().map(|request| request.len()).sum();
    assert_eq!(closed.bytes_in, bytes_in as u64);
    assert_eq!(
        closed.bytes_out,
        first.response.length + second.response.length
    );
}

#[test]
fn counters_are_the_sum_of_the_events() {
    let mut lab = Lab::limited(|limits| limits.connections = 8);
    let length = 16_usize << 20;
    lab.file("large", vec![0; length]);
    let get_large = "GET /large HTTP/1.1\r\nHost: h\r\n\r\n";
    for request in [
        GET,
        "HEAD /a.txt HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /none HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /a.txt HTTP/1.1\r\nHost: h\r\nIf-None-Match: *\r\n\r\n",
        "GET /a.txt HTTP/1.1\r\nHost: h\r\nRange: bytes=0-0,2-2\r\n\r\n",
        "GET /a.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
        "GET / HTTP/9.9\r\n\r\n",
        "\x16\x03\x01",
        get_large,
    ] {
        let mut client = lab.connect();
        client.ask(request);
        if request.starts_with("GET /") && !request.contains("9.9") {
            client.send(GET.repeat(100));
            for _ in 0..100 {
                client.response(GET.as_bytes());
            }
        }
    }
    let mut half = lab.connect();
    half.send("GET / HTTP/1.1\r\nHo");
    half.finish();
    half.assert_closed();
    let mut cut = lab.connect_slow();
    cut.send(get_large);
    lab.until("it is being sent", |lab| {
        lab.connections()
            .iter()
            .any(|state| state.phase == Phase::Sending)
    });
    cut.reset();
    lab.until("all are gone", |lab| lab.connections().is_empty());
    let crowd: Vec<_> = (0..8).map(|_| lab.connect()).collect();
    lab.until("all are in", |lab| lab.connections().len() == 8);
    assert_eq!(lab.connect().response(b"").status, 503);
    drop(crowd);
    lab.until("all are gone", |lab| lab.connections().is_empty());

    let events = lab.all_events();
    assert_eq!(lab.left_out, 0);
    let mut summed = sum(&events);
    let counts = lab.counts();
    assert_eq!(
        (counts.unanswered, counts.cut_short, counts.refused),
        (1, 1, 1)
    );
    // A connection that was refused unheard broke no rule of HTTP.
    summed.malformed = counts.malformed;
    assert_eq!(counts, summed);
    assert_eq!(counts.malformed, 2);
    assert_eq!(
        lab.server.figures().durations.count(),
        counts.requests - counts.unanswered
    );

    // Each connection: opened, its exchanges by number, closed.
    let mut stories: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
    for event in &events {
        match event {
            WebEvent::Opened { connection, .. } => {
                assert_eq!(stories.insert(*connection, Vec::new()), None);
            }
            WebEvent::Exchange(exchange) => {
                let story = stories
                    .get_mut(&exchange.connection)
                    .expect("it was opened");
                story.push(exchange.number);
            }
            WebEvent::Closed(closed) => {
                let story = stories.remove(&closed.connection).expect("it was opened");
                assert!(story.iter().copied().eq(1..=closed.requests), "{story:?}");
            }
            _ => {}
        }
    }
    assert_eq!(stories, BTreeMap::new());
}

#[test]
fn a_full_tap_leaves_out_events_and_no_count() {
    let mut lab = Lab::with(|setup| setup.events = 5);
    for _ in 0..20 {
        assert_eq!(lab.ask(GET).status, 200);
    }
    lab.until("all are gone", |lab| lab.connections().is_empty());
    let events = lab.all_events();
    assert_eq!(events.len(), 5);
    // Listening, and three events a connection.
    assert_eq!(lab.left_out, 1 + 3 * 20 - 5);
    let counts = lab.counts();
    assert_eq!((counts.requests, counts.connections), (20, 20));
    assert_eq!(counts.bytes_in, 20 * GET.len() as u64);
}

#[test]
fn as_much_is_kept_of_a_message_as_is_asked_for() {
    let mut lab = Lab::with(|setup| {
        setup.config.keep = Keep {
            request: 60,
            response: 20,
        };
    });
    lab.file("large", vec![b'x'; 200_000]);
    let filler = "x".repeat(100);
    let request = format!(
        "GET /large HTTP/1.1\r\nHost: h\r\nUser-Agent: me\r\nX: {filler}\r\nReferer: r\r\n\r\n"
    );
    let response = lab.ask(&request);
    let exchange = lab.exchange();
    assert_eq!(&*exchange.request.bytes, &request.as_bytes()[..60]);
    assert_eq!(exchange.request.length, request.len() as u64);
    assert_eq!(&*exchange.response.bytes, &response.head.as_bytes()[..20]);
    assert_eq!(
        exchange.response.length,
        response.head.len() as u64 + 200_000
    );
    assert_consistent(&exchange);
    // The parts are those that were kept.
    let agent = exchange.parts.user_agent.clone().expect("it was kept");
    assert_eq!(part(&exchange, &agent), b"me");
    assert_eq!(exchange.parts.referer, None);
}

#[test]
fn a_refused_body_is_reported_with_its_head() {
    let mut lab = Lab::new();
    let request = "GET /a.txt HTTP/1.1\r\nHost: h\r\nUser-Agent: me\r\n\
                   Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n";
    assert_eq!(lab.ask(request).status, 400);
    let exchange = lab.exchange();
    assert_consistent(&exchange);
    assert_eq!(part(&exchange, &exchange.parts.target), b"/a.txt");
    let agent = exchange.parts.user_agent.clone().expect("it was there");
    assert_eq!(part(&exchange, &agent), b"me");
    let broken_at = exchange.broken_at.expect("it broke a rule");
    assert_eq!(Some(broken_at), request.find("zz"));
    assert!(request.as_bytes().starts_with(&exchange.request.bytes));
}

#[test]
fn what_is_going_on_can_be_seen() {
    let mut lab = Lab::new();
    let length = 16_usize << 20;
    lab.file("large", vec![0; length]);
    let mut client = lab.connect_slow();
    let states = lab.until_phases(&[Phase::Silent]);
    assert_eq!(
        (states[0].client, states[0].requests),
        (client.address(), 0)
    );

    client.send("GET /la");
    let states = lab.until_phases(&[Phase::Reading]);
    assert_eq!(&*states[0].request.bytes, b"GET /la");
    assert_eq!((states[0].requests, states[0].request.length), (1, 7));
    let first_byte = states[0].first_byte.expect("it has come");

    client.send("rge HTTP/1.1\r\nHost: h\r\n\r\n");
    let state = lab.until_phases(&[Phase::Sending]).remove(0);
    assert_eq!(
        &*state.request.bytes,
        b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n"
    );
    assert_eq!((state.requests, state.first_byte), (1, Some(first_byte)));
    let target = state.parts.target.start as usize..state.parts.target.end as usize;
    assert_eq!(&state.request.bytes[target], b"/large");
    assert_eq!(state.status.map(|status| status.code()), Some(200));
    assert!(state.to_send > length as u64);
    lab.until("something is sent", |lab| lab.connections()[0].sent > 0);

    let request = "GET /large HTTP/1.1\r\n\r\n";
    assert_eq!(client.response(request.as_bytes()).content.len(), length);
    let state = lab.until_phases(&[Phase::Idle]).remove(0);
    assert_eq!(
        (state.requests, state.first_byte, state.status),
        (1, None, None)
    );
    assert_eq!((state.sent, state.to_send, state.request.length), (0, 0, 0));

    // The beginning of the next request that came behind a whole one.
    client.send([GET, "GET /be"].concat());
    assert_eq!(client.response(GET.as_bytes()).text(), DIGITS);
    let state = lab.until_phases(&[Phase::Reading]).remove(0);
    assert_eq!(
        (&*state.request.bytes, state.requests),
        (&b"GET /be"[..], 3)
    );
}
