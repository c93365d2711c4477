//! Whatever is done to the bytes between two pipes, what arrives is what was said, in its order, up to where
//! it was cut or changed; each call makes progress or fails for good; and after a failure nothing plain comes
//! out and nothing more is said.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::tls_pipe(data));
