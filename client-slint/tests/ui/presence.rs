//! Who is here, and what is said of that.

use chatroom_core::client::Event;
use chatroom_core::message::Kind;
use chatroom_core::message::hello::{Caps, Greeting};
use chatroom_core::message::presence::PresenceState::{Away, Busy, Offline, Online};
use i_slint_backend_testing::AccessibleRole::{Button, ListItem, TextInput};
use slint::platform::Key;

use crate::seat::{Seat, friends, here};

#[test]
fn it_is_seen_who_is_here_and_what_they_say_of_themselves() {
    let seat = Seat::in_many();
    seat.hear(friends([&["casey", "dana"], &[], &[], &[]]));
    seat.hear(here(&[("bob", Away, "lunch"), ("dana", Busy, "in a call"), ("ann", Online, "")]));
    seat.find(ListItem, "bob, away, lunch");
    seat.find(ListItem, "Private conversation with bob, away, lunch");
    seat.find(ListItem, "Friend dana, busy, in a call");
    seat.find(ListItem, "Friend casey");
    seat.hear(here(&[("bob", Offline, ""), ("casey", Online, "")]));
    seat.find(ListItem, "bob");
    seat.find(ListItem, "Friend casey, online");
    seat.click(ListItem, "Friend dana, busy, in a call");
    assert!(seat.has("busy – in a call"));
}

#[test]
fn one_says_what_others_see_with_keys_alone() {
    let seat = Seat::in_many();
    seat.click(Button, "You are seen as ann, online");
    seat.press(Key::DownArrow);
    seat.press(Key::Tab);
    seat.type_text("at lunch");
    seat.take_done();
    seat.press(Key::Return);
    assert_eq!(seat.take_done(), "be away at lunch");
    seat.hear(too_often());
    assert!(seat.has("That was too fast. Try again in 3 s."));
    seat.press(Key::Return);
    seat.hear(here(&[("ann", Away, "at lunch")]));
    assert!(!seat.has("How others see you"));
    seat.click(Button, "You are seen as ann, away, at lunch");
    assert_eq!(seat.find(TextInput, "What you say of yourself").accessible_value().unwrap(), "at lunch");
    seat.take_done();
    // It is so already.
    seat.click(Button, "Show it");
    assert!(!seat.has("How others see you") && seat.take_done().is_empty());
}

#[test]
fn what_was_wrong_with_words_is_not_said_of_others() {
    let seat = Seat::in_many();
    let too_fast = "That was too fast. Try again in 3 s.";
    seat.click(Button, "You are seen as ann, online");
    seat.click(TextInput, "What you say of yourself");
    seat.type_text("at lunch");
    seat.press(Key::Return);
    seat.hear(too_often());
    assert!(seat.has(too_fast));
    seat.type_text("!");
    assert!(!seat.has(too_fast), "other words are typed");
    seat.press(Key::Return);
    seat.hear(too_often());
    assert!(seat.has(too_fast));
    seat.press(Key::Escape);
    seat.click(Button, "You are seen as ann, online");
    assert!(!seat.has(too_fast), "that was of an earlier request");
}

#[test]
fn where_a_login_ends_what_was_open_of_the_account_closes_and_its_words_are_nobody_elses() {
    let seat = Seat::in_many();
    seat.click(Button, "You are seen as ann, online");
    seat.click(TextInput, "What you say of yourself");
    seat.type_text("at the dentist");
    seat.hear(Event::Notice { code: Some("session_ended".into()), message: "Ended".into() });
    assert!(!seat.has("How others see you"));
    // Keys go where a name is asked for.
    seat.type_text("bob");
    assert_eq!(seat.find(TextInput, "Name").accessible_value().unwrap(), "bob");
    seat.hear(Event::LoggedIn { username: "bob".into() });
    assert!(!seat.has("How others see you"));
    seat.click(Button, "You are seen as bob, online");
    assert_eq!(seat.find(TextInput, "What you say of yourself").accessible_value().unwrap(), "");
}

#[test]
fn dialogs_that_are_of_no_account_stay_open_where_a_login_ends() {
    let seat = Seat::in_many();
    seat.click(Button, "Settings");
    seat.hear(Event::Notice { code: Some("session_ended".into()), message: "Ended".into() });
    assert!(seat.has("Language"));
}

#[test]
fn where_the_server_does_not_tell_nothing_of_it_is_seen() {
    let seat = Seat::in_many();
    let caps = Caps { presence: false, ..Caps::ALL };
    seat.hear(Event::Greeted(Greeting { caps, server: "chatroom".into(), registration: None }));
    assert!(!seat.has("You are seen as ann, online") && seat.has("Add a friend"));
}

/// What was said of oneself is not told to others: it came too soon after something else.
fn too_often() -> Event {
    Event::Refused {
        request: Kind::Presence,
        said: None,
        code: Some("rate_limited".into()),
        message: "slower".into(),
        retry_ms: Some(3_000),
    }
}
