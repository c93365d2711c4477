//! What who is in many rooms is told of private conversations and friends, over the disk.

use alloc::boxed::Box;

use super::*;
use crate::hub::{Bond, Entry, Extent, Memory, Outcome, Side, Tied, Told, Untied};
use crate::message::friend::Tie;
use crate::message::rooms::Talk;

const HELLO: &str = r#"{"type":"hello","proto":1,"caps":["friends","multi","ack","history"]}"#;

fn user(name: &str) -> Account {
    Account::new(|name| name.to_lowercase(), UserName::parse(name).unwrap()).unwrap()
}

fn friend(op: &str, rid: &str) -> String {
    format!(r#"{{"type":"friend","rid":"{rid}","data":{{"op":"{op}","user":"bob"}}}}"#)
}

impl Stage {
    /// A connection whose hub keeps what is said, on which nobody has logged in yet.
    fn that_remembers(limits: Limits) -> Self {
        let mut stage = Self::before_handshake(limits.clone());
        let key_of: KeyFn = |name| name.to_lowercase();
        let look_of: LookFn = |name| Ok(name.to_lowercase());
        let rules = Rules {
            limits: limits.clone(),
            registration: Registration::Open,
            history: true,
            key_of,
            look_of,
        };
        stage.conn = Conn::new(stage.now, Arc::new(rules));
        stage.hub =
            Hub::new(stage.now, limits, key_of, look_of, &[]).with_history(stage.now, Memory::default());
        stage.id = stage.hub.connect(&mut Deliveries::new()).unwrap();
        stage.tell(Input::Secured);
        stage
    }

    /// The same, in the hall.
    fn in_the_hall(limits: Limits) -> Self {
        let mut stage = Self::that_remembers(limits);
        stage.say(HELLO);
        stage.say(LOGIN);
        stage.verified();
        stage.check("hello ok, ask, login ok, rooms ok");
        stage.writes(true);
        stage.check("friend ok");
        stage
    }

    /// Has a disk write what there is: a friend is whoever is asked for, and there is one conversation. Or it has failed.
    fn writes(&mut self, is_written: bool) {
        let mut group = Vec::new();
        self.hub.take_appends(usize::MAX, &mut group);
        let settled = group.into_iter().map(|append| {
            let friends = Side { tie: Tie::Friend, has_declined: false };
            let outcome = match append.entry() {
                _ if !is_written => Outcome::Failed,
                Entry::Telling(telling) => Outcome::Told(Box::new(Told {
                    talks: Vec::new(),
                    ties: telling.with_ties.then(Default::default),
                })),
                Entry::PeerRead(read) => {
                    Outcome::PeerRead(Extent { peer: read.name.clone(), seq: read.seq.min(2), is_news: true })
                }
                Entry::Tying(tying) if tying.name.as_str() == "nobody" => Outcome::Untied(Untied::Unknown),
                Entry::Tying(_) => Outcome::Tied(Box::new(Tied {
                    other: user("Bob"),
                    before: Bond::default(),
                    after: Bond { own: friends, other: friends },
                })),
                Entry::Room(_) | Entry::Message(_) | Entry::Place(_) => panic!("nobody asked for that"),
            };
            append.settle(outcome)
        });
        let settled = settled.collect();
        let mut deliveries = Deliveries::new();
        self.hub.settle(self.now, settled, &mut deliveries);
        for (_, mail) in deliveries.into_iter().filter(|(to, _)| *to == self.id) {
            self.mailbox.push(mail);
        }
        self.run();
    }
}

#[test]
fn what_becomes_of_two_is_answered_when_the_disk_has_it_and_in_its_place() {
    let mut stage = Stage::in_the_hall(Limits::default());
    stage.say_all(&[&friend("request", "1"), r#"{"type":"friend","rid":"2","data":{"op":"list"}}"#]);
    stage.check("");
    stage.writes(true);
    stage.check("friend ok \"1\", friend ok \"2\"");
    stage.say(&friend("block", "3"));
    stage.writes(false);
    stage.check("friend busy \"3\"");
    stage.say(r#"{"type":"friend","rid":"4","data":{"op":"request","user":"nobody"}}"#);
    stage.writes(true);
    stage.check("friend no_such_user \"4\"");
    // What another is now carries no `rid` when nobody asked.
    stage.tell(Input::Mail(Mail::Tied(UserName::parse("bob").unwrap(), Tie::Asking)));
    stage.check("friend ok");
}

#[test]
fn how_far_is_read_with_somebody_is_answered_when_the_disk_has_it() {
    let mut stage = Stage::in_the_hall(Limits::default());
    stage.say(r#"{"type":"read","rid":"1","data":{"peer":"bob","seq":9}}"#);
    stage.check("");
    stage.writes(true);
    stage.check("read ok \"1\"");
    stage.say(r#"{"type":"read","rid":"2","data":{"peer":"b b","seq":9}}"#);
    stage.check("read name_invalid \"2\"");
}

#[test]
fn who_changes_friends_too_fast_is_answered_later_and_who_lists_them_is_refused() {
    let limits = Limits { move_rate: 1, move_burst: 1, list_rate: 1, list_burst: 1, ..Limits::default() };
    let mut stage = Stage::in_the_hall(limits);
    stage.say_all(&[&friend("request", "1"), &friend("remove", "2"), &friend("block", "3")]);
    for rid in ["1", "2"] {
        stage.writes(true);
        stage.check(&format!("friend ok {rid:?}"));
    }
    stage.writes(true);
    stage.check("");
    stage.wait(1_000);
    stage.writes(true);
    stage.check("friend ok \"3\"");
    stage.wait(10_000);
    let list = r#"{"type":"friend","data":{"op":"list"}}"#;
    stage.say_all(&[list, list]);
    stage.check("friend ok, friend rate_limited");
}

#[test]
fn to_who_was_not_granted_friends_there_are_none() {
    for caps in [r#""friends","ack","history""#, r#""multi","ack","history""#] {
        let mut stage = Stage::that_remembers(Limits::default());
        stage.say(&format!(r#"{{"type":"hello","proto":1,"caps":[{caps}]}}"#));
        stage.say(LOGIN);
        stage.verified();
        stage.log.clear();
        stage.writes(true);
        stage.say(&friend("request", "1"));
        stage.check("error unknown_type \"1\"");
    }
}

#[test]
fn many_conversations_are_told_behind_the_rooms() {
    let mut stage = Stage::in_the_hall(Limits { list_bytes_max: 4096, ..Limits::default() });
    let talk = |number| Talk { peer: user(&format!("u{number}")).name, last: 9, read: 7 };
    stage.say(r#"{"type":"rooms","rid":"1"}"#);
    stage.check("rooms ok \"1\"");
    let mut group = Vec::new();
    stage.hub.take_appends(9, &mut group);
    let told = Told { talks: (0..100).map(talk).collect(), ties: None };
    let settled = group.into_iter().map(|append| append.settle(Outcome::Told(Box::new(told.clone()))));
    let settled = settled.collect();
    let mut deliveries = Deliveries::new();
    stage.hub.settle(stage.now, settled, &mut deliveries);
    for (_, mail) in deliveries {
        stage.mailbox.push(mail);
    }
    stage.run();
    stage.check("rooms ok, rooms ok, rooms ok, rooms ok");
}
