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
    /// Counts what has changed in any of them.
    moment: u64,
    /// Much is remembered of what was to be seen.
    is_long: bool,
    list_bytes_max: usize,
    /// Whether there are devices, which are told how many are in each room.
    has_crowds: bool,
}

/// A room.
pub struct Room {
    /// Its number among all that were ever made.
    pub number: usize,
    /// Its name, as it was typed at its making.
    pub name: Name,
    /// The lines by which it is heard, and whose they are.
    pub members: Vec<(usize, usize)>,
    /// Who is in it, by however many lines, and their names, in the order in which they came.
    pub people: Vec<(usize, &'static str)>,
    empty_since: Instant,
    /// The number of the last thing that was said here and is to be durable.
    pub last: u64,
    /// The number of the last message that was heard here, of those that are kept.
    pub last_seq: usize,
    /// Something was said here that is kept.
    pub is_spoken_in: bool,
}

/// What a room's list was, after each change, and the moment of that.
#[derive(Default)]
struct View {
    texts: VecDeque<(u64, Rc<str>)>,
}

impl Rooms {
    /// The lobby and the room that is always there.
    pub fn new(now: Instant, list_bytes_max: usize, has_crowds: bool) -> Self {
        let mut rooms = Self {
            rooms: Vec::new(),
            made: 0,
            views: BTreeMap::new(),
            moment: 0,
            is_long: false,
            list_bytes_max,
            has_crowds,
        };
        rooms.views.insert(CROWDS, View::default());
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
            people: Vec::new(),
            empty_since: now,
            last: 0,
            last_seq: 0,
            is_spoken_in: false,
        });
        self.views.insert(number, View::default());
        self.note(number);
        self.note(LOBBY);
    }

    /// Brings back a room that gave way for nothing.
    pub fn restore(&mut self, room: Room) {
        let index = self.rooms.partition_point(|other| other.number < room.number);
        self.rooms.insert(index, room);
        self.note(LOBBY);
    }

    /// Unmakes the room of that number.
    pub fn remove(&mut self, number: usize) -> Option<Room> {
        let index = self.rooms.iter().position(|room| room.number == number)?;
        Some(self.rooms.remove(index))
    }

    /// Something is to be told that is to be seen in no list.
    pub fn stir(&mut self) {
        self.moment += 1;
    }

    /// A room's list has changed although nobody came or went.
    pub fn note_change(&mut self) {
        self.note(LOBBY);
    }

    /// The room that has been empty longest, and for `idle` at least, of those that nobody `is_wanted` by.
    pub fn longest_empty(
        &self,
        now: Instant,
        idle: Duration,
        is_wanted: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let may_go = |room: &&Room| {
            room.number > EXAMPLE
                && !room.is_spoken_in
                && !is_wanted(room.number)
                && room.members.is_empty()
                && now.since(room.empty_since) >= idle
        };
        let oldest = self.rooms.iter().filter(may_go).min_by_key(|room| (room.empty_since, room.number));
        oldest.map(|room| room.number)
    }

    /// Somebody comes by a line, and is seen unless they are there by another one.
    pub fn join(&mut self, number: usize, line: usize, user: usize, name: &'static str) {
        let room = self.room_mut(number);
        room.members.push((line, user));
        if room.people.iter().all(|(other, _)| *other != user) {
            room.people.push((user, name));
            self.note_all(number);
        }
    }

    /// Somebody's line goes, and they do unless they are there by another one.
    pub fn part(&mut self, now: Instant, number: usize, line: usize) {
        let room = self.room_mut(number);
        let Some(index) = room.members.iter().position(|(other, _)| *other == line) else { return };
        let (_, user) = room.members.remove(index);
        if room.members.iter().all(|(_, other)| *other != user) {
            room.people.retain(|(other, _)| *other != user);
            room.empty_since = now;
            self.note_all(number);
        }
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

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Room> {
        self.rooms.iter()
    }

    /// When anything has changed last.
    pub fn moment(&self) -> u64 {
        self.moment
    }

    /// When a room's list has changed last.
    pub fn version(&self, number: usize) -> u64 {
        self.views.get(&number).and_then(|view| view.texts.back()).map_or(0, |(version, _)| *version)
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

    /// The first moment between these two, both included, at which that was to be seen in a room, or in [`CROWDS`].
    pub fn find_moment(&self, number: usize, from: u64, to: u64, text: &str) -> Option<u64> {
        let texts = &self.views.get(&number)?.texts;
        let ends = texts.iter().skip(1).map(|(version, _)| *version).chain([u64::MAX]);
        let mut seen = texts.iter().zip(ends);
        seen.find(|((begin, known), end)| *begin <= to && *end > from && **known == *text)
            .map(|((begin, _), _)| from.max(*begin))
    }

    /// Forgets what was to be seen before that moment, and of a room's list what is older than `oldest` of it.
    pub fn forget(&mut self, moment: u64, oldest: impl Fn(usize) -> u64) {
        self.is_long = false;
        for (number, view) in &mut self.views {
            let oldest = oldest(*number);
            while view.texts.len() > 1 && view.texts[0].0 < oldest && view.texts[1].0 <= moment {
                view.texts.pop_front();
            }
        }
    }

    /// Whether much is remembered of what was to be seen.
    pub fn is_long(&self) -> bool {
        self.is_long
    }

    /// How many are in each room, by its name.
    pub fn crowds(&self) -> BTreeMap<String, usize> {
        self.rooms.iter().map(|room| (room.name.text.to_owned(), room.people.len())).collect()
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
            seen[1..].sort_by_key(|room| usize::MAX - room.people.len());
        }
        let mut rooms = Vec::new();
        for room in seen {
            let Some(rest) = left.checked_sub(room.name.text.len() + 6) else { continue };
            left = rest;
            let mut members = Vec::new();
            for (_, name) in &room.people {
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
        self.moment += 1;
        self.remember(number, self.list(number, None).into());
        if number == LOBBY && self.has_crowds {
            self.remember(CROWDS, crowds_text(&self.crowds()).into());
        }
    }

    fn remember(&mut self, number: usize, text: Rc<str>) {
        let Some(view) = self.views.get_mut(&number) else { return };
        view.texts.push_back((self.moment, text));
        self.is_long |= view.texts.len() > KEPT;
    }

    pub fn room_mut(&mut self, number: usize) -> &mut Room {
        self.rooms.iter_mut().find(|room| room.number == number).expect("who is in a room keeps it")
    }
}

impl Room {
    /// Its share of a list, with a comma after each thing.
    fn bytes(&self) -> usize {
        self.name.text.len() + 6 + self.people.iter().map(|(_, name)| name.len() + 3).sum::<usize>()
    }
}

/// How many are in each room, in a line.
pub fn crowds_text(crowds: &BTreeMap<String, usize>) -> String {
    crowds.iter().map(|(name, people)| format!("{name} {people}, ")).collect()
}

/// In place of a room's number: how many are in each, as devices are told.
pub const CROWDS: usize = usize::MAX;
/// So many versions of a list are kept before somebody asks which are still of use.
const KEPT: usize = 24;
