//! The list of conversations beside the pages.

use slint::ComponentHandle as _;

use super::{Desk, lists};
use crate::screen::Sidebar;
use crate::ui::{App, SidebarAdapter};

pub(super) fn show(window: &App, sidebar: &Sidebar) {
    let adapter = window.global::<SidebarAdapter>();
    adapter.set_is_there(sidebar.is_there);
    adapter.set_unread(lists::number(sidebar.unread));
    lists::show(adapter.get_rooms(), &sidebar.rooms, |rooms| adapter.set_rooms(rooms));
    lists::show(adapter.get_friends(), &sidebar.friends, |friends| adapter.set_friends(friends));
    lists::show(adapter.get_peers(), &sidebar.peers, |peers| adapter.set_peers(peers));
}

pub(super) fn connect<D: Desk + Clone + 'static>(window: &App, desk: &D) {
    let adapter = window.global::<SidebarAdapter>();
    let at = desk.clone();
    adapter.on_show(move |name, is_private| at.act(|controller| controller.pick(&name, is_private)));
    let at = desk.clone();
    adapter.on_show_lobby(move || at.act(|controller| controller.show_lobby()));
    let at = desk.clone();
    adapter.on_step(move |step| at.act(|controller| controller.step(step as isize)));
}
