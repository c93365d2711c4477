//! A door, and a test that plays all who knock. Connections are told apart by the number the test gives them.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

const ALICE: &str = "192.0.2.1";
const BOB: &str = "192.0.2.2";

struct Door {
    now: Instant,
    admission: Admission<u32>,
    inside: BTreeMap<u32, Pass>,
    next: u32,
}

impl Door {
    fn with(limits: Limits) -> Self {
        Self { now: Instant::default(), admission: Admission::new(&limits), inside: BTreeMap::new(), next: 0 }
    }

    fn new() -> Self {
        Self::with(Limits::default())
    }

    /// A connection comes and begins its handshake: its number, and whose place it takes.
    fn knock(&mut self, address: &str) -> Result<(u32, Option<u32>), Refusal> {
        let pass = self.admission.admit(self.now, address.parse().unwrap())?;
        let number = self.next;
        self.next += 1;
        let gives_way = self.admission.begin_handshake(&pass, number);
        self.inside.insert(number, pass);
        Ok((number, gives_way))
    }

    /// A connection comes and is through with its handshake.
    fn visit(&mut self, address: &str) -> Result<u32, Refusal> {
        let (number, _) = self.knock(address)?;
        self.settle(number, Standing::Visitor);
        Ok(number)
    }

    fn log_in(&mut self, number: u32) {
        self.settle(number, Standing::Member);
    }

    fn settle(&mut self, number: u32, standing: Standing) {
        self.admission.settle(self.inside.get_mut(&number).unwrap(), standing);
    }

    fn leave(&mut self, number: u32) {
        let pass = self.inside.remove(&number).unwrap();
        self.admission.leave(self.now, &pass);
    }

    fn wait(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }
}

#[test]
fn an_address_has_sixteen_connections_without_a_login() {
    let mut door = Door::new();
    let visitors: Vec<u32> = (0..16).map(|_| door.visit(ALICE).unwrap()).collect();
    assert_eq!(door.visit(ALICE), Err(Refusal::AddressVisitors));
    assert!(door.visit(BOB).is_ok(), "another address is another matter");
    door.log_in(visitors[0]);
    let next = door.visit(ALICE).unwrap();
    assert_eq!(door.visit(ALICE), Err(Refusal::AddressVisitors));
    door.settle(visitors[0], Standing::Visitor);
    door.leave(next);
    assert_eq!(door.visit(ALICE), Err(Refusal::AddressVisitors), "who logged out is a visitor again");
    door.leave(visitors[0]);
    assert!(door.visit(ALICE).is_ok());
}

#[test]
fn an_address_has_256_connections_whoever_logs_in() {
    let mut door = Door::new();
    for _ in 0..256 {
        let number = door.visit(ALICE).unwrap();
        door.log_in(number);
    }
    assert_eq!(door.visit(ALICE), Err(Refusal::AddressConnections));
    door.leave(7);
    assert!(door.visit(ALICE).is_ok());
}

#[test]
fn an_address_has_64_visits_in_ten_minutes_and_a_login_is_none() {
    let mut door = Door::new();
    for _ in 0..200 {
        let number = door.visit(ALICE).unwrap();
        door.log_in(number);
        door.settle(number, Standing::Visitor);
        door.log_in(number);
        door.leave(number);
    }
    for _ in 0..64 {
        let number = door.visit(ALICE).unwrap();
        door.leave(number);
    }
    for _ in 0..1000 {
        assert_eq!(door.visit(ALICE), Err(Refusal::AddressVisits));
    }
    assert!(door.visit(BOB).is_ok());
    // To be refused costs nothing: the next place comes when it would have come anyway.
    door.wait(10);
    let number = door.visit(ALICE).unwrap();
    door.leave(number);
    assert_eq!(door.visit(ALICE), Err(Refusal::AddressVisits));
    door.wait(600);
    for _ in 0..64 {
        let number = door.visit(ALICE).unwrap();
        door.leave(number);
    }
    assert_eq!(door.visit(ALICE), Err(Refusal::AddressVisits));
}

#[test]
fn who_logs_in_again_and_again_was_one_visitor_less_and_no_more() {
    let mut door = Door::new();
    for _ in 0..63 {
        let number = door.visit(ALICE).unwrap();
        door.leave(number);
    }
    let number = door.visit(ALICE).unwrap();
    for _ in 0..10 {
        door.log_in(number);
        door.settle(number, Standing::Visitor);
    }
    door.leave(number);
    assert!(door.visit(ALICE).is_ok());
    assert_eq!(door.visit(ALICE), Err(Refusal::AddressVisits));
}

#[test]
fn a_connection_that_found_no_place_in_the_hub_was_no_visit() {
    let mut door = Door::with(Limits { address_visits_max: 1, ..Limits::default() });
    for _ in 0..100 {
        let pass = door.admission.admit(door.now, ALICE.parse().unwrap()).unwrap();
        door.admission.turn_away(door.now, pass);
    }
    assert!(door.visit(ALICE).is_ok());
}

#[test]
fn a_household_of_ipv6_is_one_address() {
    let mut door = Door::with(Limits { address_visitors_max: 2, ..Limits::default() });
    door.visit("2001:db8::1").unwrap();
    door.visit("2001:db8::ffff:2").unwrap();
    assert_eq!(door.visit("2001:db8::3"), Err(Refusal::AddressVisitors));
    assert!(door.visit("2001:db8:0:1::3").is_ok());
    door.visit("::ffff:192.0.2.1").unwrap();
    door.visit(ALICE).unwrap();
    assert_eq!(door.visit(ALICE), Err(Refusal::AddressVisitors), "mapped or not, it is one");
}

#[test]
fn the_limits_by_address_leave_this_machine_alone_unless_told_otherwise() {
    let mut door = Door::new();
    for _ in 0..1000 {
        door.visit("127.0.0.1").unwrap();
    }
    let limits = Limits { loopback_is_exempt: false, address_visitors_max: 2, ..Limits::default() };
    let mut door = Door::with(limits);
    door.visit("127.0.0.1").unwrap();
    door.visit("::1").unwrap();
    assert_eq!(door.visit("127.0.0.2"), Err(Refusal::AddressVisitors));
}

#[test]
fn a_newcomer_takes_the_place_of_the_oldest_handshake_of_who_has_most() {
    let mut door = Door::with(Limits { handshakes_max: 4, ..Limits::default() });
    let (bob, _) = door.knock(BOB).unwrap();
    let crowd: Vec<u32> = (0..3).map(|_| door.knock(ALICE).unwrap().0).collect();
    assert_eq!(door.knock("192.0.2.3").unwrap().1, Some(crowd[0]), "bob is older, and alone");
    assert_eq!(door.knock(ALICE).unwrap().1, Some(crowd[1]), "the crowd goes round among itself");
    assert_eq!(door.admission.handshakes(), 4);
    door.settle(bob, Standing::Visitor);
    assert_eq!(door.knock("192.0.2.4").unwrap().1, None, "a handshake that is over makes room");
    // Who had to give way is gone sooner or later, and is counted once.
    door.leave(crowd[0]);
    door.settle(crowd[1], Standing::Visitor);
    assert_eq!(door.admission.handshakes(), 4);
}

#[test]
fn among_addresses_with_equally_many_the_oldest_handshake_gives_way() {
    let mut door = Door::with(Limits { handshakes_max: 3, ..Limits::default() });
    for (address, gives_way) in [(3, None), (1, None), (2, None), (9, Some(0)), (8, Some(1)), (7, Some(2))] {
        assert_eq!(door.knock(&format!("192.0.2.{address}")).unwrap().1, gives_way);
    }
}

#[test]
fn sockets_are_bounded_for_all_together_this_machine_included() {
    let mut door = Door::with(Limits { connections_max: 2, ..Limits::default() });
    for _ in 0..sockets_max(2) {
        let number = door.visit("127.0.0.1").unwrap();
        door.log_in(number);
    }
    assert_eq!(door.visit("127.0.0.1"), Err(Refusal::Connections));
    assert_eq!(door.visit(ALICE), Err(Refusal::Connections));
    door.leave(0);
    assert!(door.visit(ALICE).is_ok());
}

#[test]
fn the_connections_that_fit_are_as_many_as_fit() {
    for sockets in LINGERING_MIN..100_000 {
        let fitting = connections_max(sockets);
        assert!(sockets_max(fitting) <= sockets && sockets < sockets_max(fitting + 1), "{sockets}");
    }
    assert_eq!(connections_max(10), 0);
}

#[test]
fn beyond_what_is_remembered_those_are_forgotten_who_came_least() {
    let mut door = Door::with(Limits { addresses_remembered_max: 100, ..Limits::default() });
    while let Ok(number) = door.visit(ALICE) {
        door.leave(number);
    }
    for number in 0..10_000_u32 {
        let address = format!("10.1.{}.{}", number / 250, number % 250);
        let number = door.visit(&address).unwrap();
        door.leave(number);
        assert!(door.admission.addresses() <= 100);
    }
    assert_eq!(door.admission.addresses(), 100);
    assert_eq!(door.visit(ALICE), Err(Refusal::AddressVisits), "who came most is remembered");
    door.wait(600);
    let last = door.visit(BOB).unwrap();
    door.leave(last);
    assert_eq!(door.admission.addresses(), 1, "the others count no more");
}

#[test]
fn a_report_comes_once_a_minute_and_names_the_limits() {
    let mut door = Door::with(Limits { address_visitors_max: 1, handshakes_max: 1, ..Limits::default() });
    assert_eq!(door.admission.reporter().take(door.now), None, "nothing to tell");
    door.knock(ALICE).unwrap();
    door.knock(BOB).unwrap();
    for _ in 0..1000 {
        door.visit(ALICE).unwrap_err();
    }
    let report = door.admission.reporter().take(door.now).unwrap();
    assert_eq!(
        report.to_string(),
        "1001 connections were turned away (1000 by limits.address_visitors_max, 1 by limits.handshakes_max)"
    );
    door.visit(ALICE).unwrap_err();
    door.wait(59);
    assert_eq!(door.admission.reporter().take(door.now), None);
    door.wait(1);
    let report = door.admission.reporter().take(door.now).unwrap();
    assert_eq!(report.to_string(), "1 connections were turned away (1 by limits.address_visitors_max)");
    assert_eq!(door.admission.reporter().total().count(), 1002);
}

/// What may happen at a door: somebody of an address comes, somebody inside gets on or leaves, time passes.
#[derive(Clone, Debug)]
enum Step {
    Knock(u8),
    Settle(u8, Standing),
    Leave(u8),
    Wait(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..5_u8).prop_map(Step::Knock),
        3 => (any::<u8>(), prop_oneof![Just(Standing::Visitor), Just(Standing::Member)])
            .prop_map(|(who, standing)| Step::Settle(who, standing)),
        2 => any::<u8>().prop_map(Step::Leave),
        1 => (0..20_u8).prop_map(Step::Wait),
    ]
}

proptest! {
    /// Whatever happens, the counts are those of who is inside, no limit is passed, and in the end nothing is left.
    #[test]
    fn the_counts_are_those_of_who_is_inside(steps in prop::collection::vec(step(), 1..300)) {
        let limits = Limits {
            handshakes_max: 3,
            address_connections_max: 6,
            address_visitors_max: 4,
            address_visits_max: 5,
            address_visits_window_ms: 60_000,
            addresses_remembered_max: 2,
            ..Limits::default()
        };
        let mut door = Door::with(limits);
        // By number: those whose handshake others took the place of.
        let mut displaced = Vec::new();
        for step in steps {
            let pick = |who: u8| door.inside.keys().copied().nth(usize::from(who) % door.inside.len().max(1));
            match step {
                Step::Knock(address) => {
                    if let Ok((_, gives_way)) = door.knock(&format!("192.0.2.{address}")) {
                        displaced.extend(gives_way);
                    }
                }
                Step::Settle(who, standing) => {
                    if let Some(number) = pick(who) {
                        door.settle(number, standing);
                    }
                }
                Step::Leave(who) => {
                    if let Some(number) = pick(who) {
                        door.leave(number);
                    }
                }
                Step::Wait(seconds) => door.wait(seconds.into()),
            }
            let handshakes = door.inside.iter().filter(|(number, pass)| {
                pass.standing == Standing::Handshake && !displaced.contains(*number)
            });
            prop_assert_eq!(door.admission.handshakes(), handshakes.count());
            prop_assert!(door.admission.handshakes() <= 3);
            prop_assert_eq!(door.admission.sockets(), door.inside.len());
            let mut connections = BTreeMap::<IpAddr, usize>::new();
            for pass in door.inside.values() {
                *connections.entry(pass.network).or_default() += 1;
            }
            prop_assert!(connections.values().all(|count| *count <= 6));
            prop_assert!(door.admission.addresses() <= connections.len() + 2);
        }
        for number in door.inside.keys().copied().collect::<Vec<_>>() {
            door.leave(number);
        }
        door.wait(600);
        let last = door.visit(ALICE).unwrap();
        door.log_in(last);
        door.leave(last);
        prop_assert_eq!(
            (door.admission.sockets(), door.admission.handshakes(), door.admission.addresses()),
            (0, 0, 0)
        );
    }
}

#[test]
fn other_limits_hold_for_who_comes_from_now_on() {
    let limits = Limits { address_connections_max: 4, handshakes_max: 4, ..Limits::default() };
    let mut door = Door::with(limits.clone());
    for _ in 0..4 {
        door.knock(ALICE).unwrap();
    }
    door.admission.set_limits(&Limits { address_connections_max: 2, handshakes_max: 8, ..limits.clone() });
    assert_eq!(door.knock(ALICE), Err(Refusal::AddressConnections));
    assert_eq!(door.knock(BOB), Ok((4, None)), "there is room for more handshakes");
    for number in 0..3 {
        door.leave(number);
    }
    assert!(door.knock(ALICE).is_ok(), "those who were here before counted, and count no more");

    door.admission.set_limits(&Limits { address_connections_max: 100, handshakes_max: 1, ..limits });
    assert_eq!(door.knock(ALICE).map(|(_, gives_way)| gives_way), Ok(Some(3)));
}
