//! This project's servers and those of IRC side by side: the same clients, the same talk, on the same machine, in turn.
//!
//! Machines differ, and one machine differs from minute to minute. So every row runs on every server within a minute,
//! several times over, medians are taken, and what can be relied on are the ratios between columns.

mod contender;
mod table;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::load::{self, Pace, Report, Settings};
use contender::Contender;
pub use table::markdown;

/// A way in which people talk.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// What it is called in the table.
    name: &'static str,
    clients: usize,
    rooms: usize,
    idle: usize,
    pace: Pace,
}

/// What is compared: quiet talk, one message at a time, bursts, many small rooms, a large one, and nobody talking.
const ROWS: [Row; 6] = [
    Row {
        name: "20 clients, 2 senders at 50/s",
        clients: 20,
        rooms: 1,
        idle: 0,
        pace: Pace::Rate { senders: 2, per_second: 50 },
    },
    Row {
        name: "200 in a room, 1 message in flight",
        clients: 200,
        rooms: 1,
        idle: 0,
        pace: Pace::Window(1),
    },
    Row { name: "200 in a room, 16 in flight", clients: 200, rooms: 1, idle: 0, pace: Pace::Window(16) },
    Row { name: "20 rooms of 10, 4 in flight each", clients: 200, rooms: 20, idle: 0, pace: Pace::Window(4) },
    Row { name: "1,000 in a room, 16 in flight", clients: 1_000, rooms: 1, idle: 0, pace: Pace::Window(16) },
    Row { name: "2,000 idle connections", clients: 0, rooms: 0, idle: 2_000, pace: Pace::Window(0) },
];

/// The results: for each server, for each row that it got through, one report a round.
#[derive(Debug, Default, Serialize)]
pub struct Results(BTreeMap<&'static str, BTreeMap<&'static str, Vec<Report>>>);

/// Runs all rows on all servers, `rounds` times over, each for `span`. What fails is told by `note`, and left out.
pub fn run(binaries: &Path, rounds: usize, span: Duration, mut note: impl FnMut(&str)) -> Results {
    let mut results = Results::default();
    for round in 1..=rounds {
        for row in ROWS {
            for contender in Contender::ALL {
                match measure(contender, binaries, row, span) {
                    Ok(report) => {
                        let of_contender = results.0.entry(contender.name()).or_default();
                        of_contender.entry(row.name).or_default().push(report);
                        note(&format!("round {round} of {rounds}: {}, {}", row.name, contender.name()));
                    }
                    Err(reason) => note(&format!("{}, {}: {reason}", row.name, contender.name())),
                }
            }
        }
    }
    results
}

fn measure(contender: Contender, binaries: &Path, row: Row, span: Duration) -> Result<Report, String> {
    let server = contender.start(binaries)?;
    let is_idle = row.is_idle();
    load::run(&Settings {
        address: server.address(),
        dialect: contender.dialect(),
        clients: row.clients,
        rooms: row.rooms,
        idle: row.idle,
        pace: row.pace,
        text_bytes: TEXT_BYTES,
        warm_up: if is_idle { Duration::ZERO } else { span / 4 },
        span: if is_idle { IDLE_SPAN } else { span },
        process: Some(server.id()),
    })
}

impl Row {
    /// Nobody talks: what is looked at is memory.
    fn is_idle(self) -> bool {
        self.clients == 0
    }
}

impl Results {
    /// The median of a figure over all rounds.
    fn median(&self, contender: Contender, row: Row, figure: impl Fn(&Report) -> Option<f64>) -> Option<f64> {
        let reports = self.0.get(contender.name())?.get(row.name)?;
        let mut figures: Vec<f64> = reports.iter().filter_map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied()
    }
}

/// What people write: a line.
const TEXT_BYTES: usize = 64;
/// Nothing happens, so that nothing needs time.
const IDLE_SPAN: Duration = Duration::from_millis(100);
