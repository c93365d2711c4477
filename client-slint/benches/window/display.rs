//! The X server: windows, what they show, and keys.

use std::thread::sleep;
use std::time::Duration;

use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ConnectionExt as _, ImageFormat, InputFocus, KEY_PRESS_EVENT, KEY_RELEASE_EVENT,
    MapState, Window,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

pub struct Display {
    connection: RustConnection,
    root: Window,
    pid: Atom,
    name: Atom,
    keys: Vec<(u32, u8)>,
    shift: u8,
}

impl Display {
    pub fn open() -> Self {
        let (connection, screen) =
            x11rb::connect(None).expect("there is a display: run this with .ci/on-display");
        let root = connection.setup().roots[screen].root;
        let atom = |name: &[u8]| -> Atom {
            let cookie = connection.intern_atom(false, name).expect("the display answers");
            cookie.reply().expect("an atom is given").atom
        };
        let (pid, name) = (atom(b"_NET_WM_PID"), atom(b"_NET_WM_NAME"));
        let keys = keys(&connection);
        let shift = keys.iter().find(|(symbol, _)| *symbol == 0xffe1).expect("there is a shift key").1;
        Self { connection, root, pid, name, keys, shift }
    }

    /// A process's window, once it is there to be seen.
    pub fn window_of(&self, process: u32) -> Option<Window> {
        let windows = self.connection.query_tree(self.root).ok()?.reply().ok()?.children;
        windows.into_iter().find(|window| self.is_shown(*window) && self.owner(*window) == Some(process))
    }

    /// Whether something was drawn in the middle of a window: all is black before.
    pub fn is_drawn(&self, window: Window) -> bool {
        let image = || {
            let size = self.connection.get_geometry(window).ok()?.reply().ok()?;
            let (x, y) = (i16::try_from(size.width / 2).ok()?, i16::try_from(size.height / 2).ok()?);
            self.connection.get_image(ImageFormat::Z_PIXMAP, window, x, y, 8, 8, !0).ok()?.reply().ok()
        };
        image().is_some_and(|image| image.data.chunks(4).any(|pixel| pixel[..3] != [0, 0, 0]))
    }

    pub fn title(&self, window: Window) -> String {
        let property = || {
            let cookie =
                self.connection.get_property(false, window, self.name, AtomEnum::ANY, 0, 256).ok()?;
            String::from_utf8(cookie.reply().ok()?.value).ok()
        };
        property().unwrap_or_default()
    }

    /// Has keys go to this window.
    pub fn focus(&self, window: Window) {
        self.connection
            .set_input_focus(InputFocus::PARENT, window, x11rb::CURRENT_TIME)
            .map(|cookie| cookie.check())
            .expect("the display answers")
            .expect("a window that is shown takes the keys");
    }

    /// Has keys go to no window.
    pub fn focus_nothing(&self) {
        self.focus(self.root);
    }

    pub fn press(&self, key: &str) {
        let symbol = match key {
            "Return" => 0xff0d,
            "Tab" => 0xff09,
            "Prior" => 0xff55,
            "space" => 0x20,
            key => u32::from(key.as_bytes()[0]),
        };
        let code = self.keys.iter().find(|(other, _)| *other == symbol).expect("the keyboard has this key").1;
        self.send(KEY_PRESS_EVENT, code);
        self.send(KEY_RELEASE_EVENT, code);
    }

    pub fn press_shifted(&self, key: &str) {
        self.send(KEY_PRESS_EVENT, self.shift);
        self.press(key);
        self.send(KEY_RELEASE_EVENT, self.shift);
    }

    fn send(&self, event: u8, code: u8) {
        let sent = self.connection.xtest_fake_input(event, code, 0, x11rb::NONE, 0, 0, 0);
        sent.expect("the display takes keys").check().expect("the display takes keys");
        // As people type, though faster.
        sleep(Duration::from_millis(2));
    }

    fn is_shown(&self, window: Window) -> bool {
        let attributes =
            self.connection.get_window_attributes(window).ok().and_then(|cookie| cookie.reply().ok());
        attributes.is_some_and(|attributes| attributes.map_state == MapState::VIEWABLE)
    }

    fn owner(&self, window: Window) -> Option<u32> {
        let cookie = self.connection.get_property(false, window, self.pid, AtomEnum::ANY, 0, 1).ok()?;
        cookie.reply().ok()?.value32()?.next()
    }
}

/// Which key has which symbol without shift.
fn keys(connection: &RustConnection) -> Vec<(u32, u8)> {
    let setup = connection.setup();
    let (first, count) = (setup.min_keycode, setup.max_keycode - setup.min_keycode + 1);
    let mapping = connection.get_keyboard_mapping(first, count).expect("the display answers");
    let mapping = mapping.reply().expect("the display has a keyboard");
    let width = usize::from(mapping.keysyms_per_keycode);
    mapping.keysyms.chunks(width).zip(first..).map(|(symbols, code)| (symbols[0], code)).collect()
}
