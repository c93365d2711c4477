//! Rooms and the people in them, and private conversations, for who is in many at once: each told whole once, and then what
//! changes.

use alloc::vec::Vec;

use serde::{Serialize, Serializer};

use super::names::Names;
use super::push::Roster;
use super::reply;
use super::{Kind, Rid, json};
use crate::frame::Frame;
use crate::name::{RoomName, UserName};

/// A room, and how many are in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crowd {
    /// The room.
    pub room: RoomName,
    /// How many users are there, each counted once.
    pub people: usize,
}

/// A room that a user takes part in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The room.
    pub room: RoomName,
    /// The number of the last message there; 0 if there is none.
    pub last: u64,
    /// The number of the last message that the user has read there.
    pub read: u64,
}

/// A private conversation, as one of the two has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Talk {
    /// The other one.
    pub peer: UserName,
    /// The number of the last message there.
    pub last: u64,
    /// The number of the last message that the user has read there.
    pub read: u64,
}

impl Serialize for Crowd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Wire<'a> {
            room: &'a str,
            people: usize,
        }
        Wire { room: self.room.as_str(), people: self.people }.serialize(serializer)
    }
}

impl Serialize for Standing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Wire<'a> {
            room: &'a str,
            last: u64,
            read: u64,
        }
        Wire { room: self.room.as_str(), last: self.last, read: self.read }.serialize(serializer)
    }
}

impl Serialize for Talk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Wire<'a> {
            peer: &'a str,
            last: u64,
            read: u64,
        }
        Wire { peer: self.peer.as_str(), last: self.last, read: self.read }.serialize(serializer)
    }
}

/// What a `rooms` says. What is not said has not changed.
#[derive(Default, Serialize)]
struct Rooms<'a> {
    /// There are no other rooms than these, and the user takes part in no others.
    #[serde(skip_serializing_if = "Option::is_none")]
    all: Option<bool>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    rooms: &'a [Crowd],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    gone: &'a [Spelled<'a>],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    r#in: &'a [&'a Standing],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    out: &'a [Spelled<'a>],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    peers: &'a [Talk],
}

#[derive(Clone, Copy)]
struct Spelled<'a>(&'a RoomName);

impl Serialize for Spelled<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl Rooms<'_> {
    fn encode(&self, rid: Option<&Rid>) -> Frame {
        reply::encode_data(Kind::Rooms, self, rid)
    }
}

/// Encodes all rooms there are, and those that a user takes part in. What does not fit into `bytes_max` bytes of JSON comes
/// in further frames.
pub(crate) fn encode_all(
    crowds: &[Crowd],
    standings: &[&Standing],
    bytes_max: usize,
    rid: Option<&Rid>,
) -> Vec<Frame> {
    let rooms_bytes: usize = crowds.iter().map(|crowd| bytes_of(crowd.room.as_str())).sum();
    let places_bytes: usize = standings.iter().map(|standing| bytes_of(standing.room.as_str())).sum();
    if rooms_bytes + places_bytes + ENVELOPE_BYTES_MAX <= bytes_max {
        let all = Rooms { all: Some(true), rooms: crowds, r#in: standings, ..Rooms::default() };
        return Vec::from([all.encode(rid)]);
    }
    let mut crowds = chunks(crowds, |crowd| bytes_of(crowd.room.as_str()), bytes_max);
    let standings = chunks(standings, |standing| bytes_of(standing.room.as_str()), bytes_max);
    let first = Rooms { all: Some(true), rooms: crowds.next().unwrap_or_default(), ..Rooms::default() };
    let mut frames = Vec::from([first.encode(rid)]);
    frames.extend(crowds.map(|rooms| Rooms { rooms, ..Rooms::default() }.encode(None)));
    frames.extend(standings.map(|r#in| Rooms { r#in, ..Rooms::default() }.encode(None)));
    frames
}

/// Encodes which rooms have changed, or are gone.
pub(crate) fn encode_changes(crowds: &[Crowd], gone: &[RoomName], bytes_max: usize) -> Vec<Frame> {
    let gone: Vec<Spelled<'_>> = gone.iter().map(Spelled).collect();
    let gone = chunks(&gone, |room| bytes_of(room.0.as_str()), bytes_max);
    let crowds = chunks(crowds, |crowd| bytes_of(crowd.room.as_str()), bytes_max);
    let gone = gone.map(|gone| Rooms { gone, ..Rooms::default() }.encode(None));
    gone.chain(crowds.map(|rooms| Rooms { rooms, ..Rooms::default() }.encode(None))).collect()
}

/// Encodes that a user takes part in a room from now on.
pub(crate) fn encode_in(standing: &Standing) -> Frame {
    Rooms { r#in: &[standing], ..Rooms::default() }.encode(None)
}

/// Encodes that a user takes part in a room no more.
pub(crate) fn encode_out(room: &RoomName) -> Frame {
    Rooms { out: &[Spelled(room)], ..Rooms::default() }.encode(None)
}

/// Encodes the private conversations of a user, in as many frames as they need; without any there is nothing to say.
pub(crate) fn encode_peers(talks: &[Talk], bytes_max: usize) -> Vec<Frame> {
    let talks = chunks(talks, |talk| bytes_of(talk.peer.as_str()), bytes_max);
    talks.map(|peers| Rooms { peers, ..Rooms::default() }.encode(None)).collect()
}

/// What a `roster` says of a room: who is there, or who has come and who has gone.
#[derive(Serialize)]
struct People<'a> {
    room: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<&'a [&'a str]>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    joined: &'a [&'a str],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    left: &'a [&'a str],
}

impl People<'_> {
    fn encode(&self, rid: Option<&Rid>) -> Frame {
        reply::encode_data(Kind::Roster, self, rid)
    }
}

/// Encodes who is in a room. Those who do not fit into `bytes_max` bytes of JSON follow as if they came.
pub(crate) fn encode_roster(roster: &Roster, bytes_max: usize, rid: Option<&Rid>) -> Vec<Frame> {
    let Roster { room, members } = roster;
    let names: Vec<&str> = Names::iter(members).collect();
    let room = room.as_str();
    let mut parts = chunks(&names, |name| json::string_bytes(name) + 1, bytes_max);
    let members = Some(parts.next().unwrap_or_default());
    let mut frames = Vec::from([People { room, members, joined: &[], left: &[] }.encode(rid)]);
    frames.extend(parts.map(|joined| People { room, members: None, joined, left: &[] }.encode(None)));
    frames
}

/// Encodes who has come to a room and who has gone.
pub(crate) fn encode_roster_change(room: &RoomName, joined: &[&str], left: &[&str]) -> Frame {
    People { room: room.as_str(), members: None, joined, left }.encode(None)
}

/// Encodes how far a user has read in a room.
pub(crate) fn encode_read(room: &RoomName, seq: u64, rid: Option<&Rid>) -> Frame {
    Extent { room: Some(room.as_str()), peer: None, seq }.encode(rid)
}

/// Encodes how far a user has read in a private conversation.
pub(crate) fn encode_peer_read(peer: &UserName, seq: u64, rid: Option<&Rid>) -> Frame {
    Extent { room: None, peer: Some(peer.as_str()), seq }.encode(rid)
}

/// What a `read` says.
#[derive(Serialize)]
struct Extent<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<&'a str>,
    seq: u64,
}

impl Extent<'_> {
    fn encode(&self, rid: Option<&Rid>) -> Frame {
        reply::encode_data(Kind::Read, self, rid)
    }
}

/// Bytes of `{"room":"name","last":0,"read":0},`, with room for the largest numbers.
fn bytes_of(name: &str) -> usize {
    json::string_bytes(name) + 72
}

/// Slices of what fits into a frame together.
pub(super) fn chunks<T>(
    mut items: &[T],
    bytes_of: impl Fn(&T) -> usize,
    bytes_max: usize,
) -> impl Iterator<Item = &[T]> {
    let budget = bytes_max.saturating_sub(ENVELOPE_BYTES_MAX);
    core::iter::from_fn(move || {
        let mut left = budget;
        let fitting = items.iter().take_while(|item| {
            let rest = left.checked_sub(bytes_of(item));
            left = rest.unwrap_or(0);
            rest.is_some()
        });
        // One that fits into no frame goes alone: a limit that small is a mistake, and no reason never to end.
        let count = fitting.count().max(1).min(items.len());
        let (chunk, rest) = items.split_at(count);
        items = rest;
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// What is around the items of a frame at most: keys, the longest name of a room twice escaped, and a `rid`.
const ENVELOPE_BYTES_MAX: usize = 1536;

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::{String, ToString};
    use alloc::sync::Arc;
    use std::str;

    use super::*;
    use crate::frame::PREFIX_BYTES;

    fn room(name: &str) -> RoomName {
        RoomName::parse(name).unwrap()
    }

    fn data(frame: &Frame) -> serde_json::Value {
        let json: serde_json::Value = serde_json::from_slice(&frame[PREFIX_BYTES..]).unwrap();
        json["data"].clone()
    }

    /// What somebody knows of a room's people who is told all of this.
    fn people(frames: &[Frame]) -> Vec<String> {
        let mut known = Vec::new();
        for data in frames.iter().map(data) {
            let names = |key: &str| data[key].as_array().cloned().unwrap_or_default();
            if data.get("members").is_some() {
                known.clear();
            }
            let come = names("members").into_iter().chain(names("joined"));
            known.extend(come.map(|name| name.as_str().unwrap().to_string()));
        }
        known
    }

    #[test]
    fn a_crowd_that_fits_into_no_frame_comes_in_several() {
        for count in [0, 1, 40, 400] {
            let names: Vec<String> = (0..count).map(|number| format!("user \"{number}\"")).collect();
            let roster = Roster { room: room("den"), members: Arc::new(names.iter().collect()) };
            let frames = encode_roster(&roster, 4096, None);
            assert_eq!(people(&frames), names);
            assert!(frames.iter().all(|frame| frame.len() - PREFIX_BYTES <= 4096));
            assert_eq!(frames.len() > 1, count == 400);
        }
    }

    #[test]
    fn as_many_rooms_as_there_may_be_come_in_several_frames_and_none_is_left_out() {
        let crowds: Vec<Crowd> = (0..10_000)
            .map(|number| Crowd { room: room(&format!("{number}{}", "\"".repeat(59))), people: number })
            .collect();
        let standings: Vec<Standing> =
            (0..100).map(|number| Standing { room: room(&format!("{number}")), last: 9, read: 7 }).collect();
        let all = encode_all(&crowds, &standings.iter().collect::<Vec<_>>(), 262_144, None);
        let told = |key: &str| -> usize {
            all.iter().map(|frame| data(frame)[key].as_array().map_or(0, Vec::len)).sum()
        };
        assert_eq!((told("rooms"), told("in")), (10_000, 100));
        assert!(all.iter().all(|frame| frame.len() - PREFIX_BYTES <= 262_144));
        assert!(all.len() < 10, "{} frames", all.len());
        let anew: Vec<bool> = all.iter().map(|frame| data(frame)["all"] == true).collect();
        assert!(anew[0] && anew[1..].iter().all(|anew| !anew), "the first begins anew, the others add to it");
    }

    #[test]
    fn private_conversations_come_in_as_many_frames_as_they_need_and_none_is_left_out() {
        for count in [0, 1, 100] {
            let talk = |number| Talk {
                peer: UserName::parse(&format!("{number}\"\"")).unwrap(),
                last: u64::MAX,
                read: 7,
            };
            let talks: Vec<Talk> = (0..count).map(talk).collect();
            let frames = encode_peers(&talks, 4096);
            assert!(frames.iter().all(|frame| frame.len() - PREFIX_BYTES <= 4096));
            let told = frames.iter().map(data).flat_map(|data| data["peers"].as_array().cloned().unwrap());
            let told: Vec<String> = told.map(|talk| talk["peer"].as_str().unwrap().to_string()).collect();
            assert_eq!(told, talks.iter().map(|talk| talk.peer.to_string()).collect::<Vec<_>>());
            assert_eq!(frames.len() > 1, count == 100);
        }
    }

    #[test]
    fn what_changed_is_told_and_nothing_else() {
        let text = |frame: &Frame| str::from_utf8(&frame[PREFIX_BYTES..]).unwrap().to_string();
        let crowds = [Crowd { room: room("den"), people: 2 }];
        let changes = encode_changes(&crowds, &[room("nook")], 4096);
        assert_eq!(
            changes.iter().map(text).collect::<Vec<_>>(),
            [
                r#"{"type":"rooms","status":"ok","data":{"gone":["nook"]}}"#,
                r#"{"type":"rooms","status":"ok","data":{"rooms":[{"room":"den","people":2}]}}"#
            ]
        );
        assert_eq!(
            text(&encode_roster_change(&room("den"), &["ann"], &["bob"])),
            r#"{"type":"roster","status":"ok","data":{"room":"den","joined":["ann"],"left":["bob"]}}"#
        );
        assert_eq!(
            text(&encode_out(&room("den"))),
            r#"{"type":"rooms","status":"ok","data":{"out":["den"]}}"#
        );
    }
}
