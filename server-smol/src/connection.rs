//! The task of one connection: it waits at the socket and for the clock, and reads. What others have for the connection
//! they write themselves. Until the handshake is over it is a task among arrivals, then another among those who talk.

use std::future::{self, Future};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_io::Timer;
use chatroom_core::Instant;
use chatroom_core::time::is_earlier;
use server_common::line::Wants;
use server_common::session::Happened;

use crate::reactor::Place;
use crate::socket::Line;

/// A connection's task. Ends with the connection.
pub(crate) struct Connection {
    line: Arc<Line>,
    #[allow(dead_code, reason = "it is given back by being dropped")]
    place: Place,
    timer: Timer,
    /// When `timer` fires. A deadline that moves away leaves it alone: firing early costs less than setting it anew.
    armed_at: Option<Instant>,
}

impl Connection {
    pub(crate) fn new(line: Arc<Line>, place: Place) -> Self {
        place.give_to(&line);
        Self { line, place, timer: Timer::never(), armed_at: None }
    }

    /// Serves it until its handshake is over; `false` says that it has ended before.
    pub(crate) async fn greet(&mut self) -> bool {
        future::poll_fn(|cx| self.poll_until(cx, Line::is_secure)).await
    }

    /// Serves it until `is_done`, or until it ends, which is `false`.
    fn poll_until(&mut self, cx: &mut Context<'_>, is_done: impl Fn(&Arc<Line>) -> bool) -> Poll<bool> {
        self.line.port().register(cx);
        let mut wants = self.line.look();
        for _ in 0..ROUNDS_MAX {
            if wants.is_over {
                return Poll::Ready(false);
            }
            if is_done(&self.line) {
                return Poll::Ready(true);
            }
            match self.round(&mut wants, cx) {
                Ok(true) => {}
                Ok(false) => return Poll::Pending,
                Err(error) => {
                    self.line.close(&error);
                    return Poll::Ready(false);
                }
            }
        }
        // There is more to do, but others wait for this thread too.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Waits for what the line wants, and does it when it can be done. Whether anything was.
    fn round(&mut self, wants: &mut Wants, cx: &mut Context<'_>) -> io::Result<bool> {
        if self.poll_timer(*wants, cx) {
            *wants = self.line.handle(Happened::Woken);
            return Ok(true);
        }
        if wants.write && self.line.port().is_writable() {
            *wants = self.line.flush();
            return Ok(true);
        }
        if wants.read && self.line.port().is_readable() {
            return self.read(wants);
        }
        Ok(false)
    }

    fn read(&mut self, wants: &mut Wants) -> io::Result<bool> {
        // On the stack, so that an idle connection has none.
        let mut buffer = [0; READ_BYTES];
        let count = match self.line.port().read(&mut buffer) {
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {
                return Ok(true);
            }
            read => read?,
        };
        let happened = if count == 0 { Happened::ReadEnd } else { Happened::Read(&buffer[..count]) };
        *wants = self.line.handle(happened);
        Ok(true)
    }

    /// Whether the line's deadline has come.
    fn poll_timer(&mut self, wants: Wants, cx: &mut Context<'_>) -> bool {
        if is_earlier(wants.deadline, self.armed_at)
            && let Some(deadline) = wants.deadline
            && let Some(at) = self.line.clock().to_std(deadline)
        {
            self.timer.set_at(at);
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
        self.poll_until(cx, |_| false).map(drop)
    }
}

/// The task may also be dropped before its connection ends.
impl Drop for Connection {
    fn drop(&mut self) {
        self.line.close(&"its task was dropped");
    }
}

/// Bytes read at once: a TLS record is at most a little larger.
const READ_BYTES: usize = 16 * 1024;
/// Rounds a connection may go before it lets others have the thread.
const ROUNDS_MAX: usize = 16;
