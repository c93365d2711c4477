//! Old and new clients in the same rooms.

use std::path::Path;
use std::time::Duration;

use super::{Outcome, Test};
use crate::together::{Settings, live_together};

pub(super) const TESTS: [Test; 1] = [("old and new clients live together", old_and_new_live_together)];

/// The short form of what `--bin together` does for minutes.
fn old_and_new_live_together(binary: &Path) -> Outcome {
    let settings = Settings { binary: binary.to_owned(), time: Duration::from_secs(5), seed: 1 };
    let report = live_together(&settings)?;
    // A life in which nobody came back, or nobody whispered, would show little.
    if report.returns == 0 || report.private == 0 || report.heard == 0 {
        return Err(format!("it was a quiet life: {report:?}"));
    }
    Ok(())
}
