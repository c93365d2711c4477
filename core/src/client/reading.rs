//! What of a conversation is on the screen: from which message to which, without a hole and without any twice.
//!
//! Messages come in two ways, as they are said and as pages of what was said before. While a page that leads to the newest
//! is on its way, those that are said wait for it.

use alloc::vec::Vec;

use super::Span;
use crate::limits::HELD_BYTES_MAX;
use crate::message::history::Edge;
use crate::message::push::{Posted, ReceivedMsg};
use crate::time::Instant;

/// See the module. For one conversation.
#[derive(Default)]
pub(super) struct Reading {
    /// The number of the first message that is shown, and where the last one stands.
    first: u64,
    last: Option<Posted>,
    has_older: bool,
    pages: u32,
    is_catching_up: bool,
    /// What is shown is not what the server has.
    is_lost: bool,
    /// The server may have lost what is shown without telling so, and nothing that it said on this connection says otherwise.
    is_unsure: bool,
    /// A page could not be had, and is to be asked for again then.
    again_at: Option<Instant>,
    held: Vec<ReceivedMsg>,
    held_bytes: usize,
}

/// What a page is good for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Turned {
    /// What was shown before is to be forgotten.
    pub(super) is_anew: bool,
    /// How many of its messages are shown already.
    pub(super) shown: usize,
}

/// What is to be done with a message that was just said.
pub(super) enum Heard {
    /// It is to be shown.
    Next(ReceivedMsg),
    /// It waits for others before it.
    Waits,
    /// It is shown already, or among what was left out, or will be on a page.
    Before(ReceivedMsg),
    /// It waits for others before it, which are to be asked for.
    Hole,
}

impl Reading {
    /// Of a room of which so much is shown already.
    pub(super) fn on_from(Span { first, last, has_older }: Span) -> Self {
        Self { first, last: Some(last), has_older, ..Self::default() }
    }

    /// Of a room of which what is shown is to be forgotten.
    pub(super) fn anew() -> Self {
        Self { is_lost: true, ..Self::default() }
    }

    /// Where to read from, to see what is newest; from now on what is said waits for that.
    pub(super) fn catch_up(&mut self) -> Edge {
        self.is_catching_up = true;
        self.again_at = None;
        match self.last_seq() {
            // Too much for one look: it begins anew at the end.
            _ if self.pages >= PAGES_MAX => Edge::End,
            0 => Edge::End,
            // The last that is shown comes again: to see that it is the same conversation.
            last => Edge::After(last - 1),
        }
    }

    pub(super) fn has_older(&self) -> bool {
        self.has_older
    }

    /// What is older than all that is shown, if there is any. Who shows less than was read says from where on.
    pub(super) fn older(&mut self, shown: Edge) -> Option<Edge> {
        if let Edge::Before(first) = shown
            && (self.first.saturating_add(1)..=self.last_seq()).contains(&first)
        {
            (self.first, self.has_older) = (first, true);
        }
        (self.has_older && !self.is_catching_up).then_some(Edge::Before(self.first))
    }

    pub(super) fn is_catching_up(&self) -> bool {
        self.is_catching_up
    }

    /// A message was said.
    pub(super) fn hear(&mut self, posted: Posted, msg: ReceivedMsg) -> Heard {
        if self.is_catching_up {
            self.hold(msg);
            return Heard::Waits;
        }
        let last = self.last_seq();
        if posted.seq <= last && self.is_unsure {
            self.hold(msg);
            return Heard::Hole;
        }
        if posted.seq <= last {
            return Heard::Before(msg);
        }
        if posted.seq > last.saturating_add(1) {
            self.hold(msg);
            return Heard::Hole;
        }
        self.trust();
        self.show(posted);
        Heard::Next(msg)
    }

    /// There is a new connection, on which the server need not tell of this conversation. If what is said there stands where
    /// something is shown, that is read again.
    pub(super) fn doubt(&mut self) {
        self.is_unsure = true;
    }

    /// The server has what is shown.
    pub(super) fn trust(&mut self) {
        self.is_unsure = false;
    }

    /// It is read on later. What is said until then will be on a page.
    pub(super) fn interrupt(&mut self) {
        self.is_catching_up = false;
        (self.held, self.held_bytes) = (Vec::new(), 0);
    }

    /// What does not fit comes on a page, after those that are on their way.
    fn hold(&mut self, msg: ReceivedMsg) {
        let bytes = size_of::<ReceivedMsg>() + msg.from.len() + msg.text.len();
        if self.held_bytes + bytes <= HELD_BYTES_MAX {
            self.held_bytes += bytes;
            self.held.push(msg);
        } else {
            self.held_bytes = HELD_BYTES_MAX;
        }
    }

    /// A page has come, with messages from one place to another. `None` if it is of no use.
    pub(super) fn turn(
        &mut self,
        edge: Edge,
        ends: Option<(Posted, Posted)>,
        has_more: bool,
    ) -> Option<Turned> {
        let first_seq = ends.map(|(first, _)| first.seq);
        let is_missing_some = self.held_bytes >= HELD_BYTES_MAX && !matches!(edge, Edge::Before(_));
        if is_missing_some {
            (self.held, self.held_bytes) = (Vec::new(), 0);
        }
        match edge {
            Edge::Before(seq) if seq == self.first => {
                self.has_older = has_more;
                self.first = first_seq.unwrap_or(self.first);
                Some(Turned { is_anew: false, shown: 0 })
            }
            Edge::End if self.is_catching_up => {
                let is_anew = self.is_lost || self.last.is_some();
                self.has_older = has_more;
                self.first = first_seq.unwrap_or_default();
                self.last = ends.map(|(_, last)| last);
                (self.pages, self.is_catching_up, self.is_lost) = (0, is_missing_some, false);
                self.trust();
                Some(Turned { is_anew, shown: 0 })
            }
            Edge::After(seq) if self.is_catching_up && seq + 1 == self.last_seq() => match ends {
                Some((first, last)) if Some(first) == self.last => {
                    self.last = Some(last);
                    self.pages = if has_more { self.pages + 1 } else { 0 };
                    self.is_catching_up = has_more || is_missing_some;
                    self.trust();
                    Some(Turned { is_anew: false, shown: 1 })
                }
                // It is another conversation than the one that is shown: the server has lost some of it, and perhaps given
                // its numbers again.
                Some(_) | None => {
                    (self.first, self.last, self.is_lost) = (0, None, true);
                    None
                }
            },
            Edge::Before(_) | Edge::End | Edge::After(_) => None,
        }
    }

    /// No page comes, now or at all. What was said meanwhile is shown, if nothing further is tried.
    pub(super) fn give_up(&mut self, again_at: Option<Instant>) {
        self.again_at = again_at.filter(|_| self.is_catching_up);
        self.is_catching_up &= again_at.is_some();
    }

    /// When to ask again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.again_at
    }

    /// What was said while a page was on its way: what is not on it is to be shown.
    pub(super) fn take_held(&mut self) -> Vec<Heard> {
        if self.is_catching_up {
            return Vec::new();
        }
        self.held_bytes = 0;
        let held = core::mem::take(&mut self.held);
        let from = self.shown_from(&held);
        let held = held.into_iter().map(|msg| {
            let is_shown = |posted: &Posted| posted.seq >= from && posted.seq > self.last_seq();
            let Some(posted) = msg.posted.filter(is_shown) else { return Heard::Before(msg) };
            self.show(posted);
            Heard::Next(msg)
        });
        held.collect()
    }

    /// From which number on what was held back is shown. One that was kept long ago, and is acknowledged again, is held back
    /// too. If it is not on the page, it is not kept any more, and what came after it may be gone with it.
    fn shown_from(&self, held: &[ReceivedMsg]) -> u64 {
        let seqs = held.iter().filter_map(|msg| msg.posted).map(|posted| posted.seq);
        let (mut from, mut last) = (0, 0);
        for seq in seqs.filter(|seq| *seq > self.last_seq()) {
            if last > 0 && seq > last + 1 {
                from = seq;
            }
            last = last.max(seq);
        }
        from
    }

    /// The connection is lost, or the conversation is left. What waits, which is returned, will be read when it is begun with
    /// again.
    pub(super) fn lose(&mut self) -> Vec<ReceivedMsg> {
        self.is_catching_up = false;
        self.again_at = None;
        (self.pages, self.held_bytes) = (0, 0);
        core::mem::take(&mut self.held)
    }

    /// The number of the last message that is shown; 0 while none is.
    pub(super) fn last_seq(&self) -> u64 {
        self.last.map_or(0, |last| last.seq)
    }

    fn show(&mut self, posted: Posted) {
        if self.first == 0 {
            self.first = posted.seq;
        }
        self.last = Some(posted);
    }
}

/// So many pages are read to come from what is shown to what is newest; beyond that it begins anew at the end.
const PAGES_MAX: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn posted(seq: u64) -> Posted {
        Posted { seq, ts_ms: seq * 1_000 }
    }

    fn msg(seq: u64) -> ReceivedMsg {
        ReceivedMsg { posted: Some(posted(seq)), ..ReceivedMsg::default() }
    }

    fn hear(reading: &mut Reading, seq: u64) -> &'static str {
        match reading.hear(posted(seq), msg(seq)) {
            Heard::Next(_) => "next",
            Heard::Waits => "waits",
            Heard::Before(_) => "before",
            Heard::Hole => "hole",
        }
    }

    fn held(reading: &mut Reading) -> Vec<u64> {
        let next = reading.take_held().into_iter().filter_map(|heard| match heard {
            Heard::Next(msg) => msg.posted,
            Heard::Waits | Heard::Before(_) | Heard::Hole => None,
        });
        next.map(|posted| posted.seq).collect()
    }

    /// A page comes: whether all is shown anew, and how much of it is shown already.
    fn turn(
        reading: &mut Reading,
        edge: Edge,
        seqs: Option<(u64, u64)>,
        has_more: bool,
    ) -> Option<(bool, usize)> {
        let ends = seqs.map(|(first, last)| (posted(first), posted(last)));
        reading.turn(edge, ends, has_more).map(|Turned { is_anew, shown }| (is_anew, shown))
    }

    #[test]
    fn what_is_said_waits_for_what_was_said_before() {
        let mut reading = Reading::default();
        assert_eq!(reading.catch_up(), Edge::End);
        assert_eq!((hear(&mut reading, 8), hear(&mut reading, 9)), ("waits", "waits"));
        assert_eq!(held(&mut reading), [0; 0]);
        assert_eq!(turn(&mut reading, Edge::End, Some((5, 8)), true), Some((false, 0)));
        assert_eq!(held(&mut reading), [9]);
        assert_eq!((hear(&mut reading, 9), hear(&mut reading, 10)), ("before", "next"));
        assert_eq!(reading.older(Edge::End), Some(Edge::Before(5)));
        assert_eq!(turn(&mut reading, Edge::Before(5), Some((1, 4)), false), Some((false, 0)));
        assert_eq!(reading.older(Edge::End), None);
    }

    #[test]
    fn who_shows_less_than_was_read_reads_on_from_there() {
        let mut reading = Reading::on_from(Span { first: 1, last: posted(9), has_older: false });
        assert_eq!(reading.older(Edge::Before(u64::MAX)), None);
        assert_eq!(reading.older(Edge::Before(1)), None);
        assert_eq!(reading.older(Edge::Before(10)), None);
        assert_eq!(reading.older(Edge::Before(7)), Some(Edge::Before(7)));
        assert_eq!(turn(&mut reading, Edge::Before(7), Some((4, 6)), true), Some((false, 0)));
        assert_eq!(reading.older(Edge::Before(4)), Some(Edge::Before(4)));
    }

    #[test]
    fn who_comes_back_reads_on_where_they_were() {
        let mut reading = Reading::default();
        reading.catch_up();
        turn(&mut reading, Edge::End, Some((1, 8)), false);
        reading.lose();
        assert_eq!(reading.catch_up(), Edge::After(7));
        assert_eq!(hear(&mut reading, 30), "waits");
        assert_eq!(turn(&mut reading, Edge::After(7), Some((8, 20)), true), Some((false, 1)));
        assert_eq!(held(&mut reading), [0; 0]);
        assert_eq!(reading.catch_up(), Edge::After(19));
        assert_eq!(turn(&mut reading, Edge::After(19), Some((20, 30)), false), Some((false, 1)));
        assert_eq!(held(&mut reading), [0; 0]);
        assert_eq!(hear(&mut reading, 31), "next");
    }

    #[test]
    fn a_hole_is_read_before_what_comes_after_it() {
        let mut reading = Reading::default();
        reading.catch_up();
        turn(&mut reading, Edge::End, Some((1, 1)), false);
        assert_eq!(hear(&mut reading, 3), "hole");
        assert_eq!(reading.catch_up(), Edge::After(0));
        assert_eq!(turn(&mut reading, Edge::After(0), Some((1, 2)), false), Some((false, 1)));
        assert_eq!(held(&mut reading), [3]);
    }

    #[test]
    fn who_has_missed_too_much_begins_anew_at_the_end() {
        let mut reading = Reading::default();
        reading.catch_up();
        turn(&mut reading, Edge::End, Some((1, 1)), false);
        let mut last = 1;
        while let Edge::After(seq) = reading.catch_up() {
            assert_eq!(turn(&mut reading, Edge::After(seq), Some((last, last + 99)), true), Some((false, 1)));
            last += 99;
        }
        assert_eq!(last, 1 + 99 * u64::from(PAGES_MAX));
        assert_eq!(turn(&mut reading, Edge::End, Some((5_001, 5_100)), true), Some((true, 0)));
        assert_eq!(reading.older(Edge::End), Some(Edge::Before(5_001)));
    }

    #[test]
    fn a_server_that_has_lost_what_is_shown_is_believed() {
        for seqs in [None, Some((9, 9))] {
            let mut reading = Reading::default();
            reading.catch_up();
            turn(&mut reading, Edge::End, Some((1, 8)), false);
            reading.lose();
            let edge = reading.catch_up();
            assert_eq!(turn(&mut reading, edge, seqs, false), None);
            assert_eq!((reading.is_catching_up(), reading.catch_up()), (true, Edge::End));
            assert_eq!(turn(&mut reading, Edge::End, Some((1, 2)), false), Some((true, 0)));
            assert_eq!(hear(&mut reading, 3), "next");
        }
    }

    #[test]
    fn a_server_that_has_another_message_of_that_number_has_lost_what_is_shown() {
        let mut reading = Reading::on_from(Span { first: 1, last: posted(8), has_older: false });
        let edge = reading.catch_up();
        let ends = (Posted { ts_ms: 9_999, ..posted(8) }, posted(20));
        assert_eq!(reading.turn(edge, Some(ends), false), None);
        assert_eq!(reading.catch_up(), Edge::End);
        assert_eq!(turn(&mut reading, Edge::End, Some((1, 20)), false), Some((true, 0)));
    }

    #[test]
    fn what_is_acknowledged_again_and_not_kept_any_more_stands_before_no_hole() {
        let mut reading = Reading::default();
        assert_eq!(reading.catch_up(), Edge::End);
        for seq in [1, 3, 4] {
            assert_eq!(hear(&mut reading, seq), "waits");
        }
        assert_eq!(turn(&mut reading, Edge::End, None, false), Some((false, 0)));
        assert_eq!(held(&mut reading), [3, 4]);
        assert_eq!(hear(&mut reading, 5), "next");
    }

    #[test]
    fn without_a_page_what_is_said_is_shown_all_the_same() {
        let mut reading = Reading::default();
        reading.catch_up();
        hear(&mut reading, 7);
        reading.give_up(Some(Instant::default()));
        assert_eq!((held(&mut reading), reading.deadline()), (Vec::new(), Some(Instant::default())));
        reading.catch_up();
        reading.give_up(None);
        assert_eq!(held(&mut reading), [7]);
        assert_eq!(hear(&mut reading, 8), "next");
    }

    #[test]
    fn a_page_that_nobody_waits_for_is_of_no_use() {
        let mut reading = Reading::default();
        for edge in [Edge::End, Edge::After(3), Edge::Before(3)] {
            assert_eq!(turn(&mut reading, edge, Some((1, 2)), false), None);
        }
    }
}
