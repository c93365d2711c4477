//! What a connection knows of who is where, from what it was told: lists for who is in one room at a time, differences for
//! devices.

use std::collections::{BTreeMap, BTreeSet};

use chatroom_core::frame::PREFIX_BYTES;
use chatroom_core::hub::{Mail, Overview, Reply, Snapshot, Whisper};
use chatroom_core::message::push::Roster;
use chatroom_core::message::rooms::Standing;
use serde_json::Value;

/// What a connection knows.
#[derive(Default)]
pub(super) struct Picture {
    /// Who is in one room at a time: what is to be seen there, and of which moment that is.
    pub(super) list: Option<(String, u64)>,
    /// A device: how many are in each room.
    pub(super) crowds: BTreeMap<String, u64>,
    /// The rooms its user takes part in, and the number of the last message there.
    pub(super) places: BTreeMap<String, u64>,
    /// Who is in the rooms of these that it has seen from inside.
    pub(super) rosters: BTreeMap<String, BTreeSet<String>>,
    /// The number of the last private message of its user and another one, by both names.
    whispers: BTreeMap<BTreeSet<String>, u64>,
}

impl Picture {
    /// It is told something that is no list nobody asked for.
    pub(super) fn learn(&mut self, mail: &Mail, moment: u64) {
        match mail {
            Mail::Reply(
                Reply::LoggedIn(list) | Reply::Listed(list) | Reply::Entered(_, list) | Reply::Left(_, list),
            ) => self.list = Some((list_of(list), moment)),
            Mail::Reply(Reply::LoggedOut) | Mail::Farewell(_) => *self = Self::default(),
            Mail::Reply(Reply::Overview(Overview { crowds, places })) => {
                let crowd = |crowd: &chatroom_core::message::rooms::Crowd| {
                    (crowd.room.to_string(), crowd.people as u64)
                };
                self.crowds = crowds.iter().map(crowd).collect();
                self.places.clear();
                places.iter().for_each(|(_, standing)| self.join(standing));
            }
            Mail::Reply(Reply::People(roster)) => self.see(roster),
            Mail::Reply(Reply::Joined(joined)) => {
                let (_, standing, roster) = &**joined;
                self.join(standing);
                self.see(roster);
            }
            Mail::Joined(place) => self.join(&place.1),
            Mail::Reply(Reply::Parted(_, room)) | Mail::Parted(_, room) => {
                self.places.remove(room.as_str());
                self.rosters.remove(room.as_str());
            }
            Mail::Frame(frame) => self.hear(frame),
            Mail::Whisper(whisper) => self.hear_whisper(whisper),
            Mail::Reply(
                Reply::Created(_)
                | Reply::Said
                | Reply::Read(..)
                | Reply::PeerRead(..)
                | Reply::Friends(_)
                | Reply::Tied(..)
                | Reply::Present(_)
                | Reply::Denied(_),
            )
            | Mail::List(_)
            | Mail::Read(..)
            | Mail::Tied(..)
            | Mail::Here(_)
            | Mail::Refused(_) => {}
        }
    }

    fn join(&mut self, standing: &Standing) {
        self.places.insert(standing.room.to_string(), standing.last);
    }

    /// Only who takes part in a room is told what changes in it.
    fn see(&mut self, roster: &Roster) {
        let room = roster.room.to_string();
        if self.places.contains_key(&room) {
            self.rosters.insert(room, roster.members.iter().map(str::to_owned).collect());
        }
    }

    /// A device, which alone is told of crowds, misses none after the first.
    fn hear_whisper(&mut self, whisper: &Whisper) {
        let Some(kept) = whisper.kept.as_ref().filter(|_| !self.crowds.is_empty()) else { return };
        let both = [&whisper.from, &kept.to].map(ToString::to_string).into();
        let seq = kept.posted.seq;
        let before = self.whispers.insert(both, seq);
        assert!(
            before.is_none_or(|before| seq == before + 1),
            "a private message is missing, or there twice"
        );
    }

    fn hear(&mut self, frame: &[u8]) {
        let frame: Value = serde_json::from_slice(&frame[PREFIX_BYTES..]).expect("a frame is JSON");
        let data = &frame["data"];
        match frame["type"].as_str() {
            Some("msg") => {
                let place = data["room"].as_str().and_then(|room| self.places.get_mut(room));
                if let Some((last, seq)) = place.zip(data["seq"].as_u64()) {
                    assert_eq!(seq, *last + 1, "a message is missing, or there twice");
                    *last = seq;
                }
            }
            Some("rooms") => {
                assert!(data["all"].is_null() && data["in"].is_null() && data["out"].is_null(), "{data}");
                for gone in strings(&data["gone"]) {
                    self.crowds.remove(&gone);
                }
                for room in data["rooms"].as_array().into_iter().flatten() {
                    let name = room["room"].as_str().expect("a room has a name").to_owned();
                    self.crowds.insert(name, room["people"].as_u64().expect("there are so many in it"));
                }
            }
            Some("roster") => {
                let room = data["room"].as_str().expect("a roster is of a room");
                let roster = self.rosters.get_mut(room).expect("only who has seen a room is told of it");
                if data["members"].is_array() {
                    roster.clear();
                }
                for gone in strings(&data["left"]) {
                    roster.remove(&gone);
                }
                roster.extend(strings(&data["members"]));
                roster.extend(strings(&data["joined"]));
            }
            _ => {}
        }
    }
}

/// A list as JSON, as it is on the wire.
pub(super) fn list_of(list: &Snapshot) -> String {
    let room = |roster: &Roster| {
        let names: Vec<String> = roster.members.iter().map(|name| format!("{name:?}")).collect();
        format!("{:?}:[{}]", roster.room.as_str(), names.join(","))
    };
    format!("{{{}}}", list.rosters.iter().map(room).collect::<Vec<_>>().join(","))
}

fn strings(array: &Value) -> Vec<String> {
    let strings = array.as_array().into_iter().flatten();
    strings.map(|name| name.as_str().expect("names are strings").to_owned()).collect()
}
