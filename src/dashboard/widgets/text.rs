//! Text measured in terminal columns: cut, padded, wrapped, drawn.
//!
//! It stands apart because every widget has the same trouble: a Chinese character takes two
//! columns, a combining mark none, and a cut must never fall inside either. Widths are counted
//! grapheme by grapheme, exactly as the buffer counts them when it is drawn.

use ratatui::buffer::{Buffer, CellWidth};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span, StyledGrapheme};

use super::Glyphs;

/// Which side of its column a text keeps to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Align {
    #[default]
    Left,
    Right,
    Center,
}

/// Columns that a text takes when drawn.
#[must_use]
pub fn width(text: &str) -> usize {
    line_width(&Line::raw(text))
}

/// Columns that a line takes when drawn.
#[must_use]
pub fn line_width(line: &Line) -> usize {
    line.spans.iter().map(span_width).sum()
}

fn span_width(span: &Span) -> usize {
    if is_plain(&span.content) {
        return span.content.len();
    }
    span.styled_graphemes(Style::new())
        .map(|grapheme| usize::from(grapheme.symbol.cell_width()))
        .sum()
}

/// Whether every byte is a character that takes one column. Most text on a screen is, and looking for its graphemes was a third of a frame.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Cuts or pads a text to exactly `width` columns.
///
/// A text that is too wide ends in `…` (ASCII: `~`). Where a wide character does not fit in front
/// of that mark, a space takes its place. Control characters and characters without a width of
/// their own are left out.
#[must_use]
pub fn fit(text: &str, width: usize, align: Align, glyphs: Glyphs) -> String {
    let line = fit_line(&Line::raw(text), width, align, glyphs);
    line.spans
        .iter()
        .map(|span| span.content.as_ref())
        .collect()
}

/// [`fit`] for a line of several styles; the padding takes the style of the line.
#[must_use]
pub fn fit_line(line: &Line, width: usize, align: Align, glyphs: Glyphs) -> Line<'static> {
    let mut fitted = Builder::default();
    let needed = line_width(line);
    let spare = width.saturating_sub(needed);
    fitted.pad(room_before(spare, align), line.style);
    let room = if needed > width {
        width.saturating_sub(1)
    } else {
        width
    };
    for grapheme in line.styled_graphemes(Style::new()) {
        let next = fitted.columns + usize::from(grapheme.symbol.cell_width());
        if next > room && needed > width {
            if fitted.columns < width {
                let mut mark = [0; 4];
                let mark = glyphs.ellipsis().encode_utf8(&mut mark);
                fitted.push(StyledGrapheme::new(mark, grapheme.style));
            }
            break;
        }
        fitted.push(grapheme);
    }
    fitted.pad(width - fitted.columns, line.style);
    Line::from(fitted.spans)
}

/// Draws a line cut or padded to `width` columns at a place in the buffer, as far as it lies inside.
pub fn draw_line(
    buf: &mut Buffer,
    (x, y): (u16, u16),
    width: u16,
    line: &Line,
    align: Align,
    glyphs: Glyphs,
) {
    let area = Rect::new(x, y, width, 1).intersection(buf.area);
    if area.is_empty() {
        return;
    }
    let width = usize::from(area.width);
    let needed = line_width(line);
    if needed > width {
        let fitted = fit_line(line, width, align, glyphs);
        buf.set_line(area.x, area.y, &fitted, area.width);
        return;
    }
    let before = room_before(width - needed, align);
    let mut x = draw_blanks(buf, (area.x, area.y), before, line.style);
    for span in &line.spans {
        x = draw_span(buf, (x, area.y), area.right() - x, span, line.style);
    }
    draw_blanks(buf, (x, area.y), width - needed - before, line.style);
}

/// Draws a span that fits; returns the column after it.
fn draw_span(buf: &mut Buffer, (x, y): (u16, u16), room: u16, span: &Span, base: Style) -> u16 {
    let style = base.patch(span.style);
    if !is_plain(&span.content) {
        let content = span.content.as_ref();
        return buf.set_span(x, y, &Span::styled(content, style), room).0;
    }
    let mut at = x;
    for byte in span.content.bytes() {
        buf[(at, y)].set_char(char::from(byte)).set_style(style);
        at += 1;
    }
    at
}

fn draw_blanks(buf: &mut Buffer, (x, y): (u16, u16), columns: usize, style: Style) -> u16 {
    let end = x + columns as u16;
    for at in x..end {
        buf[(at, y)].set_char(' ').set_style(style);
    }
    end
}

/// How many of the columns to spare stand in front.
fn room_before(spare: usize, align: Align) -> usize {
    match align {
        Align::Left => 0,
        Align::Right => spare,
        Align::Center => spare / 2,
    }
}

/// Breaks a line into rows of at most `width` columns.
///
/// A row ends at the last space that fits, which is swallowed; a word longer than a row, and text
/// of wide characters (which has no spaces), is broken where the row is full. An empty line is one
/// empty row.
#[must_use]
pub fn wrap(line: &Line, width: usize) -> Vec<Line<'static>> {
    let graphemes: Vec<_> = line.styled_graphemes(Style::new()).collect();
    let mut rows = Vec::new();
    let mut start = 0;
    while start < graphemes.len() {
        let mut columns = 0;
        let mut end = start;
        let mut last_space = None;
        while let Some(grapheme) = graphemes.get(end) {
            let next = columns + usize::from(grapheme.symbol.cell_width());
            // The first grapheme is always taken, or a row too narrow for it would never end.
            if next > width && end > start {
                break;
            }
            if grapheme.symbol == " " {
                last_space = Some(end);
            }
            columns = next;
            end += 1;
        }
        let (stop, resume) = match (graphemes.get(end), last_space) {
            (None, _) => (end, end),
            (Some(next), _) if next.symbol == " " => (end, end + 1),
            (Some(next), Some(space)) if next.symbol.cell_width() < 2 => (space, space + 1),
            _ => (end, end),
        };
        let mut row = Builder::default();
        for grapheme in &graphemes[start..stop] {
            row.push(grapheme.clone());
        }
        rows.push(Line::from(row.spans));
        start = resume;
    }
    if rows.is_empty() {
        rows.push(Line::default());
    }
    rows
}

/// A line being built from graphemes; neighbours of one style share a span.
#[derive(Default)]
struct Builder {
    spans: Vec<Span<'static>>,
    columns: usize,
}

impl Builder {
    fn push(&mut self, grapheme: StyledGrapheme) {
        let columns = usize::from(grapheme.symbol.cell_width());
        if columns == 0 {
            return;
        }
        self.columns += columns;
        match self.spans.last_mut() {
            Some(span) if span.style == grapheme.style => {
                span.content.to_mut().push_str(grapheme.symbol);
            }
            _ => self
                .spans
                .push(Span::styled(grapheme.symbol.to_owned(), grapheme.style)),
        }
    }

    fn pad(&mut self, columns: usize, style: Style) {
        if columns > 0 {
            self.columns += columns;
            self.spans.push(Span::styled(" ".repeat(columns), style));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ratatui::style::Stylize;

    #[test]
    fn fits_exactly() {
        use Align::{Center, Left, Right};
        let table = [
            ("loss", 6, Left, "loss  "),
            ("loss", 6, Right, "  loss"),
            ("loss", 7, Center, " loss  "),
            ("loss", 4, Left, "loss"),
            ("loss", 3, Left, "lo…"),
            ("loss", 1, Right, "…"),
            ("loss", 0, Left, ""),
            ("", 3, Left, "   "),
            ("丢包率", 6, Left, "丢包率"),
            ("丢包率", 5, Left, "丢包…"),
            // The second character would need the column of the mark.
            ("丢包率", 4, Left, "丢… "),
            ("丢包率", 7, Right, " 丢包率"),
            ("丢包率", 1, Left, "…"),
            ("e\u{301}te\u{301}", 3, Left, "e\u{301}te\u{301}"),
            ("a\u{1b}b", 3, Left, "ab "),
        ];
        for (text, width, align, expected) in table {
            let shown = fit(text, width, align, Glyphs::Unicode);
            assert_eq!(shown, expected, "{text:?} in {width}");
        }
        assert_eq!(fit("loss", 3, Left, Glyphs::Ascii), "lo~");
    }

    #[test]
    fn a_cut_line_keeps_its_styles() {
        let line = Line::from(vec!["Ping ".bold(), "171 lost".red()]);
        let fitted = fit_line(&line, 8, Align::Left, Glyphs::Unicode);
        assert_eq!(fitted, Line::from(vec!["Ping ".bold(), "17…".red()]));
    }

    #[test]
    fn draws_only_inside_the_buffer() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 4, 1));
        let line = Line::raw("abcdef");
        draw_line(&mut buf, (2, 0), 10, &line, Align::Left, Glyphs::Unicode);
        draw_line(&mut buf, (0, 7), 10, &line, Align::Left, Glyphs::Unicode);
        assert_eq!(buf, Buffer::with_lines(["  a…"]));
    }

    #[test]
    fn wraps_at_spaces_and_inside_long_words() {
        let table: [(&str, usize, &[&str]); 7] = [
            ("", 5, &[""]),
            ("the reply was lost", 9, &["the reply", "was lost"]),
            ("the reply", 8, &["the", "reply"]),
            ("abcdefgh", 3, &["abc", "def", "gh"]),
            ("请求被服务器丢弃", 6, &["请求被", "服务器", "丢弃"]),
            ("a 请求被", 5, &["a 请", "求被"]),
            ("请求", 1, &["请", "求"]),
        ];
        for (text, width, expected) in table {
            let rows: Vec<String> = wrap(&Line::raw(text), width)
                .iter()
                .map(ToString::to_string)
                .collect();
            assert_eq!(rows, expected, "{text:?} in {width}");
        }
    }

    proptest! {
        #[test]
        fn any_text_fits_exactly(text in any::<String>(), columns in 0usize..40, right in any::<bool>()) {
            let align = if right { Align::Right } else { Align::Left };
            let fitted = fit(&text, columns, align, Glyphs::Unicode);
            prop_assert_eq!(width(&fitted), columns);
        }

        #[test]
        fn mixed_scripts_fit_exactly(text in "[a-z丢包率한👍🏽❤️é\u{301}ﾞ ]{0,30}", columns in 0usize..40) {
            let fitted = fit(&text, columns, Align::Center, Glyphs::Ascii);
            prop_assert_eq!(width(&fitted), columns);
        }

        #[test]
        fn wrapped_rows_are_never_too_wide(text in "[a-z丢包率 ]{0,60}", columns in 2usize..30) {
            for row in wrap(&Line::raw(text), columns) {
                prop_assert!(line_width(&row) <= columns);
            }
        }
    }
}
