//! The thread of one connection: it blocks in `read`, hands on what it got, and writes what follows from it to all it is
//! for.

use std::io;
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::thread;

use server_common::line::Wants;
use server_common::service::Service;
use server_common::session::Happened;
use server_common::turn::{self, Rung};

use crate::caretaker::Caretaker;
use crate::socket::{self, Line, Socket};

/// Gives an accepted connection its thread.
pub(crate) fn start(
    service: &Service<Arc<Line>>,
    caretaker: &Arc<Caretaker>,
    stream: TcpStream,
    from: IpAddr,
) -> io::Result<()> {
    // It is beyond a limit, or none are served any more: this one is closed by dropping it.
    let Some(line) = Line::open(service, from, Socket::new(stream, Arc::clone(caretaker))) else {
        return Ok(());
    };
    if let Err(error) = service.prepare(line.port().stream()) {
        line.close(&error);
        return Err(error);
    }
    Reader { line, caretaker: Arc::clone(caretaker) }.start(GREETER_STACK_BYTES)
}

struct Reader {
    line: Arc<Line>,
    caretaker: Arc<Caretaker>,
}

/// The turns of a thread, the last of which ends when this is dropped: who was rung for is tended however it ends.
struct Turns {
    caretaker: Arc<Caretaker>,
    rung: Rung,
}

impl Reader {
    /// Goes on in a thread of its own.
    fn start(self, stack_bytes: usize) -> io::Result<()> {
        let line = Arc::clone(&self.line);
        let thread = thread::Builder::new().name("reader".into()).stack_size(stack_bytes);
        let started = thread.spawn(move || {
            let mut turns = Turns::begin(Arc::clone(&self.caretaker));
            self.run(&mut turns);
        });
        if let Err(error) = &started {
            line.close(error);
        }
        started.map(drop)
    }

    /// Reads until there is nothing more to read, or until the handshake is over: that needs so much stack that another
    /// thread goes on, with one that is new. What a thread's stack has taken once it keeps.
    fn run(self, turns: &mut Turns) {
        let is_greeter = !self.line.is_secure();
        let mut wants = self.line.look();
        let mut buffer = [0; READ_BYTES];
        loop {
            socket::watch(&self.line, wants);
            let is_greeted = is_greeter && self.line.is_secure();
            turns.end();
            if is_greeted {
                if let Err(error) = self.start(STACK_BYTES) {
                    tracing::warn!(%error, "there is no thread for a connection, which is dropped");
                }
                return;
            }
            if !self.may_read(wants, turns) {
                return;
            }
            let read = self.line.port().read(&mut buffer);
            let _place = is_greeter.then(|| self.caretaker.handshakes().enter());
            wants = match read {
                Ok(0) => self.line.handle(Happened::ReadEnd),
                Ok(count) => self.line.handle(Happened::Read(&buffer[..count])),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return self.line.close(&error),
            };
        }
    }

    /// Waits until more may be read; `false` says never.
    fn may_read(&self, wants: Wants, turns: &mut Turns) -> bool {
        if wants.read || wants.is_over {
            return wants.read;
        }
        let port = self.line.port();
        port.forbid_reading();
        // If it may since, nobody says so again.
        socket::watch(&self.line, self.line.look());
        turns.end();
        port.wait_to_read()
    }
}

/// Who has nothing more to read may still have much to write; but nobody reads for one whose thread has failed.
impl Drop for Reader {
    fn drop(&mut self) {
        if thread::panicking() {
            self.line.close(&"its thread has failed");
        }
    }
}

impl Turns {
    fn begin(caretaker: Arc<Caretaker>) -> Self {
        turn::begin();
        Self { caretaker, rung: Rung::new() }
    }

    /// Before this thread waits for anything: to look at its own connection may have others rung for, and they are not to
    /// wait for what its client says next.
    fn end(&mut self) {
        self.caretaker.end_turn(&mut self.rung);
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        self.end();
    }
}

/// Bytes read at once, on a stack that stays. Most messages are far smaller; who sends much is read from again.
const READ_BYTES: usize = 2 * 1024;
/// The TLS handshake, with its ML-KEM keys, is what needs most; a debug build needs more.
const GREETER_STACK_BYTES: usize = 512 * 1024;
/// Far more than a message takes on its way from one socket to others, and more than a greeter has: the C library hands the
/// stacks of threads that are gone to new ones they are large enough for, with what those have touched. With a smaller one
/// here, 2,000 idle connections took 35 KiB each, and now 26.
const STACK_BYTES: usize = 640 * 1024;
const _: () = assert!(STACK_BYTES > GREETER_STACK_BYTES, "a reader would be given a greeter's stack");
