//! What a thread does in which order: it reads all there is to read, then writes what follows from it.
//!
//! What one message sets off is a write for each member of its room, and writes are what deliveries cost: a system
//! call, a record and a packet each. So a connection is not told of its mail at once, but when its thread has nothing
//! more to read, and gets in one write all that has come together for it.

use std::cell::RefCell;
use std::future;
use std::mem;
use std::task::Poll;

use smol::Executor;

use crate::bell::Bell;

thread_local! {
    /// Bells that this thread rang in this turn. `None` on a thread that takes no turns.
    static RUNG: RefCell<Option<Vec<Bell>>> = const { RefCell::new(None) };
}

/// Has the task that listens to `bell` woken at the end of this thread's turn. On a thread that takes no turns nothing
/// happens, and `false` is returned.
pub(crate) fn postpone(bell: &Bell) -> bool {
    RUNG.with_borrow_mut(|rung| rung.as_mut().map(|rung| rung.push(bell.clone())).is_some())
}

/// Runs the tasks of `executor` on this thread, turn by turn and for ever.
pub(crate) async fn run(executor: &Executor<'static>) -> ! {
    RUNG.set(Some(Vec::new()));
    let mut rung = Vec::new();
    loop {
        if !take(executor, &mut rung).await {
            executor.tick().await;
        }
    }
}

/// One turn. Whether there was anything to do. `rung` is empty, and kept for its memory.
async fn take(executor: &Executor<'static>, rung: &mut Vec<Bell>) -> bool {
    let mut ticks = 0;
    loop {
        let before = ticks;
        while ticks < TICKS_MAX && executor.try_tick() {
            ticks += 1;
        }
        if ticks == before || ticks == TICKS_MAX {
            break;
        }
        // All is done that was known of. What has come meanwhile is in time for this turn.
        look_for_events().await;
    }
    RUNG.with_borrow_mut(|of_this_turn| of_this_turn.as_mut().map(|bells| mem::swap(bells, rung)));
    let is_busy = ticks > 0 || !rung.is_empty();
    rung.drain(..).for_each(|bell| bell.wake_listener());
    if ticks == TICKS_MAX {
        // Who keeps this thread busy is not to keep the others' events from it.
        look_for_events().await;
    }
    is_busy
}

/// Lets `async_io` ask the system for events, without waiting for any: that is what it does when a future yields.
async fn look_for_events() {
    let mut has_yielded = false;
    future::poll_fn(|cx| {
        if mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Tasks that run in one turn, before those who have mail are told: as many as take about a millisecond if each writes.
const TICKS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use smol::future::FutureExt as _;

    use super::*;

    type Story = Arc<Mutex<Vec<&'static str>>>;

    /// A task that notes when it hears the bell for the first time.
    async fn listen(bell: Bell, story: Story) {
        future::poll_fn(|cx| if bell.poll(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
        story.lock().unwrap().push("written");
    }

    fn run_until(executor: &Executor<'static>, end: impl Future<Output = ()>) {
        smol::block_on(end.or(async { run(executor).await }));
        RUNG.set(None);
    }

    #[test]
    fn mail_is_written_once_all_that_can_be_read_is_read() {
        let (executor, bell, story) = (Executor::new(), Bell::default(), Story::default());
        let listener = executor.spawn(listen(bell.clone(), Arc::clone(&story)));
        for _ in 0..3 {
            let (bell, story) = (bell.clone(), Arc::clone(&story));
            let read = async move {
                bell.ring();
                // Like a socket that has more, and is asked again.
                look_for_events().await;
                story.lock().unwrap().push("read");
            };
            executor.spawn(read).detach();
        }
        run_until(&executor, listener);
        assert_eq!(*story.lock().unwrap(), ["read", "read", "read", "written"]);
    }

    #[test]
    fn who_always_has_more_to_read_holds_up_nobody() {
        let (executor, bell, story) = (Executor::new(), Bell::default(), Story::default());
        let listener = executor.spawn(listen(bell.clone(), Arc::clone(&story)));
        let flood = async move {
            loop {
                bell.ring();
                look_for_events().await;
            }
        };
        executor.spawn(flood).detach();
        run_until(&executor, listener);
        assert_eq!(*story.lock().unwrap(), ["written"]);
    }

    #[test]
    fn a_thread_that_takes_no_turns_wakes_at_once() {
        let (bell, story) = (Bell::default(), Story::default());
        assert!(!postpone(&bell));
        bell.ring();
        smol::block_on(listen(bell, Arc::clone(&story)));
        assert_eq!(*story.lock().unwrap(), ["written"]);
    }
}
