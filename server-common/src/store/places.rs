//! Who takes part in which room, and how far they have read there.

use chatroom_core::hub::{PlacingStep, StoredPlace};
use chatroom_core::name::{NameKey, UserName};
use rusqlite::{Connection, params};

use super::messages::{signed, unsigned};
use super::{StoreError, stored_account};

/// Writes what changes about an account and a room. `last` is the number of the last message there, if the conversation
/// does not say so yet.
pub(super) fn write(
    db: &Connection,
    account: i64,
    room: i64,
    step: PlacingStep,
    last: Option<i64>,
) -> rusqlite::Result<()> {
    match step {
        // Who comes has nothing to catch up on.
        PlacingStep::Join => db
            .prepare_cached(
                "INSERT OR IGNORE INTO places (account, conversation, read)
                SELECT ?1, id, coalesce(?3, last) FROM conversations WHERE id = ?2",
            )?
            .execute(params![account, room, last]),
        PlacingStep::Part => db
            .prepare_cached("DELETE FROM places WHERE account = ?1 AND conversation = ?2")?
            .execute(params![account, room]),
        PlacingStep::Read(seq) => db
            .prepare_cached(
                "UPDATE places SET read = max(read, ?3) WHERE account = ?1 AND conversation = ?2",
            )?
            .execute(params![account, room, signed(seq)]),
    }
    .map(drop)
}

/// All who take part in a room, account by account.
pub(super) fn all(db: &Connection) -> Result<Vec<StoredPlace>, StoreError> {
    let mut select = db.prepare(
        "SELECT accounts.key, accounts.name, rooms.key, read FROM places
        JOIN accounts ON accounts.id = account JOIN rooms USING (conversation)
        ORDER BY account, conversation",
    )?;
    let mut rows = select.query([])?;
    let mut places = Vec::new();
    while let Some(row) = rows.next()? {
        let name = UserName::parse(&row.get::<_, String>(1)?).map_err(|_| StoreError::Name)?;
        let account = stored_account(name, &row.get::<_, String>(0)?).ok_or(StoreError::Name)?;
        let room = NameKey::new(str::to_owned, &row.get::<_, String>(2)?);
        places.push(StoredPlace { account, room, read: unsigned(row.get(3)?) });
    }
    Ok(places)
}

/// The rooms that an account takes part in, by name, each with how far it has read there.
pub(super) fn of(db: &Connection, account: i64) -> rusqlite::Result<Vec<(String, i64)>> {
    let mut select = db.prepare_cached(
        "SELECT name, read FROM places JOIN rooms USING (conversation) WHERE account = ?1 ORDER BY conversation",
    )?;
    select.query_map([account], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

#[cfg(test)]
mod tests {
    use chatroom_core::Instant;
    use chatroom_core::hub::{Command, ConnId, Deliveries, Hub, Outcome, Post};
    use chatroom_core::limits::Limits;
    use chatroom_core::message::Text;
    use chatroom_core::message::hello::Caps;
    use chatroom_core::name::RoomName;

    use crate::keys::{name_key, name_look};
    use crate::passwords::hasher::Phc;
    use crate::store::testing::found_after;
    use crate::store::{Messages as _, Records as _, Store};
    use crate::testing::{account, look};

    use super::*;

    const NOW: fn() -> Instant = Instant::default;

    /// Two users who are in many rooms, and the disk.
    struct Town {
        store: Store,
        hub: Hub,
        ann: ConnId,
        bob: ConnId,
    }

    impl Town {
        fn new() -> Self {
            let mut store = Store::in_memory().unwrap();
            for name in ["ann", "bob"] {
                store
                    .insert(&account(name), &look(name), &Phc::from_store("$hash".to_owned()), None)
                    .unwrap();
            }
            Self::on(store)
        }

        /// A server that begins with what is on a disk.
        fn on(store: Store) -> Self {
            let limits = Limits { message_rate: 0, ..Limits::default() };
            let rooms = [room("den"), room("attic")];
            let mut hub = Hub::new(NOW(), limits, name_key, name_look, &rooms)
                .with_history(NOW(), store.memory().unwrap());
            let [ann, bob] = ["ann", "bob"].map(|user| {
                let id = hub.connect(&mut Deliveries::new()).unwrap();
                hub.apply(NOW(), id, Command::Login(account(user), Caps::ALL, None), &mut Deliveries::new());
                id
            });
            Self { store, hub, ann, bob }
        }

        fn does(&mut self, who: ConnId, command: Command) {
            self.hub.apply(NOW(), who, command, &mut Deliveries::new());
        }

        fn says(&mut self, who: ConnId, where_: &str) {
            let text = Text::try_from("hello").unwrap();
            let room = Some((key(where_), room(where_)));
            let post = Post { to: None, room, text, plain: Some(Vec::new().into()), cid: None, rid: None };
            self.does(who, Command::Post(Box::new(post)));
        }

        fn reads(&mut self, who: ConnId, where_: &str, seq: u64) {
            self.does(who, Command::Read(key(where_), room(where_), seq));
        }

        fn joins(&mut self, who: ConnId, where_: &str) {
            self.does(who, Command::Join(key(where_), room(where_)));
        }

        /// Makes all that waits durable, in one group.
        fn writes(&mut self) {
            let mut group = Vec::new();
            self.hub.take_appends(usize::MAX, &mut group);
            let outcomes = self.store.append(&group, 5).unwrap();
            assert!(!outcomes.contains(&Outcome::Failed));
            let settled = group.into_iter().zip(outcomes).map(|(append, outcome)| append.settle(outcome));
            self.hub.settle(NOW(), settled.collect(), &mut Deliveries::new());
        }

        /// Who is where on the disk, and has read how far.
        #[track_caller]
        fn check(&self, expected: &[(&str, &str, u64)]) {
            let places = self.store.memory().unwrap().places;
            let found =
                places.iter().map(|place| (place.account.key.as_str(), place.room.as_str(), place.read));
            assert_eq!(found.collect::<Vec<_>>(), expected);
        }
    }

    fn room(name: &str) -> RoomName {
        RoomName::parse(name).unwrap()
    }

    fn key(name: &str) -> NameKey {
        NameKey::new(name_key, name)
    }

    #[test]
    fn who_takes_part_is_found_again_and_so_is_how_far_they_have_read() {
        let mut town = Town::new();
        let (ann, bob) = (town.ann, town.bob);
        town.joins(ann, "den");
        town.joins(ann, "attic");
        town.joins(bob, "den");
        town.writes();
        for _ in 0..3 {
            town.says(ann, "den");
        }
        town.writes();
        town.reads(bob, "den", 2);
        town.writes();
        town.check(&[("ann", "den", 3), ("ann", "attic", 0), ("bob", "den", 2)]);
        let mut town = Town::on(town.store);
        let bob = town.bob;
        town.reads(bob, "den", 1);
        town.reads(bob, "den", 3);
        town.does(bob, Command::Part(key("den"), room("den")));
        town.writes();
        town.check(&[("ann", "den", 3), ("ann", "attic", 0)]);
    }

    #[test]
    fn who_comes_has_read_what_was_said_before_also_in_the_same_group() {
        let mut town = Town::new();
        let (ann, bob) = (town.ann, town.bob);
        town.joins(ann, "den");
        town.writes();
        town.says(ann, "den");
        town.says(ann, "den");
        town.joins(bob, "den");
        town.says(ann, "den");
        town.writes();
        town.check(&[("ann", "den", 3), ("bob", "den", 2)]);
    }

    #[test]
    fn a_room_that_somebody_takes_part_in_is_not_removed_and_a_check_knows_them_all() {
        let mut town = Town::new();
        let ann = town.ann;
        town.joins(ann, "den");
        town.writes();
        let db = &town.store.db;
        super::super::messages::check(db).unwrap();
        for (harm, what) in [
            ("UPDATE places SET conversation = 99", "no room"),
            ("UPDATE places SET account = 99", "nobody takes part"),
        ] {
            let found = found_after(db, harm, super::super::messages::check);
            assert!(found.contains(what), "{harm}: {found}");
        }
    }
}
