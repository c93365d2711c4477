//! Where friends are granted: what the server tells of them is merged, and told whole.

use super::many::rooms;
use super::*;
use crate::message::friend::{self, Op, Tie};

const GREETED: &str = r#"{"type":"hello","status":"ok","data":{"proto":1,"caps":["ack","history","resume","multi","friends"]}}"#;

fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

/// What a server says, without the frame around it.
fn json(frame: &Frame) -> String {
    String::from_utf8(frame[PREFIX_BYTES..].to_vec()).unwrap()
}

fn change(name: &str, now: Tie) -> String {
    json(&friend::encode_change(&user(name), now, None))
}

impl Desk {
    /// Logged in, with a friend, and with two who want to be.
    fn among_friends() -> Self {
        let mut desk = Self::in_hall_of(GREETED);
        desk.hear(&rooms(&[], &[]));
        desk.log.clear();
        let ties = [("Bob", Tie::Friend), ("Cid", Tie::Asking), ("Dan", Tie::Asked), ("Eve", Tie::Blocked)];
        let ties: Vec<(UserName, Tie)> = ties.into_iter().map(|(name, tie)| (user(name), tie)).collect();
        for frame in friend::encode_all(&ties, 4096, None) {
            desk.hear(&json(&frame));
        }
        desk.check("friends [ Bob; Cid; Dan; Eve]");
        desk
    }

    fn does(&mut self, op: Op, name: &str) {
        self.wants(Command::Friend(op, user(name)));
    }
}

#[test]
fn who_is_what_is_told_whole_whenever_some_of_it_has_changed() {
    let mut desk = Desk::among_friends();
    desk.check_hears(&change("Cid", Tie::Friend), "friends [ Bob Cid;; Dan; Eve]");
    desk.check_hears(&change("Bob", Tie::None), "friends [ Cid;; Dan; Eve]");
    desk.check_hears(&change("Zoe", Tie::Asking), "friends [ Cid; Zoe; Dan; Eve]");
    // A window that asks for it is told what is known.
    desk.want("list");
    desk.check("crowds [], places [], friends [ Cid; Zoe; Dan; Eve]");
    desk.check_hears(&json(&friend::encode_all(&[], 4096, None)[0]), "friends [;;;]");
}

#[test]
fn what_does_not_fit_into_one_frame_is_told_once() {
    let mut desk = Desk::among_friends();
    let ties: Vec<(UserName, Tie)> =
        (0..100).map(|number| (user(&format!("u{number:02}")), Tie::Friend)).collect();
    let frames = friend::encode_all(&ties, 2_000, None);
    assert!(frames.len() > 1);
    let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.iter().copied()).collect();
    desk.tell(Input::Bytes(&bytes));
    let names: String = ties.iter().map(|(name, _)| format!(" {name}")).collect();
    desk.check(&format!("friends [{names};;;]"));
}

#[test]
fn each_thing_that_is_done_about_another_is_one_request_and_has_its_answer() {
    let mut desk = Desk::among_friends();
    for (op, name, now, told) in [
        (Op::Accept, "cid", Tie::Friend, "friends [ Bob Cid;; Dan; Eve]"),
        (Op::Remove, "Bob", Tie::None, "friends [ Cid;; Dan; Eve]"),
        (Op::Request, "Bob", Tie::Asked, "friends [ Cid;; Bob Dan; Eve]"),
        (Op::Block, "Bob", Tie::Blocked, "friends [ Cid;; Dan; Bob Eve]"),
        (Op::Unblock, "Bob", Tie::None, "friends [ Cid;; Dan; Eve]"),
    ] {
        desk.does(op, name);
        desk.check(&format!(r#"> {{"type":"friend","data":{{"op":"{}","user":"{name}"}}}}"#, op.as_str()));
        assert!(desk.client.is_waiting());
        let spelled = if name == "cid" { "Cid" } else { name };
        desk.check_hears(&change(spelled, now), told);
        assert!(!desk.client.is_waiting());
    }
    desk.does(Op::Request, "nobody");
    desk.log.clear();
    desk.check_hears(
        r#"{"type":"friend","status":"error","code":"no_such_user","message":"There is no nobody"}"#,
        "friend refused, no_such_user (There is no nobody)",
    );
}

#[test]
fn what_was_done_without_an_answer_is_told() {
    let mut desk = Desk::among_friends();
    desk.does(Op::Accept, "Cid");
    desk.log.clear();
    desk.tell(Input::Closed);
    desk.check("friend unanswered, disconnected");
    desk.does(Op::Accept, "Cid");
    desk.check("friend refused, no code (There is no connection to a server)");
}

#[test]
fn a_server_that_knows_of_no_friends_is_not_asked() {
    let mut desk = Desk::in_hall();
    desk.does(Op::Request, "Bob");
    desk.check("friend refused, no code (This server knows of no friends)");
}

#[test]
fn a_server_that_tells_nonsense_of_friends_is_left_and_a_newer_one_is_not() {
    for nonsense in [
        r#"{"type":"friend","status":"ok","data":{"friends":"Bob"}}"#,
        r#"{"type":"friend","status":"ok","data":{"user":"a b","now":"friend"}}"#,
        r#"{"type":"friend","status":"ok","data":[]}"#,
    ] {
        let mut desk = Desk::among_friends();
        desk.hear(nonsense);
        assert_eq!(desk.log, ["server fault", "close"], "{nonsense}");
    }
    let mut desk = Desk::among_friends();
    desk.check_hears(
        r#"{"type":"friend","status":"ok","data":{"user":"Bob","now":"best of friends","since":7}}"#,
        "friends [; Cid; Dan; Eve]",
    );
}

#[test]
fn a_server_that_tells_of_friends_without_end_is_remembered_up_to_a_limit() {
    let mut desk = Desk::among_friends();
    for part in 0..3 {
        let ties: Vec<(UserName, Tie)> =
            (0..4_000).map(|number| (user(&format!("u{part}n{number}")), Tie::Friend)).collect();
        let frames = friend::encode_all(&ties, 200_000, None);
        let more = json(&frames[0]).replace(r#""all":true,"#, "");
        desk.hear(&more);
        desk.log.clear();
    }
    desk.client.ties.repeat();
    let told = desk.client.ties.take_new().unwrap_or_default();
    assert!(told.friends.len() <= crate::limits::FRIENDS_TOLD_MAX && told.friends.len() > 9_000);
}
