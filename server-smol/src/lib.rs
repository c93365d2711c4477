//! The chat server on smol: one task for each connection, one thread for each two cores.
//!
//! An idle connection costs its state and a registration with the system's event queue, no stack. Executors and reactors
//! are each thread's own: a connection stays with the thread that got it, which decides in what order things are done.

#![forbid(unsafe_code)]

mod accept;
mod connection;
mod reactor;
mod socket;
mod turn;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use async_io::{Async, Timer};
use server_common::config::Program;
use server_common::run::{Running, Setup};
use server_common::service::Service;
use server_common::turn::threads;
use smol::Task;
use smol::channel::{self, Receiver, Sender};
use smol::future::FutureExt as _;

use reactor::Reactor;
use socket::Line;
use turn::Work;

/// This program, and how many connections it is made for.
pub const PROGRAM: Program = Program { name: "chatroom-server-smol", connections_max: 20_000 };

/// A server that serves.
pub struct Tasks {
    service: Service<Arc<Line>>,
    addresses: Vec<SocketAddr>,
    acceptors: Vec<Task<()>>,
    /// The threads run the executor until this is dropped.
    _alive: Sender<()>,
}

impl Tasks {
    /// Listens and begins to serve.
    ///
    /// # Errors
    /// What kept it from doing so, as a sentence.
    pub fn start(mut setup: Setup) -> Result<Self, String> {
        let listeners = setup.bind(TcpListener::bind, Async::new)?;
        let (alive, is_alive) = channel::bounded(1);
        let threads: io::Result<Arc<[_]>> =
            (0..threads()).map(|number| start_thread(number, is_alive.clone())).collect();
        let threads = threads.map_err(|error| {
            format!("no thread could be started: {error}; raise the limits on processes and open files")
        })?;
        // There is one at least. What is not a connection's is the first one's.
        let first = Arc::clone(&threads[0]);

        // One alarm is as good as many.
        let (alarm, alarms) = channel::bounded(1);
        let service = setup.serve(Box::new(move || {
            let _ = alarm.try_send(());
        }))?;
        first.talk.spawn(tick(service.clone(), alarms)).detach();
        let mut tasks = Self { service, addresses: Vec::new(), acceptors: Vec::new(), _alive: alive };
        for listener in listeners {
            let address = listener.get_ref().local_addr();
            tasks.addresses.push(address.map_err(|error| format!("a listener has no address: {error}"))?);
            let accepting = accept::run(listener, tasks.service.clone(), Arc::clone(&threads));
            tasks.acceptors.push(first.arrivals.spawn(accepting));
        }
        Ok(tasks)
    }
}

impl Running for Tasks {
    type Wake = Arc<Line>;

    fn service(&self) -> &Service<Arc<Line>> {
        &self.service
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.addresses.clone()
    }

    fn stop(self) {
        // They end when it is their turn; whoever is accepted by then is sent away.
        drop(self.acceptors);
        self.service.shut_down();
    }
}

fn start_thread(number: usize, alive: Receiver<()>) -> io::Result<Arc<Work>> {
    let mut reactor = Reactor::new()?;
    let work = Arc::new(Work::at(&reactor));
    let its_work = Arc::clone(&work);
    let run = move || {
        // An error is what ends it: the sender is gone.
        let over = async {
            let _ = alive.recv().await;
        };
        reactor.block_on(over.or(async { turn::run(&its_work).await }));
    };
    thread::Builder::new().name(format!("smol {number}")).spawn(run)?;
    Ok(work)
}

/// Sends lists when they are due, for as long as the server runs.
async fn tick(service: Service<Arc<Line>>, alarms: Receiver<()>) {
    loop {
        let next = service.server().exchange().tick(service.now());
        let due = next.and_then(|at| service.clock().to_std(at)).map_or(Timer::never(), Timer::at);
        let alarm = async {
            let _ = alarms.recv().await;
        };
        let timer = async {
            due.await;
        };
        alarm.or(timer).await;
    }
}
