//! The forms the database has had, each made from the one before.

use chatroom_core::name::{LOBBY, PUBLIC};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::StoreError;
use crate::keys::{look, name_key};

/// What turns form `n` into form `n + 1`, at index `n`. Once released, a step does what it did, or an account that was
/// made then is not found any more.
const STEPS: [fn(&Transaction<'_>) -> rusqlite::Result<()>; 12] = [
    make_accounts,
    add_looks,
    make_known_addresses,
    add_disabled,
    make_invitations,
    make_sessions,
    make_messages,
    add_what_is_kept,
    make_places,
    make_sides,
    make_ties,
    add_clients,
];

/// Marks the file as one of this program's, in the place SQLite has for that: "chat" in ASCII.
const APPLICATION_ID: i32 = 0x6368_6174;

/// Whether this program understands the database as it is, without bringing it to another form first. Reads only.
pub(super) fn check_is_current(db: &Connection) -> Result<(), StoreError> {
    check(db)?;
    let found = form(db)?;
    if found < known() { Err(StoreError::Older { found, known: known() }) } else { Ok(()) }
}

/// Whether this program may write the database. Reads only.
pub(super) fn check(db: &Connection) -> Result<(), StoreError> {
    let application: i32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: u32 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let form = form(db)?;
    let is_new = application == 0 && tables == 0 && form == 0;
    if application != APPLICATION_ID && !is_new {
        return Err(StoreError::Foreign);
    }
    if form > known() {
        return Err(StoreError::Newer { found: form, known: known() });
    }
    Ok(())
}

/// Brings the database to the newest form, each step whole or not at all.
pub(super) fn migrate(db: &mut Connection) -> Result<(), StoreError> {
    for step in STEPS.iter().skip(form(db)?.try_into().unwrap_or(STEPS.len())) {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let next = form(&transaction)? + 1;
        step(&transaction)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", next)?;
        transaction.commit()?;
    }
    Ok(())
}

/// The key is what makes a name taken; the number is for other tables to refer to.
fn make_accounts(db: &Transaction<'_>) -> rusqlite::Result<()> {
    db.execute_batch(
        "CREATE TABLE accounts (
            id INTEGER PRIMARY KEY,
            key TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            password TEXT NOT NULL
        ) STRICT;",
    )
}

/// What each name looks like, and the keys of today, in which the width of letters is not told apart any more.
///
/// No account is lost by it. Names that look alike keep on living side by side, and only further ones are refused, so
/// a look is not unique. A key is, so of accounts that would now share one, whoever has it already keeps it, else the
/// oldest gets it; the others keep the key they have, and log in with the name as they typed it at registration.
fn add_looks(db: &Transaction<'_>) -> rusqlite::Result<()> {
    db.execute_batch(
        "ALTER TABLE accounts ADD COLUMN look TEXT NOT NULL DEFAULT '';
        CREATE INDEX accounts_by_look ON accounts (look);",
    )?;
    let mut select = db.prepare("SELECT id, key, name FROM accounts ORDER BY id")?;
    let accounts: Vec<(i64, String, String)> =
        select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect::<Result<_, _>>()?;
    let mut set_look = db.prepare("UPDATE accounts SET look = ?2 WHERE id = ?1")?;
    let mut set_key = db.prepare("UPDATE OR IGNORE accounts SET key = ?2 WHERE id = ?1")?;
    for (id, old_key, name) in accounts {
        set_look.execute(params![id, look(&name)])?;
        let key = name_key(&name);
        // A word of the protocol is nobody's key.
        let is_reserved = RESERVED.contains(&key.as_str());
        if key != old_key && (is_reserved || set_key.execute(params![id, key])? == 0) {
            tracing::warn!(
                "account {id} has the name of another one but for the width of its letters; both can go on to log in"
            );
        }
    }
    warn_of_lookalikes(db)
}

/// Accounts by their numbers, for names are in no line of the log.
fn warn_of_lookalikes(db: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut select = db.prepare(
        "SELECT group_concat(id, ', ') FROM (SELECT id, look FROM accounts ORDER BY id)
        GROUP BY look HAVING count(*) > 1 ORDER BY min(id)",
    )?;
    for ids in select.query_map([], |row| row.get::<_, String>(0))? {
        let ids = ids?;
        tracing::warn!(
            "the names of the accounts {ids} look alike, which new ones may not any more; all can go on to log in"
        );
    }
    Ok(())
}

/// Where accounts have logged in from lately, each with its last day. The marks are hashes, so they name nobody.
fn make_known_addresses(db: &Transaction<'_>) -> rusqlite::Result<()> {
    db.execute_batch(
        "CREATE TABLE known_addresses (
            mark BLOB PRIMARY KEY,
            day INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX known_addresses_by_day ON known_addresses (day);",
    )
}

/// Whether whoever runs the server has shut the account out.
fn add_disabled(db: &Transaction<'_>) -> rusqlite::Result<()> {
    db.execute_batch("ALTER TABLE accounts ADD COLUMN is_disabled INTEGER NOT NULL DEFAULT 0;")
}

/// Who may make an account where not everybody may; see `invitations`. Times are seconds since 1970.
fn make_invitations(db: &Transaction<'_>) -> rusqlite::Result<()> {
    db.execute_batch(
        "CREATE TABLE invitations (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            hash BLOB NOT NULL UNIQUE,
            uses_left INTEGER NOT NULL,
            ends INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX invitations_by_end ON invitations (ends);",
    )
}

/// Logins that last; see `sessions`.
fn make_sessions(db: &Transaction<'_>) -> rusqlite::Result<()> {
    db.execute_batch(
        "CREATE TABLE sessions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            account INTEGER NOT NULL,
            token BLOB NOT NULL UNIQUE,
            before BLOB UNIQUE,
            ends INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX sessions_by_account ON sessions (account);
        CREATE INDEX sessions_by_end ON sessions (ends);",
    )
}

/// What is said, and where; see `messages`. Times are milliseconds since 1970.
fn make_messages(db: &Transaction<'_>) -> rusqlite::Result<()> {
    db.execute_batch(
        "CREATE TABLE conversations (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            first INTEGER NOT NULL DEFAULT 1,
            last INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE TABLE rooms (
            conversation INTEGER PRIMARY KEY,
            key TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL
        ) STRICT;
        CREATE TABLE pairs (
            one INTEGER NOT NULL,
            other INTEGER NOT NULL,
            conversation INTEGER NOT NULL UNIQUE,
            PRIMARY KEY (one, other)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE messages (
            conversation INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            ts INTEGER NOT NULL,
            author INTEGER NOT NULL,
            cid TEXT,
            text TEXT NOT NULL,
            PRIMARY KEY (conversation, seq)
        ) STRICT, WITHOUT ROWID;
        CREATE UNIQUE INDEX messages_by_cid ON messages (author, cid) WHERE cid IS NOT NULL;",
    )
}

/// How much of a room is kept, if not as much as of all; when a login was begun and last used, in seconds since 1970, which
/// nobody wrote down before; and whether an account is deleted, of which its name is left, so that nobody else gets it.
fn add_what_is_kept(db: &Transaction<'_>) -> rusqlite::Result<()> {
    db.execute_batch(
        "ALTER TABLE rooms ADD COLUMN keep_days INTEGER;
        ALTER TABLE rooms ADD COLUMN keep_messages INTEGER;
        ALTER TABLE sessions ADD COLUMN begun INTEGER;
        ALTER TABLE sessions ADD COLUMN used INTEGER;
        ALTER TABLE accounts ADD COLUMN is_deleted INTEGER NOT NULL DEFAULT 0;",
    )
}

/// Who takes part in which room, and the number of the last message that they have read there.
fn make_places(db: &Transaction<'_>) -> rusqlite::Result<()> {
    db.execute_batch(
        "CREATE TABLE places (
            account INTEGER NOT NULL,
            conversation INTEGER NOT NULL,
            read INTEGER NOT NULL,
            PRIMARY KEY (account, conversation)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX places_by_conversation ON places (conversation);",
    )
}

/// Private conversations as each of the two has them; see `sides`. What was said before there were any was given to who it was
/// for when it was said, so it counts as read.
fn make_sides(db: &Transaction<'_>) -> rusqlite::Result<()> {
    db.execute_batch(
        "CREATE TABLE sides (
            account INTEGER NOT NULL,
            conversation INTEGER NOT NULL,
            peer INTEGER NOT NULL,
            ts INTEGER NOT NULL,
            read INTEGER NOT NULL,
            PRIMARY KEY (account, conversation)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX sides_by_time ON sides (account, ts, conversation);
        INSERT INTO sides (account, conversation, peer, ts, read)
            SELECT account, c.id, peer, coalesce(ts, 0), last FROM
                (SELECT one AS account, other AS peer, conversation AS pair FROM pairs
                UNION SELECT other, one, conversation FROM pairs)
            JOIN accounts ON accounts.id = account AND NOT is_deleted
            JOIN conversations AS c ON c.id = pair AND last > 0
            LEFT JOIN messages ON conversation = c.id AND seq = last;",
    )
}

/// What accounts are to each other; see `friends`.
fn make_ties(db: &Transaction<'_>) -> rusqlite::Result<()> {
    db.execute_batch(
        "CREATE TABLE ties (
            account INTEGER NOT NULL,
            other INTEGER NOT NULL,
            tie INTEGER NOT NULL,
            has_declined INTEGER NOT NULL,
            PRIMARY KEY (account, other)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX ties_by_other ON ties (other);",
    )
}

/// What the program called itself in which the password of a login was given.
fn add_clients(db: &Transaction<'_>) -> rusqlite::Result<()> {
    db.execute_batch("ALTER TABLE sessions ADD COLUMN client TEXT;")
}

fn form(db: &Connection) -> Result<u32, StoreError> {
    Ok(db.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

fn known() -> u32 {
    u32::try_from(STEPS.len()).expect("the steps can be counted on one's fingers")
}

/// What no account's key may be.
const RESERVED: [&str; 2] = [PUBLIC, LOBBY];
