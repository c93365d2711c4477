//! What was said and made and is not durable yet, and what the disk has of it.

use std::collections::VecDeque;

use chatroom_core::message::history::Edge;

use super::room::Room;
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
}

/// Something that was said.
#[derive(Clone)]
pub struct Message {
    pub author: usize,
    /// The number of the room in which both were.
    pub room: usize,
    /// Which room's conversation it is, by its name's id; or who it is for.
    pub audience: Audience,
    pub text: String,
    pub cid: Option<String>,
    pub rid: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    Room(Name),
    User(usize),
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Founded,
    Posted { seq: usize, ts: u128 },
    Repeated { seq: usize, ts: u128 },
    Conflict,
    Failed,
}

/// What the disk has.
#[derive(Default)]
pub struct Annals {
    /// Each room's name and each pair, in the order in which they came to be, and what was said there.
    conversations: Vec<(Conversation, Vec<Kept>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conversation {
    Room(Name),
    /// The lower number first.
    Pair(usize, usize),
}

/// A message that is durable.
#[derive(Clone, Debug)]
pub struct Kept {
    pub author: usize,
    pub text: String,
    pub cid: Option<String>,
    pub ts: u128,
}

/// What somebody wants to read.
#[derive(Clone)]
pub struct Recall {
    pub reader: usize,
    /// As the answer names it.
    pub place: String,
    pub conversation: Conversation,
    pub edge: Edge,
    pub count_max: usize,
}

impl Journal {
    pub fn push(&mut self, whose: (usize, u64), what: What) -> u64 {
        self.last += 1;
        self.waiting.push_back(Entry { number: self.last, whose, what });
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
                Fault::Busy | Fault::Full | Fault::CrashBefore => Outcome::Failed,
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

    /// The number of what makes a room of that name, if something does.
    pub fn founding(&self, name: usize) -> Option<u64> {
        let taken = self.taken.iter().map(|(entry, _)| entry);
        let mut all = taken.chain(&self.waiting);
        all.find(|entry| matches!(&entry.what, What::Room { name: other, .. } if other.id == name))
            .map(|entry| entry.number)
    }

    /// How many rooms are on their way.
    pub fn foundings(&self) -> usize {
        let taken = self.taken.iter().map(|(entry, _)| entry);
        taken.chain(&self.waiting).filter(|entry| matches!(entry.what, What::Room { .. })).count()
    }
}

impl Annals {
    /// The rooms there are, in the order of their making, and whether anything was said there.
    pub fn rooms(&self) -> impl Iterator<Item = (Name, bool)> + '_ {
        self.conversations.iter().filter_map(|(conversation, kept)| match conversation {
            Conversation::Room(name) => Some((*name, !kept.is_empty())),
            Conversation::Pair(..) => None,
        })
    }

    /// Everything that was said in each conversation.
    pub fn all(&self) -> impl Iterator<Item = &(Conversation, Vec<Kept>)> {
        self.conversations.iter()
    }

    /// The numbers of the messages that somebody wants to read, and whether there are more.
    pub fn page(&self, recall: &Recall) -> (Vec<(usize, &Kept)>, bool) {
        let found = self.conversations.iter().find(|(other, _)| same(other, &recall.conversation));
        let all = found.into_iter().flat_map(|(_, kept)| (1..).zip(kept));
        let (from, to) = match recall.edge {
            Edge::End => (0, u64::MAX),
            Edge::Before(seq) => (0, seq),
            Edge::After(seq) => (seq + 1, u64::MAX),
        };
        let mut wanted: Vec<_> = all.filter(|(seq, _)| (from..to).contains(&(*seq as u64))).collect();
        let too_many = wanted.len().saturating_sub(recall.count_max);
        match recall.edge {
            Edge::After(_) => wanted.truncate(recall.count_max),
            Edge::End | Edge::Before(_) => drop(wanted.drain(..too_many)),
        }
        (wanted, too_many > 0)
    }

    fn keep(&mut self, what: &What, ts: u128) -> Outcome {
        let message = match what {
            What::Room { name, instead, .. } => {
                if let Some(instead) = instead {
                    self.conversations.retain(|(conversation, kept)| {
                        !(is_room(conversation, instead.name.id) && kept.is_empty())
                    });
                }
                self.conversation(Conversation::Room(*name));
                return Outcome::Founded;
            }
            What::Message(message) => message,
        };
        let conversation = match message.audience {
            Audience::Room(name) => Conversation::Room(name),
            Audience::User(peer) => Conversation::Pair(peer.min(message.author), peer.max(message.author)),
        };
        let index = self.conversation(conversation);
        if let Some(cid) = &message.cid
            && let Some((other, seq, kept)) = self.find_cid(message.author, cid)
        {
            let is_it = other == index && kept.text == message.text;
            return if is_it { Outcome::Repeated { seq, ts: kept.ts } } else { Outcome::Conflict };
        }
        let Message { author, ref text, ref cid, .. } = *message;
        let kept = &mut self.conversations[index].1;
        kept.push(Kept { author, text: text.clone(), cid: cid.clone(), ts });
        Outcome::Posted { seq: kept.len(), ts }
    }

    fn find_cid(&self, author: usize, cid: &str) -> Option<(usize, usize, &Kept)> {
        self.conversations.iter().enumerate().find_map(|(index, (_, kept))| {
            let is_it = |kept: &Kept| kept.author == author && kept.cid.as_deref() == Some(cid);
            let position = kept.iter().position(is_it)?;
            Some((index, position + 1, &kept[position]))
        })
    }

    fn conversation(&mut self, conversation: Conversation) -> usize {
        if let Some(index) = self.conversations.iter().position(|(other, _)| same(other, &conversation)) {
            return index;
        }
        self.conversations.push((conversation, Vec::new()));
        self.conversations.len() - 1
    }
}

/// Whether it is one conversation, however its name is spelled.
fn same(one: &Conversation, other: &Conversation) -> bool {
    match other {
        Conversation::Room(name) => is_room(one, name.id),
        Conversation::Pair(..) => one == other,
    }
}

fn is_room(conversation: &Conversation, id: usize) -> bool {
    matches!(conversation, Conversation::Room(name) if name.id == id)
}
