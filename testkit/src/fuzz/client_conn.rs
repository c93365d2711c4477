//! A connection, the client's side of it.

mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chatroom_core::Instant;
use chatroom_core::client::{ANSWER_TIMEOUT, Client, End, Event, Input, Output};
use chatroom_core::frame::PREFIX_BYTES;
use chatroom_core::limits::Limits;
use chatroom_core::message::hello::Caps;
use chatroom_core::message::request::{Head, Request};
use chatroom_core::message::{Envelope, Kind};
use chatroom_core::name::{LOBBY, UserName};
use chatroom_core::phase::Phase;
use models::words::command;

use super::script::{Line, lines};
use crate::transcript::frame;
use told::Told;

/// Whatever a server says, however late, and however often it hangs up: the client sends nothing but requests that are
/// allowed where it is and were granted, nothing without a connection, tells the outcome of each message once, who is a
/// friend as it was told, and nothing that was not granted, and never waits in vain.
///
/// A line is a letter and what it is about: `k` it is a client that keeps, and takes part in many rooms; `C` connected, `X` closed, `j JSON` and `b BYTES` from the server, `c WORDS`
/// from the person, `w MS` passes, `t` a timeout for nothing, `d` a doubt.
pub fn client_conn(data: &[u8]) {
    let mut bench = Bench::default();
    for line in lines(data) {
        bench.run(line);
    }
    bench.end();
}

/// A client, and what is known of it from outside.
#[derive(Default)]
struct Bench {
    now: Instant,
    client: Client,
    is_connected: bool,
    /// What the server has granted on this connection.
    granted: Caps,
    told: Told,
    /// The client has said that it drops the connection, and why.
    is_accused: bool,
    /// How often the outcome of each message was told.
    outcomes: BTreeMap<u64, u32>,
    /// It is a client that keeps, which takes part in many rooms, and waits with what it has to say for its way back.
    is_keeping: bool,
}

impl Bench {
    fn run(&mut self, line: Line<'_>) {
        match line.verb {
            b'k' if self.outcomes.is_empty() && !self.is_connected => {
                (self.client, self.is_keeping) = (Client::that_keeps([7; 12]), true);
            }
            b'C' => self.connect(),
            b'X' => self.handle(Input::Closed),
            b'j' => {
                if self.client.phase() == Some(Phase::Hall) {
                    self.told.hear(line.rest);
                }
                self.hear(&frame(line.rest));
            }
            b'b' => {
                self.told.lose_track();
                self.hear(&line.bytes());
            }
            b'c' => self.want(&line),
            b'w' => self.wait(line.milliseconds()),
            b't' => self.handle(Input::Timeout),
            b'd' => self.handle(Input::Doubtful),
            _ => {}
        }
        assert_eq!(
            self.client.phase().is_some(),
            self.is_connected,
            "the client knows whether it is connected"
        );
        assert_eq!(self.client.room().is_some(), self.client.phase() == Some(Phase::Chat));
        let is_somebody = matches!(self.client.phase(), Some(Phase::Lobby | Phase::Chat | Phase::Hall));
        assert_eq!(self.client.username().is_some(), is_somebody);
    }

    /// The connection is lost: nothing is waited for, and nothing is left untold.
    fn end(&mut self) {
        self.wait(2 * ANSWER_TIMEOUT);
        self.handle(Input::Closed);
        for (id, outcomes) in &self.outcomes {
            assert!(*outcomes == 1 || self.is_keeping, "outcomes of message {id}");
        }
    }

    fn connect(&mut self) {
        if !self.is_connected {
            (self.is_connected, self.is_accused, self.granted) = (true, false, Caps::default());
            self.handle(Input::Connected);
        }
    }

    /// What a server says to who has hung up is read by nobody.
    fn hear(&mut self, bytes: &[u8]) {
        if self.is_connected {
            self.handle(Input::Bytes(bytes));
        }
    }

    fn want(&mut self, line: &Line<'_>) {
        let id = self.outcomes.len() as u64;
        let Ok(words) = String::from_utf8(line.bytes()) else { return };
        let here = self.client.room().unwrap_or(LOBBY);
        let Some(command) = command(words.trim_start(), here, id) else { return };
        if matches!(command, chatroom_core::client::Command::Say { .. }) {
            self.outcomes.insert(id, 0);
        }
        self.handle(Input::Command(command));
    }

    fn wait(&mut self, duration: Duration) {
        let until = self.now + duration;
        let mut idle = 0;
        while let Some(at) = self.client.deadline().filter(|at| *at <= until) {
            idle = if at > self.now { 0 } else { idle + 1 };
            assert!(idle < TIMEOUTS_AT_ONCE_MAX, "a timeout changes nothing");
            self.now = self.now.max(at);
            self.handle(Input::Timeout);
        }
        self.now = until;
    }

    fn handle(&mut self, input: Input<'_>) {
        self.client.handle(self.now, input);
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Frame(frame) => self.check_request(&frame),
                Output::Event(event) => self.show(event),
                Output::Close => {
                    assert!(self.is_accused, "a server is left without a word");
                    self.is_accused = false;
                }
            }
        }
        assert!(!self.is_accused, "a server is accused and not left");
    }

    fn check_request(&self, frame: &[u8]) {
        assert!(self.is_connected, "a request is sent to nobody");
        let json = &frame[PREFIX_BYTES..];
        let envelope = Envelope::decode(json).expect("a client says JSON");
        let kind = Head::decode(&envelope).ok().and_then(|head| head.kind).expect("a request has a type");
        let phase = self.client.phase().expect("it is connected");
        let is_of_many = phase == Phase::Hall;
        let caps = Caps { multi: is_of_many, friends: is_of_many, presence: is_of_many, ..Caps::ALL };
        assert!(Request::decode(kind, &envelope, caps).is_ok(), "a request is fit");
        assert!(phase.allows(kind), "{kind} in {phase:?}");
        assert!(self.may_ask(kind), "{kind} was not granted");
        let limits = Limits::default();
        let bytes_max = match phase {
            Phase::Auth => limits.frame_before_login_bytes_max,
            Phase::Lobby | Phase::Chat | Phase::Hall => limits.frame_bytes_max,
        };
        assert!(json.len() <= bytes_max, "a request of {} bytes", json.len());
    }

    /// Whether that is there for who was granted what this client was. A way back begins before anything is.
    fn may_ask(&self, kind: Kind) -> bool {
        match kind {
            Kind::History => self.granted.history,
            Kind::Rooms | Kind::Roster | Kind::Read => self.granted.multi,
            Kind::Friend => self.granted.friends,
            Kind::Presence => self.granted.presence,
            Kind::Logins => self.granted.logins,
            Kind::Ping | Kind::Pong => self.granted.ping,
            Kind::Hello
            | Kind::Register
            | Kind::Login
            | Kind::Resume
            | Kind::List
            | Kind::Create
            | Kind::Enter
            | Kind::Msg
            | Kind::Exit
            | Kind::Logout => true,
        }
    }

    fn show(&mut self, event: Event) {
        match event {
            Event::Disconnected(end) => {
                assert!(self.is_connected, "an end without a connection");
                self.is_connected = false;
                self.is_accused = matches!(end, End::ServerFault(_) | End::Silent);
            }
            Event::Message { said: Some(id), .. }
            | Event::Refused { said: Some(id), .. }
            | Event::Acknowledged { said: id, .. }
            | Event::Unanswered { said: Some(id), .. } => self.note_outcome(id),
            Event::Past { messages, .. } => {
                for id in messages.iter().filter_map(|past| past.said) {
                    assert!(self.is_keeping, "nothing of its own is among what was said before");
                    self.note_outcome(id);
                }
            }
            Event::Greeted(greeting) => self.granted = greeting.caps,
            Event::Crowds(_) | Event::Places(_) => assert!(self.granted.multi, "it is in many rooms"),
            Event::Friends(friends) => {
                assert!(self.granted.friends, "friends were not granted");
                self.told.check(&friends);
            }
            Event::Presence(presences) => {
                assert!(self.granted.presence, "presence was not granted");
                let users: BTreeSet<&UserName> = presences.iter().map(|presence| &presence.user).collect();
                assert_eq!(users.len(), presences.len(), "each is told of once");
            }
            Event::Logins(_) => assert!(self.granted.logins, "logins were not granted"),
            Event::Connected | Event::LoggedIn { .. } | Event::Returned { .. } | Event::LoggedOut => {
                self.told.forget();
            }
            Event::Registered
            | Event::Session { .. }
            | Event::Rooms(_)
            | Event::Members(_)
            | Event::Created { .. }
            | Event::Entered { .. }
            | Event::Left { .. }
            | Event::Message { said: None, .. }
            | Event::Refused { said: None, .. }
            | Event::Unanswered { said: None, .. }
            | Event::Notice { .. } => {}
        }
    }

    fn note_outcome(&mut self, id: u64) {
        let outcomes = self.outcomes.get_mut(&id).expect("a message that nobody sent");
        *outcomes += 1;
        assert_eq!(*outcomes, 1, "message {id} has two outcomes");
    }
}

/// Timeouts that may come at one moment.
const TIMEOUTS_AT_ONCE_MAX: usize = 8;
