//! The thread that looks after logins that last, looks up what was said before, and lets go of what is not kept any longer.
//! Each costs a visit to the disk and no hash, so who comes back does not wait behind those whose passwords are hashed; and
//! those who come back at once share a visit.

use std::io;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};

use chatroom_core::secret::Token;
use chatroom_core::server::{Answer, GrantId, Question, Refusal};

use crate::accounts::{Accounts, UNAVAILABLE_RETRY_MS};
use crate::clock::Clock;
use crate::passwords::Applicant;
use crate::store::Retention;
use crate::sweep::Sweep;

/// See the module. Dropping it ends the thread, once it has done what it was asked for.
///
/// A connection has one question open at a time, so no more wait than are connected.
pub(crate) struct Clerk<A> {
    errands: Option<Sender<Errand<A>>>,
    thread: Option<JoinHandle<()>>,
}

enum Errand<A> {
    Resume(IpAddr, Token, A),
    LookUp(IpAddr, Question, A),
    End(GrantId),
    Visit(GrantId),
    Keep(Retention),
}

impl<A: Applicant> Clerk<A> {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(accounts: Arc<Accounts>, clock: Clock) -> io::Result<Self> {
        let (errands, inbox) = mpsc::channel();
        let work = move || serve(&accounts, clock, &inbox);
        let thread = thread::Builder::new().name("clerk".into()).spawn(work)?;
        Ok(Self { errands: Some(errands), thread: Some(thread) })
    }

    /// Has somebody answered who shows a token. Never blocks.
    pub(crate) fn resume(&self, address: IpAddr, token: Token, applicant: A) {
        self.send(Errand::Resume(address, token, applicant));
    }

    /// Has somebody told what was said, or where they are logged in. Never blocks.
    pub(crate) fn look_up(&self, address: IpAddr, question: Question, applicant: A) {
        self.send(Errand::LookUp(address, question, applicant));
    }

    /// Has a login ended. Never blocks.
    pub(crate) fn end(&self, grant: GrantId) {
        self.send(Errand::End(grant));
    }

    /// Has it noted that who has come by a login is still there. Never blocks.
    pub(crate) fn visit(&self, grant: GrantId) {
        self.send(Errand::Visit(grant));
    }

    /// Has no more kept than that, from now on; and looks anew which rooms have a retention of their own. Never blocks.
    pub(crate) fn keep(&self, keep: Retention) {
        self.send(Errand::Keep(keep));
    }

    fn send(&self, errand: Errand<A>) {
        if let Some(errands) = &self.errands {
            // The thread ends with this alone.
            let _ = errands.send(errand);
        }
    }
}

impl<A> Drop for Clerk<A> {
    fn drop(&mut self) {
        self.errands = None;
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("the clerk's thread has panicked");
        }
    }
}

/// The life of the thread. What was asked for is done in its order, before what is due.
fn serve<A: Applicant>(accounts: &Accounts, clock: Clock, inbox: &Receiver<Errand<A>>) {
    let mut sweep = Sweep::default();
    loop {
        let first = match wait(clock, inbox, &sweep) {
            Ok(first) => Some(first),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let mut group = Vec::new();
        for errand in first.into_iter().chain(inbox.try_iter().take(GROUP - 1)) {
            match errand {
                Errand::Resume(address, token, applicant) => group.push((applicant, (address, token))),
                Errand::LookUp(address, question, applicant) => {
                    tell(accounts, clock, address, question, applicant);
                }
                Errand::End(grant) => {
                    answer(accounts, clock, std::mem::take(&mut group));
                    guard(|| accounts.end_session(grant));
                }
                Errand::Visit(grant) => {
                    guard(|| accounts.visit(clock.now(), grant));
                }
                Errand::Keep(keep) => sweep.begin(clock.now(), keep),
            }
        }
        answer(accounts, clock, group);
        if sweep.due().is_some_and(|due| due <= clock.now()) {
            guard(|| sweep.advance(accounts, clock));
        }
    }
}

/// Waits for an errand, or until a cut is due.
fn wait<A>(clock: Clock, inbox: &Receiver<Errand<A>>, sweep: &Sweep) -> Result<Errand<A>, RecvTimeoutError> {
    match sweep.due() {
        Some(due) => inbox.recv_timeout(due.since(clock.now())),
        None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
    }
}

/// Tells somebody who is still there what they want to know.
fn tell<A: Applicant>(accounts: &Accounts, clock: Clock, address: IpAddr, question: Question, applicant: A) {
    if !applicant.is_gone() {
        let answer = guard(|| accounts.answer(clock.now(), address, question));
        let answer =
            answer.unwrap_or(Answer::Refused(Refusal::Unavailable { retry_ms: UNAVAILABLE_RETRY_MS }));
        guard(|| applicant.answer(answer));
    }
}

/// Answers those who are still there.
fn answer<A: Applicant>(accounts: &Accounts, clock: Clock, mut group: Vec<(A, (IpAddr, Token))>) {
    group.retain(|(applicant, _)| !applicant.is_gone());
    if group.is_empty() {
        return;
    }
    let (applicants, shown): (Vec<A>, Vec<_>) = group.into_iter().unzip();
    let answers = guard(|| accounts.resume(clock.now(), &shown));
    let refused = || (Answer::Refused(Refusal::Unavailable { retry_ms: UNAVAILABLE_RETRY_MS }), None);
    let answers = answers.unwrap_or_else(|| shown.iter().map(|_| refused()).collect());
    let mut left = Vec::new();
    for (applicant, (answer, follow_up)) in applicants.into_iter().zip(answers) {
        guard(|| applicant.answer(answer));
        left.extend(follow_up);
    }
    // Each is one more visit to the disk, for which nobody has to wait.
    for follow_up in left {
        guard(|| accounts.follow_up(follow_up));
    }
}

/// Whatever is wrong with one, the next one's asker has nothing to do with it.
fn guard<R>(work: impl FnOnce() -> R) -> Option<R> {
    let done = catch_unwind(AssertUnwindSafe(work));
    if done.is_err() {
        tracing::error!("looking after a login has panicked");
    }
    done.ok()
}

/// How many share a visit to the disk. Those who come while it lasts are the next group.
const GROUP: usize = 128;
