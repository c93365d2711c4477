//! A store that several threads use, one at a time.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::metrics::Times;

/// See the module. The lock is held for one call of the store, and never during a hash.
pub struct Shared<S> {
    store: Mutex<S>,
    /// How long it took until something was on the disk.
    pub(crate) commits: Times,
}

impl<S> Shared<S> {
    pub(crate) fn new(store: S) -> Self {
        Self { store: Mutex::new(store), commits: Times::default() }
    }

    /// Looks something up.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&S) -> R) -> R {
        look(&self.lock())
    }

    /// Changes the store. The wait for those who are at it before is not counted, only the disk.
    pub(crate) fn commit<R>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        let mut store = self.lock();
        self.commits.measure(|| change(&mut store))
    }

    fn lock(&self) -> MutexGuard<'_, S> {
        // A panic while it was held has ended a single statement; what is behind it is as good as before.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
