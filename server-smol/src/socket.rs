//! A connection's socket, and the task that waits at it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::task::{Context, Poll};

use async_io::Async;
use atomic_waker::AtomicWaker;
use server_common::line::{self, Port, Wants};
use tls::Pipe;

/// A socket that does not block, and the waker of its connection's task.
pub struct Socket {
    stream: Async<TcpStream>,
    task: AtomicWaker,
}

/// A connection.
pub(crate) type Line = line::Line<Socket>;

impl Socket {
    pub(crate) fn new(stream: Async<TcpStream>) -> Self {
        Self { stream, task: AtomicWaker::new() }
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        self.stream.get_ref()
    }

    /// Has the task that polls woken for whatever concerns its connection.
    pub(crate) fn register(&self, cx: &Context<'_>) {
        self.task.register(cx.waker());
    }

    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.get_ref().read(buffer)
    }

    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_readable(cx)
    }

    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_writable(cx)
    }
}

impl Port for Socket {
    type Transport = Pipe;

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.get_ref().write(bytes)
    }

    fn shut(&self, how: Shutdown) {
        // A connection that is gone already is shut enough.
        let _ = self.stream.get_ref().shutdown(how);
    }

    fn ring(line: &Arc<Line>) {
        line.port().task.wake();
    }

    fn watch(line: &Arc<Line>, _: Wants) {
        line.port().task.wake();
    }
}
