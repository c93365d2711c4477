//! Many guests at a real server, and a network between that splits, delays, stalls and cuts.
//!
//! A `proxy` on loopback does to each connection what its `plan` says, which a seed decides. The guests are clients as
//! people use them: the client core over TLS, which comes back by itself. What must hold is the list at the top of
//! `ledger`; what the server's process may hold in the end is decided here.
//!
//! The seed decides the network and what guests want to do. The machine's clock decides the rest, so a seed that fails
//! may have to be run more than once.

mod guest;
mod holding;
mod ledger;
pub(crate) mod line;
mod plan;
mod proxy;
mod report;
mod town;

use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use smol::future::FutureExt as _;
use smol::{LocalExecutor, Task, Timer};

use crate::program::Program;
use guest::Guest;
pub use holding::Holding;
pub use ledger::Tally;
use proxy::Proxy;
pub use report::Report;
use town::{Stage, Town};

/// A run: which server, how long, how many, and what decides the rest.
#[derive(Clone)]
pub struct Settings {
    /// The server's program.
    pub binary: PathBuf,
    /// How long faults go on, warming up not counted.
    pub storm: Duration,
    /// How many guests there are.
    pub guests: usize,
    /// Decides the network, and what the guests want.
    pub seed: u64,
}

/// Lets guests live through a storm, twice: a tenth of the time to warm up, then in earnest.
///
/// # Errors
/// What did not hold, with the seed.
pub fn run(settings: &Settings) -> Result<Report, String> {
    let mut server = Program::start(&settings.binary, &config(settings.guests))?;
    let result = run_at(&server, settings);
    let log = server.kill();
    let result = result.and_then(|report| {
        if log.contains("panicked") { Err("the server has panicked".to_owned()) } else { Ok(report) }
    });
    result.map_err(|fault| {
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
        format!("seed {}: {fault}\n\nthe server's last words:\n{last}", settings.seed)
    })
}

/// Who says six things at once is refused the last of them: the client is to be seen sending it again.
fn config(guests: usize) -> Vec<String> {
    vec![Town::rooms_setting(guests), "message-rate = 2".into(), "limits.message_burst = 5".into()]
}

fn run_at(server: &Program, settings: &Settings) -> Result<Report, String> {
    let at_start = Holding::of(server.id())?;
    let proxy =
        Proxy::start(server.address(), settings.seed).map_err(|error| format!("no proxy: {error}"))?;
    let town = Rc::new(Town::new(proxy.address(), settings.guests)?);
    let mut rng = Rng::with_seed(settings.seed);
    let guests =
        (0..settings.guests).map(|number| Guest::new(Rc::clone(&town), number, rng.fork())).collect();
    let round = Round { server, proxy: &proxy, town: &town, at_start };
    let (warm, after) = smol::block_on(async {
        let (guests, warm) = round.go(guests, settings.storm / 10).await?;
        let (_, after) = round.go(guests, settings.storm).await?;
        Ok::<_, String>((warm, after))
    })?;
    let tally = town.ledger.borrow_mut().verify();
    let report = Report::new(settings, proxy.counts(), &town, tally, [at_start, warm, after]);
    let growth_kib = after.resident_kib.saturating_sub(warm.resident_kib);
    if growth_kib > GROWTH_KIB_MAX {
        return Err(format!("the server has grown by {growth_kib} KiB since it was warm\n{report}"));
    }
    Ok(report)
}

/// What the rounds have in common.
struct Round<'a> {
    server: &'a Program,
    proxy: &'a Proxy,
    town: &'a Rc<Town>,
    at_start: Holding,
}

impl Round<'_> {
    /// Everybody comes, lives through a storm, says a last word, and goes. What the server holds afterwards.
    async fn go(&self, guests: Vec<Guest>, storm: Duration) -> Result<(Vec<Guest>, Holding), String> {
        let executor = LocalExecutor::new();
        let visits: Vec<Task<Guest>> =
            guests.into_iter().map(|guest| executor.spawn(guest.visit())).collect();
        let stages = async {
            self.blow(storm).await?;
            self.calm_down().await?;
            self.leave(visits).await
        };
        let guests = executor.run(stages).await?;
        self.judge()?;
        Ok((guests, self.settle().await?))
    }

    async fn blow(&self, storm: Duration) -> Result<(), String> {
        self.town.stage.set(Stage::Storm);
        self.proxy.set_stormy(true);
        let until = Instant::now() + storm;
        while Instant::now() < until {
            Timer::after(LOOK).await;
            self.no_faults()?;
        }
        self.proxy.set_stormy(false);
        Ok(())
    }

    /// The faults end. Everybody has to come home in time.
    async fn calm_down(&self) -> Result<(), String> {
        self.town.stage.set(Stage::Calm);
        let until = Instant::now() + HOME_MAX;
        let all = self.town.at_home.len();
        while self.town.settled() < all {
            self.no_faults()?;
            if Instant::now() > until {
                let away: Vec<usize> = (0..all).filter(|guest| !self.town.at_home[*guest].get()).collect();
                return Err(format!(
                    "{HOME_MAX:?} after the last fault, these guests are not home: {away:?}"
                ));
            }
            Timer::after(LOOK).await;
        }
        Ok(())
    }

    async fn leave(&self, visits: Vec<Task<Guest>>) -> Result<Vec<Guest>, String> {
        self.town.stage.set(Stage::Leaving);
        let all = async {
            let mut guests = Vec::new();
            for visit in visits {
                guests.push(visit.await);
            }
            Ok(guests)
        };
        let give_up = async {
            Timer::after(LEAVE_MAX).await;
            Err(format!("not everybody has got out {LEAVE_MAX:?} after everybody wanted to leave"))
        };
        all.or(give_up).await
    }

    /// Nobody is there any more. The server soon holds what it held before anybody came.
    async fn settle(&self) -> Result<Holding, String> {
        let until = Instant::now() + SETTLE_MAX;
        loop {
            let holding = Holding::of(self.server.id())?;
            if holding.is_back_to(&self.at_start) {
                return Ok(holding);
            }
            if Instant::now() > until {
                return Err(format!(
                    "with nobody there, the server holds {holding:?}; at its start it was {:?}",
                    self.at_start
                ));
            }
            Timer::after(LOOK).await;
        }
    }

    fn judge(&self) -> Result<(), String> {
        self.town.ledger.borrow_mut().verify();
        self.no_faults()
    }

    fn no_faults(&self) -> Result<(), String> {
        match self.town.ledger.borrow().faults() {
            [] => Ok(()),
            faults => Err(faults.join("\n")),
        }
    }
}

/// How often the rounds look whether it is time.
const LOOK: Duration = Duration::from_millis(50);

/// Until when everybody is home: the client's longest wait before it tries again, an attempt that was stalled, and as
/// much again for a login.
const HOME_MAX: Duration = Duration::from_secs(60);

/// Until when everybody has left, some of whom doze.
const LEAVE_MAX: Duration = Duration::from_secs(30);

/// Until when the server has noticed that nobody is there: it listens for 2 s to those it has told to go.
const SETTLE_MAX: Duration = Duration::from_secs(15);

/// How much more memory the server may have after the storm than when it was warm. In ten minutes 200 guests make 2,500
/// connections; were each to leave only its pipe behind, 7 KiB, that would be 17 MiB. Measured were 1.7 MiB on smol; on
/// threads 7.7 MiB, and 2.4 and 3.4 after 90 and 190 s: less and less a second, but not yet nothing.
const GROWTH_KIB_MAX: u64 = 16 * 1024;

/// Lines of the server's log that are shown when something is wrong.
const LOG_LINES: usize = 20;
