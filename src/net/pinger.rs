//! The pinger's socket and clock: drives a [`Session`] and stamps as close to the system calls as a program can.
//!
//! One thread a target, which sends at absolute deadlines and waits in receive until the next: handing replies from one thread to another costs
//! a wake-up on another processor, which takes longer than a loopback round trip. It never draws. Counters are kept here, beside the data path,
//! and are exact whatever the tap leaves out.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::lock::lock;
use super::os::{self, PingSocket, Received};
use crate::proto::ping::{Mode, PingEvent, Plan, Session};
use crate::proto::stats::PingStats;
use crate::trace::clock::Clock;
use crate::trace::event::{Event, PingerEvent, TargetId};
use crate::trace::recorder::{SocketLog, Way};
use crate::trace::start_error::Transport;
use crate::trace::tap::Tap;
use crate::trace::wire::{End, Lab, Layer, SocketEvent};

/// The thread looks for orders at least this often.
const LOOK: Duration = Duration::from_millis(100);
/// Pings that follow each other at once are reported together this often.
const REPORT_EVERY: Duration = Duration::from_millis(10);
/// Calls that wait to be reported together; more are told at once.
const CALLS: usize = 1_024;
/// More than UDP over IPv4 can carry.
const LARGEST_DATAGRAM: usize = 65_535;

/// What a pinger is started with.
#[derive(Debug, Clone)]
pub struct PingerConfig {
    pub id: TargetId,
    pub target: SocketAddr,
    pub plan: Plan,
    /// The clock's smallest step, for the RTO formula.
    pub clock_step: Duration,
}

/// A running pinger. Dropping it stops it.
pub struct Pinger {
    shared: Arc<Shared>,
    order: Sender<Order>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    stop: AtomicBool,
    stats: Mutex<PingStats>,
}

impl Shared {
    fn stats(&self) -> MutexGuard<'_, PingStats> {
        lock(&self.stats)
    }
}

/// What a running pinger can be told.
enum Order {
    SetPace { mode: Mode, timeout: Duration },
    Finish,
}

impl Pinger {
    /// Opens a socket and starts to ping. An error is that of opening the socket.
    pub fn start(config: PingerConfig, clock: Clock, tap: Tap) -> std::io::Result<Self> {
        let mut log = tap
            .recorder()
            .socket(Lab::Ping, End::Client, Transport::Udp);
        let socket = PingSocket::open(config.target, &mut log)?;
        let started = PingerEvent::Started {
            local: socket.local_addr()?,
            target: config.target,
        };
        tap.push(Event::Ping {
            target: config.id,
            event: started,
        });
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            stats: Mutex::new(PingStats::new(config.clock_step)),
        });
        let (order, orders) = mpsc::channel();
        let session = Session::new(config.plan.clone(), clock.at(Instant::now()));
        let driver = Driver {
            config,
            clock,
            tap,
            socket,
            log,
            calls: Vec::new(),
            shared: shared.clone(),
            session,
            orders,
        };
        let thread = std::thread::Builder::new()
            .name("ping".to_owned())
            .spawn(move || driver.run())?;
        Ok(Self {
            shared,
            order,
            thread: Some(thread),
        })
    }

    /// Changes pace and timeout from now on.
    pub fn set_pace(&self, mode: Mode, timeout: Duration) {
        // A pinger that has ended has no pace to change.
        let _ = self.order.send(Order::SetPace { mode, timeout });
    }

    /// Sends nothing more, but still waits for what is in flight; then it ends by itself.
    pub fn finish(&self) {
        let _ = self.order.send(Order::Finish);
    }

    /// Reads its exact statistics under a short lock.
    pub fn with_stats<T>(&self, read: impl FnOnce(&PingStats) -> T) -> T {
        read(&self.shared.stats())
    }

    /// Tells its thread to stop, without waiting for it.
    pub fn tell_to_stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }

    /// Stops it at once and waits for its thread.
    pub fn stop(&mut self) {
        self.tell_to_stop();
        if let Some(thread) = self.thread.take() {
            // A panic in the thread has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

impl Drop for Pinger {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What a receive brought, as far as the loop cares.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Came {
    /// The kernel's stamp of a sending; the reply may still be on its way.
    Stamp,
    /// A datagram, a refusal, or nothing within the time.
    AnythingElse,
}

/// Everything the pinger's thread owns.
struct Driver {
    config: PingerConfig,
    clock: Clock,
    tap: Tap,
    socket: PingSocket,
    log: SocketLog,
    /// Told with the events: whoever watches must not be woken between a ping and its reply.
    calls: Vec<SocketEvent>,
    shared: Arc<Shared>,
    session: Session,
    orders: Receiver<Order>,
}

impl Driver {
    fn run(mut self) {
        let mut buffer = vec![0; LARGEST_DATAGRAM];
        // From a sending until the first thing that comes, or until nothing came for a while: on loopback a reply takes less time than waking
        // whoever watches, who would compete with the server for a processor. So they are told of the ping and its reply together.
        let mut reply_expected = false;
        let mut reported_at = Duration::ZERO;
        while !self.shared.stop.load(Ordering::Relaxed) && !self.session.is_finished() {
            while let Ok(order) = self.orders.try_recv() {
                self.obey(order);
            }
            let now = self.now();
            self.session.handle_timeout(now);
            let send_due = self.session.next_send().is_some_and(|due| due <= now);
            let overdue = now.saturating_sub(reported_at) >= REPORT_EVERY;
            if !reply_expected && (!send_due || overdue) {
                self.report();
                reported_at = now;
            }
            reply_expected |= self.send_what_is_due();
            let wait = self.wait();
            match self.receive(&mut buffer, wait) {
                Ok(came) => reply_expected &= came == Came::Stamp,
                Err(error) => {
                    self.note(Way::In, &[], Instant::now(), None, Some(&error));
                    let event = PingerEvent::Failed {
                        error: error.to_string(),
                    };
                    self.tap.push(Event::Ping {
                        target: self.config.id,
                        event,
                    });
                    break;
                }
            }
        }
        self.report();
        os::close(self.socket, &self.log);
    }

    /// How long there is nothing to do but to listen. A record that is only to be settled waits for the next look.
    fn wait(&self) -> Duration {
        let due = [self.session.next_send(), self.session.next_decision()];
        due.into_iter()
            .flatten()
            .min()
            .map_or(LOOK, |at| at.saturating_sub(self.now()).min(LOOK))
    }

    fn now(&self) -> Duration {
        self.clock.at(Instant::now())
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::SetPace { mode, timeout } => self.session.set_pace(mode, timeout, self.now()),
            Order::Finish => self.session.stop(),
        }
    }

    /// Sends the next ping if it is due; tells whether one went out.
    fn send_what_is_due(&mut self) -> bool {
        let Some((seq, datagram)) = self.session.poll_transmit(self.now()) else {
            return false;
        };
        let sent_at = Instant::now();
        let at = self.clock.at(sent_at);
        let sent = self.socket.send(&datagram);
        let target = Some(self.config.target);
        self.note(Way::Out, &datagram, sent_at, target, sent.as_ref().err());
        let went_out = sent.is_ok();
        match sent {
            Ok(()) => self.session.handle_sent(seq, datagram, at),
            Err(error) => self.session.handle_send_failure(seq, at, error.to_string()),
        }
        went_out
    }

    /// Takes in one thing from the socket, if it comes in time.
    fn receive(&mut self, buffer: &mut [u8], wait: Duration) -> std::io::Result<Came> {
        match self.socket.receive(buffer, wait)? {
            Received::Nothing => {}
            Received::Datagram {
                len,
                from,
                at,
                kernel_at,
            } => {
                self.note(Way::In, &buffer[..len], at, Some(from), None);
                let is_target = same_endpoint(from, self.config.target);
                self.session.handle_datagram(
                    &buffer[..len],
                    from,
                    is_target,
                    self.clock.at(at),
                    kernel_at,
                );
            }
            Received::SentStamp { index, kernel_at } => {
                self.session.handle_sent_stamp(index, kernel_at);
                return Ok(Came::Stamp);
            }
            Received::Refused { datagram } => {
                let at = Instant::now();
                let refused = io::ErrorKind::ConnectionRefused.into();
                let target = Some(self.config.target);
                self.note(Way::In, &[], at, target, Some(&refused));
                self.session
                    .handle_refused(datagram.as_deref(), self.clock.at(at));
            }
        }
        Ok(Came::AnythingElse)
    }

    /// Keeps a call until the next report.
    fn note(
        &mut self,
        way: Way,
        bytes: &[u8],
        at: Instant,
        other: Option<SocketAddr>,
        error: Option<&io::Error>,
    ) {
        if !self.log.is_wanted() {
            return;
        }
        let length = bytes.len() as u64;
        let payload = self.log.payload(bytes, length, Layer::Socket, &[]);
        let call = match way {
            Way::Out => PingSocket::sending(payload),
            Way::In => PingSocket::receiving(payload),
        };
        let error = error.map(|error| error.to_string().into());
        self.calls.push(self.log.event(call, at, other, error));
        if self.calls.len() >= CALLS {
            self.log.tell(self.calls.drain(..));
        }
    }

    fn report(&mut self) {
        if !self.calls.is_empty() {
            self.log.tell(self.calls.drain(..));
        }
        let target = self.config.id;
        let mut stats = self.shared.stats();
        let session = &mut self.session;
        let events = std::iter::from_fn(|| session.poll())
            .inspect(|event: &PingEvent| event.count(&mut stats));
        let events: Vec<_> = events
            .map(|event| Event::Ping {
                target,
                event: PingerEvent::Ping(event),
            })
            .collect();
        drop(stats);
        self.tap.push_all(events);
    }
}

/// Whether a datagram from `from` comes from the target: the same address, though a link-local one may come back with its scope filled in.
fn same_endpoint(from: SocketAddr, target: SocketAddr) -> bool {
    from.port() == target.port() && from.ip().to_canonical() == target.ip().to_canonical()
}
