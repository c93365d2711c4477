//! What a disk has of rooms, places and messages.

use std::collections::BTreeMap;

use chatroom_core::client;
use chatroom_core::hub::{
    Audience, Consent, Entry, Extent, Memory, Message, Outcome, PeerRead, PlacingStep, StoredPlace,
    StoredRoom, Ties, Told,
};
use chatroom_core::message::history::{Edge, Page, Past};
use chatroom_core::message::push::Posted;
use chatroom_core::message::rooms::Talk;
use chatroom_core::message::{Cid, Text};
use chatroom_core::name::{Account, NameKey, NameLook, RoomName, UserName};
use chatroom_core::server::{Conversation, Recall};

use super::SEATS;
use super::screen::Fate;
use crate::{key_of, look_of, user_name};

/// A disk that does all of what it is given, or nothing.
#[derive(Default)]
pub(super) struct Disk {
    rooms: Vec<RoomName>,
    /// By user and room.
    places: BTreeMap<(NameKey, NameKey), (Account, u64)>,
    conversations: BTreeMap<Whose, Vec<Kept>>,
    /// How far users have read what is private.
    reads: BTreeMap<(NameKey, Whose), u64>,
    /// Numbers all that is said.
    count: u64,
    /// What authors have given a name.
    named: BTreeMap<(NameKey, Cid), (Whose, Posted)>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Room(NameKey),
    /// Two users, or one alone, in order.
    Pair(NameKey, NameKey),
}

struct Kept {
    from: UserName,
    text: Text,
    cid: Option<Cid>,
    posted: Posted,
    /// Which of all messages it is.
    number: u64,
}

impl Disk {
    pub(super) fn write(&mut self, entry: &Entry, is_durable: bool) -> Outcome {
        if !is_durable {
            return Outcome::Failed;
        }
        match entry {
            Entry::Room(founding) => {
                self.found(&founding.name);
                Outcome::Founded
            }
            // Nobody here has friends.
            Entry::Message(message) if message.consent == Consent::Friends => Outcome::Absent,
            Entry::Message(message) => self.post(message),
            Entry::Tying(_) => panic!("nobody here has friends"),
            Entry::Place(placing) => {
                self.found(&placing.name);
                let place = (placing.account.key.clone(), placing.room.clone());
                let last = self.last(&Whose::Room(placing.room.clone()));
                match placing.step {
                    PlacingStep::Join => {
                        self.places.entry(place).or_insert((placing.account.clone(), last));
                    }
                    PlacingStep::Part => {
                        self.places.remove(&place);
                    }
                    PlacingStep::Read(seq) => {
                        if let Some((_, read)) = self.places.get_mut(&place) {
                            *read = seq.max(*read);
                        }
                    }
                }
                Outcome::Placed
            }
            Entry::Telling(telling) => {
                let ties = telling.with_ties.then(Ties::default);
                Outcome::Told(Box::new(Told { talks: self.talks(&telling.account.key), ties }))
            }
            Entry::PeerRead(read) => self.read(read),
        }
    }

    /// The private conversations of a user, the newest first.
    fn talks(&self, user: &NameKey) -> Vec<Talk> {
        let mut talks: Vec<(u64, Talk)> = vec![];
        for (whose, kept) in &self.conversations {
            let (Whose::Pair(one, other), Some(last)) = (whose, kept.last()) else { continue };
            if user == one || user == other {
                let peer = spelled(if user == one { other } else { one });
                let read = self.reads.get(&(user.clone(), whose.clone())).copied().unwrap_or_default();
                talks.push((last.number, Talk { peer, last: last.posted.seq, read }));
            }
        }
        talks.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        talks.into_iter().map(|(_, talk)| talk).collect()
    }

    fn read(&mut self, PeerRead { account, peer, seq, .. }: &PeerRead) -> Outcome {
        let whose = pair(&account.key, peer);
        let last = self.last(&whose);
        let read = self.reads.entry((account.key.clone(), whose)).or_default();
        let before = std::mem::replace(read, (*seq).min(last).max(*read));
        Outcome::PeerRead(Extent { peer: spelled(peer), seq: *read, is_news: *read > before })
    }

    fn found(&mut self, name: &RoomName) {
        if !self.rooms.contains(name) {
            self.rooms.push(name.clone());
        }
    }

    fn post(&mut self, message: &Message) -> Outcome {
        let author = &message.author.key;
        let whose = match &message.audience {
            Audience::Room(key, name) => {
                self.found(name);
                Whose::Room(key.clone())
            }
            Audience::User(peer) => pair(author, &peer.key),
        };
        let name = message.cid.clone().map(|cid| (author.clone(), cid));
        if let Some((before, posted)) = name.as_ref().and_then(|name| self.named.get(name)) {
            return if *before == whose { Outcome::Repeated(*posted) } else { Outcome::Conflict };
        }
        let seq = self.last(&whose) + 1;
        let posted = Posted { seq, ts_ms: 1_000 + seq };
        if let Audience::Room(room, _) = &message.audience
            && message.is_read_by_author
            && let Some((_, read)) = self.places.get_mut(&(author.clone(), room.clone()))
        {
            *read = seq;
        }
        if let Whose::Pair(..) = whose {
            self.reads.insert((author.clone(), whose.clone()), seq);
        }
        self.count += 1;
        if let Some(name) = name {
            self.named.insert(name, (whose.clone(), posted));
        }
        let (from, text, cid) = (message.author.name.clone(), message.text.clone(), message.cid.clone());
        let kept = Kept { from, text, cid, posted, number: self.count };
        self.conversations.entry(whose).or_default().push(kept);
        Outcome::Posted(posted)
    }

    /// What a new server begins with.
    pub(super) fn memory(&self) -> Memory {
        let room = |name: &RoomName| {
            let key = NameKey::new(key_of, name.as_str());
            let last_seq = self.last(&Whose::Room(key.clone()));
            StoredRoom { key, look: NameLook::of_room(look_of, name).unwrap(), name: name.clone(), last_seq }
        };
        let place = |((_, room), (account, read)): (&(NameKey, NameKey), &(Account, u64))| StoredPlace {
            account: account.clone(),
            room: room.clone(),
            read: *read,
        };
        Memory {
            rooms: self.rooms.iter().map(room).collect(),
            places: self.places.iter().map(place).collect(),
            blocks: vec![],
        }
    }

    /// What somebody asks for, a few messages at a time: so it takes several pages.
    pub(super) fn page(&self, recall: &Recall) -> Page {
        const MESSAGES_MAX: usize = 4;
        let whose = match &recall.conversation {
            Conversation::Room(key) => Whose::Room(key.clone()),
            Conversation::Peer(key) => pair(&recall.reader.key, key),
        };
        let kept = self.conversations.get(&whose).map(Vec::as_slice).unwrap_or_default();
        let seq = |kept: &Kept| kept.posted.seq;
        let rest: Vec<&Kept> = match recall.window.edge {
            Edge::End => kept.iter().rev().collect(),
            Edge::Before(before) => kept.iter().rev().filter(|kept| seq(kept) < before).collect(),
            Edge::After(after) => kept.iter().filter(|kept| seq(kept) > after).collect(),
        };
        let mut page = Page::default();
        for kept in rest.iter().take(recall.window.count_max.min(MESSAGES_MAX)) {
            let cid = kept.cid.clone().filter(|_| kept.from == recall.reader.name);
            let (posted, from, text) = (kept.posted, kept.from.clone(), Some(kept.text.clone()));
            assert!(page.push(Past { posted, from, text, cid }), "they are short");
        }
        if rest.len() > page.messages().len() {
            page.set_more();
        }
        if !matches!(recall.window.edge, Edge::After(_)) {
            page.reverse();
        }
        page
    }

    /// The conversations that a user takes part in, each with the numbers of its last message and of the one read last.
    pub(super) fn places_of(&self, user: &str) -> BTreeMap<String, (u64, u64)> {
        let user = NameKey::new(key_of, user);
        let mine = self.places.iter().filter(|((other, _), _)| *other == user);
        let rooms = mine.map(|((_, room), (_, read))| {
            (room.as_str().to_owned(), (self.last(&Whose::Room(room.clone())), *read))
        });
        let peers =
            self.talks(&user).into_iter().map(|talk| (format!("@{}", talk.peer), (talk.last, talk.read)));
        rooms.chain(peers).map(|(name, numbers)| (name.to_lowercase(), numbers)).collect()
    }

    /// All that was said in a conversation of a user's.
    pub(super) fn texts(&self, user: &str, of: &client::Conversation) -> Vec<&str> {
        let name = NameKey::new(key_of, of.name());
        let whose = match of {
            client::Conversation::Room(_) => Whose::Room(name),
            client::Conversation::Peer(_) => pair(&NameKey::new(key_of, user_name(user).as_str()), &name),
        };
        let kept = self.conversations.get(&whose).map(Vec::as_slice).unwrap_or_default();
        kept.iter().map(|kept| kept.text.as_str()).collect()
    }

    /// Everything that was told to be said is there once, and nothing that was told not to be.
    pub(super) fn check_said(&self, said: &BTreeMap<u64, Fate>) {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for kept in self.conversations.values().flatten() {
            *counts.entry(kept.text.as_str()).or_default() += 1;
        }
        for (id, fate) in said {
            let count = counts.remove(format!("message {id}").as_str()).unwrap_or_default();
            let is_right = match fate {
                Fate::Said => count == 1,
                Fate::Refused => count == 0,
                Fate::Uncertain => count <= 1,
            };
            assert!(is_right, "message {id} is there {count} times, and was told to be {fate:?}");
        }
        assert!(counts.is_empty(), "nobody has said {counts:?}");
    }

    fn last(&self, whose: &Whose) -> u64 {
        self.conversations.get(whose).map_or(0, |kept| kept.len() as u64)
    }
}

fn spelled(key: &NameKey) -> UserName {
    let name = SEATS.into_iter().find(|name| NameKey::new(key_of, name) == *key);
    user_name(name.expect("nobody else is here"))
}

fn pair(one: &NameKey, other: &NameKey) -> Whose {
    Whose::Pair(one.min(other).clone(), one.max(other).clone())
}
