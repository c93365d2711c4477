//! A connection as every thread finds it: its session and its socket, under one lock.
//!
//! Whoever has mail for a connection writes it, at the end of their turn, on their own thread and without waiting. To wake
//! another thread or task for each member of a room would cost more than the mail. Only what does not go at once is left
//! to the one who waits at the socket, its [`Port`], as are reading and the clock.

use std::fmt;
use std::io;
use std::net::{IpAddr, Shutdown};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time;

use chatroom_core::Instant;
use chatroom_core::time::is_earlier;
use tls::Pipe;

use crate::clock::Clock;
use crate::exchange::Wake;
use crate::service::Service;
use crate::session::{Happened, Session, Transport};
use crate::turn::{self, Tend};

/// A connection's socket, and whoever waits at it.
pub trait Port: Send + Sync + Sized + 'static {
    /// What is between the socket and the session.
    type Transport: Transport + Send;
    /// Writes what goes at once; an error of [`io::ErrorKind::WouldBlock`] if nothing does.
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;
    /// Shuts our side of the stream, or all of it.
    fn shut(&self, how: Shutdown);
    /// Something waits for the line, and the thread that put it there takes no turns: have it tended, or
    /// looked at with [`Line::look`].
    fn ring(line: &Arc<Line<Self>>);
    /// What is to be waited for at the socket has become more, or the line is over. Not called for what
    /// [`Line::handle`], [`Line::flush`] and [`Line::look`] return.
    fn watch(line: &Arc<Line<Self>>, wants: Wants);
}

/// What a line waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// To read.
    pub read: bool,
    /// To be able to write: call [`Line::flush`] then.
    pub write: bool,
    /// For this moment: call [`Line::handle`] with [`Happened::Woken`] then.
    pub deadline: Option<Instant>,
    /// For nothing more: let go of it.
    pub is_over: bool,
}

/// One connection.
pub struct Line<P: Port> {
    port: P,
    clock: Clock,
    /// Something waits for the session or the socket, and it will be tended for that.
    is_rung: AtomicBool,
    /// It is to be tended at once, by whoever has the lock or gets it next.
    is_due: AtomicBool,
    state: Mutex<State<P>>,
}

struct State<P: Port> {
    /// `None` before it begins and when it is over.
    session: Option<Session<Arc<Line<P>>, P::Transport>>,
    /// The socket takes nothing, until it is waited for.
    is_blocked: bool,
    /// Our side of the stream is shut.
    is_shut: bool,
    /// What whoever waits at the port knows of.
    watched: Wants,
}

impl<P: Port<Transport = Pipe>> Line<P> {
    /// A line for a connection that was accepted from `address`. `None` says to drop it: it is beyond a limit, or none are
    /// served any more. Call [`Line::look`] once it is waited at the port.
    pub fn open(service: &Service<Arc<Self>>, address: IpAddr, port: P) -> Option<Arc<Self>> {
        Self::begin(service.clock(), port, |line| service.accept(address, line))
    }
}

impl<P: Port> Line<P> {
    fn begin(
        clock: Clock,
        port: P,
        accept: impl FnOnce(Arc<Self>) -> Option<Session<Arc<Self>, P::Transport>>,
    ) -> Option<Arc<Self>> {
        let state = State { session: None, is_blocked: false, is_shut: false, watched: Wants::default() };
        let line = Arc::new(Self {
            port,
            clock,
            // As if it were rung: what comes before somebody looks is found then.
            is_rung: AtomicBool::new(true),
            is_due: AtomicBool::new(true),
            state: Mutex::new(state),
        });
        let session = accept(Arc::clone(&line))?;
        line.lock().session = Some(session);
        Some(line)
    }

    /// The clock that its deadlines are told by.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Its socket.
    pub fn port(&self) -> &P {
        &self.port
    }

    /// Whether its TLS handshake is over.
    pub fn is_secure(self: &Arc<Self>) -> bool {
        let mut is_secure = false;
        self.with(|state| is_secure = state.session.as_ref().is_some_and(Session::is_secure));
        is_secure
    }

    /// Tells the session what happened. What it has to say to that is written at the end of the thread's turn, with all
    /// that others have for it by then. For whoever waits at the port; what to wait for is returned.
    pub fn handle(self: &Arc<Self>, happened: Happened<'_>) -> Wants {
        self.with(|state| {
            let Some(session) = &mut state.session else { return };
            session.handle(self.clock.now(), happened);
            if session.pending_bytes() > 0 || session.is_finishing() || session.end().is_some() {
                self.wake();
            }
        })
    }

    /// Writes on, now that the socket takes more. For whoever waits at the port; what to wait for is returned.
    pub fn flush(self: &Arc<Self>) -> Wants {
        self.with(|state| {
            state.is_blocked = false;
            self.write(state, self.clock.now());
        })
    }

    /// Looks whether it is to be tended. For whoever waits at the port; what to wait for is returned.
    pub fn look(self: &Arc<Self>) -> Wants {
        self.with(|state| {
            if self.is_due.load(Ordering::SeqCst) {
                self.work(state, self.clock.now());
            }
        })
    }

    /// Ends it, if it has not ended: its socket has failed, or nobody waits at it any more.
    pub fn close(self: &Arc<Self>, why: &dyn fmt::Display) {
        self.with(|state| self.end(state, why));
    }

    /// Everybody who waits for the lock comes this way, and so tends it for those who only tried.
    fn with(self: &Arc<Self>, work: impl FnOnce(&mut State<P>)) -> Wants {
        let mut state = self.lock();
        work(&mut state);
        let wants = state.wants();
        state.watched = wants;
        drop(state);
        self.settle(None);
        wants
    }

    /// Tends it for as long as it is due. If another thread has the lock, that one will. `now` spares a look at the clock.
    fn settle(self: &Arc<Self>, mut now: Option<Instant>) {
        loop {
            // Either who lets go of the lock sees that it is due, or who made it so finds the lock free.
            fence(Ordering::SeqCst);
            if !self.is_due.load(Ordering::SeqCst) {
                return;
            }
            let mut state = match self.state.try_lock() {
                Ok(state) => state,
                Err(TryLockError::Poisoned(poisoned)) => self.give_up(poisoned),
                Err(TryLockError::WouldBlock) => return,
            };
            self.work(&mut state, now.take().unwrap_or_else(|| self.clock.now()));
            let wants = state.wants();
            let is_more = wants.is_more_than(state.watched);
            if is_more {
                state.watched = wants;
            }
            drop(state);
            if is_more {
                P::watch(self, wants);
            }
        }
    }

    /// Has the session look at its mail and its clock, and writes.
    fn work(&self, state: &mut State<P>, now: Instant) {
        self.is_due.store(false, Ordering::SeqCst);
        self.look_for_mail(state, now);
        self.write(state, now);
    }

    fn look_for_mail(&self, state: &mut State<P>, now: Instant) {
        if self.is_rung.swap(false, Ordering::SeqCst)
            && let Some(session) = &mut state.session
        {
            session.handle(now, Happened::Woken);
            // Sealed here, it counts for what waits for all together, and writes can follow each other closely.
            session.seal();
        }
    }

    /// Writes what goes, and does what follows once all of it is written.
    fn write(&self, state: &mut State<P>, now: Instant) {
        let Some(session) = &mut state.session else { return };
        if !state.is_blocked {
            match self.write_some(session, now) {
                Ok(is_blocked) => state.is_blocked = is_blocked,
                Err(error) => return self.end(state, &error),
            }
        }
        if let Some(end) = session.end() {
            self.end(state, &format_args!("{end:?}"));
        } else if session.is_finishing() && session.pending_bytes() == 0 && !state.is_shut {
            state.is_shut = true;
            self.port.shut(Shutdown::Write);
        }
    }

    /// Writes until all is written, no more goes, or it is others' turn. Whether something is left.
    fn write_some(&self, session: &mut Session<Arc<Self>, P::Transport>, now: Instant) -> io::Result<bool> {
        for _ in 0..WRITES_MAX {
            if session.pending_bytes() == 0 || session.end().is_some() {
                return Ok(false);
            }
            match self.port.write(session.wire()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => session.handle(now, Happened::Wrote(count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn end(&self, state: &mut State<P>, why: &dyn fmt::Display) {
        // With the session goes the circle that it, its peer and this line make.
        if let Some(session) = state.session.take() {
            session.let_go(self.clock.now());
            tracing::debug!(%why, "a connection ended");
            self.port.shut(Shutdown::Both);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().unwrap_or_else(|poisoned| self.give_up(poisoned))
    }

    /// Somebody had a fault while they had the lock, so what is behind it may be anything. It is this connection's alone.
    fn give_up<'s>(&self, poisoned: PoisonError<MutexGuard<'s, State<P>>>) -> MutexGuard<'s, State<P>> {
        let mut state = poisoned.into_inner();
        self.end(&mut state, &"the server has a fault");
        self.state.clear_poison();
        state
    }
}

impl<P: Port> State<P> {
    fn wants(&self) -> Wants {
        match &self.session {
            None => Wants { is_over: true, ..Wants::default() },
            Some(session) => Wants {
                read: session.wants_read(),
                write: self.is_blocked,
                deadline: session.deadline(),
                is_over: false,
            },
        }
    }
}

impl Wants {
    /// Whether somebody who waits for `known` would miss something. A deadline that moves away is not missed: waking
    /// early costs less than setting it anew.
    fn is_more_than(self, known: Self) -> bool {
        (self.read && !known.read)
            || (self.write && !known.write)
            || (self.is_over && !known.is_over)
            || is_earlier(self.deadline, known.deadline)
    }
}

impl<P: Port> Tend for Line<P> {
    fn prepare(&self, now: time::Instant) {
        // Whoever has the lock is at it; and who finds it taken by this is not missed, for it is tended next.
        // What a fault leaves behind the lock is found then too.
        let _ = panic::catch_unwind(AssertUnwindSafe(|| {
            if let Ok(mut state) = self.state.try_lock() {
                self.look_for_mail(&mut state, self.clock.at(now));
            }
        }));
    }

    fn tend(self: Arc<Self>, now: time::Instant) {
        self.is_due.store(true, Ordering::SeqCst);
        // A fault is this connection's, and not the thread's, nor of those who come after it.
        if panic::catch_unwind(AssertUnwindSafe(|| self.settle(Some(self.clock.at(now))))).is_err() {
            let wants = self.with(|_| {});
            P::watch(&self, wants);
        }
    }
}

impl<P: Port> Wake for Arc<Line<P>> {
    fn wake(&self) {
        // One ring is enough until it is tended: a burst costs one entry.
        if !self.is_rung.swap(true, Ordering::SeqCst) && !turn::postpone(self) {
            self.is_due.store(true, Ordering::SeqCst);
            P::ring(self);
        }
    }
}

/// Writes that follow each other before others have the thread. What is left is written when the socket is waited for.
const WRITES_MAX: usize = 16;

#[cfg(test)]
mod tests;
