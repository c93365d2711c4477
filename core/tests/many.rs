//! Clients in many rooms, at servers that keep what is said: whatever is lost on the way, each conversation is whole.

use models::many::{self, PLACES, ROOMS, SEATS, Step};
use proptest::prelude::*;

/// Most often the room in which everybody is, and now and then one of the others or somebody.
fn any_place() -> impl Strategy<Value = usize> {
    prop_oneof![4 => Just(0_usize), 4 => 1..ROOMS, 3 => ROOMS..PLACES.len()]
}

fn any_step() -> impl Strategy<Value = Step> {
    let seat = || 0..SEATS.len();
    let seat_and_place = || (0..SEATS.len(), any_place());
    let seat_and_room = || (0..SEATS.len(), 0..ROOMS);
    prop_oneof![
        14 => seat_and_place().prop_map(|(seat, place)| Step::Say(seat, place)),
        4 => seat_and_room().prop_map(|(seat, room)| Step::Enter(seat, room)),
        1 => seat_and_room().prop_map(|(seat, room)| Step::Exit(seat, room)),
        3 => seat_and_place().prop_map(|(seat, place)| Step::Look(seat, place)),
        2 => seat_and_place().prop_map(|(seat, place)| Step::Read(seat, place)),
        2 => seat_and_place().prop_map(|(seat, place)| Step::Older(seat, place)),
        14 => (seat(), 0..600_usize, 0..900_usize).prop_map(|(seat, up, down)| Step::Travel(seat, up, down)),
        14 => seat().prop_map(Step::Attend),
        4 => seat().prop_map(Step::Cut),
        6 => seat().prop_map(Step::Connect),
        1 => seat().prop_map(Step::StartAgain),
        8 => prop::bool::weighted(0.9).prop_map(Step::Write),
        1 => Just(Step::Restart),
        3 => (1..400_u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn each_conversation_is_whole_and_each_message_is_said_once(
        steps in prop::collection::vec(any_step(), 1..250),
    ) {
        many::check(&steps);
    }
}
