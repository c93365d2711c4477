//! What was typed and is not known to be said.

use chatroom_core::client::Conversation;
use rusqlite::{Connection, Row, params};

use super::messages::{conversation, kind};
use super::{Fate, Outgoing};

/// Writes down what was typed, behind all that was typed before.
pub(super) fn push(db: &Connection, account: i64, outgoing: &Outgoing) -> rusqlite::Result<()> {
    let Outgoing { cid, of, to, text, typed_ms, state } = outgoing;
    db.prepare_cached(
        "INSERT OR IGNORE INTO outbox (account, cid, kind, place, peer, text, typed, state)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![account, cid, kind(of), of.name(), to, text, typed_ms.cast_signed(), number(*state)])
    .map(drop)
}

pub(super) fn set_fate(db: &Connection, account: i64, cid: &str, fate: Fate) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE outbox SET state = ?3 WHERE account = ?1 AND cid = ?2")?
        .execute(params![account, cid, number(fate)])
        .map(drop)
}

/// It was said, or is not to be.
pub(super) fn remove(db: &Connection, account: i64, cid: &str) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM outbox WHERE account = ?1 AND cid = ?2")?
        .execute(params![account, cid])
        .map(drop)
}

/// What was typed in a conversation, in the order in which it was typed.
pub(super) fn of(db: &Connection, account: i64, of: &Conversation) -> rusqlite::Result<Vec<Outgoing>> {
    let mut all = all(db, account)?;
    all.retain(|outgoing| outgoing.of == *of);
    Ok(all)
}

/// What was typed anywhere, in the order in which it was typed.
pub(super) fn all(db: &Connection, account: i64) -> rusqlite::Result<Vec<Outgoing>> {
    let mut select = db.prepare_cached(
        "SELECT cid, kind, place, peer, text, typed, state FROM outbox WHERE account = ?1 ORDER BY id",
    )?;
    let rows: Vec<Option<Outgoing>> = select.query_map([account], outgoing)?.collect::<Result<_, _>>()?;
    Ok(rows.into_iter().flatten().collect())
}

/// What was typed to one of those in a room is a word in a conversation of its own from now on.
pub(super) fn set_apart(db: &Connection, account: i64) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE outbox SET kind = 1, place = peer, peer = NULL WHERE account = ?1 AND peer IS NOT NULL",
    )?
    .execute([account])
    .map(drop)
}

fn outgoing(row: &Row<'_>) -> rusqlite::Result<Option<Outgoing>> {
    let (kind, place): (i64, String) = (row.get(1)?, row.get(2)?);
    let Some(of) = conversation(kind, &place) else { return Ok(None) };
    Ok(Some(Outgoing {
        cid: row.get(0)?,
        of,
        to: row.get(3)?,
        text: row.get(4)?,
        typed_ms: row.get::<_, i64>(5)?.cast_unsigned(),
        state: match row.get(6)? {
            0_i64 => Fate::Waiting,
            1 => Fate::Failed,
            _ => Fate::Uncertain,
        },
    }))
}

fn number(fate: Fate) -> i64 {
    match fate {
        Fate::Waiting => 0,
        Fate::Failed => 1,
        Fate::Uncertain => 2,
    }
}
