//! What follows from the facts of a session: which command is next, and what each reply changes.

use super::ledger::refusal;
use super::*;
use crate::proto::smtp::code::Enhanced;

impl Client {
    /// What is to be done now; an error is the command whose reply must come first.
    pub(super) fn next(&self) -> Result<Wish, Stage> {
        let wish = self.wish();
        let follows = match (self.asked.back(), wish) {
            (None, _) => true,
            (Some(last), Wish::Say(next)) if self.is_pipelining() => may_follow(*last, next),
            _ => false,
        };
        match self.asked.front() {
            Some(first) if !follows => Err(first.stage()),
            _ => Ok(wish),
        }
    }

    fn wish(&self) -> Wish {
        let wish = self.facts_ask();
        if self.is_past_the_end(wish) {
            Wish::Nothing
        } else {
            wish
        }
    }

    fn facts_ask(&self) -> Wish {
        if matches!(self.login, Login::Answer(_)) {
            return Wish::Say(Asked::Auth);
        }
        if self.leaving.is_some() {
            return Wish::Say(Asked::Quit);
        }
        match (self.link, &self.hello) {
            (Link::Upgrading, _) => return Wish::Handshake,
            (_, Hello::Ehlo) => return Wish::Say(Asked::Ehlo),
            (_, Hello::Helo) => return Wish::Say(Asked::Helo),
            (Link::Clear, Hello::Done) if self.job.security == Security::StartTls => {
                return Wish::Say(Asked::StartTls);
            }
            _ => {}
        }
        if self.login != Login::Done {
            return Wish::Say(Asked::Auth);
        }
        let Some(letter) = &self.letter else {
            return Wish::Nothing;
        };
        let Some(measure) = &self.measure else {
            return Wish::Compose;
        };
        let Some(transaction) = &self.transaction else {
            return Wish::Say(Asked::Mail);
        };
        self.transaction_asks(letter, measure, transaction)
    }

    fn transaction_asks(
        &self,
        letter: &Letter,
        measure: &Measure,
        transaction: &Transaction,
    ) -> Wish {
        match transaction.body {
            Body::Before => {
                if let Some(who) = letter.todo.get(transaction.said) {
                    Wish::Say(Asked::Rcpt(*who))
                } else if transaction.open == 0 && !transaction.has_recipient() {
                    Wish::Say(Asked::Rset)
                } else if self.is_chunking() {
                    Wish::Say(Asked::Chunk {
                        last: measure.bytes <= CHUNK,
                    })
                } else {
                    Wish::Say(Asked::Data)
                }
            }
            Body::Open if transaction.has_recipient() => Wish::Say(Asked::Dot),
            Body::Open => Wish::Say(Asked::LoneDot),
            Body::Chunked(sent) if sent < measure.bytes => Wish::Say(Asked::Chunk {
                last: measure.bytes - sent <= CHUNK,
            }),
            Body::Refused => Wish::Say(Asked::Rset),
            Body::Asked | Body::Chunked(_) | Body::Out => Wish::Nothing,
        }
    }

    /// Whether a person wanted it to end before this.
    fn is_past_the_end(&self, wish: Wish) -> bool {
        let Some(last) = self.job.quit_after.and_then(|stage| self.rank(stage)) else {
            return false;
        };
        let again = self.link == Link::Encrypted && self.job.security == Security::StartTls;
        let next = match wish {
            Wish::Say(Asked::Quit) | Wish::Nothing => None,
            Wish::Say(Asked::Ehlo | Asked::Helo) if again => Some(4),
            Wish::Say(Asked::Rset) => self.rank(Stage::Data),
            Wish::Say(asked) => self.rank(asked.stage()),
            Wish::Handshake => self.rank(Stage::Tls),
            Wish::Compose => self.rank(Stage::Mail),
        };
        next.is_some_and(|next| next > last)
    }

    /// The order of the stages that lead to a message; after STARTTLS, EHLO comes again behind [`Stage::Tls`].
    fn rank(&self, stage: Stage) -> Option<u8> {
        let rank = match stage {
            Stage::Connect => 0,
            Stage::Banner => 1,
            Stage::Ehlo | Stage::Helo => 2,
            // With TLS from the first byte the greeting comes after it.
            Stage::Tls if self.job.security == Security::Tls => 1,
            // Nothing can be said between the two, and who asks for the one wants to see the other.
            Stage::StartTls | Stage::Tls => 3,
            Stage::Auth => 5,
            Stage::Mail => 6,
            Stage::Rcpt => 7,
            Stage::Data => 8,
            Stage::Dot | Stage::Bdat => 9,
            _ => return None,
        };
        Some(rank)
    }

    /// Where the next chunk begins, and how long it is.
    pub(super) fn chunk(&self) -> (u64, u64) {
        let from = match self.body() {
            Some(Body::Chunked(sent)) => sent,
            _ => 0,
        };
        let total = self.measure.map_or(0, |measure| measure.bytes);
        (from, total.saturating_sub(from).min(CHUNK))
    }

    pub(super) fn line(&mut self, asked: Asked) -> Line {
        let text = match asked {
            Asked::Ehlo => format!("EHLO {}", self.name),
            Asked::Helo => format!("HELO {}", self.name),
            Asked::StartTls => "STARTTLS".to_owned(),
            Asked::Auth => return self.auth_line(),
            Asked::Mail => self.mail_line(),
            Asked::Rcpt(who) => {
                let address = self.wire.as_ref().and_then(|wire| wire.to.get(who));
                format!("RCPT TO:<{}>", address.map_or("", String::as_str))
            }
            Asked::Data => "DATA".to_owned(),
            Asked::Rset => "RSET".to_owned(),
            Asked::Quit => "QUIT".to_owned(),
            Asked::Dot | Asked::LoneDot => ".".to_owned(),
            Asked::Banner | Asked::Chunk { .. } | Asked::ByHand(_) => String::new(),
        };
        Line::open(text.as_bytes())
    }

    fn auth_line(&mut self) -> Line {
        match (&self.login, &mut self.exchange) {
            (Login::Answer(line), _) => line.clone(),
            (_, Some(exchange)) => exchange.command(),
            (_, None) => Line::open(sasl::CANCEL),
        }
    }

    fn mail_line(&self) -> String {
        let mut line = "MAIL FROM:<".to_owned();
        let utf8 = self.wire.as_ref().is_some_and(|wire| {
            line.push_str(&wire.from);
            wire.utf8
        });
        line.push('>');
        if let Some(measure) = self.measure {
            if self.offers.size.is_some() {
                line.push_str(&format!(" SIZE={}", measure.bytes));
            }
            if measure.eight_bit && self.offers.eight_bit_mime {
                line.push_str(" BODY=8BITMIME");
            }
        }
        if utf8 {
            line.push_str(" SMTPUTF8");
        }
        line
    }

    /// The line of this command has gone out.
    pub(super) fn said(&mut self, asked: Asked) {
        self.asked.push_back(asked);
        match asked {
            Asked::Mail => self.transaction = Some(Transaction::new()),
            Asked::Auth => {
                self.login = match &self.login {
                    Login::Answer(line) if line.bytes() == sasl::CANCEL => Login::GivenUp,
                    _ => Login::Wanted,
                }
            }
            Asked::Dot | Asked::Chunk { .. } => self.writing = true,
            _ => {}
        }
        let (_, bytes) = self.chunk();
        let Some(transaction) = &mut self.transaction else {
            return;
        };
        match (asked, transaction.body) {
            (Asked::Rcpt(_), _) => {
                transaction.said += 1;
                transaction.open += 1;
            }
            (Asked::Data, _) => transaction.body = Body::Asked,
            (Asked::Dot | Asked::LoneDot, _) => transaction.body = Body::Out,
            (Asked::Chunk { .. }, Body::Chunked(sent)) => {
                transaction.body = Body::Chunked(sent + bytes);
            }
            (Asked::Chunk { .. }, _) => transaction.body = Body::Chunked(bytes),
            _ => {}
        }
    }

    /// Whether the command went out in one group with one that was refused since, so that its reply decides nothing (RFC 2920 §3.1).
    pub(super) fn is_moot(&self, asked: Asked) -> bool {
        let Some(transaction) = &self.transaction else {
            return false;
        };
        let is_refused = transaction.sender == Some(Sender::Refused);
        match asked {
            Asked::Rcpt(_) => is_refused,
            Asked::Data | Asked::LoneDot | Asked::Chunk { .. } => {
                is_refused || !transaction.has_recipient()
            }
            _ => false,
        }
    }

    /// A reply has come, whatever it says.
    pub(super) fn answered(&mut self, asked: Asked) {
        if asked == Asked::Banner {
            self.greeted = true;
        }
        if let (Asked::Rcpt(_), Some(transaction)) = (asked, &mut self.transaction) {
            transaction.open = transaction.open.saturating_sub(1);
        }
    }

    /// Draws the conclusions from a reply, and tells whether it was the wanted one.
    pub(super) fn take(&mut self, asked: Asked, reply: &mut Reply) -> bool {
        self.answered(asked);
        let is_positive = reply.code.class() == Class::Positive;
        match asked {
            Asked::Banner => self.or_refused(is_positive, asked, reply),
            Asked::Ehlo if matches!(reply.code.0, 500 | 502 | 504 | 550) => {
                self.hello = Hello::Helo;
                false
            }
            Asked::Ehlo | Asked::Helo => {
                if is_positive {
                    self.greet(asked, reply);
                }
                self.or_refused(is_positive, asked, reply)
            }
            Asked::StartTls => self.take_start_tls(reply),
            Asked::Auth => self.take_auth(reply),
            Asked::Mail | Asked::Rcpt(_) | Asked::Data => self.take_envelope(asked, reply),
            Asked::Dot | Asked::LoneDot | Asked::Chunk { .. } => self.take_body(asked, reply),
            Asked::Rset => {
                self.transaction = None;
                self.finish_letter_or_go_on();
                is_positive
            }
            Asked::Quit => {
                if is_positive && self.leaving == Some(None) {
                    self.stage = self.last_stage();
                }
                self.close();
                is_positive
            }
            Asked::ByHand(stage) => self.take_by_hand(stage, reply),
        }
    }

    /// Where a session ended that came to its proper end: at QUIT if nothing was refused.
    fn last_stage(&self) -> Stage {
        match self.ledger.outcome() {
            Outcome::Sent => Stage::Quit,
            _ => self.stage,
        }
    }

    /// Where a session can't go on without this, it ends with QUIT (RFC 5321 §3.1).
    fn or_refused(&mut self, is_wanted: bool, asked: Asked, reply: &Reply) -> bool {
        if !is_wanted {
            self.refuse_session(&verdict(asked.stage(), reply));
        }
        is_wanted
    }

    fn greet(&mut self, asked: Asked, reply: &mut Reply) {
        self.hello = Hello::Done;
        self.wire = None;
        self.offers = Capabilities::default();
        if asked == Asked::Ehlo {
            self.offers = Capabilities::read(reply);
            for oddity in &self.offers.odd {
                note(reply, *oddity);
            }
        }
        if self.job.security == Security::StartTls
            && self.link == Link::Clear
            && !self.offers.starttls
        {
            self.leave(Some(Outcome::Failed(Failure::Tls(TlsFailure::NotOffered))));
        }
    }

    fn take_start_tls(&mut self, reply: &Reply) -> bool {
        let is_wanted = reply.code == Code(220);
        if is_wanted {
            self.link = Link::Upgrading;
        } else {
            let failure = Failure::Tls(TlsFailure::Refused(reply.code));
            self.leave(Some(Outcome::Failed(failure)));
        }
        is_wanted
    }

    fn take_auth(&mut self, reply: &mut Reply) -> bool {
        match reply.code {
            Code(235) => {
                self.login = Login::Done;
                // A person may have found the right password after all.
                if self.leaving == Some(Some(Outcome::LoginRefused)) {
                    self.leaving = None;
                    self.login_refusal = None;
                }
                true
            }
            // A server that goes on asking would do so for ever.
            Code(334) if self.login != Login::GivenUp => {
                let challenge = reply.lines.last().map_or(&b""[..], |line| line);
                let answer =
                    (self.exchange.as_mut()).and_then(|exchange| exchange.answer(challenge));
                if sasl::decode(challenge).is_none() {
                    note(reply, Oddity::NotBase64);
                }
                self.login = Login::Answer(answer.unwrap_or_else(|| Line::open(sasl::CANCEL)));
                true
            }
            _ => {
                self.login = Login::Done;
                let verdict = verdict(Stage::Auth, reply);
                match reply.code.class() {
                    Class::Transient => self.refuse_session(&verdict),
                    _ => {
                        self.login_refusal = Some(verdict);
                        self.leave(Some(Outcome::LoginRefused));
                    }
                }
                false
            }
        }
    }

    fn take_envelope(&mut self, asked: Asked, reply: &Reply) -> bool {
        let is_positive = reply.code.class() == Class::Positive;
        let (Some(letter), Some(transaction)) = (&mut self.letter, &mut self.transaction) else {
            return is_positive;
        };
        match asked {
            Asked::Data if reply.code == Code(354) => {
                transaction.body = Body::Open;
                return true;
            }
            Asked::Mail if is_positive => transaction.sender = Some(Sender::Accepted),
            Asked::Mail => {
                let verdict = verdict(Stage::Mail, reply);
                transaction.sender = Some(Sender::Refused);
                letter.decide_rest(refusal(&verdict), Some(&verdict));
            }
            Asked::Rcpt(_) if transaction.sender == Some(Sender::Refused) => {}
            Asked::Rcpt(who) if is_positive => transaction.accepted.push(who),
            Asked::Rcpt(who) if is_too_many(reply) && !transaction.accepted.is_empty() => {
                letter.later.push(who);
            }
            Asked::Rcpt(who) => {
                let verdict = verdict(Stage::Rcpt, reply);
                letter.decide(who, refusal(&verdict), Some(&verdict));
            }
            _ => {
                let verdict = verdict(asked.stage(), reply);
                for who in std::mem::take(&mut transaction.accepted) {
                    letter.decide(who, refusal(&verdict), Some(&verdict));
                }
                transaction.body = Body::Refused;
                return false;
            }
        }
        is_positive
    }

    fn take_body(&mut self, asked: Asked, reply: &Reply) -> bool {
        let is_positive = reply.code.class() == Class::Positive;
        let is_cut_short = self.writing && asked == Asked::Dot;
        let (Some(letter), Some(transaction)) = (&mut self.letter, &mut self.transaction) else {
            return is_positive;
        };
        let is_refused_chunk = matches!(asked, Asked::Chunk { .. }) && !is_positive;
        if is_refused_chunk || !matches!(asked, Asked::Chunk { last: false }) {
            let verdict = verdict(asked.stage(), reply);
            let fate = if is_positive {
                RecipientFate::Accepted
            } else {
                refusal(&verdict)
            };
            for who in std::mem::take(&mut transaction.accepted) {
                letter.decide(who, fate, Some(&verdict));
            }
        }
        if is_refused_chunk {
            // RFC 3030 §2: after a chunk that failed nothing but RSET helps.
            transaction.body = Body::Refused;
        } else if !matches!(asked, Asked::Chunk { last: false }) {
            self.transaction = None;
            if is_cut_short {
                // The server would take all that follows for the rest of the message (RFC 5321 §4.2.5).
                self.leave(None);
                self.close();
            } else {
                self.finish_letter_or_go_on();
            }
        }
        is_positive
    }

    /// A line that a person typed has its effect where it succeeds.
    fn take_by_hand(&mut self, stage: Stage, reply: &mut Reply) -> bool {
        let is_positive = reply.code.class() == Class::Positive;
        match stage {
            Stage::Ehlo | Stage::Helo if is_positive => {
                self.undo_transaction();
                let asked = if stage == Stage::Ehlo {
                    Asked::Ehlo
                } else {
                    Asked::Helo
                };
                self.greet(asked, reply);
            }
            Stage::Rset if is_positive => self.undo_transaction(),
            Stage::StartTls if reply.code == Code(220) => return self.take_start_tls(reply),
            Stage::Auth if matches!(reply.code, Code(235 | 334)) => return self.take_auth(reply),
            Stage::Mail if is_positive && self.transaction.is_none() => {
                self.transaction = Some(Transaction {
                    sender: Some(Sender::Accepted),
                    ..Transaction::new()
                });
            }
            _ => {}
        }
        match (stage, &mut self.transaction) {
            (Stage::Rcpt, Some(transaction)) if is_positive => {
                transaction.by_hand += 1;
                true
            }
            (Stage::Data, Some(transaction)) if reply.code == Code(354) => {
                transaction.body = Body::Open;
                true
            }
            _ => is_positive,
        }
    }

    fn undo_transaction(&mut self) {
        self.transaction = None;
        if let Some(letter) = &mut self.letter {
            letter.restart();
        }
    }

    /// The server ends the session (RFC 5321 §3.8): nothing more is said.
    pub(super) fn shut(&mut self, verdict: &Verdict) {
        if self.leaving.is_none() {
            self.refuse_session(verdict);
        }
        self.close();
    }

    /// The server serves nobody now: the message at hand gets this verdict.
    fn refuse_session(&mut self, verdict: &Verdict) {
        self.mark_letter(refusal(verdict), verdict);
        self.leave(None);
    }

    /// Decides about those of the message at hand, or of the next one, who are not decided yet.
    fn mark_letter(&mut self, fate: RecipientFate, verdict: &Verdict) {
        if self.letter.is_none() {
            self.letter = self.ledger.take();
        }
        if let Some(letter) = &mut self.letter {
            letter.decide_rest(fate, Some(verdict));
        }
        self.finish_letter();
    }

    /// Goes on with the recipients that the server did not take at once, or with the next message.
    fn finish_letter_or_go_on(&mut self) {
        match &mut self.letter {
            Some(letter) if !letter.later.is_empty() => {
                letter.todo = std::mem::take(&mut letter.later);
            }
            _ => self.finish_letter(),
        }
    }

    /// The message at hand is decided, as far as it will be.
    pub(super) fn finish_letter(&mut self) {
        self.transaction = None;
        self.measure = None;
        let Some(letter) = self.letter.take() else {
            return;
        };
        let again = matches!(self.job.retry, Retry::After { times, .. } if self.attempt <= times);
        let number = letter.number;
        let recipients = self.ledger.enter(letter, again);
        let is_tried = |recipient: &Recipient| recipient.fate != RecipientFate::NotTried;
        if recipients.iter().any(is_tried) {
            self.decided.push_back((number, recipients));
        }
    }

    /// Draws the conclusions that need no further word from the server.
    pub(super) fn settle(&mut self) {
        if self.closed || !self.asked.is_empty() {
            return;
        }
        if let Some(transaction) = &self.transaction
            && transaction.sender == Some(Sender::Refused)
            && transaction.body == Body::Before
        {
            self.finish_letter();
        }
        self.check_mechanism();
        if self.is_ready_for_mail() {
            if self.is_past_the_end(Wish::Compose) {
                self.leave(Some(Outcome::Stopped));
            } else {
                self.prepare();
            }
        }
        if self.leaving.is_none() && self.is_past_the_end(self.facts_ask()) {
            self.leave(Some(Outcome::Stopped));
        }
        let is_deaf = self.body() == Some(Body::Open) || self.link == Link::Upgrading;
        if self.leaving.is_some() && is_deaf {
            self.close();
        }
    }

    /// A mechanism that is not offered is not tried.
    fn check_mechanism(&mut self) {
        let is_next = self.facts_ask() == Wish::Say(Asked::Auth) && self.login == Login::Wanted;
        let Some(exchange) = self.exchange.as_ref().filter(|_| is_next) else {
            return;
        };
        let wanted = exchange.mechanism().keyword();
        if !self.offers.auth.iter().any(|offered| offered == wanted) {
            let need = Need::Mechanism {
                wanted: wanted.to_owned(),
                offered: self.offers.auth.clone(),
            };
            self.leave(Some(Outcome::Failed(Failure::NotOffered(need))));
        }
    }

    /// Whether all that comes before the first message is done.
    fn is_ready_for_mail(&self) -> bool {
        let is_secure = match self.link {
            Link::Encrypted => true,
            Link::Clear => self.job.security == Security::None,
            Link::Upgrading => false,
        };
        is_secure
            && self.hello == Hello::Done
            && self.login == Login::Done
            && self.leaving.is_none()
    }

    /// Writes the envelope as this server takes it, and begins with the next message; without one the session is at its end.
    fn prepare(&mut self) {
        if self.wire.is_none() {
            match Wire::new(&self.job, &self.offers) {
                Ok(wire) => self.wire = Some(wire),
                Err(need) => {
                    return self.leave(Some(Outcome::Failed(Failure::NotOffered(need))));
                }
            }
        }
        if self.letter.is_some() {
            return;
        }
        let has_end = (self.job.quit_after).is_some_and(|stage| self.rank(stage).is_some());
        if has_end && self.ledger.has_begun() && self.ledger.has_more() {
            return self.leave(Some(Outcome::Stopped));
        }
        self.letter = self.ledger.take();
        if self.letter.is_none() {
            self.leave(None);
        }
    }
}

impl Wire {
    /// The envelope in the form that the server takes: an address beyond ASCII needs SMTPUTF8 (RFC 6531 §3.2), but a domain has its A-label form, too.
    fn new(job: &Job, offers: &Capabilities) -> Result<Self, Need> {
        let write = |address: &Address| {
            if address.is_ascii() || offers.smtputf8 {
                return Ok(address.as_str().to_owned());
            }
            match address.to_ascii_domain() {
                Some(ascii) => Ok(ascii.as_str().to_owned()),
                None => Err(Need::SmtpUtf8(address.clone())),
            }
        };
        let from = job.envelope.from.as_ref();
        let mut all = from.into_iter().chain(&job.envelope.to);
        Ok(Self {
            utf8: offers.smtputf8 && all.any(|address| !address.is_ascii()),
            from: from.map(write).transpose()?.unwrap_or_default(),
            to: job
                .envelope
                .to
                .iter()
                .map(write)
                .collect::<Result<_, _>>()?,
        })
    }
}

/// Whether a command may go out before the one before it is answered (RFC 2920 §3.1, RFC 3030 §4.2).
fn may_follow(last: Asked, next: Asked) -> bool {
    let leaves_room = matches!(
        last,
        Asked::Mail | Asked::Rcpt(_) | Asked::Chunk { last: false }
    );
    leaves_room && matches!(next, Asked::Rcpt(_) | Asked::Data | Asked::Chunk { .. })
}

/// Whether a server takes no more recipients at once (RFC 5321 §4.5.3.1.10), in the old form of 552 too. An enhanced code may say that it is about
/// something else.
fn is_too_many(reply: &Reply) -> bool {
    let says_so = |enhanced: Enhanced| (enhanced.subject, enhanced.detail) == (5, 3);
    matches!(reply.code.0, 452 | 552) && reply.enhanced.is_none_or(says_so)
}

/// Adds an oddity, in its place.
fn note(reply: &mut Reply, oddity: Oddity) {
    if let Err(at) = reply.odd.binary_search(&oddity) {
        reply.odd.insert(at, oddity);
    }
}

/// What a reply says about a recipient.
pub(super) fn verdict(stage: Stage, reply: &Reply) -> Verdict {
    let lines: Vec<_> = (reply.lines.iter())
        .map(|line| String::from_utf8_lossy(line))
        .collect();
    Verdict {
        stage,
        code: reply.code,
        enhanced: reply.enhanced,
        text: lines.join(" "),
    }
}
