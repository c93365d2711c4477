//! Many clients at one chat server, this project's or one that speaks IRC, and what they cost it.
//!
//! Clients sit in rooms and talk. Every text names its sender and its number, so that each `room` can be held to what a
//! chat promises: every message reaches every member, once, and in one order for all (where one's own words come back;
//! elsewhere in the order of each sender). A run in which that did not hold
//! is an error, not a figure. All clients share one thread and one poll, so that what they take stays comparable from
//! run to run; it is reported too, for a generator that has no time left measures itself.

mod client;
mod dialect;
mod report;
mod room;
mod tally;

use std::io;
use std::net::SocketAddr;
use std::process;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mio::{Events, Poll};
use tls::{ClientConfig, Trust};

use crate::process as processes;
use client::Client;
pub use dialect::Dialect;
pub use report::{Report, ServerCost};
use tally::Tally;

/// What a run is to be.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the server listens.
    pub address: SocketAddr,
    /// What it speaks.
    pub dialect: Dialect,
    /// How many clients sit in rooms.
    pub clients: usize,
    /// How many rooms they are spread over.
    pub rooms: usize,
    /// How many more are logged in, in no room, and say nothing.
    pub idle: usize,
    /// Who talks, and when.
    pub pace: Pace,
    /// Who comes when it begins to count. Nobody waits for them.
    pub storm: Option<Storm>,
    /// Bytes of each text, [`TEXT_BYTES_MIN`] at least.
    pub text_bytes: usize,
    /// How long they talk before it counts.
    pub warm_up: Duration,
    /// How long it counts.
    pub span: Duration,
    /// The server's process, if what it takes is to be told.
    pub process: Option<u32>,
}

/// Who talks, and when.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// So many messages of each room are on their way at a time, from different members as far as there are enough: when
    /// one has reached everybody, its sender says the next.
    Window(usize),
    /// So many clients each say so many messages a second.
    Rate {
        /// How many clients talk.
        senders: usize,
        /// Messages a second of each.
        per_second: u32,
    },
    /// Nobody talks. So many of those who are in no room go into one and come back, one after the other.
    Moves {
        /// How many do, in turn.
        movers: usize,
        /// How many a second do, all together.
        per_second: u32,
    },
}

impl Pace {
    /// Messages or moves a second, of all together; `None` where that is not said.
    pub(crate) fn per_second(self) -> Option<u32> {
        match self {
            Self::Window(_) => None,
            Self::Rate { senders, per_second } => {
                Some(u32::try_from(senders).unwrap_or(u32::MAX).saturating_mul(per_second))
            }
            Self::Moves { per_second, .. } => Some(per_second),
        }
    }
}

/// Many who connect, register and log in.
#[derive(Clone, Copy, Debug)]
pub struct Storm {
    /// How many.
    pub logins: usize,
    /// How many do it at a time.
    pub at_a_time: usize,
}

/// Connects everybody, lets them talk, and counts.
///
/// # Errors
/// What kept it from running, or what the server did that a chat server must not.
pub fn run(settings: &Settings) -> Result<Report, String> {
    check(settings)?;
    processes::raise_descriptor_limit();
    let before = settings.process.map(|id| processes::memory_kib(id, "VmRSS")).transpose()?;
    let mut swarm = Swarm::connect(settings, 'u', HANDSHAKES_MAX)?;
    swarm.go_on(&mut Beat::none(), SETTLE)?;
    let after = settings.process.map(|id| processes::memory_kib(id, "VmRSS")).transpose()?;
    let kib_grown = after.unwrap_or_default().saturating_sub(before.unwrap_or_default());

    let mut beat = Beat::new(settings);
    swarm.start(settings.pace)?;
    swarm.go_on(&mut beat, settings.warm_up)?;
    let own = processes::cpu(process::id())?;
    let server = settings.process.map(processes::cpu).transpose()?;
    let began = Instant::now();
    swarm.tally.start_counting();
    let storm = start_storm(settings);
    swarm.go_on(&mut beat, settings.span)?;
    let span = began.elapsed();
    swarm.tally.stop_counting();
    // One that goes on has hardly begun; one that has failed was none.
    if let Some(storm) = storm.filter(JoinHandle::is_finished) {
        storm.join().map_err(|_| "the storm has panicked")??;
    }
    let own = processes::cpu(process::id())?.saturating_sub(own);
    let server = match (settings.process, server) {
        (Some(id), Some(before)) => Some(ServerCost {
            cpu: processes::cpu(id)?.saturating_sub(before),
            kib_per_connection: kib_grown as f64 / (settings.clients + settings.idle) as f64,
            memory_kib: processes::memory_kib(id, "VmRSS")?,
            threads: processes::threads(id)?,
        }),
        _ => None,
    };
    swarm.drain()?;
    Ok(Report::new(&swarm.tally, span, own, server))
}

fn check(settings: &Settings) -> Result<(), String> {
    if settings.text_bytes < TEXT_BYTES_MIN {
        return Err(format!("a text has to name its sender and number, which takes {TEXT_BYTES_MIN} bytes"));
    }
    if settings.clients < 2 * settings.rooms {
        return Err("there are fewer than two clients for each room".into());
    }
    if matches!(settings.pace, Pace::Moves { movers, .. } if movers > settings.idle) {
        return Err("there are fewer idle clients than are to move".into());
    }
    if settings.clients > settings.rooms * usize::from(u16::MAX) {
        return Err(format!(
            "a room holds at most {} clients here, and without a room there is nobody but idle ones",
            u16::MAX
        ));
    }
    Ok(())
}

/// From a thread of its own, so that who measures is not kept from it. It ends with the server. Those who come would have machines
/// of their own, so here they get only what is left.
fn start_storm(settings: &Settings) -> Option<JoinHandle<Result<(), String>>> {
    let Storm { logins, at_a_time } = settings.storm?;
    let settings = Settings { clients: 0, rooms: 0, idle: logins, ..settings.clone() };
    Some(thread::spawn(move || {
        processes::let_others_go_first()?;
        Swarm::connect(&settings, 's', at_a_time).map(drop)
    }))
}

struct Swarm {
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    buffer: Vec<u8>,
    tally: Tally,
    text_bytes: usize,
}

impl Swarm {
    /// Connects everybody, under names that begin with `initial`; so many shake hands and log in at a time.
    fn connect(settings: &Settings, initial: char, at_a_time: usize) -> Result<Self, String> {
        let trust = ClientConfig::new(Trust::AnyoneInsecurely).map_err(|error| error.to_string())?;
        let mut swarm = Self {
            poll: Poll::new().map_err(|error| format!("no poll: {error}"))?,
            events: Events::with_capacity(EVENTS_MAX),
            clients: Vec::with_capacity(settings.clients + settings.idle),
            buffer: vec![0; READ_BYTES],
            tally: Tally::new(settings),
            text_bytes: settings.text_bytes,
        };
        let mut ready = 0;
        let mut give_up_at = Instant::now() + PATIENCE;
        let all = settings.clients + settings.idle;
        while ready < all {
            // Who comes first makes the room, and the others find it.
            let wanted = if ready < settings.rooms { settings.rooms } else { all };
            while swarm.clients.len() < wanted.min(ready + at_a_time) {
                let number = swarm.clients.len();
                let room = swarm.tally.seat(number).map(|seat| seat.room);
                let registry = swarm.poll.registry();
                let client =
                    Client::open(settings, format!("{initial}{number}"), number, room, &trust, registry)?;
                swarm.clients.push(client);
            }
            swarm.turn(POLL)?;
            let before = ready;
            ready = swarm.clients.iter().filter(|client| client.is_ready()).count();
            if ready > before {
                give_up_at = Instant::now() + PATIENCE;
            } else if Instant::now() > give_up_at {
                return Err(format!("only {ready} of {all} clients came in"));
            }
        }
        Ok(swarm)
    }

    /// Says as many messages as may be on their way.
    fn start(&mut self, pace: Pace) -> Result<(), String> {
        let Pace::Window(in_flight) = pace else { return Ok(()) };
        for sender in self.tally.first_senders(in_flight) {
            self.say(sender)?;
        }
        Ok(())
    }

    fn go_on(&mut self, beat: &mut Beat, span: Duration) -> Result<(), String> {
        let end = Instant::now() + span;
        loop {
            let now = Instant::now();
            if now >= end {
                return Ok(());
            }
            while let Some(who) = beat.next(now) {
                if beat.is_of_moves {
                    self.move_on(who)?;
                } else {
                    self.say(who)?;
                }
            }
            self.turn(beat.wait(now).min(end - now))?;
            while let Some(sender) = self.tally.next_done() {
                if !beat.is_beating() {
                    self.say(sender)?;
                }
            }
        }
    }

    /// Waits for what is still on its way. What never comes was lost.
    fn drain(&mut self) -> Result<(), String> {
        let give_up_at = Instant::now() + PATIENCE;
        while self.tally.missing() > 0 {
            if Instant::now() > give_up_at {
                return Err(format!("{} deliveries never came", self.tally.missing()));
            }
            self.turn(POLL)?;
        }
        if !self.tally.is_in_order() {
            return Err("the members of a room heard the same messages in different orders".into());
        }
        Ok(())
    }

    fn say(&mut self, sender: usize) -> Result<(), String> {
        let Some(mark) = self.tally.say(sender) else { return Ok(()) };
        let text = mark.text(self.text_bytes);
        self.clients[sender].say(&text).map_err(|error| format!("client {sender}: {error}"))
    }

    fn move_on(&mut self, mover: usize) -> Result<(), String> {
        self.clients[mover].move_on().map_err(|error| format!("client {mover}: {error}"))
    }

    /// Waits for what comes, for so long at most, and takes it in.
    fn turn(&mut self, wait: Duration) -> Result<(), String> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            polled => polled.map_err(|error| format!("poll: {error}"))?,
        }
        let tally = &mut self.tally;
        for event in &self.events {
            let number = event.token().0;
            let heard =
                self.clients[number].go_on(&mut self.buffer, |now, mark| tally.hear(number, now, mark));
            heard.map_err(|error| format!("client {number}: {error}"))?;
        }
        Ok(())
    }
}

/// When who does something at a rate does it.
struct Beat {
    /// These many take turns, beginning with `first`.
    people: usize,
    first: usize,
    /// They go, and do not talk.
    is_of_moves: bool,
    every: Duration,
    next_at: Instant,
    turns: usize,
}

impl Beat {
    fn none() -> Self {
        let every = Duration::MAX;
        Self { people: 0, first: 0, is_of_moves: false, every, next_at: Instant::now(), turns: 0 }
    }

    fn new(settings: &Settings) -> Self {
        let (people, is_of_moves) = match settings.pace {
            Pace::Window(_) => return Self::none(),
            Pace::Rate { senders, .. } => (senders, false),
            Pace::Moves { movers, .. } => (movers, true),
        };
        let Some(per_second) = settings.pace.per_second().filter(|per_second| people > 0 && *per_second > 0)
        else {
            return Self::none();
        };
        let first = if is_of_moves { settings.clients } else { 0 };
        let every = Duration::from_secs(1) / per_second;
        Self { people, first, is_of_moves, every, ..Self::none() }
    }

    fn is_beating(&self) -> bool {
        self.people > 0
    }

    /// Whose turn it is now; asked again until it is nobody's.
    fn next(&mut self, now: Instant) -> Option<usize> {
        if !self.is_beating() || now < self.next_at {
            return None;
        }
        // One that was late does not make the next one late.
        self.next_at += self.every;
        self.turns += 1;
        Some(self.first + self.turns % self.people)
    }

    fn wait(&self, now: Instant) -> Duration {
        if self.is_beating() { self.next_at.saturating_duration_since(now) } else { Duration::MAX }
    }
}

/// What a text needs to name its sender and number.
pub const TEXT_BYTES_MIN: usize = dialect::MARK_BYTES;
/// Handshakes under way at a time: below what a server refuses.
const HANDSHAKES_MAX: usize = 64;
/// What is taken in between two looks at the clock.
const EVENTS_MAX: usize = 1024;
/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;
/// How long nothing may happen that must.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);
/// How long all sit still before the server's memory is looked at.
const SETTLE: Duration = Duration::from_secs(1);
