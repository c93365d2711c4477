use super::*;
use crate::keys::name_key;

fn key(name: &str) -> NameKey {
    NameKey::new(name_key, name)
}

fn at(seconds: u64) -> Instant {
    Instant::from_start(Duration::from_secs(seconds))
}

fn address(number: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, number])
}

fn throttle_of(limits: &Limits) -> Throttle {
    Throttle::new(limits, Known::new(limits, Duration::ZERO))
}

/// Fails from that address so often at that moment.
fn fail(throttle: &mut Throttle, times: u32, seconds: u64, name: &str, from: IpAddr) {
    for _ in 0..times {
        throttle.failed(at(seconds), Some(&key(name)), from);
    }
}

/// The milliseconds to wait, 0 for none.
fn wait(throttle: &Throttle, seconds: u64, name: &str, from: IpAddr) -> u64 {
    match throttle.check(at(seconds), Some(&key(name)), from) {
        Ok(()) => 0,
        Err(Refusal::AuthThrottled { retry_ms }) => retry_ms,
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn ten_failures_at_an_account_are_free_from_wherever_they_come() {
    let mut throttle = throttle_of(&Limits::default());
    for number in 0..10 {
        fail(&mut throttle, 1, 0, "harper", address(number));
        assert_eq!(wait(&throttle, 0, "harper", address(99)), 0);
    }
    fail(&mut throttle, 1, 0, "harper", address(10));
    assert_eq!(wait(&throttle, 0, "harper", address(99)), 1_000);
    assert_eq!(wait(&throttle, 0, "casey", address(99)), 0);
    for pause in [2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000] {
        fail(&mut throttle, 1, 0, "harper", address(11));
        assert_eq!(wait(&throttle, 0, "harper", address(99)), pause);
    }
}

#[test]
fn a_stranger_does_not_lock_the_owner_out() {
    let mut throttle = throttle_of(&Limits::default());
    let (home, thief) = (address(1), address(2));
    throttle.succeeded(at(0), &key("harper"), home);
    for number in 3..33 {
        fail(&mut throttle, 1, 0, "harper", address(number));
    }
    assert_eq!(wait(&throttle, 0, "harper", thief), 300_000);
    assert_eq!(wait(&throttle, 0, "harper", home), 0);
    // The owner's own count begins with the owner's own failures.
    fail(&mut throttle, 10, 0, "harper", home);
    assert_eq!(wait(&throttle, 0, "harper", home), 0);
    fail(&mut throttle, 1, 0, "harper", home);
    assert_eq!(wait(&throttle, 0, "harper", home), 1_000);
    // Logging in wipes that one clean, and leaves the stranger where they were.
    throttle.succeeded(at(1), &key("harper"), home);
    fail(&mut throttle, 10, 1, "harper", home);
    assert_eq!(wait(&throttle, 1, "harper", home), 0);
    assert_eq!(wait(&throttle, 1, "harper", thief), 299_000);
}

#[test]
fn the_owner_from_a_new_place_wipes_the_accounts_slate_clean() {
    let mut throttle = throttle_of(&Limits::default());
    fail(&mut throttle, 10, 0, "harper", address(2));
    throttle.succeeded(at(0), &key("harper"), address(1));
    fail(&mut throttle, 10, 0, "harper", address(3));
    assert_eq!(wait(&throttle, 0, "harper", address(4)), 0);
}

#[test]
fn an_address_has_ten_failures_then_one_in_six_seconds() {
    let mut throttle = throttle_of(&Limits::default());
    for number in 0..10 {
        assert_eq!(wait(&throttle, 0, "anybody", address(1)), 0);
        fail(&mut throttle, 1, 0, &format!("user{number}"), address(1));
    }
    assert_eq!(wait(&throttle, 0, "anybody", address(1)), 6_000);
    assert_eq!(wait(&throttle, 0, "anybody", address(2)), 0, "somebody else");
    assert_eq!(wait(&throttle, 6, "anybody", address(1)), 0);
    fail(&mut throttle, 1, 6, "anybody", address(1));
    assert_eq!(wait(&throttle, 6, "anybody", address(1)), 6_000);
    // A name that nobody can have counts like any other.
    throttle.failed(at(12), None, address(1));
    assert_eq!(throttle.check(at(12), None, address(1)), Err(Refusal::AuthThrottled { retry_ms: 6_000 }));
    assert_eq!(throttle.check(at(72), None, address(1)), Ok(()));
}

#[test]
fn who_is_known_at_a_busy_address_is_let_in_all_the_same() {
    let mut throttle = throttle_of(&Limits::default());
    throttle.succeeded(at(0), &key("harper"), address(1));
    fail(&mut throttle, 10, 0, "casey", address(1));
    assert_ne!(wait(&throttle, 0, "robin", address(1)), 0);
    assert_eq!(wait(&throttle, 0, "harper", address(1)), 0);
}

#[test]
fn an_ipv6_household_is_one_address() {
    let mut throttle = throttle_of(&Limits::default());
    let of = |text: &str| text.parse::<IpAddr>().unwrap();
    for number in 0..10 {
        let name = format!("user{number}");
        fail(&mut throttle, 1, 0, &name, of(&format!("2001:db8:0:1::{number}")));
    }
    assert_ne!(wait(&throttle, 0, "anybody", of("2001:db8:0:1:ffff::1")), 0);
    assert_eq!(wait(&throttle, 0, "anybody", of("2001:db8:0:2::1")), 0);
}

#[test]
fn this_machine_is_exempt_unless_it_is_told_otherwise() {
    let own: IpAddr = "127.0.0.1".parse().unwrap();
    for (loopback_is_exempt, expected) in [(true, 0), (false, 6_000)] {
        let mut throttle = throttle_of(&Limits { loopback_is_exempt, ..Limits::default() });
        for number in 0..10 {
            fail(&mut throttle, 1, 0, &format!("user{number}"), own);
        }
        assert_eq!(wait(&throttle, 0, "anybody", own), expected);
    }
}

#[test]
fn waits_are_rounded_up_and_the_longer_one_counts() {
    let mut throttle = throttle_of(&Limits { auth_failures_max: 9, ..Limits::default() });
    fail(&mut throttle, 10, 0, "harper", address(1));
    let almost = Instant::from_start(Duration::from_nanos(999_999_999));
    let refused = |retry_ms| Err(Refusal::AuthThrottled { retry_ms });
    assert_eq!(throttle.check(almost, Some(&key("harper")), address(2)), refused(1));
    assert_eq!(throttle.check(almost, Some(&key("harper")), address(1)), refused(5_001));
}

#[test]
fn no_more_addresses_are_remembered_than_may_be_and_the_busiest_stay() {
    let limits = Limits { auth_remembered_max: 50, ..Limits::default() };
    let mut throttle = throttle_of(&limits);
    fail(&mut throttle, 10, 0, "harper", address(1));
    for number in 0..1_000_u32 {
        fail(&mut throttle, 1, 0, "harper", IpAddr::from((0x0a00_0000 + number).to_be_bytes()));
    }
    let addresses = &throttle.addresses;
    assert_eq!((addresses.buckets.len(), addresses.by_end.len()), (50, 50));
    assert_ne!(wait(&throttle, 0, "anybody", address(1)), 0);
    // What is full again is forgotten.
    fail(&mut throttle, 1, 3_600, "harper", address(2));
    assert_eq!(throttle.addresses.buckets.len(), 1);
}

#[test]
fn without_a_limit_by_address_none_is_remembered() {
    let mut throttle = throttle_of(&Limits { auth_address_failures_max: 0, ..Limits::default() });
    for number in 0..100 {
        fail(&mut throttle, 1, 0, &format!("user{number}"), address(1));
    }
    assert_eq!(wait(&throttle, 0, "anybody", address(1)), 0);
    assert!(throttle.addresses.buckets.is_empty());
}

#[test]
fn other_limits_hold_from_the_next_failure_on_and_nothing_is_forgotten() {
    let limits = Limits { auth_failures_max: 3, auth_address_failures_max: 5, ..Limits::default() };
    let mut throttle = throttle_of(&limits);
    fail(&mut throttle, 4, 0, "harper", address(1));
    assert_eq!(wait(&throttle, 0, "harper", address(99)), 1_000);

    throttle.set_limits(&Limits {
        auth_failures_max: 10,
        auth_address_failures_max: 4,
        auth_known_days: 0,
        ..limits
    });
    assert_eq!(wait(&throttle, 0, "harper", address(99)), 1_000, "a pause that has begun");
    fail(&mut throttle, 1, 1, "harper", address(99));
    assert_eq!(wait(&throttle, 1, "harper", address(99)), 0, "the fifth of ten");
    assert_ne!(wait(&throttle, 1, "casey", address(1)), 0, "the address has failed four times");
    throttle.succeeded(at(2), &key("casey"), address(7));
    fail(&mut throttle, 20, 2, "casey", address(8));
    assert_ne!(wait(&throttle, 2, "casey", address(7)), 0, "nobody is known any more");
}
