//! A load of datagrams: a number of them is always in flight.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::support::report::Outcome;

const DATAGRAM: [u8; 32] = [b'x'; 32];
/// How long a reply may take before its datagram counts as gone.
const PATIENCE: Duration = Duration::from_millis(200);

/// Keeps `window` datagrams in flight for `time`. Returns echoes a second, and how many datagrams were given up.
pub fn flood(server: SocketAddr, window: usize, time: Duration) -> Outcome<(f64, usize)> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut buffer = [0; 2048];
    let start = Instant::now();
    let mut echoes = 0_u64;
    let mut gone = 0;
    let mut fill = window;
    loop {
        for _ in 0..fill {
            socket.send(&DATAGRAM)?;
        }
        fill = match socket.recv(&mut buffer) {
            Ok(_) => {
                echoes += 1;
                1
            }
            Err(_) => {
                gone += window;
                window
            }
        };
        if echoes.is_multiple_of(64) && start.elapsed() >= time {
            return Ok((echoes as f64 / start.elapsed().as_secs_f64(), gone));
        }
    }
}
