//! The dashboard's loop: the only `select!` over keys, labs, clock and signals.
//!
//! It takes in everything that is there, then draws once if something changed: at once after a key, otherwise at most `FRAMES` times a second,
//! and not at all while nothing happens.

use std::future::{Future, poll_fn};
use std::io;
use std::task::Poll;
use std::time::{Duration, Instant};

use crossterm::event::{Event as Input, EventStream};
use futures_util::StreamExt;

use super::app::{App, Effect, Msg, Setup};
use super::effects::Labs;
use super::tabs::ping::Figures;
use super::terminal::Screen;
use crate::trace::clock::Clock;

/// Frames a second while labs report.
const FRAMES: u32 = 15;
/// Time between two frames at that rate.
const FRAME: Duration = Duration::from_nanos(1_000_000_000 / FRAMES as u64);

/// What was seen, for the lines that stay in the terminal afterwards.
pub struct Seen {
    pub targets: Vec<(String, Figures)>,
}

/// Runs until the user quits, `stop` resolves, or the terminal goes away.
pub async fn run(
    setup: Setup,
    mut labs: Labs,
    clock: Clock,
    stop: impl Future<Output = ()>,
) -> io::Result<Seen> {
    let mut screen = Screen::enter(setup.mouse)?;
    let mut app = App::new(setup, clock);
    let mut input = EventStream::new();
    let mut stop = std::pin::pin!(stop);
    let now = || clock.at(Instant::now());
    let effects = app.start();
    let mut quit = perform(&mut app, effects, &mut labs, &mut screen, now())?;
    let mut changed = true;
    let mut drawn_at: Option<Instant> = None;
    while !quit {
        let next_frame = drawn_at.map_or_else(Instant::now, |at| at + FRAME);
        if changed && next_frame <= Instant::now() {
            draw(&mut app, &mut labs, &mut screen, now())?;
            drawn_at = Some(Instant::now());
            changed = false;
            #[cfg(debug_assertions)]
            super::terminal::panic_if_asked();
        }
        let tick = app.next_tick().map(|at| clock.instant(at));
        let wake = if changed {
            Some(tick.map_or(next_frame, |tick| tick.min(next_frame)))
        } else {
            tick
        };
        tokio::select! {
            () = &mut stop => quit = true,
            event = input.next() => {
                let mut event = event;
                // A key is answered at once, and keys that wait behind it are answered together.
                loop {
                    match event {
                        Some(Ok(input)) => {
                            if matches!(input, Input::Resize(..)) {
                                screen.repaint();
                            }
                            if let Some(msg) = message(input) {
                                let effects = app.update(msg, now());
                                quit |= perform(&mut app, effects, &mut labs, &mut screen, now())?;
                            }
                        }
                        // The terminal has gone; there is nobody left to show anything to.
                        Some(Err(_)) | None => quit = true,
                    }
                    match waiting(&mut input).await {
                        Some(next) if !quit => event = next,
                        _ => break,
                    }
                }
                changed = true;
                drawn_at = None;
            }
            msg = labs.changed() => {
                if let Some(msg) = msg {
                    let effects = app.update(msg, now());
                    quit |= perform(&mut app, effects, &mut labs, &mut screen, now())?;
                }
                changed = true;
            }
            () = sleep_until(wake) => {
                app.update(Msg::Tick, now());
                changed = true;
            }
        }
    }
    app.update(Msg::Counters(labs.counters()), now());
    Ok(Seen {
        targets: app.ping.seen(),
    })
}

/// The next input, if it is there already.
///
/// The stream keeps the waker with which it first had nothing to give. `now_or_never` would leave it one that wakes nobody, and the next key
/// would lie there until something else happens.
async fn waiting(input: &mut EventStream) -> Option<Option<io::Result<Input>>> {
    poll_fn(|context| match input.poll_next_unpin(context) {
        Poll::Ready(event) => Poll::Ready(Some(event)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Sleeps for ever without a deadline.
async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

fn message(input: Input) -> Option<Msg> {
    match input {
        Input::Key(key) => Some(Msg::Key(key)),
        Input::Mouse(event) => Some(Msg::Mouse(event)),
        Input::Paste(text) => Some(Msg::Paste(text)),
        Input::Resize(..) | Input::FocusGained | Input::FocusLost => None,
    }
}

/// Brings the dashboard up to date with its labs.
fn take_in(app: &mut App, labs: &mut Labs, screen: &mut Screen, now: Duration) -> io::Result<()> {
    if let Some(msg) = labs.events() {
        let effects = app.update(msg, now);
        perform(app, effects, labs, screen, now)?;
    }
    app.update(Msg::Counters(labs.counters()), now);
    Ok(())
}

fn draw(app: &mut App, labs: &mut Labs, screen: &mut Screen, now: Duration) -> io::Result<()> {
    take_in(app, labs, screen, now)?;
    screen.draw(|frame| {
        app.area = frame.area();
        frame.render_widget(&mut *app, frame.area());
        if let Some(cursor) = super::shell::cursor(app, frame.area()) {
            frame.set_cursor_position(cursor);
        }
    })
}

/// Carries out effects, and those that follow from their answers. Tells whether it is time to quit.
fn perform(
    app: &mut App,
    effects: Vec<Effect>,
    labs: &mut Labs,
    screen: &mut Screen,
    now: Duration,
) -> io::Result<bool> {
    let mut effects = std::collections::VecDeque::from(effects);
    while let Some(effect) = effects.pop_front() {
        match effect {
            Effect::Quit => return Ok(true),
            Effect::SetMouse(on) => screen.set_mouse(on)?,
            effect => {
                if let Some(msg) = labs.perform(effect) {
                    effects.extend(app.update(msg, now));
                }
            }
        }
    }
    Ok(false)
}
