//! Many guests at a real server behind a network that splits, delays, stalls and cuts. Prints what was tried; anything
//! that did not hold is a failure, told with its seed.
//!
//! ```sh
//! cargo build --release -p server-smol -p server-std
//! cargo run --release -p testkit --bin chaos -- --binary target/release/chatroom-server-smol
//! ```

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use testkit::chaos::{self, Settings};

/// Lets guests live through a storm at a real server.
#[derive(Parser)]
struct Arguments {
    /// The server's program.
    #[arg(long)]
    binary: PathBuf,
    /// How long faults go on; a tenth of that is added before, to warm up.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// How many guests there are.
    #[arg(long, default_value_t = 200)]
    clients: usize,
    /// Decides the network and what the guests want; drawn and told if it is not given.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let Arguments { binary, seconds, clients, seed } = Arguments::parse();
    let seed = seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let settings = Settings { binary, storm: Duration::from_secs(seconds), guests: clients, seed };
    match chaos::run(&settings) {
        Ok(report) => {
            print!("{report}");
            ExitCode::SUCCESS
        }
        Err(fault) => {
            println!(
                "{fault}\n\ntry it again: cargo run --release -p testkit --bin chaos -- --binary {} --seconds {seconds} \
                 --clients {clients} --seed {seed}",
                settings.binary.display()
            );
            ExitCode::FAILURE
        }
    }
}
