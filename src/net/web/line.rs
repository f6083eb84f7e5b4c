//! Whose turn it is: at once for everybody, or one connection after the other.
//!
//! It stands apart because it is the whole difference between the two modes. A program that serves one connection at a time leaves the others in the
//! kernel's backlog, where nobody sees them; this server takes them out at once and lets them stand in line here, so that the line can be shown. A
//! client can't tell the difference.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

use crate::net::lock::lock;
use crate::proto::http::service::Mode;

/// The line of waiting connections.
#[derive(Clone)]
pub struct Line {
    state: Arc<Mutex<State>>,
}

struct State {
    mode: Mode,
    /// Connections whose turn it is.
    served: usize,
    /// The others, first come first.
    waiting: VecDeque<oneshot::Sender<Turn>>,
}

/// The right to be served; given up when dropped.
pub struct Turn {
    line: Line,
}

impl Line {
    pub fn new(mode: Mode) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                mode,
                served: 0,
                waiting: VecDeque::new(),
            })),
        }
    }

    /// A turn at once, or the place in line to wait for one.
    pub fn enter(&self) -> Result<Turn, oneshot::Receiver<Turn>> {
        let mut state = lock(&self.state);
        let is_free = state.served == 0 && state.waiting.is_empty();
        if state.mode == Mode::Concurrent || is_free {
            state.served += 1;
            return Ok(Turn { line: self.clone() });
        }
        let (turn, place) = oneshot::channel();
        state.waiting.push_back(turn);
        Err(place)
    }

    /// How many stand in line.
    pub fn waiting(&self) -> usize {
        lock(&self.state).waiting.len()
    }

    /// From now on in this order. [`Mode::Concurrent`] gives everybody in line a turn; [`Mode::OneAtATime`] begins once those that are being
    /// served have ended.
    pub fn set_mode(&self, mode: Mode) {
        lock(&self.state).mode = mode;
        self.call();
    }

    /// Calls those whose turn has come.
    fn call(&self) {
        loop {
            let next = {
                let mut state = lock(&self.state);
                if state.mode == Mode::OneAtATime && state.served > 0 {
                    return;
                }
                let Some(next) = state.waiting.pop_front() else {
                    return;
                };
                // A whole line may have gone. To be given back, a turn needs a call of its own, and so many would be too deep.
                if next.is_closed() {
                    continue;
                }
                state.served += 1;
                next
            };
            // One that has gone meanwhile gives its turn back by dropping it. The lock must not be held here.
            drop(next.send(Turn { line: self.clone() }));
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        lock(&self.line.state).served -= 1;
        self.line.call();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_turn(place: &mut oneshot::Receiver<Turn>) -> Option<Turn> {
        place.try_recv().ok()
    }

    #[test]
    fn one_at_a_time_is_first_come_first_served() {
        let line = Line::new(Mode::OneAtATime);
        let first = line.enter().ok().unwrap();
        let mut second = line.enter().err().unwrap();
        let mut third = line.enter().err().unwrap();
        assert!(has_turn(&mut second).is_none());
        drop(first);
        let turn = has_turn(&mut second).unwrap();
        assert!(has_turn(&mut third).is_none());
        drop(turn);
        assert!(has_turn(&mut third).is_some());
    }

    #[test]
    fn who_has_gone_is_passed_over() {
        let line = Line::new(Mode::OneAtATime);
        let first = line.enter().ok().unwrap();
        drop(line.enter());
        let mut third = line.enter().err().unwrap();
        drop(first);
        assert!(has_turn(&mut third).is_some());
        assert!(line.enter().is_ok());
    }

    #[test]
    fn a_long_line_that_has_gone_is_passed_over() {
        let line = Line::new(Mode::OneAtATime);
        let first = line.enter().ok().unwrap();
        for _ in 0..100_000 {
            drop(line.enter().err().unwrap());
        }
        let mut last = line.enter().err().unwrap();
        drop(first);
        assert!(has_turn(&mut last).is_some());
    }

    #[test]
    fn concurrent_calls_everybody_and_one_at_a_time_waits_for_them() {
        let line = Line::new(Mode::OneAtATime);
        let first = line.enter().ok().unwrap();
        let mut second = line.enter().err().unwrap();
        line.set_mode(Mode::Concurrent);
        let second = has_turn(&mut second).unwrap();
        let third = line.enter().ok().unwrap();
        line.set_mode(Mode::OneAtATime);
        let mut fourth = line.enter().err().unwrap();
        drop((first, second));
        assert!(has_turn(&mut fourth).is_none());
        drop(third);
        assert!(has_turn(&mut fourth).is_some());
    }
}
