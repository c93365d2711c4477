//! The page that asks for a server.

use slint::ComponentHandle as _;

use super::{Desk, Wish};
use crate::controller::Trusting;
use crate::screen::Connect;
use crate::ui::{App, ConnectAdapter};

pub(super) fn show(window: &App, connect: &Connect) {
    let adapter = window.global::<ConnectAdapter>();
    adapter.set_error((&connect.error).into());
    adapter.set_busy(connect.is_busy);
    adapter.set_question(connect.question.as_str().into());
    adapter.set_expected(connect.expected.as_str().into());
    adapter.set_found(connect.found.as_str().into());
}

pub(super) fn connect<D: Desk + Clone + 'static>(window: &App, desk: &D) {
    let adapter = window.global::<ConnectAdapter>();
    let (at, weak) = (desk.clone(), window.as_weak());
    adapter.on_connect(move |address| {
        let is_insecure =
            weak.upgrade().is_some_and(|window| window.global::<ConnectAdapter>().get_insecure());
        let trusting = if is_insecure { Trusting::AnyoneInsecurely } else { Trusting::Checked };
        at.act(|controller| controller.connect(&address, trusting));
    });
    let at = desk.clone();
    adapter.on_trust(move || at.act(|controller| controller.trust()));
    let at = desk.clone();
    adapter.on_cancel(move || at.act(|controller| controller.disconnect()));
    let at = desk.clone();
    adapter.on_dismiss(move || at.act(|controller| controller.disconnect()));
    let at = desk.clone();
    adapter.on_host(move || at.wish(Wish::Host));
}
