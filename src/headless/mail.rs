//! `sockscope mail`: sends a message and prints the dialogue as it goes, in the notation of swaks, with what each refusal means; then what became of
//! each recipient.
//!
//! When a message is sent many times, the dialogue of the first is printed, and of the others only what did not go as expected: a thousand equal
//! dialogues would hide the one that is not.

mod plan;

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc::UnboundedSender;

use super::dialogue::{Said, micros};
use super::output::{Format, INTERRUPTED, Output};
use crate::net::mail_client;
use crate::net::password;
use crate::net::stop::StopRequest;
use crate::proto::secret::Secret;
use crate::proto::smtp::code::Class;
use crate::proto::smtp::outcome::{Failure, Need, Outcome, Recipient, RecipientFate};
use crate::proto::smtp::plan::{Order, Password, Plan};
use crate::proto::smtp::stage::Stage;
use crate::settings::MailSettings;
use crate::trace::clock::Clock;
use crate::trace::escape::escape_hostile;
use crate::trace::event::Event;
use crate::trace::mail::{Decided, Fit, SendingEvent, SendingId, Speech, Spoken, Summary, TlsCard};
use crate::trace::recorder::Recorder;
use crate::trace::tap::Tap;
use crate::trace::transcript::{Latencies, Transcript};
use crate::words::{Lang, Words, outcome, smtp};

/// How often it is said how many messages are decided.
const COUNTER: Duration = Duration::from_secs(1);
/// Commands that are remembered until their replies come: more than the recipients that are sent in one go.
const UNANSWERED: usize = 1_024;

/// A file that was to be sent could not be read.
const BAD_USE: u8 = 2;
/// The only sending of the command.
const SENDING: SendingId = 1;

/// What is told by flags alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailOptions {
    /// How to report.
    pub format: Format,
    /// Where the password is, instead of the command in the settings.
    pub password: Option<Password>,
    /// As they were typed, each perhaps several addresses.
    pub to: Vec<String>,
    pub cc: Vec<String>,
    pub bcc: Vec<String>,
    pub subject: Option<String>,
    pub body: Option<Body>,
    /// Paths of files.
    pub attachments: Vec<String>,
    /// How often the message is sent.
    pub count: u32,
    /// After this stage's reply, end with QUIT.
    pub quit_after: Option<Stage>,
    /// Go on although the certificate cannot be trusted.
    pub insecure: bool,
}

/// Where the text of a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    Text(String),
    File(PathBuf),
    StandardInput,
}

/// What the command needs besides its options.
pub struct Place<'a> {
    pub settings: &'a MailSettings,
    /// The certificate of the lab's own server, if one has run here.
    pub own_certificate: Option<PathBuf>,
    pub words: Words,
    pub clock: Clock,
}

/// What the options ask for; a password that is nowhere else is asked for at the terminal.
///
/// # Errors
/// Sentences for whoever typed them.
pub fn plan(options: &MailOptions, place: Place) -> Result<Plan, Vec<String>> {
    plan::plan(options, place, io::stdin(), ask)
}

/// Sends the message and prints what happens to `out`, and to `err` what went wrong.
///
/// Gives the exit code: 0 all accepted, 1 some, 2 bad use, 3 no connection or it was lost, 4 TLS, 5 login refused, 6 refused by the server, 7 unknown,
/// 130 ended by Ctrl+C.
///
/// # Errors
/// Those of writing, and of listening for a request to stop.
pub fn run(
    plan: &Plan,
    format: Format,
    recorder: Recorder,
    words: Words,
    clock: Clock,
    out: impl Write,
    err: impl Write,
) -> io::Result<u8> {
    let (orders, waiting) = tokio::sync::mpsc::unbounded_channel();
    let interrupted = end_politely(orders, words)?;
    let printer = Printer::new(out, format, plan.count, words);
    // The printer gets its events without a detour; what is in the tap goes into files only.
    let files = Tap::new(0, || {}).recording(recorder);
    let send = |report: &mut dyn FnMut(SendingEvent)| {
        mail_client::send(plan, clock, waiting, files.recorder(), |event| {
            files.push_with(|| Event::Sending {
                id: SENDING,
                event: event.clone(),
            });
            report(event);
        });
    };
    let summary = printed(printer, send)?;
    let is_interrupted = interrupted.load(Ordering::Relaxed);
    let code = exit_code(&summary.outcome, is_interrupted);
    if code != 0 {
        complain(&summary, words, err)?;
    }
    Ok(code)
}

/// Prints a sending as it goes, and gives what came of it.
fn printed<W: Write>(
    mut printer: Printer<W>,
    send: impl FnOnce(&mut dyn FnMut(SendingEvent)),
) -> io::Result<Summary> {
    let mut written = Ok(());
    send(&mut |event| {
        // A message that is on its way is not given up because nobody reads about it.
        if written.is_ok() {
            written = printer.print(event);
        }
    });
    written?;
    printer
        .summary
        .ok_or_else(|| io::Error::other("the client ended without a word"))
}

/// What went wrong, and what to do.
fn complain(summary: &Summary, words: Words, mut err: impl Write) -> io::Result<()> {
    let told = outcome::summary(summary, words);
    writeln!(err, "sockscope: {}", told.what)?;
    told.advice
        .map_or(Ok(()), |advice| writeln!(err, "{advice}"))
}

/// Gets a password from the person at the terminal, without echo. Nothing has begun yet: Ctrl+C ends the program.
fn ask(prompt: &str) -> io::Result<Secret> {
    if !io::stdin().is_terminal() {
        return Err(io::ErrorKind::NotConnected.into());
    }
    let typed = password::ask(prompt);
    if let Err(error) = &typed
        && error.kind() == io::ErrorKind::Interrupted
    {
        std::process::exit(i32::from(INTERRUPTED));
    }
    typed
}

/// Lets the first Ctrl+C end the session with QUIT, and the second one at once. Tells whether one came.
fn end_politely(orders: UnboundedSender<Order>, words: Words) -> io::Result<Arc<AtomicBool>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut stop = runtime.block_on(async { StopRequest::listen() })?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let told = interrupted.clone();
    // It ends with the program.
    std::thread::Builder::new()
        .name("stop".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                stop.requested().await;
                told.store(true, Ordering::Relaxed);
                // The session may be over already, and standard error closed.
                let _ = orders.send(Order::Quit);
                let _ = writeln!(io::stderr(), "\n=== {}", words.t("send.ending"));
                stop.requested().await;
                let _ = orders.send(Order::Drop);
            });
        })?;
    Ok(interrupted)
}

/// What an outcome says to the shell.
fn exit_code(outcome: &Outcome, interrupted: bool) -> u8 {
    match outcome {
        Outcome::Sent => 0,
        Outcome::PartlySent => 1,
        Outcome::Stopped if interrupted => INTERRUPTED,
        Outcome::Stopped => 0,
        Outcome::Failed(Failure::Source { .. }) => BAD_USE,
        Outcome::Failed(Failure::Tls(_)) => 4,
        Outcome::LoginRefused | Outcome::Failed(Failure::NotOffered(Need::Mechanism { .. })) => 5,
        Outcome::Refused | Outcome::Failed(Failure::NotOffered(_)) => 6,
        Outcome::Failed(_) => 3,
        Outcome::Unknown => 7,
    }
}

/// The stable name of a failure in JSON.
fn failure_name(failure: &Failure) -> &'static str {
    match failure {
        Failure::Source { .. } => "source",
        Failure::CannotConnect(_) => "cannot-connect",
        Failure::Lost(_) => "lost",
        Failure::TimedOut(_) => "timed-out",
        Failure::Tls(_) => "tls",
        Failure::NotAReply(_) => "not-a-reply",
        Failure::NotOffered(_) => "not-offered",
    }
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Line<'a> {
    Connected {
        address: std::net::SocketAddr,
    },
    Tls(Tls<'a>),
    Retrying {
        recipients: Vec<&'a str>,
        wait_us: f64,
    },
    Message {
        number: u32,
        #[serde(flatten)]
        fates: Fates<'a>,
    },
    Summary {
        outcome: &'static str,
        stage: &'static str,
        #[serde(flatten)]
        fates: Fates<'a>,
        /// Messages that somebody accepted, and messages asked for.
        sent: u32,
        asked: u32,
        /// Why nothing was decided, by a stable name.
        failure: Option<&'static str>,
        /// The same in English, and why nothing went out.
        reason: Option<String>,
    },
}

#[derive(Serialize)]
struct Tls<'a> {
    server_name: &'a str,
    version: Option<&'a str>,
    cipher: Option<&'a str>,
    chain: Vec<Certificate<'a>>,
    distrust: Option<String>,
    error: Option<&'a str>,
    took_us: f64,
}

#[derive(Serialize)]
struct Certificate<'a> {
    subject: &'a str,
    issuer: &'a str,
    names: &'a [String],
    not_before: &'a str,
    not_after: &'a str,
    fingerprint: &'a str,
}

/// Recipients by what became of them.
#[derive(Serialize, Default)]
struct Fates<'a> {
    accepted: Vec<&'a str>,
    /// For good, or for now.
    refused: Vec<Refused<'a>>,
    unknown: Vec<&'a str>,
    not_tried: Vec<&'a str>,
}

#[derive(Serialize)]
struct Refused<'a> {
    to: &'a str,
    code: Option<u16>,
    text: Option<&'a str>,
}

impl<'a> Fates<'a> {
    fn of(recipients: &'a [Recipient]) -> Self {
        let mut fates = Self::default();
        for recipient in recipients {
            let to = recipient.address.as_str();
            match recipient.fate {
                RecipientFate::Accepted => fates.accepted.push(to),
                RecipientFate::Unknown => fates.unknown.push(to),
                RecipientFate::NotTried => fates.not_tried.push(to),
                RecipientFate::Refused | RecipientFate::Deferred => fates.refused.push(Refused {
                    to,
                    code: recipient.reply.as_ref().map(|reply| reply.code.0),
                    text: recipient.reply.as_ref().map(|reply| reply.text.as_str()),
                }),
            }
        }
        fates
    }
}

impl<'a> Line<'a> {
    fn summary(summary: &'a Summary) -> Self {
        let failure = match &summary.outcome {
            Outcome::Failed(failure) => Some(failure_name(failure)),
            _ => None,
        };
        let is_well = matches!(summary.outcome, Outcome::Sent | Outcome::Stopped);
        Line::Summary {
            outcome: summary.outcome.name(),
            stage: summary.stage.name(),
            fates: Fates::of(&summary.recipients),
            sent: summary.sent,
            asked: summary.asked,
            failure,
            reason: (!is_well).then(|| outcome::summary(summary, ENGLISH).what),
        }
    }
}

impl<'a> Tls<'a> {
    fn of(card: &'a TlsCard) -> Self {
        let chain = card.chain.iter().map(|certificate| Certificate {
            subject: &certificate.subject,
            issuer: &certificate.issuer,
            names: &certificate.names,
            not_before: &certificate.not_before,
            not_after: &certificate.not_after,
            fingerprint: &certificate.fingerprint,
        });
        let distrust = card.distrust.as_ref();
        Self {
            server_name: &card.server_name,
            version: card.version.as_deref(),
            cipher: card.cipher.as_deref(),
            chain: chain.collect(),
            distrust: distrust.map(|why| outcome::distrust(why, ENGLISH).into_owned()),
            error: card.error.as_deref(),
            took_us: micros(card.took),
        }
    }
}

/// What programs read is English in every language.
const ENGLISH: Words = Words(Lang::En);

/// How much of the dialogue is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    Whole,
    /// Replies that are not expected, each with its command.
    Exceptions,
}

struct Printer<W: Write> {
    output: Output<W>,
    format: Format,
    words: Words,
    transcript: Transcript,
    asked: u32,
    detail: Detail,
    /// What waits for its reply, while only exceptions are printed.
    unanswered: VecDeque<Spoken>,
    /// When it was last said how many messages are decided.
    counted: Duration,
    summary: Option<Summary>,
}

impl<W: Write> Printer<W> {
    fn new(out: W, format: Format, asked: u32, words: Words) -> Self {
        Self {
            output: Output::new(out),
            format,
            words,
            transcript: Transcript::new(Latencies::Hidden),
            asked,
            detail: Detail::Whole,
            unanswered: VecDeque::new(),
            counted: Duration::ZERO,
            summary: None,
        }
    }

    fn print(&mut self, event: SendingEvent) -> io::Result<()> {
        match event {
            SendingEvent::Spoken(spoken) => self.spoken(spoken),
            SendingEvent::Decided(decided) => self.decided(&decided),
            SendingEvent::Ended { .. } => self.ended(event),
            event => match self.format {
                Format::Text => self.lines(&event),
                Format::Json => self.told(&event),
            },
        }
    }

    fn spoken(&mut self, spoken: Spoken) -> io::Result<()> {
        if self.detail == Detail::Whole || spoken.stage == Stage::Quit {
            return self.say(spoken);
        }
        let Speech::Reply { fit, .. } = &spoken.what else {
            if self.unanswered.len() == UNANSWERED {
                self.unanswered.pop_front();
            }
            self.unanswered.push_back(spoken);
            return Ok(());
        };
        let fit = *fit;
        // Replies come in the order of their commands.
        let place = self
            .unanswered
            .iter()
            .position(|asked| asked.stage == spoken.stage);
        let command = place.and_then(|place| self.unanswered.drain(..=place).next_back());
        if fit == Fit::Expected {
            return Ok(());
        }
        command.map_or(Ok(()), |command| self.say(command))?;
        self.say(spoken)
    }

    /// Prints something that was said.
    fn say(&mut self, spoken: Spoken) -> io::Result<()> {
        match self.format {
            Format::Json => self.output.json(&Said::of(&spoken.what)),
            Format::Text => {
                let notes = explained(&spoken, self.words);
                self.lines(&SendingEvent::Spoken(spoken))?;
                let mut notes = notes.iter();
                notes.try_for_each(|note| self.output.line(&format!("=== {note}")))
            }
        }
    }

    fn lines(&mut self, event: &SendingEvent) -> io::Result<()> {
        let lines = self.transcript.lines(event);
        lines.iter().try_for_each(|line| self.output.line(line))
    }

    fn told(&mut self, event: &SendingEvent) -> io::Result<()> {
        match event {
            SendingEvent::Connected { server, .. } => {
                self.output.json(&Line::Connected { address: *server })
            }
            SendingEvent::Tls { card, .. } => self.output.json(&Line::Tls(Tls::of(card))),
            SendingEvent::Retrying {
                at,
                until,
                recipients,
            } => self.output.json(&Line::Retrying {
                recipients: recipients.iter().map(|to| to.as_str()).collect(),
                wait_us: micros(until.saturating_sub(*at)),
            }),
            _ => Ok(()),
        }
    }

    fn decided(&mut self, decided: &Decided) -> io::Result<()> {
        if self.asked == 1 {
            return Ok(());
        }
        self.detail = Detail::Exceptions;
        if self.format == Format::Json {
            return self.output.json(&Line::Message {
                number: decided.number,
                fates: Fates::of(&decided.recipients),
            });
        }
        let is_first = decided.number == 1;
        if is_first || decided.at >= self.counted + COUNTER {
            self.counted = decided.at;
            let key = if is_first {
                "send.first_of_many"
            } else {
                "send.counter"
            };
            let values: [(&str, &dyn std::fmt::Display); 2] =
                [("number", &decided.number), ("asked", &self.asked)];
            let line = self.words.fill(key, &values);
            self.output.line(&format!("=== {line}"))?;
        }
        Ok(())
    }

    fn ended(&mut self, event: SendingEvent) -> io::Result<()> {
        if self.format == Format::Text {
            self.lines(&event)?;
        }
        let SendingEvent::Ended { summary, .. } = event else {
            return Ok(());
        };
        let summary = self.summary.insert(*summary);
        match self.format {
            Format::Json => self.output.json(&Line::summary(summary)),
            Format::Text => {
                let mut lines = recipient_lines(summary, self.words).into_iter();
                lines.try_for_each(|line| self.output.line(&line))
            }
        }
    }
}

/// What a refusal means, and what to do. A success that was not hoped for, such as 250 to DATA, would explain nothing.
fn explained(spoken: &Spoken, words: Words) -> Vec<String> {
    let Speech::Reply { reply, .. } = &spoken.what else {
        return Vec::new();
    };
    if let Class::Positive | Class::Intermediate = reply.code.class() {
        return Vec::new();
    }
    let stage = spoken.stage;
    let code = smtp::meaning(stage, reply.code, words);
    let meaning = match reply.enhanced {
        Some(enhanced) => words.fill(
            "send.meaning_enhanced",
            &[
                ("code", &reply.code),
                ("meaning", &code),
                ("enhanced", &enhanced),
                ("detail", &smtp::enhanced(enhanced, words)),
            ],
        ),
        None => words.fill("send.meaning", &[("code", &reply.code), ("meaning", &code)]),
    };
    let advice = smtp::advice(stage, reply.code, words).into_owned();
    vec![meaning, advice]
}

/// What became of each recipient, a line each.
fn recipient_lines(summary: &Summary, words: Words) -> Vec<String> {
    let line = |recipient: &Recipient| {
        let address = escape_hostile(recipient.address.as_str());
        let fate = outcome::fate(recipient.fate, words);
        match &recipient.reply {
            Some(reply) => words.fill(
                "send.recipient_reply",
                &[
                    ("address", &address),
                    ("fate", &fate),
                    ("code", &reply.code),
                    ("text", &reply.text),
                ],
            ),
            None => words.fill("send.recipient", &[("address", &address), ("fate", &fate)]),
        }
    };
    let mut lines: Vec<String> = summary.recipients.iter().map(line).collect();
    if summary.asked > 1 {
        lines.push(words.fill(
            "send.total",
            &[("sent", &summary.sent), ("asked", &summary.asked)],
        ));
    }
    lines
}

#[cfg(test)]
mod tests;
