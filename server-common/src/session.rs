//! One connection on the server, whole: ciphertext in, ciphertext out.
//!
//! A [`Session`] joins the TLS stage, the connection's state machine and its mailbox. What is left for a runtime is to
//! read, to write, to wait for the deadline, and to be woken.

use std::mem;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chatroom_core::Instant;
use chatroom_core::frame::Frame;
use chatroom_core::phase::Phase;
use chatroom_core::server::{Conn, End, GrantId, Input, Output, Question, Ticket};
use tls::{Opened, Pipe, TlsError};
use zeroize::Zeroize;

use crate::admission::{Pass, Standing};
use crate::exchange::{Letter, Letters, Peer, Wake};
use crate::server::Server;

/// The stage between the wire and the state machine: [`Pipe`], or none at all in a simulation.
pub trait Transport {
    /// Takes bytes off the wire. Plain ones are appended to `plain`, what the stage itself has to say to `out`. An
    /// error is the peer's fault, and final.
    fn open(&mut self, wire: &[u8], plain: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<Opened, TlsError>;
    /// Seals a batch of frames for the wire, appended to `out`.
    fn seal(&mut self, frames: &[Frame], out: &mut Vec<u8>);
    /// Says that nothing more will be sent.
    fn close(&mut self, out: &mut Vec<u8>);
    /// Whether plain bytes may pass: the handshake is over.
    fn is_secure(&self) -> bool;
}

impl Transport for Pipe {
    fn open(&mut self, wire: &[u8], plain: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<Opened, TlsError> {
        Self::open(self, wire, plain, out)
    }

    fn seal(&mut self, frames: &[Frame], out: &mut Vec<u8>) {
        Self::seal(self, frames, out);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        Self::close(self, out);
    }

    fn is_secure(&self) -> bool {
        !self.is_handshaking()
    }
}

/// Who answers a connection's questions.
pub trait Desk<W: Wake>: Send + Sync {
    /// Has `question` answered by [`Peer::answer`] with `ticket`, soon or at once. Must not block.
    fn ask(&self, now: Instant, address: IpAddr, peer: &Arc<Peer<W>>, ticket: Ticket, question: Question);
    /// Has a login ended that lasts. Must not block.
    fn end(&self, grant: GrantId);
    /// Has it noted that who has come by that login is still there. Must not block.
    fn visit(&self, grant: GrantId);
}

/// What happened to a connection's socket.
pub enum Happened<'a> {
    /// Bytes were read.
    Read(&'a [u8]),
    /// There is nothing more to read.
    ReadEnd,
    /// So many bytes of [`Session::wire`] were written.
    Wrote(usize),
    /// The waker was woken, or the deadline has come.
    Woken,
}

/// One client's connection.
pub struct Session<W: Wake, T: Transport> {
    server: Arc<Server<W>>,
    address: IpAddr,
    peer: Arc<Peer<W>>,
    pass: Pass,
    transport: T,
    conn: Conn,
    /// How much is taken out of the mailbox while it waits for the network.
    outbox_pause_bytes: usize,
    is_secure: bool,
    /// The transport has failed: what still arrives means nothing.
    is_broken: bool,
    is_finishing: bool,
    end: Option<End>,
    /// When it was told something last.
    now: Instant,
    /// The login that lasts by which the client has come, and when that was noted last.
    visit: Option<(GrantId, Instant)>,
    /// Sealed bytes; those before `written` are on their way.
    wire: Vec<u8>,
    written: usize,
    /// What is to be sealed next.
    batch: Vec<Frame>,
    batch_bytes: usize,
}

impl<W: Wake, T: Transport> Session<W, T> {
    pub(crate) fn new(
        now: Instant,
        server: Arc<Server<W>>,
        address: IpAddr,
        peer: Arc<Peer<W>>,
        pass: Pass,
        transport: T,
    ) -> Self {
        let rules = server.rules();
        let outbox_pause_bytes = rules.limits.outbox_pause_bytes;
        let conn = Conn::new(now, rules);
        Self {
            server,
            address,
            peer,
            pass,
            transport,
            conn,
            outbox_pause_bytes,
            is_secure: false,
            is_broken: false,
            is_finishing: false,
            end: None,
            now,
            visit: None,
            wire: Vec::new(),
            written: 0,
            batch: Vec::new(),
            batch_bytes: 0,
        }
    }

    /// Tells the session what happened. Afterwards write [`Session::wire`], and look whether it has ended.
    ///
    /// A `now` that is a little before the last one counts as that one: threads look at the clock at times of their own.
    pub fn handle(&mut self, now: Instant, happened: Happened<'_>) {
        let now = self.now.max(now);
        self.now = now;
        let mut taken = 0;
        match happened {
            Happened::Read(bytes) => self.on_read(now, bytes),
            Happened::ReadEnd => self.conn.handle(now, Input::Eof),
            Happened::Wrote(bytes) => {
                taken = bytes;
                self.on_wrote(bytes);
            }
            Happened::Woken => {}
        }
        if self.conn.deadline().is_some_and(|at| at <= now) {
            self.conn.handle(now, Input::Timeout);
        } else if taken > 0 && !self.peer.has_letters() && self.conn.is_at_rest() {
            // So most deliveries end.
            self.note_sent(now, taken);
            return;
        }
        self.pump(now, taken);
        self.note_visit(VISIT);
    }

    /// It is dropped now, whatever it has come to: the others see it leave at this time, not when it was told something last,
    /// which may be hours ago.
    pub fn let_go(mut self, now: Instant) {
        self.now = now;
    }

    /// Bytes for the network, with all that there is to say. Report what was written with [`Happened::Wrote`].
    pub fn wire(&mut self) -> &[u8] {
        self.seal();
        self.sealed()
    }

    /// Seals all that there is to say, as [`Session::wire`] does. What comes together until then shares a record.
    pub fn seal(&mut self) {
        if self.is_sealing() && !self.batch.is_empty() {
            self.seal_batch();
            self.peer.set_sealed_bytes(self.sealed().len());
        }
    }

    /// How much waits for the network, sealed or about to be.
    pub fn pending_bytes(&self) -> usize {
        self.sealed().len() + self.batch_bytes
    }

    /// Whether to read from the network.
    pub fn wants_read(&self) -> bool {
        self.conn.wants_bytes()
    }

    /// Whether the TLS handshake is over.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Whether the sending side is to be shut once nothing is pending.
    pub fn is_finishing(&self) -> bool {
        self.is_finishing
    }

    /// Why this session is over, once it is: drop the socket, whatever is left to write.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// When to call [`Session::handle`] with [`Happened::Woken`], if nothing else happens first.
    pub fn deadline(&self) -> Option<Instant> {
        self.conn.deadline()
    }

    /// How many of the client's frames were looked at, readable or not.
    pub fn frames(&self) -> u64 {
        self.conn.frames()
    }

    /// This session as others reach it.
    pub fn peer(&self) -> &Arc<Peer<W>> {
        &self.peer
    }

    /// Has it noted that the client is still there, if it has not been for so long.
    fn note_visit(&mut self, after: Duration) {
        let now = self.now;
        self.visit = match (self.conn.grant(), self.visit) {
            (Some(grant), Some((noted, at))) if noted == grant && now.since(at) < after => self.visit,
            (Some(grant), Some((noted, _))) if noted == grant => {
                self.server.desk.visit(grant);
                Some((grant, now))
            }
            // It was noted when the login was granted.
            (Some(grant), _) => Some((grant, now)),
            (None, _) => None,
        };
    }

    fn on_read(&mut self, now: Instant, bytes: &[u8]) {
        // After our own end of the stream nothing is answered, so nothing has to be understood.
        if self.is_broken || self.is_finishing {
            return;
        }
        // If these bytes turn out to be no TLS, nothing can be sealed any more; what was said before them is.
        self.seal_batch();
        // Room for all of it from the start: what grows is copied, and a copy of a password would be left behind.
        let mut plain = Vec::with_capacity(bytes.len());
        let opened = self.transport.open(bytes, &mut plain, &mut self.wire);
        if self.transport.is_secure() && !self.is_secure {
            self.is_secure = true;
            self.conn.handle(now, Input::Secured);
        }
        // Also when the rest was not TLS: what came before it counts, however the stream was cut.
        if !plain.is_empty() {
            self.conn.handle(now, Input::Bytes(&plain));
        }
        if self.conn.phase() == Some(Phase::Auth) {
            plain.zeroize();
        }
        match opened {
            Ok(opened) if opened.peer_closed => self.conn.handle(now, Input::Eof),
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(%error, "not TLS, or not ours");
                self.is_broken = true;
                self.conn.handle(now, Input::Insecure);
            }
        }
    }

    fn on_wrote(&mut self, bytes: usize) {
        self.written += bytes;
        if self.written == self.wire.len() {
            self.written = 0;
            // To allocate anew is little beside a write, and nobody else pays for it: most connections are silent.
            self.wire = Vec::new();
        } else if self.written >= self.wire.len() - self.written {
            // A client that never takes the last byte is not to make us keep all those before it. Moving the smaller
            // half costs each byte one move at most.
            self.wire.drain(..self.written);
            self.written = 0;
        }
    }

    /// Goes round until nothing more follows: mail, then outputs, of which those for the network are gathered in a batch.
    ///
    /// Each round begins with what waits for the network, for that decides whether the connection goes on at all. Mail
    /// comes before the next request: whatever the hub decided before a client asked, the client gets before the answer.
    fn pump(&mut self, now: Instant, mut taken: usize) {
        loop {
            self.note_sent(now, mem::take(&mut taken));
            let mut is_news = self.collect_mail(now);
            is_news |= self.drain_outputs(now);
            self.settle();
            if !self.is_sealing() {
                // It goes to nobody or into the handshake, and waits for no network.
                self.seal_batch();
            }
            if !is_news || self.end.is_some() {
                break;
            }
            // All is taken in, and what came of it waits: nothing can follow but the clock of what waits.
            if !self.peer.has_letters() && self.is_sealing() {
                break;
            }
        }
        self.note_sent(now, 0);
    }

    /// Tells the connection, and who counts for all, what waits for the network.
    fn note_sent(&mut self, now: Instant, taken: usize) {
        let pending = self.pending_bytes();
        self.conn.handle(now, Input::Sent { taken, pending });
        // What is not sealed yet is shared with others, and counted by itself.
        self.peer.set_sealed_bytes(self.sealed().len());
    }

    /// Does what the connection wants done. Whether it wanted anything.
    fn drain_outputs(&mut self, now: Instant) -> bool {
        let mut is_news = false;
        while let Some(output) = self.poll_output() {
            is_news = true;
            match output {
                Output::Frame(frame) => {
                    if let Some(code) = self.conn.refusal() {
                        self.server.counts.refused(code);
                    }
                    self.batch_bytes += frame.len();
                    self.batch.push(frame);
                }
                Output::Ask(ticket, question) => {
                    self.server.desk.ask(now, self.address, &self.peer, ticket, question);
                    // It may have been answered on the spot.
                    self.collect_mail(now);
                }
                Output::Hub(command) => {
                    self.server.exchange.apply(now, &self.peer, command);
                    self.collect_mail(now);
                }
                Output::End(grant) => self.server.desk.end(grant),
                Output::Finish => {
                    self.server.exchange.disconnect(now, &self.peer);
                    self.seal_batch();
                    self.transport.close(&mut self.wire);
                    self.is_finishing = true;
                }
                Output::Close(end) => {
                    self.server.exchange.disconnect(now, &self.peer);
                    self.server.counts.ended(end);
                    self.end = Some(end);
                }
            }
        }
        is_news
    }

    /// Whether what the connection says goes to the wire, and not to nobody or into the handshake.
    fn is_sealing(&self) -> bool {
        self.is_secure && !self.is_broken && !self.is_finishing
    }

    /// Mail may count for more in its mailbox than it is, and then there is room for more of it before the next request.
    fn poll_output(&mut self) -> Option<Output> {
        if self.peer.has_letters() && self.room() > 0 {
            self.conn.poll_queued()
        } else {
            self.conn.poll_output()
        }
    }

    /// Bytes that may still wait for the network before the client is paused.
    fn room(&self) -> usize {
        self.outbox_pause_bytes.saturating_sub(self.pending_bytes())
    }

    /// Takes mail in, as much as may wait for the network at a time; the rest stays in the mailbox, which is bounded.
    fn collect_mail(&mut self, now: Instant) -> bool {
        let mut letters = Letters::new();
        self.peer.collect(self.room(), &mut letters);
        let is_news = !letters.is_empty();
        for letter in letters.drain(..) {
            let input = match letter {
                Letter::Mail(mail) => Input::Mail(mail),
                Letter::Answer(ticket, answer) => Input::Answer(ticket, answer),
                Letter::Overflow => Input::Overflow,
            };
            self.conn.handle(now, input);
        }
        is_news
    }

    /// Has the connection counted for what it has become. One that ends is counted as before, until it is gone.
    fn settle(&mut self) {
        let standing = match self.conn.phase() {
            None => return,
            Some(Phase::Auth) => Standing::Visitor,
            Some(Phase::Lobby | Phase::Chat | Phase::Hall) => Standing::Member,
        };
        if standing != self.pass.standing() {
            self.server.settle(&mut self.pass, standing);
        }
    }

    fn sealed(&self) -> &[u8] {
        &self.wire[self.written..]
    }

    fn seal_batch(&mut self) {
        if !self.batch.is_empty() {
            self.transport.seal(&self.batch, &mut self.wire);
            self.batch.clear();
            self.batch_bytes = 0;
        }
    }
}

/// Whatever made the frontend let go of it, the others see them leave.
impl<W: Wake, T: Transport> Drop for Session<W, T> {
    fn drop(&mut self) {
        self.server.exchange.disconnect(self.now, &self.peer);
        self.note_visit(LAST_VISIT);
        self.peer.set_sealed_bytes(0);
        self.server.leave(self.now, &self.pass);
    }
}

/// How often it is noted that a client is still there: logins last for days.
const VISIT: Duration = Duration::from_secs(24 * 3_600);
/// The last visit is noted unless there was one so lately.
const LAST_VISIT: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests;
