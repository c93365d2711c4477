use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chatroom_core::message::logins::ClientName;
use chatroom_core::secret::Token;

use super::*;
use crate::passwords::hasher::ITERATIONS_MIN;
use crate::testing::{account, look, password, register, verify};

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn accounts_with(store: Store, iterations: u32, limits: &Limits, registration: Registration) -> Accounts {
    Accounts::new(store, Hasher::new(iterations).unwrap(), limits, registration, Duration::ZERO)
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
        accounts.answer(at(0), HOME, register("Harper", "correct horse")),
        Answer::Registered(account("Harper"))
    );
    assert_eq!(
        accounts.answer(at(1), HOME, verify("hARPER", "correct horse")),
        Answer::Verified(account("Harper"))
    );
}

#[test]
fn a_second_registration_of_a_name_changes_nothing() {
    let accounts = accounts();
    accounts.answer(at(0), HOME, register("Jos\u{e9}", "correct horse"));
    let second = accounts.answer(at(1), HOME, register("JOSE\u{301}", "another password"));
    assert_eq!(second, refused(Refusal::NameTaken));
    assert_eq!(
        accounts.answer(at(2), HOME, verify("jos\u{e9}", "correct horse")),
        Answer::Verified(account("Jos\u{e9}"))
    );
}

#[test]
fn of_many_who_want_a_name_at_once_one_gets_it() {
    let accounts = accounts();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| accounts.answer(at(0), HOME, register("harper", "correct horse"))))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let count = |wanted: Answer| answers.iter().filter(|answer| **answer == wanted).count();
    assert_eq!((count(Answer::Registered(account("harper"))), count(refused(Refusal::NameTaken))), (1, 7));
}

#[test]
fn an_unknown_name_and_a_wrong_password_look_the_same() {
    let accounts = accounts();
    accounts.answer(at(0), HOME, register("harper", "correct horse"));
    for question in [verify("harper", "wrong horse"), verify("nobody", "correct horse"), Question::Decoy] {
        assert_eq!(accounts.answer(at(1), HOME, question), refused(Refusal::AuthFailed));
    }
}

#[test]
fn where_registration_is_closed_those_who_exist_can_still_log_in() {
    let mut store = Store::in_memory().unwrap();
    let hasher = Hasher::new(ITERATIONS_MIN).unwrap();
    store
        .insert(&account("harper"), &look("harper"), &hasher.hash(&password("correct horse")).unwrap(), None)
        .unwrap();
    let accounts = accounts_with(store, ITERATIONS_MIN, &Limits::default(), Registration::Closed);
    let new = register("new", "correct horse");
    assert_eq!(accounts.admit(at(0), HOME, &new), Err(Refusal::RegistrationClosed));
    assert_eq!(accounts.answer(at(0), HOME, new), refused(Refusal::RegistrationClosed));
    assert_eq!(
        accounts.answer(at(0), HOME, verify("harper", "correct horse")),
        Answer::Verified(account("harper"))
    );
}

#[test]
fn where_only_the_invited_come_in_others_do_not_learn_which_names_are_taken() {
    let mut store = Store::in_memory().unwrap();
    let welcome = Token::new("welcome".to_owned().into());
    // The clock of this test began at that time.
    store.invite(&welcome, 2, Duration::ZERO, Duration::from_secs(60)).unwrap();
    let accounts = accounts_with(store, ITERATIONS_MIN, &Limits::default(), Registration::Invite);
    let shows = |name: &str, invite: &str| match register(name, "correct horse") {
        Question::Register { account, look, password, .. } => {
            Question::Register { account, look, password, invite: Some(Token::new(invite.to_owned().into())) }
        }
        _ => unreachable!("it registers"),
    };
    assert_eq!(accounts.admit(at(0), HOME, &register("ann", "correct horse")), Err(Refusal::InviteRequired));
    assert_eq!(accounts.answer(at(0), HOME, shows("ann", "welcome")), Answer::Registered(account("ann")));
    for name in ["ann", "bob"] {
        assert_eq!(accounts.answer(at(0), HOME, shows(name, "guess")), refused(Refusal::InviteInvalid));
    }
    assert_eq!(accounts.answer(at(0), HOME, shows("ann", "welcome")), refused(Refusal::NameTaken));
    assert_eq!(accounts.answer(at(60), HOME, shows("bob", "welcome")), refused(Refusal::InviteInvalid));
    assert_eq!(accounts.answer(at(59), HOME, shows("bob", "welcome")), Answer::Registered(account("bob")));
}

/// The token of a login that lasts.
fn token_of(answer: Answer) -> Token {
    match answer {
        Answer::Granted(found, grant) => {
            assert_eq!(found, account("harper"));
            grant.token
        }
        answer => panic!("it does not last: {answer:?}"),
    }
}

#[test]
fn a_user_is_told_where_they_are_logged_in_and_ends_what_is_theirs() {
    let accounts =
        accounts_with(Store::in_memory().unwrap(), ITERATIONS_MIN, &Limits::default(), Registration::Open);
    let names = ["harper", "casey"];
    for name in names {
        accounts.answer(at(0), HOME, register(name, "correct horse"));
    }
    let log_in = |name: &str, client: &str| {
        let (account, password) = (account(name), password("correct horse"));
        let client = ClientName::parse(client);
        match accounts.answer(at(0), HOME, Question::Verify { account, password, lasts: true, client }) {
            Answer::Granted(_, grant) => grant,
            answer => panic!("it does not last: {answer:?}"),
        }
    };
    let (window, phone) = (log_in("harper", "window"), log_in("harper", "phone"));
    let caseys = log_in("casey", "window");
    let ask_by = |own: GrantId, end: Option<GrantId>| {
        let question = Question::Logins { account: account("harper"), own: Some(own), end };
        assert_eq!(accounts.admit(at(0), HOME, &question), Ok(()));
        match accounts.answer(at(0), HOME, question) {
            Answer::Logins(logins) => Ok(logins
                .iter()
                .map(|login| {
                    (login.id, login.client.clone().map(|client| client.as_str().to_owned()), login.is_own)
                })
                .collect::<Vec<_>>()),
            Answer::Refused(refusal) => Err(refusal),
            answer => panic!("that is no answer: {answer:?}"),
        }
    };
    let ask = |end| ask_by(window.id, end);
    let own = (window.id, Some("window".to_owned()), true);
    assert_eq!(ask(None), Ok(vec![(phone.id, Some("phone".to_owned()), false), own.clone()]));
    assert_eq!(ask(Some(caseys.id)), Err(Refusal::NoSuchLogin));
    assert_eq!(ask(Some(phone.id)), Ok(vec![own]));
    assert_eq!(ask(Some(phone.id)), Err(Refusal::NoSuchLogin));
    // One that was just ended, and does not know it, ends nothing in turn.
    assert_eq!(ask_by(phone.id, Some(window.id)), Err(Refusal::SessionEnded));
    let shown = |token: Token| accounts.answer(at(0), HOME, Question::Resume { token });
    assert_eq!(shown(phone.token), refused(Refusal::SessionEnded));
    assert!(matches!(shown(caseys.token), Answer::Granted(..)));
    assert_eq!(accounts.ended(&[window.id, phone.id, caseys.id]).unwrap(), [phone.id]);
}

#[test]
fn a_login_lasts_for_who_wants_it_to_and_each_token_is_another() {
    let limits = Limits { session_days: 1, ..Limits::default() };
    let accounts = accounts_with(Store::in_memory().unwrap(), ITERATIONS_MIN, &limits, Registration::Open);
    accounts.answer(at(0), HOME, register("harper", "correct horse"));
    let log_in = |with: &str| Question::Verify {
        account: account("harper"),
        password: password(with),
        lasts: true,
        client: None,
    };
    let resume = |token: &Token| Question::Resume { token: token.clone() };
    assert_eq!(accounts.answer(at(0), HOME, log_in("wrong horse")), refused(Refusal::AuthFailed));
    let first = token_of(accounts.answer(at(0), HOME, log_in("correct horse")));
    let other = token_of(accounts.answer(at(0), HOME, log_in("correct horse")));
    let second = token_of(accounts.answer(at(1), HOME, resume(&first)));
    for token in [&first, &other, &second] {
        assert!(token.expose().len() == 64 && token.expose().bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
    assert!(first != other && other != second && second != first);
    let third = token_of(accounts.answer(at(86_400), HOME, resume(&second)));
    let ended = refused(Refusal::SessionEnded);
    assert_eq!(accounts.answer(at(86_400), HOME, resume(&first)), ended);
    assert_eq!(accounts.answer(at(86_400), HOME, resume(&other)), ended, "nobody came for a day");
    assert_eq!(accounts.answer(at(2 * 86_400), HOME, resume(&third)), ended);
}

#[test]
fn what_outlives_the_process_goes_by_the_calendar_of_the_moment() {
    let mut store = Store::in_memory().unwrap();
    let welcome = Token::new("welcome".to_owned().into());
    store.invite(&welcome, 2, Duration::ZERO, Duration::from_secs(1_000)).unwrap();
    // The machine sleeps: no time passes for the process.
    let today = Arc::new(AtomicU64::new(999));
    let calendar = Arc::clone(&today);
    let accounts = accounts_with(store, ITERATIONS_MIN, &Limits::default(), Registration::Invite)
        .with_calendar(Arc::new(move |_| Duration::from_secs(calendar.load(Ordering::Relaxed))));
    let invited = |name: &str| Question::Register {
        account: account(name),
        look: look(name),
        password: password("correct horse"),
        invite: Some(welcome.clone()),
    };
    assert_eq!(accounts.answer(at(0), HOME, invited("harper")), Answer::Registered(account("harper")));
    let log_in = Question::Verify {
        account: account("harper"),
        password: password("correct horse"),
        lasts: true,
        client: None,
    };
    let token = token_of(accounts.answer(at(0), HOME, log_in));
    today.store(1_000, Ordering::Relaxed);
    assert_eq!(accounts.answer(at(0), HOME, invited("casey")), refused(Refusal::InviteInvalid));
    today.store(999 + 30 * 86_400, Ordering::Relaxed);
    assert_eq!(accounts.answer(at(0), HOME, Question::Resume { token }), refused(Refusal::SessionEnded));
}

#[test]
fn a_token_is_looked_at_however_many_passwords_have_failed() {
    let limits = Limits { auth_failures_max: 0, ..Limits::default() };
    let accounts = accounts_with(Store::in_memory().unwrap(), ITERATIONS_MIN, &limits, Registration::Open);
    accounts.answer(at(0), HOME, register("harper", "correct horse"));
    let log_in = Question::Verify {
        account: account("harper"),
        password: password("correct horse"),
        lasts: true,
        client: None,
    };
    let token = token_of(accounts.answer(at(0), HOME, log_in));
    accounts.answer(at(1), HOME, verify("harper", "wrong"));
    let throttled = accounts.answer(at(1), HOME, verify("harper", "correct horse"));
    assert!(matches!(throttled, Answer::Refused(Refusal::AuthThrottled { .. })), "{throttled:?}");
    token_of(accounts.answer(at(1), HOME, Question::Resume { token }));
}

#[test]
fn who_keeps_failing_has_to_wait_whether_the_name_exists_or_not() {
    let limits = Limits { auth_failures_max: 2, auth_pause_ms_min: 1_000, ..Limits::default() };
    let accounts = accounts_with(Store::in_memory().unwrap(), ITERATIONS_MIN, &limits, Registration::Open);
    accounts.answer(at(0), HOME, register("harper", "correct horse"));
    for name in ["harper", "nobody"] {
        for _ in 0..3 {
            assert_eq!(
                accounts.answer(at(1), HOME, verify(name, "wrong")),
                refused(Refusal::AuthFailed),
                "{name}"
            );
        }
        // Not even the right password is looked at now.
        let right = verify(name, "correct horse");
        let throttled = Refusal::AuthThrottled { retry_ms: 1_000 };
        assert_eq!(accounts.admit(at(1), HOME, &right), Err(throttled), "{name}");
        assert_eq!(accounts.answer(at(1), HOME, right), refused(throttled), "{name}");
    }
    assert_eq!(
        accounts.answer(at(2), HOME, verify("harper", "correct horse")),
        Answer::Verified(account("harper"))
    );
    // Forgiven: the next failures are free again.
    for _ in 0..3 {
        assert_eq!(accounts.answer(at(2), HOME, verify("harper", "wrong")), refused(Refusal::AuthFailed));
    }
}

#[test]
fn the_owner_gets_in_while_a_stranger_guesses_and_also_after_a_restart() {
    let folder = tempfile::TempDir::new().unwrap();
    let open = |start: Duration| {
        let store = Store::open(&folder.path().join("chatroom.db")).unwrap();
        let hasher = Hasher::new(ITERATIONS_MIN).unwrap();
        Accounts::new(store, hasher, &Limits::default(), Registration::Open, start)
    };
    let stranger = |number: u8| IpAddr::from([198, 51, 100, number]);
    let harper = || verify("harper", "correct horse");
    let guess_everywhere = |accounts: &Accounts| {
        for number in 0..11 {
            accounts.answer(at(1), stranger(number), verify("harper", "wrong"));
        }
        let refusal = accounts.admit(at(1), stranger(99), &harper());
        assert_eq!(refusal, Err(Refusal::AuthThrottled { retry_ms: 1_000 }));
    };

    let accounts = open(Duration::ZERO);
    accounts.answer(at(0), HOME, register("harper", "correct horse"));
    assert_eq!(accounts.answer(at(0), HOME, harper()), Answer::Verified(account("harper")));
    guess_everywhere(&accounts);
    assert_eq!(accounts.answer(at(1), HOME, harper()), Answer::Verified(account("harper")));
    drop(accounts);

    let day = Duration::from_secs(24 * 60 * 60);
    let accounts = open(30 * day);
    guess_everywhere(&accounts);
    assert_eq!(accounts.answer(at(1), HOME, harper()), Answer::Verified(account("harper")));
    drop(accounts);

    // Not seen there for more than thirty days, the owner is a stranger like any other.
    let accounts = open(61 * day);
    guess_everywhere(&accounts);
    let refusal = accounts.admit(at(1), HOME, &harper());
    assert_eq!(refusal, Err(Refusal::AuthThrottled { retry_ms: 1_000 }));
}

#[test]
fn an_address_that_tries_many_names_has_to_wait_also_with_names_that_nobody_can_have() {
    let accounts = accounts();
    for number in 0..5 {
        let question = verify(&format!("user{number}"), "wrong");
        assert_eq!(accounts.answer(at(0), HOME, question), refused(Refusal::AuthFailed));
        assert_eq!(accounts.answer(at(0), HOME, Question::Decoy), refused(Refusal::AuthFailed));
    }
    let throttled = Refusal::AuthThrottled { retry_ms: 6_000 };
    assert_eq!(accounts.admit(at(0), HOME, &Question::Decoy), Err(throttled));
    assert_eq!(accounts.admit(at(0), HOME, &verify("harper", "wrong")), Err(throttled));
    assert_eq!(accounts.admit(at(6), HOME, &verify("harper", "wrong")), Ok(()));
}

#[test]
fn a_name_that_looks_like_anothers_is_refused_before_a_hash_is_made() {
    let accounts = accounts();
    accounts.answer(at(0), HOME, register("alice", "correct horse"));
    assert_eq!(
        accounts.answer(at(0), HOME, register("aIice", "correct horse")),
        refused(Refusal::NameResembles)
    );
    // Whoever types it does not log in as alice, either.
    assert_eq!(accounts.answer(at(0), HOME, verify("aIice", "correct horse")), refused(Refusal::AuthFailed));
}

#[test]
fn a_hash_from_before_the_cost_was_raised_is_renewed_after_the_answer() {
    let mut store = Store::in_memory().unwrap();
    let old = Hasher::new(ITERATIONS_MIN).unwrap().hash(&password("correct horse")).unwrap();
    store.insert(&account("harper"), &look("harper"), &old, None).unwrap();
    let accounts = accounts_with(store, ITERATIONS_MIN + 1, &Limits::default(), Registration::Open);
    let stored = || accounts.store().read(|store| store.find(&account("harper"))).unwrap().unwrap().phc;

    let (answer, rehash) = accounts.work(at(0), HOME, verify("harper", "correct horse"));
    assert_eq!(answer, Answer::Verified(account("harper")));
    assert!(stored() == old);
    accounts.follow_up(rehash.expect("the hash is cheaper than today's"));
    assert!(stored().expose().starts_with("$pbkdf2-sha256$i=2,l=32$"));

    let (answer, rehash) = accounts.work(at(1), HOME, verify("harper", "correct horse"));
    assert_eq!(answer, Answer::Verified(account("harper")));
    assert!(rehash.is_none());
}

#[test]
fn a_damaged_hash_is_our_fault_and_not_the_users() {
    let mut store = Store::in_memory().unwrap();
    store.insert(&account("harper"), &look("harper"), &Phc::from_store("damaged".to_owned()), None).unwrap();
    let accounts = accounts_with(store, ITERATIONS_MIN, &Limits::default(), Registration::Open);
    let answer = accounts.answer(at(0), HOME, verify("harper", "correct horse"));
    assert!(matches!(answer, Answer::Refused(Refusal::Unavailable { .. })), "{answer:?}");
}

#[test]
fn what_a_hash_costs_is_measured_with_the_hasher_that_answers() {
    let store = Store::in_memory().unwrap();
    let accounts = accounts_with(store, 50_000, &Limits::default(), Registration::Open);
    assert!(accounts.measure() > Duration::from_millis(1));
}

#[test]
fn debug_output_says_nothing_of_anybody() {
    let accounts = accounts();
    accounts.answer(at(0), HOME, register("harper", "correct horse"));
    assert_eq!(format!("{accounts:?}"), "Accounts { registration: Open, .. }");
}
