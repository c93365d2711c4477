//! The threads that hash.

use std::io;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use chatroom_core::limits::Limits;
use chatroom_core::server::{Answer, Question, Refusal};

use super::queue::{Bounds, Queue};
use crate::accounts::{Accounts, FollowUp, UNAVAILABLE_RETRY_MS};
use crate::clock::Clock;
use crate::unix;

/// Who asked, and where the answer goes.
pub trait Applicant: Send + 'static {
    /// Whether nobody is there any more to hear the answer, so that the work can be saved.
    fn is_gone(&self) -> bool;

    /// Takes the answer, on one of the pool's threads. To be quick: the next one is waiting.
    fn answer(self, answer: Answer);
}

/// Threads that answer questions from [`Accounts`], one question each at a time.
///
/// They are as many as there are cores, less one that is left to the chatting; at least one. They are named
/// `password-0` and so on, and on Linux `password_nice` lets everything else go first.
///
/// Dropping the pool stops it: see [`stop`](Self::stop).
pub struct Pool<A: Applicant> {
    shared: Arc<Shared<A>>,
    workers: Vec<JoinHandle<()>>,
    /// What a hash was measured to cost at the start.
    cost: Duration,
}

struct Shared<A> {
    accounts: Arc<Accounts>,
    clock: Clock,
    line: Mutex<Line<A>>,
    /// Told of each job that joins the line, and of the end.
    news: Condvar,
}

struct Line<A> {
    queue: Queue<Job<A>>,
    is_closed: bool,
}

struct Job<A> {
    address: IpAddr,
    question: Question,
    applicant: A,
}

impl<A: Applicant> Pool<A> {
    /// Starts the threads. Makes one hash to learn what it costs, from which follows how many jobs may wait.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(accounts: Arc<Accounts>, limits: &Limits, clock: Clock) -> io::Result<Self> {
        let workers = workers();
        let cost = accounts.measure();
        let bounds = Bounds::new(limits, cost, workers);
        tracing::info!(workers, hash_us = cost.as_micros(), jobs_max = bounds.jobs_max, "password pool");
        Self::start_with(accounts, bounds, cost, workers, limits.password_nice, clock)
    }

    fn start_with(
        accounts: Arc<Accounts>,
        bounds: Bounds,
        cost: Duration,
        workers: usize,
        nice: u8,
        clock: Clock,
    ) -> io::Result<Self> {
        let line = Mutex::new(Line { queue: Queue::new(bounds), is_closed: false });
        let shared = Arc::new(Shared { accounts, clock, line, news: Condvar::new() });
        // Made first, so that the threads that did start are stopped if one does not.
        let mut pool = Self { shared, workers: Vec::with_capacity(workers), cost };
        for number in 0..workers {
            let shared = Arc::clone(&pool.shared);
            let work = move || {
                if let Err(error) = unix::nice_this_thread(nice) {
                    tracing::warn!(%error, "a password thread runs at the priority of all others");
                }
                shared.work();
            };
            pool.workers.push(thread::Builder::new().name(format!("password-{number}")).spawn(work)?);
        }
        Ok(pool)
    }

    /// Has a question looked at. The applicant hears the answer later, on another thread.
    ///
    /// Never blocks, but for a lock held for moments.
    ///
    /// # Errors
    /// When it will not be looked at, for the reason that is the answer: too many failures, registration closed, too
    /// much waiting. The applicant is handed back and has heard nothing, so that whoever holds a lock that an answer
    /// takes can submit under it.
    pub fn submit(&self, address: IpAddr, question: Question, applicant: A) -> Result<(), (Refusal, A)> {
        if let Err(refusal) = self.shared.accounts.admit(self.shared.clock.now(), address, &question) {
            return Err((refusal, applicant));
        }
        let pushed = self.shared.line().queue.push(address, Job { address, question, applicant });
        match pushed {
            Ok(()) => {
                self.shared.news.notify_one();
                Ok(())
            }
            Err(full) => Err((Refusal::Busy { retry_ms: full.retry_ms }, full.job.applicant)),
        }
    }

    /// Lets as many wait as these limits say, from now on.
    pub fn set_limits(&self, limits: &Limits) {
        self.shared.line().queue.set_bounds(Bounds::new(limits, self.cost, self.workers.len()));
    }

    /// How many questions wait for a thread.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.line().queue.len()
    }

    /// Ends the pool: what is being hashed is answered, what waits is dropped unanswered. Blocks until the threads are
    /// gone, for a hash or two.
    pub fn stop(self) {
        // By being dropped.
    }
}

impl<A: Applicant> Drop for Pool<A> {
    fn drop(&mut self) {
        self.shared.line().is_closed = true;
        self.shared.news.notify_all();
        for worker in self.workers.drain(..) {
            // An answer may have let go of the last handle on the pool, and a thread cannot wait for itself.
            if worker.thread().id() != thread::current().id() && worker.join().is_err() {
                tracing::error!("a password thread has panicked");
            }
        }
    }
}

impl<A: Applicant> Shared<A> {
    /// The life of a thread.
    fn work(&self) {
        while let Some(job) = self.next() {
            // Whatever is wrong with one question, the next one's asker has nothing to do with it.
            if catch_unwind(AssertUnwindSafe(|| self.serve(job))).is_err() {
                tracing::error!("giving an answer has panicked");
            }
        }
    }

    /// The next job, waited for; `None` at the end.
    fn next(&self) -> Option<Job<A>> {
        let mut line = self.line();
        loop {
            if line.is_closed {
                return None;
            }
            if let Some(job) = line.queue.pop() {
                return Some(job);
            }
            line = self.news.wait(line).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn serve(&self, job: Job<A>) {
        let Job { address, question, applicant } = job;
        if applicant.is_gone() {
            return;
        }
        let (answer, follow_up) = or_unavailable(|| self.accounts.work(self.clock.now(), address, question));
        applicant.answer(answer);
        if let Some(follow_up) = follow_up {
            self.accounts.follow_up(follow_up);
        }
    }

    fn line(&self) -> MutexGuard<'_, Line<A>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What `work` answers; should it panic, that this was not the asker's fault.
fn or_unavailable(work: impl FnOnce() -> (Answer, Option<FollowUp>)) -> (Answer, Option<FollowUp>) {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        tracing::error!("answering a question about an account has panicked");
        (Answer::Refused(Refusal::Unavailable { retry_ms: UNAVAILABLE_RETRY_MS }), None)
    })
}

/// As many threads as there are cores that this process may use, less one. A hash keeps a whole core's arithmetic
/// busy, so a second thread on the same core would gain nothing.
fn workers() -> usize {
    num_cpus::get_physical().min(num_cpus::get()).saturating_sub(1).max(1)
}

#[cfg(test)]
mod tests;
