//! Who is who, who must go, and what nobody gets twice.

use super::*;

#[test]
fn logging_in_again_gives_back_neither_rooms_nor_messages() {
    let limits =
        Limits { rooms_created_per_hour_max: 2, message_rate: 1, message_burst: 2, ..Limits::default() };
    let ways: [fn(&mut Town); 3] = [
        |town| {
            town.does("ann", "logout");
            town.does("ann", "login Ann");
        },
        |town| {
            town.disconnect("ann");
            town.login("ann");
        },
        // The older connection is replaced.
        |town| town.login("ann"),
    ];
    for again in ways {
        let mut town = Town::of(limits.clone(), &["ann"]);
        for words in ["create den", "create nook", "enter den", "say 1", "say 2"] {
            town.does("ann", words);
        }
        again(&mut town);
        town.heard.clear();
        town.check_does("ann", "create loft", "denied CreatesTooOften { retry_ms: 1800000 }");
        town.does("ann", "enter den");
        town.heard.clear();
        town.check_does("ann", "say 3", "denied SpeaksTooOften { retry_ms: 1000 }");
        town.check_does("ann", "whisper ann 3", "denied SpeaksTooOften { retry_ms: 1000 }");
        town.wait(1000);
        town.check_does("ann", "whisper ann 3", "ann whispers 3, said");
    }
}

#[test]
fn who_has_only_made_rooms_does_not_get_them_back_either() {
    let limits = Limits { rooms_created_per_hour_max: 1, ..Limits::default() };
    let mut town = Town::of(limits, &["ann"]);
    for words in ["create den", "logout", "login ann"] {
        town.does("ann", words);
    }
    town.heard.clear();
    town.check_does("ann", "create loft", "denied CreatesTooOften { retry_ms: 3600000 }");
}

#[test]
fn a_thousand_who_came_and_went_are_forgotten_once_they_may_do_everything_again() {
    let limits = Limits { message_rate: 1, message_burst: 1, ..Limits::default() };
    let mut town = Town::of(limits, &[]);
    let visit = |town: &mut Town, person: &str| {
        town.login(person);
        town.does(person, "say hi");
        town.disconnect(person);
    };
    for number in 0..ALLOWANCES_KEPT {
        visit(&mut town, &format!("user{number}"));
    }
    town.wait(1000);
    for person in ["ann", "bob"] {
        visit(&mut town, person);
    }
    assert_eq!(town.hub.allowances.len(), 2);
    for person in ["ann", "bob"] {
        town.login(person);
        town.heard.clear();
        town.check_does(person, "say again", "denied SpeaksTooOften { retry_ms: 1000 }");
    }
}

#[test]
fn a_second_login_takes_the_place_of_the_first() {
    let mut town = Town::of(Limits::default(), &["ann", "bob"]);
    town.does("ann", "enter example");
    town.heard.clear();
    town.connect("ann again").unwrap();
    town.check_does("ann again", "login ANN", "logged in [lobby: bob ANN; example:]");
    town.check("ann", "farewell Replaced");
    assert_eq!((town.hub.users(), town.hub.connections()), (2, 2));

    for words in ["list", "exit", "say boo", "logout", "login ann", "create den"] {
        town.check_does("ann", words, "");
    }
    town.check_does("ann again", "enter example", "entered example [example: ANN]");
    town.disconnect("ann");
    town.does("bob", "enter example");
    town.heard.clear();
    town.does("bob", "whisper ann psst");
    town.check("ann again", "bob whispers psst");
    assert_eq!((town.hub.users(), town.hub.connections()), (2, 2));
}

#[test]
fn a_connection_that_is_gone_is_never_taken_for_the_one_in_its_place() {
    let mut town = Town::new();
    town.login("ann");
    town.disconnect("ann");
    town.login("bob");
    assert_eq!(town.people["ann"].slot(), town.people["bob"].slot());
    town.heard.clear();
    for words in ["list", "enter example", "logout", "login ann"] {
        town.check_does("ann", words, "");
        town.check("bob", "");
    }
    town.disconnect("ann");
    town.check_does("bob", "list", "listed [lobby: bob; example:]");
}

#[test]
fn visitors_over_half_of_all_places_are_let_go_oldest_first() {
    let mut town = Town::with(Limits { connections_max: 6, ..Limits::default() });
    for visitor in ["v1", "v2", "v3", "v4", "v5"] {
        town.connect(visitor).unwrap();
    }
    town.check("v1", "farewell Crowded");
    town.check("v2", "farewell Crowded");
    town.check("v3", "");
    town.check_does("v1", "login ann", "");
    town.check_does("v3", "login ann", "logged in [lobby: ann; example:]");
    town.connect("v6").unwrap();
    town.check("v4", "");
    // Logging out makes a visitor of ann, but the youngest.
    town.does("v3", "logout");
    town.heard.clear();
    town.connect("v7").unwrap();
    town.check("v4", "farewell Crowded");
    town.check("v3", "");
}

#[test]
fn the_house_is_full_at_its_limit_and_who_was_told_to_go_takes_no_place() {
    let mut town = Town::with(Limits { connections_max: 4, ..Limits::default() });
    for person in ["ann", "bob", "eve", "joe"] {
        town.login(person);
    }
    assert_eq!(town.connect("zoe"), Err(Full));
    town.disconnect("joe");
    town.connect("ann").unwrap();
    town.does("ann", "login ann");
    assert_eq!(town.hub.connections(), 3, "the older ann is not counted");
    town.connect("zoe").unwrap();
    town.connect("joe").unwrap();
    town.check("zoe", "farewell Crowded");
    town.does("joe", "login joe");
    assert_eq!(town.connect("zoe"), Err(Full), "all are logged in");
}

#[test]
fn visitors_who_logged_out_make_room_for_newcomers_too() {
    let mut town = Town::with(Limits { connections_max: 4, ..Limits::default() });
    for person in ["ann", "bob", "eve", "joe"] {
        town.login(person);
    }
    for person in ["ann", "bob", "eve", "joe"] {
        town.does(person, "logout");
    }
    // Four of four are without a login; at most two may be.
    assert_eq!(town.connect("zoe"), Ok(()), "the oldest visitor gives way");
}

#[test]
fn a_room_that_was_not_made_does_not_count_as_made() {
    let limits = Limits {
        rooms_max: 2,
        rooms_created_per_hour_max: 1,
        room_idle_ms_min: 3_600_000,
        ..Limits::default()
    };
    let mut town = Town::of(limits, &["ann"]);
    town.check_does("ann", "create den", "denied TooManyRooms");
    town.check_does("ann", "create den", "denied TooManyRooms");
}

#[test]
fn who_is_shut_out_is_told_so_and_gone_for_the_others() {
    let mut town = Town::of(Limits::default(), &["ann", "bob"]);
    let mut deliveries = Deliveries::new();
    for user in ["bob", "nobody"] {
        let key = NameKey::new(key_of, user);
        town.hub.dismiss(town.now, &key, Farewell::Disabled, &mut deliveries);
    }
    town.deliver(deliveries);
    town.check("bob", "farewell Disabled");
    assert_eq!(town.hub.users(), 1);
}

#[test]
fn other_limits_hold_for_who_is_there_already() {
    let mut town = Town::of(Limits::default(), &["ann"]);
    town.hub.set_limits(Limits { rooms_max: 2, message_rate: 1, message_burst: 1, ..Limits::default() });
    town.check_does("ann", "create den", "denied TooManyRooms");
    town.does("ann", "enter example");
    town.does("ann", "say 1");
    town.heard.clear();
    town.check_does("ann", "say 2", "denied SpeaksTooOften { retry_ms: 1000 }");
}
