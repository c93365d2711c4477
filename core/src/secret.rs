//! What nobody else may learn, on its way from the wire to the hash.

use alloc::string::String;

use zeroize::Zeroizing;

use crate::limits::PASSWORD_BYTES_MAX;

/// A password of 1 to 512 bytes. It cannot be printed, and its memory is wiped when it is dropped.
///
/// How long a *new* password must be is the server's choice and judged where it is registered.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

/// Why a text cannot be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordError {
    /// It has no character.
    Empty,
    /// It has more than 512 bytes.
    TooLong,
}

impl Password {
    /// Takes over `text`; one that is refused is wiped as well.
    pub fn parse(text: Zeroizing<String>) -> Result<Self, PasswordError> {
        if text.is_empty() {
            return Err(PasswordError::Empty);
        }
        if text.len() > PASSWORD_BYTES_MAX {
            return Err(PasswordError::TooLong);
        }
        Ok(Self(text))
    }

    /// The text, for the one place that hashes it and the one that puts it on the wire.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Something random that lets in whoever shows it: an invitation, or a login that lasts. It cannot be printed, and its
/// memory is wiped when it is dropped.
///
/// Any text: whether it lets anybody in only the server knows that gave it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// Takes over `text`.
    pub fn new(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// The text, for the one place that hashes it and those that hand it on to whom it is for.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_has_1_to_512_bytes() {
        let parsed =
            |text: String| Password::parse(text.into()).map(|password| String::from(password.expose()));
        assert_eq!(parsed("x".into()), Ok("x".into()));
        assert_eq!(parsed("ä".repeat(256)), Ok("ä".repeat(256)));
        assert_eq!(parsed(String::new()), Err(PasswordError::Empty));
        assert_eq!(parsed("x".repeat(513)), Err(PasswordError::TooLong));
        assert_eq!(parsed("x".repeat(5_000)), Err(PasswordError::TooLong));
    }
}
