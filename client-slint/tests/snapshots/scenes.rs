//! What there is to look at.

use std::time::Duration;

use chatroom_core::client::{Conversation, Event, Place};
use chatroom_core::message::Kind;
use chatroom_core::message::presence::PresenceState::{Away, Busy, Online};
use client_slint::adapters::Desk as _;
use client_slint::network::{Fault, Link};
use client_slint::ui::{AppAdapter, ConnectAdapter, Dialog, LoginAdapter, RoomAdapter};
use i_slint_backend_testing::AccessibleRole::{Button, Checkbox};
use jiff::civil::DateTime;
use slint::platform::Key;
use slint::{ComponentHandle as _, LogicalSize, Model as _};

use crate::seat::{Seat, den, friends, here, logins, refused, room, room_name, with};

/// A window in some state, under the name that its pictures get.
pub struct Scene {
    pub name: &'static str,
    pub set: fn() -> Seat,
}

pub const SCENES: &[Scene] = &[
    Scene { name: "connect", set: connect },
    Scene { name: "connect-insecure", set: connect_insecure },
    Scene { name: "connect-busy", set: connect_busy },
    Scene { name: "connect-error", set: connect_error },
    Scene { name: "first-contact", set: first_contact },
    Scene { name: "changed-key", set: changed_key },
    Scene { name: "changed-key-narrow", set: || narrow(changed_key()) },
    Scene { name: "login", set: login },
    Scene { name: "login-errors", set: login_errors },
    Scene { name: "login-errors-narrow", set: || narrow(login_errors()) },
    Scene { name: "register-weak", set: register_weak },
    Scene { name: "lobby", set: lobby },
    Scene { name: "lobby-empty", set: lobby_empty },
    Scene { name: "lobby-hosted", set: lobby_hosted },
    Scene { name: "lobby-narrow", set: || narrow(lobby_hosted()) },
    Scene { name: "room", set: talk },
    Scene { name: "room-empty", set: room_empty },
    Scene { name: "room-lost", set: room_lost },
    Scene { name: "room-away", set: room_away },
    Scene { name: "room-scrolled", set: room_scrolled },
    Scene { name: "room-narrow", set: || narrow(talk()) },
    Scene { name: "room-large-text", set: room_large_text },
    Scene { name: "switcher", set: switcher },
    Scene { name: "create-room", set: create_room },
    Scene { name: "settings", set: || dialog(Dialog::Settings) },
    Scene { name: "keys", set: || dialog(Dialog::Keys) },
    Scene { name: "keys-narrow", set: || narrow(dialog(Dialog::Keys)) },
    Scene { name: "about", set: || dialog(Dialog::About) },
    Scene { name: "confirm-close", set: confirm_close },
    Scene { name: "many", set: many },
    Scene { name: "many-private", set: many_private },
    Scene { name: "many-lobby", set: many_lobby },
    Scene { name: "many-narrow", set: || narrow(many()) },
    Scene { name: "many-narrow-open", set: many_narrow_open },
    Scene { name: "many-large-text", set: many_large_text },
    Scene { name: "many-switcher", set: many_switcher },
    Scene { name: "many-left", set: many_left },
    Scene { name: "many-unkept", set: many_unkept },
    Scene { name: "many-friends", set: many_friends },
    Scene { name: "many-friends-lobby", set: many_friends_lobby },
    Scene { name: "many-friends-narrow", set: || narrow(many_friends_private()) },
    Scene { name: "many-friends-menu", set: many_friends_menu },
    Scene { name: "many-friends-private", set: many_friends_private },
    Scene { name: "many-friends-german", set: || in_language("de", many_friends_private) },
    Scene { name: "many-here", set: many_here },
    Scene { name: "you", set: you },
    Scene { name: "you-german", set: || in_language("de", you) },
    Scene { name: "logins", set: logins_dialog },
    Scene { name: "logins-narrow", set: || narrow(logins_dialog()) },
    Scene { name: "settings-logged-in", set: settings_logged_in },
    Scene { name: "friends", set: friends_dialog },
    Scene { name: "friends-chinese", set: || in_language("zh_TW", friends_dialog) },
    Scene { name: "many-german", set: || in_language("de", many_left) },
    Scene { name: "many-chinese", set: || in_language("zh_TW", many_private) },
    Scene { name: "room-german", set: || in_language("de", talk) },
    Scene { name: "login-german", set: || in_language("de", register_weak) },
    Scene { name: "lobby-chinese", set: || in_language("zh_TW", lobby) },
];

fn connect() -> Seat {
    let seat = Seat::new();
    seat.app().global::<ConnectAdapter>().set_address("127.0.0.1:65432".into());
    seat
}

fn connect_insecure() -> Seat {
    let seat = connect();
    seat.click(Checkbox, "Do not check who the server is");
    seat
}

fn connect_busy() -> Seat {
    let seat = connect();
    seat.press(Key::Return);
    seat
}

fn connect_error() -> Seat {
    let seat = connect_busy();
    seat.hear_of(Link::Refused(Fault::RefusedConnection));
    seat
}

fn first_contact() -> Seat {
    let seat = connect_busy();
    seat.hear_of(Link::Question(KEY.parse().expect("a fingerprint")));
    seat
}

fn changed_key() -> Seat {
    let seat = connect_busy();
    let found = KEY.replace("9f", "3c").parse().expect("a fingerprint");
    seat.hear_of(Link::WrongKey { expected: KEY.parse().expect("a fingerprint"), found });
    seat
}

fn login() -> Seat {
    let seat = first_contact();
    seat.hear_of(Link::Trusted(client_slint::network::Identity::Key(KEY.parse().expect("a fingerprint"))));
    seat.hear(Event::Connected);
    seat
}

fn login_errors() -> Seat {
    let seat = login();
    seat.type_text("harper l");
    seat.press(Key::Return);
    seat.press(Key::Return);
    seat.hear(Event::Notice { code: None, message: "There will be a pause at eight".into() });
    seat.act(|controller| controller.set_in_front(true));
    seat
}

fn register_weak() -> Seat {
    let seat = login();
    seat.app().global::<LoginAdapter>().set_is_registering(true);
    seat.type_text("harper");
    seat.press(Key::Return);
    seat.type_text("harper1");
    seat
}

fn lobby() -> Seat {
    let seat = Seat::in_lobby();
    seat.hear(Event::Rooms(vec![
        room("lobby", &["ann", "carol"]),
        room("Tech Talk", &["bob", "dana", "Łukasz", "noor"]),
        room("garden", &["eve"]),
        room("A room with a name so long that nobody would ever want to type it, but well", &["frank"]),
        room("den", &[]),
    ]));
    seat
}

fn lobby_empty() -> Seat {
    let seat = Seat::in_lobby();
    seat.hear(Event::Rooms(vec![room("lobby", &["ann"])]));
    seat
}

fn lobby_hosted() -> Seat {
    let seat = lobby();
    seat.act(|controller| {
        controller.set_host_link(format!("chatroom://192.168.178.24:65432/#{}", KEY.replace(':', "=")));
    });
    seat
}

/// What people say in a room, on two days.
fn talk() -> Seat {
    let seat = Seat::in_lobby();
    seat.hear(Event::Entered { room: "den".into() });
    seat.hear(Event::Members(room(
        "den",
        &["bob", "dana", "ann", "noor", "a-name-of-thirty-two-characters!"],
    )));
    let today = jiff::Zoned::now().date();
    let at = |seat: &Seat, time: DateTime| seat.set_now(time);
    at(&seat, today.yesterday().expect("there was one").at(17, 40, 0, 0));
    seat.hear_message("bob", "Is anybody still here? I'd like to plan the trip.");
    seat.hear_message("dana", "I am. Friday would suit me.");
    at(&seat, today.at(8, 55, 0, 0));
    seat.hear_message(
        "bob",
        "Good morning! The timetable is at https://example.org/trains?from=here&to=there.",
    );
    seat.hear_message("bob", "The early one is cheaper,\nthe late one has a dining car.");
    at(&seat, today.at(8, 57, 0, 0));
    say_and_hear(&seat, "The late one, then.");
    say_and_hear(&seat, "\\private bob I owe you for the tickets.");
    hear_private(&seat, "bob", "Don't worry about it.");
    at(&seat, today.at(9, 1, 0, 0));
    seat.hear_message("dana", "A message may also be long enough to need more than one line in any window that somebody might reasonably open, and then it is wrapped between words, as one would expect it to be.");
    seat.hear_message("noor", "good, see you <b>there</b> *soon*");
    say(&seat, "On my way…");
    seat
}

fn room_empty() -> Seat {
    let seat = Seat::in_lobby();
    seat.hear(Event::Entered { room: "den".into() });
    seat.hear(Event::Members(room("den", &["ann"])));
    seat
}

/// What was said while the connection went away.
fn room_lost() -> Seat {
    let seat = Seat::in_room();
    seat.hear_message("bob", "Hello?");
    let id = say(&seat, "Can you hear me?");
    seat.hear(Event::Unanswered { request: Kind::Msg, said: Some(id) });
    let id = say(&seat, "\\private bob And this?");
    seat.hear(Event::Refused {
        request: Kind::Msg,
        said: Some(id),
        code: Some("rate_limited".into()),
        message: "slower".into(),
        retry_ms: Some(3_000),
    });
    seat.act(|controller| controller.draft_edited(&"x".repeat(4_100)));
    seat
}

fn room_away() -> Seat {
    let seat = talk();
    seat.hear_of(Link::Away { fault: Fault::Lost, retry_in: Duration::from_secs(8) });
    seat.type_text("Are you still");
    seat
}

/// Scrolled up, while others go on.
fn room_scrolled() -> Seat {
    let seat = talk();
    for number in 1..=30 {
        seat.hear_message("bob", &format!("Line {number} of a long story"));
    }
    seat.press(Key::PageUp);
    seat.hear_message("dana", "And then?");
    seat.hear_message("bob", "Then it ended.");
    seat
}

fn room_large_text() -> Seat {
    let seat = talk();
    seat.app().global::<AppAdapter>().set_text_scale(1.5);
    seat
}

fn switcher() -> Seat {
    let seat = talk();
    seat.press_with(Key::Control, 'k');
    seat.type_text("e");
    seat
}

fn create_room() -> Seat {
    let seat = lobby();
    seat.click(Button, "Create a room");
    seat.type_text("garden");
    seat.press(Key::Return);
    seat.hear(refused(Kind::Create, "room_exists", ""));
    seat
}

fn confirm_close() -> Seat {
    let seat = lobby_hosted();
    seat.app().global::<AppAdapter>().set_connected_others(3);
    seat.app().global::<AppAdapter>().set_dialog(Dialog::ConfirmClose);
    seat
}

fn dialog(dialog: Dialog) -> Seat {
    let seat = lobby();
    let adapter = seat.app().global::<AppAdapter>();
    adapter.set_version("0.1.0".into());
    adapter.set_licences(client_slint::app::LICENCES.into());
    adapter.set_dialog(dialog);
    seat
}

/// In one of many rooms, while others go on elsewhere.
fn many() -> Seat {
    let seat = Seat::in_many();
    let today = jiff::Zoned::now().date();
    seat.set_now(today.at(8, 55, 0, 0));
    let tech = Conversation::Room(room_name("Tech Talk"));
    seat.hear_in(&den(), 1, "bob", "Good morning! The timetable is at https://example.org/trains.");
    seat.hear_in(&den(), 2, "ann", "The late one, then.");
    seat.hear_in(&tech, 1, "noor", "Has anybody tried the new compiler?");
    seat.hear_in(&tech, 2, "dana", "ann has, I think.");
    seat.hear_in(&with("a-name-of-thirty-two-characters!"), 1, "a-name-of-thirty-two-characters!", "Hello?");
    seat.hear_in(&with("bob"), 1, "bob", "I owe you for the tickets.");
    seat.hear_in(&with("bob"), 2, "bob", "Shall I bring the money?");
    seat.hear_in(&den(), 3, "dana", "See you there.");
    seat
}

/// With friends, of whom some wait for an answer.
fn many_friends() -> Seat {
    let seat = many();
    seat.hear(friends([
        &["dana", "casey"],
        &["eve", "a-name-of-thirty-two-characters!"],
        &["frank"],
        &["noor"],
    ]));
    seat.hear(here(&[
        ("ann", Away, "back at three"),
        ("bob", Busy, "in a call with somebody who has a lot to say about it"),
        ("casey", Online, ""),
    ]));
    seat
}

fn many_friends_lobby() -> Seat {
    let seat = many_friends();
    seat.act(|controller| controller.show_lobby());
    seat
}

fn many_friends_private() -> Seat {
    let seat = many_friends();
    seat.act(|controller| controller.pick("eve", true));
    seat
}

/// What can be done about somebody in the room.
fn many_friends_menu() -> Seat {
    let seat = many_friends();
    seat.press(Key::Tab);
    seat.press_with(Key::Shift, Key::F10);
    seat
}

/// With a friend who has said what others see.
fn many_here() -> Seat {
    let seat = many_friends();
    seat.hear(friends([&["bob", "casey", "dana"], &[], &[], &[]]));
    seat.act(|controller| controller.pick("bob", true));
    seat
}

fn settings_logged_in() -> Seat {
    let seat = many_here();
    seat.click(Button, "Settings");
    seat
}

fn logins_dialog() -> Seat {
    let seat = settings_logged_in();
    seat.click(Button, "Where you are logged in");
    seat.hear(logins());
    seat.click(Button, "End, Chatroom 0.0.9 on Windows");
    seat
}

fn you() -> Seat {
    let seat = many_here();
    seat.click(Button, "You are seen as ann, away, back at three");
    seat
}

fn friends_dialog() -> Seat {
    let seat = many_friends();
    seat.click(Button, "Add a friend");
    seat.type_text("nobody");
    seat.press(Key::Return);
    seat.press_with(Key::Control, 'a');
    seat.press(Key::Backspace);
    seat.hear(refused(Kind::Friend, "no_such_user", "There is no account of that name"));
    seat
}

fn many_private() -> Seat {
    let seat = many();
    seat.act(|controller| controller.pick("bob", true));
    seat.hear_in(&with("bob"), 3, "ann", "Don't worry about it.");
    seat.act(|controller| controller.send("On my way…"));
    seat.settle();
    seat
}

fn many_lobby() -> Seat {
    let seat = many();
    seat.act(|controller| controller.show_lobby());
    seat.settle();
    seat
}

fn many_narrow_open() -> Seat {
    let seat = narrow(many());
    seat.click(Button, "Conversations (5)");
    seat
}

fn many_large_text() -> Seat {
    let seat = many();
    seat.app().global::<AppAdapter>().set_text_scale(1.5);
    seat
}

fn many_switcher() -> Seat {
    let seat = many();
    seat.press_with(Key::Control, 'k');
    seat
}

/// A room that was left on another device, with something that waits there.
fn many_left() -> Seat {
    let seat = many();
    let id = say(&seat, "Does anybody hear this?");
    let place = |of, last, read| Place { of, last, read };
    seat.hear(Event::Places(vec![
        place(Conversation::Room(room_name("Tech Talk")), 2, 0),
        place(with("bob"), 2, 0),
    ]));
    seat.hear(Event::Refused {
        request: Kind::Msg,
        said: Some(id),
        code: None,
        message: "You are not in that room".into(),
        retry_ms: None,
    });
    seat
}

fn many_unkept() -> Seat {
    let seat = many();
    seat.act(|controller| controller.set_unkept("another window has the file open"));
    seat.hear_of(Link::Away { fault: Fault::Lost, retry_in: Duration::from_secs(8) });
    seat
}

/// In the smallest window there can be.
fn narrow(seat: Seat) -> Seat {
    seat.app().window().set_size(LogicalSize::new(420., 480.));
    seat.settle();
    seat
}

fn in_language(tag: &str, scene: fn() -> Seat) -> Seat {
    let seat = scene();
    slint::select_bundled_translation(tag).expect("the translation is built in");
    seat.settle();
    seat
}

/// Says something; its number.
fn say(seat: &Seat, draft: &str) -> u64 {
    assert!(seat.act(|controller| controller.send(draft)), "{draft}");
    let messages = seat.app().global::<RoomAdapter>().get_messages();
    let last = messages.row_data(messages.row_count() - 1).expect("it is on its way");
    u64::try_from(last.id).expect("numbers are counted up")
}

fn say_and_hear(seat: &Seat, draft: &str) {
    let said = Some(say(seat, draft));
    seat.hear(Event::Message {
        of: den(),
        from: "ann".into(),
        text: String::new(),
        is_own: true,
        said,
        private_with: None,
        posted: None,
        cid: None,
    });
}

fn hear_private(seat: &Seat, from: &str, text: &str) {
    seat.hear(Event::Message {
        of: den(),
        from: from.into(),
        text: text.into(),
        is_own: false,
        said: None,
        private_with: Some(from.into()),
        posted: None,
        cid: None,
    });
}

const KEY: &str = "sha256:9f3a51c07be24d8896d1f04cc3e2a7b519f86d20e47a3bc85d01f9e672b4c8fa";
