//! Who is here, merged from what the server tells; and what the person has said of themselves.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::insert_within;
use crate::limits::PRESENCES_TOLD_MAX;
use crate::message::presence::{Presence, PresenceState, StatusText};
use crate::name::UserName;

/// See the module.
#[derive(Default)]
pub(super) struct Presences {
    /// Those who are not offline.
    here: BTreeMap<UserName, (PresenceState, Option<StatusText>)>,
    /// Of whom the person is to be told.
    changed: BTreeSet<UserName>,
    /// What this device said last of its account and the server took, or another one since: to be said again after a return.
    said: Option<(PresenceState, Option<StatusText>)>,
}

impl Presences {
    /// On a new connection everybody is offline until the server tells otherwise.
    pub(super) fn lose(&mut self) {
        self.here.clear();
        self.changed.clear();
    }

    /// The person has said this, and whether the server took it is not known.
    pub(super) fn say(&mut self, state: PresenceState, text: Option<StatusText>) {
        self.said = Some((state, text));
    }

    /// What is to be said again after a return, if anything was said.
    pub(super) fn said(&self) -> Option<(PresenceState, Option<StatusText>)> {
        self.said.clone()
    }

    /// Takes over what the server tells: of the own account, perhaps as the answer to what this device said, or of another.
    pub(super) fn merge(&mut self, told: Presence, is_own: bool, is_answer: bool) {
        let Presence { user, state, text } = told;
        if state == PresenceState::Offline {
            return self.forget(user);
        }
        let now = (state, text);
        if is_answer || (is_own && self.said.is_some()) {
            self.said = Some(now.clone());
        }
        let is_news = self.here.get(&user) != Some(&now);
        if is_news && insert_within(&mut self.here, PRESENCES_TOLD_MAX, user.clone(), now) {
            self.changed.insert(user);
        }
    }

    /// Nothing is known any more of somebody, or they are gone: for the person that is the same.
    pub(super) fn forget(&mut self, user: UserName) {
        if self.here.remove(&user).is_some() {
            self.changed.insert(user);
        }
    }

    /// All who are here are to be told to the person again.
    pub(super) fn repeat(&mut self) {
        self.changed.extend(self.here.keys().cloned());
    }

    /// What has changed since this was asked, each user once.
    pub(super) fn take_new(&mut self) -> Option<Vec<Presence>> {
        let changed = core::mem::take(&mut self.changed);
        let presence = |user: UserName| {
            let (state, text) = self.here.get(&user).cloned().unwrap_or_default();
            Presence { user, state, text }
        };
        (!changed.is_empty()).then(|| changed.into_iter().map(presence).collect())
    }
}
