//! Where an original client believes to be, by what it was told.

use chatroom_core::frame::{Frame, PREFIX_BYTES};
use chatroom_core::limits::SERVER_FRAME_BYTES_MAX;
use serde_json::Value;

/// The page that an original client shows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    #[default]
    Auth,
    Lobby,
    Room,
}

impl Place {
    /// Takes a frame in, as an original client does; one that it would not survive fails.
    pub(super) fn hear(&mut self, frame: &Frame) {
        let json = &frame[PREFIX_BYTES..];
        assert!(json.len() <= SERVER_FRAME_BYTES_MAX, "a frame of {} bytes", json.len());
        assert_eq!(
            u32::try_from(json.len()).ok(),
            frame.first_chunk().map(|prefix| u32::from_be_bytes(*prefix))
        );
        let value: Value = serde_json::from_slice(json).expect("a server says JSON");
        let word = |key: &str| value.get(key).map(|value| value.as_str().expect("words are strings"));
        let kind = word("type").expect("a type is always there");
        let is_ok = match word("status").expect("a status is always there") {
            "ok" => true,
            "error" => false,
            other => panic!("the status {other}"),
        };
        let data =
            value.get("data").map(|data| data.as_object().expect("data is never anything but an object"));
        assert_eq!(word("code").is_some(), !is_ok, "errors have a code, and nothing else has one");
        assert!(is_ok || word("message").is_some(), "an error says why");
        match (kind, is_ok) {
            ("list", true) => assert_eq!(*self, Self::Lobby, "a list of all rooms"),
            ("list_room", _) | ("msg", true) => assert_eq!(*self, Self::Room, "{kind}"),
            ("login", true) => self.goes(Self::Auth, Self::Lobby),
            ("enter", true) => self.goes(Self::Lobby, Self::Room),
            ("exit", true) => self.goes(Self::Room, Self::Lobby),
            ("logout", true) => self.goes(Self::Lobby, Self::Auth),
            (_, _) => {}
        }
        if is_ok && matches!(kind, "list" | "list_room") {
            let rooms = data.expect("a list has data");
            assert!(rooms.values().all(Value::is_array), "a list maps rooms to names");
        }
    }

    fn goes(&mut self, from: Self, to: Self) {
        assert_eq!(*self, from, "on the way to {to:?}");
        *self = to;
    }
}
