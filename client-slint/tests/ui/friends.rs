//! Friends: who asks, who was asked, who is blocked, and what is done about each of them.

use chatroom_core::client::Event;
use chatroom_core::message::Kind;
use chatroom_core::message::hello::{Caps, Greeting};
use client_slint::ui::AppAdapter;
use i_slint_backend_testing::AccessibleRole::{Button, ListItem, TextInput};
use slint::ComponentHandle as _;
use slint::platform::Key;

use crate::seat::{Seat, friends, refused};

#[test]
fn a_request_is_answered_where_it_stands() {
    let seat = Seat::in_many();
    seat.hear(friends([&[], &["casey", "dana"], &[], &[]]));
    assert!(seat.has("Requests") && seat.has("casey, wants to be your friend"));
    seat.take_done();
    seat.click(Button, "Accept, casey");
    seat.click(Button, "Decline, dana");
    assert_eq!(seat.take_done(), "accept casey, decline dana");
    seat.hear(friends([&["casey"], &[], &[], &[]]));
    assert!(!seat.has("Requests") && !seat.has("Accept, casey"));
    seat.click(ListItem, "Friend casey");
    assert_eq!(seat.app().global::<AppAdapter>().get_title(), "casey – Chatroom");
    assert!(seat.has("Friend casey") && !seat.has("Private conversation with casey"));
}

#[test]
fn who_was_asked_is_shown_as_that_until_the_request_is_withdrawn() {
    let seat = Seat::in_many();
    seat.hear(friends([&[], &[], &["casey"], &[]]));
    seat.find(ListItem, "casey, request sent");
    seat.take_done();
    seat.click(Button, "Withdraw, casey");
    assert_eq!(seat.take_done(), "remove casey");
    seat.hear(friends([&[], &[], &[], &[]]));
    assert!(!seat.has("casey, request sent"));
}

#[test]
fn who_has_answered_by_keys_goes_on_in_the_list() {
    let seat = Seat::in_many();
    seat.hear(friends([&[], &["casey"], &[], &[]]));
    // Past the messages and the buttons above them, and past the one that declines.
    (0..5).for_each(|_| seat.press_with(Key::Shift, Key::Tab));
    seat.take_done();
    seat.press(Key::Return);
    assert_eq!(seat.take_done(), "accept casey");
    seat.hear(friends([&["casey"], &[], &[], &[]]));
    (0..3).for_each(|_| seat.press(Key::DownArrow));
    seat.press(Key::Return);
    assert_eq!(seat.app().global::<AppAdapter>().get_title(), "casey – Chatroom");
}

#[test]
fn a_friend_is_added_by_name_with_keys_alone() {
    let seat = Seat::in_many();
    // Past the messages and the buttons above them to the list, and there past the rooms.
    (0..4).for_each(|_| seat.press_with(Key::Shift, Key::Tab));
    (0..3).for_each(|_| seat.press(Key::DownArrow));
    seat.press(Key::Return);
    seat.take_done();
    seat.type_text("nobody");
    seat.press(Key::Return);
    assert_eq!(seat.take_done(), "request nobody");
    seat.hear(refused(Kind::Friend, "no_such_user", "There is no account of that name"));
    assert!(seat.has("Nobody here has this name."));
    seat.press_with(Key::Control, 'a');
    seat.type_text("casey");
    assert!(!seat.has("Nobody here has this name."));
    seat.press(Key::Return);
    seat.hear(friends([&[], &[], &["Casey"], &[]]));
    assert_eq!(seat.find(TextInput, "Name of a person").accessible_value().unwrap(), "");
    seat.press(Key::Escape);
    assert!(!seat.has("Name of a person"));
    seat.find(ListItem, "Casey, request sent");
}

#[test]
fn all_who_are_something_are_found_by_a_few_letters_and_who_is_blocked_is_unblocked_there() {
    let seat = Seat::in_many();
    seat.hear(friends([&["bob", "casey"], &["dana"], &["eve"], &["frank"]]));
    seat.click(Button, "Add a friend");
    seat.find(Button, "Remove friend, bob");
    seat.type_text("fra");
    assert!(!seat.has("Remove friend, bob"));
    seat.find(ListItem, "frank, blocked");
    seat.take_done();
    seat.click(Button, "Unblock, frank");
    assert_eq!(seat.take_done(), "unblock frank");
}

#[test]
fn a_private_conversation_says_what_the_two_are_and_offers_what_fits() {
    let seat = Seat::in_many();
    seat.click(ListItem, "Private conversation with bob");
    seat.take_done();
    seat.click(Button, "Add friend");
    assert_eq!(seat.take_done(), "request bob");
    seat.hear(friends([&[], &[], &["bob"], &[]]));
    assert!(seat.has("request sent") && !seat.has("Add friend"));
    seat.hear(friends([&["bob"], &[], &[], &[]]));
    assert!(seat.has("friend") && !seat.has("request sent"));
    seat.take_done();
    // The menu begins with what ends a friendship; below it is the block.
    seat.click(Button, "More about bob");
    seat.press(Key::DownArrow);
    seat.press(Key::DownArrow);
    seat.press(Key::Return);
    assert_eq!(seat.take_done(), "block bob");
    seat.hear(friends([&[], &[], &[], &["bob"]]));
    assert!(seat.has("Private conversation with bob, blocked"));
    seat.take_done();
    seat.click(Button, "Unblock");
    assert_eq!(seat.take_done(), "unblock bob");
}

#[test]
fn keys_lead_to_a_member_and_to_what_can_be_done_about_them() {
    let seat = Seat::in_many();
    // From the composer to the members, of whom bob is the first; there is nothing to send.
    seat.press(Key::Tab);
    seat.press_with(Key::Shift, Key::F10);
    (0..2).for_each(|_| seat.press(Key::DownArrow));
    seat.take_done();
    seat.press(Key::Return);
    assert_eq!(seat.take_done(), "request bob");
}

#[test]
fn where_the_server_knows_of_no_friends_nothing_of_them_is_seen() {
    let seat = Seat::in_many();
    assert!(seat.has("Add a friend"));
    let caps = Caps { friends: false, ..Caps::ALL };
    seat.hear(Event::Greeted(Greeting { caps, server: "chatroom".into(), registration: None }));
    assert!(!seat.has("Add a friend") && !seat.has("Friends") && !seat.has("Requests"));
    seat.click(ListItem, "Private conversation with bob");
    assert!(seat.has("private conversation") && !seat.has("Add friend") && !seat.has("More about bob"));
}
