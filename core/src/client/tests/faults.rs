//! A server that breaks the protocol, and streams of bytes of any kind.

use proptest::prelude::*;

use super::*;
use crate::limits::SERVER_FRAME_BYTES_MAX;

#[test]
fn a_server_that_breaks_the_protocol_is_left_at_once_and_for_one_reason() {
    let too_large = u32::try_from(SERVER_FRAME_BYTES_MAX + 1).unwrap().to_be_bytes();
    let mut faults = vec![vec![0; 4], too_large.to_vec(), vec![0, 0, 0, 1, 0xff]];
    faults.extend(
        [
            "hello",
            "[]",
            "{}",
            r#"{"type":7,"status":"ok"}"#,
            r#"{"type":"list","status":"ok","data":[]}"#,
            r#"{"type":"list","status":"ok"}"#,
            r#"{"type":"list","status":"ok","data":{"lobby":"ann"}}"#,
            r#"{"type":"list","status":"ok","data":{"lobby":[1]}}"#,
            r#"{"type":"list","status":"ok","data":{"lobby":[],"lobby":[]}}"#,
            r#"{"type":"list_room","status":"ok","data":[["den","ann"]]}"#,
            r#"{"type":"login","status":"ok","data":[]}"#,
            r#"{"type":"login","status":"ok","data":{"chatroom":"lobby"}}"#,
            r#"{"type":"login","status":"ok","data":{"username":7}}"#,
            r#"{"type":"login","status":"ok","status":"ok","data":{"username":"ann"}}"#,
            r#"{"type":"enter","status":"ok","data":{"username":"ann"}}"#,
            r#"{"type":"enter","status":"ok","data":{"room":"den"}}"#,
            r#"{"type":"msg","status":"ok","data":{"from":"ann","text":"hi"}}"#,
            r#"{"type":"msg","status":"ok","data":{"to":"public","from":"ann","text":null}}"#,
            r#"{"a":[[[[[[[[]]]]]]]],"type":"dance"}"#,
        ]
        .map(framed),
    );
    for mut bytes in faults {
        let fault = String::from_utf8_lossy(&bytes).into_owned();
        bytes.extend_from_slice(&framed(LOGGED_IN));
        bytes.extend_from_slice(&[0; 4]);
        let mut desk = Desk::in_lobby();
        desk.want("list");
        desk.log.clear();
        desk.tell(Input::Bytes(&bytes));
        assert_eq!(desk.log.join(", "), "list unanswered, server fault, close", "{fault}");
        desk.log.clear();
        desk.hear(LOGGED_IN);
        desk.tell(Input::Closed);
        desk.wait(60);
        desk.check("");
    }
}

#[test]
fn an_answer_that_nobody_can_have_asked_for_is_passed_over() {
    let left = r#"{"type":"exit","status":"ok"}"#;
    let created = r#"{"type":"create","status":"ok"}"#;
    let logged_out = r#"{"type":"logout","status":"ok"}"#;
    let registered = r#"{"type":"register","status":"ok"}"#;
    let rooms = r#"{"type":"list","status":"ok","data":{"lobby":[]}}"#;
    let refused = LOGGED_IN.replace("ok", "error");
    for (desk, answers) in [
        (
            Desk::connected as fn() -> Desk,
            &[ENTERED, left, created, logged_out, rooms, &msg("public", "bob", "hi")][..],
        ),
        (Desk::in_lobby, &[LOGGED_IN, left, registered, &refused, &msg("public", "bob", "hi")]),
        (Desk::in_room, &[LOGGED_IN, ENTERED, created, logged_out, registered, &refused]),
    ] {
        for answer in answers {
            let mut desk = desk();
            let phase = desk.client.phase();
            desk.check_hears(answer, "");
            assert_eq!(desk.client.phase(), phase, "{answer}");
        }
    }
}

#[test]
fn a_late_answer_still_counts_where_it_could_be_asked_for() {
    let mut desk = Desk::in_lobby();
    desk.want("enter den");
    desk.wait(30);
    desk.log.clear();
    desk.check_hears(ENTERED, "entered den");
}

#[test]
fn the_largest_list_is_no_fault() {
    let mut desk = Desk::in_lobby();
    let list = r#"{"type":"list","status":"ok","data":{}}"#;
    let padding = " ".repeat(SERVER_FRAME_BYTES_MAX - list.len());
    desk.check_hears(&format!("{list}{padding}"), "rooms []");
}

fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        framed(LOGGED_IN),
        framed(ENTERED),
        framed(&msg("public", "Ann", "hi")),
        framed(&msg("Ann", "Ann", "psst")),
        framed(r#"{"type":"list","status":"ok","message":null,"data":{"lobby":["Ann"]}}"#),
        framed(r#"{"type":"exit","status":"ok"}"#),
        framed(r#"{"type":"error","status":"error","message":"x"}"#),
        framed(r#"{"type":"list","status":"ok","data":[]}"#),
    ]);
    let spoiled =
        (known.clone(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut frame, at, byte)| {
            let at = at.index(frame.len());
            frame[at] = byte;
            frame
        });
    prop_oneof![8 => known, 1 => spoiled, 1 => prop::collection::vec(any::<u8>(), 0..20)]
}

proptest! {
    #[test]
    fn any_split_of_what_a_server_says_gives_the_same_events_and_the_last_is_the_end(
        frames in prop::collection::vec(any_frame(), 0..12),
        cuts in prop::collection::vec(1..60usize, 1..40),
    ) {
        let asked = || {
            let mut desk = Desk::in_room();
            desk.want("whisper bob psst");
            desk.want("list");
            desk
        };
        let stream = frames.concat();
        let mut whole = asked();
        whole.tell(Input::Bytes(&stream));

        let mut split = asked();
        let mut rest = &stream[..];
        for cut in cuts.iter().cycle() {
            let (now, later) = rest.split_at(rest.len().min(*cut));
            split.tell(Input::Bytes(now));
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(&split.log, &whole.log);

        let ends = whole.log.iter().filter(|line| *line == "server fault" || *line == "close").count();
        prop_assert!(ends == 0 || ends == 2 && whole.log.ends_with(&["server fault".into(), "close".into()]));
    }
}
