//! Accepting connections.

use std::io;
use std::net::{IpAddr, TcpListener, TcpStream};
use std::sync::Arc;

use async_io::{Async, Timer};
use chatroom_core::Instant;
use server_common::accepting::Accepting;
use server_common::service::Service;
use smol::future;

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
    let mut next = threads.iter().cycle();
    let take_in = |stream, from| {
        if let Some(work) = next.next()
            && let Err(error) = take_in(stream, from, &service, work)
        {
            tracing::debug!(%error, "a connection ended before it began");
        }
    };
    accept(&listener, || service.now(), take_in).await;
}

/// Accepts for ever. Of a crowd it takes in some, and lets others have the thread.
async fn accept(
    listener: &Async<TcpListener>,
    now: impl Fn() -> Instant,
    mut take_in: impl FnMut(TcpStream, IpAddr),
) -> ! {
    let mut accepting = Accepting::default();
    loop {
        for _ in 0..TAKEN_MAX {
            match listener.read_with(TcpListener::accept).await {
                Ok((stream, from)) => take_in(stream, from.ip()),
                Err(error) => {
                    if let Some(pause) = accepting.failed(now(), &error) {
                        Timer::after(pause).await;
                    }
                }
            }
        }
        future::yield_now().await;
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

/// Connections taken in before others get the thread.
const TAKEN_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::pin::pin;

    use super::*;

    #[test]
    fn a_crowd_that_connects_holds_up_nobody() {
        let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0)).unwrap();
        let address = listener.get_ref().local_addr().unwrap();
        let _crowd: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(address).unwrap()).collect();
        let taken = Cell::new(0);
        let accepting = accept(&listener, Instant::default, |_, _| taken.set(taken.get() + 1));
        let mut accepting = pin!(accepting);
        future::block_on(async {
            while taken.get() < 100 {
                let before = taken.get();
                assert!(future::poll_once(&mut accepting).await.is_none());
                assert!(taken.get() - before <= TAKEN_MAX, "{before}, then {}", taken.get());
                future::yield_now().await;
            }
        });
    }
}
