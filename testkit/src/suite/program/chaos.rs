//! Guests who live through a bad network.

use std::path::Path;
use std::time::Duration;

use super::{Outcome, Test};
use crate::chaos::{self, Settings};

pub(super) const TESTS: [Test; 1] =
    [("nothing is lost that should not be in a bad network", nothing_is_lost_that_should_not_be)];

/// The short form of what `--bin chaos` does for ten minutes with two hundred.
fn nothing_is_lost_that_should_not_be(binary: &Path) -> Outcome {
    let settings =
        Settings { binary: binary.to_owned(), storm: Duration::from_secs(8), guests: 20, seed: SEED };
    let report = chaos::run(&settings)?;
    // A storm in which nothing happened would show nothing.
    if report.cuts() < 5 || report.tally().owed < 100 {
        return Err(format!("there was nothing to see:\n{report}"));
    }
    Ok(())
}

/// The same each time, so that what fails fails again; others are for the long form.
const SEED: u64 = 2026;
