//! Measures whether the time of an answer tells a name that nobody has from a wrong password. Prints figures; passes no
//! judgement.
//!
//! ```sh
//! cargo build --release -p server-smol -p server-std
//! cargo run --release -p testkit --bin unknown_or_wrong -- 60000 target/release/chatroom-server-{smol,std}
//! ```
//!
//! The number is that of a hash's rounds. Fewer make a hash cheaper, and so a difference beside it easier to see.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use testkit::check::Next;
use testkit::program::{Client, Program};
use testkit::transcript::frame;

/// How often each is tried.
const TRIES: usize = 1_000;

fn main() -> Result<(), String> {
    let mut args = std::env::args_os().skip(1);
    let iterations = args.next().and_then(|text| text.into_string().ok()).unwrap_or_default();
    let binaries: Vec<PathBuf> = args.map(PathBuf::from).collect();
    if iterations.parse::<u32>().is_err() || binaries.is_empty() {
        return Err("say how many rounds a hash has, and which server programs to measure".into());
    }
    println!("{:<22} {:>8}  {:<16} {:>9} {:>9} {:>9}", "server", "rounds", "what", "median", "1 %", "99 %");
    for binary in &binaries {
        measure(binary, &iterations)?;
    }
    Ok(())
}

fn measure(binary: &Path, iterations: &str) -> Result<(), String> {
    let config = ["auth_failures_max = 1000000", "auth_connection_failures_max = 0"];
    let server = Program::start_with(
        binary,
        &config.map(|line| format!("limits.{line}")),
        &["--pbkdf2-iterations", iterations],
    )?;
    let mut client = Client::open(server.address(), true)?;
    ask(&mut client, "register", "harper", "of harper")?;
    let mut times = [Vec::new(), Vec::new()];
    let mut answers = [String::new(), String::new()];
    // In turn, so that whatever else the machine does meets both alike.
    for number in 0..TRIES {
        for (which, name) in ["nobody", "harper"].into_iter().enumerate() {
            let start = Instant::now();
            let answer = ask(&mut client, "login", name, &format!("guess {number}"))?;
            times[which].push(start.elapsed());
            answers[which] = answer;
        }
    }
    let name = binary.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let medians = ["unknown name", "wrong password"].into_iter().zip(&mut times).map(|(what, times)| {
        times.sort();
        let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
        println!("{name:<22} {iterations:>8}  {what:<16} {:>9.2?} {:>9.2?} {:>9.2?}", at(50), at(1), at(99));
        at(50)
    });
    let [unknown, wrong] = medians.collect::<Vec<Duration>>()[..] else {
        return Err("two were measured".into());
    };
    let apart = (unknown.as_secs_f64() / wrong.as_secs_f64() - 1.0) * 100.0;
    println!("medians {apart:+.2} % apart; same bytes: {}", answers[0] == answers[1]);
    Ok(())
}

fn ask(client: &mut Client, kind: &str, name: &str, password: &str) -> Result<String, String> {
    let json = format!(r#"{{"type":"{kind}","data":{{"username":"{name}","password":"{password}"}}}}"#);
    client.send(&frame(json.as_bytes()));
    match client.receive()? {
        Next::Frame(json) => Ok(json),
        Next::Closed => Err("disconnected".into()),
    }
}
