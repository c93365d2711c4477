//! What a person wants of a client.

use crate::frame::Frame;
use crate::message::{Kind, Text, request};
use crate::name::{PUBLIC, RoomName, UserName};
use crate::secret::{Password, Token};

/// A request, its values checked already. One that is not allowed where the client is comes back as
/// [`super::Event::Refused`] without being sent.
pub enum Command {
    /// Make an account, perhaps because one was invited.
    Register(UserName, Password, Option<Token>),
    /// Log in to one.
    Login(UserName, Password),
    /// Log in again without a password. The client does so by itself on its way back.
    Resume(Token),
    /// Ask who is where.
    List,
    /// Make a room.
    Create(RoomName),
    /// Go into a room.
    Enter(RoomName),
    /// Say something.
    Say {
        /// The one in the room whom it is for; `None` for everybody.
        to: Option<UserName>,
        /// What to say.
        text: Text,
        /// The caller's own number for it, which the events about it carry as `said`.
        id: u64,
    },
    /// Go back to the lobby.
    Exit,
    /// Log out.
    Logout,
}

impl Command {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Register(..) => Kind::Register,
            Self::Login(..) => Kind::Login,
            Self::Resume(_) => Kind::Resume,
            Self::List => Kind::List,
            Self::Create(_) => Kind::Create,
            Self::Enter(_) => Kind::Enter,
            Self::Say { .. } => Kind::Msg,
            Self::Exit => Kind::Exit,
            Self::Logout => Kind::Logout,
        }
    }

    pub(super) fn encode(&self, own_name: &str) -> Frame {
        match self {
            Self::Register(username, password, invite) => {
                request::encode_register(username, password, invite.as_ref())
            }
            Self::Login(username, password) => request::encode_login(username, password),
            Self::Resume(token) => request::encode_resume(token),
            Self::Create(room) | Self::Enter(room) => request::encode_room(self.kind(), room),
            Self::Say { to, text, .. } => request::encode_msg(own_name, to.as_ref(), text),
            Self::List | Self::Exit | Self::Logout => request::encode_bare(self.kind()),
        }
    }

    /// A whisper to `public` is a word to everybody: that is what a server takes it for.
    pub(super) fn normalized(self) -> Self {
        match self {
            Self::Say { to: Some(to), text, id } if to.as_str().eq_ignore_ascii_case(PUBLIC) => {
                Self::Say { to: None, text, id }
            }
            command => command,
        }
    }

    /// The caller's number for it, if it says something.
    pub(super) fn said(&self) -> Option<u64> {
        match self {
            Self::Say { id, .. } => Some(*id),
            Self::Register(..)
            | Self::Login(..)
            | Self::Resume(_)
            | Self::List
            | Self::Create(_)
            | Self::Enter(_)
            | Self::Exit
            | Self::Logout => None,
        }
    }
}
