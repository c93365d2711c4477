//! Stops a client, makes its connection lead nowhere, lets it go on, and prints how soon it is back with all that was said
//! meanwhile. Fails when something is missing or there twice, or when that took longer than a second.
//!
//! ```sh
//! cargo build --release -p server-smol -p server-std
//! cargo run --release -p testkit --bin asleep -- --stop-s 600 target/release/chatroom-server-{smol,std}
//! ```

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use testkit::asleep::{Settings, run_as_sleeper, sleep_and_wake};

/// Measures how soon a client is back that was stopped.
#[derive(Parser)]
struct Arguments {
    /// The servers' programs.
    #[arg(required = true)]
    binaries: Vec<PathBuf>,
    /// For how many seconds the client is stopped.
    #[arg(long, default_value_t = 10)]
    stop_s: u64,
    /// How often, with each server.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
}

const SYNCED_MAX: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    run_as_sleeper().unwrap_or_else(|| testkit::exit_code("asleep", run(&Arguments::parse())))
}

fn run(arguments: &Arguments) -> Result<(), String> {
    println!(
        "{:<22} {:>8} {:>15} {:>9} {:>9} {:>9}",
        "server", "stopped", "said meanwhile", "given up", "back", "synced"
    );
    let stop = Duration::from_secs(arguments.stop_s);
    for binary in &arguments.binaries {
        for _ in 0..arguments.rounds {
            let report = sleep_and_wake(&Settings { binary: binary.clone(), stop })?;
            println!(
                "{:<22} {:>8.1?} {:>15} {:>9.1?} {:>9.1?} {:>9.1?}",
                binary.file_name().unwrap_or_default().to_string_lossy(),
                stop,
                report.said_meanwhile,
                report.lost_after,
                report.back_after,
                report.synced_after
            );
            if report.synced_after > SYNCED_MAX {
                return Err(format!("it took {:?} until all was there", report.synced_after));
            }
        }
    }
    Ok(())
}
