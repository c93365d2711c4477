//! Where a client is, and what it waits for.

use alloc::string::String;

use crate::message::Cid;
use crate::name::RoomName;
use crate::phase::Phase;
use crate::time::Instant;

use super::{Command, Event};

#[derive(Default)]
pub(super) enum State {
    #[default]
    Offline,
    Auth,
    Lobby {
        username: String,
    },
    Chat {
        username: String,
        room: RoomName,
    },
    /// In many rooms at once, and nowhere in particular.
    Hall {
        username: String,
    },
}

/// A request without an answer yet.
pub(super) struct Pending {
    pub(super) command: Command,
    /// What the message is called, if it is one that is to be kept.
    pub(super) cid: Option<Cid>,
    /// It was sent before, and may have arrived then.
    pub(super) is_repeat: bool,
    /// The room that it was asked in.
    pub(super) room: Option<RoomName>,
    pub(super) asked_at: Instant,
}

impl State {
    /// Where a login leads.
    pub(super) fn after_login(username: String, is_of_many: bool) -> Self {
        if is_of_many { Self::Hall { username } } else { Self::Lobby { username } }
    }

    pub(super) fn entered(self, room: RoomName) -> Self {
        match self {
            Self::Lobby { username } | Self::Chat { username, .. } => Self::Chat { username, room },
            state @ (Self::Offline | Self::Auth | Self::Hall { .. }) => state,
        }
    }

    pub(super) fn left(self) -> Self {
        match self {
            Self::Chat { username, .. } => Self::Lobby { username },
            state @ (Self::Offline | Self::Auth | Self::Lobby { .. } | Self::Hall { .. }) => state,
        }
    }

    pub(super) fn phase(&self) -> Option<Phase> {
        match self {
            Self::Offline => None,
            Self::Auth => Some(Phase::Auth),
            Self::Lobby { .. } => Some(Phase::Lobby),
            Self::Chat { .. } => Some(Phase::Chat),
            Self::Hall { .. } => Some(Phase::Hall),
        }
    }

    pub(super) fn username(&self) -> Option<&str> {
        match self {
            Self::Lobby { username } | Self::Chat { username, .. } | Self::Hall { username } => {
                Some(username)
            }
            Self::Offline | Self::Auth => None,
        }
    }

    pub(super) fn room(&self) -> Option<&RoomName> {
        match self {
            Self::Chat { room, .. } => Some(room),
            Self::Offline | Self::Auth | Self::Lobby { .. } | Self::Hall { .. } => None,
        }
    }
}

impl Pending {
    /// Whether this is the message that says `text`, to everybody or to one.
    pub(super) fn is_msg(&self, is_public: bool, said: &str) -> bool {
        match &self.command {
            Command::Say { to, text, .. } => to.is_private() != is_public && text.as_str() == said,
            Command::Register(..)
            | Command::Login(..)
            | Command::Resume(_)
            | Command::List
            | Command::Create(_)
            | Command::Enter(_)
            | Command::Recall(..)
            | Command::Look(_)
            | Command::Read(..)
            | Command::Friend(..)
            | Command::Present(..)
            | Command::Logins
            | Command::EndLogin(_)
            | Command::Exit(_)
            | Command::Logout => false,
        }
    }

    pub(super) fn unanswered(&self) -> Event {
        Event::Unanswered { request: self.command.kind(), said: self.command.said() }
    }
}
