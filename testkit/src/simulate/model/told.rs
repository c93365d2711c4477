//! What devices are told of rooms, of the people in them and of private conversations, as frames.

use std::collections::BTreeMap;

use chatroom_core::frame::PREFIX_BYTES;

use super::Model;
use super::conn::What;
use super::journal::{self, Talk, Telling};
use super::room::Room;
use super::ties::Views;
use crate::simulate::names::Name;

impl Model {
    /// All rooms, and those that a user takes part in.
    pub(super) fn show_all(&mut self, line: usize, user: usize, rid: Option<&str>, cost: usize) {
        let rooms: Vec<(usize, String)> = self.rooms.iter().map(crowd).collect();
        let place = |room: &Room| {
            let place = self.place(user, room.number)?;
            Some((bytes_of(room), standing(room, place.read)))
        };
        let places: Vec<(usize, String)> = self.rooms.iter().filter_map(place).collect();
        let frame = |all: bool, rooms: &[String], places: &[String], rid: Option<&str>| {
            let mut keys = Vec::new();
            if all {
                keys.push(r#""all":true"#.to_owned());
            }
            if !rooms.is_empty() {
                keys.push(format!(r#""rooms":[{}]"#, rooms.join(",")));
            }
            if !places.is_empty() {
                keys.push(format!(r#""in":[{}]"#, places.join(",")));
            }
            frame("rooms", &keys.join(","), rid)
        };
        let max = self.swarm.limits.list_bytes_max;
        let all: usize = rooms.iter().chain(&places).map(|(bytes, _)| bytes).sum();
        let frames = if all + ENVELOPE_BYTES <= max {
            let [rooms, places] =
                [rooms, places].map(|items| items.into_iter().map(|(_, item)| item).collect());
            let (rooms, places): (Vec<String>, Vec<String>) = (rooms, places);
            vec![frame(true, &rooms, &places, rid)]
        } else {
            self.coverage.reach("rooms_in_several_frames");
            let mut rooms = parts(rooms, max).into_iter();
            let first = frame(true, &rooms.next().unwrap_or_default(), &[], rid);
            let rooms = rooms.map(|rooms| frame(false, &rooms, &[], None));
            let places = parts(places, max).into_iter().map(|places| frame(false, &[], &places, None));
            [first].into_iter().chain(rooms).chain(places).collect()
        };
        self.push_all(line, frames, cost, true);
    }

    pub(super) fn roster(&self, room: &Room, rid: Option<&str>) -> Vec<String> {
        let names = room.people.iter().map(|(_, name)| (name.len() + 3, format!(r#""{name}""#)));
        let mut parts = parts(names.collect(), self.swarm.limits.list_bytes_max).into_iter();
        let roster = |key: &str, names: Vec<String>, rid: Option<&str>| {
            let data = format!(r#""room":"{}","{key}":[{}]"#, room.name.text, names.join(","));
            frame("roster", &data, rid)
        };
        let first = roster("members", parts.next().unwrap_or_default(), rid);
        [first].into_iter().chain(parts.map(|names| roster("joined", names, None))).collect()
    }

    pub(super) fn in_frame(&self, user: usize, room: usize) -> String {
        let read = self.place(user, room).map_or(0, |place| place.read);
        frame("rooms", &format!(r#""in":[{}]"#, standing(self.rooms.room(room), read)), None)
    }

    /// A device is to be told of its private conversations when the disk has been asked, unless it is about to be.
    pub(super) fn tell(&mut self, line: usize, user: usize) {
        if !self.swarm.history {
            return;
        }
        let conn = self.conn(line);
        if conn.telling.is_some_and(|number| !self.journal.is_settled(number)) {
            return self.coverage.reach("told_once_of_talks");
        }
        let whose = (line, conn.connection);
        let with_ties = conn.caps.friends && !conn.knows_ties;
        let number = self.journal.push(whose, journal::What::Telling(Telling { user, with_ties }));
        self.conn_mut(line).telling = Some(number);
    }

    /// The disk was asked for a device's private conversations, and has answered or not.
    pub(super) fn told(
        &mut self,
        whose: (usize, u64),
        number: u64,
        told: Option<(Vec<Talk>, Views, Telling)>,
    ) {
        let Some(line) = self.line_of(whose, number) else { return };
        let Some((talks, views, telling)) = told else {
            self.coverage.reach("not_told_of_talks");
            return self.untold.push((whose, number));
        };
        self.conn_mut(line).telling = None;
        let talk = |Talk { peer, last, read }: Talk| {
            let name = self.book.name(peer);
            (bytes_of_name(name), format!(r#"{{"peer":"{name}","last":{last},"read":{read}}}"#))
        };
        let talks = parts(talks.into_iter().map(talk).collect(), self.swarm.limits.list_bytes_max);
        for talks in talks {
            self.coverage.reach("told_of_talks");
            let json = frame("rooms", &format!(r#""peers":[{}]"#, talks.join(",")), None);
            let cost = json.len() + PREFIX_BYTES;
            self.push(line, What::Text(json.into()), cost, false);
        }
        if telling.with_ties {
            self.told_ties(line, telling.user, &views);
        }
    }

    /// The disk does something: those are told who could not be, unless they have asked since.
    pub(super) fn tell_the_untold(&mut self) {
        for (whose, number) in std::mem::take(&mut self.untold) {
            if let Some(line) = self.line_of(whose, u64::MAX)
                && self.conn(line).telling == Some(number)
                && let Some(user) = self.conn(line).user()
            {
                self.coverage.reach("told_again_of_talks");
                self.tell(line, user);
            }
        }
    }

    /// Whether a device was told of its private conversations: the disk was asked, and has answered.
    pub fn is_told(&self, line: usize) -> bool {
        self.conn(line).telling.is_none()
    }

    /// The private conversations of a device's user, each with the number of its last message, if the device knows of all
    /// of them: nothing of that is on its way, and who is deleted is not told any more.
    pub(super) fn talks_of(&self, line: usize) -> Option<BTreeMap<String, usize>> {
        let conn = self.conn(line);
        let user = conn.user().filter(|user| self.is_told(line) && !self.is_deleted(*user))?;
        let talks = self.annals.talks(user).into_iter();
        Some(talks.map(|talk| (self.book.name(talk.peer).to_owned(), talk.last)).collect())
    }

    /// Several frames that come together.
    pub(super) fn push_all(&mut self, line: usize, frames: Vec<String>, cost: usize, is_answer: bool) {
        for (index, json) in frames.into_iter().enumerate() {
            let follows = index > 0 || cost == 0;
            let what = if follows { What::Follows(json.into()) } else { What::Text(json.into()) };
            self.push(line, what, if index == 0 { cost } else { 0 }, is_answer);
        }
    }
}

pub(super) fn frame(kind: &str, data: &str, rid: Option<&str>) -> String {
    let rid = rid.map(|rid| format!(r#","rid":"{rid}""#)).unwrap_or_default();
    format!(r#"{{"type":"{kind}","status":"ok","data":{{{data}}}{rid}}}"#)
}

pub(super) fn read_frame(room: &str, seq: usize, rid: Option<&str>) -> String {
    frame("read", &format!(r#""room":"{room}","seq":{seq}"#), rid)
}

pub(super) fn peer_read_frame(peer: &str, seq: usize, rid: Option<&str>) -> String {
    frame("read", &format!(r#""peer":"{peer}","seq":{seq}"#), rid)
}

pub(super) fn out_frame(room: Name) -> String {
    frame("rooms", &format!(r#""out":["{}"]"#, room.text), None)
}

fn crowd(room: &Room) -> (usize, String) {
    (bytes_of(room), format!(r#"{{"room":"{}","people":{}}}"#, room.name.text, room.people.len()))
}

fn standing(room: &Room, read: usize) -> String {
    format!(r#"{{"room":"{}","last":{},"read":{read}}}"#, room.name.text, room.last_seq)
}

/// What a room counts for in a frame, in bytes.
fn bytes_of(room: &Room) -> usize {
    bytes_of_name(room.name.text)
}

fn bytes_of_name(name: &str) -> usize {
    name.len() + 74
}

/// What fits into a frame together. What fits into none goes alone.
pub(super) fn parts<T>(items: Vec<(usize, T)>, bytes_max: usize) -> Vec<Vec<T>> {
    let max = bytes_max.saturating_sub(ENVELOPE_BYTES);
    let (mut parts, mut left): (Vec<Vec<T>>, usize) = (Vec::new(), 0);
    for (bytes, item) in items {
        match (parts.last_mut(), left.checked_sub(bytes)) {
            (Some(part), Some(rest)) => {
                part.push(item);
                left = rest;
            }
            _ => {
                parts.push(vec![item]);
                left = max.saturating_sub(bytes);
            }
        }
    }
    parts
}

/// What is around the items of a frame counts for so much.
const ENVELOPE_BYTES: usize = 1536;
