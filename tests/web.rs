//! The web server on real sockets: every rule that a client can see, every limit, both modes, and what is reported of it.

mod support;

/// Tests by what they are about.
mod web {
    mod endings;
    mod events;
    mod limits;
    mod modes;
    mod properties;
    mod refusals;
    mod requests;
    mod resources;
    mod starts;
}
