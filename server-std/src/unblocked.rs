//! Writing without waiting to a socket whose reads wait.
//!
//! A socket that does not block would do neither. What the systems have for one call instead stands here.

use std::io;
use std::net::TcpStream;

use rustix::event::{PollFd, PollFlags, poll};

/// Writes what goes at once; an error of [`io::ErrorKind::WouldBlock`] if nothing does.
pub(crate) fn write(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    #[cfg(unix)]
    {
        use rustix::net::{SendFlags, send};
        // What a client that is gone would raise, a Rust program ignores from its start.
        Ok(send(stream, bytes, SendFlags::DONTWAIT)?)
    }
    // Windows takes all that it is given at once, or nothing; it can be asked which.
    #[cfg(not(unix))]
    {
        let mut sockets = [PollFd::new(stream, PollFlags::OUT)];
        let at_once = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        match poll(&mut sockets, Some(&at_once))? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            _ => io::Write::write(&mut &*stream, bytes),
        }
    }
}

/// Waits until the socket takes more, or has failed.
pub(crate) fn wait_to_write(stream: &TcpStream) {
    // A call that was interrupted, or failed, is made up for by the write that follows: it says what there is to say.
    let _ = poll(&mut [PollFd::new(stream, PollFlags::OUT)], None);
}
