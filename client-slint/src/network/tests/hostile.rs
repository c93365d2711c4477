//! Against a server that misbehaves: nothing panics, nothing waits for ever, and the person is told.

use super::desk::{Desk, ENTERED, LOGGED_IN, MEMBERS, Place, ROOMS};
use super::scripted::{Server, Step, framed};
use super::*;
use crate::screen::Page;

/// Plays the steps to who is at this place, and compares what then is to be seen with what was: `+` came, `-` went.
///
/// Where the connection does not end, the server has a last word, which has to be seen too: whoever was thrown off the
/// track by what came before would not show it.
#[track_caller]
fn check(place: Place, steps: &[Step], expected: &str) {
    let last_word = Step::Say(framed(LAST_WORD));
    let (mut desk, _server) = Desk::at(place, &[steps, &[last_word]].concat());
    let before = desk.seen();
    desk.hear_until(|news| match news {
        News::Link(Link::Away { .. }) => true,
        News::Client(Event::Notice { message, .. }) => message == "last word",
        _ => false,
    });
    let after = desk.seen();
    let went = before.iter().filter(|line| !after.contains(line)).map(|line| format!("- {line}"));
    let came = after.iter().filter(|line| !before.contains(line)).map(|line| format!("+ {line}"));
    let difference: Vec<String> = went.chain(came).collect();
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(difference, expected, "{place:?}");
}

#[track_caller]
fn check_says(place: Place, json: &str, expected: &str) {
    check(place, &[Step::Say(framed(json))], expected);
}

/// At every place: the person is told what the server did, nothing is busy, and the next attempt comes.
#[track_caller]
fn check_fault(bytes: &[u8], what: &str) {
    let steps = [Step::Say(bytes.to_vec())];
    check(Place::Login, &steps, &format!("+ banner: AwayRetry 1\n+ login.notice: ServerFault {what}"));
    check(
        Place::Asked,
        &steps,
        &format!(
            "- login.busy: yes
             + banner: AwayRetry 1
             + login.form: NoAnswer
             + login.notice: ServerFault {what}"
        ),
    );
    check(Place::Lobby, &steps, &format!("+ banner: AwayRetry 1\n+ lobby.error: ServerFault {what}"));
    check(Place::Room, &steps, &format!("+ banner: AwayRetry 1\n+ room.hint: ServerFault {what}"));
}

#[test]
fn a_frame_that_cannot_be_read_is_named_where_the_person_looks() {
    check_fault(&262_145_u32.to_be_bytes(), "it sent a frame that is empty or too large");
    check_fault(&u32::MAX.to_be_bytes(), "it sent a frame that is empty or too large");
    check_fault(&[0; 4], "it sent a frame that is empty or too large");
    check_fault(&framed("hello"), "The frame is not JSON");
    check_fault(&framed(r#"{"type":"list""#), "The frame is not JSON");
    check_fault(&framed([0xff, 0xfe]), "The frame is not UTF-8");
    check_fault(&framed("[]"), "The frame is not an object with each key once");
    check_fault(&framed("null"), "The frame is not an object with each key once");
    check_fault(&framed("[[[[[[[[[]]]]]]]]]"), "The frame is nested too deep");
    check_fault(&framed("{}"), "`type` must be a string");
}

#[test]
fn a_connection_that_ends_within_a_frame_is_away_and_nothing_of_the_frame_is_shown() {
    for (end, half) in [(Step::End, 3), (Step::End, 20), (Step::Cut, 3), (Step::Cut, 20)] {
        let half = Step::Say(framed(LOGGED_IN)[..half].to_vec());
        let steps = [half, end];
        check(Place::Login, &steps, "+ banner: AwayRetry 1");
        check(Place::Asked, &steps, "- login.busy: yes\n+ banner: AwayRetry 1\n+ login.form: NoAnswer");
        check(Place::Lobby, &steps, "+ banner: AwayRetry 1");
        check(Place::Room, &steps, "+ banner: AwayRetry 1");
    }
}

#[test]
fn what_was_said_before_the_tls_broke_is_heard() {
    let garden = r#"{"type":"list","status":"ok","data":{"lobby":["ann"],"garden":[]}}"#;
    check(
        Place::Lobby,
        &[Step::Spoil(framed(garden))],
        "- lobby.room: den: bob
         - lobby.person: bob in den
         - switcher.room: den: bob
         + banner: AwayRetry 1
         + lobby.room: garden:
         + switcher.room: garden:",
    );
    check(
        Place::Asked,
        &[Step::Spoil(Vec::new())],
        "- login.busy: yes\n+ banner: AwayRetry 1\n+ login.form: NoAnswer",
    );
}

#[test]
fn a_list_of_a_room_one_is_not_in_changes_nothing() {
    let elsewhere = r#"{"type":"list_room","status":"ok","data":{"cellar":["mallory"]}}"#;
    check_says(Place::Room, elsewhere, "+ room.hint: Verbatim last word");
    check_says(Place::Lobby, elsewhere, "+ lobby.error: Verbatim last word");
    check_says(Place::Login, elsewhere, "+ login.notice: Verbatim last word");
    check_says(Place::Login, ROOMS, "+ login.notice: Verbatim last word");
    check_says(
        Place::Room,
        r#"{"type":"list_room","status":"ok","data":{}}"#,
        "+ room.hint: Verbatim last word",
    );
}

#[test]
fn an_answer_that_nobody_can_have_asked_for_leads_nowhere() {
    let left = r#"{"type":"exit","status":"ok"}"#;
    let created = r#"{"type":"create","status":"ok"}"#;
    let logged_out = r#"{"type":"logout","status":"ok"}"#;
    let registered = r#"{"type":"register","status":"ok"}"#;
    let refused = LOGGED_IN.replace("ok", "error");
    for json in [ENTERED, left, created, logged_out, MEMBERS] {
        check_says(Place::Login, json, "+ login.notice: Verbatim last word");
    }
    for json in [left, LOGGED_IN, registered, &refused] {
        check_says(Place::Lobby, json, "+ lobby.error: Verbatim last word");
    }
    for json in [ENTERED, created, logged_out, LOGGED_IN, registered, &refused] {
        check_says(Place::Room, json, "+ room.hint: Verbatim last word");
    }
}

#[test]
fn a_login_answered_twice_is_one_login() {
    let other = LOGGED_IN.replace("ann", "mallory");
    check(
        Place::Asked,
        &[Step::Say([framed(LOGGED_IN), framed(&other)].concat())],
        "- page: Login
         - login.busy: yes
         + page: Lobby
         + login.forgotten: 1
         + lobby.username: ann
         + lobby.error: Verbatim last word",
    );
}

#[test]
fn a_message_to_who_is_in_no_room_is_not_shown() {
    let message = r#"{"type":"msg","status":"ok","data":{"to":"public","from":"bob","text":"hi"}}"#;
    check_says(Place::Login, message, "+ login.notice: Verbatim last word");
    check_says(Place::Lobby, message, "+ lobby.error: Verbatim last word");
}

#[test]
fn a_type_that_nobody_knows_is_passed_over() {
    for data in ["", r#","data":[]"#, r#","data":7"#, r#","data":{"room":7}"#] {
        let json = format!(r#"{{"type":"dance","status":"ok"{data}}}"#);
        check_says(Place::Lobby, &json, "+ lobby.error: Verbatim last word");
    }
}

/// Each answer, where it belongs; which of its parts it cannot do without, and which it can.
const ANSWERS: [(Place, &str, &[&str], &[&str]); 9] = [
    (
        Place::Login,
        r#"{"type":"register","status":"ok","message":"m","data":{"username":"ann"}}"#,
        &["type"],
        &["status", "message", "data", "username"],
    ),
    (Place::Asked, LOGGED_IN, &["type", "data", "username"], &["status", "message", "chatroom"]),
    (Place::Lobby, ROOMS, &["type", "data", "lobby", "den"], &["status"]),
    (
        Place::Lobby,
        r#"{"type":"create","status":"ok","message":"m","data":{}}"#,
        &["type"],
        &["status", "message", "data"],
    ),
    (Place::Lobby, ENTERED, &["type", "data", "username", "room"], &["status", "message"]),
    (Place::Lobby, r#"{"type":"logout","status":"ok","message":"m"}"#, &["type"], &["status", "message"]),
    (Place::Room, MEMBERS, &["type", "data", "den"], &["status"]),
    (
        Place::Room,
        r#"{"type":"msg","status":"ok","data":{"to":"public","from":"bob","text":"hi"}}"#,
        &["type", "data", "to", "from", "text"],
        &["status"],
    ),
    (
        Place::Room,
        r#"{"type":"msg","status":"error","message":"m","code":"rate_limited","retry_ms":5,"rid":"r"}"#,
        &["type"],
        &["status", "message", "code", "retry_ms", "rid"],
    ),
];

/// No value of these is of the kind that any part of an answer has.
const WRONG: [&str; 6] = ["true", "-1", "1e999", "[7]", "[[]]", r#"{"a":{}}"#];

#[test]
fn a_part_of_the_wrong_kind_is_named_where_it_is_needed_and_passed_over_where_not() {
    for (place, answer, needed, others) in ANSWERS {
        for value in WRONG {
            for part in needed {
                check_spoilt(place, &with(answer, part, value), "ServerFault");
            }
            for part in others {
                check_spoilt(place, &with(answer, part, value), "Verbatim last word");
            }
        }
    }
}

/// The answer, with this value for this key.
fn with(answer: &str, key: &str, value: &str) -> String {
    let (before, after) =
        answer.split_once(&format!(r#""{key}":"#)).unwrap_or_else(|| panic!("{key} in {answer}"));
    let rest = &after[value_bytes(after)..];
    format!(r#"{before}"{key}":{value}{rest}"#)
}

/// How long the JSON value is that this begins with.
fn value_bytes(json: &str) -> usize {
    let (mut depth, mut in_string) = (0, false);
    for (at, c) in json.char_indices() {
        match (in_string, c) {
            (_, '"') => in_string = !in_string,
            (false, '{' | '[') => depth += 1,
            (false, ',' | '}' | ']') if depth == 0 => return at,
            (false, '}' | ']') => depth -= 1,
            _ => {}
        }
    }
    json.len()
}

#[track_caller]
fn check_spoilt(place: Place, answer: &str, expected: &str) {
    let says = Step::Say([framed(answer), framed(LAST_WORD)].concat());
    let (mut desk, _server) = Desk::at(place, &[says]);
    desk.hear_until(|news| match news {
        News::Link(Link::Away { .. }) => true,
        News::Client(Event::Notice { message, .. }) => message == "last word",
        _ => false,
    });
    let seen = desk.seen();
    assert!(seen.iter().any(|line| line.contains(expected)), "{answer}: {seen:#?}");
    let is_busy = seen.iter().any(|line| line.contains("busy"));
    // A login answered by something else than its answer still waits for it; see the test below.
    assert!(!is_busy || place == Place::Asked && expected != "ServerFault", "{answer}: {seen:#?}");
}

#[test]
fn a_flood_of_lists_is_followed_to_its_end() {
    let list = |number: usize| {
        let people: Vec<String> = (0..200).map(|person| format!(r#""p{person}-{number}""#)).collect();
        framed(format!(
            r#"{{"type":"list","status":"ok","data":{{"lobby":["ann"],"den":[{}]}}}}"#,
            people.join(",")
        ))
    };
    let flood: Vec<u8> = (0..1_000).flat_map(list).collect();
    let (mut desk, _server) =
        Desk::at(Place::Lobby, &[Step::Say(flood), Step::Say(framed(ROOMS)), Step::End]);
    let before = desk.seen();
    desk.hear_until(|news| matches!(news, News::Link(Link::Away { .. })));
    let mut after = desk.seen();
    after.retain(|line| line != "banner: AwayRetry 1");
    assert_eq!(after, before);
}

#[test]
fn a_server_that_takes_nothing_is_left_and_so_can_be_what_waits_for_it() {
    let (mut desk, _server) = Desk::at(Place::Lobby, &[Step::TurnDeaf]);
    // Far more than the systems in between keep. Messages would wait for each other, these do not.
    for _ in 0..100_000 {
        desk.act(|controller| controller.create(&"é".repeat(64)));
    }
    desk.hear_until(|news| matches!(news, News::Link(Link::Away { .. })));
    desk.act(|controller| controller.disconnect());
    desk.hear_until(|news| *news == Link::Idle.into());
    let screen = desk.controller.screen();
    assert_eq!((screen.page, screen.connect.is_busy), (Page::Connect, false));
}

#[test]
fn a_way_back_that_has_to_wait_goes_on_by_itself() {
    let busy = r#"{"type":"login","status":"error","message":"m","code":"busy","retry_ms":1}"#;
    let back = vec![
        Step::Hear("login"),
        Step::Say(framed(busy)),
        Step::Hear("login"),
        Step::Say(framed(LOGGED_IN)),
        Step::Hear("enter"),
        Step::Say(framed(ENTERED)),
    ];
    let server = Server::start(vec![[Place::Room.script(), vec![Step::Cut]].concat(), back]);
    let mut desk = Desk::new();
    desk.go_to(Place::Room, &server);
    let before = desk.seen();
    desk.hear_until(|news| matches!(news, News::Client(Event::Returned { .. })));
    assert_eq!(desk.seen(), before);
}

#[test]
fn a_login_that_is_never_answered_is_given_up_and_said_so() {
    let (mut desk, _server) = Desk::at(Place::Asked, &[]);
    desk.hear_until(|news| matches!(news, News::Client(Event::Unanswered { .. })));
    assert_eq!(desk.seen(), ["page: Login", "login.form: NoAnswer"]);
}

/// Two halves, because there are two cores.
#[test]
fn a_login_cut_at_every_even_byte_of_the_servers_side_is_explained() {
    check_cuts(0);
}

#[test]
fn a_login_cut_at_every_odd_byte_of_the_servers_side_is_explained() {
    check_cuts(1);
}

/// Cuts the handshake and the login of a whole exchange after so many bytes of ciphertext, and two more, and two more,
/// until all were written.
fn check_cuts(first: usize) {
    let script =
        [Place::Asked.script(), vec![Step::Say(framed(LOGGED_IN)), Step::Say(framed(ROOMS))]].concat();
    let mut desk = Desk::new();
    let mut ends = [0; 4];
    for bytes in (first..).step_by(2) {
        let server = Server::start_and_cut([script.clone(), vec![Step::Cut]].concat(), bytes);
        desk.controller = crate::controller::Controller::new(Default::default());
        let invitation = server.invitation.to_string();
        desk.act(|controller| controller.connect(&invitation, crate::controller::Trusting::Checked));
        desk.hear_until(|news| matches!(news, News::Client(Event::Connected) | News::Link(Link::Refused(_))));
        if desk.controller.screen().page == Page::Login {
            desk.act(|controller| controller.log_in("ann", "secret words"));
            desk.hear_until(|news| matches!(news, News::Link(Link::Away { .. })));
        }
        let seen = desk.seen();
        desk.act(|controller| controller.disconnect());
        desk.hear_until(|news| *news == Link::Idle.into());
        let whole = server.whole_writes();
        assert_eq!(seen, AFTER_CUT[whole.min(3)], "cut after {bytes} bytes, {whole} things were said whole");
        ends[whole.min(3)] += 1;
        if whole == 3 {
            break;
        }
    }
    assert!(ends.iter().all(|count| *count > 0), "{ends:?}");
}

/// What is to be seen after a cut, by how much of the handshake, the answer and the list came whole.
const AFTER_CUT: [&[&str]; 4] = [
    &["page: Connect", "connect.error: ConnectionLost"],
    &["page: Login", "banner: AwayRetry 1", "login.form: NoAnswer"],
    &["page: Lobby", "banner: AwayRetry 1", "login.forgotten: 1", "lobby.username: ann"],
    &[
        "page: Lobby",
        "banner: AwayRetry 1",
        "login.forgotten: 1",
        "lobby.username: ann",
        "lobby.room: den: bob",
        "lobby.person: ann (self)",
        "lobby.person: bob in den",
        "switcher.room: den: bob",
    ],
];

/// What a server says where nobody asks, to be seen at every place.
const LAST_WORD: &str = r#"{"type":"error","status":"error","message":"last word"}"#;
