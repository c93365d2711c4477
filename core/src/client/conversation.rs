//! What is talked about with whom.

use crate::message::push::Posted;
use crate::name::{RoomName, UserName};

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

impl Conversation {
    /// Its name: the room's, or that of the other side.
    pub fn name(&self) -> &str {
        match self {
            Self::Room(room) => room.as_str(),
            Self::Peer(peer) => peer.as_str(),
        }
    }

    /// Whether it is that of this room.
    pub(super) fn is_of(&self, room: &RoomName) -> bool {
        self.is(&Self::Room(room.clone()))
    }

    /// Whether two are one, spelled differently perhaps.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Room(_), Self::Room(_)) | (Self::Peer(_), Self::Peer(_)) => {
                self == other || self.name().to_lowercase() == other.name().to_lowercase()
            }
            (Self::Room(_), Self::Peer(_)) | (Self::Peer(_), Self::Room(_)) => false,
        }
    }
}
