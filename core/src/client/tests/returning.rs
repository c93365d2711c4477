//! The connection is lost, and the client finds back.

use super::*;

const LOGIN: &str = r#"> {"type":"login","data":{"username":"Ann","password":"1234"}}"#;
const ENTER: &str = r#"> {"type":"enter","data":{"room":"den"}}"#;
const CREATE: &str = r#"> {"type":"create","data":{"room":"den"}}"#;
const NO_SUCH_ROOM: &str =
    r#"{"type":"enter","status":"error","code":"no_such_room","message":"No room den"}"#;
const BUSY: &str =
    r#"{"type":"login","status":"error","code":"busy","message":"Too many logins","retry_ms":1500}"#;

impl Desk {
    /// Logged in with a password, and in a room.
    fn at_home() -> Self {
        let mut desk = Self::logged_in();
        desk.want("enter den");
        desk.hear(ENTERED);
        desk.check(&format!("{ENTER}, entered den"));
        desk
    }

    fn logged_in() -> Self {
        let mut desk = Self::connected();
        desk.want("login Ann 1234");
        desk.hear(LOGGED_IN);
        desk.check(&format!("{LOGIN}, logged in Ann"));
        desk
    }

    fn lose_the_connection(&mut self) {
        self.tell(Input::Closed);
        self.check("disconnected");
        self.tell(Input::Connected);
        self.check(&format!("connected, {HELLO}, {LOGIN}"));
    }

    /// Lost, and as far back as the lobby, with the room asked for.
    fn on_the_way() -> Self {
        let mut desk = Self::at_home();
        desk.lose_the_connection();
        desk.check_hears(LOGGED_IN, ENTER);
        desk
    }
}

#[test]
fn back_to_account_and_room_without_a_question() {
    let mut desk = Desk::on_the_way();
    desk.check_hears(ENTERED, "Ann returned to den");
    desk.lose_the_connection();
}

#[test]
fn who_was_in_the_lobby_comes_back_to_it() {
    let mut desk = Desk::logged_in();
    desk.lose_the_connection();
    desk.check_hears(LOGGED_IN, "Ann returned to the lobby");
}

#[test]
fn who_left_a_room_does_not_come_back_to_it() {
    let mut desk = Desk::at_home();
    desk.want("exit");
    desk.hear(r#"{"type":"exit","status":"ok","message":"Left den"}"#);
    desk.check(r#"> {"type":"exit","data":null}, left"#);
    desk.lose_the_connection();
    desk.check_hears(LOGGED_IN, "Ann returned to the lobby");
}

#[test]
fn who_logged_out_stays_out() {
    let mut desk = Desk::logged_in();
    desk.want("logout");
    desk.hear(r#"{"type":"logout","status":"ok","message":"Ann logged out"}"#);
    desk.check(r#"> {"type":"logout","data":null}, logged out"#);
    desk.tell(Input::Closed);
    desk.tell(Input::Connected);
    desk.check(&format!("disconnected, connected, {HELLO}"));
}

#[test]
fn who_was_replaced_by_another_window_does_not_drive_it_out() {
    let mut desk = Desk::at_home();
    desk.hear(r#"{"type":"error","status":"error","code":"replaced","message":"Logged in elsewhere"}"#);
    desk.tell(Input::Closed);
    desk.tell(Input::Connected);
    desk.check(&format!("notice, replaced (Logged in elsewhere), disconnected, connected, {HELLO}"));
}

#[test]
fn a_room_that_the_server_forgot_is_made_again() {
    let mut desk = Desk::on_the_way();
    desk.check_hears(NO_SUCH_ROOM, CREATE);
    desk.check_hears(r#"{"type":"create","status":"ok","message":"den created successfully"}"#, ENTER);
    desk.check_hears(ENTERED, "Ann returned to den");
}

#[test]
fn a_room_that_another_member_made_again_meanwhile_is_entered() {
    let mut desk = Desk::on_the_way();
    desk.check_hears(r#"{"type":"enter","status":"error","message":"den does not exist"}"#, CREATE);
    desk.check_hears(
        r#"{"type":"create","status":"error","code":"room_exists","message":"den exists"}"#,
        ENTER,
    );
    desk.check_hears(ENTERED, "Ann returned to den");
}

#[test]
fn who_goes_elsewhere_on_the_way_back_is_at_home_there() {
    let there =
        r#"{"type":"enter","status":"ok","message":"Welcome to hut","data":{"username":"Ann","room":"hut"}}"#;
    let no_room = r#"{"type":"create","status":"error","code":"too_many_rooms","message":"no"}"#;
    for (is_refused, unanswered) in [(false, "create"), (true, "enter")] {
        let mut desk = Desk::on_the_way();
        desk.want("enter hut");
        desk.check(r#"> {"type":"enter","data":{"room":"hut"}}"#);
        desk.check_hears(NO_SUCH_ROOM, CREATE);
        if is_refused {
            desk.check_hears(no_room, ENTER);
        }
        desk.check_hears(there, "entered hut");
        desk.tell(Input::Closed);
        desk.check(&format!("{unanswered} unanswered, disconnected"));
        desk.tell(Input::Connected);
        desk.check(&format!("connected, {HELLO}, {LOGIN}"));
        desk.check_hears(LOGGED_IN, r#"> {"type":"enter","data":{"room":"hut"}}"#);
    }
}

#[test]
fn a_room_that_lets_nobody_in_leaves_one_in_the_lobby() {
    let full = r#"{"type":"enter","status":"error","code":"room_full","message":"den is full"}"#;
    let mut desk = Desk::on_the_way();
    desk.check_hears(full, "Ann returned to the lobby");

    let mut desk = Desk::on_the_way();
    desk.check_hears(NO_SUCH_ROOM, CREATE);
    desk.check_hears(r#"{"type":"create","status":"error","code":"too_many_rooms","message":"no"}"#, ENTER);
    desk.check_hears(NO_SUCH_ROOM, "Ann returned to the lobby");
}

#[test]
fn what_a_person_asks_on_the_way_back_is_answered_to_them_and_the_way_goes_on() {
    let taken = r#"{"type":"register","status":"error","code":"name_taken","message":"Taken"}"#;
    let mut desk = Desk::logged_in();
    desk.lose_the_connection();
    desk.want("register Bob 1234");
    desk.log.clear();
    desk.check_hears(taken, "register refused, name_taken (Taken)");
    desk.check_hears(LOGGED_IN, "Ann returned to the lobby");

    let slow = r#"{"type":"list","status":"error","code":"rate_limited","message":"Slow","retry_ms":500}"#;
    let mut desk = Desk::on_the_way();
    for answer in [None, Some(NO_SUCH_ROOM)] {
        answer.inspect(|answer| desk.check_hears(answer, CREATE));
        desk.want("list");
        desk.log.clear();
        desk.check_hears(slow, "list refused, rate_limited for 500 ms (Slow)");
    }
    desk.check_hears(r#"{"type":"create","status":"ok","message":"den created successfully"}"#, ENTER);
    desk.check_hears(ENTERED, "Ann returned to den");
}

#[test]
fn a_server_without_time_for_a_login_is_asked_again() {
    let mut desk = Desk::logged_in();
    desk.lose_the_connection();
    desk.check_hears(BUSY, "");
    desk.wait(1);
    desk.check("");
    desk.wait(1);
    desk.check(LOGIN);
    desk.check_hears(LOGGED_IN, "Ann returned to the lobby");
}

#[test]
fn nobody_is_asked_again_while_there_is_no_connection() {
    let mut desk = Desk::logged_in();
    desk.lose_the_connection();
    desk.check_hears(BUSY, "");
    desk.tell(Input::Closed);
    desk.wait(5);
    desk.check("disconnected");
    desk.tell(Input::Connected);
    desk.check(&format!("connected, {HELLO}, {LOGIN}"));
    desk.check_hears(LOGGED_IN, "Ann returned to the lobby");
    desk.wait(60);
    desk.check("");
}

#[test]
fn a_server_silent_about_a_login_is_asked_again() {
    let mut desk = Desk::logged_in();
    desk.lose_the_connection();
    desk.wait(32);
    desk.check(LOGIN);
}

#[test]
fn a_password_that_holds_no_longer_is_the_persons_business() {
    let refusal = r#"{"type":"login","status":"error","code":"auth_failed","message":"Wrong"}"#;
    let mut desk = Desk::logged_in();
    desk.lose_the_connection();
    desk.check_hears(refusal, "login refused, auth_failed (Wrong)");
    desk.tell(Input::Closed);
    desk.tell(Input::Connected);
    desk.check(&format!("disconnected, connected, {HELLO}"));
}

#[test]
fn a_connection_lost_on_the_way_back_starts_it_over() {
    let mut desk = Desk::on_the_way();
    desk.lose_the_connection();
    desk.check_hears(LOGGED_IN, ENTER);
    desk.check_hears(ENTERED, "Ann returned to den");
}

#[test]
fn a_message_said_on_the_way_back_is_refused_with_its_number() {
    let mut desk = Desk::on_the_way();
    desk.client.handle(desk.now, Input::Command(command("say hello", None)));
    let Some(Output::Event(Event::Refused { said, .. })) = desk.client.poll_output() else {
        panic!("a message said in the lobby is refused");
    };
    assert_eq!(said, Some(7));
}

/// The answer to `login` or `resume` of a server whose logins last.
fn granted(kind: &str, token: &str) -> String {
    format!(
        r#"{{"type":"{kind}","status":"ok","data":{{"username":"Ann","chatroom":"lobby","session":{{"token":"{token}","expires":1790000000123}}}}}}"#
    )
}

fn resume(token: &str) -> String {
    format!(r#"> {{"type":"resume","data":{{"token":"{token}"}}}}"#)
}

/// Logged in, with that token, and lost; the way back begins with it.
fn lost_with(token: &str) -> Desk {
    let mut desk = Desk::connected();
    desk.want("login Ann 1234");
    desk.check(LOGIN);
    desk.check_hears(&granted("login", token), &format!("logged in Ann, Ann may show {token}"));
    desk.lose_and_resume(token);
    desk
}

impl Desk {
    fn lose_and_resume(&mut self, token: &str) {
        self.tell(Input::Closed);
        self.tell(Input::Connected);
        self.check(&format!("disconnected, connected, {HELLO}, {}", resume(token)));
    }
}

#[test]
fn where_logins_last_the_way_back_needs_no_password_and_each_token_is_shown_once() {
    let mut desk = lost_with("one");
    desk.check_hears(&granted("resume", "two"), "Ann may show two, Ann returned to the lobby");
    desk.want("enter den");
    desk.hear(ENTERED);
    desk.check(&format!("{ENTER}, entered den"));
    desk.lose_and_resume("two");
    desk.check_hears(&granted("resume", "three"), &format!("Ann may show three, {ENTER}"));
    desk.check_hears(ENTERED, "Ann returned to den");
    desk.lose_and_resume("three");
    // The answer got lost, so the token is shown again.
    desk.lose_and_resume("three");
}

#[test]
fn a_login_that_has_ended_is_the_persons_business() {
    let mut desk = lost_with("one");
    let refusal = r#"{"type":"resume","status":"error","code":"session_ended","message":"Ended"}"#;
    desk.check_hears(refusal, "resume refused, session_ended (Ended)");
    desk.tell(Input::Closed);
    desk.tell(Input::Connected);
    desk.check(&format!("disconnected, connected, {HELLO}"));
}

#[test]
fn a_server_without_time_for_a_token_is_shown_it_again() {
    let mut desk = lost_with("one");
    let busy = r#"{"type":"resume","status":"error","code":"busy","message":"Later","retry_ms":1500}"#;
    desk.check_hears(busy, "");
    desk.wait(2);
    desk.check(&resume("one"));
    desk.check_hears(&granted("resume", "two"), "Ann may show two, Ann returned to the lobby");
}

#[test]
fn a_server_that_has_much_to_do_is_waited_for_with_the_token_in_hand() {
    let mut desk = lost_with("one");
    let hello =
        r#"{"type":"hello","status":"ok","data":{"caps":["resume"],"server":"x","registration":"open"}}"#;
    desk.check_hears(hello, "greeted by x Some(Open)");
    desk.wait(600);
    desk.check("");
    desk.lose_and_resume("one");
    desk.hear(hello);
    desk.wait(45);
    desk.check("greeted by x Some(Open)");
    desk.check_hears(&granted("resume", "two"), "Ann may show two, Ann returned to the lobby");
    desk.lose_and_resume("two");
}

#[test]
fn a_server_that_knows_no_tokens_any_more_is_the_persons_business() {
    let mut desk = lost_with("one");
    let unknown = r#"{"type":"error","status":"error","code":"unknown_type","message":"No such"}"#;
    desk.check_hears(unknown, "resume refused, unknown_type (No such)");
    desk.check_hears(unknown, "notice, unknown_type (No such)");

    // The original one says nothing to it.
    let mut desk = lost_with("one");
    desk.wait(29);
    desk.check("");
    desk.wait(1);
    desk.check("resume unanswered");
    assert_eq!(desk.client.deadline(), None);
}
