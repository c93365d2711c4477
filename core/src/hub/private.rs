//! What the disk alone knows of a user, told to their devices: their private conversations, how far they have read
//! there, and their friends.
//!
//! There are as many conversations as any two people have begun, so they are not in memory. They are looked up in the
//! journal's order: a device has been given what was said before that, and is given what is said after it.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::friends::Ties;
use super::journal::Entry;
use super::{Answer, ConnId, Deliveries, Denial, Hub, Mail, Reply, answer_to};
use crate::frame::Frame;
use crate::message::friend::Tie;
use crate::message::rooms::Talk;
use crate::name::{Account, NameKey, UserName};
use crate::time::Instant;

/// Somebody's device is to be told what the disk alone knows of them.
pub struct Telling {
    /// Of whom.
    pub account: Account,
    /// Also what others are to them.
    pub with_ties: bool,
    /// The bytes of JSON in a frame at most.
    pub(super) bytes_max: usize,
}

/// What the disk alone knows of somebody, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Their private conversations, the newest first, as many as [`TALKS_MAX`](crate::limits::TALKS_MAX).
    pub talks: Vec<Talk>,
    /// What others are to them, if that is wanted.
    pub ties: Option<Ties>,
}

/// How far somebody has read what they and another said to each other.
pub struct PeerRead {
    /// Who.
    pub account: Account,
    /// The other one.
    pub peer: NameKey,
    /// As it was typed.
    pub name: UserName,
    /// The number of the last message that they have read.
    pub seq: u64,
}

/// How far somebody has read by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The other one, as they are spelled.
    pub peer: UserName,
    /// The number of the last message that is read.
    pub seq: u64,
    /// It was less before.
    pub is_news: bool,
}

impl Hub {
    /// Has a device told what the disk alone knows of its user. One that is about to be needs nothing further: what it is told
    /// comes behind whatever made it ask, and is of no moment before.
    pub(super) fn tell(&mut self, from: ConnId) {
        let bytes_max = self.limits.list_bytes_max;
        let Some((member, journal)) = self.directory.member_mut(from).zip(self.journal.as_mut()) else {
            return;
        };
        if member.telling.is_none_or(|number| journal.is_settled(number)) {
            let account = member.account.clone();
            let with_ties = member.has_friends && !member.knows_friends;
            let telling = Telling { account, with_ties, bytes_max };
            member.telling = Some(journal.push(from, Entry::Telling(telling)));
        }
    }

    /// What a device is told is known; or nobody can read it now, and it is looked up again once the disk does anything.
    pub(super) fn told(
        &mut self,
        from: ConnId,
        number: u64,
        told: Option<(Vec<Frame>, Option<Ties>)>,
        deliveries: &mut Deliveries,
    ) {
        if !self.is_still(from, number) {
            return;
        }
        let Some((frames, mut ties)) = told else {
            return self.untold.push((from, number));
        };
        // Those are taken back who were deleted after that was read.
        let mut gone = Vec::new();
        if let Some(ties) = &mut ties {
            ties.retain(|key, (name, _)| {
                let is_gone = self.gone.contains(key);
                gone.extend(is_gone.then(|| name.clone()));
                !is_gone
            });
        }
        let Some(member) = self.directory.member_mut(from) else { return };
        member.telling = None;
        member.knows_friends |= ties.is_some();
        let user = member.user;
        let is_first = ties.is_some();
        if let Some((found, ties)) = self.directory.user_mut(user).zip(ties) {
            // What is known already is as good, but for who is deleted and is not known to be: of those another device has been
            // told, and is told that they are gone when that is known.
            #[cfg(not(planted_bug = "deleted_friend_not_told"))]
            found.ties.get_or_insert(ties);
            #[cfg(planted_bug = "deleted_friend_not_told")]
            found.ties.replace(ties);
            for (other, (_, tie)) in found.ties.iter().flatten() {
                self.statuses.follow(user, other, *tie == Tie::Friend);
            }
        }
        let mail = |frame: Frame| (from, Mail::Frame(frame.booked(&self.ledger)));
        deliveries.extend(frames.into_iter().map(mail));
        deliveries.extend(gone.into_iter().map(|name| (from, Mail::Tied(name, Tie::None))));
        if is_first {
            self.tell_who_is_here(from, deliveries);
        }
    }

    /// What a device is told is damaged. It is not looked up again before the device asks for it.
    pub(super) fn untellable(&mut self, from: ConnId, number: u64) {
        if self.is_still(from, number)
            && let Some(member) = self.directory.member_mut(from)
        {
            member.telling = None;
        }
    }

    /// The disk does something: those are told now who could not be.
    pub(super) fn tell_the_untold(&mut self) {
        for (from, number) in core::mem::take(&mut self.untold) {
            // One that has asked meanwhile is told by that.
            if self.directory.member(from).is_some_and(|member| member.telling == Some(number)) {
                self.tell(from);
            }
        }
    }

    /// Notes how far a user has read in a private conversation. What that comes to is known to the disk.
    pub(super) fn read_peer(
        &mut self,
        now: Instant,
        from: ConnId,
        peer: NameKey,
        name: UserName,
        seq: u64,
    ) -> Answer {
        let member = self.directory.member(from)?;
        let (user, account) = (member.user, member.account.clone());
        if let Err(denial) = self.directory.user_mut(user)?.allowance.change(now, &self.limits) {
            return Some(Err(denial));
        }
        self.journal.as_mut()?.push(from, Entry::PeerRead(Box::new(PeerRead { account, peer, name, seq })));
        None
    }

    /// How far a user has read is on the disk, or could not be written. Their other devices are told if it is further.
    pub(super) fn peer_read(
        &mut self,
        from: ConnId,
        number: u64,
        reader: &NameKey,
        extent: Option<(Extent, Frame)>,
        deliveries: &mut Deliveries,
    ) {
        let is_still = self.is_still(from, number);
        let answer = match extent {
            None => Err(Denial::NotKept),
            Some((Extent { peer, seq, is_news }, frame)) => {
                let devices = self.directory.named(reader).filter(|_| is_news).map(|user| &user.devices);
                let frame = frame.booked(&self.ledger);
                let others = devices.into_iter().flatten().filter(|device| !is_still || **device != from);
                deliveries.extend(others.map(|device| (*device, Mail::Frame(frame.clone()))));
                Ok(Reply::PeerRead(peer, seq))
            }
        };
        answer_to(from, is_still.then_some(answer), deliveries);
    }

    /// Whether who asked for an append is still there to hear of it, and nobody else has logged in by that connection.
    pub(super) fn is_still(&self, from: ConnId, number: u64) -> bool {
        self.directory.member(from).is_some_and(|member| number > member.since_append)
    }
}
