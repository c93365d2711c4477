//! A proxy on loopback that does to each connection what its plan says.
//!
//! It runs on a thread of its own. What it passes on is what it got, byte for byte and in order, for as long as it
//! passes anything on.

mod relay;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use smol::channel::{self, Receiver, Sender};
use smol::future::FutureExt as _;
use smol::{Async, LocalExecutor};

use relay::Relay;

/// The proxy's thread. Everything it holds is dropped with this.
pub(super) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// The thread runs until this is dropped.
    alive: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    is_stormy: AtomicBool,
    counts: Counts,
}

/// What the proxy has done.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) connections: AtomicU64,
    pub(super) cuts: AtomicU64,
    pub(super) half_closes: AtomicU64,
    pub(super) stalls: AtomicU64,
    pub(super) pieces: AtomicU64,
    pub(super) bytes: AtomicU64,
}

impl Proxy {
    /// Begins to pass on to `server`, in calm weather.
    pub(super) fn start(server: SocketAddr, seed: u64) -> io::Result<Self> {
        let listener = Async::<TcpListener>::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.get_ref().local_addr()?;
        let shared = Arc::new(Shared::default());
        let (alive, is_over) = channel::bounded(1);
        let for_thread = Arc::clone(&shared);
        let serve = move || serve(&listener, server, seed, &for_thread, &is_over);
        let thread = thread::Builder::new().name("proxy".into()).spawn(serve)?;
        Ok(Self { address, shared, alive: Some(alive), thread: Some(thread) })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether plans are followed, by old connections and new ones. A stall that has begun goes on to its end.
    pub(super) fn set_stormy(&self, is_stormy: bool) {
        self.shared.is_stormy.store(is_stormy, Ordering::Relaxed);
    }

    /// What was done so far.
    pub(super) fn counts(&self) -> &Counts {
        &self.shared.counts
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.alive = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn is_stormy(&self) -> bool {
        self.is_stormy.load(Ordering::Relaxed)
    }
}

fn serve(
    listener: &Async<TcpListener>,
    server: SocketAddr,
    seed: u64,
    shared: &Arc<Shared>,
    is_over: &Receiver<()>,
) {
    let executor = LocalExecutor::new();
    let accept = async {
        for number in 0.. {
            // An error is a client's that went at once.
            let Ok((client, _)) = listener.accept().await else { continue };
            let relay = Relay::new(Arc::clone(shared), seed, number);
            executor.spawn(relay.run(client, server)).detach();
        }
    };
    // It never gets a message: its end is the sender's.
    let over = async { _ = is_over.recv().await };
    smol::block_on(executor.run(accept.or(over)));
}
