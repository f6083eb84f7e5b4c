//! Where a message ends, as far as it can be told (RFC 9112 §6.3), and which bytes of it belong to the chunked coding.

use super::Side;

/// What a head says about its body.
#[derive(Debug, Clone, Default)]
pub struct Head {
    pub is_complete: bool,
    pub status: Option<u16>,
    length: Said<u64>,
    coding: Said<Coding>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    Chunked,
    Other,
}

/// What was said of something, perhaps more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Said<T> {
    #[default]
    Nothing,
    Once(T),
    Nonsense,
}

impl Head {
    pub fn length(&mut self, length: Option<u64>) {
        self.length = match (self.length, length) {
            (Said::Nothing, Some(length)) => Said::Once(length),
            _ => Said::Nonsense,
        };
    }

    pub fn coding(&mut self, coding: Coding) {
        self.coding = match self.coding {
            Said::Nothing => Said::Once(coding),
            _ => Said::Nonsense,
        };
    }
}

/// What the next bytes belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Place {
    /// A head, or the trailer of a chunked body.
    #[default]
    Head,
    /// A body with so many bytes left.
    Length(u64),
    Chunked(Chunk),
    /// A body, and nobody knows where it ends.
    Rest,
}

/// Where in a chunked body (RFC 9112 §7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chunk {
    Size(u64),
    Extension(u64),
    Data(u64),
    /// The line end behind the data.
    End,
}

/// What a byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A part of the message.
    Message,
    /// What the chunked coding puts between.
    Coding,
}

/// Follows the bytes of a connection.
#[derive(Debug, Clone, Default)]
pub struct Framing {
    place: Place,
}

impl Framing {
    pub fn at(place: Place) -> Self {
        Self { place }
    }

    /// What follows this head.
    pub fn behind(head: &Head, side: Side) -> Self {
        let has_none = matches!(head.status, Some(100..200 | 204 | 304));
        Self::at(match (head.length, head.coding) {
            _ if side == Side::Response && has_none => Place::Head,
            (Said::Nothing, Said::Once(Coding::Chunked)) => Place::Chunked(Chunk::Size(0)),
            (Said::Once(0), Said::Nothing) => Place::Head,
            (Said::Once(length), Said::Nothing) => Place::Length(length),
            (Said::Nothing, Said::Nothing) if side == Side::Request => Place::Head,
            _ => Place::Rest,
        })
    }

    pub fn is_in_head(&self) -> bool {
        self.place == Place::Head
    }

    pub fn is_in_body(&self) -> bool {
        self.place != Place::Head
    }

    /// Takes the next byte.
    pub fn role(&mut self, byte: u8) -> Role {
        let (place, role) = match self.place {
            Place::Length(left) => (behind_content(left), Role::Message),
            Place::Chunked(chunk) => chunked(chunk, byte),
            place => (place, Role::Message),
        };
        self.place = place;
        role
    }

    /// How many of the next bytes are certainly no coding.
    pub fn plain_bytes(&self) -> u64 {
        match self.place {
            Place::Head | Place::Rest => u64::MAX,
            Place::Length(left) => left,
            Place::Chunked(Chunk::Data(left)) => left,
            Place::Chunked(_) => 0,
        }
    }

    /// So many of those went by.
    pub fn pass(&mut self, bytes: u64) {
        match &mut self.place {
            Place::Length(left) if *left == bytes => self.place = Place::Head,
            Place::Chunked(Chunk::Data(left)) if *left == bytes => {
                self.place = Place::Chunked(Chunk::End);
            }
            Place::Length(left) | Place::Chunked(Chunk::Data(left)) => *left -= bytes,
            _ => {}
        }
    }
}

fn behind_content(left: u64) -> Place {
    match left {
        0 | 1 => Place::Head,
        _ => Place::Length(left - 1),
    }
}

/// Where a byte of a chunked body leads.
fn chunked(chunk: Chunk, byte: u8) -> (Place, Role) {
    let next = match (chunk, byte) {
        (Chunk::Data(left), _) => {
            let next = match left {
                0 | 1 => Chunk::End,
                _ => Chunk::Data(left - 1),
            };
            return (Place::Chunked(next), Role::Message);
        }
        (Chunk::Size(0) | Chunk::Extension(0), b'\n') => return (Place::Head, Role::Coding),
        (Chunk::Size(size) | Chunk::Extension(size), b'\n') => Chunk::Data(size),
        (Chunk::Size(size), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') if size >> 60 == 0 => {
            let digit = char::from(byte).to_digit(16).unwrap_or_default();
            Chunk::Size((size << 4) | u64::from(digit))
        }
        (Chunk::Size(size), b'\r') => Chunk::Size(size),
        (Chunk::Size(size), b';' | b' ' | b'\t') => Chunk::Extension(size),
        (Chunk::Extension(size), _) => Chunk::Extension(size),
        (Chunk::End, b'\r') => Chunk::End,
        (Chunk::End, b'\n') => Chunk::Size(0),
        // No chunk: what it is, nobody knows.
        _ => return (Place::Rest, Role::Message),
    };
    (Place::Chunked(next), Role::Coding)
}
