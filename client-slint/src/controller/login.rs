//! Accounts: registering, logging in and out.

use chatroom_core::message::hello::{Greeting, Registration};
use chatroom_core::name::UserName;
use chatroom_core::secret::{Password, PasswordError};
use zeroize::Zeroizing;

use super::{Command, Controller, Effect, Kind, Page, Phrase, Request, Sentence};
use crate::sentence::of_user_name;
use crate::weakness;

impl Controller {
    /// Log in with what was typed.
    pub fn log_in(&mut self, username: &str, password: &str) {
        if let Some((username, password)) = self.check_credentials(username, password) {
            self.command(Command::Login(username, password));
        }
    }

    /// Make an account with what was typed, and log in to it.
    pub fn register(&mut self, username: &str, password: &str) {
        if let Some((username, password)) = self.check_credentials(username, password) {
            self.credentials = Some((username.clone(), password.clone()));
            self.command(Command::Register(username, password, self.invite.clone()));
        }
    }

    /// A new password is being typed.
    pub fn password_edited(&mut self, username: &str, password: &str, is_new: bool) {
        self.screen.login.password_error = Sentence::default();
        self.screen.login.weakness =
            if is_new { weakness::of(password, username) } else { Sentence::default() };
    }

    /// Log out. From here on nothing of the account is kept, whatever becomes of the wish.
    pub fn log_out(&mut self) {
        self.forget_account();
        if self.is_away() {
            return self.disconnect();
        }
        self.command(Command::Logout);
    }

    fn check_credentials(&mut self, username: &str, password: &str) -> Option<(UserName, Password)> {
        let login = &mut self.screen.login;
        login.form_error = Sentence::default();
        login.notice = Sentence::default();
        let username = UserName::parse(username.trim());
        login.username_error = username.as_ref().err().copied().map(of_user_name).unwrap_or_default();
        let password = Password::parse(Zeroizing::new(password.to_owned()));
        login.password_error = match &password {
            Ok(_) => Sentence::default(),
            Err(PasswordError::Empty) => Phrase::PasswordMissing.into(),
            Err(PasswordError::TooLong) => Phrase::PasswordTooLong.into(),
        };
        let credentials = username.ok().zip(password.ok());
        login.is_busy = credentials.is_some();
        credentials
    }

    /// What the server is like decides what a person can do on this page.
    pub(super) fn on_greeted(&mut self, greeting: &Greeting) {
        self.keeping.has_acks = greeting.caps.ack;
        self.set_multi(greeting.caps.multi);
        self.grant_friends(greeting.caps.friends);
        self.grant_presence(greeting.caps.presence);
        self.screen.logins.is_there = greeting.caps.logins;
        self.screen.login.is_closed = greeting.registration == Some(Registration::Closed);
        self.needs_invite = greeting.registration == Some(Registration::Invite);
        self.screen.login.is_uninvited = self.needs_invite && self.invite.is_none();
    }

    pub(super) fn on_registered(&mut self) {
        self.screen.login.notice = Phrase::Registered.into();
        match self.credentials.take() {
            Some((username, password)) => self.command(Command::Login(username, password)),
            None => self.screen.login.is_busy = false,
        }
    }

    pub(super) fn on_logged_in(&mut self, username: String) {
        self.effects.push_back(Effect::RememberUser(username.clone()));
        self.screen.lobby.username = username;
        self.forget_password();
        // It has done its work, or was not needed.
        self.invite = None;
        self.screen.login.is_invited = false;
        self.screen.login.is_uninvited = self.needs_invite;
        self.screen.banner = Sentence::default();
        self.turn_to(Page::Lobby);
        let username = self.screen.lobby.username.clone();
        self.begin(&username);
    }

    /// The server may hold them to be logged in still. Here they are not, and do not come back by themselves.
    pub(super) fn on_logout_failed(&mut self, why: Sentence) {
        self.disconnect();
        self.on_notice(why);
    }

    pub(super) fn on_logged_out(&mut self) {
        self.forget_place();
        self.forget_password();
        self.screen.page = Page::Login;
    }

    pub(super) fn on_login_refused(&mut self, request: Kind, code: Option<&str>, sentence: Sentence) {
        self.credentials = None;
        if request == Kind::Resume && code == Some("session_ended") {
            self.ask(Request::SessionEnded);
        }
        self.interrupt();
        // The way back ends here: the person has to look at it.
        if self.screen.banner.phrase == Phrase::SigningIn {
            self.screen.banner = Sentence::default();
        }
        self.forget_place();
        self.screen.page = Page::Login;
        let login = &mut self.screen.login;
        login.is_busy = false;
        let field = match code.unwrap_or_default() {
            "name_taken" | "name_invalid" => &mut login.username_error,
            "password_too_short" | "password_too_long" | "auth_failed" => &mut login.password_error,
            // The original server has no codes, and knows one reason for each.
            "" if sentence.phrase == Phrase::Verbatim && request == Kind::Register => {
                &mut login.username_error
            }
            "" if sentence.phrase == Phrase::Verbatim => &mut login.password_error,
            _ => &mut login.form_error,
        };
        *field = sentence;
    }

    /// Nothing of a password stays in a field that nobody sees.
    fn forget_password(&mut self) {
        let login = &mut self.screen.login;
        login.is_busy = false;
        login.username_error = Sentence::default();
        login.password_error = Sentence::default();
        login.form_error = Sentence::default();
        login.notice = Sentence::default();
        login.weakness = Sentence::default();
        login.forgotten = login.forgotten.wrapping_add(1);
        self.credentials = None;
    }
}
