//! What everybody on the way sees of TLS: records, each with its kind and its length (RFC 8446 §5.1).

use super::Cutter;

/// Bytes before what a record carries.
const HEADER: usize = 5;

/// Whether bytes begin with a record: one of the four kinds, and a version 3.x.
pub(super) fn is_record(bytes: &[u8]) -> bool {
    matches!(bytes, [0x14..=0x17, 3, 0..=4, ..])
}

pub(super) fn cut(cutter: &mut Cutter) {
    while is_record(cutter.rest()) {
        let rest = cutter.rest();
        let length = match rest {
            [_, _, _, high, low, ..] => usize::from(u16::from_be_bytes([*high, *low])),
            _ => 0,
        };
        let kind = match rest.first() {
            Some(0x14) => "change_cipher_spec",
            Some(0x15) => "alert",
            Some(0x16) => "handshake",
            _ => "application_data",
        };
        let version = rest.get(1..3).map_or_else(String::new, |version| {
            format!("{}.{}", version[0], version[1])
        });
        cutter.next(1, "wire.field.tls_kind");
        cutter.says(kind.to_owned());
        cutter.next(2, "wire.field.tls_version");
        cutter.says(version);
        let has_length = rest.len() >= HEADER;
        cutter.next(2, "wire.field.tls_length");
        if has_length {
            cutter.says(length.to_string());
        }
        cutter.next(length, "wire.field.tls_data");
        cutter.says(format!(
            "{} B",
            length.min(rest.len().saturating_sub(HEADER))
        ));
    }
}
