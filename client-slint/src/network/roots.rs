//! The authorities that this system trusts.

use tls::{CertificateDer, ClientConfig, Trust, TrustError};

/// A client that believes them; `None` where there is none.
pub(super) fn config() -> Option<ClientConfig> {
    let mut roots: Vec<CertificateDer<'static>> = rustls_native_certs::load_native_certs().certs;
    loop {
        match ClientConfig::new(Trust::Authorities(roots.clone())) {
            Ok(config) => return Some(config),
            // Systems keep some that are too old to be read. The others are as good as before.
            Err(TrustError::BadAuthority(index, _)) => drop(roots.remove(index)),
            Err(TrustError::NoAuthority) => return None,
        }
    }
}
