//! Writes a run down as a conversation, in the notation of [`transcript`](crate::transcript).
//!
//! What that notation has no line for stands there as a comment: time, faults, and who was slow.

use chatroom_core::limits::Limits;
use chatroom_core::message::hello::Registration;

use super::shrink::table;
use super::step::{Fault, Step};
use crate::transcript::received_line;

/// A conversation that is being written.
#[derive(Default)]
pub struct Chat {
    lines: Vec<String>,
    /// Who is on each line, and what of a frame they have said.
    speakers: Vec<Speaker>,
}

#[derive(Clone, Default)]
struct Speaker {
    name: String,
    connections: usize,
    begun: Vec<u8>,
    is_secure: bool,
    is_closed: bool,
}

impl Chat {
    /// A conversation with a server of these limits.
    pub fn new(lines: usize, limits: &Limits, registration: Registration, history: bool) -> Self {
        let mut chat = Self { lines: Vec::new(), speakers: vec![Speaker::default(); lines] };
        let usual = table(&Limits::default());
        for (key, value) in table(limits).into_iter().filter(|(key, value)| usual.get(key) != Some(value)) {
            chat.lines.push(format!("with limits.{key} = {value}"));
        }
        if registration != Registration::Open {
            chat.lines.push(format!(r#"with registration = "{}""#, registration.as_str()));
        }
        if !history {
            chat.lines.push(r#"with history = "off""#.to_owned());
        }
        chat
    }

    /// All of it, under a title.
    pub fn text(&self, title: &str) -> String {
        let title = title.replace('\n', "\n#   ");
        format!("# {title}\n{}\n", self.lines.join("\n"))
    }

    /// Somebody connects.
    pub fn connects(&mut self, line: usize, is_secure: bool) {
        let speaker = &mut self.speakers[line];
        let letter = char::from(b'a' + u8::try_from(line).unwrap_or(25));
        speaker.connections += 1;
        let count = if speaker.connections > 1 { speaker.connections.to_string() } else { String::new() };
        *speaker = Speaker {
            name: format!("{letter}{count}"),
            connections: speaker.connections,
            ..Speaker::default()
        };
        let verb = if is_secure { "connects" } else { "opens" };
        self.lines.push(format!("{} {verb}", self.speakers[line].name));
    }

    /// Bytes of a client arrive; a frame is written when all of it is there.
    pub fn arrives(&mut self, line: usize, bytes: &[u8]) {
        let speaker = &mut self.speakers[line];
        let bytes = if speaker.is_secure { bytes } else { bytes.get(1..).unwrap_or_default() };
        speaker.is_secure = true;
        speaker.begun.extend_from_slice(bytes);
        while let Some((json, rest)) = split(&speaker.begun) {
            let said = received_line(&speaker.name, &json).replacen(" < ", " > ", 1);
            self.lines.push(said);
            speaker.begun = rest;
        }
    }

    /// A client gets a frame.
    pub fn gets(&mut self, line: usize, json: &str) {
        self.write_begun(line);
        self.lines.push(received_line(&self.speakers[line].name, json));
    }

    /// The server has closed.
    pub fn closed(&mut self, line: usize) {
        if !std::mem::replace(&mut self.speakers[line].is_closed, true) {
            self.write_begun(line);
            self.lines.push(format!("{} closed", self.speakers[line].name));
        }
    }

    /// A step that is no conversation, or the end of one.
    pub fn step(&mut self, step: &Step) {
        let note = match step {
            Step::End(line) | Step::Cut(line) => {
                let verb = if matches!(step, Step::End(_)) { "ends" } else { "leaves" };
                if !self.speakers[*line].name.is_empty() {
                    self.write_begun(*line);
                    self.lines.push(format!("{} {verb}", self.speakers[*line].name));
                }
                return;
            }
            Step::Pass(time) => format!("{time:?} pass"),
            Step::Jump(time) => format!("the clock jumps by {time:?}"),
            Step::Work(Fault::None) => "a password is hashed".into(),
            Step::Work(fault) => format!("a password is hashed, and the disk fails: {fault:?}"),
            Step::Write(_, Fault::None) => "what was said is written, or handed out".into(),
            Step::Write(_, fault) => format!("what was said is written, and the disk fails: {fault:?}"),
            Step::Repeat => "the last answer of the account store comes again".into(),
            Step::LetGo(keep, Fault::None) => format!("what is beyond {keep:?} is let go"),
            Step::LetGo(_, fault) => {
                format!("what is not kept is to be let go, and the disk fails: {fault:?}")
            }
            Step::Delete(user, Fault::None) => format!("{} is deleted", super::names::user(*user, 0).text),
            Step::Delete(_, fault) => format!("somebody is to be deleted, and the disk fails: {fault:?}"),
            Step::Reload => {
                "the server shuts out who is deleted, or has come by a login that has ended".into()
            }
            Step::ShutDown => "the server stops".into(),
            Step::Crash => "the server crashes, and starts again".into(),
            Step::EndProgram { line, is_kept } => {
                let how = if *is_kept { "goes on where it was" } else { "begins anew" };
                format!("the program of {} crashes, and {how}", self.speakers[*line].name)
            }
            Step::Doubt(line) => format!("{} doubts its connection", self.speakers[*line].name),
            Step::Wake(line) => format!("{} is rung for", self.speakers[*line].name),
            Step::Tick => "lists that are due are sent".into(),
            Step::Take(..) | Step::Carry(..) | Step::Say(..) | Step::Wish(..) | Step::Connect { .. } => {
                return;
            }
        };
        self.lines.push(format!("# ({note}: no line says that)"));
    }

    /// What somebody has begun to say, and will not end before something else happens.
    fn write_begun(&mut self, line: usize) {
        let speaker = &mut self.speakers[line];
        if !speaker.begun.is_empty() {
            let hex: Vec<String> = speaker.begun.iter().map(|byte| format!("{byte:02x}")).collect();
            self.lines.push(format!("{} bytes {}", speaker.name, hex.join(" ")));
            speaker.begun.clear();
        }
    }
}

/// The first frame's text and what is behind it, if all of the frame is there.
fn split(bytes: &[u8]) -> Option<(String, Vec<u8>)> {
    let (prefix, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*prefix)).ok().filter(|length| *length > 0)?;
    let json = std::str::from_utf8(rest.get(..length)?).ok()?;
    Some((json.to_owned(), rest[length..].to_vec()))
}
