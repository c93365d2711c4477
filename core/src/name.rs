//! Names of users and rooms, the key under which they are compared, and the look that no two of them may share.
//!
//! The shape of a name is checked here, once, when it is parsed: that is all a name needs to be looked for. Who wants
//! a new one needs its [`NameLook`] as well. A look and a [`NameKey`] are made outside the core, where the Unicode
//! tables live.

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

/// What a name looks like: equal looks, and a reader takes one name for the other.
///
/// A look exists for names that somebody may take, and for no other.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NameLook(Arc<str>);

/// Makes the text of a name's look, or says why nobody may take that name. Handed to the core with the [`KeyFn`].
///
/// It must leave `public` and `lobby` as they are.
pub type LookFn = fn(&str) -> Result<alloc::string::String, NameError>;

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
    /// It begins or ends with a space, or has one, or several, where none may be.
    Space,
    /// It begins with what is neither a letter nor a digit.
    Start,
    /// It has a character that is no letter, mark, digit or plain punctuation.
    Character,
    /// It mixes scripts that no language writes together.
    Scripts,
    /// It mixes digits of several scripts.
    Digits,
    /// It is written from right to left, and a part of it from left to right.
    Direction,
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
    /// the plain space alone, and one at a time.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        shape(text, ROOM_CHARS_MAX, ROOM_BYTES_MAX)?;
        if text.starts_with(' ')
            || text.ends_with(' ')
            || text.contains("  ")
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

impl NameLook {
    /// The look of a user's name, if users may take it.
    ///
    /// # Errors
    /// What is wrong with the name; also that it looks like a word of the protocol.
    pub fn of_user(look_of: LookFn, name: &UserName) -> Result<Self, NameError> {
        let look = look_of(name.as_str())?;
        if RESERVED.contains(&look.as_str()) {
            return Err(NameError::Reserved);
        }
        Ok(Self(look.into()))
    }

    /// The look of a room's name, if rooms may have it.
    ///
    /// # Errors
    /// What is wrong with the name.
    pub fn of_room(look_of: LookFn, name: &RoomName) -> Result<Self, NameError> {
        look_of(name.as_str()).map(|look| Self(look.into()))
    }

    /// The look's text, as the account store keeps it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl NameError {
    /// A sentence for the person who typed the name.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Empty => "A name needs at least one character",
            Self::TooLong => "That name is too long",
            Self::Control => "A name cannot contain control characters",
            Self::Space => {
                "A name cannot begin or end with a space, a room name has single ones inside, a user name none"
            }
            Self::Start => "A name begins with a letter or a digit",
            Self::Character => {
                "A name is made of letters, digits and plain punctuation; leave out emoji, symbols and what is invisible"
            }
            Self::Scripts => {
                "The letters of a name belong to one script; write it without letters of another one"
            }
            Self::Digits => "The digits of a name belong to one script; write all of them alike",
            Self::Direction => {
                "A name that is written from right to left is so as a whole; begin and end it with such a letter"
            }
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
    if text.contains(is_control) {
        return Err(NameError::Control);
    }
    Ok(())
}

/// Whether it has no place in a line: it is a control character, or changes the direction of writing.
pub(crate) fn is_control(c: char) -> bool {
    c.is_control() || is_bidi_control(c)
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

impl fmt::Debug for NameLook {
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
        let longest = ["x".repeat(32), "😀".repeat(16)];
        for name in ["a", "harper", "Jörg", "小明", "аня", "😀", &longest[0], &longest[1]] {
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
            ("a  b", NameError::Space),
            ("a\u{a0}b", NameError::Space),
            ("a\nb", NameError::Control),
        ] {
            assert_eq!(RoomName::parse(room), Err(fault), "{room:?}");
        }
    }

    #[test]
    fn each_fault_has_a_sentence_of_its_own() {
        use NameError::*;
        let faults = [Empty, TooLong, Control, Space, Start, Character, Scripts, Digits, Direction, Reserved];
        let mut sentences = faults.map(NameError::sentence).to_vec();
        assert!(sentences.iter().all(|sentence| sentence.contains(' ')), "{sentences:?}");
        sentences.sort_unstable();
        sentences.dedup();
        assert_eq!(sentences.len(), faults.len());
    }

    #[test]
    fn a_look_is_what_the_names_maker_of_looks_says() {
        let look_of: LookFn = |name| Ok(name.replace('1', "l"));
        let (user, room) = (UserName::parse("pau1").unwrap(), RoomName::parse("ha11").unwrap());
        assert_eq!(NameLook::of_user(look_of, &user).unwrap().as_str(), "paul");
        assert_eq!(NameLook::of_room(look_of, &room).unwrap().as_str(), "hall");
    }

    #[test]
    fn words_of_the_protocol_are_nobodys_name() {
        let lower: KeyFn = |name| name.to_lowercase();
        for name in ["public", "Public", "LOBBY"] {
            let name = UserName::parse(name).unwrap();
            assert_eq!(NameLook::of_user(|name| Ok(name.to_lowercase()), &name), Err(NameError::Reserved));
            assert_eq!(Account::new(lower, name), Err(NameError::Reserved));
        }
    }
}
