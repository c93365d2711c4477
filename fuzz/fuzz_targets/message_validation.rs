//! Bytes are a request or are refused by a sentence, as a naive reader of JSON would judge them; a request
//! encoded and decoded is the same request; and no password is in any `Debug`, or in anything a server says.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::message_validation(data));
