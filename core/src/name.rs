//! Names of users and rooms, and the key under which names are compared.
//!
//! The shape of a name is checked here, once, when it is parsed; a name that exists is legal. Which names count as
//! one is decided by a [`NameKey`], which is made outside the core, where the Unicode tables live.

use alloc::sync::Arc;
use core::fmt;

use crate::limits::{ROOM_BYTES_MAX, ROOM_CHARS_MAX, USER_BYTES_MAX, USER_CHARS_MAX};

/// A user's name, spelled as it was typed at registration.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserName(Arc<str>);

/// A room's name, spelled as it was typed by who created it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoomName(Arc<str>);

/// What two names share when they count as one: equal keys, same name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NameKey(Arc<str>);

/// Makes the text of a name's key. Handed to the core by who has the Unicode tables.
///
/// It must be idempotent, and leave `public` and `lobby` as they are.
pub type KeyFn = fn(&str) -> alloc::string::String;

/// A user as the account store knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The name, as it was typed at registration.
    pub name: UserName,
    /// The key of that name.
    pub key: NameKey,
}

/// Why a text is not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// It has no character.
    Empty,
    /// It has too many characters, or too many bytes.
    TooLong,
    /// It has a control character, or one that changes the direction of writing.
    Control,
    /// It begins or ends with a space, or has one where none may be.
    Space,
    /// It means something else on the wire (`public`, `lobby`).
    Reserved,
}

impl UserName {
    /// Checks a user name's shape: 1 to 32 characters, at most 64 bytes, no control, no space at all.
    ///
    /// A space inside would make `\private NAME TEXT` ambiguous, the form in which every client whispers.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        shape(text, USER_CHARS_MAX, USER_BYTES_MAX)?;
        if text.contains(char::is_whitespace) {
            return Err(NameError::Space);
        }
        Ok(Self(text.into()))
    }

    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RoomName {
    /// Checks a room name's shape: 1 to 64 characters, at most 128 bytes, no control, no space at either end; inside,
    /// the plain space alone.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        shape(text, ROOM_CHARS_MAX, ROOM_BYTES_MAX)?;
        if text.starts_with(' ')
            || text.ends_with(' ')
            || text.contains(|c: char| c.is_whitespace() && c != ' ')
        {
            return Err(NameError::Space);
        }
        Ok(Self(text.into()))
    }

    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl NameKey {
    /// Makes the key of `name` with `key_of`.
    pub fn new(key_of: KeyFn, name: &str) -> Self {
        Self(key_of(name).into())
    }

    /// The key's text, as the account store keeps it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Account {
    /// The account a name stands for, if users may have that name.
    pub fn new(key_of: KeyFn, name: UserName) -> Result<Self, NameError> {
        let key = NameKey::new(key_of, name.as_str());
        if RESERVED.contains(&key.as_str()) {
            return Err(NameError::Reserved);
        }
        Ok(Self { name, key })
    }
}

impl NameError {
    /// A sentence for the person who typed the name.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Empty => "A name needs at least one character",
            Self::TooLong => "That name is too long",
            Self::Control => "A name cannot contain control characters",
            Self::Space => "A name cannot begin or end with a space, and a user name cannot contain one",
            Self::Reserved => "That name is reserved, choose another one",
        }
    }
}

/// Who is addressed by a public message, and so nobody's name.
pub const PUBLIC: &str = "public";
/// The room everybody is in who is in no other, and so nobody's name.
pub const LOBBY: &str = "lobby";

const RESERVED: [&str; 2] = [PUBLIC, LOBBY];

fn shape(text: &str, chars_max: usize, bytes_max: usize) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > bytes_max || text.chars().count() > chars_max {
        return Err(NameError::TooLong);
    }
    if text.chars().any(|c| c.is_control() || is_bidi_control(c)) {
        return Err(NameError::Control);
    }
    Ok(())
}

/// The characters of Unicode's property Bidi_Control (UAX #9): they make a name read as another one.
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

impl fmt::Debug for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Debug for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Debug for NameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_people_use_are_names() {
        for name in ["a", "harper", "Jörg", "小明", "аня", "x".repeat(32).as_str(), "😀"] {
            assert!(UserName::parse(name).is_ok(), "{name}");
        }
        for room in ["tech_talk", "Rust in Berlin", "null", "午餐 時間", "#1"] {
            assert!(RoomName::parse(room).is_ok(), "{room}");
        }
    }

    #[test]
    fn each_fault_of_a_name_is_told_apart() {
        let four_byte = "😀".repeat(17);
        for (name, fault) in [
            ("", NameError::Empty),
            ("x".repeat(33).as_str(), NameError::TooLong),
            (four_byte.as_str(), NameError::TooLong),
            ("a\u{0}b", NameError::Control),
            ("a\tb", NameError::Control),
            ("a\u{85}b", NameError::Control),
            ("\u{202e}nimda", NameError::Control),
            ("ab\u{200f}", NameError::Control),
            (" a", NameError::Space),
            ("a ", NameError::Space),
            ("a b", NameError::Space),
            ("a\u{3000}b", NameError::Space),
        ] {
            assert_eq!(UserName::parse(name), Err(fault), "{name:?}");
        }
        for (room, fault) in [
            ("", NameError::Empty),
            ("x".repeat(65).as_str(), NameError::TooLong),
            (" a", NameError::Space),
            ("a ", NameError::Space),
            ("a\u{a0}b", NameError::Space),
            ("a\nb", NameError::Control),
        ] {
            assert_eq!(RoomName::parse(room), Err(fault), "{room:?}");
        }
    }

    #[test]
    fn words_of_the_protocol_are_nobodys_name() {
        let lower: KeyFn = |name| name.to_lowercase();
        for name in ["public", "Public", "LOBBY"] {
            let name = UserName::parse(name).unwrap();
            assert_eq!(Account::new(lower, name), Err(NameError::Reserved));
        }
    }
}
