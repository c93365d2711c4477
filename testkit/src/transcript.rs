//! Conversations as text.
//!
//! ```text
//! # A name is taken in every spelling.
//! with limits.frame_ms_max = 200
//! a connects
//! a > {"type":"register","data":{"username":"harper","password":"1234"}}
//! a < {"type":"register","status":"ok",…}
//! b is casey in example
//! a leaves
//! b closed
//! ```
//!
//! * `# …` is for the reader; the first one says what the conversation shows.
//! * `with KEY = VALUE` is a line of the server's configuration file.
//! * `NAME connects`: a new connection, its handshake done. `NAME opens` is one without.
//! * `NAME is USER [in ROOM]`: connects, registers, logs in and perhaps enters, and takes what is answered.
//! * `NAME > JSON` is a frame to the server; `NAME bytes HEX` are plain bytes of any kind; `NAME wire HEX` are bytes
//!   past TLS.
//! * `NAME < JSON` is a frame from the server, to the letter. `<ms>` stands for any number there, after `"retry_ms":`,
//!   `"expires":`, `"ts":`, `"begun":`, `"used":` or `"ends":`, and `"token":"<token one>"` for any token, which `<token one>` stands for in frames to the server
//!   that follow.
//! * `NAME ends`: the client says that it sends no more. `NAME leaves`: it closes. `NAME closed`: the server did.
//!
//! In both directions `<x*4096>` stands for 4096 times `x`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A conversation.
#[derive(Clone, Debug)]
pub struct Transcript {
    /// What it shows.
    pub title: String,
    /// Lines of the configuration file, keys dotted.
    pub config: Vec<String>,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// One line of a conversation.
#[derive(Clone, Debug)]
pub struct Step {
    /// The line's number in the text, from 1.
    pub line: usize,
    /// Whose line it is.
    pub who: String,
    /// What happens.
    pub act: Act,
}

/// What happens in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// A connection, its handshake done.
    Connects,
    /// A connection that says nothing.
    Opens,
    /// Somebody who is logged in, and perhaps in a room.
    Is {
        /// The user's name; the password is the same for everybody.
        user: String,
        /// The room, if not the lobby.
        room: Option<String>,
    },
    /// Plain bytes to the server; a frame with its prefix, or anything else.
    Sends(Vec<u8>),
    /// Bytes that are not sealed.
    SendsPastTls(Vec<u8>),
    /// A frame from the server, without its prefix.
    Gets(String),
    /// The client sends no more.
    Ends,
    /// The client closes.
    Leaves,
    /// The server closes.
    Closed,
}

impl Transcript {
    /// Reads a conversation. The error says which line is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut transcript = Self { title: String::new(), config: Vec::new(), steps: Vec::new() };
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim_end();
            if let Some(comment) = line.strip_prefix('#') {
                if transcript.title.is_empty() {
                    transcript.title = comment.trim().to_owned();
                }
            } else if let Some(setting) = line.strip_prefix("with ") {
                transcript.config.push(setting.to_owned());
            } else if !line.is_empty() {
                let (who, act) =
                    parse_act(line).map_err(|error| format!("line {number}: {error}: {line}"))?;
                transcript.steps.push(Step { line: number, who, act });
            }
        }
        if transcript.title.is_empty() {
            return Err("a transcript begins with a comment that says what it shows".into());
        }
        Ok(transcript)
    }

    /// Whether anybody sends what is not sealed.
    pub fn goes_past_tls(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.act, Act::SendsPastTls(_)))
    }

    /// Bytes of the longest thing that is said at once.
    pub fn longest_sent(&self) -> usize {
        let lengths = self.steps.iter().map(|step| match &step.act {
            Act::Sends(bytes) => bytes.len(),
            // A registration of a name and the password that everybody has.
            Act::Is { user, .. } => 80 + user.len(),
            Act::Connects
            | Act::Opens
            | Act::SendsPastTls(_)
            | Act::Gets(_)
            | Act::Ends
            | Act::Leaves
            | Act::Closed => 0,
        });
        lengths.max().unwrap_or(0)
    }
}

/// The line that stands for a frame from the server, for a transcript that is written anew.
pub fn received_line(who: &str, json: &str) -> String {
    let mut line = format!("{who} < ");
    let mut rest = json;
    while let Some(first) = rest.chars().next() {
        let run = rest.len() - rest.trim_start_matches(first).len();
        let count = run / first.len_utf8();
        if count >= RUN_MIN {
            let _ = write!(line, "<{first}*{count}>");
            rest = &rest[run..];
        } else if let Some(key) = TIMES.into_iter().find(|key| rest.starts_with(key)) {
            let tail = &rest[key.len()..];
            line += key;
            line += ANY_MS;
            rest = tail.trim_start_matches(|c: char| c.is_ascii_digit());
        } else {
            line.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    line
}

/// Whether a frame from the server is what a line expects.
pub fn matches(expected: &str, json: &str) -> bool {
    let Some((before, after)) = expected.split_once(ANY_MS) else { return expected == json };
    json.strip_prefix(before).is_some_and(|rest| {
        let after_ms = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        after_ms.len() < rest.len() && matches(after, after_ms)
    })
}

/// The tokens that servers gave in a conversation, by what they are called in it.
#[derive(Default)]
pub struct Tokens(BTreeMap<String, String>);

impl Tokens {
    /// Whether a frame from the server is what a line expects; then the token in it is kept.
    pub fn take_from(&mut self, json: &str, expected: &str) -> bool {
        let Some((before, rest)) = expected.split_once(TOKEN) else { return matches(expected, json) };
        let Some((name, after)) = rest.split_once('>') else { return false };
        let Some(given) = json.strip_prefix(before).and_then(|rest| rest.get(..TOKEN_CHARS)) else {
            return false;
        };
        let is_token =
            given.bytes().all(|byte| byte.is_ascii_hexdigit()) && !self.0.values().any(|old| old == given);
        self.0.insert(name.to_owned(), given.to_owned());
        is_token && matches(after, &json[before.len() + TOKEN_CHARS..])
    }

    /// Keeps the token in a frame, if there is one, by the name that a line had for it or by its number; and the frame as a
    /// line would have it.
    pub fn record(&mut self, json: &str, expected: &str) -> String {
        let given = json.split_once(GIVEN).and_then(|(_, rest)| rest.get(..TOKEN_CHARS));
        let Some(given) = given else { return json.to_owned() };
        let named = expected.split_once(TOKEN).and_then(|(_, rest)| rest.split_once('>'));
        let name = named.map_or_else(|| (self.0.len() + 1).to_string(), |(name, _)| name.to_owned());
        let line = json.replace(given, &format!("{TOKEN}{name}>"));
        self.0.insert(name, given.to_owned());
        line
    }

    /// What a line has sent, with the token that it names.
    pub fn fill_in(&self, sent: &[u8]) -> Vec<u8> {
        let json = sent.get(4..).and_then(|json| std::str::from_utf8(json).ok());
        let named = json.and_then(|json| {
            let (before, rest) = json.split_once(TOKEN)?;
            let (name, after) = rest.split_once('>')?;
            Some(frame(format!("{before}{}{after}", self.0.get(name)?).as_bytes()))
        });
        named.unwrap_or_else(|| sent.to_vec())
    }
}

/// A frame as it is on the wire.
pub fn frame(json: &[u8]) -> Vec<u8> {
    let length = u32::try_from(json.len()).expect("transcripts are short");
    [&length.to_be_bytes()[..], json].concat()
}

fn parse_act(line: &str) -> Result<(String, Act), String> {
    let (who, rest) = line.split_once(' ').ok_or("nothing happens")?;
    let (verb, object) = rest.split_once(' ').unwrap_or((rest, ""));
    let act = match (verb, object) {
        ("connects", "") => Act::Connects,
        ("opens", "") => Act::Opens,
        ("ends", "") => Act::Ends,
        ("leaves", "") => Act::Leaves,
        ("closed", "") => Act::Closed,
        ("is", who) => match who.split_once(" in ") {
            Some((user, room)) => Act::Is { user: user.to_owned(), room: Some(room.to_owned()) },
            None => Act::Is { user: who.to_owned(), room: None },
        },
        (">", json) => Act::Sends(frame(expand(json)?.as_bytes())),
        ("<", json) => Act::Gets(expand(json)?),
        ("bytes", hex) => Act::Sends(parse_hex(hex)?),
        ("wire", hex) => Act::SendsPastTls(parse_hex(hex)?),
        _ => return Err("no such line".into()),
    };
    Ok((who.to_owned(), act))
}

/// Writes `<x*3>` out as `xxx`.
fn expand(text: &str) -> Result<String, String> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once('<') {
        expanded += before;
        let inner = tail.split_once('>').and_then(|(inner, after)| {
            let (unit, count) = inner.rsplit_once('*')?;
            Some((unit, count.parse::<usize>().ok()?, after))
        });
        match inner {
            Some((unit, count, after)) => {
                expanded += &unit.repeat(count);
                rest = after;
            }
            None => {
                expanded.push('<');
                rest = tail;
            }
        }
    }
    Ok(expanded + rest)
}

fn parse_hex(text: &str) -> Result<Vec<u8>, String> {
    let text: String = expand(text)?.split_whitespace().collect();
    let byte =
        |index: usize| text.get(index..index + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    (0..text.len())
        .step_by(2)
        .map(|index| byte(index).ok_or_else(|| "bytes are pairs of hex digits".into()))
        .collect()
}

/// What is a number that no two runs have in common.
const TIMES: [&str; 6] = ["\"retry_ms\":", "\"expires\":", "\"ts\":", "\"begun\":", "\"used\":", "\"ends\":"];
const ANY_MS: &str = "<ms>";
const TOKEN: &str = "<token ";
/// What a token from the server follows.
const GIVEN: &str = "\"token\":\"";
/// Characters of a token.
const TOKEN_CHARS: usize = 64;
/// From this many on, equal characters are written as `<x*N>`.
const RUN_MIN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_written_short_and_read_back() {
        let json = format!("{{\"text\":\"{}\",\"retry_ms\":17}}", "é".repeat(50));
        let line = received_line("a", &json);
        assert_eq!(line, r#"a < {"text":"<é*50>","retry_ms":<ms>}"#);
        let Ok((who, Act::Gets(expected))) = parse_act(&line) else { panic!("not a line: {line}") };
        assert_eq!(who, "a");
        assert!(matches(&expected, &json));
        assert!(!matches(&expected, &json.replace("17", "")));
        assert!(!matches(&expected, &json.replace("17", "1x")));
        let twice = r#"{"ts":<ms>},{"ts":<ms>}"#;
        assert!(matches(twice, r#"{"ts":1},{"ts":23}"#) && !matches(twice, r#"{"ts":1},{"ts":}"#));
    }

    #[test]
    fn tokens_are_written_by_their_names_and_shown_again() {
        let token = "0123456789abcdef".repeat(4);
        let given = |token: &str| format!("{{\"session\":{{\"token\":\"{token}\",\"expires\":17}}}}");
        let mut recorded = Tokens::default();
        let line = received_line("a", &recorded.record(&given(&token), "{\"token\":\"<token one>\"}"));
        assert_eq!(line, r#"a < {"session":{"token":"<token one>","expires":<ms>}}"#);
        let Ok((_, Act::Gets(expected))) = parse_act(&line) else { panic!("not a line: {line}") };
        let mut tokens = Tokens::default();
        assert!(tokens.take_from(&given(&token), &expected));
        assert!(!tokens.take_from(&given(&token), &expected), "the same once more");
        assert!(!tokens.take_from(&given("short"), &expected));
        let sent = tokens.fill_in(&frame(br#"{"token":"<token one>"}"#));
        assert_eq!(sent, frame(format!("{{\"token\":\"{token}\"}}").as_bytes()));
        let plain = frame(b"<token two>");
        assert_eq!(tokens.fill_in(&plain), plain, "what was never given");
    }

    #[test]
    fn a_line_that_is_none_is_told_with_its_number() {
        let error = Transcript::parse("# x\na connects\na sleeps").unwrap_err();
        assert_eq!(error, "line 3: no such line: a sleeps");
        assert!(Transcript::parse("a connects").is_err());
    }
}
