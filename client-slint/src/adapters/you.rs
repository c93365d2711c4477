//! How others see the person.

use chatroom_core::message::presence::PresenceState;
use slint::{ComponentHandle as _, SharedString};

use super::Desk;
use crate::screen::{Here, You};
use crate::ui::{self, App, AppAdapter, Dialog, YouAdapter};

pub(super) fn show(window: &App, last: &You, you: &You) {
    let adapter = window.global::<YouAdapter>();
    adapter.set_is_there(you.is_there);
    let (presence, status) = presence(Some(&you.here));
    adapter.set_presence(presence);
    adapter.set_status(status);
    adapter.set_error((&you.error).into());
    let app = window.global::<AppAdapter>();
    if last.said != you.said && app.get_dialog() == Dialog::You {
        app.set_dialog(Dialog::None);
    }
}

pub(super) fn connect<D: Desk + Clone + 'static>(window: &App, desk: &D) {
    let adapter = window.global::<YouAdapter>();
    let at = desk.clone();
    adapter.on_status_edited(move || at.act(|controller| controller.status_edited()));
    let at = desk.clone();
    adapter.on_be(move |presence, text| {
        let state = match presence {
            ui::Presence::Online => PresenceState::Online,
            ui::Presence::Away => PresenceState::Away,
            ui::Presence::Busy => PresenceState::Busy,
            ui::Presence::Offline | ui::Presence::Unknown => return,
        };
        at.act(|controller| controller.be(state, &text));
    });
}

/// Whether somebody is here, and what they say of themselves.
pub(super) fn presence(here: Option<&Here>) -> (ui::Presence, SharedString) {
    let Some(Here { state, text }) = here else { return (ui::Presence::Unknown, SharedString::default()) };
    let presence = match state {
        PresenceState::Online => ui::Presence::Online,
        PresenceState::Away => ui::Presence::Away,
        PresenceState::Busy => ui::Presence::Busy,
        PresenceState::Offline => ui::Presence::Offline,
    };
    (presence, text.as_str().into())
}
