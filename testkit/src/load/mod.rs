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
}

/// Connects everybody, lets them talk, and counts.
///
/// # Errors
/// What kept it from running, or what the server did that a chat server must not.
pub fn run(settings: &Settings) -> Result<Report, String> {
    check(settings)?;
    let before = settings.process.map(|id| processes::memory_kib(id, "VmRSS")).transpose()?;
    let mut swarm = Swarm::connect(settings)?;
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
    swarm.go_on(&mut beat, settings.span)?;
    let span = began.elapsed();
    swarm.tally.stop_counting();
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
    if settings.clients > settings.rooms * usize::from(u16::MAX) {
        return Err(format!(
            "a room holds at most {} clients here, and without a room there is nobody but idle ones",
            u16::MAX
        ));
    }
    Ok(())
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
    fn connect(settings: &Settings) -> Result<Self, String> {
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
            while swarm.clients.len() < wanted.min(ready + HANDSHAKES_MAX) {
                let number = swarm.clients.len();
                let room = swarm.tally.seat(number).map(|seat| seat.room);
                let client = Client::open(settings, number, room, &trust, swarm.poll.registry())?;
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
            while let Some(sender) = beat.next(now) {
                self.say(sender)?;
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

/// When who talks at a rate says something.
struct Beat {
    senders: usize,
    every: Duration,
    next_at: Instant,
    said: usize,
}

impl Beat {
    fn none() -> Self {
        Self { senders: 0, every: Duration::MAX, next_at: Instant::now(), said: 0 }
    }

    fn new(settings: &Settings) -> Self {
        let Pace::Rate { senders, per_second } = settings.pace else { return Self::none() };
        let all_per_second = u32::try_from(senders).unwrap_or(u32::MAX).saturating_mul(per_second);
        if all_per_second == 0 {
            return Self::none();
        }
        Self { senders, every: Duration::from_secs(1) / all_per_second, ..Self::none() }
    }

    fn is_beating(&self) -> bool {
        self.senders > 0
    }

    /// Who is to say something now; asked again until nobody is.
    fn next(&mut self, now: Instant) -> Option<usize> {
        if !self.is_beating() || now < self.next_at {
            return None;
        }
        // One that was late does not make the next one late.
        self.next_at += self.every;
        self.said += 1;
        Some(self.said % self.senders)
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
