//! Whatever a server says, however late, and however often it hangs up: the client sends nothing but requests
//! that are allowed where it is, nothing without a connection, tells the outcome of each message once, and
//! never waits in vain.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| testkit::fuzz::client_conn(data));
