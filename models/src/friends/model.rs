//! What people are to each other, and what each connection is told of it.

use std::collections::{BTreeMap, BTreeSet};

use chatroom_core::message::friend::{Op, Tie};

use super::{Kind, LIST_MAX, NOBODY, USERS};
use crate::ties::{Most, Ties};

pub(super) type Name = &'static str;

/// What others are to somebody.
pub(super) type Views = BTreeMap<String, Tie>;

#[derive(Default)]
pub(super) struct Model {
    /// What is on the disk.
    disk: Facts,
    /// What everybody was told by now.
    told: Facts,
    people: Vec<Person>,
    /// Users of whom a device has been told what others are to them, and one is still there that is told such things.
    known: BTreeSet<Name>,
    journal: Vec<Entry>,
    taken: usize,
    made: Option<Vec<Made>>,
    /// Who waits for that entry.
    held: Vec<(u64, usize, Held)>,
    /// Which logins of which seats could not be told: they are once the disk does something.
    untold: Vec<(usize, u64)>,
    pub(super) heard: Vec<(usize, String)>,
    dismissed: Vec<usize>,
    count: u64,
}

#[derive(Clone, Default)]
struct Facts {
    ties: Ties<Name>,
    deleted: BTreeSet<Name>,
}

struct Person {
    seat: usize,
    kind: Kind,
    user: Name,
    login: u64,
    is_waiting: bool,
    /// By which entry it is told, if it has not been.
    telling: Option<u64>,
    knows: bool,
}

struct Entry {
    number: u64,
    seat: usize,
    login: u64,
    user: Name,
    what: What,
}

enum What {
    Telling,
    Tie(Op, Name),
    /// To whom, what, by whom who was reached or is only a friend, and what is said to who is refused.
    Whisper {
        to: Name,
        text: String,
        is_reached: bool,
        kind: Kind,
    },
}

/// What came of an entry, and what is so after it.
enum Made {
    Nothing,
    Done(Facts),
    /// It is not done, for that reason.
    Not(String),
}

enum Held {
    List,
    Whisper(Name, String),
}

impl Facts {
    /// What another is to somebody.
    fn view(&self, own: Name, other: Name) -> Tie {
        self.ties.view(own, other)
    }

    fn views(&self, own: Name) -> Views {
        self.ties.views(own).into_iter().map(|(other, tie)| (other.to_owned(), tie)).collect()
    }

    /// Somebody does something about another.
    fn tie(&mut self, own: Name, op: Op, other: Name) -> Result<(), String> {
        if other == NOBODY || self.deleted.contains(other) {
            return Err("Unknown".to_owned());
        }
        let most = Most { friends: LIST_MAX, asked: LIST_MAX, asking: LIST_MAX, blocked: LIST_MAX };
        self.ties.tie(own, op, other, most).map_err(|untied| format!("{untied:?}"))
    }

    fn delete(&mut self, user: Name) {
        self.ties.delete(user);
        self.deleted.insert(user);
    }
}

impl Model {
    // Looking up.

    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    pub(super) fn views(&self, seat: usize) -> Views {
        self.told.views(self.person(seat).expect("is connected").user)
    }

    /// Whether somebody is there who waits for nothing, and was granted so much.
    pub(super) fn is_idle(&self, seat: usize, kind: Kind) -> bool {
        let person = self.person(seat).filter(|person| !person.is_waiting);
        person.is_some_and(|person| kind != Kind::Friendly || person.kind == Kind::Friendly)
    }

    /// Whether a device was told what others are to its user, and is to be told what changes.
    pub(super) fn knows(&self, seat: usize) -> bool {
        self.person(seat).is_some_and(|person| person.knows)
    }

    pub(super) fn is_friendly(&self, seat: usize) -> bool {
        self.person(seat).is_some_and(|person| person.kind == Kind::Friendly)
    }

    /// Who was told to go since this was asked last.
    pub(super) fn dismissed(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.dismissed)
    }

    fn person(&self, seat: usize) -> Option<&Person> {
        self.people.iter().find(|person| person.seat == seat)
    }

    fn person_mut(&mut self, seat: usize) -> &mut Person {
        self.people.iter_mut().find(|person| person.seat == seat).expect("is connected")
    }

    fn seats(&self, user: Name, is_it: impl Fn(&Person) -> bool) -> Vec<usize> {
        let mine = self.people.iter().filter(|person| person.user == user && is_it(person));
        mine.map(|person| person.seat).collect()
    }

    /// Whether somebody can be given a private message: by a device from anywhere, by a single one in the room.
    fn is_reached(&self, user: Name, by: Kind) -> bool {
        !self.seats(user, |person| by != Kind::Single || person.kind == Kind::Single).is_empty()
    }

    // Telling.

    fn tell(&mut self, seat: usize, words: impl Into<String>) {
        self.heard.push((seat, words.into()));
    }

    fn answer(&mut self, seat: usize, words: impl Into<String>) {
        self.person_mut(seat).is_waiting = false;
        self.tell(seat, words);
    }

    // What connections do.

    pub(super) fn come(&mut self, seat: usize, kind: Kind, user: Name) {
        if kind == Kind::Single {
            for older in self.seats(user, |person| person.kind == Kind::Single) {
                self.send_away(older);
            }
        }
        self.count += 1;
        let login = self.count;
        let (is_waiting, telling, knows) = (false, None, false);
        self.people.push(Person { seat, kind, user, login, is_waiting, telling, knows });
        self.tell(seat, "logged in");
        if kind != Kind::Single {
            self.begin_to_tell(seat);
        }
    }

    pub(super) fn enter(&mut self, seat: usize) {
        self.tell(seat, "entered");
    }

    pub(super) fn go(&mut self, seat: usize) {
        self.people.retain(|person| person.seat != seat);
        self.held.retain(|(_, other, _)| *other != seat);
        let is_friendly = |user: &&Name| {
            self.people.iter().any(|person| person.user == **user && person.kind == Kind::Friendly)
        };
        self.known = self.known.iter().filter(is_friendly).copied().collect();
    }

    fn send_away(&mut self, seat: usize) {
        self.tell(seat, "farewell");
        self.go(seat);
        self.dismissed.push(seat);
    }

    pub(super) fn tie(&mut self, seat: usize, op: Op, other: Name) {
        if self.person_mut(seat).user == other {
            return self.answer(seat, "denied Oneself");
        }
        self.person_mut(seat).is_waiting = true;
        self.push(seat, What::Tie(op, other));
    }

    pub(super) fn list(&mut self, seat: usize) {
        let person = self.person_mut(seat);
        person.is_waiting = true;
        let (user, telling) = (person.user, person.telling);
        if self.known.contains(user) {
            let is_on_its_way = telling.is_some_and(|number| self.is_on_its_way(number));
            self.person_mut(seat).knows |= !is_on_its_way;
            let views = self.told.views(user);
            return self.answer(seat, format!("list {}", listed(&views)));
        }
        match telling.filter(|number| self.is_on_its_way(*number)) {
            Some(until) => self.held.push((until, seat, Held::List)),
            None => self.answer(seat, "denied NotKept"),
        }
    }

    pub(super) fn whisper(&mut self, seat: usize, to: Name, text: String) {
        let person = self.person_mut(seat);
        person.is_waiting = true;
        let (user, kind, telling) = (person.user, person.kind, person.telling);
        let is_reached = self.is_reached(to, kind) && !self.told.ties.has_blocked(to, user);
        if !is_reached && kind == Kind::Friendly && !self.known.contains(user) {
            match telling.filter(|number| self.is_on_its_way(*number)) {
                Some(until) => self.held.push((until, seat, Held::Whisper(to, text))),
                None => self.answer(seat, "denied NotKept"),
            }
            return;
        }
        let is_friend = kind == Kind::Friendly && self.told.ties.are_friends(user, to);
        if !is_reached && !is_friend {
            return self.answer(seat, format!("denied {}", absence(to, kind)));
        }
        self.push(seat, What::Whisper { to, text, is_reached, kind });
        self.answer(seat, "said");
    }

    pub(super) fn delete(&mut self, user: Name) {
        for seat in self.seats(user, |_| true) {
            self.send_away(seat);
        }
        self.disk.delete(user);
        for other in USERS {
            if self.known.contains(other) && self.told.view(other, user) != Tie::None {
                for device in self.seats(other, |person| person.knows) {
                    self.tell(device, format!("now {user} {:?}", Tie::None));
                }
            }
        }
        self.told.delete(user);
    }

    pub(super) fn restart(&mut self) {
        let (disk, count) = (self.disk.clone(), self.count);
        *self = Self { told: disk.clone(), disk, count, ..Self::default() };
    }

    fn begin_to_tell(&mut self, seat: usize) {
        let number = self.push(seat, What::Telling);
        self.person_mut(seat).telling = Some(number);
    }

    fn push(&mut self, seat: usize, what: What) -> u64 {
        self.count += 1;
        let Person { login, user, .. } = *self.person(seat).expect("is connected");
        self.journal.push(Entry { number: self.count, seat, login, user, what });
        self.count
    }

    fn is_on_its_way(&self, number: u64) -> bool {
        self.journal.iter().any(|entry| entry.number == number)
    }

    // What the disk does.

    pub(super) fn take(&mut self, count_max: usize) {
        self.taken = count_max.min(self.journal.len());
    }

    pub(super) fn write(&mut self, is_durable: bool) {
        let mut made = vec![];
        for entry in &self.journal[..self.taken] {
            made.push(if is_durable { write(&mut self.disk, entry) } else { Made::Nothing });
        }
        self.made = Some(made);
    }

    pub(super) fn settle(&mut self) {
        let mut is_disk_at_work = false;
        for made in self.made.take().expect("it was written") {
            let entry = self.journal.remove(0);
            self.taken -= 1;
            is_disk_at_work |= matches!(made, Made::Done(_));
            self.settle_one(entry, made);
        }
        if is_disk_at_work {
            for (seat, login) in std::mem::take(&mut self.untold) {
                if self.person(seat).is_some_and(|person| person.login == login) {
                    self.begin_to_tell(seat);
                }
            }
        }
        let first = self.journal.first().map_or(u64::MAX, |entry| entry.number);
        let due: Vec<_> = self.held.extract_if(.., |(until, ..)| *until < first).collect();
        for (_, seat, held) in due {
            match held {
                Held::List => self.list(seat),
                Held::Whisper(to, text) => self.whisper(seat, to, text),
            }
        }
    }

    fn settle_one(&mut self, entry: Entry, made: Made) {
        let Entry { seat, login, user, what, .. } = entry;
        let is_there = self.person(seat).is_some_and(|person| person.login == login);
        let before = self.told.clone();
        match (what, made) {
            (What::Telling, Made::Done(facts)) => {
                self.told = facts;
                if is_there {
                    let person = self.person_mut(seat);
                    person.telling = None;
                    if person.kind == Kind::Friendly && !std::mem::replace(&mut person.knows, true) {
                        self.known.insert(user);
                        let views = self.told.views(user);
                        self.tell(seat, format!("all {}", listed(&views)));
                    }
                }
            }
            (What::Telling, Made::Nothing | Made::Not(_)) => {
                if is_there {
                    self.untold.push((seat, login));
                }
            }
            (What::Tie(_, other), Made::Done(facts)) => {
                self.told = facts;
                for (own, other) in [(user, other), (other, user)] {
                    let tie = self.told.view(own, other);
                    if tie != before.view(own, other) {
                        let others = |person: &Person| person.knows && !(is_there && person.seat == seat);
                        for device in self.seats(own, others) {
                            self.tell(device, format!("now {other} {tie:?}"));
                        }
                    }
                }
                if is_there {
                    let tie = self.told.view(user, other);
                    self.answer(seat, format!("{other} {tie:?}"));
                }
            }
            (What::Tie(_, other), made) => {
                let why = match made {
                    Made::Not(why) => format!("Untied({why}, {other:?})"),
                    Made::Nothing | Made::Done(_) => "NotKept".to_owned(),
                };
                if is_there {
                    self.answer(seat, format!("denied {why}"));
                }
            }
            (What::Whisper { to, text, .. }, Made::Done(facts)) => {
                self.told = facts;
                // Who is in one room is in the same one, and hears what is said from anywhere.
                let mut readers = self.seats(to, |_| true);
                if to != user {
                    readers.extend(self.seats(user, |person| person.kind != Kind::Single));
                }
                readers.retain(|reader| !is_there || *reader != seat);
                readers.extend(is_there.then_some(seat));
                for reader in readers {
                    self.tell(reader, format!("{user} whispers {text} to {to}"));
                }
                if is_there {
                    self.tell(seat, "ack");
                }
            }
            (What::Whisper { .. }, made) => {
                let why = match made {
                    Made::Not(why) => why,
                    Made::Nothing | Made::Done(_) => "NotKept".to_owned(),
                };
                if is_there {
                    self.tell(seat, format!("refused {why}"));
                }
            }
        }
    }
}

/// What the disk makes of an entry.
fn write(disk: &mut Facts, entry: &Entry) -> Made {
    let user = entry.user;
    match &entry.what {
        What::Telling => Made::Done(disk.clone()),
        _ if disk.deleted.contains(user) => Made::Nothing,
        What::Tie(op, other) => {
            let mut after = disk.clone();
            if let Err(why) = after.tie(user, *op, other) {
                return Made::Not(why);
            }
            disk.clone_from(&after);
            Made::Done(after)
        }
        What::Whisper { to, kind, .. } if disk.deleted.contains(to) => Made::Not(absence(to, *kind)),
        What::Whisper { to, is_reached, kind, .. } => {
            let is_wanted = match is_reached {
                true => !disk.ties.has_blocked(to, user),
                false => disk.ties.are_friends(user, to),
            };
            if is_wanted { Made::Done(disk.clone()) } else { Made::Not(absence(to, *kind)) }
        }
    }
}

/// What who is not there is called, for somebody in a room or for who is anywhere.
fn absence(to: Name, kind: Kind) -> String {
    match kind {
        Kind::Single => format!(r#"NotInRoom("{to}", "example")"#),
        Kind::Device | Kind::Friendly => format!(r#"NotHere("{to}")"#),
    }
}

/// What others are to somebody, in a line.
pub(super) fn listed(views: &Views) -> String {
    views.iter().map(|(name, tie)| format!("{name} {tie:?}")).collect::<Vec<_>>().join(", ")
}
