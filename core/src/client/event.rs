//! What a client has to show.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Conversation, Friends, Place};
use crate::message::hello::Greeting;
use crate::message::logins::Login;
use crate::message::presence::Presence;
use crate::message::push::Posted;
use crate::message::rooms::Crowd;
use crate::message::{Cid, Kind};
use crate::secret::Token;

/// Something happened that a person may want to see. Texts are as the server sent them: show them, trust none.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    /// There is a connection.
    Connected,
    /// There is none any more.
    Disconnected(End),
    /// What the server is like. The original one says nothing of it.
    Greeted(Greeting),
    /// The account exists now.
    Registered,
    /// Logged in: in the lobby, or in all the rooms that the account takes part in.
    LoggedIn {
        /// The name, as it was typed at registration.
        username: String,
    },
    /// This login lasts: whoever shows the token comes back to it without a password. It takes the place of the one before,
    /// and is to be kept before the next connection.
    Session {
        /// Whose login it is.
        username: String,
        /// As secret as a password.
        token: Token,
    },
    /// Back after a lost connection, without being asked.
    Returned {
        /// The name, as it was typed at registration.
        username: String,
        /// The room; `None` in the lobby, also where the room could not be entered again, and where many rooms are taken part in.
        room: Option<String>,
    },
    /// Logged out.
    LoggedOut,
    /// All rooms, the lobby among them.
    Rooms(Vec<Room>),
    /// The same where many rooms are taken part in: all there are, and how many people are in each.
    Crowds(Vec<Crowd>),
    /// All conversations that the account takes part in: rooms and private ones. After a login and a return, and when one is
    /// added, left, or read elsewhere. It does not come for each message: those have their numbers.
    Places(Vec<Place>),
    /// Who is whose friend, or wants to be: all of it, whenever some of it has changed.
    Friends(Friends),
    /// Who is here now, otherwise or no more, each once: friends, who is in the room that is looked at, and this account. After a
    /// login or a return all are offline until this tells otherwise.
    Presence(Vec<Presence>),
    /// Where the account is logged in, by logins that last, the one that was used last at the head: all of them, as an answer to
    /// [`Logins`](super::Command::Logins) and [`EndLogin`](super::Command::EndLogin).
    Logins(Vec<Login>),
    /// Who is in this client's room, or in the one that is [looked at](super::Command::Look).
    Members(Room),
    /// The room that was wanted exists now.
    Created {
        /// The server's sentence.
        message: String,
    },
    /// In a room: in that alone, or in one more.
    Entered {
        /// Its name.
        room: String,
    },
    /// No more in a room: back in the lobby, or in one less.
    Left {
        /// Its name.
        room: String,
    },
    /// Somebody said something.
    Message {
        /// Where it is shown: in one room at a time that room, also for a private one.
        of: Conversation,
        /// Who said it.
        from: String,
        /// What was said.
        text: String,
        /// Whether it was this client.
        is_own: bool,
        /// The number of the [`Say`](super::Command::Say) that this is, if it is one of this client's.
        said: Option<u64>,
        /// The other side of a private message; `None` for one to everybody.
        private_with: Option<String>,
        /// Where it stands in its conversation, that of the room or that with the other side. `None` where the server keeps
        /// nothing.
        posted: Option<Posted>,
        /// What the client of this account called it that sent it.
        cid: Option<Cid>,
    },
    /// A message of this client's has its place, and is not shown: its place is among what was left out when all that is
    /// shown began anew.
    Acknowledged {
        /// Where it would be shown.
        of: Conversation,
        /// The number of the [`Say`](super::Command::Say).
        said: u64,
        /// Its place.
        posted: Posted,
    },
    /// What was said before, the oldest first. It comes after entering and after a return, and when somebody has asked for
    /// what is [older](super::Command::older).
    Past {
        /// Where.
        of: Conversation,
        /// The messages.
        messages: Vec<Past>,
        /// Whether they are older than all that is shown, and not newer.
        is_older: bool,
        /// Whether what is shown is to be forgotten first: too much was said since.
        is_anew: bool,
        /// Whether there is more that is older.
        has_older: bool,
    },
    /// A request failed.
    Refused {
        /// Which one.
        request: Kind,
        /// The number of the [`Say`](super::Command::Say), if it is one.
        said: Option<u64>,
        /// The server's word for it; the original server has none.
        code: Option<String>,
        /// The server's sentence.
        message: String,
        /// Milliseconds until trying again makes sense.
        retry_ms: Option<u64>,
    },
    /// A request got no answer, and will get none. Whether the server did what was wanted is not known.
    Unanswered {
        /// Which one.
        request: Kind,
        /// The number of the [`Say`](super::Command::Say), if it is one.
        said: Option<u64>,
    },
    /// The server says something that answers nothing.
    Notice {
        /// Its word for it.
        code: Option<String>,
        /// Its sentence.
        message: String,
    },
}

/// A message that was said before.
#[derive(Clone, PartialEq, Eq)]
pub struct Past {
    /// Who said it.
    pub from: String,
    /// What was said; `None` if that was deleted. It is not shown then, and has its place all the same.
    pub text: Option<String>,
    /// Where it stands in its conversation, and when it was said.
    pub posted: Posted,
    /// Whether it was this account.
    pub is_own: bool,
    /// The number of the [`Say`](super::Command::Say) that this is, if it waited for an answer.
    pub said: Option<u64>,
    /// What the client of this account called it that sent it.
    pub cid: Option<Cid>,
}

/// A room and who is in it, in the order they came.
#[derive(Clone, PartialEq, Eq)]
pub struct Room {
    /// Its name.
    pub name: String,
    /// Their names.
    pub members: Vec<String>,
}

/// Why there is no connection any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was closed, or lost.
    Closed,
    /// The server gave no sign of life: the connection was dead, and nobody had told.
    Silent,
    /// The server broke the protocol; what it did, as the end of a sentence that begins with "the server".
    ServerFault(&'static str),
}
