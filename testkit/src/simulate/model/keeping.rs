//! What a server has to do that keeps what is said: nobody hears of it before it is on the disk.

use std::rc::Rc;

use super::conn::{Retry, What as Heard};
use super::journal::{Audience, Entry, Message, Outcome, What};
use super::room::Room;
use super::talk::message;
use super::{Model, REPLY_BYTES};
use crate::simulate::names::{EXAMPLE, LOBBY, Name, USERS};
use crate::simulate::step::{Fault, To};

/// A request that waits for the disk.
pub enum Held {
    Exit(Option<String>),
    Create(Name, Option<String>),
    /// It is said to somebody who may be a friend.
    Post(Post),
    /// Who is one?
    Ties(Option<String>),
}

/// Something that is to be said to somebody, or to a room.
#[derive(Clone)]
pub struct Post {
    pub to: To,
    /// The room in which it is said, if it is in one.
    pub room: Option<usize>,
    pub text: String,
    pub cid: Option<String>,
    pub rid: Option<String>,
}

impl Model {
    /// So much of what was said is written, or not.
    pub fn write(&mut self, count: usize, fault: Fault) -> Result<(), String> {
        if count > 1 {
            self.coverage.reach("kept_in_a_group");
        }
        self.annals.accounts = (0..USERS.len()).filter(|user| self.book.has_account(*user)).collect();
        self.journal.take(count, &mut self.annals, self.now.since_start().as_millis(), fault)
    }

    /// What was written is handed out.
    pub fn settle(&mut self) {
        let mut is_disk_at_work = false;
        for (entry, outcome) in self.journal.settle() {
            is_disk_at_work |= outcome.is_durable();
            self.journal.note_settled(entry.number);
            self.settle_one(entry, outcome);
        }
        if is_disk_at_work {
            self.tell_the_untold();
        }
        let (released, held) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|(until, ..)| self.journal.is_settled(*until));
        self.held = held;
        let released: Vec<(u64, (usize, u64), Held)> = released;
        for (_, whose, held) in released {
            let Some(line) = self.line_of(whose, u64::MAX) else { continue };
            self.conn_mut(line).is_held = false;
            match held {
                Held::Exit(rid) => self.go_out(line, rid.as_deref()),
                Held::Create(name, rid) => self.create(line, Some(name), rid),
                Held::Post(post) => self.speak(line, post),
                Held::Ties(rid) => self.list_ties(line, rid),
            }
        }
        if self.journal.pending() < self.swarm.limits.appends_total_max {
            for whose in std::mem::take(&mut self.crowded) {
                match self.line_of(whose, u64::MAX) {
                    Some(line) if self.may_say_more(line) => self.conn_mut(line).is_withheld = false,
                    Some(_) => self.crowded.push(whose),
                    None => {}
                }
            }
        }
        self.end_turn();
    }

    /// A server has started: the rooms that the disk knows are there.
    pub(super) fn remember(&mut self) {
        self.journal = Default::default();
        self.held.clear();
        self.crowded.clear();
        self.untold.clear();
        self.places.clear();
        if !self.swarm.history {
            return;
        }
        let stored: Vec<(Name, usize)> = self.annals.rooms().collect();
        for (name, last_seq) in stored {
            if name.id > EXAMPLE {
                self.rooms.create(self.now, name);
            }
            let number =
                self.rooms.find(name.id).expect("it is there from the start, or was just made").number;
            let room = self.rooms.room_mut(number);
            (room.is_spoken_in, room.last_seq) = (last_seq > 0, last_seq);
        }
        self.remember_places();
        self.remember_ties();
    }

    /// Something is said that is to be durable first.
    pub(super) fn post(&mut self, line: usize, post: Post) {
        let Post { to, room, text, cid, rid } = post;
        let author = self.conn(line).user().expect("only who is logged in comes here");
        let (mut is_heard, mut room) = (true, room);
        let audience = match (to, room) {
            (To::User(name), room) if self.can_hear(name.id, room, author) => Audience::User(name.id),
            // Who is not in that room may be in another one.
            (To::User(name), _) if self.is_absent_friend(line, name.id) => {
                self.coverage.reach("wrote_to_absent_friend");
                (is_heard, room) = (false, None);
                Audience::User(name.id)
            }
            (To::User(_), _) if !self.knows_strangers(line) => {
                return self.not_kept(line, "msg", rid, true);
            }
            (To::User(_), _) => return self.refuse_and_count(line, "msg", "not_in_room", rid, REPLY_BYTES),
            (To::Public | To::Nobody, room) => {
                Audience::Room(self.rooms.room(room.expect("what is public is said in a room")).name)
            }
        };
        let is_device = self.is_device(line);
        if is_device {
            let is_anywhere = room.is_none();
            self.coverage.reach(if is_anywhere { "whispered_from_anywhere" } else { "said_by_device" });
        }
        let message = Message { author, room, is_read: is_device, audience, is_heard, text, cid, rid };
        let whose = (line, self.conn(line).connection);
        let number = self.journal.push(whose, What::Message(message));
        if let Some(room) = room {
            let room = self.rooms.room_mut(room);
            (room.last, room.is_spoken_in) = (number, true);
        }
        self.conn_mut(line).on_their_way += 1;
        let is_full = self.journal.pending() >= self.swarm.limits.appends_total_max;
        if is_full || !self.may_say_more(line) {
            self.coverage.reach(if is_full { "crowded_by_all" } else { "crowded_by_one" });
            self.conn_mut(line).is_withheld = true;
            self.crowded.push(whose);
        }
    }

    /// A room is to be durable first.
    pub(super) fn found(&mut self, line: usize, name: Name, instead: Option<Room>, rid: Option<String>) {
        if instead.is_some() {
            self.rooms.note_change();
        }
        let whose = (line, self.conn(line).connection);
        self.conn_mut(line).is_held = true;
        self.journal.push(whose, What::Room { name, instead, rid });
    }

    /// Whether somebody has to wait for what becomes of a room of that name.
    pub(super) fn waits_for_founding(&mut self, line: usize, name: Name, rid: &Option<String>) -> bool {
        let Some(until) = self.journal.founding(name.id) else { return false };
        self.coverage.reach("create_waits");
        let whose = (line, self.conn(line).connection);
        self.conn_mut(line).is_held = true;
        self.held.push((until, whose, Held::Create(name, rid.clone())));
        true
    }

    /// Whether something was said in a room that who leaves it is to hear before.
    pub(super) fn waits_to_leave(&mut self, line: usize, rid: Option<&str>) -> bool {
        let room = self.conn(line).room().unwrap_or(LOBBY);
        let until = self.rooms.room(room).last;
        if self.journal.is_settled(until) {
            return false;
        }
        self.coverage.reach("exit_waits");
        let whose = (line, self.conn(line).connection);
        self.conn_mut(line).is_held = true;
        self.held.push((until, whose, Held::Exit(rid.map(str::to_owned))));
        true
    }

    fn settle_one(&mut self, entry: Entry, outcome: Outcome) {
        let line = self.line_of(entry.whose, entry.number);
        if let What::Place(placing) = &entry.what {
            return self.settle_place(&entry, placing.clone(), outcome);
        }
        match (entry.what, outcome) {
            (What::Place(_), _) => {}
            (What::Telling(telling), Outcome::Told(talks, views)) => {
                self.told(entry.whose, entry.number, Some((talks, views, telling)));
            }
            (What::Telling(_), _) => self.told(entry.whose, entry.number, None),
            (What::PeerRead(read), outcome) => self.settle_peer_read(line, read, outcome),
            (What::Tie(tying), outcome) => self.settle_tie(line, tying, outcome),
            (What::Room { name, rid, .. }, Outcome::Founded) => match line {
                Some(line) => {
                    self.conn_mut(line).is_held = false;
                    self.created(line, name, rid.as_deref());
                }
                None => self.rooms.create(self.now, name),
            },
            (What::Room { instead, rid, .. }, _) => {
                if let Some(instead) = instead {
                    self.coverage.reach("room_came_back");
                    self.rooms.restore(instead);
                }
                if let Some(line) = line {
                    self.conn_mut(line).is_held = false;
                    self.not_kept(line, "create", rid, true);
                }
            }
            (What::Message(message), outcome) => {
                if let Some(line) = line {
                    self.conn_mut(line).on_their_way -= 1;
                }
                self.settle_message(line, &message, outcome);
            }
        }
    }

    fn settle_message(&mut self, line: Option<usize>, message: &Message, outcome: Outcome) {
        let rid = message.rid.clone();
        match (outcome, line) {
            (Outcome::Posted { seq, ts }, _) => {
                self.coverage.reach("kept");
                match message.audience {
                    Audience::Room(name) => {
                        self.note_said(message, seq);
                        self.give_to_all(line, message, name, seq, ts);
                    }
                    Audience::User(peer) => self.give_to_two(line, message, peer, seq, ts),
                }
                if let Some(line) = line {
                    self.acknowledge(line, message, seq, ts, "");
                }
            }
            (Outcome::Repeated { seq, ts }, Some(line)) => {
                self.coverage.reach("repeated");
                self.acknowledge(line, message, seq, ts, r#","dup":true"#);
            }
            (Outcome::Conflict, Some(line)) => {
                self.coverage.reach("cid_conflict");
                let what = Heard::Error { kind: "msg", code: "cid_conflict", retry: Retry::Never, rid };
                self.push(line, what, REPLY_BYTES, false);
            }
            (Outcome::Absent, Some(line)) => {
                let what = Heard::Error { kind: "msg", code: "not_in_room", retry: Retry::Never, rid };
                self.push(line, what, REPLY_BYTES, !self.conn(line).caps.ack);
            }
            (
                Outcome::Failed
                | Outcome::Founded
                | Outcome::Placed
                | Outcome::Told(..)
                | Outcome::Tied { .. }
                | Outcome::Untied(_)
                | Outcome::PeerRead { .. },
                Some(line),
            ) => {
                let is_answer = !self.conn(line).caps.ack;
                self.not_kept(line, "msg", rid, is_answer);
            }
            (_, None) => {}
        }
    }

    pub(super) fn not_kept(&mut self, line: usize, kind: &'static str, rid: Option<String>, is_answer: bool) {
        self.coverage.reach("not_kept");
        let what = Heard::Error { kind, code: "busy", retry: Retry::In(5_000), rid };
        self.push(line, what, REPLY_BYTES, is_answer);
    }

    fn acknowledge(&mut self, line: usize, message: &Message, seq: usize, ts: u128, dup: &str) {
        let Some(cid) = &message.cid else { return };
        let place = match message.audience {
            Audience::Room(room) => format!(r#""room":"{}""#, room.text),
            Audience::User(peer) => format!(r#""peer":"{}""#, self.book.name(peer)),
        };
        let rid = message.rid.as_ref().map(|rid| format!(r#","rid":"{rid}""#)).unwrap_or_default();
        let json = format!(
            r#"{{"type":"ack","status":"ok","data":{{"cid":"{cid}",{place},"seq":{seq},"ts":{ts}{dup}}}{rid}}}"#
        );
        self.coverage.reach("acknowledged");
        self.push(line, Heard::Text(json.as_str().into()), json.len() + 4, false);
    }

    /// Everybody who is in the room by now hears it.
    fn give_to_all(&mut self, author: Option<usize>, said: &Message, name: Name, seq: usize, ts: u128) {
        self.coverage.reach("said");
        let from = self.book.name(said.author);
        let plain: Rc<str> = message("public", from, &said.text).into();
        let room = format!(r#","room":"{}""#, name.text);
        let Some(room_now) = said.room.and_then(|room| self.rooms.get(room)) else { return };
        let members: Vec<usize> = room_now.members.iter().map(|(member, _)| *member).collect();
        for member in members {
            // Also if they have connected anew since they said it.
            let is_own = self.conn(member).user() == Some(said.author);
            let json = match self.conn(member).caps.ack {
                false => Rc::clone(&plain),
                true => self.placed(&plain, &room, seq, ts, said.cid.as_deref().filter(|_| is_own)),
            };
            let is_answer = author == Some(member) && !self.conn(member).caps.ack;
            self.push(member, Heard::Text(Rc::clone(&json)), json.len() + 4, is_answer);
        }
    }

    /// A message is durable: whoever takes part has it before them, and its author has read it if a device has said it.
    fn note_said(&mut self, message: &Message, seq: usize) {
        let Some(room) = message.room else { return };
        if message.is_read {
            self.has_read(message.author, room, seq);
        }
        self.rooms.room_mut(room).last_seq = seq;
    }

    /// Its author hears it, the other one if they are still in that room, and all devices of both, wherever they are.
    fn give_to_two(&mut self, author: Option<usize>, said: &Message, peer: usize, seq: usize, ts: u128) {
        let mut readers: Vec<usize> = self.single_at(peer, said.room).into_iter().collect();
        readers.extend(self.devices(peer));
        if peer != said.author {
            readers.extend(self.devices(said.author));
        }
        readers.retain(|reader| author != Some(*reader));
        let is_to_oneself = peer == said.author;
        self.coverage.reach(if is_to_oneself { "whispered_to_oneself" } else { "whispered" });
        let cost = said.text.len() - said.text.matches('\\').count() + REPLY_BYTES;
        let from = self.book.name(said.author);
        for reader in readers.into_iter().chain(author) {
            let is_own = self.conn(reader).user() == Some(said.author);
            let plain = message(self.name_of(reader), from, &said.text);
            let other = if is_own { self.book.name(peer) } else { from };
            let json = match self.conn(reader).caps.ack {
                false => plain.into(),
                true => {
                    let cid = said.cid.as_deref().filter(|_| is_own);
                    self.placed(&plain, &format!(r#","peer":"{other}""#), seq, ts, cid)
                }
            };
            let is_answer = author == Some(reader) && !self.conn(reader).caps.ack;
            self.push(reader, Heard::Text(json), cost, is_answer);
        }
    }

    fn placed(&mut self, plain: &str, place: &str, seq: usize, ts: u128, cid: Option<&str>) -> Rc<str> {
        self.coverage.reach("placed");
        let cid = cid.map(|cid| format!(r#","cid":"{cid}""#)).unwrap_or_default();
        let open = plain.strip_suffix("}}").expect("a message ends so");
        format!(r#"{open}{place},"seq":{seq},"ts":{ts}{cid}}}}}"#).into()
    }

    fn may_say_more(&self, line: usize) -> bool {
        let conn = self.conn(line);
        conn.on_their_way < if conn.caps.ack { self.swarm.limits.appends_connection_max } else { 1 }
    }

    /// The line of a connection that is still logged in, and was when something came that has that number.
    pub(super) fn line_of(&self, (line, connection): (usize, u64), number: u64) -> Option<usize> {
        let conn = self.conns[line].as_ref().filter(|conn| conn.connection == connection)?;
        conn.user().filter(|_| number > conn.since).map(|_| line)
    }
}
