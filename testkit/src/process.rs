//! What can be asked of a process, or done to it, by its id.

use std::process::Command;
#[cfg(target_os = "linux")]
use std::time::Duration;

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

/// The processor time of the threads it has, user and system. More exact than what the system tells of the whole
/// process, which it rounds to its ticks; what threads took that have ended is not in it.
#[cfg(target_os = "linux")]
pub(crate) fn cpu(id: u32) -> Result<Duration, String> {
    let mut cpu = Duration::ZERO;
    for thread in threads_of(id)? {
        // One that ended since is not there.
        let Ok(text) = std::fs::read_to_string(thread.path().join("schedstat")) else { continue };
        cpu += parse_schedstat(&text)?;
    }
    Ok(cpu)
}

/// The processor time of the thread that asks, user and system.
#[cfg(target_os = "linux")]
pub(crate) fn cpu_of_this_thread() -> Result<Duration, String> {
    let path = "/proc/thread-self/schedstat";
    parse_schedstat(&std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?)
}

#[cfg(target_os = "linux")]
fn parse_schedstat(text: &str) -> Result<Duration, String> {
    let first = text.split_whitespace().next().and_then(|text| text.parse().ok());
    first.map(Duration::from_nanos).ok_or_else(|| format!("what is {text:?} in a schedstat"))
}

/// Lets this process hold as many files and sockets as it may. Most systems begin with fewer.
#[cfg(target_os = "linux")]
pub(crate) fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    // Where that is refused, connections will be, and say so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// Gives this thread, and those that it starts, the lowest priority there is among ordinary ones.
#[cfg(target_os = "linux")]
pub(crate) fn let_others_go_first() -> Result<(), String> {
    let this = Some(rustix::thread::gettid());
    rustix::process::setpriority_process(this, 19).map_err(|error| format!("no other priority: {error}"))
}

/// How many threads it has.
#[cfg(target_os = "linux")]
pub(crate) fn threads(id: u32) -> Result<usize, String> {
    Ok(threads_of(id)?.count())
}

#[cfg(target_os = "linux")]
fn threads_of(id: u32) -> Result<impl Iterator<Item = std::fs::DirEntry>, String> {
    let path = format!("/proc/{id}/task");
    let threads = std::fs::read_dir(&path).map_err(|error| format!("{path}: {error}"))?;
    Ok(threads.map_while(Result::ok))
}
