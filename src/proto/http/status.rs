//! Status codes (RFC 9110 §15) with their reason phrases.

use serde::{Deserialize, Serialize};

/// A status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u16", try_from = "u16")]
pub struct Status(u16);

/// The first digit of a status code (RFC 9110 §15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    Informational,
    Successful,
    Redirection,
    ClientError,
    ServerError,
}

impl Class {
    pub const ALL: [Class; 5] = [
        Class::Informational,
        Class::Successful,
        Class::Redirection,
        Class::ClientError,
        Class::ServerError,
    ];
}

/// One table: constant, code, reason phrase of the IANA registry.
macro_rules! statuses {
    ($($name:ident $code:literal $reason:literal;)*) => {
        impl Status {
            $(pub const $name: Status = Status($code);)*

            /// The reason phrase; empty for a code that is not in the table.
            pub fn reason(self) -> &'static str {
                match self.0 { $($code => $reason,)* _ => "" }
            }
        }
    };
}

statuses! {
    CONTINUE 100 "Continue";
    OK 200 "OK";
    NO_CONTENT 204 "No Content";
    PARTIAL_CONTENT 206 "Partial Content";
    MOVED_PERMANENTLY 301 "Moved Permanently";
    FOUND 302 "Found";
    NOT_MODIFIED 304 "Not Modified";
    PERMANENT_REDIRECT 308 "Permanent Redirect";
    BAD_REQUEST 400 "Bad Request";
    UNAUTHORIZED 401 "Unauthorized";
    FORBIDDEN 403 "Forbidden";
    NOT_FOUND 404 "Not Found";
    METHOD_NOT_ALLOWED 405 "Method Not Allowed";
    REQUEST_TIMEOUT 408 "Request Timeout";
    GONE 410 "Gone";
    PRECONDITION_FAILED 412 "Precondition Failed";
    CONTENT_TOO_LARGE 413 "Content Too Large";
    URI_TOO_LONG 414 "URI Too Long";
    RANGE_NOT_SATISFIABLE 416 "Range Not Satisfiable";
    EXPECTATION_FAILED 417 "Expectation Failed";
    TEAPOT 418 "I'm a teapot";
    TOO_MANY_REQUESTS 429 "Too Many Requests";
    FIELDS_TOO_LARGE 431 "Request Header Fields Too Large";
    INTERNAL_SERVER_ERROR 500 "Internal Server Error";
    NOT_IMPLEMENTED 501 "Not Implemented";
    BAD_GATEWAY 502 "Bad Gateway";
    SERVICE_UNAVAILABLE 503 "Service Unavailable";
    GATEWAY_TIMEOUT 504 "Gateway Timeout";
    VERSION_NOT_SUPPORTED 505 "HTTP Version Not Supported";
}

impl From<Status> for u16 {
    fn from(status: Status) -> Self {
        status.0
    }
}

impl TryFrom<u16> for Status {
    type Error = NoStatus;

    fn try_from(code: u16) -> Result<Self, NoStatus> {
        Self::new(code).ok_or(NoStatus(code))
    }
}

/// The number is no status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no status code: they go from 100 to 599")]
pub struct NoStatus(u16);

impl Status {
    /// A code from 100 to 599.
    pub fn new(code: u16) -> Option<Self> {
        (100..600).contains(&code).then_some(Self(code))
    }

    pub fn code(self) -> u16 {
        self.0
    }

    pub fn class(self) -> Class {
        match self.0 / 100 {
            1 => Class::Informational,
            2 => Class::Successful,
            3 => Class::Redirection,
            4 => Class::ClientError,
            _ => Class::ServerError,
        }
    }

    /// Whether a response with this status never has content (RFC 9110 §6.4.1).
    pub fn forbids_content(self) -> bool {
        matches!(self.0, 100..=199 | 204 | 304)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_class_and_reason() {
        assert_eq!(Status::NOT_FOUND.class(), Class::ClientError);
        assert_eq!(Status::NOT_FOUND.reason(), "Not Found");
        assert_eq!(Status::new(299).map(Status::class), Some(Class::Successful));
        assert_eq!(Status::new(299).map(Status::reason), Some(""));
        assert_eq!(Status::new(99), None);
        assert_eq!(Status::new(600), None);
        assert!(Status::NOT_MODIFIED.forbids_content());
        assert!(!Status::OK.forbids_content());
    }
}
