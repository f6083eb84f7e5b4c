//! The lines of a dialogue as they are read: who said what, when, under TLS or in clear text, what it means and what to do about it.
//!
//! An event is one part or several: a reply has one for each of its lines, a decision one for each recipient. The selection goes from part to part,
//! and only the parts on screen are ever put into words.

use std::borrow::Cow;
use std::time::Duration;

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::encoded::{self, Encoded};
use super::{Dialogue, Entry};
use crate::dashboard::app::Look;
use crate::dashboard::tabs::panel::Scene;
use crate::dashboard::widgets::text::{self, Align};
use crate::proto::smtp::code::{self, Class};
use crate::proto::smtp::reply::{Oddity, Reply};
use crate::proto::smtp::stage::Stage;
use crate::trace::escape::escape_hostile;
use crate::trace::mail::{
    CertificateCard, Fit, Recipient, RecipientFate, SendingEvent, Speaker, Speech, Spoken, Summary,
    TlsCard,
};
use crate::words::{Words, outcome, phrases, smtp};
/// Columns before the text: the time, the TLS mark, the direction.
const GUTTER: usize = 11;
/// Rows that one line of a session takes at most; the details have the whole.
const MOST_ROWS: usize = 4;

/// How a dialogue is told.
pub struct Telling<'a> {
    pub dialogue: &'a Dialogue,
    pub scene: &'a Scene<'a>,
    pub width: usize,
    /// Whether replies are explained.
    pub explained: bool,
    /// Whether passwords are shown.
    pub revealed: bool,
}

/// How many parts an event has.
pub fn parts(event: &SendingEvent) -> usize {
    match event {
        SendingEvent::Spoken(Spoken {
            what: Speech::Reply { reply, .. },
            ..
        }) => reply.lines.len().max(1),
        SendingEvent::Decided(decided) => 1 + decided.recipients.len(),
        _ => 1,
    }
}

/// One part of an entry.
pub fn lines(entry: &Entry, part: usize, telling: &Telling) -> Vec<Line<'static>> {
    let mut page = Page {
        telling,
        rows: Vec::new(),
    };
    match &entry.event {
        SendingEvent::Spoken(spoken) => page.spoken(spoken, part),
        SendingEvent::Connecting {
            at,
            host,
            port,
            attempt,
        } => {
            let mut text = telling.scene.look.words.fill(
                "mail.line.connecting",
                &[("host", &escape_hostile(host)), ("port", port)],
            );
            if *attempt > 1 {
                let again = [("attempt", attempt as &dyn std::fmt::Display)];
                text.push_str(&telling.scene.look.words.fill("mail.line.attempt", &again));
            }
            page.note(*at, text);
        }
        SendingEvent::Connected { at, local, server } => {
            let arrow = telling.scene.look.signs.arrow();
            page.note(*at, format!("{local} {arrow} {server}"));
        }
        SendingEvent::Tls { at, card } => page.tls(*at, card),
        SendingEvent::Decided(decided) => match part.checked_sub(1) {
            None => {
                let accepted = count(&decided.recipients, RecipientFate::Accepted);
                let text = telling.scene.look.words.fill(
                    "mail.line.decided",
                    &[
                        ("number", &decided.number),
                        ("accepted", &accepted),
                        ("all", &decided.recipients.len()),
                    ],
                );
                page.heading(decided.at, text);
            }
            Some(place) => {
                if let Some(recipient) = decided.recipients.get(place) {
                    page.recipient(recipient);
                }
            }
        },
        SendingEvent::Retrying {
            at,
            until,
            recipients,
        } => {
            let text = telling.scene.look.words.fill(
                "mail.line.retrying",
                &[
                    ("count", &recipients.len()),
                    ("pause", &phrases::time(until.saturating_sub(*at))),
                ],
            );
            page.sign(
                *at,
                telling.look().signs.warning(),
                telling.look().theme.warning,
                text,
            );
        }
        SendingEvent::Ended { at, summary } => page.ended(*at, summary),
        SendingEvent::Cipher(_)
        | SendingEvent::Awaiting { .. }
        | SendingEvent::Held { .. }
        | SendingEvent::Progress { .. } => {}
    }
    page.rows
}

fn count(recipients: &[Recipient], fate: RecipientFate) -> usize {
    recipients.iter().filter(|one| one.fate == fate).count()
}

impl<'a> Telling<'a> {
    fn look(&self) -> &'a Look {
        self.scene.look
    }
}

/// The rows of a part as they are put together.
struct Page<'a> {
    telling: &'a Telling<'a>,
    rows: Vec<Line<'static>>,
}

impl Page<'_> {
    /// The time since the sending began, in seconds.
    fn time(&self, at: Duration) -> Span<'static> {
        let began = self.telling.dialogue.began.unwrap_or(at);
        let seconds = at.saturating_sub(began).as_secs_f64();
        Span::styled(format!("{seconds:>7.3} "), self.telling.look().theme.dim)
    }

    fn no_time() -> Span<'static> {
        Span::raw(" ".repeat(8))
    }

    /// Columns for the text.
    fn room(&self) -> usize {
        self.telling.width.saturating_sub(GUTTER).max(8)
    }

    /// A text behind its gutter, wrapped; the further rows are set in.
    fn hang(&mut self, gutter: Vec<Span<'static>>, line: &Line, most: usize) {
        let mut wrapped = text::wrap(line, self.room());
        if wrapped.len() > most {
            wrapped.truncate(most);
            if let Some(last) = wrapped.last_mut() {
                let glyphs = self.telling.look().glyphs;
                let room = self.room().saturating_sub(2);
                *last = text::fit_line(last, room, Align::Left, glyphs);
                last.push_span(glyphs.ellipsis().to_string());
            }
        }
        let mut gutter = Some(gutter);
        for row in wrapped {
            let mut line = match gutter.take() {
                Some(gutter) => Line::from(gutter),
                None => Line::raw(" ".repeat(GUTTER)),
            };
            line.spans.extend(row.spans);
            self.rows.push(line);
        }
    }

    /// The time, the TLS mark and the direction of something said.
    fn gutter(&self, spoken: &Spoken, from: Speaker, first: bool) -> Vec<Span<'static>> {
        let look = self.telling.look();
        let time = if first {
            self.time(spoken.at)
        } else {
            Self::no_time()
        };
        let mark = if spoken.encrypted {
            look.signs.encrypted()
        } else {
            ' '
        };
        let style = match from {
            Speaker::Client => look.theme.accent,
            Speaker::Server => look.theme.text,
        };
        vec![
            time,
            Span::styled(mark.to_string(), look.theme.band),
            Span::styled(format!("{} ", look.signs.said_by(from)), style),
        ]
    }

    fn spoken(&mut self, spoken: &Spoken, part: usize) {
        match &spoken.what {
            Speech::Command(line) => self.command(spoken, line),
            Speech::Reply {
                reply,
                latency,
                fit,
            } => self.reply(spoken, reply, *latency, *fit, part),
            Speech::Content { bytes, stuffed, .. } => {
                let look = self.telling.look();
                let text = look.words.fill(
                    "mail.line.content",
                    &[
                        ("bytes", &phrases::grouped(*bytes)),
                        ("stuffed", &phrases::grouped(*stuffed)),
                    ],
                );
                let gutter = self.gutter(spoken, Speaker::Client, true);
                self.hang(gutter, &Line::styled(text, look.theme.strong), MOST_ROWS);
            }
        }
    }

    fn command(&mut self, spoken: &Spoken, line: &crate::trace::mail::Line) {
        let look = self.telling.look();
        let revealed = self.telling.revealed;
        let bytes = if revealed { line.bytes() } else { &line.shown };
        let gutter = self.gutter(spoken, Speaker::Client, true);
        let text = Line::styled(escape_hostile(bytes).into_owned(), look.theme.strong);
        self.hang(gutter, &text, MOST_ROWS);
        if spoken.stage == Stage::Auth {
            self.encoded(encoded::command(line, revealed), spoken.encrypted);
        }
    }

    /// What base64 stands for, and that it hides nothing.
    fn encoded(&mut self, encoded: Option<Encoded>, encrypted: bool) {
        let look = self.telling.look();
        let (words, theme) = (look.words, &look.theme);
        let Some(encoded) = encoded else { return };
        let (value, key) = match &encoded {
            Encoded::Hidden => (None, "mail.line.encoded_hidden"),
            Encoded::Text(text) if encrypted => (Some(text), "mail.line.encoded_in_tls"),
            Encoded::Text(text) => (Some(text), "mail.line.encoded"),
            Encoded::Digest(text) => (Some(text), "mail.line.digest"),
        };
        let mut line = Line::default();
        if let Some(value) = value {
            line.push_span(Span::styled(format!("= {value}"), theme.odd));
            line.push_span("  ");
        }
        line.push_span(Span::styled(words.t(key).into_owned(), theme.warning));
        self.indented(&line);
    }

    /// Rows under the text they are about.
    fn indented(&mut self, line: &Line) {
        self.hang(vec![Span::raw(" ".repeat(GUTTER))], line, usize::MAX);
    }

    fn reply(
        &mut self,
        spoken: &Spoken,
        reply: &Reply,
        latency: Option<Duration>,
        fit: Fit,
        part: usize,
    ) {
        let look = self.telling.look();
        let (words, theme) = (look.words, &look.theme);
        let class = reply.code.class();
        let last = reply.lines.len().saturating_sub(1);
        let text = reply.lines.get(part).map_or(&b""[..], |line| line);
        let shown = escape_hostile(text).into_owned();
        let separator = if part < last { "-" } else { " " };
        let mut line = Line::default();
        let style = theme.reply_class(class);
        if part == 0 {
            let sign = look.signs.reply_class(class);
            line.push_span(Span::styled(format!("{sign} "), style));
        } else {
            line.push_span("  ");
        }
        line.push_span(Span::styled(format!("{}{separator}", reply.code), style));
        line.push_span(Span::styled(shown, theme.strong));
        if part == 0 {
            if let Some(latency) = latency {
                let time = phrases::time(latency);
                line.push_span(Span::styled(format!("  {time}"), theme.duration(latency)));
            }
            let expected = code::expected(spoken.stage);
            if !expected.is_empty() && fit != Fit::Unasked {
                line.push_span(Span::styled(
                    format!("  {}", expected_text(expected, look)),
                    if fit == Fit::Expected {
                        theme.dim
                    } else {
                        theme.warning
                    },
                ));
            }
        }
        let offers = spoken.stage == Stage::Ehlo && class == Class::Positive && part > 0;
        if offers
            && self.telling.explained
            && let Some(explanation) = capability(text, words)
        {
            line.push_span(Span::styled(format!("  {explanation}"), theme.dim));
        }
        let gutter = self.gutter(spoken, Speaker::Server, part == 0);
        self.hang(gutter, &line, MOST_ROWS);
        if spoken.stage == Stage::Auth && class == Class::Intermediate {
            self.encoded(encoded::challenge(text), spoken.encrypted);
        }
        if part >= last {
            self.remarks(spoken.stage, reply, fit);
        }
    }

    /// What a reply means, what is odd about it, and what to do.
    fn remarks(&mut self, stage: Stage, reply: &Reply, fit: Fit) {
        let look = self.telling.look();
        let (words, theme) = (look.words, &look.theme);
        for key in remarks(reply, fit) {
            let text = match key {
                Remark::NotInTheList => words.fill(
                    "mail.line.not_in_the_list",
                    &[("stage", &outcome::stage(stage, words))],
                ),
                Remark::Unasked => words.t("mail.line.unasked").into_owned(),
                Remark::Odd(odd) => smtp::oddity(odd, words).into_owned(),
            };
            let line = Line::styled(format!("{} {text}", look.signs.warning()), theme.warning);
            self.indented(&line);
        }
        if !self.telling.explained {
            return;
        }
        let meaning = smtp::meaning(stage, reply.code, words);
        let mut line = Line::styled(format!("{}: {meaning}", reply.code), theme.dim);
        if let Some(code) = reply.enhanced {
            let meaning = smtp::enhanced(code, words);
            line.push_span(format!("  {code}: {meaning}"));
        }
        self.indented(&line);
        if matches!(reply.code.class(), Class::Transient | Class::Permanent) {
            self.advice(&smtp::advice(stage, reply.code, words));
        }
    }

    fn advice(&mut self, advice: &str) {
        let look = self.telling.look();
        let label = look.words.t("mail.line.advice");
        let line = Line::from(vec![
            Span::styled(format!("{label} "), look.theme.accent),
            Span::styled(advice.to_owned(), look.theme.text),
        ]);
        self.indented(&line);
    }

    fn note(&mut self, at: Duration, text: String) {
        let style = self.telling.look().theme.dim;
        self.sign(at, ' ', style, text);
    }

    fn heading(&mut self, at: Duration, text: String) {
        let style = self.telling.look().theme.strong;
        self.sign(at, ' ', style, text);
    }

    fn sign(&mut self, at: Duration, sign: char, style: Style, text: String) {
        let gutter = vec![self.time(at), Span::styled(format!("{sign}  "), style)];
        self.hang(gutter, &Line::styled(text, style), usize::MAX);
    }

    fn tls(&mut self, at: Duration, card: &TlsCard) {
        let look = self.telling.look();
        let (words, theme) = (look.words, &look.theme);
        let version = card.version.as_deref().unwrap_or(phrases::NOTHING);
        let cipher = card.cipher.as_deref().unwrap_or(phrases::NOTHING);
        let failed = card.error.is_some() || card.distrust.is_some();
        let style = if failed { theme.bad } else { theme.good };
        let text = words.fill(
            "mail.line.tls",
            &[
                ("version", &escape_hostile(version)),
                ("cipher", &escape_hostile(cipher)),
                ("name", &escape_hostile(&card.server_name)),
                ("took", &phrases::time(card.took)),
            ],
        );
        self.sign(at, look.signs.encrypted(), style, text);
        if let Some(error) = &card.error {
            let line = Line::styled(
                format!("{} {}", look.signs.warning(), escape_hostile(error)),
                theme.bad,
            );
            self.indented(&line);
        }
        if let Some(why) = &card.distrust {
            let why = words.fill(
                "mail.line.distrust",
                &[("why", &outcome::distrust(why, words))],
            );
            let line = Line::styled(format!("{} {why}", look.signs.warning()), theme.bad);
            self.indented(&line);
        }
        if let Some(own) = card.chain.first() {
            self.certificate(own);
        }
        if card.chain.len() > 1 {
            let more = words.fill("mail.line.chain", &[("count", &card.chain.len())]);
            self.indented(&Line::styled(more, theme.dim));
        }
    }

    /// The server's own certificate; the details show the whole chain.
    fn certificate(&mut self, own: &CertificateCard) {
        let look = self.telling.look();
        for (key, value) in [
            ("mail.tls.subject", own.subject.clone()),
            ("mail.tls.issuer", own.issuer.clone()),
            ("mail.tls.names", own.names.join(", ")),
            (
                "mail.tls.valid",
                format!("{} – {}", own.not_before, own.not_after),
            ),
        ] {
            let line = Line::from(vec![
                Span::styled(format!("{} ", look.words.t(key)), look.theme.dim),
                Span::styled(escape_hostile(&value).into_owned(), look.theme.text),
            ]);
            self.hang(vec![Span::raw(" ".repeat(GUTTER))], &line, 2);
        }
    }

    fn recipient(&mut self, recipient: &Recipient) {
        let look = self.telling.look();
        let theme = &look.theme;
        let (sign, style) = (look.signs.fate(recipient.fate), theme.fate(recipient.fate));
        let mut line = Line::styled(
            outcome::fate(recipient.fate, look.words).into_owned(),
            style,
        );
        line.push_span(Span::styled(
            format!("  {}", escape_hostile(recipient.address.as_str())),
            theme.strong,
        ));
        if let Some(verdict) = &recipient.reply {
            line.push_span(Span::styled(
                format!("  {}", verdict.code),
                theme.reply_class(verdict.code.class()),
            ));
            line.push_span(Span::styled(
                format!(" {}", escape_hostile(&verdict.text)),
                theme.text,
            ));
        }
        let gutter = vec![Self::no_time(), Span::styled(format!("{sign}  "), style)];
        self.hang(gutter, &line, MOST_ROWS);
    }

    fn ended(&mut self, at: Duration, summary: &Summary) {
        let look = self.telling.look();
        let told = outcome::summary(summary, look.words);
        let sign = look.signs.mail_outcome(&summary.outcome);
        let style = look.theme.mail_outcome(&summary.outcome);
        self.sign(at, sign, style, told.what);
        if !self.telling.dialogue.has_decision() {
            for recipient in &summary.recipients {
                self.recipient(recipient);
            }
        }
        if let Some(advice) = told.advice {
            self.advice(&advice);
        }
    }
}

/// Something about a reply that is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remark {
    NotInTheList,
    Unasked,
    Odd(Oddity),
}

/// What is not as it should be about a reply.
pub fn remarks(reply: &Reply, fit: Fit) -> Vec<Remark> {
    let of_fit = match fit {
        Fit::NotInTheList => Some(Remark::NotInTheList),
        Fit::Unasked => Some(Remark::Unasked),
        Fit::Expected | Fit::Refusal => None,
    };
    let odd = reply.odd.iter().map(|odd| Remark::Odd(*odd));
    of_fit.into_iter().chain(odd).collect()
}

/// What a server offers with a line of its reply to EHLO.
pub fn capability(line: &[u8], words: Words) -> Option<Cow<'static, str>> {
    let keyword = line
        .split(|byte| matches!(byte, b' ' | b'='))
        .next()
        .and_then(|keyword| std::str::from_utf8(keyword).ok())
        .filter(|keyword| !keyword.is_empty())?;
    Some(smtp::capability(keyword, words))
}

/// `expected 250, 251`.
pub fn expected_text(expected: &[u16], look: &Look) -> String {
    let codes: Vec<String> = expected.iter().map(u16::to_string).collect();
    look.words
        .fill("mail.line.expected", &[("codes", &codes.join(", "))])
}
