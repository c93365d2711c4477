//! Accepting connections.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use async_io::{Async, Timer};
use server_common::run::{ACCEPT_PAUSE, Service};
use smol::Executor;

use crate::bell::Bell;
use crate::connection;

/// Accepts at one address until it is cancelled. What takes time, the handshake above all, is the connection's task's.
pub(crate) async fn run(
    listener: Async<TcpListener>,
    service: Service<Bell>,
    executor: Arc<Executor<'static>>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                let bell = Bell::default();
                // Too many connections, or none any more: this one is closed by dropping it.
                let Some(session) = service.accept(from.ip(), bell.clone()) else { continue };
                if let Err(error) = stream.get_ref().set_nodelay(true) {
                    tracing::debug!(%error, "a connection was lost while it was accepted");
                    continue;
                }
                executor.spawn(connection::Connection::new(service.clone(), session, stream, bell)).detach();
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, "accepting pauses");
                Timer::after(ACCEPT_PAUSE).await;
            }
        }
    }
}
