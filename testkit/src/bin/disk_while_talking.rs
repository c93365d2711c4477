//! Measures what else the disk is needed for costs those who talk: how long an acknowledgement takes while nobody reads what was
//! said, while many do as fast as they can, while a million messages are let go, and after it. Prints figures; passes no judgement.
//!
//! ```sh
//! cargo build --release -p server-smol -p server-std
//! cargo run --release -p testkit --bin disk_while_talking -- 1000000 target/release/chatroom-server-{smol,std}
//! ```

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testkit::check::credentials;
use testkit::program::{Client, Program};
use testkit::transcript::frame;

/// How long is measured while nothing is cut.
const SPAN: Duration = Duration::from_secs(10);
/// Between two messages of who is measured.
const PAUSE: Duration = Duration::from_millis(10);
/// Who fills the database, each in a room of their own, and how much each of them says without waiting for an answer.
const WRITERS: u64 = 16;
const BATCH: u64 = 60;
/// Who reads what they said, from the newest message to the oldest and again.
const READERS: u64 = 4;
/// Messages that are kept in the end.
const KEPT: u64 = 1_000;

fn main() -> Result<(), String> {
    let mut args = std::env::args().skip(1);
    let messages: u64 =
        args.next().and_then(|count| count.parse().ok()).ok_or("say how many messages to cut")?;
    let binaries: Vec<PathBuf> = args.map(PathBuf::from).collect();
    if binaries.is_empty() {
        return Err("say which server programs to measure".into());
    }
    println!(
        "{:<22} {:<22} {:>9} {:>9} {:>9} {:>9} {:>7}",
        "server", "how long it takes", "median", "99 %", "99.9 %", "longest", "count"
    );
    binaries.iter().try_for_each(|binary| measure(binary, messages))
}

fn measure(binary: &Path, messages: u64) -> Result<(), String> {
    let config = vec!["message-rate = 0".to_owned()];
    let server = Program::start(binary, &config)?;
    let writers = (0..WRITERS).map(|number| {
        let address = server.address();
        thread::spawn(move || fill(address, &format!("writer{number}"), messages / WRITERS))
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.join().map_err(|_| "a writer has panicked".to_owned())??;
    }
    let mut talker = Talker { client: enter(server.address(), "talker")?, said: 0 };
    let start = Instant::now();
    let quiet = talker.acknowledged(|| start.elapsed() > SPAN)?;
    print(binary, "while nobody reads", quiet);
    let is_over = Arc::new(AtomicBool::new(false));
    let readers = (0..READERS).map(|number| {
        let (address, is_over) = (server.address(), Arc::clone(&is_over));
        thread::spawn(move || read(address, number, &is_over))
    });
    let readers: Vec<_> = readers.collect();
    let start = Instant::now();
    let read = talker.acknowledged(|| start.elapsed() > SPAN)?;
    is_over.store(true, Ordering::Relaxed);
    let mut pages = Vec::new();
    for reader in readers {
        pages.extend(reader.join().map_err(|_| "a reader has panicked".to_owned())??);
    }
    print(binary, "while many read", read);
    print(binary, "  a page of theirs", pages);
    server.write_config(&[&config[..], &[format!("keep-messages = {KEPT}")]].concat())?;
    server.signal("-HUP")?;
    let start = Instant::now();
    let during = talker.acknowledged(|| server.log().contains("are not kept any longer"))?;
    let took = start.elapsed();
    print(binary, "while much is let go", during);
    let start = Instant::now();
    let after = talker.acknowledged(|| start.elapsed() > SPAN)?;
    print(binary, "after that", after);
    println!("the cut took {took:.1?}");
    Ok(())
}

fn print(binary: &Path, what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |permille: usize| times.get(times.len() * permille / 1_000).copied().unwrap_or_default();
    let name = binary.file_name().unwrap_or_default().to_string_lossy();
    let longest = times.last().copied().unwrap_or_default();
    println!(
        "{name:<22} {what:<22} {:>9.2?} {:>9.2?} {:>9.2?} {longest:>9.2?} {:>7}",
        at(500),
        at(990),
        at(999),
        times.len()
    );
}

/// Who is measured: a message, its acknowledgement, a pause, and the next one.
struct Talker {
    client: Client,
    said: u64,
}

impl Talker {
    fn acknowledged(&mut self, is_over: impl Fn() -> bool) -> Result<Vec<Duration>, String> {
        let mut times = Vec::new();
        while !is_over() {
            self.said += 1;
            let start = Instant::now();
            self.client.send(&message(&format!("t{}", self.said)));
            self.client.receive_until(r#"{"type":"ack","status":"ok""#)?;
            times.push(start.elapsed());
            thread::sleep(PAUSE);
        }
        Ok(times)
    }
}

/// Says so much in a room of one's own, where nobody else has to hear it.
fn fill(address: SocketAddr, name: &str, messages: u64) -> Result<(), String> {
    let mut client = log_in(address, name)?;
    client.send(&frame(format!(r#"{{"type":"create","data":{{"room":"{name}"}}}}"#).as_bytes()));
    client.receive_until(r#"{"type":"create","status":"ok""#)?;
    go_to(&mut client, name)?;
    let mut said = 0;
    while said < messages {
        let batch = BATCH.min(messages - said);
        let frames: Vec<u8> =
            (said..said + batch).flat_map(|number| message(&format!("{name}-{number}"))).collect();
        client.send(&frames);
        for _ in 0..batch {
            client.receive_until(r#"{"type":"ack","status":"ok""#)?;
        }
        said += batch;
    }
    Ok(())
}

/// Reads what a writer said, a page at a time, until that is over. How long each page took.
fn read(address: SocketAddr, number: u64, is_over: &AtomicBool) -> Result<Vec<Duration>, String> {
    let (mut client, room) = (log_in(address, &format!("reader{number}"))?, format!("writer{number}"));
    go_to(&mut client, &room)?;
    let (mut before, mut times) = (u64::MAX, Vec::new());
    while !is_over.load(Ordering::Relaxed) {
        let ask = format!(r#"{{"type":"history","data":{{"room":"{room}","before":{before}}}}}"#);
        let start = Instant::now();
        client.send(&frame(ask.as_bytes()));
        let page = client.receive_until(r#"{"type":"history","status":"ok""#)?;
        times.push(start.elapsed());
        let first = page.split_once(r#""msgs":[{"seq":"#).and_then(|(_, rest)| rest.split_once(','));
        before = first.and_then(|(seq, _)| seq.parse().ok()).unwrap_or(u64::MAX);
    }
    Ok(times)
}

/// A message of some length with a name like those that clients give.
fn message(cid: &str) -> Vec<u8> {
    let text = "as long as most of what people say to each other";
    frame(
        format!(r#"{{"type":"msg","data":{{"to":"public","cid":"{cid:*<36}","text":"{text}"}}}}"#).as_bytes(),
    )
}

fn enter(address: SocketAddr, name: &str) -> Result<Client, String> {
    let mut client = log_in(address, name)?;
    go_to(&mut client, "example")?;
    Ok(client)
}

fn go_to(client: &mut Client, room: &str) -> Result<(), String> {
    client.send(&frame(format!(r#"{{"type":"enter","data":{{"room":"{room}"}}}}"#).as_bytes()));
    client.receive_until(r#"{"type":"enter","status":"ok""#).map(drop)
}

fn log_in(address: SocketAddr, name: &str) -> Result<Client, String> {
    let mut client = Client::open(address, true)?;
    client.send(&frame(br#"{"type":"hello","proto":1,"caps":["ack","history"]}"#));
    for kind in ["register", "login"] {
        client.send(&frame(credentials(kind, name).as_bytes()));
        client.receive_until(&format!(r#"{{"type":"{kind}","status":"ok""#))?;
    }
    Ok(client)
}
