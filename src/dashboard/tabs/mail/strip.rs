//! The strip below form and dialogue: where the lab's server listens, what it holds, what came last, and what it does wrong.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::model::{MailModel, ServerState};
use crate::dashboard::tabs::panel::{Column, Scene, Title, fit_parts, frame};
use crate::proto::smtp::server::EndOfData;
use crate::trace::escape::escape_hostile;
use crate::trace::mail::Arrived;
use crate::words::phrases;

pub fn draw(model: &MailModel, scene: &Scene, area: Rect, buffer: &mut Buffer) {
    let (look, words) = (scene.look, scene.look.words);
    let theme = &look.theme;
    let counts = &model.report.counts;
    let mut title = Title::new(look, words.t("panel.lab").into_owned(), false)
        .figure(
            &words.t("mail.strip.held"),
            &phrases::grouped(model.report.held),
        )
        .figure("", &phrases::size(model.report.bytes))
        .figure(
            &words.t("mail.strip.sessions"),
            &phrases::grouped(counts.sessions),
        );
    if counts.open > 0 {
        title = title.figure(&words.t("mail.strip.open"), &counts.open.to_string());
    }
    if model.left_out > 0 {
        title = title.say(
            words.fill("list.left_out", &[("count", &model.left_out)]),
            theme.warning,
        );
    }
    let inside = frame(title, false, scene, area, buffer);
    let room = usize::from(inside.width);
    let mut column = Column::new(scene, inside, buffer);
    match &model.server {
        ServerState::CannotStart(error) => {
            for line in phrases::start_error(error, words) {
                column.row(Line::styled(format!(" {line}"), theme.bad));
            }
            let keys = words.t("mail.strip.failed_keys");
            column.row(Line::styled(format!(" {keys}"), theme.warning));
            return;
        }
        ServerState::Failed(error) => {
            let text = words.fill("mail.strip.died", &[("error", &escape_hostile(error))]);
            column.row(Line::styled(format!(" {text}"), theme.bad));
            let keys = words.t("mail.strip.failed_keys");
            column.row(Line::styled(format!(" {keys}"), theme.warning));
            return;
        }
        ServerState::Untold => {
            let text = words.t("replay.no_mail");
            column.row(Line::styled(format!(" {text}"), theme.dim));
            return;
        }
        ServerState::Starting => {
            let text = words.t("status.mail_starting");
            column.row(Line::styled(format!(" {text}"), theme.dim));
        }
        ServerState::Listening { .. } => column.row(server_line(model, room, scene)),
    }
    if model.arrived.is_empty() {
        let text = words.t("mail.strip.nothing");
        column.row(Line::styled(format!(" {text}"), theme.dim));
    }
    for arrived in model.arrived.iter().rev() {
        column.row(arrived_line(arrived, scene));
    }
}

/// Where it listens, and what it does wrong.
fn server_line(model: &MailModel, room: usize, scene: &Scene) -> Line<'static> {
    let (look, words) = (scene.look, scene.look.words);
    let theme = &look.theme;
    let mut parts = Vec::new();
    if let ServerState::Listening {
        address,
        tls_address,
        ..
    } = &model.server
    {
        parts.push(vec![
            Span::styled(format!(" {} ", look.signs.running()), theme.good),
            Span::styled(address.to_string(), theme.strong),
            Span::styled(" STARTTLS", theme.dim),
        ]);
        if let Some(tls) = tls_address {
            parts.push(vec![
                Span::styled(format!("  {tls}"), theme.strong),
                Span::styled(" TLS", theme.dim),
            ]);
        }
    }
    if model.end_of_data == EndOfData::Lenient {
        let lenient = words.t("mail.strip.lenient");
        parts.push(vec![Span::styled(
            format!("  {} {lenient}", look.signs.warning()),
            theme.warning,
        )]);
    }
    for fault in &model.faults {
        let fault = fault.to_string();
        parts.push(vec![Span::styled(
            format!("  {} {}", look.signs.warning(), escape_hostile(&fault)),
            theme.warning,
        )]);
    }
    if model.faults.is_empty() {
        let none = words.t("mail.strip.no_faults");
        parts.push(vec![Span::styled(format!("  {none}"), theme.dim)]);
    }
    fit_parts(parts, room)
}

/// One message that came.
fn arrived_line(arrived: &Arrived, scene: &Scene) -> Line<'static> {
    let look = scene.look;
    let theme = &look.theme;
    let from = match &arrived.envelope.from {
        Some(from) => escape_hostile(from.as_str()).into_owned(),
        None => "<>".to_owned(),
    };
    let first = arrived.envelope.to.first();
    let mut to = first.map_or_else(String::new, |to| escape_hostile(to.as_str()).into_owned());
    if arrived.envelope.to.len() > 1 {
        to.push_str(&format!(" +{}", arrived.envelope.to.len() - 1));
    }
    Line::from(vec![
        Span::styled(
            format!(" {} ", scene.clock.time_of_day(arrived.at)),
            theme.dim,
        ),
        Span::styled(from, theme.text),
        Span::styled(format!(" {} ", look.signs.arrow()), theme.dim),
        Span::styled(to, theme.text),
        Span::styled(format!("  {}", phrases::size(arrived.bytes)), theme.dim),
    ])
}
