//! What is kept, for how long, and whose it is: beside a server that runs.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::maintenance::{does, refuses, resume, token_in};
use super::{Outcome, Test, credentials, enter, expect, next_frame, public, say};
use crate::check::{Next, Stage};
use crate::program::Program;

pub(super) const TESTS: [Test; 4] = [
    ("what is not kept any longer is gone and numbers go on", what_is_not_kept_any_longer_is_gone),
    ("who asks for what there is about them is given it", who_asks_for_what_there_is_about_them_is_given_it),
    ("an account that is deleted leaves its name alone", an_account_that_is_deleted_leaves_its_name_alone),
    ("logins that last are listed and ended", logins_that_last_are_listed_and_ended),
];

fn what_is_not_kept_any_longer_is_gone(binary: &Path) -> Outcome {
    let mut server = Program::start(binary, &["message-rate = 0".into()])?;
    enter_to_read(&mut server, "a", "register", "harper")?;
    // More than one cut has room for.
    for number in 1..=300 {
        say(&mut server, "a", &public(&number.to_string()))?;
    }
    for number in 1..=300 {
        hears(&mut server, "a", &format!(r#""text":"{number}","room":"example","seq":{number},"#))?;
    }
    let mut server = server.restart_with(binary, &["--keep-messages", "3"])?;
    server.wait_for_log("297 messages are not kept any longer")?;
    enter_to_read(&mut server, "b", "login", "harper")?;
    reads(&mut server, "b", r#""room":"example""#, &["298 298", "299 299", "300 300"])?;
    reads(&mut server, "b", r#""room":"example","before":298"#, &[])?;
    say(&mut server, "b", &public("the next one"))?;
    hears(&mut server, "b", r#""seq":301,"#)?;
    does_say(binary, &server, &["check"], "1 accounts and 4 messages, all whole")?;

    refuses(binary, &server, &["room", "keep", "nowhere", "--days", "1"], "there is no room nowhere")?;
    refuses(binary, &server, &["room", "keep", "example"], "required")?;
    does_say(
        binary,
        &server,
        &["room", "keep", "Example", "--messages", "1"],
        "the last 1 messages is kept",
    )?;
    does_say(binary, &server, &["room", "list"], "example\t4 messages\tkept: the last 1 messages\n")?;
    if cfg!(unix) {
        server.signal("-HUP")?;
        server.wait_for_log("3 messages are not kept any longer")?;
        reads(&mut server, "b", r#""room":"example""#, &["301 the next one"])?;
    }
    does_say(binary, &server, &["room", "keep", "example", "--as-the-rest"], "as much as of the rest")?;
    does_say(binary, &server, &["check"], "all whole")
}

fn who_asks_for_what_there_is_about_them_is_given_it(binary: &Path) -> Outcome {
    let mut server = Program::start(binary, &[])?;
    enter_to_read(&mut server, "a", "register", "Harper")?;
    enter(&mut server, "b", "casey")?;
    say(&mut server, "a", &public("hello"))?;
    say(&mut server, "b", &public("hello harper"))?;
    hears(&mut server, "a", "hello harper")?;
    say(&mut server, "b", r#"{"type":"msg","data":{"to":"harper","text":"psst"}}"#)?;
    hears(&mut server, "a", "psst")?;
    let said = does(binary, &server, &["user", "export", "harper"])?;
    let exported: Value = serde_json::from_str(&said).map_err(|error| format!("{error} in {said}"))?;
    let texts = |list: &str| -> Vec<String> {
        let entries = exported[list].as_array().into_iter().flatten();
        entries.map(|entry| entry["text"].as_str().unwrap_or_default().to_owned()).collect()
    };
    if exported["account"]["name"] != "Harper" || texts("rooms") != ["hello"] || texts("private") != ["psst"]
    {
        return Err(format!("the export is {said}"));
    }
    if exported["logins"].as_array().map(Vec::len) != Some(1) || said.contains("token") {
        return Err(format!("the logins are {}", exported["logins"]));
    }

    let file = server.data().with_file_name("harper.json");
    let file_arg = file.display().to_string();
    refuses(binary, &server, &["user", "export", "nobody", &file_arg], "there is no account nobody")?;
    does_say(binary, &server, &["user", "export", "harper", &file_arg], "is written to")?;
    refuses(binary, &server, &["user", "export", "harper", &file_arg], "exists already")?;
    if fs::read_to_string(&file).map_err(|error| error.to_string())? != said {
        return Err("the file is another".into());
    }
    is_its_owners_alone(&file)
}

#[cfg(unix)]
fn is_its_owners_alone(file: &Path) -> Outcome {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(file).map_err(|error| error.to_string())?.permissions().mode() & 0o777;
    if mode == 0o600 { Ok(()) } else { Err(format!("its mode is {mode:o}")) }
}

#[cfg(not(unix))]
fn is_its_owners_alone(_: &Path) -> Outcome {
    Ok(())
}

fn an_account_that_is_deleted_leaves_its_name_alone(binary: &Path) -> Outcome {
    let mut server = Program::start(binary, &[])?;
    enter_to_read(&mut server, "a", "register", "Harper")?;
    enter_to_read(&mut server, "b", "register", "casey")?;
    for (who, text) in [("a", "a word of mine"), ("b", "a word of yours"), ("a", "another word of mine")] {
        say(&mut server, who, &public(text))?;
        hears(&mut server, "b", text)?;
    }
    say(&mut server, "a", r#"{"type":"msg","data":{"to":"casey","text":"a secret of mine"}}"#)?;
    hears(&mut server, "b", "a secret of mine")?;

    refuses(binary, &server, &["user", "delete", "nobody", "--yes"], "there is no account nobody")?;
    // Nobody answers.
    refuses(binary, &server, &["user", "delete", "harper"], "nothing is deleted; type it, or say --yes")?;
    reads(&mut server, "b", r#""peer":"harper""#, &["1 a secret of mine"])?;
    does_say(binary, &server, &["user", "delete", "harper", "--yes"], "is what they said in 3 messages;")?;

    // Nothing that is said by it any more is kept, though it is connected until the server looks.
    say(&mut server, "a", &public("still here"))?;
    hears(&mut server, "a", r#""code":"busy""#)?;
    if cfg!(unix) {
        server.signal("-HUP")?;
        hears(&mut server, "a", r#""code":"account_disabled""#)?;
        if server.next("a")? != Next::Closed {
            return Err("who is deleted is still connected".into());
        }
    }
    reads(&mut server, "b", r#""room":"example""#, &["1 ", "2 a word of yours", "3 "])?;
    reads(&mut server, "b", r#""peer":"harper""#, &["1 "])?;
    server.connect("c", true)?;
    say(&mut server, "c", &credentials("login", "harper"))?;
    expect(&mut server, "c", r#"{"type":"login","status":"error","message":"Wrong name or password"#)?;
    say(&mut server, "c", &credentials("register", "HARPER"))?;
    expect(&mut server, "c", r#"{"type":"register","status":"error","message":"That name is taken"#)?;
    refuses(binary, &server, &["user", "enable", "harper"], "there is no account harper")?;
    does_say(binary, &server, &["user", "list"], "casey\nHarper\tdeleted\n")?;
    does_say(binary, &server, &["check"], "1 accounts and 4 messages, all whole")?;
    does_say(binary, &server, &["compact"], "written anew")?;
    for name in ["chatroom.db", "chatroom.db-wal"] {
        let bytes = fs::read(server.data().join(name)).map_err(|error| format!("{name}: {error}"))?;
        let found = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        if found("of mine") || found("still here") {
            return Err(format!("{name} has something of what was said"));
        }
    }
    // The database is another file's worth of pages now, and the server goes on with it.
    say(&mut server, "b", &public("goodbye"))?;
    hears(&mut server, "b", r#""text":"goodbye","room":"example","seq":4,"#)
}

fn logins_that_last_are_listed_and_ended(binary: &Path) -> Outcome {
    let mut server = Program::start(binary, &[])?;
    let first = enter_to_read(&mut server, "a", "register", "harper")?;
    let second = enter_to_read(&mut server, "b", "login", "harper")?;
    let listed = does(binary, &server, &["user", "logins", "Harper"])?;
    let lines: Vec<&str> = listed.lines().collect();
    let is_line = |line: &str, number: &str| {
        line.starts_with(&format!("{number}\tbegun 2"))
            && line.contains("\tlast used 2")
            && line.ends_with(" UTC")
    };
    if lines.len() != 2 || !is_line(lines[0], "2") || !is_line(lines[1], "1") {
        return Err(format!("the list is {listed:?}"));
    }
    refuses(binary, &server, &["user", "logins", "nobody"], "there is no account nobody")?;
    refuses(
        binary,
        &server,
        &["user", "log-out", "harper", "--login", "3"],
        "there is no login 3 of harper",
    )?;
    does_say(binary, &server, &["user", "log-out", "harper", "--login", "1"], "login 1 of harper cannot")?;
    server.connect("c", true)?;
    say(&mut server, "c", HELLO)?;
    expect(&mut server, "c", r#"{"type":"hello","status":"ok""#)?;
    say(&mut server, "c", &resume(&first))?;
    expect(&mut server, "c", r#"{"type":"resume","status":"error","message":"This login has ended"#)?;
    say(&mut server, "c", &resume(&second))?;
    expect(&mut server, "c", r#"{"type":"resume","status":"ok""#)?;
    expect(&mut server, "c", r#"{"type":"list""#)?;
    does_say(binary, &server, &["user", "log-out", "harper", "--login", "2"], "login 2 of harper cannot")?;
    if cfg!(unix) {
        server.signal("-HUP")?;
        let ended = r#"{"type":"error","status":"error","message":"This login has ended, log in with your password again","code":"session_ended"}"#;
        expect(&mut server, "c", ended)?;
        if server.next("c")? != Next::Closed {
            return Err("whose login has ended is still connected".into());
        }
    }
    Ok(())
}

/// What who reads what was said before asks for.
pub(super) const HELLO: &str = r#"{"type":"hello","proto":1,"caps":["ack","history","resume"]}"#;

/// Connects, logs in, having registered if that is said, and enters the room that is always there. The token of the login.
pub(super) fn enter_to_read(
    server: &mut Program,
    who: &str,
    kind: &str,
    name: &str,
) -> Result<String, String> {
    server.connect(who, true)?;
    say(server, who, HELLO)?;
    expect(server, who, r#"{"type":"hello","status":"ok""#)?;
    if kind == "register" {
        say(server, who, &credentials("register", name))?;
        expect(server, who, r#"{"type":"register","status":"ok""#)?;
    }
    say(server, who, &credentials("login", name))?;
    let token = token_in(&next_frame(server, who)?)?;
    expect(server, who, r#"{"type":"list""#)?;
    say(server, who, r#"{"type":"enter","data":{"room":"example"}}"#)?;
    expect(server, who, r#"{"type":"enter","status":"ok""#)?;
    expect(server, who, r#"{"type":"list_room""#)?;
    Ok(token)
}

/// Sooner or later somebody gets a frame that contains this.
pub(super) fn hears(server: &mut Program, who: &str, part: &str) -> Outcome {
    while !next_frame(server, who)?.contains(part) {}
    Ok(())
}

/// Somebody reads a conversation, and these are the numbers and texts in it.
pub(super) fn reads(server: &mut Program, who: &str, of: &str, expected: &[&str]) -> Outcome {
    say(server, who, &format!(r#"{{"type":"history","data":{{{of}}}}}"#))?;
    let answer = loop {
        let json = next_frame(server, who)?;
        if json.starts_with(r#"{"type":"history""#) {
            break json;
        }
    };
    let page: Value = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
    let messages = page["data"]["msgs"].as_array().ok_or_else(|| format!("no page: {answer}"))?;
    let found =
        messages.iter().map(|past| format!("{} {}", past["seq"], past["text"].as_str().unwrap_or("no text")));
    let found: Vec<String> = found.collect();
    if found == expected && page["data"]["more"] == false {
        Ok(())
    } else {
        Err(format!("{who} read {answer:.600}"))
    }
}

/// Runs a subcommand that says this, among other things.
pub(super) fn does_say(binary: &Path, server: &Program, command: &[&str], expected: &str) -> Outcome {
    let said = does(binary, server, command)?;
    if said.contains(expected) {
        Ok(())
    } else {
        Err(format!("{command:?}: nothing about {expected:?} in {said}"))
    }
}
