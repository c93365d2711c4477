//! What is talked about with whom.

use alloc::string::String;

use crate::message::push::Posted;
use crate::name::{PUBLIC, RoomName, UserName};

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Conversation {
    /// Of all who are in a room.
    Room(RoomName),
    /// With somebody.
    Peer(UserName),
}

/// A conversation that an account takes part in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which.
    pub of: Conversation,
    /// The number of its last message; 0 if there is none.
    pub last: u64,
    /// The number of the last message that the account has read, on any of its devices.
    pub read: u64,
}

/// A part of a conversation that has no hole: what a client had read of it when its program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The number of its first message, at least 1.
    pub first: u64,
    /// Where its last one stands. A server that has another one there has lost some of the conversation.
    pub last: Posted,
    /// Whether the conversation has messages before the first.
    pub has_older: bool,
}

/// What two spellings of one conversation have in common.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    is_private: bool,
    name: String,
}

impl Conversation {
    /// Its name: the room's, or that of the other side.
    pub fn name(&self) -> &str {
        match self {
            Self::Room(room) => room.as_str(),
            Self::Peer(peer) => peer.as_str(),
        }
    }

    /// Whether it is with somebody, and of no room.
    pub fn is_private(&self) -> bool {
        match self {
            Self::Room(_) => false,
            Self::Peer(_) => true,
        }
    }

    /// Whether it is the other one, however the two are spelled.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Room(_), Self::Room(_)) | (Self::Peer(_), Self::Peer(_)) => {
                is_same_name(self.name(), other.name())
            }
            (Self::Room(_), Self::Peer(_)) | (Self::Peer(_), Self::Room(_)) => false,
        }
    }

    /// Whether a server takes what is said to that peer for a word to everybody: nobody has the name.
    pub(super) fn is_public(&self) -> bool {
        self.peer().is_some_and(|peer| peer.as_str().eq_ignore_ascii_case(PUBLIC))
    }

    /// The one that a server names by one of the two.
    pub(super) fn received(room: Option<&str>, peer: Option<&str>) -> Option<Self> {
        match (room, peer) {
            (_, Some(peer)) => UserName::parse(peer).ok().map(Self::Peer),
            (Some(room), None) => RoomName::parse(room).ok().map(Self::Room),
            (None, None) => None,
        }
    }

    pub(super) fn key(&self) -> Key {
        Key { is_private: self.is_private(), name: folded(self.name()) }
    }

    pub(super) fn room(&self) -> Option<&RoomName> {
        match self {
            Self::Room(room) => Some(room),
            Self::Peer(_) => None,
        }
    }

    pub(super) fn peer(&self) -> Option<&UserName> {
        match self {
            Self::Room(_) => None,
            Self::Peer(peer) => Some(peer),
        }
    }

    /// Whether it is that of this room.
    pub(super) fn is_of(&self, room: &RoomName) -> bool {
        self.room().is_some_and(|own| is_same_name(own.as_str(), room.as_str()))
    }
}

/// What a name is in every case of its letters: for a client, two names are one that have this in common.
pub fn folded(name: &str) -> String {
    letters(name).collect()
}

/// Whether two names are one, however they are spelled.
pub(super) fn is_same_name(one: &str, other: &str) -> bool {
    letters(one).eq(letters(other))
}

/// The letters of a name in one case. Of sigma there are two small ones, by its place in a word.
fn letters(name: &str) -> impl Iterator<Item = char> {
    name.chars().flat_map(char::to_lowercase).map(|letter| if letter == 'ς' { 'σ' } else { letter })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_the_same_in_every_case_and_a_room_is_no_user() {
        let room = |name| Conversation::Room(RoomName::parse(name).unwrap());
        let peer = |name| Conversation::Peer(UserName::parse(name).unwrap());
        for (one, other) in [("Den", "dEN"), ("ΟΔΟΣ", "οδος"), ("ΟΔΟΣ", "οδοσ"), ("ÉTÉ", "été")]
        {
            assert!(room(one).is_same(&room(other)) && room(one).key() == room(other).key(), "{one}");
            assert!(peer(one).is_same(&peer(other)), "{one}");
            assert!(!room(one).is_same(&peer(other)), "{one}");
        }
        assert!(!room("den").is_same(&room("dens")));
    }

    #[test]
    fn spellings_of_one_name_fold_to_one_text_and_those_of_two_names_do_not() {
        let peer = |name| Conversation::Peer(UserName::parse(name).unwrap());
        let names = [
            ["Den", "dEN", "den"],
            ["Dens", "DENS", "dens"],
            ["ΟΔΟΣ", "οδος", "οδοσ"],
            ["ΟΔΟΣΑ", "οδοσα", "οδοςα"],
            ["ÉTÉ", "été", "Été"],
        ];
        for one in names.as_flattened() {
            for other in names.as_flattened() {
                let is_one_name = names.iter().any(|of_one| of_one.contains(one) && of_one.contains(other));
                assert_eq!(folded(one) == folded(other), is_one_name, "{one} {other}");
                assert_eq!(peer(one).is_same(&peer(other)), is_one_name, "{one} {other}");
                assert_eq!(peer(one).key() == peer(other).key(), is_one_name, "{one} {other}");
            }
        }
    }
}
