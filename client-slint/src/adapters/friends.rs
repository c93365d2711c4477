//! Friends, those who ask or were asked to be one, and those who are blocked.

use chatroom_core::message::friend::{Op, Tie};
use slint::ComponentHandle as _;

use super::{Desk, lists};
use crate::screen::Friends;
use crate::ui::{self, App, Deed, FriendsAdapter};

pub(super) fn show(window: &App, last: &Friends, friends: &Friends) {
    let adapter = window.global::<FriendsAdapter>();
    adapter.set_is_there(friends.is_there);
    adapter.set_error((&friends.error).into());
    lists::show(adapter.get_asking(), &friends.asking, |asking| adapter.set_asking(asking));
    lists::show(adapter.get_people(), &friends.people, |people| adapter.set_people(people));
    if last.added != friends.added {
        adapter.set_name(Default::default());
    }
}

pub(super) fn connect<D: Desk + Clone + 'static>(window: &App, desk: &D) {
    let adapter = window.global::<FriendsAdapter>();
    let at = desk.clone();
    adapter.on_befriend(move |name| at.act(|controller| controller.befriend(&name)));
    let at = desk.clone();
    adapter.on_change(move |deed, name| {
        at.act(|controller| controller.change_tie(op(deed), &name));
    });
    let (at, weak) = (desk.clone(), window.as_weak());
    adapter.on_name_edited(move || {
        if let Some(window) = weak.upgrade() {
            let name = window.global::<FriendsAdapter>().get_name();
            at.act(|controller| controller.search_friends(&name));
        }
    });
}

fn op(deed: Deed) -> Op {
    match deed {
        Deed::Request => Op::Request,
        Deed::Accept => Op::Accept,
        Deed::Decline => Op::Decline,
        Deed::Remove => Op::Remove,
        Deed::Block => Op::Block,
        Deed::Unblock => Op::Unblock,
    }
}

pub(super) fn tie(tie: Option<Tie>) -> ui::Tie {
    match tie {
        None => ui::Tie::Unknown,
        Some(Tie::None) => ui::Tie::Nothing,
        Some(Tie::Friend) => ui::Tie::Friend,
        Some(Tie::Asking) => ui::Tie::Asking,
        Some(Tie::Asked) => ui::Tie::Asked,
        Some(Tie::Blocked) => ui::Tie::Blocked,
    }
}
