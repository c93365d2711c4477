//! The log: lines to standard error.

use std::io::{self, IsTerminal as _};

use tracing::level_filters::LevelFilter;

/// What is worth a line in the log: this and everything graver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What keeps the server from doing its work.
    Error,
    /// What somebody should look at.
    Warn,
    /// What happens a few times a day.
    Info,
    /// What happens to each connection.
    Debug,
    /// Everything.
    Trace,
}

/// What a line of the log looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people, coloured on a terminal.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// Begins to write what is traced in this process to standard error. To be called once, before anything is logged.
///
/// When standard error is closed the server serves on, and nothing is logged.
///
/// A second call changes nothing and says so with `false`.
pub fn start(level: LogLevel, format: LogFormat) -> bool {
    let lines = tracing_subscriber::fmt()
        .with_max_level(filter(level))
        .with_writer(io::stderr)
        .log_internal_errors(false);
    match format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).try_init().is_ok(),
        LogFormat::Json => lines.json().try_init().is_ok(),
    }
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_lets_the_graver_ones_through() {
        let levels = [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace];
        assert!(levels.is_sorted() && levels.map(filter).is_sorted());
    }
}
