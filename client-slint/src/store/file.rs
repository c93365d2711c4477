//! The file: how it is opened, what is put aside, and what is written in one go.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction};

use super::Request;
use crate::files::{make_private, private_dir, private_file};

/// An open file.
pub struct File {
    pub(super) db: Connection,
    /// The account that all was about when something was written last, by its number in the file.
    pub(super) account: Option<i64>,
    /// Who has logged in and out since: it could not be written, and comes before all that is written next.
    unwritten: Vec<Request>,
    is_synchronous: bool,
}

/// There is no file to keep anything in. As a sentence, it says which and why.
#[derive(Debug)]
pub struct Unopened {
    path: PathBuf,
    /// Why, as the end of a sentence.
    pub why: String,
}

/// Why a file cannot be used.
enum Unfit {
    /// It is not to be used, and not to be touched: why, as the end of a sentence.
    InUse,
    /// The system or SQLite refused.
    Refused(String),
    /// It is no file of this window's: what it is instead.
    Foreign(String),
}

impl File {
    /// Opens the file, made anew if there is none. One that is damaged, another program's or a newer version's is renamed,
    /// whole, and a new one begun. Beside the file, what a person should know.
    ///
    /// # Errors
    /// Why the window has to do without.
    pub fn open(path: &Path) -> Result<(Self, Option<String>), Unopened> {
        let error = |why: &str| Unopened { path: path.to_owned(), why: why.to_owned() };
        let why = match Self::open_as_it_is(path) {
            Ok(file) => return Ok((file, None)),
            Err(Unfit::InUse) => return Err(error("another window has the file open")),
            Err(Unfit::Refused(why)) => return Err(error(&why)),
            Err(Unfit::Foreign(why)) => why,
        };
        let aside = put_aside(path).map_err(|why| error(&why.to_string()))?;
        let warning =
            format!("{}: {why}; it is put aside as {}, and a new one begun", path.display(), aside.display());
        match Self::open_as_it_is(path) {
            Ok(file) => Ok((file, Some(warning))),
            Err(Unfit::InUse) => Err(error(&format!("{warning}; another window was quicker"))),
            Err(Unfit::Refused(why) | Unfit::Foreign(why)) => {
                Err(error(&format!("{warning}; that failed: {why}")))
            }
        }
    }

    /// One that is gone with the program.
    ///
    /// # Panics
    /// Where there is no memory for it.
    pub fn in_memory() -> Self {
        let db = Connection::open_in_memory().expect("there is memory for a small database");
        let form = format!("PRAGMA foreign_keys = ON; {FORM}{TIES}");
        db.execute_batch(&form).expect("nothing is in it that this could contradict");
        Self { db, account: None, unwritten: Vec::new(), is_synchronous: true }
    }

    /// The account that all is about. There is none while it could not be written who that is: nobody is to read, or to
    /// write among, what is another's.
    pub(super) fn account(&self) -> Option<i64> {
        self.account.filter(|_| self.unwritten.is_empty())
    }

    /// Writes what is asked for, all of it or nothing. What a person typed, and what lets them in, is on the disk when this
    /// returns; the rest has left this program, and survives its end but not a power cut.
    ///
    /// # Errors
    /// What SQLite says. Then nothing of it is written; who has logged in or out is written with what comes next.
    pub fn write(&mut self, batch: &[Request]) -> rusqlite::Result<()> {
        let mut unwritten = std::mem::take(&mut self.unwritten);
        if unwritten.is_empty() && batch.iter().all(|request| trace(request) == Trace::None) {
            return Ok(());
        }
        if let Err(error) = self.commit(&unwritten, batch) {
            unwritten.extend(batch.iter().filter_map(in_or_out));
            self.unwritten = unwritten;
            return Err(error);
        }
        if unwritten.iter().chain(batch).any(|request| matches!(request, Request::Forget)) {
            // What was deleted is not to be found in the log either.
            self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        }
        Ok(())
    }

    fn commit(&mut self, before: &[Request], batch: &[Request]) -> rusqlite::Result<()> {
        let requests = || before.iter().chain(batch);
        self.set_synchronous(requests().any(|request| trace(request) == Trace::OfAll))?;
        let mut account = self.account;
        let transaction = self.db.transaction()?;
        for request in requests() {
            apply(&transaction, &mut account, request)?;
        }
        transaction.commit()?;
        self.account = account;
        Ok(())
    }

    fn open_as_it_is(path: &Path) -> Result<Self, Unfit> {
        if let Some(folder) = path.parent() {
            private_dir(DirBuilder::new().recursive(true)).create(folder).map_err(refused)?;
        }
        // SQLite would make it readable for all; its companions take their rights from it.
        let mut options = OpenOptions::new();
        match private_file(options.write(true).create_new(true)).open(path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(refused(error)),
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(BUSY)?;
        // Closing a file that is not this window's must not even tidy it up.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        // Two windows would each know only a part of what was read, and send what waits twice.
        db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        check(&db, path)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        make_private(path).map_err(refused)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "foreign_keys", true)?;
        // What was logged out of leaves nothing behind on a page that is free.
        db.pragma_update(None, "secure_delete", true)?;
        let mut file = Self { db, account: None, unwritten: Vec::new(), is_synchronous: true };
        file.db.pragma_update(None, "synchronous", "FULL")?;
        let transaction = file.db.transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive)?;
        match version(&transaction)? {
            0 => transaction.execute_batch(&[FORM, TIES].concat())?,
            1 => transaction.execute_batch(&[FROM_FORM_1, TIES].concat())?,
            2 => transaction.execute_batch(TIES)?,
            _ => {}
        }
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()?;
        Ok(file)
    }

    fn set_synchronous(&mut self, is_synchronous: bool) -> rusqlite::Result<()> {
        if self.is_synchronous != is_synchronous {
            self.db.pragma_update(None, "synchronous", if is_synchronous { "FULL" } else { "NORMAL" })?;
            self.is_synchronous = is_synchronous;
        }
        Ok(())
    }
}

/// Looks at a file without changing anything in it.
fn check(db: &Connection, path: &Path) -> Result<(), Unfit> {
    let (application, version) = (application(db)?, version(db)?);
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if (application, version, tables) == (0, 0, 0) {
        return Ok(());
    }
    if application != APPLICATION {
        return Err(Unfit::Foreign("it is the database of another program".to_owned()));
    }
    if version > VERSION {
        return Err(Unfit::Foreign("a newer version of this program wrote it".to_owned()));
    }
    // A larger one would keep the window from opening at once; what is damaged there is found when it is read.
    if fs::metadata(path).map_err(refused)?.len() <= CHECKED_BYTES_MAX {
        let found: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if found != "ok" {
            return Err(Unfit::Foreign(format!("it is damaged ({})", found.replace('\n', ", "))));
        }
    }
    Ok(())
}

fn application(db: &Connection) -> rusqlite::Result<i32> {
    db.query_row("PRAGMA application_id", [], |row| row.get(0))
}

fn version(db: &Connection) -> rusqlite::Result<i32> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Renames a file, with what SQLite has beside it, to a name that nothing has.
fn put_aside(path: &Path) -> io::Result<PathBuf> {
    let aside = (1..=ASIDE_MAX).map(|number| beside(path, &format!(".aside-{number}")));
    let is_free = |aside: &PathBuf| COMPANIONS.iter().all(|suffix| !beside(aside, suffix).exists());
    let Some(aside) = aside.into_iter().find(is_free) else {
        return Err(io::Error::other("too many files were put aside before; look at them, and remove them"));
    };
    for suffix in COMPANIONS {
        match fs::rename(beside(path, suffix), beside(&aside, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(aside)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// What is left of a request in the file, and for how long.
#[derive(PartialEq, Eq)]
enum Trace {
    /// Nothing: it changes nothing there.
    None,
    /// What survives the end of this program, and could be had again after a power cut.
    OfProgram,
    /// What could not be had again after a power cut, or would be done twice.
    OfAll,
}

fn trace(request: &Request) -> Trace {
    match request {
        Request::Open(_) | Request::Older(..) | Request::Unseen | Request::Overview | Request::Order(_) => {
            Trace::None
        }
        Request::Places(_)
        | Request::Friends(_)
        | Request::Place(_)
        | Request::Read(_)
        | Request::Seen(..) => Trace::OfProgram,
        Request::Begin(_)
        | Request::Session(_)
        | Request::SessionEnded
        | Request::Multi(_)
        | Request::Forget
        | Request::Typed(_)
        | Request::Fate(..)
        | Request::Drop(_) => Trace::OfAll,
    }
}

/// Whom all that follows is about, if a request says that.
fn in_or_out(request: &Request) -> Option<Request> {
    match request {
        Request::Begin(account) => Some(Request::Begin(account.clone())),
        Request::Forget => Some(Request::Forget),
        Request::Session(_)
        | Request::SessionEnded
        | Request::Multi(_)
        | Request::Places(_)
        | Request::Friends(_)
        | Request::Place(_)
        | Request::Read(_)
        | Request::Typed(_)
        | Request::Fate(..)
        | Request::Drop(_)
        | Request::Seen(..)
        | Request::Open(_)
        | Request::Older(..)
        | Request::Unseen
        | Request::Overview
        | Request::Order(_) => None,
    }
}

fn apply(db: &Transaction<'_>, current: &mut Option<i64>, request: &Request) -> rusqlite::Result<()> {
    if let Request::Begin(account) = request {
        *current = Some(super::account::begin(db, account)?);
        return Ok(());
    }
    // Where nobody is known to have logged in, nothing is theirs.
    let Some(account) = *current else { return Ok(()) };
    match request {
        Request::Session(token) => super::account::set_token(db, account, Some(token)),
        Request::SessionEnded => super::account::set_token(db, account, None),
        Request::Multi(is_now) => super::account::set_multi(db, account, *is_now),
        Request::Places(places) => super::messages::set_places(db, account, places),
        Request::Friends(friends) => super::friends::set(db, account, friends),
        Request::Place(of) => super::account::set_place(db, account, of.as_ref()),
        Request::Forget => {
            *current = None;
            super::account::forget(db, account)
        }
        Request::Read(reading) => super::messages::read(db, account, reading),
        Request::Typed(outgoing) => super::outbox::push(db, account, outgoing),
        Request::Fate(cid, fate) => super::outbox::set_fate(db, account, cid, *fate),
        Request::Drop(cid) => super::outbox::remove(db, account, cid),
        Request::Seen(of, seq) => super::messages::see(db, account, of, *seq),
        Request::Begin(_)
        | Request::Open(_)
        | Request::Older(..)
        | Request::Unseen
        | Request::Overview
        | Request::Order(_) => Ok(()),
    }
}

impl fmt::Display for Unopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: what is read and typed is not kept: {}", self.path.display(), self.why)
    }
}

fn refused(error: io::Error) -> Unfit {
    Unfit::Refused(error.to_string())
}

impl From<rusqlite::Error> for Unfit {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse,
            Some(ErrorCode::NotADatabase) => Self::Foreign("it is no database".to_owned()),
            Some(ErrorCode::DatabaseCorrupt) => Self::Foreign(format!("it is damaged ({error})")),
            _ => Self::Refused(error.to_string()),
        }
    }
}

/// What SQLite keeps a database in: under its name, and beside it.
const COMPANIONS: [&str; 3] = ["", "-wal", "-shm"];

/// Files that are put aside at the most.
const ASIDE_MAX: u32 = 100;

/// "ChtW": what tells this file from other programs'.
const APPLICATION: i32 = 0x4368_7457;

/// The form that this program writes.
const VERSION: i32 = 3;

/// Who has the file open for a moment is waited for so long.
const BUSY: Duration = Duration::from_millis(500);

/// All pages of a file of so many bytes are looked at when it is opened.
const CHECKED_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Numbers are whole, times are milliseconds since 1970. A conversation's `kind` is 0 for a room's and 1 for a private one;
/// what an account takes part in `is_place`, and `place` is what it looks at, or where something was typed. `shown_in` is the
/// room in which a private message was shown that has no place of its own, and `peer` whom in that room one is for. In the
/// outbox, `state` is 0 for what waits, 1 for what the server did not want, 2 for what may have arrived. A `tie` is what
/// somebody is to the account, by its word on the wire.
const FORM: &str = "
    CREATE TABLE accounts (
        id INTEGER PRIMARY KEY,
        server TEXT NOT NULL,
        name TEXT NOT NULL,
        address TEXT NOT NULL,
        token TEXT,
        place TEXT,
        used INTEGER NOT NULL,
        place_kind INTEGER NOT NULL DEFAULT 0,
        is_multi INTEGER NOT NULL DEFAULT 0,
        UNIQUE (server, name)
    ) STRICT;
    CREATE TABLE conversations (
        id INTEGER PRIMARY KEY,
        account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
        kind INTEGER NOT NULL,
        name TEXT NOT NULL,
        has_older INTEGER NOT NULL DEFAULT 0,
        seen INTEGER NOT NULL DEFAULT 0,
        is_place INTEGER NOT NULL DEFAULT 0,
        UNIQUE (account, kind, name)
    ) STRICT;
    CREATE TABLE messages (
        conversation INTEGER NOT NULL REFERENCES conversations ON DELETE CASCADE,
        seq INTEGER NOT NULL,
        ts INTEGER NOT NULL,
        author TEXT NOT NULL,
        text TEXT NOT NULL,
        is_own INTEGER NOT NULL,
        shown_in TEXT,
        PRIMARY KEY (conversation, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX private_messages ON messages (conversation, shown_in, ts) WHERE shown_in IS NOT NULL;
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
        cid TEXT NOT NULL,
        place TEXT NOT NULL,
        peer TEXT,
        text TEXT NOT NULL,
        typed INTEGER NOT NULL,
        state INTEGER NOT NULL,
        kind INTEGER NOT NULL DEFAULT 0,
        UNIQUE (account, cid)
    ) STRICT;";

/// From the form in which there was one room at a time.
const FROM_FORM_1: &str = "
    ALTER TABLE accounts RENAME COLUMN room TO place;
    ALTER TABLE accounts ADD COLUMN place_kind INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE accounts ADD COLUMN is_multi INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE conversations ADD COLUMN is_place INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE outbox RENAME COLUMN room TO place;
    ALTER TABLE outbox ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;";

/// What the form has that the one before had not.
const TIES: &str = "
    CREATE TABLE ties (
        account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
        name TEXT NOT NULL,
        tie TEXT NOT NULL,
        PRIMARY KEY (account, name)
    ) STRICT, WITHOUT ROWID;";
