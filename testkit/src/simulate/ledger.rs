//! What clients have said, and what they were promised: read from frames alone, whatever the model thinks of them.
//!
//! In the end it is held against the disk: what was acknowledged is there, by who said it, and nothing is there that
//! nobody said.

use std::collections::BTreeSet;

use chatroom_core::message::history::Past;
use serde_json::Value;

use super::model::Conversation;
use super::names::{find_room, find_user};

/// See the module.
pub struct Ledger {
    /// Every text that was sent.
    said: BTreeSet<String>,
    /// Who is logged in on each line, as its client has heard.
    users: Vec<Option<usize>>,
    promises: Vec<Promise>,
}

/// A message that was acknowledged.
struct Promise {
    author: usize,
    of: Conversation,
    seq: u64,
}

impl Ledger {
    /// One in which nothing was said on any of these lines.
    pub fn new(lines: usize) -> Self {
        Self { said: BTreeSet::new(), users: vec![None; lines], promises: Vec::new() }
    }

    /// A client says something.
    pub fn say(&mut self, text: &str) {
        self.said.insert(serde_json::from_str(&format!(r#""{text}""#)).expect("it is said as JSON"));
    }

    /// A client hears something.
    pub fn hear(&mut self, line: usize, json: &str) {
        let kinds = ["login", "resume", "logout", "ack"];
        let said = json.strip_prefix(r#"{"type":""#).and_then(|rest| rest.split('"').next());
        let Some(kind) =
            kinds.iter().find(|kind| said == Some(**kind)).filter(|_| json.contains(r#","status":"ok","#))
        else {
            return;
        };
        let value: Value = serde_json::from_str(json).expect("the server writes JSON");
        let data = &value["data"];
        let user = |key: &str| find_user(data[key].as_str()?).map(|name| name.id);
        match (*kind, self.users[line]) {
            ("login" | "resume", _) => self.users[line] = user("username"),
            ("logout", _) => self.users[line] = None,
            (_, Some(author)) => {
                let room = data["room"].as_str().and_then(find_room).map(Conversation::Room);
                let pair = user("peer").map(|peer| Conversation::Pair(author.min(peer), author.max(peer)));
                let of = room.or(pair).expect("an acknowledgement is of something");
                self.promises.push(Promise { author, of, seq: data["seq"].as_u64().unwrap_or_default() });
            }
            (_, None) => {}
        }
    }

    /// Nobody is on that line any more.
    pub fn leave(&mut self, line: usize) {
        self.users[line] = None;
    }

    /// This is what is kept of a conversation. How many promises are kept with it; an error is one that is not.
    pub fn check(&self, of: &Conversation, kept: &[Past]) -> Result<usize, String> {
        if let Some(past) =
            kept.iter().find(|past| past.text.as_ref().is_some_and(|text| !self.said.contains(text.as_str())))
        {
            return Err(format!("{of:?} has something at {} that nobody said", past.posted.seq));
        }
        let mine = self.promises.iter().filter(|promise| promise.of.is_same(of)).collect::<Vec<_>>();
        for promise in &mine {
            let is_it = |past: &&Past| past.posted.seq == promise.seq;
            // What is missing at the oldest end is not kept any longer.
            if kept.first().is_none_or(|first| first.posted.seq > promise.seq) {
                continue;
            }
            let author = kept.iter().find(is_it).and_then(|past| find_user(past.from.as_str()));
            if author.map(|name| name.id) != Some(promise.author) {
                return Err(format!("{of:?} does not have what was acknowledged as {}", promise.seq));
            }
        }
        Ok(mine.len())
    }
}
