//! Where an account is logged in: asked for, ended, and told.

use super::*;
use crate::message::logins::GrantId;

const GREETED: &str = r#"{"type":"hello","status":"ok","data":{"proto":1,"caps":["resume","logins"]}}"#;
const TOLD: &str = r#"{"type":"logins","status":"ok","data":{"logins":[{"login":7,"client":"Chatroom 0.1.0","used":9,"ends":10,"own":true},{"login":3,"ends":10}]}}"#;
const GRANTED: &str = r#"{"type":"login","status":"ok","message":"Login successful","data":{"username":"Ann","chatroom":"lobby","session":{"token":"one","expires":9}}}"#;

impl Desk {
    /// Ann in the lobby of a server that says this of itself.
    fn in_lobby_of(greeted: &str) -> Self {
        let mut desk = Self::default();
        desk.tell(Input::Connected);
        desk.hear(greeted);
        desk.want("login Ann 1234");
        desk.hear(GRANTED);
        desk.log.clear();
        desk
    }
}

#[test]
fn they_are_told_to_who_asks() {
    let mut desk = Desk::in_lobby_of(GREETED);
    desk.wants(Command::Logins);
    desk.check(r#"> {"type":"logins","data":{"op":"list"}}"#);
    desk.check_hears(TOLD, "logins [7 Chatroom 0.1.0 (own), 3 unknown]");
    assert!(!desk.client.is_waiting());
    // Nobody has asked for this.
    desk.check_hears(TOLD, "");
    desk.hear(ENTERED);
    desk.log.clear();
    desk.wants(Command::EndLogin(GrantId(3)));
    desk.check(r#"> {"type":"logins","data":{"op":"end","login":3}}"#);
    desk.check_hears(TOLD, "logins [7 Chatroom 0.1.0 (own), 3 unknown]");
}

#[test]
fn what_cannot_be_ended_is_refused() {
    let mut desk = Desk::in_lobby_of(GREETED);
    desk.wants(Command::EndLogin(GrantId(9)));
    desk.log.clear();
    desk.hear(r#"{"type":"logins","status":"error","message":"no","code":"no_such_login"}"#);
    assert!(desk.log[0].contains("logins") && desk.log[0].contains("no"), "{:?}", desk.log);
    assert!(!desk.client.is_waiting());
}

#[test]
fn a_server_that_does_not_tell_is_not_asked() {
    for greeted in [
        r#"{"type":"hello","status":"ok","data":{"caps":["resume"]}}"#,
        r#"{"type":"hello","status":"ok","data":{"caps":["logins"]}}"#,
    ] {
        let mut desk = Desk::in_lobby_of(greeted);
        desk.wants(Command::Logins);
        assert_eq!(desk.log.len(), 1);
        assert!(desk.log[0].contains("This server does not tell where you are logged in"), "{:?}", desk.log);
        assert!(!desk.client.is_waiting());
    }
}

#[test]
fn a_login_that_another_device_has_ended_is_not_come_back_to() {
    let mut desk = Desk::in_lobby_of(GREETED);
    desk.hear(r#"{"type":"error","status":"error","message":"It has ended","code":"session_ended"}"#);
    desk.tell(Input::Closed);
    desk.log.clear();
    desk.tell(Input::Connected);
    desk.check(&format!("connected, {HELLO}"));
}

#[test]
fn a_program_may_call_itself_otherwise() {
    let name = ClientName::parse("Chatroom 0.1.0 on Linux").unwrap();
    let mut desk = Desk { client: Client::new().called(name), ..Desk::default() };
    desk.tell(Input::Connected);
    desk.check(&format!("connected, {}", HELLO.replace("chatroom 0.1.0", "Chatroom 0.1.0 on Linux")));
}
