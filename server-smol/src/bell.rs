//! How a task is told that something waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;

use atomic_waker::AtomicWaker;
use server_common::exchange::Wake;

use crate::turn;

/// A bell that one task listens to and anybody may ring. Ringing it while nobody listens is not lost.
#[derive(Clone, Default)]
pub struct Bell {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    is_rung: AtomicBool,
    waker: AtomicWaker,
}

impl Bell {
    pub(crate) fn ring(&self) {
        // One wake is enough until the task has listened again: a burst costs the task's queue one entry.
        if !self.shared.is_rung.swap(true, Ordering::AcqRel) && !turn::postpone(self) {
            self.wake_listener();
        }
    }

    /// Wakes the task that listens, now that this was rung.
    pub(crate) fn wake_listener(&self) {
        self.shared.waker.wake();
    }

    /// Whether the bell was rung since the last time. The task is woken by the next ring.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> bool {
        self.shared.waker.register(cx.waker());
        self.shared.is_rung.swap(false, Ordering::AcqRel)
    }
}

impl Wake for Bell {
    fn wake(&self) {
        self.ring();
    }
}
