//! Whether the server is still there.

use core::time::Duration;

use crate::time::Instant;

/// When the server was heard last, and whether it was asked for a sign of life since.
#[derive(Default)]
pub(super) struct Pulse {
    heard_at: Instant,
    asked: Option<Asked>,
    /// Numbers what was asked.
    count: u64,
}

/// A question that has no answer yet.
struct Asked {
    lost_at: Instant,
    /// The connection is in doubt. What comes may have come before there was a reason for that, and have waited here since: only
    /// the answer to this question counts.
    is_in_doubt: bool,
}

impl Pulse {
    /// There is a new connection.
    pub(super) fn begin(&mut self, now: Instant) {
        *self = Self { heard_at: now, asked: None, count: self.count };
    }

    /// Something came.
    pub(super) fn hear(&mut self, now: Instant) {
        self.heard_at = now;
        self.asked.take_if(|asked| !asked.is_in_doubt);
    }

    /// A question was answered.
    pub(super) fn answered(&mut self, number: u64) {
        if number == self.count {
            self.asked = None;
        }
    }

    /// Asks, and waits for so long. The number of the question is returned.
    pub(super) fn ask(&mut self, now: Instant, patience: Duration) -> u64 {
        self.count += 1;
        self.asked = Some(Asked { lost_at: now + patience, is_in_doubt: false });
        self.count
    }

    /// Asks because the connection is in doubt. `None` if that has been asked already.
    pub(super) fn ask_in_doubt(&mut self, now: Instant, patience: Duration) -> Option<u64> {
        if self.asked.as_ref().is_some_and(|asked| asked.is_in_doubt) {
            return None;
        }
        self.count += 1;
        self.asked = Some(Asked { lost_at: now + patience, is_in_doubt: true });
        Some(self.count)
    }

    /// When to look again.
    pub(super) fn deadline(&self) -> Instant {
        self.asked.as_ref().map_or(self.heard_at + SILENCE_MAX, |asked| asked.lost_at)
    }

    /// Whether it was asked and has not answered in time.
    pub(super) fn is_lost(&self, now: Instant) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.lost_at <= now)
    }
}

/// How long a server may be silent before it is asked for a sign of life. Half of the time after which a server asks a client,
/// so that in a silent room one side asks and not both.
pub const SILENCE_MAX: Duration = Duration::from_secs(30);

/// How long a server may take to answer a `ping` before the connection counts as lost, if nothing else comes from it meanwhile
/// and no request waits for its answer: for those come in order, and each has [`ANSWER_TIMEOUT`](super::ANSWER_TIMEOUT).
pub const PING_PATIENCE: Duration = Duration::from_secs(10);

/// The same for a connection [in doubt](super::Input::Doubtful). Far longer than the way to any server and back; one that is given
/// up too soon costs a handshake and loses nothing.
pub const DOUBT_PATIENCE: Duration = Duration::from_millis(500);
