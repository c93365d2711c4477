//! Rooms, and who is in them: the lobby, and the dialog that leads from one room to another.

use chatroom_core::client;
use chatroom_core::name::{LOBBY, RoomName};

use super::{Command, Controller, Page, Phrase, Request, Sentence};
use crate::format::clean;
use crate::screen::{PersonItem, Room, RoomItem};
use crate::sentence::of_room_name;

impl Controller {
    /// Ask who is where.
    pub fn refresh(&mut self) {
        if matches!(self.screen.page, Page::Lobby | Page::Room) {
            self.command(Command::List);
            self.ask(Request::Rooms);
        }
    }

    /// Show only what has this in its name.
    pub fn search(&mut self, text: &str) {
        self.search = text.to_lowercase();
        self.show_places();
    }

    /// The same in the dialog.
    pub fn search_switcher(&mut self, text: &str) {
        self.switcher_query = text.to_lowercase();
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
        match self.screen.page {
            Page::Room if self.screen.room.name == name => {}
            Page::Room => {
                self.next_room = Some(room);
                self.command(Command::Exit(self.here()));
            }
            Page::Lobby => self.go_into(room),
            Page::Connect | Page::Login => {}
        }
    }

    /// Back to the lobby.
    pub fn leave(&mut self) {
        self.next_room = None;
        self.command(Command::Exit(self.here()));
    }

    pub(super) fn on_rooms(&mut self, rooms: Vec<client::Room>) {
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
        if let Some(room) = self.next_room.take() {
            self.go_into(room);
        }
    }

    pub(super) fn on_entered(&mut self, room: String) {
        self.log.borrow_mut().clear();
        self.show_room(room.clone());
        self.turn_to(Page::Room);
        self.fill_room(&room);
    }

    pub(super) fn on_returned(&mut self, username: String, room: Option<String>) {
        self.screen.banner = Sentence::default();
        self.screen.lobby.username = username;
        match room {
            // What was read before is still there, and what is being typed.
            Some(room) if self.screen.page == Page::Room && self.screen.room.name == room => {
                self.turn_to(Page::Room);
            }
            Some(room) => self.on_entered(room),
            None => {
                let was_in_room = self.screen.page == Page::Room;
                self.forget_place();
                self.ask(Request::Place(None));
                self.ask(Request::Rooms);
                self.turn_to(Page::Lobby);
                if was_in_room {
                    self.screen.lobby.error = Phrase::NoSuchRoom.into();
                }
            }
        }
    }

    pub(super) fn on_left(&mut self) {
        self.forget_place();
        self.ask(Request::Place(None));
        self.ask(Request::Rooms);
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

    pub(super) fn on_enter_refused(&mut self, sentence: Sentence) {
        self.screen.lobby.error = sentence;
        // Who came from another room stands in the lobby now, and has seen no list of it yet.
        self.command(Command::List);
    }

    /// An empty room, and no word to the server yet.
    pub(super) fn show_room(&mut self, room: String) {
        self.screen.page = Page::Room;
        self.screen.room = Room::default();
        self.screen.room.name = clean(&room);
        self.screen.room.is_following = true;
        self.screen.lobby.error = Sentence::default();
        self.members.clear();
        self.composer.forget_completion();
        self.forget_shown();
        self.show_places();
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
        let own = self.screen.lobby.username.as_str();
        let here = self.screen.room.name.as_str();
        let items = |query: &str| -> Vec<RoomItem> {
            let rooms = self.rooms.iter().filter(|room| room.name != LOBBY && matches(&room.name, query));
            rooms
                .map(|room| {
                    let is_current = room.name == here;
                    // What comes into the room that is shown is counted there.
                    let unseen =
                        self.keeping.unseen.iter().find(|unseen| !is_current && unseen.room == room.name);
                    RoomItem {
                        name: clean(&room.name),
                        people: room.members.iter().map(|name| clean(name)).collect(),
                        is_current,
                        unread: unseen.map_or(0, |unseen| unseen.messages),
                        mentions: unseen.map_or(0, |unseen| unseen.mentions),
                    }
                })
                .collect()
        };
        self.screen.lobby.rooms = items(&self.search);
        self.screen.switcher.rooms = items(&self.switcher_query);
        let person = |name: &String, place: &str| PersonItem {
            name: clean(name),
            place: if place == LOBBY { String::new() } else { clean(place) },
            is_self: name == own,
        };
        let mut people: Vec<PersonItem> = self
            .rooms
            .iter()
            .flat_map(|room| room.members.iter().map(|name| person(name, &room.name)))
            .filter(|person| matches(&person.name, &self.search))
            .collect();
        people.sort_by_key(|person| person.name.to_lowercase());
        self.screen.lobby.people = people;
        self.screen.room.members = self.members.iter().map(|name| person(name, LOBBY)).collect();
    }
}

fn matches(name: &str, query: &str) -> bool {
    query.is_empty() || name.to_lowercase().contains(query)
}
