//! The file, and what is left of it when the program ends between any two writes.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc;

use chatroom_core::client::Command;
use chatroom_core::name::UserName;
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;

/// A folder with a file in it.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        path_in(self.folder.path())
    }

    fn open(&self) -> File {
        let (file, warning) = File::open(&self.path()).unwrap();
        assert_eq!(warning, None);
        file
    }

    /// With Ann logged in, in the den.
    fn with_ann(&self) -> File {
        let mut file = self.open();
        file.write(&[begin("ann"), session("one"), Request::Place(Some(den()))]).unwrap();
        file
    }

    /// What a program would find that is started after this one was killed now.
    fn after_a_crash(&self) -> (Self, File) {
        let other = Self::new();
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, other.folder.path().join(path.file_name().unwrap())).unwrap();
        }
        let mut file = other.open();
        file.last_login(None).unwrap();
        (other, file)
    }

    /// All that is in its files, as bytes.
    fn contains(&self, text: &str) -> bool {
        fs::read_dir(self.folder.path()).unwrap().any(|entry| {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            bytes.windows(text.len()).any(|part| part == text.as_bytes())
        })
    }
}

fn den() -> Conversation {
    room("den")
}

fn room(name: &str) -> Conversation {
    Conversation::Room(RoomName::parse(name).unwrap())
}

fn with(name: &str) -> Conversation {
    Conversation::Peer(UserName::parse(name).unwrap())
}

fn user(name: &str) -> UserName {
    UserName::parse(name).unwrap()
}

fn begin(name: &str) -> Request {
    Request::Begin(Account {
        server: "chat.example:65432".into(),
        address: "chat.example:65432".into(),
        name: name.into(),
    })
}

fn session(token: &str) -> Request {
    Request::Session(Token::new(token.to_owned().into()))
}

/// A message of the den, by somebody, each a minute after the one before.
fn line(seq: u64, author: &str) -> Line {
    Line {
        posted: Posted { seq, ts_ms: seq * 60_000 },
        author: author.into(),
        text: format!("text {seq}"),
        is_own: author == "ann",
        cid: None,
        peer: None,
    }
}

fn reading(seqs: impl IntoIterator<Item = u64>) -> Reading {
    let lines = seqs.into_iter().map(|seq| line(seq, "bob")).collect();
    Reading { of: den(), shown_in: None, lines, is_older: false, is_anew: false, has_older: false }
}

/// Ann's own message, with the name that it was sent under.
fn said(seq: u64, cid: &str) -> Request {
    let line = Line { cid: Some(cid.into()), ..line(seq, "ann") };
    Request::Read(Reading { lines: vec![line], ..reading([]) })
}

fn private(seq: u64, minute: u64, peer: &str, text: &str) -> Request {
    let posted = Posted { seq, ts_ms: minute * 60_000 + 1 };
    let line = Line { posted, text: text.into(), peer: Some(peer.into()), ..line(seq, peer) };
    let shown_in = RoomName::parse("den").ok();
    Request::Read(Reading { of: with(peer), shown_in, lines: vec![line], ..reading([]) })
}

fn typed(cid: &str) -> Request {
    Request::Typed(outgoing(cid))
}

fn outgoing(cid: &str) -> Outgoing {
    Outgoing {
        cid: cid.into(),
        of: den(),
        to: None,
        text: format!("typed {cid}"),
        typed_ms: 1,
        state: Fate::Waiting,
    }
}

/// What is shown of the den, one word each; what waits stands behind it.
fn shown(file: &File) -> String {
    let Opened { lines, outbox, .. } = file.opened(&den()).unwrap();
    let lines = lines.iter().map(|line| match &line.peer {
        Some(peer) => format!("({peer})"),
        None => line.posted.seq.to_string(),
    });
    let outbox = outbox.iter().map(|outgoing| match outgoing.state {
        Fate::Waiting => format!("~{}", outgoing.cid),
        Fate::Failed => format!("!{}", outgoing.cid),
        Fate::Uncertain => format!("?{}", outgoing.cid),
    });
    lines.chain(outbox).collect::<Vec<_>>().join(" ")
}

fn read(file: &File) -> Option<(u64, u64, bool)> {
    file.opened(&den()).unwrap().read.map(|read| (read.first, read.last.seq, read.has_older))
}

#[test]
fn whatever_it_is_that_a_crash_comes_after_nothing_typed_is_lost_or_twice() {
    let desk = Desk::new();
    let mut file = desk.open();
    let steps: [(&[Request], &str); 11] = [
        (&[begin("ann"), session("one"), Request::Place(Some(den()))], ""),
        (&[Request::Read(reading(1..=3))], "1 2 3"),
        (&[typed("a")], "1 2 3 ~a"),
        (&[typed("b"), typed("c")], "1 2 3 ~a ~b ~c"),
        (&[said(4, "a")], "1 2 3 4 ~b ~c"),
        (&[Request::Fate("b".into(), Fate::Failed), Request::Read(reading([5]))], "1 2 3 4 5 !b ~c"),
        (&[Request::Fate("b".into(), Fate::Waiting)], "1 2 3 4 5 ~b ~c"),
        // It comes once more, and with what was missed.
        (&[said(4, "a"), said(6, "b")], "1 2 3 4 5 6 ~c"),
        (&[Request::Fate("c".into(), Fate::Uncertain)], "1 2 3 4 5 6 ?c"),
        (&[Request::Drop("c".into())], "1 2 3 4 5 6"),
        (&[session("two"), Request::Seen(den(), 6)], "1 2 3 4 5 6"),
    ];
    for (batch, expected) in steps {
        file.write(batch).unwrap();
        assert_eq!(shown(&file), expected);
        let (_other, file) = desk.after_a_crash();
        assert_eq!(shown(&file), expected, "after a crash");
    }
    let (_other, mut file) = desk.after_a_crash();
    let login = file.last_login(None).unwrap().unwrap();
    assert_eq!((login.account.name.as_str(), login.token.expose()), ("ann", "two"));
    let place = login.place.unwrap();
    assert_eq!((place.of, place.seen), (den(), 6));
}

#[test]
fn what_is_asked_for_at_once_is_written_whole_or_not_at_all() {
    let desk = Desk::new();
    let mut file = desk.with_ann();
    file.write(&[typed("a")]).unwrap();
    file.db
        .execute_batch("CREATE TRIGGER full BEFORE DELETE ON outbox BEGIN SELECT raise(ABORT, 'full'); END")
        .unwrap();
    file.write(&[Request::Read(reading(1..=3)), said(4, "a")]).unwrap_err();
    assert_eq!(shown(&file), "~a");
    file.db.execute_batch("DROP TRIGGER full").unwrap();
    file.write(&[Request::Read(reading(1..=3)), said(4, "a")]).unwrap();
    assert_eq!(shown(&file), "1 2 3 4");
}

#[test]
fn who_could_not_be_written_down_sees_and_changes_nothing_of_who_was_there_before() {
    let desk = Desk::new();
    let mut file = desk.with_ann();
    file.write(&[Request::Read(reading(1..=3)), typed("a")]).unwrap();
    file.db
        .execute_batch("CREATE TRIGGER full BEFORE INSERT ON accounts BEGIN SELECT raise(ABORT, 'full'); END")
        .unwrap();
    file.write(&[begin("bob"), session("of bob")]).unwrap_err();
    assert_eq!(shown(&file), "");
    assert_eq!(file.unseen().unwrap(), []);
    file.write(&[session("of bob"), typed("b"), Request::Drop("a".into())]).unwrap_err();
    file.db.execute_batch("DROP TRIGGER full").unwrap();
    file.write(&[typed("c"), session("of bob")]).unwrap();
    assert_eq!(shown(&file), "~c");
    let (_other, mut file) = desk.after_a_crash();
    assert_eq!(file.last_login(None).unwrap().unwrap().account.name, "bob");
    file.write(&[begin("ann")]).unwrap();
    assert_eq!(shown(&file), "1 2 3 ~a");
}

#[test]
fn who_could_not_be_forgotten_is_with_what_is_written_next() {
    let desk = Desk::new();
    let mut file = desk.with_ann();
    file.write(&[typed("a")]).unwrap();
    file.db
        .execute_batch("CREATE TRIGGER full BEFORE DELETE ON accounts BEGIN SELECT raise(ABORT, 'full'); END")
        .unwrap();
    file.write(&[Request::Forget]).unwrap_err();
    file.write(&[typed("b")]).unwrap_err();
    assert_eq!(shown(&file), "");
    file.db.execute_batch("DROP TRIGGER full").unwrap();
    file.write(&[begin("bob")]).unwrap();
    assert!(!desk.contains("typed a"));
}

#[test]
fn a_room_is_kept_without_a_hole() {
    let desk = Desk::new();
    let mut file = desk.with_ann();
    let older = |seqs, has_older| Request::Read(Reading { is_older: true, has_older, ..reading(seqs) });
    file.write(&[Request::Read(Reading { has_older: true, ..reading(5..=7) })]).unwrap();
    file.write(&[older(3..=4, true), older(1..=1, false)]).unwrap();
    assert_eq!((shown(&file).as_str(), read(&file)), ("3 4 5 6 7", Some((3, 7, true))), "1 does not adjoin");
    file.write(&[older(1..=2, false)]).unwrap();
    assert_eq!(read(&file), Some((1, 7, false)));
    file.write(&[Request::Read(reading(6..=8))]).unwrap();
    assert_eq!(read(&file), Some((1, 8, false)));
    file.write(&[Request::Read(reading(10..=11))]).unwrap();
    assert_eq!((shown(&file).as_str(), read(&file)), ("10 11", Some((10, 11, true))));
    file.write(&[Request::Read(Reading { is_anew: true, ..reading(1..=2) })]).unwrap();
    assert_eq!(
        (shown(&file).as_str(), read(&file)),
        ("1 2", Some((1, 2, false))),
        "the server has lost some"
    );
}

#[test]
fn what_was_deleted_makes_no_hole_and_is_nothing_unseen() {
    let desk = Desk::new();
    let mut file = desk.with_ann();
    let deleted = |seq| Line { text: String::new(), ..line(seq, "bob") };
    let read_of = |lines| Reading { lines, ..reading([]) };
    file.write(&[Request::Read(Reading {
        has_older: true,
        ..read_of(vec![deleted(5), line(6, "bob"), deleted(7)])
    })])
    .unwrap();
    file.write(&[Request::Read(reading([8]))]).unwrap();
    let older = Reading { is_older: true, has_older: true, ..read_of(vec![deleted(3), deleted(4)]) };
    file.write(&[Request::Read(older), Request::Read(Reading { is_older: true, ..reading(1..=2) })]).unwrap();
    assert_eq!(read(&file), Some((1, 8, false)));
    assert_eq!(file.unseen().unwrap(), [Unseen { of: den(), messages: 4, mentions: 0 }]);
}

#[test]
fn the_oldest_are_dropped_and_the_server_is_asked_for_them() {
    let desk = Desk::new();
    let mut file = desk.with_ann();
    file.write(&[Request::Read(reading(1..=MESSAGES_MAX + 50))]).unwrap();
    assert_eq!(read(&file), Some((51, MESSAGES_MAX + 50, true)));
    let mut before = file.opened(&den()).unwrap().lines[0].posted.seq;
    assert_eq!(before, MESSAGES_MAX + 51 - PAGE_MESSAGES as u64);
    let mut pages = 1;
    loop {
        let older = file.older(&den(), before).unwrap();
        let seqs: Vec<u64> = older.lines.iter().map(|line| line.posted.seq).collect();
        assert_eq!(seqs, (before - PAGE_MESSAGES as u64..before).collect::<Vec<_>>());
        (before, pages) = (seqs[0], pages + 1);
        if !older.has_more {
            break;
        }
    }
    assert_eq!((before, pages), (51, MESSAGES_MAX / PAGE_MESSAGES as u64));
    // What the server then tells has no place here any more.
    file.write(&[Request::Read(Reading { is_older: true, ..reading(1..=50) })]).unwrap();
    assert_eq!(read(&file), Some((51, MESSAGES_MAX + 50, true)));
}

#[test]
fn private_messages_stand_where_they_were_shown_and_in_no_other_room() {
    let desk = Desk::new();
    let mut file = desk.with_ann();
    file.write(&[Request::Read(reading(1..=2)), private(7, 2, "bob", "psst"), Request::Read(reading([3]))])
        .unwrap();
    let shown_in = RoomName::parse("attic").ok();
    let elsewhere = Reading { shown_in, of: with("bob"), ..reading([8]) };
    file.write(&[Request::Read(elsewhere)]).unwrap();
    let (_other, file) = desk.after_a_crash();
    assert_eq!(shown(&file), "1 2 (bob) 3");
    assert_eq!(read(&file), Some((1, 3, false)));
    let older = file.older(&den(), 3).unwrap();
    assert_eq!(older.lines.len(), 3, "it is among what is older than the third");
}

#[test]
fn private_messages_of_a_page_are_few_and_no_older_than_it() {
    let desk = Desk::new();
    let mut file = desk.with_ann();
    let many = PAGE_MESSAGES as u64 + 1;
    let whispers = |minute| (1..=many).map(move |seq| private(minute * 1_000 + seq, minute, "bob", "psst"));
    file.write(&whispers(2).chain(whispers(5)).collect::<Vec<_>>()).unwrap();
    file.write(&[Request::Read(Reading { has_older: true, ..reading(4..=6) })]).unwrap();
    let lines = file.opened(&den()).unwrap().lines;
    let numbers: Vec<u64> =
        lines.iter().filter(|line| line.peer.is_some()).map(|line| line.posted.seq).collect();
    assert_eq!(numbers, (5_002..=5_000 + many).collect::<Vec<_>>(), "the newest of the page");
    file.write(&[Request::Read(Reading { is_older: true, ..reading(1..=3) })]).unwrap();
    assert_eq!(file.older(&den(), 4).unwrap().lines.len(), 3 + PAGE_MESSAGES, "the others come with theirs");
}

#[test]
fn before_a_message_that_was_dropped_the_file_has_nothing() {
    let desk = Desk::new();
    let mut file = desk.with_ann();
    file.write(&[Request::Read(reading(1..=3)), private(7, 2, "bob", "psst")]).unwrap();
    file.write(&[Request::Read(reading(10..=11))]).unwrap();
    let older = file.older(&den(), 3).unwrap();
    assert_eq!((older.before, older.lines.len(), older.has_more), (3, 0, false));
}

#[test]
fn what_was_not_seen_is_counted_over_a_restart() {
    let desk = Desk::new();
    let mut file = desk.with_ann();
    let hello = Line { text: "hello Ann!".into(), ..line(4, "bob") };
    let own = line(5, "ann");
    file.write(&[
        Request::Read(reading(1..=3)),
        Request::Seen(den(), 2),
        Request::Read(Reading { lines: vec![hello, own], ..reading([]) }),
        private(1, 5, "bob", "psst"),
    ])
    .unwrap();
    let (_other, mut file) = desk.after_a_crash();
    assert_eq!(file.unseen().unwrap(), [Unseen { of: den(), messages: 3, mentions: 2 }]);
    file.write(&[Request::Seen(den(), 5)]).unwrap();
    assert_eq!(file.unseen().unwrap(), []);
    file.write(&[Request::Seen(den(), 1)]).unwrap();
    assert_eq!(file.opened(&den()).unwrap().seen, 5, "what was seen stays seen");
}

/// The account's conversations, one word each, with what was not seen.
fn places(file: &File) -> String {
    let Overview { places, unseen, .. } = file.overview().unwrap();
    let place = |known: &Known| {
        let unseen = unseen.iter().find(|unseen| unseen.of == known.of).map_or(0, |unseen| unseen.messages);
        let at = if matches!(known.of, Conversation::Peer(_)) { "@" } else { "" };
        format!("{at}{}:{unseen}", known.of.name())
    };
    places.iter().map(place).collect::<Vec<_>>().join(" ")
}

/// Where there are places of their own, something private is one of a part without a hole, as in a room.
fn apart(seqs: impl IntoIterator<Item = u64>) -> Request {
    Request::Read(Reading { of: with("bob"), ..reading(seqs) })
}

#[test]
fn many_rooms_and_private_conversations_are_there_at_the_next_start_with_what_was_not_seen() {
    let desk = Desk::new();
    let mut file = desk.open();
    let place = |of, last, read| Place { of, last, read };
    file.write(&[
        begin("ann"),
        session("one"),
        Request::Multi(true),
        Request::Places(vec![place(den(), 3, 1), place(room("attic"), 0, 0), place(with("bob"), 9, 7)]),
        Request::Read(reading(1..=3)),
        apart(8..=9),
        Request::Place(Some(with("bob"))),
    ])
    .unwrap();
    let (_other, mut file) = desk.after_a_crash();
    let Login { place: shown, overview, .. } = file.last_login(None).unwrap().unwrap();
    let shown = shown.unwrap();
    assert_eq!((shown.of, shown.seen, shown.lines.len()), (with("bob"), 7, 2));
    assert!(overview.is_multi);
    assert_eq!(overview.places.last().unwrap().read, None, "nothing was said in the attic");
    assert_eq!(places(&file), "@bob:2 den:2 attic:0");
    file.write(&[Request::Seen(with("bob"), 8), Request::Places(vec![place(den(), 3, 3)])]).unwrap();
    assert_eq!(places(&file), "@bob:1 den:0", "the attic was left elsewhere, and the den read");
}

#[test]
fn a_private_conversation_is_kept_without_a_hole_where_it_has_its_own_place() {
    let desk = Desk::new();
    let mut file = desk.with_ann();
    // In rooms, one of them was missed.
    file.write(&[Request::Read(reading(1..=2))]).unwrap();
    file.write(&[1, 2, 4, 5].map(|seq| private(seq, seq, "bob", "psst"))).unwrap();
    let to_bob = Outgoing { to: Some("bob".into()), cid: "b".into(), ..outgoing("b") };
    file.write(&[typed("a"), Request::Typed(to_bob)]).unwrap();
    assert_eq!(shown(&file), "1 (bob) 2 (bob) (bob) (bob) ~a ~b");
    file.write(&[Request::Multi(true)]).unwrap();
    assert_eq!(shown(&file), "1 2 ~a");
    let Opened { read, outbox, .. } = file.opened(&with("bob")).unwrap();
    assert_eq!(read.map(|read| (read.first, read.last.seq, read.has_older)), Some((4, 5, true)));
    assert_eq!((outbox[0].cid.as_str(), &outbox[0].to), ("b", &None));
    file.write(&[apart(6..=7), Request::Multi(true)]).unwrap();
    let numbers = |file: &File| {
        let lines = file.opened(&with("bob")).unwrap().lines;
        lines.iter().map(|line| line.posted.seq).collect::<Vec<_>>()
    };
    assert_eq!(numbers(&file), [4, 5, 6, 7]);
    file.write(&[apart(20..=21)]).unwrap();
    assert_eq!(numbers(&file), [20, 21]);
}

#[test]
fn of_a_server_that_need_not_prove_who_it_is_all_is_there_and_nothing_is_kept() {
    let desk = Desk::new();
    let file = desk.with_ann();
    let (tell, told) = mpsc::channel();
    let store = Store::start(file, move |told| tell.send(told).unwrap(), |_| {}).unwrap();
    store.ask(typed("a"));
    let Request::Begin(account) = begin("ann") else { panic!("somebody begins") };
    store.ask(Request::Begin(Account { server: String::new(), ..account }));
    store.ask(typed("for nobody"));
    store.ask(Request::Overview);
    store.ask(begin("ann"));
    store.ask(Request::Overview);
    let waits = || {
        let Told::Overview(overview) = told.recv().unwrap() else { panic!("all was asked for") };
        overview.outbox.iter().map(|outgoing| outgoing.cid.clone()).collect::<Vec<_>>()
    };
    assert_eq!((waits(), waits()), (vec!["for nobody".to_owned()], vec!["a".to_owned()]));
    drop(store);
    assert!(desk.contains("typed a") && !desk.contains("for nobody"));
}

#[test]
fn a_file_of_the_form_before_is_gone_on_with() {
    let desk = Desk::new();
    Connection::open(desk.path()).unwrap().execute_batch(include_str!("tests/form_1.sql")).unwrap();
    let mut file = desk.open();
    let Login { account, place, overview, .. } = file.last_login(None).unwrap().unwrap();
    let place = place.unwrap();
    assert_eq!((account.name.as_str(), place.of, place.seen), ("ann", den(), 2));
    assert!(!overview.is_multi);
    assert_eq!(shown(&file), "1 2 (bob) 3 ~k-1 !k-2");
    assert_eq!(file.unseen().unwrap(), [Unseen { of: den(), messages: 2, mentions: 1 }]);
    file.write(&[Request::Multi(true)]).unwrap();
    assert_eq!(shown(&file), "1 2 3 ~k-1");
    assert_eq!(places(&file), "@bob:1");
    assert_eq!(file.opened(&with("bob")).unwrap().outbox.len(), 1);
    drop(file);
    // Once is enough.
    let mut file = desk.open();
    assert_eq!(file.last_login(None).unwrap().unwrap().account.name, "ann");
    assert_eq!(shown(&file), "1 2 3 ~k-1");
}

#[test]
fn a_file_that_knew_of_no_friends_is_gone_on_with() {
    let desk = Desk::new();
    Connection::open(desk.path()).unwrap().execute_batch(include_str!("tests/form_2.sql")).unwrap();
    let mut file = desk.open();
    let Login { place, overview, .. } = file.last_login(None).unwrap().unwrap();
    let place = place.unwrap();
    assert_eq!((place.of, place.lines.len()), (with("bob"), 1));
    assert!(overview.is_multi && overview.friends == Friends::default());
    assert_eq!(shown(&file), "1 ~k-1");
    assert_eq!(places(&file), "@bob:1 den:0");
    file.write(&[Request::Friends(Friends { friends: vec![user("bob")], ..Friends::default() })]).unwrap();
    drop(file);
    let mut file = desk.open();
    assert_eq!(file.last_login(None).unwrap().unwrap().overview.friends.friends, [user("bob")]);
}

#[test]
fn who_is_a_friend_is_there_at_the_next_start_and_of_nobody_else() {
    let desk = Desk::new();
    let mut file = desk.open();
    let names = |names: &[&str]| names.iter().map(|name| user(name)).collect::<Vec<_>>();
    let told = Friends {
        friends: names(&["Bob", "casey"]),
        asking: names(&["dana"]),
        asked: names(&["eve"]),
        blocked: names(&["frank"]),
    };
    file.write(&[begin("ann"), session("one"), Request::Friends(told.clone())]).unwrap();
    file.write(&[begin("bob"), Request::Friends(Friends { asked: names(&["ann"]), ..Friends::default() })])
        .unwrap();
    let (_other, mut file) = desk.after_a_crash();
    assert!(file.last_login(None).unwrap().unwrap().overview.friends == told);
    let fewer = Friends { friends: names(&["casey"]), ..Friends::default() };
    file.write(&[Request::Friends(fewer.clone())]).unwrap();
    assert!(file.overview().unwrap().friends == fewer, "what is told is all there is");
    file.write(&[Request::Forget, begin("ann")]).unwrap();
    assert!(file.overview().unwrap().friends == Friends::default());
}

#[test]
fn who_logs_out_leaves_nothing_behind_and_nobody_elses() {
    let desk = Desk::new();
    let mut file = desk.open();
    file.write(&[begin("bob"), session("token of bob"), typed("by bob")]).unwrap();
    file.write(&[begin("ann"), session("token of ann"), Request::Read(reading(1..=3)), typed("by ann")])
        .unwrap();
    assert!(desk.contains("token of ann") && desk.contains("typed by ann") && desk.contains("text 2"));
    file.write(&[Request::Forget]).unwrap();
    assert_eq!(shown(&file), "");
    for text in ["token of ann", "typed by ann", "text 2"] {
        assert!(!desk.contains(text), "{text}");
    }
    let login = file.last_login(None).unwrap().unwrap();
    assert_eq!((login.account.name.as_str(), shown(&file).as_str()), ("bob", "~by bob"));
    assert!(file.last_login(Some("another server")).unwrap().is_none());
}

#[test]
fn a_login_that_ended_is_not_gone_on_with_and_what_waits_is_still_there() {
    let desk = Desk::new();
    let mut file = desk.with_ann();
    file.write(&[typed("a"), Request::SessionEnded]).unwrap();
    let (_other, mut file) = desk.after_a_crash();
    assert!(file.last_login(None).unwrap().is_none());
    file.write(&[begin("ann")]).unwrap();
    assert_eq!(shown(&file), "~a");
    file.write(&[begin("bob")]).unwrap();
    assert_eq!(shown(&file), "", "it is not bob's");
}

#[test]
fn what_cannot_be_used_is_put_aside_as_it_is() {
    for (why, change) in [
        ("a newer version of this program wrote it", "PRAGMA user_version = 99"),
        ("it is the database of another program", "PRAGMA application_id = 7"),
    ] {
        let desk = Desk::new();
        drop(desk.with_ann());
        Connection::open(desk.path()).unwrap().execute_batch(change).unwrap();
        check_is_put_aside(&desk, why);
    }
    let desk = Desk::new();
    fs::write(desk.path(), "a letter to my aunt, and longer than a page of a database is not ".repeat(100))
        .unwrap();
    check_is_put_aside(&desk, "it is no database");
    let desk = Desk::new();
    let mut file = desk.with_ann();
    file.write(&[Request::Read(reading(1..=500))]).unwrap();
    drop(file);
    let mut bytes = fs::read(desk.path()).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xa7);
    fs::write(desk.path(), bytes).unwrap();
    check_is_put_aside(&desk, "it is damaged");
    // Another one does not take the place of the first.
    fs::write(
        desk.path(),
        "no database either, and as long as the header of one has to be for sure, or longer. ".repeat(9),
    )
    .unwrap();
    let (_, warning) = File::open(&desk.path()).unwrap();
    assert!(warning.unwrap().contains(".aside-2"));
}

#[track_caller]
fn check_is_put_aside(desk: &Desk, why: &str) {
    let before = fs::read(desk.path()).unwrap();
    let (mut file, warning) = File::open(&desk.path()).unwrap();
    let warning = warning.unwrap();
    assert!(warning.contains(why) && warning.contains("window.db.aside-1, and a new one begun"), "{warning}");
    assert!(file.last_login(None).unwrap().is_none());
    assert_eq!(fs::read(desk.folder.path().join("window.db.aside-1")).unwrap(), before);
}

#[test]
fn a_second_window_does_without_and_leaves_the_file_alone() {
    let desk = Desk::new();
    let mut file = desk.with_ann();
    let why = File::open(&desk.path()).err().unwrap().to_string();
    assert!(
        why.ends_with("window.db: what is read and typed is not kept: another window has the file open"),
        "{why}"
    );
    file.write(&[typed("a")]).unwrap();
    drop(file);
    let mut file = desk.open();
    file.last_login(None).unwrap();
    assert_eq!(shown(&file), "~a");
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let desk = Desk::new();
    fs::write(desk.path(), "").unwrap();
    fs::set_permissions(desk.path(), fs::Permissions::from_mode(0o644)).unwrap();
    let _file = desk.with_ann();
    for entry in fs::read_dir(desk.folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
}

#[test]
fn an_order_is_passed_on_when_what_was_asked_before_is_on_the_disk() {
    let desk = Desk::new();
    let file = desk.with_ann();
    let (found, finds) = mpsc::channel();
    let folder = desk.folder.path().to_owned();
    let look = move |order| {
        assert!(matches!(order, Order::Command(Command::List)));
        let bytes = fs::read(folder.join("window.db-wal")).unwrap();
        found.send(bytes.windows(7).any(|part| part == b"typed a")).unwrap();
    };
    let store = Store::start(file, |_| {}, look).unwrap();
    store.ask(typed("a"));
    store.ask(Request::Order(Order::Command(Command::List)));
    assert!(finds.recv().unwrap());
}

#[test]
fn a_file_that_cannot_be_written_keeps_nobody_from_talking() {
    let desk = Desk::new();
    let file = desk.with_ann();
    file.db.pragma_update(None, "query_only", true).unwrap();
    let (tell, told) = mpsc::channel();
    let (pass_on, orders) = mpsc::channel();
    let tell = move |told| tell.send(told).unwrap();
    let store = Store::start(file, tell, move |_| pass_on.send(()).unwrap()).unwrap();
    store.ask(typed("a"));
    store.ask(Request::Order(Order::RetryNow));
    store.ask(Request::Open(den()));
    orders.recv().unwrap();
    let Told::Failing(Some(why)) = told.recv().unwrap() else { panic!("it is said that nothing is kept") };
    assert!(why.contains("readonly"), "{why}");
    let Told::Opened(opened) = told.recv().unwrap() else { panic!("a room was asked for") };
    assert!(opened.outbox.is_empty());
}

#[test]
fn all_that_was_asked_for_is_written_when_the_window_closes() {
    let desk = Desk::new();
    let store = Store::start(desk.with_ann(), |_| {}, |_| {}).unwrap();
    (1..=300).for_each(|seq| store.ask(Request::Read(reading([seq]))));
    drop(store);
    let mut file = desk.open();
    file.last_login(None).unwrap();
    assert_eq!(read(&file), Some((1, 300, false)));
}
