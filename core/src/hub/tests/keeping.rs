//! Where what is said is kept: nobody hears of it before it is durable.

use super::*;
use crate::message::rooms::Talk;

/// What a disk does, and what it calls things.
pub(super) struct Disk {
    pub(super) seq: u64,
    /// The private conversations that everybody has.
    pub(super) talks: Vec<Talk>,
    /// What those are to each other who are anything, by their keys.
    pub(super) sides: BTreeMap<(String, String), Side>,
    group: Vec<Append>,
}

impl Disk {
    pub(super) fn new() -> Self {
        Self { seq: 0, talks: Vec::new(), sides: BTreeMap::new(), group: Vec::new() }
    }

    /// Takes what there is.
    pub(super) fn takes(&mut self, town: &mut Town, count_max: usize) -> usize {
        town.hub.take_appends(count_max, &mut self.group);
        self.group.len()
    }

    /// Has written what it took; or it has not.
    pub(super) fn has(&mut self, town: &mut Town, is_written: bool) {
        let group = core::mem::take(&mut self.group);
        let settled = group.into_iter().map(|append| {
            let outcome = match append.entry() {
                _ if !is_written => Outcome::Failed,
                Entry::Room(_) => Outcome::Founded,
                Entry::Place(_) => Outcome::Placed,
                Entry::Telling(telling) => Outcome::Told(Box::new(self.told(telling))),
                Entry::Tying(tying) => self.ties(tying),
                Entry::PeerRead(read) => self.reads(read),
                Entry::Message(message) if !self.is_wanted(message) => Outcome::Absent,
                Entry::Message(_) => {
                    self.seq += 1;
                    Outcome::Posted(Posted { seq: self.seq, ts_ms: 7 })
                }
            };
            append.settle(outcome)
        });
        let settled = settled.collect();
        let mut deliveries = Deliveries::new();
        town.hub.settle(town.now, settled, &mut deliveries);
        town.deliver(deliveries);
    }

    fn told(&self, telling: &Telling) -> Told {
        let own = |(from, _): &&(String, String)| from == telling.account.key.as_str();
        let mine = self.sides.keys().filter(own).filter(|both| self.sides[*both].tie != Tie::None);
        let tie = |both: &(String, String)| {
            (NameKey::new(key_of, &both.1), (name_of(&both.1), self.sides[both].tie))
        };
        Told { talks: self.talks.clone(), ties: telling.with_ties.then(|| mine.map(tie).collect()) }
    }

    fn side(&self, own: &str, other: &str) -> Side {
        self.sides.get(&(own.into(), other.into())).copied().unwrap_or_default()
    }

    /// Something becomes of two. Who is called nobody there is not.
    fn ties(&mut self, tying: &Tying) -> Outcome {
        let (own, other) = (tying.account.key.as_str(), tying.other.as_str());
        if other == "nobody" {
            return Outcome::Untied(Untied::Unknown);
        }
        let before = Bond { own: self.side(own, other), other: self.side(other, own) };
        let decided = tying.decide(before, |list| {
            let (whose, tie) = match list {
                List::Friends => (own, Tie::Friend),
                List::OthersFriends => (other, Tie::Friend),
                List::Asked => (own, Tie::Asked),
                List::OthersAsking => (other, Tie::Asking),
                List::Blocked => (own, Tie::Blocked),
            };
            let is_it = |((from, _), side): &(&(String, String), &Side)| from == whose && side.tie == tie;
            Ok::<_, ()>(self.sides.iter().filter(is_it).count())
        });
        let after = match decided.unwrap() {
            Ok(after) => after,
            Err(untied) => return Outcome::Untied(untied),
        };
        self.sides.insert((own.into(), other.into()), after.own);
        self.sides.insert((other.into(), own.into()), after.other);
        let other = Account { name: name_of(other), key: tying.other.clone() };
        Outcome::Tied(Box::new(Tied { other, before, after }))
    }

    fn is_wanted(&self, message: &Message) -> bool {
        let Audience::User(receiver) = &message.audience else { return true };
        let tie = self.side(receiver.key.as_str(), message.author.key.as_str()).tie;
        match message.consent {
            Consent::Given => true,
            Consent::NotBlocked => tie != Tie::Blocked,
            Consent::Friends => tie == Tie::Friend,
        }
    }

    /// One of the conversations there are is read.
    fn reads(&mut self, read: &PeerRead) -> Outcome {
        let talk = self.talks.iter_mut().find(|talk| talk.peer.as_str().to_lowercase() == read.peer.as_str());
        let Some(talk) = talk else {
            return Outcome::PeerRead(Extent { peer: read.name.clone(), seq: 0, is_news: false });
        };
        let seq = read.seq.min(talk.last).max(talk.read);
        let is_news = core::mem::replace(&mut talk.read, seq) < seq;
        Outcome::PeerRead(Extent { peer: talk.peer.clone(), seq, is_news })
    }

    /// Writes all there is.
    pub(super) fn writes(&mut self, town: &mut Town) {
        while self.takes(town, usize::MAX) > 0 {
            self.has(town, true);
        }
    }

    pub(super) fn fails(&mut self, town: &mut Town) {
        self.takes(town, usize::MAX);
        self.has(town, false);
    }
}

/// Names are registered with a large letter.
fn name_of(key: &str) -> UserName {
    UserName::parse(&format!("{}{}", key[..1].to_uppercase(), &key[1..])).unwrap()
}

/// These people in a room.
fn in_a_room(limits: Limits, people: &[&str]) -> Town {
    let mut town = Town::that_remembers(limits, people);
    for person in people {
        town.does(person, "enter example");
    }
    town.settle();
    town
}

#[test]
fn a_message_is_heard_once_it_is_durable() {
    let (mut town, mut disk) = (in_a_room(Limits::default(), &["ann", "bob"]), Disk::new());
    town.check_does("ann", "post hello", "");
    assert!(town.hub.calls_writer() && !town.hub.calls_writer(), "the writer is called once");
    assert_eq!(disk.takes(&mut town, 9), 1);
    town.check("bob", "");
    disk.has(&mut town, true);
    town.check("ann", r#"msg "hello", said"#);
    town.check("bob", r#"msg "hello""#);
}

#[test]
fn what_was_not_written_nobody_hears() {
    let (mut town, mut disk) = (in_a_room(Limits::default(), &["ann", "bob"]), Disk::new());
    town.does("ann", "post hello");
    disk.fails(&mut town);
    town.check("ann", "refused NotKept, said");
    town.check("bob", "");
}

#[test]
fn the_writer_is_called_when_it_has_found_nothing() {
    let (mut town, mut disk) = (in_a_room(Limits::default(), &["ann", "bob"]), Disk::new());
    town.does("ann", "post one");
    assert!(town.hub.calls_writer());
    assert_eq!(disk.takes(&mut town, 9), 1);
    town.does("bob", "post two");
    assert!(!town.hub.calls_writer(), "it is at it");
    disk.has(&mut town, true);
    assert!(!town.hub.calls_writer(), "it looks by itself");
    assert_eq!(disk.takes(&mut town, 9), 1);
    disk.has(&mut town, true);
    assert_eq!(disk.takes(&mut town, 9), 0);
    town.does("bob", "post three");
    assert!(town.hub.calls_writer());
}

#[test]
fn who_leaves_has_heard_what_was_said_before() {
    let (mut town, mut disk) = (in_a_room(Limits::default(), &["ann", "bob"]), Disk::new());
    town.does("ann", "post hello");
    town.check_does("bob", "exit", "");
    town.check_does("ann", "exit", "");
    disk.writes(&mut town);
    town.check("bob", r#"msg "hello", left example [lobby: bob; example: ann]"#);
    town.check("ann", r#"msg "hello", left example [lobby: bob ann; example:], said"#);
}

#[test]
fn who_leaves_does_not_wait_for_what_is_said_after() {
    let (mut town, mut disk) = (in_a_room(Limits::default(), &["ann", "bob"]), Disk::new());
    town.does("ann", "post one");
    disk.takes(&mut town, 9);
    town.does("bob", "exit");
    disk.has(&mut town, true);
    town.does("ann", "post two");
    town.check("bob", r#"msg "one", left example [lobby: bob; example: ann]"#);

    town.does("bob", "enter example");
    town.settle();
    town.does("bob", "exit");
    disk.takes(&mut town, 9);
    town.does("ann", "post three");
    disk.has(&mut town, true);
    town.check("bob", r#"msg "two", left example [lobby: bob; example: ann]"#);
}

#[test]
fn who_leaves_a_room_in_which_nothing_waits_goes_at_once() {
    let (mut town, mut disk) = (in_a_room(Limits::default(), &["ann", "bob"]), Disk::new());
    town.does("ann", "exit");
    town.does("ann", "create den");
    disk.writes(&mut town);
    town.does("ann", "enter den");
    town.settle();
    town.does("bob", "post to all in example");
    town.check_does("ann", "exit", "left den [lobby: ann; example: bob; den:]");
}

#[test]
fn who_is_gone_is_no_hindrance() {
    let (mut town, mut disk) = (in_a_room(Limits::default(), &["ann", "bob"]), Disk::new());
    town.does("ann", "post last words");
    town.does("bob", "exit");
    town.disconnect("ann");
    town.disconnect("bob");
    town.login("cara");
    town.does("cara", "enter example");
    town.settle();
    disk.writes(&mut town);
    town.check("cara", r#"msg "last words""#);
    assert_eq!(town.hub.pending_appends(), 0);
}

#[test]
fn a_room_exists_once_it_is_durable() {
    let (mut town, mut disk) =
        (Town::that_remembers(Limits::default(), &["ann", "bob", "cara"]), Disk::new());
    town.check_does("ann", "create den", "");
    town.check_does("bob", "enter den", r#"denied NoSuchRoom("den")"#);
    town.check_does("bob", "create Den", "");
    town.check_does("cara", "create cave", "");
    disk.fails(&mut town);
    town.check("ann", "denied NotKept");
    town.check("cara", "denied NotKept");
    town.check("bob", "");
    disk.writes(&mut town);
    town.check("bob", "created Den");
    town.check_does("ann", "create den", r#"denied RoomExists("Den")"#);
}

#[test]
fn a_silent_room_gives_way_and_comes_back_if_that_was_for_nothing() {
    let limits = Limits { rooms_max: 3, ..Limits::default() };
    let (mut town, mut disk) = (Town::that_remembers(limits, &["ann"]), Disk::new());
    town.does("ann", "create den");
    disk.writes(&mut town);
    town.check("ann", "created den");
    town.check_does("ann", "create cave", "denied TooManyRooms");
    town.wait(HOUR);
    town.check_does(
        "ann",
        "list",
        "push {\"lobby\":[\"ann\"],\"example\":[],\"den\":[]}, listed [lobby: ann; example:; den:]",
    );
    town.check_does("ann", "create cave", "");
    town.check_does("ann", "list", "listed [lobby: ann; example:]");
    disk.fails(&mut town);
    town.check("ann", "denied NotKept");
    town.check_does("ann", "list", "listed [lobby: ann; example:; den:]");
    town.does("ann", "create cave");
    disk.writes(&mut town);
    town.check("ann", "created cave");
    town.check_does("ann", "list", "listed [lobby: ann; example:; cave:]");
}

/// Or there would be two of that name when it comes back.
#[test]
fn the_name_of_a_room_that_gives_way_is_free_once_it_is_gone_for_good() {
    let limits = Limits { rooms_max: 4, ..Limits::default() };
    for comes_back in [true, false] {
        let (mut town, mut disk) = (Town::that_remembers(limits.clone(), &["ann", "bob"]), Disk::new());
        for room in ["den", "hall"] {
            town.does("ann", &format!("create {room}"));
            disk.writes(&mut town);
        }
        town.wait(HOUR);
        town.does("ann", "create cave");
        town.does("bob", "create Den");
        assert_eq!(disk.takes(&mut town, 1), 1);
        disk.has(&mut town, !comes_back);
        disk.writes(&mut town);
        town.does("bob", "list");
        let heard = town.heard.remove(&town.people["bob"]).unwrap().join(", ");
        let expected = match comes_back {
            true => r#"denied RoomExists("den"), listed [lobby: ann bob; example:; den:; hall:]"#,
            false => "created Den, listed [lobby: ann bob; example:; cave:; Den:]",
        };
        assert!(heard.ends_with(expected), "{heard}");
    }
}

#[test]
fn a_room_in_which_something_was_said_never_gives_way() {
    let limits = Limits { rooms_max: 3, ..Limits::default() };
    let (mut town, mut disk) = (Town::that_remembers(limits, &["ann"]), Disk::new());
    town.does("ann", "create den");
    disk.writes(&mut town);
    town.does("ann", "enter den");
    town.does("ann", "post I was here");
    disk.writes(&mut town);
    town.does("ann", "exit");
    town.settle();
    town.check_does("ann", "create cave", "denied TooManyRooms");
}

#[test]
fn rooms_that_the_disk_knows_are_there_from_the_start() {
    let stored = |name: &str, last_seq| {
        let name = RoomName::parse(name).unwrap();
        let look = NameLook::of_room(look_of, &name).unwrap();
        StoredRoom { key: NameKey::new(key_of, name.as_str()), look, name, last_seq }
    };
    let limits = Limits { rooms_max: 4, ..Limits::default() };
    let mut town = Town::with(limits);
    let rooms = [stored("Example", 1), stored("den", 1), stored("cave", 0)];
    let memory = Memory { rooms: rooms.into(), ..Memory::default() };
    town.hub =
        Hub::new(town.now, town.limits.clone(), key_of, look_of, &[example()]).with_history(town.now, memory);
    town.login("ann");
    town.check("ann", "logged in [lobby: ann; example:; den:; cave:]");
    town.wait(HOUR);
    let mut disk = Disk::new();
    for room in ["hall", "loft"] {
        town.does("ann", &format!("create {room}"));
        disk.writes(&mut town);
    }
    let heard = town.heard.remove(&town.people["ann"]).unwrap().join(", ");
    assert!(heard.ends_with("created hall, denied TooManyRooms"), "{heard}");
}

#[test]
fn who_is_told_when_a_message_is_durable_may_have_several_on_their_way() {
    let limits = Limits { appends_connection_max: 2, ..Limits::default() };
    let (mut town, mut disk) = (in_a_room(limits, &["+ann", "bob"]), Disk::new());
    town.check_does("+ann", "post one", "said");
    town.check_does("+ann", "post two", "");
    assert_eq!(disk.takes(&mut town, 1), 1);
    disk.has(&mut town, true);
    town.check("+ann", r#"msg "one","room":"example","seq":1,"ts":7, said"#);
    disk.writes(&mut town);
    town.check("+ann", r#"msg "two","room":"example","seq":2,"ts":7"#);
    town.check("bob", r#"msg "one", msg "two""#);
}

#[test]
fn all_together_have_so_much_on_its_way_at_most() {
    let limits = Limits { appends_total_max: 2, ..Limits::default() };
    let (mut town, mut disk) = (in_a_room(limits, &["+ann", "+bob"]), Disk::new());
    town.check_does("+ann", "post one", "said");
    town.check_does("+ann", "post two", "");
    town.check_does("+bob", "post three", "");
    disk.takes(&mut town, 1);
    disk.has(&mut town, true);
    assert!(!town.heard[&town.people["+ann"]].iter().any(|heard| heard == "said"), "there is no room yet");
    disk.takes(&mut town, 1);
    disk.has(&mut town, true);
    for person in ["+ann", "+bob"] {
        assert_eq!(town.heard[&town.people[person]].last().unwrap(), "said", "{person}");
    }
}

#[test]
fn a_message_that_was_durable_already_is_acknowledged_and_not_heard_again() {
    let mut town = in_a_room(Limits::default(), &["+ann", "bob"]);
    let mut group = Vec::new();
    let settle = |town: &mut Town, group: &mut Vec<Append>, outcome: Outcome| {
        let settled = group.drain(..).map(|append| append.settle(outcome.clone())).collect();
        let mut deliveries = Deliveries::new();
        town.hub.settle(town.now, settled, &mut deliveries);
        town.deliver(deliveries);
    };
    let posted = Posted { seq: 3, ts_ms: 7 };
    for (outcome, ann, bob) in [
        (
            Outcome::Posted(posted),
            r#"said, msg "hello","room":"example","seq":3,"ts":7,"cid":"c1", ack "c1","room":"example","seq":3,"ts":7"#,
            r#"msg "hello""#,
        ),
        (Outcome::Repeated(posted), r#"said, ack "c1","room":"example","seq":3,"ts":7,"dup":true"#, ""),
        (Outcome::Conflict, "said, refused CidConflict", ""),
    ] {
        town.does("+ann", "post#c1 hello");
        town.hub.take_appends(9, &mut group);
        settle(&mut town, &mut group, outcome);
        town.check("+ann", ann);
        town.check("bob", bob);
    }
}

#[test]
fn a_private_message_is_heard_by_both_once_it_is_durable() {
    let (mut town, mut disk) = (in_a_room(Limits::default(), &["ann", "bob", "cara"]), Disk::new());
    town.check_does("ann", "postto BOB psst", "");
    town.check_does("ann", "postto nobody psst", r#"denied NotInRoom("nobody", "example")"#);
    disk.takes(&mut town, 9);
    town.disconnect("bob");
    disk.has(&mut town, true);
    town.check("ann", "ann whispers psst, said");
    town.does("cara", "postto cara note");
    disk.writes(&mut town);
    town.check("cara", "cara whispers note, said");
}

#[test]
fn what_waits_for_the_disk_counts_until_it_is_settled() {
    let (mut town, mut disk) = (in_a_room(Limits::default(), &["ann"]), Disk::new());
    let before = town.hub.ledger().bytes();
    town.does("ann", &format!("post {}", "x".repeat(1_000)));
    assert!(town.hub.ledger().bytes() > before + 2_000, "the text, and the frame made of it");
    disk.writes(&mut town);
    assert_eq!(town.hub.ledger().bytes(), before);
}
