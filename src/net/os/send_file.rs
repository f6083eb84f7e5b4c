//! A part of a file onto a socket: by the kernel alone where it can (`sendfile(2)`), else through a buffer of this program.

use std::fs::File;
use std::io;

use socket2::Socket;

/// Bytes that the copying side moves in one call.
const STEP: usize = 32 << 10;

/// Sends up to `count` bytes of `file` from `offset` on, as many as the socket takes at once, and says how many that were. The file's own position
/// does not matter. `Ok(0)` for a `count` above 0 means that the file ends at `offset` or before: it shrank, and the announced length can't be kept.
///
/// Takes any stream that socket2 can borrow: `send_file(&SockRef::from(&stream), …)`.
///
/// # Errors
/// `WouldBlock` where a non-blocking socket is full; those of `send(2)` and `read(2)`.
pub fn send_file(socket: &Socket, file: &File, offset: u64, count: usize) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    {
        use nix::errno::Errno;
        let mut from = i64::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        loop {
            match nix::sys::sendfile::sendfile64(socket, file, Some(&mut from), count) {
                Err(Errno::EINTR) => {}
                // A file system that cannot map its files.
                Err(Errno::EINVAL | Errno::ENOSYS) => return copy(socket, file, offset, count),
                other => return Ok(other?),
            }
        }
    }
    #[cfg(not(target_os = "linux"))]
    copy(socket, file, offset, count)
}

/// Bytes that may lie in the system's send buffer without being on their way. More would only wait there: they leave the processor's cache before they
/// are sent, and a client that takes nothing is noticed later. What is on its way to a client far off is not limited.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 16 << 10;

/// Lets a stream's send buffer take no more than can soon be sent (`TCP_NOTSENT_LOWAT`), where the system has that. If it fails, large files are sent
/// more slowly, nothing else.
pub fn keep_little_unsent(socket: &Socket) {
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_notsent_lowat(UNSENT);
    #[cfg(not(target_os = "linux"))]
    let _ = socket;
}

/// `MSG_MORE` of send(2), the same on every processor, which nix does not name.
#[cfg(target_os = "linux")]
const MSG_MORE: i32 = 0x8000;

/// Sends bytes behind which a file follows at once: where the system can, it waits for the file's first bytes and sends them together, so that the
/// client is woken once.
///
/// # Errors
/// Those of `send(2)`; `WouldBlock` where a non-blocking socket is full.
pub fn send_before_file(socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    return socket.send_with_flags(bytes, MSG_MORE);
    #[cfg(not(target_os = "linux"))]
    return socket.send(bytes);
}

/// The same through a buffer. What the socket does not take is read again with the next call.
fn copy(socket: &Socket, file: &File, offset: u64, count: usize) -> io::Result<usize> {
    let mut buffer = [0; STEP];
    let buffer = &mut buffer[..count.min(STEP)];
    let read = read_at(file, buffer, offset)?;
    if read == 0 {
        return Ok(0);
    }
    loop {
        match socket.send(&buffer[..read]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Reads from a place in a file; `Ok(0)` at its end.
///
/// # Errors
/// Those of `pread(2)`, interruptions aside.
pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(file, buffer, offset);
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(file, buffer, offset);
        match read {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{ErrorKind, Read as _, Write as _};
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use socket2::SockRef;

    type Sender = fn(&Socket, &File, u64, usize) -> io::Result<usize>;
    const SENDERS: [Sender; 2] = [send_file, copy];

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (listener.accept().unwrap().0, client)
    }

    fn file(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    #[test]
    fn sends_the_part_asked_for() {
        for send in SENDERS {
            let (server, mut client) = pair();
            let file = file(b"0123456789");
            for (offset, count, sent) in
                [(0, 10, 10), (3, 4, 4), (8, 10, 2), (10, 1, 0), (99, 1, 0)]
            {
                assert_eq!(
                    send(&SockRef::from(&server), &file, offset, count).unwrap(),
                    sent
                );
            }
            drop(server);
            let mut read = String::new();
            client.read_to_string(&mut read).unwrap();
            assert_eq!(read, "0123456789345689");
        }
    }

    #[test]
    fn a_full_socket_says_so_and_goes_on_later() {
        for send in SENDERS {
            let (server, mut client) = pair();
            server.set_nonblocking(true).unwrap();
            let content: Vec<u8> = (0..8_u32 << 20).map(|n| (n % 251) as u8).collect();
            let file = file(&content);
            let mut received = vec![0; content.len()];
            let (mut sent, mut read, mut full) = (0, 0, 0);
            while read < content.len() {
                match send(
                    &SockRef::from(&server),
                    &file,
                    sent as u64,
                    content.len() - sent,
                ) {
                    Ok(count) => sent += count,
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::WouldBlock);
                        full += 1;
                    }
                }
                if sent > read {
                    read += client.read(&mut received[read..sent]).unwrap();
                }
            }
            assert!(received == content);
            // The buffers of loopback may hold all of it, but not while nothing is read.
            if full == 0 {
                assert!(sent == content.len());
            }
        }
    }

    #[test]
    fn a_file_that_shrank_ends_early() {
        for send in SENDERS {
            let (server, _client) = pair();
            let file = file(&[7; 1000]);
            let socket = SockRef::from(&server);
            assert_eq!(send(&socket, &file, 0, 600).unwrap(), 600);
            file.set_len(500).unwrap();
            assert_eq!(send(&socket, &file, 600, 400).unwrap(), 0);
        }
    }
}
