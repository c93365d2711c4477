//! What was said, for tests: written as a server would have.

use std::fmt::Debug;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::sides::Stirred;
use super::{Records as _, Store, StoreError};
use crate::passwords::hasher::Phc;
use crate::testing::{account, look};

impl Store {
    /// Makes an account. Its number.
    pub(super) fn register_for_tests_only(&mut self, name: &str) -> i64 {
        let hasher = crate::passwords::Hasher::new(1).unwrap();
        let phc: Phc = hasher.hash(&crate::testing::password("correct horse")).unwrap();
        self.insert(&account(name), &look(name), &phc, None).unwrap();
        self.db.last_insert_rowid()
    }

    /// Makes a room. Its conversation.
    pub(super) fn make_room_for_tests_only(&mut self, name: &str) -> i64 {
        let conversation = self.begin_for_tests_only();
        self.db
            .execute(
                "INSERT INTO rooms (conversation, key, name) VALUES (?1, ?2, ?3)",
                params![conversation, crate::keys::name_key(name), name],
            )
            .unwrap();
        conversation
    }

    /// Has two accounts begin to talk in private. Their conversation.
    pub(super) fn pair_for_tests_only(&mut self, one: i64, other: i64) -> i64 {
        let conversation = self.begin_for_tests_only();
        self.db
            .execute(
                "INSERT INTO pairs (one, other, conversation) VALUES (?1, ?2, ?3)",
                [one.min(other), one.max(other), conversation],
            )
            .unwrap();
        conversation
    }

    /// Has something said at a time. Its number.
    pub(super) fn say_for_tests_only(
        &mut self,
        conversation: i64,
        author: i64,
        ts_ms: i64,
        text: &str,
    ) -> i64 {
        let next = "UPDATE conversations SET last = last + 1 WHERE id = ?1 RETURNING last";
        let seq = self.db.query_row(next, [conversation], |row| row.get(0)).unwrap();
        let cid = format!("{conversation}-{seq}");
        self.db
            .prepare_cached(
                "INSERT INTO messages (conversation, seq, ts, author, cid, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )
            .unwrap()
            .execute(params![conversation, seq, ts_ms, author, cid, text])
            .unwrap();
        let pair = "SELECT one, other FROM pairs WHERE conversation = ?1";
        let pair = self.db.query_row(pair, [conversation], |row| Ok((row.get(0)?, row.get(1)?)));
        if let Some((one, other)) = pair.optional().unwrap() {
            let other = if one == author { other } else { one };
            let mut stirred = Stirred::default();
            stirred.add(conversation, author, other, (seq, ts_ms), false);
            stirred.write(&self.db).unwrap();
        }
        seq
    }

    /// Has ann say so many things in a room `den`.
    pub(crate) fn fill_for_tests_only(&mut self, messages: u32) {
        let (ann, den) = (self.register_for_tests_only("ann"), self.make_room_for_tests_only("den"));
        for number in 0..messages {
            self.say_for_tests_only(den, ann, i64::from(number), &format!("number {number}"));
        }
    }

    fn begin_for_tests_only(&mut self) -> i64 {
        self.db.execute("INSERT INTO conversations DEFAULT VALUES", []).unwrap();
        self.db.last_insert_rowid()
    }
}

/// What a check says of a database to which this was done. It is undone.
pub(super) fn found_after<T: Debug>(
    db: &Connection,
    harm: &str,
    check: impl Fn(&Connection) -> Result<T, StoreError>,
) -> String {
    db.execute_batch("SAVEPOINT harm").unwrap();
    db.execute(harm, []).unwrap();
    let found = check(db).unwrap_err().to_string();
    db.execute_batch("ROLLBACK TO harm; RELEASE harm").unwrap();
    found
}
