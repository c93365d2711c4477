//! What both servers share and no socket.
//!
//! A server reads its [`config`], starts the [`log`], takes its [`data`] folder, loads its [`identity`], opens the
//! [`store`] and starts the password pool over the [`accounts`]; after that it only moves bytes. That way is [`run`].
//! A connection is a [`session`], which meets the others in the [`exchange`]. Everything here either computes or
//! touches files; nothing here listens, accepts or connects.
//!
//! Errors of this crate that reach an operator are one line each: what is wrong, where, and what to do about it.
#![forbid(unsafe_code)]

pub mod accepting;
pub mod accounts;
pub mod admission;
mod clerk;
pub mod clock;
mod commands;
pub mod config;
pub mod data;
mod descriptors;
pub mod exchange;
pub mod identity;
pub mod keys;
pub mod line;
pub mod log;
pub mod metrics;
mod network;
mod operate;
pub mod passwords;
pub mod run;
pub mod scribe;
pub mod server;
pub mod service;
mod service_manager;
pub mod session;
mod signals;
mod socket;
pub mod store;
mod sweep;
#[cfg(test)]
mod testing;
mod text;
pub mod tokens;
pub mod turn;
mod unix;
