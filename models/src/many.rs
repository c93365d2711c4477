//! Clients that take part in many rooms, connections, a hub and a disk, all of them real but the disk: random conversations in
//! which connections, programs and servers are lost, and after which everybody has all of each conversation, once and in the
//! server's order.

mod disk;
mod screen;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chatroom_core::Instant;
use chatroom_core::client::{self, Client, Command, Conversation};
use chatroom_core::frame::{Frame, PREFIX_BYTES};
use chatroom_core::hub::{Append, ConnId, Deliveries, Hub, Mailbox};
use chatroom_core::limits::Limits;
use chatroom_core::message::hello::Registration;
use chatroom_core::name::{Account, RoomName};
use chatroom_core::phase::Phase;
use chatroom_core::secret::{Password, Token};
use chatroom_core::server::{Answer, Conn, Grant, GrantId, Input, Output, Question, Refusal, Rules, Ticket};

use crate::{accuses, key_of, look_of, user_name};
use disk::Disk;
use screen::Screen;

/// Who sits where: one of them has two devices.
pub const SEATS: [&str; 4] = ["ann", "ann", "Bob", "eve"];
/// Where something can be said.
pub const PLACES: [&str; 6] = ["example", "den", "Nook", "@ann", "@bob", "@Eve"];
/// So many of these are rooms.
pub const ROOMS: usize = 3;

/// What happens next, at one of the seats or to all of them.
#[derive(Clone, Debug)]
pub enum Step {
    /// A person says something in that place.
    Say(usize, usize),
    /// A person takes part in that room.
    Enter(usize, usize),
    /// A person takes part in it no more.
    Exit(usize, usize),
    /// A person looks at that place.
    Look(usize, usize),
    /// A person has seen all that is shown there.
    Read(usize, usize),
    /// A person wants to see what is older there.
    Older(usize, usize),
    /// So many bytes travel each way.
    Travel(usize, usize, usize),
    /// The server looks at what waits for this connection.
    Attend(usize),
    /// The connection is lost, with all that is on its way.
    Cut(usize),
    /// There is one again.
    Connect(usize),
    /// A program ends, and goes on where it was.
    StartAgain(usize),
    /// The disk does all that it has to do, or fails.
    Write(bool),
    /// The server is gone, and another one starts with what the disk has.
    Restart,
    /// So many milliseconds pass.
    Wait(u64),
}

/// Lets people talk, then lets everything arrive that is on its way.
///
/// # Panics
/// Where somebody is shown something twice, out of order or with a hole, is not told what became of a message, or does not
/// have in the end what the server has.
pub fn check(steps: &[Step]) {
    let mut world = World::new();
    for step in steps {
        world.run(step);
        world.deliver();
    }
    world.settle();
    world.check();
}

struct World {
    now: Instant,
    rules: Arc<Rules>,
    hub: Hub,
    disk: Disk,
    seats: Vec<Seat>,
    deliveries: Deliveries,
    /// Numbers what is said, and programs.
    count: u64,
}

/// A program, its person, and its connection if there is one.
struct Seat {
    user: &'static str,
    client: Client,
    screen: Screen,
    line: Option<Line>,
}

/// The server's side of a connection, and what is on its way.
struct Line {
    conn: Conn,
    id: ConnId,
    mailbox: Mailbox,
    asked: Option<(Ticket, Question)>,
    up: VecDeque<u8>,
    down: VecDeque<u8>,
    is_finished: bool,
}

impl World {
    fn new() -> Self {
        let now = Instant::default();
        // Pages and messages are short enough of time for some to be refused for now. What is moved too fast is answered
        // later, by a clock that nobody looks at here.
        let limits = Limits {
            message_burst: 5,
            history_burst: 3,
            list_burst: 3,
            move_rate: 0,
            refusals_max: 0,
            account_devices_max: 8,
            ..Limits::default()
        };
        let rules =
            Arc::new(Rules { limits, registration: Registration::Open, history: true, key_of, look_of });
        let disk = Disk::default();
        let hub = hub(now, &rules, &disk);
        let mut world = Self { now, rules, hub, disk, seats: vec![], deliveries: vec![], count: 0 };
        for user in SEATS {
            let client = Client::that_keeps(world.nonce());
            world.seats.push(Seat { user, client, screen: Screen::default(), line: None });
            let seat = world.seats.len() - 1;
            world.connect(seat);
            world.want(seat, Command::Login(user_name(user), password()));
            world.settle();
            // Everybody is in the first of them, or few would have anything to say.
            if seat != 1 {
                world.want(seat, Command::Enter(room(0)));
            }
        }
        for name in 1..ROOMS {
            world.want(0, Command::Create(room(name)));
        }
        world.settle();
        world
    }

    fn nonce(&mut self) -> [u8; 12] {
        self.count += 1;
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&self.count.to_be_bytes());
        nonce
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Say(seat, place) => {
                self.count += 1;
                let say = self.seats[seat].screen.say(self.count, conversation(place));
                self.want(seat, say);
            }
            Step::Enter(seat, name) => self.want(seat, Command::Enter(room(name))),
            Step::Exit(seat, name) => self.want(seat, Command::Exit(room(name))),
            Step::Look(seat, place) => self.want(seat, Command::Look(conversation(place))),
            Step::Read(seat, place) => {
                let of = conversation(place);
                let last = self.seats[seat].screen.last(&of);
                self.want(seat, Command::Read(of, last));
            }
            Step::Older(seat, place) => self.want(seat, Command::older(conversation(place))),
            Step::Travel(seat, up, down) => {
                self.travel(seat, up, down);
            }
            Step::Attend(seat) => {
                self.attend(seat);
            }
            Step::Cut(seat) => self.cut(seat),
            Step::Connect(seat) => self.connect(seat),
            Step::StartAgain(seat) => {
                self.cut(seat);
                let nonce = self.nonce();
                let seat = &mut self.seats[seat];
                if let Some(kept) = seat.screen.kept() {
                    seat.client = Client::that_goes_on(nonce, kept);
                }
            }
            Step::Write(is_durable) => {
                self.write(is_durable);
            }
            Step::Restart => {
                (0..self.seats.len()).for_each(|seat| self.cut(seat));
                self.deliveries.clear();
                self.hub = hub(self.now, &self.rules, &self.disk);
            }
            Step::Wait(milliseconds) => {
                self.now = self.now + Duration::from_millis(milliseconds);
                self.remind();
            }
        }
    }

    fn connect(&mut self, seat: usize) {
        if self.seats[seat].line.is_some() {
            return;
        }
        let id = self.hub.connect(&mut self.deliveries).unwrap();
        let mut conn = Conn::new(self.now, Arc::clone(&self.rules));
        conn.handle(self.now, Input::Secured);
        self.seats[seat].line = Some(Line {
            conn,
            id,
            mailbox: Mailbox::new(self.rules.limits.outbox_bytes_max),
            asked: None,
            up: VecDeque::new(),
            down: VecDeque::new(),
            is_finished: false,
        });
        self.tell(seat, client::Input::Connected);
    }

    fn cut(&mut self, seat: usize) {
        if let Some(line) = self.seats[seat].line.take() {
            self.hub.disconnect(self.now, line.id);
            self.tell(seat, client::Input::Closed);
        }
    }

    fn want(&mut self, seat: usize, command: Command) {
        self.tell(seat, client::Input::Command(command));
    }

    fn tell(&mut self, seat: usize, input: client::Input<'_>) {
        let seat = &mut self.seats[seat];
        seat.client.handle(self.now, input);
        while let Some(output) = seat.client.poll_output() {
            match output {
                client::Output::Frame(frame) => {
                    let line = seat.line.as_mut().expect("nothing is sent without a connection");
                    line.up.extend(frame.iter());
                }
                client::Output::Event(event) => seat.screen.see(event),
                client::Output::Close => panic!("the client accuses the server"),
            }
        }
    }

    /// Moves bytes. Whether there were any.
    fn travel(&mut self, seat: usize, up: usize, down: usize) -> bool {
        let Some(line) = &mut self.seats[seat].line else { return false };
        let down: Vec<u8> = line.down.drain(..down.min(line.down.len())).collect();
        let up: Vec<u8> = line.up.drain(..up.min(line.up.len())).collect();
        let pending = line.down.len();
        self.tell(seat, client::Input::Bytes(&down));
        self.handle(seat, Input::Bytes(&up));
        self.handle(seat, Input::Sent { taken: down.len(), pending });
        !up.is_empty() || !down.is_empty()
    }

    /// Answers an open question, or hands over one piece of mail. Whether there was any.
    fn attend(&mut self, seat: usize) -> bool {
        let Some(line) = &mut self.seats[seat].line else { return false };
        if let Some((ticket, question)) = line.asked.take() {
            let answer = self.answer(question);
            self.handle(seat, Input::Answer(ticket, answer));
            return true;
        }
        let Some(mail) = line.mailbox.pop() else { return false };
        self.handle(seat, Input::Mail(mail));
        true
    }

    fn answer(&self, question: Question) -> Answer {
        let granted = |account: Account| {
            let token = Token::new(account.name.as_str().to_owned().into());
            Answer::Granted(account, Grant { id: GrantId(1), token, expires_ms: 1 })
        };
        match question {
            Question::Verify { account, .. } => granted(account),
            Question::Resume { token } => granted(Account::new(key_of, user_name(token.expose())).unwrap()),
            Question::Logins { .. } => panic!("nobody asks where they are logged in"),
            Question::History(recall) => Answer::Told(self.disk.page(&recall)),
            Question::Register { .. } | Question::Decoy => Answer::Refused(Refusal::AuthFailed),
        }
    }

    fn handle(&mut self, seat: usize, input: Input<'_>) {
        let Some(line) = &mut self.seats[seat].line else { return };
        line.conn.handle(self.now, input);
        while let Some(output) = line.conn.poll_output() {
            match output {
                Output::Frame(frame) => line.send(&frame),
                Output::Ask(ticket, question) => line.asked = Some((ticket, question)),
                Output::Hub(command) => self.hub.apply(self.now, line.id, command, &mut self.deliveries),
                Output::End(_) => {}
                Output::Finish => line.is_finished = true,
                Output::Close(end) => panic!("{end:?}, and nobody had hung up"),
            }
        }
    }

    /// Puts mail into mailboxes, and sends the lists that are due.
    fn deliver(&mut self) {
        loop {
            for (to, mail) in self.deliveries.drain(..) {
                let mut lines = self.seats.iter_mut().filter_map(|seat| seat.line.as_mut());
                if let Some(line) = lines.find(|line| line.id == to) {
                    line.mailbox.push(mail);
                }
            }
            let Some(bulletin) = self.hub.poll_bulletin(self.now) else { return };
            let print = bulletin.encode(self.rules.limits.list_bytes_max);
            self.hub.publish(self.now, print, &mut self.deliveries);
        }
    }

    /// Whether the disk had anything to do.
    fn write(&mut self, is_durable: bool) -> bool {
        let mut group: Vec<Append> = vec![];
        self.hub.take_appends(usize::MAX, &mut group);
        let has_work = !group.is_empty();
        let disk = &mut self.disk;
        let settled = group.into_iter().map(|append| {
            let outcome = disk.write(append.entry(), is_durable);
            append.settle(outcome)
        });
        let settled = settled.collect();
        self.hub.settle(self.now, settled, &mut self.deliveries);
        has_work
    }

    /// Tells whoever waits for this moment.
    fn remind(&mut self) {
        for seat in 0..self.seats.len() {
            if self.seats[seat].client.deadline().is_some_and(|at| at <= self.now) {
                self.tell(seat, client::Input::Timeout);
            }
            let at = self.seats[seat].line.as_ref().and_then(|line| line.conn.deadline());
            if at.is_some_and(|at| at <= self.now) {
                self.handle(seat, Input::Timeout);
            }
        }
    }

    /// Lets everything happen that is on its way, and every list come that is due, with everybody connected.
    fn settle(&mut self) {
        for rounds in 0.. {
            assert!(rounds < 10_000, "it comes to rest");
            let mut is_news = self.write(true);
            self.deliver();
            for seat in 0..self.seats.len() {
                self.connect(seat);
                is_news |= self.travel(seat, usize::MAX, usize::MAX);
                is_news |= self.attend(seat);
                self.deliver();
            }
            if !is_news {
                let waiting = self.seats.iter().filter(|seat| seat.client.is_waiting());
                let held = waiting.filter_map(|seat| seat.client.deadline()).min();
                let Some(at) = self.hub.deadline().into_iter().chain(held).min() else { return };
                // What came too soon waits less than a second, and who waits for an answer half a minute.
                assert!(at < self.now + Duration::from_secs(10), "every request was answered");
                self.now = at.max(self.now);
                self.remind();
                self.deliver();
            }
        }
    }

    fn check(&mut self) {
        for seat in 0..self.seats.len() {
            self.want(seat, Command::List);
            let Seat { user, client, screen, .. } = &self.seats[seat];
            assert_eq!((client.phase(), client.unsaid()), (Some(Phase::Hall), 0));
            screen.check_places(&self.disk.places_of(user));
            screen.check_shown(|of| self.disk.texts(user, of));
        }
        let said: BTreeMap<u64, _> = self.seats.iter().flat_map(|seat| seat.screen.outcomes()).collect();
        self.disk.check_said(&said);
    }
}

impl Line {
    fn send(&mut self, frame: &Frame) {
        self.down.extend(frame.iter());
        let json = String::from_utf8(frame[PREFIX_BYTES..].to_vec()).unwrap();
        assert!(!accuses(&json), "the server accuses the client: {json}");
        assert!(!self.is_finished, "nobody is sent away: {json}");
    }
}

fn hub(now: Instant, rules: &Rules, disk: &Disk) -> Hub {
    Hub::new(now, rules.limits.clone(), key_of, look_of, &[room(0)]).with_history(now, disk.memory())
}

fn password() -> Password {
    Password::parse(String::from("1234").into()).unwrap()
}

fn room(index: usize) -> RoomName {
    RoomName::parse(PLACES[index]).unwrap()
}

fn conversation(index: usize) -> Conversation {
    match PLACES[index].strip_prefix('@') {
        Some(peer) => Conversation::Peer(user_name(peer)),
        None => Conversation::Room(room(index)),
    }
}
