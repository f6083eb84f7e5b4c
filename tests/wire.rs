//! The socket calls that the labs tell, over real sockets: their names and order at each end, their bytes, their errors, and no secret in any of them.

mod support;

/// Tests by lab.
mod wire {
    mod http;
    mod mail;
    mod udp;
    mod watch;
}
