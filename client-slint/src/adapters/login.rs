//! The page that asks who one is.

use slint::ComponentHandle as _;

use super::Desk;
use crate::screen::Login;
use crate::ui::{App, LoginAdapter};

pub(super) fn show(window: &App, last: &Login, login: &Login) {
    let adapter = window.global::<LoginAdapter>();
    adapter.set_server(login.server.as_str().into());
    adapter.set_identity(login.identity.as_str().into());
    adapter.set_insecure(login.is_insecure);
    adapter.set_closed(login.is_closed);
    adapter.set_uninvited(login.is_uninvited);
    adapter.set_username_error((&login.username_error).into());
    adapter.set_password_error((&login.password_error).into());
    adapter.set_form_error((&login.form_error).into());
    adapter.set_notice((&login.notice).into());
    adapter.set_weakness((&login.weakness).into());
    adapter.set_busy(login.is_busy);
    if last.forgotten != login.forgotten {
        adapter.set_password(Default::default());
        adapter.set_is_registering(false);
    }
    if last.server != login.server || last.is_invited != login.is_invited {
        adapter.set_is_registering(login.is_invited);
    }
}

pub(super) fn connect<D: Desk + Clone + 'static>(window: &App, desk: &D) {
    let adapter = window.global::<LoginAdapter>();
    let (at, weak) = (desk.clone(), window.as_weak());
    adapter.on_submit(move || {
        let Some(window) = weak.upgrade() else { return };
        let adapter = window.global::<LoginAdapter>();
        let (username, password) = (adapter.get_username(), adapter.get_password());
        let is_new = adapter.get_is_registering();
        at.act(|controller| match is_new {
            true => controller.register(&username, &password),
            false => controller.log_in(&username, &password),
        });
    });
    let (at, weak) = (desk.clone(), window.as_weak());
    adapter.on_password_edited(move || {
        let Some(window) = weak.upgrade() else { return };
        let adapter = window.global::<LoginAdapter>();
        let (username, password) = (adapter.get_username(), adapter.get_password());
        let is_new = adapter.get_is_registering();
        at.act(|controller| controller.password_edited(&username, &password, is_new));
    });
    let at = desk.clone();
    adapter.on_disconnect(move || at.act(|controller| controller.disconnect()));
}
