//! Clients and servers in random conversations, in which nobody may accuse the other side of breaking the protocol.

use models::duplex::{self, LINES, Step};
use proptest::prelude::*;

fn any_step() -> impl Strategy<Value = Step> {
    let user = prop::sample::select(vec!["ann", "Bob", "eve"]);
    let room = prop::sample::select(vec!["lobby", "example", "den", "DEN", "a \"b\" \\"]);
    let text = prop::sample::select(vec!["hi", "línea\n\tdos", "\"\\", "😀"]);
    let words = prop_oneof![
        2 => user.clone().prop_map(|user| format!("register {user} 1234")),
        6 => user.clone().prop_map(|user| format!("login {user} 1234")),
        1 => user.clone().prop_map(|user| format!("login {user} 4321")),
        2 => Just(String::from("list")),
        2 => room.clone().prop_map(|room| format!("create {room}")),
        6 => room.prop_map(|room| format!("enter {room}")),
        4 => text.clone().prop_map(|text| format!("say {text}")),
        4 => (user, text).prop_map(|(user, text)| format!("whisper {user} {text}")),
        1 => Just(String::from("logins")),
        1 => (1..8_u8).prop_map(|login| format!("end {login}")),
        2 => Just(String::from("exit")),
        1 => Just(String::from("logout")),
    ];
    prop_oneof![
        12 => words.prop_map(Step::Want),
        8 => (0..200_usize, 0..400_usize).prop_map(|(up, down)| Step::Travel(up, down)),
        8 => Just(Step::Attend),
        1 => Just(Step::HangUp),
        // Together less than a frame may take.
        3 => (1..100_u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn client_and_server_never_accuse_each_other_and_end_up_in_the_same_place(
        is_patient: bool,
        steps in prop::collection::vec((0..LINES, any_step()), 1..120),
    ) {
        duplex::check(str::to_lowercase, is_patient, &steps);
    }
}
