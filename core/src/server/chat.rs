//! In a room: `list`, `msg`, `exit`.

use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;

use super::lobby::{self, Lobby};
use super::past::{self, Asked};
use super::{Answer, Cx, State, Ticket, Waiting};
use crate::hub::{Command, Kept, Post, Reply, Whisper};
use crate::message::push::{self, ListKind};
use crate::message::reply::{self, Code};
use crate::message::request::{Claim, Msg, Request, shown};
use crate::message::{Kind, TextError};
use crate::name::{Account, NameKey, PUBLIC, RoomName};

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
            Request::Exit => Some(Command::Exit),
            Request::History(query) => {
                self.asked = past::ask(query, &self.account, Some(&self.room), waiting, cx);
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
            | Request::Pong => None,
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
            Reply::LoggedIn(_) | Reply::Created(_) | Reply::Entered(..) | Reply::LoggedOut => {}
        }
        State::Chat(Self { waiting: None, ..self })
    }

    pub(super) fn on_answer(mut self, ticket: Ticket, answer: Answer, cx: &mut Cx) -> State {
        past::on_answer(&mut self.asked, ticket, answer, cx);
        State::Chat(self)
    }

    /// A private message, for the one in this room or from them. What they are called is known here, not to the hub.
    pub(super) fn on_whisper(&self, whisper: &Whisper, cx: &mut Cx) {
        let Whisper { from, text, kept, .. } = whisper;
        let own = &self.account.name;
        cx.send(match kept.as_ref().filter(|_| cx.caps.ack) {
            None => push::encode_private(own, from, text),
            Some(Kept { to, posted, cid }) if from == own => {
                push::encode_placed_private(own, from, text, to, *posted, cid.as_ref())
            }
            Some(Kept { posted, .. }) => push::encode_placed_private(own, from, text, from, *posted, None),
        });
    }

    pub(super) fn is_ready(&self) -> bool {
        self.waiting.is_none() && self.asked.is_none()
    }

    /// Checks and encodes a message before the hub, and its lock, hear of it.
    fn say(&self, msg: Msg, waiting: &Waiting, cx: &mut Cx) -> Option<Command> {
        let key_of = cx.rules.key_of;
        // Nearly every client spells its own name as it was registered, and a key costs more than all the rest here.
        let is_own =
            |from: &str| from == self.account.name.as_str() || NameKey::new(key_of, from) == self.account.key;
        if let Some(from) = &msg.from
            && !from.as_ref().is_ok_and(|from| is_own(from.as_str()))
        {
            cx.refuse(waiting, Code::FromMismatch, format!("You are {}, and nobody else", self.account.name));
            return None;
        }
        let text = match msg.text {
            Ok(text) => text,
            Err(error) => {
                let code = match error {
                    TextError::Empty => Code::TextEmpty,
                    TextError::TooLong => Code::TextTooLong,
                    TextError::Control => Code::TextInvalid,
                };
                cx.refuse(waiting, code, error.sentence());
                return None;
            }
        };
        let Claim { cid, room } = msg.claim;
        if let Some(room) = room
            && !past::is_here(&room, Some(&self.room), cx)
        {
            past::refuse_elsewhere(room, waiting, cx);
            return None;
        }
        let to = match msg.to {
            None => None,
            Some(Ok(name)) => {
                let key = NameKey::new(key_of, name.as_str());
                (key.as_str() != PUBLIC).then_some((key, name))
            }
            Some(to @ Err(_)) => {
                cx.refuse(waiting, Code::NotInRoom, format!("{} not in {}", shown(&to), self.room));
                return None;
            }
        };
        let name = &self.account.name;
        Some(match (to, cx.rules.history) {
            (to, true) => {
                let plain = to.is_none().then(|| push::encode_public(name, &text));
                Command::Post(Box::new(Post { to, text, plain, cid, rid: waiting.rid.clone() }))
            }
            (None, false) => Command::Say(push::encode_public(name, &text)),
            (Some((key, to)), false) => Command::Whisper(key, to, Arc::new(Whisper::new(name.clone(), text))),
        })
    }
}
