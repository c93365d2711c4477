//! When lists are sent that nobody asked for.
//!
//! The first change is shown at once, further ones are merged. Each audience, the members of a room or of the lobby,
//! has a pace that its list's size sets, and all of them together share one budget. So cost grows with neither the
//! square of the users nor the rate of changes, and the last state always arrives.

use alloc::collections::BTreeSet;
use core::time::Duration;

use super::room::RoomId;
use crate::limits::{Limits, ms};
use crate::time::Instant;

pub(super) struct Presence {
    interval: Duration,
    connection_bytes_per_second: u64,
    total_bytes_per_second: u64,
    /// When each audience's next list goes out, if something has changed for it.
    due: BTreeSet<(Instant, RoomId)>,
    /// When all that was sent so far is paid for.
    paid_at: Instant,
}

/// One audience's pace.
#[derive(Default)]
pub(super) struct Pace {
    next_at: Instant,
    due_at: Option<Instant>,
}

impl Presence {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            interval: ms(limits.presence_ms_min),
            connection_bytes_per_second: limits.presence_connection_bytes_per_second,
            total_bytes_per_second: limits.presence_total_bytes_per_second,
            due: BTreeSet::new(),
            paid_at: Instant::default(),
        }
    }

    /// A room's list has changed.
    pub(super) fn changed(&mut self, now: Instant, room: RoomId, pace: &mut Pace) {
        if pace.due_at.is_none() {
            let at = pace.next_at.max(now);
            pace.due_at = Some(at);
            self.due.insert((at, room));
        }
    }

    /// Takes a room whose list is due; [`Presence::began`] is for the caller to call if it is sent.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<RoomId> {
        if self.deadline()? > now {
            return None;
        }
        self.due.pop_first().map(|(_, room)| room)
    }

    /// A room's list is on its way, or nobody is there to whom it would be news.
    pub(super) fn began(&self, now: Instant, pace: &mut Pace, is_sent: bool) {
        pace.due_at = None;
        if is_sent {
            pace.next_at = now + self.interval;
        }
    }

    /// A room's list of so many bytes went to so many.
    pub(super) fn published(
        &mut self,
        now: Instant,
        room: RoomId,
        pace: &mut Pace,
        bytes: usize,
        receivers: usize,
    ) {
        let bytes = bytes as u64;
        let total = bytes.saturating_mul(receivers as u64);
        self.paid_at = self.paid_at.max(now) + time_for(total, self.total_bytes_per_second);
        pace.next_at = now + self.interval.max(time_for(bytes, self.connection_bytes_per_second));
        if let Some(at) = pace.due_at.filter(|at| *at < pace.next_at) {
            self.due.remove(&(at, room));
            self.due.insert((pace.next_at, room));
            pace.due_at = Some(pace.next_at);
        }
    }

    /// A room is gone.
    pub(super) fn forget(&mut self, room: RoomId, pace: &Pace) {
        if let Some(at) = pace.due_at {
            self.due.remove(&(at, room));
        }
    }

    /// When a list is due next.
    ///
    /// One interval's worth of debt is let pass, or two rooms' first changes could not both be shown at once.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let (at, _) = self.due.first()?;
        let solvent_at = Instant::from_start(self.paid_at.since_start().saturating_sub(self.interval));
        Some(solvent_at.max(*at))
    }
}

/// How long so many bytes take at a rate.
fn time_for(bytes: u64, per_second: u64) -> Duration {
    let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(per_second.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
