//! Where it is told who is here: what the server tells is merged, and what was said is said again after a return.

use super::many::rooms;
use super::*;
use crate::message::presence::{self, PresenceState, StatusText};

const GREETED: &str = r#"{"type":"hello","status":"ok","data":{"proto":1,"caps":["ack","history","resume","multi","friends","presence"]}}"#;

fn here(user: &str, state: PresenceState, text: &str) -> Presence {
    Presence { user: UserName::parse(user).unwrap(), state, text: StatusText::parse(text).ok() }
}

fn json(frame: &Frame) -> String {
    String::from_utf8(frame[PREFIX_BYTES..].to_vec()).unwrap()
}

fn told(presences: &[Presence]) -> String {
    json(&presence::encode(presences, 200_000, None)[0])
}

impl Desk {
    fn in_company() -> Self {
        let mut desk = Self::in_hall_of(GREETED);
        desk.hear(&rooms(&[], &[]));
        desk.log.clear();
        desk
    }

    fn hears(&mut self, user: &str, state: PresenceState, text: &str, expected: &str) {
        self.check_hears(&told(&[here(user, state, text)]), expected);
    }

    fn presents(&mut self, state: PresenceState, text: &str) {
        self.tell(Input::Command(Command::Present(state, StatusText::parse(text).ok())));
    }
}

#[test]
fn who_is_here_is_told_when_it_has_changed_and_each_once() {
    let mut desk = Desk::in_company();
    desk.check_hears(
        &told(&[here("Bob", PresenceState::Online, ""), here("Cid", PresenceState::Away, "lunch")]),
        "here [Bob online, Cid away (lunch)]",
    );
    // What is known already is no news, nor that somebody is not here of whom nothing was told.
    desk.hears("Bob", PresenceState::Online, "", "");
    desk.hears("Dan", PresenceState::Offline, "", "");
    desk.hears("Cid", PresenceState::Away, "", "here [Cid away]");
    desk.hears("Cid", PresenceState::Offline, "", "here [Cid offline]");
    // Several frames that come together are told once.
    let frames = [
        told(&[here("Dan", PresenceState::Busy, "")]),
        told(&[here("Bob", PresenceState::Away, "")]),
        told(&[here("Dan", PresenceState::Online, "")]),
    ];
    let bytes: Vec<u8> = frames.iter().flat_map(|json| framed(json)).collect();
    desk.tell(Input::Bytes(&bytes));
    desk.check("here [Bob away, Dan online]");
    // A window that asks for it is told what is known.
    desk.want("list");
    desk.check("crowds [], places [], friends [;;;], here [Bob away, Dan online]");
}

#[test]
fn what_is_said_of_oneself_is_one_request_and_has_its_answer() {
    let mut desk = Desk::in_company();
    desk.presents(PresenceState::Away, "lunch");
    desk.check(r#"> {"type":"presence","data":{"state":"away","text":"lunch"}}"#);
    assert!(desk.client.is_waiting());
    desk.hears("Ann", PresenceState::Away, "lunch", "here [Ann away (lunch)]");
    assert!(!desk.client.is_waiting());
    desk.presents(PresenceState::Online, "");
    desk.check(r#"> {"type":"presence","data":{"state":"online"}}"#);
    desk.check_hears(
        r#"{"type":"presence","status":"error","code":"rate_limited","retry_ms":700,"message":"Too often"}"#,
        "presence refused, rate_limited for 700 ms (Too often)",
    );
    desk.presents(PresenceState::Offline, "");
    desk.check("presence refused, no code (Who is here is not offline)");
}

#[test]
fn a_server_that_does_not_tell_who_is_here_is_not_asked_and_not_believed() {
    let mut desk = Desk::in_hall();
    desk.presents(PresenceState::Away, "");
    desk.check("presence refused, no code (This server does not tell who is here)");
    desk.hear(&rooms(&[], &[]));
    desk.log.clear();
    desk.hears("Bob", PresenceState::Online, "", "");
}

#[test]
fn who_leaves_the_room_that_is_looked_at_is_forgotten_unless_they_are_a_friend() {
    let mut desk = Desk::in_company();
    desk.hear(&rooms(&[("den", 3)], &[("den", 0, 0)]));
    desk.tell(Input::Command(Command::Look(den())));
    desk.hear(r#"{"type":"friend","status":"ok","data":{"user":"Bob","now":"friend"}}"#);
    desk.hear(r#"{"type":"roster","status":"ok","data":{"room":"den","members":["Ann","Bob","Cid"]}}"#);
    desk.log.clear();
    let online = |user: &str| here(user, PresenceState::Online, "");
    desk.check_hears(
        &told(&[online("Ann"), online("Bob"), online("Cid")]),
        "here [Ann online, Bob online, Cid online]",
    );
    desk.check_hears(
        r#"{"type":"roster","status":"ok","data":{"room":"den","left":["Bob","Cid"]}}"#,
        "members [den: Ann], here [Cid offline]",
    );
}

#[test]
fn who_was_seen_in_a_room_that_was_left_is_forgotten_too() {
    let mut desk = Desk::in_company();
    desk.hear(&rooms(&[("den", 3)], &[("den", 0, 0)]));
    desk.tell(Input::Command(Command::Look(den())));
    let members = |names: &str| {
        format!(r#"{{"type":"roster","status":"ok","data":{{"room":"den","members":[{names}]}}}}"#)
    };
    desk.hear(&members(r#""Ann","Bob","Cid""#));
    let online = |user: &str| here(user, PresenceState::Online, "");
    desk.hear(&told(&[online("Ann"), online("Bob"), online("Cid")]));
    desk.log.clear();
    // So is who is not there when all are told again.
    desk.check_hears(&members(r#""Ann","Cid""#), "members [den: Ann Cid], here [Bob offline]");
    desk.check_hears(
        r#"{"type":"rooms","status":"ok","data":{"out":["den"]}}"#,
        "places [], here [Cid offline]",
    );
}

/// Lost, and back.
fn lose_and_return(desk: &mut Desk) {
    desk.tell(Input::Closed);
    desk.tell(Input::Connected);
    desk.hear(GREETED);
    desk.log.clear();
    desk.hear(LOGGED_IN);
}

#[test]
fn after_a_return_all_are_offline_until_told_and_the_last_word_is_said_again() {
    let mut desk = Desk::in_company();
    desk.hears("Bob", PresenceState::Online, "", "here [Bob online]");
    lose_and_return(&mut desk);
    desk.check("Ann returned to the lobby");
    desk.hears("Bob", PresenceState::Online, "", "here [Bob online]");

    desk.presents(PresenceState::Busy, "in a call");
    desk.log.clear();
    // Nobody is told that it had no answer: it is said again.
    lose_and_return(&mut desk);
    let again = r#"> {"type":"presence","data":{"state":"busy","text":"in a call"}}"#;
    desk.check(&format!("Ann returned to the lobby, {again}"));
    // Another device has said otherwise since.
    desk.hears("Ann", PresenceState::Busy, "in a call", "here [Ann busy (in a call)]");
    desk.hears("Ann", PresenceState::Away, "", "here [Ann away]");
    lose_and_return(&mut desk);
    desk.check(r#"Ann returned to the lobby, > {"type":"presence","data":{"state":"away"}}"#);
}

#[test]
fn what_the_server_did_not_take_is_not_said_again() {
    let mut desk = Desk::in_company();
    desk.presents(PresenceState::Busy, "");
    desk.hear(
        r#"{"type":"presence","status":"error","code":"rate_limited","retry_ms":700,"message":"Too often"}"#,
    );
    lose_and_return(&mut desk);
    desk.check("Ann returned to the lobby");
}

#[test]
fn after_a_logout_nothing_is_said_again() {
    let mut desk = Desk::in_company();
    desk.presents(PresenceState::Away, "");
    desk.log.clear();
    desk.hears("Ann", PresenceState::Away, "", "here [Ann away]");
    desk.want("logout");
    desk.hear(r#"{"type":"logout","status":"ok","message":"Ann logged out"}"#);
    desk.want("login Ann 1234");
    desk.hear(LOGGED_IN);
    lose_and_return(&mut desk);
    assert!(desk.log.iter().all(|line| !line.contains("presence")));
}

#[test]
fn a_server_that_tells_of_people_without_end_is_remembered_up_to_a_limit() {
    let mut desk = Desk::in_company();
    for part in 0..70 {
        let users: Vec<Presence> =
            (0..1_000).map(|number| here(&format!("u{part}n{number}"), PresenceState::Online, "")).collect();
        desk.hear(&told(&users));
    }
    desk.client.presences.repeat();
    let known = desk.client.presences.take_new().unwrap_or_default();
    assert_eq!(known.len(), crate::limits::PRESENCES_TOLD_MAX);
}
