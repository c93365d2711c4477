//! How texts from elsewhere are shown: nothing in them commands the window.

use std::fmt::Write as _;
use std::ops::Range;

use chatroom_core::client::folded;

/// A stranger's text without what would rearrange or hide the text around it: control and bidi characters.
pub fn clean(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).filter(|c| !is_commanding(*c)).collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// Where the links of a text are: `http` and `https` alone, without the punctuation that ends a sentence.
pub fn links(text: &str) -> Vec<Range<usize>> {
    let mut links = Vec::new();
    let mut from = 0;
    while let Some(start) = SCHEMES.iter().filter_map(|scheme| find(text, scheme, from)).min() {
        let rest = &text[start..];
        let length = rest.find(|c: char| c.is_whitespace() || "<>\"`".contains(c)).unwrap_or(rest.len());
        let link = trim_sentence(&rest[..length]);
        from = start + length.max(1);
        if SCHEMES.iter().all(|scheme| link.len() > scheme.len() || !link.starts_with(scheme)) {
            links.push(start..start + link.len());
        }
    }
    links
}

/// Whether a link may be handed to the system: only what a browser shows, never a file or a program.
pub fn is_web_link(link: &str) -> bool {
    SCHEMES.iter().any(|scheme| link.starts_with(scheme) && link.len() > scheme.len())
        && !link.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// The text as markdown that shows it letter for letter, its links alone made to be clicked. `None` where it has no
/// link, and is best shown as it is.
pub fn markdown(text: &str) -> Option<String> {
    let links = links(text);
    if links.is_empty() {
        return None;
    }
    let mut markdown = String::with_capacity(text.len() * 2);
    let mut at = 0;
    for link in links {
        escape(&text[at..link.start], &mut markdown);
        let url = &text[link.clone()];
        markdown.push('[');
        escape(url, &mut markdown);
        markdown.push_str("](<");
        url.chars().for_each(|c| push_in_address(c, &mut markdown));
        markdown.push_str(">)");
        at = link.end;
    }
    escape(&text[at..], &mut markdown);
    Some(markdown)
}

/// One or two letters that stand for a name.
pub fn initials(name: &str) -> String {
    let mut words = name.split(|c: char| !c.is_alphanumeric()).filter_map(|word| word.chars().next());
    let first = words.next().or_else(|| name.chars().next());
    first.into_iter().chain(words.next()).flat_map(char::to_uppercase).collect()
}

/// Which of the theme's colours a name has, the same in every window.
pub fn hue(name: &str) -> u8 {
    // FNV-1a: short, and spreads short names well.
    let hash = folded(name)
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let hue = (hash ^ (hash >> 15)) % u32::from(HUES);
    u8::try_from(hue).unwrap_or_default()
}

/// Whether `text` names `name`, as a word of its own.
pub fn mentions(text: &str, name: &str) -> bool {
    let (text, name) = (folded(text), folded(name));
    !name.is_empty()
        && text.match_indices(&name).any(|(start, found)| {
            let before = text[..start].chars().next_back();
            let after = text[start + found.len()..].chars().next();
            !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
        })
}

fn is_commanding(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn find(text: &str, scheme: &str, from: usize) -> Option<usize> {
    text.get(from..)?.find(scheme).map(|at| at + from)
}

/// Without what ends the sentence around a link, and without a bracket that was opened before it.
fn trim_sentence(mut link: &str) -> &str {
    while let Some(last) = link.chars().next_back() {
        let is_closed = match last {
            ')' => link.matches('(').count() >= link.matches(')').count(),
            ']' => link.matches('[').count() >= link.matches(']').count(),
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' | '_' | '。' | '，' | '！' | '？' => false,
            _ => true,
        };
        if is_closed {
            break;
        }
        link = &link[..link.len() - last.len_utf8()];
    }
    link
}

fn escape(text: &str, markdown: &mut String) {
    for c in text.chars() {
        match c {
            '\n' => markdown.push_str("\\\n"),
            // At the start of a line spaces would mean code.
            ' ' | '\t' if markdown.is_empty() || markdown.ends_with(['\n', '\u{a0}']) => {
                markdown.push('\u{a0}')
            }
            c if c.is_ascii_punctuation() => markdown.extend(['\\', c]),
            c => markdown.push(c),
        }
    }
}

/// A link's address, with what markdown would take for something else in the notation of RFC 3986.
fn push_in_address(c: char, markdown: &mut String) {
    if matches!(c, '<' | '>' | '\\' | '&' | '(' | ')') && c != '&' {
        // Writing to a string cannot fail.
        let _ = write!(markdown, "%{:02X}", u32::from(c));
    } else if c == '&' {
        markdown.push_str("&amp;");
    } else {
        markdown.push(c);
    }
}

const SCHEMES: [&str; 2] = ["http://", "https://"];

/// How many colours names have, in `ui/theme.slint`.
const HUES: u8 = 8;

/// As much of one text as is shown. Servers of this project send 4,096 bytes at the most; another may send anything.
const SHOWN_CHARS_MAX: usize = 8_192;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_links(text: &str, expected: &[&str]) {
        let found: Vec<_> = links(text).into_iter().map(|link| &text[link]).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn links_end_where_the_sentence_around_them_goes_on() {
        check_links("see https://example.org/a?b=c#d.", &["https://example.org/a?b=c#d"]);
        check_links("(http://example.org/x_(y)), right?", &["http://example.org/x_(y)"]);
        check_links("https://a.example,https://b.example", &["https://a.example,https://b.example"]);
        check_links("看 https://example.org/午餐。", &["https://example.org/午餐"]);
        check_links("http:// https://", &[]);
    }

    #[test]
    fn nothing_but_the_web_is_a_link() {
        check_links("javascript:alert(1) file:///etc/passwd ftp://x mailto:a@b www.example.org", &[]);
        assert!(
            !is_web_link("javascript:alert(1)") && !is_web_link("file:///etc") && !is_web_link("https://")
        );
        assert!(is_web_link("https://example.org") && !is_web_link("https://a b"));
    }

    #[test]
    fn a_text_with_a_link_keeps_every_other_letter_as_it_is() {
        assert_eq!(markdown("no *link* here"), None);
        assert_eq!(
            markdown("*a* <b>\n  # http://x.example/?a&b").unwrap(),
            "\\*a\\* \\<b\\>\\\n\u{a0}\u{a0}\\# [http\\:\\/\\/x\\.example\\/\\?a\\&b](<http://x.example/?a&amp;b>)"
        );
    }

    #[test]
    fn a_strangers_text_cannot_turn_the_line_around() {
        assert_eq!(clean("a\u{202e}b\u{7}c\nd\te\u{feff}"), "abc\nd\te");
        assert_eq!(clean(&"x".repeat(9_000)).chars().count(), SHOWN_CHARS_MAX + 1);
    }

    #[test]
    fn a_name_has_initials_and_a_colour() {
        assert_eq!(initials("ann"), "A");
        assert_eq!(initials("anna-maria.b"), "AM");
        assert_eq!(initials("午餐"), "午");
        assert_eq!(initials("__"), "_");
        assert_eq!((hue("Ann"), hue("ΝΙΚΟΣ")), (hue("ann"), hue("νικοσ")));
        let used: std::collections::BTreeSet<_> =
            (0..64).map(|number| hue(&format!("user{number}"))).collect();
        assert_eq!(used.len(), usize::from(HUES));
    }

    #[test]
    fn a_name_is_mentioned_as_a_word() {
        assert!(mentions("hi Ann!", "ann") && mentions("@ann", "Ann") && mentions("安 ann", "ann"));
        assert!(mentions("ΝΙΚΟΣ, are you here?", "νικοσ"));
        assert!(!mentions("annual planning", "ann") && !mentions("joann", "ann") && !mentions("x", ""));
    }
}
