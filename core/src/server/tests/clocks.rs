//! How long a frame, a handshake and a login may take.

use super::*;

#[test]
fn a_frame_may_take_15_seconds_from_its_first_byte() {
    let mut stage = Stage::new();
    stage.bytes(&[0]);
    stage.wait(10_000);
    stage.bytes(&[0, 0]);
    stage.check_after(5_000, "error frame_timeout, finish");
}

#[test]
fn a_finished_frame_stops_its_clock_and_the_next_begins_anew() {
    let mut stage = Stage::new();
    let frame = framed(LIST);
    stage.bytes(&frame[..9]);
    stage.wait(14_000);
    stage.bytes(&frame[9..]);
    stage.check("list wrong_state");
    stage.wait(60_000);
    stage.check("");

    stage.bytes(&frame[..9]);
    stage.wait(14_000);
    stage.bytes(&[&frame[9..], &frame[..1]].concat());
    stage.check("list wrong_state");
    stage.check_after(15_000, "error frame_timeout, finish");
}

#[test]
fn the_clock_of_a_frame_stands_while_the_store_is_asked() {
    let mut stage = Stage::new();
    stage.bytes(&[framed(LOGIN), vec![0]].concat());
    stage.wait(2 * MINUTE);
    stage.check("ask");
    stage.answer(Answer::Refused(Refusal::AuthFailed));
    stage.check("login auth_failed");
    stage.check_after(15_000, "error frame_timeout, finish");
}

#[test]
fn the_clock_of_a_frame_stands_while_the_hub_is_asked() {
    let mut stage = Stage::in_lobby();
    stage.hub_is_fast = false;
    stage.bytes(&[framed(LIST), vec![0]].concat());
    stage.wait(2 * MINUTE);
    stage.check("");
    stage.hub_is_fast = true;
    stage.run();
    stage.check("list ok");
    stage.check_after(15_000, "error frame_timeout, finish");
}

#[test]
fn the_clock_of_a_frame_stands_while_the_server_does_not_read_and_runs_on_with_what_was_left() {
    let mut stage = Stage::in_lobby();
    stage.bytes(&[0]);
    stage.wait(10_000);
    stage.network_is_fast = false;
    stage.tell(heavy(64 * 1024));
    stage.wait(25_000);
    stage.sent(64 * 1024, 0);
    stage.check("65536 bytes");
    stage.check_after(5_000, "error frame_timeout, finish");
}

#[test]
fn a_frame_that_ends_in_time_after_a_pause_leaves_the_next_its_full_time() {
    let mut stage = Stage::in_lobby();
    stage.network_is_fast = false;
    let frame = framed(LIST);
    stage.bytes(&frame[..9]);
    stage.wait(14_000);
    stage.tell(heavy(64 * 1024));
    stage.wait(10_000);
    stage.sent(64 * 1024, 0);
    stage.bytes(&[&frame[9..], &frame[..1]].concat());
    stage.check("65536 bytes, list ok");
    stage.check_after(15_000, "error frame_timeout, finish");
}

#[test]
fn a_handshake_takes_10_seconds_at_most() {
    let mut stage = Stage::before_handshake(Limits::default());
    stage.bytes(&framed(LIST));
    stage.check_after(10_000, "close NoHandshake");

    let mut stage = Stage::before_handshake(Limits::default());
    stage.wait(9_999);
    stage.tell(Input::Secured);
    stage.check_after(5 * MINUTE, "error login_timeout, finish");
}

#[test]
fn failed_logins_do_not_lengthen_the_time_for_one() {
    let mut stage = Stage::new();
    stage.wait(4 * MINUTE);
    stage.say(LOGIN);
    stage.answer(Answer::Refused(Refusal::AuthFailed));
    stage.check("ask, login auth_failed");
    stage.check_after(MINUTE, "error login_timeout, finish");
}

#[test]
fn who_is_logged_in_may_be_silent_for_ever_and_logging_out_starts_the_time_for_a_login_again() {
    let mut stage = Stage::in_lobby();
    assert_eq!(stage.conn.deadline(), None);
    stage.wait(24 * 60 * MINUTE);
    stage.say(LOGOUT);
    stage.check("logout ok");
    stage.check_after(5 * MINUTE, "error login_timeout, finish");
}

#[test]
fn an_answer_that_comes_after_the_time_for_a_login_logs_nobody_in() {
    let mut stage = Stage::new();
    stage.say(LOGIN);
    stage.wait(5 * MINUTE);
    stage.verified();
    stage.check("ask, error login_timeout, finish");
    assert_eq!(stage.hub.users(), 0);
    stage.check_after(2_000, "close Dismissed(LoginTimeout)");
}
