//! The raw bytes of a message as lines, its parts told apart: first line, field names and values, blank line, body.

use std::ops::Range;

use ratatui::style::Style;
use ratatui::text::Line;

use super::fields::Anatomy;
use crate::dashboard::tabs::panel::Scene;
use crate::dashboard::theme::Theme;
use crate::dashboard::widgets::bytes::RawBytes;
use crate::proto::http::status::Status;
use crate::trace::escape::escape_hostile;
use crate::words::phrases;

/// The styles of a message's parts.
pub fn parts(bytes: &[u8], is_request: bool, theme: &Theme) -> Vec<(Range<usize>, Style)> {
    let anatomy = Anatomy::of(bytes);
    let mut parts = vec![(anatomy.first_line.clone(), theme.strong)];
    let first = &bytes[anatomy.first_line.clone()];
    let start = anatomy.first_line.start;
    let word_end = |from: usize| {
        let rest = &first[from.min(first.len())..];
        let end = rest.iter().position(|byte| *byte == b' ');
        from + end.unwrap_or(rest.len())
    };
    let first_word = word_end(0);
    if is_request {
        parts.push((start..start + first_word, theme.accent));
    } else {
        let code = first_word + 1..word_end(first_word + 1);
        let class = first
            .get(code.clone())
            .and_then(|code| std::str::from_utf8(code).ok())
            .and_then(|code| code.parse().ok())
            .and_then(Status::new)
            .map(Status::class);
        parts.push((start + code.start..start + code.end, theme.class(class)));
    }
    for field in &anatomy.fields {
        parts.push((field.name.clone(), theme.band));
        parts.push((field.value.clone(), theme.text));
    }
    if !anatomy.blank.is_empty() {
        parts.push((anatomy.blank.clone(), theme.expected));
        parts.push((anatomy.blank.end..bytes.len(), theme.odd));
    }
    parts
}

fn drawn<'a>(
    bytes: &'a [u8],
    parts: &'a [(Range<usize>, Style)],
    mark: Option<usize>,
    note: Option<&'a str>,
    scene: &Scene,
) -> RawBytes<'a> {
    let look = scene.look;
    RawBytes::new(bytes, escape_hostile)
        .parts(parts)
        .mark(mark)
        .cut(note)
        .styles(look.theme.text, look.theme.dim)
        .glyphs(look.glyphs)
}

/// What is said of the bytes that were not kept, of `length` in all.
fn cut_note(bytes: &[u8], length: u64, scene: &Scene) -> Option<String> {
    let more = length.saturating_sub(bytes.len() as u64);
    (more > 0).then(|| {
        scene
            .look
            .words
            .fill("web.raw.more", &[("size", &phrases::size(more))])
    })
}

/// The bytes as text; of `length` bytes in all these are the first.
pub fn lines(
    bytes: &[u8],
    parts: &[(Range<usize>, Style)],
    mark: Option<usize>,
    length: u64,
    width: u16,
    scene: &Scene,
) -> Vec<Line<'static>> {
    let note = cut_note(bytes, length, scene);
    drawn(bytes, parts, mark, note.as_deref(), scene).lines(width)
}

/// The bytes as numbers.
pub fn hex(
    bytes: &[u8],
    parts: &[(Range<usize>, Style)],
    mark: Option<usize>,
    length: u64,
    width: u16,
    scene: &Scene,
) -> Vec<Line<'static>> {
    let note = cut_note(bytes, length, scene);
    drawn(bytes, parts, mark, note.as_deref(), scene).hex(width)
}
