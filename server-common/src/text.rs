//! Small work on text that several messages need.

use std::fmt::Write as _;

/// `text` as one line that is safe on a terminal: what would break the line or drive the terminal is escaped.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            // A String takes whatever is written.
            let _ = write!(line, "{}", c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// The one of `words` that `typed` was most likely meant to be, if any is near enough to be worth saying.
pub(crate) fn nearest<'a>(typed: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near_enough = typed.chars().count() / 3 + 1;
    words
        .into_iter()
        .map(|word| (distance(typed, word), word))
        .min()
        .filter(|(distance, _)| *distance <= near_enough)
        .map(|(_, word)| word)
}

/// How many characters must be put in, taken out or replaced to turn one text into the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    // The distances from what has been read of `one` to each beginning of `other`.
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (read, c) in one.chars().enumerate() {
        let mut diagonal = read;
        let mut left = read + 1;
        for (above, d) in row.iter_mut().skip(1).zip(&other) {
            let here = (diagonal + usize::from(c != *d)).min(left + 1).min(*above + 1);
            diagonal = *above;
            *above = here;
            left = here;
        }
        row[0] = read + 1;
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_a_line() {
        assert_eq!(one_line("a\nb\u{1b}[31m\tö😀"), "a\\nb\\u{1b}[31m\\tö😀");
    }

    #[test]
    fn a_typing_error_finds_the_word() {
        let words = ["listen", "data-dir", "cert", "key", "message-rate"];
        for (typed, meant) in [
            ("listn", Some("listen")),
            ("lisetn", Some("listen")),
            ("data_dir", Some("data-dir")),
            ("message_rate", Some("message-rate")),
            ("certs", Some("cert")),
            ("ceret", Some("cert")),
            ("password", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, words), meant, "{typed}");
        }
    }

    #[test]
    fn distances_are_what_levenshtein_says() {
        for (one, other, apart) in
            [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("abc", "abc", 0)]
        {
            assert_eq!(distance(one, other), apart, "{one} {other}");
        }
    }
}
