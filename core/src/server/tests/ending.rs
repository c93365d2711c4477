//! How a connection ends.

use super::*;

/// A way for a connection to end.
type Way = fn(&mut Stage);

#[test]
fn close_comes_last_and_once_whatever_happens_afterwards() {
    let stalled = |stage: &mut Stage| {
        stage.network_is_fast = false;
        stage.sent(0, 1);
        stage.wait(30_000);
    };
    let dismissed = |stage: &mut Stage| {
        stage.bytes(&[0; 4]);
        stage.wait(2_000);
    };
    let overflowed = |stage: &mut Stage| stage.tell(Input::Overflow);
    let ends: [(Way, &str); 3] = [
        (overflowed, "close Overflowed"),
        (stalled, "close Stalled"),
        (dismissed, "error frame_empty, finish, close Dismissed(FrameEmpty)"),
    ];
    for (end, expected) in ends {
        let mut stage = Stage::in_lobby();
        end(&mut stage);
        stage.check(expected);
        assert!(!stage.conn.wants_bytes());
        assert_eq!(stage.conn.phase(), None);
        stage.say(LIST);
        stage.tell(Input::Secured);
        stage.sent(1, 0);
        stage.tell(heavy(1));
        stage.tell(Input::Mail(Mail::Farewell(Farewell::ShuttingDown)));
        stage.tell(Input::Mail(Mail::Reply(Reply::LoggedOut)));
        stage.tell(Input::Answer(Ticket(1), Answer::Verified(ann())));
        stage.tell(Input::Overflow);
        stage.tell(Input::Insecure);
        stage.tell(Input::Eof);
        stage.wait(60 * MINUTE);
        stage.check("");
    }
}

#[test]
fn after_a_farewell_nothing_is_said_and_nothing_is_heard() {
    let mut stage = Stage::in_lobby();
    stage.tell(Input::Mail(Mail::Farewell(Farewell::Replaced)));
    stage.check("error replaced, finish");
    assert!(stage.conn.wants_bytes(), "what is still on its way is read and thrown away");
    stage.say_all(&[LIST, CREATE]);
    stage.bytes(&[0; 4]);
    stage.tell(heavy(10));
    stage.tell(Input::Mail(Mail::Farewell(Farewell::ShuttingDown)));
    stage.tell(Input::Insecure);
    stage.check_after(2_000, "close Dismissed(Replaced)");
}

#[test]
fn after_a_farewell_the_end_comes_once_all_is_sent_and_the_client_has_ended_too() {
    for is_sent_first in [true, false] {
        let mut stage = Stage::in_lobby();
        stage.network_is_fast = false;
        stage.tell(Input::Mail(Mail::Farewell(Farewell::ShuttingDown)));
        stage.check("error shutting_down, finish");
        stage.sent(10, 20);
        if is_sent_first {
            stage.sent(20, 0);
            stage.check("");
            stage.tell(Input::Eof);
        } else {
            stage.tell(Input::Eof);
            stage.check("");
            stage.sent(20, 0);
        }
        stage.check("close Dismissed(ShuttingDown)");
    }
}

#[test]
fn what_was_asked_before_the_client_ended_is_answered() {
    let mut stage = Stage::in_lobby();
    stage.network_is_fast = false;
    stage.hub_is_fast = false;
    stage.bytes(&[framed(CREATE), framed(ENTER), vec![0, 0]].concat());
    stage.tell(Input::Eof);
    stage.check("");
    assert!(!stage.conn.wants_bytes());
    stage.hub_is_fast = true;
    stage.run();
    stage.check("create ok, enter ok, list_room ok, finish");
    stage.sent(100, 0);
    stage.check("close Closed");
}

#[test]
fn what_waited_for_the_network_when_the_client_ended_is_answered_also_before_a_login() {
    let mut stage = Stage::with(Limits { outbox_pause_bytes: 1, ..Limits::default() });
    stage.network_is_fast = false;
    stage.say_all(&[LIST, EXIT]);
    stage.tell(Input::Eof);
    stage.check("list wrong_state");
    stage.sent(100, 0);
    stage.check("exit wrong_state");
    stage.sent(100, 0);
    stage.check("finish");
}

#[test]
fn who_hangs_up_while_a_password_is_checked_is_not_waited_for() {
    let mut stage = Stage::new();
    stage.say_all(&[LOGIN, LIST]);
    stage.tell(Input::Eof);
    stage.verified();
    stage.check("ask, finish, close Closed");
    assert_eq!(stage.hub.users(), 0);
}

#[test]
fn a_client_that_ends_before_its_handshake_is_over_is_gone() {
    let mut stage = Stage::before_handshake(Limits::default());
    stage.tell(Input::Eof);
    stage.check("close NoHandshake");
}

#[test]
fn what_is_not_tls_any_more_gets_no_answer() {
    let mut stage = Stage::in_lobby();
    stage.tell(Input::Insecure);
    stage.say(LIST);
    stage.check("finish");
    stage.check_after(2_000, "close NoHandshake");
}

#[test]
fn who_hung_up_before_a_login_is_read_is_not_hashed_for() {
    let mut stage = Stage::in_lobby();
    stage.hub_is_fast = false;
    stage.say_all(&[LOGOUT, LOGIN]);
    stage.tell(Input::Eof);
    stage.hub_is_fast = true;
    stage.run();
    assert!(stage.asked.is_none(), "nobody waits for the answer");
}

#[test]
fn a_closed_connection_has_no_deadline() {
    let mut stage = Stage::in_lobby();
    stage.network_is_fast = false;
    stage.tell(Input::Overflow);
    stage.sent(0, 1);
    assert_eq!(stage.conn.deadline(), None);

    let mut stage = Stage::new();
    assert!(stage.conn.deadline().is_some(), "a login is waited for");
    stage.tell(Input::Overflow);
    assert_eq!(stage.conn.deadline(), None);
}

#[test]
fn who_is_shut_out_is_told_so_and_let_go() {
    let mut stage = Stage::in_lobby();
    stage.tell(Input::Mail(Mail::Farewell(Farewell::Disabled)));
    stage.check("error account_disabled, finish");
    stage.check_after(2_000, "close Dismissed(AccountDisabled)");
}

#[test]
fn each_error_is_counted_as_it_is_given_and_nothing_else_is() {
    let rules = Rules {
        limits: Limits::default(),
        registration: Registration::Open,
        history: false,
        key_of: |name| name.into(),
        look_of: |name| Ok(name.into()),
    };
    let mut conn = Conn::new(Instant::default(), Arc::new(rules));
    conn.handle(Instant::default(), Input::Secured);
    conn.handle(Instant::default(), Input::Bytes(&framed(LIST)));
    conn.handle(Instant::default(), Input::Bytes(&[0; 4]));
    let mut refusals = Vec::new();
    while let Some(output) = conn.poll_output() {
        assert_eq!(conn.refusal().is_some(), matches!(output, Output::Frame(_)));
        refusals.extend(conn.refusal());
    }
    assert_eq!(refusals, [Code::WrongState, Code::FrameEmpty]);
}
