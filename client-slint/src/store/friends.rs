//! Who is what to an account, as its server told it last.

use chatroom_core::client::Friends;
use chatroom_core::message::friend::Tie;
use chatroom_core::name::UserName;
use rusqlite::{Connection, params};

/// These are something to the account, and nobody else is.
pub(super) fn set(db: &Connection, account: i64, friends: &Friends) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM ties WHERE account = ?1")?.execute([account])?;
    let mut insert =
        db.prepare_cached("INSERT OR REPLACE INTO ties (account, name, tie) VALUES (?1, ?2, ?3)")?;
    let Friends { friends, asking, asked, blocked } = friends;
    for (names, tie) in
        [(friends, Tie::Friend), (asking, Tie::Asking), (asked, Tie::Asked), (blocked, Tie::Blocked)]
    {
        for name in names {
            insert.execute(params![account, name.as_str(), tie.as_str()])?;
        }
    }
    Ok(())
}

/// Who is what, each by name.
pub(super) fn of(db: &Connection, account: i64) -> rusqlite::Result<Friends> {
    let mut select = db.prepare_cached("SELECT name, tie FROM ties WHERE account = ?1 ORDER BY name")?;
    let mut rows = select.query([account])?;
    let mut friends = Friends::default();
    while let Some(row) = rows.next()? {
        let (name, word): (String, String) = (row.get(0)?, row.get(1)?);
        let Some(tie) = Tie::ALL.into_iter().find(|tie| tie.as_str() == word) else { continue };
        let Ok(name) = UserName::parse(&name) else { continue };
        match tie {
            Tie::None => {}
            Tie::Friend => friends.friends.push(name),
            Tie::Asking => friends.asking.push(name),
            Tie::Asked => friends.asked.push(name),
            Tie::Blocked => friends.blocked.push(name),
        }
    }
    Ok(friends)
}
