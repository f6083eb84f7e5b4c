//! The client without its sockets: whole replies in, the next step out.
