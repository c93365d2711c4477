//! In many rooms at once: what is said in each is shown there, whole and in order, whatever becomes of the connection.

mod amiss;

use super::*;
use crate::message::push::Posted;

const HELLO: &str = r#"> {"type":"hello","proto":1,"caps":["ack","history","resume","ping","multi","friends","presence","logins"],"client":"chatroom 0.1.0"}"#;
const GREETED: &str =
    r#"{"type":"hello","status":"ok","data":{"proto":1,"caps":["ack","history","resume","multi"]}}"#;
const LOGIN: &str = r#"> {"type":"login","data":{"username":"Ann","password":"1234"}}"#;

/// Rooms that there are, and places that Ann has, as `den 5 of 7` or `@bob 1 of 1`.
pub(super) fn rooms(rooms: &[(&str, usize)], places: &[(&str, u64, u64)]) -> String {
    let crowd = |(room, people): &(&str, usize)| format!(r#"{{"room":"{room}","people":{people}}}"#);
    let place = |key: &str, name: &str, read: u64, last: u64| {
        format!(r#"{{"{key}":"{name}","last":{last},"read":{read}}}"#)
    };
    let is_peer = |name: &str| name.starts_with('@');
    let of_rooms = places.iter().filter(|(name, ..)| !is_peer(name));
    let of_peers = places.iter().filter(|(name, ..)| is_peer(name));
    let list = |parts: Vec<String>| parts.join(",");
    format!(
        r#"{{"type":"rooms","status":"ok","data":{{"all":true,"rooms":[{}],"in":[{}],"peers":[{}]}}}}"#,
        list(rooms.iter().map(crowd).collect()),
        list(of_rooms.map(|(name, read, last)| place("room", name, *read, *last)).collect()),
        list(of_peers.map(|(name, read, last)| place("peer", &name[1..], *read, *last)).collect()),
    )
}

/// What changes: the keys of a `rooms`.
fn change(data: &str) -> String {
    format!(r#"{{"type":"rooms","status":"ok","data":{{{data}}}}}"#)
}

/// The key that names a conversation.
fn named(of: &str) -> String {
    match of.strip_prefix('@') {
        Some(peer) => format!(r#""peer":"{peer}""#),
        None => format!(r#""room":"{of}""#),
    }
}

/// Bob says the number that his message has.
fn heard(of: &str, seq: u64) -> String {
    said(of, seq, "Bob", &format!("{seq}"), "")
}

fn said(of: &str, seq: u64, from: &str, text: &str, cid: &str) -> String {
    let to = if of.starts_with('@') { "Ann" } else { "public" };
    let cid = if cid.is_empty() { String::new() } else { format!(r#","cid":"{cid}""#) };
    let of = named(of);
    format!(
        r#"{{"type":"msg","status":"ok","data":{{"to":"{to}","from":"{from}","text":"{text}",{of},"seq":{seq},"ts":{seq}000{cid}}}}}"#
    )
}

fn ack(of: &str, seq: u64, cid: &str) -> String {
    let of = named(of);
    format!(
        r#"{{"type":"ack","status":"ok","data":{{"cid":"{cid}",{of},"seq":{seq},"ts":{seq}000,"dup":true}}}}"#
    )
}

/// A page of what Bob said, from one number to another.
fn page(of: &str, from: u64, to: u64, more: bool) -> String {
    let line = |seq| format!(r#"{{"seq":{seq},"ts":{seq}000,"from":"Bob","text":"{seq}"}}"#);
    let lines: Vec<String> = (from..=to).map(line).collect();
    let (of, lines) = (named(of), lines.join(","));
    format!(r#"{{"type":"history","status":"ok","data":{{{of},"msgs":[{lines}],"more":{more}}}}}"#)
}

fn recall(of: &str) -> String {
    format!(r#"> {{"type":"history","data":{{{}}}}}"#, named(of))
}

fn after(of: &str, seq: u64) -> String {
    format!(r#"> {{"type":"history","data":{{{},"after":{seq}}}}}"#, named(of))
}

fn roster(room: &str) -> String {
    format!(r#"> {{"type":"roster","data":{{"room":"{room}"}}}}"#)
}

fn cid(number: u64) -> String {
    format!("{}-{number}", "07".repeat(12))
}

/// What is sent of a message in a room.
fn sent(room: &str, text: &str, number: u64) -> String {
    let cid = cid(number);
    format!(
        r#"> {{"type":"msg","data":{{"room":"{room}","from":"Ann","to":"public","text":"{text}","cid":"{cid}"}},"rid":"{cid}"}}"#
    )
}

fn conversation(of: &str) -> Conversation {
    match of.strip_prefix('@') {
        Some(peer) => Conversation::Peer(UserName::parse(peer).unwrap()),
        None => Conversation::Room(RoomName::parse(of).unwrap()),
    }
}

fn span(last: u64) -> Span {
    Span { first: 1, last: Posted { seq: last, ts_ms: last * 1_000 }, has_older: false }
}

impl Desk {
    /// Logged in, and nothing told yet.
    pub(super) fn in_hall() -> Self {
        Self::in_hall_of(GREETED)
    }

    pub(super) fn in_hall_of(greeting: &str) -> Self {
        let mut desk = Self { client: Client::that_keeps([7; 12]), shows_where: true, ..Self::default() };
        desk.tell(Input::Connected);
        desk.check(&format!("connected, {HELLO}"));
        desk.hear(greeting);
        desk.want("login Ann 1234");
        desk.log.clear();
        desk.check_hears(LOGGED_IN, "logged in Ann");
        desk
    }

    /// The same, who takes part in rooms in which all was read, three messages each.
    fn in_rooms(names: &[&str]) -> Self {
        let mut desk = Self::in_hall();
        for name in names {
            desk.client.know(conversation(name), span(3));
        }
        let places: Vec<(&str, u64, u64)> = names.iter().map(|name| (*name, 3, 3)).collect();
        desk.hear(&rooms(&[], &places));
        desk.log.clear();
        desk
    }

    pub(super) fn wants(&mut self, command: Command) {
        self.tell(Input::Command(command));
    }

    fn says(&mut self, of: &str, text: &str) {
        let text = Text::try_from(text).unwrap();
        self.wants(Command::Say { to: conversation(of), text, id: 7, cid: None });
    }

    fn looks_at(&mut self, of: &str) {
        self.wants(Command::Look(conversation(of)));
    }

    /// The connection is lost, and the next one leads to the account again.
    fn comes_back_to_many(&mut self) {
        self.log.clear();
        self.tell(Input::Closed);
        self.tell(Input::Connected);
        self.check(&format!("disconnected, connected, {HELLO}, {LOGIN}"));
        self.hear(GREETED);
        self.log.clear();
        self.check_hears(LOGGED_IN, "Ann returned to the lobby");
    }
}

// Where one is.

#[test]
fn a_login_is_told_all_rooms_and_the_conversations_of_the_account() {
    let mut desk = Desk::in_hall();
    assert_eq!((desk.client.phase(), desk.client.room()), (Some(Phase::Hall), None));
    desk.check_hears(
        &rooms(&[("den", 2), ("attic", 0)], &[("den", 5, 5), ("@Bob", 1, 2)]),
        &format!("{}, crowds [attic: 0, den: 2], places [den 5 of 5, @Bob 1 of 2]", recall("den")),
    );
    desk.check_hears(
        &page("den", 4, 5, true),
        &format!("past den [Bob: 4, Bob: 5], older there, {}", recall("@Bob")),
    );
    desk.check_hears(&page("@Bob", 1, 2, false), "past @Bob [Bob: 1, Bob: 2]");
    desk.check_hears(
        &change(r#""gone":["attic"],"rooms":[{"room":"den","people":3},{"room":"nook","people":1}]"#),
        "crowds [den: 3, nook: 1]",
    );
    // A window that asks for it is told what is known.
    desk.want("list");
    desk.check("crowds [den: 3, nook: 1], places [den 5 of 5, @Bob 1 of 2]");
}

#[test]
fn what_does_not_fit_into_one_frame_is_told_once() {
    let mut desk = Desk::in_hall();
    let parts = [
        rooms(&[("den", 1)], &[]),
        change(r#""rooms":[{"room":"nook","people":1}]"#),
        change(r#""in":[{"room":"den","last":0,"read":0}]"#),
    ];
    let bytes: Vec<u8> = parts.iter().flat_map(|part| framed(part)).collect();
    desk.tell(Input::Bytes(&bytes));
    desk.check("crowds [den: 1, nook: 1], places [den 0 of 0]");
}

#[test]
fn a_room_is_entered_besides_the_others_and_left_without_leaving_them() {
    let mut desk = Desk::in_rooms(&["den"]);
    desk.want("enter attic");
    desk.check(r#"> {"type":"enter","data":{"room":"attic"}}"#);
    desk.check_hears(
        r#"{"type":"enter","status":"ok","message":"Welcome","data":{"username":"Ann","room":"attic"}}"#,
        "entered attic",
    );
    desk.check_hears(
        &change(r#""in":[{"room":"attic","last":2,"read":2}]"#),
        &format!("{}, places [attic 2 of 2, den 3 of 3]", recall("attic")),
    );
    desk.check_hears(&page("attic", 1, 2, false), "past attic [Bob: 1, Bob: 2]");
    desk.check_hears(&heard("den", 4), "den Bob: 4");
    desk.check_hears(&heard("attic", 3), "attic Bob: 3");
    desk.wants(Command::Exit(RoomName::parse("ATTIC").unwrap()));
    desk.log.clear();
    desk.check_hears(r#"{"type":"exit","status":"ok","message":"Left attic"}"#, "left attic");
    desk.check_hears(&change(r#""out":["attic"]"#), "places [den 3 of 4]");
    desk.check_hears(&heard("den", 5), "den Bob: 5");
}

#[test]
fn what_is_said_is_for_the_room_it_is_meant_for() {
    let mut desk = Desk::in_rooms(&["den", "attic"]);
    desk.says("attic", "up here");
    desk.says("den", "down here");
    desk.check(&sent("attic", "up here", 1));
    desk.check_hears(
        &said("attic", 4, "Ann", "up here", &cid(1)),
        &format!("attic Ann (own): up here, {}", sent("den", "down here", 2)),
    );
    desk.check_hears(&said("den", 4, "Ann", "down here", &cid(2)), "den Ann (own): down here");
    assert_eq!(desk.client.unsaid(), 0);
}

#[test]
fn a_private_conversation_begins_with_its_first_message_and_needs_no_room() {
    let mut desk = Desk::in_rooms(&[]);
    desk.check_hears(&heard("@Bob", 1), "@Bob Bob [with Bob]: 1, places [@Bob 0 of 1]");
    // However the name is typed.
    desk.says("@bob", "yes?");
    desk.check(&format!(
        r#"> {{"type":"msg","data":{{"from":"Ann","to":"bob","text":"yes?","cid":"{0}"}},"rid":"{0}"}}"#,
        cid(1)
    ));
    desk.check_hears(&said("@Bob", 2, "Ann", "yes?", &cid(1)), "@Bob Ann (own) [with Bob]: yes?");
    desk.want("list");
    desk.check("crowds [], places [@Bob 2 of 2]");
    // One of whom nobody has told begins in the middle, and is read first.
    desk.check_hears(&heard("@Cid", 9), &format!("{}, places [@Bob 2 of 2, @Cid 0 of 9]", recall("@Cid")));
    desk.check_hears(&page("@Cid", 8, 9, true), "past @Cid [Bob: 8, Bob: 9], older there");
}

#[test]
fn nothing_private_is_said_to_everybody() {
    let mut desk = Desk::in_rooms(&["den"]);
    desk.says("@public", "secret");
    desk.check("msg refused, no code (Nobody can have that name)");
}

// Two devices.

#[test]
fn what_is_read_and_done_elsewhere_is_known_here() {
    let mut desk = Desk::in_rooms(&["den", "attic", "@Bob"]);
    desk.hear(&heard("den", 4));
    desk.log.clear();
    desk.check_hears(
        r#"{"type":"read","status":"ok","data":{"room":"den","seq":4}}"#,
        "places [attic 3 of 3, den 4 of 4, @Bob 3 of 3]",
    );
    desk.hear(&heard("@Bob", 4));
    desk.log.clear();
    desk.check_hears(
        r#"{"type":"read","status":"ok","data":{"peer":"Bob","seq":4}}"#,
        "places [attic 3 of 3, den 4 of 4, @Bob 4 of 4]",
    );
    desk.check_hears(&change(r#""out":["attic"]"#), "places [den 4 of 4, @Bob 4 of 4]");
    // What is said there is not by this device, and known all the same.
    desk.check_hears(&said("den", 5, "Ann", "hi", "other"), "den Ann (own): hi");
    desk.check_hears(
        &change(r#""in":[{"room":"attic","last":3,"read":3}]"#),
        "places [attic 3 of 3, den 5 of 5, @Bob 4 of 4]",
    );
}

#[test]
fn what_is_seen_is_told_once() {
    let mut desk = Desk::in_rooms(&["den", "@Bob"]);
    desk.hear(&heard("den", 4));
    desk.hear(&heard("@Bob", 4));
    desk.log.clear();
    desk.wants(Command::Read(conversation("den"), 4));
    desk.wants(Command::Read(conversation("den"), 4));
    desk.wants(Command::Read(conversation("den"), 2));
    desk.wants(Command::Read(conversation("@Bob"), 4));
    desk.wants(Command::Read(conversation("nowhere"), 4));
    desk.check(
        r#"> {"type":"read","data":{"room":"den","seq":4}}, > {"type":"read","data":{"peer":"Bob","seq":4}}"#,
    );
    desk.check_hears(r#"{"type":"read","status":"ok","data":{"room":"den","seq":4}}"#, "");
    desk.check_hears(r#"{"type":"read","status":"error","code":"not_in_room","message":"No"}"#, "");
    assert_eq!(desk.client.deadline(), None);
}

#[test]
fn what_waits_for_a_room_that_was_left_elsewhere_is_told() {
    let mut desk = Desk::in_rooms(&["den", "attic"]);
    desk.says("den", "one");
    desk.says("attic", "two");
    desk.log.clear();
    desk.check_hears(
        &change(r#""out":["attic"]"#),
        "msg refused, no code (You left the room before this was sent), places [den 3 of 3]",
    );
    // One that the server hears too late.
    desk.hear(&change(r#""out":["den"]"#));
    desk.log.clear();
    desk.check_hears(
        r#"{"type":"msg","status":"error","code":"not_in_room","message":"You are not in den"}"#,
        "msg refused, not_in_room (You are not in den)",
    );
}

// Who is there.

#[test]
fn who_is_in_the_room_that_is_looked_at_is_told_and_kept_told() {
    let mut desk = Desk::in_rooms(&["den", "attic"]);
    desk.looks_at("den");
    desk.looks_at("den");
    desk.check(&roster("den"));
    let told = |room: &str, rest: &str| {
        format!(r#"{{"type":"roster","status":"ok","data":{{"room":"{room}",{rest}}}}}"#)
    };
    desk.check_hears(&told("den", r#""members":["Bob","Ann"]"#), "members [den: Bob Ann]");
    desk.check_hears(&told("den", r#""left":["Bob","Eve"],"joined":["Cid"]"#), "members [den: Ann Cid]");
    desk.check_hears(&told("den", r#""joined":["Ann"]"#), "members [den: Cid Ann]");
    desk.check_hears(&told("attic", r#""joined":["Eve"]"#), "");
    desk.looks_at("attic");
    desk.check(&roster("attic"));
    // It is not there yet, and the person looks elsewhere already.
    desk.looks_at("@Bob");
    desk.log.clear();
    desk.check_hears(&told("attic", r#""members":["Eve"]"#), "");
    desk.looks_at("den");
    desk.check(&roster("den"));
}

#[test]
fn who_asks_too_often_who_is_there_is_answered_later() {
    let mut desk = Desk::in_rooms(&["den", "attic"]);
    desk.looks_at("den");
    desk.looks_at("attic");
    desk.check(&roster("den"));
    desk.check_hears(
        r#"{"type":"roster","status":"error","code":"rate_limited","message":"Too often","retry_ms":500}"#,
        "",
    );
    desk.wait(1);
    desk.check(&roster("attic"));
    desk.check_hears(r#"{"type":"roster","status":"error","code":"no_such_room","message":"No attic"}"#, "");
    assert_eq!(desk.client.deadline(), None);
}

#[test]
fn what_was_looked_at_is_looked_at_again_after_a_return() {
    let mut desk = Desk::in_rooms(&["attic", "den"]);
    desk.looks_at("den");
    desk.log.clear();
    desk.comes_back_to_many();
    desk.check("");
    // It is read before the others, also where nothing seems to be new: to see that it is the same conversation.
    desk.hear(&rooms(&[], &[("attic", 3, 9), ("den", 3, 3)]));
    desk.check(&format!(
        "{}, {}, crowds [], places [attic 3 of 9, den 3 of 3]",
        roster("den"),
        after("den", 2)
    ));
}

// What was said before.

#[test]
fn one_page_is_on_its_way_at_a_time_and_what_is_looked_at_comes_first() {
    let mut desk = Desk::in_hall();
    desk.hear(&rooms(&[], &[("attic", 0, 9), ("den", 0, 9), ("nook", 0, 9)]));
    desk.log.clear();
    desk.looks_at("nook");
    desk.check(&roster("nook"));
    desk.check_hears(
        &page("attic", 9, 9, true),
        &format!("past attic [Bob: 9], older there, {}", recall("nook")),
    );
    desk.check_hears(
        &page("nook", 9, 9, true),
        &format!("past nook [Bob: 9], older there, {}", recall("den")),
    );
    desk.check_hears(&page("den", 9, 9, true), "past den [Bob: 9], older there");
}

#[test]
fn a_hole_in_one_room_holds_up_no_other() {
    let mut desk = Desk::in_rooms(&["den", "attic"]);
    desk.check_hears(&heard("den", 6), &after("den", 2));
    desk.check_hears(&heard("attic", 4), "attic Bob: 4");
    desk.says("den", "later");
    desk.says("attic", "now");
    desk.check(&sent("attic", "now", 1));
    desk.check_hears(&said("attic", 5, "Ann", "now", &cid(1)), "attic Ann (own): now");
    desk.check_hears(
        &page("den", 3, 6, false),
        &format!("past den [Bob: 4, Bob: 5, Bob: 6], {}", sent("den", "later", 2)),
    );
}

#[test]
fn what_is_said_where_nothing_is_read_yet_comes_on_a_page() {
    let mut desk = Desk::in_rooms(&["den", "attic"]);
    desk.hear(&heard("den", 6));
    desk.hear(&heard("attic", 6));
    desk.log.clear();
    desk.check_hears(&heard("attic", 7), "");
    desk.check_hears(&heard("den", 7), "");
    desk.check_hears(
        &page("den", 3, 6, false),
        &format!("past den [Bob: 4, Bob: 5, Bob: 6], den Bob: 7, {}", after("attic", 2)),
    );
    desk.check_hears(&heard("attic", 8), "");
    desk.check_hears(
        &page("attic", 3, 7, false),
        "past attic [Bob: 4, Bob: 5, Bob: 6, Bob: 7], attic Bob: 8",
    );
}

#[test]
fn who_was_away_for_days_reads_each_room_on_or_anew_at_its_end() {
    let mut desk = Desk::in_rooms(&["den", "attic"]);
    desk.comes_back_to_many();
    desk.hear(&rooms(&[], &[("attic", 3, 5_000), ("den", 3, 4)]));
    let mut last = 3;
    while !desk.log.iter().any(|line| *line == recall("attic")) {
        desk.log.clear();
        desk.hear(&page("attic", last, last + 99, true));
        last += 99;
    }
    desk.log.clear();
    desk.check_hears(
        &page("attic", 4_999, 5_000, true),
        &format!("anew attic [Bob: 4999, Bob: 5000], older there, {}", after("den", 2)),
    );
    desk.check_hears(&page("den", 3, 4, false), "past den [Bob: 4]");
}

#[test]
fn who_reads_too_fast_waits_and_loses_nothing() {
    let mut desk = Desk::in_hall();
    desk.hear(&rooms(&[], &[("attic", 0, 9), ("den", 0, 9)]));
    desk.log.clear();
    desk.check_hears(
        r#"{"type":"history","status":"error","code":"rate_limited","message":"Too often","retry_ms":2000}"#,
        "",
    );
    desk.looks_at("den");
    desk.hear(&heard("attic", 10));
    desk.check(&roster("den"));
    desk.wait(2);
    desk.check(&recall("den"));
    desk.check_hears(
        &page("den", 9, 9, true),
        &format!("past den [Bob: 9], older there, {}", recall("attic")),
    );
    desk.check_hears(&page("attic", 9, 10, true), "past attic [Bob: 9, Bob: 10], older there");
}

#[test]
fn what_is_older_is_waited_for_like_any_page_when_the_pause_is_over() {
    let mut desk = Desk::in_hall();
    desk.client.know(conversation("den"), Span { first: 5, has_older: true, ..span(9) });
    desk.hear(&rooms(&[], &[("attic", 0, 9), ("den", 9, 9)]));
    desk.log.clear();
    desk.hear(
        r#"{"type":"history","status":"error","code":"rate_limited","message":"Too often","retry_ms":2000}"#,
    );
    desk.wants(Command::older(conversation("den")));
    desk.check("");
    desk.wait(3);
    desk.check(r#"> {"type":"history","data":{"room":"den","before":5}}"#);
    desk.check_hears(
        &page("den", 1, 4, false),
        &format!("older den [Bob: 1, Bob: 2, Bob: 3, Bob: 4], {}", recall("attic")),
    );
}

#[test]
fn a_room_that_can_not_be_read_holds_up_no_other() {
    let mut desk = Desk::in_hall();
    desk.hear(&rooms(&[], &[("attic", 0, 9), ("den", 0, 9)]));
    desk.log.clear();
    desk.check_hears(
        r#"{"type":"history","status":"error","code":"not_in_room","message":"You are not in attic"}"#,
        &recall("den"),
    );
    desk.check_hears(&page("den", 9, 9, false), "past den [Bob: 9]");
}

#[test]
fn a_server_that_has_lost_what_is_shown_is_read_anew() {
    let mut desk = Desk::in_rooms(&["den", "attic"]);
    desk.comes_back_to_many();
    desk.hear(&rooms(&[], &[("attic", 3, 3), ("den", 2, 2)]));
    desk.check(&format!("{}, crowds [], places [attic 3 of 3, den 2 of 2]", after("den", 2)));
    desk.check_hears(&page("den", 1, 0, false), &recall("den"));
    desk.check_hears(&page("den", 1, 2, false), "anew den [Bob: 1, Bob: 2]");
    desk.check_hears(&heard("attic", 4), "attic Bob: 4");
}

#[test]
fn what_is_older_comes_between_two_pages() {
    let mut desk = Desk::in_hall();
    desk.client.know(conversation("den"), Span { first: 5, has_older: true, ..span(9) });
    desk.hear(&rooms(&[], &[("attic", 0, 9), ("den", 9, 9), ("nook", 0, 9)]));
    desk.log.clear();
    desk.wants(Command::older(conversation("den")));
    desk.check("");
    desk.check_hears(
        &page("attic", 9, 9, false),
        r#"past attic [Bob: 9], > {"type":"history","data":{"room":"den","before":5}}"#,
    );
    desk.wants(Command::older(conversation("den")));
    desk.check_hears(
        &page("den", 1, 4, false),
        &format!("older den [Bob: 1, Bob: 2, Bob: 3, Bob: 4], {}", recall("nook")),
    );
    desk.check_hears(&page("nook", 9, 9, false), "past nook [Bob: 9]");
    desk.wants(Command::older(conversation("den")));
    desk.wants(Command::older(conversation("nowhere")));
    desk.check("");
}

#[test]
fn a_private_conversation_that_nobody_told_of_can_be_looked_at() {
    let mut desk = Desk::in_rooms(&[]);
    desk.looks_at("@Bob");
    desk.check(&recall("@Bob"));
    desk.check_hears(&page("@Bob", 1, 2, false), "past @Bob [Bob: 1, Bob: 2]");
    desk.check_hears(&heard("@Bob", 3), "@Bob Bob [with Bob]: 3, places [@Bob 0 of 3]");
}

#[test]
fn who_leaves_sends_what_waits_before_and_is_told_of_each_what_became_of_it() {
    let mut desk = Desk::in_rooms(&["den", "attic"]);
    desk.says("attic", "kept");
    desk.says("den", "not kept");
    desk.wants(Command::Exit(RoomName::parse("den").unwrap()));
    desk.check(&format!(
        r#"{}, {}, > {{"type":"exit","data":{{"room":"den"}}}}"#,
        sent("attic", "kept", 1),
        sent("den", "not kept", 2)
    ));
    // What is refused is refused at once, and what is kept waits for the disk.
    let refusal = r#"{"type":"msg","status":"error","code":"text_invalid","message":"No","rid":"X"}"#;
    desk.check_hears(&refusal.replace('X', &cid(2)), "msg refused, text_invalid (No)");
    desk.check_hears(&refusal.replace('X', &cid(2)), "");
    desk.check_hears(&said("attic", 4, "Ann", "kept", &cid(1)), "attic Ann (own): kept");
}

#[test]
fn what_is_shown_is_newer_than_what_was_known_of_it() {
    let mut desk = Desk::in_rooms(&["den"]);
    desk.hear(&heard("den", 4));
    desk.client.know(conversation("den"), span(2));
    desk.log.clear();
    desk.check_hears(&heard("den", 5), "den Bob: 5");
}

// A connection is lost.

#[test]
fn what_was_lost_with_the_connection_is_said_once_and_where_it_was_meant_for() {
    let mut desk = Desk::in_rooms(&["den", "attic"]);
    desk.says("attic", "lost");
    desk.says("den", "after it");
    desk.says("@Bob", "psst");
    desk.comes_back_to_many();
    desk.says("den", "on the way");
    desk.check("");
    // Nothing is known to be missing in these rooms.
    desk.hear(&rooms(&[], &[("attic", 3, 3), ("den", 3, 3)]));
    desk.check(&format!("{}, crowds [], places [attic 3 of 3, den 3 of 3]", sent("attic", "lost", 1)));
    desk.check_hears(
        &said("attic", 4, "Ann", "lost", &cid(1)),
        &format!("attic Ann (own): lost, {}", sent("den", "after it", 2)),
    );
    desk.hear(&said("den", 4, "Ann", "after it", &cid(2)));
    desk.hear(&said("@Bob", 1, "Ann", "psst", &cid(3)));
    desk.hear(&said("den", 5, "Ann", "on the way", &cid(4)));
    assert_eq!(desk.client.unsaid(), 0);
}

#[test]
fn what_had_arrived_is_found_in_its_room_and_not_said_again() {
    let mut desk = Desk::in_rooms(&["den"]);
    desk.says("den", "hello");
    desk.comes_back_to_many();
    desk.hear(&rooms(&[], &[("den", 3, 4)]));
    desk.check(&format!("{}, crowds [], places [den 3 of 4]", after("den", 2)));
    let own = format!(r#""from":"Ann","text":"hello","cid":"{}""#, cid(1));
    desk.check_hears(
        &page("den", 3, 4, false).replace(r#""from":"Bob","text":"4""#, &own),
        "past den [Ann (own, said 7): hello]",
    );
    assert_eq!(desk.client.unsaid(), 0);
}

#[test]
fn what_the_server_has_already_is_acknowledged_where_it_stands() {
    let mut desk = Desk::in_rooms(&["den"]);
    desk.says("den", "hello");
    desk.comes_back_to_many();
    // It was kept before all that is shown, as an old server's answer may tell.
    desk.hear(&rooms(&[], &[("den", 3, 3)]));
    desk.log.clear();
    desk.check_hears(&ack("den", 2, &cid(1)), "7 acknowledged as 2");
}

#[test]
fn what_is_said_to_a_room_that_was_left_meanwhile_is_refused_by_the_server() {
    let mut desk = Desk::in_rooms(&["den", "attic"]);
    desk.tell(Input::Closed);
    desk.says("attic", "hello");
    desk.says("den", "hi");
    desk.tell(Input::Connected);
    desk.hear(GREETED);
    desk.hear(LOGGED_IN);
    desk.log.clear();
    desk.hear(&rooms(&[], &[("den", 3, 3)]));
    desk.check(&format!("{}, crowds [], places [den 3 of 3]", sent("attic", "hello", 1)));
    desk.check_hears(
        r#"{"type":"msg","status":"error","code":"not_in_room","message":"You are not in attic"}"#,
        &format!("msg refused, not_in_room (You are not in attic), {}", sent("den", "hi", 2)),
    );
}

#[test]
fn what_may_have_arrived_before_its_room_was_left_is_uncertain() {
    let mut desk = Desk::in_rooms(&["den"]);
    desk.says("den", "last words");
    desk.wants(Command::Exit(RoomName::parse("den").unwrap()));
    desk.tell(Input::Closed);
    desk.tell(Input::Connected);
    desk.hear(GREETED);
    desk.hear(LOGGED_IN);
    desk.log.clear();
    desk.hear(&rooms(&[], &[]));
    desk.check(&format!("{}, crowds [], places []", sent("den", "last words", 1)));
    desk.check_hears(
        r#"{"type":"msg","status":"error","code":"not_in_room","message":"You are not in den"}"#,
        "msg unanswered",
    );
}

#[test]
fn so_is_what_may_have_arrived_and_comes_too_soon_when_its_room_is_left() {
    let mut desk = Desk::in_rooms(&["den"]);
    desk.says("den", "last words");
    desk.tell(Input::Closed);
    desk.tell(Input::Connected);
    desk.hear(GREETED);
    desk.hear(LOGGED_IN);
    desk.hear(&rooms(&[], &[("den", 0, 0)]));
    desk.wants(Command::Exit(RoomName::parse("den").unwrap()));
    desk.log.clear();
    desk.check_hears(
        r#"{"type":"msg","status":"error","code":"rate_limited","message":"Too fast","retry_ms":500}"#,
        "msg unanswered",
    );
}

// A program is started again.

/// The answer to a token that lets in.
const LET_IN: &str = r#"{"type":"resume","status":"ok","message":"Welcome back","data":{"username":"Ann","chatroom":"lobby","session":{"token":"two","expires":1}}}"#;

fn started_again() -> Desk {
    let say = |of: &str, text: &str, cid: &str| Command::Say {
        to: conversation(of),
        text: Text::try_from(text).unwrap(),
        id: 7,
        cid: Cid::parse(cid),
    };
    let kept = Kept {
        token: Token::new(String::from("one").into()),
        room: RoomName::parse("den").ok(),
        read: vec![(conversation("den"), span(3)), (conversation("@Bob"), span(3))],
        outbox: vec![say("@Bob", "psst", "a"), say("den", "hello", "b")],
    };
    let mut desk = Desk { client: Client::that_goes_on([7; 12], kept), shows_where: true, ..Desk::default() };
    desk.wants(say("@Bob", "typed before there is a connection", "c"));
    desk.check("");
    desk.looks_at("den");
    desk.tell(Input::Connected);
    desk
}

#[test]
fn a_program_that_is_started_again_goes_on_in_each_conversation() {
    let mut desk = started_again();
    desk.hear(GREETED);
    desk.log.clear();
    desk.check_hears(LET_IN, "Ann may show two, Ann returned to the lobby");
    desk.hear(&rooms(&[], &[("den", 3, 4), ("@Bob", 3, 3)]));
    desk.log.retain(|line| line.starts_with("> "));
    let private = |text: &str, cid: &str| {
        format!(
            r#"> {{"type":"msg","data":{{"from":"Ann","to":"Bob","text":"{text}","cid":"{cid}"}},"rid":"{cid}"}}"#
        )
    };
    desk.check(&format!("{}, {}, {}", roster("den"), after("den", 2), private("psst", "a")));
    desk.check_hears(&page("den", 3, 4, false), "past den [Bob: 4]");
    desk.hear(&said("@Bob", 4, "Ann", "psst", "a"));
    desk.hear(&said("den", 5, "Ann", "hello", "b"));
    desk.check(&format!(
        "@Bob Ann (own) [with Bob]: psst, {}, den Ann (own): hello, {}",
        sent("den", "hello", 1).replace(&cid(1), "b"),
        private("typed before there is a connection", "c"),
    ));
}

#[test]
fn who_logs_in_while_another_is_on_the_way_back_says_nothing_for_them() {
    let mut desk = started_again();
    desk.hear(GREETED);
    desk.want("login Bob 1234");
    desk.log.clear();
    desk.check_hears(
        r#"{"type":"login","status":"ok","message":"Login successful","data":{"username":"Bob","chatroom":"lobby"}}"#,
        "msg unanswered, msg unanswered, msg refused, no code (You left the room before this was sent), logged in Bob",
    );
    desk.check_hears(
        r#"{"type":"resume","status":"error","code":"wrong_state","message":"You are logged in already"}"#,
        "resume refused, wrong_state (You are logged in already)",
    );
    desk.check_hears(&rooms(&[], &[]), &format!("{}, crowds [], places []", roster("den")));
}

#[test]
fn what_a_program_knew_that_does_not_get_back_is_not_known_to_who_comes_instead() {
    const ENDED: &str =
        r#"{"type":"resume","status":"error","code":"session_ended","message":"Please log in"}"#;
    const IN: &str = r#"{"type":"login","status":"ok","message":"Login successful","data":{"username":"Eve","chatroom":"lobby"}}"#;
    for answers in [[ENDED, IN], [IN, ENDED]] {
        let mut desk = started_again();
        desk.hear(GREETED);
        desk.want("login Eve 1234");
        answers.into_iter().for_each(|answer| desk.hear(answer));
        desk.log.clear();
        desk.hear(&rooms(&[], &[("@Bob", 0, 3)]));
        assert!(desk.log.contains(&recall("@Bob")), "{:?}", desk.log);
    }
}

#[test]
fn a_server_that_has_given_up_many_rooms_is_entered_as_ever() {
    let mut desk = started_again();
    desk.hear(&GREETED.replace(r#","multi""#, ""));
    desk.log.clear();
    desk.check_hears(LET_IN, r#"Ann may show two, > {"type":"enter","data":{"room":"den"}}"#);
    desk.check_hears(ENTERED, &format!("Ann returned to den, {}", after("den", 2)));
    assert_eq!(desk.client.phase(), Some(Phase::Chat));
}

#[test]
fn a_room_of_before_is_not_entered_where_one_is_in_many() {
    let mut desk = Desk::in_hall();
    desk.hear(&rooms(&[("den", 0)], &[]));
    desk.looks_at("den");
    desk.comes_back_to_many();
    desk.check_hears(&rooms(&[("den", 0)], &[]), &format!("{}, crowds [den: 0], places []", roster("den")));
}

// Who asks for one room at a time is in one.

#[test]
fn nobody_is_led_into_many_rooms_who_has_not_asked_for_it() {
    for client in [Client::new(), Client::that_keeps([7; 12]).of_one_room()] {
        let mut desk = Desk { client, ..Desk::default() };
        desk.tell(Input::Connected);
        desk.hear(GREETED);
        desk.hear(LOGGED_IN);
        desk.log.clear();
        assert_eq!(desk.client.phase(), Some(Phase::Lobby));
        desk.check_hears(&rooms(&[("den", 1)], &[("den", 0, 1)]), "");
    }
}

// Hostile servers.

#[test]
fn a_server_that_tells_nonsense_is_left() {
    for nonsense in [
        change(r#""rooms":{}"#),
        change(r#""in":[{"room":"den"}]"#),
        change(r#""in":[{"room":"den","last":-1,"read":0}]"#),
        change(r#""peers":[7]"#),
        String::from(r#"{"type":"rooms","status":"ok","data":[]}"#),
        String::from(r#"{"type":"roster","status":"ok","data":{"room":7}}"#),
        String::from(r#"{"type":"read","status":"ok","data":{"room":"den"}}"#),
        String::from(
            r#"{"type":"msg","status":"ok","data":{"to":"public","from":"Bob","text":"hi","seq":1}}"#,
        ),
        String::from(
            r#"{"type":"msg","status":"ok","data":{"to":"public","from":"Bob","text":"hi","room":"den"}}"#,
        ),
    ] {
        let mut desk = Desk::in_rooms(&["den"]);
        desk.hear(&nonsense);
        assert_eq!(desk.log, ["server fault", "close"], "{nonsense}");
    }
    // What a newer server may call by a name that is none here is passed over.
    let mut desk = Desk::in_rooms(&["den"]);
    desk.check_hears(&change(r#""rooms":[{"room":" ","people":1}],"gone":[" "]"#), "");
}

#[test]
fn a_server_that_tells_of_rooms_without_end_takes_no_more_room_than_one_that_has_as_many_as_there_may_be() {
    let mut desk = Desk::in_hall();
    desk.hear(&rooms(&[], &[]));
    for part in 0..17 {
        let names = |of: &str| -> String {
            let one = |number: u32| {
                format!(r#"{{"{of}":"n{}","people":1,"last":0,"read":0}}"#, part * 4_000 + number)
            };
            (0..4_000).map(one).collect::<Vec<_>>().join(",")
        };
        let (room, peer) = (names("room"), names("peer"));
        desk.hear(&change(&format!(r#""rooms":[{room}]"#)));
        if part < 3 {
            desk.hear(&change(&format!(r#""in":[{room}]"#)));
            desk.hear(&change(&format!(r#""peers":[{peer}]"#)));
        }
        assert_eq!(desk.client.phase(), Some(Phase::Hall));
        desk.log.clear();
    }
    desk.client.places.repeat();
    let crowds = desk.client.places.take_new_crowds().map_or(0, |crowds| crowds.len());
    assert_eq!(crowds, crate::limits::ROOMS_TOLD_MAX);
    let places = desk.client.places.take_new_places().map_or(0, |places| places.len());
    assert_eq!(places, crate::limits::CONVERSATIONS_MAX);
    // What is said where nothing is remembered is shown as it comes.
    desk.check_hears(&heard("@Zoe", 9), "@Zoe Bob [with Zoe]: 9");
}

#[test]
fn what_waits_for_a_page_that_never_comes_takes_no_more_room_than_it_may() {
    let mut desk = Desk::in_rooms(&["den"]);
    desk.hear(&heard("den", 5));
    desk.log.clear();
    let text = "x".repeat(100_000);
    for seq in 6..106 {
        desk.hear(&said("den", seq, "Bob", &text, ""));
    }
    desk.check("");
    // What did not fit is asked for after it.
    desk.check_hears(
        &page("den", 3, 50, false),
        &format!("past den [{}], {}", shown_lines(4, 50), after("den", 49)),
    );
    desk.check_hears(&page("den", 50, 105, false), &format!("past den [{}]", shown_lines(51, 105)));
    desk.check_hears(&heard("den", 106), "den Bob: 106");
}

fn shown_lines(from: u64, to: u64) -> String {
    (from..=to).map(|seq| format!("Bob: {seq}")).collect::<Vec<_>>().join(", ")
}
