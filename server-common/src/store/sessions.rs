//! Logins that last: who shows the token of one is let in without a password.
//!
//! Tokens are stored as hashes, so who reads the file, or a backup of it, is let in by none of them: a token is 256 random
//! bits. Each is shown once and replaced. The one before stays good until the new one was
//! shown, for an answer may get lost on its way.

use std::time::Duration;

use chatroom_core::limits::LOGINS_TOLD_MAX;
use chatroom_core::message::logins::{self, ClientName};
use chatroom_core::name::{Account, NameKey, UserName};
use chatroom_core::server::GrantId;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use serde::Serialize;

use super::messages::signed;
use super::{Store, StoreError, seconds};
use crate::passwords::hasher::Phc;
use crate::tokens::TokenHash;

/// For how long logins last, and how many of them an account has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lasting {
    /// The time, counted from 1970.
    pub now: Duration,
    /// When a login ends that is begun or shown now.
    pub end: Duration,
    /// How many an account has at once.
    pub count_max: u32,
}

/// A login that lasts, as whoever runs the server sees it. Times are days and times of day, UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Login {
    /// What it is called in the list.
    pub number: i64,
    /// When the password was given. `None` if that was before it was noted.
    pub begun: Option<String>,
    /// When it was last come back to, or its user last seen to be connected by it. `None` as above.
    pub used: Option<String>,
    /// When it ends.
    pub ends: String,
    /// What the program called itself in which the password was given, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}

impl Store {
    pub(super) fn begin(
        &mut self,
        key: &NameKey,
        proof: &Phc,
        token: &TokenHash,
        client: Option<&ClientName>,
        lasting: Lasting,
    ) -> Result<Option<GrantId>, StoreError> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction
            .prepare_cached("DELETE FROM sessions WHERE ends <= ?1")?
            .execute([seconds(lasting.now)])?;
        let id: Option<i64> = transaction
            .prepare_cached(
                "INSERT INTO sessions (account, token, ends, begun, used, client)
                SELECT id, ?3, ?4, ?5, ?5, ?6 FROM accounts WHERE key = ?1 AND password = ?2 AND NOT is_disabled
                RETURNING id",
            )?
            .query_row(
                params![
                    key.as_str(),
                    proof.expose(),
                    token,
                    seconds(lasting.end),
                    seconds(lasting.now),
                    client.map(ClientName::as_str)
                ],
                |row| row.get(0),
            )
            .optional()?;
        let Some(id) = id else { return Ok(None) };
        transaction
            .prepare_cached(
                "DELETE FROM sessions WHERE id IN (
                    SELECT id FROM sessions WHERE account = (SELECT account FROM sessions WHERE id = ?1)
                    ORDER BY id = ?1 DESC, ends DESC, id DESC LIMIT -1 OFFSET ?2)",
            )?
            .execute(params![id, lasting.count_max])?;
        transaction.commit()?;
        Ok(Some(GrantId(id)))
    }

    pub(super) fn renew(
        &mut self,
        tokens: &[(TokenHash, TokenHash)],
        lasting: Lasting,
    ) -> Result<Vec<Option<(GrantId, Account)>>, StoreError> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut renewed = Vec::with_capacity(tokens.len());
        for (shown, next) in tokens {
            let found = find(&transaction, shown, lasting.now)?;
            if let Some((GrantId(id), _)) = &found {
                transaction
                    .prepare_cached(
                        "UPDATE sessions SET token = ?2, before = ?3, ends = ?4, used = ?5 WHERE id = ?1",
                    )?
                    .execute(params![id, next, shown, seconds(lasting.end), seconds(lasting.now)])?;
            }
            renewed.push(found);
        }
        transaction.commit()?;
        Ok(renewed)
    }

    pub(super) fn extend(&mut self, id: GrantId, lasting: Lasting) -> Result<(), StoreError> {
        let mut update =
            self.db.prepare_cached("UPDATE sessions SET ends = max(ends, ?2), used = ?3 WHERE id = ?1")?;
        update.execute(params![id.0, seconds(lasting.end), seconds(lasting.now)])?;
        Ok(())
    }

    pub(super) fn end(&mut self, id: GrantId) -> Result<(), StoreError> {
        self.db.prepare_cached("DELETE FROM sessions WHERE id = ?1")?.execute([id.0])?;
        Ok(())
    }

    pub(super) fn end_of(&mut self, key: &NameKey, id: GrantId) -> Result<bool, StoreError> {
        let mut delete = self.db.prepare_cached(
            "DELETE FROM sessions WHERE id = ?1 AND account = (SELECT id FROM accounts WHERE key = ?2)",
        )?;
        Ok(delete.execute(params![id.0, key.as_str()])? > 0)
    }

    pub(super) fn told(&self, key: &NameKey, now: Duration) -> Result<Vec<logins::Login>, StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT sessions.id, client, begun, used, ends
            FROM sessions JOIN accounts ON accounts.id = account
            WHERE key = ?1 AND ends > ?2 ORDER BY used DESC, sessions.id DESC LIMIT ?3",
        )?;
        let rows =
            select.query_map(params![key.as_str(), seconds(now), signed(LOGINS_TOLD_MAX as u64)], |row| {
                Ok(logins::Login {
                    id: GrantId(row.get(0)?),
                    client: row.get::<_, Option<String>>(1)?.as_deref().and_then(ClientName::parse),
                    begun_ms: milliseconds(row.get(2)?),
                    used_ms: milliseconds(row.get(3)?),
                    ends_ms: milliseconds(row.get(4)?).unwrap_or_default(),
                    is_own: false,
                })
            })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Those of these logins that have ended.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn ended(&self, ids: &[GrantId]) -> Result<Vec<GrantId>, StoreError> {
        let mut lasts = self.db.prepare("SELECT count(*) FROM sessions WHERE id = ?1")?;
        let mut ended = Vec::new();
        for id in ids {
            if lasts.query_row([id.0], |row| row.get::<_, i64>(0))? == 0 {
                ended.push(*id);
            }
        }
        Ok(ended)
    }

    /// The logins of an account that last, the one that was used last at the head. `None` if there is no such account.
    /// `now` is counted from 1970.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn logins(&self, account: &Account, now: Duration) -> Result<Option<Vec<Login>>, StoreError> {
        let Some(id) = super::find_id(&self.db, account)? else { return Ok(None) };
        logins(&self.db, id, now).map(Some)
    }

    /// Ends one login of an account that lasts, by its number in the list. Whether there is one.
    ///
    /// # Errors
    /// When the database cannot be written; nothing has changed then.
    pub fn end_login(&mut self, account: &Account, number: i64) -> Result<bool, StoreError> {
        let Some(id) = super::find_id(&self.db, account)? else { return Ok(false) };
        let ended = self.db.execute("DELETE FROM sessions WHERE id = ?1 AND account = ?2", [number, id])?;
        Ok(ended > 0)
    }
}

/// Of a time in seconds since 1970; one from before that is none.
fn milliseconds(seconds: Option<i64>) -> Option<u64> {
    u64::try_from(seconds?).ok()?.checked_mul(1000)
}

/// The logins of an account that have not ended, the one that was used last at the head.
pub(super) fn logins(db: &Connection, account: i64, now: Duration) -> Result<Vec<Login>, StoreError> {
    let mut select = db.prepare(
        "SELECT id, strftime('%Y-%m-%d %H:%M', begun, 'unixepoch'), strftime('%Y-%m-%d %H:%M', used, 'unixepoch'),
            strftime('%Y-%m-%d %H:%M', ends, 'unixepoch'), client
        FROM sessions WHERE account = ?1 AND ends > ?2 ORDER BY used DESC, id DESC",
    )?;
    let rows = select.query_map([account, seconds(now)], |row| {
        Ok(Login {
            number: row.get(0)?,
            begun: row.get(1)?,
            used: row.get(2)?,
            ends: row.get(3)?,
            client: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Ends all logins of an account that last: its password is another one now, or it is shut out.
pub(super) fn end_all(db: &Connection, key: &NameKey) -> rusqlite::Result<usize> {
    db.execute(
        "DELETE FROM sessions WHERE account = (SELECT id FROM accounts WHERE key = ?1)",
        [key.as_str()],
    )
}

fn find(db: &Connection, shown: &TokenHash, now: Duration) -> Result<Option<(GrantId, Account)>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT sessions.id, key, name FROM sessions JOIN accounts ON accounts.id = account
        WHERE (token = ?1 OR before = ?1) AND ends > ?2",
    )?;
    let row = select
        .query_row(params![shown, seconds(now)], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        })
        .optional()?;
    let Some((id, key, name)) = row else { return Ok(None) };
    let name = UserName::parse(&name).map_err(|_| StoreError::Name)?;
    let account = super::stored_account(name, &key).ok_or(StoreError::Name)?;
    Ok(Some((GrantId(id), account)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use chatroom_core::secret::Token;
    use tempfile::TempDir;

    use super::super::Records as _;
    use super::*;
    use crate::testing::{account, look};

    const DAY: Duration = Duration::from_secs(86_400);
    const NOW: Duration = Duration::from_secs(1_700_000_000);

    fn store() -> Store {
        let mut store = Store::in_memory().unwrap();
        for name in ["Ann", "bob"] {
            let phc = Phc::from_store("$hash".to_owned());
            store.insert(&account(name), &look(name), &phc, None).unwrap();
        }
        store
    }

    fn lasting(now: Duration) -> Lasting {
        Lasting { now, end: now + DAY, count_max: 3 }
    }

    fn log_in(store: &mut Store, name: &str, token: u8) -> GrantId {
        let proof = Phc::from_store("$hash".to_owned());
        let begun = store.open_session(&account(name).key, &proof, &[token; 32], None, lasting(NOW)).unwrap();
        begun.expect("that is the password")
    }

    /// Who is let in by a token, which is replaced by the next.
    fn shows(store: &mut Store, token: u8, next: u8, now: Duration) -> Option<String> {
        let mut renewed = store.renew_sessions(&[([token; 32], [next; 32])], lasting(now)).unwrap();
        renewed.pop().flatten().map(|(_, account)| account.name.as_str().to_owned())
    }

    #[test]
    fn a_token_lets_its_owner_in_and_is_replaced() {
        let mut store = store();
        log_in(&mut store, "Ann", 1);
        assert_eq!(shows(&mut store, 9, 10, NOW), None);
        assert_eq!(shows(&mut store, 1, 2, NOW).as_deref(), Some("Ann"));
        assert_eq!(shows(&mut store, 2, 3, NOW).as_deref(), Some("Ann"));
        assert_eq!(shows(&mut store, 1, 4, NOW), None, "the new one was shown");
    }

    #[test]
    fn many_come_back_in_one_go_and_each_is_told_who_they_are() {
        let mut store = store();
        log_in(&mut store, "Ann", 1);
        log_in(&mut store, "bob", 2);
        let tokens = [(1, 11), (9, 19), (2, 12), (1, 21)].map(|(shown, next)| ([shown; 32], [next; 32]));
        let renewed = store.renew_sessions(&tokens, lasting(NOW)).unwrap();
        let names = renewed.iter().map(|renewed| renewed.as_ref().map(|(_, account)| account.name.as_str()));
        assert_eq!(names.collect::<Vec<_>>(), [Some("Ann"), None, Some("bob"), Some("Ann")]);
        // Two had the same token in hand; the later answer counts.
        assert_eq!(shows(&mut store, 11, 31, NOW), None);
        assert_eq!(shows(&mut store, 21, 41, NOW).as_deref(), Some("Ann"));
    }

    #[test]
    fn one_whose_answer_got_lost_is_shown_again() {
        let mut store = store();
        log_in(&mut store, "Ann", 1);
        assert_eq!(shows(&mut store, 1, 2, NOW).as_deref(), Some("Ann"));
        assert_eq!(shows(&mut store, 1, 3, NOW).as_deref(), Some("Ann"));
        assert_eq!(shows(&mut store, 2, 4, NOW), None, "nobody has got that one");
        assert_eq!(shows(&mut store, 3, 5, NOW).as_deref(), Some("Ann"));
    }

    #[test]
    fn a_login_lasts_from_one_visit_to_the_next() {
        let mut store = store();
        log_in(&mut store, "Ann", 1);
        let almost = DAY - Duration::from_secs(1);
        assert_eq!(shows(&mut store, 1, 2, NOW + almost).as_deref(), Some("Ann"));
        assert_eq!(shows(&mut store, 2, 3, NOW + 2 * almost).as_deref(), Some("Ann"));
        assert_eq!(shows(&mut store, 3, 4, NOW + 2 * almost + DAY), None);
    }

    #[test]
    fn one_too_many_ends_the_one_longest_unused_of_that_account() {
        let mut store = store();
        log_in(&mut store, "bob", 20);
        for token in [1, 2, 3] {
            log_in(&mut store, "Ann", token);
        }
        assert_eq!(shows(&mut store, 1, 11, NOW + DAY / 2).as_deref(), Some("Ann"));
        log_in(&mut store, "Ann", 4);
        assert_eq!(shows(&mut store, 2, 12, NOW), None);
        for (token, name) in [(11, "Ann"), (3, "Ann"), (4, "Ann"), (20, "bob")] {
            assert_eq!(shows(&mut store, token, token + 100, NOW).as_deref(), Some(name), "{token}");
        }
    }

    #[test]
    fn who_logs_out_has_ended_this_login_alone() {
        let mut store = store();
        let first = log_in(&mut store, "Ann", 1);
        log_in(&mut store, "Ann", 2);
        store.close_session(first).unwrap();
        assert_eq!(shows(&mut store, 1, 3, NOW), None);
        assert_eq!(shows(&mut store, 2, 4, NOW).as_deref(), Some("Ann"));
    }

    #[test]
    fn another_password_or_being_shut_out_ends_all_logins() {
        let mut store = store();
        log_in(&mut store, "Ann", 1);
        store.set_password(&account("ann"), &Phc::from_store("$new".to_owned())).unwrap();
        assert_eq!(shows(&mut store, 1, 2, NOW), None);
        store.set_password(&account("ann"), &Phc::from_store("$hash".to_owned())).unwrap();
        log_in(&mut store, "Ann", 3);
        log_in(&mut store, "bob", 4);
        store.set_disabled(&account("ann"), true).unwrap();
        store.set_disabled(&account("ann"), false).unwrap();
        assert_eq!(shows(&mut store, 3, 5, NOW), None);
        assert_eq!(shows(&mut store, 4, 6, NOW).as_deref(), Some("bob"));
    }

    #[test]
    fn whoever_runs_the_server_can_end_all_logins_of_an_account() {
        let mut store = store();
        for token in [1, 2] {
            log_in(&mut store, "Ann", token);
        }
        log_in(&mut store, "bob", 3);
        assert_eq!(store.end_sessions(&account("ANN")).unwrap(), Some(2));
        assert_eq!(store.end_sessions(&account("ANN")).unwrap(), Some(0));
        assert_eq!(store.end_sessions(&account("nobody")).unwrap(), None);
        assert_eq!(shows(&mut store, 1, 4, NOW), None);
        assert_eq!(shows(&mut store, 3, 5, NOW).as_deref(), Some("bob"));
    }

    #[test]
    fn whoever_runs_the_server_sees_logins_and_ends_one_of_them() {
        let mut store = store();
        let (first, second) = (log_in(&mut store, "Ann", 1), log_in(&mut store, "Ann", 2));
        log_in(&mut store, "bob", 3);
        let hour = Duration::from_secs(3_600);
        shows(&mut store, 1, 11, NOW + hour);
        let login = |number, used: &str, ends: &str| Login {
            number,
            begun: Some("2023-11-14 22:13".to_owned()),
            used: Some(used.to_owned()),
            ends: ends.to_owned(),
            client: None,
        };
        let (one, two) = (
            login(first.0, "2023-11-14 23:13", "2023-11-15 23:13"),
            login(second.0, "2023-11-14 22:13", "2023-11-15 22:13"),
        );
        let ann = account("ANN");
        assert_eq!(store.logins(&ann, NOW).unwrap(), Some(vec![one.clone(), two.clone()]));
        assert_eq!(store.logins(&ann, NOW + DAY).unwrap(), Some(vec![one]), "the other has ended");
        store.extend_session(second, lasting(NOW + 2 * hour)).unwrap();
        let used = store.logins(&ann, NOW).unwrap().unwrap().remove(0).used;
        assert_eq!(used.as_deref(), Some("2023-11-15 00:13"), "who stays connected uses it");
        assert_eq!(store.logins(&account("nobody"), NOW).unwrap(), None);

        assert!(!store.end_login(&account("bob"), first.0).unwrap(), "it is not his");
        assert!(!store.end_login(&account("nobody"), first.0).unwrap());
        assert!(store.end_login(&ann, first.0).unwrap());
        assert!(!store.end_login(&ann, first.0).unwrap());
        assert_eq!(shows(&mut store, 11, 12, NOW), None);
        assert_eq!(shows(&mut store, 2, 13, NOW).as_deref(), Some("Ann"));
    }

    #[test]
    fn a_user_sees_logins_with_the_programs_they_were_begun_in_and_ends_one_of_them() {
        let mut store = store();
        let ann = account("ann").key;
        let proof = Phc::from_store("$hash".to_owned());
        let name = ClientName::parse("Chatroom 0.1.0 on Linux");
        let begun = store.open_session(&ann, &proof, &[1; 32], name.as_ref(), lasting(NOW)).unwrap();
        let first = begun.expect("that is the password");
        let second = log_in(&mut store, "Ann", 2);
        let bobs = log_in(&mut store, "bob", 3);
        let hour = Duration::from_secs(3_600);
        shows(&mut store, 1, 11, NOW + hour);
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap();
        let login = |id, client: &Option<ClientName>, used| logins::Login {
            id,
            client: client.clone(),
            begun_ms: Some(ms(NOW)),
            used_ms: Some(ms(used)),
            ends_ms: ms(used + DAY),
            is_own: false,
        };
        let (one, two) = (login(first, &name, NOW + hour), login(second, &None, NOW));
        assert_eq!(store.sessions(&ann, NOW).unwrap(), [one.clone(), two]);
        assert_eq!(store.sessions(&ann, NOW + DAY).unwrap(), [one], "the other has ended");
        assert_eq!(store.sessions(&account("nobody").key, NOW).unwrap(), []);
        assert_eq!(
            store.logins(&account("ann"), NOW).unwrap().unwrap()[0].client.as_deref(),
            name.as_ref().map(ClientName::as_str)
        );

        assert!(!store.close_session_of(&ann, bobs).unwrap(), "it is not hers");
        assert!(store.close_session_of(&ann, first).unwrap());
        assert!(!store.close_session_of(&ann, first).unwrap());
        assert_eq!(shows(&mut store, 11, 12, NOW), None);
        assert_eq!(shows(&mut store, 3, 13, NOW).as_deref(), Some("bob"));
        assert_eq!(store.ended(&[first, second, bobs, GrantId(99)]).unwrap(), [first, GrantId(99)]);
    }

    #[test]
    fn no_more_logins_are_told_than_fit() {
        let mut store = store();
        for token in 0..100 {
            let lasting = Lasting { count_max: 1_000, ..lasting(NOW) };
            let proof = Phc::from_store("$hash".to_owned());
            store.open_session(&account("ann").key, &proof, &[token; 32], None, lasting).unwrap();
        }
        let told = store.sessions(&account("ann").key, NOW).unwrap();
        assert_eq!((told.len(), told[0].id), (LOGINS_TOLD_MAX, GrantId(100)));
    }

    #[test]
    fn a_login_that_was_on_its_way_when_the_password_changed_does_not_last() {
        let mut store = store();
        let old = Phc::from_store("$hash".to_owned());
        let begin = |store: &mut Store, proof: &Phc| {
            store.open_session(&account("ann").key, proof, &[1; 32], None, lasting(NOW)).unwrap()
        };
        let new = Phc::from_store("$new".to_owned());
        store.set_password(&account("ann"), &new).unwrap();
        assert_eq!(begin(&mut store, &old), None);
        store.set_disabled(&account("ann"), true).unwrap();
        assert_eq!(begin(&mut store, &new), None);
        assert_eq!(shows(&mut store, 1, 2, NOW), None);
    }

    #[test]
    fn who_stays_connected_for_long_is_still_known_afterwards() {
        let mut store = store();
        let id = log_in(&mut store, "Ann", 1);
        let until = |end| Lasting { end, ..lasting(NOW) };
        store.extend_session(id, until(NOW + 3 * DAY)).unwrap();
        store.extend_session(id, until(NOW)).unwrap();
        assert_eq!(shows(&mut store, 1, 2, NOW + 2 * DAY).as_deref(), Some("Ann"));
    }

    #[test]
    fn a_new_login_lasts_whatever_older_ones_were_promised() {
        let mut store = store();
        for token in [1, 2, 3] {
            log_in(&mut store, "Ann", token);
        }
        let shorter = Lasting { end: NOW + DAY / 2, ..lasting(NOW) };
        let proof = Phc::from_store("$hash".to_owned());
        store.open_session(&account("ann").key, &proof, &[4; 32], None, shorter).unwrap();
        assert_eq!(shows(&mut store, 4, 5, NOW).as_deref(), Some("Ann"));
        assert_eq!(shows(&mut store, 1, 6, NOW), None);
    }

    #[test]
    fn tokens_are_not_in_the_file() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("chatroom.db");
        let mut store = Store::open(&file).unwrap();
        let phc = Phc::from_store("$hash".to_owned());
        store.insert(&account("ann"), &look("ann"), &phc, None).unwrap();
        let token = "00112233445566778899aabbccddeeff";
        let hash = crate::tokens::hash(&Token::new(token.to_owned().into()));
        store.open_session(&account("ann").key, &phc, &hash, None, lasting(NOW)).unwrap();
        drop(store);
        let bytes = fs::read(&file).unwrap();
        let contains = |text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
        assert!(contains(&hash) && !contains(token.as_bytes()));
    }
}
