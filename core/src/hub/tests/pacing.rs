//! Who is told of a change, and when.

use super::*;

#[test]
fn the_first_change_is_shown_at_once_to_all_but_who_made_it() {
    let mut town = Town::of(Limits::default(), &["ann", "bob"]);
    town.does_and_shows("ann", "create den");
    // A reply without a list leaves its receiver as curious as the others.
    town.check("ann", r#"created den, push {"lobby":["ann","bob"],"example":[],"den":[]}"#);
    town.check("bob", r#"push {"lobby":["ann","bob"],"example":[],"den":[]}"#);

    town.settle();
    town.does_and_shows("ann", "enter den");
    town.check("ann", "entered den [den: ann]");
    town.check("bob", r#"push {"lobby":["bob"],"example":[],"den":["ann"]}"#);
    town.wait(HOUR);
    town.check("ann", "");
    town.check("bob", "");
}

#[test]
fn further_changes_are_merged_into_one_list_after_250_ms_and_the_last_state_arrives() {
    let mut town = Town::of(Limits::default(), &["ann", "bob"]);
    town.does_and_shows("ann", "enter example");
    town.check("bob", r#"push {"lobby":["bob"],"example":["ann"]}"#);
    for words in ["exit", "enter example", "exit", "logout"] {
        town.wait(60);
        town.does_and_shows("ann", words);
    }
    town.check("bob", "");
    town.wait(9);
    town.check("bob", "");
    town.wait(1);
    town.check("bob", r#"push {"lobby":["bob"],"example":[]}"#);
    assert_eq!(town.hub.deadline(), None);
}

#[test]
fn who_asked_in_the_meantime_is_not_told_again() {
    let mut town = Town::of(Limits::default(), &["ann", "bob", "eve"]);
    town.does_and_shows("ann", "enter example");
    town.does("ann", "exit");
    town.heard.clear();
    town.check_does("bob", "list", "listed [lobby: bob eve ann; example:]");
    town.wait(HOUR);
    town.check("bob", "");
    town.check("ann", "");
    town.check("eve", r#"push {"lobby":["bob","eve","ann"],"example":[]}"#);
}

#[test]
fn a_list_that_was_overtaken_while_it_was_encoded_is_not_delivered() {
    let mut town = Town::of(Limits::default(), &["ann", "bob", "eve"]);
    town.does("ann", "enter example");
    let old = town.hub.poll_bulletin(town.now).unwrap();
    town.does("eve", "enter example");
    town.check_does("bob", "list", "listed [lobby: bob; example: ann eve]");
    town.check("eve", "entered example [example: ann eve]");
    town.publish(&old);
    town.check("bob", "");
    town.check("eve", "");
    town.wait(HOUR);
    town.check("bob", "");
    town.check("eve", "");
    town.check("ann", r#"entered example [example: ann], push {"example":["ann","eve"]}"#);
}

#[test]
fn a_list_that_was_encoded_before_somebody_came_is_not_for_them() {
    let mut town = Town::of(Limits::default(), &["ann", "bob", "eve"]);
    town.does("ann", "enter example");
    town.does("eve", "enter example");
    town.heard.clear();
    let lists = [town.hub.poll_bulletin(town.now).unwrap(), town.hub.poll_bulletin(town.now).unwrap()];
    town.does("eve", "exit");
    town.does("bob", "enter example");
    for old in &lists {
        town.publish(old);
    }
    town.check("eve", "left example [lobby: bob eve; example: ann]");
    town.check("bob", "entered example [example: ann bob]");
    town.wait(HOUR);
    town.check("eve", r#"push {"lobby":["eve"],"example":["ann","bob"]}"#);
    town.check("bob", "");
}

#[test]
fn nothing_is_due_where_nobody_is_left_to_see_it() {
    let mut town = Town::of(Limits::default(), &["ann"]);
    town.does("ann", "enter example");
    town.does("ann", "exit");
    town.check("ann", "entered example [example: ann], left example [lobby: ann; example:]");
    town.disconnect("ann");
    assert!(town.hub.poll_bulletin(town.now).is_none());
    assert_eq!(town.hub.deadline(), None);
}

#[test]
fn a_large_list_comes_as_seldom_as_one_connection_may_be_sent_it() {
    // At 10 bytes a second, each byte of a list costs 100 ms.
    let limits = Limits { presence_connection_bytes_per_second: 10, ..Limits::default() };
    let mut town = Town::of(limits, &["ann", "bob", "eve"]);
    for person in ["ann", "bob"] {
        town.does(person, "enter example");
    }
    town.settle();
    town.does_and_shows("eve", "enter example");
    town.check("ann", r#"push {"example":["ann","bob","eve"]}"#);
    let frame_bytes =
        PREFIX_BYTES + r#"{"type":"list_room","status":"ok","data":{"example":["ann","bob","eve"]}}"#.len();
    let pace = u64::try_from(frame_bytes * 100).unwrap();
    town.does("eve", "exit");
    town.wait(pace - 1);
    town.check("ann", "");
    town.wait(1);
    town.check("ann", r#"push {"example":["ann","bob"]}"#);
}

#[test]
fn what_changes_while_a_list_is_encoded_waits_its_turn_after_that_list() {
    let limits = Limits { presence_connection_bytes_per_second: 10, ..Limits::default() };
    let mut town = Town::of(limits, &["ann", "bob"]);
    town.does("ann", "enter example");
    let list = town.hub.poll_bulletin(town.now).unwrap();
    town.does("ann", "exit");
    assert!(town.hub.poll_bulletin(town.now).is_none());
    town.publish(&list);
    town.check("bob", r#"push {"lobby":["bob"],"example":["ann"]}"#);
    let frame_bytes = list_bytes(&list.encode(town.limits.list_bytes_max));
    town.wait(u64::try_from(frame_bytes * 100).unwrap() - 1);
    town.check("bob", "");
    town.wait(1);
    town.check("bob", r#"push {"lobby":["bob","ann"],"example":[]}"#);
}

#[test]
fn all_lists_together_are_rationed_too() {
    let limits = Limits { presence_total_bytes_per_second: 100, ..Limits::default() };
    let mut town = Town::of(limits, &["ann", "bob", "eve"]);
    town.does_and_shows("ann", "enter example");
    let list = r#"{"lobby":["bob","eve"],"example":["ann"]}"#;
    town.check("bob", &format!("push {list}"));
    let frame_bytes = PREFIX_BYTES + r#"{"type":"list","status":"ok","data":}"#.len() + list.len();
    // Two have got it, and half of the budget is for those whose lists cost much.
    let paid_ms = u64::try_from(2 * frame_bytes * 20).unwrap();
    town.does("ann", "exit");
    town.wait(paid_ms - 1);
    town.check("bob", "");
    town.wait(1);
    town.check("bob", r#"push {"lobby":["bob","eve","ann"],"example":[]}"#);
}

#[test]
fn a_list_is_paid_for_by_those_who_got_it_whatever_else_is_delivered_with_it() {
    let limits = Limits { presence_total_bytes_per_second: 100, ..Limits::default() };
    let mut town = Town::of(limits, &["ann", "bob"]);
    let mut deliveries = Deliveries::new();
    for _ in 0..10 {
        town.hub.apply(town.now, town.people["bob"], command("bob", "say hi"), &mut deliveries);
    }
    town.does("ann", "enter example");
    let list = town.hub.poll_bulletin(town.now).expect("bob sees it");
    let print = list.encode(town.limits.list_bytes_max);
    let paid_ms = u64::try_from(list_bytes(&print) * 20).unwrap();
    town.hub.publish(town.now, print, &mut deliveries);
    town.does("ann", "exit");
    town.wait(paid_ms - 1);
    town.check("bob", "");
    town.wait(1);
    town.check("bob", r#"push {"lobby":["bob","ann"],"example":[]}"#);
}

#[test]
fn a_crowded_lobby_does_not_silence_two_people_in_a_room() {
    // A list for the crowd takes more than a second, one for two people less than the 250 ms between any two.
    let limits = Limits { presence_total_bytes_per_second: 2_000, ..Limits::default() };
    let crowd = ["ann", "bob", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"];
    let mut town = Town::of(limits, &crowd);
    for words in ["create den", "enter den"] {
        town.does("ann", words);
    }
    town.settle();
    town.does_and_shows("p9", "logout");
    assert!(!town.heard[&town.people["p1"]].is_empty(), "the first change is shown at once");
    town.heard.clear();
    town.does_and_shows("bob", "enter den");
    town.check("ann", r#"push {"den":["ann","bob"]}"#);
    town.wait(1_000);
    town.check("p1", "");
    town.wait(HOUR);
    assert!(!town.heard[&town.people["p1"]].is_empty(), "and the last state arrives");
}

#[test]
fn who_saw_a_change_in_an_answer_is_not_shown_it() {
    let mut town = Town::of(Limits::default(), &["ann"]);
    town.does("ann", "enter example");
    assert!(town.hub.poll_bulletin(town.now).is_none());
    town.login("bob");
    town.check("bob", "logged in [lobby: bob; example: ann]");
    assert!(town.hub.poll_bulletin(town.now).is_none());
    assert_eq!(town.hub.deadline(), None);
}
