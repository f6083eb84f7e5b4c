//! The fields of the compose form, and what can be wrong with those that are not part of the message.

use std::time::Duration;

use crate::dashboard::widgets::form::Kind;
use crate::proto::link::SpecError;
use crate::proto::message::draft::{Field, FieldError};
use crate::proto::smtp::plan::{Security, TIME_SCALES};
use crate::proto::smtp::sasl::{CredentialError, Mechanism};
use crate::proto::smtp::stage::Stage;
use crate::words::{Words, draft, phrases};

/// A field of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FormField {
    Preset,
    Server,
    Port,
    Security,
    Login,
    User,
    Password,
    From,
    To,
    Cc,
    Bcc,
    Subject,
    Attachments,
    /// It has an editor of its own below the form.
    Body,
    // The other page.
    Step,
    Pipelining,
    Chunking,
    Check,
    CaFile,
    Helo,
    TimeScale,
    RetryPause,
    RetryTimes,
    Count,
    QuitAfter,
}

/// The pages of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormPage {
    Message,
    Options,
}

/// Which separators part the addresses of a field.
const ADDRESSES: &[char] = &[',', ';', '，', '；'];
/// Paths may hold commas.
const PATHS: &[char] = &[';', '；'];

/// Ways to log in, in the order of the choice; the first does not.
pub const LOGINS: [Option<Mechanism>; 5] = [
    None,
    Some(Mechanism::Plain),
    Some(Mechanism::Login),
    Some(Mechanism::CramMd5),
    Some(Mechanism::XOauth2),
];

/// Stages after which a session can be told to end, in the order of the choice; the first does not.
pub const QUITS: [Option<Stage>; 7] = [
    None,
    Some(Stage::Banner),
    Some(Stage::Ehlo),
    Some(Stage::Auth),
    Some(Stage::Mail),
    Some(Stage::Rcpt),
    Some(Stage::Data),
];

impl FormField {
    /// The fields in the order in which they stand, but for the body.
    pub const ALL: [FormField; 24] = [
        FormField::Preset,
        FormField::Server,
        FormField::Port,
        FormField::Security,
        FormField::Login,
        FormField::User,
        FormField::Password,
        FormField::From,
        FormField::To,
        FormField::Cc,
        FormField::Bcc,
        FormField::Subject,
        FormField::Attachments,
        FormField::Step,
        FormField::Pipelining,
        FormField::Chunking,
        FormField::Check,
        FormField::CaFile,
        FormField::Helo,
        FormField::TimeScale,
        FormField::RetryPause,
        FormField::RetryTimes,
        FormField::Count,
        FormField::QuitAfter,
    ];

    pub fn page(self) -> FormPage {
        match self {
            FormField::Step
            | FormField::Pipelining
            | FormField::Chunking
            | FormField::Check
            | FormField::CaFile
            | FormField::Helo
            | FormField::TimeScale
            | FormField::RetryPause
            | FormField::RetryTimes
            | FormField::Count
            | FormField::QuitAfter => FormPage::Options,
            _ => FormPage::Message,
        }
    }

    pub fn kind(self, presets: usize) -> Kind {
        match self {
            FormField::Preset => Kind::Choice { options: presets },
            FormField::Security => Kind::Choice {
                options: Security::ALL.len(),
            },
            FormField::Login => Kind::Choice {
                options: LOGINS.len(),
            },
            FormField::QuitAfter => Kind::Choice {
                options: QUITS.len(),
            },
            FormField::Password => Kind::Masked,
            FormField::To | FormField::Cc | FormField::Bcc => Kind::List {
                separators: ADDRESSES,
            },
            FormField::Attachments => Kind::List { separators: PATHS },
            FormField::Step | FormField::Pipelining | FormField::Chunking | FormField::Check => {
                Kind::Switch
            }
            _ => Kind::Text,
        }
    }

    /// The message key of its label.
    pub fn label(self) -> &'static str {
        match self {
            FormField::Preset => "mail.field.preset",
            FormField::Server => "mail.field.server",
            FormField::Port => "mail.field.port",
            FormField::Security => "mail.field.security",
            FormField::Login => "mail.field.login",
            FormField::User => "mail.field.user",
            FormField::Password => "mail.field.password",
            FormField::From => "mail.field.from",
            FormField::To => "mail.field.to",
            FormField::Cc => "mail.field.cc",
            FormField::Bcc => "mail.field.bcc",
            FormField::Subject => "mail.field.subject",
            FormField::Attachments => "mail.field.attachments",
            FormField::Body => "mail.field.body",
            FormField::Step => "mail.field.step",
            FormField::Pipelining => "mail.field.pipelining",
            FormField::Chunking => "mail.field.chunking",
            FormField::Check => "mail.field.check",
            FormField::CaFile => "mail.field.ca_file",
            FormField::Helo => "mail.field.helo",
            FormField::TimeScale => "mail.field.time_scale",
            FormField::RetryPause => "mail.field.retry_pause",
            FormField::RetryTimes => "mail.field.retry_times",
            FormField::Count => "mail.field.count",
            FormField::QuitAfter => "mail.field.quit_after",
        }
    }

    /// The message key of what is good to know about it.
    pub fn note(self) -> Option<&'static str> {
        match self {
            FormField::Security => Some("mail.note.security"),
            FormField::Login => Some("mail.note.login"),
            FormField::To | FormField::Cc => Some("mail.note.addresses"),
            FormField::Bcc => Some("mail.note.bcc"),
            FormField::Attachments => Some("mail.note.attachments"),
            FormField::Step => Some("mail.note.step"),
            FormField::Pipelining => Some("mail.note.pipelining"),
            FormField::Chunking => Some("mail.note.chunking"),
            FormField::Check => Some("mail.note.check"),
            FormField::CaFile => Some("mail.note.ca_file"),
            FormField::Helo => Some("mail.note.helo"),
            FormField::TimeScale => Some("mail.note.time_scale"),
            FormField::RetryPause | FormField::RetryTimes => Some("mail.note.retry"),
            FormField::Count => Some("mail.note.count"),
            FormField::QuitAfter => Some("mail.note.quit_after"),
            _ => None,
        }
    }

    /// The field of the form that shows a field of the message.
    pub fn of(field: Field) -> Self {
        match field {
            Field::From => FormField::From,
            Field::To => FormField::To,
            Field::Cc => FormField::Cc,
            Field::Bcc => FormField::Bcc,
            Field::Subject => FormField::Subject,
            Field::Body => FormField::Body,
            Field::Attachment(_) => FormField::Attachments,
        }
    }
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Wrong {
    Message(FieldError),
    NoServer,
    Server,
    Port,
    Credential(CredentialError),
    NoPassword,
    Helo,
    TimeScale,
    Duration(SpecError),
    /// Not a number from 1 to this.
    Number(u32),
}

/// The longest pause before another try.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

impl Wrong {
    /// What is wrong, and what would be right.
    pub fn sentence(&self, words: Words) -> String {
        match self {
            Wrong::Message(error) => draft::field_error(error, words),
            Wrong::NoServer => words.t("mail.wrong.no_server").into_owned(),
            Wrong::Server => words.t("mail.wrong.server").into_owned(),
            Wrong::Port => words.t("mail.wrong.port").into_owned(),
            Wrong::Credential(error) => words.t(error.key()).into_owned(),
            Wrong::NoPassword => words.t("mail.wrong.no_password").into_owned(),
            Wrong::Helo => words.t("mail.wrong.helo").into_owned(),
            Wrong::TimeScale => words.fill(
                "mail.wrong.time_scale",
                &[("least", TIME_SCALES.start()), ("most", TIME_SCALES.end())],
            ),
            Wrong::Duration(error) => phrases::spec_error(error, words),
            Wrong::Number(most) => words.fill("mail.wrong.number", &[("most", most)]),
        }
    }
}
