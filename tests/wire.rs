//! The socket calls that the labs tell, over real sockets: their names and order at each end, their bytes, their errors, and no secret in any of them.
//! And the files of the real program: a record is played and written again, and a program that is killed leaves what it wrote.

mod support;

/// Tests by lab, and of the files that the real program writes and plays.
mod wire {
    mod again;
    #[cfg(unix)]
    mod crash;
    mod figures;
    mod http;
    mod mail;
    #[cfg(unix)]
    mod replay;
    mod udp;
    mod watch;
}
