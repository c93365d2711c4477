//! A whole server and everybody who is connected to it, in virtual time. It does one [`Step`] at a time, and tells the
//! [`Model`] what came of it.

mod end;
mod windows;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use chatroom_core::Instant;
use chatroom_core::client::{self, Client, Command, Input};
use chatroom_core::frame::Frame;
use chatroom_core::hub::Settled;
use chatroom_core::message::logins::GrantId;
use chatroom_core::message::{Cid, Text};
use chatroom_core::name::{Account, RoomName, UserName};
use chatroom_core::secret::Password;
use chatroom_core::server::Rules;
use server_common::exchange::Wake;
use server_common::keys::{name_key, name_look};
use server_common::server::Server;
use server_common::session;
use server_common::store::Messages as _;
use zeroize::Zeroizing;

use super::chat::Chat;
use super::coverage::Coverage;
use super::desk::{Asked, Disk, Office};
use super::ledger::Ledger;
use super::line::{Bell, Line, Plain, Rung};
use super::model::{Happened, LOCAL, Model, Seen};
use super::names::{EXAMPLE, Name, room};
use super::screen::lobby;
use super::step::{Fault, Keep, Means, Said, Step, Wish};
use super::swarm::Swarm;

/// A server and its clients.
pub struct Town {
    pub swarm: Swarm,
    now: Instant,
    server: Arc<Server<Bell>>,
    office: Office,
    disk: Disk,
    pub lines: Vec<Line>,
    connections: u64,
    rung: Rung,
    /// Somebody wants [`Step::Tick`].
    pub is_alarmed: bool,
    /// Somebody wants [`Step::Write`].
    is_called: bool,
    /// What is written, and not handed out.
    written: Vec<Settled>,
    /// When [`Step::Tick`] is due by itself.
    tick_at: Option<Instant>,
    pub model: Model,
    /// What was promised.
    ledger: Ledger,
    /// What is said, if anybody writes it down.
    pub chat: Option<Chat>,
    /// Things that have happened.
    pub events: u64,
    /// Two runs are the same if this is.
    pub digest: u64,
    /// Numbers what clients of this project say.
    said: u64,
    /// Numbers programs that were started again.
    programs: u64,
    asked: Vec<Asked>,
    sealed: Vec<Frame>,
    chunk: Vec<u8>,
}

/// Where people connect from: this machine, and four addresses of three households.
pub const ADDRESSES: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 9, 9, 9, 9)),
];

/// Which household each of them is.
pub const HOUSEHOLDS: [usize; 5] = [LOCAL, 1, 2, 3, 3];

impl Town {
    /// A server that has just started, and nobody is there.
    pub fn new(swarm: &Swarm) -> Self {
        let (disk, rung) = (Disk::new(), Rung::default());
        let office = Office::new(&swarm.limits, swarm.registration, disk.clone());
        let client = |number: usize| {
            let nonce = [u8::try_from(number).expect("there are few lines"); 12];
            let client = Client::that_keeps(nonce);
            Box::new(if number < swarm.crowds { client } else { client.of_one_room() })
        };
        let line = |number: usize| {
            Line::new((number < swarm.clients).then(|| client(number)), number < swarm.crowds)
        };
        Self {
            now: Instant::default(),
            server: start(Instant::default(), swarm, &office, &disk, &rung),
            office,
            disk,
            lines: (0..swarm.lines).map(line).collect(),
            connections: 0,
            rung,
            is_alarmed: false,
            is_called: false,
            written: Vec::new(),
            tick_at: None,
            model: Model::new(swarm),
            ledger: Ledger::new(swarm.lines),
            chat: None,
            events: 0,
            digest: 0,
            said: 0,
            programs: 0,
            asked: Vec::new(),
            sealed: Vec::new(),
            chunk: Vec::new(),
            swarm: swarm.clone(),
        }
    }

    /// What was reached.
    pub fn coverage(&mut self) -> &mut Coverage {
        self.model.coverage()
    }

    /// Whether a password waits to be hashed.
    pub fn has_work(&self) -> bool {
        self.office.is_waiting()
    }

    /// Whether something is to be written, or handed out.
    pub fn has_writing(&self) -> bool {
        self.is_called || !self.written.is_empty()
    }

    /// Does one thing. An error says what was wrong about what came of it.
    pub fn apply(&mut self, step: &Step) -> Result<(), String> {
        if let Some(chat) = &mut self.chat {
            chat.step(step);
        }
        match step {
            Step::Connect { line, from, is_secure } => self.connect(*line, *from, *is_secure)?,
            Step::Say(line, said) => self.say(*line, said.clone()),
            Step::Wish(line, wish) => self.wish(*line, wish)?,
            Step::Carry(line, bytes) => self.carry(*line, *bytes)?,
            Step::End(line) => self.lines[*line].is_up_ended = self.lines[*line].session.is_some(),
            Step::Cut(line) => self.cut(*line)?,
            Step::EndProgram { line, is_kept } => self.end_program(*line, *is_kept)?,
            Step::Doubt(line) => self.doubt(*line)?,
            Step::Wake(line) => self.wake(*line)?,
            Step::Take(line, bytes) => self.take(*line, *bytes)?,
            Step::Work(fault) => self.work(*fault)?,
            Step::Write(count_max, fault) => self.write(*count_max, *fault)?,
            Step::Repeat => self.repeat()?,
            Step::Tick => self.tick(),
            Step::Pass(time) => self.pass(*time)?,
            Step::Jump(time) => self.set_now(self.now + *time),
            Step::LetGo(keep, fault) => self.let_go(*keep, *fault)?,
            Step::Delete(user, fault) => self.delete(*user, *fault)?,
            Step::Reload => {
                let exchange = self.server.exchange();
                exchange.forget(self.now, &self.disk.deleted());
                exchange.end_logins(self.now, self.disk.ended(&exchange.grants()));
                self.model.reload();
            }
            Step::ShutDown => {
                self.model.shut_down();
                self.server.exchange().shut_down(self.now);
            }
            Step::Crash => self.crash()?,
        }
        if self.events.is_multiple_of(SCREENS_EVERY) {
            self.check_screens(false)?;
        }
        self.events += 1;
        self.hear_bells();
        Ok(())
    }

    fn connect(&mut self, line: usize, from: usize, is_secure: bool) -> Result<(), String> {
        if self.lines[line].session.is_some() {
            return Ok(());
        }
        self.connections += 1;
        let (connection, from) = (self.connections, from % ADDRESSES.len());
        let bell = Bell::new(line, connection, Arc::clone(&self.rung));
        let transport = Plain::new(Rc::clone(&self.lines[line].sealed));
        let session = self.server.accept(self.now, ADDRESSES[from], transport, bell);
        let is_let_in = self.model.connect(line, connection, from);
        if session.is_some() != is_let_in {
            return Err(format!("line {line}: let in, or not, when it should not, or should"));
        }
        self.lines[line].clear();
        self.lines[line].session = session;
        if let Some(chat) = self.chat.as_mut().filter(|_| is_let_in) {
            chat.connects(line, is_secure);
        }
        if is_secure && is_let_in {
            self.lines[line].up.push_back(GREETING);
            self.lines[line].is_greeted = true;
            self.tell_client(line, Input::Connected)?;
        }
        Ok(())
    }

    fn say(&mut self, line: usize, said: Said) {
        let line_ = &mut self.lines[line];
        if line_.session.is_some()
            && line_.is_greeted
            && !line_.is_up_ended
            && !self.model.is_unfinished(line)
        {
            line_.up.extend(&said.bytes);
            if let Means::Msg { text: Ok(text), .. } = &said.means {
                self.ledger.say(text);
            }
            self.model.say(line, said);
        }
    }

    fn wish(&mut self, line: usize, wish: &Wish) -> Result<(), String> {
        self.said += 1;
        if self.lines[line].window.is_some() {
            return self.wish_in_many(line, wish);
        }
        if self.lines[line].session.is_none() {
            return Ok(());
        }
        let command = match wish {
            Wish::Say(to, text) => {
                let to = to.as_ref().map(|name| UserName::parse(name.text).expect("it is a name"));
                let text = Text::try_from(text.as_str()).expect("it is short");
                let cid = Cid::parse(&format!("program {line} says {}", self.said)).expect("it is short");
                self.lines[line].screen.say(self.said, to, text, cid)
            }
            Wish::Older => Command::older(client::Conversation::Room(
                self.lines[line].screen.name().unwrap_or_else(lobby),
            )),
            wish => command(wish),
        };
        self.tell_client(line, Input::Command(command))
    }

    /// The program that has a line's client has ended with its connection, and is started again. What it showed it shows.
    fn start_again(&mut self, line: usize) {
        let line_ = &mut self.lines[line];
        if line_.window.is_some() {
            return;
        }
        let (Some(client), Some(kept)) = (&mut line_.client, line_.screen.kept()) else { return };
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&self.connections.to_be_bytes());
        **client = Client::that_goes_on(nonce, kept).of_one_room();
        self.coverage().reach("program_went_on");
    }

    /// Tells a client of this project something, and sends what it says to it.
    fn tell_client(&mut self, line: usize, input: Input<'_>) -> Result<(), String> {
        let mut sent = Vec::new();
        let told = self.lines[line].tell_client(self.now, input, &mut sent);
        for frame in sent {
            let said = Said::read(&frame);
            if matches!(said.means, Means::Ping) {
                self.coverage().reach("client_asks");
            }
            self.say(line, said);
        }
        if told.map_err(|error| format!("line {line}: {error}"))? {
            self.coverage().reach("silent_server_left");
            if let Some(chat) = &mut self.chat {
                chat.step(&Step::Cut(line));
            }
            self.cut(line)?;
        }
        self.check_fresh(line).map_err(|error| format!("line {line}: {error}"))
    }

    fn doubt(&mut self, line: usize) -> Result<(), String> {
        if self.lines[line].client.is_some() && self.lines[line].session.is_some() {
            self.coverage().reach("client_doubts");
        }
        self.tell_client(line, Input::Doubtful)
    }

    fn carry(&mut self, line: usize, bytes: usize) -> Result<(), String> {
        let line_ = &mut self.lines[line];
        if !line_.can_carry() {
            return Ok(());
        }
        if line_.up.is_empty() {
            line_.is_up_ended = false;
            return self.tell(line, Happened::ReadEnd);
        }
        let bytes = bytes.clamp(1, line_.up.len()).min(READ_BYTES);
        self.chunk.clear();
        self.chunk.extend(line_.up.drain(..bytes));
        if let Some(chat) = &mut self.chat {
            chat.arrives(line, &self.chunk);
        }
        self.tell(line, Happened::Read(bytes))
    }

    fn cut(&mut self, line: usize) -> Result<(), String> {
        // As servers do: a session that is let go of leaves the hub at the time it was told last.
        self.tell(line, Happened::Woken)?;
        if self.lines[line].session.take().is_none() {
            return Ok(());
        }
        self.coverage().reach("cut");
        self.close(line)
    }

    /// A line's connection is gone.
    fn close(&mut self, line: usize) -> Result<(), String> {
        self.model.disconnect(line);
        self.ledger.leave(line);
        self.lines[line].clear();
        self.tell_client(line, Input::Closed)?;
        if self.swarm.restarts && self.said.is_multiple_of(2) {
            self.start_again(line);
        }
        Ok(())
    }

    fn wake(&mut self, line: usize) -> Result<(), String> {
        self.lines[line].is_rung = false;
        self.tell(line, Happened::Woken)
    }

    fn take(&mut self, line: usize, bytes: usize) -> Result<(), String> {
        let Some(session) = &mut self.lines[line].session else { return Ok(()) };
        let wire = session.wire();
        if wire.is_empty() {
            return Ok(());
        }
        self.chunk.clear();
        self.chunk.extend_from_slice(&wire[..bytes.clamp(1, wire.len())]);
        let bytes = self.chunk.len();
        self.lines[line].arrive(&self.chunk).map_err(|error| format!("line {line}: {error}"))?;
        if self.lines[line].client.is_some() {
            let chunk = std::mem::take(&mut self.chunk);
            self.tell_client(line, Input::Bytes(&chunk))?;
            self.chunk = chunk;
        }
        self.tell(line, Happened::Wrote(bytes))
    }

    fn work(&mut self, fault: Fault) -> Result<(), String> {
        let Some(done) = self.office.work(self.now, &self.disk, fault) else { return Ok(()) };
        self.model.work(&done, fault)?;
        if done.is_crashed { self.crash() } else { Ok(()) }
    }

    /// What is written is handed out; if nothing is, what was said is written.
    fn write(&mut self, count_max: usize, fault: Fault) -> Result<(), String> {
        let written = std::mem::take(&mut self.written);
        if !written.is_empty() {
            self.server.exchange().settle(self.now, written);
            self.model.settle();
            return Ok(());
        }
        if !self.is_called {
            return Ok(());
        }
        let mut group = Vec::new();
        self.server.exchange().take_appends(count_max.max(1), &mut group);
        let count = group.len();
        if count == 0 {
            self.is_called = false;
            return Ok(());
        }
        let (written, is_crashed) = self.office.write(self.now, &self.disk, group, fault);
        self.model.write(count, fault)?;
        self.written = written;
        if is_crashed { self.crash() } else { Ok(()) }
    }

    fn let_go(&mut self, keep: Keep, fault: Fault) -> Result<(), String> {
        let now = self.now.since_start();
        if self.disk.let_go(keep, now, fault) != (fault == Fault::None) {
            return Err(
                "what is not kept any longer was let go, or not, when it should not, or should".into()
            );
        }
        if fault == Fault::None {
            self.model.let_go(keep);
        }
        Ok(())
    }

    fn delete(&mut self, user: usize, fault: Fault) -> Result<(), String> {
        if self.disk.delete(&account(user), fault) != (fault == Fault::None) {
            return Err("an account was deleted, or not, when it should not, or should".into());
        }
        if fault == Fault::None {
            self.model.delete(user);
        }
        Ok(())
    }

    /// The last answer comes again, to a connection that has no other waiting for it.
    fn repeat(&mut self) -> Result<(), String> {
        let Some((line, connection)) = self.office.last() else { return Ok(()) };
        if !self.model.takes_old_answer(line, connection) {
            return Ok(());
        }
        self.office.repeat();
        self.coverage().reach("repeated_answer");
        self.wake(line)
    }

    fn tick(&mut self) {
        self.is_alarmed = false;
        self.tick_at = self.server.exchange().tick(self.now);
    }

    /// Goes from deadline to deadline until so much time has passed.
    fn pass(&mut self, time: Duration) -> Result<(), String> {
        let until = self.now + time;
        loop {
            let deadlines = self.lines.iter().filter_map(Line::deadline).chain(self.tick_at);
            let Some(next) = deadlines.min().filter(|at| *at <= until) else { break };
            self.set_now(next.max(self.now));
            if self.tick_at.is_some_and(|at| at <= self.now) {
                self.tick();
                self.events += 1;
            }
            for line in 0..self.lines.len() {
                self.come_due(line)?;
            }
            self.hear_bells();
        }
        self.set_now(until);
        Ok(())
    }

    /// Tells a line's two ends that their time has come, if it has.
    fn come_due(&mut self, line: usize) -> Result<(), String> {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= self.now);
        let line_ = &self.lines[line];
        let is_session_due = is_due(line_.session.as_ref().and_then(session::Session::deadline));
        let is_client_due = is_due(line_.client.as_ref().and_then(|client| client.deadline()));
        if is_session_due {
            self.events += 1;
            self.tell(line, Happened::Woken)?;
        }
        if is_client_due {
            self.events += 1;
            self.tell_client(line, Input::Timeout)?;
        }
        Ok(())
    }

    /// The server is gone with all connections, and starts again.
    fn crash(&mut self) -> Result<(), String> {
        for line in &mut self.lines {
            line.session = None;
        }
        self.model.restart();
        self.office = Office::new(&self.swarm.limits, self.swarm.registration, self.disk.clone());
        self.server = start(self.now, &self.swarm, &self.office, &self.disk, &self.rung);
        self.written.clear();
        self.tick_at = None;
        self.is_alarmed = false;
        self.is_called = false;
        for line in 0..self.lines.len() {
            self.ledger.leave(line);
            self.lines[line].clear();
            self.tell_client(line, Input::Closed)?;
        }
        Ok(())
    }

    /// Tells a session what happened, and the model what came of it.
    fn tell(&mut self, line: usize, happened: Happened) -> Result<(), String> {
        let Some(session) = &mut self.lines[line].session else { return Ok(()) };
        session.handle(
            self.now,
            match happened {
                Happened::Read(_) => session::Happened::Read(&self.chunk),
                Happened::ReadEnd => session::Happened::ReadEnd,
                Happened::Wrote(bytes) => session::Happened::Wrote(bytes),
                Happened::Woken => session::Happened::Woken,
            },
        );
        // Whatever came of it is to be seen now.
        let wire_bytes = session.wire().len();
        self.sealed.append(&mut self.lines[line].sealed.borrow_mut());
        self.office.take_asked(&mut self.asked);
        let session = self.lines[line].session.as_ref().expect("it was just told something");
        let mut seen = Seen {
            happened,
            frames: session.frames(),
            sealed: &self.sealed,
            asked: &mut self.asked,
            wire_bytes,
            wants_read: session.wants_read(),
            is_finishing: session.is_finishing(),
            end: session.end(),
            deadline: session.deadline(),
        };
        let (is_over, is_finishing) = (seen.end.is_some(), seen.is_finishing);
        let told = self.model.after(line, &mut seen);
        self.asked.clear();
        self.note_heard(line, is_over || is_finishing);
        self.lines[line].down.extend(self.sealed.drain(..));
        told?;
        if is_over {
            self.lines[line].session = None;
            self.close(line)?;
        }
        Ok(())
    }

    fn note_heard(&mut self, line: usize, is_over: bool) {
        for frame in &self.sealed {
            self.digest = mix(self.digest ^ line as u64, frame);
            let json = String::from_utf8_lossy(&frame[4..]);
            self.ledger.hear(line, &json);
            if let Some(chat) = &mut self.chat {
                chat.gets(line, &json);
            }
        }
        if let Some(chat) = self.chat.as_mut().filter(|_| is_over) {
            chat.closed(line);
        }
    }

    /// Looks who was rung for.
    fn hear_bells(&mut self) {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        for line in rung.drain(..) {
            match self.lines.get_mut(line) {
                Some(line) => line.is_rung = line.session.is_some(),
                None if line == SCRIBE => self.is_called = true,
                None => self.is_alarmed = true,
            }
        }
    }

    fn set_now(&mut self, now: Instant) {
        self.now = now;
        self.model.set_now(now);
    }
}

fn start(now: Instant, swarm: &Swarm, office: &Office, disk: &Disk, rung: &Rung) -> Arc<Server<Bell>> {
    let rules = Rules {
        limits: swarm.limits.clone(),
        registration: swarm.registration,
        history: false,
        key_of: name_key,
        look_of: name_look,
    };
    let rooms = [RoomName::parse(room(EXAMPLE, 0).text).expect("it is a name")];
    let [alarm, scribe] = [TICKER, SCRIBE].map(|who| Bell::new(who, 0, Arc::clone(rung)));
    let (desk, alarm) = (Box::new(office.clone()), Box::new(move || alarm.wake()));
    if swarm.history {
        let memory = disk.memory().expect("the disk is only asked when it works");
        Server::with_history(now, rules, &rooms, memory, desk, alarm, Box::new(move || scribe.wake()))
    } else {
        Server::new(now, rules, &rooms, desk, alarm)
    }
}

/// The account of a user, as it is found by the first spelling.
fn account(user: usize) -> Account {
    let name = UserName::parse(super::names::user(user, 0).text).expect("it is a name");
    Account::new(name_key, name).expect("it is no word of the protocol")
}

/// What a client is asked for, but for what is said.
fn command(wish: &Wish) -> Command {
    let user = |name: &Name| UserName::parse(name.text).expect("it is a name");
    let room = |name: &Name| RoomName::parse(name.text).expect("it is a name");
    let password = |text: &str| Password::parse(Zeroizing::new(text.to_owned())).expect("it is short");
    match wish {
        Wish::Register(name, text) => Command::Register(user(name), password(text), None),
        Wish::Login(name, text) => Command::Login(user(name), password(text)),
        Wish::List => Command::List,
        Wish::Create(name) => Command::Create(room(name)),
        Wish::Enter(name) => Command::Enter(room(name)),
        Wish::Say(..)
        | Wish::Older
        | Wish::SayIn(..)
        | Wish::Look(_)
        | Wish::See(_)
        | Wish::OlderOf(_)
        | Wish::Leave(_)
        | Wish::Tie(..)
        | Wish::Present(..) => unreachable!("these are of what is shown"),
        Wish::Exit => Command::Exit(lobby()),
        Wish::Logout => Command::Logout,
        Wish::Logins => Command::Logins,
        Wish::EndLogin(login) => Command::EndLogin(GrantId(*login)),
    }
}

/// Mixes bytes into a digest: good enough to tell two runs apart, and quick.
fn mix(mut digest: u64, bytes: &[u8]) -> u64 {
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        digest = (digest ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
    digest
}

/// Who is rung for that is no line: who sends lists, and who writes what is said.
const TICKER: usize = usize::MAX;
const SCRIBE: usize = usize::MAX - 1;
/// The byte that is the simulation's handshake.
const GREETING: u8 = b'!';
/// After so many events all screens are looked at.
const SCREENS_EVERY: u64 = 64;
/// What a server reads at a time.
const READ_BYTES: usize = 16 * 1024;
/// How long nothing moves: less than a sign of life may take.
const STILL: Duration = Duration::from_secs(5);
/// So often, a quarter of an hour, after which every limit of the simulation has been reached that will be.
const SETTLED_AFTER: usize = 180;
