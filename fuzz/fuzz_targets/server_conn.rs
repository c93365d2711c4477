//! Whatever bytes, timeouts, answers and notices come in whatever order: `Close` is last and comes once,
//! nothing reaches the hub before a login, one question at most is open, what waits for the client is
//! bounded, deadlines are kept, answers keep the order of requests, nothing is told that was not granted, and
//! an original client survives what it is told.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::server_conn(data));
