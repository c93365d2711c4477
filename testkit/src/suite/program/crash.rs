//! What a crash, a disk that takes nothing more, or a damaged file leaves.

use std::fs;
use std::path::Path;

use super::{Outcome, Test, come_in, credentials, expect, public, refuses_to_start, say};
use crate::check::Stage;
use crate::crashes::crash_again_and_again;
use crate::program::Program;

pub(super) const TESTS: [Test; 4] = [
    ("its identity and accounts outlive a crash", its_identity_and_accounts_outlive_a_crash),
    (
        "who and what was acknowledged is found after every crash",
        what_was_acknowledged_is_found_after_every_crash,
    ),
    ("a disk that fails makes it busy until it works", a_disk_that_fails_makes_it_busy_until_it_works),
    (
        "a damaged database is told in a line and left alone",
        a_damaged_database_is_told_in_a_line_and_left_alone,
    ),
];

fn its_identity_and_accounts_outlive_a_crash(binary: &Path) -> Outcome {
    let mut server = Program::start(binary, &[])?;
    server.connect("a", true)?;
    let before = server.fingerprint("a")?;
    say(&mut server, "a", &credentials("register", "harper"))?;
    expect(&mut server, "a", r#"{"type":"register","status":"ok""#)?;
    let mut server = server.restart_after_kill(binary)?;
    server.connect("a", true)?;
    if server.fingerprint("a")? != before {
        return Err("the server has another key".into());
    }
    say(&mut server, "a", &credentials("login", "Harper"))?;
    expect(
        &mut server,
        "a",
        r#"{"type":"login","status":"ok","message":"Login successful","data":{"username":"harper""#,
    )
}

fn what_was_acknowledged_is_found_after_every_crash(binary: &Path) -> Outcome {
    let report = crash_again_and_again(binary, 10, 4)?;
    if report.kept == 0 || report.delivered == 0 { Err(format!("nobody talked: {report:?}")) } else { Ok(()) }
}

/// The system refuses every byte that a file would grow by, as it does where a quota or a disk is used up.
#[cfg(target_os = "linux")]
fn a_disk_that_fails_makes_it_busy_until_it_works(binary: &Path) -> Outcome {
    let mut server = Program::start(binary, &[])?;
    server.connect("a", true)?;
    say(&mut server, "a", &credentials("register", "harper"))?;
    expect(&mut server, "a", r#"{"type":"register","status":"ok""#)?;
    server.limit_file_bytes(Some(0))?;
    for _ in 0..3 {
        say(&mut server, "a", &credentials("register", "casey"))?;
        expect(
            &mut server,
            "a",
            r#"{"type":"register","status":"error","message":"The server cannot reach its accounts"#,
        )?;
    }
    // What needs no space goes on.
    come_in(&mut server, "a", "harper")?;

    // Nobody hears what cannot be kept.
    say(&mut server, "a", &public("hello"))?;
    let not_kept = r#"{"type":"msg","status":"error","message":"The server cannot write that down"#;
    expect(&mut server, "a", not_kept)?;

    server.limit_file_bytes(None)?;
    say(&mut server, "a", &public("hello"))?;
    expect(&mut server, "a", r#"{"type":"msg","status":"ok""#)?;
    server.connect("b", true)?;
    say(&mut server, "b", &credentials("register", "casey"))?;
    expect(&mut server, "b", r#"{"type":"register","status":"ok""#)?;
    let mut server = server.restart_after_kill(binary)?;
    for name in ["harper", "casey"] {
        server.connect(name, true)?;
        say(&mut server, name, &credentials("login", name))?;
        expect(&mut server, name, r#"{"type":"login","status":"ok""#)?;
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn a_disk_that_fails_makes_it_busy_until_it_works(_: &Path) -> Outcome {
    Ok(())
}

fn a_damaged_database_is_told_in_a_line_and_left_alone(binary: &Path) -> Outcome {
    let mut server = Program::start(binary, &[])?;
    server.connect("a", true)?;
    say(&mut server, "a", &credentials("register", "harper"))?;
    expect(&mut server, "a", r#"{"type":"register","status":"ok""#)?;
    server.kill();
    let database = server.data().join("chatroom.db");
    let data = server.data().display().to_string();
    for damaged in [&b""[..], b"no database", &[0xa7; 8192]] {
        fs::write(&database, damaged).map_err(|error| error.to_string())?;
        refuses_to_start(binary, &["--data-dir", &data], &["chatroom.db", "damaged", "restore a backup"])?;
        if fs::read(&database).map_err(|error| error.to_string())? != damaged {
            return Err("the database is different".into());
        }
    }
    Ok(())
}
