//! The mail client and the mail server on real sockets: every rule that the other end can see, every limit, hostile peers on both sides, and what is
//! reported of it.

mod support;

/// Tests by what they are about.
mod mail {
    mod commands;
    mod events;
    mod faults;
    mod limits;
    mod logins;
    mod mailbox;
    mod orders;
    mod pieces;
    mod properties;
    mod rows;
    mod smuggling;
    mod time_limits;
    mod tls;
    mod wire;
}
