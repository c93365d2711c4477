//! The results as a page for people.

use std::fmt::Write as _;
use std::fs;
use std::thread;

use crate::load::Report;

use super::{Contender, ROWS, Results, Row};

type Figure = fn(&Report) -> Option<f64>;

/// The results as Markdown: where they come from, then a table for each figure.
pub fn markdown(results: &Results, contenders: &[Contender], rounds: usize) -> String {
    let mut page = origin(contenders, rounds);
    let tables: [(&str, usize, bool, Figure); 4] = [
        ("Processor time of the server for each delivery, in us", 2, true, |report| {
            report.cpu_us_per_delivery
        }),
        ("Memory of the server for each connection, in KiB", 1, true, |report| report.kib_per_connection),
        ("Deliveries a second", 0, false, |report| Some(report.deliveries_per_second)),
        ("Latency, 99 % below, in us", 0, true, |report| Some(report.latency_us_p99)),
    ];
    for (title, digits, less_is_better, figure) in tables {
        let is_memory = title.starts_with("Memory");
        let rows: Vec<Row> = ROWS.into_iter().filter(|row| (row.idle > 0) == is_memory).collect();
        let _ = writeln!(page, "\n**{title}**\n");
        table(&mut page, results, contenders, &rows, digits, less_is_better, figure);
    }
    let _ = writeln!(page, "\n**Cores the clients took while they measured**\n");
    let rows: Vec<Row> = ROWS.into_iter().filter(|row| row.idle == 0).collect();
    head(&mut page, contenders, false);
    for row in rows {
        let cells = contenders
            .iter()
            .map(|contender| cell(results.median(*contender, row, |report| Some(report.generator_cores)), 2));
        let _ = writeln!(page, "| {} | {} |", row.name, cells.collect::<Vec<_>>().join(" | "));
    }
    page
}

fn table(
    page: &mut String,
    results: &Results,
    contenders: &[Contender],
    rows: &[Row],
    digits: usize,
    less_is_better: bool,
    figure: Figure,
) {
    head(page, contenders, true);
    for row in rows {
        let value = |contender: &Contender| results.median(*contender, *row, figure);
        let cells = contenders.iter().map(|contender| cell(value(contender), digits));
        let peers = contenders.iter().filter(|contender| contender.is_peer()).filter_map(value);
        let best = peers.reduce(if less_is_better { f64::min } else { f64::max });
        let ratios = contenders
            .iter()
            .filter(|contender| !contender.is_peer())
            .map(|contender| cell(value(contender).zip(best).map(|(own, best)| own / best), 2));
        let all: Vec<String> = cells.chain(ratios).collect();
        let _ = writeln!(page, "| {} | {} |", row.name, all.join(" | "));
    }
}

fn head(page: &mut String, contenders: &[Contender], has_ratios: bool) {
    let mut names: Vec<String> = contenders.iter().map(|contender| contender.name().to_owned()).collect();
    if has_ratios {
        let own = contenders.iter().filter(|contender| !contender.is_peer());
        names.extend(own.map(|contender| format!("{} / best peer", contender.name())));
    }
    let _ = writeln!(page, "| | {} |\n|---|{}", names.join(" | "), "---:|".repeat(names.len()));
}

fn cell(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
}

fn origin(contenders: &[Contender], rounds: usize) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (cpu, release) = (read("/proc/cpuinfo"), read("/proc/sys/kernel/osrelease"));
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let versions: Vec<String> = contenders.iter().map(|contender| contender.version()).collect();
    format!(
        "{cores} cores ({}), Linux {}. {}. Median of {rounds} rounds.\n",
        model.map_or("unknown", |(_, model)| model),
        release.split(['-', '\n']).next().unwrap_or_default(),
        versions.join(", ")
    )
}
