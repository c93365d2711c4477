use chatroom_core::message::history::{Edge, Window};
use chatroom_core::server::{Conversation, Recall};

use super::*;
use crate::store::Messages as _;
use crate::testing::account;

const HOUR_MS: i64 = 3_600_000;
/// A hundred days after messages of the time 0 were said.
const NOW: Duration = Duration::from_secs(100 * 86_400);

/// Ann and bob, in a room and in private, with a message an hour in each, the last one now.
struct Town {
    store: Store,
    ann: i64,
    den: i64,
    pair: i64,
}

impl Town {
    fn new(messages: i64) -> Self {
        let mut store = Store::in_memory().unwrap();
        let (ann, bob) = (store.register_for_tests_only("ann"), store.register_for_tests_only("bob"));
        let (den, pair) = (store.make_room_for_tests_only("den"), store.pair_for_tests_only(ann, bob));
        let mut town = Self { store, ann, den, pair };
        for ago in (0..messages).rev() {
            town.say(den, ago);
            town.say(pair, ago);
        }
        town
    }

    fn say(&mut self, conversation: i64, hours_ago: i64) -> i64 {
        let ts = milliseconds(NOW) - hours_ago * HOUR_MS;
        self.store.say_for_tests_only(conversation, self.ann, ts, "hello")
    }

    /// Cuts until there is nothing more to cut. How many messages are gone.
    fn cut(&mut self, days: u32, messages: u32) -> u64 {
        let (mut from, mut gone) = (Place::default(), 0);
        loop {
            let cut = self.store.cut(Retention { days, messages }, NOW, from).unwrap();
            gone += cut.messages;
            let Some(next) = cut.next else { return gone };
            from = next;
        }
    }

    /// The numbers of what ann can read of the room or of what she and bob said, after a number; and whether there is more.
    fn read(&self, conversation: i64, edge: Edge) -> (Vec<u64>, bool) {
        let key = |name: &str| NameKey::new(crate::keys::name_key, name);
        let conversation = if conversation == self.den {
            Conversation::Room(key("den"))
        } else {
            Conversation::Peer(key("bob"))
        };
        let window = Window { edge, count_max: 100 };
        let page = self.store.page(&Recall { reader: account("ann"), conversation, window }).unwrap();
        (page.messages().iter().map(|past| past.posted.seq).collect(), page.has_more())
    }
}

#[test]
fn the_oldest_go_and_numbers_go_on() {
    let mut town = Town::new(10);
    assert_eq!(town.cut(0, 3), 14);
    for conversation in [town.den, town.pair] {
        assert_eq!(town.read(conversation, Edge::End), (vec![8, 9, 10], false));
        assert_eq!(town.read(conversation, Edge::Before(9)), (vec![8], false));
        assert_eq!(
            town.read(conversation, Edge::Before(8)),
            (vec![], false),
            "it was cut, and there is no more"
        );
        assert_eq!(town.read(conversation, Edge::After(2)), (vec![8, 9, 10], false));
    }
    assert_eq!(town.say(town.den, 0), 11);
    assert_eq!(town.store.check().unwrap().messages, 7);
    assert_eq!(town.cut(0, 3), 1);
}

#[test]
fn what_is_too_old_goes_to_the_millisecond() {
    let mut town = Town::new(49);
    assert_eq!(town.cut(2, 0), 0, "the first is two days old, and not older");
    town.store.db.execute("UPDATE messages SET ts = ts - 1", []).unwrap();
    assert_eq!(town.cut(2, 0), 2);
    assert_eq!(town.cut(1, 0), 48);
    assert_eq!(town.read(town.den, Edge::End).0, (26..=49).collect::<Vec<_>>());
    town.store.check().unwrap();
}

#[test]
fn either_limit_is_enough() {
    let mut town = Town::new(48);
    assert_eq!(town.cut(1, 40), 2 * 23);
    assert_eq!(town.cut(1, 10), 2 * 15);
    assert_eq!(town.read(town.pair, Edge::End).0, (39..=48).collect::<Vec<_>>());
}

#[test]
fn a_wrong_clock_makes_no_hole() {
    let mut town = Town::new(5);
    // Said before it and written after it, by a clock that was set back.
    town.say(town.den, 1_000);
    assert_eq!(town.cut(1, 0), 0);
    assert_eq!(town.cut(1, 1), 6 + 4);
    assert_eq!(town.read(town.den, Edge::End).0, [] as [u64; 0], "the one from long ago is at the end now");
    town.store.check().unwrap();
}

#[test]
fn a_room_that_was_emptied_has_been_spoken_in() {
    let mut town = Town::new(3);
    town.store.db.execute("UPDATE messages SET ts = 0", []).unwrap();
    assert_eq!(town.cut(7, 0), 6);
    assert_eq!(town.store.check().unwrap().messages, 0);
    assert_eq!(town.store.memory().unwrap().rooms[0].last_seq, 3);
    assert_eq!(town.read(town.den, Edge::End), (vec![], false));
    assert_eq!(town.say(town.den, 0), 4);
    assert_eq!(town.read(town.den, Edge::End), (vec![4], false));
    town.store.check().unwrap();
}

#[test]
fn a_room_can_be_kept_longer_or_shorter_than_the_rest() {
    let mut town = Town::new(10);
    let attic = town.store.make_room_for_tests_only("Attic");
    for _ in 0..10 {
        town.say(attic, 0);
    }
    let key = |name: &str| NameKey::new(crate::keys::name_key, name);
    let (all, two) = (Retention::default(), Retention { days: 0, messages: 2 });
    assert!(!town.store.has_room_retention().unwrap());
    assert!(!town.store.set_room_retention(&key("cellar"), Some(two)).unwrap());
    assert!(town.store.set_room_retention(&key("den"), Some(all)).unwrap());
    assert!(town.store.set_room_retention(&key("ATTIC"), Some(two)).unwrap());
    assert!(town.store.has_room_retention().unwrap());
    assert_eq!(town.cut(0, 5), 8 + 5);
    let listed = |name: &str, messages, keep| ListedRoom { name: name.to_owned(), messages, keep };
    assert_eq!(
        town.store.list_rooms().unwrap(),
        [listed("den", 10, Some(all)), listed("Attic", 2, Some(two))]
    );
    // Where everything is kept of the rest, a room's own retention still holds.
    town.say(attic, 0);
    assert_eq!(town.cut(0, 0), 1);
    assert!(town.store.set_room_retention(&key("den"), None).unwrap());
    assert_eq!(town.cut(0, 5), 5);
}

#[test]
fn a_cut_is_small_and_goes_on_where_it_was() {
    let mut store = Store::in_memory().unwrap();
    let ann = store.register_for_tests_only("ann");
    let rooms: Vec<i64> = (0..600).map(|room| store.make_room_for_tests_only(&format!("r{room}"))).collect();
    // Much in one of them, something in a few, and nothing in most.
    for (room, messages) in [(rooms[0], 300), (rooms[299], 3), (rooms[599], 2)] {
        for _ in 0..messages {
            store.say_for_tests_only(room, ann, 0, "hello");
        }
    }
    let (mut from, mut cuts) = (Place::default(), Vec::new());
    loop {
        let cut = store.cut(Retention { days: 0, messages: 1 }, NOW, from).unwrap();
        cuts.push(cut.messages);
        let Some(next) = cut.next else { break };
        from = next;
    }
    assert_eq!(cuts, [[32; 9].as_slice(), &[11, 2, 1]].concat());
    assert_eq!(store.check().unwrap().messages, 3);
}
