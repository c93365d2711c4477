//! The addresses that accounts are known to log in from.
//!
//! They are kept in the database, for an owner who is logged out by a restart, in the middle of somebody's guessing, has
//! to get in again; and in memory, for a login is refused without a look at the database. Neither place has them to
//! read: a [`Mark`] is a hash, which tells a pair of account and address again and does not say which it is.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use chatroom_core::limits::Limits;
use chatroom_core::name::NameKey;
use chatroom_core::time::Instant;
use sha2::{Digest as _, Sha256};

/// An account and an address: 8 bytes of hash for the account, 8 more for both.
pub type Mark = [u8; 16];

/// A day, counted from the first of January 1970.
pub type Day = u32;

/// Which addresses accounts have logged in from lately. Reads no clock.
pub struct Known {
    /// The calendar's time when [`Instant`] began to count.
    start: Duration,
    days: Day,
    account_max: usize,
    total_max: usize,
    /// The day of the last login.
    seen: BTreeMap<Mark, Day>,
    by_day: BTreeSet<(Day, Mark)>,
}

/// A change that the database has to hear of.
#[derive(Debug, PartialEq, Eq)]
pub struct Sighting {
    pub(crate) mark: Mark,
    pub(crate) day: Day,
    /// Marks from before this day are forgotten.
    pub(crate) day_min: Day,
    /// Those that gave way to the new one.
    pub(crate) forgotten: Vec<Mark>,
}

impl Known {
    /// Knows nobody. `start` is the calendar's time, counted from 1970, when [`Instant`] began to count.
    #[must_use]
    pub fn new(limits: &Limits, start: Duration) -> Self {
        Self {
            start,
            days: limits.auth_known_days,
            account_max: limits.auth_known_addresses_max,
            total_max: limits.auth_known_total_max,
            seen: BTreeMap::new(),
            by_day: BTreeSet::new(),
        }
    }

    /// Remembers by other limits from now on.
    pub(super) fn set_limits(&mut self, limits: &Limits) {
        let Self { days, account_max, total_max, .. } = Self::new(limits, self.start);
        (self.days, self.account_max, self.total_max) = (days, account_max, total_max);
    }

    /// The first day that is remembered now.
    pub(crate) fn day_min(&self, now: Instant) -> Day {
        self.today(now).saturating_sub(self.days)
    }

    /// Takes over what the database remembers.
    pub(crate) fn load(&mut self, marks: impl IntoIterator<Item = (Mark, Day)>) {
        for (mark, day) in marks {
            self.put(mark, day);
        }
    }

    pub(super) fn contains(&self, now: Instant, key: &NameKey, address: IpAddr) -> bool {
        self.days > 0 && self.seen.get(&mark(key, address)).is_some_and(|day| *day >= self.day_min(now))
    }

    /// Notes a login. The database hears of it once a day for each pair.
    pub(super) fn see(&mut self, now: Instant, key: &NameKey, address: IpAddr) -> Option<Sighting> {
        let (mark, day) = (mark(key, address), self.today(now));
        if self.days == 0 || self.account_max == 0 || self.seen.get(&mark) == Some(&day) {
            return None;
        }
        let day_min = self.day_min(now);
        while self.by_day.first().is_some_and(|(day, _)| *day < day_min) {
            self.forget_next();
        }
        let forgotten = self.put(mark, day);
        Some(Sighting { mark, day, day_min, forgotten })
    }

    /// Remembers a mark. Returns those that gave way to it: the account's longest unused, then anybody's.
    fn put(&mut self, mark: Mark, day: Day) -> Vec<Mark> {
        self.forget(&mark);
        let mut forgotten = Vec::new();
        if let Some(oldest) = self.oldest_beyond(&mark) {
            self.forget(&oldest);
            forgotten.push(oldest);
        }
        if self.seen.len() >= self.total_max {
            forgotten.extend(self.forget_next());
        }
        self.seen.insert(mark, day);
        self.by_day.insert((day, mark));
        forgotten
    }

    /// The mark of the same account that has to give way, if it has as many as may be.
    fn oldest_beyond(&self, mark: &Mark) -> Option<Mark> {
        let (mut first, mut last) = (*mark, *mark);
        first[ACCOUNT_BYTES..].fill(0);
        last[ACCOUNT_BYTES..].fill(u8::MAX);
        let own = || self.seen.range(first..=last);
        if own().count() < self.account_max {
            return None;
        }
        own().min_by_key(|(_, day)| **day).map(|(mark, _)| *mark)
    }

    fn forget(&mut self, mark: &Mark) {
        if let Some(day) = self.seen.remove(mark) {
            self.by_day.remove(&(day, *mark));
        }
    }

    fn forget_next(&mut self) -> Option<Mark> {
        let (_, mark) = self.by_day.pop_first()?;
        self.seen.remove(&mark);
        Some(mark)
    }

    fn today(&self, now: Instant) -> Day {
        let days = (self.start + now.since_start()).as_secs() / (24 * 60 * 60);
        Day::try_from(days).unwrap_or(Day::MAX)
    }
}

fn mark(key: &NameKey, address: IpAddr) -> Mark {
    let mut hash = Sha256::new_with_prefix(key.as_str());
    let account = hash.clone().finalize();
    // No key has this byte in it, so where the address begins is never in doubt.
    hash.update([0]);
    match address {
        IpAddr::V4(v4) => hash.update(v4.octets()),
        IpAddr::V6(v6) => hash.update(v6.octets()),
    }
    let both = hash.finalize();
    let mut mark = Mark::default();
    for (to, from) in mark.iter_mut().zip(account.iter().take(ACCOUNT_BYTES).chain(&both)) {
        *to = *from;
    }
    mark
}

/// How much of a mark is the account's.
const ACCOUNT_BYTES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::name_key;

    fn key(name: &str) -> NameKey {
        NameKey::new(name_key, name)
    }

    fn address(number: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, number])
    }

    fn on(day: u64) -> Instant {
        Instant::from_start(Duration::from_secs(day * 24 * 60 * 60))
    }

    fn known(limits: &Limits) -> Known {
        Known::new(limits, Duration::ZERO)
    }

    #[test]
    fn an_address_is_known_for_thirty_days_after_its_last_login() {
        let mut known = known(&Limits::default());
        assert!(!known.contains(on(100), &key("harper"), address(1)));
        assert!(known.see(on(100), &key("harper"), address(1)).is_some());
        assert!(known.contains(on(130), &key("harper"), address(1)));
        assert!(!known.contains(on(131), &key("harper"), address(1)));
        known.see(on(130), &key("harper"), address(1));
        assert!(known.contains(on(160), &key("harper"), address(1)));
        assert!(!known.contains(on(130), &key("harper"), address(2)));
        assert!(!known.contains(on(130), &key("casey"), address(1)));
    }

    #[test]
    fn the_database_hears_of_a_pair_once_a_day() {
        let mut known = known(&Limits::default());
        let sighting = known.see(on(100), &key("harper"), address(1)).expect("it is new");
        assert_eq!((sighting.day, sighting.day_min, sighting.forgotten), (100, 70, vec![]));
        assert_eq!(known.see(on(100), &key("HARPER"), address(1)), None);
        assert_eq!(known.see(on(101), &key("harper"), address(1)).map(|it| it.day), Some(101));
    }

    #[test]
    fn the_days_are_the_calendars_and_outlive_the_process() {
        let limits = Limits::default();
        let sighting = known(&limits).see(on(100), &key("harper"), address(1)).expect("it is new");
        let mut later = Known::new(&limits, on(129).since_start());
        later.load([(sighting.mark, sighting.day)]);
        assert!(later.contains(on(1), &key("harper"), address(1)));
        assert!(!later.contains(on(2), &key("harper"), address(1)));
    }

    #[test]
    fn an_account_knows_so_many_addresses_and_all_together_so_many() {
        let limits = Limits { auth_known_addresses_max: 2, auth_known_total_max: 3, ..Limits::default() };
        let mut known = known(&limits);
        known.see(on(1), &key("harper"), address(1));
        known.see(on(2), &key("harper"), address(2));
        // Used again, so the other one is the older.
        known.see(on(3), &key("harper"), address(1));
        let third = known.see(on(4), &key("harper"), address(3)).expect("it is new");
        assert_eq!(third.forgotten, [mark(&key("harper"), address(2))]);
        known.see(on(5), &key("casey"), address(9));
        let fourth = known.see(on(6), &key("robin"), address(9)).expect("it is new");
        assert_eq!(fourth.forgotten, [mark(&key("harper"), address(1))]);
        assert_eq!((known.seen.len(), known.by_day.len()), (3, 3));
    }

    #[test]
    fn who_was_not_seen_for_longer_is_forgotten_and_nobody_else() {
        let mut known = known(&Limits::default());
        known.see(on(100), &key("harper"), address(1));
        known.see(on(130), &key("casey"), address(2));
        assert!(known.contains(on(130), &key("harper"), address(1)), "it is the thirtieth day");
        known.see(on(131), &key("robin"), address(3));
        known.see(on(200), &key("robin"), address(3));
        assert_eq!((known.seen.len(), known.by_day.len()), (1, 1));
        assert!(known.contains(on(200), &key("robin"), address(3)));
    }

    #[test]
    fn without_days_nobody_is_known_also_not_from_before() {
        let limits = Limits { auth_known_days: 0, ..Limits::default() };
        let mut known = known(&limits);
        known.load([(mark(&key("harper"), address(1)), 1)]);
        assert_eq!(known.see(on(1), &key("harper"), address(1)), None);
        assert_eq!(known.see(on(1), &key("harper"), address(2)), None);
        assert!(!known.contains(on(1), &key("harper"), address(1)));
    }

    #[test]
    fn without_addresses_nobody_is_known() {
        let mut known = known(&Limits { auth_known_addresses_max: 0, ..Limits::default() });
        assert_eq!(known.see(on(1), &key("harper"), address(1)), None);
        assert!(!known.contains(on(1), &key("harper"), address(1)));
    }
}
