//! Somebody whose computer sleeps, and wakes up in another network: how soon they are back, and with what.
//!
//! The sleeper is a process of its own, with the client core over TLS, and is stopped as a whole. The connection that it had
//! leads nowhere by the time it goes on, and nobody tells it. Others talk meanwhile.

mod sleeper;
mod tunnel;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::check::{Next, PASSWORD};
use crate::crashes::voice::Kept;
use crate::exit_code;
use crate::process;
use crate::program::{Client, PATIENCE, Program};
use crate::transcript::frame;
use tunnel::Tunnel;

/// A night.
pub struct Settings {
    /// The server's program.
    pub binary: PathBuf,
    /// How long the sleeper is stopped.
    pub stop: Duration,
}

/// What came of it. Times are counted from when the sleeper goes on.
#[derive(Debug)]
pub struct Report {
    /// Messages that others said while it was stopped.
    pub said_meanwhile: usize,
    /// When it gave its old connection up.
    pub lost_after: Duration,
    /// When it was in its room again.
    pub back_after: Duration,
    /// When it had shown all that was said meanwhile.
    pub synced_after: Duration,
    /// Messages on its screen in the end, its own included.
    pub shown: usize,
}

/// If this process was started to be the sleeper, it is that to its end: to be called first in `main` by whoever calls
/// [`sleep_and_wake`].
pub fn run_as_sleeper() -> Option<ExitCode> {
    let mut args = std::env::args().skip(1);
    if args.next()? != AS_SLEEPER {
        return None;
    }
    let address = args.next().and_then(|address| address.parse().ok()).ok_or("no address to sleep at");
    let outcome = address.map_err(str::to_owned).and_then(sleeper::live);
    Some(exit_code("sleeper", outcome))
}

/// Has the sleeper come in and talk, stops it, makes its connection lead nowhere, lets it go on, and looks at what it shows.
///
/// # Errors
/// Whatever it was not told or told twice, a login that was not by token, or that it never comes back.
pub fn sleep_and_wake(settings: &Settings) -> Result<Report, String> {
    let mut server = Program::start(&settings.binary, &[])?;
    let tunnel = Tunnel::start(server.address()).map_err(|error| format!("no tunnel: {error}"))?;
    let mut sleeper = Sleeper::start(tunnel.address())?;
    let mut talker = Talker::enter(server.address())?;

    sleeper.wait_for("entered")?;
    talker.talk(TALK_AROUND, Duration::ZERO)?;
    sleeper.wait_for(&talker.last())?;
    sleeper.signal("-STOP")?;
    let stopped_at = Instant::now();
    // This comes as far as the sleeper's computer, and lies there.
    talker.talk(TALK_AROUND, Duration::ZERO)?;
    tunnel.change_address();
    let pause = (settings.stop / SAID_MAX).max(PAUSE_MIN);
    let mut said_meanwhile = TALK_AROUND;
    while let Some(left) = settings.stop.checked_sub(stopped_at.elapsed()) {
        talker.talk(1, pause.min(left))?;
        said_meanwhile += 1;
    }

    let goes_on_at = Instant::now();
    sleeper.signal("-CONT")?;
    let lost_at = sleeper.wait_for("lost")?;
    let back_at = sleeper.wait_for("back in example")?;
    let synced_at = sleeper.wait_for(&talker.last())?;
    talker.talk(TALK_AROUND, Duration::ZERO)?;
    sleeper.wait_for(&talker.last())?;
    let told = sleeper.end();
    let shown = check(&told, &Kept::read(server.address())?)?;
    let log = server.kill();
    if log.contains("panicked") {
        return Err(format!("the server has panicked:\n{log}"));
    }
    let after = |at: Instant| at.saturating_duration_since(goes_on_at);
    Ok(Report {
        said_meanwhile,
        lost_after: after(lost_at),
        back_after: after(back_at),
        synced_after: after(synced_at),
        shown,
    })
}

/// What it has shown is what is kept, in its order, without a hole and without anything twice, from where it came in; nothing
/// it said was lost or said twice; and it used its password once. How much it has shown is returned.
fn check(told: &[String], kept: &Kept) -> Result<usize, String> {
    let shown: Vec<&str> = told.iter().filter_map(|line| line.strip_prefix(sleeper::SHOWN)).collect();
    let kept: Vec<String> = kept.lines().iter().map(|(from, text)| format!("{from}: {text}")).collect();
    let first = kept.iter().position(|line| Some(line.as_str()) == shown.first().copied());
    let rest = first.and_then(|first| kept.get(first..)).unwrap_or_default();
    if let Some(at) = (0..shown.len()).find(|at| rest.get(*at).map(String::as_str) != Some(shown[*at])) {
        return Err(format!("message {at} on the screen is {:?}, and was {:?}", shown[at], rest.get(at)));
    }
    let own = kept.iter().filter_map(|line| line.strip_prefix(&format!("{}: ", sleeper::NAME)));
    if let Some((number, text)) = own.enumerate().find(|(index, text)| *text != sleeper::words(index + 1)) {
        return Err(format!("as its message {} is kept {text:?}", number + 1));
    }
    for (what, count) in [("logs in", 1), ("comes by token", 1), ("lost", 1)] {
        let found = told.iter().filter(|line| *line == what).count();
        if found != count {
            return Err(format!("{what:?} {found} times, and {count} would be right"));
        }
    }
    Ok(shown.len())
}

/// The sleeper's process, and what it tells. It is ended when this is dropped.
struct Sleeper {
    child: Child,
    lines: Receiver<(Instant, String)>,
    told: Vec<String>,
}

impl Sleeper {
    fn start(address: SocketAddr) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| format!("no program: {error}"))?;
        let mut child = Command::new(program)
            .args([AS_SLEEPER, &address.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("no process: {error}"))?;
        let (tell, lines) = mpsc::channel();
        let stdout = child.stdout.take().ok_or("it tells nothing")?;
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = tell.send((Instant::now(), line));
            }
        });
        Ok(Self { child, lines, told: Vec::new() })
    }

    /// Waits until it tells this, and returns when it did.
    fn wait_for(&mut self, what: &str) -> Result<Instant, String> {
        loop {
            let Ok((at, line)) = self.lines.recv_timeout(PATIENCE) else {
                let last = &self.told[self.told.len().saturating_sub(10)..];
                return Err(format!("the sleeper does not tell {what:?}, and last told {last:?}"));
            };
            self.told.push(line);
            if self.told.last().is_some_and(|line| line == what) {
                return Ok(at);
            }
        }
    }

    fn signal(&self, signal: &str) -> Result<(), String> {
        process::signal(self.child.id(), signal)
    }

    /// Ends it. All it has told.
    fn end(mut self) -> Vec<String> {
        let _ = self.child.kill();
        self.told.extend(self.lines.iter().map(|(_, line)| line));
        std::mem::take(&mut self.told)
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Somebody in the same room who is awake.
struct Talker {
    client: Client,
    said: usize,
}

impl Talker {
    fn enter(address: SocketAddr) -> Result<Self, String> {
        let mut talker = Self { client: Client::open(address, true)?, said: 0 };
        let who = json!({"username": TALKER, "password": PASSWORD});
        for (kind, data) in
            [("register", who.clone()), ("login", who), ("enter", json!({"room": sleeper::ROOM}))]
        {
            talker.client.send(&frame(json!({"type": kind, "data": data}).to_string().as_bytes()));
            talker.wait_for(&format!(r#"{{"type":"{kind}","status":"ok""#))?;
        }
        Ok(talker)
    }

    /// Says so much, and pauses after each.
    fn talk(&mut self, count: usize, pause: Duration) -> Result<(), String> {
        for _ in 0..count {
            self.said += 1;
            let text = self.said.to_string();
            let msg = json!({"type": "msg", "data": {"to": "public", "text": text}});
            self.client.send(&frame(msg.to_string().as_bytes()));
            self.wait_for(&format!(
                r#"{{"type":"msg","status":"ok","data":{{"to":"public","from":"{TALKER}","text":"{text}""#
            ))?;
            thread::sleep(pause);
        }
        Ok(())
    }

    /// What it said last, as the sleeper tells it.
    fn last(&self) -> String {
        format!("{}{TALKER}: {}", sleeper::SHOWN, self.said)
    }

    fn wait_for(&mut self, beginning: &str) -> Result<(), String> {
        loop {
            match self.client.receive()? {
                Next::Frame(json) if json.starts_with(beginning) => return Ok(()),
                Next::Frame(json) if json.contains(r#""status":"error""#) => return Err(json),
                Next::Frame(_) => {}
                Next::Closed => return Err("the talker was disconnected".into()),
            }
        }
    }
}

/// The first argument of a process that is the sleeper.
const AS_SLEEPER: &str = "as-sleeper";
const TALKER: &str = "talker";
/// Messages before and after something happens, to have some on their way.
const TALK_AROUND: usize = 5;
/// Messages while the sleeper is stopped, at most: a client that missed more begins anew at the end.
const SAID_MAX: u32 = 600;
/// Between two of them, at least: a user may say ten a second.
const PAUSE_MIN: Duration = Duration::from_millis(110);
