//! Commands as a server reads them (RFC 5321 §4.1): a line taken apart, and what is wrong with it as the reply that says so.
//!
//! It stands apart from the session because it knows no order of commands: what a line says does not depend on what was said before, but for the
//! extensions that EHLO switched on. It allocates nothing but the addresses it hands out.

mod parameters;
mod path;

use std::ops::Range;

use super::address::Address;
use super::sasl::Mechanism;
use super::stage::Stage;

/// Bytes of a command line, its end included (RFC 5321 §4.5.3.1.4).
const LINE: usize = 512;
/// What the parameters of MAIL add to that: SIZE 26 (RFC 1870 §3), BODY 17 (RFC 6152 §2), SMTPUTF8 10 (RFC 6531 §3.1), AUTH 500 (RFC 4954 §3), and
/// RET with ENVID of 100 bytes (RFC 3461 §4.4).
const MAIL_PARAMETERS: usize = 26 + 17 + 10 + 500 + 9 + 107;
/// What the parameters of RCPT add: ORCPT of 500 bytes and NOTIFY with all its words (RFC 3461 §4.1, §4.2).
const RCPT_PARAMETERS: usize = 507 + 29;
/// What SMTPUTF8 adds to VRFY and EXPN (RFC 6531 §3.1).
const UTF8_PARAMETER: usize = 10;
/// Bytes of a line of AUTH, its end included (RFC 4954 §4).
pub const AUTH_LINE: usize = 12_288;

/// A reply that refuses something: its code and its text, an enhanced code included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    pub code: u16,
    pub text: &'static str,
}

impl Refusal {
    pub const fn new(code: u16, text: &'static str) -> Self {
        Self { code, text }
    }
}

/// The command of a line without its end, and what follows the verb. A verb that is none of ours is [`Stage::Other`], and all of the line follows it.
pub fn split(line: &[u8]) -> (Stage, Range<usize>) {
    let end = line.iter().position(|&byte| byte == b' ');
    let verb = &line[..end.unwrap_or(line.len())];
    let stage = match verb.len() {
        4 => VERBS
            .iter()
            .find(|(name, _)| verb.eq_ignore_ascii_case(name)),
        8 if verb.eq_ignore_ascii_case(b"STARTTLS") => return (Stage::StartTls, after(end, line)),
        _ => None,
    };
    match stage {
        Some((_, stage)) => (*stage, after(end, line)),
        None => (Stage::Other, 0..line.len()),
    }
}

const VERBS: [(&[u8], Stage); 13] = [
    (b"RCPT", Stage::Rcpt),
    (b"MAIL", Stage::Mail),
    (b"DATA", Stage::Data),
    (b"BDAT", Stage::Bdat),
    (b"EHLO", Stage::Ehlo),
    (b"HELO", Stage::Helo),
    (b"QUIT", Stage::Quit),
    (b"RSET", Stage::Rset),
    (b"NOOP", Stage::Noop),
    (b"AUTH", Stage::Auth),
    (b"VRFY", Stage::Vrfy),
    (b"EXPN", Stage::Expn),
    (b"HELP", Stage::Help),
];

/// What follows the space at `end`; spaces at the end of the line are overlooked (RFC 5321 §4.1.1).
fn after(end: Option<usize>, line: &[u8]) -> Range<usize> {
    let start = end.map_or(line.len(), |end| end + 1);
    let kept = line[start..].trim_ascii_end().len();
    start..start + kept
}

/// Bytes that the line of a command may have, its end included. Extensions count after EHLO only.
pub fn longest_line(stage: Stage, extended: bool) -> usize {
    match stage {
        Stage::Auth if extended => AUTH_LINE,
        Stage::Mail if extended => LINE + MAIL_PARAMETERS,
        Stage::Rcpt if extended => LINE + RCPT_PARAMETERS,
        Stage::Vrfy | Stage::Expn if extended => LINE + UTF8_PARAMETER,
        _ => LINE,
    }
}

/// Whether this is a request of HTTP. No mail client sends one, but a browser can be made to, with commands in its body.
pub fn is_http(line: &[u8]) -> bool {
    const METHODS: [&[u8]; 9] = [
        b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"CONNECT", b"PATCH", b"TRACE",
    ];
    let verb = line.split(|&byte| byte == b' ').next().unwrap_or_default();
    verb.len() < line.len()
        && METHODS
            .iter()
            .any(|method| verb.eq_ignore_ascii_case(method))
}

/// The name that a client gives itself in EHLO or HELO: one word of at most 255 bytes (RFC 5321 §4.1.1.1, §4.5.3.1.2). Whether it is a domain is not
/// checked, since a server must not refuse mail for that (RFC 5321 §4.1.4).
///
/// # Errors
/// The reply.
pub fn hello(argument: &[u8]) -> Result<&str, Refusal> {
    if argument.is_empty() {
        return Err(Refusal::new(
            501,
            "5.5.4 Your name is missing: EHLO client.example",
        ));
    }
    if argument.len() > 255 {
        return Err(Refusal::new(
            501,
            "5.5.4 A name has at most 255 octets (RFC 5321 4.5.3.1.2)",
        ));
    }
    std::str::from_utf8(argument)
        .ok()
        .filter(|name| !name.contains(char::is_whitespace))
        .ok_or(Refusal::new(
            501,
            "5.5.4 Your name is one word: EHLO client.example",
        ))
}

/// MAIL, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// `None` is the null reverse-path.
    pub from: Option<Address>,
    /// The size the client announces (RFC 1870).
    pub size: Option<u64>,
    /// The message and its envelope may hold UTF-8 (RFC 6531).
    pub utf8: bool,
}

/// Reads what follows `MAIL`: `FROM:<path>` and parameters (RFC 5321 §4.1.1.2).
///
/// # Errors
/// The reply.
pub fn mail(argument: &[u8], extended: bool) -> Result<Mail, Refusal> {
    const SYNTAX: Refusal = Refusal::new(501, "5.5.4 Syntax: MAIL FROM:<address>");
    let (path, rest) = path::read(argument, b"FROM:", SYNTAX)?;
    let parameters = parameters::mail(rest, extended)?;
    let from = match path {
        b"" => None,
        path => Some(path::sender(path)?),
    };
    check_utf8(from.as_ref(), parameters.utf8)?;
    Ok(Mail {
        from,
        size: parameters.size,
        utf8: parameters.utf8,
    })
}

/// Reads what follows `RCPT`: `TO:<path>` and parameters (RFC 5321 §4.1.1.3). `utf8` tells whether MAIL had SMTPUTF8, `name` is the server's: the
/// domain of `<postmaster>`.
///
/// # Errors
/// The reply.
pub fn rcpt(argument: &[u8], extended: bool, utf8: bool, name: &str) -> Result<Address, Refusal> {
    const SYNTAX: Refusal = Refusal::new(501, "5.5.4 Syntax: RCPT TO:<address>");
    let (path, rest) = path::read(argument, b"TO:", SYNTAX)?;
    parameters::rcpt(rest, extended)?;
    let to = path::recipient(path, name)?;
    check_utf8(Some(&to), utf8)?;
    Ok(to)
}

/// An address beyond ASCII needs SMTPUTF8 (RFC 6531 §3.2, §3.5).
fn check_utf8(address: Option<&Address>, utf8: bool) -> Result<(), Refusal> {
    match address {
        Some(address) if !utf8 && !address.is_ascii() => Err(Refusal::new(
            553,
            "5.6.7 An address beyond ASCII needs SMTPUTF8 at MAIL (RFC 6531)",
        )),
        _ => Ok(()),
    }
}

/// AUTH, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    pub mechanism: Mechanism,
    /// Where in the argument the initial response stands.
    pub initial: Option<Range<usize>>,
}

/// Reads what follows `AUTH`: a mechanism, and perhaps an initial response (RFC 4954 §4). XOAUTH2 needs somebody who gives out tokens, whom a lab does
/// not have.
///
/// # Errors
/// The reply.
pub fn auth(argument: &[u8]) -> Result<Auth, Refusal> {
    let keyword_end = argument.iter().position(|&byte| byte == b' ');
    let keyword = &argument[..keyword_end.unwrap_or(argument.len())];
    if keyword.is_empty() {
        return Err(Refusal::new(501, "5.5.4 Syntax: AUTH mechanism"));
    }
    let initial = keyword_end.map(|end| end + 1..argument.len());
    if let Some(initial) = &initial
        && argument[initial.clone()].contains(&b' ')
    {
        return Err(Refusal::new(
            501,
            "5.5.4 Syntax: AUTH mechanism [initial-response]",
        ));
    }
    let mechanism = std::str::from_utf8(keyword)
        .ok()
        .and_then(Mechanism::from_keyword)
        .filter(|mechanism| *mechanism != Mechanism::XOauth2)
        .ok_or(Refusal::new(
            504,
            "5.5.4 Mechanism not offered: PLAIN, LOGIN and CRAM-MD5 are",
        ))?;
    Ok(Auth { mechanism, initial })
}

/// Whether this word has the form of a mechanism's name (RFC 4422 §3.1), or is one in another case.
pub fn is_mechanism(word: &[u8]) -> bool {
    let known = std::str::from_utf8(word)
        .ok()
        .and_then(Mechanism::from_keyword);
    let formal = |byte: &u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_');
    known.is_some() || (1..=20).contains(&word.len()) && word.iter().all(formal)
}

/// A chunk of a message (RFC 3030 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    pub length: u64,
    pub last: bool,
}

/// Reads what follows `BDAT`: a length, and perhaps `LAST`.
///
/// # Errors
/// The reply. How many bytes follow is not known then.
pub fn bdat(argument: &[u8]) -> Result<Chunk, Refusal> {
    const SYNTAX: Refusal = Refusal::new(501, "5.5.4 Syntax: BDAT length [LAST]");
    let (length, last) = match argument.iter().position(|&byte| byte == b' ') {
        None => (argument, false),
        Some(end) if argument[end + 1..].eq_ignore_ascii_case(b"LAST") => (&argument[..end], true),
        Some(_) => return Err(SYNTAX),
    };
    let length = parameters::number(length).ok_or(SYNTAX)?;
    Ok(Chunk { length, last })
}

/// Refuses an argument where none belongs.
///
/// # Errors
/// The reply.
pub fn nothing(argument: &[u8]) -> Result<(), Refusal> {
    match argument {
        b"" => Ok(()),
        _ => Err(Refusal::new(501, "5.5.4 This command takes no argument")),
    }
}

#[cfg(test)]
mod tests;
