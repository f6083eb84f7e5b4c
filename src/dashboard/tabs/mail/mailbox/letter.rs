//! A message of the mailbox in full, with several faces: as a person reads it, as it is stored, its header raw and decoded, its parts, and its files.

use std::fmt::Display;
use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::headers::differences;
use crate::dashboard::app::{Effect, Look};
use crate::dashboard::keys::Action;
use crate::dashboard::tabs::panel::{Scene, Title, draw_lines, frame, pair_line, steps_on};
use crate::dashboard::theme::Theme;
use crate::dashboard::widgets::Glyphs;
use crate::dashboard::widgets::bytes::RawBytes;
use crate::dashboard::widgets::text::{self, Align};
use crate::proto::message::read::{Defect, Disposition, HeaderField, Letter, Part};
use crate::proto::message::stamp;
use crate::proto::smtp::address::Envelope;
use crate::trace::clock::Clock;
use crate::trace::escape::escape_hostile;
use crate::trace::mail::{Listed, MessageId};
use crate::words::{Words, phrases};

/// Stored bytes that are shown; the file has them all.
const STORED_SHOWN: usize = 64 << 10;
/// Characters of the text that are shown.
const TEXT_SHOWN: usize = 256 << 10;
/// Addresses that a line of the envelope names.
const NAMED: usize = 8;
/// From this width on a header's raw and decoded forms stand side by side.
const SIDE_BY_SIDE: u16 = 100;
/// Columns of a field's name.
const NAME: usize = 18;

/// What is seen of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Face {
    /// As a person reads it.
    Typed,
    Stored,
    Headers,
    Parts,
    Files,
}

impl Face {
    const ALL: [Face; 5] = [
        Face::Typed,
        Face::Stored,
        Face::Headers,
        Face::Parts,
        Face::Files,
    ];

    fn title(self) -> &'static str {
        match self {
            Face::Typed => "letter.face.typed",
            Face::Stored => "letter.face.stored",
            Face::Headers => "letter.face.headers",
            Face::Parts => "letter.face.parts",
            Face::Files => "letter.face.files",
        }
    }
}

/// In which form stored bytes are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Hex,
}

/// What the lines of a face depend on.
#[derive(Debug, Clone, Copy, PartialEq)]
struct LaidFor {
    face: Face,
    form: Form,
    chosen: usize,
    width: u16,
    words: Words,
    theme: Theme,
    glyphs: Glyphs,
}

/// An open message.
#[derive(Debug, Clone)]
pub struct LetterView {
    pub id: MessageId,
    stored: Arc<[u8]>,
    letter: Letter,
    /// As the server was told it.
    envelope: Option<Envelope>,
    /// The parts that are for saving.
    files: Vec<usize>,
    face: Face,
    form: Form,
    /// The selected one of `files`.
    chosen: usize,
    scroll: usize,
    /// Rows of the last frame.
    height: usize,
    /// The lines of the face in front: they are laid out once, not for each frame.
    laid: Option<(LaidFor, Vec<Line<'static>>)>,
}

impl LetterView {
    pub fn new(id: MessageId, stored: Arc<[u8]>) -> Self {
        let letter = Letter::read(&stored);
        Self {
            id,
            envelope: stamp::envelope(&stored),
            files: letter.attachments().collect(),
            letter,
            stored,
            face: Face::Typed,
            form: Form::Text,
            chosen: 0,
            scroll: 0,
            height: 1,
            laid: None,
        }
    }

    pub fn act(&mut self, action: Action) -> Vec<Effect> {
        let page = self.height.saturating_sub(1).max(1);
        let choosing = self.face == Face::Files && !self.files.is_empty();
        let last = self.files.len().saturating_sub(1);
        match action {
            Action::Up if choosing => self.chosen = self.chosen.saturating_sub(1),
            Action::Down if choosing => self.chosen = (self.chosen + 1).min(last),
            Action::Up => self.scroll = self.scroll.saturating_sub(1),
            Action::Down => self.scroll += 1,
            Action::PageUp => self.scroll = self.scroll.saturating_sub(page),
            Action::PageDown => self.scroll += page,
            Action::First => self.scroll = 0,
            Action::Last => self.scroll = usize::MAX,
            Action::NextPage => self.turn(1),
            Action::PreviousPage => self.turn(Face::ALL.len() - 1),
            Action::ToggleHex => {
                self.form = match self.form {
                    Form::Text => Form::Hex,
                    Form::Hex => Form::Text,
                };
            }
            Action::SaveFile => return self.save(),
            _ => {}
        }
        Vec::new()
    }

    fn turn(&mut self, steps: usize) {
        self.face = steps_on(&Face::ALL, self.face, steps);
        self.scroll = 0;
    }

    /// Saves the selected file where files are in front, else the message as it is stored.
    fn save(&self) -> Vec<Effect> {
        let (name, bytes) = match self.files.get(self.chosen) {
            Some(part) if self.face == Face::Files => (
                self.letter.file_name(*part),
                self.letter.content(&self.stored, *part),
            ),
            _ => (format!("message-{}.eml", self.id), self.stored.to_vec()),
        };
        vec![Effect::SaveFile { name, bytes }]
    }

    pub fn draw(
        &mut self,
        listed: Option<&Listed>,
        scene: &Scene,
        area: Rect,
        buffer: &mut Buffer,
    ) {
        let look = scene.look;
        Clear.render(area, buffer);
        buffer.set_style(area, look.theme.text);
        let title = Title::new(look, look.words.t("panel.letter").into_owned(), true)
            .append(self.faces_line(look))
            .say(phrases::size(self.stored.len() as u64), look.theme.dim);
        let title = match listed {
            Some(listed) => title.say(Clock::date_and_time(listed.taken), look.theme.dim),
            None => title,
        };
        let inside = frame(title, true, scene, area, buffer);
        let wanted = LaidFor {
            face: self.face,
            form: self.form,
            chosen: self.chosen,
            width: inside.width,
            words: look.words,
            theme: look.theme,
            glyphs: look.glyphs,
        };
        let lines = match self.laid.take() {
            Some((laid_for, lines)) if laid_for == wanted => lines,
            _ => self.lay_out(inside.width, scene),
        };
        self.height = usize::from(inside.height);
        self.scroll = self.scroll.min(lines.len().saturating_sub(self.height));
        let end = (self.scroll + self.height).min(lines.len());
        draw_lines(&lines[self.scroll..end], scene, inside, buffer);
        self.laid = Some((wanted, lines));
    }

    /// The faces side by side, the one in front lit.
    fn faces_line(&self, look: &Look) -> Line<'static> {
        let spans = Face::ALL.map(|face| {
            let style = match face == self.face {
                true => look.theme.accent.patch(look.theme.selected),
                false => look.theme.dim,
            };
            Span::styled(format!(" {} ", look.words.t(face.title())), style)
        });
        Line::from(spans.to_vec())
    }

    fn lay_out(&self, width: u16, scene: &Scene) -> Vec<Line<'static>> {
        match self.face {
            Face::Typed => self.typed(width, scene),
            Face::Stored => self.stored_lines(width, scene),
            Face::Headers => self.header_lines(width, scene),
            Face::Parts => self.part_lines(scene),
            Face::Files => self.file_lines(scene),
        }
    }

    /// The headers that matter, the envelope beside them, what is odd, and the text.
    fn typed(&self, width: u16, scene: &Scene) -> Vec<Line<'static>> {
        let (look, words) = (scene.look, scene.look.words);
        let theme = &look.theme;
        let mut lines = Vec::new();
        for name in ["From", "To", "Cc", "Subject", "Date"] {
            let named = |field: &&HeaderField| field.name.eq_ignore_ascii_case(name);
            for field in self.letter.headers.iter().filter(named) {
                let value = escape_hostile(&field.decoded).into_owned();
                let line = pair_line(name, value, scene);
                lines.extend(text::wrap(&line, usize::from(width.max(1))));
            }
        }
        lines.push(Line::default());
        let mut remark = |text: String, style| {
            let line = Line::styled(format!("{} {text}", look.signs.warning()), style);
            lines.extend(text::wrap(&line, usize::from(width.max(1))));
        };
        match &self.envelope {
            Some(envelope) => {
                for text in self.envelope_remarks(envelope, words) {
                    remark(text, theme.odd);
                }
            }
            None => remark(words.t("letter.no_envelope").into_owned(), theme.dim),
        }
        for defect in &self.letter.defects {
            let field = match defect {
                Defect::Twice(name) => *name,
                _ => "",
            };
            remark(
                words.fill(defect.key(), &[("field", &field)]),
                theme.warning,
            );
        }
        if let Some(envelope) = &self.envelope {
            let pair = |label: &str, value: String| pair_line(label, value, scene);
            let from = envelope
                .from
                .as_ref()
                .map_or("", |address| address.as_str());
            let from = format!("<{}>", escape_hostile(from));
            lines.push(pair("MAIL FROM", from));
            let to: Vec<String> = envelope
                .to
                .iter()
                .map(|one| one.as_str().to_owned())
                .collect();
            lines.push(pair("RCPT TO", list(&to, words)));
        }
        lines.push(Line::default());
        match self.letter.main_part() {
            Some(part) => self.text_lines(part, width, scene, &mut lines),
            None => lines.push(Line::styled(
                words.t("letter.no_text").into_owned(),
                theme.dim,
            )),
        }
        lines
    }

    fn envelope_remarks(&self, envelope: &Envelope, words: Words) -> Vec<String> {
        let differences = differences(&self.letter, envelope);
        let mut remarks = Vec::new();
        let mut say = |key: &str, addresses: &[String]| {
            if !addresses.is_empty() {
                let addresses = list(addresses, words);
                remarks.push(words.fill(key, &[("addresses", &addresses as &dyn Display)]));
            }
        };
        say("letter.hidden", &differences.hidden);
        say("letter.only_named", &differences.only_named);
        if let (Some(from), Some(sender)) = (&differences.other_sender, &envelope.from) {
            let (from, sender) = (list(from, words), escape_hostile(sender.as_str()));
            remarks.push(words.fill(
                "letter.other_sender",
                &[("from", &from), ("sender", &sender)],
            ));
        }
        remarks
    }

    fn text_lines(&self, part: usize, width: u16, scene: &Scene, lines: &mut Vec<Line<'static>>) {
        let (words, theme) = (scene.look.words, &scene.look.theme);
        let read = self.letter.text(&self.stored, part);
        let shown: String = read.text.chars().take(TEXT_SHOWN).collect();
        for line in shown.lines() {
            let line = line.replace('\t', "    ");
            let line = Line::styled(escape_hostile(&line).into_owned(), theme.text);
            lines.extend(text::wrap(&line, usize::from(width.max(1))));
        }
        if shown.len() < read.text.len() || !read.whole {
            lines.push(Line::styled(
                words.t("letter.goes_on").into_owned(),
                theme.dim,
            ));
        }
    }

    fn stored_lines(&self, width: u16, scene: &Scene) -> Vec<Line<'static>> {
        let look = scene.look;
        let shown = &self.stored[..self.stored.len().min(STORED_SHOWN)];
        let more = (self.stored.len() - shown.len()) as u64;
        let note = look
            .words
            .fill("letter.more", &[("size", &phrases::size(more))]);
        let raw = RawBytes::new(shown, escape_hostile)
            .cut((more > 0).then_some(note.as_str()))
            .styles(look.theme.text, look.theme.dim)
            .glyphs(look.glyphs);
        match self.form {
            Form::Text => raw.lines(width),
            Form::Hex => raw.hex(width),
        }
    }

    /// Every field raw, and decoded where that says something else.
    fn header_lines(&self, width: u16, scene: &Scene) -> Vec<Line<'static>> {
        let look = scene.look;
        let theme = &look.theme;
        let mut lines = Vec::new();
        let room = usize::from(width).saturating_sub(NAME + 1).max(8);
        let side_by_side = width >= SIDE_BY_SIDE;
        let column = if side_by_side { room / 2 } else { room };
        for field in &self.letter.headers {
            let raw = field.raw.trim_ascii();
            let raw_text = escape_hostile(raw).into_owned();
            let decoded = escape_hostile(&field.decoded).into_owned();
            // A fold is a difference of form only.
            let unfolded: Vec<u8> = raw
                .iter()
                .copied()
                .filter(|byte| !b"\r\n".contains(byte))
                .collect();
            let differs = unfolded != field.decoded.as_bytes();
            let left = text::wrap(
                &Line::styled(raw_text, theme.text),
                column.saturating_sub(1),
            );
            let right = match differs {
                true => text::wrap(&Line::styled(format!("= {decoded}"), theme.odd), column),
                false => Vec::new(),
            };
            let name = escape_hostile(&field.name).into_owned();
            let mut name = Some(Span::styled(
                text::fit(&format!("{name}:"), NAME, Align::Left, look.glyphs),
                theme.band,
            ));
            let mut name = || {
                let blank = || Span::raw(" ".repeat(NAME));
                Line::from(vec![name.take().unwrap_or_else(blank), Span::raw(" ")])
            };
            if side_by_side {
                for number in 0..left.len().max(right.len()) {
                    let mut line = name();
                    let raw = left.get(number).cloned().unwrap_or_default();
                    line.spans
                        .extend(text::fit_line(&raw, column, Align::Left, look.glyphs).spans);
                    let decoded = right.get(number).cloned().unwrap_or_default();
                    line.spans.extend(decoded.spans);
                    lines.push(line);
                }
                continue;
            }
            for row in left.into_iter().chain(right) {
                let mut line = name();
                line.spans.extend(row.spans);
                lines.push(line);
            }
        }
        if self.letter.headers_left_out > 0 {
            let count = self.letter.headers_left_out;
            let text = look
                .words
                .fill("letter.fields_left_out", &[("count", &count)]);
            lines.push(Line::styled(text, theme.dim));
        }
        lines
    }

    /// The tree of the parts.
    fn part_lines(&self, scene: &Scene) -> Vec<Line<'static>> {
        let theme = &scene.look.theme;
        self.letter
            .parts
            .iter()
            .map(|part| {
                let branch = scene.look.glyphs.pick('└', '`');
                let indent = match part.depth {
                    0 => String::new(),
                    depth => format!("{}{branch} ", "  ".repeat(depth - 1)),
                };
                let mut line = Line::from(vec![
                    Span::styled(indent, theme.border),
                    Span::styled(escape_hostile(&part.media_type).into_owned(), theme.strong),
                ]);
                line.push_span(Span::styled(part_text(part, scene.look.words), theme.dim));
                line
            })
            .collect()
    }

    fn file_lines(&self, scene: &Scene) -> Vec<Line<'static>> {
        let (look, words) = (scene.look, scene.look.words);
        let theme = &look.theme;
        if self.files.is_empty() {
            return vec![Line::styled(
                words.t("letter.no_files").into_owned(),
                theme.dim,
            )];
        }
        let mut lines = Vec::new();
        for (place, index) in self.files.iter().enumerate() {
            let Some(part) = self.letter.parts.get(*index) else {
                continue;
            };
            let chosen = place == self.chosen;
            let sign = if chosen { look.signs.selected() } else { ' ' };
            let name = part.file_name.as_deref().unwrap_or(phrases::NOTHING);
            let style = if chosen {
                theme.strong.patch(theme.selected)
            } else {
                theme.strong
            };
            let kind = escape_hostile(&part.media_type).into_owned();
            lines.push(Line::from(vec![
                Span::styled(format!("{sign} "), theme.accent),
                Span::styled(escape_hostile(name).into_owned(), style),
                Span::styled(format!("  {kind}  {}", phrases::size(part.size)), theme.dim),
            ]));
            let saved_as = self.letter.file_name(*index);
            if chosen && saved_as != name {
                let text = words.fill("letter.saved_as", &[("name", &escape_hostile(&saved_as))]);
                lines.push(Line::styled(format!("    {text}"), theme.warning));
            }
        }
        lines
    }
}

/// What a part says of itself besides its type.
fn part_text(part: &Part, words: Words) -> String {
    let mut text = String::new();
    let mut say = |piece: &str| {
        text.push_str("  ");
        text.push_str(piece);
    };
    if let Some(charset) = &part.charset {
        say(&format!("charset={}", escape_hostile(charset)));
    }
    if !part.holds_parts {
        say(part.transfer.name());
    }
    say(&phrases::size(part.size));
    match part.disposition {
        Disposition::Unsaid => {}
        Disposition::Inline => say(&words.t("letter.inline")),
        Disposition::Attachment => say(&words.t("letter.attachment")),
    }
    if let Some(name) = &part.file_name {
        say(&format!("\"{}\"", escape_hostile(name)));
    }
    text
}

/// Some addresses in one line, and how many more there are.
fn list(addresses: &[String], words: Words) -> String {
    let shown: Vec<_> = addresses
        .iter()
        .take(NAMED)
        .map(|address| escape_hostile(address))
        .collect();
    let mut text = shown.join(", ");
    let more = addresses.len().saturating_sub(NAMED);
    if more > 0 {
        text.push_str(&words.fill("letter.and_more", &[("count", &more)]));
    }
    text
}
