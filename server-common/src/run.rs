//! A server's program, from its command line to its exit code. What differs between the two servers is how bytes are
//! moved; that part is theirs, and handed in.

use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime};
use std::{env, thread};

use chatroom_core::limits::Limits;
use chatroom_core::server::{Question, Refusal, Rules, Ticket};
use socket2::SockRef;
use tls::Pipe;

use crate::accounts::Accounts;
use crate::admission::{connections_max, sockets_max};
use crate::clock::Clock;
use crate::config::{Config, ConfigError, Program};
use crate::data::DataDir;
use crate::exchange::{Peer, Wake};
use crate::identity::Identity;
use crate::keys::{name_key, name_look};
use crate::log;
use crate::passwords::{Hasher, Pool};
use crate::server::Server;
use crate::session::{Desk, Session};
use crate::socket;
use crate::store::Store;
use crate::unix;

/// Everything a server needs but sockets, opened and checked.
pub struct Setup {
    config: Config,
    data: DataDir,
    identity: Identity,
    accounts: Arc<Accounts>,
}

/// What serves connections. Cheap to clone; every thread and task has one.
pub struct Service<W: Wake> {
    server: Arc<Server<W>>,
    tls: tls::ServerConfig,
    clock: Clock,
    /// Held by those who serve, so that no second server takes the folder while one of them does.
    _data: Arc<DataDir>,
}

/// A server that listens and serves.
pub trait Running {
    /// Where it listens, each with the port it really has.
    fn addresses(&self) -> Vec<SocketAddr>;
    /// Stops accepting, tells everybody ([`Service::shut_down`]), and returns.
    fn stop(self);
}

/// The whole program: configures itself, calls `start`, announces itself, serves until a signal, and stops.
///
/// What keeps it from starting is one line on standard error.
pub fn main<R: Running>(program: &Program, start: impl FnOnce(Setup) -> Result<R, String>) -> ExitCode {
    match try_main(program, start) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{}: {reason}", program.name);
            ExitCode::FAILURE
        }
    }
}

fn try_main<R: Running>(
    program: &Program,
    start: impl FnOnce(Setup) -> Result<R, String>,
) -> Result<(), String> {
    let mut config = match Config::load(program, env::args_os(), |name| env::var_os(name)) {
        Ok(config) => config,
        Err(ConfigError::Print(text)) => {
            print!("{text}");
            return Ok(());
        }
        Err(error) => return Err(error.to_string()),
    };
    log::start(config.log_level, config.log_format);
    fit_descriptors(&mut config.limits)?;
    let setup = Setup::open(config)?;
    setup.introduce();
    let signals = signals()?;
    let running = start(setup)?;
    let addresses = running.addresses();
    hint_at_others(&addresses);
    announce(&addresses).map_err(|error| format!("standard output cannot be written: {error}"))?;
    // An error would mean that no signal can come any more, and then there is nothing to wait for.
    let _ = signals.recv();
    tracing::info!("stopping");
    running.stop();
    Ok(())
}

impl Setup {
    /// Takes the data folder, loads the server's identity, and opens its accounts.
    ///
    /// # Errors
    /// The first thing that is wrong, as one line that says what to do about it.
    pub fn open(config: Config) -> Result<Self, String> {
        let data = DataDir::open(&config.data_dir).map_err(|error| error.to_string())?;
        let identity =
            Identity::open(&data, config.certificate.as_ref()).map_err(|error| error.to_string())?;
        let store = Store::open(&data.database()).map_err(|error| error.to_string())?;
        let hasher = Hasher::new(config.pbkdf2_iterations).map_err(|error| error.to_string())?;
        // A calendar before 1970 is nobody's; with one that is off, only who is known from where is forgotten sooner or later.
        let start = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let accounts = Arc::new(Accounts::new(store, hasher, &config.limits, config.registration, start));
        Ok(Self { config, data, identity, accounts })
    }

    /// What the operator chose.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What clients know this server by.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Starts the password threads and the hub; from here on connections can be accepted. `alarm` wakes whoever calls
    /// [`tick`](crate::exchange::Exchange::tick).
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn serve<W: Wake>(self, alarm: W) -> Result<Service<W>, String> {
        let clock = Clock::start();
        let pool = Pool::start(self.accounts, &self.config.limits, clock).map_err(|error| {
            format!("no thread could be started: {error}; raise the limit on this user's processes")
        })?;
        let rules = Rules { limits: self.config.limits, key_of: name_key, look_of: name_look };
        let server = Server::new(clock.now(), rules, &self.config.rooms, Box::new(PasswordDesk(pool)), alarm);
        Ok(Service { server, tls: self.identity.tls, clock, _data: Arc::new(self.data) })
    }

    /// Tells the operator what there is to know.
    fn introduce(&self) {
        for note in self.config.notes() {
            tracing::warn!("{note}");
        }
        tracing::info!("data folder {}", self.data.path().display());
        tracing::info!("key fingerprint {}", self.identity.tls.fingerprint());
    }
}

impl<W: Wake> Service<W> {
    /// Takes in a connection from `address`. `None` says to drop it: it is beyond a limit, or the server stops.
    pub fn accept(&self, address: IpAddr, wake: W) -> Option<Session<W, Pipe>> {
        let now = self.now();
        Some(self.server.admit(now, address, wake)?.begin(now, Pipe::server(&self.tls)))
    }

    /// Sets the socket of an accepted connection up.
    ///
    /// # Errors
    /// When the connection is gone already.
    pub fn prepare<'s, S>(&self, socket: &'s S) -> io::Result<()>
    where
        SockRef<'s>: From<&'s S>,
    {
        socket::prepare(SockRef::from(socket), &self.server.rules.limits)
    }

    /// Tells every connection that the server stops, and waits until all of them are gone, but not for long.
    pub fn shut_down(&self) {
        self.server.exchange().shut_down(self.now());
        let give_up_at = Instant::now() + SHUTDOWN_MAX;
        while self.server.sessions() > 0 && Instant::now() < give_up_at {
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
        Self {
            server: Arc::clone(&self.server),
            tls: self.tls.clone(),
            clock: self.clock,
            _data: Arc::clone(&self._data),
        }
    }
}

/// Takes the addresses to listen on, with what a runtime calls a listener.
///
/// # Errors
/// Which address cannot be had, why, and what to do about it.
pub fn bind<L>(
    addresses: &[SocketAddr],
    bind: impl Fn(SocketAddr) -> io::Result<L>,
) -> Result<Vec<L>, String> {
    let listen = |address: &SocketAddr| {
        bind(*address).map_err(|error| {
            let remedy = match error.kind() {
                io::ErrorKind::AddrInUse => {
                    "stop what uses that port, or choose another with --listen (port 0 takes a free one)"
                }
                io::ErrorKind::PermissionDenied => "choose a port from 1024 on with --listen",
                io::ErrorKind::AddrNotAvailable => "choose an address of this machine with --listen",
                _ => "choose another address with --listen",
            };
            format!("cannot listen on {address}: {error}; {remedy}")
        })
    };
    addresses.iter().map(listen).collect()
}

/// The account store as a connection sees it: answers come from the password threads.
struct PasswordDesk<W: Wake>(Pool<(Arc<Peer<W>>, Ticket)>);

impl<W: Wake> Desk<W> for PasswordDesk<W> {
    fn ask(
        &self,
        _now: chatroom_core::Instant,
        address: IpAddr,
        peer: &Arc<Peer<W>>,
        ticket: Ticket,
        question: Question,
    ) {
        let refused: Result<(), (Refusal, _)> = self.0.submit(address, question, (Arc::clone(peer), ticket));
        if let Err((refusal, (peer, ticket))) = refused {
            peer.answer(ticket, chatroom_core::server::Answer::Refused(refusal));
        }
    }
}

/// Every connection takes a descriptor, and the files some more. Where the system allows too few, fewer connections are
/// served, so that there are always some left for the files.
fn fit_descriptors(limits: &mut Limits) -> Result<(), String> {
    let Some(may_open) = unix::raise_descriptor_limit() else { return Ok(()) };
    let needed = sockets_max(limits.connections_max) + DESCRIPTORS_KEPT;
    let may_open = usize::try_from(may_open).unwrap_or(usize::MAX);
    if may_open >= needed {
        return Ok(());
    }
    let fitting = connections_max(may_open.saturating_sub(DESCRIPTORS_KEPT));
    let remedy =
        format!("raise the limit to {needed} (ulimit -Hn, LimitNOFILE=), or lower limits.connections_max");
    let fewer = Limits { connections_max: fitting, ..limits.clone() };
    if fewer.check().is_err() {
        return Err(format!("this process may open {may_open} files, too few to serve anybody; {remedy}"));
    }
    tracing::warn!(
        "this process may open {may_open} files, so it serves {fitting} connections and not {}; {remedy}",
        limits.connections_max
    );
    *limits = fewer;
    Ok(())
}

/// How to let others in, if nobody else can come in yet.
fn hint_at_others(addresses: &[SocketAddr]) {
    let port = addresses.first().map_or(0, SocketAddr::port);
    if addresses.iter().all(|address| address.ip().to_canonical().is_loopback()) {
        tracing::info!(
            "only this machine can connect; to let others in, listen on an address they can reach, \
             such as --listen 0.0.0.0:{port}"
        );
    }
}

/// One line a listener, the only thing this program says on standard output.
fn announce(addresses: &[SocketAddr]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for address in addresses {
        writeln!(out, "listening on {address}")?;
    }
    out.flush()
}

/// Something comes out when the program is asked to stop, by Ctrl-C or by its service manager.
fn signals() -> Result<mpsc::Receiver<()>, String> {
    let (stop, stopped) = mpsc::sync_channel(1);
    let on_signal = move || {
        // A full channel means that it was asked already.
        let _ = stop.try_send(());
    };
    ctrlc::set_handler(on_signal).map_err(|error| format!("signals cannot be handled: {error}"))?;
    Ok(stopped)
}

/// Descriptors for what is no connection: the database, the lock, the listeners, the log.
const DESCRIPTORS_KEPT: usize = 64;

/// How long those who are told that the server stops may take to hear it. With what else stopping takes, it is below
/// the 5 s that a person, or a service manager, waits without wondering.
const SHUTDOWN_MAX: Duration = Duration::from_secs(4);
