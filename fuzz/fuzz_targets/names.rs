//! The key of a key is that key, all cases and canonical forms of a name share it, and a name that is
//! accepted keeps to the rules for its shape.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::names(data));
