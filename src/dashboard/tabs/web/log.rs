//! The requests that were answered, refused or cut short: the newest [`ROWS`], with the raw bytes of the newest up to [`RAW_BYTES`].
//!
//! Taking one in costs the same however many there are: what the filter lets through is kept as a list beside the rows and grows with them. Only
//! an order other than that of time is made anew, when it is looked at and something has changed.

use std::collections::VecDeque;

use super::filter::{Filter, Subject};
use crate::trace::web::{Cause, ConnectionId, Exchange, Message, Part};

/// Requests that are kept.
pub const ROWS: usize = 5_000;
/// Raw bytes of requests and responses that are kept; older rows keep their request line only.
pub const RAW_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of a request that a row keeps when its raw bytes make room.
const LINE_KEPT: usize = 256;

/// A row of the log. Ids count up from 1 and are never used twice.
pub type RowId = u64;

#[derive(Debug, Clone)]
pub struct Row {
    pub id: RowId,
    pub marked: bool,
    /// Whether the raw bytes are still there as far as the server kept them.
    pub whole: bool,
    /// Why the connection was closed, where nothing was ever asked on it; the exchange then is an empty one.
    pub unheard: Option<Cause>,
    pub exchange: Box<Exchange>,
}

impl Row {
    fn raw_bytes(&self) -> usize {
        self.exchange.request.bytes.len() + self.exchange.response.bytes.len()
    }

    fn subject(&self) -> Subject<'_> {
        let Exchange { request, parts, .. } = &*self.exchange;
        Subject {
            status: self.exchange.status,
            method: part(request, &parts.method),
            target: part(request, &parts.target),
            user_agent: parts
                .user_agent
                .as_ref()
                .map_or(b"", |range| part(request, range)),
            client: self.exchange.client,
            connection: self.exchange.connection,
            rule: self.exchange.rule.map_or("", |rule| rule.name()),
            marked: self.marked,
        }
    }
}

/// A part of a message, as far as its bytes were kept.
pub fn part<'a>(message: &'a Message, range: &Part) -> &'a [u8] {
    let kept = message.bytes.len();
    let at = |place: u32| usize::try_from(place).map_or(kept, |place| place.min(kept));
    message
        .bytes
        .get(at(range.start)..at(range.end))
        .unwrap_or(b"")
}

/// In which order the log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Newest first.
    Time,
    /// Longest first.
    Duration,
    /// Most content first.
    Bytes,
    /// Server errors first; what got no answer before them.
    Status,
}

impl Sort {
    pub const ALL: [Sort; 4] = [Sort::Time, Sort::Duration, Sort::Bytes, Sort::Status];
}

#[derive(Debug, Clone, Default)]
pub struct Log {
    rows: VecDeque<Row>,
    /// Of the newest row ever.
    last_id: RowId,
    /// Raw bytes kept now.
    raw_bytes: usize,
    /// The oldest row that still has its raw bytes.
    oldest_whole: RowId,
    filter: Option<Filter>,
    /// The rows that the filter lets through, oldest first; empty without a filter.
    passing: VecDeque<RowId>,
    /// Counts every change, so that an order made before it is known to be stale.
    revision: u64,
    ranked: Ranked,
}

/// The rows shown in an order other than that of time.
#[derive(Debug, Clone, Default)]
struct Ranked {
    made_for: Option<(Sort, u64)>,
    ids: Vec<RowId>,
}

impl Log {
    pub fn push(&mut self, exchange: Box<Exchange>, unheard: Option<Cause>) {
        if self.rows.len() == ROWS {
            self.forget_oldest();
        }
        self.last_id += 1;
        let row = Row {
            id: self.last_id,
            marked: false,
            whole: true,
            unheard,
            exchange,
        };
        if self
            .filter
            .as_ref()
            .is_some_and(|filter| filter.matches(&row.subject()))
        {
            self.passing.push_back(row.id);
        }
        self.raw_bytes += row.raw_bytes();
        self.rows.push_back(row);
        while self.raw_bytes > RAW_BYTES && self.oldest_whole < self.last_id {
            self.thin_oldest();
        }
        self.revision += 1;
    }

    fn forget_oldest(&mut self) {
        if let Some(row) = self.rows.pop_front() {
            self.raw_bytes -= row.raw_bytes();
            if self.passing.front() == Some(&row.id) {
                self.passing.pop_front();
            }
        }
    }

    /// Cuts the oldest whole row down to its request line.
    fn thin_oldest(&mut self) {
        let oldest = self.rows.front().map_or(0, |row| row.id);
        let id = self.oldest_whole.max(oldest);
        self.oldest_whole = id + 1;
        let Some(row) = self.row_mut(id) else { return };
        let before = row.raw_bytes();
        row.whole = false;
        let kept = row
            .exchange
            .parts
            .version
            .end
            .max(row.exchange.parts.target.end);
        let kept = usize::try_from(kept).unwrap_or(LINE_KEPT).min(LINE_KEPT);
        let request = &mut row.exchange.request;
        if request.bytes.len() > kept {
            request.bytes = request.bytes[..kept].into();
        }
        row.exchange.response.bytes = Box::default();
        let after = row.raw_bytes();
        self.raw_bytes -= before - after;
    }

    fn place(&self, id: RowId) -> Option<usize> {
        let place = id.checked_sub(self.rows.front()?.id)?;
        usize::try_from(place)
            .ok()
            .filter(|place| *place < self.rows.len())
    }

    pub fn row(&self, id: RowId) -> Option<&Row> {
        self.place(id).map(|place| &self.rows[place])
    }

    fn row_mut(&mut self, id: RowId) -> Option<&mut Row> {
        self.place(id).map(|place| &mut self.rows[place])
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Rows kept, whether the filter lets them through or not.
    pub fn kept(&self) -> usize {
        self.rows.len()
    }

    /// Rows that the filter lets through.
    pub fn len(&self) -> usize {
        match self.filter {
            Some(_) => self.passing.len(),
            None => self.rows.len(),
        }
    }

    /// The id of the row at a place of the order made last by [`Log::rank`].
    pub fn id_at(&self, sort: Sort, place: usize) -> Option<RowId> {
        if sort != Sort::Time {
            return self.ranked.ids.get(place).copied();
        }
        let back = self.len().checked_sub(place + 1)?;
        match self.filter {
            Some(_) => self.passing.get(back).copied(),
            None => self.rows.get(back).map(|row| row.id),
        }
    }

    /// Where a row stands in the order made last by [`Log::rank`]; `None` when the filter hides it or it is gone.
    pub fn place_of(&self, sort: Sort, id: RowId) -> Option<usize> {
        if sort != Sort::Time {
            return self.ranked.ids.iter().position(|other| *other == id);
        }
        let back = match self.filter {
            Some(_) => self.passing.binary_search(&id).ok()?,
            None => self.place(id)?,
        };
        Some(self.len() - 1 - back)
    }

    /// Brings the order up to date; costs nothing when nothing has changed, or for the order of time.
    pub fn rank(&mut self, sort: Sort) {
        let wanted = Some((sort, self.revision));
        if sort == Sort::Time || self.ranked.made_for == wanted {
            return;
        }
        let mut ids: Vec<RowId> = (0..self.len())
            .filter_map(|place| self.id_at(Sort::Time, place))
            .collect();
        // Equal rows stay in the order of time: newest first.
        ids.sort_by_cached_key(|id| {
            let exchange = self.row(*id).map(|row| &*row.exchange);
            std::cmp::Reverse(exchange.map_or(0, |exchange| weight(exchange, sort)))
        });
        self.ranked = Ranked {
            made_for: wanted,
            ids,
        };
    }

    pub fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }

    pub fn set_filter(&mut self, filter: Option<Filter>) {
        self.filter = filter;
        self.sift();
    }

    /// Asks the filter anew about every row.
    fn sift(&mut self) {
        self.passing.clear();
        if let Some(filter) = &self.filter {
            let passing = self
                .rows
                .iter()
                .filter(|row| filter.matches(&row.subject()));
            self.passing.extend(passing.map(|row| row.id));
        }
        self.revision += 1;
    }

    pub fn toggle_mark(&mut self, id: RowId) {
        if let Some(row) = self.row_mut(id) {
            row.marked = !row.marked;
            self.sift();
        }
    }

    pub fn clear(&mut self) {
        self.rows.clear();
        self.passing.clear();
        self.raw_bytes = 0;
        self.revision += 1;
    }

    /// The request of that number on a connection, or the newest for number 0, and whether the filter lets it through.
    pub fn find(&self, connection: ConnectionId, number: u32) -> Option<(RowId, bool)> {
        let is_it = |row: &&Row| {
            let exchange = &row.exchange;
            exchange.connection == connection && (number == 0 || exchange.number == number)
        };
        let row = self.rows.iter().rev().find(is_it)?;
        Some((row.id, self.place_of(Sort::Time, row.id).is_some()))
    }

    /// The newest request on a connection that the filter lets through.
    pub fn newest_of(&self, connection: ConnectionId) -> Option<&Row> {
        (0..self.len())
            .filter_map(|place| self.id_at(Sort::Time, place))
            .filter_map(|id| self.row(id))
            .find(|row| row.exchange.connection == connection)
    }
}

/// By what a row stands before another.
fn weight(exchange: &Exchange, sort: Sort) -> u128 {
    match sort {
        Sort::Time => exchange.timing.done.as_nanos(),
        Sort::Duration => exchange.timing.duration().as_nanos(),
        Sort::Bytes => exchange.content_sent.into(),
        Sort::Status => exchange
            .status
            .map_or(u128::from(u16::MAX), |status| status.code().into()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::proto::http::status::Status;
    use crate::trace::web::{Ending, Parts, Timing};
    use proptest::prelude::*;

    fn exchange(connection: ConnectionId, code: u16, bytes: usize) -> Box<Exchange> {
        let mut request = b"GET /x HTTP/1.1\r\n".to_vec();
        request.resize(bytes.max(request.len()), b'a');
        Box::new(Exchange {
            connection,
            number: 1,
            client: "127.0.0.1:1".parse().expect("a literal address"),
            timing: Timing {
                done: Duration::from_millis(u64::from(code)),
                ..Timing::default()
            },
            request: Message {
                length: request.len() as u64,
                bytes: request.into(),
            },
            parts: Parts {
                method: 0..3,
                target: 4..6,
                version: 7..15,
                ..Parts::default()
            },
            status: Status::new(code),
            rule: None,
            broken_at: None,
            response: Message::default(),
            response_head: 0,
            content_sent: u64::from(code) * 7 % 11,
            ending: Ending::Complete,
        })
    }

    fn ids(log: &Log, sort: Sort) -> Vec<RowId> {
        (0..log.len())
            .filter_map(|place| log.id_at(sort, place))
            .collect()
    }

    #[test]
    fn the_newest_rows_are_kept_and_known_by_their_ids() {
        let mut log = Log::default();
        for n in 1..=ROWS as u64 + 10 {
            log.push(exchange(n, 200, 0), None);
        }
        assert_eq!((log.kept(), log.len()), (ROWS, ROWS));
        assert!(log.row(10).is_none());
        let oldest = log.row(11).map(|row| row.exchange.connection);
        assert_eq!(oldest, Some(11));
        assert_eq!(log.id_at(Sort::Time, 0), Some(ROWS as u64 + 10));
        assert_eq!(log.place_of(Sort::Time, 11), Some(ROWS - 1));
        assert_eq!(log.place_of(Sort::Time, 10), None);
        log.clear();
        assert!(log.is_empty());
        log.push(exchange(1, 200, 0), None);
        assert_eq!(log.id_at(Sort::Time, 0), Some(ROWS as u64 + 11));
    }

    #[test]
    fn old_rows_give_up_their_bytes_but_not_their_request_line() {
        const LARGE: usize = 1 << 20;
        let mut log = Log::default();
        for n in 1..=40 {
            log.push(exchange(n, 200, LARGE), None);
        }
        assert!(log.raw_bytes <= RAW_BYTES, "{}", log.raw_bytes);
        let whole = log.rows.iter().filter(|row| row.whole).count();
        assert_eq!(whole, RAW_BYTES / LARGE - 1);
        let oldest = log.row(1).expect("all 40 rows are kept");
        assert!(!oldest.whole);
        assert_eq!(&*oldest.exchange.request.bytes, b"GET /x HTTP/1.1");
        assert_eq!(oldest.subject().target, b"/x");
        let counted: usize = log.rows.iter().map(Row::raw_bytes).sum();
        assert_eq!(counted, log.raw_bytes);
        // One that is larger than all there is room for is kept alone.
        log.push(exchange(41, 200, RAW_BYTES + 1), None);
        assert_eq!(log.rows.iter().filter(|row| row.whole).count(), 1);
    }

    #[test]
    fn a_part_outside_the_kept_bytes_is_empty_or_cut() {
        let message = Message {
            bytes: (*b"GET /x").into(),
            length: 100,
        };
        assert_eq!(part(&message, &(4..50)), b"/x");
        assert_eq!(part(&message, &(40..50)), b"");
        #[expect(clippy::reversed_empty_ranges, reason = "as a slip would write it")]
        let reversed = 5..4;
        assert_eq!(part(&message, &reversed), b"");
    }

    #[test]
    fn ranks_follow_what_has_changed() {
        let mut log = Log::default();
        for code in [200, 503, 404, 404] {
            log.push(exchange(1, code, 0), None);
        }
        log.rank(Sort::Status);
        assert_eq!(ids(&log, Sort::Status), [2, 4, 3, 1]);
        assert_eq!(log.place_of(Sort::Status, 3), Some(2));
        log.push(exchange(1, 500, 0), None);
        log.rank(Sort::Status);
        assert_eq!(ids(&log, Sort::Status), [2, 5, 4, 3, 1]);
        log.set_filter(Filter::parse("4xx").expect("a filter"));
        log.rank(Sort::Status);
        assert_eq!(ids(&log, Sort::Status), [4, 3]);
    }

    proptest! {
        /// What the filter lets through is the same, row by row or asked all at once.
        #[test]
        fn filtering_as_rows_come_is_filtering_them_all(
            codes in proptest::collection::vec(200u16..206, 0..60),
            marks in proptest::collection::vec(1u64..60, 0..5),
        ) {
            let filter = Filter::parse("!204 !marked").expect("a filter");
            let mut log = Log::default();
            log.set_filter(filter.clone());
            for code in &codes {
                log.push(exchange(1, *code, 0), None);
            }
            for id in marks {
                log.toggle_mark(id);
            }
            let kept = ids(&log, Sort::Time);
            log.set_filter(None);
            log.set_filter(filter);
            prop_assert_eq!(&kept, &ids(&log, Sort::Time));
            for (place, id) in kept.iter().enumerate() {
                prop_assert_eq!(log.place_of(Sort::Time, *id), Some(place));
            }
        }
    }
}
