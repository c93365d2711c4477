//! How often something may happen.

use core::time::Duration;

use crate::time::Instant;

/// A token bucket in a single moment: the generic cell rate algorithm (ITU-T I.371), which needs no refilling.
///
/// It remembers when it will be full again. Each event moves that moment by one interval; an event that would move it
/// further than the burst allows is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    full_at: Instant,
}

/// The rate and the burst of a [`Bucket`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    interval: Duration,
    tolerance: Duration,
}

impl Rate {
    /// `count` events in `per`, and `burst` of them (at least one) at once. `None` if `count` is 0: no limit.
    pub fn new(count: u32, per: Duration, burst: u32) -> Option<Self> {
        let interval = per.checked_div(count)?;
        Some(Self { interval, tolerance: interval * burst.saturating_sub(1) })
    }

    /// The same in a second.
    pub fn per_second(count: u32, burst: u32) -> Option<Self> {
        Self::new(count, Duration::from_secs(1), burst)
    }
}

impl Bucket {
    /// Takes one event out. An error is how long to wait until the next may happen, and takes nothing. Without a rate there
    /// is no limit.
    pub fn take(&mut self, now: Instant, rate: impl Into<Option<Rate>>) -> Result<(), Duration> {
        let Some(rate) = rate.into() else { return Ok(()) };
        let full_at =
            if cfg!(planted_bug = "bucket_saves_up") { self.full_at } else { self.full_at.max(now) };
        let ahead = full_at.since(now);
        if ahead > rate.tolerance {
            return Err(ahead - rate.tolerance);
        }
        self.full_at = full_at + rate.interval;
        Ok(())
    }

    /// Puts one event back that was taken and is not to count after all.
    pub fn put_back(&mut self, rate: Rate) {
        self.full_at = Instant::from_start(self.full_at.since_start().saturating_sub(rate.interval));
    }

    /// Whether it is as good as new.
    pub fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }

    /// When it is as good as new, if nothing more is taken.
    pub fn full_at(&self) -> Instant {
        self.full_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_start(Duration::from_millis(ms))
    }

    #[test]
    fn a_burst_passes_then_one_an_interval() {
        let rate = Rate::per_second(10, 3).unwrap();
        let mut bucket = Bucket::default();
        for _ in 0..3 {
            assert_eq!(bucket.take(at(5), rate), Ok(()));
        }
        assert_eq!(bucket.take(at(5), rate), Err(Duration::from_millis(100)));
        assert_eq!(bucket.take(at(104), rate), Err(Duration::from_millis(1)));
        assert_eq!(bucket.take(at(105), rate), Ok(()));
        assert!(bucket.take(at(105), rate).is_err());
    }

    #[test]
    fn rest_gives_back_the_whole_burst_and_no_more() {
        let rate = Rate::per_second(10, 3).unwrap();
        let mut bucket = Bucket::default();
        for _ in 0..3 {
            bucket.take(at(0), rate).unwrap();
        }
        assert!(!bucket.is_full(at(299)));
        assert!(bucket.is_full(at(300)));
        assert_eq!(bucket.full_at(), at(300));
        for _ in 0..3 {
            assert_eq!(bucket.take(at(9_000), rate), Ok(()));
        }
        assert!(bucket.take(at(9_000), rate).is_err());
    }

    #[test]
    fn what_is_put_back_can_be_taken_again_and_no_more_than_that() {
        let rate = Rate::per_second(10, 3).unwrap();
        let mut bucket = Bucket::default();
        for _ in 0..3 {
            bucket.take(at(5), rate).unwrap();
        }
        bucket.put_back(rate);
        assert_eq!(bucket.take(at(5), rate), Ok(()));
        assert!(bucket.take(at(5), rate).is_err());
        let mut bucket = Bucket::default();
        bucket.put_back(rate);
        assert_eq!(bucket, Bucket::default(), "full is full");
    }

    #[test]
    fn a_rate_of_nothing_is_no_limit() {
        let rate = Rate::per_second(0, 5);
        assert_eq!(rate, None);
        let mut bucket = Bucket::default();
        for _ in 0..6 {
            assert_eq!(bucket.take(at(5), rate), Ok(()));
        }
        assert_eq!(bucket, Bucket::default());
    }
}
