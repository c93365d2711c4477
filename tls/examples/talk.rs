//! A chat client for a terminal, a line at a time: how to see two people talk, and how to write a bot.
//!
//! ```sh
//! cargo run -p tls --example talk                               # a server on this machine
//! cargo run -p tls --example talk -- 192.0.2.7:65432 --key sha256:…
//! ```
//!
//! Everything the protocol needs is in [`Client`]; this file moves bytes, and turns lines into commands and events into
//! lines. One thread reads the network and one reads the keyboard, and they share all of it behind one lock.

use std::io::{self, BufRead, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use chatroom_core::client::{Client, Command, Conversation, Event, Input, Output, Room};
use chatroom_core::frame::Frame;
use chatroom_core::message::Text;
use chatroom_core::message::hello::Registration;
use chatroom_core::name::{LOBBY, RoomName, UserName};
use chatroom_core::secret::{Password, Token};
use tls::{ClientConfig, Pipe, Trust, pem};

const HELP: &str = "\
/register NAME PASSWORD   make an account
/invited INVITATION NAME PASSWORD
                          the same, where only who was invited can
/login NAME PASSWORD      log in to it
/rooms                    who is where
/create ROOM              make a room
/enter ROOM               go into a room
/exit                     go back to the lobby
\\private NAME TEXT        whisper to one in the room
/logout, /quit            leave
anything else             say it to the room";

/// How long to wait for the server before the clock is looked at.
const PATIENCE: Duration = Duration::from_millis(100);

const USAGE: &str = "usage: talk [HOST:PORT] [--key sha256:… | --ca FILE | --insecure]";

fn main() {
    if let Err(error) = run(env::args().skip(1)) {
        eprintln!("talk: {error}");
        process::exit(1);
    }
}

fn run(mut args: impl Iterator<Item = String>) -> Result<(), String> {
    let (mut address, mut trust) = (String::from("127.0.0.1:65432"), None);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value; {USAGE}"));
        match arg.as_str() {
            "--key" => trust = Some(Trust::Key(value()?.parse().map_err(|error| format!("--key: {error}"))?)),
            "--ca" => {
                let file = value()?;
                let text = fs::read(&file).map_err(|error| format!("{file}: {error}"))?;
                let authorities = pem::certificates(&text).map_err(|error| format!("{file}: {error}"))?;
                trust = Some(Trust::Authorities(authorities));
            }
            "--insecure" => trust = Some(Trust::AnyoneInsecurely),
            flag if flag.starts_with('-') => return Err(format!("no such flag: {flag}; {USAGE}")),
            other => address = other.to_owned(),
        }
    }
    let socket_address = address.to_socket_addrs().map_err(|error| format!("{address}: {error}"))?.next();
    let socket_address = socket_address.ok_or_else(|| format!("{address} has no address"))?;
    let trust = match trust {
        Some(trust) => trust,
        // Who could stand between two programs of one machine could read their memory as well.
        None if socket_address.ip().is_loopback() => Trust::AnyoneInsecurely,
        None => {
            return Err(format!(
                "say whom to trust: --key with what the server printed at its start; {USAGE}"
            ));
        }
    };
    let config = ClientConfig::new(trust).map_err(|error| error.to_string())?;
    let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host).trim_matches(['[', ']']);
    let pipe = Pipe::client(&config, host).map_err(|error| error.to_string())?;
    let stream = TcpStream::connect(socket_address).map_err(|error| format!("{address}: {error}"))?;
    let mut reader = stream.try_clone().map_err(|error| error.to_string())?;
    reader.set_read_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
    let talk = Arc::new(Mutex::new(Talk { client: Client::new(), pipe, stream, start: Instant::now() }));

    // The handshake first, so that nothing is typed into the void.
    lock(&talk).receive(&[])?;
    while lock(&talk).pipe.is_handshaking() {
        read(&mut reader, &talk)?;
    }
    let network = Arc::clone(&talk);
    thread::spawn(move || {
        let result = std::iter::repeat_with(|| read(&mut reader, &network)).find_map(Result::err);
        println!("* {}", result.unwrap_or_default());
        process::exit(0);
    });
    println!("{HELP}");
    for line in io::stdin().lock().lines() {
        let line = line.map_err(|error| error.to_string())?;
        let here = lock(&talk).client.room().map(str::to_owned);
        match parse(line.trim_end(), here.as_deref()) {
            Ok(Some(command)) => {
                lock(&talk).handle(Input::Command(command)).map_err(|error| error.to_string())?
            }
            Ok(None) => break,
            Err(hint) => println!("* {hint}"),
        }
    }
    // What was typed faster than the server takes it is said first.
    while lock(&talk).client.unsaid() > 0 {
        thread::sleep(PATIENCE);
    }
    // The reader hears the server's end after ours, and what was said before it.
    let mut bye = Vec::new();
    let mut talk = lock(&talk);
    talk.pipe.close(&mut bye);
    let _ = talk.stream.write_all(&bye).and_then(|()| talk.stream.shutdown(Shutdown::Write));
    drop(talk);
    thread::sleep(Duration::from_secs(2));
    Ok(())
}

/// Everything the two threads share.
struct Talk {
    client: Client,
    pipe: Pipe,
    stream: TcpStream,
    start: Instant,
}

impl Talk {
    /// The loop of the protocol: tell it what happened, then do everything it wants done.
    fn handle(&mut self, input: Input<'_>) -> io::Result<()> {
        let now = chatroom_core::Instant::from_start(self.start.elapsed());
        self.client.handle(now, input);
        let mut frames: Vec<Frame> = Vec::new();
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Frame(frame) => frames.push(frame),
                Output::Event(event) => show(event),
                Output::Close => self.stream.shutdown(Shutdown::Both)?,
            }
        }
        let mut wire = Vec::new();
        self.pipe.seal(&frames, &mut wire);
        self.stream.write_all(&wire)
    }

    fn look_at_the_clock(&mut self) -> io::Result<()> {
        let now = chatroom_core::Instant::from_start(self.start.elapsed());
        if self.client.deadline().is_some_and(|at| at <= now) { self.handle(Input::Timeout) } else { Ok(()) }
    }

    /// Takes bytes from the network; the first call, with none, begins the handshake.
    fn receive(&mut self, wire: &[u8]) -> Result<(), String> {
        let (mut plain, mut out) = (Vec::new(), Vec::new());
        let was_handshaking = self.pipe.is_handshaking();
        let opened = self.pipe.open(wire, &mut plain, &mut out);
        self.stream.write_all(&out).map_err(|error| error.to_string())?;
        opened.map_err(|error| error.to_string())?;
        if was_handshaking && !self.pipe.is_handshaking() {
            self.handle(Input::Connected).map_err(|error| error.to_string())?;
        }
        self.handle(Input::Bytes(&plain)).map_err(|error| error.to_string())
    }
}

/// Waits for bytes from the server, but not for long, and takes them. Then it may be time for something.
fn read(stream: &mut TcpStream, talk: &Mutex<Talk>) -> Result<(), String> {
    let mut buffer = [0; 16 * 1024];
    match stream.read(&mut buffer) {
        Ok(0) => return Err("disconnected".into()),
        Ok(count) => lock(talk).receive(&buffer[..count])?,
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
        Err(error) => return Err(error.to_string()),
    }
    lock(talk).look_at_the_clock().map_err(|error| error.to_string())
}

/// What a line means, said in the room that is `here`; `None` is the wish to leave, an error says what is wrong with it.
fn parse(line: &str, here: Option<&str>) -> Result<Option<Command>, String> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let user = |name: &str| UserName::parse(name).map_err(|error| error.sentence().to_owned());
    let room = |name: &str| RoomName::parse(name).map_err(|error| error.sentence().to_owned());
    let here = || room(here.unwrap_or(LOBBY));
    let text = |text: &str| Text::try_from(text).map_err(|error| error.sentence().to_owned());
    let password =
        |text: &str| Password::parse(text.to_owned().into()).map_err(|_| "a password is missing".to_owned());
    let (first, second) = rest.split_once(' ').unwrap_or((rest, ""));
    Ok(Some(match word {
        "/register" => Command::Register(user(first)?, password(second)?, None),
        "/invited" => {
            let (name, secret) = second.split_once(' ').unwrap_or((second, ""));
            let invite = Token::new(first.to_owned().into());
            Command::Register(user(name)?, password(secret)?, Some(invite))
        }
        "/login" => Command::Login(user(first)?, password(second)?),
        "/rooms" => Command::List,
        "/create" => Command::Create(room(rest)?),
        "/enter" => Command::Enter(room(rest)?),
        "/exit" => Command::Exit(here()?),
        "/logout" => Command::Logout,
        "/quit" => return Ok(None),
        "\\private" => {
            Command::Say { to: Conversation::Peer(user(first)?), text: text(second)?, id: 0, cid: None }
        }
        command if command.starts_with('/') => return Err(HELP.to_owned()),
        _ => Command::Say { to: Conversation::Room(here()?), text: text(line)?, id: 0, cid: None },
    }))
}

fn show(event: Event) {
    match event {
        Event::Connected => println!("* connected; /register or /login"),
        Event::Disconnected(_) | Event::LoggedOut => println!("* goodbye"),
        Event::Greeted(greeting) => match greeting.registration {
            Some(Registration::Invite) => {
                println!("* new here? only who was invited: /invited INVITATION NAME PASSWORD");
            }
            Some(Registration::Closed) => println!("* this server takes no new accounts"),
            Some(Registration::Open) | None => {}
        },
        Event::Registered => println!("* registered; now /login"),
        Event::LoggedIn { username } | Event::Returned { username, .. } => {
            println!("* you are {username}, in the lobby; /enter a room")
        }
        Event::Rooms(rooms) => rooms.iter().for_each(show_room),
        Event::Members(room) => show_room(&room),
        Event::Created { message } => println!("* {message}"),
        Event::Entered { room } => println!("* you are in {room}"),
        Event::Left { .. } => println!("* you are in the lobby"),
        Event::Message { from, text, private_with: None, .. } => println!("<{from}> {}", clean(&text)),
        Event::Message { text, is_own: true, private_with: Some(to), .. } => {
            println!("[to {to}] {}", clean(&text))
        }
        Event::Message { from, text, private_with: Some(_), .. } => {
            println!("[from {from}] {}", clean(&text))
        }
        Event::Past { messages, .. } => {
            for past in &messages {
                let text = past.text.as_deref().map_or("(deleted)".into(), clean);
                println!("<{}> {text}", past.from);
            }
        }
        // It holds no login over its end, and said what is said without a look at its place.
        Event::Session { .. } | Event::Acknowledged { .. } => {}
        // It is in one room at a time.
        Event::Crowds(_) | Event::Places(_) | Event::Friends(_) | Event::Presence(_) => {}
        // Nor has it asked for these.
        Event::Logins(_) => {}
        Event::Refused { message, .. } | Event::Notice { message, .. } => println!("! {}", clean(&message)),
        Event::Unanswered { request, .. } => println!("! no answer to {request}"),
    }
}

fn show_room(room: &Room) {
    println!("  {}: {}", room.name, room.members.join(", "));
}

/// A terminal obeys control characters, and a stranger's text is not to command it.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

fn lock(talk: &Mutex<Talk>) -> std::sync::MutexGuard<'_, Talk> {
    talk.lock().unwrap_or_else(PoisonError::into_inner)
}
