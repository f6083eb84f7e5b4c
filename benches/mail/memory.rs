//! A large attachment, seen from the memory of both ends.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::peers::{Server, Store, mail};
use super::support::report::{Outcome, Report};

const SMALL: usize = 1 << 20;
const LARGE: usize = 25 << 20;
/// MiB that the larger one may cost more.
const MORE: f64 = 2.0;
const LOOK: Duration = Duration::from_millis(1);

pub fn measure(report: &mut Report) -> Outcome<()> {
    report.heading("Memory with a large attachment, server with a Maildir");
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let maildir = folder.path().join("Maildir");
    let server = Server::mailbox("sockscope mailbox", &Store::Maildir(&maildir))?;
    report.say(&format!(
        "{:<12} {:>16} {:>16}",
        "attachment", "client peak MiB", "server peak MiB"
    ));
    let mut peaks = Vec::new();
    for bytes in [SMALL, LARGE] {
        let file = folder.path().join("attachment.bin");
        // Not all the same, as a disk or a network might shorten that.
        let content: Vec<u8> = (0..bytes as u64)
            .map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8)
            .collect();
        fs::write(&file, content)?;
        let client = peak_of(mail(server.address).arg("--attach").arg(&file))?;
        let server = peak_mib(server.process())?;
        let mib = bytes >> 20;
        report.say(&format!(
            "{:<12} {client:>16.1} {server:>16.1}",
            format!("{mib} MiB")
        ));
        peaks.push((client, server));
    }
    let taken = messages(&maildir)?;
    if taken != 2 {
        return Err(format!("{taken} messages arrived, not 2").into());
    }
    let [small, large] = peaks[..] else {
        return Err("not two runs".into());
    };
    for (who, more) in [("client", large.0 - small.0), ("server", large.1 - small.1)] {
        report.target(
            more <= MORE,
            &format!(
                "{who}: {more:.1} MiB more for a 25 MiB attachment than for 1 MiB, at most {MORE}"
            ),
        );
    }
    Ok(())
}

/// Runs a client to its end; tells the most memory it had.
fn peak_of(command: &mut Command) -> Outcome<f64> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut peak: f64 = 0.0;
    let status = loop {
        // A process that has ended has no memory.
        peak = peak.max(peak_mib(child.id()).unwrap_or_default());
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(LOOK);
    };
    if !status.success() {
        return Err(format!("the client failed: {status}").into());
    }
    Ok(peak)
}

/// The most that was ever resident.
fn peak_mib(process: u32) -> Outcome<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.ok_or("no VmHWM")?.trim().trim_end_matches("kB").trim();
    Ok(kib.parse::<f64>()? / 1024.0)
}

fn messages(maildir: &Path) -> Outcome<usize> {
    Ok(fs::read_dir(maildir.join("new"))?.count())
}
