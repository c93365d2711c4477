//! Rules that matter and that no compiler checks.

#![allow(clippy::unwrap_used, reason = "what cannot be read here fails the test, as it should")]

use std::fs;
use std::path::{Path, PathBuf};

use toml::Table;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is in a workspace").to_owned()
}

/// Every Rust file below a folder of the project, with its text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut folders = vec![root().join(folder)];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                sources.push((path, text));
            }
        }
    }
    assert!(!sources.is_empty(), "{folder} has no sources");
    sources
}

fn manifest(package: &str) -> Table {
    fs::read_to_string(root().join(package).join("Cargo.toml")).unwrap().parse().unwrap()
}

/// The code of a file, without its tests and comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = (1..).zip(text.lines()).take_while(|(_, line)| line.trim() != "#[cfg(test)]");
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn core_depends_on_what_it_may_and_nothing_else() {
    let manifest = manifest("core");
    let dependencies: Vec<&String> = manifest["dependencies"].as_table().unwrap().keys().collect();
    assert_eq!(dependencies, ["serde", "serde_json", "zeroize"]);
}

#[test]
fn core_names_nothing_that_does_something() {
    let lib = fs::read_to_string(root().join("core/src/lib.rs")).unwrap();
    assert!(lib.contains("#![no_std]") && lib.contains("#![forbid(unsafe_code)]"));
    for (path, text) in sources("core/src") {
        if path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        for (number, line) in code(&text).filter(|(_, line)| !line.contains("extern crate std;")) {
            for word in ["std::", "HashMap", "HashSet", "SystemTime", "async ", "unsafe "] {
                let names = line.match_indices(word).any(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
                });
                assert!(!names, "{}:{number} names {word}: {line}", path.display());
            }
        }
    }
}

#[test]
fn sockets_and_the_database_are_where_they_belong() {
    for (folder, words) in [
        ("core/src", &["TcpStream", "TcpListener", "rusqlite"][..]),
        (
            "tls/src",
            &["TcpStream", "TcpListener", "complete_io", "rustls::Stream", "StreamOwned", "rusqlite"],
        ),
        ("server-common/src", &["TcpStream", "complete_io"]),
        ("server-std/src", &["rusqlite", "rustls", "smol"]),
        ("server-smol/src", &["rusqlite", "rustls", "smol::spawn("]),
    ] {
        for (path, text) in sources(folder) {
            for (number, line) in code(&text) {
                for word in words {
                    assert!(!line.contains(word), "{}:{number} names {word}: {line}", path.display());
                }
            }
        }
    }
}

#[test]
fn nothing_is_left_for_later() {
    for folder in
        ["core", "models", "tls", "monitor", "server-common", "server-std", "server-smol", "testkit/src"]
    {
        for (path, text) in sources(folder) {
            for word in [
                concat!("to", "do!"),
                concat!("unimple", "mented!"),
                concat!("TO", "DO"),
                concat!("FIX", "ME"),
            ] {
                assert!(!text.contains(word), "{} has a {word}", path.display());
            }
        }
    }
}

#[test]
fn no_private_key_is_kept() {
    let mut folders = vec![root()];
    // A header alone is none: tests of what cannot be read have those.
    let holds_key = |text: &str| {
        let lines = text.lines().zip(text.lines().skip(1));
        lines.filter(|(line, _)| line.ends_with("PRIVATE KEY-----")).any(|(_, next)| next.trim().len() > 40)
    };
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                // What is built, what git keeps, and the development certificates that it is told to ignore.
                if !["target", ".git", "dev"].contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if let Ok(text) = fs::read_to_string(&path) {
                assert!(!holds_key(&text), "{} holds a private key", path.display());
            }
        }
    }
}

#[test]
fn a_workspace_member_keeps_the_workspaces_lints() {
    for package in ["core", "models", "tls", "server-common", "server-std", "server-smol", "testkit"] {
        assert_eq!(manifest(package)["lints"]["workspace"].as_bool(), Some(true), "{package}");
    }
}

/// Reads the last column of the tables: transcripts, tests, fuzz targets, programs, files.
#[test]
fn what_shows_that_a_threat_is_met_exists() {
    let folders =
        ["client-slint/src", "core/src", "server-common/src", "testkit/src", "testkit/tests", "tls/src"];
    let texts: Vec<String> =
        folders.iter().flat_map(|folder| sources(folder)).map(|(_, text)| text).collect();
    let is_there = |name: &str| {
        root().join(name).exists()
            || root().join("testkit/transcripts").join(name).exists()
            || ["fuzz/fuzz_targets", "testkit/src/bin"]
                .iter()
                .any(|folder| root().join(folder).join(format!("{name}.rs")).exists())
            || texts.iter().any(|text| text.contains(&format!("fn {name}(")))
    };
    let page = fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    let mut cited = 0;
    for row in rows {
        let shown_by = row.trim_end_matches([' ', '|']).rsplit(" | ").next().unwrap();
        for name in shown_by.split('`').skip(1).step_by(2) {
            assert!(is_there(name), "SECURITY.md: there is no {name}");
            cited += 1;
        }
    }
    assert!(cited >= 80, "only {cited} were found in the tables");
}
