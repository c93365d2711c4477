//! Logged in and in no room: `list`, `create`, `enter`, `logout`.

use alloc::format;

use super::asked::{self, Asked};
use super::auth::Auth;
use super::chat::Chat;
use super::logins;
use super::past;
use super::{Answer, Cx, Output, State, Ticket, Waiting};
use crate::frame::Frame;
use crate::hub::{Command, Denial, List, Reply, Untied};
use crate::message::push::{self, ListKind};
use crate::message::reply::{self, Code, Entrance, Failure};
use crate::message::request::Request;
use crate::message::{Kind, Rid};
use crate::name::{Account, NameError, NameKey, NameLook, RoomName, UserName};

/// Somebody is in the lobby.
pub(super) struct Lobby {
    account: Account,
    /// The request the hub is looking at.
    waiting: Option<Waiting>,
    /// The question the store is looking at.
    asked: Option<Asked>,
}

impl Lobby {
    pub(super) fn enter(account: Account) -> State {
        State::Lobby(Self { account, waiting: None, asked: None })
    }

    pub(super) fn on_request(mut self, request: Request, waiting: Waiting, cx: &mut Cx) -> State {
        let command = match request {
            Request::List => cx.may_list(ListKind::Lobby.as_str(), &waiting).then_some(Command::List),
            Request::Create(room) => create(room, &waiting, cx),
            Request::Enter(room) => existing(room, &waiting, cx).map(|(key, room)| Command::Enter(key, room)),
            Request::History(query) => {
                self.asked = past::ask(query, &self.account, |_, _| None, waiting, cx);
                return State::Lobby(self);
            }
            Request::Logins(wanted) => {
                self.asked = logins::ask(wanted, &self.account, waiting, cx);
                return State::Lobby(self);
            }
            Request::Logout => Some(logout(cx)),
            // The phase table lets no other request come here, and signs of life were answered before.
            Request::Hello(_)
            | Request::Register(..)
            | Request::Login(_)
            | Request::Resume(_)
            | Request::Msg(_)
            | Request::Exit(_)
            | Request::Ping
            | Request::Pong
            | Request::Rooms
            | Request::Roster(_)
            | Request::Read(..)
            | Request::Friend(_)
            | Request::Presence(_) => None,
        };
        match command {
            Some(command) => {
                if matches!(command, Command::Enter(..)) {
                    cx.move_by(command)
                } else {
                    cx.command(command)
                }
                State::Lobby(Self { waiting: Some(waiting), ..self })
            }
            None => State::Lobby(self),
        }
    }

    pub(super) fn on_reply(self, reply: Reply, cx: &mut Cx) -> State {
        let Some(waiting) = &self.waiting else { return State::Lobby(self) };
        let rid = waiting.rid.as_ref();
        let name = self.account.name.as_str();
        let bytes_max = cx.rules.limits.list_bytes_max;
        match reply {
            Reply::Listed(list) => cx.send(push::encode_list(ListKind::Lobby, &list.rosters, bytes_max, rid)),
            Reply::Created(room) => cx.send(encode_created(&room, rid)),
            Reply::Entered(room, list) => {
                let data = Entrance { username: name, room: room.as_str() };
                cx.send(reply::encode_done(Kind::Enter, &format!("Welcome to {room}"), Some(&data), rid));
                cx.send(push::encode_list(ListKind::Room, &list.rosters, bytes_max, None));
                return Chat::enter(self.account, room);
            }
            Reply::LoggedOut => {
                cx.send(encode_logged_out(&self.account, rid));
                return Auth::enter(cx);
            }
            Reply::Denied(denial) => cx.fail(waiting.kind.as_str(), &failure(denial), rid),
            // Answers to what only other states ask.
            Reply::LoggedIn(_)
            | Reply::Left(..)
            | Reply::Said
            | Reply::Overview(_)
            | Reply::People(_)
            | Reply::Joined(..)
            | Reply::Parted(..)
            | Reply::Read(..)
            | Reply::PeerRead(..)
            | Reply::Friends(_)
            | Reply::Tied(..)
            | Reply::Present(_) => {}
        }
        State::Lobby(Self { waiting: None, ..self })
    }

    pub(super) fn on_answer(mut self, ticket: Ticket, answer: Answer, cx: &mut Cx) -> State {
        asked::on_answer(&mut self.asked, ticket, answer, cx);
        State::Lobby(self)
    }

    pub(super) fn is_ready(&self) -> bool {
        self.waiting.is_none() && self.asked.is_none()
    }
}

/// What makes a room; a name that none can take is answered with no.
pub(super) fn create(room: Result<RoomName, NameError>, waiting: &Waiting, cx: &mut Cx) -> Option<Command> {
    let look = |room: RoomName| Ok((NameLook::of_room(cx.rules.look_of, &room)?, room));
    match room.and_then(look) {
        Ok((look, room)) => Some(Command::Create(key(&room, cx), look, room)),
        Err(error) => {
            cx.refuse(waiting, Code::NameInvalid, error.sentence());
            None
        }
    }
}

/// A name that a room may have; any other is answered with no.
pub(super) fn existing(
    room: Result<RoomName, NameError>,
    waiting: &Waiting,
    cx: &mut Cx,
) -> Option<(NameKey, RoomName)> {
    match room {
        Ok(room) => Some((key(&room, cx), room)),
        Err(_) => {
            cx.refuse(waiting, Code::NoSuchRoom, "There is no room of that name");
            None
        }
    }
}

/// What logs out. A login that lasts ends with it.
pub(super) fn logout(cx: &mut Cx) -> Command {
    if let Some(grant) = cx.grant.take() {
        cx.push(Output::End(grant));
    }
    Command::Logout
}

pub(super) fn encode_created(room: &RoomName, rid: Option<&Rid>) -> Frame {
    reply::encode_done(Kind::Create, &format!("{room} created successfully"), None::<&()>, rid)
}

pub(super) fn encode_logged_out(account: &Account, rid: Option<&Rid>) -> Frame {
    reply::encode_done(Kind::Logout, &format!("{} logged out", account.name), None::<&()>, rid)
}

pub(super) fn key(room: &RoomName, cx: &Cx) -> NameKey {
    NameKey::new(cx.rules.key_of, room.as_str())
}

/// When to come again after the disk has failed: a full one takes somebody to look at it, and a busy one a moment.
const NOT_KEPT_RETRY_MS: u64 = 5_000;

/// Why somebody is not what another wants them to be.
fn untied_failure(untied: Untied, name: &UserName) -> Failure {
    match untied {
        Untied::Unknown => Failure::new(Code::NoSuchUser, format!("There is no user {name}")),
        Untied::Blocked => {
            Failure::new(Code::Blocked, format!("You have blocked {name}, unblock them first"))
        }
        Untied::NotAsked => Failure::new(Code::NoRequest, format!("{name} has not asked to be your friend")),
        Untied::Full(list) => Failure::new(
            Code::TooManyFriends,
            match list {
                List::Friends => "You have as many friends as one can have".into(),
                List::OthersFriends => format!("{name} has as many friends as one can have"),
                List::Asked => {
                    "You wait for as many answers as one can wait for, withdraw a request first".into()
                }
                List::OthersAsking => {
                    format!("As many as can be wait for an answer of {name}, try again later")
                }
                List::Blocked => "You have blocked as many as one can block, unblock somebody first".into(),
            },
        ),
    }
}

/// The hub's no, in words.
pub(super) fn failure(denial: Denial) -> Failure {
    match denial {
        Denial::RoomExists(room) => Failure::new(Code::RoomExists, format!("{room} already exists")),
        Denial::RoomResembles(room) => {
            Failure::new(Code::RoomExists, format!("{room} exists and looks the same, choose another name"))
        }
        Denial::TooManyRooms => {
            Failure::new(Code::TooManyRooms, "There are as many rooms as this server can hold")
        }
        Denial::NoSuchRoom(room) => {
            Failure::new(Code::NoSuchRoom, format!("Destination room {room} not found"))
        }
        Denial::AlreadyThere(room) => Failure::new(Code::AlreadyThere, format!("You are already in {room}")),
        Denial::RoomFull(room) => Failure::new(Code::RoomFull, format!("{room} is full")),
        Denial::NotInRoom(user, room) => Failure::new(Code::NotInRoom, format!("{user} not in {room}")),
        Denial::NotHere(user) => Failure::new(Code::NotInRoom, format!("{user} is not here")),
        Denial::TooManyPlaces => Failure::new(
            Code::TooManyRooms,
            "You are in as many rooms as one can be in, leave another one first",
        ),
        Denial::Oneself => Failure::new(Code::NameInvalid, "That is you"),
        Denial::Untied(untied, name) => untied_failure(untied, &name),
        Denial::NotThere(room) => Failure::new(Code::NotInRoom, format!("You are not in {room}")),
        Denial::CidConflict => {
            Failure::new(Code::CidConflict, "You have sent another message with that `cid`, take a new one")
        }
        Denial::NotKept => Failure::for_now(
            Code::Busy,
            "The server cannot write that down, try again in a moment",
            NOT_KEPT_RETRY_MS,
        ),
        Denial::CreatesTooOften { retry_ms } => {
            Failure::for_now(Code::RateLimited, "You create rooms too often, try again later", retry_ms)
        }
        Denial::PresentsTooOften { retry_ms } => {
            Failure::for_now(Code::RateLimited, "You say too often how you are here", retry_ms)
        }
        Denial::ChangesTooOften { retry_ms } => Failure::for_now(
            Code::RateLimited,
            "Your devices ask for changes too fast, try again in a moment",
            retry_ms,
        ),
        Denial::SpeaksTooOften { retry_ms } => {
            Failure::for_now(Code::RateLimited, "You send messages too fast, try again in a moment", retry_ms)
        }
    }
}
