//! The connections, and the users behind them.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::Allowance;
use super::room::RoomId;
use crate::limits::Limits;
use crate::name::{Account, NameKey};

/// Names a connection for as long as the server runs; the name of one that is gone is never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId {
    slot: u32,
    generation: u32,
}

impl ConnId {
    /// A small number that no other connection has at the same time: an index for what is kept beside the hub.
    pub fn slot(self) -> usize {
        self.slot as usize
    }
}

/// A user who is logged in.
pub(super) struct Member {
    pub(super) account: Account,
    pub(super) room: RoomId,
    /// The version of that room's list which they were given last.
    pub(super) seen: u64,
    pub(super) allowance: Allowance,
    /// Messages come to it with their places in the conversation.
    pub(super) gets_places: bool,
    /// How much of what it said is on its way to the disk.
    pub(super) on_their_way: u32,
}

impl Member {
    /// Whether its next request is looked at although something it said is on its way. For who is not told when that is
    /// durable the message itself is the answer, and answers keep the order of requests.
    pub(super) fn may_say_more(&self, limits: &Limits) -> bool {
        let max = if self.gets_places { limits.appends_connection_max } else { 1 };
        self.on_their_way < max
    }
}

#[derive(Default)]
pub(super) struct Directory {
    slots: Vec<Slot>,
    free: Vec<u32>,
    users: BTreeMap<NameKey, ConnId>,
    /// Those without a login, in the order in which they came to be so.
    visitors: BTreeMap<u64, ConnId>,
    arrivals: u64,
    /// How many are told to go and not gone yet.
    dismissed: usize,
}

struct Slot {
    generation: u32,
    seat: Option<Seat>,
}

enum Seat {
    /// Not logged in; the number is the key in `visitors`.
    Visitor(u64),
    Member(Member),
    /// Told to go, and not gone yet.
    Dismissed,
}

impl Directory {
    pub(super) fn connect(&mut self) -> ConnId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, seat: None });
            u32::try_from(self.slots.len() - 1).expect("connections are limited to far fewer than 2^32")
        });
        let id = ConnId { slot, generation: self.slots[slot as usize].generation };
        self.seat_visitor(id);
        id
    }

    pub(super) fn disconnect(&mut self, id: ConnId) {
        let Some(slot) = self.slot_mut(id) else { return };
        slot.generation = slot.generation.wrapping_add(1);
        match slot.seat.take() {
            Some(Seat::Visitor(arrival)) => drop(self.visitors.remove(&arrival)),
            Some(Seat::Member(member)) => drop(self.users.remove(&member.account.key)),
            Some(Seat::Dismissed) => self.dismissed -= 1,
            None => {}
        }
        self.free.push(id.slot);
    }

    pub(super) fn login(&mut self, id: ConnId, member: Member) {
        let key = member.account.key.clone();
        let Some(slot) = self.slot_mut(id) else { return };
        if let Some(Seat::Visitor(arrival)) = slot.seat.replace(Seat::Member(member)) {
            self.visitors.remove(&arrival);
        }
        self.users.insert(key, id);
    }

    /// Makes a member a visitor again, as whoever logged out.
    pub(super) fn logout(&mut self, id: ConnId) -> Option<Member> {
        self.member(id)?;
        let Some(Seat::Member(member)) = self.slot_mut(id)?.seat.take() else { return None };
        self.users.remove(&member.account.key);
        self.seat_visitor(id);
        Some(member)
    }

    /// Nothing more is heard of a visitor who was told to go.
    pub(super) fn dismiss(&mut self, id: ConnId) {
        let Some(slot) = self.slot_mut(id) else { return };
        if let Some(Seat::Visitor(arrival)) = slot.seat.replace(Seat::Dismissed) {
            self.visitors.remove(&arrival);
            self.dismissed += 1;
        }
    }

    pub(super) fn dismiss_oldest_visitor(&mut self) -> Option<ConnId> {
        let (_, id) = self.visitors.first_key_value()?;
        let id = *id;
        self.dismiss(id);
        Some(id)
    }

    /// Notes that a member is given a list. Whether it is news to them.
    pub(super) fn show(&mut self, id: ConnId, version: u64) -> bool {
        let Some(member) = self.member_mut(id) else { return false };
        let is_news = member.seen < version;
        member.seen = member.seen.max(version);
        is_news
    }

    pub(super) fn has_not_seen(&self, id: ConnId, version: u64) -> bool {
        self.member(id).is_some_and(|member| member.seen < version)
    }

    pub(super) fn member(&self, id: ConnId) -> Option<&Member> {
        match self.slot(id)?.seat.as_ref()? {
            Seat::Member(member) => Some(member),
            Seat::Visitor(_) | Seat::Dismissed => None,
        }
    }

    pub(super) fn member_mut(&mut self, id: ConnId) -> Option<&mut Member> {
        match self.slot_mut(id)?.seat.as_mut()? {
            Seat::Member(member) => Some(member),
            Seat::Visitor(_) | Seat::Dismissed => None,
        }
    }

    pub(super) fn is_visitor(&self, id: ConnId) -> bool {
        self.slot(id).is_some_and(|slot| matches!(slot.seat, Some(Seat::Visitor(_))))
    }

    pub(super) fn find_user(&self, key: &NameKey) -> Option<ConnId> {
        self.users.get(key).copied()
    }

    pub(super) fn everyone(&self) -> impl Iterator<Item = ConnId> + '_ {
        (0..)
            .zip(&self.slots)
            .filter(|(_, slot)| slot.seat.is_some())
            .map(|(index, slot)| ConnId { slot: index, generation: slot.generation })
    }

    /// Those who were told to go are not counted: they are not to keep others out.
    pub(super) fn connections(&self) -> usize {
        self.slots.len() - self.free.len() - self.dismissed
    }

    pub(super) fn users(&self) -> usize {
        self.users.len()
    }

    pub(super) fn visitors(&self) -> usize {
        self.visitors.len()
    }

    fn seat_visitor(&mut self, id: ConnId) {
        self.arrivals += 1;
        let arrival = self.arrivals;
        if let Some(slot) = self.slots.get_mut(id.slot()) {
            slot.seat = Some(Seat::Visitor(arrival));
            self.visitors.insert(arrival, id);
        }
    }

    fn slot(&self, id: ConnId) -> Option<&Slot> {
        self.slots.get(id.slot()).filter(|slot| slot.generation == id.generation)
    }

    fn slot_mut(&mut self, id: ConnId) -> Option<&mut Slot> {
        self.slots.get_mut(id.slot()).filter(|slot| slot.generation == id.generation)
    }
}
