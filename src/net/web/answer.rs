//! From a request to its answer: which method, which file, which conditions, which range, and by which rule the status was decided. The response's head
//! and small contents are written into the output; the rest is named.
//!
//! It stands apart from the connection because it never waits: it reads files, which the system has in memory, and writes bytes.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::Trace;
use super::page;
use super::send::Piece;
use crate::net::files::{Content, Entity, Files, Found, Wanted};
use crate::proto::http::coding::{Accepted, Coding};
use crate::proto::http::conditional::{self, Preconditions, Retrieval, Validators, Verdict};
use crate::proto::http::date;
use crate::proto::http::etag::{self, EntityTag};
use crate::proto::http::media::{self, MediaType};
use crate::proto::http::range::{self, Boundary, ByteRange, Multipart, Selection};
use crate::proto::http::request::{Head, Lines, Message, Method, Span};
use crate::proto::http::response::{self, Block, Connection, EntityFields, Vary};
use crate::proto::http::rule::Rule;
use crate::proto::http::service::Service;
use crate::proto::http::status::Status;
use crate::proto::http::target::{self, Target};
use crate::trace::web::Cause;
use crate::words::Words;

/// Contents up to this many bytes are copied behind their head; a longer one is handed over from where it lies.
const INLINE: u64 = 16 * 1_024;
/// Seconds after which a client that was refused for want of room may come again (RFC 9110 §10.2.3).
const RETRY_AFTER: u64 = 1;
const ALLOWED: &str = "GET, HEAD, OPTIONS";
const ALLOWED_WITH_TRACE: &str = "GET, HEAD, OPTIONS, TRACE";
const HTML: &str = "text/html; charset=utf-8";

/// What becomes of the connection once a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It stays open.
    Stay,
    /// It stays open, and a client of HTTP/1.0 has to be told.
    SayStay,
    Close(Cause),
}

impl After {
    fn said(self) -> Connection {
        match self {
            After::Stay => Connection::Unsaid,
            After::SayStay => Connection::KeepAlive,
            After::Close(_) => Connection::Close,
        }
    }
}

/// A request to be answered.
pub struct Question<'a> {
    pub head: &'a Head,
    pub bytes: &'a [u8],
    pub message: &'a Message,
    pub service: &'a Service,
    pub after: After,
    pub now: Instant,
    pub wall: SystemTime,
}

impl<'a> Question<'a> {
    fn span(&self, span: Option<Span>) -> Option<&'a [u8]> {
        span.map(|span| span.of(self.bytes))
    }

    fn lines(&self, lines: Option<Lines>) -> Vec<&'a [u8]> {
        lines.map_or_else(Vec::new, |lines| {
            lines.values(self.head, self.bytes).collect()
        })
    }

    fn manner(&self) -> Manner {
        Manner {
            said: self.after.said(),
            is_head: self.head.method == Method::Head,
            wall: self.wall,
        }
    }
}

/// What an answer depends on besides its content.
#[derive(Clone, Copy)]
struct Manner {
    said: Connection,
    /// Only the head goes out.
    is_head: bool,
    wall: SystemTime,
}

/// An answer, its head and the beginning of its content written into the output.
pub struct Answer {
    pub status: Status,
    pub rule: Rule,
    /// Where the head lies in the output.
    pub head: Range<usize>,
    /// Bytes of content behind it.
    pub inline: usize,
    /// What is to be sent behind that.
    pub rest: Vec<Piece>,
}

/// What a file says about itself, made once.
#[derive(Debug)]
pub struct Prepared {
    media_type: MediaType,
    /// As a field value.
    etag: String,
    last_modified: Option<u64>,
    block: Block,
}

/// Answers requests. Used from one thread.
pub struct Answerer {
    files: Files,
    trace: Trace,
    words: Words,
    date: date::Cached,
}

/// An answer that the server writes itself.
struct Page<'a> {
    rule: Rule,
    status: Status,
    media_type: &'static str,
    content: Vec<u8>,
    extra: Extra<'a>,
}

/// A field that only some answers have.
enum Extra<'a> {
    Nothing,
    Allow(&'static str),
    Location(&'a str),
    RetryAfter(u64),
    /// Of a representation of this length no byte was asked for.
    Length(u64),
}

impl Answerer {
    pub fn new(files: Files, trace: Trace, words: Words) -> Self {
        Self {
            files,
            trace,
            words,
            date: date::Cached::new(0),
        }
    }

    /// Answers a request whose head was understood and whose body has been read.
    pub fn answer(&mut self, question: &Question, out: &mut Vec<u8>) -> Answer {
        match self.decide(question, out) {
            Ok(answer) => answer,
            Err(rule) => self.page(self.of_rule(rule, rule.status()), question.manner(), out),
        }
    }

    /// Answers that a request is none, or comes at a bad time. The connection is closed behind it.
    pub fn refuse(
        &mut self,
        rule: Rule,
        is_head: bool,
        wall: SystemTime,
        out: &mut Vec<u8>,
    ) -> Answer {
        let manner = Manner {
            said: Connection::Close,
            is_head,
            wall,
        };
        self.page(self.of_rule(rule, rule.status()), manner, out)
    }

    fn decide(&mut self, question: &Question, out: &mut Vec<u8>) -> Result<Answer, Rule> {
        let method = question.head.method;
        let asked = match method {
            Method::Unknown => return Err(Rule::UnknownMethod),
            Method::Connect => target::Asked::Connect,
            Method::Options => target::Asked::Options,
            _ => target::Asked::Resource,
        };
        let raw = question.head.target.of(question.bytes);
        let (path, query) = match Target::parse(raw, asked)? {
            Target::Origin { path, query } | Target::Absolute { path, query, .. } => (path, query),
            Target::Asterisk => return Ok(self.options(question, out)),
            Target::Authority(_) => return Err(Rule::MethodNotAllowed),
        };
        if let Some(status) = question.service.forced(path) {
            let page = self.of_rule(Rule::Forced, status);
            return Ok(self.page(page, question.manner(), out));
        }
        match method {
            Method::Get | Method::Head => self.file(path, query, question, out),
            Method::Options => Ok(self.options(question, out)),
            Method::Trace if self.trace == Trace::Answered => Ok(self.echo(question, out)),
            _ => Err(Rule::MethodNotAllowed),
        }
    }

    fn file(
        &mut self,
        path: &[u8],
        query: Option<&[u8]>,
        question: &Question,
        out: &mut Vec<u8>,
    ) -> Result<Answer, Rule> {
        let accepted = Accepted::of(&question.lines(question.message.asked.accept_encoding));
        let codings: Vec<Coding> = accepted.iter().collect();
        if let Some(entity) = self.files.lookup(path, &codings, question.now) {
            return Ok(self.entity(&entity, question, out));
        }
        let decoded = target::Path::decode(path)?;
        let segments: Vec<&str> = decoded.segments().collect();
        let wanted = Wanted {
            raw: path,
            segments: &segments,
            ends_with_slash: decoded.ends_with_slash(),
            codings: &codings,
        };
        match self.files.find(&wanted, question.now, question.wall)? {
            Found::File(entity) => Ok(self.entity(&entity, question, out)),
            Found::Listing(html) => {
                let page = Page {
                    rule: Rule::Listed,
                    status: Rule::Listed.status(),
                    media_type: HTML,
                    content: html.into_bytes(),
                    extra: Extra::Nothing,
                };
                Ok(self.page(page, question.manner(), out))
            }
            Found::Redirect => {
                let location = decoded.redirect_location(query);
                let rule = Rule::FolderNeedsSlash;
                let page = Page {
                    extra: Extra::Location(&location),
                    ..self.of_rule(rule, rule.status())
                };
                Ok(self.page(page, question.manner(), out))
            }
        }
    }

    /// A file, as the request's conditions and range want it.
    fn entity(&mut self, entity: &Arc<Entity>, question: &Question, out: &mut Vec<u8>) -> Answer {
        let prepared = entity
            .prepared
            .get_or_init(|| prepare(entity, question.wall));
        let asked = &question.message.asked;
        let (if_match, if_none_match) = (
            question.lines(asked.if_match),
            question.lines(asked.if_none_match),
        );
        let preconditions = Preconditions {
            if_match: &if_match,
            if_none_match: &if_none_match,
            if_modified_since: question.span(asked.if_modified_since),
            if_unmodified_since: question.span(asked.if_unmodified_since),
            if_range: question.span(asked.if_range),
            range: question.span(asked.range),
        };
        let manner = question.manner();
        let retrieval = match manner.is_head {
            true => Retrieval::Head,
            false => Retrieval::Get,
        };
        let validators = Validators {
            etag: EntityTag::parse(prepared.etag.as_bytes()),
            last_modified: prepared.last_modified,
        };
        match conditional::evaluate(retrieval, &preconditions, &validators) {
            Verdict::Whole => self.whole(entity, prepared, manner, out),
            Verdict::NotModified(rule) => {
                let start = out.len();
                self.start(rule.status(), manner.wall, out)
                    .validators(&prepared.block)
                    .connection(manner.said)
                    .end();
                written(rule.status(), rule, start, out)
            }
            Verdict::Failed(rule) => self.page(self.of_rule(rule, rule.status()), manner, out),
            Verdict::Range(field) => match range::select(field, entity.length) {
                Selection::Ignored => self.whole(entity, prepared, manner, out),
                Selection::Single(range) => self.single(entity, prepared, range, manner, out),
                Selection::Several(ranges) => self.several(entity, prepared, &ranges, manner, out),
                Selection::Unsatisfiable => {
                    let rule = Rule::RangeNotSatisfiable;
                    let page = Page {
                        extra: Extra::Length(entity.length),
                        ..self.of_rule(rule, rule.status())
                    };
                    self.page(page, manner, out)
                }
            },
        }
    }

    fn whole(
        &mut self,
        entity: &Arc<Entity>,
        prepared: &Prepared,
        manner: Manner,
        out: &mut Vec<u8>,
    ) -> Answer {
        let start = out.len();
        self.start(Status::OK, manner.wall, out)
            .block(&prepared.block)
            .number("Content-Length", entity.length)
            .connection(manner.said)
            .end();
        let mut answer = written(Status::OK, Rule::Found, start, out);
        if !manner.is_head {
            append(entity, 0..entity.length, &mut answer, out);
        }
        answer
    }

    fn single(
        &mut self,
        entity: &Arc<Entity>,
        prepared: &Prepared,
        range: ByteRange,
        manner: Manner,
        out: &mut Vec<u8>,
    ) -> Answer {
        let start = out.len();
        self.start(Status::PARTIAL_CONTENT, manner.wall, out)
            .block(&prepared.block)
            .content_range(range, entity.length)
            .number("Content-Length", range.count())
            .connection(manner.said)
            .end();
        let mut answer = written(Status::PARTIAL_CONTENT, Rule::RangeSelected, start, out);
        append(entity, range.first..range.last + 1, &mut answer, out);
        answer
    }

    fn several(
        &mut self,
        entity: &Arc<Entity>,
        prepared: &Prepared,
        ranges: &[ByteRange],
        manner: Manner,
        out: &mut Vec<u8>,
    ) -> Answer {
        let boundary = Boundary::new(rand::random());
        let multipart = Multipart::new(boundary, prepared.media_type, entity.length);
        let start = out.len();
        self.start(Status::PARTIAL_CONTENT, manner.wall, out)
            .validators(&prepared.block)
            .field("Content-Type", multipart.content_type())
            .number("Content-Length", multipart.content_length(ranges))
            .connection(manner.said)
            .end();
        let mut answer = written(Status::PARTIAL_CONTENT, Rule::RangeSelected, start, out);
        for range in ranges {
            let mut head = Vec::new();
            multipart.write_part_head(*range, &mut head);
            answer.rest.push(Piece::Bytes(head));
            let part = range.first..range.last + 1;
            answer.rest.push(Piece::Entity(entity.clone(), part));
        }
        let mut end = Vec::new();
        multipart.write_end(&mut end);
        answer.rest.push(Piece::Bytes(end));
        answer
    }

    /// What may be asked for here (RFC 9110 §9.3.7).
    fn options(&mut self, question: &Question, out: &mut Vec<u8>) -> Answer {
        let start = out.len();
        let rule = Rule::OptionsAsked;
        let allowed = self.allowed();
        self.start(rule.status(), question.wall, out)
            .field("Allow", allowed)
            .connection(question.after.said())
            .end();
        written(rule.status(), rule, start, out)
    }

    /// The request as it came, without what a script must not see of its page's secrets (RFC 9110 §9.3.8).
    fn echo(&mut self, question: &Question, out: &mut Vec<u8>) -> Answer {
        let head = &question.bytes[question.head.started..question.head.length];
        let is_secret = |line: &[u8]| {
            let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
            [&b"cookie"[..], b"authorization", b"proxy-authorization"]
                .iter()
                .any(|secret| name.eq_ignore_ascii_case(secret))
        };
        let lines = head.split_inclusive(|&byte| byte == b'\n');
        let content: Vec<u8> = lines
            .filter(|line| !is_secret(line))
            .flatten()
            .copied()
            .collect();
        let page = Page {
            rule: Rule::TraceAsked,
            status: Rule::TraceAsked.status(),
            media_type: "message/http",
            content,
            extra: Extra::Nothing,
        };
        self.page(page, question.manner(), out)
    }

    fn allowed(&self) -> &'static str {
        match self.trace {
            Trace::Refused => ALLOWED,
            Trace::Answered => ALLOWED_WITH_TRACE,
        }
    }

    /// The page that says which rule decided.
    fn of_rule(&self, rule: Rule, status: Status) -> Page<'static> {
        let content = match status.forbids_content() {
            true => Vec::new(),
            false => page::of_rule(rule, status, self.words).into_bytes(),
        };
        Page {
            rule,
            status,
            media_type: HTML,
            content,
            extra: match rule {
                Rule::MethodNotAllowed => Extra::Allow(self.allowed()),
                Rule::TooManyConnections | Rule::OutOfResources => Extra::RetryAfter(RETRY_AFTER),
                _ => Extra::Nothing,
            },
        }
    }

    fn page(&mut self, page: Page, manner: Manner, out: &mut Vec<u8>) -> Answer {
        let start = out.len();
        let head = self.start(page.status, manner.wall, out);
        let head = match page.extra {
            Extra::Nothing => head,
            Extra::Allow(methods) => head.field("Allow", methods),
            Extra::Location(location) => head.field("Location", location),
            Extra::RetryAfter(seconds) => head.number("Retry-After", seconds),
            Extra::Length(length) => head.unsatisfied_range(length),
        };
        let head = match page.status.forbids_content() {
            true => head,
            false => head
                .field("Cache-Control", "no-cache")
                .field("Content-Type", page.media_type)
                .number("Content-Length", page.content.len() as u64),
        };
        head.connection(manner.said).end();
        let mut answer = written(page.status, page.rule, start, out);
        if !manner.is_head {
            answer.inline = page.content.len();
            out.extend_from_slice(&page.content);
        }
        answer
    }

    fn start<'a>(
        &mut self,
        status: Status,
        wall: SystemTime,
        out: &'a mut Vec<u8>,
    ) -> response::Head<'a> {
        let seconds = since_1970(wall).as_secs();
        response::Head::start(out, status, self.date.at(seconds))
    }
}

/// An answer whose head has just been written.
fn written(status: Status, rule: Rule, start: usize, out: &[u8]) -> Answer {
    Answer {
        status,
        rule,
        head: start..out.len(),
        inline: 0,
        rest: Vec::new(),
    }
}

/// Puts a part of a file behind its head.
fn append(entity: &Arc<Entity>, range: Range<u64>, answer: &mut Answer, out: &mut Vec<u8>) {
    match &entity.content {
        Content::Memory(bytes) if range.end - range.start <= INLINE => {
            let part = &bytes[range.start as usize..range.end as usize];
            out.extend_from_slice(part);
            answer.inline = part.len();
        }
        _ => answer.rest.push(Piece::Entity(entity.clone(), range)),
    }
}

fn since_1970(wall: SystemTime) -> Duration {
    wall.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

/// What a file says about itself.
fn prepare(entity: &Entity, wall: SystemTime) -> Prepared {
    let now = since_1970(wall);
    // A time before 1970 can't be written as a date of HTTP that means something.
    let modified = entity
        .modified
        .and_then(|nanoseconds| u64::try_from(nanoseconds).ok())
        .map(Duration::from_nanos);
    let etag = etag::of_version(entity.version, entity.settled);
    let last_modified = modified.map(|modified| date::last_modified(modified, now));
    let media_type = media::of(&entity.name);
    let block = Block::new(&EntityFields {
        media_type,
        coding: entity.coding,
        etag: Some(&etag),
        last_modified,
        vary: match entity.varies {
            true => Vary::AcceptEncoding,
            false => Vary::Nothing,
        },
    });
    Prepared {
        media_type,
        etag,
        last_modified,
        block,
    }
}
