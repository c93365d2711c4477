//! The chat server on smol: one task for each connection, one thread for each two cores.
//!
//! An idle connection costs its state and a registration with the system's event queue, no stack. The executors
//! are this server's own, run by as many threads as pay: `smol::spawn` alone would use one, and in no order of ours.

#![forbid(unsafe_code)]

mod accept;
mod connection;
mod socket;
mod turn;

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
        let work = Arc::new(Work::default());
        let (alive, is_alive) = channel::bounded(1);
        for number in 0..threads() {
            start_thread(number, Arc::clone(&work), is_alive.clone()).map_err(|error| {
                format!("no thread could be started: {error}; raise the limit on processes")
            })?;
        }

        // One alarm is as good as many.
        let (alarm, alarms) = channel::bounded(1);
        let service = setup.serve(Box::new(move || {
            let _ = alarm.try_send(());
        }))?;
        work.talk.spawn(tick(service.clone(), alarms)).detach();
        let mut tasks = Self { service, addresses: Vec::new(), acceptors: Vec::new(), _alive: alive };
        for listener in listeners {
            let address = listener.get_ref().local_addr();
            tasks.addresses.push(address.map_err(|error| format!("a listener has no address: {error}"))?);
            let accepting = accept::run(listener, tasks.service.clone(), Arc::clone(&work));
            tasks.acceptors.push(work.talk.spawn(accepting));
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
        for acceptor in self.acceptors {
            async_io::block_on(acceptor.cancel());
        }
        self.service.shut_down();
    }
}

fn start_thread(number: usize, work: Arc<Work>, alive: Receiver<()>) -> std::io::Result<()> {
    let run = move || {
        // An error is what ends it: the sender is gone.
        let over = async {
            let _ = alive.recv().await;
        };
        async_io::block_on(over.or(async { turn::run(&work).await }));
    };
    thread::Builder::new().name(format!("smol {number}")).spawn(run).map(drop)
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
