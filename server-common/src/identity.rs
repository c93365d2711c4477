//! Who the server is on the wire: a key and a certificate over it.
//!
//! A server that is given no certificate makes its own at the first start, `server.key` and `server.crt` in the data
//! folder, and keeps it. Clients know such a server by the fingerprint of its key, so the key is never replaced
//! behind anybody's back: what is missing or damaged beside it stops the start, but for the certificate, which can be
//! made from the key again and again without the fingerprint changing.

use std::error::Error;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, date_time_ymd};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tls::pem;
use zeroize::Zeroizing;

use crate::config::CertificateFiles;
use crate::data::DataDir;
use crate::unix;

/// A server's identity, ready to serve with.
#[derive(Clone, Debug)]
pub struct Identity {
    /// What every connection of the server begins with; it knows the fingerprint.
    pub tls: tls::ServerConfig,
    /// Where key and certificate come from.
    pub origin: Origin,
    /// What the operator should look at, a sentence each. They are in the log already.
    pub warnings: Vec<String>,
}

/// Where an identity comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The operator gave these files.
    Given(CertificateFiles),
    /// The server made it.
    SelfMade {
        /// The certificate, for whoever wants to hand it to a client.
        cert: PathBuf,
        /// At this start: nobody can know the fingerprint yet.
        is_new: bool,
    },
}

impl Identity {
    /// The identity in `given`, or without that, the self-made one in the data folder.
    ///
    /// # Errors
    /// When a file cannot be read or written, holds nothing usable, or the key is not the certificate's. What was
    /// given and cannot be used is never replaced by something else.
    pub fn open(data: &DataDir, given: Option<&CertificateFiles>) -> Result<Self, IdentityError> {
        let (files, origin) = match given {
            Some(given) => (given.clone(), Origin::Given(given.clone())),
            None => {
                let files = self_made(data.path());
                let is_new = make_what_is_missing(data.path(), &files)?;
                let cert = files.cert.clone();
                (files, Origin::SelfMade { cert, is_new })
            }
        };
        let identity = Self::load(&files, origin)?;
        for warning in &identity.warnings {
            tracing::warn!("{warning}");
        }
        Ok(identity)
    }

    /// The same of a data folder that another process may have; nothing is made or logged.
    ///
    /// # Errors
    /// As [`open`](Self::open), and when a file is missing.
    pub fn existing(folder: &Path, given: Option<&CertificateFiles>) -> Result<Self, IdentityError> {
        match given {
            Some(given) => Self::load(given, Origin::Given(given.clone())),
            None => {
                let files = self_made(folder);
                let origin = Origin::SelfMade { cert: files.cert.clone(), is_new: false };
                Self::load(&files, origin)
            }
        }
    }

    fn load(files: &CertificateFiles, origin: Origin) -> Result<Self, IdentityError> {
        let mut warnings = Vec::new();
        let tls = load(files, &mut warnings).map_err(|(path, cause)| IdentityError {
            remedy: remedy(&origin, &cause),
            path,
            cause,
        })?;
        Ok(Self { tls, origin, warnings })
    }
}

fn self_made(folder: &Path) -> CertificateFiles {
    CertificateFiles { cert: folder.join(CERT), key: folder.join(KEY) }
}

/// Reads what is there, and checks that it fits together.
fn load(files: &CertificateFiles, warnings: &mut Vec<String>) -> Result<tls::ServerConfig, (PathBuf, Cause)> {
    let CertificateFiles { cert, key } = files;
    let of_cert = |cause| (cert.clone(), cause);
    let of_key = |cause| (key.clone(), cause);
    let chain = fs::read(cert).map_err(|error| of_cert(Cause::Read(error)))?;
    let chain = pem::certificates(&chain).map_err(|error| of_cert(Cause::Pem(error)))?;
    let private_key = read_key(key, warnings).map_err(of_key)?;
    let own = chain.first().cloned();
    let config = tls::ServerConfig::new(chain, private_key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => of_cert(Cause::OtherKey(key.clone())),
        rustls::Error::InvalidCertificate(_) => of_cert(Cause::Unusable(error)),
        error => of_key(Cause::Unusable(error)),
    })?;
    if let Some(complaint) = own.and_then(|own| dates(&own)) {
        warnings.push(format!(
            "{}: the certificate {complaint}; clients that check it will refuse",
            cert.display()
        ));
    }
    Ok(config)
}

fn read_key(path: &Path, warnings: &mut Vec<String>) -> Result<PrivateKeyDer<'static>, Cause> {
    if unix::others_may_read(&fs::metadata(path).map_err(Cause::Read)?) {
        warnings.push(format!(
            "{}: others than the owner have rights to the private key; take them away with chmod 600",
            path.display()
        ));
    }
    let text = Zeroizing::new(fs::read(path).map_err(Cause::Read)?);
    pem::private_key(&text).map_err(Cause::Pem)
}

/// What is wrong with a certificate's dates, if anything.
///
/// Looks at it as a client would that trusts it: dates are the first thing that is judged, and whatever is said of
/// the rest, whom to trust is the clients' business.
fn dates(certificate: &CertificateDer<'_>) -> Option<&'static str> {
    use rustls::client::danger::ServerCertVerifier as _;

    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone().into_owned()).ok()?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().ok()?;
    let name = ServerName::try_from("localhost").ok()?;
    match verifier.verify_server_cert(certificate, &[], &name, &[], UnixTime::now()).err()? {
        rustls::Error::InvalidCertificate(why) => match why {
            rustls::CertificateError::Expired | rustls::CertificateError::ExpiredContext { .. } => {
                Some("has expired")
            }
            rustls::CertificateError::NotValidYet | rustls::CertificateError::NotValidYetContext { .. } => {
                Some("is not valid yet, or this machine's clock is wrong")
            }
            _ => None,
        },
        _ => None,
    }
}

/// Makes the key, if this is the first start, and the certificate, if there is none. Says whether the key is new.
///
/// The key comes first and each file appears whole, so that whatever a crash leaves is what this can go on from.
fn make_what_is_missing(folder: &Path, files: &CertificateFiles) -> Result<bool, IdentityError> {
    let CertificateFiles { cert, key } = files;
    let error = |path: &Path, cause| IdentityError {
        remedy: remedy(&Origin::SelfMade { cert: cert.clone(), is_new: false }, &cause),
        path: path.to_owned(),
        cause,
    };
    let has_key = exists(key).map_err(|e| error(key, Cause::Read(e)))?;
    let has_cert = exists(cert).map_err(|e| error(cert, Cause::Read(e)))?;
    if has_key && has_cert {
        return Ok(false);
    }
    if has_cert {
        return Err(error(key, Cause::Gone));
    }
    let pair = if has_key {
        let text = Zeroizing::new(fs::read_to_string(key).map_err(|e| error(key, Cause::Read(e)))?);
        KeyPair::from_pem(&text).map_err(|e| error(key, Cause::Make(e)))?
    } else {
        let pair =
            KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(|e| error(key, Cause::Make(e)))?;
        let text = Zeroizing::new(pair.serialize_pem());
        write_whole(folder, key, text.as_bytes()).map_err(|e| error(key, Cause::Write(e)))?;
        pair
    };
    let certificate = self_signed(&pair).map_err(|e| error(cert, Cause::Make(e)))?;
    write_whole(folder, cert, certificate.pem().as_bytes()).map_err(|e| error(cert, Cause::Write(e)))?;
    Ok(!has_key)
}

fn self_signed(key: &KeyPair) -> Result<rcgen::Certificate, rcgen::Error> {
    let mut params = CertificateParams::new(["localhost", "127.0.0.1", "::1"].map(str::to_owned))?;
    params.distinguished_name.push(DnType::CommonName, "Chatroom server");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Who pins the key is not helped by its certificate ending, and a clock that is wrong must not stop the chat. The
    // last day there is, is how RFC 5280 (4.1.2.5) says "no end".
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(9999, 12, 31);
    params.self_signed(key)
}

/// Writes a file so that, whenever the power goes, it is there whole or not at all.
fn write_whole(folder: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    // From a start that was interrupted. The folder is locked, so it is nobody's work in progress.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file: File =
        unix::private_file(OpenOptions::new().write(true).create_new(true)).open(&unfinished)?;
    file.write_all(content)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&unfinished, path)?;
    unix::sync_dir(folder)
}

/// Whether there is something of that name. A name that leads nowhere counts: it is not ours to replace.
fn exists(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Why there is no identity: which file, what is wrong with it, and what to do.
#[derive(Debug)]
pub struct IdentityError {
    path: PathBuf,
    cause: Cause,
    remedy: &'static str,
}

#[derive(Debug)]
enum Cause {
    Read(io::Error),
    Write(io::Error),
    Pem(pem::PemError),
    /// The certificate is not over the key in this file.
    OtherKey(PathBuf),
    Unusable(rustls::Error),
    Make(rcgen::Error),
    /// A key that must have been there is not.
    Gone,
}

fn remedy(origin: &Origin, cause: &Cause) -> &'static str {
    match (origin, cause) {
        (_, Cause::Write(_)) => "check the folder's permissions and disk",
        (Origin::Given(_), Cause::Read(_)) => "check --cert and --key and the files' permissions",
        (Origin::Given(_), _) => "give a certificate chain and its own key in PEM with --cert and --key",
        (Origin::SelfMade { .. }, Cause::Read(error)) if error.kind() == io::ErrorKind::NotFound => {
            "start a server with this folder once, or name another one with --data-dir"
        }
        (Origin::SelfMade { .. }, Cause::Read(_)) => "check its permissions",
        // The certificate is nothing that the key could not give again, so it may go.
        (Origin::SelfMade { .. }, Cause::OtherKey(_)) => "remove it, and it is made again from the key",
        (Origin::SelfMade { .. }, Cause::Pem(pem::PemError::NoCertificate)) => {
            "remove it, and it is made again from server.key"
        }
        (Origin::SelfMade { .. }, Cause::Unusable(rustls::Error::InvalidCertificate(_))) => {
            "remove it, and it is made again from server.key"
        }
        (Origin::SelfMade { .. }, Cause::Pem(_) | Cause::Unusable(_) | Cause::Make(_) | Cause::Gone) => {
            "restore server.key from a backup, or remove server.key and server.crt for a new identity, of which every \
             client that knows this server will be warned"
        }
    }
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        match &self.cause {
            Cause::Read(error) => write!(f, "it cannot be read: {error}")?,
            Cause::Write(error) => write!(f, "it cannot be written: {error}")?,
            Cause::Pem(error) => error.fmt(f)?,
            Cause::OtherKey(key) => {
                write!(f, "the certificate does not belong to the key in {}", key.display())?
            }
            Cause::Unusable(error) => write!(f, "it is not usable: {error}")?,
            Cause::Make(error) => write!(f, "no certificate can be made with it: {error}")?,
            Cause::Gone => f.write_str("the private key is missing, but its certificate is there")?,
        }
        write!(f, "; {}", self.remedy)
    }
}

impl Error for IdentityError {}

const KEY: &str = "server.key";
const CERT: &str = "server.crt";

#[cfg(test)]
mod tests;
