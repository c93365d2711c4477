//! One connection, as the client sees it.
//!
//! [`Client`] turns what a person wants into requests, and what a server says into [`Event`]s. It speaks with the
//! servers of this project and with the original one, which answers in the order it was asked and names no request.

mod command;
mod event;
mod state;

use alloc::collections::VecDeque;
use alloc::string::String;
use core::time::Duration;

use crate::frame::{Decoder, Frame};
use crate::limits::SERVER_FRAME_BYTES_MAX;
use crate::message::push::{ReceivedList, ReceivedMsg};
use crate::message::reply::{LIST_ROOM, Received};
use crate::message::{Envelope, HALF_SURROGATE, Kind};
use crate::name::PUBLIC;
use crate::phase::Phase;
use crate::time::Instant;

pub use command::Command;
pub use event::{End, Event, Room};
use state::{Pending, State};

/// What happened.
pub enum Input<'a> {
    /// The connection stands, its handshake is over.
    Connected,
    /// Plain bytes from the server.
    Bytes(&'a [u8]),
    /// The connection is gone.
    Closed,
    /// A person wants this.
    Command(Command),
    /// [`Client::deadline`] has come.
    Timeout,
}

/// What is to be done.
pub enum Output {
    /// Send this.
    Frame(Frame),
    /// Show this.
    Event(Event),
    /// Drop the connection: the server does not keep to the protocol. An [`Event::Disconnected`] has said why.
    Close,
}

/// A client's side of one connection after another.
#[derive(Default)]
pub struct Client {
    now: Instant,
    state: State,
    decoder: Decoder,
    outputs: VecDeque<Output>,
    /// Requests without an answer yet, oldest first.
    pending: VecDeque<Pending>,
}

impl Client {
    /// A client without a connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells the client what happened. Drain [`Client::poll_output`] after each call.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        self.now = now;
        match input {
            Input::Connected => {
                self.state = State::Auth;
                self.decoder = Decoder::default();
                self.event(Event::Connected);
            }
            Input::Bytes(bytes) => {
                if self.state.phase().is_some() {
                    self.decoder.extend(bytes);
                }
            }
            Input::Closed => self.disconnect(End::Closed),
            Input::Command(command) => self.on_command(command),
            Input::Timeout => self.on_timeout(),
        }
    }

    /// The next thing to do, or `None` until something happens.
    pub fn poll_output(&mut self) -> Option<Output> {
        while self.outputs.is_empty() && self.step() {}
        self.outputs.pop_front()
    }

    /// When to call [`Client::handle`] with [`Input::Timeout`], if nothing else happens first.
    pub fn deadline(&self) -> Option<Instant> {
        self.pending.front().map(|pending| pending.asked_at + ANSWER_TIMEOUT)
    }

    /// Where in the protocol this client is; `None` without a connection.
    pub fn phase(&self) -> Option<Phase> {
        self.state.phase()
    }

    /// Who is logged in, as the server spells it.
    pub fn username(&self) -> Option<&str> {
        self.state.username()
    }

    /// The room this client is in; `None` in the lobby.
    pub fn room(&self) -> Option<&str> {
        self.state.room()
    }

    fn on_command(&mut self, command: Command) {
        let kind = command.kind();
        let Some(phase) = self.phase() else {
            return self.event(Event::Refused {
                request: kind,
                code: None,
                message: String::from("There is no connection to a server"),
                retry_ms: None,
            });
        };
        if !phase.allows(kind) {
            return self.event(Event::Refused {
                request: kind,
                code: Some(String::from("wrong_state")),
                message: String::from(phase.refusal(kind)),
                retry_ms: None,
            });
        }
        let command = command.normalized();
        self.outputs.push_back(Output::Frame(command.encode(self.username().unwrap_or_default())));
        let (peer, text) = command.into_message();
        self.pending.push_back(Pending { kind, asked_at: self.now, peer, text });
    }

    fn on_timeout(&mut self) {
        while self.deadline().is_some_and(|at| at <= self.now) {
            if let Some(pending) = self.pending.pop_front() {
                self.event(Event::Unanswered(pending.kind));
            }
        }
    }

    /// Reads one frame. Whether there was one.
    fn step(&mut self) -> bool {
        let frame = match self.decoder.decode(SERVER_FRAME_BYTES_MAX) {
            Ok(Some(frame)) => frame,
            Ok(None) => return false,
            Err(_) => {
                self.accuse("it sent a frame that is empty or too large");
                return false;
            }
        };
        let envelope = match Envelope::decode(frame) {
            // The original server passes such a text on. Who sent it is not to throw everybody out.
            Err(HALF_SURROGATE) => return true,
            envelope => envelope.map_err(|error| error.0),
        };
        match envelope.and_then(|envelope| Incoming::decode(&envelope)) {
            Ok(incoming) => self.on_incoming(incoming),
            Err(fault) => self.accuse(fault),
        }
        true
    }

    fn on_incoming(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Rooms(list) => {
                self.answered(Kind::List);
                let rooms = list.0.into_iter().map(|(name, members)| Room { name, members }).collect();
                self.event(Event::Rooms(rooms));
            }
            Incoming::Members(list) => {
                self.answered(Kind::List);
                if let Some((name, members)) = list.0.into_iter().next() {
                    self.event(Event::Members(Room { name, members }));
                }
            }
            Incoming::Msg(msg) => self.on_msg(msg),
            Incoming::Done(kind, done) => {
                self.answered(kind);
                self.on_done(kind, done);
            }
            Incoming::Refused(kind, received) => {
                self.answered(kind);
                self.event(Event::Refused {
                    request: kind,
                    code: received.code,
                    message: received.message.unwrap_or_default(),
                    retry_ms: received.retry_ms,
                });
            }
            Incoming::Notice(received) => {
                let message = received.message.unwrap_or_default();
                self.event(Event::Notice { code: received.code, message });
            }
            // Newer servers may say what this client does not know.
            Incoming::Unknown => {}
        }
    }

    fn on_msg(&mut self, msg: ReceivedMsg) {
        let is_own = Some(msg.from.as_str()) == self.username();
        let is_public = msg.to == PUBLIC;
        // Both copies of a private message carry their reader's name: whom an own one went to, only its sender knows.
        let pending =
            if is_own { self.answered_where(|pending| pending.is_msg(is_public, &msg.text)) } else { None };
        let private_with = match (is_public, pending) {
            (true, _) => None,
            (false, Some(pending)) => pending.peer.or(Some(msg.from.clone())),
            (false, None) => Some(msg.from.clone()),
        };
        self.event(Event::Message { from: msg.from, text: msg.text, is_own, private_with });
    }

    fn on_done(&mut self, kind: Kind, done: Done) {
        match kind {
            Kind::Register => self.event(Event::Registered),
            Kind::Login => {
                let username = done.username.unwrap_or_default();
                self.state = State::Lobby { username: username.clone() };
                self.event(Event::LoggedIn { username });
            }
            Kind::Create => self.event(Event::Created { message: done.message }),
            Kind::Enter => {
                let room = done.room.unwrap_or_default();
                self.state = core::mem::take(&mut self.state).entered(room.clone());
                self.event(Event::Entered { room });
            }
            Kind::Exit => {
                self.state = core::mem::take(&mut self.state).left();
                self.event(Event::Left);
            }
            Kind::Logout => {
                self.state = State::Auth;
                self.event(Event::LoggedOut);
            }
            // These two are told apart by their own types.
            Kind::List | Kind::Msg => {}
        }
    }

    /// The oldest request of a kind has its answer.
    fn answered(&mut self, kind: Kind) {
        self.answered_where(|pending| pending.kind == kind);
    }

    fn answered_where(&mut self, is_it: impl Fn(&Pending) -> bool) -> Option<Pending> {
        let index = self.pending.iter().position(is_it)?;
        self.pending.remove(index)
    }

    /// The server broke the protocol; nothing it says can be trusted to mean what it seems to.
    fn accuse(&mut self, fault: &'static str) {
        if self.state.phase().is_some() {
            self.disconnect(End::ServerFault(fault));
            self.outputs.push_back(Output::Close);
        }
    }

    fn disconnect(&mut self, end: End) {
        if self.state.phase().is_some() {
            self.state = State::Offline;
            self.decoder = Decoder::default();
            for pending in core::mem::take(&mut self.pending) {
                self.event(Event::Unanswered(pending.kind));
            }
            self.event(Event::Disconnected(end));
        }
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}

/// What a server sent, by what it means for a client.
enum Incoming {
    Rooms(ReceivedList),
    Members(ReceivedList),
    Msg(ReceivedMsg),
    Done(Kind, Done),
    Refused(Kind, Received),
    Notice(Received),
    Unknown,
}

/// What good news may carry.
struct Done {
    message: String,
    username: Option<String>,
    room: Option<String>,
}

impl Incoming {
    fn decode(envelope: &Envelope<'_>) -> Result<Self, &'static str> {
        let received = Received::decode(envelope).map_err(|error| error.0)?;
        let kind = match received.kind.as_str() {
            LIST_ROOM => Some(Kind::List),
            kind => Kind::parse(kind),
        };
        let Some(kind) = kind else {
            return Ok(if received.ok { Self::Unknown } else { Self::Notice(received) });
        };
        if !received.ok {
            return Ok(Self::Refused(kind, received));
        }
        let fault = |error: crate::message::Unfit| error.0;
        Ok(match kind {
            Kind::List if received.kind == LIST_ROOM => {
                Self::Members(ReceivedList::decode(envelope).map_err(fault)?)
            }
            Kind::List => Self::Rooms(ReceivedList::decode(envelope).map_err(fault)?),
            Kind::Msg => Self::Msg(ReceivedMsg::decode(envelope).map_err(fault)?),
            Kind::Login | Kind::Enter => {
                let (username, room) = crate::message::reply::decode_place(envelope).map_err(fault)?;
                if kind == Kind::Enter && room.is_none() {
                    return Err("it answered `enter` without a room");
                }
                let Some(username) = username else { return Err("it answered without a user name") };
                Self::Done(
                    kind,
                    Done { message: received.message.unwrap_or_default(), username: Some(username), room },
                )
            }
            Kind::Register | Kind::Create | Kind::Exit | Kind::Logout => {
                let message = received.message.unwrap_or_default();
                Self::Done(kind, Done { message, username: None, room: None })
            }
        })
    }
}

/// How long a request may go without an answer. A login waits for about 2 s of others' hashes at the most, so this
/// long means that none will come: the original server keeps silent where it knows no answer.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
