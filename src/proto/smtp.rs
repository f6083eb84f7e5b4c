//! SMTP (RFC 5321) and what the labs need of its extensions: bytes in, decisions out, for both ends.
//!
//! | part | what it is |
//! |---|---|
//! | [`stage`] | the steps of a session, and how long each may take |
//! | [`address`] | the addresses of an envelope |
//! | [`reply`], [`code`], [`capability`] | what a server says |
//! | [`command`] | what a client says, as a server reads it |
//! | [`transparency`] | dots doubled, and where a message ends |
//! | [`sasl`] | the mechanisms of AUTH |
//! | [`plan`] | what a client is to do |
//! | [`outcome`] | how a sending can end |
//! | [`client`] | the client: whole replies in, the next step out |
//! | [`server`] | the server: commands in, replies and deeds out |
//! | [`fault`] | what the lab's server does wrong on purpose |

pub mod address;
pub mod capability;
pub mod client;
pub mod code;
pub mod command;
pub mod fault;
pub mod outcome;
pub mod plan;
pub mod reply;
pub mod sasl;
pub mod server;
pub mod stage;
pub mod transparency;
