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

// What was read.

fn read(of: &str, seq: u64) -> String {
    format!(r#"{{"type":"read","status":"ok","data":{{{},"seq":{seq}}}}}"#, named(of))
}

#[test]
fn a_server_that_has_less_than_was_seen_is_not_told_again_and_again() {
    let mut desk = Desk::in_rooms(&["den"]);
    desk.hear(&heard("den", 4));
    desk.wants(Command::Read(conversation("den"), 4));
    desk.comes_back_to_many();
    desk.hear(&rooms(&[], &[("den", 2, 2)]));
    desk.log.clear();
    desk.wants(Command::Read(conversation("den"), 4));
    desk.check("");
    desk.check_hears(&read("den", 2), "");
}

#[test]
fn what_came_on_a_page_can_be_seen() {
    let mut desk = Desk::in_hall();
    desk.hear(&rooms(&[], &[("den", 0, 3)]));
    desk.hear(&page("den", 1, 5, false));
    desk.log.clear();
    desk.wants(Command::Read(conversation("den"), 5));
    desk.check(r#"> {"type":"read","data":{"room":"den","seq":5}}"#);
}

#[test]
fn an_answer_that_was_overtaken_takes_back_nothing() {
    let mut desk = Desk::in_rooms(&["den"]);
    for seq in 4..=6 {
        desk.hear(&heard("den", seq));
        desk.wants(Command::Read(conversation("den"), seq));
    }
    desk.log.clear();
    for seq in 4..=6 {
        desk.check_hears(&read("den", seq), "");
    }
    assert_eq!(desk.client.deadline(), None);
}

#[test]
fn what_was_seen_and_could_not_be_noted_is_told_again() {
    let told =
        r#"> {"type":"read","data":{"room":"den","seq":4}}, > {"type":"read","data":{"peer":"Bob","seq":5}}"#;
    let busy = r#"{"type":"read","status":"error","code":"busy","message":"Not now","retry_ms":500}"#;
    let mut desk = Desk::in_rooms(&["den", "@Bob"]);
    for of in ["den", "@Bob"] {
        (4..=5).for_each(|seq| desk.hear(&heard(of, seq)));
    }
    desk.log.clear();
    desk.wants(Command::Read(conversation("den"), 4));
    desk.wants(Command::Read(conversation("@Bob"), 5));
    desk.check(told);
    desk.check_hears(busy, "");
    desk.check_hears(busy, "");
    desk.wait(1);
    desk.check(told);
    desk.check_hears(busy, "");
    desk.check_hears(&read("@Bob", 5), "");
    // What is left is not told any more, and neither is what the next connection is told anew.
    desk.hear(r#"{"type":"rooms","status":"ok","data":{"out":["den"]}}"#);
    desk.log.clear();
    desk.wait(1);
    desk.check("");
    desk.hear(&heard("@Bob", 6));
    desk.wants(Command::Read(conversation("@Bob"), 6));
    desk.check_hears(
        busy,
        "@Bob Bob [with Bob]: 6, > {\"type\":\"read\",\"data\":{\"peer\":\"Bob\",\"seq\":6}}",
    );
    desk.comes_back_to_many();
    desk.hear(&rooms(&[], &[("@Bob", 5, 6)]));
    desk.log.clear();
    desk.wait(1);
    desk.check("");
}

// A server that was restored from an older copy.

#[test]
fn a_private_conversation_that_a_server_has_lost_begins_anew() {
    let mut desk = Desk::in_rooms(&["@Bob"]);
    desk.comes_back_to_many();
    desk.hear(&rooms(&[], &[]));
    desk.log.clear();
    desk.check_hears(&heard("@Bob", 1), &after("@Bob", 2));
    desk.check_hears(&page("@Bob", 1, 0, false), &recall("@Bob"));
    desk.check_hears(&page("@Bob", 1, 1, false), "anew @Bob [Bob: 1]");
    desk.check_hears(&heard("@Bob", 2), "@Bob Bob [with Bob]: 2");
}

#[test]
fn so_does_one_that_was_lost_between_two_runs_of_a_program() {
    let mut desk = Desk::in_hall();
    desk.client.know(conversation("@Bob"), span(3));
    desk.hear(&rooms(&[], &[]));
    desk.log.clear();
    desk.check_hears(&heard("@Bob", 1), &format!("{}, places [@Bob 0 of 1]", after("@Bob", 2)));
}

#[test]
fn one_that_is_told_as_it_was_is_not_read_again() {
    let mut desk = Desk::in_rooms(&["@Bob", "@Cid"]);
    desk.comes_back_to_many();
    desk.hear(&rooms(&[], &[("@Bob", 3, 3)]));
    desk.log.clear();
    desk.check_hears(&heard("@Bob", 3), "");
    desk.check_hears(&heard("@Cid", 4), "@Cid Bob [with Cid]: 4");
    desk.check_hears(&heard("@Cid", 4), "");
}

// One account after another.

impl Desk {
    /// Bob logs in where Ann was.
    fn bob_logs_in(&mut self, expected: &str) {
        self.want("login Bob 1234");
        self.log.clear();
        self.check_hears(&LOGGED_IN.replace("Ann", "Bob"), expected);
        self.hear(&rooms(&[], &[("den", 3, 3)]));
        self.hear(&page("den", 3, 3, false));
        self.log.clear();
        self.says("den", "hello");
        self.check(&sent("den", "hello", 2).replace("Ann", "Bob"));
    }
}

#[test]
fn who_logs_out_leaves_nothing_to_the_next() {
    let mut desk = Desk::in_rooms(&["den"]);
    desk.says("den", "mine");
    desk.want("logout");
    desk.log.clear();
    desk.check_hears(
        r#"{"type":"logout","status":"ok","message":"Ann logged out"}"#,
        "msg unanswered, logged out",
    );
    desk.bob_logs_in("logged in Bob");
    desk.check_hears(&ack("den", 4, &cid(1)), "");
}

#[test]
fn who_logs_in_while_another_waits_to_come_back_says_nothing_of_theirs() {
    let mut desk = Desk::in_rooms(&["den"]);
    desk.says("den", "mine");
    desk.tell(Input::Closed);
    desk.tell(Input::Connected);
    desk.hear(GREETED);
    desk.hear(r#"{"type":"login","status":"error","code":"busy","message":"Later","retry_ms":1500}"#);
    desk.bob_logs_in("msg unanswered, logged in Bob");
}

#[test]
fn what_was_shown_to_who_came_back_is_theirs_when_they_log_in_by_hand() {
    let mut desk = started_again();
    desk.hear(GREETED);
    desk.hear(LET_IN);
    desk.hear(&rooms(&[], &[("den", 3, 3)]));
    desk.tell(Input::Closed);
    desk.tell(Input::Connected);
    desk.hear(GREETED);
    desk.hear(r#"{"type":"resume","status":"error","code":"session_ended","message":"Ended"}"#);
    desk.want("login Ann 1234");
    desk.hear(LOGGED_IN);
    desk.log.clear();
    desk.hear(&rooms(&[], &[("den", 3, 3)]));
    desk.check(&format!("{}, {}, crowds [], places [den 3 of 3]", roster("den"), after("den", 2)));
}

// Answers that come late.

#[test]
fn a_page_that_comes_too_late_is_not_taken_for_that_of_another_conversation() {
    let mut desk = Desk::in_hall();
    desk.client.know(conversation("den"), Span { first: 5, has_older: true, ..span(9) });
    desk.hear(&rooms(&[], &[("den", 9, 9)]));
    desk.log.clear();
    desk.wants(Command::older(conversation("den")));
    desk.wait(30);
    desk.hear(&change(r#""in":[{"room":"attic","last":9,"read":0}]"#));
    desk.check(&format!(
        r#"> {{"type":"history","data":{{"room":"den","before":5}}}}, {}, places [attic 0 of 9, den 9 of 9]"#,
        recall("attic")
    ));
    desk.check_hears(&page("den", 1, 4, false), "");
    desk.check_hears(&page("Attic", 8, 9, false), "past attic [Bob: 8, Bob: 9]");
}

// What another device does.

#[test]
fn who_is_in_a_room_is_asked_again_when_another_device_has_left_and_entered_it() {
    let mut desk = Desk::in_rooms(&["den"]);
    desk.looks_at("den");
    desk.hear(r#"{"type":"roster","status":"ok","data":{"room":"den","members":["Bob","Ann"]}}"#);
    desk.hear(&change(r#""out":["den"]"#));
    desk.log.clear();
    desk.check_hears(
        &change(r#""in":[{"room":"den","last":3,"read":3}]"#),
        &format!("{}, {}, places [den 3 of 3]", roster("den"), after("den", 2)),
    );
}

#[test]
fn what_came_too_soon_in_one_room_is_said_though_another_is_left() {
    let mut desk = Desk::in_rooms(&["den", "attic"]);
    desk.says("den", "hello");
    desk.wants(Command::Exit(RoomName::parse("attic").unwrap()));
    desk.log.clear();
    let refusal = r#"{"type":"msg","status":"error","code":"rate_limited","message":"Too fast","retry_ms":500,"rid":"X"}"#;
    desk.check_hears(&refusal.replace('X', &cid(1)), "");
    desk.wait(1);
    desk.check(&sent("den", "hello", 1));
}

// What is older.

const BEFORE: &str = r#"> {"type":"history","data":{"room":"den","before":5}}"#;

#[test]
fn what_is_older_is_asked_for_when_all_that_is_new_is_read() {
    let mut desk = Desk::in_hall();
    desk.client.know(conversation("den"), Span { first: 5, has_older: true, ..span(9) });
    desk.hear(&rooms(&[], &[("den", 9, 12)]));
    desk.log.clear();
    desk.wants(Command::older(conversation("den")));
    desk.check_hears(
        &page("den", 9, 10, true),
        &format!("past den [Bob: 10], older there, {}", after("den", 9)),
    );
    desk.check_hears(
        &page("den", 10, 12, false),
        &format!("past den [Bob: 11, Bob: 12], older there, {BEFORE}"),
    );
}

// A server that gives up many rooms, and grants them again.

#[test]
fn who_was_in_one_room_meanwhile_goes_on_in_the_others_and_begins_that_one_anew() {
    let mut desk = Desk::in_rooms(&["den", "attic"]);
    desk.looks_at("den");
    desk.tell(Input::Closed);
    desk.tell(Input::Connected);
    desk.hear(&GREETED.replace(r#","multi""#, ""));
    desk.hear(LOGGED_IN);
    desk.hear(ENTERED);
    desk.hear(&page("den", 3, 4, false));
    desk.want("exit");
    desk.hear(r#"{"type":"exit","status":"ok","message":"Left den"}"#);
    desk.comes_back_to_many();
    desk.hear(&rooms(&[], &[("attic", 3, 4), ("den", 3, 4)]));
    desk.log.retain(|line| line.contains("history"));
    desk.check(&recall("den"));
    desk.check_hears(
        &page("den", 3, 4, true),
        &format!("anew den [Bob: 3, Bob: 4], older there, {}", after("attic", 2)),
    );
    desk.check_hears(&page("attic", 3, 4, false), "past attic [Bob: 4]");
}

#[test]
fn nobody_is_led_into_a_room_that_they_only_looked_at() {
    let enter = |room: &str| format!(r#"> {{"type":"enter","data":{{"room":"{room}"}}}}"#);
    for (places, led_to) in
        [(String::new(), "den"), (change(r#""in":[{"room":"attic","last":0,"read":0}]"#), "attic")]
    {
        let mut desk = Desk::in_rooms(&["den"]);
        desk.looks_at("den");
        desk.looks_at("attic");
        if !places.is_empty() {
            desk.hear(&places);
        }
        desk.tell(Input::Closed);
        desk.tell(Input::Connected);
        desk.hear(&GREETED.replace(r#","multi""#, ""));
        desk.log.clear();
        desk.check_hears(LOGGED_IN, &enter(led_to));
    }
}

#[test]
fn of_a_full_line_nothing_is_lost_where_nothing_is_kept() {
    let plain = GREETED.replace(r#""ack","history","resume","multi""#, "");
    let mut desk = Desk { client: Client::that_keeps([7; 12]), ..Desk::default() };
    desk.tell(Input::Connected);
    desk.hear(&plain);
    desk.want("login Ann 1234");
    desk.hear(LOGGED_IN);
    desk.want("enter den");
    desk.hear(ENTERED);
    for _ in 0..=WAITING_MAX {
        desk.want("say hello");
    }
    desk.hear(
        r#"{"type":"msg","status":"error","code":"rate_limited","message":"Too fast","retry_ms":5000}"#,
    );
    assert_eq!(desk.client.unsaid(), WAITING_MAX + 1);
    desk.tell(Input::Closed);
    desk.tell(Input::Connected);
    desk.hear(&plain);
    desk.hear(LOGGED_IN);
    desk.hear(ENTERED);
    assert_eq!(desk.client.unsaid(), WAITING_MAX + 1);
}

#[test]
fn what_is_older_is_asked_for_again_when_it_was_too_soon() {
    let mut desk = Desk::in_hall();
    desk.client.know(conversation("den"), Span { first: 5, has_older: true, ..span(9) });
    desk.hear(&rooms(&[], &[("den", 9, 9)]));
    desk.log.clear();
    desk.wants(Command::older(conversation("den")));
    desk.check(BEFORE);
    desk.hear(
        r#"{"type":"history","status":"error","code":"rate_limited","message":"Too often","retry_ms":2000}"#,
    );
    desk.wait(1);
    desk.check("");
    desk.wait(1);
    desk.check(BEFORE);
    desk.check_hears(&page("den", 1, 4, false), "older den [Bob: 1, Bob: 2, Bob: 3, Bob: 4]");
    assert_eq!(desk.client.deadline(), None);
}

#[test]
fn a_repeated_wish_in_one_room_is_one_wish() {
    let mut desk = Desk { client: Client::that_keeps([7; 12]), ..Desk::default() };
    desk.client.know(conversation("den"), Span { first: 5, has_older: true, ..span(9) });
    desk.tell(Input::Connected);
    desk.hear(&GREETED.replace(r#","multi""#, ""));
    desk.want("login Ann 1234");
    desk.hear(LOGGED_IN);
    desk.want("enter den");
    desk.hear(ENTERED);
    desk.hear(&page("den", 9, 9, false));
    desk.log.clear();
    desk.wants(Command::older(conversation("den")));
    desk.check(BEFORE);
    desk.hear(
        r#"{"type":"history","status":"error","code":"rate_limited","message":"Too often","retry_ms":2000}"#,
    );
    desk.wants(Command::older(conversation("den")));
    desk.check("");
    desk.wait(2);
    desk.check(BEFORE);
    desk.check_hears(&page("den", 2, 4, true), "older [Bob: 2, Bob: 3, Bob: 4], older there");
    desk.wait(60);
    desk.check("");
}

#[test]
fn what_is_known_of_a_conversation_is_known_to_one_account() {
    let mut desk = Desk::in_rooms(&["den"]);
    desk.client.know(conversation("attic"), span(3));
    desk.hear(r#"{"type":"error","status":"error","code":"replaced","message":"Logged in elsewhere"}"#);
    desk.tell(Input::Closed);
    desk.tell(Input::Connected);
    desk.hear(GREETED);
    desk.want("login Bob 1234");
    desk.hear(&LOGGED_IN.replace("Ann", "Bob"));
    desk.log.clear();
    desk.hear(&rooms(&[], &[("attic", 3, 3)]));
    desk.check(&format!("{}, crowds [], places [attic 3 of 3]", recall("attic")));
}
