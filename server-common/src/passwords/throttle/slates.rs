//! Failures counted by whom they are counted against, and the pauses that follow from them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chatroom_core::limits::Limits;
use chatroom_core::time::Instant;

/// Counts failures for each key. Reads no clock.
///
/// As many failures as `auth_failures_max` cost nothing but their hash. From the next one on each is followed by a
/// pause: `auth_pause_ms_min` at first, twice as long each time, at most `auth_pause_ms_max`. A success wipes the slate
/// clean, and so do `auth_window_ms` without a failure.
pub(super) struct Slates<K> {
    failures_max: u32,
    window: Duration,
    pause_min: Duration,
    pause_max: Duration,
    remembered_max: usize,
    slates: BTreeMap<K, Slate>,
    /// The keys by when they are forgotten, so that the next one is found without looking through all.
    by_end: BTreeSet<(Instant, K)>,
}

/// What is remembered of one key.
struct Slate {
    failures: u32,
    /// Until when no login is looked at.
    pause_end: Instant,
    /// When all this is forgotten.
    end: Instant,
}

impl<K: Ord + Clone> Slates<K> {
    /// Remembers nobody yet.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            failures_max: limits.auth_failures_max,
            window: Duration::from_millis(limits.auth_window_ms),
            pause_min: Duration::from_millis(limits.auth_pause_ms_min),
            pause_max: Duration::from_millis(limits.auth_pause_ms_max),
            remembered_max: limits.auth_remembered_max,
            slates: BTreeMap::new(),
            by_end: BTreeSet::new(),
        }
    }

    /// Counts by other limits from now on. Pauses that have begun stay as they are.
    pub(super) fn set_limits(&mut self, limits: &Limits) {
        let Self { failures_max, window, pause_min, pause_max, remembered_max, .. } = Self::new(limits);
        (self.failures_max, self.window) = (failures_max, window);
        (self.pause_min, self.pause_max) = (pause_min, pause_max);
        self.remembered_max = remembered_max;
    }

    /// Notes a failure.
    pub(super) fn failed(&mut self, now: Instant, key: &K) {
        self.forget_until(now);
        let failures = match self.forget(key) {
            Some(slate) => slate.failures.saturating_add(1),
            None => 1,
        };
        // Each key here has cost its owner a hash. At today's cost a core makes some 16,000 in the quarter of an hour
        // that is remembered, so there is room enough for several; where hashes are cheap, who is remembered for the
        // shortest time gives way, and the longest pauses stay.
        if self.slates.len() >= self.remembered_max {
            self.forget_next();
        }
        let pause_end = now + self.pause(failures);
        let end = pause_end.max(now + self.window);
        self.slates.insert(key.clone(), Slate { failures, pause_end, end });
        self.by_end.insert((end, key.clone()));
    }

    /// Wipes a slate clean.
    pub(super) fn succeeded(&mut self, key: &K) {
        self.forget(key);
    }

    /// How long nothing is looked at from now on; zero if it is.
    pub(super) fn wait(&self, now: Instant, key: &K) -> Duration {
        self.slates.get(key).map_or(Duration::ZERO, |slate| slate.pause_end.since(now))
    }

    /// How long nothing is looked at after that many failures.
    fn pause(&self, failures: u32) -> Duration {
        let beyond = failures.saturating_sub(self.failures_max);
        if beyond == 0 {
            return Duration::ZERO;
        }
        // 2^31 milliseconds are weeks, and the product saturates where somebody configured more.
        let doubled = 1_u32 << (beyond - 1).min(31);
        self.pause_min.saturating_mul(doubled).min(self.pause_max)
    }

    fn forget(&mut self, key: &K) -> Option<Slate> {
        let slate = self.slates.remove(key)?;
        self.by_end.remove(&(slate.end, key.clone()));
        Some(slate)
    }

    fn forget_until(&mut self, now: Instant) {
        while self.by_end.first().is_some_and(|(end, _)| *end <= now) {
            self.forget_next();
        }
    }

    fn forget_next(&mut self) {
        if let Some((_, key)) = self.by_end.pop_first() {
            self.slates.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn harper() -> String {
        "harper".to_owned()
    }

    fn at(ms: u64) -> Instant {
        Instant::from_start(Duration::from_millis(ms))
    }

    fn slates() -> Slates<String> {
        Slates::new(&Limits {
            auth_failures_max: 3,
            auth_window_ms: 60_000,
            auth_pause_ms_min: 1_000,
            auth_pause_ms_max: 5_000,
            ..Limits::default()
        })
    }

    /// The milliseconds to wait, 0 for none.
    fn wait(slates: &Slates<String>, now: u64, key: &str) -> u64 {
        slates.wait(at(now), &key.to_owned()).as_millis().try_into().unwrap()
    }

    #[test]
    fn a_guesser_waits_longer_each_time() {
        let mut slates = slates();
        let mut now = 0;
        for (failure, pause) in [0, 0, 0, 1_000, 2_000, 4_000, 5_000, 5_000].into_iter().enumerate() {
            slates.failed(at(now), &harper());
            assert_eq!(wait(&slates, now, "harper"), pause, "failure {}", failure + 1);
            assert_eq!(wait(&slates, now, "harpo"), 0, "somebody else");
            now += pause;
            assert_eq!(wait(&slates, now, "harper"), 0, "the pause is over");
        }
    }

    #[test]
    fn the_wait_counts_down() {
        let mut slates = slates();
        for _ in 0..4 {
            slates.failed(at(0), &harper());
        }
        assert_eq!(wait(&slates, 400, "harper"), 600);
        assert_eq!(wait(&slates, 1_000, "harper"), 0);
    }

    #[test]
    fn a_success_wipes_the_slate_clean() {
        let mut slates = slates();
        for _ in 0..3 {
            slates.failed(at(0), &harper());
        }
        slates.succeeded(&harper());
        for _ in 0..3 {
            slates.failed(at(0), &harper());
        }
        assert_eq!(wait(&slates, 0, "harper"), 0);
    }

    #[test]
    fn failures_are_forgotten_after_the_window() {
        let mut slates = slates();
        for now in [0, 59_999, 119_998] {
            slates.failed(at(now), &harper());
        }
        slates.failed(at(179_998), &harper());
        assert_eq!(wait(&slates, 179_998, "harper"), 0, "a whole window had passed");
        assert_eq!(slates.slates.len(), 1);
        slates.failed(at(300_000), &"somebody".to_owned());
        assert_eq!(slates.slates.len(), 1, "harper is forgotten, too");
    }

    #[test]
    fn a_pause_longer_than_the_window_is_kept() {
        let limits = Limits {
            auth_failures_max: 0,
            auth_window_ms: 10,
            auth_pause_ms_min: 5_000,
            ..Limits::default()
        };
        let mut slates = Slates::new(&limits);
        slates.failed(at(0), &harper());
        slates.failed(at(4_000), &"somebody".to_owned());
        assert_eq!(wait(&slates, 4_000, "harper"), 1_000);
    }

    #[test]
    fn no_number_of_failures_overflows() {
        let limits = Limits { auth_failures_max: 0, auth_pause_ms_max: u64::MAX, ..Limits::default() };
        let mut slates = Slates::<String> { pause_min: Duration::MAX, ..Slates::new(&limits) };
        for _ in 0..100 {
            slates.failed(at(u64::MAX), &harper());
        }
        assert_eq!(slates.pause(u32::MAX), Duration::from_millis(u64::MAX));
    }

    #[test]
    fn memory_is_bounded_and_the_longest_pauses_stay() {
        let limits = Limits { auth_failures_max: 3, auth_remembered_max: 100, ..Limits::default() };
        let mut slates = Slates::new(&limits);
        for _ in 0..7 {
            slates.failed(at(50), &"victim".to_owned());
        }
        for number in 0..1_000 {
            slates.failed(at(49), &number.to_string());
        }
        assert_eq!((slates.slates.len(), slates.by_end.len()), (100, 100));
        assert_ne!(wait(&slates, 50, "victim"), 0);
    }
}
