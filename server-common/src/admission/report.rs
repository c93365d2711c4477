//! What an operator is told of those who were turned away: how many there were, and never a line for each.

use std::fmt;
use std::time::Duration;

use chatroom_core::Instant;

use super::Refusal;

/// Counts who was turned away, by the limit that did it.
#[derive(Debug, Default)]
pub struct Reporter {
    total: Report,
    /// Those that were told of in an earlier report.
    reported: Report,
    next_at: Instant,
}

/// How many were turned away. Its text names the limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report([u64; LIMITS.len()]);

impl Reporter {
    /// A report on what has not been told of yet; at most one a minute, and none if there is nothing to tell.
    pub fn take(&mut self, now: Instant) -> Option<Report> {
        if now < self.next_at || self.total == self.reported {
            return None;
        }
        self.next_at = now + PAUSE;
        let mut news = self.total;
        for (count, reported) in news.0.iter_mut().zip(self.reported.0) {
            *count -= reported;
        }
        self.reported = self.total;
        Some(news)
    }

    /// What there was from the start.
    #[must_use]
    pub fn total(&self) -> Report {
        self.total
    }

    pub(super) fn count(&mut self, refusal: Refusal) {
        self.total.0[refusal as usize] += 1;
    }

    pub(super) fn count_handshakes(&mut self, count: usize) {
        self.total.0[LIMITS.len() - 1] += count as u64;
    }
}

impl Report {
    /// How many there were, all together.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} connections were turned away (", self.count())?;
        let limits = LIMITS.iter().zip(self.0).filter(|(_, count)| *count > 0);
        for (index, (limit, count)) in limits.enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{count} by limits.{limit}")?;
        }
        f.write_str(")")
    }
}

/// The limits that turn a connection away: those of [`Refusal`] in its order, then the one that makes others give way.
const LIMITS: [&str; 5] = [
    "connections_max",
    "address_connections_max",
    "address_visitors_max",
    "address_visits_max",
    "handshakes_max",
];

/// Between two reports.
const PAUSE: Duration = Duration::from_secs(60);
