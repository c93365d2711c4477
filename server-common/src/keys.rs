//! Names in the eyes of Unicode: which can be taken, which are one, and which look alike.
//!
//! A name that is new must suit [`name_look`]. The key that [`name_key`] makes is for every name, also for one from
//! before a rule that would refuse it today.

use std::sync::LazyLock;

use chatroom_core::name::NameError;
use icu_casemap::CaseMapper;
use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::Error;
use precis_profiles::precis_core::profile::{Profile as _, Rules as _};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript as _};
use unicode_security::confusable_detection::skeleton;
use unicode_security::{RestrictionLevel, RestrictionLevelDetection as _};

/// The key of a user's or a room's name, a [`KeyFn`](chatroom_core::name::KeyFn).
///
/// Two names have one key when they differ only by case, by canonical Unicode form or by the width that East Asian
/// keyboards give to letters: what the PRECIS profile UsernameCaseMapped (RFC 8265) compares as equal is one name. Other
/// compatibility forms stay apart (`①` is not `1`), and so do look-alikes, which [`name_look`] keeps from being taken.
///
/// Case is folded in full and for no language in particular, which takes more for one than PRECIS does. `Straße` is
/// `STRASSE`, and all three sigmas are one. Turkish `İ` is `i` with a dot above (two characters), which is neither `i`
/// nor `ı`: whoever registers as `İzmir` is not whoever registers as `izmir`.
///
/// The key of a key is that key. For characters that Unicode has assigned, keys stay the same in every later version
/// of it, so they may be stored.
pub fn name_key(name: &str) -> String {
    fold(&narrow(name))
}

/// What a user's or a room's name looks like, or why nobody can take it: a [`LookFn`](chatroom_core::name::LookFn).
///
/// A name can be taken if each word of it suits PRECIS UsernameCaseMapped (RFC 8265), which takes letters, marks and
/// digits of any script and the punctuation of ASCII, and neither symbols nor emoji; if all of it is at most Highly
/// Restrictive in the sense of UTS 39: one script, or those that Chinese, Japanese and Korean write together, with or
/// without Latin; and if it begins with a letter or a digit, and takes its digits from one script.
///
/// # Errors
/// What is wrong with it.
pub fn name_look(name: &str) -> Result<String, NameError> {
    let name: String = narrow(name).nfc().collect();
    check_start(&name)?;
    check_scripts(&name)?;
    check_digits(&name)?;
    name.split(' ').try_for_each(check_word)?;
    Ok(look(&name))
}

/// The look of any name, whether it can be taken or not: equal for names that a reader would confuse.
///
/// That is the skeleton of UTS 39, without case. The skeleton is taken of the name as it is shown first, for there a
/// large `I` looks like `l`, and again of what case folding made of it, until nothing changes any more.
pub(crate) fn look(name: &str) -> String {
    let mut look = name_key(&skeleton(name).collect::<String>());
    loop {
        let next = name_key(&skeleton(&look).collect::<String>());
        if next == look {
            return look;
        }
        look = next;
    }
}

/// The canonical caseless match of the Unicode standard (chapter 3, D145), brought to NFC so that keys are short.
pub(crate) fn fold(name: &str) -> String {
    // Normalized before folding because of the few characters (the Greek iota below) whose folded form depends on
    // the order of the marks around it, and after because folding may take a composed character apart.
    let decomposed: String = name.nfd().collect();
    CaseMapper::new().fold_string(&decomposed).nfc().collect()
}

/// The name with the wide and narrow forms of East Asian keyboards written in the usual width.
fn narrow(name: &str) -> String {
    PRECIS.width_mapping_rule(name).map_or_else(|_| name.to_owned(), Into::into)
}

fn check_start(name: &str) -> Result<(), NameError> {
    let is_start = |c: char| c.is_alphanumeric() && !is_combining_mark(c);
    if name.starts_with(is_start) { Ok(()) } else { Err(NameError::Start) }
}

fn check_scripts(name: &str) -> Result<(), NameError> {
    // Punctuation is for PRECIS to judge, and none of ASCII's belongs to a script.
    let is_seen = |c: &char| !c.is_ascii() || c.is_ascii_alphanumeric();
    // Many ideographs are uncommon, which is odd to UTS 39, and in somebody's name all the same.
    let common = |c: char| if c.script() == Script::Han { '一' } else { c };
    let seen: String = name.chars().filter(is_seen).map(common).collect();
    if seen.as_str().check_restriction_level(RestrictionLevel::HighlyRestrictive) {
        return Ok(());
    }
    // The level of a single character says whether it is one that no name should have, in any company.
    let is_odd =
        |c: char| c.to_string().as_str().detect_restriction_level() == RestrictionLevel::Unrestricted;
    Err(if seen.chars().any(is_odd) { NameError::Character } else { NameError::Scripts })
}

fn check_digits(name: &str) -> Result<(), NameError> {
    // Unicode keeps the ten digits of a script next to each other. Numerals that are letters, such as 〇, are none.
    let digits = || name.chars().filter(|c| c.is_numeric() && !c.is_alphabetic()).map(u32::from);
    let (Some(first), Some(last)) = (digits().min(), digits().max()) else { return Ok(()) };
    if last - first < 10 { Ok(()) } else { Err(NameError::Digits) }
}

fn check_word(word: &str) -> Result<(), NameError> {
    // It would sit on the space before it, and be seen as part of nothing.
    if word.starts_with(is_combining_mark) {
        return Err(NameError::Character);
    }
    match PRECIS.enforce(word) {
        Ok(_) => Ok(()),
        Err(Error::BadCodepoint(_) | Error::Unexpected(_)) => Err(NameError::Character),
        // All that is left, for a word that is not empty: the Bidi rule of RFC 5893.
        Err(Error::Invalid) => Err(NameError::Direction),
    }
}

static PRECIS: LazyLock<UsernameCaseMapped> = LazyLock::new(UsernameCaseMapped::new);

#[cfg(test)]
mod tests;
