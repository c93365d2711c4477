//! What a client says.

use alloc::string::String;

use serde::Serialize;
use zeroize::Zeroizing;

use super::friend::{self, Friend, Op};
use super::hello::{self, Caps, Hello};
use super::history::{Edge, Of, Query};
use super::logins::Logins;
use super::presence::{PresenceState, Said, StatusText};
use super::{Cid, Envelope, Fields, Kind, Rid, Text, TextError, Unfit, json};
use crate::frame::{self, Frame};
use crate::name::{NameError, PUBLIC, RoomName, UserName};
use crate::secret::{Password, PasswordError, Token};

/// A request whose form is right. What a person typed into it may still be no name, password or text; which of the
/// two it is, each value carries, for the answer to that is an answer to the person.
pub enum Request {
    /// What can you do? The client can do this.
    Hello(Hello),
    /// Make an account, perhaps because one was invited.
    Register(Credentials, Option<Token>),
    /// Log in to an account.
    Login(Credentials),
    /// Log in again, with what the last login gave.
    Resume(Token),
    /// Who is where?
    List,
    /// Make a room.
    Create(Result<RoomName, NameError>),
    /// Go into a room.
    Enter(Result<RoomName, NameError>),
    /// Say something.
    Msg(Msg),
    /// What was said before?
    History(Query),
    /// Go back to the lobby; or, of who is in many rooms, out of this one.
    Exit(Option<Result<RoomName, NameError>>),
    /// Log out.
    Logout,
    /// Are you there?
    Ping,
    /// I am here: the server had asked.
    Pong,
    /// Which rooms are there?
    Rooms,
    /// Who is in this room?
    Roster(Result<RoomName, NameError>),
    /// So far was read in this conversation.
    Read(Of, u64),
    /// Who is what to me? Or something is to become of me and another.
    Friend(Friend),
    /// I am here, like this.
    Presence(Said),
    /// Where is this account logged in? Or one of these logins is to end.
    Logins(Logins),
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
    /// What the client calls it, and where it is to be said, if the client was granted `ack` and says so.
    pub claim: Claim,
}

/// What a client that was granted `ack` may say of a message besides.
#[derive(Default)]
pub struct Claim {
    /// What it calls the message.
    pub cid: Option<Cid>,
    /// Where the message is to be said.
    pub room: Option<Result<RoomName, NameError>>,
}

/// The part of a request that is known before its `data` is looked at.
pub struct Head {
    /// What is asked for; `None` for a type that is not of this protocol.
    pub kind: Option<Kind>,
    /// What the answer is to carry.
    pub rid: Option<Rid>,
}

impl Head {
    /// Reads type and rid. The error comes with what could be read all the same, for its answer.
    pub fn decode(envelope: &Envelope<'_>) -> Result<Self, (Self, Unfit)> {
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
    /// Reads a request's `data`, as it is understood of who was granted `caps`.
    pub fn decode(kind: Kind, envelope: &Envelope<'_>, caps: Caps) -> Result<Self, Unfit> {
        Ok(match kind {
            Kind::Hello => Self::Hello(hello::decode_hello(envelope)?),
            Kind::Register => Self::Register(Credentials::decode(envelope)?, invite(envelope)?),
            Kind::Login => Self::Login(Credentials::decode(envelope)?),
            Kind::Resume => Self::Resume(token(envelope)?),
            Kind::Create => Self::Create(room(envelope)?),
            Kind::Enter => Self::Enter(room(envelope)?),
            Kind::Msg => Self::Msg(Msg::decode(envelope, caps.ack)?),
            Kind::History => Self::History(Query::decode(envelope)?),
            Kind::List => envelope.no_data().map(|()| Self::List)?,
            Kind::Exit if caps.multi => Self::Exit(Some(room(envelope)?)),
            Kind::Exit => envelope.no_data().map(|()| Self::Exit(None))?,
            Kind::Logout => envelope.no_data().map(|()| Self::Logout)?,
            Kind::Ping => envelope.no_data().map(|()| Self::Ping)?,
            Kind::Pong => envelope.no_data().map(|()| Self::Pong)?,
            Kind::Rooms => envelope.no_data().map(|()| Self::Rooms)?,
            Kind::Roster => Self::Roster(room(envelope)?),
            Kind::Friend => Self::Friend(Friend::decode(envelope)?),
            Kind::Presence => Self::Presence(Said::decode(envelope)?),
            Kind::Logins => Self::Logins(Logins::decode(envelope)?),
            Kind::Read => Self::Read(Of::decode(envelope.fields()?)?, seq(envelope)?),
        })
    }
}

impl Credentials {
    fn decode(envelope: &Envelope<'_>) -> Result<Self, Unfit> {
        let fields = envelope.fields()?;
        let username = json::string(fields.username, "`username` must be a string")?;
        let password = Zeroizing::new(json::string(fields.password, "`password` must be a string")?);
        Ok(Self { username: UserName::parse(&username), password: Password::parse(password) })
    }
}

impl Msg {
    fn decode(envelope: &Envelope<'_>, is_acked: bool) -> Result<Self, Unfit> {
        let fields = envelope.fields()?;
        let from = json::optional_borrowed_string(fields.from, "`from` must be a string")?;
        let to = json::borrowed_string(fields.to, "`to` must be a string")?;
        let text = json::string(fields.text, "`text` must be a string")?;
        Ok(Self {
            from: from.map(|from| UserName::parse(&from)),
            to: (to != PUBLIC).then(|| UserName::parse(&to)),
            text: Text::parse(text),
            claim: if is_acked { Claim::decode(fields)? } else { Claim::default() },
        })
    }
}

impl Claim {
    fn decode(fields: &Fields<'_>) -> Result<Self, Unfit> {
        const MUST: &str = "`cid` must be a string of 1 to 36 bytes";
        let cid = json::optional_string(fields.cid, MUST)?;
        let cid = cid.map(|cid| Cid::parse(&cid).ok_or(Unfit(MUST))).transpose()?;
        let room = json::optional_string(fields.room, "`room` must be a string")?;
        Ok(Self { cid, room: room.map(|room| RoomName::parse(&room)) })
    }
}

fn seq(envelope: &Envelope<'_>) -> Result<u64, Unfit> {
    json::number(envelope.fields()?.seq).ok_or(Unfit("`seq` must be a whole number"))
}

fn invite(envelope: &Envelope<'_>) -> Result<Option<Token>, Unfit> {
    let invite = envelope.fields()?.invite;
    let text = json::optional_string(invite, "`invite` must be a string")?;
    Ok(text.map(|text| Token::new(text.into())))
}

fn token(envelope: &Envelope<'_>) -> Result<Token, Unfit> {
    Ok(Token::new(json::string(envelope.fields()?.token, "`token` must be a string")?.into()))
}

fn room(envelope: &Envelope<'_>) -> Result<Result<RoomName, NameError>, Unfit> {
    Ok(RoomName::parse(&json::string(envelope.fields()?.room, "`room` must be a string")?))
}

/// Encodes `register`, as a client sends it.
pub fn encode_register(username: &UserName, password: &Password, invite: Option<&Token>) -> Frame {
    let invite = invite.map(Token::expose);
    encode(Kind::Register, &Carried { invite, ..Carried::credentials(username, password) })
}

/// Encodes `login`, as a client sends it.
pub fn encode_login(username: &UserName, password: &Password) -> Frame {
    encode(Kind::Login, &Carried::credentials(username, password))
}

/// Encodes `resume`.
pub fn encode_resume(token: &Token) -> Frame {
    encode(Kind::Resume, &Carried { token: Some(token.expose()), ..Carried::default() })
}

/// Encodes what is about a room: `create` or `enter`, and of who is in many `roster` or `exit`.
pub fn encode_room(kind: Kind, room: &RoomName) -> Frame {
    encode(kind, &Carried { room: Some(room.as_str()), ..Carried::default() })
}

/// Encodes `read`: so far was read in a room.
pub fn encode_read(room: &RoomName, seq: u64) -> Frame {
    encode(Kind::Read, &Carried { room: Some(room.as_str()), seq: Some(seq), ..Carried::default() })
}

/// The same in a private conversation.
pub fn encode_peer_read(peer: &UserName, seq: u64) -> Frame {
    encode(Kind::Read, &Carried { peer: Some(peer.as_str()), seq: Some(seq), ..Carried::default() })
}

/// Encodes `friend`: something is to become of the user and another.
pub fn encode_friend(op: Op, user: &UserName) -> Frame {
    encode(Kind::Friend, &Carried { op: Some(op.as_str()), user: Some(user.as_str()), ..Carried::default() })
}

/// Encodes `friend`: who is what to the user?
pub fn encode_friend_list() -> Frame {
    encode(Kind::Friend, &Carried { op: Some(friend::LIST), ..Carried::default() })
}

/// Encodes `presence`: the user is here like this, and says that of themselves.
pub fn encode_presence(state: PresenceState, text: Option<&StatusText>) -> Frame {
    let (state, text) = (Some(state.as_str()), text.map(StatusText::as_str));
    encode(Kind::Presence, &Carried { state, text, ..Carried::default() })
}

/// Encodes `logins`: which are there, or one of them is to end.
pub fn encode_logins(wanted: Logins) -> Frame {
    let (op, login) = wanted.parts();
    encode(Kind::Logins, &Carried { op: Some(op), login, ..Carried::default() })
}

/// Encodes `msg`; `to` is `None` for everybody in the room.
pub fn encode_msg(from: &str, to: Option<&UserName>, text: &Text) -> Frame {
    encode(Kind::Msg, &said(from, to, text))
}

/// The same, for a server that keeps what is said, and tells when it has: in that room, or between two, wherever they are.
pub fn encode_kept_msg(
    from: &str,
    to: Option<&UserName>,
    text: &Text,
    room: Option<&str>,
    cid: &Cid,
) -> Frame {
    encode(Kind::Msg, &Carried { room, cid: Some(cid.as_str()), ..said(from, to, text) })
}

/// The same, where several may be on their way: a refusal says which one it is about, by what it is called.
pub fn encode_told_msg(
    from: &str,
    to: Option<&UserName>,
    text: &Text,
    room: Option<&str>,
    cid: &Cid,
) -> Frame {
    let cid = Some(cid.as_str());
    encode_named(Kind::Msg, &Carried { room, cid, ..said(from, to, text) }, cid)
}

/// What every message carries.
fn said<'a>(from: &'a str, to: Option<&'a UserName>, text: &'a Text) -> Carried<'a> {
    let to = to.map_or(PUBLIC, UserName::as_str);
    Carried { from: Some(from), to: Some(to), text: Some(text.as_str()), ..Carried::default() }
}

/// Encodes `history` of a room, or of a private conversation: one of the two.
pub fn encode_history(room: Option<&str>, peer: Option<&str>, edge: Edge) -> Frame {
    let (before, after) = match edge {
        Edge::End => (None, None),
        Edge::Before(seq) => (Some(seq), None),
        Edge::After(seq) => (None, Some(seq)),
    };
    encode(Kind::History, &Carried { room, peer, before, after, ..Carried::default() })
}

/// Encodes `ping`; its answer carries the number as its `rid`.
pub fn encode_ping(number: u64) -> Frame {
    #[derive(Serialize)]
    struct Wire {
        r#type: &'static str,
        rid: String,
    }
    frame::encode(&Wire { r#type: Kind::Ping.as_str(), rid: alloc::format!("{number}") })
}

/// Encodes a request that has no data.
pub fn encode_bare(kind: Kind) -> Frame {
    encode(kind, &None::<()>)
}

fn encode(kind: Kind, data: &impl Serialize) -> Frame {
    encode_named(kind, data, None)
}

/// The answer is to carry this `rid`.
fn encode_named(kind: Kind, data: &impl Serialize, rid: Option<&str>) -> Frame {
    #[derive(Serialize)]
    struct Wire<'a, D> {
        r#type: &'static str,
        data: &'a D,
        #[serde(skip_serializing_if = "Option::is_none")]
        rid: Option<&'a str>,
    }
    frame::encode(&Wire { r#type: kind.as_str(), data, rid })
}

/// The union of what requests carry; what is not set is not sent.
#[derive(Default, Serialize)]
struct Carried<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    op: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    login: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invite: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<u64>,
}

impl<'a> Carried<'a> {
    fn credentials(username: &'a UserName, password: &'a Password) -> Self {
        Self { username: Some(username.as_str()), password: Some(password.expose()), ..Self::default() }
    }
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

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::frame::PREFIX_BYTES;
    use crate::limits::Limits;

    /// Characters that anything may be made of, the ones that JSON minds more often than chance has it.
    fn any_text(chars_max: usize) -> impl Strategy<Value = String> {
        let minded = prop::sample::select(vec!['"', '\\', '/', '\t', '\n', '\0', '\u{7f}', '\u{2028}', '😀']);
        let any_char = prop_oneof![1 => minded, 2 => prop::char::range(' ', '~'), 2 => any::<char>()];
        prop::collection::vec(any_char, 1..=chars_max).prop_map(|chars| chars.into_iter().collect())
    }

    fn any_user() -> impl Strategy<Value = UserName> {
        any_text(8).prop_filter_map("no user name", |text| UserName::parse(&text).ok())
    }

    fn any_room() -> impl Strategy<Value = RoomName> {
        any_text(8).prop_filter_map("no room name", |text| RoomName::parse(&text).ok())
    }

    fn password(text: &str) -> Password {
        Password::parse(Zeroizing::new(text.into())).expect("a password")
    }

    fn read(frame: &[u8]) -> Request {
        let envelope = Envelope::decode(&frame[PREFIX_BYTES..]).expect("readable");
        let kind = Head::decode(&envelope).ok().and_then(|head| head.kind).expect("a kind");
        Request::decode(kind, &envelope, Caps { multi: false, ..Caps::ALL }).expect("fit")
    }

    /// A request in words; values that cannot be what they should be are left out of them.
    fn shown(request: &Request) -> String {
        let login = |verb: &str, credentials: &Credentials| {
            let password = credentials.password.as_ref().map(Password::expose);
            format!("{verb} {:?} {password:?}", credentials.username)
        };
        match request {
            Request::Hello(_) => "hello".into(),
            Request::Resume(token) => format!("resume {:?}", token.expose()),
            Request::Register(credentials, None) => login("register", credentials),
            Request::Register(credentials, Some(invite)) => {
                format!("{} invited {:?}", login("register", credentials), invite.expose())
            }
            Request::Login(credentials) => login("login", credentials),
            Request::List => "list".into(),
            Request::Create(room) => format!("create {room:?}"),
            Request::Enter(room) => format!("enter {room:?}"),
            Request::Msg(msg) => {
                format!("msg {:?} {:?} {:?}", msg.from, msg.to, msg.text.as_ref().map(Text::as_str))
            }
            Request::History(_) => "history".into(),
            Request::Exit(None) => "exit".into(),
            Request::Exit(Some(room)) => format!("exit {room:?}"),
            Request::Rooms => "rooms".into(),
            Request::Roster(room) => format!("roster {room:?}"),
            Request::Logins(logins) => format!("{logins:?}"),
            Request::Friend(Friend::List) => "friends".into(),
            Request::Friend(Friend::Change(op, user)) => format!("{} {user:?}", op.as_str()),
            Request::Presence(Said { state, text }) => {
                let text = text.as_ref().map(|text| text.as_ref().map(StatusText::as_str));
                format!("{} {text:?}", state.as_str())
            }
            Request::Read(Of::Room(room), seq) => format!("read {room:?} {seq}"),
            Request::Read(Of::Peer(peer), seq) => format!("read peer {peer:?} {seq}"),
            Request::Logout => "logout".into(),
            Request::Ping => "ping".into(),
            Request::Pong => "pong".into(),
        }
    }

    fn check(frame: &Frame, expected: &str) {
        assert_eq!(shown(&read(frame)), expected);
    }

    #[test]
    fn requests_without_data_are_read_as_they_were_meant() {
        check(&hello::encode_hello(Caps::ALL, None), "hello");
        check(&encode_bare(Kind::List), "list");
        check(&encode_bare(Kind::Exit), "exit");
        check(&encode_bare(Kind::Logout), "logout");
        check(&encode_ping(u64::MAX), "ping");
        check(&encode_bare(Kind::Pong), "pong");
    }

    /// As it is read of who is in many rooms.
    fn check_of_many(frame: &Frame, expected: &str) {
        let envelope = Envelope::decode(&frame[PREFIX_BYTES..]).unwrap();
        let kind = Head::decode(&envelope).unwrap_or_else(|_| panic!("it has a type")).kind.unwrap();
        let request = Request::decode(kind, &envelope, Caps::ALL).unwrap_or_else(|unfit| panic!("{unfit:?}"));
        assert_eq!(shown(&request), expected);
    }

    #[test]
    fn requests_of_who_is_in_many_rooms_are_read_as_they_were_meant() {
        let room = RoomName::parse("Tech Talk").unwrap();
        check_of_many(&encode_bare(Kind::Rooms), "rooms");
        check_of_many(&encode_room(Kind::Roster, &room), r#"roster Ok("Tech Talk")"#);
        check_of_many(&encode_room(Kind::Exit, &room), r#"exit Ok("Tech Talk")"#);
        check_of_many(&encode_read(&room, 7), r#"read Ok("Tech Talk") 7"#);
        let ann = UserName::parse("ann").unwrap();
        check_of_many(&encode_friend_list(), "friends");
        check_of_many(&encode_presence(PresenceState::Online, None), "online None");
        let lunch = StatusText::parse("lunch").unwrap();
        check_of_many(&encode_presence(PresenceState::Away, Some(&lunch)), r#"away Some(Ok("lunch"))"#);
        for op in Op::ALL {
            check_of_many(&encode_friend(op, &ann), &format!("{} Ok(\"ann\")", op.as_str()));
        }
        check_of_many(&encode_peer_read(&ann, 7), r#"read peer Ok("ann") 7"#);
    }

    #[test]
    fn the_longest_of_every_request_fits_into_the_smallest_frame_it_may_come_in() {
        let limits = Limits::default();
        let name = UserName::parse(&"\"".repeat(32)).unwrap();
        let invite = Token::new("x".repeat(64).into());
        let login = encode_register(&name, &password(&"\0".repeat(512)), Some(&invite));
        assert!(login.len() - PREFIX_BYTES <= limits.frame_before_login_bytes_max, "{}", login.len());
        let text = Text::parse("\\".repeat(4096)).ok().unwrap();
        let msg = encode_msg(name.as_str(), Some(&name), &text);
        assert!(msg.len() - PREFIX_BYTES <= limits.frame_bytes_max, "{}", msg.len());
        let room = encode_room(Kind::Create, &RoomName::parse(&"😀".repeat(32)).unwrap());
        assert!(room.len() - PREFIX_BYTES <= limits.frame_bytes_max, "{}", room.len());
    }

    #[test]
    fn a_message_says_who_it_is_from_or_leaves_it_open() {
        for (data, expected) in [
            (r#"{"to":"public","text":"x"}"#, r#"msg None None Ok("x")"#),
            (r#"{"from":null,"to":"public","text":"x"}"#, r#"msg None None Ok("x")"#),
            (r#"{"from":"","to":"","text":""}"#, "msg Some(Err(Empty)) Some(Err(Empty)) Err(Empty)"),
            (
                r#"{"from":"a b","to":"Public","text":"x"}"#,
                r#"msg Some(Err(Space)) Some(Ok("Public")) Ok("x")"#,
            ),
        ] {
            let json = format!(r#"    {{"type":"msg","data":{data}}}"#);
            assert_eq!(shown(&read(json.as_bytes())), expected, "{data}");
        }
    }

    #[test]
    fn a_name_that_can_be_none_is_not_repeated_to_who_typed_it() {
        assert_eq!(super::shown(&UserName::parse("bob")), "bob");
        assert_eq!(super::shown(&UserName::parse("b o b")), "That name");
    }

    fn any_json() -> impl Strategy<Value = Vec<u8>> {
        let token = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "null",
            "true",
            "1e9",
            "-",
            "\"",
            "\\",
            "\\ud800",
            "\\u0041",
            " ",
            "\"type\"",
            "\"data\"",
            "\"rid\"",
            "\"msg\"",
            "\"login\"",
            "\"text\"",
            "\"to\"",
            "\"username\"",
            "\"password\"",
            "\"room\"",
            "{\"type\":\"msg\",\"data\":",
            "{\"type\":\"login\",\"data\":{\"username\":",
            "{\"type\":\"list\"}",
        ]);
        prop_oneof![
            prop::collection::vec(token, 0..20).prop_map(|tokens| tokens.concat().into_bytes()),
            prop::collection::vec(any::<u8>(), 0..80),
        ]
    }

    proptest! {
        #[test]
        fn credentials_are_read_as_they_were_typed(
            name in any_user(),
            secret in any_text(100),
            invite in any_text(50),
        ) {
            let expected = format!("{:?} Ok({secret:?})", Ok::<_, NameError>(&name));
            let (secret, shown) = (password(&secret), Token::new(invite.clone().into()));
            check(&encode_login(&name, &secret), &format!("login {expected}"));
            check(&encode_resume(&shown), &format!("resume {invite:?}"));
            check(&encode_register(&name, &secret, None), &format!("register {expected}"));
            let invited = encode_register(&name, &secret, Some(&shown));
            check(&invited, &format!("register {expected} invited {invite:?}"));
        }

        #[test]
        fn rooms_are_read_as_they_were_typed(room in any_room()) {
            let expected = format!("{:?}", Ok::<_, NameError>(&room));
            check(&encode_room(Kind::Create, &room), &format!("create {expected}"));
            check(&encode_room(Kind::Enter, &room), &format!("enter {expected}"));
        }

        #[test]
        fn messages_are_read_as_they_were_typed(
            to in prop::option::of(any_user()),
            text in any_text(200).prop_map(|text| text.replace(|c: char| c < ' ' && c != '\t' && c != '\n', "")),
        ) {
            let Ok(text) = Text::parse(text) else { return Ok(()) };
            prop_assume!(to.as_ref().is_none_or(|to| to.as_str() != PUBLIC));
            let from = Some(UserName::parse("Ann"));
            let words = Ok::<_, TextError>(text.as_str());
            let expected = format!("msg {from:?} {:?} {words:?}", to.clone().map(Ok::<_, NameError>));
            check(&encode_msg("Ann", to.as_ref(), &text), &expected);
        }

        #[test]
        fn any_bytes_are_a_request_or_are_refused(bytes in any_json()) {
            if let Ok(envelope) = Envelope::decode(&bytes) {
                let head = Head::decode(&envelope).unwrap_or_else(|(head, _)| head);
                for kind in head.kind.into_iter().chain([Kind::Login, Kind::Enter, Kind::Msg, Kind::List]) {
                    let _ = Request::decode(kind, &envelope, Caps::ALL).map(|request| shown(&request));
                }
            }
        }
    }
}
