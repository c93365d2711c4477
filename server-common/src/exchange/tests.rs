//! Who takes nothing, and what that costs all together.

use chatroom_core::frame::Frame;
use chatroom_core::limits::Limits;
use chatroom_core::message::hello::{Caps, Registration};
use chatroom_core::name::{NameKey, NameLook, RoomName};

use super::*;
use crate::keys::{name_key, name_look};
use crate::testing::account;

const NOW: fn() -> Instant = Instant::default;

struct Nobody;

impl Wake for Nobody {
    fn wake(&self) {}
}

fn exchange(limits: Limits) -> Exchange<Nobody> {
    let limits = Limits { message_rate: 0, rooms_created_per_hour_max: 0, ..limits };
    let hub = Hub::new(NOW(), limits.clone(), name_key, name_look, &[]);
    Exchange::new(
        hub,
        &Rules {
            limits,
            registration: Registration::Open,
            history: false,
            key_of: name_key,
            look_of: name_look,
        },
        Box::new(|| {}),
        Box::new(|| {}),
    )
}

/// Somebody in a room of that name, who has taken all that came so far.
fn member(exchange: &Exchange<Nobody>, name: &str, room: &str) -> Arc<Peer<Nobody>> {
    let peer = exchange.connect(NOW(), Nobody).unwrap();
    let (key, room) = (NameKey::new(name_key, room), RoomName::parse(room).unwrap());
    exchange.apply(NOW(), &peer, Command::Login(account(name), Caps::default(), None));
    let look = NameLook::of_room(name_look, &room).unwrap();
    exchange.apply(NOW(), &peer, Command::Create(key.clone(), look, room.clone()));
    exchange.apply(NOW(), &peer, Command::Enter(key, room));
    take_all(&peer);
    peer
}

/// How many messages there were, and whether more was lost.
fn take_all(peer: &Peer<Nobody>) -> (usize, bool) {
    let mut letters = Letters::new();
    peer.collect(usize::MAX, &mut letters);
    let messages = letters.iter().filter(|letter| matches!(letter, Letter::Mail(Mail::Frame(_)))).count();
    (messages, letters.iter().any(|letter| matches!(letter, Letter::Overflow)))
}

fn say(exchange: &Exchange<Nobody>, from: &Peer<Nobody>, bytes: usize) {
    exchange.apply(NOW(), from, Command::Say(Frame::from(vec![b' '; bytes])));
    take_all(from);
}

#[test]
fn a_message_that_waits_for_many_counts_once_and_a_place_in_each_queue() {
    let exchange = exchange(Limits::default());
    let peers: Vec<_> = (0..50).map(|number| member(&exchange, &format!("user{number}"), "den")).collect();
    for peer in &peers {
        take_all(peer);
    }
    assert_eq!(exchange.ledger().bytes(), 0);
    say(&exchange, &peers[0], 10_000);
    assert_eq!(exchange.ledger().bytes(), 10_000 + 49 * PLACE_BYTES);
    for peer in &peers[1..25] {
        assert_eq!(take_all(peer), (1, false));
    }
    assert_eq!(exchange.ledger().bytes(), 10_000 + 25 * PLACE_BYTES);
    // Some leave without taking it.
    for peer in peers {
        exchange.disconnect(NOW(), &peer);
    }
    assert_eq!(exchange.ledger().bytes(), 0);
}

#[test]
fn what_overflows_one_mailbox_counts_no_more() {
    let limits = Limits { list_bytes_max: 1024, outbox_bytes_max: 4096, ..Limits::default() };
    let exchange = exchange(limits);
    let (talker, slow) = (member(&exchange, "talker", "den"), member(&exchange, "slow", "den"));
    take_all(&talker);
    for _ in 0..10 {
        say(&exchange, &talker, 1000);
    }
    assert_eq!(exchange.ledger().bytes(), 0);
    assert_eq!(take_all(&slow), (0, true));
}

#[test]
fn when_too_much_waits_for_all_together_the_longest_queue_goes_and_no_other() {
    let limits = Limits {
        list_bytes_max: 1024,
        outbox_bytes_max: 50_000,
        outbox_total_bytes_max: 100_000,
        ..Limits::default()
    };
    let exchange = exchange(limits);
    // In each room one talks and one takes nothing.
    let rooms: Vec<_> = (0..4)
        .map(|number| {
            let room = format!("room{number}");
            let talker = member(&exchange, &format!("talker{number}"), &room);
            let slow = member(&exchange, &format!("slow{number}"), &room);
            take_all(&talker);
            (talker, slow)
        })
        .collect();
    for (messages, (talker, _)) in [20, 40, 30, 5].into_iter().zip(&rooms) {
        for _ in 0..messages {
            say(&exchange, talker, 1000);
        }
    }
    assert!(exchange.ledger().bytes() < 100_000);
    for _ in 0..10 {
        say(&exchange, &rooms[0].0, 1000);
    }
    assert!(exchange.ledger().bytes() < 100_000);
    assert_eq!(take_all(&rooms[1].1), (0, true));
    for (messages, (_, slow)) in [(30, &rooms[0]), (30, &rooms[2]), (5, &rooms[3])] {
        assert_eq!(take_all(slow), (messages, false));
    }
}

/// A queue of many shared messages frees nothing, so all of them have to go who share them.
#[test]
fn those_who_share_what_is_too_much_go_together() {
    let limits = Limits {
        list_bytes_max: 1024,
        outbox_bytes_max: 100_000,
        outbox_total_bytes_max: 100_000,
        ..Limits::default()
    };
    let exchange = exchange(limits);
    let talkers = [member(&exchange, "one", "den"), member(&exchange, "two", "kitchen")];
    let slow: Vec<_> = (0..2).map(|number| member(&exchange, &format!("slow{number}"), "den")).collect();
    let other = member(&exchange, "other", "kitchen");
    for peer in slow.iter().chain(&talkers) {
        take_all(peer);
    }
    for _ in 0..60 {
        say(&exchange, &talkers[0], 1000);
        say(&exchange, &talkers[1], 650);
    }
    assert!(exchange.ledger().bytes() <= 100_000);
    assert!(slow.iter().all(|peer| take_all(peer) == (0, true)));
    assert_eq!(take_all(&other), (60, false));
}

#[test]
fn what_is_sealed_counts_for_a_queue_and_until_its_connection_is_gone_it_frees_nothing() {
    let limits = Limits {
        list_bytes_max: 1024,
        outbox_bytes_max: 50_000,
        outbox_total_bytes_max: 50_000,
        ..Limits::default()
    };
    let exchange = exchange(limits);
    let talker = member(&exchange, "talker", "den");
    let (slow, slower) = (member(&exchange, "slow", "den"), member(&exchange, "slower", "den"));
    take_all(&talker);
    take_all(&slow);
    slower.set_sealed_bytes(40_000);
    for _ in 0..20 {
        say(&exchange, &talker, 1000);
    }
    assert_eq!(take_all(&slower), (0, true), "most waits for it");
    assert_eq!(take_all(&slow), (20, false), "the other's bytes are as good as free");
    slower.set_sealed_bytes(0);
    assert_eq!(exchange.ledger().bytes(), 0);
}

/// In each of so many rooms one who talks and one who takes nothing.
fn couples(exchange: &Exchange<Nobody>, rooms: usize) -> Vec<[Arc<Peer<Nobody>>; 2]> {
    let couple = |number| {
        let room = format!("room{number}");
        let pair = ["talker", "slow"].map(|who| member(exchange, &format!("{who}{number}"), &room));
        take_all(&pair[0]);
        pair
    };
    (0..rooms).map(couple).collect()
}

#[test]
fn queues_go_until_a_sixteenth_is_free_and_no_further() {
    let limits = Limits {
        list_bytes_max: 1024,
        outbox_bytes_max: 50_000,
        outbox_total_bytes_max: 160_000,
        ..Limits::default()
    };
    let exchange = exchange(limits);
    let couples = couples(&exchange, 100);
    let message = 1000 - PLACE_BYTES;
    for [talker, _] in &couples {
        say(&exchange, talker, message);
    }
    for [talker, _] in &couples[..59] {
        say(&exchange, talker, message);
    }
    assert_eq!(exchange.ledger().bytes(), 159_000);
    // With its place in its author's own queue the next one is too much: 2,000 bytes at a time go until no more than
    // 150,000 are left.
    say(&exchange, &couples[99][0], message);
    assert_eq!(exchange.ledger().bytes(), 148_000);
    say(&exchange, &couples[98][0], message);
    assert_eq!(exchange.ledger().bytes(), 149_000, "what is free is used before more has to go");
}

#[test]
fn those_who_were_dropped_and_are_not_gone_protect_nobody_else() {
    let limits = Limits {
        list_bytes_max: 1024,
        outbox_bytes_max: 50_000,
        outbox_total_bytes_max: 50_000,
        ..Limits::default()
    };
    let exchange = exchange(limits);
    let couples = couples(&exchange, 3);
    let slow = |number: usize| &couples[number][1];
    slow(0).set_sealed_bytes(40_000);
    for messages in 1..=30 {
        for [talker, _] in &couples {
            say(&exchange, talker, 1000 - PLACE_BYTES);
        }
        assert!(exchange.ledger().bytes() <= 40_000 + 50_000, "after {messages} messages in each room");
    }
    assert_eq!(take_all(slow(0)), (0, true), "most waited for it");
    let left = [slow(1), slow(2)].map(|peer| take_all(peer));
    assert!(left.contains(&(30, false)) && left.contains(&(0, true)), "{left:?}");
    slow(0).set_sealed_bytes(0);
}
