//! What who runs and watches a server does while it serves.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use tempfile::TempDir;

use super::{Outcome, Test, credentials, enter, expect, public, refuses_to_start, say};
use crate::check::{PASSWORD, Stage};
#[cfg(unix)]
use crate::process;
use crate::program::Program;

pub(super) const TESTS: [Test; 6] = [
    ("its metrics count and name nobody", its_metrics_count_and_name_nobody),
    ("its metrics are for this machine alone", its_metrics_are_for_this_machine_alone),
    (
        "it takes over another configuration and loses nobody",
        it_takes_over_another_configuration_and_loses_nobody,
    ),
    ("it shows another certificate and loses nobody", it_shows_another_certificate_and_loses_nobody),
    (
        "a service manager hears of it and hands it sockets",
        a_service_manager_hears_of_it_and_hands_it_sockets,
    ),
    ("its memory is not written to disk", its_memory_is_not_written_to_disk),
];

fn its_metrics_count_and_name_nobody(binary: &Path) -> Outcome {
    let mut server = Program::start_watched(binary, &[])?;
    enter(&mut server, "a", "harper")?;
    enter(&mut server, "b", "casey")?;
    expect(&mut server, "a", r#"{"type":"list_room""#)?;
    say(&mut server, "a", &public("hello"))?;
    for who in ["a", "b"] {
        expect(&mut server, who, r#"{"type":"msg","status":"ok""#)?;
    }
    say(&mut server, "b", r#"{"type":"logout"}"#)?;
    expect(&mut server, "b", r#"{"type":"logout","status":"error""#)?;
    let page = server.page("/metrics")?;
    for line in [
        "chatroom_connections 2",
        "chatroom_users 2",
        "chatroom_rooms 2",
        "chatroom_messages_total 1",
        "chatroom_deliveries_total 2",
        "chatroom_refusals_total{code=\"wrong_state\"} 1",
        "chatroom_password_hash_seconds_count 4",
    ] {
        if !page.lines().any(|found| found == line) {
            return Err(format!("no {line} in\n{page}"));
        }
    }
    // Two registrations and a message; where somebody logged in from is written when the answer is on its way already.
    let commits = server.metric("commit_seconds_count")?;
    if !(3..=5).contains(&commits) {
        return Err(format!("there were {commits} commits"));
    }
    for private in ["harper", "casey", "example", "hello", "127.0.0.1", PASSWORD] {
        if page.contains(private) {
            return Err(format!("{private} is in\n{page}"));
        }
    }
    let health = server.page("/healthz")?;
    if health.starts_with("HTTP/1.0 200 ") && health.ends_with("\r\n\r\nok\n") { Ok(()) } else { Err(health) }
}

fn its_metrics_are_for_this_machine_alone(binary: &Path) -> Outcome {
    refuses_to_start(binary, &["--metrics", "0.0.0.0:0"], &["--metrics", "0.0.0.0:0", "127.0.0.1:9464"])
}

fn it_takes_over_another_configuration_and_loses_nobody(binary: &Path) -> Outcome {
    if !cfg!(unix) {
        return Ok(());
    }
    let mut server = Program::start(binary, &[])?;
    enter(&mut server, "a", "harper")?;
    server.write_config(&[
        "registration = \"closed\"".into(),
        "log-level = \"debug\"".into(),
        "room = [\"other\"]".into(),
        "[limits]\nmessage_rate = 1\nmessage_burst = 2".into(),
    ])?;
    server.signal("-HUP")?;
    server.wait_for_log("message_rate 10 to 1")?;
    server.wait_for_log("these changes need a restart: room")?;
    server.connect("b", true)?;
    let registration_is_closed = |server: &mut Program| {
        say(server, "b", &credentials("register", "casey"))?;
        let no = r#"{"type":"register","status":"error","message":"This server takes no new accounts"#;
        expect(server, "b", no)
    };
    registration_is_closed(&mut server)?;
    server.wait_for_log("DEBUG")?;

    server.write_config(&["registration = 7".into()])?;
    server.signal("-HUP")?;
    server.wait_for_log("nothing was reloaded")?;
    registration_is_closed(&mut server)?;
    // Who was there still is, and is held to the new limit.
    for _ in 0..2 {
        say(&mut server, "a", &public("still here"))?;
        expect(&mut server, "a", r#"{"type":"msg","status":"ok""#)?;
    }
    say(&mut server, "a", &public("once too often"))?;
    expect(&mut server, "a", r#"{"type":"msg","status":"error","message":"You send messages too fast"#)
}

fn it_shows_another_certificate_and_loses_nobody(binary: &Path) -> Outcome {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = TempDir::new().map_err(|error| error.to_string())?;
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let write = || -> Outcome {
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()])
            .map_err(|error| error.to_string())?;
        fs::write(&cert, pair.cert.pem()).map_err(|error| error.to_string())?;
        fs::write(&key, pair.signing_key.serialize_pem()).map_err(|error| error.to_string())
    };
    write()?;
    let (cert_arg, key_arg) = (cert.display().to_string(), key.display().to_string());
    let mut server = Program::start_with(binary, &[], &["--cert", &cert_arg, "--key", &key_arg])?;
    enter(&mut server, "a", "harper")?;
    let first = server.fingerprint("a")?;

    fs::write(&cert, "not yet").map_err(|error| error.to_string())?;
    server.signal("-HUP")?;
    server.wait_for_log("nothing was reloaded")?;
    server.connect("b", true)?;
    if server.fingerprint("b")? != first {
        return Err("a certificate that cannot be read replaced the one there was".into());
    }

    write()?;
    server.signal("-HUP")?;
    server.wait_for_log("reloaded; changed: nothing")?;
    server.connect("c", true)?;
    if server.fingerprint("c")? == first {
        return Err("the certificate is still the old one".into());
    }
    say(&mut server, "a", &public("still here"))?;
    expect(&mut server, "a", r#"{"type":"msg","status":"ok""#)
}

/// The part of systemd is played by this test: a socket that hears, one that is handed over, and a watchdog.
#[cfg(unix)]
fn a_service_manager_hears_of_it_and_hands_it_sockets(binary: &Path) -> Outcome {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixDatagram;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    let io = |error: std::io::Error| error.to_string();
    let folder = TempDir::new().map_err(io)?;
    let hears = folder.path().join("notify");
    let manager = UnixDatagram::bind(&hears).map_err(io)?;
    manager.set_read_timeout(Some(Duration::from_secs(30))).map_err(io)?;
    let listener = TcpListener::bind("127.0.0.1:0").map_err(io)?;
    let address = listener.local_addr().map_err(io)?;
    // The manager's sockets begin at descriptor 3, and are for the process that has this id when it runs.
    let script = "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$0\" \"$@\"";
    let mut child = Command::new("sh")
        .args(["-c", script])
        .arg(binary)
        .args(["--pbkdf2-iterations", "1", "--log-level", "error", "--data-dir"])
        .arg(folder.path().join("data"))
        .env("NOTIFY_SOCKET", &hears)
        .env("WATCHDOG_USEC", "200000")
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(Stdio::piped())
        .spawn()
        .map_err(io)?;
    let hear = |wanted: &str| -> Outcome {
        let mut buffer = [0; 1024];
        loop {
            let count =
                manager.recv(&mut buffer).map_err(|error| format!("{wanted} was not said: {error}"))?;
            if String::from_utf8_lossy(&buffer[..count]).lines().any(|line| line == wanted) {
                return Ok(());
            }
        }
    };
    let outcome = (|| {
        hear("READY=1")?;
        hear("WATCHDOG=1")?;
        TcpStream::connect(address).map_err(io)?;
        process::signal(child.id(), "-HUP")?;
        hear("RELOADING=1")?;
        hear("READY=1")?;
        hear("WATCHDOG=1")?;
        process::signal(child.id(), "-TERM")?;
        hear("STOPPING=1")
    })();
    if outcome.is_err() {
        let _ = child.kill();
    }
    let output = child.wait_with_output().map_err(io)?;
    outcome?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if said == format!("listening on {address}\n") { Ok(()) } else { Err(format!("it said {said:?}")) }
}

#[cfg(not(unix))]
fn a_service_manager_hears_of_it_and_hands_it_sockets(_: &Path) -> Outcome {
    Ok(())
}

fn its_memory_is_not_written_to_disk(binary: &Path) -> Outcome {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let server = Program::start(binary, &[])?;
    let limits =
        fs::read_to_string(format!("/proc/{}/limits", server.id())).map_err(|error| error.to_string())?;
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap_or_default();
    let numbers: Vec<_> = core.split_whitespace().filter(|word| *word == "0").collect();
    if numbers.len() == 2 { Ok(()) } else { Err(format!("core dumps are limited by {core:?}")) }
}
