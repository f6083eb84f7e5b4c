//! Everything about one line of a dialogue: its bytes, what it means, what it answers, and where that is written.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Widget;

use super::dialogue::lines::{self, Remark, Telling};
use super::dialogue::{Dialogue, Place};
use crate::dashboard::keys::Action;
use crate::dashboard::tabs::panel::{Scene, pair_line};
use crate::dashboard::widgets::bytes::RawBytes;
use crate::dashboard::widgets::popup::Popup;
use crate::proto::smtp::code::{self, Class};
use crate::proto::smtp::reply::Reply;
use crate::proto::smtp::stage::Stage;
use crate::trace::escape::escape_hostile;
use crate::trace::mail::{CertificateCard, Fit, SendingEvent, Speech, Spoken, TlsCard};
use crate::words::{outcome, phrases, smtp};

/// Columns of a popup's text at most, see [`Popup`].
const WIDEST: u16 = 100;

/// In which form raw bytes are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Hex,
}

/// Which line is open.
#[derive(Debug, Clone)]
pub struct Detail {
    pub place: Place,
    form: Form,
    scroll: usize,
}

impl Detail {
    pub fn of(place: Place) -> Self {
        Self {
            place,
            form: Form::Text,
            scroll: 0,
        }
    }

    pub fn act(&mut self, action: Action) {
        const PAGE: usize = 10;
        match action {
            Action::Up => self.scroll = self.scroll.saturating_sub(1),
            Action::Down => self.scroll += 1,
            Action::PageUp => self.scroll = self.scroll.saturating_sub(PAGE),
            Action::PageDown => self.scroll += PAGE,
            Action::ToggleHex => {
                self.form = match self.form {
                    Form::Text => Form::Hex,
                    Form::Hex => Form::Text,
                };
            }
            _ => {}
        }
    }

    pub fn draw(
        &mut self,
        dialogue: &Dialogue,
        revealed: bool,
        scene: &Scene,
        area: Rect,
        buffer: &mut Buffer,
    ) {
        let look = scene.look;
        let width = area.width.saturating_sub(4).min(WIDEST);
        let text = match dialogue.entry(self.place.entry) {
            Some(entry) => self.text(&entry.event, dialogue, revealed, width, scene),
            None => vec![Line::raw(look.words.t("mail.detail.forgotten"))],
        };
        let title = look.words.t("mail.detail.title");
        let popup = Popup::new(&title, &text)
            .styles(look.theme.text, look.theme.accent)
            .glyphs(look.glyphs);
        self.scroll = self.scroll.min(popup.max_scroll(area));
        popup.scroll(self.scroll).render(area, buffer);
    }

    fn text(
        &self,
        event: &SendingEvent,
        dialogue: &Dialogue,
        revealed: bool,
        width: u16,
        scene: &Scene,
    ) -> Vec<Line<'static>> {
        let words = scene.look.words;
        let time = scene.clock.time_of_day(event.at());
        let mut text = vec![pair_line(&words.t("mail.detail.time"), time, scene)];
        match event {
            SendingEvent::Spoken(spoken) => {
                self.spoken(spoken, revealed, width, scene, &mut text);
            }
            SendingEvent::Tls { card, .. } => tls(card, scene, &mut text),
            _ => {}
        }
        if !matches!(event, SendingEvent::Spoken(_) | SendingEvent::Tls { .. }) {
            // The rest has nothing but what its lines say.
            let telling = Telling {
                dialogue,
                scene,
                width: usize::from(width),
                explained: true,
                revealed,
            };
            if let Some(entry) = dialogue.entry(self.place.entry) {
                text.push(Line::default());
                for part in 0..lines::parts(event) {
                    text.extend(lines::lines(entry, part, &telling));
                }
            }
        }
        text
    }

    fn spoken(
        &self,
        spoken: &Spoken,
        revealed: bool,
        width: u16,
        scene: &Scene,
        text: &mut Vec<Line<'static>>,
    ) {
        let words = scene.look.words;
        let pair = |key: &str, value: String| pair_line(&words.t(key), value, scene);
        let tls = match spoken.encrypted {
            true => "mail.detail.in_tls",
            false => "mail.detail.in_clear",
        };
        text.push(pair("mail.detail.wire", words.t(tls).into_owned()));
        let stage = outcome::stage(spoken.stage, words).into_owned();
        text.push(pair("mail.detail.stage", stage));
        match &spoken.what {
            Speech::Command(line) => {
                let expected = code::expected(spoken.stage);
                if !expected.is_empty() {
                    text.push(pair("mail.detail.expected", codes(expected)));
                }
                text.push(pair(
                    "mail.detail.patience",
                    words.fill(
                        "mail.detail.patience_of",
                        &[("time", &phrases::time(spoken.stage.patience()))],
                    ),
                ));
                let bytes = if revealed { line.bytes() } else { &line.shown };
                let mut bytes = bytes.to_vec();
                bytes.extend_from_slice(b"\r\n");
                self.raw(&bytes, width, scene, text);
            }
            Speech::Reply {
                reply,
                latency,
                fit,
            } => {
                text.push(pair(
                    "mail.detail.latency",
                    phrases::time_or_nothing(*latency),
                ));
                self.reply(spoken.stage, reply, *fit, width, scene, text);
            }
            Speech::Content {
                bytes,
                stuffed,
                excerpt,
            } => {
                text.push(pair("mail.detail.bytes", phrases::grouped(*bytes)));
                text.push(pair("mail.detail.stuffed", phrases::grouped(*stuffed)));
                self.raw(excerpt, width, scene, text);
            }
        }
    }

    fn reply(
        &self,
        stage: Stage,
        reply: &Reply,
        fit: Fit,
        width: u16,
        scene: &Scene,
        text: &mut Vec<Line<'static>>,
    ) {
        let (look, words) = (scene.look, scene.look.words);
        let theme = &look.theme;
        let expected = code::expected(stage);
        if !expected.is_empty() {
            let pair = pair_line(&words.t("mail.detail.expected"), codes(expected), scene);
            text.push(pair);
        }
        text.push(Line::default());
        let class = reply.code.class();
        text.push(Line::styled(
            format!(
                "{} {}  {}",
                look.signs.reply_class(class),
                reply.code,
                smtp::meaning(stage, reply.code, words)
            ),
            theme.reply_class(class).patch(theme.strong),
        ));
        if let Some(code) = reply.enhanced {
            let meaning = smtp::enhanced(code, words);
            text.push(Line::raw(format!("  {code}  {meaning}")));
        }
        let fit_key = match fit {
            Fit::Expected => "mail.fit.expected",
            Fit::Refusal => "mail.fit.refusal",
            Fit::NotInTheList => "mail.fit.not_in_the_list",
            Fit::Unasked => "mail.fit.unasked",
        };
        text.push(Line::styled(words.t(fit_key), theme.dim));
        for remark in lines::remarks(reply, fit) {
            if let Remark::Odd(odd) = remark {
                let odd = smtp::oddity(odd, words);
                let line = format!("{} {odd}", look.signs.warning());
                text.push(Line::styled(line, theme.warning));
            }
        }
        if matches!(class, Class::Transient | Class::Permanent) {
            let advice = smtp::advice(stage, reply.code, words);
            text.push(Line::styled(
                format!("{} {advice}", words.t("mail.line.advice")),
                theme.accent,
            ));
        }
        if stage == Stage::Ehlo && class == Class::Positive && reply.lines.len() > 1 {
            text.push(Line::default());
            for line in reply.lines.iter().skip(1) {
                let shown = escape_hostile(line).into_owned();
                let explanation = lines::capability(line, words).unwrap_or_default();
                text.push(pair_line(&shown, explanation.into_owned(), scene));
            }
        }
        self.raw(&reply.raw, width, scene, text);
    }

    fn raw(&self, bytes: &[u8], width: u16, scene: &Scene, text: &mut Vec<Line<'static>>) {
        let look = scene.look;
        text.push(Line::default());
        let raw = RawBytes::new(bytes, escape_hostile)
            .styles(look.theme.text, look.theme.dim)
            .glyphs(look.glyphs);
        text.extend(match self.form {
            Form::Text => raw.lines(width),
            Form::Hex => raw.hex(width),
        });
    }
}

fn codes(codes: &[u16]) -> String {
    let codes: Vec<String> = codes.iter().map(u16::to_string).collect();
    codes.join(", ")
}

fn tls(card: &TlsCard, scene: &Scene, text: &mut Vec<Line<'static>>) {
    let (look, words) = (scene.look, scene.look.words);
    let pair = |key: &str, value: &str| {
        pair_line(&words.t(key), escape_hostile(value).into_owned(), scene)
    };
    let or_nothing = |value: &Option<String>| match value {
        Some(value) => value.clone(),
        None => phrases::NOTHING.to_owned(),
    };
    text.push(pair("mail.tls.server_name", &card.server_name));
    text.push(pair("mail.tls.version", &or_nothing(&card.version)));
    text.push(pair("mail.tls.cipher", &or_nothing(&card.cipher)));
    text.push(pair("mail.tls.took", &phrases::time(card.took)));
    if let Some(error) = &card.error {
        text.push(pair("mail.tls.error", error));
    }
    if let Some(why) = &card.distrust {
        let why = words.fill(
            "mail.line.distrust",
            &[("why", &outcome::distrust(why, words))],
        );
        text.push(Line::styled(
            format!("{} {why}", look.signs.warning()),
            look.theme.bad,
        ));
    }
    for certificate in &card.chain {
        text.push(Line::default());
        certificate_lines(certificate, scene, text);
    }
}

fn certificate_lines(card: &CertificateCard, scene: &Scene, text: &mut Vec<Line<'static>>) {
    let words = scene.look.words;
    for (key, value) in [
        ("mail.tls.subject", card.subject.clone()),
        ("mail.tls.issuer", card.issuer.clone()),
        ("mail.tls.names", card.names.join(", ")),
        (
            "mail.tls.valid",
            format!("{} – {}", card.not_before, card.not_after),
        ),
        ("mail.tls.fingerprint", card.fingerprint.clone()),
    ] {
        let value = escape_hostile(&value).into_owned();
        text.push(pair_line(&words.t(key), value, scene));
    }
}
