//! Which requests have been answered, by the names that a client gave them.

use std::collections::VecDeque;

use chatroom_core::frame::{Decoder, Frame, PREFIX_BYTES};
use chatroom_core::limits::SERVER_FRAME_BYTES_MAX;
use chatroom_core::message::request::Head;
use chatroom_core::message::{Envelope, Kind, Rid};
use serde_json::Value;

/// The names of requests, in their order, up to the last that was answered.
#[derive(Default)]
pub(super) struct Rids {
    decoder: Decoder,
    open: VecDeque<Rid>,
    /// Those of messages, where these are kept: each is answered when the disk has it, or when it is refused.
    said: Vec<Rid>,
    is_kept: bool,
}

impl Rids {
    /// Of a client whose messages are kept, or are not.
    pub(super) fn new(is_kept: bool) -> Self {
        Self { is_kept, ..Self::default() }
    }

    /// The client sends these bytes.
    pub(super) fn sent(&mut self, bytes: &[u8]) {
        self.decoder.extend(bytes);
        while let Ok(Some(json)) = self.decoder.decode(SERVER_FRAME_BYTES_MAX) {
            match head(json) {
                Head { kind: Some(Kind::Msg), rid: Some(rid) } if self.is_kept => self.said.push(rid),
                Head { rid, .. } => self.open.extend(rid),
            }
        }
    }

    /// The server says this. An answer comes once, and after those to all earlier requests.
    pub(super) fn answered(&mut self, frame: &Frame) {
        let json = &frame[PREFIX_BYTES..];
        let Some(rid) = head(json).rid else { return };
        if self.is_kept && is_of_message(json) {
            let place = self.said.iter().position(|said| *said == rid);
            self.said.remove(place.unwrap_or_else(|| panic!("an answer to nothing that was said: {rid:?}")));
            return;
        }
        let place = self.open.iter().position(|open| *open == rid);
        let place = place.unwrap_or_else(|| panic!("an answer out of order, or twice: {rid:?}"));
        self.open.drain(..=place);
    }
}

/// What can be read of it; of what cannot be read at all there is nothing.
fn head(json: &[u8]) -> Head {
    let Ok(envelope) = Envelope::decode(json) else { return Head { kind: None, rid: None } };
    Head::decode(&envelope).unwrap_or_else(|(head, _)| head)
}

fn is_of_message(json: &[u8]) -> bool {
    let frame: Value = serde_json::from_slice(json).expect("a server says JSON");
    matches!(frame["type"].as_str(), Some("ack" | "msg"))
}
