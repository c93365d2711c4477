//! The transcripts as inputs for the fuzz targets: where a search begins.

use std::collections::BTreeSet;

use chatroom_core::frame::PREFIX_BYTES;
use models::hub::{ROOMS, SEATS, USERS};
use serde_json::Value;

use super::script::escaped;
use crate::check::PASSWORD;
use crate::transcript::{Act, Step, Transcript};

/// An input, and the target it is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seed {
    /// The target's name.
    pub target: &'static str,
    /// The input.
    pub bytes: Vec<u8>,
}

/// What a transcript gives each target; inputs that are long for their length's sake are left out.
pub fn seeds(transcript: &Transcript) -> BTreeSet<Seed> {
    let mut seeds = Vec::new();
    let mut add = |target, bytes: Vec<u8>| seeds.push(Seed { target, bytes });
    for who in people(transcript) {
        let steps: Vec<&Step> = transcript.steps.iter().filter(|step| step.who == who).collect();
        add("frame_decoder", stream(&steps));
        add("server_conn", story(steps.iter().flat_map(|step| server_lines(&step.act))));
        let is_of_many = steps.iter().flat_map(|step| said(&step.act)).any(|json| asks_for_many(&json));
        let begin = if is_of_many { lines(&["k"]) } else { vec![] };
        let rest = steps.iter().flat_map(|step| client_lines(&step.act));
        add("client_conn", story(begin.into_iter().chain(rest)));
        add("tls_pipe", story(steps.iter().flat_map(|step| wire_lines(&step.act))));
    }
    for step in &transcript.steps {
        for json in said(&step.act) {
            names_in(&json).into_iter().for_each(|name| add("names", name.into_bytes()));
            add("message_validation", json);
        }
    }
    add("duplex", story(transcript.steps.iter().flat_map(|step| duplex_lines(transcript, step))));
    add("hub", story(transcript.steps.iter().flat_map(|step| hub_lines(transcript, step))));
    add("places", story(transcript.steps.iter().flat_map(|step| places_lines(transcript, step))));
    for settings in [transcript.config.join("\n"), flags(transcript, "--"), flags(transcript, "CHATROOM_")] {
        add("config", settings.into_bytes());
    }
    seeds.into_iter().filter(|seed| (1..=SEED_BYTES_MAX).contains(&seed.bytes.len())).collect()
}

/// Everybody in a transcript, in the order in which they come.
fn people(transcript: &Transcript) -> Vec<&str> {
    let mut people = Vec::new();
    for step in &transcript.steps {
        if !people.contains(&step.who.as_str()) {
            people.push(&step.who);
        }
    }
    people
}

/// What a step says, as JSON; for somebody who is introduced, all it takes to be there.
fn said(act: &Act) -> Vec<Vec<u8>> {
    match act {
        Act::Sends(bytes) => bytes.get(PREFIX_BYTES..).map(<[u8]>::to_vec).into_iter().collect(),
        Act::Gets(json) => vec![json.replace("<ms>", "1000").into_bytes()],
        Act::Is { user, room } => introduction(user, room.as_deref()),
        Act::Connects | Act::Opens | Act::SendsPastTls(_) | Act::Ends | Act::Leaves | Act::Closed => vec![],
    }
}

fn introduction(user: &str, room: Option<&str>) -> Vec<Vec<u8>> {
    let credentials = |kind: &str| {
        format!(r#"{{"type":"{kind}","data":{{"username":{},"password":"{PASSWORD}"}}}}"#, Value::from(user))
    };
    let enter = room.map(|room| format!(r#"{{"type":"enter","data":{{"room":{}}}}}"#, Value::from(room)));
    let requests = [credentials("register"), credentials("login")].into_iter().chain(enter);
    requests.map(String::into_bytes).collect()
}

fn story(lines: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    lines.collect::<Vec<_>>().join(&b'\n')
}

fn line(verb: &str, rest: &[u8]) -> Vec<u8> {
    [verb.as_bytes(), rest].concat()
}

fn lines(verbs: &[&str]) -> Vec<Vec<u8>> {
    verbs.iter().map(|verb| verb.as_bytes().to_vec()).collect()
}

/// A limit of 4,096, cuts that vary, and all bytes that somebody sends.
fn stream(steps: &[&Step]) -> Vec<u8> {
    let mut stream = vec![2, 11];
    for step in steps {
        match &step.act {
            Act::Sends(bytes) => stream.extend(bytes),
            Act::Is { .. } => {
                said(&step.act).iter().for_each(|json| stream.extend(crate::transcript::frame(json)))
            }
            _ => {}
        }
    }
    stream
}

fn server_lines(act: &Act) -> Vec<Vec<u8>> {
    match act {
        Act::Connects => lines(&["S"]),
        Act::Opens | Act::Gets(_) | Act::Closed => vec![],
        Act::Is { user, room } => {
            let requests = introduction(user, room.as_deref());
            let each = requests.iter().flat_map(|json| [line("j", json), line("y", b""), line("M", b"")]);
            lines(&["S"]).into_iter().chain(each).collect()
        }
        Act::Sends(bytes) => {
            let is_one_line = said(act).iter().all(|json| !json.contains(&b'\n'));
            let is_frame = said(act).first().is_some_and(|json| crate::transcript::frame(json) == *bytes);
            let sent = match is_one_line && is_frame {
                true => line("j", &bytes[PREFIX_BYTES..]),
                false => line("b", &escaped(bytes)),
            };
            [vec![sent], lines(&["y", "M", "w300"])].concat()
        }
        Act::SendsPastTls(_) => lines(&["i"]),
        Act::Ends | Act::Leaves => lines(&["e"]),
    }
}

/// Whether that is a hello of who wants to take part in many rooms.
fn asks_for_many(json: &[u8]) -> bool {
    json.windows(HELLO_OF_MANY.len()).any(|part| part == HELLO_OF_MANY)
}

fn client_lines(act: &Act) -> Vec<Vec<u8>> {
    match act {
        Act::Connects => lines(&["C"]),
        Act::Opens | Act::SendsPastTls(_) | Act::Ends => vec![],
        Act::Is { user, room } => {
            let name = Value::from(user.as_str());
            let place =
                format!(r#""status":"ok","message":"","data":{{"username":{name},"chatroom":"lobby"}}}}"#);
            let answers = [
                Some(format!(r#"{{"type":"register",{place}"#)),
                Some(format!(r#"{{"type":"login",{place}"#)),
                room.as_deref().map(|room| {
                    let room = Value::from(room);
                    format!(r#"{{"type":"enter","status":"ok","data":{{"username":{name},"room":{room}}}}}"#)
                }),
            ];
            let wanted = introduction(user, room.as_deref()).into_iter().filter_map(|json| words(&json));
            let each = wanted.zip(answers.into_iter().flatten());
            let each =
                each.flat_map(|(words, answer)| [line("c", words.as_bytes()), line("j", answer.as_bytes())]);
            lines(&["C"]).into_iter().chain(each).collect()
        }
        Act::Sends(_) => {
            said(act).iter().filter_map(|json| words(json)).map(|words| command(&words)).collect()
        }
        Act::Gets(_) => said(act).iter().map(|json| line("j", json)).collect(),
        Act::Leaves | Act::Closed => lines(&["X"]),
    }
}

fn wire_lines(act: &Act) -> Vec<Vec<u8>> {
    match act {
        Act::Connects => lines(&["m", "M", "m"]),
        Act::Opens => vec![],
        Act::Is { .. } => {
            let each = said(act).into_iter().flat_map(|json| [line("s", &escaped(&json)), line("m", b"")]);
            lines(&["m", "M", "m"]).into_iter().chain(each).collect()
        }
        Act::Sends(_) => {
            said(act).iter().map(|json| line("s", &escaped(json))).chain(lines(&["m"])).collect()
        }
        Act::Gets(_) => said(act).iter().map(|json| line("S", json)).chain(lines(&["M"])).collect(),
        Act::SendsPastTls(bytes) => vec![line("b", &escaped(bytes)), line("m", b"")],
        Act::Ends | Act::Leaves => lines(&["c", "m"]),
        Act::Closed => lines(&["C", "M"]),
    }
}

fn duplex_lines(transcript: &Transcript, step: &Step) -> Vec<Vec<u8>> {
    let seat =
        people(transcript).iter().position(|who| *who == step.who).unwrap_or(0) % models::duplex::LINES;
    let wanted: Vec<String> = match &step.act {
        Act::Sends(_) | Act::Is { .. } => said(&step.act).iter().filter_map(|json| words(json)).collect(),
        Act::Leaves => return vec![format!("h{seat}").into_bytes()],
        _ => return vec![],
    };
    let attend = || [format!("t{seat}"), format!("a{seat}"), format!("a{seat}"), format!("t{seat}")];
    let each = wanted.iter().flat_map(|words| {
        let escaped = String::from_utf8_lossy(&escaped(words.as_bytes())).into_owned();
        [vec![format!("c{seat} {escaped}")], attend().to_vec()].concat()
    });
    each.map(String::into_bytes).collect()
}

fn hub_lines(transcript: &Transcript, step: &Step) -> Vec<Vec<u8>> {
    let seat = people(transcript).iter().position(|who| *who == step.who).unwrap_or(0) % SEATS;
    let place = |text: &str, count: usize| text.bytes().map(usize::from).sum::<usize>() % count;
    let mut lines: Vec<String> = Vec::new();
    match &step.act {
        Act::Connects | Act::Opens | Act::Is { .. } => lines.push(format!("c{seat}")),
        Act::Leaves => lines.push(format!("d{seat}")),
        _ => {}
    }
    for words in said(&step.act).iter().filter_map(|json| words(json)) {
        let (verb, rest) = words.split_once(' ').unwrap_or((&words, ""));
        let name = rest.split(' ').next().unwrap_or_default();
        lines.push(match verb {
            "login" => format!("l{seat} {}", place(name, USERS.len())),
            "create" => format!("m{seat} {}", place(rest, ROOMS.len())),
            "enter" => format!("e{seat} {}", place(rest, ROOMS.len())),
            "say" => format!("s{seat}"),
            "whisper" => format!("p{seat} {}", place(name, USERS.len())),
            "list" => format!("?{seat}"),
            "exit" => format!("x{seat}"),
            "logout" => format!("o{seat}"),
            _ => "w300".to_owned(),
        });
    }
    lines.into_iter().map(String::into_bytes).collect()
}

fn places_lines(transcript: &Transcript, step: &Step) -> Vec<Vec<u8>> {
    use models::places::{ROOMS, SEATS, USERS};
    let seat = people(transcript).iter().position(|who| *who == step.who).unwrap_or(0) % SEATS;
    let says_many = |json: &Vec<u8>| String::from_utf8_lossy(json).contains(r#""multi""#);
    let is_device = || {
        let theirs = transcript.steps.iter().filter(|other| other.who == step.who);
        theirs.flat_map(|step| said(&step.act)).any(|json| says_many(&json))
    };
    let mut lines: Vec<String> = match &step.act {
        Act::Connects | Act::Opens | Act::Is { .. } => {
            vec![format!("c{seat} {}", if is_device() { 2 } else { 0 })]
        }
        Act::Leaves => vec![format!("d{seat}")],
        _ => vec![],
    };
    let place = |text: &str, count: usize| text.bytes().map(usize::from).sum::<usize>() % count;
    let settle = ["t7", "v1", "y", "h"].map(str::to_owned);
    for json in said(&step.act) {
        let request: Value = serde_json::from_slice(&json).unwrap_or_default();
        let data = |key: &str| request["data"][key].as_str().unwrap_or_default();
        let room = place(&data("room").to_lowercase(), ROOMS.len());
        lines.push(match (request["type"].as_str().unwrap_or_default(), data("to")) {
            ("login", _) => format!("l{seat} {}", place(data("username"), USERS.len())),
            ("list" | "rooms", _) => format!("?{seat}"),
            ("roster", _) => format!("r{seat} {room}"),
            ("create", _) => format!("m{seat} {room}"),
            ("enter", _) => format!("e{seat} {room}"),
            ("exit", _) => format!("x{seat} {room}"),
            ("msg", "public") => format!("s{seat} {room}"),
            ("msg", to) => format!("p{seat} {}", place(to, USERS.len())),
            ("read", _) if !data("peer").is_empty() => {
                let peer = place(data("peer"), USERS.len());
                format!("N{seat} {peer} {}", request["data"]["seq"].as_u64().unwrap_or_default())
            }
            ("read", _) => format!("n{seat} {room} {}", request["data"]["seq"].as_u64().unwrap_or_default()),
            ("logout", _) => format!("o{seat}"),
            _ => "w300".to_owned(),
        });
        lines.extend(settle.clone());
    }
    lines.into_iter().map(String::into_bytes).collect()
}

fn command(words: &str) -> Vec<u8> {
    line("c", &escaped(words.as_bytes()))
}

/// A request in the words of [`models::words`].
fn words(json: &[u8]) -> Option<String> {
    let request: Value = serde_json::from_slice(json).ok()?;
    let data = |key: &str| request["data"][key].as_str();
    Some(match request["type"].as_str()? {
        verb @ ("register" | "login") => format!("{verb} {} {}", data("username")?, data("password")?),
        verb @ ("create" | "enter") => format!("{verb} {}", data("room")?),
        "msg" if data("to") == Some("public") => format!("say {}", data("text")?),
        "msg" => format!("whisper {} {}", data("to")?, data("text")?),
        verb @ ("list" | "exit" | "logout") => verb.to_owned(),
        _ => return None,
    })
}

/// Every text that stands where a name does.
fn names_in(json: &[u8]) -> Vec<String> {
    let Ok(value) = serde_json::from_slice::<Value>(json) else { return vec![] };
    let names = ["username", "room", "to", "from"].map(|key| value["data"][key].as_str().map(str::to_owned));
    names.into_iter().flatten().collect()
}

/// A transcript's settings as flags or variables, those that can be.
fn flags(transcript: &Transcript, prefix: &str) -> String {
    let settings = transcript.config.iter().filter_map(|line| line.split_once(" = "));
    let flags = settings.filter(|(name, _)| !name.contains('.')).map(|(name, value)| {
        let name = match prefix {
            "--" => name.to_owned(),
            _ => name.replace('-', "_").to_ascii_uppercase(),
        };
        format!("{prefix}{name}={}", value.trim_matches(['"', '[', ']']).replace("\", \"", ","))
    });
    flags.collect::<Vec<_>>().join("\n")
}

/// Longer ones slow the search down, and are in the transcripts for their length alone.
const SEED_BYTES_MAX: usize = 2048;

/// What is in a hello of who wants to take part in many rooms, and in no other.
const HELLO_OF_MANY: &[u8] = br#""multi""#;
