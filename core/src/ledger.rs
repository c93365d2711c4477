//! How many bytes wait, all together.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering};

/// A count of bytes that whoever has them adds to and takes from, on any thread.
///
/// Shared bytes are counted by what shares them, once: see [`Booking`] and [`crate::frame::Frame::booked`].
#[derive(Debug, Default)]
pub struct Ledger {
    bytes: AtomicUsize,
}

/// Bytes that count for as long as this lives.
#[derive(Debug)]
pub struct Booking {
    ledger: Arc<Ledger>,
    bytes: usize,
}

impl Ledger {
    /// What all that is booked comes to.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Counts bytes that [`Ledger::remove`] will be called for.
    pub fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts bytes no longer that were added before.
    pub fn remove(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Counts `after` bytes where `before` were added.
    pub fn replace(&self, before: usize, after: usize) {
        if after > before {
            self.add(after - before);
        } else if after < before {
            self.remove(before - after);
        }
    }
}

impl Booking {
    /// Counts so many bytes.
    pub fn new(ledger: &Arc<Ledger>, bytes: usize) -> Self {
        ledger.add(bytes);
        Self { ledger: Arc::clone(ledger), bytes }
    }
}

impl Drop for Booking {
    fn drop(&mut self) {
        self.ledger.remove(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_booking_counts_while_it_lives() {
        let ledger = Arc::new(Ledger::default());
        let (one, two) = (Booking::new(&ledger, 10), Booking::new(&ledger, 5));
        assert_eq!(ledger.bytes(), 15);
        drop(one);
        assert_eq!(ledger.bytes(), 5);
        ledger.replace(0, 60);
        ledger.replace(60, 100);
        ledger.replace(100, 7);
        assert_eq!(ledger.bytes(), 12);
        ledger.replace(7, 7);
        ledger.remove(7);
        drop(two);
        assert_eq!(ledger.bytes(), 0);
    }
}
