//! What a person or a service manager sees of a server's program, and what crowds and slow readers do to others.

mod asleep;
mod chaos;
mod crash;
mod crowd;
mod friends;
mod keeping;
mod log;
mod maintenance;
mod operation;
mod start;
mod swap;
mod together;

use std::ffi::OsStr;
use std::path::Path;

use libtest_mimic::Trial;
use tempfile::TempDir;

use crate::check::{Next, Stage, credentials};
use crate::program::{Program, run};
use crate::transcript::frame;

pub use swap::tests as swap_tests;

type Outcome = Result<(), String>;
/// A test's name, and what it does to a server's program.
type Test = (&'static str, fn(&Path) -> Outcome);

/// The tests, for a server's program.
pub fn tests(binary: &'static str) -> Vec<Trial> {
    let topics = [
        &start::TESTS[..],
        &crash::TESTS,
        &crowd::TESTS,
        &chaos::TESTS,
        &asleep::TESTS,
        &log::TESTS,
        &operation::TESTS,
        &maintenance::TESTS,
        &keeping::TESTS,
        &together::TESTS,
        &friends::TESTS,
    ];
    let trial = |(name, test): Test| Trial::test(name, move || Ok(test(Path::new(binary))?));
    topics.concat().into_iter().map(trial).collect()
}

/// Connects, registers, logs in and enters the room that is always there.
fn enter(server: &mut Program, who: &str, name: &str) -> Outcome {
    server.connect(who, true)?;
    say(server, who, &credentials("register", name))?;
    expect(server, who, r#"{"type":"register","status":"ok""#)?;
    come_in(server, who, name)
}

/// Logs in to an account, and enters the room that is always there.
fn come_in(server: &mut Program, who: &str, name: &str) -> Outcome {
    say(server, who, &credentials("login", name))?;
    expect(server, who, r#"{"type":"login","status":"ok""#)?;
    expect(server, who, r#"{"type":"list""#)?;
    say(server, who, r#"{"type":"enter","data":{"room":"example"}}"#)?;
    expect(server, who, r#"{"type":"enter","status":"ok""#)?;
    expect(server, who, r#"{"type":"list_room""#)
}

/// Connects, and hears from the server: it too has its handshake behind it.
fn greet(server: &mut Program, who: &str) -> Outcome {
    server.connect(who, true)?;
    say(server, who, r#"{"type":"list"}"#)?;
    expect(server, who, r#"{"type":"list","status":"error""#)
}

fn public(text: &str) -> String {
    format!(r#"{{"type":"msg","data":{{"to":"public","text":"{text}"}}}}"#)
}

fn say(server: &mut Program, who: &str, json: &str) -> Outcome {
    server.send(who, &frame(json.as_bytes()))
}

/// The next thing somebody gets is a frame that begins like this.
fn expect(server: &mut Program, who: &str, beginning: &str) -> Outcome {
    let json = next_frame(server, who)?;
    if json.starts_with(beginning) {
        Ok(())
    } else {
        Err(format!("{who} expected {beginning} and got {json:.200}"))
    }
}

fn next_frame(server: &mut Program, who: &str) -> Result<String, String> {
    match server.next(who)? {
        Next::Frame(json) => Ok(json),
        Next::Closed => Err(format!("{who} was disconnected")),
    }
}

/// The program ends with an error, and its reason is one line that contains all this.
fn refuses_to_start(binary: &Path, flags: &[&str], reason: &[&str]) -> Outcome {
    let folder = TempDir::new().map_err(|error| error.to_string())?;
    let data = folder.path().join("data");
    let mut all: Vec<&OsStr> = flags.iter().map(OsStr::new).collect();
    if !flags.contains(&"--data-dir") {
        all.extend([OsStr::new("--data-dir"), data.as_os_str()]);
    }
    all.extend(["--pbkdf2-iterations", "1", "--log-level", "error"].map(OsStr::new));
    if !flags.contains(&"--listen") {
        all.extend(["--listen", "127.0.0.1:0"].map(OsStr::new));
    }
    let output = run(binary, &all);
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() || !output.stdout.is_empty() {
        return Err(format!("{flags:?}: it started, and said:\n{said}"));
    }
    let is_a_line = said.trim_end().lines().count() == 1;
    match reason.iter().find(|part| !said.contains(**part)) {
        None if is_a_line => Ok(()),
        None => Err(format!("{flags:?}: more than a line:\n{said}")),
        Some(part) => Err(format!("{flags:?}: nothing about {part:?} in:\n{said}")),
    }
}
