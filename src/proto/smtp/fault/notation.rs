//! Faults as text: flags, the settings file, the dashboard's prompt and the scenarios all come through here.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use super::{Action, Fault, Which};
use crate::proto::link::{SpecError, format_duration, parse_duration};
use crate::proto::smtp::code::{Code, Enhanced};
use crate::proto::smtp::stage::Stage;

/// Bytes of the text of a reply: with its code it fits the 512 of a reply line (RFC 5321 §4.5.3.1.5).
const LONGEST_TEXT: usize = 480;

/// What a stage is called that is every one.
const ANY: &str = "any";

/// A fault that can't be read. `Display` is a whole English sentence, in which nothing of the text can do harm; a translator takes
/// [`FaultError::key`] and [`FaultError::value`].
#[derive(Debug, Clone, PartialEq, Error)]
pub enum FaultError {
    #[error("{0:?} is not a fault: write STAGE=ACTION, such as rcpt=550 or dot=drop")]
    NoAction(String),
    #[error(
        "{0:?} has no reply that could be spoilt: write any, banner, ehlo, helo, starttls, auth, mail, rcpt, data, dot, bdat, rset, noop, vrfy, expn, help, quit or other"
    )]
    Stage(String),
    #[error(
        "{0:?} does not tell at which of the commands: write #2 for the second, #1-3 for the first three or #%4 for every fourth"
    )]
    Which(String),
    #[error("{0:?} ends where a text is to follow the @: write it as in rcpt@bob=550")]
    Holding(String),
    #[error(
        "{0:?} is not what a server can do: write a code such as 550, and a text if you like, delay:2s, bytes:20ms, bare-lf, shutdown, drop, greylist:30s, full, too-big or inject:250 hello"
    )]
    Action(String),
    #[error("{0:?} is not a reply code: write one from 200 to 599")]
    Code(String),
    #[error(
        "{0:?} can't be the text of a reply: write one line of at most 480 bytes without control characters"
    )]
    Text(String),
    #[error("{0:?} is not a reply to inject: write a code and a text, such as inject:250 hello")]
    Inject(String),
    #[error("{0}")]
    Duration(SpecError),
    #[error(
        "{0:?} is not a scenario: write greylist, full-mailbox, one-bad-recipient, too-many-recipients, over-size, login-refused, auth-250, no-ehlo, wrong-code-data, unknown-code, shutdown-at-mail, drop-after-dot, vanishing, banner-554, slow-server, byte-by-byte, bare-lf, starttls-injection or starttls-unavailable"
    )]
    Scenario(String),
}

impl FaultError {
    /// The key of its sentence, which takes `value`; `None` for an error in a duration, which has words of its own.
    pub fn key(&self) -> Option<&'static str> {
        match self {
            FaultError::NoAction(_) => Some("fault.error.no-action"),
            FaultError::Stage(_) => Some("fault.error.stage"),
            FaultError::Which(_) => Some("fault.error.which"),
            FaultError::Holding(_) => Some("fault.error.holding"),
            FaultError::Action(_) => Some("fault.error.action"),
            FaultError::Code(_) => Some("fault.error.code"),
            FaultError::Text(_) => Some("fault.error.text"),
            FaultError::Inject(_) => Some("fault.error.inject"),
            FaultError::Duration(_) => None,
            FaultError::Scenario(_) => Some("fault.error.scenario"),
        }
    }

    /// The part of the text that is wrong, as it was written: hostile when it is shown.
    pub fn value(&self) -> &str {
        match self {
            FaultError::NoAction(value)
            | FaultError::Stage(value)
            | FaultError::Which(value)
            | FaultError::Holding(value)
            | FaultError::Action(value)
            | FaultError::Code(value)
            | FaultError::Text(value)
            | FaultError::Inject(value)
            | FaultError::Scenario(value) => value,
            FaultError::Duration(error) => &error.value,
        }
    }
}

impl Fault {
    /// Reads `STAGE[#WHICH][@TEXT]=ACTION`.
    ///
    /// | part | |
    /// |---|---|
    /// | `STAGE` | a command, `banner`, `dot` (the end of a message, however it came), `other` (an unknown command) or `any` |
    /// | `#2` `#1-3` `#%4` | the second one only, the first three, every fourth; without it every one |
    /// | `@TEXT` | only commands whose argument holds this |
    /// | `550` `550 5.1.1 No such user` | this reply in place of the right one |
    /// | `delay:2s` `bytes:20ms` `bare-lf` | the right reply: later, byte by byte, without CR |
    /// | `shutdown` `drop` | `421` and close, close |
    /// | `greylist:30s` `full` `too-big` | `451` at first, `452`, `552` |
    /// | `inject:250 hello` | this behind the right reply |
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub fn parse(spec: &str) -> Result<Self, FaultError> {
        let spec = spec.trim();
        let (place, action) = spec
            .split_once('=')
            .ok_or_else(|| FaultError::NoAction(spec.to_owned()))?;
        let (place, holding) = match place.split_once('@') {
            Some((_, "")) => return Err(FaultError::Holding(place.to_owned())),
            Some((_, text)) if !is_reply_text(text) => {
                return Err(FaultError::Text(text.to_owned()));
            }
            Some((place, text)) => (place, Some(text.to_owned())),
            None => (place, None),
        };
        let (stage, which) = match place.split_once('#') {
            Some((stage, which)) => (stage, read_which(which.trim())?),
            None => (place, Which::Every),
        };
        Ok(Self {
            stage: read_stage(stage.trim())?,
            which,
            holding,
            action: read_action(action.trim())?,
        })
    }
}

fn read_stage(name: &str) -> Result<Option<Stage>, FaultError> {
    if name.eq_ignore_ascii_case(ANY) || name == "*" {
        return Ok(None);
    }
    Stage::from_name(name)
        .filter(|stage| Fault::STAGES.contains(stage))
        .map(Some)
        .ok_or_else(|| FaultError::Stage(name.to_owned()))
}

fn read_which(text: &str) -> Result<Which, FaultError> {
    let number = |digits: &str| {
        digits
            .parse()
            .ok()
            .filter(|number| *number > 0 && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let which = if let Some(digits) = text.strip_prefix('%') {
        number(digits).map(Which::EveryNth)
    } else if let Some(digits) = text.strip_prefix("1-") {
        number(digits).map(Which::First)
    } else {
        number(text).map(Which::Only)
    };
    which.ok_or_else(|| FaultError::Which(text.to_owned()))
}

fn read_action(text: &str) -> Result<Action, FaultError> {
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        return read_reply(text);
    }
    let unknown = || FaultError::Action(text.to_owned());
    let (name, argument) = match text.split_once(':') {
        Some((name, argument)) => (name.trim(), Some(argument.trim())),
        None => (text, None),
    };
    let duration = || parse_duration(argument.ok_or_else(unknown)?).map_err(FaultError::Duration);
    let action = match name.to_ascii_lowercase().as_str() {
        "delay" => return duration().map(Action::Delay),
        "bytes" => return duration().map(Action::ByteByByte),
        "greylist" => return duration().map(Action::Greylist),
        "inject" => return read_injected(argument.ok_or_else(unknown)?),
        "bare-lf" => Action::BareLf,
        "shutdown" => Action::Shutdown,
        "drop" => Action::Drop,
        "full" => Action::MailboxFull,
        "too-big" => Action::TooBig,
        _ => return Err(unknown()),
    };
    if argument.is_some() {
        return Err(unknown());
    }
    Ok(action)
}

fn read_reply(text: &str) -> Result<Action, FaultError> {
    let (digits, rest) = text.split_once(' ').unwrap_or((text, ""));
    let code = read_code(digits).ok_or_else(|| FaultError::Code(digits.to_owned()))?;
    let rest = rest.trim();
    if !is_reply_text(rest) {
        return Err(FaultError::Text(rest.to_owned()));
    }
    let enhanced = Enhanced::read(rest.as_bytes());
    let text = match (enhanced, rest.split_once(' ')) {
        (Some(_), Some((_, text))) => text.trim_start(),
        (Some(_), None) => "",
        (None, _) => rest,
    };
    Ok(Action::Reply {
        code,
        enhanced,
        text: text.to_owned(),
    })
}

fn read_injected(text: &str) -> Result<Action, FaultError> {
    let digits = text.split([' ', '-']).next().unwrap_or_default();
    if read_code(digits).is_none() || !is_reply_text(text) {
        return Err(FaultError::Inject(text.to_owned()));
    }
    Ok(Action::Inject(text.to_owned()))
}

fn read_code(digits: &str) -> Option<Code> {
    let code = digits.parse().ok().map(Code)?;
    (digits.len() == 3 && (200..=599).contains(&code.0)).then_some(code)
}

fn is_reply_text(text: &str) -> bool {
    text.len() <= LONGEST_TEXT && !text.contains(char::is_control)
}

/// As [`Fault::parse`] reads it.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.stage.map_or(ANY, Stage::name))?;
        match self.which {
            Which::Every => Ok(()),
            Which::Only(number) => write!(f, "#{number}"),
            Which::First(count) => write!(f, "#1-{count}"),
            Which::EveryNth(nth) => write!(f, "#%{nth}"),
        }?;
        if let Some(text) = &self.holding {
            write!(f, "@{text}")?;
        }
        write!(f, "={}", self.action)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timed = |f: &mut fmt::Formatter<'_>, duration: &Duration| {
            write!(f, "{}:{}", self.name(), format_duration(*duration))
        };
        match self {
            Action::Reply {
                code,
                enhanced,
                text,
            } => {
                write!(f, "{code}")?;
                if let Some(enhanced) = enhanced {
                    write!(f, " {enhanced}")?;
                }
                if !text.is_empty() {
                    write!(f, " {text}")?;
                }
                Ok(())
            }
            Action::Delay(duration) | Action::ByteByByte(duration) | Action::Greylist(duration) => {
                timed(f, duration)
            }
            Action::Inject(text) => write!(f, "inject:{text}"),
            Action::BareLf
            | Action::Shutdown
            | Action::Drop
            | Action::MailboxFull
            | Action::TooBig => f.write_str(self.name()),
        }
    }
}
