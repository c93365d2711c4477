//! One connection: a thread that reads, and one that does the rest.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use server_common::service::Service;
use server_common::session::{Happened, Session};
use tls::Pipe;

use crate::bell::Bell;

/// Gives an accepted connection its threads.
pub(crate) fn start(service: &Service<Bell>, stream: TcpStream, from: IpAddr) -> io::Result<()> {
    let bell = Bell::default();
    // It is beyond a limit, or none are served any more: this one is closed by dropping it.
    let Some(session) = service.accept(from, bell.clone()) else { return Ok(()) };
    service.prepare(&stream)?;
    stream.set_write_timeout(Some(WRITE_MAX))?;
    let stream = Arc::new(stream);
    let inlet = Arc::new(Inlet::default());
    let reader = Reader { stream: Arc::clone(&stream), inlet: Arc::clone(&inlet), bell: bell.clone() };
    let worker = Worker { service: service.clone(), session, stream, inlet, bell, is_shut: false };
    thread::Builder::new()
        .name("worker".into())
        .stack_size(WORKER_STACK_BYTES)
        .spawn(move || worker.run())?;
    let run = move || reader.run();
    thread::Builder::new().name("reader".into()).stack_size(READER_STACK_BYTES).spawn(run).map(drop)
}

/// What was read and not looked at yet, between the two threads.
#[derive(Default)]
struct Inlet {
    state: Mutex<Received>,
    may_read: Condvar,
}

#[derive(Default)]
struct Received {
    bytes: Vec<u8>,
    is_end: bool,
    /// The session takes no bytes for now.
    is_paused: bool,
    /// The reader waits, and not for the network.
    is_waiting: bool,
    /// The worker is gone.
    is_over: bool,
}

struct Reader {
    stream: Arc<TcpStream>,
    inlet: Arc<Inlet>,
    bell: Bell,
}

struct Worker {
    service: Service<Bell>,
    session: Session<Bell, Pipe>,
    stream: Arc<TcpStream>,
    inlet: Arc<Inlet>,
    bell: Bell,
    /// Our side of the stream is shut.
    is_shut: bool,
}

impl Reader {
    fn run(self) {
        let mut buffer = [0; READ_BYTES];
        while self.inlet.wait_for_room() {
            match (&*self.stream).read(&mut buffer) {
                Ok(0) => return,
                Ok(count) => self.inlet.lock().bytes.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return,
            }
            self.bell.ring();
        }
    }
}

impl Worker {
    fn run(mut self) {
        while self.session.end().is_none() {
            let deadline = self.session.deadline().and_then(|at| self.service.clock().to_std(at));
            self.bell.wait_until(deadline);
            self.read();
            if let Err(error) = self.write() {
                tracing::debug!(%error, "a connection was lost");
                break;
            }
        }
        if let Some(end) = self.session.end() {
            tracing::debug!(?end, "a connection ended");
        }
    }

    /// Hands over what was read, if anything; in any case lets the session look at its mail and its clock.
    fn read(&mut self) {
        let (bytes, is_end) = {
            let mut received = self.inlet.lock();
            (std::mem::take(&mut received.bytes), std::mem::take(&mut received.is_end))
        };
        let now = self.service.now();
        let happened = if bytes.is_empty() { Happened::Woken } else { Happened::Read(&bytes) };
        self.session.handle(now, happened);
        if is_end {
            self.session.handle(now, Happened::ReadEnd);
        }
        self.inlet.set_paused(!self.session.wants_read());
    }

    /// Writes all there is. While the client takes nothing, what else may end the connection is looked at.
    fn write(&mut self) -> io::Result<()> {
        while self.session.end().is_none() && !self.session.wire().is_empty() {
            let happened = match (&*self.stream).write(self.session.wire()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => Happened::Wrote(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // Meanwhile what the client says is heard, its end above all.
                Err(error) if is_timeout(&error) => {
                    self.read();
                    continue;
                }
                Err(error) => return Err(error),
            };
            self.session.handle(self.service.now(), happened);
        }
        self.inlet.set_paused(!self.session.wants_read());
        if self.session.is_finishing() && !self.is_shut && self.session.end().is_none() {
            self.is_shut = true;
            self.stream.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }
}

/// However the reader ends, also for want of a thread, the worker learns that nothing more will come.
impl Drop for Reader {
    fn drop(&mut self) {
        self.inlet.lock().is_end = true;
        self.bell.ring();
    }
}

/// However the worker ends, the reader ends with it.
impl Drop for Worker {
    fn drop(&mut self) {
        // Wakes the reader out of its read.
        let _ = self.stream.shutdown(Shutdown::Both);
        self.inlet.lock().is_over = true;
        self.inlet.may_read.notify_one();
    }
}

impl Inlet {
    /// Waits until more may be read; `false` says never.
    fn wait_for_room(&self) -> bool {
        let must_wait = |received: &mut Received| {
            let is_full = received.is_paused || received.bytes.len() >= READ_BYTES;
            received.is_waiting = is_full && !received.is_over;
            received.is_waiting
        };
        let state = self.may_read.wait_while(self.lock(), must_wait).unwrap_or_else(PoisonError::into_inner);
        !state.is_over
    }

    fn set_paused(&self, is_paused: bool) {
        let mut state = self.lock();
        state.is_paused = is_paused;
        // Hardly ever: a call to the system for each delivery would cost more than the delivery.
        if !is_paused && state.is_waiting {
            self.may_read.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Received> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a write timed out and may be tried again. It is one error or the other, by the system.
fn is_timeout(error: &io::Error) -> bool {
    !cfg!(windows) && matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Bytes read at once, and held for the worker: a TLS record is at most a little larger.
const READ_BYTES: usize = 16 * 1024;
/// How long a write may block before the session's clock and mailbox are looked at again.
///
/// On Windows a write that has timed out says nothing about how much was sent, so that there it ends the connection,
/// and may take as long as a client may stall by default.
const WRITE_MAX: Duration = if cfg!(windows) { Duration::from_secs(30) } else { Duration::from_millis(500) };
/// The TLS handshake, with its ML-KEM keys, and a hash of a list are what needs most; a debug build needs more.
const WORKER_STACK_BYTES: usize = 512 * 1024;
/// The buffer, and what surrounds a system call.
const READER_STACK_BYTES: usize = 96 * 1024;
