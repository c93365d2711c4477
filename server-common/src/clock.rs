//! The machine's clock, in the core's terms.

use chatroom_core::time::Instant;

/// A monotonic clock that began when it was made.
///
/// One server has one clock and copies it to whoever needs the time: [`Instant`]s of two clocks do not compare.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: std::time::Instant,
}

impl Clock {
    /// A clock that says zero now.
    #[must_use]
    pub fn start() -> Self {
        Self { start: std::time::Instant::now() }
    }

    /// The time since the clock was made.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::from_start(self.start.elapsed())
    }

    /// When `moment` of the machine's clock is, by this one.
    #[must_use]
    pub fn at(&self, moment: std::time::Instant) -> Instant {
        Instant::from_start(moment.saturating_duration_since(self.start))
    }

    /// The moment of the machine's clock that `instant` is, to wait for with the machine's own means.
    ///
    /// `None` when that is further away than the machine can say.
    #[must_use]
    pub fn to_std(&self, instant: Instant) -> Option<std::time::Instant> {
        self.start.checked_add(instant.since_start())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_tell_one_time() {
        let clock = Clock::start();
        let copy = clock;
        let (first, second, third) = (clock.now(), copy.now(), clock.now());
        assert!(first <= second && second <= third);
    }

    #[test]
    fn an_instant_finds_its_way_back() {
        let clock = Clock::start();
        let now = clock.now();
        let there = clock.to_std(now).expect("the present is near");
        assert_eq!(there.duration_since(clock.start), now.since_start());
    }
}
