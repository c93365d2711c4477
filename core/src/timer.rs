//! The few timers of a connection.

use crate::time::Instant;

/// What a connection may be waiting for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The end of the TLS handshake.
    Handshake,
    /// A login.
    Login,
    /// The next request of one who moves about too fast.
    Pace,
    /// The rest of a frame.
    Frame,
    /// The peer's end of the stream, after ours.
    Linger,
    /// Any byte taken by a peer for whom some are waiting.
    Stall,
    /// Any byte from a peer that can be asked for one.
    Silence,
}

/// At most one moment for each [`Timer`].
#[derive(Debug, Default)]
pub(crate) struct Timers {
    at: [Option<Instant>; ALL.len()],
}

const ALL: [Timer; 7] =
    [Timer::Handshake, Timer::Login, Timer::Pace, Timer::Frame, Timer::Linger, Timer::Stall, Timer::Silence];

impl Timers {
    /// Sets or moves a timer.
    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        self.at[timer as usize] = Some(at);
    }

    /// Stops a timer and returns when it would have run out.
    pub(crate) fn clear(&mut self, timer: Timer) -> Option<Instant> {
        self.at[timer as usize].take()
    }

    /// Stops all of them.
    pub(crate) fn clear_all(&mut self) {
        *self = Self::default();
    }

    /// Takes one timer that has run out at `now`.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<Timer> {
        let timer = ALL.into_iter().find(|timer| self.get(*timer).is_some_and(|at| at <= now))?;
        self.clear(timer);
        Some(timer)
    }

    /// When a timer runs out, if it runs.
    pub(crate) fn get(&self, timer: Timer) -> Option<Instant> {
        self.at[timer as usize]
    }

    /// When the first of them runs out.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.at.iter().flatten().min().copied()
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn timers_run_out_one_by_one_and_only_once() {
        let at = |s| Instant::from_start(Duration::from_secs(s));
        let mut timers = Timers::default();
        timers.set(Timer::Login, at(3));
        timers.set(Timer::Frame, at(1));
        assert_eq!(timers.next(), Some(at(1)));
        assert_eq!(timers.expire(at(0)), None);
        assert_eq!(timers.expire(at(5)), Some(Timer::Login));
        assert_eq!(timers.expire(at(5)), Some(Timer::Frame));
        assert_eq!(timers.expire(at(5)), None);
        assert_eq!(timers.next(), None);
    }
}
