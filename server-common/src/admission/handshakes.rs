//! The handshakes that are not over.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// A bounded number of unfinished handshakes. One more takes the place of another, so a newcomer always has one.
pub(super) struct Handshakes<H> {
    max: usize,
    len: usize,
    /// Never empty ones; in them the oldest first.
    by_address: BTreeMap<IpAddr, BTreeMap<u64, H>>,
    ranks: BTreeSet<Rank>,
}

/// Addresses by how many they hold; of those that hold equally many, the one whose oldest is oldest comes last.
type Rank = (usize, Reverse<u64>, IpAddr);

impl<H> Handshakes<H> {
    pub(super) fn new(max: usize) -> Self {
        Self { max, len: 0, by_address: BTreeMap::new(), ranks: BTreeSet::new() }
    }

    pub(super) fn set_max(&mut self, max: usize) {
        self.max = max;
    }

    /// Begins one. Returned is the one that has to go for it, if any.
    pub(super) fn begin(&mut self, address: IpAddr, number: u64, handle: H) -> Option<H> {
        let gives_way = if self.len < self.max { None } else { self.take_oldest_of_most() };
        self.change(address, |own| own.insert(number, handle));
        self.len += 1;
        gives_way
    }

    /// Ends one. One that had to go already is fine.
    pub(super) fn end(&mut self, address: IpAddr, number: u64) {
        if self.change(address, |own| own.remove(&number)).is_some() {
            self.len -= 1;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn take_oldest_of_most(&mut self) -> Option<H> {
        let (_, _, address) = *self.ranks.last()?;
        let (_, handle) = self.change(address, BTreeMap::pop_first)?;
        self.len -= 1;
        Some(handle)
    }

    /// Changes an address's handshakes, and its rank with them.
    fn change<R>(&mut self, address: IpAddr, change: impl FnOnce(&mut BTreeMap<u64, H>) -> R) -> R {
        let own = self.by_address.entry(address).or_default();
        if let Some(rank) = rank(address, own) {
            self.ranks.remove(&rank);
        }
        let result = change(own);
        match rank(address, own) {
            Some(rank) => drop(self.ranks.insert(rank)),
            None => drop(self.by_address.remove(&address)),
        }
        result
    }
}

fn rank<H>(address: IpAddr, own: &BTreeMap<u64, H>) -> Option<Rank> {
    own.first_key_value().map(|(oldest, _)| (own.len(), Reverse(*oldest), address))
}
