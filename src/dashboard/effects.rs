//! From effects to labs: the only file of the dashboard that names [`crate::net`].
//!
//! The labs run on threads of their own and report to two taps, one for the servers and one for the pingers, so that a flood at the echo server
//! can't push a ping out of the list.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use super::app::{Counters, Effect, Msg};
use super::tabs::ping::Figures;
use crate::net::echo::{EchoConfig, EchoServer};
use crate::net::os;
use crate::net::pinger::{Pinger, PingerConfig};
use crate::net::resolve::{self, Family};
use crate::proto::ping::{Plan, Text};
use crate::settings::Target;
use crate::trace::clock::Clock;
use crate::trace::event::{Event, TargetId};
use crate::trace::tap::Tap;

/// Events of the echo server that may wait for a frame.
const ECHO_TAP: usize = 4_096;
/// Events of all pingers that may wait for a frame: more than a second's worth at the highest rate.
const PING_TAP: usize = 16_384;
/// Names that may be waiting to be resolved.
const RESOLVING: usize = 64;

/// The running labs. Dropping them stops them.
pub struct Labs {
    clock: Clock,
    echo_config: EchoConfig,
    plain: bool,
    family: Family,
    clock_step: Duration,
    wake: Arc<Notify>,
    echo_tap: Tap,
    ping_tap: Tap,
    echo: Option<EchoServer>,
    pingers: Vec<(TargetId, Pinger)>,
    /// Pingers that were stopped before their name was resolved.
    unwanted: Vec<TargetId>,
    resolved_tx: mpsc::Sender<Resolved>,
    resolved: mpsc::Receiver<Resolved>,
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

struct Resolved {
    id: TargetId,
    plan: Plan,
    address: Result<SocketAddr, String>,
}

impl Labs {
    pub fn new(echo_config: EchoConfig, plain: bool, family: Family, clock: Clock) -> Self {
        let wake = Arc::new(Notify::new());
        let tap = |capacity| {
            let wake = wake.clone();
            Tap::new(capacity, move || wake.notify_one())
        };
        let (resolved_tx, resolved) = mpsc::channel(RESOLVING);
        Self {
            clock,
            echo_config,
            plain,
            family,
            clock_step: os::clock_step(),
            echo_tap: tap(ECHO_TAP),
            ping_tap: tap(PING_TAP),
            wake,
            echo: None,
            pingers: Vec::new(),
            unwanted: Vec::new(),
            resolved_tx,
            resolved,
        }
    }

    /// The smallest step of the clock that stamps the pings.
    pub fn clock_step(&self) -> Duration {
        self.clock_step
    }

    /// Waits until the labs have something to tell.
    pub async fn changed(&mut self) -> Option<Msg> {
        tokio::select! {
            () = self.wake.notified() => None,
            resolved = self.resolved.recv() => resolved.and_then(|resolved| self.start_pinger(resolved)),
        }
    }

    /// What the labs reported since the last call.
    pub fn events(&mut self) -> Option<Msg> {
        let mut events: Vec<Event> = Vec::new();
        let left_out = self.ping_tap.drain(&mut events) + self.echo_tap.drain(&mut events);
        (!events.is_empty() || left_out > 0).then_some(Msg::Events { events, left_out })
    }

    /// The labs' exact counters; the histogram of RTTs only if it is shown.
    pub fn counters(&self, with_bars: bool) -> Counters {
        let figures = if with_bars {
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
            Effect::Quit | Effect::SetMouse(_) => {}
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
