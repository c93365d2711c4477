//! Whom a client believes.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::pki_types::CertificateDer;
use rustls::version::TLS13;

use super::verifier::KeyVerifier;
use super::{ALPN_PROTOCOL, provider};
use crate::Fingerprint;

/// How a client knows that a server is the right one.
///
/// To trust a server on first use: connect with `AnyoneInsecurely`, show
/// [`Pipe::peer_fingerprint`](crate::Pipe::peer_fingerprint) before anything secret is said, remember it,
/// and use `Key` from then on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// A certificate that one of these authorities signed, for the host that was asked for, within its dates.
    Authorities(Vec<CertificateDer<'static>>),
    /// Exactly this public key, whatever names and dates its certificate has.
    Key(Fingerprint),
    /// Whoever answers, which may be anyone on the way: for demonstrations, with nothing secret said.
    AnyoneInsecurely,
}

/// What all connections of a client share. Cheap to clone.
#[derive(Clone)]
pub struct ClientConfig {
    pub(crate) rustls: Arc<rustls::ClientConfig>,
}

impl ClientConfig {
    /// A client that talks to servers it trusts by `trust`.
    ///
    /// # Errors
    /// With [`Trust::Authorities`], when there are none or one cannot be read.
    pub fn new(trust: Trust) -> Result<ClientConfig, TrustError> {
        let mut config = rustls::ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .expect("the provider has suites and groups of TLS 1.3")
            .dangerous() // ours check less than names and dates where Trust says so, never the signature
            .with_custom_certificate_verifier(verifier(trust)?)
            .with_no_client_auth();
        config.alpn_protocols = vec![ALPN_PROTOCOL.to_vec()];
        config.resumption = Resumption::disabled();
        config.enable_early_data = false;
        Ok(ClientConfig { rustls: Arc::new(config) })
    }
}

/// Why there are no authorities to trust. Nothing was connected yet.
#[derive(Clone, Debug, PartialEq)]
pub enum TrustError {
    /// The list is empty, so no server could be trusted.
    NoAuthority,
    /// The certificate at this place in the list, counted from 0, cannot be an authority.
    BadAuthority(usize, rustls::Error),
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrustError::NoAuthority => f.write_str("there is no authority to trust"),
            TrustError::BadAuthority(index, error) => {
                write!(f, "certificate {} cannot be used as an authority: {error}", index + 1)
            }
        }
    }
}

impl Error for TrustError {}

fn verifier(trust: Trust) -> Result<Arc<dyn ServerCertVerifier>, TrustError> {
    let provider = provider();
    match trust {
        Trust::Authorities(authorities) => {
            let roots = Arc::new(roots(authorities)?);
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider)
                .build()
                .expect("there are roots, and no revocation lists that could be wrong");
            Ok(verifier)
        }
        Trust::Key(fingerprint) => Ok(Arc::new(KeyVerifier::exactly(fingerprint, &provider))),
        Trust::AnyoneInsecurely => Ok(Arc::new(KeyVerifier::any_insecurely(&provider))),
    }
}

fn roots(authorities: Vec<CertificateDer<'static>>) -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    for (index, authority) in authorities.into_iter().enumerate() {
        roots.add(authority).map_err(|error| TrustError::BadAuthority(index, error))?;
    }
    if roots.is_empty() {
        return Err(TrustError::NoAuthority);
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Authority;

    #[test]
    fn refuses_to_trust_nobody() {
        let error = ClientConfig::new(Trust::Authorities(Vec::new())).err().unwrap();
        assert_eq!(error.to_string(), "there is no authority to trust");
    }

    #[test]
    fn names_the_authority_that_cannot_be_read() {
        let good = Authority::new().certificate();
        let bad = CertificateDer::from(vec![1, 2, 3]);
        let error = ClientConfig::new(Trust::Authorities(vec![good, bad])).err().unwrap();
        assert!(error.to_string().starts_with("certificate 2 cannot be used as an authority: "), "{error}");
    }
}
