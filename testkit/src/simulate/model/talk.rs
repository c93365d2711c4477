//! What is said, as far as it can be; and who hears it where nothing is kept.

use std::rc::Rc;

use super::conn::What;
use super::keeping::Post;
use super::request::SECOND;
use super::{Model, REPLY_BYTES};
use crate::simulate::names::Name;
use crate::simulate::step::{From, To};

impl Model {
    pub(super) fn msg(
        &mut self,
        line: usize,
        from: From,
        to: To,
        text: Result<String, &'static str>,
        (cid, room): (Option<String>, Option<Name>),
        rid: Option<String>,
    ) {
        let user = self.conn(line).user().expect("only who is in a room comes here");
        if from == From::Nobody || matches!(from, From::User(other) if other != user) {
            return self.refuse_and_count(line, "msg", "from_mismatch", rid, 0);
        }
        let text = match text {
            Ok(text) => text,
            Err(code) => return self.refuse_and_count(line, "msg", code, rid, 0),
        };
        let here = match (self.conn(line).room(), room) {
            (Some(here), room) => {
                if room.is_some_and(|room| room.id != self.rooms.room(here).name.id) {
                    return self.refuse_and_count(line, "msg", "not_in_room", rid, 0);
                }
                Some(here)
            }
            (None, None) => None,
            (None, room @ Some(_)) => {
                let Some((_, room, _)) = self.find_place(line, "msg", room, &rid) else { return };
                Some(room)
            }
        };
        if to == To::Nobody {
            return self.refuse_and_count(line, "msg", "not_in_room", rid, 0);
        }
        if to == To::Public && here.is_none() {
            return self.refuse_and_count(line, "msg", "bad_request", rid, 0);
        }
        self.speak(line, Post { to, room: here, text, cid, rid });
    }

    /// Something is said that can be, unless it comes too often.
    pub(super) fn speak(&mut self, line: usize, post: Post) {
        if self.waits_for_ties(line, &post) {
            return;
        }
        let Post { to, room: here, ref text, ref rid, .. } = post;
        let (now, limits) = (self.now, &self.swarm.limits);
        let user = self.conn(line).user().expect("only who is in a room comes here");
        let (count, burst) = (limits.message_rate, limits.message_burst);
        if let Err(wait) = self.habits[user].messages.take(now, count, SECOND, burst) {
            return self.rate_limit(line, "msg", wait, rid.clone(), REPLY_BYTES);
        }
        if self.is_device(line) && here.is_some_and(|here| !self.stays(user, here)) {
            return self.refuse_and_count(line, "msg", "not_in_room", rid.clone(), REPLY_BYTES);
        }
        if self.swarm.history {
            return self.post(line, post);
        }
        match to {
            To::Public => self.say_to_all(line, text),
            To::User(name) => self.whisper(line, name, text, rid.clone()),
            To::Nobody => {}
        }
    }

    /// Everybody in the room hears it, the sender included.
    pub(super) fn say_to_all(&mut self, line: usize, said: &str) {
        let json: Rc<str> = message("public", self.name_of(line), said).into();
        let room = self.conn(line).room().expect("only who is in a room comes here");
        self.coverage.reach("said");
        let members: Vec<usize> = self.rooms.room(room).members.iter().map(|(member, _)| *member).collect();
        for member in members {
            self.push(member, What::Text(Rc::clone(&json)), json.len() + 4, member == line);
        }
    }

    /// One in the room hears it, and the sender; each reads their own name.
    pub(super) fn whisper(&mut self, line: usize, to: Name, said: &str, rid: Option<String>) {
        let room = self.conn(line).room().expect("only who is in a room comes here");
        let is_it = |member: &usize| self.conn(*member).user() == Some(to.id);
        let receiver = self.rooms.room(room).members.iter().map(|(member, _)| *member).find(is_it);
        let Some(receiver) = receiver else {
            return self.refuse_and_count(line, "msg", "not_in_room", rid, REPLY_BYTES);
        };
        self.coverage.reach(if receiver == line { "whispered_to_oneself" } else { "whispered" });
        let cost = said.len() - said.matches('\\').count() + REPLY_BYTES;
        let from = self.name_of(line);
        for reader in [Some(receiver), (receiver != line).then_some(line)].into_iter().flatten() {
            let text = message(self.name_of(reader), from, said).into();
            self.push(reader, What::Text(text), cost, reader == line);
        }
    }
}

pub(super) fn message(to: &str, from: &str, text: &str) -> String {
    format!(r#"{{"type":"msg","status":"ok","data":{{"to":"{to}","from":"{from}","text":"{text}"}}}}"#)
}
