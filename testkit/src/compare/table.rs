//! The results as a page for people.

use std::fmt::Write as _;
use std::fs;
use std::thread;

use crate::load::Report;

use super::{Contender, ROWS, Results};

/// A figure, for all rows it is of interest in.
struct Table {
    title: &'static str,
    digits: usize,
    figure: fn(&Report) -> Option<f64>,
    /// Whether it is told of those who do not talk, or of those who do.
    is_of_idle: bool,
    /// The better of two, where servers are to be compared by it.
    better: Option<fn(f64, f64) -> f64>,
}

const TABLES: [Table; 5] = [
    Table {
        title: "Processor time of the server for each delivery, in us",
        digits: 2,
        figure: |report| report.cpu_us_per_delivery,
        is_of_idle: false,
        better: Some(f64::min),
    },
    Table {
        title: "Memory of the server for each connection, in KiB",
        digits: 1,
        figure: |report| report.kib_per_connection,
        is_of_idle: true,
        better: Some(f64::min),
    },
    Table {
        title: "Deliveries a second",
        digits: 0,
        figure: |report| Some(report.deliveries_per_second),
        is_of_idle: false,
        better: Some(f64::max),
    },
    Table {
        title: "Latency, 99 % below, in us",
        digits: 0,
        figure: |report| Some(report.latency_us_p99),
        is_of_idle: false,
        better: Some(f64::min),
    },
    Table {
        title: "Cores the clients took while they measured",
        digits: 2,
        figure: |report| Some(report.generator_cores),
        is_of_idle: false,
        better: None,
    },
];

/// The results as Markdown: where they come from, then a table for each figure.
pub fn markdown(results: &Results, rounds: usize) -> String {
    let mut page = origin(rounds);
    for table in &TABLES {
        let _ = writeln!(page, "\n**{}**\n", table.title);
        table.write(&mut page, results);
    }
    page
}

impl Table {
    fn write(&self, page: &mut String, results: &Results) {
        let mut names: Vec<String> = Contender::ALL.map(|contender| contender.name().to_owned()).to_vec();
        if self.better.is_some() {
            names.extend(own().map(|contender| format!("{} / best peer", contender.name())));
        }
        let _ = writeln!(page, "| | {} |\n|---|{}", names.join(" | "), "---:|".repeat(names.len()));
        for row in ROWS.into_iter().filter(|row| row.is_idle() == self.is_of_idle) {
            let value = |contender| results.median(contender, row, self.figure);
            let mut cells = Contender::ALL.map(|contender| cell(value(contender), self.digits)).to_vec();
            if let Some(better) = self.better {
                let peers = Contender::ALL.into_iter().filter(|contender| contender.is_peer());
                let best = peers.filter_map(value).reduce(better);
                let ratio = |contender| value(contender).zip(best).map(|(own, best)| own / best);
                cells.extend(own().map(|contender| cell(ratio(contender), 2)));
            }
            let _ = writeln!(page, "| {} | {} |", row.name, cells.join(" | "));
        }
    }
}

fn own() -> impl Iterator<Item = Contender> {
    Contender::ALL.into_iter().filter(|contender| !contender.is_peer())
}

fn cell(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
}

fn origin(rounds: usize) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (cpu, release) = (read("/proc/cpuinfo"), read("/proc/sys/kernel/osrelease"));
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let versions = Contender::ALL.map(Contender::version);
    format!(
        "{cores} cores ({}), Linux {}. {}. Median of {rounds} rounds.\n",
        model.map_or("unknown", |(_, model)| model),
        release.split(['-', '\n']).next().unwrap_or_default(),
        versions.join(", ")
    )
}
