//! The tokens of invitations and of logins that last: how they are made, and what is stored of them.

use std::io;

use chatroom_core::secret::Token;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// A token, as it is stored. It is random, so nobody guesses it, and a single round of SHA-256 is enough.
pub type TokenHash = [u8; 32];

/// What the system has of random bits: 128 of them.
pub(crate) fn random() -> io::Result<[u8; 16]> {
    pbkdf2::password_hash::try_generate_salt().map_err(io::Error::other)
}

/// The token that these bytes are, in characters that a link may have.
pub(crate) fn token(bytes: &[u8]) -> Token {
    let mut text = Zeroizing::new(String::with_capacity(2 * bytes.len()));
    bytes.iter().for_each(|byte| text.extend([byte >> 4, byte & 15].map(|digit| HEX[usize::from(digit)])));
    Token::new(text)
}

/// What is stored of a token.
pub(crate) fn hash(token: &Token) -> TokenHash {
    Sha256::digest(token.expose()).into()
}

const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
