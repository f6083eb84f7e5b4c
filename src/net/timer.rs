//! A deadline that moves often and is seldom reached.
//!
//! It stands apart for its cost: every request pushes the idle deadline of its connection on, and resetting a timer each time would cost more than
//! parsing the request. This one lets the timer run, and looks when it goes off whether the deadline has moved on meanwhile.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// Of one connection.
#[derive(Default)]
pub struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// Ready once `until` has come.
    pub fn poll(&mut self, until: Instant, context: &mut Context) -> Poll<()> {
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(sleep_until(until)));
        if sleep.deadline() > until {
            sleep.as_mut().reset(until);
        }
        while sleep.as_mut().poll(context).is_ready() {
            if sleep.deadline() >= until {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(until);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_moves_on_is_met_where_it_is_now() {
        let start = Instant::now();
        let mut timer = Timer::default();
        let near = start + Duration::from_secs(1);
        let far = start + Duration::from_secs(5);
        let _ = poll_fn(|context| Poll::Ready(timer.poll(near, context))).await;
        poll_fn(|context| timer.poll(far, context)).await;
        assert_eq!(Instant::now() - start, Duration::from_secs(5));
        let next = far + Duration::from_secs(9);
        let _ = poll_fn(|context| Poll::Ready(timer.poll(next, context))).await;
        let sooner = far + Duration::from_secs(1);
        poll_fn(|context| timer.poll(sooner, context)).await;
        assert_eq!(Instant::now() - start, Duration::from_secs(6));
    }
}
