//! The tabs as text: the dashboard without a terminal, fed with simulated events and a made-up clock, at many sizes and in both languages.

mod support;

/// Tests by the tab they look at.
mod screens {
    mod mail;
    mod ping;
    mod replay;
    mod shown;
    mod web;
    mod wire;
}
