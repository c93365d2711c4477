//! Passwords: hashed so that they cost a guesser time, in a pool so that they cost a chatter none.
//!
//! A hash takes some 80 ms of one core, by design. So it is done by threads of its own ([`pool`]) that leave the
//! processor to the rest, its waiting line is fair and bounded ([`queue`]), and who keeps failing has to wait
//! ([`throttle`]). What a hash is, [`hasher`] knows.

pub mod hasher;
pub mod pool;
pub mod queue;
pub mod throttle;

pub use hasher::Hasher;
pub use pool::{Applicant, Pool};
