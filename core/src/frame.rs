//! Framing: a 4-byte big-endian length, then that many bytes of JSON.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

use serde::Serialize;
use zeroize::Zeroize;

use crate::ledger::{Booking, Ledger};

/// One encoded frame, its length prefix included. Shared, never copied, by all who receive it.
#[derive(Clone)]
pub struct Frame {
    shared: Arc<Shared>,
}

struct Shared {
    bytes: Box<[u8]>,
    /// Where the bytes are counted, if they are. It only has to be there.
    #[allow(dead_code, reason = "it counts by being dropped")]
    booking: Option<Booking>,
}

/// Bytes of the length before a frame's JSON.
pub const PREFIX_BYTES: usize = 4;

/// Why a stream of bytes holds no further frame. Known from the prefix alone, and final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The length is 0.
    Empty,
    /// The length is above the limit of the moment.
    TooLarge {
        /// The length that the peer announced, in bytes.
        announced: u32,
        /// The limit, in bytes.
        limit: usize,
    },
}

impl Frame {
    /// Has its bytes counted, once, until the last who shares them is done with them. To be called before it is shared:
    /// one that is shared already stays as it is.
    #[must_use]
    pub fn booked(mut self, ledger: &Arc<Ledger>) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.booking = Some(Booking::new(ledger, shared.bytes.len()));
        }
        self
    }
}

impl From<Vec<u8>> for Frame {
    fn from(bytes: Vec<u8>) -> Self {
        Self { shared: Arc::new(Shared { bytes: bytes.into(), booking: None }) }
    }
}

impl From<&[u8]> for Frame {
    fn from(bytes: &[u8]) -> Self {
        Self::from(bytes.to_vec())
    }
}

impl Deref for Frame {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.shared.bytes
    }
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// Cuts frames out of bytes as they arrive. However the stream was split, the frames are the same.
#[derive(Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// How much of `buffer` was given out as frames.
    start: usize,
    /// How much of that was overwritten since.
    wiped: usize,
    error: Option<FrameError>,
}

impl Decoder {
    /// Takes bytes from the peer. Once a frame was refused, bytes are dropped.
    pub fn extend(&mut self, bytes: &[u8]) {
        if self.error.is_none() {
            self.compact();
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next whole frame's JSON, or `None` if more bytes are needed for it.
    ///
    /// `payload_bytes_max` is the limit for this frame, in bytes of JSON. After an error every call returns it again.
    pub fn decode(&mut self, payload_bytes_max: usize) -> Result<Option<&[u8]>, FrameError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        #[cfg(planted_bug = "frame_limit_off_by_one")]
        let payload_bytes_max = payload_bytes_max - 1;
        let waiting = &self.buffer[self.start..];
        let Some((prefix, rest)) = waiting.split_first_chunk::<PREFIX_BYTES>() else { return Ok(None) };
        let announced = u32::from_be_bytes(*prefix);
        let Some(length) = usize::try_from(announced).ok().filter(|length| *length <= payload_bytes_max)
        else {
            return Err(self.refuse(FrameError::TooLarge { announced, limit: payload_bytes_max }));
        };
        if length == 0 {
            return Err(self.refuse(FrameError::Empty));
        }
        if rest.len() < length {
            return Ok(None);
        }
        let from = self.start + PREFIX_BYTES;
        self.start = from + length;
        Ok(Some(&self.buffer[from..self.start]))
    }

    /// Overwrites what was given out already: a login's frame holds a password.
    pub fn wipe_decoded(&mut self) {
        self.buffer[self.wiped..self.start].zeroize();
        self.wiped = self.start;
    }

    /// Bytes that arrived and were not given out yet.
    pub fn buffered(&self) -> usize {
        self.buffer.len() - self.start
    }

    fn refuse(&mut self, error: FrameError) -> FrameError {
        self.error = Some(error);
        self.buffer.zeroize();
        self.buffer = Vec::new();
        self.start = 0;
        self.wiped = 0;
        error
    }

    /// Moves what is left to the front; an idle connection does not keep a large buffer.
    fn compact(&mut self) {
        if self.start == 0 {
            return;
        }
        let left = self.buffered();
        self.buffer.copy_within(self.start.., 0);
        self.buffer.truncate(left);
        self.start = 0;
        self.wiped = 0;
        if left == 0 && self.buffer.capacity() > BUFFER_KEPT_BYTES {
            self.buffer = Vec::new();
        }
    }
}

/// Encodes a value as one frame.
///
/// # Panics
/// If the value cannot be JSON, or not with a 32-bit length. Every value this crate encodes can, by its type and by
/// the limits: an error here is a fault of this program, not of a peer.
pub fn encode(value: &impl Serialize) -> Frame {
    let mut frame = serde_json::to_vec(value).expect("messages are maps with string keys");
    let length = u32::try_from(frame.len()).expect("messages are far shorter than 4 GiB");
    // What is there is moved by four bytes, which takes less than a second buffer.
    frame.splice(0..0, length.to_be_bytes());
    frame.into()
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("A frame must not be empty"),
            Self::TooLarge { announced, limit } => {
                write!(f, "A frame of {announced} bytes is too large, {limit} are allowed here")
            }
        }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        self.buffer.zeroize();
    }
}

/// A buffer up to this size is kept between frames: one allocation less a message, for most messages.
const BUFFER_KEPT_BYTES: usize = 2 * 1024;

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 64;

    fn drain(decoder: &mut Decoder, frames: &mut Vec<Vec<u8>>) -> Result<(), FrameError> {
        while let Some(frame) = decoder.decode(LIMIT)? {
            frames.push(frame.to_vec());
        }
        Ok(())
    }

    #[test]
    fn a_frame_counts_once_however_many_share_it_and_until_the_last_is_done() {
        let ledger = Arc::new(Ledger::default());
        let frame = Frame::from(&[7; 100][..]).booked(&ledger);
        let others = vec![frame.clone(); 50];
        assert_eq!((frame.len(), ledger.bytes()), (100, 100));
        drop(frame);
        assert_eq!(ledger.bytes(), 100);
        // Who books it again finds it booked.
        let again = others[0].clone().booked(&ledger);
        drop(others);
        assert_eq!(ledger.bytes(), 100);
        drop(again);
        assert_eq!(ledger.bytes(), 0);
    }

    #[test]
    fn a_refused_length_is_known_from_its_prefix() {
        for (prefix, error) in [
            ([0, 0, 0, 0], FrameError::Empty),
            ([0, 0, 0, 65], FrameError::TooLarge { announced: 65, limit: LIMIT }),
            ([255; 4], FrameError::TooLarge { announced: u32::MAX, limit: LIMIT }),
        ] {
            let mut decoder = Decoder::default();
            decoder.extend(&prefix);
            assert_eq!(decoder.decode(LIMIT), Err(error));
            decoder.extend(&[0, 0, 0, 1, b'x']);
            assert_eq!(decoder.decode(LIMIT), Err(error), "an error is final");
            assert_eq!(decoder.buffered(), 0, "and keeps nothing");
        }
    }

    #[test]
    fn a_frame_of_exactly_the_limit_passes() {
        let mut decoder = Decoder::default();
        decoder.extend(&[0, 0, 0, 64]);
        decoder.extend(&[7; LIMIT]);
        assert_eq!(decoder.decode(LIMIT), Ok(Some(&[7; LIMIT][..])));
        assert_eq!(decoder.decode(LIMIT), Ok(None));
    }

    #[test]
    fn a_frame_is_its_bytes_however_one_asks_for_them() {
        let frame = Frame::from(&b"\0\0\0\x02hi"[..]);
        assert_eq!((&frame[..], frame.as_ref()), (&b"\0\0\0\x02hi"[..], &b"\0\0\0\x02hi"[..]));
    }

    #[test]
    fn a_refusal_says_in_a_sentence_what_was_wrong() {
        let too_large = FrameError::TooLarge { announced: 65, limit: LIMIT };
        assert_eq!(too_large.to_string(), "A frame of 65 bytes is too large, 64 are allowed here");
        assert_eq!(FrameError::Empty.to_string(), "A frame must not be empty");
    }

    #[test]
    fn a_long_conversation_takes_no_more_memory_than_its_longest_frame() {
        let mut decoder = Decoder::default();
        for _ in 0..1_000 {
            decoder.extend(&[0, 0, 0, 1, b'x', 0]);
            assert_eq!(decoder.decode(LIMIT), Ok(Some(&b"x"[..])));
            assert_eq!(decoder.decode(LIMIT), Ok(None));
            decoder.extend(&[0, 0, 1, b'y']);
            assert_eq!(decoder.decode(LIMIT), Ok(Some(&b"y"[..])));
        }
        assert!(decoder.buffer.capacity() < 100, "{}", decoder.buffer.capacity());
    }

    #[test]
    fn an_idle_connection_keeps_a_buffer_of_two_kib_and_no_larger_one() {
        for (frame_bytes, is_kept) in [(200, true), (2048, true), (2049, false), (30_000, false)] {
            let mut frame = vec![b'x'; frame_bytes];
            frame[..PREFIX_BYTES].copy_from_slice(&u32::try_from(frame_bytes - 4).unwrap().to_be_bytes());
            let mut decoder = Decoder::default();
            decoder.extend(&frame);
            assert!(decoder.decode(usize::MAX).unwrap().is_some());
            decoder.extend(&[0]);
            assert_eq!(decoder.buffer.capacity() >= frame_bytes, is_kept, "after {frame_bytes} bytes");
        }
    }

    #[test]
    fn a_large_buffer_is_kept_while_a_part_of_the_next_frame_is_in_it() {
        let mut decoder = Decoder::default();
        decoder.extend(&[&[0, 0, 11, 184][..], &[b'x'; 3_000], &[0, 0]].concat());
        assert!(decoder.decode(usize::MAX).unwrap().is_some());
        decoder.extend(&[0, 1, b'y']);
        assert_eq!(decoder.decode(LIMIT), Ok(Some(&b"y"[..])));
    }

    #[test]
    fn what_was_given_out_can_be_wiped() {
        let mut decoder = Decoder::default();
        decoder.extend(&[0, 0, 0, 3, b'k', b'e', b'y', 0, 0]);
        assert!(decoder.decode(LIMIT).unwrap().is_some());
        decoder.wipe_decoded();
        assert!(!decoder.buffer.windows(3).any(|bytes| bytes == b"key"));
        assert_eq!(decoder.buffered(), 2);
    }

    proptest! {
        #[test]
        fn any_split_of_a_stream_gives_the_same_frames(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..8),
            cuts in prop::collection::vec(1..40usize, 1..40),
        ) {
            let mut stream = vec![];
            for payload in &payloads {
                stream.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_be_bytes());
                stream.extend_from_slice(payload);
            }

            let mut whole = Decoder::default();
            let mut expected = vec![];
            whole.extend(&stream);
            let end = drain(&mut whole, &mut expected);

            let mut split = Decoder::default();
            let mut frames = vec![];
            let mut rest = &stream[..];
            let mut result = Ok(());
            for cut in cuts.iter().cycle() {
                let (now, later) = rest.split_at(rest.len().min(*cut));
                split.extend(now);
                result = drain(&mut split, &mut frames);
                prop_assert!(split.buffered() <= LIMIT + PREFIX_BYTES);
                rest = later;
                if rest.is_empty() || result.is_err() {
                    break;
                }
            }
            prop_assert_eq!(&frames, &expected);
            prop_assert_eq!(result, end);

            let legal = payloads.iter().take_while(|payload| (1..=LIMIT).contains(&payload.len()));
            prop_assert_eq!(frames, legal.cloned().collect::<Vec<_>>());
        }
    }
}
