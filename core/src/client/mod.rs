//! One connection, as the client sees it.
//!
//! [`Client`] turns what a person wants into requests, and what a server says into [`Event`]s. It speaks with the
//! servers of this project and with the original one, which answers in the order it was asked and names no request. On
//! each connection it says hello first, which the original one passes over.
//!
//! After a lost connection it finds back by itself: told of the next one, it logs in and enters the room it was in,
//! and says so with one [`Event::Returned`]. For that it holds a token in memory, or the password where the server gives
//! no token. Where nothing must be remembered, begin with a new client.
//!
//! What is said is sent one message at a time, the next when the server has answered the last. One that a server
//! refuses for now (`rate_limited`, with a time) is no event: it is sent again when that time is over, before all
//! that was said after it. So nothing is lost, and nobody's messages change their order. Other commands do not wait
//! for messages; those that leave the room let them go first.

mod backoff;
mod command;
mod event;
mod home;
mod outbox;
mod state;

use alloc::collections::VecDeque;
use alloc::string::String;
use core::time::Duration;

use crate::frame::{Decoder, Frame};
use crate::limits::SERVER_FRAME_BYTES_MAX;
use crate::message::hello::{self, Caps, Greeting};
use crate::message::push::{ReceivedList, ReceivedMsg};
use crate::message::reply::{LIST_ROOM, Place, Received};
use crate::message::{Envelope, HALF_SURROGATE, Kind};
use crate::name::{PUBLIC, RoomName};
use crate::phase::Phase;
use crate::time::Instant;

pub use backoff::Backoff;
pub use command::Command;
pub use event::{End, Event, Room};
use home::{Home, LOGIN_PAUSE, Step};
use outbox::Outbox;
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
    /// What was said and is not on its way.
    outbox: Outbox,
    /// Where to return to.
    home: Option<Home>,
    /// What this connection's server has granted.
    caps: Caps,
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
                self.caps = Caps::default();
                self.event(Event::Connected);
                self.outputs.push_back(Output::Frame(hello::encode_hello()));
                if let Some(login) = self.home.as_mut().map(Home::login) {
                    self.send(login);
                }
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
        let answer_at = self.pending.front().map(|pending| pending.asked_at + ANSWER_TIMEOUT);
        let say_at = self.outbox.deadline().filter(|_| self.may_say());
        answer_at.into_iter().chain(self.login_at()).chain(say_at).min()
    }

    /// Where in the protocol this client is; `None` without a connection.
    pub fn phase(&self) -> Option<Phase> {
        self.state.phase()
    }

    /// Who is logged in, as the server spells it.
    pub fn username(&self) -> Option<&str> {
        self.state.username()
    }

    /// How many messages were said and neither taken nor refused for good. A program that wants to leave waits for 0.
    pub fn unsaid(&self) -> usize {
        self.outbox.len() + usize::from(self.is_asking(Kind::Msg))
    }

    /// The room this client is in; `None` in the lobby.
    pub fn room(&self) -> Option<&str> {
        self.state.room()
    }

    fn on_command(&mut self, command: Command) {
        let kind = command.kind();
        let Some(phase) = self.phase() else {
            return self.refuse(&command, "There is no connection to a server");
        };
        if !phase.allows(kind) {
            return self.event(Event::Refused {
                request: kind,
                said: command.said(),
                code: Some(String::from("wrong_state")),
                message: String::from(phase.refusal(kind)),
                retry_ms: None,
            });
        }
        match command.normalized() {
            say @ Command::Say { .. } => self.say(say),
            leave @ Command::Exit => {
                // Too late is better than never: in the lobby nothing can be said any more.
                for say in self.outbox.take_all() {
                    self.send(say);
                }
                self.send(leave);
            }
            command @ (Command::Register(..)
            | Command::Login(..)
            | Command::Resume(_)
            | Command::List
            | Command::Create(_)
            | Command::Enter(_)
            | Command::Logout) => self.send(command),
        }
    }

    fn say(&mut self, say: Command) {
        match self.outbox.push(say) {
            Ok(()) => self.send_next(),
            Err(say) => self.refuse(&say, "Too many messages wait to be sent, say this again later"),
        }
    }

    /// Sends the next message, if it may be sent.
    fn send_next(&mut self) {
        if self.may_say()
            && let Some(say) = self.outbox.pop(self.now)
        {
            self.send(say);
        }
    }

    /// Whether there is a room to say something in, and no message is on its way there.
    fn may_say(&self) -> bool {
        let is_free = || !self.is_asking(Kind::Msg) && !self.is_asking(Kind::Exit);
        self.phase() == Some(Phase::Chat) && is_free()
    }

    fn send(&mut self, command: Command) {
        self.outputs.push_back(Output::Frame(command.encode(self.username().unwrap_or_default())));
        self.pending.push_back(Pending { command, asked_at: self.now });
    }

    fn on_timeout(&mut self) {
        while self.pending.front().is_some_and(|pending| pending.asked_at + ANSWER_TIMEOUT <= self.now) {
            if let Some(pending) = self.pending.pop_front() {
                self.on_silence(pending);
            }
        }
        if self.login_at().is_some_and(|at| at <= self.now)
            && let Some(login) = self.home.as_mut().map(Home::login)
        {
            self.send(login);
        }
        self.send_next();
    }

    /// When the login is to be tried again. Without a connection there is nobody to try it with.
    fn login_at(&self) -> Option<Instant> {
        self.home.as_ref().filter(|_| self.phase() == Some(Phase::Auth)).and_then(Home::deadline)
    }

    /// A request got no answer.
    fn on_silence(&mut self, pending: Pending) {
        match self.step_of_return(pending.command.kind()) {
            Step::There | Step::Waiting(_) => self.event(pending.unanswered()),
            // A server that knows what it is asked has much to do; one that does not will not answer.
            Step::LoggingIn if pending.command.kind() == Kind::Resume && self.caps.resume => {
                self.pending.push_back(Pending { command: pending.command, asked_at: self.now });
            }
            Step::LoggingIn if pending.command.kind() == Kind::Resume => {
                self.home = None;
                self.event(pending.unanswered());
            }
            Step::LoggingIn => self.try_login_again(LOGIN_PAUSE),
            Step::Entering | Step::Creating | Step::EnteringAgain => self.give_up_the_room(),
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
        if incoming.kind().is_some_and(|kind| !self.can_expect(kind)) {
            return;
        }
        match incoming {
            Incoming::Greeted(greeting) => {
                self.caps = greeting.caps;
                self.event(Event::Greeted(greeting));
            }
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
                let pending = self.answered(kind);
                self.on_done(kind, done, pending);
            }
            // It changes nothing: a person has not asked for it, and nothing waits for it.
            Incoming::Refused(Kind::Hello, _) => {}
            Incoming::Refused(kind, received) => {
                let pending = self.answered(kind);
                self.on_refused(kind, received, pending);
            }
            // So says a server that has forgotten since what it granted, or is another one.
            Incoming::Notice(received)
                if received.code.as_deref() == Some(UNKNOWN_TYPE) && self.is_asking(Kind::Resume) =>
            {
                let pending = self.answered(Kind::Resume);
                self.on_refused(Kind::Resume, received, pending);
            }
            Incoming::Notice(received) => {
                // Two windows of one account would drive each other out for ever.
                if received.code.as_deref() == Some(REPLACED) {
                    self.home = None;
                }
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
        let said = pending.as_ref().and_then(|pending| pending.command.said());
        let private_with = match (is_public, pending) {
            (true, _) => None,
            (false, Some(pending)) => pending.peer().or(Some(msg.from.clone())),
            (false, None) => Some(msg.from.clone()),
        };
        self.event(Event::Message { from: msg.from, text: msg.text, is_own, said, private_with });
        self.send_next();
    }

    fn on_done(&mut self, kind: Kind, done: Done, pending: Option<Pending>) {
        match kind {
            Kind::Register => self.event(Event::Registered),
            Kind::Login | Kind::Resume => self.on_logged_in(kind, done, pending),
            Kind::Create if self.step_of_return(kind) == Step::Creating => self.enter_again(),
            Kind::Create => self.event(Event::Created { message: done.message }),
            Kind::Enter => self.on_entered(done.place.room.unwrap_or_default()),
            Kind::Exit => {
                self.state = core::mem::take(&mut self.state).left();
                self.go_home_to(None);
                self.refuse_unsaid(LEFT_UNSAID);
                self.event(Event::Left);
            }
            Kind::Logout => {
                self.state = State::Auth;
                self.home = None;
                self.refuse_unsaid(LEFT_UNSAID);
                self.event(Event::LoggedOut);
            }
            // These are told apart by their own types.
            Kind::Hello | Kind::List | Kind::Msg | Kind::History => {}
        }
    }

    fn on_logged_in(&mut self, kind: Kind, done: Done, pending: Option<Pending>) {
        let username = done.place.username.unwrap_or_default();
        self.state = State::Lobby { username: username.clone() };
        self.refuse_unsaid(LEFT_UNSAID);
        if self.step_of_return(kind) == Step::LoggingIn {
            if let (Some(home), Some(token)) = (&mut self.home, done.place.token) {
                home.set_token(token);
            }
            match self.home.as_mut().and_then(|home| home.enter(Step::Entering)) {
                Some(enter) => self.send(enter),
                None => self.event(Event::Returned { username, room: None }),
            }
            return;
        }
        if let Some(home) = Home::after(pending.map(|pending| pending.command), done.place.token) {
            self.home = Some(home);
        }
        self.event(Event::LoggedIn { username });
    }

    fn on_entered(&mut self, room: String) {
        let is_return = self.step_of_return(Kind::Enter) != Step::There;
        self.state = core::mem::take(&mut self.state).entered(room.clone());
        if is_return {
            self.arrive();
        } else {
            self.go_home_to(RoomName::parse(&room).ok());
            self.event(Event::Entered { room });
        }
    }

    fn on_refused(&mut self, kind: Kind, received: Received, pending: Option<Pending>) {
        match self.step_of_return(kind) {
            Step::LoggingIn if received.retry_ms.is_some() => {
                self.try_login_again(received.retry_ms.map_or(LOGIN_PAUSE, Duration::from_millis));
                return;
            }
            // The password was changed meanwhile, or the account is gone: a person has to look at it.
            Step::LoggingIn => self.home = None,
            // The original server has no codes, and an empty room does not survive its restart.
            Step::Entering if received.code.as_deref().is_none_or(|code| code == NO_SUCH_ROOM) => {
                return match self.home.as_mut().and_then(Home::create) {
                    Some(create) => self.send(create),
                    None => self.give_up_the_room(),
                };
            }
            // Another member was quicker to make it.
            Step::Creating => return self.enter_again(),
            Step::Entering | Step::EnteringAgain => return self.give_up_the_room(),
            Step::There | Step::Waiting(_) => {}
        }
        let pending = match pending {
            Some(Pending { command, .. }) if kind == Kind::Msg => match self.hold(command, &received) {
                Some(command) => Some(command),
                // It will be said.
                None => return,
            },
            pending => pending.map(|pending| pending.command),
        };
        self.event(Event::Refused {
            request: kind,
            said: pending.and_then(|command| command.said()),
            code: received.code,
            message: received.message.unwrap_or_default(),
            retry_ms: received.retry_ms,
        });
        self.send_next();
    }

    /// Keeps a message that came too soon, to send it again. It comes back if it was refused for another reason, or
    /// if the client is about to leave the room.
    fn hold(&mut self, say: Command, refusal: &Received) -> Option<Command> {
        let may_come_again = refusal.code.as_deref() == Some(RATE_LIMITED) && !self.is_asking(Kind::Exit);
        match refusal.retry_ms.map(Duration::from_millis) {
            Some(pause) if may_come_again => self.outbox.hold(self.now, say, pause).err(),
            _ => Some(say),
        }
    }

    /// How far the way back is, if an answer to `kind` is about it.
    fn step_of_return(&self, kind: Kind) -> Step {
        match self.home.as_ref().map_or(Step::There, Home::step) {
            step @ Step::LoggingIn if matches!(kind, Kind::Login | Kind::Resume) => step,
            step @ (Step::Entering | Step::EnteringAgain) if kind == Kind::Enter => step,
            step @ Step::Creating if kind == Kind::Create => step,
            _ => Step::There,
        }
    }

    fn try_login_again(&mut self, pause: Duration) {
        if let Some(home) = &mut self.home {
            home.set_step(Step::Waiting(self.now + pause));
        }
    }

    fn enter_again(&mut self) {
        match self.home.as_mut().and_then(|home| home.enter(Step::EnteringAgain)) {
            Some(enter) => self.send(enter),
            None => self.arrive(),
        }
    }

    fn give_up_the_room(&mut self) {
        self.go_home_to(None);
        self.arrive();
    }

    fn arrive(&mut self) {
        if let Some(home) = &mut self.home {
            home.set_step(Step::There);
        }
        let username = self.username().map(String::from).unwrap_or_default();
        self.event(Event::Returned { username, room: self.room().map(String::from) });
    }

    fn go_home_to(&mut self, room: Option<RoomName>) {
        if let Some(home) = &mut self.home {
            home.set_room(room);
        }
    }

    /// Whether an answer of this kind can be meant for this client: it waits for one, or could have asked here and
    /// given up. Any other would lead it to where the server does not see it.
    fn can_expect(&self, kind: Kind) -> bool {
        self.phase().is_some_and(|phase| phase.allows(kind)) || self.is_asking(kind)
    }

    /// Whether a request of a kind is on its way.
    fn is_asking(&self, kind: Kind) -> bool {
        self.pending.iter().any(|pending| pending.command.kind() == kind)
    }

    /// The oldest request of a kind has its answer.
    fn answered(&mut self, kind: Kind) -> Option<Pending> {
        self.answered_where(|pending| pending.command.kind() == kind)
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
                // The next connection goes the way back from its start; nobody asked for this part of it.
                if self.step_of_return(pending.command.kind()) == Step::There {
                    self.event(pending.unanswered());
                }
            }
            self.refuse_unsaid("The connection was lost before this was sent");
            self.event(Event::Disconnected(end));
        }
    }

    /// Nothing of what waits will be sent, for this reason.
    fn refuse_unsaid(&mut self, why: &str) {
        for say in self.outbox.take_all() {
            self.refuse(&say, why);
        }
    }

    /// A command is refused here, without the server.
    fn refuse(&mut self, command: &Command, why: &str) {
        self.event(Event::Refused {
            request: command.kind(),
            said: command.said(),
            code: None,
            message: String::from(why),
            retry_ms: None,
        });
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}

/// What a server sent, by what it means for a client.
enum Incoming {
    Greeted(Greeting),
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
    place: Place,
}

impl Incoming {
    /// The kind of request that this answers, or could.
    fn kind(&self) -> Option<Kind> {
        match self {
            Self::Greeted(_) => Some(Kind::Hello),
            Self::Rooms(_) | Self::Members(_) => Some(Kind::List),
            Self::Msg(_) => Some(Kind::Msg),
            Self::Done(kind, _) | Self::Refused(kind, _) => Some(*kind),
            Self::Notice(_) | Self::Unknown => None,
        }
    }

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
            Kind::Hello => Self::Greeted(Greeting::decode(envelope).map_err(fault)?),
            Kind::List if received.kind == LIST_ROOM => {
                Self::Members(ReceivedList::decode(envelope).map_err(fault)?)
            }
            Kind::List => Self::Rooms(ReceivedList::decode(envelope).map_err(fault)?),
            Kind::Msg => Self::Msg(ReceivedMsg::decode(envelope).map_err(fault)?),
            Kind::Login | Kind::Resume | Kind::Enter => {
                let place = Place::decode(envelope).map_err(fault)?;
                if kind == Kind::Enter && place.room.is_none() {
                    return Err("it answered `enter` without a room");
                }
                if place.username.is_none() {
                    return Err("it answered without a user name");
                }
                Self::Done(kind, Done { message: received.message.unwrap_or_default(), place })
            }
            // It was not asked for: this client was granted nothing that brings it.
            Kind::History => Self::Unknown,
            Kind::Register | Kind::Create | Kind::Exit | Kind::Logout => {
                let message = received.message.unwrap_or_default();
                Self::Done(kind, Done { message, place: Place::default() })
            }
        })
    }
}

/// How long a request may go without an answer. A login waits for about 2 s of others' hashes at the most, so this
/// long means that none will come: the original server keeps silent where it knows no answer.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The farewell to a connection whose account has logged in elsewhere.
const REPLACED: &str = "replaced";

/// Why a message is not sent any more that waited for its turn.
const LEFT_UNSAID: &str = "You left the room before this was sent";

/// The error to a request that a server does not know.
const UNKNOWN_TYPE: &str = "unknown_type";

/// The refusal of what comes too soon.
const RATE_LIMITED: &str = "rate_limited";

/// The refusal of a room that is not there.
const NO_SUCH_ROOM: &str = "no_such_room";

#[cfg(test)]
mod tests;
