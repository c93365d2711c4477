//! What a person chose, kept for the next start.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files;

/// Everything that is kept but the servers' keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Settings {
    /// The server of the last time, as it is typed.
    pub server: String,
    /// The account of the last time.
    pub username: Option<String>,
    /// The colours.
    pub theme: Theme,
    /// The language.
    pub language: Language,
    /// The size of the text, 1 being the usual one.
    pub text_scale: f32,
    /// Where the window was.
    pub window: Option<WindowPlace>,
}

/// Which colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Theme {
    /// As the system has them.
    #[default]
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// Which language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// The system's, where there is a translation.
    #[default]
    System,
    /// English.
    English,
    /// German.
    German,
    /// Chinese in traditional characters.
    Chinese,
}

/// A window's place, in logical pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowPlace {
    /// From the left.
    pub x: f32,
    /// From the top.
    pub y: f32,
    /// The width.
    pub width: f32,
    /// The height.
    pub height: f32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            server: format!("127.0.0.1:{}", crate::address::PORT),
            username: None,
            theme: Theme::default(),
            language: Language::default(),
            text_scale: 1.0,
            window: None,
        }
    }
}

impl Settings {
    /// Reads the file. One that is not there, or cannot be used, gives the defaults; for the latter also a sentence,
    /// for nobody should be kept from talking by a colour.
    pub fn load(path: &Path) -> (Self, Option<String>) {
        let read = files::read_or_empty(path)
            .map_err(|error| error.to_string())
            .and_then(|text| toml::from_str(&text).map_err(|error| error.message().to_owned()));
        match read {
            Ok(settings) => (Self::sane(settings), None),
            Err(why) => {
                let warning = format!("{}: {why}; the settings begin anew", path.display());
                (Self::default(), Some(warning))
            }
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When it cannot be written, with its name.
    pub fn save(&self, path: &Path) -> Result<(), String> {
        files::save(path, self)
    }

    /// Without what would leave a window that nobody can read or find.
    fn sane(self) -> Self {
        let scale = if self.text_scale.is_finite() { self.text_scale } else { 1.0 };
        let window = self.window.filter(|place| {
            [place.x, place.y].iter().all(|at| (-4_000.0..16_000.0).contains(at))
                && [place.width, place.height].iter().all(|length| (200.0..16_000.0).contains(length))
        });
        Self { text_scale: scale.clamp(TEXT_SCALE_MIN, TEXT_SCALE_MAX), window, ..self }
    }
}

/// The smallest text.
pub const TEXT_SCALE_MIN: f32 = 0.7;

/// The largest text.
pub const TEXT_SCALE_MAX: f32 = 2.0;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_was_chosen_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("window.toml");
        assert_eq!(Settings::load(&path), (Settings::default(), None));
        let settings = Settings {
            theme: Theme::Dark,
            language: Language::Chinese,
            username: Some("ann".into()),
            window: Some(WindowPlace { x: 5.0, y: -7.0, width: 800.0, height: 600.0 }),
            ..Settings::default()
        };
        settings.save(&path).unwrap();
        assert_eq!(Settings::load(&path), (settings, None));
    }

    #[test]
    fn a_file_that_cannot_be_used_begins_anew_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("window.toml");
        fs::write(&path, "theme = \"pink\"").unwrap();
        let (settings, warning) = Settings::load(&path);
        assert_eq!(settings, Settings::default());
        assert!(warning.unwrap().contains("window.toml: "));
    }

    #[test]
    fn a_window_that_nobody_could_find_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("window.toml");
        fs::write(
            &path,
            "text-scale = 40.0\nunknown = 1\n[window]\nx = 1e9\ny = 0\nwidth = 800.0\nheight = 600.0",
        )
        .unwrap();
        let (settings, warning) = Settings::load(&path);
        assert_eq!((settings.text_scale, settings.window, warning), (TEXT_SCALE_MAX, None, None));
    }
}
