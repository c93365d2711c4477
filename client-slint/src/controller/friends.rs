//! Who is what to whom is logged in: friends, those who ask or were asked to be one, and those who are blocked.

use std::collections::BTreeMap;

use chatroom_core::client::{Conversation, Friends, folded};
use chatroom_core::message::friend::{Op, Tie};
use chatroom_core::name::UserName;

use super::{Command, Controller, Effect, Page, Phrase, Request, Sentence};
use crate::format::clean;
use crate::screen::PersonItem;
use crate::sentence::of_user_name;

/// What the controller knows of friends.
#[derive(Default)]
pub(super) struct Ties {
    /// The server knows of friends. Where it does not, nothing of them is shown.
    is_granted: bool,
    /// It has told who is what since it was connected to.
    is_told: bool,
    /// Who is what, by what all spellings of the name have in common.
    all: BTreeMap<String, (UserName, Tie)>,
    /// Whom the person has typed, until it is known what becomes of that.
    adding: Option<UserName>,
    /// What is typed where a name is asked for.
    query: String,
}

impl Ties {
    fn set(&mut self, friends: Friends) {
        let Friends { friends, asking, asked, blocked } = friends;
        let with = |names: Vec<UserName>, tie| names.into_iter().map(move |name| (name, tie));
        self.all = with(friends, Tie::Friend)
            .chain(with(asking, Tie::Asking))
            .chain(with(asked, Tie::Asked))
            .chain(with(blocked, Tie::Blocked))
            .map(|(name, tie)| (folded(name.as_str()), (name, tie)))
            .collect();
    }

    fn of(&self, name: &str) -> Tie {
        self.all.get(&folded(name)).map_or(Tie::None, |(_, tie)| *tie)
    }

    /// Who is that, by name.
    pub(super) fn who(&self, wanted: Tie) -> impl Iterator<Item = &UserName> {
        let all = self.all.values().filter(|_| self.is_granted);
        all.filter(move |(_, tie)| *tie == wanted).map(|(name, _)| name)
    }
}

impl Controller {
    /// Ask somebody to be friends, whose name was typed.
    pub fn befriend(&mut self, typed: &str) {
        self.screen.friends.error = Sentence::default();
        match UserName::parse(typed.trim()) {
            Ok(name) => {
                self.ties.adding = Some(name.clone());
                self.command(Command::Friend(Op::Request, name));
            }
            Err(error) => self.screen.friends.error = of_user_name(error),
        }
    }

    /// This is to become of the person and somebody who is seen.
    pub fn change_tie(&mut self, op: Op, name: &str) {
        self.screen.friends.error = Sentence::default();
        if let Ok(name) = UserName::parse(name) {
            self.command(Command::Friend(op, name));
        }
    }

    /// Of all who are something to the person, list those who have this in their name.
    pub fn search_friends(&mut self, text: &str) {
        self.ties.query = folded(text.trim());
        self.screen.friends.error = Sentence::default();
        self.show_friends();
    }

    /// The server says whether it knows of friends. It tells of them anew.
    pub(super) fn grant_friends(&mut self, is_granted: bool) {
        self.ties.is_granted = is_granted;
        self.ties.is_told = false;
        self.show_places();
    }

    pub(super) fn on_friends(&mut self, friends: Friends) {
        if !self.has_friends() {
            return;
        }
        self.ask(Request::Friends(friends.clone()));
        let is_news = std::mem::replace(&mut self.ties.is_told, true) && !self.is_in_front;
        let new: Vec<String> = friends
            .asking
            .iter()
            .filter(|name| is_news && self.ties.of(name.as_str()) != Tie::Asking)
            .map(|name| clean(name.as_str()))
            .collect();
        self.ties.set(friends);
        for title in new {
            self.effects.push_back(Effect::Notify { title, body: Phrase::WantsToBeFriends.into() });
        }
        let adding = self.ties.adding.take();
        let is_added = |name: &UserName| matches!(self.ties.of(name.as_str()), Tie::Asked | Tie::Friend);
        let (added, adding) = match adding {
            Some(name) if is_added(&name) => (true, None),
            adding => (false, adding),
        };
        if added {
            self.screen.friends.added = self.screen.friends.added.wrapping_add(1);
            self.ties.query.clear();
        }
        self.ties.adding = adding;
        self.show_places();
    }

    /// What the file knows, until the server tells.
    pub(super) fn know_friends(&mut self, friends: Friends) {
        if !self.ties.is_told {
            self.ties.set(friends);
        }
    }

    /// The same of a server that has not said yet whether it knows of friends: where some are kept, it did.
    pub(super) fn go_on_with_friends(&mut self, friends: Friends) {
        self.ties.is_granted = friends != Friends::default();
        self.know_friends(friends);
    }

    pub(super) fn on_friend_refused(&mut self, code: Option<&str>, sentence: Sentence) {
        let sentence = match code {
            // Nothing else is wrong with a name that the client has let through.
            Some("name_invalid") => Phrase::ThatIsYou.into(),
            Some(_) | None => sentence,
        };
        // Who is logged out is told why, and that says enough.
        if self.ties.adding.take().is_none() && matches!(self.screen.page, Page::Lobby | Page::Room) {
            self.on_notice(sentence.clone());
        }
        self.screen.friends.error = sentence;
    }

    /// Nobody is anything to whoever is next.
    pub(super) fn forget_friends(&mut self) {
        self.ties = Ties { is_granted: self.ties.is_granted, ..Ties::default() };
        self.screen.friends.error = Sentence::default();
        self.show_friends();
    }

    /// Whether anybody can be a friend here.
    fn has_friends(&self) -> bool {
        self.ties.is_granted && self.is_multi
    }

    /// What somebody is to the person; `None` for themselves, and where the server knows of no friends.
    pub(super) fn tie(&self, name: &str) -> Option<Tie> {
        let is_somebody = self.has_friends() && name != self.screen.lobby.username;
        is_somebody.then(|| self.ties.of(name))
    }

    pub(super) fn tie_in(&self, of: &Conversation) -> Option<Tie> {
        match of {
            Conversation::Peer(peer) => self.tie(peer.as_str()),
            Conversation::Room(_) => None,
        }
    }

    /// All that is to be seen of them but for what stands in the list of conversations.
    pub(super) fn show_friends(&mut self) {
        let item = |name: &UserName| PersonItem {
            name: clean(name.as_str()),
            tie: self.tie(name.as_str()),
            here: self.here_in(&Conversation::Peer(name.clone())),
            ..PersonItem::default()
        };
        let asking: Vec<PersonItem> = self.ties.who(Tie::Asking).map(item).collect();
        let all = [Tie::Asking, Tie::Asked, Tie::Friend, Tie::Blocked];
        let people: Vec<PersonItem> = all
            .into_iter()
            .flat_map(|tie| self.ties.who(tie))
            .filter(|name| folded(name.as_str()).contains(&self.ties.query))
            .map(item)
            .collect();
        let (is_there, friends) = (self.has_friends(), &mut self.screen.friends);
        (friends.is_there, friends.asking, friends.people) = (is_there, asking, people);
        let place = self.keeping.place.as_ref();
        self.screen.room.tie = place.and_then(|of| self.tie_in(of));
        self.screen.room.here = place.and_then(|of| self.here_in(of));
    }
}
