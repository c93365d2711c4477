//! What the original server was recorded to say, as this client understands it.

use serde_json::Value;

use super::*;

/// Replays what an original server was recorded to say, with the same commands as far as this client has them, and
/// returns what each step of one connection came to, the requests themselves left out.
fn replay(recording: &str, conn: &str) -> Vec<(String, String)> {
    let mut desk = Desk::connected();
    let mut steps: Vec<(String, String)> = vec![];
    for line in recording.lines() {
        // Half a surrogate pair, which one step tried on the server, is nothing this client could send.
        let Ok(record) = serde_json::from_str::<Value>(line) else { continue };
        let raw = record["raw"].as_str().unwrap_or_default();
        if record["conn"] != conn {
            continue;
        }
        if record["dir"] == "s2c" {
            desk.hear(raw);
        } else if record["dir"] == "c2s" {
            let data = |key: &str| record["json"]["data"][key].as_str().unwrap_or_default();
            let words = match record["json"]["type"].as_str().unwrap_or_default() {
                verb @ ("register" | "login") => format!("{verb} {} {}", data("username"), data("password")),
                verb @ ("create" | "enter") => format!("{verb} {}", data("room")),
                "msg" if data("to") == "public" => format!("say {}", data("text")),
                "msg" => format!("whisper {} {}", data("to"), data("text")),
                verb @ ("list" | "exit" | "logout") => verb.into(),
                _ => String::new(),
            };
            if !words.is_empty() && !words.contains("  ") && !words.ends_with(' ') {
                desk.want(&words);
            }
        }
        let step = record["step"].as_str().unwrap();
        let news = mem::take(&mut desk.log).into_iter().filter(|line| !line.starts_with("> "));
        let news = news.collect::<Vec<_>>().join(", ");
        match steps.last_mut().filter(|(last, _)| last == step) {
            Some((_, all)) if news.is_empty() || all.is_empty() => all.push_str(&news),
            Some((_, all)) => *all = format!("{all}, {news}"),
            None => steps.push((step.into(), news)),
        }
    }
    steps
}

#[test]
fn the_original_server_is_understood() {
    let newer = include_str!("../../../../testkit/recorded/head.jsonl");
    let [ann, bob] = ["a", "b"].map(|conn| replay(newer, conn));
    for (steps, step, expected) in [
        (&ann, "register ok", "registered"),
        (&bob, "register duplicate", "register refused, no code (Username already in use, try another one)"),
        (&ann, "login wrong password", "login refused, no code (Invalid password)"),
        (&ann, "login ok", "logged in harper, rooms [lobby: harper; example: ]"),
        (&ann, "second user logs in", "rooms [lobby: harper casey; example: ]"),
        (
            &ann,
            "create room ok",
            "created (tech_talk created successfully), rooms [lobby: harper casey; example: ; tech_talk: ], \
             rooms [lobby: harper casey; example: ; tech_talk: ]",
        ),
        (&ann, "enter room ok", "entered tech_talk, members [tech_talk: harper]"),
        (
            &ann,
            "private message to unknown user",
            "msg refused, no code (nobody not in tech_talk), members [tech_talk: harper]",
        ),
        (
            &ann,
            "private message ok",
            "harper (own) [with casey]: a secret, members [tech_talk: harper casey]",
        ),
        (&bob, "private message ok", "harper [with harper]: a secret, members [tech_talk: harper casey]"),
        (&bob, "unicode text", "casey (own): héllo 你好 😀 \u{202e}, members [tech_talk: harper casey]"),
        (&bob, "exit ok", "left, rooms [lobby: casey; example: ; tech_talk: harper]"),
        (&bob, "logout ok", "logged out"),
    ] {
        let found = steps.iter().find(|(name, _)| name == step).expect(step);
        assert_eq!(found.1, expected, "{step}");
    }
}

#[test]
fn nothing_an_original_server_was_recorded_to_say_is_a_fault() {
    let recordings = [
        include_str!("../../../../testkit/recorded/9a44e52.jsonl"),
        include_str!("../../../../testkit/recorded/head.jsonl"),
    ];
    for recording in recordings {
        for conn in ["a", "b", "c", "m"] {
            for (step, news) in replay(recording, conn) {
                assert!(!news.contains("server fault"), "{step}: {news}");
            }
        }
    }
}

#[test]
fn what_is_meant_for_one_room_is_not_said_in_another() {
    let say = |room: &str| Command::Say {
        to: Conversation::Room(RoomName::parse(room).unwrap()),
        text: Text::try_from("psst").unwrap(),
        id: 7,
        cid: None,
    };
    let mut desk = Desk::in_room();
    desk.tell(Input::Command(say("attic")));
    desk.check("msg refused, no code (You are not in that room)");
    // However it is spelled.
    desk.tell(Input::Command(say("DEN")));
    desk.check(r#"> {"type":"msg","data":{"from":"Ann","to":"public","text":"psst"}}"#);
}

#[test]
fn nothing_happens_where_one_looks_who_is_in_one_room_alone() {
    for mut desk in [Desk::default(), Desk::connected(), Desk::in_lobby(), Desk::in_room()] {
        desk.tell(Input::Command(Command::Look(den())));
        desk.tell(Input::Command(Command::Read(den(), 7)));
        desk.check("");
    }
}
