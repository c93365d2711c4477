//! The transcripts as inputs for the fuzz targets: where a search begins.

use std::collections::BTreeSet;

use chatroom_core::frame::PREFIX_BYTES;
use models::hub::{ROOMS, SEATS, USERS};
use serde_json::Value;

use super::script::{OPS, escaped};
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
        let is_of_many = asks_for(transcript, who, "multi");
        let begin = || if is_of_many { lines(&["k"]) } else { vec![] };
        let rest = transcript.steps.iter().flat_map(|step| match step.who == who {
            true => server_lines(&step.act),
            false => bobs_lines(&step.act),
        });
        add("server_conn", story(begin().into_iter().chain(rest)));
        let rest = steps.iter().flat_map(|step| client_lines(&step.act));
        add("client_conn", story(begin().into_iter().chain(rest)));
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
    add("friends", story(transcript.steps.iter().flat_map(|step| friends_lines(transcript, step))));
    add("presences", story(transcript.steps.iter().flat_map(|step| presences_lines(transcript, step))));
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
            let attend = || lines(&["y", "T", "M"]).into_iter();
            let each = requests.iter().flat_map(|json| [line("j", json)].into_iter().chain(attend()));
            lines(&["S"]).into_iter().chain(each).collect()
        }
        Act::Sends(bytes) => {
            let is_one_line = said(act).iter().all(|json| !json.contains(&b'\n'));
            let is_frame = said(act).first().is_some_and(|json| crate::transcript::frame(json) == *bytes);
            let sent = match is_one_line && is_frame {
                true => line("j", &about_bob(&bytes[PREFIX_BYTES..])),
                false => line("b", &escaped(bytes)),
            };
            [vec![sent], lines(&["y", "T", "M", "w300"])].concat()
        }
        Act::SendsPastTls(_) => lines(&["i"]),
        Act::Ends | Act::Leaves => lines(&["e"]),
    }
}

/// A request that is about a friend is about the one who is there.
fn about_bob(json: &[u8]) -> Vec<u8> {
    match friend(json) {
        Some((_, user)) => {
            let text = String::from_utf8_lossy(json);
            text.replace(&Value::from(user).to_string(), r#""bob""#).into_bytes()
        }
        None => json.to_vec(),
    }
}

/// What somebody else does is what this one does.
fn bobs_lines(act: &Act) -> Vec<Vec<u8>> {
    let Act::Sends(_) = act else { return vec![] };
    let done = said(act).into_iter().filter_map(|json| match (friend(&json), state(&json)) {
        (Some((letter, user)), _) => Some(format!("Bf{}{user}", char::from(letter))),
        (None, Some(state)) => Some(format!("Bo{state}")),
        (None, None) => None,
    });
    done.flat_map(|line| [line.into_bytes(), b"T".to_vec(), b"M".to_vec()]).collect()
}

/// What a request does about whom, by its letter.
fn friend(json: &[u8]) -> Option<(u8, String)> {
    let request: Value = serde_json::from_slice(json).ok()?;
    let data = |key: &str| request["data"][key].as_str();
    let (letter, _) = OPS.into_iter().find(|(_, op)| Some(op.as_str()) == data("op"))?;
    (request["type"] == "friend").then_some((letter, data("user")?.to_owned()))
}

/// How somebody says they are, by its number.
fn state(json: &[u8]) -> Option<usize> {
    let request: Value = serde_json::from_slice(json).ok()?;
    let state = ["online", "away", "busy"].iter().position(|state| request["data"]["state"] == *state)?;
    (request["type"] == "presence").then_some(state)
}

/// Whether somebody's hello has that word.
fn asks_for(transcript: &Transcript, who: &str, word: &str) -> bool {
    let theirs = transcript.steps.iter().filter(|step| step.who == who).flat_map(|step| said(&step.act));
    theirs.filter_map(|json| serde_json::from_slice(&json).ok()).any(|request: Value| {
        let caps = request["caps"].as_array().filter(|_| request["type"] == "hello");
        caps.is_some_and(|caps| caps.iter().any(|cap| cap == word))
    })
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
    let seat = seat_of(transcript, step, models::duplex::LINES);
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
    let seat = seat_of(transcript, step, SEATS);
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
    use models::places::{LOGINS, ROOMS, SEATS, USERS};
    let seat = seat_of(transcript, step, SEATS);
    let mut lines: Vec<String> = match &step.act {
        Act::Connects | Act::Opens | Act::Is { .. } => {
            let kind = if asks_for(transcript, &step.who, "multi") { 2 } else { 0 };
            vec![format!("c{seat} {kind}")]
        }
        Act::Leaves => vec![format!("d{seat}")],
        _ => vec![],
    };
    // Where logins last, each has another one.
    let by = if asks_for(transcript, &step.who, "resume") { 1 + seat % LOGINS } else { 0 };
    let settle = ["t7", "v1", "y", "h"].map(str::to_owned);
    for json in said(&step.act) {
        let request: Value = serde_json::from_slice(&json).unwrap_or_default();
        let data = |key: &str| request["data"][key].as_str().unwrap_or_default();
        let room = place(&data("room").to_lowercase(), ROOMS.len());
        lines.push(match (request["type"].as_str().unwrap_or_default(), data("to")) {
            ("login", _) => format!("l{seat} {} {by}", place(data("username"), USERS.len())),
            ("logins", _) => match request["data"]["login"].as_u64() {
                Some(login) => format!("g{seat} {}", login.saturating_sub(1)),
                None => continue,
            },
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

fn friends_lines(transcript: &Transcript, step: &Step) -> Vec<Vec<u8>> {
    use models::friends::{SEATS, USERS};
    let seat = seat_of(transcript, step, SEATS);
    let kind = ["multi", "friends"].iter().filter(|word| asks_for(transcript, &step.who, word)).count();
    let user = |name: &str| place(&name.to_lowercase(), USERS.len());
    let mut lines: Vec<String> = if let Act::Leaves = step.act { vec![format!("d{seat}")] } else { vec![] };
    for json in said(&step.act) {
        let request: Value = serde_json::from_slice(&json).unwrap_or_default();
        let data = |key: &str| request["data"][key].as_str().unwrap_or_default();
        lines.push(match (request["type"].as_str().unwrap_or_default(), friend(&json)) {
            ("login", _) => format!("c{seat} {kind} {}", user(data("username"))),
            ("friend", Some((letter, other))) => format!("{}{seat} {}", char::from(letter), user(&other)),
            ("friend", None) => format!("l{seat}"),
            ("msg", _) if data("to") != "public" => format!("p{seat} {}", user(data("to"))),
            _ => continue,
        });
        lines.extend(["t7", "v1", "y"].map(str::to_owned));
    }
    lines.into_iter().map(String::into_bytes).collect()
}

fn presences_lines(transcript: &Transcript, step: &Step) -> Vec<Vec<u8>> {
    use models::presences::{ROOMS, SEATS, USERS};
    let seat = seat_of(transcript, step, SEATS);
    let kind = ["friends", "presence"].iter().filter(|word| asks_for(transcript, &step.who, word)).count();
    let user = |name: &str| place(&name.to_lowercase(), USERS.len());
    let mut lines: Vec<String> =
        if let Act::Leaves = step.act { vec![format!("d{seat}"), "h".to_owned()] } else { vec![] };
    for json in said(&step.act) {
        let request: Value = serde_json::from_slice(&json).unwrap_or_default();
        let data = |key: &str| request["data"][key].as_str().unwrap_or_default();
        let room = place(&data("room").to_lowercase(), ROOMS.len());
        lines.push(match (request["type"].as_str().unwrap_or_default(), friend(&json), state(&json)) {
            ("login", ..) => format!("c{seat} {kind} {}", user(data("username"))),
            ("friend", Some((letter, other)), _) => {
                format!("{}{seat} {}", char::from(letter), user(&other))
            }
            ("presence", _, Some(state)) => format!("o{seat} {state} {}", data("text").len() % 3),
            ("enter", ..) => format!("e{seat} {room}"),
            ("exit", ..) => format!("q{seat} {room}"),
            ("roster", ..) => format!("l{seat} {room}"),
            _ => continue,
        });
        lines.push("h".to_owned());
    }
    lines.into_iter().map(String::into_bytes).collect()
}

fn seat_of(transcript: &Transcript, step: &Step, seats: usize) -> usize {
    people(transcript).iter().position(|who| *who == step.who).unwrap_or(0) % seats
}

/// A name or a text as one of so many.
fn place(text: &str, count: usize) -> usize {
    text.bytes().map(usize::from).sum::<usize>() % count
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
        "friend" => match data("op")? {
            "request" => format!("befriend {}", data("user")?),
            op => format!("{op} {}", data("user")?),
        },
        "presence" => format!("present {} {}", data("state")?, data("text").unwrap_or_default()),
        "logins" => match request["data"]["login"].as_i64() {
            Some(login) => format!("end {login}"),
            None => "logins".to_owned(),
        },
        "exit" => format!("exit {}", data("room").unwrap_or_default()).trim_end().to_owned(),
        "roster" => format!("look {}", data("room")?),
        "read" => match data("peer") {
            Some(peer) => format!("read @{peer}"),
            None => format!("read {}", data("room")?),
        },
        verb @ ("list" | "logout") => verb.to_owned(),
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
