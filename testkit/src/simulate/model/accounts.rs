//! Who has an account, and who has to wait for having failed.

use std::time::Duration;

use chatroom_core::Instant;
use chatroom_core::limits::LOGINS_TOLD_MAX;
use chatroom_core::limits::Limits;
use chatroom_core::message::hello::Registration;
use chatroom_core::message::logins::{ClientName, GrantId, Login};
use chatroom_core::server::{Answer, Refusal};

use super::LOCAL;
use super::annals::Recall;
use super::logins::Wanted;
use super::rate::{Tokens, whole_ms};
use crate::simulate::desk::{INVITE, INVITE_END, INVITE_USES, token};
use crate::simulate::names::{Name, USERS, lookalike};
use crate::simulate::step::Fault;
use crate::simulate::town::HOUSEHOLDS;

/// Everybody who has an account, by their number among [`USERS`].
#[derive(Default)]
pub struct Book {
    records: [Option<Record>; USERS.len()],
    slates: [Slate; USERS.len()],
    /// Failures of a household at an account where it is known.
    own_slates: ByHousehold<Slate>,
    /// Failures of a household at accounts where it is not.
    addresses: [Tokens; HOUSEHOLDS.len()],
    /// The day on which a household logged in to an account last.
    seen: ByHousehold<Option<u64>>,
    /// What the disk has of that.
    stored: ByHousehold<Option<u64>>,
    /// How often the invitation was used.
    invited: u32,
    /// Logins that last, in the order in which they began.
    sessions: Vec<Session>,
    /// How many began in all.
    pub begun: i64,
    /// How many tokens were made.
    pub minted: u64,
}

/// A login that lasts.
struct Session {
    id: i64,
    user: usize,
    /// The numbers of its token and of the one before.
    token: u64,
    before: Option<u64>,
    /// In seconds, as all times.
    end: u64,
    begun: u64,
    used: u64,
    /// What the program called itself that it began in.
    client: Option<String>,
}

/// Something for each account and household.
type ByHousehold<T> = [[T; HOUSEHOLDS.len()]; USERS.len()];

struct Record {
    /// As it was typed at registration.
    name: &'static str,
    /// `None` if it is deleted: nobody can take its name, and nobody logs in by it.
    password: Option<String>,
}

/// Failed logins to an account.
#[derive(Clone, Copy, Default)]
struct Slate {
    failures: u32,
    pause_end: Instant,
    end: Instant,
}

/// What a login is granted that lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// What the store calls it.
    pub id: i64,
    /// The number of its token.
    pub token: u64,
    /// When it ends.
    pub expires_ms: u64,
}

/// What was asked of the store.
#[derive(Clone)]
pub enum Question {
    /// Make an account, and what is shown for having been invited.
    Register(Name, String, Option<&'static str>),
    /// Is this the password? The login is to last, in a program that calls itself so, or not.
    Verify(Name, String, Option<Option<String>>),
    /// Who has this token?
    Resume(String),
    /// What was said there before?
    History(Recall),
    /// Where is somebody logged in?
    Logins(Wanted),
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
        self.records[user].as_ref()?.password.as_deref()
    }

    /// Whether somebody has an account, or had one that is deleted.
    pub fn has_account(&self, user: usize) -> bool {
        self.records[user].is_some()
    }

    /// A server starts: what it had in memory is gone.
    pub fn restart(&mut self) {
        self.slates = Default::default();
        self.own_slates = Default::default();
        self.addresses = Default::default();
        self.seen = self.stored;
    }

    /// Why a question is not even looked at.
    pub fn admit(
        &self,
        now: Instant,
        question: &Question,
        household: usize,
        registration: Registration,
        limits: &Limits,
    ) -> Result<(), Refusal> {
        let left = match question {
            Question::Register(_, _, invite) => {
                return match registration {
                    Registration::Closed => Err(Refusal::RegistrationClosed),
                    Registration::Invite if invite.is_none() => Err(Refusal::InviteRequired),
                    Registration::Invite | Registration::Open => Ok(()),
                };
            }
            Question::Resume(_) | Question::History(_) | Question::Logins(_) => return Ok(()),
            Question::Verify(name, ..) if self.is_known(now, name.id, household, limits) => {
                self.own_slates[name.id][household].pause_end.since(now)
            }
            Question::Verify(name, ..) => {
                let left = self.slates[name.id].pause_end.since(now);
                left.max(self.address_wait(now, household, limits))
            }
            Question::Decoy => self.address_wait(now, household, limits),
        };
        if left.is_zero() { Ok(()) } else { Err(Refusal::AuthThrottled { retry_ms: whole_ms(left) }) }
    }

    /// Whether a login has to wait for nothing but other failures from its address.
    pub fn is_address_waiting(
        &self,
        now: Instant,
        question: &Question,
        household: usize,
        limits: &Limits,
    ) -> bool {
        let is_free = match question {
            Question::Register(..) | Question::Resume(_) | Question::History(_) | Question::Logins(_) => {
                false
            }
            Question::Decoy => true,
            Question::Verify(name, ..) => {
                self.slates[name.id].pause_end <= now && !self.is_known(now, name.id, household, limits)
            }
        };
        is_free && !self.address_wait(now, household, limits).is_zero()
    }

    /// Whether the household has logged in to that account lately.
    fn is_known(&self, now: Instant, user: usize, household: usize, limits: &Limits) -> bool {
        let days = u64::from(limits.auth_known_days);
        days > 0 && self.seen[user][household].is_some_and(|day| day + days >= today(now))
    }

    fn address_wait(&self, now: Instant, household: usize, limits: &Limits) -> Duration {
        if limits.loopback_is_exempt && household == LOCAL {
            return Duration::ZERO;
        }
        let (count, interval, burst) = address_rate(limits);
        self.addresses[household].wait(now, count, interval, burst)
    }

    /// What a question has to be answered, and what follows from it.
    pub fn answer(
        &mut self,
        now: Instant,
        question: &Question,
        household: usize,
        registration: Registration,
        fault: Fault,
        limits: &Limits,
    ) -> Result<(&'static str, Option<Granted>), &'static str> {
        match self.admit(now, question, household, registration, limits) {
            Err(Refusal::RegistrationClosed) => return Err("registration_closed"),
            Err(Refusal::InviteRequired) => return Err("invite_required"),
            Err(_) => return Err("auth_throttled"),
            Ok(()) => {}
        }
        match question {
            Question::History(_) | Question::Logins(_) => Err("told_elsewhere"),
            Question::Decoy => {
                self.fail_at_address(now, household, limits);
                Err("auth_failed")
            }
            Question::Register(..) | Question::Verify(..) if fault == Fault::Busy => Err("unavailable"),
            Question::Resume(shown) => {
                let next = self.mint();
                if matches!(fault, Fault::Busy | Fault::Full | Fault::CrashBefore) {
                    return Err("unavailable");
                }
                let renewed = self.renew(now, shown, next, limits).ok_or("session_ended")?;
                let user = self.user(renewed.0).expect("whose login lasts has an account");
                self.note_login(now, user, true, household, limits);
                self.see(now, user, household, fault, limits);
                Ok(renewed)
            }
            Question::Register(name, password, invite) => {
                let needs_invite = registration == Registration::Invite;
                let is_usable = self.invited < INVITE_USES && now.since_start() < INVITE_END;
                if needs_invite && !(*invite == Some(INVITE) && is_usable) {
                    return Err("invite_invalid");
                }
                let registered = self.register(*name, password, fault);
                self.invited += u32::from(needs_invite && registered.is_ok());
                registered.map(|name| (name, None))
            }
            Question::Verify(name, password, lasts) => {
                let is_right = self.password(name.id) == Some(password);
                let is_known = self.note_login(now, name.id, is_right, household, limits);
                if is_right {
                    self.see(now, name.id, household, fault, limits);
                    let client = lasts.clone();
                    let grant = client.and_then(|client| self.begin(now, name.id, client, fault, limits));
                    return Ok((self.name(name.id), grant));
                }
                if !is_known {
                    self.fail_at_address(now, household, limits);
                }
                Err("auth_failed")
            }
        }
    }

    /// Counts a login that failed, or forgets those that did before one that did not. Whether the household is known there.
    fn note_login(
        &mut self,
        now: Instant,
        user: usize,
        is_right: bool,
        household: usize,
        limits: &Limits,
    ) -> bool {
        let is_known = self.is_known(now, user, household, limits);
        let slate = if is_known { &mut self.own_slates[user][household] } else { &mut self.slates[user] };
        slate.note(now, is_right, limits);
        is_known
    }

    fn mint(&mut self) -> u64 {
        self.minted += 1;
        self.minted - 1
    }

    /// A login begins that lasts, if the disk takes it.
    fn begin(
        &mut self,
        now: Instant,
        user: usize,
        client: Option<String>,
        fault: Fault,
        limits: &Limits,
    ) -> Option<Granted> {
        let token = self.mint();
        if matches!(fault, Fault::Busy | Fault::Full | Fault::CrashBefore) {
            return None;
        }
        let (end, end_ms) = session_end(now, limits);
        self.begun += 1;
        let id = self.begun;
        let begun = now.since_start().as_secs();
        self.sessions.push(Session { id, user, token, before: None, end, begun, used: begun, client });
        // The longest unused of those that are too many, the older one of two, has ended.
        let count = self.sessions.iter().filter(|session| session.user == user).count();
        for _ in limits.session_account_max as usize..count {
            let own = self.sessions.iter().enumerate().filter(|(_, session)| session.user == user);
            let oldest = own.min_by_key(|(_, session)| (session.end, session.id)).map(|(index, _)| index);
            self.sessions.remove(oldest.expect("there is one too many"));
        }
        Some(Granted { id, token, expires_ms: end_ms })
    }

    /// A login goes on whose token, or the one before, is this.
    fn renew(
        &mut self,
        now: Instant,
        shown: &str,
        next: u64,
        limits: &Limits,
    ) -> Option<(&'static str, Option<Granted>)> {
        let is_it = |number: &u64| token(*number) == shown;
        let session = self.sessions.iter_mut().find(|session| session.is_shown(shown))?;
        session.before = if is_it(&session.token) { Some(session.token) } else { session.before };
        session.token = next;
        let (end, end_ms) = session_end(now, limits);
        (session.end, session.used) = (end, now.since_start().as_secs());
        let (id, user) = (session.id, session.user);
        Some((self.name(user), Some(Granted { id, token: next, expires_ms: end_ms })))
    }

    /// An account is deleted, with its logins.
    pub fn delete(&mut self, user: usize) {
        self.records[user].iter_mut().for_each(|record| record.password = None);
        self.sessions.retain(|session| session.user != user);
    }

    /// A login has ended that lasted.
    pub fn end(&mut self, id: i64) {
        self.sessions.retain(|session| session.id != id);
    }

    /// A login is to end before its user is told which there are, if the one lasts that they have come by themselves.
    pub fn end_own(&mut self, wanted: Wanted, end: i64, fault: Fault) -> Result<(), &'static str> {
        if fault == Fault::Busy {
            return Err("unavailable");
        }
        if wanted.own.is_some_and(|own| !self.lasts(own)) {
            return Err("session_ended");
        }
        if matches!(fault, Fault::Full | Fault::CrashBefore) {
            return Err("unavailable");
        }
        let count = self.sessions.len();
        self.sessions.retain(|session| (session.id, session.user) != (end, wanted.user));
        if self.sessions.len() == count { Err("no_such_login") } else { Ok(()) }
    }

    /// The login of a user whose token, or the one before, is this.
    pub fn login_by(&self, shown: &str, user: usize) -> Option<i64> {
        let mine = self.sessions.iter().filter(|session| session.user == user);
        mine.filter(|session| session.is_shown(shown)).map(|session| session.id).min()
    }

    /// Whether nobody has ended that login.
    pub fn lasts(&self, id: i64) -> bool {
        self.sessions.iter().any(|session| session.id == id)
    }

    /// The logins of a user that last, the one that was used last at the head.
    pub fn logins(&self, now: Instant, user: usize, own: Option<i64>) -> Vec<Login> {
        let lasts = |session: &&Session| session.user == user && session.end > now.since_start().as_secs();
        let mut sessions: Vec<&Session> = self.sessions.iter().filter(lasts).collect();
        sessions.sort_by_key(|session| std::cmp::Reverse((session.used, session.id)));
        let login = |session: &Session| Login {
            id: GrantId(session.id),
            client: session.client.as_deref().and_then(ClientName::parse),
            begun_ms: Some(session.begun * 1000),
            used_ms: Some(session.used * 1000),
            ends_ms: session.end * 1000,
            is_own: own == Some(session.id),
        };
        sessions.into_iter().take(LOGINS_TOLD_MAX).map(login).collect()
    }

    /// Who has that name.
    pub fn user(&self, name: &str) -> Option<usize> {
        self.records.iter().position(|record| record.as_ref().is_some_and(|record| record.name == name))
    }

    fn register(&mut self, name: Name, password: &str, fault: Fault) -> Result<&'static str, &'static str> {
        if self.records[name.id].is_some() {
            return Err("name_taken");
        }
        if lookalike(name.id).is_some_and(|other| self.records[other].is_some()) {
            return Err("name_resembles");
        }
        match fault {
            Fault::Full | Fault::Busy | Fault::CrashBefore => Err("unavailable"),
            Fault::None | Fault::CrashAfter => {
                self.records[name.id] = Some(Record { name: name.text, password: Some(password.to_owned()) });
                Ok(name.text)
            }
        }
    }

    fn fail_at_address(&mut self, now: Instant, household: usize, limits: &Limits) {
        if limits.loopback_is_exempt && household == LOCAL {
            return;
        }
        let (count, interval, burst) = address_rate(limits);
        // Several that were let in at once may find nothing left to take.
        let _ = self.addresses[household].take(now, count, interval, burst);
    }

    /// Remembers where somebody logged in from, in memory whatever happens to the disk.
    fn see(&mut self, now: Instant, user: usize, household: usize, fault: Fault, limits: &Limits) {
        let day = Some(today(now));
        if limits.auth_known_days == 0 || self.seen[user][household] == day {
            return;
        }
        self.seen[user][household] = day;
        if matches!(fault, Fault::None | Fault::CrashAfter) {
            self.stored[user][household] = day;
        }
    }
}

impl Session {
    /// Whether its token, or the one before, is this.
    fn is_shown(&self, shown: &str) -> bool {
        [Some(self.token), self.before].into_iter().flatten().any(|number| token(number) == shown)
    }
}

impl Slate {
    fn note(&mut self, now: Instant, is_right: bool, limits: &Limits) {
        if is_right || self.end <= now {
            *self = Self::default();
        }
        if is_right {
            return;
        }
        self.failures += 1;
        let mut pause = Duration::ZERO;
        for _ in limits.auth_failures_max..self.failures {
            let longest = Duration::from_millis(limits.auth_pause_ms_max);
            pause = (2 * pause).max(Duration::from_millis(limits.auth_pause_ms_min)).min(longest);
        }
        self.pause_end = now + pause;
        self.end = self.pause_end.max(now + Duration::from_millis(limits.auth_window_ms));
    }
}

/// How many failures come back to an address in which time, and how many there are at most.
fn address_rate(limits: &Limits) -> (u32, Duration, u32) {
    let burst = limits.auth_address_failures_max;
    (burst.min(1), Duration::from_millis(limits.auth_address_interval_ms), burst)
}

fn today(now: Instant) -> u64 {
    now.since_start().as_secs() / (24 * 60 * 60)
}

/// The word for an answer of the store: the name, or why not.
pub fn word(answer: &Answer) -> Result<&str, &'static str> {
    match answer {
        Answer::Registered(account) | Answer::Verified(account) | Answer::Granted(account, _) => {
            Ok(account.name.as_str())
        }
        Answer::Told(_) => Ok("told"),
        Answer::Logins(_) => Ok("logins"),
        Answer::Refused(Refusal::NameTaken) => Err("name_taken"),
        Answer::Refused(Refusal::NameResembles) => Err("name_resembles"),
        Answer::Refused(Refusal::RegistrationClosed) => Err("registration_closed"),
        Answer::Refused(Refusal::InviteRequired) => Err("invite_required"),
        Answer::Refused(Refusal::InviteInvalid) => Err("invite_invalid"),
        Answer::Refused(Refusal::SessionEnded) => Err("session_ended"),
        Answer::Refused(Refusal::NoSuchLogin) => Err("no_such_login"),
        Answer::Refused(Refusal::AuthFailed) => Err("auth_failed"),
        Answer::Refused(Refusal::AccountDisabled) => Err("account_disabled"),
        Answer::Refused(Refusal::AuthThrottled { .. }) => Err("auth_throttled"),
        Answer::Refused(Refusal::Busy { .. }) => Err("busy"),
        Answer::Refused(Refusal::Unavailable { .. }) => Err("unavailable"),
    }
}

/// When a login ends that is used now: in seconds, as the disk has it, and in milliseconds.
fn session_end(now: Instant, limits: &Limits) -> (u64, u64) {
    let end = now.since_start() + Duration::from_secs(86_400) * limits.session_days;
    (end.as_secs(), u64::try_from(end.as_millis()).expect("the simulation does not last that long"))
}
