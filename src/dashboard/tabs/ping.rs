//! The Ping tab: watch datagrams get lost. State and update stand here; what it knows is in `model`, how it looks in `view`.

pub mod knobs;

mod charts;
mod detail;
mod export;
mod history;
mod lists;
mod model;
mod navigate;
mod panels;
mod view;

use std::time::Duration;

use ratatui::layout::Rect;

pub use self::model::Figures;
pub use self::view::{HELP_SECTIONS, help, render, status_line};

use self::knobs::{Knob, Pace, PaceKind, Turn};
use self::model::{MarkKind, PingModel, ServerState, Target, TargetState};
use self::navigate::Viewport;
use crate::dashboard::app::{Counters, Effect, Purpose};
use crate::dashboard::keys::{Action, Context};
use crate::dashboard::tabs::panel::steps_on;
use crate::dashboard::widgets::list::{ListState, Order};
use crate::proto::link::{Leg, LegSettings, LinkSettings, presets};
use crate::proto::ping::{Mode, Outcome};
use crate::settings;
use crate::trace::event::{Event, TargetId};
use crate::trace::start_error::StartError;
use crate::words::{Words, phrases};

/// Pings of one run of the lab.
const LAB_COUNT: u64 = 10;
/// What the tab is started with.
#[derive(Debug, Clone)]
pub struct PingSetup {
    pub link: LinkSettings,
    /// Whom to ping; empty means this program's own server.
    pub targets: Vec<settings::Target>,
    pub pace: Pace,
    pub count: Option<u64>,
    /// Length of the datagrams, where it is more than the text needs.
    pub size: usize,
    /// The smallest step of the clock.
    pub clock_step: Duration,
}

impl Default for PingSetup {
    /// The lab's link, and five pings a second to this program's own server.
    fn default() -> Self {
        Self {
            link: LinkSettings::default(),
            targets: Vec::new(),
            pace: Pace {
                kind: PaceKind::Steady,
                interval: Duration::from_millis(200),
                timeout: Duration::from_secs(1),
            },
            count: None,
            size: 0,
            clock_step: Duration::from_nanos(1),
        }
    }
}

/// The panels that can be focused, in the order of Tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Panel {
    Rtt,
    Loss,
    Lower,
    Link,
    Counts,
}

impl Panel {
    const ALL: [Panel; 5] = [
        Panel::Rtt,
        Panel::Loss,
        Panel::Lower,
        Panel::Link,
        Panel::Counts,
    ];
}

/// What the lower panel shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LowerView {
    /// Our pings, with the server's word beside the client's.
    Pings,
    /// Every datagram at our server.
    Datagrams,
    /// The clients of our server.
    Clients,
    /// How RTTs are distributed.
    RttHistogram,
    /// How long loss runs are.
    Runs,
}

impl LowerView {
    const ALL: [LowerView; 5] = [
        LowerView::Pings,
        LowerView::Datagrams,
        LowerView::Clients,
        LowerView::RttHistogram,
        LowerView::Runs,
    ];
}

/// The scale of the RTT axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scale {
    /// From 0 to a round figure over the longest RTT shown.
    Automatic,
    /// From 0 to a round figure over the 99th percentile; what is longer is marked at the top.
    Clipped,
    /// From 0 to where the automatic scale stood when this was chosen.
    Fixed {
        max: f64,
    },
    Logarithmic,
}

/// How times are written under the charts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeAxis {
    /// Seconds before the right edge.
    Relative,
    /// Time of day.
    Wall,
}

/// The state of the tab.
pub struct PingTab {
    live: PingModel,
    /// The model as it was when the view was frozen, and when that was.
    frozen: Option<(Duration, Box<PingModel>)>,
    pace: Pace,
    size: usize,
    /// Interval and size of the settings, to which presets without traffic of their own go back.
    usual_traffic: (Duration, usize),
    count: Option<u64>,
    clock_step: Duration,
    /// Targets from the settings, until they are started.
    wanted: Vec<settings::Target>,
    /// As soon as the server listens, it is pinged.
    pings_itself: bool,
    next_id: TargetId,
    panel: Panel,
    lower: LowerView,
    /// Which target the charts, the lists and the counts speak of.
    front: usize,
    viewport: Viewport,
    scale: Scale,
    time_axis: TimeAxis,
    pings: ListState,
    datagrams: ListState,
    clients: ListState,
    knob: Knob,
    leg: Leg,
    /// The ping whose details are open.
    detail: Option<u64>,
    /// The latest time, as of the last frame or key.
    now: Duration,
}

impl PingTab {
    pub fn new(setup: PingSetup) -> Self {
        Self {
            live: PingModel::new(setup.link),
            frozen: None,
            pace: setup.pace,
            size: setup.size,
            usual_traffic: (setup.pace.interval, setup.size),
            count: setup.count,
            clock_step: setup.clock_step,
            pings_itself: setup.targets.is_empty(),
            wanted: setup.targets,
            next_id: 0,
            panel: Panel::Rtt,
            lower: LowerView::Pings,
            front: 0,
            viewport: Viewport::default(),
            scale: Scale::Automatic,
            time_axis: TimeAxis::Relative,
            pings: ListState::new(Order::NewestFirst),
            datagrams: ListState::new(Order::NewestFirst),
            clients: ListState::new(Order::NewestFirst),
            knob: Knob::Loss,
            leg: Leg::Request,
            detail: None,
            now: Duration::ZERO,
        }
    }

    /// What has to be started first: the server, and the targets that were named. Its own server is pinged once its port is known.
    pub fn start(&mut self) -> Vec<Effect> {
        let mut effects = vec![Effect::StartEcho { any_port: false }];
        for target in std::mem::take(&mut self.wanted) {
            effects.push(self.start_target(target));
        }
        effects
    }

    /// Takes in what the labs reported. A server that has begun to listen gets its first pinger.
    pub fn take(&mut self, events: Vec<Event>, left_out: u64) -> Vec<Effect> {
        for event in events {
            self.live.take(event);
        }
        self.live.left_out += left_out;
        match self.live.server.state {
            ServerState::Listening(address) if self.pings_itself => {
                self.pings_itself = false;
                vec![self.start_target(settings::Target {
                    host: settings::local(address).ip().to_string(),
                    port: address.port(),
                })]
            }
            _ => Vec::new(),
        }
    }

    /// What happens comes out of a record: whom it pings is told by its events.
    pub fn follow_record(&mut self) {
        self.pings_itself = false;
        self.live.follow_record();
    }

    pub fn set_counters(&mut self, counters: Counters, now: Duration) {
        self.now = now;
        if let Some((counts, clients)) = counters.echo {
            self.live.server.counts = counts;
            self.live.server.clients = clients;
        }
        for (id, figures) in counters.targets {
            if let Some(target) = self.live.target_mut(id) {
                target.figures = Some(figures);
            }
        }
    }

    pub fn echo_failed(&mut self, error: StartError) {
        self.live.server.state = ServerState::CannotStart(error);
    }

    pub fn pinger_failed(&mut self, id: TargetId, error: String) {
        if let Some(target) = self.live.target_mut(id) {
            target.state = TargetState::Failed(error);
        }
    }

    /// Freezes the view as it is, or lets it go on.
    pub fn freeze(&mut self, since: Option<Duration>) {
        self.frozen = since.map(|since| (since, Box::new(self.live.clone())));
    }

    /// What the view shows: the live model, or the frozen one.
    fn shown(&self) -> &PingModel {
        self.frozen.as_ref().map_or(&self.live, |(_, model)| model)
    }

    fn front(&self) -> Option<&Target> {
        let targets = &self.shown().targets;
        targets.get(self.front.min(targets.len().saturating_sub(1)))
    }

    /// The moment at which the view stands.
    fn view_time(&self) -> Duration {
        self.frozen.as_ref().map_or(self.now, |(since, _)| *since)
    }

    /// The contexts whose keys apply now.
    pub fn contexts(&self, contexts: &mut Vec<Context>) {
        if self.has_failed() {
            contexts.push(Context::Failed);
        }
        if self.detail.is_some() || self.viewport.cursor.is_some() || self.viewport.end.is_some() {
            contexts.push(Context::Open);
        }
        match (self.panel, self.lower) {
            // They lie over the panels.
            _ if self.detail.is_some() => contexts.push(Context::PingDetail),
            (Panel::Rtt | Panel::Loss, _) => contexts.push(Context::Chart),
            (Panel::Lower, LowerView::Pings | LowerView::Datagrams | LowerView::Clients) => {
                contexts.push(Context::List)
            }
            (Panel::Link, _) => contexts.push(Context::Link),
            _ => {}
        }
        contexts.push(Context::PingTab);
    }

    fn has_failed(&self) -> bool {
        matches!(
            self.live.server.state,
            ServerState::CannotStart(_) | ServerState::Failed(_)
        )
    }

    /// Closes what is open in this tab; `false` when nothing was.
    pub fn close(&mut self) -> bool {
        let detail = self.detail.take().is_some();
        let moved =
            !detail && (self.viewport.cursor.take().is_some() | self.viewport.end.take().is_some());
        detail || moved
    }

    /// Carries out an action; may ask for a prompt with a text to begin with.
    pub fn act(
        &mut self,
        action: Action,
        now: Duration,
    ) -> (Vec<Effect>, Option<(Purpose, String)>) {
        self.now = now;
        let effects = match action {
            Action::NextPanel => self.focus(1),
            Action::PreviousPanel => self.focus(Panel::ALL.len() - 1),
            Action::Up | Action::Down | Action::Left | Action::Right => self.arrow(action),
            Action::PageUp | Action::PageDown | Action::First | Action::Last => self.jump(action),
            Action::Open => return (Vec::new(), self.open()),
            Action::LossUp => self.turn(Leg::Request, Knob::Loss, Turn::More),
            Action::LossDown => self.turn(Leg::Request, Knob::Loss, Turn::Less),
            Action::NextLossModel => {
                let mut link = self.live.server.link.clone();
                let leg = leg_mut(&mut link, self.leg);
                leg.loss = knobs::next_model(&leg.loss);
                self.set_link(link)
            }
            Action::NextPreset => self.next_preset(),
            Action::StartStop => self.start_stop(),
            Action::CycleCount => self.cycle_count(),
            Action::StartOver => self.start_over(),
            Action::AddTarget => return (Vec::new(), Some((Purpose::Target, String::new()))),
            Action::RemoveTarget => self.remove_target(),
            Action::NextTarget => {
                self.front = (self.front + 1) % self.live.targets.len().max(1);
                self.pings.clear();
                Vec::new()
            }
            Action::NextView => {
                self.lower = steps_on(&LowerView::ALL, self.lower, 1);
                Vec::new()
            }
            Action::NextScale => self.next_scale(),
            Action::ToggleTimeAxis => {
                self.time_axis = match self.time_axis {
                    TimeAxis::Relative => TimeAxis::Wall,
                    TimeAxis::Wall => TimeAxis::Relative,
                };
                Vec::new()
            }
            Action::ZoomIn => {
                self.viewport.narrow();
                Vec::new()
            }
            Action::ZoomOut => {
                self.viewport.widen();
                Vec::new()
            }
            Action::PreviousLoss => self.seek_loss(false),
            Action::NextLoss => self.seek_loss(true),
            Action::Follow => {
                self.list().0.clear();
                Vec::new()
            }
            Action::ToggleLeg => {
                self.leg = match self.leg {
                    Leg::Request => Leg::Reply,
                    Leg::Reply => Leg::Request,
                };
                Vec::new()
            }
            Action::Retry if self.has_failed() => self.restart_server(false),
            Action::FreePort if self.has_failed() => self.restart_server(true),
            _ => Vec::new(),
        };
        (effects, None)
    }

    fn turn(&mut self, leg: Leg, knob: Knob, turn: Turn) -> Vec<Effect> {
        if matches!(knob, Knob::Interval | Knob::Timeout | Knob::Pace) {
            return self.set_pace(knobs::turn_pace(self.pace, knob, turn));
        }
        let mut link = self.live.server.link.clone();
        let settings = leg_mut(&mut link, leg);
        *settings = knobs::turn_leg(settings, knob, turn);
        self.set_link(link)
    }

    /// Takes over what was typed for a knob, or says what was wrong with it.
    pub fn type_knob(
        &mut self,
        knob: Knob,
        text: &str,
        words: Words,
    ) -> Result<Vec<Effect>, String> {
        if matches!(knob, Knob::Interval | Knob::Timeout) {
            let pace = knobs::type_pace(self.pace, knob, text)
                .map_err(|error| phrases::spec_error(&error, words))?;
            return Ok(self.set_pace(pace));
        }
        let mut link = self.live.server.link.clone();
        let settings = leg_mut(&mut link, self.leg);
        *settings = knobs::type_leg(settings, knob, text)
            .map_err(|error| phrases::spec_error(&error, words))?;
        Ok(self.set_link(link))
    }

    fn set_link(&mut self, link: LinkSettings) -> Vec<Effect> {
        if link == self.live.server.link {
            return Vec::new();
        }
        self.live.server.link = link.clone();
        vec![Effect::SetLink(link)]
    }

    fn next_preset(&mut self) -> Vec<Effect> {
        let place = preset_of(&self.live.server.link);
        let next = place.map_or(0, |place| (place + 1) % presets().len());
        let preset = &presets()[next];
        let mut effects = self.set_link(preset.link.clone());
        let (interval, size) = preset.traffic.map_or(self.usual_traffic, |traffic| {
            (traffic.interval, traffic.payload)
        });
        effects.extend(self.set_pace(Pace {
            interval,
            ..self.pace
        }));
        if size != self.size {
            // Datagrams of another size are another run.
            self.size = size;
            for place in 0..self.live.targets.len() {
                effects.extend(self.ping_anew(place));
            }
        }
        effects
    }

    fn mode(&self) -> Mode {
        match self.pace.kind {
            PaceKind::Lab => Mode::Lab {
                gap: self.pace.interval,
            },
            PaceKind::Steady => Mode::Steady {
                interval: self.pace.interval,
            },
        }
    }

    fn set_pace(&mut self, pace: Pace) -> Vec<Effect> {
        self.pace = pace;
        let (mode, timeout) = (self.mode(), pace.timeout);
        self.live
            .targets
            .iter()
            .map(|target| Effect::SetPace {
                id: target.id,
                mode,
                timeout,
            })
            .collect()
    }

    fn start_target(&mut self, target: settings::Target) -> Effect {
        let id = self.next_id;
        self.next_id += 1;
        self.live.targets.push(Target::new(id, target.clone()));
        Effect::StartPinger {
            id,
            target,
            mode: self.mode(),
            timeout: self.pace.timeout,
            count: self.count,
            size: self.size,
        }
    }

    /// Adds a target as typed, or says what was wrong with it.
    pub fn add_target(&mut self, text: &str, words: Words) -> Result<Vec<Effect>, String> {
        let target: settings::Target = text
            .parse()
            .map_err(|_| words.fill("ping.bad_target", &[("value", &text)]))?;
        self.front = self.live.targets.len();
        Ok(vec![self.start_target(target)])
    }

    fn remove_target(&mut self) -> Vec<Effect> {
        if self.front >= self.live.targets.len() {
            return Vec::new();
        }
        let target = self.live.targets.remove(self.front);
        self.front = self.front.saturating_sub(1);
        self.pings.clear();
        vec![Effect::StopPinger { id: target.id }]
    }

    /// Stops the front target's pings, or pings it anew from the first.
    fn start_stop(&mut self) -> Vec<Effect> {
        let front = self.front;
        let Some(target) = self.live.targets.get_mut(front) else {
            self.pings_itself = true;
            return self.take(Vec::new(), 0);
        };
        if matches!(target.state, TargetState::Running | TargetState::Starting) {
            target.state = TargetState::Stopped;
            return vec![Effect::FinishPinger { id: target.id }];
        }
        self.ping_anew(front)
    }

    /// Replaces a target by a fresh one of the same name.
    fn ping_anew(&mut self, place: usize) -> Vec<Effect> {
        let Some(old) = self.live.targets.get(place) else {
            return Vec::new();
        };
        let (id, name) = (old.id, old.target.clone());
        let start = self.start_target(name);
        if let Some(fresh) = self.live.targets.pop() {
            self.live.targets[place] = fresh;
        }
        if place == self.front {
            self.pings.clear();
            self.detail = None;
        }
        vec![Effect::StopPinger { id }, start]
    }

    /// Ten pings as the lab sends them, or endless pings as before.
    fn cycle_count(&mut self) -> Vec<Effect> {
        (self.count, self.pace.kind) = match self.count {
            None => (Some(LAB_COUNT), PaceKind::Lab),
            Some(_) => (None, PaceKind::Steady),
        };
        self.ping_anew(self.front)
    }

    /// Everything from the first ping again, with the same seed and so the same verdicts.
    fn start_over(&mut self) -> Vec<Effect> {
        self.live.marks.clear();
        self.live.datagrams.clear();
        self.live.left_out = 0;
        self.viewport.follow();
        self.datagrams.clear();
        let mut effects = vec![Effect::StartEchoOver];
        for place in 0..self.live.targets.len() {
            effects.extend(self.ping_anew(place));
        }
        effects
    }

    fn restart_server(&mut self, any_port: bool) -> Vec<Effect> {
        self.live.server.state = ServerState::Starting;
        // With nothing pinged yet, the server is pinged as soon as it listens.
        self.pings_itself = self.live.targets.is_empty();
        vec![Effect::StartEcho { any_port }]
    }

    /// Writes a note on the time line.
    pub fn note(&mut self, text: String, at: Duration) {
        self.live.mark(at, MarkKind::Note(text));
    }

    /// A click focuses the panel under it.
    pub fn click(&mut self, body: Rect, zoomed: bool, column: u16, row: u16) {
        if let Some(panel) = view::panel_at(body, zoomed, self, column, row) {
            self.panel = panel;
        }
    }

    /// The final figures of every target that sent something.
    pub fn seen(&self) -> Vec<(String, Figures)> {
        let figures = |target: &Target| {
            target
                .figures
                .clone()
                .map(|figures| (target.target.to_string(), figures))
        };
        self.live
            .targets
            .iter()
            .filter_map(figures)
            .filter(|(_, figures)| figures.counts.sent > 0)
            .collect()
    }

    /// What is running where, for the status line: the server, and the target in front.
    pub fn status(&self) -> (&ServerState, Option<(&Target, usize)>) {
        (
            &self.live.server.state,
            self.live
                .targets
                .get(self.front)
                .map(|target| (target, self.live.targets.len())),
        )
    }

    /// Losses among the newest outcomes, for the strip: newest first.
    fn outcomes(&self) -> impl Iterator<Item = Outcome> + '_ {
        let rows = self
            .front()
            .into_iter()
            .flat_map(|target| target.history.rows().rev());
        rows.map(|row| row.record.outcome)
    }
}

/// Which of the presets a link is set like.
fn preset_of(link: &LinkSettings) -> Option<usize> {
    presets().iter().position(|preset| preset.link == *link)
}

fn leg_of(link: &LinkSettings, leg: Leg) -> &LegSettings {
    match leg {
        Leg::Request => &link.request,
        Leg::Reply => &link.reply,
    }
}

fn leg_mut(link: &mut LinkSettings, leg: Leg) -> &mut LegSettings {
    match leg {
        Leg::Request => &mut link.request,
        Leg::Reply => &mut link.reply,
    }
}
