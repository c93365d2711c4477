//! The log: lines to standard error.

use std::io::{self, IsTerminal as _};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt as _;

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

/// A log that has begun, and whose level can be changed.
pub struct Log {
    level: Handle<LevelFilter, Registry>,
}

/// Begins to write what is traced in this process to standard error. To be called once, before anything is logged.
///
/// When standard error is closed the server serves on, and nothing is logged.
///
/// A second call changes nothing and gives `None`.
pub fn start(level: LogLevel, format: LogFormat) -> Option<Log> {
    let (filter, level) = reload::Layer::new(filter(level));
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).log_internal_errors(false);
    let registry = tracing_subscriber::registry().with(filter);
    let started = match format {
        LogFormat::Text => registry.with(lines.with_ansi(io::stderr().is_terminal())).try_init(),
        LogFormat::Json => registry.with(lines.json()).try_init(),
    };
    started.is_ok().then_some(Log { level })
}

impl Log {
    /// Lets through what is of this level or graver from now on.
    pub fn set_level(&self, level: LogLevel) {
        // An error would mean that the log is gone, which lasts as long as the process.
        let _ = self.level.reload(filter(level));
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
