//! How often something may happen, as tokens that are counted: a bucket that holds a burst, and gets one token each
//! interval.

use std::time::Duration;

use chatroom_core::Instant;

/// A bucket, full at first.
#[derive(Clone, Copy, Default)]
pub struct Tokens {
    /// What is missing, in time until it is back.
    missing: Duration,
    /// As of when.
    at: Instant,
}

impl Tokens {
    /// Takes one of `burst` tokens, of which `count` come back in `per`; an error is how long there will be none. A
    /// `count` of 0 is no limit.
    pub fn take(&mut self, now: Instant, count: u32, per: Duration, burst: u32) -> Result<(), Duration> {
        let Some(interval) = per.checked_div(count) else { return Ok(()) };
        self.missing = self.missing.saturating_sub(now.since(self.at));
        self.at = now;
        let whole = interval * burst.max(1);
        let there = whole - self.missing.min(whole);
        if there < interval {
            return Err(interval - there);
        }
        self.missing += interval;
        Ok(())
    }

    /// How long there will be none to take.
    pub fn wait(mut self, now: Instant, count: u32, per: Duration, burst: u32) -> Duration {
        self.take(now, count, per, burst).err().unwrap_or_default()
    }
}

/// Whole milliseconds, as an answer tells them.
pub fn whole_ms(wait: Duration) -> u64 {
    u64::try_from(wait.as_nanos().div_ceil(1_000_000)).expect("waits are short")
}
