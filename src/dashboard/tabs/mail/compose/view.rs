//! How the compose form looks: the fields, below them the body, and at the bottom what became of the last sending that failed.

use ratatui::buffer::Buffer;
use ratatui::layout::Constraint::{Fill, Length};
use ratatui::layout::{Layout, Position, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;

use super::Compose;
use super::fields::{FormField, FormPage, LOGINS, QUITS};
use crate::dashboard::app::Look;
use crate::dashboard::tabs::mail::presets::PRESETS;
use crate::dashboard::tabs::panel::{Scene, Title, frame};
use crate::dashboard::widgets::form::{Caption, Dress, Styles};
use crate::dashboard::widgets::text::{self, Align};
use crate::proto::smtp::plan::Security;
use crate::proto::smtp::sasl::Mechanism;
use crate::trace::escape::escape_hostile;
use crate::trace::mail::{Outcome, Summary};
use crate::words::{Words, outcome};

/// Rows of the body that are left to it, with its heading.
const BODY_ROWS: u16 = 5;
/// Rows that are kept for what is said below the field with the keys.
const SAID_ROWS: u16 = 3;
/// Rows of what became of the last sending.
const FAILED_ROWS: usize = 7;

impl Compose {
    /// Draws the form; tells where the terminal's cursor belongs.
    pub fn draw(
        &mut self,
        failed: Option<&Summary>,
        focused: bool,
        scene: &Scene,
        area: Rect,
        buffer: &mut Buffer,
    ) -> Option<Position> {
        let look = scene.look;
        let inside = frame(self.title(focused, look), focused, scene, area, buffer);
        let below = failed_lines(failed, usize::from(inside.width), look);
        let rows = (below.len() as u16).min(inside.height / 3);
        let [above, bottom] = inside.layout(&Layout::vertical([Fill(1), Length(rows)]));
        for (line, y) in below.iter().zip(bottom.y..bottom.bottom()) {
            text::draw_line(
                buffer,
                (bottom.x, y),
                bottom.width,
                line,
                Align::Left,
                look.glyphs,
            );
        }
        let (form, body) = self.split(above);
        self.draw_form(focused, scene, form, buffer);
        self.body_at = Rect::ZERO;
        if let Some(body) = body {
            self.draw_body(focused, look, body, buffer);
        }
        self.cursor().filter(|_| focused)
    }

    fn title<'a>(&self, focused: bool, look: &'a Look) -> Title<'a> {
        let words = look.words;
        let page = match self.page {
            FormPage::Message => "mail.page.message",
            FormPage::Options => "mail.page.options",
        };
        let mut title = Title::new(look, words.t("panel.compose").into_owned(), focused)
            .say(words.t(page).into_owned(), look.theme.dim);
        if self.is_stepping() {
            title = title.say(
                words.t("mail.state.stepping").into_owned(),
                look.theme.warning,
            );
        }
        match self.wrong.len() {
            0 => title.say(words.t("mail.state.ready").into_owned(), look.theme.good),
            count => title.say(
                words.fill("mail.state.wrong", &[("count", &count)]),
                look.theme.bad,
            ),
        }
    }

    /// The fields have what they need, and the body the rest.
    fn split(&self, area: Rect) -> (Rect, Option<Rect>) {
        if self.page == FormPage::Options {
            return (area, None);
        }
        let hidden = if self.mechanism().is_none() { 2 } else { 0 };
        let wanted = FormField::ALL
            .iter()
            .filter(|field| field.page() == FormPage::Message)
            .count() as u16
            - hidden
            + SAID_ROWS;
        let most = area.height.saturating_sub(BODY_ROWS).max(area.height / 2);
        let [form, body] = area.layout(&Layout::vertical([Length(wanted.min(most)), Fill(1)]));
        (form, Some(body))
    }

    fn draw_form(&mut self, focused: bool, scene: &Scene, area: Rect, buffer: &mut Buffer) {
        let look = scene.look;
        let wrong = std::mem::take(&mut self.wrong);
        let command = self.password_command.clone();
        let hint = self.preset_in_front().hint;
        let caption = |field: FormField| {
            let found = wrong.iter().find(|(at, _)| *at == field);
            Caption {
                error: found.map(|(_, wrong)| wrong.sentence(look.words)),
                ..caption(field, hint, command.as_deref(), look.words)
            }
        };
        self.form.light(self.lit);
        self.form.render(
            area,
            buffer,
            &Dress {
                caption: &caption,
                styles: styles(look),
                glyphs: look.glyphs,
                has_keys: focused && self.typed && !self.in_body,
                label_width: None,
            },
        );
        self.wrong = wrong;
    }

    fn draw_body(&mut self, focused: bool, look: &Look, area: Rect, buffer: &mut Buffer) {
        let [heading, text_at] = area.layout(&Layout::vertical([Length(1), Fill(1)]));
        let theme = &look.theme;
        let has_keys = focused && self.typed && self.in_body;
        let lit = self.lit == Some(FormField::Body);
        let error = self
            .wrong
            .iter()
            .find(|(field, _)| *field == FormField::Body);
        let mut style = if has_keys { theme.accent } else { theme.dim };
        if lit {
            style = style.patch(theme.selected);
        }
        let dash = look.signs.dash();
        let mut line = Line::styled(
            format!("{dash} {} ", look.words.t(FormField::Body.label())),
            style,
        );
        if let Some((_, wrong)) = error {
            line.push_span(ratatui::text::Span::styled(
                format!("{} {}", look.signs.warning(), wrong.sentence(look.words)),
                theme.bad,
            ));
        }
        text::draw_line(
            buffer,
            (heading.x, heading.y),
            heading.width,
            &line,
            Align::Left,
            look.glyphs,
        );
        self.body_at = text_at;
        self.body
            .render(text_at, buffer, theme.text, theme.selected);
    }
}

fn styles(look: &Look) -> Styles {
    let theme = &look.theme;
    Styles {
        heading: theme.accent,
        label: theme.dim,
        focused: theme.accent,
        value: theme.strong,
        active: Style::new().add_modifier(Modifier::UNDERLINED),
        placeholder: theme.dim,
        error: theme.bad,
        note: theme.dim,
        lit: theme.selected,
        selected: theme.selected,
        candidate: theme.text,
    }
}

fn caption(field: FormField, hint: &'static str, command: Option<&str>, words: Words) -> Caption {
    let mut caption = Caption {
        label: words.t(field.label()).into_owned(),
        note: field.note().map(|key| words.t(key).into_owned()),
        ..Caption::default()
    };
    match field {
        FormField::Preset => {
            caption.options = PRESETS
                .iter()
                .map(|preset| words.t(preset.name).into_owned())
                .collect();
            caption.note = Some(words.t(hint).into_owned());
        }
        FormField::Security => {
            caption.options = Security::ALL
                .map(|security| words.t(security_name(security)).into_owned())
                .to_vec();
        }
        FormField::Login => {
            caption.options = LOGINS.map(|login| login_name(login, words)).to_vec();
        }
        FormField::QuitAfter => {
            caption.options = QUITS
                .map(|stage| match stage {
                    Some(stage) => outcome::stage(stage, words).into_owned(),
                    None => words.t("mail.option.never").into_owned(),
                })
                .to_vec();
        }
        FormField::Step | FormField::Pipelining | FormField::Chunking | FormField::Check => {
            caption.options = ["mail.option.off", "mail.option.on"]
                .map(|key| words.t(key).into_owned())
                .to_vec();
        }
        FormField::User => caption.note = Some(words.t(hint).into_owned()),
        FormField::Password => {
            caption.note = Some(words.t(hint).into_owned());
            if let Some(command) = command {
                caption.placeholder = words.fill(
                    "mail.field.password_command",
                    &[("command", &escape_hostile(command))],
                );
            }
        }
        FormField::Helo => caption.placeholder = words.t("mail.field.helo_auto").into_owned(),
        FormField::RetryPause => {
            caption.placeholder = words.t("mail.field.retry_never").into_owned();
        }
        _ => {}
    }
    caption
}

/// The message key of a kind of security.
fn security_name(security: Security) -> &'static str {
    match security {
        Security::None => "mail.security.none",
        Security::StartTls => "mail.security.starttls",
        Security::Tls => "mail.security.tls",
    }
}

fn login_name(login: Option<Mechanism>, words: Words) -> String {
    match login {
        None => words.t("mail.option.no_login").into_owned(),
        Some(mechanism) => mechanism.keyword().to_owned(),
    }
}

/// What became of the last sending, if it did not get through: where it ended and what to do.
fn failed_lines(failed: Option<&Summary>, width: usize, look: &Look) -> Vec<Line<'static>> {
    let Some(summary) = failed else {
        return Vec::new();
    };
    if matches!(summary.outcome, Outcome::Sent | Outcome::Stopped) {
        return Vec::new();
    }
    let told = outcome::summary(summary, look.words);
    let sign = look.signs.mail_outcome(&summary.outcome);
    let what = Line::styled(
        format!("{sign} {}", told.what),
        look.theme.mail_outcome(&summary.outcome),
    );
    let advice = told
        .advice
        .map(|advice| Line::styled(advice, look.theme.text));
    let mut lines: Vec<_> = std::iter::once(what)
        .chain(advice)
        .flat_map(|line| text::wrap(&line, width.max(1)))
        .collect();
    lines.truncate(FAILED_ROWS);
    lines
}
