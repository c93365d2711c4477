//! What this computer remembers of the servers it met: trust on first use.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tls::Fingerprint;

use crate::address::ServerAddress;
use crate::files;

/// How a server is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// By its key, that a person looked at once, or that a link brought along.
    Key(Fingerprint),
    /// By a public authority, which vouched for it the first time and has to ever after.
    Authority,
}

/// The file of known servers, an address and what it is known by in each line.
#[derive(Debug)]
pub struct KnownServers {
    path: PathBuf,
    servers: BTreeMap<String, String>,
}

impl KnownServers {
    /// Reads the file; one that is not there yet knows nobody.
    ///
    /// # Errors
    /// A file that cannot be read or understood is never written over: without it, every server would be a new one,
    /// and whoever stands in for one would be believed.
    pub fn open(path: &Path) -> Result<Self, String> {
        let broken = |why: String| {
            format!(
                "{}: {why}; repair it, or move it away and every server is asked about again",
                path.display()
            )
        };
        let text = files::read_or_empty(path).map_err(|error| broken(error.to_string()))?;
        let servers: BTreeMap<String, String> =
            toml::from_str(&text).map_err(|error| broken(error.message().to_owned()))?;
        for (address, known) in &servers {
            parse(known).ok_or_else(|| {
                broken(format!(
                    "\"{address}\" is known by \"{known}\", which is neither a fingerprint nor \"authority\""
                ))
            })?;
        }
        Ok(Self { path: path.to_owned(), servers })
    }

    /// How a server is known, if it is.
    pub fn get(&self, address: &ServerAddress) -> Option<Known> {
        self.servers.get(&address.to_string()).and_then(|known| parse(known))
    }

    /// Knows a server by this from now on.
    ///
    /// # Errors
    /// When the file cannot be written, with its name. It is known all the same, until the program ends.
    pub fn remember(&mut self, address: &ServerAddress, known: Known) -> Result<(), String> {
        let text = match known {
            Known::Key(fingerprint) => fingerprint.to_string(),
            Known::Authority => AUTHORITY.to_owned(),
        };
        self.servers.insert(address.to_string(), text);
        files::save(&self.path, &self.servers)
    }
}

fn parse(text: &str) -> Option<Known> {
    match text {
        AUTHORITY => Some(Known::Authority),
        key => key.parse().ok().map(Known::Key),
    }
}

const AUTHORITY: &str = "authority";

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn who_was_met_is_known_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a").join("known-servers.toml");
        let key = Known::Key(Fingerprint::of_public_key(b"key"));
        let (one, two): (ServerAddress, ServerAddress) =
            ("one.example".parse().unwrap(), "[2001:db8::1]:7".parse().unwrap());
        let mut known = KnownServers::open(&path).unwrap();
        assert_eq!(known.get(&one), None);
        known.remember(&one, key).unwrap();
        known.remember(&two, Known::Authority).unwrap();
        let known = KnownServers::open(&path).unwrap();
        assert_eq!((known.get(&one), known.get(&two)), (Some(key), Some(Known::Authority)));
    }

    #[test]
    fn a_damaged_file_is_named_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known-servers.toml");
        for text in ["\"a:1\" = \"md5:00\"", "not toml", "a = 1"] {
            fs::write(&path, text).unwrap();
            let error = KnownServers::open(&path).unwrap_err();
            assert!(error.contains("known-servers.toml: ") && error.contains("repair it"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known-servers.toml");
        let mut known = KnownServers::open(&path).unwrap();
        known.remember(&"one.example".parse().unwrap(), Known::Authority).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
