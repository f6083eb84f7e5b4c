//! Content codings (RFC 9110 §8.4.1, §12.5.3): which precompressed file a client takes, by its Accept-Encoding.

/// A coding in which a file may lie beside itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    Brotli,
    Gzip,
}

impl Coding {
    /// The smaller one first: the preference between codings that the client likes equally.
    pub const ALL: [Coding; 2] = [Coding::Brotli, Coding::Gzip];

    /// Its name in Accept-Encoding and Content-Encoding.
    pub fn token(self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Gzip => "gzip",
        }
    }

    /// What the file's name has behind its own extension.
    pub fn extension(self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Gzip => "gz",
        }
    }

    fn is_named(self, name: &[u8]) -> bool {
        name.eq_ignore_ascii_case(self.token().as_bytes())
            // RFC 9110 §8.4.1.3: the old name of gzip.
            || self == Coding::Gzip && name.eq_ignore_ascii_case(b"x-gzip")
    }
}

/// The codings that a client takes, best first. There are five such lists, so this is also a key for what was chosen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Accepted([Option<Coding>; 2]);

impl Accepted {
    /// Reads Accept-Encoding, all its lines in order. No field means none: the client may take any (RFC 9110 §12.5.3), but who does not ask for a
    /// coding often can't read one.
    ///
    /// A coding that the client likes less than the plain file is left out. The plain file itself is always sent when nothing else is there, even to
    /// a client that refuses it.
    pub fn of(lines: &[&[u8]]) -> Self {
        let [first, second] = Coding::ALL;
        let plain = weight(lines, |name| name.eq_ignore_ascii_case(b"identity")).unwrap_or(0);
        let [of_first, of_second] = Coding::ALL.map(|coding| {
            weight(lines, |name| coding.is_named(name))
                .or_else(|| weight(lines, |name| name == b"*"))
                .filter(|&weight| weight > 0 && weight >= plain)
        });
        let (first, second) = (of_first.map(|_| first), of_second.map(|_| second));
        // None is less than any weight.
        if of_first >= of_second {
            Self([first, second])
        } else {
            Self([second, first])
        }
    }

    /// The codings, best first.
    pub fn iter(self) -> impl Iterator<Item = Coding> {
        self.0.into_iter().flatten()
    }
}

/// The weight in thousandths of the first element whose name `is` the wanted one.
fn weight(lines: &[&[u8]], is: impl Fn(&[u8]) -> bool) -> Option<u16> {
    lines
        .iter()
        .flat_map(|line| line.split(|&byte| byte == b','))
        .find_map(|element| {
            let mut parts = element.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
            if !is(parts.next()?) {
                return None;
            }
            // A weight that can't be read is taken for a refusal: the plain file is never wrong.
            Some(match parts.next() {
                None => 1000,
                Some(parameter) => thousandths(parameter).unwrap_or(0),
            })
        })
}

/// `q=0.5` (RFC 9110 §12.4.2): up to three digits behind the point, nothing above 1.
fn thousandths(parameter: &[u8]) -> Option<u16> {
    let [b'q' | b'Q', b'=', value @ ..] = parameter else {
        return None;
    };
    let (whole, fraction) = match value {
        [whole] => (whole, &[][..]),
        [whole, b'.', fraction @ ..] if fraction.len() <= 3 => (whole, fraction),
        _ => return None,
    };
    let mut number = match whole {
        b'0' => 0,
        b'1' => 1,
        _ => return None,
    };
    for at in 0..3 {
        let digit = *fraction.get(at).unwrap_or(&b'0');
        number = number * 10 + u16::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    (number <= 1000).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::Coding::{Brotli, Gzip};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_client_chooses_then_the_size() {
        let table: &[(&[&str], &[Coding])] = &[
            (&[], &[]),
            (&[""], &[]),
            (&["gzip, deflate, br, zstd"], &[Brotli, Gzip]),
            (&["gzip, deflate"], &[Gzip]),
            (&["GZIP"], &[Gzip]),
            (&["x-gzip"], &[Gzip]),
            (&["br"], &[Brotli]),
            (&["identity"], &[]),
            (&["gzip", "br"], &[Brotli, Gzip]),
            (&["br;q=0.5, gzip"], &[Gzip, Brotli]),
            (&["br;q=0.5, gzip;q=0.500"], &[Brotli, Gzip]),
            (&["br ; q=0.1 ,gzip;Q=0.2"], &[Gzip, Brotli]),
            (&["br;q=0, gzip"], &[Gzip]),
            (&["gzip;q=0.000"], &[]),
            (&["*"], &[Brotli, Gzip]),
            (&["*;q=0"], &[]),
            (&["gzip, *;q=0"], &[Gzip]),
            (&["*, br;q=0"], &[Gzip]),
            (&["gzip;q=0.5, *;q=0.6"], &[Brotli, Gzip]),
            (&["identity, gzip;q=0.5"], &[]),
            (&["identity;q=0.5, gzip;q=0.5, br;q=0.4"], &[Gzip]),
            (&["identity;q=0, gzip;q=0.1"], &[Gzip]),
            // Weights that are none.
            (&["gzip;q=2"], &[]),
            (&["gzip;q=1.001"], &[]),
            (&["gzip;q=0.1234"], &[]),
            (&["gzip;q=.5"], &[]),
            (&["gzip;q="], &[]),
            (&["gzip;x=1"], &[]),
            (&["gzip;q=1."], &[Gzip]),
            (&["gzip2, brx"], &[]),
        ];
        for (lines, expected) in table {
            let bytes: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
            let accepted: Vec<Coding> = Accepted::of(&bytes).iter().collect();
            assert_eq!(accepted, *expected, "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn no_field_panics(line in "[a-z*,;=q0-9. ]{0,40}", raw in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = Accepted::of(&[line.as_bytes(), &raw]);
        }
    }
}
