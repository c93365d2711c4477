//! The dialog that leads to another room.

use slint::ComponentHandle as _;

use super::{Desk, lists};
use crate::screen::Switcher;
use crate::ui::{App, AppAdapter, Dialog, SwitcherAdapter};

pub(super) fn show(window: &App, switcher: &Switcher) {
    let adapter = window.global::<SwitcherAdapter>();
    lists::show(adapter.get_rooms(), &switcher.rooms, |rooms| adapter.set_rooms(rooms));
}

pub(super) fn connect<D: Desk + Clone + 'static>(window: &App, desk: &D) {
    let adapter = window.global::<SwitcherAdapter>();
    let (at, weak) = (desk.clone(), window.as_weak());
    adapter.on_query_edited(move || {
        if let Some(window) = weak.upgrade() {
            let query = window.global::<SwitcherAdapter>().get_query();
            at.act(|controller| controller.search_switcher(&query));
        }
    });
    let (at, weak) = (desk.clone(), window.as_weak());
    adapter.on_pick(move |name, is_private| {
        at.act(|controller| controller.pick(&name, is_private));
        if let Some(window) = weak.upgrade() {
            window.global::<SwitcherAdapter>().set_query(Default::default());
            window.global::<AppAdapter>().set_dialog(Dialog::None);
        }
    });
}
