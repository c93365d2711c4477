//! The results as a page for people.

use std::fmt::Write as _;
use std::fs;
use std::thread;

use crate::load::Report;

use super::{Contender, Part, Results, Row};

/// A figure, for all rows it is of interest in.
pub(super) struct Table {
    pub(super) title: &'static str,
    digits: usize,
    pub(super) figure: fn(&Report) -> Option<f64>,
    /// The rows it is told of.
    is_of: fn(Row) -> bool,
    /// The better of two, where servers are to be compared by it.
    better: Option<fn(f64, f64) -> f64>,
    /// Whether who keeps a history is compared with the same program that keeps none.
    is_beside_itself: bool,
    /// Whether the floor is a value of it.
    has_floor: bool,
}

pub(super) const CPU: Table = Table {
    title: "Processor time of the server for each delivery, in us",
    digits: 2,
    figure: |report| report.cpu_us_per_delivery,
    is_of: |row| !row.is_idle(),
    better: None,
    is_beside_itself: false,
    has_floor: false,
};

pub(super) const MEMORY: Table = Table {
    title: "Memory of the server for each connection, in KiB",
    digits: 1,
    figure: |report| report.kib_per_connection,
    is_of: |_| true,
    ..CPU
};

const LATENCY: Table = Table {
    title: "Latency, 99 % below, in us",
    digits: 0,
    figure: |report| Some(report.latency_us_p99),
    ..CPU
};

const PEERS: [Table; 5] = [
    Table { better: Some(f64::min), has_floor: true, ..CPU },
    Table { better: Some(f64::min), is_of: Row::is_idle, ..MEMORY },
    Table {
        title: "Deliveries a second",
        digits: 0,
        figure: |report| Some(report.deliveries_per_second),
        better: Some(f64::max),
        ..CPU
    },
    Table { better: Some(f64::min), ..LATENCY },
    Table {
        title: "Cores the clients took while they measured",
        figure: |report| Some(report.generator_cores),
        ..CPU
    },
];

const HISTORY: [Table; 3] = [
    Table { is_beside_itself: true, ..CPU },
    Table {
        title: "Latency, half below, in us",
        figure: |report| Some(report.latency_us_p50),
        is_beside_itself: true,
        ..LATENCY
    },
    Table { is_beside_itself: true, ..LATENCY },
];

const LOBBY: [Table; 1] = [Table {
    title: "Processor time of the server, in % of a core",
    figure: |report| report.server_cores.map(|cores| 100.0 * cores),
    ..CPU
}];

/// The results of a part as Markdown: where they come from, then a table for each figure.
pub fn markdown(part: Part, results: &Results, rounds: usize) -> String {
    let tables: &[Table] = match part {
        Part::Peers => &PEERS,
        Part::Members => &[Table { has_floor: true, ..CPU }],
        Part::Connections => &[CPU, MEMORY],
        Part::Lobby => &LOBBY,
        Part::Storm => &[LATENCY],
        Part::History => &HISTORY,
    };
    let mut page = origin(part, rounds);
    for table in tables {
        let _ = writeln!(page, "\n**{}**\n", table.title);
        table.write(&mut page, part, results);
    }
    page
}

impl Table {
    fn write(&self, page: &mut String, part: Part, results: &Results) {
        let contenders: Vec<Contender> = part.contenders().collect();
        let mut names: Vec<String> = contenders.iter().map(|contender| contender.name().to_owned()).collect();
        if self.has_floor {
            names.push("floor".to_owned());
        }
        if self.better.is_some() {
            names.extend(own().map(|contender| format!("{} / best peer", contender.name())));
        }
        if self.is_beside_itself {
            let keeping =
                contenders.iter().copied().filter(|contender| contender.without_history().is_some());
            names.extend(keeping.map(|contender| format!("{} / without", contender.name())));
        }
        if self.has_floor {
            names.push(format!("{} / floor", Contender::Smol.name()));
        }
        let _ = writeln!(page, "| {} | {} |", part.corner(), names.join(" | "));
        let _ = writeln!(page, "|---|{}", "---:|".repeat(names.len()));
        for row in part.rows().iter().copied().filter(|row| (self.is_of)(*row)) {
            let cells = self.cells(&contenders, row, results);
            let _ = writeln!(page, "| {} | {} |", row.name, cells.join(" | "));
        }
    }

    fn cells(&self, contenders: &[Contender], row: Row, results: &Results) -> Vec<String> {
        let value = |contender| results.median(contender, row, self.figure);
        let floor = results.floor(row);
        let ratio = |contender, to: Option<f64>| cell(value(contender).zip(to).map(|(own, to)| own / to), 2);
        let mut cells: Vec<String> =
            contenders.iter().map(|contender| cell(value(*contender), self.digits)).collect();
        if self.has_floor {
            cells.push(cell(floor, self.digits));
        }
        if let Some(better) = self.better {
            let peers = contenders.iter().copied().filter(|contender| contender.is_peer());
            let best = peers.filter_map(value).reduce(better);
            cells.extend(own().map(|contender| ratio(contender, best)));
        }
        if self.is_beside_itself {
            let beside = |contender: &Contender| Some(ratio(*contender, value(contender.without_history()?)));
            cells.extend(contenders.iter().filter_map(beside));
        }
        if self.has_floor {
            cells.push(ratio(Contender::Smol, floor));
        }
        cells
    }
}

fn own() -> impl Iterator<Item = Contender> {
    Contender::ALL.into_iter().filter(|contender| !contender.is_peer())
}

fn cell(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
}

fn origin(part: Part, rounds: usize) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (cpu, release) = (read("/proc/cpuinfo"), read("/proc/sys/kernel/osrelease"));
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = thread::available_parallelism().map_or(0, usize::from);
    // One program is of one version, whatever it keeps.
    let programs = part.contenders().filter(|contender| contender.without_history().is_none());
    let versions: Vec<String> = programs.map(Contender::version).collect();
    format!(
        "{cores} cores ({}), Linux {}. {}. Median of {rounds} rounds.\n",
        model.map_or("unknown", |(_, model)| model),
        release.split(['-', '\n']).next().unwrap_or_default(),
        versions.join(", ")
    )
}
