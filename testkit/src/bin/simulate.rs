//! Runs the simulation for many seeds. Prints events a second and what was reached; a seed that fails is made shorter,
//! and printed as a conversation with the command that plays it again.
//!
//! ```sh
//! cargo run --release -p testkit --bin simulate -- --seeds 1000 --from 1
//! ```

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use testkit::simulate::coverage::Coverage;
use testkit::simulate::{self, shrink};

/// Simulates the whole system in virtual time, once for each seed.
#[derive(Parser)]
struct Arguments {
    /// How many seeds to run; from 100 on, a place that none of them reaches is a failure.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Steps that are drawn for each seed.
    #[arg(long, default_value_t = 10_000)]
    steps: usize,
    /// Writes a failure down as it was, and not as short as it can be made, which takes a while.
    #[arg(long)]
    whole: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let start = Instant::now();
    let (mut events, mut coverage) = (0, Coverage::default());
    for seed in arguments.from..arguments.from + arguments.seeds {
        let run = simulate::run(seed, arguments.steps);
        events += run.events;
        coverage.add(&run.coverage);
        if let Some(fault) = run.fault {
            report(seed, &arguments, events, &fault);
            return ExitCode::FAILURE;
        }
    }
    print!("{coverage}");
    let seconds = start.elapsed().as_secs_f64();
    println!("{events} events in {seconds:.1} s, {:.0} a second", events as f64 / seconds);
    let missed = coverage.missed();
    if arguments.seeds < SEEDS_ENOUGH || missed.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("never reached: {}", missed.join(", "));
    ExitCode::FAILURE
}

fn report(seed: u64, arguments: &Arguments, events: u64, fault: &str) {
    let steps = arguments.steps;
    println!("seed {seed} fails, found after {events} events: {fault}\n");
    println!(
        "play it again: cargo run --release -p testkit --bin simulate -- --seeds 1 --from {seed} --steps {steps}\n"
    );
    let script = simulate::script(seed, steps);
    if arguments.whole {
        return println!("{}", script.chat());
    }
    let short = shrink::shrink(&script);
    println!("{} of its {} steps are enough:\n\n{}", short.len(), script.len(), short.chat());
}

/// So many seeds have to reach every place.
const SEEDS_ENOUGH: u64 = 100;
