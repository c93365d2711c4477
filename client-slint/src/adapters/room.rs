//! The page of one room, or of one private conversation.

use std::rc::Rc;

use slint::{ComponentHandle as _, ModelRc, SharedString};

use super::messages::MessagesModel;
use super::{Desk, Wish, friends, lists, you};
use crate::format::{hue, initials};
use crate::screen::{Room, Screen};
use crate::ui::{App, RoomAdapter};

pub(super) fn set_messages(window: &App, messages: Rc<MessagesModel>) {
    window.global::<RoomAdapter>().set_messages(ModelRc::from(messages));
}

pub(super) fn show(window: &App, last: &Room, screen: &Screen) {
    let (adapter, room) = (window.global::<RoomAdapter>(), &screen.room);
    // Before the name, so that who follows that finds it.
    if (&last.name, last.is_private) != (&room.name, room.is_private) {
        adapter.set_draft(room.draft.as_str().into());
    }
    adapter.set_is_private(room.is_private);
    adapter.set_is_left(room.is_left);
    adapter.set_tie(friends::tie(room.tie));
    let (presence, status) = you::presence(room.here.as_ref());
    adapter.set_presence(presence);
    adapter.set_status(status);
    adapter.set_room(room.name.as_str().into());
    adapter.set_username(screen.lobby.username.as_str().into());
    adapter.set_own_initials(initials(&screen.lobby.username).into());
    adapter.set_own_hue(hue(&screen.lobby.username).into());
    adapter.set_following(room.is_following);
    adapter.set_has_older(room.has_older);
    adapter.set_new_count(lists::number(room.new_count));
    adapter.set_shows_left(room.left.is_some());
    adapter.set_left(room.left.map_or(0, |left| i32::try_from(left).unwrap_or(i32::MIN)));
    adapter.set_hint((&room.hint).into());
    // Before the number, so that who follows it finds the text.
    adapter.set_selected_text(room.selected.as_ref().map_or("", |selected| &selected.text).into());
    adapter.set_selected(room.selected.as_ref().map_or(0, |selected| selected.id.cast_signed()));
    if last.members != room.members {
        lists::show(adapter.get_members(), &room.members, |members| adapter.set_members(members));
    }
}

pub(super) fn connect<D: Desk + Clone + 'static>(window: &App, desk: &D) {
    let adapter = window.global::<RoomAdapter>();
    let at = desk.clone();
    adapter.on_send(move |draft| at.act(|controller| controller.send(&draft)));
    let at = desk.clone();
    adapter.on_draft_edited(move |draft| at.act(|controller| controller.draft_edited(&draft)));
    let at = desk.clone();
    adapter.on_recall(move |draft| text_or(at.act(|controller| controller.recall(&draft)), draft));
    let at = desk.clone();
    adapter.on_complete(move |draft| text_or(at.act(|controller| controller.complete(&draft)), draft));
    let at = desk.clone();
    adapter.on_following_changed(move |is_following| {
        at.act(|controller| controller.set_following(is_following));
    });
    let at = desk.clone();
    adapter.on_read_older(move || at.act(|controller| controller.read_older()));
    let at = desk.clone();
    adapter.on_leave(move || at.act(|controller| controller.leave()));
    let at = desk.clone();
    adapter.on_take_part(move || at.act(|controller| controller.take_part()));
    let (at, weak) = (desk.clone(), window.as_weak());
    adapter.on_whisper(move |name| {
        let Some(window) = weak.upgrade() else { return };
        let adapter = window.global::<RoomAdapter>();
        let draft = adapter.get_draft();
        // Where there is a place of its own for it, that is shown instead.
        if let Some(draft) = at.act(|controller| controller.whisper(&name, &draft)) {
            adapter.set_draft(draft.into());
            adapter.set_whispers(adapter.get_whispers().wrapping_add(1));
        }
    });
    let at = desk.clone();
    adapter.on_retry(move |id| at.act(|controller| controller.retry(id.cast_unsigned())));
    let at = desk.clone();
    adapter.on_discard(move |id| at.act(|controller| controller.discard(id.cast_unsigned())));
    let at = desk.clone();
    adapter.on_select(move |step| at.act(|controller| controller.select(step as isize)));
    let at = desk.clone();
    adapter.on_deselect(move || at.act(|controller| controller.deselect()));
    let at = desk.clone();
    adapter.on_open_link(move |link: SharedString| at.wish(Wish::OpenLink(link.into())));
    let at = desk.clone();
    adapter.on_refresh(move || at.act(|controller| controller.refresh()));
}

fn text_or(text: Option<String>, otherwise: SharedString) -> SharedString {
    text.map_or(otherwise, Into::into)
}
