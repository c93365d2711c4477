//! Counts the instructions of the core's hot paths, and of sealing, with callgrind, and measures how long they take.
//! Counts repeat from run to run, which times do not; what differs from one commit to the next is the code.
//!
//! ```sh
//! apt-get install valgrind
//! cargo run --release -p testkit --bin instructions
//! ```

use std::hint::black_box;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use chatroom_core::frame::{Decoder, Frame};
use chatroom_core::hub::{self, ConnId, Deliveries, Hub, Mail, Mailbox};
use chatroom_core::limits::Limits;
use chatroom_core::message::hello::Caps;
use chatroom_core::message::request::{self, Head, Request};
use chatroom_core::message::{Envelope, Text};
use chatroom_core::name::{Account, NameKey, RoomName, UserName};
use clap::Parser;
use server_common::keys::{name_key, name_look};
use testkit::{page, pipes};

/// Counts instructions and measures times.
#[derive(Parser)]
struct Arguments {
    /// The page in which the table takes the place of what is between `<!-- core -->` and `<!-- end of core -->`.
    #[arg(long)]
    page: Option<PathBuf>,
    /// Does this one alone, once, where callgrind can see it.
    #[arg(long, hide = true)]
    only: Option<usize>,
}

/// A hot path.
struct Case {
    name: &'static str,
    /// How often one call of `work` goes along it.
    times: u32,
    work: Box<dyn FnMut()>,
}

fn main() -> ExitCode {
    testkit::exit_code("instructions", try_main(&Arguments::parse()))
}

fn try_main(arguments: &Arguments) -> Result<(), String> {
    let mut cases = cases();
    if let Some(number) = arguments.only {
        let case = cases.get_mut(number).ok_or("there is no such case")?;
        // What is made when it is needed first has been made then.
        (case.work)();
        counted(&mut case.work);
        return Ok(());
    }
    let mut table = "| | instructions | time |\n|---|---:|---:|\n".to_owned();
    for (number, case) in cases.iter_mut().enumerate() {
        let instructions = instructions(number)? / u64::from(case.times);
        let time = time(&mut case.work) / case.times;
        table += &format!("| {} | {instructions} | {time:.2?} |\n", case.name);
    }
    print!("{table}");
    arguments.page.as_ref().map_or(Ok(()), |file| page::replace(file, "core", &table))
}

/// All that callgrind counts. It is found by its name.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
}

/// Lets callgrind count one call of a case, in this program, in a process of its own.
fn instructions(number: usize) -> Result<u64, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--toggle-collect=instructions::counted*",
        ])
        .arg(program)
        .args(["--only", &number.to_string()])
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let count = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    count.ok_or_else(|| format!("valgrind counted nothing, and said:\n{said}"))
}

/// The median of the calls of a second.
fn time(work: &mut dyn FnMut()) -> Duration {
    let end = Instant::now() + Duration::from_secs(1);
    let mut times = Vec::new();
    while Instant::now() < end {
        let start = Instant::now();
        work();
        times.push(start.elapsed());
    }
    times.sort();
    times[times.len() / 2]
}

fn cases() -> Vec<Case> {
    let case = |name, times, work| Case { name, times, work };
    vec![
        case("a frame is cut out of a stream", FRAMES, cut_out(|frame| _ = black_box(frame))),
        case("and is read and checked as a message", FRAMES, cut_out(read_and_check)),
        case("the hub hands it to 10 members", REPEATS, hand_out(10)),
        case("to 100 members", REPEATS, hand_out(100)),
        case("to 1,000 members", REPEATS, hand_out(1_000)),
        case("into a mailbox and out again", REPEATS, mail()),
        // A handshake is not the same each time, so these come last.
        case("a message is sealed", REPEATS, seal(1)),
        case("16 messages are sealed as one record", REPEATS, seal(16)),
    ]
}

fn message() -> Frame {
    let text = Text::parse("x".repeat(TEXT_BYTES)).expect("that is a text");
    request::encode_msg("harper", None, &text)
}

fn cut_out(mut then: impl FnMut(&[u8]) + 'static) -> Box<dyn FnMut()> {
    let stream = message().repeat(FRAMES as usize);
    let limits = Limits::default();
    let mut decoder = Decoder::default();
    Box::new(move || {
        decoder.extend(&stream);
        while let Ok(Some(frame)) = decoder.decode(limits.frame_bytes_max) {
            then(frame);
        }
    })
}

fn read_and_check(frame: &[u8]) {
    let envelope = Envelope::decode(frame).expect("it is an object");
    let kind = Head::decode(&envelope).ok().and_then(|head| head.kind).expect("it has a type");
    black_box(Request::decode(kind, &envelope, Caps::default()).is_ok());
}

/// What the hub decides, without the mailboxes.
fn hand_out(members: usize) -> Box<dyn FnMut()> {
    let (mut hub, speaker) = room(members);
    let frame = message();
    let mut deliveries = Deliveries::new();
    Box::new(move || {
        for _ in 0..REPEATS {
            let say = hub::Command::Say(frame.clone());
            hub.apply(chatroom_core::Instant::default(), speaker, say, &mut deliveries);
            black_box(deliveries.len());
            deliveries.clear();
        }
    })
}

fn room(members: usize) -> (Hub, ConnId) {
    let now = chatroom_core::Instant::default();
    let limits = Limits { message_rate: 0, ..Limits::default() };
    let den = RoomName::parse("den").expect("that is a name");
    let mut hub = Hub::new(now, limits, name_key, name_look, std::slice::from_ref(&den));
    let mut deliveries = Deliveries::new();
    let mut come_in = |number| {
        let id = hub.connect(&mut deliveries).expect("there is room");
        let name = UserName::parse(&format!("user{number}")).expect("that is a name");
        let account = Account::new(name_key, name).expect("it is not reserved");
        hub.apply(now, id, hub::Command::Login(account, Caps::default(), None), &mut deliveries);
        hub.apply(now, id, hub::Command::Enter(NameKey::new(name_key, "den"), den.clone()), &mut deliveries);
        id
    };
    let ids: Vec<ConnId> = (0..members).map(&mut come_in).collect();
    (hub, ids[0])
}

fn mail() -> Box<dyn FnMut()> {
    let mut mailbox = Mailbox::new(usize::MAX);
    let frame = message();
    Box::new(move || {
        for _ in 0..REPEATS {
            mailbox.push(Mail::Frame(frame.clone()));
            black_box(mailbox.pop());
        }
    })
}

fn seal(messages: usize) -> Box<dyn FnMut()> {
    let (mut server, _) = pipes::pair();
    let frames = vec![message(); messages];
    let mut wire = Vec::new();
    Box::new(move || {
        for _ in 0..REPEATS {
            wire.clear();
            server.seal(&frames, &mut wire);
        }
    })
}

/// Bytes of a text: a line.
const TEXT_BYTES: usize = 64;
/// Frames of a stream.
const FRAMES: u32 = 400;
/// So often that the clock's own time does not show.
const REPEATS: u32 = 100;
