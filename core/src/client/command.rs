//! What a person wants of a client.

use super::Conversation;
use crate::frame::Frame;
use crate::message::friend::Op;
use crate::message::history::Edge;
use crate::message::logins::{GrantId, Logins};
use crate::message::presence::{PresenceState, StatusText};
use crate::message::{Cid, Kind, Text, request};
use crate::name::{RoomName, UserName};
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
        /// Where. In one room at a time that is the room, and a private message is said to one who is there too.
        to: Conversation,
        /// What to say.
        text: Text,
        /// The caller's own number for it, which the events about it carry as `said`.
        id: u64,
        /// What it is called where the server keeps what is said, for a caller that remembers it itself. Otherwise the
        /// client makes a name when it sends it.
        cid: Option<Cid>,
    },
    /// Read what was said before. The client does so by itself where it enters; a person asks for what is older than all
    /// that is shown: [`Command::older`], or, where less is shown than was read, what is before the first that is.
    Recall(Conversation, Edge),
    /// Where many rooms are taken part in, elsewhere nothing: a person looks at this conversation now. It is read before the
    /// others, and who is in the room is told, until another is looked at.
    Look(Conversation),
    /// The same: a person has seen all that was said there up to that number.
    Read(Conversation, u64),
    /// Ask somebody to be a friend, agree, or the like; where friends are granted.
    Friend(Op, UserName),
    /// Say for all devices of the account that the person is online, away or busy, and something of themselves; where presence
    /// is granted. It holds until another device says otherwise or the last connection is gone; the client says it again by
    /// itself after a return.
    Present(PresenceState, Option<StatusText>),
    /// Ask where the account is logged in, by logins that last; where that is granted.
    Logins,
    /// Have one of these end. It is not the one that this client has come by: that is what [`Command::Logout`] is for.
    EndLogin(GrantId),
    /// Take part in a room no more; in one room at a time: go back to the lobby, from whatever room.
    Exit(RoomName),
    /// Log out.
    Logout,
}

impl Command {
    /// Read what is older than all that is shown.
    pub const fn older(of: Conversation) -> Self {
        Self::Recall(of, Edge::Before(u64::MAX))
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Register(..) => Kind::Register,
            Self::Login(..) => Kind::Login,
            Self::Resume(_) => Kind::Resume,
            Self::List => Kind::List,
            Self::Create(_) => Kind::Create,
            Self::Enter(_) => Kind::Enter,
            Self::Say { .. } => Kind::Msg,
            Self::Recall(..) => Kind::History,
            Self::Look(_) => Kind::Roster,
            Self::Read(..) => Kind::Read,
            Self::Friend(..) => Kind::Friend,
            Self::Present(..) => Kind::Presence,
            Self::Logins | Self::EndLogin(_) => Kind::Logins,
            Self::Exit(_) => Kind::Exit,
            Self::Logout => Kind::Logout,
        }
    }

    /// The request, if there is one for who is in one room at a time: `room` is that one, and `cid` what a message is called
    /// that is to be kept.
    pub(super) fn encode(&self, own_name: &str, room: &str, cid: Option<&Cid>) -> Option<Frame> {
        Some(match self {
            Self::Register(username, password, invite) => {
                request::encode_register(username, password, invite.as_ref())
            }
            Self::Login(username, password) => request::encode_login(username, password),
            Self::Resume(token) => request::encode_resume(token),
            Self::Create(room) | Self::Enter(room) => request::encode_room(self.kind(), room),
            Self::Recall(_, edge) => request::encode_history(Some(room), None, *edge),
            Self::Say { to, text, .. } => {
                let to = to.peer();
                match cid {
                    Some(cid) => request::encode_kept_msg(own_name, to, text, Some(room), cid),
                    None => request::encode_msg(own_name, to, text),
                }
            }
            Self::List | Self::Exit(_) | Self::Logout => request::encode_bare(self.kind()),
            Self::Logins => request::encode_logins(Logins::List),
            Self::EndLogin(id) => request::encode_logins(Logins::End(*id)),
            Self::Look(_) | Self::Read(..) | Self::Friend(..) | Self::Present(..) => return None,
        })
    }

    /// The request, if there is one for who is in many rooms at once.
    pub(super) fn encode_of_many(&self, own_name: &str, cid: Option<&Cid>) -> Option<Frame> {
        Some(match self {
            Self::Create(room)
            | Self::Enter(room)
            | Self::Exit(room)
            | Self::Look(Conversation::Room(room)) => request::encode_room(self.kind(), room),
            Self::Recall(of, edge) => {
                let peer = of.peer().map(UserName::as_str);
                request::encode_history(of.room().map(RoomName::as_str), peer, *edge)
            }
            Self::Say { to, text, .. } => {
                let room = to.room().map(RoomName::as_str);
                request::encode_told_msg(own_name, to.peer(), text, room, cid?)
            }
            Self::Read(Conversation::Room(room), seq) => request::encode_read(room, *seq),
            Self::Read(Conversation::Peer(peer), seq) => request::encode_peer_read(peer, *seq),
            Self::Friend(op, user) => request::encode_friend(*op, user),
            Self::Present(state, text) => request::encode_presence(*state, text.as_ref()),
            Self::Logins => request::encode_logins(Logins::List),
            Self::EndLogin(id) => request::encode_logins(Logins::End(*id)),
            Self::Logout => request::encode_bare(self.kind()),
            Self::Register(..)
            | Self::Login(..)
            | Self::Resume(_)
            | Self::List
            | Self::Look(Conversation::Peer(_)) => return None,
        })
    }

    /// A whisper to `public` is a word to everybody in the `room`: that is what a server takes it for.
    pub(super) fn normalized(self, room: Option<&RoomName>) -> Self {
        match (self, room) {
            (Self::Say { to, text, id, cid }, Some(room)) if to.is_public() => {
                Self::Say { to: Conversation::Room(room.clone()), text, id, cid }
            }
            (command, _) => command,
        }
    }

    /// Whether who is in that room says it there.
    pub(super) fn can_be_said_in(&self, room: &RoomName) -> bool {
        match self.said_to() {
            Some(to @ Conversation::Room(_)) => to.is_of(room),
            Some(Conversation::Peer(_)) => true,
            None => false,
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
            | Self::Recall(..)
            | Self::Look(_)
            | Self::Read(..)
            | Self::Friend(..)
            | Self::Present(..)
            | Self::Logins
            | Self::EndLogin(_)
            | Self::Exit(_)
            | Self::Logout => None,
        }
    }

    /// Where it is said, if it says something.
    pub(super) fn said_to(&self) -> Option<&Conversation> {
        match self {
            Self::Say { to, .. } => Some(to),
            _ => None,
        }
    }
}
