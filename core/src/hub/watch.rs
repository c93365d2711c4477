//! What devices have not been told of who is where: differences, not whole lists.
//!
//! Each difference says what is so now of whom or what has changed since the last one. So whoever was told everything at any
//! time in between knows after it what is so.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::room::{RoomId, Rooms};
use super::{LOBBY_ID, Snapshot};
use crate::frame::Frame;
use crate::message::presence::{self, Presence};
use crate::message::push::{self, ListKind, Roster};
use crate::message::rooms::{self, Crowd};
use crate::name::{Account, NameKey, RoomName};

/// Who has come to a room or gone since those who watch it were told last.
#[derive(Default)]
pub(super) struct Changes {
    /// Each once, the last to change last, and whether they are there now.
    people: Vec<(Account, bool)>,
    /// Who is here otherwise than before, of those who are in the room.
    statuses: BTreeSet<NameKey>,
    /// There were so many that it is better to begin anew.
    are_too_many: bool,
}

/// Rooms whose people, or existence, is not what devices were told last. Nothing is noted where there are no devices.
#[derive(Default)]
pub(super) struct Stir {
    is_watched: bool,
    rooms: BTreeMap<RoomId, RoomName>,
}

/// What is to be told unasked of one room, or of all to who is in the lobby and to devices; or of a user to their friends.
/// Encode it without a lock.
pub struct Bulletin {
    pub(super) about: About,
    /// For those who are in one room at a time, if it is news to any of them.
    pub(super) list: Option<Arc<Snapshot>>,
    pub(super) news: Option<News>,
    pub(super) presences: Presences,
}

/// What a bulletin is about.
#[derive(Clone)]
pub(super) enum About {
    /// A room, as of a version of its list.
    Room { id: RoomId, name: RoomName, version: u64 },
    /// A user.
    User(NameKey),
}

/// How users are here, as it is about to be told.
#[derive(Clone, Default)]
pub(super) struct Presences {
    pub(super) all: Vec<(NameKey, Presence)>,
    /// How often anybody had said anything else of themselves by then.
    pub(super) as_of: u64,
}

/// What devices are told.
pub(super) enum News {
    People(Changes, Roster),
    Rooms { crowds: Vec<Crowd>, gone: Vec<RoomName> },
}

/// A [`Bulletin`] as it goes out.
pub struct Print {
    pub(super) about: About,
    pub(super) list: Option<Frame>,
    pub(super) news: Vec<Frame>,
    pub(super) presences: Vec<Frame>,
    /// What these say.
    pub(super) told: Presences,
}

impl Changes {
    pub(super) fn add(&mut self, account: &Account, is_there: bool) {
        if self.are_too_many {
            return;
        }
        self.people.retain(|(other, _)| other.key != account.key);
        self.people.push((account.clone(), is_there));
        if self.people.len() > CHANGES_MAX {
            *self = Self { are_too_many: true, ..Self::default() };
        }
    }

    /// Somebody is here otherwise than before.
    pub(super) fn add_status(&mut self, user: &NameKey) {
        if !self.are_too_many && !self.statuses.contains(user) {
            self.statuses.insert(user.clone());
        }
    }

    /// Of whom it is to be told how they are here: who has come, and who has said something else. `None`: of all who are there.
    pub(super) fn of_whom(&self) -> Option<BTreeSet<&NameKey>> {
        let came = self.people.iter().filter(|(_, is_there)| *is_there).map(|(account, _)| &account.key);
        (!self.are_too_many).then(|| came.chain(&self.statuses).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.people.is_empty() && self.statuses.is_empty() && !self.are_too_many
    }
}

impl Stir {
    /// Whether anybody wants to know, from now on.
    pub(super) fn set_watched(&mut self, is_watched: bool) {
        self.is_watched = is_watched;
        if !is_watched {
            self.rooms.clear();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    pub(super) fn changed(&mut self, id: RoomId, name: &RoomName) {
        if self.is_watched && !self.rooms.contains_key(&id) {
            self.rooms.insert(id, name.clone());
        }
    }
}

impl Rooms {
    /// Takes what devices have not been told of a room, or of all.
    pub(super) fn take_news(&mut self, id: RoomId) -> Option<News> {
        if id != LOBBY_ID {
            let room = self.get_mut(id)?;
            let changes = core::mem::take(&mut room.changes);
            return (!changes.is_empty()).then(|| News::People(changes, room.roster()));
        }
        let mut stirred = core::mem::take(&mut self.stir.rooms);
        // As many as a mailbox has room for, whatever they are called.
        if let Some(rest) = stirred.keys().nth(STIRRED_MAX).copied() {
            self.stir.rooms = stirred.split_off(&rest);
        }
        let (mut crowds, mut gone) = (Vec::new(), Vec::new());
        for (id, name) in stirred {
            match self.get(id) {
                Some(room) => crowds.push(room.crowd()),
                None => gone.push(name),
            }
        }
        (!crowds.is_empty() || !gone.is_empty()).then_some(News::Rooms { crowds, gone })
    }
}

impl Bulletin {
    /// Which room it is of, if it is of one; the lobby's is of all.
    pub fn room(&self) -> Option<&RoomName> {
        match &self.about {
            About::Room { name, .. } => Some(name),
            About::User(_) => None,
        }
    }

    /// Who is where, at the moment at which it was taken, if anybody gets a list of it.
    pub fn list(&self) -> Option<&Snapshot> {
        self.list.as_deref()
    }

    /// Encodes it, a list's JSON at most `list_bytes_max` long.
    pub fn encode(&self, list_bytes_max: usize) -> Print {
        let is_of_all = matches!(self.about, About::Room { id: LOBBY_ID, .. });
        let kind = if is_of_all { ListKind::Lobby } else { ListKind::Room };
        let list =
            self.list.as_ref().map(|list| push::encode_list(kind, &list.rosters, list_bytes_max, None));
        let news = match &self.news {
            None => Vec::new(),
            Some(News::Rooms { crowds, gone }) => rooms::encode_changes(crowds, gone, list_bytes_max),
            Some(News::People(changes, roster)) if changes.are_too_many => {
                rooms::encode_roster(roster, list_bytes_max, None)
            }
            // How somebody is here is told by itself.
            Some(News::People(changes, _)) if changes.people.is_empty() => Vec::new(),
            Some(News::People(changes, roster)) => {
                let those = |are_there: bool| {
                    let people = changes.people.iter().filter(move |(_, is_there)| {
                        *is_there == are_there
                            && (are_there || !cfg!(planted_bug = "difference_forgets_who_left"))
                    });
                    people.map(|(account, _)| account.name.as_str()).collect::<Vec<_>>()
                };
                Vec::from([rooms::encode_roster_change(&roster.room, &those(true), &those(false))])
            }
        };
        let presences = self.presences.all.iter().map(|(_, presence)| presence);
        let presences = presence::encode(presences, list_bytes_max, None);
        Print { about: self.about.clone(), list, news, presences, told: self.presences.clone() }
    }
}

/// With more rooms than this, the rest is told next time.
const STIRRED_MAX: usize = 500;

/// With more changes than this, all who are there are told anew.
const CHANGES_MAX: usize = 64;
