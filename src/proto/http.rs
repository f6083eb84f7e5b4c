//! HTTP/1.1 as bytes and rules (RFC 9110 for what messages mean, RFC 9112 for how they are written): requests in, the decision about their
//! answer, and the answers' heads. No sockets, no files, no clock.

pub mod body;
pub mod coding;
pub mod conditional;
pub mod date;
pub mod etag;
pub mod media;
pub mod range;
pub mod reply;
pub mod request;
pub mod response;
pub mod rule;
pub mod script;
pub mod secret;
pub mod service;
pub mod status;
pub mod target;
