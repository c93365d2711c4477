//! The connections, and the users behind them.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::friends::Ties;
use super::room::{LOBBY_ID, RoomId};
use super::status::Status;
use super::{Allowance, places::Place};
use crate::limits::Limits;
use crate::message::logins::GrantId;
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

/// Names a user who is here, or takes part in a room without being here. When neither is so any more, another one may
/// be called the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UserId(u32);

/// Somebody with an account, by whatever connections.
pub(super) struct User {
    pub(super) account: Account,
    /// What they may do, by all of their connections together.
    pub(super) allowance: Allowance,
    /// The connection that is in one room at a time.
    pub(super) single: Option<ConnId>,
    /// Those that are in all of `places`, the oldest first.
    pub(super) devices: Vec<ConnId>,
    /// The rooms they take part in, by `devices` or without being here.
    pub(super) places: BTreeMap<RoomId, Place>,
    /// What others are to them, once one of `devices` was told it.
    pub(super) ties: Option<Ties>,
    /// What they say of themselves, while they are here.
    pub(super) status: Status,
}

/// A connection of a user who is logged in.
pub(super) struct Member {
    pub(super) user: UserId,
    pub(super) account: Account,
    pub(super) seat: Seat,
    /// Messages come to it with their places in the conversation.
    pub(super) gets_places: bool,
    /// How much of what it said is on its way to the disk.
    pub(super) on_their_way: u32,
    /// The last append there was when it logged in: none of those before is its own, whoever it was then.
    pub(super) since_append: u64,
    /// What the disk alone knows of its user is on its way to it: by which append.
    pub(super) telling: Option<u64>,
    /// It is told of its user's friends.
    pub(super) has_friends: bool,
    /// And has been: it is told what changes.
    pub(super) knows_friends: bool,
    /// The login that lasts which it has come by.
    pub(super) grant: Option<GrantId>,
    /// It is told who is here.
    pub(super) has_presence: bool,
}

/// Where a connection is.
pub(super) enum Seat {
    /// In one room.
    Single {
        /// Which one.
        room: RoomId,
        /// The version of that room's list which it was given last.
        seen: u64,
    },
    /// In all rooms that its user takes part in; it is told who comes and goes in these.
    Device(BTreeSet<RoomId>),
}

impl User {
    /// How many connections they have.
    pub(super) fn connections(&self) -> usize {
        self.devices.len() + usize::from(self.single.is_some())
    }

    /// Where their devices are: in the lobby, if nowhere else.
    pub(super) fn device_rooms(&self) -> impl Iterator<Item = RoomId> {
        let lobby = self.places.is_empty().then_some(LOBBY_ID);
        lobby.into_iter().chain(self.places.keys().copied())
    }
}

impl Member {
    /// The room it is in, if it is in one at a time.
    pub(super) fn room(&self) -> Option<RoomId> {
        match self.seat {
            Seat::Single { room, .. } => Some(room),
            Seat::Device(_) => None,
        }
    }

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
    users: Vec<Option<User>>,
    free_users: Vec<u32>,
    by_key: BTreeMap<NameKey, UserId>,
    /// Those without a login, in the order in which they came to be so.
    visitors: BTreeMap<u64, ConnId>,
    arrivals: u64,
    /// How many are told to go and not gone yet.
    dismissed: usize,
    /// How many users have a connection.
    users_here: usize,
    /// All connections that are in many rooms.
    devices: BTreeSet<ConnId>,
}

struct Slot {
    generation: u32,
    standing: Option<Standing>,
}

enum Standing {
    /// Not logged in; the number is the key in `visitors`.
    Visitor(u64),
    Member(Member),
    /// Told to go, and not gone yet.
    Dismissed,
}

impl Directory {
    pub(super) fn connect(&mut self) -> ConnId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, standing: None });
            u32::try_from(self.slots.len() - 1).expect("connections are limited to far fewer than 2^32")
        });
        let id = ConnId { slot, generation: self.slots[slot as usize].generation };
        self.make_visitor(id);
        id
    }

    /// Forgets a connection that nobody is logged in by.
    pub(super) fn disconnect(&mut self, id: ConnId) {
        let Some(slot) = self.slot_mut(id) else { return };
        slot.generation = slot.generation.wrapping_add(1);
        match slot.standing.take() {
            Some(Standing::Visitor(arrival)) => drop(self.visitors.remove(&arrival)),
            Some(Standing::Dismissed) => self.dismissed -= 1,
            Some(Standing::Member(_)) | None => {}
        }
        self.free.push(id.slot);
    }

    /// Makes a visitor a member. Its user is somebody from now on, if they were not.
    pub(super) fn login(&mut self, id: ConnId, member: Member) {
        let (user, is_device) = (member.user, matches!(member.seat, Seat::Device(_)));
        let Some(slot) = self.slot_mut(id) else { return };
        if let Some(Standing::Visitor(arrival)) = slot.standing.replace(Standing::Member(member)) {
            self.visitors.remove(&arrival);
        }
        let Some(user) = self.user_mut(user) else { return };
        let is_first = user.connections() == 0;
        if is_device {
            user.devices.push(id);
            self.devices.insert(id);
        } else {
            user.single = Some(id);
        }
        self.users_here += usize::from(is_first);
    }

    /// Makes a member a visitor again, as whoever logged out. Their user is to be [released](Self::release) if this was
    /// the last of their connections.
    pub(super) fn logout(&mut self, id: ConnId) -> Option<Member> {
        self.member(id)?;
        let Some(Standing::Member(member)) = self.slot_mut(id)?.standing.take() else { return None };
        self.make_visitor(id);
        self.devices.remove(&id);
        let user = self.user_mut(member.user)?;
        user.single.take_if(|single| *single == id);
        user.devices.retain(|device| *device != id);
        let is_gone = user.connections() == 0;
        self.users_here -= usize::from(is_gone);
        Some(member)
    }

    /// Nothing more is heard of a visitor who was told to go.
    pub(super) fn dismiss(&mut self, id: ConnId) {
        let Some(slot) = self.slot_mut(id) else { return };
        if let Some(Standing::Visitor(arrival)) = slot.standing.replace(Standing::Dismissed) {
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
        let Some(Member { seat: Seat::Single { seen, .. }, .. }) = self.member_mut(id) else { return false };
        let is_news = *seen < version;
        *seen = version.max(*seen);
        is_news
    }

    pub(super) fn has_not_seen(&self, id: ConnId, version: u64) -> bool {
        let seat = self.member(id).map(|member| &member.seat);
        seat.is_some_and(|seat| matches!(seat, Seat::Single { seen, .. } if *seen < version))
    }

    pub(super) fn member(&self, id: ConnId) -> Option<&Member> {
        match self.slot(id)?.standing.as_ref()? {
            Standing::Member(member) => Some(member),
            Standing::Visitor(_) | Standing::Dismissed => None,
        }
    }

    pub(super) fn member_mut(&mut self, id: ConnId) -> Option<&mut Member> {
        match self.slot_mut(id)?.standing.as_mut()? {
            Standing::Member(member) => Some(member),
            Standing::Visitor(_) | Standing::Dismissed => None,
        }
    }

    /// Whether a connection is told who is here: not before it was told who is what to its user.
    pub(super) fn hears(&self, id: ConnId) -> bool {
        self.member(id).is_some_and(|member| member.has_presence && member.knows_friends)
    }

    pub(super) fn is_visitor(&self, id: ConnId) -> bool {
        self.slot(id).is_some_and(|slot| matches!(slot.standing, Some(Standing::Visitor(_))))
    }

    /// The user with that account, from now on if they were nobody: what they may do is what `allowance` says then.
    pub(super) fn user_of(&mut self, account: &Account, allowance: impl FnOnce() -> Allowance) -> UserId {
        if let Some(id) = self.by_key.get(&account.key) {
            return *id;
        }
        let user = User {
            account: account.clone(),
            allowance: allowance(),
            single: None,
            devices: Vec::new(),
            places: BTreeMap::new(),
            ties: None,
            status: Status::default(),
        };
        let id = match self.free_users.pop() {
            Some(slot) => {
                self.users[slot as usize] = Some(user);
                UserId(slot)
            }
            None => {
                self.users.push(Some(user));
                UserId(u32::try_from(self.users.len() - 1).expect("there are far fewer users than 2^32"))
            }
        };
        self.by_key.insert(account.key.clone(), id);
        id
    }

    /// Forgets a user who has no connection and takes part in no room. What they may do is returned.
    pub(super) fn release(&mut self, id: UserId) -> Option<(NameKey, Allowance)> {
        let slot = self.users.get_mut(id.0 as usize)?;
        let user = slot.take_if(|user| user.connections() == 0 && user.places.is_empty())?;
        self.by_key.remove(&user.account.key);
        self.free_users.push(id.0);
        Some((user.account.key, user.allowance))
    }

    pub(super) fn user(&self, id: UserId) -> Option<&User> {
        self.users.get(id.0 as usize)?.as_ref()
    }

    pub(super) fn user_mut(&mut self, id: UserId) -> Option<&mut User> {
        self.users.get_mut(id.0 as usize)?.as_mut()
    }

    pub(super) fn users_mut(&mut self) -> impl Iterator<Item = &mut User> {
        self.users.iter_mut().flatten()
    }

    pub(super) fn find_user(&self, key: &NameKey) -> Option<UserId> {
        self.by_key.get(key).copied()
    }

    /// The user of that name, if they are somebody.
    pub(super) fn named(&self, key: &NameKey) -> Option<&User> {
        self.user(self.find_user(key)?)
    }

    pub(super) fn named_mut(&mut self, key: &NameKey) -> Option<&mut User> {
        self.user_mut(self.find_user(key)?)
    }

    pub(super) fn everyone(&self) -> impl Iterator<Item = ConnId> + '_ {
        (0..)
            .zip(&self.slots)
            .filter(|(_, slot)| slot.standing.is_some())
            .map(|(index, slot)| ConnId { slot: index, generation: slot.generation })
    }

    /// All connections that are in many rooms.
    pub(super) fn devices(&self) -> &BTreeSet<ConnId> {
        &self.devices
    }

    /// Those who were told to go are not counted: they are not to keep others out.
    pub(super) fn connections(&self) -> usize {
        self.slots.len() - self.free.len() - self.dismissed
    }

    /// How many users have a connection.
    pub(super) fn users_here(&self) -> usize {
        self.users_here
    }

    pub(super) fn visitors(&self) -> usize {
        self.visitors.len()
    }

    fn make_visitor(&mut self, id: ConnId) {
        self.arrivals += 1;
        let arrival = self.arrivals;
        if let Some(slot) = self.slots.get_mut(id.slot()) {
            slot.standing = Some(Standing::Visitor(arrival));
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
