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
//!
//! Where a server keeps what is said, a client [that keeps](Client::that_keeps) it too calls each message by a name, reads what
//! was said before where it enters or returns, and sends again what has no answer when it is back: each is said once. So it
//! is over the end of its program as well, for a program that remembers what its client tells, and begins the next one with
//! [what it had](Client::that_goes_on).
//!
//! A server that grants `ping` is asked for a sign of life when it is silent for [`SILENCE_MAX`], and a connection on which none
//! comes is given up: [`Output::Close`]. A frontend that knows of a reason to doubt its connection says so with
//! [`Input::Doubtful`], and has its answer within [`DOUBT_PATIENCE`]; [`Vigil`] finds two of those reasons.

mod backoff;
mod command;
mod conversation;
mod event;
mod home;
mod outbox;
mod pulse;
mod reading;
mod state;
mod vigil;

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::frame::{Decoder, Frame};
use crate::limits::SERVER_FRAME_BYTES_MAX;
use crate::message::hello::{self, Caps, Greeting};
use crate::message::history::{Edge, ReceivedLine, ReceivedPage};
use crate::message::push::{ReceivedAck, ReceivedList, ReceivedMsg};
use crate::message::reply::{self, LIST_ROOM, Received};
use crate::message::{Cid, Envelope, HALF_SURROGATE, Kind, request};
use crate::name::{PUBLIC, RoomName};
use crate::phase::Phase;
use crate::secret::Token;
use crate::time::Instant;

pub use backoff::Backoff;
pub use command::Command;
pub use conversation::{Conversation, Place, Span};
pub use event::{End, Event, Past, Room};
use home::{Home, LOGIN_PAUSE, Step};
pub use outbox::WAITING_MAX;
use outbox::{Outbox, Waiting};
use pulse::Pulse;
pub use pulse::{DOUBT_PATIENCE, PING_PATIENCE, SILENCE_MAX};
use reading::{Heard, Reading, Turned};
use state::{Pending, State};
pub use vigil::{LOOK_MAX, STOPPED_MIN, Vigil};

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
    /// The connection may be dead without anybody having told: this computer slept, this program was stopped, or the network
    /// has changed. Say it before anything else that is new. The server is asked at once, if it has granted that, and no
    /// request is held to have waited for its answer meanwhile.
    Doubtful,
    /// [`Client::deadline`] has come.
    Timeout,
}

/// What is to be done.
pub enum Output {
    /// Send this.
    Frame(Frame),
    /// Show this.
    Event(Event),
    /// Drop the connection: the server does not keep to the protocol, or is not there any more. An
    /// [`Event::Disconnected`] has said why; after [`End::Silent`], connect again at once.
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
    /// What messages are called, if they are to be kept.
    cids: Option<Cids>,
    /// What is shown of the room that it is in, or returns to.
    reading: Reading,
    /// Whether the server is still there.
    pulse: Pulse,
    /// What is known of conversations that it has not read yet.
    known: Vec<(Conversation, Span)>,
}

/// What a client had when its program ended, for the one that goes on where it was.
pub struct Kept {
    /// Of the last [`Event::Session`].
    pub token: Token,
    /// The room that it was in.
    pub room: Option<RoomName>,
    /// What it has read of each conversation.
    pub read: Vec<(Conversation, Span)>,
    /// What was said and not answered, the oldest first: each a [`Command::Say`] with the `cid` that it had.
    pub outbox: Vec<Command>,
}

/// Makes names for messages that no other client makes.
struct Cids {
    prefix: String,
    count: u64,
}

impl Client {
    /// A client without a connection, to which nothing is known of a message but that it was sent.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, but where a server keeps what is said, no message is lost or doubled over a lost connection, and what was
    /// said before is read. `nonce` must be random, and another one for each client there ever is: their messages are told
    /// apart by it.
    pub fn that_keeps(nonce: [u8; 12]) -> Self {
        let mut prefix = String::new();
        for byte in nonce {
            let digit = |four: u8| char::from_digit(four.into(), 16).unwrap_or('0');
            prefix.extend([digit(byte >> 4), digit(byte & 15)]);
        }
        Self { cids: Some(Cids { prefix, count: 0 }), ..Self::default() }
    }

    /// The same, for who was logged in when their program ended. On its first connection it comes back as after a lost one:
    /// to the account, to the room, to what was read there and to what was not said yet.
    pub fn that_goes_on(nonce: [u8; 12], kept: Kept) -> Self {
        let mut client = Self::that_keeps(nonce);
        let of = kept.room.clone().map(Conversation::Room);
        client.home = Some(Home::with_token(kept.token, kept.room));
        client.known = kept.read;
        client.reading = client.begin_reading(of.as_ref());
        for say in kept.outbox.into_iter().rev() {
            let cid = say.cid().cloned();
            client.outbox.put_back(say, cid);
        }
        client
    }

    /// So much of a conversation is known already. When it is read next, it is read on from there. Say it before entering.
    pub fn know(&mut self, of: Conversation, read: Span) {
        self.known.retain(|(known, _)| !known.is(&of));
        self.known.push((of, read));
    }

    /// Tells the client what happened. Drain [`Client::poll_output`] after each call.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        self.now = now;
        match input {
            Input::Connected => {
                self.state = State::Auth;
                self.decoder = Decoder::default();
                self.caps = Caps::default();
                self.pulse.begin(now);
                self.event(Event::Connected);
                let caps = Caps { multi: false, ..Caps::ALL };
                let caps = if self.cids.is_some() { caps } else { caps.without_history() };
                self.outputs.push_back(Output::Frame(hello::encode_hello(caps)));
                if let Some(login) = self.home.as_mut().map(Home::login) {
                    self.send(login);
                }
            }
            Input::Bytes(bytes) => {
                if self.state.phase().is_some() && !bytes.is_empty() {
                    self.decoder.extend(bytes);
                    self.pulse.hear(now);
                }
            }
            Input::Closed => self.disconnect(End::Closed),
            Input::Command(command) => self.on_command(command),
            Input::Doubtful => self.on_doubt(),
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
        let pulse_at = self.has_pulse().then(|| self.pulse.deadline());
        self.due_at().into_iter().chain(pulse_at).min()
    }

    /// Whether the server owes an answer, or something waits for its time to be sent.
    pub fn is_waiting(&self) -> bool {
        self.due_at().is_some()
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
        self.state.room().map(RoomName::as_str)
    }

    fn on_command(&mut self, command: Command) {
        let kind = command.kind();
        // What is said on the way back to the room is sent there.
        if kind == Kind::Msg && self.phase() != Some(Phase::Chat) && self.will_be_back() {
            return self.say(command);
        }
        if matches!(command, Command::Look(_) | Command::Read(..)) && self.phase() != Some(Phase::Hall) {
            return;
        }
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
        match command {
            say @ Command::Say { .. } => self.say(say),
            leave @ Command::Exit(_) => {
                // Too late is better than never: in the lobby nothing can be said any more.
                for Waiting { say, cid } in self.outbox.take_all() {
                    self.send_say(say, cid);
                }
                self.send(leave);
            }
            // Of a room that it is in, and one page at a time.
            Command::Recall(of, shown) => {
                let is_here = self.state.room().is_some_and(|here| of.is_of(here));
                let can_read = is_here && self.caps.history && !self.is_asking(Kind::History);
                if can_read && let Some(edge) = self.reading.older(shown) {
                    self.send(Command::Recall(of, edge));
                }
            }
            Command::Look(_) | Command::Read(..) => {}
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
        let here = self.state.room().or_else(|| self.home.as_ref().and_then(Home::room));
        let say = say.normalized(here);
        if !here.is_some_and(|here| say.can_be_said_in(here)) {
            return self.refuse(&say, "You are not in that room");
        }
        match self.outbox.push(say) {
            Ok(()) => self.send_next(),
            Err(say) => self.refuse(&say, "Too many messages wait to be sent, say this again later"),
        }
    }

    /// Sends the next message, if it may be sent.
    fn send_next(&mut self) {
        while self.may_say()
            && let Some(Waiting { say, cid }) = self.outbox.pop(self.now)
        {
            // It waited since before the end of a program, for another room.
            if !self.state.room().is_some_and(|here| say.can_be_said_in(here)) {
                self.refuse(&say, LEFT_UNSAID);
                continue;
            }
            self.send_say(say, cid);
        }
    }

    /// Sends a message, under the name that it had when it was sent before, if it was.
    fn send_say(&mut self, say: Command, cid: Option<Cid>) {
        let cid = cid.or_else(|| say.cid().cloned()).or_else(|| self.cids.as_mut().and_then(Cids::next));
        let cid = cid.filter(|_| self.caps.ack);
        self.send_as(say, cid);
    }

    /// Whether there is a room to say something in, and no message is on its way there.
    fn may_say(&self) -> bool {
        let is_free = || !self.is_asking(Kind::Msg) && !self.is_asking(Kind::Exit);
        self.phase() == Some(Phase::Chat) && is_free() && !self.reading.is_catching_up()
    }

    /// Whether this client is on its way back to a room, where what waits will be sent.
    fn will_be_back(&self) -> bool {
        self.cids.is_some() && self.home.as_ref().is_some_and(Home::is_away_from_a_room)
    }

    fn send(&mut self, command: Command) {
        self.send_as(command, None);
    }

    fn send_as(&mut self, command: Command, cid: Option<Cid>) {
        let (name, room) = (self.username().unwrap_or_default(), self.room().unwrap_or_default());
        let Some(frame) = command.encode(name, room, cid.as_ref()) else { return };
        self.outputs.push_back(Output::Frame(frame));
        let room = self.state.room().cloned();
        self.pending.push_back(Pending { command, cid, room, asked_at: self.now });
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
        if self.reading.deadline().is_some_and(|at| at <= self.now) && self.phase() == Some(Phase::Chat) {
            self.catch_up();
        }
        self.send_next();
        self.feel_pulse();
    }

    /// Asks a server for a sign of life that was silent for long, and gives up one that gives none.
    fn feel_pulse(&mut self) {
        if !self.has_pulse() || self.pulse.deadline() > self.now {
            return;
        }
        if self.pulse.is_lost(self.now) {
            self.disconnect(End::Silent);
            return self.outputs.push_back(Output::Close);
        }
        // Answers come in order: this one after those that are waited for.
        let patience = if self.pending.is_empty() { PING_PATIENCE } else { ANSWER_TIMEOUT };
        let number = self.pulse.ask(self.now, patience);
        self.outputs.push_back(Output::Frame(request::encode_ping(number)));
    }

    fn on_doubt(&mut self) {
        // Nobody waited while nothing ran here.
        for pending in &mut self.pending {
            pending.asked_at = self.now;
        }
        if !self.has_pulse() {
            return;
        }
        // A login takes its time when many come back at once, and to come back anew would make that worse.
        let is_logging_in = self.phase() == Some(Phase::Auth) && !self.pending.is_empty();
        let patience = if is_logging_in { ANSWER_TIMEOUT } else { DOUBT_PATIENCE };
        if let Some(number) = self.pulse.ask_in_doubt(self.now, patience) {
            self.outputs.push_back(Output::Frame(request::encode_ping(number)));
        }
    }

    /// Whether the server can be asked for a sign of life.
    fn has_pulse(&self) -> bool {
        self.caps.ping && self.phase().is_some()
    }

    /// When something has waited for long enough.
    fn due_at(&self) -> Option<Instant> {
        let answer_at = self.pending.front().map(|pending| pending.asked_at + ANSWER_TIMEOUT);
        let say_at = self.outbox.deadline().filter(|_| self.may_say());
        let read_at = self.reading.deadline().filter(|_| self.phase() == Some(Phase::Chat));
        answer_at.into_iter().chain(self.login_at()).chain(say_at).chain(read_at).min()
    }

    /// When the login is to be tried again. Without a connection there is nobody to try it with.
    fn login_at(&self) -> Option<Instant> {
        self.home.as_ref().filter(|_| self.phase() == Some(Phase::Auth)).and_then(Home::deadline)
    }

    /// A request got no answer.
    fn on_silence(&mut self, pending: Pending) {
        match self.step_of_return(pending.command.kind()) {
            // Whoever has granted that will answer. What is older somebody asks for again.
            Step::There | Step::Waiting(_) if pending.command.kind() == Kind::History => {
                if self.reading.is_catching_up() {
                    self.pending.push_back(Pending { asked_at: self.now, ..pending });
                }
            }
            Step::There | Step::Waiting(_) => self.event(pending.unanswered()),
            // A server that knows what it is asked has much to do; one that does not will not answer.
            Step::LoggingIn if pending.command.kind() == Kind::Resume && self.caps.resume => {
                self.pending.push_back(Pending { asked_at: self.now, ..pending });
            }
            Step::LoggingIn if pending.command.kind() == Kind::Resume => {
                self.lose_home();
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
            Incoming::Ack(ack) => self.on_ack(ack),
            Incoming::Page(page) => self.on_page(page),
            Incoming::Done(kind, done) => {
                let pending = self.answered(kind);
                self.on_done(kind, done, pending);
            }
            Incoming::Ping if self.caps.ping => {
                self.outputs.push_back(Output::Frame(request::encode_bare(Kind::Pong)));
            }
            Incoming::Ping => {}
            Incoming::Pong(number) => number.into_iter().for_each(|number| self.pulse.answered(number)),
            // It changes nothing: a person has not asked for it, and nothing waits for it.
            Incoming::Refused(Kind::Hello | Kind::Ping | Kind::Pong, _) => {}
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
                    self.lose_home();
                }
                let message = received.message.unwrap_or_default();
                self.event(Event::Notice { code: received.code, message });
            }
            // Newer servers may say what this client does not know.
            Incoming::Unknown => {}
        }
    }

    fn on_msg(&mut self, msg: ReceivedMsg) {
        // A private one has its place among those of its two sides, which are not read here.
        match msg.posted.filter(|_| msg.peer.is_none() && self.caps.history) {
            None => self.show(msg),
            Some(posted) => {
                let heard = self.reading.hear(posted, msg);
                self.on_heard(heard);
            }
        }
        self.send_next();
    }

    fn on_heard(&mut self, heard: Heard) {
        match heard {
            Heard::Next(msg) => self.show(msg),
            Heard::Waits => {}
            Heard::Before(msg) => self.acknowledge(msg),
            Heard::Hole => self.catch_up(),
        }
    }

    /// What stands before the last that is shown is shown itself, unless all that is shown began anew since it was sent.
    fn acknowledge(&mut self, msg: ReceivedMsg) {
        let Some(say) = msg.cid.as_ref().and_then(|cid| self.waited(cid)) else { return };
        if let (Some(said), Some(posted), Some(of)) = (say.said(), msg.posted, self.here()) {
            self.event(Event::Acknowledged { of, said, posted });
        }
    }

    /// Where what comes now is shown: in the room that it is in, or has left since it said something there.
    fn here(&self) -> Option<Conversation> {
        let asked_in = || self.pending.iter().find_map(|pending| pending.room.as_ref());
        self.state.room().or_else(asked_in).cloned().map(Conversation::Room)
    }

    fn show(&mut self, msg: ReceivedMsg) {
        let Some(of) = self.here() else { return };
        let is_own = Some(msg.from.as_str()) == self.username();
        let is_public = msg.to == PUBLIC;
        // Both copies of a private message carry their reader's name: whom an own one went to, only its sender knows.
        let waited = match &msg.cid {
            _ if !is_own => None,
            Some(cid) => self.waited(cid),
            None => {
                let is_it = |pending: &Pending| pending.cid.is_none() && pending.is_msg(is_public, &msg.text);
                self.answered_where(is_it).map(|pending| pending.command)
            }
        };
        let said = waited.as_ref().and_then(Command::said);
        let peer = || match waited.as_ref().and_then(Command::said_to) {
            Some(Conversation::Peer(peer)) => String::from(peer.as_str()),
            Some(Conversation::Room(_)) | None => msg.from.clone(),
        };
        let private_with = (!is_public).then(|| msg.peer.unwrap_or_else(peer));
        let ReceivedMsg { from, text, posted, cid, .. } = msg;
        self.event(Event::Message { of, from, text, is_own, said, private_with, posted, cid });
    }

    /// A message is kept. Most have come by then like everybody's; one that was kept before comes with this alone.
    fn on_ack(&mut self, ack: ReceivedAck) {
        let pending = self.pending.iter().find(|pending| pending.cid.as_ref() == Some(&ack.cid));
        let Some(Pending { command: Command::Say { to, text, .. }, .. }) = pending else { return };
        let own = String::from(self.username().unwrap_or_default());
        let peer = match to {
            Conversation::Room(_) => None,
            Conversation::Peer(peer) => Some(String::from(peer.as_str())),
        };
        let to = if peer.is_some() { own.clone() } else { String::from(PUBLIC) };
        let text = String::from(text.as_str());
        self.on_msg(ReceivedMsg { to, from: own, text, posted: ack.posted, cid: Some(ack.cid), peer });
    }

    /// Begins where it was, if that is known.
    fn begin_reading(&mut self, of: Option<&Conversation>) -> Reading {
        let index = of.and_then(|of| self.known.iter().position(|(known, _)| known.is(of)));
        index.map(|index| Reading::on_from(self.known.swap_remove(index).1)).unwrap_or_default()
    }

    /// Reads what was said while this client was not here, up to what is said now.
    fn catch_up(&mut self) {
        if !self.caps.history {
            return;
        }
        let Some(of) = self.here() else { return };
        let edge = self.reading.catch_up();
        // If another page is on its way, this one is asked for when that has come.
        if !self.is_asking(Kind::History) {
            self.send(Command::Recall(of, edge));
        }
    }

    fn on_page(&mut self, page: ReceivedPage) {
        let Some(Pending { command: Command::Recall(of, edge), .. }) = self.answered(Kind::History) else {
            return;
        };
        let (ends, has_more) = (page.ends(), page.has_more);
        if let Some(Turned { is_anew, shown }) = self.reading.turn(edge, ends, has_more) {
            let messages: Vec<Past> =
                page.lines.into_iter().skip(shown).map(|line| self.past(line)).collect();
            let (is_older, has_older) = (matches!(edge, Edge::Before(_)), self.reading.has_older());
            if !messages.is_empty() || is_anew || is_older {
                self.event(Event::Past { of, messages, is_older, is_anew, has_older });
            }
        }
        if self.reading.is_catching_up() {
            return self.catch_up();
        }
        self.show_held();
        self.send_next();
    }

    fn past(&mut self, line: ReceivedLine) -> Past {
        let cid = line.cid.as_deref().and_then(Cid::parse);
        let waited = cid.as_ref().and_then(|cid| self.waited(cid));
        Past {
            is_own: Some(line.from.as_str()) == self.username(),
            said: waited.and_then(|say| say.said()),
            posted: line.posted(),
            from: line.from,
            text: Some(line.text).filter(|text| !text.is_empty()),
            cid,
        }
    }

    /// A message of that name, if it waits for its answer, or to be sent again after a lost connection: it was kept.
    fn waited(&mut self, cid: &Cid) -> Option<Command> {
        let pending = self.answered_where(|pending| pending.cid.as_ref() == Some(cid));
        pending.map(|pending| pending.command).or_else(|| self.outbox.take(cid))
    }

    /// What was said while a page was on its way.
    fn show_held(&mut self) {
        for heard in self.reading.take_held() {
            self.on_heard(heard);
        }
    }

    fn on_done(&mut self, kind: Kind, done: Done, pending: Option<Pending>) {
        match kind {
            Kind::Register => self.event(Event::Registered),
            Kind::Login | Kind::Resume => self.on_logged_in(kind, done, pending),
            Kind::Create if self.step_of_return(kind) == Step::Creating => self.enter_again(),
            Kind::Create => self.event(Event::Created { message: done.message }),
            Kind::Enter => match done.place.room.map(|room| RoomName::parse(&room)) {
                Some(Ok(room)) => self.on_entered(room),
                Some(Err(_)) | None => self.accuse("it answered `enter` without a room that can be"),
            },
            Kind::Exit => {
                let room = self.state.room().cloned();
                let meant = pending.and_then(|pending| pending.room);
                self.state = core::mem::take(&mut self.state).left();
                self.reading = Reading::default();
                self.go_home_to(None);
                self.refuse_unsaid(LEFT_UNSAID);
                if let Some(room) = room.or(meant) {
                    self.event(Event::Left { room: String::from(room.as_str()) });
                }
            }
            Kind::Logout => {
                self.state = State::Auth;
                self.home = None;
                self.reading = Reading::default();
                self.refuse_unsaid(LEFT_UNSAID);
                self.event(Event::LoggedOut);
            }
            // These are told apart by their own types.
            Kind::Hello | Kind::List | Kind::Msg | Kind::History | Kind::Ping | Kind::Pong => {}
            // It never asks for these.
            Kind::Rooms | Kind::Roster | Kind::Read => {}
        }
    }

    fn on_logged_in(&mut self, kind: Kind, done: Done, pending: Option<Pending>) {
        let username = done.place.username.unwrap_or_default();
        self.state = State::Lobby { username: username.clone() };
        if !self.will_be_back() {
            self.refuse_unsaid(LEFT_UNSAID);
        }
        let session =
            done.place.token.clone().map(|token| Event::Session { username: username.clone(), token });
        if self.step_of_return(kind) == Step::LoggingIn {
            session.into_iter().for_each(|session| self.event(session));
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
        session.into_iter().for_each(|session| self.event(session));
    }

    fn on_entered(&mut self, room: RoomName) {
        let is_return = self.step_of_return(Kind::Enter) != Step::There;
        self.state = core::mem::take(&mut self.state).entered(room.clone());
        if is_return {
            self.arrive();
        } else {
            let name = String::from(room.as_str());
            self.reading = self.begin_reading(Some(&Conversation::Room(room.clone())));
            self.go_home_to(Some(room));
            self.event(Event::Entered { room: name });
        }
        self.catch_up();
        self.send_next();
    }

    fn on_refused(&mut self, kind: Kind, received: Received, pending: Option<Pending>) {
        match self.step_of_return(kind) {
            Step::LoggingIn if received.retry_ms.is_some() => {
                self.try_login_again(received.retry_ms.map_or(LOGIN_PAUSE, Duration::from_millis));
                return;
            }
            // The password was changed meanwhile, or the account is gone: a person has to look at it.
            Step::LoggingIn => self.lose_home(),
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
        if kind == Kind::History {
            let again_at = received.retry_ms.map(|pause| self.now + Duration::from_millis(pause));
            self.reading.give_up(again_at);
            return self.show_held();
        }
        let pending = match pending {
            Some(Pending { command, cid, .. }) if kind == Kind::Msg => {
                match self.hold(command, cid, &received) {
                    Some(command) => Some(command),
                    // It will be said.
                    None => return,
                }
            }
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
    fn hold(&mut self, say: Command, cid: Option<Cid>, refusal: &Received) -> Option<Command> {
        let may_come_again = refusal.code.as_deref() == Some(RATE_LIMITED) && !self.is_asking(Kind::Exit);
        match refusal.retry_ms.map(Duration::from_millis) {
            Some(pause) if may_come_again => self.outbox.hold(self.now, say, cid, pause).err(),
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
        self.reading = Reading::default();
        self.give_up_unsaid(LEFT_UNSAID);
        self.arrive();
    }

    fn arrive(&mut self) {
        if let Some(home) = &mut self.home {
            home.set_step(Step::There);
        }
        // Where nothing is kept, what may have arrived would be said twice.
        if !self.caps.ack {
            self.give_up_sent();
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
            self.reading.lose();
            let will_be_back = self.cids.is_some() && self.home.as_ref().is_some_and(Home::has_room);
            let mut unanswered = Vec::new();
            for pending in core::mem::take(&mut self.pending) {
                match pending.command.kind() {
                    Kind::Msg if will_be_back && pending.cid.is_some() => unanswered.push(pending),
                    // Nobody asked for it.
                    Kind::History => {}
                    // The next connection goes the way back from its start; nobody asked for this part of it.
                    kind if self.step_of_return(kind) == Step::There => self.event(pending.unanswered()),
                    _ => {}
                }
            }
            for Pending { command, cid, .. } in unanswered.into_iter().rev() {
                self.outbox.put_back(command, cid);
            }
            if let Some(home) = &mut self.home {
                home.leave();
            }
            if !will_be_back {
                self.give_up_unsaid("The connection was lost before this was sent");
            }
            self.event(Event::Disconnected(end));
        }
    }

    /// There is no way back any more, and nothing that waits for it is sent.
    fn lose_home(&mut self) {
        self.home = None;
        self.give_up_unsaid(LEFT_UNSAID);
    }

    /// Nothing of what waits will be sent, for this reason; of what was sent already nobody knows whether it arrived.
    fn give_up_unsaid(&mut self, why: &str) {
        self.give_up_sent();
        self.refuse_unsaid(why);
    }

    /// What waits to be sent again is not.
    fn give_up_sent(&mut self) {
        for Waiting { say, cid } in self.outbox.take_all() {
            match cid {
                Some(_) => self.event(Event::Unanswered { request: Kind::Msg, said: say.said() }),
                // It fits: it was there before.
                None => drop(self.outbox.push(say)),
            }
        }
    }

    /// Nothing of what waits will be sent, for this reason.
    fn refuse_unsaid(&mut self, why: &str) {
        for Waiting { say, .. } in self.outbox.take_all() {
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
    Ack(ReceivedAck),
    Page(ReceivedPage),
    Ping,
    /// The number of what it answers.
    Pong(Option<u64>),
    Done(Kind, Done),
    Refused(Kind, Received),
    Notice(Received),
    Unknown,
}

/// What good news may carry.
struct Done {
    message: String,
    place: reply::Place,
}

impl Incoming {
    /// The kind of request that this answers, or could.
    fn kind(&self) -> Option<Kind> {
        match self {
            Self::Greeted(_) => Some(Kind::Hello),
            Self::Rooms(_) | Self::Members(_) => Some(Kind::List),
            Self::Msg(_) => Some(Kind::Msg),
            Self::Page(_) => Some(Kind::History),
            Self::Ping => Some(Kind::Ping),
            Self::Pong(_) => Some(Kind::Pong),
            Self::Done(kind, _) | Self::Refused(kind, _) => Some(*kind),
            // What is not waited for is passed over where it is looked for.
            Self::Ack(_) | Self::Notice(_) | Self::Unknown => None,
        }
    }

    fn decode(envelope: &Envelope<'_>) -> Result<Self, &'static str> {
        let received = Received::decode(envelope).map_err(|error| error.0)?;
        let kind = match received.kind.as_str() {
            LIST_ROOM => Some(Kind::List),
            kind => Kind::parse(kind),
        };
        let fault = |error: crate::message::Unfit| error.0;
        let Some(kind) = kind else {
            if received.ok && received.kind == ReceivedAck::TYPE {
                return ReceivedAck::decode(envelope).map(Self::Ack).map_err(fault);
            }
            return Ok(if received.ok { Self::Unknown } else { Self::Notice(received) });
        };
        let pong = || {
            let rid = envelope.rid().map_err(fault)?;
            Ok(Self::Pong(rid.and_then(|rid| rid.as_str().parse().ok())))
        };
        // One that came too often is answered as well.
        if !received.ok && kind == Kind::Ping {
            return pong();
        }
        if !received.ok {
            return Ok(Self::Refused(kind, received));
        }
        Ok(match kind {
            Kind::Hello => Self::Greeted(Greeting::decode(envelope).map_err(fault)?),
            Kind::List if received.kind == LIST_ROOM => {
                Self::Members(ReceivedList::decode(envelope).map_err(fault)?)
            }
            Kind::List => Self::Rooms(ReceivedList::decode(envelope).map_err(fault)?),
            Kind::Msg => Self::Msg(ReceivedMsg::decode(envelope).map_err(fault)?),
            Kind::Login | Kind::Resume | Kind::Enter => {
                let place = reply::Place::decode(envelope).map_err(fault)?;
                if kind == Kind::Enter && place.room.is_none() {
                    return Err("it answered `enter` without a room");
                }
                if place.username.is_none() {
                    return Err("it answered without a user name");
                }
                Self::Done(kind, Done { message: received.message.unwrap_or_default(), place })
            }
            Kind::History => Self::Page(ReceivedPage::decode(envelope).map_err(fault)?),
            Kind::Ping => Self::Ping,
            Kind::Pong => pong()?,
            Kind::Rooms | Kind::Roster | Kind::Read => Self::Unknown,
            Kind::Register | Kind::Create | Kind::Exit | Kind::Logout => {
                let message = received.message.unwrap_or_default();
                Self::Done(kind, Done { message, place: reply::Place::default() })
            }
        })
    }
}

impl Cids {
    fn next(&mut self) -> Option<Cid> {
        self.count += 1;
        Cid::parse(&alloc::format!("{}-{:x}", self.prefix, self.count))
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
