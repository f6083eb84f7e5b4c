//! Both ends of a dialogue on one clock: what the client said and heard at the left, what the lab's server heard and said at the right, each at its
//! own time. A session of somebody else's client is told by the server alone, a sending to somebody else's server by the client alone.

mod browser;
mod conversation;
mod sessions;
mod speech;
mod window;
mod wire;

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

pub use self::sessions::Sessions;
pub use self::wire::WirePanel;

use self::browser::{Browser, Opened};
use self::conversation::Conversation;
use self::sessions::Session;
use super::Acted;
use super::dialogue::Dialogue;
use super::model::MailModel;
use crate::dashboard::keys::{Action, Context};
use crate::dashboard::tabs::panel::{Scene, draw_lines};
use crate::dashboard::widgets::text::{self, Align};
use crate::trace::escape::escape_hostile;
use crate::trace::mail::{SendingEvent, SessionEnd, SessionId, TlsCard};
use crate::words::{Words, phrases};

/// Columns of the time, with the blank behind it.
const TIME: usize = 10;

/// A row: something that one of the ends told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A line of an entry of the sending.
    Client {
        entry: u64,
        part: usize,
    },
    Opened(SessionId),
    Dropped(SessionId),
    Secured(SessionId),
    Closed(SessionId),
    /// A line of something said in a session.
    Server {
        session: SessionId,
        number: u64,
        part: usize,
    },
}

/// The rows of a conversation in the order of time, and what they were made from.
#[derive(Debug, Clone, Default)]
struct Rows {
    made_from: Option<(Conversation, u64, u64)>,
    rows: Vec<(Duration, Place)>,
}

#[derive(Debug, Clone, Default)]
pub struct BothPanel {
    browser: Browser,
    rows: Rows,
}

impl BothPanel {
    pub fn contexts(&self, contexts: &mut Vec<Context>) {
        contexts.push(Context::MailBoth);
    }

    pub fn act(&mut self, action: Action, model: &MailModel) -> Acted {
        self.browser.act(action, model);
        (Vec::new(), None)
    }

    /// Shows the conversation that a session of the server belongs to; `false` when it is no longer kept.
    pub fn show(&mut self, session: SessionId, model: &MailModel) -> bool {
        self.browser.show(session, model)
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
        let Some(opened) = self
            .browser
            .open("panel.both", model, focused, scene, area, buffer)
        else {
            return;
        };
        let Opened {
            conversation,
            sending,
            sessions,
            inside,
        } = opened;
        self.rows.bring_up_to_date(conversation, sending, &sessions);
        let began = self.rows.rows.first().map_or(Duration::ZERO, |(at, _)| *at);
        let page = Page {
            sending,
            sessions: &sessions,
            revealed,
            began,
            width: usize::from(inside.width),
            scene,
        };
        let height = usize::from(inside.height.saturating_sub(1));
        let window = self.browser.window.rows(self.rows.rows.len(), height);
        let mut lines = vec![page.head()];
        lines.extend(
            self.rows.rows[window]
                .iter()
                .map(|(at, place)| page.row(*at, *place)),
        );
        draw_lines(&lines, scene, inside, buffer);
    }
}

/// What a conversation is called.
fn name(
    conversation: Conversation,
    sending: Option<&Dialogue>,
    sessions: &[&Session],
    words: Words,
) -> String {
    match (conversation, sending) {
        (Conversation::Sending(_), Some(sending)) => words.fill(
            "both.sending",
            &[
                ("host", &escape_hostile(&sending.plan.host)),
                ("port", &sending.plan.port),
            ],
        ),
        _ => {
            let id = sessions.first().map_or(0, |session| session.id);
            words.fill("both.session", &[("id", &id)])
        }
    }
}

impl Rows {
    /// Puts the rows in order again if something was added or forgotten since.
    fn bring_up_to_date(
        &mut self,
        conversation: Conversation,
        sending: Option<&Dialogue>,
        sessions: &[&Session],
    ) {
        let entries = sending.map(Dialogue::entries);
        let first = entries.and_then(|entries| entries.front());
        let last = entries.and_then(|entries| entries.back());
        let told = |session: &&Session| {
            let turns = [
                session.dropped.is_some(),
                session.secured.is_some(),
                session.closed.is_some(),
            ];
            session.count() + turns.map(u64::from).iter().sum::<u64>() + 1
        };
        let forgotten = |session: &&Session| session.forgotten;
        let come = last.map_or(0, |last| last.id + 1) + sessions.iter().map(told).sum::<u64>();
        let gone = first.map_or(0, |first| first.id) + sessions.iter().map(forgotten).sum::<u64>();
        let made_from = Some((conversation, come, gone));
        if self.made_from == made_from {
            return;
        }
        self.made_from = made_from;
        self.rows.clear();
        for entry in entries.into_iter().flatten() {
            let (at, parts) = match &entry.event {
                SendingEvent::Spoken(spoken) => (spoken.at, speech::parts(spoken)),
                SendingEvent::Connecting { at, .. }
                | SendingEvent::Connected { at, .. }
                | SendingEvent::Tls { at, .. }
                | SendingEvent::Ended { at, .. } => (*at, 1),
                _ => continue,
            };
            let place = |part| Place::Client {
                entry: entry.id,
                part,
            };
            self.rows.extend((0..parts).map(|part| (at, place(part))));
        }
        for session in sessions {
            let id = session.id;
            self.rows.push((session.opened, Place::Opened(id)));
            if let Some((at, _)) = session.dropped {
                self.rows.push((at, Place::Dropped(id)));
            }
            if let Some(secured) = &session.secured {
                self.rows.push((secured.at, Place::Secured(id)));
            }
            for (number, spoken) in session.said() {
                let place = |part| Place::Server {
                    session: id,
                    number,
                    part,
                };
                let parts = 0..speech::parts(spoken);
                self.rows.extend(parts.map(|part| (spoken.at, place(part))));
            }
            if let Some(closed) = &session.closed {
                self.rows.push((closed.at, Place::Closed(id)));
            }
        }
        self.rows.sort_by_key(|(at, _)| *at);
    }
}

/// What the rows are put into words with.
struct Page<'a> {
    sending: Option<&'a Dialogue>,
    sessions: &'a [&'a Session],
    revealed: bool,
    began: Duration,
    width: usize,
    scene: &'a Scene<'a>,
}

impl Page<'_> {
    /// The columns of the client and of the server; an end that tells nothing has none.
    fn columns(&self) -> (usize, usize) {
        let room = self.width.saturating_sub(TIME + 1);
        match (self.sending.is_some(), self.sessions.is_empty()) {
            (true, false) => (room / 2, room - room / 2),
            (true, true) => (room, 0),
            (false, _) => (0, room),
        }
    }

    /// Puts a time and the text of either end in their columns.
    fn lay_out(&self, time: Span<'static>, client: Line, server: Line) -> Line<'static> {
        let look = self.scene.look;
        let (left, right) = self.columns();
        let fit = |line: &Line, width| text::fit_line(line, width, Align::Left, look.glyphs);
        let mut line = Line::from(time);
        if left > 0 {
            line.spans.extend(fit(&client, left).spans);
        }
        if left > 0 && right > 0 {
            let bar = look.glyphs.pick('│', '|').to_string();
            line.push_span(Span::styled(bar, look.theme.border));
        }
        if right > 0 {
            line.spans.extend(fit(&server, right).spans);
        }
        line
    }

    fn head(&self) -> Line<'static> {
        let (words, theme) = (self.scene.look.words, &self.scene.look.theme);
        let seconds = text::fit(
            &words.t("both.seconds"),
            TIME,
            Align::Right,
            self.scene.look.glyphs,
        );
        let client = match self.sending.and_then(|sending| sending.ends) {
            Some((local, _)) => words.fill("both.client_at", &[("address", &local)]),
            None => words.t("both.client").into_owned(),
        };
        let server = match self.sessions {
            [session] => match session.client {
                Some(client) if self.sending.is_none() => words.fill(
                    "both.server_of",
                    &[("id", &session.id), ("address", &client)],
                ),
                _ => words.fill("both.server", &[("id", &session.id)]),
            },
            _ => words.t("both.servers").into_owned(),
        };
        let style = theme.dim;
        self.lay_out(
            Span::styled(seconds, style),
            Line::styled(format!("   {client}"), style),
            Line::styled(format!("   {server}"), style),
        )
    }

    fn row(&self, at: Duration, place: Place) -> Line<'static> {
        let theme = &self.scene.look.theme;
        let seconds = at.saturating_sub(self.began).as_secs_f64();
        let time = Span::styled(format!("{seconds:>9.4} "), theme.dim);
        match place {
            Place::Client { entry, part } => {
                self.lay_out(time, self.client(entry, part), Line::default())
            }
            place => self.lay_out(time, Line::default(), self.server(place)),
        }
    }

    fn client(&self, entry: u64, part: usize) -> Line<'static> {
        let (words, theme) = (self.scene.look.words, &self.scene.look.theme);
        let Some(entry) = self.sending.and_then(|sending| sending.entry(entry)) else {
            return Line::default();
        };
        let note = |text: String| Line::styled(format!("   {text}"), theme.dim);
        match &entry.event {
            SendingEvent::Spoken(spoken) => speech::line(spoken, part, self.revealed, self.scene),
            SendingEvent::Connecting { .. } => note(words.t("both.connecting").into_owned()),
            SendingEvent::Connected { server, .. } => {
                note(words.fill("both.connected", &[("address", server)]))
            }
            SendingEvent::Tls { card, .. } => note(tls_text(card, words)),
            SendingEvent::Ended { .. } => note(words.t("both.ended").into_owned()),
            _ => Line::default(),
        }
    }

    fn server(&self, place: Place) -> Line<'static> {
        let (words, theme) = (self.scene.look.words, &self.scene.look.theme);
        let session = |id: SessionId| self.sessions.iter().find(|session| session.id == id);
        let note = |text: String| Line::styled(format!("   {text}"), theme.dim);
        let line = match place {
            Place::Client { .. } => None,
            Place::Opened(_) => Some(note(words.t("both.opened").into_owned())),
            Place::Dropped(id) => {
                session(id)
                    .and_then(|session| session.dropped)
                    .map(|(_, bytes)| {
                        let text =
                            words.fill("both.dropped", &[("bytes", &phrases::grouped(bytes))]);
                        let sign = self.scene.look.signs.warning();
                        Line::styled(format!(" {sign} {text}"), theme.bad)
                    })
            }
            Place::Secured(id) => session(id)
                .and_then(|session| session.secured.as_ref())
                .map(|secured| {
                    let (version, cipher) = (
                        escape_hostile(&secured.version),
                        escape_hostile(&secured.cipher),
                    );
                    note(words.fill(
                        "both.secured",
                        &[("version", &version), ("cipher", &cipher)],
                    ))
                }),
            Place::Closed(id) => session(id)
                .and_then(|session| session.closed)
                .map(|closed| note(end_text(closed.cause, words))),
            Place::Server {
                session: id,
                number,
                part,
            } => session(id)
                .and_then(|session| session.spoken(number))
                .map(|spoken| speech::line(spoken, part, self.revealed, self.scene)),
        };
        line.unwrap_or_default()
    }
}

fn tls_text(card: &TlsCard, words: Words) -> String {
    match (&card.error, &card.version) {
        (None, Some(version)) => {
            let cipher = card.cipher.as_deref().unwrap_or_default();
            let (version, cipher) = (escape_hostile(version), escape_hostile(cipher));
            words.fill(
                "both.secured",
                &[("version", &version), ("cipher", &cipher)],
            )
        }
        _ => words.t("both.no_tls").into_owned(),
    }
}

/// Why the server's session ended.
fn end_text(end: SessionEnd, words: Words) -> String {
    let text = match end {
        SessionEnd::Quit => words.t("both.end.quit"),
        SessionEnd::ClientGone => words.t("both.end.client_gone"),
        SessionEnd::Idle => words.t("both.end.idle"),
        SessionEnd::Misbehaved => words.t("both.end.misbehaved"),
        SessionEnd::HandshakeFailed => words.t("both.end.handshake_failed"),
        SessionEnd::Fault => words.t("both.end.fault"),
        SessionEnd::TooMany => words.t("both.end.too_many"),
        SessionEnd::Stopped => words.t("both.end.stopped"),
    };
    text.into_owned()
}

#[cfg(test)]
mod tests;
