//! What a server sends unasked: messages, and lists of who is where.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::names::Names;
use super::reply::{self, LIST_ROOM};
use super::{Cid, Envelope, Fields, Kind, NO_OBJECT, Rid, Text, Unfit, json};
use crate::frame::Frame;
use crate::name::{PUBLIC, RoomName, UserName};

/// Encodes a message as every member of a room gets it.
pub(crate) fn encode_public(from: &UserName, text: &Text) -> Frame {
    encode_msg(PUBLIC, from, text)
}

/// Encodes a private message for one of its two sides; `own` is the name of who gets it, which is how original
/// windows tell a private message from a public one.
pub(crate) fn encode_private(own: &UserName, from: &UserName, text: &Text) -> Frame {
    encode_msg(own.as_str(), from, text)
}

fn encode_msg(to: &str, from: &UserName, text: &Text) -> Frame {
    #[derive(Serialize)]
    struct Data<'a> {
        to: &'a str,
        from: &'a str,
        text: &'a Text,
    }
    let data = Data { to, from: from.as_str(), text };
    reply::encode_data(Kind::Msg, &data, None)
}

/// Where a message stands in its conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posted {
    /// Its number there: 1, 2, 3 and so on.
    pub seq: u64,
    /// When it was made durable, in milliseconds since 1970.
    pub ts_ms: u64,
}

/// A message as it is sent to who was granted `ack`: with its place.
#[derive(Serialize)]
struct Placed<'a> {
    to: &'a str,
    from: &'a str,
    text: &'a Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<&'a str>,
    seq: u64,
    ts: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cid: Option<&'a Cid>,
}

impl Placed<'_> {
    fn encode(&self) -> Frame {
        reply::encode_data(Kind::Msg, self, None)
    }
}

/// Encodes a message of a room with its place; `cid` is for its author alone.
pub(crate) fn encode_placed(
    from: &UserName,
    text: &Text,
    room: &RoomName,
    Posted { seq, ts_ms: ts }: Posted,
    cid: Option<&Cid>,
) -> Frame {
    let (from, room) = (from.as_str(), Some(room.as_str()));
    Placed { to: PUBLIC, from, text, room, peer: None, seq, ts, cid }.encode()
}

/// Encodes a private message with its place for one of its two sides; `peer` is the other one.
pub(crate) fn encode_placed_private(
    own: &UserName,
    from: &UserName,
    text: &Text,
    peer: &UserName,
    Posted { seq, ts_ms: ts }: Posted,
    cid: Option<&Cid>,
) -> Frame {
    let (to, from, peer) = (own.as_str(), from.as_str(), Some(peer.as_str()));
    Placed { to, from, text, room: None, peer, seq, ts, cid }.encode()
}

/// Encodes that a message is durable, and where it stands.
pub(crate) fn encode_ack(
    cid: &Cid,
    room: Option<&RoomName>,
    peer: Option<&UserName>,
    Posted { seq, ts_ms: ts }: Posted,
    is_repeat: bool,
    rid: Option<&Rid>,
) -> Frame {
    #[derive(Serialize)]
    struct Data<'a> {
        cid: &'a Cid,
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        peer: Option<&'a str>,
        seq: u64,
        ts: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        dup: Option<bool>,
    }
    let (room, peer) = (room.map(RoomName::as_str), peer.map(UserName::as_str));
    let data = Data { cid, room, peer, seq, ts, dup: is_repeat.then_some(true) };
    reply::encode_ok(ACK, None, Some(&data), rid)
}

/// The `type` of the answer that a message is durable.
const ACK: &str = "ack";

/// Who is in a room, in the order they came.
#[derive(Clone)]
pub struct Roster {
    /// The room.
    pub room: RoomName,
    /// Its members. Shared with the hub until one of the two changes it.
    pub members: Arc<Names>,
}

/// Which page of an original client a list belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// All rooms, for who is in the lobby.
    Lobby,
    /// One room, for who is in it.
    Room,
}

impl ListKind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Lobby => Kind::List.as_str(),
            Self::Room => LIST_ROOM,
        }
    }
}

/// Encodes who is where. The JSON of the frame is at most `bytes_max` long: if all of it does not fit, the first
/// roster and then the fullest come first, and the rest is left out.
pub(crate) fn encode_list(kind: ListKind, rosters: &[Roster], bytes_max: usize, rid: Option<&Rid>) -> Frame {
    let envelope = reply::encode_ok(kind.as_str(), None, Some(&Everyone(&[])), rid).len();
    let budget = bytes_max.saturating_sub(envelope);
    if rosters.iter().map(roster_bytes).sum::<usize>() <= budget {
        return reply::encode_ok(kind.as_str(), None, Some(&Everyone(rosters)), rid);
    }
    reply::encode_ok(kind.as_str(), None, Some(&Everyone(&fit(rosters, budget))), rid)
}

/// As much of the rosters as fits into `budget` bytes of JSON.
fn fit(rosters: &[Roster], mut budget: usize) -> Vec<Roster> {
    let mut order: Vec<&Roster> = rosters.iter().collect();
    if let Some((_, others)) = order.split_first_mut() {
        others.sort_by_key(|roster| core::cmp::Reverse(roster.members.len()));
    }
    let mut fitting = Vec::new();
    for roster in order {
        let Some(left) = budget.checked_sub(room_bytes(roster)) else { continue };
        budget = left;
        let mut members = Names::default();
        for member in roster.members.iter() {
            let Some(left) = budget.checked_sub(member_bytes(member)) else { break };
            budget = left;
            members.push(member);
        }
        fitting.push(Roster { room: roster.room.clone(), members: Arc::new(members) });
    }
    fitting
}

fn roster_bytes(roster: &Roster) -> usize {
    room_bytes(roster) + roster.members.iter().map(member_bytes).sum::<usize>()
}

/// Bytes of `"room":[],`.
fn room_bytes(roster: &Roster) -> usize {
    json::string_bytes(roster.room.as_str()) + 4
}

/// Bytes of `"name",`.
fn member_bytes(member: &str) -> usize {
    json::string_bytes(member) + 1
}

struct Everyone<'a>(&'a [Roster]);

impl Serialize for Everyone<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for roster in self.0 {
            map.serialize_entry(roster.room.as_str(), &Members(&roster.members))?;
        }
        map.end()
    }
}

struct Members<'a>(&'a Names);

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter())
    }
}

/// A message as a client received it.
#[derive(Default)]
pub(crate) struct ReceivedMsg {
    pub(crate) to: String,
    pub(crate) from: String,
    pub(crate) text: String,
    /// Its place in its conversation, and when it got it, from a server that keeps what is said.
    pub(crate) posted: Option<Posted>,
    /// What its author's client calls it, which is this one or another of the same account.
    pub(crate) cid: Option<Cid>,
    /// The other side, where it is a private one that is kept.
    pub(crate) peer: Option<String>,
    /// The room, where it is one that is kept and was said to everybody there.
    pub(crate) room: Option<String>,
}

impl ReceivedMsg {
    pub(crate) fn decode(envelope: &Envelope<'_>) -> Result<Self, Unfit> {
        let fields = envelope.fields()?;
        Ok(Self {
            to: json::string(fields.to, "`to` must be a string")?,
            from: json::string(fields.from, "`from` must be a string")?,
            text: json::string(fields.text, "`text` must be a string")?,
            posted: received_posted(fields),
            cid: json::text(fields.cid).and_then(|cid| Cid::parse(&cid)),
            peer: json::text(fields.peer),
            room: json::text(fields.room),
        })
    }
}

/// That a message is durable, as its author's client received it.
pub(crate) struct ReceivedAck {
    pub(crate) cid: Cid,
    /// Its place in its conversation.
    pub(crate) posted: Option<Posted>,
    /// The other side, if it is a private one.
    pub(crate) peer: Option<String>,
    /// The room, if it is one that was said to everybody there.
    pub(crate) room: Option<String>,
}

impl ReceivedAck {
    /// The `type` that it has.
    pub(crate) const TYPE: &str = ACK;

    pub(crate) fn decode(envelope: &Envelope<'_>) -> Result<Self, Unfit> {
        let fields = envelope.fields()?;
        let cid = json::string(fields.cid, "`cid` must be a string")?;
        let cid = Cid::parse(&cid).ok_or(Unfit("`cid` must be a string of 1 to 36 bytes"))?;
        let (peer, room) = (json::text(fields.peer), json::text(fields.room));
        Ok(Self { cid, posted: received_posted(fields), peer, room })
    }
}

/// A message's place, if it is told. Its time alone places nothing, and one that is not told is the oldest there is.
fn received_posted(fields: &Fields<'_>) -> Option<Posted> {
    Some(Posted { seq: json::number(fields.seq)?, ts_ms: json::number(fields.ts).unwrap_or_default() })
}

/// Rooms and who is in them, as a client received them, in the server's order.
pub(crate) struct ReceivedList(pub(crate) Vec<(String, Vec<String>)>);

impl ReceivedList {
    pub(crate) fn decode(envelope: &Envelope<'_>) -> Result<Self, Unfit> {
        let data = envelope.data.ok_or(NO_OBJECT)?;
        serde_json::from_str(data.get()).map_err(|_| Unfit("`data` must be an object of arrays of names"))
    }
}

impl<'de> Deserialize<'de> for ReceivedList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor;

        impl<'de> Visitor<'de> for ListVisitor {
            type Value = ReceivedList;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of arrays of names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut rooms = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    rooms.push(entry);
                }
                Ok(ReceivedList(rooms))
            }
        }

        deserializer.deserialize_map(ListVisitor)
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use std::str;

    use super::*;
    use crate::frame::PREFIX_BYTES;

    fn roster(room: &str, members: usize) -> Roster {
        let members = (0..members).map(|n| format!("user\"{n}")).collect();
        Roster { room: RoomName::parse(room).unwrap(), members: Arc::new(members) }
    }

    fn list(rosters: &[Roster], bytes_max: usize) -> (usize, Vec<(String, usize)>) {
        let frame = encode_list(ListKind::Lobby, rosters, bytes_max, None);
        let envelope = Envelope::decode(&frame[PREFIX_BYTES..]).unwrap();
        let rooms = ReceivedList::decode(&envelope).unwrap().0;
        (frame.len() - PREFIX_BYTES, rooms.into_iter().map(|(room, members)| (room, members.len())).collect())
    }

    #[test]
    fn a_list_that_fits_keeps_the_order_of_the_rooms() {
        let frame =
            encode_list(ListKind::Lobby, &[roster("lobby", 1), roster("b", 0), roster("a", 2)], 4096, None);
        assert_eq!(
            str::from_utf8(&frame[PREFIX_BYTES..]).unwrap(),
            r#"{"type":"list","status":"ok","data":{"lobby":["user\"0"],"b":[],"a":["user\"0","user\"1"]}}"#
        );
    }

    #[test]
    fn a_list_uses_what_it_may_and_never_more() {
        let rosters = [roster("lobby", 3), roster("none", 0), roster("a \"b\"", 2)];
        let whole = list(&rosters, usize::MAX);
        // The frame's prefix is counted as well, and a comma behind the last entry of each object and array.
        let reserve = PREFIX_BYTES + 3;
        for bytes_max in 60..whole.0 + 50 {
            let (bytes, rooms) = list(&rosters, bytes_max);
            assert!(bytes <= bytes_max, "{bytes} of {bytes_max}");
            if bytes_max >= whole.0 + reserve {
                assert_eq!((bytes, &rooms), (whole.0, &whole.1), "all fits into {bytes_max}");
            } else {
                let next = r#""a \"b\"":[],"#.len();
                assert!(bytes + next + reserve >= bytes_max, "{bytes} of {bytes_max}: more would have fit");
            }
        }
    }

    #[test]
    fn a_list_too_large_keeps_the_own_room_and_the_fullest() {
        let rosters = [roster("lobby", 20), roster("small", 2), roster("full", 80), roster("none", 0)];
        let (bytes, rooms) = list(&rosters, 1024);
        assert!(bytes <= 1024, "{bytes}");
        assert!(bytes > 1000, "close to what is allowed, not {bytes}");
        assert_eq!(rooms[0], ("lobby".into(), 20));
        assert_eq!(rooms[1].0, "full");
        assert!(rooms[1].1 > 60 && rooms[1].1 < 80, "{}", rooms[1].1);
    }
}
