//! Where the person is logged in.

use jiff::civil::DateTime;
use slint::{ComponentHandle as _, SharedString};

use super::{Desk, lists};
use crate::screen::{LoginItem, Logins};
use crate::ui::{self, App, LoginsAdapter};

pub(super) fn show(window: &App, logins: &Logins) {
    let adapter = window.global::<LoginsAdapter>();
    adapter.set_is_there(logins.is_there);
    adapter.set_error((&logins.error).into());
    lists::show(adapter.get_logins(), &logins.all, |all| adapter.set_logins(all));
}

pub(super) fn connect<D: Desk + Clone + 'static>(window: &App, desk: &D) {
    let adapter = window.global::<LoginsAdapter>();
    let at = desk.clone();
    adapter.on_list(move || at.act(|controller| controller.list_logins()));
    let at = desk.clone();
    adapter.on_end(move |id| {
        // It was made from a number.
        if let Ok(id) = id.parse() {
            at.act(|controller| controller.end_login(id));
        }
    });
}

impl From<&LoginItem> for ui::LoginItem {
    fn from(login: &LoginItem) -> Self {
        let at = |at: Option<DateTime>| {
            at.map_or(SharedString::default(), |at| at.strftime("%Y-%m-%d %H:%M").to_string().into())
        };
        Self {
            id: login.id.to_string().into(),
            client: login.client.as_str().into(),
            begun: at(login.begun),
            used: at(login.used),
            is_own: login.is_own,
        }
    }
}
