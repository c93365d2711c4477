//! Who is here, and what they say of themselves; and what the person says.

use std::collections::BTreeMap;

use chatroom_core::client::{Conversation, folded};
use chatroom_core::message::TextError;
use chatroom_core::message::friend::Tie;
use chatroom_core::message::presence::{Presence, PresenceState, StatusText};
use chatroom_core::name::UserName;

use super::{Command, Controller, Phrase, Sentence};
use crate::format::clean;
use crate::screen::Here;

/// What the controller knows of who is here.
#[derive(Default)]
pub(super) struct Presences {
    /// The server tells who is here. Where it does not, nothing of that is shown.
    is_granted: bool,
    /// Those who are, by what all spellings of the name have in common.
    here: BTreeMap<String, Here>,
    /// The person has said something of themselves that the server has not confirmed.
    is_saying: bool,
}

impl Controller {
    /// The person is here like this, and says that of themselves.
    pub fn be(&mut self, state: PresenceState, text: &str) {
        let text = text.trim();
        self.screen.you.error = Sentence::default();
        // What is on its way may change what is so.
        if !self.presences.is_saying && (Here { state, text: text.to_owned() }) == self.screen.you.here {
            return self.note_said();
        }
        match Some(text).filter(|text| !text.is_empty()).map(StatusText::parse).transpose() {
            Ok(text) => {
                self.presences.is_saying = true;
                self.command(Command::Present(state, text));
            }
            Err(TextError::TooLong) => self.screen.you.error = Phrase::StatusTooLong.into(),
            Err(TextError::Empty | TextError::Control) => self.screen.you.error = Phrase::TextInvalid.into(),
        }
    }

    /// What others are to see is being typed: what was wrong with it before is not wrong with this.
    pub fn status_edited(&mut self) {
        self.screen.you.error = Sentence::default();
    }

    /// The server says whether it tells who is here. It tells anew.
    pub(super) fn grant_presence(&mut self, is_granted: bool) {
        self.presences.is_granted = is_granted;
        self.lose_presence();
    }

    /// Without a connection, nobody is known to be here.
    pub(super) fn lose_presence(&mut self) {
        self.presences.here.clear();
        self.show_places();
    }

    /// Nobody is known to be here to whoever is next, who may come by the same connection.
    pub(super) fn forget_presences(&mut self) {
        self.presences = Presences { is_granted: self.presences.is_granted, ..Presences::default() };
        self.screen.you.error = Sentence::default();
        self.show_you();
    }

    pub(super) fn on_presence(&mut self, told: Vec<Presence>) {
        for Presence { user, state, text } in told {
            let is_own = user.as_str() == self.screen.lobby.username;
            let key = folded(user.as_str());
            if state == PresenceState::Offline {
                self.presences.here.remove(&key);
            } else {
                let text = text.map(|text| clean(text.as_str())).unwrap_or_default();
                self.presences.here.insert(key, Here { state, text });
            }
            if is_own && std::mem::take(&mut self.presences.is_saying) {
                self.note_said();
            }
        }
        self.show_places();
    }

    pub(super) fn on_presence_refused(&mut self, sentence: Sentence) {
        self.presences.is_saying = false;
        self.screen.you.error = sentence;
    }

    /// Whether a friend or somebody in the room is here; `None` where the server does not tell.
    pub(super) fn here_among_known(&self, name: &str) -> Option<Here> {
        let is_told = self.presences.is_granted && self.is_multi;
        is_told.then(|| self.presences.here.get(&folded(name)).cloned().unwrap_or_default())
    }

    /// The same for anybody: of who is neither, it is known at most that they are here.
    pub(super) fn here_in(&self, of: &Conversation) -> Option<Here> {
        let Conversation::Peer(peer) = of else { return None };
        let is_friend = self.tie_in(of) == Some(Tie::Friend);
        let here = self.here_among_known(peer.as_str());
        here.filter(|here| is_friend || here.state != PresenceState::Offline)
    }

    pub(super) fn is_here(&self, name: &UserName) -> bool {
        self.presences.here.contains_key(&folded(name.as_str()))
    }

    /// How others see the person.
    pub(super) fn show_you(&mut self) {
        let here = self.here_among_known(&self.screen.lobby.username);
        let is_away = self.is_away();
        let you = &mut self.screen.you;
        you.is_there = here.is_some();
        // Who is here and has said nothing is told nothing of themselves.
        let is_silent = |here: &Here| here.state == PresenceState::Offline && !is_away;
        let online = Here { state: PresenceState::Online, text: String::new() };
        you.here = here.map_or(Here::default(), |here| if is_silent(&here) { online } else { here });
    }

    fn note_said(&mut self) {
        self.screen.you.said = self.screen.you.said.wrapping_add(1);
    }
}
