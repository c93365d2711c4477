//! A short name for a public key.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;

/// The SHA-256 of a public key (of its DER SubjectPublicKeyInfo), by which a client can know a server
/// without any authority.
///
/// It is the key that has it and not the certificate, so a renewed certificate over the same key keeps
/// its fingerprint. Written `sha256:` and 64 lower-case hexadecimal digits; OpenSSL computes the same with
/// `openssl x509 -in server.pem -noout -pubkey | openssl pkey -pubin -outform DER | openssl sha256`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of the key in a certificate.
    ///
    /// # Errors
    /// When it is not an X.509 v3 certificate that can be read.
    pub fn of_certificate(certificate: &CertificateDer<'_>) -> Result<Fingerprint, rustls::Error> {
        let parsed = ParsedCertificate::try_from(certificate)?;
        Ok(Fingerprint::of_public_key(&parsed.subject_public_key_info()))
    }

    /// The fingerprint of a public key, given as a DER SubjectPublicKeyInfo. The bytes are hashed as they
    /// are.
    pub fn of_public_key(spki: &[u8]) -> Fingerprint {
        let hash = digest::digest(&digest::SHA256, spki);
        Fingerprint(hash.as_ref().try_into().expect("a SHA-256 has 32 bytes"))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Fingerprint, FingerprintError> {
        let hex = text.strip_prefix(PREFIX).ok_or(FingerprintError::Prefix)?;
        if let Some(wrong) = hex.chars().find(|c| !c.is_ascii_hexdigit()) {
            return Err(FingerprintError::Digit(wrong));
        }
        let (pairs, odd) = hex.as_bytes().as_chunks::<2>();
        if pairs.len() != 32 || !odd.is_empty() {
            return Err(FingerprintError::Length(hex.len()));
        }
        let mut bytes = [0; 32];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = nibble(*high) << 4 | nibble(*low);
        }
        Ok(Fingerprint(bytes))
    }
}

/// Why a text is not a [`Fingerprint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FingerprintError {
    /// It does not begin with `sha256:`.
    Prefix,
    /// This character stands where a hexadecimal digit should.
    Digit(char),
    /// It has this many digits, not 64.
    Length(usize),
}

impl fmt::Display for FingerprintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FingerprintError::Prefix => f.write_str("a fingerprint begins with \"sha256:\""),
            FingerprintError::Digit(wrong) => {
                write!(f, "a fingerprint has hexadecimal digits after \"sha256:\", not {wrong:?}")
            }
            FingerprintError::Length(digits) => {
                write!(f, "a fingerprint has 64 digits after \"sha256:\", this one has {digits}")
            }
        }
    }
}

impl Error for FingerprintError {}

/// The value of an ASCII hexadecimal digit, which the caller has checked it to be.
fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.to_ascii_lowercase() - b'a' + 10,
    }
}

const PREFIX: &str = "sha256:";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Authority, fingerprint_of};

    /// SHA-256 of "abc", the example of the standard.
    const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn prints_as_the_standard_example() {
        let fingerprint = Fingerprint::of_public_key(b"abc");
        assert_eq!(fingerprint.to_string(), ABC);
        assert_eq!(format!("{fingerprint:?}"), ABC);
    }

    #[test]
    fn what_is_printed_can_be_read() {
        assert_eq!(ABC.parse(), Ok(Fingerprint::of_public_key(b"abc")));
        let upper = format!("sha256:{}", ABC["sha256:".len()..].to_uppercase());
        assert_eq!(upper.parse(), Ok(Fingerprint::of_public_key(b"abc")));
    }

    #[test]
    fn anything_else_is_refused_with_its_reason() {
        fn check(text: &str, why: &str) {
            let error = text.parse::<Fingerprint>().unwrap_err();
            assert_eq!(error.to_string(), why, "{text:?}");
        }
        let (prefix, length) = ("a fingerprint begins with \"sha256:\"", "a fingerprint has 64 digits after");
        check("", prefix);
        check(&ABC["sha256:".len()..], prefix);
        check(&ABC.replace("sha256", "sha1"), prefix);
        check("sha256:", &format!("{length} \"sha256:\", this one has 0"));
        check(&ABC[..ABC.len() - 1], &format!("{length} \"sha256:\", this one has 63"));
        check(&format!("{ABC}0"), &format!("{length} \"sha256:\", this one has 65"));
        check(&format!("{ABC}00"), &format!("{length} \"sha256:\", this one has 66"));
        check("sha256:xy", "a fingerprint has hexadecimal digits after \"sha256:\", not 'x'");
        check("sha256:é", "a fingerprint has hexadecimal digits after \"sha256:\", not 'é'");
        check(&format!("{ABC}\n"), "a fingerprint has hexadecimal digits after \"sha256:\", not '\\n'");
    }

    #[test]
    fn belongs_to_the_key_and_not_to_the_certificate() {
        let key = rcgen::KeyPair::generate().unwrap();
        let of_key = fingerprint_of(&key);
        let authority = Authority::new();
        for host in ["localhost", "chat.example"] {
            let certificate = authority.certify(&[host], &key);
            assert_eq!(Fingerprint::of_certificate(&certificate), Ok(of_key));
        }
    }

    #[test]
    fn garbage_has_none() {
        let garbage = CertificateDer::from(vec![0x30, 0x03, 1, 2, 3]);
        assert!(Fingerprint::of_certificate(&garbage).is_err());
    }
}
