//! At a server that keeps what is said: nothing is lost or shown twice, whatever becomes of the connection.

use super::*;
use crate::message::push::Posted;

const HELLO: &str = r#"> {"type":"hello","proto":1,"caps":["ack","history","resume","ping","multi","friends","presence","logins"],"client":"chatroom 0.1.0"}"#;
const GREETED: &str = r#"{"type":"hello","status":"ok","data":{"proto":1,"caps":["ack","history"]}}"#;
const LOGIN: &str = r#"> {"type":"login","data":{"username":"Ann","password":"1234"}}"#;
const ENTER: &str = r#"> {"type":"enter","data":{"room":"den"}}"#;
const RECALL: &str = r#"> {"type":"history","data":{"room":"den"}}"#;

/// A page of messages that Bob has said, each its own number, from one number to another.
fn page(from: u64, to: u64, more: bool) -> String {
    let line = |seq| format!(r#"{{"seq":{seq},"ts":{seq}000,"from":"Bob","text":"{seq}"}}"#);
    let lines: Vec<String> = (from..=to).map(line).collect();
    format!(
        r#"{{"type":"history","status":"ok","data":{{"room":"den","msgs":[{}],"more":{more}}}}}"#,
        lines.join(",")
    )
}

/// Where a message stands, each a second after the one before.
fn posted(seq: u64) -> Posted {
    Posted { seq, ts_ms: seq * 1_000 }
}

fn after(seq: u64) -> String {
    format!(r#"> {{"type":"history","data":{{"room":"den","after":{seq}}}}}"#)
}

fn said(seq: u64, from: &str, text: &str, cid: &str) -> String {
    let cid = if cid.is_empty() { String::new() } else { format!(r#","cid":"{cid}""#) };
    format!(
        r#"{{"type":"msg","status":"ok","data":{{"to":"public","from":"{from}","text":"{text}","room":"den","seq":{seq},"ts":{seq}000{cid}}}}}"#
    )
}

fn ack(seq: u64, cid: &str) -> String {
    format!(
        r#"{{"type":"ack","status":"ok","data":{{"cid":"{cid}","room":"den","seq":{seq},"ts":{seq}000}}}}"#
    )
}

/// What the client calls its messages.
fn cid(number: u64) -> String {
    format!("{}-{number}", "07".repeat(12))
}

fn say(text: &str, number: u64) -> String {
    let cid = cid(number);
    format!(
        r#"> {{"type":"msg","data":{{"room":"den","from":"Ann","to":"public","text":"{text}","cid":"{cid}"}}}}"#
    )
}

impl Desk {
    fn that_keeps() -> Self {
        let mut desk = Self { client: Client::that_keeps([7; 12]), ..Self::default() };
        desk.tell(Input::Connected);
        desk.check(&format!("connected, {HELLO}"));
        desk.hear(GREETED);
        desk.want("login Ann 1234");
        desk.hear(LOGGED_IN);
        desk.want("enter den");
        desk.log.clear();
        desk.check_hears(ENTERED, &format!("entered den, {RECALL}"));
        desk
    }

    /// In a room in which Bob has said so much.
    fn that_has_read(count: u64) -> Self {
        let mut desk = Self::that_keeps();
        desk.hear(&page(1, count, false));
        desk.log.clear();
        desk
    }

    /// Back in the room, and the first page is asked for.
    fn comes_back(&mut self, after_seq: u64) {
        self.tell(Input::Closed);
        self.tell(Input::Connected);
        self.check(&format!("disconnected, connected, {HELLO}, {LOGIN}"));
        self.hear(GREETED);
        self.log.clear();
        self.check_hears(LOGGED_IN, ENTER);
        self.check_hears(ENTERED, &format!("Ann returned to den, {}", after(after_seq)));
    }
}

#[test]
fn who_enters_reads_what_was_said_before() {
    let mut desk = Desk::that_keeps();
    desk.check_hears(&said(9, "Bob", "9", ""), "");
    desk.check_hears(&page(7, 8, true), "past [Bob: 7, Bob: 8], older there, Bob: 9");
    desk.check_hears(&said(9, "Bob", "9", ""), "");
    desk.check_hears(&said(10, "Cid", "hi", ""), "Cid: hi");
    desk.tell(Input::Command(Command::older(den())));
    desk.tell(Input::Command(Command::older(den())));
    desk.check(r#"> {"type":"history","data":{"room":"den","before":7}}"#);
    desk.check_hears(&page(5, 6, false), "older [Bob: 5, Bob: 6]");
    desk.tell(Input::Command(Command::older(den())));
    desk.check("");
}

#[test]
fn what_was_deleted_has_its_place_and_nothing_to_show() {
    let mut desk = Desk::that_keeps();
    let deleted = |page: String| page.replace(r#""text":"7""#, r#""text":"""#);
    desk.check_hears(&deleted(page(6, 8, true)), "past [Bob: 6, Bob: (deleted), Bob: 8], older there");
    desk.check_hears(&said(9, "Bob", "9", ""), "Bob: 9");
    desk.comes_back(8);
    let since = page(9, 11, false).replace(r#""text":"10""#, r#""text":"""#);
    desk.check_hears(&since, "past [Bob: (deleted), Bob: 11], older there");
}

#[test]
fn a_message_is_sent_when_all_before_it_is_read_and_shown_when_it_is_kept() {
    let mut desk = Desk::that_keeps();
    desk.want("say hello");
    desk.check("");
    desk.check_hears(&page(1, 1, false), &format!("past [Bob: 1], {}", say("hello", 1)));
    desk.want("say again");
    desk.check("");
    desk.check_hears(&said(2, "Ann", "hello", &cid(1)), &format!("Ann (own): hello, {}", say("again", 2)));
    desk.check_hears(&ack(2, &cid(1)), "");
    // Another window of the same account.
    desk.check_hears(&said(3, "Ann", "again", "other"), "Ann (own): again");
    desk.check_hears(&said(4, "Ann", "again", &cid(2)), "Ann (own): again");
}

#[test]
fn what_had_no_answer_is_found_among_what_was_said_and_not_said_again() {
    let mut desk = Desk::that_has_read(3);
    desk.want("say hello");
    desk.check(&say("hello", 1));
    desk.comes_back(2);
    let page = page(3, 4, false)
        .replace(r#""from":"Bob","text":"4""#, &format!(r#""from":"Ann","text":"hello","cid":"{}""#, cid(1)));
    desk.check_hears(&page, "past [Ann (own, said 7): hello]");
    desk.want("say next");
    desk.check(&say("next", 2));
}

#[test]
fn what_did_not_arrive_is_said_again_under_its_name_and_before_what_was_said_after() {
    let mut desk = Desk::that_has_read(3);
    desk.want("say hello");
    desk.want("say after that");
    desk.check(&say("hello", 1));
    desk.comes_back(2);
    desk.want("say on the way");
    desk.check("");
    desk.check_hears(&page(3, 5, false), &format!("past [Bob: 4, Bob: 5], {}", say("hello", 1)));
    desk.check_hears(
        &said(6, "Ann", "hello", &cid(1)),
        &format!("Ann (own): hello, {}", say("after that", 2)),
    );
    desk.check_hears(&ack(6, &cid(1)), "");
    desk.check_hears(
        &said(7, "Ann", "after that", &cid(2)),
        &format!("Ann (own): after that, {}", say("on the way", 3)),
    );
}

#[test]
fn what_was_kept_and_never_came_is_shown_when_that_is_told() {
    let mut desk = Desk::that_has_read(9);
    desk.want("say hello");
    desk.log.clear();
    desk.check_hears(&ack(10, &cid(1)), "Ann (own): hello");
    desk.want("whisper bob psst");
    desk.log.clear();
    desk.check_hears(
        &ack(2, &cid(2)).replace(r#""room":"den""#, r#""peer":"bob""#),
        "Ann (own) [with bob]: psst",
    );
}

#[test]
fn what_is_told_to_be_kept_waits_for_what_was_said_before_it() {
    let mut desk = Desk::that_has_read(3);
    desk.want("say hello");
    desk.log.clear();
    desk.comes_back(2);
    // Who leaves lets what waits go first.
    desk.want("exit");
    desk.log.clear();
    desk.check_hears(&ack(4, &cid(1)), "");
    desk.check_hears(&page(3, 3, false), "Ann (own): hello");
}

#[test]
fn what_was_still_on_its_way_to_the_disk_is_not_said_again() {
    let mut desk = Desk::that_has_read(3);
    desk.want("say hello");
    desk.check(&say("hello", 1));
    desk.comes_back(2);
    desk.check_hears(&said(4, "Ann", "hello", &cid(1)), "");
    desk.check_hears(&page(3, 3, false), "Ann (own): hello");
}

#[test]
fn a_page_that_is_older_does_not_hide_a_hole() {
    let mut desk = Desk::that_keeps();
    desk.hear(&page(5, 6, true));
    desk.tell(Input::Command(Command::older(den())));
    desk.log.clear();
    desk.check_hears(&said(8, "Bob", "8", ""), "");
    desk.check_hears(&page(1, 4, false), &format!("older [Bob: 1, Bob: 2, Bob: 3, Bob: 4], {}", after(5)));
    desk.check_hears(&page(6, 8, false), "past [Bob: 7, Bob: 8]");
}

#[test]
fn what_is_said_without_a_connection_is_sent_when_there_is_one() {
    let mut desk = Desk::that_has_read(1);
    desk.tell(Input::Closed);
    desk.want("say later");
    desk.check("disconnected");
    desk.tell(Input::Connected);
    desk.hear(LOGGED_IN);
    desk.log.clear();
    // This server keeps nothing.
    desk.check_hears(
        ENTERED,
        r#"Ann returned to den, > {"type":"msg","data":{"from":"Ann","to":"public","text":"later"}}"#,
    );
}

#[test]
fn what_may_have_arrived_is_not_said_again_where_nothing_is_kept() {
    let mut desk = Desk::that_has_read(1);
    desk.want("say hello");
    desk.log.clear();
    desk.tell(Input::Closed);
    desk.tell(Input::Connected);
    desk.hear(LOGGED_IN);
    desk.log.clear();
    desk.check_hears(ENTERED, "msg unanswered, Ann returned to den");
}

#[test]
fn who_does_not_come_back_to_the_room_is_told_what_was_not_said() {
    let mut desk = Desk::that_has_read(1);
    desk.want("say hello");
    desk.want("say after that");
    desk.log.clear();
    desk.tell(Input::Closed);
    desk.tell(Input::Connected);
    desk.hear(LOGGED_IN);
    desk.log.clear();
    desk.hear(r#"{"type":"enter","status":"error","code":"room_full","message":"den is full"}"#);
    desk.check(
        "msg unanswered, msg refused, no code (You left the room before this was sent), Ann returned to the lobby",
    );
}

#[test]
fn a_gap_is_read_page_by_page() {
    let mut desk = Desk::that_has_read(3);
    desk.comes_back(2);
    desk.check_hears(&page(3, 4, true), &format!("past [Bob: 4], {}", after(3)));
    desk.check_hears(&said(7, "Bob", "7", ""), "");
    desk.check_hears(&page(4, 6, false), "past [Bob: 5, Bob: 6], Bob: 7");
}

#[test]
fn a_server_that_has_lost_something_is_read_anew() {
    let mut desk = Desk::that_has_read(3);
    desk.comes_back(2);
    desk.check_hears(&page(1, 0, false), RECALL);
    desk.check_hears(&page(1, 2, false), "anew [Bob: 1, Bob: 2]");
    desk.check_hears(&said(3, "Bob", "3", ""), "Bob: 3");
}

#[test]
fn a_page_that_is_refused_for_now_is_asked_for_again() {
    let mut desk = Desk::that_keeps();
    desk.hear(
        r#"{"type":"history","status":"error","code":"rate_limited","message":"Too often","retry_ms":2000}"#,
    );
    desk.hear(&said(2, "Bob", "2", ""));
    desk.check("");
    desk.wait(2);
    desk.check(RECALL);
    desk.check_hears(&page(1, 2, false), "past [Bob: 1, Bob: 2]");
}

#[test]
fn a_page_that_does_not_come_is_asked_for_for_as_long_as_it_takes() {
    let mut desk = Desk::that_keeps();
    desk.wait(300);
    desk.check("");
    desk.check_hears(&page(1, 2, false), "past [Bob: 1, Bob: 2]");
}

#[test]
fn a_hole_is_filled_before_what_comes_after_it() {
    let mut desk = Desk::that_has_read(2);
    desk.check_hears(&said(4, "Bob", "4", ""), &after(1));
    desk.check_hears(&page(2, 4, false), "past [Bob: 3, Bob: 4]");
}

#[test]
fn what_is_older_is_not_asked_for_on_the_way_back() {
    let mut desk = Desk::that_keeps();
    desk.hear(&page(5, 6, true));
    desk.tell(Input::Closed);
    desk.tell(Input::Connected);
    desk.hear(GREETED);
    desk.hear(LOGGED_IN);
    desk.log.clear();
    desk.tell(Input::Command(Command::older(den())));
    desk.check("");
}

#[test]
fn a_private_message_has_no_place_among_the_rooms() {
    let mut desk = Desk::that_has_read(2);
    let private = r#"{"type":"msg","status":"ok","data":{"to":"Ann","from":"Bob","text":"psst","peer":"Bob","seq":1,"ts":1}}"#;
    desk.check_hears(private, "Bob [with Bob]: psst");
    desk.want("whisper bob what?");
    desk.log.clear();
    let own = format!(
        r#"{{"type":"msg","status":"ok","data":{{"to":"Ann","from":"Ann","text":"what?","peer":"Bob","seq":2,"ts":1,"cid":"{}"}}}}"#,
        cid(1)
    );
    desk.check_hears(&own, "Ann (own) [with Bob]: what?");
}

#[test]
fn a_page_with_a_hole_is_a_fault_of_the_server() {
    let mut desk = Desk::that_keeps();
    desk.hear(&page(1, 2, false).replace(r#""seq":2"#, r#""seq":3"#));
    desk.check("server fault, close");
}

/// The answer to a token that lets in.
const LET_IN: &str = r#"{"type":"resume","status":"ok","message":"Welcome back","data":{"username":"Ann","chatroom":"lobby","session":{"token":"two","expires":1}}}"#;
const RESUME: &str = r#"> {"type":"resume","data":{"token":"one"}}"#;

/// What a program says that remembers what it calls its messages.
fn named(text: &str, cid: &str) -> Command {
    Command::Say { to: den(), text: Text::try_from(text).unwrap(), id: 7, cid: Cid::parse(cid) }
}

fn sent(text: &str, cid: &str) -> String {
    format!(
        r#"> {{"type":"msg","data":{{"room":"den","from":"Ann","to":"public","text":"{text}","cid":"{cid}"}}}}"#
    )
}

impl Desk {
    /// A program that was ended in a room that it had read up to a message, and is started again.
    fn that_goes_on(last: u64, outbox: Vec<Command>) -> Self {
        let kept = Kept {
            token: Token::new(String::from("one").into()),
            room: RoomName::parse("den").ok(),
            read: Vec::from_iter(
                (last > 0).then_some((den(), Span { first: 1, last: posted(last), has_older: false })),
            ),
            outbox,
        };
        Self { client: Client::that_goes_on([7; 12], kept), ..Self::default() }
    }

    /// It connects, and is back in the room.
    fn connects(&mut self, reads: &str) {
        self.tell(Input::Connected);
        self.check(&format!("connected, {HELLO}, {RESUME}"));
        self.hear(GREETED);
        self.log.clear();
        self.check_hears(LET_IN, &format!("Ann may show two, {ENTER}"));
        self.check_hears(ENTERED, &format!("Ann returned to den, {reads}"));
    }
}

#[test]
fn a_program_that_is_started_again_reads_on_where_it_was_and_says_what_waited() {
    let mut desk = Desk::that_goes_on(3, vec![named("arrived", "a"), named("lost", "b")]);
    desk.tell(Input::Command(named("typed before there is a connection", "c")));
    desk.check("");
    assert_eq!(desk.client.unsaid(), 3);
    desk.connects(&after(2));
    let page =
        page(3, 4, false).replace(r#""from":"Bob","text":"4""#, r#""from":"Ann","text":"arrived","cid":"a""#);
    desk.check_hears(&page, &format!("past [Ann (own, said 7): arrived], {}", sent("lost", "b")));
    desk.check_hears(
        &said(5, "Ann", "lost", "b"),
        &format!("Ann (own): lost, {}", sent("typed before there is a connection", "c")),
    );
    desk.check_hears(&ack(6, "c"), "Ann (own): typed before there is a connection");
    assert_eq!(desk.client.unsaid(), 0);
}

#[test]
fn what_the_server_had_already_is_told_to_be_said_and_not_shown_in_a_wrong_place() {
    let mut desk = Desk::that_goes_on(3, vec![named("arrived", "a")]);
    desk.connects(&after(2));
    // So much was said since that it begins anew at the end, far behind what had arrived.
    let mut last = 3;
    while !desk.log.iter().any(|line| line == RECALL) {
        desk.log.clear();
        desk.hear(&page(last, last + 99, true));
        last += 99;
    }
    desk.log.clear();
    desk.check_hears(
        &page(5_001, 5_002, true),
        &format!("anew [Bob: 5001, Bob: 5002], older there, {}", sent("arrived", "a")),
    );
    let dup = ack(4, "a").replace(r#""ts":4000"#, r#""ts":4000,"dup":true"#);
    desk.check_hears(&dup, "7 acknowledged as 4");
    assert_eq!(desk.client.unsaid(), 0);
    desk.want("say on");
    desk.check(&say("on", 1));
}

#[test]
fn what_may_have_arrived_before_the_program_ended_is_not_said_again_where_nothing_is_kept() {
    let mut desk = Desk::that_goes_on(0, vec![named("arrived", "a")]);
    desk.tell(Input::Command(named("typed now", "b")));
    desk.tell(Input::Connected);
    desk.log.clear();
    desk.check_hears(LET_IN, &format!("Ann may show two, {ENTER}"));
    desk.check_hears(
        ENTERED,
        r#"msg unanswered, Ann returned to den, > {"type":"msg","data":{"from":"Ann","to":"public","text":"typed now"}}"#,
    );
}

#[test]
fn a_login_that_ended_meanwhile_leaves_all_that_waits_to_the_program() {
    let mut desk = Desk::that_goes_on(3, vec![named("one", "a")]);
    desk.tell(Input::Command(named("two", "b")));
    desk.tell(Input::Connected);
    desk.hear(GREETED);
    desk.log.clear();
    desk.check_hears(
        r#"{"type":"resume","status":"error","code":"session_ended","message":"Ended"}"#,
        "msg unanswered, msg refused, no code (You left the room before this was sent), \
         resume refused, session_ended (Ended)",
    );
}

#[test]
fn a_server_that_was_set_back_and_went_on_is_read_anew() {
    let mut desk = Desk::that_goes_on(3, Vec::new());
    desk.connects(&after(2));
    let other = page(3, 5, false).replace(r#""ts":3000"#, r#""ts":7000"#);
    desk.check_hears(&other, RECALL);
    desk.check_hears(&page(1, 5, false), "anew [Bob: 1, Bob: 2, Bob: 3, Bob: 4, Bob: 5]");
}

#[test]
fn a_room_that_there_is_no_way_back_to_is_read_from_its_end_if_it_is_entered_later() {
    let mut desk = Desk::that_goes_on(3, Vec::new());
    desk.tell(Input::Connected);
    desk.hear(GREETED);
    desk.hear(LET_IN);
    desk.log.clear();
    let full = r#"{"type":"enter","status":"error","code":"room_full","message":"den is full"}"#;
    desk.check_hears(full, "Ann returned to the lobby");
    desk.want("enter den");
    desk.log.clear();
    desk.check_hears(ENTERED, &format!("entered den, {RECALL}"));
}

#[test]
fn a_room_that_is_known_is_read_on_and_another_one_from_its_end() {
    let read = Span { first: 5, last: posted(9), has_older: true };
    let mut desk = Desk::that_keeps();
    desk.hear(&page(1, 1, false));
    desk.want("exit");
    desk.hear(r#"{"type":"exit","status":"ok","message":"Left den"}"#);
    desk.client.know(den(), read);
    desk.want("enter den");
    desk.log.clear();
    desk.check_hears(ENTERED, &format!("entered den, {}", after(8)));
    desk.check_hears(&page(9, 10, false), "past [Bob: 10], older there");
    desk.tell(Input::Command(Command::older(den())));
    desk.check(r#"> {"type":"history","data":{"room":"den","before":5}}"#);
    desk.hear(&page(1, 4, false));
    desk.want("exit");
    desk.hear(r#"{"type":"exit","status":"ok","message":"Left den"}"#);
    desk.client.know(Conversation::Room(RoomName::parse("attic").unwrap()), read);
    desk.want("enter den");
    desk.log.clear();
    desk.check_hears(ENTERED, &format!("entered den, {RECALL}"));
}
