//! In a room: `list`, `msg`, `exit`.

use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;

use super::asked::{self, Asked};
use super::lobby::{self, Lobby};
use super::logins;
use super::past;
use super::speech;
use super::{Answer, Cx, State, Ticket, Waiting};
use crate::hub::{Command, Post, Reply, Whisper};
use crate::message::Kind;
use crate::message::push::{self, ListKind};
use crate::message::reply;
use crate::message::request::{Claim, Msg, Request};
use crate::name::{Account, RoomName};

/// Somebody is in a room.
pub(super) struct Chat {
    account: Account,
    room: RoomName,
    /// The request the hub is looking at.
    waiting: Option<Waiting>,
    /// The question the store is looking at.
    asked: Option<Asked>,
}

impl Chat {
    pub(super) fn enter(account: Account, room: RoomName) -> State {
        State::Chat(Self { account, room, waiting: None, asked: None })
    }

    pub(super) fn on_request(mut self, request: Request, waiting: Waiting, cx: &mut Cx) -> State {
        let command = match request {
            Request::List => cx.may_list(ListKind::Room.as_str(), &waiting).then_some(Command::List),
            Request::Msg(msg) => self.say(msg, &waiting, cx),
            Request::Exit(_) => Some(Command::Exit),
            Request::History(query) => {
                let here = &self.room;
                let find = |room: &RoomName, cx: &Cx| {
                    past::is_same(room, here, cx).then(|| (lobby::key(here, cx), here.clone()))
                };
                self.asked = past::ask(query, &self.account, find, waiting, cx);
                return State::Chat(self);
            }
            Request::Logins(wanted) => {
                self.asked = logins::ask(wanted, &self.account, waiting, cx);
                return State::Chat(self);
            }
            // The phase table lets no other request come here, and signs of life were answered before.
            Request::Hello(_)
            | Request::Register(..)
            | Request::Login(_)
            | Request::Resume(_)
            | Request::Create(_)
            | Request::Enter(_)
            | Request::Logout
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
                if matches!(command, Command::Exit) {
                    cx.move_by(command)
                } else {
                    cx.command(command)
                }
                State::Chat(Self { waiting: Some(waiting), ..self })
            }
            None => State::Chat(self),
        }
    }

    pub(super) fn on_reply(self, reply: Reply, cx: &mut Cx) -> State {
        let Some(waiting) = &self.waiting else { return State::Chat(self) };
        let rid = waiting.rid.as_ref();
        let bytes_max = cx.rules.limits.list_bytes_max;
        match reply {
            Reply::Listed(list) => cx.send(push::encode_list(ListKind::Room, &list.rosters, bytes_max, rid)),
            // The message itself, on its way like everybody's, is the answer.
            Reply::Said => {}
            Reply::Left(room, list) => {
                let message = format!("Left {room}, back in the lobby");
                cx.send(reply::encode_done(Kind::Exit, &message, None::<&()>, rid));
                cx.send(push::encode_list(ListKind::Lobby, &list.rosters, bytes_max, None));
                return Lobby::enter(self.account);
            }
            Reply::Denied(denial) => cx.fail(waiting.kind.as_str(), &lobby::failure(denial), rid),
            // Answers to what only other states ask.
            Reply::LoggedIn(_)
            | Reply::Created(_)
            | Reply::Entered(..)
            | Reply::LoggedOut
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
        State::Chat(Self { waiting: None, ..self })
    }

    pub(super) fn on_answer(mut self, ticket: Ticket, answer: Answer, cx: &mut Cx) -> State {
        asked::on_answer(&mut self.asked, ticket, answer, cx);
        State::Chat(self)
    }

    pub(super) fn on_whisper(&self, whisper: &Whisper, cx: &mut Cx) {
        cx.send(speech::encode_whisper(whisper, &self.account.name, cx.caps));
    }

    pub(super) fn is_ready(&self) -> bool {
        self.waiting.is_none() && self.asked.is_none()
    }

    /// Checks and encodes a message before the hub, and its lock, hear of it.
    fn say(&self, msg: Msg, waiting: &Waiting, cx: &mut Cx) -> Option<Command> {
        let text = speech::check(msg.from, msg.text, &self.account, waiting, cx)?;
        let Claim { cid, room } = msg.claim;
        if let Some(room) = room
            && !room.as_ref().is_ok_and(|room| past::is_same(room, &self.room, cx))
        {
            past::refuse_elsewhere(room, waiting, cx);
            return None;
        }
        let to = speech::receiver(msg.to, |name| format!("{name} not in {}", self.room), waiting, cx)?;
        let name = &self.account.name;
        Some(match (to, cx.rules.history) {
            (to, true) => {
                let plain = to.is_none().then(|| push::encode_public(name, &text));
                Command::Post(Box::new(Post { to, room: None, text, plain, cid, rid: waiting.rid.clone() }))
            }
            (None, false) => Command::Say(push::encode_public(name, &text)),
            (Some((key, to)), false) => Command::Whisper(key, to, Arc::new(Whisper::new(name.clone(), text))),
        })
    }
}
