//! How a world ends: all faults are over, everything moves until nothing does, and everybody gets through.

use chatroom_core::message::Text;
use chatroom_core::message::hello::Caps;
use chatroom_core::message::history::{Edge, Window};
use chatroom_core::name::NameKey;
use chatroom_core::server::{self, Recall};
use server_common::keys::name_key;
use server_common::store::Messages as _;

use super::{SETTLED_AFTER, STILL, Town, account};
use crate::simulate::model::{Conversation, Phase};
use crate::simulate::names::{self, EXAMPLE, room};
use crate::simulate::step::{Credentials, Fault, From, Means, Said, Step, To};

impl Town {
    /// Nothing goes wrong any more: everything moves until nothing does, and more time passes than any limit has.
    pub fn settle(&mut self) -> Result<(), String> {
        for _ in 0..SETTLED_AFTER {
            self.move_all()?;
            self.apply(&Step::Pass(STILL))?;
        }
        self.move_all()?;
        self.model.check_quiet()?;
        self.check_screens(true)?;
        self.check_windows()?;
        self.check_counts()
    }

    /// All leave, and nothing is left; then everybody who has an account gets through, one after the other.
    pub fn finish(&mut self) -> Result<(), String> {
        self.settle()?;
        self.leave_all()?;
        self.check_history()?;
        self.apply(&Step::Crash)?;
        if self.swarm.crowds > 0 {
            self.come_back_to_windows()?;
            self.leave_all()?;
            self.check_history()?;
            self.apply(&Step::Crash)?;
        }
        // A server that has just started has no pauses left from failed logins.
        let limits = &self.swarm.limits;
        let guests_max = self.lines.len().min(limits.connections_max - 1);
        // Who takes part without being there has a place in the room.
        let (members, others): (Vec<_>, Vec<_>) =
            self.model.accounts().partition(|(user, _)| self.model.takes_part_in_example(*user));
        let rooms_for = limits.room_members_max.saturating_sub(members.len());
        let users: Vec<(usize, String)> =
            members.into_iter().chain(others.into_iter().take(rooms_for)).take(guests_max).collect();
        for (line, (user, password)) in users.iter().enumerate() {
            self.come_back(line, *user, password)?;
        }
        self.move_all()?;
        if !self.model.are_together(users.len()) {
            return Err("not everybody got through when all faults were over".into());
        }
        self.leave_all()?;
        if !self.swarm.devices {
            return Ok(());
        }
        self.apply(&Step::Crash)?;
        for (line, (user, password)) in users.iter().enumerate() {
            self.come_back_by_device(line, *user, password)?;
        }
        self.settle()?;
        self.leave_all()
    }

    /// Moves whatever can be moved.
    pub(super) fn move_all(&mut self) -> Result<(), String> {
        loop {
            let before = self.events;
            for line in 0..self.lines.len() {
                while self.lines[line].can_carry() {
                    self.apply(&Step::Carry(line, usize::MAX))?;
                }
                if self.lines[line].is_rung {
                    self.apply(&Step::Wake(line))?;
                }
                if self.lines[line].can_take() {
                    self.apply(&Step::Take(line, usize::MAX))?;
                }
            }
            if self.has_work() {
                self.apply(&Step::Work(Fault::None))?;
            }
            if self.has_writing() {
                self.apply(&Step::Write(usize::MAX, Fault::None))?;
            }
            if self.is_alarmed {
                self.apply(&Step::Tick)?;
            }
            if self.events == before {
                return Ok(());
            }
        }
    }

    fn come_back(&mut self, line: usize, user: usize, password: &str) -> Result<(), String> {
        self.lines[line].client = None;
        self.apply(&Step::Connect { line, from: 0, is_secure: true })?;
        let credentials = credentials(user, password);
        let text = Ok(format!("back {user}"));
        let (cid, nowhere) = (None, None);
        for means in [
            Means::Login(credentials),
            Means::Enter(Some(room(EXAMPLE, 1))),
            Means::Msg { from: From::Absent, to: To::Public, text, cid, room: nowhere },
        ] {
            self.apply(&Step::Say(line, Said::request(means, None)))?;
            self.move_all()?;
        }
        self.coverage().reach("came_back");
        Ok(())
    }

    /// Somebody takes part where they did when the server went down.
    fn come_back_by_device(&mut self, line: usize, user: usize, password: &str) -> Result<(), String> {
        self.apply(&Step::Connect { line, from: 0, is_secure: true })?;
        let caps = Caps { ack: true, history: true, multi: true, friends: true, ..Caps::default() };
        for means in [Means::Hello(caps, None), Means::Login(credentials(user, password)), Means::Rooms] {
            self.apply(&Step::Say(line, Said::request(means, None)))?;
            self.move_all()?;
        }
        if self.model.phase(line) != Phase::Hall {
            return Err(format!("line {line} did not come back as a device"));
        }
        if !self.model.is_told(line) {
            return Err(format!("line {line} was not told what was said to it in private"));
        }
        self.coverage().reach("came_back_by_device");
        Ok(())
    }

    fn leave_all(&mut self) -> Result<(), String> {
        for line in 0..self.lines.len() {
            self.apply(&Step::Cut(line))?;
        }
        while self.has_work() {
            self.apply(&Step::Work(Fault::None))?;
        }
        while self.has_writing() {
            self.apply(&Step::Write(usize::MAX, Fault::None))?;
        }
        if self.server.exchange().pending_appends() > 0 {
            return Err("something is never written".into());
        }
        let exchange = self.server.exchange();
        match (exchange.connections(), exchange.users(), self.server.sessions()) {
            (0, 0, 0) => Ok(()),
            left => Err(format!("all are gone, and connections, users and sessions are {left:?}")),
        }
    }

    /// Who has a client of this project sees what was said, and in the end all of it up to the last.
    pub(super) fn check_screens(&mut self, is_settled: bool) -> Result<(), String> {
        if !self.swarm.history {
            return Ok(());
        }
        for (number, line) in self.lines.iter_mut().enumerate() {
            line.screen.reached.drain(..).for_each(|place| self.model.coverage().reach(place));
            let (Some(client), Some(room)) = (&line.client, &line.screen.room) else { continue };
            let said = self.model.said_in(room);
            // Who is deleted, and not shut out yet, reads nothing.
            let is_deleted = self.model.user(number).is_some_and(|user| self.model.is_deleted(user));
            let is_settled = is_settled && !is_deleted;
            let is_there = is_settled && line.session.is_some() && client.room() == Some(room.as_str());
            if is_there && line.screen.len() > 0 {
                self.model.coverage().reach("screen_settled");
            }
            line.screen.check(&said, is_there).map_err(|error| format!("line {number}: {error}"))?;
        }
        Ok(())
    }

    /// The disk has all that was said, as it was said, in its order and without a hole.
    fn check_history(&mut self) -> Result<(), String> {
        self.disk.check()?;
        let mut promises = 0;
        let Some((anybody, _)) = self.model.accounts().next() else { return Ok(()) };
        for (conversation, first, kept) in self.model.annals().all().filter(|(.., kept)| !kept.is_empty()) {
            let (reader, of) = match conversation {
                Conversation::Room(name) => {
                    (anybody, server::Conversation::Room(NameKey::new(name_key, name.text)))
                }
                // Who is deleted reads nothing.
                Conversation::Pair(one, other) => {
                    let (reader, peer) =
                        if self.model.is_deleted(*one) { (*other, *one) } else { (*one, *other) };
                    if self.model.is_deleted(reader) {
                        continue;
                    }
                    (reader, server::Conversation::Peer(account(peer).key))
                }
            };
            let mut found = Vec::new();
            loop {
                let window = Window { edge: Edge::After((first - 1 + found.len()) as u64), count_max: 7 };
                let recall = Recall { reader: account(reader), conversation: of.clone(), window };
                let page = self.disk.page(&recall).map_err(|error| error.to_string())?;
                found.extend(page.messages().iter().cloned());
                if !page.has_more() {
                    break;
                }
            }
            let seqs: Vec<u64> = found.iter().map(|past| past.posted.seq).collect();
            promises += self.ledger.check(conversation, &found)?;
            let right: Vec<u64> = (first..).zip(kept).map(|(seq, _)| seq as u64).collect();
            if seqs != right {
                return Err(format!("{conversation:?} has the numbers {seqs:?} where {right:?} is right"));
            }
            for (past, kept) in found.iter().zip(kept) {
                let text = past.text.as_ref().map(Text::as_str);
                let right = (!kept.is_blank).then(|| kept.shown());
                let author = NameKey::new(name_key, past.from.as_str());
                if author != account(kept.author).key || text != right.as_deref() {
                    return Err(format!("{conversation:?} has something else at {}", past.posted.seq));
                }
            }
        }
        if promises > 0 {
            self.coverage().reach("promises_kept");
        }
        Ok(())
    }

    /// The hub and the model agree on how many there are.
    fn check_counts(&self) -> Result<(), String> {
        let exchange = self.server.exchange();
        let counts = [
            ("connections", exchange.connections(), self.model.connections()),
            ("users", exchange.users(), self.model.users()),
        ];
        match counts.into_iter().find(|(_, there, right)| there != right) {
            Some((what, there, right)) => Err(format!("there are {there} {what} where {right} is right")),
            None => Ok(()),
        }
    }
}

fn credentials(user: usize, password: &str) -> Credentials {
    Credentials { user: Some(names::user(user, 1)), password: password.to_owned(), invite: None }
}
