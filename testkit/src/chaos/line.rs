//! A client's socket and its TLS.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use chatroom_core::frame::{Decoder, Frame};
use chatroom_core::limits::SERVER_FRAME_BYTES_MAX;
use smol::future::{self, FutureExt as _};
use smol::{Async, Timer};
use tls::{ClientConfig, Pipe};

/// A connection to the proxy, and through it to the server.
pub(crate) struct Line {
    stream: Async<TcpStream>,
    pipe: Pipe,
    /// What is to be written.
    wire: Vec<u8>,
    /// What was heard and not taken.
    plain: Vec<u8>,
    tap: Tap,
}

/// Why a line is of no use any more.
pub(crate) enum Lost {
    /// It ended, or never came to be.
    Ended,
    /// What came is not what a server sealed. The network between does not change bytes, so this is our fault.
    Broken(String),
}

/// Counts the messages on a line, past the client: it ignores what has no business where it is.
#[derive(Default)]
struct Tap {
    decoder: Decoder,
    messages: u64,
}

impl Line {
    /// Connects, and completes the handshake.
    pub(crate) async fn open(address: SocketAddr, config: &ClientConfig) -> Result<Self, Lost> {
        let give_up = async {
            Timer::after(CONNECT_MAX).await;
            Err(Lost::Ended)
        };
        let connect = async {
            let stream = Async::<TcpStream>::connect(address).await?;
            stream.get_ref().set_nodelay(true)?;
            let pipe = Pipe::client(config, "localhost").map_err(|error| Lost::Broken(error.to_string()))?;
            let (wire, plain) = (Vec::new(), Vec::new());
            let mut line = Self { stream, pipe, wire, plain, tap: Tap::default() };
            line.take(&[])?;
            while line.pipe.is_handshaking() {
                line.wait(Instant::now() + CONNECT_MAX).await?;
            }
            Ok(line)
        };
        connect.or(give_up).await
    }

    /// Says something; it is on its way with the next [`Line::wait`].
    pub(crate) fn say(&mut self, frames: &[Frame]) {
        if !frames.is_empty() {
            self.pipe.seal(frames, &mut self.wire);
        }
    }

    /// Waits until something was heard, which is taken next, or until that moment.
    pub(crate) async fn wait(&mut self, until: Instant) -> Result<(), Lost> {
        self.write()?;
        let readable = self.stream.readable();
        let writable = async {
            match self.wire.is_empty() {
                true => future::pending().await,
                false => self.stream.writable().await,
            }
        };
        let timer = async {
            Timer::at(until).await;
            Ok(())
        };
        readable.or(writable).or(timer).await?;
        self.read()
    }

    /// What was heard since the last time.
    pub(crate) fn take_plain(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.plain)
    }

    /// How many messages have come on this line, whatever the client made of them.
    pub(crate) fn messages(&self) -> u64 {
        self.tap.messages
    }

    /// Says goodbye, and waits until the server has ended as well.
    pub(crate) async fn close(mut self) {
        self.pipe.close(&mut self.wire);
        let until = Instant::now() + GOODBYE_MAX;
        while !self.wire.is_empty() && Instant::now() < until {
            if self.wait(until).await.is_err() {
                return;
            }
        }
        let _ = self.stream.get_ref().shutdown(Shutdown::Write);
        while Instant::now() < until && self.wait(until).await.is_ok() {}
    }

    fn write(&mut self) -> io::Result<()> {
        while !self.wire.is_empty() {
            match self.stream.get_ref().write(&self.wire) {
                Ok(count) => drop(self.wire.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), Lost> {
        let mut buffer = [0; READ_BYTES];
        match self.stream.get_ref().read(&mut buffer) {
            Ok(0) => Err(Lost::Ended),
            Ok(count) => self.take(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn take(&mut self, wire: &[u8]) -> Result<(), Lost> {
        let heard = self.plain.len();
        let opened = self.pipe.open(wire, &mut self.plain, &mut self.wire);
        self.tap.listen(&self.plain[heard..]);
        match opened {
            // What was said before the goodbye is heard first.
            Ok(opened) if opened.peer_closed && self.plain.is_empty() => Err(Lost::Ended),
            Ok(_) => Ok(()),
            Err(error) => Err(Lost::Broken(error.to_string())),
        }
    }
}

impl Tap {
    fn listen(&mut self, plain: &[u8]) {
        self.decoder.extend(plain);
        // What cannot be decoded the client complains about.
        while let Ok(Some(frame)) = self.decoder.decode(SERVER_FRAME_BYTES_MAX) {
            self.messages += u64::from(frame.starts_with(br#"{"type":"msg","status":"ok""#));
        }
    }
}

impl From<io::Error> for Lost {
    fn from(_: io::Error) -> Self {
        Self::Ended
    }
}

/// Until when the handshake has to be done.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// How long a goodbye may take, and the server's after it.
const GOODBYE_MAX: Duration = Duration::from_secs(10);

/// A record and its header.
const READ_BYTES: usize = 18 * 1024;
