//! What a hub does for users in many rooms and for users in one at a time, as lists that are searched from end to end.
//!
//! Who is in a room is not kept but looked up, after every step, from who is connected and who takes part in what.

use super::disk::{Disk, Made};
use super::{Kind, limits};

/// A user or a room. There are few, and all are spelled in one way.
pub(super) type Name = &'static str;

pub(super) struct Model {
    pub(super) now_ms: u64,
    /// Who is connected, in the order in which they came to be without a login, or logged in.
    pub(super) people: Vec<Person>,
    /// In the order of their making.
    pub(super) rooms: Vec<Room>,
    /// Who takes part in which room.
    pub(super) places: Vec<Place>,
    /// What is to be durable, in its order, and how many of these are on their way.
    pub(super) journal: Vec<Entry>,
    pub(super) taken: usize,
    /// Who waits until that entry is settled, and for what.
    held: Vec<(u64, usize, Held)>,
    /// Who is answered when less is on its way.
    crowded: Vec<usize>,
    /// Whose logins that last have ended: nobody comes by these any more.
    ended: Vec<(Name, usize)>,
    /// Which logins of which seats could not be told of private conversations: they are once the disk does anything.
    untold: Vec<(usize, u64)>,
    /// What each seat heard in this step.
    pub(super) heard: Vec<(usize, String)>,
    /// Numbers whatever has to be told apart: rooms, logins, entries.
    count: u64,
}

#[derive(Debug)]
pub(super) struct Person {
    pub(super) seat: usize,
    pub(super) kind: Kind,
    pub(super) is_dismissed: bool,
    pub(super) user: Option<Name>,
    /// Which login that is.
    login: u64,
    /// The one that lasts by which it has come, if it has come by one.
    by: Option<usize>,
    /// Where it is, if it is in one room at a time.
    pub(super) room: Name,
    /// A request of it is not answered.
    pub(super) is_waiting: bool,
}

#[derive(Clone)]
pub(super) struct Room {
    number: u64,
    pub(super) name: Name,
    is_permanent: bool,
    /// Something was said there that is kept, or is to be.
    is_spoken_in: bool,
    /// The number of the last message.
    pub(super) last: u64,
    /// Each user once, in the order of arrival.
    pub(super) members: Vec<Name>,
    empty_since_ms: u64,
}

/// A user takes part in a room, and has read so far.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) user: Name,
    pub(super) room: Name,
    pub(super) read: u64,
}

/// Something that has to be durable first.
pub(super) struct Entry {
    number: u64,
    seat: usize,
    /// Of which login of that seat.
    login: u64,
    pub(super) what: What,
}

pub(super) enum What {
    Room {
        name: Name,
        instead: Option<Room>,
    },
    Message {
        author: Name,
        to: Option<Name>,
        room: Option<Name>,
        text: String,
        cid: Option<String>,
        is_read: bool,
    },
    Place {
        user: Name,
        room: Name,
        step: PlaceStep,
    },
    /// A user's device is to be told of their private conversations.
    Telling {
        user: Name,
    },
    /// A user has read so far what they and another said to each other.
    PeerRead {
        user: Name,
        peer: Name,
        seq: u64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlaceStep {
    Join,
    Part,
    Read(u64),
}

enum Held {
    Exit,
    Create(Name),
}

impl Model {
    /// As it is after a start, with what the disk has.
    pub(super) fn new(now_ms: u64, disk: &Disk) -> Self {
        let mut model = Self {
            now_ms,
            people: vec![],
            rooms: vec![],
            places: vec![],
            journal: vec![],
            taken: 0,
            held: vec![],
            crowded: vec![],
            ended: vec![],
            untold: vec![],
            heard: vec![],
            count: 0,
        };
        for name in ["lobby", "example"] {
            model.add_room(name, true);
        }
        for (name, last) in &disk.rooms {
            if model.find_room(name).is_none() {
                model.add_room(name, false);
            }
            let room = model.room(name);
            (room.last, room.is_spoken_in) = (*last, *last > 0);
        }
        model.places.clone_from(&disk.places);
        model
    }

    // Looking up.

    pub(super) fn person(&self, seat: usize) -> Option<&Person> {
        self.people.iter().find(|person| person.seat == seat)
    }

    fn person_mut(&mut self, seat: usize) -> &mut Person {
        self.people.iter_mut().find(|person| person.seat == seat).expect("is connected")
    }

    pub(super) fn user(&self, seat: usize) -> Option<Name> {
        self.person(seat)?.user
    }

    pub(super) fn find_room(&self, name: &str) -> Option<&Room> {
        self.rooms.iter().find(|room| room.name == name)
    }

    fn room(&mut self, name: &str) -> &mut Room {
        self.rooms.iter_mut().find(|room| room.name == name).expect("there is such a room")
    }

    pub(super) fn takes_part(&self, user: &str, room: &str) -> bool {
        self.places.iter().any(|place| place.user == user && place.room == room)
    }

    /// The seats of a user's devices, the oldest login first.
    fn devices(&self, user: &str) -> Vec<usize> {
        let mut devices: Vec<&Person> = self
            .people
            .iter()
            .filter(|person| person.kind == Kind::Device && person.user == Some(user))
            .collect();
        devices.sort_by_key(|person| person.login);
        devices.iter().map(|person| person.seat).collect()
    }

    fn base(&self, user: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.kind != Kind::Device && person.user == Some(user))
    }

    /// The seats that a user can be given a private message by: in that room, or wherever they are.
    fn reach(&self, user: &str, room: Option<Name>) -> Vec<usize> {
        let devices = room.is_none_or(|room| self.takes_part(user, room)).then(|| self.devices(user));
        self.base_in(user, room).into_iter().chain(devices.unwrap_or_default()).collect()
    }

    /// The seat that is in one room at a time, if it is in that one, or in any but the lobby.
    fn base_in(&self, user: &str, room: Option<Name>) -> Option<usize> {
        let is_there = |person: &&Person| room.map_or(person.room != "lobby", |room| person.room == room);
        self.base(user).filter(is_there).map(|person| person.seat)
    }

    /// A room's list as JSON, as who is in it sees it.
    pub(super) fn list(&self, room: &str) -> String {
        let seen = self.rooms.iter().filter(|other| room == "lobby" || other.name == room);
        let room = |room: &Room| {
            let names: Vec<String> = room.members.iter().map(|name| format!("{name:?}")).collect();
            format!("{:?}:[{}]", room.name, names.join(","))
        };
        format!("{{{}}}", seen.map(room).collect::<Vec<_>>().join(","))
    }

    fn standing(&self, user: &str, room: &Room) -> Option<String> {
        let place = self.places.iter().find(|place| place.user == user && place.room == room.name)?;
        Some(format!("{} {}/{}", room.name, place.read, room.last))
    }

    pub(super) fn overview(&self, user: &str) -> String {
        let crowds: Vec<String> =
            self.rooms.iter().map(|room| format!("{} {}", room.name, room.members.len())).collect();
        let places: Vec<String> = self.rooms.iter().filter_map(|room| self.standing(user, room)).collect();
        format!("overview [{}] in [{}]", crowds.join(", "), places.join(", "))
    }

    fn people_of(&self, room: &str) -> String {
        self.find_room(room).expect("there is such a room").members.join(" ")
    }

    // Telling.

    fn tell(&mut self, seat: usize, words: impl Into<String>) {
        self.heard.push((seat, words.into()));
    }

    /// Answers a request, if whoever made it is still there.
    fn answer(&mut self, seat: usize, words: impl Into<String>) {
        self.person_mut(seat).is_waiting = false;
        self.tell(seat, words);
    }

    // Who is where.

    /// Has rooms know who is in them. One user at most has moved since it was called last.
    fn look(&mut self) {
        for index in 0..self.rooms.len() {
            let name = self.rooms[index].name;
            let here: Vec<Name> = super::USERS.into_iter().filter(|user| self.is_in(user, name)).collect();
            let room = &mut self.rooms[index];
            let before = room.members.len();
            room.members.retain(|user| here.contains(user));
            if room.members.len() < before {
                room.empty_since_ms = self.now_ms;
            }
            let come: Vec<Name> = here.into_iter().filter(|user| !room.members.contains(user)).collect();
            assert!(come.len() <= 1, "one at a time");
            room.members.extend(come);
        }
    }

    fn is_in(&self, user: &str, room: &str) -> bool {
        let is_nowhere = !self.places.iter().any(|place| place.user == user);
        let by_device = self.takes_part(user, room) || (is_nowhere && room == "lobby");
        self.base(user).is_some_and(|person| person.room == room)
            || (by_device && !self.devices(user).is_empty())
    }

    fn add_room(&mut self, name: Name, is_permanent: bool) {
        self.count += 1;
        let (number, empty_since_ms) = (self.count, self.now_ms);
        let (is_spoken_in, last, members) = (false, 0, vec![]);
        self.rooms.push(Room { number, name, is_permanent, is_spoken_in, last, members, empty_since_ms });
    }

    /// Moves a person to the end of the line, without a login.
    fn unseat(&mut self, seat: usize) {
        if self.user(seat).is_none() {
            return;
        }
        let index = self.people.iter().position(|person| person.seat == seat).expect("is there");
        let mut person = self.people.remove(index);
        person.user = None;
        self.people.push(person);
        self.look();
    }

    fn send_away(&mut self, seat: usize, why: &str) {
        self.unseat(seat);
        self.person_mut(seat).is_dismissed = true;
        self.tell(seat, format!("farewell {why}"));
    }

    // What connections do.

    pub(super) fn connect(&mut self, seat: usize, kind: Kind) -> bool {
        let limit = limits().connections_max;
        loop {
            let counted = self.people.iter().filter(|person| !person.is_dismissed).count();
            let is_visitor = |person: &&Person| person.user.is_none() && !person.is_dismissed;
            let visitors: Vec<usize> =
                self.people.iter().filter(is_visitor).map(|person| person.seat).collect();
            if visitors.len() < limit / 2 && counted < limit {
                break;
            }
            let Some(oldest) = visitors.first() else { return false };
            self.send_away(*oldest, "Crowded");
        }
        let (user, login, by, room) = (None, 0, None, "lobby");
        let (is_dismissed, is_waiting) = (false, false);
        self.people.push(Person { seat, kind, is_dismissed, user, login, by, room, is_waiting });
        true
    }

    pub(super) fn disconnect(&mut self, seat: usize) {
        self.unseat(seat);
        self.people.retain(|person| person.seat != seat);
        self.held.retain(|(_, other, _)| *other != seat);
        self.crowded.retain(|other| *other != seat);
        // What it has said is said by nobody who could be told.
        self.journal.iter_mut().filter(|entry| entry.seat == seat).for_each(|entry| entry.login = 0);
    }

    pub(super) fn login(&mut self, seat: usize, user: Name, by: Option<usize>) {
        let person = self.person(seat).expect("is connected");
        if person.user.is_some() || person.is_dismissed {
            return;
        }
        let kind = person.kind;
        if by.is_some_and(|login| self.ended.contains(&(user, login))) {
            return self.send_away(seat, "Ended");
        }
        if kind != Kind::Device
            && let Some(older) = self.base(user).map(|person| person.seat)
        {
            self.send_away(older, "Replaced");
        }
        while kind == Kind::Device && self.devices(user).len() >= limits().account_devices_max {
            self.send_away(self.devices(user)[0], "Replaced");
        }
        self.count += 1;
        let login = self.count;
        let person = self.person_mut(seat);
        (person.user, person.login, person.by, person.room) = (Some(user), login, by, "lobby");
        self.look();
        let words = match kind {
            Kind::Device => self.overview(user),
            Kind::Original | Kind::Acking => format!("logged in {}", self.list("lobby")),
        };
        self.answer(seat, words);
        if kind == Kind::Device {
            self.write(seat, What::Telling { user });
        }
    }

    pub(super) fn logout(&mut self, seat: usize) {
        self.unseat(seat);
        self.answer(seat, "logged out");
    }

    pub(super) fn dismiss(&mut self, user: Name) {
        let base = self.base(user).map(|person| person.seat);
        for seat in base.into_iter().chain(self.devices(user)) {
            self.send_away(seat, "Disabled");
        }
    }

    /// The logins that last by which anybody has come, in order.
    pub(super) fn logins(&self) -> Vec<usize> {
        let here = self.people.iter().filter(|person| person.user.is_some());
        let mut logins: Vec<usize> = here.filter_map(|person| person.by).collect();
        logins.sort();
        logins
    }

    /// Whether a login of somebody's has ended before.
    pub(super) fn has_ended(&self, seat: usize, login: usize) -> bool {
        self.user(seat).is_some_and(|user| self.ended.contains(&(user, login)))
    }

    pub(super) fn end_login(&mut self, seat: usize, login: usize, was_there: bool) {
        let Some(user) = self.user(seat) else { return };
        self.send_away_by(login, |other| other == user);
        if was_there {
            self.ended.push((user, login));
        }
    }

    pub(super) fn end_logins(&mut self, login: usize) {
        self.send_away_by(login, |_| true);
    }

    /// Who has come by that login goes, of those users.
    fn send_away_by(&mut self, login: usize, is_of: impl Fn(Name) -> bool) {
        let is_it = |person: &&Person| person.by == Some(login) && person.user.is_some_and(&is_of);
        let seats: Vec<usize> = self.people.iter().filter(is_it).map(|person| person.seat).collect();
        for seat in seats {
            self.send_away(seat, "Ended");
        }
    }

    /// Who is where, as one in a room at a time sees it, or as a device does.
    pub(super) fn list_all(&mut self, seat: usize, user: Name) {
        let person = self.person(seat).expect("is connected");
        let words = match person.kind {
            Kind::Device => self.overview(user),
            Kind::Original | Kind::Acking => format!("listed {}", self.list(person.room)),
        };
        let (is_device, login) = (person.kind == Kind::Device, person.login);
        self.answer(seat, words);
        let is_told = |entry: &Entry| {
            (entry.seat, entry.login) == (seat, login) && matches!(entry.what, What::Telling { .. })
        };
        // One that is about to be told needs nothing further.
        if is_device && !self.journal.iter().any(is_told) {
            self.untold.retain(|untold| *untold != (seat, login));
            self.write(seat, What::Telling { user });
        }
    }

    pub(super) fn list_people(&mut self, seat: usize, name: Name) {
        let words = match self.find_room(name) {
            Some(_) => format!("people {name} [{}]", self.people_of(name)),
            None => format!("denied NoSuchRoom({name:?})"),
        };
        self.answer(seat, words);
    }

    pub(super) fn create(&mut self, seat: usize, name: Name) {
        if self.find_room(name).is_some() {
            return self.answer(seat, format!("denied RoomExists({name:?})"));
        }
        let foundings = self.journal.iter().filter(|entry| entry.founds());
        if let Some(entry) = foundings.clone().find(|entry| entry.decides_on(name)) {
            return self.held.push((entry.number, seat, Held::Create(name)));
        }
        let mut instead = None;
        if self.rooms.len() + foundings.count() >= limits().rooms_max {
            let may_go = |room: &&Room| self.may_give_way(room);
            let oldest =
                self.rooms.iter().filter(may_go).min_by_key(|room| (room.empty_since_ms, room.number));
            let Some(oldest) = oldest.cloned() else { return self.answer(seat, "denied TooManyRooms") };
            self.rooms.retain(|room| room.number != oldest.number);
            instead = Some(oldest);
        }
        self.write(seat, What::Room { name, instead });
    }

    fn may_give_way(&self, room: &Room) -> bool {
        !room.is_permanent
            && !room.is_spoken_in
            && room.members.is_empty()
            && !self.places.iter().any(|place| place.room == room.name)
            && self.joins(|_, there| there == room.name) == 0
            && self.now_ms - room.empty_since_ms >= limits().room_idle_ms_min
    }

    /// How many are about to take part in a room for whom that is so.
    fn joins(&self, is_it: impl Fn(Name, Name) -> bool) -> usize {
        let is_join = |entry: &&Entry| match entry.what {
            What::Place { user, room, step: PlaceStep::Join } => is_it(user, room),
            What::Place { .. }
            | What::Message { .. }
            | What::Room { .. }
            | What::Telling { .. }
            | What::PeerRead { .. } => false,
        };
        self.journal.iter().filter(is_join).count()
    }

    /// Who is in a room, takes part in it or is about to leaves no place to others.
    fn is_full(&self, user: Name, room: Name) -> bool {
        let is_in = |other: &&Name| {
            **other != user
                && (self.takes_part(other, room)
                    || self.find_room(room).is_some_and(|room| room.members.contains(other)))
        };
        let others = super::USERS.iter().filter(is_in).count();
        others + self.joins(|_, there| there == room) >= limits().room_members_max
    }

    /// One in a room at a time goes into one, from the lobby.
    pub(super) fn enter(&mut self, seat: usize, user: Name, name: Name) {
        if self.find_room(name).is_none() {
            return self.answer(seat, format!("denied NoSuchRoom({name:?})"));
        }
        if self.person(seat).is_some_and(|person| person.room == name) {
            return self.answer(seat, format!("denied AlreadyThere({name:?})"));
        }
        if self.is_full(user, name) {
            return self.answer(seat, format!("denied RoomFull({name:?})"));
        }
        self.go(seat, name);
        self.answer(seat, format!("entered {name} {}", self.list(name)));
    }

    fn go(&mut self, seat: usize, to: Name) {
        // Out of the one first, and then into the other.
        for room in ["", to] {
            self.person_mut(seat).room = room;
            self.look();
        }
    }

    pub(super) fn exit(&mut self, seat: usize) {
        let here = self.person(seat).expect("is connected").room;
        let is_here = |entry: &&Entry| matches!(entry.what, What::Message { room, .. } if room == Some(here));
        match self.journal.iter().rev().find(is_here) {
            // What was said before it is heard before it.
            Some(last) => self.held.push((last.number, seat, Held::Exit)),
            None => self.go_out(seat),
        }
    }

    fn go_out(&mut self, seat: usize) {
        let here = self.person(seat).expect("is connected").room;
        self.go(seat, "lobby");
        self.answer(seat, format!("left {here} {}", self.list("lobby")));
    }

    pub(super) fn join(&mut self, seat: usize, user: Name, name: Name) {
        let mine = self.places.iter().filter(|place| place.user == user).count();
        let denial = if self.find_room(name).is_none() {
            "NoSuchRoom"
        } else if name == "lobby" || self.takes_part(user, name) {
            "AlreadyThere"
        } else if self.is_full(user, name) {
            "RoomFull"
        } else if mine + self.joins(|other, _| other == user) >= limits().rooms_joined_max {
            return self.answer(seat, "denied TooManyPlaces");
        } else {
            return self.write(seat, What::Place { user, room: name, step: PlaceStep::Join });
        };
        self.answer(seat, format!("denied {denial}({name:?})"));
    }

    pub(super) fn part(&mut self, seat: usize, user: Name, name: Name) {
        if !self.stays(user, name) {
            return self.answer(seat, format!("denied NotThere({name:?})"));
        }
        self.write(seat, What::Place { user, room: name, step: PlaceStep::Part });
    }

    pub(super) fn read(&mut self, seat: usize, user: Name, name: Name, seq: u64) {
        if !self.stays(user, name) {
            return self.answer(seat, format!("denied NotThere({name:?})"));
        }
        let seq = self.find_room(name).map_or(0, |room| seq.min(room.last));
        let place = self.own_place(user, name).expect("they take part");
        if seq > place.read {
            place.read = seq;
            for device in self.devices(user) {
                if device != seat {
                    self.tell(device, format!("also read {name} {seq}"));
                }
            }
            // One note of a place is on its way at a time.
            if !self.is_on_its_way(user, name, |step| matches!(step, PlaceStep::Read(_))) {
                self.write(seat, What::Place { user, room: name, step: PlaceStep::Read(seq) });
            }
        }
        let read = self.own_place(user, name).expect("they take part").read;
        self.answer(seat, format!("read {name} {read}"));
    }

    pub(super) fn read_peer(&mut self, seat: usize, user: Name, peer: Name, seq: u64) {
        self.write(seat, What::PeerRead { user, peer, seq });
    }

    fn own_place(&mut self, user: &str, room: &str) -> Option<&mut Place> {
        self.places.iter_mut().find(|place| place.user == user && place.room == room)
    }

    /// Whether a user takes part in a room and is not about to leave it.
    fn stays(&self, user: &str, room: &str) -> bool {
        self.takes_part(user, room) && !self.is_on_its_way(user, room, |step| step == PlaceStep::Part)
    }

    fn is_on_its_way(&self, user: &str, room: &str, is_it: impl Fn(PlaceStep) -> bool) -> bool {
        self.journal.iter().any(|entry| {
            matches!(entry.what, What::Place { user: whose, room: which, step }
                if whose == user && which == room && is_it(step))
        })
    }

    /// To everybody in a room, or to a user; one in a room at a time says it there.
    pub(super) fn post(
        &mut self,
        seat: usize,
        user: Name,
        to: Option<Name>,
        room: Option<Name>,
        (text, cid): (String, Option<String>),
    ) {
        let person = self.person(seat).expect("is connected");
        let is_device = person.kind == Kind::Device;
        let there = if is_device { room } else { Some(person.room) };
        if is_device
            && let Some(room) = there
            && !self.stays(user, room)
        {
            return self.answer(seat, format!("denied NotThere({room:?})"));
        }
        if let Some(to) = to
            && self.reach(to, there).is_empty()
        {
            let denial = there
                .map_or_else(|| format!("NotHere({to:?})"), |there| format!("NotInRoom({to:?}, {there:?})"));
            return self.answer(seat, format!("denied {denial}"));
        }
        if let Some(there) = there {
            self.room(there).is_spoken_in = true;
        }
        let is_read = is_device;
        self.write(seat, What::Message { author: user, to, room: there, text, cid, is_read });
        self.go_on_or_wait(seat);
    }

    fn write(&mut self, seat: usize, what: What) {
        self.count += 1;
        let (number, login) = (self.count, self.person(seat).expect("is connected").login);
        self.journal.push(Entry { number, seat, login, what });
    }

    /// Who has said something is answered at once, unless too much is on its way.
    fn go_on_or_wait(&mut self, seat: usize) {
        if self.has_room(seat) && !self.is_full_of_entries() {
            self.answer(seat, "said");
        } else {
            self.crowded.push(seat);
        }
    }

    fn is_full_of_entries(&self) -> bool {
        self.journal.len() as u64 >= limits().appends_total_max
    }

    fn has_room(&self, seat: usize) -> bool {
        let person = self.person(seat).expect("is connected");
        let is_its = |entry: &&Entry| {
            entry.seat == seat && entry.login == person.login && matches!(entry.what, What::Message { .. })
        };
        let max = if person.kind == Kind::Original { 1 } else { limits().appends_connection_max as usize };
        self.journal.iter().filter(is_its).count() < max
    }

    // What the disk does.

    /// This became of what was taken.
    pub(super) fn settle(&mut self, made: &[Made]) {
        let mut is_disk_at_work = false;
        for made in made {
            is_disk_at_work |= !matches!(made, Made::Nothing | Made::Conflict);
            let entry = self.journal.remove(0);
            self.taken -= 1;
            let is_there = self
                .person(entry.seat)
                .is_some_and(|person| person.user.is_some() && person.login == entry.login);
            self.settle_one(entry, made.clone(), is_there);
        }
        if is_disk_at_work {
            for (seat, login) in std::mem::take(&mut self.untold) {
                let is_it = |person: &&Person| person.seat == seat && person.login == login;
                if let Some(user) = self.people.iter().find(is_it).and_then(|person| person.user) {
                    self.write(seat, What::Telling { user });
                }
            }
        }
        let first = self.journal.first().map_or(u64::MAX, |entry| entry.number);
        let due: Vec<_> = self.held.extract_if(.., |(until, ..)| *until < first).collect();
        for (_, seat, held) in due {
            match held {
                _ if self.user(seat).is_none() => {}
                Held::Exit => self.go_out(seat),
                Held::Create(name) => self.create(seat, name),
            }
        }
        if !self.is_full_of_entries() {
            let crowded = std::mem::take(&mut self.crowded);
            for seat in crowded {
                match self.user(seat) {
                    None => {}
                    Some(_) if self.has_room(seat) => self.answer(seat, "said"),
                    Some(_) => self.crowded.push(seat),
                }
            }
        }
    }

    fn settle_one(&mut self, entry: Entry, made: Made, is_there: bool) {
        let Entry { seat, login, what, .. } = entry;
        match (what, made) {
            (What::Room { name, instead }, Made::Durable(_)) => {
                drop(instead);
                self.add_room(name, false);
                if is_there {
                    self.answer(seat, format!("created {name}"));
                }
            }
            (What::Room { instead, .. }, _) => {
                self.rooms.extend(instead);
                self.rooms.sort_by_key(|room| room.number);
                if is_there {
                    self.answer(seat, "denied NotKept");
                }
            }
            (What::Telling { .. }, Made::Told(talks)) => {
                if is_there && !talks.is_empty() {
                    self.tell(seat, peers(&talks));
                }
            }
            (What::Telling { .. }, _) => {
                if is_there {
                    self.untold.push((seat, login));
                }
            }
            (What::PeerRead { user, peer, .. }, Made::Read(seq, is_news)) => {
                let data = format!(r#"{{"peer":"{peer}","seq":{seq}}}"#);
                let others = self.devices(user).into_iter().filter(|device| !is_there || *device != seat);
                for device in others.filter(|_| is_news) {
                    self.tell(device, format!(r#"{{"type":"read","status":"ok","data":{data}}}"#));
                }
                if is_there {
                    self.answer(seat, format!("read @{peer} {seq}"));
                }
            }
            (What::PeerRead { .. }, _) => {
                if is_there {
                    self.answer(seat, "denied NotKept");
                }
            }
            (What::Place { user, room, step }, made) => self.place(seat, user, room, step, made, is_there),
            (What::Message { author, to: Some(to), room, text, cid, .. }, Made::Durable(seq)) => {
                // No device misses one of a conversation, wherever it is.
                let mut readers = self.devices(to);
                if to != author {
                    readers.extend(self.devices(author));
                }
                readers.extend(self.base_in(to, room));
                readers.retain(|reader| !is_there || *reader != seat);
                readers.extend(is_there.then_some(seat));
                let name = cid.clone().unwrap_or_default();
                for reader in readers {
                    self.tell(reader, format!("{author} whispers {text} to {to} {seq} {name}"));
                }
                self.acknowledge(seat, is_there, cid, &format!(r#""peer":"{to}","seq":{seq},"ts":7"#));
            }
            (What::Message { author, room: Some(room), text, cid, is_read, .. }, Made::Durable(seq)) => {
                self.room(room).last = seq;
                let mine = |place: &&mut Place| place.user == author && place.room == room;
                if is_read && let Some(place) = self.places.iter_mut().find(mine) {
                    place.read = seq;
                }
                self.say(author, room, &text, cid.as_ref(), seq);
                self.acknowledge(seat, is_there, cid, &format!(r#""room":"{room}","seq":{seq},"ts":7"#));
            }
            (What::Message { to, room, cid, .. }, Made::Before(seq)) => {
                let (kind, place) = to.map_or(("room", room), |to| ("peer", Some(to)));
                let place = place.expect("what is public is in a room");
                let data = format!(r#""{kind}":"{place}","seq":{seq},"ts":7,"dup":true"#);
                self.acknowledge(seat, is_there, cid, &data);
            }
            (What::Message { .. }, made) => {
                let why = if made == Made::Conflict { "CidConflict" } else { "NotKept" };
                if is_there {
                    self.tell(seat, format!("refused {why}"));
                }
            }
        }
    }

    fn acknowledge(&mut self, seat: usize, is_there: bool, cid: Option<String>, data: &str) {
        if let Some(cid) = cid.filter(|_| is_there) {
            self.tell(seat, format!(r#"{{"type":"ack","status":"ok","data":{{"cid":"{cid}",{data}}}}}"#));
        }
    }

    /// All connections in a room hear it, each in its way.
    fn say(&mut self, author: Name, room: Name, text: &str, cid: Option<&String>, seq: u64) {
        for index in 0..self.people.len() {
            let Person { seat, kind, user: Some(user), room: here, .. } = self.people[index] else {
                continue;
            };
            let is_there = if kind == Kind::Device { self.takes_part(user, room) } else { here == room };
            if !is_there {
                continue;
            }
            let cid =
                cid.filter(|_| user == author).map(|cid| format!(r#","cid":"{cid}""#)).unwrap_or_default();
            let place = match kind {
                Kind::Original => String::new(),
                Kind::Acking | Kind::Device => format!(r#","room":"{room}","seq":{seq},"ts":7{cid}"#),
            };
            self.tell(seat, public(author, text, &place));
        }
    }

    fn place(&mut self, seat: usize, user: Name, room: Name, step: PlaceStep, made: Made, is_there: bool) {
        let is_durable = matches!(made, Made::Durable(_));
        // Somebody else may sit there meanwhile.
        let is_other = |device: &usize| !is_there || *device != seat;
        let others: Vec<usize> = self.devices(user).into_iter().filter(is_other).collect();
        let words = match step {
            PlaceStep::Read(seq) => {
                let read = self.own_place(user, room).map_or(0, |place| place.read);
                if is_durable && read > seq && self.stays(user, room) {
                    self.count += 1;
                    let what = What::Place { user, room, step: PlaceStep::Read(read) };
                    // It is nobody's answer.
                    self.journal.push(Entry { number: self.count, seat, login: 0, what });
                }
                return;
            }
            PlaceStep::Join | PlaceStep::Part if !is_durable => "denied NotKept".to_owned(),
            PlaceStep::Join => {
                let last = self.find_room(room).expect("it does not give way").last;
                if !self.takes_part(user, room) {
                    self.places.push(Place { user, room, read: last });
                    self.look();
                    for device in others {
                        self.tell(device, format!("also joined {room} {last}/{last}"));
                    }
                }
                let standing = self.find_room(room).and_then(|room| self.standing(user, room));
                format!("joined {} [{}]", standing.expect("they take part"), self.people_of(room))
            }
            PlaceStep::Part => {
                if self.takes_part(user, room) {
                    self.places.retain(|place| (place.user, place.room) != (user, room));
                    self.look();
                    for device in others {
                        self.tell(device, format!("also parted {room}"));
                    }
                }
                format!("parted {room}")
            }
        };
        if is_there {
            self.answer(seat, words);
        }
    }
}

impl Entry {
    /// Whether a room comes to be by it.
    fn founds(&self) -> bool {
        matches!(self.what, What::Room { .. })
    }

    /// Whether there is a room of that name is known when this is written, or is not.
    fn decides_on(&self, name: Name) -> bool {
        match &self.what {
            What::Room { name: other, instead } => {
                *other == name || instead.as_ref().is_some_and(|room| room.name == name)
            }
            What::Message { .. } | What::Place { .. } | What::Telling { .. } | What::PeerRead { .. } => false,
        }
    }
}

/// Private conversations, as they are on the wire.
fn peers(talks: &[(Name, u64, u64)]) -> String {
    let talk =
        |(peer, last, read): &(Name, u64, u64)| format!(r#"{{"peer":"{peer}","last":{last},"read":{read}}}"#);
    let talks: Vec<String> = talks.iter().map(talk).collect();
    format!(r#"{{"type":"rooms","status":"ok","data":{{"peers":[{}]}}}}"#, talks.join(","))
}

/// A message to everybody, as it is on the wire.
pub(super) fn public(author: &str, text: &str, place: &str) -> String {
    format!(
        r#"{{"type":"msg","status":"ok","data":{{"to":"public","from":"{author}","text":"{text}"{place}}}}}"#
    )
}
