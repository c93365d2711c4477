//! What has to be durable before anybody hears of it, in the order in which the hub was told.
//!
//! The hub asks for appends, not the connection: so a sender may have many on their way, and all members of a room get
//! its messages in the order of the disk. Whoever writes takes a group of them, makes them durable, and hands them back
//! with what came of it; only then are they delivered and acknowledged.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use super::Denial;
use super::directory::ConnId;
use super::friends::{Consent, Tied, Ties, Tying, Untied};
use super::places::Placing;
use super::private::{Extent, PeerRead, Telling, Told};
use super::room::{Room, RoomId};
use crate::frame::Frame;
use crate::ledger::Booking;
use crate::limits::Limits;
use crate::message::push::{self, Posted};
use crate::message::{Cid, Rid, Text};
use crate::message::{friend, rooms};
use crate::name::{Account, NameKey, NameLook, RoomName, UserName};

/// What a member says where what is said is kept.
pub struct Post {
    /// Whom it is for, by the name's key and as it was typed; `None` for everybody in the room.
    pub to: Option<(NameKey, UserName)>,
    /// The room it is for, of those that its author takes part in; `None` for the one that its author is in, or for a
    /// private message from wherever they are.
    pub room: Option<(NameKey, RoomName)>,
    /// What is said.
    pub text: Text,
    /// As members get it who were granted nothing; only what is for everybody is encoded before it is kept.
    pub plain: Option<Frame>,
    /// What its author's client calls it, if it wants to be told when it is durable.
    pub cid: Option<Cid>,
    /// What the answer is to carry.
    pub rid: Option<Rid>,
}

/// Something that is to be made durable, and then handed back with [`Append::settle`].
pub struct Append {
    number: u64,
    from: ConnId,
    entry: Entry,
}

/// What is to be made durable.
pub enum Entry {
    /// A room that somebody creates.
    Room(Founding),
    /// Something that was said.
    Message(Box<Message>),
    /// Who takes part in a room, or how far they have read.
    Place(Placing),
    /// Nothing new: somebody is to be told what there is, at this place among all that is said.
    Telling(Telling),
    /// How far somebody has read in a private conversation.
    PeerRead(Box<PeerRead>),
    /// Something is to become of two people.
    Tying(Box<Tying>),
}

/// A room that somebody creates.
pub struct Founding {
    /// What it is found by.
    pub key: NameKey,
    /// As it was typed.
    pub name: RoomName,
    /// The room that gives way to it, and was never spoken in.
    pub instead: Option<NameKey>,
}

/// Something that was said.
pub struct Message {
    /// By whom.
    pub author: Account,
    /// In which conversation.
    pub audience: Audience,
    /// What.
    pub text: Text,
    /// What its author's client calls it. The same twice from one author is one message.
    pub cid: Option<Cid>,
    /// Its author says it by a device: so they have read it.
    pub is_read_by_author: bool,
    /// What is to be looked up before it is kept, of a private one.
    pub consent: Consent,
    /// What its author is told of a private one if that is not given, or the receiver is deleted.
    absence: Option<Box<Denial>>,
    /// Where both were, for a private one too; `None` for one to wherever somebody is.
    room: Option<RoomId>,
    plain: Option<Frame>,
    rid: Option<Rid>,
    /// Where it is counted while it waits.
    #[allow(dead_code, reason = "it counts by being dropped")]
    booking: Booking,
}

/// Who takes part in a conversation.
pub enum Audience {
    /// Whoever is in this room.
    Room(NameKey, RoomName),
    /// The author and this one, who may be the same.
    User(Account),
}

/// What came of an [`Append`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The room is durable.
    Founded,
    /// The change of who takes part is durable.
    Placed,
    /// The message is durable, and has this place.
    Posted(Posted),
    /// It was durable already, and has this place.
    Repeated(Posted),
    /// Its author has called another message so.
    Conflict,
    /// This is what there is.
    Told(Box<Told>),
    /// So far is read, and that is durable.
    PeerRead(Extent),
    /// That has become of two, and is durable.
    Tied(Box<Tied>),
    /// Nothing has become of them.
    Untied(Untied),
    /// Its receiver is not there for its author: they have blocked them, are no friend, or are deleted. It is not kept.
    Absent,
    /// It is not durable: the store cannot be written.
    Failed,
    /// Nothing of it is written, for what is stored of it is damaged. The store does its work for all others.
    Unreadable,
}

/// An [`Append`], what came of it, and what follows from it, encoded.
pub struct Settled {
    pub(super) number: u64,
    pub(super) from: ConnId,
    pub(super) fate: Fate,
}

pub(super) enum Fate {
    Founded,
    NotFounded,
    /// Whether it was made durable.
    Placed(Placing, bool),
    /// To be delivered, and acknowledged if its author wants that.
    Said(Box<Delivery>),
    Acknowledged(Frame),
    /// What a device is told, and what others are to its user; `None` if it could not be read.
    Told(Option<(Vec<Frame>, Option<Ties>)>),
    /// What a device is to be told is damaged.
    Untellable,
    /// What has become of that one and another.
    Tied(Account, Result<Box<Tied>, Denial>),
    /// How far that user has read, and as devices are told it, if it could be written.
    PeerRead(NameKey, Option<(Extent, Frame)>),
    Refused(Option<Rid>, Denial),
}

/// A message on its way to those it is for.
pub(super) struct Delivery {
    pub(super) message: Message,
    pub(super) posted: Posted,
    /// For those who get its place in the conversation as well; `None` for a private one, which each side encodes.
    pub(super) placed: Option<Frame>,
    /// The same, for its author.
    pub(super) own: Option<Frame>,
    pub(super) ack: Option<Frame>,
}

/// The appends that nobody has taken yet, and what waits for those on their way.
pub(super) struct Journal {
    waiting: VecDeque<Append>,
    /// The number of the last append there was.
    last: u64,
    /// The number of the last one that is settled.
    settled: u64,
    /// Whoever writes was called, and has not found out that nothing waits.
    is_called: bool,
    /// What waits for an append, with its number.
    held: Vec<(u64, ConnId, Held)>,
    /// Who has so much on its way that it is to go on only when some of it is settled.
    crowded: Vec<ConnId>,
    /// Rooms on their way, by the number of the append.
    foundings: BTreeMap<u64, Unfounded>,
    /// In how many rooms users are about to take part.
    joining: BTreeMap<NameKey, usize>,
    /// Those of them whose accounts are deleted since.
    deleted: BTreeSet<NameKey>,
}

/// A command that waits until something is settled.
pub(super) enum Held {
    /// What was said before it is to be heard before it. What is said after it is not waited for.
    Exit,
    /// A room of that name, or one that looks like it, may come to be.
    Create(NameKey, NameLook, RoomName),
    /// What others are to its user is on its way.
    Friends,
    /// The same, and whether this is for a friend.
    Post(Box<Post>),
}

/// A room that does not exist yet.
pub(super) struct Unfounded {
    pub(super) key: NameKey,
    pub(super) look: NameLook,
    pub(super) name: RoomName,
    /// What gave way to it, to come back if it comes to nothing.
    pub(super) instead: Option<(RoomId, Room)>,
}

impl Unfounded {
    /// Whether a room of such a name comes to be, or comes back.
    fn decides_on(&self, key: &NameKey, look: &NameLook) -> bool {
        let gave_way = self.instead.as_ref().is_some_and(|(_, room)| room.is_like(key, look));
        self.key == *key || self.look == *look || gave_way
    }
}

impl Append {
    /// What is to be made durable.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Says what came of it, and encodes what follows. Call this without a lock.
    pub fn settle(self, outcome: Outcome) -> Settled {
        let Self { number, from, entry } = self;
        let fate = match (entry, outcome) {
            (Entry::Room(_), Outcome::Founded) => Fate::Founded,
            (Entry::Room(_), _) => Fate::NotFounded,
            (Entry::Place(placing), outcome) => Fate::Placed(placing, outcome == Outcome::Placed),
            (Entry::Telling(telling), Outcome::Told(told)) => {
                let mut frames = rooms::encode_peers(&told.talks, telling.bytes_max);
                if let Some(ties) = &told.ties {
                    let ties: Vec<_> = ties.values().cloned().collect();
                    frames.extend(friend::encode_all(&ties, telling.bytes_max, None));
                }
                Fate::Told(Some((frames, told.ties)))
            }
            (Entry::Telling(_), Outcome::Unreadable) => Fate::Untellable,
            (Entry::Telling(_), _) => Fate::Told(None),
            (Entry::PeerRead(read), Outcome::PeerRead(extent)) => {
                let frame = rooms::encode_peer_read(&extent.peer, extent.seq, None);
                Fate::PeerRead(read.account.key, Some((extent, frame)))
            }
            (Entry::PeerRead(read), _) => Fate::PeerRead(read.account.key, None),
            (Entry::Tying(tying), Outcome::Tied(tied)) => Fate::Tied(tying.account, Ok(tied)),
            (Entry::Tying(tying), Outcome::Untied(untied)) => {
                let Tying { account, name, .. } = *tying;
                Fate::Tied(account, Err(Denial::Untied(untied, name)))
            }
            (Entry::Tying(tying), _) => Fate::Tied(tying.account, Err(Denial::NotKept)),
            (Entry::Message(message), Outcome::Absent) => {
                let denial = message.absence.map_or(Denial::NotKept, |denial| *denial);
                Fate::Refused(message.rid, denial)
            }
            (Entry::Message(message), Outcome::Posted(posted)) => {
                Fate::Said(Box::new(Delivery::new(*message, posted)))
            }
            #[cfg(planted_bug = "repetition_delivered")]
            (Entry::Message(message), Outcome::Repeated(posted)) => {
                Fate::Said(Box::new(Delivery::new(*message, posted)))
            }
            #[cfg(not(planted_bug = "repetition_delivered"))]
            (Entry::Message(message), Outcome::Repeated(posted)) => match message.ack(posted, true) {
                Some(ack) => Fate::Acknowledged(ack),
                // Only what has a cid can be a repetition.
                None => Fate::Refused(message.rid, Denial::NotKept),
            },
            (Entry::Message(message), Outcome::Conflict) => Fate::Refused(message.rid, Denial::CidConflict),
            (
                Entry::Message(message),
                Outcome::Failed
                | Outcome::Unreadable
                | Outcome::Founded
                | Outcome::Placed
                | Outcome::Told(_)
                | Outcome::PeerRead(_)
                | Outcome::Tied(_)
                | Outcome::Untied(_),
            ) => Fate::Refused(message.rid, Denial::NotKept),
        };
        Settled { number, from, fate }
    }
}

impl Settled {
    /// Whether it is a message that was made durable now, and goes to those it is for.
    pub fn is_message(&self) -> bool {
        matches!(self.fate, Fate::Said(_))
    }
}

impl Fate {
    /// Whether the disk has done what it was asked to.
    pub(super) fn is_durable(&self) -> bool {
        match self {
            Self::Founded | Self::Said(_) | Self::Acknowledged(_) => true,
            Self::Placed(_, is_durable) => *is_durable,
            Self::Told(told) => told.is_some(),
            Self::PeerRead(_, extent) => extent.is_some(),
            Self::Tied(_, tied) => tied.is_ok(),
            Self::NotFounded | Self::Untellable | Self::Refused(..) => false,
        }
    }
}

impl Message {
    pub(super) fn new(
        author: Account,
        audience: Audience,
        room: Option<RoomId>,
        post: Post,
        is_read_by_author: bool,
        (consent, absence): (Consent, Option<Box<Denial>>),
        booking: Booking,
    ) -> Self {
        let Post { text, plain, cid, rid, .. } = post;
        Self { author, audience, text, cid, is_read_by_author, consent, absence, room, plain, rid, booking }
    }

    pub(super) fn room(&self) -> Option<RoomId> {
        self.room
    }

    pub(super) fn plain(&self) -> Option<&Frame> {
        self.plain.as_ref()
    }

    fn ack(&self, posted: Posted, is_repeat: bool) -> Option<Frame> {
        let cid = self.cid.as_ref()?;
        let (room, peer) = match &self.audience {
            Audience::Room(_, room) => (Some(room), None),
            Audience::User(peer) => (None, Some(&peer.name)),
        };
        Some(push::encode_ack(cid, room, peer, posted, is_repeat, self.rid.as_ref()))
    }
}

impl Delivery {
    fn new(message: Message, posted: Posted) -> Self {
        let encode = |room: &RoomName, cid: Option<&Cid>| {
            push::encode_placed(&message.author.name, &message.text, room, posted, cid)
        };
        let (placed, own) = match (&message.audience, &message.cid) {
            (Audience::Room(_, room), Some(cid)) => (Some(encode(room, None)), Some(encode(room, Some(cid)))),
            (Audience::Room(_, room), None) => {
                let frame = encode(room, None);
                (Some(frame.clone()), Some(frame))
            }
            (Audience::User(_), _) => (None, None),
        };
        let ack = message.ack(posted, false);
        Self { message, posted, placed, own, ack }
    }
}

impl Journal {
    pub(super) fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            last: 0,
            settled: 0,
            is_called: false,
            held: Vec::new(),
            crowded: Vec::new(),
            foundings: BTreeMap::new(),
            joining: BTreeMap::new(),
            deleted: BTreeSet::new(),
        }
    }

    /// Puts something at the end of what is to be made durable. Its number is returned.
    pub(super) fn push(&mut self, from: ConnId, entry: Entry) -> u64 {
        self.last += 1;
        self.waiting.push_back(Append { number: self.last, from, entry });
        self.last
    }

    /// Appends that are not settled, taken or not.
    pub(super) fn pending(&self) -> u64 {
        self.last - self.settled
    }

    /// The number of the last append there was.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    pub(super) fn is_settled(&self, number: u64) -> bool {
        number <= self.settled
    }

    /// Whether whoever writes has to be called. Once for each time that it has found nothing.
    pub(super) fn calls(&mut self) -> bool {
        let calls = !self.is_called && !self.waiting.is_empty();
        self.is_called |= calls;
        calls
    }

    pub(super) fn take(&mut self, count_max: usize, group: &mut Vec<Append>) {
        let count = self.waiting.len().min(count_max);
        group.extend(self.waiting.drain(..count));
        self.is_called = !group.is_empty();
        if self.waiting.capacity() > WAITING_KEPT && self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
    }

    pub(super) fn settle(&mut self, number: u64) {
        self.settled = number;
    }

    /// A user is about to take part in another room.
    pub(super) fn begin_to_join(&mut self, user: &NameKey) {
        *self.joining.entry(user.clone()).or_default() += 1;
    }

    /// A user's account is deleted: they will take part nowhere, also if the disk knew them when it was asked.
    pub(super) fn delete(&mut self, user: &NameKey) {
        if self.joining.contains_key(user) {
            self.deleted.insert(user.clone());
        }
    }

    /// They take part in it, or will not. Whether they still have an account.
    pub(super) fn end_to_join(&mut self, user: &NameKey) -> bool {
        let is_deleted = self.deleted.contains(user);
        match self.joining.remove(user).filter(|rooms| *rooms > 1) {
            Some(rooms) => drop(self.joining.insert(user.clone(), rooms - 1)),
            None => drop(self.deleted.remove(user)),
        }
        !is_deleted
    }

    /// In how many rooms a user is about to take part.
    pub(super) fn joining(&self, user: &NameKey) -> usize {
        self.joining.get(user).copied().unwrap_or(0)
    }

    /// Keeps a command until an append is settled.
    pub(super) fn hold(&mut self, until: u64, from: ConnId, held: Held) {
        self.held.push((until, from, held));
    }

    /// The commands that need to wait no longer, in the order in which they came.
    pub(super) fn release(&mut self) -> Vec<(ConnId, Held)> {
        let settled = self.settled;
        let due = self.held.extract_if(.., |(until, ..)| *until <= settled);
        due.map(|(_, from, held)| (from, held)).collect()
    }

    /// Notes who is to go on only when it has less on its way.
    pub(super) fn crowd(&mut self, from: ConnId) {
        self.crowded.push(from);
    }

    /// Those who may go on, in the order in which they came; `has_room` knows of each how much it has on its way.
    pub(super) fn relieve(&mut self, limits: &Limits, has_room: impl Fn(ConnId) -> bool) -> Vec<ConnId> {
        if self.pending() >= limits.appends_total_max {
            return Vec::new();
        }
        self.crowded.extract_if(.., |id| has_room(*id)).collect()
    }

    /// The append after which it is known whether there is a room whose name counts as that one, or looks like it.
    pub(super) fn founding_like(&self, key: &NameKey, look: &NameLook) -> Option<u64> {
        let mut foundings = self.foundings.iter();
        foundings.find(|(_, room)| room.decides_on(key, look)).map(|(number, _)| *number)
    }

    pub(super) fn foundings(&self) -> usize {
        self.foundings.len()
    }

    pub(super) fn found(&mut self, number: u64, room: Unfounded) {
        self.foundings.insert(number, room);
    }

    pub(super) fn take_founding(&mut self, number: u64) -> Option<Unfounded> {
        self.foundings.remove(&number)
    }
}

/// An empty queue of this many is kept for the next burst.
const WAITING_KEPT: usize = 1024;
