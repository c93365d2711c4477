//! What the hub does for connections that are in many rooms at once.
//!
//! A user takes part in rooms, whether they are here or not, and all of their devices are in all of these. To come into a
//! room or to go out of it is durable before it happens, like what is said: so it has its place among the messages, and who
//! leaves hears first what was said before.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::collections::btree_map;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::directory::{Member, Seat, UserId};
use super::journal::Entry;
use super::room::{LOBBY_ID, RoomId};
use super::{Answer, ConnId, Deliveries, Denial, Farewell, Hub, Mail, Reply, answer_to};
use crate::message::hello::Caps;
use crate::message::push::Roster;
use crate::message::rooms::{Crowd, Standing};
use crate::name::{Account, NameKey, RoomName};
use crate::time::Instant;

/// A room that a user takes part in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The number of the last message there that they have read.
    read: u64,
    /// That they have read so far, or not quite so far, is on its way to the disk.
    is_noting: bool,
    /// That they take part no more is on its way to the disk: nothing further is done here by them.
    is_leaving: bool,
}

impl Place {
    /// A place of who has read so far.
    pub(super) fn new(read: u64) -> Self {
        Self { read, is_noting: false, is_leaving: false }
    }
}

/// All rooms, and those that a user takes part in.
pub struct Overview {
    /// How many are in each, the lobby first, and then in the order of their making.
    pub crowds: Arc<Vec<Crowd>>,
    /// Those of the user.
    pub places: Vec<(NameKey, Standing)>,
}

/// What changes about a user and a room, to be made durable.
#[derive(Clone)]
pub struct Placing {
    /// The user.
    pub account: Account,
    /// The room.
    pub room: NameKey,
    /// As it is spelled.
    pub name: RoomName,
    /// What becomes of it.
    pub step: PlacingStep,
    /// Which room it is for the hub.
    pub(super) id: RoomId,
}

/// What changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlacingStep {
    /// The user takes part in the room from now on, and has read what was said there.
    Join,
    /// The user takes part no more.
    Part,
    /// The user has read so far.
    Read(u64),
}

/// A user who takes part in a room, as the disk knows it.
pub struct StoredPlace {
    /// The user.
    pub account: Account,
    /// The room.
    pub room: NameKey,
    /// The number of the last message that they have read.
    pub read: u64,
}

impl Hub {
    pub(super) fn login_device(
        &mut self,
        now: Instant,
        from: ConnId,
        account: Account,
        caps: Caps,
        deliveries: &mut Deliveries,
    ) -> Answer {
        // Their user may be forgotten with the last of them.
        while let Some(oldest) = self.oldest_device_too_many(&account.key) {
            self.send_away(now, oldest, Farewell::Replaced, deliveries);
        }
        let user = self.seat(from, account.clone(), Seat::Device(BTreeSet::new()), caps);
        let rooms: Vec<RoomId> = self.directory.user(user)?.device_rooms().collect();
        for room in rooms {
            self.come(now, room, from, user, &account);
        }
        self.mind_devices();
        self.arrived_here(now, user);
        self.tell(from);
        Some(Ok(Reply::Overview(self.overview(user)?)))
    }

    /// All rooms, as a device sees them; what the disk alone knows of its user follows.
    pub(super) fn list_rooms(&mut self, from: ConnId) -> Answer {
        let user = self.directory.member(from)?.user;
        self.tell(from);
        Some(Ok(Reply::Overview(self.overview(user)?)))
    }

    /// Who is in a room. Who takes part in it is told from now on who comes and goes.
    pub(super) fn list_people(
        &mut self,
        from: ConnId,
        key: &NameKey,
        name: RoomName,
        deliveries: &mut Deliveries,
    ) -> Answer {
        let member = self.directory.member(from)?;
        let Some(id) = self.rooms.find(key) else { return Some(Err(Denial::NoSuchRoom(name))) };
        let takes_part = self.directory.user(member.user)?.places.contains_key(&id);
        if !takes_part {
            return Some(Ok(Reply::People(self.rooms.get(id)?.roster())));
        }
        answer_to(from, Some(Ok(Reply::People(self.watch(from, id)?))), deliveries);
        self.tell_who_is_in(from, id, deliveries);
        None
    }

    pub(super) fn join(&mut self, from: ConnId, key: &NameKey, name: RoomName) -> Answer {
        let member = self.directory.member(from)?;
        let user = self.directory.user(member.user)?;
        let Some(id) = self.rooms.find(key) else { return Some(Err(Denial::NoSuchRoom(name))) };
        let room = self.rooms.get(id)?;
        let name = room.name.clone();
        if id == LOBBY_ID || user.places.contains_key(&id) {
            return Some(Err(Denial::AlreadyThere(name)));
        }
        if self.is_full_for(member.user, id) {
            return Some(Err(Denial::RoomFull(name)));
        }
        let journal = self.journal.as_mut()?;
        if user.places.len() + journal.joining(&member.account.key) >= self.limits.rooms_joined_max {
            return Some(Err(Denial::TooManyPlaces));
        }
        journal.begin_to_join(&member.account.key);
        self.rooms.get_mut(id)?.joining += 1;
        self.place(from, id, PlacingStep::Join)
    }

    pub(super) fn part(&mut self, from: ConnId, key: &NameKey, name: RoomName) -> Answer {
        let account = self.directory.member(from)?.account.key.clone();
        let Some(id) = self.place_of(from, key) else { return Some(Err(Denial::NotThere(name))) };
        self.place_mut(&account, id)?.is_leaving = true;
        self.place(from, id, PlacingStep::Part)
    }

    /// Whether a user does not fit into a room. Who takes part without being here has a place all the same, for they can come
    /// back; who is there or takes part needs no other.
    pub(super) fn is_full_for(&self, user: UserId, id: RoomId) -> bool {
        let Some(room) = self.rooms.get(id) else { return false };
        let max = self.limits.room_members_max;
        if room.people().len() + room.followers + room.joining < max {
            return false;
        }
        let takes_part = |user| self.directory.user(user).is_some_and(|user| user.places.contains_key(&id));
        let guests = room.people().iter().filter(|(person, _)| !takes_part(*person)).count();
        let has_place = takes_part(user) || room.people().iter().any(|(person, _)| *person == user);
        guests + room.followers + room.joining - usize::from(has_place) >= max
    }

    /// Notes how far a user has read, and tells their other devices. One such note of a place is on its way to the disk at a
    /// time, and what is read meanwhile is the next one: so nobody fills the journal by reading.
    pub(super) fn read(
        &mut self,
        from: ConnId,
        key: &NameKey,
        name: RoomName,
        seq: u64,
        deliveries: &mut Deliveries,
    ) -> Answer {
        let user = self.directory.member(from)?.user;
        let Some(id) = self.place_of(from, key) else { return Some(Err(Denial::NotThere(name))) };
        let room = self.rooms.get(id)?;
        // Who has it from the disk may know of more than was delivered.
        let (name, seq) = (room.name.clone(), seq.min(room.last_seq));
        let user = self.directory.user_mut(user)?;
        let place = user.places.get_mut(&id)?;
        if seq <= place.read && !cfg!(planted_bug = "read_mark_goes_back") {
            return Some(Ok(Reply::Read(name, place.read)));
        }
        place.read = seq;
        let is_noted_later = core::mem::replace(&mut place.is_noting, true);
        let others = user.devices.iter().filter(|device| **device != from);
        deliveries.extend(others.map(|device| (*device, Mail::Read(name.clone(), seq))));
        if !is_noted_later {
            self.place(from, id, PlacingStep::Read(seq));
        }
        Some(Ok(Reply::Read(name, seq)))
    }

    /// A user has read so far in a room, if they still take part in it.
    pub(super) fn has_read(&mut self, user: &NameKey, room: Option<RoomId>, seq: u64) {
        if let Some(place) = room.and_then(|room| self.place_mut(user, room)) {
            place.read = seq.max(place.read);
        }
    }

    /// The room of that name, if the user of a connection takes part in it, and is not about to leave.
    pub(super) fn place_of(&self, from: ConnId, key: &NameKey) -> Option<RoomId> {
        let user = self.directory.user(self.directory.member(from)?.user)?;
        self.rooms.find(key).filter(|id| user.places.get(id).is_some_and(|place| !place.is_leaving))
    }

    /// The place of a user in a room, if they take part in it.
    fn place_mut(&mut self, user: &NameKey, id: RoomId) -> Option<&mut Place> {
        self.directory.named_mut(user)?.places.get_mut(&id)
    }

    /// A user takes part nowhere any more, for their account is deleted.
    pub(super) fn part_from_all(&mut self, now: Instant, account: &NameKey, deliveries: &mut Deliveries) {
        if let Some(journal) = &mut self.journal {
            journal.delete(account);
        }
        let Some(user) = self.directory.named(account) else { return };
        for id in user.places.keys().copied().collect::<Vec<_>>() {
            self.parted(now, None, account, id, deliveries);
        }
    }

    /// What was to change about a user and a room is durable, or will never be.
    pub(super) fn placed(
        &mut self,
        now: Instant,
        from: ConnId,
        placing: Placing,
        is_durable: bool,
        deliveries: &mut Deliveries,
    ) {
        let Placing { account, room: key, name, step, id } = placing;
        let mut has_account = true;
        if step == PlacingStep::Join
            && let Some((room, journal)) = self.rooms.get_mut(id).zip(self.journal.as_mut())
        {
            room.joining -= 1;
            has_account = journal.end_to_join(&account.key);
        }
        let answer = match step {
            PlacingStep::Read(seq) => return self.read_noted(from, &account, id, seq, is_durable),
            PlacingStep::Join if !is_durable => Some(Err(Denial::NotKept)),
            PlacingStep::Part if !is_durable => {
                if let Some(place) = self.place_mut(&account.key, id) {
                    place.is_leaving = false;
                }
                Some(Err(Denial::NotKept))
            }
            PlacingStep::Join if !has_account => None,
            PlacingStep::Join => {
                self.joined(now, from, &account, id, deliveries);
                self.watch(from, id)
                    .zip(self.standing(&account.key, id))
                    .map(|(roster, standing)| Ok(Reply::Joined(Box::new((key, standing, roster)))))
            }
            PlacingStep::Part => {
                self.parted(now, Some(from), &account.key, id, deliveries);
                Some(Ok(Reply::Parted(key, name)))
            }
        };
        let is_joined = matches!(answer, Some(Ok(Reply::Joined(_))));
        answer_to(from, answer.filter(|_| self.directory.member(from).is_some()), deliveries);
        if is_joined {
            self.tell_who_is_in(from, id, deliveries);
        }
    }

    /// How far a user has read is on the disk, or could not be written. What they have read since is the next to be.
    fn read_noted(&mut self, from: ConnId, account: &Account, id: RoomId, seq: u64, is_durable: bool) {
        let Some(place) = self.place_mut(&account.key, id) else { return };
        place.is_noting = is_durable && place.read > seq && !place.is_leaving;
        if place.is_noting {
            let step = PlacingStep::Read(place.read);
            self.place_for(from, account.clone(), id, step);
        }
    }

    /// A user takes part in a room from now on. Their other devices are told.
    fn joined(
        &mut self,
        now: Instant,
        from: ConnId,
        account: &Account,
        id: RoomId,
        deliveries: &mut Deliveries,
    ) {
        let user = self.user_of(account);
        let Some(last_seq) = self.rooms.get(id).map(|room| room.last_seq) else { return };
        let Some(found) = self.directory.user(user) else { return };
        let (devices, was_nowhere) = (found.devices.clone(), found.places.is_empty());
        if !self.take_part(user, id, Place::new(last_seq)) {
            return;
        }
        for device in &devices {
            if was_nowhere {
                self.go_from(now, LOBBY_ID, *device, user);
            }
            self.come(now, id, *device, user, account);
        }
        let Some(room) = self.rooms.get(id) else { return };
        let place = Arc::new((room.key().clone(), room.standing(last_seq)));
        let others = devices.into_iter().filter(|device| *device != from);
        deliveries.extend(others.map(|device| (device, Mail::Joined(Arc::clone(&place)))));
    }

    /// A user takes part in a room no more. Their devices are told, but for the one that is answered.
    fn parted(
        &mut self,
        now: Instant,
        from: Option<ConnId>,
        account: &NameKey,
        id: RoomId,
        deliveries: &mut Deliveries,
    ) {
        let Some(user) = self.directory.find_user(account) else { return };
        let Some(found) = self.directory.user_mut(user) else { return };
        let Some(room) = self.rooms.get_mut(id) else { return };
        if found.places.remove(&id).is_none() {
            return;
        }
        room.followers -= 1;
        let (key, name) = (room.key().clone(), room.name.clone());
        let (devices, is_nowhere) = (found.devices.clone(), found.places.is_empty());
        let account = found.account.clone();
        for device in devices {
            self.go_from(now, id, device, user);
            #[cfg(planted_bug = "other_room_left_as_well")]
            if let Some(other) = self.directory.user(user).and_then(|user| user.device_rooms().next()) {
                self.go_from(now, other, device, user);
            }
            if let Some(Member { seat: Seat::Device(watched), .. }) = self.directory.member_mut(device) {
                watched.remove(&id);
            }
            self.rooms.unwatch(id, device);
            if is_nowhere {
                self.come(now, LOBBY_ID, device, user, &account);
            }
            if Some(device) != from && !cfg!(planted_bug = "other_device_not_told") {
                deliveries.push((device, Mail::Parted(key.clone(), name.clone())));
            }
        }
        self.release(now, user);
    }

    /// Has something about the user of a connection and a room made durable.
    fn place(&mut self, from: ConnId, id: RoomId, step: PlacingStep) -> Answer {
        let account = self.directory.member(from)?.account.clone();
        self.place_for(from, account, id, step);
        None
    }

    fn place_for(&mut self, from: ConnId, account: Account, id: RoomId, step: PlacingStep) {
        let Some((room, journal)) = self.rooms.get(id).zip(self.journal.as_mut()) else { return };
        let (key, name) = (room.key().clone(), room.name.clone());
        journal.push(from, Entry::Place(Placing { account, room: key, name, step, id }));
    }

    /// Whether a user takes part in a room who did not. One who did has read what they have read.
    pub(super) fn take_part(&mut self, user: UserId, id: RoomId, place: Place) -> bool {
        let Some(user) = self.directory.user_mut(user) else { return false };
        let btree_map::Entry::Vacant(vacant) = user.places.entry(id) else { return false };
        vacant.insert(place);
        if let Some(room) = self.rooms.get_mut(id) {
            room.followers += 1;
        }
        true
    }

    /// Who is in a room, and from now on who comes and goes.
    fn watch(&mut self, from: ConnId, id: RoomId) -> Option<Roster> {
        let Seat::Device(watched) = &mut self.directory.member_mut(from)?.seat else { return None };
        if watched.insert(id) {
            self.rooms.watch(id, from);
        }
        self.rooms.get(id).map(super::room::Room::roster)
    }

    /// Notes how rooms change for as long as there are devices. Also while devices are about to be told of them: whoever comes
    /// meanwhile knows better, and is to be told again.
    pub(super) fn mind_devices(&mut self) {
        let is_printing = self.rooms.get(LOBBY_ID).is_some_and(|lobby| lobby.printing.is_some());
        self.rooms.stir.set_watched(is_printing || !self.directory.devices().is_empty());
    }

    fn standing(&self, user: &NameKey, id: RoomId) -> Option<Standing> {
        let place = self.directory.named(user)?.places.get(&id)?;
        Some(self.rooms.get(id)?.standing(place.read))
    }

    fn overview(&mut self, user: UserId) -> Option<Overview> {
        let crowds = self.rooms.crowds();
        let places = self.directory.user(user)?.places.iter().filter_map(|(id, place)| {
            let room = self.rooms.get(*id)?;
            Some((room.key().clone(), room.standing(place.read)))
        });
        Some(Overview { crowds, places: places.collect() })
    }

    fn oldest_device_too_many(&self, user: &NameKey) -> Option<ConnId> {
        let devices = &self.directory.named(user)?.devices;
        devices.first().copied().filter(|_| devices.len() >= self.limits.account_devices_max)
    }
}
