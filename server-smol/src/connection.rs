//! One connection: a task that reads, writes, and waits for whatever comes first.

use std::future::Future;
use std::io::{self, Read};
use std::net::{Shutdown, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use async_io::{Async, Timer};
use server_common::service::Service;
use server_common::session::{Happened, Session};
use smol::io::AsyncWrite;
use tls::Pipe;

use crate::bell::Bell;

/// A connection's task. Ends with the connection.
pub(crate) struct Connection {
    service: Service<Bell>,
    session: Session<Bell, Pipe>,
    stream: Async<TcpStream>,
    bell: Bell,
    timer: Timer,
    /// When `timer` fires. A deadline that moves away leaves it alone: firing early costs less than setting it anew.
    armed_at: Option<Instant>,
    /// There may be something to read. Asking the system each time a message is to be written would cost as much as
    /// writing it.
    is_readable: bool,
    /// Our side of the stream is shut.
    is_shut: bool,
}

impl Connection {
    pub(crate) fn new(
        service: Service<Bell>,
        session: Session<Bell, Pipe>,
        stream: Async<TcpStream>,
        bell: Bell,
    ) -> Self {
        Self {
            service,
            session,
            stream,
            bell,
            timer: Timer::never(),
            armed_at: None,
            is_readable: false,
            is_shut: false,
        }
    }

    /// Does what can be done without waiting. Whether anything could.
    fn round(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let mut is_news = false;
        if self.bell.poll(cx) || self.poll_timer(cx) {
            self.session.handle(self.service.now(), Happened::Woken);
            is_news = true;
        }
        is_news |= self.poll_read(cx)?;
        is_news |= self.poll_write(cx)?;
        Ok(is_news)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        if self.session.end().is_some() || !self.session.wants_read() {
            return Ok(false);
        }
        if !self.is_readable {
            let Poll::Ready(ready) = self.stream.poll_readable(cx) else { return Ok(false) };
            ready?;
        }
        // On the stack, so that an idle connection has none.
        let mut buffer = [0; READ_BYTES];
        let read = match self.stream.get_ref().read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
            read => {
                let count = read?;
                let happened = if count == 0 { Happened::ReadEnd } else { Happened::Read(&buffer[..count]) };
                self.session.handle(self.service.now(), happened);
                count
            }
        };
        // A full buffer says that there is more, anything less that there is none.
        self.is_readable = read == READ_BYTES;
        Ok(true)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        if self.session.end().is_some() {
            return Ok(false);
        }
        if !self.session.wire().is_empty() {
            let written = Pin::new(&mut &self.stream).poll_write(cx, self.session.wire());
            let Poll::Ready(written) = written else { return Ok(false) };
            match written? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                count => self.session.handle(self.service.now(), Happened::Wrote(count)),
            }
            return Ok(true);
        }
        if self.session.is_finishing() && !self.is_shut {
            self.is_shut = true;
            self.stream.get_ref().shutdown(Shutdown::Write)?;
        }
        Ok(false)
    }

    /// Whether the session's deadline has come.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let deadline = self.session.deadline().and_then(|at| self.service.clock().to_std(at));
        if let Some(deadline) = deadline
            && self.armed_at.is_none_or(|armed_at| deadline < armed_at)
        {
            self.timer.set_at(deadline);
            self.armed_at = Some(deadline);
        }
        let is_due = self.armed_at.is_some() && Pin::new(&mut self.timer).poll(cx).is_ready();
        if is_due {
            self.armed_at = None;
        }
        is_due
    }
}

impl Future for Connection {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..ROUNDS_MAX {
            match self.round(cx) {
                Err(error) => {
                    tracing::debug!(%error, "a connection was lost");
                    // It leaves the hub at the time it was told last, and that may be hours ago.
                    let now = self.service.now();
                    self.session.handle(now, Happened::Woken);
                    return Poll::Ready(());
                }
                Ok(_) if self.session.end().is_some() => {
                    tracing::debug!(end = ?self.session.end(), "a connection ended");
                    return Poll::Ready(());
                }
                Ok(true) => {}
                Ok(false) => return Poll::Pending,
            }
        }
        // There is more to do, but others wait for this thread too.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Bytes read at once: a TLS record is at most a little larger.
const READ_BYTES: usize = 16 * 1024;
/// Rounds a connection may go before it lets others have the thread.
const ROUNDS_MAX: usize = 16;
