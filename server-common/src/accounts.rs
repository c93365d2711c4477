//! Who is who: answers the core's questions with the store and the hasher.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chatroom_core::limits::Limits;
use chatroom_core::message::hello::Registration;
use chatroom_core::message::logins::{ClientName, Login};
use chatroom_core::name::{Account, NameKey, NameLook};
use chatroom_core::secret::{Password, Token};
use chatroom_core::server::{Answer, Grant, GrantId, Question, Refusal};
use chatroom_core::time::Instant;
use zeroize::Zeroizing;

use crate::metrics::Times;
use crate::passwords::Hasher;
use crate::passwords::hasher::{Phc, Verdict};
use crate::passwords::throttle::Throttle;
use crate::passwords::throttle::known::{Known, Sighting};
use crate::store::{
    Claim, Cut, Lasting, Messages, Place, Records, Retention, Shared, Shown, Store, StoreError,
};
use crate::tokens;

/// The accounts of a server, shared by whoever answers questions.
///
/// Each lock in it is held for one call of what it guards and never during a hash.
pub struct Accounts<S = Store> {
    store: Arc<Shared<S>>,
    throttle: Mutex<Throttle>,
    hasher: Hasher,
    terms: Mutex<Terms>,
    mint: Mint,
    calendar: Calendar,
    /// How long hashes took, decoys among them.
    pub(crate) hashes: Times,
}

/// What can change while a server runs.
#[derive(Clone, Copy)]
struct Terms {
    registration: Registration,
    session_days: u32,
    session_account_max: u32,
}

/// Makes what a token is made of: random, and never the same twice.
pub type Mint = Box<dyn Fn() -> io::Result<[u8; 32]> + Send + Sync>;

/// What the calendar says, counted from 1970, for what outlives the process.
pub type Calendar = Arc<dyn Fn(Instant) -> Duration + Send + Sync>;

/// What is left to do when a login has been answered.
///
/// See [`Accounts::follow_up`].
pub struct FollowUp {
    /// To be stored: where the account has logged in from.
    sighting: Option<Sighting>,
    /// To be replaced: a hash that costs less than today's.
    rehash: Option<Rehash>,
}

struct Rehash {
    key: NameKey,
    password: Password,
    old: Phc,
}

impl<S: Records + Messages> Accounts<S> {
    /// Answers from `store`, hashing with `hasher`. `start` is the calendar's time, counted from 1970, at which
    /// [`Instant`] begins to count.
    #[must_use]
    pub fn new(
        store: S,
        hasher: Hasher,
        limits: &Limits,
        registration: Registration,
        start: Duration,
    ) -> Self {
        let mut known = Known::new(limits, start);
        match store.sightings(known.day_min(Instant::default())) {
            Ok(marks) => known.load(marks),
            // Whoever is known nowhere can still log in, unless somebody else is guessing just then.
            Err(error) => tracing::warn!(%error, "where accounts logged in from lately was not read"),
        }
        let throttle = Mutex::new(Throttle::new(limits, known));
        Self {
            store: Arc::new(Shared::new(store)),
            throttle,
            hasher,
            terms: Mutex::new(Terms::new(limits, registration)),
            mint: Box::new(random),
            calendar: Arc::new(move |now| start + now.since_start()),
            hashes: Times::default(),
        }
    }

    /// The same, by a calendar that may be set, and goes on while the machine sleeps.
    #[must_use]
    pub fn with_calendar(self, calendar: Calendar) -> Self {
        Self { calendar, ..self }
    }

    /// The same, with tokens that are not random.
    #[must_use]
    pub fn with_mint_for_tests_only(self, mint: Mint) -> Self {
        Self { mint, ..self }
    }

    /// Holds to other limits from now on, and lets others register or not.
    pub fn reconfigure(&self, limits: &Limits, registration: Registration) {
        self.throttle().set_limits(limits);
        *self.terms.lock().unwrap_or_else(PoisonError::into_inner) = Terms::new(limits, registration);
    }

    /// Whether a question from `address` is worth looking at: at once, without a hash or the store.
    ///
    /// # Errors
    /// The refusal that is the answer.
    pub fn admit(&self, now: Instant, address: IpAddr, question: &Question) -> Result<(), Refusal> {
        match question {
            Question::Register { invite, .. } => match self.terms().registration {
                Registration::Open => Ok(()),
                Registration::Invite if invite.is_some() => Ok(()),
                Registration::Invite => Err(Refusal::InviteRequired),
                Registration::Closed => Err(Refusal::RegistrationClosed),
            },
            Question::Verify { account, .. } => self.throttle().check(now, Some(&account.key), address),
            Question::Decoy => self.throttle().check(now, None, address),
            // Nobody guesses a token.
            Question::Resume { .. } => Ok(()),
            // Who asks these is logged in.
            Question::History(_) | Question::Logins { .. } => Ok(()),
        }
    }

    /// Answers a question and does whatever follows from it. Blocks for as long as a hash or two take.
    ///
    /// For who has one thread only; who can answer first and go on working calls [`work`](Self::work).
    pub fn answer(&self, now: Instant, address: IpAddr, question: Question) -> Answer {
        let (answer, follow_up) = self.work(now, address, question);
        if let Some(follow_up) = follow_up {
            self.follow_up(follow_up);
        }
        answer
    }

    /// Answers a question. Blocks for as long as a hash takes.
    ///
    /// What is left to do afterwards keeps nobody waiting: give the answer first, then call
    /// [`follow_up`](Self::follow_up).
    pub fn work(&self, now: Instant, address: IpAddr, question: Question) -> (Answer, Option<FollowUp>) {
        // Asked again although it was admitted: others may have failed while this question waited.
        if let Err(refusal) = self.admit(now, address, &question) {
            return (Answer::Refused(refusal), None);
        }
        let outcome = match question {
            Question::Register { account, look, password, invite } => {
                // Where everybody may come in, an invitation is neither looked at nor used up.
                let invite = invite.filter(|_| self.terms().registration == Registration::Invite);
                let shown = invite.map(|invite| Shown::new(&invite, (self.calendar)(now)));
                self.register(account, &look, &password, shown.as_ref()).map(|answer| (answer, None))
            }
            Question::Verify { account, password, lasts, client } => {
                self.verify(now, address, account, password, lasts, client.as_ref())
            }
            Question::Resume { token } => {
                self.renew(now, &[(address, token)]).map(|mut answers| answers.swap_remove(0))
            }
            Question::History(recall) => {
                let page = self.store.read(|store| store.page(&recall));
                page.map(|page| (Answer::Told(page), None)).map_err(unavailable)
            }
            Question::Logins { account, own, end } => {
                self.logins(now, &account, own, end).map(|logins| (Answer::Logins(logins), None))
            }
            Question::Decoy => {
                self.hashes.measure(|| self.hasher.decoy());
                self.throttle().failed(now, None, address);
                Err(Refusal::AuthFailed)
            }
        };
        outcome.unwrap_or_else(|refusal| (Answer::Refused(refusal), None))
    }

    /// Does what a login left to do. What fails is logged, and nobody is worse off for it than before.
    pub fn follow_up(&self, follow_up: FollowUp) {
        if let Some(sighting) = follow_up.sighting
            && let Err(error) = self.store.commit(|store| store.note_sighting(&sighting))
        {
            tracing::warn!(%error, "where an account logged in from was not stored");
        }
        if let Some(rehash) = follow_up.rehash {
            self.rehash(rehash);
        }
    }

    fn rehash(&self, rehash: Rehash) {
        let new = match self.hashes.measure(|| self.hasher.hash(&rehash.password)) {
            Ok(new) => new,
            Err(error) => return tracing::warn!(%error, "a password hash was not renewed"),
        };
        if let Err(error) = self.store.commit(|store| store.replace_hash(&rehash.key, &rehash.old, &new)) {
            tracing::warn!(%error, "a password hash was not renewed");
        }
    }

    /// How long one hash takes here and now; it is made to find out.
    #[must_use]
    pub fn measure(&self) -> Duration {
        self.hasher.measure()
    }

    fn register(
        &self,
        account: Account,
        look: &NameLook,
        password: &Password,
        invite: Option<&Shown>,
    ) -> Result<Answer, Refusal> {
        // First of all: who is not invited does not learn which names are taken.
        if let Some(invite) = invite {
            let is_invited = self.store.read(|store| store.is_invited(invite));
            if !is_invited.map_err(unavailable)? {
                return Err(Refusal::InviteInvalid);
            }
        }
        let claim = self.store.read(|store| store.claim(&account, look));
        grant(claim.map_err(unavailable)?)?;
        let phc = self.hashes.measure(|| self.hasher.hash(password)).map_err(unavailable)?;
        // Somebody else may have got here in the meantime; the store decides who was first.
        let claim = self.store.commit(|store| store.insert(&account, look, &phc, invite));
        #[cfg(planted_bug = "acknowledged_before_commit")]
        let claim = claim.or(Ok::<_, StoreError>(Claim::Free));
        grant(claim.map_err(unavailable)?)?;
        Ok(Answer::Registered(account))
    }

    fn verify(
        &self,
        now: Instant,
        address: IpAddr,
        account: Account,
        password: Password,
        lasts: bool,
        client: Option<&ClientName>,
    ) -> Result<(Answer, Option<FollowUp>), Refusal> {
        let found = self.store.read(|store| store.find(&account));
        let Some(stored) = found.map_err(unavailable)? else {
            self.hashes.measure(|| self.hasher.decoy());
            self.throttle().failed(now, Some(&account.key), address);
            return Err(Refusal::AuthFailed);
        };
        #[cfg(planted_bug = "typed_name_answered")]
        let stored = crate::store::Stored { account: account.clone(), ..stored };
        let verdict = self.hashes.measure(|| self.hasher.verify(&password, &stored.phc));
        match verdict.map_err(unavailable)? {
            Verdict::Wrong => {
                self.throttle().failed(now, Some(&account.key), address);
                Err(Refusal::AuthFailed)
            }
            Verdict::Right { needs_rehash } => {
                // Not before the password is right: who is shut out is nobody else's business.
                if stored.is_disabled {
                    return Err(Refusal::AccountDisabled);
                }
                let sighting = self.throttle().succeeded(now, &account.key, address);
                let key = stored.account.key.clone();
                let answer = match lasts {
                    true => self.begin_session(now, stored.account, &stored.phc, client)?,
                    false => Answer::Verified(stored.account),
                };
                let rehash = needs_rehash.then(|| Rehash { key, password, old: stored.phc });
                let is_more = sighting.is_some() || rehash.is_some();
                Ok((answer, is_more.then_some(FollowUp { sighting, rehash })))
            }
        }
    }

    /// Has a login last whose password has that hash. If it cannot be noted, it is one that ends with its connection.
    fn begin_session(
        &self,
        now: Instant,
        account: Account,
        proof: &Phc,
        client: Option<&ClientName>,
    ) -> Result<Answer, Refusal> {
        let lasting = self.lasting(now);
        let begun = self.mint_token().map_err(|error| error.to_string()).and_then(|token| {
            let hash = tokens::hash(&token);
            let id =
                self.store.commit(|store| store.open_session(&account.key, proof, &hash, client, lasting));
            Ok(id.map_err(|error| error.to_string())?.map(|id| grant_of(id, token, lasting)))
        });
        match begun {
            Ok(Some(grant)) => Ok(Answer::Granted(account, grant)),
            // The account has changed while the password was hashed: what holds now the next try is told.
            Ok(None) => Err(Refusal::Busy { retry_ms: CHANGED_RETRY_MS }),
            Err(error) => {
                tracing::warn!(error, "a login that was to last does not");
                Ok(Answer::Verified(account))
            }
        }
    }

    /// Answers those who show tokens, all of them with one visit to the disk.
    pub fn resume(&self, now: Instant, shown: &[(IpAddr, Token)]) -> Vec<(Answer, Option<FollowUp>)> {
        self.renew(now, shown)
            .unwrap_or_else(|refusal| shown.iter().map(|_| (Answer::Refused(refusal), None)).collect())
    }

    fn renew(
        &self,
        now: Instant,
        shown: &[(IpAddr, Token)],
    ) -> Result<Vec<(Answer, Option<FollowUp>)>, Refusal> {
        let lasting = self.lasting(now);
        let next: io::Result<Vec<Token>> = shown.iter().map(|_| self.mint_token()).collect();
        let next = next.map_err(unavailable)?;
        let hashes = shown.iter().zip(&next);
        let hashes: Vec<_> =
            hashes.map(|((_, shown), next)| (tokens::hash(shown), tokens::hash(next))).collect();
        let renewed =
            self.store.commit(|store| store.renew_sessions(&hashes, lasting)).map_err(unavailable)?;
        let mut answers = Vec::with_capacity(shown.len());
        for ((found, next), (address, _)) in renewed.into_iter().zip(next).zip(shown) {
            answers.push(match found {
                Some((id, account)) => {
                    // Or a stranger's guesses would keep out who needs the password again after months.
                    let sighting = self.throttle().succeeded(now, &account.key, *address);
                    let follow_up =
                        sighting.map(|sighting| FollowUp { sighting: Some(sighting), rehash: None });
                    (Answer::Granted(account, grant_of(id, next, lasting)), follow_up)
                }
                None => (Answer::Refused(Refusal::SessionEnded), None),
            });
        }
        Ok(answers)
    }

    /// Notes that who has come by a login that lasts is still there.
    pub fn visit(&self, now: Instant, id: GrantId) {
        let lasting = self.lasting(now);
        if let Err(error) = self.store.commit(|store| store.extend_session(id, lasting)) {
            tracing::warn!(%error, "a login lasts no longer than it would without this visit");
        }
    }

    /// Ends a login that lasts, for its user has logged out.
    pub fn end_session(&self, id: GrantId) {
        if let Err(error) = self.store.commit(|store| store.close_session(id)) {
            tracing::warn!(%error, "a login whose user has logged out still lasts");
        }
    }

    /// The logins of an account that last, perhaps after one of them has ended.
    fn logins(
        &self,
        now: Instant,
        account: &Account,
        own: Option<GrantId>,
        end: Option<GrantId>,
    ) -> Result<Vec<Login>, Refusal> {
        if let Some(id) = end {
            let ended = self.store.commit(|store| -> Result<_, StoreError> {
                // Of two that end each other the first does: nobody would tell that one of the second to go.
                let lasts = own.map_or(Ok(true), |own| store.has_session(own))?;
                Ok(if lasts { Some(store.close_session_of(&account.key, id)?) } else { None })
            });
            match ended.map_err(unavailable)? {
                Some(true) => {}
                Some(false) => return Err(Refusal::NoSuchLogin),
                None => return Err(Refusal::SessionEnded),
            }
        }
        let now = (self.calendar)(now);
        let mut logins = self.store.read(|store| store.sessions(&account.key, now)).map_err(unavailable)?;
        for login in &mut logins {
            login.is_own = own == Some(login.id);
        }
        Ok(logins)
    }

    fn lasting(&self, now: Instant) -> Lasting {
        let (now, terms) = ((self.calendar)(now), self.terms());
        let end = now + Duration::from_secs(86_400) * terms.session_days;
        Lasting { now, end, count_max: terms.session_account_max }
    }

    fn mint_token(&self) -> io::Result<Token> {
        let bytes = Zeroizing::new((self.mint)()?);
        Ok(tokens::token(&*bytes))
    }

    /// Where the accounts are.
    pub(crate) fn store(&self) -> &Arc<Shared<S>> {
        &self.store
    }

    pub(crate) fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    fn terms(&self) -> Terms {
        *self.terms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // A panic while this was held has ended a single map operation; what is behind the lock is as good as before it, so
    // the lock may be taken in spite of the poison.

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Accounts {
    /// The accounts that are shut out.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn disabled(&self) -> Result<Vec<NameKey>, StoreError> {
        self.store.read(Store::disabled)
    }

    /// Whose accounts are deleted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn deleted(&self) -> Result<Vec<NameKey>, StoreError> {
        self.store.read(Store::deleted)
    }

    /// Those of these logins that have ended.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn ended(&self, grants: &[GrantId]) -> Result<Vec<GrantId>, StoreError> {
        self.store.read(|store| store.ended(grants))
    }

    /// Lets go of some messages that are not kept any longer; see [`Store::cut`].
    ///
    /// # Errors
    /// When the database cannot be read or written; nothing has changed then.
    pub fn cut(&self, now: Instant, keep: Retention, from: Place) -> Result<Cut, StoreError> {
        let now = (self.calendar)(now);
        self.store.commit(|store| store.cut(keep, now, from))
    }

    /// Whether a room has a retention of its own.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn has_room_retention(&self) -> Result<bool, StoreError> {
        self.store.read(Store::has_room_retention)
    }
}

impl<S: Records + Messages> fmt::Debug for Accounts<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nothing that has to do with an account.
        f.debug_struct("Accounts").field("registration", &self.terms().registration).finish_non_exhaustive()
    }
}

impl Terms {
    fn new(limits: &Limits, registration: Registration) -> Self {
        let Limits { session_days, session_account_max, .. } = *limits;
        Self { registration, session_days, session_account_max }
    }
}

fn grant_of(id: GrantId, token: Token, lasting: Lasting) -> Grant {
    let expires_ms = u64::try_from(lasting.end.as_millis()).unwrap_or(u64::MAX);
    Grant { id, token, expires_ms }
}

fn random() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    for half in bytes.chunks_exact_mut(16) {
        half.copy_from_slice(&tokens::random()?);
    }
    Ok(bytes)
}

fn grant(claim: Claim) -> Result<(), Refusal> {
    match claim {
        Claim::Free => Ok(()),
        Claim::Taken => Err(Refusal::NameTaken),
        Claim::Resembles => Err(Refusal::NameResembles),
        Claim::Uninvited => Err(Refusal::InviteInvalid),
    }
}

/// Tells the log what happened, and whoever asked only that it did. No error here says whose question it was.
fn unavailable(error: impl Error) -> Refusal {
    tracing::error!(%error, "the database could not be read or written");
    Refusal::Unavailable { retry_ms: UNAVAILABLE_RETRY_MS }
}

/// When to come again if an account changed while its password was hashed.
const CHANGED_RETRY_MS: u64 = 100;

/// A full disk or a locked file takes somebody to look at it, and a busy one a moment.
pub(crate) const UNAVAILABLE_RETRY_MS: u64 = 5_000;

#[cfg(test)]
mod tests;
