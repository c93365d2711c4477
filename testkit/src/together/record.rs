//! What was said, put together from all screens.

use std::collections::{BTreeMap, BTreeSet};

use chatroom_core::client::Conversation;

/// Who said it and what. All texts are different.
pub(super) type Line = (String, String);

/// See the module.
#[derive(Default)]
pub(super) struct Record {
    /// The conversations, by the numbers of their messages. A private one is by its two sides, in the order of the alphabet.
    kept: BTreeMap<Place, BTreeMap<u64, Line>>,
    /// What those with windows of the original client heard in a room from coming to going.
    visits: Vec<(String, Vec<Line>)>,
    /// The texts that somebody was told are said, with who said them.
    said: Vec<Line>,
    faults: Vec<String>,
    /// Nobody says anything any more.
    is_closed: bool,
}

/// Where something is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Room(String),
    Pair(String, String),
}

impl Place {
    /// That of a conversation, for one of its sides.
    pub(super) fn of(conversation: &Conversation, own: &str) -> Self {
        match conversation {
            Conversation::Room(room) => Self::Room(room.as_str().to_owned()),
            Conversation::Peer(peer) => {
                let (one, other) = (own.min(peer.as_str()), own.max(peer.as_str()));
                Self::Pair(one.to_owned(), other.to_owned())
            }
        }
    }
}

impl Record {
    /// Somebody sees this at that number.
    pub(super) fn show(&mut self, who: &str, place: &Place, seq: u64, line: Line) {
        let kept = self.kept.entry(place.clone()).or_default().entry(seq).or_insert_with(|| line.clone());
        if *kept != line {
            self.faults.push(format!("{who} sees {line:?} as {place:?} {seq}, which others see as {kept:?}"));
        }
    }

    /// Somebody was told that this is said.
    pub(super) fn say(&mut self, line: Line) {
        self.said.push(line);
    }

    /// Somebody with a window of the original client was in a room, and heard this there.
    pub(super) fn visit(&mut self, room: &str, heard: Vec<Line>) {
        self.visits.push((room.to_owned(), heard));
    }

    /// Nobody with a window of the original client says anything any more.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// The number of the last message anybody has seen there.
    pub(super) fn last(&self, place: &Place) -> u64 {
        self.kept.get(place).and_then(|kept| kept.keys().next_back()).copied().unwrap_or_default()
    }

    pub(super) fn messages(&self) -> usize {
        self.count(|place| matches!(place, Place::Room(_)))
    }

    pub(super) fn private(&self) -> usize {
        self.count(|place| matches!(place, Place::Pair(..)))
    }

    pub(super) fn heard(&self) -> usize {
        self.visits.iter().map(|(_, heard)| heard.len()).sum()
    }

    fn count(&self, is_it: impl Fn(&Place) -> bool) -> usize {
        self.kept.iter().filter(|(place, _)| is_it(place)).map(|(_, kept)| kept.len()).sum()
    }

    /// All of it hangs together.
    pub(super) fn verify(&self) -> Result<(), String> {
        if !self.faults.is_empty() {
            return Err(self.faults.join("\n"));
        }
        let mut once = BTreeSet::new();
        for (place, kept) in &self.kept {
            if let Some((at, seq)) = (1..).zip(kept.keys()).find(|(at, seq)| at != *seq) {
                return Err(format!("{place:?} has a message {seq} where {at} comes next"));
            }
            if let Some(line) = kept.values().find(|line| !once.insert(*line)) {
                return Err(format!("{line:?} is there twice"));
            }
        }
        if let Some(line) = self.said.iter().find(|line| !once.contains(line)) {
            return Err(format!("{line:?} was said, and is nowhere"));
        }
        for (room, heard) in &self.visits {
            let kept = self.kept.get(&Place::Room(room.clone()));
            let kept: Vec<&Line> = kept.into_iter().flat_map(BTreeMap::values).collect();
            let first = kept.iter().position(|line| Some(*line) == heard.first()).unwrap_or_default();
            if !heard.iter().eq(kept.iter().copied().skip(first).take(heard.len())) {
                return Err(format!("somebody in {room} heard {heard:?}, and that is not how it was"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u64) -> Line {
        ("ann".to_owned(), number.to_string())
    }

    /// A room in which these were said, in this order.
    fn record(numbers: &[u64]) -> (Record, Place) {
        let (mut record, place) = (Record::default(), Place::Room("den".to_owned()));
        for (seq, number) in (1..).zip(numbers) {
            record.show("bob", &place, seq, line(*number));
        }
        (record, place)
    }

    #[test]
    fn who_sees_and_hears_what_was_said_is_content() {
        let (mut record, place) = record(&[1, 2, 3]);
        record.show("casey", &place, 2, line(2));
        record.say(line(3));
        record.visit("den", vec![line(2), line(3)]);
        record.visit("den", Vec::new());
        assert_eq!(record.verify(), Ok(()));
        assert_eq!((record.last(&place), record.messages(), record.heard()), (3, 3, 2));
    }

    #[test]
    fn every_difference_is_found() {
        type Spoil = fn(&mut Record, &Place);
        let spoil: [(&str, Spoil); 6] = [
            ("another one in its place", |record, place| record.show("casey", place, 2, line(9))),
            ("a hole", |record, place| record.show("casey", place, 5, line(5))),
            ("one twice", |record, place| record.show("casey", place, 4, line(1))),
            ("one lost", |record, _| record.say(line(9))),
            ("one not heard", |record, _| record.visit("den", vec![line(1), line(3)])),
            ("one heard that nobody said", |record, _| record.visit("den", vec![line(9)])),
        ];
        for (what, spoil) in spoil {
            let (mut record, place) = record(&[1, 2, 3]);
            spoil(&mut record, &place);
            assert!(record.verify().is_err(), "{what}");
        }
    }
}
