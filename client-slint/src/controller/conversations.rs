//! The conversations that are taken part in, where these can be many: their order, and what of each was not seen.

use chatroom_core::client::{Conversation, folded};

/// All conversations that are taken part in, as they stand in the list: rooms by name, then private ones, the one in
/// which something was said last first.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) entries: Vec<Entry>,
    /// The file was asked what was not seen, and, if something has changed since, has to be asked again.
    pub(super) is_counting: bool,
    pub(super) is_miscounted: bool,
    /// What is shown of them is not what they are.
    pub(super) is_stale: bool,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) of: Conversation,
    /// It is not taken part in any more, and is here for what waits there, or because it is shown.
    pub(super) is_left: bool,
    /// The number of its last message that was seen, here or on another device.
    pub(super) seen: u64,
    /// Nothing is known to have been said there.
    pub(super) is_empty: bool,
    pub(super) unread: u32,
    pub(super) mentions: u32,
}

impl Places {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(super) fn get(&self, of: &Conversation) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.of.is_same(of))
    }

    pub(super) fn get_mut(&mut self, of: &Conversation) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.of.is_same(of))
    }

    /// The entry of a conversation, made if there is none.
    pub(super) fn entry(&mut self, of: &Conversation) -> &mut Entry {
        let at = match self.entries.iter().position(|entry| entry.of.is_same(of)) {
            Some(at) => at,
            None => {
                let entry =
                    Entry { of: of.clone(), is_left: false, seen: 0, is_empty: true, unread: 0, mentions: 0 };
                let at = self.entries.partition_point(|other| precedes(&other.of, of));
                self.entries.insert(at, entry);
                at
            }
        };
        &mut self.entries[at]
    }

    /// Something was said there last of all.
    pub(super) fn raise(&mut self, of: &Conversation) {
        self.entry(of).is_empty = false;
        let first = self.entries.partition_point(|entry| !entry.of.is_private());
        if let Some(at) = self.entries.iter().position(|entry| entry.of.is_same(of)).filter(|at| *at > first)
        {
            self.entries[first..=at].rotate_right(1);
        }
    }

    pub(super) fn remove(&mut self, of: &Conversation) {
        self.entries.retain(|entry| !entry.of.is_same(of));
    }
}

impl Entry {
    /// Counts a message that was not seen.
    pub(super) fn count(&mut self, is_for_one: bool) {
        self.unread = self.unread.saturating_add(1);
        self.mentions = self.mentions.saturating_add(is_for_one.into());
    }
}

/// Whether one that is in the list comes before one that is new to it.
fn precedes(one: &Conversation, new: &Conversation) -> bool {
    match (one, new) {
        (Conversation::Room(one), Conversation::Room(new)) => folded(one.as_str()) <= folded(new.as_str()),
        (Conversation::Room(_), Conversation::Peer(_)) | (Conversation::Peer(_), Conversation::Peer(_)) => {
            true
        }
        (Conversation::Peer(_), Conversation::Room(_)) => false,
    }
}
