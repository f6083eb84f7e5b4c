//! What the system says about a process, and whether a program is there at all.

use std::fs;
use std::process::{Command, Stdio};

use super::report::Outcome;

/// User and system time of all threads (proc_pid_stat(5), fields 14 and 15, in ticks of 10 ms).
pub fn cpu_seconds(process: u32) -> Outcome<f64> {
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is a name in parentheses, which may hold anything.
    let (_, fields) = stat.rsplit_once(')').ok_or("no name in stat")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let (user, system) = (fields.get(11), fields.get(12));
    let ticks =
        |field: Option<&&str>| -> Outcome<f64> { Ok(field.ok_or("stat is short")?.parse()?) };
    Ok((ticks(user)? + ticks(system)?) / TICKS)
}

pub fn resident_mib(process: u32) -> Outcome<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .ok_or("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}

/// Whether a program can be started.
pub fn is_installed(program: &str) -> bool {
    let version = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    version.is_ok()
}
