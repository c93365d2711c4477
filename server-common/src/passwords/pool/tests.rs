use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::*;
use crate::passwords::Hasher;
use crate::passwords::hasher::ITERATIONS_MIN;
use crate::store::{Records as _, Store};
use crate::testing::{account, look, password, register, verify};
use chatroom_core::message::hello::Registration;

/// Reports its answer, and before that does what a test makes it do.
struct Visitor {
    name: &'static str,
    is_gone: Arc<AtomicBool>,
    before: Box<dyn FnOnce() + Send>,
    answers: Sender<(&'static str, Answer)>,
}

impl Applicant for Visitor {
    fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed)
    }

    fn answer(self, answer: Answer) {
        (self.before)();
        self.answers.send((self.name, answer)).expect("the test listens");
    }
}

/// A pool with one thread, and what its visitors were answered.
struct Bench {
    pool: Pool<Visitor>,
    accounts: Arc<Accounts>,
    answers: Receiver<(&'static str, Answer)>,
    sender: Sender<(&'static str, Answer)>,
}

const BOUNDS: Bounds = Bounds {
    jobs_max: 3,
    loopback_jobs_max: 3,
    is_shared: false,
    address_jobs_max: 3,
    pace: Duration::from_millis(80),
};

const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

impl Bench {
    fn new(accounts: Accounts) -> Self {
        let accounts = Arc::new(accounts);
        let (sender, answers) = channel();
        let pool =
            Pool::start_with(Arc::clone(&accounts), BOUNDS, Duration::ZERO, 1, 10, Clock::start()).unwrap();
        Self { pool, accounts, answers, sender }
    }

    fn visitor(&self, name: &'static str) -> Visitor {
        self.visitor_who(name, || ())
    }

    fn visitor_who(&self, name: &'static str, before: impl FnOnce() + Send + 'static) -> Visitor {
        Visitor { name, is_gone: Arc::default(), before: Box::new(before), answers: self.sender.clone() }
    }

    /// Has the thread answer a visitor who keeps it there until the gate that comes back is opened or dropped.
    fn occupy(&self) -> Sender<()> {
        let (entered, wait_entered) = channel();
        let (gate, wait_gate) = channel();
        let visitor = self.visitor_who("gate", move || {
            entered.send(()).expect("the test waits");
            let _ = wait_gate.recv();
        });
        self.submit(Question::Decoy, visitor).unwrap();
        wait_entered.recv().unwrap();
        gate
    }

    fn submit(&self, question: Question, visitor: Visitor) -> Result<(), Refusal> {
        self.pool.submit(ADDRESS, question, visitor).map_err(|(refusal, _)| refusal)
    }

    fn heard(&self) -> (&'static str, Answer) {
        self.answers.recv().expect("the pool answers")
    }
}

fn accounts(limits: &Limits, registration: Registration) -> Accounts {
    Accounts::new(
        Store::in_memory().unwrap(),
        Hasher::new(ITERATIONS_MIN).unwrap(),
        limits,
        registration,
        Duration::ZERO,
    )
}

fn open_accounts() -> Accounts {
    accounts(&Limits::default(), Registration::Open)
}

const FAILED: Answer = Answer::Refused(Refusal::AuthFailed);

#[test]
fn questions_are_answered() {
    let bench = Bench::new(open_accounts());
    bench.submit(register("Harper", "correct horse"), bench.visitor("one")).unwrap();
    assert_eq!(bench.heard(), ("one", Answer::Registered(account("Harper"))));
    bench.submit(verify("harper", "correct horse"), bench.visitor("two")).unwrap();
    assert_eq!(bench.heard(), ("two", Answer::Verified(account("Harper"))));
}

#[test]
fn a_pool_starts_with_the_limits_as_they_are() {
    let pool = Pool::start(Arc::new(open_accounts()), &Limits::default(), Clock::start()).unwrap();
    let (answers, heard) = channel();
    let visitor = Visitor { name: "one", is_gone: Arc::default(), before: Box::new(|| ()), answers };
    assert!(pool.submit(ADDRESS, Question::Decoy, visitor).is_ok());
    assert_eq!(heard.recv(), Ok(("one", FAILED)));
    pool.stop();
}

#[test]
fn who_has_gone_costs_no_hash() {
    // A first failure would be one too many, if it happened.
    let limits = Limits { auth_failures_max: 0, auth_pause_ms_min: 300_000, ..Limits::default() };
    let bench = Bench::new(accounts(&limits, Registration::Open));
    let gate = bench.occupy();
    let gone = bench.visitor("gone");
    let leave = Arc::clone(&gone.is_gone);
    bench.submit(verify("harper", "wrong"), gone).unwrap();
    bench.submit(Question::Decoy, bench.visitor("here")).unwrap();
    leave.store(true, Ordering::Relaxed);
    drop(gate);
    assert_eq!([bench.heard(), bench.heard()], [("gate", FAILED), ("here", FAILED)]);
    bench
        .submit(verify("harper", "wrong"), bench.visitor("here"))
        .expect("no login to harper has failed yet");
    assert_eq!(bench.heard(), ("here", FAILED));
    let throttled = bench.submit(verify("harper", "wrong"), bench.visitor("here"));
    assert!(matches!(throttled, Err(Refusal::AuthThrottled { .. })), "{throttled:?}");
}

#[test]
fn a_full_line_turns_away_at_once() {
    let bench = Bench::new(open_accounts());
    let gate = bench.occupy();
    for _ in 0..3 {
        bench.submit(Question::Decoy, bench.visitor("waits")).unwrap();
    }
    assert_eq!(bench.pool.waiting(), 3);
    let (refusal, visitor) =
        bench.pool.submit(ADDRESS, Question::Decoy, bench.visitor("late")).err().unwrap();
    assert_eq!((refusal, visitor.name), (Refusal::Busy { retry_ms: 100 }, "late"));
    drop(gate);
    let heard: Vec<_> = (0..4).map(|_| bench.heard().0).collect();
    assert_eq!(heard, ["gate", "waits", "waits", "waits"]);
}

#[test]
fn closed_registration_is_told_at_once() {
    let bench = Bench::new(accounts(&Limits::default(), Registration::Closed));
    let refused = bench.submit(register("harper", "correct horse"), bench.visitor("one"));
    assert_eq!(refused, Err(Refusal::RegistrationClosed));
}

#[test]
fn a_thread_outlives_a_visitor_who_panics() {
    let bench = Bench::new(open_accounts());
    bench.submit(Question::Decoy, bench.visitor_who("one", || panic!("on purpose, by a test"))).unwrap();
    bench.submit(Question::Decoy, bench.visitor("two")).unwrap();
    assert_eq!(bench.heard(), ("two", FAILED));
}

#[test]
fn a_question_whose_work_panics_is_answered() {
    let (answer, follow_up) = or_unavailable(|| panic!("on purpose, by a test"));
    assert!(matches!(answer, Answer::Refused(Refusal::Unavailable { .. })), "{answer:?}");
    assert!(follow_up.is_none());
}

#[test]
fn a_hash_is_renewed_after_the_answer() {
    let mut store = Store::in_memory().unwrap();
    let old = Hasher::new(ITERATIONS_MIN).unwrap().hash(&password("correct horse")).unwrap();
    store.insert(&account("harper"), &look("harper"), &old, None).unwrap();
    let today = Hasher::new(ITERATIONS_MIN + 1).unwrap();
    let bench =
        Bench::new(Accounts::new(store, today, &Limits::default(), Registration::Open, Duration::ZERO));

    let question = || verify("harper", "correct horse");
    let accounts = Arc::clone(&bench.accounts);
    let has_more_to_do = move || {
        let (_, follow_up) = accounts.work(Clock::start().now(), ADDRESS, question());
        follow_up.is_some()
    };
    let (seen, sees) = channel();
    let look = has_more_to_do.clone();
    bench.submit(question(), bench.visitor_who("one", move || seen.send(look()).unwrap())).unwrap();
    assert_eq!(bench.heard().0, "one");
    assert_eq!(sees.recv(), Ok(true), "not yet, when the answer is given");
    bench.submit(Question::Decoy, bench.visitor("two")).unwrap();
    assert_eq!(bench.heard().0, "two");
    assert!(!has_more_to_do(), "by the time of the next one");
}

#[test]
fn a_pool_that_ends_drops_who_waits() {
    let bench = Bench::new(open_accounts());
    let gate = bench.occupy();
    bench.submit(Question::Decoy, bench.visitor("waits")).unwrap();
    let Bench { pool, answers, sender, .. } = bench;
    drop(sender);
    let shared = Arc::clone(&pool.shared);
    let stopping = thread::spawn(move || pool.stop());
    while !shared.line().is_closed {
        thread::yield_now();
    }
    drop(gate);
    stopping.join().unwrap();
    drop(shared);
    assert_eq!(answers.iter().collect::<Vec<_>>(), [("gate", FAILED)]);
}

#[test]
fn a_pool_that_was_stopped_has_no_thread_left() {
    let bench = Bench::new(open_accounts());
    let gate = bench.occupy();
    let Bench { pool, accounts, .. } = bench;
    let shared = Arc::clone(&pool.shared);
    let opening = thread::spawn(move || {
        while !shared.line().is_closed {
            thread::yield_now();
        }
        drop(shared);
        drop(gate);
    });
    pool.stop();
    opening.join().unwrap();
    assert_eq!(Arc::strong_count(&accounts), 1, "whoever hashes has the accounts");
}

#[test]
fn the_last_handle_may_go_on_a_thread_of_the_pool() {
    let bench = Bench::new(open_accounts());
    let gate = bench.occupy();
    let Bench { pool, answers, sender, .. } = bench;
    let pool = Arc::new(pool);
    let last = Arc::clone(&pool);
    let before = Box::new(move || drop(last));
    let visitor = Visitor { name: "last", is_gone: Arc::default(), before, answers: sender };
    assert!(pool.submit(ADDRESS, Question::Decoy, visitor).is_ok());
    drop(pool);
    drop(gate);
    assert_eq!(answers.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["gate", "last"]);
}
