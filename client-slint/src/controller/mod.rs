//! What the window shows, and why.
//!
//! The [`Controller`] takes what the network tells ([`Controller::apply`]) and what a person does (its other methods),
//! keeps the [`Screen`] and the [`Log`], and asks for what is beyond it with [`Effect`]s. It knows no window, thread,
//! socket, file or clock.

mod composer;
mod connecting;
mod conversations;
mod friends;
mod keeping;
mod login;
mod logins;
mod outbox;
mod places;
mod presence;
mod room;
mod sidebar;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use chatroom_core::client::{self, Command, Conversation, Event, Kept};
use chatroom_core::message::Kind;
use chatroom_core::message::rooms::Crowd;
use chatroom_core::name::{RoomName, UserName};
use chatroom_core::secret::{Password, Token};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::address::{Invitation, ServerAddress};
use crate::log::Log;
use crate::network::{Identity, Link, News, Order};
use crate::screen::{Page, Screen};
use crate::sentence::{Phrase, Sentence};
use crate::store::Request;
use composer::Composer;
use conversations::Places;
use friends::Ties;
use keeping::Keeping;
use presence::Presences;
use room::Said;

/// Something that the controller wants done.
pub enum Effect {
    /// Connect to this server, knowing about it what this computer remembers.
    Connect(Invitation, Trusting),
    /// Connect to this server, and go on there with a login of before.
    GoOn(Invitation, Box<Kept>),
    /// Have the window's file do something, before any order that follows.
    Store(Request),
    /// Tell the network.
    Order(Order),
    /// Know this server by this from now on.
    Remember(ServerAddress, Identity),
    /// Remember the name for the next start.
    RememberUser(String),
    /// Tell the person, who is looking elsewhere.
    Notify {
        /// Who says something, or wants something.
        title: String,
        /// What.
        body: Sentence,
    },
}

/// Whether a server has to prove who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trusting {
    /// It has to.
    #[default]
    Checked,
    /// It need not: for demonstrations.
    AnyoneInsecurely,
}

/// See the module.
pub struct Controller {
    screen: Screen,
    log: Rc<RefCell<Log>>,
    effects: VecDeque<Effect>,
    now: DateTime,
    /// Where this computer is, for what happened before.
    zone: TimeZone,
    server: Option<ServerAddress>,
    /// What lets a person make an account there.
    invite: Option<Token>,
    /// Nobody makes an account there without.
    needs_invite: bool,
    /// What is being registered, until it is logged in.
    credentials: Option<(UserName, Password)>,
    /// They are in many rooms at once.
    is_multi: bool,
    /// Which these are, and the private conversations.
    places: Places,
    /// Who is what to them.
    ties: Ties,
    /// Who is here.
    presences: Presences,
    /// All rooms, the lobby among them, as the server last told; in one room at a time with those who are there.
    rooms: Vec<client::Room>,
    crowds: Vec<Crowd>,
    /// What is being typed in conversations.
    drafts: BTreeMap<Conversation, String>,
    members: Vec<String>,
    search: String,
    switcher_query: String,
    /// The room to enter once the present one is left, or once it is made.
    next_room: Option<RoomName>,
    composer: Composer,
    keeping: Keeping,
    is_in_front: bool,
}

impl Controller {
    /// The window at its start. `log` is shared with who shows the messages.
    pub fn new(log: Rc<RefCell<Log>>) -> Self {
        let mut controller = Self {
            screen: Screen::default(),
            log,
            effects: VecDeque::new(),
            now: DateTime::MIN,
            zone: TimeZone::UTC,
            server: None,
            invite: None,
            needs_invite: false,
            credentials: None,
            is_multi: false,
            places: Places::default(),
            ties: Ties::default(),
            presences: Presences::default(),
            rooms: Vec::new(),
            crowds: Vec::new(),
            drafts: BTreeMap::new(),
            members: Vec::new(),
            search: String::new(),
            switcher_query: String::new(),
            next_room: None,
            composer: Composer::default(),
            keeping: Keeping::default(),
            is_in_front: true,
        };
        controller.retitle();
        controller
    }

    /// What the network told, all that there is at once. `now` is the time on this computer's clock.
    pub fn apply(&mut self, now: DateTime, news: impl IntoIterator<Item = News>) {
        self.now = now;
        for news in news {
            match news {
                News::Link(link) => self.on_link(link),
                News::Client(event) => self.on_event(event),
                News::Store(told) => self.on_told(told),
            }
        }
        self.note_seen();
        self.show_news();
        self.retitle();
    }

    /// The next thing to be done. Ask until there is none, after each call.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// What is to be seen.
    pub fn screen(&self) -> &Screen {
        &self.screen
    }

    /// The time zone in which this computer tells the time.
    pub fn set_zone(&mut self, zone: TimeZone) {
        self.zone = zone;
    }

    /// Time passes only where it is told.
    pub fn set_now(&mut self, now: DateTime) {
        self.now = now;
    }

    /// The window has come to the front, or gone from there.
    pub fn set_in_front(&mut self, is_in_front: bool) {
        self.is_in_front = is_in_front;
        if is_in_front {
            self.look();
        }
        self.note_seen();
        self.show_sidebar();
        self.retitle();
    }

    fn on_event(&mut self, event: Event) {
        let Some(event) = self.hold(event) else { return };
        match event {
            Event::Connected => self.on_connected(),
            Event::Disconnected(end) => self.on_disconnected(end),
            Event::Greeted(greeting) => self.on_greeted(&greeting),
            Event::Registered => self.on_registered(),
            Event::LoggedIn { username } => self.on_logged_in(username),
            Event::Session { token, .. } => self.ask(Request::Session(token)),
            Event::Returned { username, room } => self.on_returned(username, room),
            Event::LoggedOut => {
                // If it was not their wish, what is kept stays.
                self.interrupt();
                self.on_logged_out();
            }
            Event::Rooms(rooms) => self.on_rooms(rooms),
            Event::Crowds(crowds) => self.on_crowds(crowds),
            Event::Places(places) => self.on_places(places),
            Event::Friends(friends) => self.on_friends(friends),
            Event::Presence(told) => self.on_presence(told),
            Event::Logins(logins) => self.on_logins(logins),
            Event::Members(room) => self.on_members(room),
            Event::Created { .. } => self.on_created(),
            Event::Entered { room } => self.on_entered(room),
            Event::Left { room } => self.on_left(&room),
            Event::Message { of, from, text, is_own, said, private_with, posted, cid } => {
                self.on_message(Said { of, from, text, is_own, said, private_with, posted, cid });
            }
            Event::Acknowledged { said, .. } => self.on_acknowledged(said),
            Event::Past { of, messages, is_older, is_anew, has_older } => {
                self.on_past(of, messages, is_older, is_anew, has_older);
            }
            Event::Refused { request, said, code, message, retry_ms } => {
                self.on_refused(request, said, code.as_deref(), &message, retry_ms);
            }
            Event::Unanswered { request, said } => self.on_silence(request, said),
            Event::Notice { code, message } => {
                let sentence = Sentence::of_refusal(code.as_deref(), &message, None);
                if sentence.phrase == Phrase::SessionEnded {
                    self.ask(Request::SessionEnded);
                }
                // The client does not find back from these: another window would be driven out in turn, or the login is no more.
                if matches!(sentence.phrase, Phrase::Replaced | Phrase::SessionEnded) {
                    self.interrupt();
                    self.on_logged_out();
                }
                self.on_notice(sentence);
            }
        }
    }

    fn on_refused(
        &mut self,
        request: Kind,
        said: Option<u64>,
        code: Option<&str>,
        message: &str,
        retry_ms: Option<u64>,
    ) {
        // The client itself answers so what it could not send.
        let is_offline = code.is_none() && self.is_away();
        let sentence = match is_offline {
            true => Phrase::NotConnected.into(),
            false => Sentence::of_refusal(code, message, retry_ms),
        };
        if request == Kind::Msg {
            return self.on_msg_refused(said, code, sentence);
        }
        self.on_undone(request, code, sentence);
    }

    fn on_silence(&mut self, request: Kind, said: Option<u64>) {
        if request == Kind::Msg {
            return self.on_msg_silence(said);
        }
        self.on_undone(request, None, Phrase::NoAnswer.into());
    }

    /// What was asked for is not done, for that reason.
    fn on_undone(&mut self, request: Kind, code: Option<&str>, sentence: Sentence) {
        match request {
            Kind::Register | Kind::Login | Kind::Resume => self.on_login_refused(request, code, sentence),
            Kind::Create => self.on_create_refused(sentence),
            Kind::Enter => self.on_enter_refused(code, sentence),
            Kind::Exit => self.on_notice(sentence),
            Kind::Logout => self.on_logout_failed(sentence),
            Kind::Friend => self.on_friend_refused(code, sentence),
            Kind::Presence => self.on_presence_refused(sentence),
            Kind::Logins => self.on_logins_refused(code, sentence),
            // Lists also come unasked, and nobody asked for the others.
            Kind::Hello | Kind::List | Kind::History | Kind::Ping | Kind::Pong => {}
            // The client asks for them by itself.
            Kind::Rooms | Kind::Roster | Kind::Read => {}
            // It is marked where it stands.
            Kind::Msg => {}
        }
    }

    /// The server says something that answers nothing: shown where the person looks.
    fn on_notice(&mut self, sentence: Sentence) {
        match self.screen.page {
            Page::Connect => self.screen.connect.error = sentence,
            Page::Login => self.screen.login.notice = sentence,
            Page::Lobby => self.screen.lobby.error = sentence,
            Page::Room => self.screen.room.hint = sentence,
        }
    }

    /// Another page comes to the front. The original server tells nobody who is where, unless it is asked.
    fn turn_to(&mut self, page: Page) {
        self.screen.page = page;
        if matches!(page, Page::Lobby | Page::Room) && !self.is_multi {
            self.command(Command::List);
        }
    }

    /// Whether there is no connection, or the client is on its way back to where they were.
    fn is_away(&self) -> bool {
        self.screen.banner.phrase != Phrase::Nothing
    }

    fn command(&mut self, command: Command) {
        self.order(Order::Command(command));
    }

    fn order(&mut self, order: Order) {
        self.effects.push_back(Effect::Order(order));
    }

    fn retitle(&mut self) {
        let screen = &mut self.screen;
        let place = match screen.page {
            Page::Connect => String::new(),
            Page::Login => screen.login.server.clone(),
            Page::Lobby => format!("{} – {}", screen.lobby.username, screen.login.server),
            Page::Room => screen.room.name.clone(),
        };
        let unread = match screen.room.new_count.max(screen.sidebar.unread) {
            0 => String::new(),
            count => format!("({count}) "),
        };
        let dash = if place.is_empty() { "" } else { " – " };
        screen.title = format!("{unread}{place}{dash}Chatroom");
    }
}
