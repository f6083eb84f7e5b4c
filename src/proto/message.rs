//! Messages (RFC 5322 and MIME): what a person writes, what goes over the wire, and what a mailbox holds.

mod base64_lines;
pub mod compose;
pub mod draft;
mod header;
pub mod read;
pub mod stamp;

use std::path::PathBuf;

use super::smtp::address::{Address, Envelope};

pub use base64_lines::Base64Lines;

/// A message as a person wrote it, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    pub from: Mailbox,
    pub to: Vec<Mailbox>,
    pub cc: Vec<Mailbox>,
    /// They get the message, and no header tells.
    pub bcc: Vec<Mailbox>,
    pub subject: String,
    /// Its lines ended by LF.
    pub body: String,
    /// Files, read when the message is sent.
    pub attachments: Vec<PathBuf>,
}

impl Outline {
    /// A message without subject, text and files.
    pub fn new(from: Mailbox, to: Vec<Mailbox>) -> Self {
        Self {
            from,
            to,
            cc: Vec::new(),
            bcc: Vec::new(),
            subject: String::new(),
            body: String::new(),
            attachments: Vec::new(),
        }
    }
}

/// An address with the name that goes before it (RFC 5322 §3.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    pub name: Option<String>,
    pub address: Address,
}

impl Outline {
    /// Who gets it: To, Cc and Bcc in this order, each address once.
    pub fn envelope(&self) -> Envelope {
        let mut to: Vec<Address> = Vec::new();
        for mailbox in self.to.iter().chain(&self.cc).chain(&self.bcc) {
            if !to.contains(&mailbox.address) {
                to.push(mailbox.address.clone());
            }
        }
        Envelope {
            from: Some(self.from.address.clone()),
            to,
        }
    }
}
