//! Who makes durable what the hub wants to be, and only then has it delivered.
//!
//! With nobody else talking, a message is written at once; with many, they share a visit to the disk: a group is what has gathered
//! while the one before was written and delivered. Those who answer what they were just told would come too late for the next
//! one, and half of a room would take turns with the other half; so after a group of a few there is a moment for them.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use chatroom_core::Instant;
use chatroom_core::hub::{Append, Entry, Outcome, Settled};
use chatroom_core::message::push::Posted;

use crate::accounts::{Accounts, Calendar};
use crate::clock::Clock;
use crate::exchange::Wake;
use crate::server::Server;
use crate::store::{Messages, Records, Shared, Store};
use crate::turn::{self, Rung};

/// Writes groups to a store.
pub struct Scribe<S = Store> {
    store: Arc<Shared<S>>,
    calendar: Calendar,
}

impl<S: Records + Messages> Scribe<S> {
    /// Writes to where the accounts are, by their calendar.
    pub fn of(accounts: &Accounts<S>) -> Self {
        Self { store: Arc::clone(accounts.store()), calendar: Arc::clone(accounts.calendar()) }
    }

    /// Makes a group durable, all of it or nothing. Blocks for as long as the disk takes.
    pub fn write(&self, now: Instant, group: Vec<Append>) -> Vec<Settled> {
        let ts_ms = u64::try_from((self.calendar)(now).as_millis()).unwrap_or(u64::MAX);
        let written =
            catch_unwind(AssertUnwindSafe(|| self.store.commit(|store| store.append(&group, ts_ms))));
        let outcomes = match written {
            Ok(Ok(outcomes)) => outcomes,
            Ok(Err(error)) => {
                tracing::error!(%error, "{} messages or rooms could not be written", group.len());
                catch_unwind(AssertUnwindSafe(|| self.read_alone(&group))).unwrap_or_else(|_| {
                    tracing::error!("reading what there is has panicked");
                    Vec::new()
                })
            }
            Err(_) => {
                tracing::error!("writing what was said has panicked");
                Vec::new()
            }
        };
        let outcomes = outcomes.into_iter().chain(std::iter::repeat_with(|| NOTHING_KEPT));
        group.into_iter().zip(outcomes).map(|(append, outcome)| append.settle(outcome)).collect()
    }

    /// Nothing of a group is written; what was only to be read is there all the same.
    fn read_alone(&self, group: &[Append]) -> Vec<Outcome> {
        let look = |append: &Append| match append.entry() {
            Entry::Telling(telling) => {
                let told = self.store.read(|store| store.tell(&telling.account, telling.with_ties));
                told.map_or(NOTHING_KEPT, |told| Outcome::Told(Box::new(told)))
            }
            Entry::Room(_) | Entry::Message(_) | Entry::Place(_) | Entry::PeerRead(_) | Entry::Tying(_) => {
                NOTHING_KEPT
            }
        };
        group.iter().map(look).collect()
    }
}

/// Calls the thread that writes.
pub(crate) struct Bell(SyncSender<()>);

/// Where that thread hears of it.
pub(crate) struct Calls(Receiver<()>);

/// A bell, and where it is heard.
pub(crate) fn bell() -> (Bell, Calls) {
    // One call is as good as many.
    let (sender, receiver) = mpsc::sync_channel(1);
    (Bell(sender), Calls(receiver))
}

impl Bell {
    pub(crate) fn ring(&self) {
        match self.0.try_send(()) {
            Ok(()) | Err(TrySendError::Full(())) => {}
            Err(TrySendError::Disconnected(())) => tracing::error!("nobody writes what is said"),
        }
    }
}

/// Starts the thread that writes for a server, for as long as there is the server.
///
/// # Errors
/// When the system gives no thread.
pub(crate) fn start<W: Wake>(
    scribe: Scribe,
    server: &Arc<Server<W>>,
    clock: Clock,
    calls: Calls,
) -> io::Result<()> {
    let server = Arc::downgrade(server);
    let write = move || serve(&scribe, &server, clock, &calls.0);
    thread::Builder::new().name("scribe".into()).spawn(write).map(drop)
}

/// The life of the thread. It takes turns: what it has delivered it writes to those it is for by itself.
fn serve<W: Wake>(scribe: &Scribe, server: &Weak<Server<W>>, clock: Clock, calls: &Receiver<()>) {
    turn::begin();
    let mut rung = Rung::new();
    while calls.recv().is_ok()
        && let Some(server) = server.upgrade()
    {
        let write = || {
            let mut group = Vec::new();
            server.exchange().take_appends(GROUP_MAX, &mut group);
            if group.is_empty() {
                return None;
            }
            let settled = scribe.write(clock.now(), group);
            let messages = settled.iter().filter(|settled| settled.is_message()).count();
            server.exchange().settle(clock.now(), settled);
            Some(messages)
        };
        let gather = || {
            if server.exchange().pending_appends() < COMPANY as u64 {
                thread::sleep(GATHERING);
            }
        };
        work(write, gather, &mut rung);
    }
}

/// Calls `write`, which says how many messages it wrote, and tends who gets something by it, until there was nothing to write.
/// Between a group of a few messages and the next one there is time to `gather`.
fn work(mut write: impl FnMut() -> Option<usize>, mut gather: impl FnMut(), rung: &mut Rung) {
    loop {
        let messages = write();
        turn::end(rung);
        // Who has heard that their words are kept may go on to what others are told of, on this thread: with all they had
        // said by then, for it is not this thread that reads.
        while !rung.is_empty() {
            turn::tend(rung);
            turn::end(rung);
        }
        match messages {
            None => return,
            Some(messages) if (2..COMPANY).contains(&messages) => gather(),
            Some(_) => {}
        }
    }
}

/// How many share a visit to the disk at most: so that none waits long for those behind it.
pub const GROUP_MAX: usize = 128;
/// How long those are waited for who answer what they were told. A visit to the disk takes about twice as long; where the disk
/// is slow, it is nothing beside it. Measured with 16 messages on their way in a room of 200 and of 1,000: 1.99 and 1.68 of
/// the processor time that it takes without a history became 1.33 and 1.05 to 1.31, half of the messages arrived in 1.1 and
/// 3.6 to 4.7 ms instead of 1.6 and 7.2, and 200 us more gained nothing.
const GATHERING: Duration = Duration::from_micros(150);
/// So many in a group, or waiting for the next one, have no need to wait for more: in twenty rooms of ten, where it is 40,
/// waiting cost a tenth of what was delivered and gained nothing.
const COMPANY: usize = 32;
/// What comes of those that could not be written.
const NOTHING_KEPT: Outcome = if cfg!(planted_bug = "delivered_before_commit") {
    Outcome::Posted(Posted { seq: 1, ts_ms: 0 })
} else {
    Outcome::Failed
};

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time;

    use super::*;
    use crate::turn::Tend;

    type Story = Mutex<Vec<&'static str>>;

    /// Somebody with mail, who has something for somebody else when it is written.
    struct Member {
        name: &'static str,
        story: Arc<Story>,
        next: Option<Arc<Member>>,
    }

    impl Tend for Member {
        fn prepare(&self, _: time::Instant) {}

        fn tend(self: Arc<Self>, _: time::Instant) {
            self.story.lock().unwrap().push(self.name);
            if let Some(next) = &self.next {
                assert!(turn::postpone(next));
            }
        }
    }

    #[test]
    fn who_hears_of_somebody_who_was_told_that_their_words_are_kept_is_tended_too() {
        let story = Arc::new(Story::default());
        let member = |name, next| Arc::new(Member { name, story: Arc::clone(&story), next });
        let first =
            member("their words are kept", Some(member("they have left", Some(member("they came", None)))));
        turn::begin();
        let mut groups = 0;
        let write = || {
            groups += 1;
            (groups == 1 && turn::postpone(&first)).then_some(1)
        };
        work(write, || panic!("there is one"), &mut Rung::new());
        assert_eq!(*story.lock().unwrap(), ["their words are kept", "they have left", "they came"]);
    }

    #[test]
    fn a_few_are_told_and_have_a_moment_to_answer_and_one_or_many_are_not_waited_for() {
        let story = Arc::new(Story::default());
        let note = |what| story.lock().unwrap().push(what);
        let others = Arc::new(Member { name: "so are others", story: Arc::clone(&story), next: None });
        let told = Arc::new(Member { name: "told", story: Arc::clone(&story), next: Some(others) });
        turn::begin();
        let mut groups = [0, 1, 2, 31, 32].into_iter();
        let write = || {
            note("written");
            groups.next().inspect(|_| assert!(turn::postpone(&told)))
        };
        work(write, || note("waited"), &mut Rung::new());
        let one_or_many = ["written", "told", "so are others"];
        let a_few = ["written", "told", "so are others", "waited"];
        let expected = [&one_or_many[..], &one_or_many, &a_few, &a_few, &one_or_many, &["written"]].concat();
        assert_eq!(*story.lock().unwrap(), expected);
    }
}
