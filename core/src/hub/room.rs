//! The rooms, and who is in them.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::Snapshot;
use super::directory::ConnId;
use super::presence::Pace;
use crate::message::names::Names;
use crate::message::push::Roster;
use crate::name::{NameKey, NameLook, RoomName, UserName};
use crate::time::Instant;

/// Names a room for as long as the server runs. Rooms are numbered in the order of their making.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoomId(u64);

/// The room of those who are in no other.
pub(super) const LOBBY_ID: RoomId = RoomId(0);

pub(super) struct Room {
    pub(super) name: RoomName,
    /// In the order in which they came.
    pub(super) members: Vec<ConnId>,
    /// Counts what changes in this room's list.
    pub(super) version: u64,
    pub(super) pace: Pace,
    /// The number of the last thing that was said here and had to be made durable.
    pub(super) last_append: u64,
    /// Something was said here that is kept: it never gives way.
    pub(super) is_spoken_in: bool,
    key: NameKey,
    look: NameLook,
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
        self.by_key.insert(key.clone(), id);
        self.by_look.insert(look.clone(), id);
        let room = Room {
            name,
            members: Vec::new(),
            version: 1,
            pace: Pace::default(),
            last_append: 0,
            is_spoken_in: false,
            key,
            look,
            names: Arc::default(),
            is_permanent,
            empty_since: now,
            snapshot: None,
        };
        self.by_id.insert(id, room);
        id
    }

    /// Brings back a room that was removed, unless its name has been given to another one.
    pub(super) fn restore(&mut self, id: RoomId, room: Room) {
        if !self.by_key.contains_key(&room.key) && !self.by_look.contains_key(&room.look) {
            self.by_key.insert(room.key.clone(), id);
            self.by_look.insert(room.look.clone(), id);
            self.by_id.insert(id, room);
        }
    }

    pub(super) fn remove(&mut self, id: RoomId) -> Option<Room> {
        let room = self.by_id.remove(&id)?;
        self.by_key.remove(&room.key);
        self.by_look.remove(&room.look);
        Some(room)
    }

    pub(super) fn join(&mut self, id: RoomId, member: ConnId, name: &UserName) {
        if let Some(room) = self.by_id.get_mut(&id) {
            room.members.push(member);
            Arc::make_mut(&mut room.names).push(name.as_str());
        }
    }

    pub(super) fn part(&mut self, now: Instant, id: RoomId, member: ConnId) {
        let Some(room) = self.by_id.get_mut(&id) else { return };
        let Some(index) = room.members.iter().position(|other| *other == member) else { return };
        room.members.remove(index);
        Arc::make_mut(&mut room.names).remove(index);
        room.empty_since = now;
    }

    /// Who is where, made once for each version: for the lobby all rooms, for a room that one.
    pub(super) fn snapshot(&mut self, id: RoomId) -> Arc<Snapshot> {
        if let Some(snapshot) = self.by_id.get(&id).and_then(|room| room.snapshot.as_ref()) {
            return Arc::clone(snapshot);
        }
        let seen = if id == LOBBY_ID { self.by_id.range(..) } else { self.by_id.range(id..=id) };
        let rosters = seen.map(|(_, room)| room.roster()).collect();
        let version = self.by_id.get(&id).map_or(0, |room| room.version);
        let snapshot = Arc::new(Snapshot { room: id, version, rosters });
        if let Some(room) = self.by_id.get_mut(&id) {
            room.snapshot = Some(Arc::clone(&snapshot));
        }
        snapshot
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

    /// What it is found by.
    pub(super) fn key(&self) -> &NameKey {
        &self.key
    }

    fn roster(&self) -> Roster {
        Roster { room: self.name.clone(), members: Arc::clone(&self.names) }
    }
}
