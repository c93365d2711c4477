//! What was said and made and is not durable yet.

use std::collections::VecDeque;

use chatroom_core::hub::Untied;
use chatroom_core::message::friend::{Op, Tie};

use super::annals::Annals;
use super::room::Room;
use super::ties::Views;
use crate::simulate::names::Name;
use crate::simulate::step::Fault;

/// What is to become durable, in the order in which it came.
#[derive(Default)]
pub struct Journal {
    waiting: VecDeque<Entry>,
    /// What is being written, and what comes of it.
    taken: Vec<(Entry, Outcome)>,
    /// The number of the last that came, and of the last that is settled.
    last: u64,
    settled: u64,
}

/// Something that is to become durable.
pub struct Entry {
    pub number: u64,
    /// Whose it is: a line, and which of its connections.
    pub whose: (usize, u64),
    pub what: What,
}

pub enum What {
    /// A room, and the one that gave way to it.
    Room {
        name: Name,
        instead: Option<Room>,
        rid: Option<String>,
    },
    Message(Message),
    /// Who takes part in a room, or how far they have read there.
    Place(Placing),
    /// Nothing new: a device is to be told of its user's private conversations, and who is a friend.
    Telling(Telling),
    /// How far somebody has read in a private conversation.
    PeerRead(PeerRead),
    /// Somebody does something about another.
    Tie(Tying),
}

/// What somebody does about another.
#[derive(Clone)]
pub struct Tying {
    pub user: usize,
    pub op: Op,
    pub other: usize,
    pub rid: Option<String>,
}

/// What a device is to be told that the disk alone knows.
#[derive(Clone, Copy)]
pub struct Telling {
    pub user: usize,
    /// Also what others are to them.
    pub with_ties: bool,
}

/// What somebody has read of what they and another said to each other.
pub struct PeerRead {
    pub user: usize,
    pub peer: Name,
    pub seq: u64,
    pub rid: Option<String>,
}

/// What changes about a user and a room.
#[derive(Clone)]
pub struct Placing {
    pub user: usize,
    /// The room's number.
    pub room: usize,
    pub name: Name,
    pub step: Change,
    pub rid: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// They take part in it from now on, and have read what was said there.
    Join,
    Part,
    Read(usize),
}

/// Something that was said.
#[derive(Clone)]
pub struct Message {
    pub author: usize,
    /// The number of the room in which both were, if it is said in one.
    pub room: Option<usize>,
    /// A device says it: so its author has read it.
    pub is_read: bool,
    /// Which room's conversation it is, by its name's id; or who it is for.
    pub audience: Audience,
    /// Who it is for was there to hear it; if not, they are a friend.
    pub is_heard: bool,
    pub text: String,
    pub cid: Option<String>,
    pub rid: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    Room(Name),
    User(usize),
}

/// A private conversation, as one of the two has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Talk {
    pub peer: usize,
    pub last: usize,
    pub read: usize,
}

/// What comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Founded,
    Placed,
    /// These are the private conversations, the newest first, and that is what others are to somebody.
    Told(Vec<Talk>, Views),
    /// What the two were to each other, and what they are, the one who did something first.
    Tied {
        before: (Tie, Tie),
        after: (Tie, Tie),
    },
    /// Nothing has become of them, and why.
    Untied(Untied),
    /// So far is read, where something was said.
    PeerRead {
        seq: Option<usize>,
        is_news: bool,
    },
    Posted {
        seq: usize,
        ts: u128,
    },
    Repeated {
        seq: usize,
        ts: u128,
    },
    Conflict,
    /// Who it is for is deleted.
    Absent,
    Failed,
}

impl Outcome {
    /// Whether the disk has done what it was asked to.
    pub fn is_durable(&self) -> bool {
        !matches!(self, Self::Conflict | Self::Absent | Self::Failed | Self::Untied(_))
    }
}

impl Journal {
    pub fn push(&mut self, whose: (usize, u64), what: What) -> u64 {
        self.last += 1;
        self.waiting.push_back(Entry { number: self.last, whose, what });
        self.last
    }

    /// The number of the last that came.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// How many are not settled.
    pub fn pending(&self) -> u64 {
        self.last - self.settled
    }

    pub fn is_settled(&self, number: u64) -> bool {
        number <= self.settled
    }

    /// So many are written, or not.
    pub fn take(&mut self, count: usize, annals: &mut Annals, ts: u128, fault: Fault) -> Result<(), String> {
        if !self.taken.is_empty() || self.waiting.len() < count {
            return Err("more is written than waits for it".into());
        }
        for entry in self.waiting.drain(..count) {
            let outcome = match fault {
                Fault::None | Fault::CrashAfter => annals.keep(&entry.what, ts),
                // A disk that is full can be read.
                Fault::Full => annals.tell(&entry.what),
                Fault::Busy | Fault::CrashBefore => Outcome::Failed,
            };
            self.taken.push((entry, outcome));
        }
        Ok(())
    }

    /// What was written, one after the other.
    pub fn settle(&mut self) -> Vec<(Entry, Outcome)> {
        std::mem::take(&mut self.taken)
    }

    pub fn note_settled(&mut self, number: u64) {
        self.settled = number;
    }

    /// The number of what makes a room of that name, or of that for which one gave way, if something does.
    pub fn founding(&self, name: usize) -> Option<u64> {
        let taken = self.taken.iter().map(|(entry, _)| entry);
        let mut all = taken.chain(&self.waiting);
        let is_it = |what: &What| match what {
            What::Room { name: other, instead, .. } => {
                other.id == name || instead.as_ref().is_some_and(|room| room.name.id == name)
            }
            _ => false,
        };
        all.find(|entry| is_it(&entry.what)).map(|entry| entry.number)
    }

    /// How many are about to take part in a room for whom that is so.
    pub fn joins(&self, is_it: impl Fn(&Placing) -> bool) -> usize {
        let taken = self.taken.iter().map(|(entry, _)| entry);
        let is_join = |entry: &&Entry| matches!(&entry.what, What::Place(placing) if placing.step == Change::Join && is_it(placing));
        taken.chain(&self.waiting).filter(is_join).count()
    }

    /// Who is about to take part in a room, and does on the disk.
    pub fn joining(&self) -> Option<usize> {
        self.taken.iter().find_map(|(entry, outcome)| match &entry.what {
            What::Place(placing) if placing.step == Change::Join && *outcome == Outcome::Placed => {
                Some(placing.user)
            }
            What::Place(_)
            | What::Room { .. }
            | What::Message(_)
            | What::Telling(_)
            | What::PeerRead(_)
            | What::Tie(_) => None,
        })
    }

    /// How many rooms are on their way.
    pub fn foundings(&self) -> usize {
        let taken = self.taken.iter().map(|(entry, _)| entry);
        taken.chain(&self.waiting).filter(|entry| matches!(entry.what, What::Room { .. })).count()
    }
}
