//! Certificates and keys in their text form, PEM.
//!
//! Takes the content of a file and not its path: reading files is up to the caller, and so is naming the
//! file when it reports a [`PemError`].

use std::error::Error;
use std::fmt;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// All certificates in `text`, in their order: a chain, with the server's own first, or authorities.
///
/// Other sections are passed over, so a file with chain and key will do.
///
/// # Errors
/// When there is none, or a section is damaged.
pub fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(text).collect::<Result<_, _>>()?;
    if found.is_empty() {
        return Err(PemError::NoCertificate);
    }
    Ok(found)
}

/// The first private key in `text`: PKCS#8, or the older forms of RSA and EC keys, not encrypted.
///
/// # Errors
/// When there is none, it is encrypted, or a section before it is damaged.
pub fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, PemError> {
    match PrivateKeyDer::from_pem_slice(text) {
        Err(pem::Error::NoItemsFound) if contains(text, b"-----BEGIN ENCRYPTED PRIVATE KEY") => {
            Err(PemError::EncryptedPrivateKey)
        }
        Err(pem::Error::NoItemsFound) => Err(PemError::NoPrivateKey),
        result => Ok(result?),
    }
}

/// What is wrong with a PEM text.
#[derive(Debug)]
pub enum PemError {
    /// No section `CERTIFICATE` in it.
    NoCertificate,
    /// No section with a private key in it.
    NoPrivateKey,
    /// The private key needs a password, and a server has nobody to ask for one.
    EncryptedPrivateKey,
    /// A section has no end, or a bad first line.
    Section(pem::Error),
    /// What stands between the first and the last line of a section is not base64.
    Base64,
}

impl From<pem::Error> for PemError {
    fn from(error: pem::Error) -> PemError {
        match error {
            pem::Error::Base64Decode(_) => PemError::Base64,
            error => PemError::Section(error),
        }
    }
}

impl fmt::Display for PemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PemError::NoCertificate => f.write_str("there is no certificate in it (\"BEGIN CERTIFICATE\")"),
            PemError::NoPrivateKey => f.write_str("there is no private key in it (\"BEGIN PRIVATE KEY\")"),
            PemError::EncryptedPrivateKey => {
                f.write_str("the private key in it is encrypted; `openssl pkey` can take the password off")
            }
            PemError::Section(error) => write!(f, "a section of it is damaged: {error}"),
            PemError::Base64 => f.write_str("a section of it is damaged: its content is not base64"),
        }
    }
}

impl Error for PemError {}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMAMCAQI=\n-----END PRIVATE KEY-----\n";

    #[test]
    fn a_chain_keeps_its_order() {
        let second = CERTIFICATE.replace("QE=", "QM=");
        let chain = certificates(format!("{CERTIFICATE}{second}").as_bytes()).unwrap();
        let ders: Vec<&[u8]> = chain.iter().map(|certificate| certificate.as_ref()).collect();
        assert_eq!(ders, [[0x30, 3, 2, 1, 1], [0x30, 3, 2, 1, 3]]);
    }

    #[test]
    fn a_file_with_both_gives_both() {
        let both = format!("Somebody's notes\n{KEY}{CERTIFICATE}");
        assert_eq!(certificates(both.as_bytes()).unwrap().len(), 1);
        assert_eq!(private_key(both.as_bytes()).unwrap().secret_der(), [0x30, 3, 2, 1, 2]);
    }

    #[test]
    fn lines_may_end_as_on_windows() {
        assert_eq!(certificates(CERTIFICATE.replace('\n', "\r\n").as_bytes()).unwrap().len(), 1);
    }

    #[test]
    fn errors_name_what_is_wrong() {
        fn check<T: fmt::Debug>(result: Result<T, PemError>, why: &str) {
            assert_eq!(result.unwrap_err().to_string(), why);
        }
        let (no_end, base64) = (&KEY[..KEY.len() - 10], KEY.replace("MAMC", "M?MC"));
        let encrypted = KEY.replace("PRIVATE", "ENCRYPTED PRIVATE");
        check(certificates(b""), "there is no certificate in it (\"BEGIN CERTIFICATE\")");
        check(certificates(KEY.as_bytes()), "there is no certificate in it (\"BEGIN CERTIFICATE\")");
        check(private_key(CERTIFICATE.as_bytes()), "there is no private key in it (\"BEGIN PRIVATE KEY\")");
        check(
            private_key(encrypted.as_bytes()),
            "the private key in it is encrypted; `openssl pkey` can take the password off",
        );
        check(private_key(base64.as_bytes()), "a section of it is damaged: its content is not base64");
        let error = private_key(no_end.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("a section of it is damaged: "), "{error}");
    }
}
