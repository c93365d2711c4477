//! In many rooms at once, at a server that answers late, says no, or has been restored from an older copy.

use super::*;

const ASKED_TOO_OFTEN: &str =
    r#"{"type":"roster","status":"error","code":"rate_limited","message":"Too often","retry_ms":500}"#;

#[test]
fn nobody_waits_to_ask_who_is_in_a_private_conversation() {
    let mut desk = Desk::in_rooms(&["den", "@Bob"]);
    desk.looks_at("den");
    desk.looks_at("@Bob");
    desk.check(&roster("den"));
    desk.check_hears(ASKED_TOO_OFTEN, "");
    assert_eq!(desk.client.deadline(), None);
}

#[test]
fn who_has_not_asked_who_is_there_need_not_ask_later() {
    let mut desk = Desk::in_rooms(&["den"]);
    desk.looks_at("den");
    desk.hear(r#"{"type":"roster","status":"ok","data":{"room":"den","members":["Ann"]}}"#);
    desk.log.clear();
    desk.check_hears(ASKED_TOO_OFTEN, "");
    assert_eq!(desk.client.deadline(), None);
}
