//! A password that everybody in the tests has, so that one found where none belongs sings.
//!
//! Every test with a real program looks for it when the program has ended: in all that it said, and in every file that it
//! left.

use std::fs;
use std::path::{Path, PathBuf};

use crate::check::PASSWORD;

/// Whether the password is in a text.
pub fn is_in(text: &str) -> bool {
    text.contains(PASSWORD)
}

/// The first file in a folder, or below it, that the password is in.
pub fn find_in(folder: &Path) -> Option<PathBuf> {
    let paths = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    paths.into_iter().find_map(|path| {
        if path.is_dir() {
            return find_in(&path);
        }
        let bytes = fs::read(&path).unwrap_or_default();
        is_in(&String::from_utf8_lossy(&bytes)).then_some(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_between_bytes_that_are_no_text() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("data");
        fs::create_dir(&below).unwrap();
        fs::write(below.join("one"), [&[0xff, 0x00][..], b"correct hors", &[0xfe]].concat()).unwrap();
        assert_eq!(find_in(folder.path()), None);
        let two = below.join("two");
        fs::write(&two, [&[0xff, 0x00][..], PASSWORD.as_bytes(), &[0xfe]].concat()).unwrap();
        assert_eq!(find_in(folder.path()), Some(two));
    }
}
