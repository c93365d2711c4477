//! One connection, from its first packet to its last.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use chatroom_core::client::{Client, LOOK_MAX};
use smol::future::FutureExt as _;
use smol::{Async, Timer};
use tls::{ClientConfig, Pipe, TlsError};

use super::Fault;
use crate::address::ServerAddress;

/// A socket and its pipe.
pub(super) struct Connection {
    stream: Async<TcpStream>,
    pub(super) pipe: Pipe,
    /// What is to be written, and how much of it was.
    wire: Vec<u8>,
    written: usize,
    plain: Vec<u8>,
    buffer: Box<[u8]>,
}

/// Why there is no connection, as precisely as it is known here.
pub(super) enum Failure {
    Fault(Fault),
    Tls(TlsError),
    /// There was one, and it was dead without anybody having told.
    Silent,
    /// This system trusts no authority that could vouch for anybody.
    NoAuthorities,
}

impl Connection {
    /// Connects, and completes the handshake.
    pub(super) async fn open(address: &ServerAddress, config: &ClientConfig) -> Result<Self, Failure> {
        let connect = async {
            let stream = dial(address).await.map_err(Failure::Fault)?;
            let pipe = Pipe::client(config, &address.host).map_err(|_| Failure::Fault(Fault::UnknownHost))?;
            let mut connection = Self {
                stream,
                pipe,
                wire: Vec::new(),
                written: 0,
                plain: Vec::new(),
                buffer: vec![0; READ_BYTES].into(),
            };
            connection.shake_hands().await?;
            Ok(connection)
        };
        let give_up = async {
            Timer::after(CONNECT_TIMEOUT).await;
            Err(Failure::Fault(Fault::TimedOut))
        };
        connect.or(give_up).await
    }

    async fn shake_hands(&mut self) -> Result<(), Failure> {
        self.take(0)?;
        loop {
            let flushed = self.flush().await;
            if !self.pipe.is_handshaking() {
                return flushed.map_err(Failure::from);
            }
            flushed?;
            let count = self.read().await?;
            if count == 0 {
                return Err(Failure::Fault(Fault::Lost));
            }
            if let Err(failure) = self.take(count) {
                // The alert says why, to who looks after the server.
                let _ = self.flush().await;
                return Err(failure);
            }
        }
    }

    /// Waits for bytes; 0 is the end.
    pub(super) async fn read(&mut self) -> io::Result<usize> {
        let buffer = &mut self.buffer;
        self.stream.read_with(|mut stream| stream.read(buffer)).await
    }

    /// Gives the bytes that were read to the pipe. Whether the server has said goodbye.
    pub(super) fn take(&mut self, count: usize) -> Result<bool, Failure> {
        let opened = self.pipe.open(&self.buffer[..count], &mut self.plain, &mut self.wire);
        opened.map(|opened| opened.peer_closed).map_err(Failure::Tls)
    }

    /// What the server said since the last call.
    pub(super) fn take_plain(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.plain)
    }

    /// Says something; it waits here until it is written.
    pub(super) fn say(&mut self, frames: &[chatroom_core::frame::Frame]) {
        if !frames.is_empty() {
            self.pipe.seal(frames, &mut self.wire);
        }
    }

    /// How much waits to be written.
    pub(super) fn waiting(&self) -> usize {
        self.wire.len() - self.written
    }

    /// Writes all that waits. It can be given up at any time, and goes on where it was.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        while self.written < self.wire.len() {
            let rest = &self.wire[self.written..];
            self.written += self.stream.write_with(|mut stream| stream.write(rest)).await?;
        }
        self.wire.clear();
        self.written = 0;
        Ok(())
    }

    /// This computer's address in the network that it goes through.
    pub(super) fn own_address(&self) -> Option<IpAddr> {
        self.stream.get_ref().local_addr().ok().map(|address| address.ip())
    }

    /// Waits until there is something to read, or something more could be written.
    pub(super) async fn ready(&self) -> io::Result<Ready> {
        let readable = async { self.stream.readable().await.map(|()| Ready::ToRead) };
        if self.waiting() == 0 {
            return readable.await;
        }
        readable.or(async { self.stream.writable().await.map(|()| Ready::ToWrite) }).await
    }

    /// Writes as much as is taken now.
    pub(super) fn write_now(&mut self) -> io::Result<()> {
        while self.written < self.wire.len() {
            match self.stream.get_ref().write(&self.wire[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.wire.clear();
        self.written = 0;
        Ok(())
    }

    /// Says goodbye, so that the server knows this for an end and not a cut.
    pub(super) async fn close(mut self) {
        self.pipe.close(&mut self.wire);
        let goodbye = async {
            let _ = self.flush().await;
        };
        goodbye.or(async { _ = Timer::after(GOODBYE_MAX).await }).await;
        let _ = self.stream.get_ref().shutdown(Shutdown::Both);
    }
}

/// What a socket is ready for.
pub(super) enum Ready {
    ToRead,
    ToWrite,
}

impl From<io::Error> for Failure {
    fn from(_: io::Error) -> Self {
        Self::Fault(Fault::Lost)
    }
}

impl Failure {
    /// What a person is told.
    pub(super) fn fault(&self) -> Fault {
        match self {
            Self::Fault(fault) => fault.clone(),
            Self::Tls(TlsError::Peer(error)) if is_not_tls(error) => Fault::NotTls,
            Self::Tls(error) => Fault::Tls(error.to_string()),
            Self::Silent => Fault::Lost,
            Self::NoAuthorities => {
                Fault::Tls("this system knows no authority that could vouch for it".to_owned())
            }
        }
    }
}

/// Tries each address that the name has, in the system's order.
async fn dial(address: &ServerAddress) -> Result<Async<TcpStream>, Fault> {
    let addresses: Vec<SocketAddr> =
        smol::net::resolve((address.host.as_str(), address.port)).await.map_err(|_| Fault::UnknownHost)?;
    let mut fault = Fault::UnknownHost;
    for address in addresses {
        match Async::<TcpStream>::connect(address).await {
            Ok(stream) => {
                // A message is small, and somebody waits for it.
                let _ = stream.get_ref().set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => {
                fault = match error.kind() {
                    io::ErrorKind::ConnectionRefused => Fault::RefusedConnection,
                    io::ErrorKind::TimedOut => Fault::TimedOut,
                    _ => Fault::Unreachable(error.to_string()),
                }
            }
        }
    }
    Err(fault)
}

/// Whether what answered is no TLS at all, rather than a bad one.
fn is_not_tls(error: &impl std::fmt::Debug) -> bool {
    format!("{error:?}").contains("InvalidContentType")
}

/// Until when the handshake has to be done.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a goodbye may take.
const GOODBYE_MAX: Duration = Duration::from_secs(1);

/// A record and its header.
const READ_BYTES: usize = 18 * 1024;

/// The moment, for a client's clock.
pub(super) fn moment(start: Instant) -> chatroom_core::Instant {
    chatroom_core::Instant::from_start(start.elapsed())
}

/// Waits for a client's deadline, or until it is time to look whether anything ran meanwhile.
pub(super) async fn wait_for_deadline(client: &Client, start: Instant) {
    let look_at = Instant::now() + LOOK_MAX;
    let deadline = client.deadline().map(|at| start + at.since_start());
    Timer::at(deadline.map_or(look_at, |at| at.min(look_at))).await;
}
