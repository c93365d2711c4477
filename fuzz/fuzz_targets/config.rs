//! Flags, environment and file together are settings that a server can serve with, or are refused in one line
//! that says what is wrong; the same ones mean the same each time, and a flag means what its words mean in
//! the environment.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::config(data));
