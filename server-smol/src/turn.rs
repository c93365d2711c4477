//! The turns of a thread: it runs tasks until they have read all there is to read, then tends the connections that were
//! rung for.

use std::sync::Arc;

use server_common::turn::{self, Rung};
use smol::Executor;
use smol::future::{self, FutureExt as _};

use crate::reactor::{Reactor, Sockets};

/// What a thread runs.
pub(crate) struct Work {
    /// The sockets it waits for.
    pub(crate) sockets: Arc<Sockets>,
    /// Connections that may say something, and all else that is short.
    pub(crate) talk: Executor<'static>,
    /// The tasks that accept, and connections that shake hands; one task a turn, for a crowd is not to keep those who talk waiting.
    pub(crate) arrivals: Executor<'static>,
}

impl Work {
    /// Nothing yet, for a thread that waits at `reactor`.
    pub(crate) fn at(reactor: &Reactor) -> Self {
        let sockets = Arc::clone(reactor.sockets());
        Self { sockets, talk: Executor::new(), arrivals: Executor::new() }
    }
}

/// Runs tasks on this thread, turn by turn and for ever. In [`Reactor::block_on`] of the reactor it was made for.
pub(crate) async fn run(work: &Work) -> ! {
    turn::begin();
    let mut rung = Rung::new();
    loop {
        if !take(work, &mut rung).await {
            work.talk.tick().or(work.arrivals.tick()).await;
        }
    }
}

/// One turn. Whether there was anything to do. `rung` is empty, and kept for its memory.
async fn take(work: &Work, rung: &mut Rung) -> bool {
    let mut ticks = 0;
    loop {
        let before = ticks;
        while ticks < TICKS_MAX && work.talk.try_tick() {
            ticks += 1;
        }
        if ticks == before || ticks == TICKS_MAX {
            break;
        }
        // All is done that was known of. What has come meanwhile is in time for this turn.
        look_for_events().await;
    }
    let has_greeted = work.arrivals.try_tick();
    turn::end(rung);
    let is_busy = ticks > 0 || has_greeted || !rung.is_empty();
    turn::tend(rung);
    if ticks == TICKS_MAX || has_greeted {
        // Who keeps this thread busy is not to keep the others' events from it.
        look_for_events().await;
    }
    is_busy
}

/// Lets the reactor ask the system for events, without waiting for any: that is what it does when a future yields.
pub(crate) async fn look_for_events() {
    future::yield_now().await;
}

/// Tasks that run in one turn, before those who have mail get it: as many as take about a millisecond if each writes.
const TICKS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Instant;

    use server_common::turn::Tend;
    use smol::channel;

    use super::*;

    type Story = Arc<Mutex<Vec<&'static str>>>;

    /// Somebody with mail: notes when it is written.
    struct Member {
        story: Story,
        is_over: channel::Sender<()>,
    }

    impl Tend for Member {
        fn prepare(&self, _: Instant) {}

        fn tend(self: Arc<Self>, _: Instant) {
            self.story.lock().unwrap().push("written");
            let _ = self.is_over.try_send(());
        }
    }

    fn member() -> (Arc<Member>, channel::Receiver<()>) {
        let (is_over, over) = channel::bounded(1);
        (Arc::new(Member { story: Story::default(), is_over }), over)
    }

    fn thread() -> (Reactor, Work) {
        let reactor = Reactor::new().unwrap();
        let work = Work::at(&reactor);
        (reactor, work)
    }

    fn run_until(reactor: &mut Reactor, work: &Work, over: &channel::Receiver<()>) {
        let over = async { over.recv().await.unwrap() };
        reactor.block_on(over.or(async { run(work).await }));
    }

    #[test]
    fn mail_is_written_once_all_that_can_be_read_is_read() {
        let (mut reactor, work) = thread();
        let (member, over) = member();
        for _ in 0..3 {
            let member = Arc::clone(&member);
            let read = async move {
                assert!(turn::postpone(&member));
                // Like a socket that has more, and is asked again.
                look_for_events().await;
                member.story.lock().unwrap().push("read");
            };
            work.talk.spawn(read).detach();
        }
        run_until(&mut reactor, &work, &over);
        assert_eq!(*member.story.lock().unwrap(), ["read", "read", "read", "written", "written", "written"]);
    }

    #[test]
    fn who_always_has_more_to_read_holds_up_nobody() {
        let (mut reactor, work) = thread();
        let (member, over) = member();
        let other = Arc::clone(&member);
        let flood = async move {
            assert!(turn::postpone(&other));
            loop {
                look_for_events().await;
            }
        };
        work.talk.spawn(flood).detach();
        run_until(&mut reactor, &work, &over);
        assert_eq!(*member.story.lock().unwrap(), ["written"]);
    }

    #[test]
    fn a_crowd_that_shakes_hands_holds_up_nobody() {
        let (mut reactor, work) = thread();
        let (member, over) = member();
        for _ in 0..100 {
            let story = Arc::clone(&member.story);
            work.arrivals.spawn(async move { story.lock().unwrap().push("greeted") }).detach();
        }
        let other = Arc::clone(&member);
        work.talk.spawn(async move { assert!(turn::postpone(&other)) }).detach();
        run_until(&mut reactor, &work, &over);
        assert_eq!(*member.story.lock().unwrap(), ["greeted", "written"]);
    }

    #[test]
    fn a_thread_that_takes_no_turns_postpones_nothing() {
        assert!(!turn::postpone(&member().0));
    }
}
