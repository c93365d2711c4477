//! A person talks faster than the server takes it.

use proptest::prelude::*;

use super::*;

const IN_2_S: &str =
    r#"{"type":"msg","status":"error","message":"Too fast","code":"rate_limited","retry_ms":2000}"#;
const NOT_HERE: &str = r#"{"type":"msg","status":"error","message":"No bob","code":"not_in_room"}"#;

fn said(text: &str) -> String {
    format!(r#"> {{"type":"msg","data":{{"from":"Ann","to":"public","text":"{text}"}}}}"#)
}

/// In a room, and the server has said of the first message that it came too soon.
fn held() -> Desk {
    let mut desk = Desk::in_room();
    desk.want("say 1");
    desk.check(&said("1"));
    desk.check_hears(IN_2_S, "");
    desk
}

#[test]
fn a_message_that_came_too_soon_is_sent_again_when_it_is_time() {
    let mut desk = held();
    desk.wait(1);
    desk.check("");
    desk.wait(1);
    desk.check(&said("1"));
    desk.check_hears(IN_2_S, "");
    desk.wait(2);
    desk.check(&said("1"));
    desk.check_hears(&msg("public", "Ann", "1"), "Ann (own): 1");
    assert_eq!((desk.client.deadline(), desk.client.unsaid()), (None, 0));
}

#[test]
fn nothing_but_messages_is_sent_again() {
    let mut desk = Desk::in_room();
    desk.want("list");
    desk.log.clear();
    desk.check_hears(
        &IN_2_S.replace("msg", "list_room"),
        "list refused, rate_limited for 2000 ms (Too fast)",
    );
    assert_eq!((desk.client.deadline(), desk.client.unsaid()), (None, 0));
}

#[test]
fn what_is_said_after_it_waits_behind_it_and_nothing_else_does() {
    let mut desk = held();
    desk.want("say 2");
    desk.want("whisper bob 3");
    desk.check("");
    desk.want("list");
    desk.check(r#"> {"type":"list","data":null}"#);
    desk.check_hears(&msg("public", "bob", "hi"), "bob: hi");
    assert_eq!(desk.client.unsaid(), 3);
    desk.wait(2);
    desk.check(&said("1"));
    assert_eq!(desk.client.unsaid(), 3, "one is on its way, two wait for it");
    desk.check_hears(&msg("public", "Ann", "1"), &format!("Ann (own): 1, {}", said("2")));
    let third = r#"> {"type":"msg","data":{"from":"Ann","to":"bob","text":"3"}}"#;
    desk.check_hears(&msg("public", "Ann", "2"), &format!("Ann (own): 2, {third}"));
}

#[test]
fn a_message_waits_for_the_answer_to_the_last_one() {
    let mut desk = Desk::in_room();
    desk.want("whisper bob 1");
    desk.log.clear();
    desk.want("say 2");
    desk.check("");
    desk.check_hears(NOT_HERE, &format!("msg refused, not_in_room (No bob), {}", said("2")));
    desk.want("say 3");
    desk.wait(30);
    desk.check(&format!("msg unanswered, {}", said("3")));
}

#[test]
fn who_leaves_the_room_sends_what_waits_before_and_hears_what_was_not_taken() {
    let mut desk = held();
    desk.want("say 2");
    desk.want("exit");
    desk.check(&format!(r#"{}, {}, > {{"type":"exit","data":null}}"#, said("1"), said("2")));
    desk.check_hears(IN_2_S, "msg refused, rate_limited for 2000 ms (Too fast)");
    desk.check_hears(&msg("public", "Ann", "2"), "Ann (own): 2");
    desk.want("say 3");
    desk.check("");
    desk.check_hears(
        r#"{"type":"exit","status":"ok","message":"Left den"}"#,
        "msg refused, no code (You left the room before this was sent), left",
    );
    assert_eq!(desk.client.deadline(), None);
}

#[test]
fn when_the_connection_is_lost_it_is_told_what_was_not_sent_and_what_may_have_been() {
    let mut desk = Desk::in_room();
    desk.want("say 1");
    desk.want("say 2");
    desk.log.clear();
    desk.tell(Input::Closed);
    let lost = "msg refused, no code (The connection was lost before this was sent)";
    desk.check(&format!("msg unanswered, {lost}, disconnected"));
    let mut desk = held();
    desk.tell(Input::Closed);
    desk.check(&format!("{lost}, disconnected"));
    assert_eq!(desk.client.deadline(), None);
}

#[test]
fn no_more_wait_than_a_hundred() {
    let mut desk = held();
    for _ in 0..99 {
        desk.want("say more");
    }
    desk.check("");
    desk.want("say too much");
    desk.check("msg refused, no code (Too many messages wait to be sent, say this again later)");
    assert_eq!(desk.client.unsaid(), 100);
}

#[test]
fn a_pause_that_nobody_would_wait_for_is_told() {
    let mut desk = Desk::in_room();
    desk.want("say 1");
    desk.log.clear();
    let tomorrow = IN_2_S.replace("2000", "86400000");
    desk.check_hears(&tomorrow, "msg refused, rate_limited for 86400000 ms (Too fast)");
    desk.want("say in a minute");
    desk.log.clear();
    desk.check_hears(&IN_2_S.replace("2000", "60000"), "");
    desk.wait(60);
    desk.check(&said("in a minute"));
    desk.check_hears(&msg("public", "Ann", "in a minute"), "Ann (own): in a minute");
    desk.want("say 2");
    desk.check(&said("2"));
    // And one that is no pause at all does not make the client ask without end.
    desk.check_hears(&IN_2_S.replace("2000", "0"), "");
    assert_eq!(desk.client.deadline(), Some(desk.now + Duration::from_millis(100)));
}

/// What a hostile server may do to a client with something to say.
#[test]
fn a_server_that_moves_the_client_elsewhere_leaves_no_deadline_behind() {
    let mut desk = held();
    // Nobody in a room can have asked for these.
    desk.check_hears(LOGGED_IN, "");
    desk.check_hears(r#"{"type":"logout","status":"ok","message":"bye"}"#, "");
    desk.check_hears(
        r#"{"type":"exit","status":"ok","message":"Left den"}"#,
        "msg refused, no code (You left the room before this was sent), left",
    );
    assert_eq!(desk.client.deadline(), None);
}

/// What happens next between a person who talks and a server that answers one request after the other.
#[derive(Clone, Debug)]
enum Turn {
    Say,
    Answer { is_taken: bool, retry_ms: u64 },
    Wait { seconds: u64 },
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        3 => Just(Turn::Say),
        3 => (any::<bool>(), 0..3_000_u64).prop_map(|(is_taken, retry_ms)| Turn::Answer { is_taken, retry_ms }),
        1 => (0..3_u64).prop_map(|seconds| Turn::Wait { seconds }),
    ]
}

proptest! {
    /// However the server takes and refuses, and however late its answers come.
    #[test]
    fn messages_are_taken_in_the_order_in_which_they_were_said_and_none_is_lost(
        turns in prop::collection::vec(turn(), 0..80),
    ) {
        let mut desk = Desk::in_room();
        let (mut said, mut taken) = (0, vec![]);
        let mut on_its_way = vec![];
        let mut silent_seconds = 0;
        let the_end = (0..300).map(|turn| match turn % 2 {
            0 => Turn::Wait { seconds: 3 },
            _ => Turn::Answer { is_taken: true, retry_ms: 0 },
        });
        for turn in turns.into_iter().chain(the_end) {
            match turn {
                Turn::Say => {
                    desk.want(&format!("say {said}"));
                    said += 1;
                }
                Turn::Answer { is_taken, retry_ms } if !on_its_way.is_empty() => {
                    let text: String = on_its_way.remove(0);
                    silent_seconds = 0;
                    if is_taken {
                        desk.hear(&msg("public", "Ann", &text));
                        taken.push(text);
                    } else {
                        desk.hear(&IN_2_S.replace("2000", &format!("{retry_ms}")));
                    }
                }
                Turn::Answer { .. } => {}
                // Longer than this means to the client that no answer will come.
                Turn::Wait { seconds } if silent_seconds + seconds < 30 => {
                    silent_seconds += seconds;
                    desk.wait(seconds);
                }
                Turn::Wait { .. } => {}
            }
            for line in mem::take(&mut desk.log) {
                prop_assert!(!line.contains("refused"), "{}", line);
                if let Some(request) = line.strip_prefix("> ") {
                    let text = request.rsplit_once(r#""text":""#).unwrap().1.trim_end_matches(['"', '}']);
                    on_its_way.push(text.into());
                }
            }
            prop_assert!(on_its_way.len() <= 1);
        }
        prop_assert_eq!(taken, (0..said).map(|number| format!("{number}")).collect::<Vec<_>>());
        prop_assert_eq!((desk.client.deadline(), desk.client.unsaid()), (None, 0));
    }
}
