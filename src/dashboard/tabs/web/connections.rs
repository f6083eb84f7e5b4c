//! What each connection did and when, for the lanes: its requests one by one, and what it is doing now.
//!
//! Requests come as events after they are done; what is going on is read from the server's state before a frame. Both together make a lane
//! without gaps.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use crate::dashboard::tabs::panel::push_bounded;
use crate::proto::http::status::Status;
use crate::trace::web::{Cause, Closed, ConnectionId, ConnectionState, Exchange, Phase, Timing};

/// Connections that are kept; closed ones make room first.
const LANES: usize = 512;
/// Requests kept of each connection.
const REQUESTS: usize = 128;

/// Requests with a longer pause between them do not belong together: a browser asks for the parts of a page at once, a person clicks later.
const PAUSE: Duration = Duration::from_millis(500);

/// One connection on the time line.
#[derive(Debug, Clone)]
pub struct Lane {
    pub connection: ConnectionId,
    pub client: SocketAddr,
    pub opened: Duration,
    /// When its turn came, if it stood in line.
    turn: Option<Duration>,
    pub end: Option<End>,
    requests: VecDeque<Request>,
    /// What it is doing, as of the last report.
    now: Option<Now>,
}

/// How a lane ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    pub at: Duration,
    /// `None` when the report of it was left out.
    pub cause: Option<Cause>,
}

#[derive(Debug, Clone)]
struct Request {
    number: u32,
    status: Option<Status>,
    timing: Timing,
}

#[derive(Debug, Clone, Copy)]
struct Now {
    phase: Phase,
    since: Duration,
    number: u32,
    status: Option<Status>,
}

/// A stretch of a lane during which the connection did one thing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    pub from: Duration,
    pub to: Duration,
    pub phase: Phase,
    /// Of the answer that is being sent.
    pub status: Option<Status>,
}

/// Where a request begins on its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    pub at: Duration,
    pub number: u32,
}

impl Lane {
    /// The last moment that is known of it; `now` while it is open.
    pub fn last(&self, now: Duration) -> Duration {
        self.end.map_or(now, |end| end.at)
    }

    /// Whether no request is known of it.
    pub fn is_unheard(&self) -> bool {
        self.requests.is_empty()
    }

    /// What it is doing.
    pub fn phase(&self) -> Option<Phase> {
        self.now.map(|now| now.phase)
    }

    /// The stretches between two moments, in order, and the numbers of the requests that begin there.
    pub fn stretches(
        &self,
        from: Duration,
        to: Duration,
        now: Duration,
    ) -> (Vec<Stretch>, Vec<Number>) {
        let mut drawn = Drawn {
            window: (from, to),
            at: self.opened,
            stretches: Vec::new(),
        };
        let mut numbers = Vec::new();
        // Requests are done in order, so those before the window are found by halving. The one before the first says where the first gap begins.
        let first = self
            .requests
            .partition_point(|request| request.timing.done < from);
        if let Some(before) = first
            .checked_sub(1)
            .and_then(|place| self.requests.get(place))
        {
            drawn.at = before.timing.done;
        } else if let Some(oldest) = self.requests.front().filter(|oldest| oldest.number > 1) {
            // What came before it made room: nothing is known of that time.
            drawn.at = oldest.timing.arrived;
        }
        for request in self.requests.range(first..) {
            if request.timing.arrived > to {
                break;
            }
            let at = request.timing.arrived.max(drawn.at);
            self.gap(&mut drawn, request.number, request.timing.arrived);
            drawn.request(request);
            numbers.push(Number {
                at,
                number: request.number,
            });
        }
        match self.now {
            Some(state) if self.end.is_none() => {
                let requests_known = self.requests.back().map_or(0, |last| last.number);
                if state.since > drawn.at {
                    self.gap(&mut drawn, requests_known + 1, state.since);
                }
                drawn.to(now, state.phase, state.status);
                if state.number > requests_known
                    && matches!(
                        state.phase,
                        Phase::Reading | Phase::Working | Phase::Sending
                    )
                {
                    numbers.push(Number {
                        at: state.since,
                        number: state.number,
                    });
                }
            }
            _ => {
                let last = self.last(now);
                self.gap(
                    &mut drawn,
                    self.requests.back().map_or(1, |last| last.number + 1),
                    last,
                );
            }
        }
        (drawn.stretches, numbers)
    }

    /// The time before request `number`: in line and silent before the first, idle before every other.
    fn gap(&self, drawn: &mut Drawn, number: u32, until: Duration) {
        if number > 1 {
            drawn.to(until, Phase::Idle, None);
            return;
        }
        if let Some(turn) = self.turn {
            drawn.to(turn.min(until), Phase::InLine, None);
        }
        drawn.to(until, Phase::Silent, None);
    }
}

/// Stretches being laid end to end.
struct Drawn {
    window: (Duration, Duration),
    /// How far they reach.
    at: Duration,
    stretches: Vec<Stretch>,
}

impl Drawn {
    fn request(&mut self, request: &Request) {
        let timing = &request.timing;
        self.to(timing.begun, Phase::InLine, None);
        self.to(timing.parsed.unwrap_or(timing.done), Phase::Reading, None);
        let out = timing.first_byte_out.unwrap_or(timing.done);
        self.to(out, Phase::Working, None);
        self.to(timing.done, Phase::Sending, request.status);
    }

    fn to(&mut self, until: Duration, phase: Phase, status: Option<Status>) {
        if until <= self.at {
            return;
        }
        let from = std::mem::replace(&mut self.at, until);
        if from <= self.window.1 && until >= self.window.0 {
            self.stretches.push(Stretch {
                from,
                to: until,
                phase,
                status,
            });
        }
    }
}

/// The newest connections, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Connections {
    lanes: VecDeque<Lane>,
}

impl Connections {
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Lane> + ExactSizeIterator {
        self.lanes.iter()
    }

    pub fn lane(&self, connection: ConnectionId) -> Option<&Lane> {
        let place = self
            .lanes
            .binary_search_by_key(&connection, |lane| lane.connection);
        place.ok().map(|place| &self.lanes[place])
    }

    /// From when to when the requests went on that came together with the last one on this connection, or with the last one of all: those with no
    /// longer pause than [`PAUSE`] between them.
    pub fn burst(&self, connection: Option<ConnectionId>) -> Option<(Duration, Duration)> {
        let span = |request: &Request| (request.timing.arrived, request.timing.done);
        let (mut from, mut to) = match connection.and_then(|id| self.lane(id)) {
            Some(lane) => lane.requests.back().map(span),
            None => {
                let last = self.lanes.iter().filter_map(|lane| lane.requests.back());
                last.map(span).max_by_key(|(_, done)| *done)
            }
        }?;
        let mut all: Vec<(Duration, Duration)> = self
            .lanes
            .iter()
            .flat_map(|lane| lane.requests.iter().map(span))
            .collect();
        all.sort_unstable();
        for (arrived, done) in all.iter().filter(|(arrived, _)| *arrived >= from) {
            if *arrived > to + PAUSE {
                break;
            }
            to = to.max(*done);
        }
        for (arrived, done) in all.iter().rev() {
            if *arrived < from && *done + PAUSE >= from {
                from = *arrived;
                to = to.max(*done);
            }
        }
        Some((from, to))
    }

    /// The lane of a connection, which begins here if its opening was left out.
    fn lane_mut(
        &mut self,
        connection: ConnectionId,
        client: SocketAddr,
        opened: Duration,
    ) -> Option<&mut Lane> {
        let found = match self.lanes.back() {
            Some(newest) if newest.connection >= connection => self
                .lanes
                .binary_search_by_key(&connection, |lane| lane.connection),
            _ => Err(self.lanes.len()),
        };
        let place = match found {
            Ok(place) => place,
            // Older than everything that is kept.
            Err(0) if self.lanes.len() == LANES => return None,
            Err(place) => {
                let place = if self.lanes.len() == LANES {
                    let gone = self.make_room();
                    place - usize::from(gone < place)
                } else {
                    place
                };
                let lane = Lane {
                    connection,
                    client,
                    opened,
                    turn: None,
                    end: None,
                    requests: VecDeque::new(),
                    now: None,
                };
                self.lanes.insert(place, lane);
                place
            }
        };
        self.lanes.get_mut(place)
    }

    /// Forgets the oldest connection that is closed, or the oldest of all; tells which place that was.
    fn make_room(&mut self) -> usize {
        let place = self
            .lanes
            .iter()
            .position(|lane| lane.end.is_some())
            .unwrap_or(0);
        self.lanes.remove(place);
        place
    }

    pub fn opened(&mut self, connection: ConnectionId, client: SocketAddr, at: Duration) {
        self.lane_mut(connection, client, at);
    }

    pub fn exchange(&mut self, exchange: &Exchange) {
        let timing = exchange.timing;
        let lane = self.lane_mut(exchange.connection, exchange.client, timing.accepted);
        if let Some(lane) = lane {
            lane.now = None;
            push_bounded(
                &mut lane.requests,
                Request {
                    number: exchange.number,
                    status: exchange.status,
                    timing,
                },
                REQUESTS,
            );
        }
    }

    pub fn closed(&mut self, closed: &Closed) {
        if let Some(lane) = self.lane_mut(closed.connection, closed.client, closed.at) {
            lane.end = Some(End {
                at: closed.at,
                cause: Some(closed.cause),
            });
            lane.now = None;
        }
    }

    /// Takes in what is open now. `all` says that nothing open is missing in `states`.
    pub fn report(&mut self, states: &[ConnectionState], all: bool, now: Duration) {
        for state in states {
            let Some(lane) = self.lane_mut(state.connection, state.client, state.opened) else {
                continue;
            };
            if lane.end.is_some_and(|end| end.cause.is_some()) {
                continue;
            }
            lane.end = None;
            if state.phase == Phase::InLine {
                lane.turn = Some(now);
            } else if lane.turn.is_none()
                && state.phase == Phase::Silent
                && state.since > lane.opened
            {
                lane.turn = Some(state.since);
            } else if let Some(Now {
                phase: Phase::InLine,
                ..
            }) = lane.now
            {
                lane.turn = Some(state.since);
            }
            lane.now = Some(Now {
                phase: state.phase,
                since: state.since,
                number: state.requests,
                status: state.status,
            });
        }
        if !all {
            return;
        }
        let mut open: Vec<ConnectionId> = states.iter().map(|state| state.connection).collect();
        open.sort_unstable();
        let gone =
            |lane: &&mut Lane| lane.end.is_none() && open.binary_search(&lane.connection).is_err();
        for lane in self.lanes.iter_mut().filter(gone) {
            let last = lane
                .requests
                .back()
                .map_or(lane.opened, |last| last.timing.done);
            lane.end = Some(End {
                at: last,
                cause: None,
            });
            lane.now = None;
        }
    }

    /// Forgets what is closed, and the requests of what is open.
    pub fn clear(&mut self) {
        self.lanes.retain(|lane| lane.end.is_none());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::web::{Ending, Message, Parts};
    use proptest::prelude::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn client() -> SocketAddr {
        "127.0.0.1:9".parse().expect("a literal address")
    }

    /// Arrived, begun, parsed, first byte out, done, in milliseconds.
    fn exchange(connection: ConnectionId, number: u32, at: [u64; 5]) -> Exchange {
        let [arrived, begun, parsed, out, done] = at.map(ms);
        Exchange {
            connection,
            number,
            client: client(),
            timing: Timing {
                accepted: ms(10),
                arrived,
                first_byte: begun,
                begun,
                parsed: Some(parsed),
                decided: Some(parsed),
                first_byte_out: Some(out),
                done,
            },
            request: Message::default(),
            parts: Parts::default(),
            status: Some(Status::OK),
            rule: None,
            broken_at: None,
            response: Message::default(),
            response_head: 0,
            content_sent: 0,
            ending: Ending::Complete,
        }
    }

    fn state(phase: Phase, since: u64, requests: u32) -> ConnectionState {
        ConnectionState {
            since: ms(since),
            requests,
            ..ConnectionState::new(1, client(), ms(10), phase)
        }
    }

    fn drawn(connections: &Connections, now: u64) -> Vec<(Phase, u64, u64)> {
        let lane = connections.lane(1).expect("the lane is there");
        let (stretches, _) = lane.stretches(ms(0), ms(1_000), ms(now));
        let millis = |at: Duration| at.as_millis() as u64;
        stretches
            .iter()
            .map(|stretch| (stretch.phase, millis(stretch.from), millis(stretch.to)))
            .collect()
    }

    #[test]
    fn a_burst_is_what_came_without_a_pause() {
        let mut connections = Connections::default();
        let ms = Duration::from_millis;
        let spans = [
            (1, 0, 40),
            (2, 1_000, 1_010),
            (3, 1_300, 1_900),
            (4, 2_200, 2_300),
            (5, 4_000, 4_001),
        ];
        for (id, arrived, done) in spans {
            connections.opened(id, "127.0.0.1:50000".parse().unwrap(), ms(arrived));
            let lane = connections.lanes.back_mut().unwrap();
            lane.requests.push_back(Request {
                number: 1,
                status: None,
                timing: Timing {
                    arrived: ms(arrived),
                    done: ms(done),
                    ..Timing::default()
                },
            });
        }
        assert_eq!(connections.burst(None), Some((ms(4_000), ms(4_001))));
        for id in 2..=4 {
            assert_eq!(
                connections.burst(Some(id)),
                Some((ms(1_000), ms(2_300))),
                "{id}"
            );
        }
        assert_eq!(connections.burst(Some(1)), Some((ms(0), ms(40))));
        assert_eq!(Connections::default().burst(None), None);
    }

    #[test]
    fn a_keep_alive_connection_is_silent_busy_and_idle_in_turn() {
        let mut connections = Connections::default();
        connections.opened(1, client(), ms(10));
        connections.exchange(&exchange(1, 1, [20, 20, 25, 40, 50]));
        connections.exchange(&exchange(1, 2, [70, 70, 72, 80, 90]));
        connections.closed(&Closed {
            connection: 1,
            client: client(),
            at: ms(120),
            cause: Cause::Idle,
            requests: 2,
            bytes_in: 0,
            bytes_out: 0,
        });
        assert_eq!(
            drawn(&connections, 500),
            [
                (Phase::Silent, 10, 20),
                (Phase::Reading, 20, 25),
                (Phase::Working, 25, 40),
                (Phase::Sending, 40, 50),
                (Phase::Idle, 50, 70),
                (Phase::Reading, 70, 72),
                (Phase::Working, 72, 80),
                (Phase::Sending, 80, 90),
                (Phase::Idle, 90, 120),
            ]
        );
        // A window sees what lies in it, and the gap that reaches into it.
        let lane = connections.lane(1).expect("the lane is there");
        let (stretches, numbers) = lane.stretches(ms(60), ms(71), ms(500));
        let phases: Vec<Phase> = stretches.iter().map(|stretch| stretch.phase).collect();
        assert_eq!(phases, [Phase::Idle, Phase::Reading]);
        assert_eq!(
            numbers,
            [Number {
                at: ms(70),
                number: 2
            }]
        );
    }

    #[test]
    fn who_stood_in_line_is_seen_waiting() {
        let mut connections = Connections::default();
        connections.report(&[state(Phase::InLine, 10, 0)], true, ms(100));
        assert_eq!(drawn(&connections, 100), [(Phase::InLine, 10, 100)]);
        // Its turn came, but it says nothing.
        connections.report(&[state(Phase::Silent, 110, 0)], true, ms(150));
        assert_eq!(
            drawn(&connections, 150),
            [(Phase::InLine, 10, 110), (Phase::Silent, 110, 150)]
        );
        connections.exchange(&exchange(1, 1, [160, 160, 161, 162, 163]));
        assert_eq!(
            drawn(&connections, 200)[..2],
            [(Phase::InLine, 10, 110), (Phase::Silent, 110, 160)]
        );
        // A request that waited itself.
        let mut connections = Connections::default();
        connections.exchange(&exchange(1, 1, [10, 90, 91, 92, 93]));
        assert_eq!(drawn(&connections, 93)[0], (Phase::InLine, 10, 90));
    }

    #[test]
    fn a_close_that_was_left_out_is_noticed() {
        let mut connections = Connections::default();
        connections.opened(1, client(), ms(10));
        connections.exchange(&exchange(1, 1, [20, 20, 25, 40, 50]));
        connections.report(&[], false, ms(60));
        assert_eq!(connections.lane(1).and_then(|lane| lane.end), None);
        connections.report(&[], true, ms(60));
        let end = connections.lane(1).and_then(|lane| lane.end);
        assert_eq!(
            end,
            Some(End {
                at: ms(50),
                cause: None
            })
        );
    }

    #[test]
    fn closed_connections_make_room_first() {
        let mut connections = Connections::default();
        for id in 1..=LANES as u64 {
            connections.opened(id, client(), ms(id));
        }
        connections.closed(&Closed {
            connection: 5,
            client: client(),
            at: ms(900),
            cause: Cause::Client,
            requests: 0,
            bytes_in: 0,
            bytes_out: 0,
        });
        connections.opened(1_000, client(), ms(1_000));
        assert!(connections.lane(5).is_none() && connections.lane(1).is_some());
        connections.opened(1_001, client(), ms(1_001));
        assert!(connections.lane(1).is_none());
        assert_eq!(connections.iter().len(), LANES);
        let ids: Vec<u64> = connections.iter().map(|lane| lane.connection).collect();
        assert!(ids.is_sorted());
    }

    proptest! {
        /// Whatever comes in whatever order: stretches follow each other, and lanes stay in order and bounded.
        #[test]
        fn stretches_never_overlap(
            requests in proptest::collection::vec((1u64..700, proptest::array::uniform5(0u64..300)), 0..40),
            window in (0u64..400, 0u64..400),
        ) {
            let mut connections = Connections::default();
            for (number, (connection, steps)) in requests.iter().enumerate() {
                let mut at = 0;
                let steps = steps.map(|step| { at += step; at });
                connections.exchange(&exchange(*connection, number as u32 + 1, steps));
            }
            prop_assert!(connections.iter().len() <= LANES);
            let ids: Vec<u64> = connections.iter().map(|lane| lane.connection).collect();
            prop_assert!(ids.is_sorted());
            for lane in connections.iter() {
                let (stretches, _) = lane.stretches(ms(window.0), ms(window.0 + window.1), ms(2_000));
                for pair in stretches.windows(2) {
                    prop_assert!(pair[0].to <= pair[1].from && pair[0].from < pair[0].to);
                }
            }
        }
    }
}
