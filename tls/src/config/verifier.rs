//! Trust in a key instead of a certificate.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};

use crate::{Fingerprint, WrongKey};

/// Looks at the key in a certificate and at nothing else in it.
///
/// That the server *has* the key is still checked, by the signature over the handshake: without that,
/// anyone could show a copy of the certificate.
#[derive(Debug)]
pub(super) struct KeyVerifier {
    /// The one key to accept; without it, every key will do.
    expected: Option<Fingerprint>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl KeyVerifier {
    /// Accepts the key with this fingerprint and no other.
    pub(super) fn exactly(expected: Fingerprint, provider: &CryptoProvider) -> KeyVerifier {
        KeyVerifier { expected: Some(expected), algorithms: provider.signature_verification_algorithms }
    }

    /// Accepts every key, so it tells nobody from nobody.
    pub(super) fn any_insecurely(provider: &CryptoProvider) -> KeyVerifier {
        KeyVerifier { expected: None, algorithms: provider.signature_verification_algorithms }
    }
}

impl ServerCertVerifier for KeyVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(expected) = self.expected else { return Ok(ServerCertVerified::assertion()) };
        let found = Fingerprint::of_certificate(end_entity)?;
        if found != expected {
            let wrong = OtherError(Arc::new(WrongKey { expected, found }));
            return Err(CertificateError::Other(wrong).into());
        }
        Ok(ServerCertVerified::assertion())
    }

    /// Never called, since TLS 1.2 is not spoken, but rustls asks for it; so it does the right thing.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
