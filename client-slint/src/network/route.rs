//! From order to order: which server, how often, and what to do when it is gone.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use chatroom_core::client::{
    Backoff, Client, DOUBT_PATIENCE, End, Event, Input, Kept, LOOK_MAX, Output, Vigil,
};
use chatroom_core::frame::Frame;
use chatroom_core::message::logins::ClientName;
use if_watch::IfEvent;
use if_watch::smol::IfWatcher;
use smol::channel::Receiver;
use smol::future::FutureExt as _;
use smol::stream::StreamExt as _;
use smol::{Timer, future};
use tls::{ClientConfig, Fingerprint, TlsError, Trust};

use super::connection::{Connection, Failure, Ready, moment, wait_for_deadline};
use super::{Fault, Identity, Link, News, Order, Target, Wall, roots};

/// Serves orders until there are none to come.
pub(super) async fn run(inbox: Receiver<Order>, wall: Wall, deliver: Deliver) {
    let start = Instant::now();
    let mut route = Route {
        inbox,
        deliver,
        client: new_client(),
        start,
        vigil: Vigil::new(moment(start), wall()),
        wall,
        backoff: Backoff::default(),
        logged_in_at: None,
        doubted_at: None,
        interfaces: None,
    };
    let mut next = None;
    loop {
        let order = match next.take() {
            Some(order) => order,
            None => match route.inbox.recv().await {
                Ok(order) => order,
                Err(_) => return,
            },
        };
        let result = match order {
            Order::Connect(target) => route.travel(target, None).await,
            Order::GoOn(target, kept) => route.travel(target, Some(*kept)).await,
            Order::Command(command) => route.tell_client(Input::Command(command)).map(|_| None),
            Order::Disconnect => route.tell(Link::Idle).map(|()| None),
            Order::Trust | Order::Know(..) | Order::RetryNow => Ok(None),
        };
        match result {
            Ok(order) => next = order,
            Err(Over) => return,
        }
    }
}

/// A client without a connection. Its messages have names of their own, if the system has random bits for that.
fn new_client() -> Client {
    named(nonce().map_or_else(Client::new, Client::that_keeps))
}

/// A client that says which program it is and on what, so that who looks at their logins tells them apart.
fn named(client: Client) -> Client {
    let system = match std::env::consts::OS {
        "linux" => "Linux",
        "macos" => "macOS",
        "windows" => "Windows",
        other => other,
    };
    let name = ClientName::parse(&format!("Chatroom {} on {system}", env!("CARGO_PKG_VERSION")));
    match name {
        Some(name) => client.called(name),
        None => client,
    }
}

/// Random bits, if the system has any.
pub(crate) fn nonce() -> Option<[u8; 12]> {
    let mut nonce = [0; 12];
    getrandom::fill(&mut nonce).ok().map(|()| nonce)
}

type Deliver = Box<dyn FnMut(News) -> bool + Send>;

/// Nobody gives orders any more, or nobody listens.
struct Over;

struct Route {
    inbox: Receiver<Order>,
    deliver: Deliver,
    client: Client,
    start: Instant,
    /// Finds out that this thread was stopped.
    vigil: Vigil,
    wall: Wall,
    backoff: Backoff,
    logged_in_at: Option<Instant>,
    /// When there was a reason to doubt the connection.
    doubted_at: Option<Instant>,
    interfaces: Option<IfWatcher>,
}

/// How a connection, or the attempt at one, ended.
enum Ending {
    Failed(Failure),
    /// The window wants something else.
    Ordered(Order),
}

impl Route {
    /// Stays with one server until an order leads elsewhere, which is returned, or until there is no use in trying.
    async fn travel(&mut self, mut target: Target, kept: Option<Kept>) -> Result<Option<Order>, Over> {
        // Who was there before has typed nothing wrong: they wait until the server is back.
        let mut was_connected = kept.is_some();
        self.client = match (kept, nonce()) {
            (Some(kept), Some(nonce)) => named(Client::that_goes_on(nonce, kept)),
            (Some(_) | None, _) => new_client(),
        };
        self.backoff.reset();
        loop {
            self.tell(Link::Connecting)?;
            let (ending, was_open) = match self.connect(&mut target).await? {
                Ok(connection) => (self.stay(connection).await?, true),
                Err(ending) => (ending, false),
            };
            was_connected |= was_open;
            let failure = match ending {
                Ending::Ordered(order) => return self.leave(order),
                Ending::Failed(failure) => failure,
            };
            if let Some(link) = hopeless(&failure, was_connected) {
                return self.tell(link).map(|()| None);
            }
            // One that breaks again at once is tried less and less often: each login costs the server a hash.
            if self.logged_in_at.take().is_some_and(|at| at.elapsed() >= STEADY) {
                self.backoff.reset();
            }
            // Nothing is wrong with the server: somebody was away, and is back.
            let was_in_doubt = self.doubted_at.take().is_some_and(|at| at.elapsed() <= DOUBT_PATIENCE);
            if was_in_doubt || matches!(failure, Failure::Silent) {
                continue;
            }
            let retry_in = self.backoff.next(random());
            self.tell(Link::Away { fault: failure.fault(), retry_in })?;
            if let Some(order) = self.pause(retry_in).await? {
                return self.leave(order);
            }
        }
    }

    /// An order that leads away from the server.
    fn leave(&mut self, order: Order) -> Result<Option<Order>, Over> {
        self.client = new_client();
        Ok(Some(order))
    }

    /// Makes a connection, with what is known about the server. The first time that can take two, and a question.
    async fn connect(&mut self, target: &mut Target) -> Result<Result<Connection, Ending>, Over> {
        loop {
            let attempt = match &target.trust {
                Identity::Unknown => self.meet(target).await?,
                Identity::Key(key) => self.open(target, &key_config(*key)).await?,
                Identity::Authority => self.open_vouched(target).await?,
                Identity::AnyoneInsecurely => self.open(target, &insecure_config()).await?,
            };
            match attempt {
                Ok(connection) => {
                    if target.trust == Identity::Unknown {
                        target.trust = Identity::Authority;
                    }
                    self.tell(Link::Trusted(target.trust.clone()))?;
                    return Ok(Ok(connection));
                }
                Err(Ending::Ordered(Order::Trust)) => self.tell(Link::Connecting)?,
                Err(ending) => return Ok(Err(ending)),
            }
        }
    }

    /// A server that was never met: an authority vouches for it, or a person has to.
    async fn meet(&mut self, target: &mut Target) -> Result<Result<Connection, Ending>, Over> {
        let unvouched = match self.open_vouched(target).await? {
            Err(Ending::Failed(
                failure @ (Failure::Tls(TlsError::Untrusted(_)) | Failure::NoAuthorities),
            )) => failure,
            result => return Ok(result),
        };
        // Only to see the key. Nothing is said on this connection.
        let key = match self.open(target, &insecure_config()).await? {
            Ok(connection) => {
                let key = connection.pipe.peer_fingerprint();
                connection.close().await;
                key
            }
            Err(ending) => return Ok(Err(ending)),
        };
        let Some(key) = key else { return Ok(Err(Ending::Failed(unvouched))) };
        self.tell(Link::Question(key))?;
        let order = self.decision().await?;
        if matches!(order, Order::Trust) {
            target.trust = Identity::Key(key);
        }
        Ok(Err(Ending::Ordered(order)))
    }

    /// Waits for the person to say yes, or to go elsewhere.
    async fn decision(&mut self) -> Result<Order, Over> {
        loop {
            match self.inbox.recv().await.map_err(|_| Over)? {
                order @ (Order::Trust | Order::Connect(_) | Order::GoOn(..) | Order::Disconnect) => {
                    return Ok(order);
                }
                Order::Command(command) => drop(self.tell_client(Input::Command(command))?),
                Order::Know(..) | Order::RetryNow => {}
            }
        }
    }

    async fn open_vouched(&mut self, target: &Target) -> Result<Result<Connection, Ending>, Over> {
        match smol::unblock(roots::config).await {
            Some(config) => self.open(target, &config).await,
            None => Ok(Err(Ending::Failed(Failure::NoAuthorities))),
        }
    }

    /// One attempt, that orders can interrupt.
    async fn open(
        &mut self,
        target: &Target,
        config: &ClientConfig,
    ) -> Result<Result<Connection, Ending>, Over> {
        let mut attempt = Box::pin(Connection::open(&target.address, config));
        loop {
            let event = async { Either::Attempt(attempt.as_mut().await.map(Box::new)) };
            match event.or(async { Either::Order(self.inbox.recv().await) }).await {
                Either::Attempt(result) => {
                    return Ok(result.map(|connection| *connection).map_err(Ending::Failed));
                }
                Either::Order(order) => match order.map_err(|_| Over)? {
                    Order::Command(command) => drop(self.tell_client(Input::Command(command))?),
                    Order::Know(..) | Order::RetryNow | Order::Trust => {}
                    order @ (Order::Connect(_) | Order::GoOn(..) | Order::Disconnect) => {
                        return Ok(Err(Ending::Ordered(order)));
                    }
                },
            }
        }
    }

    /// Talks until the connection ends.
    async fn stay(&mut self, mut connection: Connection) -> Result<Ending, Over> {
        self.watch();
        let frames = self.tell_client(Input::Connected)?;
        connection.say(&frames.frames);
        let ending = loop {
            match self.turn(&mut connection).await {
                Ok(Turn::On) => {}
                Ok(Turn::Order(order)) => break Ending::Ordered(order),
                Ok(Turn::Over) => {
                    connection.close().await;
                    return Err(Over);
                }
                Err(failure) => break Ending::Failed(failure),
            }
        };
        self.tell_client(Input::Closed)?;
        // To one that is dead a goodbye is not worth the wait.
        if !matches!(ending, Ending::Failed(Failure::Silent)) {
            connection.close().await;
        }
        Ok(ending)
    }

    /// One thing that happens while connected, and all that follows from it.
    async fn turn(&mut self, connection: &mut Connection) -> Result<Turn, Failure> {
        connection.write_now()?;
        if connection.waiting() > WAITING_BYTES_MAX {
            return Err(Failure::Fault(Fault::Lost));
        }
        let event = async { Happened::Ready(connection.ready().await) };
        let deadline = async {
            wait_for_deadline(&self.client, self.start).await;
            Happened::Deadline
        };
        let order = async { Happened::Order(self.inbox.recv().await) };
        let (own_address, interfaces) = (connection.own_address(), &mut self.interfaces);
        let gone = async {
            while own_address != Some(gone_address(interfaces).await) {}
            Happened::Uprooted
        };
        let happened = event.or(deadline).or(order).or(gone).await;
        if self.was_stopped() || matches!(happened, Happened::Uprooted) {
            self.doubted_at = Some(Instant::now());
            let Ok(said) = self.tell_client(Input::Doubtful) else { return Ok(Turn::Over) };
            connection.say(&said.frames);
        }
        let said = match happened {
            Happened::Ready(Ok(Ready::ToWrite)) => return Ok(Turn::On),
            Happened::Ready(Ok(Ready::ToRead)) => {
                let count = connection.read().await?;
                let taken = if count == 0 { Ok(true) } else { connection.take(count) };
                // What was said before the connection broke is heard.
                let plain = connection.take_plain();
                let said = self.tell_client(Input::Bytes(&plain));
                if taken? {
                    return said.map_or(Ok(Turn::Over), |_| Err(Failure::Fault(Fault::Lost)));
                }
                said
            }
            Happened::Ready(Err(_)) => return Err(Failure::Fault(Fault::Lost)),
            Happened::Deadline => self.tell_client(Input::Timeout),
            Happened::Uprooted => return Ok(Turn::On),
            Happened::Order(Ok(Order::Command(command))) => self.tell_client(Input::Command(command)),
            Happened::Order(Ok(Order::Know(of, read))) => {
                self.client.know(of, read);
                return Ok(Turn::On);
            }
            Happened::Order(Ok(Order::Trust | Order::RetryNow)) => return Ok(Turn::On),
            Happened::Order(Ok(order @ (Order::Connect(_) | Order::GoOn(..) | Order::Disconnect))) => {
                return Ok(Turn::Order(order));
            }
            Happened::Order(Err(_)) => return Ok(Turn::Over),
        };
        let Ok(said) = said else { return Ok(Turn::Over) };
        connection.say(&said.frames);
        if said.is_silent {
            return Err(Failure::Silent);
        }
        if said.is_closed { Err(Failure::Fault(Fault::Lost)) } else { Ok(Turn::On) }
    }

    /// Waits for the next attempt; at once, when asked to, when the computer is in a network again, or has slept.
    async fn pause(&mut self, retry_in: Duration) -> Result<Option<Order>, Over> {
        let until = Instant::now() + retry_in;
        self.watch();
        loop {
            let timer = async {
                Timer::at(until.min(Instant::now() + LOOK_MAX)).await;
                Pause::Look
            };
            let order = async { Pause::Order(self.inbox.recv().await) };
            let network = network_came_back(&mut self.interfaces);
            let pause = timer.or(order).or(network).await;
            if self.was_stopped() {
                self.backoff.reset();
                if matches!(pause, Pause::Look) {
                    return Ok(None);
                }
            }
            match pause {
                Pause::Retry => return Ok(None),
                Pause::Look if Instant::now() >= until => return Ok(None),
                Pause::Look => {}
                Pause::Order(order) => match order.map_err(|_| Over)? {
                    Order::RetryNow => return Ok(None),
                    Order::Trust | Order::Know(..) => {}
                    Order::Command(command) => drop(self.tell_client(Input::Command(command))?),
                    order @ (Order::Connect(_) | Order::GoOn(..) | Order::Disconnect) => {
                        return Ok(Some(order));
                    }
                },
            }
        }
    }

    /// From here on it is noticed when this thread is stopped, or the computer's networks change.
    fn watch(&mut self) {
        self.vigil = Vigil::new(moment(self.start), (self.wall)());
        if self.interfaces.is_none() {
            // Without it a change is noticed a little later, and that is all.
            self.interfaces = IfWatcher::new().ok();
        }
    }

    /// Whether nothing ran here since the last look.
    fn was_stopped(&mut self) -> bool {
        self.vigil.look(moment(self.start), (self.wall)())
    }

    /// Tells the client, and the window what the client has to show.
    fn tell_client(&mut self, input: Input<'_>) -> Result<Said, Over> {
        self.client.handle(moment(self.start), input);
        let mut said = Said::default();
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Frame(frame) => said.frames.push(frame),
                Output::Event(event) => {
                    if matches!(event, Event::LoggedIn { .. } | Event::Returned { .. }) {
                        self.logged_in_at = Some(Instant::now());
                    }
                    said.is_silent |= event == Event::Disconnected(End::Silent);
                    self.deliver(News::Client(event))?;
                }
                Output::Close => said.is_closed = true,
            }
        }
        Ok(said)
    }

    fn tell(&mut self, link: Link) -> Result<(), Over> {
        self.deliver(News::Link(link))
    }

    fn deliver(&mut self, news: News) -> Result<(), Over> {
        if (self.deliver)(news) { Ok(()) } else { Err(Over) }
    }
}

/// What a client wants done.
#[derive(Default)]
struct Said {
    frames: Vec<Frame>,
    is_closed: bool,
    /// The server gave no sign of life.
    is_silent: bool,
}

enum Either {
    Attempt(Result<Box<Connection>, Failure>),
    Order(Result<Order, smol::channel::RecvError>),
}

enum Happened {
    Ready(std::io::Result<Ready>),
    Deadline,
    Order(Result<Order, smol::channel::RecvError>),
    /// This computer has lost the address that the connection goes through.
    Uprooted,
}

enum Turn {
    On,
    Order(Order),
    Over,
}

enum Pause {
    Retry,
    /// It may be time.
    Look,
    Order(Result<Order, smol::channel::RecvError>),
}

/// What there is to say where another attempt would end as this one did.
fn hopeless(failure: &Failure, was_connected: bool) -> Option<Link> {
    let refused = |fault: &Fault| Some(Link::Refused(fault.clone()));
    match failure {
        Failure::Tls(TlsError::WrongKey(wrong)) => {
            Some(Link::WrongKey { expected: wrong.expected, found: wrong.found })
        }
        Failure::Tls(TlsError::Untrusted(_)) | Failure::NoAuthorities => refused(&failure.fault()),
        // Who never was connected looks at what was typed first.
        Failure::Tls(_) | Failure::Fault(_) | Failure::Silent if !was_connected => refused(&failure.fault()),
        Failure::Tls(_) | Failure::Fault(_) | Failure::Silent => None,
    }
}

/// Waits until an interface gets an address.
async fn network_came_back(interfaces: &mut Option<IfWatcher>) -> Pause {
    loop {
        match next_change(interfaces).await {
            IfEvent::Up(net) if !net.addr().is_loopback() => return Pause::Retry,
            IfEvent::Up(_) | IfEvent::Down(_) => {}
        }
    }
}

/// Waits until an interface loses an address, and returns that.
async fn gone_address(interfaces: &mut Option<IfWatcher>) -> IpAddr {
    loop {
        match next_change(interfaces).await {
            IfEvent::Down(net) => return net.addr(),
            // A connection does not go another way because there is one.
            IfEvent::Up(_) => {}
        }
    }
}

/// Waits for a change, for ever where the system does not tell of any.
async fn next_change(interfaces: &mut Option<IfWatcher>) -> IfEvent {
    let Some(watcher) = interfaces else { return future::pending().await };
    match watcher.next().await {
        Some(Ok(event)) => event,
        Some(Err(_)) | None => future::pending().await,
    }
}

fn key_config(key: Fingerprint) -> ClientConfig {
    ClientConfig::new(Trust::Key(key)).expect("trust in a key needs no authority")
}

fn insecure_config() -> ClientConfig {
    ClientConfig::new(Trust::AnyoneInsecurely).expect("trust in anyone needs no authority")
}

/// Any number that differs between two clients and two attempts.
fn random() -> u32 {
    let bits = RandomState::new().hash_one(0);
    u32::try_from(bits >> 32).unwrap_or_default()
}

/// How long a connection has to hold to be none that breaks at once.
const STEADY: Duration = Duration::from_secs(30);

/// What waits for a server at the most: one that takes nothing is as good as gone.
const WAITING_BYTES_MAX: usize = 1024 * 1024;
