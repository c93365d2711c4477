//! What a server that runs can take from a configuration that was read anew, and what has to wait for its next start.

use chatroom_core::limits::Limits;
use toml::{Table, Value};

use super::Config;

/// What is different, in words for the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// What holds from now on.
    pub(crate) made: Vec<String>,
    /// What a restart would bring.
    pub(crate) waiting: Vec<String>,
}

impl Config {
    /// Takes over from `new` what can be changed while a server runs, and says what that was and what it was not.
    pub(crate) fn take_over(&mut self, new: Self) -> Changes {
        let mut changes = Changes::default();
        // What sizes or starts something is done once; all limits but one are asked each time.
        let limits = Limits { password_nice: self.limits.password_nice, ..new.limits.clone() };
        changes.made = differences(&self.limits, &limits);
        changes.waiting = differences(&limits, &new.limits);
        for (setting, is_other) in [
            ("certificate", self.certificate != new.certificate),
            ("registration", self.registration != new.registration),
            ("keep-days", self.keep.days != new.keep.days),
            ("keep-messages", self.keep.messages != new.keep.messages),
            ("log-level", self.log_level != new.log_level),
        ] {
            changes.made.extend(is_other.then(|| setting.to_owned()));
        }
        for (setting, is_other) in [
            ("listen", self.listen != new.listen),
            ("data-dir", self.data_dir != new.data_dir),
            ("room", self.rooms != new.rooms),
            ("pbkdf2-iterations", self.pbkdf2_iterations != new.pbkdf2_iterations),
            ("history", self.history != new.history),
            ("log-format", self.log_format != new.log_format),
            ("metrics", self.metrics != new.metrics),
        ] {
            changes.waiting.extend(is_other.then(|| setting.to_owned()));
        }
        self.limits = limits;
        self.certificate = new.certificate;
        self.registration = new.registration;
        self.keep = new.keep;
        self.log_level = new.log_level;
        changes
    }
}

/// Each limit that differs, with both values.
fn differences(old: &Limits, new: &Limits) -> Vec<String> {
    let table =
        |limits| Table::try_from(limits).expect("limits are numbers that TOML can hold: they came from it");
    let (old, new) = (table(old), table(new));
    let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
    let differing = names.filter(|name| old.get(*name) != new.get(*name));
    differing.map(|name| format!("{name} {} to {}", said(old.get(name)), said(new.get(name)))).collect()
}

fn said(value: Option<&Value>) -> String {
    value.map_or_else(|| "unset".to_owned(), Value::to_string)
}
