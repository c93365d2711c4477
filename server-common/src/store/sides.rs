//! Private conversations as each of the two has them: how far they have read, and when something was said there last.
//!
//! A row for each side, in the order of the last message, so that an account's newest conversations stand together, however
//! many it has. What a group of appends says is written once for each conversation, when the group is over.

use std::collections::BTreeMap;

use chatroom_core::limits::TALKS_MAX;
use chatroom_core::message::rooms::Talk;
use chatroom_core::name::UserName;
use rusqlite::{Connection, params};

use super::StoreError;
use super::messages::{signed, unsigned};

/// What was said in private conversations since it was written down, by conversation.
#[derive(Default)]
pub(super) struct Stirred(BTreeMap<i64, Side>);

struct Side {
    /// Both accounts, which may be the same.
    pair: (i64, i64),
    ts: i64,
    /// The number of the last message that each of the two has said by a device.
    read: BTreeMap<i64, i64>,
}

impl Stirred {
    /// Something was said. `is_read` says that its author has read it.
    pub(super) fn add(
        &mut self,
        conversation: i64,
        author: i64,
        other: i64,
        (seq, ts): (i64, i64),
        is_read: bool,
    ) {
        let pair = (author, other);
        let side = self.0.entry(conversation).or_insert_with(|| Side { pair, ts, read: BTreeMap::new() });
        side.ts = ts;
        if is_read {
            side.read.insert(author, seq);
        }
    }

    /// Writes it down.
    pub(super) fn write(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut upsert = db.prepare_cached(
            "INSERT INTO sides (account, conversation, peer, ts, read) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT DO UPDATE SET ts = excluded.ts, read = max(read, excluded.read)",
        )?;
        for (conversation, Side { pair: (one, other), ts, read }) in std::mem::take(&mut self.0) {
            let mut write = |account, peer| {
                let read = read.get(&account).copied().unwrap_or(0);
                upsert.execute(params![account, conversation, peer, ts, read])
            };
            write(one, other)?;
            if other != one {
                write(other, one)?;
            }
        }
        Ok(())
    }
}

/// The private conversations of an account, the one first in which something was said last.
pub(super) fn newest(db: &Connection, account: i64) -> Result<Vec<Talk>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT name, last, read FROM sides JOIN conversations ON conversations.id = conversation
        JOIN accounts ON accounts.id = peer WHERE account = ?1 ORDER BY ts DESC, conversation DESC LIMIT ?2",
    )?;
    let mut rows = select.query(params![account, signed(TALKS_MAX as u64)])?;
    let mut talks = Vec::new();
    while let Some(row) = rows.next()? {
        let peer = UserName::parse(&row.get::<_, String>(0)?).map_err(|_| StoreError::Name)?;
        talks.push(Talk { peer, last: unsigned(row.get(1)?), read: unsigned(row.get(2)?) });
    }
    Ok(talks)
}

/// How far an account has read in a private conversation, and how far if it has read so far: no less than before, and no more
/// than there is.
pub(super) fn read(
    db: &Connection,
    account: i64,
    conversation: i64,
    seq: u64,
) -> rusqlite::Result<(i64, i64)> {
    let mut select = db.prepare_cached(
        "SELECT read, max(read, min(?3, last)) FROM sides JOIN conversations ON id = conversation
        WHERE account = ?1 AND conversation = ?2",
    )?;
    select.query_row(params![account, conversation, signed(seq)], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Notes how far an account has read in a private conversation.
pub(super) fn write_read(db: &Connection, account: i64, conversation: i64, seq: i64) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE sides SET read = ?3 WHERE account = ?1 AND conversation = ?2")?
        .execute(params![account, conversation, seq])
        .map(drop)
}

/// All private conversations of an account, each with the other's name and how far the account has read.
pub(super) fn of(db: &Connection, account: i64) -> rusqlite::Result<Vec<(String, i64)>> {
    let mut select = db.prepare_cached(
        "SELECT name, read FROM sides JOIN accounts ON id = peer WHERE account = ?1 ORDER BY conversation",
    )?;
    select.query_map([account], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use chatroom_core::hub::{Command, ConnId, Deliveries, Entry, Hub, Outcome, Post};
    use chatroom_core::limits::Limits;
    use chatroom_core::message::Text;
    use chatroom_core::message::hello::Caps;
    use chatroom_core::name::NameKey;

    use crate::keys::{name_key, name_look};
    use crate::store::testing::found_after;
    use crate::store::{Messages as _, Store, messages};
    use crate::testing::account;

    use super::*;

    const NOW: fn() -> chatroom_core::Instant = chatroom_core::Instant::default;

    /// Three users with a device each, and the disk.
    struct Town {
        store: Store,
        hub: Hub,
        people: BTreeMap<&'static str, ConnId>,
        ts: u64,
    }

    impl Town {
        fn new() -> Self {
            let mut store = Store::in_memory().unwrap();
            let limits = Limits { message_rate: 0, ..Limits::default() };
            let mut hub = Hub::new(NOW(), limits, name_key, name_look, &[])
                .with_history(NOW(), store.memory().unwrap());
            let people = ["Ann", "bob", "cyd"].map(|user| {
                store.register_for_tests_only(user);
                let id = hub.connect(&mut Deliveries::new()).unwrap();
                hub.apply(NOW(), id, Command::Login(account(user), Caps::ALL, None), &mut Deliveries::new());
                (user, id)
            });
            Self { store, hub, people: people.into(), ts: 10 }
        }

        fn says(&mut self, who: &str, to: &str) {
            let to = Some((NameKey::new(name_key, to), UserName::parse(to).unwrap()));
            let text = Text::try_from("hello").unwrap();
            let post = Post { to, room: None, text, plain: None, cid: None, rid: None };
            self.hub.apply(NOW(), self.people[who], Command::Post(Box::new(post)), &mut Deliveries::new());
        }

        fn reads(&mut self, who: &str, peer: &str, seq: u64) {
            let command =
                Command::ReadPeer(NameKey::new(name_key, peer), UserName::parse(peer).unwrap(), seq);
            self.hub.apply(NOW(), self.people[who], command, &mut Deliveries::new());
        }

        fn asks(&mut self, who: &str) {
            self.hub.apply(NOW(), self.people[who], Command::Rooms, &mut Deliveries::new());
        }

        /// Makes all that waits durable, in one group. What was told, and what was read.
        fn writes(&mut self) -> Vec<String> {
            self.ts += 1;
            let mut group = Vec::new();
            self.hub.take_appends(usize::MAX, &mut group);
            let outcomes = self.store.append(&group, self.ts).unwrap();
            let heard = group.iter().zip(&outcomes).filter_map(|(append, outcome)| match append.entry() {
                Entry::Telling(telling) => {
                    let Outcome::Told(told) = outcome else { panic!("{outcome:?}") };
                    Some(format!("{}: {}", telling.account.name, shown(&told.talks)))
                }
                Entry::PeerRead(read) => {
                    let Outcome::PeerRead(extent) = outcome else { panic!("{outcome:?}") };
                    let news = if extent.is_news { " now" } else { "" };
                    Some(format!("{} has read {} with {}{news}", read.account.name, extent.seq, extent.peer))
                }
                Entry::Room(_) | Entry::Message(_) | Entry::Place(_) | Entry::Tying(_) => None,
            });
            let heard = heard.collect();
            let settled = group.into_iter().zip(outcomes).map(|(append, outcome)| append.settle(outcome));
            self.hub.settle(NOW(), settled.collect(), &mut Deliveries::new());
            messages::check(&self.store.db).unwrap();
            heard
        }

        #[track_caller]
        fn check(&self, who: &str, expected: &str) {
            assert_eq!(shown(&self.store.tell(&account(who), false).unwrap().talks), expected, "of {who}");
        }
    }

    /// The other one, and how much of all is read.
    fn shown(talks: &[Talk]) -> String {
        let shown: Vec<String> =
            talks.iter().map(|Talk { peer, last, read }| format!("{peer} {read}/{last}")).collect();
        shown.join(", ")
    }

    #[test]
    fn each_side_has_its_conversations_and_the_newest_is_first() {
        let mut town = Town::new();
        assert_eq!(town.writes(), ["Ann: ", "bob: ", "cyd: "]);
        town.says("Ann", "bob");
        town.writes();
        town.says("cyd", "ann");
        town.says("Ann", "CYD");
        town.writes();
        town.check("Ann", "cyd 2/2, bob 1/1");
        town.check("bob", "Ann 0/1");
        town.check("cyd", "Ann 1/2");
        town.says("bob", "ann");
        town.says("Ann", "ann");
        town.says("Ann", "ann");
        town.writes();
        town.check("Ann", "Ann 2/2, bob 1/2, cyd 2/2");
        town.check("bob", "Ann 2/2");
    }

    #[test]
    fn what_is_told_stands_where_it_was_asked_for_among_what_is_said() {
        let mut town = Town::new();
        town.writes();
        town.says("Ann", "bob");
        town.asks("bob");
        town.says("Ann", "bob");
        town.reads("bob", "ANN", 9);
        town.asks("Ann");
        town.says("bob", "cyd");
        town.reads("cyd", "bob", 1);
        assert_eq!(
            town.writes(),
            ["bob: Ann 0/1", "bob has read 2 with Ann now", "Ann: bob 2/2", "cyd has read 1 with bob now"]
        );
    }

    #[test]
    fn how_far_somebody_has_read_never_goes_back_nor_beyond_the_last_message() {
        let mut town = Town::new();
        for _ in 0..3 {
            town.says("Ann", "bob");
        }
        town.writes();
        for (seq, now) in [(1, "1 with Ann now"), (0, "1 with Ann"), (9, "3 with Ann now"), (3, "3 with Ann")]
        {
            town.reads("bob", "ann", seq);
            assert_eq!(town.writes(), [format!("bob has read {now}")]);
        }
        town.reads("bob", "cyd", 3);
        town.reads("bob", "nobody", 3);
        assert_eq!(town.writes(), ["bob has read 0 with cyd", "bob has read 0 with nobody"]);
        town.check("bob", "Ann 3/3");
        town.check("cyd", "");
    }

    #[test]
    fn what_was_said_before_with_a_deleted_account_is_still_told_to_the_other() {
        let mut town = Town::new();
        town.says("Ann", "bob");
        town.writes();
        town.store.delete_account(&account("ann")).unwrap();
        town.check("bob", "Ann 0/1");
        town.check("ann", "");
        town.reads("bob", "ann", 1);
        assert_eq!(town.writes(), ["bob has read 1 with Ann now"]);
        messages::check(&town.store.db).unwrap();
        let left: u32 = town.store.db.query_row("SELECT count(*) FROM sides", [], |row| row.get(0)).unwrap();
        assert_eq!(left, 1);
    }

    #[test]
    fn a_check_knows_whose_each_side_is() {
        let mut town = Town::new();
        town.says("Ann", "bob");
        town.says("Ann", "ann");
        town.writes();
        let db = &town.store.db;
        for (harm, what) in [
            ("DELETE FROM sides WHERE account = 2", "does not have"),
            ("UPDATE sides SET peer = 3 WHERE account = 2", "of others"),
            ("UPDATE sides SET account = 3 WHERE account = 2", "does not have"),
            ("UPDATE sides SET read = 2", "more than was said"),
        ] {
            let found = found_after(db, harm, messages::check);
            assert!(found.contains(what), "{harm}: {found}");
        }
    }

    /// Prints how long it takes: `cargo test --release -p server-common -- --ignored --nocapture newest_of_many`.
    #[test]
    #[ignore = "it measures"]
    fn the_newest_of_many_are_found_soon() {
        let mut store = Store::in_memory().unwrap();
        let ann = store.register_for_tests_only("ann");
        store
            .db
            .execute_batch(
                "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 20001)
                INSERT INTO accounts (id, key, name, password, look) SELECT i, 'u' || i, 'u' || i, '', 'u' || i FROM n;
                INSERT INTO conversations (id, last) SELECT id, 9 FROM accounts;
                WITH RECURSIVE m(k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM m WHERE k < 24)
                INSERT OR IGNORE INTO sides SELECT accounts.id, accounts.id + k * 100000, 1 + (accounts.id + k) % 20001,
                    (accounts.id * 7919) % 100003, 3 FROM accounts, m;
                INSERT OR IGNORE INTO sides SELECT 1, id, id, (id * 7919) % 100003, 3 FROM accounts;",
            )
            .unwrap();
        newest(&store.db, ann).unwrap();
        let start = Instant::now();
        for _ in 0..100 {
            assert_eq!(newest(&store.db, ann).unwrap().len(), TALKS_MAX);
        }
        println!("{:?} each", start.elapsed() / 100);
        let start = Instant::now();
        store.db.execute_batch("BEGIN").unwrap();
        for message in 0..10_000 {
            let mut stirred = Stirred::default();
            let other = 2 + message * 7919 % 20_000;
            stirred.add(other, ann, other, (9, 200_000 + message), true);
            stirred.write(&store.db).unwrap();
        }
        store.db.execute_batch("COMMIT").unwrap();
        println!("{:?} for what a private message adds to each side", start.elapsed() / 10_000);
    }
}
