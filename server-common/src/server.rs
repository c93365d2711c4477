//! A server without its sockets: the hub, the rules, and whoever answers questions.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use chatroom_core::Instant;
use chatroom_core::hub::{Farewell, Hub, Memory};
use chatroom_core::limits::Limits;
use chatroom_core::message::hello::Registration;
use chatroom_core::name::RoomName;
use chatroom_core::server::Rules;

use crate::admission::{Admission, Pass, Standing};
use crate::exchange::{Alarm, Exchange, Peer, Wake};
use crate::metrics::Counts;
use crate::session::{Desk, Session, Transport};

/// What all connections of a server share.
pub struct Server<W: Wake> {
    pub(crate) exchange: Exchange<W>,
    /// For the connections to come; each keeps those that it began with.
    rules: RwLock<Arc<Rules>>,
    pub(crate) desk: Box<dyn Desk<W>>,
    /// Counts connections that have a socket, also those the hub has forgotten. A lock of its own, so that a flood of
    /// connections does not hold up those who talk.
    admission: Mutex<Admission<Arc<Peer<W>>>>,
    pub(crate) counts: Counts,
}

/// A connection that was let in, before anything else is made for it.
pub(crate) struct Admitted<W: Wake> {
    server: Arc<Server<W>>,
    address: IpAddr,
    peer: Arc<Peer<W>>,
    pass: Pass,
}

impl<W: Wake> Server<W> {
    /// A server with these rooms from the start, which keeps nothing of what is said. `alarm` has [`Exchange::tick`] called.
    pub fn new(
        now: Instant,
        rules: Rules,
        rooms: &[RoomName],
        desk: Box<dyn Desk<W>>,
        alarm: Alarm,
    ) -> Arc<Self> {
        let hub = Hub::new(now, rules.limits.clone(), rules.key_of, rules.look_of, rooms);
        Self::around(hub, rules, desk, alarm, Box::new(|| {}))
    }

    /// The same, keeping what is said, and going on with what the disk knows. `scribe` has
    /// [`Exchange::take_appends`] called.
    pub fn with_history(
        now: Instant,
        rules: Rules,
        rooms: &[RoomName],
        memory: Memory,
        desk: Box<dyn Desk<W>>,
        alarm: Alarm,
        scribe: Alarm,
    ) -> Arc<Self> {
        let hub = Hub::new(now, rules.limits.clone(), rules.key_of, rules.look_of, rooms);
        Self::around(hub.with_history(now, memory), rules, desk, alarm, scribe)
    }

    fn around(hub: Hub, rules: Rules, desk: Box<dyn Desk<W>>, alarm: Alarm, scribe: Alarm) -> Arc<Self> {
        let rules = Rules { history: hub.has_history(), ..rules };
        Arc::new(Self {
            exchange: Exchange::new(hub, &rules, alarm, scribe),
            admission: Mutex::new(Admission::new(&rules.limits)),
            rules: RwLock::new(Arc::new(rules)),
            desk,
            counts: Counts::default(),
        })
    }

    /// Takes in a connection from `address`, its handshake ahead. `None` says to drop it: it is beyond a limit, or the
    /// server stops.
    pub fn accept<T: Transport>(
        self: &Arc<Self>,
        now: Instant,
        address: IpAddr,
        transport: T,
        wake: W,
    ) -> Option<Session<W, T>> {
        Some(self.admit(now, address, wake)?.begin(now, transport))
    }

    /// The same, in two steps: what a transport costs is not spent on a connection that is dropped.
    pub(crate) fn admit(self: &Arc<Self>, now: Instant, address: IpAddr, wake: W) -> Option<Admitted<W>> {
        let admitted = self.admission().admit(now, address);
        let pass = match admitted {
            Ok(pass) => pass,
            Err(refusal) => {
                tracing::debug!(%address, ?refusal, "a connection was turned away");
                self.report(now);
                return None;
            }
        };
        let Ok(peer) = self.exchange.connect(now, wake) else {
            tracing::debug!(%address, "no room for a connection");
            self.admission().turn_away(now, pass);
            self.report(now);
            return None;
        };
        let gives_way = self.admission().begin_handshake(&pass, Arc::clone(&peer));
        if let Some(oldest) = gives_way {
            oldest.dismiss(Farewell::Crowded);
            self.report(now);
        }
        tracing::debug!(%address, "a connection");
        Some(Admitted { server: Arc::clone(self), address, peer, pass })
    }

    /// Holds all that is to come to these limits: commands from now on, connections from the next one on. Those are also
    /// told who may make an account.
    pub fn reconfigure(&self, limits: &Limits, registration: Registration) {
        let mut rules = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        *rules = Arc::new(Rules {
            limits: limits.clone(),
            registration,
            history: rules.history,
            key_of: rules.key_of,
            look_of: rules.look_of,
        });
        drop(rules);
        self.exchange.set_limits(limits);
        self.admission().set_limits(limits);
    }

    /// What a connection that begins now is held to.
    pub(crate) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A connection has come further.
    pub(crate) fn settle(&self, pass: &mut Pass, standing: Standing) {
        self.admission().settle(pass, standing);
    }

    /// A connection's socket is closed.
    pub(crate) fn leave(&self, now: Instant, pass: &Pass) {
        self.admission().leave(now, pass);
    }

    /// How many sessions there are. After [`Exchange::shut_down`], none means that everybody was told.
    pub fn sessions(&self) -> usize {
        self.admission().sockets()
    }

    /// The hub, and who is connected to it.
    pub fn exchange(&self) -> &Exchange<W> {
        &self.exchange
    }

    fn report(&self, now: Instant) {
        let report = self.admission().reporter().take(now);
        if let Some(report) = report {
            tracing::warn!("{report}");
        }
    }

    fn admission(&self) -> MutexGuard<'_, Admission<Arc<Peer<W>>>> {
        self.admission.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Wake> Admitted<W> {
    /// Begins the session, on the transport that was made for it.
    pub(crate) fn begin<T: Transport>(self, now: Instant, transport: T) -> Session<W, T> {
        Session::new(now, self.server, self.address, self.peer, self.pass, transport)
    }
}
