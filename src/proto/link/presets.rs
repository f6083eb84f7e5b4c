//! Ready-made links with figures that can be defended in class. Delays are one way and stand on
//! both legs, so a round trip takes twice as long.

use std::sync::LazyLock;
use std::time::Duration;

use super::{Delay, LegSettings, LinkSettings, Loss, Order, Probability, Rate, Shape};

/// A ready-made link.
#[derive(Debug, Clone, PartialEq)]
pub struct Preset {
    /// The name to ask for, in lower case.
    pub id: &'static str,
    /// Both legs.
    pub link: LinkSettings,
    /// The traffic that shows the link at its most telling, if the usual pings do not.
    pub traffic: Option<Traffic>,
}

/// Datagrams at a steady pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    /// Time from one datagram to the next.
    pub interval: Duration,
    /// Octets of payload in each.
    pub payload: usize,
}

/// G.711 speech: 20 ms of samples are 160 octets, and an RTP header (RFC 3550) is 12. With UDP and
/// IPv4 headers that makes 80 kbit/s.
const SPEECH: Traffic = Traffic {
    interval: Duration::from_millis(20),
    payload: 172,
};

static PRESETS: LazyLock<Vec<Preset>> = LazyLock::new(|| {
    vec![
        lab(),
        lan(),
        wifi(),
        third_generation(),
        satellite(),
        bufferbloat(),
        voip(),
    ]
});

/// Every preset, in the order in which they are listed.
pub fn presets() -> &'static [Preset] {
    &PRESETS
}

impl Preset {
    /// The preset of that name; case, hyphens, underscores and spaces do not matter (`Wi-Fi`).
    pub fn find(name: &str) -> Option<&'static Preset> {
        let name: String = name
            .chars()
            .filter(|c| !matches!(c, '-' | '_' | ' '))
            .map(|c| c.to_ascii_lowercase())
            .collect();
        presets().iter().find(|preset| preset.id == name)
    }
}

/// The classroom exercise: requests get lost with 4/11, nothing else happens.
fn lab() -> Preset {
    Preset {
        id: "lab",
        link: LinkSettings::default(),
        traffic: None,
    }
}

/// Switched Ethernet in one building: cables and switches take about 0.1 ms each way with a few
/// tens of microseconds of queueing, keep the order, and lose nothing that anyone would notice.
fn lan() -> Preset {
    both_ways(
        "lan",
        LegSettings {
            delay: ordered(Shape::Normal, us(100), us(20)),
            ..LegSettings::default()
        },
    )
}

/// A shared 802.11 cell at some distance. The radio repeats what is not acknowledged, so trouble
/// shows as a long tail of delay first (Pareto from 1 ms to 8 ms) and as rare short bursts of loss
/// only when it gives up: 0.2 % in all, at 30 Mbit/s, the figures of the `comcast` tool.
fn wifi() -> Preset {
    both_ways(
        "wifi",
        LegSettings {
            loss: burst(0.001, 2.0),
            delay: ordered(Shape::Pareto, us(2_000), us(1_500)),
            rate: limited(30_000_000, 100),
            ..LegSettings::default()
        },
    )
}

/// UMTS away from the mast: 250 ms of round trip, 750 kbit/s and 1.5 % of loss in all (`comcast`
/// again); the radio link delivers in sequence and has a deep buffer.
fn third_generation() -> Preset {
    both_ways(
        "3g",
        LegSettings {
            loss: burst(0.0075, 2.0),
            delay: ordered(Shape::Normal, us(125_000), us(25_000)),
            rate: limited(750_000, 100),
            ..LegSettings::default()
        },
    )
}

/// Geostationary satellite: up and down again are at least 2 × 35 786 km, 239 ms at the speed of
/// light, and some 270 ms with slant, coding and the gateway. Fading takes several datagrams in a
/// row. A terminal sends more slowly than it receives.
fn satellite() -> Preset {
    let leg = |bits_per_second| LegSettings {
        loss: burst(0.005, 4.0),
        delay: ordered(Shape::Normal, us(270_000), us(5_000)),
        rate: limited(bits_per_second, 100),
        ..LegSettings::default()
    };
    Preset {
        id: "satellite",
        link: LinkSettings {
            request: leg(2_000_000),
            reply: leg(10_000_000),
        },
        traffic: None,
    }
}

/// A slow uplink with a buffer that is too deep, and a little more traffic than fits: 80 kbit/s of
/// speech into 64 kbit/s. The queue of 30 fills in three seconds, the round trip climbs from
/// 65 ms to 0.8 s, and only then, far too late, a fifth of the datagrams is lost.
fn bufferbloat() -> Preset {
    let line = LegSettings {
        delay: ordered(Shape::Constant, us(20_000), us(0)),
        ..LegSettings::default()
    };
    Preset {
        id: "bufferbloat",
        link: LinkSettings {
            request: LegSettings {
                rate: limited(64_000, 30),
                ..line.clone()
            },
            reply: line,
        },
        traffic: Some(SPEECH),
    }
}

/// A call across the Internet: 40 ms each way, well under the 150 ms that ITU-T G.114 asks for, with
/// enough jitter to need a playout buffer, and 1 % of loss each way in bursts of two, about where
/// speech begins to suffer.
fn voip() -> Preset {
    Preset {
        traffic: Some(SPEECH),
        ..both_ways(
            "voip",
            LegSettings {
                loss: burst(0.01, 2.0),
                delay: Delay {
                    shape: Shape::Normal,
                    mean: us(40_000),
                    spread: us(6_000),
                    order: Order::MayOvertake,
                },
                ..LegSettings::default()
            },
        )
    }
}

fn both_ways(id: &'static str, leg: LegSettings) -> Preset {
    Preset {
        id,
        link: LinkSettings {
            request: leg.clone(),
            reply: leg,
        },
        traffic: None,
    }
}

fn burst(rate: f64, mean_run: f64) -> Loss {
    let model = Probability::new(rate).and_then(|rate| Loss::burst(rate, mean_run));
    model.expect("the figures are constants of this file, and a test makes every preset")
}

fn ordered(shape: Shape, mean: Duration, spread: Duration) -> Delay {
    Delay {
        shape,
        mean,
        spread,
        order: Order::Keep,
    }
}

fn limited(bits_per_second: u64, queue: usize) -> Rate {
    Rate::Limited {
        bits_per_second,
        queue,
    }
}

fn us(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

#[cfg(test)]
mod tests {
    use super::super::{Fate, Leg, Link};
    use super::*;

    #[test]
    fn presets_are_found_by_any_spelling() {
        let ids: Vec<_> = presets().iter().map(|preset| preset.id).collect();
        assert_eq!(
            ids,
            [
                "lab",
                "lan",
                "wifi",
                "3g",
                "satellite",
                "bufferbloat",
                "voip"
            ]
        );
        for (name, id) in [
            ("Wi-Fi", "wifi"),
            ("VoIP", "voip"),
            ("3G", "3g"),
            (" lab ", "lab"),
        ] {
            assert_eq!(Preset::find(name).map(|preset| preset.id), Some(id));
        }
        assert_eq!(Preset::find("dial-up"), None);
        assert_eq!(Preset::find(""), None);
    }

    #[test]
    fn presets_can_be_written_as_specs() {
        for preset in presets() {
            for leg in [&preset.link.request, &preset.link.reply] {
                assert_eq!(leg.loss.to_string().parse(), Ok(leg.loss.clone()));
                assert_eq!(leg.delay.to_string().parse(), Ok(leg.delay));
                assert_eq!(leg.rate.to_string().parse(), Ok(leg.rate));
            }
        }
    }

    #[test]
    fn bufferbloat_climbs_and_then_drops_a_fifth() {
        let preset = Preset::find("bufferbloat").unwrap();
        let traffic = preset.traffic.unwrap();
        let mut link = Link::new(preset.link.clone(), 1);
        let mut client = link.client(0);
        let verdicts: Vec<_> = (0..1000)
            .map(|n| link.judge(&mut client, traffic.payload, traffic.interval * n))
            .collect();
        // 20 + 25 + 20 ms at first.
        assert_eq!(verdicts[0].deliveries[0].delay, Duration::from_millis(65));
        let longest = verdicts
            .iter()
            .flat_map(|verdict| verdict.deliveries.iter())
            .map(|delivery| delivery.delay)
            .max();
        assert!(longest > Some(Duration::from_millis(750)), "{longest:?}");
        assert!(longest <= Some(Duration::from_millis(790)), "{longest:?}");
        let full = Fate::QueueFull { leg: Leg::Request };
        let first = verdicts.iter().position(|verdict| verdict.fate == full);
        assert!(
            first.is_some_and(|first| (120..180).contains(&first)),
            "{first:?}"
        );
        let dropped = verdicts[500..]
            .iter()
            .filter(|verdict| verdict.fate == full)
            .count();
        assert_eq!(dropped, 100);
    }
}
