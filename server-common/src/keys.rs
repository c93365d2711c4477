//! The key of a name: what two spellings share when they are one name.

use icu_casemap::CaseMapper;
use unicode_normalization::UnicodeNormalization;

/// The key of a user's or a room's name, a [`KeyFn`](chatroom_core::name::KeyFn).
///
/// Two names have one key when they differ only by case or by canonical Unicode form: the canonical caseless match
/// of the Unicode standard (chapter 3, D145), brought to NFC so that keys are short. Compatibility forms stay apart
/// (`①` is not `1`), and so do look-alikes.
///
/// Case is folded in full and for no language in particular. `Straße` is `STRASSE`, and all three sigmas are one.
/// Turkish `İ` is `i` with a dot above (two characters), which is neither `i` nor `ı`: whoever registers as `İzmir`
/// is not whoever registers as `izmir`.
///
/// The key of a key is that key. For characters that Unicode has assigned, keys stay the same in every later version
/// of it, so they may be stored.
pub fn name_key(name: &str) -> String {
    // Normalized before folding because of the few characters (the Greek iota below) whose folded form depends on
    // the order of the marks around it, and after because folding may take a composed character apart.
    let decomposed: String = name.nfd().collect();
    CaseMapper::new().fold_string(&decomposed).nfc().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
            ("ａ", "a"),
            ("а", "a"),
            ("x²", "x2"),
        ] {
            assert_ne!(name_key(one), name_key(other), "{one:?} {other:?}");
        }
    }

    #[test]
    fn the_words_of_the_protocol_are_their_own_keys() {
        for word in [chatroom_core::name::PUBLIC, chatroom_core::name::LOBBY] {
            assert_eq!(name_key(word), word);
        }
    }

    #[test]
    fn the_key_of_every_character_is_its_own_key() {
        for c in '\0'..=char::MAX {
            let alone = c.to_string();
            let key = name_key(&alone);
            assert_eq!(name_key(&key), key, "{c:?}");
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

    proptest! {
        #[test]
        fn the_key_of_a_key_is_that_key(name in "\\PC{0,12}") {
            let key = name_key(&name);
            prop_assert_eq!(name_key(&key), key);
        }

        #[test]
        fn marks_in_any_order_have_one_key(name in "[aAιΙαΑǰŉ\u{300}-\u{345}\u{1f00}-\u{1fff}]{0,8}") {
            let key = name_key(&name);
            prop_assert_eq!(&name_key(&key), &key);
            prop_assert_eq!(&name_key(&name.nfc().collect::<String>()), &key);
            prop_assert_eq!(&name_key(&name.nfd().collect::<String>()), &key);
        }
    }
}
