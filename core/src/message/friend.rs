//! Who is whose friend: how it is asked for, and how it is told, whole once and then what changes.

use alloc::vec::Vec;

use serde::Serialize;

use super::rooms::chunks;
use super::{Envelope, Kind, Rid, Unfit, json, reply};
use crate::frame::Frame;
use crate::name::{NameError, UserName};

/// What `friend` carries.
pub enum Friend {
    /// Who is what to me?
    List,
    /// This is to become of me and that one.
    Change(Op, Result<UserName, NameError>),
}

/// What one does about another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Asks to be friends, or agrees.
    Request,
    /// Agrees.
    Accept,
    /// Does not, and does not say so.
    Decline,
    /// Is friends no more, asks no more, or does not agree.
    Remove,
    /// Wants to hear nothing more of the other.
    Block,
    /// May hear of the other again.
    Unblock,
}

/// What another is to somebody, as that one is told it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tie {
    /// Nothing.
    #[default]
    None,
    /// A friend.
    Friend,
    /// Somebody who wants to be one.
    Asking,
    /// Somebody who was asked to be one.
    Asked,
    /// Somebody to hear nothing of.
    Blocked,
}

impl Friend {
    pub(super) fn decode(envelope: &Envelope<'_>) -> Result<Self, Unfit> {
        let [op, user] = envelope.data(["op", "user"])?;
        let op = json::string(op, "`op` must be a string")?;
        if op == LIST {
            return Ok(Self::List);
        }
        let op = Op::ALL.into_iter().find(|known| known.as_str() == op).ok_or(Unfit(
            "`op` must be `list`, `request`, `accept`, `decline`, `remove`, `block` or `unblock`",
        ))?;
        Ok(Self::Change(op, UserName::parse(&json::string(user, "`user` must be a string")?)))
    }
}

impl Op {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Accept => "accept",
            Self::Decline => "decline",
            Self::Remove => "remove",
            Self::Block => "block",
            Self::Unblock => "unblock",
        }
    }

    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Request, Self::Accept, Self::Decline, Self::Remove, Self::Block, Self::Unblock];
}

impl Tie {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::None, Self::Friend, Self::Asking, Self::Asked, Self::Blocked];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Friend => "friend",
            Self::Asking => "asking",
            Self::Asked => "asked",
            Self::Blocked => "blocked",
        }
    }
}

/// What a `friend` says of all.
#[derive(Default, Serialize)]
struct Lists<'a> {
    /// There are no others than these.
    #[serde(skip_serializing_if = "Option::is_none")]
    all: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    friends: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    asking: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    asked: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    blocked: Vec<&'a str>,
}

/// Encodes who is what to somebody. What does not fit into `bytes_max` bytes of JSON comes in further frames.
pub(crate) fn encode_all(ties: &[(UserName, Tie)], bytes_max: usize, rid: Option<&Rid>) -> Vec<Frame> {
    let mut parts = chunks(ties, |(name, _)| json::string_bytes(name.as_str()) + 1, bytes_max);
    let first = Lists { all: Some(true), ..lists(parts.next().unwrap_or_default()) };
    let mut frames = Vec::from([reply::encode_data(Kind::Friend, &first, rid)]);
    frames.extend(parts.map(|part| reply::encode_data(Kind::Friend, &lists(part), None)));
    frames
}

fn lists(ties: &[(UserName, Tie)]) -> Lists<'_> {
    let of = |wanted: Tie| {
        let names = ties.iter().filter(|(_, tie)| *tie == wanted).map(|(name, _)| name.as_str());
        names.collect()
    };
    Lists {
        all: None,
        friends: of(Tie::Friend),
        asking: of(Tie::Asking),
        asked: of(Tie::Asked),
        blocked: of(Tie::Blocked),
    }
}

/// Encodes what another is to somebody now.
pub(crate) fn encode_change(user: &UserName, now: Tie, rid: Option<&Rid>) -> Frame {
    #[derive(Serialize)]
    struct Data<'a> {
        user: &'a str,
        now: &'static str,
    }
    let data = Data { user: user.as_str(), now: now.as_str() };
    reply::encode_data(Kind::Friend, &data, rid)
}

/// What asks for all of them.
pub(super) const LIST: &str = "list";

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::{String, ToString};
    use std::str;

    use super::*;
    use crate::frame::PREFIX_BYTES;

    fn read(data: &str) -> Result<String, &'static str> {
        let text = format!(r#"{{"type":"friend","data":{data}}}"#);
        let envelope = Envelope::decode(text.as_bytes()).expect("readable");
        let shown = |friend| match friend {
            Friend::List => "list".to_string(),
            Friend::Change(op, user) => format!("{} {user:?}", op.as_str()),
        };
        Friend::decode(&envelope).map(shown).map_err(|unfit| unfit.0)
    }

    #[test]
    fn what_is_to_become_of_two_is_read_as_it_was_meant() {
        for (data, expected) in [
            (r#"{"op":"list"}"#, "list"),
            (r#"{"op":"list","user":7}"#, "list"),
            (r#"{"op":"request","user":"Ann"}"#, r#"request Ok("Ann")"#),
            (r#"{"op":"block","user":"a b"}"#, "block Err(Space)"),
        ] {
            assert_eq!(read(data).as_deref(), Ok(expected), "{data}");
        }
        let words = "`op` must be `list`, `request`, `accept`, `decline`, `remove`, `block` or `unblock`";
        for (data, expected) in [
            ("null", "`data` must be an object"),
            ("{}", "`op` must be a string"),
            (r#"{"op":7}"#, "`op` must be a string"),
            (r#"{"op":"kiss","user":"ann"}"#, words),
            (r#"{"op":"accept"}"#, "`user` must be a string"),
        ] {
            assert_eq!(read(data), Err(expected), "{data}");
        }
    }

    #[test]
    fn who_is_what_is_told_in_as_many_frames_as_it_needs() {
        let ties = [Tie::Friend, Tie::Asking, Tie::Asked, Tie::Blocked];
        let name = |number: usize| UserName::parse(&format!("{number}{}", "\"".repeat(28))).unwrap();
        for count in [0, 4, 1200] {
            let ties: Vec<(UserName, Tie)> =
                (0..count).map(|number| (name(number), ties[number % 4])).collect();
            let frames = encode_all(&ties, 16_384, None);
            assert!(frames.iter().all(|frame| frame.len() - PREFIX_BYTES <= 16_384));
            assert_eq!(frames.len() > 1, count == 1200);
            let mut told = Vec::new();
            for (index, frame) in frames.iter().enumerate() {
                let json: serde_json::Value = serde_json::from_slice(&frame[PREFIX_BYTES..]).unwrap();
                assert_eq!(json["data"]["all"] == true, index == 0);
                for (list, tie) in
                    ["friends", "asking", "asked", "blocked"].into_iter().zip(&ties[..4.min(count)])
                {
                    let names = json["data"][list].as_array().cloned().unwrap_or_default();
                    told.extend(
                        names.iter().map(|name| (UserName::parse(name.as_str().unwrap()).unwrap(), tie.1)),
                    );
                }
            }
            told.sort();
            let mut right = ties;
            right.sort();
            assert_eq!(told, right);
        }
    }

    #[test]
    fn a_change_says_what_the_other_is_now() {
        let frame = encode_change(&UserName::parse("Ann").unwrap(), Tie::Asking, None);
        assert_eq!(
            str::from_utf8(&frame[PREFIX_BYTES..]).unwrap(),
            r#"{"type":"friend","status":"ok","data":{"user":"Ann","now":"asking"}}"#
        );
    }
}
