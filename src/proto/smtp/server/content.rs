//! Messages: after DATA up to the final dot (RFC 5321 §4.1.1.4), or in chunks (RFC 3030).

use super::turn::{self, Answer, say};
use super::{
    Cause, Context, EndOfData, Greeting, Input, Measure, Next, NotStored, Session, Step, Turn,
};
use crate::proto::smtp::command::{self, Chunk, Refusal};
use crate::proto::smtp::fault::{Decision, Verdict};
use crate::proto::smtp::stage::Stage;
use crate::proto::smtp::transparency::DataReader;

/// Bytes of a line of a message, its end included (RFC 5321 §4.5.3.1.6).
const LONGEST_LINE: u64 = 1000;
/// The one end of a message.
const END: [u8; 5] = *b"\r\n.\r\n";

/// How far the chunks of a transaction got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Chunking {
    /// There were none.
    #[default]
    None,
    UnderWay,
    /// One was refused: nothing but RSET helps (RFC 3030 §2).
    Failed,
}

/// What comes in.
#[derive(Debug)]
pub enum Incoming {
    Message(Message),
    Chunk(ChunkUnderWay),
}

/// A message after DATA.
#[derive(Debug)]
pub struct Message {
    reader: DataReader,
    end_of_data: EndOfData,
    wire: u64,
    bytes: u64,
    /// The last bytes that came, so that its end is known exactly.
    tail: [u8; 5],
    /// Why it will be refused. The rest is read all the same: a client that sends does not listen.
    refusal: Option<Refusal>,
}

/// A chunk after BDAT.
#[derive(Debug)]
pub struct ChunkUnderWay {
    chunk: Chunk,
    /// Bytes that are still to come.
    left: u64,
    refusal: Option<Refusal>,
    /// What a fault does to its reply.
    decision: Decision,
}

const TOO_BIG: Refusal = Refusal::new(
    552,
    "5.3.4 The message is bigger than SIZE in the reply to EHLO",
);
const NO_ROOM: Refusal = Refusal::new(452, "4.3.1 The mailbox has no room for it");
const LINE_TOO_LONG: Refusal = Refusal::new(
    500,
    "5.6.0 A line of the message has more than 1000 octets (RFC 5321 4.5.3.1.6)",
);
const BARE: Refusal = Refusal::new(
    550,
    "5.5.2 The message holds a bare CR or LF: lines end in CR LF (RFC 5321 2.3.8)",
);
const DOUBTFUL_END: Refusal = Refusal::new(
    521,
    "5.5.2 A message ends with CR LF . CR LF and not with a bare CR or LF (RFC 5321 4.1.1.4)",
);

impl Session {
    /// `DATA`.
    pub(super) fn data(
        &mut self,
        argument: &[u8],
        context: &mut Context,
    ) -> Result<Answer, Refusal> {
        command::nothing(argument)?;
        match &self.transaction {
            Some(transaction) if transaction.chunking != Chunking::None => {
                return Err(Refusal::new(
                    503,
                    "5.5.1 DATA and BDAT do not go together: go on with BDAT, or RSET",
                ));
            }
            _ => self.check_recipients()?,
        }
        self.input = Input::Content(Incoming::Message(Message {
            // A lenient reader in any case: it notes what is bare, and where others would have seen the end.
            reader: DataReader::new(EndOfData::Lenient),
            end_of_data: self.end_of_data,
            wire: 0,
            bytes: 0,
            tail: [0, 0, 0, b'\r', b'\n'],
            refusal: None,
        }));
        Ok(say(
            context.out,
            354,
            "Send the message, end it with CR LF . CR LF",
        ))
    }

    /// `BDAT`, with what a fault makes of it.
    pub(super) fn bdat(
        &mut self,
        argument: &[u8],
        decision: Decision,
        from: usize,
        context: &mut Context,
    ) -> Turn {
        let chunk = match command::bdat(argument) {
            Ok(chunk) => chunk,
            Err(refusal) => {
                let answer = match &decision.verdict {
                    Some(verdict) => turn::spoil(verdict, context.out),
                    None => self.refuse(refusal, context),
                };
                return self.turn(Stage::Bdat, from, answer, decision, context);
            }
        };
        let under_way = ChunkUnderWay {
            chunk,
            left: chunk.length,
            refusal: self.check_chunk().err(),
            decision,
        };
        if chunk.length == 0 {
            return self.end_of_chunk(under_way, context);
        }
        // The reply waits until the chunk is here, even if it is refused (RFC 3030 §2).
        self.input = Input::Content(Incoming::Chunk(under_way));
        self.turn(
            Stage::Bdat,
            from,
            Answer::NONE,
            Decision::default(),
            context,
        )
    }

    fn check_chunk(&mut self) -> Result<(), Refusal> {
        if self.greeting == Greeting::Helo {
            return Err(Refusal::new(503, "5.5.1 BDAT needs EHLO in place of HELO"));
        }
        self.check_recipients()?;
        match &mut self.transaction {
            Some(transaction) if transaction.chunking == Chunking::Failed => Err(Refusal::new(
                503,
                "5.5.1 A chunk was refused: begin anew with RSET",
            )),
            Some(transaction) => {
                transaction.chunking = Chunking::UnderWay;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Whether there is somebody to have the message.
    fn check_recipients(&self) -> Result<(), Refusal> {
        match &self.transaction {
            None => Err(Refusal::new(503, "5.5.1 Say MAIL and RCPT first")),
            Some(_) if !self.envelope.to.is_empty() => Ok(()),
            Some(transaction) if transaction.refused => {
                Err(Refusal::new(554, "5.5.1 No valid recipients"))
            }
            Some(_) => Err(Refusal::new(503, "5.5.1 Say RCPT first")),
        }
    }

    /// Bytes of a message or chunk.
    pub(super) fn content(&mut self, input: &[u8], context: &mut Context) -> Step {
        let Input::Content(mut incoming) = std::mem::replace(&mut self.input, Input::Command)
        else {
            return Step {
                consumed: 0,
                turn: None,
            };
        };
        let (consumed, is_whole) = match &mut incoming {
            Incoming::Message(message) => message.read(input, self.service.limits.message, context),
            Incoming::Chunk(chunk) => self.read_chunk(chunk, input, context),
        };
        let turn = if is_whole {
            Some(match incoming {
                Incoming::Message(message) => self.end_of_message(&message, context),
                Incoming::Chunk(chunk) => self.end_of_chunk(chunk, context),
            })
        } else {
            self.input = Input::Content(incoming);
            None
        };
        Step { consumed, turn }
    }

    fn read_chunk(
        &mut self,
        chunk: &mut ChunkUnderWay,
        input: &[u8],
        context: &mut Context,
    ) -> (usize, bool) {
        let taken = usize::try_from(chunk.left).map_or(input.len(), |left| left.min(input.len()));
        chunk.left -= taken as u64;
        if let Some(transaction) = &mut self.transaction
            && chunk.refusal.is_none()
        {
            transaction.bytes = transaction.bytes.saturating_add(taken as u64);
            chunk.refusal =
                check_size(transaction.bytes, self.service.limits.message, context.room);
            if chunk.refusal.is_none() {
                context.content.extend_from_slice(&input[..taken]);
            }
        }
        (taken, chunk.left == 0)
    }

    fn end_of_message(&mut self, message: &Message, context: &mut Context) -> Turn {
        let mut turn = self.end(Stage::Dot, message.verdict(), Decision::default(), context);
        turn.measure = Some(message.measure());
        turn
    }

    fn end_of_chunk(&mut self, under_way: ChunkUnderWay, context: &mut Context) -> Turn {
        let ChunkUnderWay {
            chunk,
            refusal,
            decision,
            ..
        } = under_way;
        let from = context.out.len();
        let answer = match (&decision.verdict, refusal) {
            (Some(verdict), _) => Some(turn::spoil(verdict, context.out)),
            (None, Some(refusal)) => Some(self.refuse(refusal, context)),
            (None, None) => None,
        };
        let mut turn = match answer {
            Some(answer) => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.chunking = Chunking::Failed;
                }
                self.turn(Stage::Bdat, from, answer, decision, context)
            }
            None if chunk.last => self.end(Stage::Bdat, None, decision, context),
            None => {
                let answer = turn::say_number(
                    context.out,
                    250,
                    "2.0.0 Octets of this chunk: ",
                    chunk.length,
                );
                self.turn(Stage::Bdat, from, answer, decision, context)
            }
        };
        turn.measure = Some(Measure {
            wire: chunk.length,
            stuffed: 0,
        });
        turn
    }

    /// The message is whole. It is stored, unless there is something against it.
    fn end(
        &mut self,
        stage: Stage,
        refusal: Option<Refusal>,
        of_command: Decision,
        context: &mut Context,
    ) -> Turn {
        let from = context.out.len();
        let sender = self.envelope.from.as_ref().map(|address| address.as_str());
        let decision = context
            .faults
            .decide(Stage::Dot, b"", sender, context.now)
            .and(of_command);
        let answer = match (&decision.verdict, refusal) {
            (None | Some(Verdict::Drop), None) => {
                self.input = Input::Storing(stage, decision);
                let mut answer = Answer::NONE;
                answer.next = Next::Store;
                return self.turn(stage, from, answer, Decision::default(), context);
            }
            (Some(verdict), _) => turn::spoil(verdict, context.out),
            (None, Some(refusal)) => {
                let mut answer = self.refuse(refusal, context);
                if refusal.code == DOUBTFUL_END.code {
                    answer.next = Next::Close(Cause::Misbehaved);
                }
                answer
            }
        };
        self.reset();
        self.turn(stage, from, answer, decision, context)
    }

    /// The reply to a message, once it is kept under a number or is not: the call that [`Next::Store`] asks for.
    pub fn stored(&mut self, outcome: Result<u64, NotStored>, context: &mut Context) -> Turn {
        let from = context.out.len();
        let (stage, decision) = match std::mem::replace(&mut self.input, Input::Command) {
            Input::Storing(stage, decision) => (stage, decision),
            other => {
                self.input = other;
                (Stage::Dot, Decision::default())
            }
        };
        self.transaction = None;
        let answer = match (&decision.verdict, outcome) {
            (Some(verdict), Ok(_)) => turn::spoil(verdict, context.out),
            (None, Ok(number)) => turn::say_number(
                context.out,
                250,
                "2.0.0 Ok, in the mailbox as message ",
                number,
            ),
            (_, Err(NotStored::Full)) => say(context.out, NO_ROOM.code, NO_ROOM.text),
            (_, Err(NotStored::Failed)) => {
                say(context.out, 451, "4.3.0 The message could not be written")
            }
        };
        self.turn(stage, from, answer, decision, context)
    }
}

impl Message {
    /// Reads up to the end of the message, or all there is.
    fn read(&mut self, input: &[u8], most: u64, context: &mut Context) -> (usize, bool) {
        let (content, room) = (&mut *context.content, context.room);
        let (bytes, refusal) = (&mut self.bytes, &mut self.refusal);
        let end = self.reader.read(input, |piece| {
            *bytes = bytes.saturating_add(piece.len() as u64);
            if refusal.is_none() {
                *refusal = check_size(*bytes, most, room);
            }
            if refusal.is_none() {
                content.extend_from_slice(piece);
            }
        });
        let consumed = end.unwrap_or(input.len());
        self.wire = self.wire.saturating_add(consumed as u64);
        let last = &input[consumed.saturating_sub(END.len())..consumed];
        self.tail.rotate_left(last.len());
        self.tail[END.len() - last.len()..].copy_from_slice(last);
        (consumed, end.is_some())
    }

    /// What is against the whole message.
    fn verdict(&self) -> Option<Refusal> {
        let bare = self.end_of_data == EndOfData::Strict && self.reader.bare().is_some();
        if bare && self.tail != END {
            // Where it ends is in doubt: what follows may be meant as text, or as commands.
            Some(DOUBTFUL_END)
        } else if bare {
            Some(BARE)
        } else if self.refusal.is_some() {
            self.refusal
        } else {
            (self.reader.longest_line() > LONGEST_LINE).then_some(LINE_TOO_LONG)
        }
    }

    fn measure(&self) -> Measure {
        let dot = self.tail.iter().rposition(|&byte| byte == b'.');
        let end = dot.map_or(0, |dot| self.tail.len() - dot) as u64;
        Measure {
            wire: self.wire,
            stuffed: self.wire.saturating_sub(self.bytes).saturating_sub(end),
        }
    }
}

/// What is against a message that has come to this many bytes.
fn check_size(bytes: u64, most: u64, room: u64) -> Option<Refusal> {
    if bytes > most {
        Some(TOO_BIG)
    } else {
        (bytes > room).then_some(NO_ROOM)
    }
}
