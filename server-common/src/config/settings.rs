//! The settings, as one source says them: first as text, then as values.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use chatroom_core::message::hello::Registration;
use chatroom_core::name::{LOBBY, NameError, NameKey, NameLook, RoomName};
use clap::{CommandFactory as _, FromArgMatches as _};

use super::{Command, ConfigError, Program};
use crate::keys::{name_key, name_look};
use crate::log::{LogFormat, LogLevel};
use crate::passwords::hasher::{ITERATIONS_MAX, ITERATIONS_MIN};

/// What one source says, not yet understood. The flags are these fields, and their documentation is `--help`.
#[derive(clap::Parser, Clone, Debug, Default)]
#[command(
    about = "A chat server",
    after_help = "Each option can also be set in the environment, as --data-dir by CHATROOM_DATA_DIR (several values\n\
                  separated by commas), and in the file of --config, by its name without the dashes (several values\n\
                  as a list). A flag wins over the environment, the environment over the file. Paths in the file\n\
                  start from its folder, and it alone has a table [limits].",
    disable_help_subcommand = true
)]
pub(super) struct Texts {
    /// Address to listen on, repeatable; port 0 takes a free one [default: 127.0.0.1:65432]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<Vec<String>>,
    /// Folder for accounts and identity [default: this user's data folder for "chatroom"]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Certificate chain, PEM [default: a self-signed one, made at the first start]
    #[arg(long, global = true, value_name = "FILE")]
    pub cert: Option<PathBuf>,
    /// Private key of the certificate, PEM
    #[arg(long, global = true, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// File with any of these settings and a table [limits], TOML
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Room that exists from the start, repeatable [default: example]
    #[arg(long, value_name = "NAME")]
    pub room: Option<Vec<String>>,
    /// Characters a new password needs [default: 4 while listening on loopback addresses alone, else 10]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub min_password_chars: Option<String>,
    /// Messages a second for one user, 0 for no limit [default: 10]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub message_rate: Option<String>,
    /// Rounds of PBKDF2 for a new password [default: 600000]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub pbkdf2_iterations: Option<String>,
    /// Who may make an account: open for anybody, invite for who was invited, closed for nobody [default: open]
    #[arg(long, value_name = "WHO")]
    pub registration: Option<String>,
    /// Whether what is said is kept, on the disk and before anybody sees it: on or off [default: on]
    #[arg(long, value_name = "WHETHER")]
    pub history: Option<String>,
    /// Days for which what is said is kept, 0 for ever [default: 0]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub keep_days: Option<String>,
    /// Messages that are kept of each conversation, the newest, 0 for all [default: 0]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub keep_messages: Option<String>,
    /// What to log to standard error: error, warn, info, debug or trace [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// What the log looks like: text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// Address of this machine alone to serve /metrics and /healthz on, over HTTP [default: nowhere]
    #[arg(long, value_name = "ADDR:PORT")]
    pub metrics: Option<String>,
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
}

impl Texts {
    /// Reads the command line; the first of `args` is the program's own name.
    pub fn from_args(
        program: &Program,
        args: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, ConfigError> {
        let command =
            Self::command().name(program.name).bin_name(program.name).version(env!("CARGO_PKG_VERSION"));
        let matches = command.try_get_matches_from(args).map_err(|error| ConfigError::from_clap(&error))?;
        Self::from_arg_matches(&matches).map_err(|error| ConfigError::from_clap(&error))
    }

    /// Reads the environment. Only here are several values one text.
    pub fn from_env(env: impl Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let raw = |key: &str| env(&Source::Environment.name(key)).filter(|value| !value.is_empty());
        let path = |key: &str| raw(key).map(PathBuf::from);
        let text = |key: &str| {
            let not_text = |_| {
                ConfigError::wrong(format!("{}: not UTF-8; write it anew", Source::Environment.name(key)))
            };
            raw(key).map(OsString::into_string).transpose().map_err(not_text)
        };
        let list = |key: &str| {
            let split = |text: String| text.split(',').map(|part| part.trim().to_owned()).collect();
            text(key).map(|text| text.map(split))
        };
        Ok(Self {
            listen: list("listen")?,
            data_dir: path("data-dir"),
            cert: path("cert"),
            key: path("key"),
            config: path("config"),
            room: list("room")?,
            min_password_chars: text("min-password-chars")?,
            message_rate: text("message-rate")?,
            pbkdf2_iterations: text("pbkdf2-iterations")?,
            registration: text("registration")?,
            history: text("history")?,
            keep_days: text("keep-days")?,
            keep_messages: text("keep-messages")?,
            log_level: text("log-level")?,
            log_format: text("log-format")?,
            metrics: text("metrics")?,
            command: None,
        })
    }

    /// The names of all settings, as flags have them but for the dashes.
    pub fn names() -> Vec<String> {
        let command = Self::command();
        command.get_arguments().filter_map(|argument| argument.get_long()).map(str::to_owned).collect()
    }

    /// Understands the texts. `source` is named by whatever is wrong with one.
    pub fn parse(self, source: &Source) -> Result<Settings, ConfigError> {
        let listen = said(source, "listen", self.listen, |texts| addresses(&texts))?;
        let rooms = said(source, "room", self.room, |texts| rooms(&texts))?;
        let iterations = said(source, "pbkdf2-iterations", self.pbkdf2_iterations, |text| iterations(&text))?;
        Ok(Settings {
            listen,
            rooms,
            pbkdf2_iterations: iterations,
            data_dir: said(source, "data-dir", self.data_dir, Ok)?,
            cert: said(source, "cert", self.cert, Ok)?,
            key: said(source, "key", self.key, Ok)?,
            min_password_chars: said(source, "min-password-chars", self.min_password_chars, |text| {
                number(&text)
            })?,
            message_rate: said(source, "message-rate", self.message_rate, |text| number(&text))?,
            registration: said(source, "registration", self.registration, |text| {
                word(&text, &Registration::ALL.map(|who| (who.as_str(), who)))
            })?,
            history: said(source, "history", self.history, |text| word(&text, &SWITCH))?,
            keep_days: said(source, "keep-days", self.keep_days, |text| number(&text))?,
            keep_messages: said(source, "keep-messages", self.keep_messages, |text| number(&text))?,
            log_level: said(source, "log-level", self.log_level, |text| word(&text, &LOG_LEVELS))?,
            log_format: said(source, "log-format", self.log_format, |text| word(&text, &LOG_FORMATS))?,
            metrics: said(source, "metrics", self.metrics, |text| own_address(&text))?,
        })
    }
}

/// What one source says, or several merged; what nobody said is absent.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub listen: Option<Said<Vec<SocketAddr>>>,
    pub data_dir: Option<Said<PathBuf>>,
    pub cert: Option<Said<PathBuf>>,
    pub key: Option<Said<PathBuf>>,
    pub rooms: Option<Said<Vec<RoomName>>>,
    pub min_password_chars: Option<Said<usize>>,
    pub message_rate: Option<Said<u32>>,
    pub pbkdf2_iterations: Option<Said<u32>>,
    pub registration: Option<Said<Registration>>,
    pub history: Option<Said<bool>>,
    pub keep_days: Option<Said<u32>>,
    pub keep_messages: Option<Said<u32>>,
    pub log_level: Option<Said<LogLevel>>,
    pub log_format: Option<Said<LogFormat>>,
    pub metrics: Option<Said<SocketAddr>>,
}

/// A value, and where an operator finds what it was read from.
#[derive(Debug)]
pub(super) struct Said<T> {
    pub value: T,
    pub origin: String,
}

impl Settings {
    /// Where the program listens already when it starts, if it does.
    pub fn handed(addresses: &[SocketAddr]) -> Self {
        let origin = "the service manager's sockets".to_owned();
        let listen = (!addresses.is_empty()).then(|| Said { value: addresses.to_vec(), origin });
        Self { listen, ..Self::default() }
    }

    /// These settings, and where they say nothing, those of `lower`.
    pub fn over(self, lower: Self) -> Self {
        Self {
            listen: self.listen.or(lower.listen),
            data_dir: self.data_dir.or(lower.data_dir),
            cert: self.cert.or(lower.cert),
            key: self.key.or(lower.key),
            rooms: self.rooms.or(lower.rooms),
            min_password_chars: self.min_password_chars.or(lower.min_password_chars),
            message_rate: self.message_rate.or(lower.message_rate),
            pbkdf2_iterations: self.pbkdf2_iterations.or(lower.pbkdf2_iterations),
            registration: self.registration.or(lower.registration),
            history: self.history.or(lower.history),
            keep_days: self.keep_days.or(lower.keep_days),
            keep_messages: self.keep_messages.or(lower.keep_messages),
            log_level: self.log_level.or(lower.log_level),
            log_format: self.log_format.or(lower.log_format),
            metrics: self.metrics.or(lower.metrics),
        }
    }
}

/// Where settings come from.
#[derive(Debug)]
pub(super) enum Source {
    Flags,
    Environment,
    File(PathBuf),
}

impl Source {
    /// What the setting `key` is called there.
    pub fn name(&self, key: &str) -> String {
        match self {
            Self::Flags => format!("--{key}"),
            Self::Environment => format!("CHATROOM_{}", key.replace('-', "_").to_ascii_uppercase()),
            Self::File(path) => format!("{}: {key}", path.display()),
        }
    }
}

/// Understands one setting, if the source says it.
fn said<F, T>(
    source: &Source,
    key: &str,
    text: Option<F>,
    parse: impl FnOnce(F) -> Result<T, String>,
) -> Result<Option<Said<T>>, ConfigError> {
    let Some(text) = text else { return Ok(None) };
    let origin = source.name(key);
    match parse(text) {
        Ok(value) => Ok(Some(Said { value, origin })),
        Err(why) => Err(ConfigError::wrong(format!("{origin}: {why}"))),
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("'{text}' is not an IP address and a port; write it like 127.0.0.1:65432, [::1]:65432 or 0.0.0.0:65432")
    })
}

/// An address that nobody reaches from elsewhere: whoever asks there is answered, whoever it is.
fn own_address(text: &str) -> Result<SocketAddr, String> {
    let address = address(text)?;
    if !address.ip().to_canonical().is_loopback() {
        return Err(format!(
            "{address} can be reached from other machines, and nobody is asked there who they are; take an address like \
             127.0.0.1:9464, and put what asks them in front of it"
        ));
    }
    Ok(address)
}

fn addresses(texts: &[String]) -> Result<Vec<SocketAddr>, String> {
    let mut addresses = Vec::new();
    for text in texts {
        let address = address(text)?;
        // Port 0 is another port each time.
        if address.port() != 0 && addresses.contains(&address) {
            return Err(format!("{address} is there twice; leave one out"));
        }
        addresses.push(address);
    }
    if addresses.is_empty() {
        return Err(
            "the list is empty; name an address, or leave the setting out for 127.0.0.1:65432".to_owned()
        );
    }
    Ok(addresses)
}

fn rooms(texts: &[String]) -> Result<Vec<RoomName>, String> {
    let mut rooms = Vec::new();
    let mut keys = BTreeMap::new();
    let mut looks = BTreeMap::new();
    for text in texts {
        let no_room =
            |why: NameError| format!("'{text}' cannot be a room: {}; choose another name", why.sentence());
        let room = RoomName::parse(text).map_err(no_room)?;
        let look = NameLook::of_room(name_look, &room).map_err(no_room)?;
        let key = NameKey::new(name_key, text);
        if key.as_str() == LOBBY {
            return Err(format!("'{text}' is the room everybody starts in and always there; leave it out"));
        }
        if let Some(first) = keys.insert(key, text) {
            return Err(format!("'{first}' and '{text}' are one name; leave one out"));
        }
        if let Some(first) = looks.insert(look, text) {
            return Err(format!("'{first}' and '{text}' look alike; choose another name for one"));
        }
        rooms.push(room);
    }
    Ok(rooms)
}

fn iterations(text: &str) -> Result<u32, String> {
    let iterations = number(text)?;
    if !(ITERATIONS_MIN..=ITERATIONS_MAX).contains(&iterations) {
        return Err(format!(
            "{iterations} is not between {ITERATIONS_MIN} and {ITERATIONS_MAX}; 600000 is recommended"
        ));
    }
    Ok(iterations)
}

fn number<N: FromStr>(text: &str) -> Result<N, String> {
    text.parse()
        .map_err(|_| format!("'{text}' is not a number this setting can take; write a whole number from 0"))
}

fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
    Err(format!("'{text}' is not one of {}", words.join(", ")))
}

const SWITCH: [(&str, bool); 2] = [("on", true), ("off", false)];

const LOG_LEVELS: [(&str, LogLevel); 5] = [
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];

const LOG_FORMATS: [(&str, LogFormat); 2] = [("text", LogFormat::Text), ("json", LogFormat::Json)];
