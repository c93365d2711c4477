//! How long to wait before a lost connection is tried again.

use core::time::Duration;

/// Waits that double with each attempt, and that no two clients share.
///
/// A server that comes back is met by everybody it lost. Were they all to wait equally long they would arrive as one,
/// and be lost as one, so each waits between half of a step and the whole of it.
#[derive(Clone, Debug, Default)]
pub struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// How long to wait now; `random` is any random number.
    pub fn next(&mut self, random: u32) -> Duration {
        let step = FIRST.saturating_mul(1_u32.checked_shl(self.attempts).unwrap_or(u32::MAX)).min(LONGEST);
        self.attempts = self.attempts.saturating_add(1);
        let half = step / 2;
        half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }

    /// A connection was of use: the next wait is short again.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }
}

/// The first step: too short for a person to wonder, long enough for a server that restarts.
const FIRST: Duration = Duration::from_millis(500);

/// The longest step: a server that was away for an hour is back in the window within this time.
const LONGEST: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn waits(random: u32) -> Vec<u128> {
        let mut backoff = Backoff::default();
        (0..9).map(|_| backoff.next(random).as_millis()).collect()
    }

    #[test]
    fn waits_double_up_to_thirty_seconds() {
        assert_eq!(waits(u32::MAX), [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    }

    #[test]
    fn the_luckiest_waits_half_as_long() {
        assert_eq!(waits(0), [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
    }

    #[test]
    fn after_a_connection_of_use_the_first_wait_is_short_again() {
        let mut backoff = Backoff::default();
        for _ in 0..1_000 {
            backoff.next(7);
        }
        backoff.reset();
        assert_eq!(backoff.next(u32::MAX), FIRST);
    }
}
