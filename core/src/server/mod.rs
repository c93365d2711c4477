//! One connection, as the server sees it.
//!
//! [`Conn`] turns what a client sends into answers, questions for the account store and commands for the hub, and what
//! comes back from those into frames. Each state has a file of its own: `auth`, `lobby`, `chat`, and `hall` in place of the
//! two for who is in many rooms at once.
//!
//! ```text
//! Handshake ──Secured──► Auth ──LoggedIn──► Lobby ──Entered──► Chat
//!                         ▲ │               │  ▲                 │
//!                         ├────LoggedOut────┘  └──────Left───────┘
//!                         │ └──Overview──► Hall
//!                         └───LoggedOut─────┘
//! any of them ──farewell, violation, end of input──► Lingering ──► Closed
//! ```

mod ask;
mod asked;
mod auth;
mod chat;
mod hall;
mod lobby;
mod logins;
mod past;
mod silence;
mod speech;

use alloc::borrow::Cow;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use crate::bucket::{Bucket, Rate};
use crate::frame::{Decoder, Frame, FrameError, PREFIX_BYTES};
use crate::hub::{Command, Farewell, Mail, Reply};
use crate::limits::{Limits, ms};
use crate::message::hello::{Caps, Registration};
use crate::message::logins::ClientName;
use crate::message::reply::{Code, ERROR, Failure};
use crate::message::request::{Head, Request};
use crate::message::{Envelope, Kind, Rid};
use crate::name::{KeyFn, LookFn};
use crate::phase::Phase;
use crate::time::{Instant, ceil_ms};
use crate::timer::{Timer, Timers};

pub use ask::{Answer, Conversation, Grant, GrantId, Question, Recall, Refusal, Ticket};
use auth::{ACCOUNT_DISABLED, Auth};
use chat::Chat;
use hall::Hall;
use lobby::Lobby;

/// What all connections of a server have in common.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How large, how many, how long.
    pub limits: Limits,
    /// Who may make an account, as a client is told that asks.
    pub registration: Registration,
    /// Whether what is said is kept: by a hub with a history.
    pub history: bool,
    /// Which names count as one.
    pub key_of: KeyFn,
    /// Which names can be taken, and what they look like.
    pub look_of: LookFn,
}

/// What happened to a connection.
pub enum Input<'a> {
    /// The TLS handshake is over.
    Secured,
    /// Plain bytes from the client.
    Bytes(&'a [u8]),
    /// The client sends no more.
    Eof,
    /// What the client sends is not TLS, or not any more.
    Insecure,
    /// The transport took bytes, and keeps some. To be told after each round, also when nothing was written.
    Sent {
        /// Bytes the network took since the last time.
        taken: usize,
        /// Bytes that still wait for the network.
        pending: usize,
    },
    /// What the hub has for this connection, in its order.
    Mail(Mail),
    /// More waits for this connection than may.
    Overflow,
    /// The answer to a question.
    Answer(Ticket, Answer),
    /// [`Conn::deadline`] has come.
    Timeout,
}

/// What a frontend is to do, in the order it comes.
pub enum Output {
    /// Send this.
    Frame(Frame),
    /// Have this answered, and hand the answer to [`Input::Answer`] with the ticket.
    Ask(Ticket, Question),
    /// Apply this to the hub.
    Hub(Command),
    /// Have the account store end this login, for its user has logged out. There is no answer.
    End(GrantId),
    /// Leave the hub, send what is left, then close the sending side; go on reading.
    Finish,
    /// Drop the connection. Always the last output, and given once.
    Close(End),
}

/// Why a connection ended, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The client closed it.
    Closed,
    /// The client did not finish its handshake in time, or spoke no TLS.
    NoHandshake,
    /// The client took nothing of what waited for it for too long.
    Stalled,
    /// The client was asked whether it is there, and said nothing for too long.
    Silent,
    /// More waited for the client than may.
    Overflowed,
    /// The server told it to go, for this reason.
    Dismissed(Code),
}

/// One client's connection, from accepting it to dropping it.
///
/// A connection asks one question at a time, of the account store or of the hub, and reads on when it is answered, so
/// that replies keep the order of requests.
pub struct Conn {
    state: State,
    decoder: Decoder,
    frame_clock: FrameClock,
    bad_frames: u32,
    refusal: Option<Code>,
    cx: Cx,
}

/// What every state may use.
struct Cx {
    rules: Arc<Rules>,
    now: Instant,
    /// Frames that were looked at.
    frames: u64,
    /// What the client asked for and was granted.
    caps: Caps,
    /// What it calls itself.
    client: Option<ClientName>,
    /// The login that lasts which the client has come by.
    grant: Option<GrantId>,
    /// What is to be done next; with a frame that is an error, its code.
    outputs: VecDeque<(Output, Option<Code>)>,
    timers: Timers,
    /// The client was asked whether it is there, and nothing was heard of it since.
    is_pinged: bool,
    /// Bytes emitted or reported as waiting for the network.
    pending_bytes: usize,
    tickets: u64,
    /// The client sends no more.
    is_eof: bool,
    lists: Bucket,
    moves: Bucket,
    histories: Bucket,
    pings: Bucket,
    registrations: Bucket,
    refusals: Bucket,
    /// More was refused of late than may be: nothing further is looked at.
    is_flooding: bool,
    auth_failures: u32,
    /// There were as many as there may be: nothing further is looked at.
    is_guessing: bool,
}

enum State {
    Handshake,
    Auth(Auth),
    Lobby(Lobby),
    Chat(Chat),
    Hall(Hall),
    Lingering(End),
    Closed,
}

/// How long the frame at the front may still take. It stands while the connection does not read.
#[derive(Default)]
struct FrameClock {
    left: Option<Duration>,
}

/// A request whose answer is not known yet.
struct Waiting {
    kind: Kind,
    rid: Option<Rid>,
}

impl Conn {
    /// A connection accepted at `now`, its handshake ahead.
    pub fn new(now: Instant, rules: Arc<Rules>) -> Self {
        let mut timers = Timers::default();
        timers.set(Timer::Handshake, now + ms(rules.limits.handshake_ms_max));
        let cx = Cx {
            rules,
            now,
            frames: 0,
            caps: Caps::default(),
            client: None,
            grant: None,
            outputs: VecDeque::new(),
            timers,
            is_pinged: false,
            pending_bytes: 0,
            tickets: 0,
            is_eof: false,
            lists: Bucket::default(),
            moves: Bucket::default(),
            histories: Bucket::default(),
            pings: Bucket::default(),
            registrations: Bucket::default(),
            refusals: Bucket::default(),
            is_flooding: false,
            auth_failures: 0,
            is_guessing: false,
        };
        Self {
            state: State::Handshake,
            decoder: Decoder::default(),
            frame_clock: FrameClock::default(),
            bad_frames: 0,
            refusal: None,
            cx,
        }
    }

    /// Tells the connection what happened. Drain [`Conn::poll_output`] after each call.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        self.cx.now = now;
        match input {
            Input::Secured => self.on_secured(),
            Input::Bytes(bytes) => self.on_bytes(bytes),
            Input::Eof => self.on_eof(),
            Input::Insecure => self.on_insecure(),
            Input::Sent { taken, pending } => self.on_sent(taken, pending),
            Input::Mail(mail) => self.on_mail(mail),
            Input::Overflow => self.close(End::Overflowed),
            Input::Answer(ticket, answer) => self.on_answer(ticket, answer),
            Input::Timeout => self.on_timeout(),
        }
    }

    /// The next thing to do, or `None` until something happens.
    ///
    /// The next request is looked at only once everything that follows from the last one was taken.
    pub fn poll_output(&mut self) -> Option<Output> {
        loop {
            if let Some(output) = self.poll_queued() {
                return Some(output);
            }
            if !self.step() {
                self.run_frame_clock();
                return None;
            }
        }
    }

    /// The next thing that follows from what was handled already; no request is looked at. For as long as there is
    /// mail that was decided before the next request, and room for it: come back with that mail.
    pub fn poll_queued(&mut self) -> Option<Output> {
        let (output, refusal) = self.cx.outputs.pop_front()?;
        self.refusal = refusal;
        if let Output::Frame(frame) = &output {
            self.cx.pending_bytes += frame.len();
        }
        Some(output)
    }

    /// When to call [`Conn::handle`] with [`Input::Timeout`], if nothing else happens first.
    pub fn deadline(&self) -> Option<Instant> {
        self.cx.timers.next()
    }

    /// Whether to read from the client. While this is `false`, leave its bytes where they are: in the network.
    pub fn wants_bytes(&self) -> bool {
        match self.state {
            State::Handshake | State::Lingering(_) => !self.cx.is_eof,
            State::Auth(_) | State::Lobby(_) | State::Chat(_) | State::Hall(_) => {
                !self.cx.is_eof
                    && !self.is_paused()
                    && self.decoder.buffered() < self.frame_bytes_max() + PREFIX_BYTES
            }
            State::Closed => false,
        }
    }

    /// Whether [`Input::Sent`] can have no consequence but for [`Conn::deadline`]: nothing waits for room on the network,
    /// or for the end. Then [`Conn::poll_output`] need not be asked after it.
    pub fn is_at_rest(&self) -> bool {
        self.phase().is_some()
            && self.cx.outputs.is_empty()
            && self.decoder.buffered() == 0
            && !self.cx.is_eof
            && !self.is_paused()
    }

    /// How many of the client's frames were looked at, readable or not.
    pub fn frames(&self) -> u64 {
        self.cx.frames
    }

    /// The code of the error that [`Conn::poll_output`] gave last, if its frame is one. For whoever counts them.
    pub fn refusal(&self) -> Option<Code> {
        self.refusal
    }

    /// The login that lasts which the client has come by. For whoever notes how long it lasts.
    pub fn grant(&self) -> Option<GrantId> {
        self.cx.grant
    }

    /// How far the client has come; `None` before the handshake and after the end.
    pub fn phase(&self) -> Option<Phase> {
        self.state.phase()
    }

    fn on_secured(&mut self) {
        if matches!(self.state, State::Handshake) {
            self.cx.timers.clear(Timer::Handshake);
            self.state = Auth::enter(&mut self.cx);
        }
    }

    fn on_bytes(&mut self, bytes: &[u8]) {
        if self.phase().is_some() && !bytes.is_empty() {
            self.decoder.extend(bytes);
            self.cx.break_silence();
        }
    }

    fn on_eof(&mut self) {
        self.cx.is_eof = true;
        match self.state {
            State::Handshake => self.close(End::NoHandshake),
            State::Lingering(end) if self.cx.pending_bytes == 0 => self.close(end),
            // Nobody waits for a password to be hashed who has hung up; the job is to be skipped.
            State::Auth(ref auth) if auth.is_asking() => self.finish(End::Closed),
            // What arrived before the end is still looked at, and answered.
            State::Auth(_)
            | State::Lobby(_)
            | State::Chat(_)
            | State::Hall(_)
            | State::Lingering(_)
            | State::Closed => {}
        }
    }

    fn on_insecure(&mut self) {
        match self.state {
            State::Lingering(_) | State::Closed => {}
            State::Handshake | State::Auth(_) | State::Lobby(_) | State::Chat(_) | State::Hall(_) => {
                self.finish(End::NoHandshake)
            }
        }
    }

    fn on_sent(&mut self, taken: usize, pending: usize) {
        if matches!(self.state, State::Closed) {
            return;
        }
        self.cx.pending_bytes = pending;
        if pending == 0 {
            self.cx.timers.clear(Timer::Stall);
        } else if taken > 0 || self.cx.timers.get(Timer::Stall).is_none() {
            self.cx.timers.set(Timer::Stall, self.cx.now + ms(self.cx.rules.limits.outbox_stall_ms_max));
        }
        if let State::Lingering(end) = self.state
            && pending == 0
            && self.cx.is_eof
        {
            self.close(end);
        }
    }

    fn on_mail(&mut self, mail: Mail) {
        match mail {
            Mail::Farewell(farewell) => self.on_farewell(farewell),
            Mail::Reply(reply) => self.on_reply(reply),
            Mail::Refused(refused) => {
                if let State::Chat(_) | State::Hall(_) = self.state {
                    let (rid, denial) = *refused;
                    self.cx.fail(Kind::Msg.as_str(), &lobby::failure(denial), rid.as_ref());
                }
            }
            Mail::Frame(frame) | Mail::List(frame) => {
                if self.phase().is_some() {
                    self.cx.push(Output::Frame(frame));
                }
            }
            Mail::Whisper(whisper) => match &self.state {
                State::Chat(chat) => chat.on_whisper(&whisper, &mut self.cx),
                State::Hall(hall) => hall.on_whisper(&whisper, &mut self.cx),
                // There an original window shows none.
                State::Handshake | State::Auth(_) | State::Lobby(_) | State::Lingering(_) | State::Closed => {
                }
            },
            Mail::Joined(place) => {
                if let State::Hall(hall) = &mut self.state {
                    let (key, standing) = &*place;
                    hall.on_joined(key.clone(), standing, &mut self.cx);
                }
            }
            Mail::Read(room, seq) => {
                if let State::Hall(_) = &self.state {
                    Hall::on_read(&room, seq, &mut self.cx);
                }
            }
            Mail::Tied(user, tie) => {
                if let State::Hall(_) = &self.state {
                    Hall::on_tied(&user, tie, &mut self.cx);
                }
            }
            Mail::Here(here) => {
                if let State::Hall(_) = &self.state {
                    Hall::on_here(&here, &mut self.cx);
                }
            }
            Mail::Parted(key, room) => {
                if let State::Hall(hall) = &mut self.state {
                    hall.on_parted(&key, &room, &mut self.cx);
                }
            }
        }
    }

    fn on_farewell(&mut self, farewell: Farewell) {
        let (code, message) = match farewell {
            Farewell::Replaced => (Code::Replaced, "You logged in somewhere else, this connection ends here"),
            Farewell::ShuttingDown => (Code::ShuttingDown, "The server is shutting down"),
            Farewell::Disabled => (Code::AccountDisabled, ACCOUNT_DISABLED),
            Farewell::Ended => (Code::SessionEnded, "This login has ended, log in with your password again"),
            Farewell::Crowded => (Code::Busy, "Too many wait without logging in, please connect again"),
        };
        self.dismiss(Failure::new(code, message));
    }

    fn on_reply(&mut self, reply: Reply) {
        self.state = match mem::replace(&mut self.state, State::Closed) {
            State::Auth(auth) => auth.on_reply(reply, &mut self.cx),
            State::Lobby(lobby) => lobby.on_reply(reply, &mut self.cx),
            State::Chat(chat) => chat.on_reply(reply, &mut self.cx),
            State::Hall(hall) => hall.on_reply(reply, &mut self.cx),
            state @ (State::Handshake | State::Lingering(_) | State::Closed) => state,
        };
    }

    fn on_answer(&mut self, ticket: Ticket, answer: Answer) {
        self.state = match mem::replace(&mut self.state, State::Closed) {
            State::Auth(auth) => auth.on_answer(ticket, answer, &mut self.cx),
            State::Lobby(lobby) => lobby.on_answer(ticket, answer, &mut self.cx),
            State::Chat(chat) => chat.on_answer(ticket, answer, &mut self.cx),
            State::Hall(hall) => hall.on_answer(ticket, answer, &mut self.cx),
            // Asked by a connection that has been told to go since.
            state => state,
        };
    }

    fn on_timeout(&mut self) {
        while let Some(timer) = self.cx.timers.expire(self.cx.now) {
            match timer {
                Timer::Handshake => self.close(End::NoHandshake),
                Timer::Login => {
                    self.dismiss(Failure::new(
                        Code::LoginTimeout,
                        "Nobody logged in for too long, please connect again",
                    ));
                }
                Timer::Frame => {
                    self.dismiss(Failure::new(
                        Code::FrameTimeout,
                        "A frame was begun and not finished in time",
                    ));
                }
                // The next request may be looked at.
                Timer::Pace => {}
                Timer::Stall => self.close(End::Stalled),
                Timer::Silence => self.on_silence(),
                Timer::Linger => {
                    if let State::Lingering(end) = self.state {
                        self.close(end);
                    }
                }
            }
        }
    }

    /// Looks at the next request, if there is one and nothing is owed to the last. Whether anything happened.
    fn step(&mut self) -> bool {
        if mem::take(&mut self.cx.is_flooding) {
            let message = "Too many requests were refused, please slow down and connect again";
            self.dismiss(Failure::new(Code::Flooding, message));
            return true;
        }
        if mem::take(&mut self.cx.is_guessing) {
            let message = "Too many failed logins on this connection, it ends here";
            self.dismiss(Failure::new(Code::AuthThrottled, message));
            return true;
        }
        if !self.is_ready() || self.is_paused() {
            return false;
        }
        let bytes_max = self.frame_bytes_max();
        let holds_secret = matches!(self.state, State::Auth(_));
        match self.decoder.decode(bytes_max) {
            Ok(Some(frame)) => {
                self.cx.frames += 1;
                self.frame_clock.stop(&mut self.cx);
                match Envelope::decode(frame) {
                    Ok(envelope) => {
                        let state = mem::replace(&mut self.state, State::Closed);
                        self.state = state.on_envelope(&envelope, &mut self.cx);
                    }
                    Err(unreadable) => {
                        self.bad_frames += 1;
                        self.cx.fail(ERROR, &Failure::new(Code::BadFrame, unreadable.0), None);
                    }
                }
                if holds_secret {
                    self.decoder.wipe_decoded();
                }
                if self.bad_frames >= self.cx.rules.limits.bad_frames_max {
                    self.finish(End::Dismissed(Code::BadFrame));
                }
                true
            }
            Ok(None) if self.cx.is_eof => {
                self.finish(End::Closed);
                true
            }
            Ok(None) => false,
            Err(error) => {
                let code = match error {
                    FrameError::Empty => Code::FrameEmpty,
                    FrameError::TooLarge { .. } => Code::FrameTooLarge,
                };
                self.dismiss(Failure::new(code, alloc::format!("{error}")));
                true
            }
        }
    }

    /// The clock of the frame at the front runs while the rest of it could arrive, and stands otherwise.
    fn run_frame_clock(&mut self) {
        let is_reading = self.is_ready() && !self.is_paused() && !self.cx.is_eof;
        if is_reading && self.decoder.buffered() > 0 {
            self.frame_clock.run(&mut self.cx);
        } else {
            self.frame_clock.pause(&mut self.cx);
        }
    }

    /// Tells the client why it must go, and lets it go.
    fn dismiss(&mut self, failure: Failure) {
        match self.state {
            State::Auth(_) | State::Lobby(_) | State::Chat(_) | State::Hall(_) => {
                self.cx.fail(ERROR, &failure, None);
                self.finish(End::Dismissed(failure.code));
            }
            State::Handshake => self.close(End::Dismissed(failure.code)),
            State::Lingering(_) | State::Closed => {}
        }
    }

    /// Ends the sending side; what the client still sends is discarded for a while, so that what was sent last arrives.
    fn finish(&mut self, end: End) {
        self.cx.timers.clear_all();
        self.cx.timers.set(Timer::Linger, self.cx.now + ms(self.cx.rules.limits.linger_ms_max));
        self.cx.push(Output::Finish);
        self.state = State::Lingering(end);
        self.decoder = Decoder::default();
    }

    fn close(&mut self, end: End) {
        if matches!(self.state, State::Closed) {
            return;
        }
        self.cx.timers.clear_all();
        self.cx.push(Output::Close(end));
        self.state = State::Closed;
        self.decoder = Decoder::default();
    }

    /// Whether a request could be looked at: the client is there, and none is being answered.
    fn is_ready(&self) -> bool {
        let is_idle = match &self.state {
            State::Auth(auth) => auth.is_ready(),
            State::Lobby(lobby) => lobby.is_ready(),
            State::Chat(chat) => chat.is_ready(),
            State::Hall(hall) => hall.is_ready(),
            State::Handshake | State::Lingering(_) | State::Closed => false,
        };
        is_idle && self.cx.timers.get(Timer::Pace).is_none()
    }

    /// Whether so much waits for the client that it is not listened to until it has taken some.
    fn is_paused(&self) -> bool {
        self.cx.pending_bytes >= self.cx.rules.limits.outbox_pause_bytes
    }

    fn frame_bytes_max(&self) -> usize {
        let limits = &self.cx.rules.limits;
        match self.state {
            State::Lobby(_) | State::Chat(_) | State::Hall(_) => limits.frame_bytes_max,
            State::Handshake | State::Auth(_) | State::Lingering(_) | State::Closed => {
                limits.frame_before_login_bytes_max
            }
        }
    }
}

impl State {
    /// Lets the state answer a request, if it is one and allowed here.
    fn on_envelope(self, envelope: &Envelope<'_>, cx: &mut Cx) -> Self {
        // What was not granted does not exist.
        let caps = cx.caps;
        let exists = |kind: &Kind| match kind {
            Kind::Resume => caps.resume,
            Kind::History => caps.history,
            Kind::Ping | Kind::Pong => caps.ping,
            Kind::Rooms | Kind::Roster | Kind::Read => caps.multi,
            Kind::Friend => caps.friends,
            Kind::Presence => caps.presence,
            Kind::Logins => caps.logins,
            _ => true,
        };
        let Head { kind, rid } = match Head::decode(envelope) {
            Ok(head) => head,
            Err((head, unfit)) => {
                let answer_type = head.kind.filter(exists).map_or(ERROR, |kind| self.answer_type(kind));
                cx.fail(answer_type, &Failure::new(Code::BadRequest, unfit.0), head.rid.as_ref());
                return self;
            }
        };
        let Some(kind) = kind.filter(exists) else {
            cx.fail(
                ERROR,
                &Failure::new(Code::UnknownType, "There is no request of that type"),
                rid.as_ref(),
            );
            return self;
        };
        if let Some(phase) = self.phase()
            && (!phase.allows(kind) || (kind == Kind::Hello && cx.frames > 1))
        {
            let failure = Failure::new(Code::WrongState, phase.refusal(kind));
            cx.fail(self.answer_type(kind), &failure, rid.as_ref());
            return self;
        }
        match Request::decode(kind, envelope, cx.caps) {
            Ok(request) => self.on_request(request, Waiting { kind, rid }, cx),
            Err(unfit) => {
                cx.fail(self.answer_type(kind), &Failure::new(Code::BadRequest, unfit.0), rid.as_ref());
                self
            }
        }
    }

    fn phase(&self) -> Option<Phase> {
        match self {
            Self::Auth(_) => Some(Phase::Auth),
            Self::Lobby(_) => Some(Phase::Lobby),
            Self::Chat(_) => Some(Phase::Chat),
            Self::Hall(_) => Some(Phase::Hall),
            Self::Handshake | Self::Lingering(_) | Self::Closed => None,
        }
    }

    /// The `type` of an answer to a request of this kind. In a room a `list` would stop an original window for good.
    fn answer_type(&self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::Chat(_), Kind::List) => crate::message::reply::LIST_ROOM,
            _ => kind.as_str(),
        }
    }

    fn on_request(self, request: Request, waiting: Waiting, cx: &mut Cx) -> Self {
        if matches!(request, Request::Ping | Request::Pong) {
            cx.on_sign_of_life(&waiting);
            return self;
        }
        match self {
            Self::Auth(auth) => auth.on_request(request, waiting, cx),
            Self::Lobby(lobby) => lobby.on_request(request, waiting, cx),
            Self::Chat(chat) => chat.on_request(request, waiting, cx),
            Self::Hall(hall) => hall.on_request(request, waiting, cx),
            state @ (Self::Handshake | Self::Lingering(_) | Self::Closed) => state,
        }
    }
}

impl Cx {
    fn push(&mut self, output: Output) {
        self.outputs.push_back((output, None));
    }

    fn send(&mut self, frame: Frame) {
        self.push(Output::Frame(frame));
    }

    fn send_all(&mut self, frames: Vec<Frame>) {
        frames.into_iter().for_each(|frame| self.send(frame));
    }

    fn fail(&mut self, kind: &'static str, failure: &Failure, rid: Option<&Rid>) {
        self.outputs.push_back((Output::Frame(failure.encode(kind, rid)), Some(failure.code)));
        self.count_refusal();
    }

    /// Who is refused again and again does not listen, and is not to be answered for ever.
    fn count_refusal(&mut self) {
        let limits = &self.rules.limits;
        let (max, window) = (limits.refusals_max, ms(limits.refusals_window_ms));
        // The last of them ends the connection.
        let rate = Rate::new(max, window, max.saturating_sub(1));
        self.is_flooding |= self.refusals.take(self.now, rate).is_err();
    }

    /// Answers a request with no.
    fn refuse(&mut self, waiting: &Waiting, code: Code, message: impl Into<Cow<'static, str>>) {
        self.fail(waiting.kind.as_str(), &Failure::new(code, message), waiting.rid.as_ref());
    }

    fn ask(&mut self, question: Question) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.push(Output::Ask(ticket, question));
        ticket
    }

    fn command(&mut self, command: Command) {
        self.push(Output::Hub(command));
    }

    /// Moves to or from a room. Each costs a list, so who does it without end is answered more slowly, not refused.
    fn move_by(&mut self, command: Command) {
        let limits = &self.rules.limits;
        let rate = Rate::per_second(limits.move_rate, limits.move_burst);
        // One that comes too early is let through, and what comes after it waits.
        if let Err(wait) = self.moves.take(self.now, rate) {
            self.timers.set(Timer::Pace, self.now + wait);
        }
        self.command(command);
    }

    /// Who guesses has to connect anew each time, which costs a handshake and is counted by address.
    fn count_auth_failure(&mut self) {
        self.auth_failures = self.auth_failures.saturating_add(1);
        self.is_guessing = self.auth_failures == self.rules.limits.auth_connection_failures_max;
    }

    /// Whether this connection may ask for a list now; if not, the request is answered with `answer_type`.
    fn may_list(&mut self, answer_type: &'static str, waiting: &Waiting) -> bool {
        let rate = Rate::per_second(self.rules.limits.list_rate, self.rules.limits.list_burst);
        let taken = self.lists.take(self.now, rate);
        self.is_in_time(taken, answer_type, "You ask for lists too often", waiting)
    }

    /// Whether a request does not come too soon after others of its kind, as what was `taken` for it says; if it does, it is
    /// answered with `answer_type`.
    fn is_in_time(
        &mut self,
        taken: Result<(), Duration>,
        answer_type: &'static str,
        message: &'static str,
        waiting: &Waiting,
    ) -> bool {
        let Err(wait) = taken else { return true };
        let failure = Failure::for_now(Code::RateLimited, message, ceil_ms(wait));
        self.fail(answer_type, &failure, waiting.rid.as_ref());
        false
    }
}

impl FrameClock {
    fn run(&mut self, cx: &mut Cx) {
        if cx.timers.get(Timer::Frame).is_none() {
            let left = self.left.unwrap_or(ms(cx.rules.limits.frame_ms_max));
            cx.timers.set(Timer::Frame, cx.now + left);
        }
    }

    fn pause(&mut self, cx: &mut Cx) {
        if let Some(at) = cx.timers.clear(Timer::Frame) {
            self.left = Some(at.since(cx.now));
        }
    }

    fn stop(&mut self, cx: &mut Cx) {
        cx.timers.clear(Timer::Frame);
        self.left = None;
    }
}

#[cfg(test)]
mod tests;
