//! Where an account is logged in, told and ended.

use super::lasting::grant;
use super::*;
use crate::message::logins::{ClientName, Login};

const HELLO: &str = r#"{"type":"hello","proto":1,"caps":["resume","logins"],"client":"Chatroom 0.1.0"}"#;
const LOGINS: &str = r#"{"type":"logins","rid":"l","data":{"op":"list"}}"#;

fn end(id: i64) -> String {
    format!(r#"{{"type":"logins","rid":"e","data":{{"op":"end","login":{id}}}}}"#)
}

/// Two logins, the first of them the own one.
fn told() -> Answer {
    let login = |id, is_own| Login {
        id: GrantId(id),
        client: ClientName::parse("Chatroom 0.1.0"),
        begun_ms: Some(1),
        used_ms: Some(2),
        ends_ms: 3,
        is_own,
    };
    Answer::Logins(vec![login(7, true), login(8, false)])
}

/// Ann, by login 7.
fn in_lobby(limits: Limits) -> Stage {
    let mut stage = Stage::with(limits);
    stage.say(HELLO);
    stage.say(LOGIN);
    stage.answer(grant(7));
    stage.check(&format!("hello ok, ask, {WELCOME}"));
    stage
}

#[track_caller]
fn check_asked(stage: &mut Stage, ended: Option<i64>) {
    let Some((_, Question::Logins { account, own, end })) = &stage.asked else {
        panic!("nobody asked for logins")
    };
    assert_eq!((account, *own, *end), (&ann(), Some(GrantId(7)), ended.map(GrantId)));
    stage.check("ask");
}

#[test]
fn a_client_says_what_it_is_called_when_the_password_is_asked() {
    for (hello, expected) in [
        (HELLO, Some("Chatroom 0.1.0")),
        (r#"{"type":"hello","proto":1,"caps":["resume"]}"#, None),
        (r#"{"type":"hello","proto":1,"caps":["resume"],"client":"two\nlines"}"#, None),
    ] {
        let mut stage = Stage::new();
        stage.say(hello);
        stage.say(LOGIN);
        let Some((_, Question::Verify { client, lasts: true, .. })) = &stage.asked else {
            panic!("no password was asked")
        };
        assert_eq!(client.as_ref().map(ClientName::as_str), expected);
    }
}

#[test]
fn logins_are_told_wherever_one_is() {
    let mut stage = in_lobby(Limits::default());
    stage.say(LOGINS);
    check_asked(&mut stage, None);
    stage.answer(told());
    stage.check(r#"logins ok "l""#);
    stage.say(ENTER);
    stage.say(LOGINS);
    stage.answer(told());
    stage.check(r#"enter no_such_room, ask, logins ok "l""#);
    stage.say(r#"{"type":"enter","data":{"room":"example"}}"#);
    stage.say(LOGINS);
    stage.answer(told());
    stage.check(r#"enter ok, list_room ok, ask, logins ok "l""#);
}

#[test]
fn one_of_them_is_ended_and_whoever_came_by_it_told_before_the_answer() {
    let mut stage = in_lobby(Limits::default());
    stage.say(&end(8));
    check_asked(&mut stage, Some(8));
    stage.answer(told());
    stage.check(r#"ended 8, logins ok "e""#);
}

#[test]
fn one_that_is_not_there_is_told_so_and_nobody_is_left_who_came_by_it() {
    let mut stage = in_lobby(Limits::default());
    stage.say(&end(9));
    stage.answer(Answer::Refused(Refusal::NoSuchLogin));
    stage.check(r#"ask, ended 9, logins no_such_login "e""#);
    stage.say(&end(9));
    stage.answer(Answer::Refused(Refusal::Unavailable { retry_ms: 5 }));
    stage.check(r#"ask, logins busy "e""#);
}

#[test]
fn the_own_one_is_ended_by_logging_out() {
    let mut stage = in_lobby(Limits::default());
    stage.say(&end(7));
    stage.check(r#"logins own_login "e""#);
    stage.say(LOGOUT);
    stage.check("end 7, logout ok");
}

#[test]
fn who_asks_too_often_is_told_so() {
    let mut stage = in_lobby(Limits { list_rate: 1, list_burst: 2, ..Limits::default() });
    for expected in [r#"ask, logins ok "l""#, r#"ask, logins ok "l""#, r#"logins rate_limited "l""#] {
        stage.say(LOGINS);
        if stage.asked.is_some() {
            stage.answer(told());
        }
        stage.check(expected);
    }
}

#[test]
fn who_was_not_granted_it_cannot_ask() {
    for caps in [r#""resume""#, r#""logins""#, r#""ack","history""#] {
        let mut stage = Stage::new();
        stage.say(&format!(r#"{{"type":"hello","proto":1,"caps":[{caps}]}}"#));
        stage.say(LOGINS);
        stage.check(r#"hello ok, error unknown_type "l""#);
    }
    let mut stage = Stage::new();
    stage.say(HELLO);
    stage.say(LOGINS);
    stage.check(r#"hello ok, logins wrong_state "l""#);
}

#[test]
fn a_login_that_was_ended_elsewhere_says_so_and_ends() {
    let mut stage = in_lobby(Limits::default());
    stage.tell(Input::Mail(Mail::Farewell(Farewell::Ended)));
    stage.check("error session_ended, finish");
}
