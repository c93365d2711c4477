//! What is said, and the rooms it is said in.
//!
//! A conversation is that of a room, or that of two people. Its messages are numbered 1, 2, 3 and so on: the first number that
//! is there and the last one that was given are kept beside them, so that none is given twice, and none can be missed.
//! Messages are stored in the order of conversation and number, so a page of them is read from one place. One that was deleted
//! keeps its place, and has no text: none that is said is empty.

use std::collections::BTreeMap;

use chatroom_core::hub::{
    Append, Audience, Consent, Entry, Extent, Founding, Memory, Message, Outcome, PeerRead, Placing,
    PlacingStep, StoredRoom, Ties, Told, Tying,
};
use chatroom_core::message::friend::Tie;
use chatroom_core::message::history::{Edge, Page, Past, Window};
use chatroom_core::message::push::Posted;
use chatroom_core::message::{Cid, Text};
use chatroom_core::name::{Account, NameKey, NameLook, RoomName, UserName};
use chatroom_core::server::{Conversation, Recall};
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};

use super::sides::{self, Stirred};
use super::{Store, StoreError, friends, places};
use crate::keys::{look, name_look};

/// What a [`Scribe`](crate::scribe::Scribe) needs of whoever keeps what is said: a [`Store`], or a simulated disk.
pub trait Messages {
    /// Makes a group durable, in its order, and says what came of each. All of it is durable when this returns.
    ///
    /// # Errors
    /// When it cannot be read or written; nothing of it is kept then.
    fn append(&mut self, group: &[Append], ts_ms: u64) -> Result<Vec<Outcome>, StoreError>;

    /// What the disk alone knows of somebody, for their devices, with what others are to them if that is wanted. Of an account that there is not nothing is known.
    ///
    /// # Errors
    /// When it cannot be read, or holds what is no name.
    fn tell(&self, account: &Account, with_ties: bool) -> Result<Told, StoreError>;

    /// A part of a conversation that its reader may read. One that there is not has nothing in it.
    ///
    /// # Errors
    /// When it cannot be read, or holds what is no name or text.
    fn page(&self, recall: &Recall) -> Result<Page, StoreError>;

    /// The rooms there are, who takes part in them, and who wants to hear nothing of whom.
    ///
    /// # Errors
    /// When they cannot be read, or one has a name that is none.
    fn memory(&self) -> Result<Memory, StoreError>;
}

impl Messages for Store {
    fn append(&mut self, group: &[Append], ts_ms: u64) -> Result<Vec<Outcome>, StoreError> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut known = Known::default();
        let outcomes = group.iter().map(|append| match append.entry() {
            Entry::Room(founding) => found(&transaction, founding, &mut known),
            Entry::Message(message) => post(&transaction, message, ts_ms, &mut known),
            Entry::Place(placing) => place(&transaction, placing, &mut known),
            Entry::Telling(telling) => {
                known.write(&transaction)?;
                let told = tell(&transaction, &telling.account, telling.with_ties);
                Ok(alone(&transaction, told)?
                    .map_or(Outcome::Unreadable, |told| Outcome::Told(Box::new(told))))
            }
            Entry::PeerRead(read) => peer_read(&transaction, read, &mut known),
            Entry::Tying(tying) => tie(&transaction, tying, &mut known),
        });
        let outcomes = outcomes.collect::<Result<_, _>>()?;
        known.write(&transaction)?;
        transaction.commit()?;
        Ok(outcomes)
    }

    fn tell(&self, account: &Account, with_ties: bool) -> Result<Told, StoreError> {
        tell(&self.db, account, with_ties)
    }

    fn page(&self, recall: &Recall) -> Result<Page, StoreError> {
        let mut page = Page::default();
        let Some(reader) = account(&self.db, &recall.reader.key)? else { return Ok(page) };
        let conversation = match &recall.conversation {
            Conversation::Room(key) => find_room(&self.db, key)?,
            // What somebody said who is deleted is gone, and what they were told is still their peer's to read.
            Conversation::Peer(key) => match account_ever(&self.db, key)? {
                Some(peer) => find_pair(&self.db, reader, peer)?,
                None => None,
            },
        };
        let Some(conversation) = conversation else { return Ok(page) };
        let Window { edge, count_max } = recall.window;
        let (select, from) = match edge {
            Edge::End => (BACKWARDS, i64::MAX),
            Edge::Before(seq) => (BACKWARDS, signed(seq)),
            Edge::After(seq) => (FORWARDS, signed(seq)),
        };
        let mut select = self.db.prepare_cached(select)?;
        // One more than is wanted shows whether there is more.
        let mut rows = select.query(params![conversation, from, signed(count_max as u64 + 1)])?;
        while let Some(row) = rows.next()? {
            if page.messages().len() == count_max {
                page.set_more();
                break;
            }
            if !page.push(past(row, reader)?) {
                break;
            }
        }
        if !matches!(edge, Edge::After(_)) {
            page.reverse();
        }
        Ok(page)
    }

    fn memory(&self) -> Result<Memory, StoreError> {
        let (rooms, places) = (rooms(&self.db)?, places::all(&self.db)?);
        Ok(Memory { rooms, places, blocks: friends::blocks(&self.db)? })
    }
}

/// Looks whether all messages are there, and belong to somebody and somewhere. How many there are.
pub(super) fn check(db: &Connection) -> Result<u64, StoreError> {
    for (what, select) in [
        (
            "a conversation is nobody's",
            "SELECT id FROM conversations WHERE id NOT IN
            (SELECT conversation FROM rooms UNION ALL SELECT conversation FROM pairs)",
        ),
        (
            "a room or two people have no conversation",
            "SELECT conversation FROM
            (SELECT conversation FROM rooms UNION ALL SELECT conversation FROM pairs)
            WHERE conversation NOT IN (SELECT id FROM conversations)",
        ),
        (
            "a message is in no conversation",
            "SELECT 1 FROM messages
            WHERE conversation NOT IN (SELECT id FROM conversations)",
        ),
        (
            "somebody takes part in what is no room",
            "SELECT 1 FROM places WHERE conversation NOT IN (SELECT conversation FROM rooms)",
        ),
        (
            "nobody takes part in a room",
            "SELECT 1 FROM places WHERE account NOT IN (SELECT id FROM accounts)",
        ),
        (
            "one of two people does not have their conversation",
            "SELECT 1 FROM (SELECT one AS account, conversation FROM pairs UNION SELECT other, conversation FROM pairs)
            JOIN conversations ON id = conversation WHERE last > 0
            AND account NOT IN (SELECT id FROM accounts WHERE is_deleted)
            AND (account, conversation) NOT IN (SELECT account, conversation FROM sides)",
        ),
        (
            "somebody has a conversation of others",
            "SELECT 1 FROM sides WHERE (min(account, peer), max(account, peer), conversation)
            NOT IN (SELECT one, other, conversation FROM pairs)",
        ),
        (
            "somebody has read more than was said",
            "SELECT 1 FROM sides JOIN conversations ON id = conversation WHERE read > last",
        ),
        ("a message is by nobody", "SELECT 1 FROM messages WHERE author NOT IN (SELECT id FROM accounts)"),
        (
            "a message has no text",
            "SELECT 1 FROM messages
            WHERE text = '' AND author NOT IN (SELECT id FROM accounts WHERE is_deleted)",
        ),
        (
            "a message is missing",
            "SELECT id FROM conversations LEFT JOIN messages ON conversation = id
            GROUP BY id HAVING count(seq) <> last - first + 1
            OR (count(seq) > 0 AND (min(seq) <> first OR max(seq) <> last))",
        ),
    ] {
        if db.prepare(select)?.exists([])? {
            return Err(StoreError::Damaged(what.to_owned()));
        }
    }
    friends::check(db)?;
    Ok(unsigned(db.query_row("SELECT count(*) FROM messages", [], |row| row.get(0))?))
}

/// The rooms there are, in the order in which they came to be.
fn rooms(db: &Connection) -> Result<Vec<StoredRoom>, StoreError> {
    let mut select = db.prepare(
        "SELECT key, name, last FROM rooms JOIN conversations ON id = conversation ORDER BY conversation",
    )?;
    let mut rows = select.query([])?;
    let mut rooms = Vec::new();
    while let Some(row) = rows.next()? {
        let (key, name): (String, String) = (row.get(0)?, row.get(1)?);
        let name = RoomName::parse(&name).map_err(|_| StoreError::Name)?;
        // One that could not be made today keeps its name all the same.
        let look = NameLook::of_room(name_look, &name)
            .or_else(|_| NameLook::of_room(|name| Ok(look(name)), &name))
            .map_err(|_| StoreError::Name)?;
        let key = NameKey::new(str::to_owned, &key);
        rooms.push(StoredRoom { key, look, name, last_seq: unsigned(row.get(2)?) });
    }
    Ok(rooms)
}

fn past(row: &Row<'_>, reader: i64) -> Result<Past, StoreError> {
    let author: i64 = row.get(2)?;
    let (cid, text): (Option<String>, String) = (row.get(4)?, row.get(5)?);
    Ok(Past {
        posted: Posted { seq: unsigned(row.get(0)?), ts_ms: unsigned(row.get(1)?) },
        from: UserName::parse(&row.get::<_, String>(3)?).map_err(|_| StoreError::Name)?,
        text: text_of(text)?,
        cid: cid.filter(|_| author == reader).as_deref().and_then(Cid::parse),
    })
}

/// What was said, of which nothing is left where it was deleted.
fn text_of(stored: String) -> Result<Option<Text>, StoreError> {
    if stored.is_empty() {
        return Ok(None);
    }
    let text = Text::parse(stored);
    text.map(Some).map_err(|_| StoreError::Damaged("a message's text is none".to_owned()))
}

/// What was looked up for a group, so that it is once for all its messages: most of them are by few and in few rooms.
/// Nobody else changes any of it before the group is written.
#[derive(Default)]
struct Known<'g> {
    accounts: BTreeMap<&'g NameKey, Option<i64>>,
    rooms: BTreeMap<&'g NameKey, i64>,
    /// The last number that was given in a conversation, if it is not written down.
    last: BTreeMap<i64, i64>,
    /// The private ones among them.
    stirred: Stirred,
}

impl<'g> Known<'g> {
    fn account(&mut self, db: &Connection, key: &'g NameKey) -> rusqlite::Result<Option<i64>> {
        if let Some(account) = self.accounts.get(key) {
            return Ok(*account);
        }
        let found = account(db, key)?;
        self.accounts.insert(key, found);
        Ok(found)
    }

    fn room(&mut self, db: &Connection, key: &'g NameKey, name: &RoomName) -> rusqlite::Result<i64> {
        if let Some(conversation) = self.rooms.get(key) {
            return Ok(*conversation);
        }
        let conversation = room(db, key, name)?;
        self.rooms.insert(key, conversation);
        Ok(conversation)
    }

    /// The next number in a conversation.
    fn next_seq(&mut self, db: &Connection, conversation: i64) -> rusqlite::Result<i64> {
        let seq = match self.last.get(&conversation) {
            Some(last) => last + 1,
            None => {
                let mut select = db.prepare_cached("SELECT last + 1 FROM conversations WHERE id = ?1")?;
                select.query_row([conversation], |row| row.get(0))?
            }
        };
        self.last.insert(conversation, seq);
        Ok(seq)
    }

    /// Writes down which numbers were given.
    fn write(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut update = db.prepare_cached("UPDATE conversations SET last = ?2 WHERE id = ?1")?;
        for (conversation, last) in std::mem::take(&mut self.last) {
            update.execute([conversation, last])?;
        }
        self.stirred.write(db)
    }
}

fn found<'g>(db: &Connection, founding: &'g Founding, known: &mut Known<'g>) -> Result<Outcome, StoreError> {
    if let Some(instead) = &founding.instead {
        known.rooms.remove(instead);
        remove_silent(db, instead)?;
    }
    known.room(db, &founding.key, &founding.name)?;
    Ok(Outcome::Founded)
}

fn place<'g>(db: &Connection, placing: &'g Placing, known: &mut Known<'g>) -> Result<Outcome, StoreError> {
    let Some(account) = known.account(db, &placing.account.key)? else { return Ok(Outcome::Failed) };
    let room = known.room(db, &placing.room, &placing.name)?;
    // What of this group is said already is not written down yet.
    let last = known.last.get(&room).copied();
    places::write(db, account, room, placing.step, last)?;
    Ok(Outcome::Placed)
}

fn tell(db: &Connection, account: &Account, with_ties: bool) -> Result<Told, StoreError> {
    let id = self::account(db, &account.key)?;
    let talks = id.map(|id| sides::newest(db, id)).transpose()?.unwrap_or_default();
    let ties = match (id, with_ties) {
        (Some(id), true) => Some(friends::of(db, id)?),
        (None, true) => Some(Ties::new()),
        (_, false) => None,
    };
    Ok(Told { talks, ties })
}

/// What was read for one alone. `None` if it is damaged: the others of the group are not to bear that, unless the group is
/// gone already.
fn alone<T>(db: &Connection, read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Err(error) if !db.is_autocommit() => {
            tracing::error!(%error, "what is stored of somebody could not be read");
            Ok(None)
        }
        read => read.map(Some),
    }
}

/// What becomes of two people.
fn tie<'g>(db: &Connection, tying: &'g Tying, known: &mut Known<'g>) -> Result<Outcome, StoreError> {
    let Some(account) = known.account(db, &tying.account.key)? else { return Ok(Outcome::Failed) };
    let Some(decided) = alone(db, friends::decide(db, account, tying))? else {
        return Ok(Outcome::Unreadable);
    };
    Ok(match decided {
        Ok((other, tied)) => {
            friends::tie(db, account, other, &tied)?;
            Outcome::Tied(Box::new(tied))
        }
        Err(untied) => Outcome::Untied(untied),
    })
}

/// Whether a private message may be kept, as far as that is still to be looked up.
fn is_wanted(db: &Connection, consent: Consent, author: i64, receiver: i64) -> Result<bool, StoreError> {
    match consent {
        Consent::Given => Ok(true),
        Consent::NotBlocked => Ok(friends::tie_to(db, receiver, author)? != Tie::Blocked),
        Consent::Friends => Ok(friends::tie_to(db, receiver, author)? == Tie::Friend),
    }
}

/// How far somebody has read. Where nothing was said there is nothing to be read.
fn peer_read<'g>(db: &Connection, read: &'g PeerRead, known: &mut Known<'g>) -> Result<Outcome, StoreError> {
    known.write(db)?;
    let Some(reader) = known.account(db, &read.account.key)? else { return Ok(Outcome::Failed) };
    let Some(found) = alone(db, find_side(db, reader, read))? else { return Ok(Outcome::Unreadable) };
    let Some((peer, conversation, before, now)) = found else {
        return Ok(Outcome::PeerRead(Extent { peer: read.name.clone(), seq: 0, is_news: false }));
    };
    if now > before {
        sides::write_read(db, reader, conversation, now)?;
    }
    Ok(Outcome::PeerRead(Extent { peer, seq: unsigned(now), is_news: now > before }))
}

/// With whom, in which conversation, and how far it was read and is to be. `None` if nothing was said there.
fn find_side(
    db: &Connection,
    reader: i64,
    read: &PeerRead,
) -> Result<Option<(UserName, i64, i64, i64)>, StoreError> {
    let select =
        "SELECT name, conversation FROM accounts JOIN pairs ON (one, other) = (min(accounts.id, ?2), max(accounts.id, ?2))
        JOIN conversations ON conversations.id = conversation WHERE key = ?1 AND last > 0";
    let found = db
        .prepare_cached(select)?
        .query_row(params![read.peer.as_str(), reader], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
        })
        .optional()?;
    let Some((name, conversation)) = found else { return Ok(None) };
    let peer = UserName::parse(&name).map_err(|_| StoreError::Name)?;
    let (before, now) = sides::read(db, reader, conversation, read.seq)?;
    Ok(Some((peer, conversation, before, now)))
}

fn post<'g>(
    db: &Connection,
    message: &'g Message,
    ts_ms: u64,
    known: &mut Known<'g>,
) -> Result<Outcome, StoreError> {
    let Some(author) = known.account(db, &message.author.key)? else { return Ok(Outcome::Failed) };
    let (conversation, peer) = match &message.audience {
        Audience::Room(key, name) => (known.room(db, key, name)?, None),
        Audience::User(peer) => match known.account(db, &peer.key)? {
            Some(peer) => match alone(db, is_wanted(db, message.consent, author, peer))? {
                Some(true) => (pair(db, author, peer)?, Some(peer)),
                Some(false) => return Ok(Outcome::Absent),
                None => return Ok(Outcome::Unreadable),
            },
            // They are deleted, and never come back.
            None => return Ok(Outcome::Absent),
        },
    };
    if let Some(cid) = &message.cid
        && let Some(before) = find_cid(db, author, cid)?
    {
        let is_it = before.conversation == conversation && before.text == message.text.as_str();
        return Ok(if is_it { Outcome::Repeated(before.posted) } else { Outcome::Conflict });
    }
    let seq = known.next_seq(db, conversation)?;
    let (cid, ts) = (message.cid.as_ref().map(Cid::as_str), signed(ts_ms));
    db.prepare_cached(
        "INSERT INTO messages (conversation, seq, ts, author, cid, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![conversation, seq, ts, author, cid, message.text.as_str()])?;
    match peer {
        Some(peer) => known.stirred.add(conversation, author, peer, (seq, ts), message.is_read_by_author),
        None if message.is_read_by_author => {
            places::write(db, author, conversation, PlacingStep::Read(unsigned(seq)), None)?;
        }
        None => {}
    }
    Ok(Outcome::Posted(Posted { seq: unsigned(seq), ts_ms }))
}

struct Before {
    conversation: i64,
    posted: Posted,
    text: String,
}

fn find_cid(db: &Connection, author: i64, cid: &Cid) -> rusqlite::Result<Option<Before>> {
    db.prepare_cached("SELECT conversation, seq, ts, text FROM messages WHERE author = ?1 AND cid = ?2")?
        .query_row(params![author, cid.as_str()], |row| {
            let posted = Posted { seq: unsigned(row.get(1)?), ts_ms: unsigned(row.get(2)?) };
            Ok(Before { conversation: row.get(0)?, posted, text: row.get(3)? })
        })
        .optional()
}

fn account(db: &Connection, key: &NameKey) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT id FROM accounts WHERE key = ?1 AND NOT is_deleted")?
        .query_row([key.as_str()], |row| row.get(0))
        .optional()
}

/// The account of that name, also if it is deleted.
fn account_ever(db: &Connection, key: &NameKey) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT id FROM accounts WHERE key = ?1")?
        .query_row([key.as_str()], |row| row.get(0))
        .optional()
}

/// The conversation of a room, which is made if there is none.
fn room(db: &Connection, key: &NameKey, name: &RoomName) -> rusqlite::Result<i64> {
    if let Some(conversation) = find_room(db, key)? {
        return Ok(conversation);
    }
    let conversation = begin(db)?;
    db.prepare_cached("INSERT INTO rooms (conversation, key, name) VALUES (?1, ?2, ?3)")?
        .execute(params![conversation, key.as_str(), name.as_str()])?;
    Ok(conversation)
}

fn find_room(db: &Connection, key: &NameKey) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT conversation FROM rooms WHERE key = ?1")?
        .query_row([key.as_str()], |row| row.get(0))
        .optional()
}

fn find_pair(db: &Connection, one: i64, other: i64) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT conversation FROM pairs WHERE one = ?1 AND other = ?2")?
        .query_row(params![one.min(other), one.max(other)], |row| row.get(0))
        .optional()
}

/// The conversation of two accounts, which may be the same, made if there is none.
fn pair(db: &Connection, one: i64, other: i64) -> rusqlite::Result<i64> {
    if let Some(conversation) = find_pair(db, one, other)? {
        return Ok(conversation);
    }
    let conversation = begin(db)?;
    db.prepare_cached("INSERT INTO pairs (one, other, conversation) VALUES (?1, ?2, ?3)")?
        .execute(params![one.min(other), one.max(other), conversation])?;
    Ok(conversation)
}

fn begin(db: &Connection) -> rusqlite::Result<i64> {
    db.prepare_cached("INSERT INTO conversations DEFAULT VALUES")?.execute([])?;
    Ok(db.last_insert_rowid())
}

/// Removes a room in which nothing was said and nobody takes part.
fn remove_silent(db: &Connection, key: &NameKey) -> rusqlite::Result<()> {
    let silent =
        "SELECT rooms.conversation FROM rooms JOIN conversations ON id = conversation WHERE key = ?1 AND last = 0
        AND NOT EXISTS (SELECT 1 FROM places WHERE places.conversation = id)";
    let mut select = db.prepare_cached(silent)?;
    if let Some(conversation) = select.query_row([key.as_str()], |row| row.get::<_, i64>(0)).optional()? {
        db.prepare_cached("DELETE FROM rooms WHERE conversation = ?1")?.execute([conversation])?;
        db.prepare_cached("DELETE FROM conversations WHERE id = ?1")?.execute([conversation])?;
    }
    Ok(())
}

const BACKWARDS: &str = "SELECT seq, ts, author, name, cid, text FROM messages JOIN accounts ON id = author
    WHERE conversation = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3";
const FORWARDS: &str = "SELECT seq, ts, author, name, cid, text FROM messages JOIN accounts ON id = author
    WHERE conversation = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";

/// Numbers are counted up from 0 here, and SQLite's are signed.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use chatroom_core::Instant;
    use chatroom_core::hub::{Command, Deliveries, Hub, Post};
    use chatroom_core::limits::Limits;
    use chatroom_core::message::hello::Caps;

    use super::*;
    use crate::passwords::hasher::Phc;
    use crate::store::Records as _;
    use crate::store::testing::found_after;
    use crate::testing::{account, look};

    const NOW: fn() -> Instant = Instant::default;

    /// Ann and bob in a room, and the disk that what they say goes to.
    struct Room {
        store: Store,
        hub: Hub,
        ann: chatroom_core::hub::ConnId,
        bob: chatroom_core::hub::ConnId,
    }

    impl Room {
        fn new() -> Self {
            let mut store = Store::in_memory().unwrap();
            for name in ["ann", "bob"] {
                let phc = Phc::from_store("$hash".to_owned());
                store.insert(&account(name), &look(name), &phc, None).unwrap();
            }
            let limits = Limits { message_rate: 0, ..Limits::default() };
            let mut hub = Hub::new(NOW(), limits, name_key, name_look, &[name("den")])
                .with_history(NOW(), store.memory().unwrap());
            let mut deliveries = Deliveries::new();
            let [ann, bob] = ["ann", "bob"].map(|user| {
                let id = hub.connect(&mut deliveries).unwrap();
                let login = Command::Login(account(user), Caps { ack: true, ..Caps::default() }, None);
                hub.apply(NOW(), id, login, &mut deliveries);
                hub.apply(NOW(), id, Command::Enter(key("den"), name("den")), &mut deliveries);
                id
            });
            Self { store, hub, ann, bob }
        }

        /// Has something said, to one or to all, and called something or not.
        fn say(&mut self, from: chatroom_core::hub::ConnId, to: Option<&str>, cid: &str, text: &str) {
            let text = Text::try_from(text).unwrap();
            let to = to.map(|to| (key(to), UserName::parse(to).unwrap()));
            let post = Post {
                to,
                room: None,
                text,
                plain: Some(Vec::new().into()),
                cid: Cid::parse(cid),
                rid: None,
            };
            self.hub.apply(NOW(), from, Command::Post(Box::new(post)), &mut Deliveries::new());
        }

        /// What comes of all that was said since, at a time.
        fn write(&mut self, ts_ms: u64) -> Vec<String> {
            let mut group = Vec::new();
            self.hub.take_appends(usize::MAX, &mut group);
            let outcomes = self.store.append(&group, ts_ms).unwrap();
            let settled =
                group.into_iter().zip(&outcomes).map(|(append, outcome)| append.settle(outcome.clone()));
            self.hub.settle(NOW(), settled.collect(), &mut Deliveries::new());
            outcomes
                .iter()
                .map(|outcome| match outcome {
                    Outcome::Posted(Posted { seq, ts_ms }) => format!("{seq} at {ts_ms}"),
                    Outcome::Repeated(Posted { seq, ts_ms }) => format!("again {seq} at {ts_ms}"),
                    other => format!("{other:?}"),
                })
                .collect()
        }
    }

    fn name(room: &str) -> RoomName {
        RoomName::parse(room).unwrap()
    }

    fn key(name: &str) -> NameKey {
        NameKey::new(name_key, name)
    }

    fn name_key(name: &str) -> String {
        crate::keys::name_key(name)
    }

    #[test]
    fn messages_are_numbered_in_their_conversation_without_a_hole() {
        let mut room = Room::new();
        let (ann, bob) = (room.ann, room.bob);
        room.say(ann, None, "", "one");
        room.say(bob, None, "", "two");
        room.say(ann, Some("bob"), "", "psst");
        assert_eq!(room.write(5), ["1 at 5", "2 at 5", "1 at 5"]);
        room.say(bob, Some("ann"), "", "what?");
        room.say(bob, Some("bob"), "", "to myself");
        room.say(ann, None, "", "three");
        assert_eq!(room.write(6), ["2 at 6", "1 at 6", "3 at 6"]);
    }

    #[test]
    fn what_is_called_the_same_is_one_message() {
        let mut room = Room::new();
        let (ann, bob) = (room.ann, room.bob);
        room.say(ann, None, "c", "one");
        room.say(ann, None, "c", "one");
        assert_eq!(room.write(5), ["1 at 5", "again 1 at 5"], "in one group");
        room.say(ann, None, "c", "one");
        room.say(ann, None, "c", "another");
        room.say(ann, Some("bob"), "c", "one");
        room.say(bob, None, "c", "one");
        assert_eq!(room.write(6), ["again 1 at 5", "Conflict", "Conflict", "2 at 6"]);
        room.say(ann, None, "", "one");
        assert_eq!(room.write(7), ["3 at 7"], "what has no name is never the same");
    }

    /// A page in a few words.
    fn page(room: &Room, reader: &str, conversation: Conversation, edge: Edge, count_max: usize) -> String {
        let window = Window { edge, count_max };
        let page = room.store.page(&Recall { reader: account(reader), conversation, window }).unwrap();
        let lines = page.messages().iter().map(|Past { posted, from, text, cid }| {
            let cid = cid.as_ref().map(|cid| format!("#{}", cid.as_str())).unwrap_or_default();
            let text = text.as_ref().map_or("(deleted)", Text::as_str);
            format!("{} {from}: {text}{cid}", posted.seq)
        });
        let lines: Vec<String> = lines.collect();
        format!("{}{}", lines.join(", "), if page.has_more() { ", more" } else { "" })
    }

    #[test]
    fn a_conversation_is_read_by_its_members_a_page_at_a_time() {
        let mut room = Room::new();
        let (ann, bob) = (room.ann, room.bob);
        room.say(ann, None, "c1", "one");
        room.say(bob, None, "c2", "two");
        room.say(ann, None, "", "three");
        room.say(ann, Some("bob"), "", "psst");
        room.write(5);
        let den = || Conversation::Room(key("den"));
        for (edge, count_max, expected) in [
            (Edge::End, 100, "1 ann: one#c1, 2 bob: two, 3 ann: three"),
            (Edge::End, 3, "1 ann: one#c1, 2 bob: two, 3 ann: three"),
            (Edge::End, 2, "2 bob: two, 3 ann: three, more"),
            (Edge::Before(3), 1, "2 bob: two, more"),
            (Edge::Before(0), 1, ""),
            (Edge::After(0), 2, "1 ann: one#c1, 2 bob: two, more"),
            (Edge::After(3), 2, ""),
            (Edge::After(u64::MAX), 2, ""),
        ] {
            assert_eq!(page(&room, "ann", den(), edge, count_max), expected, "{edge:?} {count_max}");
        }
        let with = |peer: &str| Conversation::Peer(key(peer));
        assert_eq!(page(&room, "ann", with("bob"), Edge::End, 9), "1 ann: psst");
        assert_eq!(page(&room, "bob", with("ann"), Edge::End, 9), "1 ann: psst");
        assert_eq!(page(&room, "ann", with("ann"), Edge::End, 9), "");
        assert_eq!(page(&room, "ann", with("cara"), Edge::End, 9), "");
        assert_eq!(page(&room, "ann", Conversation::Room(key("attic")), Edge::End, 9), "");
    }

    #[test]
    fn a_page_of_long_messages_ends_where_its_frame_does() {
        let mut room = Room::new();
        let ann = room.ann;
        for number in 0..80 {
            room.say(ann, None, "", &format!("{number}{}", "\"".repeat(4_000)));
        }
        room.write(5);
        let read = |edge| {
            let page = page(&room, "ann", Conversation::Room(key("den")), edge, 100);
            let numbers: Vec<String> =
                page.split(", ").map(|line| line.split(' ').next().unwrap().into()).collect();
            (numbers[0].clone(), numbers[numbers.len() - 2].clone(), numbers[numbers.len() - 1].clone())
        };
        let (first, last, more) = read(Edge::End);
        assert_eq!((first.as_str(), last.as_str(), more.as_str()), ("49", "80", "more"));
        let (first, last, more) = read(Edge::After(10));
        assert_eq!((first.as_str(), last.as_str(), more.as_str()), ("11", "42", "more"));
    }

    #[test]
    fn who_has_no_account_any_more_says_nothing_and_the_others_do() {
        let mut room = Room::new();
        let (ann, bob) = (room.ann, room.bob);
        room.say(ann, None, "", "one");
        room.say(bob, Some("ann"), "", "psst");
        room.say(bob, None, "", "two");
        room.store.db.execute("DELETE FROM accounts WHERE key = 'ann'", []).unwrap();
        assert_eq!(room.write(5), ["Failed", "Absent", "1 at 5"]);
    }

    #[test]
    fn rooms_are_found_again_in_the_order_of_their_making() {
        let mut room = Room::new();
        let ann = room.ann;
        room.say(ann, None, "", "the first thing said in it makes it known");
        room.write(5);
        room.hub.apply(NOW(), ann, Command::Exit, &mut Deliveries::new());
        for new in ["Tech Talk", "attic"] {
            let look = NameLook::of_room(name_look, &name(new)).unwrap();
            let create = Command::Create(key(new), look, name(new));
            room.hub.apply(NOW(), ann, create, &mut Deliveries::new());
        }
        assert_eq!(room.write(6), ["Founded", "Founded"]);
        let rooms = room.store.memory().unwrap().rooms;
        let brief = rooms.iter().map(|room| (room.name.as_str(), room.key.as_str(), room.last_seq));
        let expected = [("den", "den", 1), ("Tech Talk", "tech talk", 0), ("attic", "attic", 0)];
        assert_eq!(brief.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_check_misses_no_message() {
        let mut room = Room::new();
        let (ann, bob) = (room.ann, room.bob);
        for _ in 0..3 {
            room.say(ann, None, "", "hello");
            room.say(bob, Some("ann"), "", "psst");
        }
        room.write(5);
        assert_eq!(check(&room.store.db).unwrap(), 6);
        for (harm, what) in [
            ("DELETE FROM messages WHERE seq = 2 AND author = 1", "missing"),
            ("DELETE FROM messages WHERE seq = 3 AND author = 1", "missing"),
            ("DELETE FROM messages WHERE seq = 1 AND author = 1", "missing"),
            ("DELETE FROM messages WHERE author = 1", "missing"),
            ("UPDATE messages SET text = '' WHERE seq = 2 AND author = 1", "no text"),
            ("UPDATE messages SET conversation = conversation + 9", "in no conversation"),
            ("DELETE FROM conversations WHERE id = 1", "have no conversation"),
            ("DELETE FROM rooms", "nobody's"),
            ("DELETE FROM accounts WHERE key = 'ann'", "by nobody"),
        ] {
            let found = found_after(&room.store.db, harm, check);
            assert!(found.contains(what), "{harm}: {found}");
        }
    }

    #[test]
    fn a_room_that_gives_way_is_gone_and_one_in_which_something_was_said_stays() {
        let mut room = Room::new();
        let ann = room.ann;
        room.say(ann, None, "", "hello");
        room.write(5);
        let db = &room.store.db;
        super::room(db, &key("attic"), &name("attic")).unwrap();
        for gone in ["attic", "den", "never there"] {
            remove_silent(db, &key(gone)).unwrap();
        }
        let rooms = room.store.memory().unwrap().rooms;
        assert_eq!(rooms.iter().map(|room| room.name.as_str()).collect::<Vec<_>>(), ["den"]);
        let conversations: u32 =
            db.query_row("SELECT count(*) FROM conversations", [], |row| row.get(0)).unwrap();
        assert_eq!(conversations, 1);
    }
}
