//! Which octets may stand where, as one table, and the loops that run over them. They stand apart because every reader of HTTP bytes here needs the
//! same few sets, and because these loops are where its time goes.

/// A set of octets.
#[derive(Debug, Clone, Copy)]
pub enum Class {
    /// `tchar` (RFC 9110 §5.6.2).
    Token = 1,
    /// What a request target is made of: unreserved, reserved and `%` of RFC 3986 §2, without the `#` that begins a fragment.
    Target = 2,
    /// What a field value is made of: `field-vchar`, SP and HTAB (RFC 9110 §5.5).
    Value = 4,
    /// `unreserved` and `sub-delims` (RFC 3986 §2.2, §2.3): a registered name without its percent-encoded octets.
    RegisteredName = 8,
}

const UNRESERVED: &[u8] = b"-._~";
const SUB_DELIMS: &[u8] = b"!$&'()*+,;=";

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let byte = octet as u8;
        if byte.is_ascii_alphanumeric() {
            classes[octet] |=
                Class::Token as u8 | Class::Target as u8 | Class::RegisteredName as u8;
        }
        if byte == b'\t' || byte == b' ' || byte.is_ascii_graphic() || byte >= 0x80 {
            classes[octet] |= Class::Value as u8;
        }
        octet += 1;
    }
    classes = with(classes, b"!#$%&'*+-.^_`|~", Class::Token);
    classes = with(classes, UNRESERVED, Class::Target);
    classes = with(classes, SUB_DELIMS, Class::Target);
    classes = with(classes, b":/?[]@%", Class::Target);
    classes = with(classes, UNRESERVED, Class::RegisteredName);
    with(classes, SUB_DELIMS, Class::RegisteredName)
}

const fn with(mut classes: [u8; 256], octets: &[u8], class: Class) -> [u8; 256] {
    let mut i = 0;
    while i < octets.len() {
        classes[octets[i] as usize] |= class as u8;
        i += 1;
    }
    classes
}

/// Whether an octet is of a class.
#[inline]
pub fn is(byte: u8, class: Class) -> bool {
    CLASSES[usize::from(byte)] & class as u8 != 0
}

/// The end of the run of octets of a class that begins at `from`.
#[inline]
pub fn run(bytes: &[u8], mut from: usize, class: Class) -> usize {
    // Four to a branch while they last, then one by one to the exact place.
    while let Some(four) = bytes.get(from..).and_then(<[u8]>::first_chunk::<4>)
        && four
            .iter()
            .fold(class as u8, |all, &byte| all & CLASSES[usize::from(byte)])
            != 0
    {
        from += 4;
    }
    while bytes.get(from).is_some_and(|&byte| is(byte, class)) {
        from += 1;
    }
    from
}

/// The end of the run of [`Class::Value`] that begins at `from`, eight octets at a time: values are most of a head.
#[inline]
pub fn value_run(bytes: &[u8], mut from: usize) -> usize {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    while let Some(eight) = bytes.get(from..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*eight);
        // Subtracting borrows from the highest bit of an octet that is too small; octets from 0x80 on had it set before. A borrow
        // only spoils octets behind the first hit.
        let controls = word.wrapping_sub(0x20 * EACH) & !word;
        let delete = word ^ (0x7f * EACH);
        let delete = delete.wrapping_sub(EACH) & !delete;
        let hits = (controls | delete) & (0x80 * EACH);
        if hits == 0 {
            from += 8;
            continue;
        }
        from += hits.trailing_zeros() as usize / 8;
        if bytes.get(from) != Some(&b'\t') {
            return from;
        }
        from += 1;
    }
    run(bytes, from, Class::Value)
}

/// Without the optional white space (SP, HTAB; RFC 9110 §5.6.3) around it.
pub fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The elements of a comma-separated list; empty ones are ignored (RFC 9110 §5.6.1.2).
pub fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|&byte| byte == b',')
        .map(trim)
        .filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(class: Class) -> Vec<u8> {
        (0..=255).filter(|&byte| is(byte, class)).collect()
    }

    #[test]
    fn the_sets_are_those_of_the_rfcs() {
        let letters = |more: &[u8]| {
            let mut set: Vec<u8> = (0..=255u8).filter(u8::is_ascii_alphanumeric).collect();
            set.extend(more);
            set.sort_unstable();
            set
        };
        assert_eq!(all(Class::Token), letters(b"!#$%&'*+-.^_`|~"));
        assert_eq!(all(Class::Target), letters(b"-._~:/?[]@!$&'()*+,;=%"));
        assert_eq!(all(Class::RegisteredName), letters(b"-._~!$&'()*+,;="));
        let mut values: Vec<u8> = vec![b'\t'];
        values.extend(0x20..=0x7e);
        values.extend(0x80..=0xff);
        assert_eq!(all(Class::Value), values);
    }

    #[test]
    fn lists_are_split_and_trimmed() {
        let list = |value| elements(value).collect::<Vec<_>>();
        assert_eq!(list(b" a ,\tb\t, ,,c d "), [&b"a"[..], b"b", b"c d"]);
        assert_eq!(list(b" , "), [] as [&[u8]; 0]);
    }

    proptest! {
        #[test]
        fn eight_at_a_time_finds_what_one_at_a_time_finds(bytes: Vec<u8>, from in 0_usize..20) {
            prop_assert_eq!(value_run(&bytes, from), run(&bytes, from, Class::Value));
        }

        #[test]
        fn eight_at_a_time_stops_at_the_same_control(
            text in "[ -~\t\u{80}-\u{ff}]{0,40}", stop in prop::sample::select(vec![0, 7, 0x0d, 0x0a, 0x1f, 0x7f]), rest: Vec<u8>,
        ) {
            let mut bytes = text.clone().into_bytes();
            bytes.push(stop);
            bytes.extend(rest);
            prop_assert_eq!(value_run(&bytes, 0), text.len());
        }
    }
}
