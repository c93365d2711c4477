//! Logins that last.

use super::*;

const HELLO: &str = r#"{"type":"hello","proto":1,"caps":["resume"]}"#;
const RESUME: &str = r#"{"type":"resume","data":{"token":"one"}}"#;

pub(super) fn grant(id: i64) -> Answer {
    let token = Token::new(String::from("two").into());
    Answer::Granted(ann(), Grant { id: GrantId(id), token, expires_ms: 1 })
}

/// A connection whose client has asked for logins that last.
fn greeted() -> Stage {
    let mut stage = Stage::new();
    stage.say(HELLO);
    stage.check("hello ok");
    stage
}

/// What was asked is whether somebody may log in, and whether that is to last.
fn check_asked(stage: &mut Stage, lasts: bool) {
    let Some((_, Question::Verify { lasts: asked, .. })) = &stage.asked else {
        panic!("no password was asked")
    };
    assert_eq!(*asked, lasts);
    stage.check("ask");
}

#[test]
fn a_login_lasts_for_who_asked_for_that_and_for_nobody_else() {
    let mut stage = Stage::new();
    stage.say(LOGIN);
    check_asked(&mut stage, false);
    let mut stage = greeted();
    stage.say(LOGIN);
    check_asked(&mut stage, true);
    stage.answer(grant(7));
    stage.check(WELCOME);
}

#[test]
fn a_login_that_is_granted_no_end_of_its_own_is_a_login_all_the_same() {
    let mut stage = greeted();
    stage.say(LOGIN);
    stage.verified();
    stage.check(&format!("ask, {WELCOME}"));
    stage.say(LOGOUT);
    stage.check("logout ok");
}

#[test]
fn who_shows_a_token_is_asked_for_no_password() {
    let mut stage = greeted();
    stage.say(RESUME);
    assert!(matches!(&stage.asked, Some((_, Question::Resume { token })) if token.expose() == "one"));
    stage.answer(grant(7));
    stage.check("ask, resume ok, list ok");
}

#[test]
fn who_did_not_ask_for_it_can_show_none() {
    let mut stage = Stage::new();
    stage.say(RESUME);
    stage.check("error unknown_type");
    let mut stage = Stage::new();
    stage.say(r#"{"type":"hello","proto":1,"caps":["ack"]}"#);
    stage.say(RESUME);
    stage.check("hello ok, error unknown_type");
}

#[test]
fn a_token_that_lets_nobody_in_leaves_the_connection_as_it_was() {
    let mut stage = greeted();
    for _ in 0..20 {
        stage.say(RESUME);
        stage.answer(Answer::Refused(Refusal::SessionEnded));
        stage.check("ask, resume session_ended");
    }
    stage.say(LOGIN);
    stage.answer(grant(8));
    stage.check(&format!("ask, {WELCOME}"));
}

#[test]
fn who_logs_out_has_their_login_ended_once() {
    let mut stage = greeted();
    stage.say(LOGIN);
    stage.answer(grant(7));
    stage.say(LOGOUT);
    stage.check(&format!("ask, {WELCOME}, end 7, logout ok"));
    stage.say(LOGIN);
    stage.verified();
    stage.say(LOGOUT);
    stage.check(&format!("ask, {WELCOME}, logout ok"));
}
