//! Somebody with today's client, on a connection that breaks: in all rooms at once, or, one in three, in one at a time.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use chatroom_core::client::{Client, Command, Conversation, Event, Input, Output, Past};
use chatroom_core::message::push::Posted;
use chatroom_core::message::{Kind, Text};
use chatroom_core::name::{RoomName, UserName};
use chatroom_core::phase::Phase;
use chatroom_core::secret::Password;
use fastrand::Rng;
use smol::Timer;

use super::record::{Line as Words, Place};
use super::{PATIENCE, Town};
use crate::chaos::line::Line;
use crate::check::PASSWORD;

/// See the module.
pub(super) struct Newcomer {
    town: Rc<Town>,
    name: UserName,
    rng: Rng,
    client: Client,
    start: Instant,
    is_registered: bool,
    /// The numbers of the first and the last message that is shown, by conversation.
    screens: BTreeMap<Conversation, (u64, u64)>,
    /// What was said and not answered, and is to be there in the end.
    open: BTreeMap<u64, Words>,
    said: u64,
    act_at: Instant,
    returns: u64,
    over_at: Option<Instant>,
}

impl Newcomer {
    pub(super) fn new(town: Rc<Town>, number: usize, mut rng: Rng) -> Self {
        let name = UserName::parse(&town.people[number]).expect("a newcomer's name is one");
        let mut nonce = [0; 12];
        rng.fill(&mut nonce);
        let client = Client::that_keeps(nonce);
        Self {
            town,
            name,
            rng,
            client: if number.is_multiple_of(3) { client.of_one_room() } else { client },
            start: Instant::now(),
            is_registered: false,
            screens: BTreeMap::new(),
            open: BTreeMap::new(),
            said: 0,
            act_at: Instant::now(),
            returns: 0,
            over_at: None,
        }
    }

    /// Does what they like until it is over and all is on the screen. How often they came back.
    pub(super) async fn live(mut self) -> u64 {
        loop {
            match Line::open(self.town.address, &self.town.tls).await {
                Ok(line) => {
                    if self.stay(line).await {
                        return self.returns;
                    }
                    self.returns += 1;
                }
                Err(_) => _ = Timer::after(Duration::from_millis(100)).await,
            }
        }
    }

    /// On one connection until it breaks. Whether it is all over.
    async fn stay(&mut self, mut line: Line) -> bool {
        let mut is_kept = self.tell(&mut line, Input::Connected);
        if !self.is_registered {
            self.is_registered = true;
            let register = Command::Register(self.name.clone(), password(), None);
            is_kept &= self.tell(&mut line, Input::Command(register));
        }
        while is_kept {
            if self.is_done() {
                line.close().await;
                return true;
            }
            if !self.act(&mut line) {
                break;
            }
            let waited = line.wait(Instant::now() + Duration::from_millis(20)).await;
            let plain = line.take_plain();
            is_kept = self.tell(&mut line, Input::Bytes(&plain));
            if self.client.deadline().is_some_and(|at| at <= self.now()) {
                is_kept &= self.tell(&mut line, Input::Timeout);
            }
            is_kept &= waited.is_ok();
        }
        self.tell(&mut line, Input::Closed);
        false
    }

    /// Nobody says anything any more, and all that was said is on the screen. Who waits too long for that says so.
    fn is_done(&mut self) -> bool {
        let record = self.town.record.borrow();
        if !record.is_closed() {
            return false;
        }
        let behind: Vec<String> = self
            .screens
            .iter()
            .filter(|(of, _)| matches!(of, Conversation::Room(_)))
            .map(|(of, (_, last))| (of, *last, record.last(&Place::of(of, self.name.as_str()))))
            .filter(|(_, shown, last)| shown < last)
            .map(|(of, shown, last)| format!("{}: {shown} of {last}", of.name()))
            .collect();
        drop(record);
        let over_at = *self.over_at.get_or_insert_with(Instant::now);
        if behind.is_empty() && self.open.is_empty() && over_at.elapsed() > SETTLE {
            return true;
        }
        if over_at.elapsed() > PATIENCE {
            let open: Vec<&Words> = self.open.values().collect();
            self.accuse(&format!("is behind in the end: {behind:?}, and waits for {open:?}"));
            return true;
        }
        false
    }

    /// Does the next thing, if it is time. Whether the connection holds.
    fn act(&mut self, line: &mut Line) -> bool {
        let is_at_home = matches!(self.client.phase(), Some(Phase::Hall | Phase::Chat));
        if Instant::now() < self.act_at || self.town.is_over.get() || !is_at_home {
            return true;
        }
        self.act_at = Instant::now() + Duration::from_millis(self.rng.u64(20..400));
        match self.rng.u8(..60) {
            0 => return false,
            1 if self.client.phase() == Some(Phase::Chat) => {
                if let Some(room) = self.client.room().and_then(|room| RoomName::parse(room).ok()) {
                    self.tell(line, Input::Command(Command::Exit(room)));
                }
            }
            1..4 if self.client.phase() == Some(Phase::Hall) => {
                let room = self.some_room();
                let is_in = self.screens.contains_key(&Conversation::Room(room.clone()));
                let wish = if is_in { Command::Exit(room) } else { Command::Enter(room) };
                self.tell(line, Input::Command(wish));
            }
            4..7 => {
                if let Some(of) = self.some_conversation() {
                    self.tell(line, Input::Command(Command::older(of)));
                }
            }
            7..15 if self.client.phase() == Some(Phase::Hall) => {
                let town = Rc::clone(&self.town);
                let peer = self.rng.choice(&town.people).expect("there are people");
                self.say(line, Conversation::Peer(UserName::parse(peer).expect("a person's name is one")));
            }
            _ => {
                if let Some(of) = self.some_conversation() {
                    self.say(line, of);
                }
            }
        }
        true
    }

    fn say(&mut self, line: &mut Line, to: Conversation) {
        self.said += 1;
        let words = format!("{} {}", self.name.as_str(), self.said);
        let text = Text::parse(words.clone()).expect("it is short");
        self.open.insert(self.said, (self.name.as_str().to_owned(), words));
        self.tell(line, Input::Command(Command::Say { to, text, id: self.said, cid: None }));
    }

    /// Tells the client something, and does what it wants. Whether the connection is to be kept.
    fn tell(&mut self, line: &mut Line, input: Input<'_>) -> bool {
        self.client.handle(self.now(), input);
        let (mut frames, mut wishes, mut is_kept) = (Vec::new(), Vec::new(), true);
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Frame(frame) => frames.push(frame),
                Output::Event(event) => wishes.extend(self.on_event(event)),
                Output::Close => is_kept = false,
            }
        }
        line.say(&frames);
        for wish in wishes {
            is_kept &= self.tell(line, Input::Command(wish));
        }
        is_kept
    }

    /// Sees what has happened. What they want next.
    fn on_event(&mut self, event: Event) -> Vec<Command> {
        match event {
            Event::Registered => return vec![Command::Login(self.name.clone(), password())],
            Event::LoggedIn { .. } if self.client.phase() == Some(Phase::Hall) => {
                return self.town.rooms.iter().cloned().map(Command::Enter).collect();
            }
            Event::LoggedIn { .. } => return vec![Command::Enter(self.some_room())],
            Event::Message { of, from, text, said, private_with, posted: Some(posted), .. } => {
                // Where one is in one room at a time, what is private is numbered by itself.
                let is_elsewhere = private_with.is_some() && matches!(of, Conversation::Room(_));
                if !is_elsewhere {
                    self.show(&of, posted, (from, text));
                }
                self.is_said(said);
            }
            Event::Past { of, messages, is_older, is_anew, .. } => {
                if is_anew {
                    self.accuse(&format!("begins anew in {}, and what it showed was right", of.name()));
                }
                match is_older {
                    true => self.show_older(&of, messages),
                    false => messages.into_iter().for_each(|past| self.show_past(&of, past)),
                }
            }
            Event::Left { room } => {
                self.screens.retain(|of, _| of.name() != room);
                if self.client.phase() == Some(Phase::Lobby) {
                    return vec![Command::Enter(self.some_room())];
                }
            }
            Event::Refused { request: Kind::Msg, said, code: Some(_), .. } => {
                // Whom it was for is not there.
                said.and_then(|said| self.open.remove(&said));
            }
            // What was for a room that was left meanwhile.
            Event::Refused { request: Kind::Msg, said: Some(said), code: None, .. } => {
                self.open.remove(&said);
            }
            Event::Refused { request: Kind::Enter | Kind::Exit, .. } => {}
            Event::Refused { request, message, .. } => {
                self.accuse(&format!("was refused a {request}: {message}"));
            }
            Event::Message { posted: None, .. } => self.accuse("was shown what is not kept"),
            Event::Acknowledged { .. } => self.accuse("was told of a place that it does not show"),
            Event::Unanswered { request, .. } => self.accuse(&format!("got no answer to a {request}")),
            Event::Notice { message, .. } => self.accuse(&format!("was told {message}")),
            Event::Disconnected(end) if end != chatroom_core::client::End::Closed => {
                self.accuse(&format!("gives its connection up: {end:?}"));
            }
            _ => {}
        }
        Vec::new()
    }

    /// A message comes after all that is shown of its conversation.
    fn show(&mut self, of: &Conversation, posted: Posted, words: Words) {
        let (_, last) = self.screens.entry(of.clone()).or_insert((posted.seq, posted.seq - 1));
        let expected = *last + 1;
        *last = posted.seq;
        if posted.seq != expected {
            self.accuse(&format!(
                "shows {words:?} as {} of {}, after {}",
                posted.seq,
                of.name(),
                expected - 1
            ));
        }
        let place = Place::of(of, self.name.as_str());
        self.town.record.borrow_mut().show(self.name.as_str(), &place, posted.seq, words);
    }

    fn show_past(&mut self, of: &Conversation, past: Past) {
        let Past { from, text, posted, said, .. } = past;
        self.show(of, posted, (from, text.unwrap_or_default()));
        self.is_said(said);
    }

    /// Messages come before all that is shown.
    fn show_older(&mut self, of: &Conversation, messages: Vec<Past>) {
        for past in messages.into_iter().rev() {
            let Some((first, _)) = self.screens.get_mut(of) else { return };
            let expected = *first - 1;
            *first = past.posted.seq;
            if past.posted.seq != expected {
                self.accuse(&format!("shows {} of {} before {}", past.posted.seq, of.name(), expected + 1));
            }
            let place = Place::of(of, self.name.as_str());
            let words = (past.from, past.text.unwrap_or_default());
            self.town.record.borrow_mut().show(self.name.as_str(), &place, past.posted.seq, words);
        }
    }

    fn is_said(&mut self, said: Option<u64>) {
        if let Some(words) = said.and_then(|said| self.open.remove(&said)) {
            self.town.record.borrow_mut().say(words);
        }
    }

    fn some_room(&mut self) -> RoomName {
        self.rng.choice(&self.town.rooms).expect("there are rooms").clone()
    }

    /// One that something is shown of.
    fn some_conversation(&mut self) -> Option<Conversation> {
        let known: Vec<Conversation> = self.screens.keys().cloned().collect();
        self.rng.choice(known)
    }

    fn accuse(&self, what: &str) {
        self.town.accuse(self.name.as_str(), what);
    }

    fn now(&self) -> chatroom_core::Instant {
        chatroom_core::Instant::from_start(self.start.elapsed())
    }
}

fn password() -> Password {
    Password::parse(PASSWORD.to_owned().into()).expect("a newcomer's password is one")
}

/// How long nobody has said anything when all is to be on the screens.
const SETTLE: Duration = Duration::from_secs(1);
