//! Accounts, and what is said, on disk: one SQLite file.
//!
//! Whatever a call of the [`Store`] has returned is durable: each change is a transaction of its own, and a
//! transaction is over when it has reached the disk.

mod deletion;
mod export;
mod friends;
mod invitations;
mod maintenance;
mod messages;
mod migrations;
mod open;
mod places;
mod retention;
mod sessions;
mod shared;
mod sides;

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use chatroom_core::message::logins::{self, ClientName};
use chatroom_core::name::{Account, NameKey, NameLook, UserName};
use chatroom_core::server::GrantId;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use crate::keys::{fold, name_key};
use crate::passwords::hasher::Phc;
pub use crate::passwords::throttle::known::{Day, Mark, Sighting};

pub use crate::tokens::TokenHash;
pub use deletion::Compacted;
pub use export::ExportError;
pub use invitations::{Invitation, Shown};
pub use maintenance::{BackupError, Checked, Listed, Standing};
pub use messages::Messages;
pub use open::OpenError;
pub use retention::{Cut, ListedRoom, Place, Retention};
pub use sessions::{Lasting, Login};
pub use shared::Shared;

/// What [`Accounts`](crate::accounts::Accounts) need of whoever keeps them: a [`Store`], or a simulated disk.
pub trait Records {
    /// Makes an account if its name is [`Claim::Free`], and uses an invitation up by one if it is to be made because of
    /// that; if not, nothing changes.
    ///
    /// # Errors
    /// When the records cannot be read or written; nothing has changed then.
    fn insert(
        &mut self,
        account: &Account,
        look: &NameLook,
        phc: &Phc,
        invite: Option<&Shown>,
    ) -> Result<Claim, StoreError>;

    /// Whether what somebody shows is an invitation that can still be used.
    ///
    /// # Errors
    /// When the records cannot be read.
    fn is_invited(&self, invite: &Shown) -> Result<bool, StoreError>;

    /// Notes a login of an account that lasts, and ends those that are too many or over. `None` if `proof` is not the hash
    /// of its password, or not any more, or it is shut out.
    ///
    /// # Errors
    /// When the records cannot be written; nothing has changed then.
    fn open_session(
        &mut self,
        key: &NameKey,
        proof: &Phc,
        token: &TokenHash,
        client: Option<&ClientName>,
        lasting: Lasting,
    ) -> Result<Option<GrantId>, StoreError>;

    /// Notes that a login is used, and has it last until [`end`](Lasting::end), if it has not ended and does not last longer.
    ///
    /// # Errors
    /// When the records cannot be written; nothing has changed then.
    fn extend_session(&mut self, id: GrantId, lasting: Lasting) -> Result<(), StoreError>;

    /// Whose logins the first tokens are of, each of which somebody shows, if they are of any; then the second replace them.
    ///
    /// # Errors
    /// When the records cannot be read or written; nothing has changed then, for nobody.
    fn renew_sessions(
        &mut self,
        tokens: &[(TokenHash, TokenHash)],
        lasting: Lasting,
    ) -> Result<Vec<Option<(GrantId, Account)>>, StoreError>;

    /// Ends a login that lasts. One that has ended is fine.
    ///
    /// # Errors
    /// When the records cannot be written; nothing has changed then.
    fn close_session(&mut self, id: GrantId) -> Result<(), StoreError>;

    /// Ends a login of an account that lasts. Whether there was one.
    ///
    /// # Errors
    /// When the records cannot be written; nothing has changed then.
    fn close_session_of(&mut self, key: &NameKey, id: GrantId) -> Result<bool, StoreError>;

    /// Whether nobody has ended that login.
    ///
    /// # Errors
    /// When the database cannot be read.
    fn has_session(&self, id: GrantId) -> Result<bool, StoreError>;

    /// The logins of an account that last, the one that was used last at the head, and at most
    /// [`LOGINS_TOLD_MAX`](chatroom_core::limits::LOGINS_TOLD_MAX). `now` is counted from 1970.
    ///
    /// # Errors
    /// When the records cannot be read.
    fn sessions(&self, key: &NameKey, now: Duration) -> Result<Vec<logins::Login>, StoreError>;

    /// Replaces a password's hash, if it is still `old`: one that was changed in the meantime stays.
    ///
    /// # Errors
    /// When the records cannot be read or written; nothing has changed then.
    fn replace_hash(&mut self, key: &NameKey, old: &Phc, new: &Phc) -> Result<(), StoreError>;

    /// Notes that an account has logged in from an address, and forgets those that are too many or too old.
    ///
    /// # Errors
    /// When the records cannot be written; nothing has changed then.
    fn note_sighting(&mut self, sighting: &Sighting) -> Result<(), StoreError>;

    /// Where accounts have logged in from since that day, the longest ago first.
    ///
    /// # Errors
    /// When the records cannot be read.
    fn sightings(&self, day_min: Day) -> Result<Vec<(Mark, Day)>, StoreError>;

    /// The account that a name means, however it is spelled. One that is deleted is none.
    ///
    /// # Errors
    /// When the records cannot be read, or hold a name that is none.
    fn find(&self, account: &Account) -> Result<Option<Stored>, StoreError>;

    /// Whether a new account may have its name.
    ///
    /// # Errors
    /// When the records cannot be read.
    fn claim(&self, account: &Account, look: &NameLook) -> Result<Claim, StoreError>;
}

/// The accounts. One writer: whoever shares a store puts a lock around it.
pub struct Store {
    db: Connection,
}

/// An account as it is stored.
pub struct Stored {
    /// The account, spelled as it was typed at registration, with the key that it has.
    pub account: Account,
    /// The hash of its password.
    pub phc: Phc,
    /// Whether whoever runs the server has shut it out.
    pub is_disabled: bool,
}

/// Whether a new account may have its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nobody has it, or one that looks like it.
    Free,
    /// It is somebody's.
    Taken,
    /// Somebody's name looks like it.
    Resembles,
    /// The invitation is none that can be used.
    Uninvited,
}

impl Store {
    /// Opens the database at `path`, made anew if there is none, and brings it to the form of today.
    ///
    /// # Errors
    /// When it cannot be opened or written, is damaged, is not a database of this program, or was written by a newer
    /// version of it. What is not ours to understand is left as it is.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        open::to_serve(path).map(|db| Self { db })
    }

    /// A store that is gone with the process.
    ///
    /// # Errors
    /// Only for want of memory.
    pub fn in_memory() -> Result<Self, StoreError> {
        let mut db = Connection::open_in_memory()?;
        migrations::migrate(&mut db)?;
        Ok(Self { db })
    }
}

impl Records for Store {
    fn insert(
        &mut self,
        account: &Account,
        look: &NameLook,
        phc: &Phc,
        invite: Option<&Shown>,
    ) -> Result<Claim, StoreError> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(invite) = invite
            && !invitations::use_up(&transaction, invite)?
        {
            return Ok(Claim::Uninvited);
        }
        // Where the name is not free, the invitation is as it was: nothing is committed.
        let claim = claim(&transaction, account, look)?;
        if claim == Claim::Free {
            let (key, name) = (account.key.as_str(), account.name.as_str());
            transaction
                .prepare_cached("INSERT INTO accounts (key, name, look, password) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![key, name, look.as_str(), phc.expose()])?;
            transaction.commit()?;
        }
        Ok(claim)
    }

    fn is_invited(&self, invite: &Shown) -> Result<bool, StoreError> {
        invitations::is_usable(&self.db, invite)
    }

    fn open_session(
        &mut self,
        key: &NameKey,
        proof: &Phc,
        token: &TokenHash,
        client: Option<&ClientName>,
        lasting: Lasting,
    ) -> Result<Option<GrantId>, StoreError> {
        self.begin(key, proof, token, client, lasting)
    }

    fn extend_session(&mut self, id: GrantId, lasting: Lasting) -> Result<(), StoreError> {
        self.extend(id, lasting)
    }

    fn renew_sessions(
        &mut self,
        tokens: &[(TokenHash, TokenHash)],
        lasting: Lasting,
    ) -> Result<Vec<Option<(GrantId, Account)>>, StoreError> {
        self.renew(tokens, lasting)
    }

    fn close_session(&mut self, id: GrantId) -> Result<(), StoreError> {
        self.end(id)
    }

    fn close_session_of(&mut self, key: &NameKey, id: GrantId) -> Result<bool, StoreError> {
        self.end_of(key, id)
    }

    fn has_session(&self, id: GrantId) -> Result<bool, StoreError> {
        Ok(self.ended(&[id])?.is_empty())
    }

    fn sessions(&self, key: &NameKey, now: Duration) -> Result<Vec<logins::Login>, StoreError> {
        self.told(key, now)
    }

    fn replace_hash(&mut self, key: &NameKey, old: &Phc, new: &Phc) -> Result<(), StoreError> {
        let mut update =
            self.db.prepare_cached("UPDATE accounts SET password = ?3 WHERE key = ?1 AND password = ?2")?;
        update.execute(params![key.as_str(), old.expose(), new.expose()])?;
        Ok(())
    }

    fn note_sighting(&mut self, sighting: &Sighting) -> Result<(), StoreError> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for mark in &sighting.forgotten {
            transaction.prepare_cached("DELETE FROM known_addresses WHERE mark = ?1")?.execute([mark])?;
        }
        transaction
            .prepare_cached("DELETE FROM known_addresses WHERE day < ?1")?
            .execute([sighting.day_min])?;
        transaction
            .prepare_cached("INSERT OR REPLACE INTO known_addresses (mark, day) VALUES (?1, ?2)")?
            .execute(params![sighting.mark, sighting.day])?;
        Ok(transaction.commit()?)
    }

    fn sightings(&self, day_min: Day) -> Result<Vec<(Mark, Day)>, StoreError> {
        let mut select =
            self.db.prepare("SELECT mark, day FROM known_addresses WHERE day >= ?1 ORDER BY day, mark")?;
        let rows = select.query_map([day_min], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn find(&self, account: &Account) -> Result<Option<Stored>, StoreError> {
        for key in keys(account) {
            let mut select = self.db.prepare_cached(
                "SELECT name, password, is_disabled FROM accounts WHERE key = ?1 AND NOT is_deleted",
            )?;
            let row = select
                .query_row([key.as_str()], |row| {
                    Ok((row.get::<_, String>(0)?, Phc::from_store(row.get(1)?), row.get(2)?))
                })
                .optional()?;
            if let Some((name, phc, is_disabled)) = row {
                let name = UserName::parse(&name).map_err(|_| StoreError::Name)?;
                return Ok(Some(Stored { account: Account { name, key }, phc, is_disabled }));
            }
        }
        Ok(None)
    }

    fn claim(&self, account: &Account, look: &NameLook) -> Result<Claim, StoreError> {
        claim(&self.db, account, look)
    }
}

fn claim(db: &Connection, account: &Account, look: &NameLook) -> Result<Claim, StoreError> {
    for key in keys(account) {
        if db.prepare_cached("SELECT 1 FROM accounts WHERE key = ?1")?.exists([key.as_str()])? {
            return Ok(Claim::Taken);
        }
    }
    let resembles = db.prepare_cached("SELECT 1 FROM accounts WHERE look = ?1")?.exists([look.as_str()])?;
    Ok(if resembles { Claim::Resembles } else { Claim::Free })
}

/// The keys under which an account may be stored, the one that tells more names apart first: an account from before
/// the width of letters counted as spelling keeps a key with that width in it, if another has the narrow one.
fn keys(account: &Account) -> impl Iterator<Item = NameKey> {
    let old = NameKey::new(fold, account.name.as_str());
    let is_other = old != account.key;
    is_other.then_some(old).into_iter().chain([account.key.clone()])
}

/// The number of the account that a name means, however it is spelled. One that is deleted is none.
fn find_id(db: &Connection, account: &Account) -> Result<Option<i64>, StoreError> {
    for key in keys(account) {
        let mut select = db.prepare_cached("SELECT id FROM accounts WHERE key = ?1 AND NOT is_deleted")?;
        if let Some(id) = select.query_row([key.as_str()], |row| row.get(0)).optional()? {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// The account of that name that is stored under that key, if it may be.
fn stored_account(name: UserName, stored: &str) -> Option<Account> {
    // An account from before the rules for names may have one that nobody could take today.
    let key = NameKey::new(name_key, name.as_str());
    let key = keys(&Account { name: name.clone(), key }).find(|key| key.as_str() == stored)?;
    Some(Account { name, key })
}

/// A time, counted from 1970, as the database has it.
fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// Why the store did not do what it was asked for. Never says what was in it.
#[derive(Debug)]
pub enum StoreError {
    /// A newer version of this program has written the database.
    Newer {
        /// The form it has.
        found: u32,
        /// The newest form that is known here.
        known: u32,
    },
    /// An older version of this program has written the database, and none of today has served with it yet.
    Older {
        /// The form it has.
        found: u32,
        /// The form of today.
        known: u32,
    },
    /// The file is a database, but of some other program.
    Foreign,
    /// What is in the file does not hang together; what is wrong, in SQLite's words.
    Damaged(String),
    /// A stored name is not a legal name.
    Name,
    /// SQLite could not.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newer { found, known } => write!(
                f,
                "a newer version of this program has written the account database (its form is {found}, this version \
                 knows up to {known}); nothing was changed; start that version, or restore a backup from before it"
            ),
            Self::Older { found, known } => write!(
                f,
                "an older version of this program has written the account database (its form is {found}, today's is \
                 {known}); nothing was changed; start the server of this version with it once"
            ),
            Self::Foreign => f.write_str(
                "this is a database of another program; nothing was changed; move it away, or choose another data folder",
            ),
            Self::Damaged(what) => {
                write!(f, "the account database is damaged ({what}); nothing was changed; restore a backup")
            }
            Self::Name => f.write_str("the account database holds a name that is not legal; restore a backup"),
            Self::Sqlite(error) => match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
                    write!(f, "the account database is damaged ({error}); nothing was changed; restore a backup")
                }
                _ if deletion::is_busy(error) => write!(
                    f,
                    "others are at the account database all the time ({error}); try again when they are done"
                ),
                Some(rusqlite::ErrorCode::DiskFull) => {
                    write!(f, "the account database cannot be written ({error}); free some space on its disk")
                }
                _ => write!(f, "the account database failed ({error}); check its folder's permissions and disk"),
            },
        }
    }
}

impl Error for StoreError {}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
