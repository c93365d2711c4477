//! The hub, where users are in many rooms by several devices, against a model that is too simple to be wrong, in random
//! stories.

use models::places::{self, Kind, LOGINS, ROOMS, SEATS, Step, USERS};
use proptest::prelude::*;

/// What a story is like. In one that is a bit of everything little comes together.
#[derive(Clone, Copy, Debug)]
struct Temper {
    /// How many users there are: if few, by several devices each.
    users: usize,
    /// How often, of twelve times, the disk does at once all that it has to do.
    disk: u32,
    /// The same of lists.
    lists: u32,
}

fn any_temper() -> impl Strategy<Value = Temper> {
    let temper = (1..=USERS.len(), 1..6_u32, 1..4_u32);
    temper.prop_map(|(users, disk, lists)| Temper { users, disk, lists })
}

fn any_kind() -> impl Strategy<Value = Kind> {
    prop_oneof![2 => Just(Kind::Original), 1 => Just(Kind::Acking), 4 => Just(Kind::Device)]
}

fn any_login(users: usize) -> impl Strategy<Value = Step> {
    (0..SEATS - 1, 0..users, prop::option::of(0..LOGINS))
        .prop_map(|(seat, user, by)| Step::Login(seat, user, by))
}

/// Most often the one that is always there, or the first of those that have to be made.
fn any_room() -> impl Strategy<Value = usize> {
    prop_oneof![5 => Just(1_usize), 3 => Just(2_usize), 1 => 0..ROOMS.len()]
}

/// Somebody does something.
fn any_request(users: usize) -> impl Strategy<Value = Step> {
    let seat = || 0..SEATS - 2;
    let seat_and_room = || (0..SEATS - 2, any_room());
    prop_oneof![
        1 => seat().prop_map(Step::Logout),
        1 => seat().prop_map(Step::List),
        3 => seat_and_room().prop_map(|(seat, room)| Step::People(seat, room)),
        2 => (seat(), 0..ROOMS.len()).prop_map(|(seat, room)| Step::Create(seat, room)),
        8 => seat_and_room().prop_map(|(seat, room)| Step::Enter(seat, room)),
        4 => seat_and_room().prop_map(|(seat, room)| Step::Leave(seat, room)),
        5 => seat_and_room().prop_map(|(seat, room)| Step::Say(seat, room)),
        2 => (seat(), 0..users).prop_map(|(seat, user)| Step::Whisper(seat, user)),
        1 => (seat_and_room(), 0..users)
            .prop_map(|((seat, room), user)| Step::WhisperIn(seat, user, room)),
        1 => seat().prop_map(Step::Again),
        2 => (seat_and_room(), 0..4_u64).prop_map(|((seat, room), seq)| Step::Read(seat, room, seq)),
        2 => (seat(), 0..users, 0..4_u64).prop_map(|(seat, user, seq)| Step::ReadPeer(seat, user, seq)),
    ]
}

/// Somebody comes.
fn any_arrival(users: usize) -> impl Strategy<Value = Vec<Step>> {
    let arrival = (0..SEATS - 1, any_kind(), 0..users, prop::option::of(0..LOGINS));
    arrival.prop_map(|(seat, kind, user, by)| vec![Step::Connect(seat, kind), Step::Login(seat, user, by)])
}

/// What nobody asks for who is there, and what the disk and the lists do bit by bit.
fn any_event(users: usize) -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..SEATS).prop_map(Step::Disconnect),
        1 => any_login(users),
        1 => (0..SEATS, 0..LOGINS, prop::bool::weighted(0.8))
            .prop_map(|(seat, login, is_there)| Step::EndLogin(seat, login, is_there)),
        4 => (1..5_usize).prop_map(Step::Take),
        4 => prop::bool::weighted(0.8).prop_map(Step::Write),
        4 => Just(Step::Settle),
        8 => any::<bool>().prop_map(Step::Poll),
        5 => (0..3_usize).prop_map(Step::Publish),
        5 => (1..800_u64).prop_map(Step::Wait),
        // Rare, for they end what could have become interesting.
        1 => (0..users, 0..8_u8).prop_map(|(user, chance)| match chance {
            0 => Step::Restart,
            1 => Step::Dismiss(user),
            2 => Step::EndLogins(user % LOGINS),
            _ => Step::Show,
        }),
    ]
}

fn any_piece(Temper { users, disk, lists }: Temper) -> impl Strategy<Value = Vec<Step>> {
    prop_oneof![
        12 => any_request(users).prop_map(|step| vec![step]),
        8 => any_event(users).prop_map(|step| vec![step]),
        3 => any_arrival(users),
        disk => prop::bool::weighted(0.8)
            .prop_map(|is_durable| vec![Step::Take(usize::MAX), Step::Write(is_durable), Step::Settle]),
        lists => Just(vec![Step::Wait(300), Step::Show]),
    ]
}

fn any_story() -> impl Strategy<Value = Vec<Step>> {
    any_temper().prop_flat_map(|temper| {
        let arrivals = prop::collection::vec(any_arrival(temper.users), 4..10);
        let pieces = prop::collection::vec(any_piece(temper), 1..120);
        (arrivals, pieces).prop_map(|(arrivals, pieces)| [arrivals, pieces].concat().concat())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn the_hub_does_what_the_simplest_model_does(steps in any_story()) {
        places::check(&steps);
    }
}
