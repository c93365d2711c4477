//! Time as the core sees it: a number its caller hands in.

use core::ops::Add;
use core::time::Duration;

/// A moment, counted from whatever the caller calls its start.
///
/// The core never reads a clock. A server turns its monotonic clock into these, a simulation counts them up by
/// itself. Two moments compare only if they come from one clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(Duration);

impl Instant {
    /// The moment `since_start` after the caller's start.
    pub const fn from_start(since_start: Duration) -> Self {
        Self(since_start)
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// How long after the caller's start this is.
    pub const fn since_start(self) -> Duration {
        self.0
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(rhs))
    }
}

/// Whether `at` comes before `than`, where `None` never comes: who waits for `than` is to be told.
pub fn is_earlier(at: Option<Instant>, than: Option<Instant>) -> bool {
    at.is_some_and(|at| than.is_none_or(|than| at < than))
}

/// A duration as whole milliseconds, rounded up, so that who waits that long is never early.
pub(crate) fn ceil_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
