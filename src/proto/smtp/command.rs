//! Commands as a server reads them (RFC 5321 §4.1).
