//! What is done to the accounts beside serving them.

use super::*;

/// A database with harper, casey and robin in it, and a server that has it open.
fn served(folder: &TempDir) -> Store {
    let mut serving = Store::open(&file(folder)).unwrap();
    for name in ["Harper", "casey", "robin"] {
        serving.insert(&account(name), &look(name), &verifiable(), None).unwrap();
    }
    serving
}

fn verifiable() -> Phc {
    let hasher = crate::passwords::Hasher::new(1).unwrap();
    hasher.hash(&crate::testing::password("correct horse")).unwrap()
}

#[test]
fn a_backup_is_one_file_of_what_was_there_when_it_was_made() {
    let folder = TempDir::new().unwrap();
    let mut serving = served(&folder);
    let copy = folder.path().join("copy.db");
    Store::open_to_maintain(&file(&folder)).unwrap().back_up(&copy).unwrap();
    serving.insert(&account("late"), &look("late"), &verifiable(), None).unwrap();

    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let of_copy = names.iter().filter(|name| name.to_string_lossy().starts_with("copy"));
    assert_eq!(of_copy.collect::<Vec<_>>(), ["copy.db"]);
    let restored = Store::open(&copy).unwrap();
    assert!(restored.find(&account("robin")).unwrap().is_some());
    assert!(restored.find(&account("late")).unwrap().is_none());
    assert_eq!(restored.check().unwrap().accounts, 3);
}

#[test]
fn a_backup_never_replaces_a_file() {
    let folder = TempDir::new().unwrap();
    let store = served(&folder);
    let copy = folder.path().join("copy.db");
    fs::write(&copy, "something dear").unwrap();
    let error = store.back_up(&copy).unwrap_err().to_string();
    assert!(error.contains("exists already"), "{error}");
    assert_eq!(fs::read_to_string(&copy).unwrap(), "something dear");
}

#[cfg(unix)]
#[test]
fn a_backup_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = TempDir::new().unwrap();
    let copy = folder.path().join("copy.db");
    served(&folder).back_up(&copy).unwrap();
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_check_finds_what_no_page_tells() {
    let damages = [
        ("UPDATE accounts SET key = 'somebody' WHERE name = 'casey'", "an account's key is not its name's"),
        ("UPDATE accounts SET password = 'plain' WHERE name = 'casey'", "a password's hash is none"),
        ("UPDATE accounts SET name = 'ca sey' WHERE name = 'casey'", "a name that is not legal"),
    ];
    for (damage, complaint) in damages {
        let folder = TempDir::new().unwrap();
        let serving = served(&folder);
        assert_eq!(serving.check().unwrap().accounts, 3);
        serving.db.execute_batch(damage).unwrap();
        let error = Store::open_to_maintain(&file(&folder)).unwrap().check().unwrap_err().to_string();
        assert!(error.contains(complaint), "{damage}: {error}");
    }
}

#[test]
fn a_server_that_runs_sees_who_is_shut_out() {
    let folder = TempDir::new().unwrap();
    let serving = served(&folder);
    let mut beside = Store::open_to_maintain(&file(&folder)).unwrap();
    let (harper, nobody) = (account("harper"), account("nobody"));
    assert!(beside.set_disabled(&harper, true).unwrap());
    assert!(!beside.set_disabled(&nobody, true).unwrap());
    assert!(serving.find(&harper).unwrap().unwrap().is_disabled);
    assert_eq!(serving.disabled().unwrap(), std::slice::from_ref(&harper.key));
    let listed: Vec<_> =
        beside.list().unwrap().into_iter().map(|account| (account.name, account.standing)).collect();
    let (open, disabled) = (Standing::Open, Standing::Disabled);
    assert_eq!(listed, [("casey".into(), open), ("Harper".into(), disabled), ("robin".into(), open)]);

    assert!(beside.set_disabled(&harper, false).unwrap());
    assert!(!serving.find(&harper).unwrap().unwrap().is_disabled);
}

#[test]
fn a_password_is_replaced_beside_a_server_that_runs() {
    let folder = TempDir::new().unwrap();
    let serving = served(&folder);
    let mut beside = Store::open_to_maintain(&file(&folder)).unwrap();
    assert!(beside.set_password(&account("HARPER"), &phc("$new")).unwrap());
    assert_eq!(serving.find(&account("harper")).unwrap().unwrap().phc.expose(), "$new");
    assert!(!beside.set_password(&account("nobody"), &phc("$new")).unwrap());
}

#[test]
fn what_is_not_there_is_not_made_for_maintenance() {
    let folder = TempDir::new().unwrap();
    let error = Store::open_to_maintain(&file(&folder)).err().expect("there is none").to_string();
    assert!(error.contains("cannot be opened"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_database_of_an_older_version_is_brought_up_by_a_server_alone() {
    let folder = TempDir::new().unwrap();
    drop(served(&folder));
    let db = Connection::open(file(&folder)).unwrap();
    db.execute_batch(
        "DROP TABLE invitations; DROP TABLE sessions; DROP TABLE conversations; DROP TABLE rooms;
        DROP TABLE pairs; DROP TABLE messages; DROP TABLE places; DROP TABLE sides; DROP TABLE ties;
        ALTER TABLE accounts DROP COLUMN is_disabled;
        ALTER TABLE accounts DROP COLUMN is_deleted; PRAGMA user_version = 3;",
    )
    .unwrap();
    drop(db);
    let error = Store::open_to_maintain(&file(&folder)).err().expect("it is older").to_string();
    assert!(error.contains("its form is 3") && error.contains("start the server of this version"), "{error}");
    drop(Store::open(&file(&folder)).unwrap());
    assert_eq!(Store::open_to_maintain(&file(&folder)).unwrap().check().unwrap().accounts, 3);
}

#[test]
fn an_account_with_a_key_from_before_is_looked_after_by_its_own_name() {
    let folder = TempDir::new().unwrap();
    first_form(&folder, &[("harper", "harper"), ("ｈarper", "ｈarper")]);
    let mut store = Store::open(&file(&folder)).unwrap();
    assert!(store.set_disabled(&account("ｈarper"), true).unwrap());
    let disabled = |store: &Store, name| store.find(&account(name)).unwrap().unwrap().is_disabled;
    assert!(disabled(&store, "ｈarper") && !disabled(&store, "harper"));
    let key = store.find(&account("ｈarper")).unwrap().unwrap().account.key;
    assert_eq!(store.disabled().unwrap(), [key]);
    assert!(store.set_password(&account("ｈarper"), &verifiable()).unwrap());
    assert!(store.set_password(&account("harper"), &verifiable()).unwrap());
    assert_eq!(store.check().unwrap().accounts, 2);
}
