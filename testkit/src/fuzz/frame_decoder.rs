//! Framing.

use chatroom_core::frame::{Decoder, FrameError, PREFIX_BYTES};

/// However a stream is cut, the same payloads come out of it, at most one frame of the largest size is kept, an error is
/// final, and the payloads framed again are the stream they came from, up to where it ends or breaks.
///
/// The first byte chooses the limit, the second the cuts; the rest is the stream.
pub fn frame_decoder(data: &[u8]) {
    let [limit, cuts, stream @ ..] = data else { return };
    let limit = LIMITS[usize::from(*limit) % LIMITS.len()];
    let whole = decode(stream, limit, [stream.len().max(1)].into_iter());
    let cut = decode(stream, limit, lengths(*cuts));
    assert!(whole == cut, "cut by {cuts}, a stream is read otherwise than whole");
    check_content(stream, limit, &whole);
}

#[derive(PartialEq)]
struct Decoded {
    payloads: Vec<Vec<u8>>,
    /// Bytes that wait for the rest of their frame; or why none follows.
    end: Result<usize, FrameError>,
}

/// Decodes a stream in pieces of these lengths, the last of them again and again.
fn decode(stream: &[u8], limit: usize, mut lengths: impl Iterator<Item = usize>) -> Decoded {
    let mut decoder = Decoder::default();
    let mut payloads = Vec::new();
    let (mut rest, mut length) = (stream, 1);
    while !rest.is_empty() {
        length = lengths.next().unwrap_or(length);
        let (piece, later) = rest.split_at(rest.len().min(length));
        decoder.extend(piece);
        if let Err(error) = drain(&mut decoder, limit, &mut payloads) {
            check_final(&mut decoder, limit, error);
            return Decoded { payloads, end: Err(error) };
        }
        assert!(decoder.buffered() < limit + PREFIX_BYTES, "{} bytes are kept", decoder.buffered());
        rest = later;
    }
    Decoded { payloads, end: Ok(decoder.buffered()) }
}

fn drain(decoder: &mut Decoder, limit: usize, payloads: &mut Vec<Vec<u8>>) -> Result<(), FrameError> {
    while let Some(payload) = decoder.decode(limit)? {
        payloads.push(payload.to_vec());
        if payloads.len().is_multiple_of(2) {
            decoder.wipe_decoded();
        }
    }
    Ok(())
}

fn check_final(decoder: &mut Decoder, limit: usize, error: FrameError) {
    decoder.extend(b"\0\0\0\x01x");
    assert_eq!(decoder.decode(limit), Err(error), "an error is final");
    assert_eq!(decoder.decode(limit * 2), Err(error), "under every limit");
    assert_eq!(decoder.buffered(), 0, "and keeps nothing");
}

/// The payloads are what a reader of the specification finds in the stream.
fn check_content(stream: &[u8], limit: usize, decoded: &Decoded) {
    let frame = |payload: &Vec<u8>| {
        let length = u32::try_from(payload.len()).expect("a payload is within the limit");
        [&length.to_be_bytes()[..], payload].concat()
    };
    let framed: Vec<u8> = decoded.payloads.iter().flat_map(frame).collect();
    let rest = stream.strip_prefix(&framed[..]).expect("payloads come from the stream, in its order");
    assert!(decoded.payloads.iter().all(|payload| (1..=limit).contains(&payload.len())));
    let announced = rest.first_chunk().map(|prefix| u32::from_be_bytes(*prefix));
    let length = announced.and_then(|length| usize::try_from(length).ok());
    match decoded.end {
        Ok(buffered) => {
            assert_eq!(buffered, rest.len());
            assert!(
                length
                    .is_none_or(|length| (1..=limit).contains(&length) && rest.len() < length + PREFIX_BYTES)
            );
        }
        Err(FrameError::Empty) => assert_eq!(announced, Some(0)),
        Err(FrameError::TooLarge { announced: told, limit: allowed }) => {
            assert_eq!((announced, allowed), (Some(told), limit));
            assert!(length.is_none_or(|length| length > limit));
        }
    }
}

/// Lengths that a number stands for: the same small one for ever, or ever another.
fn lengths(cuts: u8) -> impl Iterator<Item = usize> {
    let step = usize::from(cuts);
    (0..).map(move |turn| if step < 8 { step + 1 } else { 1 + turn * step % 61 })
}

const LIMITS: [usize; 4] = [16, 64, 4096, 32 * 1024];
