//! What each address has, and what it had of late.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::net::IpAddr;
use std::time::Duration;

use chatroom_core::Instant;
use chatroom_core::bucket::{Bucket, Rate};
use chatroom_core::limits::Limits;

use super::Refusal;
use crate::network::LOOPBACK;

/// The addresses that have a connection, and those that had one so lately that it still counts.
pub(super) struct Addresses {
    connections_max: usize,
    visitors_max: usize,
    /// `None` is no limit.
    visit_rate: Option<Rate>,
    remembered_max: usize,
    loopback_is_exempt: bool,
    known: BTreeMap<IpAddr, Address>,
    /// Those without a connection, by when their visits are forgotten.
    absent: BTreeSet<(Instant, IpAddr)>,
}

#[derive(Clone, Copy, Default)]
struct Address {
    connections: usize,
    /// Those without a login.
    visitors: usize,
    visits: Bucket,
}

impl Addresses {
    pub(super) fn new(limits: &Limits) -> Self {
        let window = Duration::from_millis(limits.address_visits_window_ms);
        let visits_max = limits.address_visits_max;
        Self {
            connections_max: limits.address_connections_max,
            visitors_max: limits.address_visitors_max,
            visit_rate: Rate::new(visits_max, window, visits_max),
            remembered_max: limits.addresses_remembered_max,
            loopback_is_exempt: limits.loopback_is_exempt,
            known: BTreeMap::new(),
            absent: BTreeSet::new(),
        }
    }

    /// Holds who comes from now on to other limits.
    pub(super) fn set_limits(&mut self, limits: &Limits) {
        let (known, absent) = (mem::take(&mut self.known), mem::take(&mut self.absent));
        *self = Self { known, absent, ..Self::new(limits) };
    }

    /// Counts a connection without a login. An error counts nothing.
    pub(super) fn admit(&mut self, now: Instant, network: IpAddr) -> Result<(), Refusal> {
        let mut address = self.known.get(&network).copied().unwrap_or_default();
        let forgotten_at = address.visits.full_at();
        if !self.is_exempt(network) {
            if address.connections >= self.connections_max {
                return Err(Refusal::AddressConnections);
            }
            if address.visitors >= self.visitors_max {
                return Err(Refusal::AddressVisitors);
            }
            address.visits.take(now, self.visit_rate).map_err(|_| Refusal::AddressVisits)?;
        }
        if address.connections == 0 {
            self.absent.remove(&(forgotten_at, network));
        }
        address.connections += 1;
        address.visitors += 1;
        self.known.insert(network, address);
        Ok(())
    }

    /// Somebody has logged in, for the first time on this connection or again. Who did so once was no mere visitor.
    pub(super) fn log_in(&mut self, network: IpAddr, is_first: bool) {
        let is_exempt = self.is_exempt(network);
        let Some(address) = self.known.get_mut(&network) else { return };
        address.visitors -= 1;
        if let Some(rate) = self.visit_rate.filter(|_| is_first && !is_exempt) {
            address.visits.put_back(rate);
        }
    }

    pub(super) fn log_out(&mut self, network: IpAddr) {
        if let Some(address) = self.known.get_mut(&network) {
            address.visitors += 1;
        }
    }

    pub(super) fn leave(&mut self, now: Instant, network: IpAddr, is_logged_in: bool) {
        let Some(address) = self.known.get_mut(&network) else { return };
        address.connections -= 1;
        address.visitors -= usize::from(!is_logged_in);
        if address.connections == 0 {
            self.absent.insert((address.visits.full_at(), network));
            self.forget(now);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Forgets those whose visits count no more; and beyond what may be remembered those that have most visits left,
    /// whom forgetting gives least.
    fn forget(&mut self, now: Instant) {
        while let Some((at, network)) = self.absent.first().copied()
            && (at <= now || self.absent.len() > self.remembered_max)
        {
            self.absent.pop_first();
            self.known.remove(&network);
        }
    }

    fn is_exempt(&self, network: IpAddr) -> bool {
        self.loopback_is_exempt && network == LOOPBACK
    }
}
