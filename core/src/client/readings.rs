//! What of each conversation is on the screen, and which of them are to be read on: one at a time, a page at a time.
//!
//! Before a conversation is read on, what is said there need not be held back: the server has it, and it comes on a page.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use super::conversation::{Conversation, Key, Span};
use super::reading::{Heard, Reading, Turned};
use crate::limits::CONVERSATIONS_MAX;
use crate::message::history::Edge;
use crate::message::push::{Posted, ReceivedMsg};
use crate::time::Instant;

/// See the module.
#[derive(Default)]
pub(super) struct Readings {
    all: BTreeMap<Key, Shown>,
    /// What is known of conversations that are not shown yet.
    known: BTreeMap<Key, Span>,
    /// Those that are to be read on, the next first.
    behind: VecDeque<Key>,
    /// The one that is being read on.
    current: Option<Key>,
    /// The one that a person looks at.
    looked_at: Option<Key>,
    /// What a person wants to see that is older.
    wanted: Option<(Key, Edge)>,
    /// The server has refused that, and is to be asked again then.
    wanted_at: Option<Instant>,
}

/// A conversation as its server spells it, and what of it is shown.
struct Shown {
    of: Conversation,
    reading: Reading,
    is_behind: bool,
}

impl Readings {
    /// So much is known of a conversation, when it is begun with next.
    pub(super) fn know(&mut self, of: &Conversation, span: Span) {
        self.known.insert(of.key(), span);
    }

    /// Begins with a conversation: where it was before, else from what is known of it, else from nothing.
    pub(super) fn begin(&mut self, of: &Conversation) {
        let key = of.key();
        let known = self.known.remove(&key).map(|span| {
            let mut reading = Reading::on_from(span);
            doubt_of(of, &mut reading);
            reading
        });
        let is_full = self.all.len() >= CONVERSATIONS_MAX;
        match (self.all.get_mut(&key), known) {
            (Some(shown), known) => {
                shown.of = of.clone();
                // What is shown since is newer than what was known.
                if let Some(reading) = known.filter(|_| shown.reading.last_seq() == 0) {
                    shown.reading = reading;
                }
            }
            (None, known) if !is_full => {
                let reading = known.unwrap_or_default();
                self.all.insert(key, Shown { of: of.clone(), reading, is_behind: false });
            }
            (None, _) => {}
        }
    }

    /// Begins with a conversation that is the only one from now on, from what is known of it or from nothing.
    pub(super) fn begin_alone(&mut self, of: &Conversation) {
        if self.all.len() >= CONVERSATIONS_MAX {
            self.clear();
        }
        self.stop(of);
        self.all.remove(&of.key());
        self.stop_all_but(of);
        self.begin(of);
    }

    /// What is shown or known of it is not read on. Where it is begun with again, it begins anew.
    pub(super) fn forget(&mut self, of: &Conversation) {
        self.stop(of);
        self.known.remove(&of.key());
        if let Some(shown) = self.all.get_mut(&of.key()) {
            shown.reading = Reading::anew();
        }
    }

    /// Nothing is shown any more.
    pub(super) fn clear(&mut self) {
        *self = Self { known: core::mem::take(&mut self.known), ..Self::default() };
    }

    /// The connection is lost. What was to be read is, on the next one.
    pub(super) fn lose(&mut self) {
        if let Some(key) = self.current.take() {
            self.put_off(key);
        }
        for shown in self.all.values_mut() {
            shown.reading.lose();
            doubt_of(&shown.of, &mut shown.reading);
        }
        (self.wanted, self.wanted_at) = (None, None);
    }

    /// Nothing but this one can be read for now.
    pub(super) fn stop_all_but(&mut self, of: &Conversation) {
        let key = of.key();
        self.behind.retain(|behind| *behind == key);
        for (other, shown) in &mut self.all {
            shown.is_behind &= *other == key;
        }
    }

    /// A person looks here: it is the next to be read on.
    pub(super) fn look_at(&mut self, of: &Conversation) {
        self.looked_at = Some(of.key());
    }

    /// It is to be read on.
    pub(super) fn fall_behind(&mut self, of: &Conversation) {
        let key = of.key();
        if let Some(shown) = self.all.get_mut(&key)
            && !shown.is_behind
            && !shown.reading.is_catching_up()
        {
            shown.is_behind = true;
            self.behind.push_back(key);
        }
    }

    /// The server has a conversation up to that number: it is to be read on if that is not what is shown.
    pub(super) fn compare(&mut self, of: &Conversation, last: u64) {
        let Some(shown) = self.all.get_mut(&of.key()) else { return };
        if shown.reading.last_seq() == last {
            shown.reading.trust();
        } else {
            self.fall_behind(of);
        }
    }

    /// A person wants to see what is older than the first that is shown to them, once nothing else is asked for.
    pub(super) fn want_older(&mut self, of: &Conversation, shown: Edge) {
        self.wanted = Some((of.key(), shown));
    }

    /// The same, which the server has refused until then.
    pub(super) fn want_older_at(&mut self, of: &Conversation, shown: Edge, again_at: Instant) {
        self.want_older(of, shown);
        self.wanted_at = Some(again_at);
    }

    /// The page that is to be asked for now.
    pub(super) fn next_page(&mut self, now: Instant) -> Option<(Conversation, Edge)> {
        if self.deadline().is_some_and(|at| now < at) {
            return None;
        }
        self.wanted_at = None;
        let is_ready = |(key, _): &mut (Key, Edge)| {
            self.all.get(key).is_none_or(|shown| !shown.reading.is_catching_up())
        };
        if let Some((key, edge)) = self.wanted.take_if(is_ready)
            && let Some(shown) = self.all.get_mut(&key)
            && let Some(edge) = shown.reading.older(edge)
        {
            return Some((shown.of.clone(), edge));
        }
        let key = self.pick()?;
        let shown = self.all.get_mut(&key)?;
        shown.is_behind = false;
        self.current = Some(key);
        Some((shown.of.clone(), shown.reading.catch_up()))
    }

    /// The one that is read on next. The one that gives way for it goes on after it.
    fn pick(&mut self) -> Option<Key> {
        let is_behind = |key: &&Key| self.all.get(key).is_some_and(|shown| shown.is_behind);
        let Some(looked_at) = self.looked_at.as_ref().filter(is_behind).cloned() else {
            return self.current.clone().or_else(|| self.behind.pop_front());
        };
        self.behind.retain(|key| *key != looked_at);
        if let Some(key) = self.current.take().filter(|key| *key != looked_at)
            && !cfg!(planted_bug = "reading_not_taken_up_again")
        {
            self.put_off(key);
        }
        Some(looked_at)
    }

    /// What was being read on is the next to be.
    fn put_off(&mut self, key: Key) {
        if let Some(shown) = self.all.get_mut(&key) {
            shown.reading.interrupt();
            shown.is_behind = true;
            self.behind.push_front(key);
        }
    }

    /// A message was said. It is shown as it comes if nothing is remembered of its conversation.
    pub(super) fn hear(&mut self, of: &Conversation, posted: Posted, msg: ReceivedMsg) -> Heard {
        let Some(shown) = self.all.get_mut(&of.key()) else { return Heard::Next(msg) };
        if shown.is_behind {
            return Heard::Before(msg);
        }
        shown.reading.hear(posted, msg)
    }

    /// A page has come. `None` if it is of no use.
    pub(super) fn turn(
        &mut self,
        of: &Conversation,
        edge: Edge,
        ends: Option<(Posted, Posted)>,
        has_more: bool,
    ) -> Option<Turned> {
        let reading = &mut self.all.get_mut(&of.key())?.reading;
        let turned = reading.turn(edge, ends, has_more);
        self.rest();
        turned
    }

    /// No page comes, now or at all.
    pub(super) fn give_up(&mut self, of: &Conversation, again_at: Option<Instant>) {
        if let Some(shown) = self.all.get_mut(&of.key()) {
            shown.reading.give_up(again_at);
        }
        self.rest();
    }

    /// What was said while pages were on their way: what is not on them is to be shown.
    pub(super) fn take_held(&mut self, of: &Conversation) -> Vec<Heard> {
        let shown = self.all.get_mut(&of.key()).filter(|shown| !shown.is_behind);
        shown.map(|shown| shown.reading.take_held()).unwrap_or_default()
    }

    /// When a page is to be asked for again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let current = self.current.as_ref().and_then(|key| self.all.get(key));
        current.and_then(|shown| shown.reading.deadline()).max(self.wanted_at)
    }

    /// It is not to be read on any more. What waited for pages there will not be shown.
    pub(super) fn stop(&mut self, of: &Conversation) -> Vec<ReceivedMsg> {
        let key = of.key();
        let held = self.all.get_mut(&key).map(|shown| {
            shown.is_behind = false;
            shown.reading.lose()
        });
        self.behind.retain(|behind| *behind != key);
        self.current.take_if(|current| *current == key);
        self.wanted.take_if(|(wanted, _)| *wanted == key);
        held.unwrap_or_default()
    }

    /// Whether all that was said there is shown, so that something can be said after it.
    pub(super) fn is_settled(&self, of: &Conversation) -> bool {
        let is_settled = |shown: &Shown| !shown.is_behind && !shown.reading.is_catching_up();
        self.all.get(&of.key()).is_none_or(is_settled)
    }

    pub(super) fn is_catching_up(&self, of: &Conversation) -> bool {
        self.all.get(&of.key()).is_some_and(|shown| shown.reading.is_catching_up())
    }

    pub(super) fn has_older(&self, of: &Conversation) -> bool {
        self.all.get(&of.key()).is_some_and(|shown| shown.reading.has_older())
    }

    /// As its server spells it, if it is known.
    pub(super) fn spelled(&self, of: &Conversation) -> Option<&Conversation> {
        Some(&self.all.get(&of.key())?.of)
    }

    /// The next can be read on, if the last one is at its end.
    fn rest(&mut self) {
        let is_done = |key: &Key| !self.all.get(key).is_some_and(|shown| shown.reading.is_catching_up());
        if self.current.as_ref().is_some_and(is_done) {
            self.current = None;
        }
    }
}

/// A server tells of all rooms that an account takes part in. Of a private conversation it is silent if it has lost it.
fn doubt_of(of: &Conversation, reading: &mut Reading) {
    if of.peer().is_some() {
        reading.doubt();
    }
}
