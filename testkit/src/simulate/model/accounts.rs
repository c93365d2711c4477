//! Who has an account, and who has to wait for having failed.

use std::time::Duration;

use chatroom_core::Instant;
use chatroom_core::limits::Limits;
use chatroom_core::server::{Answer, Refusal};

use super::rate::whole_ms;
use crate::simulate::names::{Name, USERS};
use crate::simulate::step::Fault;

/// Everybody who has an account, by their number among [`USERS`].
#[derive(Default)]
pub struct Book {
    records: [Option<Record>; USERS.len()],
    slates: [Slate; USERS.len()],
}

struct Record {
    /// As it was typed at registration.
    name: &'static str,
    password: String,
}

/// Failed logins to an account.
#[derive(Clone, Copy, Default)]
struct Slate {
    failures: u32,
    pause_end: Instant,
    end: Instant,
}

/// What was asked of the store.
#[derive(Clone)]
pub enum Question {
    /// Make an account.
    Register(Name, String),
    /// Is this the password?
    Verify(Name, String),
    /// A login that cannot succeed.
    Decoy,
}

impl Book {
    /// The name of a user as everybody sees it.
    pub fn name(&self, user: usize) -> &'static str {
        self.records[user].as_ref().map_or("nobody", |record| record.name)
    }

    /// The password of a user, if they have an account.
    pub fn password(&self, user: usize) -> Option<&str> {
        self.records[user].as_ref().map(|record| record.password.as_str())
    }

    /// A server starts: what it had in memory is gone.
    pub fn restart(&mut self) {
        self.slates = Default::default();
    }

    /// Why a question is not even looked at.
    pub fn admit(&self, now: Instant, question: &Question, is_open: bool) -> Result<(), Refusal> {
        match question {
            Question::Register(..) if !is_open => Err(Refusal::RegistrationClosed),
            Question::Verify(name, _) => {
                let left = self.slates[name.id].pause_end.since(now);
                if left.is_zero() { Ok(()) } else { Err(Refusal::AuthThrottled { retry_ms: whole_ms(left) }) }
            }
            Question::Register(..) | Question::Decoy => Ok(()),
        }
    }

    /// What a question has to be answered, and what follows from it.
    pub fn answer(
        &mut self,
        now: Instant,
        question: &Question,
        is_open: bool,
        fault: Fault,
        limits: &Limits,
    ) -> Result<&'static str, &'static str> {
        match self.admit(now, question, is_open) {
            Err(Refusal::RegistrationClosed) => return Err("registration_closed"),
            Err(_) => return Err("auth_throttled"),
            Ok(()) => {}
        }
        match question {
            Question::Decoy => Err("auth_failed"),
            Question::Register(..) | Question::Verify(..) if fault == Fault::Busy => Err("unavailable"),
            Question::Register(name, password) => self.register(*name, password, fault),
            Question::Verify(name, password) => {
                let is_right = self.password(name.id) == Some(password);
                self.note(now, name.id, is_right, limits);
                if is_right { Ok(self.name(name.id)) } else { Err("auth_failed") }
            }
        }
    }

    fn register(&mut self, name: Name, password: &str, fault: Fault) -> Result<&'static str, &'static str> {
        if self.records[name.id].is_some() {
            return Err("name_taken");
        }
        match fault {
            Fault::Full | Fault::Busy | Fault::CrashBefore => Err("unavailable"),
            Fault::None | Fault::CrashAfter => {
                self.records[name.id] = Some(Record { name: name.text, password: password.to_owned() });
                Ok(name.text)
            }
        }
    }

    fn note(&mut self, now: Instant, user: usize, is_right: bool, limits: &Limits) {
        let slate = &mut self.slates[user];
        if is_right || slate.end <= now {
            *slate = Slate::default();
        }
        if is_right {
            return;
        }
        slate.failures += 1;
        let mut pause = Duration::ZERO;
        for _ in limits.auth_failures_max..slate.failures {
            let longest = Duration::from_millis(limits.auth_pause_ms_max);
            pause = (2 * pause).max(Duration::from_millis(limits.auth_pause_ms_min)).min(longest);
        }
        slate.pause_end = now + pause;
        slate.end = slate.pause_end.max(now + Duration::from_millis(limits.auth_window_ms));
    }
}

/// The word for an answer of the store: the name, or why not.
pub fn word(answer: &Answer) -> Result<&str, &'static str> {
    match answer {
        Answer::Registered(account) | Answer::Verified(account) => Ok(account.name.as_str()),
        Answer::Refused(Refusal::NameTaken) => Err("name_taken"),
        Answer::Refused(Refusal::RegistrationClosed) => Err("registration_closed"),
        Answer::Refused(Refusal::AuthFailed) => Err("auth_failed"),
        Answer::Refused(Refusal::AuthThrottled { .. }) => Err("auth_throttled"),
        Answer::Refused(Refusal::Busy { .. }) => Err("busy"),
        Answer::Refused(Refusal::Unavailable { .. }) => Err("unavailable"),
    }
}
