//! Every input in `fuzz/corpus` that was worth keeping, given to its fuzz target.

#![allow(clippy::unwrap_used, reason = "what cannot be read here fails the test, as it should")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Failed, Trial};
use testkit::fuzz::TARGETS;

fn main() {
    let mut tests: Vec<Trial> = TARGETS
        .into_iter()
        .map(|(name, body)| Trial::test(name, move || replay(&folder("corpus").join(name), body)))
        .collect();
    tests.push(Trial::test("each target has a body, a file and a corpus", check_lists));
    tests.push(Trial::test("the corpora are small", check_size));
    libtest_mimic::run(&Arguments::from_args(), tests).exit();
}

fn replay(corpus: &Path, body: fn(&[u8])) -> Result<(), Failed> {
    for file in files(corpus) {
        let input = fs::read(&file).unwrap();
        if catch_unwind(|| body(&input)).is_err() {
            return Err(format!("fails: {}", file.display()).into());
        }
    }
    Ok(())
}

fn check_lists() -> Result<(), Failed> {
    let bodies: BTreeSet<String> = TARGETS.map(|(name, _)| name.to_owned()).into();
    assert_eq!(names("fuzz_targets"), bodies, "fuzz/fuzz_targets and testkit::fuzz::TARGETS");
    assert_eq!(names("corpus"), bodies, "fuzz/corpus and testkit::fuzz::TARGETS");
    let manifest: toml::Table = fs::read_to_string(folder("Cargo.toml")).unwrap().parse().unwrap();
    for target in &bodies {
        let binaries = manifest["bin"].as_array().unwrap();
        assert!(
            binaries.iter().any(|binary| binary["name"].as_str() == Some(target)),
            "{target} is not in Cargo.toml"
        );
        assert!(!files(&folder("corpus").join(target)).is_empty(), "{target} has no corpus");
        let text = fs::read_to_string(folder("fuzz_targets").join(format!("{target}.rs"))).unwrap();
        assert!(
            text.starts_with("//! ") && text.contains(&format!("testkit::fuzz::{target}")),
            "{target}.rs"
        );
    }
    Ok(())
}

fn check_size() -> Result<(), Failed> {
    let files = TARGETS.iter().flat_map(|(name, _)| files(&folder("corpus").join(name)));
    let bytes: u64 = files.map(|file| fs::metadata(file).unwrap().len()).sum();
    assert!(bytes <= CORPORA_BYTES_MAX, "the corpora have {bytes} bytes; distil them");
    Ok(())
}

/// The stems of what is in a folder of `fuzz/`.
fn names(inner: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(folder(inner)).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// The inputs that are kept; those that libFuzzer found here, by names of 40 digits, are not.
fn files(corpus: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.file_name().unwrap().len() != 40).collect();
    files.sort();
    files
}

fn folder(inner: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(inner)
}

/// Whoever clones the project gets them.
const CORPORA_BYTES_MAX: u64 = 400 * 1024;
