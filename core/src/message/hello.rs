//! How client and server meet: the client says what it can do, the server what it is like.
//!
//! Everything a client says of itself stands beside `type` and not in a `data`: so the original server passes over it in
//! silence.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::json::{self, Object};
use super::logins::ClientName;
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

/// What goes beyond the original: a client asks for it, and a server that has it too grants it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// Messages are kept, and whoever says one is told when it is.
    pub ack: bool,
    /// What was said before can be read.
    pub history: bool,
    /// A login lasts: with its token the client comes back without a password.
    pub resume: bool,
    /// Each side asks the other for a sign of life when it has been silent for long.
    pub ping: bool,
    /// An account is in many rooms, by several connections, also while none of them is there. It needs the first two.
    pub multi: bool,
    /// People are friends, or want to be, or want to hear nothing of each other. It needs the one before.
    pub friends: bool,
    /// Who is here, of friends and in rooms, and what they say of themselves. It needs the one before.
    pub presence: bool,
    /// Where an account is logged in is told, and ended. It needs the logins that last.
    pub logins: bool,
}

/// What a client says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// What it can do.
    pub caps: Caps,
    /// What it calls itself. `None` where it does not, or in words that are not one.
    pub client: Option<ClientName>,
}

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// What it grants.
    pub caps: Caps,
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

impl Caps {
    /// All that this program has.
    pub const ALL: Self = Self {
        ack: true,
        history: true,
        resume: true,
        ping: true,
        multi: true,
        friends: true,
        presence: true,
        logins: true,
    };

    /// What is left of it where nothing is kept of what is said.
    #[must_use]
    pub fn without_history(self) -> Self {
        Self { ack: false, history: false, multi: false, friends: false, presence: false, ..self }
    }

    /// What is left of it without what needs something else.
    fn consistent(self) -> Self {
        let multi = self.multi && self.ack && self.history;
        let friends = self.friends && multi;
        let logins = self.logins && self.resume;
        Self { multi, friends, presence: self.presence && friends, logins, ..self }
    }

    /// Reads the words for them. Those of the future are passed over.
    fn decode(caps: &RawValue) -> Result<Self, Unfit> {
        let words: Vec<Cow<'_, str>> =
            serde_json::from_str(caps.get()).map_err(|_| Unfit("`caps` must be an array of strings"))?;
        let has = |capability: &str| words.iter().any(|word| word == capability);
        let [ack, history, resume, ping, multi, friends, presence, logins] =
            [ACK, HISTORY, RESUME, PING, MULTI, FRIENDS, PRESENCE, LOGINS].map(has);
        Ok(Self { ack, history, resume, ping, multi, friends, presence, logins }.consistent())
    }
}

impl Serialize for Caps {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let words = [
            self.ack.then_some(ACK),
            self.history.then_some(HISTORY),
            self.resume.then_some(RESUME),
            self.ping.then_some(PING),
            self.multi.then_some(MULTI),
            self.friends.then_some(FRIENDS),
            self.presence.then_some(PRESENCE),
            self.logins.then_some(LOGINS),
        ];
        serializer.collect_seq(words.into_iter().flatten())
    }
}

/// Encodes what a client says of itself. Without another name it is called what this program is.
pub fn encode_hello(caps: Caps, client: Option<&ClientName>) -> Frame {
    #[derive(Serialize)]
    struct Wire<'a> {
        r#type: &'static str,
        proto: u64,
        caps: Caps,
        client: &'a str,
    }
    let client = client.map_or(PROGRAM, ClientName::as_str);
    frame::encode(&Wire { r#type: Kind::Hello.as_str(), proto: PROTO, caps, client })
}

/// Reads what a client says of itself: what it has of what goes beyond the original, and its name.
pub(crate) fn decode_hello(envelope: &Envelope<'_>) -> Result<Hello, Unfit> {
    // The envelope was read once already, with every key in it.
    let [proto, caps, client] = Object::decode(envelope.text, ["proto", "caps", "client"])
        .map_err(|unreadable| Unfit(unreadable.0))?;
    let proto: Option<u64> = json::number(proto);
    if proto.is_none_or(|proto| proto == 0) {
        return Err(Unfit("`proto` must be a whole number from 1 on"));
    }
    let caps = caps.map_or(Ok(Caps::default()), Caps::decode)?;
    let client = json::optional_string(client, "`client` must be a string")?;
    Ok(Hello { caps, client: client.and_then(|client| ClientName::parse(&client)) })
}

/// Encodes what a server says of itself, and what it grants.
pub(crate) fn encode_greeting(
    caps: Caps,
    registration: Registration,
    limits: &Limits,
    rid: Option<&Rid>,
) -> Frame {
    #[derive(Serialize)]
    struct Data {
        proto: u64,
        caps: Caps,
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
    let data = Data { proto: PROTO, caps, server: PROGRAM, registration: registration.as_str(), limits };
    reply::encode_data(Kind::Hello, &data, rid)
}

impl Greeting {
    pub(crate) fn decode(envelope: &Envelope<'_>) -> Result<Self, Unfit> {
        let [caps, server, registration] = envelope.data(["caps", "server", "registration"])?;
        let caps = caps.and_then(|caps| Caps::decode(caps).ok()).unwrap_or_default();
        let text = |value| json::text(value).unwrap_or_default();
        Ok(Self { caps, server: text(server), registration: Registration::parse(&text(registration)) })
    }
}

/// The version of the protocol. The lower one of both sides counts.
const PROTO: u64 = 1;
/// The words for what a client has to ask for.
const ACK: &str = "ack";
const HISTORY: &str = "history";
const RESUME: &str = "resume";
const PING: &str = "ping";
const MULTI: &str = "multi";
const FRIENDS: &str = "friends";
const PRESENCE: &str = "presence";
const LOGINS: &str = "logins";
/// What this program is called, on both sides.
const PROGRAM: &str = concat!("chatroom ", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use alloc::format;
    use std::str;

    use super::*;
    use crate::frame::PREFIX_BYTES;

    #[track_caller]
    fn check(rest: &str, expected: Result<Caps, &'static str>) {
        let text = format!(r#"{{"type":"hello"{rest}}}"#);
        let envelope = Envelope::decode(text.as_bytes()).expect("readable");
        let caps = decode_hello(&envelope).map(|hello| hello.caps);
        assert_eq!(caps.map_err(|unfit| unfit.0), expected, "{text}");
    }

    #[test]
    fn a_hello_names_a_version_and_may_name_more() {
        const CAPS_NONE: Caps = Caps {
            ack: false,
            history: false,
            resume: false,
            ping: false,
            multi: false,
            friends: false,
            presence: false,
            logins: false,
        };
        const NONE: Result<Caps, &str> = Ok(CAPS_NONE);
        const PROTO: Result<Caps, &str> = Err("`proto` must be a whole number from 1 on");
        const CAPS: Result<Caps, &str> = Err("`caps` must be an array of strings");
        check(r#","proto":1"#, NONE);
        check(r#","proto":7,"caps":[],"client":"other 1.0","more":{}"#, NONE);
        check(r#","proto":1,"caps":["res\u0075me"]"#, Ok(Caps { resume: true, ..CAPS_NONE }));
        check(r#","proto":1,"caps":["ack","\u0061ck"]"#, Ok(Caps { ack: true, ..CAPS_NONE }));
        check(r#","proto":1,"caps":["history"]"#, Ok(Caps { history: true, ..CAPS_NONE }));
        check(r#","proto":1,"caps":["ping"]"#, Ok(Caps { ping: true, ..CAPS_NONE }));
        check(
            r#","proto":1,"caps":["multi","history","ack"]"#,
            Ok(Caps { ack: true, history: true, multi: true, ..CAPS_NONE }),
        );
        check(
            r#","proto":1,"caps":["friends","multi","history","ack"]"#,
            Ok(Caps { ack: true, history: true, multi: true, friends: true, ..CAPS_NONE }),
        );
        check(
            r#","proto":1,"caps":["presence","friends","multi","history","ack"]"#,
            Ok(Caps { resume: false, ping: false, logins: false, ..Caps::ALL }),
        );
        check(
            r#","proto":1,"caps":["presence","multi","history","ack"]"#,
            Ok(Caps { ack: true, history: true, multi: true, ..CAPS_NONE }),
        );
        check(
            r#","proto":1,"caps":["friends","ack","history"]"#,
            Ok(Caps { ack: true, history: true, ..CAPS_NONE }),
        );
        check(
            r#","proto":1,"caps":["logins","resume"]"#,
            Ok(Caps { resume: true, logins: true, ..CAPS_NONE }),
        );
        check(r#","proto":1,"caps":["logins","ack"]"#, Ok(Caps { ack: true, ..CAPS_NONE }));
        check(r#","proto":1,"caps":["multi","ack"]"#, Ok(Caps { ack: true, ..CAPS_NONE }));
        check(r#","proto":1,"caps":["from the future"],"client":null"#, NONE);
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
        let name = ClientName::parse("Chatroom 0.1.0 on Linux");
        for client in [None, name] {
            let frame = encode_hello(Caps::ALL, client.as_ref());
            let envelope = Envelope::decode(&frame[PREFIX_BYTES..]).expect("readable");
            let client = client.or_else(|| ClientName::parse(PROGRAM));
            assert_eq!(decode_hello(&envelope), Ok(Hello { caps: Caps::ALL, client }));
            assert!(envelope.data.is_none());
        }
    }

    #[test]
    fn a_client_that_calls_itself_what_none_can_has_no_name() {
        let long = "x".repeat(65);
        for (client, expected) in
            [("other 1.0", Some("other 1.0")), ("", None), (r"a\nb", None), (&long, None)]
        {
            let text = format!(r#"{{"type":"hello","proto":1,"client":"{client}"}}"#);
            let envelope = Envelope::decode(text.as_bytes()).expect("readable");
            let found = decode_hello(&envelope).expect("fit").client;
            assert_eq!(found.as_ref().map(ClientName::as_str), expected, "{client}");
        }
    }

    #[test]
    fn a_greeting_is_read_as_it_was_meant() {
        for (registration, caps) in Registration::ALL.into_iter().zip([Caps::default(), Caps::ALL, Caps::ALL])
        {
            let frame = encode_greeting(caps, registration, &Limits::default(), None);
            let envelope = Envelope::decode(&frame[PREFIX_BYTES..]).expect("readable");
            let expected = Greeting { caps, server: PROGRAM.into(), registration: Some(registration) };
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
