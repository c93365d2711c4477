//! Who is here, and what they say of themselves: how it is said, and how it is told.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::rooms::chunks;
use super::{Envelope, Kind, Rid, TextError, Unfit, json, received, reply};
use crate::frame::Frame;
use crate::limits::STATUS_BYTES_MAX;
use crate::name::UserName;

/// Whether somebody is here, and would be spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PresenceState {
    /// They are here, and have said nothing else.
    Online,
    /// They are here, and not at hand.
    Away,
    /// They are here, and do not want to be disturbed.
    Busy,
    /// They are not here.
    #[default]
    Offline,
}

/// What somebody says of themselves: one line of 1 to 128 bytes.
///
/// It has no `Debug`: what people say does not belong into logs.
#[derive(Clone, PartialEq, Eq)]
pub struct StatusText(Arc<str>);

/// All that is known of whether somebody is here.
#[derive(Clone, PartialEq, Eq)]
pub struct Presence {
    /// Who.
    pub user: UserName,
    /// Whether they are.
    pub state: PresenceState,
    /// What they say of themselves.
    pub text: Option<StatusText>,
}

/// What `presence` carries.
pub struct Said {
    /// Anything but [`PresenceState::Offline`]: who is not here says nothing.
    pub state: PresenceState,
    /// With which words, if with any.
    pub text: Option<Result<StatusText, TextError>>,
}

impl PresenceState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Online, Self::Away, Self::Busy, Self::Offline];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Away => "away",
            Self::Busy => "busy",
            Self::Offline => "offline",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

impl Presence {
    /// Of who is not here: what they said of themselves does not hold any more.
    pub(crate) fn gone(user: UserName) -> Self {
        Self { user, state: PresenceState::Offline, text: None }
    }
}

impl StatusText {
    /// Checks a text and takes it over: 1 to 128 bytes, without control characters and ends of lines.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        if text.is_empty() {
            return Err(TextError::Empty);
        }
        if text.len() > STATUS_BYTES_MAX {
            return Err(TextError::TooLong);
        }
        // Unicode has two ends of lines that are no control characters.
        if text.chars().any(|char| char.is_control() || matches!(char, '\u{2028}' | '\u{2029}')) {
            return Err(TextError::Control);
        }
        Ok(Self(text.into()))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A sentence for the person who typed what is none.
    pub fn sentence(error: TextError) -> &'static str {
        match error {
            TextError::Empty => "Leave `text` out to say nothing of yourself",
            TextError::TooLong => "What you say of yourself has at most 128 bytes",
            TextError::Control => "What you say of yourself is one line, without control characters",
        }
    }
}

impl Said {
    pub(super) fn decode(envelope: &Envelope<'_>) -> Result<Self, Unfit> {
        const MUST: &str = "`state` must be `online`, `away` or `busy`";
        let [state, text] = envelope.data(["state", "text"])?;
        let state = PresenceState::parse(&json::string(state, MUST)?)
            .filter(|state| *state != PresenceState::Offline)
            .ok_or(Unfit(MUST))?;
        let text = json::optional_string(text, "`text` must be a string")?;
        Ok(Self { state, text: text.map(|text| StatusText::parse(&text)) })
    }
}

/// One of those whom a `presence` tells of.
#[derive(Serialize)]
struct Entry<'a> {
    user: &'a str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

impl<'a> From<&'a Presence> for Entry<'a> {
    fn from(Presence { user, state, text }: &'a Presence) -> Self {
        Self { user: user.as_str(), state: state.as_str(), text: text.as_ref().map(StatusText::as_str) }
    }
}

impl Entry<'_> {
    /// Bytes of `{"user":"name","state":"offline","text":"words"},`.
    fn bytes(&self) -> usize {
        let text = self.text.map_or(0, |text| json::string_bytes(text) + 8);
        json::string_bytes(self.user) + text + 29
    }
}

/// Encodes who is here. What does not fit into `bytes_max` bytes of JSON comes in further frames, of which the first alone
/// carries the `rid`; of nobody there is nothing to say.
pub(crate) fn encode<'a>(
    presences: impl IntoIterator<Item = &'a Presence>,
    bytes_max: usize,
    rid: Option<&Rid>,
) -> Vec<Frame> {
    encode_entries(&presences.into_iter().map(Entry::from).collect::<Vec<_>>(), bytes_max, rid)
}

/// The same of all these, who are online but for those who are something else, in the same order.
pub(crate) fn encode_members<'a>(
    names: impl Iterator<Item = &'a str>,
    others: &'a [Presence],
    bytes_max: usize,
) -> Vec<Frame> {
    let mut others = others.iter().peekable();
    let entry = |user: &'a str| match others.next_if(|other| other.user.as_str() == user) {
        Some(other) => Entry::from(other),
        None => Entry { user, state: PresenceState::Online.as_str(), text: None },
    };
    encode_entries(&names.map(entry).collect::<Vec<_>>(), bytes_max, None)
}

fn encode_entries(entries: &[Entry<'_>], bytes_max: usize, rid: Option<&Rid>) -> Vec<Frame> {
    #[derive(Serialize)]
    struct Data<'a> {
        users: &'a [Entry<'a>],
    }
    let parts = chunks(entries, Entry::bytes, bytes_max).enumerate();
    let frame = |(index, users): (usize, &[Entry<'_>])| {
        let rid = rid.filter(|_| index == 0);
        reply::encode_data(Kind::Presence, &Data { users }, rid)
    };
    parts.map(frame).collect()
}

/// A `presence`, as a client receives it. A name that can be none is passed over: nothing could be said of it.
pub(crate) struct Received(pub(crate) Vec<Presence>);

impl Received {
    pub(crate) fn decode(envelope: &Envelope<'_>) -> Result<Self, Unfit> {
        #[derive(Deserialize)]
        struct Data {
            users: Vec<User>,
        }
        #[derive(Deserialize)]
        struct User {
            user: String,
            state: String,
            text: Option<String>,
        }
        let data: Data = received::decode(envelope, "it told who is here in a shape that cannot be read")?;
        let presence = |told: User| {
            Some(Presence {
                user: UserName::parse(&told.user).ok()?,
                // What a newer server calls otherwise is a way of being here.
                state: PresenceState::parse(&told.state).unwrap_or(PresenceState::Online),
                text: told.text.and_then(|text| StatusText::parse(&text).ok()),
            })
        };
        Ok(Self(data.users.into_iter().filter_map(presence).collect()))
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;
    use std::str;

    use super::*;
    use crate::frame::PREFIX_BYTES;

    fn read(data: &str) -> Result<String, &'static str> {
        let text = format!(r#"{{"type":"presence","data":{data}}}"#);
        let envelope = Envelope::decode(text.as_bytes()).expect("readable");
        let shown = |said: Said| match said.text {
            None => said.state.as_str().to_string(),
            Some(Ok(text)) => format!("{}: {}", said.state.as_str(), text.as_str()),
            Some(Err(error)) => format!("{}: {error:?}", said.state.as_str()),
        };
        Said::decode(&envelope).map(shown).map_err(|unfit| unfit.0)
    }

    fn presence(user: &str, state: PresenceState, text: &str) -> Presence {
        Presence { user: UserName::parse(user).unwrap(), state, text: StatusText::parse(text).ok() }
    }

    #[test]
    fn what_somebody_says_of_themselves_is_read_as_it_was_meant() {
        for (data, expected) in [
            (r#"{"state":"online"}"#, "online"),
            (r#"{"state":"away","text":"lunch","until":7}"#, "away: lunch"),
            (r#"{"state":"busy","text":null}"#, "busy"),
            (r#"{"state":"busy","text":""}"#, "busy: Empty"),
            (r#"{"state":"busy","text":"a\nb"}"#, "busy: Control"),
        ] {
            assert_eq!(read(data).as_deref(), Ok(expected), "{data}");
        }
        let words = "`state` must be `online`, `away` or `busy`";
        for (data, expected) in [
            ("null", "`data` must be an object"),
            ("{}", words),
            (r#"{"state":7}"#, words),
            (r#"{"state":"offline"}"#, words),
            (r#"{"state":"Away"}"#, words),
            (r#"{"state":"away","text":7}"#, "`text` must be a string"),
        ] {
            assert_eq!(read(data), Err(expected), "{data}");
        }
    }

    #[test]
    fn what_somebody_says_of_themselves_is_one_line() {
        let error = |text: &str| StatusText::parse(text).err();
        assert_eq!(error(&"x".repeat(128)), None);
        assert_eq!(error(&"ä".repeat(65)), Some(TextError::TooLong));
        assert_eq!(error(""), Some(TextError::Empty));
        for control in ['\t', '\n', '\r', '\0', '\u{7f}', '\u{85}', '\u{2028}', '\u{2029}'] {
            assert_eq!(error(&format!("a{control}b")), Some(TextError::Control));
        }
        assert_eq!(StatusText::parse("at the dentist 🦷").unwrap().as_str(), "at the dentist 🦷");
    }

    #[test]
    fn who_is_here_is_told_in_as_many_frames_as_it_needs_and_read_as_it_was_meant() {
        let states = PresenceState::ALL;
        for count in [0, 3, 900] {
            let told: Vec<Presence> = (0..count)
                .map(|number| {
                    let text = if number % 3 == 0 { "\"".repeat(number % 128) } else { String::new() };
                    presence(&format!("user{number}"), states[number % 4], &text)
                })
                .collect();
            let rid = Rid("7".into());
            let frames = encode(&told, 16_384, Some(&rid));
            assert!(frames.iter().all(|frame| frame.len() - PREFIX_BYTES <= 16_384));
            assert_eq!((frames.is_empty(), frames.len() > 1), (count == 0, count == 900));
            let mut read = Vec::new();
            for (index, frame) in frames.iter().enumerate() {
                let envelope = Envelope::decode(&frame[PREFIX_BYTES..]).expect("readable");
                assert_eq!(envelope.rid.is_some(), index == 0);
                read.extend(Received::decode(&envelope).map_err(|unfit| unfit.0).unwrap().0);
            }
            assert!(read == told);
        }
    }

    #[test]
    fn who_is_somewhere_is_told_with_their_words_or_without() {
        let told =
            [presence("Ann", PresenceState::Away, "lunch"), presence("Bob", PresenceState::Offline, "")];
        let frames = encode(&told, 4096, None);
        assert_eq!(
            str::from_utf8(&frames[0][PREFIX_BYTES..]).unwrap(),
            concat!(
                r#"{"type":"presence","status":"ok","data":{"users":[{"user":"Ann","state":"away","text":"lunch"},"#,
                r#"{"user":"Bob","state":"offline"}]}}"#
            )
        );
    }

    #[test]
    fn what_a_newer_server_says_is_no_fault_of_its() {
        let read = |data: &str| {
            let text = format!(r#"{{"type":"presence","status":"ok","data":{data}}}"#);
            Received::decode(&Envelope::decode(text.as_bytes()).unwrap()).map(|received| received.0)
        };
        let long = "x".repeat(129);
        let told = read(&format!(
            r#"{{"more":1,"users":[{{"user":"Ann","state":"asleep","text":"{long}","since":7}},{{"user":"a b","state":"away"}}]}}"#
        ));
        assert!(told == Ok([presence("Ann", PresenceState::Online, "")].to_vec()));
        for nonsense in ["[]", "{}", r#"{"users":{}}"#, r#"{"users":[{"user":"Ann"}]}"#] {
            assert!(read(nonsense).is_err(), "{nonsense}");
        }
    }
}
