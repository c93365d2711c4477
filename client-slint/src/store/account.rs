//! Accounts: who was logged in, with what, and where.

use chatroom_core::client::Conversation;
use chatroom_core::secret::Token;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::messages::{conversation, kind};
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
                "SELECT id, server, address, name, token, place_kind, place FROM accounts
                WHERE token IS NOT NULL AND (?1 IS NULL OR server = ?1) ORDER BY used DESC LIMIT 1",
            )?
            .query_row([server], |row| {
                let account = Account { server: row.get(1)?, address: row.get(2)?, name: row.get(3)? };
                let token = Token::new(row.get::<_, String>(4)?.into());
                let (kind, name): (i64, Option<String>) = (row.get(5)?, row.get(6)?);
                let place = name.and_then(|name| conversation(kind, &name));
                Ok((row.get::<_, i64>(0)?, account, token, place))
            })
            .optional()?;
        let Some((id, account, token, place)) = row else { return Ok(None) };
        self.account = Some(id);
        let place = place.map(|place| self.opened(&place)).transpose()?;
        Ok(Some(Login { account, token, place, overview: self.overview()? }))
    }
}

/// The number of an account that is logged in to now.
pub(super) fn begin(db: &Connection, account: &Account) -> rusqlite::Result<i64> {
    db.prepare_cached(
        "INSERT INTO accounts (server, name, address, used)
        VALUES (?1, ?2, ?3, 1 + (SELECT coalesce(max(used), 0) FROM accounts))
        ON CONFLICT DO UPDATE SET address = excluded.address, used = excluded.used, token = NULL, place = NULL
        RETURNING id",
    )?
    .query_row(params![account.server, account.name, account.address], |row| row.get(0))
}

pub(super) fn set_token(db: &Connection, account: i64, token: Option<&Token>) -> rusqlite::Result<()> {
    let mut update = db.prepare_cached("UPDATE accounts SET token = ?2 WHERE id = ?1")?;
    update.execute(params![account, token.map(Token::expose)]).map(drop)
}

pub(super) fn set_place(db: &Connection, account: i64, of: Option<&Conversation>) -> rusqlite::Result<()> {
    let mut update = db.prepare_cached("UPDATE accounts SET place_kind = ?2, place = ?3 WHERE id = ?1")?;
    update.execute(params![account, of.map_or(0, kind), of.map(Conversation::name)]).map(drop)
}

pub(super) fn is_multi(db: &Connection, account: i64) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT is_multi FROM accounts WHERE id = ?1")?.query_row([account], |row| row.get(0))
}

/// In many rooms at once, or in one. What of private conversations was in rooms has its own place then.
pub(super) fn set_multi(db: &Connection, account: i64, is_now: bool) -> rusqlite::Result<()> {
    if is_now && !is_multi(db, account)? {
        super::messages::set_apart(db, account)?;
        super::outbox::set_apart(db, account)?;
    }
    let mut update = db.prepare_cached("UPDATE accounts SET is_multi = ?2 WHERE id = ?1")?;
    update.execute(params![account, is_now]).map(drop)
}

pub(super) fn forget(db: &Connection, account: i64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM accounts WHERE id = ?1")?.execute([account]).map(drop)
}
