//! Whatever people do about each other by whichever devices, whoever is deleted, and whenever the disk writes or fails or the
//! server starts again, each hears what a naive model says, knows who is what to them, and is told so in the end.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::friends(data));
