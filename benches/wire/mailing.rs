//! A client that sends message after message in one session, without waiting for more than the replies that it has to wait for.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::support::report::Outcome;

/// Bytes of each message.
const MESSAGE: usize = 1_000;
const WIDTH: usize = 70;

struct Session {
    stream: TcpStream,
    replies: BufReader<TcpStream>,
    line: String,
}

impl Session {
    fn expect(&mut self, code: &str) -> Outcome<()> {
        loop {
            self.line.clear();
            self.replies.read_line(&mut self.line)?;
            if !self.line.starts_with(code) {
                return Err(format!("not {code}: {:?}", self.line).into());
            }
            if self.line.as_bytes().get(3) != Some(&b'-') {
                return Ok(());
            }
        }
    }

    fn say(&mut self, line: &str, code: &str) -> Outcome<()> {
        self.stream.write_all(line.as_bytes())?;
        self.expect(code)
    }
}

/// How many messages went in how many seconds.
pub fn send_for(server: SocketAddr, time: Duration) -> Outcome<(f64, f64)> {
    let mut message = "Subject: bench\r\n\r\n".to_owned();
    while message.len() < MESSAGE {
        message.extend(["x".repeat(WIDTH).as_str(), "\r\n"]);
    }
    message.push_str(".\r\n");
    let stream = TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    let mut session = Session {
        replies: BufReader::new(stream.try_clone()?),
        stream,
        line: String::new(),
    };
    session.expect("220")?;
    session.say("EHLO bench.example\r\n", "250")?;
    let start = Instant::now();
    let mut count = 0.0;
    while start.elapsed() < time {
        session.say("MAIL FROM:<a@b.example>\r\n", "250")?;
        session.say("RCPT TO:<c@d.example>\r\n", "250")?;
        session.say("DATA\r\n", "354")?;
        session.say(&message, "250")?;
        count += 1.0;
    }
    let seconds = start.elapsed().as_secs_f64();
    session.say("QUIT\r\n", "221")?;
    Ok((count, seconds))
}
