//! The rooms, and who is in them.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::Snapshot;
use super::directory::{ConnId, UserId};
use super::pacing::Pace;
use super::watch::{Changes, Stir};
use crate::message::names::Names;
use crate::message::push::Roster;
use crate::message::rooms::{Crowd, Standing};
use crate::name::{Account, NameKey, NameLook, RoomName};
use crate::time::Instant;

/// Names a room for as long as the server runs. Rooms are numbered in the order of their making.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoomId(u64);

/// The room of those who are in no other.
pub(super) const LOBBY_ID: RoomId = RoomId(0);

pub(super) struct Room {
    pub(super) name: RoomName,
    /// All connections that get what is said here, in the order in which they came.
    pub(super) members: Vec<ConnId>,
    /// Counts what changes in this room's list.
    pub(super) version: u64,
    pub(super) pace: Pace,
    /// The number of the last thing that was said here and had to be made durable.
    pub(super) last_append: u64,
    /// Something was said here that is kept: it never gives way.
    pub(super) is_spoken_in: bool,
    /// The number of the last message here, of those that are kept.
    pub(super) last_seq: u64,
    /// How many users take part, also without being here.
    pub(super) followers: usize,
    /// How many are about to.
    pub(super) joining: usize,
    /// The devices that are told who comes and goes, and what they have not been told.
    pub(super) watchers: Vec<ConnId>,
    pub(super) changes: Changes,
    /// The version of its list that is being encoded.
    pub(super) printing: Option<u64>,
    key: NameKey,
    look: NameLook,
    /// Who is here, by how many connections each, in the order in which they came.
    people: Vec<(UserId, u32)>,
    /// Their names, in the same order. Shared with snapshots, and copied on a change while one is in use.
    names: Arc<Names>,
    /// Exists from the start, and never gives way.
    is_permanent: bool,
    empty_since: Instant,
    /// The list as of `version`, once somebody wanted it.
    snapshot: Option<Arc<Snapshot>>,
}

#[derive(Default)]
pub(super) struct Rooms {
    by_id: BTreeMap<RoomId, Room>,
    by_key: BTreeMap<NameKey, RoomId>,
    by_look: BTreeMap<NameLook, RoomId>,
    made: u64,
    /// Which rooms are not any more what devices were told of them.
    pub(super) stir: Stir,
    /// How many are in each, as of that version of the lobby's list.
    crowds: Option<(u64, Arc<Vec<Crowd>>)>,
}

impl Rooms {
    pub(super) fn create(
        &mut self,
        now: Instant,
        key: NameKey,
        look: NameLook,
        name: RoomName,
        is_permanent: bool,
    ) -> RoomId {
        let id = RoomId(self.made);
        self.made += 1;
        let room = Room {
            name,
            members: Vec::new(),
            version: 1,
            pace: Pace::default(),
            last_append: 0,
            is_spoken_in: false,
            last_seq: 0,
            followers: 0,
            joining: 0,
            watchers: Vec::new(),
            changes: Changes::default(),
            printing: None,
            key,
            look,
            people: Vec::new(),
            names: Arc::default(),
            is_permanent,
            empty_since: now,
            snapshot: None,
        };
        self.insert(id, room);
        id
    }

    /// Takes in a room that is new, or that was removed and comes back. Its name must be nobody's.
    pub(super) fn insert(&mut self, id: RoomId, room: Room) {
        self.by_key.insert(room.key.clone(), id);
        self.by_look.insert(room.look.clone(), id);
        self.stir.changed(id, &room.name);
        self.by_id.insert(id, room);
    }

    pub(super) fn remove(&mut self, id: RoomId) -> Option<Room> {
        let mut room = self.by_id.remove(&id)?;
        room.end_printing();
        self.by_key.remove(&room.key);
        self.by_look.remove(&room.look);
        self.stir.changed(id, &room.name);
        Some(room)
    }

    /// Whether somebody is in a room by one connection or more.
    pub(super) fn holds(&self, id: RoomId, user: UserId) -> u32 {
        let room = self.by_id.get(&id);
        let person = room.and_then(|room| room.people.iter().find(|(other, _)| *other == user));
        person.map_or(0, |(_, connections)| *connections)
    }

    /// Somebody comes who is not there.
    pub(super) fn join(&mut self, id: RoomId, member: ConnId, user: UserId, account: &Account) {
        let Some(room) = self.by_id.get_mut(&id) else { return };
        room.members.push(member);
        room.people.push((user, 1));
        Arc::make_mut(&mut room.names).push(account.name.as_str());
        room.note(account, true);
        self.stir.changed(id, &room.name);
    }

    /// Somebody who is there comes by one more connection.
    pub(super) fn join_again(&mut self, id: RoomId, member: ConnId, user: UserId) {
        let Some(room) = self.by_id.get_mut(&id) else { return };
        let Some((_, connections)) = room.people.iter_mut().find(|(other, _)| *other == user) else { return };
        *connections += 1;
        room.members.push(member);
    }

    pub(super) fn part(&mut self, now: Instant, id: RoomId, member: ConnId, user: UserId, account: &Account) {
        let Some(room) = self.by_id.get_mut(&id) else { return };
        let Some(index) = room.members.iter().position(|other| *other == member) else { return };
        room.members.remove(index);
        let Some(index) = room.people.iter().position(|(other, _)| *other == user) else { return };
        room.people[index].1 -= 1;
        if room.people[index].1 > 0 {
            return;
        }
        room.people.remove(index);
        Arc::make_mut(&mut room.names).remove(index);
        room.empty_since = now;
        room.note(account, false);
        self.stir.changed(id, &room.name);
    }

    /// Has a device told who comes to a room and goes, which it was not.
    pub(super) fn watch(&mut self, id: RoomId, device: ConnId) {
        if let Some(room) = self.by_id.get_mut(&id) {
            room.watchers.push(device);
        }
    }

    pub(super) fn unwatch(&mut self, id: RoomId, device: ConnId) {
        let Some(room) = self.by_id.get_mut(&id) else { return };
        room.watchers.retain(|other| *other != device);
        room.forget_unless_watched();
    }

    /// Who is where, made once for each version: for the lobby all rooms, for a room that one.
    pub(super) fn snapshot(&mut self, id: RoomId) -> Arc<Snapshot> {
        if let Some(snapshot) = self.by_id.get(&id).and_then(|room| room.snapshot.as_ref()) {
            return Arc::clone(snapshot);
        }
        let seen = if id == LOBBY_ID { self.by_id.range(..) } else { self.by_id.range(id..=id) };
        let rosters = seen.map(|(_, room)| room.roster()).collect();
        let version = self.by_id.get(&id).map_or(0, |room| room.version);
        let snapshot = Arc::new(Snapshot { version, rosters });
        if let Some(room) = self.by_id.get_mut(&id) {
            room.snapshot = Some(Arc::clone(&snapshot));
        }
        snapshot
    }

    /// How many are in each room, made once for each version of the lobby's list.
    pub(super) fn crowds(&mut self) -> Arc<Vec<Crowd>> {
        let version = self.by_id.get(&LOBBY_ID).map_or(0, |lobby| lobby.version);
        match &self.crowds {
            Some((known, crowds)) if *known == version => Arc::clone(crowds),
            _ => {
                let crowds: Arc<Vec<Crowd>> = Arc::new(self.by_id.values().map(Room::crowd).collect());
                self.crowds = Some((version, Arc::clone(&crowds)));
                crowds
            }
        }
    }

    pub(super) fn get_mut(&mut self, id: RoomId) -> Option<&mut Room> {
        self.by_id.get_mut(&id)
    }

    pub(super) fn get(&self, id: RoomId) -> Option<&Room> {
        self.by_id.get(&id)
    }

    pub(super) fn find(&self, key: &NameKey) -> Option<RoomId> {
        self.by_key.get(key).copied()
    }

    /// The room that a name of this look would be taken for.
    pub(super) fn find_alike(&self, look: &NameLook) -> Option<RoomId> {
        self.by_look.get(look).copied()
    }

    /// The room that has been empty longest, and for `idle_min` at least.
    pub(super) fn longest_empty(&self, now: Instant, idle_min: Duration) -> Option<RoomId> {
        let may_go = |room: &Room| {
            !room.is_permanent
                && !room.is_spoken_in
                && room.followers + room.joining == 0
                && room.members.is_empty()
                && now.since(room.empty_since) >= idle_min
        };
        let empty = self.by_id.iter().filter(|(_, room)| may_go(room));
        empty.min_by_key(|(id, room)| (room.empty_since, **id)).map(|(id, _)| *id)
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }
}

impl Room {
    /// Counts a change of this room's list.
    pub(super) fn touch(&mut self) {
        self.version += 1;
        #[cfg(not(planted_bug = "stale_list_published"))]
        drop(self.snapshot.take());
    }

    /// Whether anybody is to be told who comes and goes. Also while they are about to be: whoever begins to watch meanwhile
    /// knows better, and is to be told again.
    fn is_watched(&self) -> bool {
        !self.watchers.is_empty() || self.printing.is_some()
    }

    /// A list of it is encoded, or is not wanted any more.
    pub(super) fn end_printing(&mut self) {
        self.printing = None;
        self.forget_unless_watched();
    }

    fn forget_unless_watched(&mut self) {
        if !self.is_watched() {
            self.changes = Changes::default();
        }
    }

    fn note(&mut self, account: &Account, is_there: bool) {
        if self.is_watched() {
            self.changes.add(account, is_there);
        }
    }

    /// Somebody in the room is here otherwise than before. Whether that is to be told.
    pub(super) fn note_status(&mut self, user: &NameKey) -> bool {
        if self.is_watched() {
            self.changes.add_status(user);
        }
        self.is_watched()
    }

    /// Who is here, by how many connections each, in the order in which they came.
    pub(super) fn people(&self) -> &[(UserId, u32)] {
        &self.people
    }

    /// Whether its name counts as that one, or looks like it.
    pub(super) fn is_like(&self, key: &NameKey, look: &NameLook) -> bool {
        self.key == *key || self.look == *look
    }

    /// What it is found by.
    pub(super) fn key(&self) -> &NameKey {
        &self.key
    }

    pub(super) fn roster(&self) -> Roster {
        Roster { room: self.name.clone(), members: Arc::clone(&self.names) }
    }

    /// Where somebody stands who has read so far.
    pub(super) fn standing(&self, read: u64) -> Standing {
        Standing { room: self.name.clone(), last: self.last_seq, read }
    }

    pub(super) fn crowd(&self) -> Crowd {
        Crowd { room: self.name.clone(), people: self.people.len() }
    }
}
