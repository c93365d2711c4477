use std::time::{Duration, Instant};

use super::*;

/// Three guests and two rooms, and a clock that goes on by a step each time something happens.
struct Story {
    ledger: Ledger,
    now: Instant,
}

impl Story {
    fn new() -> Self {
        Self { ledger: Ledger::new(3), now: Instant::now() }
    }

    fn step(&mut self) -> Instant {
        self.now += Duration::from_millis(1);
        self.now
    }

    fn enter(&mut self, guest: usize, room: usize) -> &mut Self {
        let asked_at = self.step();
        let now = self.step();
        self.ledger.enter(guest, room, asked_at, now);
        self
    }

    fn leave(&mut self, guest: usize) -> &mut Self {
        let asked_at = self.step();
        self.ledger.leave(guest, asked_at);
        self
    }

    fn say(&mut self, author: usize, room: usize) -> &mut Self {
        let now = self.step();
        self.ledger.say(author, room, None, now);
        self
    }

    fn whisper(&mut self, author: usize, room: usize, to: usize) -> &mut Self {
        let now = self.step();
        self.ledger.say(author, room, Some(to), now);
        self
    }

    fn hear(&mut self, guest: usize, (author, number): Id) -> &mut Self {
        let now = self.step();
        let is_whisper = self.ledger.said[author].get(number).is_some_and(|message| message.to.is_some());
        self.ledger.hear(guest, &name(author), &words(author, number), is_whisper, now);
        self
    }

    /// The one thing that is wrong.
    fn fault(&mut self) -> String {
        self.ledger.verify();
        assert_eq!(self.ledger.faults().len(), 1, "{:?}", self.ledger.faults());
        self.ledger.faults()[0].clone()
    }

    fn is_fine(&mut self) {
        self.ledger.verify();
        assert!(self.ledger.faults().is_empty(), "{:?}", self.ledger.faults());
    }
}

fn three_in_a_room() -> Story {
    let mut story = Story::new();
    story.enter(0, 0).enter(1, 0).enter(2, 0);
    story
}

#[test]
fn a_room_in_which_all_hear_all_is_fine() {
    let mut story = three_in_a_room();
    story.say(0, 0).hear(1, (0, 0)).hear(0, (0, 0)).hear(2, (0, 0));
    story.whisper(1, 0, 2).hear(2, (1, 0)).hear(1, (1, 0));
    story.leave(0).leave(1).leave(2).is_fine();
    let tally = story.ledger.verify();
    assert_eq!((tally.said, tally.heard, tally.owed, tally.stays), (2, 5, 5, 3));
}

#[test]
fn the_end_of_a_lost_connection_is_nobodys_fault() {
    let mut story = three_in_a_room();
    story.say(0, 0).hear(0, (0, 0)).hear(1, (0, 0));
    story.ledger.lose(2);
    story.leave(0).leave(1).is_fine();
}

#[test]
fn what_nobody_heard_is_uncertain() {
    let mut story = three_in_a_room();
    story.say(0, 0).leave(0).leave(1).leave(2).is_fine();
    assert_eq!(story.ledger.verify().uncertain, 1);
}

#[test]
fn a_message_that_one_missed_who_was_there_is_a_fault() {
    let mut story = three_in_a_room();
    story.say(0, 0).hear(0, (0, 0)).hear(1, (0, 0)).leave(0).leave(1).leave(2);
    assert!(story.fault().contains("guest2 was in room 0 and missed (0, 0)"));
}

#[test]
fn a_whisper_that_did_not_arrive_is_a_fault() {
    let mut story = three_in_a_room();
    story.whisper(0, 0, 1).hear(0, (0, 0)).leave(0).leave(1).leave(2);
    assert!(story.fault().contains("guest1 was in room 0 and missed (0, 0)"));
}

#[test]
fn a_hole_in_a_lost_connection_is_a_fault() {
    let mut story = three_in_a_room();
    // Said at the same time as far as anybody can tell, but others heard it between two that guest 2 heard.
    story.say(0, 0).say(1, 0).say(0, 0);
    for guest in [0, 1] {
        story.hear(guest, (0, 0)).hear(guest, (1, 0)).hear(guest, (0, 1));
    }
    story.hear(2, (0, 0)).hear(2, (0, 1));
    story.ledger.lose(2);
    story.ledger.verify();
    assert!(
        story.ledger.faults()[0].contains("guest2 heard (0, 1) right after (0, 0), somebody else (1, 0)")
    );
}

#[test]
fn a_first_message_that_is_not_the_first_is_a_fault() {
    let mut story = three_in_a_room();
    story.say(0, 0).say(1, 0);
    story.hear(0, (0, 0)).hear(0, (1, 0)).hear(2, (1, 0));
    story.ledger.lose(2);
    assert!(story.fault().contains("guest2 was in room 0 and did not hear (0, 0)"));
}

#[test]
fn an_order_of_ones_own_is_a_fault() {
    let mut story = three_in_a_room();
    story.say(0, 0).say(1, 0);
    story.hear(0, (0, 0)).hear(0, (1, 0)).hear(1, (1, 0)).hear(1, (0, 0));
    story.ledger.verify();
    assert!(story.ledger.faults()[0].contains("2 messages come one after the other in a ring"));
}

#[test]
fn a_message_that_is_heard_twice_is_a_fault() {
    let mut story = three_in_a_room();
    story.say(0, 0).hear(1, (0, 0));
    story.ledger.lose(1);
    story.enter(1, 0).hear(1, (0, 0));
    story.ledger.verify();
    assert!(story.ledger.faults()[0].contains("it was over before they came"));

    let mut story = three_in_a_room();
    story.say(0, 0).hear(1, (0, 0)).hear(1, (0, 0));
    assert!(story.ledger.faults()[0].contains("they have heard it before"));
}

#[test]
fn an_authors_order_is_kept_for_the_hearer() {
    let mut story = three_in_a_room();
    story.say(0, 0).say(0, 0).hear(1, (0, 1)).hear(1, (0, 0));
    assert!(story.ledger.faults()[0].contains("they have heard what was said after it"));
}

#[test]
fn another_rooms_message_is_a_fault() {
    let mut story = three_in_a_room();
    story.leave(2).enter(2, 1).say(0, 0).hear(2, (0, 0));
    assert!(story.fault().contains("they are in another room"));
}

#[test]
fn a_message_in_no_room_is_a_fault() {
    let mut story = three_in_a_room();
    story.leave(2).say(0, 0).hear(2, (0, 0));
    assert!(story.fault().contains("they are in no room"));
}

#[test]
fn anothers_whisper_is_a_fault() {
    let mut story = three_in_a_room();
    story.whisper(0, 0, 1).hear(2, (0, 0));
    assert!(story.fault().contains("it was whispered to somebody else"));
}

#[test]
fn what_was_refused_and_heard_is_a_fault_either_way_round() {
    let mut story = three_in_a_room();
    story.say(0, 0).hear(0, (0, 0)).ledger.refuse(0, 0);
    assert!(story.ledger.faults()[0].contains("was refused, but it was heard"));

    let mut story = three_in_a_room();
    story.say(0, 0).ledger.refuse(0, 0);
    story.hear(1, (0, 0));
    assert!(story.fault().contains("it was refused"));
}

#[test]
fn what_nobody_said_is_a_fault() {
    let mut story = three_in_a_room();
    story.hear(1, (0, 0));
    assert!(story.fault().contains("nobody has said that"));

    let mut story = three_in_a_room();
    let now = story.say(0, 0).step();
    story.ledger.hear(1, &name(2), &words(0, 0), false, now);
    assert!(story.fault().contains("somebody else said it"));

    let mut story = three_in_a_room();
    let now = story.say(0, 0).step();
    story.ledger.hear(1, &name(0), &format!("{} la", words(0, 0)), false, now);
    assert!(story.fault().contains("those are not the words"));
}

#[test]
fn all_words_fit_into_a_message() {
    for number in 0..100 {
        let words = words(1_000, number);
        assert!(words.len() <= chatroom_core::limits::TEXT_BYTES_MAX);
        assert_eq!(parse(&words), Some((1_000, number)));
    }
}
