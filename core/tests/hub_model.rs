//! The hub against a model that is too simple to be wrong, in random stories.

use models::hub::{self, ROOMS, SEATS, Step, USERS};
use proptest::prelude::*;

fn any_step() -> impl Strategy<Value = Step> {
    let (seat, user, room) = (0..SEATS, 0..USERS.len(), 0..ROOMS.len());
    prop_oneof![
        3 => seat.clone().prop_map(Step::Connect),
        1 => seat.clone().prop_map(Step::Disconnect),
        5 => (seat.clone(), user.clone()).prop_map(|(seat, user)| Step::Login(seat, user)),
        1 => seat.clone().prop_map(Step::Logout),
        1 => seat.clone().prop_map(Step::List),
        3 => (seat.clone(), room.clone()).prop_map(|(seat, room)| Step::Create(seat, room)),
        6 => (seat.clone(), room).prop_map(|(seat, room)| Step::Enter(seat, room)),
        3 => seat.clone().prop_map(Step::Exit),
        2 => seat.clone().prop_map(Step::Say),
        3 => (seat, user).prop_map(|(seat, user)| Step::Whisper(seat, user)),
        4 => (1..3_000_u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn the_hub_does_what_the_simplest_model_does(steps in prop::collection::vec(any_step(), 1..120)) {
        hub::check(&steps);
    }
}
