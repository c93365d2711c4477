//! What a person or a service manager sees of a server's program.

use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;
use serde_json::Value;
use tempfile::TempDir;

use crate::check::{Next, PASSWORD, Stage};
use crate::program::{Program, run};
use crate::transcript::frame;

pub(super) type Outcome = Result<(), String>;
/// A test's name, and what it does to a server's program.
pub(super) type Test = (&'static str, fn(&Path) -> Outcome);

/// The tests, for a server's program.
pub fn tests(binary: &'static str) -> Vec<Trial> {
    let tests: [Test; 11] = [
        ("it listens where it says", it_listens_where_it_says),
        ("a taken port is told in a line", a_taken_port_is_told_in_a_line),
        ("a wrong flag is told in a line", a_wrong_flag_is_told_in_a_line),
        ("a folder that is none is told in a line", a_folder_that_is_none_is_told_in_a_line),
        ("a folder serves one server at a time", a_folder_serves_one_server_at_a_time),
        ("an unusable certificate is never replaced", an_unusable_certificate_is_never_replaced),
        ("its identity and accounts outlive a crash", its_identity_and_accounts_outlive_a_crash),
        ("a signal ends it when all were told", a_signal_ends_it_when_all_were_told),
        ("nothing private is logged", nothing_private_is_logged),
        ("its log can be lines of JSON", its_log_can_be_lines_of_json),
        ("talk goes on while passwords are hashed", talk_goes_on_while_passwords_are_hashed),
    ];
    let trial =
        |(name, test): (&str, fn(&Path) -> Outcome)| Trial::test(name, move || Ok(test(Path::new(binary))?));
    tests.into_iter().chain(super::crowd::TESTS).map(trial).collect()
}

fn it_listens_where_it_says(binary: &Path) -> Outcome {
    let mut server = Program::start(binary, &[])?;
    if server.address().port() == 0 {
        return Err("port 0 is no port".into());
    }
    enter(&mut server, "a", "harper")?;
    let data = server.data();
    let log = server.kill();
    for what in ["key fingerprint sha256:", "only this machine can connect", &data.display().to_string()] {
        if !log.contains(what) {
            return Err(format!("nothing about {what:?} in:\n{log}"));
        }
    }
    Ok(())
}

fn a_taken_port_is_told_in_a_line(binary: &Path) -> Outcome {
    let taken = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    let address = taken.local_addr().map_err(|error| error.to_string())?.to_string();
    refuses_to_start(binary, &["--listen", &address], &["cannot listen on", &address, "--listen"])
}

fn a_wrong_flag_is_told_in_a_line(binary: &Path) -> Outcome {
    refuses_to_start(binary, &["--prot", "1"], &["'--prot'", "--help"])?;
    refuses_to_start(binary, &["--listen", "here"], &["here", "127.0.0.1:65432"])?;
    refuses_to_start(binary, &["--room", "lobby"], &["lobby"])?;
    refuses_to_start(binary, &["--cert", "/nowhere.pem"], &["--key"])
}

fn a_folder_that_is_none_is_told_in_a_line(binary: &Path) -> Outcome {
    let folder = TempDir::new().map_err(|error| error.to_string())?;
    let file = folder.path().join("file");
    fs::write(&file, "").map_err(|error| error.to_string())?;
    let file = file.display().to_string();
    // The last --data-dir counts.
    refuses_to_start(binary, &["--data-dir", &file], &["data folder", &file])
}

fn a_folder_serves_one_server_at_a_time(binary: &Path) -> Outcome {
    let server = Program::start(binary, &[])?;
    let data = server.data().display().to_string();
    refuses_to_start(binary, &["--data-dir", &data], &["data folder", &data])
}

fn an_unusable_certificate_is_never_replaced(binary: &Path) -> Outcome {
    let folder = TempDir::new().map_err(|error| error.to_string())?;
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let (cert_arg, key_arg) = (cert.display().to_string(), key.display().to_string());
    let flags = ["--cert", cert_arg.as_str(), "--key", key_arg.as_str()];
    refuses_to_start(binary, &flags, &["cert.pem"])?;
    let pair =
        || rcgen::generate_simple_self_signed(["localhost".to_owned()]).map_err(|error| error.to_string());
    let (one, other) = (pair()?, pair()?);
    fs::write(&cert, one.cert.pem()).map_err(|error| error.to_string())?;
    refuses_to_start(binary, &flags, &["key.pem"])?;
    fs::write(&key, other.signing_key.serialize_pem()).map_err(|error| error.to_string())?;
    refuses_to_start(binary, &flags, &["key"])?;
    fs::write(&key, one.signing_key.serialize_pem()).map_err(|error| error.to_string())?;
    let mut server = Program::start_with(binary, &[], &flags)?;
    server.connect("a", true)?;
    let ours = tls::Fingerprint::of_certificate(one.cert.der()).map_err(|error| error.to_string())?;
    let log = server.kill();
    if log.contains(&ours.to_string()) { Ok(()) } else { Err(format!("no {ours} in:\n{log}")) }
}

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

fn a_signal_ends_it_when_all_were_told(binary: &Path) -> Outcome {
    if !cfg!(unix) {
        return Ok(());
    }
    for signal in ["-TERM", "-INT"] {
        let mut server = Program::start(binary, &[])?;
        enter(&mut server, "a", "harper")?;
        greet(&mut server, "b")?;
        server.connect("c", false)?;
        // The shell has its own `kill`; a small system may have no other.
        let kill = Command::new("sh").args(["-c", &format!("kill {signal} {}", server.id())]).status();
        kill.map_err(|error| format!("kill: {error}"))?;
        for who in ["a", "b"] {
            expect(
                &mut server,
                who,
                r#"{"type":"error","status":"error","message":"The server is shutting down","code":"shutting_down"}"#,
            )?;
            if server.next(who)? != Next::Closed {
                return Err(format!("{who} is still connected"));
            }
        }
        // Their own end is heard at once; the one without a handshake is dropped.
        for who in ["a", "b", "c"] {
            server.leave(who)?;
        }
        let (code, log) = server.wait()?;
        if code != Some(0) {
            return Err(format!("{signal}: it ended with {code:?} and said:\n{log}"));
        }
    }
    Ok(())
}

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

/// A hash is made slow here, and forty of them wait. If talk waited for them, they would all be answered by its end.
fn talk_goes_on_while_passwords_are_hashed(binary: &Path) -> Outcome {
    let mut server = Program::start(binary, &["message-rate = 0".into()])?;
    enter(&mut server, "a", "harper")?;
    let mut server = server.restart_with(binary, &["--pbkdf2-iterations", "4000000"])?;
    // A cheap hash costs what one costs today, and one of today is made of it; the answer comes in between.
    server.connect("a", true)?;
    say(&mut server, "a", &credentials("login", "harper"))?;
    expect(&mut server, "a", r#"{"type":"login","status":"ok""#)?;
    expect(&mut server, "a", r#"{"type":"list""#)?;
    say(&mut server, "a", r#"{"type":"enter","data":{"room":"example"}}"#)?;
    expect(&mut server, "a", r#"{"type":"enter","status":"ok""#)?;
    expect(&mut server, "a", r#"{"type":"list_room""#)?;
    for number in 0..40 {
        let who = format!("busy {number}");
        server.connect(&who, true)?;
        say(&mut server, &who, &credentials("login", "nobody"))?;
    }
    for number in 0..50 {
        say(&mut server, "a", &public(&format!("number {number}")))?;
        expect(&mut server, "a", r#"{"type":"msg","status":"ok""#)?;
    }
    let mut answered = 0;
    for number in 0..40 {
        answered += usize::from(server.has_news(&format!("busy {number}"))?);
    }
    if answered < 40 { Ok(()) } else { Err("fifty messages took as long as forty slow hashes".into()) }
}

/// Connects, registers, logs in and enters the room that is always there.
pub(super) fn enter(server: &mut Program, who: &str, name: &str) -> Outcome {
    server.connect(who, true)?;
    say(server, who, &credentials("register", name))?;
    expect(server, who, r#"{"type":"register","status":"ok""#)?;
    say(server, who, &credentials("login", name))?;
    expect(server, who, r#"{"type":"login","status":"ok""#)?;
    expect(server, who, r#"{"type":"list""#)?;
    say(server, who, r#"{"type":"enter","data":{"room":"example"}}"#)?;
    expect(server, who, r#"{"type":"enter","status":"ok""#)?;
    expect(server, who, r#"{"type":"list_room""#)
}

/// Connects, and hears from the server: it too has its handshake behind it.
pub(super) fn greet(server: &mut Program, who: &str) -> Outcome {
    server.connect(who, true)?;
    say(server, who, r#"{"type":"list"}"#)?;
    expect(server, who, r#"{"type":"list","status":"error""#)
}

pub(super) fn credentials(kind: &str, name: &str) -> String {
    format!(r#"{{"type":"{kind}","data":{{"username":"{name}","password":"{PASSWORD}"}}}}"#)
}

pub(super) fn public(text: &str) -> String {
    format!(r#"{{"type":"msg","data":{{"to":"public","text":"{text}"}}}}"#)
}

pub(super) fn say(server: &mut Program, who: &str, json: &str) -> Outcome {
    server.send(who, &frame(json.as_bytes()))
}

/// The next thing somebody gets is a frame that begins like this.
pub(super) fn expect(server: &mut Program, who: &str, beginning: &str) -> Outcome {
    let json = next_frame(server, who)?;
    if json.starts_with(beginning) {
        Ok(())
    } else {
        Err(format!("{who} expected {beginning} and got {json:.200}"))
    }
}

pub(super) fn next_frame(server: &mut Program, who: &str) -> Result<String, String> {
    match server.next(who)? {
        Next::Frame(json) => Ok(json),
        Next::Closed => Err(format!("{who} was disconnected")),
    }
}

/// The program ends with an error, and its reason is one line that contains all this.
fn refuses_to_start(binary: &Path, flags: &[&str], reason: &[&str]) -> Outcome {
    let folder = TempDir::new().map_err(|error| error.to_string())?;
    let data = folder.path().join("data");
    let mut all: Vec<&OsStr> = flags.iter().map(OsStr::new).collect();
    if !flags.contains(&"--data-dir") {
        all.extend([OsStr::new("--data-dir"), data.as_os_str()]);
    }
    all.extend(["--pbkdf2-iterations", "1", "--log-level", "error"].map(OsStr::new));
    if !flags.contains(&"--listen") {
        all.extend(["--listen", "127.0.0.1:0"].map(OsStr::new));
    }
    let output = run(binary, &all);
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() || !output.stdout.is_empty() {
        return Err(format!("{flags:?}: it started, and said:\n{said}"));
    }
    let is_a_line = said.trim_end().lines().count() == 1;
    match reason.iter().find(|part| !said.contains(**part)) {
        None if is_a_line => Ok(()),
        None => Err(format!("{flags:?}: more than a line:\n{said}")),
        Some(part) => Err(format!("{flags:?}: nothing about {part:?} in:\n{said}")),
    }
}
