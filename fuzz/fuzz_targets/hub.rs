//! Whatever connections do in whatever order, the hub answers, delivers and counts as a naive model does, and
//! is empty when all are gone.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::hub(data));
