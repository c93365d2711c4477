//! Kills each server two hundred times while people register and talk, and prints what was found afterwards. Fails when
//! an acknowledged account or message is lost, a message is seen twice or in another place than it has, or the server is
//! not ready again within a second.
//!
//! ```sh
//! cargo build --release -p server-smol -p server-std
//! cargo run --release -p testkit --bin kill_in_a_loop -- target/release/chatroom-server-{smol,std}
//! ```

use std::path::PathBuf;
use std::time::Duration;

use testkit::crashes::crash_again_and_again;

const ROUNDS: usize = 200;
/// With those who register, twenty clients.
const TALKING: usize = 16;
const READY_MAX: Duration = Duration::from_secs(1);

fn main() -> Result<(), String> {
    let binaries: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if binaries.is_empty() {
        return Err("say which server programs to kill".into());
    }
    println!(
        "{:<22} {:>7} {:>8} {:>8} {:>8} {:>8} {:>9} {:>9} {:>9} {:>9}",
        "server",
        "crashes",
        "accounts",
        "found",
        "messages",
        "found",
        "delivered",
        "median",
        "99 %",
        "slowest"
    );
    for binary in binaries {
        let mut report = crash_again_and_again(&binary, ROUNDS, TALKING)?;
        report.ready_after.sort();
        let at = |percent: usize| report.ready_after[(report.ready_after.len() - 1) * percent / 100];
        println!(
            "{:<22} {ROUNDS:>7} {:>8} {:>8} {:>8} {:>8} {:>9} {:>9.1?} {:>9.1?} {:>9.1?}",
            binary.file_name().unwrap_or_default().to_string_lossy(),
            report.acknowledged.len(),
            report.found,
            report.kept,
            report.found_messages,
            report.delivered,
            at(50),
            at(99),
            at(100)
        );
        if at(100) > READY_MAX {
            return Err(format!("it took {:?} until the server was ready again", at(100)));
        }
    }
    Ok(())
}
