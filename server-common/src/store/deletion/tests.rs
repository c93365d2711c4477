use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use chatroom_core::message::history::{Edge, Past, Window};
use chatroom_core::name::NameKey;
use chatroom_core::server::{Conversation, Recall};
use tempfile::TempDir;

use super::*;
use crate::store::{Claim, Messages as _, Records as _, Standing};
use crate::testing::{account, look};

/// Ann, bob and cyd, who talk in several rooms and in private, long and short, one after the other, as it comes. What ann
/// says has `SECRET` in it, in the words of the others is nothing of the kind.
fn talk(store: &mut Store) -> [i64; 3] {
    let people = ["ann", "bob", "cyd"].map(|name| store.register_for_tests_only(name));
    let mut places: Vec<i64> =
        (0..40).map(|room| store.make_room_for_tests_only(&format!("r{room}"))).collect();
    places.push(store.pair_for_tests_only(people[0], people[1]));
    store.db.execute_batch("BEGIN").unwrap();
    let mut dice = fastrand::Rng::with_seed(7);
    for number in 0..6_000 {
        let place = places[dice.usize(..places.len())];
        let author = if place == places[40] { people[dice.usize(..2)] } else { people[dice.usize(..3)] };
        let word = if author == people[0] { "SECRET" } else { "plain" };
        let long = "x".repeat([0, 10, 50, 200, 1_000, 3_900][dice.usize(..6)]);
        store.say_for_tests_only(place, author, number, &format!("{word} {number} {long}"));
    }
    store.db.execute_batch("COMMIT").unwrap();
    people
}

fn said(store: &Store, author: i64) -> i64 {
    let count = "SELECT count(*) FROM messages WHERE author = ?1 AND (text <> '' OR cid IS NOT NULL)";
    store.db.query_row(count, [author], |row| row.get(0)).unwrap()
}

/// How often a text is in any file of a folder.
fn found(folder: &Path, text: &str) -> usize {
    let files = fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    files.map(|bytes| bytes.windows(text.len()).filter(|part| *part == text.as_bytes()).count()).sum()
}

/// Where SQLite makes temporary files is one thing for all of a process.
static TEMPORARY: Mutex<()> = Mutex::new(());

#[test]
fn a_database_is_copied_beside_itself_for_others_folders_may_be_small() {
    let _alone = TEMPORARY.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = TempDir::new().unwrap();
    let store = Store::open(&folder.path().join("chatroom.db")).unwrap();
    let set = |folder: Option<&Path>| {
        store.make_temporary_files_in(folder.and_then(Path::to_str));
        store.db.pragma_query_value(None, "temp_store_directory", |row| row.get(0)).unwrap_or_default()
    };
    let temporary: String = set(Some(folder.path()));
    assert_eq!(temporary, folder.path().to_str().unwrap());
    assert_eq!(set(Some(&folder.path().join("none"))), temporary, "there is no such folder");
    assert_eq!(set(None), "");
}

#[test]
fn nothing_of_what_was_said_is_left_in_any_file() {
    let _alone = TEMPORARY.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("chatroom.db");
    let mut serving = Store::open(&file).unwrap();
    let [ann, bob, _] = talk(&mut serving);
    let (by_ann, by_bob) = (said(&serving, ann), said(&serving, bob));
    assert!(found(folder.path(), "SECRET") > 1_000, "it was on the disk");

    let takes_part = "INSERT INTO places SELECT ?1, conversation, 0 FROM rooms";
    assert_eq!(serving.db.execute(takes_part, [ann]).unwrap(), 40);
    assert_eq!(serving.db.execute(takes_part, [bob]).unwrap(), 40);

    // A server has the database open meanwhile.
    let mut beside = Store::open_to_maintain(&file).unwrap();
    assert_eq!(beside.delete_account(&account("ANN")).unwrap(), Some(by_ann.unsigned_abs()));
    let compacted = beside.compact().unwrap();
    assert!(compacted.bytes < compacted.bytes_before, "{compacted:?}");
    assert_eq!(found(folder.path(), "SECRET"), 0);
    assert_eq!((said(&serving, ann), said(&serving, bob)), (0, by_bob));
    assert!(serving.memory().unwrap().places.iter().all(|place| place.account.key.as_str() == "bob"));
    let checked = serving.check().unwrap();
    assert_eq!((checked.accounts, checked.messages), (2, 6_000));
    // What is written from here on is in the same file.
    serving.register_for_tests_only("dan");
    assert!(beside.find(&account("dan")).unwrap().is_some());
}

#[test]
fn a_message_keeps_its_place_and_nothing_else() {
    let mut store = Store::in_memory().unwrap();
    let (ann, bob) = (store.register_for_tests_only("Ann"), store.register_for_tests_only("bob"));
    let pair = store.pair_for_tests_only(ann, bob);
    for (author, text) in [(ann, "one"), (bob, "two"), (ann, "three")] {
        store.say_for_tests_only(pair, author, 5, text);
    }
    let page = |store: &Store, reader: &str, peer: &str| {
        let conversation = Conversation::Peer(NameKey::new(crate::keys::name_key, peer));
        let window = Window { edge: Edge::End, count_max: 9 };
        let page = store.page(&Recall { reader: account(reader), conversation, window }).unwrap();
        let lines = page.messages().iter().map(|Past { posted, from, text, cid }| {
            let text = text.as_ref().map_or("deleted", |text| text.as_str());
            format!("{} {from} {text} {}", posted.seq, cid.is_some())
        });
        lines.collect::<Vec<_>>()
    };
    assert_eq!(page(&store, "ann", "bob"), ["1 Ann one true", "2 bob two false", "3 Ann three true"]);
    assert_eq!(store.delete_account(&account("ann")).unwrap(), Some(2));
    assert_eq!(page(&store, "bob", "ann"), ["1 Ann deleted false", "2 bob two true", "3 Ann deleted false"]);
    assert_eq!(
        page(&store, "ann", "bob"),
        [""; 0],
        "who is deleted reads nothing, also while still connected"
    );
    store.check().unwrap();
}

#[test]
fn nobody_logs_in_to_a_deleted_account_or_gets_its_name() {
    let mut store = Store::in_memory().unwrap();
    store.register_for_tests_only("Alice");
    let alice = account("alice");
    let phc = store.find(&alice).unwrap().unwrap().phc;
    let now = std::time::Duration::from_secs(1_700_000_000);
    let lasting = crate::store::Lasting { now, end: now * 2, count_max: 3 };
    store.open_session(&alice.key, &phc, &[1; 32], None, lasting).unwrap().unwrap();
    assert_eq!(store.delete_account(&alice).unwrap(), Some(0));

    assert!(store.find(&alice).unwrap().is_none());
    assert_eq!(store.renew_sessions(&[([1; 32], [2; 32])], lasting).unwrap(), [None]);
    assert_eq!(
        store.open_session(&alice.key, &phc, &[3; 32], None, lasting).unwrap(),
        None,
        "it was on its way"
    );
    store.replace_hash(&alice.key, &phc, &phc).unwrap();
    assert!(!store.set_password(&alice, &phc).unwrap());
    assert!(!store.set_disabled(&alice, false).unwrap());
    assert_eq!(store.end_sessions(&alice).unwrap(), None);
    assert_eq!(store.logins(&alice, now).unwrap(), None);
    assert!(store.find(&alice).unwrap().is_none());
    assert_eq!(
        store.deleted().unwrap(),
        std::slice::from_ref(&alice.key),
        "a login there is ends with those of the others"
    );
    assert_eq!(store.list().unwrap()[0].standing, Standing::Deleted);
    for (name, claim) in [("ALICE", Claim::Taken), ("aIice", Claim::Resembles)] {
        assert_eq!(store.insert(&account(name), &look(name), &phc, None).unwrap(), claim, "{name}");
    }
}

#[test]
fn a_deletion_that_was_broken_off_is_gone_on_with() {
    let mut store = Store::in_memory().unwrap();
    let (ann, den) = (store.register_for_tests_only("ann"), store.make_room_for_tests_only("den"));
    for number in 0..300 {
        store.say_for_tests_only(den, ann, number, "hello");
    }
    let id = store.mark_deleted(&account("ann")).unwrap().unwrap();
    let first = said_by(&store.db, id, (0, 0)).unwrap();
    store.blank(&first).unwrap();
    assert_eq!((first.len(), said(&store, ann)), (32, 268));
    assert_eq!(store.delete_account(&account("ann")).unwrap(), Some(268));
    assert_eq!(store.delete_account(&account("ann")).unwrap(), Some(0));
    assert_eq!(store.delete_account(&account("nobody")).unwrap(), None);
    assert_eq!(said(&store, ann), 0);
}

#[test]
fn who_is_at_the_database_all_the_time_is_told_of() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("chatroom.db");
    let serving = Store::open(&file).unwrap();
    let beside = Store::open_to_maintain(&file).unwrap();
    beside.db.busy_timeout(std::time::Duration::ZERO).unwrap();
    let reading = serving.db.unchecked_transaction().unwrap();
    reading.query_row("SELECT count(*) FROM accounts", [], |row| row.get::<_, i64>(0)).unwrap();
    Store::open(&file).unwrap().register_for_tests_only("ann");
    let error = beside.empty_log().unwrap_err().to_string();
    assert!(error.contains("try again when they are done"), "{error}");
    drop(reading);
    beside.empty_log().unwrap();
}
