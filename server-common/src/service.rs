//! What serves connections, whichever runtime moves their bytes.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use chatroom_core::hub::Memory;
use chatroom_core::limits::Limits;
use chatroom_core::message::hello::Registration;
use chatroom_core::server::{GrantId, Question, Refusal, Rules, Ticket};
use socket2::SockRef;
use tls::Pipe;

use crate::accounts::Accounts;
use crate::clerk::Clerk;
use crate::clock::Clock;
use crate::config::Config;
use crate::data::DataDir;
use crate::exchange::{Alarm, Peer, Wake};
use crate::keys::{name_key, name_look};
use crate::metrics::Report;
use crate::passwords::Pool;
use crate::scribe::{self, Scribe};
use crate::server::Server;
use crate::session::{Desk, Session};
use crate::socket;
use crate::store::Retention;

/// What serves connections. Cheap to clone; every thread and task has one.
pub struct Service<W: Wake> {
    server: Arc<Server<W>>,
    backstage: Arc<Backstage<W>>,
    clock: Clock,
}

/// What a connection needs once, or never.
struct Backstage<W: Wake> {
    /// For the connections to come.
    tls: RwLock<tls::ServerConfig>,
    accounts: Arc<Accounts>,
    pool: Arc<PasswordPool<W>>,
    clerk: Arc<Clerk<(Arc<Peer<W>>, Ticket)>>,
    /// Held by those who serve, so that no second server takes the folder while one of them does.
    _data: DataDir,
}

type PasswordPool<W> = Pool<(Arc<Peer<W>>, Ticket)>;

impl<W: Wake> Service<W> {
    /// Starts the password threads and the hub, which keeps what is said if it is told what the disk knows. `alarm` has [`tick`](crate::exchange::Exchange::tick) called.
    pub(crate) fn start(
        config: Config,
        data: DataDir,
        tls: tls::ServerConfig,
        accounts: Arc<Accounts>,
        history: Option<Memory>,
        alarm: Alarm,
    ) -> io::Result<Self> {
        let clock = Clock::start();
        let pool = Arc::new(Pool::start(Arc::clone(&accounts), &config.limits, clock)?);
        let rules = Rules {
            limits: config.limits,
            registration: config.registration,
            history: false,
            key_of: name_key,
            look_of: name_look,
        };
        let clerk = Arc::new(Clerk::start(Arc::clone(&accounts), clock)?);
        clerk.keep(config.keep);
        let desk = Box::new(FrontDesk { pool: Arc::clone(&pool), clerk: Arc::clone(&clerk) });
        let server = match history {
            None => Server::new(clock.now(), rules, &config.rooms, desk, alarm),
            Some(memory) => {
                let (bell, calls) = scribe::bell();
                let (now, ring) = (clock.now(), Box::new(move || bell.ring()));
                let server = Server::with_history(now, rules, &config.rooms, memory, desk, alarm, ring);
                scribe::start(Scribe::of(&accounts), &server, clock, calls)?;
                server
            }
        };
        let backstage = Backstage { tls: RwLock::new(tls), accounts, pool, clerk, _data: data };
        Ok(Self { server, backstage: Arc::new(backstage), clock })
    }

    /// Takes in a connection from `address`. `None` says to drop it: it is beyond a limit, or the server stops.
    pub fn accept(&self, address: IpAddr, wake: W) -> Option<Session<W, Pipe>> {
        let now = self.now();
        let admitted = self.server.admit(now, address, wake)?;
        let pipe = Pipe::server(&self.backstage.tls.read().unwrap_or_else(PoisonError::into_inner));
        Some(admitted.begin(now, pipe))
    }

    /// Sets the socket of an accepted connection up.
    ///
    /// # Errors
    /// When the connection is gone already.
    pub fn prepare<'s, S>(&self, socket: &'s S) -> io::Result<()>
    where
        SockRef<'s>: From<&'s S>,
    {
        socket::prepare(SockRef::from(socket), &self.server.rules().limits)
    }

    /// Holds all that is to come to other limits, and shows the connections to come another certificate.
    pub(crate) fn reconfigure(&self, limits: &Limits, registration: Registration, tls: tls::ServerConfig) {
        *self.backstage.tls.write().unwrap_or_else(PoisonError::into_inner) = tls;
        self.backstage.accounts.reconfigure(limits, registration);
        self.backstage.pool.set_limits(limits);
        self.server.reconfigure(limits, registration);
    }

    /// Has no more kept than that of what is said, from now on.
    pub(crate) fn keep(&self, keep: Retention) {
        self.backstage.clerk.keep(keep);
    }

    /// Tells users to go whose accounts are shut out or deleted, and who has come by a login that has ended. Whose account is
    /// deleted takes part in no room any more.
    pub(crate) fn dismiss_disabled(&self) {
        let accounts = &self.backstage.accounts;
        let exchange = self.server.exchange();
        match accounts.disabled().and_then(|disabled| Ok((disabled, accounts.deleted()?))) {
            Ok((disabled, deleted)) => {
                exchange.dismiss(self.now(), &disabled);
                exchange.forget(self.now(), &deleted);
            }
            Err(error) => tracing::error!(%error, "who is shut out could not be looked up"),
        }
        match accounts.ended(&exchange.grants()) {
            Ok(ended) => exchange.end_logins(self.now(), ended),
            Err(error) => tracing::error!(%error, "which logins have ended could not be looked up"),
        }
    }

    /// Whether the server does its work: whoever sends lists has gone round within a second, and so neither they nor the
    /// exchange's lock hang. Blocks until that is known.
    ///
    /// # Errors
    /// What is not as it should be.
    pub(crate) fn health(&self) -> Result<(), &'static str> {
        let exchange = self.server.exchange();
        if exchange.is_shut() {
            return Err("stopping");
        }
        let before = exchange.prod();
        let give_up_at = Instant::now() + ROUND_MAX;
        while exchange.ticks() == before {
            if Instant::now() > give_up_at {
                return Err("stalled");
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// What there is to know about the server for who watches it, as OpenMetrics text. Names nobody.
    pub(crate) fn metrics(&self) -> String {
        let Backstage { accounts, pool, .. } = &*self.backstage;
        let report = Report {
            census: self.server.exchange().census(),
            counts: &self.server.counts,
            queued_bytes: self.server.exchange().ledger().bytes(),
            password_jobs: pool.waiting(),
            hashes: &accounts.hashes,
            commits: &accounts.store().commits,
        };
        report.encode()
    }

    /// Tells every connection that the server stops, and waits until all of them are gone and what they said is written, but
    /// not for long.
    pub fn shut_down(&self) {
        self.server.exchange().shut_down(self.now());
        let give_up_at = Instant::now() + SHUTDOWN_MAX;
        let exchange = self.server.exchange();
        while (self.server.sessions() > 0 || exchange.pending_appends() > 0) && Instant::now() < give_up_at {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The server.
    pub fn server(&self) -> &Server<W> {
        &self.server
    }

    /// The clock that this server's time is told by.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// What that clock says.
    pub fn now(&self) -> chatroom_core::Instant {
        self.clock.now()
    }
}

impl<W: Wake> Clone for Service<W> {
    fn clone(&self) -> Self {
        Self { server: Arc::clone(&self.server), backstage: Arc::clone(&self.backstage), clock: self.clock }
    }
}

/// The account store as a connection sees it: answers come from the threads that hash, and from the clerk.
struct FrontDesk<W: Wake> {
    pool: Arc<PasswordPool<W>>,
    clerk: Arc<Clerk<(Arc<Peer<W>>, Ticket)>>,
}

impl<W: Wake> Desk<W> for FrontDesk<W> {
    fn ask(
        &self,
        _now: chatroom_core::Instant,
        address: IpAddr,
        peer: &Arc<Peer<W>>,
        ticket: Ticket,
        question: Question,
    ) {
        let applicant = (Arc::clone(peer), ticket);
        let question = match question {
            Question::Resume { token } => return self.clerk.resume(address, token, applicant),
            question @ (Question::History(_) | Question::Logins { .. }) => {
                return self.clerk.look_up(address, question, applicant);
            }
            question @ (Question::Register { .. } | Question::Verify { .. } | Question::Decoy) => question,
        };
        let refused: Result<(), (Refusal, _)> = self.pool.submit(address, question, applicant);
        if let Err((refusal, (peer, ticket))) = refused {
            peer.answer(ticket, chatroom_core::server::Answer::Refused(refusal));
        }
    }

    fn end(&self, grant: GrantId) {
        self.clerk.end(grant);
    }

    fn visit(&self, grant: GrantId) {
        self.clerk.visit(grant);
    }
}

/// How long it may take until who sends lists has gone round.
const ROUND_MAX: Duration = Duration::from_secs(1);

/// How long those who are told that the server stops may take to hear it. With what else stopping takes, it is below
/// the 5 s that a person, or a service manager, waits without wondering.
const SHUTDOWN_MAX: Duration = Duration::from_secs(4);
