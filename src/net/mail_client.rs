//! The mail client's sockets: carries out a [`Plan`], with the state machine of [`proto::smtp::client`](crate::proto::smtp::client) deciding what is
//! said, and reports all of it.
//!
//! It stands apart from that machine because here is what a rule of SMTP does not know: names, connections, time limits, files, and a person who
//! may want to step in at any moment. Each sending has a thread of its own with a small runtime in it, so that every wait can be ended at once.
//!
//! | part | what it is |
//! |---|---|
//! | `talk` | one connection: steps carried out, replies taken |
//! | `wire` | the connection's bytes, in clear text or inside TLS |
//! | `content` | a message on its way out, attachments read block by block |

mod content;
mod talk;
mod wire;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::net::TcpSocket;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use self::content::Source;
use self::talk::Talk;
use super::resolve::{self, Family};
use super::tls::{Connector, Socket};
use super::{password, tls};
use crate::proto::smtp::client::{Again, Client, Job};
use crate::proto::smtp::outcome::{Failure, Outcome, Recipient, RecipientFate, Summary};
use crate::proto::smtp::plan::{Order, Pace, Plan, Security};
use crate::proto::smtp::stage::Stage;
use crate::settings::Target;
use crate::trace::clock::Clock;
use crate::trace::escape::escape_hostile;
use crate::trace::event::Event;
use crate::trace::mail::{SendingEvent, SendingId};
use crate::trace::recorder::{Closing, Recorder, SocketLog};
use crate::trace::start_error::Transport;
use crate::trace::tap::Tap;
use crate::trace::wire::{Call, End, Lab};

/// How long a name server, and each address of the server, may take to answer. RFC 5321 names no time for it.
const CONNECT: Duration = Duration::from_secs(30);

/// A sending on its own thread, reported through a tap. Dropping it stops it.
pub struct MailClient {
    orders: UnboundedSender<Order>,
    thread: Option<JoinHandle<()>>,
}

impl MailClient {
    /// Begins to carry out the plan. Every outcome is an event, the last of them [`SendingEvent::Ended`].
    ///
    /// # Errors
    ///
    /// That of starting a thread.
    pub fn start(id: SendingId, plan: Plan, clock: Clock, tap: Tap) -> io::Result<Self> {
        let (orders, waiting) = unbounded_channel();
        let thread = std::thread::Builder::new()
            .name("mail client".to_owned())
            .spawn(move || {
                let recorder = tap.recorder().clone();
                send(&plan, clock, waiting, &recorder, |event| {
                    tap.push(Event::Sending { id, event });
                });
            })?;
        Ok(Self {
            orders,
            thread: Some(thread),
        })
    }

    /// Tells it what a person wants. Without effect once it has ended.
    pub fn order(&self, order: Order) {
        let _ = self.orders.send(order);
    }

    /// Whether it has ended.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Stops it at once: closes the connection and waits for its thread.
    pub fn stop(&mut self) {
        self.order(Order::Drop);
        if let Some(thread) = self.thread.take() {
            // A panic in the thread has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

impl Drop for MailClient {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Carries out a plan on this thread, and reports all of it; the last event is [`SendingEvent::Ended`]. Orders may come at any time;
/// [`Order::Drop`] ends it at once. The recorder is told the calls of its sockets.
pub fn send(
    plan: &Plan,
    clock: Clock,
    orders: UnboundedReceiver<Order>,
    recorder: &Recorder,
    report: impl FnMut(SendingEvent),
) {
    let waiting = Orders::default();
    let mut sending = Sending {
        plan,
        clock,
        pace: plan.pace,
        orders: waiting.clone(),
        recorder,
        report,
    };
    let mut client = None;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(async {
                tokio::select! {
                    biased;
                    () = dropped(orders, waiting) => Ended::Dropped,
                    ended = sending.run(&mut client) => ended.map_or_else(Ended::Failed, |()| Ended::Done),
                }
            });
            // A name server that does not answer must not hold up an end.
            runtime.shutdown_background();
            ended
        }
        Err(error) => Ended::Failed(Failure::CannotConnect(error.to_string())),
    };
    sending.end(client, ended);
}

/// How a thread's work ended.
enum Ended {
    /// The client knows.
    Done,
    /// Before there was a client.
    Failed(Failure),
    /// A person has closed the connection.
    Dropped,
}

/// Orders that nobody has carried out yet. They are looked at whenever the sending's task wakes, and every order wakes it.
#[derive(Debug, Clone, Default)]
struct Orders(Rc<RefCell<VecDeque<Order>>>);

impl Orders {
    fn take(&self) -> Option<Order> {
        self.0.borrow_mut().pop_front()
    }

    /// The next order. It must be waited for in the task that runs [`dropped`], before this.
    async fn next(&self) -> Order {
        poll_fn(|_| self.take().map_or(Poll::Pending, Poll::Ready)).await
    }
}

/// Takes orders in until one is [`Order::Drop`].
async fn dropped(mut orders: UnboundedReceiver<Order>, waiting: Orders) {
    while let Some(order) = orders.recv().await {
        if order == Order::Drop {
            return;
        }
        waiting.0.borrow_mut().push_back(order);
    }
    // Nobody is left who could give an order.
    std::future::pending().await
}

/// A sending, over all its connections.
struct Sending<'a, R> {
    plan: &'a Plan,
    clock: Clock,
    pace: Pace,
    orders: Orders,
    recorder: &'a Recorder,
    report: R,
}

impl<R: FnMut(SendingEvent)> Sending<'_, R> {
    fn now(&self) -> Duration {
        self.clock.at(Instant::now())
    }

    /// A time limit as the plan scales it.
    fn scaled(&self, limit: Duration) -> Duration {
        scaled(limit, self.plan.time_scale)
    }

    /// Tries until nobody is left who should be tried again. The client stands where the caller finds it when this is cancelled.
    async fn run(&mut self, client: &mut Option<Client>) -> Result<(), Failure> {
        let date = chrono::Local::now().fixed_offset();
        let source = Source::new(&self.plan.message, date, rand::random())?;
        let connector = self.connector()?;
        let password = match &self.plan.login {
            Some(login) => Some(password::fetch(&login.password).await?),
            None => None,
        };
        let job = Job::new(self.plan, password.as_ref()).map_err(|error| Failure::Source {
            what: error.stage().name().to_uppercase(),
            error: error.to_string(),
        })?;
        drop(password);
        let client = client.insert(Client::new(job));
        for attempt in 1.. {
            self.connect_and_talk(client, &source, connector.as_ref(), attempt)
                .await;
            let Some(again) = client.again() else {
                break;
            };
            if !self.pause(again).await {
                client.give_up();
                break;
            }
        }
        Ok(())
    }

    /// The roots are read before anybody is spoken to: a file that can't be read is no reason to fail in the middle.
    fn connector(&self) -> Result<Option<Connector>, Failure> {
        if self.plan.security == Security::None {
            return Ok(None);
        }
        connector(self.plan).map(Some)
    }

    async fn connect_and_talk(
        &mut self,
        client: &mut Client,
        source: &Source,
        connector: Option<&Connector>,
        attempt: u32,
    ) {
        let (host, port) = (self.plan.host.clone(), self.plan.port);
        let at = self.now();
        (self.report)(SendingEvent::Connecting {
            at,
            host,
            port,
            attempt,
        });
        let opened = tokio::select! {
            opened = connect(self.plan, self.recorder) => opened,
            () = wants_to_quit(&self.orders, &mut self.pace) => {
                return client.give_up();
            }
        };
        let (socket, local, server) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                return client.cannot_begin(Failure::CannotConnect(error.to_string()));
            }
        };
        let at = self.now();
        (self.report)(SendingEvent::Connected { at, local, server });
        client.begin(local.ip());
        Talk::new(self, client, source, connector, socket)
            .run()
            .await;
    }

    /// Waits for another try; `false` when a person does not want it.
    async fn pause(&mut self, again: Again) -> bool {
        let at = self.now();
        let until = at.saturating_add(again.pause);
        (self.report)(SendingEvent::Retrying {
            at,
            until,
            recipients: again.recipients,
        });
        let over = tokio::time::sleep(again.pause);
        tokio::pin!(over);
        loop {
            let order = tokio::select! {
                () = &mut over => return true,
                order = self.orders.next() => order,
            };
            match order {
                Order::RetryNow => return true,
                Order::Quit => return false,
                Order::SetPace(pace) => self.pace = pace,
                Order::Go(_) | Order::Raw(_) | Order::Drop => {}
            }
        }
    }

    fn end(&mut self, client: Option<Client>, ended: Ended) {
        let mut summary = match (client, ended) {
            (Some(mut client), ended) => {
                if let Ended::Dropped = ended {
                    client.abandon();
                }
                client.summary()
            }
            (None, Ended::Failed(failure)) => nothing_came_of(self.plan, Outcome::Failed(failure)),
            (None, Ended::Done | Ended::Dropped) => nothing_came_of(self.plan, Outcome::Stopped),
        };
        escape(&mut summary.recipients);
        let at = self.now();
        (self.report)(SendingEvent::Ended {
            at,
            summary: Box::new(summary),
        });
    }
}

/// It ended before anybody was spoken to.
fn nothing_came_of(plan: &Plan, outcome: Outcome) -> Summary {
    let recipients = plan.message.envelope().to.into_iter();
    Summary {
        outcome,
        stage: Stage::Connect,
        recipients: recipients
            .map(|address| Recipient {
                address,
                fate: RecipientFate::NotTried,
                reply: None,
            })
            .collect(),
        sent: 0,
        asked: plan.count,
    }
}

fn connector(plan: &Plan) -> Result<Connector, Failure> {
    Connector::new(&plan.trust).map_err(|tls::RootsError { path, error }| Failure::Source {
        what: path.display().to_string(),
        error,
    })
}

/// Resolves once a person wants to quit; other orders make no sense yet.
async fn wants_to_quit(orders: &Orders, pace: &mut Pace) {
    loop {
        match orders.next().await {
            Order::Quit => return,
            Order::SetPace(wanted) => *pace = wanted,
            _ => {}
        }
    }
}

/// Tries the addresses of the server until one answers.
async fn connect(plan: &Plan, recorder: &Recorder) -> io::Result<(Socket, SocketAddr, SocketAddr)> {
    let limit = scaled(CONNECT, plan.time_scale);
    let target = Target {
        host: plan.host.clone(),
        port: plan.port,
    };
    let resolving = tokio::task::spawn_blocking(move || resolve::resolve_all(&target, Family::Any));
    let addresses = tokio::time::timeout(limit, resolving).await???;
    let mut last = io::ErrorKind::NotFound.into();
    for address in addresses {
        let log = recorder.socket(Lab::Mail, End::Client, Transport::Tcp);
        match connect_to(address, limit, log).await {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn connect_to(
    address: SocketAddr,
    limit: Duration,
    mut log: SocketLog,
) -> io::Result<(Socket, SocketAddr, SocketAddr)> {
    let opened = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    };
    log.call(Call::Socket, Instant::now(), &opened);
    let opened = opened?;
    log.set_peer(Some(address));
    let mut closing = Closing(log);
    let connecting = tokio::time::timeout(limit, opened.connect(address)).await;
    let connected = connecting.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let local = connected
        .as_ref()
        .ok()
        .and_then(|stream| stream.local_addr().ok());
    closing.0.set_local(local);
    closing.0.call(Call::Connect, Instant::now(), &connected);
    let stream = connected?;
    // Every line is waited for.
    stream.set_nodelay(true)?;
    let (local, server) = (stream.local_addr()?, stream.peer_addr()?);
    Ok((Socket::new(stream, closing), local, server))
}

/// A time limit times a factor, within what a timer can do. A factor that makes no sense is as if there were no limit.
fn scaled(limit: Duration, factor: f64) -> Duration {
    const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    let seconds = limit.as_secs_f64() * factor;
    Duration::try_from_secs_f64(seconds).map_or(LONGEST, |limit| limit.min(LONGEST))
}

/// What a server says is hostile until it is escaped.
fn escape(recipients: &mut [Recipient]) {
    for recipient in recipients {
        if let Some(verdict) = &mut recipient.reply
            && let std::borrow::Cow::Owned(escaped) = escape_hostile(&verdict.text)
        {
            verdict.text = escaped;
        }
    }
}

#[cfg(test)]
mod tests;
