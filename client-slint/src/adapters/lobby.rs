//! The page of rooms and people.

use slint::ComponentHandle as _;

use super::{Desk, lists};
use crate::screen::Lobby;
use crate::ui::{App, AppAdapter, Dialog, LobbyAdapter};

pub(super) fn show(window: &App, last: &Lobby, lobby: &Lobby) {
    let adapter = window.global::<LobbyAdapter>();
    adapter.set_username(lobby.username.as_str().into());
    adapter.set_error((&lobby.error).into());
    adapter.set_create_error((&lobby.create_error).into());
    adapter.set_host_link(lobby.host_link.as_str().into());
    if last.rooms != lobby.rooms {
        lists::show(adapter.get_rooms(), &lobby.rooms, |rooms| adapter.set_rooms(rooms));
    }
    if last.people != lobby.people {
        lists::show(adapter.get_people(), &lobby.people, |people| adapter.set_people(people));
    }
    if last.created != lobby.created {
        adapter.set_new_room(Default::default());
        window.global::<AppAdapter>().set_dialog(Dialog::None);
    }
}

pub(super) fn connect<D: Desk + Clone + 'static>(window: &App, desk: &D) {
    let adapter = window.global::<LobbyAdapter>();
    let (at, weak) = (desk.clone(), window.as_weak());
    adapter.on_search_edited(move || {
        if let Some(window) = weak.upgrade() {
            let search = window.global::<LobbyAdapter>().get_search();
            at.act(|controller| controller.search(&search));
        }
    });
    let at = desk.clone();
    adapter.on_refresh(move || at.act(|controller| controller.refresh()));
    let at = desk.clone();
    adapter.on_enter(move |room| at.act(|controller| controller.enter(&room)));
    let at = desk.clone();
    adapter.on_create(move |room| at.act(|controller| controller.create(&room)));
    let at = desk.clone();
    adapter.on_logout(move || at.act(|controller| controller.log_out()));
}
