//! What others ask of the model: how things stand.

use std::collections::BTreeSet;

use super::annals::Kept;
use super::conn::{Conn, Seat, Stage};
use super::{Annals, Model, Phase};
use crate::simulate::names::{EXAMPLE, LOBBY, Name, PASSWORDS, USERS, find_room};
use crate::simulate::screen::Spoken;
use crate::simulate::step::Means;

impl Model {
    /// What has to be true when nothing moves any more and time enough has passed: everybody knows the last list.
    pub fn check_quiet(&self) -> Result<(), String> {
        for (line, conn) in self.conns.iter().enumerate() {
            if let Some((conn, hall)) = conn.as_ref().and_then(|conn| Some((conn, conn.hall.as_ref()?)))
                && let Some(user) = conn.user()
            {
                hall.check(&self.rooms, &self.places_of(user), self.talks_of(line))
                    .map_err(|error| format!("line {line} {error}"))?;
                if self.hears(line) {
                    hall.check_who_is_here(self.book.name(user), &self.sight(line))
                        .map_err(|error| format!("line {line} {error}"))?;
                }
            }
            let Some(page) = conn.as_ref().and_then(|conn| conn.page) else { continue };
            let current = self.rooms.version(page.room);
            let text = self.rooms.text(page.room);
            if self.rooms.find_version(page.room, page.seen, page.seen, &text).is_none() {
                return Err(format!("line {line} knows list {} of {current}: not {text}", page.seen));
            }
        }
        Ok(())
    }

    /// How many connections the hub has.
    pub fn connections(&self) -> usize {
        let conns = self.conns.iter().flatten();
        conns.filter(|conn| conn.place != Seat::Nowhere && (!conn.is_dismissed || self.is_shut)).count()
    }

    /// How many users are logged in.
    pub fn users(&self) -> usize {
        let users: BTreeSet<usize> = self.conns.iter().flatten().filter_map(Conn::user).collect();
        users.len()
    }

    /// Where somebody is, as they have heard.
    pub fn phase(&self, line: usize) -> Phase {
        let conn = self.conns[line].as_ref();
        if conn.is_some_and(|conn| conn.hall.is_some()) {
            return Phase::Hall;
        }
        match conn.and_then(|conn| conn.page) {
            None => Phase::Auth,
            Some(page) if page.room == LOBBY => Phase::Lobby,
            Some(_) => Phase::Chat,
        }
    }

    /// Whether nothing that somebody said was looked at.
    pub fn is_silent(&self, line: usize) -> bool {
        self.conns[line].as_ref().is_some_and(|conn| conn.frames == 0 && conn.said.is_empty())
    }

    /// Who is logged in on a line.
    pub fn user(&self, line: usize) -> Option<usize> {
        self.conns[line].as_ref().and_then(Conn::user)
    }

    /// Whether somebody was granted to read what was said before.
    pub fn reads_history(&self, line: usize) -> bool {
        self.conns[line].as_ref().is_some_and(|conn| conn.caps.history)
    }

    /// Whether somebody was granted to ask for signs of life.
    pub fn pings(&self, line: usize) -> bool {
        self.conns[line].as_ref().is_some_and(|conn| conn.caps.ping)
    }

    /// Whether somebody was granted to have friends.
    pub fn has_friends(&self, line: usize) -> bool {
        self.conns[line].as_ref().is_some_and(|conn| conn.caps.friends)
    }

    /// Whether somebody was granted to be told who is here.
    pub fn tells_who_is_here(&self, line: usize) -> bool {
        self.conns[line].as_ref().is_some_and(|conn| conn.caps.presence)
    }

    /// The room that somebody is in, if it is not the lobby.
    pub fn room_of(&self, line: usize) -> Option<Name> {
        let room = self.conns[line].as_ref().and_then(Conn::room).filter(|room| *room != LOBBY)?;
        self.rooms.get(room).map(|room| room.name)
    }

    /// What was said in a room to everybody, as people read it.
    pub fn said_in(&self, room: &str) -> Vec<Spoken> {
        let Some(name) = find_room(room) else { return Vec::new() };
        let (first, said) = self.annals.said_in(name.id);
        let spoken = |(seq, kept): (usize, &Kept)| Spoken {
            line: (self.book.name(kept.author).to_owned(), kept.shown()),
            is_blank: kept.is_blank,
            is_gone: seq < first,
        };
        (1..).zip(said).map(spoken).collect()
    }

    /// Somebody who takes part in a room as far as the disk knows, and nobody else does.
    pub fn joining(&self) -> Option<usize> {
        self.journal.joining()
    }

    /// Whether that user's account is deleted.
    pub fn is_deleted(&self, user: usize) -> bool {
        self.annals.is_deleted(user)
    }

    /// Whether it is, and the server has not heard of it.
    pub fn is_deleted_unheard(&self, user: usize) -> bool {
        self.annals.is_deleted(user) && !self.shut_out.contains(&user)
    }

    /// What was said in each conversation.
    pub fn annals(&self) -> &Annals {
        &self.annals
    }

    /// The password of a user, if they have an account.
    pub fn password(&self, user: usize) -> Option<&'static str> {
        let password = self.book.password(user)?;
        PASSWORDS.into_iter().find(|known| *known == password)
    }

    /// Whether somebody has begun something that is never finished: nothing can be said after that.
    pub fn is_unfinished(&self, line: usize) -> bool {
        let last = self.conns[line].as_ref().and_then(|conn| conn.said.back());
        last.is_some_and(|said| matches!(said.means, Means::Unfinished | Means::Refused))
    }

    /// Everybody who has an account, and their password.
    pub fn accounts(&self) -> impl Iterator<Item = (usize, String)> + '_ {
        (0..USERS.len()).filter_map(|user| Some((user, self.book.password(user)?.to_owned())))
    }

    /// How many tokens were made.
    pub fn tokens(&self) -> u64 {
        self.book.minted
    }

    /// Whether so many are in the room that is always there, and have heard all they had to.
    pub fn are_together(&self, count: usize) -> bool {
        self.rooms.room(EXAMPLE).members.len() == count
            && self.conns.iter().flatten().all(|conn| conn.due.is_empty() && conn.asked.is_none())
    }

    /// Whether an answer to an old question can come to a connection: it has none waiting that it would replace.
    pub fn takes_old_answer(&self, line: usize, connection: u64) -> bool {
        let conn = self.conns[line].as_ref().filter(|conn| conn.connection == connection);
        conn.is_some_and(|conn| conn.stage == Stage::Open && conn.answered.is_none())
    }
}
