//! A server's program, from its command line to its exit code. What differs between the two servers is how bytes are
//! moved; that part is theirs, and handed in.

use std::env;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use chatroom_core::hub::Memory;
use monitor::Pages;

use crate::accounts::Accounts;
use crate::commands;
use crate::config::{Config, ConfigError, Program};
use crate::data::DataDir;
use crate::descriptors;
use crate::exchange::{Alarm, Wake};
use crate::identity::Identity;
use crate::log;
use crate::operate::Operation;
use crate::passwords::Hasher;
use crate::service::Service;
use crate::service_manager;
use crate::signals;
use crate::socket;
use crate::store::{Messages as _, Store};
use crate::unix;

/// Everything a server needs but sockets, opened and checked.
pub struct Setup {
    config: Config,
    data: DataDir,
    identity: Identity,
    accounts: Arc<Accounts>,
    /// The rooms there are, if what is said in them is kept.
    history: Option<Memory>,
    /// Handed over by who started this process.
    listeners: Vec<TcpListener>,
}

/// A server that listens and serves.
pub trait Running {
    /// How its connections are woken.
    type Wake: Wake;

    /// What serves its connections.
    fn service(&self) -> &Service<Self::Wake>;
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
    let listeners = service_manager::listeners()?;
    let handed = addresses_of(&listeners)?;
    let config = Config::load_with_command(program, &handed, env::args_os(), |name| env::var_os(name));
    let (mut config, command) = match config {
        Ok(loaded) => loaded,
        Err(ConfigError::Print(text)) => {
            print!("{text}");
            return Ok(());
        }
        Err(error) => return Err(error.to_string()),
    };
    if let Err(error) = unix::forbid_core_dumps() {
        eprintln!(
            "{}: the system may write this process's memory to disk if it crashes: {error}",
            program.name
        );
    }
    if let Some(command) = command {
        print!("{}", commands::run(&command, &config)?);
        return Ok(());
    }
    let log = log::start(config.log_level, config.log_format);
    descriptors::fit(&mut config.limits)?;
    let mut setup = Setup::open(config.clone())?;
    setup.listeners = listeners;
    setup.introduce();
    let signals = signals::listen()?;
    let watched = config.metrics.map(|address| listen_on(address, "--metrics", monitor::bind)).transpose()?;
    let running = start(setup)?;
    if let Some(listener) = watched {
        let (metrics, health) = (running.service().clone(), running.service().clone());
        let pages = Pages { metrics: move || metrics.metrics(), health: move || health.health() };
        monitor::start(listener, pages)
            .map_err(|error| format!("no thread could be started: {error}; raise the limit on processes"))?;
    }
    let addresses = running.addresses();
    hint_at_others(&addresses);
    if let Err(error) = announce(&addresses) {
        // Whoever started this program may have stopped to listen to it. Those it serves did not.
        tracing::warn!(%error, "where this server listens was not told to standard output");
    }
    Operation { program, service: running.service(), config, log, handed }.run(&signals);
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
        let history =
            config.history.then(|| store.memory()).transpose().map_err(|error| error.to_string())?;
        let hasher = Hasher::new(config.pbkdf2_iterations).map_err(|error| error.to_string())?;
        // A calendar before 1970 is nobody's.
        let today = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let accounts = Accounts::new(store, hasher, &config.limits, config.registration, today());
        let accounts = Arc::new(accounts.with_calendar(Arc::new(move |_| today())));
        Ok(Self { config, data, identity, accounts, history, listeners: Vec::new() })
    }

    /// What the operator chose.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What clients know this server by.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Starts the password threads and the hub; from here on connections can be accepted. `alarm` has
    /// [`tick`](crate::exchange::Exchange::tick) called.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn serve<W: Wake>(self, alarm: Alarm) -> Result<Service<W>, String> {
        let Self { config, data, identity, accounts, history, .. } = self;
        Service::start(config, data, identity.tls, accounts, history, alarm).map_err(|error| {
            format!("no thread could be started: {error}; raise the limit on this user's processes")
        })
    }

    /// Takes the addresses to listen on, or the listeners there are already, as what a runtime calls a listener. `adopt`
    /// makes one of its listeners of one of the standard library.
    ///
    /// # Errors
    /// Which address cannot be had, why, and what to do about it.
    pub fn bind<L>(
        &mut self,
        bind: impl Fn(SocketAddr) -> io::Result<TcpListener>,
        adopt: impl Fn(TcpListener) -> io::Result<L>,
    ) -> Result<Vec<L>, String> {
        let mut listeners = std::mem::take(&mut self.listeners);
        if listeners.is_empty() {
            let addresses = self.config.listen.iter();
            listeners =
                addresses.map(|address| listen_on(*address, "--listen", &bind)).collect::<Result<_, _>>()?;
        }
        let adopted = listeners.into_iter().map(adopt).collect::<io::Result<_>>();
        adopted.map_err(|error| {
            format!("a socket cannot be listened on: {error}; raise the limit on open files")
        })
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

/// Takes an address, which `flag` chose.
fn listen_on(
    address: SocketAddr,
    flag: &str,
    bind: impl Fn(SocketAddr) -> io::Result<TcpListener>,
) -> Result<TcpListener, String> {
    let listener = bind(address).map_err(|error| {
        let remedy = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "stop what uses that port, or choose another (port 0 takes a free one)"
            }
            io::ErrorKind::PermissionDenied => "choose a port from 1024 on",
            io::ErrorKind::AddrNotAvailable => "choose an address of this machine",
            _ => "choose another address",
        };
        format!("cannot listen on {address}: {error}; {remedy} with {flag}")
    })?;
    if let Err(error) = socket::let_wait(&listener) {
        tracing::debug!(%address, %error, "the queue of those who wait to be accepted stays as short as it is");
    }
    Ok(listener)
}

fn addresses_of(listeners: &[TcpListener]) -> Result<Vec<SocketAddr>, String> {
    let addresses = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<_>>();
    addresses.map_err(|error| format!("a listener of the service manager has no address: {error}"))
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
    let lines: String = addresses.iter().map(|address| format!("listening on {address}\n")).collect();
    let mut out = io::stdout().lock();
    out.write_all(lines.as_bytes())?;
    out.flush()
}
