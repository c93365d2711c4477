//! How a thread is told that something waits for it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use server_common::exchange::Wake;

/// A bell that one thread waits for and any may ring. Ringing it while nobody waits is not lost.
#[derive(Clone, Default)]
pub struct Bell {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    is_rung: Mutex<bool>,
    rung: Condvar,
}

impl Bell {
    pub(crate) fn ring(&self) {
        let mut is_rung = self.lock();
        if !*is_rung {
            *is_rung = true;
            self.shared.rung.notify_one();
        }
    }

    /// Waits until the bell was rung since the last time, or until `deadline`.
    pub(crate) fn wait_until(&self, deadline: Option<Instant>) {
        let mut is_rung = self.lock();
        while !*is_rung {
            let Some(deadline) = deadline else {
                is_rung = self.shared.rung.wait(is_rung).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.shared.rung.wait_timeout(is_rung, left);
            is_rung = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *is_rung = false;
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.shared.is_rung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Bell {
    fn wake(&self) {
        self.ring();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_before_the_wait_is_not_lost() {
        let bell = Bell::default();
        bell.ring();
        bell.ring();
        bell.wait_until(None);
        bell.wait_until(Some(Instant::now()));
    }

    #[test]
    fn a_ring_from_elsewhere_ends_the_wait() {
        let bell = Bell::default();
        let other = bell.clone();
        let ringer = std::thread::spawn(move || other.ring());
        bell.wait_until(None);
        ringer.join().unwrap();
    }
}
