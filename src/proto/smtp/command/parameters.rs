//! The parameters of MAIL and RCPT (RFC 5321 §4.1.2 `Mail-parameters`), each with the RFC of its extension.

use super::Refusal;

/// Bytes of an ENVID (RFC 3461 §4.4).
const ENVID: usize = 100;
/// Bytes of an ORCPT (RFC 3461 §4.2) and of AUTH (RFC 4954 §5).
const LONG: usize = 500;

/// What MAIL's parameters say, as far as it matters here.
#[derive(Debug, Default)]
pub struct MailParameters {
    pub size: Option<u64>,
    pub utf8: bool,
}

const UNKNOWN: Refusal = Refusal::new(
    555,
    "5.5.4 Parameter not recognized: EHLO lists what is there",
);

/// Reads the parameters of MAIL.
pub fn mail(text: &[u8], extended: bool) -> Result<MailParameters, Refusal> {
    let mut found = MailParameters::default();
    each(text, extended, |keyword, value| {
        let bit = match (keyword, value) {
            (Keyword::Size, Some(value)) => {
                found.size = Some(number(value).ok_or(Refusal::new(
                    501,
                    "5.5.4 SIZE is a number of octets of at most 20 digits (RFC 1870)",
                ))?);
                0
            }
            (Keyword::Body, Some(value)) if is_any_of(value, &["7BIT", "8BITMIME"]) => 1,
            (Keyword::Body, Some(value)) if value.eq_ignore_ascii_case(b"BINARYMIME") => {
                return Err(Refusal::new(
                    555,
                    "5.5.4 BINARYMIME is not offered here: BODY=7BIT or BODY=8BITMIME",
                ));
            }
            (Keyword::SmtpUtf8, None) => {
                found.utf8 = true;
                2
            }
            (Keyword::Ret, Some(value)) if is_any_of(value, &["FULL", "HDRS"]) => 3,
            (Keyword::Envid, Some(value)) if value.len() <= ENVID && is_xtext(value) => 4,
            (Keyword::Auth, Some(value)) if value == b"<>" => 5,
            (Keyword::Auth, Some(value)) if value.len() <= LONG && is_xtext(value) => 5,
            (
                Keyword::Body
                | Keyword::SmtpUtf8
                | Keyword::Ret
                | Keyword::Envid
                | Keyword::Auth
                | Keyword::Size,
                _,
            ) => return Err(keyword.wrong_value()),
            (Keyword::Notify | Keyword::Orcpt, _) => return Err(UNKNOWN),
        };
        Ok(bit)
    })?;
    Ok(found)
}

/// Reads the parameters of RCPT. Nothing is made of them: no notification is ever sent from here.
pub fn rcpt(text: &[u8], extended: bool) -> Result<(), Refusal> {
    each(text, extended, |keyword, value| match (keyword, value) {
        (Keyword::Notify, Some(value)) if is_notify(value) => Ok(0),
        (Keyword::Orcpt, Some(value)) if is_orcpt(value) => Ok(1),
        (Keyword::Notify | Keyword::Orcpt, _) => Err(keyword.wrong_value()),
        _ => Err(UNKNOWN),
    })
}

/// A parameter's keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keyword {
    Size,
    Body,
    SmtpUtf8,
    Ret,
    Envid,
    Auth,
    Notify,
    Orcpt,
}

impl Keyword {
    const ALL: [(&'static [u8], Keyword); 8] = [
        (b"SIZE", Keyword::Size),
        (b"BODY", Keyword::Body),
        (b"SMTPUTF8", Keyword::SmtpUtf8),
        (b"RET", Keyword::Ret),
        (b"ENVID", Keyword::Envid),
        (b"AUTH", Keyword::Auth),
        (b"NOTIFY", Keyword::Notify),
        (b"ORCPT", Keyword::Orcpt),
    ];

    fn read(word: &[u8]) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(name, _)| word.eq_ignore_ascii_case(name))
            .map(|(_, keyword)| *keyword)
    }

    /// What is said about a value that is none for this keyword.
    fn wrong_value(self) -> Refusal {
        Refusal::new(
            501,
            match self {
                Keyword::Size => "5.5.4 SIZE needs a number of octets: SIZE=1000 (RFC 1870)",
                Keyword::Body => "5.5.4 Write BODY=7BIT or BODY=8BITMIME (RFC 6152)",
                Keyword::SmtpUtf8 => "5.5.4 SMTPUTF8 takes no value (RFC 6531)",
                Keyword::Ret => "5.5.4 Write RET=FULL or RET=HDRS (RFC 3461)",
                Keyword::Envid => "5.5.4 ENVID is xtext of at most 100 octets (RFC 3461)",
                Keyword::Auth => "5.5.4 AUTH is xtext or <> (RFC 4954)",
                Keyword::Notify => {
                    "5.5.4 Write NOTIFY=NEVER, or SUCCESS, FAILURE and DELAY with commas (RFC 3461)"
                }
                Keyword::Orcpt => "5.5.4 Write ORCPT=rfc822;address in xtext (RFC 3461)",
            },
        )
    }
}

/// Goes through the parameters. `take` says which one it was by a number below 8, so that the same one twice is refused.
fn each(
    text: &[u8],
    extended: bool,
    mut take: impl FnMut(Keyword, Option<&[u8]>) -> Result<u8, Refusal>,
) -> Result<(), Refusal> {
    let mut seen = 0_u8;
    for word in text.split(|&byte| byte == b' ') {
        if word.is_empty() {
            continue;
        }
        if !extended {
            return Err(Refusal::new(
                555,
                "5.5.4 Parameters belong to extensions: say EHLO in place of HELO",
            ));
        }
        let (name, value) = match word.iter().position(|&byte| byte == b'=') {
            Some(equals) => (&word[..equals], Some(&word[equals + 1..])),
            None => (word, None),
        };
        let bit = 1 << take(Keyword::read(name).ok_or(UNKNOWN)?, value)?;
        if seen & bit != 0 {
            return Err(Refusal::new(501, "5.5.4 The same parameter stands twice"));
        }
        seen |= bit;
    }
    Ok(())
}

/// A number of 1 to 20 digits that fits 64 bits (RFC 1870 §3).
pub fn number(digits: &[u8]) -> Option<u64> {
    let plain = digits.len() <= 20 && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits)
        .ok()
        .filter(|_| plain)
        .and_then(|digits| digits.parse().ok())
}

fn is_any_of(value: &[u8], words: &[&str]) -> bool {
    words
        .iter()
        .any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
}

/// xtext (RFC 3461 §4): printable ASCII but `+` and `=`; `+` with two hexadecimal digits stands for any byte.
fn is_xtext(value: &[u8]) -> bool {
    let is_hex = |byte: Option<&u8>| matches!(byte, Some(b'0'..=b'9' | b'A'..=b'F'));
    let mut bytes = value.iter();
    while let Some(byte) = bytes.next() {
        let fine = match byte {
            b'+' => is_hex(bytes.next()) && is_hex(bytes.next()),
            b'=' => false,
            byte => byte.is_ascii_graphic(),
        };
        if !fine {
            return false;
        }
    }
    !value.is_empty()
}

/// `NEVER`, or some of `SUCCESS`, `FAILURE` and `DELAY` (RFC 3461 §4.1).
fn is_notify(value: &[u8]) -> bool {
    value.eq_ignore_ascii_case(b"NEVER")
        || value
            .split(|&byte| byte == b',')
            .all(|word| is_any_of(word, &["SUCCESS", "FAILURE", "DELAY"]))
}

/// A type, a semicolon, and an address in xtext (RFC 3461 §4.2), or in UTF-8 where the type says so (RFC 6533 §3).
fn is_orcpt(value: &[u8]) -> bool {
    let Some(semicolon) = value.iter().position(|&byte| byte == b';') else {
        return false;
    };
    let (kind, address) = (&value[..semicolon], &value[semicolon + 1..]);
    let utf8 = kind.eq_ignore_ascii_case(b"utf-8");
    value.len() <= LONG
        && !kind.is_empty()
        && kind
            .iter()
            .all(|&byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && (is_xtext(address)
            || utf8 && !address.is_empty() && std::str::from_utf8(address).is_ok())
}
