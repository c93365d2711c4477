//! A server's identity and what it agrees to.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS13;

use super::{ALPN_PROTOCOL, provider};
use crate::Fingerprint;

/// What all connections of a server share. Cheap to clone.
///
/// To renew a certificate, make a new one: connections keep the one they began with.
#[derive(Clone)]
pub struct ServerConfig {
    pub(crate) rustls: Arc<rustls::ServerConfig>,
    fingerprint: Fingerprint,
}

impl ServerConfig {
    /// A server that shows `chain` (its own certificate first) and proves that it has `key`.
    ///
    /// # Errors
    /// When the chain is empty, its first certificate or the key cannot be read or is of an unknown
    /// kind, or the key does not belong to the certificate. Neither dates nor names are looked at.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<ServerConfig, rustls::Error> {
        let own = chain.first().ok_or(rustls::Error::NoCertificatesPresented)?;
        let fingerprint = Fingerprint::of_certificate(own)?;
        let mut config = rustls::ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![ALPN_PROTOCOL.to_vec()];
        // Without tickets there is nothing to resume, so nothing to keep either.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.max_early_data_size = 0;
        Ok(ServerConfig { rustls: Arc::new(config), fingerprint })
    }

    /// The fingerprint of the server's key, to be shown to whoever wants to pin it.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

impl fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nothing that has to do with the key.
        f.debug_struct("ServerConfig").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Authority, der_of};

    #[test]
    fn knows_the_fingerprint_of_its_key() {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = Authority::new().certify(&["localhost"], &key);
        let config = ServerConfig::new(vec![certificate.clone()], der_of(&key)).unwrap();
        assert_eq!(Ok(config.fingerprint()), Fingerprint::of_certificate(&certificate));
        assert_eq!(
            format!("{config:?}"),
            format!("ServerConfig {{ fingerprint: {}, .. }}", config.fingerprint())
        );
    }

    #[test]
    fn refuses_the_key_of_another_certificate() {
        let (key, other) = (rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap());
        let certificate = Authority::new().certify(&["localhost"], &key);
        let error = ServerConfig::new(vec![certificate], der_of(&other)).unwrap_err();
        assert_eq!(error, rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch));
    }

    #[test]
    fn refuses_an_empty_chain() {
        let key = rcgen::KeyPair::generate().unwrap();
        let error = ServerConfig::new(Vec::new(), der_of(&key)).unwrap_err();
        assert_eq!(error, rustls::Error::NoCertificatesPresented);
    }
}
