//! The fields of a ping and of its reply: `Ping <number>`, and perhaps a token and padding. A reply is the same in capitals.

use super::Cutter;

const WORD: &[u8] = b"ping";
const TOKEN_DIGITS: usize = 16;

pub(super) fn cut(cutter: &mut Cutter, damaged: bool) {
    let bytes = cutter.bytes;
    // A bit error may have hit the word itself.
    let alike = bytes
        .iter()
        .zip(WORD)
        .filter(|(byte, letter)| byte.eq_ignore_ascii_case(letter))
        .count();
    if bytes.len() < WORD.len() || alike < if damaged { 3 } else { 4 } {
        cutter.to(bytes.len(), "wire.field.text");
        return;
    }
    cutter.next(WORD.len(), "wire.field.ping_word");
    if alike < WORD.len() {
        cutter.explained("wire.field.about.damaged");
    }
    part(
        cutter,
        "wire.field.ping_number",
        u8::is_ascii_digit,
        damaged,
    );
    if cutter.rest().len() <= TOKEN_DIGITS && cutter.rest().first() != Some(&b' ') {
        return;
    }
    part(
        cutter,
        "wire.field.ping_token",
        u8::is_ascii_hexdigit,
        damaged,
    );
    if cutter.rest().first() == Some(&b' ') {
        cutter.next(1, "wire.field.space");
    }
    padding(cutter);
}

/// Cuts a space and the word behind it, and tells if damage shows in it.
fn part(cutter: &mut Cutter, key: &'static str, is_right: impl Fn(&u8) -> bool, damaged: bool) {
    if cutter.rest().first() != Some(&b' ') {
        return;
    }
    cutter.next(1, "wire.field.space");
    let rest = cutter.rest();
    let end = rest
        .iter()
        .position(|byte| *byte == b' ')
        .unwrap_or(rest.len());
    let word = &rest[..end];
    if !damaged && !word.iter().all(&is_right) {
        return;
    }
    cutter.next(end, key);
    if !word.iter().all(is_right) {
        cutter.explained("wire.field.about.damaged");
    }
}

/// Cuts the padding, which is the alphabet over and over: a letter that is another one was changed on the way.
fn padding(cutter: &mut Cutter) {
    let rest = cutter.rest();
    let is_right = |at: usize, byte: u8| byte.to_ascii_lowercase() == b'a' + (at % 26) as u8;
    let wrong = rest
        .iter()
        .enumerate()
        .filter(|(at, byte)| !is_right(*at, **byte))
        .count();
    // Something else that somebody sent, not padding.
    if wrong > 2 {
        cutter.to(cutter.bytes.len(), "wire.field.text");
        return;
    }
    let start = cutter.at;
    for (at, byte) in rest.iter().enumerate() {
        if !is_right(at, *byte) {
            cutter.to(start + at, "wire.field.ping_padding");
            cutter.next(1, "wire.field.ping_differs");
            cutter.explained("wire.field.about.damaged");
        }
    }
    cutter.to(cutter.bytes.len(), "wire.field.ping_padding");
}
