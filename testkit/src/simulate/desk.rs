//! Who answers questions about accounts: the product's own line and accounts, over a disk that can fail, and no
//! thread. A password is hashed when the simulation says so.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chatroom_core::Instant;
use chatroom_core::hub::{Append, Memory, Outcome, Settled, Told};
use chatroom_core::limits::Limits;
use chatroom_core::message::hello::Registration;
use chatroom_core::message::history::Page;
use chatroom_core::message::logins::{ClientName, Login};
use chatroom_core::name::{Account, NameKey, NameLook};
use chatroom_core::secret::Token;
use chatroom_core::server::{Answer, GrantId, Question, Recall, Refusal, Ticket};
use server_common::accounts::Accounts;
use server_common::exchange::Peer;
use server_common::passwords::Hasher;
use server_common::passwords::hasher::Phc;
use server_common::passwords::queue::{Bounds, Queue};
use server_common::scribe::Scribe;
use server_common::session::Desk;
use server_common::store::{
    Claim, Day, Lasting, Mark, Messages, Place, Records, Retention, Shown, Sighting, Store, StoreError,
    Stored, TokenHash,
};

use super::line::Bell;
use super::step::{Fault, Keep};

/// A disk with accounts, which stays when the server is gone.
#[derive(Clone)]
pub struct Disk(Arc<Mutex<Platter>>);

struct Platter {
    store: Store,
    /// How many tokens were made.
    minted: u64,
    fault: Fault,
    is_crashed: bool,
}

/// The desk of a server.
#[derive(Clone)]
pub struct Office(Arc<Mutex<Shared>>);

struct Shared {
    accounts: Accounts<Disk>,
    queue: Queue<Job>,
    /// Who comes back without a password does not wait for those with one.
    returning: VecDeque<Job>,
    /// What was asked since somebody looked last.
    asked: Vec<Asked>,
    /// The last answer that was given, to be given once more.
    last: Option<(Arc<Peer<Bell>>, Ticket, Answer)>,
}

struct Job {
    address: IpAddr,
    peer: Arc<Peer<Bell>>,
    ticket: Ticket,
    question: Question,
}

/// A question that was asked.
pub struct Asked {
    /// The answer, where none had to be waited for.
    pub refusal: Option<Refusal>,
}

/// What came of a question.
pub struct Done {
    /// The line it came from, and how many connections that line had had by then.
    pub whose: (usize, u64),
    /// The answer, unless nobody was there to hear it, or the server is gone.
    pub answer: Option<Answer>,
    /// Whether the server is gone.
    pub is_crashed: bool,
}

impl Disk {
    /// One without accounts, and with one invitation.
    pub fn new() -> Self {
        let mut store = Store::in_memory().expect("there is memory for an empty database");
        let invite = Token::new(INVITE.to_owned().into());
        store.invite(&invite, INVITE_USES, Duration::ZERO, INVITE_END).expect("there is memory for it");
        Self(Arc::new(Mutex::new(Platter { store, minted: 0, fault: Fault::None, is_crashed: false })))
    }

    /// Makes a token: the next number.
    fn mint(&self) -> [u8; 32] {
        let mut platter = lock(&self.0);
        platter.minted += 1;
        token_bytes(platter.minted - 1)
    }

    /// Lets go of what is not kept any longer, as the server does by and by. Whether it could.
    pub fn let_go(&self, keep: Keep, now: Duration, fault: Fault) -> bool {
        self.set_fault(fault);
        // What is kept is counted in days, so it is asked as if it were tomorrow: a day old is what is too old by then.
        let days = u32::from(keep.age_max.is_some());
        let asked_at = (now + DAY * days).saturating_sub(keep.age_max.unwrap_or_default());
        let keep = Retention { days, messages: keep.messages };
        let mut platter = lock(&self.0);
        let mut next = Some(Place::default());
        let mut is_done = true;
        while let Some(place) = next {
            let cut = platter.write(|store| store.cut(keep, asked_at, place));
            is_done &= cut.is_ok();
            next = cut.ok().and_then(|cut| cut.next);
        }
        drop(platter);
        self.set_fault(Fault::None);
        is_done
    }

    /// Deletes an account, as whoever runs the server does. Whether it could.
    pub fn delete(&self, account: &Account, fault: Fault) -> bool {
        self.set_fault(fault);
        let deleted = lock(&self.0).write(|store| store.delete_account(account));
        self.set_fault(Fault::None);
        deleted.is_ok()
    }

    /// Whose accounts are deleted.
    pub fn deleted(&self) -> Vec<NameKey> {
        lock(&self.0).store.deleted().expect("the disk is only asked when it works")
    }

    /// Those of these logins that have ended.
    pub fn ended(&self, logins: &[GrantId]) -> Vec<GrantId> {
        lock(&self.0).store.ended(logins).expect("the disk is only asked when it works")
    }

    /// Whether all that is on it belongs together.
    pub fn check(&self) -> Result<(), String> {
        lock(&self.0).store.check().map(drop).map_err(|error| error.to_string())
    }

    /// What it does from now on.
    fn set_fault(&self, fault: Fault) {
        let mut platter = lock(&self.0);
        platter.fault = fault;
        platter.is_crashed = false;
    }
}

impl Records for Disk {
    fn insert(
        &mut self,
        account: &Account,
        look: &NameLook,
        phc: &Phc,
        invite: Option<&Shown>,
    ) -> Result<Claim, StoreError> {
        lock(&self.0).write(|store| store.insert(account, look, phc, invite))
    }

    fn open_session(
        &mut self,
        key: &NameKey,
        proof: &Phc,
        token: &TokenHash,
        client: Option<&ClientName>,
        lasting: Lasting,
    ) -> Result<Option<GrantId>, StoreError> {
        lock(&self.0).write(|store| store.open_session(key, proof, token, client, lasting))
    }

    fn extend_session(&mut self, id: GrantId, lasting: Lasting) -> Result<(), StoreError> {
        lock(&self.0).write(|store| store.extend_session(id, lasting))
    }

    fn renew_sessions(
        &mut self,
        tokens: &[(TokenHash, TokenHash)],
        lasting: Lasting,
    ) -> Result<Vec<Option<(GrantId, Account)>>, StoreError> {
        lock(&self.0).write(|store| store.renew_sessions(tokens, lasting))
    }

    fn close_session(&mut self, id: GrantId) -> Result<(), StoreError> {
        lock(&self.0).write(|store| store.close_session(id))
    }

    fn close_session_of(&mut self, key: &NameKey, id: GrantId) -> Result<bool, StoreError> {
        lock(&self.0).write(|store| store.close_session_of(key, id))
    }

    fn has_session(&self, id: GrantId) -> Result<bool, StoreError> {
        lock(&self.0).read(|store| store.has_session(id))
    }

    fn sessions(&self, key: &NameKey, now: Duration) -> Result<Vec<Login>, StoreError> {
        lock(&self.0).read(|store| store.sessions(key, now))
    }

    fn is_invited(&self, invite: &Shown) -> Result<bool, StoreError> {
        lock(&self.0).read(|store| store.is_invited(invite))
    }

    fn replace_hash(&mut self, key: &NameKey, old: &Phc, new: &Phc) -> Result<(), StoreError> {
        lock(&self.0).store.replace_hash(key, old, new)
    }

    fn note_sighting(&mut self, sighting: &Sighting) -> Result<(), StoreError> {
        lock(&self.0).write(|store| store.note_sighting(sighting))
    }

    fn sightings(&self, day_min: Day) -> Result<Vec<(Mark, Day)>, StoreError> {
        lock(&self.0).read(|store| store.sightings(day_min))
    }

    fn find(&self, account: &Account) -> Result<Option<Stored>, StoreError> {
        lock(&self.0).read(|store| store.find(account))
    }

    fn claim(&self, account: &Account, look: &NameLook) -> Result<Claim, StoreError> {
        lock(&self.0).read(|store| store.claim(account, look))
    }
}

impl Messages for Disk {
    fn append(&mut self, group: &[Append], ts_ms: u64) -> Result<Vec<Outcome>, StoreError> {
        lock(&self.0).write(|store| store.append(group, ts_ms))
    }

    fn tell(&self, account: &Account, with_ties: bool) -> Result<Told, StoreError> {
        lock(&self.0).read(|store| store.tell(account, with_ties))
    }

    fn page(&self, recall: &Recall) -> Result<Page, StoreError> {
        lock(&self.0).read(|store| store.page(recall))
    }

    fn memory(&self) -> Result<Memory, StoreError> {
        lock(&self.0).store.memory()
    }
}

impl Platter {
    fn read<T>(&self, look: impl FnOnce(&Store) -> Result<T, StoreError>) -> Result<T, StoreError> {
        match self.fault {
            Fault::Busy => Err(failure(rusqlite::ffi::SQLITE_BUSY)),
            Fault::None | Fault::Full | Fault::CrashBefore | Fault::CrashAfter => look(&self.store),
        }
    }

    fn write<T>(
        &mut self,
        change: impl FnOnce(&mut Store) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self.fault {
            Fault::None => change(&mut self.store),
            Fault::Busy => Err(failure(rusqlite::ffi::SQLITE_BUSY)),
            Fault::Full => Err(failure(rusqlite::ffi::SQLITE_FULL)),
            Fault::CrashBefore => {
                self.is_crashed = true;
                Err(failure(rusqlite::ffi::SQLITE_IOERR))
            }
            Fault::CrashAfter => {
                self.is_crashed = true;
                change(&mut self.store)
            }
        }
    }
}

impl Office {
    /// A desk with accounts on that disk.
    pub fn new(limits: &Limits, registration: Registration, disk: Disk) -> Self {
        let hasher = Hasher::new(1).expect("one round is few, and allowed");
        let mint = disk.clone();
        Self(Arc::new(Mutex::new(Shared {
            accounts: Accounts::new(disk, hasher, limits, registration, Duration::ZERO)
                .with_mint_for_tests_only(Box::new(move || Ok(mint.mint()))),
            queue: Queue::new(bounds(limits)),
            returning: VecDeque::new(),
            asked: Vec::new(),
            last: None,
        })))
    }

    /// What was asked since the last time.
    pub fn take_asked(&self, asked: &mut Vec<Asked>) {
        asked.append(&mut lock(&self.0).asked);
    }

    /// Whether anybody waits.
    pub fn is_waiting(&self) -> bool {
        let shared = lock(&self.0);
        !shared.queue.is_empty() || !shared.returning.is_empty()
    }

    /// Does the next job, as a thread of the pool does.
    pub fn work(&self, now: Instant, disk: &Disk, fault: Fault) -> Option<Done> {
        let mut shared = lock(&self.0);
        let next = shared.returning.pop_front().or_else(|| shared.queue.pop());
        let Job { address, peer, ticket, question } = next?;
        let whose = peer.waker().whose();
        if peer.is_gone() {
            return Some(Done { whose, answer: None, is_crashed: false });
        }
        disk.set_fault(fault);
        let answer = shared.accounts.answer(now, address, question);
        let is_crashed = lock(&disk.0).is_crashed;
        disk.set_fault(Fault::None);
        if is_crashed {
            return Some(Done { whose, answer: None, is_crashed });
        }
        shared.last = Some((Arc::clone(&peer), ticket, answer.clone()));
        drop(shared);
        peer.answer(ticket, answer.clone());
        Some(Done { whose, answer: Some(answer), is_crashed })
    }

    /// Writes a group, as the thread for that does. Whether the server is gone.
    pub fn write(&self, now: Instant, disk: &Disk, group: Vec<Append>, fault: Fault) -> (Vec<Settled>, bool) {
        disk.set_fault(fault);
        let settled = Scribe::of(&lock(&self.0).accounts).write(now, group);
        let is_crashed = lock(&disk.0).is_crashed;
        disk.set_fault(Fault::None);
        (settled, is_crashed)
    }

    /// Whose the last answer was, if they are still there.
    pub fn last(&self) -> Option<(usize, u64)> {
        let shared = lock(&self.0);
        shared.last.as_ref().filter(|(peer, ..)| !peer.is_gone()).map(|(peer, ..)| peer.waker().whose())
    }

    /// Gives the last answer once more.
    pub fn repeat(&self) {
        let last = lock(&self.0).last.clone();
        if let Some((peer, ticket, answer)) = last {
            peer.answer(ticket, answer);
        }
    }
}

impl Desk<Bell> for Office {
    fn ask(&self, now: Instant, address: IpAddr, peer: &Arc<Peer<Bell>>, ticket: Ticket, question: Question) {
        let mut shared = lock(&self.0);
        let refusal = match shared.accounts.admit(now, address, &question) {
            Err(refusal) => Some(refusal),
            Ok(())
                if matches!(
                    question,
                    Question::Resume { .. } | Question::History(_) | Question::Logins { .. }
                ) =>
            {
                shared.returning.push_back(Job { address, peer: Arc::clone(peer), ticket, question });
                None
            }
            Ok(()) => {
                let job = Job { address, peer: Arc::clone(peer), ticket, question };
                let pushed = shared.queue.push(address, job);
                pushed.err().map(|full| Refusal::Busy { retry_ms: full.retry_ms })
            }
        };
        shared.asked.push(Asked { refusal });
        drop(shared);
        if let Some(refusal) = refusal {
            peer.answer(ticket, Answer::Refused(refusal));
        }
    }

    fn end(&self, grant: GrantId) {
        lock(&self.0).accounts.end_session(grant);
    }

    // Nobody stays for a day.
    fn visit(&self, _: GrantId) {}
}

/// The token of that number, as clients have it.
pub fn token(number: u64) -> String {
    token_bytes(number).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn token_bytes(number: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// A day.
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// What invites.
pub const INVITE: &str = "welcome";
/// How many accounts can be made with it.
pub const INVITE_USES: u32 = 3;
/// When it ends.
pub const INVITE_END: Duration = Duration::from_secs(3_600);

/// The line's bounds where a hash takes 10 ms and one thread makes them.
pub fn bounds(limits: &Limits) -> Bounds {
    Bounds::new(limits, Duration::from_millis(10), 1)
}

fn failure(code: i32) -> StoreError {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None).into()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
