//! From effects to labs: the only files of the dashboard that name [`crate::net`], this one and its folder.
//!
//! The labs run on threads of their own and report to taps of their own, so that a flood at the echo server can't push a ping out of the list, nor a
//! flood at the web server what our own request was answered.

pub mod capture;
mod files;
mod mail;
pub mod replay;
pub mod source;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

pub use mail::MailConfig;

use self::capture::Captures;
use self::mail::MailLab;
use super::app::{Counters, Effect, Msg};
use super::tabs::ping::Figures;
use super::tabs::web::WebReport;
use crate::net::echo::{EchoConfig, EchoServer};
use crate::net::os;
use crate::net::pinger::{Pinger, PingerConfig};
use crate::net::recording::{OpenError, Target as File};
use crate::net::request_sender::{self, RequestSender};
use crate::net::resolve::{self, Family};
use crate::net::web::{WebConfig, WebServer};
use crate::proto::ping::{Plan, Text};
use crate::settings::Target;
use crate::trace::bounded::Bounded;
use crate::trace::clock::Clock;
use crate::trace::event::{Event, TargetId};
use crate::trace::recorder::{Recorder, Secrets};
use crate::trace::tap::Tap;
use crate::trace::web::{SenderEnd, SenderEvent, SenderId};
use crate::trace::wire::SocketEvent;

/// Events of the echo server that may wait for a frame.
const ECHO_TAP: usize = 4_096;
/// Events of all pingers that may wait for a frame: more than a second's worth at the highest rate.
const PING_TAP: usize = 16_384;
/// Events of the web server that may wait for a frame: as many rows as fit on a few screens, each with up to twenty kilobytes of its messages.
const WEB_TAP: usize = 1_024;
/// Events of the request sender that may wait for a frame.
const SENDER_TAP: usize = 4_096;
/// Socket calls that may wait for a frame, and the bytes that they may hold.
const CALLS: (usize, usize) = (4_096, 8 << 20);
/// Connections of the web server that are looked at for a frame.
const CONNECTIONS: usize = 256;
/// Names that may be waiting to be resolved.
const RESOLVING: usize = 64;
/// Answers of the mailbox and the disk that may wait.
const ANSWERS: usize = 64;

/// The running labs. Dropping them stops them.
pub struct Labs {
    clock: Clock,
    echo_config: EchoConfig,
    plain: bool,
    family: Family,
    clock_step: Duration,
    wake: Arc<Notify>,
    web_config: WebConfig,
    echo_tap: Tap,
    ping_tap: Tap,
    web_tap: Tap,
    sender_tap: Tap,
    calls: Bounded<SocketEvent>,
    echo: Option<EchoServer>,
    web: Option<WebServer>,
    senders: Vec<(SenderId, RequestSender)>,
    pingers: Vec<(TargetId, Pinger)>,
    /// Pingers that were stopped before their name was resolved.
    unwanted: Vec<TargetId>,
    resolved_tx: mpsc::Sender<Resolved>,
    resolved: mpsc::Receiver<Resolved>,
    mail: MailLab,
    answers: mpsc::Receiver<Msg>,
    /// The last to go: what the labs tell when they end is written, too.
    captures: Captures,
}

/// What the pings of a session say: its tokens are drawn anew.
pub fn draw_text(plain: bool, size: usize) -> Text {
    if plain {
        Text::Plain
    } else {
        let key = rand::random();
        Text::Token { key, size }
    }
}

/// What is on screen, of what is not read for nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shown {
    /// The histogram of RTTs.
    pub rtt_bars: bool,
    /// The web server's figures and connections.
    pub web: bool,
    /// The mail server's figures.
    pub mail: bool,
}

struct Resolved {
    id: TargetId,
    plan: Plan,
    address: Result<SocketAddr, String>,
}

impl Labs {
    pub fn new(
        echo_config: EchoConfig,
        web_config: WebConfig,
        mail_config: MailConfig,
        plain: bool,
        family: Family,
        secrets: Secrets,
        clock: Clock,
    ) -> Self {
        let wake = Arc::new(Notify::new());
        let waker = || {
            let wake = wake.clone();
            move || wake.notify_one()
        };
        let calls = Bounded::new(CALLS.0, CALLS.1, waker());
        let recorder = Recorder::new(clock, secrets, Some(calls.clone()));
        let tap = |capacity| Tap::new(capacity, waker()).recording(recorder.clone());
        let (resolved_tx, resolved) = mpsc::channel(RESOLVING);
        let (answers_tx, answers) = mpsc::channel(ANSWERS);
        let captures = Captures::new(recorder.clone(), clock, mail_config.saves.clone());
        let mail = MailLab::new(
            mail_config,
            clock,
            tap(mail::SERVER_TAP),
            tap(mail::SENDING_TAP),
            answers_tx,
        );
        Self {
            clock,
            echo_config,
            plain,
            family,
            clock_step: os::clock_step(),
            web_config,
            echo_tap: tap(ECHO_TAP),
            ping_tap: tap(PING_TAP),
            web_tap: tap(WEB_TAP),
            sender_tap: tap(SENDER_TAP),
            calls,
            wake,
            echo: None,
            web: None,
            senders: Vec::new(),
            pingers: Vec::new(),
            unwanted: Vec::new(),
            resolved_tx,
            resolved,
            mail,
            answers,
            captures,
        }
    }

    /// Writes everything that happens from now on to these files, as the key for captures does.
    ///
    /// # Errors
    ///
    /// One of them can't be begun; then none is.
    pub fn start_recording(&mut self, files: Vec<File>) -> Result<(), OpenError> {
        self.captures.start(files)
    }

    /// The smallest step of the clock that stamps the pings.
    pub fn clock_step(&self) -> Duration {
        self.clock_step
    }

    /// Waits until the labs have something to tell.
    pub async fn changed(&mut self) -> Option<Msg> {
        tokio::select! {
            () = self.wake.notified() => None,
            answer = self.answers.recv() => answer,
            resolved = self.resolved.recv() => resolved.and_then(|resolved| self.start_pinger(resolved)),
        }
    }

    /// What the labs reported since the last call.
    pub fn events(&mut self) -> Option<Msg> {
        let mut events: Vec<Event> = Vec::new();
        let left_out = self.ping_tap.drain(&mut events) + self.echo_tap.drain(&mut events);
        let web_left_out = self.web_tap.drain(&mut events) + self.sender_tap.drain(&mut events);
        let mail_left_out =
            self.mail.server_tap.drain(&mut events) + self.mail.sending_tap.drain(&mut events);
        let is_news = !events.is_empty() || left_out > 0 || web_left_out > 0 || mail_left_out > 0;
        is_news.then_some(Msg::Events {
            events,
            left_out,
            web_left_out,
            mail_left_out,
        })
    }

    /// What the labs did with their sockets since the last call.
    pub fn calls(&mut self) -> Option<Msg> {
        let mut calls = Vec::new();
        let left_out = self.calls.drain(&mut calls);
        let is_news = !calls.is_empty() || left_out > 0;
        is_news.then_some(Msg::Calls { calls, left_out })
    }

    /// The labs' exact counters, those that cost something only if they are shown.
    pub fn counters(&self, shown: Shown) -> Counters {
        let figures = if shown.rtt_bars {
            Figures::with_bars
        } else {
            Figures::of
        };
        Counters {
            echo: self
                .echo
                .as_ref()
                .map(|echo| (echo.counts(), echo.clients())),
            targets: self
                .pingers
                .iter()
                .map(|(id, pinger)| (*id, pinger.with_stats(figures)))
                .collect(),
            web: self.web.as_ref().filter(|_| shown.web).map(|web| {
                let (connections, more) = web.connections(CONNECTIONS);
                Box::new(WebReport {
                    figures: web.figures(),
                    connections,
                    more,
                })
            }),
            mail: self.mail.report().filter(|_| shown.mail),
            capture: self.captures.progress(),
        }
    }

    /// Carries out an effect that concerns the labs; some have an answer at once.
    pub fn perform(&mut self, effect: Effect) -> Option<Msg> {
        match effect {
            Effect::StartEcho { any_port } => return self.start_echo(any_port),
            Effect::SetLink(link) => {
                self.echo_config.link = link.clone();
                if let Some(echo) = &self.echo {
                    echo.set_link(link);
                }
            }
            Effect::StartEchoOver => {
                if let Some(echo) = &self.echo {
                    echo.start_over();
                }
            }
            Effect::StartPinger {
                id,
                target,
                mode,
                timeout,
                count,
                size,
            } => {
                let plan = Plan {
                    mode,
                    count,
                    timeout,
                    text: draw_text(self.plain, size),
                };
                self.resolve(id, target, plan);
            }
            Effect::SetPace { id, mode, timeout } => {
                if let Some((_, pinger)) = self.pingers.iter().find(|(other, _)| *other == id) {
                    pinger.set_pace(mode, timeout);
                }
            }
            Effect::FinishPinger { id } => {
                match self.pingers.iter().find(|(other, _)| *other == id) {
                    Some((_, pinger)) => pinger.finish(),
                    None => self.unwanted.push(id),
                }
            }
            Effect::StopPinger { id } => self.stop_pinger(id),
            Effect::StartWeb { any_port } => return self.start_web(any_port),
            Effect::SetService(service) => {
                self.web_config.service = service.clone();
                if let Some(web) = &self.web {
                    web.set_service(service);
                }
            }
            Effect::StartSender {
                id,
                target,
                bytes,
                pace,
                patience,
            } => {
                let plan = request_sender::Plan {
                    target,
                    family: self.family,
                    bytes,
                    pace,
                    patience,
                };
                self.start_sender(id, plan);
            }
            Effect::StopSender { id } => self.senders.retain(|(other, _)| *other != id),
            Effect::StartMail { .. }
            | Effect::SetFaults(_)
            | Effect::SetEndOfData(_)
            | Effect::StartSending { .. }
            | Effect::Order { .. }
            | Effect::SaveDraft(_)
            | Effect::ReadMailbox { .. }
            | Effect::ReadMessage(_)
            | Effect::DeleteMessages(_)
            | Effect::SaveFile { .. }
            | Effect::Complete(_) => return self.mail.perform(effect),
            Effect::StartCapture { .. }
            | Effect::BeginCapture(_)
            | Effect::StopCapture
            | Effect::Note { .. } => return self.captures.perform(effect),
            // The labs are not played.
            Effect::Playback(_) => {}
            Effect::Quit | Effect::SetMouse(_) | Effect::Copy(_) => {}
        }
        None
    }

    fn start_echo(&mut self, any_port: bool) -> Option<Msg> {
        self.echo = None;
        let mut config = self.echo_config.clone();
        if any_port {
            config.listen.set_port(0);
        }
        match EchoServer::start(config, self.clock, self.echo_tap.clone()) {
            Ok(echo) => {
                self.echo = Some(echo);
                None
            }
            Err(error) => Some(Msg::EchoFailed(error)),
        }
    }

    /// Stops the web server. What it was sending is cut short, and from then on among its figures.
    pub fn stop_web(&mut self) {
        if let Some(web) = &mut self.web {
            web.stop(Duration::ZERO);
        }
    }

    fn start_web(&mut self, any_port: bool) -> Option<Msg> {
        self.web = None;
        let mut config = self.web_config.clone();
        if any_port {
            config.listen.set_port(0);
        }
        match WebServer::start(config, self.clock, self.web_tap.clone()) {
            Ok(web) => {
                self.web = Some(web);
                None
            }
            Err(error) => Some(Msg::WebFailed(error)),
        }
    }

    fn start_sender(&mut self, id: SenderId, plan: request_sender::Plan) {
        self.senders.retain(|(_, sender)| !sender.is_finished());
        match RequestSender::start(id, plan, self.clock, self.sender_tap.clone()) {
            Ok(sender) => self.senders.push((id, sender)),
            Err(error) => self.sender_tap.push(Event::Sender {
                id,
                event: SenderEvent::Ended {
                    at: self.clock.at(std::time::Instant::now()),
                    how: SenderEnd::Failed(error.to_string()),
                    not_kept: 0,
                },
            }),
        }
    }

    /// Looks a name up where it can take its time; an address needs no looking up, but goes the same way.
    fn resolve(&mut self, id: TargetId, target: Target, plan: Plan) {
        let (answer, family) = (self.resolved_tx.clone(), self.family);
        tokio::task::spawn_blocking(move || {
            let address = resolve::resolve(&target, family).map_err(|error| error.to_string());
            // If the dashboard has ended meanwhile, nobody wants to know.
            let _ = answer.blocking_send(Resolved { id, plan, address });
        });
    }

    fn start_pinger(&mut self, resolved: Resolved) -> Option<Msg> {
        let Resolved { id, plan, address } = resolved;
        if let Some(place) = self.unwanted.iter().position(|unwanted| *unwanted == id) {
            self.unwanted.swap_remove(place);
            return None;
        }
        let started = address.and_then(|target| {
            let config = PingerConfig {
                id,
                target,
                plan,
                clock_step: self.clock_step,
            };
            Pinger::start(config, self.clock, self.ping_tap.clone())
                .map_err(|error| error.to_string())
        });
        match started {
            Ok(pinger) => {
                self.pingers.push((id, pinger));
                None
            }
            Err(error) => Some(Msg::PingerFailed { target: id, error }),
        }
    }

    fn stop_pinger(&mut self, id: TargetId) {
        match self.pingers.iter().position(|(other, _)| *other == id) {
            Some(place) => {
                let (_, pinger) = self.pingers.swap_remove(place);
                // Its threads take up to a tenth of a second to end; the screen does not wait for them.
                tokio::task::spawn_blocking(move || drop(pinger));
            }
            None => self.unwanted.push(id),
        }
    }
}

impl Drop for Labs {
    fn drop(&mut self) {
        for (_, pinger) in &self.pingers {
            pinger.tell_to_stop();
        }
    }
}
