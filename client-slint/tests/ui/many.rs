//! Many rooms and private conversations, and the list of them.

use chatroom_core::client::{Conversation, Event, Place};
use client_slint::adapters::Desk as _;
use client_slint::network::{Fault, Link};
use client_slint::ui::{AppAdapter, RoomAdapter};
use i_slint_backend_testing::AccessibleRole::{Button, ListItem, TextInput};
use slint::platform::Key;
use slint::{ComponentHandle as _, LogicalSize};

use crate::seat::{Seat, room, room_name, with};

fn tech() -> Conversation {
    Conversation::Room(room_name("Tech Talk"))
}

#[test]
fn a_click_shows_another_conversation_with_what_was_said_there_meanwhile() {
    let seat = Seat::in_many();
    seat.hear_in(&tech(), 1, "dana", "is anybody here?");
    seat.hear_in(&tech(), 2, "dana", "ann perhaps?");
    seat.take_done();
    seat.click(ListItem, "Room Tech Talk, 2 unread, 1 for you");
    assert_eq!(seat.take_done(), "store, store, look at Tech Talk, store, read Tech Talk up to 2");
    seat.find(ListItem, "dana, 09:00: ann perhaps?");
    assert!(seat.find(ListItem, "Room Tech Talk").accessible_item_selected().unwrap());
    seat.type_text("here I am");
    seat.press(Key::Return);
    assert_eq!(seat.take_done(), "store, say: here I am");
    seat.click(ListItem, "Room den");
    assert!(seat.has("Nothing was said here yet."));
}

#[test]
fn keys_show_the_conversation_above_and_the_one_below_and_typing_goes_on_there() {
    let seat = Seat::in_many();
    seat.type_text("half a sen");
    seat.press_with(Key::Alt, Key::DownArrow);
    assert_eq!(seat.app().global::<AppAdapter>().get_title(), "Tech Talk – Chatroom");
    seat.type_text("something else");
    seat.press_with(Key::Alt, Key::UpArrow);
    assert_eq!(seat.find(TextInput, "Message").accessible_value().unwrap(), "half a sen");
    seat.type_text("tence");
    seat.take_done();
    seat.press(Key::Return);
    assert_eq!(seat.take_done(), "store, say: half a sentence");
    seat.press_with(Key::Alt, Key::DownArrow);
    seat.press_with(Key::Alt, Key::DownArrow);
    assert!(seat.has("Private conversation with bob"));
    assert_eq!(seat.app().global::<AppAdapter>().get_title(), "bob – Chatroom");
    seat.press_with(Key::Alt, Key::UpArrow);
    assert_eq!(seat.find(TextInput, "Message").accessible_value().unwrap(), "something else");
}

#[test]
fn a_click_on_a_member_opens_the_conversation_with_them() {
    let seat = Seat::in_many();
    seat.click(ListItem, "bob");
    assert!(seat.app().global::<RoomAdapter>().get_is_private());
    assert!(!seat.has("Leave") && !seat.has("Members (2)") && !seat.has("2 here"));
    seat.take_done();
    seat.type_text("psst");
    seat.press(Key::Return);
    assert_eq!(seat.take_done(), "store, say to bob: psst");
    seat.hear_in(&with("bob"), 1, "bob", "yes?");
    // Where all is private, a message does not say so each time.
    seat.find(ListItem, "bob, 09:00: yes?");
}

#[test]
fn all_rooms_are_a_click_away_and_a_conversation_leads_back() {
    let seat = Seat::in_many();
    seat.click(Button, "All rooms");
    assert!(seat.has("Search rooms") && seat.has("Room garden, 0 people"));
    seat.take_done();
    seat.click(ListItem, "Room garden, 0 people");
    assert_eq!(seat.take_done(), "enter garden");
    seat.click(ListItem, "Private conversation with bob");
    assert_eq!(seat.app().global::<AppAdapter>().get_title(), "bob – Chatroom");
}

#[test]
fn control_k_leads_to_private_conversations_too() {
    let seat = Seat::in_many();
    seat.press_with(Key::Control, 'k');
    seat.type_text("bo");
    seat.take_done();
    seat.press(Key::Return);
    assert_eq!(seat.take_done(), "store, store, look at bob");
    assert!(seat.app().global::<RoomAdapter>().get_is_private());
}

#[test]
fn a_narrow_window_hides_the_list_behind_a_button() {
    let seat = Seat::in_many();
    seat.hear_in(&with("bob"), 1, "bob", "psst");
    seat.app().window().set_size(LogicalSize::new(500., 600.));
    seat.settle();
    assert!(!seat.has("Private conversation with bob, 1 unread"));
    seat.click(Button, "Conversations (1)");
    seat.press(Key::Escape);
    assert!(!seat.has("Private conversation with bob, 1 unread"));
    seat.click(Button, "Conversations (1)");
    seat.click(ListItem, "Private conversation with bob, 1 unread");
    assert!(!seat.has("All rooms") && seat.has("Conversations"));
    assert_eq!(seat.app().global::<AppAdapter>().get_title(), "bob – Chatroom");
}

#[test]
fn what_waits_where_nobody_takes_part_any_more_can_be_discarded() {
    let seat = Seat::in_many();
    assert!(seat.act(|controller| controller.send("does anybody hear this?")));
    let place = |of| Place { of, last: 0, read: 0 };
    seat.hear(Event::Places(vec![place(tech()), place(with("bob"))]));
    seat.hear(Event::Refused {
        request: chatroom_core::message::Kind::Msg,
        said: Some(1),
        code: None,
        message: "You are not in that room".into(),
        retry_ms: None,
    });
    seat.find(ListItem, "Room den, 1 not sent");
    seat.click(Button, "Discard");
    seat.find(ListItem, "Room den");
    assert!(seat.has("Nothing was said here yet."));
    seat.take_done();
    seat.click(Button, "Take part");
    assert_eq!(seat.take_done(), "enter den");
}

#[test]
fn where_nobody_was_told_of_it_is_not_said_that_nobody_is_there() {
    let seat = Seat::in_many();
    seat.hear_of(Link::Away { fault: Fault::Lost, retry_in: std::time::Duration::from_secs(4) });
    seat.press_with(Key::Alt, Key::DownArrow);
    assert!(seat.has("Who is here is not known at the moment.") && seat.has("Members"));
    assert!(!seat.has("0 here") && !seat.has("Members (0)"));
    seat.hear(Event::Members(room("Tech Talk", &["ann", "dana"])));
    assert!(seat.has("2 here"));
}

#[test]
fn that_nothing_is_kept_is_said_until_it_was_read() {
    let seat = Seat::in_many();
    seat.act(|controller| controller.set_unkept("the disk is full"));
    assert!(seat.has("What is read and typed here is gone when this window closes: the disk is full."));
    seat.click(Button, "Understood");
    assert!(!seat.has("What is read and typed here is gone when this window closes: the disk is full."));
}

#[test]
fn keys_choose_in_the_list_without_a_pointer() {
    let seat = Seat::in_many();
    // Past the messages, and the two buttons above them.
    (0..4).for_each(|_| seat.press_with(Key::Shift, Key::Tab));
    seat.press(Key::DownArrow);
    seat.press(Key::DownArrow);
    seat.press(Key::Return);
    assert_eq!(seat.app().global::<AppAdapter>().get_title(), "Tech Talk – Chatroom");
    seat.type_text("and on");
    assert_eq!(seat.find(TextInput, "Message").accessible_value().unwrap(), "and on");
}
