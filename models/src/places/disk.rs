//! What a disk has of what is said, as lists.

use super::model::{Entry, Name, Place, PlaceStep, What};

/// A disk. It does all of a group or nothing of it.
#[derive(Clone, Default)]
pub(super) struct Disk {
    /// The rooms, and the number of the last message in each, in the order of their making.
    pub(super) rooms: Vec<(Name, u64)>,
    /// Who takes part where, and has read how far.
    pub(super) places: Vec<Place>,
    /// All private messages' sides: how many there are of two is the number of the last one.
    pairs: Vec<(Name, Name)>,
    /// How far users have read what they and others said to each other.
    peers_read: Vec<(Name, Name, u64)>,
    /// All messages that their authors gave a name.
    named: Vec<Named>,
}

#[derive(Clone, PartialEq)]
struct Named {
    author: Name,
    cid: String,
    to: Option<Name>,
    room: Option<Name>,
    text: String,
    seq: u64,
}

/// What came of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// It is durable; a message has this number.
    Durable(u64),
    /// It was durable before, with this number.
    Before(u64),
    /// Its author has called something else so.
    Conflict,
    /// A user has these private conversations, each with its last number and how far the user has read.
    Told(Vec<(Name, u64, u64)>),
    /// So far was read, and whether that was further than before.
    Read(u64, bool),
    /// It is not durable.
    Nothing,
}

impl Disk {
    /// Makes an entry durable.
    pub(super) fn write(&mut self, entry: &Entry) -> Made {
        match &entry.what {
            What::Room { name, instead } => {
                self.rooms.retain(|(other, _)| instead.as_ref().is_none_or(|gone| gone.name != *other));
                self.room(name);
                Made::Durable(0)
            }
            What::Place { user, room, step } => {
                let last = *self.room(room);
                let mine = self.places.iter_mut().find(|place| (place.user, place.room) == (*user, *room));
                match (step, mine) {
                    (PlaceStep::Join, None) => self.places.push(Place { user, room, read: last }),
                    (PlaceStep::Read(seq), Some(place)) => place.read = place.read.max(*seq),
                    (PlaceStep::Join, Some(_)) | (PlaceStep::Read(_), None) => {}
                    (PlaceStep::Part, _) => {
                        self.places.retain(|place| (place.user, place.room) != (*user, *room));
                    }
                }
                Made::Durable(0)
            }
            What::Telling { user } => Made::Told(self.talks(user)),
            What::PeerRead { user, peer, seq } => {
                let (seq, before) = (*seq.min(&self.last(user, peer)), self.peer_read(user, peer));
                self.peers_read.push((user, peer, seq));
                Made::Read(seq.max(before), seq > before)
            }
            What::Message { author, to, room, text, cid, is_read } => {
                // What is private is of two people, wherever they were.
                let room = room.filter(|_| to.is_none());
                let is_named = |named: &&Named| named.author == *author && Some(&named.cid) == cid.as_ref();
                if let Some(before) = self.named.iter().find(is_named) {
                    let is_it = (before.to, before.room, &before.text) == (*to, room, text);
                    return if is_it { Made::Before(before.seq) } else { Made::Conflict };
                }
                let seq = match (to, room) {
                    (Some(to), _) => {
                        self.pairs.push((*author.min(to), *author.max(to)));
                        let last = self.last(author, to);
                        if *is_read {
                            self.peers_read.push((author, to, last));
                        }
                        last
                    }
                    (None, room) => {
                        let last = self.room(&room.expect("what is public is in a room"));
                        *last += 1;
                        *last
                    }
                };
                let mine = |place: &&mut Place| place.user == *author && Some(place.room) == room;
                if *is_read && let Some(place) = self.places.iter_mut().find(mine) {
                    place.read = seq;
                }
                if let Some(cid) = cid.clone() {
                    self.named.push(Named { author, cid, to: *to, room, text: text.clone(), seq });
                }
                Made::Durable(seq)
            }
        }
    }

    /// Who has talked to a user in private, the last first.
    fn talks(&self, user: Name) -> Vec<(Name, u64, u64)> {
        let mut talks: Vec<(Name, u64, u64)> = vec![];
        for (one, other) in self.pairs.iter().rev().filter(|(one, other)| user == *one || user == *other) {
            let peer = if *one == user { *other } else { *one };
            if talks.iter().all(|(known, ..)| *known != peer) {
                talks.push((peer, self.last(user, peer), self.peer_read(user, peer)));
            }
        }
        talks
    }

    /// How many messages there are between two.
    fn last(&self, one: Name, other: Name) -> u64 {
        let pair = (one.min(other), one.max(other));
        self.pairs.iter().filter(|other| **other == pair).count() as u64
    }

    fn peer_read(&self, user: Name, peer: Name) -> u64 {
        let mine = self.peers_read.iter().filter(|(who, of, _)| (*who, *of) == (user, peer));
        mine.map(|(.., seq)| *seq).max().unwrap_or(0)
    }

    /// The number of the last message in a room, which is there from now on.
    fn room(&mut self, name: &Name) -> &mut u64 {
        let index = self.rooms.iter().position(|(other, _)| other == name).unwrap_or_else(|| {
            self.rooms.push((name, 0));
            self.rooms.len() - 1
        });
        &mut self.rooms[index].1
    }
}
