//! A client's end of a connection, in a conversation: what it got, cut into frames.

/// What a client got from a server.
#[derive(Default)]
pub(crate) struct Received {
    bytes: Vec<u8>,
    /// The server has closed.
    pub(crate) is_closed: bool,
}

/// What comes next from a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// A frame, without its prefix.
    Frame(String),
    /// The end of the connection.
    Closed,
}

impl Received {
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes the next frame, or the end, if it is there already.
    pub(crate) fn next(&mut self) -> Option<Next> {
        let frame = self.bytes.split_first_chunk::<4>().and_then(|(prefix, rest)| {
            let length = usize::try_from(u32::from_be_bytes(*prefix)).ok()?;
            rest.get(..length).map(|json| String::from_utf8_lossy(json).into_owned())
        });
        match frame {
            Some(json) => {
                self.bytes.drain(..4 + json.len());
                Some(Next::Frame(json))
            }
            None => self.is_closed.then_some(Next::Closed),
        }
    }
}
