//! What a client says.

use alloc::string::String;

use serde::Serialize;
use zeroize::Zeroizing;

use super::{Envelope, Kind, Rid, Text, TextError, Unfit, json};
use crate::frame::{self, Frame};
use crate::name::{NameError, PUBLIC, RoomName, UserName};
use crate::secret::{Password, PasswordError};

/// A request whose form is right. What a person typed into it may still be no name, password or text; which of the
/// two it is, each value carries, for the answer to that is an answer to the person.
pub enum Request {
    /// Make an account.
    Register(Credentials),
    /// Log in to an account.
    Login(Credentials),
    /// Who is where?
    List,
    /// Make a room.
    Create(Result<RoomName, NameError>),
    /// Go into a room.
    Enter(Result<RoomName, NameError>),
    /// Say something.
    Msg(Msg),
    /// Go back to the lobby.
    Exit,
    /// Log out.
    Logout,
}

/// What `register` and `login` carry.
pub struct Credentials {
    /// Who.
    pub username: Result<UserName, NameError>,
    /// With what.
    pub password: Result<Password, PasswordError>,
}

/// What `msg` carries.
pub struct Msg {
    /// Who the client says it is; `None` if it does not.
    pub from: Option<Result<UserName, NameError>>,
    /// Whom it is for; `None` for everybody in the room.
    pub to: Option<Result<UserName, NameError>>,
    /// What is said.
    pub text: Result<Text, TextError>,
}

/// The part of a request that is known before its `data` is looked at.
pub(crate) struct Head {
    /// What is asked for; `None` for a type that is not of this protocol.
    pub(crate) kind: Option<Kind>,
    /// What the answer is to carry.
    pub(crate) rid: Option<Rid>,
}

impl Head {
    /// Reads type and rid. The error comes with what could be read all the same, for its answer.
    pub(crate) fn decode(envelope: &Envelope<'_>) -> Result<Self, (Self, Unfit)> {
        let kind = envelope.kind();
        let rid = envelope.rid();
        let head = Self {
            kind: kind.as_deref().ok().and_then(Kind::parse),
            rid: rid.as_ref().ok().cloned().flatten(),
        };
        match kind.err().or(rid.err()) {
            Some(unfit) => Err((head, unfit)),
            None => Ok(head),
        }
    }
}

impl Request {
    /// Reads a request's `data`.
    pub(crate) fn decode(kind: Kind, envelope: &Envelope<'_>) -> Result<Self, Unfit> {
        Ok(match kind {
            Kind::Register => Self::Register(Credentials::decode(envelope)?),
            Kind::Login => Self::Login(Credentials::decode(envelope)?),
            Kind::Create => Self::Create(room(envelope)?),
            Kind::Enter => Self::Enter(room(envelope)?),
            Kind::Msg => Self::Msg(Msg::decode(envelope)?),
            Kind::List => envelope.no_data().map(|()| Self::List)?,
            Kind::Exit => envelope.no_data().map(|()| Self::Exit)?,
            Kind::Logout => envelope.no_data().map(|()| Self::Logout)?,
        })
    }
}

impl Credentials {
    fn decode(envelope: &Envelope<'_>) -> Result<Self, Unfit> {
        let [username, password] = envelope.data(["username", "password"])?;
        let username = json::string(username, "`username` must be a string")?;
        let password = Zeroizing::new(json::string(password, "`password` must be a string")?);
        Ok(Self { username: UserName::parse(&username), password: Password::parse(password) })
    }
}

impl Msg {
    fn decode(envelope: &Envelope<'_>) -> Result<Self, Unfit> {
        let [from, to, text] = envelope.data(["from", "to", "text"])?;
        let from = from.map(|from| json::string(Some(from), "`from` must be a string")).transpose()?;
        let to = json::string(to, "`to` must be a string")?;
        let text = json::string(text, "`text` must be a string")?;
        Ok(Self {
            from: from.map(|from| UserName::parse(&from)),
            to: (to != PUBLIC).then(|| UserName::parse(&to)),
            text: Text::parse(text),
        })
    }
}

fn room(envelope: &Envelope<'_>) -> Result<Result<RoomName, NameError>, Unfit> {
    let [room] = envelope.data(["room"])?;
    Ok(RoomName::parse(&json::string(room, "`room` must be a string")?))
}

/// Encodes `register` or `login`, as a client sends it.
pub(crate) fn encode_credentials(kind: Kind, username: &UserName, password: &Password) -> Frame {
    encode(
        kind,
        &Fields { username: Some(username.as_str()), password: Some(password.expose()), ..Fields::default() },
    )
}

/// Encodes `create` or `enter`.
pub(crate) fn encode_room(kind: Kind, room: &RoomName) -> Frame {
    encode(kind, &Fields { room: Some(room.as_str()), ..Fields::default() })
}

/// Encodes `msg`; `to` is `None` for everybody in the room.
pub(crate) fn encode_msg(from: &str, to: Option<&UserName>, text: &Text) -> Frame {
    let to = to.map_or(PUBLIC, UserName::as_str);
    encode(
        Kind::Msg,
        &Fields { from: Some(from), to: Some(to), text: Some(text.as_str()), ..Fields::default() },
    )
}

/// Encodes a request that has no data.
pub(crate) fn encode_bare(kind: Kind) -> Frame {
    encode(kind, &None::<()>)
}

fn encode(kind: Kind, data: &impl Serialize) -> Frame {
    #[derive(Serialize)]
    struct Wire<'a, D> {
        r#type: &'static str,
        data: &'a D,
    }
    frame::encode(&Wire { r#type: kind.as_str(), data })
}

/// The union of what requests carry; what is not set is not sent.
#[derive(Default, Serialize)]
struct Fields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

/// A name as its error message shows it: as it was typed, if it could be one.
pub(crate) fn shown(name: &Result<UserName, NameError>) -> &str {
    name.as_ref().map_or("That name", UserName::as_str)
}

/// A text that a person typed, as a [`Text`]; the error says what is wrong with it.
impl TryFrom<&str> for Text {
    type Error = TextError;

    fn try_from(text: &str) -> Result<Self, TextError> {
        Self::parse(String::from(text))
    }
}
