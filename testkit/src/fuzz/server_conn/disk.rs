//! What is made durable, as far as a connection can tell.

use std::collections::BTreeMap;

use chatroom_core::hub::{Audience, Entry, Extent, Message, Outcome};
use chatroom_core::message::Cid;
use chatroom_core::message::push::Posted;
use chatroom_core::name::{Account, NameKey, UserName};
use models::sides::Sides;

/// A disk that has what people are to each other, and what their messages are called.
#[derive(Default)]
pub(super) struct Disk {
    sides: Sides,
    named: BTreeMap<(NameKey, Cid), Posted>,
    count: u64,
}

impl Disk {
    pub(super) fn write(&mut self, entry: &Entry) -> Outcome {
        match entry {
            Entry::Room(_) => Outcome::Founded,
            Entry::Place(_) => Outcome::Placed,
            Entry::Telling(telling) => self.sides.tell(telling),
            Entry::PeerRead(read) => {
                Outcome::PeerRead(Extent { peer: read.name.clone(), seq: read.seq, is_news: true })
            }
            Entry::Tying(tying) => self.sides.tie(tying, account(&tying.other, &tying.name)),
            Entry::Message(message) => self.post(message),
        }
    }

    fn post(&mut self, message: &Message) -> Outcome {
        let author = &message.author.key;
        if let Audience::User(to) = &message.audience
            && !self.sides.wants(&to.key, author, message.consent)
        {
            return Outcome::Absent;
        }
        let name = message.cid.clone().map(|cid| (author.clone(), cid));
        if let Some(before) = name.as_ref().and_then(|name| self.named.get(name)) {
            return Outcome::Repeated(*before);
        }
        self.count += 1;
        let posted = Posted { seq: self.count, ts_ms: 7 };
        if let Some(name) = name {
            self.named.insert(name, posted);
        }
        Outcome::Posted(posted)
    }
}

/// Everybody has an account but one.
fn account(key: &NameKey, name: &UserName) -> Option<Account> {
    (key.as_str() != "nobody").then(|| Account { name: name.clone(), key: key.clone() })
}
