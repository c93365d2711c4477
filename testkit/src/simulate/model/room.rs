//! The rooms, and what was to be seen in them at each moment.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use chatroom_core::Instant;

use crate::simulate::names::{EXAMPLE, LOBBY, Name, room};

/// All rooms, in the order of their making, the lobby first.
pub struct Rooms {
    rooms: Vec<Room>,
    made: usize,
    views: BTreeMap<usize, View>,
    list_bytes_max: usize,
}

/// A room.
pub struct Room {
    /// Its number among all that were ever made.
    pub number: usize,
    /// Its name, as it was typed at its making.
    pub name: Name,
    /// The lines of those in it, and their names, in the order in which they came.
    pub members: Vec<(usize, &'static str)>,
    empty_since: Instant,
    /// The number of the last thing that was said here and is to be durable.
    pub last: u64,
    /// Something was said here that is kept.
    pub is_spoken_in: bool,
}

/// What a room's list was, after each change.
#[derive(Default)]
struct View {
    version: u64,
    texts: VecDeque<(u64, Rc<str>)>,
}

impl Rooms {
    /// The lobby and the room that is always there.
    pub fn new(now: Instant, list_bytes_max: usize) -> Self {
        let mut rooms = Self { rooms: Vec::new(), made: 0, views: BTreeMap::new(), list_bytes_max };
        rooms.create(now, room(LOBBY, 0));
        rooms.create(now, room(EXAMPLE, 0));
        rooms
    }

    /// Makes a room.
    pub fn create(&mut self, now: Instant, name: Name) {
        let number = self.made;
        self.made += 1;
        self.rooms.push(Room {
            number,
            name,
            members: Vec::new(),
            empty_since: now,
            last: 0,
            is_spoken_in: false,
        });
        self.views.insert(number, View::default());
        self.note(number);
        self.note(LOBBY);
    }

    /// Brings back a room that gave way for nothing.
    pub fn restore(&mut self, room: Room) {
        if self.find(room.name.id).is_none() {
            let index = self.rooms.partition_point(|other| other.number < room.number);
            self.rooms.insert(index, room);
            self.note(LOBBY);
        }
    }

    /// Whether a room may give way.
    pub fn has_idle(&self, now: Instant, idle: Duration) -> bool {
        self.longest_empty(now, idle).is_some()
    }

    /// Unmakes the room that has been empty longest, and for `idle` at least, if there is one.
    pub fn give_way(&mut self, now: Instant, idle: Duration) -> Option<Room> {
        let number = self.longest_empty(now, idle)?;
        let index = self.rooms.iter().position(|room| room.number == number)?;
        Some(self.rooms.remove(index))
    }

    /// A room's list has changed although nobody came or went.
    pub fn note_change(&mut self) {
        self.note(LOBBY);
    }

    fn longest_empty(&self, now: Instant, idle: Duration) -> Option<usize> {
        let may_go = |room: &&Room| {
            room.number > EXAMPLE
                && !room.is_spoken_in
                && room.members.is_empty()
                && now.since(room.empty_since) >= idle
        };
        let oldest = self.rooms.iter().filter(may_go).min_by_key(|room| (room.empty_since, room.number));
        oldest.map(|room| room.number)
    }

    /// Somebody comes.
    pub fn join(&mut self, number: usize, line: usize, name: &'static str) {
        self.room_mut(number).members.push((line, name));
        self.note_all(number);
    }

    /// Somebody goes.
    pub fn part(&mut self, now: Instant, number: usize, line: usize) {
        let room = self.room_mut(number);
        room.members.retain(|(other, _)| *other != line);
        room.empty_since = now;
        self.note_all(number);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rooms.len()
    }

    /// The room of that name.
    pub fn find(&self, name: usize) -> Option<&Room> {
        self.rooms.iter().find(|room| room.name.id == name)
    }

    /// The room of that number, if there still is one.
    pub fn get(&self, number: usize) -> Option<&Room> {
        self.rooms.iter().find(|room| room.number == number)
    }

    /// The room of that number.
    pub fn room(&self, number: usize) -> &Room {
        self.rooms.iter().find(|room| room.number == number).expect("who is in a room keeps it")
    }

    /// How often a room's list has changed.
    pub fn version(&self, number: usize) -> u64 {
        self.views.get(&number).map_or(0, |view| view.version)
    }

    /// A room's list as it is now.
    pub fn text(&self, number: usize) -> Rc<str> {
        Rc::clone(&self.views[&number].texts.back().expect("each has one from its making").1)
    }

    /// The oldest version of a room's list between these two, both included, that reads like this: what changes and
    /// changes back reads the same several times.
    pub fn find_version(&self, number: usize, from: u64, to: u64, text: &str) -> Option<u64> {
        let mut texts = self.views.get(&number)?.texts.iter();
        texts
            .find(|(version, known)| (from..=to).contains(version) && **known == *text)
            .map(|(version, _)| *version)
    }

    /// Forgets what a room's list was before that version.
    pub fn forget(&mut self, number: usize, version: u64) {
        if let Some(view) = self.views.get_mut(&number) {
            while view.texts.len() > 1 && view.texts[0].0 < version {
                view.texts.pop_front();
            }
        }
    }

    /// Whether much is remembered of a room's lists.
    pub fn is_long(&self, number: usize) -> bool {
        self.views.get(&number).is_some_and(|view| view.texts.len() > KEPT)
    }

    /// What is to be seen in a room, as JSON.
    pub fn list(&self, number: usize, rid: Option<&str>) -> String {
        let (kind, mut seen): (_, Vec<&Room>) = match number {
            LOBBY => ("list", self.rooms.iter().collect()),
            _ => ("list_room", vec![self.room(number)]),
        };
        let rid = rid.map(|rid| format!(r#","rid":"{rid}""#)).unwrap_or_default();
        // What is around the rooms, and the frame's length before it.
        let envelope = format!(r#"{{"type":"{kind}","status":"ok","data":{{}}{rid}}}"#).len() + 4;
        let mut left = self.list_bytes_max.saturating_sub(envelope);
        let is_whole = seen.iter().map(|room| room.bytes()).sum::<usize>() <= left;
        if !is_whole {
            seen[1..].sort_by_key(|room| usize::MAX - room.members.len());
        }
        let mut rooms = Vec::new();
        for room in seen {
            let Some(rest) = left.checked_sub(room.name.text.len() + 6) else { continue };
            left = rest;
            let mut members = Vec::new();
            for (_, name) in &room.members {
                let Some(rest) = left.checked_sub(name.len() + 3) else { break };
                left = rest;
                members.push(format!(r#""{name}""#));
            }
            rooms.push(format!(r#""{}":[{}]"#, room.name.text, members.join(",")));
        }
        format!(r#"{{"type":"{kind}","status":"ok","data":{{{}}}{rid}}}"#, rooms.join(","))
    }

    /// Whether all that is to be seen in a room is too much for a list.
    pub fn is_too_long(&self, number: usize) -> bool {
        let whole: usize = match number {
            LOBBY => self.rooms.iter().map(Room::bytes).sum(),
            _ => self.room(number).bytes(),
        };
        whole + 43 > self.list_bytes_max
    }

    fn note_all(&mut self, number: usize) {
        self.note(number);
        if number != LOBBY {
            self.note(LOBBY);
        }
    }

    fn note(&mut self, number: usize) {
        let text = self.list(number, None).into();
        if let Some(view) = self.views.get_mut(&number) {
            view.version += 1;
            view.texts.push_back((view.version, text));
        }
    }

    pub fn room_mut(&mut self, number: usize) -> &mut Room {
        self.rooms.iter_mut().find(|room| room.number == number).expect("who is in a room keeps it")
    }
}

impl Room {
    /// Its share of a list, with a comma after each thing.
    fn bytes(&self) -> usize {
        self.name.text.len() + 6 + self.members.iter().map(|(_, name)| name.len() + 3).sum::<usize>()
    }
}

/// So many versions of a list are kept before somebody asks which are still of use.
const KEPT: usize = 24;
