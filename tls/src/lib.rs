//! TLS as a stage between two buffers: ciphertext in, plaintext out, and back.
//!
//! This crate owns no socket, thread or file. A [`Pipe`] is one end of one connection; whoever holds the
//! socket gives it the bytes that came in and sends the bytes it hands out. What a server or a client
//! does with one:
//!
//! 1. Make a [`ServerConfig`] or [`ClientConfig`] once, a [`Pipe`] for each connection.
//! 2. A client calls [`Pipe::open`] with no bytes at all: that gives its first flight.
//! 3. What the socket brings goes through [`Pipe::open`]; plaintext comes out at one side, and at the
//!    other whatever TLS itself has to say, which is to be sent.
//! 4. What is to be said goes through [`Pipe::seal`], as many frames at once as are ready: records and
//!    system calls are what a delivery costs.
//! 5. [`Pipe::close`] before the socket is shut for writing, so that the peer can tell an end from a cut.
//!
//! ```
//! # use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
//! # let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
//! # let chain = vec![made.cert.der().clone()];
//! # let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
//! use tls::{ClientConfig, Pipe, ServerConfig, Trust};
//!
//! let server_config = ServerConfig::new(chain, key)?;
//! let client_config = ClientConfig::new(Trust::Key(server_config.fingerprint()))?;
//! let mut server = Pipe::server(&server_config);
//! let mut client = Pipe::client(&client_config, "localhost")?;
//!
//! let (mut to_server, mut to_client, mut heard) = (Vec::new(), Vec::new(), Vec::new());
//! client.seal(&["hello, ", "server"], &mut to_server); // waits inside until the handshake is done
//! client.open(&[], &mut Vec::new(), &mut to_server)?; // the client speaks first
//! while !to_server.is_empty() {
//!     server.open(&std::mem::take(&mut to_server), &mut heard, &mut to_client)?;
//!     client.open(&std::mem::take(&mut to_client), &mut Vec::new(), &mut to_server)?;
//! }
//! assert_eq!(heard, b"hello, server");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is spoken
//! TLS 1.3 and nothing older, with a key exchange that stays secret from a later quantum computer where
//! the peer knows it (X25519MLKEM768), and [`ALPN_PROTOCOL`] as the application protocol. There are no
//! session tickets, no resumption and no early data: each connection is a whole handshake, so nothing
//! can be replayed and a server keeps nothing of a connection that is gone.

mod config;
mod error;
mod fingerprint;
pub mod pem;
mod pipe;
#[cfg(test)]
mod testing;

pub use config::{ALPN_PROTOCOL, ClientConfig, ServerConfig, Trust, TrustError};
pub use error::{HostError, TlsError, WrongKey};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use pipe::{Opened, Pipe};
// Certificates and keys as types: callers pass them on and need no dependency of their own for that.
pub use rustls::pki_types::{CertificateDer, PrivateKeyDer};
