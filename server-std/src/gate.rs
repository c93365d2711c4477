//! How many threads may compute at once.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use server_common::turn;

/// Lets in one thread for each two cores at a time; the others wait. Of a crowd that shakes hands each would have a thread
/// that is ready to run, and those who talk would get one turn among a thousand.
pub(crate) struct Gate {
    places: Mutex<usize>,
    left: Condvar,
}

/// A place behind the gate, until this is dropped.
pub(crate) struct Place<'a>(&'a Gate);

impl Gate {
    pub(crate) fn new() -> Self {
        Self { places: Mutex::new(turn::threads()), left: Condvar::new() }
    }

    /// Waits for a place.
    pub(crate) fn enter(&self) -> Place<'_> {
        let places = self.left.wait_while(self.lock(), |places| *places == 0);
        *places.unwrap_or_else(PoisonError::into_inner) -= 1;
        Place(self)
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.0.lock() += 1;
        self.0.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn who_finds_no_place_waits_for_one() {
        let gate = Gate { places: Mutex::new(1), left: Condvar::new() };
        let (entered, story) = mpsc::channel();
        thread::scope(|scope| {
            let place = gate.enter();
            let gate = &gate;
            scope.spawn(move || {
                let _place = gate.enter();
                entered.send("entered").unwrap();
            });
            assert!(story.try_recv().is_err(), "there is one place");
            drop(place);
            assert_eq!(story.recv(), Ok("entered"));
        });
    }
}
