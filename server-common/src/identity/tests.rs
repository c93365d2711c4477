use std::fs;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tempfile::TempDir;

use super::*;

/// A data folder, and beside it a place for an operator's own files.
struct Place {
    folder: TempDir,
    data: DataDir,
}

impl Place {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let data = DataDir::open(&folder.path().join("data")).unwrap();
        Self { folder, data }
    }

    fn open(&self) -> Result<Identity, IdentityError> {
        Identity::open(&self.data, None)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.data.path().join(name)
    }

    /// Writes what an operator gives, readable by its owner alone.
    fn give(&self, cert: &str, key: &str) -> CertificateFiles {
        let files = CertificateFiles {
            cert: self.folder.path().join("c.pem"),
            key: self.folder.path().join("k.pem"),
        };
        for (path, text) in [(&files.cert, cert), (&files.key, key)] {
            let _ = fs::remove_file(path);
            let mut file =
                unix::private_file(OpenOptions::new().write(true).create_new(true)).open(path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }
        files
    }

    #[track_caller]
    fn check_refused(&self, given: Option<&CertificateFiles>, parts: &[&str]) {
        let error = Identity::open(&self.data, given).expect_err("it cannot be used").to_string();
        for part in parts {
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

/// A certificate and its key, valid in these years.
fn pair(from: i32, to: i32) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["chat.example".to_owned()]).unwrap();
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(to, 1, 1);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[test]
fn an_identity_is_made_once_and_stays() {
    let place = Place::new();
    let first = place.open().unwrap();
    let cert = place.file(CERT);
    assert_eq!(first.origin, Origin::SelfMade { cert: cert.clone(), is_new: true });
    assert_eq!(first.warnings, [""; 0]);
    let bytes = || (fs::read(place.file(KEY)).unwrap(), fs::read(place.file(CERT)).unwrap());
    let before = bytes();
    let second = place.open().unwrap();
    assert_eq!(second.origin, Origin::SelfMade { cert, is_new: false });
    assert_eq!(second.tls.fingerprint(), first.tls.fingerprint());
    assert_eq!(bytes(), before);
    let mut names: Vec<_> =
        fs::read_dir(place.data.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["chatroom.lock", CERT, KEY], "nothing unfinished is left");
}

#[test]
fn a_certificate_that_is_gone_is_made_again_for_the_same_key() {
    let place = Place::new();
    let first = place.open().unwrap();
    fs::remove_file(place.file(CERT)).unwrap();
    let second = place.open().unwrap();
    assert_eq!(second.tls.fingerprint(), first.tls.fingerprint());
    assert!(matches!(second.origin, Origin::SelfMade { is_new: false, .. }));
}

#[test]
fn whatever_a_crash_leaves_the_next_start_goes_on_from_it() {
    let place = Place::new();
    // In the middle of writing the key.
    fs::write(place.file("server.unfinished"), "-----BEGIN PRIV").unwrap();
    let first = place.open().unwrap();
    // In the middle of writing the certificate.
    fs::rename(place.file(CERT), place.file("server.unfinished")).unwrap();
    let second = place.open().unwrap();
    assert_eq!(second.tls.fingerprint(), first.tls.fingerprint());
    assert!(!place.file("server.unfinished").exists());
}

#[test]
fn a_damaged_key_stops_the_start_and_is_kept() {
    let place = Place::new();
    place.open().unwrap();
    let text = fs::read_to_string(place.file(KEY)).unwrap();
    for damaged in ["", "no key at all", &text[..text.len() / 2], &text.replace("MIG", "MIH")] {
        fs::write(place.file(KEY), damaged).unwrap();
        place.check_refused(None, &["server.key: ", "restore server.key from a backup, or remove"]);
        assert_eq!(fs::read_to_string(place.file(KEY)).unwrap(), damaged);
        // Without the certificate it is all the same: no key is made in the place of one that is there.
        let cert = fs::read(place.file(CERT)).unwrap();
        fs::remove_file(place.file(CERT)).unwrap();
        place.check_refused(None, &["server.key: ", "restore server.key from a backup, or remove"]);
        fs::write(place.file(CERT), cert).unwrap();
    }
}

#[test]
fn a_key_that_is_gone_stops_the_start() {
    let place = Place::new();
    place.open().unwrap();
    fs::remove_file(place.file(KEY)).unwrap();
    place
        .check_refused(None, &["server.key: the private key is missing", "restore server.key from a backup"]);
    assert!(!place.file(KEY).exists());
}

#[test]
fn a_certificate_that_does_not_fit_may_go() {
    let place = Place::new();
    place.open().unwrap();
    fs::write(place.file(CERT), pair(2000, 9999).0).unwrap();
    place.check_refused(None, &["server.crt: the certificate does not belong to the key", "made again"]);
    fs::write(place.file(CERT), "").unwrap();
    place.check_refused(None, &["server.crt: there is no certificate in it", "made again"]);
    fs::write(place.file(CERT), "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n")
        .unwrap();
    place.check_refused(None, &["server.crt: it is not usable", "made again"]);
}

#[test]
fn a_given_certificate_is_used() {
    let place = Place::new();
    let (cert, key) = pair(2000, 9999);
    let files = place.give(&cert, &key);
    let identity = Identity::open(&place.data, Some(&files)).unwrap();
    assert_eq!(identity.origin, Origin::Given(files));
    assert_eq!(identity.warnings, [""; 0]);
    let own = pem::certificates(cert.as_bytes()).unwrap();
    assert_eq!(Ok(identity.tls.fingerprint()), tls::Fingerprint::of_certificate(&own[0]));
    assert!(!place.file(KEY).exists(), "nothing is made beside it");
}

#[test]
fn a_given_certificate_that_cannot_be_used_stops_the_start() {
    let place = Place::new();
    let ((cert, key), (_, other_key)) = (pair(2000, 9999), pair(2000, 9999));
    let missing = CertificateFiles { cert: "/nowhere/c.pem".into(), key: "/nowhere/k.pem".into() };
    place.check_refused(Some(&missing), &["/nowhere/c.pem: it cannot be read", "check --cert and --key"]);
    for (cert, key, parts) in [
        (
            cert.as_str(),
            other_key.as_str(),
            ["c.pem: the certificate does not belong to the key in ", "k.pem; give"],
        ),
        (key.as_str(), cert.as_str(), ["c.pem: there is no certificate in it", "; give a certificate chain"]),
        (cert.as_str(), "", ["k.pem: there is no private key in it", "; give a certificate chain"]),
        (
            cert.as_str(),
            &key[..key.len() / 2],
            ["k.pem: a section of it is damaged", "; give a certificate chain"],
        ),
    ] {
        let files = place.give(cert, key);
        place.check_refused(Some(&files), &parts);
    }
    assert!(!place.file(KEY).exists(), "there is no fallback");
}

#[test]
fn dates_are_worth_a_warning() {
    let place = Place::new();
    for (from, to, warning) in [(2000, 2001, "has expired"), (9000, 9999, "is not valid yet")] {
        let (cert, key) = pair(from, to);
        let identity = Identity::open(&place.data, Some(&place.give(&cert, &key))).unwrap();
        let [only] = &identity.warnings[..] else { panic!("{:?}", identity.warnings) };
        assert!(only.contains("c.pem: the certificate ") && only.contains(warning), "{only}");
    }
}

#[cfg(unix)]
#[test]
fn the_key_is_its_owners_alone_and_a_given_one_should_be() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = Place::new();
    place.open().unwrap();
    assert_eq!(fs::metadata(place.file(KEY)).unwrap().permissions().mode() & 0o777, 0o600);
    for mode in [0o640, 0o604, 0o660] {
        fs::set_permissions(place.file(KEY), fs::Permissions::from_mode(mode)).unwrap();
        let identity = place.open().unwrap();
        let [only] = &identity.warnings[..] else { panic!("{:?}", identity.warnings) };
        assert!(only.contains("server.key: others than the owner"), "{only}");
    }
}

#[test]
fn a_folder_without_a_server_is_told_from_one_that_cannot_be_read() {
    let place = Place::new();
    let error = Identity::existing(place.file(CERT).parent().unwrap(), None).unwrap_err().to_string();
    assert!(
        error.contains("server.crt: ") && error.contains("start a server with this folder once"),
        "{error}"
    );
}

#[test]
fn debug_output_has_no_key() {
    let place = Place::new();
    let identity = place.open().unwrap();
    let key = fs::read_to_string(place.file(KEY)).unwrap();
    let secret = key.lines().nth(1).unwrap();
    assert!(!format!("{identity:?}").contains(&secret[..20]));
}
