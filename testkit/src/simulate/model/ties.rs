//! What people are to each other, and what their devices are told of it.

use std::collections::BTreeMap;

use chatroom_core::frame::PREFIX_BYTES;
use chatroom_core::hub::Untied;
use chatroom_core::message::friend::{Op, Tie};

use super::conn::What;
use super::journal::{self, Outcome, Tying};
use super::keeping::{Held, Post};
use super::told::{frame, parts};
use super::{Model, REPLY_BYTES};
use crate::simulate::names::{ALPHABET, Name};
use crate::simulate::step::To;

/// What others are to somebody.
pub type Views = BTreeMap<usize, Tie>;

impl Model {
    /// A device is told what others were to its user when the disk was asked. Those are taken back who were deleted since.
    pub(super) fn told_ties(&mut self, line: usize, user: usize, views: &Views) {
        self.coverage.reach("told_of_friends");
        self.conn_mut(line).knows_ties = true;
        for json in self.lists(views, None) {
            let cost = json.len() + PREFIX_BYTES;
            self.push(line, What::Text(json.into()), cost, false);
        }
        for gone in ALPHABET.into_iter().filter(|other| views.contains_key(other)) {
            if self.shut_out.contains(&gone) {
                self.tell_tie(line, gone, Tie::None);
            }
        }
        let shut_out = &self.shut_out;
        let there = views.iter().filter(|(other, _)| !shut_out.contains(other));
        let there: Views = there.map(|(other, tie)| (*other, *tie)).collect();
        // Whoever was told before is told what has become of those who are gone.
        self.ties.entry(user).or_insert(there);
        self.tell_who_is_here(line);
    }

    /// Who is what to the user of a device?
    pub(super) fn list_ties(&mut self, line: usize, rid: Option<String>) {
        let conn = self.conn(line);
        let (user, whose) = (conn.user().expect("only who is logged in comes here"), (line, conn.connection));
        let telling = conn.telling.filter(|number| !self.journal.is_settled(*number));
        match (self.ties.get(&user).cloned(), telling) {
            (Some(views), telling) => {
                self.coverage.reach("friends_listed");
                let is_first = telling.is_none() && !self.conn(line).knows_ties;
                self.conn_mut(line).knows_ties |= is_first;
                let frames = self.lists(&views, rid.as_deref());
                self.push_all(line, frames, REPLY_BYTES, true);
                if is_first {
                    self.tell_who_is_here(line);
                }
            }
            (None, Some(until)) => {
                self.coverage.reach("waited_for_friends");
                self.conn_mut(line).is_held = true;
                self.held.push((until, whose, Held::Ties(rid)));
            }
            (None, None) => self.not_kept(line, "friend", rid, true),
        }
    }

    /// Somebody does something about another.
    pub(super) fn tie(&mut self, line: usize, op: Op, other: Option<Name>, rid: Option<String>) {
        let Some(other) = other else {
            return self.refuse_and_count(line, "friend", "no_such_user", rid, 0);
        };
        self.slow_down(line);
        let user = self.conn(line).user().expect("only who is logged in comes here");
        if user == other.id {
            return self.refuse_and_count(line, "friend", "name_invalid", rid, REPLY_BYTES);
        }
        if !self.may_change(line, "friend", &rid) {
            return;
        }
        let whose = (line, self.conn(line).connection);
        self.conn_mut(line).is_held = true;
        self.journal.push(whose, journal::What::Tie(Tying { user, op, other: other.id, rid }));
    }

    /// What has become of two is on the disk, or nothing has. All devices of both are told that are told of friends.
    pub(super) fn settle_tie(&mut self, line: Option<usize>, tying: Tying, outcome: Outcome) {
        let Tying { user, other, rid, .. } = tying;
        if let Some(line) = line {
            self.conn_mut(line).is_held = false;
        }
        let (before, after) = match outcome {
            Outcome::Tied { before, after } => (before, after),
            Outcome::Untied(untied) => {
                if let Some(line) = line {
                    self.refuse_and_count(line, "friend", code(untied), rid, REPLY_BYTES);
                }
                return;
            }
            _ => {
                if let Some(line) = line {
                    self.not_kept(line, "friend", rid, true);
                }
                return;
            }
        };
        let is_gone = self.shut_out.contains(&user) || self.shut_out.contains(&other);
        let after = if is_gone { (Tie::None, Tie::None) } else { after };
        self.coverage.reach(match after.0 {
            Tie::None => "nothing_to_each_other",
            Tie::Friend => "befriended",
            Tie::Asking => "asking",
            Tie::Asked => "asked",
            Tie::Blocked => "blocked_by_choice",
        });
        if after.0 == Tie::Blocked {
            self.blocks.insert((user, other));
        } else {
            self.blocks.remove(&(user, other));
        }
        self.retie((user, other), before.0, after.0, line);
        self.retie((other, user), before.1, after.1, None);
        if let Some(line) = line {
            let json = self.tie_frame(other, after.0, rid.as_deref());
            self.push(line, What::Text(json.into()), REPLY_BYTES, true);
        }
        let is_friend = after.0 == Tie::Friend;
        if is_friend != (before.0 == Tie::Friend) {
            self.tell_of_friend(user, other, is_friend);
            self.tell_of_friend(other, user, is_friend);
        }
    }

    /// Another is something to somebody from now on. Their devices are told if that is news, but for the one that is answered.
    fn retie(&mut self, (own, other): (usize, usize), was: Tie, now: Tie, except: Option<usize>) {
        if let Some(views) = self.ties.get_mut(&own) {
            views.remove(&other);
            if now != Tie::None {
                views.insert(other, now);
            }
        }
        if was == now {
            return;
        }
        for device in self.devices(own).into_iter().filter(|device| Some(*device) != except) {
            if self.conn(device).knows_ties {
                self.coverage.reach("told_of_a_tie");
                self.tell_tie(device, other, now);
            }
        }
    }

    fn tell_tie(&mut self, line: usize, other: usize, now: Tie) {
        let json = self.tie_frame(other, now, None);
        self.push(line, What::Text(json.into()), REPLY_BYTES, false);
    }

    /// The server has heard that those are deleted: they are nothing to anybody.
    pub(super) fn untie(&mut self, gone: &[usize]) {
        self.blocks.retain(|(by, of)| !gone.contains(by) && !gone.contains(of));
        let users: Vec<usize> = self.ties.keys().copied().collect();
        for user in users {
            for other in ALPHABET.into_iter().filter(|other| gone.contains(other)) {
                let views = self.ties.get_mut(&user).expect("it was just there");
                if views.remove(&other).is_some() {
                    self.coverage.reach("deleted_friend_is_told");
                    for device in self.devices(user) {
                        if self.conn(device).knows_ties {
                            self.tell_tie(device, other, Tie::None);
                            self.tell_gone(device, other);
                        }
                    }
                }
            }
        }
    }

    /// A server has started: those are blocked who are on the disk.
    pub(super) fn remember_ties(&mut self) {
        self.ties.clear();
        self.blocks = self.annals.blocks();
    }

    /// Whether something that is said to somebody who is not there waits until it is known whether they are a friend.
    pub(super) fn waits_for_ties(&mut self, line: usize, post: &Post) -> bool {
        let To::User(peer) = post.to else { return false };
        let user = self.conn(line).user().expect("only who is logged in comes here");
        let is_known = !self.conn(line).caps.friends || self.ties.contains_key(&user);
        if is_known || self.can_hear(peer.id, post.room, user) {
            return false;
        }
        let conn = self.conn(line);
        let Some(until) = conn.telling.filter(|number| !self.journal.is_settled(*number)) else {
            return false;
        };
        let whose = (line, conn.connection);
        self.coverage.reach("waited_for_friends");
        self.conn_mut(line).is_held = true;
        self.held.push((until, whose, Held::Post(post.clone())));
        true
    }

    /// Whether somebody can be given a private message by that author, and does not want to hear nothing of them.
    pub(super) fn can_hear(&mut self, peer: usize, room: Option<usize>, author: usize) -> bool {
        if !self.can_be_reached(peer, room) {
            return false;
        }
        let is_blocked = self.blocks.contains(&(peer, author));
        if is_blocked {
            self.coverage.reach("blocked_author");
        }
        !is_blocked
    }

    /// Whether it is known that who is not there is no friend: nobody is one who was not told of friends.
    pub(super) fn knows_strangers(&self, line: usize) -> bool {
        let conn = self.conn(line);
        !conn.caps.friends || conn.user().is_some_and(|user| self.ties.contains_key(&user))
    }

    /// Whether somebody who is not there is written to all the same.
    pub(super) fn is_absent_friend(&self, line: usize, peer: usize) -> bool {
        let conn = self.conn(line);
        let views = conn.user().filter(|_| conn.caps.friends).and_then(|user| self.ties.get(&user));
        views.is_some_and(|views| views.get(&peer) == Some(&Tie::Friend))
    }

    /// Of whose devices none is left that is told of friends, of them it is forgotten who they are.
    pub(super) fn forget_ties(&mut self, user: usize) {
        if !self.devices(user).into_iter().any(|line| self.conn(line).caps.friends) {
            self.ties.remove(&user);
        }
    }

    fn tie_frame(&self, other: usize, now: Tie, rid: Option<&str>) -> String {
        let name = self.book.name(other);
        frame("friend", &format!(r#""user":"{name}","now":"{}""#, now.as_str()), rid)
    }

    fn lists(&self, views: &Views, rid: Option<&str>) -> Vec<String> {
        let named = |other: usize| {
            let (name, tie) = (self.book.name(other), *views.get(&other)?);
            Some((name.len() + 3, (format!(r#""{name}""#), tie)))
        };
        let mut parts =
            parts(ALPHABET.into_iter().filter_map(named).collect(), self.swarm.limits.list_bytes_max)
                .into_iter();
        let lists = |part: Vec<(String, Tie)>| {
            let keys = [
                ("friends", Tie::Friend),
                ("asking", Tie::Asking),
                ("asked", Tie::Asked),
                ("blocked", Tie::Blocked),
            ];
            let list = |(key, wanted): (&str, Tie)| {
                let names = part.iter().filter(|(_, tie)| *tie == wanted).map(|(name, _)| name.as_str());
                let names: Vec<&str> = names.collect();
                (!names.is_empty()).then(|| format!(r#""{key}":[{}]"#, names.join(",")))
            };
            keys.into_iter().filter_map(list).collect::<Vec<_>>()
        };
        let mut all = vec![r#""all":true"#.to_owned()];
        all.extend(lists(parts.next().unwrap_or_default()));
        let first = frame("friend", &all.join(","), rid);
        [first].into_iter().chain(parts.map(|part| frame("friend", &lists(part).join(","), None))).collect()
    }

    /// What others are to a user, as the disk has it.
    pub fn views(&self, user: usize) -> BTreeMap<&'static str, Tie> {
        self.annals.views(user).into_iter().map(|(other, tie)| (self.book.name(other), tie)).collect()
    }
}

fn code(untied: Untied) -> &'static str {
    match untied {
        Untied::Unknown => "no_such_user",
        Untied::Blocked => "blocked",
        Untied::NotAsked => "no_request",
        Untied::Full(_) => "too_many_friends",
    }
}
