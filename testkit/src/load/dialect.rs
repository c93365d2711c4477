//! What a server speaks, as far as a client in a room needs it.

use std::str;

use crate::check::credentials;
use crate::transcript::frame;

/// The protocol between clients and a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Dialect {
    /// This project's.
    Chatroom,
    /// RFC 2812, with TLS from the first byte.
    Irc,
}

/// What a text begins with: which member of its room says it, and how many it said before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) sender: u16,
    pub(super) number: u32,
}

/// Something whole that came from a server.
pub(super) enum Incoming<'a> {
    /// A text, by its mark.
    Message(Mark),
    /// Anything else.
    Other(&'a [u8]),
}

impl Mark {
    /// A text of so many bytes.
    pub(super) fn text(self, bytes: usize) -> String {
        let mut text = format!("~{:04x}{:08x}", self.sender, self.number);
        text.extend(std::iter::repeat_n('x', bytes.saturating_sub(text.len())));
        text
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let (tilde, rest) = text.split_first()?;
        let sender = str::from_utf8(rest.get(..4)?).ok()?;
        let number = str::from_utf8(rest.get(4..12)?).ok()?;
        if *tilde != b'~' {
            return None;
        }
        Some(Self {
            sender: u16::from_str_radix(sender, 16).ok()?,
            number: u32::from_str_radix(number, 16).ok()?,
        })
    }
}

impl Dialect {
    /// Whether who says something hears it too.
    pub(super) fn echoes(self) -> bool {
        self == Self::Chatroom
    }

    /// What is said first to log in as `name`.
    pub(super) fn hello(self, name: &str) -> Vec<u8> {
        match self {
            Self::Chatroom => frame(credentials("register", name).as_bytes()),
            Self::Irc => format!("NICK {name}\r\nUSER {name} 0 * :{name}\r\n").into_bytes(),
        }
    }

    /// What follows from something that came before the client was where it is to be: `Ok(None)` if nothing, bytes to be
    /// sent, none if it has arrived.
    pub(super) fn come_in(
        self,
        name: &str,
        room: Option<(usize, bool)>,
        incoming: &[u8],
    ) -> Result<Option<Vec<u8>>, String> {
        let text = String::from_utf8_lossy(incoming);
        match self {
            Self::Chatroom => {
                let json: serde_json::Value =
                    serde_json::from_str(&text).map_err(|error| error.to_string())?;
                let is_ok = json["status"] == "ok";
                match (json["type"].as_str().unwrap_or_default(), room) {
                    // Somebody of this name may be left from the run before.
                    ("register", _) => Ok(Some(frame(credentials("login", name).as_bytes()))),
                    ("login", None) if is_ok => Ok(Some(Vec::new())),
                    ("login", Some((room, true))) if is_ok => {
                        Ok(Some(request("create", &format!(r#"{{"room":"{}"}}"#, room_name(room)))))
                    }
                    ("login", Some((room, false))) if is_ok => Ok(Some(enter(room))),
                    ("create", Some((room, _))) => Ok(Some(enter(room))),
                    ("enter", _) if is_ok => Ok(Some(Vec::new())),
                    ("list" | "list_room", _) if is_ok => Ok(None),
                    _ => Err(format!("the server said {text}")),
                }
            }
            Self::Irc => {
                let mut words = text.split_whitespace();
                let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                match (first, second, room) {
                    ("PING", token, _) => Ok(Some(format!("PONG {token}\r\n").into_bytes())),
                    ("ERROR", ..) => Err(format!("the server said {text}")),
                    (_, "001", None) => Ok(Some(Vec::new())),
                    (_, "001", Some((room, _))) => {
                        Ok(Some(format!("JOIN #{}\r\n", room_name(room)).into_bytes()))
                    }
                    // The end of the names.
                    (_, "366", _) => Ok(Some(Vec::new())),
                    (_, number, _) if number.starts_with(['4', '5']) && number != "422" => {
                        Err(format!("the server said {text}"))
                    }
                    _ => Ok(None),
                }
            }
        }
    }

    /// A text for everybody in a room.
    pub(super) fn message(self, name: &str, room: usize, text: &str) -> Vec<u8> {
        match self {
            Self::Chatroom => {
                request("msg", &format!(r#"{{"from":"{name}","to":"public","text":"{text}"}}"#))
            }
            Self::Irc => format!("PRIVMSG #{} :{text}\r\n", room_name(room)).into_bytes(),
        }
    }

    /// Into a room that is there in any case, or out of it.
    pub(super) fn move_on(self, is_there: bool) -> Vec<u8> {
        match (self, is_there) {
            (Self::Chatroom, false) => request("enter", r#"{"room":"example"}"#),
            (Self::Chatroom, true) => frame(br#"{"type":"exit"}"#),
            (Self::Irc, false) => b"JOIN #example\r\n".to_vec(),
            (Self::Irc, true) => b"PART #example\r\n".to_vec(),
        }
    }

    /// What a server's word that is no text asks for once the client has come in: nothing, or an answer.
    pub(super) fn answer(self, incoming: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let is = |prefix: &[u8]| incoming.starts_with(prefix);
        match self {
            Self::Irc if is(b"PING ") => {
                let token = String::from_utf8_lossy(&incoming[5..]).into_owned();
                Ok(Some(format!("PONG {}\r\n", token.trim_end()).into_bytes()))
            }
            Self::Irc if !is(b"ERROR") => Ok(None),
            Self::Chatroom if EXPECTED.into_iter().any(is) => Ok(None),
            Self::Irc | Self::Chatroom => {
                Err(format!("the server said {}", String::from_utf8_lossy(incoming)))
            }
        }
    }

    /// Takes the first whole thing off `bytes`, and says how long it was. `text_bytes` is what a text has.
    pub(super) fn next(self, bytes: &[u8], text_bytes: usize) -> Option<(usize, Incoming<'_>)> {
        // Where a text stands is known from the end of what it is in, and that costs less than to look for it.
        let (length, body, tail) = match self {
            Self::Chatroom => {
                let (prefix, rest) = bytes.split_first_chunk::<4>()?;
                let length = usize::try_from(u32::from_be_bytes(*prefix)).ok()?;
                (4 + length, rest.get(..length)?, 3)
            }
            Self::Irc => {
                let end = memchr::memchr(b'\n', bytes)?;
                (end + 1, bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]), 0)
            }
        };
        let from = body.len().checked_sub(tail + text_bytes);
        let mark = from.and_then(|from| Mark::parse(&body[from..]));
        Some((length, mark.map_or(Incoming::Other(body), Incoming::Message)))
    }
}

fn request(kind: &str, data: &str) -> Vec<u8> {
    frame(format!(r#"{{"type":"{kind}","data":{data}}}"#).as_bytes())
}

fn enter(room: usize) -> Vec<u8> {
    request("enter", &format!(r#"{{"room":"{}"}}"#, room_name(room)))
}

fn room_name(room: usize) -> String {
    format!("swarm{room}")
}

/// How that begins which a server of this project may say to who has come in.
const EXPECTED: [&[u8]; 3] =
    [br#"{"type":"list"#, br#"{"type":"enter","status":"ok""#, br#"{"type":"exit","status":"ok""#];
/// Bytes of a mark.
pub(super) const MARK_BYTES: usize = 13;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_at_the_end_of_what_either_server_sends() {
        let mark = Mark { sender: 0x1a, number: 77 };
        let text = mark.text(20);
        assert_eq!(text.len(), 20);
        let json =
            format!(r#"{{"type":"msg","status":"ok","data":{{"to":"public","from":"u1","text":"{text}"}}}}"#);
        let frame =
            [&u32::try_from(json.len()).unwrap().to_be_bytes()[..], json.as_bytes(), b"\0\0"].concat();
        let line = format!(":u1!u1@h PRIVMSG #swarm0 :{text}\r\nPI");
        for (dialect, bytes) in [(Dialect::Chatroom, &frame[..]), (Dialect::Irc, line.as_bytes())] {
            let Some((length, Incoming::Message(found))) = dialect.next(bytes, 20) else {
                panic!("{dialect:?} has no text")
            };
            assert_eq!((length, found), (bytes.len() - 2, mark), "{dialect:?}");
            assert!(dialect.next(&bytes[length..], 20).is_none(), "{dialect:?}: the rest is not whole");
        }
    }

    #[test]
    fn what_is_no_text_is_told_apart() {
        let line = b":server 372 u1 :- a line of the message of the day\r\n";
        assert!(matches!(Dialect::Irc.next(line, 20), Some((_, Incoming::Other(_)))));
    }
}
