//! Measures what a message costs for each member it goes to: the part under the exchange's lock, and the part with
//! which its receiver takes it out of the mailbox. Prints figures; passes no judgement.
//!
//! ```sh
//! cargo run --release -p testkit --bin fan_out
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chatroom_core::frame::Frame;
use chatroom_core::hub::{Command, Hub};
use chatroom_core::limits::Limits;
use chatroom_core::message::hello::{Caps, Registration};
use chatroom_core::name::{Account, NameKey, RoomName, UserName};
use chatroom_core::server::Rules;
use server_common::exchange::{Exchange, Letters, Peer, Wake};
use server_common::keys::{name_key, name_look};

/// Messages of one round, as many as are on their way at a time in a room where everybody talks.
const MESSAGES: usize = 16;
/// Rounds; the best one counts, for others use this machine too.
const ROUNDS: usize = 300;
/// What a message of usual length takes, envelope and all.
const FRAME_BYTES: usize = 200;

type Peers = Vec<Arc<Peer<Silent>>>;

/// Nobody sleeps here.
struct Silent;

impl Wake for Silent {
    fn wake(&self) {}
}

fn main() {
    println!("{:>7}  {:>16} {:>16}  {:>24}", "members", "deliver", "collect", "deliver while collecting");
    for members in [2, 40, 1000] {
        let (exchange, peers) = room(members);
        let (deliver, collect) = quiet(&exchange, &peers);
        let busy = contended(&exchange, &peers);
        println!("{members:>7}  {deliver:>13.1} ns {collect:>13.1} ns  {busy:>21.1} ns");
    }
}

/// A room with so many members, and an exchange around it.
fn room(members: usize) -> (Exchange<Silent>, Peers) {
    let now = chatroom_core::Instant::default();
    let limits = Limits { message_rate: 0, ..Limits::default() };
    let den = RoomName::parse("den").expect("that is a name");
    let hub = Hub::new(now, limits.clone(), name_key, name_look, std::slice::from_ref(&den));
    let exchange = Exchange::new(
        hub,
        &Rules {
            limits,
            registration: Registration::Open,
            history: false,
            key_of: name_key,
            look_of: name_look,
        },
        Box::new(|| {}),
        Box::new(|| {}),
    );
    let peers: Peers = (0..members)
        .map(|number| {
            let peer = exchange.connect(now, Silent).expect("there is room");
            let name = UserName::parse(&format!("user{number}")).expect("that is a name");
            let account = Account::new(name_key, name).expect("it is not reserved");
            exchange.apply(now, &peer, Command::Login(account, Caps::default(), None));
            exchange.apply(now, &peer, Command::Enter(NameKey::new(name_key, "den"), den.clone()));
            peer
        })
        .collect();
    empty(&peers);
    (exchange, peers)
}

/// Nanoseconds a delivery: the sender's side, then the receivers'.
fn quiet(exchange: &Exchange<Silent>, peers: &Peers) -> (f64, f64) {
    let mut best = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        let deliver = say(exchange, peers);
        let started = Instant::now();
        let letters = empty(peers);
        let collect = per(started.elapsed(), letters);
        best = (best.0.min(deliver), best.1.min(collect));
    }
    best
}

/// Nanoseconds a delivery while another thread takes out what is delivered.
fn contended(exchange: &Exchange<Silent>, peers: &Peers) -> f64 {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                empty(peers);
            }
        });
        let best = (0..ROUNDS).map(|_| say(exchange, peers)).fold(f64::MAX, f64::min);
        is_over.store(true, Ordering::Relaxed);
        best
    })
}

fn say(exchange: &Exchange<Silent>, peers: &Peers) -> f64 {
    let frames: Vec<Frame> = (0..MESSAGES).map(|_| vec![b' '; FRAME_BYTES].into()).collect();
    let started = Instant::now();
    for frame in frames {
        exchange.apply(chatroom_core::Instant::default(), &peers[0], Command::Say(frame));
    }
    per(started.elapsed(), MESSAGES * peers.len())
}

/// Takes everything out of all mailboxes. How much it was.
fn empty(peers: &Peers) -> usize {
    let mut letters = Letters::new();
    let mut count = 0;
    for peer in peers {
        peer.collect(usize::MAX, &mut letters);
        count += letters.len();
        letters.clear();
    }
    count
}

fn per(elapsed: Duration, count: usize) -> f64 {
    elapsed.as_secs_f64() * 1e9 / count.max(1) as f64
}
