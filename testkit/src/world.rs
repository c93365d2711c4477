//! Everything but sockets, threads and the clock: a whole server and its clients in one thread.
//!
//! Time stands still until somebody waits for something; then it jumps to the next moment at which anything is due.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chatroom_core::Instant;
use chatroom_core::frame::Frame;
use chatroom_core::hub::Memory;
use chatroom_core::limits::Limits;
use chatroom_core::message::hello::Registration;
use chatroom_core::name::RoomName;
use chatroom_core::server::{Answer, GrantId, Question, Refusal, Rules, Ticket};
use server_common::accounts::Accounts;
use server_common::config::Config;
use server_common::exchange::{Peer, Wake};
use server_common::keys::{name_key, name_look};
use server_common::passwords::Hasher;
use server_common::passwords::queue::{Bounds, Queue};
use server_common::scribe::{GROUP_MAX, Scribe};
use server_common::server::Server;
use server_common::session::{Desk, Happened, Session, Transport};
use server_common::store::Store;
use tls::{Opened, Pipe, TlsError, Trust};

use crate::check::{Next, Stage};
use crate::client::Received;

/// What lies between a client and the server.
#[derive(Clone)]
pub enum Link {
    /// TLS, as everywhere.
    Tls(tls::ServerConfig),
    /// Nothing, where thousands of conversations are tried and TLS would only take its time.
    Clear,
}

/// A server, its clients, and their time.
pub struct World {
    now: Instant,
    link: Link,
    server: Arc<Server<Flag>>,
    scribe: Scribe,
    alarm: Flag,
    clients: BTreeMap<String, Client>,
}

/// A client, and the server's side of its connection.
struct Client {
    session: Option<Session<Flag, Stretch>>,
    flag: Flag,
    stretch: Stretch,
    received: Received,
    /// The client has sent all it will.
    is_ended: bool,
}

/// One end of a link.
enum Stretch {
    Tls(Box<Pipe>),
    Clear,
}

/// A wake that somebody has to come and see.
#[derive(Clone, Default)]
struct Flag(Arc<AtomicBool>);

/// Answers at once, by the real accounts.
struct InlineDesk {
    accounts: Accounts,
    bounds: Bounds,
}

impl World {
    /// A server as `config` has it, with accounts in memory.
    pub fn new(config: &Config, link: Link) -> Self {
        let accounts = accounts(&config.limits, config.registration);
        // The cost is what real servers measure for as few rounds: next to nothing.
        let desk = InlineDesk { accounts, bounds: Bounds::new(&config.limits, Duration::from_micros(10), 1) };
        Self::with_desk(&config.limits, config.registration, &config.rooms, config.history, link, desk)
    }

    fn with_desk(
        limits: &Limits,
        registration: Registration,
        rooms: &[RoomName],
        history: bool,
        link: Link,
        desk: InlineDesk,
    ) -> Self {
        let now = Instant::default();
        let alarm = Flag::default();
        let rules = Rules {
            limits: limits.clone(),
            registration,
            history: false,
            key_of: name_key,
            look_of: name_look,
        };
        let rung = alarm.clone();
        let ring = Box::new(move || rung.wake());
        let scribe = Scribe::of(&desk.accounts);
        let server = if history {
            // What is to be made durable is looked for each time that anything happens.
            Server::with_history(now, rules, rooms, Memory::default(), Box::new(desk), ring, Box::new(|| {}))
        } else {
            Server::new(now, rules, rooms, Box::new(desk), ring)
        };
        Self { now, link, server, scribe, alarm, clients: BTreeMap::new() }
    }

    /// The server, to ask it how many there are.
    pub fn server(&self) -> &Server<impl Wake> {
        &self.server
    }

    /// How much time has passed.
    pub fn elapsed(&self) -> Duration {
        self.now.since_start()
    }

    /// Tells everybody that the server stops.
    pub fn shut_down(&mut self) {
        self.server.exchange().shut_down(self.now);
        self.settle();
    }

    /// Lets everything happen that takes no time.
    fn settle(&mut self) {
        loop {
            let mut is_news = false;
            if self.alarm.take() || self.server.exchange().tick(self.now).is_some_and(|at| at <= self.now) {
                self.server.exchange().tick(self.now);
                is_news = true;
            }
            let mut group = Vec::new();
            self.server.exchange().take_appends(GROUP_MAX, &mut group);
            if !group.is_empty() {
                self.server.exchange().settle(self.now, self.scribe.write(self.now, group));
                is_news = true;
            }
            for client in self.clients.values_mut() {
                is_news |= client.run(self.now);
            }
            if !is_news {
                return;
            }
        }
    }

    /// Lets time pass until something is due. Whether anything is.
    fn pass(&mut self) -> bool {
        let lists = self.server.exchange().tick(self.now);
        let next = self.clients.values().filter_map(Client::deadline).chain(lists).min();
        let Some(next) = next else { return false };
        self.now = self.now.max(next);
        for client in
            self.clients.values_mut().filter(|client| client.deadline().is_some_and(|at| at <= next))
        {
            client.flag.wake();
        }
        self.settle();
        true
    }

    fn client(&mut self, who: &str) -> Result<&mut Client, String> {
        self.clients.get_mut(who).ok_or_else(|| format!("{who} is not connected"))
    }
}

impl Stage for World {
    fn connect(&mut self, who: &str, is_secure: bool) -> Result<(), String> {
        let flag = Flag::default();
        let (near, far) = match &self.link {
            Link::Clear => (Stretch::Clear, Stretch::Clear),
            Link::Tls(config) => {
                let trust =
                    tls::ClientConfig::new(Trust::Key(config.fingerprint())).map_err(|e| e.to_string())?;
                let client = Pipe::client(&trust, "localhost").map_err(|error| error.to_string())?;
                (Stretch::Tls(Box::new(client)), Stretch::Tls(Box::new(Pipe::server(config))))
            }
        };
        let session = self.server.accept(self.now, LOOPBACK, far, flag.clone());
        let mut client =
            Client { session, flag, stretch: near, received: Received::default(), is_ended: false };
        if is_secure {
            client.begin(self.now)?;
        }
        self.clients.insert(who.to_owned(), client);
        self.settle();
        Ok(())
    }

    fn send(&mut self, who: &str, bytes: &[u8]) -> Result<(), String> {
        let now = self.now;
        self.client(who)?.push(now, |stretch, out| {
            stretch.seal(&[Frame::from(bytes)], out);
            Ok(())
        })?;
        self.settle();
        Ok(())
    }

    fn send_past_tls(&mut self, who: &str, bytes: &[u8]) -> Result<(), String> {
        let now = self.now;
        self.client(who)?.push(now, |_, out| {
            out.extend_from_slice(bytes);
            Ok(())
        })?;
        self.settle();
        Ok(())
    }

    fn next(&mut self, who: &str) -> Result<Next, String> {
        let give_up_at = self.now + PATIENCE;
        loop {
            if let Some(next) = self.client(who)?.received.next() {
                return Ok(next);
            }
            if self.now >= give_up_at || !self.pass() {
                return Err(format!("{who} waits and nothing comes"));
            }
        }
    }

    fn end(&mut self, who: &str) -> Result<(), String> {
        let now = self.now;
        self.client(who)?.end(now);
        self.settle();
        Ok(())
    }

    fn leave(&mut self, who: &str) -> Result<(), String> {
        self.end(who)?;
        self.clients.remove(who);
        self.settle();
        Ok(())
    }
}

impl Client {
    /// Has bytes made by `make` arrive at the server.
    fn push(
        &mut self,
        now: Instant,
        make: impl FnOnce(&mut Stretch, &mut Vec<u8>) -> Result<(), TlsError>,
    ) -> Result<(), String> {
        let mut wire = Vec::new();
        make(&mut self.stretch, &mut wire).map_err(|error| error.to_string())?;
        if let Some(session) = self.session.as_mut().filter(|_| !self.is_ended && !wire.is_empty()) {
            session.handle(now, Happened::Read(&wire));
        }
        Ok(())
    }

    /// Begins the handshake: a client's first flight comes out by itself. Where there is none, it is over.
    fn begin(&mut self, now: Instant) -> Result<(), String> {
        let mut wire = Vec::new();
        self.stretch.open(&[], &mut Vec::new(), &mut wire).map_err(|error| error.to_string())?;
        if let Some(session) = &mut self.session {
            session.handle(now, Happened::Read(&wire));
        }
        Ok(())
    }

    fn end(&mut self, now: Instant) {
        if let Some(session) = self.session.as_mut().filter(|_| !self.is_ended) {
            session.handle(now, Happened::ReadEnd);
        }
        self.is_ended = true;
    }

    /// Moves everything that can be moved. Whether anything could.
    fn run(&mut self, now: Instant) -> bool {
        let Some(session) = &mut self.session else {
            self.received.is_closed = true;
            return false;
        };
        let mut is_news = self.flag.take();
        if is_news {
            session.handle(now, Happened::Woken);
        }
        let wire = session.wire().to_vec();
        if !wire.is_empty() {
            is_news = true;
            session.handle(now, Happened::Wrote(wire.len()));
            let (mut plain, mut reply) = (Vec::new(), Vec::new());
            // What cannot be opened is an alert: the server's way to say that it hangs up.
            let _ = self.stretch.open(&wire, &mut plain, &mut reply);
            self.received.extend(&plain);
            if !reply.is_empty() && !self.is_ended {
                session.handle(now, Happened::Read(&reply));
            }
        }
        if session.is_finishing() && !self.received.is_closed {
            is_news = true;
            self.received.is_closed = true;
            // A client that hears the end answers with its own.
            self.end(now);
        }
        let is_over = self.session.as_ref().is_some_and(|session| session.end().is_some());
        if is_over {
            self.session = None;
            self.received.is_closed = true;
        }
        is_news || is_over
    }

    fn deadline(&self) -> Option<Instant> {
        self.session.as_ref().and_then(Session::deadline)
    }
}

impl Transport for Stretch {
    fn open(&mut self, wire: &[u8], plain: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<Opened, TlsError> {
        match self {
            Self::Tls(pipe) => pipe.open(wire, plain, out),
            Self::Clear => {
                plain.extend_from_slice(wire);
                Ok(Opened { peer_closed: false })
            }
        }
    }

    fn seal(&mut self, frames: &[Frame], out: &mut Vec<u8>) {
        match self {
            Self::Tls(pipe) => pipe.seal(frames, out),
            Self::Clear => out.extend(frames.iter().flat_map(|frame| frame.iter())),
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Tls(pipe) => pipe.close(out),
            Self::Clear => {}
        }
    }

    fn is_secure(&self) -> bool {
        match self {
            Self::Tls(pipe) => !pipe.is_handshaking(),
            Self::Clear => true,
        }
    }
}

impl Desk<Flag> for InlineDesk {
    fn ask(&self, now: Instant, address: IpAddr, peer: &Arc<Peer<Flag>>, ticket: Ticket, question: Question) {
        let answer = match self.accounts.admit(now, address, &question) {
            Err(refusal) => Answer::Refused(refusal),
            Ok(())
                if matches!(
                    question,
                    Question::Resume { .. } | Question::History(_) | Question::Logins { .. }
                ) =>
            {
                self.accounts.answer(now, address, question)
            }
            Ok(()) => match Queue::new(self.bounds).push(address, ()) {
                Ok(()) => self.accounts.answer(now, address, question),
                Err(full) => Answer::Refused(Refusal::Busy { retry_ms: full.retry_ms }),
            },
        };
        peer.answer(ticket, answer);
    }

    fn end(&self, grant: GrantId) {
        self.accounts.end_session(grant);
    }

    // No conversation lasts so long.
    fn visit(&self, _: GrantId) {}
}

impl Wake for Flag {
    fn wake(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Flag {
    fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// Accounts in memory, at the lowest cost of a hash.
fn accounts(limits: &Limits, registration: Registration) -> Accounts {
    let store = Store::in_memory().expect("there is memory for an empty database");
    let hasher = Hasher::new(1).expect("one round is few, and allowed");
    Accounts::new(store, hasher, limits, registration, Duration::ZERO)
}

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// How long anybody waits in the world; longer than any limit there is by default.
const PATIENCE: Duration = Duration::from_secs(3600);
