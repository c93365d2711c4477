//! A way to the server whose old connections can be made to lead nowhere, as when a computer gets another address: nothing
//! comes through any more, and neither end is told.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

pub(super) struct Tunnel {
    address: SocketAddr,
    ways: Arc<Ways>,
}

#[derive(Default)]
struct Ways {
    /// Which connections lead somewhere: those since the last change.
    current: AtomicU64,
    /// Both ends of each; `None` when it is over.
    ends: Mutex<Option<Vec<TcpStream>>>,
}

impl Tunnel {
    pub(super) fn start(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let ways = Arc::new(Ways { ends: Mutex::new(Some(Vec::new())), ..Ways::default() });
        let for_thread = Arc::clone(&ways);
        thread::Builder::new().name("tunnel".into()).spawn(move || {
            // An error is a client's that went at once.
            for client in listener.incoming().flatten() {
                if for_thread.lock().is_none() {
                    return;
                }
                let _ = for_thread.open(client, server);
            }
        })?;
        Ok(Self { address, ways })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// All connections that there are lead nowhere from now on.
    pub(super) fn change_address(&self) {
        self.ways.current.fetch_add(1, Ordering::SeqCst);
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        for end in self.ways.lock().take().into_iter().flatten() {
            let _ = end.shutdown(Shutdown::Both);
        }
        // The thread that accepts looks once more, and ends.
        let _ = TcpStream::connect(self.address);
    }
}

impl Ways {
    fn open(self: &Arc<Self>, client: TcpStream, server: SocketAddr) -> io::Result<()> {
        let server = TcpStream::connect(server)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let way = self.current.load(Ordering::SeqCst);
        for (from, to) in [(&client, &server), (&server, &client)] {
            let (ways, from, to) = (Arc::clone(self), from.try_clone()?, to.try_clone()?);
            thread::Builder::new().spawn(move || ways.pass(way, from, &to))?;
        }
        if let Some(ends) = &mut *self.lock() {
            ends.extend([client, server]);
        }
        Ok(())
    }

    /// Passes on what comes, also that nothing more does, for as long as the way leads somewhere.
    fn pass(&self, way: u64, mut from: TcpStream, mut to: &TcpStream) {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let count = from.read(&mut buffer).unwrap_or(0);
            if self.current.load(Ordering::SeqCst) != way {
                return;
            }
            if count == 0 || to.write_all(&buffer[..count]).is_err() {
                let _ = to.shutdown(Shutdown::Write);
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<TcpStream>>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
