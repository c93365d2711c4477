//! Which requests have been answered, by the names that a client gave them.

use std::collections::VecDeque;

use chatroom_core::frame::{Decoder, Frame, PREFIX_BYTES};
use chatroom_core::limits::SERVER_FRAME_BYTES_MAX;
use chatroom_core::message::request::Head;
use chatroom_core::message::{Envelope, Rid};

/// The names of requests, in their order, up to the last that was answered.
#[derive(Default)]
pub(super) struct Rids {
    decoder: Decoder,
    open: VecDeque<Rid>,
}

impl Rids {
    /// The client sends these bytes.
    pub(super) fn sent(&mut self, bytes: &[u8]) {
        self.decoder.extend(bytes);
        while let Ok(Some(json)) = self.decoder.decode(SERVER_FRAME_BYTES_MAX) {
            self.open.extend(rid(json));
        }
    }

    /// The server says this. An answer comes once, and after those to all earlier requests.
    pub(super) fn answered(&mut self, frame: &Frame) {
        let Some(rid) = rid(&frame[PREFIX_BYTES..]) else { return };
        let place = self.open.iter().position(|open| *open == rid);
        let place = place.unwrap_or_else(|| panic!("an answer out of order, or twice: {rid:?}"));
        self.open.drain(..=place);
    }
}

fn rid(json: &[u8]) -> Option<Rid> {
    let envelope = Envelope::decode(json).ok()?;
    Head::decode(&envelope).unwrap_or_else(|(head, _)| head).rid
}
