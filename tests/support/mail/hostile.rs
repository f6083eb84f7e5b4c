//! Mail servers that follow a script, however wrong it is, and remember every byte that their client sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;

use crate::support::PATIENCE;

/// What a server says in place of the right replies.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// What a line begins with, and what is said to it: the first time the first of these, and so on, the last one ever after. `(banner)`, `(user)`,
    /// `(password)` and `(dot)` stand for what has no verb. An exclamation mark at the end closes the connection, a tilde says nothing at all.
    pub replies: Vec<(&'static str, Vec<String>)>,
    /// Each byte of a reply in a segment of its own.
    pub byte_by_byte: bool,
}

impl Script {
    /// The right replies.
    pub fn right() -> Self {
        Self::default()
    }

    /// The same but for the replies to these lines, each in full.
    pub fn with(replies: &[(&'static str, &str)]) -> Self {
        let mut script = Self::default();
        for (line, reply) in replies {
            script = script.then(line, reply);
        }
        script
    }

    /// Adds what is said to this line, or to the next one of its kind.
    pub fn then(mut self, line: &'static str, reply: &str) -> Self {
        let known = self.replies.iter_mut().find(|(known, _)| *known == line);
        match known {
            Some((_, replies)) => replies.push(reply.to_owned()),
            None => self.replies.push((line, vec![reply.to_owned()])),
        }
        self
    }

    /// The same, said a byte at a time.
    pub fn byte_by_byte(mut self) -> Self {
        self.byte_by_byte = true;
        self
    }
}

/// What a server was told.
#[derive(Debug, Default)]
pub struct Heard {
    /// Each line without its end; `message` stands for what came between 354 and its final dot.
    pub lines: Vec<String>,
    /// Those messages as they came, the dot included.
    pub messages: Vec<Vec<u8>>,
}

/// The server's end of a connection.
pub struct Peer {
    pub reader: BufReader<TcpStream>,
    pub heard: Heard,
}

impl Peer {
    pub fn say(&mut self, bytes: impl AsRef<[u8]>) {
        // The client may be gone: that is what some tests are about.
        let _ = self.reader.get_mut().write_all(bytes.as_ref());
    }

    /// The next line without its end, which must be CRLF; `None` when the client has closed.
    pub fn hear(&mut self) -> Option<String> {
        let line = self.raw_line()?;
        let text = line.strip_suffix(b"\r\n").expect("lines end in CRLF");
        let is_bare = text.iter().any(|byte| b"\r\n\0".contains(byte));
        assert!(!is_bare, "{}", text.escape_ascii());
        let text = String::from_utf8_lossy(text).into_owned();
        self.heard.lines.push(text.clone());
        Some(text)
    }

    fn raw_line(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        let read = self.reader.read_until(b'\n', &mut line);
        // A reset is an end, too; a client that stopped in the middle of a line said no line.
        (read.is_ok() && line.ends_with(b"\n")).then_some(line)
    }

    /// Reads a message to its final dot.
    pub fn hear_message(&mut self) {
        let mut message = Vec::new();
        while let Some(line) = self.raw_line() {
            message.extend_from_slice(&line);
            if line == b".\r\n" {
                break;
            }
        }
        self.heard.lines.push("message".to_owned());
        self.heard.messages.push(message);
    }

    /// So many bytes.
    pub fn hear_bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.reader.read_exact(&mut bytes).expect("they come");
        bytes
    }

    /// Says that all is well until the client is gone.
    pub fn follow_to_the_end(&mut self) {
        while let Some(line) = self.hear() {
            if line == "QUIT" {
                self.say("221 bye\r\n");
                return self.close();
            }
            self.say("250 ok\r\n");
        }
    }

    /// Says that nothing more will be said, and hears what still comes.
    pub fn close(&mut self) {
        // The client may be gone.
        let _ = self.reader.get_ref().shutdown(Shutdown::Write);
        while self.hear().is_some() {}
    }

    /// Follows a script to the end of the session.
    pub fn follow(&mut self, script: &Script) {
        let mut said = vec![0; script.replies.len()];
        // How far a login is: 1 is asked for the user, 2 for the password.
        let mut asked = 0;
        let mut line = "(banner)".to_owned();
        loop {
            let kind = match asked {
                _ if line == "*" => "*",
                0 => line.as_str(),
                1 => "(user)",
                _ => "(password)",
            };
            let reply = script.reply(&mut said, kind);
            if !self.carry_out(&reply, script.byte_by_byte) {
                return self.close();
            }
            asked = match (reply.starts_with("334"), asked) {
                (true, asked) => asked + 1,
                (false, _) => 0,
            };
            if line == "DATA" && reply.starts_with("354") {
                self.hear_message();
                line = "(dot)".to_owned();
                continue;
            }
            match self.hear() {
                Some(next) => line = next,
                None => return,
            }
        }
    }

    /// Says this; `false` when the script has the connection closed after it.
    fn carry_out(&mut self, reply: &str, byte_by_byte: bool) -> bool {
        let (said, closes) = match reply.strip_suffix('!') {
            Some(said) => (said, true),
            None => (reply, false),
        };
        if said == "~" {
            return true;
        }
        match byte_by_byte {
            true => said.as_bytes().chunks(1).for_each(|byte| self.say(byte)),
            false => self.say(said),
        }
        !closes
    }
}

impl Script {
    /// What is said to a line; `said` counts how often each was.
    fn reply(&self, said: &mut [usize], line: &str) -> String {
        let known = self.replies.iter().zip(said);
        let mut known = known.filter(|((begin, _), _)| line.starts_with(begin));
        if let Some(((_, replies), said)) = known.next() {
            let reply = replies.get(*said).or(replies.last());
            *said += 1;
            return reply.cloned().unwrap_or_default();
        }
        let verb = line.split(' ').next().unwrap_or_default();
        let right = match verb {
            "(banner)" => "220 lab\r\n",
            "EHLO" => "250-lab\r\n250 AUTH LOGIN\r\n",
            "AUTH" => "334 VXNlcm5hbWU6\r\n",
            "(user)" => "334 UGFzc3dvcmQ6\r\n",
            "(password)" => "235 welcome\r\n",
            "DATA" => "354 go on\r\n",
            "QUIT" => "221 bye\r\n!",
            _ => "250 ok\r\n",
        };
        right.to_owned()
    }
}

/// A server on a free port that serves one connection after another.
pub struct Hostile {
    pub address: SocketAddr,
    thread: JoinHandle<Vec<Heard>>,
}

impl Hostile {
    /// One connection by this script.
    pub fn start(script: Script) -> Self {
        Self::serve(1, move |_, peer| peer.follow(&script))
    }

    /// So many connections; `serve` is told which one it is, from 0.
    pub fn serve(
        connections: usize,
        mut serve: impl FnMut(usize, &mut Peer) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("port 0 is free");
        let address = listener.local_addr().expect("it is bound");
        let thread = std::thread::spawn(move || {
            let accepted = (0..connections).map(|number| {
                let (stream, _) = listener.accept().expect("a client comes");
                stream.set_nodelay(true).expect("it is open");
                // A test that would wait for ever fails.
                for set in [TcpStream::set_read_timeout, TcpStream::set_write_timeout] {
                    set(&stream, Some(PATIENCE)).expect("it is open");
                }
                let mut peer = Peer {
                    reader: BufReader::new(stream),
                    heard: Heard::default(),
                };
                serve(number, &mut peer);
                peer.heard
            });
            accepted.collect()
        });
        Self { address, thread }
    }

    /// What it heard in each connection, once the last of them is over.
    pub fn heard(self) -> Vec<Heard> {
        match self.thread.join() {
            Ok(heard) => heard,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// What it heard in its only connection.
    pub fn heard_once(self) -> Heard {
        self.heard().remove(0)
    }
}
