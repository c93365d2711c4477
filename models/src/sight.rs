//! How people are here, and of whom somebody may know it: of friends, of who is in a room that they watch, and of themselves.

use std::collections::BTreeMap;
use std::rc::Rc;

use chatroom_core::message::presence::PresenceState;

/// How somebody is here, and what they say of themselves, if anything.
pub type How = (PresenceState, Option<Rc<str>>);

/// What each who is here has said of themselves last. People are called by whatever tells them apart.
#[derive(Clone)]
pub struct Statuses<N>(BTreeMap<N, How>);

impl<N> Default for Statuses<N> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<N: Copy + Ord> Statuses<N> {
    /// Somebody who is here says how. Whether that is news.
    pub fn say(&mut self, user: N, how: How) -> bool {
        let is_news = self.how(user, true) != how;
        self.0.insert(user, how);
        is_news
    }

    /// The last of somebody's connections is gone, and what they said with it.
    pub fn forget(&mut self, user: N) {
        self.0.remove(&user);
    }

    /// How somebody is who is here, or is not.
    pub fn how(&self, user: N, is_here: bool) -> How {
        let said = self.0.get(&user).filter(|_| is_here);
        said.cloned().unwrap_or_else(|| untold(is_here))
    }
}

/// What is so of who has said nothing; and what somebody takes for so of whom they were told nothing: that these are not here,
/// but for themselves.
pub fn untold(is_here: bool) -> How {
    (if is_here { PresenceState::Online } else { PresenceState::Offline }, None)
}

/// All whom somebody sees, and how those are.
pub fn seen<N: Ord>(
    own: N,
    friends: impl IntoIterator<Item = N>,
    together: impl IntoIterator<Item = N>,
    how: impl Fn(&N) -> How,
) -> BTreeMap<N, How> {
    let all = friends.into_iter().chain(together).chain([own]);
    all.map(|user| (how(&user), user)).map(|(how, user)| (user, how)).collect()
}
