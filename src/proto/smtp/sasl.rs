//! The mechanisms of AUTH (RFC 4954), for both ends: what a client answers to each challenge, and what a server makes of it.
//!
//! A client goes by turn, never by the text of a prompt: the first challenge of LOGIN asks for the user, the second for the password, whatever they
//! say. What the steps of a digest are is kept, for people who want to see how a password can prove itself without crossing the wire.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::proto::secret::{Line, MASK, Secret};

/// Bytes of a line of AUTH, its end included (RFC 4954 §4).
pub const LINE: usize = 12_288;
/// Bytes of a command line, its end included (RFC 5321 §4.5.3.1.4): an initial response that would make AUTH longer waits for a challenge
/// (RFC 4954 §4).
const COMMAND: usize = 512;
/// Bytes of a user name and of a password: with those, encoded, an answer stays within [`LINE`].
const CREDENTIAL: usize = 4096;
/// What a client says to leave an exchange (RFC 4954 §4).
pub const CANCEL: &[u8] = b"*";

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

/// Why a user name or a password can't be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CredentialError {
    #[error("the user name is empty")]
    NoUser,
    #[error("the user name holds a control character")]
    UserControl,
    /// NUL, CR or LF; in a token any control character.
    #[error("the password holds a control character")]
    PasswordControl,
    #[error("the user name or the password is longer than {CREDENTIAL} bytes")]
    TooLong,
}

impl CredentialError {
    /// Where its words stand.
    pub fn key(self) -> &'static str {
        match self {
            CredentialError::NoUser => "login.error.no_user",
            CredentialError::UserControl => "login.error.user_control",
            CredentialError::PasswordControl => "login.error.password_control",
            CredentialError::TooLong => "login.error.too_long",
        }
    }
}

/// A client's way through a mechanism.
#[derive(Debug, Clone)]
pub struct Exchange {
    mechanism: Mechanism,
    user: String,
    password: Secret,
    /// Challenges answered.
    turn: u32,
    /// AUTH carried the first answer.
    initial: bool,
}

impl Exchange {
    /// Refuses what could not be sent, or would end a line or a field early.
    pub fn new(
        mechanism: Mechanism,
        user: &str,
        password: &Secret,
    ) -> Result<Self, CredentialError> {
        let bytes = password.reveal();
        if user.is_empty() {
            return Err(CredentialError::NoUser);
        }
        if user.chars().any(char::is_control) {
            return Err(CredentialError::UserControl);
        }
        let ends_a_field = |byte: &u8| match mechanism {
            Mechanism::XOauth2 => byte.is_ascii_control(),
            _ => matches!(byte, 0 | b'\r' | b'\n'),
        };
        if bytes.iter().any(ends_a_field) {
            return Err(CredentialError::PasswordControl);
        }
        if user.len() > CREDENTIAL || bytes.len() > CREDENTIAL {
            return Err(CredentialError::TooLong);
        }
        Ok(Self {
            mechanism,
            user: user.to_owned(),
            password: password.clone(),
            turn: 0,
            initial: false,
        })
    }

    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// From the start, with the same credentials and another mechanism.
    #[must_use]
    pub fn by(self, mechanism: Mechanism) -> Self {
        Self {
            mechanism,
            turn: 0,
            initial: false,
            ..self
        }
    }

    /// The AUTH command, with the initial response where the mechanism has one and it fits.
    pub fn command(&mut self) -> Line {
        let command = format!("AUTH {}", self.mechanism.keyword());
        let response = match self.mechanism {
            Mechanism::Plain => self.plain(),
            Mechanism::XOauth2 => self.xoauth2(),
            Mechanism::Login | Mechanism::CramMd5 => return Line::open(command.as_bytes()),
        };
        let line = Zeroizing::new(format!("{command} {}", *response));
        self.initial = line.len() + 2 <= COMMAND;
        if self.initial {
            Line::masked(format!("{command} {MASK}").as_bytes(), line.as_bytes())
        } else {
            Line::open(command.as_bytes())
        }
    }

    /// The answer to a challenge, which is the text of a 334. `None`: there is none, and [`CANCEL`] is to be said.
    pub fn answer(&mut self, challenge: &[u8]) -> Option<Line> {
        let turn = self.turn;
        self.turn += 1;
        match (self.mechanism, turn) {
            // A server that would not take the initial response asks for it again.
            (Mechanism::Plain, 0) => Some(masked(&self.plain())),
            (Mechanism::Login, 0) => Some(Line::open(STANDARD.encode(&self.user).as_bytes())),
            (Mechanism::Login, 1) => Some(masked(&Zeroizing::new(
                STANDARD.encode(self.password.reveal()),
            ))),
            (Mechanism::CramMd5, 0) => {
                let challenge = decode(challenge)?;
                let answer = cram_md5(&self.user, self.password.reveal(), &challenge);
                Some(masked(&Zeroizing::new(STANDARD.encode(answer))))
            }
            (Mechanism::XOauth2, 0) if !self.initial => Some(masked(&self.xoauth2())),
            // This challenge says what is wrong, and the server wants an empty answer before it refuses.
            (Mechanism::XOauth2, 0 | 1) => Some(Line::open(b"")),
            _ => None,
        }
    }

    /// RFC 4616 §2, acting as oneself.
    fn plain(&self) -> Zeroizing<String> {
        let mut message = Zeroizing::new(Vec::with_capacity(
            2 + self.user.len() + self.password.reveal().len(),
        ));
        message.push(0);
        message.extend_from_slice(self.user.as_bytes());
        message.push(0);
        message.extend_from_slice(self.password.reveal());
        Zeroizing::new(STANDARD.encode(&message))
    }

    fn xoauth2(&self) -> Zeroizing<String> {
        const PARTS: [&[u8]; 3] = [b"user=", b"\x01auth=Bearer ", b"\x01\x01"];
        let fixed: usize = PARTS.iter().map(|part| part.len()).sum();
        let mut message = Zeroizing::new(Vec::with_capacity(
            fixed + self.user.len() + self.password.reveal().len(),
        ));
        message.extend_from_slice(PARTS[0]);
        message.extend_from_slice(self.user.as_bytes());
        message.extend_from_slice(PARTS[1]);
        message.extend_from_slice(self.password.reveal());
        message.extend_from_slice(PARTS[2]);
        Zeroizing::new(STANDARD.encode(&message))
    }
}

fn masked(line: &str) -> Line {
    Line::masked(MASK.as_bytes(), line.as_bytes())
}

/// The bytes that a challenge or an answer stands for; `None` when it is not base64 (RFC 4648 §4). White space at its end does not matter.
pub fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    STANDARD
        .decode(text.trim_ascii_end())
        .ok()
        .map(Zeroizing::new)
}

/// What a client answered to a challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// `*`: it leaves the exchange (RFC 4954 §4).
    Cancel,
    Bytes(Secret),
}

impl Answer {
    /// Reads a line of a client, without its end; `None` when it is not base64, which is answered 501 (RFC 4954 §4).
    pub fn read(line: &[u8]) -> Option<Self> {
        if line == CANCEL {
            return Some(Answer::Cancel);
        }
        decode(line).map(|bytes| Answer::Bytes(Secret::new(bytes.as_slice())))
    }

    /// Reads the initial response of an AUTH command, where `=` stands for an empty one (RFC 4954 §4).
    pub fn read_initial(argument: &[u8]) -> Option<Self> {
        Self::read(if argument == b"=" { b"" } else { argument })
    }
}

/// The message of PLAIN, taken apart (RFC 4616 §2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plain {
    /// On whose behalf; empty for oneself.
    pub on_behalf: String,
    pub user: String,
    pub password: Secret,
}

impl Plain {
    /// Reads the decoded message; `None` when it is not three parts with a NUL between each, the middle one not empty, in UTF-8.
    pub fn read(message: &[u8]) -> Option<Self> {
        let mut parts = message.split(|byte| *byte == 0);
        let (on_behalf, user, password) = (parts.next()?, parts.next()?, parts.next()?);
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
        let is_whole = parts.next().is_none() && !user.is_empty();
        is_whole.then_some(Self {
            on_behalf: text(on_behalf)?,
            user: text(user)?,
            password: Secret::new(password),
        })
    }
}

/// The answer of CRAM-MD5 before it is encoded: user, space, digest in hex (RFC 2195 §2).
pub fn cram_md5(user: &str, password: &[u8], challenge: &[u8]) -> String {
    format!("{user} {}", hex(&CramMd5::new(password, challenge).digest))
}

/// Takes the answer of CRAM-MD5 apart: the user, and whether the digest has the form of one. A user's name may hold spaces.
pub fn split_cram_md5(answer: &[u8]) -> Option<(&str, &str)> {
    let (user, digest) = std::str::from_utf8(answer).ok()?.rsplit_once(' ')?;
    let is_digest = digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_digest && !user.is_empty()).then_some((user, digest))
}

/// How the digest of CRAM-MD5 comes about: HMAC with MD5 of the challenge, keyed with the password (RFC 2104 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CramMd5 {
    /// MD5 of the key combined with 0x36, and the challenge.
    pub inner: [u8; 16],
    /// MD5 of the key combined with 0x5C, and the inner digest: what is sent.
    pub digest: [u8; 16],
}

impl CramMd5 {
    pub fn new(password: &[u8], challenge: &[u8]) -> Self {
        const BLOCK: usize = 64;
        let mut key = Zeroizing::new([0x36; BLOCK]);
        let hashed: [u8; 16];
        let short = if password.len() > BLOCK {
            hashed = Md5::digest(password).into();
            &hashed[..]
        } else {
            password
        };
        for (pad, byte) in key.iter_mut().zip(short) {
            *pad ^= byte;
        }
        let inner = Md5::new().chain_update(*key).chain_update(challenge);
        let outer = Hmac::<Md5>::new_from_slice(password)
            .expect("HMAC takes a key of any length (RFC 2104 §3)")
            .chain_update(challenge);
        Self {
            inner: inner.finalize().into(),
            digest: outer.finalize().into_bytes().into(),
        }
    }
}

/// Lower-case hex.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exchange(mechanism: Mechanism, user: &str, password: &str) -> Exchange {
        Exchange::new(mechanism, user, &Secret::from(password)).unwrap()
    }

    /// What a line says, and what is shown of it.
    fn seen(line: &Line) -> (&str, &str) {
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        (text(line.bytes()), text(&line.shown))
    }

    #[test]
    fn keywords_are_read_in_any_case() {
        assert_eq!(
            Mechanism::from_keyword("cram-md5"),
            Some(Mechanism::CramMd5)
        );
        assert_eq!(Mechanism::from_keyword("SCRAM-SHA-1"), None);
    }

    #[test]
    fn plain_is_the_example_of_rfc_4616() {
        // RFC 4616 §4: tim with tanstaaftanstaaf.
        let mut plain = exchange(Mechanism::Plain, "tim", "tanstaaftanstaaf");
        assert_eq!(
            seen(&plain.command()),
            (
                "AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm",
                "AUTH PLAIN ********"
            )
        );
        let again = plain.answer(b"").unwrap();
        assert_eq!(seen(&again), ("AHRpbQB0YW5zdGFhZnRhbnN0YWFm", MASK));
        assert_eq!(plain.answer(b""), None, "it is not said a third time");
        // RFC 4954 §4.1.
        let mut plain = exchange(Mechanism::Plain, "test", "1234");
        assert!(plain.command().bytes().ends_with(b" AHRlc3QAMTIzNA=="));
    }

    #[test]
    fn login_goes_by_turn() {
        for prompts in [
            ["VXNlcm5hbWU6", "UGFzc3dvcmQ6"],
            ["", ""],
            ["Username:", "UGFzc3dvcmQ6"],
            ["VXNlciBOYW1lAA==", "UGFzc3dvcmQA"],
            ["UGFzc3dvcmQ6", "VXNlcm5hbWU6"],
        ] {
            let mut login = exchange(Mechanism::Login, "student", "secret");
            assert_eq!(seen(&login.command()), ("AUTH LOGIN", "AUTH LOGIN"));
            let user = login.answer(prompts[0].as_bytes()).unwrap();
            assert_eq!(seen(&user), ("c3R1ZGVudA==", "c3R1ZGVudA=="));
            let password = login.answer(prompts[1].as_bytes()).unwrap();
            assert_eq!(seen(&password), ("c2VjcmV0", MASK));
            assert_eq!(login.answer(b"VXNlcm5hbWU6"), None);
        }
    }

    #[test]
    fn cram_md5_is_the_example_of_rfc_2195() {
        let challenge = b"<1896.697170952@postoffice.reston.mci.net>";
        assert_eq!(
            cram_md5("tim", b"tanstaaftanstaaf", challenge),
            "tim b913a602c7eda7a495b4e6e7334d3890"
        );
        let mut cram = exchange(Mechanism::CramMd5, "tim", "tanstaaftanstaaf");
        assert_eq!(seen(&cram.command()), ("AUTH CRAM-MD5", "AUTH CRAM-MD5"));
        let answer = cram
            .answer(b"PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+")
            .unwrap();
        assert_eq!(
            seen(&answer),
            ("dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw", MASK)
        );
        let mut cram = exchange(Mechanism::CramMd5, "tim", "tanstaaftanstaaf");
        assert_eq!(cram.answer(b"not base64"), None);
    }

    #[test]
    fn the_steps_of_the_digest_lead_to_it() {
        for password in ["", "secret", &"k".repeat(64), &"k".repeat(65)] {
            let steps = CramMd5::new(password.as_bytes(), b"<1@lab>");
            let mut key = [0; 64];
            let hashed = Md5::digest(password.as_bytes());
            let short = if password.len() > 64 {
                &hashed[..]
            } else {
                password.as_bytes()
            };
            key[..short.len()].copy_from_slice(short);
            let outer = Md5::new()
                .chain_update(key.map(|byte| byte ^ 0x5C))
                .chain_update(steps.inner);
            assert_eq!(steps.digest[..], outer.finalize()[..]);
        }
    }

    #[test]
    fn xoauth2_answers_an_error_with_an_empty_line() {
        let mut short = exchange(
            Mechanism::XOauth2,
            "someuser@example.com",
            "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg",
        );
        // Google's documentation of the mechanism.
        assert_eq!(
            seen(&short.command()),
            (
                "AUTH XOAUTH2 dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==",
                "AUTH XOAUTH2 ********"
            )
        );
        let error = b"eyJzdGF0dXMiOiI0MDEifQ==";
        assert_eq!(seen(&short.answer(error).unwrap()), ("", ""));

        let mut long = exchange(Mechanism::XOauth2, "u@x", &"t".repeat(2000));
        assert_eq!(seen(&long.command()), ("AUTH XOAUTH2", "AUTH XOAUTH2"));
        let token = long.answer(b"").unwrap();
        assert!(
            decode(token.bytes())
                .unwrap()
                .starts_with(b"user=u@x\x01auth=Bearer ttt")
        );
        assert_eq!(seen(&long.answer(error).unwrap()), ("", ""));
        assert_eq!(long.answer(error), None);
    }

    #[test]
    fn what_would_end_a_field_is_refused() {
        let refused = |mechanism, user: &str, password: &str| {
            Exchange::new(mechanism, user, &Secret::from(password)).unwrap_err()
        };
        for mechanism in Mechanism::ALL {
            for hostile in ["\0", "\r", "\n", "a\r\nMAIL FROM:<x@y>"] {
                let user = refused(mechanism, &format!("tim{hostile}"), "secret");
                assert_eq!(user, CredentialError::UserControl);
                let password = refused(mechanism, "tim", &format!("secret{hostile}"));
                assert_eq!(password, CredentialError::PasswordControl);
            }
            assert_eq!(refused(mechanism, "", "secret"), CredentialError::NoUser);
            assert_eq!(
                refused(mechanism, "tim", &"x".repeat(CREDENTIAL + 1)),
                CredentialError::TooLong
            );
        }
        assert_eq!(
            refused(Mechanism::XOauth2, "tim", "token\x01auth=x"),
            CredentialError::PasswordControl
        );
    }

    #[test]
    fn a_server_reads_what_a_client_says() {
        assert_eq!(Answer::read(b"*"), Some(Answer::Cancel));
        assert_eq!(Answer::read(b"%%%"), None);
        assert_eq!(Answer::read(b"="), None);
        let empty = Some(Answer::Bytes(Secret::from("")));
        assert_eq!(Answer::read(b""), empty);
        assert_eq!(Answer::read_initial(b"="), empty);

        let plain = Plain::read(b"\0tim\0tanstaaftanstaaf").unwrap();
        assert_eq!((plain.on_behalf.as_str(), plain.user.as_str()), ("", "tim"));
        assert_eq!(plain.password.reveal(), b"tanstaaftanstaaf");
        // RFC 4616 §4: Kurt acts as Ursel.
        let plain = Plain::read(b"Ursel\0Kurt\0xipj3plmq").unwrap();
        assert_eq!(
            (plain.on_behalf.as_str(), plain.user.as_str()),
            ("Ursel", "Kurt")
        );
        for wrong in [
            &b""[..],
            b"tim",
            b"\0tim",
            b"\0\0secret",
            b"\0tim\0secret\0",
            b"\0\xff\0secret",
        ] {
            assert_eq!(Plain::read(wrong), None);
        }

        let digest = "b913a602c7eda7a495b4e6e7334d3890";
        let answer = format!("tim {digest}");
        assert_eq!(split_cram_md5(answer.as_bytes()), Some(("tim", digest)));
        for wrong in [
            "tim",
            "tim b913",
            &format!(" {digest}"),
            &format!("tim {digest}0"),
        ] {
            assert_eq!(split_cram_md5(wrong.as_bytes()), None);
        }
    }

    proptest! {
        #[test]
        fn no_line_of_an_exchange_can_be_split(
            mechanism in proptest::sample::select(&Mechanism::ALL[..]),
            user in ".{0,300}",
            password in proptest::collection::vec(any::<u8>(), 0..300),
            challenges in proptest::collection::vec(any::<Vec<u8>>(), 0..4),
        ) {
            if let Ok(mut exchange) = Exchange::new(mechanism, &user, &Secret::new(password)) {
                let mut lines = vec![exchange.command()];
                lines.extend(challenges.iter().filter_map(|challenge| exchange.answer(challenge)));
                for line in lines {
                    prop_assert!(line.bytes().len() + 2 <= LINE);
                    prop_assert!(!line.bytes().iter().any(u8::is_ascii_control));
                }
            }
        }

        #[test]
        fn any_answer_is_read_without_a_panic(line: Vec<u8>) {
            let _ = Answer::read_initial(&line);
            let _ = Plain::read(&line);
            let _ = split_cram_md5(&line);
        }
    }
}
