//! Clients, connections and a hub, all of them real, in one thread: random conversations in which nobody may accuse
//! the other side of breaking the protocol, and after which everybody sees the same.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chatroom_core::Instant;
use chatroom_core::client::{self, Client, Event};
use chatroom_core::frame::{Frame, PREFIX_BYTES};
use chatroom_core::hub::{Command, ConnId, Deliveries, Hub, Mail, Mailbox, Reply};
use chatroom_core::limits::Limits;
use chatroom_core::message::hello::Registration;
use chatroom_core::message::logins::Login;
use chatroom_core::name::{Account, KeyFn, LOBBY, NameKey, RoomName};
use chatroom_core::phase::Phase;
use chatroom_core::secret::Token;
use chatroom_core::server::{Answer, Conn, Grant, GrantId, Input, Output, Question, Refusal, Rules, Ticket};

use crate::words::command;
use crate::{accuses, look_of, seen};

/// Connections at a time.
pub const LINES: usize = 3;

/// What happens next, on one of the lines.
#[derive(Clone, Debug)]
pub enum Step {
    /// A person wants this; in [`words`](crate::words).
    Want(String),
    /// So many bytes travel each way.
    Travel(usize, usize),
    /// The server looks at what waits for this connection.
    Attend,
    /// The client goes away, and comes back.
    HangUp,
    /// So many milliseconds pass.
    Wait(u64),
}

/// Lets people on [`LINES`] lines talk to one server, then lets everything arrive that is on its way.
///
/// Three accounts exist from the start, or few would get far. Who is patient waits for each answer before wanting the
/// next thing. All steps together must take less time than a frame may.
///
/// # Panics
/// Where a client and the server accuse each other of breaking the protocol, or in the end do not agree on who is where.
pub fn check(key_of: KeyFn, is_patient: bool, steps: &[(usize, Step)]) {
    let mut world = World::new(key_of, is_patient);
    for (index, user) in ["ann", "Bob", "eve"].into_iter().enumerate() {
        world.run(index, &Step::Want(format!("register {user} 1234")));
    }
    world.settle();
    for (index, step) in steps {
        world.run(*index, step);
    }
    world.settle();
    world.check();
}

/// A client, the server's side of it, and what is on its way between them.
struct Line {
    client: Client,
    conn: Conn,
    id: ConnId,
    mailbox: Mailbox,
    asked: Option<(Ticket, Question)>,
    up: VecDeque<u8>,
    down: VecDeque<u8>,
    is_finished: bool,
    /// Words of the server for what a well-behaved client does not do.
    accusations: Vec<String>,
    /// What the person sees: who is where, as of the last list.
    page: Option<String>,
}

struct World {
    now: Instant,
    rules: Arc<Rules>,
    hub: Hub,
    lines: Vec<Line>,
    accounts: BTreeMap<String, (Account, String)>,
    /// Logins that last, and how many there have ever been.
    logins: Vec<(NameKey, GrantId)>,
    logins_begun: i64,
    deliveries: Deliveries,
    /// People wait for each answer before they want the next thing.
    is_patient: bool,
}

impl World {
    fn new(key_of: KeyFn, is_patient: bool) -> Self {
        let now = Instant::default();
        // Who moves about too fast is answered later, by a clock that nobody looks at here.
        let limits = Limits { message_burst: 5, list_burst: 4, move_rate: 0, ..Limits::default() };
        let rules = Arc::new(Rules {
            limits: limits.clone(),
            registration: Registration::Open,
            history: false,
            key_of,
            look_of,
        });
        let hub = Hub::new(now, limits, key_of, look_of, &[RoomName::parse("example").unwrap()]);
        let mut world = Self {
            now,
            rules,
            hub,
            lines: vec![],
            accounts: BTreeMap::new(),
            logins: vec![],
            logins_begun: 0,
            deliveries: vec![],
            is_patient,
        };
        for _ in 0..LINES {
            let line = world.connect();
            world.lines.push(line);
        }
        world
    }

    fn connect(&mut self) -> Line {
        let id = self.hub.connect(&mut self.deliveries).unwrap();
        let mut line = Line {
            client: Client::new(),
            conn: Conn::new(self.now, Arc::clone(&self.rules)),
            id,
            mailbox: Mailbox::new(self.rules.limits.outbox_bytes_max),
            asked: None,
            up: VecDeque::new(),
            down: VecDeque::new(),
            is_finished: false,
            accusations: vec![],
            page: None,
        };
        line.conn.handle(self.now, Input::Secured);
        line.tell(self.now, client::Input::Connected);
        line
    }

    fn run(&mut self, index: usize, step: &Step) {
        let now = self.now;
        match step {
            Step::Want(words) => {
                let line = &mut self.lines[index];
                if !self.is_patient || !line.client.is_waiting() {
                    let here = line.client.room().unwrap_or(LOBBY);
                    let command =
                        command(words, here, 0).unwrap_or_else(|| panic!("nobody can want: {words}"));
                    line.tell(now, client::Input::Command(command));
                }
            }
            Step::Travel(up, down) => {
                self.travel(index, *up, *down);
            }
            Step::Attend => {
                self.attend(index);
            }
            Step::HangUp => self.reconnect(index),
            Step::Wait(milliseconds) => self.now = now + Duration::from_millis(*milliseconds),
        }
        self.deliver();
        if self.lines[index].is_finished && self.lines[index].down.is_empty() {
            self.reconnect(index);
        }
    }

    /// Moves bytes. Whether there were any.
    fn travel(&mut self, index: usize, up: usize, down: usize) -> bool {
        let line = &mut self.lines[index];
        let down: Vec<u8> = line.down.drain(..down.min(line.down.len())).collect();
        line.tell(self.now, client::Input::Bytes(&down));
        let up: Vec<u8> = line.up.drain(..up.min(line.up.len())).collect();
        let pending = line.down.len();
        self.handle(index, Input::Bytes(&up));
        self.handle(index, Input::Sent { taken: down.len(), pending });
        !up.is_empty() || !down.is_empty()
    }

    /// Answers an open question, or hands over one piece of mail. Whether there was any.
    fn attend(&mut self, index: usize) -> bool {
        let line = &mut self.lines[index];
        if let Some((ticket, question)) = line.asked.take() {
            let answer = self.answer(question);
            self.handle(index, Input::Answer(ticket, answer));
            return true;
        }
        let Some(mail) = line.mailbox.pop() else { return false };
        self.handle(index, Input::Mail(mail));
        true
    }

    fn answer(&mut self, question: Question) -> Answer {
        match question {
            Question::Register { account, password, .. } => {
                let key = account.key.as_str().to_owned();
                if self.accounts.contains_key(&key) {
                    return Answer::Refused(Refusal::NameTaken);
                }
                self.accounts.insert(key, (account.clone(), password.expose().to_owned()));
                Answer::Registered(account)
            }
            Question::Verify { account, password, lasts, client: _ } => {
                match self.accounts.get(account.key.as_str()) {
                    Some((found, secret)) if secret == password.expose() => {
                        assert!(lasts, "a client of this project asks for that");
                        let token = Token::new(format!("token of {}", account.key.as_str()).into());
                        self.logins_begun += 1;
                        let id = GrantId(self.logins_begun);
                        self.logins.push((account.key, id));
                        Answer::Granted(found.clone(), Grant { id, token, expires_ms: 1 })
                    }
                    Some(_) | None => Answer::Refused(Refusal::AuthFailed),
                }
            }
            Question::Resume { .. } => panic!("each connection has a client of its own, which has no token"),
            Question::History(_) => panic!("a client of this project does not ask for that"),
            Question::Logins { account, own, end } => {
                assert!(end.is_none() || own != end, "one's own login ends by logging out");
                let before = self.logins.len();
                self.logins.retain(|(user, id)| *user != account.key || Some(*id) != end);
                if end.is_some() && self.logins.len() == before {
                    return Answer::Refused(Refusal::NoSuchLogin);
                }
                let mine = self.logins.iter().filter(|(user, _)| *user == account.key);
                Answer::Logins(mine.map(|(_, id)| login(*id, own)).collect())
            }
            // A name that is reserved, which clients know nothing of.
            Question::Decoy => Answer::Refused(Refusal::AuthFailed),
        }
    }

    fn handle(&mut self, index: usize, input: Input<'_>) {
        let line = &mut self.lines[index];
        line.conn.handle(self.now, input);
        while let Some(output) = line.conn.poll_output() {
            match output {
                Output::Frame(frame) => line.send(&frame),
                Output::Ask(ticket, question) => line.asked = Some((ticket, question)),
                Output::Hub(command) => self.hub.apply(self.now, line.id, command, &mut self.deliveries),
                Output::End(ended) => self.logins.retain(|(_, id)| *id != ended),
                Output::Finish => {
                    line.is_finished = true;
                    self.hub.disconnect(self.now, line.id);
                }
                Output::Close(end) => panic!("{end:?}, and nobody had hung up"),
            }
        }
    }

    /// Puts mail into mailboxes, and sends the lists that are due.
    fn deliver(&mut self) {
        loop {
            for (to, mail) in self.deliveries.drain(..) {
                if let Some(line) = self.lines.iter_mut().find(|line| line.id == to) {
                    line.mailbox.push(mail);
                }
            }
            let Some(bulletin) = self.hub.poll_bulletin(self.now) else { return };
            let print = bulletin.encode(self.rules.limits.list_bytes_max);
            self.hub.publish(self.now, print, &mut self.deliveries);
        }
    }

    /// The client of a line is gone, and another sits down in its place.
    fn reconnect(&mut self, index: usize) {
        let now = self.now;
        self.lines[index].tell(now, client::Input::Closed);
        self.lines[index].check_accusations(self.is_patient);
        self.hub.disconnect(now, self.lines[index].id);
        self.lines[index] = self.connect();
    }

    /// Lets everything happen that is on its way, and every list come that is due.
    fn settle(&mut self) {
        loop {
            let mut is_news = false;
            for index in 0..LINES {
                is_news |= self.travel(index, usize::MAX, usize::MAX);
                is_news |= self.attend(index);
                self.deliver();
                if self.lines[index].is_finished && self.lines[index].down.is_empty() {
                    self.reconnect(index);
                }
            }
            if !is_news {
                let waiting = self.lines.iter().filter(|line| line.client.is_waiting());
                let held = waiting.filter_map(|line| line.client.deadline()).min();
                let Some(at) = self.hub.deadline().into_iter().chain(held).min() else { return };
                // What came too soon waits less than a second, and who waits for an answer half a minute.
                assert!(at < self.now + Duration::from_secs(10), "every request was answered");
                self.now = at.max(self.now);
                self.remind();
                self.deliver();
            }
        }
    }

    /// Tells the clients whose moment has come.
    fn remind(&mut self) {
        for line in &mut self.lines {
            if line.client.deadline().is_some_and(|at| at <= self.now) {
                line.tell(self.now, client::Input::Timeout);
            }
        }
    }

    fn check(&mut self) {
        for index in 0..LINES {
            let mut deliveries = vec![];
            self.hub.apply(self.now, self.lines[index].id, Command::List, &mut deliveries);
            let truth = deliveries.iter().find_map(|(_, mail)| match mail {
                Mail::Reply(Reply::Listed(list)) => Some(seen(list)),
                _ => None,
            });
            let line = &self.lines[index];
            line.check_accusations(self.is_patient);
            assert_eq!(line.client.phase(), line.conn.phase());
            assert!(!line.client.is_waiting(), "every request was answered");
            assert_eq!(line.client.phase() == Some(Phase::Auth), truth.is_none());
            assert_eq!(line.page, truth, "what the person sees is what is there");
        }
    }
}

impl Line {
    fn tell(&mut self, now: Instant, input: client::Input<'_>) {
        self.client.handle(now, input);
        while let Some(output) = self.client.poll_output() {
            match output {
                client::Output::Frame(frame) => self.up.extend(frame.iter()),
                client::Output::Event(event) => self.show(event),
                client::Output::Close => panic!("the client accuses the server"),
            }
        }
    }

    fn show(&mut self, event: Event) {
        let room = |room: &client::Room| format!("{}={}", room.name, room.members.join("+"));
        match event {
            Event::Rooms(rooms) => {
                assert_eq!(self.client.phase(), Some(Phase::Lobby), "a list of rooms where it belongs");
                self.page = Some(rooms.iter().map(room).collect::<Vec<_>>().join(" "));
            }
            Event::Members(members) => {
                assert_eq!(self.client.room(), Some(&*members.name), "a list of members where it belongs");
                self.page = Some(room(&members));
            }
            Event::Message { from, is_own, private_with, .. } => {
                assert_eq!(self.client.phase(), Some(Phase::Chat), "a message where it belongs");
                assert_eq!(is_own, self.client.username() == Some(&*from));
                assert!(is_own || private_with.is_none_or(|peer| peer == from));
            }
            Event::Past { .. } | Event::Acknowledged { .. } => panic!("nothing is kept here"),
            Event::Crowds(_) | Event::Places(_) | Event::Friends(_) | Event::Presence(_) => {
                panic!("nobody is in many rooms")
            }
            Event::Logins(logins) => {
                let own = logins.iter().filter(|login| login.is_own).count();
                assert!(own <= 1, "somebody has come by one login");
                assert!(self.client.username().is_some(), "logins are told to who is logged in");
            }
            Event::LoggedOut | Event::Connected => self.page = None,
            Event::Disconnected(_)
            | Event::Greeted(_)
            | Event::Registered
            | Event::LoggedIn { .. }
            | Event::Session { .. }
            | Event::Created { .. }
            | Event::Entered { .. }
            | Event::Left { .. }
            | Event::Refused { .. }
            | Event::Returned { .. }
            | Event::Unanswered { .. }
            | Event::Notice { .. } => {}
        }
    }

    fn send(&mut self, frame: &Frame) {
        self.down.extend(frame.iter());
        let json = String::from_utf8(frame[PREFIX_BYTES..].to_vec()).unwrap();
        if accuses(&json) {
            self.accusations.push(json);
        }
    }

    /// Somebody who does not wait may want what the next room or the lobby does not have. Nothing else may happen.
    fn check_accusations(&self, is_patient: bool) {
        let is_serious = |json: &&String| is_patient || !json.contains("wrong_state");
        assert_eq!(self.accusations.iter().find(is_serious), None);
    }
}

fn login(id: GrantId, own: Option<GrantId>) -> Login {
    Login { id, client: None, begun_ms: None, used_ms: None, ends_ms: 1, is_own: own == Some(id) }
}
