//! Which rooms there are, and which conversations an account takes part in, merged from all that a server has told.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::conversation::{Conversation, Key, Place};
use super::insert_within;
use crate::limits::{CONVERSATIONS_MAX, ROOMS_TOLD_MAX};
use crate::message::received::{ReceivedRooms, ReceivedTalk};
use crate::message::rooms::{Crowd, Standing};
use crate::name::RoomName;
use crate::time::Instant;

/// See the module.
#[derive(Default)]
pub(super) struct Places {
    crowds: BTreeMap<RoomName, usize>,
    all: BTreeMap<Key, Place>,
    /// What was seen there the server could not note, and is to be told again then.
    unnoted: BTreeMap<Key, Conversation>,
    again_at: Option<Instant>,
    is_told: bool,
    has_new_crowds: bool,
    has_new_places: bool,
}

impl Places {
    /// On a new connection all is told anew.
    pub(super) fn lose(&mut self) {
        self.is_told = false;
        self.unnoted.clear();
        self.again_at = None;
    }

    /// Whether the server has told anything since the login.
    pub(super) fn is_told(&self) -> bool {
        self.is_told
    }

    /// Whether the account takes part in it.
    pub(super) fn has(&self, of: &Conversation) -> bool {
        self.all.contains_key(&of.key())
    }

    /// Takes over what the server tells. The places that it names, as they are now.
    pub(super) fn merge(&mut self, rooms: ReceivedRooms) -> Vec<Place> {
        let ReceivedRooms { is_all, crowds, gone, standings, out, talks } = rooms;
        self.has_new_crowds |= is_all || !crowds.is_empty() || !gone.is_empty();
        self.has_new_places |= is_all || !standings.is_empty() || !out.is_empty() || !talks.is_empty();
        if is_all {
            self.is_told = true;
            self.crowds.clear();
            // Private conversations have no end, and are told after the rooms.
            self.all.retain(|_, place| place.of.peer().is_some());
        }
        for room in gone {
            self.crowds.remove(&room);
        }
        for Crowd { room, people } in crowds {
            insert_within(&mut self.crowds, ROOMS_TOLD_MAX, room, people);
        }
        for room in out {
            self.all.remove(&Conversation::Room(room).key());
        }
        let rooms = standings.into_iter().map(|Standing { room, last, read }| Place {
            of: Conversation::Room(room),
            last,
            read,
        });
        let talks = talks.into_iter().map(|ReceivedTalk { peer, last, read }| Place {
            of: Conversation::Peer(peer),
            last,
            read,
        });
        let told: Vec<Place> = rooms.chain(talks).collect();
        for place in &told {
            self.insert(place.clone());
        }
        told
    }

    /// A message has that number. A conversation with somebody begins with its first.
    pub(super) fn note_said(&mut self, of: &Conversation, seq: u64, is_own: bool) {
        let read = if is_own { seq } else { 0 };
        match self.all.get_mut(&of.key()) {
            Some(place) => {
                place.last = place.last.max(seq);
                place.read = place.read.max(read);
            }
            None if of.peer().is_some() => {
                self.has_new_places |= self.insert(Place { of: of.clone(), last: seq, read });
            }
            None => {}
        }
    }

    /// A message of that number has come on a page.
    pub(super) fn note_last(&mut self, of: &Conversation, seq: u64) {
        if let Some(place) = self.all.get_mut(&of.key()) {
            place.last = place.last.max(seq);
        }
    }

    /// The account has read up to that number. It never goes back, so what says less was overtaken.
    pub(super) fn note_read(&mut self, of: &Conversation, seq: u64) {
        if let Some(place) = self.all.get_mut(&of.key())
            && place.read < seq
        {
            place.read = seq;
            self.has_new_places = true;
        }
    }

    /// A person has seen a message of that number. What of it is news to the server: one that was restored from an older copy
    /// has less than was seen.
    pub(super) fn see(&mut self, of: &Conversation, seq: u64) -> Option<u64> {
        let place = self.all.get_mut(&of.key())?;
        let seq = seq.min(place.last);
        let is_news = place.read < seq;
        place.read = place.read.max(seq);
        is_news.then_some(seq)
    }

    /// The server could not note what a person has seen there. It is told again then, or the person's other devices would not
    /// know.
    pub(super) fn put_off(&mut self, of: &Conversation, again_at: Instant) {
        let key = of.key();
        if self.all.contains_key(&key) {
            self.unnoted.insert(key, of.clone());
            self.again_at = self.again_at.max(Some(again_at));
        }
    }

    /// When something is to be told again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.again_at
    }

    /// What is to be told again now: where, and up to which number was seen.
    pub(super) fn take_unnoted(&mut self, now: Instant) -> Vec<(Conversation, u64)> {
        if self.again_at.is_none_or(|at| now < at) {
            return Vec::new();
        }
        self.again_at = None;
        let unnoted = core::mem::take(&mut self.unnoted).into_iter();
        unnoted.filter_map(|(key, of)| Some((of, self.all.get(&key)?.read))).collect()
    }

    /// All of it is to be told to the person again.
    pub(super) fn repeat(&mut self) {
        (self.has_new_crowds, self.has_new_places) = (self.is_told, self.is_told);
    }

    /// The rooms there are, if that has changed since this was asked.
    pub(super) fn take_new_crowds(&mut self) -> Option<Vec<Crowd>> {
        let crowd = |(room, people): (&RoomName, &usize)| Crowd { room: room.clone(), people: *people };
        core::mem::take(&mut self.has_new_crowds).then(|| self.crowds.iter().map(crowd).collect())
    }

    /// The same of the conversations.
    pub(super) fn take_new_places(&mut self) -> Option<Vec<Place>> {
        core::mem::take(&mut self.has_new_places).then(|| self.all.values().cloned().collect())
    }

    /// Whether there was room for it.
    fn insert(&mut self, place: Place) -> bool {
        insert_within(&mut self.all, CONVERSATIONS_MAX, place.of.key(), place)
    }
}
