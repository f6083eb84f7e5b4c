//! The rules that decide an answer: what an RFC demands, what a file is, what a limit allows. Every answer of the server names one, the broken one or
//! the one that led to it, and every reader (error page, log, detail on screen) says it from here.
//!
//! This stands apart from the parsers so that a rule has one name, one source and one status wherever it is found broken. The sentences that
//! explain a rule to people are words: `rule.<name>` in the locale files.

use serde::{Deserialize, Serialize};

use super::status::Status;

/// One table: variant, stable name, status, source.
macro_rules! rules {
    ($($(#[$doc:meta])* $variant:ident $name:literal $status:ident $source:literal;)*) => {
        /// What decided an answer.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Rule {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl Rule {
            /// Every rule, in the order of the table.
            pub const ALL: &'static [Rule] = &[$(Rule::$variant,)*];

            /// Its stable name, in JSON and in the locale files.
            pub fn name(self) -> &'static str {
                match self { $(Rule::$variant => $name,)* }
            }

            /// The status that it leads to.
            pub fn status(self) -> Status {
                match self { $(Rule::$variant => Status::$status,)* }
            }

            /// Where it is written: RFC and section.
            pub fn source(self) -> &'static str {
                match self { $(Rule::$variant => $source,)* }
            }
        }
    };
}

rules! {
    // Answers as asked for.
    Found "found" OK "RFC 9110 §15.3.1";
    Listed "listed" OK "RFC 9110 §15.3.1";
    OptionsAsked "options-asked" NO_CONTENT "RFC 9110 §9.3.7";
    TraceAsked "trace-asked" OK "RFC 9110 §9.3.8";
    RangeSelected "range-selected" PARTIAL_CONTENT "RFC 9110 §14.2";
    FolderNeedsSlash "folder-needs-slash" MOVED_PERMANENTLY "RFC 9110 §15.4.2";
    NoneMatchFailed "none-match" NOT_MODIFIED "RFC 9110 §13.1.2";
    NotModifiedSince "not-modified-since" NOT_MODIFIED "RFC 9110 §13.1.3";
    /// The teacher's switch: this path gets this status whatever is there. The status is the one that was set.
    Forced "forced" SERVICE_UNAVAILABLE "-";

    // The bytes are no request.
    /// The first bytes are those of a TLS handshake (RFC 8446 §5.1).
    TlsHandshake "tls-handshake" BAD_REQUEST "RFC 9112 §2.2";
    /// A request line without a version.
    OldRequest "http-0.9" BAD_REQUEST "RFC 9112 appendix C.1";
    TooManyEmptyLines "too-many-empty-lines" BAD_REQUEST "RFC 9112 §2.2";
    /// Anything wrong with the request line that no rule below names.
    InvalidRequestLine "invalid-request-line" BAD_REQUEST "RFC 9112 §3";
    InvalidMethod "invalid-method" BAD_REQUEST "RFC 9110 §9.1";
    MethodTooLong "method-too-long" NOT_IMPLEMENTED "RFC 9112 §3";
    TargetTooLong "target-too-long" URI_TOO_LONG "RFC 9112 §3";
    InvalidTarget "invalid-target" BAD_REQUEST "RFC 9112 §3.2";
    FragmentInTarget "fragment-in-target" BAD_REQUEST "RFC 9112 §3.2";
    InvalidVersion "invalid-version" BAD_REQUEST "RFC 9112 §2.3";
    UnsupportedVersion "unsupported-version" VERSION_NOT_SUPPORTED "RFC 9110 §15.6.6";
    BareLineFeed "bare-lf" BAD_REQUEST "RFC 9112 §2.2";
    BareCarriageReturn "bare-cr" BAD_REQUEST "RFC 9112 §2.2";
    SpaceBeforeFirstField "space-before-first-field" BAD_REQUEST "RFC 9112 §2.2";
    FoldedField "folded-field" BAD_REQUEST "RFC 9112 §5.2";
    SpaceBeforeColon "space-before-colon" BAD_REQUEST "RFC 9112 §5.1";
    MissingColon "missing-colon" BAD_REQUEST "RFC 9112 §5";
    InvalidFieldName "invalid-field-name" BAD_REQUEST "RFC 9110 §5.1";
    InvalidFieldValue "invalid-field-value" BAD_REQUEST "RFC 9110 §5.5";
    FieldsTooLarge "fields-too-large" FIELDS_TOO_LARGE "RFC 6585 §5";
    TooManyFields "too-many-fields" FIELDS_TOO_LARGE "RFC 6585 §5";

    // The fields contradict each other or a rule.
    MissingHost "missing-host" BAD_REQUEST "RFC 9112 §3.2";
    SeveralHosts "several-hosts" BAD_REQUEST "RFC 9112 §3.2";
    InvalidHost "invalid-host" BAD_REQUEST "RFC 9112 §3.2";
    InvalidContentLength "invalid-content-length" BAD_REQUEST "RFC 9112 §6.3";
    /// Two lengths that differ.
    ContentLengthsDiffer "content-lengths-differ" BAD_REQUEST "RFC 9112 §6.3";
    ContentLengthWithTransferEncoding "content-length-with-transfer-encoding" BAD_REQUEST "RFC 9112 §6.1";
    /// Transfer-Encoding in a request older than HTTP/1.1.
    TransferEncodingTooOld "transfer-encoding-in-1.0" BAD_REQUEST "RFC 9112 §6.1";
    UnknownTransferCoding "unknown-transfer-coding" NOT_IMPLEMENTED "RFC 9112 §6.1";
    ChunkedNotLast "chunked-not-last" BAD_REQUEST "RFC 9112 §6.3";
    InvalidChunk "invalid-chunk" BAD_REQUEST "RFC 9112 §7.1";
    ChunkExtensionTooLong "chunk-extension-too-long" BAD_REQUEST "RFC 9112 §7.1.1";
    TrailerTooLarge "trailer-too-large" FIELDS_TOO_LARGE "RFC 9112 §7.1.2";
    BodyTooLarge "body-too-large" CONTENT_TOO_LARGE "RFC 9110 §15.5.14";
    UnknownExpectation "unknown-expectation" EXPECTATION_FAILED "RFC 9110 §10.1.1";

    // The request line asks for what this server does not do.
    UnknownMethod "unknown-method" NOT_IMPLEMENTED "RFC 9110 §9.1";
    MethodNotAllowed "method-not-allowed" METHOD_NOT_ALLOWED "RFC 9110 §15.5.6";
    /// CONNECT to something that is no host and port.
    InvalidAuthority "invalid-authority" BAD_REQUEST "RFC 9110 §9.3.6";
    AsteriskNeedsOptions "asterisk-needs-options" BAD_REQUEST "RFC 9112 §3.2.4";
    UserinfoInTarget "userinfo-in-target" BAD_REQUEST "RFC 9110 §4.2.4";
    /// An absolute target of another scheme than http.
    ForeignScheme "foreign-scheme" BAD_REQUEST "RFC 9110 §7.4";

    // The path.
    InvalidPercentEncoding "invalid-percent-encoding" BAD_REQUEST "RFC 3986 §2.1";
    NulInPath "nul-in-path" BAD_REQUEST "RFC 9110 §17.3";
    /// `..` in whatever disguise climbs out of the folder.
    LeavesFolder "leaves-folder" BAD_REQUEST "RFC 9110 §17.3";
    /// An encoded slash, a backslash, a drive letter, a colon or a device name of Windows.
    UnsafePath "unsafe-path" NOT_FOUND "RFC 9110 §17.3";

    // The file.
    NotFound "not-found" NOT_FOUND "RFC 9110 §15.5.5";
    /// A name that begins with a dot.
    HiddenFile "hidden-file" NOT_FOUND "RFC 9110 §15.5.5";
    /// A file asked for as if it were a folder.
    FileIsNoFolder "file-is-no-folder" NOT_FOUND "RFC 9110 §15.5.5";
    /// A folder without an index, and listings are switched off.
    ListingOff "listing-off" FORBIDDEN "RFC 9110 §15.5.4";
    /// A symbolic link that leads out of the folder.
    LinkLeavesFolder "link-leaves-folder" FORBIDDEN "RFC 9110 §17.3";
    /// A pipe, a device or a socket.
    NotAFile "not-a-file" FORBIDDEN "RFC 9110 §15.5.4";
    NoPermission "no-permission" FORBIDDEN "RFC 9110 §15.5.4";

    // Preconditions and ranges.
    MatchFailed "match-failed" PRECONDITION_FAILED "RFC 9110 §13.1.1";
    ModifiedSince "modified-since" PRECONDITION_FAILED "RFC 9110 §13.1.4";
    RangeNotSatisfiable "range-not-satisfiable" RANGE_NOT_SATISFIABLE "RFC 9110 §15.5.17";

    // Time and room.
    /// The head did not arrive in time.
    HeadTooLate "head-too-late" REQUEST_TIMEOUT "RFC 9110 §15.5.9";
    BodyTooLate "body-too-late" REQUEST_TIMEOUT "RFC 9110 §15.5.9";
    /// More connections than the server takes.
    TooManyConnections "too-many-connections" SERVICE_UNAVAILABLE "RFC 9110 §15.6.4";
    /// No file descriptor or memory left for the file.
    OutOfResources "out-of-resources" SERVICE_UNAVAILABLE "RFC 9110 §15.6.4";
    ReadFailed "read-failed" INTERNAL_SERVER_ERROR "RFC 9110 §15.6.1";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_sources_are_written_out() {
        let names: HashSet<&str> = Rule::ALL.iter().map(|rule| rule.name()).collect();
        assert_eq!(names.len(), Rule::ALL.len());
        for rule in Rule::ALL {
            let source = rule.source();
            assert!(
                source.starts_with("RFC ") || *rule == Rule::Forced,
                "{source}"
            );
        }
    }
}
