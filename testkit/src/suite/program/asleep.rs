//! Somebody whose computer sleeps.

use std::path::Path;
use std::time::Duration;

use super::{Outcome, Test};
use crate::asleep::{Settings, sleep_and_wake};

pub(super) const TESTS: [Test; 1] =
    [("who has slept comes back by token and has all that was said", who_has_slept_comes_back)];

/// The short form of what `--bin asleep` does for minutes, and measures.
fn who_has_slept_comes_back(binary: &Path) -> Outcome {
    let report = sleep_and_wake(&Settings { binary: binary.to_owned(), stop: Duration::from_secs(1) })?;
    // A night in which nothing was said would show nothing.
    if report.said_meanwhile < 5 { Err(format!("there was nothing to miss: {report:?}")) } else { Ok(()) }
}
