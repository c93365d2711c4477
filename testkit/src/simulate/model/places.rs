//! What a server has to do for devices: connections that are wherever their user takes part.

use std::collections::BTreeMap;

use chatroom_core::frame::PREFIX_BYTES;

use super::annals::Conversation;
use super::conn::{Seat, What as Heard};
use super::hall;
use super::journal::{Change, Entry, Outcome, PeerRead, Placing, What};
use super::request::done;
use super::room::Room;
use super::told::{out_frame, peer_read_frame, read_frame};
use super::{Model, REPLY_BYTES};
use crate::simulate::names::{EXAMPLE, LOBBY, Name};

/// A user takes part in a room, whether they are here or not.
pub struct Place {
    pub user: usize,
    /// The room's number.
    pub room: usize,
    pub read: usize,
    /// That they have read so far, or not quite so far, is on its way to the disk.
    is_noting: bool,
    /// That they take part no more is.
    is_leaving: bool,
}

impl Place {
    pub fn new(user: usize, room: usize, read: usize) -> Self {
        Self { user, room, read, is_noting: false, is_leaving: false }
    }
}

impl Model {
    /// Whether a connection is wherever its user takes part.
    pub(super) fn is_device(&self, line: usize) -> bool {
        matches!(self.conn(line).place, Seat::Hall { .. })
    }

    /// The devices of a user, the oldest first.
    pub(super) fn devices(&self, user: usize) -> Vec<usize> {
        let is_device = |line: &usize| {
            self.conns[*line]
                .as_ref()
                .is_some_and(|conn| matches!(conn.place, Seat::Hall { user: other } if other == user))
        };
        let mut devices: Vec<usize> = (0..self.conns.len()).filter(is_device).collect();
        devices.sort_by_key(|line| self.conn(*line).login);
        devices
    }

    /// The connection of a user that is in one room at a time.
    pub(super) fn single(&self, user: usize) -> Option<usize> {
        let is_it = |conn: &Option<super::Conn>| {
            conn.as_ref()
                .is_some_and(|conn| matches!(conn.place, Seat::In { user: other, .. } if other == user))
        };
        self.conns.iter().position(is_it)
    }

    /// The same, if it is in that room, or without one in any but the lobby.
    pub(super) fn single_at(&self, user: usize, room: Option<usize>) -> Option<usize> {
        self.single(user).filter(|line| {
            let here = self.conn(*line).room();
            room.map_or(here != Some(LOBBY), |room| here == Some(room))
        })
    }

    /// Whether a user can be given a private message: in that room, or wherever they are.
    pub(super) fn can_be_reached(&self, user: usize, room: Option<usize>) -> bool {
        let is_there = room.is_none_or(|room| self.place(user, room).is_some());
        self.single_at(user, room).is_some() || (is_there && !self.devices(user).is_empty())
    }

    pub(super) fn place(&self, user: usize, room: usize) -> Option<&Place> {
        self.places.iter().find(|place| place.user == user && place.room == room)
    }

    fn place_mut(&mut self, user: usize, room: usize) -> Option<&mut Place> {
        self.places.iter_mut().find(|place| place.user == user && place.room == room)
    }

    /// Where the devices of a user are: in the lobby, if nowhere else.
    pub(super) fn device_rooms(&self, user: usize) -> Vec<usize> {
        let rooms = self.places.iter().filter(|place| place.user == user).map(|place| place.room);
        let rooms: Vec<usize> = rooms.collect();
        if rooms.is_empty() { vec![LOBBY] } else { rooms }
    }

    /// Whether somebody takes part in a room, or is about to.
    pub(super) fn is_wanted(&self, room: usize) -> bool {
        self.places.iter().any(|place| place.room == room)
            || self.journal.joins(|placing| placing.room == room) > 0
    }

    /// Whether there is no place for somebody: who is in a room, takes part in it or is about to leaves none to others.
    pub(super) fn is_full(&self, user: usize, room: &Room) -> bool {
        let is_in = |other: &usize| {
            *other != user
                && (self.place(*other, room.number).is_some()
                    || room.people.iter().any(|(there, _)| there == other))
        };
        let others = (0..crate::simulate::names::USERS.len()).filter(is_in).count();
        let joins = self.journal.joins(|placing| placing.room == room.number);
        others + joins >= self.swarm.limits.room_members_max
    }

    /// The devices of a user are told who is in which room, and the one that has just logged in is.
    pub(super) fn login_device(&mut self, line: usize, user: usize) {
        self.conn_mut(line).place = Seat::Hall { user };
        let name = self.book.name(user);
        for room in self.device_rooms(user) {
            self.rooms.join(room, line, user, name);
        }
        if self.devices(user).len() == MANY_DEVICES {
            self.coverage.reach("sixteen_devices");
        }
        self.coverage.reach("device_logged_in");
        self.conn_mut(line).telling = None;
        self.tell(line, user);
        self.show_all(line, user, None, 0);
    }

    /// Who has as many devices as they may loses the oldest.
    pub(super) fn replace_devices(&mut self, user: usize) {
        while let devices = self.devices(user)
            && devices.len() >= self.swarm.limits.account_devices_max
        {
            self.coverage.reach("device_replaced");
            self.tell_to_go(devices[0], "replaced");
            self.leave_hub(devices[0]);
        }
    }

    pub(super) fn list_rooms(&mut self, line: usize, rid: Option<String>) {
        if !self.may_list(line, "rooms", &rid) {
            return;
        }
        self.coverage.reach("rooms_listed");
        let user = self.conn(line).user().expect("only who is logged in comes here");
        self.tell(line, user);
        self.show_all(line, user, rid.as_deref(), REPLY_BYTES);
    }

    pub(super) fn list_people(&mut self, line: usize, name: Option<Name>, rid: Option<String>) {
        let Some(name) = name else { return self.refuse_and_count(line, "roster", "no_such_room", rid, 0) };
        if !self.may_list(line, "roster", &rid) {
            return;
        }
        let Some(room) = self.rooms.find(name.id) else {
            return self.refuse_and_count(line, "roster", "no_such_room", rid, REPLY_BYTES);
        };
        self.coverage.reach("roster_listed");
        let (number, frames) = (room.number, self.roster(room, rid.as_deref()));
        self.push_all(line, frames, REPLY_BYTES, true);
        if self.conn(line).user().is_some_and(|user| self.place(user, number).is_some()) {
            self.watch(line, number);
        }
    }

    pub(super) fn join(&mut self, line: usize, name: Option<Name>, rid: Option<String>) {
        let Some(name) = name else { return self.refuse_and_count(line, "enter", "no_such_room", rid, 0) };
        self.slow_down(line);
        let user = self.conn(line).user().expect("only who is logged in comes here");
        let refusal = match self.rooms.find(name.id) {
            None => "no_such_room",
            Some(room) if room.number == LOBBY || self.place(user, room.number).is_some() => "already_there",
            Some(room) if self.is_full(user, room) => "room_full",
            Some(room) => {
                let places = self.places.iter().filter(|place| place.user == user).count();
                let joins = self.journal.joins(|placing| placing.user == user);
                if places + joins >= self.swarm.limits.rooms_joined_max {
                    self.coverage.reach("too_many_places");
                    "too_many_rooms"
                } else {
                    let (room, name) = (room.number, room.name);
                    let whose = (line, self.conn(line).connection);
                    self.conn_mut(line).is_held = true;
                    return self.note(whose, Placing { user, room, name, step: Change::Join, rid });
                }
            }
        };
        self.refuse_and_count(line, "enter", refusal, rid, REPLY_BYTES);
    }

    pub(super) fn part(&mut self, line: usize, name: Option<Name>, rid: Option<String>) {
        let Some((user, room, name)) = self.find_place(line, "exit", name, &rid) else { return };
        self.slow_down(line);
        let Some(place) = self.place_mut(user, room).filter(|place| !place.is_leaving) else {
            return self.refuse_and_count(line, "exit", "not_in_room", rid, REPLY_BYTES);
        };
        place.is_leaving = true;
        let whose = (line, self.conn(line).connection);
        self.conn_mut(line).is_held = true;
        self.note(whose, Placing { user, room, name, step: Change::Part, rid });
    }

    pub(super) fn read(&mut self, line: usize, name: Option<Name>, seq: u64, rid: Option<String>) {
        let Some((user, room, name)) = self.find_place(line, "read", name, &rid) else { return };
        self.slow_down(line);
        let last = self.rooms.room(room).last_seq;
        let Some(place) = self.place_mut(user, room).filter(|place| !place.is_leaving) else {
            return self.refuse_and_count(line, "read", "not_in_room", rid, REPLY_BYTES);
        };
        let seq = usize::try_from(seq).unwrap_or(usize::MAX).min(last);
        let is_news = seq > place.read;
        let is_to_be_noted = is_news && !place.is_noting;
        place.is_noting |= is_news;
        place.read = place.read.max(seq);
        let read = place.read;
        let (name_text, whose) = (name.text, (line, self.conn(line).connection));
        if is_news {
            self.coverage.reach(if is_to_be_noted { "read" } else { "read_noted_later" });
            for device in self.devices(user).into_iter().filter(|device| *device != line) {
                let json = read_frame(name_text, seq, None);
                self.coverage.reach("read_elsewhere");
                self.push(device, Heard::Text(json.into()), REPLY_BYTES, false);
            }
        }
        if is_to_be_noted {
            self.note(whose, Placing { user, room, name, step: Change::Read(seq), rid: None });
        }
        let json = read_frame(name_text, read, rid.as_deref());
        self.push(line, Heard::Text(json.into()), REPLY_BYTES, true);
    }

    /// Somebody has read what they and another said to each other. What that comes to is known to the disk.
    pub(super) fn read_peer(&mut self, line: usize, peer: Option<Name>, seq: u64, rid: Option<String>) {
        let Some(peer) = peer else { return self.refuse_and_count(line, "read", "name_invalid", rid, 0) };
        self.slow_down(line);
        let user = self.conn(line).user().expect("only who is logged in comes here");
        if !self.may_change(line, "read", &rid) {
            return;
        }
        let whose = (line, self.conn(line).connection);
        self.conn_mut(line).is_held = true;
        self.journal.push(whose, What::PeerRead(PeerRead { user, peer, seq, rid }));
    }

    /// How far somebody has read is on the disk, or is not. Their other devices are told if it is further.
    pub(super) fn settle_peer_read(&mut self, line: Option<usize>, read: PeerRead, outcome: Outcome) {
        let PeerRead { user, peer, rid, .. } = read;
        if let Some(line) = line {
            self.conn_mut(line).is_held = false;
        }
        let Outcome::PeerRead { seq, is_news } = outcome else {
            if let Some(line) = line {
                self.not_kept(line, "read", rid, true);
            }
            return;
        };
        // Where nothing was said, they are called as they were by who has read.
        let name = if seq.is_some() { self.book.name(peer.id) } else { peer.text };
        let seq = seq.unwrap_or(0);
        if is_news {
            self.coverage.reach("read_of_two");
            for device in self.devices(user).into_iter().filter(|device| Some(*device) != line) {
                let json = peer_read_frame(name, seq, None);
                let cost = json.len() + PREFIX_BYTES;
                self.coverage.reach("read_of_two_elsewhere");
                self.push(device, Heard::Text(json.into()), cost, false);
            }
        }
        if let Some(line) = line {
            let json = peer_read_frame(name, seq, rid.as_deref());
            self.push(line, Heard::Text(json.into()), REPLY_BYTES, true);
        }
    }

    /// Whether the user of a device can say something to a room: they take part in it and are not about to leave.
    pub(super) fn stays(&self, user: usize, room: usize) -> bool {
        self.place(user, room).is_some_and(|place| !place.is_leaving)
    }

    /// The room of that name, if the user of a device takes part in it; if not, the request is answered with no.
    pub(super) fn find_place(
        &mut self,
        line: usize,
        kind: &'static str,
        name: Option<Name>,
        rid: &Option<String>,
    ) -> Option<(usize, usize, Name)> {
        let user = self.conn(line).user().expect("only who is logged in comes here");
        let found = name.and_then(|name| self.rooms.find(name.id));
        let found = found.filter(|room| self.place(user, room.number).is_some());
        let Some(room) = found else {
            self.refuse_and_count(line, kind, "not_in_room", rid.clone(), 0);
            return None;
        };
        Some((user, room.number, room.name))
    }

    /// The author of a message has read it, if they still take part in the room.
    pub(super) fn has_read(&mut self, user: usize, room: usize, seq: usize) {
        if let Some(place) = self.place_mut(user, room) {
            place.read = place.read.max(seq);
        }
    }

    fn note(&mut self, whose: (usize, u64), placing: Placing) {
        self.journal.push(whose, What::Place(placing));
    }

    /// What was to change about a user and a room is durable, or will never be.
    pub(super) fn settle_place(&mut self, entry: &Entry, placing: Placing, outcome: Outcome) {
        let line = self.line_of(entry.whose, entry.number);
        let is_durable = outcome == Outcome::Placed;
        let kind = match placing.step {
            Change::Read(seq) => return self.read_noted(entry.whose, &placing, seq, is_durable),
            Change::Join => "enter",
            Change::Part => "exit",
        };
        if let Some(line) = line {
            self.conn_mut(line).is_held = false;
        }
        if is_durable {
            match placing.step {
                // The disk knew them when it was written.
                Change::Join if self.shut_out.contains(&placing.user) => {
                    self.coverage.reach("deleted_while_taking_part");
                }
                Change::Join => self.take_part(&placing, line),
                Change::Part | Change::Read(_) => self.take_no_part(placing.user, placing.room, line),
            }
        } else {
            self.coverage.reach("place_not_kept");
            if let Some(place) = self.place_mut(placing.user, placing.room) {
                place.is_leaving &= placing.step != Change::Part;
            }
        }
        let Some(line) = line else { return };
        match (placing.step, is_durable) {
            (_, false) => self.not_kept(line, kind, placing.rid, true),
            (Change::Join, true) => self.welcome(line, &placing),
            (Change::Part | Change::Read(_), true) => {
                let text = done(kind, &format!("Left {}", placing.name.text), None, placing.rid.as_deref());
                self.push_all(line, vec![text, out_frame(placing.name)], REPLY_BYTES, true);
            }
        }
    }

    /// How far somebody has read is on the disk, or is not. What they have read since is the next to be.
    fn read_noted(&mut self, whose: (usize, u64), placing: &Placing, seq: usize, is_durable: bool) {
        let Some(place) = self.place_mut(placing.user, placing.room) else { return };
        place.is_noting = is_durable && place.read > seq && !place.is_leaving;
        if place.is_noting {
            let step = Change::Read(place.read);
            self.coverage.reach("read_noted_again");
            self.note(whose, Placing { step, ..placing.clone() });
        }
    }

    fn take_part(&mut self, placing: &Placing, from: Option<usize>) {
        let Placing { user, room, .. } = *placing;
        if self.place(user, room).is_some() {
            return;
        }
        let (devices, was_nowhere) = (self.devices(user), self.device_rooms(user) == [LOBBY]);
        let (now, name) = (self.now, self.book.name(user));
        let last = self.rooms.room(room).last_seq;
        self.places.push(Place::new(user, room, last));
        for device in &devices {
            if was_nowhere {
                self.rooms.part(now, LOBBY, *device);
            }
            self.rooms.join(room, *device, user, name);
        }
        self.coverage.reach("took_part");
        for device in devices.into_iter().filter(|device| Some(*device) != from) {
            self.coverage.reach("took_part_elsewhere");
            let json = self.in_frame(user, room);
            self.push(device, Heard::Text(json.into()), REPLY_BYTES, false);
        }
    }

    /// A user takes part in a room no more. Their devices are told, but for the one that is answered.
    pub(super) fn take_no_part(&mut self, user: usize, room: usize, from: Option<usize>) {
        if self.place(user, room).is_none() {
            return;
        }
        self.places.retain(|place| (place.user, place.room) != (user, room));
        let (devices, is_nowhere) = (self.devices(user), self.device_rooms(user) == [LOBBY]);
        let (now, name, room_name) = (self.now, self.book.name(user), self.rooms.room(room).name);
        for device in &devices {
            self.rooms.part(now, room, *device);
            self.conn_mut(*device).watched.remove(&room);
            if is_nowhere {
                self.rooms.join(LOBBY, *device, user, name);
            }
        }
        self.coverage.reach("took_no_part");
        for device in devices.into_iter().filter(|device| Some(*device) != from) {
            self.coverage.reach("took_no_part_elsewhere");
            self.push(device, Heard::Text(out_frame(room_name).into()), REPLY_BYTES, false);
        }
    }

    /// What is told who takes part in a room now.
    fn welcome(&mut self, line: usize, placing: &Placing) {
        let name = self.name_of(line);
        let room = self.rooms.room(placing.room);
        let data = format!(r#"{{"username":"{name}","room":"{}"}}"#, room.name.text);
        let message = format!("Welcome to {}", room.name.text);
        let mut frames = vec![
            done("enter", &message, Some(&data), placing.rid.as_deref()),
            self.in_frame(placing.user, placing.room),
        ];
        frames.extend(self.roster(room, None));
        self.push_all(line, frames, REPLY_BYTES, true);
        self.watch(line, placing.room);
    }

    /// A server has started: those take part who do on the disk.
    pub(super) fn remember_places(&mut self) {
        self.places.clear();
        for (user, name, read) in self.annals.places() {
            let room = self.rooms.find(name.id).expect("who takes part in a room keeps it");
            self.places.push(Place::new(user, room.number, read));
        }
    }

    /// The number of the last message that was heard in a room.
    pub fn last_seq(&self, name: Name) -> u64 {
        self.rooms.find(name.id).map_or(0, |room| room.last_seq as u64)
    }

    /// The rooms that the user of a line takes part in.
    pub fn places(&self, line: usize) -> Vec<Name> {
        let user = self.user(line);
        let mine = self.places.iter().filter(|place| Some(place.user) == user);
        mine.map(|place| self.rooms.room(place.room).name).collect()
    }

    /// Whether somebody takes part in the room that is always there, also without being here.
    pub fn takes_part_in_example(&self, user: usize) -> bool {
        self.rooms.find(EXAMPLE).is_some_and(|room| self.place(user, room.number).is_some())
    }

    /// How far the rooms go that a user takes part in, and how far they have read there.
    pub(super) fn places_of(&self, user: usize) -> BTreeMap<String, hall::Place> {
        let mine = self.places.iter().filter(|place| place.user == user);
        mine.map(|place| {
            let room = self.rooms.room(place.room);
            (room.name.text.to_owned(), hall::Place { last: room.last_seq, read: place.read })
        })
        .collect()
    }

    /// The conversation of a room, for who takes part in it.
    pub(super) fn conversation_of(&self, line: usize, name: Name) -> Option<(String, Conversation)> {
        let user = self.conn(line).user()?;
        let room = self.rooms.find(name.id).filter(|room| self.place(user, room.number).is_some())?;
        Some((format!(r#""room":"{}""#, room.name.text), Conversation::Room(room.name)))
    }
}

/// As many devices as an account has at most, unless a world says otherwise.
const MANY_DEVICES: usize = 16;
