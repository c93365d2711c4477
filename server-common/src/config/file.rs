//! The configuration file.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chatroom_core::limits::Limits;
use serde::Deserialize as _;
use toml::{Table, Value};

use super::settings::{Settings, Source, Texts};
use super::{ConfigError, Program};
use crate::text::nearest;

/// The limits as the file leaves them.
#[derive(Debug)]
pub(super) struct Overlay {
    pub limits: Limits,
    /// The limits that the file chose: the defaults of some depend on what else is chosen.
    pub chosen: BTreeSet<String>,
    /// The file, if there is one.
    pub path: Option<PathBuf>,
}

impl Overlay {
    /// The defaults, where no file says anything.
    pub fn none(program: &Program) -> Self {
        Self { limits: defaults(program), chosen: BTreeSet::new(), path: None }
    }
}

/// Reads the file at `path`. Paths in it start from its own folder.
pub(super) fn read(path: &Path, program: &Program) -> Result<(Settings, Overlay), ConfigError> {
    let wrong = |why: String| ConfigError::wrong(format!("{}: {why}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| wrong(unreadable(&error)))?;
    let table: Table = toml::from_str(&text).map_err(|error| wrong(not_toml(&text, &error)))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let (texts, limits) = split(table, folder).map_err(wrong)?;
    let settings = texts.parse(&Source::File(path.to_owned()))?;
    agree(&settings, &limits).map_err(wrong)?;
    let overlay = Overlay {
        chosen: limits.keys().cloned().collect(),
        limits: lay_over(defaults(program), limits).map_err(wrong)?,
        path: Some(path.to_owned()),
    };
    Ok((settings, overlay))
}

fn defaults(program: &Program) -> Limits {
    Limits { connections_max: program.connections_max, ..Limits::default() }
}

fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::InvalidData => "the configuration file is not UTF-8; save it as UTF-8".to_owned(),
        _ => format!(
            "the configuration file cannot be read: {error}; check --config and the file's permissions"
        ),
    }
}

fn not_toml(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or("");
    let line = before.matches('\n').count() + 1;
    let why: Vec<_> = error.message().lines().map(str::trim).collect();
    format!("line {line} is not TOML: {}; correct it", why.join("; "))
}

/// Takes the table apart: the settings, and the limits as they stand.
fn split(mut table: Table, folder: &Path) -> Result<(Texts, Table), String> {
    let texts = Texts {
        listen: take(&mut table, "listen", "a list of texts, such as [\"127.0.0.1:65432\"]", texts)?,
        data_dir: take(&mut table, "data-dir", TEXT, text)?.map(|path| folder.join(path)),
        cert: take(&mut table, "cert", TEXT, text)?.map(|path| folder.join(path)),
        key: take(&mut table, "key", TEXT, text)?.map(|path| folder.join(path)),
        config: None,
        room: take(&mut table, "room", "a list of texts, such as [\"example\"]", texts)?,
        min_password_chars: take(&mut table, "min-password-chars", NUMBER, number)?,
        message_rate: take(&mut table, "message-rate", NUMBER, number)?,
        pbkdf2_iterations: take(&mut table, "pbkdf2-iterations", NUMBER, number)?,
        registration: take(&mut table, "registration", TEXT, text)?,
        history: take(&mut table, "history", "\"on\" or \"off\"", text)?,
        keep_days: take(&mut table, "keep-days", NUMBER, number)?,
        keep_messages: take(&mut table, "keep-messages", NUMBER, number)?,
        log_level: take(&mut table, "log-level", TEXT, text)?,
        log_format: take(&mut table, "log-format", TEXT, text)?,
        metrics: take(&mut table, "metrics", TEXT, text)?,
        command: None,
    };
    let limits =
        take(&mut table, LIMITS, "a table: write [limits] and the limits below it", |value| match value {
            Value::Table(limits) => Some(limits),
            _ => None,
        })?;
    match table.keys().next() {
        None => Ok((texts, limits.unwrap_or_default())),
        Some(unknown) => Err(unknown_setting(unknown)),
    }
}

/// Takes one setting out of the table; `kind` says what it must be, and `as_kind` whether it is.
fn take<T>(
    table: &mut Table,
    key: &str,
    kind: &str,
    as_kind: impl FnOnce(Value) -> Option<T>,
) -> Result<Option<T>, String> {
    let Some(value) = table.remove(key) else { return Ok(None) };
    let type_of = value.type_str();
    as_kind(value).map(Some).ok_or_else(|| format!("{key} is of the type {type_of}, but must be {kind}"))
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn texts(value: Value) -> Option<Vec<String>> {
    match value {
        Value::Array(values) => values.into_iter().map(text).collect(),
        _ => None,
    }
}

/// As text, to be understood by what understands a flag's.
fn number(value: Value) -> Option<String> {
    value.as_integer().map(|number| number.to_string())
}

fn unknown_setting(unknown: &str) -> String {
    if limit_names().iter().any(|limit| limit == unknown) {
        return format!("{unknown} is a limit; move it below a line [limits]");
    }
    // A file cannot name the file.
    let known: Vec<_> = Texts::names().into_iter().filter(|name| name != "config").collect();
    let known = known.iter().map(String::as_str).chain([LIMITS]);
    match nearest(unknown, known.clone()) {
        Some(meant) => format!("there is no setting {unknown}; did you mean {meant}?"),
        None => format!("there is no setting {unknown}; leave it out, or take one of {}", list(known)),
    }
}

/// Two names for one limit may both be there if they say one thing.
fn agree(settings: &Settings, limits: &Table) -> Result<(), String> {
    let chars = settings.min_password_chars.as_ref().map(|said| said.value.to_string());
    let rate = settings.message_rate.as_ref().map(|said| said.value.to_string());
    for (setting, value, limit) in
        [("min-password-chars", chars, "password_chars_min"), ("message-rate", rate, "message_rate")]
    {
        let (Some(value), Some(other)) = (value, limits.get(limit).and_then(Value::as_integer)) else {
            continue;
        };
        if value != other.to_string() {
            return Err(format!(
                "{setting} = {value} and limits.{limit} = {other} are one setting with two values; leave one out"
            ));
        }
    }
    Ok(())
}

/// Puts the file's limits in the place of the defaults.
///
/// Goes through the limits' own reading and writing, so that what can be set is exactly what there is.
fn lay_over(mut limits: Limits, said: Table) -> Result<Limits, String> {
    let known = limit_names();
    for (limit, value) in said {
        if !known.contains(&limit) {
            let meant = nearest(&limit, known.iter().map(String::as_str));
            let hint = meant.map_or_else(
                || list(known.iter().map(String::as_str)),
                |meant| format!("did you mean {meant}?"),
            );
            return Err(format!("there is no limits.{limit}; {hint}"));
        }
        let mut table = table_of(&limits);
        let default = table.get(&limit);
        let kind =
            if default.is_some_and(Value::is_bool) { "true or false" } else { "a whole number from 0" };
        let default = default.map_or_else(String::new, |value| format!(", such as the default {value}"));
        let complaint = format!("limits.{limit} = {value} is not a value it can take; write {kind}{default}");
        table.insert(limit, value);
        limits = Limits::deserialize(table).map_err(|_| complaint)?;
    }
    Ok(limits)
}

/// The names of all limits: those that have a default, and those that may be absent.
fn limit_names() -> Vec<String> {
    let all = Limits { password_queue_jobs_max: Some(0), ..Limits::default() };
    table_of(&all).into_iter().map(|(name, _)| name).collect()
}

fn table_of(limits: &Limits) -> Table {
    Table::try_from(limits)
        .expect("limits are numbers that TOML can hold: they are defaults, or came from TOML")
}

fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

const LIMITS: &str = "limits";
const TEXT: &str = "a text in quotes";
const NUMBER: &str = "a whole number without quotes";
