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
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    #[test]
    fn every_sentence_is_translated_and_no_other() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let sources: Vec<String> = slint_files(&root.join("ui")).iter().map(|file| read(file)).collect();
        let said: BTreeSet<String> = sources.iter().flat_map(|text| strings_after(text, "@tr(")).collect();
        assert!(said.len() > 100, "{} sentences were found", said.len());
        for language in ["de", "zh_TW"] {
            let file = root.join("lang").join(language).join("LC_MESSAGES/client-slint.po");
            let text = read(&file);
            let entries = text.split("\n\n").skip(1).filter(|entry| entry.contains("msgid"));
            let translated = |entry: &str| -> String {
                let id = strings_after(entry, "msgid ").into_iter().next().expect("an entry has an id");
                let words: Vec<String> =
                    strings_after(entry, "msgstr ").into_iter().chain(strings_after(entry, "] ")).collect();
                assert!(words.iter().all(|words| !words.is_empty()) && !words.is_empty(), "{language}: {id}");
                let gaps = |text: &str| text.matches('{').count();
                assert!(words.iter().all(|words| gaps(words) == gaps(&id)), "{language}: the gaps of {id}");
                id
            };
            assert_eq!(entries.map(translated).collect::<BTreeSet<_>>(), said, "{language}");
        }
    }

    fn slint_files(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let files = entries.flat_map(|path| if path.is_dir() { slint_files(&path) } else { vec![path] });
        files.filter(|path| path.extension().is_some_and(|extension| extension == "slint")).collect()
    }

    fn read(file: &Path) -> String {
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    /// What stands in quotes right behind each `mark`.
    fn strings_after(text: &str, mark: &str) -> Vec<String> {
        let starts = text.match_indices(mark).filter_map(|(at, _)| text[at + mark.len()..].strip_prefix('"'));
        starts
            .map(|rest| {
                let mut is_escaped = false;
                let end = rest.find(|c| {
                    let is_end = c == '"' && !is_escaped;
                    is_escaped = c == '\\' && !is_escaped;
                    is_end
                });
                rest[..end.expect("a string ends")].to_owned()
            })
            .collect()
    }

    #[test]
    fn the_systems_language_is_taken_where_there_is_a_translation() {
        assert_eq!(tag(Language::System, "de-AT"), "de");
        assert_eq!(tag(Language::System, "zh-Hant-TW"), "zh_TW");
        assert_eq!(tag(Language::System, "fr-FR"), "");
        assert_eq!(tag(Language::German, "fr-FR"), "de");
        assert_eq!(tag(Language::English, "de-DE"), "");
    }
}
