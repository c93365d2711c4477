//! A guest: the project's own client, and somebody who uses it.
//!
//! The guest registers, logs in, enters a room, talks, whispers, goes to another room, dozes. When the connection is
//! lost it tries again, each time a little later; the client finds the way back to account and room by itself. All that
//! happens is told to the [`Ledger`](super::ledger::Ledger).

mod events;

use std::rc::Rc;
use std::time::{Duration, Instant};

use chatroom_core::client::{Backoff, Client, Command, Conversation, Input, Output};
use chatroom_core::frame::Frame;
use chatroom_core::message::{Kind, Text};
use chatroom_core::name::{RoomName, UserName};
use chatroom_core::phase::Phase;
use chatroom_core::secret::Password;
use fastrand::Rng;
use smol::Timer;

use super::ledger::name;
use super::line::{Line, Lost};
use super::town::{Stage, Town};

/// One guest, through all connections.
pub(super) struct Guest {
    town: Rc<Town>,
    number: usize,
    rng: Rng,
    client: Client,
    start: Instant,
    backoff: Backoff,
    account: Account,
    /// What was asked for and is not answered; the client's own way back counts as a login.
    asked: Option<Kind>,
    asked_at: Instant,
    /// The client knows the account and the room, and returns by itself.
    has_home: bool,
    /// That room, as far as this guest knows.
    has_room: bool,
    /// A login that was not answered when its connection ended: it may come to the server late, and win.
    loose_login_at: Option<Instant>,
    /// Messages that the client told of on this connection.
    messages: u64,
    /// Who is in the room, as the last list says.
    neighbours: Vec<usize>,
    /// When to talk next, or to ask again.
    act_at: Instant,
    /// The number of the last word, once it was said.
    last_word: Option<usize>,
    /// A request went without an answer for so long that the connection is of no use.
    has_given_up: bool,
    is_done: bool,
}

/// What a guest knows about its account.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Account {
    Missing,
    /// Nobody answered.
    Uncertain,
    Acknowledged,
}

impl Guest {
    pub(super) fn new(town: Rc<Town>, number: usize, rng: Rng) -> Self {
        let now = Instant::now();
        Self {
            town,
            number,
            rng,
            client: Client::new(),
            start: now,
            backoff: Backoff::default(),
            account: Account::Missing,
            asked: None,
            asked_at: now,
            has_home: false,
            has_room: false,
            loose_login_at: None,
            messages: 0,
            neighbours: Vec::new(),
            act_at: now,
            last_word: None,
            has_given_up: false,
            is_done: false,
        }
    }

    /// Comes, stays until it is time to leave, and leaves.
    pub(super) async fn visit(mut self) -> Self {
        self.is_done = false;
        self.backoff.reset();
        loop {
            let opened_at = Instant::now();
            match Line::open(self.town.proxy, &self.town.config).await {
                Ok(line) => self.stay(line, opened_at).await,
                Err(lost) => self.lose(lost),
            }
            if self.is_done {
                return self;
            }
            Timer::after(self.backoff.next(self.rng.u32(..))).await;
        }
    }

    /// Uses a connection to its end.
    async fn stay(&mut self, mut line: Line, opened_at: Instant) {
        self.messages = 0;
        self.has_given_up = false;
        // On the way back nobody knows when the client asks for the room: not before this.
        self.asked_at = opened_at;
        let mut is_open = self.tell(&mut line, Input::Connected);
        while is_open {
            self.act(&mut line);
            if self.is_done {
                self.tell(&mut line, Input::Closed);
                return line.close().await;
            }
            is_open = self.turn(&mut line).await;
        }
        self.tell(&mut line, Input::Closed);
        if opened_at.elapsed() >= STEADY {
            self.backoff.reset();
        }
    }

    /// One thing that happens on a connection. Whether it is still there.
    async fn turn(&mut self, line: &mut Line) -> bool {
        if self.is_tired() {
            // Nothing is read meanwhile, and nothing is looked at.
            Timer::after(Duration::from_millis(self.rng.u64(1_000..DOZE_MS_MAX))).await;
        }
        let soon = Instant::now() + LOOK_AROUND;
        let deadline = self.client.deadline().map_or(soon, |at| self.start + at.since_start());
        let waited = line.wait(deadline.min(soon)).await;
        let plain = line.take_plain();
        let mut is_open = plain.is_empty() || self.tell(line, Input::Bytes(&plain));
        if is_open && line.messages() != self.messages {
            self.accuse("got a message where none may come, and its client kept it back");
        }
        if self.client.deadline().is_some_and(|at| at <= self.now()) {
            is_open &= self.tell(line, Input::Timeout);
        }
        match waited {
            Ok(()) => is_open && !self.has_given_up,
            Err(lost) => {
                self.lose(lost);
                false
            }
        }
    }

    /// Tells the client something, and does what it wants. Whether the connection is to be kept.
    fn tell(&mut self, line: &mut Line, input: Input<'_>) -> bool {
        self.client.handle(self.now(), input);
        let mut frames: Vec<Frame> = Vec::new();
        let mut is_kept = true;
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Frame(frame) => frames.push(frame),
                Output::Event(event) => self.on_event(event),
                Output::Close => is_kept = false,
            }
        }
        line.say(&frames);
        is_kept
    }

    fn command(&mut self, line: &mut Line, command: Command, kind: Kind) {
        self.asked = Some(kind);
        self.asked_at = Instant::now();
        self.tell(line, Input::Command(command));
    }

    /// Does what a guest wants to do now.
    fn act(&mut self, line: &mut Line) {
        if self.asked.is_some() {
            return;
        }
        let stage = self.town.stage.get();
        let is_time = Instant::now() >= self.act_at;
        match self.client.phase() {
            // The client is on its way back.
            Some(Phase::Auth) if self.has_home => {}
            Some(Phase::Auth) if is_time => self.come_in(line),
            Some(Phase::Lobby) if stage == Stage::Leaving => {
                self.command(line, Command::Logout, Kind::Logout);
            }
            Some(Phase::Lobby) => {
                let room = self.rng.choice(&self.town.rooms).expect("there are rooms").clone();
                self.command(line, Command::Enter(room), Kind::Enter);
            }
            Some(Phase::Chat) => match stage {
                Stage::Storm if is_time => self.talk(line),
                Stage::Calm if self.last_word.is_none() => self.last_word = self.say(line, None),
                Stage::Leaving if self.client.unsaid() == 0 => self.leave(line),
                Stage::Storm | Stage::Calm | Stage::Leaving => {}
            },
            // It is in one room at a time.
            Some(Phase::Auth | Phase::Hall) | None => {}
        }
    }

    fn come_in(&mut self, line: &mut Line) {
        let name = UserName::parse(&name(self.number)).expect("a guest's name is one");
        let password = format!("the key of {}", name.as_str());
        let password = Password::parse(password.into()).expect("a guest's password is one");
        match self.account {
            Account::Acknowledged => self.command(line, Command::Login(name, password), Kind::Login),
            Account::Missing | Account::Uncertain => {
                self.command(line, Command::Register(name, password, None), Kind::Register);
            }
        }
    }

    /// Says something, to everybody or to one, or goes elsewhere.
    fn talk(&mut self, line: &mut Line) {
        self.act_at = Instant::now() + Duration::from_millis(self.rng.u64(500..3_500));
        match self.rng.u8(..20) {
            0 => self.leave(line),
            1..4 => {
                let to = self.rng.choice(&self.neighbours).copied().filter(|to| *to != self.number);
                _ = self.say(line, to);
            }
            // Faster than the server takes it: the client has to send some of it again.
            4 => (0..6).for_each(|_| _ = self.say(line, None)),
            _ => _ = self.say(line, None),
        }
    }

    fn leave(&mut self, line: &mut Line) {
        if let Some(room) = self.room() {
            self.command(line, Command::Exit(room), Kind::Exit);
        }
    }

    fn room(&self) -> Option<RoomName> {
        self.client.room().and_then(|room| RoomName::parse(room).ok())
    }

    /// Says something. Its number, if there is a room to say it in.
    fn say(&mut self, line: &mut Line, to: Option<usize>) -> Option<usize> {
        let room = self.town.room(self.client.room()?)?;
        let (id, words) = self.town.ledger.borrow_mut().say(self.number, room, to, Instant::now());
        let text = Text::parse(words).expect("a guest's words fit into a message");
        let to = match to {
            Some(to) => Conversation::Peer(UserName::parse(&name(to)).expect("a guest's name is one")),
            None => Conversation::Room(self.room()?),
        };
        self.tell(line, Input::Command(Command::Say { to, text, id: id as u64, cid: None }));
        Some(id)
    }

    /// Whether this guest falls asleep now; not all do.
    fn is_tired(&mut self) -> bool {
        let is_sleeper = self.number.is_multiple_of(5);
        is_sleeper && self.town.stage.get() == Stage::Storm && self.rng.u16(..200) == 0
    }

    fn lose(&mut self, lost: Lost) {
        match lost {
            Lost::Ended => {}
            Lost::Broken(error) => self.accuse(&format!("got what no server has sealed: {error}")),
        }
    }

    fn accuse(&self, what: &str) {
        self.town.ledger.borrow_mut().accuse(format!("{} {what}", name(self.number)));
    }

    fn now(&self) -> chatroom_core::Instant {
        chatroom_core::Instant::from_start(self.start.elapsed())
    }
}

/// How long a connection has to hold to be none that breaks at once.
const STEADY: Duration = Duration::from_secs(5);

/// How often a guest looks whether there is something to do.
const LOOK_AROUND: Duration = Duration::from_millis(200);

/// How long a guest dozes at most.
const DOZE_MS_MAX: u64 = 8_000;
