//! When lists are sent that nobody asked for, and what somebody says of themselves.
//!
//! The first change is shown at once, further ones are merged. Each audience, the members of a room or of the lobby,
//! or somebody's friends, has a pace that the size of its list and of itself sets. Beyond that, audiences share a budget: the many that cost
//! little one half, the few that cost much the other, so that a crowded lobby does not silence two people in a room.
//! So cost grows with neither the square of the users nor the rate of changes, and the last state always arrives.

use alloc::collections::BTreeSet;
use core::time::Duration;

use super::room::RoomId;
use crate::limits::{Limits, ms};
use crate::name::NameKey;
use crate::time::Instant;

pub(super) struct Pacing {
    interval: Duration,
    connection_bytes_per_second: u64,
    /// Half of what all audiences may cost together.
    share_bytes_per_second: u64,
    cheap: Share,
    dear: Share,
}

/// The audiences that share a budget.
#[derive(Default)]
struct Share {
    /// When each audience's next list goes out, if something has changed for it.
    due: BTreeSet<(Instant, Topic)>,
    /// When all that was sent so far is paid for.
    paid_at: Instant,
}

/// One audience's pace.
#[derive(Default)]
pub(super) struct Pace {
    next_at: Instant,
    due_at: Option<Instant>,
    /// What was sent to it last took more than an interval's worth of the budget.
    is_dear: bool,
}

/// What is told to an audience of its own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    /// Who is in a room; in the lobby, who is in which.
    Room(RoomId),
    /// Whether a user is here, to their friends.
    User(NameKey),
}

impl From<RoomId> for Topic {
    fn from(room: RoomId) -> Self {
        Self::Room(room)
    }
}

impl From<&NameKey> for Topic {
    fn from(user: &NameKey) -> Self {
        Self::User(user.clone())
    }
}

impl Pace {
    /// Whether nothing is due, and whatever comes next could go out at once.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.due_at.is_none() && self.next_at <= now
    }
}

impl Pacing {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            interval: ms(limits.presence_ms_min),
            connection_bytes_per_second: limits.presence_connection_bytes_per_second,
            share_bytes_per_second: limits.presence_total_bytes_per_second / 2,
            cheap: Share::default(),
            dear: Share::default(),
        }
    }

    /// Paces what is to come by these limits.
    pub(super) fn set_limits(&mut self, limits: &Limits) {
        let Self { interval, connection_bytes_per_second, share_bytes_per_second, .. } = Self::new(limits);
        self.interval = interval;
        self.connection_bytes_per_second = connection_bytes_per_second;
        self.share_bytes_per_second = share_bytes_per_second;
    }

    /// What an audience is told has changed.
    pub(super) fn changed(&mut self, now: Instant, topic: impl Into<Topic>, pace: &mut Pace) {
        if pace.due_at.is_none() {
            self.schedule(topic.into(), pace, pace.next_at.max(now));
        }
    }

    /// Takes what is due to be told; [`Pacing::began`] is for the caller to call if it is sent.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Topic> {
        let interval = self.interval;
        let due = [&mut self.cheap, &mut self.dear]
            .into_iter()
            .find(|share| share.deadline(interval).is_some_and(|at| at <= now))?;
        due.due.pop_first().map(|(_, topic)| topic)
    }

    /// It is on its way, or nobody is there to whom it would be news.
    pub(super) fn began(&self, now: Instant, pace: &mut Pace, is_sent: bool) {
        pace.due_at = None;
        if is_sent {
            pace.next_at = now + self.interval;
        }
    }

    /// What is due cannot be sent yet.
    pub(super) fn postpone(&mut self, now: Instant, topic: impl Into<Topic>, pace: &mut Pace) {
        self.schedule(topic.into(), pace, now + self.interval);
    }

    /// What is new went out: at most `dearest` bytes to each, and `bytes` in all.
    pub(super) fn published(
        &mut self,
        now: Instant,
        topic: impl Into<Topic>,
        pace: &mut Pace,
        dearest: usize,
        bytes: usize,
    ) {
        let topic = topic.into();
        let cost = time_for(bytes as u64, self.share_bytes_per_second);
        let was_due = self.cancel(&topic, pace);
        pace.is_dear = cost > self.interval;
        let share = self.share(pace);
        share.paid_at = share.paid_at.max(now) + cost;
        let pause = self.interval.max(cost).max(time_for(dearest as u64, self.connection_bytes_per_second));
        pace.next_at = now + pause;
        if let Some(at) = was_due {
            self.schedule(topic, pace, at.max(pace.next_at));
        }
    }

    /// A room is gone.
    pub(super) fn forget(&mut self, room: RoomId, pace: &mut Pace) {
        self.cancel(&room.into(), pace);
    }

    /// When a list is due next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        [&self.cheap, &self.dear].into_iter().filter_map(|share| share.deadline(self.interval)).min()
    }

    fn schedule(&mut self, topic: Topic, pace: &mut Pace, at: Instant) {
        pace.due_at = Some(at);
        self.share(pace).due.insert((at, topic));
    }

    fn cancel(&mut self, topic: &Topic, pace: &mut Pace) -> Option<Instant> {
        let at = pace.due_at.take()?;
        self.share(pace).due.remove(&(at, topic.clone()));
        Some(at)
    }

    fn share(&mut self, pace: &Pace) -> &mut Share {
        if pace.is_dear { &mut self.dear } else { &mut self.cheap }
    }
}

impl Share {
    /// When its next list is due and paid for. One interval's worth of debt is let pass, or the first changes of two
    /// rooms could not both be shown at once.
    fn deadline(&self, interval: Duration) -> Option<Instant> {
        let (at, _) = self.due.first()?;
        let solvent_at = Instant::from_start(self.paid_at.since_start().saturating_sub(interval));
        Some(solvent_at.max(*at))
    }
}

/// How long so many bytes take at a rate.
fn time_for(bytes: u64, per_second: u64) -> Duration {
    let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(per_second.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
