//! Who keeps failing to log in has to wait.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chatroom_core::limits::Limits;
use chatroom_core::name::NameKey;
use chatroom_core::server::Refusal;
use chatroom_core::time::Instant;

/// Counts failed logins by account, whether the account exists or not. Reads no clock.
///
/// As many failures as `auth_failures_max` cost nothing but their hash. From the next one on each is followed by a
/// pause, in which no login to that account is looked at: `auth_pause_ms_min` at first, twice as long each time, at
/// most `auth_pause_ms_max`. A login that succeeds wipes the slate clean, and so do `auth_window_ms` without a failure.
pub struct Throttle {
    failures_max: u32,
    window: Duration,
    pause_min: Duration,
    pause_max: Duration,
    slates: BTreeMap<NameKey, Slate>,
    /// The keys by when they are forgotten, so that the next one is found without looking through all.
    by_end: BTreeSet<(Instant, NameKey)>,
}

/// What is remembered of one account.
struct Slate {
    failures: u32,
    /// Until when no login is looked at.
    pause_end: Instant,
    /// When all this is forgotten.
    end: Instant,
}

impl Throttle {
    /// Remembers nobody yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            failures_max: limits.auth_failures_max,
            window: Duration::from_millis(limits.auth_window_ms),
            pause_min: Duration::from_millis(limits.auth_pause_ms_min),
            pause_max: Duration::from_millis(limits.auth_pause_ms_max),
            slates: BTreeMap::new(),
            by_end: BTreeSet::new(),
        }
    }

    /// Notes a failed login.
    pub fn failed(&mut self, now: Instant, key: &NameKey) {
        self.forget_until(now);
        let failures = match self.forget(key) {
            Some(slate) => slate.failures.saturating_add(1),
            None => 1,
        };
        // Each key here has cost its owner a hash. At today's cost a core makes some 11,000 in the quarter of an hour
        // that is remembered, so the room is enough for several; where hashes are cheap, who is remembered for the
        // shortest time gives way.
        if self.slates.len() >= KEYS_MAX {
            self.forget_next();
        }
        let pause_end = now + self.pause(failures);
        let end = pause_end.max(now + self.window);
        self.slates.insert(key.clone(), Slate { failures, pause_end, end });
        self.by_end.insert((end, key.clone()));
    }

    /// Notes a login that succeeded.
    pub fn succeeded(&mut self, key: &NameKey) {
        self.forget(key);
    }

    /// Whether a login to that account is looked at now.
    ///
    /// # Errors
    /// [`Refusal::AuthThrottled`], with the milliseconds until it is, rounded up.
    pub fn check(&self, now: Instant, key: &NameKey) -> Result<(), Refusal> {
        let Some(slate) = self.slates.get(key) else { return Ok(()) };
        let left = slate.pause_end.since(now);
        if left.is_zero() {
            return Ok(());
        }
        Err(Refusal::AuthThrottled { retry_ms: whole_ms(left) })
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

    fn forget(&mut self, key: &NameKey) -> Option<Slate> {
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

/// Rounded up, so that who waits that long is not early.
fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// Accounts remembered at once: about 10 MB of them.
const KEYS_MAX: usize = 50_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::name_key;

    fn key(name: &str) -> NameKey {
        NameKey::new(name_key, name)
    }

    fn at(ms: u64) -> Instant {
        Instant::from_start(Duration::from_millis(ms))
    }

    fn throttle() -> Throttle {
        Throttle::new(&Limits {
            auth_failures_max: 3,
            auth_window_ms: 60_000,
            auth_pause_ms_min: 1_000,
            auth_pause_ms_max: 5_000,
            ..Limits::default()
        })
    }

    /// The milliseconds to wait, 0 for none.
    fn wait(throttle: &Throttle, now: u64, name: &str) -> u64 {
        match throttle.check(at(now), &key(name)) {
            Ok(()) => 0,
            Err(Refusal::AuthThrottled { retry_ms }) => retry_ms,
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_guesser_waits_longer_each_time() {
        let mut throttle = throttle();
        let mut now = 0;
        for (failure, pause) in [0, 0, 0, 1_000, 2_000, 4_000, 5_000, 5_000].into_iter().enumerate() {
            throttle.failed(at(now), &key("harper"));
            assert_eq!(wait(&throttle, now, "harper"), pause, "failure {}", failure + 1);
            assert_eq!(wait(&throttle, now, "harpo"), 0, "somebody else");
            now += pause;
            assert_eq!(wait(&throttle, now, "harper"), 0, "the pause is over");
        }
    }

    #[test]
    fn the_wait_counts_down_and_is_never_short() {
        let mut throttle = throttle();
        for _ in 0..4 {
            throttle.failed(at(0), &key("harper"));
        }
        assert_eq!(wait(&throttle, 400, "harper"), 600);
        let almost = Instant::from_start(Duration::from_nanos(999_999_999));
        assert_eq!(throttle.check(almost, &key("harper")), Err(Refusal::AuthThrottled { retry_ms: 1 }));
        assert_eq!(wait(&throttle, 1_000, "harper"), 0);
    }

    #[test]
    fn a_success_wipes_the_slate_clean() {
        let mut throttle = throttle();
        for _ in 0..3 {
            throttle.failed(at(0), &key("harper"));
        }
        throttle.succeeded(&key("harper"));
        for _ in 0..3 {
            throttle.failed(at(0), &key("harper"));
        }
        assert_eq!(wait(&throttle, 0, "harper"), 0);
    }

    #[test]
    fn failures_are_forgotten_after_the_window() {
        let mut throttle = throttle();
        for now in [0, 59_999, 119_998] {
            throttle.failed(at(now), &key("harper"));
        }
        throttle.failed(at(179_998), &key("harper"));
        assert_eq!(wait(&throttle, 179_998, "harper"), 0, "a whole window had passed");
        assert_eq!(throttle.slates.len(), 1);
        throttle.failed(at(300_000), &key("somebody"));
        assert_eq!(throttle.slates.len(), 1, "harper is forgotten, too");
    }

    #[test]
    fn a_pause_longer_than_the_window_is_kept() {
        let limits = Limits {
            auth_failures_max: 0,
            auth_window_ms: 10,
            auth_pause_ms_min: 5_000,
            ..Limits::default()
        };
        let mut throttle = Throttle::new(&limits);
        throttle.failed(at(0), &key("harper"));
        throttle.failed(at(4_000), &key("somebody"));
        assert_eq!(wait(&throttle, 4_000, "harper"), 1_000);
    }

    #[test]
    fn no_number_of_failures_overflows() {
        let limits = Limits { auth_failures_max: 0, auth_pause_ms_max: u64::MAX, ..Limits::default() };
        let mut throttle = Throttle { pause_min: Duration::MAX, ..Throttle::new(&limits) };
        for _ in 0..100 {
            throttle.failed(at(u64::MAX), &key("harper"));
        }
        assert_eq!(throttle.pause(u32::MAX), Duration::from_millis(u64::MAX));
    }

    #[test]
    fn memory_is_bounded_and_the_longest_pauses_stay() {
        let mut throttle = throttle();
        for _ in 0..7 {
            throttle.failed(at(50), &key("victim"));
        }
        for number in 0..=KEYS_MAX {
            throttle.failed(at(49), &key(&number.to_string()));
        }
        assert_eq!((throttle.slates.len(), throttle.by_end.len()), (KEYS_MAX, KEYS_MAX));
        assert_ne!(wait(&throttle, 50, "victim"), 0);
    }
}
