//! Many who are in a room, and stop reading: what a server keeps for all of them together.

use std::path::Path;

use crate::check::{Next, Stage as _, credentials};
use crate::program::Program;
use crate::transcript::frame;

/// What is done to a server.
pub struct Load {
    /// Lines of its configuration.
    pub config: Vec<String>,
    /// How many stop reading.
    pub readers: usize,
    /// How many messages each of them is whispered, at most. The system takes some megabytes for each of them before
    /// anything waits in the server.
    pub whispers: usize,
}

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// Bytes that waited for all together, at most, of those times when it was asked.
    pub queued_max: u64,
    /// How many of the readers were dropped.
    pub dropped: u64,
    /// How many whispers were on their way to a reader.
    pub whispers: usize,
    /// The process's memory with all of them connected, and the most it was; bytes.
    pub memory: (u64, u64),
}

/// Has each reader come in and stop, and whispers to one after the other, until all are gone. Nobody shares a whisper, so that what waits is
/// as much as it looks.
///
/// # Errors
/// Whatever goes otherwise than it should; also that the whisperer is not served as ever.
pub fn whisper_to_stopped_readers(binary: &Path, load: &Load) -> Result<Report, String> {
    let mut server = Program::start_watched(binary, &load.config)?;
    enter(&mut server, SPEAKER)?;
    for number in 0..load.readers {
        let name = name(number);
        enter(&mut server, &name)?;
    }
    let mut report = Report { queued_max: 0, dropped: 0, whispers: 0, memory: (server.memory_max()?, 0) };
    for round in 0..load.whispers {
        let before = report.whispers;
        for number in 0..load.readers {
            let is_there = whisper(&mut server, &name(number), round)?;
            report.whispers += usize::from(is_there);
        }
        if report.whispers == before {
            break;
        }
        report.queued_max = report.queued_max.max(server.metric("queued_bytes")?);
    }
    report.dropped = server.metric("slow_readers_dropped_total")?;
    report.memory.1 = server.memory_max()?;
    Ok(report)
}

/// Says something to a reader alone. Whether the reader is still there.
fn whisper(server: &mut Program, to: &str, round: usize) -> Result<bool, String> {
    let text = format!("{round} {}", "x".repeat(TEXT_BYTES));
    send(server, SPEAKER, &format!(r#"{{"type":"msg","data":{{"to":"{to}","text":"{text}"}}}}"#))?;
    let answer = wait_for(server, SPEAKER, r#"{"type":"msg""#)?;
    let is_delivered = answer.starts_with(r#"{"type":"msg","status":"ok""#);
    if is_delivered || answer.contains(r#""code":"not_in_room""#) {
        Ok(is_delivered)
    } else {
        Err(format!("a whisper to {to} was answered with {answer:.200}"))
    }
}

fn enter(server: &mut Program, who: &str) -> Result<(), String> {
    server.connect(who, true)?;
    for kind in ["register", "login"] {
        send(server, who, &credentials(kind, who))?;
        wait_for(server, who, &format!(r#"{{"type":"{kind}","status":"ok""#))?;
    }
    send(server, who, r#"{"type":"enter","data":{"room":"example"}}"#)?;
    wait_for(server, who, r#"{"type":"enter","status":"ok""#).map(drop)
}

fn send(server: &mut Program, who: &str, json: &str) -> Result<(), String> {
    server.send(who, &frame(json.as_bytes()))
}

/// The next frame that begins like this; lists that come in between are not looked at.
fn wait_for(server: &mut Program, who: &str, beginning: &str) -> Result<String, String> {
    loop {
        match server.next(who)? {
            Next::Frame(json) if json.starts_with(beginning) => return Ok(json),
            Next::Frame(json) if json.starts_with(r#"{"type":"list"#) => {}
            Next::Frame(json) => return Err(format!("{who} waited for {beginning} and got {json:.200}")),
            Next::Closed => return Err(format!("{who} was disconnected")),
        }
    }
}

fn name(number: usize) -> String {
    format!("reader{number}")
}

const SPEAKER: &str = "harper";
const TEXT_BYTES: usize = 3_900;
