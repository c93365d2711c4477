//! Private conversations, which the disk alone knows all of.

use super::places::{check, device, town};
use super::*;
use crate::message::rooms::Talk;

fn talk(peer: &str, read: u64, last: u64) -> Talk {
    Talk { peer: UserName::parse(peer).unwrap(), last, read }
}

/// As a device is told of it.
const WITH_BOB: &str = "rooms {peers:[{peer:Bob,last:7,read:5}]";

#[test]
fn who_comes_is_told_their_private_conversations_once_the_disk_has_looked() {
    let (mut town, mut disk) = town(&["ann"]);
    disk.talks = Vec::from([talk("Bob", 5, 7)]);
    device(&mut town, "phone", "ann");
    town.check("phone", "overview [lobby 1 example 0] in []");
    disk.writes(&mut town);
    town.check("phone", WITH_BOB);
    check(&mut town, &mut disk, "phone", "rooms", &format!("overview [lobby 1 example 0] in [], {WITH_BOB}"));
    // However often it asks before that: one look will do.
    let pending = town.hub.pending_appends();
    for _ in 0..3 {
        town.does("phone", "rooms");
    }
    assert_eq!(town.hub.pending_appends(), pending + 1);
    disk.writes(&mut town);
    assert_eq!(
        town.heard.remove(&town.people["phone"]).unwrap().iter().filter(|told| *told == WITH_BOB).count(),
        1
    );
}

#[test]
fn who_has_no_private_conversation_is_told_nothing() {
    let (mut town, mut disk) = town(&["ann"]);
    check(&mut town, &mut disk, "ann", "rooms", "overview [lobby 1 example 0] in []");
}

#[test]
fn what_could_not_be_looked_up_is_looked_up_when_the_disk_does_anything() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    disk.writes(&mut town);
    disk.talks = Vec::from([talk("Bob", 5, 7)]);
    device(&mut town, "phone", "ann");
    town.settle();
    disk.fails(&mut town);
    assert!(!town.hub.calls_writer(), "a disk that fails is not asked again and again");
    town.check("phone", "");
    town.does("bob", "join example");
    disk.writes(&mut town);
    town.check("phone", WITH_BOB);
}

#[test]
fn what_could_not_be_looked_up_is_looked_up_when_its_device_asks() {
    let (mut town, mut disk) = town(&["ann"]);
    disk.writes(&mut town);
    disk.talks = Vec::from([talk("Bob", 5, 7)]);
    device(&mut town, "phone", "ann");
    disk.fails(&mut town);
    town.settle();
    town.check_does("phone", "rooms", "overview [lobby 1 example 0] in []");
    disk.writes(&mut town);
    town.check("phone", WITH_BOB);
    assert_eq!(town.hub.pending_appends(), 0);
}

#[test]
fn nobody_is_told_what_another_has_who_was_there_before() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    disk.writes(&mut town);
    disk.talks = Vec::from([talk("Cyd", 5, 7)]);
    device(&mut town, "phone", "ann");
    disk.takes(&mut town, 9);
    town.does("phone", "logout");
    town.does("phone", "login ++bob");
    town.settle();
    disk.has(&mut town, true);
    town.check("phone", "");
    disk.fails(&mut town);
    town.does("phone", "logout");
    town.does("phone", "login bob");
    town.settle();
    town.does("ann", "join example");
    disk.writes(&mut town);
    town.check("phone", "");
}

#[test]
fn what_is_read_in_private_is_durable_first_and_then_the_other_devices_hear_of_it() {
    let (mut town, mut disk) = town(&["ann", "bob"]);
    disk.writes(&mut town);
    disk.talks = Vec::from([talk("Bob", 5, 7)]);
    device(&mut town, "phone", "ann");
    disk.writes(&mut town);
    town.settle();
    town.check_does("ann", "readpeer bob 6", "");
    disk.fails(&mut town);
    town.check("ann", "denied NotKept");
    town.check("phone", "");
    check(&mut town, &mut disk, "ann", "readpeer bob 6", "read @Bob 6");
    town.check("phone", "read {peer:Bob,seq:6");
    // It never goes back, nor beyond the last message; who knows that already is not told.
    check(&mut town, &mut disk, "ann", "readpeer BOB 2", "read @Bob 6");
    town.check("phone", "");
    check(&mut town, &mut disk, "phone", "readpeer bob 9", "read @Bob 7");
    town.check("ann", "read {peer:Bob,seq:7");
    check(&mut town, &mut disk, "ann", "readpeer nobody 3", "read @nobody 0");
    town.check("bob", "");
}

#[test]
fn what_a_device_says_in_private_is_read_by_its_author() {
    let (mut town, _) = town(&["ann"]);
    town.login("bob");
    town.does("bob", "enter example");
    for (author, is_read) in [("ann", true), ("bob", false)] {
        town.hub.take_appends(9, &mut Vec::new());
        town.does(author, &format!("postto {author} note"));
        let mut group = Vec::new();
        town.hub.take_appends(9, &mut group);
        let [append] = &group[..] else { panic!("{} appends", group.len()) };
        assert!(matches!(append.entry(), Entry::Message(message) if message.is_read_by_author == is_read));
    }
}
