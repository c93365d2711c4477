//! A connection, the server's side of it.

mod disk;
mod place;
mod rids;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chatroom_core::Instant;
use chatroom_core::frame::Frame;
use chatroom_core::hub::{
    Append, Command, ConnId, Deliveries, Farewell, Hub, Mail, Mailbox, Memory, Outcome, Post, Reply, Whisper,
};
use chatroom_core::limits::Limits;
use chatroom_core::message::Text;
use chatroom_core::message::hello::{Caps, Registration};
use chatroom_core::message::history::{Page, Past};
use chatroom_core::message::logins::Login;
use chatroom_core::message::presence::PresenceState;
use chatroom_core::message::push::Posted;
use chatroom_core::name::{Account, NameKey, RoomName, UserName};
use chatroom_core::secret::Token;
use chatroom_core::server::{Answer, Conn, Grant, GrantId, Input, Output, Question, Refusal, Rules, Ticket};
use server_common::keys::{name_key, name_look};

use super::script::{Line, lines, op};
use crate::transcript::frame;
use disk::Disk;
use place::Place;
use rids::Rids;

/// Whatever bytes, timeouts, answers and notices come in whatever order: `Close` is last and comes once, nothing reaches
/// the hub before a login, one question at most is open, what waits for the client is bounded, deadlines are kept,
/// answers keep the order of requests, nothing is told that was not granted, and an original client survives what it is
/// told.
///
/// The first line says by a `k` that what is said is kept. Each further one is a letter and what it is about, as
/// `Bench::run` lists them.
pub fn server_conn(data: &[u8]) {
    let mut bench = Bench::new(data.starts_with(b"k\n"));
    for line in lines(data) {
        bench.run(line);
    }
    bench.end();
}

/// A connection, a hub with somebody else in it, and what is known of the connection from outside.
struct Bench {
    now: Instant,
    conn: Conn,
    hub: Hub,
    /// What is said is kept there.
    is_kept: bool,
    disk: Disk,
    /// This connection, and somebody else who is in the room `example`, and is granted all there is.
    own: ConnId,
    bob: ConnId,
    is_bob_in_room: bool,
    is_bob_waiting: bool,
    /// The logins that last, but for the one that this connection may have come by.
    logins: Vec<GrantId>,
    deliveries: Deliveries,
    mailbox: Mailbox,
    /// What the client has sent and the server has not read.
    network: VecDeque<u8>,
    /// The client sends no more; the server has been told.
    is_ended: bool,
    is_eof: bool,
    asked: Option<(Ticket, Question)>,
    /// A ticket that was answered already.
    stale: Option<Ticket>,
    /// The hub was given a command, and its reply has not been handed over.
    awaits_reply: bool,
    who: Who,
    /// When the connection was accepted, secured, logged out or told to go: a limit runs from then.
    since: Instant,
    is_secured: bool,
    place: Place,
    rids: Rids,
    /// Bytes that the network has not taken.
    waiting: usize,
    stage: Stage,
}

/// Who sits at the other end, as the hub knows it.
enum Who {
    Nobody,
    /// The password was right.
    Proved(Account),
    /// The hub was told.
    Joining,
    Member,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Finished,
    Closed,
}

impl Bench {
    fn new(is_kept: bool) -> Self {
        let now = Instant::default();
        let room = example().1;
        let mut hub = Hub::new(now, limits(), name_key, name_look, &[room]);
        if is_kept {
            hub = hub.with_history(now, Memory::default());
        }
        let mut deliveries = Deliveries::new();
        let bob = hub.connect(&mut deliveries).expect("there is room for two");
        let own = hub.connect(&mut deliveries).expect("there is room for two");
        let rules = Arc::new(Rules {
            limits: limits(),
            registration: Registration::Open,
            history: is_kept,
            key_of: name_key,
            look_of: name_look,
        });
        let mut bench = Self {
            now,
            conn: Conn::new(now, rules),
            hub,
            is_kept,
            disk: Disk::default(),
            own,
            bob,
            is_bob_in_room: true,
            is_bob_waiting: false,
            logins: vec![GrantId(2), GrantId(3)],
            deliveries,
            mailbox: Mailbox::new(limits().outbox_bytes_max),
            network: VecDeque::new(),
            is_ended: false,
            is_eof: false,
            asked: None,
            stale: None,
            awaits_reply: false,
            who: Who::Nobody,
            since: now,
            is_secured: false,
            place: Place::default(),
            rids: Rids::new(is_kept),
            waiting: 0,
            stage: Stage::Open,
        };
        let (key, room) = example();
        bench.apply_as_bob(Command::Login(account("bob"), bench.caps_of_others(), None));
        bench.apply_as_bob(if is_kept { Command::Join(key, room) } else { Command::Enter(key, room) });
        bench.write(None);
        bench.deliveries.clear();
        bench.is_bob_waiting = false;
        bench
    }

    fn run(&mut self, line: Line<'_>) {
        match line.verb {
            b'S' => self.secure(),
            // The client sends a frame; any bytes; nothing more.
            b'j' => self.send(&frame(line.rest)),
            b'b' => self.send(&line.bytes()),
            b'e' => self.is_ended = true,
            b'i' => self.handle(Input::Insecure),
            // The network takes so many bytes.
            b's' => self.take(line.count()),
            // Time passes, with somebody who looks at the clock and with nobody.
            b'w' => self.wait(line.milliseconds()),
            b'l' => self.now = self.now + line.milliseconds(),
            b't' => self.handle(Input::Timeout),
            // The store says yes, no, or something that nobody asks any more.
            b'y' => self.answer(None),
            b'n' => self.answer(Some(REFUSALS[line.count() % REFUSALS.len()])),
            b'z' => {
                if let Some(ticket) = self.stale {
                    self.handle(Input::Answer(ticket, Answer::Verified(account("eve"))));
                }
            }
            // Mail is handed over, one piece or all that may wait for the network.
            b'm' => self.deliver(1),
            b'M' => self.deliver(usize::MAX),
            b'o' => self.handle(Input::Overflow),
            // The disk has made durable all that is to be, or none of it.
            b'T' => self.write(None),
            b'N' => self.write(Some(&FAILURES[line.count() % FAILURES.len()])),
            b'B' => self.bob(&line),
            _ => {}
        }
        self.feed();
        self.handle(Input::Sent { taken: 0, pending: self.waiting });
        self.sort_mail();
        self.check();
    }

    /// The client goes, and everything is attended to that is left: the connection closes, and leaves nothing behind.
    fn end(&mut self) {
        self.is_ended = true;
        self.secure();
        for _ in 0..ROUNDS_MAX {
            self.answer(None);
            self.take(usize::MAX);
            self.feed();
            self.write(None);
            self.sort_mail();
            self.deliver(usize::MAX);
            let is_quiet = self.asked.is_none() && self.mailbox.bytes() == 0 && self.waiting == 0;
            match self.conn.deadline().filter(|_| is_quiet) {
                Some(at) => self.wait(at.since(self.now)),
                None if self.stage == Stage::Closed => break,
                None => {}
            }
        }
        assert!(self.stage == Stage::Closed, "a connection stays whose client is gone");
        self.hub.disconnect(self.now, self.bob);
        assert_eq!((self.hub.connections(), self.hub.users()), (0, 0), "the hub is empty");
    }

    // What happens.

    fn secure(&mut self) {
        if !self.is_secured && self.stage == Stage::Open {
            (self.is_secured, self.since) = (true, self.now);
        }
        self.handle(Input::Secured);
    }

    fn send(&mut self, bytes: &[u8]) {
        if !self.is_ended {
            self.network.extend(bytes);
            self.rids.sent(bytes);
        }
    }

    /// The server reads while it wants to.
    fn feed(&mut self) {
        while self.is_secured && !self.network.is_empty() && self.conn.wants_bytes() {
            let bytes: Vec<u8> = self.network.drain(..self.network.len().min(READ_BYTES)).collect();
            self.handle(Input::Bytes(&bytes));
        }
        if self.is_ended && self.network.is_empty() && !self.is_eof {
            self.is_eof = true;
            self.handle(Input::Eof);
        }
    }

    fn take(&mut self, bytes: usize) {
        let taken = bytes.min(self.waiting);
        self.waiting -= taken;
        self.handle(Input::Sent { taken, pending: self.waiting });
    }

    fn wait(&mut self, duration: Duration) {
        let until = self.now + duration;
        let mut idle = 0;
        while let Some(at) = self.conn.deadline().filter(|at| *at <= until) {
            // A deadline that stays is a loop without end, and a core at work for nothing.
            idle = if at > self.now { 0 } else { idle + 1 };
            assert!(idle < TIMEOUTS_AT_ONCE_MAX, "a timeout changes nothing");
            self.now = self.now.max(at);
            self.handle(Input::Timeout);
            self.handle(Input::Sent { taken: 0, pending: self.waiting });
            self.feed();
        }
        self.now = until;
    }

    fn answer(&mut self, refusal: Option<Refusal>) {
        let Some((ticket, question)) = self.asked.take() else { return };
        self.stale = Some(ticket);
        let answer = match (refusal, question) {
            (Some(refusal), _) => Answer::Refused(refusal),
            (None, Question::Register { account, .. }) => Answer::Registered(account),
            (None, Question::Verify { account, lasts, .. }) => {
                if self.stage == Stage::Open {
                    self.who = Who::Proved(account.clone());
                }
                if lasts { Answer::Granted(account, grant()) } else { Answer::Verified(account) }
            }
            (None, Question::Resume { .. }) => {
                let account = account("ann");
                if self.stage == Stage::Open {
                    self.who = Who::Proved(account.clone());
                }
                Answer::Granted(account, grant())
            }
            (None, Question::History(_)) => Answer::Told(page()),
            (None, Question::Logins { own, end, .. }) => {
                let before = self.logins.len();
                self.logins.retain(|id| Some(*id) != end);
                match end.is_none() || self.logins.len() < before {
                    true => Answer::Logins(
                        self.logins.iter().copied().chain(own).map(|id| login(id, own)).collect(),
                    ),
                    false => Answer::Refused(Refusal::NoSuchLogin),
                }
            }
            (None, Question::Decoy) => Answer::Refused(Refusal::AuthFailed),
        };
        self.handle(Input::Answer(ticket, answer));
    }

    fn deliver(&mut self, pieces: usize) {
        for _ in 0..pieces {
            // As servers do: what does not fit into the outbox stays in the mailbox.
            let is_full = self.waiting >= limits().outbox_pause_bytes && !self.mailbox.has_farewell();
            let Some(mail) = (!is_full).then(|| self.mailbox.pop()).flatten() else { return };
            if let Mail::Reply(reply) = &mail {
                self.awaits_reply = false;
                match reply {
                    Reply::LoggedIn(_) | Reply::Overview(_) => self.who = Who::Member,
                    Reply::LoggedOut => (self.who, self.since) = (Who::Nobody, self.now),
                    _ => {}
                }
            }
            self.handle(Input::Mail(mail));
            self.handle(Input::Sent { taken: 0, pending: self.waiting });
            self.sort_mail();
        }
    }

    /// Makes what is to be durable so, or none of it, for that reason.
    fn write(&mut self, failure: Option<&Outcome>) {
        let mut group: Vec<Append> = vec![];
        self.hub.take_appends(usize::MAX, &mut group);
        let disk = &mut self.disk;
        let settled = group.into_iter().map(|append| {
            let outcome = failure.cloned().unwrap_or_else(|| disk.write(append.entry()));
            append.settle(outcome)
        });
        let settled = settled.collect();
        self.hub.settle(self.now, settled, &mut self.deliveries);
    }

    /// Somebody else does something that this connection may hear of.
    fn bob(&mut self, line: &Line<'_>) {
        let Some((verb, rest)) = line.rest.split_first() else { return };
        let name = |rest: &[u8]| user_name(&String::from_utf8_lossy(rest));
        let command = match verb {
            // Somebody logs in elsewhere, and perhaps ends a login; the name is as good as any.
            b'l' => return self.log_in_elsewhere(name(rest), None),
            b'g' => return self.log_in_elsewhere(name(rest), Some(grant().id)),
            // Whoever runs the server stops it, ends a login, or shuts somebody out.
            b'd' => return self.hub.shut_down(&mut self.deliveries),
            b'G' => return self.hub.end_logins(self.now, &[grant().id], &mut self.deliveries),
            b'k' => {
                let Some(name) = name(rest) else { return };
                let key = NameKey::new(name_key, name.as_str());
                return self.hub.dismiss(self.now, &key, Farewell::Disabled, &mut self.deliveries);
            }
            // His own connection would ask nothing before it has its answer, and let him speak nowhere else.
            _ if self.is_bob_waiting => return,
            b's' | b'p' if !self.is_bob_in_room => return,
            b's' => self.bob_says(None),
            b'p' => self.bob_says(Some(name(rest).unwrap_or_else(|| account("Ann").name))),
            b'x' | b'e' => {
                self.is_bob_in_room = *verb == b'e';
                let (key, room) = example();
                match (self.is_bob_in_room, self.is_kept) {
                    (true, true) => Command::Join(key, room),
                    (true, false) => Command::Enter(key, room),
                    (false, true) => Command::Part(key, room),
                    (false, false) => Command::Exit,
                }
            }
            b'f' if self.is_kept => {
                let Some((op, rest)) =
                    rest.split_first().and_then(|(letter, rest)| Some((op(*letter)?, rest)))
                else {
                    return;
                };
                let name = name(rest).unwrap_or_else(|| account("Ann").name);
                Command::Tie(op, NameKey::new(name_key, name.as_str()), name)
            }
            b'o' if self.is_kept => Command::Present(STATES[line.count() % STATES.len()], None),
            _ => return,
        };
        self.apply_as_bob(command);
    }

    fn bob_says(&self, to: Option<UserName>) -> Command {
        let psst = Text::try_from("psst").expect("a text");
        let keyed = |name: UserName| (NameKey::new(name_key, name.as_str()), name);
        match (to.map(keyed), self.is_kept) {
            (to, true) => {
                let (plain, room) = match &to {
                    Some(_) => (None, None),
                    None => (Some(frame(SAID).into()), Some(example())),
                };
                Command::Post(Box::new(Post { to, room, text: psst, plain, cid: None, rid: None }))
            }
            (None, false) => Command::Say(frame(SAID).into()),
            (Some((key, to)), false) => {
                Command::Whisper(key, to, Arc::new(Whisper::new(account("bob").name, psst)))
            }
        }
    }

    fn apply_as_bob(&mut self, command: Command) {
        self.is_bob_waiting = true;
        self.hub.apply(self.now, self.bob, command, &mut self.deliveries);
    }

    /// What others are granted: all that there is.
    fn caps_of_others(&self) -> Caps {
        if self.is_kept { Caps::ALL } else { Caps::default() }
    }

    fn log_in_elsewhere(&mut self, name: Option<UserName>, ends: Option<GrantId>) {
        let Some(Ok(account)) = name.map(|name| Account::new(name_key, name)) else { return };
        let Ok(other) = self.hub.connect(&mut self.deliveries) else { return };
        let login = Command::Login(account, self.caps_of_others(), Some(GrantId(2)));
        self.hub.apply(self.now, other, login, &mut self.deliveries);
        if let Some(login) = ends {
            let end = Command::EndLogin { login, was_there: true };
            self.hub.apply(self.now, other, end, &mut self.deliveries);
        }
        self.sort_mail();
        self.hub.disconnect(self.now, other);
    }

    /// Puts what is for this connection into its mailbox, the lists that are due too.
    fn sort_mail(&mut self) {
        loop {
            let was_overflowed = self.mailbox.is_overflowed();
            for (to, mail) in std::mem::take(&mut self.deliveries) {
                self.is_bob_waiting &= to != self.bob || !matches!(mail, Mail::Reply(_));
                if to == self.own && self.stage == Stage::Open {
                    self.mailbox.push(mail);
                }
            }
            if self.mailbox.is_overflowed() && !was_overflowed {
                self.handle(Input::Overflow);
            }
            let Some(bulletin) = self.hub.poll_bulletin(self.now) else { return };
            let print = bulletin.encode(limits().list_bytes_max);
            self.hub.publish(self.now, print, &mut self.deliveries);
        }
    }

    // What follows, and what must not.

    fn handle(&mut self, input: Input<'_>) {
        self.conn.handle(self.now, input);
        while let Some(output) = self.conn.poll_output() {
            assert!(self.stage != Stage::Closed, "Close is the last output, and comes once");
            match output {
                Output::Frame(frame) => self.on_frame(&frame),
                Output::Ask(ticket, question) => {
                    self.check_idle();
                    match &question {
                        Question::Logins { own, end, .. } => {
                            assert!(matches!(self.who, Who::Member), "nobody's logins are asked for");
                            assert!(end.is_none() || own != end, "one's own login ends by logging out");
                        }
                        Question::History(_) => {
                            assert!(self.is_kept, "nothing is kept here");
                            assert!(matches!(self.who, Who::Member), "nobody wants to read");
                        }
                        Question::Register { .. }
                        | Question::Verify { .. }
                        | Question::Resume { .. }
                        | Question::Decoy => {
                            assert!(matches!(self.who, Who::Nobody), "who is logged in has nothing to prove")
                        }
                    }
                    self.asked = Some((ticket, question));
                }
                Output::Hub(command) => self.on_command(command),
                Output::End(_) => assert!(self.stage == Stage::Open, "who logs out is there"),
                Output::Finish => {
                    assert!(self.stage == Stage::Open, "Finish comes once");
                    (self.stage, self.since) = (Stage::Finished, self.now);
                    self.hub.disconnect(self.now, self.own);
                }
                Output::Close(_) => {
                    self.stage = Stage::Closed;
                    self.hub.disconnect(self.now, self.own);
                }
            }
        }
    }

    fn on_frame(&mut self, frame: &Frame) {
        assert!(
            self.stage == Stage::Open && self.is_secured,
            "nothing is said before the handshake or after the end"
        );
        self.place.hear(frame);
        self.rids.answered(frame);
        self.waiting += frame.len();
        assert!(self.waiting <= limits().outbox_pause_bytes + ONE_MORE_BYTES, "{} bytes wait", self.waiting);
    }

    fn on_command(&mut self, command: Command) {
        self.check_idle();
        match (&self.who, &command) {
            (Who::Proved(proved), Command::Login(account, ..)) => {
                assert_eq!(proved, account, "who has proved to be one is not logged in as another");
                self.who = Who::Joining;
            }
            (Who::Member, command) => assert!(!matches!(command, Command::Login(..)), "a second login"),
            (Who::Nobody | Who::Proved(_) | Who::Joining, _) => panic!("a command of nobody reaches the hub"),
        }
        self.awaits_reply = !matches!(command, Command::EndLogin { .. });
        self.hub.apply(self.now, self.own, command, &mut self.deliveries);
    }

    fn check_idle(&self) {
        assert!(self.stage == Stage::Open, "a question of a connection that has ended");
        assert!(self.asked.is_none() && !self.awaits_reply, "two questions are open");
    }

    fn check(&self) {
        let limits = limits();
        if self.stage == Stage::Closed {
            assert_eq!(
                (self.conn.deadline(), self.conn.phase(), self.conn.wants_bytes()),
                (None, None, false)
            );
            return;
        }
        let ms_max = match (self.stage, &self.who) {
            (Stage::Finished, _) => limits.linger_ms_max,
            (_, _) if !self.is_secured => limits.handshake_ms_max,
            (_, Who::Nobody | Who::Proved(_) | Who::Joining) => limits.login_ms_max,
            (_, Who::Member) => return,
        };
        let limit_at = self.since + Duration::from_millis(ms_max);
        assert!(self.conn.deadline().is_some_and(|at| at <= limit_at), "a limit of {ms_max} ms is not kept");
    }
}

/// Small enough that a story reaches them.
fn limits() -> Limits {
    Limits {
        frame_before_login_bytes_max: 1024,
        frame_bytes_max: 4096,
        list_bytes_max: 1024,
        outbox_bytes_max: 8192,
        outbox_pause_bytes: 2048,
        rooms_max: 5,
        room_idle_ms_min: 1000,
        rooms_created_per_hour_max: 6,
        message_burst: 5,
        list_burst: 4,
        move_rate: 1,
        move_burst: 3,
        register_per_minute: 30,
        register_burst: 2,
        ..Limits::default()
    }
}

fn user_name(text: &str) -> Option<UserName> {
    UserName::parse(text).ok()
}

fn account(name: &str) -> Account {
    Account::new(name_key, user_name(name).expect("a name")).expect("nobody reserved it")
}

fn example() -> (NameKey, RoomName) {
    (NameKey::new(name_key, "example"), RoomName::parse("example").expect("a name"))
}

/// Somebody has said something.
fn page() -> Page {
    let mut page = Page::default();
    let (from, text) = (account("bob").name, Text::try_from("hi").ok());
    assert!(page.push(Past { posted: Posted { seq: 1, ts_ms: 7 }, from, text, cid: None }), "it is short");
    page
}

fn login(id: GrantId, own: Option<GrantId>) -> Login {
    Login { id, client: None, begun_ms: Some(1), used_ms: None, ends_ms: 2, is_own: own == Some(id) }
}

fn grant() -> Grant {
    Grant { id: GrantId(1), token: Token::new("00112233".to_owned().into()), expires_ms: u64::MAX }
}

const REFUSALS: [Refusal; 12] = [
    Refusal::AuthFailed,
    Refusal::NameTaken,
    Refusal::NameResembles,
    Refusal::RegistrationClosed,
    Refusal::InviteRequired,
    Refusal::InviteInvalid,
    Refusal::SessionEnded,
    Refusal::AuthThrottled { retry_ms: 1000 },
    Refusal::Busy { retry_ms: u64::MAX },
    Refusal::Unavailable { retry_ms: 0 },
    Refusal::NoSuchLogin,
    Refusal::AccountDisabled,
];
const FAILURES: [Outcome; 4] = [Outcome::Failed, Outcome::Unreadable, Outcome::Conflict, Outcome::Absent];
/// How somebody can say they are.
const STATES: [PresenceState; 3] = [PresenceState::Online, PresenceState::Away, PresenceState::Busy];
/// What somebody else says to the room.
const SAID: &[u8] = br#"{"type":"msg","status":"ok","data":{"to":"public","from":"bob","text":"hi"}}"#;
/// What servers read at once, or less, so that a story need not be long.
const READ_BYTES: usize = 256;
/// What may come on top of a full outbox: the whole of what one request or one piece of mail leads to.
const ONE_MORE_BYTES: usize = 32 * 1024;
/// Rounds in which all that a client asked for is answered, at the end: more than a story has requests.
const ROUNDS_MAX: usize = 10_000;
/// Timers that may run out at one moment.
const TIMEOUTS_AT_ONCE_MAX: usize = 8;
