//! Whatever connections and devices do in whatever order, and whenever the disk writes or fails, lists are published or the
//! server starts again, each hears what a naive model says, and knows who is where when nothing is left to be told.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::places(data));
