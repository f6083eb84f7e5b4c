//! sockscope: a socket laboratory in a terminal.
//!
//! Labs with both ends on one machine, or one end somewhere else, whose every datagram is seen. This page is the map of the code.
//!
//! # Layers
//!
//! | layer | what it is | may name |
//! |---|---|---|
//! | [`proto`] | bytes and rules: no sockets, no clock, no dice of its own; time comes in as an argument | itself |
//! | [`trace`] | what happened, as plain data, and how it leaves a lab | `proto` as data |
//! | [`words`] | every word in each language, and how numbers are written | `proto` and `trace` as data |
//! | [`settings`] | defaults < file < environment < flags, validated once | `proto`, `words` |
//! | [`net`] | sockets, files, threads and clocks: drives `proto`, reports to `trace` | `proto`, `trace`, `settings` as data, `words` for the pages it serves |
//! | [`headless`] | one printer a command: text for people, JSON lines for programs | all of the above |
//! | [`dashboard`] | the terminal interface; only its `effects` name `net`, its `widgets` know no lab | all but `headless` |
//! | [`cli`] | commands and flags | `settings`, `words`, the data types of `headless`, `net`, `proto` and `trace` that flags choose |
//!
//! `tests/layers.rs` reads the sources and fails with file and line where a row is broken.
//!
//! # How it flows
//!
//! ```text
//!  keys, mouse ───┐
//!  clock tick ────┼─> Msg ─> App::update ─> Effects ─> the labs, or a replay ─> back to App as Msg
//!  events, calls ─┘    (pure)               (net)
//!
//!         ┌─ events ─> tap ──────┬─> headless printer
//!  a lab ─┤                      ├─> dashboard: the lab's tab and the Wire tab
//!         └─ calls ──> recorder ─┴─> recording ─┬─> pcapng ─> FILE.pcapng ─> Wireshark
//!              (secrets masked)     (a thread)  └─> record ─> FILE.jsonl ──> replay
//! ```
//!
//! - A lab never waits for a screen or a disk. It keeps exact counters beside its data path; the [`trace::tap`] carries its events and the
//!   [`trace::recorder`] the calls of its sockets, in bounded rings that count what they leave out.
//! - The Wire tab joins both: calls ([`trace::wire`]) and what the labs made of them ([`trace::event`]) become one line of calls and messages.
//! - [`net::recording`] writes the same to files: [`trace::pcapng`] rebuilds packets, [`trace::record`] keeps everything so that it can be read again.
//! - The dashboard has one source of what happens: the labs, or a record that is played (`dashboard::effects::replay`). No tab knows which.
//! - A secret is masked where a lab tells of it ([`proto::secret`], [`proto::http::secret`]), so that no screen and no file has to.
//! - History is bounded everywhere, and the bound is a named constant.
//! - The dashboard draws when something changed, at most 15 times a second, and at once after a key.
//! - Text from a network is hostile: [`trace::escape`] stands between it and every screen, log and file.
//!
//! # Where a new line belongs
//!
//! A rule of a protocol goes into `proto` with its source (RFC and section); a system call into `net`; a word into `assets/locales`; a colour or
//! glyph into `dashboard::theme`; a key into the one table of `dashboard::keys`; a setting into the one table of `settings`. A new lab is a module in
//! `proto`, a driver in `net` that reports [`trace::event`]s and its sockets' calls, a printer in `headless`, and a tab.

// Tests may unwrap; what a user, a file or a network sent may not.
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

rust_i18n::i18n!("assets/locales", fallback = "en");

pub mod cli;
pub mod settings;
pub mod words;

/// Bytes and rules. No sockets, no clock, no dice of its own, no screen.
pub mod proto {
    pub mod guard;
    pub mod http;
    pub mod link;
    pub mod message;
    pub mod ping;
    pub mod secret;
    pub mod serial;
    pub mod smtp;
    pub mod stats;
}

/// What happened, as plain data.
pub mod trace {
    pub mod access_log;
    pub mod bounded;
    pub mod clock;
    pub mod csv;
    pub mod escape;
    pub mod event;
    pub mod mail;
    pub mod pcapng;
    pub mod record;
    pub mod recorder;
    pub mod start_error;
    pub mod tap;
    pub mod transcript;
    pub mod web;
    pub mod wire;
}

/// Sockets and clocks: drive [`proto`], report to [`trace`].
pub mod net {
    pub mod completion;
    pub mod configs;
    mod delay_line;
    pub mod draft;
    pub mod echo;
    pub mod files;
    mod lock;
    pub mod mail_client;
    pub mod mail_server;
    pub mod maildir;
    pub mod os;
    pub mod password;
    pub mod pinger;
    pub mod recording;
    pub mod request_sender;
    pub mod resolve;
    pub mod saved;
    pub mod stop;
    mod timer;
    pub mod tls;
    pub mod web;
}

/// The labs without the dashboard.
pub mod headless {
    mod dialogue;
    pub mod echo;
    pub mod get;
    pub mod mail;
    pub mod mailbox;
    pub mod output;
    pub mod ping;
    pub mod recording;
    pub mod serve;
}

/// The terminal interface.
pub mod dashboard {
    pub mod app;
    pub mod capture;
    pub mod effects;
    pub mod keys;
    mod links;
    pub mod playback;
    pub mod run;
    mod shell;
    pub mod terminal;
    pub mod theme;

    /// One file a tab: state, update, view.
    pub mod tabs {
        mod filter;
        pub mod mail;
        mod panel;
        pub mod ping;
        mod turn;
        pub mod web;
        pub mod wire;
    }

    pub mod widgets;
}
