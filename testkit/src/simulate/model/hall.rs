//! What a device knows of rooms, people and private conversations from what it was told: everything once, and then what
//! changes.
//!
//! It reads frames as a client does, and knows of the model only what was to be seen at which moment. So it notices also
//! what is wrong about frames that are as the model says.

use std::collections::{BTreeMap, BTreeSet};

use models::sight::untold;
use serde_json::Value;

use super::presence::Sight;
use super::room::{CROWDS, Rooms, crowds_text};
use crate::simulate::names::find_room;

/// What a device knows.
#[derive(Default)]
pub struct Hall {
    /// How many are in each room.
    crowds: BTreeMap<String, usize>,
    /// The rooms that its user takes part in.
    places: BTreeMap<String, Place>,
    /// Who is in those of them that it has looked into.
    rosters: BTreeMap<String, Vec<String>>,
    /// The number of the last private message with each other user that there is, or was when it heard of it.
    whispers: BTreeMap<String, usize>,
    /// How people are here, as far as it was told: in which state, and with which words.
    here: BTreeMap<String, (String, Option<String>)>,
    /// What it knows is of this moment, or of a later one.
    pub floor: u64,
    /// Of what is told in several frames it was told some.
    is_partial: bool,
    /// The moment of what it knew before the differences that it was told last, with nothing between them: where each
    /// of them ends is not known.
    before: Option<u64>,
}

/// A room that a user takes part in: how far it goes, and how far they have read as far as it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub last: usize,
    pub read: usize,
}

impl Hall {
    /// It is told what the model says it is to be told, which was decided at that moment, if it came by the mailbox. What
    /// did not may come also between what waits there.
    pub fn learn(&mut self, json: &str, moment: Option<u64>) -> Result<(), String> {
        if let Some(moment) = moment {
            if self.is_partial {
                return Err(format!("knows what never was so: {}", crowds_text(&self.crowds)));
            }
            self.before = None;
            self.floor = self.floor.max(moment);
        }
        self.merge(json)
    }

    /// It is told a difference that nobody asked for, at that moment at the latest. Whether it is one.
    pub fn learn_unasked(&mut self, json: &str, rooms: &Rooms, to: u64) -> Result<bool, String> {
        let Some(data) = json.split_once(r#","status":"ok","data":"#).map(|(_, data)| data) else {
            return Ok(false);
        };
        let is_of_rooms = json.starts_with(r#"{"type":"rooms""#);
        let is_difference = if is_of_rooms {
            data.starts_with(r#"{"gone""#) || data.starts_with(r#"{"rooms""#)
        } else {
            json.starts_with(r#"{"type":"roster""#) && !data.contains(r#""members""#)
        };
        if !is_difference || (self.is_partial && !is_of_rooms) {
            return Ok(false);
        }
        let value: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let room = value["data"]["room"].as_str().unwrap_or_default().to_owned();
        if !is_of_rooms && !self.rosters.contains_key(&room) {
            return Err(format!("is told who is in a room that it does not look at: {json}"));
        }
        self.merge(json)?;
        let (number, text, from) = match is_of_rooms {
            true => (CROWDS, crowds_text(&self.crowds), *self.before.get_or_insert(self.floor)),
            false => (number_of(&room, rooms)?, roster_text(&room, &self.rosters[&room]), self.floor),
        };
        self.before = self.before.filter(|_| is_of_rooms);
        match rooms.find_moment(number, from, to, &text) {
            Some(moment) => (self.floor, self.is_partial) = (moment, false),
            // What does not fit into a frame comes in further ones.
            None if is_of_rooms => self.is_partial = true,
            None => return Err(format!("has a picture that never was right: {text}")),
        }
        Ok(true)
    }

    /// When nothing moves any more it knows of all whom its user, `own`, sees how they are.
    pub fn check_who_is_here(&self, own: &str, sight: &Sight) -> Result<(), String> {
        for (name, (state, text)) in sight {
            let nothing = || (untold(*name == own).0.as_str().to_owned(), None);
            let known = self.here.get(*name).cloned().unwrap_or_else(nothing);
            let (known_state, known_text) = &known;
            if (known_state.as_str(), known_text.as_deref()) != (state.as_str(), text.as_deref()) {
                return Err(format!("knows {name} to be {known:?}, and of all it sees {sight:?}"));
            }
        }
        Ok(())
    }

    /// When nothing moves any more it knows what is so.
    pub fn check(
        &self,
        rooms: &Rooms,
        places: &BTreeMap<String, Place>,
        talks: Option<BTreeMap<String, usize>>,
    ) -> Result<(), String> {
        if self.crowds != rooms.crowds() {
            return Err(format!("knows {:?} where {:?} is right", self.crowds, rooms.crowds()));
        }
        for (room, known) in &self.rosters {
            let number = number_of(room, rooms)?;
            let there: Vec<&str> = rooms.room(number).people.iter().map(|(_, name)| *name).collect();
            if *known != there {
                return Err(format!("knows {known:?} in {room} where {there:?} is right"));
            }
        }
        let is_right =
            |(known, place): (&Place, &Place)| known.last == place.last && known.read <= place.read;
        if !self.places.keys().eq(places.keys()) || !self.places.values().zip(places.values()).all(is_right) {
            return Err(format!("knows {:?} where {places:?} is right", self.places));
        }
        match talks {
            Some(talks) if self.whispers != talks => {
                Err(format!("knows {:?} where {talks:?} was said in private", self.whispers))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn merge(&mut self, json: &str) -> Result<(), String> {
        let kind = json.strip_prefix(r#"{"type":""#).and_then(|rest| rest.split('"').next());
        let kind = kind.unwrap_or_default();
        if !matches!(kind, "rooms" | "roster" | "read" | "msg" | "presence")
            || json.contains(r#","status":"error","#)
        {
            return Ok(());
        }
        let value: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let data = &value["data"];
        match kind {
            "rooms" => self.hear_rooms(data),
            "roster" => self.hear_roster(data),
            "read" => self.hear_read(data),
            "presence" => self.hear_who_is_here(data),
            _ => self.hear_message(data),
        }
    }

    fn hear_rooms(&mut self, data: &Value) -> Result<(), String> {
        if data["all"] == true {
            self.crowds.clear();
            self.places.clear();
        }
        for gone in strings(&data["gone"]) {
            self.crowds.remove(&gone);
        }
        for room in items(&data["rooms"]) {
            self.crowds.insert(text(&room["room"]), number(&room["people"]));
        }
        for room in items(&data["in"]) {
            let place = Place { last: number(&room["last"]), read: number(&room["read"]) };
            if place.read > place.last {
                return Err(format!("more is read than there is: {room}"));
            }
            self.places.insert(text(&room["room"]), place);
        }
        let mut named = BTreeSet::new();
        for talk in items(&data["peers"]) {
            let (peer, last) = (text(&talk["peer"]), number(&talk["last"]));
            if !named.insert(peer.clone()) || last == 0 || number(&talk["read"]) > last {
                return Err(format!("is told of a private conversation that cannot be: {talk}"));
            }
            // It has been given what was said before, and is given what is said after.
            if self.whispers.insert(peer, last).is_some_and(|known| known != last) {
                return Err(format!("is told of another last message than it has heard: {talk}"));
            }
        }
        for out in strings(&data["out"]) {
            self.places.remove(&out).ok_or_else(|| format!("is out of a room that it was not in: {out}"))?;
            self.rosters.remove(&out);
        }
        Ok(())
    }

    fn hear_roster(&mut self, data: &Value) -> Result<(), String> {
        let room = text(&data["room"]);
        // Who takes part in a room alone is told what changes in it.
        if !self.places.contains_key(&room) {
            return Ok(());
        }
        let known = self.rosters.entry(room).or_default();
        if data["members"].is_array() {
            *known = strings(&data["members"]).collect();
        }
        for left in strings(&data["left"]) {
            known.retain(|name| *name != left);
        }
        for joined in strings(&data["joined"]) {
            known.retain(|name| *name != joined);
            known.push(joined);
        }
        Ok(())
    }

    fn hear_read(&mut self, data: &Value) -> Result<(), String> {
        if let Some(peer) = data["peer"].as_str() {
            let (seq, last) = (number(&data["seq"]), self.whispers.get(peer));
            return match last.is_some_and(|last| seq > *last) {
                true => Err(format!("has read {seq} of {last:?} with {peer}")),
                false => Ok(()),
            };
        }
        let (room, seq) = (text(&data["room"]), number(&data["seq"]));
        let place = self.places.get_mut(&room).ok_or("has read where it does not take part")?;
        if seq < place.read || seq > place.last {
            return Err(format!("has read {seq} in {room}, of {} and after {}", place.last, place.read));
        }
        place.read = seq;
        Ok(())
    }

    fn hear_who_is_here(&mut self, data: &Value) -> Result<(), String> {
        for user in items(&data["users"]) {
            let how = (text(&user["state"]), user["text"].as_str().map(str::to_owned));
            self.here.insert(text(&user["user"]), how);
        }
        Ok(())
    }

    /// Whatever was said reaches it once, and in its order.
    fn hear_message(&mut self, data: &Value) -> Result<(), String> {
        let seq = number(&data["seq"]);
        let (before, place) = match (data["room"].as_str(), data["peer"].as_str()) {
            (Some(room), _) => {
                let place =
                    self.places.get_mut(room).ok_or("hears of a room that it does not take part in")?;
                (std::mem::replace(&mut place.last, seq), room)
            }
            (None, Some(peer)) => {
                (self.whispers.insert(peer.to_owned(), seq).unwrap_or(seq.saturating_sub(1)), peer)
            }
            (None, None) => return Err("a message has no place".into()),
        };
        if seq != before + 1 {
            return Err(format!("hears message {seq} of {place} after {before}"));
        }
        Ok(())
    }
}

fn number_of(room: &str, rooms: &Rooms) -> Result<usize, String> {
    let found = find_room(room).and_then(|name| rooms.find(name.id));
    found.map(|room| room.number).ok_or_else(|| format!("knows a room that there is not: {room}"))
}

/// A room's list, as those see it who are in one room at a time.
fn roster_text(room: &str, names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!(r#""{name}""#)).collect();
    format!(r#"{{"type":"list_room","status":"ok","data":{{"{room}":[{}]}}}}"#, names.join(","))
}

fn items(array: &Value) -> impl Iterator<Item = &Value> {
    array.as_array().into_iter().flatten()
}

fn strings(array: &Value) -> impl Iterator<Item = String> {
    items(array).map(text)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value) -> usize {
    value.as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or_default()
}
