//! The chat server on blocking threads of the standard library.
//!
//! One thread serves a connection: it blocks in `read`, and writes what follows from it to everybody it is for, each of
//! them without waiting. While a client takes less than it is sent, a second one writes the rest. One thread blocks in
//! `accept` for each address listened on, and a caretaker waits for deadlines and sends lists. A thread costs memory and
//! a switch; what it gives is code that reads from top to bottom, and a system that shares the cores out fairly.

#![forbid(unsafe_code)]

mod accept;
mod caretaker;
mod connection;
mod gate;
mod post;
mod socket;
mod unblocked;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use server_common::config::Program;
use server_common::run::{Running, Setup};
use server_common::service::Service;

use accept::Acceptor;
use caretaker::Caretaker;
use socket::Line;

/// This program, and how many connections it is made for.
pub const PROGRAM: Program = Program { name: "chatroom-server-std", connections_max: 4_096 };

/// A server that serves.
pub struct Threads {
    service: Service<Arc<Line>>,
    acceptors: Vec<Acceptor>,
    caretaker: Arc<Caretaker>,
}

impl Threads {
    /// Listens and begins to serve.
    ///
    /// # Errors
    /// What kept it from doing so, as a sentence.
    pub fn start(mut setup: Setup) -> Result<Self, String> {
        let listeners = setup.bind(TcpListener::bind, Ok)?;
        let caretaker = Caretaker::new();
        let alarmed = Arc::clone(&caretaker);
        let service = setup.serve(Box::new(move || alarmed.alarm()))?;
        caretaker.start(service.clone()).map_err(no_thread)?;
        let mut threads = Self { service, acceptors: Vec::new(), caretaker };
        for listener in listeners {
            let acceptor = Acceptor::start(listener, threads.service.clone(), Arc::clone(&threads.caretaker))
                .map_err(no_thread)?;
            threads.acceptors.push(acceptor);
        }
        Ok(threads)
    }

    /// How many users are logged in.
    pub fn users(&self) -> usize {
        self.service.server().exchange().users()
    }
}

impl Running for Threads {
    type Wake = Arc<Line>;

    fn service(&self) -> &Service<Arc<Line>> {
        &self.service
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.acceptors.iter().map(Acceptor::address).collect()
    }

    fn stop(self) {
        for acceptor in self.acceptors {
            acceptor.stop();
        }
        self.service.shut_down();
        self.caretaker.stop();
    }
}

fn no_thread(error: std::io::Error) -> String {
    format!("no thread could be started: {error}; raise the limit on this user's processes")
}
