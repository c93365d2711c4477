//! What was read, by conversation. Of each that stands for itself, the file has one part without a hole.

use chatroom_core::client::{Conversation, Place, Span};
use chatroom_core::message::push::Posted;
use chatroom_core::name::{RoomName, UserName};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{
    File, Known, Line, MESSAGES_MAX, Older, Opened, Overview, PAGE_MESSAGES, Reading, Unseen, account,
    friends, outbox,
};
use crate::format::mentions;

impl File {
    /// What there is of a conversation, of the account that all is about.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn opened(&self, of: &Conversation) -> rusqlite::Result<Opened> {
        let nothing = Opened::nothing(of.clone());
        let Some(account) = self.account() else { return Ok(nothing) };
        let outbox = outbox::of(&self.db, account, of)?;
        let Some(id) = find(&self.db, account, of)? else { return Ok(Opened { outbox, ..nothing }) };
        let lines = self.page(account, id, of, END)?;
        let (read, seen) = (span(&self.db, id)?, seen(&self.db, id)?);
        Ok(Opened { lines, read, seen, outbox, ..nothing })
    }

    /// What stands in a conversation before a message.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn older(&self, of: &Conversation, before: u64) -> rusqlite::Result<Older> {
        let mut older = Older { of: of.clone(), before, lines: Vec::new(), has_more: false };
        let Some(account) = self.account() else { return Ok(older) };
        let Some(id) = find(&self.db, account, of)? else { return Ok(older) };
        // What is before a message that was dropped, the file has not.
        let Some(ts) = time(&self.db, id, before)? else { return Ok(older) };
        older.lines = self.page(account, id, of, (before.cast_signed(), ts))?;
        let first = older.lines.iter().find(|line| line.peer.is_none()).map(|line| line.posted.seq);
        older.has_more = first.is_some() && ends(&self.db, id)?.map(|(first, _)| first) < first;
        Ok(older)
    }

    /// What was not seen, for each conversation of which there is something. A private message counts where it is shown.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn unseen(&self) -> rusqlite::Result<Vec<Unseen>> {
        let Some(account) = self.account() else { return Ok(Vec::new()) };
        let own: String =
            self.db.query_row("SELECT name FROM accounts WHERE id = ?1", [account], |row| row.get(0))?;
        let mut select = self.db.prepare_cached(
            "SELECT iif(shown_in IS NULL, kind, 0) AS place, coalesce(shown_in, name) AS title, kind, text
            FROM conversations JOIN messages ON conversation = id AND seq > seen
            WHERE account = ?1 AND NOT is_own AND text <> '' ORDER BY place, title",
        )?;
        let mut rows = select.query([account])?;
        let mut unseen: Vec<Unseen> = Vec::new();
        while let Some(row) = rows.next()? {
            let (place, name, kind, text): (i64, String, i64, String) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            let Some(of) = conversation(place, &name) else { continue };
            if unseen.last().is_none_or(|last| last.of != of) {
                unseen.push(Unseen { of, messages: 0, mentions: 0 });
            }
            if let Some(last) = unseen.last_mut() {
                last.messages += 1;
                last.mentions += u32::from(kind == PEER || mentions(&text, &own));
            }
        }
        Ok(unseen)
    }

    /// What there is of the account, over all conversations.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn overview(&self) -> rusqlite::Result<Overview> {
        let Some(account) = self.account() else { return Ok(Overview::default()) };
        let is_multi = account::is_multi(&self.db, account)?;
        let mut select = self.db.prepare_cached(
            "SELECT id, kind, name FROM conversations WHERE account = ?1 AND (is_place OR kind = ?2)
            ORDER BY (SELECT max(ts) FROM messages WHERE conversation = id) DESC NULLS LAST, name",
        )?;
        let rows: Vec<(i64, i64, String)> = select
            .query_map([account, PEER], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<_, _>>()?;
        let mut places = Vec::new();
        for (id, kind, name) in rows {
            if let Some(of) = conversation(kind, &name) {
                places.push(Known { of, read: span(&self.db, id)?, seen: seen(&self.db, id)? });
            }
        }
        Ok(Overview {
            is_multi,
            places,
            unseen: self.unseen()?,
            outbox: outbox::all(&self.db, account)?,
            friends: friends::of(&self.db, account)?,
        })
    }

    /// The last messages of a conversation before a number and its time, and the private ones that were shown among them.
    fn page(
        &self,
        account: i64,
        id: i64,
        of: &Conversation,
        (before, to): (i64, i64),
    ) -> rusqlite::Result<Vec<Line>> {
        let mut select = self.db.prepare_cached(
            "SELECT seq, ts, author, text, is_own, NULL FROM messages
            WHERE conversation = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3",
        )?;
        let limit = i64::try_from(PAGE_MESSAGES).unwrap_or(i64::MAX);
        let mut lines: Vec<Line> =
            select.query_map(params![id, before, limit], line)?.collect::<Result<_, _>>()?;
        lines.reverse();
        let Conversation::Room(room) = of else { return Ok(lines) };
        // Where nothing is before, here or at the server, private ones are shown from the first on.
        let has_more = has_older(&self.db, id)?
            || ends(&self.db, id)?
                .is_some_and(|(first, _)| Some(first) < lines.first().map(|line| line.posted.seq));
        let from = lines.first().filter(|_| has_more).map_or(0, |line| line.posted.ts_ms.cast_signed());
        let mut select = self.db.prepare_cached(
            "SELECT seq, ts, author, text, is_own, name FROM conversations JOIN messages ON conversation = id
            WHERE account = ?1 AND kind = ?2 AND shown_in = ?3 AND ts >= ?4 AND ts < ?5
            ORDER BY ts DESC, seq DESC LIMIT ?6",
        )?;
        let mut private: Vec<Line> = select
            .query_map(params![account, PEER, room.as_str(), from, to, limit], line)?
            .collect::<Result<_, _>>()?;
        private.reverse();
        for line in private {
            let at = lines.partition_point(|other| other.posted.ts_ms <= line.posted.ts_ms);
            lines.insert(at, line);
        }
        Ok(lines)
    }
}

/// Writes down what was read. What of it was typed here is not waited for any more.
pub(super) fn read(db: &Connection, account: i64, reading: &Reading) -> rusqlite::Result<()> {
    for cid in reading.lines.iter().filter_map(|line| line.cid.as_deref()) {
        outbox::remove(db, account, cid)?;
    }
    let id = find_or_make(db, account, &reading.of)?;
    match &reading.shown_in {
        Some(room) => {
            for line in &reading.lines {
                insert(db, id, line, Some(room.as_str()))?;
            }
        }
        None => extend(db, id, reading)?,
    }
    drop_oldest(db, id)
}

/// All of a conversation was seen, up to its message of that number, and what was shown there of private ones.
pub(super) fn see(db: &Connection, account: i64, of: &Conversation, seq: u64) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE conversations SET seen = max(seen, ?4) WHERE account = ?1 AND kind = ?2 AND name = ?3",
    )?
    .execute(params![account, kind(of), of.name(), seq.cast_signed()])?;
    let Conversation::Room(room) = of else { return Ok(()) };
    db.prepare_cached(
        "UPDATE conversations AS private SET seen = max(seen, coalesce(
            (SELECT max(seq) FROM messages WHERE conversation = private.id AND shown_in = ?2), 0))
        WHERE account = ?1 AND kind = 1",
    )?
    .execute(params![account, room.as_str()])
    .map(drop)
}

/// These rooms are taken part in and no others, and these private conversations; so far they were read by any device.
pub(super) fn set_places(db: &Connection, account: i64, places: &[Place]) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE conversations SET is_place = 0 WHERE account = ?1 AND kind = ?2")?
        .execute([account, ROOM])?;
    let mut update =
        db.prepare_cached("UPDATE conversations SET is_place = 1, seen = max(seen, ?2) WHERE id = ?1")?;
    for Place { of, read, .. } in places {
        update.execute(params![find_or_make(db, account, of)?, read.cast_signed()])?;
    }
    Ok(())
}

/// From now on private conversations stand for themselves. Of what was shown in rooms, that is kept which has no hole; the
/// rest is at the server.
pub(super) fn set_apart(db: &Connection, account: i64) -> rusqlite::Result<()> {
    let mut select = db.prepare_cached("SELECT id FROM conversations WHERE account = ?1 AND kind = ?2")?;
    let ids: Vec<i64> = select.query_map([account, PEER], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for id in ids {
        db.prepare_cached(
            "DELETE FROM messages WHERE conversation = ?1 AND seq < (
                SELECT max(seq) FROM messages AS later WHERE conversation = ?1 AND NOT EXISTS (
                    SELECT 1 FROM messages WHERE conversation = ?1 AND seq = later.seq - 1))",
        )?
        .execute([id])?;
        db.prepare_cached("UPDATE messages SET shown_in = NULL WHERE conversation = ?1")?.execute([id])?;
        if let Some((first, _)) = ends(db, id)? {
            set_has_older(db, id, first > 1)?;
        }
    }
    Ok(())
}

/// Adds to a conversation's part at one end or the other, so that it has no hole; where there would be one, the part begins anew.
fn extend(db: &Connection, id: i64, reading: &Reading) -> rusqlite::Result<()> {
    if reading.is_anew {
        clear(db, id)?;
        // A server that has lost what was seen counts on from where it is.
        let last = reading.lines.last().map_or(0, |line| line.posted.seq);
        db.prepare_cached("UPDATE conversations SET seen = min(seen, ?2) WHERE id = ?1")?
            .execute(params![id, last.cast_signed()])?;
    }
    let mut ends = ends(db, id)?;
    let Some((new_first, new_last)) = reading
        .lines
        .first()
        .zip(reading.lines.last())
        .map(|(first, last)| (first.posted.seq, last.posted.seq))
    else {
        // What is asked for at an end that has nothing says that this is the end.
        return if reading.is_older { set_has_older(db, id, reading.has_older) } else { Ok(()) };
    };
    if reading.is_older {
        // What is older than what was dropped here is the server's to tell.
        if ends.is_none_or(|(first, _)| new_last.saturating_add(1) != first) {
            return Ok(());
        }
    } else if ends.is_some_and(|(_, last)| new_first > last.saturating_add(1)) {
        clear(db, id)?;
        ends = None;
    }
    for line in &reading.lines {
        insert(db, id, line, None)?;
    }
    match ends {
        Some(_) if !reading.is_older => Ok(()),
        _ => set_has_older(db, id, reading.has_older || (!reading.is_older && new_first > 1)),
    }
}

fn insert(db: &Connection, id: i64, line: &Line, shown_in: Option<&str>) -> rusqlite::Result<()> {
    let Line { posted, author, text, is_own, .. } = line;
    db.prepare_cached(
        "INSERT OR IGNORE INTO messages (conversation, seq, ts, author, text, is_own, shown_in)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        id,
        posted.seq.cast_signed(),
        posted.ts_ms.cast_signed(),
        author,
        text,
        is_own,
        shown_in
    ])
    .map(drop)
}

fn drop_oldest(db: &Connection, id: i64) -> rusqlite::Result<()> {
    let Some((first, last)) = ends(db, id)? else { return Ok(()) };
    let Some(dropped) = last.checked_sub(MESSAGES_MAX).filter(|dropped| first <= *dropped) else {
        return Ok(());
    };
    db.prepare_cached("DELETE FROM messages WHERE conversation = ?1 AND seq <= ?2")?
        .execute(params![id, dropped.cast_signed()])?;
    set_has_older(db, id, true)
}

fn clear(db: &Connection, id: i64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM messages WHERE conversation = ?1")?.execute([id]).map(drop)
}

/// Whether the server has messages before the first that there is.
fn has_older(db: &Connection, id: i64) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT has_older FROM conversations WHERE id = ?1")?.query_row([id], |row| row.get(0))
}

/// When a message was said, if there is one of that number.
fn time(db: &Connection, id: i64, seq: u64) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT ts FROM messages WHERE conversation = ?1 AND seq = ?2")?
        .query_row(params![id, seq.cast_signed()], |row| row.get(0))
        .optional()
}

fn set_has_older(db: &Connection, id: i64, has_older: bool) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE conversations SET has_older = ?2 WHERE id = ?1")?
        .execute(params![id, has_older])
        .map(drop)
}

/// The numbers of the first message that there is and of the last.
fn ends(db: &Connection, id: i64) -> rusqlite::Result<Option<(u64, u64)>> {
    let end = |sql: &str| -> rusqlite::Result<Option<i64>> {
        db.prepare_cached(sql)?.query_row([id], |row| row.get(0))
    };
    let first = end("SELECT min(seq) FROM messages WHERE conversation = ?1")?;
    let last = end("SELECT max(seq) FROM messages WHERE conversation = ?1")?;
    Ok(first.zip(last).map(|(first, last)| (first.cast_unsigned(), last.cast_unsigned())))
}

fn find(db: &Connection, account: i64, of: &Conversation) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT id FROM conversations WHERE account = ?1 AND kind = ?2 AND name = ?3")?
        .query_row(params![account, kind(of), of.name()], |row| row.get(0))
        .optional()
}

fn find_or_make(db: &Connection, account: i64, of: &Conversation) -> rusqlite::Result<i64> {
    if let Some(id) = find(db, account, of)? {
        return Ok(id);
    }
    db.prepare_cached("INSERT INTO conversations (account, kind, name) VALUES (?1, ?2, ?3)")?
        .execute(params![account, kind(of), of.name()])?;
    Ok(db.last_insert_rowid())
}

/// From where to where a conversation was read.
fn span(db: &Connection, id: i64) -> rusqlite::Result<Option<Span>> {
    let Some((first, last)) = ends(db, id)? else { return Ok(None) };
    let has_older = has_older(db, id)?;
    Ok(time(db, id, last)?.map(|ts| {
        let last = Posted { seq: last, ts_ms: ts.cast_unsigned() };
        Span { first, last, has_older }
    }))
}

fn seen(db: &Connection, id: i64) -> rusqlite::Result<u64> {
    db.prepare_cached("SELECT seen FROM conversations WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .map(i64::cast_unsigned)
}

/// How the file has a conversation's kind.
pub(super) fn kind(of: &Conversation) -> i64 {
    match of {
        Conversation::Room(_) => ROOM,
        Conversation::Peer(_) => PEER,
    }
}

/// A conversation, by its kind and its name in the file. One that cannot be named to a server is none.
pub(super) fn conversation(kind: i64, name: &str) -> Option<Conversation> {
    match kind {
        ROOM => RoomName::parse(name).ok().map(Conversation::Room),
        _ => UserName::parse(name).ok().map(Conversation::Peer),
    }
}

fn line(row: &Row<'_>) -> rusqlite::Result<Line> {
    let number = |index: usize| row.get::<_, i64>(index).map(i64::cast_unsigned);
    Ok(Line {
        posted: Posted { seq: number(0)?, ts_ms: number(1)? },
        author: row.get(2)?,
        text: row.get(3)?,
        is_own: row.get(4)?,
        cid: None,
        peer: row.get(5)?,
    })
}

/// Behind the last message, by number and time.
const END: (i64, i64) = (i64::MAX, i64::MAX);

/// The two kinds of conversation, as the file has them.
const ROOM: i64 = 0;
const PEER: i64 = 1;
