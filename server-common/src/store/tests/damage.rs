//! Files that are no database of ours, or not any more.

use super::*;

/// A change to the bytes of a file.
type Damage = fn(&mut Vec<u8>);

/// A database of several hundred accounts, closed well.
fn populated(folder: &TempDir) -> PathBuf {
    let mut store = Store::open(&file(folder)).unwrap();
    for number in 0..400 {
        let long = phc(&format!("$hash of {number} {}", "x".repeat(100)));
        store
            .insert(&account(&format!("user{number}")), &look(&format!("user{number}")), &long, None)
            .unwrap();
    }
    file(folder)
}

/// Everything in a folder but what SQLite rebuilds whenever it reads.
fn contents(folder: &TempDir) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder.path()).unwrap().map(Result::unwrap);
    let named =
        entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()));
    let mut kept: Vec<_> = named
        .filter(|(name, bytes)| !(name.ends_with("-shm") || name.ends_with("-wal") && bytes.is_empty()))
        .collect();
    kept.sort();
    kept
}

/// Opening is refused in one line that says all this, and nothing is different afterwards.
#[track_caller]
fn check_refused(folder: &TempDir, reasons: &[&str]) {
    let before = contents(folder);
    for _ in 0..2 {
        let error = Store::open(&file(folder)).err().expect("it is not to be opened").to_string();
        for reason in reasons {
            assert!(error.contains(reason), "nothing about {reason:?}: {error}");
        }
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(contents(folder) == before, "a file is different");
    }
}

#[test]
fn a_damaged_database_is_refused_and_left_alone() {
    let damages: [(&str, Damage); 6] = [
        ("its first half is left", |bytes| bytes.truncate(bytes.len() / 8192 * 4096)),
        ("it ends within a page", |bytes| bytes.truncate(bytes.len() - 1000)),
        ("a page in the middle is noise", |bytes| {
            let middle = bytes.len() / 8192 * 4096;
            bytes[middle..middle + 4096].fill(0xa7);
        }),
        ("a page in the middle is zero", |bytes| {
            let middle = bytes.len() / 8192 * 4096;
            bytes[middle..middle + 4096].fill(0);
        }),
        ("its header is noise", |bytes| bytes[..100].fill(0xa7)),
        ("its schema is noise", |bytes| bytes[100..4096].fill(0xa7)),
    ];
    for (what, damage) in damages {
        println!("{what}");
        let folder = TempDir::new().unwrap();
        let path = populated(&folder);
        let mut bytes = fs::read(&path).unwrap();
        assert!(bytes.len() > 16 * 4096, "several pages of accounts");
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        check_refused(&folder, &["chatroom.db: ", "damaged", "nothing was changed", "restore a backup"]);
    }
}

#[test]
fn an_empty_file_is_what_is_left_of_a_database_and_no_new_one() {
    let folder = TempDir::new().unwrap();
    fs::write(file(&folder), "").unwrap();
    fs::write(folder.path().join("chatroom.db-wal"), "what was written last").unwrap();
    check_refused(&folder, &["it is empty", "restore a backup, or remove it"]);
}

#[test]
fn a_log_without_its_database_is_not_taken_for_a_new_ones() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("chatroom.db-wal"), "what was written last").unwrap();
    check_refused(&folder, &["is missing", "chatroom.db-wal", "restore a backup, or remove that file"]);
}

#[test]
fn a_first_start_that_was_interrupted_is_begun_again() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("chatroom.unfinished"), "half a database").unwrap();
    fs::write(folder.path().join("chatroom.unfinished-journal"), "and how to undo it").unwrap();
    let mut store = Store::open(&file(&folder)).unwrap();
    assert_eq!(store.insert(&account("harper"), &look("harper"), &phc("$hash"), None).unwrap(), Claim::Free);
    assert!(!folder.path().join("chatroom.unfinished").exists());
    assert!(!folder.path().join("chatroom.unfinished-journal").exists());
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    drop(Store::open(&file(&folder)).unwrap());
    let db = Connection::open(file(&folder)).unwrap();
    // The newer version crashed, so that part of the database is still in the write-ahead log.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    db.execute_batch("CREATE TABLE tomorrow (text TEXT); PRAGMA user_version = 999;").unwrap();
    drop(db);
    assert!(contents(&folder).iter().any(|(name, _)| name == "chatroom.db-wal"), "the log is there");
    check_refused(&folder, &["its form is 999, this version knows up to ", "start that version"]);
}

#[test]
fn a_database_of_another_program_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    Connection::open(file(&folder)).unwrap().execute_batch("CREATE TABLE recipes (cake TEXT)").unwrap();
    check_refused(&folder, &["another program", "choose another data folder"]);
}

#[test]
fn what_is_no_database_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    fs::write(file(&folder), "these are the accounts: harper, secret\n".repeat(100)).unwrap();
    check_refused(&folder, &["chatroom.db: the account database is damaged", "restore a backup"]);
}

#[test]
fn a_place_that_is_no_folder_is_told_in_one_line() {
    let folder = TempDir::new().unwrap();
    let error =
        Store::open(&folder.path().join("nowhere").join("chatroom.db")).err().expect("no folder").to_string();
    assert!(error.contains("cannot be opened"), "{error}");
    assert_eq!(error.lines().count(), 1);
}

#[test]
fn a_full_disk_is_an_error_and_what_was_there_stays() {
    let folder = TempDir::new().unwrap();
    let mut store = Store::open(&file(&folder)).unwrap();
    let pages: u32 = store.db.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    store.db.pragma_update(None, "max_page_count", pages + 2).unwrap();
    let long = phc(&"x".repeat(2000));
    let mut inserted = 0;
    let error = loop {
        match store.insert(
            &account(&format!("user{inserted}")),
            &look(&format!("user{inserted}")),
            &long,
            None,
        ) {
            Ok(_) => inserted += 1,
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("free some space on its disk"), "{error}");
    assert!(inserted > 0, "there was some space");
    for number in 0..inserted {
        assert!(store.find(&account(&format!("user{number}"))).unwrap().is_some());
    }
    let refused = account(&format!("user{inserted}"));
    assert!(store.find(&refused).unwrap().is_none(), "nothing of what was refused is there");

    store.db.pragma_update(None, "max_page_count", pages + 20).unwrap();
    assert_eq!(store.insert(&refused, &look(refused.name.as_str()), &long, None).unwrap(), Claim::Free);
}
