//! Where delayed replies wait for their time, and replies that are to be overtaken wait for the one that overtakes them.
//!
//! It is a thread of its own so that the echo server never waits: a reply that is due in 80 ms must not hold up the next datagram.

use std::cmp::Ordering as Compare;
use std::collections::BinaryHeap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::proto::link::HOLD_LIMIT;

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
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DelayLine {
    /// Starts the thread that sends from `socket`.
    pub fn start(socket: Arc<UdpSocket>) -> Self {
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
            .spawn(move || run(&worker, &socket))
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

fn run(shared: &Shared, socket: &UdpSocket) {
    let mut queue = shared.queue();
    loop {
        let now = Instant::now();
        if let Some(waiting) = queue.take_due(now, &shared.held) {
            drop(queue);
            if socket.send_to(&waiting.bytes, waiting.to).is_err() {
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
