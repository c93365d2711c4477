//! What devices have not been told of who is where: differences, not whole lists.
//!
//! Each difference says what is so now of whom or what has changed since the last one. So whoever was told everything at any
//! time in between knows after it what is so.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::room::{RoomId, Rooms};
use super::{LOBBY_ID, Snapshot};
use crate::frame::Frame;
use crate::message::push::{self, ListKind, Roster};
use crate::message::rooms::{self, Crowd};
use crate::name::{RoomName, UserName};

/// Who has come to a room or gone since those who watch it were told last.
#[derive(Default)]
pub(super) struct Changes {
    /// Each once, the last to change last, and whether they are there now.
    people: Vec<(UserName, bool)>,
    /// There were so many that it is better to begin anew.
    are_too_many: bool,
}

/// Rooms whose people, or existence, is not what devices were told last. Nothing is noted where there are no devices.
#[derive(Default)]
pub(super) struct Stir {
    is_watched: bool,
    rooms: BTreeMap<RoomId, RoomName>,
}

/// What is to be told unasked of one room, or of all to who is in the lobby and to devices. Encode it without a lock.
pub struct Bulletin {
    pub(super) room: RoomId,
    pub(super) name: RoomName,
    pub(super) version: u64,
    /// For those who are in one room at a time, if it is news to any of them.
    pub(super) list: Option<Arc<Snapshot>>,
    pub(super) news: Option<News>,
}

/// What devices are told.
pub(super) enum News {
    People(Changes, Roster),
    Rooms { crowds: Vec<Crowd>, gone: Vec<RoomName> },
}

/// A [`Bulletin`] as it goes out.
pub struct Print {
    pub(super) room: RoomId,
    pub(super) version: u64,
    pub(super) list: Option<Frame>,
    pub(super) news: Vec<Frame>,
}

impl Changes {
    pub(super) fn add(&mut self, name: &UserName, is_there: bool) {
        if self.are_too_many {
            return;
        }
        self.people.retain(|(other, _)| other != name);
        self.people.push((name.clone(), is_there));
        if self.people.len() > CHANGES_MAX {
            *self = Self { people: Vec::new(), are_too_many: true };
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.people.is_empty() && !self.are_too_many
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
    /// Which room it is of; the lobby's is of all.
    pub fn room(&self) -> &RoomName {
        &self.name
    }

    /// Who is where, at the moment at which it was taken, if anybody gets a list of it.
    pub fn list(&self) -> Option<&Snapshot> {
        self.list.as_deref()
    }

    /// Encodes it, a list's JSON at most `list_bytes_max` long.
    pub fn encode(&self, list_bytes_max: usize) -> Print {
        let kind = if self.room == LOBBY_ID { ListKind::Lobby } else { ListKind::Room };
        let list =
            self.list.as_ref().map(|list| push::encode_list(kind, &list.rosters, list_bytes_max, None));
        let news = match &self.news {
            None => Vec::new(),
            Some(News::Rooms { crowds, gone }) => rooms::encode_changes(crowds, gone, list_bytes_max),
            Some(News::People(changes, roster)) if changes.are_too_many => {
                rooms::encode_roster(roster, list_bytes_max, None)
            }
            Some(News::People(changes, roster)) => {
                let those = |are_there: bool| {
                    let people = changes.people.iter().filter(move |(_, is_there)| {
                        *is_there == are_there
                            && (are_there || !cfg!(planted_bug = "difference_forgets_who_left"))
                    });
                    people.map(|(name, _)| name.as_str()).collect::<Vec<_>>()
                };
                Vec::from([rooms::encode_roster_change(&roster.room, &those(true), &those(false))])
            }
        };
        Print { room: self.room, version: self.version, list, news }
    }
}

/// With more rooms than this, the rest is told next time.
const STIRRED_MAX: usize = 500;

/// With more changes than this, all who are there are told anew.
const CHANGES_MAX: usize = 64;
