//! One request at a time, in order, and no more of them than are read.

use super::*;

#[test]
fn requests_that_come_while_the_store_is_asked_are_answered_in_order_afterwards() {
    let mut stage = Stage::new();
    stage.say_all(&[REGISTER, LOGIN, LIST, CREATE]);
    stage.say_all(&[ENTER, LIST, EXIT, LOGOUT, LIST]);
    stage.check("ask");
    stage.answer(Answer::Registered(ann()));
    stage.check("register ok, ask");
    stage.verified();
    stage.check(&format!(
        "{WELCOME}, list ok, create ok, enter ok, list_room ok, list_room ok, exit ok, list ok, logout ok, \
         list wrong_state"
    ));
}

#[test]
fn requests_that_come_while_the_hub_is_asked_wait_for_its_answer() {
    let mut stage = Stage::in_lobby();
    stage.hub_is_fast = false;
    stage.say_all(&[CREATE, "{}", ENTER]);
    stage.check("");
    stage.tell(heavy(10));
    stage.check("10 bytes");
    stage.hub_is_fast = true;
    stage.run();
    stage.check("create ok, error bad_request, enter ok, list_room ok");
}

#[test]
fn an_answer_to_another_question_is_ignored() {
    let mut stage = Stage::new();
    stage.say(REGISTER);
    let stale = stage.asked.as_ref().expect("asked").0;
    stage.answer(Answer::Refused(Refusal::NameTaken));
    stage.tell(Input::Answer(stale, Answer::Registered(ann())));
    stage.say(LOGIN);
    stage.check("ask, register name_taken, ask");
    let foreign = Ticket(77);
    stage.tell(Input::Answer(stale, Answer::Verified(ann())));
    stage.tell(Input::Answer(foreign, Answer::Verified(ann())));
    stage.check("");
    stage.verified();
    stage.check(WELCOME);
    stage.tell(Input::Answer(stale, Answer::Refused(Refusal::AuthFailed)));
    stage.check("");
}

#[test]
fn direct_answers_carry_the_rid_of_their_request_and_nothing_else_does() {
    let mut stage = Stage::in_lobby();
    let longest = "x".repeat(64);
    for (request, expected) in [
        (r#"{"type":"list","rid":"1"}"#, r#"list ok "1""#),
        (r#"{"type":"create","data":{"room":"den"},"rid":""}"#, r#"create ok """#),
        (r#"{"type":"enter","data":{"room":"den"},"rid":"2"}"#, r#"enter ok "2", list_room ok"#),
        (&format!(r#"{{"type":"logout","rid":"{longest}"}}"#), &format!(r#"logout wrong_state "{longest}""#)),
        (&format!(r#"{{"type":"exit","rid":"{longest}x"}}"#), "exit bad_request"),
        (r#"{"type":"exit","rid":7}"#, "exit bad_request"),
        (r#"{"type":"dance","rid":"3"}"#, r#"error unknown_type "3""#),
        (r#"{"rid":"4"}"#, r#"error bad_request "4""#),
        (r#"{"type":"list","data":[],"rid":"5"}"#, r#"list_room bad_request "5""#),
        (r#"{"type":"msg","data":{"to":"public","text":"hi"},"rid":"6"}"#, "msg ok"),
        (r#"{"type":"exit","rid":null}"#, "exit ok, list ok"),
    ] {
        stage.say(request);
        stage.check(expected);
    }
}

#[test]
fn names_count_as_one_whatever_their_spelling() {
    let mut stage = Stage::in_lobby();
    stage.say_all(&[CREATE, r#"{"type":"create","data":{"room":"DEN"}}"#]);
    stage.say(r#"{"type":"enter","data":{"room":"dEN"}}"#);
    stage.check("create ok, create room_exists, enter ok, list_room ok");
    for (from, to, expected) in [
        ("ANN", "public", "msg ok"),
        ("ann", "PUBLIC", "msg ok"),
        ("ann", "aNN", "msg ok"),
        ("bob", "ann", "msg from_mismatch"),
        ("", "ann", "msg from_mismatch"),
        ("ann", "bob", "msg not_in_room"),
        ("ann", "", "msg not_in_room"),
    ] {
        stage.say(&format!(r#"{{"type":"msg","data":{{"from":"{from}","to":"{to}","text":"hi"}}}}"#));
        stage.check(expected);
    }
}

#[test]
fn no_more_is_read_once_a_whole_frame_could_be_waiting() {
    let mut stage = Stage::new();
    stage.say(LOGIN);
    stage.bytes(&[b' '; 4096 + 3]);
    assert!(stage.conn.wants_bytes());
    stage.bytes(b" ");
    assert!(!stage.conn.wants_bytes());

    let mut stage = Stage::in_lobby();
    stage.hub_is_fast = false;
    stage.say(LIST);
    stage.bytes(&framed(&long_list(32 * 1024))[1..]);
    stage.bytes(&[]);
    assert!(stage.conn.wants_bytes());
    stage.bytes(b" ");
    assert!(!stage.conn.wants_bytes());
}

#[test]
fn a_client_that_does_not_read_is_not_read_from_until_it_does() {
    let mut stage = Stage::in_lobby();
    stage.network_is_fast = false;
    stage.tell(heavy(64 * 1024 - 1));
    assert!(stage.conn.wants_bytes());
    stage.tell(heavy(1));
    assert!(!stage.conn.wants_bytes());
    stage.say(LIST);
    stage.sent(0, 64 * 1024);
    stage.check("65535 bytes, 1 bytes");
    stage.sent(1, 64 * 1024 - 1);
    stage.check("list ok");
    assert!(!stage.conn.wants_bytes(), "the answer itself waits now");
    stage.sent(64 * 1024, 100);
    assert!(stage.conn.wants_bytes());
}

#[test]
fn pipelined_requests_are_answered_only_as_fast_as_answers_are_read() {
    let mut stage = Stage::with(Limits { outbox_pause_bytes: 1, ..Limits::default() });
    stage.network_is_fast = false;
    stage.say_all(&[LIST, EXIT, LOGOUT]);
    for answer in ["list wrong_state", "exit wrong_state", "logout wrong_state"] {
        stage.check(answer);
        assert!(!stage.conn.is_at_rest(), "once it is read, the next one follows");
        stage.sent(100, 0);
    }
    stage.check("");
    assert!(stage.conn.is_at_rest());
}

#[test]
fn a_client_that_takes_nothing_for_30_seconds_is_dropped_and_any_byte_it_takes_gives_it_more() {
    let mut stage = Stage::in_lobby();
    stage.network_is_fast = false;
    stage.sent(0, 500);
    stage.wait(29_000);
    stage.sent(0, 900);
    stage.wait(999);
    stage.sent(1, 899);
    stage.wait(29_999);
    stage.sent(899, 0);
    stage.wait(60 * MINUTE);
    stage.check("");
    stage.sent(0, 500);
    stage.wait(20_000);
    stage.sent(0, 500);
    stage.check_after(10_000, "close Stalled");
}

#[test]
fn the_third_bad_frame_of_a_connection_ends_it() {
    let mut stage = Stage::new();
    stage.say_all(&["{", "{}", r#"{"type":"login"}"#, LIST, LOGIN]);
    stage.check("error bad_frame, error bad_request, login bad_request, list wrong_state, ask");
    stage.verified();
    stage.say_all(&["[]", LOGOUT, "{", LIST]);
    stage.check(&format!("{WELCOME}, error bad_frame, logout ok, error bad_frame, finish"));
}

#[test]
fn a_frame_is_measured_by_the_state_it_is_read_in() {
    let (small, large) = (long_list(4096), long_list(32 * 1024));
    let (above_small, above_large) = (long_list(4097), long_list(32 * 1024 + 1));

    let mut stage = Stage::new();
    stage.say_all(&[&small, LOGIN, &large, &above_large]);
    stage.verified();
    stage.check(&format!("list wrong_state, ask, {WELCOME}, list ok, error frame_too_large, finish"));

    let mut stage = Stage::new();
    stage.say_all(&[LOGIN, &above_small]);
    stage.answer(Answer::Refused(Refusal::AuthFailed));
    stage.check("ask, login auth_failed, error frame_too_large, finish");

    let mut stage = Stage::in_lobby();
    stage.say_all(&[LOGOUT, &above_small]);
    stage.check("logout ok, error frame_too_large, finish");
}

#[test]
fn a_frame_too_large_is_refused_before_its_bytes_come() {
    let mut stage = Stage::new();
    stage.bytes(&[0, 0, 16]);
    stage.check("");
    stage.bytes(&[1]);
    stage.check("error frame_too_large, finish");
    assert_eq!(stage.conn.decoder.buffered(), 0, "nothing is kept for it");
}
