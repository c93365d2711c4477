//! In many rooms at once, where one thing is on its way while another happens.

use super::keeping::Disk;
use super::places::{check, device, msg, town};
use super::*;

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
