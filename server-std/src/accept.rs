//! Accepting connections.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use server_common::accepting::Accepting;
use server_common::service::Service;

use crate::caretaker::Caretaker;
use crate::connection;
use crate::socket::Line;

/// A thread that accepts at one address until it is stopped.
pub(crate) struct Acceptor {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Acceptor {
    pub(crate) fn start(
        listener: TcpListener,
        service: Service<Arc<Line>>,
        caretaker: Arc<Caretaker>,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let is_over = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_over);
        let thread = thread::Builder::new().name(format!("accept {address}"));
        let thread = thread.spawn(move || accept(&listener, &service, &caretaker, &flag))?;
        Ok(Self { address, is_over, thread })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting. The standard library cannot interrupt `accept`, so a last connection, our own, ends it.
    pub(crate) fn stop(self) {
        self.is_over.store(true, Ordering::Relaxed);
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        match TcpStream::connect_timeout(&SocketAddr::new(ip, self.address.port()), LAST_CONNECTION_MAX) {
            Ok(_) => drop(self.thread.join()),
            // Then the thread stays, and what it accepts is dropped.
            Err(error) => {
                tracing::debug!(address = %self.address, %error, "could not wake the accepting thread")
            }
        }
    }
}

fn accept(
    listener: &TcpListener,
    service: &Service<Arc<Line>>,
    caretaker: &Arc<Caretaker>,
    is_over: &AtomicBool,
) {
    let mut accepting = Accepting::default();
    loop {
        let accepted = listener.accept();
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        match accepted {
            // What takes time, the handshake above all, is done by the connection's own thread.
            Ok((stream, from)) => {
                if let Err(error) = connection::start(service, caretaker, stream, from.ip()) {
                    tracing::debug!(%error, "a connection was lost while it was accepted, or there is no thread for it");
                }
            }
            Err(error) => {
                if let Some(pause) = accepting.failed(service.now(), &error) {
                    thread::sleep(pause);
                }
            }
        }
    }
}

/// How long the last connection, to ourselves, may take.
const LAST_CONNECTION_MAX: Duration = Duration::from_secs(1);
