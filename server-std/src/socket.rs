//! A connection's socket, and the threads that wait at it: always one that reads, and one that writes while the client
//! takes less than it is sent.

use std::io::{self, Read};
use std::mem;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use chatroom_core::Instant;
use chatroom_core::time::is_earlier;
use server_common::line::{self, Port, Wants};
use tls::Pipe;

use crate::caretaker::Caretaker;
use crate::unblocked;

/// A connection.
pub(crate) type Line = line::Line<Socket>;

/// A socket whose reads block, and whose writes do not.
pub struct Socket {
    stream: TcpStream,
    caretaker: Arc<Caretaker>,
    waiting: Mutex<Waiting>,
    may_read: Condvar,
}

/// What is waited for at a socket.
#[derive(Default)]
struct Waiting {
    may_read: bool,
    is_over: bool,
    /// The reader waits for one of those two.
    has_reader: bool,
    /// A thread waits until the socket takes more.
    has_writer: bool,
    /// When the caretaker looks after it by itself.
    armed_at: Option<Instant>,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, caretaker: Arc<Caretaker>) -> Self {
        Self { stream, caretaker, waiting: Mutex::default(), may_read: Condvar::new() }
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Blocks until there is something to read.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.stream).read(buffer)
    }

    /// Nothing is to be read until somebody says so.
    pub(crate) fn forbid_reading(&self) {
        self.lock().may_read = false;
    }

    /// Blocks until somebody says that more may be read; `false` says never.
    pub(crate) fn wait_to_read(&self) -> bool {
        let must_wait = |waiting: &mut Waiting| {
            waiting.has_reader = !waiting.may_read && !waiting.is_over;
            waiting.has_reader
        };
        let waiting = self.may_read.wait_while(self.lock(), must_wait);
        !waiting.unwrap_or_else(PoisonError::into_inner).is_over
    }

    /// The caretaker looks after it now, because of the time.
    pub(crate) fn disarm(&self) {
        self.lock().armed_at = None;
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has waited for what a line wants. To be told late what it wanted a moment ago does no harm: then it is looked after for
/// nothing, once.
pub(crate) fn watch(line: &Arc<Line>, wants: Wants) {
    let socket = line.port();
    let mut waiting = socket.lock();
    waiting.may_read |= wants.read;
    waiting.is_over |= wants.is_over;
    let wakes_reader = waiting.has_reader && (waiting.may_read || waiting.is_over);
    let starts_writer = wants.write && !waiting.has_writer;
    waiting.has_writer |= starts_writer;
    let armed_at = waiting.armed_at;
    // A deadline that moves away leaves the caretaker alone: coming early costs less than telling it.
    let is_earlier = is_earlier(wants.deadline, armed_at);
    let rearms = is_earlier || (wants.is_over && armed_at.is_some());
    if rearms {
        waiting.armed_at = wants.deadline;
    }
    drop(waiting);
    if wakes_reader {
        socket.may_read.notify_one();
    }
    if rearms {
        socket.caretaker.rearm(line, armed_at, wants.deadline);
    }
    if starts_writer {
        start_writer(line);
    }
}

/// Starts a thread that writes until all is written.
fn start_writer(line: &Arc<Line>) {
    let writer = Arc::clone(line);
    let thread = thread::Builder::new().name("writer".into()).stack_size(WRITER_STACK_BYTES);
    if let Err(error) = thread.spawn(move || write(&writer)) {
        tracing::warn!(%error, "there is no thread to write to a slow client, which is dropped");
        line.port().shut(Shutdown::Both);
    }
}

fn write(line: &Arc<Line>) {
    let socket = line.port();
    loop {
        // The socket may fail as well, which is found by writing.
        unblocked::wait_to_write(&socket.stream);
        let wants = line.flush();
        watch(line, wants);
        if wants.write {
            continue;
        }
        socket.lock().has_writer = false;
        // If it is blocked again since, nobody starts another.
        let wants = line.look();
        if !wants.write || mem::replace(&mut socket.lock().has_writer, true) {
            return;
        }
    }
}

impl Port for Socket {
    type Transport = Pipe;

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        unblocked::write(&self.stream, bytes)
    }

    fn shut(&self, how: Shutdown) {
        // A connection that is gone already is shut enough.
        let _ = self.stream.shutdown(how);
    }

    fn ring(line: &Arc<Line>) {
        line.port().caretaker.ring(line);
    }

    fn watch(line: &Arc<Line>, wants: Wants) {
        watch(line, wants);
    }
}

/// What surrounds sealing and a system call; a debug build needs more.
const WRITER_STACK_BYTES: usize = 256 * 1024;
