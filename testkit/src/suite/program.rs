//! What a person or a service manager sees of a server's program, and what crowds and slow readers do to others.

use libtest_mimic::Trial;

/// The tests, for a server's program.
pub fn tests(_binary: &'static str) -> Vec<Trial> {
    Vec::new()
}
