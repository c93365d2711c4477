//! Who is whose friend, merged from the whole and from what has changed since.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::insert_within;
use crate::limits::FRIENDS_TOLD_MAX;
use crate::message::friend::Tie;
use crate::message::received::ReceivedFriend;
use crate::name::UserName;

/// Who is what to an account, each by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Friends {
    /// Its friends.
    pub friends: Vec<UserName>,
    /// Those who want to be one.
    pub asking: Vec<UserName>,
    /// Those whom it has asked to be one.
    pub asked: Vec<UserName>,
    /// Those of whom it wants to hear nothing.
    pub blocked: Vec<UserName>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Ties {
    all: BTreeMap<UserName, Tie>,
    is_new: bool,
}

impl Ties {
    /// Takes over what the server tells.
    pub(super) fn merge(&mut self, told: ReceivedFriend) {
        self.is_new = true;
        match told {
            ReceivedFriend::All(ties) => {
                self.all.clear();
                ties.into_iter().for_each(|(name, tie)| self.insert(name, tie));
            }
            ReceivedFriend::Change(name, tie) => self.insert(name, tie),
            ReceivedFriend::More(ties) => ties.into_iter().for_each(|(name, tie)| self.insert(name, tie)),
        }
    }

    /// All of it is to be told to the person again.
    pub(super) fn repeat(&mut self) {
        self.is_new = true;
    }

    /// Who is what, if that has changed since this was asked.
    pub(super) fn take_new(&mut self) -> Option<Friends> {
        core::mem::take(&mut self.is_new).then(|| Friends {
            friends: self.of(Tie::Friend),
            asking: self.of(Tie::Asking),
            asked: self.of(Tie::Asked),
            blocked: self.of(Tie::Blocked),
        })
    }

    pub(super) fn is_friend(&self, name: &UserName) -> bool {
        self.all.get(name) == Some(&Tie::Friend)
    }

    fn of(&self, wanted: Tie) -> Vec<UserName> {
        self.all.iter().filter(|(_, tie)| **tie == wanted).map(|(name, _)| name.clone()).collect()
    }

    fn insert(&mut self, name: UserName, tie: Tie) {
        if tie == Tie::None {
            self.all.remove(&name);
        } else {
            insert_within(&mut self.all, FRIENDS_TOLD_MAX, name, tie);
        }
    }
}
