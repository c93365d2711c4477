//! Who keeps failing to log in has to wait.

pub(crate) mod known;
mod slates;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use chatroom_core::bucket::{Bucket, Rate};
use chatroom_core::limits::Limits;
use chatroom_core::name::NameKey;
use chatroom_core::server::Refusal;
use chatroom_core::time::Instant;

use self::known::{Known, Sighting};
use self::slates::Slates;
use crate::network::network_of;

/// Counts failed logins, and says whose next one is not looked at yet. Reads no clock.
///
/// An address that an account has logged in from lately is known there: its failures at that account are counted by
/// themselves, and nobody else's count against it. So a stranger can lock out strangers, and not the account's owner.
/// All other failures count twice: against the account, whether it exists or not, and against the address, to whatever
/// account they were.
pub struct Throttle {
    accounts: Slates<NameKey>,
    acquaintances: Slates<(NameKey, IpAddr)>,
    addresses: Addresses,
    known: Known,
    loopback_is_exempt: bool,
}

/// Failed logins by address: so many at once, and one more in each interval.
struct Addresses {
    /// `None` for no limit.
    rate: Option<Rate>,
    remembered_max: usize,
    buckets: BTreeMap<IpAddr, Bucket>,
    /// The addresses by when there is nothing left to remember of them.
    by_end: BTreeSet<(Instant, IpAddr)>,
}

impl Throttle {
    /// Remembers no failure. `known` are the addresses that accounts are known to log in from.
    #[must_use]
    pub fn new(limits: &Limits, known: Known) -> Self {
        Self {
            accounts: Slates::new(limits),
            acquaintances: Slates::new(limits),
            addresses: Addresses::new(limits),
            known,
            loopback_is_exempt: limits.loopback_is_exempt,
        }
    }

    /// Counts by other limits from now on. Who has to wait already waits as long as was said.
    pub fn set_limits(&mut self, limits: &Limits) {
        self.accounts.set_limits(limits);
        self.acquaintances.set_limits(limits);
        self.addresses.set_limits(limits);
        self.known.set_limits(limits);
        self.loopback_is_exempt = limits.loopback_is_exempt;
    }

    /// Notes a failed login from `address`, to the account of that key, or to a name that nobody can have.
    pub fn failed(&mut self, now: Instant, key: Option<&NameKey>, address: IpAddr) {
        let address = network_of(address);
        match key {
            Some(key) if self.known.contains(now, key, address) => {
                self.acquaintances.failed(now, &(key.clone(), address));
            }
            key => {
                if let Some(key) = key {
                    self.accounts.failed(now, key);
                }
                if !self.is_exempt(address) {
                    self.addresses.failed(now, address);
                }
            }
        }
    }

    /// Notes a login that succeeded. Says what is to be remembered of it for longer than this process runs.
    pub fn succeeded(&mut self, now: Instant, key: &NameKey, address: IpAddr) -> Option<Sighting> {
        let address = network_of(address);
        if self.known.contains(now, key, address) {
            // What strangers have done in the meantime stays as it is, or each login would hand them another ten tries.
            self.acquaintances.succeeded(&(key.clone(), address));
        } else {
            self.accounts.succeeded(key);
        }
        self.known.see(now, key, address)
    }

    /// Whether a login from `address` is looked at now.
    ///
    /// # Errors
    /// [`Refusal::AuthThrottled`], with the milliseconds until it is, rounded up.
    pub fn check(&self, now: Instant, key: Option<&NameKey>, address: IpAddr) -> Result<(), Refusal> {
        let address = network_of(address);
        let wait = match key {
            Some(key) if self.known.contains(now, key, address) => {
                self.acquaintances.wait(now, &(key.clone(), address))
            }
            key => {
                let account = key.map_or(Duration::ZERO, |key| self.accounts.wait(now, key));
                let exempt = self.is_exempt(address);
                account.max(if exempt { Duration::ZERO } else { self.addresses.wait(now, address) })
            }
        };
        if wait.is_zero() { Ok(()) } else { Err(Refusal::AuthThrottled { retry_ms: whole_ms(wait) }) }
    }

    fn is_exempt(&self, address: IpAddr) -> bool {
        self.loopback_is_exempt && address.is_loopback()
    }
}

impl Addresses {
    fn new(limits: &Limits) -> Self {
        let interval = Duration::from_millis(limits.auth_address_interval_ms);
        let burst = limits.auth_address_failures_max;
        Self {
            rate: Rate::new(burst.min(1), interval, burst),
            remembered_max: limits.auth_remembered_max,
            buckets: BTreeMap::new(),
            by_end: BTreeSet::new(),
        }
    }

    fn set_limits(&mut self, limits: &Limits) {
        let Self { rate, remembered_max, .. } = Self::new(limits);
        (self.rate, self.remembered_max) = (rate, remembered_max);
    }

    fn failed(&mut self, now: Instant, address: IpAddr) {
        let Some(rate) = self.rate else { return };
        while self.by_end.first().is_some_and(|(end, _)| *end <= now) {
            self.forget_next();
        }
        let mut bucket = self.buckets.remove(&address).unwrap_or_default();
        self.by_end.remove(&(bucket.full_at(), address));
        // Of several logins that were admitted at once the last ones may find nothing left; then there is nothing to take.
        let _ = bucket.take(now, rate);
        if self.buckets.len() >= self.remembered_max {
            self.forget_next();
        }
        self.buckets.insert(address, bucket);
        self.by_end.insert((bucket.full_at(), address));
    }

    fn wait(&self, now: Instant, address: IpAddr) -> Duration {
        let (Some(rate), Some(bucket)) = (self.rate, self.buckets.get(&address)) else {
            return Duration::ZERO;
        };
        // A copy is asked, so nothing is taken.
        let mut bucket = *bucket;
        bucket.take(now, rate).err().unwrap_or_default()
    }

    fn forget_next(&mut self) {
        if let Some((_, address)) = self.by_end.pop_first() {
            self.buckets.remove(&address);
        }
    }
}

/// Rounded up, so that who waits that long is not early.
fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
