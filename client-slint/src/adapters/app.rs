//! What every page shares: the page itself, the banner, the dialogs, the looks.

use slint::{ComponentHandle as _, SharedString};

use super::{Desk, Wish};
use crate::screen::{Page, Screen};
use crate::settings::{Language, Theme};
use crate::ui::{self, App, AppAdapter, Dialog};

pub(super) fn show(window: &App, screen: &Screen) {
    let adapter = window.global::<AppAdapter>();
    // What is typed there is for the account that it was opened in.
    let is_logged_out = matches!(screen.page, Page::Connect | Page::Login);
    if is_logged_out && is_of_account(adapter.get_dialog()) {
        adapter.set_dialog(Dialog::None);
    }
    adapter.set_page(match screen.page {
        Page::Connect => ui::Page::Connect,
        Page::Login => ui::Page::Login,
        Page::Lobby => ui::Page::Lobby,
        Page::Room => ui::Page::Room,
    });
    adapter.set_title(screen.title.as_str().into());
    adapter.set_banner((&screen.banner).into());
    adapter.set_unkept((&screen.unkept).into());
    adapter.set_announcement(screen.announcement.as_str().into());
}

pub(super) fn connect<D: Desk + Clone + 'static>(window: &App, desk: &D) {
    let adapter = window.global::<AppAdapter>();
    let at = desk.clone();
    adapter.on_retry_now(move || at.act(|controller| controller.retry_now()));
    let at = desk.clone();
    adapter.on_disconnect(move || at.act(|controller| controller.disconnect()));
    let at = desk.clone();
    adapter.on_unkept_understood(move || at.act(|controller| controller.understand()));
    let at = desk.clone();
    adapter.on_refresh(move || at.act(|controller| controller.refresh()));
    let at = desk.clone();
    adapter.on_open_switcher(move || {
        at.act(|controller| {
            controller.search_switcher("");
            controller.refresh();
        });
    });
    let at = desk.clone();
    adapter.on_theme_chosen(move |theme| at.wish(Wish::Theme(theme.into())));
    let at = desk.clone();
    adapter.on_language_chosen(move |language| at.wish(Wish::Language(language.into())));
    let at = desk.clone();
    adapter.on_zoom(move |step| at.wish(Wish::Zoom(step)));
    let at = desk.clone();
    adapter.on_close_anyway(move || at.wish(Wish::CloseAnyway));
    let at = desk.clone();
    adapter.on_open_link(move |link: SharedString| at.wish(Wish::OpenLink(link.into())));
}

fn is_of_account(dialog: Dialog) -> bool {
    match dialog {
        Dialog::Friends | Dialog::You | Dialog::Logins | Dialog::Switcher | Dialog::CreateRoom => true,
        Dialog::None | Dialog::About | Dialog::Keys | Dialog::Settings | Dialog::ConfirmClose => false,
    }
}

impl From<ui::ThemeChoice> for Theme {
    fn from(choice: ui::ThemeChoice) -> Self {
        match choice {
            ui::ThemeChoice::System => Self::System,
            ui::ThemeChoice::Light => Self::Light,
            ui::ThemeChoice::Dark => Self::Dark,
        }
    }
}

impl From<Theme> for ui::ThemeChoice {
    fn from(theme: Theme) -> Self {
        match theme {
            Theme::System => Self::System,
            Theme::Light => Self::Light,
            Theme::Dark => Self::Dark,
        }
    }
}

impl From<ui::Language> for Language {
    fn from(language: ui::Language) -> Self {
        match language {
            ui::Language::System => Self::System,
            ui::Language::English => Self::English,
            ui::Language::German => Self::German,
            ui::Language::Chinese => Self::Chinese,
        }
    }
}

impl From<Language> for ui::Language {
    fn from(language: Language) -> Self {
        match language {
            Language::System => Self::System,
            Language::English => Self::English,
            Language::German => Self::German,
            Language::Chinese => Self::Chinese,
        }
    }
}
