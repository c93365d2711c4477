//! How much of what is said is kept, and letting go of the rest.
//!
//! A conversation is cut at its oldest end alone, so its numbers go on as before and have no hole. A cut is small, and a
//! transaction of its own: what is said meanwhile waits for one cut at most.

use std::time::Duration;

use chatroom_core::name::NameKey;
use rusqlite::{Connection, Row, TransactionBehavior, params};

use super::messages::{signed, unsigned};
use super::{Store, StoreError};

/// How much of a conversation is kept. A message that is beyond either limit is let go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// For how many days; 0 for ever.
    pub days: u32,
    /// How many messages, the newest; 0 for all.
    pub messages: u32,
}

/// Where a cut goes on that looks at one conversation after the other. The default is the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place(i64);

/// What came of a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// How many messages are gone.
    pub messages: u64,
    /// Where to go on; `None` if all conversations were looked at.
    pub next: Option<Place>,
}

/// A room, as whoever runs the server sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRoom {
    /// Its name, as it was typed when it was made.
    pub name: String,
    /// How many messages of it are kept.
    pub messages: u64,
    /// How much of it is kept, if that is not what the server keeps of all.
    pub keep: Option<Retention>,
}

impl Retention {
    /// Whether everything is kept.
    #[must_use]
    pub fn is_for_ever(self) -> bool {
        self == Self::default()
    }
}

impl Store {
    /// Lets go of some messages that are not kept any longer: `keep` says how much is, of all but the rooms that have a
    /// retention of their own. `now` is counted from 1970.
    ///
    /// # Errors
    /// When the database cannot be read or written; nothing has changed then.
    pub fn cut(&mut self, keep: Retention, now: Duration, from: Place) -> Result<Cut, StoreError> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let conversations = conversations(&transaction, from)?;
        let mut cut = Cut { messages: 0, next: None };
        for conversation in &conversations {
            let room_left = CUT_MESSAGES_MAX - cut.messages;
            cut.messages += conversation.cut(&transaction, keep, now, room_left)?;
            if cut.messages == CUT_MESSAGES_MAX {
                // There may be more of this one.
                cut.next = Some(Place(conversation.id));
                break;
            }
        }
        if cut.next.is_none() && conversations.len() == CUT_CONVERSATIONS_MAX {
            cut.next = conversations.last().map(|last| Place(last.id + 1));
        }
        // A look that finds nothing costs no visit to the disk.
        if cut.messages > 0 {
            transaction.commit()?;
        }
        Ok(cut)
    }

    /// Whether a room has a retention of its own.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn has_room_retention(&self) -> Result<bool, StoreError> {
        Ok(self.db.prepare("SELECT 1 FROM rooms WHERE keep_days IS NOT NULL")?.exists([])?)
    }

    /// Has so much of a room kept, or, with `None`, as much as the server keeps of all. Whether there is such a room.
    ///
    /// # Errors
    /// When the database cannot be written; nothing has changed then.
    pub fn set_room_retention(
        &mut self,
        room: &NameKey,
        keep: Option<Retention>,
    ) -> Result<bool, StoreError> {
        let set = "UPDATE rooms SET keep_days = ?2, keep_messages = ?3 WHERE key = ?1";
        let (days, messages) = (keep.map(|keep| keep.days), keep.map(|keep| keep.messages));
        Ok(self.db.execute(set, params![room.as_str(), days, messages])? > 0)
    }

    /// All rooms that the database knows, in the order in which they came to be.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn list_rooms(&self) -> Result<Vec<ListedRoom>, StoreError> {
        let mut select = self.db.prepare(
            "SELECT name, last - first + 1, keep_days, keep_messages FROM rooms
            JOIN conversations ON id = conversation ORDER BY conversation",
        )?;
        let rooms = select.query_map([], |row| {
            let (messages, keep) = (unsigned(row.get(1)?), retention(row, 2)?);
            Ok(ListedRoom { name: row.get(0)?, messages, keep })
        })?;
        Ok(rooms.collect::<Result<_, _>>()?)
    }
}

/// A conversation that may have too much in it.
struct Conversation {
    id: i64,
    last: i64,
    /// If it is that of a room with a retention of its own.
    keep: Option<Retention>,
}

fn conversations(db: &Connection, from: Place) -> rusqlite::Result<Vec<Conversation>> {
    let mut select = db.prepare_cached(
        "SELECT id, last, keep_days, keep_messages FROM conversations LEFT JOIN rooms ON conversation = id
        WHERE id >= ?1 ORDER BY id LIMIT ?2",
    )?;
    let found = select.query_map(params![from.0, signed(CUT_CONVERSATIONS_MAX as u64)], |row| {
        Ok(Conversation { id: row.get(0)?, last: row.get(1)?, keep: retention(row, 2)? })
    })?;
    found.collect()
}

/// Both columns are there or neither is.
fn retention(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Retention>> {
    let (days, messages): (Option<u32>, Option<u32>) = (row.get(column)?, row.get(column + 1)?);
    Ok(days.zip(messages).map(|(days, messages)| Retention { days, messages }))
}

impl Conversation {
    /// Lets go of its oldest messages, so many at most. How many those were.
    fn cut(&self, db: &Connection, server: Retention, now: Duration, max: u64) -> rusqlite::Result<u64> {
        let keep = self.keep.unwrap_or(server);
        if keep.is_for_ever() {
            return Ok(0);
        }
        let Some(seq) = self.last_beyond(db, keep, now, max)? else { return Ok(0) };
        let gone = db
            .prepare_cached("DELETE FROM messages WHERE conversation = ?1 AND seq <= ?2")?
            .execute(params![self.id, seq])?;
        db.prepare_cached("UPDATE conversations SET first = ?2 + 1 WHERE id = ?1")?
            .execute(params![self.id, seq])?;
        Ok(gone as u64)
    }

    /// The number of the last message that goes. What stands after the first one that is kept is kept as well, whatever
    /// the clock said when it was written.
    fn last_beyond(
        &self,
        db: &Connection,
        keep: Retention,
        now: Duration,
        max: u64,
    ) -> rusqlite::Result<Option<i64>> {
        let seq_min = if keep.messages == 0 { 0 } else { self.last - i64::from(keep.messages) + 1 };
        let ts_min = if keep.days == 0 { 0 } else { milliseconds(now.saturating_sub(DAY * keep.days)) };
        let mut select =
            db.prepare_cached("SELECT seq, ts FROM messages WHERE conversation = ?1 ORDER BY seq LIMIT ?2")?;
        let mut rows = select.query(params![self.id, signed(max)])?;
        let mut beyond = None;
        while let Some(row) = rows.next()? {
            let (seq, ts): (i64, i64) = (row.get(0)?, row.get(1)?);
            if seq >= seq_min && ts >= ts_min {
                break;
            }
            beyond = Some(seq);
        }
        Ok(beyond)
    }
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

const DAY: Duration = Duration::from_secs(86_400);

/// How many messages go in one cut at most, which is how long others wait for it.
const CUT_MESSAGES_MAX: u64 = 32;
/// How many conversations are looked at in one cut at most.
const CUT_CONVERSATIONS_MAX: usize = 256;

#[cfg(test)]
mod tests;
