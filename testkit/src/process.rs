//! What can be asked of a process, or done to it, by its id.

use std::process::Command;

/// Sends it a signal, such as `-HUP` (Unix).
pub(crate) fn signal(id: u32, signal: &str) -> Result<(), String> {
    // The shell has its own `kill`; a small system may have no other.
    let kill = Command::new("sh").args(["-c", &format!("kill {signal} {id}")]).status();
    kill.map(drop).map_err(|error| format!("kill: {error}"))
}

/// A size that the system tells of it, in KiB: `VmRSS` is the memory it has, `VmHWM` the most it has had.
#[cfg(target_os = "linux")]
pub(crate) fn memory_kib(id: u32, size: &str) -> Result<u64, String> {
    let path = format!("/proc/{id}/status");
    let status = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(size)?.strip_prefix(':'));
    let kib = line.and_then(|text| text.split_whitespace().next()?.parse().ok());
    kib.ok_or_else(|| format!("{path}: no {size}"))
}
