//! Databases as earlier versions wrote them, in the words those made them with.

use std::time::Duration;

use chatroom_core::hub::Ties;
use chatroom_core::message::history::{Edge, Window};
use chatroom_core::message::rooms::Talk;
use chatroom_core::secret::Token;
use chatroom_core::server::{Conversation, Recall};

use super::*;

/// Accounts, invitations and logins that last, in the form from before anything that is said was kept.
const BEFORE_MESSAGES: &str = "
    CREATE TABLE accounts (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        password TEXT NOT NULL
    ) STRICT;
    ALTER TABLE accounts ADD COLUMN look TEXT NOT NULL DEFAULT '';
    CREATE INDEX accounts_by_look ON accounts (look);
    CREATE TABLE known_addresses (
        mark BLOB PRIMARY KEY,
        day INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX known_addresses_by_day ON known_addresses (day);
    ALTER TABLE accounts ADD COLUMN is_disabled INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE invitations (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        hash BLOB NOT NULL UNIQUE,
        uses_left INTEGER NOT NULL,
        ends INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX invitations_by_end ON invitations (ends);
    CREATE TABLE sessions (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        account INTEGER NOT NULL,
        token BLOB NOT NULL UNIQUE,
        before BLOB UNIQUE,
        ends INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX sessions_by_account ON sessions (account);
    CREATE INDEX sessions_by_end ON sessions (ends);

    INSERT INTO accounts (id, key, name, look, password, is_disabled) VALUES
        (1, 'harper', 'Harper', 'harper', 'HASH', 0),
        (2, 'casey', 'casey', 'casey', 'HASH', 0),
        (5, 'robin', 'robin', 'robin', 'HASH', 1);
    INSERT INTO known_addresses (mark, day) VALUES (x'01010101010101010101010101010101', 19000);
    INSERT INTO invitations (id, hash, uses_left, ends) VALUES (3, x'INVITE', 4, 2000000000);
    INSERT INTO sessions (id, account, token, before, ends) VALUES (7, 1, x'TOKEN', NULL, 2000000000);
    PRAGMA application_id = 1667785076; PRAGMA user_version = 6;";

/// What was said, in the form from before it could be deleted.
const MESSAGES: &str = "
    CREATE TABLE conversations (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        first INTEGER NOT NULL DEFAULT 1,
        last INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE rooms (
        conversation INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL
    ) STRICT;
    CREATE TABLE pairs (
        one INTEGER NOT NULL,
        other INTEGER NOT NULL,
        conversation INTEGER NOT NULL UNIQUE,
        PRIMARY KEY (one, other)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE messages (
        conversation INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        ts INTEGER NOT NULL,
        author INTEGER NOT NULL,
        cid TEXT,
        text TEXT NOT NULL,
        PRIMARY KEY (conversation, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX messages_by_cid ON messages (author, cid) WHERE cid IS NOT NULL;

    INSERT INTO conversations (id, first, last) VALUES (1, 1, 2), (2, 1, 0), (4, 1, 1);
    INSERT INTO rooms (conversation, key, name) VALUES (1, 'tea', 'Tea'), (2, 'attic', 'attic');
    INSERT INTO pairs (one, other, conversation) VALUES (1, 2, 4);
    INSERT INTO messages (conversation, seq, ts, author, cid, text) VALUES
        (1, 1, 1000, 1, 'c1', 'hello'),
        (1, 2, 2000, 5, NULL, 'hi'),
        (4, 1, 3000, 2, NULL, 'psst');
    PRAGMA user_version = 7;";

const NOW: Duration = Duration::from_secs(1_700_000_000);

/// Makes a database in one of these forms, with an invitation, a token and a password that are known.
fn written(folder: &TempDir, statements: &[&str]) {
    let hasher = crate::passwords::Hasher::new(1).unwrap();
    let phc = hasher.hash(&crate::testing::password("correct horse")).unwrap();
    let db = Connection::open(file(folder)).unwrap();
    for statements in statements {
        let hash = |text: &str| {
            let hash = crate::tokens::hash(&Token::new(text.to_owned().into()));
            hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let statements = statements.replace("HASH", phc.expose()).replace("INVITE", &hash("invite"));
        db.execute_batch(&statements.replace("TOKEN", &hash("token"))).unwrap();
    }
}

/// Opens it, and finds all that was in it before there were messages.
fn opened(folder: &TempDir) -> Store {
    let maintained =
        Store::open_to_maintain(&file(folder)).err().expect("it is of an older form").to_string();
    assert!(maintained.contains("start the server of this version"), "{maintained}");
    let mut store = Store::open(&file(folder)).unwrap();
    for (name, is_disabled) in [("HARPER", false), ("casey", false), ("robin", true)] {
        let stored = store.find(&account(name)).unwrap().expect(name);
        assert_eq!((stored.is_disabled, stored.phc.is_verifiable()), (is_disabled, true), "{name}");
    }
    assert_eq!(store.claim(&account("Harper"), &look("Harper")).unwrap(), Claim::Taken);
    assert_eq!(store.sightings(0).unwrap(), [([1; 16], 19_000)]);
    let invite = Shown::new(&Token::new("invite".to_owned().into()), NOW);
    assert!(store.is_invited(&invite).unwrap());
    assert_eq!(store.invitations(NOW).unwrap()[0].uses_left, 4);
    let harper = account("harper");
    let login = store.logins(&harper, NOW).unwrap().unwrap().remove(0);
    assert_eq!((login.number, login.begun, login.used), (7, None, None), "nobody wrote that down then");
    let lasting = Lasting { now: NOW, end: NOW * 2, count_max: 9 };
    let token = crate::tokens::hash(&Token::new("token".to_owned().into()));
    let renewed = store.renew_sessions(&[(token, [9; 32])], lasting).unwrap().remove(0);
    assert_eq!(renewed.expect("it lasts").1.name.as_str(), "Harper");
    let login = store.logins(&harper, NOW).unwrap().unwrap().remove(0);
    assert_eq!((login.begun, login.used.as_deref()), (None, Some("2023-11-14 22:13")));
    assert_eq!(login.client, None, "nor that");
    store
}

fn read(store: &Store, reader: &str, conversation: Conversation) -> Vec<String> {
    let window = Window { edge: Edge::End, count_max: 9 };
    let page = store.page(&Recall { reader: account(reader), conversation, window }).unwrap();
    let lines = page.messages().iter();
    lines
        .map(|past| format!("{} {} {}", past.posted.seq, past.from, past.text.as_ref().unwrap().as_str()))
        .collect()
}

#[test]
fn a_database_from_before_messages_is_served_with_all_that_is_in_it() {
    let folder = TempDir::new().unwrap();
    written(&folder, &[BEFORE_MESSAGES]);
    let store = opened(&folder);
    assert_eq!(store.memory().unwrap().rooms.len(), 0);
    let checked = store.check().unwrap();
    assert_eq!((checked.accounts, checked.messages), (3, 0));
}

#[test]
fn a_database_from_before_programs_were_noted_is_served_with_its_logins() {
    let folder = TempDir::new().unwrap();
    written(&folder, &[BEFORE_MESSAGES]);
    drop(opened(&folder));
    let db = Connection::open(file(&folder)).unwrap();
    db.execute_batch(
        "ALTER TABLE sessions DROP COLUMN client;
        UPDATE sessions SET begun = 1690000000;
        PRAGMA user_version = 11;",
    )
    .unwrap();
    drop(db);
    let store = Store::open(&file(&folder)).unwrap();
    let told = store.sessions(&account("harper").key, NOW).unwrap().remove(0);
    assert_eq!((told.id.0, told.client, told.begun_ms), (7, None, Some(1_690_000_000_000)));
}

#[test]
fn a_database_from_before_deletion_is_served_with_all_that_was_said() {
    let folder = TempDir::new().unwrap();
    written(&folder, &[BEFORE_MESSAGES, MESSAGES]);
    let mut store = opened(&folder);
    let memory = store.memory().unwrap();
    assert!(memory.places.is_empty());
    let rooms: Vec<_> = memory.rooms.iter().map(|room| (room.name.as_str(), room.last_seq)).collect();
    assert_eq!(rooms, [("Tea", 2), ("attic", 0)]);
    let key = |name: &str| NameKey::new(name_key, name);
    assert_eq!(read(&store, "casey", Conversation::Room(key("tea"))), ["1 Harper hello", "2 robin hi"]);
    assert_eq!(read(&store, "harper", Conversation::Peer(key("casey"))), ["1 casey psst"]);
    // Both have what they said to each other, and were there when it was said.
    for (user, other) in [("harper", "casey"), ("casey", "Harper")] {
        let talk = Talk { peer: UserName::parse(other).unwrap(), last: 1, read: 1 };
        assert_eq!(store.tell(&account(user), true).unwrap().talks, [talk]);
    }
    let checked = store.check().unwrap();
    assert_eq!((checked.accounts, checked.messages), (3, 3));
    assert_eq!(store.tell(&account("harper"), true).unwrap().ties, Some(Ties::new()));
    // Everything that is new can be done to it.
    assert_eq!(store.list_rooms().unwrap()[0].keep, None);
    assert_eq!(store.cut(Retention { days: 0, messages: 1 }, NOW, Place::default()).unwrap().messages, 1);
    assert_eq!(store.delete_account(&account("robin")).unwrap(), Some(1));
    let checked = store.check().unwrap();
    assert_eq!((checked.accounts, checked.messages), (2, 2));
}
