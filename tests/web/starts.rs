//! Where it listens, and what is said when it cannot.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::{Instant, SystemTime};

use sockscope::net::files::Root;
use sockscope::net::web::{WebConfig, WebServer};
use sockscope::trace::clock::Clock;
use sockscope::trace::start_error::{Reason, StartError, Transport};
use sockscope::trace::tap::Tap;
use sockscope::trace::web::WebEvent;

use crate::support::web::{Client, DIGITS, GET, Lab, Setup, config};

/// Why a server with this configuration does not start.
fn failure(config: WebConfig) -> StartError {
    let clock = Clock::new(Instant::now(), SystemTime::now());
    WebServer::start(config, clock, Tap::new(1, || {}))
        .err()
        .expect("it cannot start")
}

fn listening_at(ip: IpAddr) -> impl FnOnce(&mut Setup) {
    move |setup| setup.config.listen.set_ip(ip)
}

#[test]
fn a_server_at_all_addresses_tells_which() {
    let mut lab = Lab::with(listening_at([0, 0, 0, 0].into()));
    let WebEvent::Listening {
        address, reachable, ..
    } = lab.event()
    else {
        panic!("it says first where it listens");
    };
    assert_eq!(address, lab.server.address());
    assert!(!reachable.is_empty());
    for one in reachable {
        assert!(one.is_ipv4() && !one.ip().is_unspecified());
        assert_eq!(one.port(), address.port());
    }
    let local = SocketAddr::from(([127, 0, 0, 1], address.port()));
    assert_eq!(Client::connect(local).ask(GET).text(), DIGITS);
}

#[test]
fn ipv6() {
    // A machine may be without it.
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return;
    }
    let lab = Lab::with(listening_at(Ipv6Addr::LOCALHOST.into()));
    assert!(lab.server.address().is_ipv6());
    let mut client = lab.connect();
    assert_eq!(client.ask(GET).text(), DIGITS);
    assert_eq!(
        client
            .ask("GET http://[::1]:80/a.txt HTTP/1.1\r\nHost: [::1]\r\n\r\n")
            .status,
        200
    );
}

#[test]
fn what_is_in_the_way_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound");
    let error = failure(WebConfig {
        listen: address,
        ..config(Root::Embedded)
    });
    assert_eq!((error.transport, error.address), (Transport::Tcp, address));
    assert!(
        matches!(error.reason, Reason::PortTaken { .. }),
        "{error:?}"
    );

    let error = failure(config(Root::Folder(PathBuf::from("/no/such/folder"))));
    assert!(
        matches!(&error.reason, Reason::Folder { path } if path == "/no/such/folder"),
        "{error:?}"
    );
}

#[test]
fn a_port_is_free_again_at_once() {
    let mut first = Lab::new();
    let address = first.server.address();
    let mut client = first.connect();
    client.assert_open();
    // The server closes first, which leaves its end of the connection behind for a while.
    first.server.stop(crate::support::PATIENCE);
    let second = Lab::with(|setup| setup.config.listen = address);
    assert_eq!(second.ask(GET).status, 200);
}
