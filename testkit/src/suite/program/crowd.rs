//! What crowds, slow readers, guessers and the dead do to others: nothing.

#[cfg(target_os = "linux")]
use std::fs;
use std::path::Path;
#[cfg(target_os = "linux")]
use std::thread;
#[cfg(target_os = "linux")]
use std::time::Duration;

#[cfg(target_os = "linux")]
use server_common::admission::connections_max;
#[cfg(target_os = "linux")]
use server_common::turn::threads;

use super::{Outcome, Test, come_in, credentials, enter, expect, greet, next_frame, public, say};
use crate::check::{Next, Stage};
use crate::program::Program;
#[cfg(target_os = "linux")]
use crate::stopped_readers::{Load, whisper_to_stopped_readers};

pub(super) const TESTS: [Test; 10] = [
    ("unfinished handshakes delay nobody", unfinished_handshakes_delay_nobody),
    ("a reader that stops delays nobody", a_reader_that_stops_delays_nobody),
    ("what waits for all together is bounded", what_waits_for_all_together_is_bounded),
    ("those without a login give way", those_without_a_login_give_way),
    ("one address has so many connections without a login", one_address_has_so_many_without_a_login),
    ("descriptors are kept back for files", descriptors_are_kept_back_for_files),
    ("accepting pauses while there are no descriptors", accepting_pauses_while_there_are_no_descriptors),
    ("a client that is gone without a word is noticed", a_client_that_is_gone_without_a_word_is_noticed),
    ("talk goes on while passwords are hashed", talk_goes_on_while_passwords_are_hashed),
    ("each login ends the one before", each_login_ends_the_one_before),
];

/// Were a handshake to hold up accepting, five hundred of them would for over an hour; nobody waits that long here.
/// Only so many are kept: the oldest give way, also to the newcomer, who is served.
fn unfinished_handshakes_delay_nobody(binary: &Path) -> Outcome {
    // None of them ends for being slow while this looks.
    let config = ["message-rate = 0".into(), "limits.handshake_ms_max = 600000".into()];
    let mut server = Program::start(binary, &config)?;
    enter(&mut server, "a", "harper")?;
    for number in 0..500 {
        server.connect(&format!("crowd {number}"), false)?;
        // Half of them begin: five bytes of a record, and then nothing.
        if number % 2 == 0 {
            server.send_past_tls(&format!("crowd {number}"), &[0x16, 0x03, 0x01, 0x02, 0x00])?;
        }
    }
    enter(&mut server, "b", "casey")?;
    expect(&mut server, "a", r#"{"type":"list_room""#)?;
    closed(&mut server, "crowd 0")?;
    closed(&mut server, "crowd 244")?;
    if server.has_news("crowd 245")? || server.has_news("crowd 499")? {
        return Err("more of the crowd were sent away than those for whom there is no room".into());
    }
    for number in 0..50 {
        let text = format!("number {number}");
        say(&mut server, "a", &public(&text))?;
        for who in ["a", "b"] {
            expect(
                &mut server,
                who,
                &format!(
                    r#"{{"type":"msg","status":"ok","data":{{"to":"public","from":"harper","text":"{text}"}}}}"#
                ),
            )?;
        }
    }
    Ok(())
}

/// Two hundred times, for what one connection's login does to another may happen anywhere: while it is read, when the
/// password turns out right, or as the connection goes from one thread to the next.
fn each_login_ends_the_one_before(binary: &Path) -> Outcome {
    let mut server = Program::start(binary, &["message-rate = 0".into()])?;
    enter(&mut server, "0", "harper")?;
    for number in 1..=200 {
        let (before, now) = ((number - 1).to_string(), number.to_string());
        server.connect(&now, true)?;
        say(&mut server, &now, &credentials("login", "harper"))?;
        expect(&mut server, &now, r#"{"type":"login","status":"ok""#)?;
        // Who is where may have come first.
        while next_frame(&mut server, &before)?.contains(r#""type":"list"#) {}
        closed(&mut server, &before)?;
    }
    Ok(())
}

fn a_reader_that_stops_delays_nobody(binary: &Path) -> Outcome {
    let config = ["message-rate = 0".into(), "limits.outbox_bytes_max = 524288".into()];
    let mut server = Program::start(binary, &config)?;
    enter(&mut server, "a", "harper")?;
    enter(&mut server, "slow", "robin")?;
    expect(&mut server, "a", r#"{"type":"list_room""#)?;
    enter(&mut server, "b", "casey")?;
    expect(&mut server, "a", r#"{"type":"list_room""#)?;
    // More than the outbox and what two sockets' buffers hold. Nobody reads for the slow one.
    let text = "x".repeat(4000);
    let mut dropped = 0;
    for number in 0..8000 {
        say(&mut server, "a", &public(&format!("{number} {text}")))?;
        for who in ["a", "b"] {
            let mut json = next_frame(&mut server, who)?;
            if json.starts_with(r#"{"type":"list_room""#) {
                if json.contains("robin") {
                    return Err(format!("{who} got {json}"));
                }
                dropped += 1;
                json = next_frame(&mut server, who)?;
            }
            if !json.contains(&format!(r#""text":"{number} "#)) {
                return Err(format!("{who} waited for message {number} and got {json:.80}"));
            }
        }
        if dropped == 2 {
            return Ok(());
        }
    }
    Err("the slow one is still in the room".into())
}

/// Each of the readers is below its own limit when all of them together are above theirs; then the longest go.
#[cfg(target_os = "linux")]
fn what_waits_for_all_together_is_bounded(binary: &Path) -> Outcome {
    let config = vec![
        "message-rate = 0".into(),
        "limits.register_per_minute = 0".into(),
        format!("limits.outbox_total_bytes_max = {WAITING_MAX}"),
    ];
    let report = whisper_to_stopped_readers(binary, &Load { config, readers: 4, whispers: 4_000 })?;
    if report.dropped != 4 {
        return Err(format!("somebody was not dropped: {report:?}"));
    }
    // What comes last is put in before it is looked whether there is too much.
    if report.queued_max > WAITING_MAX + 8 * 1024 {
        return Err(format!("more than may has waited: {report:?}"));
    }
    Ok(())
}

#[cfg(target_os = "linux")]
const WAITING_MAX: u64 = 1024 * 1024;

#[cfg(not(target_os = "linux"))]
fn what_waits_for_all_together_is_bounded(_: &Path) -> Outcome {
    Ok(())
}

fn those_without_a_login_give_way(binary: &Path) -> Outcome {
    let mut server = Program::start(binary, &["limits.connections_max = 8".into()])?;
    enter(&mut server, "a", "harper")?;
    for number in 0..20 {
        greet(&mut server, &format!("idle {number}"))?;
    }
    // Four may be without a login: of twenty, and one who will log in, the last four are left.
    enter(&mut server, "b", "casey")?;
    expect(&mut server, "a", r#"{"type":"list_room""#)?;
    for number in 0..17 {
        let who = format!("idle {number}");
        expect(
            &mut server,
            &who,
            r#"{"type":"error","status":"error","message":"Too many wait without logging in"#,
        )?;
        closed(&mut server, &who)?;
    }
    for number in 17..20 {
        let who = format!("idle {number}");
        say(&mut server, &who, r#"{"type":"list"}"#)?;
        expect(&mut server, &who, r#"{"type":"list","status":"error""#)?;
    }
    Ok(())
}

fn one_address_has_so_many_without_a_login(binary: &Path) -> Outcome {
    let mut server = Program::start(binary, &["limits.loopback_is_exempt = false".into()])?;
    enter(&mut server, "a", "harper")?;
    for number in 0..16 {
        greet(&mut server, &format!("visitor {number}"))?;
    }
    for number in 0..50 {
        let who = format!("crowd {number}");
        server.connect(&who, false)?;
        closed(&mut server, &who)?;
    }
    // One logs in, and makes room for another.
    say(&mut server, "visitor 0", &credentials("register", "casey"))?;
    expect(&mut server, "visitor 0", r#"{"type":"register","status":"ok""#)?;
    say(&mut server, "visitor 0", &credentials("login", "casey"))?;
    expect(&mut server, "visitor 0", r#"{"type":"login","status":"ok""#)?;
    greet(&mut server, "b")?;
    let log = server.kill();
    match log.matches("turned away").count() {
        1 if log.contains("limits.address_visitors_max") => Ok(()),
        lines => Err(format!("fifty were turned away, in {lines} lines:\n{log}")),
    }
}

/// More come than this process may open files, and most of them are told to go and do not. An account can still be
/// made, for which a file is written.
#[cfg(target_os = "linux")]
fn descriptors_are_kept_back_for_files(binary: &Path) -> Outcome {
    let mut server = Program::start_with_descriptors(binary, 200)?;
    enter(&mut server, "a", "harper")?;
    for number in 0..200 {
        // Who is beyond the limit is not greeted, and that is all right.
        let _ = greet(&mut server, &format!("crowd {number}"));
    }
    for request in ["exit", "logout"] {
        say(&mut server, "a", &format!(r#"{{"type":"{request}"}}"#))?;
    }
    say(&mut server, "a", &credentials("register", "casey"))?;
    for answer in ["exit", "list", "logout", "register"] {
        expect(&mut server, "a", &format!(r#"{{"type":"{answer}","status":"ok""#))?;
    }
    let log = server.kill();
    let connections = connections_max(200 - 64 - 3 * threads());
    let is_told =
        log.contains(&format!("may open 200 files, so it serves {connections} connections and not"));
    if is_told && !log.contains("accepting pauses") { Ok(()) } else { Err(format!("the log says:\n{log}")) }
}

#[cfg(not(target_os = "linux"))]
fn descriptors_are_kept_back_for_files(_: &Path) -> Outcome {
    Ok(())
}

/// The system's lack of descriptors is made by taking the process's away while it runs.
#[cfg(target_os = "linux")]
fn accepting_pauses_while_there_are_no_descriptors(binary: &Path) -> Outcome {
    let mut server = Program::start(binary, &[])?;
    enter(&mut server, "a", "harper")?;
    let process = Path::new("/proc").join(server.id().to_string());
    let open = fs::read_dir(process.join("fd")).map_err(|error| error.to_string())?.count();
    limit_descriptors(server.id(), open + 3)?;
    for number in 0..10 {
        server.connect(&format!("crowd {number}"), false)?;
    }
    // Three are in, seven wait at the door. Who is in is served as ever; the processor has nothing to do.
    let before = processor_ticks(&process)?;
    for number in 0..20 {
        say(&mut server, "a", &public(&format!("number {number}")))?;
        expect(&mut server, "a", r#"{"type":"msg","status":"ok""#)?;
        thread::sleep(Duration::from_millis(50));
    }
    let spent = processor_ticks(&process)? - before;
    if spent > 25 {
        return Err(format!("a second of pausing took {spent} hundredths of a second of the processor"));
    }
    for number in 0..10 {
        server.leave(&format!("crowd {number}"))?;
    }
    enter(&mut server, "b", "casey")?;
    expect(&mut server, "a", r#"{"type":"list_room""#)?;
    let log = server.kill();
    match log.matches("accepting pauses").count() {
        1 => Ok(()),
        lines => Err(format!("one pause is told of in {lines} lines:\n{log}")),
    }
}

/// Lets a running process open so many files, and no more.
#[cfg(target_os = "linux")]
fn limit_descriptors(id: u32, descriptors: usize) -> Outcome {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw).ok_or("that is no process")?;
    let limit = Some(descriptors as u64);
    prlimit(Some(pid), Resource::Nofile, Rlimit { current: limit, maximum: limit })
        .map(drop)
        .map_err(|error| format!("the limit cannot be set: {error}"))
}

/// Hundredths of a second that a process has computed so far.
#[cfg(target_os = "linux")]
fn processor_ticks(process: &Path) -> Result<u64, String> {
    let stat = fs::read_to_string(process.join("stat")).map_err(|error| error.to_string())?;
    // The name, in parentheses, may contain anything; utime and stime are the 12th and 13th after it.
    let (_, fields) = stat.rsplit_once(')').ok_or("no name")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    ticks.sum::<Result<u64, _>>().map_err(|error| error.to_string())
}

#[cfg(not(target_os = "linux"))]
fn accepting_pauses_while_there_are_no_descriptors(_: &Path) -> Outcome {
    Ok(())
}

/// One client hears nothing any more, not even that it is asked whether it is there; another only has nothing to say.
#[cfg(target_os = "linux")]
fn a_client_that_is_gone_without_a_word_is_noticed(binary: &Path) -> Outcome {
    let config = ["limits.silent_probe_ms = 1000".into(), "limits.silent_gone_ms = 5000".into()];
    let mut server = Program::start(binary, &config)?;
    enter(&mut server, "a", "harper")?;
    enter(&mut server, "dead", "robin")?;
    expect(&mut server, "a", r#"{"type":"list_room""#)?;
    enter(&mut server, "silent", "casey")?;
    for who in ["a", "dead"] {
        expect(&mut server, who, r#"{"type":"list_room""#)?;
    }
    let drop_all = [socket2::SockFilter::new(RETURN, 0, 0, 0)];
    let deaf = socket2::SockRef::from(server.stream("dead")?).attach_filter(&drop_all);
    deaf.map_err(|error| format!("no filter: {error}"))?;
    for who in ["a", "silent"] {
        let list = next_frame(&mut server, who)?;
        if list.contains("robin") || !list.contains("casey") {
            return Err(format!("{who} got {list}"));
        }
    }
    say(&mut server, "silent", &public("still here"))?;
    expect(&mut server, "a", r#"{"type":"msg","status":"ok""#)
}

/// The instruction of a packet filter that ends it: the next number says how much of the packet is let through.
#[cfg(target_os = "linux")]
const RETURN: u16 = 0x06;

#[cfg(not(target_os = "linux"))]
fn a_client_that_is_gone_without_a_word_is_noticed(_: &Path) -> Outcome {
    Ok(())
}

/// A hash is made slow here, and forty of them wait. If talk waited for them, they would all be answered by its end.
fn talk_goes_on_while_passwords_are_hashed(binary: &Path) -> Outcome {
    let mut server = Program::start(binary, &["message-rate = 0".into()])?;
    enter(&mut server, "a", "harper")?;
    let mut server = server.restart_with(binary, &["--pbkdf2-iterations", "4000000"])?;
    // A cheap hash costs what one costs today, and one of today is made of it; the answer comes in between.
    server.connect("a", true)?;
    come_in(&mut server, "a", "harper")?;
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

fn closed(server: &mut Program, who: &str) -> Outcome {
    match server.next(who)? {
        Next::Closed => Ok(()),
        next @ Next::Frame(_) => Err(format!("{who} is still connected and got {next:?}")),
    }
}
