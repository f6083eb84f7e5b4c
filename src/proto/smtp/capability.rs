//! What a server offers in its reply to EHLO (RFC 5321 §4.1.1.1).
