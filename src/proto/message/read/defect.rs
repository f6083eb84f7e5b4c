//! What is not as it should be in a message, without keeping it from being read.

/// A remark on a stored message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Defect {
    /// A line ends in LF alone (RFC 5322 §2.3).
    BareLf,
    /// A CR without its LF.
    BareCr,
    /// A line of more than 998 bytes (RFC 5322 §2.1.1).
    LongLine,
    /// A NUL byte (RFC 5322 §4).
    Nul,
    /// No From (RFC 5322 §3.6).
    NoFrom,
    /// No Date.
    NoDate,
    /// A Date that is none (RFC 5322 §3.3).
    BadDate,
    /// A field that may occur once occurs again.
    Twice(&'static str),
    /// The header ended at a line that is no field.
    BrokenHeader,
    /// More fields than are kept.
    ManyFields,
    /// Bytes over 127 in a header: allowed with SMTPUTF8 only (RFC 6532).
    EightBitHeader,
    /// Bytes over 127 in a body that does not say so (RFC 2045 §2.7).
    EightBitBody,
    /// An encoded word hides a line end or another control character.
    HiddenControl,
    /// Characters that are not base64.
    BadBase64,
    /// An `=` that means nothing.
    BadQuotedPrintable,
    /// A transfer encoding that nobody knows.
    UnknownTransfer,
    /// A charset that nobody knows.
    UnknownCharset,
    /// A multipart without a boundary, or one that no line begins with.
    NoBoundary,
    /// A multipart whose last boundary is missing: the message may be cut off.
    OpenMultipart,
    /// Parts within parts, deeper than is read.
    TooDeep,
    /// More parts than are read.
    ManyParts,
}

impl Defect {
    /// The key of its sentence. `%{field}` in it is the name of [`Defect::Twice`].
    pub fn key(self) -> &'static str {
        match self {
            Defect::BareLf => "message.defect.bare-lf",
            Defect::BareCr => "message.defect.bare-cr",
            Defect::LongLine => "message.defect.long-line",
            Defect::Nul => "message.defect.nul",
            Defect::NoFrom => "message.defect.no-from",
            Defect::NoDate => "message.defect.no-date",
            Defect::BadDate => "message.defect.bad-date",
            Defect::Twice(_) => "message.defect.twice",
            Defect::BrokenHeader => "message.defect.broken-header",
            Defect::ManyFields => "message.defect.many-fields",
            Defect::EightBitHeader => "message.defect.eight-bit-header",
            Defect::EightBitBody => "message.defect.eight-bit-body",
            Defect::HiddenControl => "message.defect.hidden-control",
            Defect::BadBase64 => "message.defect.bad-base64",
            Defect::BadQuotedPrintable => "message.defect.bad-quoted-printable",
            Defect::UnknownTransfer => "message.defect.unknown-transfer",
            Defect::UnknownCharset => "message.defect.unknown-charset",
            Defect::NoBoundary => "message.defect.no-boundary",
            Defect::OpenMultipart => "message.defect.open-multipart",
            Defect::TooDeep => "message.defect.too-deep",
            Defect::ManyParts => "message.defect.many-parts",
        }
    }
}
