//! The hub against a model that is too simple to be wrong: lists of people and rooms, searched from end to end.
//!
//! Both are told the same random story. After every step they must agree on who got what, in which order, and in the
//! end on who is where; and every list that was pushed must be what the model sees at that moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chatroom_core::Instant;
use chatroom_core::frame::{Frame, PREFIX_BYTES};
use chatroom_core::hub::{Command, ConnId, Deliveries, Hub, Mail, Reply, Whisper};
use chatroom_core::limits::Limits;
use chatroom_core::message::Text;
use chatroom_core::message::hello::Caps;
use chatroom_core::name::{Account, NameKey, NameLook, RoomName};

use crate::{key_of, look_of, room_name, seen, user_name};

/// Who logs in.
pub const USERS: [&str; 4] = ["ann", "bob", "Eve", "joe"];
/// The rooms that are entered; some of them have to be made first.
pub const ROOMS: [&str; 5] = ["lobby", "example", "den", "Nook", "loft"];
/// Where connections sit: one more than there may be.
pub const SEATS: usize = 6;

fn limits() -> Limits {
    Limits {
        connections_max: 5,
        rooms_max: 4,
        room_idle_ms_min: 3_000,
        room_members_max: 2,
        rooms_created_per_hour_max: 0,
        message_rate: 0,
        ..Limits::default()
    }
}

/// What somebody does; connections are known by the seat they took, users and rooms by their index.
#[derive(Clone, Debug)]
pub enum Step {
    /// A connection takes a seat that is free.
    Connect(usize),
    /// It is gone.
    Disconnect(usize),
    /// It proves to be this user.
    Login(usize, usize),
    /// It is nobody again.
    Logout(usize),
    /// It asks who is where.
    List(usize),
    /// It makes a room.
    Create(usize, usize),
    /// It goes into a room.
    Enter(usize, usize),
    /// It goes back to the lobby.
    Exit(usize),
    /// It says something to everybody.
    Say(usize),
    /// It says something to this user.
    Whisper(usize, usize),
    /// So many milliseconds pass.
    Wait(u64),
}

/// Tells the hub and the model this story, from an empty house to an empty house.
///
/// # Panics
/// Where the two disagree.
pub fn check(steps: &[Step]) {
    let mut trial = Trial::new();
    for step in steps {
        trial.run(step);
    }
    trial.settle();
    trial.end();
}

// The model.

#[derive(Default)]
struct Model {
    now_ms: u64,
    /// Who is connected, in the order in which they came to be without a login, or logged in.
    people: Vec<Person>,
    rooms: Vec<Room>,
    /// What each seat heard in this step, in words.
    heard: Vec<(usize, String)>,
}

struct Person {
    seat: usize,
    is_dismissed: bool,
    user: Option<String>,
}

struct Room {
    name: String,
    is_permanent: bool,
    members: Vec<String>,
    empty_since_ms: u64,
}

fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

impl Model {
    fn new() -> Self {
        let room =
            |name: &str| Room { name: name.into(), is_permanent: true, members: vec![], empty_since_ms: 0 };
        Self { rooms: vec![room("lobby"), room("example")], ..Self::default() }
    }

    fn user(&self, seat: usize) -> Option<String> {
        self.people.iter().find(|person| person.seat == seat)?.user.clone()
    }

    fn seat_of(&self, user: &str) -> Option<usize> {
        let is_it = |person: &&Person| person.user.as_ref().is_some_and(|name| same(name, user));
        self.people.iter().find(is_it).map(|person| person.seat)
    }

    /// The room somebody is in, by its place in the list.
    fn room_of(&self, user: &str) -> usize {
        let is_in = |room: &Room| room.members.iter().any(|name| same(name, user));
        self.rooms.iter().position(is_in).expect("everybody is somewhere")
    }

    fn find_room(&self, name: &str) -> Option<usize> {
        self.rooms.iter().position(|room| same(&room.name, name))
    }

    fn tell(&mut self, seat: usize, words: impl Into<String>) {
        self.heard.push((seat, words.into()));
    }

    /// What somebody in that room sees there.
    fn view(&self, room: usize) -> String {
        let seen = if room == 0 { &self.rooms[..] } else { &self.rooms[room..=room] };
        let lines = seen.iter().map(|room| format!("{}={}", room.name, room.members.join("+")));
        lines.collect::<Vec<_>>().join(" ")
    }

    fn part(&mut self, user: &str) {
        let room = self.room_of(user);
        self.rooms[room].members.retain(|name| !same(name, user));
        self.rooms[room].empty_since_ms = self.now_ms;
    }

    /// Moves a person to the end of the line, without a login.
    fn unseat(&mut self, seat: usize) {
        if let Some(user) = self.user(seat) {
            self.part(&user);
            let index = self.people.iter().position(|person| person.seat == seat).expect("is there");
            let mut person = self.people.remove(index);
            person.user = None;
            self.people.push(person);
        }
    }

    fn connect(&mut self, seat: usize) -> bool {
        let limit = limits().connections_max;
        loop {
            let counted = self.people.iter().filter(|person| !person.is_dismissed).count();
            let is_visitor = |person: &&mut Person| person.user.is_none() && !person.is_dismissed;
            let mut visitors: Vec<&mut Person> = self.people.iter_mut().filter(is_visitor).collect();
            // The newcomer is to be one of at most half without a login, and of all there may be.
            if visitors.len() < limit / 2 && counted < limit {
                break;
            }
            let Some(oldest) = visitors.first_mut() else { return false };
            oldest.is_dismissed = true;
            let seat = oldest.seat;
            self.tell(seat, "farewell Crowded");
        }
        self.people.push(Person { seat, is_dismissed: false, user: None });
        true
    }

    fn disconnect(&mut self, seat: usize) {
        self.unseat(seat);
        self.people.retain(|person| person.seat != seat);
    }

    fn login(&mut self, seat: usize, user: &str) {
        let is_visitor = |person: &Person| person.seat == seat && person.user.is_none();
        if !self.people.iter().any(|person| is_visitor(person) && !person.is_dismissed) {
            return;
        }
        if let Some(older) = self.seat_of(user) {
            self.unseat(older);
            self.people.iter_mut().filter(|person| person.seat == older).for_each(|p| p.is_dismissed = true);
            self.tell(older, "farewell Replaced");
        }
        let person = self.people.iter_mut().find(|person| person.seat == seat).expect("is there");
        person.user = Some(user.into());
        self.rooms[0].members.push(user.into());
        self.tell(seat, format!("logged in {}", self.view(0)));
    }

    fn create(&mut self, name: &str) -> String {
        if let Some(room) = self.find_room(name) {
            return format!("denied RoomExists({:?})", self.rooms[room].name);
        }
        if self.rooms.len() >= limits().rooms_max {
            let may_go = |room: &Room| {
                let is_idle = self.now_ms - room.empty_since_ms >= limits().room_idle_ms_min;
                !room.is_permanent && room.members.is_empty() && is_idle
            };
            let oldest = self.rooms.iter().filter(|room| may_go(room)).map(|room| room.empty_since_ms).min();
            let Some(oldest) = oldest else { return "denied TooManyRooms".into() };
            let index = self.rooms.iter().position(|room| may_go(room) && room.empty_since_ms == oldest);
            self.rooms.remove(index.expect("just found"));
        }
        let room =
            Room { name: name.into(), is_permanent: false, members: vec![], empty_since_ms: self.now_ms };
        self.rooms.push(room);
        format!("created {name}")
    }

    fn enter(&mut self, user: &str, name: &str) -> String {
        let Some(room) = self.find_room(name) else { return format!("denied NoSuchRoom({name:?})") };
        let found = &self.rooms[room];
        if room == self.room_of(user) {
            return format!("denied AlreadyThere({:?})", found.name);
        }
        if found.members.len() >= limits().room_members_max {
            return format!("denied RoomFull({:?})", found.name);
        }
        self.part(user);
        self.rooms[room].members.push(user.into());
        format!("entered {} {}", self.rooms[room].name, self.view(room))
    }

    fn exit(&mut self, user: &str) -> String {
        let left = self.rooms[self.room_of(user)].name.clone();
        self.part(user);
        self.rooms[0].members.push(user.into());
        format!("left {left} {}", self.view(0))
    }

    fn say(&mut self, seat: usize, user: &str) {
        for name in self.rooms[self.room_of(user)].members.clone() {
            let to = self.seat_of(&name).expect("members are connected");
            self.tell(to, format!("msg from {user}"));
        }
        self.tell(seat, "said");
    }

    fn whisper(&mut self, seat: usize, user: &str, to: &str) {
        let room = self.room_of(user);
        if !self.rooms[room].members.iter().any(|name| same(name, to)) {
            let name = &self.rooms[room].name;
            return self.tell(seat, format!("denied NotInRoom({to:?}, {name:?})"));
        }
        let receiver = self.seat_of(to).expect("members are connected");
        self.tell(receiver, format!("{user} whispers"));
        if receiver != seat {
            self.tell(seat, format!("{user} whispers"));
        }
        self.tell(seat, "said");
    }
}

// The two side by side.

struct Trial {
    model: Model,
    hub: Hub,
    now: Instant,
    seats: BTreeMap<usize, ConnId>,
    deliveries: Deliveries,
    /// The last list each seat was given, asked for or not.
    known: BTreeMap<usize, String>,
}

impl Trial {
    fn new() -> Self {
        let now = Instant::default();
        Self {
            model: Model::new(),
            hub: Hub::new(now, limits(), key_of, look_of, &[RoomName::parse("example").unwrap()]),
            now,
            seats: BTreeMap::new(),
            deliveries: vec![],
            known: BTreeMap::new(),
        }
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Connect(seat) => {
                if !self.seats.contains_key(&seat) {
                    let id = self.hub.connect(&mut self.deliveries);
                    assert_eq!(self.model.connect(seat), id.is_ok());
                    self.seats.extend(id.ok().map(|id| (seat, id)));
                }
            }
            Step::Disconnect(seat) => {
                if let Some(id) = self.seats.get(&seat) {
                    self.hub.disconnect(self.now, *id);
                    self.model.disconnect(seat);
                    // What is on its way to it is lost, and its name stays nobody's.
                    self.check_heard();
                    self.seats.remove(&seat);
                    self.known.remove(&seat);
                }
            }
            Step::Wait(milliseconds) => {
                self.now = self.now + Duration::from_millis(milliseconds);
                self.model.now_ms += milliseconds;
            }
            Step::Login(seat, user) => {
                let account = Account::new(key_of, user_name(USERS[user])).unwrap();
                if self.apply(seat, Command::Login(account, Caps::default(), None)) {
                    self.model.login(seat, USERS[user]);
                }
            }
            Step::Logout(seat) => self.member(seat, Command::Logout, |model, _| {
                model.unseat(seat);
                model.tell(seat, "logged out");
            }),
            Step::List(seat) => self.member(seat, Command::List, |model, user| {
                model.tell(seat, format!("listed {}", model.view(model.room_of(user))));
            }),
            Step::Create(seat, room) => {
                let (key, name) = room_name(ROOMS[room]);
                let look = NameLook::of_room(look_of, &name).unwrap();
                self.member(seat, Command::Create(key, look, name), |model, _| {
                    let words = model.create(ROOMS[room]);
                    model.tell(seat, words);
                });
            }
            Step::Enter(seat, room) => {
                let (key, name) = room_name(ROOMS[room]);
                // The lobby is not entered but gone back to; connections see to that.
                if ROOMS[room] != "lobby" || self.is_in_lobby(seat) {
                    self.member(seat, Command::Enter(key, name), |model, user| {
                        let words = model.enter(user, ROOMS[room]);
                        model.tell(seat, words);
                    });
                }
            }
            Step::Exit(seat) => {
                if !self.is_in_lobby(seat) {
                    self.member(seat, Command::Exit, |model, user| {
                        let words = model.exit(user);
                        model.tell(seat, words);
                    });
                }
            }
            Step::Say(seat) => {
                let from = self.model.user(seat).unwrap_or_default();
                let frame: Frame = format!("    msg from {from}").into_bytes().into();
                self.member(seat, Command::Say(frame), |model, user| model.say(seat, user));
            }
            Step::Whisper(seat, to) => {
                let from = user_name(&self.model.user(seat).unwrap_or("nobody".into()));
                let text = Text::try_from("psst").unwrap();
                let key = NameKey::new(key_of, USERS[to]);
                let whisper = Command::Whisper(key, user_name(USERS[to]), Arc::new(Whisper::new(from, text)));
                self.member(seat, whisper, |model, user| model.whisper(seat, user, USERS[to]));
            }
        }
        self.check_heard();
        self.check_counts();
        self.show();
    }

    fn is_in_lobby(&self, seat: usize) -> bool {
        self.model.user(seat).is_none_or(|user| self.model.room_of(&user) == 0)
    }

    /// Whether there is such a connection; others have nothing to do with the hub.
    fn apply(&mut self, seat: usize, command: Command) -> bool {
        let Some(id) = self.seats.get(&seat) else { return false };
        self.hub.apply(self.now, *id, command, &mut self.deliveries);
        true
    }

    /// A command that only members get an answer to.
    fn member(&mut self, seat: usize, command: Command, act: impl FnOnce(&mut Model, &str)) {
        if self.apply(seat, command)
            && let Some(user) = self.model.user(seat)
        {
            act(&mut self.model, &user);
        }
    }

    fn check_heard(&mut self) {
        let seats = &self.seats;
        let seat_of = |id| seats.iter().find(|(_, other)| **other == id).map(|(seat, _)| *seat);
        let mut heard = vec![];
        for (to, mail) in self.deliveries.drain(..) {
            let seat = seat_of(to).expect("mail for a connection that is not there");
            if let Mail::Reply(
                Reply::LoggedIn(list) | Reply::Listed(list) | Reply::Entered(_, list) | Reply::Left(_, list),
            ) = &mail
            {
                self.known.insert(seat, seen(list));
            }
            if let Mail::Reply(Reply::LoggedOut) | Mail::Farewell(_) = &mail {
                self.known.remove(&seat);
            }
            heard.push((seat, shown(&mail)));
        }
        assert_eq!(heard, std::mem::take(&mut self.model.heard));
    }

    fn check_counts(&self) {
        let counted = self.model.people.iter().filter(|person| !person.is_dismissed).count();
        let users = self.model.people.iter().filter(|person| person.user.is_some()).count();
        assert_eq!(self.hub.connections(), counted);
        assert_eq!(self.hub.users(), users);
        assert_eq!(self.hub.rooms(), self.model.rooms.len());
    }

    /// Sends the lists that are due: each is the state of this moment, and news to whom it goes to.
    fn show(&mut self) {
        while let Some(bulletin) = self.hub.poll_bulletin(self.now) {
            let view = seen(bulletin.list().expect("nobody is in many rooms"));
            let print = bulletin.encode(limits().list_bytes_max);
            let mut deliveries = Deliveries::new();
            self.hub.publish(self.now, print, &mut deliveries);
            for (to, mail) in deliveries {
                assert!(matches!(mail, Mail::List(_)));
                let (seat, _) = self.seats.iter().find(|(_, id)| **id == to).expect("is connected");
                let user = self.model.user(*seat).expect("lists go to members alone");
                assert_eq!(view, self.model.view(self.model.room_of(&user)), "a list for {user}");
                self.known.insert(*seat, view.clone());
            }
        }
    }

    /// Once it is quiet, everybody knows the last state, and nothing is due any more.
    fn settle(&mut self) {
        self.now = self.now + Duration::from_secs(3600);
        self.show();
        assert_eq!(self.hub.deadline(), None);
        for person in &self.model.people {
            let expected = person.user.as_ref().map(|user| self.model.view(self.model.room_of(user)));
            assert_eq!(self.known.get(&person.seat), expected.as_ref(), "seat {}", person.seat);
        }
    }

    /// When all have gone, the house is as empty as it was.
    fn end(&mut self) {
        for id in self.seats.values() {
            self.hub.disconnect(self.now, *id);
        }
        assert_eq!((self.hub.connections(), self.hub.users()), (0, 0));
        self.now = self.now + Duration::from_secs(1);
        assert!(self.hub.poll_bulletin(self.now).is_none());
        assert_eq!(self.hub.deadline(), None);
    }
}

fn shown(mail: &Mail) -> String {
    match mail {
        Mail::Frame(frame) => String::from_utf8(frame[PREFIX_BYTES..].to_vec()).unwrap(),
        Mail::List(_) => panic!("no command is answered with a push"),
        Mail::Whisper(whisper) => format!("{} whispers", whisper.from),
        Mail::Farewell(farewell) => format!("farewell {farewell:?}"),
        Mail::Reply(Reply::LoggedIn(list)) => format!("logged in {}", seen(list)),
        Mail::Reply(Reply::Listed(list)) => format!("listed {}", seen(list)),
        Mail::Reply(Reply::Created(room)) => format!("created {room}"),
        Mail::Reply(Reply::Entered(room, list)) => format!("entered {room} {}", seen(list)),
        Mail::Reply(Reply::Left(room, list)) => format!("left {room} {}", seen(list)),
        Mail::Reply(Reply::LoggedOut) => "logged out".into(),
        Mail::Reply(Reply::Said) => "said".into(),
        Mail::Reply(Reply::Denied(denial)) => format!("denied {denial:?}"),
        Mail::Refused(refused) => format!("refused {:?}", refused.1),
        Mail::Joined(_)
        | Mail::Parted(..)
        | Mail::Read(..)
        | Mail::Tied(..)
        | Mail::Here(_)
        | Mail::Reply(
            Reply::Overview(_)
            | Reply::People(_)
            | Reply::Joined(..)
            | Reply::Parted(..)
            | Reply::Read(..)
            | Reply::PeerRead(..)
            | Reply::Friends(_)
            | Reply::Tied(..)
            | Reply::Present(_),
        ) => {
            panic!("nobody is in many rooms")
        }
    }
}
