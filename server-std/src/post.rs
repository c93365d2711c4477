//! Who writes what threads have put down for others.
//!
//! A thread that has read a message could write it to everybody it is for by itself, and so could every other; then each
//! message would be a write for each member, and the threads would take each other's cores. So at most one thread for each
//! two cores writes at a time. Whoever has put something down while those do leaves it to them and goes back to reading:
//! what gathers meanwhile goes in one write. With nobody at it, a thread writes what it put down without waking another.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use server_common::turn::{self, Rung, Tend};

/// What is to be tended, and how many threads may do so.
pub(crate) struct Post {
    rung: Mutex<VecDeque<Arc<dyn Tend>>>,
    /// Threads that may still begin to.
    places: AtomicUsize,
}

impl Post {
    pub(crate) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self { rung: Mutex::default(), places: AtomicUsize::new(cores.div_ceil(2)) }
    }

    /// Ends a turn of this thread: what it rang for is tended, by this thread or by those that do already. `false` says
    /// that there is always more, and that it is another thread's turn to do this.
    pub(crate) fn end_turn(&self, rung: &mut Rung) -> bool {
        turn::end(rung);
        let mut queue = self.lock();
        queue.extend(rung.drain(..));
        let is_empty = queue.is_empty();
        drop(queue);
        is_empty || (0..ROUNDS_MAX).any(|_| self.is_left_to_others(rung))
    }

    /// Tends some, unless enough threads do. Whether nothing is left that they do not find.
    fn is_left_to_others(&self, rung: &mut Rung) -> bool {
        let take = |places: usize| places.checked_sub(1);
        if self.places.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_err() {
            return true;
        }
        let round = Round { post: self, rung };
        let mut queue = self.lock();
        let count = queue.len().min(ROUND);
        round.rung.extend(queue.drain(..count));
        drop(queue);
        turn::tend(round.rung);
        drop(round);
        // Who found no place before this has put theirs down before this.
        fence(Ordering::SeqCst);
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<dyn Tend>>> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place at the post, and what is to be tended by who has it.
struct Round<'a> {
    post: &'a Post,
    rung: &'a mut Rung,
}

/// Also if one of those who are tended brings the thread down, the others are tended.
impl Drop for Round<'_> {
    fn drop(&mut self) {
        let mut queue = self.post.lock();
        queue.extend(self.rung.drain(..).rev());
        // What somebody was told may have made them say something.
        turn::end(self.rung);
        queue.extend(self.rung.drain(..));
        drop(queue);
        self.post.places.fetch_add(1, Ordering::SeqCst);
    }
}

/// Rounds that a thread writes for others before it does something else.
const ROUNDS_MAX: usize = 16;
/// Connections tended in a round.
const ROUND: usize = 256;
