//! The thread that looks after logins that last. Each costs a visit to the disk and no hash, so who comes back does not wait
//! behind those whose passwords are hashed.

use std::io;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use chatroom_core::server::{GrantId, Question};

use crate::accounts::Accounts;
use crate::clock::Clock;
use crate::passwords::Applicant;
use crate::passwords::pool::or_unavailable;

/// See the module. Dropping it ends the thread, once it has done what it was asked for.
///
/// A connection has one question open at a time, so no more wait than are connected.
pub(crate) struct Clerk<A> {
    errands: Option<Sender<Errand<A>>>,
    thread: Option<JoinHandle<()>>,
}

enum Errand<A> {
    Answer { address: IpAddr, question: Question, applicant: A },
    End(GrantId),
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

    /// Has a question answered. Never blocks.
    pub(crate) fn ask(&self, address: IpAddr, question: Question, applicant: A) {
        self.send(Errand::Answer { address, question, applicant });
    }

    /// Has a login ended. Never blocks.
    pub(crate) fn end(&self, grant: GrantId) {
        self.send(Errand::End(grant));
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

fn serve<A: Applicant>(accounts: &Accounts, clock: Clock, inbox: &Receiver<Errand<A>>) {
    for errand in inbox {
        let work = || match errand {
            Errand::Answer { applicant, .. } if applicant.is_gone() => {}
            Errand::Answer { address, question, applicant } => {
                let (answer, _) = or_unavailable(|| accounts.work(clock.now(), address, question));
                applicant.answer(answer);
            }
            Errand::End(grant) => accounts.end_session(grant),
        };
        // Whatever is wrong with one, the next one's asker has nothing to do with it.
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            tracing::error!("looking after a login has panicked");
        }
    }
}
