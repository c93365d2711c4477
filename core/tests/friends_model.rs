//! Friends in the hub against a model that is too simple to be wrong, in random stories.

use chatroom_core::message::friend::Op;
use models::friends::{self, Kind, SEATS, Step, USERS};
use proptest::prelude::*;

fn any_kind() -> impl Strategy<Value = Kind> {
    prop_oneof![1 => Just(Kind::Single), 1 => Just(Kind::Device), 5 => Just(Kind::Friendly)]
}

/// What comes to something more often than not.
fn any_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => Just(Op::Request),
        3 => Just(Op::Accept),
        3 => Just(Op::Decline),
        2 => Just(Op::Remove),
        2 => Just(Op::Block),
        2 => Just(Op::Unblock),
    ]
}

fn any_arrival(users: usize) -> impl Strategy<Value = Step> {
    (0..SEATS, any_kind(), 0..users).prop_map(|(seat, kind, user)| Step::Come(seat, kind, user))
}

fn any_piece(users: usize, disk: u32) -> impl Strategy<Value = Vec<Step>> {
    let at_once = |is_durable| vec![Step::Take(usize::MAX), Step::Write(is_durable), Step::Settle];
    prop_oneof![
        10 => (0..SEATS, any_op(), 0..users).prop_map(|(seat, op, user)| vec![Step::Tie(seat, op, user)]),
        // One that the disk has at once, so that another can follow on it.
        3 * disk => (0..SEATS, any_op(), 0..users)
            .prop_map(move |(seat, op, user)| [vec![Step::Tie(seat, op, user)], at_once(true)].concat()),
        6 => (0..SEATS, 0..users).prop_map(|(seat, user)| vec![Step::Whisper(seat, user)]),
        2 => (0..SEATS).prop_map(|seat| vec![Step::List(seat)]),
        3 => any_arrival(users).prop_map(|step| vec![step]),
        2 => (0..SEATS).prop_map(|seat| vec![Step::Go(seat)]),
        3 => (1..4_usize).prop_map(|count| vec![Step::Take(count)]),
        3 => prop::bool::weighted(0.8).prop_map(|is_durable| vec![Step::Write(is_durable)]),
        3 => Just(vec![Step::Settle]),
        disk => prop::bool::weighted(0.9).prop_map(at_once),
        // Rare, for they end what could have become interesting.
        1 => (0..=users, 0..10_u8).prop_map(|(user, chance)| match chance {
            0 => vec![Step::Restart],
            1 if user < USERS.len() => vec![Step::Delete(user)],
            _ => vec![Step::Tie(user % SEATS, Op::Request, USERS.len())],
        }),
    ]
}

fn any_story() -> impl Strategy<Value = Vec<Step>> {
    (prop_oneof![2..4_usize, 2..=USERS.len()], 1..20_u32).prop_flat_map(|(users, disk)| {
        let arrivals = prop::collection::vec(any_arrival(users), 3..8);
        let pieces = prop::collection::vec(any_piece(users, disk), 1..100);
        (arrivals, pieces).prop_map(|(arrivals, pieces)| [arrivals, pieces.concat()].concat())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_hub_does_what_the_simplest_model_does(steps in any_story()) {
        friends::check(&steps);
    }
}
