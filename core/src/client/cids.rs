//! Names for messages that are to be kept.

use alloc::format;
use alloc::string::String;

use crate::message::Cid;

/// Makes names for messages that nobody else makes.
pub struct Cids {
    prefix: String,
    count: u64,
}

impl Cids {
    /// `nonce` must be random, and another one for each of these there ever is.
    pub fn new(nonce: [u8; 12]) -> Self {
        let prefix = nonce.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { prefix, count: 0 }
    }

    /// Another name.
    pub fn make(&mut self) -> Option<Cid> {
        self.count += 1;
        Cid::parse(&format!("{}-{:x}", self.prefix, self.count))
    }
}
