//! The one who sleeps: a client as a window has it, that tells on its standard output what it shows.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use chatroom_core::client::{Client, Command, Conversation, End, Event, Input, LOOK_MAX, Output, Vigil};
use chatroom_core::frame::{Frame, PREFIX_BYTES};
use chatroom_core::message::Text;
use chatroom_core::name::{RoomName, UserName};
use chatroom_core::secret::Password;
use smol::Timer;
use tls::{ClientConfig, Trust};

use crate::chaos::line::Line;
use crate::check::PASSWORD;

pub(super) const NAME: &str = "sleeper";
pub(super) const ROOM: &str = "example";
/// What each message is told after, with its author's name.
pub(super) const SHOWN: &str = "shows ";

/// What it says, for the first time or the hundredth.
pub(super) fn words(number: usize) -> String {
    format!("not asleep {number}")
}

/// Registers, enters the room, and talks there. It ends by being ended.
pub(super) fn live(address: SocketAddr) -> Result<(), String> {
    let config = ClientConfig::new(Trust::AnyoneInsecurely).map_err(|error| error.to_string())?;
    let start = Instant::now();
    let mut sleeper = Sleeper {
        client: Client::that_keeps(*b"who sleeps..").of_one_room(),
        start,
        vigil: Vigil::new(chatroom_core::Instant::default(), wall()),
        is_known: false,
        is_lost: false,
        said: 0,
        says_at: start,
    };
    smol::block_on(async {
        loop {
            match Line::open(address, &config).await {
                Ok(line) => sleeper.stay(line).await?,
                Err(_) => _ = Timer::after(RETRY).await,
            }
        }
    })
}

struct Sleeper {
    client: Client,
    start: Instant,
    vigil: Vigil,
    /// It has an account.
    is_known: bool,
    /// The client has given the connection up.
    is_lost: bool,
    said: usize,
    says_at: Instant,
}

impl Sleeper {
    /// Lives on a line until that is lost.
    async fn stay(&mut self, mut line: Line) -> Result<(), String> {
        self.is_lost = false;
        self.vigil = Vigil::new(self.now(), wall());
        self.tell(&mut line, Input::Connected)?;
        if !self.is_known {
            self.is_known = true;
            let (name, password) = credentials()?;
            self.tell(&mut line, Input::Command(Command::Register(name, password, None)))?;
        }
        while !self.is_lost {
            let until = Instant::now() + LOOK_MAX;
            let deadline = self.client.deadline().map(|at| self.start + at.since_start());
            let until =
                deadline.into_iter().chain([self.says_at.max(Instant::now())]).fold(until, Instant::min);
            let waited = line.wait(until).await;
            if self.vigil.look(self.now(), wall()) {
                self.tell(&mut line, Input::Doubtful)?;
            }
            let heard = line.take_plain();
            self.tell(&mut line, Input::Bytes(&heard))?;
            if waited.is_err() {
                self.tell(&mut line, Input::Closed)?;
                return Ok(());
            }
            let now = self.now();
            if self.client.deadline().is_some_and(|at| at <= now) {
                self.tell(&mut line, Input::Timeout)?;
            }
            self.talk(&mut line)?;
        }
        Ok(())
    }

    fn talk(&mut self, line: &mut Line) -> Result<(), String> {
        if Instant::now() < self.says_at {
            return Ok(());
        }
        self.says_at = Instant::now() + PAUSE;
        let Some(room) = self.client.room() else { return Ok(()) };
        let to =
            RoomName::parse(room).map(Conversation::Room).map_err(|error| error.sentence().to_owned())?;
        self.said += 1;
        let text = Text::parse(words(self.said)).map_err(|error| error.sentence().to_owned())?;
        self.tell(line, Input::Command(Command::Say { to, text, id: self.said as u64, cid: None }))
    }

    fn tell(&mut self, line: &mut Line, input: Input<'_>) -> Result<(), String> {
        self.client.handle(self.now(), input);
        let mut frames = Vec::new();
        let mut next = None;
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Frame(frame) => {
                    note_login(&frame);
                    frames.push(frame);
                }
                Output::Event(event) => next = self.show(event)?.or(next),
                Output::Close => self.is_lost = true,
            }
        }
        line.say(&frames);
        match next {
            Some(command) => self.tell(line, Input::Command(command)),
            None => Ok(()),
        }
    }

    /// Tells what happened. What it wants next is returned.
    fn show(&self, event: Event) -> Result<Option<Command>, String> {
        match event {
            Event::Registered => {
                let (name, password) = credentials()?;
                return Ok(Some(Command::Login(name, password)));
            }
            Event::LoggedIn { .. } => {
                return RoomName::parse(ROOM)
                    .map(|room| Some(Command::Enter(room)))
                    .map_err(|error| error.sentence().to_owned());
            }
            Event::Entered { .. } => println!("entered"),
            Event::Returned { room, .. } => println!("back in {}", room.as_deref().unwrap_or("the lobby")),
            Event::Disconnected(End::Silent) => println!("lost"),
            Event::Message { from, text, .. } => println!("{SHOWN}{from}: {text}"),
            Event::Past { messages, is_anew, .. } => {
                if is_anew {
                    return Err("begins anew, and what it showed was right".into());
                }
                for past in &messages {
                    println!("{SHOWN}{}: {}", past.from, past.text.as_deref().unwrap_or_default());
                }
            }
            Event::Refused { request, message, .. } => {
                return Err(format!("was refused a {request}: {message}"));
            }
            Event::Acknowledged { .. } => return Err("was told of a place that it does not show".into()),
            Event::Unanswered { request, .. } => return Err(format!("got no answer to a {request}")),
            Event::Notice { message, .. } => return Err(format!("was told {message}")),
            Event::Disconnected(End::ServerFault(fault)) => {
                return Err(format!("accuses the server: {fault}"));
            }
            Event::Connected
            | Event::Disconnected(End::Closed)
            | Event::Greeted(_)
            | Event::Session { .. }
            | Event::LoggedOut
            | Event::Rooms(_)
            | Event::Members(_)
            | Event::Created { .. }
            | Event::Left { .. }
            | Event::Crowds(_)
            | Event::Places(_)
            | Event::Friends(_)
            | Event::Presence(_)
            | Event::Logins(_) => {}
        }
        Ok(None)
    }

    fn now(&self) -> chatroom_core::Instant {
        chatroom_core::Instant::from_start(self.start.elapsed())
    }
}

fn note_login(frame: &Frame) {
    let json = &frame[PREFIX_BYTES..];
    if json.starts_with(br#"{"type":"login""#) {
        println!("logs in");
    } else if json.starts_with(br#"{"type":"resume""#) {
        println!("comes by token");
    }
}

fn credentials() -> Result<(UserName, Password), String> {
    let name = UserName::parse(NAME).map_err(|error| error.sentence().to_owned())?;
    let password = Password::parse(PASSWORD.to_owned().into()).map_err(|_| "no password".to_owned())?;
    Ok((name, password))
}

fn wall() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Between two messages.
const PAUSE: Duration = Duration::from_millis(200);
/// Between two attempts to connect.
const RETRY: Duration = Duration::from_millis(100);
