//! This project's servers and those of IRC side by side: the same clients, the same talk, on the same machine, in turn.
//!
//! Machines differ, and one machine differs from minute to minute. So every row runs on every server within a minute,
//! several times over, medians are taken, and what can be relied on are the ratios between columns.

mod contender;
mod floor;
mod part;
mod plot;
mod table;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::load::{self, Report};
use contender::Contender;
pub use part::Part;
use part::{Row, TEXT_BYTES};
pub use plot::{Plot, plots};
pub use table::markdown;

/// The results: for each server, for each row that it got through, one report a round.
#[derive(Debug, Default, Serialize)]
pub struct Results {
    reports: BTreeMap<&'static str, BTreeMap<&'static str, Vec<Report>>>,
    /// For each row that has a floor, microseconds a delivery, once a round.
    floor: BTreeMap<&'static str, Vec<f64>>,
}

/// Runs all rows of a part on all servers, `rounds` times over, each for `span`. What fails is told by `note`, and left
/// out.
pub fn run(
    part: Part,
    binaries: &Path,
    rounds: usize,
    span: Duration,
    mut note: impl FnMut(&str),
) -> Results {
    let mut results = Results::default();
    for round in 1..=rounds {
        for row in part.rows() {
            let told = format!("{}, round {round} of {rounds}: {}", part.name(), row.name);
            for contender in part.contenders() {
                if row.connections() > contender.connections_max() {
                    continue;
                }
                match measure(contender, binaries, *row, span) {
                    Ok(report) => {
                        let of_contender = results.reports.entry(contender.name()).or_default();
                        of_contender.entry(row.name).or_default().push(report);
                        note(&format!("{told}, {}", contender.name()));
                    }
                    Err(reason) => note(&format!("{told}, {}: {reason}", contender.name())),
                }
            }
            let Some(rounds) = row.round().filter(|_| part.has_floor()) else { continue };
            match floor::cpu_us_per_delivery(rounds, TEXT_BYTES, span / 4, span) {
                Ok(floor) => results.floor.entry(row.name).or_default().push(floor),
                Err(reason) => note(&format!("{told}, {reason}")),
            }
        }
    }
    results
}

fn measure(contender: Contender, binaries: &Path, row: Row, span: Duration) -> Result<Report, String> {
    let server = contender.start(binaries, row)?;
    load::run(&row.settings(server.address(), contender, server.id(), span))
}

impl Results {
    /// The median of a figure over all rounds.
    fn median(&self, contender: Contender, row: Row, figure: impl Fn(&Report) -> Option<f64>) -> Option<f64> {
        let reports = self.reports.get(contender.name())?.get(row.name)?;
        median(reports.iter().filter_map(figure).collect())
    }

    /// The median of the floor over all rounds.
    fn floor(&self, row: Row) -> Option<f64> {
        median(self.floor.get(row.name)?.clone())
    }
}

fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}
