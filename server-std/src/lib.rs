//! The chat server on blocking threads of the standard library.
//!
//! Two threads serve a connection: one blocks in `read`, the other does everything else, so that nothing of the
//! connection needs a lock but the buffer between the two. One thread blocks in `accept` for each address listened
//! on, one waits for the moments at which lists are due. A thread costs memory and a switch; what it gives is code
//! that reads from top to bottom, and a system that shares the cores out fairly.

#![forbid(unsafe_code)]

mod accept;
mod bell;
mod connection;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use server_common::config::Program;
use server_common::run::{Running, Setup};
use server_common::service::Service;

use accept::Acceptor;
use bell::Bell;

/// This program, and how many connections it is made for, at two threads each.
pub const PROGRAM: Program = Program { name: "chatroom-server-std", connections_max: 4_096 };

/// A server that serves.
pub struct Threads {
    service: Service<Bell>,
    acceptors: Vec<Acceptor>,
    alarm: Bell,
    is_over: Arc<AtomicBool>,
}

impl Threads {
    /// Listens and begins to serve.
    ///
    /// # Errors
    /// What kept it from doing so, as a sentence.
    pub fn start(mut setup: Setup) -> Result<Self, String> {
        let listeners = setup.bind(TcpListener::bind, Ok)?;
        let alarm = Bell::default();
        let service = setup.serve(alarm.clone())?;
        let is_over = Arc::new(AtomicBool::new(false));
        let mut threads = Self { service, acceptors: Vec::new(), alarm, is_over };
        threads.start_ticker().map_err(no_thread)?;
        for listener in listeners {
            let acceptor = Acceptor::start(listener, threads.service.clone()).map_err(no_thread)?;
            threads.acceptors.push(acceptor);
        }
        Ok(threads)
    }

    /// How many users are logged in.
    pub fn users(&self) -> usize {
        self.service.server().exchange().users()
    }

    /// A thread that sends lists when they are due.
    fn start_ticker(&self) -> std::io::Result<()> {
        let (service, alarm, is_over) = (self.service.clone(), self.alarm.clone(), Arc::clone(&self.is_over));
        let tick = move || {
            while !is_over.load(Ordering::Relaxed) {
                let next = service.server().exchange().tick(service.now());
                alarm.wait_until(next.and_then(|at| service.clock().to_std(at)));
            }
        };
        thread::Builder::new().name("lists".into()).spawn(tick).map(drop)
    }
}

impl Running for Threads {
    type Wake = Bell;

    fn service(&self) -> &Service<Bell> {
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
        self.is_over.store(true, Ordering::Relaxed);
        self.alarm.ring();
    }
}

fn no_thread(error: std::io::Error) -> String {
    format!("no thread could be started: {error}; raise the limit on this user's processes")
}
