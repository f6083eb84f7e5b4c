//! Dots doubled, and where a message ends (RFC 5321 §4.5.2).
