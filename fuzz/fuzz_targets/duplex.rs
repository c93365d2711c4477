//! Whatever people want, however bytes travel and whoever hangs up, our client and our server never accuse
//! each other of breaking the protocol, and in the end agree on who is where.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::duplex(data));
