//! Who is here, and what they say of themselves.

use super::keeping::Disk;
use super::places::check;
use super::*;

/// These are told who is here, each by a device, and nobody is anything to anybody yet.
fn town(people: &[&str]) -> (Town, Disk) {
    let limits = Limits { message_rate: 0, status_rate: 1, status_burst: 4, ..Limits::default() };
    let mut town = Town::that_remembers(limits, &[]);
    let mut disk = Disk::new();
    for person in people {
        device(&mut town, person, person);
    }
    disk.writes(&mut town);
    town.settle();
    (town, disk)
}

/// Ann and Bob, who are friends.
fn friends() -> (Town, Disk) {
    let (mut town, mut disk) = town(&["ann", "Bob"]);
    befriend(&mut town, &mut disk);
    (town, disk)
}

fn befriend(town: &mut Town, disk: &mut Disk) {
    town.does("ann", "request bob");
    town.does("Bob", "accept ann");
    disk.writes(town);
    town.settle();
}

/// A device of somebody that is told who is here.
fn device(town: &mut Town, device: &str, person: &str) {
    town.connect(device).unwrap();
    // The disk begins each name with a large letter.
    let (first, rest) = person.split_at(1);
    town.does(device, &format!("login ++++{}{rest}", first.to_uppercase()));
}

fn told(user: &str, state: &str) -> String {
    format!("presence {{users:[{{user:{user},state:{state}}}]")
}

#[test]
fn what_somebody_says_of_themselves_is_told_to_their_friends_and_to_their_other_devices() {
    let (mut town, mut disk) = friends();
    device(&mut town, "phone", "ann");
    town.connect("old").unwrap();
    town.does("old", "login +++Bob");
    disk.writes(&mut town);
    town.settle();
    town.does("ann", "away lunch");
    town.check("ann", "is Ann away (lunch)");
    town.check("phone", "here [Ann away (lunch)]");
    town.check("Bob", "");
    town.show();
    town.check("Bob", "presence {users:[{user:Ann,state:away,text:lunch}]");
    // Who was not granted it hears nothing of it, and who says the same again is answered alone.
    town.check("old", "");
    town.wait(1_000);
    town.check_does("phone", "away lunch", "is Ann away (lunch)");
    town.settle();
    town.does("phone", "online");
    town.wait(1_000);
    town.check("phone", "is Ann online");
    town.check("ann", "here [Ann online]");
    town.check("Bob", &told("Ann", "online"));
}

#[test]
fn who_logs_in_is_told_which_friends_are_here_and_what_they_say_of_themselves() {
    let (mut town, mut disk) = friends();
    town.does("ann", "busy");
    town.settle();
    device(&mut town, "tablet", "Bob");
    disk.writes(&mut town);
    town.check(
        "tablet",
        "overview [lobby 2 example 0] in [], friend {all:true,friends:[Ann], here [Ann busy]",
    );
    device(&mut town, "phone", "ann");
    disk.writes(&mut town);
    town.check(
        "phone",
        "overview [lobby 2 example 0] in [], friend {all:true,friends:[Bob], here [Ann busy, Bob online]",
    );
    // Who asks for friends again is told these alone.
    town.check_does("phone", "friends", "friends [Bob friend]");
    for connection in ["Bob", "tablet"] {
        town.disconnect(connection);
    }
    device(&mut town, "laptop", "cyd");
    disk.writes(&mut town);
    town.check("laptop", "overview [lobby 2 example 0] in [], friend {all:true");
}

#[test]
fn a_friend_is_here_while_any_connection_is_and_what_they_said_ends_with_the_last() {
    let (mut town, _) = friends();
    town.connect("original").unwrap();
    town.does("original", "login Bob");
    town.does("Bob", "away");
    town.wait(1_000);
    town.check("ann", &told("Bob", "away"));
    town.disconnect("Bob");
    town.settle();
    town.does("original", "enter example");
    town.settle();
    town.disconnect("original");
    town.wait(1_000);
    let heard = town.heard.remove(&town.people["ann"]).unwrap();
    assert_eq!(heard.iter().filter(|line| line.starts_with("presence")).count(), 1);
    assert!(heard.contains(&told("Bob", "offline")));
    town.settle();
    // By an original client too, and with nothing that they said before.
    town.connect("original").unwrap();
    town.does("original", "login Bob");
    town.wait(1_000);
    assert!(town.heard[&town.people["ann"]].contains(&told("Bob", "online")));
}

#[test]
fn a_first_change_is_told_at_once_and_of_further_ones_the_last() {
    let (mut town, _) = friends();
    town.does_and_shows("ann", "away");
    town.check("Bob", &told("Ann", "away"));
    town.does_and_shows("ann", "busy");
    town.does_and_shows("ann", "online");
    town.does_and_shows("ann", "away");
    town.wait(249);
    town.check("Bob", "");
    town.wait(1);
    town.check("Bob", &told("Ann", "away"));
    town.wait(HOUR);
    town.check("Bob", "");
}

#[test]
fn who_says_too_often_how_they_are_is_told_so_also_after_a_new_login() {
    let (mut town, mut disk) = friends();
    for state in ["away", "busy", "away", "busy"] {
        town.does("ann", state);
    }
    town.check("ann", "is Ann away, is Ann busy, is Ann away, is Ann busy");
    town.check_does("ann", "online", "denied PresentsTooOften { retry_ms: 1000 }");
    town.disconnect("ann");
    device(&mut town, "phone", "ann");
    disk.writes(&mut town);
    town.heard.clear();
    town.check_does("phone", "away", "denied PresentsTooOften { retry_ms: 1000 }");
    town.wait(1_000);
    town.heard.clear();
    town.check_does("phone", "away", "is Ann away");
}

#[test]
fn who_watches_a_room_is_told_how_those_are_here_who_are_in_it() {
    let (mut town, mut disk) = town(&["ann", "Bob", "cyd"]);
    town.does("ann", "away lunch");
    check(
        &mut town,
        &mut disk,
        "ann",
        "join example",
        "is Ann away (lunch), joined example 0/0 [example: Ann], presence {users:[{user:Ann,state:away,text:lunch}]",
    );
    check(
        &mut town,
        &mut disk,
        "Bob",
        "join example",
        "joined example 0/0 [example: Ann Bob], presence {users:[{user:Ann,state:away,text:lunch},{user:Bob,state:online}]",
    );
    town.wait(1_000);
    let heard = town.heard.remove(&town.people["ann"]).unwrap().join(", ");
    assert!(
        heard.contains(&format!("roster {{room:example,joined:[Bob], {}", told("Bob", "online"))),
        "{heard}"
    );
    town.settle();
    town.does("Bob", "busy");
    town.wait(1_000);
    town.check("ann", &told("Bob", "busy"));
    // Whoever is not in the room may ask who is, and sees no more than that.
    town.check_does("cyd", "people example", "people [example: Ann Bob]");
    town.check_does("Bob", "people example",
        "is Bob busy, presence {users:[{user:Bob,state:busy}], people [example: Ann Bob], presence {users:[{user:Ann,state:away,text:lunch},{user:Bob,state:busy}]");
    // Who leaves is told nothing of any more.
    town.does("Bob", "part example");
    disk.writes(&mut town);
    town.settle();
    town.does("Bob", "away");
    town.wait(1_000);
    town.check("ann", "");
}

#[test]
fn in_a_room_who_is_blocked_is_seen_and_sees() {
    let (mut town, mut disk) = friends();
    town.does("ann", "join example");
    town.does("Bob", "join example");
    town.does("ann", "block bob");
    disk.writes(&mut town);
    // They see each other there: nobody is told that the other is not here.
    assert!(town.heard[&town.people["Bob"]].iter().all(|line| !line.starts_with("here")));
    town.settle();
    town.does("ann", "away");
    town.wait(1_000);
    town.check("Bob", &told("Ann", "away"));
    town.does("ann", "part example");
    disk.writes(&mut town);
    town.settle();
    town.does("ann", "busy");
    town.wait(1_000);
    town.check("Bob", "");
}

#[test]
fn who_become_friends_are_told_of_each_other_and_who_are_none_any_more_that_the_other_is_gone() {
    let (mut town, mut disk) = town(&["ann", "Bob"]);
    town.does("Bob", "away");
    town.does("ann", "request bob");
    disk.writes(&mut town);
    town.settle();
    town.does("Bob", "accept ann");
    disk.writes(&mut town);
    town.check("Bob", "Ann is friend, here [Ann online]");
    town.check("ann", "now Bob is friend, here [Bob away]");
    town.does("ann", "remove bob");
    disk.writes(&mut town);
    town.check("ann", "Bob is none, here [Bob offline]");
    town.check("Bob", "now Ann is none, here [Ann offline]");
    town.does("ann", "busy");
    town.wait(1_000);
    town.check("Bob", "");
}

#[test]
fn who_is_deleted_is_not_here_any_more() {
    let (mut town, _) = friends();
    let key = NameKey::new(key_of, "Bob");
    let mut deliveries = Deliveries::new();
    town.hub.forget(town.now, &key, &mut deliveries);
    town.hub.forget_ties_to(&[key], &mut deliveries);
    town.deliver(deliveries);
    town.check("ann", "now Bob is none, here [Bob offline]");
}

#[test]
fn where_nobody_is_told_who_is_here_nothing_is_due_for_it() {
    let mut town = Town::of(Limits::default(), &["ann"]);
    assert!(town.hub.deadline().is_none());
    town.does("ann", "away");
    town.check("ann", "is ann away");
    assert!(town.hub.deadline().is_none());
}

fn take_bulletin(town: &mut Town) -> Bulletin {
    town.hub.poll_bulletin(town.now).expect("something has changed")
}

#[test]
fn what_was_taken_before_a_change_and_told_after_it_is_not_the_last_that_is_told() {
    let (mut town, _) = friends();
    town.does("ann", "away");
    let old = take_bulletin(&mut town);
    town.does("ann", "busy");
    // A second one does not overtake the first.
    town.now = town.now + ms(300);
    assert!(town.hub.poll_bulletin(town.now).is_none());
    town.publish(&old);
    town.check("Bob", &told("Ann", "away"));
    town.wait(HOUR);
    town.check("Bob", &told("Ann", "busy"));
}

#[test]
fn what_a_room_is_told_too_late_is_put_right_for_friends_as_well() {
    let (mut town, mut disk) = friends();
    town.does("ann", "join example");
    town.does("Bob", "join example");
    disk.writes(&mut town);
    town.settle();
    town.does("ann", "away");
    let late = [take_bulletin(&mut town), take_bulletin(&mut town)];
    // She leaves the room and says something else; her friends are told that while the room's news is on its way.
    town.does("ann", "part example");
    disk.writes(&mut town);
    town.does("ann", "busy");
    let (room, friends) = if late[0].room().is_some() { (0, 1) } else { (1, 0) };
    town.publish(&late[friends]);
    town.wait(5_000);
    let heard = town.heard.remove(&town.people["Bob"]).unwrap();
    assert_eq!(heard.last(), Some(&told("Ann", "busy")));
    town.publish(&late[room]);
    town.check("Bob", &told("Ann", "away"));
    town.wait(5_000);
    let heard = town.heard.remove(&town.people["Bob"]).unwrap();
    assert!(heard.contains(&told("Ann", "busy")), "{heard:?}");
}

#[test]
fn who_begins_to_follow_while_it_is_told_how_somebody_was_is_told_how_they_are() {
    let (mut town, mut disk) = friends();
    town.does("ann", "away");
    let old = take_bulletin(&mut town);
    // Nobody is left who would have to be told that she is gone.
    town.disconnect("Bob");
    town.disconnect("ann");
    device(&mut town, "tablet", "Bob");
    disk.writes(&mut town);
    town.publish(&old);
    town.wait(HOUR);
    let heard = town.heard.remove(&town.people["tablet"]).unwrap();
    assert!(heard.last().unwrap().contains(&told("Ann", "offline")), "{heard:?}");
}

#[test]
fn who_does_not_know_their_friends_yet_is_not_told_who_is_here() {
    let (mut town, mut disk) = friends();
    town.does("ann", "join example");
    town.does("Bob", "join example");
    disk.writes(&mut town);
    town.settle();
    town.disconnect("Bob");
    device(&mut town, "tablet", "Bob");
    town.does("tablet", "people example");
    // She is gone before it is known that she is a friend, of whom it would have been told.
    town.disconnect("ann");
    town.wait(5_000);
    disk.writes(&mut town);
    town.wait(HOUR);
    let heard = town.heard.remove(&town.people["tablet"]).unwrap();
    assert!(!heard.iter().any(|mail| mail.contains("presence") && mail.contains("Ann")), "{heard:?}");
}
