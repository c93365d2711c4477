//! Accounts: who was logged in, with what, and where.

use chatroom_core::secret::Token;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Account, File, Login};

impl File {
    /// The login that was used last, at that server or at any: what follows is about it.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn last_login(&mut self, server: Option<&str>) -> rusqlite::Result<Option<Login>> {
        let row = self
            .db
            .prepare_cached(
                "SELECT id, server, address, name, token, room FROM accounts
                WHERE token IS NOT NULL AND (?1 IS NULL OR server = ?1) ORDER BY used DESC LIMIT 1",
            )?
            .query_row([server], |row| {
                let account = Account { server: row.get(1)?, address: row.get(2)?, name: row.get(3)? };
                let token = Token::new(row.get::<_, String>(4)?.into());
                Ok((row.get::<_, i64>(0)?, account, token, row.get::<_, Option<String>>(5)?))
            })
            .optional()?;
        let Some((id, account, token, room)) = row else { return Ok(None) };
        self.account = Some(id);
        let place = room.map(|room| self.open_room(&room)).transpose()?;
        Ok(Some(Login { account, token, place }))
    }
}

/// The number of an account that is logged in to now.
pub(super) fn begin(db: &Connection, account: &Account) -> rusqlite::Result<i64> {
    db.prepare_cached(
        "INSERT INTO accounts (server, name, address, used)
        VALUES (?1, ?2, ?3, 1 + (SELECT coalesce(max(used), 0) FROM accounts))
        ON CONFLICT DO UPDATE SET address = excluded.address, used = excluded.used, token = NULL, room = NULL
        RETURNING id",
    )?
    .query_row(params![account.server, account.name, account.address], |row| row.get(0))
}

pub(super) fn set_token(db: &Connection, account: i64, token: Option<&Token>) -> rusqlite::Result<()> {
    let mut update = db.prepare_cached("UPDATE accounts SET token = ?2 WHERE id = ?1")?;
    update.execute(params![account, token.map(Token::expose)]).map(drop)
}

pub(super) fn set_place(db: &Connection, account: i64, room: Option<&str>) -> rusqlite::Result<()> {
    let mut update = db.prepare_cached("UPDATE accounts SET room = ?2 WHERE id = ?1")?;
    update.execute(params![account, room]).map(drop)
}

pub(super) fn forget(db: &Connection, account: i64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM accounts WHERE id = ?1")?.execute([account]).map(drop)
}
