//! Every transcript, as a test of its own.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use server_common::config::{self, Config};
use tempfile::TempDir;
use tls::ServerConfig;

use crate::check::{Cut, check, is_recording, record, transcripts};
use crate::program::Program;
use crate::recorded;
use crate::transcript::Transcript;
use crate::world::{Link, World};

/// A test for each transcript: a real server, frame by frame, whole, and byte by byte.
pub fn transcript_tests(binary: &'static str) -> Vec<Trial> {
    let binary = Path::new(binary);
    let mut tests = each_transcript(move |_, text| {
        let transcript = Transcript::parse(text)?;
        for cut in [Cut::Frames, Cut::Whole, Cut::Bytes] {
            // All that is ever logged, so that it can be seen that no password is.
            let mut server = Program::start_with(binary, &transcript.config, &["--log-level", "trace"])?;
            check(&transcript, &mut server, cut)
                .map_err(|error| format!("{cut:?}: {error}\nthe server said:\n{}", server.kill()))?;
        }
        Ok(())
    });
    for (name, text) in recorded::RECORDINGS {
        tests.push(Trial::test(format!("recorded {name}"), move || {
            let mut server = Program::start(binary, &recorded::config())?;
            Ok(recorded::replay(text, &mut server)?)
        }));
    }
    tests
}

/// A test for each transcript: the world, over TLS, and without it cut at every place.
///
/// With `UPDATE_TRANSCRIPTS` set, what is expected is written anew instead.
pub fn world_tests() -> Vec<Trial> {
    let identity = Arc::new(identity());
    let for_recordings = Arc::clone(&identity);
    let mut tests = each_transcript(move |path, text| {
        let transcript = Transcript::parse(text)?;
        let config = config(&transcript.config)?;
        let over_tls = || World::new(&config, Link::Tls(ServerConfig::clone(&identity)));
        if is_recording() {
            let text = record(text, &mut over_tls())?;
            return fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()));
        }
        check(&transcript, &mut over_tls(), Cut::Frames).map_err(|error| format!("over TLS: {error}"))?;
        let places = places(&transcript).map(Cut::At);
        for cut in [Cut::Frames, Cut::Whole, Cut::Bytes].into_iter().chain(places) {
            // What is no TLS means something only where there is TLS.
            let mut world =
                if transcript.goes_past_tls() { over_tls() } else { World::new(&config, Link::Clear) };
            check(&transcript, &mut world, cut).map_err(|error| format!("{cut:?}: {error}"))?;
        }
        Ok(())
    });
    for (name, text) in recorded::RECORDINGS {
        let identity = Arc::clone(&for_recordings);
        tests.push(Trial::test(format!("recorded {name}"), move || {
            let config = config(&recorded::config())?;
            Ok(recorded::replay(text, &mut World::new(&config, Link::Tls(ServerConfig::clone(&identity))))?)
        }));
    }
    tests
}

fn each_transcript(
    test: impl Fn(&Path, &str) -> Result<(), String> + Clone + Send + Sync + 'static,
) -> Vec<Trial> {
    let trial = |(name, path): (String, std::path::PathBuf)| {
        let test = test.clone();
        Trial::test(name, move || {
            let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            test(&path, &text).map_err(Failed::from)
        })
    };
    transcripts().into_iter().map(trial).collect()
}

/// Where the frames of a transcript are cut: at every place of those of the usual length; of the few that are there
/// for their size, at every place of the beginning, and further on here and there.
fn places(transcript: &Transcript) -> impl Iterator<Item = usize> {
    let longest = transcript.longest_sent();
    (1..longest.min(EVERY_PLACE_MAX)).chain((EVERY_PLACE_MAX..longest).step_by(FURTHER_STEP))
}

/// The configuration that a transcript's lines make, as a server would read it.
fn config(lines: &[String]) -> Result<Config, String> {
    let folder = TempDir::new().map_err(|error| format!("no folder: {error}"))?;
    let file = folder.path().join("chatroom.toml");
    fs::write(&file, lines.join("\n")).map_err(|error| format!("{}: {error}", file.display()))?;
    let program = config::Program { name: "world", connections_max: 20_000 };
    let args = [OsString::from("world"), "--config".into(), file.into()];
    Config::load(&program, args, |_| None).map_err(|error| error.to_string())
}

fn identity() -> ServerConfig {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("the name is a name");
    let key = tls::PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("it was just made");
    ServerConfig::new(vec![made.cert.der().clone()], key).expect("the key is the certificate's")
}

/// Longer than any frame that is not there for its length.
const EVERY_PLACE_MAX: usize = 400;
/// A prime, so that the places fall differently in each kind of frame.
const FURTHER_STEP: usize = 997;
