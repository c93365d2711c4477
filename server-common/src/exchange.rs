//! The one lock around the hub, and the mailboxes it fills.
//!
//! Lock order: the exchange, then a mailbox; never the reverse, and nothing else under either. What is encoded from
//! the hub's state is encoded between two holds of the lock, and wakes are rung after it.
//!
//! What waits for all connections together is counted in the hub's [`Ledger`]: messages and lists by themselves, once
//! for all who share them; the places they take in mailboxes here, a sum for each command and each collection; what is
//! sealed by each session.

mod shed;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chatroom_core::Instant;
use chatroom_core::hub::{
    Append, Command, ConnId, Deliveries, Farewell, Full, Hub, Mail, Mailbox, PLACE_BYTES, Pushed, Reply,
    Settled,
};
use chatroom_core::ledger::Ledger;
use chatroom_core::limits::Limits;
use chatroom_core::name::NameKey;
use chatroom_core::server::{Answer, GrantId, Rules, Ticket};
use chatroom_core::time::is_earlier;
use smallvec::SmallVec;

use crate::metrics::Census;
use crate::passwords::Applicant;

/// How a connection's own thread or task is told that something waits for it.
///
/// The one thing that differs between runtimes: a condition variable in one, a task's waker in the other.
pub trait Wake: Send + Sync + 'static {
    /// Makes the connection look into its mailbox. Called often, and from any thread; must not block.
    fn wake(&self);
}

/// Has [`Exchange::tick`] or [`Exchange::take_appends`] called soon. Called from any thread; must not block.
pub type Alarm = Box<dyn Fn() + Send + Sync>;

/// A connection as others reach it.
pub struct Peer<W> {
    id: ConnId,
    inbox: Mutex<Inbox>,
    /// Something is in the inbox. Changed under its lock, and asked without it.
    has_letters: AtomicBool,
    ledger: Arc<Ledger>,
    /// What its session has sealed and the network has not taken.
    sealed_bytes: AtomicUsize,
    is_gone: AtomicBool,
    wake: W,
}

struct Inbox {
    mailbox: Mailbox,
    /// One question is open at a time, so one answer waits at most.
    answer: Option<(Ticket, Answer)>,
}

/// Something that waited for a connection.
pub enum Letter {
    /// From the hub.
    Mail(Mail),
    /// From the account store.
    Answer(Ticket, Answer),
    /// More waited than may; all of it is lost.
    Overflow,
}

/// Some letters. As few as mostly come together are held in place, which spares an allocation for each look into a mailbox.
pub type Letters = SmallVec<[Letter; 4]>;

/// The hub, and who is connected to it.
pub struct Exchange<W> {
    state: Mutex<State<W>>,
    ledger: Arc<Ledger>,
    /// How often [`Exchange::tick`] was called.
    ticks: AtomicU64,
    /// Rung when [`Exchange::tick`] is to be called sooner than it said last.
    alarm: Alarm,
    /// Rung when [`Exchange::take_appends`] would find something, after it has found nothing.
    scribe: Alarm,
}

struct State<W> {
    hub: Hub,
    /// By [`ConnId::slot`].
    peers: Vec<Option<Arc<Peer<W>>>>,
    /// Kept for its memory; empty whenever the lock is free.
    deliveries: Deliveries,
    /// When the ticker comes by itself.
    armed_at: Option<Instant>,
    list_bytes_max: usize,
    outbox_bytes_max: usize,
    outbox_total_bytes_max: usize,
    /// So much may wait for all together before the longest queues are looked for.
    shed_above: usize,
    is_shut: bool,
    /// How many messages were passed on, and to how many connections all together.
    messages: u64,
    copies: u64,
}

impl<W: Wake> Exchange<W> {
    /// An exchange around `hub`. `alarm` is rung when [`Exchange::tick`] is to be called sooner than it said last, `scribe`
    /// when there is something to be made durable.
    pub fn new(hub: Hub, rules: &Rules, alarm: Alarm, scribe: Alarm) -> Self {
        let ledger = Arc::clone(hub.ledger());
        let state = State {
            hub,
            peers: Vec::new(),
            deliveries: Vec::new(),
            armed_at: None,
            list_bytes_max: rules.limits.list_bytes_max,
            outbox_bytes_max: rules.limits.outbox_bytes_max,
            outbox_total_bytes_max: rules.limits.outbox_total_bytes_max,
            shed_above: rules.limits.outbox_total_bytes_max,
            is_shut: false,
            messages: 0,
            copies: 0,
        };
        Self { state: Mutex::new(state), ledger, ticks: AtomicU64::new(0), alarm, scribe }
    }

    /// Takes in a connection that was accepted. An error says to drop it: there are too many, or the server stops.
    pub fn connect(&self, now: Instant, wake: W) -> Result<Arc<Peer<W>>, Full> {
        self.with(now, None, |state| {
            if state.is_shut {
                return Err(Full);
            }
            let id = state.hub.connect(&mut state.deliveries)?;
            let mailbox = Mailbox::new(state.outbox_bytes_max);
            let peer = Arc::new(Peer {
                id,
                inbox: Mutex::new(Inbox { mailbox, answer: None }),
                has_letters: AtomicBool::new(false),
                ledger: Arc::clone(&self.ledger),
                sealed_bytes: AtomicUsize::new(0),
                is_gone: AtomicBool::new(false),
                wake,
            });
            if state.peers.len() <= id.slot() {
                state.peers.resize_with(id.slot() + 1, || None);
            }
            state.peers[id.slot()] = Some(Arc::clone(&peer));
            Ok(peer)
        })
    }

    /// Forgets a connection. Doing so twice is fine.
    pub fn disconnect(&self, now: Instant, peer: &Peer<W>) {
        if peer.is_gone.swap(true, Ordering::Relaxed) {
            return;
        }
        self.with(now, None, |state| {
            state.hub.disconnect(now, peer.id);
            state.peers[peer.id.slot()] = None;
        });
    }

    /// Applies a connection's command. Its reply is in its mailbox when this returns, and does not wake it.
    pub fn apply(&self, now: Instant, from: &Peer<W>, command: Command) {
        self.with(now, Some(from.id), |state| state.hub.apply(now, from.id, command, &mut state.deliveries));
    }

    /// Takes what is to be made durable next. Hand it back to [`Exchange::settle`] before taking more.
    pub fn take_appends(&self, count_max: usize, group: &mut Vec<Append>) {
        self.lock().hub.take_appends(count_max, group);
    }

    /// Delivers what was made durable, and tells who said or made the rest that it was not.
    pub fn settle(&self, now: Instant, group: Vec<Settled>) {
        self.with(now, None, |state| {
            state.messages += group.iter().filter(|settled| settled.is_message()).count() as u64;
            state.hub.settle(now, group, &mut state.deliveries);
        });
    }

    /// How many are to be made durable, or being made so.
    pub fn pending_appends(&self) -> u64 {
        self.lock().hub.pending_appends()
    }

    /// Sends the lists that have become due, and says when to come again.
    pub fn tick(&self, now: Instant) -> Option<Instant> {
        self.ticks.fetch_add(1, Ordering::Relaxed);
        self.publish_due(now);
        let mut state = self.lock();
        state.armed_at = state.hub.deadline();
        state.armed_at
    }

    /// Has [`Exchange::tick`] called soon, though nothing may be due, and says how often it was until now. Once it was
    /// more often, whoever calls it is known to be at work.
    pub fn prod(&self) -> u64 {
        let ticks = self.ticks.load(Ordering::Relaxed);
        (self.alarm)();
        ticks
    }

    /// How often [`Exchange::tick`] was called.
    pub fn ticks(&self) -> u64 {
        self.ticks.load(Ordering::Relaxed)
    }

    /// Holds everything from now on to these limits, but for the mailboxes there are.
    pub fn set_limits(&self, limits: &Limits) {
        let mut state = self.lock();
        state.hub.set_limits(limits.clone());
        state.list_bytes_max = limits.list_bytes_max;
        state.outbox_bytes_max = limits.outbox_bytes_max;
        state.outbox_total_bytes_max = limits.outbox_total_bytes_max;
        state.shed_above = limits.outbox_total_bytes_max;
    }

    /// Tells these users to go, if they are here, for they are shut out.
    pub fn dismiss(&self, now: Instant, users: &[NameKey]) {
        self.with(now, None, |state| {
            for user in users {
                state.hub.dismiss(now, user, Farewell::Disabled, &mut state.deliveries);
            }
        });
    }

    /// Tells these users to go, if they are here, and forgets where they take part and what they are to
    /// others, for their accounts are deleted.
    pub fn forget(&self, now: Instant, users: &[NameKey]) {
        self.with(now, None, |state| {
            for user in users {
                state.hub.forget(now, user, &mut state.deliveries);
            }
            state.hub.forget_ties_to(users, &mut state.deliveries);
        });
    }

    /// The logins that last by which somebody is here.
    pub fn grants(&self) -> Vec<GrantId> {
        self.lock().hub.grants()
    }

    /// Tells whoever has come by one of these logins to go, for they have ended.
    pub fn end_logins(&self, now: Instant, mut ended: Vec<GrantId>) {
        ended.sort_unstable();
        self.with(now, None, |state| state.hub.end_logins(now, &ended, &mut state.deliveries));
    }

    /// Tells every connection that the server stops, and takes no new ones.
    pub fn shut_down(&self, now: Instant) {
        self.with(now, None, |state| {
            state.is_shut = true;
            state.hub.shut_down(&mut state.deliveries);
        });
    }

    /// Who and what is here, and what was passed on.
    pub fn census(&self) -> Census {
        let state = self.lock();
        Census {
            connections: state.hub.connections(),
            users: state.hub.users(),
            rooms: state.hub.rooms(),
            messages: state.messages,
            copies: state.copies,
        }
    }

    /// Whether the server stops.
    pub fn is_shut(&self) -> bool {
        self.lock().is_shut
    }

    /// How many connections there are, logged in or not.
    pub fn connections(&self) -> usize {
        self.lock().hub.connections()
    }

    /// The count of what waits for all connections together.
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// How many users are logged in.
    pub fn users(&self) -> usize {
        self.lock().hub.users()
    }

    /// Does something to the hub, hands out what follows from it, and sends lists that are due at once.
    fn with<R>(&self, now: Instant, except: Option<ConnId>, change: impl FnOnce(&mut State<W>) -> R) -> R {
        let mut woken = Vec::new();
        let mut state = self.lock();
        let result = change(&mut state);
        state.deliver(&self.ledger, except, &mut woken);
        let shed = state.shed(&self.ledger, &mut woken);
        let is_writer_called = state.hub.calls_writer();
        let next = state.hub.deadline();
        let is_due = next.is_some_and(|at| at <= now);
        let is_early = is_earlier(next, state.armed_at);
        drop(state);
        if is_writer_called {
            (self.scribe)();
        }
        ring(woken);
        tell_of(shed);
        if is_due {
            self.publish_due(now);
        } else if is_early {
            (self.alarm)();
        }
        result
    }

    /// Encodes a list once, without the lock, for all it is news to; as long as one is due.
    fn publish_due(&self, now: Instant) {
        loop {
            let mut guard = self.lock();
            let (bulletin, list_bytes_max) = (guard.hub.poll_bulletin(now), guard.list_bytes_max);
            drop(guard);
            let Some(bulletin) = bulletin else { break };
            let print = bulletin.encode(list_bytes_max);
            let mut woken = Vec::new();
            let mut guard = self.lock();
            let state = &mut *guard;
            state.hub.publish(now, print, &mut state.deliveries);
            state.deliver(&self.ledger, None, &mut woken);
            let shed = state.shed(&self.ledger, &mut woken);
            drop(guard);
            ring(woken);
            tell_of(shed);
        }
        let state = self.lock();
        let is_early = is_earlier(state.hub.deadline(), state.armed_at);
        drop(state);
        if is_early {
            (self.alarm)();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<W>> {
        // A panic under the lock was a fault of this program; the hub's maps are whole between two statements all the
        // same, and everybody else's talk is worth more than stopping all of it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Wake> State<W> {
    /// Puts what the hub decided into mailboxes, in its order. Who has to be woken for it is appended to `woken`;
    /// `except` is the connection that will look by itself.
    fn deliver(&mut self, ledger: &Ledger, except: Option<ConnId>, woken: &mut Vec<Arc<Peer<W>>>) {
        woken.reserve(self.deliveries.len());
        // Counted before anybody can take them out again, and in one sum: the count is shared by all threads.
        ledger.add(self.deliveries.len() * PLACE_BYTES);
        let mut free = 0;
        // Where what is said is kept, it is counted when it is.
        let counts_said = !self.hub.has_history();
        for (to, mail) in self.deliveries.drain(..) {
            match mail {
                Mail::Frame(_) | Mail::Whisper(_) => self.copies += 1,
                Mail::Reply(Reply::Said) => self.messages += u64::from(counts_said),
                Mail::Reply(_)
                | Mail::List(_)
                | Mail::Farewell(_)
                | Mail::Refused(_)
                | Mail::Joined(_)
                | Mail::Read(..)
                | Mail::Tied(..)
                | Mail::Here(_)
                | Mail::Parted(..) => {}
            }
            let peer = self.peers.get(to.slot()).and_then(Option::as_ref).filter(|peer| peer.id == to);
            let Some(peer) = peer else {
                free += 1;
                continue;
            };
            let (pushed, places) = peer.push(mail);
            free += places;
            if pushed == Pushed::First && Some(to) != except {
                woken.push(Arc::clone(peer));
            }
        }
        if free > 0 {
            ledger.remove(free * PLACE_BYTES);
        }
        if self.deliveries.capacity() > DELIVERIES_KEPT {
            self.deliveries = Vec::new();
        }
    }
}

impl<W: Wake> Peer<W> {
    /// Takes what waits, oldest first and about `bytes` of it, and appends it to `letters`.
    pub fn collect(&self, bytes: usize, letters: &mut Letters) {
        let mut inbox = self.lock();
        if inbox.mailbox.is_overflowed() {
            self.has_letters.store(false, Ordering::Relaxed);
            letters.push(Letter::Overflow);
            return;
        }
        if let Some((ticket, answer)) = inbox.answer.take() {
            letters.push(Letter::Answer(ticket, answer));
        }
        let places = inbox.mailbox.len();
        let down_to = inbox.mailbox.bytes().saturating_sub(bytes);
        let takes_all = inbox.mailbox.has_farewell() && !cfg!(planted_bug = "farewell_waits_behind_the_rest");
        if inbox.mailbox.bytes() > down_to {
            letters.reserve(places.min(LETTERS_PLANNED));
        }
        while (inbox.mailbox.bytes() > down_to || takes_all)
            && let Some(mail) = inbox.mailbox.pop()
        {
            letters.push(Letter::Mail(mail));
        }
        let free = places - inbox.mailbox.len();
        self.has_letters.store(inbox.mailbox.bytes() > 0, Ordering::Relaxed);
        drop(inbox);
        if free > 0 {
            self.ledger.remove(free * PLACE_BYTES);
        }
    }

    /// Whether [`Peer::collect`] would find something. What is put in at this very moment may be missed, and rings.
    pub fn has_letters(&self) -> bool {
        self.has_letters.load(Ordering::Relaxed)
    }

    /// The waker given to [`Exchange::connect`].
    pub fn waker(&self) -> &W {
        &self.wake
    }

    /// Hands over the answer to a question of this connection.
    pub fn answer(&self, ticket: Ticket, answer: Answer) {
        let mut inbox = self.lock();
        inbox.answer = Some((ticket, answer));
        self.has_letters.store(true, Ordering::Relaxed);
        drop(inbox);
        self.wake.wake();
    }

    /// Tells the connection to go, whatever the hub has for it.
    pub fn dismiss(&self, why: Farewell) {
        self.ledger.add(PLACE_BYTES);
        let (_, free) = self.push(Mail::Farewell(why));
        self.ledger.remove(free * PLACE_BYTES);
        self.wake.wake();
    }

    /// Notes how much is sealed for the connection and not taken by the network. Its session alone calls this.
    pub(crate) fn set_sealed_bytes(&self, bytes: usize) {
        self.ledger.replace(self.sealed_bytes(), bytes);
        self.sealed_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Puts mail in, whose place was counted before. How many places became free, that one included.
    fn push(&self, mail: Mail) -> (Pushed, usize) {
        let mut inbox = self.lock();
        let places = inbox.mailbox.len() + 1;
        let pushed = inbox.mailbox.push(mail);
        self.has_letters.store(true, Ordering::Relaxed);
        (pushed, places - inbox.mailbox.len())
    }

    /// Drops all that waits; the connection finds that out, and ends.
    fn give_up(&self) {
        let mut inbox = self.lock();
        let places = inbox.mailbox.len();
        inbox.mailbox.give_up();
        self.has_letters.store(true, Ordering::Relaxed);
        drop(inbox);
        self.ledger.remove(places * PLACE_BYTES);
    }

    /// What waits for the connection, sealed or not; `None` if that was given up.
    fn queued_bytes(&self) -> Option<usize> {
        let inbox = self.lock();
        (!inbox.mailbox.is_overflowed()).then(|| inbox.mailbox.bytes() + self.sealed_bytes())
    }

    fn sealed_bytes(&self) -> usize {
        self.sealed_bytes.load(Ordering::Relaxed)
    }

    /// Whether the connection is gone, and needs no answers any more.
    pub fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What still waits for a connection when the last forgets it waits no more.
impl<W> Drop for Peer<W> {
    fn drop(&mut self) {
        let inbox = self.inbox.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.ledger.remove(inbox.mailbox.len() * PLACE_BYTES);
    }
}

/// A connection with an open question waits for the password pool like this.
impl<W: Wake> Applicant for (Arc<Peer<W>>, Ticket) {
    fn is_gone(&self) -> bool {
        self.0.is_gone()
    }

    fn answer(self, answer: Answer) {
        self.0.answer(self.1, answer);
    }
}

fn ring<W: Wake>(woken: Vec<Arc<Peer<W>>>) {
    for peer in woken {
        peer.wake.wake();
    }
}

/// Tells the operator how many were dropped for all together, if any.
fn tell_of(shed: usize) {
    if shed > 0 {
        tracing::warn!(
            "more than limits.outbox_total_bytes_max waited for slow clients: {shed} of them were dropped"
        );
    }
}

/// How many letters there is room for at first.
const LETTERS_PLANNED: usize = 64;
/// How many deliveries' memory is kept between two commands: a large room's worth.
const DELIVERIES_KEPT: usize = 8 * 1024;

#[cfg(test)]
mod tests;
