//! How a thread waits: for the sockets of its connections, and for whatever else wakes its tasks.
//!
//! `async_io` would do, but its reactor is one for all threads. Whenever the thread that runs our tasks is not in it, one of
//! its own takes over, and hands each event from core to core; and it tells the system anew what it waits for after each
//! event. So sockets that people talk over are waited for here, where they are told of once for as long as they last.
//! What is rare, new connections and the clock, is left to `async_io`.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use mio::event::Source;
use mio::{Events, Interest, Registry, Token};
use slab::Slab;

use crate::socket::Line;

/// A thread's own.
pub(crate) struct Reactor {
    poll: mio::Poll,
    events: Events,
    sockets: Arc<Sockets>,
    bell: Arc<Bell>,
}

/// The sockets a reactor waits for.
pub(crate) struct Sockets {
    registry: Registry,
    lines: Mutex<Lines>,
}

/// By the number that the system tells with an event. `None` until the line to a socket is there.
type Lines = Slab<Option<Arc<Line>>>;

/// A socket's place with its reactor, given back when this is dropped.
pub(crate) struct Place {
    sockets: Arc<Sockets>,
    number: usize,
}

/// Wakes the thread, if it waits.
struct Bell {
    waker: mio::Waker,
    /// Rung since the thread looked last.
    is_rung: AtomicBool,
    /// The thread waits, or is about to, and must be told.
    is_waited_for: AtomicBool,
}

impl Reactor {
    /// # Errors
    /// The system's, if it has no more of what this takes.
    pub(crate) fn new() -> io::Result<Self> {
        let poll = mio::Poll::new()?;
        let sockets = Sockets { registry: poll.registry().try_clone()?, lines: Mutex::default() };
        let waker = mio::Waker::new(poll.registry(), BELL)?;
        let bell = Bell { waker, is_rung: AtomicBool::new(false), is_waited_for: AtomicBool::new(false) };
        let events = Events::with_capacity(EVENTS_MAX);
        Ok(Self { poll, events, sockets: Arc::new(sockets), bell: Arc::new(bell) })
    }

    /// Where its sockets are told of.
    pub(crate) fn sockets(&self) -> &Arc<Sockets> {
        &self.sockets
    }

    /// Runs a future on this thread. Whenever it has nothing to do, events are waited for. If it has woken itself by
    /// then, those are taken that there are.
    pub(crate) fn block_on<T>(&mut self, future: impl Future<Output = T>) -> T {
        let waker = Waker::from(Arc::clone(&self.bell));
        let mut cx = Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
                return value;
            }
            self.wait();
        }
    }

    fn wait(&mut self) {
        let patience = (!self.bell.begin()).then_some(Duration::ZERO);
        let polled = self.poll.poll(&mut self.events, patience);
        self.bell.end();
        match polled {
            Ok(()) => self.sockets.tell(&self.events),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                tracing::error!(%error, "the system does not tell what happens at connections");
                thread::sleep(PAUSE);
            }
        }
    }
}

impl Sockets {
    /// Has a socket waited for, from now on and for all it can do.
    pub(crate) fn add(self: &Arc<Self>, socket: &mut impl Source) -> io::Result<Place> {
        let place = Place { sockets: Arc::clone(self), number: self.lock().insert(None) };
        self.registry.register(socket, Token(place.number), Interest::READABLE | Interest::WRITABLE)?;
        Ok(place)
    }

    fn tell(&self, events: &Events) {
        let lines = self.lock();
        for event in events {
            if let Some(Some(line)) = lines.get(event.token().0) {
                line.port().happened(event);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Has this line told what happens. What has happened before is lost, so that it begins by looking.
    pub(crate) fn give_to(&self, line: &Arc<Line>) {
        self.sockets.lock()[self.number] = Some(Arc::clone(line));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // The system forgets the socket when it is closed. An event that still comes is for nobody, or one too many for
        // who has the place next.
        let line = self.sockets.lock().remove(self.number);
        drop(line);
    }
}

impl Bell {
    /// The thread is about to wait. Whether there is a reason to: nobody has rung.
    fn begin(&self) -> bool {
        self.is_waited_for.store(true, Ordering::SeqCst);
        !self.is_rung.load(Ordering::SeqCst)
    }

    /// The thread is about to look at everything.
    fn end(&self) {
        self.is_waited_for.store(false, Ordering::SeqCst);
        // What was done before ringing is seen from here on.
        self.is_rung.swap(false, Ordering::SeqCst);
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_rung.store(true, Ordering::SeqCst);
        // Whoever comes later finds it rung.
        if self.is_waited_for.swap(false, Ordering::SeqCst) {
            // It fails if the thread has more than enough to wake up for.
            let _ = self.waker.wake();
        }
    }
}

/// The bell's number among events.
const BELL: Token = Token(usize::MAX);
/// Events taken at once.
const EVENTS_MAX: usize = 1024;
/// Between two tries, when there are none to be had.
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use smol::channel;

    use super::*;
    use crate::turn::look_for_events;

    #[test]
    fn who_wakes_a_task_from_elsewhere_wakes_the_thread() {
        let mut reactor = Reactor::new().unwrap();
        let (say, heard) = channel::bounded(1);
        thread::scope(|scope| {
            scope.spawn(|| (1..=1_000).for_each(|word| say.send_blocking(word).unwrap()));
            for word in 1..=1_000 {
                assert_eq!(reactor.block_on(heard.recv()), Ok(word));
            }
        });
    }

    #[test]
    fn who_yields_goes_on_without_being_woken() {
        let mut reactor = Reactor::new().unwrap();
        reactor.block_on(async {
            look_for_events().await;
            look_for_events().await;
        });
    }
}
