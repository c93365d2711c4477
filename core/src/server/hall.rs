//! In as many rooms at once as one likes: `rooms`, `roster`, `create`, `enter`, `exit`, `msg`, `read`, `friend`, `history`,
//! `logout`.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use super::asked::{self, Asked};
use super::auth::Auth;
use super::lobby;
use super::logins;
use super::past;
use super::speech;
use super::{Answer, Cx, State, Ticket, Waiting};
use crate::hub::{Command, Here, Overview, Post, Reply, Whisper};
use crate::message::friend::{self, Friend, Tie};
use crate::message::history::Of;
use crate::message::presence::{self, Said, StatusText};
use crate::message::push;
use crate::message::reply::{self, Code, Entrance};
use crate::message::request::{Claim, Msg, Request};
use crate::message::rooms::{self, Standing};
use crate::message::{Kind, Rid};
use crate::name::{Account, NameError, NameKey, RoomName, UserName};

/// Somebody is in any number of rooms.
pub(super) struct Hall {
    account: Account,
    /// The rooms they take part in. It follows what the hub says, in its order.
    places: BTreeMap<NameKey, RoomName>,
    /// The request the hub is looking at.
    waiting: Option<Waiting>,
    /// The question the store is looking at.
    asked: Option<Asked>,
}

impl Hall {
    pub(super) fn enter(account: Account, overview: &Overview, cx: &mut Cx) -> State {
        let name = |(key, standing): &(NameKey, Standing)| (key.clone(), standing.room.clone());
        let places = overview.places.iter().map(name).collect();
        show(overview, None, cx);
        State::Hall(Self { account, places, waiting: None, asked: None })
    }

    pub(super) fn on_request(mut self, request: Request, waiting: Waiting, cx: &mut Cx) -> State {
        let command = match request {
            Request::Rooms => cx.may_list(Kind::Rooms.as_str(), &waiting).then_some(Command::Rooms),
            Request::Roster(room) => lobby::existing(room, &waiting, cx)
                .filter(|_| cx.may_list(Kind::Roster.as_str(), &waiting))
                .map(|(key, room)| Command::People(key, room)),
            Request::Create(room) => lobby::create(room, &waiting, cx),
            Request::Enter(room) => {
                lobby::existing(room, &waiting, cx).map(|(key, room)| Command::Join(key, room))
            }
            Request::Exit(room) => room
                .and_then(|room| self.here(room, &waiting, cx))
                .map(|(key, room)| Command::Part(key, room)),
            Request::Read(Of::Room(room), seq) => {
                self.here(room, &waiting, cx).map(|(key, room)| Command::Read(key, room, seq))
            }
            Request::Read(Of::Peer(peer), seq) => {
                past::peer(peer, &waiting, cx).map(|(key, peer)| Command::ReadPeer(key, peer, seq))
            }
            Request::Friend(Friend::List) => {
                cx.may_list(Kind::Friend.as_str(), &waiting).then_some(Command::Friends)
            }
            Request::Friend(Friend::Change(op, user)) => match user {
                Ok(name) => Some(Command::Tie(op, NameKey::new(cx.rules.key_of, name.as_str()), name)),
                Err(_) => {
                    cx.refuse(&waiting, Code::NoSuchUser, "There is no user of that name");
                    None
                }
            },
            Request::Msg(msg) => self.say(msg, &waiting, cx),
            Request::History(query) => {
                let find = |room: &RoomName, cx: &Cx| self.find(room, cx);
                self.asked = past::ask(query, &self.account, find, waiting, cx);
                return State::Hall(self);
            }
            Request::Logins(wanted) => {
                self.asked = logins::ask(wanted, &self.account, waiting, cx);
                return State::Hall(self);
            }
            Request::Logout => Some(lobby::logout(cx)),
            Request::Presence(said) => present(said, &waiting, cx),
            // The phase table lets no other request come here, and signs of life were answered before.
            Request::Hello(_)
            | Request::Register(..)
            | Request::Login(_)
            | Request::Resume(_)
            | Request::List
            | Request::Ping
            | Request::Pong => None,
        };
        match command {
            Some(command) => {
                if is_move(&command) {
                    cx.move_by(command)
                } else {
                    cx.command(command)
                }
                State::Hall(Self { waiting: Some(waiting), ..self })
            }
            None => State::Hall(self),
        }
    }

    pub(super) fn on_reply(mut self, reply: Reply, cx: &mut Cx) -> State {
        let Some(waiting) = self.waiting.take() else { return State::Hall(self) };
        let rid = waiting.rid.as_ref();
        let bytes_max = cx.rules.limits.list_bytes_max;
        match reply {
            Reply::Overview(overview) => show(&overview, rid, cx),
            Reply::People(roster) => cx.send_all(rooms::encode_roster(&roster, bytes_max, rid)),
            Reply::Created(room) => cx.send(lobby::encode_created(&room, rid)),
            Reply::Joined(joined) => {
                let (key, standing, roster) = *joined;
                let data = Entrance { username: self.account.name.as_str(), room: standing.room.as_str() };
                let message = format!("Welcome to {}", standing.room);
                cx.send(reply::encode_done(Kind::Enter, &message, Some(&data), rid));
                cx.send(rooms::encode_in(&standing));
                cx.send_all(rooms::encode_roster(&roster, bytes_max, None));
                self.places.insert(key, standing.room);
            }
            Reply::Parted(key, room) => {
                self.places.remove(&key);
                cx.send(reply::encode_done(Kind::Exit, &format!("Left {room}"), None::<&()>, rid));
                cx.send(rooms::encode_out(&room));
            }
            Reply::Read(room, seq) => cx.send(rooms::encode_read(&room, seq, rid)),
            Reply::PeerRead(peer, seq) => cx.send(rooms::encode_peer_read(&peer, seq, rid)),
            Reply::Friends(ties) => cx.send_all(friend::encode_all(&ties, bytes_max, rid)),
            Reply::Tied(user, tie) => cx.send(friend::encode_change(&user, tie, rid)),
            Reply::Present(presence) => cx.send_all(presence::encode([&*presence], bytes_max, rid)),
            // The message itself, and that it is kept, come when it is.
            Reply::Said => {}
            Reply::LoggedOut => {
                cx.send(lobby::encode_logged_out(&self.account, rid));
                return Auth::enter(cx);
            }
            Reply::Denied(denial) => cx.fail(waiting.kind.as_str(), &lobby::failure(denial), rid),
            // Answers to what only other states ask.
            Reply::LoggedIn(_) | Reply::Listed(_) | Reply::Entered(..) | Reply::Left(..) => {}
        }
        State::Hall(self)
    }

    pub(super) fn on_answer(mut self, ticket: Ticket, answer: Answer, cx: &mut Cx) -> State {
        asked::on_answer(&mut self.asked, ticket, answer, cx);
        State::Hall(self)
    }

    /// Another device has come into a room with the user.
    pub(super) fn on_joined(&mut self, key: NameKey, standing: &Standing, cx: &mut Cx) {
        self.places.insert(key, standing.room.clone());
        cx.send(rooms::encode_in(standing));
    }

    /// Another device has gone from a room with the user.
    pub(super) fn on_parted(&mut self, key: &NameKey, room: &RoomName, cx: &mut Cx) {
        self.places.remove(key);
        cx.send(rooms::encode_out(room));
    }

    /// Another device has shown the user what was said, so far.
    pub(super) fn on_read(room: &RoomName, seq: u64, cx: &mut Cx) {
        cx.send(rooms::encode_read(room, seq, None));
    }

    /// Another is something else to the user from now on.
    pub(super) fn on_tied(user: &UserName, tie: Tie, cx: &mut Cx) {
        cx.send(friend::encode_change(user, tie, None));
    }

    /// These are here like that, or are not.
    pub(super) fn on_here(here: &Here, cx: &mut Cx) {
        cx.send_all(here.encode(cx.rules.limits.list_bytes_max));
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
        let room = match room {
            Some(room) => Some(self.here(room, waiting, cx)?),
            None => None,
        };
        let to = speech::receiver(msg.to, |name| format!("{name} is not here"), waiting, cx)?;
        if to.is_none() && room.is_none() {
            cx.refuse(waiting, Code::BadRequest, "`room` must say where this is to be said");
            return None;
        }
        let plain = to.is_none().then(|| push::encode_public(&self.account.name, &text));
        Some(Command::Post(Box::new(Post { to, room, text, plain, cid, rid: waiting.rid.clone() })))
    }

    /// The room of that name, if the user takes part in it.
    fn find(&self, room: &RoomName, cx: &Cx) -> Option<(NameKey, RoomName)> {
        let (key, room) = self.places.get_key_value(&lobby::key(room, cx))?;
        Some((key.clone(), room.clone()))
    }

    /// The same; if they do not, the request is answered with no.
    fn here(
        &self,
        room: Result<RoomName, NameError>,
        waiting: &Waiting,
        cx: &mut Cx,
    ) -> Option<(NameKey, RoomName)> {
        let found = room.as_ref().ok().and_then(|room| self.find(room, cx));
        if found.is_none() {
            past::refuse_elsewhere(room, waiting, cx);
        }
        found
    }
}

/// Checks what somebody says of themselves.
fn present(said: Said, waiting: &Waiting, cx: &mut Cx) -> Option<Command> {
    match said.text.transpose() {
        Ok(text) => Some(Command::Present(said.state, text)),
        Err(error) => {
            cx.refuse(waiting, speech::code(error), StatusText::sentence(error));
            None
        }
    }
}

/// Whether it is slowed where it comes too often.
fn is_move(command: &Command) -> bool {
    matches!(
        command,
        Command::Join(..) | Command::Part(..) | Command::Read(..) | Command::ReadPeer(..) | Command::Tie(..)
    )
}

fn show(overview: &Overview, rid: Option<&Rid>, cx: &mut Cx) {
    let standings: Vec<&Standing> = overview.places.iter().map(|(_, standing)| standing).collect();
    let bytes_max = cx.rules.limits.list_bytes_max;
    cx.send_all(rooms::encode_all(&overview.crowds, &standings, bytes_max, rid));
}
