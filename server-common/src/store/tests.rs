use std::fs;

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::keys::name_key;

fn account(name: &str) -> Account {
    Account::new(name_key, UserName::parse(name).unwrap()).unwrap()
}

fn phc(text: &str) -> Phc {
    Phc::from_store(text.to_owned())
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("chatroom.db")
}

#[test]
fn a_registration_survives_reopening() {
    let folder = TempDir::new().unwrap();
    let mut store = Store::open(&file(&folder)).unwrap();
    assert_eq!(store.insert(&account("Harper"), &phc("$hash")).unwrap(), Insertion::Inserted);
    drop(store);

    let store = Store::open(&file(&folder)).unwrap();
    let stored = store.find(&account("harper").key).unwrap().expect("Harper registered");
    assert_eq!(stored.account, account("Harper"));
    assert_eq!(stored.phc.expose(), "$hash");
}

#[test]
fn what_was_inserted_is_there_even_if_the_process_is_not_closed_well() {
    let folder = TempDir::new().unwrap();
    let mut store = Store::open(&file(&folder)).unwrap();
    store.insert(&account("harper"), &phc("$hash")).unwrap();
    // What a crash leaves: the files as they are, nobody tidied up.
    let after_crash = TempDir::new().unwrap();
    for name in ["chatroom.db", "chatroom.db-wal"] {
        fs::copy(folder.path().join(name), after_crash.path().join(name)).unwrap();
    }
    let store = Store::open(&file(&after_crash)).unwrap();
    assert!(store.find(&account("harper").key).unwrap().is_some());
}

#[test]
fn a_name_is_taken_in_every_case_and_form() {
    let mut store = Store::in_memory().unwrap();
    for (first, second) in [("Harper", "hARPER"), ("Jos\u{e9}", "JOSE\u{301}"), ("straße", "STRASSE")] {
        assert_eq!(store.insert(&account(first), &phc("$first")).unwrap(), Insertion::Inserted);
        assert_eq!(store.insert(&account(second), &phc("$second")).unwrap(), Insertion::Taken);
        let stored = store.find(&account(second).key).unwrap().expect("somebody has the name");
        assert_eq!((stored.account.name.as_str(), stored.phc.expose()), (first, "$first"));
    }
}

#[test]
fn a_name_nobody_has_is_not_found() {
    assert!(Store::in_memory().unwrap().find(&account("nobody").key).unwrap().is_none());
}

#[test]
fn a_hash_is_replaced_only_if_it_is_still_the_one_that_was_seen() {
    let mut store = Store::in_memory().unwrap();
    let (harper, key) = (account("harper"), account("harper").key);
    store.insert(&harper, &phc("$old")).unwrap();
    store.replace_hash(&key, &phc("$older"), &phc("$wrong")).unwrap();
    assert_eq!(store.find(&key).unwrap().unwrap().phc.expose(), "$old");
    store.replace_hash(&key, &phc("$old"), &phc("$new")).unwrap();
    assert_eq!(store.find(&key).unwrap().unwrap().phc.expose(), "$new");
}

#[test]
fn commits_wait_for_the_disk() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(&file(&folder)).unwrap();
    let pragma =
        |name: &str| store.db.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
    assert_eq!(pragma("journal_mode").unwrap(), "wal".to_owned().into());
    assert_eq!(pragma("synchronous").unwrap(), 2.into());
    assert_eq!(pragma("foreign_keys").unwrap(), 1.into());
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_the_database() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = TempDir::new().unwrap();
    let mut store = Store::open(&file(&folder)).unwrap();
    store.insert(&account("harper"), &phc("$hash")).unwrap();
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["chatroom.db", "chatroom.db-shm", "chatroom.db-wal"]);
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    drop(Store::open(&file(&folder)).unwrap());
    let db = Connection::open(file(&folder)).unwrap();
    // The newer version crashed, so that part of the database is still in the write-ahead log.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    db.execute_batch("CREATE TABLE history (text TEXT); PRAGMA user_version = 7;").unwrap();
    drop(db);
    let bytes =
        || (fs::read(file(&folder)).unwrap(), fs::read(folder.path().join("chatroom.db-wal")).unwrap());
    let before = bytes();

    let error = Store::open(&file(&folder)).err().expect("it is newer");
    assert!(error.to_string().contains("its form is 7, this version knows up to 1"), "{error}");
    assert_eq!(error.to_string().lines().count(), 1);
    assert_eq!(bytes(), before);
}

#[test]
fn a_database_of_another_program_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    Connection::open(file(&folder)).unwrap().execute_batch("CREATE TABLE recipes (cake TEXT)").unwrap();
    let before = fs::read(file(&folder)).unwrap();

    let error = Store::open(&file(&folder)).err().expect("it is foreign");
    assert!(error.to_string().contains("another program"), "{error}");
    assert_eq!(fs::read(file(&folder)).unwrap(), before);
}

#[test]
fn what_is_no_database_is_refused_in_one_line() {
    let folder = TempDir::new().unwrap();
    fs::write(file(&folder), "these are the accounts: harper, secret\n".repeat(100)).unwrap();
    let error = Store::open(&file(&folder)).err().expect("it is a text").to_string();
    assert!(error.contains("chatroom.db: the account database is damaged"), "{error}");
    assert_eq!(error.lines().count(), 1);

    let error =
        Store::open(&folder.path().join("nowhere").join("chatroom.db")).err().expect("no folder").to_string();
    assert!(error.contains("cannot be opened"), "{error}");
    assert_eq!(error.lines().count(), 1);
}
