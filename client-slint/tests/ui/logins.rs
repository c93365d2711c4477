//! Where one is logged in.

use chatroom_core::client::Event;
use chatroom_core::message::hello::{Caps, Greeting};
use chatroom_core::message::logins::{ClientName, GrantId, Login};
use i_slint_backend_testing::AccessibleRole::{Button, ListItem};
use slint::platform::Key;

use crate::seat::{Seat, logins};

#[test]
fn a_login_of_another_program_is_ended_after_one_question() {
    let seat = Seat::in_many();
    seat.click(Button, "Settings");
    seat.take_done();
    seat.click(Button, "Where you are logged in");
    assert_eq!(seat.take_done(), "logins");
    seat.hear(logins());
    seat.find(ListItem, "Chatroom 0.1.0 on Linux, here, since 2026-11-24 08:00, in use");
    seat.find(ListItem, "a program that has not said its name, last used 2026-11-23 18:00");
    assert!(!seat.has("End, Chatroom 0.1.0 on Linux"), "that is what logging out is for");
    seat.click(Button, "End, Chatroom 0.0.9 on Windows");
    assert_eq!(seat.take_done(), "");
    seat.click(Button, "Keep it");
    seat.click(Button, "End, Chatroom 0.0.9 on Windows");
    // By keys too; who does not choose keeps it.
    seat.press_with(Key::Shift, Key::Tab);
    seat.press(Key::Return);
    assert_eq!(seat.take_done(), "end login 3");
    seat.hear(Event::Logins(vec![Login {
        id: GrantId(7),
        client: ClientName::parse("Chatroom 0.1.0 on Linux"),
        begun_ms: None,
        used_ms: None,
        ends_ms: 0,
        is_own: true,
    }]));
    assert!(!seat.has("End this login") && seat.has("Chatroom 0.1.0 on Linux, here, in use"));
    seat.press(Key::Escape);
    assert!(!seat.has("Where you are logged in"));
}

#[test]
fn where_the_server_does_not_tell_or_nobody_is_logged_in_it_is_not_offered() {
    let seat = Seat::at_login();
    let greet =
        |caps| seat.hear(Event::Greeted(Greeting { caps, server: "chatroom".into(), registration: None }));
    greet(Caps::ALL);
    seat.click(Button, "Settings");
    assert!(!seat.has("Where you are logged in"));
    seat.hear(Event::LoggedIn { username: "ann".into() });
    assert!(seat.has("Where you are logged in"));
    greet(Caps { logins: false, ..Caps::ALL });
    assert!(!seat.has("Where you are logged in"));
}
