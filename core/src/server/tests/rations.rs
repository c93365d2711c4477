//! How much one connection may do, and how often.

use super::*;

fn failed(refusal: Refusal) -> Answer {
    Answer::Refused(refusal)
}

#[test]
fn the_tenth_failed_login_of_a_connection_is_answered_and_ends_it() {
    let mut stage = Stage::new();
    for _ in 0..9 {
        stage.say(LOGIN);
        stage.answer(failed(Refusal::AuthFailed));
        stage.check("ask, login auth_failed");
        // A server without time for it has not found the password wrong.
        stage.say(LOGIN);
        stage.answer(failed(Refusal::Busy { retry_ms: 1 }));
        stage.check("ask, login busy");
    }
    stage.say_all(&[LOGIN, LOGIN]);
    stage.answer(failed(Refusal::AuthFailed));
    stage.check("ask, login auth_failed, error auth_throttled, finish");
    stage.check_after(2_000, "close Dismissed(AuthThrottled)");
}

#[test]
fn without_a_limit_a_connection_may_guess_for_ever() {
    let mut stage = Stage::with(Limits { auth_connection_failures_max: 0, ..Limits::default() });
    for _ in 0..100 {
        stage.say(LOGIN);
        stage.answer(failed(Refusal::AuthFailed));
        stage.check("ask, login auth_failed");
    }
}

#[test]
fn a_new_password_has_4_characters_at_least_and_512_bytes_at_most() {
    let long = ["x".repeat(512), "x".repeat(513)];
    for (password, expected) in [
        ("", "register password_too_short"),
        ("123", "register password_too_short"),
        ("äöü", "register password_too_short"),
        (&long[1], "register password_too_long"),
        ("1234", "ask"),
        ("äöüß", "ask"),
        (&long[0], "ask"),
    ] {
        let mut stage = Stage::new();
        stage.say(&REGISTER.replace("1234", password));
        stage.check(expected);
    }
}

#[test]
fn registrations_come_back_one_a_second_and_one_that_cannot_be_takes_none() {
    let mut stage = Stage::with(Limits { register_burst: 2, ..Limits::default() });
    for _ in 0..2 {
        stage.say(REGISTER);
        stage.answer(failed(Refusal::NameTaken));
        stage.check("ask, register name_taken");
        stage.say(&REGISTER.replace("1234", "1"));
        stage.check("register password_too_short");
    }
    stage.say(REGISTER);
    stage.check("register rate_limited");
    stage.wait(999);
    stage.say(REGISTER);
    stage.check("register rate_limited");
    stage.wait(1);
    stage.say(REGISTER);
    stage.check("ask");
}

#[test]
fn lists_come_back_two_a_second_in_the_lobby_and_in_a_room_together() {
    let mut stage = Stage::in_lobby();
    for _ in 0..19 {
        stage.say(LIST);
        stage.check("list ok");
    }
    stage.say(r#"{"type":"enter","data":{"room":"example"}}"#);
    stage.say_all(&[LIST, LIST]);
    stage.check("enter ok, list_room ok, list_room ok, list_room rate_limited");
    stage.say(EXIT);
    stage.say(LIST);
    stage.check("exit ok, list ok, list rate_limited");
    stage.wait(500);
    stage.say_all(&[LIST, LIST]);
    stage.check("list ok, list rate_limited");
}

#[test]
fn who_moves_too_fast_is_never_refused_and_what_comes_after_it_waits() {
    let mut stage = Stage::with(Limits { move_rate: 1, move_burst: 2, ..Limits::default() });
    stage.say(LOGIN);
    stage.verified();
    let enter = r#"{"type":"enter","data":{"room":"example"}}"#;
    stage.say_all(&[enter, EXIT, enter, LIST]);
    let moves = "enter ok, list_room ok, exit ok, list ok, enter ok, list_room ok";
    stage.check(&format!("ask, {WELCOME}, {moves}"));
    stage.check_after(1_000, "list_room ok");
}

#[test]
fn every_frame_that_is_looked_at_is_counted_readable_or_not() {
    let mut stage = Stage::new();
    assert_eq!(stage.conn.frames(), 0);
    stage.say_all(&["{", LIST, LOGIN, LIST]);
    assert_eq!(stage.conn.frames(), 3, "the last one waits for the answer to the one before");
    stage.verified();
    assert_eq!(stage.conn.frames(), 4);
}
