//! Where delayed replies wait for their time, and replies that are to be overtaken wait for the one that overtakes them.
//!
//! It is a thread of its own so that the echo server never waits: a reply that is due in 80 ms must not hold up the next datagram.

use std::cmp::Ordering as Compare;
use std::collections::BinaryHeap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::lock::lock;
use crate::proto::link::HOLD_LIMIT;
use crate::trace::recorder::SocketLog;
use crate::trace::wire::{Call, Layer};

/// How many replies may wait; more are dropped and counted.
const CAPACITY: usize = 65_536;
/// How many bytes of replies may wait.
const CAPACITY_BYTES: usize = 16 << 20;
/// How long before a deadline a plain wait is no longer exact enough and short sleeps take over. Windows wakes waiting threads by a clock of
/// about 16 ms, but has exact sleeps.
const FINE: Duration = if cfg!(windows) {
    Duration::from_millis(20)
} else {
    Duration::from_micros(150)
};
/// The longest of the short sleeps: a new reply that is due earlier is seen after this at the latest.
const FINE_SLEEP: Duration = Duration::from_micros(500);

/// The waiting replies of one socket. Dropping it without [`finish`](Self::finish) abandons them.
pub struct DelayLine {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    held: AtomicUsize,
    overflow: AtomicU64,
    send_failures: AtomicU64,
}

/// What did not go out through the line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failures {
    /// Replies dropped because too many were waiting.
    pub overflow: u64,
    /// Replies that the system would not send.
    pub send_failures: u64,
}

#[derive(Default)]
struct Queue {
    due: BinaryHeap<Waiting>,
    /// Replies that wait to be overtaken; each goes at its time limit if nothing does.
    held: Vec<Waiting>,
    bytes: usize,
    pushed: u64,
    end: Option<End>,
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    AfterTheLast,
    AtOnce,
}

struct Waiting {
    at: Instant,
    /// Order of arrival: replies due at the same moment leave in the order in which they came.
    order: u64,
    to: SocketAddr,
    bytes: Vec<u8>,
}

impl Ord for Waiting {
    /// Reversed, for [`BinaryHeap`] hands out the greatest.
    fn cmp(&self, other: &Self) -> Compare {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Compare> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Compare::Equal
    }
}

impl Eq for Waiting {}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }
}

impl DelayLine {
    /// Starts the thread that sends from `socket`, and tells `log` each sending.
    pub fn start(socket: Arc<UdpSocket>, log: SocketLog) -> Self {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            changed: Condvar::new(),
            held: AtomicUsize::new(0),
            overflow: AtomicU64::new(0),
            send_failures: AtomicU64::new(0),
        });
        let worker = shared.clone();
        let thread = std::thread::Builder::new()
            .name("echo delay".to_owned())
            .spawn(move || run(&worker, &socket, &log))
            .ok();
        Self { shared, thread }
    }

    /// Sends `bytes` at `at`; if `held`, not before another reply to the same client has gone out, but at most [`HOLD_LIMIT`] later.
    pub fn push(&self, at: Instant, to: SocketAddr, bytes: Vec<u8>, held: bool) {
        let mut queue = self.shared.queue();
        let waiting = queue.due.len() + queue.held.len();
        if waiting >= CAPACITY
            || queue.bytes + bytes.len() > CAPACITY_BYTES
            || self.thread.is_none()
        {
            self.shared.overflow.fetch_add(1, Ordering::Relaxed);
            return;
        }
        queue.bytes += bytes.len();
        queue.pushed += 1;
        let order = queue.pushed;
        if held {
            queue.held.push(Waiting {
                at: at + HOLD_LIMIT,
                order,
                to,
                bytes,
            });
            self.shared.held.store(queue.held.len(), Ordering::Relaxed);
        } else {
            queue.due.push(Waiting {
                at,
                order,
                to,
                bytes,
            });
        }
        self.shared.changed.notify_one();
    }

    /// Whether any reply waits to be overtaken.
    pub fn holds_any(&self) -> bool {
        self.shared.held.load(Ordering::Relaxed) > 0
    }

    /// A reply to `client` has gone out: what it was to overtake may follow.
    pub fn release(&self, client: SocketAddr) {
        self.shared.queue().release(client, &self.shared.held);
        self.shared.changed.notify_one();
    }

    /// What did not go out so far.
    pub fn failures(&self) -> Failures {
        Failures {
            overflow: self.shared.overflow.load(Ordering::Relaxed),
            send_failures: self.shared.send_failures.load(Ordering::Relaxed),
        }
    }

    /// Sends what waits, each at its time, and ends.
    pub fn finish(mut self) -> Failures {
        self.end(End::AfterTheLast);
        self.failures()
    }

    /// Ends at once; what waits is not sent.
    pub fn abandon(mut self) -> Failures {
        self.end(End::AtOnce);
        self.failures()
    }

    fn end(&mut self, end: End) {
        self.shared.queue().end = Some(end);
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic in the thread has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

impl Drop for DelayLine {
    fn drop(&mut self) {
        self.end(End::AtOnce);
    }
}

impl Queue {
    fn release(&mut self, client: SocketAddr, held: &AtomicUsize) {
        let now = Instant::now();
        let ready = |waiting: &mut Waiting| waiting.to == client && waiting.at <= now + HOLD_LIMIT;
        for mut waiting in self.held.extract_if(.., ready) {
            waiting.at = now;
            self.due.push(waiting);
        }
        held.store(self.held.len(), Ordering::Relaxed);
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.due
            .peek()
            .into_iter()
            .chain(&self.held)
            .map(|waiting| waiting.at)
            .min()
    }

    /// Takes what is due at `now`, soonest first.
    fn take_due(&mut self, now: Instant, held: &AtomicUsize) -> Option<Waiting> {
        if let Some(index) = self.held.iter().position(|waiting| waiting.at <= now) {
            let waiting = self.held.swap_remove(index);
            held.store(self.held.len(), Ordering::Relaxed);
            self.bytes -= waiting.bytes.len();
            return Some(waiting);
        }
        let waiting = self
            .due
            .peek()
            .is_some_and(|waiting| waiting.at <= now)
            .then(|| self.due.pop())
            .flatten()?;
        self.bytes -= waiting.bytes.len();
        Some(waiting)
    }
}

/// Sends one reply now.
fn send(socket: &UdpSocket, log: &SocketLog, reply: &Waiting) -> io::Result<()> {
    let told = log.is_wanted().then(|| {
        let length = reply.bytes.len() as u64;
        let payload = log.payload(&reply.bytes, length, Layer::Socket, &[]);
        log.event(Call::SendTo(payload), Instant::now(), Some(reply.to), None)
    });
    let sent = socket.send_to(&reply.bytes, reply.to);
    if let Some(mut event) = told {
        event.error = sent.as_ref().err().map(|error| error.to_string().into());
        log.tell([event]);
    }
    sent.map(drop)
}

fn run(shared: &Shared, socket: &UdpSocket, log: &SocketLog) {
    let mut queue = shared.queue();
    loop {
        let now = Instant::now();
        if let Some(waiting) = queue.take_due(now, &shared.held) {
            drop(queue);
            if send(socket, log, &waiting).is_err() {
                shared.send_failures.fetch_add(1, Ordering::Relaxed);
            }
            queue = shared.queue();
            queue.release(waiting.to, &shared.held);
            continue;
        }
        let deadline = queue.next_deadline();
        match (queue.end, deadline) {
            (Some(End::AtOnce), _) | (Some(End::AfterTheLast), None) => return,
            _ => {}
        }
        queue = match deadline {
            None => shared
                .changed
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner),
            Some(deadline) => {
                let remaining = deadline.saturating_duration_since(now);
                if remaining > FINE {
                    shared
                        .changed
                        .wait_timeout(queue, remaining - FINE)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                } else {
                    drop(queue);
                    std::thread::sleep(remaining.min(FINE_SLEEP));
                    shared.queue()
                }
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::recorder::Recorder;
    use crate::trace::start_error::Transport;
    use crate::trace::wire::{End, Lab};

    const HOUR: Duration = Duration::from_secs(3600);

    /// A line, and the client that its replies go to.
    fn line() -> (DelayLine, UdpSocket, SocketAddr) {
        let bind = || UdpSocket::bind(("127.0.0.1", 0)).expect("a free port can be bound");
        let client = bind();
        let patience = Some(Duration::from_secs(20));
        client
            .set_read_timeout(patience)
            .expect("a timeout can be set");
        let address = client.local_addr().expect("it is bound");
        let log = Recorder::off().socket(Lab::Ping, End::Server, Transport::Udp);
        (DelayLine::start(Arc::new(bind()), log), client, address)
    }

    fn receive(client: &UdpSocket, count: usize) -> Vec<u8> {
        let next = || {
            let mut buffer = [0; 8];
            let len = client.recv(&mut buffer).expect("a reply comes");
            assert_eq!(len, 1);
            buffer[0]
        };
        (0..count).map(|_| next()).collect()
    }

    fn assert_silent(client: &UdpSocket) {
        client.set_nonblocking(true).expect("the mode can be set");
        assert!(client.recv(&mut [0; 8]).is_err());
        client.set_nonblocking(false).expect("the mode can be set");
    }

    #[test]
    fn what_is_due_first_goes_first_and_the_rest_in_order_of_arrival() {
        let (line, client, to) = line();
        let now = Instant::now();
        let due = |millis| now + Duration::from_millis(millis);
        for (millis, name) in [(60, b'd'), (40, b'b'), (40, b'c'), (20, b'a'), (60, b'e')] {
            line.push(due(millis), to, vec![name], false);
        }
        assert_eq!(receive(&client, 5), b"abcde");
        assert!(Instant::now() >= due(60), "none goes early");
        assert_eq!(line.finish(), Failures::default());
    }

    #[test]
    fn a_held_reply_waits_for_another_to_the_same_client() {
        let (line, client, to) = line();
        let (_, stranger, elsewhere) = self::line();
        let now = Instant::now();
        line.push(now, to, vec![b'h'], true);
        assert!(line.holds_any());
        line.push(now, elsewhere, vec![b'x'], false);
        assert_eq!(receive(&stranger, 1), b"x");
        line.push(now, to, vec![b'a'], false);
        let received = receive(&client, 2);
        // A machine that stood still for so long lets it go by itself.
        if now.elapsed() < HOLD_LIMIT {
            assert_eq!(received, b"ah");
        }
        assert!(!line.holds_any());
    }

    #[test]
    fn an_answer_sent_past_the_line_releases_too() {
        let (line, client, to) = line();
        line.push(Instant::now(), to, vec![b'h'], true);
        line.release(to);
        assert_eq!(receive(&client, 1), b"h");
        line.release(to);
        assert!(!line.holds_any());
    }

    #[test]
    fn a_held_reply_that_is_not_due_yet_is_not_released() {
        let (line, client, to) = line();
        line.push(Instant::now() + HOUR, to, vec![b'h'], true);
        line.release(to);
        assert!(line.holds_any());
        assert_silent(&client);
    }

    #[test]
    fn finishing_sends_what_waits_and_abandoning_does_not() {
        let (line, client, to) = line();
        let soon = Instant::now() + Duration::from_millis(30);
        line.push(soon, to, vec![b'a'], false);
        line.push(soon, to, vec![b'b'], false);
        line.finish();
        assert_eq!(receive(&client, 2), b"ab");

        let (line, client, to) = self::line();
        line.push(Instant::now() + HOUR, to, vec![b'a'], false);
        line.abandon();
        assert_silent(&client);
    }

    #[test]
    fn more_than_it_holds_is_dropped_and_counted() {
        let (line, _client, to) = line();
        let due = Instant::now() + HOUR;
        for _ in 0..CAPACITY + 3 {
            line.push(due, to, Vec::new(), false);
        }
        assert_eq!(line.failures().overflow, 3);
        assert_eq!(line.abandon().overflow, 3);

        let (line, _client, to) = self::line();
        for _ in 0..5 {
            line.push(due, to, vec![0; CAPACITY_BYTES / 4], false);
        }
        line.push(due, to, Vec::new(), false);
        assert_eq!(line.abandon().overflow, 1, "one too many bytes, one empty");
    }

    #[test]
    fn a_reply_that_cannot_be_sent_is_counted() {
        let (line, client, to) = line();
        let now = Instant::now();
        // Longer than any datagram.
        line.push(now, to, vec![0; 70_000], false);
        line.push(now, to, vec![b'a'], false);
        assert_eq!(receive(&client, 1), b"a");
        assert_eq!(line.finish().send_failures, 1);
    }
}
