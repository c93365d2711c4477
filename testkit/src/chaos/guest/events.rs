//! What a guest makes of what its client tells.

use std::time::{Duration, Instant};

use chatroom_core::client::{End, Event};
use chatroom_core::message::Kind;

use super::{Account, Guest};
use crate::chaos::ledger::{guest, name};

impl Guest {
    pub(super) fn on_event(&mut self, event: Event) {
        let now = Instant::now();
        match event {
            Event::Connected => self.asked = self.has_home.then_some(Kind::Login),
            Event::Disconnected(end) => self.on_disconnected(end, now),
            Event::Registered => self.on_registered(),
            Event::LoggedIn { username } => {
                self.has_home = true;
                self.has_room = false;
                self.on_logged_in(&username);
            }
            Event::Returned { username, room } => {
                self.on_logged_in(&username);
                match room {
                    Some(room) => self.on_entered(&room, now),
                    // The client has waited for the answer to its `enter` for as long as it waits.
                    None if self.has_room => self.give_up(),
                    None => {}
                }
            }
            Event::LoggedOut => {
                self.asked = None;
                self.has_home = false;
                self.is_done = true;
            }
            Event::Greeted(_) | Event::Rooms(_) => {}
            Event::Crowds(_) | Event::Places(_) | Event::Friends(_) | Event::Presence(_) => {
                self.accuse("was told of many rooms without asking for it")
            }
            Event::Logins(_) => self.accuse("was told of logins without asking for it"),
            Event::Members(room) => {
                self.neighbours = room.members.iter().filter_map(|name| guest(name)).collect();
                if self.client.room() != Some(&room.name) || !self.neighbours.contains(&self.number) {
                    self.accuse(&format!("got a list of {} that they are not on", room.name));
                }
            }
            Event::Entered { room } => self.on_entered(&room, now),
            Event::Left { .. } => {
                self.asked = None;
                self.has_room = false;
                self.town.ledger.borrow_mut().leave(self.number, self.asked_at);
            }
            Event::Message { from, text, said, private_with, .. } => {
                self.messages += 1;
                let is_whisper = private_with.is_some();
                self.town.ledger.borrow_mut().hear(self.number, &from, &text, is_whisper, now);
                if self.last_word.is_some() && said.and_then(|id| usize::try_from(id).ok()) == self.last_word
                {
                    self.town.at_home[self.number].set(true);
                }
            }
            Event::Refused { request, said, code, message, .. } => {
                self.on_refused(request, said, code.as_deref(), &message, now);
            }
            Event::Unanswered { request, .. } => self.on_unanswered(request, now),
            Event::Notice { code, message } => self.on_notice(code.as_deref(), &message, now),
            // The client keeps what lets it in by itself.
            Event::Session { .. } => {}
            Event::Acknowledged { .. } => self.accuse("was told of a place without reading what was said"),
            Event::Past { .. } => self.accuse("was told of the past without wanting to"),
            Event::Created { .. } => self.accuse("made a room without wanting to"),
        }
    }

    fn on_disconnected(&mut self, end: End, now: Instant) {
        if let End::ServerFault(fault) = end {
            self.accuse(&format!("left because the server broke the protocol: {fault}"));
        }
        // The client does not tell of what it asks on its own way back.
        if self.asked == Some(Kind::Login) {
            self.loose_login_at = Some(now);
        }
        self.asked = None;
        self.last_word = None;
        self.town.at_home[self.number].set(false);
        self.town.ledger.borrow_mut().lose(self.number);
    }

    fn on_registered(&mut self) {
        self.asked = None;
        self.account = Account::Acknowledged;
    }

    fn on_logged_in(&mut self, username: &str) {
        self.asked = None;
        if username != name(self.number) {
            self.accuse(&format!("was logged in as {username}"));
        }
    }

    fn on_entered(&mut self, room: &str, now: Instant) {
        self.asked = None;
        self.has_room = true;
        match self.town.room(room) {
            Some(room) => self.town.ledger.borrow_mut().enter(self.number, room, self.asked_at, now),
            None => self.accuse(&format!("is in {room}, which nobody made")),
        }
    }

    fn on_refused(
        &mut self,
        request: Kind,
        said: Option<u64>,
        code: Option<&str>,
        message: &str,
        now: Instant,
    ) {
        match (request, code) {
            // The one it was whispered to has gone; it was said too fast just before leaving; the connection is lost.
            (Kind::Msg, Some("not_in_room" | "rate_limited") | None) => {}
            (Kind::Register, Some("name_taken")) if self.account == Account::Uncertain => {
                self.on_registered()
            }
            (Kind::Register | Kind::Login, Some("busy")) => {
                self.asked = None;
                self.act_at = now + Duration::from_secs(1);
            }
            _ => self.accuse(&format!("was refused a {request}: {message}")),
        }
        if let Some(number) = said.and_then(|id| usize::try_from(id).ok()) {
            self.town.ledger.borrow_mut().refuse(self.number, number);
        }
    }

    fn on_unanswered(&mut self, request: Kind, now: Instant) {
        match request {
            Kind::Register => self.account = Account::Uncertain,
            Kind::Login => self.loose_login_at = Some(now),
            _ => {}
        }
        if self.asked == Some(request) {
            self.asked = None;
        }
        if self.client.phase().is_some() {
            self.give_up();
        }
    }

    /// A line may fall behind by more than the client waits. Asked again on the same line, the first answer would be
    /// taken for the second one.
    fn give_up(&mut self) {
        self.has_room = false;
        self.has_given_up = true;
        self.town.given_up.set(self.town.given_up.get() + 1);
    }

    /// The server says something on its own account. It has one reason only, and that one needs another.
    fn on_notice(&mut self, code: Option<&str>, message: &str, now: Instant) {
        let is_loose = self.loose_login_at.take().is_some_and(|at| now - at < LOOSE_MAX);
        if code == Some("replaced") && is_loose {
            self.town.replaced.set(self.town.replaced.get() + 1);
            self.has_home = false;
            return;
        }
        self.accuse(&format!("was told by the server: {message}"));
    }
}

/// Until when a login may arrive whose connection was given up.
const LOOSE_MAX: Duration = Duration::from_secs(60);
