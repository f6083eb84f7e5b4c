//! HTTP/1.1 as bytes and rules (RFC 9110 for what messages mean, RFC 9112 for how they are written): requests in, the decision about their
//! answer, and the answers' heads. No sockets, no files, no clock.

pub mod rule;
pub mod service;
pub mod status;
