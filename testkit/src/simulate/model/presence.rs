//! Who is here and what they say of themselves: what their devices are answered, and what those may be told who see them.
//!
//! What is told unasked goes out when the hub finds it due, which the model leaves open. But each of the hub's turns leaves
//! something to be seen, and whatever a device is told has to be what it could see after one of them.

use std::collections::BTreeMap;

use chatroom_core::limits::STATUS_BYTES_MAX;
use chatroom_core::message::friend::Tie;
use chatroom_core::message::presence::{Presence, PresenceState};
use models::sight::{How, seen, untold};

use super::annals::shown;
use super::conn::{Conn, Seat};
use super::request::SECOND;
use super::told::{frame, parts};
use super::{Model, REPLY_BYTES};
use crate::simulate::names::ALPHABET;

/// Whom a device sees, by their names, and how those are.
pub type Sight = BTreeMap<&'static str, How>;

impl Model {
    /// Somebody says how they are here, for all of their devices.
    pub(super) fn present(
        &mut self,
        line: usize,
        state: PresenceState,
        text: Option<Result<String, &'static str>>,
        rid: Option<String>,
    ) {
        let text = match text.transpose() {
            Ok(text) => text,
            Err(code) => return self.refuse_and_count(line, "presence", code, rid, 0),
        };
        let user = self.conn(line).user().expect("only who is logged in comes here");
        let (now, limits) = (self.now, &self.swarm.limits);
        let (count, burst) = (limits.status_rate, limits.status_burst);
        if let Err(wait) = self.habits[user].statuses.take(now, count, SECOND, burst) {
            return self.rate_limit(line, "presence", wait, rid, REPLY_BYTES);
        }
        let text = text.map(|text| shown(&text).into());
        let is_news = self.statuses.say(user, (state, text));
        self.coverage.reach(if is_news { "said_of_oneself" } else { "said_of_oneself_again" });
        let frames = self.presence_frames(&[(user, self.how(user))], rid.as_deref());
        self.push_all(line, frames, REPLY_BYTES, true);
        if !is_news {
            return;
        }
        for device in self.devices(user).into_iter().filter(|device| *device != line) {
            if self.hears(device) {
                self.coverage.reach("told_of_oneself");
                self.tell_here(device, &[(user, self.how(user))]);
            }
        }
        // Friends are told, and all who watch a room that they are in.
        (0..=self.rooms_with(user)).for_each(|_| self.rooms.stir());
    }

    /// A device knows who is a friend from now on: it is told which of them are here, and what its user says of themselves.
    pub(super) fn tell_who_is_here(&mut self, line: usize) {
        if !self.hears(line) {
            return;
        }
        let user = self.conn(line).user().expect("only who is logged in comes here");
        let own = Some(user).filter(|_| self.how(user) != untold(true));
        let friends =
            ALPHABET.into_iter().filter(|other| self.is_friend(user, *other) && self.is_here(*other));
        let here: Vec<(usize, How)> =
            own.into_iter().chain(friends).map(|other| (other, self.how(other))).collect();
        if !here.is_empty() {
            self.coverage.reach("told_who_is_here");
            self.tell_here(line, &here);
        }
        for room in self.conn(line).watched.clone() {
            self.tell_who_is_in(line, room);
        }
    }

    /// A device was told who is in a room, and is told who comes and goes from now on, and how all those are here.
    pub(super) fn watch(&mut self, line: usize, room: usize) {
        self.conn_mut(line).watched.insert(room);
        self.tell_who_is_in(line, room);
    }

    fn tell_who_is_in(&mut self, line: usize, room: usize) {
        if !self.hears(line) {
            return;
        }
        let people = self.rooms.room(room).people.iter().map(|(user, _)| (*user, self.how(*user)));
        let people: Vec<(usize, How)> = people.collect();
        let said = people.iter().filter(|(_, how)| *how != untold(true)).count();
        let frames = self.presence_frames(&people, None);
        self.coverage.reach("told_who_is_in");
        self.push_all(line, frames, cost(said), false);
    }

    /// Two have become friends, or are none any more.
    pub(super) fn tell_of_friend(&mut self, own: usize, other: usize, is_friend: bool) {
        for device in self.devices(own) {
            if !self.hears(device) || (!is_friend && self.sees_in_a_room(device, other)) {
                continue;
            }
            self.coverage.reach(if is_friend { "told_of_a_new_friend" } else { "told_of_a_lost_friend" });
            let how = if is_friend { self.how(other) } else { untold(false) };
            self.tell_here(device, &[(other, how)]);
        }
    }

    /// Somebody's account is deleted who was something to the user of a device.
    pub(super) fn tell_gone(&mut self, line: usize, other: usize) {
        if self.hears(line) {
            self.tell_here(line, &[(other, untold(false))]);
        }
    }

    /// Whether a device is told who is here: it was granted that, and knows who is a friend.
    pub fn hears(&self, line: usize) -> bool {
        self.conns[line].as_ref().is_some_and(|conn| {
            matches!(conn.place, Seat::Hall { .. }) && conn.caps.presence && conn.knows_ties
        })
    }

    /// Whom a device sees, and how those are: nobody, if it is not told.
    pub fn sight(&self, line: usize) -> Sight {
        let Some((conn, user)) = self.conns[line].as_ref().and_then(|conn| Some((conn, conn.user()?))) else {
            return Sight::new();
        };
        if !self.hears(line) {
            return Sight::new();
        }
        let friends = ALPHABET.into_iter().filter(|other| self.is_friend(user, *other));
        let rooms = conn.watched.iter().filter_map(|room| self.rooms.get(*room));
        let together = rooms.flat_map(|room| room.people.iter().map(|(other, _)| *other));
        let seen = seen(user, friends, together, |user| self.how(*user));
        seen.into_iter().map(|(user, how)| (self.book.name(user), how)).collect()
    }

    /// The hub has done something, and what is told unasked from now on is what is to be seen now.
    pub(super) fn end_turn(&mut self) {
        let turn = self.turn;
        self.turn += 1;
        for line in 0..self.conns.len() {
            let was_seen = self.conns[line].as_ref().is_some_and(|conn| !conn.sights.is_empty());
            if was_seen || self.hears(line) {
                let sight = self.sight(line);
                self.conn_mut(line).note_sight(turn, sight);
            }
        }
    }

    /// How somebody is here, or that they are not.
    pub fn how(&self, user: usize) -> How {
        self.statuses.how(user, self.is_here(user))
    }

    pub(super) fn is_here(&self, user: usize) -> bool {
        self.conns.iter().flatten().any(|conn| conn.user() == Some(user))
    }

    fn is_friend(&self, user: usize, other: usize) -> bool {
        self.ties.get(&user).is_some_and(|views| views.get(&other) == Some(&Tie::Friend))
    }

    fn sees_in_a_room(&self, line: usize, other: usize) -> bool {
        let rooms = self.conn(line).watched.iter().filter_map(|room| self.rooms.get(*room));
        rooms.flat_map(|room| &room.people).any(|(user, _)| *user == other)
    }

    fn rooms_with(&self, user: usize) -> usize {
        self.rooms.iter().filter(|room| room.people.iter().any(|(other, _)| *other == user)).count()
    }

    fn tell_here(&mut self, line: usize, here: &[(usize, How)]) {
        let frames = self.presence_frames(here, None);
        self.push_all(line, frames, cost(here.len()), false);
    }

    fn presence_frames(&self, here: &[(usize, How)], rid: Option<&str>) -> Vec<String> {
        let entry = |(user, how): &(usize, How)| {
            let name = self.book.name(*user);
            let text = how.1.as_ref().map_or(0, |text| json(text).len() + 8);
            (name.len() + text + 31, entry(name, how))
        };
        let parts = parts(here.iter().map(entry).collect(), self.swarm.limits.list_bytes_max);
        let frames = parts.into_iter().enumerate();
        frames.map(|(index, part)| presence_frame(&part, rid.filter(|_| index == 0))).collect()
    }
}

impl Conn {
    /// That is what it sees after a turn of the hub.
    fn note_sight(&mut self, turn: u64, sight: Sight) {
        if self.sights.back().is_none_or(|(_, last)| *last != sight) {
            self.sights.push_back((turn, sight));
        }
    }

    /// The first turn after which it could be told that, of those since it heard something, and before that one.
    pub(super) fn find_sight(&self, json: &str, before: u64) -> Option<u64> {
        let value: serde_json::Value = serde_json::from_str(json).ok()?;
        let users = value["data"]["users"].as_array()?.iter().map(|user| user["user"].as_str());
        let users: Vec<&str> = users.collect::<Option<_>>()?;
        let ends = self.sights.iter().skip(1).map(|(turn, _)| *turn).chain([u64::MAX]);
        for ((begin, sight), end) in self.sights.iter().zip(ends) {
            let first = self.heard_turn.max(*begin);
            let entries = users.iter().map(|user| Some(entry(user, sight.get(*user)?)));
            if first < end.min(before)
                && let Some(entries) = entries.collect::<Option<Vec<String>>>()
                && presence_frame(&entries, None) == json
            {
                return Some(first);
            }
        }
        None
    }

    /// What it hears from now on is of that turn, or of a later one.
    pub(super) fn hear_turn(&mut self, turn: u64) {
        self.heard_turn = self.heard_turn.max(turn);
        while self.sights.get(1).is_some_and(|(begin, _)| *begin <= self.heard_turn) {
            self.sights.pop_front();
        }
    }
}

fn entry(name: &str, (state, text): &How) -> String {
    let text = text.as_ref().map(|text| format!(r#","text":{}"#, json(text))).unwrap_or_default();
    format!(r#"{{"user":"{name}","state":"{}"{text}}}"#, state.as_str())
}

fn json(text: &str) -> String {
    serde_json::to_string(text).expect("a text can be written as JSON")
}

fn presence_frame(entries: &[String], rid: Option<&str>) -> String {
    frame("presence", &format!(r#""users":[{}]"#, entries.join(",")), rid)
}

/// What it counts for in a mailbox that somebody is told of so many who have something to say.
fn cost(said: usize) -> usize {
    (1 + said) * (STATUS_BYTES_MAX + size_of::<Presence>())
}

/// What begins a frame that says who is here.
pub const PRESENCE: &str = r#"{"type":"presence","status":"ok""#;
