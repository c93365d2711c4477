//! What is done to the accounts beside serving them. Another process may serve meanwhile: SQLite has them take turns.

use std::error::Error;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use chatroom_core::name::{Account, NameKey, UserName};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use super::open::{self, OpenError};
use super::{Store, StoreError, find_id, keys, messages, sessions, stored_account};
use crate::passwords::hasher::Phc;
use crate::unix;

/// An account as whoever runs the server sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name, as it was typed at registration.
    pub name: String,
    /// What whoever runs the server has made of it.
    pub standing: Standing,
}

/// Whether an account can be logged in to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// With its password.
    Open,
    /// Not until it is let in again.
    Disabled,
    /// Never again. Its name is nobody's.
    Deleted,
}

/// What was found to be whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// How many accounts there are.
    pub accounts: usize,
    /// How many messages there are.
    pub messages: u64,
}

impl Store {
    /// Opens a database that is there already, and has the form of today.
    ///
    /// # Errors
    /// As [`open`](Self::open), and when there is no database, or one that a server of this version has yet to bring to
    /// the form of today.
    pub fn open_to_maintain(path: &Path) -> Result<Self, OpenError> {
        open::to_maintain(path).map(|db| Self { db })
    }

    /// Copies the whole database, as it is at one moment, to the new file `to`: for its owner alone, whole or not at
    /// all. Who reads and writes meanwhile is not held up.
    ///
    /// # Errors
    /// When the file is there already or cannot be written, or the database cannot be read.
    pub fn back_up(&self, to: &Path) -> Result<(), BackupError> {
        // The place is taken before the work is done. What the copy replaces in the end is this empty file.
        let mut options = OpenOptions::new();
        unix::private_file(options.write(true).create_new(true)).open(to)?;
        let unfinished = to.with_extension("unfinished");
        let copied = self.copy(&unfinished).and_then(|()| Ok(fs::rename(&unfinished, to)?));
        if copied.is_err() {
            // Whatever is in the way of this is in the way of the next try too, and is told then.
            let _ = fs::remove_file(&unfinished);
            let _ = fs::remove_file(to);
        }
        copied?;
        Ok(unix::sync_dir(
            to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")),
        )?)
    }

    /// Looks at every page, every account and every conversation.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<Checked, StoreError> {
        let found: String = self.db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if found != "ok" {
            return Err(StoreError::Damaged(found.replace('\n', ", ")));
        }
        let mut select = self.db.prepare("SELECT key, name, password, is_deleted FROM accounts")?;
        let mut rows = select.query([])?;
        let mut accounts = 0;
        while let Some(row) = rows.next()? {
            let (key, name): (String, String) = (row.get(0)?, row.get(1)?);
            let name = UserName::parse(&name).map_err(|_| StoreError::Name)?;
            if stored_account(name, &key).is_none() {
                return Err(StoreError::Damaged("an account's key is not its name's".to_owned()));
            }
            let (phc, is_deleted) = (Phc::from_store(row.get(2)?), row.get::<_, bool>(3)?);
            if !is_deleted && !phc.is_verifiable() {
                return Err(StoreError::Damaged("a password's hash is none".to_owned()));
            }
            accounts += usize::from(!is_deleted);
        }
        Ok(Checked { accounts, messages: messages::check(&self.db)? })
    }

    /// All accounts, in the order of their names' keys, with the names of those that are deleted.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let mut select =
            self.db.prepare("SELECT name, is_disabled, is_deleted FROM accounts ORDER BY key")?;
        let rows = select.query_map([], |row| {
            let standing = match (row.get(1)?, row.get(2)?) {
                (_, true) => Standing::Deleted,
                (true, false) => Standing::Disabled,
                (false, false) => Standing::Open,
            };
            Ok(Listed { name: row.get(0)?, standing })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The keys of the accounts that are shut out, and not deleted.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn disabled(&self) -> Result<Vec<NameKey>, StoreError> {
        self.keys_where("is_disabled AND NOT is_deleted")
    }

    /// Whose accounts are deleted.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn deleted(&self) -> Result<Vec<NameKey>, StoreError> {
        self.keys_where("is_deleted")
    }

    fn keys_where(&self, condition: &str) -> Result<Vec<NameKey>, StoreError> {
        let mut select = self.db.prepare(&format!("SELECT key, name FROM accounts WHERE {condition}"))?;
        let rows = select.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        rows.map(|row| {
            let (key, name) = row?;
            let account = UserName::parse(&name).ok().and_then(|name| stored_account(name, &key));
            account.map(|account| account.key).ok_or(StoreError::Name)
        })
        .collect()
    }

    /// Shuts an account out, and ends its logins that last; or lets it in again. Whether there is such an account.
    ///
    /// # Errors
    /// When the database cannot be written; nothing has changed then.
    pub fn set_disabled(&mut self, account: &Account, is_disabled: bool) -> Result<bool, StoreError> {
        self.change(account, |db, key| {
            if is_disabled {
                sessions::end_all(db, key)?;
            }
            let set = "UPDATE accounts SET is_disabled = ?2 WHERE key = ?1 AND NOT is_deleted";
            db.execute(set, params![key.as_str(), is_disabled])
        })
    }

    /// Ends all logins of an account that last. How many there were; `None` if there is no such account.
    ///
    /// # Errors
    /// When the database cannot be written; nothing has changed then.
    pub fn end_sessions(&mut self, account: &Account) -> Result<Option<usize>, StoreError> {
        let Some(id) = find_id(&self.db, account)? else { return Ok(None) };
        Ok(Some(self.db.execute("DELETE FROM sessions WHERE account = ?1", [id])?))
    }

    /// Gives an account another password, and ends its logins that last. Whether there is such an account.
    ///
    /// # Errors
    /// When the database cannot be written; nothing has changed then.
    pub fn set_password(&mut self, account: &Account, phc: &Phc) -> Result<bool, StoreError> {
        self.change(account, |db, key| {
            sessions::end_all(db, key)?;
            let set = "UPDATE accounts SET password = ?2 WHERE key = ?1 AND NOT is_deleted";
            db.execute(set, params![key.as_str(), phc.expose()])
        })
    }

    /// Changes the account that a name means, however it is spelled. Whether there is one.
    fn change(
        &mut self,
        account: &Account,
        change: impl Fn(&Connection, &NameKey) -> rusqlite::Result<usize>,
    ) -> Result<bool, StoreError> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for key in keys(account) {
            if change(&transaction, &key)? > 0 {
                transaction.commit()?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn copy(&self, to: &Path) -> Result<(), BackupError> {
        let mut options = OpenOptions::new();
        unix::private_file(options.write(true).create(true).truncate(true)).open(to)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut copy = Connection::open_with_flags(to, flags).map_err(StoreError::from)?;
        {
            let backup = Backup::new(&self.db, &mut copy).map_err(StoreError::from)?;
            // All of it in one step, for between two a writer would make it begin anew. In a write-ahead log readers
            // and writers are not in each other's way.
            match backup.step(-1).map_err(StoreError::from)? {
                StepResult::Done => {}
                _ => return Err(BackupError::Busy),
            }
        }
        // One file, without a log beside it: that is easier to keep and to bring back.
        copy.pragma_update(None, "journal_mode", "DELETE").map_err(StoreError::from)?;
        copy.close().map_err(|(_, error)| StoreError::from(error))?;
        Ok(fs::File::open(to)?.sync_all()?)
    }
}

/// Why there is no backup.
#[derive(Debug)]
pub enum BackupError {
    /// The file cannot be made or written.
    File(io::Error),
    /// The database cannot be read, or the copy not be written.
    Store(StoreError),
    /// Somebody else has the database to themselves.
    Busy,
}

impl From<io::Error> for BackupError {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

impl From<StoreError> for BackupError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                f.write_str("the file exists already; name a new one")
            }
            Self::File(error) => {
                write!(
                    f,
                    "the backup cannot be written: {error}; choose a place with the rights and the space for it"
                )
            }
            Self::Store(error) => error.fmt(f),
            Self::Busy => {
                f.write_str("another program has the account database to itself; try again when it is done")
            }
        }
    }
}

impl Error for BackupError {}
