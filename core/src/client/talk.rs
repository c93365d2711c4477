//! What is said now: where it belongs, and whether it is one of the own messages that waits for its answer.

use alloc::string::String;

use super::reading::Heard;
use super::state::Pending;
use super::{Client, Command, Conversation, Event};
use crate::message::Cid;
use crate::message::push::{ReceivedAck, ReceivedMsg};
use crate::name::PUBLIC;
use crate::phase::Phase;

impl Client {
    pub(super) fn on_msg(&mut self, msg: ReceivedMsg) {
        if self.phase() == Some(Phase::Hall) {
            return self.on_msg_in_hall(msg);
        }
        let Some(of) = self.here() else { return };
        // A private one has its place among those of its two sides, which are not read here.
        match msg.posted.filter(|_| msg.peer.is_none() && self.caps.history) {
            None => self.show(of, msg),
            Some(posted) => {
                let heard = self.readings.hear(&of, posted, msg);
                self.on_heard(&of, heard);
            }
        }
        self.send_next();
    }

    pub(super) fn on_heard(&mut self, of: &Conversation, heard: Heard) {
        match heard {
            Heard::Next(msg) => self.show(of.clone(), msg),
            Heard::Waits => {}
            Heard::Before(msg) => self.acknowledge(of, msg),
            Heard::Hole => self.catch_up(of),
        }
    }

    /// What stands before the last that is shown is shown itself, unless all that is shown began anew since it was sent. What is
    /// to be on a page needs no answer any more.
    pub(super) fn acknowledge(&mut self, of: &Conversation, msg: ReceivedMsg) {
        let Some(say) = msg.cid.as_ref().and_then(|cid| self.waited(cid)) else { return };
        if let (Some(said), Some(posted)) = (say.said(), msg.posted) {
            self.event(Event::Acknowledged { of: of.clone(), said, posted });
        }
    }

    /// Where what comes now is shown: in the room that it is in, or has left since it said something there.
    pub(super) fn here(&self) -> Option<Conversation> {
        let asked_in = || self.pending.iter().find_map(|pending| pending.room.as_ref());
        self.state.room().or_else(asked_in).cloned().map(Conversation::Room)
    }

    pub(super) fn show(&mut self, of: Conversation, msg: ReceivedMsg) {
        let is_own = self.is_own(&msg.from);
        let is_public = msg.to == PUBLIC;
        // Both copies of a private message carry their reader's name: whom an own one went to, only its sender knows.
        let waited = match &msg.cid {
            _ if !is_own => None,
            Some(cid) => self.waited(cid),
            None => {
                let is_it = |pending: &Pending| pending.cid.is_none() && pending.is_msg(is_public, &msg.text);
                self.answered_where(is_it).map(|pending| pending.command)
            }
        };
        let said = waited.as_ref().and_then(Command::said);
        let peer = || match waited.as_ref().and_then(Command::said_to) {
            Some(Conversation::Peer(peer)) => String::from(peer.as_str()),
            Some(Conversation::Room(_)) | None => msg.from.clone(),
        };
        let private_with = (!is_public).then(|| msg.peer.unwrap_or_else(peer));
        let ReceivedMsg { from, text, posted, cid, .. } = msg;
        self.event(Event::Message { of, from, text, is_own, said, private_with, posted, cid });
    }

    /// A message is kept. Most have come by then like everybody's; one that was kept before comes with this alone.
    pub(super) fn on_ack(&mut self, ack: ReceivedAck) {
        let pending = self.pending.iter().find(|pending| pending.cid.as_ref() == Some(&ack.cid));
        let Some(Pending { command: Command::Say { to, text, .. }, .. }) = pending else { return };
        let own = String::from(self.username().unwrap_or_default());
        // The server spells names as they are.
        let peer = to.peer().map(|peer| ack.peer.unwrap_or_else(|| String::from(peer.as_str())));
        let room = to.room().map(|room| ack.room.unwrap_or_else(|| String::from(room.as_str())));
        let to = if peer.is_some() { own.clone() } else { String::from(PUBLIC) };
        let text = String::from(text.as_str());
        let (posted, cid) = (ack.posted, Some(ack.cid));
        self.on_msg(ReceivedMsg { to, from: own, text, posted, cid, peer, room });
    }

    /// A message of that name, if it waits for its answer, or to be sent again after a lost connection: it was kept.
    pub(super) fn waited(&mut self, cid: &Cid) -> Option<Command> {
        let pending = self.answered_where(|pending| pending.cid.as_ref() == Some(cid));
        pending.map(|pending| pending.command).or_else(|| self.outbox.take(cid))
    }
}
