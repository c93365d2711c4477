//! Messages that were not sent yet, or that the server did not take yet.
//!
//! One message is on its way at a time. The next is sent when the server has answered: with the message itself, or
//! with no. So one that comes too soon and is sent again later is not overtaken by those that were said after it,
//! however slow the network is: others read an author's messages in the order in which they were said.

use alloc::collections::VecDeque;
use core::time::Duration;

use super::{Command, Conversation};
use crate::message::Cid;
use crate::time::Instant;

/// A message that waits.
pub(super) struct Waiting {
    /// The [`Command::Say`].
    pub(super) say: Command,
    /// What it was called when it was sent, if it was already and may have arrived.
    pub(super) cid: Option<Cid>,
}

impl Waiting {
    /// What it is called, if that is known before it is sent.
    fn name(&self) -> Option<&Cid> {
        self.cid.as_ref().or(self.say.cid())
    }
}

/// A bounded line of messages, the oldest first.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Waiting>,
    /// The server takes none before this moment.
    held_until: Option<Instant>,
}

impl Outbox {
    /// Puts a message behind the others. It comes back when there are too many.
    pub(super) fn push(&mut self, say: Command) -> Result<(), Command> {
        if self.waiting.len() >= WAITING_MAX {
            return Err(say);
        }
        self.waiting.push_back(Waiting { say, cid: None });
        Ok(())
    }

    /// Takes a message back that was sent and may have arrived: it is the first to be sent again.
    pub(super) fn put_back(&mut self, say: Command, cid: Option<Cid>) {
        self.waiting.push_front(Waiting { say, cid });
    }

    /// Takes the message out that was called so.
    pub(super) fn take(&mut self, cid: &Cid) -> Option<Command> {
        let index = self.waiting.iter().position(|waiting| waiting.name() == Some(cid))?;
        self.waiting.remove(index).map(|waiting| waiting.say)
    }

    /// Takes a message back that came too soon: it is the first to be sent again, in `pause`. It comes back when
    /// that is too long to let a person wait for.
    pub(super) fn hold(
        &mut self,
        now: Instant,
        say: Command,
        cid: Option<Cid>,
        pause: Duration,
    ) -> Result<(), Command> {
        if pause > PAUSE_MAX {
            return Err(say);
        }
        #[cfg(planted_bug = "held_message_overtaken")]
        self.waiting.push_back(Waiting { say, cid });
        #[cfg(not(planted_bug = "held_message_overtaken"))]
        self.put_back(say, cid);
        self.held_until = Some(now + pause.max(PAUSE_MIN));
        Ok(())
    }

    /// The next message, if one may be sent now: the first whose conversation is ready for it.
    pub(super) fn pop(&mut self, now: Instant, is_ready: impl Fn(&Conversation) -> bool) -> Option<Waiting> {
        if self.held_until.is_some_and(|at| now < at) {
            return None;
        }
        self.held_until = None;
        let index = self.waiting.iter().position(|waiting| waiting.say.said_to().is_some_and(&is_ready))?;
        self.waiting.remove(index)
    }

    /// All messages of one conversation, whether they may be sent now or not.
    pub(super) fn take_all_of(&mut self, of: &Conversation) -> VecDeque<Waiting> {
        let is_of = |waiting: &Waiting| waiting.say.said_to().is_some_and(|to| to.is_same(of));
        let (theirs, others) = core::mem::take(&mut self.waiting).into_iter().partition(is_of);
        self.waiting = others;
        theirs
    }

    /// All messages that were sent already and may have arrived.
    pub(super) fn take_sent(&mut self) -> VecDeque<Waiting> {
        let is_sent = |waiting: &Waiting| waiting.cid.is_some();
        let (sent, others) = core::mem::take(&mut self.waiting).into_iter().partition(is_sent);
        self.waiting = others;
        sent
    }

    /// All messages, whether they may be sent now or not.
    pub(super) fn take_all(&mut self) -> VecDeque<Waiting> {
        core::mem::take(self).waiting
    }

    /// When the server takes messages again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.held_until
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

/// Messages that wait at most. No person types so many while the first of them waits; a program has to look.
pub const WAITING_MAX: usize = 100;

/// A server that says to come back at once is given a little longer.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// What would be sent later than this is no answer to what is talked about any more.
const PAUSE_MAX: Duration = Duration::from_secs(60);
