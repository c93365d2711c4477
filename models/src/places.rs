//! The hub where what is said is kept, and users are in many rooms by several devices, against a model that is too simple
//! to be wrong.
//!
//! Both are told the same random story, in which the disk takes its time or fails, lists and differences are encoded and
//! handed out late, and the server starts again with what the disk has. After every step they must agree on what every
//! connection heard and in which order. Whenever nothing is left to be told, every connection must know what is so: those in
//! one room at a time by the last list they got, devices by the differences.

mod disk;
mod model;
mod picture;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chatroom_core::Instant;
use chatroom_core::frame::{Frame, PREFIX_BYTES};
use chatroom_core::hub::{
    Append, Bulletin, Command, ConnId, Deliveries, Entry, Extent, Farewell, Hub, Mail, Memory, Outcome,
    Overview, PlacingStep, Post, Print, Reply, Settled, StoredPlace, StoredRoom, Told,
};
use chatroom_core::limits::Limits;
use chatroom_core::message::hello::Caps;
use chatroom_core::message::logins::GrantId;
use chatroom_core::message::push::{Posted, Roster};
use chatroom_core::message::rooms::{Standing, Talk};
use chatroom_core::message::{Cid, Text};
use chatroom_core::name::{Account, NameKey, NameLook, RoomName};

use crate::{key_of, look_of, room_name, user_name};
use disk::{Disk, Made};
use model::{Model, Name, PlaceStep, What};
use picture::{Picture, list_of};

/// Who logs in.
pub const USERS: [&str; 4] = ["ann", "bob", "Eve", "joe"];
/// The rooms; some of them have to be made first.
pub const ROOMS: [&str; 5] = ["lobby", "example", "den", "Nook", "loft"];
/// Where connections sit: one more than there may be.
pub const SEATS: usize = 8;
/// How many logins there are that last, of each user: connections come by one of these or by none.
pub const LOGINS: usize = 3;

/// What a connection was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: it is in one room at a time.
    Original,
    /// `ack`: in one room at a time as well.
    Acking,
    /// `multi`: it is wherever its user takes part.
    Device,
}

/// What happens; connections are known by the seat they took, users and rooms by their index.
#[derive(Clone, Debug)]
pub enum Step {
    /// A connection takes a seat that is free.
    Connect(usize, Kind),
    /// It is gone.
    Disconnect(usize),
    /// It proves to be this user, perhaps by a login that lasts.
    Login(usize, usize, Option<usize>),
    /// It is nobody again.
    Logout(usize),
    /// It has ended this login of its user's; or there was none.
    EndLogin(usize, usize, bool),
    /// Whoever runs the server has ended this login, of every user who has one.
    EndLogins(usize),
    /// Whoever runs the server shuts this user out.
    Dismiss(usize),
    /// It asks who is where.
    List(usize),
    /// A device asks who is in a room.
    People(usize, usize),
    /// It makes a room.
    Create(usize, usize),
    /// It goes into a room; a device takes part in it.
    Enter(usize, usize),
    /// It goes back to the lobby; a device takes part in this room no more.
    Leave(usize, usize),
    /// It says something to everybody: where it is, or in this room.
    Say(usize, usize),
    /// It says something to this user: where it is, or, if it is a device, from wherever it is.
    Whisper(usize, usize),
    /// A device says something to this user in this room.
    WhisperIn(usize, usize, usize),
    /// It says once more, by the same name, what it said last.
    Again(usize),
    /// A device has read so far in a room.
    Read(usize, usize, u64),
    /// A device has read so far what its user and this one said to each other.
    ReadPeer(usize, usize, u64),
    /// The disk takes so many of what is to be durable, unless it is at it.
    Take(usize),
    /// It has made durable what it took, or has failed.
    Write(bool),
    /// The hub is told what came of it.
    Settle,
    /// The next list that is due is taken, and encoded now or when it is published.
    Poll(bool),
    /// The list that was taken so many lists ago is published.
    Publish(usize),
    /// All lists that are due are taken and published.
    Show,
    /// So many milliseconds pass.
    Wait(u64),
    /// The server is gone, and another one starts with what the disk has.
    Restart,
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
    trial.settle_all();
    trial.end();
}

fn limits() -> Limits {
    Limits {
        connections_max: 7,
        rooms_max: 4,
        room_idle_ms_min: 500,
        room_members_max: 3,
        rooms_joined_max: 2,
        rooms_created_per_hour_max: 0,
        account_devices_max: 2,
        appends_connection_max: 2,
        appends_total_max: 4,
        message_rate: 0,
        ..Limits::default()
    }
}

/// The hub and the model, side by side.
struct Trial {
    model: Model,
    disk: Disk,
    hub: Hub,
    now: Instant,
    /// Counts steps.
    moment: u64,
    seats: BTreeMap<usize, ConnId>,
    pictures: BTreeMap<usize, Picture>,
    deliveries: Deliveries,
    /// What the disk took, and what it has made of it when it is done.
    group: Vec<Append>,
    made: Option<Vec<Made>>,
    outstanding: Vec<Outstanding>,
    /// Numbers what is said, so that no two messages are the same.
    said: u64,
    /// What each seat said last, and to whom and where.
    last_said: BTreeMap<usize, (Option<Name>, Option<Name>, u64)>,
}

/// A list that was taken and nobody has yet.
struct Outstanding {
    /// Whose it is, and what there is to be seen.
    room: String,
    list: String,
    /// Since when that is so.
    moment: u64,
    news: Encoding,
}

enum Encoding {
    Early(Print),
    Late(Bulletin),
}

impl Trial {
    fn new() -> Self {
        let (now, disk) = (Instant::default(), Disk::default());
        Self {
            model: Model::new(0, &disk),
            hub: hub(now, &disk),
            disk,
            now,
            moment: 0,
            seats: BTreeMap::new(),
            pictures: BTreeMap::new(),
            deliveries: vec![],
            group: vec![],
            made: None,
            outstanding: vec![],
            said: 0,
            last_said: BTreeMap::new(),
        }
    }

    fn run(&mut self, step: &Step) {
        self.moment += 1;
        self.act(step);
        self.check_heard();
        self.check_counts();
        self.check_pictures_if_quiet();
    }

    fn act(&mut self, step: &Step) {
        match *step {
            Step::Connect(seat, kind) => self.connect(seat, kind),
            Step::Disconnect(seat) => {
                if let Some(id) = self.seats.get(&seat) {
                    self.hub.disconnect(self.now, *id);
                    self.model.disconnect(seat);
                    self.check_heard();
                    self.forget(seat);
                }
            }
            Step::Login(seat, user, by) => {
                let Some(person) = self.model.person(seat) else { return };
                let account = Account::new(key_of, user_name(USERS[user])).unwrap();
                let is_device = person.kind == Kind::Device;
                let ack = person.kind != Kind::Original;
                let caps = Caps { ack, history: is_device, multi: is_device, ..Caps::default() };
                if person.user.is_none() {
                    self.apply(seat, Command::Login(account, caps, by.map(grant)));
                    self.model.login(seat, USERS[user], by);
                }
            }
            Step::EndLogin(seat, login, is_there) => {
                let Some(person) = self.model.person(seat) else { return };
                if !person.is_waiting {
                    // A login ends once.
                    let was_there = is_there && !self.model.has_ended(seat, login);
                    self.apply(seat, Command::EndLogin { login: grant(login), was_there });
                    self.model.end_login(seat, login, was_there);
                }
            }
            Step::EndLogins(login) => {
                self.hub.end_logins(self.now, &[grant(login)], &mut self.deliveries);
                self.model.end_logins(login);
            }
            Step::Logout(seat) => {
                if self.is_in(seat, "lobby") {
                    self.asks(seat, Command::Logout, |model, _| model.logout(seat));
                }
            }
            Step::Dismiss(user) => {
                let key = NameKey::new(key_of, USERS[user]);
                self.hub.dismiss(self.now, &key, Farewell::Disabled, &mut self.deliveries);
                self.model.dismiss(USERS[user]);
            }
            Step::List(seat) => {
                let command = if self.is_device(seat) { Command::Rooms } else { Command::List };
                self.asks(seat, command, |model, user| model.list_all(seat, user));
            }
            Step::People(seat, room) => {
                let (key, name) = room_name(ROOMS[room]);
                if self.is_device(seat) {
                    self.asks(seat, Command::People(key, name), |model, _| {
                        model.list_people(seat, ROOMS[room])
                    });
                }
            }
            Step::Create(seat, room) => {
                let (key, name) = room_name(ROOMS[room]);
                let look = NameLook::of_room(look_of, &name).unwrap();
                if self.is_in(seat, "lobby") {
                    self.asks(seat, Command::Create(key, look, name), |model, _| {
                        model.create(seat, ROOMS[room])
                    });
                }
            }
            Step::Enter(seat, room) => {
                let (key, name) = room_name(ROOMS[room]);
                if self.is_device(seat) {
                    self.asks(seat, Command::Join(key, name), |model, user| {
                        model.join(seat, user, ROOMS[room])
                    });
                } else if self.is_in(seat, "lobby") {
                    self.asks(seat, Command::Enter(key, name), |model, user| {
                        model.enter(seat, user, ROOMS[room])
                    });
                }
            }
            Step::Leave(seat, room) => {
                let (key, name) = room_name(ROOMS[room]);
                if self.is_device(seat) {
                    self.asks(seat, Command::Part(key, name), |model, user| {
                        model.part(seat, user, ROOMS[room])
                    });
                } else if !self.is_in(seat, "lobby") {
                    self.asks(seat, Command::Exit, |model, _| model.exit(seat));
                }
            }
            Step::Say(seat, room) => {
                let room = self.is_device(seat).then_some(ROOMS[room]);
                self.says(seat, None, room);
            }
            Step::Whisper(seat, user) => self.says(seat, Some(USERS[user]), None),
            Step::WhisperIn(seat, user, room) => {
                if self.is_device(seat) {
                    self.says(seat, Some(USERS[user]), Some(ROOMS[room]));
                }
            }
            Step::Again(seat) => {
                if let Some((to, room, number)) = self.last_said.get(&seat) {
                    self.post(seat, *to, *room, *number);
                }
            }
            Step::Read(seat, room, seq) => {
                let (key, name) = room_name(ROOMS[room]);
                if self.is_device(seat) {
                    let command = Command::Read(key, name, seq);
                    self.asks(seat, command, |model, user| model.read(seat, user, ROOMS[room], seq));
                }
            }
            Step::ReadPeer(seat, peer, seq) => {
                let (key, name) = (NameKey::new(key_of, USERS[peer]), user_name(USERS[peer]));
                if self.is_device(seat) {
                    let command = Command::ReadPeer(key, name, seq);
                    self.asks(seat, command, |model, user| model.read_peer(seat, user, USERS[peer], seq));
                }
            }
            Step::Take(count_max) => self.take(count_max),
            Step::Write(is_durable) => self.write(is_durable),
            Step::Settle => self.settle(),
            Step::Poll(is_early) => drop(self.poll(is_early)),
            Step::Publish(index) => {
                if index < self.outstanding.len() {
                    self.publish(index);
                }
            }
            Step::Show => self.show(),
            Step::Wait(milliseconds) => {
                self.now = self.now + Duration::from_millis(milliseconds);
                self.model.now_ms += milliseconds;
            }
            Step::Restart => {
                self.hub = hub(self.now, &self.disk);
                self.model = Model::new(self.model.now_ms, &self.disk);
                (self.group, self.made) = (vec![], None);
                self.outstanding.clear();
                self.seats.keys().copied().collect::<Vec<_>>().into_iter().for_each(|seat| self.forget(seat));
            }
        }
    }

    fn connect(&mut self, seat: usize, kind: Kind) {
        if !self.seats.contains_key(&seat) {
            let id = self.hub.connect(&mut self.deliveries);
            assert_eq!(self.model.connect(seat, kind), id.is_ok());
            if let Ok(id) = id {
                self.seats.insert(seat, id);
                self.pictures.insert(seat, Picture::default());
            }
        }
    }

    fn forget(&mut self, seat: usize) {
        self.seats.remove(&seat);
        self.pictures.remove(&seat);
        self.last_said.remove(&seat);
    }

    fn is_device(&self, seat: usize) -> bool {
        self.model.person(seat).is_some_and(|person| person.kind == Kind::Device)
    }

    /// Whether it is there, if it is in one room at a time.
    fn is_in(&self, seat: usize, room: &str) -> bool {
        self.model.person(seat).is_some_and(|person| person.kind == Kind::Device || person.room == room)
    }

    fn apply(&mut self, seat: usize, command: Command) {
        self.hub.apply(self.now, self.seats[&seat], command, &mut self.deliveries);
    }

    /// A request of somebody who is logged in, and has no other that is not answered.
    fn asks(&mut self, seat: usize, command: Command, act: impl FnOnce(&mut Model, Name)) {
        let Some(person) = self.model.people.iter_mut().find(|person| person.seat == seat) else { return };
        if person.is_waiting {
            return;
        }
        let user = person.user;
        person.is_waiting = user.is_some();
        self.apply(seat, command);
        if let Some(user) = user {
            act(&mut self.model, user);
        }
    }

    fn says(&mut self, seat: usize, to: Option<Name>, room: Option<Name>) {
        self.said += 1;
        if self.model.person(seat).is_some_and(|person| !person.is_waiting) {
            self.last_said.insert(seat, (to, room, self.said));
            self.post(seat, to, room, self.said);
        }
    }

    fn post(&mut self, seat: usize, to: Option<Name>, room: Option<Name>, number: u64) {
        let Some(person) = self.model.person(seat) else { return };
        if person.kind != Kind::Device && person.room == "lobby" {
            return;
        }
        let text = format!("m{number}");
        let cid = (person.kind != Kind::Original).then(|| format!("c{number}"));
        let author = person.user.unwrap_or("nobody");
        let post = Post {
            to: to.map(|to| (NameKey::new(key_of, to), user_name(to))),
            room: room.map(room_name),
            text: Text::try_from(text.as_str()).unwrap(),
            plain: to.is_none().then(|| frame(&model::public(author, &text, ""))),
            cid: cid.as_deref().and_then(Cid::parse),
            rid: None,
        };
        self.asks(seat, Command::Post(Box::new(post)), |model, user| {
            model.post(seat, user, to, room, (text, cid));
        });
    }

    // The disk.

    fn take(&mut self, count_max: usize) {
        if !self.group.is_empty() {
            return;
        }
        self.hub.take_appends(count_max, &mut self.group);
        self.model.taken = count_max.min(self.model.journal.len());
        let taken: Vec<String> = self.group.iter().map(|append| shown_entry(append.entry())).collect();
        let right = &self.model.journal[..self.model.taken];
        assert_eq!(taken, right.iter().map(|entry| shown_what(&entry.what)).collect::<Vec<_>>());
    }

    fn write(&mut self, is_durable: bool) {
        if self.group.is_empty() || self.made.is_some() {
            return;
        }
        let entries = &self.model.journal[..self.model.taken];
        let disk = &mut self.disk;
        let write = |entry| if is_durable { disk.write(entry) } else { Made::Nothing };
        self.made = Some(entries.iter().map(write).collect());
    }

    fn settle(&mut self) {
        let Some(made) = self.made.take() else { return };
        let settle = |(append, made): (Append, &Made)| {
            let posted = |seq| Posted { seq, ts_ms: 7 };
            let outcome = match (append.entry(), made.clone()) {
                (_, Made::Nothing) => Outcome::Failed,
                (_, Made::Conflict) => Outcome::Conflict,
                (_, Made::Before(seq)) => Outcome::Repeated(posted(seq)),
                (Entry::Room(_), Made::Durable(_)) => Outcome::Founded,
                (Entry::Place(_), Made::Durable(_)) => Outcome::Placed,
                (Entry::Message(_), Made::Durable(seq)) => Outcome::Posted(posted(seq)),
                (_, Made::Told(talks)) => {
                    Outcome::Told(Box::new(Told { talks: talks.iter().map(talk).collect(), ties: None }))
                }
                (Entry::PeerRead(read), Made::Read(seq, is_news)) => {
                    Outcome::PeerRead(Extent { peer: read.name.clone(), seq, is_news })
                }
                (Entry::Telling(_) | Entry::PeerRead(_) | Entry::Tying(_), Made::Durable(_))
                | (_, Made::Read(..)) => {
                    panic!("{made:?} is of something else")
                }
            };
            append.settle(outcome)
        };
        let settled: Vec<Settled> = self.group.drain(..).zip(&made).map(settle).collect();
        self.hub.settle(self.now, settled, &mut self.deliveries);
        self.model.settle(&made);
    }

    // Lists and differences.

    fn poll(&mut self, is_early: bool) -> bool {
        let Some(bulletin) = self.hub.poll_bulletin(self.now) else { return false };
        let room = bulletin.room().expect("nobody has friends").to_string();
        let list = self.model.list(&room);
        if let Some(seen) = bulletin.list() {
            assert_eq!(list_of(seen), list, "what is to be seen in {room}");
        }
        let news = if is_early {
            Encoding::Early(bulletin.encode(limits().list_bytes_max))
        } else {
            Encoding::Late(bulletin)
        };
        self.outstanding.push(Outstanding { room, list, moment: self.moment, news });
        true
    }

    fn publish(&mut self, index: usize) {
        let Outstanding { room, list, moment, news } = self.outstanding.remove(index);
        let print = match news {
            Encoding::Early(print) => print,
            Encoding::Late(bulletin) => bulletin.encode(limits().list_bytes_max),
        };
        let mut deliveries = Deliveries::new();
        self.hub.publish(self.now, print, &mut deliveries);
        for (to, mail) in deliveries {
            let seat = self.seat_of(to).expect("it is told to who is there");
            let person = self.model.person(seat).expect("is connected");
            assert!(person.user.is_some(), "it is told to members alone");
            let picture = self.pictures.get_mut(&seat).expect("who is connected has one");
            match mail {
                Mail::List(frame) => {
                    assert_eq!((person.kind == Kind::Device, person.room), (false, room.as_str()));
                    let kind = if room == "lobby" { "list" } else { "list_room" };
                    let right = format!(r#"{{"type":"{kind}","status":"ok","data":{list}}}"#);
                    assert_eq!(json(&frame), right);
                    let known = picture.list.as_ref().map(|(_, moment)| *moment);
                    assert!(known.is_some_and(|known| known <= moment), "{person:?} knows better");
                    picture.list = Some((list.clone(), moment));
                }
                Mail::Frame(frame) => {
                    assert_eq!(person.kind, Kind::Device, "{}", json(&frame));
                    let kind = if room == "lobby" { "rooms" } else { "roster" };
                    assert!(json(&frame).starts_with(&format!(r#"{{"type":"{kind}","#)), "{}", json(&frame));
                    picture.learn(&Mail::Frame(frame), moment);
                }
                mail => panic!("{} is no list", shown(&mail)),
            }
        }
    }

    fn show(&mut self) {
        while !self.outstanding.is_empty() || self.poll(true) {
            self.publish(0);
        }
    }

    // What must hold.

    fn seat_of(&self, id: ConnId) -> Option<usize> {
        self.seats.iter().find(|(_, other)| **other == id).map(|(seat, _)| *seat)
    }

    /// Each connection hears what it has to, in that order. In which order several are told something is nobody's business.
    fn check_heard(&mut self) {
        let mut heard = vec![];
        for (to, mail) in std::mem::take(&mut self.deliveries) {
            let Some(seat) = self.seat_of(to) else { panic!("{} for nobody", shown(&mail)) };
            let kind = self.model.person(seat).expect("is connected").kind;
            if kind == Kind::Original {
                check_survives(&mail);
            }
            self.pictures.get_mut(&seat).expect("who is connected has one").learn(&mail, self.moment);
            heard.push((seat, shown(&mail)));
        }
        let mut right = std::mem::take(&mut self.model.heard);
        for heard in [&mut heard, &mut right] {
            heard.sort_by_key(|(seat, _)| *seat);
        }
        assert_eq!(heard, right);
    }

    fn check_counts(&self) {
        let counted = self.model.people.iter().filter(|person| !person.is_dismissed).count();
        let users: BTreeSet<Name> = self.model.people.iter().filter_map(|person| person.user).collect();
        assert_eq!(self.hub.connections(), counted);
        assert_eq!(self.hub.users(), users.len());
        assert_eq!(self.hub.rooms(), self.model.rooms.len());
        assert_eq!(self.hub.pending_appends(), self.model.journal.len() as u64);
        let mut grants = self.hub.grants();
        grants.sort();
        assert_eq!(grants, self.model.logins().into_iter().map(grant).collect::<Vec<_>>());
        for room in &self.model.rooms[1..] {
            assert!(room.members.len() <= limits().room_members_max, "{} is too full", room.name);
        }
        for user in USERS {
            let places = self.model.places.iter().filter(|place| place.user == user).count();
            assert!(places <= limits().rooms_joined_max, "{user} is in too many rooms");
        }
    }

    /// Where nothing is left to be told, everybody knows what is so.
    fn check_pictures_if_quiet(&self) {
        if !self.outstanding.is_empty() || self.hub.deadline().is_some() {
            return;
        }
        for person in &self.model.people {
            let picture = &self.pictures[&person.seat];
            let Some(user) = person.user else { continue };
            if person.kind != Kind::Device {
                let known = picture.list.as_ref().map(|(list, _)| list.as_str());
                assert_eq!(known, Some(self.model.list(person.room).as_str()), "{person:?}");
                continue;
            }
            let crowds =
                self.model.rooms.iter().map(|room| (room.name.to_owned(), room.members.len() as u64));
            assert_eq!(picture.crowds, crowds.collect(), "{person:?}");
            let mine = self.model.rooms.iter().filter(|room| self.model.takes_part(user, room.name));
            assert_eq!(
                picture.places,
                mine.map(|room| (room.name.to_owned(), room.last)).collect(),
                "{person:?}"
            );
            for (name, people) in &picture.rosters {
                let room = self.model.find_room(name).expect("a room that is taken part in stays");
                let right: BTreeSet<String> = room.members.iter().map(|name| (*name).to_owned()).collect();
                assert_eq!(*people, right, "{person:?} sees in {name}");
            }
        }
    }

    /// Once it is quiet, everything said is settled, everybody knows the last state, and nothing is due any more.
    fn settle_all(&mut self) {
        loop {
            for step in [Step::Take(usize::MAX), Step::Write(true), Step::Settle] {
                self.run(&step);
            }
            if self.model.journal.is_empty() {
                break;
            }
        }
        self.run(&Step::Show);
        self.run(&Step::Wait(3_600_000));
        self.run(&Step::Show);
        assert_eq!(self.hub.deadline(), None);
        assert!(self.model.people.iter().all(|person| !person.is_waiting || person.user.is_none()));
        for seat in 0..SEATS {
            self.run(&Step::List(seat));
        }
    }

    /// When all have gone, the house is as empty as it was.
    fn end(&mut self) {
        for seat in 0..SEATS {
            self.run(&Step::Disconnect(seat));
        }
        assert_eq!((self.hub.connections(), self.hub.users()), (0, 0));
        self.now = self.now + Duration::from_secs(1);
        assert!(self.hub.poll_bulletin(self.now).is_none());
        assert_eq!(self.hub.deadline(), None);
    }
}

fn grant(login: usize) -> GrantId {
    GrantId(i64::try_from(login).unwrap())
}

/// A hub that starts with what the disk has.
fn hub(now: Instant, disk: &Disk) -> Hub {
    let room = |(name, last_seq): &(Name, u64)| {
        let (key, name) = room_name(name);
        StoredRoom { key, look: NameLook::of_room(look_of, &name).unwrap(), name, last_seq: *last_seq }
    };
    let place = |place: &model::Place| StoredPlace {
        account: Account::new(key_of, user_name(place.user)).unwrap(),
        room: NameKey::new(key_of, place.room),
        read: place.read,
    };
    let memory = Memory {
        rooms: disk.rooms.iter().map(room).collect(),
        places: disk.places.iter().map(place).collect(),
        ..Memory::default()
    };
    let example = RoomName::parse("example").unwrap();
    Hub::new(now, limits(), key_of, look_of, &[example]).with_history(now, memory)
}

/// What comes to an original client besides lists is what it knows: answers to what it asked, and messages without a place.
fn check_survives(mail: &Mail) {
    match mail {
        Mail::Frame(frame) => {
            let frame: serde_json::Value = serde_json::from_slice(&frame[PREFIX_BYTES..]).unwrap();
            assert_eq!(frame["type"], "msg");
            let keys: Vec<&String> = frame["data"].as_object().unwrap().keys().collect();
            assert!(keys.iter().all(|key| ["to", "from", "text"].contains(&key.as_str())), "{keys:?}");
        }
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
            panic!("{} is nothing an original client knows", shown(mail))
        }
        Mail::List(_) | Mail::Whisper(_) | Mail::Reply(_) | Mail::Refused(_) | Mail::Farewell(_) => {}
    }
}

fn frame(json: &str) -> Frame {
    let length = u32::try_from(json.len()).unwrap().to_be_bytes();
    [&length, json.as_bytes()].concat().into()
}

fn json(frame: &Frame) -> &str {
    std::str::from_utf8(&frame[PREFIX_BYTES..]).unwrap()
}

fn shown(mail: &Mail) -> String {
    let standing = |Standing { room, last, read }: &Standing| format!("{room} {read}/{last}");
    let people = |roster: &Roster| roster.members.iter().collect::<Vec<_>>().join(" ");
    match mail {
        Mail::Frame(frame) => json(frame).to_owned(),
        Mail::Read(room, seq) => format!("also read {room} {seq}"),
        Mail::List(_) => panic!("no command is answered with a push"),
        Mail::Whisper(whisper) => {
            let kept = whisper.kept.as_ref().expect("what is said is kept");
            let cid = kept.cid.as_ref().map_or("", Cid::as_str);
            let (from, text) = (&whisper.from, whisper.text.as_str());
            format!("{from} whispers {text} to {} {} {cid}", kept.to, kept.posted.seq)
        }
        Mail::Farewell(farewell) => format!("farewell {farewell:?}"),
        Mail::Joined(place) => format!("also joined {}", standing(&place.1)),
        Mail::Parted(_, room) => format!("also parted {room}"),
        Mail::Refused(refused) => format!("refused {:?}", refused.1),
        Mail::Reply(Reply::LoggedIn(list)) => format!("logged in {}", list_of(list)),
        Mail::Reply(Reply::Listed(list)) => format!("listed {}", list_of(list)),
        Mail::Reply(Reply::Created(room)) => format!("created {room}"),
        Mail::Reply(Reply::Entered(room, list)) => format!("entered {room} {}", list_of(list)),
        Mail::Reply(Reply::Left(room, list)) => format!("left {room} {}", list_of(list)),
        Mail::Reply(Reply::LoggedOut) => "logged out".into(),
        Mail::Reply(Reply::Overview(Overview { crowds, places })) => {
            let crowds: Vec<String> =
                crowds.iter().map(|crowd| format!("{} {}", crowd.room, crowd.people)).collect();
            let places: Vec<String> = places.iter().map(|(_, place)| standing(place)).collect();
            format!("overview [{}] in [{}]", crowds.join(", "), places.join(", "))
        }
        Mail::Reply(Reply::People(roster)) => format!("people {} [{}]", roster.room, people(roster)),
        Mail::Reply(Reply::Joined(joined)) => {
            let (_, place, roster) = &**joined;
            format!("joined {} [{}]", standing(place), people(roster))
        }
        Mail::Reply(Reply::Parted(_, room)) => format!("parted {room}"),
        Mail::Reply(Reply::Read(room, seq)) => format!("read {room} {seq}"),
        Mail::Reply(Reply::PeerRead(peer, seq)) => format!("read @{peer} {seq}"),
        Mail::Tied(..)
        | Mail::Here(_)
        | Mail::Reply(Reply::Friends(_) | Reply::Tied(..) | Reply::Present(_)) => {
            panic!("nobody here has friends")
        }
        Mail::Reply(Reply::Said) => "said".into(),
        Mail::Reply(Reply::Denied(denial)) => format!("denied {denial:?}"),
    }
}

/// What the hub wants to be durable.
fn shown_entry(entry: &Entry) -> String {
    match entry {
        Entry::Room(founding) => format!("room {}", founding.name),
        Entry::Message(message) => {
            let read = if message.is_read_by_author { ", which is read" } else { "" };
            format!("{} says {}{read}", message.author.name, message.text.as_str())
        }
        Entry::Place(placing) => {
            let step = match placing.step {
                PlacingStep::Join => PlaceStep::Join,
                PlacingStep::Part => PlaceStep::Part,
                PlacingStep::Read(seq) => PlaceStep::Read(seq),
            };
            format!("{} {step:?} {}", placing.account.name, placing.name)
        }
        Entry::Telling(telling) => format!("{} is told", telling.account.name),
        Entry::Tying(_) => panic!("nobody here has friends"),
        Entry::PeerRead(read) => format!("{} has read {} with {}", read.account.name, read.seq, read.name),
    }
}

fn talk((peer, last, read): &(Name, u64, u64)) -> Talk {
    Talk { peer: user_name(peer), last: *last, read: *read }
}

/// What the model wants to be durable.
fn shown_what(what: &What) -> String {
    match what {
        What::Room { name, .. } => format!("room {name}"),
        What::Message { author, text, is_read, .. } => {
            let read = if *is_read { ", which is read" } else { "" };
            format!("{author} says {text}{read}")
        }
        What::Place { user, room, step } => format!("{user} {step:?} {room}"),
        What::Telling { user } => format!("{user} is told"),
        What::PeerRead { user, peer, seq } => format!("{user} has read {seq} with {peer}"),
    }
}
