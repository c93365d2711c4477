//! What the original server said, and what this one says to the same.
//!
//! The recordings are replayed step by step. Each direct answer must have the same type, status and data; lists and
//! messages that came unasked are left out, for here they come when something has changed, not after each request.
//! Where this project means to answer otherwise, [`DIFFERENCES`] says so, and a difference that is none any more fails.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use crate::check::{Next, Stage};
use crate::transcript::frame;

/// The two recordings: a version of the original server, and all it said.
pub const RECORDINGS: [(&str, &str); 2] = [
    ("9a44e52", include_str!("../recorded/9a44e52.jsonl")),
    ("head", include_str!("../recorded/head.jsonl")),
];

/// The steps that this project answers otherwise, and why.
pub const DIFFERENCES: &[(&str, &str)] = &[
    ("register ok", "a registration is answered with the name, as a login is"),
    ("register second user", "a registration is answered with the name, as a login is"),
    ("empty text", "a message says something"),
    ("spoofed from, public", "who speaks is known from the session; another name is refused, not relayed"),
    ("spoofed from, private", "who speaks is known from the session; another name is refused, not relayed"),
    ("unknown type in room", UNKNOWN),
    ("unknown type in lobby", UNKNOWN),
    ("unknown type in auth (with credentials)", UNKNOWN),
    ("enter while in a room", WRONG_STATE),
    ("exit in lobby", WRONG_STATE),
    ("msg in lobby", WRONG_STATE),
    ("login while logged in", WRONG_STATE),
    ("register while logged in", WRONG_STATE),
    ("list in auth", WRONG_STATE),
    ("enter in auth", "the original fails and hangs up; here it is answered, as in any wrong state"),
    ("enter without data", "the original keeps silent; here a request without what it needs is told so"),
    ("create with empty room name", "a room has a name"),
    ("list in lobby: emptied rooms stay", "the room without a name does not exist; the others are the same"),
    ("first session: list afterwards", REPLACED),
    ("malformed (auth): JSON null", "the original keeps silent; here a frame that is no object is told so"),
    ("malformed (auth): not JSON", MALFORMED),
    ("malformed (auth): JSON array", MALFORMED),
    ("malformed (auth): missing type", MALFORMED),
    ("malformed (auth): type is a number", MALFORMED),
    ("malformed (auth): data is a list", MALFORMED),
    ("malformed (auth): missing password", MALFORMED),
    (
        "malformed (auth): status is a number",
        "the original fails and hangs up; here a client's `status` is ignored",
    ),
    ("malformed (auth): invalid UTF-8", MALFORMED),
    ("malformed (auth): BOM", MALFORMED),
    ("malformed (auth): lone surrogate username, login", MALFORMED),
];

/// How long a server may take to notice that a connection is lost; far longer than it should.
const PATIENCE: Duration = Duration::from_secs(30);

const UNKNOWN: &str =
    "the original keeps silent; here an unknown type is told so, in a frame that its windows ignore";
const WRONG_STATE: &str =
    "the original keeps silent; here a request in a wrong state is told so, and changes nothing";
const MALFORMED: &str =
    "the original fails and hangs up; here a mistake is told, and the third of a kind hangs up";
const REPLACED: &str =
    "the original breaks both sessions; here the newer one wins, and the older is told and closed";

/// The configuration of a server that recordings are replayed to.
pub fn config() -> Vec<String> {
    // The recorded passwords are short, and their user says more in a second than people do.
    vec!["min-password-chars = 1".into(), "message-rate = 0".into(), "limits.list_rate = 0".into()]
}

/// One line of a recording.
#[derive(Deserialize)]
struct Line {
    step: String,
    conn: String,
    dir: String,
    #[serde(default)]
    raw: String,
    len: Option<usize>,
    event: Option<String>,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Answer { kind: String, status: String, data: Value },
    Silence,
    Closed,
}

/// Replays a recording. The error lists the steps whose outcome is neither the recorded one nor a known difference,
/// and the known differences that are none.
pub fn replay(recording: &str, stage: &mut dyn Stage) -> Result<(), String> {
    let lines: Vec<Line> = recording
        .lines()
        .map(|line| serde_json::from_str(line).map_err(|error| format!("not a recording: {error}: {line}")))
        .collect::<Result<_, _>>()?;
    let mut open = BTreeSet::new();
    // Who is logged in, by connection.
    let mut users = BTreeMap::new();
    let mut faults = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        match (line.dir.as_str(), line.event.as_deref()) {
            ("event", Some(event)) if event.starts_with("connected") => {
                if open.contains(&line.conn) {
                    stage.leave(&line.conn)?;
                }
                stage.connect(&line.conn, true)?;
                open.insert(line.conn.clone());
            }
            ("event", Some(event)) if event.starts_with("client closes") => {
                stage.leave(&line.conn)?;
                open.remove(&line.conn);
                if let Some(user) = users.remove(&line.conn) {
                    await_absence(stage, &users, &user)?;
                }
            }
            ("c2s", _) if open.contains(&line.conn) => {
                let theirs = recorded_outcome(&lines[index..], line);
                let ours = our_outcome(stage, line)?;
                if ours == Outcome::Closed {
                    open.remove(&line.conn);
                    users.remove(&line.conn);
                }
                if let Outcome::Answer { kind, status, data } = &ours
                    && (kind.as_str(), status.as_str()) == ("login", "ok")
                {
                    users.insert(line.conn.clone(), data["username"].as_str().unwrap_or_default().to_owned());
                }
                let is_known = DIFFERENCES.iter().any(|(step, _)| *step == line.step);
                if is_known == (ours == theirs) {
                    faults.push(format!("{}: recorded {theirs:?}, here {ours:?}", line.step));
                }
            }
            _ => {}
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

/// Waits until somebody who is still there does not see `user` any more: a server learns of a lost connection later.
fn await_absence(stage: &mut dyn Stage, users: &BTreeMap<String, String>, user: &str) -> Result<(), String> {
    let Some(witness) = users.keys().next() else { return Ok(()) };
    let give_up_at = Instant::now() + PATIENCE;
    while Instant::now() < give_up_at {
        stage.send(witness, &frame(br#"{"type":"list","rid":"who"}"#))?;
        loop {
            match stage.next(witness)? {
                Next::Closed => return Err(format!("{witness} was closed")),
                Next::Frame(json) if !json.contains(r#""rid":"who""#) => {}
                Next::Frame(json) if json.contains(&format!("{user:?}")) => break,
                Next::Frame(_) => return Ok(()),
            }
        }
    }
    Err(format!("{user} is still there"))
}

/// What the original answered to `request`, which is the first of `lines`.
fn recorded_outcome(lines: &[Line], request: &Line) -> Outcome {
    let kind = kind_of(request);
    let own = lines
        .iter()
        .skip(1)
        .take_while(|line| line.step == request.step)
        .filter(|line| line.conn == request.conn);
    for line in own {
        if line.event.as_deref().is_some_and(|event| event.starts_with("server closed")) {
            return Outcome::Closed;
        }
        let said: Value = serde_json::from_str(&line.raw).unwrap_or_default();
        if line.dir == "s2c" && is_answer(&kind, &said) {
            return outcome(&said);
        }
    }
    Outcome::Silence
}

/// What this project's server answers: everything up to the answer to a request that it knows nothing of.
fn our_outcome(stage: &mut dyn Stage, request: &Line) -> Result<Outcome, String> {
    let kind = kind_of(request);
    let probe = frame(br#"{"type":"probe","rid":"probe"}"#);
    // What came unasked until now is taken before the request, so that it is not mistaken for the answer.
    stage.send(&request.conn, &probe)?;
    loop {
        match stage.next(&request.conn)? {
            Next::Closed => return Ok(Outcome::Closed),
            Next::Frame(json) if json.contains(r#""rid":"probe""#) => break,
            Next::Frame(_) => {}
        }
    }
    stage.send(&request.conn, &frame(&bytes_of(request)))?;
    stage.send(&request.conn, &probe)?;
    let mut found = Outcome::Silence;
    loop {
        let json = match stage.next(&request.conn)? {
            Next::Closed => return Ok(Outcome::Closed),
            Next::Frame(json) => json,
        };
        let json: Value =
            serde_json::from_str(&json).map_err(|error| format!("not JSON: {error}: {json}"))?;
        if json["rid"] == "probe" {
            return Ok(found);
        }
        if found == Outcome::Silence && (is_answer(&kind, &json) || json["type"] == "error") {
            found = outcome(&json);
        }
    }
}

fn outcome(json: &Value) -> Outcome {
    let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
    Outcome::Answer { kind: text("type"), status: text("status"), data: json["data"].clone() }
}

fn kind_of(request: &Line) -> String {
    let json: Value = serde_json::from_str(&request.raw).unwrap_or_default();
    json["type"].as_str().unwrap_or_default().to_owned()
}

/// Whether a frame from the server may be the direct answer to a request of this kind.
fn is_answer(kind: &str, json: &Value) -> bool {
    let answer = json["type"].as_str().unwrap_or_default();
    answer == kind || (kind == "list" && answer == "list_room")
}

/// The recorded bytes. A byte that is not UTF-8 was written down as `\xff`.
fn bytes_of(request: &Line) -> Vec<u8> {
    let raw = request.raw.as_bytes();
    match request.raw.split_once(r"\xff") {
        Some((before, after)) if request.len != Some(raw.len()) => {
            [before.as_bytes(), &[0xff], after.as_bytes()].concat()
        }
        _ => raw.to_vec(),
    }
}
