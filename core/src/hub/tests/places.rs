//! In many rooms at once, by several devices.

use super::keeping::Disk;
use super::*;

/// A town in which these are in many rooms, none of them in any yet.
pub(super) fn town(people: &[&str]) -> (Town, Disk) {
    let mut town = Town::that_remembers(Limits { message_rate: 0, ..Limits::default() }, &[]);
    for person in people {
        device(&mut town, person, person);
    }
    town.settle();
    (town, Disk::new())
}

/// Another device of somebody.
pub(super) fn device(town: &mut Town, device: &str, person: &str) {
    town.connect(device).unwrap();
    town.does(device, &format!("login ++{person}"));
}

/// Somebody does something, and the disk what has to be durable.
#[track_caller]
pub(super) fn check(town: &mut Town, disk: &mut Disk, person: &str, words: &str, expected: &str) {
    town.does(person, words);
    disk.writes(town);
    town.check(person, expected);
}

/// A message of a room as a device hears it.
pub(super) fn msg(text: &str, room: &str, seq: u64) -> String {
    format!(r#"msg "{text}","room":"{room}","seq":{seq},"ts":7"#)
}

#[test]
fn somebody_is_in_two_rooms_and_hears_both() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    check(&mut town, &mut disk, "ann", "create den", "created den");
    check(&mut town, &mut disk, "ann", "join den", "joined den 0/0 [den: ann]");
    check(&mut town, &mut disk, "ann", "join example", "joined example 0/0 [example: ann]");
    check(&mut town, &mut disk, "bob", "join den", "joined den 0/0 [den: ann bob]");
    town.does("ann", "postin example one");
    town.does("bob", "postin den two");
    disk.writes(&mut town);
    let (one, two) = (msg("one", "example", 1), msg("two", "den", 2));
    town.check("ann", &format!("said, {one}, {two}"));
    town.check("bob", &format!("said, {two}"));
    town.check_does("bob", "postin example three", r#"denied NotThere("example")"#);
}

#[test]
fn a_room_is_come_into_and_gone_from_once_the_disk_has_it() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    town.check_does("ann", "join example", "");
    disk.fails(&mut town);
    town.check("ann", "denied NotKept");
    check(&mut town, &mut disk, "ann", "join EXAMPLE", "joined example 0/0 [example: ann]");
    town.check_does("ann", "join example", r#"denied AlreadyThere("example")"#);
    town.does("ann", "part example");
    disk.fails(&mut town);
    town.check("ann", "denied NotKept");
    check(&mut town, &mut disk, "ann", "part example", "parted example");
    town.check_does("ann", "part example", r#"denied NotThere("example")"#);
    town.check_does("ann", "join nowhere", r#"denied NoSuchRoom("nowhere")"#);
    town.check_does("ann", "join lobby", r#"denied AlreadyThere("lobby")"#);
}

#[test]
fn who_goes_hears_first_what_was_said_before() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    for person in ["ann", "bob"] {
        town.does(person, "join example");
    }
    disk.writes(&mut town);
    town.settle();
    town.does("ann", "postin example before");
    town.does("bob", "part example");
    town.does("ann", "postin example after");
    disk.writes(&mut town);
    town.check("bob", &format!("{}, parted example", msg("before", "example", 1)));
}

#[test]
fn all_devices_of_a_user_are_where_one_of_them_goes() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    device(&mut town, "phone", "ann");
    town.check("phone", "overview [lobby 2 example 0] in []");
    check(&mut town, &mut disk, "ann", "join example", "joined example 0/0 [example: ann]");
    town.check("phone", "also joined example 0/0");
    check(&mut town, &mut disk, "bob", "join example", "joined example 0/0 [example: ann bob]");
    town.settle();
    let hello = msg("hello", "example", 1);
    check(&mut town, &mut disk, "phone", "postin example hello", &format!("said, {hello}"));
    town.check("ann", &hello);
    town.check("bob", &hello);
    // Gone by one of them is not gone.
    town.disconnect("ann");
    town.settle();
    town.check_does("bob", "people example", "people [example: ann bob]");
    check(&mut town, &mut disk, "phone", "part example", "parted example");
    town.check_does("bob", "people example", "people [example: bob]");
}

#[test]
fn who_comes_back_is_where_they_were_and_learns_what_they_missed() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    for person in ["ann", "bob"] {
        check(
            &mut town,
            &mut disk,
            person,
            "join example",
            &match person {
                "ann" => "joined example 0/0 [example: ann]".to_string(),
                _ => "joined example 0/0 [example: ann bob]".to_string(),
            },
        );
    }
    town.disconnect("ann");
    for text in ["one", "two", "three"] {
        town.does("bob", &format!("postin example {text}"));
    }
    disk.writes(&mut town);
    town.settle();
    device(&mut town, "ann", "ann");
    town.check("ann", "overview [lobby 0 example 2] in [example 0/3]");
    town.check_does("ann", "read example 2", "read example 2");
    town.check_does("ann", "read example 1", "read example 2");
    town.check_does("ann", "rooms", "overview [lobby 0 example 2] in [example 2/3]");
}

#[test]
fn what_one_device_has_read_the_others_need_not_show() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    device(&mut town, "phone", "ann");
    for person in ["ann", "bob"] {
        town.does(person, "join example");
    }
    disk.writes(&mut town);
    town.does("bob", "postin example hello");
    disk.writes(&mut town);
    town.settle();
    // Who has it from the disk may know of more than was delivered.
    town.check_does("phone", "read example 9", "read example 1");
    town.check("ann", "also read example 1");
    town.check("bob", "");
    assert!(town.hub.calls_writer() || town.hub.pending_appends() > 0, "it is to be durable");
}

#[test]
fn those_who_watch_a_room_are_told_who_comes_and_goes_and_no_others() {
    let (mut town, mut disk) = town(&["ann", "bob", "eve"]);
    check(&mut town, &mut disk, "ann", "join example", "joined example 0/0 [example: ann]");
    device(&mut town, "phone", "ann");
    town.settle();
    check(&mut town, &mut disk, "bob", "join example", "joined example 0/0 [example: ann bob]");
    town.wait(HOUR);
    let rooms = "rooms {rooms:[{room:lobby,people:1},{room:example,people:2}]";
    town.check("ann", &format!("{rooms}, roster {{room:example,joined:[bob]"));
    town.check("phone", rooms);
    town.check("eve", rooms);
    town.check_does("phone", "people example", "people [example: ann bob]");
    town.check_does("eve", "people example", "people [example: ann bob]");
    town.settle();
    check(&mut town, &mut disk, "bob", "part example", "parted example");
    town.wait(HOUR);
    let rooms = "rooms {rooms:[{room:lobby,people:2},{room:example,people:1}]";
    for person in ["ann", "phone"] {
        town.check(person, &format!("{rooms}, roster {{room:example,left:[bob]"));
    }
    town.check("eve", rooms);
}

#[test]
fn a_crowd_that_comes_at_once_is_told_as_a_whole() {
    let (mut town, mut disk) = town(&["ann"]);
    check(&mut town, &mut disk, "ann", "join example", "joined example 0/0 [example: ann]");
    town.settle();
    for number in 0..65 {
        let person = format!("p{number}");
        town.login(&person);
        town.does(&person, "enter example");
    }
    town.wait(HOUR);
    let heard = town.heard.remove(&town.people["ann"]).unwrap().join(" ");
    assert!(
        heard.contains("roster {room:example,members:[ann,p0,p1,") && !heard.contains("joined"),
        "{heard}"
    );
}

#[test]
fn somebody_with_two_kinds_of_connection_is_one_person_in_every_list() {
    let (mut town, mut disk) = town(&["ann"]);
    check(&mut town, &mut disk, "ann", "join example", "joined example 0/0 [example: ann]");
    town.connect("old").unwrap();
    town.does("old", "login ann");
    town.check("old", "logged in [lobby: ann; example: ann]");
    town.check_does("old", "enter example", "entered example [example: ann]");
    town.check("ann", "");
    town.login("bob");
    town.check("bob", "logged in [lobby: bob; example: ann]");
    town.disconnect("old");
    town.check_does("bob", "list", "listed [lobby: bob; example: ann]");
    town.disconnect("ann");
    town.check_does("bob", "list", "listed [lobby: bob; example:]");
    assert_eq!(town.hub.users(), 1);
}

#[test]
fn a_login_by_an_original_client_replaces_no_device_and_no_device_replaces_it() {
    let (mut town, _) = town(&["ann"]);
    town.connect("old").unwrap();
    town.does("old", "login ann");
    town.check("ann", "");
    device(&mut town, "phone", "ann");
    town.heard.clear();
    town.connect("older").unwrap();
    town.does("older", "login ann");
    town.check("old", "farewell Replaced");
    town.check("ann", "");
    town.check("phone", "");
}

#[test]
fn a_device_more_than_may_be_takes_the_place_of_the_oldest() {
    let (mut town, _) = town(&[]);
    let devices: Vec<String> = (0..Limits::default().account_devices_max).map(|n| format!("d{n}")).collect();
    for name in &devices {
        device(&mut town, name, "ann");
    }
    town.settle();
    device(&mut town, "one more", "ann");
    town.check("d0", "farewell Replaced");
    assert!(town.heard.keys().all(|id| *id == town.people["one more"]), "all others stay");
}

#[test]
fn a_private_message_reaches_all_devices_wherever_they_are() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    device(&mut town, "phone", "ann");
    device(&mut town, "tablet", "bob");
    town.settle();
    check(&mut town, &mut disk, "ann", "postto bob psst", "said, ann whispers psst");
    for other in ["phone", "bob", "tablet"] {
        town.check(other, "ann whispers psst");
    }
    town.check_does("ann", "postto eve psst", r#"denied NotHere("eve")"#);
    check(&mut town, &mut disk, "ann", "postto ann note", "said, ann whispers note");
    town.check("phone", "ann whispers note");
    town.check("bob", "");
}

#[test]
fn a_private_message_reaches_an_original_client_only_in_a_room() {
    let (mut town, mut disk) = town(&["ann"]);
    town.login("bob");
    town.check_does("ann", "postto bob psst", r#"denied NotHere("bob")"#);
    town.does("bob", "enter example");
    town.settle();
    check(&mut town, &mut disk, "ann", "postto bob psst", "said, ann whispers psst");
    town.check("bob", "ann whispers psst");
    // And back, where both are in that room.
    town.check_does("bob", "postto ann pssst", r#"denied NotInRoom("ann", "example")"#);
    town.does("ann", "join example");
    disk.writes(&mut town);
    town.settle();
    check(&mut town, &mut disk, "bob", "postto ann pssst", "bob whispers pssst, said");
    town.check("ann", "bob whispers pssst");
}

#[test]
fn a_room_that_somebody_takes_part_in_does_not_give_way() {
    let limits = Limits { rooms_max: 3, room_idle_ms_min: 0, message_rate: 0, ..Limits::default() };
    let (mut town, mut disk) = (Town::that_remembers(limits, &[]), Disk::new());
    device(&mut town, "ann", "ann");
    town.heard.clear();
    check(&mut town, &mut disk, "ann", "create den", "created den");
    town.does("ann", "join den");
    town.check_does("ann", "create nook", "denied TooManyRooms");
    disk.writes(&mut town);
    town.disconnect("ann");
    device(&mut town, "ann", "ann");
    town.heard.clear();
    town.check_does("ann", "create nook", "denied TooManyRooms");
    check(&mut town, &mut disk, "ann", "part den", "parted den");
    check(&mut town, &mut disk, "ann", "create nook", "created nook");
}

#[test]
fn a_room_is_full_of_those_who_take_part_whether_they_are_there_or_not() {
    let limits = Limits { room_members_max: 2, rooms_joined_max: 1, ..Limits::default() };
    let (mut town, mut disk) = (Town::that_remembers(limits, &["eve"]), Disk::new());
    for person in ["ann", "bob"] {
        device(&mut town, person, person);
        town.does(person, "join example");
    }
    disk.writes(&mut town);
    town.disconnect("ann");
    town.heard.clear();
    town.check_does("eve", "enter example", r#"denied RoomFull("example")"#);
    town.does("bob", "create den");
    disk.writes(&mut town);
    town.heard.clear();
    town.check_does("bob", "join den", "denied TooManyPlaces");
}

#[test]
fn those_whom_the_disk_knows_are_in_their_rooms_before_they_come() {
    let (mut town, mut disk) = town(&[]);
    let account = |name: &str| Account::new(key_of, UserName::parse(name).unwrap()).unwrap();
    let place = |name: &str, read| StoredPlace {
        account: account(name),
        room: NameKey::new(key_of, "example"),
        read,
    };
    let room = StoredRoom {
        key: NameKey::new(key_of, "example"),
        look: NameLook::of_room(look_of, &example()).unwrap(),
        name: example(),
        last_seq: 9,
    };
    let memory = Memory {
        rooms: Vec::from([room]),
        places: Vec::from([place("ann", 4), place("bob", 9)]),
        ..Memory::default()
    };
    town.hub =
        Hub::new(town.now, town.limits.clone(), key_of, look_of, &[example()]).with_history(town.now, memory);
    device(&mut town, "ann", "Ann");
    town.check("ann", "overview [lobby 0 example 1] in [example 4/9]");
    assert_eq!(town.hub.users(), 1);
    disk.seq = 9;
    let hello = format!("said, {}", msg("hello", "example", 10));
    check(&mut town, &mut disk, "ann", "postin example hello", &hello);
    // What one says oneself is read, and all before it.
    town.check_does("ann", "rooms", "overview [lobby 0 example 1] in [example 10/10]");
}

#[test]
fn who_is_shut_out_is_so_by_all_connections() {
    let (mut town, _) = town(&["ann"]);
    device(&mut town, "phone", "ann");
    town.connect("old").unwrap();
    town.does("old", "login ann");
    town.heard.clear();
    let mut deliveries = Deliveries::new();
    town.hub.dismiss(town.now, &NameKey::new(key_of, "ann"), Farewell::Disabled, &mut deliveries);
    town.deliver(deliveries);
    for connection in ["ann", "phone", "old"] {
        town.check(connection, "farewell Disabled");
    }
    assert_eq!(town.hub.users(), 0);
}

#[test]
fn what_a_user_may_say_is_counted_over_all_devices() {
    let limits = Limits { message_rate: 1, message_burst: 2, ..Limits::default() };
    let (mut town, mut disk) = (Town::that_remembers(limits, &[]), Disk::new());
    device(&mut town, "ann", "ann");
    device(&mut town, "phone", "ann");
    town.does("ann", "join example");
    disk.writes(&mut town);
    town.does("ann", "postin example one");
    town.does("phone", "postin example two");
    disk.writes(&mut town);
    town.heard.clear();
    town.check_does("ann", "postin example three", "denied SpeaksTooOften { retry_ms: 1000 }");
}

#[test]
fn where_one_device_may_be_the_next_takes_its_place() {
    let limits = Limits { account_devices_max: 1, ..Limits::default() };
    let (mut town, mut disk) = (Town::that_remembers(limits, &[]), Disk::new());
    device(&mut town, "ann", "ann");
    town.heard.clear();
    device(&mut town, "phone", "ann");
    town.check("ann", "farewell Replaced");
    town.check("phone", "overview [lobby 1 example 0] in []");
    check(&mut town, &mut disk, "phone", "join example", "joined example 0/0 [example: ann]");
    device(&mut town, "bob", "bob");
    town.disconnect("phone");
    assert_eq!(town.hub.users(), 1);
}

#[test]
fn however_much_is_read_one_note_of_it_is_on_its_way_at_a_time() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    for person in ["ann", "bob"] {
        town.does(person, "join example");
    }
    disk.writes(&mut town);
    for _ in 0..9 {
        town.does("bob", "postin example hello");
    }
    disk.writes(&mut town);
    for seq in 1..=9 {
        town.does("ann", &format!("read example {seq}"));
    }
    assert_eq!(town.hub.pending_appends(), 1);
    assert_eq!(disk.takes(&mut town, 9), 1);
    disk.has(&mut town, true);
    assert_eq!(town.hub.pending_appends(), 1, "what was read meanwhile is the next");
    disk.writes(&mut town);
    assert_eq!(town.hub.pending_appends(), 0);
}

#[test]
fn who_is_about_to_leave_says_nothing_more() {
    let (mut town, mut disk) = town(&["ann"]);
    device(&mut town, "phone", "ann");
    town.does("ann", "join example");
    disk.writes(&mut town);
    town.settle();
    town.does("ann", "part example");
    town.check_does("phone", "postin example too late", r#"denied NotThere("example")"#);
    town.check_does("phone", "part example", r#"denied NotThere("example")"#);
    disk.fails(&mut town);
    town.check("ann", "denied NotKept");
    check(
        &mut town,
        &mut disk,
        "phone",
        "postin example hello",
        &format!("said, {}", msg("hello", "example", 1)),
    );
}

#[test]
fn a_deleted_user_takes_part_nowhere() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    for person in ["ann", "bob"] {
        town.does(person, "join example");
    }
    disk.writes(&mut town);
    town.disconnect("ann");
    town.settle();
    for person in ["ann", "bob"] {
        let mut deliveries = Deliveries::new();
        town.hub.forget(town.now, &NameKey::new(key_of, person), &mut deliveries);
        town.deliver(deliveries);
    }
    town.check("bob", "farewell Disabled");
    device(&mut town, "ann", "ann");
    town.check("ann", "overview [lobby 1 example 0] in []");
}

#[test]
fn who_is_deleted_while_the_disk_has_it_that_they_take_part_takes_part_nowhere() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    town.does("ann", "join example");
    disk.takes(&mut town, usize::MAX);
    let mut deliveries = Deliveries::new();
    town.hub.forget(town.now, &NameKey::new(key_of, "ann"), &mut deliveries);
    town.deliver(deliveries);
    disk.has(&mut town, true);
    town.check("ann", "farewell Disabled");
    device(&mut town, "phone", "ann");
    town.check("phone", "overview [lobby 2 example 0] in []");
}

#[test]
fn as_many_rooms_as_change_at_once_come_a_part_at_a_time() {
    let limits = Limits { rooms_created_per_hour_max: 0, ..Limits::default() };
    let (mut town, mut disk) = (Town::that_remembers(limits, &[]), Disk::new());
    device(&mut town, "ann", "ann");
    for number in 0..1_200 {
        town.does("ann", &format!("create r{number}"));
    }
    disk.writes(&mut town);
    town.heard.clear();
    town.wait(HOUR);
    let heard = town.heard.remove(&town.people["ann"]).unwrap();
    let rooms: Vec<usize> = heard.iter().map(|frame| frame.matches("people:").count()).collect();
    assert_eq!((rooms.iter().sum::<usize>(), rooms.iter().max()), (1_200, Some(&500)), "{rooms:?}");
}
