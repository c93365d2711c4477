//! Who may come in: how many connections an address has, how many handshakes go on, how many sockets there are.
//!
//! Decides before anything is spent on a connection but accepting it. Has no socket and reads no clock. What it keeps
//! is bounded by the sockets there may be and by `addresses_remembered_max`.

mod addresses;
mod handshakes;
mod report;

use std::net::IpAddr;

use chatroom_core::Instant;
use chatroom_core::limits::Limits;

use crate::network::network_of;
use addresses::Addresses;
use handshakes::Handshakes;
pub use report::{Report, Reporter};

/// The count of all connections that have a socket. `H` is how the one behind an unfinished handshake is reached.
pub struct Admission<H> {
    sockets_max: usize,
    sockets: usize,
    arrivals: u64,
    addresses: Addresses,
    handshakes: Handshakes<H>,
    reporter: Reporter,
}

/// A connection's place in the count. Given back by [`Admission::leave`].
#[derive(Debug)]
#[must_use = "a place that is not given back is lost"]
pub struct Pass {
    network: IpAddr,
    /// Passes are numbered in the order in which they are given out.
    number: u64,
    standing: Standing,
    has_logged_in: bool,
}

/// How far a connection has come, as far as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its handshake is not over.
    Handshake,
    /// Nobody has logged in, or not any more.
    Visitor,
    /// Somebody is logged in.
    Member,
}

/// Why a connection was turned away: the limit that it would have been beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There are as many connections as may be.
    Connections,
    /// Its address has as many connections as it may.
    AddressConnections,
    /// Its address has as many connections without a login as it may.
    AddressVisitors,
    /// Too many connections of its address came of late and never logged in.
    AddressVisits,
}

impl Pass {
    /// What its connection counts as.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.standing
    }
}

impl<H> Admission<H> {
    /// Nobody is here yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            sockets_max: sockets_max(limits.connections_max),
            sockets: 0,
            arrivals: 0,
            addresses: Addresses::new(limits),
            handshakes: Handshakes::new(limits.handshakes_max),
            reporter: Reporter::default(),
        }
    }

    /// Holds who comes from now on to other limits. Who is here stays.
    pub fn set_limits(&mut self, limits: &Limits) {
        self.sockets_max = sockets_max(limits.connections_max);
        self.addresses.set_limits(limits);
        self.handshakes.set_max(limits.handshakes_max);
    }

    /// Takes in a connection from `address`, its handshake ahead: go on with [`Admission::begin_handshake`].
    ///
    /// # Errors
    /// Why the connection is to be dropped at once.
    pub fn admit(&mut self, now: Instant, address: IpAddr) -> Result<Pass, Refusal> {
        let network = network_of(address);
        let admitted = match self.sockets < self.sockets_max {
            true => self.addresses.admit(now, network),
            false => Err(Refusal::Connections),
        };
        if let Err(refusal) = admitted {
            self.reporter.count(refusal);
            return Err(refusal);
        }
        self.sockets += 1;
        self.arrivals += 1;
        Ok(Pass { network, number: self.arrivals, standing: Standing::Handshake, has_logged_in: false })
    }

    /// Begins a connection's handshake. Returned is who has to go for it, if anybody: the oldest without a finished
    /// handshake, of the address that has most of them.
    pub fn begin_handshake(&mut self, pass: &Pass, handle: H) -> Option<H> {
        let gives_way = self.handshakes.begin(pass.network, pass.number, handle);
        self.reporter.count_handshakes(usize::from(gives_way.is_some()));
        gives_way
    }

    /// A connection has come further, or somebody has logged out.
    pub fn settle(&mut self, pass: &mut Pass, standing: Standing) {
        let before = std::mem::replace(&mut pass.standing, standing);
        if before == Standing::Handshake {
            self.handshakes.end(pass.network, pass.number);
        }
        match (before == Standing::Member, standing == Standing::Member) {
            (false, true) => {
                let is_first = !std::mem::replace(&mut pass.has_logged_in, true);
                self.addresses.log_in(pass.network, is_first);
            }
            (true, false) => self.addresses.log_out(pass.network),
            (false, false) | (true, true) => {}
        }
    }

    /// A connection that was taken in finds no place after all. It does not count as a visit.
    pub fn turn_away(&mut self, now: Instant, mut pass: Pass) {
        self.reporter.count(Refusal::Connections);
        self.settle(&mut pass, Standing::Member);
        self.leave(now, &pass);
    }

    /// A connection's socket is closed. To be called once for each pass.
    pub fn leave(&mut self, now: Instant, pass: &Pass) {
        if pass.standing == Standing::Handshake {
            self.handshakes.end(pass.network, pass.number);
        }
        self.addresses.leave(now, pass.network, pass.standing == Standing::Member);
        self.sockets -= 1;
    }

    /// How many connections have a socket.
    #[must_use]
    pub fn sockets(&self) -> usize {
        self.sockets
    }

    /// How many handshakes go on.
    #[must_use]
    pub fn handshakes(&self) -> usize {
        self.handshakes.len()
    }

    /// How many addresses are known: those with a connection, and those whose visits are remembered.
    #[must_use]
    pub fn addresses(&self) -> usize {
        self.addresses.len()
    }

    /// What was turned away, for an operator to read about now and then.
    pub fn reporter(&mut self) -> &mut Reporter {
        &mut self.reporter
    }
}

/// How many sockets there may be where `connections_max` connections may.
///
/// Those who were told to go are no connections any more, but have a socket for up to `linger_ms_max`.
#[must_use]
pub const fn sockets_max(connections_max: usize) -> usize {
    connections_max.saturating_add(connections_max / LINGERING_SHARE).saturating_add(LINGERING_MIN)
}

/// How many connections there may be where there may be so many sockets: the inverse of [`sockets_max`].
#[must_use]
pub const fn connections_max(sockets_max: usize) -> usize {
    let shared = sockets_max.saturating_sub(LINGERING_MIN);
    shared - (shared + 1) / (LINGERING_SHARE + 1)
}

/// For so many connections there is one more socket for one that was told to go.
const LINGERING_SHARE: usize = 8;
/// And so many more.
const LINGERING_MIN: usize = 64;

#[cfg(test)]
mod tests;
