//! Somebody in front of the window. The controller is the real one; what it wants of the network is written down, and
//! what the network tells is told by the test.

#![allow(dead_code, reason = "each binary of tests uses its part of it")]

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use chatroom_core::client::{Command, Conversation, Event, Friends, Place, Room};
use chatroom_core::message::Kind;
use chatroom_core::message::hello::{Caps, Greeting};
use chatroom_core::message::logins::{ClientName, GrantId, Login};
use chatroom_core::message::presence::{Presence, PresenceState, StatusText};
use chatroom_core::message::push::Posted;
use chatroom_core::message::rooms::Crowd;
use chatroom_core::name::{RoomName, UserName};
use client_slint::adapters::{Desk, Window, Wish};
use client_slint::controller::{Controller, Effect};
use client_slint::log::Log;
use client_slint::network::{Identity, Link, News, Order};
use client_slint::store::{File, Request, Told};
use client_slint::ui::{App, AppAdapter};
use i_slint_backend_testing::{AccessibleRole, ElementHandle, ElementQuery, mock_elapsed_time};
use jiff::civil::{DateTime, date};
use slint::platform::{Key, PointerEventButton, WindowEvent};
use slint::{ComponentHandle as _, LogicalSize, SharedString};

#[derive(Clone)]
pub struct Seat(Rc<Parts>);

struct Parts {
    window: Window,
    controller: RefCell<Controller>,
    done: RefCell<Vec<String>>,
    /// What is kept, once somebody keeps anything.
    file: RefCell<File>,
    now: Cell<DateTime>,
}

impl Seat {
    /// In front of the first page.
    pub fn new() -> Self {
        crate::start_platform();
        let app = App::new().expect("the window is made");
        app.window().set_size(LogicalSize::new(960., 680.));
        let log = Rc::new(RefCell::new(Log::default()));
        let window = Window::new(app, Rc::clone(&log));
        let seat = Self(Rc::new(Parts {
            window,
            controller: RefCell::new(Controller::new(log)),
            done: RefCell::default(),
            file: RefCell::new(File::in_memory()),
            now: Cell::new(date(2026, 11, 24).at(9, 0, 0, 0)),
        }));
        seat.0.window.connect(&seat);
        seat.app().show().expect("the window is shown");
        seat.act(|_| {});
        seat
    }

    /// In front of the page that asks who one is.
    pub fn at_login() -> Self {
        let seat = Self::new();
        seat.connect_to("chat.example");
        seat.take_done();
        seat
    }

    /// Connects to what is typed in place of what is there.
    pub fn connect_to(&self, address: &str) {
        self.press_with(Key::Control, 'a');
        self.type_text(address);
        self.press(Key::Return);
        self.hear_of(Link::Trusted(Identity::Authority));
        self.hear(Event::Connected);
    }

    /// In the lobby, with two rooms.
    pub fn in_lobby() -> Self {
        let seat = Self::at_login();
        seat.hear(Event::LoggedIn { username: "ann".into() });
        seat.hear(Event::Rooms(vec![
            room("lobby", &["ann", "carol"]),
            room("den", &["bob"]),
            room("garden", &[]),
        ]));
        seat.take_done();
        seat
    }

    /// In a room with bob.
    pub fn in_room() -> Self {
        let seat = Self::in_lobby();
        seat.hear(Event::Entered { room: "den".into() });
        seat.hear(Event::Members(room("den", &["bob", "ann"])));
        seat.take_done();
        seat
    }

    /// In the den with bob, beside other rooms and private conversations.
    pub fn in_many() -> Self {
        let seat = Self::at_login();
        seat.act(|controller| controller.keep_in_file([0; 12]));
        let caps = Caps::ALL;
        seat.hear(Event::Greeted(Greeting { caps, server: "chatroom".into(), registration: None }));
        seat.hear(Event::LoggedIn { username: "ann".into() });
        let crowd = |room: &str, people| Crowd { room: room_name(room), people };
        seat.hear(Event::Crowds(vec![crowd("den", 2), crowd("garden", 0), crowd("Tech Talk", 4)]));
        let place = |of, last, read| Place { of, last, read };
        seat.hear(Event::Places(vec![
            place(den(), 0, 0),
            place(Conversation::Room(room_name("Tech Talk")), 0, 0),
            place(with("bob"), 0, 0),
        ]));
        seat.act(|controller| controller.pick("den", false));
        seat.hear(Event::Members(room("den", &["bob", "ann"])));
        seat.settle();
        seat.take_done();
        seat
    }

    /// Somebody says something where it has a number.
    pub fn hear_in(&self, of: &Conversation, seq: u64, from: &str, text: &str) {
        let ts_ms = self.0.now.get().in_tz("UTC").expect("it is a time").timestamp().as_millisecond();
        let posted = Posted { seq, ts_ms: ts_ms.unsigned_abs() };
        self.hear(Event::Message {
            of: of.clone(),
            from: from.into(),
            text: text.into(),
            is_own: from == "ann",
            said: None,
            private_with: of.is_private().then(|| of.name().to_owned()),
            posted: Some(posted),
            cid: None,
        });
    }

    pub fn app(&self) -> &App {
        self.0.window.window()
    }

    pub fn hear(&self, event: Event) {
        self.tell(News::Client(event));
    }

    pub fn hear_of(&self, link: Link) {
        self.tell(News::Link(link));
    }

    /// Somebody says something to everybody.
    pub fn hear_message(&self, from: &str, text: &str) {
        self.hear(Event::Message {
            of: den(),
            from: from.into(),
            text: text.into(),
            is_own: false,
            said: None,
            private_with: None,
            posted: None,
            cid: None,
        });
    }

    /// What was asked of the network, and of the program, since the last call.
    pub fn take_done(&self) -> String {
        self.0.done.take().join(", ")
    }

    pub fn type_text(&self, text: &str) {
        for c in text.chars() {
            self.press(c);
        }
    }

    pub fn press(&self, key: impl Into<SharedString>) {
        let text: SharedString = key.into();
        self.app().window().dispatch_event(WindowEvent::KeyPressed { text: text.clone() });
        self.app().window().dispatch_event(WindowEvent::KeyReleased { text });
        settle();
    }

    /// A key while another is held.
    pub fn press_with(&self, held: Key, key: impl Into<SharedString>) {
        let held: SharedString = held.into();
        self.app().window().dispatch_event(WindowEvent::KeyPressed { text: held.clone() });
        self.press(key);
        self.app().window().dispatch_event(WindowEvent::KeyReleased { text: held });
    }

    /// Clicks the one control of this role and label.
    #[track_caller]
    pub fn click(&self, role: AccessibleRole, label: &str) {
        let element = self.find(role, label);
        assert!(element.accessible_enabled().unwrap_or(true), "{label} cannot be clicked");
        element.mock_single_click(PointerEventButton::Left);
        settle();
    }

    #[track_caller]
    pub fn find(&self, role: AccessibleRole, label: &str) -> ElementHandle {
        settle();
        ElementHandle::find_by_accessible_label(self.app(), label)
            .find(|element| element.accessible_role() == Some(role))
            .unwrap_or_else(|| panic!("there is no {role:?} labelled {label:?}"))
    }

    /// The first control of this role whose label has this in it, if there is one.
    pub fn find_part(&self, role: AccessibleRole, part: &str) -> Option<ElementHandle> {
        settle();
        let rows = ElementQuery::from_root(self.app()).match_descendants().match_accessible_role(role);
        rows.find_all()
            .into_iter()
            .find(|row| row.accessible_label().is_some_and(|label| label.contains(part)))
    }

    pub fn has(&self, label: &str) -> bool {
        settle();
        ElementHandle::find_by_accessible_label(self.app(), label).next().is_some()
    }

    /// Another moment than the 24th of November at nine.
    pub fn set_now(&self, now: DateTime) {
        self.0.now.set(now);
    }

    /// Pages that were switched to come to be.
    pub fn settle(&self) {
        settle();
    }

    fn tell(&self, news: News) {
        self.act(|controller| controller.apply(self.0.now.get(), [news]));
        settle();
    }
}

impl Seat {
    /// What the file is asked for, it does at once.
    fn keep(&self, request: Request) -> Option<Told> {
        let mut file = self.0.file.borrow_mut();
        let request = [request];
        file.write(&request).expect("there is room in memory");
        let [request] = request;
        match request {
            Request::Open(of) => file.opened(&of).ok().map(Told::Opened),
            Request::Older(of, before) => file.older(&of, before).ok().map(Told::Older),
            Request::Unseen => file.unseen().ok().map(Told::Unseen),
            Request::Overview => file.overview().ok().map(Told::Overview),
            _ => None,
        }
    }
}

impl Desk for Seat {
    fn act<R>(&self, act: impl FnOnce(&mut Controller) -> R) -> R {
        let result = {
            let mut controller = self.0.controller.borrow_mut();
            controller.set_now(self.0.now.get());
            act(&mut controller)
        };
        loop {
            let Some(effect) = self.0.controller.borrow_mut().poll_effect() else { break };
            self.0.done.borrow_mut().push(shown(&effect));
            if let Effect::Store(request) = effect
                && let Some(told) = self.keep(request)
            {
                self.0.controller.borrow_mut().apply(self.0.now.get(), [News::Store(told)]);
            }
        }
        let screen = self.0.controller.borrow().screen().clone();
        self.0.window.show(&screen);
        result
    }

    fn wish(&self, wish: Wish) {
        if let Wish::Zoom(step) = wish {
            let adapter = self.app().global::<AppAdapter>();
            adapter.set_text_scale(adapter.get_text_scale() + 0.1 * step as f32);
        }
        self.0.done.borrow_mut().push(format!("{wish:?}"));
    }
}

pub fn room(name: &str, members: &[&str]) -> Room {
    Room { name: name.into(), members: members.iter().map(|name| (*name).into()).collect() }
}

/// The room that all is said in.
pub fn den() -> Conversation {
    Conversation::Room(room_name("den"))
}

pub fn room_name(name: &str) -> RoomName {
    RoomName::parse(name).expect("it is a name")
}

/// A private conversation.
pub fn with(name: &str) -> Conversation {
    Conversation::Peer(UserName::parse(name).expect("it is a name"))
}

/// Where ann is logged in: here, by another program, and by one of which nothing is known.
pub fn logins() -> Event {
    let at =
        |time: DateTime| time.in_tz("UTC").expect("it is a time").timestamp().as_millisecond().unsigned_abs();
    let (today, yesterday) = (at(date(2026, 11, 24).at(8, 0, 0, 0)), at(date(2026, 11, 23).at(18, 0, 0, 0)));
    let login = |id, client: &str, begun_ms, used_ms| Login {
        id: GrantId(id),
        client: ClientName::parse(client),
        begun_ms,
        used_ms: Some(used_ms),
        ends_ms: today,
        is_own: id == 7,
    };
    Event::Logins(vec![
        login(7, "Chatroom 0.1.0 on Linux", Some(today), today),
        login(3, "Chatroom 0.0.9 on Windows", Some(yesterday), yesterday),
        login(1, "", None, yesterday),
    ])
}

/// Who is here, and what they say of themselves.
pub fn here(told: &[(&str, PresenceState, &str)]) -> Event {
    let presence = |(user, state, text): &(&str, PresenceState, &str)| Presence {
        user: UserName::parse(user).expect("it is a name"),
        state: *state,
        text: StatusText::parse(text).ok(),
    };
    Event::Presence(told.iter().map(presence).collect())
}

/// Who is what: friends, who asks, who was asked, who is blocked.
pub fn friends([friends, asking, asked, blocked]: [&[&str]; 4]) -> Event {
    let names = |names: &[&str]| {
        names.iter().map(|name| UserName::parse(name).expect("it is a name")).collect::<Vec<_>>()
    };
    Event::Friends(Friends {
        friends: names(friends),
        asking: names(asking),
        asked: names(asked),
        blocked: names(blocked),
    })
}

/// The server does not do what was asked, and says why.
pub fn refused(request: Kind, code: &str, message: &str) -> Event {
    Event::Refused { request, said: None, code: Some(code.into()), message: message.into(), retry_ms: None }
}

/// Pages that were switched to come to be.
fn settle() {
    mock_elapsed_time(std::time::Duration::from_millis(20));
}

fn shown(effect: &Effect) -> String {
    match effect {
        Effect::Connect(invitation, trusting) => format!("connect {} {trusting:?}", invitation.address),
        Effect::Order(Order::Command(command)) => match command {
            Command::Register(name, ..) => format!("register {}", name.as_str()),
            Command::Resume(_) => "resume".into(),
            Command::Login(name, password) => format!("login {} {}", name.as_str(), password.expose()),
            Command::List => "list".into(),
            Command::Create(room) => format!("create {}", room.as_str()),
            Command::Enter(room) => format!("enter {}", room.as_str()),
            Command::Say { to, text, .. } => match to {
                Conversation::Peer(to) => format!("say to {}: {}", to.as_str(), text.as_str()),
                Conversation::Room(_) => format!("say: {}", text.as_str()),
            },
            Command::Recall(..) => "older".into(),
            Command::Look(of) => format!("look at {}", of.name()),
            Command::Read(of, seq) => format!("read {} up to {seq}", of.name()),
            Command::Friend(op, user) => format!("{} {}", op.as_str(), user.as_str()),
            Command::Present(state, text) => {
                format!("be {} {}", state.as_str(), text.as_ref().map_or("", StatusText::as_str))
            }
            Command::Logins => "logins".into(),
            Command::EndLogin(id) => format!("end login {}", id.0),
            Command::Exit(_) => "exit".into(),
            Command::Logout => "logout".into(),
        },
        Effect::GoOn(invitation, _) => format!("go on at {}", invitation.address),
        Effect::Store(_) => "store".into(),
        Effect::Order(Order::Connect(_) | Order::GoOn(..)) => "connect".into(),
        Effect::Order(Order::Know(..)) => "know".into(),
        Effect::Order(Order::Trust) => "trust".into(),
        Effect::Order(Order::RetryNow) => "try now".into(),
        Effect::Order(Order::Disconnect) => "disconnect".into(),
        Effect::Remember(..) => "remember".into(),
        Effect::RememberUser(name) => format!("remember {name}"),
        Effect::Notify { title, .. } => format!("notify {title}"),
    }
}
