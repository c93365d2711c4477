//! A server without its sockets: the hub, the rules, and whoever answers questions.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chatroom_core::Instant;
use chatroom_core::hub::Hub;
use chatroom_core::name::RoomName;
use chatroom_core::server::Rules;

use crate::exchange::{Exchange, Wake};
use crate::session::{Desk, Session, Transport};

/// What all connections of a server share.
pub struct Server<W: Wake> {
    pub(crate) exchange: Exchange<W>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) desk: Box<dyn Desk<W>>,
    /// Connections that still have a socket, also those the hub has forgotten.
    pub(crate) sessions: AtomicUsize,
}

impl<W: Wake> Server<W> {
    /// A server with these rooms from the start. `alarm` wakes whoever calls [`Exchange::tick`].
    pub fn new(
        now: Instant,
        rules: Rules,
        rooms: &[RoomName],
        desk: Box<dyn Desk<W>>,
        alarm: W,
    ) -> Arc<Self> {
        let hub = Hub::new(now, rules.limits.clone(), rules.key_of, rooms);
        Arc::new(Self {
            exchange: Exchange::new(hub, &rules, alarm),
            rules: Arc::new(rules),
            desk,
            sessions: AtomicUsize::new(0),
        })
    }

    /// Takes in a connection from `address`, its handshake ahead. `None` says to drop it: there are too many, or the
    /// server stops.
    pub fn accept<T: Transport>(
        self: &Arc<Self>,
        now: Instant,
        address: IpAddr,
        transport: T,
        wake: W,
    ) -> Option<Session<W, T>> {
        let Ok(peer) = self.exchange.connect(now, wake) else {
            tracing::debug!(%address, "no room for a connection");
            return None;
        };
        tracing::debug!(%address, "a connection");
        Some(Session::new(now, Arc::clone(self), address, peer, transport))
    }

    /// How many sessions there are. After [`Exchange::shut_down`], none means that everybody was told.
    pub fn sessions(&self) -> usize {
        self.sessions.load(Ordering::Relaxed)
    }

    /// The hub, and who is connected to it.
    pub fn exchange(&self) -> &Exchange<W> {
        &self.exchange
    }
}
