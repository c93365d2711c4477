//! Accepting connections.

use std::io;
use std::net::{IpAddr, TcpListener, TcpStream};
use std::sync::Arc;

use async_io::{Async, Timer};
use server_common::accepting::Accepting;
use server_common::service::Service;

use crate::connection::Connection;
use crate::socket::{Line, Socket};
use crate::turn::Work;

/// Accepts at one address until it is cancelled. What takes time, the handshake above all, is the connection's task's.
///
/// `threads` get connections in turn, and each keeps what it gets.
pub(crate) async fn run(
    listener: Async<TcpListener>,
    service: Service<Arc<Line>>,
    threads: Arc<[Arc<Work>]>,
) {
    let mut accepting = Accepting::default();
    let mut next = threads.iter().cycle();
    loop {
        match listener.read_with(TcpListener::accept).await {
            Ok((stream, from)) => {
                if let Some(work) = next.next()
                    && let Err(error) = take_in(stream, from.ip(), &service, work)
                {
                    tracing::debug!(%error, "a connection ended before it began");
                }
            }
            Err(error) => {
                if let Some(pause) = accepting.failed(service.now(), &error) {
                    Timer::after(pause).await;
                }
            }
        }
    }
}

/// Has a connection served.
fn take_in(
    stream: TcpStream,
    from: IpAddr,
    service: &Service<Arc<Line>>,
    work: &Arc<Work>,
) -> io::Result<()> {
    let (socket, place) = Socket::new(stream, &work.sockets)?;
    // It is beyond a limit, or none are served any more: this one is closed by dropping it.
    let Some(line) = Line::open(service, from, socket) else { return Ok(()) };
    if let Err(error) = service.prepare(line.port().stream()) {
        line.close(&error);
        return Err(error);
    }
    let mut connection = Connection::new(line, place);
    let later = Arc::clone(work);
    let greet = async move {
        if connection.greet().await {
            later.talk.spawn(connection).detach();
        }
    };
    work.arrivals.spawn(greet).detach();
    Ok(())
}
