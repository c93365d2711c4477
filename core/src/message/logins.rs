//! The logins of an account that last: how they are asked for, ended, and told.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

use super::{Envelope, Kind, Rid, Unfit, json, reply};
use crate::frame::Frame;
use crate::limits::CLIENT_NAME_BYTES_MAX;
use crate::name;

/// Names a login that lasts, for as long as there is the account store. Another one is never called the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GrantId(pub i64);

/// What a program calls itself: a line of 1 to 64 bytes that is not blank, without characters that change the direction of
/// writing. Nobody has proved it.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientName(Arc<str>);

/// A login that lasts, as its user sees it. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Which one.
    pub id: GrantId,
    /// What the program called itself in which the password was given, if it did.
    pub client: Option<ClientName>,
    /// When the password was given, if that was noted.
    pub begun_ms: Option<u64>,
    /// When it was last come back to, or its user last seen to be connected by it, if that was noted.
    pub used_ms: Option<u64>,
    /// When it ends, unless it is used.
    pub ends_ms: u64,
    /// Whether whoever is told of it has come by it.
    pub is_own: bool,
}

/// What `logins` carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logins {
    /// Which are there?
    List,
    /// This one is to end.
    End(GrantId),
}

impl ClientName {
    /// Takes a text over that can be one; any other is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let is_line = !text.contains(name::is_control) && !text.trim().is_empty();
        (is_line && text.len() <= CLIENT_NAME_BYTES_MAX).then(|| Self(text.into()))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Logins {
    pub(super) fn decode(envelope: &Envelope<'_>) -> Result<Self, Unfit> {
        let [op, login] = envelope.data(["op", "login"])?;
        match json::string(op, "`op` must be a string")?.as_str() {
            LIST => Ok(Self::List),
            END => {
                let id = json::number(login).ok_or(Unfit("`login` must be a whole number"))?;
                Ok(Self::End(GrantId(id)))
            }
            _ => Err(Unfit("`op` must be `list` or `end`")),
        }
    }

    /// The word on the wire, and which login it is about.
    pub(super) const fn parts(self) -> (&'static str, Option<i64>) {
        match self {
            Self::List => (LIST, None),
            Self::End(GrantId(id)) => (END, Some(id)),
        }
    }
}

/// Encodes the logins of an account.
pub(crate) fn encode_logins(logins: &[Login], rid: Option<&Rid>) -> Frame {
    #[derive(Serialize)]
    struct Data<'a> {
        logins: Vec<Wire<'a>>,
    }
    #[derive(Serialize)]
    struct Wire<'a> {
        login: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        client: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        begun: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        used: Option<u64>,
        ends: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        own: Option<bool>,
    }
    let wire = logins.iter().map(|login| Wire {
        login: login.id.0,
        client: login.client.as_ref().map(ClientName::as_str),
        begun: login.begun_ms,
        used: login.used_ms,
        ends: login.ends_ms,
        own: login.is_own.then_some(true),
    });
    let data = Data { logins: wire.collect() };
    reply::encode_data(Kind::Logins, &data, rid)
}

/// What asks for all of them.
const LIST: &str = "list";
/// What ends one.
const END: &str = "end";

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;
    use std::str;

    use super::*;
    use crate::frame::PREFIX_BYTES;
    use crate::message::received::ReceivedLogins;

    fn login(id: i64, client: Option<&str>, begun_ms: Option<u64>, is_own: bool) -> Login {
        let client = client.and_then(ClientName::parse);
        Login { id: GrantId(id), client, begun_ms, used_ms: begun_ms, ends_ms: 9_000, is_own }
    }

    #[test]
    fn what_a_program_calls_itself_is_a_short_line() {
        for fits in ["x", "Chatroom 0.1.0 on Linux", "Gespräche \u{1F4AC}", &"x".repeat(64)] {
            assert_eq!(ClientName::parse(fits).as_ref().map(ClientName::as_str), Some(fits));
        }
        for unfit in ["", " ", "\u{3000}", "a\nb", "a\u{7f}", "a\u{85}", "a\u{202e}b", &"x".repeat(65)] {
            assert_eq!(ClientName::parse(unfit), None, "{unfit:?}");
        }
    }

    #[test]
    fn what_is_wanted_of_logins_is_read_as_it_was_meant() {
        let read = |data: &str| {
            let text = format!(r#"{{"type":"logins","data":{data}}}"#);
            let envelope = Envelope::decode(text.as_bytes()).expect("readable");
            Logins::decode(&envelope).map_err(|unfit| unfit.0)
        };
        for (data, expected) in [
            (r#"{"op":"list"}"#, Logins::List),
            (r#"{"op":"list","login":"x"}"#, Logins::List),
            (r#"{"op":"end","login":7}"#, Logins::End(GrantId(7))),
            (r#"{"op":"end","login":-1}"#, Logins::End(GrantId(-1))),
        ] {
            assert_eq!(read(data), Ok(expected), "{data}");
        }
        for (data, expected) in [
            ("null", "`data` must be an object"),
            ("{}", "`op` must be a string"),
            (r#"{"op":"begin"}"#, "`op` must be `list` or `end`"),
            (r#"{"op":"end"}"#, "`login` must be a whole number"),
            (r#"{"op":"end","login":"7"}"#, "`login` must be a whole number"),
            (r#"{"op":"end","login":7.0}"#, "`login` must be a whole number"),
            (r#"{"op":"end","login":9223372036854775808}"#, "`login` must be a whole number"),
        ] {
            assert_eq!(read(data), Err(expected), "{data}");
        }
    }

    #[test]
    fn logins_are_told_with_what_is_known_of_them() {
        let logins = [login(7, Some("Chatroom 0.1.0"), Some(1_000), true), login(3, None, None, false)];
        let frame = encode_logins(&logins, None);
        assert_eq!(
            str::from_utf8(&frame[PREFIX_BYTES..]).unwrap(),
            concat!(
                r#"{"type":"logins","status":"ok","data":{"logins":["#,
                r#"{"login":7,"client":"Chatroom 0.1.0","begun":1000,"used":1000,"ends":9000,"own":true},"#,
                r#"{"login":3,"ends":9000}]}}"#
            )
        );
        let envelope = Envelope::decode(&frame[PREFIX_BYTES..]).expect("readable");
        assert_eq!(ReceivedLogins::decode(&envelope).map(|told| told.0), Ok(logins.to_vec()));
    }

    #[test]
    fn a_program_that_calls_itself_what_none_can_is_told_without_a_name() {
        let text =
            r#"{"type":"logins","status":"ok","data":{"logins":[{"login":1,"client":"a\nb","ends":2}]}}"#;
        let envelope = Envelope::decode(text.as_bytes()).expect("readable");
        let told = ReceivedLogins::decode(&envelope).expect("fit").0;
        assert_eq!(told.iter().map(|login| login.client.clone()).collect::<Vec<_>>(), [None]);
        let text: String = text.replace(r#""login":1"#, r#""login":"1""#);
        let envelope = Envelope::decode(text.as_bytes()).expect("readable");
        assert!(ReceivedLogins::decode(&envelope).is_err());
    }
}
