//! Logins that last: who has come by one that ends is told so.

use super::places::{device, town};
use super::*;
use crate::message::logins::GrantId;

/// Ann at a desk, by login 1, and with a phone, by login 2; and bob by login 3.
fn logged_in() -> Town {
    let (mut town, _) = town(&[]);
    device(&mut town, "desk", "ann by 1");
    device(&mut town, "phone", "ann by 2");
    device(&mut town, "bob", "bob by 3");
    town.settle();
    town
}

#[test]
fn who_has_come_by_a_login_that_another_device_ends_is_told_so() {
    let mut town = logged_in();
    town.check_does("phone", "end 1", "");
    town.check("desk", "farewell Ended");
    town.check_does("desk", "rooms", "");
    // Nobody's but one's own.
    town.does("phone", "end 3");
    town.check("bob", "");
    town.check("phone", "");
}

#[test]
fn so_is_one_who_is_in_one_room_at_a_time() {
    let mut town = logged_in();
    town.connect("window").unwrap();
    town.does("window", "login ann by 4");
    town.does("window", "enter example");
    town.settle();
    town.does("phone", "end 4");
    town.check("window", "farewell Ended");
    town.check_does("phone", "people example", "people [example:]");
}

#[test]
fn a_login_that_is_ended_while_it_is_on_its_way_leads_nowhere() {
    let mut town = logged_in();
    town.connect("late").unwrap();
    town.does("phone", "end 5");
    town.check_does("late", "login ++ann by 5", "farewell Ended");
    town.check_does("late", "rooms", "");
    assert_eq!(town.hub.grants().len(), 3);
    // What one says has ended is nothing to another.
    town.does("phone", "end 6");
    town.connect("other").unwrap();
    town.does("other", "login bob by 6");
    town.check("other", "logged in [lobby: ann bob; example:]");
}

#[test]
fn a_number_that_is_of_no_login_yet_shuts_nobody_out() {
    let mut town = logged_in();
    town.does("phone", "ended 5");
    town.connect("late").unwrap();
    town.does("late", "login ++ann by 5");
    assert_eq!(town.hub.grants().len(), 4);
    town.settle();
    // Whoever is here by one that had ended before goes all the same.
    town.does("phone", "ended 5");
    town.check("late", "farewell Ended");
}

#[test]
fn what_a_login_was_that_is_logged_out_of_does_not_matter_any_more() {
    let mut town = logged_in();
    town.does("desk", "logout");
    town.does("desk", "login ++ann");
    town.settle();
    town.does("phone", "end 1");
    town.check("desk", "");
    assert_eq!(town.hub.grants(), [GrantId(2), GrantId(3)]);
}

#[test]
fn whatever_ended_them_on_the_disk_all_who_came_by_them_are_told() {
    let mut town = logged_in();
    let mut deliveries = Deliveries::new();
    assert_eq!(town.hub.grants(), [GrantId(1), GrantId(2), GrantId(3)]);
    town.hub.end_logins(town.now, &[GrantId(2), GrantId(3), GrantId(9)], &mut deliveries);
    town.deliver(deliveries);
    town.check("desk", "");
    town.check("phone", "farewell Ended");
    town.check("bob", "farewell Ended");
    assert_eq!(town.hub.grants(), [GrantId(1)]);
}

#[test]
fn of_many_logins_that_ended_the_last_are_remembered() {
    let mut town = logged_in();
    for id in 1000..2000 {
        town.does("phone", &format!("end {id}"));
    }
    town.connect("late").unwrap();
    town.check_does("late", "login ++ann by 1999", "farewell Ended");
    town.connect("later").unwrap();
    town.does("later", "login ++ann by 1000");
    assert_eq!(town.hub.grants().len(), 4);
}
