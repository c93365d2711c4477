//! A server that is killed again and again, while people register and talk.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::check::{Next, credentials};
use crate::program::{Client, Program};
use crate::transcript::frame;

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Accounts whose registration was answered with yes.
    pub acknowledged: Vec<String>,
    /// How many of them could log in after the crash, and again after the last one.
    pub found: usize,
    /// Messages that were delivered, each receiver counted.
    pub delivered: usize,
    /// How long each start took until the server listened.
    pub ready_after: Vec<Duration>,
}

/// Kills the server `binary` so many times, each time as soon as a few registrations were acknowledged, while more are
/// under way; then looks whether everybody who was told that they are registered can log in.
///
/// # Errors
/// The first account that was lost, or whatever else went otherwise than it should.
pub fn crash_again_and_again(binary: &Path, rounds: usize) -> Result<Report, String> {
    let config = ["limits.register_per_minute = 0".to_owned(), "message-rate = 0".to_owned()];
    let mut server = Program::start(binary, &config)?;
    let mut report = Report::default();
    for round in 0..rounds {
        let (acknowledged, delivered) = live_and_die(&mut server, round)?;
        server = server.restart_after_kill(binary)?;
        report.ready_after.push(server.ready_after());
        report.delivered += delivered;
        find(server.address(), &acknowledged).map_err(|error| format!("after crash {round}: {error}"))?;
        report.acknowledged.extend(acknowledged);
    }
    find(server.address(), &report.acknowledged)?;
    report.found = report.acknowledged.len();
    Ok(report)
}

/// What a client in a round has to tell.
enum News {
    Acknowledged(String),
    Delivered,
}

/// Lets several register and talk, and kills the server in the middle of it. Who was acknowledged, and how many messages
/// were delivered.
fn live_and_die(server: &mut Program, round: usize) -> Result<(Vec<String>, usize), String> {
    let (news, inbox) = mpsc::channel();
    let mut clients: Vec<_> = (0..REGISTERING)
        .map(|number| spawn(server.address(), &news, format!("r{round}n{number}"), register_on))
        .collect();
    clients.extend(
        (0..TALKING).map(|number| spawn(server.address(), &news, format!("r{round}talks{number}"), talk_on)),
    );
    drop(news);
    let (mut acknowledged, mut delivered) = (Vec::new(), 0);
    // Another number each time, so that the crash meets another moment.
    let wanted = TALKING + 1 + round % 17;
    collect(&inbox, wanted, &mut acknowledged, &mut delivered);
    let log = server.kill();
    collect(&inbox, usize::MAX, &mut acknowledged, &mut delivered);
    for client in clients {
        let outcome = client.join().map_err(|_| "a client has panicked".to_owned())?;
        outcome.map_err(|error| format!("round {round}: {error}; the server said:\n{log}"))?;
    }
    if acknowledged.len() < wanted {
        return Err(format!(
            "round {round}: only {} were registered; the server said:\n{log}",
            acknowledged.len()
        ));
    }
    Ok((acknowledged, delivered))
}

/// Takes news until so many are acknowledged, or nobody is left to tell any.
fn collect(inbox: &Receiver<News>, wanted: usize, acknowledged: &mut Vec<String>, delivered: &mut usize) {
    while acknowledged.len() < wanted {
        match inbox.recv() {
            Ok(News::Acknowledged(name)) => acknowledged.push(name),
            Ok(News::Delivered) => *delivered += 1,
            Err(_) => return,
        }
    }
}

fn spawn(
    address: SocketAddr,
    news: &Sender<News>,
    name: String,
    live: fn(&mut Client, &str, &Sender<News>) -> Result<(), String>,
) -> JoinHandle<Result<(), String>> {
    let news = news.clone();
    thread::spawn(move || {
        // A server that is dead by now accepts nobody.
        let Ok(mut client) = Client::open(address, true) else { return Ok(()) };
        live(&mut client, &name, &news)
    })
}

/// Registers one account after the other until the server is gone.
fn register_on(client: &mut Client, name: &str, news: &Sender<News>) -> Result<(), String> {
    for number in 0.. {
        if !register(client, &format!("{name}x{number}"), news)? {
            break;
        }
    }
    Ok(())
}

/// Registers and talks as fast as it hears itself, until the server is gone.
fn talk_on(client: &mut Client, name: &str, news: &Sender<News>) -> Result<(), String> {
    if !register(client, name, news)? {
        return Ok(());
    }
    client.send(&frame(credentials("login", name).as_bytes()));
    client.send(&frame(br#"{"type":"enter","data":{"room":"example"}}"#));
    let say = frame(br#"{"type":"msg","data":{"to":"public","text":"still there"}}"#);
    client.send(&say);
    let own = format!(r#""from":"{name}""#);
    while let Next::Frame(json) = client.receive()? {
        if json.starts_with(r#"{"type":"msg","status":"ok""#) {
            let _ = news.send(News::Delivered);
        }
        if json.contains(r#""status":"error""#) {
            return Err(format!("{name} was told {json}"));
        }
        if json.contains(&own) {
            client.send(&say);
        }
    }
    Ok(())
}

/// Whether the server lived to say that this account exists.
fn register(client: &mut Client, name: &str, news: &Sender<News>) -> Result<bool, String> {
    client.send(&frame(credentials("register", name).as_bytes()));
    match client.receive()? {
        Next::Frame(json) if json.starts_with(r#"{"type":"register","status":"ok""#) => {
            let _ = news.send(News::Acknowledged(name.to_owned()));
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

/// Who registers all the time, and who talks.
const REGISTERING: usize = 4;
const TALKING: usize = 2;
