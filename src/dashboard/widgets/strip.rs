//! A strip of outcomes: one glyph each, the newest at the right.
//!
//! It is a line of text rather than a widget, so that it can stand in a panel's title as well as
//! in a row of its own.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::text;

/// The newest outcomes that fit into `columns`, given newest first; neighbours of one style share
/// a span.
///
/// Every outcome takes one column: a glyph that would take none or two is shown as `?`.
#[must_use]
pub fn strip(
    newest_first: impl IntoIterator<Item = (char, Style)>,
    columns: usize,
) -> Line<'static> {
    let mut shown: Vec<(char, Style)> = newest_first.into_iter().take(columns).collect();
    shown.reverse();
    let mut spans: Vec<Span<'static>> = Vec::new();
    for (glyph, style) in shown {
        let glyph = if is_narrow(glyph) { glyph } else { '?' };
        match spans.last_mut() {
            Some(span) if span.style == style => span.content.to_mut().push(glyph),
            _ => spans.push(Span::styled(glyph.to_string(), style)),
        }
    }
    Line::from(spans)
}

/// Whether a glyph takes exactly one column.
pub(super) fn is_narrow(glyph: char) -> bool {
    text::width(glyph.encode_utf8(&mut [0; 4])) == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Stylize;

    #[test]
    fn newest_is_at_the_right_and_the_oldest_are_cut() {
        let (good, bad) = (Style::new().green(), Style::new().red());
        let newest_first = [('╳', bad), ('●', good), ('●', good), ('◐', bad)];
        let expected = Line::from(vec!["◐".red(), "●●".green(), "╳".red()]);
        assert_eq!(strip(newest_first, 9), expected);
        let expected = Line::from(vec!["●".green(), "╳".red()]);
        assert_eq!(strip(newest_first, 2), expected);
        assert_eq!(strip(newest_first, 0), Line::default());
    }

    #[test]
    fn every_outcome_takes_one_column() {
        let plain = Style::new();
        let odd = [
            ('丢', plain),
            ('\u{301}', plain),
            ('\x1b', plain),
            ('x', plain),
        ];
        assert_eq!(strip(odd, 9).to_string(), "x???");
    }
}
