//! The programs that are compared, each a process of its own as in real use: ours, a bare blocking loop in Rust (this binary in another role), and
//! the same loop in Python where it is installed.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime};

use sockscope::net::pinger::{Pinger, PingerConfig};
use sockscope::proto::ping::{Mode, PingEvent, Plan, Text};
use sockscope::trace::clock::Clock;
use sockscope::trace::event::{Event, PingerEvent};
use sockscope::trace::tap::Tap;

use super::support::report::{Outcome, median};

/// The program under test, built as it is released.
pub const SOCKSCOPE: &str = env!("CARGO_BIN_EXE_sockscope");

/// Events that may wait to be read.
const TAP: usize = 65_536;

const PYTHON: &str = "\
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('127.0.0.1', 0))
print('127.0.0.1:%d' % s.getsockname()[1], flush=True)
while True:
    data, peer = s.recvfrom(2048)
    s.sendto(data.upper(), peer)
";

/// A process that ends when it is dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts a server that prints a line with its address first.
    fn start(command: &mut Command) -> Outcome<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut first = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut first)?;
        }
        let address = first
            .split(|c: char| c.is_whitespace() || c == '"')
            .find_map(|word| word.trim_end_matches([',', '.', ';']).parse().ok());
        let address =
            address.ok_or_else(|| format!("the server did not tell its address: {first:?}"))?;
        Ok(Self { child, address })
    }

    /// The bare loop: one blocking receive, one send.
    pub fn bare() -> Outcome<Self> {
        Self::start(Command::new(env::current_exe()?).arg("--as=echo"))
    }

    /// The same loop in Python.
    pub fn python() -> Outcome<Self> {
        Self::start(Command::new("python3").args(["-c", PYTHON]))
    }

    /// `sockscope echo` on a free port, its events drained by its printer.
    pub fn ours(flags: &[&str]) -> Outcome<Self> {
        let mut command = Command::new(SOCKSCOPE);
        command
            .args(["echo", "--quiet", "--json", "--listen", "127.0.0.1:0"])
            .args(flags);
        Self::start(&mut command)
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Plays one of the peers.
pub fn play(role: &str, rest: &[String]) -> Outcome<()> {
    match (role, rest) {
        ("echo", []) => echo(),
        ("bare-pings", [server, count, gap]) => bare_pings(
            server.parse()?,
            count.parse()?,
            Duration::from_millis(gap.parse()?),
        ),
        ("pinger", [server, count, gap]) => pinger(
            server.parse()?,
            count.parse()?,
            Duration::from_millis(gap.parse()?),
        ),
        _ => Err(format!("no such role: {role}").into()),
    }
}

fn echo() -> Outcome<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    writeln!(io::stdout(), "{}", socket.local_addr()?)?;
    let mut buffer = [0; 2048];
    loop {
        let (len, from) = socket.recv_from(&mut buffer)?;
        buffer[..len].make_ascii_uppercase();
        socket.send_to(&buffer[..len], from)?;
    }
}

/// A bare blocking ping-pong; prints its median RTT in microseconds.
fn bare_pings(server: SocketAddr, count: usize, gap: Duration) -> Outcome<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut buffer = [0; 2048];
    let mut times = Vec::with_capacity(count);
    let start = Instant::now();
    for n in 0..count {
        let due = start + gap * n as u32;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let text = format!("Ping {n} 0123456789abcdef");
        let sent = Instant::now();
        socket.send_to(text.as_bytes(), server)?;
        socket.recv_from(&mut buffer)?;
        times.push(micros(sent.elapsed()));
    }
    writeln!(io::stdout(), "{}", median(&times))?;
    Ok(())
}

/// Our pinger at a pace that the command does not allow; prints its median RTT and the kernel's.
fn pinger(server: SocketAddr, count: u64, gap: Duration) -> Outcome<()> {
    let (wake, woken) = mpsc::channel();
    let tap = Tap::new(TAP, move || {
        // The other end is gone once all is read.
        let _ = wake.send(());
    });
    let clock = Clock::new(Instant::now(), SystemTime::now());
    let config = PingerConfig {
        id: 0,
        target: server,
        plan: Plan {
            mode: Mode::Lab { gap },
            count: Some(count),
            timeout: Duration::from_secs(1),
            text: Text::Token { key: 1, size: 0 },
        },
        clock_step: Duration::from_nanos(1),
    };
    let pinger = Pinger::start(config, clock, tap.clone())?;
    let (mut rtts, mut kernel) = (Vec::new(), Vec::new());
    let mut events = Vec::new();
    let mut finished = false;
    while !finished {
        woken.recv()?;
        tap.drain(&mut events);
        for event in events.drain(..) {
            let Event::Ping {
                event: PingerEvent::Ping(event),
                ..
            } = event
            else {
                continue;
            };
            match event {
                PingEvent::Replied { record, .. } => {
                    rtts.extend(record.rtt.map(micros));
                    kernel.extend(record.kernel_rtt.map(micros));
                }
                PingEvent::Finished => finished = true,
                _ => {}
            }
        }
    }
    drop(pinger);
    writeln!(io::stdout(), "{} {}", median(&rtts), median(&kernel))?;
    Ok(())
}
