//! A client that says nothing, and can be asked whether it is there.

use super::*;

const HELLO: &str = r#"{"type":"hello","proto":1,"caps":["ping"]}"#;
const PING: &str = r#"{"type":"ping","rid":"1"}"#;
const PONG: &str = r#"{"type":"pong"}"#;

/// A connection that was granted `ping`, and on which ann has logged in.
fn in_lobby() -> Stage {
    let mut stage = Stage::new();
    stage.say(HELLO);
    stage.say(LOGIN);
    stage.verified();
    stage.check(&format!("hello ok, ask, {WELCOME}"));
    stage
}

#[test]
fn who_is_silent_for_a_minute_is_asked_and_after_two_is_gone() {
    let mut stage = in_lobby();
    stage.check_after(MINUTE, "ping ok");
    stage.check_after(MINUTE, "close Silent");
    assert_eq!(stage.conn.deadline(), None);
}

#[test]
fn who_answers_is_there_and_gets_no_answer_to_that() {
    let mut stage = in_lobby();
    for _ in 0..3 {
        stage.check_after(MINUTE, "ping ok");
        stage.wait(MINUTE - 1);
        stage.say(PONG);
        stage.check("");
    }
    assert_eq!(stage.conn.phase(), Some(Phase::Lobby));
}

#[test]
fn whatever_is_said_is_a_sign_of_life_even_a_part_of_it() {
    let mut stage = in_lobby();
    stage.wait(MINUTE - 1);
    stage.bytes(&framed(LIST)[..3]);
    stage.bytes(&framed(LIST)[3..]);
    stage.check("list ok");
    stage.wait(MINUTE - 1);
    stage.bytes(&[]);
    stage.check("");
    stage.wait(1);
    stage.check("ping ok");
}

#[test]
fn a_ping_is_answered_in_each_state_and_in_its_place() {
    let mut stage = Stage::new();
    stage.say_all(&[HELLO, PING, LOGIN, PING]);
    stage.check(r#"hello ok, pong ok "1", ask"#);
    stage.verified();
    stage.check(&format!(r#"{WELCOME}, pong ok "1""#));
    stage.say_all(&[CREATE, ENTER, PING, EXIT, LOGOUT, PING]);
    stage
        .check(r#"create ok, enter ok, list_room ok, pong ok "1", exit ok, list ok, logout ok, pong ok "1""#);
}

#[test]
fn to_who_was_not_granted_it_there_is_neither() {
    let mut stage = Stage::in_lobby();
    stage.say_all(&[PING, PONG]);
    stage.check(r#"error unknown_type "1", error unknown_type"#);
    assert_eq!(stage.conn.deadline(), None);
    stage.wait(24 * 60 * MINUTE);
    stage.check("");
}

#[test]
fn pings_and_pongs_have_one_rate() {
    let mut stage = in_lobby();
    stage.say_all(&[PONG; 10]);
    stage.check("");
    stage.say_all(&[PING; 10]);
    stage.check(&[r#"pong ok "1""#; 10].join(", "));
    stage.say_all(&[PING, PONG]);
    stage.check(r#"ping rate_limited "1", pong rate_limited"#);
    stage.wait(500);
    stage.say(PING);
    stage.check(r#"pong ok "1""#);
}

#[test]
fn who_is_not_read_from_is_not_silent() {
    let mut stage = in_lobby();
    stage.hub_is_fast = false;
    stage.say_all(&[LIST, &long_list(32_768)]);
    assert!(!stage.conn.wants_bytes());
    stage.wait(10 * MINUTE);
    stage.check("");
    stage.hub_is_fast = true;
    stage.run();
    stage.check("list ok, list ok");
    // The clock began anew when ten minutes were over.
    stage.check_after(MINUTE, "ping ok");
}

#[test]
fn who_waits_for_an_answer_can_be_asked_and_is_heard() {
    let mut stage = in_lobby();
    stage.hub_is_fast = false;
    stage.say(LIST);
    stage.check_after(MINUTE, "ping ok");
    stage.wait(MINUTE - 1);
    stage.say(PONG);
    stage.check_after(MINUTE, "ping ok");
    stage.check_after(MINUTE, "close Silent");
}

#[test]
fn who_takes_what_waits_only_slowly_is_judged_by_that_alone() {
    let mut stage = in_lobby();
    stage.network_is_fast = false;
    stage.tell(heavy(2_000));
    for left in (1..=8).rev() {
        stage.wait(20_000);
        stage.sent(1, left);
    }
    stage.check("2000 bytes");
    stage.check_after(30_000, "close Stalled");
}

#[test]
fn who_is_told_to_go_is_not_asked() {
    let mut stage = in_lobby();
    stage.tell(Input::Mail(Mail::Farewell(Farewell::ShuttingDown)));
    stage.check("error shutting_down, finish");
    stage.wait(MINUTE);
    stage.check("close Dismissed(ShuttingDown)");
}
