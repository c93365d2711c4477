//! What the window shows, as plain values. A [`Controller`](crate::controller::Controller) decides on them; adapters
//! copy them into the window.

use std::fmt::{self, Write as _};

use chatroom_core::message::friend::Tie;
use chatroom_core::message::presence::PresenceState;
use jiff::civil::DateTime;

use crate::sentence::Sentence;

/// Everything but the messages, which are in the [`Log`](crate::log::Log).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Screen {
    /// The page in front.
    pub page: Page,
    /// What is wrong with the connection, while something is.
    pub banner: Sentence,
    /// Why what is read and typed is not kept, where it is not.
    pub unkept: Sentence,
    /// The window's title.
    pub title: String,
    /// What is read aloud to who cannot see the window.
    pub announcement: String,
    /// The page that asks for a server.
    pub connect: Connect,
    /// The page that asks who one is.
    pub login: Login,
    /// The page of rooms and people.
    pub lobby: Lobby,
    /// The page of one conversation.
    pub room: Room,
    /// The list of conversations beside the pages.
    pub sidebar: Sidebar,
    /// Who is what to the person.
    pub friends: Friends,
    /// How others see the person.
    pub you: You,
    /// Where the person is logged in.
    pub logins: Logins,
    /// The dialog that leads to another room.
    pub switcher: Switcher,
}

/// Which page is in front.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Page {
    /// Which server.
    #[default]
    Connect,
    /// Who one is.
    Login,
    /// Rooms and people.
    Lobby,
    /// One room, or one private conversation.
    Room,
}

/// The page that asks for a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connect {
    /// Why there is no connection.
    pub error: Sentence,
    /// Whether one is being made.
    pub is_busy: bool,
    /// The fingerprint of a server met for the first time; empty if there is nothing to ask.
    pub question: String,
    /// The key that this computer remembers, if the server showed another.
    pub expected: String,
    /// The key that the server showed.
    pub found: String,
}

/// The page that asks who one is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// The server's address.
    pub server: String,
    /// How the server is known: its fingerprint, or nothing.
    pub identity: String,
    /// Nobody checks who the server is.
    pub is_insecure: bool,
    /// Nobody can make an account there.
    pub is_closed: bool,
    /// Who makes an account there has to be invited, and was not.
    pub is_uninvited: bool,
    /// The link invites who has it to make an account.
    pub is_invited: bool,
    /// What is wrong with the name.
    pub username_error: Sentence,
    /// What is wrong with the password.
    pub password_error: Sentence,
    /// What is wrong with all of it.
    pub form_error: Sentence,
    /// What went well, or why one is here.
    pub notice: Sentence,
    /// What is weak about a new password.
    pub weakness: Sentence,
    /// Whether an answer is awaited.
    pub is_busy: bool,
    /// Counts up when the fields are to be emptied of the password.
    pub forgotten: u32,
}

/// The page of rooms and people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lobby {
    /// Who is logged in.
    pub username: String,
    /// The rooms that match the search.
    pub rooms: Vec<RoomItem>,
    /// The people that match the search.
    pub people: Vec<PersonItem>,
    /// Why a room could not be entered.
    pub error: Sentence,
    /// Why a room could not be made.
    pub create_error: Sentence,
    /// What others connect with, if the chat is hosted here.
    pub host_link: String,
    /// Counts up when the dialog that makes a room has done its work.
    pub created: u32,
}

/// The page of one room, or of one private conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Its name, or that of the other side.
    pub name: String,
    /// Whether it is a private conversation.
    pub is_private: bool,
    /// Whether it is not taken part in any more.
    pub is_left: bool,
    /// What was being typed when it was shown last.
    pub draft: String,
    /// What the other side of a private conversation is to the person, where the server knows of friends.
    pub tie: Option<Tie>,
    /// Whether they are here, as far as that is told.
    pub here: Option<Here>,
    /// Who is in it. Where nobody is, nothing was told: oneself is there at least.
    pub members: Vec<PersonItem>,
    /// Whether the list stays at its end.
    pub is_following: bool,
    /// How many messages came that were not seen.
    pub new_count: u32,
    /// Whether there are messages that are older than all that are shown.
    pub has_older: bool,
    /// Bytes left for a message that comes near the limit.
    pub left: Option<i64>,
    /// Why a message was not sent.
    pub hint: Sentence,
    /// The message that keys have led to.
    pub selected: Option<Selected>,
}

/// A message that was chosen by keys, to be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// Its number in the log.
    pub id: u32,
    /// What it says.
    pub text: String,
}

/// The list of what one takes part in, where that can be more than one room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sidebar {
    /// Whether it is there.
    pub is_there: bool,
    /// Rooms, by name.
    pub rooms: Vec<PlaceItem>,
    /// Friends, with a private conversation or without one, and those who were asked to be.
    pub friends: Vec<PlaceItem>,
    /// Other private conversations, the one in which something was said last first.
    pub peers: Vec<PlaceItem>,
    /// How many messages were not seen in all of them, and how many wait for an answer.
    pub unread: u32,
}

/// Who is what to the person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Friends {
    /// Whether the server knows of such things.
    pub is_there: bool,
    /// Those who want to be friends.
    pub asking: Vec<PersonItem>,
    /// All who are something and match what is typed, these first, then those who were asked, friends, and who is blocked.
    pub people: Vec<PersonItem>,
    /// Why somebody could not be asked, or something else not be done.
    pub error: Sentence,
    /// Counts up when somebody was asked whose name was typed.
    pub added: u32,
}

/// Whether somebody is here, and what they say of themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Here {
    /// Whether they are.
    pub state: PresenceState,
    /// What they say; empty for nothing.
    pub text: String,
}

/// How others see the person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct You {
    /// Whether the server tells others such things.
    pub is_there: bool,
    /// How they see the person.
    pub here: Here,
    /// Why that could not be changed.
    pub error: Sentence,
    /// Counts up when it was.
    pub said: u32,
}

/// Where the account is logged in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logins {
    /// Whether the server tells that.
    pub is_there: bool,
    /// The logins that last, the one that was used last first.
    pub all: Vec<LoginItem>,
    /// Why they could not be told, or one not be ended.
    pub error: Sentence,
}

/// A login that lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginItem {
    /// Its number.
    pub id: i64,
    /// What the program calls itself by which it was begun; empty if that is not known.
    pub client: String,
    /// When that was, as far as it is known.
    pub begun: Option<DateTime>,
    /// When it was used last.
    pub used: Option<DateTime>,
    /// Whether it is the one that is used here.
    pub is_own: bool,
}

/// A conversation in that list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlaceItem {
    /// The room's name, or that of the other side.
    pub name: String,
    /// Whether it is a private conversation.
    pub is_private: bool,
    /// Whether it is the one that is shown.
    pub is_current: bool,
    /// Whether it is not taken part in any more, and here for what waits there.
    pub is_left: bool,
    /// How many messages were not seen.
    pub unread: u32,
    /// How many of these are private or name the person.
    pub mentions: u32,
    /// How many messages of one's own have not been said yet.
    pub waiting: u32,
    /// What the other side is to the person, where the server knows of friends.
    pub tie: Option<Tie>,
    /// Whether they are here, as far as that is told.
    pub here: Option<Here>,
}

/// The dialog that leads to another conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Switcher {
    /// The rooms and private conversations that match.
    pub rooms: Vec<RoomItem>,
}

/// A room in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomItem {
    /// Its name.
    pub name: String,
    /// Who is in it, where that is told.
    pub people: Vec<String>,
    /// How many.
    pub count: usize,
    /// Whether it is no room, but a private conversation.
    pub is_private: bool,
    /// Whether one is in it.
    pub is_current: bool,
    /// How many messages are known there that were not seen.
    pub unread: u32,
    /// How many of these are private or name the person.
    pub mentions: u32,
}

/// Somebody in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonItem {
    /// The name.
    pub name: String,
    /// The room; empty in the lobby.
    pub place: String,
    /// Whether it is oneself.
    pub is_self: bool,
    /// What they are to the person, where the server knows of friends.
    pub tie: Option<Tie>,
    /// Whether they are here, as far as that is told.
    pub here: Option<Here>,
}

/// What a test compares, one thing a line, without what is as it is at the start.
impl fmt::Display for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Lines(String::new());
        lines.add("page", format_args!("{:?}", self.page));
        lines.text("title", &self.title);
        lines.sentence("banner", &self.banner);
        lines.sentence("unkept", &self.unkept);
        lines.text("announcement", &self.announcement);
        lines.sentence("connect.error", &self.connect.error);
        lines.flag("connect.busy", self.connect.is_busy);
        lines.text("connect.question", &self.connect.question);
        lines.text("connect.expected", &self.connect.expected);
        lines.text("connect.found", &self.connect.found);
        lines.text("login.server", &self.login.server);
        lines.text("login.identity", &self.login.identity);
        lines.flag("login.insecure", self.login.is_insecure);
        lines.flag("login.closed", self.login.is_closed);
        lines.flag("login.uninvited", self.login.is_uninvited);
        lines.flag("login.invited", self.login.is_invited);
        lines.sentence("login.username", &self.login.username_error);
        lines.sentence("login.password", &self.login.password_error);
        lines.sentence("login.form", &self.login.form_error);
        lines.sentence("login.notice", &self.login.notice);
        lines.sentence("login.weakness", &self.login.weakness);
        lines.flag("login.busy", self.login.is_busy);
        lines.number("login.forgotten", self.login.forgotten.into());
        lines.text("lobby.username", &self.lobby.username);
        lines.rooms("lobby.room", &self.lobby.rooms);
        lines.people("lobby.person", &self.lobby.people);
        lines.sentence("lobby.error", &self.lobby.error);
        lines.sentence("lobby.create", &self.lobby.create_error);
        lines.text("lobby.link", &self.lobby.host_link);
        lines.number("lobby.created", self.lobby.created.into());
        lines.text("room", &self.room.name);
        lines.flag("room.private", self.room.is_private);
        lines.flag("room.left", self.room.is_left);
        if let Some(tie) = self.room.tie.filter(|tie| *tie != Tie::None) {
            lines.add("room.tie", tie.as_str());
        }
        lines.here("room.here", self.room.here.as_ref());
        lines.text("room.draft", &self.room.draft);
        lines.people("room.member", &self.room.members);
        lines.flag("room.following", self.room.is_following);
        lines.number("room.new", self.room.new_count.into());
        lines.flag("room.older", self.room.has_older);
        if let Some(left) = self.room.left {
            lines.add("room.left", left);
        }
        lines.sentence("room.hint", &self.room.hint);
        if let Some(selected) = &self.room.selected {
            lines.add("room.selected", format_args!("{} {}", selected.id, selected.text));
        }
        lines.places("sidebar.room", &self.sidebar.rooms);
        lines.places("sidebar.friend", &self.sidebar.friends);
        lines.places("sidebar.peer", &self.sidebar.peers);
        lines.people("friends.asking", &self.friends.asking);
        lines.people("friends.all", &self.friends.people);
        let silent = Here { state: PresenceState::Online, text: String::new() };
        lines.here("you", Some(&self.you.here).filter(|here| **here != silent));
        lines.sentence("you.error", &self.you.error);
        lines.number("you.said", self.you.said.into());
        for login in &self.logins.all {
            let own = if login.is_own { " (own)" } else { "" };
            let at =
                |at: Option<DateTime>| at.map_or("?".to_owned(), |at| at.strftime("%d. %H:%M").to_string());
            let (begun, used) = (at(login.begun), at(login.used));
            lines.add("login", format_args!("{} {:?}{own} {begun} to {used}", login.id, login.client));
        }
        lines.sentence("logins.error", &self.logins.error);
        lines.sentence("friends.error", &self.friends.error);
        lines.number("friends.added", self.friends.added.into());
        lines.rooms("switcher.room", &self.switcher.rooms);
        f.write_str(&lines.0)
    }
}

fn unread(unread: u32, mentions: u32) -> String {
    match (unread, mentions) {
        (0, _) => String::new(),
        (unread, 0) => format!(" ({unread} unread)"),
        (unread, mentions) => format!(" ({unread} unread, {mentions} for one)"),
    }
}

fn tied(tie: Option<Tie>) -> String {
    match tie {
        None | Some(Tie::None) => String::new(),
        Some(tie) => format!(" ({})", tie.as_str()),
    }
}

/// The same in a line about them.
fn seen(here: Option<&Here>) -> String {
    let here = here.filter(|here| here.state != PresenceState::Offline);
    here.map(|here| format!(" [{here}]")).unwrap_or_default()
}

impl fmt::Display for Here {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let colon = if self.text.is_empty() { "" } else { ": " };
        write!(f, "{}{colon}{}", self.state.as_str(), self.text)
    }
}

struct Lines(String);

impl Lines {
    fn add(&mut self, key: &str, value: impl fmt::Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{key}: {value}");
    }

    fn text(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            self.add(key, value);
        }
    }

    fn flag(&mut self, key: &str, value: bool) {
        if value {
            self.add(key, "yes");
        }
    }

    fn number(&mut self, key: &str, value: i64) {
        if value != 0 {
            self.add(key, value);
        }
    }

    fn sentence(&mut self, key: &str, sentence: &Sentence) {
        if !sentence.is_nothing() {
            let gap = if sentence.detail.is_empty() { "" } else { " " };
            self.add(key, format_args!("{:?}{gap}{}", sentence.phrase, sentence.detail));
        }
    }

    /// Who is not here is as who is not known to be.
    fn here(&mut self, key: &str, here: Option<&Here>) {
        if let Some(here) = here.filter(|here| here.state != PresenceState::Offline) {
            self.add(key, here);
        }
    }

    fn rooms(&mut self, key: &str, rooms: &[RoomItem]) {
        for room in rooms {
            let here = if room.is_current { " (here)" } else { "" };
            let unread = unread(room.unread, room.mentions);
            let people = match (room.is_private, room.people.len(), room.count) {
                (true, _, _) => "(private)".to_owned(),
                (false, 0, 0) => String::new(),
                (false, 0, count) => format!("{count} people"),
                (false, _, _) => room.people.join(" "),
            };
            self.add(key, format_args!("{}{here}{unread}: {people}", room.name));
        }
    }

    fn places(&mut self, key: &str, places: &[PlaceItem]) {
        for place in places {
            let here = if place.is_current { " (here)" } else { "" };
            let left = if place.is_left { " (left)" } else { "" };
            let unread = unread(place.unread, place.mentions);
            let waiting = match place.waiting {
                0 => String::new(),
                waiting => format!(" ({waiting} not sent)"),
            };
            let (tie, seen) = (tied(place.tie), seen(place.here.as_ref()));
            self.add(key, format_args!("{}{here}{left}{unread}{waiting}{tie}{seen}", place.name));
        }
    }

    fn people(&mut self, key: &str, people: &[PersonItem]) {
        for person in people {
            let own = if person.is_self { " (self)" } else { "" };
            let place = if person.place.is_empty() { "" } else { " in " };
            let (tie, seen) = (tied(person.tie), seen(person.here.as_ref()));
            self.add(key, format_args!("{}{own}{place}{}{tie}{seen}", person.name, person.place));
        }
    }
}
