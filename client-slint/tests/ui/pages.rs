//! Each page, and what can be done there.

use chatroom_core::client::{Event, Past};
use chatroom_core::message::Kind;
use chatroom_core::message::push::Posted;
use chatroom_core::secret::Token;
use client_slint::adapters::Desk as _;
use client_slint::network::{Fault, Link, News};
use client_slint::store::{Account, Line, Login, Opened, Overview};
use client_slint::ui::{AppAdapter, Dialog, RoomAdapter};
use i_slint_backend_testing::AccessibleRole::{Button, Checkbox, ListItem, TextInput};
use jiff::civil::date;
use slint::ComponentHandle as _;
use slint::platform::Key;

use crate::seat::{Seat, den, refused};

#[test]
fn an_address_is_typed_at_once_and_enter_connects() {
    let seat = Seat::new();
    seat.type_text("chat.example:7000");
    seat.press(Key::Return);
    assert_eq!(seat.take_done(), "connect chat.example:7000 Checked");
    seat.click(Button, "Cancel");
    assert_eq!(seat.take_done(), "disconnect");
}

#[test]
fn who_wants_no_check_is_warned_and_gets_none() {
    let seat = Seat::new();
    seat.type_text("chat.example");
    seat.click(Checkbox, "Do not check who the server is");
    assert!(seat.has(
        "Anybody on the way can read and change everything, your password too. This is for demonstrations only."
    ));
    seat.click(Button, "Connect");
    assert_eq!(seat.take_done(), "connect chat.example:65432 AnyoneInsecurely");
}

#[test]
fn a_server_met_for_the_first_time_shows_its_key_and_waits() {
    let seat = Seat::new();
    seat.type_text("chat.example");
    seat.press(Key::Return);
    let key = format!("sha256:{}", "ab".repeat(32));
    seat.hear_of(Link::Question(key.parse().unwrap()));
    assert!(seat.has(&key));
    seat.take_done();
    seat.click(Button, "Trust this server");
    assert_eq!(seat.take_done(), "trust");
}

#[test]
fn another_key_leads_back_and_nowhere_else() {
    let seat = Seat::new();
    seat.type_text("chat.example");
    seat.press(Key::Return);
    let key = |byte: &str| format!("sha256:{}", byte.repeat(32)).parse().unwrap();
    seat.hear_of(Link::WrongKey { expected: key("ab"), found: key("cd") });
    assert!(
        seat.has(&format!("sha256:{}", "ab".repeat(32))) && seat.has(&format!("sha256:{}", "cd".repeat(32)))
    );
    assert!(!seat.has("Connect") && !seat.has("Trust this server"));
    seat.take_done();
    seat.click(Button, "Go back");
    assert_eq!(seat.take_done(), "disconnect");
    assert!(seat.has("Connect"));
}

#[test]
fn a_fault_stands_under_the_address_which_stays() {
    let seat = Seat::new();
    seat.type_text("chat.example");
    seat.press(Key::Return);
    seat.hear_of(Link::Refused(Fault::RefusedConnection));
    assert!(seat.has("No server listens at chat.example:65432. Is it running, and is the port right?"));
    let field = seat.find(TextInput, "Server, or a link that you were given");
    assert_eq!(field.accessible_value().unwrap(), "chat.example");
}

#[test]
fn hosting_is_a_click() {
    let seat = Seat::new();
    seat.click(Button, "Host a chat on this computer");
    assert_eq!(seat.take_done(), "Host");
}

#[test]
fn name_enter_password_enter_logs_in() {
    let seat = Seat::at_login();
    seat.type_text("ann");
    seat.press(Key::Return);
    seat.type_text("secret words");
    seat.press(Key::Return);
    assert_eq!(seat.take_done(), "login ann secret words");
    seat.hear(Event::LoggedIn { username: "ann".into() });
    assert!(seat.has("Search rooms and people"));
}

#[test]
fn a_wrong_password_is_said_below_it_and_nothing_typed_is_lost() {
    let seat = Seat::at_login();
    seat.type_text("ann");
    seat.press(Key::Return);
    seat.type_text("wrong");
    seat.press(Key::Return);
    seat.hear(refused(Kind::Login, "auth_failed", "no"));
    assert!(seat.has("Name or password is wrong."));
    assert_eq!(seat.find(TextInput, "Name").accessible_value().unwrap(), "ann");
    assert_eq!(
        seat.find(TextInput, "Password").accessible_description().unwrap(),
        "Name or password is wrong."
    );
}

#[test]
fn who_is_new_makes_an_account_and_hears_what_is_weak() {
    let seat = Seat::at_login();
    seat.click(Button, "I am new here");
    seat.click(TextInput, "Name");
    seat.type_text("ann");
    seat.press(Key::Return);
    seat.type_text("short");
    assert!(seat.has("Weak: shorter than 10 characters."));
    seat.type_text(" but longer");
    assert!(!seat.has("Weak: shorter than 10 characters."));
    seat.click(Button, "Create account");
    assert_eq!(seat.take_done(), "register ann");
    seat.hear(refused(Kind::Register, "name_taken", "no"));
    assert!(seat.has("Somebody has this name already."));
}

#[test]
fn a_link_that_invites_leads_to_a_new_account_also_after_a_login_elsewhere() {
    let seat = Seat::in_lobby();
    seat.hear(Event::LoggedOut);
    seat.click(Button, "Another server");
    seat.connect_to("chatroom://other.example/#invite=0123abcd");
    assert!(seat.has("You were invited. Choose a name and a password."));
    assert!(seat.has("Create account") && !seat.has("I am new here"));
    // Elsewhere one is not invited, and may have an account.
    seat.click(Button, "Another server");
    seat.connect_to("chat.example");
    assert!(seat.has("I am new here") && !seat.has("Create account"));
}

#[test]
fn a_room_is_entered_by_a_click_or_by_keys() {
    let seat = Seat::in_lobby();
    seat.click(ListItem, "Room den, 1 person");
    assert_eq!(seat.take_done(), "enter den");
    seat.press(Key::DownArrow);
    seat.press(Key::Return);
    assert_eq!(seat.take_done(), "enter garden");
}

#[test]
fn the_search_narrows_rooms_and_people() {
    let seat = Seat::in_lobby();
    seat.type_text("gar");
    assert!(seat.has("Room garden, 0 people") && !seat.has("Room den, 1 person"));
    seat.press(Key::Return);
    assert_eq!(seat.take_done(), "enter garden");
}

#[test]
fn a_room_is_made_in_a_dialog_that_stays_until_it_is() {
    let seat = Seat::in_lobby();
    seat.click(Button, "Create a room");
    seat.type_text("attic");
    seat.press(Key::Return);
    assert_eq!(seat.take_done(), "create attic");
    seat.hear(refused(Kind::Create, "room_exists", "no"));
    assert!(seat.has("A room of this name is there already."));
    seat.type_text(" two");
    seat.press(Key::Return);
    seat.hear(Event::Created { message: String::new() });
    assert_eq!(seat.take_done(), "create attic two, enter attic two");
    assert_eq!(seat.app().global::<AppAdapter>().get_dialog(), Dialog::None);
}

#[test]
fn the_lobby_refreshes_and_logs_out() {
    let seat = Seat::in_lobby();
    seat.press(Key::F5);
    seat.click(Button, "Refresh");
    seat.click(Button, "Log out");
    assert_eq!(seat.take_done(), "list, list, logout");
}

#[test]
fn enter_sends_and_shift_enter_is_a_new_line() {
    let seat = Seat::in_room();
    seat.type_text("one");
    seat.press_with(Key::Shift, Key::Return);
    seat.type_text("two");
    seat.press(Key::Return);
    assert_eq!(seat.take_done(), "say: one\ntwo");
    assert_eq!(seat.find(TextInput, "Message").accessible_value().unwrap(), "");
    assert!(seat.has("ann, 09:00: one\ntwo"));
}

#[test]
fn a_message_is_a_row_that_says_who_and_when() {
    let seat = Seat::in_room();
    seat.hear_message("bob", "hello *ann*, see https://example.org");
    seat.find(ListItem, "bob, 09:00: hello *ann*, see https://example.org");
    assert_eq!(
        seat.app().global::<AppAdapter>().get_announcement(),
        "bob: hello *ann*, see https://example.org"
    );
}

#[test]
fn a_whisper_says_that_it_is_one() {
    let seat = Seat::in_room();
    seat.hear(Event::Message {
        of: den(),
        from: "bob".into(),
        text: "psst".into(),
        is_own: false,
        said: None,
        private_with: Some("bob".into()),
        posted: None,
        cid: None,
    });
    seat.find(ListItem, "bob, private, to you, 09:00: psst");
}

#[test]
fn a_click_on_a_member_begins_a_whisper() {
    let seat = Seat::in_room();
    seat.click(ListItem, "bob");
    seat.type_text("psst");
    seat.press(Key::Return);
    assert_eq!(seat.take_done(), "say to bob: psst");
}

#[test]
fn tab_completes_a_name_and_up_recalls_a_message() {
    let seat = Seat::in_room();
    seat.type_text("b");
    seat.press(Key::Tab);
    seat.type_text("hi");
    seat.press(Key::Return);
    assert_eq!(seat.take_done(), "say: bob: hi");
    seat.press(Key::UpArrow);
    seat.press(Key::Return);
    assert_eq!(seat.take_done(), "say: bob: hi");
}

#[test]
fn what_was_not_sent_can_be_sent_again() {
    let seat = Seat::in_room();
    seat.type_text("hello");
    seat.press(Key::Return);
    seat.take_done();
    seat.hear(Event::Refused {
        request: Kind::Msg,
        said: Some(1),
        code: Some("rate_limited".into()),
        message: "slower".into(),
        retry_ms: Some(900),
    });
    assert!(seat.has("Not sent") && seat.has("That was too fast. Try again in 1 s."));
    seat.click(Button, "Send again");
    assert_eq!(seat.take_done(), "say: hello");
}

#[test]
fn the_list_follows_the_end_until_it_is_scrolled_and_counts_what_is_new() {
    let seat = Seat::in_room();
    for number in 0..60 {
        seat.hear_message("bob", &format!("line {number}"));
    }
    seat.find(ListItem, "bob, 09:00: line 59");
    seat.press(Key::PageUp);
    assert!(!seat.app().global::<RoomAdapter>().get_following());
    seat.hear_message("bob", "one more");
    seat.hear_message("bob", "and another");
    assert!(!seat.has("bob, 09:00: and another"), "the list stays where it was scrolled to");
    seat.click(Button, "2 new");
    seat.find(ListItem, "bob, 09:00: and another");
    assert!(seat.app().global::<RoomAdapter>().get_following());
}

#[test]
fn older_messages_come_in_above_and_what_is_seen_stays_where_it_is() {
    check_how_far_they_move(4, 1.);
}

#[test]
fn older_messages_come_in_above_what_is_seen_near_the_beginning() {
    check_how_far_they_move(7, 1.);
}

#[test]
fn older_messages_come_in_above_the_beginning() {
    // The first message has the date above it no longer.
    check_how_far_they_move(60, 28.);
}

#[test]
fn a_room_that_is_opened_again_is_shown_from_its_first_message_on() {
    let seat = Seat::in_room();
    (0..3).for_each(|number| seat.hear_message("bob", &format!("before {number}")));
    seat.act(|controller| {
        controller.apply(
            date(2026, 11, 24).at(9, 0, 0, 0),
            [
                News::Client(Event::Left { room: "den".into() }),
                News::Client(Event::Entered { room: "den".into() }),
                News::Client(past(1..=3, false)),
            ],
        );
    });
    assert!(seat.act(|controller| controller.send("mine")));
    seat.hear_message("bob", "after");
    let top = |part: &str| seat.find_part(ListItem, part).expect("it is shown").absolute_position().y;
    let tops = [top("message 1:"), top("message 2:"), top("message 3:"), top("after"), top("mine")];
    assert!(tops.is_sorted() && tops[0] > 90., "{tops:?}");
}

#[test]
fn a_window_that_opens_in_a_room_shows_all_that_there_is_room_for() {
    let seat = Seat::new();
    let line = |seq: u64| Line {
        posted: Posted { seq, ts_ms: seq * 60_000 },
        author: "bob".into(),
        text: format!("message {seq}:"),
        is_own: false,
        cid: None,
        peer: None,
    };
    let place = Opened { lines: (1..=4).map(line).collect(), ..Opened::nothing(den()) };
    let account = Account { server: "s:1".into(), address: "s:1".into(), name: "ann".into() };
    let token = Token::new(String::from("token").into());
    let login = Login { account, token, place: Some(place), overview: Overview::default() };
    seat.act(|controller| controller.go_on(login, "s:1".parse().expect("it is an address")));
    let top = |part: &str| seat.find_part(ListItem, part).expect("it is shown").absolute_position().y;
    let tops = [1, 2, 3, 4].map(|number| top(&format!("message {number}:")));
    assert!(tops.is_sorted() && tops[0] > 90., "{tops:?}");
}

#[test]
fn what_is_said_before_ones_own_is_answered_does_not_push_it_out_of_sight() {
    let seat = Seat::in_room();
    assert!(seat.act(|controller| controller.send("mine")));
    seat.hear_message("bob", "first");
    let top = |part: &str| seat.find_part(ListItem, part).expect("it is shown").absolute_position().y;
    assert!(top("first") > 90. && top("mine") > top("first"));
}

/// So many pages up from the end of a hundred messages, older ones come in, in small numbers and in large.
#[track_caller]
fn check_how_far_they_move(pages: usize, pixels_max: f32) {
    let seat = Seat::in_room();
    seat.hear(past(101..=200, false));
    (0..pages).for_each(|_| seat.press(Key::PageUp));
    let top = |number: u64| {
        let row = seat.find_part(ListItem, &format!("message {number}:"))?;
        Some(row.absolute_position().y)
    };
    let (number, before) = (101..=200)
        .find_map(|number| top(number).filter(|top| *top > 100.).map(|top| (number, top)))
        .expect("some of them are in sight");
    for first in [91, 71, 1] {
        let last = if first == 91 { 100 } else { first + 19 };
        seat.hear(past(first..=last, true));
        let after = top(number).unwrap_or(f32::NAN);
        assert!((after - before).abs() <= pixels_max, "message {number} went from {before} to {after}");
    }
}

/// What was said before, by one author, in texts of different heights.
fn past(numbers: std::ops::RangeInclusive<u64>, is_older: bool) -> Event {
    let line = |number: u64| Past {
        from: "bob".into(),
        text: Some(format!(
            "message {number}:{}",
            " and so on".repeat(usize::try_from(number * 7 % 60).expect("it is small"))
        )),
        posted: Posted { seq: number, ts_ms: number * 60_000 },
        is_own: false,
        said: None,
        cid: None,
    };
    Event::Past {
        of: den(),
        messages: numbers.map(line).collect(),
        is_older,
        is_anew: false,
        has_older: true,
    }
}

#[test]
fn keys_lead_to_a_message_that_is_out_of_sight_and_copy_it() {
    let seat = Seat::in_room();
    for number in 0..60 {
        seat.hear_message("bob", &format!("line {number}"));
    }
    seat.press_with(Key::Shift, Key::Tab);
    for _ in 0..50 {
        seat.press(Key::UpArrow);
    }
    let row = seat.find(ListItem, "bob, 09:00: line 10");
    assert!(row.accessible_item_selected().unwrap());
    let (top, bottom) = (row.absolute_position().y, row.absolute_position().y + row.size().height);
    assert!(top > 50. && bottom < 600., "it is seen, from {top} to {bottom}");
    seat.press_with(Key::Control, 'c');
    // Into the composer, as anybody would.
    seat.press(Key::Escape);
    seat.press_with(Key::Control, 'v');
    assert_eq!(seat.find(TextInput, "Message").accessible_value().unwrap(), "line 10");
    assert_eq!(seat.app().global::<RoomAdapter>().get_selected(), 0, "who writes has left the messages");
}

#[test]
fn the_composer_is_as_high_as_what_is_written() {
    let seat = Seat::in_room();
    let height = || seat.find(TextInput, "Message").size().height;
    let one = height();
    seat.type_text(&"some words that go on and on ".repeat(8));
    let wrapped = height();
    assert!(wrapped > one + 10., "{one} and {wrapped}");
    seat.press_with(Key::Shift, Key::Return);
    assert!(height() > wrapped + 10., "a new line has room before it is written in");
    seat.press(Key::Return);
    assert_eq!(height(), one);
}

#[test]
fn a_connection_that_is_away_shows_a_banner_and_lets_one_type_on() {
    let seat = Seat::in_room();
    seat.type_text("half a sen");
    seat.hear_of(Link::Away { fault: Fault::Lost, retry_in: std::time::Duration::from_secs(4) });
    assert!(seat.has("The connection is away. Next attempt within 4 s."));
    seat.type_text("tence");
    assert_eq!(seat.find(TextInput, "Message").accessible_value().unwrap(), "half a sentence");
    seat.click(Button, "Try now");
    assert_eq!(seat.take_done(), "try now");
}

#[test]
fn control_k_leads_to_another_room() {
    let seat = Seat::in_room();
    seat.press_with(Key::Control, 'k');
    seat.type_text("gar");
    seat.press(Key::Return);
    assert_eq!(seat.take_done(), "list, exit");
    seat.hear(Event::Left { room: "den".into() });
    assert_eq!(seat.take_done(), "enter garden");
}

#[test]
fn keys_open_and_close_dialogs_and_change_the_size() {
    let seat = Seat::in_room();
    seat.press_with(Key::Control, '/');
    assert!(seat.has("Ctrl+K: Go to another room"));
    seat.press(Key::Escape);
    assert!(!seat.has("Ctrl+K: Go to another room"));
    seat.press_with(Key::Control, '+');
    seat.press_with(Key::Control, '-');
    seat.press_with(Key::Control, '0');
    assert_eq!(seat.take_done(), "Zoom(1), Zoom(-1), Zoom(0)");
}

#[test]
fn about_names_version_and_slint() {
    let seat = Seat::new();
    seat.app().global::<AppAdapter>().set_version("9.8.7".into());
    seat.click(Button, "About");
    assert!(seat.has("Version 9.8.7"));
    seat.press(Key::Escape);
    assert!(!seat.has("Version 9.8.7"));
}
