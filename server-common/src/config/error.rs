//! Why there is no configuration.

use std::error::Error;
use std::fmt;

use crate::text::one_line;

/// What to do instead of starting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// Print this text (of several lines) to standard output and exit with 0: it was asked for.
    Print(String),
    /// Print this line to standard error and exit with 2: it names the cause and the remedy.
    Wrong(String),
}

impl ConfigError {
    /// A fault, in a sentence; whatever it quotes, it stays one line.
    pub(super) fn wrong(sentence: impl AsRef<str>) -> Self {
        Self::Wrong(one_line(sentence.as_ref()))
    }

    /// Condenses what clap says over several lines.
    pub(super) fn from_clap(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        if !error.use_stderr() {
            return Self::Print(text);
        }
        let mut parts = Vec::new();
        for line in text.lines().map(str::trim) {
            // From the usage on it repeats what `--help` says better.
            if line.starts_with("Usage:") || line.starts_with("For more information") {
                break;
            }
            let part = line.strip_prefix("error: ").or_else(|| line.strip_prefix("tip: ")).unwrap_or(line);
            if !part.is_empty() {
                parts.push(part);
            }
        }
        parts.push("see --help");
        Self::wrong(parts.join("; "))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Print(text) | Self::Wrong(text) => f.write_str(text),
        }
    }
}

impl Error for ConfigError {}
