//! Where those are who are in one room at a time: rooms that are made, come into and left, and lists of who is there.

use std::time::Duration;

use chatroom_core::server::GrantId;

use super::conn::{Seat, What};
use super::request::{SECOND, done};
use super::{Model, REPLY_BYTES};
use crate::simulate::names::{LOBBY, Name};

impl Model {
    /// Whether somebody may ask for a list; if not, they are told so.
    pub(super) fn may_list(&mut self, line: usize, kind: &'static str, rid: &Option<String>) -> bool {
        let (now, limits) = (self.now, &self.swarm.limits);
        let (count, burst) = (limits.list_rate, limits.list_burst);
        let Err(wait) = self.conn_mut(line).lists.take(now, count, SECOND, burst) else { return true };
        self.rate_limit(line, kind, wait, rid.clone(), 0);
        false
    }

    /// Whether somebody may change what is between them and another; if not, they are told so.
    pub(super) fn may_change(&mut self, line: usize, kind: &'static str, rid: &Option<String>) -> bool {
        let user = self.conn(line).user().expect("only who is logged in comes here");
        let (now, limits) = (self.now, &self.swarm.limits);
        let (count, burst) = (limits.move_rate * 2, limits.move_burst * 2);
        let Err(wait) = self.habits[user].changes.take(now, count, SECOND, burst) else { return true };
        self.rate_limit(line, kind, wait, rid.clone(), REPLY_BYTES);
        false
    }

    pub(super) fn list(&mut self, line: usize, kind: &'static str, rid: Option<String>) {
        if !self.may_list(line, kind, &rid) {
            return;
        }
        let room = self.conn(line).room().unwrap_or(LOBBY);
        let text = self.rooms.list(room, rid.as_deref()).into();
        let version = self.rooms.version(room);
        self.coverage.reach("listed");
        self.push(line, What::List { text, room, version, follows: false }, REPLY_BYTES, true);
    }

    pub(super) fn create(&mut self, line: usize, name: Option<Name>, rid: Option<String>) {
        let (now, limits) = (self.now, self.swarm.limits.clone());
        let Some(name) = name else { return self.refuse_and_count(line, "create", "name_invalid", rid, 0) };
        if self.rooms.find(name.id).is_some() {
            return self.refuse_and_count(line, "create", "room_exists", rid, REPLY_BYTES);
        }
        if self.swarm.history && self.waits_for_founding(line, name, &rid) {
            return;
        }
        let idle = Duration::from_millis(limits.room_idle_ms_min);
        let is_full = self.rooms.len() + self.journal.foundings() >= limits.rooms_max;
        let oldest = self.rooms.longest_empty(now, idle, |room| self.is_wanted(room));
        if is_full && oldest.is_none() {
            return self.refuse_and_count(line, "create", "too_many_rooms", rid, REPLY_BYTES);
        }
        let count = limits.rooms_created_per_hour_max;
        let user = self.conn(line).user().expect("only who is logged in comes here");
        if let Err(wait) = self.habits[user].rooms.take(now, count, Duration::from_secs(3600), count) {
            return self.rate_limit(line, "create", wait, rid, REPLY_BYTES);
        }
        let instead = oldest.filter(|_| is_full).and_then(|oldest| self.rooms.remove(oldest));
        if instead.is_some() {
            self.coverage.reach("room_gave_way");
        }
        if self.swarm.history {
            return self.found(line, name, instead, rid);
        }
        self.created(line, name, rid.as_deref());
    }

    pub(super) fn created(&mut self, line: usize, name: Name, rid: Option<&str>) {
        self.coverage.reach("created");
        let message = format!("{} created successfully", name.text);
        self.done(line, "create", &message, None, rid, REPLY_BYTES);
        self.rooms.create(self.now, name);
    }

    pub(super) fn enter(&mut self, line: usize, name: Option<Name>, rid: Option<String>) {
        let Some(name) = name else { return self.refuse_and_count(line, "enter", "no_such_room", rid, 0) };
        self.slow_down(line);
        let Some(room) = self.rooms.find(name.id) else {
            return self.refuse_and_count(line, "enter", "no_such_room", rid, REPLY_BYTES);
        };
        if room.number == LOBBY {
            return self.refuse_and_count(line, "enter", "already_there", rid, REPLY_BYTES);
        }
        let user = self.conn(line).user().expect("only who is logged in comes here");
        if self.is_full(user, room) {
            return self.refuse_and_count(line, "enter", "room_full", rid, REPLY_BYTES);
        }
        let (number, room) = (room.number, room.name.text);
        let name = self.name_of(line);
        let data = format!(r#"{{"username":"{name}","room":"{room}"}}"#);
        self.coverage.reach("entered");
        self.done(line, "enter", &format!("Welcome to {room}"), Some(&data), rid.as_deref(), REPLY_BYTES);
        self.go(line, number);
    }

    pub(super) fn exit(&mut self, line: usize, rid: Option<&str>) {
        self.slow_down(line);
        if !self.waits_to_leave(line, rid) {
            self.go_out(line, rid);
        }
    }

    pub(super) fn go_out(&mut self, line: usize, rid: Option<&str>) {
        let room = self.conn(line).room().unwrap_or(LOBBY);
        let message = format!("Left {}, back in the lobby", self.rooms.room(room).name.text);
        self.coverage.reach("left");
        self.done(line, "exit", &message, None, rid, REPLY_BYTES);
        self.go(line, LOBBY);
    }

    pub(super) fn logout(&mut self, line: usize, rid: Option<&str>) {
        if let Some(GrantId(id)) = self.conn_mut(line).grant.take() {
            self.book.end(id);
        }
        let message = format!("{} logged out", self.name_of(line));
        let text = done("logout", &message, None, rid).into();
        self.coverage.reach("logged_out");
        self.push(line, What::LoggedOut(text), REPLY_BYTES, true);
        self.leave_hub(line);
        let arrival = self.arrive();
        self.conn_mut(line).place = Seat::Visitor(arrival);
    }

    /// Moves somebody, who sees at once what is there.
    pub(super) fn go(&mut self, line: usize, to: usize) {
        let from = self.conn(line).room().expect("only who is somewhere goes elsewhere");
        let user = self.conn(line).user().expect("only who is logged in goes anywhere");
        let name = self.book.name(user);
        self.rooms.part(self.now, from, line);
        self.rooms.join(to, line, user, name);
        self.conn_mut(line).place = Seat::In { user, room: to };
        self.show(line, to);
    }

    /// The list that follows an answer.
    pub(super) fn show(&mut self, line: usize, room: usize) {
        let (text, version) = (self.rooms.text(room), self.rooms.version(room));
        self.push(line, What::List { text, room, version, follows: true }, 0, true);
    }

    /// Who moves too often is looked at again later.
    pub(super) fn slow_down(&mut self, line: usize) {
        let (now, limits) = (self.now, &self.swarm.limits);
        let (count, burst) = (limits.move_rate, limits.move_burst);
        let conn = self.conn_mut(line);
        if let Err(wait) = conn.moves.take(now, count, SECOND, burst) {
            conn.clocks.pace = Some(now + wait);
            self.coverage.reach("moves_slowed_down");
        }
    }
}
