//! A server's settings.

use std::ffi::OsString;
use std::io::Write as _;

use server_common::config::{Config, ConfigError, Program};
use tempfile::NamedTempFile;

use crate::check::{Next, Stage as _};
use crate::transcript::frame;
use crate::world::{Link, World};

/// Flags, environment and file together are settings that a server can serve with, or are refused in one line that says
/// what is wrong; the same ones mean the same each time, and a flag means what its words mean in the environment.
///
/// A line that begins with `-` is a flag, one with `CHATROOM_` a variable, and the others are the file.
pub fn config(data: &[u8]) {
    let sources = Sources::parse(&String::from_utf8_lossy(data));
    let loaded = sources.load();
    assert_eq!(loaded, sources.load(), "read twice, they mean two things");
    match &loaded {
        Ok(config) => {
            check_visit(config);
            if let Some(moved) = sources.in_the_environment() {
                assert_eq!(moved.load(), loaded, "in the environment, the flags mean something else");
            }
        }
        Err(ConfigError::Wrong(line)) => {
            assert!(!line.trim().is_empty(), "something is wrong, and nobody learns what");
            assert!(!line.contains(['\n', '\r']), "more than one line: {line:?}");
        }
        Err(ConfigError::Print(text)) => {
            assert!(text.contains(PROGRAM.name), "asked for help, it says {text:?}")
        }
    }
}

/// What an operator wrote, and where.
struct Sources {
    flags: Vec<String>,
    variables: Vec<(String, String)>,
    file: Option<NamedTempFile>,
}

impl Sources {
    fn parse(text: &str) -> Self {
        let (mut flags, mut variables, mut file) = (Vec::new(), Vec::new(), String::new());
        // Which file is read is no part of the story.
        let is_path = |line: &&str| line.starts_with("--config") || line.starts_with("CHATROOM_CONFIG");
        for line in text.split('\n').filter(|line| !is_path(line)) {
            let variable = line.split_once('=').filter(|(name, _)| name.starts_with("CHATROOM_"));
            if let Some((name, value)) = variable {
                variables.push((name.to_owned(), value.to_owned()));
            } else if line.starts_with('-') {
                flags.push(line.to_owned());
            } else {
                file += line;
                file.push('\n');
            }
        }
        let file = (!file.trim().is_empty()).then(|| {
            let mut kept = NamedTempFile::new().expect("there is a place for temporary files");
            kept.write_all(file.as_bytes()).expect("there is room for a small one");
            kept
        });
        Self { flags, variables, file }
    }

    fn load(&self) -> Result<Config, ConfigError> {
        let path = self.file.iter().flat_map(|file| ["--config".into(), file.path().into()]);
        let flags = self.flags.iter().map(OsString::from);
        let args = [OsString::from(PROGRAM.name)].into_iter().chain(path).chain(flags);
        let variable = |name: &str| self.variables.iter().find(|(other, _)| other == name);
        Config::load(&PROGRAM, args, |name| variable(name).map(|(_, value)| value.into()))
    }

    /// The same with the flags as variables, if all can be said there as they are.
    fn in_the_environment(self) -> Option<Self> {
        let mut variables = self.variables;
        for flag in self.flags {
            let (name, value) = flag.strip_prefix("--")?.split_once('=')?;
            let name = format!("CHATROOM_{}", name.replace('-', "_").to_ascii_uppercase());
            let is_plain = !value.is_empty() && value.trim() == value && !value.contains(',');
            if !is_plain || variables.iter().any(|(other, _)| *other == name) {
                return None;
            }
            variables.push((name, value.to_owned()));
        }
        Some(Self { flags: Vec::new(), variables, file: self.file })
    }
}

/// Whatever the limits, a visit leads to answers or to an end, and leaves nobody behind.
fn check_visit(config: &Config) {
    assert_eq!(config.limits.check(), Ok(()));
    assert!(!config.listen.is_empty() && config.rooms.len() < config.limits.rooms_max);
    let mut world = World::new(config, Link::Clear);
    for who in ["ann", "bob"] {
        world.connect(who, true).expect("whoever comes is let in or sent away");
        for request in VISIT {
            let request = request.replace("WHO", who).replace("SECRET", &"s".repeat(128));
            world.send(who, &frame(request.as_bytes())).expect("who is there can speak");
        }
        for _ in 0..ANSWERS_MAX {
            match world.next(who) {
                Ok(Next::Frame(_)) => {}
                Ok(Next::Closed) | Err(_) => break,
            }
        }
    }
    for who in ["ann", "bob"] {
        world.leave(who).expect("who is there can go");
    }
    assert_eq!(world.server().exchange().users(), 0, "somebody is left behind");
}

const VISIT: [&str; 8] = [
    r#"{"type":"login","data":{"username":"WHO","password":"wrong"}}"#,
    r#"{"type":"register","data":{"username":"WHO","password":"SECRET"}}"#,
    r#"{"type":"login","data":{"username":"WHO","password":"SECRET"}}"#,
    r#"{"type":"create","data":{"room":"den"}}"#,
    r#"{"type":"enter","data":{"room":"den"}}"#,
    r#"{"type":"msg","data":{"to":"public","text":"hi"}}"#,
    r#"{"type":"list"}"#,
    r#"{"type":"exit"}"#,
];

const PROGRAM: Program = Program { name: "world", connections_max: 20_000 };
/// More than such a visit has answers.
const ANSWERS_MAX: usize = 50;
