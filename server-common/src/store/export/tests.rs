use serde_json::Value;

use super::*;
use crate::testing::account;

/// Ann and bob, and what they said.
fn store() -> Store {
    let mut store = Store::in_memory().unwrap();
    let (ann, bob) = (store.register_for_tests_only("Ann"), store.register_for_tests_only("bob"));
    let (den, attic) = (store.make_room_for_tests_only("den"), store.make_room_for_tests_only("attic"));
    let (pair, own) = (store.pair_for_tests_only(ann, bob), store.pair_for_tests_only(ann, ann));
    for (place, author, text) in [
        (den, ann, "hello \"all\""),
        (den, bob, "hello ann, says bob in the den"),
        (pair, bob, "psst"),
        (den, ann, "two\nlines"),
        (attic, bob, "nobody here?"),
        (pair, ann, "what?"),
        (own, ann, "buy milk"),
        (attic, ann, "me"),
    ] {
        store.say_for_tests_only(place, author, 5, text);
    }
    store
}

fn export(store: &mut Store, name: &str) -> String {
    let mut out = Vec::new();
    assert!(store.export(&account(name), Duration::from_secs(1), &mut out).unwrap());
    String::from_utf8(out).unwrap()
}

#[test]
fn it_has_all_that_is_the_users_and_nothing_that_is_others() {
    let mut store = store();
    store
        .db
        .execute(
            "INSERT INTO sessions (account, token, ends, begun, used) VALUES (1, x'61', 172800, 60, 120)",
            [],
        )
        .unwrap();
    store.db.execute("INSERT INTO sessions (account, token, ends) VALUES (2, x'62', 172800)", []).unwrap();
    store
        .db
        .execute_batch(
            "INSERT INTO places SELECT 1, conversation, 2 FROM rooms WHERE key = 'den';
            INSERT INTO places SELECT 2, conversation, 0 FROM rooms WHERE key = 'attic';
            INSERT INTO ties (account, other, tie, has_declined) VALUES (1, 2, 4, 0);",
        )
        .unwrap();
    assert_eq!(
        export(&mut store, "ANN"),
        r#"{
"format":1,
"account":{"name":"Ann","disabled":false},
"logins":[
{"number":1,"begun":"1970-01-01 00:01","used":"1970-01-01 00:02","ends":"1970-01-03 00:00"}],
"places":[
{"room":"den","read":2}],
"friends":[
{"user":"bob","is":"blocked"}],
"peers":[
{"peer":"bob","read":0},
{"peer":"Ann","read":0}],
"rooms":[
{"room":"den","seq":1,"ts":5,"text":"hello \"all\""},
{"room":"den","seq":3,"ts":5,"text":"two\nlines"},
{"room":"attic","seq":2,"ts":5,"text":"me"}],
"private":[
{"peer":"bob","seq":1,"ts":5,"from":"bob","text":"psst"},
{"peer":"bob","seq":2,"ts":5,"from":"Ann","text":"what?"},
{"peer":"Ann","seq":1,"ts":5,"from":"Ann","text":"buy milk"}]
}
"#
    );
}

#[test]
fn it_is_json_also_of_who_said_nothing() {
    let mut store = store();
    store.register_for_tests_only("cyd");
    for name in ["ann", "bob", "cyd"] {
        let exported: Value = serde_json::from_str(&export(&mut store, name)).unwrap();
        assert_eq!(exported["format"], 1);
        for list in ["logins", "places", "friends", "peers", "rooms", "private"] {
            assert!(exported[list].is_array(), "{name} {list}");
        }
    }
}

#[test]
fn what_was_deleted_is_empty_in_what_others_have() {
    let mut store = store();
    store.delete_account(&account("ann")).unwrap();
    let exported: Value = serde_json::from_str(&export(&mut store, "bob")).unwrap();
    let private: Vec<_> =
        exported["private"].as_array().unwrap().iter().map(|said| said["text"].clone()).collect();
    assert_eq!(private, ["psst", ""]);
    let mut out = Vec::new();
    assert!(!store.export(&account("ann"), Duration::ZERO, &mut out).unwrap());
    assert!(out.is_empty());
}

/// Takes some bytes, and then no more.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn where_there_is_no_space_it_says_so() {
    let mut store = store();
    let whole = export(&mut store, "ann").len();
    for space in 0..whole {
        let error = store.export(&account("ann"), Duration::ZERO, &mut Full(space)).unwrap_err().to_string();
        assert!(error.contains("choose a place with the rights and the space"), "{space}: {error}");
    }
}
