//! How the Mail tab is laid out, and what stands around its panels: status, help.

use ratatui::buffer::Buffer;
use ratatui::layout::Constraint::{Fill, Length};
use ratatui::layout::{Layout, Rect};
use ratatui::text::{Line, Span};

use super::model::ServerState;
use super::{MailTab, Panel, View, lit, strip};
use crate::dashboard::app::{App, Look};
use crate::dashboard::keys::Context;
use crate::dashboard::tabs::panel::Scene;
use crate::proto::smtp::code::Class;
use crate::proto::smtp::outcome::RecipientFate;
use crate::proto::smtp::server::EndOfData;
use crate::trace::mail::Speaker;

/// The sections of keys on the help page of this tab.
pub const HELP_SECTIONS: &[(Context, &str)] = &[
    (Context::MailTab, "help.mail_keys"),
    (Context::MailForm, "help.mail_form_keys"),
    (Context::MailDialogue, "help.mail_dialogue_keys"),
    (Context::MailHeld, "help.mail_held_keys"),
    (Context::MailDetail, "help.mail_detail_keys"),
    (Context::MailMailbox, "help.mail_mailbox_keys"),
    (Context::MailMessage, "help.mail_message_keys"),
    (Context::MailAsked, "help.mail_asked_keys"),
    (Context::MailFaults, "help.mail_faults_keys"),
    (Context::MailBoth, "help.mail_both_keys"),
    (Context::MailWire, "help.mail_wire_keys"),
    (Context::Failed, "help.failed_keys"),
];

/// From this width on panels stand side by side.
const WIDE: u16 = 100;
/// Rows of the strip with the lab's server, and from which height on it is there.
const STRIP_ROWS: u16 = 5;
const STRIP_FROM: u16 = 26;

/// The panels that are seen, with their places, and where the strip is.
fn places(tab: &MailTab, body: Rect, zoomed: bool) -> (Vec<(Panel, Rect)>, Option<Rect>) {
    if zoomed {
        return (vec![(tab.panel, body)], None);
    }
    let wide = body.width >= WIDE;
    match tab.view {
        View::Sending => {
            let strip = if body.height >= STRIP_FROM {
                STRIP_ROWS
            } else {
                0
            };
            let [above, strip_at] = body.layout(&Layout::vertical([Fill(1), Length(strip)]));
            let strip = (strip > 0).then_some(strip_at);
            if !wide {
                return (vec![(tab.panel, above)], strip);
            }
            let form = (body.width * 2 / 5).clamp(44, 72);
            let [form, dialogue] = above.layout(&Layout::horizontal([Length(form), Fill(1)]));
            (
                vec![(Panel::Form, form), (Panel::Dialogue, dialogue)],
                strip,
            )
        }
        View::Lab if wide => {
            let faults = (body.width * 2 / 5).clamp(44, 72);
            let [mailbox, faults] = body.layout(&Layout::horizontal([Fill(1), Length(faults)]));
            (
                vec![(Panel::Mailbox, mailbox), (Panel::Faults, faults)],
                None,
            )
        }
        View::Lab | View::Both | View::Wire => (vec![(tab.panel, body)], None),
    }
}

/// The panel under a place on the screen.
pub fn panel_at(body: Rect, zoomed: bool, tab: &MailTab, column: u16, row: u16) -> Option<Panel> {
    places(tab, body, zoomed)
        .0
        .into_iter()
        .find(|(_, area)| area.contains((column, row).into()))
        .map(|(panel, _)| panel)
}

/// Draws the tab.
pub fn render(app: &mut App, look: &Look, body: Rect, buffer: &mut Buffer) {
    let clock = app.clock;
    let now = app.now;
    let tab = &mut app.mail;
    tab.now = now;
    let scene = Scene {
        look,
        clock: &clock,
        now: tab.view_time(),
        zoomed: app.zoomed,
    };
    let (panels, strip) = places(tab, body, app.zoomed);
    let model = tab.frozen.as_ref().map_or(&tab.live, |(_, model)| model);
    let revealed = tab.dialogue.settle_reveal(now);
    tab.compose.reveal(revealed);
    tab.compose.light(lit::field(&tab.dialogue, model));
    let failed = model.front().and_then(|front| front.summary.as_deref());
    tab.cursor = None;
    for (panel, area) in panels {
        let focused = tab.panel == panel;
        let cursor = match panel {
            Panel::Form => tab.compose.draw(failed, focused, &scene, area, buffer),
            Panel::Dialogue => tab.dialogue.draw(model, focused, &scene, area, buffer),
            Panel::Mailbox => {
                tab.mailbox.draw(model, focused, &scene, area, buffer);
                None
            }
            Panel::Faults => {
                tab.faults.draw(model, focused, &scene, area, buffer);
                None
            }
            Panel::Both => {
                tab.both
                    .draw(model, revealed, focused, &scene, area, buffer);
                None
            }
            Panel::Wire => {
                tab.wire
                    .draw(model, revealed, focused, &scene, area, buffer);
                None
            }
        };
        tab.cursor = tab.cursor.or(cursor);
    }
    if let Some(area) = strip {
        strip::draw(model, &scene, area, buffer);
    }
    if let (Some(detail), Some(dialogue)) = (&mut tab.dialogue.detail, model.front()) {
        detail.draw(dialogue, revealed, &scene, body, buffer);
        tab.cursor = None;
    }
    if tab.view == View::Lab {
        tab.mailbox.draw_over(&scene, body, buffer);
    }
}

/// What is running where, for the bar at the top.
pub fn status_line(app: &App, look: &Look) -> Line<'static> {
    let (theme, words) = (&look.theme, look.words);
    let model = &app.mail.live;
    let (sign, style, text) = match &model.server {
        ServerState::Listening { address, .. } if address.ip().is_loopback() => (
            look.signs.running(),
            theme.good,
            words.fill("status.mail", &[("port", &address.port())]),
        ),
        ServerState::Listening { address, .. } => (
            look.signs.warning(),
            theme.bad,
            words.fill("status.mail_open", &[("address", address)]),
        ),
        ServerState::Untold => return Line::default(),
        ServerState::Starting => (
            look.signs.stopped(),
            theme.dim,
            words.t("status.mail_starting").into_owned(),
        ),
        ServerState::CannotStart(_) | ServerState::Failed(_) => (
            look.signs.warning(),
            theme.bad,
            words.t("status.mail_failed").into_owned(),
        ),
    };
    let mut line = Line::from(Span::styled(format!("{sign} {text}"), style));
    let wrong = model.faults.len();
    if wrong > 0 {
        let faults = words.fill("status.mail_faults", &[("count", &wrong)]);
        line.push_span(Span::styled(format!(" {faults}"), theme.warning));
    }
    if model.end_of_data == EndOfData::Lenient {
        let lenient = words.t("status.mail_lenient");
        line.push_span(Span::styled(format!(" {lenient}"), theme.warning));
    }
    line
}

/// What the signs and numbers of this tab mean.
pub fn help(look: &Look, lines: &mut Vec<Line<'static>>) {
    let (theme, words) = (&look.theme, look.words);
    let sign = |sign: char, style, key: &str| {
        Line::from(vec![
            Span::styled(format!("  {sign}  "), style),
            Span::raw(words.t(key).into_owned()),
        ])
    };
    lines.push(Line::styled(
        words.t("help.signs").into_owned(),
        theme.accent,
    ));
    for (speaker, key) in [
        (Speaker::Client, "mail.help.client"),
        (Speaker::Server, "mail.help.server"),
    ] {
        lines.push(sign(look.signs.said_by(speaker), theme.text, key));
    }
    lines.push(sign(
        look.signs.encrypted(),
        theme.band,
        "mail.help.encrypted",
    ));
    for (class, key) in [
        (Class::Positive, "mail.help.positive"),
        (Class::Intermediate, "mail.help.intermediate"),
        (Class::Transient, "mail.help.transient"),
        (Class::Permanent, "mail.help.permanent"),
    ] {
        let style = theme.reply_class(class);
        lines.push(sign(look.signs.reply_class(class), style, key));
    }
    for (fate, key) in [
        (RecipientFate::Unknown, "mail.help.unknown"),
        (RecipientFate::NotTried, "mail.help.not_tried"),
    ] {
        lines.push(sign(look.signs.fate(fate), theme.fate(fate), key));
    }
    lines.push(Line::default());
    lines.push(Line::styled(
        words.t("mail.help.reading").into_owned(),
        theme.accent,
    ));
    for key in [
        "mail.help.time",
        "mail.help.expected",
        "mail.help.reveal",
        "mail.help.step",
        "mail.help.draft",
        "mail.help.lab",
    ] {
        lines.push(Line::raw(format!("  {}", words.t(key))));
    }
    lines.push(Line::default());
}
