//! How client and server meet: the client says what it can do, the server what it is like.
//!
//! Everything a client says of itself stands beside `type` and not in a `data`: so the original server passes over it in
//! silence.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::json::{self, Object};
use super::{Envelope, Kind, Rid, Unfit, reply};
use crate::frame::{self, Frame};
use crate::limits::{Limits, TEXT_BYTES_MAX, USER_CHARS_MAX};

/// Who may make an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Anybody.
    Open,
    /// Who was invited.
    Invite,
    /// Nobody.
    Closed,
}

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// The program that answers, and its version.
    pub server: String,
    /// Who may make an account there. `None` for what this program does not know.
    pub registration: Option<Registration>,
}

impl Registration {
    /// The word on the wire, and for who runs a server.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Invite => "invite",
            Self::Closed => "closed",
        }
    }

    /// What a word stands for, if it is one of these.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|registration| registration.as_str() == text)
    }

    /// All of them, the most hospitable first.
    pub const ALL: [Self; 3] = [Self::Open, Self::Invite, Self::Closed];
}

/// Encodes what a client says of itself.
pub fn encode_hello() -> Frame {
    #[derive(Serialize)]
    struct Wire {
        r#type: &'static str,
        proto: u64,
        caps: [&'static str; 0],
        client: &'static str,
    }
    frame::encode(&Wire { r#type: Kind::Hello.as_str(), proto: PROTO, caps: CAPS, client: PROGRAM })
}

/// Checks what a client says of itself. Nothing of it changes what it is answered yet.
pub(crate) fn check_hello(envelope: &Envelope<'_>) -> Result<(), Unfit> {
    // The envelope was read once already, with every key in it.
    let [proto, caps, client] = Object::decode(envelope.text, ["proto", "caps", "client"])
        .map_err(|unreadable| Unfit(unreadable.0))?;
    let proto: Option<u64> = proto.and_then(|proto| serde_json::from_str(proto.get()).ok());
    if proto.is_none_or(|proto| proto == 0) {
        return Err(Unfit("`proto` must be a whole number from 1 on"));
    }
    if caps.is_some_and(|caps| serde_json::from_str::<Vec<Cow<'_, str>>>(caps.get()).is_err()) {
        return Err(Unfit("`caps` must be an array of strings"));
    }
    client.map_or(Ok(()), |client| json::string(Some(client), "`client` must be a string").map(|_| ()))
}

/// Encodes what a server says of itself.
pub(crate) fn encode_greeting(registration: Registration, limits: &Limits, rid: Option<&Rid>) -> Frame {
    #[derive(Serialize)]
    struct Data {
        proto: u64,
        caps: [&'static str; 0],
        server: &'static str,
        registration: &'static str,
        limits: Sizes,
    }
    #[derive(Serialize)]
    struct Sizes {
        frame: usize,
        text: usize,
        name: usize,
    }
    let limits = Sizes { frame: limits.frame_bytes_max, text: TEXT_BYTES_MAX, name: USER_CHARS_MAX };
    let data =
        Data { proto: PROTO, caps: CAPS, server: PROGRAM, registration: registration.as_str(), limits };
    reply::encode_ok(Kind::Hello.as_str(), None, Some(&data), rid)
}

impl Greeting {
    pub(crate) fn decode(envelope: &Envelope<'_>) -> Result<Self, Unfit> {
        const MUST: &str = "`data` must be an object";
        let data = envelope.data.ok_or(Unfit(MUST))?;
        let [server, registration] =
            Object::decode(data.get(), ["server", "registration"]).map_err(|_| Unfit(MUST))?;
        let text = |value| json::string(value, "").unwrap_or_default();
        Ok(Self { server: text(server), registration: Registration::parse(&text(registration)) })
    }
}

/// The version of the protocol. The lower one of both sides counts.
const PROTO: u64 = 1;
/// What both sides know of what a client has to ask for.
const CAPS: [&str; 0] = [];
/// What this program is called, on both sides.
const PROGRAM: &str = concat!("chatroom ", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use alloc::format;
    use std::str;

    use super::*;
    use crate::frame::PREFIX_BYTES;

    #[track_caller]
    fn check(rest: &str, expected: Result<(), &'static str>) {
        let text = format!(r#"{{"type":"hello"{rest}}}"#);
        let envelope = Envelope::decode(text.as_bytes()).expect("readable");
        assert_eq!(check_hello(&envelope).map_err(|unfit| unfit.0), expected, "{text}");
    }

    #[test]
    fn a_hello_names_a_version_and_may_name_more() {
        const PROTO: Result<(), &str> = Err("`proto` must be a whole number from 1 on");
        const CAPS: Result<(), &str> = Err("`caps` must be an array of strings");
        check(r#","proto":1"#, Ok(()));
        check(r#","proto":7,"caps":[],"client":"other 1.0","more":{}"#, Ok(()));
        check(r#","proto":1,"caps":["ack","\u0061ck","from the future"],"client":null"#, Ok(()));
        check("", PROTO);
        check(r#","proto":null"#, PROTO);
        check(r#","proto":0"#, PROTO);
        check(r#","proto":-1"#, PROTO);
        check(r#","proto":1.5"#, PROTO);
        check(r#","proto":"1""#, PROTO);
        check(r#","proto":1,"caps":{}"#, CAPS);
        check(r#","proto":1,"caps":[1]"#, CAPS);
        check(r#","proto":1,"client":1"#, Err("`client` must be a string"));
    }

    #[test]
    fn what_this_program_says_is_fit_and_has_no_data() {
        let frame = encode_hello();
        let envelope = Envelope::decode(&frame[PREFIX_BYTES..]).expect("readable");
        assert_eq!(check_hello(&envelope), Ok(()));
        assert!(envelope.data.is_none());
    }

    #[test]
    fn a_greeting_is_read_as_it_was_meant() {
        for registration in Registration::ALL {
            let frame = encode_greeting(registration, &Limits::default(), None);
            let envelope = Envelope::decode(&frame[PREFIX_BYTES..]).expect("readable");
            let expected = Greeting { server: PROGRAM.into(), registration: Some(registration) };
            assert_eq!(Greeting::decode(&envelope), Ok(expected), "{}", str::from_utf8(&frame[4..]).unwrap());
        }
    }

    #[test]
    fn what_a_newer_server_says_is_no_fault_of_its() {
        for (data, expected) in [
            (r#"{"registration":"by lot","server":7}"#, Ok(None)),
            (r#"{"registration":"closed","more":[]}"#, Ok(Some(Registration::Closed))),
            ("{}", Ok(None)),
            ("[]", Err(Unfit("`data` must be an object"))),
        ] {
            let text = format!(r#"{{"type":"hello","status":"ok","data":{data}}}"#);
            let envelope = Envelope::decode(text.as_bytes()).expect("readable");
            let found = Greeting::decode(&envelope).map(|greeting| greeting.registration);
            assert_eq!(found, expected, "{data}");
        }
    }
}
