//! A connection's socket, and the task that waits at it.

use std::io::{self, Read, Write};
use std::net::{self, Shutdown};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;

use atomic_waker::AtomicWaker;
use mio::event::Event;
use mio::net::TcpStream;
use server_common::line::{self, Port, Wants};
use tls::Pipe;

use crate::reactor::{Place, Sockets};

/// A socket that does not block, what is known of it, and the waker of its connection's task.
pub struct Socket {
    stream: TcpStream,
    /// There may be something to read.
    is_readable: AtomicBool,
    /// No more comes than there is to read now, so that nothing will tell of it.
    has_ended: AtomicBool,
    /// It may take something.
    is_writable: AtomicBool,
    task: AtomicWaker,
}

/// A connection.
pub(crate) type Line = line::Line<Socket>;

impl Socket {
    /// A socket that was accepted, and its place with the reactor.
    ///
    /// # Errors
    /// The system's, if it cannot wait for more.
    pub(crate) fn new(stream: net::TcpStream, sockets: &Arc<Sockets>) -> io::Result<(Self, Place)> {
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        let place = sockets.add(&mut stream)?;
        let socket = Self {
            stream,
            is_readable: AtomicBool::new(true),
            // Nobody knows, so that the first look finds out.
            has_ended: AtomicBool::new(true),
            is_writable: AtomicBool::new(true),
            task: AtomicWaker::new(),
        };
        Ok((socket, place))
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Has the task that polls woken for whatever concerns its connection.
    pub(crate) fn register(&self, cx: &Context<'_>) {
        self.task.register(cx.waker());
    }

    /// The system has told something of it. Only on the thread that polls its task.
    pub(crate) fn happened(&self, event: &Event) {
        let has_ended = event.is_read_closed() || event.is_error();
        if has_ended {
            self.has_ended.store(true, Ordering::SeqCst);
        }
        if has_ended || event.is_readable() {
            self.is_readable.store(true, Ordering::SeqCst);
        }
        if event.is_writable() || event.is_write_closed() || event.is_error() {
            self.is_writable.store(true, Ordering::SeqCst);
        }
        self.task.wake();
    }

    /// Whether reading is worth a try.
    pub(crate) fn is_readable(&self) -> bool {
        self.is_readable.load(Ordering::SeqCst)
    }

    /// Whether writing is worth a try.
    pub(crate) fn is_writable(&self) -> bool {
        self.is_writable.load(Ordering::SeqCst)
    }

    /// Reads what there is. Only in its task.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = (&self.stream).read(buffer);
        match &read {
            // Whatever comes after that is told of, but for an end that was told of already.
            Ok(count) if *count < buffer.len() && TELLS_OF_MORE && !self.has_ended.load(Ordering::SeqCst) => {
                self.is_readable.store(false, Ordering::SeqCst);
            }
            _ if would_block(&read) => {
                self.is_readable.store(false, Ordering::SeqCst);
                self.has_ended.store(false, Ordering::SeqCst);
            }
            Ok(_) | Err(_) => {}
        }
        read
    }
}

impl Port for Socket {
    type Transport = Pipe;

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let write = || (&self.stream).write(bytes);
        let written = write();
        if !would_block(&written) {
            return written;
        }
        self.is_writable.store(false, Ordering::SeqCst);
        // If it was told meanwhile that more goes, that is forgotten now. From here on it is not.
        let written = write();
        if !would_block(&written) {
            self.is_writable.store(true, Ordering::SeqCst);
        }
        written
    }

    fn shut(&self, how: Shutdown) {
        // A connection that is gone already is shut enough.
        let _ = self.stream.shutdown(how);
    }

    fn ring(line: &Arc<Line>) {
        line.port().task.wake();
    }

    fn watch(line: &Arc<Line>, _: Wants) {
        line.port().task.wake();
    }
}

fn would_block<T>(result: &io::Result<T>) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

/// Whether the system tells of what comes after a read that did not fill its buffer. Others tell only after one that found
/// nothing (mio, "Readiness operations").
const TELLS_OF_MORE: bool = cfg!(any(target_os = "linux", target_os = "android", target_vendor = "apple"));
