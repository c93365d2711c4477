//! One line: a connection's session at the server, the client at the other end, and the bytes in between.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use chatroom_core::client::{Client, End, Event, Input, Output};
use chatroom_core::frame::Frame;
use chatroom_core::phase::Phase;
use chatroom_core::time::Instant;
use server_common::exchange::Wake;
use server_common::session::{Session, Transport};
use tls::{Opened, TlsError};

use super::screen::Screen;
use super::window::Window;

/// Rings for a line; the simulation decides when it is heard.
#[derive(Clone)]
pub struct Bell {
    line: usize,
    connection: u64,
    rung: Rung,
}

/// The lines that were rung for.
pub type Rung = Arc<Mutex<Vec<usize>>>;

/// A transport without encryption: its handshake is one byte, and it remembers what was sealed.
pub struct Plain {
    is_secure: bool,
    sealed: Rc<RefCell<Vec<Frame>>>,
}

/// A line.
pub struct Line {
    /// The server's side; `None` while nobody is connected.
    pub session: Option<Session<Bell, Plain>>,
    /// A client of this project, if this line has one.
    pub client: Option<Box<Client>>,
    /// What the client has sent and the server has not got.
    pub up: VecDeque<u8>,
    /// The client has begun its handshake: only then it can say anything.
    pub is_greeted: bool,
    /// The client sends no more after that.
    pub is_up_ended: bool,
    /// Somebody rang for this line's session.
    pub is_rung: bool,
    /// Frames that were sealed and have not arrived whole.
    pub down: VecDeque<Frame>,
    /// How much of the first of them has arrived.
    pub down_taken: usize,
    /// What the session seals.
    pub sealed: Rc<RefCell<Vec<Frame>>>,
    /// What the client shows, if it is in one room at a time.
    pub screen: Screen,
    /// What it shows if it is in many.
    pub window: Option<Window>,
}

impl Bell {
    /// A bell for a line's connection.
    pub fn new(line: usize, connection: u64, rung: Rung) -> Self {
        Self { line, connection, rung }
    }

    /// The line, and which of its connections.
    pub fn whose(&self) -> (usize, u64) {
        (self.line, self.connection)
    }
}

impl Wake for Bell {
    fn wake(&self) {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner).push(self.line);
    }
}

impl Plain {
    /// The server's end; frames that are sealed are put down in `sealed`.
    pub fn new(sealed: Rc<RefCell<Vec<Frame>>>) -> Self {
        Self { is_secure: false, sealed }
    }
}

impl Transport for Plain {
    fn open(&mut self, wire: &[u8], plain: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<Opened, TlsError> {
        let greeting = usize::from(!self.is_secure && !wire.is_empty());
        self.is_secure |= greeting == 1;
        plain.extend_from_slice(&wire[greeting..]);
        Ok(Opened { peer_closed: false })
    }

    fn seal(&mut self, frames: &[Frame], out: &mut Vec<u8>) {
        out.extend(frames.iter().flat_map(|frame| frame.iter()));
        self.sealed.borrow_mut().extend_from_slice(frames);
    }

    fn close(&mut self, _: &mut Vec<u8>) {}

    fn is_secure(&self) -> bool {
        self.is_secure
    }
}

impl Line {
    /// A line on which nobody is connected.
    pub fn new(client: Option<Box<Client>>, is_in_many: bool) -> Self {
        Self {
            session: None,
            client,
            up: VecDeque::new(),
            is_greeted: false,
            is_up_ended: false,
            is_rung: false,
            down: VecDeque::new(),
            down_taken: 0,
            sealed: Rc::default(),
            screen: Screen::default(),
            window: is_in_many.then(Window::default),
        }
    }

    /// Forgets what is on its way, in both directions.
    pub fn clear(&mut self) {
        self.up.clear();
        self.is_greeted = false;
        self.is_up_ended = false;
        self.is_rung = false;
        self.down.clear();
        self.down_taken = 0;
        self.sealed.borrow_mut().clear();
    }

    /// Whether bytes, or their end, could arrive at the server now.
    pub fn can_carry(&self) -> bool {
        self.session.as_ref().is_some_and(Session::wants_read) && (!self.up.is_empty() || self.is_up_ended)
    }

    /// Whether the network could take bytes from the server now.
    pub fn can_take(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.pending_bytes() > 0)
    }

    /// Bytes arrive at the client: they must be the ones that were sealed, in their order.
    pub fn arrive(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        while !bytes.is_empty() {
            let Some(frame) = self.down.front() else { return Err("bytes arrive that nobody sealed".into()) };
            let rest = &frame[self.down_taken..];
            let count = rest.len().min(bytes.len());
            if rest[..count] != bytes[..count] {
                return Err("other bytes arrive than were sealed".into());
            }
            bytes = &bytes[count..];
            self.down_taken += count;
            if self.down_taken == frame.len() {
                self.down.pop_front();
                self.down_taken = 0;
            }
        }
        Ok(())
    }

    /// Tells the client of this project on this line what happened. What it wants to send is appended to `sent`. Whether it
    /// drops the connection, on which it hears nothing any more; an error says that it accuses the server.
    pub fn tell_client(
        &mut self,
        now: Instant,
        input: Input<'_>,
        sent: &mut Vec<Frame>,
    ) -> Result<bool, String> {
        let Some(client) = &mut self.client else { return Ok(false) };
        let mut is_left = false;
        client.handle(now, input);
        while let Some(output) = client.poll_output() {
            match output {
                Output::Frame(frame) => sent.push(frame),
                Output::Event(Event::Disconnected(End::ServerFault(fault))) => {
                    return Err(format!("our client says that our server breaks the protocol: {fault}"));
                }
                Output::Event(event) => match &mut self.window {
                    Some(window) => window.see(event)?,
                    None => self.screen.see(&event)?,
                },
                Output::Close => is_left = true,
            }
        }
        Ok(is_left)
    }

    /// Where the client of this project is on this line, if it has one with a connection.
    pub fn phase(&self) -> Option<Phase> {
        self.client.as_ref().and_then(|client| client.phase())
    }

    /// When the session or the client wants to be told the time.
    pub fn deadline(&self) -> Option<Instant> {
        let client = self.client.as_ref().and_then(|client| client.deadline());
        self.session.as_ref().and_then(Session::deadline).into_iter().chain(client).min()
    }
}
