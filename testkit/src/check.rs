//! Holds a conversation against a server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

pub use crate::client::Next;
use crate::transcript::{self, Act, Step, Tokens, Transcript, frame};

/// Where a conversation takes place. Errors are for the reader of a test's output.
pub trait Stage {
    /// Opens a connection, and completes its handshake if `is_secure`.
    fn connect(&mut self, who: &str, is_secure: bool) -> Result<(), String>;
    /// Sends plain bytes, all of them in one go. A server that has closed already is no error.
    fn send(&mut self, who: &str, bytes: &[u8]) -> Result<(), String>;
    /// Sends bytes past TLS.
    fn send_past_tls(&mut self, who: &str, bytes: &[u8]) -> Result<(), String>;
    /// Waits for what comes next. An error says that nothing does.
    fn next(&mut self, who: &str) -> Result<Next, String>;
    /// Sends no more.
    fn end(&mut self, who: &str) -> Result<(), String>;
    /// Closes a connection.
    fn leave(&mut self, who: &str) -> Result<(), String>;
}

/// How what a client says is cut into pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// A frame at a time.
    Frames,
    /// As many frames at a time as are said without waiting for an answer.
    Whole,
    /// A byte at a time.
    Bytes,
    /// Each frame cut in two after so many bytes.
    At(usize),
}

/// The password of everybody in a conversation who is introduced by `is`.
pub const PASSWORD: &str = "correct horse";

/// The request of that kind, `register` or `login`, of somebody of that name.
pub fn credentials(kind: &str, name: &str) -> String {
    let name = serde_json::Value::from(name);
    format!(r#"{{"type":"{kind}","data":{{"username":{name},"password":"{PASSWORD}"}}}}"#)
}

/// Plays a conversation on a stage. The error says which line did not come true.
pub fn check(transcript: &Transcript, stage: &mut dyn Stage, cut: Cut) -> Result<(), String> {
    let mut play = Play { stage, cut, unsent: BTreeMap::new(), tokens: Tokens::default() };
    for step in &transcript.steps {
        play.step(step).map_err(|error| format!("line {}: {error}", step.line))?;
    }
    play.check_silence(transcript)
}

/// Plays a conversation and writes down what the server really says, in place of the lines that expected something.
///
/// What is written is right only if a person has read it.
pub fn record(text: &str, stage: &mut dyn Stage) -> Result<String, String> {
    let transcript = Transcript::parse(text)?;
    let mut play = Play { stage, cut: Cut::Frames, unsent: BTreeMap::new(), tokens: Tokens::default() };
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for step in &transcript.steps {
        if let Act::Gets(_) | Act::Closed = &step.act {
            let expected = if let Act::Gets(expected) = &step.act { expected } else { "" };
            let next = play.stage.next(&step.who).map_err(|error| format!("line {}: {error}", step.line))?;
            lines[step.line - 1] = match next {
                Next::Frame(json) => {
                    transcript::received_line(&step.who, &play.tokens.record(&json, expected))
                }
                Next::Closed => format!("{} closed", step.who),
            };
        } else {
            play.step(step).map_err(|error| format!("line {}: {error}", step.line))?;
        }
    }
    Ok(lines.join("\n") + "\n")
}

/// The conversations of this project: their names and texts, in the order of the names.
pub fn transcripts() -> Vec<(String, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts");
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut transcripts: Vec<_> = files
        .map(|file| file.expect("a folder that was opened can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "chat"))
        .map(|path| (path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), path))
        .collect();
    transcripts.sort();
    transcripts
}

/// Whether expectations are to be rewritten: `UPDATE_TRANSCRIPTS=1`.
pub fn is_recording() -> bool {
    env::var_os("UPDATE_TRANSCRIPTS").is_some()
}

struct Play<'a> {
    stage: &'a mut dyn Stage,
    cut: Cut,
    /// What is to be sent in one go, by who says it.
    unsent: BTreeMap<String, Vec<u8>>,
    /// What servers gave that clients show again.
    tokens: Tokens,
}

impl Play<'_> {
    fn step(&mut self, step: &Step) -> Result<(), String> {
        let who = step.who.as_str();
        if self.cut == Cut::Whole
            && let Act::Sends(bytes) = &step.act
        {
            let bytes = self.tokens.fill_in(bytes);
            self.unsent.entry(who.to_owned()).or_default().extend_from_slice(&bytes);
            return Ok(());
        }
        self.flush()?;
        match &step.act {
            Act::Connects => self.stage.connect(who, true),
            Act::Opens => self.stage.connect(who, false),
            Act::Is { user, room } => self.introduce(who, user, room.as_deref()),
            Act::Sends(bytes) => self.send(who, &self.tokens.fill_in(bytes)),
            Act::SendsPastTls(bytes) => self.stage.send_past_tls(who, bytes),
            Act::Gets(expected) => match self.stage.next(who)? {
                Next::Frame(json) if self.tokens.take_from(&json, expected) => Ok(()),
                next => Err(format!("{who} expected\n  {expected}\nand got\n  {next:?}")),
            },
            Act::Ends => self.stage.end(who),
            Act::Leaves => self.stage.leave(who),
            Act::Closed => match self.stage.next(who)? {
                Next::Closed => Ok(()),
                next @ Next::Frame(_) => Err(format!("{who} expected the end and got\n  {next:?}")),
            },
        }
    }

    fn send(&mut self, who: &str, bytes: &[u8]) -> Result<(), String> {
        match self.cut {
            Cut::Frames | Cut::Whole => self.stage.send(who, bytes),
            Cut::Bytes => bytes.chunks(1).try_for_each(|byte| self.stage.send(who, byte)),
            Cut::At(place) => {
                let (first, second) = bytes.split_at(place.min(bytes.len()));
                self.stage.send(who, first)?;
                if second.is_empty() { Ok(()) } else { self.stage.send(who, second) }
            }
        }
    }

    fn flush(&mut self) -> Result<(), String> {
        for (who, bytes) in std::mem::take(&mut self.unsent) {
            self.stage.send(&who, &bytes)?;
        }
        Ok(())
    }

    fn introduce(&mut self, who: &str, user: &str, room: Option<&str>) -> Result<(), String> {
        self.stage.connect(who, true)?;
        self.exchange(who, &credentials("register", user), &["register"])?;
        self.exchange(who, &credentials("login", user), &["login", "list"])?;
        if let Some(room) = room {
            let room = serde_json::Value::from(room);
            self.exchange(
                who,
                &format!(r#"{{"type":"enter","data":{{"room":{room}}}}}"#),
                &["enter", "list_room"],
            )?;
        }
        Ok(())
    }

    /// Says something, and takes answers of these types, all of them good news.
    fn exchange(&mut self, who: &str, json: &str, types: &[&str]) -> Result<(), String> {
        self.send(who, &frame(json.as_bytes()))?;
        for kind in types {
            let next = self.stage.next(who)?;
            let is_good = matches!(&next, Next::Frame(json)
                if json.starts_with(&format!(r#"{{"type":"{kind}","status":"ok""#)));
            if !is_good {
                return Err(format!("{who} expected a good `{kind}` to {json}\nand got\n  {next:?}"));
            }
        }
        Ok(())
    }

    /// Nothing else was said: the answer to one more request is the next thing everybody gets.
    fn check_silence(&mut self, transcript: &Transcript) -> Result<(), String> {
        self.flush()?;
        let mut present = BTreeMap::new();
        for step in &transcript.steps {
            match step.act {
                Act::Connects | Act::Is { .. } => present.insert(step.who.as_str(), true),
                Act::Closed | Act::Leaves | Act::Ends => present.insert(step.who.as_str(), false),
                Act::Opens | Act::Sends(_) | Act::SendsPastTls(_) | Act::Gets(_) => None,
            };
        }
        for who in present.iter().filter(|(_, is_present)| **is_present).map(|(who, _)| who) {
            self.stage.send(who, &frame(br#"{"type":"list","rid":"the end"}"#))?;
            match self.stage.next(who)? {
                Next::Frame(json) if json.ends_with(r#","rid":"the end"}"#) => {}
                next => return Err(format!("after the end {who} still got\n  {next:?}")),
            }
        }
        Ok(())
    }
}
