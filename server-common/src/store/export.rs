//! What there is about one user, for that user to have: as JSON, a message at a time, however much it is.
//!
//! Of what others said only their side of private conversations is in it. It was said to this user and nobody else, and half
//! a conversation is none. What others said in rooms is theirs: it was said to everybody, and whoever is in the room reads it
//! there. See `docs/export.md` for the form.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use chatroom_core::name::Account;
use rusqlite::Connection;
use serde::Serialize;

use super::{Store, StoreError, find_id, friends, places, sessions, sides};

impl Store {
    /// Writes everything there is about an account, as it is at one moment. Whether there is such an account. `now` is
    /// counted from 1970.
    ///
    /// # Errors
    /// When the database cannot be read, or `out` not be written.
    pub fn export(
        &mut self,
        account: &Account,
        now: Duration,
        out: &mut dyn Write,
    ) -> Result<bool, ExportError> {
        // What is written to the database meanwhile is not seen, and not held up.
        let db = self.db.transaction()?;
        let Some(id) = find_id(&db, account)? else { return Ok(false) };
        let profile = db.query_row("SELECT name, is_disabled FROM accounts WHERE id = ?1", [id], |row| {
            Ok(Profile { name: row.get(0)?, disabled: row.get(1)? })
        })?;
        write!(out, "{{\n\"format\":1,\n\"account\":")?;
        line(out, &profile)?;
        let mut list = List::begin(out, "logins")?;
        for login in sessions::logins(&db, id, now)? {
            list.push(&login)?;
        }
        list.end()?;
        let mut list = List::begin(out, "places")?;
        for (room, read) in places::of(&db, id)? {
            list.push(&TakesPart { room, read })?;
        }
        list.end()?;
        let mut list = List::begin(out, "friends")?;
        for (user, is) in friends::listed(&db, id)? {
            list.push(&Tied { user, is })?;
        }
        list.end()?;
        let mut list = List::begin(out, "peers")?;
        for (peer, read) in sides::of(&db, id)? {
            list.push(&Talks { peer, read })?;
        }
        list.end()?;
        let mut list = List::begin(out, "rooms")?;
        said_in_rooms(&db, id, &mut list)?;
        list.end()?;
        let mut list = List::begin(out, "private")?;
        said_in_private(&db, id, &mut list)?;
        list.end()?;
        out.write_all(b"\n}\n")?;
        out.flush()?;
        Ok(true)
    }
}

#[derive(Serialize)]
struct Profile {
    name: String,
    disabled: bool,
}

/// A room that the user takes part in.
#[derive(Serialize)]
struct TakesPart {
    room: String,
    read: i64,
}

/// What another is to the user.
#[derive(Serialize)]
struct Tied {
    user: String,
    is: &'static str,
}

/// Somebody with whom the user has a private conversation.
#[derive(Serialize)]
struct Talks {
    peer: String,
    read: i64,
}

/// A message in a room, by the user.
#[derive(Serialize)]
struct InRoom<'a> {
    room: &'a str,
    seq: i64,
    ts: i64,
    text: String,
}

/// A message between the user and another, by either.
#[derive(Serialize)]
struct InPrivate<'a> {
    peer: &'a str,
    seq: i64,
    ts: i64,
    from: String,
    text: String,
}

fn said_in_rooms(db: &Connection, author: i64, list: &mut List<'_>) -> Result<(), ExportError> {
    let mut rooms = db.prepare("SELECT conversation, name FROM rooms ORDER BY conversation")?;
    let mut messages = db
        .prepare("SELECT seq, ts, text FROM messages WHERE conversation = ?1 AND author = ?2 ORDER BY seq")?;
    let mut rooms = rooms.query([])?;
    while let Some(row) = rooms.next()? {
        let (conversation, room): (i64, String) = (row.get(0)?, row.get(1)?);
        let mut messages = messages.query([conversation, author])?;
        while let Some(row) = messages.next()? {
            list.push(&InRoom { room: &room, seq: row.get(0)?, ts: row.get(1)?, text: row.get(2)? })?;
        }
    }
    Ok(())
}

fn said_in_private(db: &Connection, user: i64, list: &mut List<'_>) -> Result<(), ExportError> {
    let mut pairs = db.prepare(
        "SELECT conversation, name FROM pairs JOIN accounts ON id = CASE one WHEN ?1 THEN other ELSE one END
        WHERE one = ?1 OR other = ?1 ORDER BY conversation",
    )?;
    let mut messages = db.prepare(
        "SELECT seq, ts, name, text FROM messages JOIN accounts ON id = author WHERE conversation = ?1 ORDER BY seq",
    )?;
    let mut pairs = pairs.query([user])?;
    while let Some(row) = pairs.next()? {
        let (conversation, peer): (i64, String) = (row.get(0)?, row.get(1)?);
        let mut messages = messages.query([conversation])?;
        while let Some(row) = messages.next()? {
            let (seq, ts, from, text) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            list.push(&InPrivate { peer: &peer, seq, ts, from, text })?;
        }
    }
    Ok(())
}

/// A list in the object that is written, with an entry on each line.
struct List<'a> {
    out: &'a mut dyn Write,
    is_empty: bool,
}

impl<'a> List<'a> {
    fn begin(out: &'a mut dyn Write, key: &str) -> io::Result<Self> {
        write!(out, ",\n\"{key}\":[")?;
        Ok(Self { out, is_empty: true })
    }

    fn push(&mut self, entry: &impl Serialize) -> io::Result<()> {
        self.out.write_all(if self.is_empty { b"\n" } else { b",\n" })?;
        self.is_empty = false;
        line(self.out, entry)
    }

    fn end(self) -> io::Result<()> {
        self.out.write_all(b"]")
    }
}

fn line(out: &mut dyn Write, entry: &impl Serialize) -> io::Result<()> {
    Ok(serde_json::to_writer(out, entry)?)
}

/// Why an export is not whole.
#[derive(Debug)]
pub enum ExportError {
    /// The database cannot be read.
    Store(StoreError),
    /// What is exported cannot be written.
    Write(io::Error),
}

impl From<StoreError> for ExportError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<rusqlite::Error> for ExportError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<io::Error> for ExportError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Write(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                f.write_str("the file exists already; name a new one")
            }
            Self::Write(error) => {
                write!(
                    f,
                    "it cannot be written: {error}; choose a place with the rights and the space for it"
                )
            }
        }
    }
}

impl Error for ExportError {}

#[cfg(test)]
mod tests;
