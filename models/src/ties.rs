//! What people are to each other, as sets of pairs: each is of who did it and whom they did it to.

use std::collections::{BTreeMap, BTreeSet};

use chatroom_core::hub::{List, Untied};
use chatroom_core::message::friend::{Op, Tie};

/// See the module. People are called by whatever tells them apart.
#[derive(Clone)]
pub struct Ties<N> {
    friends: BTreeSet<(N, N)>,
    asked: BTreeSet<(N, N)>,
    declined: BTreeSet<(N, N)>,
    blocked: BTreeSet<(N, N)>,
}

/// How long lists are at most.
#[derive(Clone, Copy)]
pub struct Most {
    /// Friends of somebody.
    pub friends: usize,
    /// Whom somebody has asked.
    pub asked: usize,
    /// By whom somebody is asked.
    pub asking: usize,
    /// Whom somebody has blocked.
    pub blocked: usize,
}

impl<N> Default for Ties<N> {
    fn default() -> Self {
        Self {
            friends: BTreeSet::new(),
            asked: BTreeSet::new(),
            declined: BTreeSet::new(),
            blocked: BTreeSet::new(),
        }
    }
}

impl<N: Copy + Ord> Ties<N> {
    /// What another is to somebody.
    pub fn view(&self, own: N, other: N) -> Tie {
        if self.has_blocked(own, other) {
            Tie::Blocked
        } else if self.are_friends(own, other) {
            Tie::Friend
        } else if self.asked.contains(&(own, other)) {
            Tie::Asked
        } else if self.asked.contains(&(other, own)) && !self.declined.contains(&(own, other)) {
            Tie::Asking
        } else {
            Tie::None
        }
    }

    /// All who are something to somebody.
    pub fn views(&self, own: N) -> BTreeMap<N, Tie> {
        let pairs = self.friends.iter().chain(&self.asked).chain(&self.blocked);
        let others = pairs.flat_map(|(one, other)| {
            [(*one == own).then_some(*other), (*other == own).then_some(*one)].into_iter().flatten()
        });
        let views = others.map(|other| (other, self.view(own, other)));
        views.filter(|(_, tie)| *tie != Tie::None).collect()
    }

    /// Whether two are friends.
    pub fn are_friends(&self, one: N, other: N) -> bool {
        self.friends.contains(&(one, other))
    }

    /// Whether somebody wants to hear nothing of another.
    pub fn has_blocked(&self, by: N, of: N) -> bool {
        self.blocked.contains(&(by, of))
    }

    /// Somebody does something about another. An error says why nothing becomes of them.
    pub fn tie(&mut self, own: N, op: Op, other: N, most: Most) -> Result<(), Untied> {
        let (mine, is_asked) = (self.view(own, other), self.asked.contains(&(other, own)));
        match op {
            Op::Request if mine == Tie::Blocked => return Err(Untied::Blocked),
            Op::Request if is_asked => self.befriend(own, other, most)?,
            Op::Request if mine == Tie::None => {
                self.find_room(own, Tie::Asked, most.asked, List::Asked)?;
                self.find_room(other, Tie::Asking, most.asking, List::OthersAsking)?;
                self.asked.insert((own, other));
                self.declined.remove(&(own, other));
            }
            Op::Request => {}
            Op::Accept if mine == Tie::Asking => self.befriend(own, other, most)?,
            Op::Accept => return Err(Untied::NotAsked),
            Op::Decline | Op::Remove if mine == Tie::Asking => drop(self.declined.insert((own, other))),
            Op::Decline => {}
            Op::Remove => self.end(own, other),
            Op::Block => {
                if mine != Tie::Blocked {
                    self.find_room(own, Tie::Blocked, most.blocked, List::Blocked)?;
                }
                self.end(own, other);
                self.blocked.insert((own, other));
            }
            Op::Unblock => drop(self.blocked.remove(&(own, other))),
        }
        Ok(())
    }

    /// Somebody is nothing to anybody any more.
    pub fn delete(&mut self, user: N) {
        for pairs in [&mut self.friends, &mut self.asked, &mut self.declined, &mut self.blocked] {
            pairs.retain(|(one, other)| *one != user && *other != user);
        }
    }

    fn befriend(&mut self, one: N, other: N, most: Most) -> Result<(), Untied> {
        self.find_room(one, Tie::Friend, most.friends, List::Friends)?;
        self.find_room(other, Tie::Friend, most.friends, List::OthersFriends)?;
        for pair in [(one, other), (other, one)] {
            self.friends.insert(pair);
            self.asked.remove(&pair);
            self.declined.remove(&pair);
        }
        Ok(())
    }

    /// Two are friends no more, and the first asks no more.
    fn end(&mut self, own: N, other: N) {
        self.friends.remove(&(own, other));
        self.friends.remove(&(other, own));
        self.asked.remove(&(own, other));
    }

    fn find_room(&self, own: N, tie: Tie, most: usize, list: List) -> Result<(), Untied> {
        let count = self.views(own).values().filter(|other| **other == tie).count();
        if count < most { Ok(()) } else { Err(Untied::Full(list)) }
    }
}
