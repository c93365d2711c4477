//! Who is in the room that a person looks at, merged from the whole and from who came and went since.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::Room;
use super::conversation::Conversation;
use crate::limits::MEMBERS_TOLD_MAX;
use crate::message::received::ReceivedRoster;
use crate::name::{RoomName, UserName};
use crate::time::Instant;

/// What a person looks at, and who is there.
#[derive(Default)]
pub(super) struct People {
    of: Option<Conversation>,
    /// The server is to be asked who is there: now, or from then on.
    ask: Ask,
    /// By when they came.
    members: BTreeMap<u64, UserName>,
    came: BTreeMap<UserName, u64>,
    count: u64,
    is_new: bool,
}

#[derive(Default)]
enum Ask {
    #[default]
    Never,
    Now,
    At(Instant),
}

impl People {
    /// From now on a person looks here. What was seen last is forgotten.
    pub(super) fn look_at(&mut self, of: Conversation) {
        *self = Self { ask: Ask::Now, of: Some(of), ..Self::default() };
    }

    /// What a person looks at.
    pub(super) fn of(&self) -> Option<&Conversation> {
        self.of.as_ref()
    }

    /// On a new connection this is asked again.
    pub(super) fn lose(&mut self) {
        self.ask = Ask::Now;
    }

    /// The server wants to be asked later.
    pub(super) fn put_off(&mut self, until: Instant) {
        self.ask = Ask::At(until);
    }

    /// The room that is to be asked about now.
    pub(super) fn take_question(&mut self, now: Instant) -> Option<RoomName> {
        let is_due = match self.ask {
            Ask::Never => false,
            Ask::Now => true,
            Ask::At(at) => at <= now,
        };
        let room = self.of.as_ref().and_then(Conversation::room).filter(|_| is_due).cloned()?;
        self.ask = Ask::Never;
        Some(room)
    }

    /// When to ask again: of a room, for nobody is asked about who is in a private conversation.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.ask {
            Ask::Never | Ask::Now => None,
            Ask::At(at) => self.of.as_ref().and_then(Conversation::room).map(|_| at),
        }
    }

    /// The account is in that room no more. Who was there, if that is known.
    pub(super) fn leave(&mut self, room: &RoomName) -> Vec<UserName> {
        if !self.is_of(room) {
            return Vec::new();
        }
        self.members.clear();
        core::mem::take(&mut self.came).into_keys().collect()
    }

    /// Who was there that may be there no more when this is taken over.
    pub(super) fn names_before(&self, roster: &ReceivedRoster) -> Vec<UserName> {
        match roster.members {
            Some(_) if self.is_of(&roster.room) => self.came.keys().cloned().collect(),
            Some(_) => Vec::new(),
            None => roster.left.clone(),
        }
    }

    /// Takes over what the server tells, if it is about the room that is looked at.
    pub(super) fn merge(&mut self, roster: ReceivedRoster) {
        if !self.is_of(&roster.room) {
            return;
        }
        self.of = Some(Conversation::Room(roster.room));
        self.is_new = true;
        if let Some(members) = roster.members {
            (self.members, self.came) = (BTreeMap::new(), BTreeMap::new());
            members.into_iter().for_each(|name| self.add(name));
        }
        for name in &roster.left {
            self.remove(name);
        }
        for name in roster.joined {
            self.remove(&name);
            self.add(name);
        }
    }

    fn is_of(&self, room: &RoomName) -> bool {
        self.of.as_ref().is_some_and(|of| of.is_of(room))
    }

    /// Who is there, if that has changed since this was asked.
    pub(super) fn take_new(&mut self) -> Option<Room> {
        let room = self.of.as_ref()?;
        core::mem::take(&mut self.is_new).then(|| Room {
            name: String::from(room.name()),
            members: self.members.values().map(|name| String::from(name.as_str())).collect::<Vec<_>>(),
        })
    }

    /// Whether somebody is there, as far as that is known.
    pub(super) fn has(&self, name: &UserName) -> bool {
        self.came.contains_key(name)
    }

    fn add(&mut self, name: UserName) {
        if self.members.len() < MEMBERS_TOLD_MAX && !self.came.contains_key(&name) {
            self.count += 1;
            self.members.insert(self.count, name.clone());
            self.came.insert(name, self.count);
        }
    }

    fn remove(&mut self, name: &UserName) {
        if let Some(number) = self.came.remove(name) {
            self.members.remove(&number);
        }
    }
}
