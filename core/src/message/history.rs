//! What was said before: how it is asked for, and how it is told, a page at a time.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::push::Posted;
use super::{Cid, Envelope, Fields, Rid, Text, Unfit, json, reply};
use crate::frame::Frame;
use crate::limits::{HISTORY_MESSAGES_MAX, SERVER_FRAME_BYTES_MAX};
use crate::name::{NameError, RoomName, UserName};

/// What `history` carries.
pub struct Query {
    /// Which conversation is asked for.
    pub of: Of,
    /// Which part of it.
    pub window: Window,
}

/// A conversation, as it was typed.
pub enum Of {
    /// That of a room.
    Room(Result<RoomName, NameError>),
    /// That with somebody.
    Peer(Result<UserName, NameError>),
}

/// A part of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From where on, and in which direction.
    pub edge: Edge,
    /// How many messages at most: 1 to 100.
    pub count_max: usize,
}

/// From where on a conversation is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// The last messages.
    End,
    /// The last messages before that number.
    Before(u64),
    /// The first messages after that number.
    After(u64),
}

/// A message that was said before.
#[derive(Clone, PartialEq, Eq)]
pub struct Past {
    /// Where it stands.
    pub posted: Posted,
    /// Who said it.
    pub from: UserName,
    /// What was said; `None` if it was deleted.
    pub text: Option<Text>,
    /// What its author's client called it; for its author alone.
    pub cid: Option<Cid>,
}

/// Some messages that follow each other, the oldest first, few enough for one frame.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Page {
    messages: Vec<Past>,
    bytes: usize,
    has_more: bool,
}

impl Query {
    pub(crate) fn decode(envelope: &Envelope<'_>) -> Result<Self, Unfit> {
        let [room, peer, before, after, limit] =
            envelope.data(["room", "peer", "before", "after", "limit"])?;
        let of = Of::parse(room, peer)?;
        let edge = match (before, after) {
            (None, None) => Some(Edge::End),
            (before @ Some(_), None) => json::number(before).map(Edge::Before),
            (None, after @ Some(_)) => json::number(after).map(Edge::After),
            (Some(_), Some(_)) => {
                return Err(Unfit("`before` and `after` must not both be there"));
            }
        };
        let edge = edge.ok_or(Unfit("`before` and `after` must be whole numbers"))?;
        let count_max = limit.map_or(Some(HISTORY_MESSAGES_MAX), |_| json::number(limit));
        let count_max = count_max
            .filter(|count| (1..=HISTORY_MESSAGES_MAX).contains(count))
            .ok_or(Unfit("`limit` must be a whole number from 1 to 100"))?;
        Ok(Self { of, window: Window { edge, count_max } })
    }
}

impl Of {
    /// Reads which conversation is meant.
    pub(super) fn decode(fields: &Fields<'_>) -> Result<Self, Unfit> {
        Self::parse(fields.room, fields.peer)
    }

    fn parse(room: Option<&RawValue>, peer: Option<&RawValue>) -> Result<Self, Unfit> {
        match (room, peer) {
            (Some(room), None) => {
                Ok(Self::Room(RoomName::parse(&json::string(Some(room), "`room` must be a string")?)))
            }
            (None, Some(peer)) => {
                Ok(Self::Peer(UserName::parse(&json::string(Some(peer), "`peer` must be a string")?)))
            }
            (None, None) | (Some(_), Some(_)) => Err(Unfit("`room` or `peer` must be there, and not both")),
        }
    }
}

impl Page {
    /// Adds the next message in the direction in which the conversation is read, if the frame has room for it. Otherwise
    /// there is more, and nothing further is to be added.
    pub fn push(&mut self, past: Past) -> bool {
        let bytes = bytes_of(&past);
        let fits = self.bytes + bytes <= PAGE_BYTES_MAX;
        if fits {
            self.bytes += bytes;
            self.messages.push(past);
        } else {
            self.has_more = true;
        }
        fits
    }

    /// There is more in that direction than was added.
    pub fn set_more(&mut self) {
        self.has_more = true;
    }

    /// Turns messages round that were read from the end.
    pub fn reverse(&mut self) {
        self.messages.reverse();
    }

    /// The messages, the oldest first.
    pub fn messages(&self) -> &[Past] {
        &self.messages
    }

    /// Whether the conversation goes on in the direction in which it was read.
    pub fn has_more(&self) -> bool {
        self.has_more
    }
}

/// A page as a client received it.
pub(crate) struct ReceivedPage {
    /// Of which conversation, as the server spells it.
    pub(crate) room: Option<String>,
    pub(crate) peer: Option<String>,
    pub(crate) lines: Vec<ReceivedLine>,
    pub(crate) has_more: bool,
}

/// A message on it.
#[derive(Deserialize)]
pub(crate) struct ReceivedLine {
    pub(crate) seq: u64,
    #[serde(default)]
    pub(crate) ts: u64,
    pub(crate) from: String,
    pub(crate) text: String,
    pub(crate) cid: Option<String>,
}

impl ReceivedPage {
    pub(crate) fn decode(envelope: &Envelope<'_>) -> Result<Self, Unfit> {
        const MUST: Unfit = Unfit("it answered `history` without messages");
        let [room, peer, msgs, more] = envelope.data(["room", "peer", "msgs", "more"]).map_err(|_| MUST)?;
        let lines: Vec<ReceivedLine> =
            msgs.and_then(|msgs| serde_json::from_str(msgs.get()).ok()).ok_or(MUST)?;
        // Each is one more than the one before, or what is shown would have a hole.
        if lines.windows(2).any(|pair| pair[0].seq.checked_add(1) != Some(pair[1].seq)) {
            return Err(Unfit("it answered `history` with a hole"));
        }
        let (room, peer) = (json::text(room), json::text(peer));
        Ok(Self { room, peer, lines, has_more: more.is_some_and(|more| more.get() == "true") })
    }

    /// Where its first message stands, and its last.
    pub(crate) fn ends(&self) -> Option<(Posted, Posted)> {
        Some((self.lines.first()?.posted(), self.lines.last()?.posted()))
    }
}

impl ReceivedLine {
    pub(crate) fn posted(&self) -> Posted {
        Posted { seq: self.seq, ts_ms: self.ts }
    }
}

/// Encodes the answer to `history`; `room` or `peer` says of which conversation.
pub(crate) fn encode_page(room: Option<&str>, peer: Option<&str>, page: &Page, rid: Option<&Rid>) -> Frame {
    #[derive(Serialize)]
    struct Data<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        peer: Option<&'a str>,
        msgs: Vec<Line<'a>>,
        more: bool,
    }
    #[derive(Serialize)]
    struct Line<'a> {
        seq: u64,
        ts: u64,
        from: &'a str,
        text: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        cid: Option<&'a Cid>,
    }
    let msgs = page.messages.iter().map(|Past { posted: Posted { seq, ts_ms }, from, text, cid }| Line {
        seq: *seq,
        ts: *ts_ms,
        from: from.as_str(),
        text: text.as_ref().map_or(DELETED, Text::as_str),
        cid: cid.as_ref(),
    });
    let msgs = msgs.collect();
    let data = Data { room, peer, msgs, more: page.has_more };
    reply::encode_data(super::Kind::History, &data, rid)
}

/// What a message takes on a page at most.
fn bytes_of(past: &Past) -> usize {
    let cid = past.cid.as_ref().map_or(0, |cid| json::string_bytes(cid.as_str()));
    let text = past.text.as_ref().map_or(DELETED, Text::as_str);
    json::string_bytes(text) + json::string_bytes(past.from.as_str()) + cid + LINE_BYTES
}

/// What stands in the place of a text that was deleted: no message that is said has it.
const DELETED: &str = "";
/// The keys of a message on a page and what is between them, with two numbers of 20 digits.
const LINE_BYTES: usize = r#"{"seq":,"ts":,"from":,"text":,"cid":},"#.len() + 40;
/// What is left for messages in a frame, beside its envelope, the longest name and the longest `rid`.
const PAGE_BYTES_MAX: usize = SERVER_FRAME_BYTES_MAX - 2 * 1024;

#[cfg(test)]
mod tests {
    use alloc::format;

    use proptest::prelude::*;

    use super::*;
    use crate::frame::PREFIX_BYTES;

    fn query(data: &str) -> Result<String, &'static str> {
        let text = format!(r#"{{"type":"history","data":{data}}}"#);
        let envelope = Envelope::decode(text.as_bytes()).expect("readable");
        let shown = |query: Query| {
            let of = match query.of {
                Of::Room(room) => format!("room {room:?}"),
                Of::Peer(peer) => format!("peer {peer:?}"),
            };
            format!("{of} {:?} {}", query.window.edge, query.window.count_max)
        };
        Query::decode(&envelope).map(shown).map_err(|unfit| unfit.0)
    }

    #[test]
    fn a_conversation_is_asked_for_from_an_edge_on() {
        for (data, expected) in [
            (r#"{"room":"den"}"#, r#"room Ok("den") End 100"#),
            (r#"{"peer":"ann","before":7,"limit":1}"#, r#"peer Ok("ann") Before(7) 1"#),
            (r#"{"room":" ","after":0,"limit":100}"#, r#"room Err(Space) After(0) 100"#),
            (r#"{"room":"den","before":null,"peer":null}"#, r#"room Ok("den") End 100"#),
        ] {
            assert_eq!(query(data).as_deref(), Ok(expected), "{data}");
        }
        for (data, expected) in [
            ("null", "`data` must be an object"),
            ("[]", "`data` must be an object"),
            ("{}", "`room` or `peer` must be there, and not both"),
            (r#"{"room":"den","peer":"ann"}"#, "`room` or `peer` must be there, and not both"),
            (r#"{"room":7}"#, "`room` must be a string"),
            (r#"{"peer":7}"#, "`peer` must be a string"),
            (r#"{"room":"den","before":1,"after":2}"#, "`before` and `after` must not both be there"),
            (r#"{"room":"den","before":-1}"#, "`before` and `after` must be whole numbers"),
            (r#"{"room":"den","after":"1"}"#, "`before` and `after` must be whole numbers"),
            (r#"{"room":"den","limit":0}"#, "`limit` must be a whole number from 1 to 100"),
            (r#"{"room":"den","limit":101}"#, "`limit` must be a whole number from 1 to 100"),
        ] {
            assert_eq!(query(data), Err(expected), "{data}");
        }
    }

    proptest! {
        #[test]
        fn a_page_fits_into_a_frame_whatever_is_on_it(
            texts in prop::collection::vec("[\"\\\\\t\nx😀\u{7f}\u{2028}]{1,1000}", 0..100),
            name in "[\"\\\\😀]{1,16}",
        ) {
            let from = UserName::parse(&name).unwrap();
            let mut page = Page::default();
            let mut count = 0;
            for text in texts {
                let Ok(text) = Text::parse(text) else { continue };
                let (posted, cid) = (Posted { seq: u64::MAX, ts_ms: u64::MAX }, Cid::parse(&"\0".repeat(36)));
                if !page.push(Past { posted, from: from.clone(), text: Some(text), cid }) {
                    break;
                }
                count += 1;
            }
            let rid = r#"{"type":"","rid":"X"}"#.replace('X', &"\\u0000".repeat(64));
            let rid = Envelope::decode(rid.as_bytes()).unwrap().rid().unwrap();
            let room = "\"".repeat(128);
            let frame = encode_page(Some(&room), None, &page, rid.as_ref());
            prop_assert!(frame.len() - PREFIX_BYTES <= SERVER_FRAME_BYTES_MAX);
            prop_assert_eq!(page.messages().len(), count);
        }
    }
}
