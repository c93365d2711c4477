//! What is in the log, and what is not.

use std::path::Path;

use serde_json::Value;

use super::{Outcome, Test, credentials, enter, expect, public, say};
use crate::check::{PASSWORD, Stage};
use crate::program::Program;

pub(super) const TESTS: [Test; 2] = [
    ("nothing private is logged", nothing_private_is_logged),
    ("its log can be lines of JSON", its_log_can_be_lines_of_json),
];

fn nothing_private_is_logged(binary: &Path) -> Outcome {
    let mut server = Program::start_with(binary, &[], &["--log-level", "trace"])?;
    enter(&mut server, "a", "harper")?;
    say(&mut server, "a", &public("an open secret"))?;
    expect(&mut server, "a", r#"{"type":"msg","status":"ok""#)?;
    say(&mut server, "a", r#"{"type":"msg","data":{"to":"harper","text":"a whispered secret"}}"#)?;
    expect(&mut server, "a", r#"{"type":"msg","status":"ok""#)?;
    server.connect("b", true)?;
    say(&mut server, "b", &credentials("login", "nobody"))?;
    expect(&mut server, "b", r#"{"type":"login","status":"error""#)?;
    say(&mut server, "b", &format!("{PASSWORD} is no JSON"))?;
    expect(&mut server, "b", r#"{"type":"error""#)?;
    let log = server.kill();
    match [PASSWORD, "an open secret", "a whispered secret"].iter().find(|secret| log.contains(**secret)) {
        Some(secret) => Err(format!("{secret:?} is in the log:\n{log}")),
        None if log.contains("TRACE") || log.contains("DEBUG") => Ok(()),
        None => Err(format!("the log is not as talkative as it was to be:\n{log}")),
    }
}

fn its_log_can_be_lines_of_json(binary: &Path) -> Outcome {
    let mut server = Program::start_with(binary, &[], &["--log-format", "json", "--log-level", "debug"])?;
    enter(&mut server, "a", "harper")?;
    let log = server.kill();
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))?;
        if !line["level"].is_string() {
            return Err(format!("no level: {line}"));
        }
    }
    if log.is_empty() { Err("nothing was logged".into()) } else { Ok(()) }
}
