//! Where a client believes to be, by what it was told, and what it was granted.

use chatroom_core::frame::{Frame, PREFIX_BYTES};
use chatroom_core::limits::SERVER_FRAME_BYTES_MAX;
use serde_json::Value;

/// What a client knows of itself. One that never says hello is granted nothing, as original ones are.
#[derive(Default)]
pub(super) struct Place {
    page: Page,
    granted: Vec<String>,
}

/// The page that a client shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Page {
    #[default]
    Auth,
    Lobby,
    Room,
    /// In many rooms at once.
    Hall,
}

impl Place {
    /// Takes a frame in, as a client does; one that an original client would not survive fails, and what was not granted.
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
        assert!(needed(kind).is_none_or(|word| self.is_granted(word)), "{kind} was not granted");
        let inside = if self.is_granted("multi") { Page::Hall } else { Page::Lobby };
        match (kind, is_ok) {
            ("hello", true) => {
                let words = data.and_then(|data| data["caps"].as_array()).expect("a greeting has caps");
                let words = words.iter().map(|word| word.as_str().expect("words are strings").to_owned());
                self.granted = words.collect();
            }
            ("list", true) => assert_eq!(self.page, Page::Lobby, "a list of all rooms"),
            ("list_room", _) => assert_eq!(self.page, Page::Room, "a list of one room"),
            ("msg", true) => {
                assert!(matches!(self.page, Page::Room | Page::Hall), "a message in {:?}", self.page);
                let has_place = data.is_some_and(|data| data.contains_key("seq"));
                assert!(!has_place || self.is_granted("ack"), "a message with its place");
            }
            ("rooms" | "roster" | "read" | "friend" | "presence", true) => {
                assert_eq!(self.page, Page::Hall, "{kind}");
            }
            ("login" | "resume", true) => self.goes(Page::Auth, inside),
            // Who is in many rooms stays where they are.
            ("enter" | "exit", true) if self.page == Page::Hall => {}
            ("enter", true) => self.goes(Page::Lobby, Page::Room),
            ("exit", true) => self.goes(Page::Room, Page::Lobby),
            ("logout", true) => self.goes(inside, Page::Auth),
            (_, _) => {}
        }
        if is_ok && matches!(kind, "list" | "list_room") {
            let rooms = data.expect("a list has data");
            assert!(rooms.values().all(Value::is_array), "a list maps rooms to names");
        }
    }

    fn is_granted(&self, word: &str) -> bool {
        self.granted.iter().any(|granted| granted == word)
    }

    fn goes(&mut self, from: Page, to: Page) {
        assert_eq!(self.page, from, "on the way to {to:?}");
        self.page = to;
    }
}

/// What has to be granted for a client to be told anything of that type.
fn needed(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "ack" => "ack",
        "history" => "history",
        "resume" => "resume",
        "ping" | "pong" => "ping",
        "rooms" | "roster" | "read" => "multi",
        "friend" => "friends",
        "presence" => "presence",
        "logins" => "logins",
        _ => return None,
    })
}
