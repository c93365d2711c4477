//! Measures what hashing passwords costs those who talk, and what talk costs those who log in, with the password
//! threads as nice as everybody else and nicer. Prints figures; passes no judgement.
//!
//! ```sh
//! cargo build --release -p server-smol -p server-std
//! cargo run --release -p testkit --bin chat_while_hashing -- target/release/chatroom-server-{smol,std}
//! ```

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use testkit::check::credentials;
use testkit::program::{Client, Program};
use testkit::transcript::frame;

/// How long each figure is measured.
const SPAN: Duration = Duration::from_secs(8);
/// Connections that log in without end, with wrong passwords: one hash each time.
const GUESSERS: usize = 8;
/// Members of the room that is talked in as fast as it goes.
const CROWD: usize = 40;

fn main() -> Result<(), String> {
    let binaries: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if binaries.is_empty() {
        return Err("say which server programs to measure".into());
    }
    println!("{:<22} {:>4}  {:<34} {:>9} {:>9} {:>7}", "server", "nice", "what", "median", "99 %", "count");
    for binary in &binaries {
        for nice in [0, 10] {
            measure(binary, nice)?;
        }
    }
    Ok(())
}

fn measure(binary: &Path, nice: u8) -> Result<(), String> {
    let config = [
        "message-rate = 0".to_owned(),
        "limits.auth_failures_max = 1000000".to_owned(),
        "limits.auth_connection_failures_max = 0".to_owned(),
        format!("limits.password_nice = {nice}"),
    ];
    let server = Program::start_with(binary, &config, &["--pbkdf2-iterations", "600000"])?;
    let address = server.address();
    let name = binary.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let print = |what: &str, mut times: Vec<Duration>| {
        times.sort();
        let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
        println!("{name:<22} {nice:>4}  {what:<34} {:>9.2?} {:>9.2?} {:>7}", at(50), at(99), times.len());
    };

    let mut talker = login(address, "talker", true)?;
    print("a message's round trip, all quiet", round_trips(&mut talker)?);
    let is_over = Arc::new(AtomicBool::new(false));
    let guessers =
        start_all((0..GUESSERS).map(|number| format!("guesser{number}")), &is_over, guess_on(address));
    print("the same, while 8 guess passwords", round_trips(&mut talker)?);
    stop_all(guessers, &is_over)?;
    print("a login, all quiet", logins(address)?);

    // Who does not read for so long is dropped, so the talker comes back when it is needed again.
    drop(talker);
    // Every member reads; four of them talk as fast as they hear themselves.
    let members: Vec<_> =
        (0..CROWD).map(|number| login(address, &format!("m{number}"), true)).collect::<Result<_, _>>()?;
    let is_over = Arc::new(AtomicBool::new(false));
    let crowd: Vec<_> = (0..)
        .zip(members)
        .map(|(number, member)| spawn_member(member, (number < 4).then(|| format!("m{number}")), &is_over))
        .collect();
    print("a login, while 40 talk", logins(address)?);
    let mut talker = login(address, "talker", true)?;
    print("a round trip, while 40 talk", round_trips(&mut talker)?);
    let guessers =
        start_all((0..GUESSERS).map(|number| format!("guesser{number}")), &is_over, guess_on(address));
    print("the same, and 8 guess passwords", round_trips(&mut talker)?);
    stop_all(guessers.into_iter().chain(crowd).collect(), &is_over)
}

/// How long it takes to hear oneself, a hundred times a second.
fn round_trips(talker: &mut Client) -> Result<Vec<Duration>, String> {
    let end = Instant::now() + SPAN;
    let mut times = Vec::new();
    while Instant::now() < end {
        let start = Instant::now();
        talker.send(&frame(br#"{"type":"msg","data":{"to":"public","text":"ping"}}"#));
        while !talker.receive_until(r#"{"type":"msg""#)?.contains(r#""from":"talker""#) {}
        times.push(start.elapsed());
        thread::sleep(Duration::from_millis(10));
    }
    Ok(times)
}

/// How long a login takes, one after another.
fn logins(address: SocketAddr) -> Result<Vec<Duration>, String> {
    let end = Instant::now() + SPAN;
    let mut times = Vec::new();
    while Instant::now() < end {
        let start = Instant::now();
        login(address, "talker2", false)?;
        times.push(start.elapsed());
    }
    // The first one registered as well.
    times.remove(0);
    Ok(times)
}

fn guess_on(
    address: SocketAddr,
) -> impl Fn(&str, &AtomicBool) -> Result<(), String> + Clone + Send + 'static {
    move |name, is_over| {
        let mut client = Client::open(address, true)?;
        while !is_over.load(Ordering::Relaxed) {
            client.send(&frame(credentials("login", name).as_bytes()));
            client.receive_until(r#"{"type":"login""#)?;
        }
        Ok(())
    }
}

/// Reads until it is told to stop; one who talks says the next thing on hearing their own last one.
fn spawn_member(
    mut member: Client,
    talks_as: Option<String>,
    is_over: &Arc<AtomicBool>,
) -> JoinHandle<Result<(), String>> {
    let is_over = Arc::clone(is_over);
    thread::spawn(move || {
        let own = talks_as.map(|name| format!(r#""from":"{name}""#));
        let mut is_heard = true;
        while !is_over.load(Ordering::Relaxed) {
            if is_heard && own.is_some() {
                member.send(&frame(br#"{"type":"msg","data":{"to":"public","text":"what was that?"}}"#));
            }
            let json = member.receive_until(r#"{"type":"msg""#)?;
            is_heard = own.as_ref().is_some_and(|own| json.contains(own));
        }
        Ok(())
    })
}

fn start_all(
    names: impl Iterator<Item = String>,
    is_over: &Arc<AtomicBool>,
    work: impl Fn(&str, &AtomicBool) -> Result<(), String> + Clone + Send + 'static,
) -> Vec<JoinHandle<Result<(), String>>> {
    names
        .map(|name| {
            let (work, is_over) = (work.clone(), Arc::clone(is_over));
            thread::spawn(move || work(&name, &is_over))
        })
        .collect()
}

fn stop_all(threads: Vec<JoinHandle<Result<(), String>>>, is_over: &AtomicBool) -> Result<(), String> {
    is_over.store(true, Ordering::Relaxed);
    // Readers that wait for a last message give up when the server, their only source, is ended after this.
    for thread in threads.into_iter().filter(JoinHandle::is_finished) {
        thread.join().map_err(|_| "a client's thread has panicked".to_owned())??;
    }
    Ok(())
}

/// Logs in, having registered before if need be, and perhaps enters the room.
fn login(address: SocketAddr, name: &str, enters: bool) -> Result<Client, String> {
    let mut client = Client::open(address, true)?;
    client.send(&frame(credentials("login", name).as_bytes()));
    if !client.receive_until(r#"{"type":"login""#)?.contains(r#""status":"ok""#) {
        client.send(&frame(credentials("register", name).as_bytes()));
        client.receive_until(r#"{"type":"register","status":"ok""#)?;
        client.send(&frame(credentials("login", name).as_bytes()));
        client.receive_until(r#"{"type":"login","status":"ok""#)?;
    }
    if enters {
        client.send(&frame(br#"{"type":"enter","data":{"room":"example"}}"#));
        client.receive_until(r#"{"type":"enter","status":"ok""#)?;
    }
    Ok(client)
}
