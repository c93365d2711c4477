//! The forms the database has had, each made from the one before.

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// What turns form `n` into form `n + 1`, at index `n`. Once released, a step is never changed, only followed.
const STEPS: [&str; 1] = [
    // The key is what makes a name taken; the number is for other tables to refer to.
    "CREATE TABLE accounts (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        password TEXT NOT NULL
    ) STRICT;",
];

/// Marks the file as one of this program's, in the place SQLite has for that: "chat" in ASCII.
const APPLICATION_ID: i32 = 0x6368_6174;

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
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", next)?;
        transaction.commit()?;
    }
    Ok(())
}

fn form(db: &Connection) -> Result<u32, StoreError> {
    Ok(db.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

fn known() -> u32 {
    u32::try_from(STEPS.len()).expect("the steps can be counted on one's fingers")
}
