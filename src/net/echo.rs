//! The lossy UDP echo server: answers each datagram with its bytes in ASCII upper case, unless the link in between says otherwise.
//!
//! One thread owns the socket, the link model and the table of clients, and waits for nobody: it judges a batch of datagrams, answers what is
//! answered at once, reports to the tap, and publishes its counters when nobody is looking at them. Replies that the link delays, copies or
//! holds back go through a `DelayLine`, a thread of its own. Nothing here is async: a blocking receive has the shortest path from the
//! network card to the verdict.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::delay_line::{DelayLine, Failures};
use super::lock::lock;
use super::os::{self, Batch};
use crate::proto::guard::{Bucket, Caps, Guard};
use crate::proto::link::{ClientState, Deliveries, Delivery, Link, LinkSettings, flip_bit};
use crate::trace::clock::Clock;
use crate::trace::event::{
    ClientCounts, EchoCounts, EchoDatagram, EchoEvent, Event, Excerpt, Ruling, Totals,
};
use crate::trace::recorder::SocketLog;
use crate::trace::start_error::{StartError, Transport};
use crate::trace::tap::Tap;
use crate::trace::wire::{Call, End, Lab, Layer, SocketEvent};

/// How many clients have counters of their own.
pub const CLIENTS: usize = 1024;
/// The largest datagram that is read whole: more than UDP over IPv4 can carry (65,507 bytes).
const LARGEST_DATAGRAM: usize = 65_535;
/// Datagrams taken from the socket at a time.
const BATCH: usize = 32;
/// How often the thread looks whether it shall stop.
const STOP_POLL: Duration = Duration::from_millis(100);
/// Counters are published at most this often.
const PUBLISH_EVERY: Duration = Duration::from_millis(50);
/// The kernel's own drop counter is read at most this often.
const KERNEL_DROPS_EVERY: Duration = Duration::from_millis(500);

/// What an echo server is started with.
#[derive(Debug, Clone)]
pub struct EchoConfig {
    /// Port 0 takes any free port; [`EchoServer::address`] tells which.
    pub listen: SocketAddr,
    pub link: LinkSettings,
    /// Makes every verdict repeatable.
    pub seed: u64,
    pub caps: Caps,
    /// Lets the link duplicate replies to other machines, which makes this server an amplifier.
    pub allow_remote_duplicates: bool,
    /// Ends after this many datagrams.
    pub count: Option<u64>,
}

/// A running echo server. Dropping it stops it.
pub struct EchoServer {
    address: SocketAddr,
    seed: u64,
    clock: Clock,
    tap: Tap,
    control: Arc<Control>,
    thread: Option<JoinHandle<()>>,
}

/// What the handle and the thread share.
struct Control {
    stop: AtomicBool,
    changed: AtomicBool,
    wish: Mutex<Wish>,
    published: Mutex<Published>,
}

/// What the handle asks for; taken over before the next datagram.
struct Wish {
    link: LinkSettings,
    start_over: bool,
}

#[derive(Default, Clone)]
struct Published {
    counts: EchoCounts,
    clients: Vec<ClientCounts>,
}

impl EchoServer {
    /// Binds the socket and starts answering.
    pub fn start(config: EchoConfig, clock: Clock, tap: Tap) -> Result<Self, StartError> {
        let mut log = tap
            .recorder()
            .socket(Lab::Ping, End::Server, Transport::Udp);
        let bound = os::bind_udp(config.listen, &mut log).and_then(|socket| {
            socket.set_read_timeout(Some(STOP_POLL))?;
            let address = socket.local_addr()?;
            Ok((socket, address))
        });
        let (socket, address) =
            bound.map_err(|error| os::start_error(Transport::Udp, config.listen, &error))?;
        let control = Arc::new(Control {
            stop: AtomicBool::new(false),
            changed: AtomicBool::new(false),
            wish: Mutex::new(Wish {
                link: config.link.clone(),
                start_over: false,
            }),
            published: Mutex::default(),
        });
        let seed = config.seed;
        tap.push(Event::Echo(EchoEvent::Listening {
            address,
            seed,
            link: Box::new(config.link.clone()),
        }));
        let thread = std::thread::Builder::new()
            .name("echo".to_owned())
            .spawn({
                let (control, tap) = (control.clone(), tap.clone());
                move || Worker::new(config, socket, address, clock, tap, log, control).run()
            })
            .map_err(|error| os::start_error(Transport::Udp, address, &error))?;
        Ok(Self {
            address,
            seed,
            clock,
            tap,
            control,
            thread: Some(thread),
        })
    }

    /// The address it really listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The seed in force.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Changes the link from the next datagram on.
    pub fn set_link(&self, link: LinkSettings) {
        let from = std::mem::replace(&mut lock(&self.control.wish).link, link.clone());
        if from == link {
            return;
        }
        self.control.changed.store(true, Ordering::Release);
        let at = self.clock.at(Instant::now());
        self.tap.push(Event::Echo(EchoEvent::LinkChanged {
            at,
            from: Box::new(from),
            to: Box::new(link),
        }));
    }

    /// Forgets clients and counters, so that the seed's verdicts come again from the first.
    pub fn start_over(&self) {
        lock(&self.control.wish).start_over = true;
        self.control.changed.store(true, Ordering::Release);
    }

    /// The counters, at most a tenth of a second old; exact once it has stopped.
    pub fn counts(&self) -> EchoCounts {
        lock(&self.control.published).counts
    }

    /// The clients, as fresh as [`counts`](Self::counts), latest seen first.
    pub fn clients(&self) -> Vec<ClientCounts> {
        lock(&self.control.published).clients.clone()
    }

    /// Whether its thread has ended: told to stop, the count reached, or the socket failed.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Stops it, waits until the port is free again, and leaves the final counters readable.
    pub fn stop(&mut self) {
        self.control.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic in the thread has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

impl Drop for EchoServer {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Client {
    state: ClientState,
    bucket: Bucket,
    totals: Totals,
    last_seen: Duration,
}

/// A reply on its way to the delay line.
struct Delayed {
    at: Instant,
    to: SocketAddr,
    bytes: Vec<u8>,
    held: bool,
}

/// Everything the server's thread owns.
struct Worker {
    socket: Arc<UdpSocket>,
    control: Arc<Control>,
    clock: Clock,
    tap: Tap,
    log: SocketLog,
    /// Those of one batch, to be told together.
    calls: Vec<SocketEvent>,
    link: Link,
    guard: Guard,
    allow_remote_duplicates: bool,
    count: Option<u64>,
    clients: HashMap<SocketAddr, Client>,
    /// Whom the last datagram came from: known, and likely to send the next one too.
    latest: Option<SocketAddr>,
    clients_seen: u64,
    counts: EchoCounts,
    delay_line: Option<DelayLine>,
    /// Replies of one batch for the line, which gets them once the calls before theirs have been told.
    delayed: Vec<Delayed>,
    /// Of the line that has ended.
    delay_failures: Failures,
    reports: Vec<Event>,
    kernel_drops: os::KernelDrops,
    kernel_drops_read: Duration,
    published_at: Duration,
    unpublished: bool,
}

impl Worker {
    fn new(
        config: EchoConfig,
        socket: UdpSocket,
        address: SocketAddr,
        clock: Clock,
        tap: Tap,
        log: SocketLog,
        control: Arc<Control>,
    ) -> Self {
        let now = clock.at(Instant::now());
        Self {
            kernel_drops: os::KernelDrops::of(&socket),
            socket: Arc::new(socket),
            control,
            clock,
            tap,
            log,
            calls: Vec::new(),
            link: Link::new(config.link, config.seed),
            guard: Guard::new(address, config.caps, now),
            allow_remote_duplicates: config.allow_remote_duplicates,
            count: config.count,
            clients: HashMap::new(),
            latest: None,
            clients_seen: 0,
            counts: EchoCounts::default(),
            delay_line: None,
            delayed: Vec::new(),
            delay_failures: Failures::default(),
            reports: Vec::with_capacity(BATCH),
            kernel_drops_read: now,
            published_at: now,
            unpublished: true,
        }
    }

    fn run(mut self) {
        let mut batch = Batch::new(BATCH, LARGEST_DATAGRAM);
        while !self.control.stop.load(Ordering::Relaxed) && !self.count_reached() {
            match batch.receive(&self.socket) {
                Ok(received) => self.serve(&mut batch, received),
                Err(error) if os::is_transient(&error) => {
                    if !is_waiting(&error) {
                        self.tell_failed_receive(&error);
                    }
                }
                Err(error) => {
                    self.tell_failed_receive(&error);
                    self.tap.push(Event::Echo(EchoEvent::Failed {
                        error: error.to_string(),
                    }));
                    break;
                }
            }
            self.publish_if_due();
        }
        if let Some(delay_line) = self.delay_line.take() {
            self.delay_failures = if self.count_reached() {
                delay_line.finish()
            } else {
                delay_line.abandon()
            };
        }
        self.read_kernel_drops();
        *lock(&self.control.published) = self.snapshot();
        os::close(self.socket, &self.log);
    }

    fn count_reached(&self) -> bool {
        self.count
            .is_some_and(|count| self.counts.totals.received >= count)
    }

    /// Judges and answers one batch.
    fn serve(&mut self, batch: &mut Batch, received: usize) {
        let received_at = Instant::now();
        self.note_received(batch, received, received_at);
        let at = self.clock.at(received_at);
        for slot in 0..received {
            if self.count_reached() {
                break;
            }
            if self.control.changed.swap(false, Ordering::Acquire) {
                self.take_over_wishes();
            }
            self.judge(batch, slot, at);
        }
        let sent_at = self.log.is_on().then(Instant::now);
        self.counts.send_failures += batch.flush(&self.socket) as u64;
        if let Some(sent_at) = sent_at {
            self.note_sent(batch, received, sent_at);
            if !self.calls.is_empty() {
                self.log.tell(self.calls.drain(..));
            }
        }
        self.hand_over_delayed();
        if let Some(delay_line) = self.delay_line.as_ref().filter(|line| line.holds_any()) {
            for slot in (0..received).filter(|&slot| batch.is_answered(slot)) {
                delay_line.release(batch.from(slot));
            }
        }
        self.tap.push_all(self.reports.drain(..));
        self.unpublished = true;
    }

    /// Keeps the calls for what has come, before it is turned into what goes out.
    fn note_received(&mut self, batch: &Batch, received: usize, at: Instant) {
        if !self.log.is_on() {
            return;
        }
        for slot in (0..received).filter(|_| self.log.is_wanted()) {
            let bytes = batch.bytes(slot);
            let payload = self
                .log
                .payload(bytes, bytes.len() as u64, Layer::Socket, &[]);
            let call = Call::RecvFrom(payload);
            self.calls
                .push(self.log.event(call, at, Some(batch.from(slot)), None));
        }
    }

    /// Keeps the calls for what has gone out, or was refused by the system.
    fn note_sent(&mut self, batch: &Batch, received: usize, at: Instant) {
        for slot in 0..received {
            let failure = batch.failure(slot);
            if (batch.is_answered(slot) || failure.is_some()) && self.log.is_wanted() {
                let bytes = batch.bytes(slot);
                let payload = self
                    .log
                    .payload(bytes, bytes.len() as u64, Layer::Socket, &[]);
                let error = failure.map(|error| error.to_string().into());
                let call = Call::SendTo(payload);
                self.calls
                    .push(self.log.event(call, at, Some(batch.from(slot)), error));
            }
        }
    }

    fn tell_failed_receive(&self, error: &std::io::Error) {
        if self.log.is_wanted() {
            let nothing = self.log.payload(&[], 0, Layer::Socket, &[]);
            let error = Some(error.to_string().into());
            let call = Call::RecvFrom(nothing);
            self.log
                .tell([self.log.event(call, Instant::now(), None, error)]);
        }
    }

    fn take_over_wishes(&mut self) {
        let (link, start_over) = {
            let mut wish = lock(&self.control.wish);
            (wish.link.clone(), std::mem::take(&mut wish.start_over))
        };
        if start_over {
            self.clients.clear();
            self.latest = None;
            self.clients_seen = 0;
            self.counts = EchoCounts {
                kernel_dropped: self.counts.kernel_dropped,
                ..EchoCounts::default()
            };
            self.link = Link::new(link, self.link.seed());
        } else {
            self.link.set(link);
        }
    }

    fn judge(&mut self, batch: &mut Batch, slot: usize, at: Duration) {
        let from = batch.from(slot);
        let bytes = batch.bytes(slot).len();
        self.counts.truncated += u64::from(batch.is_truncated(slot));
        if self.latest != Some(from) && !self.clients.contains_key(&from) {
            self.meet(from, at);
        }
        self.latest = Some(from);
        let Some(client) = self.clients.get_mut(&from) else {
            return;
        };
        client.last_seen = at;
        let (ruling, deliveries) = match self.guard.admit(from, &mut client.bucket, at) {
            Err(refusal) => (Ruling::Refused(refusal), Deliveries::default()),
            Ok(()) => {
                let verdict = self.link.judge(&mut client.state, bytes, at);
                (Ruling::from(&verdict), verdict.deliveries)
            }
        };
        client.totals.count(&ruling);
        self.counts.totals.count(&ruling);
        let may_duplicate = self.allow_remote_duplicates || from.ip().to_canonical().is_loopback();
        let copies = if may_duplicate {
            deliveries.len()
        } else {
            deliveries.len().min(1)
        };
        let deliveries = &deliveries[..copies];
        self.counts.copies += copies as u64;
        // Made in its place: an event is long, and this is done for every datagram of a flood.
        self.reports
            .push(Event::Echo(EchoEvent::Datagram(EchoDatagram {
                n: self.counts.totals.received,
                at,
                from,
                bytes,
                payload: Excerpt::of(batch.bytes(slot)),
                ruling,
                delay: deliveries
                    .iter()
                    .map(|delivery| delivery.delay)
                    .min()
                    .unwrap_or_default(),
                copies: copies as u8,
                corrupted: deliveries
                    .iter()
                    .any(|delivery| delivery.request_flip.or(delivery.reply_flip).is_some()),
                held: deliveries.iter().any(|delivery| delivery.held),
            })));
        match deliveries {
            [] => {}
            [only] if only.delay.is_zero() && !only.held => {
                answer(batch.bytes_mut(slot), only);
                batch.answer(slot);
            }
            several => self.delay(batch.bytes(slot), from, several, at),
        }
    }

    /// Makes a record for a client that is new, or was forgotten; the client seen longest ago makes room.
    fn meet(&mut self, from: SocketAddr, at: Duration) {
        if self.clients.len() >= CLIENTS {
            let oldest = self
                .clients
                .iter()
                .min_by_key(|(_, client)| client.last_seen)
                .map(|(&address, _)| address);
            if let Some(oldest) = oldest {
                self.clients.remove(&oldest);
                self.counts.clients_forgotten += 1;
            }
        }
        let state = self.link.client(self.clients_seen);
        self.clients_seen += 1;
        let bucket = self.guard.source_bucket(at);
        self.clients.insert(
            from,
            Client {
                state,
                bucket,
                totals: Totals::default(),
                last_seen: at,
            },
        );
    }

    fn delay(&mut self, request: &[u8], to: SocketAddr, deliveries: &[Delivery], at: Duration) {
        for delivery in deliveries {
            let mut bytes = request.to_vec();
            answer(&mut bytes, delivery);
            self.delayed.push(Delayed {
                at: self.clock.instant(at + delivery.delay),
                to,
                bytes,
                held: delivery.held,
            });
        }
    }

    fn hand_over_delayed(&mut self) {
        if self.delayed.is_empty() {
            return;
        }
        let delay_line = self
            .delay_line
            .get_or_insert_with(|| DelayLine::start(self.socket.clone(), self.log.clone()));
        for Delayed {
            at,
            to,
            bytes,
            held,
        } in self.delayed.drain(..)
        {
            delay_line.push(at, to, bytes, held);
        }
    }

    fn publish_if_due(&mut self) {
        let now = self.clock.at(Instant::now());
        if !self.unpublished || now.saturating_sub(self.published_at) < PUBLISH_EVERY {
            return;
        }
        if now.saturating_sub(self.kernel_drops_read) >= KERNEL_DROPS_EVERY {
            self.read_kernel_drops();
            self.kernel_drops_read = now;
        }
        // Whoever holds the lock is reading; the next batch publishes instead.
        if let Ok(mut published) = self.control.published.try_lock() {
            *published = self.snapshot();
            self.published_at = now;
            self.unpublished = false;
        }
    }

    fn read_kernel_drops(&mut self) {
        self.counts.kernel_dropped = self.kernel_drops.read();
    }

    fn snapshot(&self) -> Published {
        let mut clients: Vec<_> = self
            .clients
            .iter()
            .map(|(&address, client)| ClientCounts {
                address,
                totals: client.totals,
                last_seen: client.last_seen,
            })
            .collect();
        clients.sort_by_key(|client| std::cmp::Reverse(client.last_seen));
        let delayed = self
            .delay_line
            .as_ref()
            .map_or(self.delay_failures, DelayLine::failures);
        let mut counts = self.counts;
        counts.send_failures += delayed.send_failures;
        counts.delay_overflow = delayed.overflow;
        Published { counts, clients }
    }
}

/// Whether a call only waited in vain, or was interrupted: nobody is told of those.
fn is_waiting(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}

/// Turns a request into its reply, in place: the same length, ASCII letters in upper case (other bytes as they are, for Unicode upper case can
/// be longer than what it came from), and the bit errors of both legs.
fn answer(bytes: &mut [u8], delivery: &Delivery) {
    if let Some(bit) = delivery.request_flip {
        flip_bit(bytes, bit);
    }
    bytes.make_ascii_uppercase();
    if let Some(bit) = delivery.reply_flip {
        flip_bit(bytes, bit);
    }
}
