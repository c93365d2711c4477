//! Friends, and those to hear nothing of.

use super::keeping::Disk;
use super::places::check;
use super::*;

/// These have friends, each by a device, and nobody is anything to anybody yet.
fn town(people: &[&str]) -> (Town, Disk) {
    let mut town = Town::that_remembers(
        Limits { message_rate: 0, friends_max: 2, friends_asking_max: 2, ..Limits::default() },
        &[],
    );
    let mut disk = Disk::new();
    for person in people {
        device(&mut town, person, person);
    }
    disk.writes(&mut town);
    town.settle();
    (town, disk)
}

/// A device of somebody that is told of friends.
fn device(town: &mut Town, device: &str, person: &str) {
    town.connect(device).unwrap();
    town.does(device, &format!("login +++{person}"));
}

#[test]
fn who_is_asked_agrees_and_all_devices_of_both_know() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    device(&mut town, "phone", "ann");
    device(&mut town, "tablet", "bob");
    town.connect("old").unwrap();
    town.does("old", "login ++bob");
    disk.writes(&mut town);
    town.check("phone", "overview [lobby 2 example 0] in [], friend {all:true");
    town.settle();
    town.check_does("ann", "request bob", "");
    disk.writes(&mut town);
    town.check("ann", "Bob is asked");
    town.check("phone", "now Bob is asked");
    for device in ["bob", "tablet"] {
        town.check(device, "now ann is asking");
    }
    check(&mut town, &mut disk, "bob", "accept ANN", "Ann is friend");
    town.check("tablet", "now Ann is friend");
    for device in ["ann", "phone"] {
        town.check(device, "now bob is friend");
    }
    town.check_does("ann", "friends", "friends [bob friend]");
    check(&mut town, &mut disk, "ann", "remove bob", "Bob is none");
    town.check("bob", "now ann is none");
    // Who was not granted it hears nothing of it.
    town.check("old", "");
}

#[test]
fn what_cannot_be_written_down_has_not_happened() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    town.does("ann", "request bob");
    disk.fails(&mut town);
    town.check("ann", "denied NotKept");
    town.check("bob", "");
    town.check_does("ann", "friends", "friends []");
}

#[test]
fn whoever_does_what_makes_no_sense_is_told_so() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    town.check_does("ann", "request ann", "denied Oneself");
    check(&mut town, &mut disk, "ann", "request nobody", r#"denied Untied(Unknown, "nobody")"#);
    check(&mut town, &mut disk, "ann", "accept bob", r#"denied Untied(NotAsked, "bob")"#);
    check(&mut town, &mut disk, "ann", "block bob", "Bob is blocked");
    check(&mut town, &mut disk, "ann", "request bob", r#"denied Untied(Blocked, "bob")"#);
    check(&mut town, &mut disk, "ann", "decline bob", "Bob is blocked");
    town.check("bob", "");
}

#[test]
fn who_has_many_devices_changes_no_more_by_all_of_them() {
    let limits = Limits { move_rate: 1, move_burst: 1, ..Limits::default() };
    let mut town = Town::that_remembers(limits, &[]);
    for name in ["phone", "desk", "tablet"] {
        device(&mut town, name, "ann");
    }
    device(&mut town, "bob", "bob");
    Disk::new().writes(&mut town);
    town.settle();
    town.check_does("phone", "request bob", "");
    town.check_does("desk", "readpeer bob 1", "");
    town.check_does("tablet", "block bob", "denied ChangesTooOften { retry_ms: 500 }");
    town.check_does("tablet", "readpeer bob 1", "denied ChangesTooOften { retry_ms: 500 }");
    assert_eq!(town.hub.pending_appends(), 2);
    // Others are not slowed by that, and neither is who comes again later.
    town.check_does("bob", "request ann", "");
    town.wait(500);
    town.check_does("tablet", "block bob", "");
    assert_eq!(town.hub.pending_appends(), 4);
}

#[test]
fn a_list_that_is_full_says_which_it_is() {
    let (mut town, mut disk) = town(&["ann", "bob", "cyd", "dan"]);
    for friend in ["bob", "cyd"] {
        town.does("ann", &format!("request {friend}"));
        disk.writes(&mut town);
        town.does(friend, "accept ann");
        disk.writes(&mut town);
    }
    town.does("ann", "request dan");
    disk.writes(&mut town);
    town.settle();
    check(&mut town, &mut disk, "dan", "accept ann", r#"denied Untied(Full(OthersFriends), "ann")"#);
    check(&mut town, &mut disk, "dan", "remove ann", "Ann is none");
    check(&mut town, &mut disk, "dan", "request ann", r#"denied Untied(Full(OthersFriends), "ann")"#);
}

#[test]
fn who_is_blocked_finds_a_list_full_as_anybody_does() {
    let (mut town, mut disk) = town(&["ann", "bob", "cyd", "dan", "eve"]);
    for asking in ["bob", "cyd"] {
        check(&mut town, &mut disk, asking, "request ann", "Ann is asked");
    }
    check(&mut town, &mut disk, "ann", "block dan", "now bob is asking, now cyd is asking, Dan is blocked");
    for asking in ["dan", "eve"] {
        check(&mut town, &mut disk, asking, "request ann", r#"denied Untied(Full(OthersAsking), "ann")"#);
    }
    check(&mut town, &mut disk, "ann", "decline bob", "Bob is none");
    check(&mut town, &mut disk, "dan", "request ann", "Ann is asked");
    check(&mut town, &mut disk, "eve", "request ann", "Ann is asked");
    town.check("ann", "now eve is asking");
}

#[test]
fn who_has_said_no_is_not_asked_by_that_one_again() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    check(&mut town, &mut disk, "bob", "request ann", "Ann is asked");
    check(&mut town, &mut disk, "ann", "decline bob", "now bob is asking, Bob is none");
    for words in ["block bob", "unblock bob", "remove bob"] {
        town.does("ann", words);
        disk.writes(&mut town);
    }
    town.check("ann", "Bob is blocked, Bob is none, Bob is none");
    check(&mut town, &mut disk, "bob", "remove ann", "Ann is none");
    check(&mut town, &mut disk, "bob", "request ann", "Ann is asked");
    town.check("ann", "");
    check(&mut town, &mut disk, "ann", "accept bob", r#"denied Untied(NotAsked, "bob")"#);
    check(&mut town, &mut disk, "ann", "request bob", "Bob is friend");
}

#[test]
fn who_comes_is_told_what_others_are_to_them() {
    let (mut town, mut disk) = town(&["ann", "bob", "cyd"]);
    town.does("ann", "request bob");
    town.does("cyd", "request ann");
    town.does("bob", "block cyd");
    disk.writes(&mut town);
    town.disconnect("ann");
    town.settle();
    device(&mut town, "ann", "ann");
    disk.fails(&mut town);
    town.check("ann", "overview [lobby 3 example 0] in []");
    town.check_does("ann", "friends", "denied NotKept");
    town.does("cyd", "join example");
    disk.writes(&mut town);
    town.check("ann", "friend {all:true,asking:[Cyd],asked:[Bob]");
    town.check_does("ann", "friends", "friends [Bob asked, Cyd asking]");
    // Whoever asks before it is known waits.
    device(&mut town, "phone", "cyd");
    town.check_does("phone", "friends", "overview [lobby 2 example 1] in [example 0/0], friends [Ann asked]");
    device(&mut town, "desk", "dan");
    town.check_does("desk", "friends", "overview [lobby 3 example 1] in []");
    disk.writes(&mut town);
    town.check("desk", "friend {all:true, friends []");
}

#[test]
fn a_device_that_could_not_be_told_of_friends_and_asks_hears_what_changes() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    device(&mut town, "phone", "ann");
    disk.fails(&mut town);
    town.settle();
    town.check_does("phone", "friends", "friends []");
    town.does("ann", "request bob");
    disk.takes(&mut town, 9);
    disk.has(&mut town, true);
    town.check("phone", "now Bob is asked");
}

#[test]
fn who_was_deleted_while_others_were_told_of_them_is_nothing_to_them() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    town.does("bob", "request ann");
    disk.writes(&mut town);
    town.settle();
    device(&mut town, "phone", "ann");
    town.does("ann", "block bob");
    disk.takes(&mut town, 9);
    let (bob, mut deliveries) = (NameKey::new(key_of, "bob"), Deliveries::new());
    // Told again of whom it knows to be gone, the hub has nothing to do.
    for _ in 0..2 {
        town.hub.forget(town.now, &bob, &mut deliveries);
        town.hub.forget_ties_to(core::slice::from_ref(&bob), &mut deliveries);
    }
    town.deliver(deliveries);
    town.check("ann", "now bob is none");
    town.settle();
    disk.has(&mut town, true);
    town.check("phone", "friend {all:true,asking:[Bob], now Bob is none, now Bob is none");
    town.check("ann", "Bob is none");
    town.check_does("ann", "friends", "friends []");
    assert!(town.hub.blocks.is_empty());
}

#[test]
fn who_was_told_of_a_friend_is_told_that_they_are_deleted_though_another_device_has_come_since() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    town.does("ann", "request bob");
    disk.writes(&mut town);
    town.settle();
    // The disk knows nobody any more whom the hub knows.
    device(&mut town, "phone", "ann");
    let mut group = Vec::new();
    town.hub.take_appends(9, &mut group);
    let told = || Outcome::Told(Box::new(Told { talks: Vec::new(), ties: Some(Ties::new()) }));
    let settled = group.into_iter().map(|append| append.settle(told())).collect();
    let mut deliveries = Deliveries::new();
    town.hub.settle(town.now, settled, &mut deliveries);
    town.deliver(deliveries);
    town.check("phone", "overview [lobby 2 example 0] in [], friend {all:true");
    let (bob, mut deliveries) = (NameKey::new(key_of, "bob"), Deliveries::new());
    town.hub.forget(town.now, &bob, &mut deliveries);
    town.hub.forget_ties_to(&[bob], &mut deliveries);
    town.deliver(deliveries);
    town.check("ann", "now Bob is none");
    town.check_does("ann", "friends", "friends []");
}

/// What ann hears who writes to bob, in the room that both are in or from anywhere.
fn heard_of_absence(town: &mut Town, disk: &mut Disk, words: &str) -> String {
    town.heard.clear();
    town.does("ann", words);
    let at_once = town.heard.clone();
    disk.writes(town);
    assert_eq!(at_once, town.heard, "it is not asked of the disk");
    town.heard.remove(&town.people["ann"]).unwrap().join(", ")
}

#[test]
fn who_is_blocked_cannot_tell_it_from_absence() {
    for login in ["+++ann", "++ann", "+ann", "ann"] {
        let (mut town, mut disk) = town(&["bob", "cyd"]);
        town.connect("ann").unwrap();
        town.does("ann", &format!("login {login}"));
        disk.writes(&mut town);
        let is_device = login.starts_with("++");
        let words = if is_device { "postto bob psst" } else { "enter example" };
        town.does("ann", words);
        town.does("bob", "join example");
        disk.writes(&mut town);
        if !is_device {
            town.does("ann", "postto bob psst");
            disk.writes(&mut town);
        }
        assert!(town.heard[&town.people["bob"]].contains(&"ann whispers psst".to_string()), "{login}");
        town.does("bob", "block ann");
        disk.writes(&mut town);
        town.settle();
        let blocked = heard_of_absence(&mut town, &mut disk, "postto bob psst");
        town.check("bob", "");
        let absent = heard_of_absence(&mut town, &mut disk, "postto eve psst");
        assert_eq!(blocked.replace("bob", "eve"), absent, "{login}");
        assert!(absent.starts_with("denied Not"), "{absent}");
        // Also when nobody is there by whom the hub could know it, and after a start.
        town.disconnect("bob");
        assert_eq!(heard_of_absence(&mut town, &mut disk, "postto bob psst"), blocked);
        town.does("cyd", "postto ann hello");
        check(&mut town, &mut disk, "cyd", "block ann", "said, cyd whispers hello, Ann is blocked");
    }
}

#[test]
fn who_is_blocked_asks_for_ever_and_is_seen_when_that_ends() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    check(&mut town, &mut disk, "ann", "block bob", "Bob is blocked");
    check(&mut town, &mut disk, "bob", "request ann", "Ann is asked");
    town.check("ann", "");
    check(&mut town, &mut disk, "ann", "unblock bob", "Bob is asking");
    town.check("bob", "");
    check(&mut town, &mut disk, "ann", "decline bob", "Bob is none");
    check(&mut town, &mut disk, "bob", "request ann", "Ann is asked");
    town.check("ann", "");
    check(&mut town, &mut disk, "ann", "request bob", "Bob is friend");
    town.check("bob", "now ann is friend");
    check(&mut town, &mut disk, "bob", "block ann", "Ann is blocked");
    town.check("ann", "now bob is none");
}

#[test]
fn a_friend_who_is_not_there_is_written_to_and_nobody_else_is() {
    let (mut town, mut disk) = town(&["ann", "bob", "cyd"]);
    town.does("ann", "request bob");
    disk.writes(&mut town);
    town.does("bob", "accept ann");
    disk.writes(&mut town);
    for gone in ["bob", "cyd"] {
        town.disconnect(gone);
    }
    town.settle();
    town.check_does("ann", "postto cyd psst", r#"denied NotHere("cyd")"#);
    check(&mut town, &mut disk, "ann", "postto BOB psst", "said, ann whispers psst");
    // By a device without friends it is as ever, and by one that just came as soon as it is known who is one.
    town.connect("old").unwrap();
    town.does("old", "login ++ann");
    disk.writes(&mut town);
    town.settle();
    town.check_does("old", "postto bob psst", r#"denied NotHere("bob")"#);
    town.disconnect("ann");
    town.connect("phone").unwrap();
    town.does("phone", "login +++ann");
    town.settle();
    town.check_does("phone", "postto bob psst", "");
    town.check_does("old", "postto bob psst", r#"denied NotHere("bob")"#);
    disk.writes(&mut town);
    town.check("phone", "friend {all:true,friends:[Bob], said, ann whispers psst");
}

#[test]
fn a_friend_who_is_in_another_room_hears_what_is_said_to_them_in_one() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    town.does("ann", "request bob");
    disk.writes(&mut town);
    town.does("bob", "accept ann");
    disk.writes(&mut town);
    town.disconnect("bob");
    town.login("bob");
    town.does("bob", "create den");
    town.does("ann", "join example");
    disk.writes(&mut town);
    town.does("bob", "enter den");
    town.settle();
    check(&mut town, &mut disk, "ann", "posttoin example bob psst", "said, ann whispers psst");
    town.check("bob", "ann whispers psst");
}

#[test]
fn what_is_said_while_it_ends_is_kept_by_what_is_so_on_the_disk() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    town.does("bob", "block ann");
    town.does("ann", "postto bob psst");
    disk.writes(&mut town);
    town.check("ann", r#"said, refused NotHere("bob")"#);
    town.check("bob", "Ann is blocked");
    town.does("bob", "unblock ann");
    disk.writes(&mut town);
    // When nothing is on its way, what is in memory is enough.
    town.check_does("ann", "postto bob psst", "said");
    let mut group = Vec::new();
    town.hub.take_appends(9, &mut group);
    assert!(matches!(group[0].entry(), Entry::Message(message) if message.consent == Consent::Given));
}

#[test]
fn who_writes_to_a_friend_who_is_deleted_is_told_that_they_are_not_there() {
    let (mut town, _) = town(&["ann", "bob"]);
    town.does("ann", "postto bob psst");
    let mut group = Vec::new();
    town.hub.take_appends(9, &mut group);
    let settled = group.into_iter().map(|append| append.settle(Outcome::Absent)).collect();
    let mut deliveries = Deliveries::new();
    town.hub.settle(town.now, settled, &mut deliveries);
    town.deliver(deliveries);
    town.check("ann", r#"said, refused NotHere("bob")"#);
}

#[test]
fn whose_account_is_deleted_is_nothing_to_anybody() {
    let (mut town, mut disk) = town(&["ann", "bob", "cyd"]);
    town.does("ann", "request bob");
    town.does("cyd", "block ann");
    disk.writes(&mut town);
    town.settle();
    let mut deliveries = Deliveries::new();
    let ann = NameKey::new(key_of, "ann");
    town.hub.forget(town.now, &ann, &mut deliveries);
    town.hub.forget_ties_to(&[ann], &mut deliveries);
    town.deliver(deliveries);
    town.check("ann", "farewell Disabled");
    town.check("bob", "now ann is none");
    town.check("cyd", "now Ann is none");
    town.check_does("bob", "friends", "friends []");
}
