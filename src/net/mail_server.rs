//! The lab's mail server: SMTP on one port, and TLS from the first byte on another, every session of which can be watched. It has no way to send mail
//! on: what it takes lands in its [mailbox](super::maildir).
//!
//! One thread owns all sessions, as tasks of a single-threaded runtime: a session is one question and one short answer after the other, and lasts
//! as long as the network takes. What may take longer, the disk, is waited for by threads of its own, so that nobody waits for somebody else's message;
//! several that are synced at the same time cost the disk hardly more than one. The rules of SMTP are in [`crate::proto::smtp::server`].

mod counters;
mod hidden;
mod report;
mod session;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

use self::counters::Counters;
use self::report::Replies;
use self::session::{Begin, Connection};
use super::lock::lock;
use super::maildir::{Mailbox, Room, Store};
use super::os;
use super::tls::{self, Certificate, Socket};
use crate::proto::smtp::fault::{Fault, Faults};
use crate::proto::smtp::server::{EndOfData, Service};
use crate::trace::clock::Clock;
use crate::trace::event::Event;
use crate::trace::mail::{MailEvent, MailReport};
use crate::trace::recorder::{Closing, Recorder};
use crate::trace::start_error::{Reason, StartError, Transport};
use crate::trace::tap::Tap;
use crate::trace::wire::{Call, End, Lab};

/// Connections that the kernel completes before the server has taken them out; what does not fit is tried again by the client's system.
const BACKLOG: u32 = 1_024;
/// How long accepting rests when the system has no descriptor left.
const NO_DESCRIPTORS: Duration = Duration::from_millis(50);
/// More connections than this above the limit are closed without a word: telling each costs room too.
const REFUSALS: u64 = 256;
/// Threads that wait for the disk. More would not make it faster.
const DISK_THREADS: usize = 8;
/// Bytes read at once.
const READ: usize = 64 * 1024;
/// How long sessions are given to hear that the server ends, even if nobody wants to wait for them.
const GOODBYE: Duration = Duration::from_millis(50);

/// What a mail server is started with.
#[derive(Clone)]
pub struct MailServerConfig {
    /// Port 0 takes any free port; [`MailServer::address`] tells which.
    pub listen: SocketAddr,
    /// Where TLS is spoken from the first byte.
    pub tls_listen: Option<SocketAddr>,
    pub store: Store,
    pub service: Service,
    pub faults: Vec<Fault>,
    pub end_of_data: EndOfData,
    /// Without one there is no TLS at all.
    pub certificate: Option<Certificate>,
}

/// A running mail server. Dropping it stops it.
pub struct MailServer {
    address: SocketAddr,
    tls_address: Option<SocketAddr>,
    server: Arc<Server>,
    thread: Option<JoinHandle<()>>,
}

/// What the handle, the accepting task and the sessions share.
struct Server {
    clock: Clock,
    tap: Tap,
    service: Arc<Service>,
    mailbox: Mailbox,
    acceptor: Option<TlsAcceptor>,
    counters: Counters,
    faults: Mutex<Faults>,
    is_lenient: AtomicBool,
    replies: Mutex<Replies>,
    /// What is read goes here first. Used by the server's thread only; the lock costs nothing there.
    input: Mutex<Box<[u8]>>,
    stopping: AtomicBool,
    /// The grace is over.
    out_of_time: AtomicBool,
    /// Somebody asked for the end.
    stop: Notify,
    /// The sessions are asked to end.
    goodbye: Notify,
    /// A session was closed while the server was stopping.
    closed: Notify,
    /// How long the sessions may take to end.
    grace: Mutex<Duration>,
}

impl Server {
    fn now(&self) -> Duration {
        self.clock.at(Instant::now())
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn is_out_of_time(&self) -> bool {
        self.out_of_time.load(Ordering::Relaxed)
    }

    fn end_of_data(&self) -> EndOfData {
        match self.is_lenient.load(Ordering::Relaxed) {
            true => EndOfData::Lenient,
            false => EndOfData::Strict,
        }
    }

    fn tell(&self, make: impl FnOnce() -> MailEvent) {
        self.tap.push_with(|| Event::Mail(make()));
    }
}

impl MailServer {
    /// Opens the mailbox and the sockets and starts serving.
    ///
    /// # Errors
    /// When an address is taken or the mailbox cannot be opened.
    pub fn start(config: MailServerConfig, clock: Clock, tap: Tap) -> Result<Self, StartError> {
        let failed = |address, error: io::Error| os::start_error(Transport::Tcp, address, &error);
        let listen = config.listen;
        os::raise_descriptor_limit();
        let acceptor = config
            .certificate
            .as_ref()
            .map(tls::acceptor)
            .transpose()
            .map_err(|error| failed(listen, io::Error::other(error)))?;
        let clear = Listener::bind(listen, tap.recorder())?;
        let address = clear.address;
        let encrypted = match config.tls_listen {
            Some(wanted) if acceptor.is_some() => Some(Listener::bind(wanted, tap.recorder())?),
            _ => None,
        };
        // The sockets first: a second server must not touch the mailbox of the first.
        let limits = &config.service.limits;
        let room = Room {
            messages: limits.messages as u64,
            bytes: limits.mailbox,
        };
        let mailbox = Mailbox::open(&config.store, room).map_err(|error| match &config.store {
            Store::Folder(path) => StartError {
                transport: Transport::Tcp,
                address: listen,
                reason: Reason::Folder {
                    path: path.display().to_string(),
                },
                error: error.to_string(),
            },
            Store::Memory => failed(listen, error),
        })?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(DISK_THREADS)
            .build()
            .map_err(|error| failed(listen, error))?;
        let tls_address = encrypted.as_ref().map(|listener| listener.address);
        tap.push(Event::Mail(MailEvent::Listening {
            address,
            tls_address,
            certificate: config
                .certificate
                .as_ref()
                .and_then(|certificate| certificate.authority_file())
                .map(Into::into),
            folder: mailbox.folder().map(Into::into),
        }));
        let server = Arc::new(Server {
            clock,
            tap: tap.clone(),
            service: Arc::new(config.service),
            mailbox,
            acceptor,
            counters: Counters::default(),
            faults: Mutex::new(Faults::new(config.faults)),
            is_lenient: AtomicBool::new(config.end_of_data == EndOfData::Lenient),
            replies: Mutex::default(),
            input: Mutex::new(vec![0; READ].into()),
            stopping: AtomicBool::new(false),
            out_of_time: AtomicBool::new(false),
            stop: Notify::new(),
            goodbye: Notify::new(),
            closed: Notify::new(),
            grace: Mutex::new(Duration::ZERO),
        });
        let thread = std::thread::Builder::new()
            .name("mail".to_owned())
            .spawn({
                let server = server.clone();
                move || {
                    if let Err(error) = runtime.block_on(run(server, clear, encrypted)) {
                        tap.push(Event::Mail(MailEvent::Failed {
                            error: error.to_string(),
                        }));
                    }
                }
            })
            .map_err(|error| failed(listen, error))?;
        Ok(Self {
            address,
            tls_address,
            server,
            thread: Some(thread),
        })
    }

    /// The address it really listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it speaks TLS from the first byte.
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.tls_address
    }

    /// Its mailbox, to be read from any thread.
    pub fn mailbox(&self) -> &Mailbox {
        &self.server.mailbox
    }

    /// What it does wrong from now on. Their occurrences are counted anew.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        *lock(&self.server.faults) = Faults::new(faults);
        self.tell_what_is_wrong();
    }

    /// Where messages end, from the next one on.
    pub fn set_end_of_data(&self, end_of_data: EndOfData) {
        let is_lenient = end_of_data == EndOfData::Lenient;
        self.server.is_lenient.store(is_lenient, Ordering::Relaxed);
        self.tell_what_is_wrong();
    }

    fn tell_what_is_wrong(&self) {
        let faults = lock(&self.server.faults).list().to_vec();
        self.server.tap.push(Event::Mail(MailEvent::Faulty {
            at: self.server.now(),
            faults,
            end_of_data: self.server.end_of_data(),
        }));
    }

    /// The counters and the mailbox's figures as they are now.
    pub fn report(&self) -> MailReport {
        let mailbox = &self.server.mailbox;
        MailReport {
            counts: self.server.counters.read(),
            held: mailbox.held(),
            bytes: mailbox.bytes(),
            generation: mailbox.generation(),
        }
    }

    /// Whether its thread has ended: told to stop, or its socket failed.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Asks it to end: sessions hear `421`, those with a message that is coming in after `grace`.
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

impl Drop for MailServer {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

/// A socket that listens.
struct Listener {
    socket: std::net::TcpListener,
    address: SocketAddr,
    /// After the socket: that is closed then.
    log: Closing,
}

impl Listener {
    fn bind(wanted: SocketAddr, recorder: &Recorder) -> Result<Self, StartError> {
        let mut log = recorder.socket(Lab::Mail, End::Server, Transport::Tcp);
        let bound = os::listen_tcp(wanted, BACKLOG, &mut log)
            .and_then(|socket| socket.local_addr().map(|address| (socket, address)));
        let (socket, address) =
            bound.map_err(|error| os::start_error(Transport::Tcp, wanted, &error))?;
        Ok(Self {
            socket,
            address,
            log: Closing(log),
        })
    }
}

async fn run(server: Arc<Server>, clear: Listener, encrypted: Option<Listener>) -> io::Result<()> {
    let begin = match server.acceptor.is_some() {
        true => Begin::Upgradable,
        false => Begin::Clear,
    };
    tokio::select! {
        biased;
        () = server.stop.notified() => {}
        error = accept(&server, clear, begin) => return Err(error),
        error = accept_encrypted(&server, encrypted) => return Err(error),
    }
    finish(&server).await;
    Ok(())
}

async fn accept_encrypted(server: &Arc<Server>, listener: Option<Listener>) -> io::Error {
    match listener {
        Some(listener) => accept(server, listener, Begin::Tls).await,
        None => std::future::pending().await,
    }
}

/// Takes connections in until that fails.
async fn accept(server: &Arc<Server>, listener: Listener, begin: Begin) -> io::Error {
    let Listener { socket, log, .. } = listener;
    let listener = log.0.id();
    // In this order, for it is closed before that is told.
    let (log, socket) = match TcpListener::from_std(socket) {
        Ok(socket) => (log, socket),
        Err(error) => return error,
    };
    loop {
        let accepted = socket.accept().await;
        let at = Instant::now();
        if let Err(error) = &accepted
            && error.kind() != io::ErrorKind::Interrupted
        {
            log.0.call(Call::Accept { listener }, at, &accepted);
        }
        match accepted {
            Ok((stream, client)) => {
                let mut log = server
                    .tap
                    .recorder()
                    .socket(Lab::Mail, End::Server, Transport::Tcp);
                if log.id() != 0 {
                    log.set_local(stream.local_addr().ok());
                    log.set_peer(Some(client));
                    log.call(Call::Accept { listener }, at, &Ok(()));
                }
                admit(server, Socket::new(stream, Closing(log)), client, begin);
            }
            Err(error) if os::is_out_of_descriptors(&error) => {
                tokio::time::sleep(NO_DESCRIPTORS).await;
            }
            // A client that reset its connection before it was accepted is no failure of the socket.
            Err(error) if os::is_transient(&error) => {}
            Err(error) => return error,
        }
    }
}

/// Takes a connection in, or turns it away when there are too many.
fn admit(server: &Arc<Server>, socket: Socket, client: SocketAddr, begin: Begin) {
    // Without it, small replies would wait for the client's acknowledgement (RFC 1122 §4.2.3.4). A failure costs speed, nothing else.
    let _ = socket.set_nodelay();
    let limit = server.service.limits.connections as u64;
    let open = server.counters.open();
    if open >= limit {
        server.counters.turned_away();
    }
    if open >= limit.saturating_add(REFUSALS) {
        return;
    }
    let connection = Connection::open(server.clone(), socket, client, begin);
    if open >= limit {
        tokio::spawn(connection.turn_away());
    } else {
        tokio::spawn(connection.serve());
    }
}

/// Lets the sessions come to their end, as long as the grace lasts. What is left then ends with the runtime.
async fn finish(server: &Server) {
    let grace = *lock(&server.grace);
    let mut until = server.now() + grace;
    server.goodbye.notify_waiters();
    while server.counters.open() > 0 {
        let left = until.saturating_sub(server.now());
        tokio::select! {
            () = server.closed.notified() => {}
            () = tokio::time::sleep(left) => {
                if server.out_of_time.swap(true, Ordering::Relaxed) {
                    break;
                }
                // Those in the middle of a message hear it now.
                server.goodbye.notify_waiters();
                until = server.now() + GOODBYE;
            }
            // Asked again: the new grace counts from now.
            () = server.stop.notified() => until = server.now() + *lock(&server.grace),
        }
    }
}

#[cfg(test)]
mod tests;
