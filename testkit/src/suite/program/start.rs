//! Starting, not starting, and stopping.

use std::net::TcpListener;
use std::path::Path;
use std::time::Instant;
use std::{fs, io, thread};

use tempfile::TempDir;

use super::{Outcome, Test, enter, expect, greet, refuses_to_start};
use crate::check::{Next, Stage};
use crate::program::{Client, PATIENCE, POLL, Program, command, free_address};

pub(super) const TESTS: [Test; 8] = [
    ("it listens where it says", it_listens_where_it_says),
    ("nobody has to read where it listens", nobody_has_to_read_where_it_listens),
    ("a taken port is told in a line", a_taken_port_is_told_in_a_line),
    ("a wrong flag is told in a line", a_wrong_flag_is_told_in_a_line),
    ("a folder that is none is told in a line", a_folder_that_is_none_is_told_in_a_line),
    ("a folder serves one server at a time", a_folder_serves_one_server_at_a_time),
    ("an unusable certificate is never replaced", an_unusable_certificate_is_never_replaced),
    ("a signal ends it when all were told", a_signal_ends_it_when_all_were_told),
];

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

/// Whoever started it has read the first line, say, and closed the pipe.
fn nobody_has_to_read_where_it_listens(binary: &Path) -> Outcome {
    let io = |error: io::Error| error.to_string();
    let folder = TempDir::new().map_err(io)?;
    let address = free_address().map_err(io)?;
    let (reader, writer) = io::pipe().map_err(io)?;
    drop(reader);
    let mut child = command(binary)
        .args(["--listen", &address.to_string(), "--pbkdf2-iterations", "1", "--data-dir"])
        .arg(folder.path())
        .stdout(writer)
        .spawn()
        .map_err(io)?;
    let give_up_at = Instant::now() + PATIENCE;
    let outcome = loop {
        if Client::open(address, true).is_ok() {
            break Ok(());
        }
        if let Some(status) = child.try_wait().map_err(io)? {
            break Err(format!("it has ended: {status}"));
        }
        if Instant::now() > give_up_at {
            break Err("it neither listens nor ends".into());
        }
        thread::sleep(POLL);
    };
    let _ = child.kill();
    let _ = child.wait();
    outcome
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

fn a_signal_ends_it_when_all_were_told(binary: &Path) -> Outcome {
    if !cfg!(unix) {
        return Ok(());
    }
    for signal in ["-TERM", "-INT"] {
        let mut server = Program::start(binary, &[])?;
        enter(&mut server, "a", "harper")?;
        greet(&mut server, "b")?;
        server.connect("c", false)?;
        server.signal(signal)?;
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
