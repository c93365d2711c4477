//! What a server answers: one envelope for all of it, and the words and sentences that go into it.

use alloc::borrow::Cow;
use alloc::string::String;

use serde::Serialize;
use serde_json::value::RawValue;

use super::json::{self, Object};
use super::{Kind, Rid};
use crate::frame::{self, Frame};
use crate::secret::Token;

/// The stable word in an error, for programs. PROTOCOL.md says when each comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is its own word on the wire, explained where it is sent")]
pub enum Code {
    AccountDisabled,
    NameTaken,
    NameInvalid,
    PasswordTooShort,
    PasswordTooLong,
    RateLimited,
    RegistrationClosed,
    InviteRequired,
    InviteInvalid,
    SessionEnded,
    NoSuchLogin,
    OwnLogin,
    Busy,
    AuthFailed,
    AuthThrottled,
    RoomExists,
    TooManyRooms,
    NoSuchRoom,
    AlreadyThere,
    RoomFull,
    NotInRoom,
    CidConflict,
    NoSuchUser,
    NoRequest,
    Blocked,
    TooManyFriends,
    FromMismatch,
    TextTooLong,
    TextEmpty,
    TextInvalid,
    WrongState,
    UnknownType,
    BadRequest,
    BadFrame,
    FrameEmpty,
    FrameTooLarge,
    FrameTimeout,
    LoginTimeout,
    Flooding,
    Replaced,
    ShuttingDown,
}

impl Code {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccountDisabled => "account_disabled",
            Self::NameTaken => "name_taken",
            Self::NameInvalid => "name_invalid",
            Self::PasswordTooShort => "password_too_short",
            Self::PasswordTooLong => "password_too_long",
            Self::RateLimited => "rate_limited",
            Self::RegistrationClosed => "registration_closed",
            Self::InviteRequired => "invite_required",
            Self::InviteInvalid => "invite_invalid",
            Self::SessionEnded => "session_ended",
            Self::NoSuchLogin => "no_such_login",
            Self::OwnLogin => "own_login",
            Self::Busy => "busy",
            Self::AuthFailed => "auth_failed",
            Self::AuthThrottled => "auth_throttled",
            Self::RoomExists => "room_exists",
            Self::TooManyRooms => "too_many_rooms",
            Self::NoSuchRoom => "no_such_room",
            Self::AlreadyThere => "already_there",
            Self::RoomFull => "room_full",
            Self::NotInRoom => "not_in_room",
            Self::CidConflict => "cid_conflict",
            Self::NoSuchUser => "no_such_user",
            Self::NoRequest => "no_request",
            Self::Blocked => "blocked",
            Self::TooManyFriends => "too_many_friends",
            Self::FromMismatch => "from_mismatch",
            Self::TextTooLong => "text_too_long",
            Self::TextEmpty => "text_empty",
            Self::TextInvalid => "text_invalid",
            Self::WrongState => "wrong_state",
            Self::UnknownType => "unknown_type",
            Self::BadRequest => "bad_request",
            Self::BadFrame => "bad_frame",
            Self::FrameEmpty => "frame_empty",
            Self::FrameTooLarge => "frame_too_large",
            Self::FrameTimeout => "frame_timeout",
            Self::LoginTimeout => "login_timeout",
            Self::Flooding => "flooding",
            Self::Replaced => "replaced",
            Self::ShuttingDown => "shutting_down",
        }
    }
}

/// The `type` of an error that answers no request of this protocol; original windows ignore it.
pub const ERROR: &str = "error";
/// The `type` of the list of members that is sent to, and answered in, a room.
pub const LIST_ROOM: &str = "list_room";

/// Why a request failed: a word for programs, a sentence for people, and perhaps when to try again.
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) message: Cow<'static, str>,
    pub(crate) retry_ms: Option<u64>,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), retry_ms: None }
    }

    /// A failure that ends by itself, after so many milliseconds.
    pub(crate) fn for_now(code: Code, message: impl Into<Cow<'static, str>>, retry_ms: u64) -> Self {
        Self { code, message: message.into(), retry_ms: Some(retry_ms) }
    }

    /// Encodes it as an answer of the type `kind`.
    pub(crate) fn encode(&self, kind: &'static str, rid: Option<&Rid>) -> Frame {
        frame::encode(&Wire::<()> {
            r#type: kind,
            status: "error",
            message: Some(&self.message),
            data: None,
            code: Some(self.code.as_str()),
            retry_ms: self.retry_ms,
            rid,
        })
    }
}

/// Who logged in or registered, and where they are: in the lobby.
#[derive(Serialize)]
pub(crate) struct Identity<'a> {
    pub(crate) username: &'a str,
    pub(crate) chatroom: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<Lasting<'a>>,
}

/// How to come back to a login without a password, and until when: in milliseconds since 1970.
#[derive(Serialize)]
pub(crate) struct Lasting<'a> {
    pub(crate) token: &'a str,
    pub(crate) expires: u64,
}

/// Who entered which room.
#[derive(Serialize)]
pub(crate) struct Entrance<'a> {
    pub(crate) username: &'a str,
    pub(crate) room: &'a str,
}

/// Encodes the answer to a request that succeeded, with a sentence for the person.
pub(crate) fn encode_done(
    kind: Kind,
    message: &str,
    data: Option<&impl Serialize>,
    rid: Option<&Rid>,
) -> Frame {
    encode_ok(kind.as_str(), Some(message), data, rid)
}

/// Encodes an answer, or what is told unasked, that has no sentence for the person.
pub(crate) fn encode_data(kind: Kind, data: &impl Serialize, rid: Option<&Rid>) -> Frame {
    encode_ok(kind.as_str(), None, Some(data), rid)
}

/// Encodes anything that went well.
pub(crate) fn encode_ok(
    kind: &'static str,
    message: Option<&str>,
    data: Option<&impl Serialize>,
    rid: Option<&Rid>,
) -> Frame {
    frame::encode(&Wire { r#type: kind, status: "ok", message, data, code: None, retry_ms: None, rid })
}

/// The envelope from server to client, in the order of its keys on the wire.
#[derive(Serialize)]
struct Wire<'a, D> {
    r#type: &'static str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a D>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rid: Option<&'a Rid>,
}

/// An envelope from a server, as a client reads it. Servers differ: nothing but the type is insisted on.
pub(crate) struct Received {
    /// What kind of thing it is.
    pub(crate) kind: String,
    /// Whether it is good news.
    pub(crate) ok: bool,
    /// A sentence for the person.
    pub(crate) message: Option<String>,
    /// A word for the program.
    pub(crate) code: Option<String>,
    /// Milliseconds until trying again makes sense.
    pub(crate) retry_ms: Option<u64>,
    /// Which request it answers, if that was given a name.
    pub(crate) rid: Option<String>,
}

impl Received {
    pub(crate) fn decode(envelope: &super::Envelope<'_>) -> Result<Self, super::Unfit> {
        let status = json::text(envelope.status);
        Ok(Self {
            kind: envelope.kind()?.into_owned(),
            ok: status.as_deref() == Some("ok"),
            message: json::text(envelope.message),
            code: json::text(envelope.code),
            retry_ms: json::number(envelope.retry_ms),
            rid: json::text(envelope.rid),
        })
    }
}

/// What a client learns of itself from the answer to `login`, `resume` or `enter`.
#[derive(Default)]
pub(crate) struct Place {
    /// Its name, as it is spelled.
    pub(crate) username: Option<String>,
    /// The room it is in.
    pub(crate) room: Option<String>,
    /// What it can come back with.
    pub(crate) token: Option<Token>,
}

impl Place {
    pub(crate) fn decode(envelope: &super::Envelope<'_>) -> Result<Self, super::Unfit> {
        let fields = envelope.fields()?;
        let name = |value| json::optional_string(value, "a name must be a string");
        let token = fields.session.map(decode_token).transpose()?.flatten();
        Ok(Self { username: name(fields.username)?, room: name(fields.room)?, token })
    }
}

fn decode_token(session: &RawValue) -> Result<Option<Token>, super::Unfit> {
    const MUST: super::Unfit = super::Unfit("`session` must be an object");
    let [token] = Object::decode(session.get(), ["token"]).map_err(|_| MUST)?;
    let text = json::optional_string(token, "`token` must be a string")?;
    Ok(text.map(|text| Token::new(text.into())))
}
