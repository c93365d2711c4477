//! What serde_json does not check for us: nesting, lone surrogates in parts nobody reads, keys given twice.

use alloc::borrow::{Cow, ToOwned};
use alloc::collections::BTreeSet;
use alloc::string::String;
use core::{fmt, str};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{HALF_SURROGATE, Unfit, Unreadable};
use crate::limits::JSON_DEPTH_MAX;

/// Checks what a parser would pass over: UTF-8, depth, and surrogates, in every part of the text.
///
/// It is a lexer and no more; whether the text is JSON is for serde_json to say.
pub(super) fn scan(bytes: &[u8]) -> Result<&str, Unreadable> {
    let text = str::from_utf8(bytes).map_err(|_| Unreadable("The frame is not UTF-8"))?;
    // Most frames have none, and then a string ends at the next quote.
    let has_escapes = text.contains('\\');
    let mut depth = 0_usize;
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'"' if has_escapes => rest = skip_string(tail)?,
            b'"' => rest = tail.iter().position(|byte| *byte == b'"').map_or(&[], |at| &tail[at + 1..]),
            b'{' | b'[' => {
                depth += 1;
                if depth > JSON_DEPTH_MAX {
                    return Err(Unreadable("The frame is nested too deep"));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(text)
}

/// Passes over the rest of a string and the quote at its end, if it has one.
fn skip_string(mut rest: &[u8]) -> Result<&[u8], Unreadable> {
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
        let tail = &rest[at + 1..];
        if rest[at] == b'"' {
            return Ok(tail);
        }
        rest = skip_escape(tail)?;
    }
    Ok(&[])
}

/// Passes over what follows a backslash; a surrogate must come with its other half.
fn skip_escape(rest: &[u8]) -> Result<&[u8], Unreadable> {
    match utf16_unit(rest) {
        Some((0xD800..=0xDBFF, tail)) => {
            let second = tail.strip_prefix(b"\\").and_then(utf16_unit);
            second
                .filter(|(unit, _)| (0xDC00..=0xDFFF).contains(unit))
                .map(|(_, tail)| tail)
                .ok_or(HALF_SURROGATE)
        }
        Some((0xDC00..=0xDFFF, _)) => Err(HALF_SURROGATE),
        Some((_, tail)) => Ok(tail),
        None => Ok(rest.get(1..).unwrap_or_default()),
    }
}

/// Reads `uXXXX`.
fn utf16_unit(rest: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, tail) = rest.strip_prefix(b"u")?.split_at_checked(4)?;
    let digits =
        str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
    Some((u16::from_str_radix(digits, 16).ok()?, tail))
}

/// The values of `N` keys of an object. Other keys are passed over, but no key may come twice.
pub(super) struct Object<const N: usize> {
    keys: [&'static str; N],
}

impl<const N: usize> Object<N> {
    /// Reads one object that is the whole of `text`; a value is `None` where it is absent or `null`.
    pub(super) fn decode<'a>(
        text: &'a str,
        keys: [&'static str; N],
    ) -> Result<[Option<&'a RawValue>; N], Unreadable> {
        let mut json = serde_json::Deserializer::from_str(text);
        let values = json.deserialize_map(Self { keys }).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => Unreadable("The frame is not an object with each key once"),
            serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof
            | serde_json::error::Category::Io => Unreadable("The frame is not JSON"),
        })?;
        json.end().map_err(|_| Unreadable("The frame has something after its JSON"))?;
        Ok(values)
    }
}

impl<'de, const N: usize> Visitor<'de> for Object<N> {
    type Value = [Option<&'de RawValue>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with each key once")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = [None; N];
        // The keys this program knows cost no allocation; a set keeps thousands of others from costing a square.
        let mut others = BTreeSet::new();
        while let Some(Key(key)) = map.next_key()? {
            let known = self.keys.iter().position(|known| *known == key);
            let is_new = match known {
                Some(index) => values[index].replace(map.next_value::<&RawValue>()?).is_none(),
                None => {
                    map.next_value::<IgnoredAny>()?;
                    others.insert(key)
                }
            };
            if !is_new {
                return Err(serde::de::Error::custom("a key twice"));
            }
        }
        Ok(values.map(|value| value.filter(|value| value.get() != "null")))
    }
}

/// A key, borrowed from the frame where it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }

        deserializer.deserialize_str(KeyVisitor)
    }
}

/// A value that must be there and be a string.
pub(super) fn string(value: Option<&RawValue>, or: &'static str) -> Result<String, Unfit> {
    borrowed_string(value, or).map(Cow::into_owned)
}

/// A value that must be a string, if it is there.
pub(super) fn optional_string(value: Option<&RawValue>, or: &'static str) -> Result<Option<String>, Unfit> {
    Ok(optional_borrowed_string(value, or)?.map(Cow::into_owned))
}

/// A value that must be there and be a string, for who will not keep it.
pub(super) fn borrowed_string<'a>(
    value: Option<&'a RawValue>,
    or: &'static str,
) -> Result<Cow<'a, str>, Unfit> {
    borrowed_text(value).ok_or(Unfit(or))
}

/// A value that must be a string, if it is there, for who will not keep it.
pub(super) fn optional_borrowed_string<'a>(
    value: Option<&'a RawValue>,
    or: &'static str,
) -> Result<Option<Cow<'a, str>>, Unfit> {
    value.map(|_| borrowed_string(value, or)).transpose()
}

/// A value that means nothing if it is no string.
pub(super) fn text(value: Option<&RawValue>) -> Option<String> {
    borrowed_text(value).map(Cow::into_owned)
}

/// Borrowed from the frame where it has no escapes.
fn borrowed_text(value: Option<&RawValue>) -> Option<Cow<'_, str>> {
    let json = value?.get();
    let plain = json.strip_prefix('"').and_then(|json| json.strip_suffix('"'));
    match plain.filter(|plain| !plain.contains('\\')) {
        // That it is a string was seen when it was read as a part of the frame. To have it read once more, as a `Key`
        // is, took a tenth of reading a message (callgrind).
        Some(plain) => Some(Cow::Borrowed(plain)),
        None => serde_json::from_str(json).ok().map(Cow::Owned),
    }
}

/// A value that means nothing if it is no number of that type.
pub(super) fn number<N: str::FromStr>(value: Option<&RawValue>) -> Option<N> {
    value?.get().parse().ok()
}

pub(super) fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

/// Bytes of a text as a JSON string, at most: a control may be written shorter than `\u00XX`.
pub(super) fn string_bytes(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' => 1,
        byte if byte < b' ' => 5,
        _ => 0,
    };
    2 + text.len() + text.bytes().map(escaped).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use proptest::prelude::*;

    use super::*;

    fn readable(text: &str) -> bool {
        scan(text.as_bytes()).and_then(|text| Object::decode(text, ["type", "data"])).is_ok()
    }

    #[test]
    fn what_a_parser_passes_over_is_refused_too() {
        for text in [
            r#"{"type":"x","x":"\ud800"}"#,
            r#"{"type":"x","x":"\ud800A"}"#,
            r#"{"type":"x","x":"\ud800A"}"#,
            r#"{"type":"x","x":"\udc00\ud800"}"#,
            r#"{"x\udfff":1}"#,
            r#"{"type":"x","type":"x"}"#,
            r#"{"type":"x","typ\u0065":"x"}"#,
            r#"{"type":null,"type":"x"}"#,
            r#"{"y":1,"y":1}"#,
            r#"[[[[[[[[[]]]]]]]]]"#,
            r#"{"a":[[[[[[[[]]]]]]]]}"#,
            r#"{"type":"x"} {}"#,
            r#"{"type":"x"}}"#,
            r#"{"type":"x""#,
            "\u{feff}{}",
            "[]",
            "null",
            "\"type\"",
            "",
            "hello",
        ] {
            assert!(!readable(text), "{text}");
        }
        assert!(scan(b"{\"type\":\"\xff\"}").is_err());
    }

    #[test]
    fn what_is_only_unusual_is_read() {
        for text in [
            r#"{}"#,
            r#" {"type" : "x" , "z": 1e999, "data":{"a":{"a":1}}} "#,
            r#"{"x":"\ud83d\ude00 \\ud800 \" [[[[[[[[[["}"#,
            r#"{"a":[[[[[[[]]]]]]]}"#,
        ] {
            assert!(readable(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(text) = scan(&bytes) {
                let _ = Object::decode(text, ["type"]);
            }
        }

        #[test]
        fn every_string_survives_the_scan_of_its_encoding(text: String) {
            let json = format!("{{\"type\":{}}}", serde_json::to_string(&text).unwrap());
            let [value] = Object::decode(scan(json.as_bytes()).unwrap(), ["type"]).unwrap();
            prop_assert_eq!(string(value, ""), Ok(text));
        }
    }
}
