//! Which rooms there are, and what is said in them.

use super::*;

#[test]
fn at_the_room_limit_the_room_that_has_been_empty_longest_gives_way() {
    let limits = Limits { rooms_max: 4, ..Limits::default() };
    let mut town = Town::of(limits, &["ann", "bob"]);
    for words in ["create old", "create new", "enter old", "exit"] {
        town.wait(1000);
        town.does("ann", words);
    }
    town.wait(HOUR - 2001);
    town.heard.clear();
    town.check_does("bob", "create den", "denied TooManyRooms");
    // Made last, but never used: the other one was left two seconds later.
    town.wait(1);
    town.check_does("bob", "create den", "created den");
    assert_eq!(town.hub.rooms(), 4);
    town.check_does("bob", "list", "listed [lobby: bob ann; example:; old:; den:]");
    town.check_does("bob", "enter new", r#"denied NoSuchRoom("new")"#);
    town.check_does("bob", "create new", "denied TooManyRooms");
    town.wait(1999);
    town.heard.clear();
    town.check_does("bob", "create new", "denied TooManyRooms");
    town.wait(1);
    town.check_does("bob", "create new", "created new");
}

#[test]
fn a_room_with_somebody_in_it_and_a_room_from_the_start_never_give_way() {
    let limits = Limits { rooms_max: 3, ..Limits::default() };
    let mut town = Town::of(limits, &["ann", "bob"]);
    town.does("ann", "create den");
    town.does("ann", "enter den");
    town.wait(100 * HOUR);
    town.heard.clear();
    town.check_does("bob", "create nook", "denied TooManyRooms");
    town.check_does("bob", "list", "listed [lobby: bob; example:; den: ann]");
}

#[test]
fn a_list_of_a_room_that_gave_way_goes_to_nobody() {
    let limits = Limits { rooms_max: 3, room_idle_ms_min: 0, ..Limits::default() };
    let mut town = Town::of(limits, &["ann", "bob"]);
    for (person, words) in [("ann", "create den"), ("ann", "enter den"), ("bob", "enter den")] {
        town.does(person, words);
    }
    let den = town.hub.poll_bulletin(town.now).unwrap();
    assert_eq!(rosters(den.list().unwrap()), "den: ann bob");
    for (person, words) in [("bob", "exit"), ("ann", "exit"), ("ann", "create nook"), ("ann", "enter nook")] {
        town.does(person, words);
    }
    town.heard.clear();
    town.publish(&den);
    town.check("ann", "");
    town.check("bob", "");
    town.wait(HOUR);
    town.check("bob", r#"push {"lobby":["bob"],"example":[],"nook":["ann"]}"#);
}

#[test]
fn a_room_holds_as_many_as_it_may_and_the_lobby_holds_everybody() {
    let limits = Limits { room_members_max: 1, ..Limits::default() };
    let mut town = Town::of(limits, &["ann", "bob"]);
    town.check_does("ann", "enter Example", "entered example [example: ann]");
    town.check_does("bob", "enter EXAMPLE", r#"denied RoomFull("example")"#);
    town.check_does("bob", "enter Lobby", r#"denied AlreadyThere("lobby")"#);
    town.check_does("ann", "exit", "left example [lobby: bob ann; example:]");
    town.check_does("bob", "enter example", "entered example [example: bob]");
}

#[test]
fn a_room_is_made_once_whatever_its_spelling() {
    let mut town = Town::of(Limits::default(), &["ann"]);
    town.check_does("ann", "create Den", "created Den");
    town.check_does("ann", "create dEN", r#"denied RoomExists("Den")"#);
    town.check_does("ann", "create LOBBY", r#"denied RoomExists("lobby")"#);
    town.check_does("ann", "enter den", "entered Den [Den: ann]");
}

#[test]
fn a_message_reaches_everybody_in_the_room_and_nobody_else() {
    let mut town = Town::of(Limits::default(), &["ann", "bob", "eve"]);
    for person in ["ann", "bob"] {
        town.does(person, "enter example");
    }
    town.heard.clear();
    town.check_does("ann", "say hi", r#"msg "hi", said"#);
    town.check("bob", r#"msg "hi""#);
    town.check("eve", "");
    town.does("bob", "exit");
    town.heard.clear();
    town.does("ann", "say again");
    town.check("bob", "");
}

#[test]
fn a_whisper_reaches_one_who_is_in_the_room_and_who_said_it() {
    let mut town = Town::of(Limits::default(), &["Ann", "bob", "eve"]);
    for person in ["Ann", "bob"] {
        town.does(person, "enter example");
    }
    town.heard.clear();
    town.check_does("bob", "whisper aNN psst", "bob whispers psst, said");
    town.check("Ann", "bob whispers psst");
    town.check("eve", "");
    town.check_does("bob", "whisper bob note", "bob whispers note, said");
    town.check_does("bob", "whisper Eve psst", r#"denied NotInRoom("Eve", "example")"#);
    town.check_does("bob", "whisper joe psst", r#"denied NotInRoom("joe", "example")"#);
    town.check("eve", "");
}

#[test]
fn when_the_server_stops_everybody_is_told() {
    let mut town = Town::of(Limits::default(), &["ann", "bob"]);
    town.connect("visitor").unwrap();
    town.disconnect("bob");
    let mut deliveries = Deliveries::new();
    town.hub.shut_down(&mut deliveries);
    town.deliver(deliveries);
    town.check("ann", "farewell ShuttingDown");
    town.check("visitor", "farewell ShuttingDown");
    town.check("bob", "");
}

#[test]
fn when_all_are_gone_nothing_is_left_of_them() {
    let mut town = Town::of(Limits::default(), &["ann", "bob", "eve"]);
    town.does("ann", "create den");
    town.does("ann", "enter den");
    town.does("ann", "say hi");
    town.does("bob", "enter example");
    town.connect("visitor").unwrap();
    for person in ["ann", "bob", "eve", "visitor", "ann"] {
        town.disconnect(person);
    }
    assert_eq!((town.hub.connections(), town.hub.users(), town.hub.rooms()), (0, 0, 3));
    town.wait(HOUR);
    assert_eq!(town.hub.deadline(), None);
    town.login("joe");
    town.check("joe", "logged in [lobby: joe; example:; den:]");
}

#[test]
fn a_room_that_looks_like_another_is_made_once_that_one_has_given_way() {
    let limits = Limits { rooms_max: 3, room_idle_ms_min: 0, ..Limits::default() };
    let mut town = Town::of(limits, &["ann"]);
    town.check_does("ann", "create hall", "created hall");
    town.check_does("ann", "create ha11", r#"denied RoomResembles("hall")"#);
    town.check_does("ann", "create 1obby", r#"denied RoomResembles("lobby")"#);
    town.check_does("ann", "create den", "created den");
    town.check_does("ann", "list", "listed [lobby: ann; example:; den:]");
    town.check_does("ann", "create ha11", "created ha11");
}

#[test]
fn what_waits_for_many_is_counted_once_until_the_last_of_them_has_it() {
    let mut town = Town::of(Limits::default(), &["ann", "bob", "eve"]);
    let mut waiting = Deliveries::new();
    assert_eq!(town.hub.ledger().bytes(), 0);
    town.hub.apply(town.now, town.people["ann"], command("ann", "say hi"), &mut waiting);
    let Some((_, Mail::Frame(message))) = waiting.first() else { panic!("a message comes first") };
    let message_bytes = message.len();
    assert_eq!(town.hub.ledger().bytes(), message_bytes);

    town.hub.apply(town.now, town.people["ann"], command("ann", "whisper bob psst"), &mut waiting);
    assert_eq!(town.hub.ledger().bytes(), message_bytes + "psst".len());

    town.hub.apply(town.now, town.people["ann"], command("ann", "enter example"), &mut waiting);
    let list = town.hub.poll_bulletin(town.now).expect("the lobby sees it");
    let print = list.encode(town.limits.list_bytes_max);
    let list_bytes = list_bytes(&print);
    town.hub.publish(town.now, print, &mut waiting);
    assert_eq!(town.hub.ledger().bytes(), message_bytes + "psst".len() + list_bytes);

    waiting.remove(0);
    assert_eq!(town.hub.ledger().bytes(), message_bytes + "psst".len() + list_bytes, "others have it still");
    waiting.clear();
    assert_eq!(town.hub.ledger().bytes(), 0);
}
