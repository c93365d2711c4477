//! Who is here in the hub against a model that is too simple to be wrong, in random stories.

use chatroom_core::message::friend::Op;
use chatroom_core::message::presence::PresenceState;
use models::presences::{self, Kind, ROOMS, SEATS, Step, USERS, WORDS};
use proptest::prelude::*;

fn any_kind() -> impl Strategy<Value = Kind> {
    prop_oneof![2 => Just(Kind::Single), 1 => Just(Kind::Friendly), 6 => Just(Kind::Present)]
}

fn any_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => Just(Op::Request),
        2 => Just(Op::Accept),
        2 => Just(Op::Remove),
        1 => Just(Op::Block),
        1 => Just(Op::Unblock),
    ]
}

fn any_state() -> impl Strategy<Value = PresenceState> {
    prop_oneof![Just(PresenceState::Online), Just(PresenceState::Away), Just(PresenceState::Busy)]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..SEATS, any_kind(), 0..USERS.len()).prop_map(|(seat, kind, user)| Step::Come(seat, kind, user)),
        4 => (0..SEATS).prop_map(Step::Go),
        8 => (0..SEATS, any_state(), prop::option::of(0..WORDS.len()))
            .prop_map(|(seat, state, words)| Step::Present(seat, state, words)),
        10 => (0..SEATS, any_op(), 0..USERS.len()).prop_map(|(seat, op, user)| Step::Tie(seat, op, user)),
        5 => (0..SEATS, 0..ROOMS.len()).prop_map(|(seat, room)| Step::Enter(seat, room)),
        3 => (0..SEATS, 0..ROOMS.len()).prop_map(|(seat, room)| Step::Exit(seat, room)),
        3 => (0..SEATS, 0..ROOMS.len()).prop_map(|(seat, room)| Step::People(seat, room)),
        4 => prop_oneof![Just(1), Just(250), Just(2_000)].prop_map(Step::Wait),
        8 => Just(Step::Take),
        5 => (0..4_usize).prop_map(Step::Give),
        1 => Just(Step::Rest),
        1 => (0..USERS.len(), 0..10_u8)
            .prop_map(|(user, chance)| if chance == 0 { Step::Delete(user) } else { Step::Rest }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn everybody_knows_in_the_end_how_those_are_whom_they_see(
        steps in prop::collection::vec(any_step(), 1..120)
    ) {
        presences::check(&steps);
    }
}
