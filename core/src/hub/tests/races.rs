//! In many rooms at once, where one thing is on its way while another happens.

use super::keeping::Disk;
use super::places::{check, device, msg, town};
use super::*;

/// The next list or difference that is due, taken and not handed out.
#[track_caller]
fn take_bulletin(town: &mut Town) -> Bulletin {
    town.hub.poll_bulletin(town.now).expect("something has changed")
}

#[test]
fn who_was_told_to_go_is_answered_nothing() {
    let (mut town, mut disk) = town(&["ann"]);
    check(&mut town, &mut disk, "ann", "join example", "joined example 0/0 [example: ann]");
    let mut deliveries = Deliveries::new();
    town.hub.dismiss(town.now, &NameKey::new(key_of, "ann"), Farewell::Disabled, &mut deliveries);
    for words in ["part example", "read example 0", "rooms", "people example", "join example"] {
        town.check_does("ann", words, "");
    }
}

#[test]
fn who_was_told_to_go_hears_nothing_of_what_they_said() {
    let (mut town, mut disk) = (Town::that_remembers(Limits::default(), &["ann"]), Disk::new());
    town.does("ann", "enter example");
    town.does("ann", "post hello");
    town.connect("newer").unwrap();
    town.does("newer", "login ann");
    town.check("ann", r#"entered example [example: ann], farewell Replaced"#);
    disk.writes(&mut town);
    town.check("ann", "");
}

#[test]
fn who_comes_to_a_room_twice_has_read_there_what_they_have_read() {
    let (mut town, mut disk) = town(&["ann"]);
    device(&mut town, "phone", "ann");
    town.login("bob");
    town.does("bob", "enter example");
    town.settle();
    town.does("ann", "join example");
    town.does("bob", "post hello");
    town.does("phone", "join example");
    disk.writes(&mut town);
    town.check(
        "phone",
        &format!(
            "also joined example 0/0, {}, joined example 0/1 [example: bob ann]",
            msg("hello", "example", 1)
        ),
    );
}

#[test]
fn what_is_told_late_does_not_stay_what_a_new_watcher_knows() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    check(&mut town, &mut disk, "ann", "join example", "joined example 0/0 [example: ann]");
    town.settle();
    town.login("eve");
    town.does("eve", "enter example");
    // The lobby's, and the room's in which eve has come.
    let bulletins = [take_bulletin(&mut town), take_bulletin(&mut town)];
    // Nobody watches when eve goes, and whoever then begins to is told that she is not there.
    town.disconnect("ann");
    town.does("eve", "exit");
    device(&mut town, "ann", "ann");
    town.does("ann", "people example");
    town.heard.clear();
    for bulletin in &bulletins {
        town.publish(bulletin);
    }
    town.wait(HOUR);
    let heard = town.heard.remove(&town.people["ann"]).unwrap();
    let last = |kind: &str| heard.iter().rfind(|heard| heard.starts_with(kind)).unwrap().as_str();
    assert_eq!(last("roster"), "roster {room:example,joined:[ann],left:[eve]");
    assert_eq!(last("rooms"), "rooms {rooms:[{room:lobby,people:2},{room:example,people:1}]");
}

#[test]
fn what_is_told_late_does_not_stay_what_a_new_device_knows() {
    let (mut town, _) = town(&["ann"]);
    town.login("eve");
    town.does("eve", "enter example");
    let bulletin = take_bulletin(&mut town);
    town.disconnect("ann");
    town.does("eve", "exit");
    device(&mut town, "ann", "ann");
    town.heard.clear();
    town.publish(&bulletin);
    town.wait(HOUR);
    let heard = town.heard.remove(&town.people["ann"]).unwrap();
    assert_eq!(heard.last().unwrap(), "rooms {rooms:[{room:lobby,people:2},{room:example,people:0}]");
}

#[test]
fn a_room_that_came_back_shows_who_is_there() {
    let limits = Limits { rooms_max: 3, room_idle_ms_min: 0, ..Limits::default() };
    let (mut town, mut disk) = (Town::that_remembers(limits, &["ann"]), Disk::new());
    town.does("ann", "create den");
    disk.writes(&mut town);
    for person in ["bob", "eve"] {
        town.login(person);
        town.does(person, "enter den");
    }
    town.settle();
    town.does("eve", "exit");
    // The list for bob is on its way when he goes too, and the room with him.
    let bulletins = [take_bulletin(&mut town), take_bulletin(&mut town)];
    town.does("bob", "exit");
    town.does("ann", "create cave");
    for bulletin in &bulletins {
        town.publish(bulletin);
    }
    disk.fails(&mut town);
    town.does("bob", "enter den");
    town.does("eve", "enter den");
    town.heard.clear();
    town.wait(HOUR);
    town.check("bob", r#"push {"den":["bob","eve"]}"#);
}

#[test]
fn what_somebody_has_said_is_not_told_to_who_logs_in_by_their_connection() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    town.does("ann", "postto bob psst");
    town.does("ann", "logout");
    town.does("ann", "login ++eve");
    town.heard.clear();
    disk.writes(&mut town);
    town.check("ann", "");
    town.check("bob", "ann whispers psst");
    // Nor is it kept from them if it is for them.
    town.does("bob", "postto eve note");
    town.does("bob", "logout");
    town.disconnect("ann");
    town.does("bob", "login ++eve");
    town.heard.clear();
    disk.writes(&mut town);
    town.check("bob", "bob whispers note");
}

#[test]
fn a_room_has_a_place_for_whoever_takes_part_beside_those_who_are_there() {
    let limits = Limits { room_members_max: 3, ..Limits::default() };
    let (mut town, mut disk) = (Town::that_remembers(limits, &["bob", "cara", "dora"]), Disk::new());
    device(&mut town, "ann", "ann");
    town.does("ann", "join example");
    disk.writes(&mut town);
    town.disconnect("ann");
    for person in ["bob", "cara"] {
        town.does(person, "enter example");
    }
    town.settle();
    town.check_does("dora", "enter example", r#"denied RoomFull("example")"#);
    // Who takes part has a place already.
    town.connect("old").unwrap();
    town.does("old", "login ann");
    town.heard.clear();
    town.check_does("old", "enter example", "entered example [example: bob cara ann]");
}

#[test]
fn two_devices_do_not_bring_a_user_into_more_rooms_than_may_be() {
    let limits = Limits { rooms_joined_max: 1, ..Limits::default() };
    let (mut town, mut disk) = (Town::that_remembers(limits, &[]), Disk::new());
    device(&mut town, "ann", "ann");
    device(&mut town, "phone", "ann");
    town.does("ann", "create den");
    disk.writes(&mut town);
    town.heard.clear();
    town.check_does("ann", "join example", "");
    town.check_does("phone", "join den", "denied TooManyPlaces");
    disk.fails(&mut town);
    town.check("ann", "denied NotKept");
    check(&mut town, &mut disk, "phone", "join den", "joined den 0/0 [den: ann]");
}

#[test]
fn what_was_noted_for_nobody_is_not_told_to_who_comes_next() {
    let (mut town, mut disk) = town(&["ann"]);
    check(&mut town, &mut disk, "ann", "join example", "joined example 0/0 [example: ann]");
    town.settle();
    town.login("eve");
    town.does("eve", "enter example");
    let bulletins = [take_bulletin(&mut town), take_bulletin(&mut town)];
    town.does("ann", "part example");
    disk.writes(&mut town);
    for bulletin in &bulletins {
        town.publish(bulletin);
    }
    town.heard.clear();
    check(&mut town, &mut disk, "ann", "join example", "joined example 0/0 [example: eve ann]");
    town.wait(HOUR);
    town.check("ann", "rooms {rooms:[{room:lobby,people:0},{room:example,people:2}]");
}

#[test]
fn a_private_message_of_an_original_client_is_missed_by_no_device() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    for (connection, person) in [("old ann", "ann"), ("old bob", "bob")] {
        town.connect(connection).unwrap();
        town.does(connection, &format!("login {person}"));
        town.does(connection, "enter example");
    }
    town.settle();
    check(&mut town, &mut disk, "old ann", "postto bob psst", "ann whispers psst, said");
    for other in ["old bob", "bob", "ann"] {
        town.check(other, "ann whispers psst");
    }
    check(&mut town, &mut disk, "old ann", "postto ann note", "ann whispers note, said");
    town.check("ann", "ann whispers note");
    // Whoever it is for may have left meanwhile.
    town.does("old ann", "postto bob bye");
    town.disconnect("old bob");
    disk.writes(&mut town);
    town.check("bob", "ann whispers bye");
}
