//! The desktop client: a native window over [`chatroom_core::client::Client`].
//!
//! The [`network`] thread moves bytes. The [`controller`] decides what is to be seen, in plain values ([`screen`],
//! [`log`], [`sentence`]). The [`adapters`] copy them into the window, and are the only ones that name what is made from
//! the `.slint` files. [`app`] puts them together.

pub mod adapters;
pub mod address;
pub mod app;
pub mod args;
pub mod controller;
pub mod files;
pub mod format;
pub mod host;
pub mod known_servers;
pub mod language;
pub mod log;
pub mod network;
pub mod screen;
pub mod sentence;
pub mod settings;
pub mod store;
pub mod weakness;

/// What is made from the `.slint` files.
#[allow(
    missing_docs,
    unused_qualifications,
    clippy::all,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::todo,
    clippy::unwrap_used,
    reason = "the compiler of Slint wrote it"
)]
pub mod ui {
    slint::include_modules!();
}
