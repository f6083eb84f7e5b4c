//! A call as its manual has it, with its arguments and its result, and a sentence of what it does.

use std::net::SocketAddr;

use ratatui::text::{Line, Span};

use super::super::row::{Row, What};
use crate::dashboard::tabs::panel::Scene;
use crate::dashboard::widgets::text;
use crate::trace::escape::escape_hostile;
use crate::trace::start_error::Transport;
use crate::trace::wire::{Call, SocketEvent};
use crate::words::phrases;

/// What is said of a row besides its bytes: of a call its line first. Nothing of a message, whose bytes say it all.
pub(super) fn lines(row: &Row, width: u16, scene: &Scene) -> Vec<Line<'static>> {
    let look = scene.look;
    let (mut lines, said) = match &row.what {
        What::Call(call) => {
            let mut line = Line::styled(written(call), look.theme.strong);
            if let Some(error) = &call.error {
                let error = format!("  {}", escape_hostile(&**error));
                line.push_span(Span::styled(error, look.theme.bad));
            }
            (vec![line], look.words.t(about(&call.call)).into_owned())
        }
        What::Note(text) => (Vec::new(), escape_hostile(text).into_owned()),
        What::LeftOut(count) => (
            Vec::new(),
            look.words.fill("list.left_out", &[("count", count)]),
        ),
        What::Message(_) => return Vec::new(),
    };
    lines.extend(text::wrap(&Line::raw(said), usize::from(width.max(1))));
    lines
}

/// The call in the notation of C. Its descriptor is the number that this program gave the socket.
pub(super) fn written(event: &SocketEvent) -> String {
    let socket = event.socket;
    let address = |address: Option<SocketAddr>| {
        address.map_or_else(
            || phrases::NOTHING.to_owned(),
            |address| address.to_string(),
        )
    };
    let (local, peer) = (address(event.local), address(event.peer));
    let moved = event.call.payload().map_or(0, |payload| payload.length);
    let (arguments, result) = match &event.call {
        Call::Socket => {
            let family = match event.local.or(event.peer) {
                Some(SocketAddr::V6(_)) => "AF_INET6",
                _ => "AF_INET",
            };
            let kind = match event.transport {
                Transport::Udp => "SOCK_DGRAM",
                Transport::Tcp => "SOCK_STREAM",
            };
            (format!("{family}, {kind}"), socket)
        }
        Call::Bind => (format!("{socket}, {local}"), 0),
        Call::Listen { backlog } => (format!("{socket}, {backlog}"), 0),
        Call::Accept { listener } => (format!("{listener}, {peer}"), socket),
        Call::Connect => (format!("{socket}, {peer}"), 0),
        Call::Send(_) | Call::Recv(_) => (format!("{socket}, {moved} B"), moved),
        Call::SendTo(_) | Call::RecvFrom(_) => (format!("{socket}, {moved} B, {peer}"), moved),
        Call::Shutdown => (format!("{socket}, SHUT_WR"), 0),
        Call::Close => (format!("{socket}"), 0),
    };
    let result = match &event.error {
        Some(_) => "-1".to_owned(),
        None => result.to_string(),
    };
    format!("{}({arguments}) = {result}", event.call.name())
}

/// The message key of the sentence about a call.
fn about(call: &Call) -> &'static str {
    match call {
        Call::Socket => "wire.call.socket",
        Call::Bind => "wire.call.bind",
        Call::Listen { .. } => "wire.call.listen",
        Call::Accept { .. } => "wire.call.accept",
        Call::Connect => "wire.call.connect",
        Call::Send(_) => "wire.call.send",
        Call::Recv(_) => "wire.call.recv",
        Call::SendTo(_) => "wire.call.sendto",
        Call::RecvFrom(_) => "wire.call.recvfrom",
        Call::Shutdown => "wire.call.shutdown",
        Call::Close => "wire.call.close",
    }
}
