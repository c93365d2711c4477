//! Names, their keys and their looks.

use chatroom_core::limits::{ROOM_BYTES_MAX, ROOM_CHARS_MAX, USER_BYTES_MAX, USER_CHARS_MAX};
use chatroom_core::name::{Account, LOBBY, NameError, NameKey, NameLook, PUBLIC, RoomName, UserName};
use server_common::keys::{name_key, name_look};
use unicode_normalization::UnicodeNormalization;

/// The key of a key is that key, all cases and canonical forms of a name share it, canonical forms look alike, the look of
/// a look is that look, and a name that is accepted keeps to the rules for its shape.
pub fn names(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let key = name_key(&text);
    assert_eq!(name_key(&key), key, "the key of a key, of {text:?}");
    let forms = [text.nfc().collect::<String>(), text.nfd().collect()];
    check_look(&text, &forms);
    for form in forms.into_iter().chain([text.to_ascii_lowercase(), text.to_ascii_uppercase()]) {
        assert_eq!(name_key(&form), key, "the key of {form:?}, a form of {text:?}");
    }
    if let Ok(user) = UserName::parse(&text) {
        check_user(&text, user, &key);
    }
    if let Ok(room) = RoomName::parse(&text) {
        assert_eq!((room.as_str(), room.to_string().as_str()), (&*text, &*text));
        check_shape(&text, ROOM_CHARS_MAX, ROOM_BYTES_MAX);
        assert!(!text.starts_with(' ') && !text.ends_with(' '));
    }
}

fn check_look(text: &str, forms: &[String]) {
    let look = name_look(text);
    for form in forms {
        assert_eq!(name_look(form), look, "the look of {form:?}, a form of {text:?}");
    }
    let Ok(look) = look else { return };
    assert!(!look.is_empty(), "{text:?} looks like nothing");
    // A look need not be a name that can be taken.
    if let Ok(again) = name_look(&look) {
        assert_eq!(again, look, "the look of a look, of {text:?}");
    }
}

fn check_user(text: &str, user: UserName, key: &str) {
    assert_eq!((user.as_str(), user.to_string().as_str()), (text, text));
    check_shape(text, USER_CHARS_MAX, USER_BYTES_MAX);
    assert!(!text.contains(char::is_whitespace), "a user name that `\\private NAME TEXT` cannot take");
    let is_reserved = [PUBLIC, LOBBY].contains(&key);
    if let Ok(look) = NameLook::of_user(name_look, &user) {
        assert!(![PUBLIC, LOBBY].contains(&look.as_str()), "{text:?} looks like a word of the protocol");
    }
    match Account::new(name_key, user) {
        Ok(account) => {
            assert!(!is_reserved, "{text:?} means something else");
            assert_eq!(account.key, NameKey::new(name_key, text));
        }
        Err(error) => assert_eq!((error, is_reserved), (NameError::Reserved, true)),
    }
}

fn check_shape(text: &str, chars_max: usize, bytes_max: usize) {
    assert!((1..=chars_max).contains(&text.chars().count()) && text.len() <= bytes_max);
    assert!(!text.chars().any(char::is_control));
    assert!(!name_key(text).is_empty(), "{text:?} has a key of nothing");
}
