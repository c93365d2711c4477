mod damage;
mod maintenance;
mod migrations;

use std::fs;
use std::path::PathBuf;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tempfile::TempDir;

use super::*;
use crate::testing::{account, look};

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
    assert_eq!(store.insert(&account("Harper"), &look("Harper"), &phc("$hash"), None).unwrap(), Claim::Free);
    drop(store);

    let store = Store::open(&file(&folder)).unwrap();
    let stored = store.find(&account("harper")).unwrap().expect("Harper registered");
    assert_eq!(stored.account, account("Harper"));
    assert_eq!(stored.phc.expose(), "$hash");
}

#[test]
fn what_was_inserted_is_there_even_if_the_process_is_not_closed_well() {
    let folder = TempDir::new().unwrap();
    let mut store = Store::open(&file(&folder)).unwrap();
    store.insert(&account("harper"), &look("harper"), &phc("$hash"), None).unwrap();
    // What a crash leaves: the files as they are, nobody tidied up.
    let after_crash = TempDir::new().unwrap();
    for name in ["chatroom.db", "chatroom.db-wal"] {
        fs::copy(folder.path().join(name), after_crash.path().join(name)).unwrap();
    }
    let store = Store::open(&file(&after_crash)).unwrap();
    assert!(store.find(&account("harper")).unwrap().is_some());
}

#[test]
fn a_name_is_taken_in_every_case_and_form() {
    let mut store = Store::in_memory().unwrap();
    for (first, second) in [("Harper", "hARPER"), ("Jos\u{e9}", "JOSE\u{301}"), ("straße", "STRASSE")] {
        assert_eq!(store.insert(&account(first), &look(first), &phc("$first"), None).unwrap(), Claim::Free);
        assert_eq!(
            store.insert(&account(second), &look(second), &phc("$second"), None).unwrap(),
            Claim::Taken
        );
        let stored = store.find(&account(second)).unwrap().expect("somebody has the name");
        assert_eq!((stored.account.name.as_str(), stored.phc.expose()), (first, "$first"));
    }
}

#[test]
fn a_name_that_looks_like_another_is_not_given_away() {
    let mut store = Store::in_memory().unwrap();
    assert_eq!(store.insert(&account("alice"), &look("alice"), &phc("$alice"), None).unwrap(), Claim::Free);
    for lookalike in ["aIice", "a1ice", "аӀісе"] {
        let (other, seen) = (account(lookalike), look(lookalike));
        assert_eq!(store.claim(&other, &seen).unwrap(), Claim::Resembles, "{lookalike}");
        assert_eq!(
            store.insert(&other, &seen, &phc("$other"), None).unwrap(),
            Claim::Resembles,
            "{lookalike}"
        );
        assert!(store.find(&other).unwrap().is_none(), "{lookalike}");
    }
    assert_eq!(
        store.insert(&account("alicia"), &look("alicia"), &phc("$alicia"), None).unwrap(),
        Claim::Free
    );
}

/// A database as the first version made it, with accounts of these keys and names, and their names for passwords.
fn first_form(folder: &TempDir, accounts: &[(&str, &str)]) {
    let db = Connection::open(file(folder)).unwrap();
    db.execute_batch(
        "CREATE TABLE accounts (
            id INTEGER PRIMARY KEY,
            key TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            password TEXT NOT NULL
        ) STRICT;
        PRAGMA application_id = 1667785076; PRAGMA user_version = 1;",
    )
    .unwrap();
    for (key, name) in accounts {
        db.execute("INSERT INTO accounts (key, name, password) VALUES (?1, ?2, ?2)", [key, name]).unwrap();
    }
}

#[test]
fn accounts_from_before_the_rules_for_names_are_found_as_ever() {
    let folder = TempDir::new().unwrap();
    // What is refused today: emoji, mixed scripts, a sign at the beginning; and three that look alike.
    let names = ["😀", "аlice", "_harper", "alice", "aIice", "Straße"];
    let accounts: Vec<(String, &str)> = names.iter().map(|name| (fold(name), *name)).collect();
    first_form(&folder, &accounts.iter().map(|(key, name)| (key.as_str(), *name)).collect::<Vec<_>>());

    let mut store = Store::open(&file(&folder)).unwrap();
    for name in names {
        let stored = store.find(&account(name)).unwrap().expect(name);
        assert_eq!((stored.account, stored.phc.expose()), (account(name), name));
    }
    // Nobody else gets a name that looks like theirs, or theirs.
    assert_eq!(store.insert(&account("a1ice"), &look("a1ice"), &phc("$"), None).unwrap(), Claim::Resembles);
    assert_eq!(store.insert(&account("STRASSE"), &look("STRASSE"), &phc("$"), None).unwrap(), Claim::Taken);
}

#[test]
fn of_accounts_that_come_to_share_a_key_none_is_lost() {
    let folder = TempDir::new().unwrap();
    // Wide letters were other letters once. Of the first two the older one gets the key; of the last two the newer one
    // has it already.
    first_form(
        &folder,
        &[("ａlice", "Ａlice"), ("aｌice", "aｌice"), ("ｈarper", "ｈarper"), ("harper", "harper")],
    );

    let store = Store::open(&file(&folder)).unwrap();
    for name in ["Ａlice", "aｌice", "ｈarper", "harper"] {
        let stored = store.find(&account(name)).unwrap().expect(name);
        assert_eq!((stored.account.name.as_str(), stored.phc.expose()), (name, name));
    }
    for (typed, name) in
        [("alice", "Ａlice"), ("ALICE", "Ａlice"), ("HARPER", "harper"), ("ｈａrper", "harper")]
    {
        let stored = store.find(&account(typed)).unwrap().expect(typed);
        assert_eq!(stored.account.name.as_str(), name, "{typed}");
    }
    let keys: std::collections::BTreeSet<String> = ["Ａlice", "aｌice", "ｈarper", "harper"]
        .map(|name| store.find(&account(name)).unwrap().expect(name).account.key.as_str().to_owned())
        .into();
    assert_eq!(keys.len(), 4, "two who are logged in at once are two");
}

#[test]
fn an_account_whose_name_reads_as_a_word_of_the_protocol_today_keeps_its_key() {
    let folder = TempDir::new().unwrap();
    first_form(&folder, &[("ｐublic", "ｐublic")]);
    let store = Store::open(&file(&folder)).unwrap();
    let name = UserName::parse("ｐublic").unwrap();
    let asked = Account { key: NameKey::new(name_key, name.as_str()), name };
    assert_eq!(store.find(&asked).unwrap().expect("it is there").account.key.as_str(), "ｐublic");
}

#[test]
fn where_accounts_logged_in_from_is_remembered_as_long_as_it_counts() {
    let folder = TempDir::new().unwrap();
    let mut store = Store::open(&file(&folder)).unwrap();
    let sighting = |mark: u8, day, forgotten: &[u8]| Sighting {
        mark: [mark; 16],
        day,
        day_min: day - 30,
        forgotten: forgotten.iter().map(|mark| [*mark; 16]).collect(),
    };
    for (mark, day, forgotten) in
        [(1, 100, &[][..]), (2, 110, &[]), (1, 120, &[]), (3, 140, &[]), (4, 145, &[3])]
    {
        store.note_sighting(&sighting(mark, day, forgotten)).unwrap();
    }
    drop(store);
    let store = Store::open(&file(&folder)).unwrap();
    assert_eq!(store.sightings(0).unwrap(), [([1; 16], 120), ([4; 16], 145)]);
    assert_eq!(store.sightings(121).unwrap(), [([4; 16], 145)]);
}

#[test]
fn a_name_nobody_has_is_not_found() {
    assert!(Store::in_memory().unwrap().find(&account("nobody")).unwrap().is_none());
}

#[test]
fn a_hash_is_replaced_only_if_it_is_still_the_one_that_was_seen() {
    let mut store = Store::in_memory().unwrap();
    let harper = account("harper");
    let key = harper.key.clone();
    store.insert(&harper, &look("harper"), &phc("$old"), None).unwrap();
    store.replace_hash(&key, &phc("$older"), &phc("$wrong")).unwrap();
    assert_eq!(store.find(&harper).unwrap().unwrap().phc.expose(), "$old");
    store.replace_hash(&key, &phc("$old"), &phc("$new")).unwrap();
    assert_eq!(store.find(&harper).unwrap().unwrap().phc.expose(), "$new");
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
    store.insert(&account("harper"), &look("harper"), &phc("$hash"), None).unwrap();
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
fn each_failure_of_sqlite_says_what_to_do() {
    for (code, advice) in [
        (rusqlite::ffi::SQLITE_NOTADB, "is damaged"),
        (rusqlite::ffi::SQLITE_CORRUPT, "is damaged"),
        (rusqlite::ffi::SQLITE_FULL, "free some space on its disk"),
        (rusqlite::ffi::SQLITE_READONLY, "check its folder's permissions and disk"),
    ] {
        let failure = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
        let sentence = StoreError::from(failure).to_string();
        assert!(sentence.contains(advice), "{sentence}");
    }
    assert!(StoreError::Name.to_string().contains("restore a backup"));
}
