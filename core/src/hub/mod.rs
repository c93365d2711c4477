//! Who is where, and what goes to whom. One for each server, behind one lock.
//!
//! [`Hub::apply`] looks members up and hands out shared frames; it never encodes, hashes or waits. Whatever must be
//! encoded from the hub's state leaves it as a [`Snapshot`] or a [`Bulletin`], is encoded without the lock, and comes back
//! by [`Hub::publish`].
//!
//! Everything a connection gets from the hub, replies included, goes through one queue in the order in which the hub
//! decided it. So no member sees a room's message before the reply to its own `enter`, or one after that to its `exit`.
//!
//! Where what is said is kept, the hub also decides what has to be durable first: whoever writes takes it with
//! [`Hub::take_appends`], and nobody hears of it before [`Hub::settle`].

mod directory;
mod friends;
mod journal;
mod keeping;
mod logins;
mod mailbox;
mod pacing;
mod places;
mod private;
mod room;
mod status;
mod watch;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::bucket::{Bucket, Rate};
use crate::frame::Frame;
use crate::ledger::{Booking, Ledger};
use crate::limits::Limits;
use crate::message::friend::{Op, Tie};
use crate::message::hello::Caps;
use crate::message::logins::GrantId;
use crate::message::presence::{Presence, PresenceState, StatusText};
use crate::message::push::{Posted, Roster};
use crate::message::rooms::Standing;
use crate::message::{Cid, Rid, Text};
use crate::name::{Account, KeyFn, LOBBY, LookFn, NameKey, NameLook, RoomName, UserName};
use crate::time::{Instant, ceil_ms};

pub use directory::ConnId;
use directory::{Directory, Member, Seat, UserId};
pub use friends::{Bond, Consent, List, Side, Tied, Ties, Tying, Untied};
pub use journal::{Append, Audience, Entry, Founding, Message, Outcome, Post, Settled};
use journal::{Held, Journal, Unfounded};
pub use mailbox::{Mailbox, PLACE_BYTES, Pushed};
use pacing::{Pacing, Topic};
pub use places::{Overview, Placing, PlacingStep, StoredPlace};
pub use private::{Extent, PeerRead, Telling, Told};
pub use room::RoomId;
use room::{LOBBY_ID, Rooms};
pub use status::Here;
use status::{Status, Statuses};
use watch::About;
pub use watch::{Bulletin, Print};

/// What a connection wants of the hub. Each command is answered by one [`Reply`] to the same connection.
pub enum Command {
    /// This account has proved who it is, and was granted that. With `multi` it is where it takes part; without, it appears
    /// in the lobby, and an older connection of that kind is told to go. Perhaps it came by a login that lasts.
    Login(Account, Caps, Option<GrantId>),
    /// Who is where, as this connection may see it?
    List,
    /// Which rooms are there, and in which does this user take part? With `multi`, as all that name it.
    Rooms,
    /// Who is in this room? `multi`.
    People(NameKey, RoomName),
    /// Make a room.
    Create(NameKey, NameLook, RoomName),
    /// Go into a room, from the lobby.
    Enter(NameKey, RoomName),
    /// Go back to the lobby.
    Exit,
    /// Take part in a room. `multi`.
    Join(NameKey, RoomName),
    /// Take part in it no more. `multi`.
    Part(NameKey, RoomName),
    /// The user has read so far in a room. `multi`.
    Read(NameKey, RoomName, u64),
    /// The user has read so far in what they and this one said to each other. `multi`.
    ReadPeer(NameKey, UserName, u64),
    /// Who is what to this user? `friends`.
    Friends,
    /// Have something become of this user and another. `friends`.
    Tie(Op, NameKey, UserName),
    /// The user is here like that, and says this of themselves. `presence`.
    Present(PresenceState, Option<StatusText>),
    /// This login of the user that lasts has ended: whoever has come by it is to go. There is no reply.
    EndLogin {
        /// Which one.
        login: GrantId,
        /// It has just ended, so somebody may be on their way here by it.
        was_there: bool,
    },
    /// Be nobody again.
    Logout,
    /// Give this to every member of the room, the sender included.
    Say(Frame),
    /// Give this to one member of the room, and to the sender.
    Whisper(NameKey, UserName, Arc<Whisper>),
    /// Say something where what is said is kept.
    Post(Box<Post>),
}

/// A private message. Each side's connection encodes it for itself, for it carries the reader's own name.
pub struct Whisper {
    /// Who says it.
    pub from: UserName,
    /// What is said.
    pub text: Text,
    /// Where it is kept, if it is.
    pub kept: Option<Kept>,
    /// Where it is counted while it waits. It only has to be there.
    #[allow(dead_code, reason = "it counts by being dropped")]
    booking: Option<Booking>,
}

/// Where a private message is kept.
pub struct Kept {
    /// Whom it is for.
    pub to: UserName,
    /// Its place in the conversation of the two.
    pub posted: Posted,
    /// What its author's client calls it.
    pub cid: Option<Cid>,
}

impl Whisper {
    /// A private message that nobody has yet.
    pub fn new(from: UserName, text: Text) -> Self {
        Self { from, text, kept: None, booking: None }
    }
}

/// What the hub has for a connection.
pub enum Mail {
    /// A message.
    Frame(Frame),
    /// A list nobody asked for. A newer one takes the place of one that still waits.
    List(Frame),
    /// A private message.
    Whisper(Arc<Whisper>),
    /// What came of this connection's own command.
    Reply(Reply),
    /// Something that it said was not kept, and nobody heard it.
    Refused(Box<(Option<Rid>, Denial)>),
    /// Its user takes part in a room, by another device.
    Joined(Arc<(NameKey, Standing)>),
    /// Its user takes part in a room no more.
    Parted(NameKey, RoomName),
    /// Its user has read so far in a room, by another device.
    Read(RoomName, u64),
    /// This one is something else to its user from now on.
    Tied(UserName, Tie),
    /// These are here like that, or are not.
    Here(Box<Here>),
    /// Why this connection is to end.
    Farewell(Farewell),
}

/// What came of a [`Command`].
pub enum Reply {
    /// In the lobby now.
    LoggedIn(Arc<Snapshot>),
    /// This is who is where.
    Listed(Arc<Snapshot>),
    /// The room exists now.
    Created(RoomName),
    /// In the room now.
    Entered(RoomName, Arc<Snapshot>),
    /// Out of that room, in the lobby.
    Left(RoomName, Arc<Snapshot>),
    /// Nobody again.
    LoggedOut,
    /// These are the rooms; to a login of who is in many, too.
    Overview(Overview),
    /// These are in the room.
    People(Roster),
    /// The user takes part in the room now, and these are there.
    Joined(Box<(NameKey, Standing, Roster)>),
    /// The user takes part in it no more.
    Parted(NameKey, RoomName),
    /// The user has read so far in the room.
    Read(RoomName, u64),
    /// The user has read so far in the conversation with this one.
    PeerRead(UserName, u64),
    /// These are something to the user.
    Friends(Vec<(UserName, Tie)>),
    /// That is what this one is to the user now.
    Tied(UserName, Tie),
    /// That is what the user says of themselves now.
    Present(Box<Presence>),
    /// It was given to all whom it was for, or is on its way to the disk and will be.
    Said,
    /// It did not happen.
    Denied(Denial),
}

/// Why the hub did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// A room of that name, which is spelled like this, exists.
    RoomExists(RoomName),
    /// A room that looks like it, and is spelled like this, exists.
    RoomResembles(RoomName),
    /// No further room fits, and none has been empty long enough to give way.
    TooManyRooms,
    /// There is no room of that name.
    NoSuchRoom(RoomName),
    /// That is where the connection is.
    AlreadyThere(RoomName),
    /// No further member fits.
    RoomFull(RoomName),
    /// Nobody of that name is in the room.
    NotInRoom(UserName, RoomName),
    /// Nobody of that name is here and can be given a private message.
    NotHere(UserName),
    /// The user takes part in as many rooms as one may.
    TooManyPlaces,
    /// The account has created too many rooms of late.
    CreatesTooOften {
        /// Milliseconds until it may create the next.
        retry_ms: u64,
    },
    /// The user has sent too many messages of late.
    SpeaksTooOften {
        /// Milliseconds until the next may be sent.
        retry_ms: u64,
    },
    /// The user has, by all devices together, changed too often what others are to them, or how far they have read with them.
    ChangesTooOften {
        /// Milliseconds until the next change.
        retry_ms: u64,
    },
    /// The user has, by all devices together, said too often how they are here.
    PresentsTooOften {
        /// Milliseconds until they may say so again.
        retry_ms: u64,
    },
    /// The message says that it is for another room than the one its author is in.
    NotThere(RoomName),
    /// One is nothing to oneself.
    Oneself,
    /// Nothing becomes of the user and this one.
    Untied(Untied, UserName),
    /// Its author has called another message so.
    CidConflict,
    /// It could not be made durable.
    NotKept,
}

/// Why a connection must go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// The account has logged in by another connection.
    Replaced,
    /// Whoever runs the server has shut the account out.
    Disabled,
    /// The login by which the connection has come was ended.
    Ended,
    /// The server stops.
    ShuttingDown,
    /// Too many connections wait without logging in, and this is the oldest.
    Crowded,
}

/// Who is where, at one moment, as one room's members may see it.
pub struct Snapshot {
    version: u64,
    /// The receiver's own room first; in the lobby all others after it, in the order of their making.
    pub rosters: Vec<Roster>,
}

/// What is to be put into whose mailbox, in this order.
pub type Deliveries = Vec<(ConnId, Mail)>;

/// There are as many connections as the server may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// Everybody, and everything they say on its way to each other.
pub struct Hub {
    limits: Limits,
    directory: Directory,
    rooms: Rooms,
    pacing: Pacing,
    /// Counts what the hub has others share.
    ledger: Arc<Ledger>,
    /// What users may do who are not here: they must not get it all back by leaving.
    allowances: BTreeMap<NameKey, Allowance>,
    /// At how many of them those are dropped that are whole again.
    allowances_max: usize,
    /// Where what is said is kept.
    journal: Option<Journal>,
    /// The devices that could not be told what the disk alone knows, each with the append by which it was tried.
    untold: Vec<(ConnId, u64)>,
    /// Whom users want to hear nothing of, whether they are here or not.
    blocks: BTreeMap<NameKey, BTreeSet<NameKey>>,
    /// The accounts of which it is known that they are deleted, and that are nothing to anybody.
    gone: BTreeSet<NameKey>,
    /// How many changes of what two are to each other are on their way.
    tying: usize,
    /// The logins that were ended last, and whose they were.
    ended: VecDeque<(NameKey, GrantId)>,
    /// Who is to hear that somebody is here, and how.
    statuses: Statuses,
}

/// What the disk knows of rooms, for a hub that keeps what is said.
#[derive(Default)]
pub struct Memory {
    /// The rooms there are, in the order of their making.
    pub rooms: Vec<StoredRoom>,
    /// Who takes part in them.
    pub places: Vec<StoredPlace>,
    /// Who wants to hear nothing of whom.
    pub blocks: Vec<(NameKey, NameKey)>,
}

/// A room of which the disk knows.
pub struct StoredRoom {
    /// What it is found by.
    pub key: NameKey,
    /// What it looks like.
    pub look: NameLook,
    /// As it was typed.
    pub name: RoomName,
    /// The number of the last message in it. Where there is one, it never gives way to another one.
    pub last_seq: u64,
}

/// How often a user may do something.
#[derive(Clone, Copy, Default)]
struct Allowance {
    messages: Bucket,
    rooms: Bucket,
    changes: Bucket,
    presences: Bucket,
}

impl Hub {
    /// A hub with the lobby and these rooms, which exist for good. A name given twice makes one room.
    ///
    /// # Panics
    /// If a room has a name that rooms cannot take.
    pub fn new(now: Instant, limits: Limits, key_of: KeyFn, look_of: LookFn, rooms: &[RoomName]) -> Self {
        let lobby = RoomName::parse(LOBBY).expect("the lobby's name is a name");
        let mut hub = Self {
            directory: Directory::default(),
            rooms: Rooms::default(),
            pacing: Pacing::new(&limits),
            ledger: Arc::default(),
            allowances: BTreeMap::new(),
            allowances_max: ALLOWANCES_KEPT,
            journal: None,
            untold: Vec::new(),
            blocks: BTreeMap::new(),
            gone: BTreeSet::new(),
            tying: 0,
            ended: VecDeque::new(),
            statuses: Statuses::default(),
            limits,
        };
        for name in core::iter::once(&lobby).chain(rooms) {
            let key = NameKey::new(key_of, name.as_str());
            if hub.rooms.find(&key).is_none() {
                let look = NameLook::of_room(look_of, name).expect("a room from the start has a legal name");
                hub.rooms.create(now, key, look, name.clone(), true);
            }
        }
        hub
    }

    /// Holds everything that is to come to these limits. What is beyond them already stays.
    pub fn set_limits(&mut self, limits: Limits) {
        self.pacing.set_limits(&limits);
        self.limits = limits;
    }

    /// Takes in a connection that was accepted. When those without a login pass half of what may be connected, or
    /// there is no room left, the oldest of them is told to go. An error says that all are logged in.
    pub fn connect(&mut self, deliveries: &mut Deliveries) -> Result<ConnId, Full> {
        let limit = self.limits.connections_max;
        while self.directory.visitors() >= limit / 2 || self.directory.connections() >= limit {
            let oldest = self.directory.dismiss_oldest_visitor().ok_or(Full)?;
            deliveries.push((oldest, Mail::Farewell(Farewell::Crowded)));
        }
        Ok(self.directory.connect())
    }

    /// Forgets a connection, whatever it was doing. One that is unknown already is fine.
    pub fn disconnect(&mut self, now: Instant, id: ConnId) {
        self.leave(now, id);
        self.directory.disconnect(id);
    }

    /// Does what a connection asks for. What is to be delivered is appended to `deliveries`, the reply included.
    ///
    /// A connection that is unknown, or was told to go, gets no reply.
    pub fn apply(&mut self, now: Instant, from: ConnId, command: Command, deliveries: &mut Deliveries) {
        let answer = match command {
            Command::Login(account, caps, grant) => self.come_by(now, from, account, caps, grant, deliveries),
            Command::List => self.list(from),
            Command::Rooms => self.list_rooms(from),
            Command::People(key, name) => self.list_people(from, &key, name, deliveries),
            Command::Join(key, name) => self.join(from, &key, name),
            Command::Part(key, name) => self.part(from, &key, name),
            Command::Read(key, name, seq) => self.read(from, &key, name, seq, deliveries),
            Command::Friends => self.list_friends(from, deliveries),
            Command::Tie(op, key, name) => self.tie(now, from, op, key, name),
            Command::Present(state, text) => self.present(now, from, Status { state, text }, deliveries),
            Command::ReadPeer(key, name, seq) => self.read_peer(now, from, key, name, seq),
            Command::Create(key, look, name) => self.create(now, from, key, look, name),
            Command::Enter(key, name) => self.enter(now, from, &key, name),
            Command::Exit => self.exit(now, from),
            Command::Post(post) => self.post(now, from, *post),
            Command::EndLogin { login, was_there } => self.end_login(now, from, login, was_there, deliveries),
            Command::Logout => self.logout(now, from),
            Command::Say(frame) => self.say(now, from, frame, deliveries),
            Command::Whisper(to, name, whisper) => self.whisper(now, from, &to, name, whisper, deliveries),
        };
        answer_to(from, answer, deliveries);
    }

    /// Takes a list that is due to be sent unasked, if one is. Encode it without the lock, then [`Hub::publish`] it.
    pub fn poll_bulletin(&mut self, now: Instant) -> Option<Bulletin> {
        while let Some(topic) = self.pacing.take_due(now) {
            let bulletin = match topic {
                Topic::Room(id) => self.poll_room(now, id),
                Topic::User(key) => self.poll_user(now, key),
            };
            if bulletin.is_some() {
                return bulletin;
            }
        }
        None
    }

    fn poll_room(&mut self, now: Instant, id: RoomId) -> Option<Bulletin> {
        let room = self.rooms.get_mut(id)?;
        if room.printing.is_some() {
            // Two differences that overtake each other would leave a wrong picture.
            self.pacing.postpone(now, id, &mut room.pace);
            return None;
        }
        let is_list_wanted =
            room.members.iter().any(|member| self.directory.has_not_seen(*member, room.version));
        let news = self.rooms.take_news(id);
        let is_news = is_list_wanted || news.is_some();
        let room = self.rooms.get_mut(id)?;
        self.pacing.began(now, &mut room.pace, is_news);
        if !is_news {
            return None;
        }
        room.printing = Some(room.version);
        let about = About::Room { id, name: room.name.clone(), version: room.version };
        let list = is_list_wanted.then(|| self.rooms.snapshot(id));
        let presences = news.as_ref().map(|news| self.presences_of(id, news)).unwrap_or_default();
        Some(Bulletin { about, list, news, presences })
    }

    /// Gives what was encoded to all it is news to. A list that was overtaken by a newer one goes to nobody.
    pub fn publish(&mut self, now: Instant, print: Print, deliveries: &mut Deliveries) {
        let Print { about, list, news, presences, told } = print;
        let (id, version) = match about {
            About::Room { id, version, .. } => (id, version),
            About::User(key) => return self.publish_user(now, &key, presences, deliveries),
        };
        let Some(room) = self.rooms.get_mut(id) else { return };
        if room.printing != Some(version) {
            // The room has given way meanwhile, and come back.
            return;
        }
        room.end_printing();
        let list_bytes = list.as_ref().map_or(0, |list| list.len());
        let news_bytes = news.iter().chain(&presences).map(|frame| frame.len()).sum();
        let dearest = list_bytes.max(news_bytes);
        let mut bytes = 0;
        let mut give = |frame: Frame, give: &mut dyn FnMut(Frame) -> usize| {
            let length = frame.len();
            bytes += length * give(frame.booked(&self.ledger));
        };
        if let Some(list) = list {
            give(list, &mut |frame| {
                let before = deliveries.len();
                for member in &room.members {
                    if self.directory.show(*member, version) {
                        deliveries.push((*member, Mail::List(frame.clone())));
                    }
                }
                deliveries.len() - before
            });
        }
        for frame in news {
            give(frame, &mut |frame| {
                let before = deliveries.len();
                let mail = |device: &ConnId| (*device, Mail::Frame(frame.clone()));
                match id {
                    LOBBY_ID => deliveries.extend(self.directory.devices().iter().map(mail)),
                    _ => deliveries.extend(room.watchers.iter().map(mail)),
                }
                deliveries.len() - before
            });
        }
        for frame in presences {
            give(frame, &mut |frame| {
                let before = deliveries.len();
                let told = room.watchers.iter().filter(|device| self.directory.hears(**device));
                deliveries.extend(told.map(|device| (*device, Mail::Frame(frame.clone()))));
                deliveries.len() - before
            });
        }
        self.pacing.published(now, id, &mut room.pace, dearest, bytes);
        self.mind_devices();
        self.tell_the_rest(now, id);
        self.correct(now, told, deliveries);
    }

    /// More rooms have changed than devices are told of at once.
    fn tell_the_rest(&mut self, now: Instant, id: RoomId) {
        if id == LOBBY_ID
            && !self.rooms.stir.is_empty()
            && let Some(lobby) = self.rooms.get_mut(LOBBY_ID)
        {
            self.pacing.changed(now, LOBBY_ID, &mut lobby.pace);
        }
    }

    /// Tells a user to go, if they are here, by all of their connections; to the others they are gone from now on.
    pub fn dismiss(&mut self, now: Instant, user: &NameKey, why: Farewell, deliveries: &mut Deliveries) {
        let Some(user) = self.directory.named(user) else { return };
        let connections: Vec<ConnId> = user.single.into_iter().chain(user.devices.iter().copied()).collect();
        for id in connections {
            self.send_away(now, id, why, deliveries);
        }
    }

    /// Tells a connection to go.
    fn send_away(&mut self, now: Instant, id: ConnId, why: Farewell, deliveries: &mut Deliveries) {
        self.leave(now, id);
        self.directory.dismiss(id);
        if !cfg!(planted_bug = "farewell_lost") {
            deliveries.push((id, Mail::Farewell(why)));
        }
    }

    /// Forgets where a user takes part whose account is deleted, and tells them to go if they are here.
    pub fn forget(&mut self, now: Instant, user: &NameKey, deliveries: &mut Deliveries) {
        self.dismiss(now, user, Farewell::Disabled, deliveries);
        self.part_from_all(now, user, deliveries);
    }

    /// Forgets what these users are to others, whose accounts are deleted, and tells those who are here. Whoever was forgotten
    /// before costs nothing more: a deleted account never comes back.
    pub fn forget_ties_to(&mut self, users: &[NameKey], deliveries: &mut Deliveries) {
        let gone: BTreeSet<&NameKey> =
            users.iter().filter(|user| self.gone.insert((*user).clone())).collect();
        if !gone.is_empty() {
            self.untie(&gone, deliveries);
        }
    }

    /// Tells everybody that the server stops.
    pub fn shut_down(&mut self, deliveries: &mut Deliveries) {
        deliveries.extend(self.directory.everyone().map(|id| (id, Mail::Farewell(Farewell::ShuttingDown))));
    }

    /// The count of what waits: messages and lists from the hub, each once, for as long as anybody has it. Whoever keeps
    /// more for connections adds it there.
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// When to call [`Hub::poll_bulletin`], if nothing else happens first.
    pub fn deadline(&self) -> Option<Instant> {
        self.pacing.deadline()
    }

    /// How many connections there are, logged in or not.
    pub fn connections(&self) -> usize {
        self.directory.connections()
    }

    /// How many users are logged in.
    pub fn users(&self) -> usize {
        self.directory.users_here()
    }

    /// How many rooms there are, the lobby included.
    pub fn rooms(&self) -> usize {
        self.rooms.len()
    }

    /// Makes a visitor a user.
    fn login(
        &mut self,
        now: Instant,
        from: ConnId,
        account: Account,
        caps: Caps,
        deliveries: &mut Deliveries,
    ) -> Answer {
        if caps.multi {
            return self.login_device(now, from, account, caps, deliveries);
        }
        if let Some(older) = self.directory.named(&account.key).and_then(|user| user.single) {
            self.send_away(now, older, Farewell::Replaced, deliveries);
        }
        let user = self.seat(from, account.clone(), Seat::Single { room: LOBBY_ID, seen: 0 }, caps);
        self.come(now, LOBBY_ID, from, user, &account);
        self.arrived_here(now, user);
        Some(Ok(Reply::LoggedIn(self.show(from, LOBBY_ID))))
    }

    /// Gives a visitor's connection to a user.
    fn seat(&mut self, from: ConnId, account: Account, seat: Seat, caps: Caps) -> UserId {
        let user = self.user_of(&account);
        let since_append = self.last_append();
        let member = Member {
            user,
            account,
            seat,
            gets_places: caps.ack || caps.multi,
            on_their_way: 0,
            since_append,
            telling: None,
            has_friends: caps.multi && caps.friends,
            knows_friends: false,
            grant: None,
            has_presence: caps.multi && caps.friends && caps.presence,
        };
        self.statuses.listeners += usize::from(member.has_presence);
        self.directory.login(from, member);
        user
    }

    /// The user with that account, from now on if they were nobody; they may do what is left of what they might.
    fn user_of(&mut self, account: &Account) -> UserId {
        let allowances = &mut self.allowances;
        self.directory.user_of(account, || allowances.remove(&account.key).unwrap_or_default())
    }

    fn list(&mut self, from: ConnId) -> Answer {
        let room = self.directory.member(from)?.room()?;
        Some(Ok(Reply::Listed(self.show(from, room))))
    }

    fn create(&mut self, now: Instant, from: ConnId, key: NameKey, look: NameLook, name: RoomName) -> Answer {
        let user = self.directory.member(from)?.user;
        if let Some(room) = self.rooms.find(&key).and_then(|id| self.rooms.get(id)) {
            return Some(Err(Denial::RoomExists(room.name.clone())));
        }
        if let Some(room) = self.rooms.find_alike(&look).and_then(|id| self.rooms.get(id)) {
            return Some(Err(Denial::RoomResembles(room.name.clone())));
        }
        if let Some(journal) = &mut self.journal
            && let Some(until) = journal.founding_like(&key, &look)
        {
            // Whether there is such a room is not known before that one is durable, or will never be.
            journal.hold(until, from, Held::Create(key, look, name));
            return None;
        }
        let idle_min = Duration::from_millis(self.limits.room_idle_ms_min);
        let count = self.rooms.len() + self.journal.as_ref().map_or(0, Journal::foundings);
        let gives_way = match count < self.limits.rooms_max {
            true => None,
            false => match self.rooms.longest_empty(now, idle_min) {
                Some(oldest) => Some(oldest),
                None => return Some(Err(Denial::TooManyRooms)),
            },
        };
        let hour = Duration::from_secs(3600);
        let count = self.limits.rooms_created_per_hour_max;
        let rate = Rate::new(count, hour, count);
        if let Err(wait) = self.directory.user_mut(user)?.allowance.rooms.take(now, rate) {
            return Some(Err(Denial::CreatesTooOften { retry_ms: ceil_ms(wait) }));
        }
        let mut instead = None;
        if let Some(oldest) = gives_way
            && let Some(mut room) = self.rooms.remove(oldest)
        {
            self.pacing.forget(oldest, &mut room.pace);
            instead = Some((oldest, room));
        }
        if self.journal.is_none() {
            self.before_change(now, LOBBY_ID);
            self.rooms.create(now, key, look, name.clone(), false);
            return Some(Ok(Reply::Created(name)));
        }
        let founding = Founding {
            key: key.clone(),
            name: name.clone(),
            instead: instead.as_ref().map(|(_, room)| room.key().clone()),
        };
        if instead.is_some() {
            self.before_change(now, LOBBY_ID);
        }
        let journal = self.journal.as_mut()?;
        let number = journal.push(from, Entry::Room(founding));
        journal.found(number, Unfounded { key, look, name, instead });
        None
    }

    fn enter(&mut self, now: Instant, from: ConnId, key: &NameKey, name: RoomName) -> Answer {
        let member = self.directory.member(from)?;
        let (user, here) = (member.user, member.room()?);
        let Some(id) = self.rooms.find(key) else { return Some(Err(Denial::NoSuchRoom(name))) };
        let room = self.rooms.get(id)?;
        if id == here {
            return Some(Err(Denial::AlreadyThere(room.name.clone())));
        }
        if self.is_full_for(user, id) {
            return Some(Err(Denial::RoomFull(room.name.clone())));
        }
        let name = room.name.clone();
        let snapshot = self.go(now, from, id)?;
        Some(Ok(Reply::Entered(name, snapshot)))
    }

    fn exit(&mut self, now: Instant, from: ConnId) -> Answer {
        let room = self.rooms.get(self.directory.member(from)?.room()?)?;
        if let Some(journal) = &mut self.journal
            && !journal.is_settled(room.last_append)
            && !cfg!(planted_bug = "exit_overtakes_what_was_said")
        {
            // What was said before it is heard before it.
            journal.hold(room.last_append, from, Held::Exit);
            return None;
        }
        self.go_out(now, from)
    }

    fn go_out(&mut self, now: Instant, from: ConnId) -> Answer {
        let left = self.rooms.get(self.directory.member(from)?.room()?)?.name.clone();
        let snapshot = self.go(now, from, LOBBY_ID)?;
        Some(Ok(Reply::Left(left, snapshot)))
    }

    fn logout(&mut self, now: Instant, from: ConnId) -> Answer {
        self.directory.member(from)?;
        self.leave(now, from);
        Some(Ok(Reply::LoggedOut))
    }

    fn say(&mut self, now: Instant, from: ConnId, frame: Frame, deliveries: &mut Deliveries) -> Answer {
        let (user, room) = self.directory.member(from).map(|member| (member.user, member.room()))?;
        if let Err(denial) = self.directory.user_mut(user)?.allowance.speak(now, &self.limits) {
            return Some(Err(denial));
        }
        let room = self.rooms.get(room?)?;
        let frame = frame.booked(&self.ledger);
        deliveries.extend(room.members.iter().map(|id| (*id, Mail::Frame(frame.clone()))));
        Some(Ok(Reply::Said))
    }

    fn whisper(
        &mut self,
        now: Instant,
        from: ConnId,
        to: &NameKey,
        name: UserName,
        mut whisper: Arc<Whisper>,
        deliveries: &mut Deliveries,
    ) -> Answer {
        let (user, room) = self.directory.member(from).map(|member| (member.user, member.room()))?;
        if let Err(denial) = self.directory.user_mut(user)?.allowance.speak(now, &self.limits) {
            return Some(Err(denial));
        }
        let room = room?;
        let receiver = self.directory.find_user(to).and_then(|user| self.reach(user, Some(room)).next());
        let Some(receiver) = receiver else {
            return Some(Err(Denial::NotInRoom(name, self.rooms.get(room)?.name.clone())));
        };
        // Nobody shares it yet.
        if let Some(whisper) = Arc::get_mut(&mut whisper) {
            whisper.booking = Some(Booking::new(&self.ledger, whisper.text.as_str().len()));
        }
        if receiver != from {
            deliveries.push((receiver, Mail::Whisper(Arc::clone(&whisper))));
        }
        deliveries.push((from, Mail::Whisper(whisper)));
        Some(Ok(Reply::Said))
    }

    /// The connections of a user by which they can be given a private message: in that room, or wherever they are. A
    /// connection that is in the lobby alone shows none.
    fn reach(&self, user: UserId, room: Option<RoomId>) -> impl Iterator<Item = ConnId> {
        let user = self.directory.user(user);
        let takes_part = user.is_some_and(|user| room.is_none_or(|room| user.places.contains_key(&room)));
        let devices = user.filter(|_| takes_part).map_or(&[][..], |user| &user.devices);
        let single = user.and_then(|user| user.single).filter(move |id| self.is_at(*id, room));
        single.into_iter().chain(devices.iter().copied())
    }

    /// Whether a connection that is in one room at a time is in that one; without one, in any but the lobby.
    fn is_at(&self, id: ConnId, room: Option<RoomId>) -> bool {
        let here = self.directory.member(id).and_then(Member::room);
        room.map_or(here != Some(LOBBY_ID), |room| here == Some(room))
            || cfg!(planted_bug = "membership_check_forgotten")
    }

    /// Moves a member to another room, and returns what they see there.
    fn go(&mut self, now: Instant, from: ConnId, to: RoomId) -> Option<Arc<Snapshot>> {
        let member = self.directory.member_mut(from)?;
        // Versions of two rooms' lists do not compare.
        let there = Seat::Single { room: to, seen: 0 };
        let Seat::Single { room: left, .. } = core::mem::replace(&mut member.seat, there) else {
            return None;
        };
        let (user, account) = (member.user, member.account.clone());
        self.go_from(now, left, from, user);
        self.come(now, to, from, user, &account);
        Some(self.show(from, to))
    }

    /// Takes a member out of everything but the list of connections.
    fn leave(&mut self, now: Instant, id: ConnId) {
        let Some(Member { user, seat, has_presence, .. }) = self.directory.logout(id) else { return };
        self.statuses.listeners -= usize::from(has_presence);
        match seat {
            Seat::Single { room, .. } => self.go_from(now, room, id, user),
            Seat::Device(watched) => {
                watched.into_iter().for_each(|room| self.rooms.unwatch(room, id));
                let rooms = self.directory.user(user).map(|user| user.device_rooms().collect::<Vec<_>>());
                for room in rooms.unwrap_or_default() {
                    self.go_from(now, room, id, user);
                }
                self.mind_devices();
                self.forget_ties(user);
            }
        }
        self.gone_from_here(now, user);
        self.release(now, user);
    }

    /// Forgets a user who has no connection and takes part nowhere, but for what they may do.
    fn release(&mut self, now: Instant, user: UserId) {
        let Some((key, allowance)) = self.directory.release(user) else { return };
        if !allowance.is_full(now) {
            if self.allowances.len() >= self.allowances_max {
                self.allowances.retain(|_, allowance| !allowance.is_full(now));
                // Twice as many as are left, so that looking through them costs each of them little.
                self.allowances_max = ALLOWANCES_KEPT.max(2 * self.allowances.len());
            }
            self.allowances.insert(key, allowance);
        }
    }

    /// A connection comes to a room, which others see unless its user is there already.
    fn come(&mut self, now: Instant, id: RoomId, from: ConnId, user: UserId, account: &Account) {
        let is_alone = self.directory.user(user).is_none_or(|user| user.connections() <= 1);
        if is_alone || self.rooms.holds(id, user) == 0 {
            self.before_change(now, id);
            self.rooms.join(id, from, user, account);
        } else {
            self.rooms.join_again(id, from, user);
        }
    }

    /// A connection goes from a room, which others see unless its user stays by another one.
    fn go_from(&mut self, now: Instant, id: RoomId, from: ConnId, user: UserId) {
        let Some(found) = self.directory.user(user) else { return };
        let account = found.account.clone();
        // One that has logged out is not counted any more.
        if found.connections() == 0 || self.rooms.holds(id, user) == 1 {
            self.before_change(now, id);
        }
        self.rooms.part(now, id, from, user, &account);
    }

    /// A room's members are about to change; who is in the lobby sees that too. Before it, and not after, so that no list
    /// is kept any more that would have to be copied: a crowd's is long.
    fn before_change(&mut self, now: Instant, id: RoomId) {
        for id in [Some(id), (id != LOBBY_ID).then_some(LOBBY_ID)].into_iter().flatten() {
            if let Some(room) = self.rooms.get_mut(id) {
                room.touch();
                self.pacing.changed(now, id, &mut room.pace);
            }
        }
    }

    /// What a member sees in a room, from now on known to them.
    fn show(&mut self, to: ConnId, room: RoomId) -> Arc<Snapshot> {
        let snapshot = self.rooms.snapshot(room);
        self.directory.show(to, snapshot.version);
        snapshot
    }
}

/// `None` is no answer, or not yet: the connection is gone, or told to go, or what it wants waits for the disk.
type Answer = Option<Result<Reply, Denial>>;

fn answer_to(from: ConnId, answer: Answer, deliveries: &mut Deliveries) {
    if let Some(reply) = answer {
        deliveries.push((from, Mail::Reply(reply.unwrap_or_else(Reply::Denied))));
    }
}

/// Notes whether something is one of what belongs to `of`. Nothing is kept of what has nothing.
fn note<K: Ord + Clone, V: Ord>(sets: &mut BTreeMap<K, BTreeSet<V>>, of: &K, value: V, is_one: bool) {
    if is_one {
        sets.entry(of.clone()).or_default().insert(value);
    } else if let Some(set) = sets.get_mut(of) {
        set.remove(&value);
        if set.is_empty() {
            sets.remove(of);
        }
    }
}

/// How many absent users' allowances are kept before those are dropped that are whole again.
const ALLOWANCES_KEPT: usize = 1024;

impl Allowance {
    fn speak(&mut self, now: Instant, limits: &Limits) -> Result<(), Denial> {
        let rate = Rate::per_second(limits.message_rate, limits.message_burst);
        self.messages.take(now, rate).map_err(|wait| Denial::SpeaksTooOften { retry_ms: ceil_ms(wait) })
    }

    /// What a connection does about others is slowed before it comes here; of all devices together it is no more than of two.
    fn change(&mut self, now: Instant, limits: &Limits) -> Result<(), Denial> {
        let rate = Rate::per_second(limits.move_rate.saturating_mul(2), limits.move_burst.saturating_mul(2));
        self.changes.take(now, rate).map_err(|wait| Denial::ChangesTooOften { retry_ms: ceil_ms(wait) })
    }

    /// What is said of oneself goes to all friends.
    fn present(&mut self, now: Instant, limits: &Limits) -> Result<(), Denial> {
        let rate = Rate::per_second(limits.status_rate, limits.status_burst);
        self.presences.take(now, rate).map_err(|wait| Denial::PresentsTooOften { retry_ms: ceil_ms(wait) })
    }

    fn is_full(&self, now: Instant) -> bool {
        [self.messages, self.rooms, self.changes, self.presences].iter().all(|bucket| bucket.is_full(now))
    }
}

#[cfg(test)]
mod tests;
