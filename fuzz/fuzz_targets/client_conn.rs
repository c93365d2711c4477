//! Whatever a server says, however late, and however often it hangs up: the client sends nothing but requests
//! that are allowed where it is and were granted, nothing without a connection, tells the outcome of each
//! message once, who is a friend as it was told, and nothing that was not granted, and never waits in vain.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::client_conn(data));
