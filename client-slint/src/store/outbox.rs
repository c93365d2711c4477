//! What was typed and is not known to be said.

use rusqlite::{Connection, Row, params};

use super::{Fate, Outgoing};

/// Writes down what was typed, behind all that was typed before.
pub(super) fn push(db: &Connection, account: i64, outgoing: &Outgoing) -> rusqlite::Result<()> {
    let Outgoing { cid, room, to, text, typed_ms, state } = outgoing;
    db.prepare_cached(
        "INSERT OR IGNORE INTO outbox (account, cid, room, peer, text, typed, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![account, cid, room, to, text, typed_ms.cast_signed(), number(*state)])
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

/// What was typed in a room, in the order in which it was typed.
pub(super) fn of_room(db: &Connection, account: i64, room: &str) -> rusqlite::Result<Vec<Outgoing>> {
    let mut select = db.prepare_cached(
        "SELECT cid, room, peer, text, typed, state FROM outbox WHERE account = ?1 AND room = ?2 ORDER BY id",
    )?;
    select.query_map(params![account, room], outgoing)?.collect()
}

fn outgoing(row: &Row<'_>) -> rusqlite::Result<Outgoing> {
    Ok(Outgoing {
        cid: row.get(0)?,
        room: row.get(1)?,
        to: row.get(2)?,
        text: row.get(3)?,
        typed_ms: row.get::<_, i64>(4)?.cast_unsigned(),
        state: match row.get(5)? {
            0_i64 => Fate::Waiting,
            1 => Fate::Failed,
            _ => Fate::Uncertain,
        },
    })
}

fn number(fate: Fate) -> i64 {
    match fate {
        Fate::Waiting => 0,
        Fate::Failed => 1,
        Fate::Uncertain => 2,
    }
}
