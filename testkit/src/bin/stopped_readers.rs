//! Lets four hundred stop reading, whispers to each of them more than may wait, and prints what each server kept. All
//! limits are those that it has by itself, but for the rate of messages.
//!
//! ```sh
//! cargo build --release -p server-smol -p server-std
//! cargo run --release -p testkit --bin stopped_readers -- target/release/chatroom-server-{smol,std}
//! ```

#[cfg(target_os = "linux")]
fn main() -> Result<(), String> {
    use testkit::stopped_readers::{Load, whisper_to_stopped_readers};

    let config = vec!["message-rate = 0".into(), "limits.register_per_minute = 0".into()];
    let load = Load { config, readers: 400, whispers: 2_000 };
    println!(
        "{:<22} {:>9} {:>11} {:>8} {:>13} {:>13}",
        "server", "whispers", "waited at", "dropped", "memory before", "at most"
    );
    let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0));
    for binary in std::env::args_os().skip(1) {
        let report = whisper_to_stopped_readers(binary.as_ref(), &load)?;
        println!(
            "{:<22} {:>9} {:>11} {:>8} {:>13} {:>13}",
            std::path::Path::new(&binary).file_name().unwrap_or_default().to_string_lossy(),
            report.whispers,
            mib(report.queued_max),
            report.dropped,
            mib(report.memory.0),
            mib(report.memory.1),
        );
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("This can be measured on Linux alone.");
}
