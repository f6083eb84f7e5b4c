//! The one table of settings. Flags, environment names, the settings file, `sockscope config` and every complaint
//! about a value come from its rows.

use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use super::address::{DEFAULT_PORT, MAIL_PORT, WEB_PORT, parse_listen};
use super::mail::{
    self, ANYBODY, LAB, parse_auth, parse_end_of_data, parse_faults, parse_from, parse_helo,
    parse_line, parse_name, parse_path, parse_retry, parse_scenario, parse_security, parse_server,
    parse_store, parse_time_scale, parse_tls_listen,
};
use super::web::{
    BUILT_IN, NONE, parse_bytes, parse_delay, parse_folder, parse_forced, parse_length,
    parse_lowest_rate, parse_memory, parse_mode as parse_service_mode, parse_number, parse_rate,
};
use super::{
    Count, EchoSettings, PingMode, PingSettings, Problem, Settings, Target, ThemeName, WebSettings,
    WireSettings,
};
use crate::proto::http::service::{Limits, Service};
use crate::proto::link::{LinkSettings, Preset, Probability, SpecError, parse_duration};
use crate::words::Lang;

/// The largest payload of a UDP datagram over IPv4: 65,535 bytes less 20 of IP and 8 of UDP (RFC 768, RFC 791).
const LARGEST_PAYLOAD: usize = 65_507;

/// How a value is written in TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A string.
    Text,
    /// `true` or `false`.
    Switch,
    /// A whole number, or a string when it is a word.
    Number,
    /// An array of strings; as text, with blanks or commas between them.
    List,
    /// An array of strings that may hold blanks and commas; as text, one a line.
    Lines,
}

/// One setting.
#[derive(Debug)]
pub struct Row {
    /// The dotted key: section and name.
    pub key: &'static str,
    /// The value when nobody sets one.
    pub default: &'static str,
    /// How the value is written in TOML.
    pub shape: Shape,
    /// The key of the words that say what is allowed.
    pub allowed: &'static str,
    /// Reads a text into its place.
    pub(super) read: fn(&mut Settings, &str) -> Result<(), Problem>,
}

impl Row {
    const fn new(
        key: &'static str,
        default: &'static str,
        shape: Shape,
        allowed: &'static str,
        read: fn(&mut Settings, &str) -> Result<(), Problem>,
    ) -> Row {
        Row {
            key,
            default,
            shape,
            allowed,
            read,
        }
    }
}

/// The key whose value sets all keys of [`link_texts`] at once. Within one layer it is read before them, so that
/// they can change parts of it.
pub(super) const PRESET: &str = "echo.preset";

/// The word that leaves a setting to the place where it is used.
pub(super) const AUTO: &str = "auto";

const SWITCH: &str = "settings.allowed.switch";
const SHARE: &str = "settings.allowed.share";
const LOSS: &str = "settings.allowed.loss";
const DELAY: &str = "settings.allowed.delay";
const RATE: &str = "settings.allowed.rate";
const CAP: &str = "settings.allowed.cap";
const TIMEOUT: &str = "settings.allowed.timeout";
const BYTE_RATE: &str = "settings.allowed.byte_rate";
const HEAD_SIZE: &str = "settings.allowed.head_size";
const LISTEN_MAIL: &str = "settings.allowed.mail_listen";
const CONNECTIONS: &str = "settings.allowed.max_connections";
const PASSWORD_COMMAND: &str = "settings.allowed.password_command";

/// Every setting. A layer is read in this order; keys of one section stand together.
#[rustfmt::skip]
pub static TABLE: &[Row] = &[
    Row::new("lang", AUTO, Shape::Text, "settings.allowed.lang", |s, t| put(&mut s.lang, parse_lang(t))),
    Row::new("theme", "dark", Shape::Text, "settings.allowed.theme", |s, t| put(&mut s.theme, t.parse())),
    Row::new("ascii", "false", Shape::Switch, SWITCH, |s, t| put(&mut s.ascii, parse_switch(t))),
    Row::new("mouse", "false", Shape::Switch, SWITCH, |s, t| put(&mut s.mouse, parse_switch(t))),

    Row::new("echo.listen", "127.0.0.1:12000", Shape::Text, "settings.allowed.listen", |s, t| put(&mut s.echo.listen, parse_listen(t, DEFAULT_PORT))),
    Row::new(PRESET, "lab", Shape::Text, "settings.allowed.preset", read_preset),
    Row::new("echo.loss", "lab", Shape::Text, LOSS, |s, t| put(&mut s.echo.link.request.loss, t.parse())),
    Row::new("echo.delay", "none", Shape::Text, DELAY, |s, t| put(&mut s.echo.link.request.delay, t.parse())),
    Row::new("echo.duplicate", "0%", Shape::Text, SHARE, |s, t| put(&mut s.echo.link.request.duplicate, parse_share(t))),
    Row::new("echo.reorder", "0%", Shape::Text, SHARE, |s, t| put(&mut s.echo.link.request.reorder, parse_share(t))),
    Row::new("echo.corrupt", "0%", Shape::Text, SHARE, |s, t| put(&mut s.echo.link.request.corrupt, parse_share(t))),
    Row::new("echo.rate", "none", Shape::Text, RATE, |s, t| put(&mut s.echo.link.request.rate, t.parse())),
    Row::new("echo.reply_loss", "none", Shape::Text, LOSS, |s, t| put(&mut s.echo.link.reply.loss, t.parse())),
    Row::new("echo.reply_delay", "none", Shape::Text, DELAY, |s, t| put(&mut s.echo.link.reply.delay, t.parse())),
    Row::new("echo.reply_duplicate", "0%", Shape::Text, SHARE, |s, t| put(&mut s.echo.link.reply.duplicate, parse_share(t))),
    Row::new("echo.reply_reorder", "0%", Shape::Text, SHARE, |s, t| put(&mut s.echo.link.reply.reorder, parse_share(t))),
    Row::new("echo.reply_corrupt", "0%", Shape::Text, SHARE, |s, t| put(&mut s.echo.link.reply.corrupt, parse_share(t))),
    Row::new("echo.reply_rate", "none", Shape::Text, RATE, |s, t| put(&mut s.echo.link.reply.rate, t.parse())),
    Row::new("echo.seed", "random", Shape::Number, "settings.allowed.seed", |s, t| put(&mut s.echo.seed, parse_or(t, "random"))),
    Row::new("echo.allow_remote_duplicates", "false", Shape::Switch, SWITCH, |s, t| put(&mut s.echo.allow_remote_duplicates, parse_switch(t))),
    Row::new("echo.rate_cap", "100", Shape::Number, CAP, |s, t| put(&mut s.echo.rate_cap, parse_cap(t))),
    Row::new("echo.total_cap", "2000", Shape::Number, CAP, |s, t| put(&mut s.echo.total_cap, parse_cap(t))),

    Row::new("ping.targets", AUTO, Shape::List, "settings.allowed.targets", |s, t| put(&mut s.ping.targets, parse_targets(t))),
    Row::new("ping.mode", AUTO, Shape::Text, "settings.allowed.mode", |s, t| put(&mut s.ping.mode, parse_mode(t))),
    Row::new("ping.interval", AUTO, Shape::Text, "settings.allowed.interval", |s, t| put(&mut s.ping.interval, parse_interval(t))),
    Row::new("ping.timeout", "1s", Shape::Text, TIMEOUT, |s, t| put(&mut s.ping.timeout, parse_milliseconds_up(t))),
    Row::new("ping.count", AUTO, Shape::Number, "settings.allowed.count", |s, t| put(&mut s.ping.count, parse_count(t))),
    Row::new("ping.size", AUTO, Shape::Number, "settings.allowed.size", |s, t| put(&mut s.ping.size, parse_size(t))),
    Row::new("ping.plain", "false", Shape::Switch, SWITCH, |s, t| put(&mut s.ping.plain, parse_switch(t))),

    Row::new("web.listen", "127.0.0.1:6789", Shape::Text, "settings.allowed.web_listen", |s, t| put(&mut s.web.listen, parse_listen(t, WEB_PORT))),
    Row::new("web.folder", BUILT_IN, Shape::Text, "settings.allowed.folder", |s, t| put(&mut s.web.folder, parse_folder(t))),
    Row::new("web.mode", "concurrent", Shape::Text, "settings.allowed.service_mode", |s, t| put(&mut s.web.service.mode, parse_service_mode(t))),
    Row::new("web.delay", NONE, Shape::Text, "settings.allowed.service_delay", |s, t| put(&mut s.web.service.delay, parse_delay(t))),
    Row::new("web.rate", NONE, Shape::Number, BYTE_RATE, |s, t| put(&mut s.web.service.rate, parse_rate(t))),
    Row::new("web.force", NONE, Shape::List, "settings.allowed.force", |s, t| put(&mut s.web.service.forced, parse_forced(t))),
    Row::new("web.hidden", "false", Shape::Switch, SWITCH, |s, t| put(&mut s.web.hidden, parse_switch(t))),
    Row::new("web.symlinks", "false", Shape::Switch, SWITCH, |s, t| put(&mut s.web.outside_links, parse_switch(t))),
    Row::new("web.listing", "true", Shape::Switch, SWITCH, |s, t| put(&mut s.web.listing, parse_switch(t))),
    Row::new("web.trace", "false", Shape::Switch, SWITCH, |s, t| put(&mut s.web.trace, parse_switch(t))),
    Row::new("web.header_timeout", "10s", Shape::Text, TIMEOUT, |s, t| put(&mut s.web.limits.head_time, parse_milliseconds_up(t))),
    Row::new("web.idle_timeout", "15s", Shape::Text, TIMEOUT, |s, t| put(&mut s.web.limits.idle_time, parse_milliseconds_up(t))),
    Row::new("web.stall_timeout", "30s", Shape::Text, TIMEOUT, |s, t| put(&mut s.web.limits.stall_time, parse_milliseconds_up(t))),
    Row::new("web.min_rate", "500", Shape::Number, BYTE_RATE, |s, t| put(&mut s.web.limits.lowest_rate, parse_lowest_rate(t))),
    Row::new("web.max_requests", "100000", Shape::Number, "settings.allowed.max_requests", |s, t| put(&mut s.web.limits.requests, parse_number(t, 1_000_000_000))),
    Row::new("web.max_connections", "1024", Shape::Number, CONNECTIONS, |s, t| put(&mut s.web.limits.connections, parse_length(t, 1, 1_000_000))),
    Row::new("web.max_request_line", "8k", Shape::Number, HEAD_SIZE, |s, t| put(&mut s.web.limits.request_line, parse_length(t, 64, 1 << 20))),
    Row::new("web.max_head", "16k", Shape::Number, HEAD_SIZE, |s, t| put(&mut s.web.limits.head, parse_length(t, 64, 1 << 20))),
    Row::new("web.max_fields", "200", Shape::Number, "settings.allowed.max_fields", |s, t| put(&mut s.web.limits.fields, parse_length(t, 1, 10_000))),
    Row::new("web.max_body", "64k", Shape::Number, "settings.allowed.max_body", |s, t| put(&mut s.web.limits.body, parse_bytes(t, 0, 1 << 40))),

    Row::new("mail.server", LAB, Shape::Text, "settings.allowed.mail_server", |s, t| put(&mut s.mail.client.server, parse_server(t))),
    Row::new("mail.security", NONE, Shape::Text, "settings.allowed.security", |s, t| put(&mut s.mail.client.security, parse_security(t))),
    Row::new("mail.auth", AUTO, Shape::Text, "settings.allowed.auth", |s, t| put(&mut s.mail.client.auth, parse_auth(t))),
    Row::new("mail.user", NONE, Shape::Text, "settings.allowed.user", |s, t| put(&mut s.mail.client.user, parse_line(t, NONE))),
    Row::new("mail.password_command", NONE, Shape::Text, PASSWORD_COMMAND, |s, t| put(&mut s.mail.client.password_command, parse_line(t, NONE))),
    Row::new("mail.from", NONE, Shape::Text, "settings.allowed.from", |s, t| put(&mut s.mail.client.from, parse_from(t))),
    Row::new("mail.helo", AUTO, Shape::Text, "settings.allowed.helo", |s, t| put(&mut s.mail.client.helo, parse_helo(t))),
    Row::new("mail.pipelining", "false", Shape::Switch, SWITCH, |s, t| put(&mut s.mail.client.pipelining, parse_switch(t))),
    Row::new("mail.chunking", "false", Shape::Switch, SWITCH, |s, t| put(&mut s.mail.client.chunking, parse_switch(t))),
    Row::new("mail.time_scale", "1", Shape::Number, "settings.allowed.time_scale", |s, t| put(&mut s.mail.client.time_scale, parse_time_scale(t))),
    Row::new("mail.ca_file", NONE, Shape::Text, "settings.allowed.ca_file", |s, t| put(&mut s.mail.client.ca_file, parse_path(t))),
    Row::new("mail.retry", NONE, Shape::Text, "settings.allowed.retry", |s, t| put(&mut s.mail.client.retry, parse_retry(t))),
    Row::new("mail.listen", "127.0.0.1:2525", Shape::Text, LISTEN_MAIL, |s, t| put(&mut s.mail.server.listen, parse_listen(t, MAIL_PORT))),
    Row::new("mail.tls_listen", "127.0.0.1:2465", Shape::Text, "settings.allowed.tls_listen", |s, t| put(&mut s.mail.server.tls_listen, parse_tls_listen(t))),
    Row::new("mail.folder", AUTO, Shape::Text, "settings.allowed.mail_folder", |s, t| put(&mut s.mail.server.store, parse_store(t))),
    Row::new("mail.name", "lab.example", Shape::Text, "settings.allowed.mail_name", |s, t| put(&mut s.mail.server.name, parse_name(t))),
    Row::new("mail.account", ANYBODY, Shape::Text, "settings.allowed.account", |s, t| put(&mut s.mail.server.account, parse_line(t, ANYBODY))),
    Row::new("mail.account_password_command", NONE, Shape::Text, PASSWORD_COMMAND, |s, t| put(&mut s.mail.server.account_password_command, parse_line(t, NONE))),
    Row::new("mail.scenario", NONE, Shape::Text, "settings.allowed.scenario", |s, t| put(&mut s.mail.server.scenario, parse_scenario(t))),
    Row::new("mail.faults", NONE, Shape::Lines, "settings.allowed.faults", |s, t| put(&mut s.mail.server.faults, parse_faults(t))),
    Row::new("mail.end_of_data", "strict", Shape::Text, "settings.allowed.end_of_data", |s, t| put(&mut s.mail.server.end_of_data, parse_end_of_data(t))),
    Row::new("mail.max_size", "50M", Shape::Number, "settings.allowed.max_size", |s, t| put(&mut s.mail.server.limits.message, parse_bytes(t, 1, 1 << 30))),
    Row::new("mail.max_recipients", "100", Shape::Number, "settings.allowed.max_recipients", |s, t| put(&mut s.mail.server.limits.recipients, parse_length(t, 1, 10_000))),
    Row::new("mail.max_messages", "100000", Shape::Number, "settings.allowed.max_messages", |s, t| put(&mut s.mail.server.limits.messages, parse_length(t, 1, 1_000_000))),
    Row::new("mail.max_mailbox", "4G", Shape::Number, "settings.allowed.max_mailbox", |s, t| put(&mut s.mail.server.limits.mailbox, parse_bytes(t, 1, 1 << 40))),
    Row::new("mail.max_connections", "256", Shape::Number, CONNECTIONS, |s, t| put(&mut s.mail.server.limits.connections, parse_length(t, 1, 1_000_000))),
    Row::new("mail.idle_timeout", "5m", Shape::Text, TIMEOUT, |s, t| put(&mut s.mail.server.limits.idle, parse_milliseconds_up(t))),
    Row::new("mail.max_errors", "20", Shape::Number, "settings.allowed.max_errors", |s, t| put(&mut s.mail.server.limits.errors, parse_number(t, 1_000_000))),

    Row::new("wire.memory", "64M", Shape::Number, "settings.allowed.wire_memory", |s, t| put(&mut s.wire.memory, parse_memory(t, 1 << 20, 4 << 30))),
    Row::new("wire.events", "200000", Shape::Number, "settings.allowed.wire_events", |s, t| put(&mut s.wire.events, parse_length(t, 1_000, 10_000_000))),
];

/// Where in the table a key stands.
pub(super) fn position(key: &str) -> Option<usize> {
    TABLE.iter().position(|row| row.key == key)
}

/// Settings to read the defaults into. No value here is ever seen: the table has a default for each.
pub(super) fn blank() -> Settings {
    Settings {
        lang: None,
        theme: ThemeName::Dark,
        ascii: false,
        mouse: false,
        echo: EchoSettings {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT)),
            link: LinkSettings::transparent(),
            preset: "",
            seed: None,
            allow_remote_duplicates: false,
            rate_cap: 0,
            total_cap: 0,
        },
        ping: PingSettings {
            targets: Vec::new(),
            mode: None,
            interval: None,
            timeout: Duration::ZERO,
            count: Count::Auto,
            size: None,
            plain: false,
        },
        web: WebSettings {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, WEB_PORT)),
            folder: None,
            service: Service::default(),
            limits: Limits::default(),
            hidden: false,
            outside_links: false,
            listing: false,
            trace: false,
        },
        mail: mail::blank(),
        wire: WireSettings {
            memory: 0,
            events: 0,
        },
    }
}

/// The texts of a whole link by key: what a preset sets.
pub(super) fn link_texts(link: &LinkSettings) -> [(&'static str, String); 12] {
    let (request, reply) = (&link.request, &link.reply);
    [
        ("echo.loss", request.loss.to_string()),
        ("echo.delay", request.delay.to_string()),
        ("echo.duplicate", request.duplicate.to_string()),
        ("echo.reorder", request.reorder.to_string()),
        ("echo.corrupt", request.corrupt.to_string()),
        ("echo.rate", request.rate.to_string()),
        ("echo.reply_loss", reply.loss.to_string()),
        ("echo.reply_delay", reply.delay.to_string()),
        ("echo.reply_duplicate", reply.duplicate.to_string()),
        ("echo.reply_reorder", reply.reorder.to_string()),
        ("echo.reply_corrupt", reply.corrupt.to_string()),
        ("echo.reply_rate", reply.rate.to_string()),
    ]
}

fn put<T, E: Into<Problem>>(place: &mut T, read: Result<T, E>) -> Result<(), Problem> {
    *place = read.map_err(Into::into)?;
    Ok(())
}

fn read_preset(settings: &mut Settings, text: &str) -> Result<(), Problem> {
    let preset = Preset::find(text).ok_or(Problem::NotAllowed)?;
    settings.echo.preset = preset.id;
    settings.echo.link = preset.link.clone();
    Ok(())
}

/// Reads a switch the way TOML writes it, or in one of the ways common in environments.
pub(super) fn parse_switch(text: &str) -> Result<bool, Problem> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(Problem::NotAllowed),
    }
}

/// The targets of a list; none for `auto`.
fn parse_targets(text: &str) -> Result<Vec<Target>, Problem> {
    if text == AUTO {
        return Ok(Vec::new());
    }
    let targets: Vec<Target> = items(text).map(str::parse).collect::<Result<_, _>>()?;
    if targets.is_empty() {
        return Err(Problem::NotAllowed);
    }
    Ok(targets)
}

/// The parts of a value whose shape is a list.
pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',', '\t']).filter(|item| !item.is_empty())
}

/// The parts of a value whose shape is lines.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// A number, or `None` for the word that leaves it open.
fn parse_or<T: FromStr>(text: &str, word: &str) -> Result<Option<T>, Problem> {
    if text == word {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| Problem::NotAllowed)
}

fn parse_lang(text: &str) -> Result<Option<Lang>, Problem> {
    if text == AUTO {
        return Ok(None);
    }
    Lang::from_tag(text).map(Some).ok_or(Problem::NotAllowed)
}

/// A probability. `none` is allowed as for the other parts of a link.
fn parse_share(text: &str) -> Result<Probability, SpecError> {
    if text == "none" {
        return Ok(Probability::ZERO);
    }
    text.parse()
}

fn parse_cap(text: &str) -> Result<u32, Problem> {
    match text.parse() {
        Ok(cap @ 1..=1_000_000) => Ok(cap),
        _ => Err(Problem::NotAllowed),
    }
}

fn parse_mode(text: &str) -> Result<Option<PingMode>, Problem> {
    match text {
        AUTO => Ok(None),
        "lab" => Ok(Some(PingMode::Lab)),
        "steady" => Ok(Some(PingMode::Steady)),
        _ => Err(Problem::NotAllowed),
    }
}

fn parse_interval(text: &str) -> Result<Option<Duration>, Problem> {
    if text == AUTO {
        return Ok(None);
    }
    parse_milliseconds_up(text).map(Some)
}

/// A duration from 1 ms to the longest there is, one hour.
pub(crate) fn parse_milliseconds_up(text: &str) -> Result<Duration, Problem> {
    let duration = parse_duration(text)?;
    if duration < Duration::from_millis(1) {
        return Err(Problem::NotAllowed);
    }
    Ok(duration)
}

fn parse_count(text: &str) -> Result<Count, Problem> {
    match text {
        AUTO => Ok(Count::Auto),
        "endless" => Ok(Count::Endless),
        _ => parse_positive(text).map(Count::Pings),
    }
}

/// A whole number from 1 up.
pub(crate) fn parse_positive(text: &str) -> Result<u64, Problem> {
    text.parse()
        .ok()
        .filter(|number| *number > 0)
        .ok_or(Problem::NotAllowed)
}

fn parse_size(text: &str) -> Result<Option<usize>, Problem> {
    match parse_or(text, AUTO)? {
        Some(size) if size > LARGEST_PAYLOAD => Err(Problem::NotAllowed),
        size => Ok(size),
    }
}

impl FromStr for ThemeName {
    type Err = Problem;

    fn from_str(text: &str) -> Result<ThemeName, Problem> {
        let named = |theme: &ThemeName| theme.name() == text;
        ThemeName::ALL
            .into_iter()
            .find(named)
            .ok_or(Problem::NotAllowed)
    }
}
