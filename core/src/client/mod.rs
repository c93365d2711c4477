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
//! Where such a server grants `multi`, a client that keeps takes part in many rooms at once, and in private conversations beside
//! them. Each of its conversations is shown whole: what was missed is read, a page at a time, of the one that a person
//! [looks at](Command::Look) first. What the server tells of rooms, places and people is merged, and told whole.
//!
//! A server that grants `ping` is asked for a sign of life when it is silent for [`SILENCE_MAX`], and a connection on which none
//! comes is given up: [`Output::Close`]. A frontend that knows of a reason to doubt its connection says so with
//! [`Input::Doubtful`], and has its answer within [`DOUBT_PATIENCE`]; [`Vigil`] finds two of those reasons.

mod answers;
mod backoff;
mod cids;
mod command;
mod conversation;
mod event;
mod friends;
mod hall;
mod home;
mod incoming;
mod outbox;
mod past;
mod patience;
mod people;
mod places;
mod presences;
mod pulse;
mod reading;
mod readings;
mod returning;
mod state;
mod talk;
mod vigil;
mod wishes;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::frame::{Decoder, Frame};
use crate::message::hello::{self, Caps};
use crate::message::logins::ClientName;
use crate::message::{Cid, Kind};
use crate::name::RoomName;
use crate::phase::Phase;
use crate::secret::Token;
use crate::time::Instant;

pub use backoff::Backoff;
pub use cids::Cids;
pub use command::Command;
pub use conversation::{Conversation, Place, Span, folded};
pub use event::{End, Event, Past, Room};
pub use friends::Friends;
use friends::Ties;
use home::Home;
use outbox::Outbox;
pub use outbox::WAITING_MAX;
use people::People;
use places::Places;
use presences::Presences;
use pulse::Pulse;
pub use pulse::{DOUBT_PATIENCE, PING_PATIENCE, SILENCE_MAX};
use readings::Readings;
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
    /// What is shown: of the room that it is in, or returns to, or of all that it takes part in.
    readings: Readings,
    /// Whether the server is still there.
    pulse: Pulse,
    /// Where many rooms are taken part in: which those are.
    places: Places,
    /// The same: what is looked at, and who is there.
    people: People,
    /// The same: who is whose friend.
    ties: Ties,
    /// The same: who is here.
    presences: Presences,
    /// Whose login was the last.
    whose: Option<String>,
    /// It asks no server for many rooms at once.
    is_of_one_room: bool,
    /// What it calls itself, if not by the name of the core.
    program: Option<ClientName>,
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

impl Client {
    /// A client without a connection, to which nothing is known of a message but that it was sent.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, but where a server keeps what is said, no message is lost or doubled over a lost connection, and what was
    /// said before is read. `nonce` must be random, and another one for each client there ever is: their messages are told
    /// apart by it.
    pub fn that_keeps(nonce: [u8; 12]) -> Self {
        Self { cids: Some(Cids::new(nonce)), ..Self::default() }
    }

    /// The same, for who was logged in when their program ended. On its first connection it comes back as after a lost one:
    /// to the account, to the room, to what was read there and to what was not said yet.
    pub fn that_goes_on(nonce: [u8; 12], kept: Kept) -> Self {
        let mut client = Self::that_keeps(nonce);
        client.home = Some(Home::with_token(kept.token, kept.room));
        for (of, span) in kept.read {
            client.readings.know(&of, span);
        }
        for say in kept.outbox.into_iter().rev() {
            let cid = say.cid().cloned();
            client.outbox.put_back(say, cid);
        }
        client
    }

    /// So much of a conversation is known already. When it is read next, it is read on from there. Say it before entering.
    pub fn know(&mut self, of: Conversation, read: Span) {
        self.readings.know(&of, read);
    }

    /// The same, but it asks no server for more than one room at a time: for a program that shows one.
    #[must_use]
    pub fn of_one_room(mut self) -> Self {
        self.is_of_one_room = true;
        if let Some(home) = &mut self.home {
            home.set_of_many(false);
        }
        self
    }

    /// The same, but it calls itself otherwise: so an account's logins are told apart by who reads what they are.
    #[must_use]
    pub fn called(self, program: ClientName) -> Self {
        Self { program: Some(program), ..self }
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
                let hello = hello::encode_hello(self.wanted_caps(), self.program.as_ref());
                self.outputs.push_back(Output::Frame(hello));
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
        while self.outputs.is_empty() && (self.step() || self.tell_changes()) {}
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

    /// The room this client is in; `None` in the lobby, and where it is in many.
    pub fn room(&self) -> Option<&str> {
        self.state.room().map(RoomName::as_str)
    }

    fn wanted_caps(&self) -> Caps {
        let is_of_many = !self.is_of_one_room;
        let caps = Caps { multi: is_of_many, friends: is_of_many, presence: is_of_many, ..Caps::ALL };
        if self.cids.is_some() { caps } else { caps.without_history() }
    }

    fn send(&mut self, command: Command) {
        self.send_as(command, None, false);
    }

    fn send_as(&mut self, command: Command, cid: Option<Cid>, is_repeat: bool) {
        let name = self.username().unwrap_or_default();
        let frame = match self.phase() {
            Some(Phase::Hall) => command.encode_of_many(name, cid.as_ref()),
            _ => command.encode(name, self.room().unwrap_or_default(), cid.as_ref()),
        };
        let Some(frame) = frame else { return };
        self.outputs.push_back(Output::Frame(frame));
        let room = self.state.room().cloned();
        self.pending.push_back(Pending { command, cid, is_repeat, room, asked_at: self.now });
    }

    /// Whether that is the name of who is logged in, as the server spells it.
    fn is_own(&self, name: &str) -> bool {
        self.username() == Some(name)
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

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}

/// Keeps what a server has told, unless that is more than a server can have to tell. Whether it is kept.
fn insert_within<K: Ord, V>(told: &mut BTreeMap<K, V>, max: usize, key: K, value: V) -> bool {
    let has_room = told.len() < max || told.contains_key(&key);
    if has_room {
        told.insert(key, value);
    }
    has_room
}

/// How long a request may go without an answer. A login waits for about 2 s of others' hashes at the most, so this
/// long means that none will come: the original server keeps silent where it knows no answer.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The farewell to a connection whose account has logged in elsewhere.
const REPLACED: &str = "replaced";

/// The farewell to a connection whose login was ended, and the refusal of its token.
const SESSION_ENDED: &str = "session_ended";

/// Why a message is not sent any more that waited for its turn.
const LEFT_UNSAID: &str = "You left the room before this was sent";

/// The error to a request that a server does not know.
const UNKNOWN_TYPE: &str = "unknown_type";

/// The refusal of what comes too soon.
const RATE_LIMITED: &str = "rate_limited";

/// The refusal of what is said where one is not.
const NOT_IN_ROOM: &str = "not_in_room";

/// The refusal of what could not be looked up or written down.
const BUSY: &str = "busy";

/// The refusal of a room that is not there.
const NO_SUCH_ROOM: &str = "no_such_room";

#[cfg(test)]
mod tests;
