//! Has people with windows of the original client and people with today's use the same rooms for a while, and looks at what
//! each has on the screen. Fails when one of the first is sent what freezes it or gets no answer, and when one of the others
//! misses anything or has it twice.
//!
//! ```sh
//! cargo build --release -p server-smol -p server-std
//! cargo run --release -p testkit --bin together -- --time-s 600 target/release/chatroom-server-{smol,std}
//! ```

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use testkit::together::{Settings, live_together};

/// Has old and new clients use the same rooms.
#[derive(Parser)]
struct Arguments {
    /// The servers' programs.
    #[arg(required = true)]
    binaries: Vec<PathBuf>,
    /// For how many seconds they do what they like.
    #[arg(long, default_value_t = 600)]
    time_s: u64,
    /// Decides what that is.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    testkit::exit_code("together", run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> Result<(), String> {
    for binary in &arguments.binaries {
        let report = live_together(&Settings {
            binary: binary.clone(),
            time: Duration::from_secs(arguments.time_s),
            seed: arguments.seed,
        })?;
        println!("{}: {report:?}", binary.file_name().unwrap_or_default().to_string_lossy());
    }
    Ok(())
}
