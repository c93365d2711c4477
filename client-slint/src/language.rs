//! Which language the window speaks.

use crate::settings::Language;

/// Switches to a language, or to the system's. Call it after the window was made.
pub fn choose(language: Language) {
    let tag = tag(language, &sys_locale::get_locale().unwrap_or_default());
    if let Err(error) = slint::select_bundled_translation(tag) {
        eprintln!("chatroom: the language cannot be changed: {error}");
    }
}

/// The name of the translation; nothing for English, which the window is written in.
fn tag(language: Language, locale: &str) -> &'static str {
    match language {
        Language::English => "",
        Language::German => "de",
        Language::Chinese => "zh_TW",
        Language::System if locale.starts_with("de") => "de",
        Language::System if locale.starts_with("zh") => "zh_TW",
        Language::System => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_language_is_taken_where_there_is_a_translation() {
        assert_eq!(tag(Language::System, "de-AT"), "de");
        assert_eq!(tag(Language::System, "zh-Hant-TW"), "zh_TW");
        assert_eq!(tag(Language::System, "fr-FR"), "");
        assert_eq!(tag(Language::German, "fr-FR"), "de");
        assert_eq!(tag(Language::English, "de-DE"), "");
    }
}
