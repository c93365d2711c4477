//! In many rooms at once, where one thing is on its way while another happens.

use super::keeping::Disk;
use super::places::{check, town};
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
