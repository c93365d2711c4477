//! What was typed and has no place yet: what waits, and in which conversation.

use chatroom_core::client::{self, Command, Conversation};
use chatroom_core::message::{Cid, Text};
use chatroom_core::name::UserName;

use super::Controller;
use super::room::{log_id, said_before};
use crate::log::Delivery;
use crate::store::{Fate, Outgoing, Request};

/// A message of one's own that has no place yet.
pub(super) struct Typed {
    cid: Cid,
    pub(super) of: Conversation,
    pub(super) way: Way,
}

/// How far it has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The client has it, and sends it as soon as it can.
    Sent,
    /// It is in the file alone: its conversation cannot be reached.
    Waits,
    /// It is said no more without the person.
    Failed,
}

impl Controller {
    /// Shows what was typed before. What is to be said, if it still is.
    pub(super) fn put_out(&mut self, outgoing: Outgoing) -> Option<Command> {
        let (at, own) = (self.at(outgoing.typed_ms), self.screen.lobby.username.clone());
        let (text, to, state) = (outgoing.text.clone(), outgoing.to.clone(), outgoing.state);
        let say = self.send_off(outgoing.clone());
        let typed = self.keeping.typed.iter().find(|(_, typed)| typed.cid.as_str() == outgoing.cid);
        let (id, way) = typed.map_or((None, Way::Failed), |(id, typed)| (Some(*id), typed.way));
        let mut log = self.log.borrow_mut();
        let id = id.unwrap_or_else(|| log.reserve());
        log.send_as(id, at, &own, &text, to.as_deref());
        match (way, state) {
            (Way::Sent, _) => {}
            (Way::Waits, _) => log.fail(id, Delivery::Waiting),
            (Way::Failed, Fate::Uncertain) => log.fail(id, Delivery::Uncertain),
            (Way::Failed, Fate::Waiting | Fate::Failed) => log.fail(id, Delivery::Failed),
        }
        say
    }

    /// What is in the outbox goes on its way, if it is not under way already, and its conversation can be reached: what is to be
    /// said.
    pub(super) fn send_off(&mut self, outgoing: Outgoing) -> Option<Command> {
        let Outgoing { cid, of, to, text, state, .. } = outgoing;
        let cid = Cid::parse(&cid)?;
        let known = self.keeping.typed.iter().find(|(_, typed)| typed.cid == cid);
        let known = known.map(|(id, typed)| (*id, typed.way));
        if matches!(known, Some((_, Way::Sent | Way::Failed))) {
            return None;
        }
        let id = known.map_or_else(|| self.log.borrow_mut().reserve(), |(id, _)| id);
        let said = said_before(to.as_deref(), &text);
        let way = match (state, &said) {
            (Fate::Failed | Fate::Uncertain, _) | (_, Err(_)) => Way::Failed,
            (Fate::Waiting, Ok(_)) if self.is_multi && !self.is_reachable(&of) => Way::Waits,
            (Fate::Waiting, Ok(_)) => Way::Sent,
        };
        self.keeping.typed.insert(id, Typed { cid: cid.clone(), of: of.clone(), way });
        let (to, text) = said.ok().filter(|_| way == Way::Sent)?;
        if matches!(known, Some((_, Way::Waits))) {
            self.log.borrow_mut().fail(id, Delivery::Sending);
        }
        let to = to.map_or(of, Conversation::Peer);
        Some(Command::Say { to, text, id: id.into(), cid: Some(cid) })
    }

    /// Writes down what was typed, before it is sent. What it is called from now on.
    pub(super) fn keep_typed(
        &mut self,
        id: u32,
        of: &Conversation,
        to: Option<&UserName>,
        text: &Text,
    ) -> Option<Cid> {
        if !self.keeping.is_begun {
            return None;
        }
        let cid = self.keeping.names.as_mut()?.make()?;
        self.keeping.typed.insert(id, Typed { cid: cid.clone(), of: of.clone(), way: Way::Sent });
        let typed = self.now.to_zoned(self.zone.clone()).map_or(0, |now| now.timestamp().as_millisecond());
        self.ask(Request::Typed(Outgoing {
            cid: cid.as_str().to_owned(),
            of: of.clone(),
            to: to.map(|to| to.as_str().to_owned()),
            text: text.as_str().to_owned(),
            typed_ms: u64::try_from(typed).unwrap_or_default(),
            state: Fate::Waiting,
        }));
        Some(cid)
    }

    /// It is to be said once more, under the name that it had, so that it is said once. Its name.
    pub(super) fn keep_retried(&mut self, failed: u32, id: u32) -> Option<Cid> {
        let typed = self.keeping.typed.remove(&failed)?;
        let cid = typed.cid.clone();
        self.keeping.typed.insert(id, Typed { way: Way::Sent, ..typed });
        self.ask(Request::Fate(cid.as_str().to_owned(), Fate::Waiting));
        Some(cid)
    }

    /// What a message is called that waits no longer.
    pub(super) fn take_name(&mut self, said: Option<u64>) -> Option<Cid> {
        let id = log_id(said)?;
        self.keeping.typed.remove(&id).map(|typed| typed.cid)
    }

    /// It is not to be said any more, or was.
    pub(super) fn keep_no_longer(&mut self, cid: Option<Cid>) {
        if let Some(cid) = cid {
            self.ask(Request::Drop(cid.as_str().to_owned()));
        }
    }

    /// It was not said, and is not without the person.
    pub(super) fn keep_failed(&mut self, id: u32, fate: Fate) {
        if let Some(typed) = self.keeping.typed.get_mut(&id) {
            typed.way = Way::Failed;
            let cid = typed.cid.as_str().to_owned();
            self.ask(Request::Fate(cid, fate));
        }
    }

    /// The client itself has given it up, for its conversation cannot be reached: it goes on waiting in the file.
    pub(super) fn keep_waiting(&mut self, id: u32) {
        if let Some(typed) = self.keeping.typed.get_mut(&id).filter(|_| self.is_multi) {
            typed.way = Way::Waits;
            self.log.borrow_mut().fail(id, Delivery::Waiting);
            self.show_places();
        }
    }

    /// Whether a message that the client itself gives up is in the file, and will be said when its room is entered next.
    pub(super) fn goes_on_waiting(&self, id: u32) -> bool {
        self.keeping.is_begun && self.keeping.has_acks && self.keeping.typed.contains_key(&id)
    }

    /// Whether no further message can be typed while these wait.
    pub(super) fn is_outbox_full(&self) -> bool {
        let waiting = match self.is_multi {
            true => self.keeping.typed.len(),
            false => self.log.borrow().waiting(),
        };
        self.keeping.is_begun && waiting >= client::WAITING_MAX
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use chatroom_core::name::RoomName;
    use chatroom_core::secret::Token;

    use super::*;
    use crate::sentence::Phrase;
    use crate::store::{Account, Login, Opened, Overview};

    #[test]
    fn what_is_typed_waits_for_what_was_typed_before_and_there_is_an_end_to_that() {
        let mut controller = Controller::new(Rc::new(RefCell::default()));
        controller.keep_in_file([0; 12]);
        let account = Account { server: "s".into(), address: "s:1".into(), name: "ann".into() };
        let den = RoomName::parse("den").expect("it is a name");
        let place = Some(Opened::nothing(Conversation::Room(den)));
        let token = Token::new("token".to_owned().into());
        controller.go_on(
            Login { account, token, place, overview: Overview::default() },
            "s:1".parse().expect("it is an address"),
        );
        for number in 0..client::WAITING_MAX {
            assert!(controller.send("hello"), "{number}");
        }
        assert!(!controller.send("one too many"));
        assert_eq!(controller.screen().room.hint.phrase, Phrase::TooManyWaiting);
    }
}
