//! Raw bytes as lines of text: a message as it went over the wire, every byte of it seen.
//!
//! It stands apart from escaped text because each byte has to be found again: a part of a message
//! has its colour and the byte that broke a rule its mark, also where one byte is drawn as the four
//! characters of `\xff`. It is lines rather than a widget, so that they can stand in a list, a popup
//! or a panel that scrolls.

use std::borrow::Cow;
use std::ops::Range;

use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::{Glyphs, text};

/// Makes bytes visible; what comes out has no control character.
pub type Escape = fn(&[u8]) -> Cow<'_, str>;

/// Bytes to show; see the module for why.
#[derive(Clone, Copy, Debug)]
pub struct RawBytes<'a> {
    bytes: &'a [u8],
    escape: Escape,
    parts: &'a [(Range<usize>, Style)],
    mark: Option<usize>,
    cut: Option<&'a str>,
    offsets: Offsets,
    origin: usize,
    style: Style,
    signs: Style,
    glyphs: Glyphs,
}

/// Whether each line begins with the offset of its first byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Offsets {
    #[default]
    Hidden,
    Shown,
}

impl<'a> RawBytes<'a> {
    /// `escape` is asked for one character or one byte at a time.
    #[must_use]
    pub const fn new(bytes: &'a [u8], escape: Escape) -> Self {
        Self {
            bytes,
            escape,
            parts: &[],
            mark: None,
            cut: None,
            offsets: Offsets::Hidden,
            origin: 0,
            style: Style::new(),
            signs: Style::new().add_modifier(Modifier::DIM),
            glyphs: Glyphs::Unicode,
        }
    }

    #[must_use]
    pub const fn glyphs(mut self, glyphs: Glyphs) -> Self {
        self.glyphs = glyphs;
        self
    }

    /// Styles of bytes by their offsets; of parts that overlap the later one is laid over the earlier.
    #[must_use]
    pub const fn parts(mut self, parts: &'a [(Range<usize>, Style)]) -> Self {
        self.parts = parts;
        self
    }

    /// The offset of a byte that is shown reversed; just past the end, a blank that stands for the
    /// byte that is missing.
    #[must_use]
    pub const fn mark(mut self, offset: Option<usize>) -> Self {
        self.mark = offset;
        self
    }

    /// A last line that says how many more bytes there were.
    #[must_use]
    pub const fn cut(mut self, note: Option<&'a str>) -> Self {
        self.cut = note;
        self
    }

    /// Hidden unless set; the hex form always has them.
    #[must_use]
    pub const fn offsets(mut self, offsets: Offsets) -> Self {
        self.offsets = offsets;
        self
    }

    /// The offset of the first byte, in the hex form, where these are some out of more bytes: a page of a long message.
    #[must_use]
    pub const fn origin(mut self, offset: usize) -> Self {
        self.origin = offset;
        self
    }

    /// Bytes in a line of the hex form of that many bytes.
    #[must_use]
    pub fn per_line(len: usize, width: u16) -> usize {
        if usize::from(width) >= offset_digits(len) + 68 {
            16
        } else {
            8
        }
    }

    /// Styles of bytes in no part, and of what stands for no text: line ends, which are drawn over their
    /// part, offsets, the sign of a line that goes on, and the note on what was cut. Dim unless set.
    #[must_use]
    pub const fn styles(mut self, text: Style, signs: Style) -> Self {
        self.style = text;
        self.signs = signs;
        self
    }

    /// The bytes as text, in lines of at most `width` columns where an escape or wide character fits.
    ///
    /// CR and LF are shown as `\r` and `\n`, which every font has and every student writes, and a line ends after each LF. A line too long goes
    /// on in the next one behind `↳` (ASCII: `>`). Whatever else `escape` rewrites, what is not
    /// UTF-8, what has no column of its own, and a character inside which a part or the mark
    /// ends, is shown as escapes.
    #[must_use]
    pub fn lines(&self, width: u16) -> Vec<Line<'static>> {
        let styles = self.byte_styles();
        let mut rows = Rows::new(self, width);
        let mut rest = self.bytes;
        while !rest.is_empty() {
            let at = self.bytes.len() - rest.len();
            let len = Self::unit_len(rest, &styles[at..]);
            let (unit, tail) = rest.split_at(len);
            let style = styles[at];
            match unit {
                b"\r" => rows.push(at, "\\r", self.sign_style(at, style)),
                b"\n" => {
                    rows.push(at, "\\n", self.sign_style(at, style));
                    rows.end_line();
                }
                _ => rows.push(at, &self.visible(unit), style),
            }
            rest = tail;
        }
        if self.mark == Some(self.bytes.len()) {
            rows.push(self.bytes.len(), " ", styles[self.bytes.len()]);
        }
        rows.end_line();
        let mut lines = rows.lines;
        lines.extend(self.cut_line());
        lines
    }

    /// The bytes as numbers: an offset, 16 bytes or, in less than 72 columns, 8, and the same as characters;
    /// what is no printable ASCII character is a dot there.
    #[must_use]
    pub fn hex(&self, width: u16) -> Vec<Line<'static>> {
        let whole = self.origin + self.bytes.len();
        let digits = offset_digits(whole);
        let per_line = Self::per_line(whole, width);
        let styles = self.byte_styles();
        // The byte missing at the end, if it is marked, has a place too.
        let len = self.bytes.len() + usize::from(self.mark == Some(self.bytes.len()));
        let mut lines = Vec::with_capacity(len / per_line + 2);
        for start in (0..len).step_by(per_line) {
            let mut line = Vec::new();
            push(
                &mut line,
                &format!("{:0digits$x} ", self.origin + start),
                self.signs,
            );
            for column in 0..per_line {
                let at = start + column;
                let blank = if column == 8 { "  " } else { " " };
                push(&mut line, blank, self.style);
                match self.bytes.get(at) {
                    Some(byte) => push(&mut line, &format!("{byte:02x}"), styles[at]),
                    None if at < len => push(&mut line, "  ", styles[at]),
                    None => push(&mut line, "  ", self.style),
                }
            }
            push(&mut line, "  ", self.style);
            let end = self.bytes.len().min(start + per_line);
            for (byte, style) in self.bytes[start..end].iter().zip(&styles[start..end]) {
                let printable = matches!(byte, b' '..=b'~');
                let shown = if printable { char::from(*byte) } else { '.' };
                push(&mut line, shown.encode_utf8(&mut [0; 4]), *style);
            }
            lines.push(Line::from(line));
        }
        lines.extend(self.cut_line());
        lines
    }

    /// The style of each byte, and of the place after the last.
    fn byte_styles(&self) -> Vec<Style> {
        let len = self.bytes.len();
        let mut styles = vec![self.style; len + 1];
        for (range, style) in self.parts {
            let range = range.start.min(len)..range.end.min(len);
            if let Some(part) = styles.get_mut(range) {
                part.iter_mut().for_each(|byte| *byte = byte.patch(*style));
            }
        }
        if let Some(marked) = self.mark.and_then(|mark| styles.get_mut(mark)) {
            *marked = marked.add_modifier(Modifier::REVERSED);
        }
        styles
    }

    /// How many of the bytes, 1 at least, are shown as one: a character in one style, or a byte.
    fn unit_len(bytes: &[u8], styles: &[Style]) -> usize {
        let longest = &bytes[..bytes.len().min(4)];
        let valid = longest
            .utf8_chunks()
            .next()
            .map_or("", |chunk| chunk.valid());
        let len = valid.chars().next().map_or(1, char::len_utf8);
        if styles[..len].iter().all(|style| *style == styles[0]) {
            len
        } else {
            1
        }
    }

    fn visible(&self, unit: &'a [u8]) -> Cow<'a, str> {
        let shown = (self.escape)(unit);
        if text::width(&shown) > 0 {
            return shown;
        }
        // A combining mark would slip onto the character before it, which is another byte.
        let mut escapes = String::new();
        for c in shown.chars() {
            escapes.extend(c.escape_unicode());
        }
        Cow::Owned(escapes)
    }

    /// A line end in the style of its part, but the mark is not to be dimmed.
    fn sign_style(&self, at: usize, style: Style) -> Style {
        if self.mark == Some(at) {
            style
        } else {
            style.patch(self.signs)
        }
    }

    const fn pick(&self, unicode: &'static str, ascii: &'static str) -> &'static str {
        match self.glyphs {
            Glyphs::Unicode => unicode,
            Glyphs::Ascii => ascii,
        }
    }

    fn cut_line(&self) -> Option<Line<'static>> {
        self.cut
            .map(|note| Line::styled(note.to_owned(), self.signs))
    }
}

/// Digits of the offsets in the hex form of that many bytes.
const fn offset_digits(len: usize) -> usize {
    if len <= 0x1_0000 { 4 } else { 8 }
}

/// The lines of [`RawBytes::lines`] as they fill.
struct Rows<'a> {
    of: &'a RawBytes<'a>,
    /// Digits of the offsets, 0 if they are hidden.
    digits: usize,
    /// Columns for the text.
    room: usize,
    lines: Vec<Line<'static>>,
    /// The line not yet full, if it has begun.
    line: Option<Row>,
}

struct Row {
    spans: Vec<Span<'static>>,
    /// Columns taken, the offset left out.
    columns: usize,
    /// Columns taken before the first byte.
    front: usize,
}

impl<'a> Rows<'a> {
    fn new(of: &'a RawBytes, width: u16) -> Self {
        let digits = match of.offsets {
            Offsets::Hidden => 0,
            Offsets::Shown => of.bytes.len().to_string().len(),
        };
        let gutter = if digits > 0 { digits + 1 } else { 0 };
        Self {
            of,
            digits,
            // The sign of a line that goes on, and something behind it.
            room: usize::from(width).saturating_sub(gutter).max(2),
            lines: Vec::new(),
            line: None,
        }
    }

    /// Shows what begins at an offset. It is broken only if a line of its own is too narrow for it.
    fn push(&mut self, at: usize, shown: &str, style: Style) {
        if text::width(shown) < self.room {
            self.push_whole(at, shown, style);
            return;
        }
        for c in shown.chars() {
            self.push_whole(at, c.encode_utf8(&mut [0; 4]), style);
        }
    }

    fn push_whole(&mut self, at: usize, shown: &str, style: Style) {
        let width = text::width(shown);
        let row = match self.line.take() {
            None => self.row(at, ""),
            Some(row) if row.columns + width > self.room && row.columns > row.front => {
                self.lines.push(Line::from(row.spans));
                self.row(at, self.of.pick("↳", ">"))
            }
            Some(row) => row,
        };
        let row = self.line.insert(row);
        push(&mut row.spans, shown, style);
        row.columns += width;
    }

    /// A line that begins with an offset, if they are shown, and a sign.
    fn row(&self, at: usize, sign: &str) -> Row {
        let mut spans = Vec::new();
        if self.digits > 0 {
            let offset = format!("{at:>digits$} ", digits = self.digits);
            push(&mut spans, &offset, self.of.signs);
        }
        push(&mut spans, sign, self.of.signs);
        let columns = text::width(sign);
        Row {
            spans,
            columns,
            front: columns,
        }
    }

    fn end_line(&mut self) {
        if let Some(row) = self.line.take() {
            self.lines.push(Line::from(row.spans));
        }
    }
}

/// Adds text to a line; neighbours of one style share a span.
fn push(spans: &mut Vec<Span<'static>>, text: &str, style: Style) {
    match spans.last_mut() {
        _ if text.is_empty() => {}
        Some(span) if span.style == style => span.content.to_mut().push_str(text),
        _ => spans.push(Span::styled(text.to_owned(), style)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::escape::escape_hostile;
    use proptest::prelude::*;
    use ratatui::style::Stylize;

    fn shown(raw: &RawBytes, width: u16) -> Vec<String> {
        let lines = raw.lines(width);
        lines.iter().map(ToString::to_string).collect()
    }

    fn raw(bytes: &[u8]) -> RawBytes<'_> {
        RawBytes::new(bytes, escape_hostile)
    }

    #[test]
    fn every_byte_is_seen() {
        let table: &[(&[u8], &[&str])] = &[
            (b"", &[]),
            (
                b"GET / HTTP/1.1\r\n\r\n",
                &["GET / HTTP/1.1\\r\\n", "\\r\\n"],
            ),
            // Line ends that break the rule.
            (b"a\nb\rc\n", &["a\\n", "b\\rc\\n"]),
            ("路径 é".as_bytes(), &["路径 é"]),
            (b"a\tb\0\x1b[31m", &["a\\tb\\x00\\x1b[31m"]),
            (b"\xe4\xb8\xad\xad\xff\xe4\xb8", &["中\\xad\\xff\\xe4\\xb8"]),
            ("x\u{202e}e\u{301}".as_bytes(), &["x\\u{202e}e\\u{301}"]),
        ];
        for (bytes, expected) in table {
            assert_eq!(shown(&raw(bytes), 80), *expected, "{bytes:x?}");
        }
        let ascii = raw(b"a\r\n").glyphs(Glyphs::Ascii);
        assert_eq!(shown(&ascii, 80), ["a\\r\\n"]);
    }

    #[test]
    fn a_long_line_goes_on_behind_a_sign() {
        let bytes = "Host: 例子例子\r\nab\u{202e}c".as_bytes();
        // The escape is broken only because it fits no line.
        let expected = ["Host: 例", "↳子例子", "↳\\r\\n", "ab\\u{202", "↳e}c"];
        assert_eq!(shown(&raw(bytes), 8), expected);
        let numbered = raw(bytes).offsets(Offsets::Shown).glyphs(Glyphs::Ascii);
        let expected = [" 0 Host: 例子例", "15 >子\\r\\n", "20 ab\\u{202e}c"];
        assert_eq!(shown(&numbered, 15), expected);
    }

    #[test]
    fn parts_and_the_mark_end_exactly_where_they_say() {
        let parts = [(0..3, Style::new().green()), (2..4, Style::new().blue())];
        let signs = Style::new().dim();
        let table: &[(&[u8], Option<usize>, Line)] = &[
            (
                b"GET /\r\n",
                Some(6),
                Line::from(vec![
                    "GE".green(),
                    "T ".blue(),
                    "/".into(),
                    "\\r".dim(),
                    "\\n".reversed(),
                ]),
            ),
            (
                b"GET",
                Some(3),
                Line::from(vec!["GE".green(), "T".blue(), " ".reversed()]),
            ),
            // The second part begins with the last byte of the character.
            (
                "中é".as_bytes(),
                None,
                Line::from(vec![
                    "\\xe4\\xb8".green(),
                    "\\xad\\xc3".blue(),
                    "\\xa9".into(),
                ]),
            ),
            (
                b"GET \xff\0",
                Some(5),
                Line::from(vec![
                    "GE".green(),
                    "T ".blue(),
                    "\\xff".into(),
                    "\\x00".reversed(),
                ]),
            ),
        ];
        for (bytes, mark, expected) in table {
            let raw = raw(bytes)
                .parts(&parts)
                .mark(*mark)
                .styles(Style::new(), signs);
            assert_eq!(raw.lines(80), std::slice::from_ref(expected), "{bytes:x?}");
        }
    }

    #[test]
    fn what_was_cut_is_said() {
        let raw = raw(b"abc").cut(Some("还有 7 字节"));
        assert_eq!(shown(&raw, 80), ["abc", "还有 7 字节"]);
        let hex = raw.hex(80);
        assert_eq!(hex[1].to_string(), "还有 7 字节");
    }

    #[test]
    fn hex_stands_in_columns() {
        let bytes = b"GET / HTTP/1.1\r\nHo\xff";
        let of = |raw: &RawBytes, width| -> Vec<String> {
            raw.hex(width).iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            of(&raw(bytes), 72),
            [
                "0000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 31 0d 0a  GET / HTTP/1.1..",
                "0010  48 6f ff                                          Ho.",
            ]
        );
        assert_eq!(
            of(&raw(&bytes[..9]), 71),
            [
                "0000  47 45 54 20 2f 20 48 54  GET / HT",
                "0008  54                       T",
            ]
        );
        assert_eq!(of(&raw(b""), 80), [""; 0]);
        let marked = raw(b"ab").mark(Some(1)).parts(&[]).hex(80);
        let reversed: Vec<_> = marked[0]
            .iter()
            .filter(|span| span.style.add_modifier.contains(Modifier::REVERSED))
            .map(|span| span.content.as_ref())
            .collect();
        assert_eq!(reversed, ["62", "b"]);
    }

    /// The bytes behind shown lines, if no byte was a backslash or a sign.
    fn decoded(lines: &[Line]) -> Vec<u8> {
        let mut shown = String::new();
        for line in lines {
            let line = line.to_string();
            shown.push_str(line.strip_prefix('↳').unwrap_or(&line));
        }
        let mut bytes = Vec::new();
        let mut rest = shown.as_str();
        while let Some(c) = rest.chars().next() {
            let mut len = c.len_utf8();
            let hex = |digits: &str| u32::from_str_radix(digits, 16).expect("an escape");
            match (c, rest.get(1..2)) {
                ('\\', Some("r")) => {
                    bytes.push(b'\r');
                    len = 2;
                }
                ('\\', Some("n")) => {
                    bytes.push(b'\n');
                    len = 2;
                }
                ('\\', Some("t")) => {
                    bytes.push(b'\t');
                    len = 2;
                }
                ('\\', Some("x")) => {
                    bytes.push(hex(&rest[2..4]) as u8);
                    len = 4;
                }
                ('\\', _) => {
                    let end = rest.find('}').expect("an escape");
                    let c = char::from_u32(hex(&rest[3..end])).expect("a character");
                    bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
                    len = end + 1;
                }
                _ => bytes.extend(&rest.as_bytes()[..len]),
            }
            rest = &rest[len..];
        }
        bytes
    }

    fn messages() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            any::<u8>().prop_map(|byte| vec![byte]),
            any::<char>().prop_map(|c| c.to_string().into_bytes()),
            "[a-z请求é\u{301}👍🏽\r\n ]{0,6}".prop_map(String::into_bytes),
        ];
        let bytes = proptest::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat());
        bytes.prop_filter("the signs mean themselves", |bytes| {
            !bytes.contains(&b'\\') && !String::from_utf8_lossy(bytes).contains('↳')
        })
    }

    proptest! {
        #[test]
        fn the_lines_hold_the_bytes(
            bytes in messages(), width in 0u16..60,
            parts in proptest::collection::vec((0usize..40, 0usize..40), 0..4),
            mark in proptest::option::of(0usize..40),
        ) {
            let parts: Vec<_> = parts.iter().map(|(from, to)| (*from..*to, Style::new().red())).collect();
            let mark = mark.filter(|mark| *mark < bytes.len());
            let lines = raw(&bytes).parts(&parts).mark(mark).lines(width);
            prop_assert_eq!(decoded(&lines), bytes);
            for line in &lines {
                prop_assert!(text::line_width(line) <= usize::from(width.max(3)), "{line}");
            }
        }

        #[test]
        fn hex_holds_the_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..70), width in 0u16..90) {
            let mut found = Vec::new();
            for line in raw(&bytes).hex(width) {
                let line = line.to_string();
                let numbers = if width >= 72 { &line[5..54] } else { &line[5..29] };
                found.extend(numbers.split_whitespace().map(|n| u8::from_str_radix(n, 16).unwrap()));
            }
            prop_assert_eq!(found, bytes);
        }
    }
}
