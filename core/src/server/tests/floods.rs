//! Who is refused and asks again, and again.

use super::*;

#[test]
fn the_thousandth_refusal_within_ten_seconds_is_answered_and_ends_the_connection() {
    let mut stage = Stage::new();
    for _ in 0..999 {
        stage.say(LIST);
    }
    assert_eq!(mem::take(&mut stage.log), vec!["list wrong_state"; 999]);
    stage.say_all(&[LIST, LIST]);
    stage.check("list wrong_state, error flooding, finish");
    stage.check_after(2_000, "close Dismissed(Flooding)");
}

#[test]
fn who_is_refused_a_hundred_times_a_second_is_only_refused() {
    let mut stage = Stage::new();
    for _ in 0..3_000 {
        stage.say(LIST);
        stage.wait(10);
    }
    assert_eq!(mem::take(&mut stage.log), vec!["list wrong_state"; 3_000]);
}

#[test]
fn a_refusal_by_the_hub_counts_as_well() {
    let mut stage =
        Stage::with(Limits { refusals_max: 2, message_rate: 1, message_burst: 1, ..Limits::default() });
    stage.say(LOGIN);
    stage.verified();
    stage.say(r#"{"type":"enter","data":{"room":"example"}}"#);
    stage.log.clear();
    for _ in 0..3 {
        stage.say(r#"{"type":"msg","data":{"to":"public","text":"hi"}}"#);
    }
    stage.check("msg ok, msg rate_limited, msg rate_limited, error flooding, finish");
}

#[test]
fn without_a_limit_nobody_is_closed_for_it() {
    let mut stage = Stage::with(Limits { refusals_max: 0, ..Limits::default() });
    for _ in 0..3_000 {
        stage.say(LIST);
    }
    assert_eq!(mem::take(&mut stage.log), vec!["list wrong_state"; 3_000]);
}
