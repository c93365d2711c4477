//! What people are to each other, as far as it matters to their devices.

use chatroom_core::frame::PREFIX_BYTES;

use super::Model;
use super::conn::What;
use super::keeping::{Held, Post};
use super::told::frame;
use crate::simulate::step::To;

impl Model {
    /// A device is told who is a friend.
    pub(super) fn told_ties(&mut self, line: usize, user: usize) {
        self.coverage.reach("told_of_friends");
        self.conn_mut(line).knows_ties = true;
        self.befriended.insert(user);
        let json = frame("friend", r#""all":true"#, None);
        let cost = json.len() + PREFIX_BYTES;
        self.push(line, What::Text(json.into()), cost, false);
    }

    /// Whether something that is said to somebody who is not there waits until it is known whether they are a friend.
    pub(super) fn waits_for_ties(&mut self, line: usize, post: &Post) -> bool {
        let To::User(peer) = post.to else { return false };
        let conn = self.conn(line);
        let user = conn.user().expect("only who is logged in comes here");
        if !conn.caps.friends || self.befriended.contains(&user) || self.can_be_reached(peer.id, post.room) {
            return false;
        }
        let Some(until) = conn.telling.filter(|number| !self.journal.is_settled(*number)) else {
            return false;
        };
        let whose = (line, conn.connection);
        self.coverage.reach("waited_for_friends");
        self.conn_mut(line).is_held = true;
        self.held.push((until, whose, Held::Post(post.clone())));
        true
    }

    /// Whether it is known that who is not there is no friend: nobody is one who was not told of friends.
    pub(super) fn knows_strangers(&self, line: usize) -> bool {
        let conn = self.conn(line);
        !conn.caps.friends || conn.user().is_some_and(|user| self.befriended.contains(&user))
    }

    /// Of whose devices none is left that is told of friends, of them it is forgotten who they are.
    pub(super) fn forget_ties(&mut self, user: usize) {
        if !self.devices(user).into_iter().any(|line| self.conn(line).caps.friends) {
            self.befriended.remove(&user);
        }
    }
}
