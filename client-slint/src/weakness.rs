//! What makes a password easy to guess, said while it is typed. The server alone decides what it takes.

use crate::sentence::{Phrase, Sentence};

/// What is weak about `password` for the account `username`, if anything.
pub fn of(password: &str, username: &str) -> Sentence {
    let lower = password.to_lowercase();
    let chars = password.chars().count();
    if chars == 0 {
        return Sentence::default();
    }
    if chars < CHARS_ADVISED {
        return Sentence::with(Phrase::WeakShort, CHARS_ADVISED);
    }
    let name = username.to_lowercase();
    if name.chars().count() >= 3 && lower.contains(&name) {
        return Phrase::WeakLikeName.into();
    }
    if COMMON.iter().any(|common| lower.contains(common)) {
        return Phrase::WeakCommon.into();
    }
    let mut distinct: Vec<char> = lower.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < 5 || lower.chars().all(|c| c.is_ascii_digit()) {
        return Phrase::WeakOneKind.into();
    }
    Sentence::default()
}

/// As many as a server asks for that others than its own machine can reach.
const CHARS_ADVISED: usize = 10;

/// What every list of leaked passwords begins with, in the forms that ten letters are made of.
const COMMON: [&str; 8] =
    ["password", "passwort", "123456", "qwert", "letmein", "iloveyou", "welcome", "admin"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weakness_is_named_and_strength_is_not() {
        for (password, phrase) in [
            ("", Phrase::Nothing),
            ("short", Phrase::WeakShort),
            ("my-anna-2024", Phrase::WeakLikeName),
            ("Password2024", Phrase::WeakCommon),
            ("aaaabbbbaaaa", Phrase::WeakOneKind),
            ("958273645091", Phrase::WeakOneKind),
            ("three blue kites", Phrase::Nothing),
        ] {
            assert_eq!(of(password, "Anna").phrase, phrase, "{password}");
        }
    }
}
