//! A server that is asked whether it is still there.

use super::*;

const GREETED: &str =
    r#"{"type":"hello","status":"ok","data":{"proto":1,"caps":["ack","history","resume","ping"]}}"#;
const LOGGED_IN_FOR_LONG: &str = r#"{"type":"login","status":"ok","message":"Login successful","data":{"username":"Ann","chatroom":"lobby","session":{"token":"one","expires":1}}}"#;
const KEEPING_HELLO: &str = r#"> {"type":"hello","proto":1,"caps":["ack","history","resume","ping","multi","friends","presence","logins"],"client":"chatroom 0.1.0"}"#;

fn ping(number: u64) -> String {
    format!(r#"> {{"type":"ping","rid":"{number}"}}"#)
}

fn pong(number: u64) -> String {
    format!(r#"{{"type":"pong","status":"ok","rid":"{number}"}}"#)
}

impl Desk {
    fn granted() -> Self {
        let mut desk = Self::connected();
        desk.hear(GREETED);
        desk.hear(LOGGED_IN);
        desk.log.clear();
        desk
    }

    fn wait_ms(&mut self, milliseconds: u64) {
        let until = self.now + Duration::from_millis(milliseconds);
        while let Some(at) = self.client.deadline().filter(|at| *at <= until) {
            self.now = at.max(self.now);
            self.tell(Input::Timeout);
        }
        self.now = until;
    }
}

#[test]
fn a_server_that_is_silent_for_30_seconds_is_asked_and_has_10_to_answer() {
    let mut desk = Desk::granted();
    desk.wait(29);
    desk.check("");
    desk.wait(1);
    desk.check(&ping(1));
    desk.wait(9);
    desk.check_hears(&pong(1), "");
    desk.wait(29);
    desk.check("");
    desk.wait(1);
    desk.check(&ping(2));
    desk.wait(9);
    desk.check("");
    desk.wait(1);
    desk.check("lost in silence, close");
    assert_eq!((desk.client.phase(), desk.client.deadline()), (None, None));
}

#[test]
fn whatever_comes_is_a_sign_of_life_even_a_part_of_it() {
    let mut desk = Desk::granted();
    desk.wait(30);
    desk.check(&ping(1));
    desk.wait(9);
    desk.tell(Input::Bytes(&framed(LOGGED_IN)[..7]));
    desk.wait(29);
    desk.check("");
    desk.wait(1);
    desk.check(&ping(2));
    desk.wait(9);
    desk.tell(Input::Bytes(&[]));
    desk.wait(1);
    desk.check("lost in silence, close");
}

#[test]
fn a_pong_behind_an_answer_has_the_time_of_that_answer() {
    let mut desk = Desk::granted();
    desk.want("list");
    desk.log.clear();
    desk.wait(29);
    desk.hear(r#"{"type":"from_the_future","status":"ok"}"#);
    desk.want("list");
    desk.wait(1);
    desk.check(r#"> {"type":"list","data":null}, list unanswered"#);
    desk.wait(29);
    desk.check(&format!("list unanswered, {}", ping(1)));

    // Here one is still waited for when the server is asked.
    let mut desk = Desk::granted();
    desk.wait(20);
    desk.want("list");
    desk.wait(10);
    desk.check(&format!(r#"> {{"type":"list","data":null}}, {}"#, ping(1)));
    desk.wait(20);
    desk.check("list unanswered");
    desk.wait(9);
    desk.check("");
    desk.wait(1);
    desk.check("lost in silence, close");
}

#[test]
fn a_server_that_asks_is_answered() {
    let mut desk = Desk::granted();
    desk.check_hears(r#"{"type":"ping","status":"ok"}"#, r#"> {"type":"pong","data":null}"#);
}

#[test]
fn where_it_was_not_granted_nobody_asks_or_answers() {
    let mut desk = Desk::in_room();
    assert_eq!(desk.client.deadline(), None);
    desk.check_hears(r#"{"type":"ping","status":"ok"}"#, "");
    desk.check_hears(r#"{"type":"pong","status":"ok"}"#, "");
    desk.tell(Input::Doubtful);
    desk.wait(3_600);
    desk.check("");
    assert_eq!(desk.client.phase(), Some(Phase::Chat));
}

#[test]
fn a_connection_in_doubt_is_asked_at_once_and_has_half_a_second() {
    let mut desk = Desk::granted();
    desk.wait(5);
    desk.tell(Input::Doubtful);
    desk.check(&ping(1));
    desk.wait_ms(499);
    desk.check("");
    desk.wait_ms(1);
    desk.check("lost in silence, close");
}

#[test]
fn what_may_have_lain_here_is_no_answer_to_a_doubt() {
    let mut desk = Desk::granted();
    desk.wait(30);
    desk.check(&ping(1));
    desk.tell(Input::Doubtful);
    desk.check(&ping(2));
    desk.check_hears(&pong(1), "");
    desk.hear(r#"{"type":"list","status":"ok","data":{"lobby":["Ann"]}}"#);
    desk.check("rooms [lobby: Ann]");
    desk.wait_ms(500);
    desk.check("lost in silence, close");
}

#[test]
fn a_doubt_is_over_with_its_answer_and_one_question_at_a_time_is_enough() {
    let mut desk = Desk::granted();
    desk.tell(Input::Doubtful);
    desk.tell(Input::Doubtful);
    desk.check(&ping(1));
    desk.check_hears(&pong(1), "");
    desk.wait(29);
    desk.check("");
    desk.tell(Input::Doubtful);
    desk.check(&ping(2));
    // It was asked too often, and says so: it is there.
    desk.check_hears(
        r#"{"type":"ping","status":"error","message":"Slow","code":"rate_limited","retry_ms":9,"rid":"2"}"#,
        "",
    );
    desk.wait(29);
    desk.check("");
}

#[test]
fn nobody_is_held_to_have_been_silent_while_nothing_ran_here() {
    let mut desk = Desk::granted();
    desk.want("list");
    desk.wait(20);
    desk.log.clear();
    desk.now = desk.now + Duration::from_secs(600);
    desk.tell(Input::Doubtful);
    desk.tell(Input::Timeout);
    desk.check(&ping(1));
    desk.hear(&pong(1));
    desk.wait(29);
    desk.check("");
    desk.wait(1);
    desk.check(&format!("list unanswered, {}", ping(2)));
}

#[test]
fn a_login_that_is_on_its_way_is_not_taken_for_death() {
    let mut desk = Desk::connected();
    desk.hear(GREETED);
    desk.want("login Ann 1234");
    desk.log.clear();
    desk.tell(Input::Doubtful);
    desk.check(&ping(1));
    desk.wait(29);
    desk.check("");
    desk.check_hears(LOGGED_IN, "logged in Ann");
}

#[test]
fn who_was_lost_in_silence_comes_back_by_token_into_the_room_and_says_again_what_had_no_answer() {
    let mut desk = Desk { client: Client::that_keeps([7; 12]), ..Desk::default() };
    desk.tell(Input::Connected);
    desk.hear(GREETED);
    desk.want("login Ann 1234");
    desk.hear(LOGGED_IN_FOR_LONG);
    desk.want("enter den");
    desk.hear(ENTERED);
    desk.hear(r#"{"type":"history","status":"ok","data":{"room":"den","msgs":[{"seq":1,"ts":1,"from":"Bob","text":"1"}],"more":false}}"#);
    desk.want("say hello");
    desk.now = desk.now + Duration::from_secs(600);
    desk.tell(Input::Doubtful);
    desk.log.clear();
    desk.wait_ms(500);
    desk.check("lost in silence, close");

    desk.tell(Input::Closed);
    desk.tell(Input::Connected);
    desk.check(&format!(r#"connected, {KEEPING_HELLO}, > {{"type":"resume","data":{{"token":"one"}}}}"#));
    desk.hear(GREETED);
    desk.hear(r#"{"type":"resume","status":"ok","message":"Welcome back","data":{"username":"Ann","chatroom":"lobby","session":{"token":"two","expires":1}}}"#);
    desk.hear(ENTERED);
    desk.log.clear();
    let hello = format!("{}-1", "07".repeat(12));
    desk.hear(r#"{"type":"history","status":"ok","data":{"room":"den","msgs":[{"seq":1,"ts":1,"from":"Bob","text":"1"},{"seq":2,"ts":1,"from":"Bob","text":"2"}],"more":false}}"#);
    desk.check(&format!(
        r#"past [Bob: 2], > {{"type":"msg","data":{{"room":"den","from":"Ann","to":"public","text":"hello","cid":"{hello}"}}}}"#
    ));
}
