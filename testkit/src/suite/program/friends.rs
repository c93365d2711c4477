//! What people are to each other, over crashes and beside a server that runs.

use std::path::Path;

use serde_json::Value;

use super::keeping::hears;
use super::maintenance::does;
use super::{Outcome, Test, credentials, expect, say};
use crate::check::Stage;
use crate::program::Program;

pub(super) const TESTS: [Test; 1] =
    [("friends outlive a crash and end with an account", friends_outlive_a_crash_and_end_with_an_account)];

fn friends_outlive_a_crash_and_end_with_an_account(binary: &Path) -> Outcome {
    let mut server = Program::start(binary, &[])?;
    become_friends(&mut server, "register", ["a", "b"])?;
    // What was answered is found after a crash.
    let mut server = server.restart_after_kill(binary)?;
    come(&mut server, "c", "login", "harper")?;
    hears(&mut server, "c", r#"{"all":true,"friends":["casey"]}"#)?;
    say(&mut server, "c", r#"{"type":"msg","data":{"to":"casey","text":"come back","cid":"c1"}}"#)?;
    hears(&mut server, "c", r#"{"type":"ack","status":"ok","data":{"cid":"c1","peer":"casey","seq":1,"#)?;
    let mut server = server.restart_after_kill(binary)?;
    come(&mut server, "d", "login", "casey")?;
    hears(&mut server, "d", r#""peers":[{"peer":"Harper","last":1,"read":0}]"#)?;
    hears(&mut server, "d", r#"{"all":true,"friends":["Harper"]}"#)?;

    let said = does(binary, &server, &["user", "export", "casey"])?;
    let exported: Value = serde_json::from_str(&said).map_err(|error| format!("{error} in {said}"))?;
    let friend_of_theirs = &exported["friends"][0];
    if friend_of_theirs["user"] != "Harper" || friend_of_theirs["is"] != "friend" {
        return Err(format!("the export is {said}"));
    }
    does(binary, &server, &["user", "delete", "harper", "--yes"])?;
    if cfg!(unix) {
        server.signal("-HUP")?;
        hears(&mut server, "d", r#"{"user":"Harper","now":"none"}"#)?;
    }
    say(&mut server, "d", &friend("request", "harper"))?;
    hears(&mut server, "d", r#""code":"no_such_user""#)?;
    does(binary, &server, &["check"]).map(drop)
}

/// Harper comes by one connection and casey by the other, and they become friends.
pub(super) fn become_friends(server: &mut Program, kind: &str, [harper, casey]: [&str; 2]) -> Outcome {
    for (who, name) in [(harper, "Harper"), (casey, "casey")] {
        come(server, who, kind, name)?;
        hears(server, who, r#"{"type":"friend","status":"ok","data":{"all":true}}"#)?;
    }
    say(server, harper, &friend("request", "casey"))?;
    hears(server, casey, r#"{"user":"Harper","now":"asking"}"#)?;
    say(server, casey, &friend("accept", "harper"))?;
    hears(server, casey, r#"{"user":"Harper","now":"friend"}"#)
}

/// Connects, and comes into the hall, having registered if that is said.
pub(super) fn come(server: &mut Program, who: &str, kind: &str, name: &str) -> Outcome {
    server.connect(who, true)?;
    say(server, who, r#"{"type":"hello","proto":1,"caps":["friends","multi","ack","history"]}"#)?;
    expect(server, who, r#"{"type":"hello","status":"ok""#)?;
    if kind == "register" {
        say(server, who, &credentials("register", name))?;
        expect(server, who, r#"{"type":"register","status":"ok""#)?;
    }
    say(server, who, &credentials("login", name))?;
    expect(server, who, r#"{"type":"login","status":"ok""#)
}

fn friend(op: &str, user: &str) -> String {
    format!(r#"{{"type":"friend","data":{{"op":"{op}","user":"{user}"}}}}"#)
}
