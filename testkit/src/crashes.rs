//! A server that is killed again and again, while people register and talk, some of whom crash themselves.

pub(crate) mod voice;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::check::{Next, credentials};
use crate::program::{Client, Program};
use crate::transcript::frame;
use voice::{Kept, Voice};

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Accounts whose registration was answered with yes.
    pub acknowledged: Vec<String>,
    /// How many of them could log in after the crash, and again after the last one.
    pub found: usize,
    /// Messages whose authors were told that they are kept.
    pub kept: usize,
    /// Messages that are kept all together.
    pub found_messages: usize,
    /// Messages that were delivered, each receiver counted.
    pub delivered: usize,
    /// How long each start took until the server listened.
    pub ready_after: Vec<Duration>,
}

/// Kills the server `binary` so many times, each time as soon as a few registrations were acknowledged, while more are
/// under way and so many talk; then looks whether everybody who was told that they are registered can log in, and whether
/// all that somebody was told to be kept, or has seen, is kept as it was, once and in its place.
///
/// # Errors
/// The first account or message that was lost, or whatever else went otherwise than it should.
pub fn crash_again_and_again(binary: &Path, rounds: usize, talking: usize) -> Result<Report, String> {
    let config = ["limits.register_per_minute = 0".to_owned(), "message-rate = 0".to_owned()];
    let mut server = Program::start(binary, &config)?;
    let mut report = Report::default();
    let mut voices: Vec<Voice> = (0..talking).map(|number| Voice::new(format!("voice{number}"))).collect();
    for round in 0..rounds {
        let acknowledged;
        (acknowledged, voices) = live_and_die(&mut server, round, voices)?;
        server = server.restart_after_kill(binary)?;
        report.ready_after.push(server.ready_after());
        find(server.address(), &acknowledged).map_err(|error| format!("after crash {round}: {error}"))?;
        report.acknowledged.extend(acknowledged);
    }
    find(server.address(), &report.acknowledged)?;
    report.found = report.acknowledged.len();
    let kept = Kept::read(server.address())?;
    voices.iter().try_for_each(|voice| voice.check(&kept))?;
    if kept.has_foreign(&voices) {
        return Err("something is kept that nobody said".into());
    }
    report.kept = voices.iter().map(Voice::acknowledged).sum();
    report.delivered = voices.iter().map(Voice::delivered).sum();
    report.found_messages = kept.len();
    Ok(report)
}

/// Lets several register and talk, and kills the server in the middle of it. Who was acknowledged.
fn live_and_die(
    server: &mut Program,
    round: usize,
    voices: Vec<Voice>,
) -> Result<(Vec<String>, Vec<Voice>), String> {
    let (news, inbox) = mpsc::channel();
    let clients: Vec<_> =
        (0..REGISTERING).map(|number| spawn(server.address(), &news, format!("r{round}n{number}"))).collect();
    drop(news);
    let address = server.address();
    let voices = (0..).zip(voices).map(|(number, mut voice)| {
        // Each crashes at another moment, the last of them never.
        let patience = if number == 0 { usize::MAX } else { 20 + 17 * ((number + round) % 11) };
        thread::spawn(move || voice.talk(address, patience).map(|()| voice))
    });
    let voices: Vec<_> = voices.collect();
    let mut acknowledged = Vec::new();
    // Another number each time, so that the crash meets another moment.
    let wanted = 1 + round % 17;
    acknowledged.extend(inbox.iter().take(wanted));
    let log = server.kill();
    acknowledged.extend(inbox.iter());
    let lost = |error| format!("round {round}: {error}; the server said:\n{log}");
    for client in clients {
        let outcome = client.join().map_err(|_| "a client has panicked".to_owned())?;
        outcome.map_err(lost)?;
    }
    let mut heard = Vec::new();
    for voice in voices {
        let outcome = voice.join().map_err(|_| "a voice has panicked".to_owned())?;
        heard.push(outcome.map_err(lost)?);
    }
    if acknowledged.len() < wanted {
        return Err(lost(format!("only {} were registered", acknowledged.len())));
    }
    Ok((acknowledged, heard))
}

fn spawn(address: SocketAddr, news: &Sender<String>, name: String) -> JoinHandle<Result<(), String>> {
    let news = news.clone();
    thread::spawn(move || {
        // A server that is dead by now accepts nobody.
        let Ok(mut client) = Client::open(address, true) else { return Ok(()) };
        register_on(&mut client, &name, &news)
    })
}

/// Registers one account after the other until the server is gone.
fn register_on(client: &mut Client, name: &str, news: &Sender<String>) -> Result<(), String> {
    for number in 0.. {
        if !register(client, &format!("{name}x{number}"), news)? {
            break;
        }
    }
    Ok(())
}

/// Whether the server lived to say that this account exists.
fn register(client: &mut Client, name: &str, news: &Sender<String>) -> Result<bool, String> {
    client.send(&frame(credentials("register", name).as_bytes()));
    match client.receive()? {
        Next::Frame(json) if json.starts_with(r#"{"type":"register","status":"ok""#) => {
            let _ = news.send(name.to_owned());
            Ok(true)
        }
        Next::Frame(json) => Err(format!("{name} was told {json}")),
        Next::Closed => Ok(false),
    }
}

/// Logs everybody in, one after the other.
fn find(address: SocketAddr, names: &[String]) -> Result<(), String> {
    let mut client = Client::open(address, true)?;
    for name in names {
        client.send(&frame(credentials("login", name).as_bytes()));
        expect(&mut client, name, r#"{"type":"login","status":"ok""#)?;
        expect(&mut client, name, r#"{"type":"list","status":"ok""#)?;
        client.send(&frame(br#"{"type":"logout"}"#));
        expect(&mut client, name, r#"{"type":"logout","status":"ok""#)?;
    }
    Ok(())
}

fn expect(client: &mut Client, name: &str, beginning: &str) -> Result<(), String> {
    match client.receive()? {
        Next::Frame(json) if json.starts_with(beginning) => Ok(()),
        Next::Frame(json) => Err(format!("{name} was acknowledged and is told {json}")),
        Next::Closed => Err(format!("{name} was disconnected")),
    }
}

/// How many register all the time.
const REGISTERING: usize = 4;
