//! The whole system in one thread, and conversations to check it with.
//!
//! A [`transcript`] is a conversation between clients and a server, in a text that reads like one. [`check`] holds it
//! against a [`Stage`]: the [`world`], which is everything but sockets, threads and the clock, or a real server's
//! [`program`]. All of them must say the same, byte for byte. What holds for any input at all is in [`fuzz`].

#![forbid(unsafe_code)]

pub mod asleep;
pub mod canary;
pub mod chaos;
pub mod check;
#[cfg(target_os = "linux")]
pub mod compare;
pub mod crashes;
pub mod fuzz;
#[cfg(target_os = "linux")]
pub mod load;
pub mod page;
pub mod pipes;
mod process;
pub mod program;
pub mod recorded;
pub mod simulate;
#[cfg(target_os = "linux")]
pub mod stopped_readers;
pub mod together;
pub mod transcript;
pub mod world;

mod client;
mod suite;

use std::process::ExitCode;

pub use check::Stage;
pub use suite::{program_tests, swap_tests, transcript_tests, world_tests};

/// What a program of this package ends with; what it failed for is told to whoever started it.
pub fn exit_code(program: &str, outcome: Result<(), String>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{program}: {reason}");
            ExitCode::FAILURE
        }
    }
}
