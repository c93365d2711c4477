//! What a loop that accepts does when it cannot.

use std::io;
use std::time::Duration;

use chatroom_core::Instant;

/// Tells the failures of accepting that concern one connection from those that concern all. Each loop has its own.
#[derive(Debug, Default)]
pub struct Accepting {
    told_at: Option<Instant>,
}

impl Accepting {
    /// Accepting failed. How long to wait before the next try; `None` if only that one connection was lost.
    ///
    /// When the system has no descriptor, or no memory, for another connection, the one that waits is still there at
    /// the next try, so without a pause the loop would spin. The operator is told once a minute at most.
    pub fn failed(&mut self, now: Instant, error: &io::Error) -> Option<Duration> {
        if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) {
            return None;
        }
        if self.told_at.is_none_or(|at| now.since(at) >= BETWEEN_LINES) {
            self.told_at = Some(now);
            tracing::warn!(%error, "accepting pauses until there is room for another connection");
        }
        Some(PAUSE)
    }
}

/// Long enough to cost nothing, short enough for nobody to notice.
const PAUSE: Duration = Duration::from_millis(100);

/// Between two lines about it in the log.
const BETWEEN_LINES: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_is_lost_stops_nobody_and_a_lack_of_descriptors_pauses_each_time() {
        let now = Instant::default();
        let mut accepting = Accepting::default();
        assert_eq!(accepting.failed(now, &io::ErrorKind::ConnectionAborted.into()), None);
        assert_eq!(accepting.told_at, None);
        for _ in 0..3 {
            assert_eq!(accepting.failed(now, &io::ErrorKind::OutOfMemory.into()), Some(PAUSE));
        }
        let later = now + BETWEEN_LINES;
        assert_eq!(accepting.failed(later, &io::ErrorKind::OutOfMemory.into()), Some(PAUSE));
        assert_eq!(accepting.told_at, Some(later));
    }
}
