//! People with windows of the original client and people with today's in the same rooms, for a while of random use.
//!
//! The first must never be sent what freezes them, and always be answered; they hear a room as it is while they are in it. The
//! others lose connections and come back, and their screens must be the rooms' order, without a hole and without anything
//! twice; what they said is there once.

mod newcomer;
mod record;
mod window;

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use chatroom_core::name::RoomName;
use fastrand::Rng;
use smol::{LocalExecutor, Timer};
use tls::{ClientConfig, Trust};

use crate::program::Program;
use newcomer::Newcomer;
use record::Record;
use window::Window;

/// A run.
pub struct Settings {
    /// The server's program.
    pub binary: PathBuf,
    /// How long everybody does what they like.
    pub time: Duration,
    /// Decides what that is.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Messages in all rooms together.
    pub messages: usize,
    /// Frames that windows of the original client were sent.
    pub frames: u64,
    /// Connections that newcomers lost, and came back from.
    pub returns: u64,
    /// Messages that somebody with an original window heard in a room.
    pub heard: usize,
    /// Private messages that newcomers were shown.
    pub private: usize,
}

/// What all have in common.
struct Town {
    address: SocketAddr,
    tls: ClientConfig,
    rooms: Vec<RoomName>,
    people: Vec<String>,
    is_over: Cell<bool>,
    faults: RefCell<Vec<String>>,
    record: RefCell<Record>,
}

impl Town {
    fn accuse(&self, who: &str, what: &str) {
        self.faults.borrow_mut().push(format!("{who} {what}"));
    }

    fn no_faults(&self) -> Result<(), String> {
        match self.faults.borrow().as_slice() {
            [] => Ok(()),
            faults => Err(faults.join("\n")),
        }
    }
}

/// Has them all come in and do what they like for a while; then looks at what each has on the screen.
///
/// # Errors
/// What did not hold, with the seed.
pub fn live_together(settings: &Settings) -> Result<Report, String> {
    let rooms = format!("room = [{}]", ROOMS.map(|room| format!("{room:?}")).join(", "));
    let mut server = Program::start(&settings.binary, &[rooms])?;
    let result = smol::block_on(live(server.address(), settings));
    let log = server.kill();
    let result = match log.contains("panicked") {
        true => Err("the server has panicked".to_owned()),
        false => result,
    };
    result.map_err(|fault| format!("seed {}: {fault}", settings.seed))
}

async fn live(address: SocketAddr, settings: &Settings) -> Result<Report, String> {
    let rooms = ROOMS.map(RoomName::parse).into_iter().collect::<Result<_, _>>();
    let names = (0..WINDOWS).map(|number| format!("old{number}"));
    let town = Rc::new(Town {
        address,
        tls: ClientConfig::new(Trust::AnyoneInsecurely).map_err(|error| error.to_string())?,
        rooms: rooms.map_err(|error| error.sentence().to_owned())?,
        people: names.chain((0..NEWCOMERS).map(|number| format!("new{number}"))).collect(),
        is_over: Cell::new(false),
        faults: RefCell::default(),
        record: RefCell::default(),
    });
    let mut rng = Rng::with_seed(settings.seed);
    let executor = LocalExecutor::new();
    let windows: Vec<_> = (0..WINDOWS)
        .map(|number| executor.spawn(Window::new(Rc::clone(&town), number, rng.fork()).live()))
        .collect();
    let newcomers: Vec<_> = (WINDOWS..WINDOWS + NEWCOMERS)
        .map(|number| executor.spawn(Newcomer::new(Rc::clone(&town), number, rng.fork()).live()))
        .collect();
    let stages = async {
        let until = Instant::now() + settings.time;
        while Instant::now() < until {
            Timer::after(LOOK).await;
            town.no_faults()?;
        }
        town.is_over.set(true);
        let mut report = Report::default();
        for window in windows {
            report.frames += window.await;
        }
        town.record.borrow_mut().close();
        for newcomer in newcomers {
            report.returns += newcomer.await;
        }
        town.no_faults()?;
        let record = town.record.borrow();
        record.verify()?;
        (report.messages, report.heard, report.private) =
            (record.messages(), record.heard(), record.private());
        Ok(report)
    };
    executor.run(stages).await
}

const ROOMS: [&str; 3] = ["kitchen", "garden", "attic"];
/// How many have a window of the original client, and how many one of today.
const WINDOWS: usize = 6;
const NEWCOMERS: usize = 6;
const LOOK: Duration = Duration::from_millis(50);
/// How long anybody waits for an answer, or for what others have heard already.
const PATIENCE: Duration = Duration::from_secs(20);
