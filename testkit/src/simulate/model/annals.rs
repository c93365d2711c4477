//! What the disk has of what was said, and of who takes part where.

use std::collections::BTreeSet;

use chatroom_core::hub::Untied;
use chatroom_core::message::history::Edge;
use models::ties::{Most, Ties};

use super::journal::{Audience, Change, Message, Outcome, PeerRead, Placing, Talk, Tying, What};
use super::ties::Views;
use crate::simulate::names::Name;

/// What the disk has.
pub struct Annals {
    /// Who takes part in which room, and has read how far.
    places: Vec<(usize, Name, usize)>,
    /// Each room's name and each pair, in the order in which they came to be, and what was said there.
    conversations: Vec<Annal>,
    /// Who has read a private conversation, with whom, and how far.
    talks: Vec<(usize, usize, usize)>,
    /// Whose accounts are deleted.
    deleted: BTreeSet<usize>,
    /// Who has an account.
    pub accounts: BTreeSet<usize>,
    /// What people are to each other, and how long their lists are at most.
    ties: Ties<usize>,
    most: Most,
}

struct Annal {
    of: Conversation,
    /// The number of the first message that is kept, or of the next one that will be.
    first: usize,
    /// All that were ever said.
    said: Vec<Kept>,
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
    /// Its author is deleted, and its text with them.
    pub is_blank: bool,
}

impl Kept {
    /// Its text, as people read it.
    pub fn shown(&self) -> String {
        shown(&self.text)
    }
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

impl Annals {
    /// An empty disk. Nobody has longer lists than that.
    pub fn new(most: Most) -> Self {
        Self {
            places: Vec::new(),
            conversations: Vec::new(),
            talks: Vec::new(),
            deleted: BTreeSet::new(),
            accounts: BTreeSet::new(),
            ties: Ties::default(),
            most,
        }
    }

    /// The rooms there are, in the order of their making, and the number of the last message there.
    pub fn rooms(&self) -> impl Iterator<Item = (Name, usize)> + '_ {
        self.conversations.iter().filter_map(|annal| match annal.of {
            Conversation::Room(name) => Some((name, annal.said.len())),
            Conversation::Pair(..) => None,
        })
    }

    /// Who takes part in which room, and has read how far.
    pub fn places(&self) -> impl Iterator<Item = (usize, Name, usize)> + '_ {
        self.places.iter().copied()
    }

    /// What is kept of each conversation, and the number of the first of that.
    pub fn all(&self) -> impl Iterator<Item = (&Conversation, usize, &[Kept])> {
        self.conversations.iter().map(|annal| (&annal.of, annal.first, &annal.said[annal.first - 1..]))
    }

    /// All that was ever said in a room, and the number of the first of it that is kept.
    pub fn said_in(&self, room: usize) -> (usize, &[Kept]) {
        let annal = self.conversations.iter().find(|annal| is_room(&annal.of, room));
        annal.map_or((1, &[]), |annal| (annal.first, &annal.said))
    }

    /// The same of any conversation.
    pub fn said_of(&self, conversation: &Conversation) -> (usize, &[Kept]) {
        let annal = self.conversations.iter().find(|annal| same(&annal.of, conversation));
        annal.map_or((1, &[]), |annal| (annal.first, &annal.said))
    }

    /// The numbers of all that has that text, in whatever conversation, and whether it is kept.
    pub fn seqs_of(&self, text: &str) -> Vec<(usize, bool)> {
        let numbered = |annal: &Annal| {
            let all = (1..).zip(&annal.said).filter(|(_, kept)| kept.text == text);
            all.map(|(seq, _)| (seq, seq >= annal.first)).collect::<Vec<_>>()
        };
        self.conversations.iter().flat_map(numbered).collect()
    }

    /// Whether something of that conversation is not kept any longer.
    pub fn is_cut(&self, conversation: &Conversation) -> bool {
        self.all().any(|(other, first, _)| first > 1 && same(other, conversation))
    }

    /// Whether that user's account is deleted.
    pub fn is_deleted(&self, user: usize) -> bool {
        self.deleted.contains(&user)
    }

    /// Lets go of what is beyond that, at the oldest end of each conversation. How much that is.
    pub fn let_go(&mut self, messages: usize, ts_min: u128) -> usize {
        let mut gone = 0;
        for annal in &mut self.conversations {
            let seq_min = if messages == 0 { 0 } else { annal.said.len().saturating_sub(messages) + 1 };
            while let Some(kept) = annal.said.get(annal.first - 1)
                && (annal.first < seq_min || kept.ts < ts_min)
            {
                annal.first += 1;
                gone += 1;
            }
        }
        gone
    }

    /// Nothing is left of a user but where they said something.
    pub fn delete(&mut self, user: usize) {
        self.deleted.insert(user);
        self.ties.delete(user);
        self.places.retain(|(whose, ..)| *whose != user);
        let said = self.conversations.iter_mut().flat_map(|annal| &mut annal.said);
        said.filter(|kept| kept.author == user).for_each(|kept| kept.is_blank = true);
    }

    /// The numbers of the messages that somebody wants to read, and whether there are more.
    pub fn page(&self, recall: &Recall) -> (Vec<(usize, &Kept)>, bool) {
        let found = self.all().find(|(other, ..)| same(other, &recall.conversation));
        // Who is deleted reads nothing.
        let found = found.filter(|_| !self.is_deleted(recall.reader));
        let all = found.into_iter().flat_map(|(_, first, kept)| (first..).zip(kept));
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

    pub(super) fn keep(&mut self, what: &What, ts: u128) -> Outcome {
        let message = match what {
            What::Telling(_) => return self.tell(what),
            What::PeerRead(read) => return self.read_peer(read),
            What::Tie(tying) => return self.tie(tying),
            What::Room { name, instead, .. } => {
                if let Some(instead) = instead {
                    self.conversations
                        .retain(|annal| !(is_room(&annal.of, instead.name.id) && annal.said.is_empty()));
                }
                self.conversation(Conversation::Room(*name));
                return Outcome::Founded;
            }
            What::Place(placing) => return self.place(placing),
            What::Message(message) => message,
        };
        let peer = match message.audience {
            Audience::Room(_) => message.author,
            Audience::User(peer) => peer,
        };
        if self.is_deleted(message.author) {
            return Outcome::Failed;
        }
        // Also what was decided before it in the same breath counts.
        let is_wanted = match message.audience {
            Audience::User(peer) if message.is_heard => !self.ties.has_blocked(peer, message.author),
            Audience::User(peer) => self.ties.are_friends(message.author, peer),
            Audience::Room(_) => true,
        };
        if self.is_deleted(peer) || !is_wanted {
            return Outcome::Absent;
        }
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
        let said = &mut self.conversations[index].said;
        said.push(Kept { author, text: text.clone(), cid: cid.clone(), ts, is_blank: false });
        let seq = said.len();
        match message.audience {
            Audience::Room(room) if message.is_read => self.read(author, room, seq),
            Audience::User(peer) if message.is_read => self.set_read(author, peer, seq),
            Audience::Room(_) | Audience::User(_) => {}
        }
        Outcome::Posted { seq, ts }
    }

    /// What can be known without anything being written.
    pub(super) fn tell(&self, what: &What) -> Outcome {
        match what {
            What::Telling(telling) => Outcome::Told(self.talks(telling.user), self.views(telling.user)),
            What::Room { .. } | What::Message(_) | What::Place(_) | What::PeerRead(_) | What::Tie(_) => {
                Outcome::Failed
            }
        }
    }

    /// What others are to somebody.
    pub fn views(&self, user: usize) -> Views {
        self.ties.views(user)
    }

    /// Who wants to hear nothing of whom.
    pub fn blocks(&self) -> BTreeSet<(usize, usize)> {
        let pairs = self.accounts.iter().flat_map(|by| self.accounts.iter().map(|of| (*by, *of)));
        pairs.filter(|(by, of)| self.ties.has_blocked(*by, *of)).collect()
    }

    fn tie(&mut self, tying: &Tying) -> Outcome {
        let Tying { user, op, other, .. } = *tying;
        if self.is_deleted(user) {
            return Outcome::Failed;
        }
        if !self.accounts.contains(&other) || self.is_deleted(other) {
            return Outcome::Untied(Untied::Unknown);
        }
        let both = |ties: &Ties<usize>| (ties.view(user, other), ties.view(other, user));
        let before = both(&self.ties);
        match self.ties.tie(user, op, other, self.most) {
            Ok(()) => Outcome::Tied { before, after: both(&self.ties) },
            Err(untied) => Outcome::Untied(untied),
        }
    }

    /// Nobody has read more than there is, or less than before.
    fn read_peer(&mut self, read: &PeerRead) -> Outcome {
        if self.is_deleted(read.user) {
            return Outcome::Failed;
        }
        let Some(talk) = self.talks(read.user).into_iter().find(|talk| talk.peer == read.peer.id) else {
            return Outcome::PeerRead { seq: None, is_news: false };
        };
        let seq = usize::try_from(read.seq).unwrap_or(usize::MAX).min(talk.last).max(talk.read);
        self.set_read(read.user, talk.peer, seq);
        Outcome::PeerRead { seq: Some(seq), is_news: seq > talk.read }
    }

    fn set_read(&mut self, user: usize, peer: usize, seq: usize) {
        self.talks.retain(|(whose, with, _)| (*whose, *with) != (user, peer));
        self.talks.push((user, peer, seq));
    }

    /// The private conversations of a user, the newest first. Who is deleted has none.
    pub fn talks(&self, user: usize) -> Vec<Talk> {
        let mine = self.conversations.iter().enumerate().filter_map(|(index, annal)| {
            let Conversation::Pair(one, other) = annal.of else { return None };
            let peer = if one == user { other } else { one };
            let ts = annal.said.last().filter(|_| one == user || other == user)?.ts;
            let read = self.talks.iter().find(|(whose, with, _)| (*whose, *with) == (user, peer));
            let read = read.map_or(0, |(.., read)| *read);
            Some((ts, index, Talk { peer, last: annal.said.len(), read }))
        });
        let mut mine: Vec<_> = mine.filter(|_| !self.is_deleted(user)).collect();
        mine.sort_by_key(|(ts, index, _)| std::cmp::Reverse((*ts, *index)));
        mine.into_iter().map(|(.., talk)| talk).collect()
    }

    fn place(&mut self, placing: &Placing) -> Outcome {
        let Placing { user, name, step, .. } = *placing;
        if self.is_deleted(user) {
            return Outcome::Failed;
        }
        let index = self.conversation(Conversation::Room(name));
        let is_it = |(whose, room, _): &(usize, Name, usize)| *whose == user && room.id == name.id;
        match step {
            Change::Join if !self.places.iter().any(is_it) => {
                self.places.push((user, name, self.conversations[index].said.len()));
            }
            Change::Join => {}
            Change::Part => self.places.retain(|place| !is_it(place)),
            Change::Read(seq) => self.read(user, name, seq),
        }
        Outcome::Placed
    }

    fn read(&mut self, user: usize, name: Name, seq: usize) {
        let mine = self.places.iter_mut().find(|(whose, room, _)| *whose == user && room.id == name.id);
        mine.into_iter().for_each(|(.., read)| *read = seq.max(*read));
    }

    fn find_cid(&self, author: usize, cid: &str) -> Option<(usize, usize, &Kept)> {
        self.all().enumerate().find_map(|(index, (_, first, kept))| {
            let is_it = |kept: &Kept| kept.author == author && kept.cid.as_deref() == Some(cid);
            let position = kept.iter().position(is_it)?;
            Some((index, first + position, &kept[position]))
        })
    }

    fn conversation(&mut self, conversation: Conversation) -> usize {
        if let Some(index) = self.conversations.iter().position(|annal| same(&annal.of, &conversation)) {
            return index;
        }
        self.conversations.push(Annal { of: conversation, first: 1, said: Vec::new() });
        self.conversations.len() - 1
    }
}

impl Conversation {
    /// Whether it is the same one, however its name is spelled.
    pub fn is_same(&self, other: &Self) -> bool {
        same(self, other)
    }
}

/// What people read of what was said as JSON.
pub fn shown(text: &str) -> String {
    serde_json::from_str(&format!(r#""{text}""#)).expect("it was said as JSON")
}

fn same(one: &Conversation, other: &Conversation) -> bool {
    match other {
        Conversation::Room(name) => is_room(one, name.id),
        Conversation::Pair(..) => one == other,
    }
}

fn is_room(conversation: &Conversation, id: usize) -> bool {
    matches!(conversation, Conversation::Room(name) if name.id == id)
}
