//! The mechanisms of AUTH (RFC 4954), for both ends: what a client answers to each challenge, and what a server makes of it.

/// A mechanism of AUTH.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// RFC 4616: user and password in one answer, encoded, not encrypted.
    Plain,
    /// No RFC: user and password in an answer each, encoded, not encrypted.
    Login,
    /// RFC 2195: the password never crosses the wire, its digest with a challenge does.
    CramMd5,
    /// Google's and Microsoft's: a token in place of a password.
    XOauth2,
}

impl Mechanism {
    pub const ALL: [Mechanism; 4] = [
        Mechanism::Plain,
        Mechanism::Login,
        Mechanism::CramMd5,
        Mechanism::XOauth2,
    ];

    /// Its name on the wire.
    pub fn keyword(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::Login => "LOGIN",
            Mechanism::CramMd5 => "CRAM-MD5",
            Mechanism::XOauth2 => "XOAUTH2",
        }
    }

    /// Its name in flags and settings: the keyword in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Mechanism::Plain => "plain",
            Mechanism::Login => "login",
            Mechanism::CramMd5 => "cram-md5",
            Mechanism::XOauth2 => "xoauth2",
        }
    }

    /// The mechanism of that keyword, in any case.
    pub fn from_keyword(keyword: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|mechanism| mechanism.keyword().eq_ignore_ascii_case(keyword))
    }
}
