//! What can be set, in which layers, and the one typed result that the rest of the program reads.
//!
//! A setting is a row of the [table](TABLE): a dotted key, a default text, a rule. Values come as text from the
//! defaults, the settings file, the environment and the flags, each layer over the one before; each text is read once
//! and carries where it [came from](Source), so that every complaint and `sockscope config` can say so. A new lab
//! adds its rows and a struct with its section, nothing else. This stands apart from the command line so that a bad
//! value gets the same sentence wherever it was written.

mod address;
mod error;
mod layers;
mod mail;
pub mod replay;
mod table;
mod web;

use std::net::SocketAddr;
use std::time::Duration;

pub use address::{DEFAULT_PORT, MAIL_PORT, MAIL_TLS_PORT, Target, WEB_PORT, local};
pub use error::{Problem, SettingsError};
pub use layers::{Environment, File, Given, Resolved, Source, find_file, load, variable};
pub use mail::{
    MailAuth, MailClientSettings, MailHost, MailServerSettings, MailSettings, MailStore,
};
pub use table::{Row, Shape, TABLE};
pub use web::WebSettings;

pub(crate) use error::{nearest, shown};
pub(crate) use table::{parse_milliseconds_up, parse_positive};

use crate::proto::link::LinkSettings;
use crate::words::Lang;

/// The interval of steady pings when none is given: five a second.
const STEADY_INTERVAL: Duration = Duration::from_millis(200);

/// The number of pings the command sends when none is given, as the lab asks for.
const LAB_COUNT: u64 = 10;

/// The settings in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The language of the interface; `None` leaves it to the locale of the environment.
    pub lang: Option<Lang>,
    /// The colours of the dashboard.
    pub theme: ThemeName,
    /// Draw without braille and box glyphs.
    pub ascii: bool,
    /// Let the dashboard take the mouse.
    pub mouse: bool,
    /// The echo server.
    pub echo: EchoSettings,
    /// The pinger.
    pub ping: PingSettings,
    /// The web server.
    pub web: WebSettings,
    /// The Mail lab.
    pub mail: MailSettings,
    /// The Wire tab.
    pub wire: WireSettings,
}

impl Default for Settings {
    /// The settings when nothing was set anywhere.
    fn default() -> Settings {
        layers::defaults().0
    }
}

/// A set of colours by its name in the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThemeName {
    /// The named colours of the terminal on its dark ground.
    Dark,
    /// For a light ground.
    Light,
    /// Black, white and few strong colours.
    HighContrast,
    /// Colours that remain apart with the common kinds of colour blindness.
    ColourBlind,
}

impl ThemeName {
    /// Every theme, in the order a key goes through them.
    pub const ALL: [ThemeName; 4] = [
        ThemeName::Dark,
        ThemeName::Light,
        ThemeName::HighContrast,
        ThemeName::ColourBlind,
    ];

    /// The theme that follows, round and round.
    #[must_use]
    pub fn next(self) -> ThemeName {
        let place = Self::ALL
            .iter()
            .position(|theme| *theme == self)
            .unwrap_or(0);
        Self::ALL[(place + 1) % Self::ALL.len()]
    }

    /// The name in the settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ThemeName::Dark => "dark",
            ThemeName::Light => "light",
            ThemeName::HighContrast => "high-contrast",
            ThemeName::ColourBlind => "colour-blind",
        }
    }
}

/// The echo server and the link it plays.
#[derive(Debug, Clone, PartialEq)]
pub struct EchoSettings {
    /// The address to listen at; port 0 lets the system choose one.
    pub listen: SocketAddr,
    /// The link between client and server, both ways.
    pub link: LinkSettings,
    /// The id of the preset that the link started from. Single parts of `link` may differ from it.
    pub preset: &'static str,
    /// The seed of every draw; `None` means one drawn at the start.
    pub seed: Option<u64>,
    /// Let duplication reach clients off loopback.
    pub allow_remote_duplicates: bool,
    /// Most datagrams a second answered to one source off loopback.
    pub rate_cap: u32,
    /// Most datagrams a second answered to all sources off loopback together.
    pub total_cap: u32,
}

/// The pinger, as set. What a run does follows from [`PingSettings::plan`].
#[derive(Debug, Clone, PartialEq)]
pub struct PingSettings {
    /// Whom to ping; empty means the echo server of this program.
    pub targets: Vec<Target>,
    /// When the next ping is sent; `None` leaves it to the place.
    pub mode: Option<PingMode>,
    /// The time between two pings; `None` leaves it to the mode.
    pub interval: Option<Duration>,
    /// How long a ping may take before it is lost.
    pub timeout: Duration,
    /// How many pings.
    pub count: Count,
    /// The length of a datagram in bytes; `None` sends the text as it is.
    pub size: Option<usize>,
    /// Send exactly `Ping <seq>`, without a token.
    pub plain: bool,
}

/// When the pinger sends the next ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PingMode {
    /// Stop and wait: when the one before was answered or has timed out.
    Lab,
    /// At fixed times, whatever happens.
    Steady,
}

impl PingMode {
    /// The name in the settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            PingMode::Lab => "lab",
            PingMode::Steady => "steady",
        }
    }
}

/// How many pings are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// As the place does it.
    Auto,
    /// Until somebody stops it.
    Endless,
    /// This many.
    Pings(u64),
}

/// Where the pinger runs; the two places have different habits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `sockscope ping`: the lab's ten pings.
    Command,
    /// The Ping tab: steady and endless.
    Dashboard,
}

/// What one run of the pinger does, with nothing left open.
#[derive(Debug, Clone, PartialEq)]
pub struct PingPlan {
    /// Whom to ping. Empty only in the dashboard: its own echo server, whose port is known once it listens.
    pub targets: Vec<Target>,
    /// When the next ping is sent.
    pub mode: PingMode,
    /// The time from one ping to the next. In lab mode the least such time, zero if none was given.
    pub interval: Duration,
    /// How long a ping may take before it is lost.
    pub timeout: Duration,
    /// How many pings; `None` is endless.
    pub count: Option<u64>,
    /// The length of a datagram in bytes; `None` sends the text as it is.
    pub size: Option<usize>,
    /// Send exactly `Ping <seq>`, without a token.
    pub plain: bool,
}

impl PingSettings {
    /// Fills in what was left open, each place in its own way.
    #[must_use]
    pub fn plan(&self, place: Place) -> PingPlan {
        let mode = self.mode.unwrap_or(match place {
            Place::Command => PingMode::Lab,
            Place::Dashboard => PingMode::Steady,
        });
        PingPlan {
            targets: match place {
                Place::Command if self.targets.is_empty() => vec![Target::default()],
                _ => self.targets.clone(),
            },
            mode,
            interval: self.interval.unwrap_or(match mode {
                PingMode::Lab => Duration::ZERO,
                PingMode::Steady => STEADY_INTERVAL,
            }),
            timeout: self.timeout,
            count: match (self.count, place) {
                (Count::Pings(pings), _) => Some(pings),
                (Count::Auto, Place::Command) => Some(LAB_COUNT),
                (Count::Auto, Place::Dashboard) | (Count::Endless, _) => None,
            },
            size: self.size,
            plain: self.plain,
        }
    }
}

/// What the Wire tab keeps; the oldest goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireSettings {
    /// Bytes that calls and messages may take together.
    pub memory: usize,
    /// How many calls and messages.
    pub events: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_lab() {
        let settings = Settings::default();
        assert_eq!(settings.lang, None);
        assert_eq!(settings.theme, ThemeName::Dark);
        assert!(!settings.ascii && !settings.mouse);
        assert_eq!(settings.echo.listen, "127.0.0.1:12000".parse().unwrap());
        assert_eq!(settings.echo.link, LinkSettings::default());
        assert_eq!(settings.echo.preset, "lab");
        assert_eq!(settings.echo.seed, None);
        assert!(!settings.echo.allow_remote_duplicates);
        assert_eq!(settings.ping.timeout, Duration::from_secs(1));
        assert_eq!(settings.ping.size, None);
        assert!(!settings.ping.plain);
        assert_eq!(settings.wire.memory, 64 << 20);
        assert_eq!(settings.wire.events, 200_000);
    }

    #[test]
    fn each_place_pings_in_its_own_way() {
        let ping = Settings::default().ping;
        let command = ping.plan(Place::Command);
        assert_eq!(command.targets, [Target::default()]);
        assert_eq!(command.mode, PingMode::Lab);
        assert_eq!(command.interval, Duration::ZERO);
        assert_eq!(command.count, Some(10));
        let dashboard = ping.plan(Place::Dashboard);
        assert_eq!(dashboard.targets, []);
        assert_eq!(dashboard.mode, PingMode::Steady);
        assert_eq!(dashboard.interval, Duration::from_millis(200));
        assert_eq!(dashboard.count, None);
    }

    #[test]
    fn what_was_set_holds_in_every_place() {
        let ping = PingSettings {
            targets: vec!["a.example:7".parse().unwrap()],
            mode: Some(PingMode::Lab),
            interval: Some(Duration::from_millis(3)),
            count: Count::Pings(4),
            ..Settings::default().ping
        };
        let plan = ping.plan(Place::Command);
        assert_eq!(plan, ping.plan(Place::Dashboard));
        assert_eq!(plan.targets, ping.targets);
        assert_eq!(plan.interval, Duration::from_millis(3));
        assert_eq!(plan.count, Some(4));
        let endless = PingSettings {
            count: Count::Endless,
            ..ping
        };
        assert_eq!(endless.plan(Place::Command).count, None);
    }
}
