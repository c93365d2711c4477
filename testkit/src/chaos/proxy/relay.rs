//! One connection on its way through the proxy.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use smol::future::{self, FutureExt as _};
use smol::{Async, Timer};
use socket2::SockRef;

use super::Shared;
use crate::chaos::plan::{Cut, Plan, Way, WayEnd};

/// One connection, and its plan.
pub(super) struct Relay {
    shared: Arc<Shared>,
    plan: Plan,
    rng: Rng,
    start: Instant,
}

/// One direction of it.
struct Lane<'a> {
    relay: &'a Relay,
    from: &'a Async<TcpStream>,
    to: &'a Async<TcpStream>,
    way: &'a Way,
    rng: Rng,
    /// Bytes that were passed on.
    passed: u64,
}

/// Why a connection is not passed on any more.
enum Stop {
    /// The plan says so.
    Planned,
    /// One of its ends is gone.
    Lost,
}

impl Relay {
    /// For the connection of that number in the storm of that seed.
    pub(super) fn new(shared: Arc<Shared>, seed: u64, number: u64) -> Self {
        let rng = Rng::with_seed(seed.rotate_left(32) ^ number);
        Self { shared, plan: Plan::draw(seed, number), rng, start: Instant::now() }
    }

    /// Passes on between a client and the server, until one of them or the plan ends it.
    pub(super) async fn run(mut self, client: Async<TcpStream>, server: SocketAddr) {
        add(&self.shared.counts.connections, 1);
        let Ok(server) = Async::<TcpStream>::connect(server).await else { return };
        // An error is that of a connection that is gone already, which is seen soon enough.
        let _ = client.get_ref().set_nodelay(true).and(server.get_ref().set_nodelay(true));
        let (up, down) = (self.rng.fork(), self.rng.fork());
        let up = Lane::new(&self, &client, &server, &self.plan.up, up);
        let down = Lane::new(&self, &server, &client, &self.plan.down, down);
        match future::try_zip(up.run(), down.run()).or(self.cut_in_time()).await {
            Ok(_) => {}
            Err(Stop::Planned) => self.cut(client, server).await,
            Err(Stop::Lost) => {
                reset(client);
                reset(server);
            }
        }
    }

    /// Comes back when the plan's hour has come, if it has one and the storm still blows then.
    async fn cut_in_time(&self) -> Result<((), ()), Stop> {
        if let Some(at) = self.plan.cut_at {
            Timer::at(self.start + at).await;
            if self.shared.is_stormy() {
                return Err(Stop::Planned);
            }
        }
        future::pending().await
    }

    async fn cut(&self, client: Async<TcpStream>, server: Async<TcpStream>) {
        add(&self.shared.counts.cuts, 1);
        match self.plan.cut {
            Cut::Reset => {
                reset(client);
                reset(server);
            }
            // Dropping them ends them.
            Cut::Finish => {}
            Cut::ServerLater(later) => {
                reset(client);
                Timer::after(later).await;
                reset(server);
            }
            Cut::ClientLater(later) => {
                reset(server);
                Timer::after(later).await;
                reset(client);
            }
        }
    }
}

impl<'a> Lane<'a> {
    fn new(
        relay: &'a Relay,
        from: &'a Async<TcpStream>,
        to: &'a Async<TcpStream>,
        way: &'a Way,
        rng: Rng,
    ) -> Self {
        Self { relay, from, to, way, rng, passed: 0 }
    }

    /// Passes on until the end, which is passed on as well.
    async fn run(mut self) -> Result<(), Stop> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let count = self.from.read_with(|mut stream| stream.read(&mut buffer)).await?;
            if count == 0 {
                if self.is_stormy() {
                    Timer::after(self.way.end_delay).await;
                }
                break;
            }
            self.hold().await;
            if !self.pass(&buffer[..count]).await? {
                break;
            }
        }
        Ok(self.to.get_ref().shutdown(Shutdown::Write)?)
    }

    /// Waits as long as what was just read has to.
    async fn hold(&mut self) {
        if !self.is_stormy() {
            return;
        }
        if let Some(until) = self.way.stalled_until(self.relay.start.elapsed()) {
            add(&self.relay.shared.counts.stalls, 1);
            Timer::at(self.relay.start + until).await;
        } else if !self.way.delay_max.is_zero() {
            Timer::after(self.way.delay_max.mul_f64(self.rng.f64())).await;
        }
    }

    /// Passes bytes on in pieces. Whether more may follow.
    async fn pass(&mut self, mut bytes: &[u8]) -> Result<bool, Stop> {
        let mut gaps = 0;
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(self.piece(bytes.len()));
            write_all(self.to, piece).await?;
            self.count(piece);
            match self.way.end.filter(|(at, _)| self.is_stormy() && self.passed == *at) {
                Some((_, WayEnd::Cut)) => return Err(Stop::Planned),
                Some((_, WayEnd::HalfClose)) => {
                    add(&self.relay.shared.counts.half_closes, 1);
                    return Ok(false);
                }
                None => {}
            }
            // Only what is read apart was split.
            if !rest.is_empty() && self.is_stormy() && gaps < GAPS_MAX && self.rng.u8(..8) == 0 {
                gaps += 1;
                Timer::after(GAP).await;
            }
            bytes = rest;
        }
        Ok(true)
    }

    /// How many of the bytes at hand are passed on at once: never beyond the place where the plan ends it.
    fn piece(&mut self, at_hand: usize) -> usize {
        if !self.is_stormy() {
            return at_hand;
        }
        let drawn = self.rng.usize(1..=self.way.piece_bytes_max.min(at_hand));
        let until_end = self.way.end.and_then(|(at, _)| at.checked_sub(self.passed)).filter(|left| *left > 0);
        until_end.and_then(|left| usize::try_from(left).ok()).map_or(drawn, |left| drawn.min(left))
    }

    fn count(&mut self, piece: &[u8]) {
        let bytes = piece.len() as u64;
        self.passed += bytes;
        add(&self.relay.shared.counts.pieces, 1);
        add(&self.relay.shared.counts.bytes, bytes);
    }

    fn is_stormy(&self) -> bool {
        self.relay.shared.is_stormy()
    }
}

impl From<io::Error> for Stop {
    fn from(_: io::Error) -> Self {
        Self::Lost
    }
}

async fn write_all(to: &Async<TcpStream>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = to.write_with(|mut stream| stream.write(bytes)).await?;
        bytes = &bytes[count..];
    }
    Ok(())
}

/// Drops a connection so that its other end sees a reset.
fn reset(stream: Async<TcpStream>) {
    // Where it cannot be had, its other end sees a plain end.
    let _ = SockRef::from(stream.get_ref()).set_linger(Some(Duration::ZERO));
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

/// Bytes read at once.
const READ_BYTES: usize = 16 * 1024;

/// Between two pieces, now and then: without it the system would join them again.
const GAP: Duration = Duration::from_millis(1);

/// Gaps in what was read at once. With more of them a line would fall behind what is said, for ever further.
const GAPS_MAX: u32 = 16;
