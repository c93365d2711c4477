//! What can be said of all stays together only at the end.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Instant;

use super::{Id, Ledger, Message, Stay, name};

/// How much there was to judge.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Messages that somebody wanted to say.
    pub said: usize,
    /// Of those, what was refused, or not sent before the connection ended.
    pub refused: usize,
    /// Of those, what nobody has heard and nobody was told about.
    pub uncertain: usize,
    /// Stays in a room.
    pub stays: usize,
    /// Messages that were heard, counted once for each hearer.
    pub heard: usize,
    /// Of those, what had to be heard, by where and when it was said.
    pub owed: usize,
}

impl Ledger {
    /// Judges all stays so far, and counts what there was.
    pub(in super::super) fn verify(&mut self) -> Tally {
        let mut faults = Vec::new();
        let next = self.successors(&mut faults);
        self.check_for_rings(&next, &mut faults);
        self.check_beginnings(&next, &mut faults);
        let owed = self.check_for_holes(&mut faults);
        faults.into_iter().for_each(|fault| self.accuse(fault));
        let all = || self.said.iter().flatten();
        Tally {
            said: all().count(),
            refused: all().filter(|message| message.is_refused).count(),
            uncertain: all().filter(|message| !message.is_refused && message.heard_at.is_none()).count(),
            stays: self.stays.len(),
            heard: self.stays.iter().map(|stay| stay.heard.len()).sum(),
            owed,
        }
    }

    /// What comes right after each public message, in whosever ears: it must be one and the same, and so must be what
    /// comes right before it. A hole, a swap and a double are each two opinions about that.
    fn successors(&self, faults: &mut Vec<String>) -> BTreeMap<Id, Id> {
        let (mut next, mut previous) = (BTreeMap::new(), BTreeMap::new());
        for stay in &self.stays {
            let heard: Vec<Id> = self.public(stay).collect();
            for (one, other) in heard.iter().zip(&heard[1.min(heard.len())..]) {
                for (map, key, value, word) in
                    [(&mut next, one, other, "after"), (&mut previous, other, one, "before")]
                {
                    match map.entry(*key) {
                        Entry::Vacant(entry) => _ = entry.insert(*value),
                        Entry::Occupied(entry) if entry.get() == value => {}
                        Entry::Occupied(entry) => faults.push(format!(
                            "{} heard {value:?} right {word} {key:?}, somebody else {:?}",
                            name(stay.guest),
                            entry.get()
                        )),
                    }
                }
            }
        }
        next
    }

    /// One after the other, all messages lead to a last one; where they lead back to the first, two people disagree
    /// about their order.
    fn check_for_rings(&self, next: &BTreeMap<Id, Id>, faults: &mut Vec<String>) {
        let has_previous: std::collections::BTreeSet<&Id> = next.values().collect();
        let firsts = next.keys().filter(|id| !has_previous.contains(id));
        let mut reached = 0;
        for first in firsts {
            let mut at = first;
            while let Some(then) = next.get(at) {
                reached += 1;
                at = then;
            }
        }
        if reached != next.len() {
            faults.push(format!("{} messages come one after the other in a ring", next.len() - reached));
        }
    }

    /// A stay begins with the first message there was: the one before it was said before they were in.
    fn check_beginnings(&self, next: &BTreeMap<Id, Id>, faults: &mut Vec<String>) {
        let previous: BTreeMap<&Id, &Id> = next.iter().map(|(id, then)| (then, id)).collect();
        for stay in &self.stays {
            let first = self.public(stay).next();
            if let Some(before) = first.and_then(|first| previous.get(&first))
                && self.message(**before).said_at > stay.entered_at
            {
                faults.push(format!(
                    "{} was in room {} and did not hear {before:?}",
                    name(stay.guest),
                    stay.room
                ));
            }
        }
    }

    /// Whoever was there before a message was said, and still was when it had been heard, heard it. Returns how many
    /// messages were owed to somebody, each once for each of those.
    fn check_for_holes(&self, faults: &mut Vec<String>) -> usize {
        let mut by_room: BTreeMap<usize, Vec<(Instant, Id)>> = BTreeMap::new();
        for (author, said) in self.said.iter().enumerate() {
            for (number, message) in said.iter().enumerate() {
                by_room.entry(message.room).or_default().push((message.said_at, (author, number)));
            }
        }
        by_room.values_mut().for_each(|messages| messages.sort());
        let mut owed = 0;
        for stay in &self.stays {
            let Some(present_until) = self.present_until(stay) else { continue };
            let messages = by_room.get(&stay.room).map_or(&[][..], Vec::as_slice);
            let from = messages.partition_point(|(said_at, _)| *said_at <= stay.entered_at);
            let heard: std::collections::BTreeSet<&Id> = stay.heard.iter().collect();
            for (_, id) in messages[from..].iter().take_while(|(said_at, _)| *said_at < present_until) {
                let message = self.message(*id);
                let is_for_them = message.to.is_none_or(|to| to == stay.guest || id.0 == stay.guest);
                if !is_for_them || message.heard_at.is_none_or(|at| at >= present_until) {
                    continue;
                }
                owed += 1;
                if !heard.contains(id) {
                    faults.push(format!("{} was in room {} and missed {id:?}", name(stay.guest), stay.room));
                }
            }
        }
        owed
    }

    /// Until when somebody was in their room for certain: till they asked to leave, or till the last moment at which
    /// something was said that they heard.
    fn present_until(&self, stay: &Stay) -> Option<Instant> {
        let heard = stay.heard.iter().map(|id| self.message(*id).said_at).max();
        heard.max(stay.left_at)
    }

    fn public<'a>(&'a self, stay: &'a Stay) -> impl Iterator<Item = Id> {
        stay.heard.iter().copied().filter(|id| self.message(*id).to.is_none())
    }

    fn message(&self, (author, number): Id) -> &Message {
        &self.said[author][number]
    }
}
