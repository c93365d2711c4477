//! Accepting connections.

use std::net::TcpListener;
use std::sync::Arc;

use async_io::{Async, Timer};
use server_common::accepting::Accepting;
use server_common::service::Service;

use crate::connection::Connection;
use crate::socket::{Line, Socket};
use crate::turn::Work;

/// Accepts at one address until it is cancelled. What takes time, the handshake above all, is the connection's task's.
pub(crate) async fn run(listener: Async<TcpListener>, service: Service<Arc<Line>>, work: Arc<Work>) {
    let mut accepting = Accepting::default();
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                // It is beyond a limit, or none are served any more: this one is closed by dropping it.
                let Some(line) = Line::open(&service, from.ip(), Socket::new(stream)) else { continue };
                if let Err(error) = service.prepare(line.port().stream()) {
                    line.close(&error);
                    continue;
                }
                let mut connection = Connection::new(line);
                let later = Arc::clone(&work);
                let greet = async move {
                    if connection.greet().await {
                        later.talk.spawn(connection).detach();
                    }
                };
                work.arrivals.spawn(greet).detach();
            }
            Err(error) => {
                if let Some(pause) = accepting.failed(service.now(), &error) {
                    Timer::after(pause).await;
                }
            }
        }
    }
}
