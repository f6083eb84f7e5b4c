//! What an eavesdropper sees: what was said in clear text as text, with its base64 read; what was said inside TLS as the bytes of its records. A
//! verdict says what somebody on the way knows now.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Constraint::{Fill, Length};
use ratatui::layout::{Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::browser::{Browser, Opened};
use super::conversation::Conversation;
use super::sessions::Session;
use super::speech;
use crate::dashboard::keys::{Action, Context};
use crate::dashboard::tabs::mail::Acted;
use crate::dashboard::tabs::mail::dialogue::Dialogue;
use crate::dashboard::tabs::mail::dialogue::encoded::{self, Encoded};
use crate::dashboard::tabs::mail::model::MailModel;
use crate::dashboard::tabs::panel::{Scene, draw_lines};
use crate::dashboard::widgets::text;
use crate::proto::smtp::code::Class;
use crate::proto::smtp::stage::Stage;
use crate::trace::escape::escape_hostile;
use crate::trace::mail::{Cipher, SendingEvent, Speaker, Speech, Spoken};
use crate::words::{Words, phrases};

/// Lines of a message in clear text that are shown.
const CONTENT_LINES: usize = 12;
/// Rows of the verdict.
const VERDICT_ROWS: u16 = 5;

/// Something that crossed the wire.
enum Seen<'a> {
    Clear(&'a Spoken),
    Cipher(&'a Cipher),
    /// So many things said inside TLS, of which the server has not told how they looked.
    Hidden(usize),
}

/// What somebody on the way has read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Read {
    anything: bool,
    user: bool,
    password: bool,
    /// The answer of CRAM-MD5.
    digest: bool,
    addresses: usize,
    message: bool,
    /// Something was said inside TLS.
    tls: bool,
}

#[derive(Debug, Clone, Default)]
pub struct WirePanel {
    browser: Browser,
}

impl WirePanel {
    pub fn contexts(&self, contexts: &mut Vec<Context>) {
        contexts.push(Context::MailWire);
    }

    pub fn act(&mut self, action: Action, model: &MailModel) -> Acted {
        self.browser.act(action, model);
        (Vec::new(), None)
    }

    pub fn draw(
        &mut self,
        model: &MailModel,
        revealed: bool,
        focused: bool,
        scene: &Scene,
        area: Rect,
        buffer: &mut Buffer,
    ) {
        let Some(opened) =
            self.browser
                .open("panel.mail_wire", model, focused, scene, area, buffer)
        else {
            return;
        };
        let Opened {
            conversation,
            sending,
            sessions,
            inside,
        } = opened;
        let seen = seen(conversation, sending, &sessions);
        let verdict = verdict(read(&seen), sending, scene);
        let verdict: Vec<Line> = verdict
            .iter()
            .flat_map(|line| text::wrap(line, usize::from(inside.width.max(1))))
            .collect();
        let rows = (verdict.len() as u16)
            .min(VERDICT_ROWS)
            .min(inside.height / 2);
        let [list, below] = inside.layout(&Layout::vertical([Fill(1), Length(rows)]));
        draw_lines(&verdict, scene, below, buffer);
        let rows: Vec<(usize, usize)> = seen
            .iter()
            .enumerate()
            .flat_map(|(place, (_, seen))| (0..parts(seen)).map(move |part| (place, part)))
            .collect();
        let began = seen.first().map_or(Duration::ZERO, |(at, _)| *at);
        let window = self
            .browser
            .window
            .rows(rows.len(), usize::from(list.height));
        let lines: Vec<Line> = rows[window]
            .iter()
            .filter_map(|(place, part)| {
                let (at, seen) = seen.get(*place)?;
                let since = at.saturating_sub(began);
                Some(row(
                    seen,
                    *part,
                    since,
                    revealed,
                    usize::from(list.width),
                    scene,
                ))
            })
            .collect();
        draw_lines(&lines, scene, list, buffer);
    }
}

/// What crossed the wire, in the order of time.
fn seen<'a>(
    conversation: Conversation,
    sending: Option<&'a Dialogue>,
    sessions: &[&'a Session],
) -> Vec<(Duration, Seen<'a>)> {
    let mut seen = Vec::new();
    match (conversation, sending) {
        (Conversation::Sending(_), Some(sending)) => {
            let clear = sending
                .entries()
                .iter()
                .filter_map(|entry| match &entry.event {
                    SendingEvent::Spoken(spoken) if !spoken.encrypted => Some(spoken),
                    _ => None,
                });
            seen.extend(clear.map(|spoken| (spoken.at, Seen::Clear(spoken))));
            let ciphers = sending.ciphers.iter();
            seen.extend(ciphers.map(|cipher| (cipher.at, Seen::Cipher(cipher))));
            seen.sort_by_key(|(at, _)| *at);
        }
        _ => {
            for (_, spoken) in sessions.iter().flat_map(|session| session.said()) {
                match (spoken.encrypted, seen.last_mut()) {
                    (false, _) => seen.push((spoken.at, Seen::Clear(spoken))),
                    (true, Some((_, Seen::Hidden(count)))) => *count += 1,
                    (true, _) => seen.push((spoken.at, Seen::Hidden(1))),
                }
            }
        }
    }
    seen
}

/// How many rows it takes.
fn parts(seen: &Seen) -> usize {
    match seen {
        Seen::Cipher(_) | Seen::Hidden(_) => 1,
        Seen::Clear(spoken) => {
            let more = match &spoken.what {
                Speech::Content { excerpt, .. } => content_lines(excerpt).count(),
                _ if is_encoded(spoken) => 1,
                _ => 0,
            };
            speech::parts(spoken) + more
        }
    }
}

/// Whether base64 stands in it that says something.
fn is_encoded(spoken: &Spoken) -> bool {
    read_base64(spoken, false).is_some()
}

fn read_base64(spoken: &Spoken, revealed: bool) -> Option<Encoded> {
    match &spoken.what {
        _ if spoken.stage != Stage::Auth => None,
        Speech::Command(line) => encoded::command(line, revealed),
        Speech::Reply { reply, .. } if reply.code.class() == Class::Intermediate => {
            encoded::challenge(reply.lines.first()?)
        }
        Speech::Reply { .. } | Speech::Content { .. } => None,
    }
}

fn content_lines(excerpt: &[u8]) -> impl Iterator<Item = &[u8]> {
    excerpt
        .split_inclusive(|byte| *byte == b'\n')
        .take(CONTENT_LINES)
}

/// What somebody has read who saw all this.
fn read(seen: &[(Duration, Seen)]) -> Read {
    let mut read = Read::default();
    for (_, seen) in seen {
        let Seen::Clear(spoken) = seen else {
            read.tls = true;
            continue;
        };
        read.anything = true;
        match (&spoken.what, spoken.stage) {
            (Speech::Command(_), Stage::Mail | Stage::Rcpt) => read.addresses += 1,
            (Speech::Command(line), Stage::Auth) => match encoded::command(line, true) {
                Some(Encoded::Digest(_)) => (read.user, read.digest) = (true, true),
                Some(_) if line.secret.is_some() => (read.user, read.password) = (true, true),
                Some(_) => read.user = true,
                None => read.password |= line.secret.is_some(),
            },
            (Speech::Content { .. }, _) => read.message = true,
            _ => {}
        }
    }
    read
}

/// What an eavesdropper knows now, in sentences.
fn verdict(read: Read, sending: Option<&Dialogue>, scene: &Scene) -> Vec<Line<'static>> {
    let (words, theme) = (scene.look.words, &scene.look.theme);
    let mut known: Vec<String> = Vec::new();
    let mut know = |yes: bool, key: &str| {
        if yes {
            known.push(words.t(key).into_owned());
        }
    };
    know(read.user, "wire.user");
    know(read.password, "wire.password");
    know(read.digest, "wire.digest");
    if read.addresses > 0 {
        known.push(words.fill("wire.addresses", &[("count", &read.addresses)]));
    }
    if read.message {
        known.push(words.t("wire.message").into_owned());
    }
    let mut lines = Vec::new();
    let mut say = |style: Style, sign: char, text: String| {
        lines.push(Line::styled(format!("{sign} {text}"), style));
    };
    let signs = scene.look.signs;
    if !known.is_empty() {
        let known = known.join(&words.t("wire.and"));
        let text = words.fill("wire.has_read", &[("what", &known)]);
        say(theme.bad, signs.warning(), text);
    } else if read.anything {
        let text = words.t("wire.has_read_little").into_owned();
        say(theme.good, signs.running(), text);
    }
    if read.tls {
        let text = match server_name(sending) {
            Some(name) => words.fill("wire.in_tls_with_name", &[("name", &escape_hostile(name))]),
            None => words.t("wire.in_tls").into_owned(),
        };
        say(theme.good, signs.encrypted(), text);
    }
    lines
}

/// The name that TLS says in clear text in its first record: the SNI (RFC 6066 §3), which is no address.
fn server_name(sending: Option<&Dialogue>) -> Option<&str> {
    let name = sending?.tls.as_ref()?.server_name.as_str();
    let is_address = name.parse::<std::net::IpAddr>().is_ok();
    (!name.is_empty() && !is_address).then_some(name)
}

fn row(
    seen: &Seen,
    part: usize,
    since: Duration,
    revealed: bool,
    width: usize,
    scene: &Scene,
) -> Line<'static> {
    let (words, theme) = (scene.look.words, &scene.look.theme);
    let time = match part {
        0 => format!("{:>9.4} ", since.as_secs_f64()),
        _ => " ".repeat(10),
    };
    let mut line = Line::from(Span::styled(time, theme.dim));
    match seen {
        Seen::Clear(spoken) => {
            let text = match part.checked_sub(speech::parts(spoken)) {
                None => speech::line(spoken, part, revealed, scene),
                Some(more) => match &spoken.what {
                    Speech::Content { excerpt, bytes, .. } => {
                        let content = content_lines(excerpt).nth(more).unwrap_or_default();
                        let content = escape_hostile(content).into_owned();
                        let mut line = Line::styled(format!("   {content}"), theme.odd);
                        let shown: usize = content_lines(excerpt).map(<[u8]>::len).sum();
                        let left = bytes.saturating_sub(shown as u64);
                        if left > 0 && more + 1 == content_lines(excerpt).count() {
                            let left = phrases::grouped(left);
                            let left = words.fill("both.more_bytes", &[("count", &left)]);
                            line.push_span(Span::styled(format!(" {left}"), theme.dim));
                        }
                        line
                    }
                    _ => decoded_line(spoken, revealed, words, scene),
                },
            };
            line.spans.extend(text.spans.into_iter().map(|span| {
                let style = text.style.patch(span.style);
                span.style(style)
            }));
        }
        Seen::Cipher(cipher) => cipher_line(cipher, width, &mut line, scene),
        Seen::Hidden(count) => {
            let text = words.fill("wire.hidden", &[("count", count)]);
            let sign = scene.look.signs.encrypted();
            line.push_span(Span::styled(format!("{sign}  {text}"), theme.band));
        }
    }
    line
}

/// What the base64 above says.
fn decoded_line(spoken: &Spoken, revealed: bool, words: Words, scene: &Scene) -> Line<'static> {
    let theme = &scene.look.theme;
    let (value, key) = match read_base64(spoken, revealed) {
        Some(Encoded::Text(text)) => (text, "wire.encoded"),
        Some(Encoded::Digest(text)) => (text, "wire.is_digest"),
        Some(Encoded::Hidden) | None => (crate::proto::secret::MASK.to_owned(), "wire.masked"),
    };
    Line::from(vec![
        Span::styled(format!("   = {value}"), theme.odd),
        Span::styled(format!("  {}", words.t(key)), theme.warning),
    ])
}

/// Who sent it, what kind of record it is, how long it is, and its first bytes.
fn cipher_line(cipher: &Cipher, width: usize, line: &mut Line<'static>, scene: &Scene) {
    let look = scene.look;
    let theme = &look.theme;
    let style = match cipher.from {
        Speaker::Client => theme.accent,
        Speaker::Server => theme.text,
    };
    let record = record(&cipher.excerpt).unwrap_or("TLS");
    let length = phrases::grouped(cipher.length);
    let length = look.words.fill("wire.bytes", &[("count", &length)]);
    line.push_span(Span::styled(look.signs.encrypted().to_string(), theme.band));
    let direction = look.signs.said_by(cipher.from);
    line.push_span(Span::styled(format!("{direction} "), style));
    line.push_span(Span::styled(
        format!("{record:<22} {length:>14}  "),
        theme.text,
    ));
    let room = width.saturating_sub(text::line_width(line));
    // Two digits and a blank each; the mark of a cut in place of the last.
    let fitting = (room + 1) / 3;
    let all = cipher.excerpt.len() as u64 == cipher.length && cipher.excerpt.len() <= fitting;
    let shown = if all {
        fitting
    } else {
        fitting.saturating_sub(1)
    };
    let mut hex: Vec<String> = cipher
        .excerpt
        .iter()
        .take(shown)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if !all {
        hex.push(look.glyphs.ellipsis().to_string());
    }
    line.push_span(Span::styled(hex.join(" "), theme.dim));
}

/// What a TLS record says of itself in clear text (RFC 8446 §5.1): its type, and of a handshake that is not yet encrypted, which message it is.
fn record(bytes: &[u8]) -> Option<&'static str> {
    let [kind, 3, _, _, _, rest @ ..] = bytes else {
        return None;
    };
    Some(match (kind, rest.first()) {
        (20, _) => "TLS ChangeCipherSpec",
        (21, _) => "TLS Alert",
        (22, Some(1)) => "TLS ClientHello",
        (22, Some(2)) => "TLS ServerHello",
        (22, _) => "TLS Handshake",
        (23, _) => "TLS Application Data",
        _ => return None,
    })
}
