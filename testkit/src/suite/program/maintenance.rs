//! The subcommands, beside a server that runs.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use super::{Outcome, Test, credentials, enter, expect, next_frame, say};
use crate::check::{Next, PASSWORD, Stage};
use crate::program::{Program, run};

pub(super) const TESTS: [Test; 6] = [
    ("a backup made while it serves can be served from", a_backup_made_while_it_serves_can_be_served_from),
    ("a check finds a key that is not the certificate's", a_check_finds_a_key_that_is_not_the_certificates),
    ("who is shut out is told so and gone", who_is_shut_out_is_told_so_and_gone),
    ("who is invited can make an account, and nobody else", who_is_invited_can_make_an_account),
    ("a login outlives a crash, and no other password", a_login_outlives_a_crash_and_no_other_password),
    ("a password that was reset is the only one", a_password_that_was_reset_is_the_only_one),
];

fn a_backup_made_while_it_serves_can_be_served_from(binary: &Path) -> Outcome {
    let mut server = Program::start(binary, &[])?;
    enter(&mut server, "a", "harper")?;
    let backup = server.data().with_file_name("backup.db");
    let backup_arg = backup.display().to_string();
    does(binary, &server, &["backup", &backup_arg])?;
    refuses(binary, &server, &["backup", &backup_arg], "exists already")?;
    enter(&mut server, "b", "casey")?;

    server.kill();
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(server.data().join(format!("chatroom.db{suffix}")));
    }
    fs::copy(&backup, server.data().join("chatroom.db")).map_err(|error| error.to_string())?;
    let mut server = server.restart_after_kill(binary)?;
    let checked = does(binary, &server, &["check"])?;
    if !checked.contains("1 accounts and 0 messages, all whole")
        || !checked.contains("key fingerprint sha256:")
    {
        return Err(format!("the check said {checked}"));
    }
    server.connect("c", true)?;
    say(&mut server, "c", &credentials("login", "casey"))?;
    expect(&mut server, "c", r#"{"type":"login","status":"error""#)?;
    say(&mut server, "c", &credentials("login", "harper"))?;
    expect(&mut server, "c", r#"{"type":"login","status":"ok""#)
}

fn a_check_finds_a_key_that_is_not_the_certificates(binary: &Path) -> Outcome {
    let server = Program::start(binary, &[])?;
    does(binary, &server, &["check"])?;
    let other =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).map_err(|error| error.to_string())?;
    let key = server.data().join("server.key");
    fs::write(&key, other.signing_key.serialize_pem()).map_err(|error| error.to_string())?;
    refuses(binary, &server, &["check"], "does not belong to the key")
}

fn who_is_shut_out_is_told_so_and_gone(binary: &Path) -> Outcome {
    let mut server = Program::start(binary, &[])?;
    enter(&mut server, "a", "Harper")?;
    let listed = does(binary, &server, &["user", "list"])?;
    if listed != "Harper\n" {
        return Err(format!("the list is {listed:?}"));
    }
    refuses(binary, &server, &["user", "disable", "nobody"], "there is no account nobody")?;
    does(binary, &server, &["user", "disable", "harper"])?;
    server.connect("b", true)?;
    say(&mut server, "b", r#"{"type":"login","data":{"username":"harper","password":"a guess"}}"#)?;
    expect(&mut server, "b", r#"{"type":"login","status":"error","message":"Wrong name or password"#)?;
    say(&mut server, "b", &credentials("login", "harper"))?;
    expect(
        &mut server,
        "b",
        r#"{"type":"login","status":"error","message":"This account is disabled, ask who runs this server","code":"account_disabled"}"#,
    )?;
    if cfg!(unix) {
        server.signal("-HUP")?;
        expect(
            &mut server,
            "a",
            r#"{"type":"error","status":"error","message":"This account is disabled, ask who runs this server","code":"account_disabled"}"#,
        )?;
        if server.next("a")? != Next::Closed {
            return Err("who is shut out is still connected".into());
        }
    }
    does(binary, &server, &["user", "enable", "harper"])?;
    say(&mut server, "b", &credentials("login", "harper"))?;
    expect(&mut server, "b", r#"{"type":"login","status":"ok""#)
}

fn a_password_that_was_reset_is_the_only_one(binary: &Path) -> Outcome {
    let mut server = Program::start(binary, &[])?;
    enter(&mut server, "a", "harper")?;
    let said = does(binary, &server, &["--pbkdf2-iterations", "1", "user", "reset-password", "harper"])?;
    let password = said.trim_end().rsplit(' ').next().unwrap_or_default();
    if password.len() < 16 || password == PASSWORD {
        return Err(format!("the new password is {password:?}"));
    }
    server.connect("b", true)?;
    say(&mut server, "b", &credentials("login", "harper"))?;
    expect(&mut server, "b", r#"{"type":"login","status":"error","message":"Wrong name or password"#)?;
    let login = format!(r#"{{"type":"login","data":{{"username":"harper","password":"{password}"}}}}"#);
    say(&mut server, "b", &login)?;
    expect(&mut server, "b", r#"{"type":"login","status":"ok""#)
}

fn who_is_invited_can_make_an_account(binary: &Path) -> Outcome {
    let mut server = Program::start(binary, &[r#"registration = "invite""#.into()])?;
    let address = ["--address", "chat.example.org"];
    refuses(binary, &server, &["invite", "create", "--address", "a b"], "'a b' is not a host")?;
    refuses(binary, &server, &["--listen", "0.0.0.0:1", "invite", "create"], "name it with --address")?;
    let link = does(binary, &server, &[&["invite", "create", "--uses", "2"][..], &address].concat())?;
    let invite = link.trim_end().rsplit("&invite=").next().unwrap_or_default().to_owned();
    if !link.starts_with("chatroom://chat.example.org:65432/#sha256=") || invite.len() != 32 {
        return Err(format!("the link is {link:?}"));
    }
    let register = |name: &str, invite: &str| {
        format!(
            r#"{{"type":"register","data":{{"username":"{name}","password":"{PASSWORD}","invite":"{invite}"}}}}"#
        )
    };
    server.connect("a", true)?;
    say(&mut server, "a", r#"{"type":"hello","proto":1}"#)?;
    let greeting = next_frame(&mut server, "a")?;
    if !greeting.contains(r#""registration":"invite""#) {
        return Err(format!("the greeting is {greeting}"));
    }
    say(&mut server, "a", &credentials("register", "ann"))?;
    expect(&mut server, "a", r#"{"type":"register","status":"error","message":"This server takes only who"#)?;
    say(&mut server, "a", &register("ann", "0123456789abcdef0123456789abcdef"))?;
    expect(&mut server, "a", r#"{"type":"register","status":"error","message":"That invitation has"#)?;
    say(&mut server, "a", &register("ann", &invite))?;
    expect(&mut server, "a", r#"{"type":"register","status":"ok""#)?;
    // What is left of an invitation outlives a crash.
    let listed = does(binary, &server, &["invite", "list"])?;
    if !listed.starts_with("1\tfor 1\tuntil ") {
        return Err(format!("the list is {listed:?}"));
    }
    let mut server = server.restart_after_kill(binary)?;
    server.connect("b", true)?;
    say(&mut server, "b", &register("ann", &invite))?;
    expect(&mut server, "b", r#"{"type":"register","status":"error","message":"That name is taken"#)?;
    say(&mut server, "b", &register("bob", &invite))?;
    expect(&mut server, "b", r#"{"type":"register","status":"ok""#)?;
    say(&mut server, "b", &register("cyd", &invite))?;
    expect(&mut server, "b", r#"{"type":"register","status":"error","message":"That invitation has"#)?;

    let link = does(binary, &server, &[&["invite", "create"][..], &address].concat())?;
    let invite = link.trim_end().rsplit("&invite=").next().unwrap_or_default().to_owned();
    refuses(binary, &server, &["invite", "revoke", "1"], "there is no invitation 1")?;
    does(binary, &server, &["invite", "revoke", "2"])?;
    say(&mut server, "b", &register("cyd", &invite))?;
    expect(&mut server, "b", r#"{"type":"register","status":"error","message":"That invitation has"#)
}

fn a_login_outlives_a_crash_and_no_other_password(binary: &Path) -> Outcome {
    let mut server = Program::start(binary, &[])?;
    hello(&mut server, "a")?;
    say(&mut server, "a", &credentials("register", "harper"))?;
    expect(&mut server, "a", r#"{"type":"register","status":"ok""#)?;
    say(&mut server, "a", &credentials("login", "harper"))?;
    let token = token_in(&next_frame(&mut server, "a")?)?;
    let mut server = server.restart_after_kill(binary)?;
    hello(&mut server, "b")?;
    say(&mut server, "b", &resume(&token))?;
    let answer = next_frame(&mut server, "b")?;
    if !answer.contains(r#""message":"Welcome back","data":{"username":"harper""#) {
        return Err(format!("the answer is {answer}"));
    }
    expect(&mut server, "b", r#"{"type":"list","status":"ok""#)?;
    // Whatever was made of the answer, this crash too loses nobody.
    let token = token_in(&answer)?;
    let mut server = server.restart_after_kill(binary)?;
    hello(&mut server, "c")?;
    say(&mut server, "c", &resume(&token))?;
    let token = token_in(&next_frame(&mut server, "c")?)?;
    refuses(binary, &server, &["user", "log-out", "nobody"], "there is no account nobody")?;
    does(binary, &server, &["user", "log-out", "harper"])?;
    hello(&mut server, "d")?;
    say(&mut server, "d", &resume(&token))?;
    expect(&mut server, "d", r#"{"type":"resume","status":"error","message":"This login has ended"#)?;
    say(&mut server, "d", &credentials("login", "harper"))?;
    let token = token_in(&next_frame(&mut server, "d")?)?;
    does(binary, &server, &["--pbkdf2-iterations", "1", "user", "reset-password", "harper"])?;
    hello(&mut server, "e")?;
    say(&mut server, "e", &resume(&token))?;
    expect(&mut server, "e", r#"{"type":"resume","status":"error","message":"This login has ended"#)
}

/// Connects, and asks for a login that lasts.
fn hello(server: &mut Program, who: &str) -> Outcome {
    server.connect(who, true)?;
    say(server, who, r#"{"type":"hello","proto":1,"caps":["resume"]}"#)?;
    expect(server, who, r#"{"type":"hello","status":"ok""#)
}

pub(super) fn resume(token: &str) -> String {
    format!(r#"{{"type":"resume","data":{{"token":"{token}"}}}}"#)
}

pub(super) fn token_in(answer: &str) -> Result<String, String> {
    let (_, rest) = answer.split_once(r#""token":""#).ok_or_else(|| format!("no token in {answer}"))?;
    Ok(rest.split('"').next().unwrap_or_default().to_owned())
}

/// Runs a subcommand on a server's data, and returns what it printed.
pub(super) fn does(binary: &Path, server: &Program, command: &[&str]) -> Result<String, String> {
    let (is_done, said, complaint) = call(binary, server, command);
    if is_done { Ok(said) } else { Err(format!("{command:?}: {complaint}")) }
}

/// Runs a subcommand that fails with one line, which contains this.
pub(super) fn refuses(binary: &Path, server: &Program, command: &[&str], reason: &str) -> Outcome {
    let (is_done, said, complaint) = call(binary, server, command);
    let is_a_line = complaint.trim_end().lines().count() == 1;
    if !is_done && said.is_empty() && is_a_line && complaint.contains(reason) {
        Ok(())
    } else {
        Err(format!("{command:?}: nothing about {reason:?} in {said:?} {complaint:?}"))
    }
}

fn call(binary: &Path, server: &Program, command: &[&str]) -> (bool, String, String) {
    let data = server.data();
    let mut all: Vec<&OsStr> = command.iter().map(OsStr::new).collect();
    all.extend([OsStr::new("--data-dir"), data.as_os_str()]);
    let output = run(binary, &all);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}
