//! What the tests of this crate share: certificates made on the spot.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PublicKeyData};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::{Fingerprint, ServerConfig};

/// An authority that nobody knows yet.
pub(crate) struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // Two authorities of one name would be two keys of one authority.
        params.distinguished_name.push(DnType::CommonName, format!("authority {}", fingerprint_of(&key)));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Authority { certificate, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    /// A certificate for these hosts over this key.
    pub(crate) fn certify(&self, hosts: &[&str], key: &KeyPair) -> CertificateDer<'static> {
        self.certify_with(hosts, key, |_| ())
    }

    /// The same, with something peculiar about it.
    pub(crate) fn certify_with(
        &self,
        hosts: &[&str],
        key: &KeyPair,
        change: impl FnOnce(&mut CertificateParams),
    ) -> CertificateDer<'static> {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        change(&mut params);
        params.signed_by(key, &self.issuer).unwrap().der().clone()
    }

    /// A server for these hosts, with a new key.
    pub(crate) fn server(&self, hosts: &[&str]) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        ServerConfig::new(vec![self.certify(hosts, &key)], der_of(&key)).unwrap()
    }
}

pub(crate) fn der_of(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(key.serialize_der()).into()
}

pub(crate) fn fingerprint_of(key: &KeyPair) -> Fingerprint {
    Fingerprint::of_public_key(&key.subject_public_key_info())
}
