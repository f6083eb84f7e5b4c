//! Reply codes: their classes (RFC 5321 §4.2.1), enhanced status codes (RFC 3463), and which code may answer which command (RFC 5321 §4.3.2).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::stage::Stage;

/// A reply code of three digits, from 200 to 599. The first digit rules (RFC 5321 §4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Code(pub u16);

/// The first digit of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// 2: done.
    Positive,
    /// 3: go on, more is awaited.
    Intermediate,
    /// 4: not now; the same request may work later.
    Transient,
    /// 5: no; something has to be changed first.
    Permanent,
}

impl Code {
    pub fn class(self) -> Class {
        match self.0 / 100 {
            2 => Class::Positive,
            3 => Class::Intermediate,
            4 => Class::Transient,
            _ => Class::Permanent,
        }
    }

    /// Whether the second digit says something: syntax, information, connections, mail system (RFC 5321 §4.2.1), or, by the use that RFC 4954 makes of
    /// it, logins.
    pub fn has_known_second_digit(self) -> bool {
        matches!(self.0 / 10 % 10, 0..=3 | 5)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}", self.0)
    }
}

/// An enhanced status code: class, subject and detail (RFC 3463 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Enhanced {
    pub class: u8,
    pub subject: u16,
    pub detail: u16,
}

impl Enhanced {
    /// The enhanced code that a reply's line begins with (RFC 2034 §4, RFC 3463 §2).
    pub fn read(text: &[u8]) -> Option<Self> {
        let word = text.split(|&byte| byte == b' ').next()?;
        let mut parts = word.split(|&byte| byte == b'.');
        let mut number = |most_digits: usize| {
            let digits = parts.next()?;
            let is_number =
                (1..=most_digits).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
            is_number.then(|| {
                digits
                    .iter()
                    .fold(0, |number, digit| 10 * number + u16::from(digit - b'0'))
            })
        };
        let (class, subject, detail) = (number(1)?, number(3)?, number(3)?);
        let class = u8::try_from(class).ok()?;
        (matches!(class, 2 | 4 | 5) && parts.next().is_none()).then_some(Self {
            class,
            subject,
            detail,
        })
    }

    /// Whether its class is that of the reply code beside it, as RFC 2034 §4 demands.
    pub fn fits(self, class: Class) -> bool {
        match class {
            Class::Positive => self.class == 2,
            Class::Intermediate => false,
            Class::Transient => self.class == 4,
            Class::Permanent => self.class == 5,
        }
    }
}

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// The codes that are a success for a command. Of AUTH: 334 while challenges come, 235 at the end.
pub fn expected(stage: Stage) -> &'static [u16] {
    match stage {
        Stage::Banner | Stage::StartTls => &[220],
        Stage::Auth => &[235, 334],
        Stage::Ehlo
        | Stage::Helo
        | Stage::Mail
        | Stage::Dot
        | Stage::Bdat
        | Stage::Rset
        | Stage::Noop => &[250],
        Stage::Rcpt => &[250, 251],
        Stage::Data => &[354],
        Stage::Vrfy => &[250, 251, 252],
        Stage::Expn => &[250, 252],
        Stage::Help => &[211, 214],
        Stage::Quit => &[221],
        Stage::Connect | Stage::Tls | Stage::Other => &[],
    }
}

/// The codes that refuse a command: RFC 5321 §4.3.2, and for what came later or stands elsewhere RFC 3030 (BDAT), RFC 3207 §4 (STARTTLS),
/// RFC 4954 §4 and §6 and RFC 5248 §2.4 (AUTH), RFC 7504 (521 and 556).
fn refusals(stage: Stage) -> &'static [u16] {
    match stage {
        Stage::Banner => &[521, 554],
        Stage::Ehlo | Stage::Helo => &[502, 504, 550],
        Stage::StartTls => &[454, 502, 503],
        Stage::Auth => &[432, 454, 503, 504, 523, 524, 525, 534, 535, 538],
        Stage::Mail => &[451, 452, 455, 503, 550, 552, 553, 555],
        Stage::Rcpt => &[450, 451, 452, 455, 503, 550, 551, 552, 553, 555, 556],
        Stage::Data => &[450, 451, 452, 503, 550, 552, 554],
        Stage::Dot => &[450, 451, 452, 550, 552, 554],
        Stage::Bdat => &[450, 451, 452, 503, 550, 552, 554],
        Stage::Vrfy => &[502, 504, 550, 551, 553],
        Stage::Expn => &[502, 504, 550],
        Stage::Help => &[502, 504],
        Stage::Connect | Stage::Tls | Stage::Rset | Stage::Noop | Stage::Quit | Stage::Other => &[],
    }
}

/// Whether the standards know this code as an answer to this command. An unknown command ([`Stage::Other`]) may get anything.
pub fn allowed(stage: Stage, code: Code) -> bool {
    let Code(code) = code;
    let to_any_command = match code {
        421 => true,
        500 | 501 => stage != Stage::Banner,
        // Log in first (RFC 4954 §6), or STARTTLS first (RFC 3207 §4).
        530 => !matches!(
            stage,
            Stage::Banner | Stage::Ehlo | Stage::StartTls | Stage::Noop | Stage::Quit
        ),
        _ => stage == Stage::Other,
    };
    to_any_command || expected(stage).contains(&code) || refusals(stage).contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is allowed besides 421, 500, 501 and 530.
    const LIST: [(Stage, &[u16]); 16] = [
        (Stage::Banner, &[220, 521, 554]),
        (Stage::Ehlo, &[250, 502, 504, 550]),
        (Stage::Helo, &[250, 502, 504, 550]),
        (Stage::StartTls, &[220, 454, 502, 503]),
        (
            Stage::Auth,
            &[235, 334, 432, 454, 503, 504, 523, 524, 525, 534, 535, 538],
        ),
        (Stage::Mail, &[250, 451, 452, 455, 503, 550, 552, 553, 555]),
        (
            Stage::Rcpt,
            &[
                250, 251, 450, 451, 452, 455, 503, 550, 551, 552, 553, 555, 556,
            ],
        ),
        (Stage::Data, &[354, 450, 451, 452, 503, 550, 552, 554]),
        (Stage::Dot, &[250, 450, 451, 452, 550, 552, 554]),
        (Stage::Bdat, &[250, 450, 451, 452, 503, 550, 552, 554]),
        (Stage::Rset, &[250]),
        (Stage::Noop, &[250]),
        (Stage::Vrfy, &[250, 251, 252, 502, 504, 550, 551, 553]),
        (Stage::Expn, &[250, 252, 502, 504, 550]),
        (Stage::Help, &[211, 214, 502, 504]),
        (Stage::Quit, &[221]),
    ];

    #[test]
    fn the_list_is_that_of_the_rfcs() {
        for (stage, codes) in LIST {
            for code in 200..600 {
                let to_any = matches!(code, 421 | 500 | 501 | 530);
                if !to_any {
                    let is_listed = codes.contains(&code);
                    assert_eq!(allowed(stage, Code(code)), is_listed, "{stage:?} {code}");
                }
            }
            assert!(allowed(stage, Code(421)), "{stage:?}");
            let is_command = stage != Stage::Banner;
            assert_eq!(allowed(stage, Code(500)), is_command, "{stage:?}");
            assert_eq!(allowed(stage, Code(501)), is_command, "{stage:?}");
        }
        assert!(allowed(Stage::Mail, Code(530)));
        assert!(!allowed(Stage::Ehlo, Code(530)));
        assert!(allowed(Stage::Other, Code(299)));
    }

    #[test]
    fn what_is_expected_is_allowed() {
        for stage in Stage::ALL {
            for &code in expected(stage) {
                assert!(allowed(stage, Code(code)), "{stage:?} {code}");
                assert!(matches!(
                    Code(code).class(),
                    Class::Positive | Class::Intermediate
                ));
            }
        }
    }

    #[test]
    fn enhanced_codes_are_read_from_the_beginning_of_a_text() {
        let read = |text: &str| Enhanced::read(text.as_bytes()).map(|code| code.to_string());
        for (text, want) in [
            ("2.1.0 Sender ok", "2.1.0"),
            ("5.7.11 encryption needed", "5.7.11"),
            ("4.999.999", "4.999.999"),
            ("5.01.1 zeros", "5.1.1"),
        ] {
            assert_eq!(read(text).as_deref(), Some(want), "{text}");
        }
        for text in [
            "",
            "ok",
            "2",
            "2.1",
            "2.1.",
            "2..0",
            "2.1.0.",
            "2.1.0.4",
            "3.1.0",
            "1.1.1",
            "22.1.0",
            "2.1000.0",
            "2.1.1000",
            "2.1.0ok",
            " 2.1.0",
            "+2.1.0",
            "2.-1.0",
            "127.0.0.1 greets",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn classes_fit_first_digits() {
        let enhanced = |class| Enhanced {
            class,
            subject: 1,
            detail: 1,
        };
        for (class, code) in [(2, 250), (4, 450), (5, 550)] {
            assert!(enhanced(class).fits(Code(code).class()));
            assert!(!enhanced(class).fits(Code(354).class()));
        }
        assert!(!enhanced(2).fits(Code(550).class()));
        assert!(!enhanced(5).fits(Code(450).class()));
    }

    #[test]
    fn second_digits() {
        for code in [200, 211, 220, 334, 250, 535] {
            assert!(Code(code).has_known_second_digit(), "{code}");
        }
        for code in [240, 299, 562, 470, 589] {
            assert!(!Code(code).has_known_second_digit(), "{code}");
        }
    }
}
