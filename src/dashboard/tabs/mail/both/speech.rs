//! Something that was said, as rows of text: one for a command, one for each line of a reply. Both ends and the wire show it in the same form.

use ratatui::text::{Line, Span};

use crate::dashboard::tabs::panel::Scene;
use crate::trace::escape::escape_hostile;
use crate::trace::mail::{Speaker, Speech, Spoken};
use crate::words::phrases;

/// How many rows it takes.
pub fn parts(spoken: &Spoken) -> usize {
    match &spoken.what {
        Speech::Reply { reply, .. } => reply.lines.len().max(1),
        Speech::Command(_) | Speech::Content { .. } => 1,
    }
}

/// Who said it.
pub fn speaker(spoken: &Spoken) -> Speaker {
    match spoken.what {
        Speech::Reply { .. } => Speaker::Server,
        Speech::Command(_) | Speech::Content { .. } => Speaker::Client,
    }
}

/// One row: the TLS mark, the direction and the text.
pub fn line(spoken: &Spoken, part: usize, revealed: bool, scene: &Scene) -> Line<'static> {
    let look = scene.look;
    let theme = &look.theme;
    let mark = match spoken.encrypted {
        true => look.signs.encrypted(),
        false => ' ',
    };
    let from = speaker(spoken);
    let style = match from {
        Speaker::Client => theme.accent,
        Speaker::Server => theme.text,
    };
    let direction = match part {
        0 => look.signs.said_by(from),
        _ => ' ',
    };
    let mut line = Line::from(vec![
        Span::styled(mark.to_string(), theme.band),
        Span::styled(format!("{direction} "), style),
    ]);
    match &spoken.what {
        Speech::Command(said) => {
            let bytes = if revealed { said.bytes() } else { &said.shown };
            let text = escape_hostile(bytes).into_owned();
            line.push_span(Span::styled(text, theme.strong));
        }
        Speech::Reply { reply, .. } => {
            let class = reply.code.class();
            let style = theme.reply_class(class);
            let sign = match part {
                0 => look.signs.reply_class(class),
                _ => ' ',
            };
            let goes_on = part + 1 < reply.lines.len();
            let separator = if goes_on { '-' } else { ' ' };
            let text = reply.lines.get(part).map_or(&b""[..], |text| text);
            line.push_span(Span::styled(
                format!("{sign} {}{separator}", reply.code),
                style,
            ));
            line.push_span(Span::styled(escape_hostile(text).into_owned(), theme.text));
        }
        Speech::Content { bytes, stuffed, .. } => {
            let text = look.words.fill(
                "both.content",
                &[
                    ("bytes", &phrases::grouped(*bytes)),
                    ("stuffed", &phrases::grouped(*stuffed)),
                ],
            );
            line.push_span(Span::styled(text, theme.odd));
        }
    }
    line
}
