//! The web server: a static HTTP/1.1 server for a folder, every connection and request of which can be watched.
//!
//! One thread owns everything: it accepts, reads, answers and writes, and waits for nobody. Its connections are tasks of a single-threaded runtime,
//! for most of a connection's life is waiting. A file that is in the system's cache is read faster than a request could be handed to another thread,
//! so files are read where they are needed. A slow client costs a slot; the server never waits for it.

mod answer;
mod connection;
mod desk;
mod line;
mod live;
mod page;
mod send;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use self::answer::Answerer;
pub use self::answer::Prepared;
use self::connection::Connection;
use self::desk::Desk;
use self::line::Line;
use self::live::Table;
use super::files::{Files, Policy, Root};
use super::lock::lock;
use super::os;
use crate::proto::http::secret::{self, Side};
use crate::proto::http::service::{Limits, Mode, Service};
use crate::settings;
use crate::trace::clock::Clock;
use crate::trace::event::Event;
use crate::trace::recorder::{Closing, SocketLog};
use crate::trace::start_error::{Reason, StartError, Transport};
use crate::trace::tap::Tap;
use crate::trace::web::{ConnectionState, Phase, WebEvent, WebFigures};
use crate::trace::wire::{Call, End, Lab};
use crate::words::Words;

/// Connections that the kernel completes before the server has taken them out; what does not fit is tried again by the client's system.
const BACKLOG: u32 = 1_024;
/// How long accepting rests when the system has no descriptor left.
const NO_DESCRIPTORS: Duration = Duration::from_millis(50);
/// More connections than this above the limit are closed without a word: telling each costs room too.
const REFUSALS: usize = 256;
/// What can be ended without losing anything of a request or a response.
const UNOCCUPIED: [Phase; 4] = [Phase::InLine, Phase::Silent, Phase::Idle, Phase::Closing];
/// Desks kept for the next request; the number of requests that are in the middle of something at the same time is seldom larger.
const DESKS: usize = 64;

/// What a web server is started with.
#[derive(Debug, Clone)]
pub struct WebConfig {
    /// Port 0 takes any free port; [`WebServer::address`] tells which.
    pub listen: SocketAddr,
    pub root: Root,
    pub policy: Policy,
    /// Answers TRACE, which shows a client what arrived, and would show a script the cookies of its page.
    pub trace: Trace,
    pub service: Service,
    pub limits: Limits,
    pub keep: Keep,
    /// The language of the pages that it writes itself.
    pub words: Words,
}

/// What becomes of TRACE requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trace {
    #[default]
    Refused,
    Answered,
}

/// How many bytes of each message an event keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    pub request: usize,
    pub response: usize,
}

impl Keep {
    /// For a log, which shows parts of the head only: the longest request line, and the fields of any head that is not made to fill memory.
    pub const HEADS: Keep = Keep {
        request: 9 * 1_024,
        response: 0,
    };
    /// For a screen.
    pub const SCREEN: Keep = Keep {
        request: 16 * 1_024,
        response: 4 * 1_024,
    };
}

/// A running web server. Dropping it stops it.
pub struct WebServer {
    address: SocketAddr,
    server: Arc<Server>,
    thread: Option<JoinHandle<()>>,
}

/// What the handle, the accepting task and the connections share.
struct Server {
    clock: Clock,
    tap: Tap,
    limits: Limits,
    keep: Keep,
    service: Mutex<Arc<Service>>,
    /// Counts the changes of `service`, so that a connection needs no lock to know that there was none.
    changes: AtomicU64,
    line: Line,
    table: Table,
    /// Used by the server's thread only; the lock costs nothing there.
    answerer: Mutex<Answerer>,
    #[expect(
        clippy::vec_box,
        reason = "a desk moves between here and its connections as a pointer"
    )]
    desks: Mutex<Vec<Box<Desk>>>,
    stopping: AtomicBool,
    /// Somebody asked for the end.
    stop: Notify,
    /// A connection was closed while the server was stopping.
    closed: Notify,
    /// How long it may finish what is being sent.
    grace: Mutex<Duration>,
}

impl Server {
    fn now(&self) -> Duration {
        self.clock.at(Instant::now())
    }

    /// The first bytes of a request, as an event keeps them.
    fn kept_request(&self, bytes: &[u8]) -> Box<[u8]> {
        let kept = &bytes[..bytes.len().min(self.keep.request)];
        self.shown(Side::Request, kept.into())
    }

    /// The first bytes of a message, as others may see them.
    fn shown(&self, side: Side, mut bytes: Box<[u8]>) -> Box<[u8]> {
        if !self.tap.recorder().shows_secrets() {
            secret::mask(side, &mut bytes);
        }
        bytes
    }

    fn service(&self) -> Arc<Service> {
        lock(&self.service).clone()
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn desk(&self) -> Box<Desk> {
        lock(&self.desks)
            .pop()
            .unwrap_or_else(|| Box::new(Desk::new(&self.limits)))
    }

    fn return_desk(&self, mut desk: Box<Desk>) {
        let mut desks = lock(&self.desks);
        if desks.len() < DESKS {
            desk.clear();
            desks.push(desk);
        }
    }
}

/// Where others reach a server that listens at this address.
fn reachable(address: SocketAddr) -> Vec<SocketAddr> {
    if !address.ip().is_unspecified() {
        return vec![address];
    }
    // An IPv6 socket takes IPv6 only.
    let mut all: Vec<SocketAddr> = os::interface_addresses()
        .into_iter()
        .filter(|ip| ip.is_ipv4() == address.is_ipv4())
        .map(|ip| SocketAddr::new(ip, address.port()))
        .collect();
    if all.is_empty() {
        all.push(settings::local(address));
    }
    all
}

impl WebServer {
    /// Opens the folder and the socket and starts serving.
    pub fn start(config: WebConfig, clock: Clock, tap: Tap) -> Result<Self, StartError> {
        let failed = |error: io::Error| os::start_error(Transport::Tcp, config.listen, &error);
        // Connections and files need descriptors; where the limit cannot be raised, accepting backs off at it.
        os::raise_descriptor_limit();
        let files =
            Files::open(&config.root, config.policy).map_err(|error| match &config.root {
                Root::Folder(path) => StartError {
                    transport: Transport::Tcp,
                    address: config.listen,
                    reason: Reason::Folder {
                        path: path.display().to_string(),
                    },
                    error: error.to_string(),
                },
                Root::Embedded => failed(error),
            })?;
        let mut log = tap.recorder().socket(Lab::Web, End::Server, Transport::Tcp);
        let listener = os::listen_tcp(config.listen, BACKLOG, &mut log).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let server = Arc::new(Server {
            clock,
            tap: tap.clone(),
            limits: config.limits,
            keep: config.keep,
            line: Line::new(config.service.mode),
            service: Mutex::new(Arc::new(config.service.clone())),
            changes: AtomicU64::new(0),
            table: Table::new(tap.recorder().secrets()),
            answerer: Mutex::new(Answerer::new(files, config.trace, config.words)),
            desks: Mutex::default(),
            stopping: AtomicBool::new(false),
            stop: Notify::new(),
            closed: Notify::new(),
            grace: Mutex::new(Duration::ZERO),
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        tap.push(Event::Web(WebEvent::Listening {
            address,
            reachable: reachable(address),
            service: Box::new(config.service),
        }));
        let thread = std::thread::Builder::new()
            .name("web".to_owned())
            .spawn({
                let server = server.clone();
                move || {
                    if let Err(error) = runtime.block_on(run(server, listener, log)) {
                        tap.push(Event::Web(WebEvent::Failed {
                            error: error.to_string(),
                        }));
                    }
                }
            })
            .map_err(failed)?;
        Ok(Self {
            address,
            server,
            thread: Some(thread),
        })
    }

    /// The address it really listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes how it serves from the next request on. One at a time also ends the connections that wait for another request.
    pub fn set_service(&self, service: Service) {
        let (from, to) = {
            let mut current = lock(&self.server.service);
            let from = std::mem::replace(&mut *current, Arc::new(service));
            (from, current.clone())
        };
        if from == to {
            return;
        }
        self.server.changes.fetch_add(1, Ordering::Release);
        if from.mode != to.mode {
            self.server.line.set_mode(to.mode);
            if to.mode == Mode::OneAtATime {
                // A kept connection would keep the line waiting for a request that may never come.
                self.server.table.end(&[Phase::Idle]);
            }
        }
        self.server.tap.push(Event::Web(WebEvent::Changed {
            at: self.server.now(),
            from: Box::new((*from).clone()),
            to: Box::new((*to).clone()),
        }));
    }

    /// The counters as they are now.
    pub fn figures(&self) -> WebFigures {
        let mut figures = self.server.table.figures();
        figures.counts.in_line = self.server.line.waiting() as u64;
        // Those that were not counted did not happen here.
        figures.counts.accept_failures.get_or_insert_default();
        figures
    }

    /// The newest `most` connections, newest first, and how many more there are.
    pub fn connections(&self, most: usize) -> (Vec<ConnectionState>, usize) {
        self.server.table.connections(most)
    }

    /// Whether its thread has ended: told to stop, or its socket failed.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Asks it to end; what is being sent may take `grace` to be finished.
    pub fn tell_to_stop(&self, grace: Duration) {
        *lock(&self.server.grace) = grace;
        self.server.stopping.store(true, Ordering::Relaxed);
        self.server.stop.notify_one();
    }

    /// Stops it and waits until it has ended.
    pub fn stop(&mut self, grace: Duration) {
        self.tell_to_stop(grace);
        if let Some(thread) = self.thread.take() {
            // A panic in the thread has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

async fn run(
    server: Arc<Server>,
    listener: std::net::TcpListener,
    log: SocketLog,
) -> io::Result<()> {
    let log = Closing(log);
    let listener = TcpListener::from_std(listener)?;
    loop {
        let accepted = tokio::select! {
            biased;
            () = server.stop.notified() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, client)) => admit(&server, stream, client, &log.0),
            Err(error) if os::is_out_of_descriptors(&error) => {
                tell_failed_accept(&log.0, error);
                server
                    .table
                    .count(|figures| *figures.counts.accept_failures.get_or_insert_default() += 1);
                tokio::time::sleep(NO_DESCRIPTORS).await;
            }
            // A client that reset its connection before it was accepted is no failure of the socket.
            Err(error) if os::is_transient(&error) => tell_failed_accept(&log.0, error),
            Err(error) => return Err(error),
        }
    }
    drop(listener);
    drop(log);
    finish(&server).await;
    Ok(())
}

/// Lets what is being sent come to its end, as long as the grace lasts. What is left then ends with the runtime.
async fn finish(server: &Server) {
    /// A connection that has just been answered is unoccupied only a moment later.
    const LOOK: Duration = Duration::from_millis(20);
    let mut until = server.now() + *lock(&server.grace);
    loop {
        server.table.end(&UNOCCUPIED);
        if server.table.is_empty() || server.now() >= until {
            break;
        }
        tokio::select! {
            () = server.closed.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
            // Asked again: the new grace counts from now.
            () = server.stop.notified() => until = server.now() + *lock(&server.grace),
        }
    }
}

/// Tells of a connection that could not be taken out of the queue, and so has no socket of its own.
fn tell_failed_accept(listener: &SocketLog, error: io::Error) {
    let accept = Call::Accept {
        listener: listener.id(),
    };
    listener.call(accept, Instant::now(), &io::Result::<()>::Err(error));
}

/// The log of a connection that has just been accepted.
fn accepted(
    listener: &SocketLog,
    stream: &TcpStream,
    client: SocketAddr,
    at: Instant,
) -> SocketLog {
    let mut log = listener.accepted(client);
    if log.is_wanted() {
        // A listener at all addresses does not know at which one the client knocked.
        log.set_local(stream.local_addr().ok());
        let listener = listener.id();
        log.tell([log.event(Call::Accept { listener }, at, Some(client), None)]);
    }
    log
}

/// Takes a connection in, or refuses it when there are too many.
fn admit(server: &Arc<Server>, stream: TcpStream, client: SocketAddr, listener: &SocketLog) {
    let moment = Instant::now();
    let at = server.clock.at(moment);
    let log = accepted(listener, &stream, client, moment);
    // Without it, small responses would wait for the client's acknowledgement (RFC 1122 §4.2.3.4). A failure costs speed, nothing else.
    let _ = stream.set_nodelay(true);
    let open = server.table.len();
    if open >= server.limits.connections + REFUSALS {
        server.table.count(|figures| figures.counts.refused += 1);
        os::close(stream, &log);
        return;
    }
    let is_full = open >= server.limits.connections;
    let live = server.table.open(client, at);
    server.tap.push_with(|| {
        Event::Web(WebEvent::Opened {
            connection: live.id,
            client,
            at,
        })
    });
    let connection = Connection::new(server.clone(), stream, live.clone(), log);
    let task = if is_full {
        tokio::spawn(connection.refuse())
    } else {
        tokio::spawn(connection.serve())
    };
    live.set_task(task.abort_handle());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_at_all_addresses_is_reached_at_those_of_its_family() {
        for listen in ["0.0.0.0:6789", "[::]:6789"] {
            let listen: SocketAddr = listen.parse().unwrap();
            let all = reachable(listen);
            assert!(!all.is_empty());
            for address in all {
                assert_eq!(address.is_ipv4(), listen.is_ipv4(), "{address}");
                assert!(!address.ip().is_unspecified());
                assert_eq!(address.port(), 6_789);
            }
        }
        let one: SocketAddr = "192.0.2.7:80".parse().unwrap();
        assert_eq!(reachable(one), [one]);
    }
}
