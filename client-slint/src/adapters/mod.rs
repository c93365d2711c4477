//! Between the window and the controller: values go in, what a person does comes out.
//!
//! Each page has its adapter, with `show` for the one direction and `connect` for the other.

mod app;
mod connect;
mod friends;
mod lists;
mod lobby;
mod login;
mod logins;
mod messages;
mod room;
mod sidebar;
mod switcher;
mod you;

use std::cell::RefCell;
use std::rc::Rc;

use slint::ComponentHandle as _;

use crate::controller::Controller;
use crate::log::Log;
use crate::screen::Screen;
use crate::sentence::{Phrase, Sentence};
use crate::ui;
use messages::MessagesModel;

/// What the window's callbacks reach.
pub trait Desk {
    /// Has the controller do something, does what it then wants done, and shows the result.
    fn act<R>(&self, act: impl FnOnce(&mut Controller) -> R) -> R;
    /// Does what is none of the controller's business.
    fn wish(&self, wish: Wish);
}

/// What a person wants of the program, not of the chat.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// Host a chat on this computer.
    Host,
    /// Open this in a browser.
    OpenLink(String),
    /// These colours.
    Theme(crate::settings::Theme),
    /// This language.
    Language(crate::settings::Language),
    /// Larger (1), smaller (-1) or usual (0) text.
    Zoom(i32),
    /// Close the window, whoever is connected.
    CloseAnyway,
}

/// What the window shows of the controller, and what it showed last.
pub struct Window {
    window: ui::App,
    shown: RefCell<Screen>,
    messages: Rc<MessagesModel>,
}

impl Window {
    /// Fills the window with what is to be seen at the start.
    pub fn new(window: ui::App, log: Rc<RefCell<Log>>) -> Self {
        let messages = Rc::new(MessagesModel::new(log));
        room::set_messages(&window, Rc::clone(&messages));
        Self { window, shown: RefCell::default(), messages }
    }

    /// The window itself.
    pub fn window(&self) -> &ui::App {
        &self.window
    }

    /// Has every control do what it says.
    pub fn connect<D: Desk + Clone + 'static>(&self, desk: &D) {
        app::connect(&self.window, desk);
        connect::connect(&self.window, desk);
        login::connect(&self.window, desk);
        lobby::connect(&self.window, desk);
        room::connect(&self.window, desk);
        sidebar::connect(&self.window, desk);
        friends::connect(&self.window, desk);
        you::connect(&self.window, desk);
        logins::connect(&self.window, desk);
        switcher::connect(&self.window, desk);
    }

    /// Shows a new state. What did not change costs a comparison.
    pub fn show(&self, screen: &Screen) {
        let last = self.shown.replace(screen.clone());
        self.messages.tell_changes(today(), &self.window.global());
        app::show(&self.window, screen);
        connect::show(&self.window, &screen.connect);
        login::show(&self.window, &last.login, &screen.login);
        lobby::show(&self.window, &last.lobby, &screen.lobby);
        room::show(&self.window, &last.room, screen);
        if last.sidebar != screen.sidebar {
            sidebar::show(&self.window, &screen.sidebar);
        }
        if last.friends != screen.friends {
            friends::show(&self.window, &last.friends, &screen.friends);
        }
        if last.you != screen.you {
            you::show(&self.window, &last.you, &screen.you);
        }
        if last.logins != screen.logins {
            logins::show(&self.window, &screen.logins);
        }
        if last.switcher != screen.switcher {
            switcher::show(&self.window, &screen.switcher);
        }
    }
}

/// The date on this computer's clock.
fn today() -> jiff::civil::Date {
    jiff::Zoned::now().date()
}

impl From<&Sentence> for ui::Sentence {
    fn from(sentence: &Sentence) -> Self {
        Self { phrase: sentence.phrase.into(), detail: sentence.detail.as_str().into() }
    }
}

impl From<Phrase> for ui::Phrase {
    fn from(phrase: Phrase) -> Self {
        match phrase {
            Phrase::Nothing => Self::Nothing,
            Phrase::Verbatim => Self::Verbatim,
            Phrase::Connecting => Self::Connecting,
            Phrase::SigningIn => Self::SigningIn,
            Phrase::AddressInvalid => Self::AddressInvalid,
            Phrase::AddressUnknown => Self::AddressUnknown,
            Phrase::ServerUnreachable => Self::ServerUnreachable,
            Phrase::ServerRefused => Self::ServerRefused,
            Phrase::ServerTimedOut => Self::ServerTimedOut,
            Phrase::NotTls => Self::NotTls,
            Phrase::ConnectionLost => Self::ConnectionLost,
            Phrase::ServerFault => Self::ServerFault,
            Phrase::UntrustedCertificate => Self::UntrustedCertificate,
            Phrase::KeyChanged => Self::KeyChanged,
            Phrase::Away => Self::Away,
            Phrase::AwayRetry => Self::AwayRetry,
            Phrase::NoAnswer => Self::NoAnswer,
            Phrase::NameInvalid => Self::NameInvalid,
            Phrase::NameTaken => Self::NameTaken,
            Phrase::PasswordMissing => Self::PasswordMissing,
            Phrase::PasswordTooShort => Self::PasswordTooShort,
            Phrase::PasswordTooLong => Self::PasswordTooLong,
            Phrase::LoginFailed => Self::LoginFailed,
            Phrase::Throttled => Self::Throttled,
            Phrase::Busy => Self::Busy,
            Phrase::Registered => Self::Registered,
            Phrase::RegistrationClosed => Self::RegistrationClosed,
            Phrase::Invited => Self::Invited,
            Phrase::InviteRequired => Self::InviteRequired,
            Phrase::InviteInvalid => Self::InviteInvalid,
            Phrase::SessionEnded => Self::SessionEnded,
            Phrase::Replaced => Self::Replaced,
            Phrase::ShuttingDown => Self::ShuttingDown,
            Phrase::RoomExists => Self::RoomExists,
            Phrase::NoSuchRoom => Self::NoSuchRoom,
            Phrase::RoomFull => Self::RoomFull,
            Phrase::TooManyRooms => Self::TooManyRooms,
            Phrase::RoomNameInvalid => Self::RoomNameInvalid,
            Phrase::NotInRoom => Self::NotInRoom,
            Phrase::TextTooLong => Self::TextTooLong,
            Phrase::TextInvalid => Self::TextInvalid,
            Phrase::RateLimited => Self::RateLimited,
            Phrase::TooManyWaiting => Self::TooManyWaiting,
            Phrase::NotConnected => Self::NotConnected,
            Phrase::WeakShort => Self::WeakShort,
            Phrase::WeakCommon => Self::WeakCommon,
            Phrase::WeakLikeName => Self::WeakLikeName,
            Phrase::WeakOneKind => Self::WeakOneKind,
            Phrase::HostFailed => Self::HostFailed,
            Phrase::WhisperUsage => Self::WhisperUsage,
            Phrase::NotKept => Self::NotKept,
            Phrase::WantsToBeFriends => Self::WantsToBeFriends,
            Phrase::ThatIsYou => Self::ThatIsYou,
            Phrase::NoSuchUser => Self::NoSuchUser,
            Phrase::NoRequest => Self::NoRequest,
            Phrase::FirstUnblock => Self::FirstUnblock,
            Phrase::StatusTooLong => Self::StatusTooLong,
        }
    }
}
