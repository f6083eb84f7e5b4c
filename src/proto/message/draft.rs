//! What a person has typed into the fields of a message, on its way to an [`Outline`].
//!
//! It stands apart because the compose form and the command line both start from raw text, and because this is where control characters stop: a CR LF in
//! a subject or a name would begin a header line of its own, and once encoded (RFC 2047) nobody would see it any more.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Mailbox, Outline};
use crate::proto::smtp::address::{Address, AddressError};

/// The most recipients of one message. Servers take at least 100 at once (RFC 5321 §4.5.3.1.8); the client makes several transactions of more.
pub const MOST_RECIPIENTS: usize = 1000;

/// The longest subject, in characters.
pub const LONGEST_SUBJECT: usize = 998;

/// The longest name before an address, in characters.
pub const LONGEST_NAME: usize = 256;

/// The longest body, in bytes of UTF-8.
pub const LONGEST_BODY: usize = 10 << 20;

/// The most attachments of one message.
pub const MOST_ATTACHMENTS: usize = 100;

/// The fields of a message as raw text.
///
/// An address field is a list such as `a@b.example, Name <c@d.example>; "Name, with comma" <e@f.example>`, its separators comma, semicolon (their
/// full-width forms too) and line end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Draft {
    pub from: String,
    pub to: String,
    pub cc: String,
    pub bcc: String,
    pub subject: String,
    pub body: String,
    /// Paths of files.
    pub attachments: Vec<String>,
}

/// A field of a [`Draft`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    From,
    To,
    Cc,
    Bcc,
    Subject,
    Body,
    /// Which of the attachments, from 0.
    Attachment(usize),
}

/// What is wrong with a field. `words::draft::field_error` makes the sentence that says what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldError {
    /// From is empty.
    NoSender,
    /// More than one address in From.
    SeveralSenders,
    /// To, Cc and Bcc are all empty.
    NoRecipient,
    /// More than [`MOST_RECIPIENTS`] in To, Cc and Bcc together.
    TooManyRecipients,
    /// Not an address.
    Address { text: String, error: AddressError },
    /// A quotation mark that nothing closes.
    OpenQuote { text: String },
    /// A `<` without its `>`.
    OpenBracket { text: String },
    /// Something behind the `>`, where only a separator may stand.
    AfterBracket { text: String },
    /// A name of more than [`LONGEST_NAME`] characters.
    LongName,
    /// A line end where there is only one line.
    LineBreak,
    /// Another control character.
    Control(char),
    /// More than [`LONGEST_SUBJECT`] characters.
    LongSubject,
    /// More than [`LONGEST_BODY`] bytes.
    LongBody,
    /// A path that ends in no file name.
    NoFileName { path: String },
    /// More than [`MOST_ATTACHMENTS`].
    TooManyAttachments,
}

impl Draft {
    /// What is wrong, at most one error a field. Cheap enough for every key that is typed.
    pub fn check(&self) -> Vec<(Field, FieldError)> {
        match self.read() {
            Ok(_) => Vec::new(),
            Err(errors) => errors,
        }
    }

    /// The message, if nothing is wrong.
    pub fn outline(&self) -> Result<Outline, Vec<(Field, FieldError)>> {
        let mut outline = self.read()?;
        outline.body = self.body.replace("\r\n", "\n").replace('\r', "\n");
        Ok(outline)
    }

    /// Everything but the body.
    fn read(&self) -> Result<Outline, Vec<(Field, FieldError)>> {
        let mut errors = Vec::new();
        let mut note = |field, error: Option<FieldError>| {
            errors.extend(error.map(|error| (field, error)));
        };

        let (mut senders, error) = mailboxes(&self.from);
        note(
            Field::From,
            error.or(match senders.len() {
                0 => Some(FieldError::NoSender),
                1 => None,
                _ => Some(FieldError::SeveralSenders),
            }),
        );

        let mut recipients = 0;
        let mut list = |field, text| {
            let (mailboxes, mut error) = mailboxes(text);
            let before = recipients;
            recipients += mailboxes.len();
            if before <= MOST_RECIPIENTS && recipients > MOST_RECIPIENTS {
                error = error.or(Some(FieldError::TooManyRecipients));
            }
            note(field, error);
            mailboxes
        };
        let to = list(Field::To, &self.to);
        let cc = list(Field::Cc, &self.cc);
        let bcc = list(Field::Bcc, &self.bcc);
        if [&self.to, &self.cc, &self.bcc]
            .iter()
            .all(|text| items(text).next().is_none())
        {
            note(Field::To, Some(FieldError::NoRecipient));
        }

        let subject = self.subject.trim_matches(' ');
        let too_long = subject.chars().count() > LONGEST_SUBJECT;
        note(
            Field::Subject,
            control(subject).or(too_long.then_some(FieldError::LongSubject)),
        );
        note(Field::Body, body_error(&self.body));
        for (index, path) in self.attachments.iter().enumerate() {
            let mut error = attachment_error(path);
            if index == MOST_ATTACHMENTS {
                error = Some(FieldError::TooManyAttachments);
            }
            note(Field::Attachment(index), error);
            if index == MOST_ATTACHMENTS {
                break;
            }
        }

        match senders.pop() {
            Some(from) if errors.is_empty() => Ok(Outline {
                from,
                to,
                cc,
                bcc,
                subject: subject.to_owned(),
                body: String::new(),
                attachments: self.attachments.iter().map(PathBuf::from).collect(),
            }),
            _ => Err(errors),
        }
    }
}

/// Whether this is a line end or another control character, of which a single line holds none. The separators of Unicode count as line ends.
pub(super) fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// The first control character of a single line.
fn control(text: &str) -> Option<FieldError> {
    text.chars().find(|&c| is_control(c)).map(|c| match c {
        '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}' => FieldError::LineBreak,
        c => FieldError::Control(c),
    })
}

/// A body has lines, tabs and form feeds; all other controls would steer the reader's terminal.
fn body_error(body: &str) -> Option<FieldError> {
    if body.len() > LONGEST_BODY {
        return Some(FieldError::LongBody);
    }
    body.chars()
        .find(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}'))
        .map(FieldError::Control)
}

fn attachment_error(path: &str) -> Option<FieldError> {
    control(path).or_else(|| match Path::new(path).file_name() {
        Some(_) if !path.ends_with(std::path::is_separator) => None,
        _ => Some(FieldError::NoFileName {
            path: path.to_owned(),
        }),
    })
}

/// The mailboxes of a list and the first thing that is wrong with it.
fn mailboxes(text: &str) -> (Vec<Mailbox>, Option<FieldError>) {
    let mut found = Vec::new();
    let mut first = None;
    // One too many is enough to tell that there are too many.
    for item in items(text).take(MOST_RECIPIENTS + 1) {
        match mailbox(item) {
            Ok(mailbox) => found.push(mailbox),
            Err(error) => first = first.or(Some(error)),
        }
    }
    (found, first)
}

/// The items of an address list, trimmed, empty ones left out. What stands in quotation marks or angle brackets is never split.
fn items(text: &str) -> impl Iterator<Item = &str> {
    let mut place = Place::default();
    text.split(move |c| {
        let plain = place == Place::Plain;
        place = place.after(c);
        plain && matches!(c, ',' | ';' | '，' | '；' | '\n' | '\r')
    })
    .map(str::trim)
    .filter(|item| !item.is_empty())
}

/// Where in a list a character stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Plain,
    Bracket,
    Quote {
        in_bracket: bool,
        escaped: bool,
    },
}

impl Place {
    fn after(self, c: char) -> Place {
        match (self, c) {
            (Place::Plain, '<') => Place::Bracket,
            (Place::Bracket, '>') => Place::Plain,
            (Place::Plain | Place::Bracket, '"') => Place::Quote {
                in_bracket: self == Place::Bracket,
                escaped: false,
            },
            (
                Place::Quote {
                    in_bracket,
                    escaped: false,
                },
                '"',
            ) => {
                if in_bracket {
                    Place::Bracket
                } else {
                    Place::Plain
                }
            }
            (
                Place::Quote {
                    in_bracket,
                    escaped,
                },
                c,
            ) => Place::Quote {
                in_bracket,
                escaped: c == '\\' && !escaped,
            },
            (place, _) => place,
        }
    }
}

/// One item: an address, or a name and an address in angle brackets.
fn mailbox(item: &str) -> Result<Mailbox, FieldError> {
    if let Some(error) = control(item) {
        return Err(error);
    }
    let mut place = Place::default();
    let mut open = None;
    let mut close = None;
    for (at, c) in item.char_indices() {
        let next = place.after(c);
        match (place, next) {
            (Place::Plain, Place::Bracket) => {
                open = open.or(Some(at));
            }
            (Place::Bracket, Place::Plain) => {
                close = close.or(Some(at));
            }
            _ => {}
        }
        place = next;
    }
    let text = item.to_owned();
    match place {
        Place::Plain => {}
        Place::Bracket => return Err(FieldError::OpenBracket { text }),
        Place::Quote { .. } => return Err(FieldError::OpenQuote { text }),
    }
    let (name, address) = match (open, close) {
        (Some(open), Some(close)) => {
            if close + 1 < item.len() {
                return Err(FieldError::AfterBracket { text });
            }
            (unquoted(item[..open].trim()), item[open + 1..close].trim())
        }
        _ => (String::new(), item),
    };
    if name.chars().count() > LONGEST_NAME {
        return Err(FieldError::LongName);
    }
    match Address::parse(address) {
        Ok(address) => Ok(Mailbox {
            name: Some(name).filter(|name| !name.is_empty()),
            address,
        }),
        Err(error) => Err(FieldError::Address {
            text: address.to_owned(),
            error,
        }),
    }
}

/// A name without its quotation marks and the backslashes in them, a run of blanks as one (readers make no difference, RFC 5322 §3.2.5).
fn unquoted(name: &str) -> String {
    let mut place = Place::default();
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        let next = place.after(c);
        let edge = matches!(place, Place::Quote { .. }) != matches!(next, Place::Quote { .. });
        let escape = matches!(next, Place::Quote { escaped: true, .. });
        if !edge && !escape {
            out.push(c);
        }
        place = next;
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
