//! The summary line of `ping --json`, from "sent" to "burst_ratio". Its names are a promise to
//! programs that read it, so they stand here alone and do not follow the names in the code.

use std::time::Duration;

use serde::Serialize;

use super::PingStats;

/// Figures under the names of the JSON. Times are microseconds with up to three decimals; what is not
/// known is null.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// See [`Counts`](super::Counts) for this and the next eight.
    pub sent: u64,
    pub replied: u64,
    pub late: u64,
    pub lost: u64,
    pub refused: u64,
    pub duplicates: u64,
    pub reordered: u64,
    pub damaged: u64,
    pub unsolicited: u64,
    /// Lost and refused over decided, 0 to 1.
    pub loss: Option<f64>,
    /// Wilson 95 % interval of `loss`.
    pub loss_ci95: Option<(f64, f64)>,
    pub rtt_us: RttMicros,
    pub jitter_us: JitterMicros,
    /// RFC 6298.
    pub srtt_us: Option<f64>,
    pub rttvar_us: Option<f64>,
    /// Before the floor of 1 s.
    pub rto_us: Option<f64>,
    /// Null before anything is decided, 0 without a loss.
    pub longest_loss_run: Option<u64>,
    pub burst_ratio: Option<f64>,
}

/// Round-trip times in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RttMicros {
    pub min: Option<f64>,
    pub mean: Option<f64>,
    pub p50: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
    pub max: Option<f64>,
    pub mdev: Option<f64>,
}

/// Jitter by definition, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct JitterMicros {
    pub rfc3550: Option<f64>,
    pub mean_abs_ipdv: Option<f64>,
    pub p95_p50: Option<f64>,
}

impl Summary {
    pub(super) fn of(stats: &PingStats) -> Self {
        let counts = stats.counts();
        let rtt = stats.rtt();
        let rto = stats.rto();
        let runs = stats.runs();
        Self {
            sent: counts.sent,
            replied: counts.replied,
            late: counts.late,
            lost: counts.lost,
            refused: counts.refused,
            duplicates: counts.duplicates,
            reordered: counts.reordered,
            damaged: counts.damaged,
            unsolicited: counts.unsolicited,
            loss: stats.loss(),
            loss_ci95: stats.loss_interval(),
            rtt_us: RttMicros {
                min: micros(rtt.min()),
                mean: micros(rtt.mean()),
                p50: micros(rtt.p50()),
                p95: micros(rtt.p95()),
                p99: micros(rtt.p99()),
                max: micros(rtt.max()),
                mdev: micros(rtt.mdev()),
            },
            jitter_us: JitterMicros {
                rfc3550: micros(stats.jitter_rfc3550()),
                mean_abs_ipdv: micros(stats.mean_abs_ipdv()),
                p95_p50: micros(stats.p95_p50()),
            },
            srtt_us: micros(rto.map(|rto| rto.srtt)),
            rttvar_us: micros(rto.map(|rto| rto.rttvar)),
            rto_us: micros(rto.map(|rto| rto.rto)),
            longest_loss_run: runs.longest,
            burst_ratio: runs.burst_ratio,
        }
    }
}

/// A whole number of nanoseconds over 1000 is the double nearest to its three decimals, so it prints
/// with no more of them.
fn micros(time: Option<Duration>) -> Option<f64> {
    time.map(|time| time.as_nanos() as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::stats::Reply;
    use serde_json::json;

    #[test]
    fn nothing_known_is_null() {
        let json = serde_json::to_value(PingStats::new(Duration::ZERO).summary()).unwrap();
        assert_eq!(
            json,
            json!({
                "sent": 0, "replied": 0, "late": 0, "lost": 0, "refused": 0, "duplicates": 0,
                "reordered": 0, "damaged": 0, "unsolicited": 0,
                "loss": null, "loss_ci95": null,
                "rtt_us": {"min": null, "mean": null, "p50": null, "p95": null, "p99": null,
                           "max": null, "mdev": null},
                "jitter_us": {"rfc3550": null, "mean_abs_ipdv": null, "p95_p50": null},
                "srtt_us": null, "rttvar_us": null, "rto_us": null,
                "longest_loss_run": null, "burst_ratio": null
            })
        );
    }

    #[test]
    fn the_line_of_four_pings() {
        let mut stats = PingStats::new(Duration::from_nanos(1));
        for seq in 1..=4 {
            stats.sent(seq);
        }
        for (seq, nanos) in [(1, 100_000), (2, 120_001), (3, 80_000)] {
            let rtt = Duration::from_nanos(nanos);
            stats.replied(
                seq,
                Reply {
                    rtt,
                    ..Reply::default()
                },
            );
        }
        stats.timed_out(4);
        let line = serde_json::to_string(&stats.summary()).unwrap();
        let expected = concat!(
            r#"{"sent":4,"replied":3,"late":0,"lost":1,"refused":0,"duplicates":0,"#,
            r#""reordered":0,"damaged":0,"unsolicited":0,"loss":0.25,"loss_ci95":["#,
        );
        assert!(line.starts_with(expected), "{line}");
        // In ns: J = 20001/16 = 1250.0625, then + (40001 - 1250.0625)/16 = 3671.996. |IPDV| (20001 +
        // 40001)/2. SRTT 102500.125, then 99687.609; RTTVAR 42500.25, then .75·42500.25 +
        // .25·22500.125 = 37500.219; RTO 99687.609 + 4·37500.219 = 249688.484.
        let expected = concat!(
            r#""rtt_us":{"min":80.0,"mean":100.0,"p50":100.0,"p95":120.001,"p99":120.001,"#,
            r#""max":120.001,"mdev":16.33},"#,
            r#""jitter_us":{"rfc3550":3.672,"mean_abs_ipdv":30.001,"p95_p50":20.001},"#,
            r#""srtt_us":99.688,"rttvar_us":37.5,"rto_us":249.688,"#,
            r#""longest_loss_run":1,"burst_ratio":0.75}"#,
        );
        assert!(line.ends_with(expected), "{line}");
    }
}
