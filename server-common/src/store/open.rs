//! Opening the database's file. One that is damaged, foreign or newer is refused, and stays as it was.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::messages::unsigned;
use super::{StoreError, migrations};
use crate::unix;

/// Opens the database at `path` as its server does: made anew if there is none, and brought to the form of today.
pub(super) fn to_serve(path: &Path) -> Result<Connection, OpenError> {
    make_if_missing(path).and_then(|()| as_it_is(path)).and_then(settle).map_err(|cause| of(path, cause))
}

/// Opens the database at `path` as who looks after it does, beside a server that may be running: it is there and of the
/// form of today, or it is an error.
pub(super) fn to_maintain(path: &Path) -> Result<Connection, OpenError> {
    let open = || {
        let db = as_it_is(path)?;
        migrations::check_is_current(&db)?;
        settle(db)
    };
    open().map_err(|cause| of(path, cause))
}

/// Makes a database without accounts, whole or not at all. So a file that is there and empty has lost what was in it,
/// and is no first start that was interrupted: to go on with it would give everybody's name to whoever asks first.
fn make_if_missing(path: &Path) -> Result<(), OpenCause> {
    match fs::symlink_metadata(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(OpenCause::File(error)),
    }
    // It would be taken for the new database's own.
    let log = beside(path, "-wal");
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        return Err(OpenCause::OnlyLog(log));
    }
    let unfinished = path.with_extension("unfinished");
    remove(&unfinished).map_err(OpenCause::File)?;
    remove(&beside(&unfinished, "-journal")).map_err(OpenCause::File)?;
    let mut db = connect(&unfinished, Creation::New)?;
    migrations::migrate(&mut db)?;
    db.close().map_err(|(_, error)| error)?;
    fs::rename(&unfinished, path).map_err(OpenCause::File)?;
    unix::sync_dir(path.parent().unwrap_or(Path::new("."))).map_err(OpenCause::File)
}

/// Opens a database and looks at it, without changing anything in it, also when it is closed again.
fn as_it_is(path: &Path) -> Result<Connection, OpenCause> {
    // SQLite takes an empty file for a new database, and throws away the log beside it.
    if fs::metadata(path).map_err(OpenCause::File)?.len() == 0 {
        return Err(OpenCause::Empty);
    }
    let db = connect(path, Creation::Never)?;
    // Closing a database that is not ours must not even tidy it up.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    migrations::check(&db)?;
    match damage(&db)? {
        None => Ok(db),
        Some(damage) => Err(StoreError::Damaged(damage.replace('\n', ", ")).into()),
    }
}

/// Looks at the pages, not at what is on them: 50 ms for 100,000 accounts. What is wrong with one, if anything is.
///
/// A large database is one of messages, whose pages are left out: to look at 10 million of them took 33 s, and a server is to
/// be back at once. `check` looks at those too.
fn damage(db: &Connection) -> rusqlite::Result<Option<String>> {
    if bytes(db)? > WHOLE_BYTES_MAX {
        return damage_but_in_messages(db);
    }
    let found: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((found != "ok").then_some(found))
}

/// What the database takes on the disk, without the log beside it.
pub(super) fn bytes(db: &Connection) -> rusqlite::Result<u64> {
    let select = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    Ok(unsigned(db.query_row(select, [], |row| row.get(0))?))
}

fn damage_but_in_messages(db: &Connection) -> rusqlite::Result<Option<String>> {
    let mut select =
        db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'messages'")?;
    let tables: Vec<String> = select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for table in tables {
        let check = "SELECT quick_check FROM pragma_quick_check(?1) LIMIT 1";
        let found: String = db.query_row(check, [table], |row| row.get(0))?;
        if found != "ok" {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Makes a database that was found good ready to be written.
fn settle(mut db: Connection) -> Result<Connection, OpenCause> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    // Only with both of these is a commit on the disk when it returns, and a reader never in a writer's way.
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    // What is deleted is overwritten.
    db.pragma_update(None, "secure_delete", true)?;
    migrations::migrate(&mut db)?;
    Ok(db)
}

enum Creation {
    New,
    Never,
}

fn connect(path: &Path, creation: Creation) -> Result<Connection, OpenCause> {
    if let Creation::New = creation {
        // SQLite would make it readable for all; its companions (`-wal`, `-shm`) take their rights from it.
        let mut options = OpenOptions::new();
        unix::private_file(options.write(true).create_new(true)).open(path).map_err(OpenCause::File)?;
    }
    // Threads take turns at a lock of ours, so SQLite needs none.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(BUSY)?;
    Ok(db)
}

/// The file that SQLite keeps beside a database under its name and this suffix.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
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
    /// The file is there, and nothing is in it.
    Empty,
    /// The database is gone, and what was written to it last, in this file, is there.
    OnlyLog(PathBuf),
    Database(StoreError),
}

fn of(path: &Path, cause: OpenCause) -> OpenError {
    OpenError { path: path.to_owned(), cause }
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
            OpenCause::Empty => f.write_str(
                "the account database is damaged (it is empty); nothing was changed; restore a backup, or remove it to \
                 begin without any account",
            ),
            OpenCause::OnlyLog(log) => write!(
                f,
                "the account database is missing, but a part of it is in {}; nothing was changed; restore a backup, or \
                 remove that file too to begin without any account",
                log.display()
            ),
            OpenCause::Database(error) => error.fmt(f),
        }
    }
}

impl Error for OpenError {}

/// How long another process that has the database open, a backup or a person at the SQLite shell, is waited for.
const BUSY: Duration = Duration::from_secs(5);

/// All pages of a database of so many bytes are looked at when a server starts. They are read in a second.
const WHOLE_BYTES_MAX: u64 = 32 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_a_large_database_all_but_messages_are_looked_at() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("chatroom.db");
        drop(to_serve(&path).unwrap());
        let root = |table: &str| -> usize {
            let db = Connection::open(&path).unwrap();
            let select = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
            db.query_row(select, [table], |row| row.get::<_, u32>(0)).unwrap() as usize
        };
        let whole = fs::read(&path).unwrap();
        for (table, is_found) in [("accounts", true), ("rooms", true), ("messages", false)] {
            let mut bytes = whole.clone();
            let from = (root(table) - 1) * 4096;
            bytes[from..from + 4096].fill(0xa7);
            fs::write(&path, bytes).unwrap();
            let db = Connection::open(&path).unwrap();
            assert_eq!(damage_but_in_messages(&db).unwrap().is_some(), is_found, "{table}");
            assert!(damage(&db).unwrap().is_some(), "{table}");
            drop(db);
            fs::write(&path, &whole).unwrap();
        }
    }
}
