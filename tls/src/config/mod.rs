//! What connections have in common: made once, shared by all of them.

mod client;
mod server;
mod verifier;

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};

pub use client::{ClientConfig, Trust, TrustError};
pub use server::ServerConfig;

/// The application protocol, as it is negotiated within TLS.
///
/// A client always offers it, and goes on when a server chooses none. A server refuses clients that
/// offer others only, with the alert no_application_protocol, and serves those that offer none.
pub const ALPN_PROTOCOL: &[u8] = b"chatroom/1";

/// The cryptography of both ends. The suites are those of TLS 1.3, since rustls is built without any other.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider { kx_groups: KX_GROUPS.to_vec(), ..default_provider() })
}

/// Best first. A client sends shares for the first, of which X25519 is a part and so comes with it at no
/// cost; a server takes the first that the client knows, at the price of a round trip where it sent no
/// share for that one.
const KX_GROUPS: [&dyn SupportedKxGroup; 4] =
    [kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];
