//! Where a client is, and what it waits for.

use alloc::string::String;

use crate::message::Kind;
use crate::phase::Phase;
use crate::time::Instant;

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
        room: String,
    },
}

/// A request without an answer yet.
pub(super) struct Pending {
    pub(super) kind: Kind,
    pub(super) asked_at: Instant,
    /// Whom a private message is for.
    pub(super) peer: Option<String>,
    /// What a message says.
    pub(super) text: Option<String>,
}

impl State {
    pub(super) fn entered(self, room: String) -> Self {
        match self {
            Self::Lobby { username } | Self::Chat { username, .. } => Self::Chat { username, room },
            state @ (Self::Offline | Self::Auth) => state,
        }
    }

    pub(super) fn left(self) -> Self {
        match self {
            Self::Chat { username, .. } => Self::Lobby { username },
            state @ (Self::Offline | Self::Auth | Self::Lobby { .. }) => state,
        }
    }

    pub(super) fn phase(&self) -> Option<Phase> {
        match self {
            Self::Offline => None,
            Self::Auth => Some(Phase::Auth),
            Self::Lobby { .. } => Some(Phase::Lobby),
            Self::Chat { .. } => Some(Phase::Chat),
        }
    }

    pub(super) fn username(&self) -> Option<&str> {
        match self {
            Self::Lobby { username } | Self::Chat { username, .. } => Some(username),
            Self::Offline | Self::Auth => None,
        }
    }

    pub(super) fn room(&self) -> Option<&str> {
        match self {
            Self::Chat { room, .. } => Some(room),
            Self::Offline | Self::Auth | Self::Lobby { .. } => None,
        }
    }
}

impl Pending {
    pub(super) fn is_msg(&self, is_public: bool, text: &str) -> bool {
        self.kind == Kind::Msg && self.peer.is_none() == is_public && self.text.as_deref() == Some(text)
    }
}
