//! The chat protocol as pure state machines: bytes, time and answers in; frames, questions and decisions out.
//!
//! Nothing here opens a socket, reads a clock, starts a thread or draws a random number. A frontend moves bytes and
//! runs the loop below; a test runs the same loop with a clock it counts by hand.
//!
//! # The loop
//!
//! [`server::Conn`] and [`client::Client`] have three verbs: `handle` tells them what happened and never fails,
//! `poll_output` says what to do about it, `deadline` says when to come back. A frontend
//!
//! 1. waits for bytes from the peer, mail from the hub, an answer to a question, or the deadline;
//! 2. calls `handle(now, input)` with what came;
//! 3. calls `poll_output()` until it returns `None`, doing each thing in order;
//! 4. goes back to 1.
//!
//! ```
//! use std::sync::Arc;
//! use chatroom_core::server::{Conn, Input, Output, Rules};
//! use chatroom_core::{Instant, limits::Limits, message::hello::Registration};
//!
//! let rules = Rules {
//!     limits: Limits::default(),
//!     registration: Registration::Open,
//!     history: false,
//!     key_of: |name| name.to_lowercase(),
//!     look_of: |name| Ok(name.to_lowercase()),
//! };
//! let now = Instant::default();
//! let mut conn = Conn::new(now, Arc::new(rules));
//! conn.handle(now, Input::Secured);
//! conn.handle(now, Input::Bytes(b"\0\0\0\x0f{\"type\":\"list\"}"));
//! let Some(Output::Frame(frame)) = conn.poll_output() else { panic!("an answer is due") };
//! assert!(frame.ends_with(br#""code":"wrong_state"}"#));
//! assert!(conn.poll_output().is_none());
//! ```
//!
//! To slow a connection down, do not feed it ([`server::Conn::wants_bytes`]); never stop draining it.
//!
//! # Where things are
//!
//! * [`server`]: one connection, as the server sees it; one file for each state it can be in.
//! * [`hub`]: who is where, and what goes to whom; one for each server.
//! * [`client`]: one connection, as the client sees it.
//! * [`message`]: what is said, as JSON and as values; [`frame`]: how it is cut out of a stream of bytes.
//! * [`name`], [`secret`], [`limits`]: values that cannot be wrong, and how large they may be.
//! * [`bucket`], [`ledger`]: how often something may happen, and how much waits all together.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod bucket;
pub mod client;
pub mod frame;
pub mod hub;
pub mod ledger;
pub mod limits;
pub mod message;
pub mod name;
pub mod phase;
pub mod secret;
pub mod server;
pub mod time;
mod timer;

pub use time::Instant;
