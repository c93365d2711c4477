use proptest::prelude::*;
use unicode_security::GeneralSecurityProfile as _;

use super::*;

#[test]
fn names_of_many_languages_can_be_taken() {
    for name in [
        "alice",
        "Jörg",
        "Straße",
        "O'Neil",
        "anne-marie_2.0",
        "Ünsal",
        "ılgın",
        "İzmir",
        "Jose\u{301}",
        "Nguyễn",
        "Дмитрий",
        "Αλέξανδρος",
        "小明",
        "𠮷田",
        "さくら",
        "サクラ・リー",
        "桜さくらsakura",
        "김철수",
        "金철수kim",
        "\u{212b}sa",
        "שלום",
        "محمد٣",
        "राम१२",
        "ทองดี",
        "ａｌｉｃｅ",
        "ｻｸﾗ",
        "col·legi",
        "3cats",
        "午餐 時間",
        "Rust & Berlin",
        "Zum grünen Baum",
        "חדר 1",
    ] {
        assert_eq!(name_look(name).err(), None, "{name:?}");
    }
}

#[test]
fn what_keeps_a_name_from_being_taken_is_named() {
    for (name, fault) in [
        // Latin and Cyrillic, Latin and Greek, Greek and Cyrillic, Latin and Armenian, Hangul and Kana.
        ("\u{430}lice", NameError::Scripts),
        ("αlice", NameError::Scripts),
        ("Алексα", NameError::Scripts),
        ("օmer", NameError::Scripts),
        ("김さくら", NameError::Scripts),
        ("alice राम", NameError::Scripts),
        // Emoji, symbols, compatibility forms, invisible ones, controls, spaces of other kinds.
        ("alice😀", NameError::Character),
        ("a♥b", NameError::Character),
        ("a€", NameError::Character),
        ("aⅧ", NameError::Character),
        ("a①", NameError::Character),
        ("aﬁ", NameError::Character),
        ("a\u{200b}b", NameError::Character),
        ("a\u{200d}b", NameError::Character),
        ("با\u{200c}ران", NameError::Character),
        ("a\u{2060}b", NameError::Character),
        ("a\u{feff}b", NameError::Character),
        ("a\u{ad}b", NameError::Character),
        ("a\u{3164}b", NameError::Character),
        ("a\u{fe0f}", NameError::Character),
        ("a\u{e0061}", NameError::Character),
        ("a\u{a0}b", NameError::Character),
        ("a\u{2010}b", NameError::Character),
        ("l·a", NameError::Character),
        ("a・b", NameError::Character),
        ("a \u{301}b", NameError::Character),
        ("a\u{378}", NameError::Character),
        ("a\u{e000}", NameError::Character),
        // What a name does not begin with.
        ("", NameError::Start),
        ("\u{301}a", NameError::Start),
        ("\u{93e}र", NameError::Start),
        ("ﾞa", NameError::Start),
        ("-a", NameError::Start),
        ("_a", NameError::Start),
        ("#1", NameError::Start),
        ("・a", NameError::Start),
        ("😀", NameError::Start),
        // Digits of two scripts, also where both are used with the letters; Eastern and Western Arabic ones.
        ("राम1२", NameError::Digits),
        ("محمد1٣", NameError::Digits),
        ("alice٣", NameError::Scripts),
        ("محمد٣۴", NameError::Digits),
        // Right to left, but not as a whole.
        ("1שלום", NameError::Direction),
        ("שלום-", NameError::Direction),
    ] {
        assert_eq!(name_look(name).err(), Some(fault), "{name:?}");
    }
}

#[test]
fn names_that_look_alike_have_one_look() {
    for (one, other) in [
        ("alice", "\u{430}lice"),
        ("Alice", "\u{430}lice"),
        // A large i and a digit, among small letters.
        ("alice", "aIice"),
        ("alice", "a1ice"),
        ("hello", "he11o"),
        ("user0", "userO"),
        ("Kim", "kim"),
        ("modern", "modem"),
        // Whole words of another script.
        ("COCO", "СОСО"),
        ("Mao", "Мао"),
        ("mao", "Мао"),
        ("ロ", "口"),
        // Accents in any spelling.
        ("Jos\u{e9}", "JOSE\u{301}"),
        ("ａlice", "alice"),
    ] {
        assert_eq!(look(one), look(other), "{one:?} {other:?}");
    }
    for (one, other) in [("alice", "alicia"), ("Jörg", "Jorg"), ("小明", "小民"), ("ian", "lan")] {
        assert_ne!(look(one), look(other), "{one:?} {other:?}");
    }
}

#[test]
fn spellings_of_one_name_share_a_key() {
    for (one, other) in [
        ("harper", "Harper"),
        ("Straße", "STRASSE"),
        ("STRAẞE", "strasse"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("σ", "ς"),
        ("Σ", "ς"),
        ("\u{c5}", "A\u{30a}"),
        ("\u{c5}", "\u{212b}"),
        ("\u{e5}", "\u{212b}"),
        ("K", "\u{212a}"),
        ("Дмитрий", "ДМИТРИЙ"),
        ("İ", "I\u{307}"),
        ("İ", "i\u{307}"),
        ("ﬁ", "FI"),
        ("\u{1f80}", "\u{1f88}"),
        ("ᾳ\u{301}", "α\u{301}\u{345}"),
        ("ＡＬＩＣＥ１", "alice1"),
        ("ｶﾞ", "ガ"),
        // Two scripts whose case pairs came in Unicode 10 and 17: a table this old would miss them.
        ("\u{1e900}", "\u{1e922}"),
        ("\u{16ea0}", "\u{16ebb}"),
    ] {
        assert_eq!(name_key(one), name_key(other), "{one:?} {other:?}");
    }
}

#[test]
fn different_names_have_different_keys() {
    for (one, other) in [
        ("harper", "harpo"),
        ("İ", "i"),
        ("I", "ı"),
        ("i", "ı"),
        ("é", "e"),
        ("①", "1"),
        ("а", "a"),
        ("x²", "x2"),
    ] {
        assert_ne!(name_key(one), name_key(other), "{one:?} {other:?}");
    }
}

#[test]
fn the_words_of_the_protocol_are_their_own_keys_and_looks() {
    for word in [chatroom_core::name::PUBLIC, chatroom_core::name::LOBBY] {
        assert_eq!(name_key(word), word);
        assert_eq!(name_look(word).as_deref(), Ok(word));
    }
}

#[test]
fn every_character_has_a_key_and_a_look_that_stay() {
    for c in '\0'..=char::MAX {
        let alone = c.to_string();
        let key = name_key(&alone);
        assert_eq!(name_key(&key), key, "{c:?}");
        // That the look of a name is found at all follows from this: each of its characters comes to rest.
        let seen = look(&alone);
        assert_eq!(look(&seen), seen, "{c:?}");
        if key == alone {
            continue;
        }
        // With marks before and behind, so that what changes also meets reordering and composition.
        for name in [format!("\u{345}{c}\u{301}"), format!("α{c}\u{345}"), format!("{c}\u{307}ι")] {
            let key = name_key(&name);
            assert_eq!(name_key(&key), key, "{name:?}");
        }
    }
}

#[test]
fn every_name_of_one_character_is_one_that_unicode_allows() {
    for c in '\0'..=char::MAX {
        let name = c.to_string();
        if name_look(&name).is_ok() {
            let is_allowed = |c: char| c.identifier_allowed() || c.script() == Script::Han;
            assert!(narrow(&name).nfc().all(is_allowed), "{c:?}");
            assert!(c.is_alphanumeric() && !is_combining_mark(c), "{c:?}");
        }
    }
}

proptest! {
    #[test]
    fn the_key_of_a_key_is_that_key(name in "\\PC{0,12}") {
        let key = name_key(&name);
        prop_assert_eq!(name_key(&key), key);
    }

    #[test]
    fn the_look_of_a_look_is_that_look(name in "\\PC{0,12}") {
        let seen = look(&name);
        prop_assert_eq!(look(&seen), seen);
    }

    #[test]
    fn marks_in_any_order_have_one_key(name in "[aAιΙαΑǰŉ\u{300}-\u{345}\u{1f00}-\u{1fff}]{0,8}") {
        let key = name_key(&name);
        prop_assert_eq!(&name_key(&key), &key);
        prop_assert_eq!(&name_key(&name.nfc().collect::<String>()), &key);
        prop_assert_eq!(&name_key(&name.nfd().collect::<String>()), &key);
    }

    /// What RFC 8265 compares as equal is one name: all that leads to one enforced form has one key.
    #[test]
    fn the_spellings_of_a_name_have_one_key(name in "[a-zA-Z0-9ａ-ｚＡ-Ｚäöüßçéİıа-яА-Яα-ωΑ-Ωぁ-んア-ンｱ-ﾝ一-万가-각א-תب-ي]{1,8}") {
        let key = name_key(&name);
        let spellings = [name.to_lowercase(), name.nfd().collect(), name.nfc().collect(), narrow(&name)];
        for spelling in &spellings {
            prop_assert_eq!(&name_key(spelling), &key);
        }
        if let Ok(enforced) = PRECIS.enforce(name.as_str()) {
            prop_assert_eq!(&name_key(&enforced), &key);
        }
    }

    /// Whoever sees two names that can be taken, in any case, sees two names.
    #[test]
    fn names_with_one_key_are_allowed_alike(name in "[a-zA-Zäöüçéа-яΑ-Ω0-9ａ-ｚ]{1,6}") {
        let composed: String = name.nfc().collect();
        let decomposed: String = name.nfd().collect();
        prop_assert_eq!(name_look(&composed), name_look(&decomposed));
        prop_assert_eq!(name_look(&narrow(&composed)), name_look(&composed));
    }
}
