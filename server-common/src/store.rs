//! Accounts on disk: one SQLite file.
//!
//! Whatever a call of the [`Store`] has returned is durable: each change is a transaction of its own, and a
//! transaction is over when it has reached the disk.

mod migrations;

use std::error::Error;
use std::fmt;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chatroom_core::name::{Account, NameKey, UserName};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use crate::passwords::hasher::Phc;
use crate::unix;

/// What [`Accounts`](crate::accounts::Accounts) need of whoever keeps them: a [`Store`], or a simulated disk.
pub trait Records {
    /// Makes an account, unless there is one of that key.
    ///
    /// # Errors
    /// When the records cannot be read or written; nothing has changed then.
    fn insert(&mut self, account: &Account, phc: &Phc) -> Result<Insertion, StoreError>;

    /// Replaces a password's hash, if it is still `old`: one that was changed in the meantime stays.
    ///
    /// # Errors
    /// When the records cannot be read or written; nothing has changed then.
    fn replace_hash(&mut self, key: &NameKey, old: &Phc, new: &Phc) -> Result<(), StoreError>;

    /// The account of that key.
    ///
    /// # Errors
    /// When the records cannot be read, or hold a name that is none.
    fn find(&self, key: &NameKey) -> Result<Option<Stored>, StoreError>;
}

/// The accounts. One writer: whoever shares a store puts a lock around it.
pub struct Store {
    db: Connection,
}

/// An account as it is stored.
pub struct Stored {
    /// The account, spelled as it was typed at registration.
    pub account: Account,
    /// The hash of its password.
    pub phc: Phc,
}

/// What came of an [`insert`](Records::insert).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insertion {
    /// The account exists now.
    Inserted,
    /// An account of that key existed before; nothing changed.
    Taken,
}

impl Store {
    /// Opens the database at `path`, made anew if there is none, and brings it to the form of today.
    ///
    /// # Errors
    /// When it cannot be opened or written, is not a database of this program, or was written by a newer version of
    /// it. What is not ours to understand is left as it is.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::prepare(path).map_err(|cause| OpenError { path: path.to_owned(), cause })
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

    fn prepare(path: &Path) -> Result<Self, OpenCause> {
        create(path).map_err(OpenCause::File)?;
        // Threads take turns at a lock of ours, so SQLite needs none.
        let mut db = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        // Closing a database that is not ours must not even tidy it up.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        db.busy_timeout(BUSY)?;
        migrations::check(&db)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        // Only with both of these is a commit on the disk when it returns, and a reader never in a writer's way.
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "foreign_keys", true)?;
        migrations::migrate(&mut db)?;
        Ok(Self { db })
    }
}

impl Records for Store {
    fn insert(&mut self, account: &Account, phc: &Phc) -> Result<Insertion, StoreError> {
        let mut insert = self.db.prepare_cached(
            "INSERT INTO accounts (key, name, password) VALUES (?1, ?2, ?3) ON CONFLICT (key) DO NOTHING",
        )?;
        match insert.execute(params![account.key.as_str(), account.name.as_str(), phc.expose()])? {
            0 => Ok(Insertion::Taken),
            _ => Ok(Insertion::Inserted),
        }
    }

    fn replace_hash(&mut self, key: &NameKey, old: &Phc, new: &Phc) -> Result<(), StoreError> {
        let mut update =
            self.db.prepare_cached("UPDATE accounts SET password = ?3 WHERE key = ?1 AND password = ?2")?;
        update.execute(params![key.as_str(), old.expose(), new.expose()])?;
        Ok(())
    }

    fn find(&self, key: &NameKey) -> Result<Option<Stored>, StoreError> {
        let mut select = self.db.prepare_cached("SELECT name, password FROM accounts WHERE key = ?1")?;
        let row = select
            .query_row([key.as_str()], |row| Ok((row.get::<_, String>(0)?, Phc::from_store(row.get(1)?))))
            .optional()?;
        let Some((name, phc)) = row else { return Ok(None) };
        let name = UserName::parse(&name).map_err(|_| StoreError::Name)?;
        Ok(Some(Stored { account: Account { name, key: key.clone() }, phc }))
    }
}

/// Creates the file if need be, so that SQLite, which would make it readable for all, finds it there; its companions
/// (`-wal`, `-shm`) take their rights from it.
fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    unix::private_file(options.read(true).write(true).create(true).truncate(false)).open(path)?;
    Ok(())
}

/// Why a store cannot be opened, with the file's name.
#[derive(Debug)]
pub struct OpenError {
    path: PathBuf,
    cause: OpenCause,
}

#[derive(Debug)]
enum OpenCause {
    File(io::Error),
    Database(StoreError),
}

impl From<StoreError> for OpenCause {
    fn from(error: StoreError) -> Self {
        Self::Database(error)
    }
}

impl From<rusqlite::Error> for OpenCause {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        match &self.cause {
            OpenCause::File(error) => {
                write!(f, "the account database cannot be opened: {error}; check the file's permissions")
            }
            OpenCause::Database(error) => error.fmt(f),
        }
    }
}

impl Error for OpenError {}

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
    /// The file is a database, but of some other program.
    Foreign,
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
            Self::Foreign => f.write_str(
                "this is a database of another program; nothing was changed; move it away, or choose another data folder",
            ),
            Self::Name => f.write_str("the account database holds a name that is not legal; restore a backup"),
            Self::Sqlite(error) => match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
                    write!(f, "the account database is damaged ({error}); restore a backup")
                }
                Some(rusqlite::ErrorCode::DiskFull) => {
                    write!(f, "the account database cannot be written ({error}); free some space on its disk")
                }
                _ => write!(f, "the account database failed ({error}); check its folder's permissions and disk"),
            },
        }
    }
}

impl Error for StoreError {}

/// How long another process that has the database open, a backup or a person at the SQLite shell, is waited for.
const BUSY: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
