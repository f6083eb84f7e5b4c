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

use super::app::{App, Effect, Msg, Setup, Tab};
use super::effects::Shown;
use super::effects::source::Source;
use super::links;
use super::playback::Playback;
use super::tabs::ping::Figures;
use super::terminal::Screen;
use crate::proto::ping::PingEvent;
use crate::trace::event::{Event, PingerEvent};
use crate::trace::mail::{MailEvent, MailReport};
use crate::trace::web::{WebEvent, WebFigures};

/// Frames a second while labs report.
const FRAMES: u32 = 15;
/// Time between two frames at that rate.
const FRAME: Duration = Duration::from_nanos(1_000_000_000 / FRAMES as u64);

/// How long a frame waits for more after labs began to report. Nobody sees a tenth of a second, and pings that come ten times a second are drawn
/// two at a time for half the work. A key does not wait.
const GATHER: Duration = Duration::from_millis(105);

/// What was seen, for the lines that stay in the terminal afterwards.
pub struct Seen {
    pub targets: Vec<(String, Figures)>,
    /// Of the web server, if it was asked for anything.
    pub web: Option<WebFigures>,
    /// Of the mail server, if anybody talked to it.
    pub mail: Option<MailReport>,
    /// Where the record stood, if one was played.
    pub playback: Option<Playback>,
}

/// Runs until the user quits, `stop` resolves, or the terminal goes away.
pub async fn run(
    setup: Setup,
    mut source: Source,
    stop: impl Future<Output = ()>,
) -> io::Result<Seen> {
    let mut screen = Screen::enter(setup.mouse)?;
    let clock = source.clock();
    let mut app = App::new(setup, clock);
    let mut input = EventStream::new();
    let mut stop = std::pin::pin!(stop);
    let effects = match source.playback() {
        Some(playback) => app.update(Msg::Playback(playback), source.now()),
        None => app.start(),
    };
    let mut quit = perform(&mut app, effects, &mut source, &mut screen)?;
    // A server that listens at once is pinged at once.
    take_in(&mut app, &mut source, &mut screen)?;
    let mut changed = true;
    let mut reported_at: Option<Instant> = None;
    let mut drawn_at: Option<Instant> = None;
    while !quit {
        let wanted = if changed {
            Some(Instant::now())
        } else {
            reported_at.map(|at| at + GATHER)
        };
        let next_frame = wanted.map(|at| drawn_at.map_or(at, |drawn| at.max(drawn + FRAME)));
        if next_frame.is_some_and(|at| at <= Instant::now()) {
            changed |= take_in(&mut app, &mut source, &mut screen)?;
            reported_at = None;
            if changed {
                draw(&mut app, &mut screen)?;
                drawn_at = Some(Instant::now());
                changed = false;
            }
            #[cfg(debug_assertions)]
            super::terminal::panic_if_asked();
            continue;
        }
        let tick = app.next_tick().and_then(|at| source.instant(at));
        let notice = app.notice_ends().map(|at| clock.instant(at));
        let tick = [tick, notice].into_iter().flatten().min();
        let wake = [next_frame, tick].into_iter().flatten().min();
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
                                let effects = app.update(msg, source.now());
                                quit |= perform(&mut app, effects, &mut source, &mut screen)?;
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
            msg = source.changed() => {
                if let Some(msg) = msg {
                    let effects = app.update(msg, source.now());
                    quit |= perform(&mut app, effects, &mut source, &mut screen)?;
                    changed = true;
                }
                reported_at.get_or_insert_with(Instant::now);
            }
            () = sleep_until(wake) => {
                if tick.is_some_and(|tick| tick <= Instant::now()) {
                    let effects = app.update(Msg::Tick, source.now());
                    quit |= perform(&mut app, effects, &mut source, &mut screen)?;
                    changed = true;
                }
            }
        }
    }
    source.stop();
    let counters = source.counters(Shown {
        rtt_bars: false,
        web: true,
        mail: true,
    });
    let web = counters.web.as_ref().map(|report| report.figures.clone());
    let mail = counters.mail;
    app.update(Msg::Counters(counters), source.now());
    Ok(Seen {
        targets: app.ping.seen(),
        web: web.filter(|figures| figures.counts.requests > 0),
        mail: mail.filter(|report| report.counts.sessions > 0),
        playback: source.playback(),
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

/// Brings the dashboard up to date with what it watches; tells whether that can be seen.
fn take_in(app: &mut App, source: &mut Source, screen: &mut Screen) -> io::Result<bool> {
    let mut visible = false;
    for msg in source.news() {
        visible |= is_visible(&msg, app);
        let effects = app.update(msg, source.now());
        perform(app, effects, source, screen)?;
    }
    let shown = Shown {
        rtt_bars: app.ping.shows_rtt_bars(app.area),
        web: app.front == Tab::Web,
        mail: app.front == Tab::Mail,
    };
    let effects = app.update(Msg::Counters(source.counters(shown)), source.now());
    perform(app, effects, source, screen)?;
    Ok(visible)
}

/// That nothing more is expected of a ping changes nothing on screen, nor does what the other tab shows. Whether a server runs is in the bar above
/// all tabs.
fn is_visible(msg: &Msg, app: &App) -> bool {
    let front = app.front;
    let is_seen = |event: &Event| match event {
        Event::Ping { event, .. } => !matches!(event, PingerEvent::Ping(PingEvent::Settled { .. })),
        Event::Echo(_) => true,
        Event::Web(WebEvent::Listening { .. } | WebEvent::Failed { .. }) => true,
        _ if front == Tab::Wire => true,
        Event::Web(_) | Event::Sender { .. } => front == Tab::Web,
        Event::Mail(MailEvent::Listening { .. } | MailEvent::Failed { .. }) => true,
        Event::Mail(_) | Event::Sending { .. } => front == Tab::Mail,
    };
    match msg {
        Msg::Calls { .. } => front == Tab::Wire,
        Msg::Playback(playback) => app
            .playback
            .as_ref()
            .is_none_or(|shown| !shown.looks_like(playback)),
        Msg::Events {
            events,
            left_out,
            web_left_out,
            mail_left_out,
        } => {
            *left_out > 0
                || (*web_left_out > 0 && front == Tab::Web)
                || (*mail_left_out > 0 && front == Tab::Mail)
                || events.iter().any(is_seen)
        }
        _ => true,
    }
}

fn draw(app: &mut App, screen: &mut Screen) -> io::Result<()> {
    let urls = match screen.shows_links() && app.front == Tab::Web {
        true => app.web.urls(),
        false => Vec::new(),
    };
    screen.draw(|frame| {
        app.area = frame.area();
        frame.render_widget(&mut *app, frame.area());
        for url in &urls {
            links::link(frame.buffer_mut(), url);
        }
        if let Some(cursor) = super::shell::cursor(app, frame.area()) {
            frame.set_cursor_position(cursor);
        }
    })
}

/// Carries out effects, and those that follow from their answers. Tells whether it is time to quit.
fn perform(
    app: &mut App,
    effects: Vec<Effect>,
    source: &mut Source,
    screen: &mut Screen,
) -> io::Result<bool> {
    let mut effects = std::collections::VecDeque::from(effects);
    while let Some(effect) = effects.pop_front() {
        match effect {
            Effect::Quit => return Ok(true),
            Effect::SetMouse(on) => screen.set_mouse(on)?,
            Effect::Copy(text) => screen.copy(&text)?,
            effect => {
                if let Some(msg) = source.perform(effect) {
                    effects.extend(app.update(msg, source.now()));
                }
            }
        }
    }
    Ok(false)
}
