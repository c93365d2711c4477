//! Where a server is, and the link that one person hands to another.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use chatroom_core::secret::Token;
use tls::{Fingerprint, FingerprintError};

/// A host and a port. Written `host:port`, an IPv6 address in brackets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerAddress {
    /// A DNS name or an IP address, without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

/// An address, how to know the server that is there, and how to be let in: `chatroom://host:port/#sha256=…&invite=…`.
///
/// What follows the `#` is a fragment, so that a program that knows nothing of it does not send it anywhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Where the server is.
    pub address: ServerAddress,
    /// The fingerprint of its key, if the link brings it along.
    pub key: Option<Fingerprint>,
    /// What lets who has the link make an account there.
    pub invite: Option<Token>,
}

/// Why a text is no address, as the end of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// There is no host in it.
    NoHost,
    /// The host has a character that no host has.
    BadHost(String),
    /// What follows the colon is no port.
    BadPort(String),
    /// What follows the bracket is no port, or the bracket is not closed.
    BadBracket,
    /// The fragment has something that is neither `sha256=` and a fingerprint nor `invite=` and an invitation.
    BadKey(Option<FingerprintError>),
}

impl FromStr for ServerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or(AddressError::BadBracket)?;
            host.parse::<Ipv6Addr>().map_err(|_| AddressError::BadHost(host.to_owned()))?;
            let port = match rest.strip_prefix(':') {
                Some(port) => parse_port(port)?,
                None if rest.is_empty() => PORT,
                None => return Err(AddressError::BadBracket),
            };
            return Ok(Self { host: host.to_owned(), port });
        }
        if text.parse::<Ipv6Addr>().is_ok() {
            return Ok(Self { host: text.to_owned(), port: PORT });
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, parse_port(port)?),
            None => (text, PORT),
        };
        if host.is_empty() {
            return Err(AddressError::NoHost);
        }
        if !host.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_')) {
            return Err(AddressError::BadHost(host.to_owned()));
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl FromStr for Invitation {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let Some(rest) = text.strip_prefix(SCHEME) else {
            return Ok(Self { address: text.parse()?, key: None, invite: None });
        };
        let (address, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let address = address.strip_suffix('/').unwrap_or(address).parse()?;
        let mut invitation = Self { address, key: None, invite: None };
        for part in fragment.split('&').filter(|part| !part.is_empty()) {
            if let Some(hex) = part.strip_prefix(KEY) {
                let key = format!("sha256:{hex}").parse();
                invitation.key = Some(key.map_err(|error| AddressError::BadKey(Some(error)))?);
            } else if let Some(invite) = part.strip_prefix(INVITE) {
                invitation.invite = Some(Token::new(invite.to_owned().into()));
            } else {
                return Err(AddressError::BadKey(None));
            }
        }
        Ok(invitation)
    }
}

impl fmt::Display for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/", self.address)?;
        let mut separator = '#';
        if let Some(key) = self.key {
            let key = key.to_string();
            write!(f, "{separator}{KEY}{}", key.strip_prefix("sha256:").unwrap_or(&key))?;
            separator = '&';
        }
        match &self.invite {
            Some(invite) => write!(f, "{separator}{INVITE}{}", invite.expose()),
            None => Ok(()),
        }
    }
}

/// All but what is nobody's business who reads a log.
impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invitation")
            .field("address", &self.address)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHost => f.write_str("there is no host in it"),
            Self::BadHost(host) => write!(f, "\"{host}\" is not the name or address of a host"),
            Self::BadPort(port) => write!(f, "\"{port}\" is not a port from 1 to 65535"),
            Self::BadBracket => f.write_str("write an IPv6 address like [2001:db8::1]:65432"),
            Self::BadKey(None) => f.write_str("what follows the # is not sha256= and a fingerprint"),
            Self::BadKey(Some(error)) => write!(f, "the fingerprint in the link is damaged: {error}"),
        }
    }
}

impl std::error::Error for AddressError {}

fn parse_port(text: &str) -> Result<u16, AddressError> {
    text.parse().ok().filter(|port| *port != 0).ok_or_else(|| AddressError::BadPort(text.to_owned()))
}

/// Where a chat listens that was told nothing else.
pub const PORT: u16 = 65_432;

const SCHEME: &str = "chatroom://";
const KEY: &str = "sha256=";
const INVITE: &str = "invite=";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = match text.parse::<Invitation>() {
            Ok(invitation) => invitation.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn what_a_person_types_is_an_address() {
        check("chat.example", "chatroom://chat.example:65432/");
        check("chat.example:7000", "chatroom://chat.example:7000/");
        check("192.0.2.7", "chatroom://192.0.2.7:65432/");
        check("2001:db8::1", "chatroom://[2001:db8::1]:65432/");
        check("[2001:db8::1]", "chatroom://[2001:db8::1]:65432/");
        check("[2001:db8::1]:7000", "chatroom://[2001:db8::1]:7000/");
        check("午餐.example", "chatroom://午餐.example:65432/");
    }

    #[test]
    fn a_link_comes_back_as_it_was() {
        let link = format!("chatroom://192.0.2.7:7000/#sha256={}", "ab".repeat(32));
        check(&link, &link);
        check(&format!("{link}&invite=0123abcd"), &format!("{link}&invite=0123abcd"));
        check("chatroom://host/#invite=0123abcd", "chatroom://host:65432/#invite=0123abcd");
        check("chatroom://host/", "chatroom://host:65432/");
        check("chatroom://host", "chatroom://host:65432/");
    }

    #[test]
    fn what_is_wrong_is_named() {
        check("", "there is no host in it");
        check(":7000", "there is no host in it");
        check("host:", "\"\" is not a port from 1 to 65535");
        check("host:0", "\"0\" is not a port from 1 to 65535");
        check("http://host", "\"//host\" is not a port from 1 to 65535");
        check("a b", "\"a b\" is not the name or address of a host");
        check("[::1", "write an IPv6 address like [2001:db8::1]:65432");
        check("[host]:1", "\"host\" is not the name or address of a host");
        check("chatroom://h/#md5=1", "what follows the # is not sha256= and a fingerprint");
        check("chatroom://h/#invite=1&md5=1", "what follows the # is not sha256= and a fingerprint");
        let error = "chatroom://h/#sha256=xy".parse::<Invitation>().unwrap_err().to_string();
        assert!(error.starts_with("the fingerprint in the link is damaged: "), "{error}");
    }
}
