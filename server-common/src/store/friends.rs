//! Who is whose friend.
//!
//! A row for each side on which there is anything to be said of the other, by account: all that a user is told of stands
//! together, and is read without looking at anybody else's. The core decides what becomes of two; both sides of it are written
//! in one transaction.

use std::collections::HashMap;

use chatroom_core::hub::{Bond, List, Side, Tied, Ties, Tying, Untied};
use chatroom_core::message::friend::Tie;
use chatroom_core::name::{Account, NameKey, UserName};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::messages::unsigned;
use super::{StoreError, find_id};

/// What is to become of an account and another, if anything is. Nothing is written yet.
pub(super) fn decide(
    db: &Connection,
    own: i64,
    tying: &Tying,
) -> Result<Result<(i64, Tied), Untied>, StoreError> {
    let typed = Account { name: tying.name.clone(), key: tying.other.clone() };
    let Some((id, other)) = find(db, &typed)? else { return Ok(Err(Untied::Unknown)) };
    let before = Bond { own: side(db, own, id)?, other: side(db, id, own)? };
    let decided = tying.decide(before, |list| match list {
        List::Friends => count(db, own, Tie::Friend),
        List::OthersFriends => count(db, id, Tie::Friend),
        List::Asked => count(db, own, Tie::Asked),
        List::OthersAsking => count(db, id, Tie::Asking),
        List::Blocked => count(db, own, Tie::Blocked),
    })?;
    Ok(decided.map(|after| (id, Tied { other, before, after })))
}

/// That becomes of an account and another.
pub(super) fn tie(db: &Connection, own: i64, other: i64, tied: &Tied) -> rusqlite::Result<()> {
    let Tied { before, after, .. } = tied;
    write(db, (own, other), before.own, after.own)?;
    write(db, (other, own), before.other, after.other)
}

/// What others are to an account.
pub(super) fn of(db: &Connection, account: i64) -> Result<Ties, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT key, name, tie FROM ties JOIN accounts ON id = other WHERE account = ?1 AND tie <> 0",
    )?;
    let mut rows = select.query([account])?;
    let mut ties = Ties::new();
    while let Some(row) = rows.next()? {
        let Account { name, key } = named(&row.get::<_, String>(0)?, &row.get::<_, String>(1)?)?;
        ties.insert(key, (name, tie_of(row.get(2)?)?));
    }
    Ok(ties)
}

/// Who wants to hear nothing of whom.
pub(super) fn blocks(db: &Connection) -> Result<Vec<(NameKey, NameKey)>, StoreError> {
    let mut select = db.prepare(
        "SELECT own.key, others.key FROM ties JOIN accounts AS own ON own.id = account
        JOIN accounts AS others ON others.id = other WHERE tie = 4 ORDER BY account, other",
    )?;
    // There may be millions of blocks among thousands of accounts: all of one account share its key.
    let mut keys = HashMap::<String, NameKey>::new();
    let mut key = |found: String| match keys.get(&found) {
        Some(key) => key.clone(),
        None => {
            let key = NameKey::new(str::to_owned, &found);
            keys.insert(found, key.clone());
            key
        }
    };
    let rows = select.query_map([], |row| Ok((key(row.get(0)?), key(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What another is to an account.
pub(super) fn tie_to(db: &Connection, account: i64, other: i64) -> Result<Tie, StoreError> {
    Ok(side(db, account, other)?.tie)
}

/// An account is deleted: it is nothing to anybody.
pub(super) fn end_all(db: &Connection, account: i64) -> rusqlite::Result<()> {
    db.execute("DELETE FROM ties WHERE account = ?1 OR other = ?1", [account]).map(drop)
}

/// What others are to an account by name, in the words of the wire; also to whom it has said no, which they were not told.
pub(super) fn listed(db: &Connection, account: i64) -> Result<Vec<(String, &'static str)>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT name, tie FROM ties JOIN accounts ON id = other WHERE account = ?1 ORDER BY other",
    )?;
    let mut rows = select.query([account])?;
    let mut listed = Vec::new();
    while let Some(row) = rows.next()? {
        let tie = tie_of(row.get(1)?)?;
        listed.push((row.get(0)?, if tie == Tie::None { "declined" } else { tie.as_str() }));
    }
    Ok(listed)
}

/// Looks whether both sides of all ties say the same.
pub(super) fn check(db: &Connection) -> Result<(), StoreError> {
    for (what, select) in [
        (
            "somebody is something to nobody",
            "SELECT 1 FROM ties WHERE account NOT IN (SELECT id FROM accounts WHERE NOT is_deleted)
            OR other NOT IN (SELECT id FROM accounts WHERE NOT is_deleted)",
        ),
        ("somebody is something to themselves", "SELECT 1 FROM ties WHERE account = other"),
        (
            "what two are to each other does not agree",
            "SELECT 1 FROM ties AS one LEFT JOIN ties AS back ON back.account = one.other AND back.other = one.account
            WHERE one.tie NOT BETWEEN 0 AND 4 OR (one.tie = 0 AND NOT one.has_declined)
            OR CASE one.tie
                WHEN 1 THEN coalesce(back.tie, 0) <> 1
                WHEN 2 THEN coalesce(back.tie, 0) <> 3 OR one.has_declined
                WHEN 3 THEN NOT (coalesce(back.tie, 0) IN (2, 4) OR (coalesce(back.tie, 0) = 0 AND coalesce(back.has_declined, 0)))
                ELSE 0 END",
        ),
    ] {
        if db.prepare(select)?.exists([])? {
            return Err(StoreError::Damaged(what.to_owned()));
        }
    }
    Ok(())
}

/// The account that a name means, however it is spelled.
fn find(db: &Connection, typed: &Account) -> Result<Option<(i64, Account)>, StoreError> {
    let Some(id) = find_id(db, typed)? else { return Ok(None) };
    let mut select = db.prepare_cached("SELECT key, name FROM accounts WHERE id = ?1")?;
    let (key, name): (String, String) = select.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Some((id, named(&key, &name)?)))
}

/// That the key is its name's is seen by who checks accounts: to make it anew for hundreds of friends takes longer than to read them.
fn named(key: &str, name: &str) -> Result<Account, StoreError> {
    let name = UserName::parse(name).map_err(|_| StoreError::Name)?;
    Ok(Account { name, key: NameKey::new(str::to_owned, key) })
}

fn side(db: &Connection, account: i64, other: i64) -> Result<Side, StoreError> {
    let mut select =
        db.prepare_cached("SELECT tie, has_declined FROM ties WHERE account = ?1 AND other = ?2")?;
    let found = select.query_row([account, other], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((tie, has_declined)) = found else { return Ok(Side::default()) };
    Ok(Side { tie: tie_of(tie)?, has_declined })
}

fn count(db: &Connection, account: i64, tie: Tie) -> Result<usize, StoreError> {
    let mut select = db.prepare_cached("SELECT count(*) FROM ties WHERE account = ?1 AND tie = ?2")?;
    let count = select.query_row([account, number(tie)], |row| row.get(0))?;
    Ok(usize::try_from(unsigned(count)).unwrap_or(usize::MAX))
}

fn write(db: &Connection, (account, other): (i64, i64), before: Side, after: Side) -> rusqlite::Result<()> {
    if after == before {
        return Ok(());
    }
    if after == Side::default() {
        return db
            .prepare_cached("DELETE FROM ties WHERE account = ?1 AND other = ?2")?
            .execute([account, other])
            .map(drop);
    }
    db.prepare_cached(
        "INSERT OR REPLACE INTO ties (account, other, tie, has_declined) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![account, other, number(after.tie), after.has_declined])
    .map(drop)
}

/// Ties as the database has them.
fn number(tie: Tie) -> i64 {
    match tie {
        Tie::None => 0,
        Tie::Friend => 1,
        Tie::Asking => 2,
        Tie::Asked => 3,
        Tie::Blocked => 4,
    }
}

fn tie_of(stored: i64) -> Result<Tie, StoreError> {
    [Tie::None, Tie::Friend, Tie::Asking, Tie::Asked, Tie::Blocked]
        .into_iter()
        .find(|tie| number(*tie) == stored)
        .ok_or_else(|| StoreError::Damaged("what somebody is to another is nothing known".to_owned()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Instant;

    use chatroom_core::hub::{Command, ConnId, Consent, Deliveries, Entry, Hub, Outcome, Post};
    use chatroom_core::limits::Limits;
    use chatroom_core::message::Text;
    use chatroom_core::message::friend::Op;
    use chatroom_core::message::hello::Caps;

    use proptest::prelude::*;

    use crate::keys::{name_key, name_look};
    use crate::store::testing::found_after;
    use crate::store::{Messages as _, Store, messages};
    use crate::testing::account;

    use super::*;

    const NOW: fn() -> chatroom_core::Instant = chatroom_core::Instant::default;
    const USERS: [&str; 4] = ["Ann", "bob", "cyd", "dan"];

    /// Users with a device each, and the disk.
    struct Town {
        store: Store,
        hub: Hub,
        people: BTreeMap<&'static str, ConnId>,
    }

    impl Town {
        fn new() -> Self {
            let mut store = Store::in_memory().unwrap();
            for user in USERS {
                store.register_for_tests_only(user);
            }
            Self::on(store)
        }

        /// A server that begins with what is on a disk.
        fn on(store: Store) -> Self {
            let limits = Limits { message_rate: 0, friends_max: 2, ..Limits::default() };
            let mut hub = Hub::new(NOW(), limits, name_key, name_look, &[])
                .with_history(NOW(), store.memory().unwrap());
            let people = USERS.map(|user| {
                let id = hub.connect(&mut Deliveries::new()).unwrap();
                hub.apply(NOW(), id, Command::Login(account(user), Caps::ALL, None), &mut Deliveries::new());
                (user, id)
            });
            let mut town = Self { store, hub, people: people.into() };
            town.writes();
            town
        }

        fn does(&mut self, who: &str, op: Op, other: &str) {
            let name = UserName::parse(other).unwrap();
            let command = Command::Tie(op, NameKey::new(name_key, other), name);
            self.hub.apply(NOW(), self.people[who], command, &mut Deliveries::new());
        }

        fn says(&mut self, who: &str, to: &str) {
            let to = Some((NameKey::new(name_key, to), UserName::parse(to).unwrap()));
            let text = Text::try_from("hello").unwrap();
            let post = Post { to, room: None, text, plain: None, cid: None, rid: None };
            let post = Command::Post(Box::new(post));
            self.hub.apply(NOW(), self.people[who], post, &mut Deliveries::new());
        }

        fn reads(&mut self, who: &str, peer: &str, seq: u64) {
            let peer_name = UserName::parse(peer).unwrap();
            let command = Command::ReadPeer(NameKey::new(name_key, peer), peer_name, seq);
            self.hub.apply(NOW(), self.people[who], command, &mut Deliveries::new());
        }

        /// Makes all that waits durable, in one group. What came of it.
        fn writes(&mut self) -> Vec<String> {
            let mut group = Vec::new();
            self.hub.take_appends(usize::MAX, &mut group);
            let outcomes = self.store.append(&group, 5).unwrap();
            let heard =
                group.iter().zip(&outcomes).map(|(append, outcome)| match (append.entry(), outcome) {
                    (Entry::Tying(tying), Outcome::Tied(tied)) => {
                        let (own, others) = (tied.after.own.tie.as_str(), tied.after.other.tie.as_str());
                        format!("{} {own}, {} {others}", tied.other.name, tying.account.name)
                    }
                    (Entry::Message(message), outcome) if message.consent != Consent::Given => {
                        format!("{:?} {outcome:?}", message.consent)
                    }
                    (_, outcome) => format!("{outcome:?}"),
                });
            let heard = heard.collect();
            let settled = group.into_iter().zip(outcomes).map(|(append, outcome)| append.settle(outcome));
            self.hub.settle(NOW(), settled.collect(), &mut Deliveries::new());
            messages::check(&self.store.db).unwrap();
            heard
        }

        #[track_caller]
        fn check(&mut self, who: &str, op: Op, other: &str, expected: &str) {
            self.does(who, op, other);
            assert_eq!(self.writes(), [expected]);
        }

        /// What others are to somebody.
        fn ties(&self, who: &str) -> String {
            let told = self.store.tell(&account(who), true).unwrap();
            let ties = told.ties.unwrap();
            let ties = ties.values().map(|(name, tie)| format!("{name} {}", tie.as_str()));
            ties.collect::<Vec<_>>().join(", ")
        }
    }

    #[test]
    fn both_sides_are_found_again() {
        let mut town = Town::new();
        town.check("Ann", Op::Request, "BOB", "bob asked, Ann asking");
        town.check("bob", Op::Accept, "ann", "Ann friend, bob friend");
        town.check("cyd", Op::Request, "ann", "Ann asked, cyd asking");
        town.check("Ann", Op::Decline, "cyd", "cyd none, Ann asked");
        town.check("dan", Op::Block, "ann", "Ann blocked, dan none");
        town.check("Ann", Op::Request, "dan", "dan asked, Ann blocked");
        town.check("Ann", Op::Request, "nobody", "Untied(Unknown)");
        let mut town = Town::on(town.store);
        assert_eq!(town.ties("ann"), "bob friend, dan asked");
        assert_eq!(town.ties("bob"), "Ann friend");
        assert_eq!(town.ties("cyd"), "Ann asked");
        assert_eq!(town.ties("dan"), "Ann blocked");
        town.check("dan", Op::Unblock, "ann", "Ann asking, dan asked");
        town.check("Ann", Op::Request, "cyd", "cyd friend, Ann friend");
        town.check("dan", Op::Accept, "ann", "Untied(Full(OthersFriends))");
        town.check("Ann", Op::Remove, "bob", "bob none, Ann none");
        assert_eq!(town.ties("bob"), "");
    }

    #[test]
    fn what_is_said_while_something_changes_is_looked_at_again() {
        let mut town = Town::new();
        town.does("bob", Op::Block, "ann");
        town.says("Ann", "bob");
        assert_eq!(town.writes(), ["Ann blocked, bob none", "NotBlocked Absent"]);
        town.does("cyd", Op::Request, "ann");
        town.writes();
        town.does("Ann", Op::Accept, "cyd");
        town.writes();
        let cyd = town.people["cyd"];
        town.hub.disconnect(NOW(), cyd);
        town.does("Ann", Op::Request, "dan");
        town.says("Ann", "cyd");
        town.does("Ann", Op::Remove, "cyd");
        town.says("Ann", "cyd");
        let heard = town.writes();
        assert!(heard[1].starts_with("Friends Posted"), "{heard:?}");
        assert_eq!(heard[2..], ["cyd none, Ann none", "Friends Absent"]);
    }

    #[test]
    fn an_account_from_before_the_width_of_letters_counted_is_blocked_and_not_another() {
        let mut town = Town::new();
        town.store.db.execute("UPDATE accounts SET key = 'ｂob', name = 'ｂob' WHERE id = 3", []).unwrap();
        for (typed, blocked) in [("ｂob", "ｂob"), ("bob", "bob")] {
            town.check("Ann", Op::Block, typed, &format!("{blocked} blocked, Ann none"));
        }
        let blocks = town.store.memory().unwrap().blocks;
        let blocked: Vec<&str> = blocks.iter().map(|(_, of)| of.as_str()).collect();
        assert_eq!(blocked, ["bob", "ｂob"]);
    }

    #[test]
    fn all_blocks_of_an_account_share_its_key_after_a_start() {
        let mut town = Town::new();
        for (who, other) in [("Ann", "bob"), ("Ann", "cyd"), ("dan", "bob"), ("bob", "Ann")] {
            town.does(who, Op::Block, other);
        }
        town.writes();
        let blocks = town.store.memory().unwrap().blocks;
        let keys = blocks.iter().flat_map(|(by, of)| [by, of]).map(NameKey::as_str);
        let places: BTreeMap<*const u8, &str> = keys.map(|key| (key.as_ptr(), key)).collect();
        assert_eq!((blocks.len(), places.len()), (4, USERS.len()));
    }

    #[test]
    fn a_deleted_account_is_nothing_to_anybody() {
        let mut town = Town::new();
        for (who, op, other) in [
            ("Ann", Op::Request, "bob"),
            ("bob", Op::Accept, "ann"),
            ("Ann", Op::Request, "cyd"),
            ("dan", Op::Block, "ann"),
        ] {
            town.does(who, op, other);
        }
        town.writes();
        town.store.delete_account(&account("ann")).unwrap();
        for user in USERS {
            assert_eq!(town.ties(user), "");
        }
        assert!(town.store.memory().unwrap().blocks.is_empty());
        town.check("bob", Op::Request, "ann", "Untied(Unknown)");
        town.check("Ann", Op::Request, "bob", "Failed");
    }

    #[test]
    fn what_is_damaged_of_one_costs_nobody_else_what_they_say() {
        let mut town = Town::new();
        town.says("Ann", "cyd");
        town.does("Ann", Op::Request, "bob");
        town.writes();
        town.store.db.execute("UPDATE ties SET tie = 7 WHERE account = 1", []).unwrap();
        town.store.db.execute("DELETE FROM sides WHERE account = 3", []).unwrap();
        let phone = town.hub.connect(&mut Deliveries::new()).unwrap();
        let login = Command::Login(account("Ann"), Caps::ALL, None);
        town.hub.apply(NOW(), phone, login, &mut Deliveries::new());
        town.does("Ann", Op::Remove, "bob");
        town.says("bob", "Ann");
        town.says("cyd", "dan");
        town.reads("cyd", "ann", 1);
        let mut group = Vec::new();
        town.hub.take_appends(usize::MAX, &mut group);
        let outcomes = town.store.append(&group, 5).unwrap();
        let unread = Outcome::Unreadable;
        assert_eq!([&outcomes[0], &outcomes[1], &outcomes[2], &outcomes[4]], [&unread; 4]);
        assert!(matches!(outcomes[3], Outcome::Posted(_)), "{outcomes:?}");
        let settled = group.into_iter().zip(outcomes).map(|(append, outcome)| append.settle(outcome));
        town.hub.settle(NOW(), settled.collect(), &mut Deliveries::new());
        // A disk that does its work is not asked again and again for what is damaged.
        assert_eq!(town.hub.pending_appends(), 0);
    }

    #[test]
    fn a_check_finds_what_does_not_agree() {
        let mut town = Town::new();
        town.does("Ann", Op::Request, "bob");
        town.does("cyd", Op::Request, "ann");
        town.does("Ann", Op::Accept, "cyd");
        town.writes();
        let db = &town.store.db;
        for (harm, what) in [
            ("DELETE FROM ties WHERE account = 2", "does not agree"),
            ("DELETE FROM ties WHERE account = 1 AND tie = 1", "does not agree"),
            ("UPDATE ties SET tie = 7 WHERE account = 2", "does not agree"),
            ("UPDATE ties SET tie = 0 WHERE account = 2", "does not agree"),
            ("INSERT INTO ties VALUES (2, 3, 2, 0)", "does not agree"),
            ("INSERT INTO ties VALUES (2, 2, 4, 0)", "to themselves"),
            ("INSERT INTO ties VALUES (2, 99, 4, 0)", "to nobody"),
            ("UPDATE accounts SET is_deleted = 1 WHERE id = 3", "to nobody"),
        ] {
            let found = found_after(db, harm, check);
            assert!(found.contains(what), "{harm}: {found}");
        }
        check(db).unwrap();
    }

    fn any_story() -> impl Strategy<Value = Vec<(usize, usize, usize)>> {
        prop::collection::vec((0..USERS.len(), 0..Op::ALL.len(), 0..USERS.len()), 1..60)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Whatever happens, the disk has what the core decides by what two are to each other, and by how many there are.
        #[test]
        fn what_is_decided_is_what_is_found_again(story in any_story()) {
            let mut town = Town::new();
            let mut sides: BTreeMap<(usize, usize), Side> = BTreeMap::new();
            let side = |sides: &BTreeMap<_, Side>, one, other| sides.get(&(one, other)).copied().unwrap_or_default();
            for (who, op, other) in story.into_iter().filter(|(who, _, other)| who != other) {
                let op = Op::ALL[op];
                let before = Bond { own: side(&sides, who, other), other: side(&sides, other, who) };
                let friends = |user| sides.iter().filter(|((one, _), side)| *one == user && side.tie == Tie::Friend).count();
                let is_full = |after: Bond| {
                    let becomes = before.own.tie != Tie::Friend && after.own.tie == Tie::Friend;
                    becomes && (friends(who) >= 2 || friends(other) >= 2)
                };
                if let Ok(after) = before.after(op) && !is_full(after) {
                    sides.insert((who, other), after.own);
                    sides.insert((other, who), after.other);
                }
                town.does(USERS[who], op, USERS[other]);
                town.writes();
                for (user, name) in USERS.into_iter().enumerate() {
                    let ties = (0..USERS.len()).map(|other| (USERS[other], side(&sides, user, other).tie));
                    let ties = ties.filter(|(_, tie)| *tie != Tie::None);
                    let ties: Vec<String> = ties.map(|(name, tie)| format!("{name} {}", tie.as_str())).collect();
                    prop_assert_eq!(town.ties(name), ties.join(", "));
                }
            }
        }
    }

    /// Prints how long it takes: `cargo test --release -p server-common -- --ignored --nocapture friends_of_many`.
    #[test]
    #[ignore = "it measures"]
    fn the_friends_of_many_are_found_soon() {
        let mut store = Store::in_memory().unwrap();
        let ann = store.register_for_tests_only("ann");
        store
            .db
            .execute_batch(
                "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 10001)
                INSERT INTO accounts (id, key, name, password, look) SELECT i, 'u' || i, 'u' || i, '', 'u' || i FROM n;
                WITH RECURSIVE m(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM m WHERE k < 50)
                INSERT OR IGNORE INTO ties SELECT id, 2 + (id * 7919 + k) % 10000, 1, 0 FROM accounts, m WHERE id > 1;
                INSERT OR IGNORE INTO ties SELECT 1, id, 1, 0 FROM accounts WHERE id BETWEEN 2 AND 501;",
            )
            .unwrap();
        of(&store.db, ann).unwrap();
        let start = Instant::now();
        for _ in 0..100 {
            assert_eq!(of(&store.db, ann).unwrap().len(), 500);
        }
        println!("{:?} each", start.elapsed() / 100);
    }
}
