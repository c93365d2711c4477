//! Rooms, and who is in them: the lobby, and the dialog that leads from one room to another.

use std::collections::BTreeMap;

use chatroom_core::client::{self, Conversation, folded};
use chatroom_core::name::{LOBBY, RoomName};

use super::conversations::Entry;
use super::{Command, Controller, Crowd, Page, Phrase, Request, Sentence};
use crate::format::clean;
use crate::screen::{PersonItem, PlaceItem, Room, RoomItem};
use crate::sentence::of_room_name;

impl Controller {
    /// Ask who is where.
    pub fn refresh(&mut self) {
        if matches!(self.screen.page, Page::Lobby | Page::Room) {
            // In many rooms, all of it is told as it changes.
            if !self.is_multi {
                self.command(Command::List);
                self.ask(Request::Unseen);
            }
        }
    }

    /// Show only what has this in its name.
    pub fn search(&mut self, text: &str) {
        self.search = folded(text);
        self.show_places();
    }

    /// The same in the dialog.
    pub fn search_switcher(&mut self, text: &str) {
        self.switcher_query = folded(text);
        self.show_places();
    }

    /// Make a room, and go into it.
    pub fn create(&mut self, name: &str) {
        match RoomName::parse(name.trim()) {
            Ok(room) => {
                self.screen.lobby.create_error = Sentence::default();
                self.next_room = Some(room.clone());
                self.command(Command::Create(room));
            }
            Err(error) => self.screen.lobby.create_error = of_room_name(error),
        }
    }

    /// Go into a room, out of another if need be.
    pub fn enter(&mut self, name: &str) {
        self.screen.lobby.error = Sentence::default();
        let room = match RoomName::parse(name) {
            Ok(room) => room,
            Err(error) => return self.screen.lobby.error = of_room_name(error),
        };
        if self.is_multi {
            let of = Conversation::Room(room.clone());
            return match self.is_reachable(&of) {
                true => self.show(of),
                false => self.command(Command::Enter(room)),
            };
        }
        match self.screen.page {
            Page::Room if self.screen.room.name == name => {}
            Page::Room => {
                self.next_room = Some(room);
                self.exit();
            }
            Page::Lobby => self.go_into(room),
            Page::Connect | Page::Login => {}
        }
    }

    /// Back to the lobby, and in many rooms: no more in this one.
    pub fn leave(&mut self) {
        self.next_room = None;
        self.exit();
    }

    fn exit(&mut self) {
        if let Conversation::Room(room) = self.here() {
            self.command(Command::Exit(room));
        }
    }

    pub(super) fn on_rooms(&mut self, rooms: Vec<client::Room>) {
        // To who is in many rooms they are told otherwise.
        self.set_multi(false);
        self.rooms = rooms;
        self.show_places();
    }

    pub(super) fn on_members(&mut self, room: client::Room) {
        // A list of another room was meant for who was there.
        if self.screen.page == Page::Room && room.name == self.screen.room.name {
            self.members = room.members;
            self.show_places();
        }
    }

    pub(super) fn on_created(&mut self) {
        self.screen.lobby.created = self.screen.lobby.created.wrapping_add(1);
        match self.next_room.take() {
            Some(room) if self.is_multi => self.command(Command::Enter(room)),
            Some(room) => self.go_into(room),
            None => {}
        }
    }

    pub(super) fn on_entered(&mut self, room: String) {
        let Ok(room) = RoomName::parse(&room) else { return };
        if self.is_multi {
            return self.on_entered_one_more(room);
        }
        self.log.borrow_mut().clear();
        self.show_room(&Conversation::Room(room.clone()));
        self.turn_to(Page::Room);
        self.fill_room(room);
    }

    pub(super) fn on_returned(&mut self, username: String, room: Option<String>) {
        self.screen.banner = Sentence::default();
        self.screen.lobby.username = username;
        // Where one room is returned to there are not many, whatever the server said the last time.
        if room.is_some() {
            self.set_multi(false);
        }
        if self.is_multi {
            return self.show_places();
        }
        match room {
            // What was read before is still there, and what is being typed.
            Some(room) if self.screen.page == Page::Room && self.screen.room.name == room => {
                self.turn_to(Page::Room);
            }
            Some(room) => self.on_entered(room),
            None => {
                let was_in_room = self.screen.page == Page::Room;
                self.leave_place();
                self.ask(Request::Unseen);
                self.turn_to(Page::Lobby);
                if was_in_room {
                    self.screen.lobby.error = Phrase::NoSuchRoom.into();
                }
            }
        }
    }

    pub(super) fn on_left(&mut self, room: &str) {
        if self.is_multi {
            return RoomName::parse(room).map_or((), |room| self.on_left_one(room));
        }
        self.leave_place();
        self.ask(Request::Unseen);
        match self.next_room.take() {
            Some(room) => {
                self.screen.page = Page::Lobby;
                self.go_into(room);
            }
            None => self.turn_to(Page::Lobby),
        }
    }

    pub(super) fn on_create_refused(&mut self, sentence: Sentence) {
        self.next_room = None;
        self.screen.lobby.create_error = sentence;
    }

    pub(super) fn on_enter_refused(&mut self, code: Option<&str>, sentence: Sentence) {
        if self.is_multi {
            // It was entered by another device a moment before: that it is taken part in is told as well.
            if code != Some("already_there") {
                self.on_notice(sentence);
            }
            return;
        }
        self.screen.lobby.error = sentence;
        // Who came from another room stands in the lobby now, and has seen no list of it yet.
        self.command(Command::List);
    }

    /// An empty conversation, and no word to the server yet.
    pub(super) fn show_room(&mut self, of: &Conversation) {
        self.screen.page = Page::Room;
        self.screen.room = Room::default();
        self.screen.room.name = clean(of.name());
        self.screen.room.is_private = of.is_private();
        self.screen.room.draft = self.drafts.get(of).cloned().unwrap_or_default();
        self.screen.room.is_following = true;
        self.screen.lobby.error = Sentence::default();
        self.members.clear();
        self.composer.forget_completion();
        self.forget_shown();
        self.show_places();
    }

    /// In no room any more, and in none at the next start.
    pub(super) fn leave_place(&mut self) {
        self.forget_place();
        self.ask(Request::Place(None));
    }

    /// In no room any more.
    pub(super) fn forget_place(&mut self) {
        if self.screen.page == Page::Room {
            self.log.borrow_mut().clear();
        }
        self.forget_shown();
        self.screen.room = Default::default();
        self.screen.announcement.clear();
        self.members.clear();
    }

    pub(super) fn show_places(&mut self) {
        self.show_friends();
        self.show_sidebar();
        let own = self.screen.lobby.username.as_str();
        (self.screen.lobby.rooms, self.screen.switcher.rooms) = match self.is_multi {
            true => (self.all_rooms(&self.search), self.conversations(&self.switcher_query)),
            false => (self.rooms_of_one(&self.search), self.rooms_of_one(&self.switcher_query)),
        };
        let person = |name: &String, place: &str| PersonItem {
            name: clean(name),
            place: if place == LOBBY { String::new() } else { clean(place) },
            is_self: name == own,
            tie: self.tie(name),
            here: self.here_among_known(name),
        };
        let mut people: Vec<PersonItem> = self
            .rooms
            .iter()
            .flat_map(|room| room.members.iter().map(|name| person(name, &room.name)))
            .filter(|person| matches(&person.name, &self.search))
            .collect();
        people.sort_by_key(|person| folded(&person.name));
        let members = self.members.iter().map(|name| person(name, LOBBY)).collect();
        self.screen.lobby.people = people;
        self.screen.room.members = members;
    }

    /// The rooms to be in one of.
    fn rooms_of_one(&self, query: &str) -> Vec<RoomItem> {
        let here = self.screen.room.name.as_str();
        let rooms = self.rooms.iter().filter(|room| room.name != LOBBY && matches(&room.name, query));
        let item = |room: &client::Room| {
            let is_current = room.name == here;
            // What comes into the room that is shown is counted there.
            let unseen = self
                .keeping
                .unseen
                .iter()
                .find(|unseen| !is_current && !unseen.of.is_private() && unseen.of.name() == room.name);
            RoomItem {
                name: clean(&room.name),
                people: room.members.iter().map(|name| clean(name)).collect(),
                count: room.members.len(),
                is_private: false,
                is_current,
                unread: unseen.map_or(0, |unseen| unseen.messages),
                mentions: unseen.map_or(0, |unseen| unseen.mentions),
            }
        };
        rooms.map(item).collect()
    }

    /// The rooms there are, of which many can be taken part in.
    fn all_rooms(&self, query: &str) -> Vec<RoomItem> {
        let entries = self.rooms_by_name();
        let item = |crowd: &Crowd| match entries.get(&folded(crowd.room.as_str())) {
            Some(entry) => room_item(self.place_item(entry), crowd.people),
            None => room_of_others(crowd),
        };
        self.crowds.iter().filter(|crowd| is_wanted(crowd, query)).map(item).collect()
    }

    /// What is taken part in, and then the other rooms.
    fn conversations(&self, query: &str) -> Vec<RoomItem> {
        let crowds: BTreeMap<String, usize> =
            self.crowds.iter().map(|crowd| (folded(crowd.room.as_str()), crowd.people)).collect();
        let people = |of: &Conversation| match of {
            Conversation::Room(room) => crowds.get(&folded(room.as_str())).copied().unwrap_or_default(),
            Conversation::Peer(_) => 0,
        };
        let wanted = self.listed().into_rows().filter(|row| matches(row.of.name(), query));
        let mut items: Vec<RoomItem> =
            wanted.map(|row| room_item(self.item(&row), people(&row.of))).collect();
        let entries = self.rooms_by_name();
        let is_other =
            |crowd: &&Crowd| is_wanted(crowd, query) && !entries.contains_key(&folded(crowd.room.as_str()));
        items.extend(self.crowds.iter().filter(is_other).map(room_of_others));
        items
    }

    /// The rooms in the list. There can be ten thousand others, to which these are compared often.
    fn rooms_by_name(&self) -> BTreeMap<String, &Entry> {
        let rooms = self.places.iter().filter(|entry| !entry.of.is_private());
        rooms.map(|entry| (folded(entry.of.name()), entry)).collect()
    }
}

/// Whether it is a room, and its name has this in it.
fn is_wanted(crowd: &Crowd, query: &str) -> bool {
    crowd.room.as_str() != LOBBY && matches(crowd.room.as_str(), query)
}

fn room_of_others(crowd: &Crowd) -> RoomItem {
    RoomItem { name: clean(crowd.room.as_str()), count: crowd.people, ..RoomItem::default() }
}

fn room_item(place: PlaceItem, count: usize) -> RoomItem {
    let PlaceItem { name, is_private, is_left, unread, mentions, .. } = place;
    RoomItem { name, people: Vec::new(), count, is_private, is_current: !is_left, unread, mentions }
}

fn matches(name: &str, query: &str) -> bool {
    query.is_empty() || folded(name).contains(query)
}
