//! The Web tab: watch requests arrive, be answered, and stand in line. State and update stand here; what it knows is in `model`, how it looks in
//! `view`.

pub mod knobs;

mod connections;
mod counters;
mod detail;
mod export;
pub(in crate::dashboard::tabs) mod fields;
mod filter;
mod lanes;
mod log;
mod model;
mod navigate;
mod raw;
mod sender;
mod server;
mod table;
mod urls;
mod view;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ratatui::layout::{Position, Rect};

pub use self::model::WebReport;
pub use self::view::{HELP_SECTIONS, help, render, status_line};

use self::detail::Detail;
use self::filter::Filter;
use self::knobs::{Knob, KnobError};
use self::log::{RowId, Sort};
use self::model::{ServerState, WebModel};
use self::navigate::Viewport;
use self::sender::Sender;
use crate::dashboard::app::{Effect, Purpose};
use crate::dashboard::keys::{Action, Context};
use crate::dashboard::tabs::panel::steps_on;
use crate::dashboard::tabs::turn::Turn;
use crate::dashboard::widgets::list::{ListState, Order};
use crate::proto::http::script;
use crate::proto::http::service::{Limits, Service};
use crate::trace::event::Event;
use crate::trace::start_error::StartError;
use crate::trace::web::ConnectionId;
use crate::words::{Words, phrases};

/// While something is going on, the screen is brought up to date this often without an event.
const BUSY_TICK: Duration = Duration::from_millis(250);
/// The same while connections are open and silent about it.
const OPEN_TICK: Duration = Duration::from_secs(1);

/// What the tab is started with.
#[derive(Debug, Clone, Default)]
pub struct WebSetup {
    pub service: Service,
    pub limits: Limits,
    /// The folder that is served; `None` is the pages built in.
    pub folder: Option<PathBuf>,
}

/// The panels that can be focused, in the order of Tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Panel {
    Counters,
    Log,
    Lanes,
    Server,
}

impl Panel {
    /// Tab begins at the log.
    const ALL: [Panel; 4] = [Panel::Log, Panel::Lanes, Panel::Server, Panel::Counters];
}

/// What stands under the log where there is no room for a column beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Under {
    Lanes,
    Server,
    /// The log has all the room.
    Nothing,
}

impl Under {
    const ALL: [Under; 3] = [Under::Lanes, Under::Server, Under::Nothing];
}

/// A row of the log: a request that is done, or a connection whose request is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKey {
    Done(RowId),
    Live(ConnectionId),
}

/// What lies over the panels.
#[derive(Debug, Clone)]
enum Popup {
    Detail(Detail),
    Urls {
        selected: usize,
    },
    /// A text that was copied, in case the terminal would not take it.
    Copied(String),
}

/// The state of the tab.
pub struct WebTab {
    live: WebModel,
    /// The model as it was when the view was frozen, and when that was.
    frozen: Option<(Duration, Box<WebModel>)>,
    /// What is served and how much is taken; `None` where a record is played, which tells neither.
    served: Option<(Limits, Option<PathBuf>)>,
    panel: Panel,
    under: Under,
    sort: Sort,
    selected: Option<RowKey>,
    /// The connection that is lit up in the log and the lanes.
    lit: Option<ConnectionId>,
    list: ListState,
    /// Where the rows of the log stood in the last frame.
    list_at: Rect,
    lanes: ListState,
    /// Where the lanes stood in the last frame, and which.
    lanes_at: (Rect, Vec<ConnectionId>),
    viewport: Viewport,
    knob: Knob,
    /// The innermost last.
    popups: Vec<Popup>,
    sender: Sender,
    /// Where the terminal's cursor belongs, as of the last frame.
    cursor: Option<Position>,
    now: Duration,
}

impl WebTab {
    pub fn new(setup: WebSetup) -> Self {
        Self {
            live: WebModel::new(setup.service),
            frozen: None,
            served: Some((setup.limits, setup.folder)),
            panel: Panel::Log,
            under: Under::Lanes,
            sort: Sort::Time,
            selected: None,
            lit: None,
            list: ListState::new(Order::NewestFirst),
            list_at: Rect::ZERO,
            lanes: ListState::new(Order::NewestLast),
            lanes_at: (Rect::ZERO, Vec::new()),
            viewport: Viewport::default(),
            knob: Knob::Mode,
            popups: Vec::new(),
            sender: Sender::default(),
            cursor: None,
            now: Duration::ZERO,
        }
    }

    /// What has to be started first: the server.
    pub fn start(&mut self) -> Vec<Effect> {
        vec![Effect::StartWeb { any_port: false }]
    }

    /// Takes in what the server and the sender reported.
    pub fn take(&mut self, events: Vec<Event>, left_out: u64) {
        for event in events {
            match event {
                Event::Web(event) => self.live.take(event),
                Event::Sender { id, event } => self.sender.take(id, event),
                Event::Echo(_) | Event::Ping { .. } | Event::Mail(_) | Event::Sending { .. } => {}
            }
        }
        self.live.left_out += left_out;
        if let ServerState::Listening { address, .. } = &self.live.server {
            self.sender.set_own_server(*address);
        }
    }

    /// What happens comes out of a record: what was sent is told by its events.
    pub fn follow_record(&mut self) {
        self.served = None;
        self.live.follow_record();
        self.sender.follow_record();
    }

    /// Takes in what the server tells of itself.
    pub fn set_report(&mut self, report: WebReport, now: Duration) {
        self.now = now;
        self.live.report(report, now);
    }

    pub fn failed(&mut self, error: StartError) {
        self.live.server = ServerState::CannotStart(error);
    }

    /// When the screen wants to be drawn again though nothing was reported: what is going on is told only when it is asked for.
    pub fn next_tick(&self, now: Duration) -> Option<Duration> {
        if !self.live.live.is_empty() || self.sender.is_busy() {
            return Some(now + BUSY_TICK);
        }
        (self.live.figures.counts.open > 0).then_some(now + OPEN_TICK)
    }

    /// The URLs of the server's root, for links.
    pub fn urls(&self) -> Vec<String> {
        urls::reachable(&self.live.server)
            .into_iter()
            .map(urls::url)
            .collect()
    }

    /// Freezes the view as it is, or lets it go on.
    pub fn freeze(&mut self, since: Option<Duration>) {
        self.frozen = since.map(|since| (since, Box::new(self.live.clone())));
    }

    /// What the view shows: the live model, or the frozen one.
    fn shown(&self) -> &WebModel {
        self.frozen.as_ref().map_or(&self.live, |(_, model)| model)
    }

    fn shown_mut(&mut self) -> &mut WebModel {
        match &mut self.frozen {
            Some((_, model)) => model,
            None => &mut self.live,
        }
    }

    /// Changes the live model and the frozen one alike.
    fn change_models(&mut self, change: impl Fn(&mut WebModel)) {
        change(&mut self.live);
        if let Some((_, model)) = &mut self.frozen {
            change(model);
        }
    }

    /// The moment at which the view stands.
    fn view_time(&self) -> Duration {
        self.frozen.as_ref().map_or(self.now, |(since, _)| *since)
    }

    /// The contexts whose keys apply now.
    pub fn contexts(&self, contexts: &mut Vec<Context>) {
        if let Some(popup) = self.popups.last() {
            contexts.push(Context::Open);
            match popup {
                Popup::Detail(_) => contexts.push(Context::WebDetail),
                Popup::Urls { .. } => contexts.push(Context::WebUrls),
                Popup::Copied(_) => {}
            }
            return;
        }
        if self.sender.open {
            contexts.extend([Context::WebSender, Context::Open]);
            return;
        }
        if self.live.has_failed() {
            contexts.push(Context::Failed);
        }
        if self.live.log.filter().is_some() || self.viewport.end.is_some() {
            contexts.push(Context::Open);
        }
        match self.panel {
            Panel::Log => contexts.push(Context::WebLog),
            Panel::Lanes => contexts.push(Context::WebLanes),
            Panel::Server => contexts.push(Context::WebServer),
            Panel::Counters => {}
        }
        contexts.push(Context::WebTab);
    }

    /// Closes what is open in this tab, the innermost first; `false` when nothing was.
    pub fn close(&mut self) -> bool {
        if self.popups.pop().is_some() {
            return true;
        }
        if std::mem::take(&mut self.sender.open) {
            return true;
        }
        if self.viewport.end.is_some() {
            self.viewport.follow();
            return true;
        }
        let filtered = self.live.log.filter().is_some();
        if filtered {
            self.change_models(|model| model.log.set_filter(None));
        }
        filtered
    }

    /// Carries out an action; may ask for a prompt with a text to begin with.
    pub fn act(
        &mut self,
        action: Action,
        now: Duration,
        words: Words,
    ) -> (Vec<Effect>, Option<(Purpose, String)>) {
        self.now = now;
        if !self.popups.is_empty() {
            return (self.act_in_popup(action), None);
        }
        if self.sender.open {
            return (self.sender.act(action, words), None);
        }
        let effects = match action {
            Action::NextPanel => self.focus(1),
            Action::PreviousPanel => self.focus(Panel::ALL.len() - 1),
            Action::Up
            | Action::Down
            | Action::PageUp
            | Action::PageDown
            | Action::First
            | Action::Last => self.step(action),
            Action::Left | Action::Right => self.sideways(action),
            Action::Open => return (Vec::new(), self.enter()),
            Action::Follow => self.follow(),
            Action::ToggleMode => self.turn(Knob::Mode, Turn::More),
            Action::DelayMore => self.turn(Knob::Delay, Turn::More),
            Action::DelayLess => self.turn(Knob::Delay, Turn::Less),
            Action::ForcePath => return (Vec::new(), Some(self.ask(Knob::Forced))),
            Action::Filter => {
                let text = self.live.log.filter().map_or("", Filter::text).to_owned();
                return (Vec::new(), Some((Purpose::WebFilter, text)));
            }
            Action::NextSort => {
                self.sort = steps_on(&Sort::ALL, self.sort, 1);
                Vec::new()
            }
            Action::ClearLog => self.clear_log(),
            Action::Mark => self.mark(),
            Action::NextView => self.next_view(),
            Action::ZoomIn => self.zoom_time(Turn::Less),
            Action::ZoomOut => self.zoom_time(Turn::More),
            Action::FitTime => self.fit_time(),
            Action::OpenSender => {
                self.sender.open = true;
                Vec::new()
            }
            Action::ShowUrls => {
                self.popups.push(Popup::Urls { selected: 0 });
                Vec::new()
            }
            Action::Copy => self.copy_curl(),
            Action::Replay => self.replay(),
            Action::Retry if self.live.has_failed() => self.restart(false),
            Action::FreePort if self.live.has_failed() => self.restart(true),
            _ => Vec::new(),
        };
        (effects, None)
    }

    /// A key that has no row in the table: typed into the sender, if that is open.
    pub fn type_key(&mut self, key: &crossterm::event::KeyEvent) -> Vec<Effect> {
        if self.sender.open && self.popups.is_empty() {
            self.sender.type_key(key);
        }
        Vec::new()
    }

    pub fn paste(&mut self, text: &str) {
        if self.sender.open && self.popups.is_empty() {
            self.sender.paste(text);
        }
    }

    /// Where the terminal's cursor belongs.
    pub fn cursor(&self) -> Option<Position> {
        self.cursor
    }

    fn restart(&mut self, any_port: bool) -> Vec<Effect> {
        self.live.server = ServerState::Starting;
        vec![Effect::StartWeb { any_port }]
    }

    fn turn(&mut self, knob: Knob, turn: Turn) -> Vec<Effect> {
        self.set_service(knobs::turn(&self.live.service, knob, turn))
    }

    fn set_service(&mut self, service: Service) -> Vec<Effect> {
        if service == self.live.service {
            return Vec::new();
        }
        self.live.service = service.clone();
        vec![Effect::SetService(service)]
    }

    fn ask(&self, knob: Knob) -> (Purpose, String) {
        let text = knobs::text(&self.live.service, knob);
        (Purpose::WebKnob(knob), text)
    }

    /// Takes over what was typed for a knob, or says what was wrong with it.
    pub fn type_knob(
        &mut self,
        knob: Knob,
        text: &str,
        words: Words,
    ) -> Result<Vec<Effect>, String> {
        match knobs::typed(&self.live.service, knob, text) {
            Ok(service) => Ok(self.set_service(service)),
            Err(error) => Err(knob_error(&error, words)),
        }
    }

    /// Takes over a filter as typed, or says what was wrong with it.
    pub fn set_filter(&mut self, text: &str, words: Words) -> Result<(), String> {
        let filter = Filter::parse(text).map_err(|error| error.say(words))?;
        self.change_models(|model| model.log.set_filter(filter.clone()));
        Ok(())
    }

    fn clear_log(&mut self) -> Vec<Effect> {
        self.change_models(|model| {
            model.log.clear();
            model.connections.clear();
            model.left_out = 0;
        });
        self.selected = None;
        self.lit = None;
        self.list.clear();
        self.lanes.clear();
        Vec::new()
    }

    fn mark(&mut self) -> Vec<Effect> {
        if let Some(RowKey::Done(id)) = self.row_in_front() {
            self.change_models(|model| model.log.toggle_mark(id));
        }
        Vec::new()
    }

    /// The address under which a client on this machine reaches the server.
    fn own_address(&self) -> Option<SocketAddr> {
        match &self.live.server {
            ServerState::Listening { address, .. } => Some(crate::settings::local(*address)),
            _ => None,
        }
    }

    /// The bytes of the request in front: of the open detail, or of the row in front.
    fn request_in_front(&self) -> Option<&[u8]> {
        let key = match self.popups.last() {
            Some(Popup::Detail(detail)) => detail.row,
            _ => self.row_in_front()?,
        };
        let model = self.shown();
        let bytes = match key {
            RowKey::Done(id) => &model.log.row(id)?.exchange.request.bytes,
            RowKey::Live(connection) => &model.live_state(connection)?.request.bytes,
        };
        (!bytes.is_empty()).then_some(bytes)
    }

    fn copy_curl(&mut self) -> Vec<Effect> {
        let Some(address) = self.own_address() else {
            return Vec::new();
        };
        let Some(request) = self.request_in_front() else {
            return Vec::new();
        };
        let command = script::curl_command(request, &urls::url(address));
        self.copy(command)
    }

    fn copy(&mut self, text: String) -> Vec<Effect> {
        self.popups.push(Popup::Copied(text.clone()));
        vec![Effect::Copy(text)]
    }

    /// Opens the request in front in the sender.
    fn replay(&mut self) -> Vec<Effect> {
        if let Some(text) = self.request_in_front().map(script::to_text) {
            self.popups.clear();
            self.sender.edit(&text);
        }
        Vec::new()
    }
}

/// Why a text is no value of a knob, and what would be.
fn knob_error(error: &KnobError, words: Words) -> String {
    match error {
        KnobError::Duration(error) => phrases::spec_error(error, words),
        KnobError::DelayTooLong(longest) => words.fill(
            "web.knob.delay_too_long",
            &[("longest", &phrases::setting(*longest))],
        ),
        KnobError::BadRate(value) => words.fill("web.knob.bad_rate", &[("value", value)]),
        KnobError::BadForced(value) => words.fill("web.knob.bad_forced", &[("value", value)]),
        KnobError::TooManyForced(most) => words.fill("web.knob.too_many_forced", &[("most", most)]),
    }
}

#[cfg(test)]
mod tests;
