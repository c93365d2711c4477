//! The tests that every server passes.

mod program;
mod transcripts;

pub use program::{swap_tests, tests as program_tests};
pub use transcripts::{transcript_tests, world_tests};
