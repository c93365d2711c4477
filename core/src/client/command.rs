//! What a person wants of a client.

use alloc::string::String;

use crate::frame::Frame;
use crate::message::history::Edge;
use crate::message::{Cid, Kind, Text, request};
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
        /// What it is called where the server keeps what is said, for a caller that remembers it itself. Otherwise the
        /// client makes a name when it sends it.
        cid: Option<Cid>,
    },
    /// Read what was said before. The client does so by itself where it enters; a person asks for what is older than all
    /// that is shown: [`Command::OLDER`], or, where less is shown than was read, what is before the first that is.
    Recall(Edge),
    /// Go back to the lobby.
    Exit,
    /// Log out.
    Logout,
}

impl Command {
    /// Read what is older than all that is shown.
    pub const OLDER: Self = Self::Recall(Edge::Before(u64::MAX));

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Register(..) => Kind::Register,
            Self::Login(..) => Kind::Login,
            Self::Resume(_) => Kind::Resume,
            Self::List => Kind::List,
            Self::Create(_) => Kind::Create,
            Self::Enter(_) => Kind::Enter,
            Self::Say { .. } => Kind::Msg,
            Self::Recall(_) => Kind::History,
            Self::Exit => Kind::Exit,
            Self::Logout => Kind::Logout,
        }
    }

    /// `room` is the one that the client is in, and `cid` what a message is called that is to be kept.
    pub(super) fn encode(&self, own_name: &str, room: &str, cid: Option<&Cid>) -> Frame {
        match self {
            Self::Register(username, password, invite) => {
                request::encode_register(username, password, invite.as_ref())
            }
            Self::Login(username, password) => request::encode_login(username, password),
            Self::Resume(token) => request::encode_resume(token),
            Self::Create(room) | Self::Enter(room) => request::encode_room(self.kind(), room),
            Self::Recall(edge) => request::encode_history(room, *edge),
            Self::Say { to, text, .. } => match cid {
                Some(cid) => request::encode_kept_msg(own_name, to.as_ref(), text, room, cid),
                None => request::encode_msg(own_name, to.as_ref(), text),
            },
            Self::List | Self::Exit | Self::Logout => request::encode_bare(self.kind()),
        }
    }

    /// A whisper to `public` is a word to everybody: that is what a server takes it for.
    pub(super) fn normalized(self) -> Self {
        match self {
            Self::Say { to: Some(to), text, id, cid } if to.as_str().eq_ignore_ascii_case(PUBLIC) => {
                Self::Say { to: None, text, id, cid }
            }
            command => command,
        }
    }

    /// What the caller calls it, if it says something and the caller calls it anything.
    pub(super) fn cid(&self) -> Option<&Cid> {
        self.names().and_then(|(_, cid)| cid)
    }

    /// The caller's number for it, if it says something.
    pub(super) fn said(&self) -> Option<u64> {
        self.names().map(|(id, _)| id)
    }

    fn names(&self) -> Option<(u64, Option<&Cid>)> {
        match self {
            Self::Say { id, cid, .. } => Some((*id, cid.as_ref())),
            Self::Register(..)
            | Self::Login(..)
            | Self::Resume(_)
            | Self::List
            | Self::Create(_)
            | Self::Enter(_)
            | Self::Recall(_)
            | Self::Exit
            | Self::Logout => None,
        }
    }

    /// Whom a private message is for.
    pub(super) fn peer(self) -> Option<String> {
        match self {
            Self::Say { to, .. } => to.map(|name| String::from(name.as_str())),
            _ => None,
        }
    }
}
