//! Configuration: command line, environment and file, merged.
//!
//! Each setting has one name in three places: `--data-dir` as a flag, `CHATROOM_DATA_DIR` in the environment,
//! `data-dir` in the TOML file that `--config` names. A flag wins over the environment, the environment over the
//! file, the file over the default.

// `settings` understands what a source says, `file` reads the file, this module decides.
mod changes;
mod command;
mod error;
mod file;
mod settings;

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use chatroom_core::limits::Limits;
use chatroom_core::message::hello::Registration;
use chatroom_core::name::RoomName;

pub(crate) use changes::Changes;
pub use command::{Command, InviteCommand, RoomCommand, UserCommand};
pub use error::ConfigError;
use settings::{Settings, Source, Texts};

use crate::log::{LogFormat, LogLevel};
use crate::store::Retention;

/// What tells one server's program from the other's.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The program's name, as `--help` and `--version` print it.
    pub name: &'static str,
    /// This server's own default for the limit `connections_max`.
    pub connections_max: usize,
}

/// Everything an operator chose, checked: whoever has one need not ask again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen; at least one address, none twice. Port 0 takes a free port.
    pub listen: Vec<SocketAddr>,
    /// The folder for everything that is kept.
    pub data_dir: PathBuf,
    /// The certificate to show, if it is not to be the self-made one.
    pub certificate: Option<CertificateFiles>,
    /// The rooms that exist from the start, besides the lobby; no two of them have one key.
    pub rooms: Vec<RoomName>,
    /// Every limit, free of contradictions.
    pub limits: Limits,
    /// Rounds of PBKDF2 for a password that is hashed from now on.
    pub pbkdf2_iterations: u32,
    /// Who may make an account.
    pub registration: Registration,
    /// Whether what is said is kept.
    pub history: bool,
    /// How much is kept of what is said, but in rooms that have a retention of their own.
    pub keep: Retention,
    /// What is worth a line in the log.
    pub log_level: LogLevel,
    /// What a line of the log looks like.
    pub log_format: LogFormat,
    /// Where who watches the server may ask how it is: an address of this machine alone.
    pub metrics: Option<SocketAddr>,
}

/// A certificate given by the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain in PEM, the server's own certificate first.
    pub cert: PathBuf,
    /// The private key in PEM.
    pub key: PathBuf,
}

impl Config {
    /// Reads flags, environment and file, merges and checks them.
    ///
    /// `args` is what [`std::env::args_os`] gives, the program's own name first. `env` looks a variable up, as
    /// [`std::env::var_os`] does; a variable that is empty counts as not set.
    ///
    /// # Errors
    /// [`ConfigError::Print`] when the text is all that was asked for (`--help`, `--version`), else the first thing
    /// that is wrong.
    pub fn load(
        program: &Program,
        args: impl IntoIterator<Item = OsString>,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        Self::load_with_command(program, &[], args, env).map(|(config, _)| config)
    }

    /// The same, and what to do instead of serving, if that was asked for. `handed` is where the program listens already
    /// when it starts, if it does; then nothing else counts as the place to listen.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_with_command(
        program: &Program,
        handed: &[SocketAddr],
        args: impl IntoIterator<Item = OsString>,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<(Self, Option<Command>), ConfigError> {
        let mut flags = Texts::from_args(program, args)?;
        let command = flags.command.take();
        let env = Texts::from_env(env)?;
        let path = flags.config.clone().or_else(|| env.config.clone());
        let flags = flags.parse(&Source::Flags)?;
        let env = env.parse(&Source::Environment)?;
        let (file, limits) = match path {
            Some(path) => file::read(&path, program)?,
            None => (Settings::default(), file::Overlay::none(program)),
        };
        let settings = Settings::handed(handed).over(flags).over(env).over(file);
        Ok((Self::merge(settings, limits)?, command))
    }

    /// What the operator should know at the start and nobody is stopped by, a sentence each.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.pbkdf2_iterations < PBKDF2_ITERATIONS {
            notes.push(format!(
                "passwords are hashed with {} rounds, which is quick to guess from a stolen database; {} or more are \
                 recommended (--pbkdf2-iterations)",
                self.pbkdf2_iterations, PBKDF2_ITERATIONS
            ));
        }
        notes
    }

    /// Puts the defaults below what the sources said, and checks what only the whole can show.
    fn merge(settings: Settings, limits: file::Overlay) -> Result<Self, ConfigError> {
        let listen = settings.listen.map_or_else(|| vec![LISTEN], |said| said.value);
        let file::Overlay { mut limits, chosen, path } = limits;
        // Who gets in from elsewhere can be guessed at from elsewhere.
        if !chosen.contains("password_chars_min")
            && !listen.iter().all(|address| address.ip().to_canonical().is_loopback())
        {
            limits.password_chars_min = PASSWORD_CHARS_MIN_PUBLIC;
        }
        let mut origins = Vec::new();
        if let Some(chars) = settings.min_password_chars {
            limits.password_chars_min = chars.value;
            origins.push(("password_chars_min", chars.origin));
        }
        if let Some(rate) = settings.message_rate {
            limits.message_rate = rate.value;
            origins.push(("message_rate", rate.origin));
        }
        if limits.message_rate == 0 {
            lift_rates(&mut limits, |limit| chosen.contains(limit));
        }
        check(&limits, &origins, path.as_deref())?;
        let rooms = settings.rooms.map_or_else(default_rooms, |said| said.value);
        // The lobby is one of them.
        if rooms.len() + 1 > limits.rooms_max {
            return Err(ConfigError::wrong(format!(
                "{} rooms are to exist from the start, but limits.rooms_max is {}; name fewer, or raise the limit",
                rooms.len(),
                limits.rooms_max
            )));
        }
        let certificate = match (settings.cert, settings.key) {
            (Some(cert), Some(key)) => Some(CertificateFiles { cert: cert.value, key: key.value }),
            (None, None) => None,
            (Some(cert), None) => return Err(half_a_certificate(&cert.origin, "--key")),
            (None, Some(key)) => return Err(half_a_certificate(&key.origin, "--cert")),
        };
        let data_dir = match settings.data_dir {
            Some(said) => said.value,
            None => default_data_dir()?,
        };
        Ok(Self {
            listen,
            data_dir,
            certificate,
            rooms,
            limits,
            pbkdf2_iterations: settings.pbkdf2_iterations.map_or(PBKDF2_ITERATIONS, |said| said.value),
            registration: settings.registration.map_or(Registration::Open, |said| said.value),
            history: settings.history.is_none_or(|said| said.value),
            keep: Retention {
                days: settings.keep_days.map_or(0, |said| said.value),
                messages: settings.keep_messages.map_or(0, |said| said.value),
            },
            log_level: settings.log_level.map_or(LogLevel::Info, |said| said.value),
            log_format: settings.log_format.map_or(LogFormat::Text, |said| said.value),
            metrics: settings.metrics.map(|said| said.value),
        })
    }
}

/// Who lets people talk as fast as they like lets them ask and move as fast, unless told otherwise.
fn lift_rates(limits: &mut Limits, is_chosen: impl Fn(&str) -> bool) {
    let rates = [
        ("list_rate", &mut limits.list_rate),
        ("history_rate", &mut limits.history_rate),
        ("ping_rate", &mut limits.ping_rate),
        ("status_rate", &mut limits.status_rate),
        ("move_rate", &mut limits.move_rate),
        ("refusals_max", &mut limits.refusals_max),
    ];
    for (name, rate) in rates {
        if !is_chosen(name) {
            *rate = 0;
        }
    }
}

/// Has the limits check themselves, and says where the limit that is at fault came from.
fn check(limits: &Limits, origins: &[(&str, String)], path: Option<&Path>) -> Result<(), ConfigError> {
    let Err(rule) = limits.check() else { return Ok(()) };
    // A rule begins with the limit that it is about.
    let origin = match (origins.iter().find(|(limit, _)| rule.starts_with(limit)), path) {
        (Some((_, origin)), _) => origin.clone(),
        (None, Some(path)) => format!("{}: [limits]", path.display()),
        (None, None) => "limits".to_owned(),
    };
    Err(ConfigError::wrong(format!("{origin}: {rule}")))
}

fn half_a_certificate(origin: &str, missing: &str) -> ConfigError {
    ConfigError::wrong(format!(
        "{origin}: a certificate and its key go together; give {missing} too, or neither for the self-made identity"
    ))
}

fn default_rooms() -> Vec<RoomName> {
    vec![RoomName::parse(ROOM).expect("the default room's name is legal")]
}

fn default_data_dir() -> Result<PathBuf, ConfigError> {
    match directories::ProjectDirs::from("", "", "chatroom") {
        Some(dirs) => Ok(dirs.data_dir().to_owned()),
        None => Err(ConfigError::wrong(
            "this user has no home folder to keep data in; say where with --data-dir DIR",
        )),
    }
}

/// Where a server listens that was not told: reachable from this machine alone.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 65432);

/// The room that exists where no other is asked for.
const ROOM: &str = "example";

/// What OWASP recommends for PBKDF2 with HMAC-SHA-256.
const PBKDF2_ITERATIONS: u32 = 600_000;

/// Characters of a new password where others than this machine can reach the server.
const PASSWORD_CHARS_MIN_PUBLIC: usize = 10;

#[cfg(test)]
mod tests;
