//! Deleting an account, and having nothing of what was deleted left in the file.
//!
//! What is left of an account is its name, which nobody else can take: whoever did would be taken for the one before, and
//! be shown what others said to that one in private. What is left of a message is its number, its time and its author, so
//! that its conversation has no hole.
//!
//! SQLite overwrites what is deleted (`secure_delete`), but not the copies it leaves behind when it moves rows to another
//! page. Only a database that is written anew has none of those.

use std::env;
use std::path::Path;
use std::thread;
use std::time::Instant;

use chatroom_core::name::Account;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, TransactionBehavior, ffi, params};

use super::{Store, StoreError, friends, keys, open};

/// What a database that was written anew takes on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// The bytes of its file before.
    pub bytes_before: u64,
    /// The bytes of its file now.
    pub bytes: u64,
}

impl Store {
    /// Deletes an account, ends its logins that last, and blanks what it said, a little at a time: a server that runs goes
    /// on. How many messages that were; `None` if there is no such account.
    ///
    /// If it fails the account may be deleted already, and some messages be blank. The next call goes on with the rest.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub fn delete_account(&mut self, account: &Account) -> Result<Option<u64>, StoreError> {
        let Some(id) = self.mark_deleted(account)? else { return Ok(None) };
        let (mut from, mut blanked) = ((0, 0), 0);
        loop {
            let said = said_by(&self.db, id, from)?;
            let Some(last) = said.last() else { return Ok(Some(blanked)) };
            from = *last;
            let start = Instant::now();
            self.blank(&said)?;
            blanked += said.len() as u64;
            // Who waits for another process asks again and again, and would hardly ever ask between two transactions.
            thread::sleep(start.elapsed() * PAUSE);
        }
    }

    /// Writes the database anew, without whatever was deleted, and gives the space back to the disk. Others can read
    /// meanwhile. Who writes waits until it is done. Meanwhile there is a copy, in the folder of the database unless
    /// `SQLITE_TMPDIR` names another: where temporary files are otherwise may be memory, and too small for it.
    ///
    /// # Errors
    /// When the database cannot be read or written, or others are at it all the time; what is in it is the same then.
    pub fn compact(&mut self) -> Result<Compacted, StoreError> {
        let bytes_before = self.bytes()?;
        let folder = self.db.path().map(Path::new).and_then(Path::parent).and_then(Path::to_str);
        self.make_temporary_files_in(folder.filter(|_| env::var_os("SQLITE_TMPDIR").is_none()));
        let written = self.db.execute_batch("VACUUM");
        self.make_temporary_files_in(None);
        written?;
        self.empty_log()?;
        Ok(Compacted { bytes_before, bytes: self.bytes()? })
    }

    /// Has SQLite make temporary files in this folder, for all of this process, which is how it has it. With `None`, they are
    /// made where SQLite chooses; a folder that it cannot use changes nothing.
    fn make_temporary_files_in(&self, folder: Option<&str>) {
        let _ = self.db.pragma_update(None, "temp_store_directory", folder.unwrap_or_default());
    }

    /// Moves everything from the log beside the database into it, and leaves the log empty: what was deleted is in there as
    /// it was before.
    ///
    /// # Errors
    /// When the database cannot be written, or others are at it all the time.
    pub fn empty_log(&self) -> Result<(), StoreError> {
        let is_busy: bool = self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if is_busy {
            return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None).into());
        }
        Ok(())
    }

    /// What the database takes on the disk, without the log beside it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn bytes(&self) -> Result<u64, StoreError> {
        Ok(open::bytes(&self.db)?)
    }

    /// From here on nobody logs in to the account, nor says anything by it. Its number; `None` if there is no such account.
    fn mark_deleted(&mut self, account: &Account) -> Result<Option<i64>, StoreError> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for key in keys(account) {
            let mut select = transaction.prepare_cached("SELECT id FROM accounts WHERE key = ?1")?;
            let Some(id) = select.query_row([key.as_str()], |row| row.get::<_, i64>(0)).optional()? else {
                continue;
            };
            drop(select);
            transaction.execute("DELETE FROM sessions WHERE account = ?1", [id])?;
            transaction.execute("DELETE FROM places WHERE account = ?1", [id])?;
            transaction.execute("DELETE FROM sides WHERE account = ?1", [id])?;
            friends::end_all(&transaction, id)?;
            // No password has an empty hash.
            let mark = "UPDATE accounts SET password = '', is_disabled = 1, is_deleted = 1 WHERE id = ?1";
            transaction.execute(mark, [id])?;
            transaction.commit()?;
            return Ok(Some(id));
        }
        Ok(None)
    }

    fn blank(&mut self, said: &[(i64, i64)]) -> Result<(), StoreError> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (conversation, seq) in said {
            transaction
                .prepare_cached(if cfg!(planted_bug = "last_words_stay") {
                    "UPDATE messages SET cid = NULL WHERE conversation = ?1 AND seq = ?2"
                } else {
                    "UPDATE messages SET text = '', cid = NULL WHERE conversation = ?1 AND seq = ?2"
                })?
                .execute(params![conversation, seq])?;
        }
        Ok(transaction.commit()?)
    }
}

/// Where the next messages of an author stand, by conversation and number, of which anything is left to blank.
///
/// This looks at every message there is. Accounts are deleted too seldom to have each message written to one more index.
fn said_by(db: &Connection, author: i64, from: (i64, i64)) -> Result<Vec<(i64, i64)>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT conversation, seq FROM messages WHERE (conversation, seq) > (?1, ?2)
        AND author = ?3 AND (text <> '' OR cid IS NOT NULL) ORDER BY conversation, seq LIMIT ?4",
    )?;
    let rows = select
        .query_map(params![from.0, from.1, author, BLANKED_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether somebody else was at the database for longer than they are waited for.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// How many messages are blanked in one transaction, which is how long others wait for it.
const BLANKED_MAX: u32 = 32;
/// After each of them others have the disk for so many times as long as it took.
const PAUSE: u32 = 4;

#[cfg(test)]
mod tests;
