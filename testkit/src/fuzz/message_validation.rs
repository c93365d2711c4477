//! Requests as JSON.

use std::collections::BTreeSet;
use std::fmt::{self, Debug};
use std::marker::PhantomData;
use std::sync::Arc;

use chatroom_core::frame::{Frame, PREFIX_BYTES};
use chatroom_core::limits::{JSON_DEPTH_MAX, Limits, PASSWORD_BYTES_MAX};
use chatroom_core::message::friend::Friend;
use chatroom_core::message::hello::{Caps, Registration};
use chatroom_core::message::history::Of;
use chatroom_core::message::presence::Said;
use chatroom_core::message::request::{self, Credentials, Head, Msg, Request};
use chatroom_core::message::{Envelope, Kind, Text};
use chatroom_core::name::UserName;
use chatroom_core::secret::Password;
use chatroom_core::server::{Answer, Conn, Input, Output, Question, Refusal, Rules};
use chatroom_core::{Instant, client, hub};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use server_common::keys::{name_key, name_look};
use zeroize::Zeroizing;

/// Bytes are a request or are refused by a sentence, as a naive reader of JSON would judge them; a request encoded and
/// decoded is the same request; and no password is in any `Debug`, or in anything a server says.
pub fn message_validation(data: &[u8]) {
    let envelope = match Envelope::decode(data) {
        Ok(envelope) => envelope,
        Err(refusal) => {
            assert!(refusal.0.starts_with("The frame "), "{refusal:?} is no sentence");
            return assert!(!is_well_formed(data), "{refusal:?}, and nothing is wrong with it");
        }
    };
    assert!(is_well_formed(data), "this was read, and is no object with each key once");
    let head = Head::decode(&envelope).unwrap_or_else(|(head, unfit)| {
        assert!(unfit.0.starts_with('`'), "{unfit:?} names no key");
        head
    });
    // Whatever it says it is, it is read as each shape of `data` that there is.
    let shapes =
        [Kind::Login, Kind::Create, Kind::Msg, Kind::List, Kind::Friend, Kind::Presence, Kind::Logins];
    for kind in head.kind.into_iter().chain(shapes) {
        match Request::decode(kind, &envelope, Caps::ALL) {
            Ok(request) => check_request(kind, &request),
            Err(unfit) => assert!(unfit.0.starts_with('`'), "{unfit:?} names no key"),
        }
    }
}

fn check_request(kind: Kind, request: &Request) {
    // One whose values are none has no encoding.
    let Some(frame) = encode(kind, request) else { return };
    let json = &frame[PREFIX_BYTES..];
    let envelope = Envelope::decode(json).expect("what we encode can be read");
    let Ok(head) = Head::decode(&envelope) else { panic!("what we encode has a type") };
    assert_eq!(head.kind, Some(kind));
    let Ok(again) = Request::decode(kind, &envelope, Caps::ALL) else {
        panic!("what we encode is a request")
    };
    assert!(encode(kind, &again).as_deref() == Some(&*frame), "decoded, it is another request");
    if let Request::Register(credentials, _) | Request::Login(credentials) = request
        && let Ok(username) = &credentials.username
        && let Ok(password) = &credentials.password
    {
        check_secrecy(kind, username, password);
    }
}

fn encode(kind: Kind, request: &Request) -> Option<Frame> {
    Some(match request {
        // The one says more than what it is decoded to, the other no client of this project asks for.
        Request::Hello(_) | Request::History(_) => return None,
        Request::Resume(token) => request::encode_resume(token),
        Request::Register(Credentials { username, password }, invite) => {
            request::encode_register(username.as_ref().ok()?, password.as_ref().ok()?, invite.as_ref())
        }
        Request::Login(Credentials { username, password }) => {
            request::encode_login(username.as_ref().ok()?, password.as_ref().ok()?)
        }
        Request::Create(room) | Request::Enter(room) | Request::Roster(room) | Request::Exit(Some(room)) => {
            request::encode_room(kind, room.as_ref().ok()?)
        }
        Request::Logins(logins) => request::encode_logins(*logins),
        Request::Friend(Friend::List) => request::encode_friend_list(),
        Request::Friend(Friend::Change(op, user)) => request::encode_friend(*op, user.as_ref().ok()?),
        Request::Presence(Said { state, text }) => {
            let text = text.as_ref().map(Result::as_ref).transpose().ok()?;
            request::encode_presence(*state, text)
        }
        Request::Read(Of::Room(room), seq) => request::encode_read(room.as_ref().ok()?, *seq),
        Request::Read(Of::Peer(peer), seq) => request::encode_peer_read(peer.as_ref().ok()?, *seq),
        Request::Msg(Msg { from, to, text, claim: _ }) => {
            let from = from.as_ref()?.as_ref().ok()?;
            let to = to.as_ref().map(Result::as_ref).transpose().ok()?;
            request::encode_msg(from.as_str(), to, text.as_ref().ok()?)
        }
        Request::List
        | Request::Exit(None)
        | Request::Logout
        | Request::Ping
        | Request::Pong
        | Request::Rooms => request::encode_bare(kind),
    })
}

// What a naive reader says.

/// Whether the bytes are one JSON object, no key twice in it or in its `data`, nothing nested too deep, every string of
/// whole characters.
fn is_well_formed(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let Ok(outer) = serde_json::from_str::<Pairs>(text) else { return false };
    let data = outer.0.iter().find(|(key, _)| key == "data").map(|(_, value)| value.get());
    let inner = data.filter(|data| data.starts_with('{')).map(serde_json::from_str::<Pairs>);
    outer.has_each_key_once()
        && inner.is_none_or(|inner| inner.is_ok_and(|inner| inner.has_each_key_once()))
        && pieces(text).0.into_iter().all(|string| serde_json::from_str::<String>(string).is_ok())
        && pieces(text).1 <= JSON_DEPTH_MAX
}

/// An object's entries, none of them left out.
struct Pairs(Vec<(String, Box<RawValue>)>);

impl Pairs {
    fn has_each_key_once(&self) -> bool {
        self.0.iter().map(|(key, _)| key).collect::<BTreeSet<_>>().len() == self.0.len()
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;

        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(PairsVisitor)
    }
}

/// The strings of a JSON text, quotes included, and how deep its brackets are nested.
fn pieces(json: &str) -> (Vec<&str>, usize) {
    let (mut strings, mut depth, mut deepest) = (Vec::new(), 0_usize, 0);
    let mut rest = json;
    while let Some(at) = rest.find(['"', '{', '[', '}', ']']) {
        rest = &rest[at..];
        let length = match rest.as_bytes()[0] {
            b'"' => string_bytes(rest),
            b'{' | b'[' => {
                depth += 1;
                1
            }
            _ => {
                depth = depth.saturating_sub(1);
                1
            }
        };
        deepest = deepest.max(depth);
        if length > 1 {
            strings.push(&rest[..length]);
        }
        rest = &rest[length..];
    }
    (strings, deepest)
}

/// Bytes of the string that a text begins with, both quotes included.
fn string_bytes(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    end.map_or(text.len(), |end| end + 2)
}

// Secrets.

/// A server that is given this name and a password that can be recognised repeats the password nowhere.
fn check_secrecy(kind: Kind, username: &UserName, typed: &Password) {
    if name_key(username.as_str()).contains(CANARY) {
        return;
    }
    let mut secret = format!("{CANARY}{}", typed.expose());
    while secret.len() > PASSWORD_BYTES_MAX {
        secret.pop();
    }
    let password = Password::parse(Zeroizing::new(secret)).expect("it is short enough");
    let frame = match kind {
        Kind::Register => request::encode_register(username, &password, None),
        _ => request::encode_login(username, &password),
    };
    let rules = Rules {
        limits: Limits::default(),
        registration: Registration::Open,
        history: false,
        key_of: name_key,
        look_of: name_look,
    };
    for refusal in [None, Some(Refusal::NameTaken), Some(Refusal::AuthFailed)] {
        let mut conn = Conn::new(Instant::default(), Arc::new(rules.clone()));
        conn.handle(Instant::default(), Input::Secured);
        conn.handle(Instant::default(), Input::Bytes(&frame));
        while let Some(output) = conn.poll_output() {
            match output {
                Output::Frame(frame) => check_says_nothing(&String::from_utf8_lossy(&frame)),
                Output::Ask(ticket, question) => {
                    let answer = refusal.map_or_else(|| yes(question), Answer::Refused);
                    check_says_nothing(&format!("{answer:?}"));
                    conn.handle(Instant::default(), Input::Answer(ticket, answer));
                }
                Output::Hub(hub::Command::Login(account, ..)) => check_says_nothing(&format!("{account:?}")),
                Output::Hub(_) => panic!("a login leads to nothing but a login"),
                Output::End(_) | Output::Finish | Output::Close(_) => panic!("a login ends nothing"),
            }
        }
    }
}

fn yes(question: Question) -> Answer {
    match question {
        Question::Register { account, .. } => Answer::Registered(account),
        Question::Verify { account, .. } => Answer::Verified(account),
        Question::Resume { .. } | Question::History(_) | Question::Logins { .. } => {
            Answer::Refused(Refusal::SessionEnded)
        }
        Question::Decoy => Answer::Refused(Refusal::AuthFailed),
    }
}

fn check_says_nothing(words: &str) {
    assert!(!words.contains(CANARY), "the password is in {words}");
}

/// Whether a type has a `Debug`: what has none cannot be printed by accident.
macro_rules! has_debug {
    ($type:ty) => {{
        #[allow(dead_code, reason = "not used where the answer is yes")]
        trait Otherwise {
            const HAS_DEBUG: bool = false;
        }
        impl<T> Otherwise for T {}
        #[allow(dead_code, reason = "it is looked at, never made")]
        struct Asked<T>(PhantomData<T>);
        #[allow(dead_code, reason = "not used where the answer is no")]
        impl<T: Debug> Asked<T> {
            const HAS_DEBUG: bool = true;
        }
        <Asked<$type>>::HAS_DEBUG
    }};
}

const _: () = assert!(has_debug!(UserName), "the question can be answered with yes");
const _: () = assert!(!has_debug!(Password) && !has_debug!(Text));
const _: () = assert!(!has_debug!(Request) && !has_debug!(Credentials) && !has_debug!(Msg));
const _: () = assert!(!has_debug!(Question) && !has_debug!(hub::Command) && !has_debug!(hub::Whisper));
const _: () = assert!(!has_debug!(client::Command) && !has_debug!(client::Event));
const _: () = assert!(!has_debug!(server_common::passwords::hasher::Phc));

const CANARY: &str = "kanarienvogel";
