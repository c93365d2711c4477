//! Who may make an account where not everybody may: whoever shows an invitation.
//!
//! What is shown is stored as a hash, so who reads the file, or a backup of it, is not invited by that: there are 2^128
//! invitations to guess from.

use std::time::Duration;

use chatroom_core::secret::Token;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Store, StoreError, seconds};
use crate::tokens::{TokenHash, hash};

/// What somebody shows, and when, counted from 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    hash: TokenHash,
    at: Duration,
}

/// An invitation, as whoever runs the server sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// What it is called in the list.
    pub id: i64,
    /// How many accounts can still be made with it.
    pub uses_left: u32,
    /// When it ends: a day and a time of day, UTC.
    pub ends: String,
}

impl Shown {
    /// `invite`, shown at a time counted from 1970.
    #[must_use]
    pub fn new(invite: &Token, at: Duration) -> Self {
        Self { hash: hash(invite), at }
    }
}

impl Store {
    /// Lets so many accounts be made by who shows `invite` before it ends, and forgets invitations that have ended.
    /// Times are counted from 1970.
    ///
    /// # Errors
    /// When the database cannot be written; nothing has changed then.
    pub fn invite(
        &mut self,
        invite: &Token,
        uses: u32,
        now: Duration,
        end: Duration,
    ) -> Result<(), StoreError> {
        let transaction = self.db.transaction()?;
        transaction.execute("DELETE FROM invitations WHERE ends <= ?1", [seconds(now)])?;
        transaction.execute(
            "INSERT INTO invitations (hash, uses_left, ends) VALUES (?1, ?2, ?3)",
            params![hash(invite), uses, seconds(end)],
        )?;
        Ok(transaction.commit()?)
    }

    /// All invitations that can still be used, the one that ends first at the head.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn invitations(&self, now: Duration) -> Result<Vec<Invitation>, StoreError> {
        let mut select = self.db.prepare(
            "SELECT id, uses_left, strftime('%Y-%m-%d %H:%M', ends, 'unixepoch') FROM invitations
            WHERE ends > ?1 ORDER BY ends, id",
        )?;
        let rows = select.query_map([seconds(now)], |row| {
            Ok(Invitation { id: row.get(0)?, uses_left: row.get(1)?, ends: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Takes an invitation back. Whether there was one of that number.
    ///
    /// # Errors
    /// When the database cannot be written; nothing has changed then.
    pub fn revoke_invitation(&mut self, id: i64) -> Result<bool, StoreError> {
        Ok(self.db.execute("DELETE FROM invitations WHERE id = ?1", [id])? > 0)
    }
}

/// Whether it is an invitation that can still be used.
pub(super) fn is_usable(db: &Connection, shown: &Shown) -> Result<bool, StoreError> {
    let mut select = db.prepare_cached("SELECT 1 FROM invitations WHERE hash = ?1 AND ends > ?2")?;
    Ok(select.exists(params![shown.hash, seconds(shown.at)])?)
}

/// Uses it up by one, if it can still be used. One that is used up is forgotten.
pub(super) fn use_up(db: &Connection, shown: &Shown) -> Result<bool, StoreError> {
    let mut update = db.prepare_cached(
        "UPDATE invitations SET uses_left = uses_left - 1 WHERE hash = ?1 AND ends > ?2 RETURNING id, uses_left",
    )?;
    let left = update.query_row(params![shown.hash, seconds(shown.at)], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, u32>(1)?))
    });
    let Some((id, uses_left)) = left.optional()? else { return Ok(false) };
    if uses_left == 0 {
        db.prepare_cached("DELETE FROM invitations WHERE id = ?1")?.execute([id])?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::super::{Claim, Records as _};
    use super::*;
    use crate::passwords::hasher::Phc;
    use crate::testing::{account, look};

    const DAY: Duration = Duration::from_secs(86_400);
    const NOW: Duration = Duration::from_secs(1_700_000_000);

    fn invite(text: &str) -> Token {
        Token::new(text.to_owned().into())
    }

    /// A store with one invitation, `good`, for two accounts and a day.
    fn store() -> Store {
        let mut store = Store::in_memory().unwrap();
        store.invite(&invite("good"), 2, NOW, NOW + DAY).unwrap();
        store
    }

    fn register(store: &mut Store, name: &str, shown: &str, at: Duration) -> Claim {
        let shown = Shown::new(&invite(shown), at);
        let phc = Phc::from_store("$hash".to_owned());
        store.insert(&account(name), &look(name), &phc, Some(&shown)).unwrap()
    }

    fn uses_left(store: &Store) -> Vec<u32> {
        store.invitations(NOW).unwrap().iter().map(|invitation| invitation.uses_left).collect()
    }

    #[test]
    fn an_invitation_makes_as_many_accounts_as_it_says() {
        let mut store = store();
        assert!(store.is_invited(&Shown::new(&invite("good"), NOW)).unwrap());
        assert_eq!(register(&mut store, "ann", "good", NOW), Claim::Free);
        assert_eq!(uses_left(&store), [1]);
        assert_eq!(register(&mut store, "bob", "good", NOW), Claim::Free);
        assert_eq!(uses_left(&store), [0_u32; 0]);
        assert_eq!(register(&mut store, "cyd", "good", NOW), Claim::Uninvited);
        assert!(store.find(&account("cyd")).unwrap().is_none());
    }

    #[test]
    fn a_name_that_cannot_be_had_costs_no_invitation() {
        let mut store = store();
        assert_eq!(register(&mut store, "alice", "good", NOW), Claim::Free);
        assert_eq!(register(&mut store, "ALICE", "good", NOW), Claim::Taken);
        assert_eq!(register(&mut store, "aIice", "good", NOW), Claim::Resembles);
        assert_eq!(uses_left(&store), [1]);
    }

    #[test]
    fn what_was_never_given_or_has_ended_invites_nobody() {
        let mut store = store();
        for (shown, at) in [("bad", NOW), ("", NOW), ("good", NOW + DAY)] {
            assert!(!store.is_invited(&Shown::new(&invite(shown), at)).unwrap(), "{shown}");
            // Not even a name that is taken is told apart from one that is not.
            assert_eq!(register(&mut store, "ann", shown, at), Claim::Uninvited, "{shown}");
        }
        assert_eq!(register(&mut store, "ann", "good", NOW + DAY - Duration::from_secs(1)), Claim::Free);
    }

    #[test]
    fn invitations_are_listed_and_taken_back() {
        let mut store = store();
        store.invite(&invite("other"), 1, NOW, NOW + DAY / 2).unwrap();
        let listed = store.invitations(NOW).unwrap();
        let ends: Vec<_> = listed.iter().map(|invitation| invitation.ends.as_str()).collect();
        assert_eq!(ends, ["2023-11-15 10:13", "2023-11-15 22:13"]);
        assert!(store.revoke_invitation(listed[1].id).unwrap());
        assert!(!store.revoke_invitation(listed[1].id).unwrap());
        assert_eq!(register(&mut store, "ann", "good", NOW), Claim::Uninvited);
        assert_eq!(register(&mut store, "ann", "other", NOW), Claim::Free);
    }

    #[test]
    fn invitations_are_not_in_the_file() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("chatroom.db");
        let mut store = Store::open(&file).unwrap();
        store.invite(&invite("0123456789abcdef"), 1, NOW, NOW + DAY).unwrap();
        drop(store);
        let bytes = fs::read(&file).unwrap();
        let contains = |text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
        assert!(contains(b"invitations") && !contains(b"0123456789abcdef"));
    }

    #[test]
    fn one_that_has_ended_is_gone_with_the_next() {
        let mut store = store();
        assert_eq!(store.invitations(NOW + DAY).unwrap(), []);
        store.invite(&invite("next"), 1, NOW + DAY, NOW + 2 * DAY).unwrap();
        // The file has no trace of the first.
        assert_eq!(uses_left(&store), [1]);
    }
}
