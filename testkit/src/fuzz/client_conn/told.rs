//! What a server has told of friends, as who reads along understands it.

use std::collections::BTreeMap;

use chatroom_core::client::Friends;
use chatroom_core::name::UserName;
use serde_json::Value;

/// Who is on which list, if that was told as a whole and can be known.
#[derive(Default)]
pub(super) struct Told {
    lists: Option<BTreeMap<UserName, &'static str>>,
    /// Bytes came that are not read here.
    is_lost: bool,
}

impl Told {
    /// Whoever logs in, here or anew, is told as a whole again.
    pub(super) fn forget(&mut self) {
        self.lists = None;
    }

    /// From now on nothing is known.
    pub(super) fn lose_track(&mut self) {
        *self = Self { lists: None, is_lost: true };
    }

    /// A frame has come to who is in many rooms.
    pub(super) fn hear(&mut self, json: &[u8]) {
        let frame: Value = serde_json::from_slice(json).unwrap_or_default();
        if self.is_lost || frame["type"] != "friend" || frame["status"] != "ok" {
            return;
        }
        let data = &frame["data"];
        if let (Some(user), Some(now)) = (data["user"].as_str(), data["now"].as_str()) {
            let list = WORDS.into_iter().find(|(_, word)| *word == now).map(|(list, _)| list);
            return self.note(user, list);
        }
        if data["all"] == true {
            self.lists = Some(BTreeMap::new());
        }
        for list in LISTS {
            for name in data[list].as_array().into_iter().flatten().filter_map(Value::as_str) {
                self.note(name, Some(list));
            }
        }
    }

    /// The person is shown these.
    pub(super) fn check(&self, Friends { friends, asking, asked, blocked }: &Friends) {
        let Some(right) = &self.lists else { return };
        let of = |list: &str| right.iter().filter(|(_, on)| **on == list).map(|(name, _)| name).collect();
        let right: [Vec<&UserName>; 4] = LISTS.map(of);
        let shown = [friends, asking, asked, blocked].map(|list| list.iter().collect::<Vec<_>>());
        assert_eq!(shown, right, "who is shown as what");
    }

    fn note(&mut self, name: &str, list: Option<&'static str>) {
        let (Some(lists), Ok(name)) = (&mut self.lists, UserName::parse(name)) else { return };
        match list {
            Some(list) => drop(lists.insert(name, list)),
            None => drop(lists.remove(&name)),
        }
    }
}

const LISTS: [&str; 4] = ["friends", "asking", "asked", "blocked"];
/// Which list somebody is put on who is that now.
const WORDS: [(&str, &str); 4] =
    [("friends", "friend"), ("asking", "asking"), ("asked", "asked"), ("blocked", "blocked")];
