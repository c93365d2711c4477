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
        Self { rung: Mutex::default(), places: AtomicUsize::new(turn::threads()) }
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
        // Who is about to put something down gets to do so first, and it goes in the same writes.
        thread::yield_now();
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver, Sender};
    use std::time::Instant;

    use super::*;

    /// Somebody who, when tended, waits for the test's word, if it wants to give one.
    struct Member {
        name: &'static str,
        tended: Sender<&'static str>,
        word: Mutex<Option<Receiver<()>>>,
    }

    impl Tend for Member {
        fn prepare(&self, _: Instant) {}

        fn tend(self: Arc<Self>, _: Instant) {
            self.tended.send(self.name).unwrap();
            if let Some(word) = self.word.lock().unwrap().take() {
                word.recv().expect("a word");
            }
        }
    }

    fn member(name: &'static str, tended: &Sender<&'static str>, word: Option<Receiver<()>>) -> Arc<Member> {
        Arc::new(Member { name, tended: tended.clone(), word: Mutex::new(word) })
    }

    fn post_with_one_place() -> Post {
        Post { rung: Mutex::default(), places: AtomicUsize::new(1) }
    }

    /// A turn of a thread that rings for these.
    fn turn(post: &Post, members: &[Arc<Member>]) -> bool {
        turn::begin();
        members.iter().for_each(|member| assert!(turn::postpone(member)));
        post.end_turn(&mut Rung::new())
    }

    #[test]
    fn who_finds_no_place_leaves_it_to_who_has_it() {
        let post = post_with_one_place();
        let (tended, story) = mpsc::channel();
        let (say, word) = mpsc::channel();
        let (slow, quick) = (member("slow", &tended, Some(word)), member("quick", &tended, None));
        thread::scope(|scope| {
            let first = scope.spawn(|| turn(&post, &[slow]));
            assert_eq!(story.recv(), Ok("slow"));
            assert!(turn(&post, &[quick]), "it is left to the other thread");
            assert!(story.try_recv().is_err(), "which is not done");
            say.send(()).unwrap();
            assert!(first.join().unwrap());
        });
        assert_eq!(story.try_iter().collect::<Vec<_>>(), ["quick"]);
    }

    #[test]
    fn who_brings_a_thread_down_takes_nobody_along() {
        let post = post_with_one_place();
        let (tended, story) = mpsc::channel();
        let (never_says, word) = mpsc::channel();
        drop(never_says);
        let members =
            [member("a", &tended, None), member("b", &tended, Some(word)), member("c", &tended, None)];
        thread::scope(|scope| assert!(scope.spawn(|| turn(&post, &members)).join().is_err()));
        assert_eq!(story.try_iter().collect::<Vec<_>>(), ["a", "b"]);
        assert!(turn(&post, &[]), "the next one who ends a turn");
        assert_eq!(story.try_iter().collect::<Vec<_>>(), ["c"]);
    }

    #[test]
    fn who_always_has_more_is_relieved() {
        struct Endless;
        impl Tend for Endless {
            fn prepare(&self, _: Instant) {}
            fn tend(self: Arc<Self>, _: Instant) {
                assert!(turn::postpone(&self));
            }
        }
        let post = post_with_one_place();
        turn::begin();
        assert!(turn::postpone(&Arc::new(Endless)));
        assert!(!post.end_turn(&mut Rung::new()));
    }
}
