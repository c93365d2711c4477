//! Who is who: answers the core's questions with the store and the hasher.

use std::error::Error;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chatroom_core::limits::Limits;
use chatroom_core::name::{Account, NameKey};
use chatroom_core::secret::Password;
use chatroom_core::server::{Answer, Question, Refusal};
use chatroom_core::time::Instant;

use crate::passwords::Hasher;
use crate::passwords::hasher::{Phc, Verdict};
use crate::passwords::throttle::Throttle;
use crate::store::{Insertion, Records, Store};

/// The accounts of a server, shared by whoever answers questions.
///
/// Each lock in it is held for one call of what it guards and never during a hash.
pub struct Accounts<S = Store> {
    store: Mutex<S>,
    throttle: Mutex<Throttle>,
    hasher: Hasher,
    registration: Registration,
}

/// Whether new accounts can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// By anybody.
    Open,
    /// By nobody.
    Closed,
}

/// What is left to do when a login has been answered: to replace a hash that costs less than today's.
///
/// See [`Accounts::rehash`].
pub struct Rehash {
    key: NameKey,
    password: Password,
    old: Phc,
}

impl<S: Records> Accounts<S> {
    /// Answers from `store`, hashing with `hasher`.
    #[must_use]
    pub fn new(store: S, hasher: Hasher, limits: &Limits, registration: Registration) -> Self {
        Self { store: Mutex::new(store), throttle: Mutex::new(Throttle::new(limits)), hasher, registration }
    }

    /// Whether a question is worth looking at: at once, without a hash or the store.
    ///
    /// # Errors
    /// The refusal that is the answer.
    pub fn admit(&self, now: Instant, question: &Question) -> Result<(), Refusal> {
        match question {
            Question::Register { .. } => match self.registration {
                Registration::Open => Ok(()),
                Registration::Closed => Err(Refusal::RegistrationClosed),
            },
            Question::Verify { account, .. } => self.throttle().check(now, &account.key),
            Question::Decoy => Ok(()),
        }
    }

    /// Answers a question and does whatever follows from it. Blocks for as long as a hash or two take.
    ///
    /// For who has one thread only; who can answer first and go on working calls [`work`](Self::work).
    pub fn answer(&self, now: Instant, question: Question) -> Answer {
        let (answer, rehash) = self.work(now, question);
        if let Some(rehash) = rehash {
            self.rehash(rehash);
        }
        answer
    }

    /// Answers a question. Blocks for as long as a hash takes.
    ///
    /// What is left to do afterwards keeps nobody waiting: give the answer first, then call
    /// [`rehash`](Self::rehash).
    pub fn work(&self, now: Instant, question: Question) -> (Answer, Option<Rehash>) {
        // Asked again although it was admitted: others may have failed while this question waited.
        if let Err(refusal) = self.admit(now, &question) {
            return (Answer::Refused(refusal), None);
        }
        let outcome = match question {
            Question::Register { account, password } => {
                self.register(account, &password).map(|answer| (answer, None))
            }
            Question::Verify { account, password } => self.verify(now, account, password),
            Question::Decoy => {
                self.hasher.decoy();
                Err(Refusal::AuthFailed)
            }
        };
        outcome.unwrap_or_else(|refusal| (Answer::Refused(refusal), None))
    }

    /// Replaces a hash that costs less than today's. That it failed is logged; the old hash is still good.
    pub fn rehash(&self, rehash: Rehash) {
        let new = match self.hasher.hash(&rehash.password) {
            Ok(new) => new,
            Err(error) => return tracing::warn!(%error, "a password hash was not renewed"),
        };
        if let Err(error) = self.store().replace_hash(&rehash.key, &rehash.old, &new) {
            tracing::warn!(%error, "a password hash was not renewed");
        }
    }

    /// How long one hash takes here and now; it is made to find out.
    #[must_use]
    pub fn measure(&self) -> Duration {
        self.hasher.measure()
    }

    fn register(&self, account: Account, password: &Password) -> Result<Answer, Refusal> {
        let found = self.store().find(&account.key);
        if found.map_err(unavailable)?.is_some() {
            return Err(Refusal::NameTaken);
        }
        let phc = self.hasher.hash(password).map_err(unavailable)?;
        // Somebody else may have got here in the meantime; the store decides who was first.
        let inserted = self.store().insert(&account, &phc);
        #[cfg(planted_bug = "acknowledged_before_commit")]
        let inserted = inserted.or(Ok::<_, crate::store::StoreError>(Insertion::Inserted));
        match inserted.map_err(unavailable)? {
            Insertion::Inserted => Ok(Answer::Registered(account)),
            Insertion::Taken => Err(Refusal::NameTaken),
        }
    }

    fn verify(
        &self,
        now: Instant,
        account: Account,
        password: Password,
    ) -> Result<(Answer, Option<Rehash>), Refusal> {
        let found = self.store().find(&account.key);
        let Some(stored) = found.map_err(unavailable)? else {
            self.hasher.decoy();
            self.throttle().failed(now, &account.key);
            return Err(Refusal::AuthFailed);
        };
        #[cfg(planted_bug = "typed_name_answered")]
        let stored = crate::store::Stored { account: account.clone(), ..stored };
        match self.hasher.verify(&password, &stored.phc).map_err(unavailable)? {
            Verdict::Wrong => {
                self.throttle().failed(now, &account.key);
                Err(Refusal::AuthFailed)
            }
            Verdict::Right { needs_rehash } => {
                self.throttle().succeeded(&account.key);
                let rehash = needs_rehash.then(|| Rehash { key: account.key, password, old: stored.phc });
                Ok((Answer::Verified(stored.account), rehash))
            }
        }
    }

    // A panic while one of these was held has ended a single statement or a single map operation; what is behind
    // the lock is as good as before it, so the lock may be taken in spite of the poison.

    fn store(&self) -> MutexGuard<'_, S> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> fmt::Debug for Accounts<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nothing that has to do with an account.
        f.debug_struct("Accounts").field("registration", &self.registration).finish_non_exhaustive()
    }
}

/// Tells the log what happened, and whoever asked only that it did. No error here says whose question it was.
fn unavailable(error: impl Error) -> Refusal {
    tracing::error!(%error, "an account could not be looked up or made");
    Refusal::Unavailable { retry_ms: UNAVAILABLE_RETRY_MS }
}

/// A full disk or a locked file takes somebody to look at it, and a busy one a moment.
pub(crate) const UNAVAILABLE_RETRY_MS: u64 = 5_000;

#[cfg(test)]
mod tests;
