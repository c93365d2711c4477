//! However a stream is cut, the same payloads come out of it, at most one frame of the largest size is kept,
//! an error is final, and the payloads framed again are the stream they came from, up to where it ends or
//! breaks.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::frame_decoder(data));
