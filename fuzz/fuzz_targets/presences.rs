//! Whoever comes, goes, becomes a friend or is none any more, is in rooms and says how they are, and however late it is told:
//! who sees somebody knows in the end how that one is, and of whom one does not see one is told nothing.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::presences(data));
