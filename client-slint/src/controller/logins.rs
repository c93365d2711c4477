//! Where the account is logged in, by logins that last, and how one of these is ended.

use chatroom_core::message::logins::{ClientName, GrantId, Login};

use super::{Command, Controller, Sentence};
use crate::format::clean;
use crate::screen::LoginItem;

impl Controller {
    /// Ask where the account is logged in.
    pub fn list_logins(&mut self) {
        self.screen.logins.error = Sentence::default();
        self.command(Command::Logins);
    }

    /// Have one of these logins end, which is not the one that is used here.
    pub fn end_login(&mut self, id: i64) {
        self.screen.logins.error = Sentence::default();
        self.command(Command::EndLogin(GrantId(id)));
    }

    pub(super) fn on_logins(&mut self, logins: Vec<Login>) {
        let item = |login: Login| LoginItem {
            id: login.id.0,
            client: login.client.as_ref().map(ClientName::as_str).map(clean).unwrap_or_default(),
            begun: login.begun_ms.map(|ms| self.at(ms)),
            used: login.used_ms.map(|ms| self.at(ms)),
            is_own: login.is_own,
        };
        self.screen.logins.all = logins.into_iter().map(item).collect();
    }

    /// Where one was logged in is nothing to whoever is next.
    pub(super) fn forget_logins(&mut self) {
        self.screen.logins.all.clear();
        self.screen.logins.error = Sentence::default();
    }

    pub(super) fn on_logins_refused(&mut self, code: Option<&str>, sentence: Sentence) {
        match code {
            // It has ended already, and what is shown is not what there is.
            Some("no_such_login") => self.list_logins(),
            Some(_) | None => self.screen.logins.error = sentence,
        }
    }
}
