use super::*;
use crate::passwords::hasher::ITERATIONS_MIN;
use crate::testing::{account, password, register, verify};

fn accounts_with(store: Store, iterations: u32, limits: &Limits, registration: Registration) -> Accounts {
    Accounts::new(store, Hasher::new(iterations).unwrap(), limits, registration)
}

fn accounts() -> Accounts {
    let store = Store::in_memory().unwrap();
    accounts_with(store, ITERATIONS_MIN, &Limits::default(), Registration::Open)
}

fn at(seconds: u64) -> Instant {
    Instant::from_start(Duration::from_secs(seconds))
}

fn refused(refusal: Refusal) -> Answer {
    Answer::Refused(refusal)
}

#[test]
fn who_registered_can_log_in_and_is_spelled_as_then() {
    let accounts = accounts();
    assert_eq!(
        accounts.answer(at(0), register("Harper", "correct horse")),
        Answer::Registered(account("Harper"))
    );
    assert_eq!(
        accounts.answer(at(1), verify("hARPER", "correct horse")),
        Answer::Verified(account("Harper"))
    );
}

#[test]
fn a_second_registration_of_a_name_changes_nothing() {
    let accounts = accounts();
    accounts.answer(at(0), register("Jos\u{e9}", "correct horse"));
    let second = accounts.answer(at(1), register("JOSE\u{301}", "another password"));
    assert_eq!(second, refused(Refusal::NameTaken));
    assert_eq!(
        accounts.answer(at(2), verify("jos\u{e9}", "correct horse")),
        Answer::Verified(account("Jos\u{e9}"))
    );
}

#[test]
fn of_many_who_want_a_name_at_once_one_gets_it() {
    let accounts = accounts();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| accounts.answer(at(0), register("harper", "correct horse"))))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let count = |wanted: Answer| answers.iter().filter(|answer| **answer == wanted).count();
    assert_eq!((count(Answer::Registered(account("harper"))), count(refused(Refusal::NameTaken))), (1, 7));
}

#[test]
fn an_unknown_name_and_a_wrong_password_look_the_same() {
    let accounts = accounts();
    accounts.answer(at(0), register("harper", "correct horse"));
    for question in [verify("harper", "wrong horse"), verify("nobody", "correct horse"), Question::Decoy] {
        assert_eq!(accounts.answer(at(1), question), refused(Refusal::AuthFailed));
    }
}

#[test]
fn where_registration_is_closed_those_who_exist_can_still_log_in() {
    let mut store = Store::in_memory().unwrap();
    let hasher = Hasher::new(ITERATIONS_MIN).unwrap();
    store.insert(&account("harper"), &hasher.hash(&password("correct horse")).unwrap()).unwrap();
    let accounts = accounts_with(store, ITERATIONS_MIN, &Limits::default(), Registration::Closed);
    let new = register("new", "correct horse");
    assert_eq!(accounts.admit(at(0), &new), Err(Refusal::RegistrationClosed));
    assert_eq!(accounts.answer(at(0), new), refused(Refusal::RegistrationClosed));
    assert_eq!(
        accounts.answer(at(0), verify("harper", "correct horse")),
        Answer::Verified(account("harper"))
    );
}

#[test]
fn who_keeps_failing_has_to_wait_whether_the_name_exists_or_not() {
    let limits = Limits { auth_failures_max: 2, auth_pause_ms_min: 1_000, ..Limits::default() };
    let accounts = accounts_with(Store::in_memory().unwrap(), ITERATIONS_MIN, &limits, Registration::Open);
    accounts.answer(at(0), register("harper", "correct horse"));
    for name in ["harper", "nobody"] {
        for _ in 0..3 {
            assert_eq!(accounts.answer(at(1), verify(name, "wrong")), refused(Refusal::AuthFailed), "{name}");
        }
        // Not even the right password is looked at now.
        let right = verify(name, "correct horse");
        let throttled = Refusal::AuthThrottled { retry_ms: 1_000 };
        assert_eq!(accounts.admit(at(1), &right), Err(throttled), "{name}");
        assert_eq!(accounts.answer(at(1), right), refused(throttled), "{name}");
    }
    assert_eq!(
        accounts.answer(at(2), verify("harper", "correct horse")),
        Answer::Verified(account("harper"))
    );
    // Forgiven: the next failures are free again.
    for _ in 0..3 {
        assert_eq!(accounts.answer(at(2), verify("harper", "wrong")), refused(Refusal::AuthFailed));
    }
}

#[test]
fn a_hash_from_before_the_cost_was_raised_is_renewed_after_the_answer() {
    let mut store = Store::in_memory().unwrap();
    let old = Hasher::new(ITERATIONS_MIN).unwrap().hash(&password("correct horse")).unwrap();
    store.insert(&account("harper"), &old).unwrap();
    let accounts = accounts_with(store, ITERATIONS_MIN + 1, &Limits::default(), Registration::Open);
    let stored = || accounts.store().find(&account("harper").key).unwrap().unwrap().phc;

    let (answer, rehash) = accounts.work(at(0), verify("harper", "correct horse"));
    assert_eq!(answer, Answer::Verified(account("harper")));
    assert!(stored() == old);
    accounts.rehash(rehash.expect("the hash is cheaper than today's"));
    assert!(stored().expose().starts_with("$pbkdf2-sha256$i=2,l=32$"));

    let (answer, rehash) = accounts.work(at(1), verify("harper", "correct horse"));
    assert_eq!(answer, Answer::Verified(account("harper")));
    assert!(rehash.is_none());
}

#[test]
fn a_damaged_hash_is_our_fault_and_not_the_users() {
    let mut store = Store::in_memory().unwrap();
    store.insert(&account("harper"), &Phc::from_store("damaged".to_owned())).unwrap();
    let accounts = accounts_with(store, ITERATIONS_MIN, &Limits::default(), Registration::Open);
    let answer = accounts.answer(at(0), verify("harper", "correct horse"));
    assert!(matches!(answer, Answer::Refused(Refusal::Unavailable { .. })), "{answer:?}");
}

#[test]
fn debug_output_says_nothing_of_anybody() {
    let accounts = accounts();
    accounts.answer(at(0), register("harper", "correct horse"));
    assert_eq!(format!("{accounts:?}"), "Accounts { registration: Open, .. }");
}
