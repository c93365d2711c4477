//! What was said before: which page is asked for next, and what one that came shows.

use alloc::vec::Vec;

use super::reading::Turned;
use super::state::Pending;
use super::{Client, Command, Conversation, Event, Past};
use crate::message::history::{Edge, ReceivedLine, ReceivedPage};
use crate::message::{Cid, Kind};
use crate::time::Instant;

impl Client {
    /// Reads what was said in a conversation while this client was not here, up to what is said now.
    pub(super) fn catch_up(&mut self, of: &Conversation) {
        if self.caps.history {
            self.readings.fall_behind(of);
            self.read_on();
        }
    }

    /// Asks for the next page, if none is on its way.
    pub(super) fn read_on(&mut self) {
        if self.is_inside()
            && !self.is_asking(Kind::History)
            && let Some((of, edge)) = self.readings.next_page(self.now)
        {
            self.send(Command::Recall(of, edge));
        }
    }

    pub(super) fn on_page(&mut self, page: ReceivedPage) {
        // One that comes too late is not that of another conversation.
        let told = Conversation::received(page.room.as_deref(), page.peer.as_deref());
        let is_it = |pending: &Pending| match &pending.command {
            Command::Recall(of, _) => told.as_ref().is_none_or(|told| of.is_same(told)),
            _ => false,
        };
        let Some(Pending { command: Command::Recall(of, edge), .. }) = self.answered_where(is_it) else {
            return;
        };
        let of = self.readings.spelled(&of).cloned().unwrap_or(of);
        let (ends, has_more) = (page.ends(), page.has_more);
        if let Some((_, last)) = ends {
            self.places.note_last(&of, last.seq);
        }
        if let Some(Turned { is_anew, shown }) = self.readings.turn(&of, edge, ends, has_more) {
            let messages: Vec<Past> =
                page.lines.into_iter().skip(shown).map(|line| self.past(line)).collect();
            let (is_older, has_older) = (matches!(edge, Edge::Before(_)), self.readings.has_older(&of));
            if !messages.is_empty() || is_anew || is_older {
                self.event(Event::Past { of: of.clone(), messages, is_older, is_anew, has_older });
            }
        }
        self.show_held(&of);
        self.read_on();
        self.send_next();
    }

    /// No page comes, now or at all.
    pub(super) fn on_no_page(&mut self, of: &Conversation, again_at: Option<Instant>) {
        self.readings.give_up(of, again_at);
        self.show_held(of);
        self.read_on();
        self.send_next();
    }

    fn past(&mut self, line: ReceivedLine) -> Past {
        let cid = line.cid.as_deref().and_then(Cid::parse);
        let waited = cid.as_ref().and_then(|cid| self.waited(cid));
        Past {
            is_own: self.is_own(&line.from),
            said: waited.and_then(|say| say.said()),
            posted: line.posted(),
            from: line.from,
            text: Some(line.text).filter(|text| !text.is_empty()),
            cid,
        }
    }

    /// What was said while a page was on its way.
    fn show_held(&mut self, of: &Conversation) {
        for heard in self.readings.take_held(of) {
            self.on_heard(of, heard);
        }
    }
}
