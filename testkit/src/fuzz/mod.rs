//! What must hold for any input at all: the bodies of the fuzz targets.
//!
//! Each is a function of bytes that panics where its sentence is not true. The workspace `fuzz/` hands them to libFuzzer,
//! a file each; the test `corpora` gives them every input that was worth keeping.

mod client_conn;
mod config;
mod duplex;
mod frame_decoder;
mod friends;
mod hub;
mod message_validation;
mod names;
mod places;
mod presences;
mod script;
pub mod seeds;
mod server_conn;
mod tls_pipe;

pub use client_conn::client_conn;
pub use config::config;
pub use duplex::duplex;
pub use frame_decoder::frame_decoder;
pub use friends::friends;
pub use hub::hub;
pub use message_validation::message_validation;
pub use names::names;
pub use places::places;
pub use presences::presences;
pub use server_conn::server_conn;
pub use tls_pipe::tls_pipe;

/// A target: its name, which is that of its file in `fuzz/fuzz_targets` and of its folder in `fuzz/corpus`, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 12] = [
    ("client_conn", client_conn),
    ("config", config),
    ("duplex", duplex),
    ("frame_decoder", frame_decoder),
    ("friends", friends),
    ("hub", hub),
    ("message_validation", message_validation),
    ("names", names),
    ("places", places),
    ("presences", presences),
    ("server_conn", server_conn),
    ("tls_pipe", tls_pipe),
];
