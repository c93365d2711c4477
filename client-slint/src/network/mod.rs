//! The thread that talks to the server.
//!
//! It moves bytes between a socket, a [`tls::Pipe`] and a [client](chatroom_core::client::Client), takes [`Order`]s, and tells [`News`]. It is the
//! one place of this program that knows threads.

mod connection;
mod roots;
mod route;

use std::io;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use chatroom_core::client::{Command, Conversation, Event, Kept, Span};
pub(crate) use route::nonce;
use smol::channel::{self, Sender};
use tls::Fingerprint;

use crate::address::ServerAddress;
use crate::store::Told;

/// What the network is to do.
pub enum Order {
    /// Connect to this server, instead of any other.
    Connect(Target),
    /// The same, and go on there as who was logged in when their window was closed.
    GoOn(Target, Box<Kept>),
    /// The server met for the first time is the right one.
    Trust,
    /// Ask the server for this.
    Command(Command),
    /// So much is known of a conversation that is not read yet.
    Know(Conversation, Span),
    /// Try again now.
    RetryNow,
    /// Be connected to no server.
    Disconnect,
}

/// Which server, and how it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where it is.
    pub address: ServerAddress,
    /// What is known about it.
    pub trust: Identity,
}

/// How a server is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Not at all: an authority vouches for it, or a person is asked.
    Unknown,
    /// By this key.
    Key(Fingerprint),
    /// By an authority that this system trusts.
    Authority,
    /// Nobody looks: whoever answers will do.
    AnyoneInsecurely,
}

/// What the network tells.
#[derive(Clone, PartialEq, Eq)]
pub enum News {
    /// About the connection.
    Link(Link),
    /// About the chat.
    Client(Event),
    /// About what was read and typed before. It comes from the window's file, and on the same way, so that it keeps its
    /// place among the rest.
    Store(Told),
}

/// How it stands with the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// It is being made, for the first time or again.
    Connecting,
    /// Nobody vouches for this server, and it was never met: is this its key? [`Order::Trust`] says yes.
    Question(Fingerprint),
    /// The handshake is done, and the server is known by this from now on.
    Trusted(Identity),
    /// The server has another key. Nothing was said to it, and it is not tried again.
    WrongKey {
        /// The key it is known by.
        expected: Fingerprint,
        /// The key it showed.
        found: Fingerprint,
    },
    /// There is no connection, and it is not tried again.
    Refused(Fault),
    /// The connection was lost, or could not be made again; the next attempt comes.
    Away {
        /// Why.
        fault: Fault,
        /// When.
        retry_in: Duration,
    },
    /// Connected to no server, as was wished.
    Idle,
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The name has no address.
    UnknownHost,
    /// There is no way to the server, in the system's words.
    Unreachable(String),
    /// Nobody listens there.
    RefusedConnection,
    /// Nobody answered in time.
    TimedOut,
    /// What answered does not speak TLS.
    NotTls,
    /// TLS failed, or the certificate is not to be trusted; why, as a sentence.
    Tls(String),
    /// It ended.
    Lost,
}

/// How much has passed since 1970.
type Wall = Box<dyn Fn() -> Duration + Send>;

/// The network thread. It ends when this is dropped.
pub struct Network {
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Network {
    /// Starts the thread. `deliver` is called on it with all news, in order; it may wait, and the server is not read
    /// from meanwhile. Once it says `false` nobody listens any more, and the thread ends.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(deliver: impl FnMut(News) -> bool + Send + 'static) -> io::Result<Self> {
        let wall = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self::start_by(Box::new(wall), deliver)
    }

    /// The same, by any clock on the wall.
    fn start_by(wall: Wall, deliver: impl FnMut(News) -> bool + Send + 'static) -> io::Result<Self> {
        let (orders, inbox) = channel::unbounded();
        let thread = thread::Builder::new()
            .name("network".into())
            .spawn(move || smol::block_on(route::run(inbox, wall, Box::new(deliver))))?;
        Ok(Self { orders: Some(orders), thread: Some(thread) })
    }

    /// How others have something done; to be dropped before this is.
    pub fn line(&self) -> impl Fn(Order) + Send + use<> {
        let orders = self.orders.clone();
        move |order| {
            if let Some(orders) = &orders {
                let _ = orders.try_send(order);
            }
        }
    }

    /// Has something done. What comes of it is told.
    pub fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // A thread that has ended has nobody to tell of it either.
            let _ = orders.try_send(order);
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // Without orders to come, the thread says goodbye to the server and ends.
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
