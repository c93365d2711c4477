//! What can go wrong, by whose fault.

use std::error::Error;
use std::fmt;

use rustls::{AlertDescription, CertificateError, InvalidMessage, PeerMisbehaved};

use crate::Fingerprint;

/// Why a connection failed. It stays failed.
#[derive(Clone, Debug, PartialEq)]
pub enum TlsError {
    /// The peer does not speak TLS 1.3 as it should: plaintext, an older version, another application
    /// protocol, a record changed on its way.
    Peer(rustls::Error),
    /// The peer gave up, with this alert; the fault may be ours.
    Alert(AlertDescription),
    /// The server's certificate is not one that [`Trust::Authorities`](crate::Trust::Authorities) accepts.
    Untrusted(CertificateError),
    /// The server has another key than the one [`Trust::Key`](crate::Trust::Key) demands.
    WrongKey(WrongKey),
    /// Nobody's bytes are to blame: the system had no clock or no randomness, or there is a bug here.
    Ours(rustls::Error),
}

impl TlsError {
    /// The one thing that rustls refuses while reading and not while processing.
    pub(crate) fn overlong_message() -> TlsError {
        TlsError::Peer(rustls::Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge))
    }
}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> TlsError {
        use rustls::Error as E;
        match error {
            E::AlertReceived(alert) => TlsError::Alert(alert),
            E::InvalidCertificate(why) => match WrongKey::within(&why) {
                Some(wrong) => TlsError::WrongKey(wrong),
                None => TlsError::Untrusted(why),
            },
            E::EncryptError
            | E::General(_)
            | E::FailedToGetCurrentTime
            | E::FailedToGetRandomBytes
            | E::HandshakeNotComplete
            | E::BadMaxFragmentSize
            | E::InconsistentKeys(_)
            | E::Other(_) => TlsError::Ours(error),
            // rustls may add to its list, and what it adds is most often one more way to misbehave.
            _ => TlsError::Peer(error),
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsError::Peer(error) => describe_peer(error, f),
            TlsError::Alert(alert) => write!(f, "the peer gave up the connection with the alert {alert:?}"),
            TlsError::Untrusted(why) => describe_certificate(why, f),
            TlsError::WrongKey(wrong) => wrong.fmt(f),
            TlsError::Ours(error) => write!(f, "TLS failed on this side: {error}"),
        }
    }
}

impl Error for TlsError {}

/// The server proved another key than the pinned one: it changed its identity, or is somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongKey {
    /// The fingerprint that was asked for.
    pub expected: Fingerprint,
    /// The fingerprint of the key in the certificate that was shown.
    pub found: Fingerprint,
}

impl WrongKey {
    /// Finds what our own verifier put into a rustls error.
    fn within(why: &CertificateError) -> Option<WrongKey> {
        let CertificateError::Other(other) = why else { return None };
        other.0.downcast_ref().copied()
    }
}

impl fmt::Display for WrongKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server's key is {}, not {}", self.found, self.expected)
    }
}

impl Error for WrongKey {}

/// A host that is neither a DNS name nor an IP address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostError {
    host: String,
}

impl HostError {
    pub(crate) fn new(host: &str) -> HostError {
        HostError { host: host.to_owned() }
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is neither a DNS name nor an IP address", self.host)
    }
}

impl Error for HostError {}

/// The frequent ones in words that say what to look for; the rest in those of rustls.
fn describe_peer(error: &rustls::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error {
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            f.write_str("the peer sent something that is not TLS")
        }
        rustls::Error::PeerIncompatible(why) => {
            write!(f, "the peer cannot do TLS 1.3 as it is done here ({why:?})")
        }
        rustls::Error::NoApplicationProtocol => {
            f.write_str("the peer offers application protocols (ALPN), but not chatroom/1")
        }
        rustls::Error::DecryptError => f.write_str("a record was changed on its way"),
        rustls::Error::PeerMisbehaved(PeerMisbehaved::TooManyKeyUpdateRequests) => {
            f.write_str("the peer asks for new keys again and again")
        }
        error => write!(f, "the peer broke the rules of TLS: {error}"),
    }
}

fn describe_certificate(why: &CertificateError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match why {
        CertificateError::UnknownIssuer => {
            f.write_str("the server's certificate comes from an authority that is not trusted")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            f.write_str("the server's certificate has expired")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            f.write_str("the server's certificate is not valid yet: is the clock of this computer right?")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            f.write_str("the server's certificate is for another name")
        }
        CertificateError::BadSignature => {
            f.write_str("the server could not prove its certificate: a signature does not hold")
        }
        why => write!(f, "the server's certificate is not acceptable: {why}"),
    }
}
