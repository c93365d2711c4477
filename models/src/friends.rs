//! Friends, and those whom somebody wants to hear nothing of, against a model that is too simple to be wrong: five sets of
//! pairs of names, and PROTOCOL.md.
//!
//! Hub and model are told the same random story of a few users with devices that come and go, and of a disk that takes its
//! time, or fails, or is all that is left. After each step they agree on what every connection heard and in which order; and
//! every device that was told all knows from that and from all changes since what others are to its user.

mod model;

use std::collections::BTreeMap;

use chatroom_core::Instant;
use chatroom_core::frame::PREFIX_BYTES;
use chatroom_core::hub::{
    Append, Audience, Command, ConnId, Deliveries, Entry, Farewell, Hub, Mail, Memory, Outcome, Post, Reply,
    Tying,
};
use chatroom_core::limits::Limits;
use chatroom_core::message::friend::{Op, Tie};
use chatroom_core::message::hello::Caps;
use chatroom_core::message::push::Posted;
use chatroom_core::message::{Cid, Text};
use chatroom_core::name::{Account, NameKey, RoomName};
use serde_json::Value;

use crate::sides::Sides;
use crate::{key_of, look_of, room_name, user_name};
use model::{Model, Name, Views};

/// Who logs in.
pub const USERS: [&str; 5] = ["ann", "bob", "Eve", "joe", "Kim"];
/// Where connections sit.
pub const SEATS: usize = 7;

/// What a connection was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `ack` alone: it is in one room.
    Single,
    /// `multi`.
    Device,
    /// And `friends`.
    Friendly,
}

/// What happens; connections are known by the seat they took, users by their index.
#[derive(Clone, Debug)]
pub enum Step {
    /// A connection takes a seat that is free, and proves to be this user.
    Come(usize, Kind, usize),
    /// It is gone.
    Go(usize),
    /// Something is to become of its user and this one, or of one whom there is not.
    Tie(usize, Op, usize),
    /// It asks what others are to its user.
    List(usize),
    /// It says something to this user alone.
    Whisper(usize, usize),
    /// The disk takes so many of what is to be durable, unless it is at it.
    Take(usize),
    /// It has made durable what it took, or has failed.
    Write(bool),
    /// The hub is told what came of it.
    Settle,
    /// This account is deleted, unless the disk is at something.
    Delete(usize),
    /// The server is gone, and another one starts with what the disk has.
    Restart,
}

/// How many there may be on each list: few, so that they are full at times.
const LIST_MAX: usize = 2;
/// Whom there is not.
const NOBODY: &str = "nobody";

/// Tells the hub and the model this story.
///
/// # Panics
/// Where the two disagree.
pub fn check(steps: &[Step]) {
    let mut trial = Trial::new();
    for step in steps {
        trial.run(step);
    }
    trial.settle_all();
}

/// The hub and the model, side by side.
struct Trial {
    model: Model,
    disk: Disk,
    hub: Hub,
    seats: BTreeMap<usize, ConnId>,
    /// What each seat that was told all knows.
    known: BTreeMap<usize, Views>,
    deliveries: Deliveries,
    group: Vec<Append>,
    made: Option<Vec<Outcome>>,
    said: u64,
}

/// What a disk has, as the core has it decided.
#[derive(Default)]
struct Disk {
    sides: Sides,
    deleted: Vec<Name>,
    seq: u64,
}

impl Trial {
    fn new() -> Self {
        let disk = Disk::default();
        Self {
            model: Model::default(),
            hub: hub(&disk),
            disk,
            seats: BTreeMap::new(),
            known: BTreeMap::new(),
            deliveries: vec![],
            group: vec![],
            made: None,
            said: 0,
        }
    }

    fn run(&mut self, step: &Step) {
        self.act(step);
        self.check_heard();
        self.check_known();
    }

    fn act(&mut self, step: &Step) {
        match *step {
            Step::Come(seat, kind, user) => self.come(seat, kind, USERS[user]),
            Step::Go(seat) => {
                if let Some(id) = self.seats.remove(&seat) {
                    self.known.remove(&seat);
                    self.hub.disconnect(Instant::default(), id);
                    self.model.go(seat);
                }
            }
            Step::Tie(seat, op, user) => {
                let other = USERS.get(user).copied().unwrap_or(NOBODY);
                if self.model.is_idle(seat, Kind::Friendly) {
                    self.apply(seat, Command::Tie(op, NameKey::new(key_of, other), user_name(other)));
                    self.model.tie(seat, op, other);
                }
            }
            Step::List(seat) => {
                if self.model.is_idle(seat, Kind::Friendly) {
                    self.apply(seat, Command::Friends);
                    self.model.list(seat);
                }
            }
            Step::Whisper(seat, user) => self.whisper(seat, USERS[user]),
            Step::Take(count_max) => {
                if self.group.is_empty() {
                    self.hub.take_appends(count_max, &mut self.group);
                    self.model.take(count_max);
                    assert_eq!(self.group.len(), self.model.taken());
                }
            }
            Step::Write(is_durable) => {
                if self.made.is_none() && !self.group.is_empty() {
                    let disk = &mut self.disk;
                    let write =
                        |append: &Append| if is_durable { disk.write(append) } else { Outcome::Failed };
                    self.made = Some(self.group.iter().map(write).collect());
                    self.model.write(is_durable);
                }
            }
            Step::Settle => {
                let Some(made) = self.made.take() else { return };
                let settled = self.group.drain(..).zip(made).map(|(append, outcome)| append.settle(outcome));
                self.hub.settle(Instant::default(), settled.collect(), &mut self.deliveries);
                self.model.settle();
            }
            Step::Delete(user) => {
                let user = USERS[user];
                if self.group.is_empty() && !self.disk.deleted.contains(&user) {
                    self.disk.delete(user);
                    let key = NameKey::new(key_of, user);
                    self.hub.forget(Instant::default(), &key, &mut self.deliveries);
                    self.hub.forget_ties_to(&[key], &mut self.deliveries);
                    self.model.delete(user);
                }
            }
            Step::Restart => {
                self.hub = hub(&self.disk);
                self.model.restart();
                (self.group, self.made) = (vec![], None);
                self.seats.clear();
                self.known.clear();
            }
        }
    }

    fn come(&mut self, seat: usize, kind: Kind, user: Name) {
        if self.seats.contains_key(&seat) || self.disk.deleted.contains(&user) {
            return;
        }
        let id = self.hub.connect(&mut self.deliveries).expect("there is room");
        self.seats.insert(seat, id);
        let is_device = kind != Kind::Single;
        let friends = kind == Kind::Friendly;
        let caps = Caps { ack: true, history: is_device, multi: is_device, friends, ..Caps::default() };
        self.apply(seat, Command::Login(account(user), caps, None));
        self.model.come(seat, kind, user);
        if !is_device {
            let (key, name) = room_name("example");
            self.apply(seat, Command::Enter(key, name));
            self.model.enter(seat);
        }
    }

    fn whisper(&mut self, seat: usize, to: Name) {
        if !self.model.is_idle(seat, Kind::Single) {
            return;
        }
        self.said += 1;
        let text = format!("m{}", self.said);
        let post = Post {
            to: Some((NameKey::new(key_of, to), user_name(to))),
            room: None,
            text: Text::try_from(text.as_str()).unwrap(),
            plain: None,
            cid: Cid::parse(&text),
            rid: None,
        };
        self.apply(seat, Command::Post(Box::new(post)));
        self.model.whisper(seat, to, text);
    }

    fn apply(&mut self, seat: usize, command: Command) {
        self.hub.apply(Instant::default(), self.seats[&seat], command, &mut self.deliveries);
    }

    // What must hold.

    /// Each connection hears what it has to, in that order. In which order several are told something is nobody's business.
    fn check_heard(&mut self) {
        let mut heard = vec![];
        for (to, mail) in std::mem::take(&mut self.deliveries) {
            let seat = self.seats.iter().find(|(_, id)| **id == to).map(|(seat, _)| *seat);
            let Some(seat) = seat else { panic!("{} for nobody", shown(&mail)) };
            self.learn(seat, &mail);
            heard.push((seat, shown(&mail)));
        }
        let mut right = std::mem::take(&mut self.model.heard);
        for heard in [&mut heard, &mut right] {
            heard.sort_by_key(|(seat, _)| *seat);
        }
        assert_eq!(heard, right);
        for seat in self.model.dismissed() {
            self.known.remove(&seat);
            let id = self.seats.remove(&seat).expect("is connected");
            self.hub.disconnect(Instant::default(), id);
        }
    }

    fn learn(&mut self, seat: usize, mail: &Mail) {
        let known = self.known.get_mut(&seat);
        match mail {
            Mail::Frame(frame) => {
                let frame: Value = serde_json::from_slice(&frame[PREFIX_BYTES..]).unwrap();
                if frame["type"] == "friend" {
                    self.known.insert(seat, views_of(&frame["data"]));
                }
            }
            Mail::Reply(Reply::Friends(ties)) => {
                let views: Views = ties.iter().map(|(name, tie)| (name.to_string(), *tie)).collect();
                assert!(known.is_none_or(|known| *known == views), "who asks is told what they know");
                if self.model.knows(seat) {
                    self.known.insert(seat, views);
                }
            }
            Mail::Reply(Reply::Tied(name, tie)) | Mail::Tied(name, tie) => {
                if let Some(known) = known {
                    known.remove(name.as_str());
                    if *tie != Tie::None {
                        known.insert(name.to_string(), *tie);
                    }
                }
            }
            _ => {}
        }
    }

    /// Whoever was told all knows what is so; and what two are to each other fits.
    fn check_known(&self) {
        for (seat, known) in &self.known {
            assert_eq!(*known, self.model.views(*seat), "what seat {seat} knows");
        }
        let sides = &self.disk.sides;
        for (one, other) in sides.pairs() {
            let (side, back) = (sides.side(one, other), sides.side(other, one));
            let who = || format!("{} and {}", one.as_str(), other.as_str());
            assert_eq!(side.tie == Tie::Friend, back.tie == Tie::Friend, "{}", who());
            assert!(side.tie != Tie::Asking || back.tie == Tie::Asked, "{}", who());
        }
    }

    /// Once everything is settled, every device that has friends was told of them.
    fn settle_all(&mut self) {
        // What could not be read is read again when the disk does something, such as to tell somebody else.
        self.run(&Step::Go(SEATS));
        let user = (0..USERS.len()).find(|user| !self.disk.deleted.contains(&USERS[*user]));
        self.run(&Step::Settle);
        if let Some(user) = user {
            self.run(&Step::Come(SEATS, Kind::Device, user));
        }
        while !self.group.is_empty() || self.hub.pending_appends() > 0 {
            for step in [Step::Take(usize::MAX), Step::Write(true), Step::Settle] {
                self.run(&step);
            }
        }
        for seat in 0..SEATS {
            assert!(
                !self.model.is_friendly(seat) || self.known.contains_key(&seat),
                "{seat} was told nothing"
            );
            self.run(&Step::List(seat));
            assert!(
                !self.seats.contains_key(&seat) || self.model.is_idle(seat, Kind::Single),
                "{seat} waits"
            );
        }
    }
}

impl Disk {
    fn write(&mut self, append: &Append) -> Outcome {
        match append.entry() {
            Entry::Telling(telling) => self.sides.tell(telling),
            Entry::Tying(tying) => self.tie(tying),
            Entry::Message(message) => {
                let Audience::User(receiver) = &message.audience else { panic!("nothing is said to all") };
                let (author, receiver) = (&message.author.key, &receiver.key);
                if self.deleted.contains(&name_of(author)) {
                    return Outcome::Failed;
                }
                if self.deleted.contains(&name_of(receiver)) {
                    return Outcome::Absent;
                }
                if !self.sides.wants(receiver, author, message.consent) {
                    return Outcome::Absent;
                }
                self.seq += 1;
                Outcome::Posted(Posted { seq: self.seq, ts_ms: 7 })
            }
            Entry::Room(_) | Entry::Place(_) | Entry::PeerRead(_) => panic!("nobody asked for that"),
        }
    }

    fn tie(&mut self, tying: &Tying) -> Outcome {
        let own = name_of(&tying.account.key);
        if self.deleted.contains(&own) {
            return Outcome::Failed;
        }
        let other = USERS.into_iter().find(|user| NameKey::new(key_of, user) == tying.other);
        self.sides.tie(tying, other.filter(|other| !self.deleted.contains(other)).map(account))
    }

    fn delete(&mut self, user: Name) {
        self.sides.delete(&NameKey::new(key_of, user));
        self.deleted.push(user);
    }
}

/// A hub that starts with what the disk has.
fn hub(disk: &Disk) -> Hub {
    let limits = Limits {
        message_rate: 0,
        move_rate: 0,
        friends_max: LIST_MAX,
        friends_asked_max: LIST_MAX,
        friends_asking_max: LIST_MAX,
        friends_blocked_max: LIST_MAX,
        ..Limits::default()
    };
    let blocks = disk.sides.blocks();
    let example = RoomName::parse("example").unwrap();
    Hub::new(Instant::default(), limits, key_of, look_of, &[example])
        .with_history(Instant::default(), Memory { blocks, ..Memory::default() })
}

fn account(user: Name) -> Account {
    Account::new(key_of, user_name(user)).unwrap()
}

fn name_of(key: &NameKey) -> Name {
    USERS.into_iter().find(|user| NameKey::new(key_of, user) == *key).expect("is a user")
}

/// What all others are to somebody, as it is on the wire.
fn views_of(data: &Value) -> Views {
    assert_eq!(data["all"], true);
    let lists =
        [("friends", Tie::Friend), ("asking", Tie::Asking), ("asked", Tie::Asked), ("blocked", Tie::Blocked)];
    let mut views = Views::new();
    for (list, tie) in lists {
        let names = data[list].as_array().into_iter().flatten();
        views.extend(names.map(|name| (name.as_str().unwrap().to_owned(), tie)));
    }
    views
}

fn shown(mail: &Mail) -> String {
    match mail {
        Mail::Frame(frame) => {
            let frame: Value = serde_json::from_slice(&frame[PREFIX_BYTES..]).unwrap();
            match frame["type"].as_str() {
                Some("friend") => format!("all {}", model::listed(&views_of(&frame["data"]))),
                Some(kind) => kind.to_owned(),
                None => panic!("{frame}"),
            }
        }
        Mail::Whisper(whisper) => {
            let to = &whisper.kept.as_ref().expect("what is said is kept").to;
            format!("{} whispers {} to {to}", whisper.from, whisper.text.as_str())
        }
        Mail::Tied(name, tie) => format!("now {name} {tie:?}"),
        Mail::Refused(refused) => format!("refused {:?}", refused.1),
        Mail::Farewell(Farewell::Replaced | Farewell::Disabled) => "farewell".into(),
        Mail::Reply(Reply::LoggedIn(_) | Reply::Overview(_)) => "logged in".into(),
        Mail::Reply(Reply::Entered(..)) => "entered".into(),
        Mail::Reply(Reply::Friends(ties)) => {
            let views = ties.iter().map(|(name, tie)| (name.to_string(), *tie)).collect();
            format!("list {}", model::listed(&views))
        }
        Mail::Reply(Reply::Tied(name, tie)) => format!("{name} {tie:?}"),
        Mail::Reply(Reply::Said) => "said".into(),
        Mail::Reply(Reply::Denied(denial)) => format!("denied {denial:?}"),
        _ => panic!("nobody asked for that"),
    }
}
