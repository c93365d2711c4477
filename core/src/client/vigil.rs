//! Notices that time has passed in which nothing ran here.

use core::time::Duration;

use crate::time::Instant;

/// Looks at two clocks, whenever the thread that talks to a server wakes up, and tells when that is too late: the program was
/// stopped, or the computer slept. Then say [`Input::Doubtful`](super::Input::Doubtful), before anything else is told to the client.
///
/// Most systems stop their monotonic clock while the computer sleeps, so a frontend that waits by it wakes up as if nothing had
/// been. The wall clock has gone on. That one may also be set by hand, which looks the same, and costs a `ping`.
#[derive(Clone, Copy, Debug)]
pub struct Vigil {
    looked_at: Instant,
    wall: Duration,
}

impl Vigil {
    /// Begins: it is `now`, and `wall` has passed since 1970.
    pub fn new(now: Instant, wall: Duration) -> Self {
        Self { looked_at: now, wall }
    }

    /// Looks again. Whether nothing ran here for [`STOPPED_MIN`] or more. Look once in [`LOOK_MAX`] at least, or it looks as if.
    pub fn look(&mut self, now: Instant, wall: Duration) -> bool {
        let passed = now.since(self.looked_at);
        let passed_on_the_wall = wall.saturating_sub(self.wall);
        *self = Self::new(now, wall);
        passed.max(passed_on_the_wall) >= LOOK_MAX + STOPPED_MIN
    }
}

/// How long a frontend may wait for anything at most, before it [looks](Vigil::look) again.
pub const LOOK_MAX: Duration = Duration::from_millis(500);

/// What counts as having been stopped: a busy computer may leave a thread waiting for less.
pub const STOPPED_MIN: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// Time passes on both clocks, from any time on.
    fn looks(passed: u64, passed_on_the_wall: u64) -> bool {
        let start = Instant::from_start(ms(77));
        let wall = ms(1_790_000_000_123);
        let mut vigil = Vigil::new(start, wall);
        vigil.look(start + ms(passed), wall + ms(passed_on_the_wall))
    }

    #[test]
    fn who_looks_in_time_was_not_stopped() {
        assert!(!looks(0, 0));
        assert!(!looks(500, 500));
        assert!(!looks(999, 999), "a busy computer");
    }

    #[test]
    fn who_looks_too_late_was_stopped() {
        assert!(looks(1_000, 1_000));
        assert!(looks(600_000, 600_000));
    }

    #[test]
    fn a_clock_that_stood_while_the_computer_slept_is_found_out() {
        assert!(looks(0, 28_800_000));
        assert!(looks(500, 1_000));
    }

    #[test]
    fn a_wall_clock_that_is_set_back_hides_nothing_and_means_nothing() {
        let (start, wall) = (Instant::default(), ms(5_000));
        let mut vigil = Vigil::new(start, wall);
        assert!(!vigil.look(start + ms(500), ms(0)));
        assert!(!vigil.look(start + ms(1_000), ms(500)));
        assert!(vigil.look(start + ms(2_000), ms(100)));
    }

    #[test]
    fn each_stop_is_told_once() {
        let (start, wall) = (Instant::default(), ms(0));
        let mut vigil = Vigil::new(start, wall);
        assert!(vigil.look(start + ms(10_000), wall + ms(10_000)));
        assert!(!vigil.look(start + ms(10_001), wall + ms(10_001)));
    }
}
