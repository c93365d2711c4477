//! What is said over the wire, read in two steps: the envelope, then its `data` by its `type`.
//!
//! [`request`] is what clients say, [`reply`] what a server answers, [`push`] what it sends unasked; [`hello`] is how the
//! two meet, [`history`] what was said before, [`rooms`] what who is in many rooms is told of them,
//! [`friend`] who is whose friend, [`presence`] who is here, [`logins`] what an account's logins that last are.

pub mod friend;
pub mod hello;
pub mod history;
pub mod logins;
pub mod names;
pub mod presence;
pub mod push;
pub(crate) mod received;
pub mod reply;
pub mod request;
pub mod rooms;

mod json;

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::limits::{CID_BYTES_MAX, RID_BYTES_MAX, TEXT_BYTES_MAX, TEXT_LINES_MAX};
use json::Object;

/// The kinds of request, each with a `type` of its own on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// What can you do?
    Hello,
    /// Make an account.
    Register,
    /// Log in to an account.
    Login,
    /// Log in again, with what the last login gave.
    Resume,
    /// Who is where?
    List,
    /// Make a room.
    Create,
    /// Go into a room.
    Enter,
    /// Say something to a room, or to one in it.
    Msg,
    /// What was said before?
    History,
    /// Go back to the lobby, or take part in a room no more.
    Exit,
    /// Log out of an account.
    Logout,
    /// Are you there?
    Ping,
    /// I am here.
    Pong,
    /// Which rooms are there?
    Rooms,
    /// Who is in a room?
    Roster,
    /// So far was read in a conversation.
    Read,
    /// Who is what to me? Or something is to become of me and another.
    Friend,
    /// I am here, like this.
    Presence,
    /// Where is this account logged in? Or one of these logins is to end.
    Logins,
}

/// A name that a client gave a request, echoed in every direct answer to it. At most 64 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rid(String);

/// What its author's client calls a message, so that one that is sent twice is said once. 1 to 36 bytes, and never the same
/// for two messages of an author: 128 random bits will do, or a UUID (RFC 9562), whose text has 36 characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cid(Arc<str>);

/// A message's text: 1 to 4,096 bytes, at most 100 lines, no control but tab and newline.
///
/// It has no `Debug`: what people say does not belong into logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(String);

/// Why a text cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextError {
    /// It has no character.
    Empty,
    /// It has more than 4,096 bytes or more than 100 lines.
    TooLong,
    /// It has a control character other than tab and newline.
    Control,
}

/// The outer object of a frame, its values still as they came.
pub struct Envelope<'a> {
    text: &'a str,
    kind: Option<&'a RawValue>,
    status: Option<&'a RawValue>,
    message: Option<&'a RawValue>,
    data: Option<&'a RawValue>,
    fields: Option<Fields<'a>>,
    code: Option<&'a RawValue>,
    retry_ms: Option<&'a RawValue>,
    rid: Option<&'a RawValue>,
}

/// What `data` may hold, where it is an object; each value still as it came, `None` where it is absent or `null`.
pub(crate) struct Fields<'a> {
    username: Option<&'a RawValue>,
    password: Option<&'a RawValue>,
    room: Option<&'a RawValue>,
    from: Option<&'a RawValue>,
    to: Option<&'a RawValue>,
    text: Option<&'a RawValue>,
    cid: Option<&'a RawValue>,
    seq: Option<&'a RawValue>,
    ts: Option<&'a RawValue>,
    peer: Option<&'a RawValue>,
    invite: Option<&'a RawValue>,
    token: Option<&'a RawValue>,
    session: Option<&'a RawValue>,
}

/// The frame is not something that could be answered by its `type`: not UTF-8, not JSON, not an object, a key twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable(pub &'static str);

/// A text with one half of a character that UTF-16 writes in two.
pub(crate) const HALF_SURROGATE: Unreadable = Unreadable("The frame has half a surrogate pair");

/// The frame can be read, but says something it must not: a sentence for who wrote the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit(pub &'static str);

/// There is no `data`, or it is something else than an object.
const NO_OBJECT: Unfit = Unfit("`data` must be an object");

impl<'a> Envelope<'a> {
    /// Reads the outer object of a frame, and checks the inner ones for form. `frame` is without its prefix.
    pub fn decode(frame: &'a [u8]) -> Result<Self, Unreadable> {
        let text = json::scan(frame)?;
        let values = Object::decode(text, ["type", "status", "message", "data", "code", "retry_ms", "rid"])?;
        let [kind, status, message, data, code, retry_ms, rid] = values;
        let fields = data.filter(|data| json::is_object(data)).map(Fields::decode).transpose()?;
        Ok(Self { text, kind, status, message, data, fields, code, retry_ms, rid })
    }

    /// The `type`, a string.
    pub(crate) fn kind(&self) -> Result<Cow<'a, str>, Unfit> {
        json::borrowed_string(self.kind, "`type` must be a string")
    }

    /// The `data`, an object.
    pub(crate) fn fields(&self) -> Result<&Fields<'a>, Unfit> {
        self.fields.as_ref().ok_or(NO_OBJECT)
    }

    /// The values of these keys of the `data`, an object; `None` where one is absent or `null`.
    pub(crate) fn data<const N: usize>(
        &self,
        keys: [&'static str; N],
    ) -> Result<[Option<&'a RawValue>; N], Unfit> {
        // Only of an object there are fields. That each of its keys is there once was seen when these were read.
        let data = self.data.filter(|_| self.fields.is_some()).ok_or(NO_OBJECT)?;
        Object::decode(data.get(), keys).map_err(|unreadable| Unfit(unreadable.0))
    }

    /// Checks that there is no `data`, or an object that nobody reads.
    pub(crate) fn no_data(&self) -> Result<(), Unfit> {
        if self.data.is_none() { Ok(()) } else { self.fields().map(|_| ()) }
    }

    pub(crate) fn rid(&self) -> Result<Option<Rid>, Unfit> {
        const MUST: &str = "`rid` must be a string of at most 64 bytes";
        let Some(rid) = self.rid else { return Ok(None) };
        let text = json::string(Some(rid), MUST)?;
        if text.len() > RID_BYTES_MAX { Err(Unfit(MUST)) } else { Ok(Some(Rid(text))) }
    }
}

impl<'a> Fields<'a> {
    fn decode(data: &'a RawValue) -> Result<Self, Unreadable> {
        let keys = [
            "username", "password", "room", "from", "to", "text", "cid", "seq", "ts", "peer", "invite",
            "token", "session",
        ];
        let [username, password, room, from, to, text, cid, seq, ts, peer, invite, token, session] =
            Object::decode(data.get(), keys)?;
        Ok(Self { username, password, room, from, to, text, cid, seq, ts, peer, invite, token, session })
    }
}

impl Kind {
    /// The `type` of the request on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Register => "register",
            Self::Login => "login",
            Self::Resume => "resume",
            Self::List => "list",
            Self::Create => "create",
            Self::Enter => "enter",
            Self::Msg => "msg",
            Self::History => "history",
            Self::Exit => "exit",
            Self::Logout => "logout",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::Rooms => "rooms",
            Self::Roster => "roster",
            Self::Read => "read",
            Self::Friend => "friend",
            Self::Presence => "presence",
            Self::Logins => "logins",
        }
    }

    /// The kind a `type` stands for, if it is one of this protocol's requests.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    const ALL: [Self; 19] = [
        Self::Hello,
        Self::Register,
        Self::Login,
        Self::Resume,
        Self::List,
        Self::Create,
        Self::Enter,
        Self::Msg,
        Self::History,
        Self::Exit,
        Self::Logout,
        Self::Ping,
        Self::Pong,
        Self::Rooms,
        Self::Roster,
        Self::Read,
        Self::Friend,
        Self::Presence,
        Self::Logins,
    ];
}

impl Rid {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Cid {
    /// Takes a text over that has 1 to 36 bytes; any other is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        (1..=CID_BYTES_MAX).contains(&text.len()).then(|| Self(text.into()))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Text {
    /// Checks a text and takes it over.
    pub fn parse(text: String) -> Result<Self, TextError> {
        if text.is_empty() {
            return Err(TextError::Empty);
        }
        // Both look at all of the text, and not for the first of something: so many bytes are looked at together.
        let ends_of_lines = text.bytes().filter(|byte| *byte == b'\n').count();
        if text.len() > TEXT_BYTES_MAX || ends_of_lines >= TEXT_LINES_MAX {
            return Err(TextError::TooLong);
        }
        let is_control = |byte: u8| byte < b' ' && byte != b'\t' && byte != b'\n';
        if text.bytes().fold(false, |is_any, byte| is_any | is_control(byte)) {
            return Err(TextError::Control);
        }
        Ok(Self(text))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TextError {
    /// A sentence for the person who typed it.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Empty => "A message needs some text",
            Self::TooLong => "A message has at most 4096 bytes and 100 lines",
            Self::Control => "A message cannot contain control characters other than tab and newline",
        }
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Serialize for Cid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Debug for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for Rid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn a_text_ends_at_its_limits() {
        assert!(Text::parse("x".repeat(4096)).is_ok());
        assert_eq!(Text::parse("x".repeat(4097)).err(), Some(TextError::TooLong));
        assert!(Text::parse("\n".repeat(99)).is_ok());
        assert_eq!(Text::parse("\n".repeat(100)).err(), Some(TextError::TooLong));
        assert_eq!(Text::parse(String::new()).err(), Some(TextError::Empty));
        assert_eq!(Text::parse("a\rb".into()).err(), Some(TextError::Control));
        assert!(Text::parse("tab\tnewline\n\u{7f}\u{85}\u{202e}".into()).is_ok());
    }

    #[test]
    fn each_fault_of_a_text_has_a_sentence_of_its_own() {
        for (text, sentence) in [
            ("", "A message needs some text"),
            (&"x".repeat(4097), "A message has at most 4096 bytes and 100 lines"),
            ("\u{7}", "A message cannot contain control characters other than tab and newline"),
        ] {
            assert_eq!(Text::parse(text.into()).err().map(TextError::sentence), Some(sentence));
        }
    }

    #[test]
    fn a_rid_is_a_string_of_at_most_64_bytes() {
        let rid =
            |json: &str| Envelope::decode(json.as_bytes()).unwrap().rid().map(|rid| rid.map(|rid| rid.0));
        let (longest, umlauts) = ("x".repeat(64), "ä".repeat(32));
        assert_eq!(rid(r#"{"type":"list"}"#), Ok(None));
        assert_eq!(rid(r#"{"rid":null}"#), Ok(None));
        assert_eq!(rid(r#"{"rid":""}"#), Ok(Some(String::new())));
        assert_eq!(rid(r#"{"rid":"\u0041\n"}"#), Ok(Some("A\n".into())));
        for fits in [&longest, &umlauts] {
            assert_eq!(rid(&format!(r#"{{"rid":"{fits}"}}"#)), Ok(Some(fits.clone())));
            assert!(rid(&format!(r#"{{"rid":"{fits}x"}}"#)).is_err());
        }
        for unfit in ["7", "true", "[]", "{}"] {
            assert!(rid(&format!(r#"{{"rid":{unfit}}}"#)).is_err(), "{unfit}");
        }
    }
}
