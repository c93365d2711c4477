//! Who is here, against a model that is too simple to be wrong: whoever sees somebody, as a friend or in a room that they
//! watch, knows how that one is once nothing is on its way, and of whom they do not see they are told nothing.
//!
//! The hub is told a random story of a few users whose connections come and go, who become friends and end it, come into rooms
//! and say how they are, while what is told is taken early and given out late. The model is what each of them said last, and
//! three sets: who is connected, whose friend somebody is, who is in which room.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use chatroom_core::Instant;
use chatroom_core::frame::PREFIX_BYTES;
use chatroom_core::hub::{
    Append, Bulletin, Command, ConnId, Deliveries, Entry, Hub, Mail, Memory, Outcome, Reply,
};
use chatroom_core::limits::Limits;
use chatroom_core::message::friend::{Op, Tie};
use chatroom_core::message::hello::Caps;
use chatroom_core::message::presence::{Presence, PresenceState, StatusText};
use chatroom_core::name::{Account, NameKey};
use serde_json::Value;

use crate::sides::Sides;
use crate::sight::{How, Statuses, seen, untold};
use crate::{key_of, look_of, room_name, user_name};

/// Who logs in.
pub const USERS: [&str; 4] = ["Ann", "bob", "cyd", "Dan"];
/// Where connections sit.
pub const SEATS: usize = 7;
/// Where people meet.
pub const ROOMS: [&str; 2] = ["den", "hut"];

/// What people say of themselves.
pub const WORDS: [&str; 2] = ["lunch", "back at two"];

type Name = &'static str;

/// What a connection was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: it is in one room.
    Single,
    /// `friends` without `presence`.
    Friendly,
    /// `presence`.
    Present,
}

/// What happens; connections are known by the seat they took, users and rooms by their index.
#[derive(Clone, Debug)]
pub enum Step {
    /// A connection takes a seat that is free, and proves to be this user.
    Come(usize, Kind, usize),
    /// It is gone.
    Go(usize),
    /// It says how its user is here, with these words or with none.
    Present(usize, PresenceState, Option<usize>),
    /// Something is to become of its user and this one.
    Tie(usize, Op, usize),
    /// Its user comes into a room, or it does alone.
    Enter(usize, usize),
    /// They go from it.
    Exit(usize, usize),
    /// It asks who is in a room.
    People(usize, usize),
    /// This account is deleted.
    Delete(usize),
    /// So many milliseconds pass.
    Wait(u64),
    /// What is due to be told is taken, to be given out later.
    Take,
    /// The oldest of what was taken, or the next ones, is given out.
    Give(usize),
    /// All that is due is told, until nothing is.
    Rest,
}

/// Tells the hub and the model this story.
///
/// # Panics
/// Where the two disagree.
pub fn check(steps: &[Step]) {
    let mut trial = Trial::new();
    for step in steps {
        trial.run(step);
    }
    trial.rest();
}

struct Trial {
    now: Instant,
    hub: Hub,
    deliveries: Deliveries,
    seats: BTreeMap<usize, Seat>,
    /// What each who is here said of themselves last.
    said: Statuses<Name>,
    /// What users are to each other, as the core has it decided.
    sides: Sides,
    /// Which rooms users take part in.
    places: BTreeSet<(Name, Name)>,
    deleted: BTreeSet<Name>,
    late: Vec<Bulletin>,
}

struct Seat {
    id: ConnId,
    user: Name,
    kind: Kind,
    /// The one room that it is in.
    room: Option<Name>,
    /// The rooms whose people it is told of.
    watched: BTreeSet<Name>,
    /// What it was told since its login: nobody else is here.
    known: BTreeMap<Name, How>,
}

impl Trial {
    fn new() -> Self {
        let limits = Limits { message_rate: 0, move_rate: 0, status_rate: 0, ..Limits::default() };
        let rooms = ROOMS.map(|room| room_name(room).1);
        let now = Instant::default();
        let hub = Hub::new(now, limits, key_of, look_of, &rooms).with_history(now, Memory::default());
        Self {
            now,
            hub,
            deliveries: vec![],
            seats: BTreeMap::new(),
            said: Statuses::default(),
            sides: Sides::default(),
            places: BTreeSet::new(),
            deleted: BTreeSet::new(),
            late: vec![],
        }
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Come(seat, kind, user) => self.come(seat, kind, USERS[user]),
            Step::Go(seat) => {
                if let Some(Seat { id, user, .. }) = self.seats.remove(&seat) {
                    self.hub.disconnect(self.now, id);
                    self.forget_what_was_said(user);
                }
            }
            Step::Present(seat, state, words) => {
                if let Some(user) = self.seats.get(&seat).filter(|seat| seat.kind == Kind::Present) {
                    let words = words.map(|words| WORDS[words]);
                    self.said.say(user.user, (state, words.map(Rc::from)));
                    let text = words.map(|words| StatusText::parse(words).unwrap());
                    self.apply(seat, Command::Present(state, text));
                }
            }
            Step::Tie(seat, op, user) => {
                let other = USERS[user];
                if self.seats.get(&seat).is_some_and(|seat| seat.kind != Kind::Single && seat.user != other) {
                    self.apply(seat, Command::Tie(op, NameKey::new(key_of, other), user_name(other)));
                }
            }
            Step::Enter(seat, room) => self.enter(seat, ROOMS[room]),
            Step::Exit(seat, room) => self.exit(seat, ROOMS[room]),
            Step::People(seat, room) => {
                let room = ROOMS[room];
                if let Some(found) = self.seats.get_mut(&seat).filter(|seat| seat.kind != Kind::Single) {
                    if self.places.contains(&(found.user, room)) {
                        found.watched.insert(room);
                    }
                    let (key, name) = room_name(room);
                    self.apply(seat, Command::People(key, name));
                }
            }
            Step::Delete(user) => self.delete(USERS[user]),
            Step::Wait(milliseconds) => self.now = self.now + Duration::from_millis(milliseconds),
            Step::Take => self.late.extend(self.hub.poll_bulletin(self.now)),
            Step::Give(index) => {
                if !self.late.is_empty() {
                    let bulletin = self.late.remove(index % self.late.len());
                    self.publish(&bulletin, false);
                }
            }
            Step::Rest => self.rest(),
        }
        self.write();
        self.hear(true);
    }

    fn come(&mut self, seat: usize, kind: Kind, user: Name) {
        let is_taken = self.seats.contains_key(&seat) || self.deleted.contains(user);
        let is_second = kind == Kind::Single
            && self.seats.values().any(|other| other.kind == Kind::Single && other.user == user);
        if is_taken || is_second {
            return;
        }
        let id = self.hub.connect(&mut self.deliveries).expect("there is room");
        let (is_device, presence) = (kind != Kind::Single, kind == Kind::Present);
        let caps =
            Caps { history: is_device, multi: is_device, friends: is_device, presence, ..Caps::default() };
        let new = Seat { id, user, kind, room: None, watched: BTreeSet::new(), known: BTreeMap::new() };
        self.seats.insert(seat, new);
        self.apply(seat, Command::Login(account(user), Caps { ack: is_device, ..caps }, None));
    }

    fn enter(&mut self, seat: usize, room: Name) {
        let Some(found) = self.seats.get_mut(&seat) else { return };
        let (key, name) = room_name(room);
        if found.kind == Kind::Single {
            found.room = Some(room);
            return self.apply(seat, Command::Enter(key, name));
        }
        if self.places.insert((found.user, room)) {
            found.watched.insert(room);
            self.apply(seat, Command::Join(key, name));
        }
    }

    fn exit(&mut self, seat: usize, room: Name) {
        let Some(found) = self.seats.get_mut(&seat) else { return };
        if found.kind == Kind::Single {
            if found.room.take().is_some() {
                self.apply(seat, Command::Exit);
            }
            return;
        }
        let user = found.user;
        if self.places.remove(&(user, room)) {
            for other in self.seats.values_mut().filter(|other| other.user == user) {
                other.watched.remove(room);
            }
            let (key, name) = room_name(room);
            self.apply(seat, Command::Part(key, name));
        }
    }

    fn delete(&mut self, user: Name) {
        if !self.deleted.insert(user) {
            return;
        }
        let key = NameKey::new(key_of, user);
        self.hub.forget(self.now, &key, &mut self.deliveries);
        for Seat { id, .. } in self.seats.values().filter(|seat| seat.user == user) {
            self.hub.disconnect(self.now, *id);
            self.deliveries.retain(|(to, _)| to != id);
        }
        self.seats.retain(|_, seat| seat.user != user);
        self.said.forget(user);
        self.sides.delete(&key);
        self.places.retain(|(one, _)| *one != user);
        self.hub.forget_ties_to(&[key], &mut self.deliveries);
    }

    fn forget_what_was_said(&mut self, user: Name) {
        if self.seats.values().all(|seat| seat.user != user) {
            self.said.forget(user);
        }
    }

    fn apply(&mut self, seat: usize, command: Command) {
        self.hub.apply(self.now, self.seats[&seat].id, command, &mut self.deliveries);
    }

    /// The disk has at once what is to be durable.
    fn write(&mut self) {
        let mut group: Vec<Append> = vec![];
        loop {
            self.hub.take_appends(usize::MAX, &mut group);
            if group.is_empty() {
                return;
            }
            let outcomes: Vec<Outcome> = group.iter().map(|append| self.outcome(append)).collect();
            let settled = group.drain(..).zip(outcomes).map(|(append, outcome)| append.settle(outcome));
            self.hub.settle(self.now, settled.collect(), &mut self.deliveries);
        }
    }

    fn outcome(&mut self, append: &Append) -> Outcome {
        match append.entry() {
            Entry::Telling(telling) => self.sides.tell(telling),
            Entry::Tying(tying) => {
                let other = name_of(&tying.other);
                self.sides.tie(tying, (!self.deleted.contains(other)).then(|| account(other)))
            }
            Entry::Place(_) => Outcome::Placed,
            Entry::Room(_) | Entry::Message(_) | Entry::PeerRead(_) => panic!("nobody asked for that"),
        }
    }

    // What is so.

    fn how(&self, user: Name) -> How {
        self.said.how(user, self.seats.values().any(|seat| seat.user == user))
    }

    fn is_in(&self, user: Name, room: Name) -> bool {
        let takes_part = self.places.contains(&(user, room));
        self.seats.values().filter(|seat| seat.user == user).any(|seat| match seat.kind {
            Kind::Single => seat.room == Some(room),
            Kind::Friendly | Kind::Present => takes_part,
        })
    }

    /// Whom somebody at that seat sees, and how those are.
    fn seen(&self, seat: &Seat) -> BTreeMap<Name, How> {
        let key = |name| NameKey::new(key_of, name);
        let is_friend = |other: &Name| self.sides.side(&key(seat.user), &key(other)).tie == Tie::Friend;
        let is_together = |other: &Name| seat.watched.iter().any(|room| self.is_in(other, room));
        let (friends, together) =
            (USERS.into_iter().filter(is_friend), USERS.into_iter().filter(is_together));
        seen(seat.user, friends, together, |user| self.how(user))
    }

    // What is told.

    fn publish(&mut self, bulletin: &Bulletin, is_at_once: bool) {
        // What was said before stands for itself.
        self.hear(true);
        self.hub.publish(self.now, bulletin.encode(4096), &mut self.deliveries);
        self.hear(is_at_once);
    }

    /// Connections hear what they are told; at once, nobody hears of whom they do not see, but that they are gone.
    fn hear(&mut self, is_at_once: bool) {
        for (to, mail) in std::mem::take(&mut self.deliveries) {
            let presences = presences(&mail);
            let number = self.seats.iter().find(|(_, seat)| seat.id == to).map(|(number, _)| *number);
            let Some(number) = number.filter(|_| !presences.is_empty()) else { continue };
            for (user, how) in presences {
                let seat = &self.seats[&number];
                assert_eq!(seat.kind, Kind::Present, "{user} told to who did not ask");
                assert!(
                    !is_at_once || how == untold(false) || self.seen(seat).contains_key(user),
                    "{} is told of {user}",
                    seat.user
                );
                self.seats.get_mut(&number).unwrap().known.insert(user, how);
            }
        }
    }

    /// Everything is told, and everybody knows.
    fn rest(&mut self) {
        self.write();
        self.hear(true);
        while !self.late.is_empty() {
            let bulletin = self.late.remove(0);
            self.publish(&bulletin, false);
        }
        while let Some(at) = self.hub.deadline() {
            self.now = self.now.max(at);
            while let Some(bulletin) = self.hub.poll_bulletin(self.now) {
                self.publish(&bulletin, true);
            }
        }
        for seat in self.seats.values().filter(|seat| seat.kind == Kind::Present) {
            for (user, how) in self.seen(seat) {
                let known = seat.known.get(user).cloned();
                let known = known.unwrap_or_else(|| untold(user == seat.user));
                assert_eq!(known, how, "{} about {user}", seat.user);
            }
        }
    }
}

/// Who is how, as a piece of mail says.
fn presences(mail: &Mail) -> Vec<(Name, How)> {
    let of = |Presence { user, state, text }: &Presence| {
        (named(user.as_str()), (*state, text.as_ref().map(|text| said(text.as_str()))))
    };
    match mail {
        Mail::Reply(Reply::Present(presence)) => vec![of(presence)],
        Mail::Here(here) => here.encode(4096).iter().flat_map(|frame| read(frame)).collect(),
        Mail::Frame(frame) => read(frame),
        _ => vec![],
    }
}

fn read(frame: &[u8]) -> Vec<(Name, How)> {
    let frame: Value = serde_json::from_slice(&frame[PREFIX_BYTES..]).unwrap();
    let users = frame["data"]["users"].as_array().filter(|_| frame["type"] == "presence");
    let state = |word: &Value| PresenceState::ALL.into_iter().find(|state| state.as_str() == word).unwrap();
    let how = |user: &Value| (state(&user["state"]), user["text"].as_str().map(said));
    users.into_iter().flatten().map(|user| (named(user["user"].as_str().unwrap()), how(user))).collect()
}

fn said(words: &str) -> Rc<str> {
    WORDS.into_iter().find(|known| *known == words).expect("somebody has said it").into()
}

fn named(name: &str) -> Name {
    USERS.into_iter().find(|user| *user == name).expect("is spelled like a user")
}

fn account(user: Name) -> Account {
    Account::new(key_of, user_name(user)).unwrap()
}

fn name_of(key: &NameKey) -> Name {
    USERS.into_iter().find(|user| NameKey::new(key_of, user) == *key).expect("is a user")
}
