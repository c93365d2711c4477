//! What a server has to do, written as simply as can be: lists of people and rooms that are searched from end to end,
//! and for each connection the list of what it has to hear.
//!
//! The model is told what happens to a connection and what came of it, one call of a session at a time, and says
//! whether that was right: each frame to the letter (but for the words of refusals), each clock to the nanosecond.
//! What it leaves open is when a list that nobody asked for is sent; such a list must be newer than what the
//! connection knows, and stand where it belongs between what else it hears.

mod accounts;
mod conn;
mod journal;
mod keeping;
mod rate;
mod request;
mod room;

use std::time::Duration;

use chatroom_core::Instant;
use chatroom_core::frame::{Frame, PREFIX_BYTES};
use chatroom_core::message::hello::Registration;
use chatroom_core::server::{Answer, End, GrantId, Refusal};

use super::coverage::Coverage;
use super::desk::{Asked, Done, bounds, token};
use super::names::{EXAMPLE, LOBBY, Name, PASSWORDS, USERS, find_room};
use super::original::Original;
use super::step::{Fault, Means, Said};
use super::swarm::Swarm;
use super::town::HOUSEHOLDS;
use accounts::{Book, Question, word};
pub use chatroom_core::phase::Phase;
use conn::Stage;
use conn::{Conn, Due, Heard, Place, Retry, What, is_error};
pub use journal::{Annals, Conversation};
use journal::{Journal, Recall};
use keeping::Held;
use rate::Tokens;
use room::Rooms;

/// The model of a server.
pub struct Model {
    swarm: Swarm,
    now: Instant,
    /// By line.
    conns: Vec<Option<Conn>>,
    arrivals: u64,
    rooms: Rooms,
    habits: [Habit; USERS.len()],
    book: Book,
    /// Jobs in the line for passwords: whose they are, and from which household.
    jobs: Vec<((usize, u64), usize)>,
    is_shut: bool,
    journal: Journal,
    /// Requests that wait for the disk: until which number, whose they are, and what they are.
    held: Vec<(u64, (usize, u64), Held)>,
    /// Who is looked at further when there is room for more on the way to the disk.
    crowded: Vec<(usize, u64)>,
    annals: Annals,
    coverage: Coverage,
}

/// How often a user does something.
#[derive(Clone, Copy, Default)]
struct Habit {
    messages: Tokens,
    rooms: Tokens,
}

/// What happened to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// So many bytes arrived.
    Read(usize),
    /// The client sends no more.
    ReadEnd,
    /// The network took so many bytes.
    Wrote(usize),
    /// Nothing but time, or mail.
    Woken,
}

/// What came of it.
pub struct Seen<'a> {
    pub happened: Happened,
    /// How many frames the session has looked at in all.
    pub frames: u64,
    /// What it has sealed.
    pub sealed: &'a [Frame],
    /// What it has asked the account store.
    pub asked: &'a mut Vec<Asked>,
    /// Bytes that wait for the network.
    pub wire_bytes: usize,
    pub wants_read: bool,
    pub is_finishing: bool,
    pub end: Option<End>,
    pub deadline: Option<Instant>,
}

/// What has to be the end of a connection before anything else is looked at.
enum Over {
    /// It is dropped.
    Closed(&'static str),
    /// It is told why, and its sending side ended.
    Dismissed(&'static str),
    /// Its sending side is ended.
    Finished(&'static str),
}

impl Model {
    /// A server that has just started for the first time.
    pub fn new(swarm: &Swarm) -> Self {
        let now = Instant::default();
        Self {
            now,
            conns: (0..swarm.lines).map(|_| None).collect(),
            arrivals: 0,
            rooms: Rooms::new(now, swarm.limits.list_bytes_max),
            habits: Default::default(),
            book: Book::default(),
            jobs: Vec::new(),
            is_shut: false,
            journal: Journal::default(),
            held: Vec::new(),
            crowded: Vec::new(),
            annals: Annals::default(),
            coverage: Coverage::default(),
            swarm: swarm.clone(),
        }
    }

    /// The time is this.
    pub fn set_now(&mut self, now: Instant) {
        self.now = now;
    }

    /// The server is gone, and another one has started with the same accounts.
    pub fn restart(&mut self) {
        self.conns.iter_mut().for_each(|conn| *conn = None);
        self.rooms = Rooms::new(self.now, self.swarm.limits.list_bytes_max);
        self.remember();
        self.habits = Default::default();
        self.book.restart();
        self.jobs.clear();
        self.is_shut = false;
    }

    /// What was reached.
    pub fn coverage(&mut self) -> &mut Coverage {
        &mut self.coverage
    }

    /// Somebody connects. Whether they are let in.
    pub fn connect(&mut self, line: usize, connection: u64, from: usize) -> bool {
        let limit = self.swarm.limits.connections_max;
        loop {
            let (visitors, all) = (self.visitors(), self.connections());
            if self.is_shut {
                return false;
            }
            if visitors.len() < limit / 2 && all < limit {
                break;
            }
            let Some((_, oldest)) = visitors.into_iter().min() else {
                self.coverage.reach("refused_connection");
                return false;
            };
            self.tell_to_go(oldest, "busy");
        }
        let handshake_end = self.now + Duration::from_millis(self.swarm.limits.handshake_ms_max);
        let arrival = self.arrive();
        self.conns[line] = Some(Conn::new(connection, from, arrival, handshake_end));
        true
    }

    /// A client sends something.
    pub fn say(&mut self, line: usize, said: Said) {
        if let Some(conn) = &mut self.conns[line] {
            conn.said.push_back(said);
        }
    }

    /// A connection is gone, whatever it was doing.
    pub fn disconnect(&mut self, line: usize) {
        self.leave_hub(line);
        self.conns[line] = None;
    }

    /// Everybody is told that the server stops.
    pub fn shut_down(&mut self) {
        self.is_shut = true;
        for line in 0..self.conns.len() {
            if self.conns[line].as_ref().is_some_and(|conn| conn.stage != Stage::Lingering) {
                self.tell_to_go(line, "shutting_down");
            }
        }
    }

    /// A job of the password line was done.
    pub fn work(&mut self, done: &Done, fault: Fault) -> Result<(), String> {
        let index = self.jobs.iter().position(|(whose, _)| *whose == done.whose);
        self.jobs.remove(index.ok_or("a job was done that nobody has")?);
        let (line, connection) = done.whose;
        let (now, limits, registration) = (self.now, &self.swarm.limits, self.swarm.registration);
        let conn = self.conns[line].as_mut().filter(|conn| conn.connection == connection);
        let Some(conn) = conn.filter(|conn| conn.stage == Stage::Open) else {
            self.coverage.reach("job_of_nobody");
            return if done.answer.is_none() { Ok(()) } else { Err("a job of nobody was done".into()) };
        };
        let Some((question, ..)) = &conn.asked else {
            return Err("a job was done that nobody wanted".into());
        };
        if let Question::History(recall) = question {
            let told = (fault != Fault::Busy).then(|| tell(&self.annals, recall, &self.book));
            let is_right = match &done.answer {
                Some(Answer::Told(_)) => told.is_some(),
                Some(Answer::Refused(Refusal::Unavailable { .. })) => told.is_none(),
                Some(_) => false,
                None => true,
            };
            (conn.told, conn.answered) = (told, done.answer.clone());
            return if is_right { Ok(()) } else { Err(format!("line {line} is told {:?}", done.answer)) };
        }
        let household = HOUSEHOLDS[conn.from];
        let right = self.book.answer(now, question, household, registration, fault, limits);
        if let Some(answer) = &done.answer {
            let grant = match answer {
                Answer::Granted(_, grant) => Some(grant),
                Answer::Registered(_) | Answer::Verified(_) | Answer::Told(_) | Answer::Refused(_) => None,
            };
            let is_granted_right = match (grant, right.ok().and_then(|(_, granted)| granted)) {
                (Some(grant), Some(right)) => {
                    grant.id == GrantId(right.id)
                        && grant.token.expose() == token(right.token)
                        && grant.expires_ms == right.expires_ms
                }
                (grant, right) => grant.is_none() && right.is_none(),
            };
            if word(answer) != right.map(|(name, _)| name) || !is_granted_right {
                return Err(format!("line {line} is answered {answer:?} where {right:?} is right"));
            }
            conn.answered = Some(answer.clone());
        }
        match (right, fault) {
            (Err("unavailable"), Fault::Busy | Fault::Full) => self.coverage.reach("store_fault"),
            (_, Fault::CrashBefore) if done.is_crashed => self.coverage.reach("crash_before_commit"),
            (_, Fault::CrashAfter) if done.is_crashed => self.coverage.reach("crash_after_commit"),
            _ => {}
        }
        Ok(())
    }

    /// A session was told something; was what came of it right?
    pub fn after(&mut self, line: usize, seen: &mut Seen<'_>) -> Result<(), String> {
        self.follow(line, seen).map_err(|error| format!("line {line}: {error}"))
    }

    fn follow(&mut self, line: usize, seen: &mut Seen<'_>) -> Result<(), String> {
        let stage = self.conn(line).stage;
        let over = self.on_happened(line, seen.happened);
        let mut sealed = seen.sealed.iter();
        let looked_at = seen.frames - self.conn(line).frames;
        match &over {
            Some(over) => self.check_over(line, over, looked_at, &mut sealed)?,
            None => self.go_on(line, looked_at, &mut sealed, seen.asked)?,
        }
        if let Some(frame) = sealed.next() {
            return Err(format!("got after its end\n  {}", text(frame)?));
        }
        let is_over = seen.is_finishing || seen.end.is_some();
        if is_over && stage != Stage::Lingering {
            self.check_end(line, seen.end, over.as_ref(), seen.happened)?;
        } else if !is_over && let Some(over) = over {
            return Err(format!("should have ended: {}", over.why()));
        }
        self.settle_clocks(line, seen, stage, looked_at > 0);
        if seen.end.is_some() {
            self.disconnect(line);
            return Ok(());
        }
        self.check_rest(line, seen)
    }

    /// What arrived, and whose time has come. Whether the connection ends for that, before anything else.
    fn on_happened(&mut self, line: usize, happened: Happened) -> Option<Over> {
        let (now, limits) = (self.now, &self.swarm.limits);
        let conn = self.conns[line].as_mut().expect("who is told something is connected");
        let mut over = None;
        match (happened, conn.stage) {
            (Happened::Read(bytes), Stage::Handshake) => {
                // The first byte is the handshake.
                conn.stage = Stage::Open;
                conn.clocks.handshake = None;
                conn.clocks.login = Some(now + Duration::from_millis(limits.login_ms_max));
                conn.fed = bytes - 1;
            }
            (Happened::Read(bytes), Stage::Open) => {
                if bytes < conn.said.front().map_or(0, |said| said.bytes.len()) {
                    self.coverage.reach("frame_in_pieces");
                }
                conn.fed += bytes;
                conn.break_silence(now, limits);
            }
            (Happened::ReadEnd, stage) => {
                conn.is_eof = true;
                if stage == Stage::Handshake {
                    over = Some(Over::Closed("ended"));
                } else if stage == Stage::Open
                    && conn
                        .asked
                        .as_ref()
                        .is_some_and(|(question, ..)| !matches!(question, Question::History(_)))
                {
                    over = Some(Over::Finished("ended_while_asking"));
                }
            }
            (Happened::Read(_), Stage::Lingering) | (Happened::Wrote(_) | Happened::Woken, _) => {}
        }
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let clocks = &mut conn.clocks;
        clocks.pace = clocks.pace.filter(|at| *at > now);
        over = over.or_else(|| match () {
            () if is_due(clocks.handshake) => Some(Over::Closed("handshake_timeout")),
            () if is_due(clocks.login) => Some(Over::Dismissed("login_timeout")),
            () if is_due(clocks.frame) => Some(Over::Dismissed("frame_timeout")),
            () if is_due(clocks.linger) => Some(Over::Closed("lingered")),
            () if is_due(clocks.stall) => Some(Over::Closed("stalled")),
            () => None,
        });
        if over.is_none() && is_due(clocks.silence) { self.on_silence(line) } else { over }
    }

    /// Nothing was heard of somebody for long who can be asked.
    fn on_silence(&mut self, line: usize) -> Option<Over> {
        let (now, limits) = (self.now, self.swarm.limits.clone());
        let conn = self.conn_mut(line);
        // Who is not read from, or does not take what there is, is not silent.
        if conn.is_eof || !conn.has_room(&limits) || conn.clocks.stall.is_some() {
            conn.break_silence(now, &limits);
            self.coverage.reach("silence_of_our_own");
            return None;
        }
        if conn.is_pinged {
            return Some(Over::Closed("silent"));
        }
        (conn.is_pinged, conn.is_to_be_asked) = (true, true);
        let left = limits.silent_gone_ms - limits.silent_probe_ms;
        conn.clocks.silence = Some(now + Duration::from_millis(left));
        self.coverage.reach("asked_in_silence");
        None
    }

    /// A connection that ends before anything else hears why, if that, and nothing more.
    fn check_over<'a>(
        &mut self,
        line: usize,
        over: &Over,
        looked_at: u64,
        sealed: &mut impl Iterator<Item = &'a Frame>,
    ) -> Result<(), String> {
        if looked_at > 0 {
            return Err(format!("a request was looked at, although {}", over.why()));
        }
        if let Over::Dismissed(code) = over {
            let frame = sealed.next().ok_or_else(|| format!("was not told of {code}"))?;
            self.hear_farewell(line, text(frame)?, code)?;
        }
        self.coverage.reach(over.why());
        Ok(())
    }

    /// An answer is there, requests are looked at, and frames heard, in their order.
    fn go_on<'a>(
        &mut self,
        line: usize,
        mut looked_at: u64,
        sealed: &mut impl Iterator<Item = &'a Frame>,
        asked: &mut Vec<Asked>,
    ) -> Result<(), String> {
        if let Some(answer) = self.conn_mut(line).answered.take() {
            self.on_answer(line, &answer);
        }
        if std::mem::take(&mut self.conn_mut(line).is_to_be_asked) {
            let later = std::mem::take(&mut self.conn_mut(line).due);
            self.push(line, What::Text(r#"{"type":"ping","status":"ok"}"#.into()), 0, false);
            self.conn_mut(line).due.extend(later);
        }
        let was_overflowing = self.conn(line).is_overflowing;
        if looked_at > 1 {
            self.coverage.reach("frames_in_one_piece");
        }
        loop {
            if looked_at > 0 && self.conn(line).is_idle() {
                looked_at -= 1;
                self.look_at_next(line, asked)?;
                continue;
            }
            if self.conn(line).reason.is_some() && self.conn(line).due.is_empty() {
                break;
            }
            let Some(frame) = sealed.next() else { break };
            self.hear(line, text(frame)?)?;
        }
        if looked_at > 0 {
            return Err("a request was looked at before the last one was answered".into());
        }
        // What it has just taken out of its mailbox had made room for what it then said to itself.
        let outbox_bytes_max = self.swarm.limits.outbox_bytes_max;
        let conn = self.conn_mut(line);
        conn.is_overflowing = was_overflowing || conn.waiting > outbox_bytes_max;
        Ok(())
    }

    fn hear(&mut self, line: usize, json: &str) -> Result<(), String> {
        let own_name = self.conn(line).user().map_or("", |user| self.book.name(user));
        let limits = &self.swarm.limits;
        let conn = self.conns[line].as_mut().expect("who hears something is connected");
        if let Some(code) = conn.refused_frame(limits).filter(|_| conn.is_idle())
            && is_error(json, "error", code, Retry::Never, None)
        {
            conn.reason = Some(code);
            conn.due.clear();
            return Original::hear_farewell(json);
        }
        let heard = conn.hear(json, &self.rooms)?;
        conn.original.hear(json, own_name)?;
        match heard {
            Heard::Unasked if conn.is_in_lobby() => self.coverage.reach("unasked_list"),
            Heard::Unasked => self.coverage.reach("unasked_list_room"),
            Heard::Due(What::Farewell(code)) => {
                conn.reason = Some(code);
                conn.due.clear();
                return Original::hear_farewell(json);
            }
            Heard::Due(What::LoggedOut(_)) => {
                let login = self.now + Duration::from_millis(limits.login_ms_max);
                conn.clocks.login = Some(login);
            }
            Heard::Due(What::List { follows: true, room, .. }) => {
                conn.clocks.login = None;
                self.note_list_length(room);
            }
            Heard::Due(What::List { .. } | What::Text(_) | What::Error { .. }) => {}
        }
        Ok(())
    }

    fn note_list_length(&mut self, room: usize) {
        if self.rooms.is_too_long(room) {
            self.coverage.reach("list_too_long");
        }
    }

    fn hear_farewell(&mut self, line: usize, json: &str, code: &'static str) -> Result<(), String> {
        if !is_error(json, "error", code, Retry::Never, None) {
            return Err(format!("got\n  {json}\nwhere it was to be told of {code}"));
        }
        self.conn_mut(line).reason = Some(code);
        Original::hear_farewell(json)
    }

    /// A connection has ended, or its sending side has: was there a reason?
    fn check_end(
        &mut self,
        line: usize,
        end: Option<End>,
        over: Option<&Over>,
        happened: Happened,
    ) -> Result<(), String> {
        let conn = self.conn(line);
        let reason = match (over, conn.reason, end) {
            (Some(_), ..) => None,
            (None, Some(reason), _) => Some(match reason {
                "busy" => "crowded",
                "bad_frame" => "bad_frame closes",
                "auth_throttled" => "auth_throttled closes",
                reason => reason,
            }),
            (None, None, Some(End::Overflowed)) if conn.may_overflow => Some("overflowed"),
            (None, None, Some(End::Dismissed(_)))
                if conn.stage == Stage::Handshake && conn.has_farewell() =>
            {
                None
            }
            (None, None, _) if conn.is_eof && conn.is_idle() && !conn.has_frame() => Some("ended"),
            (None, None, end) => {
                return Err(format!("ended without a reason ({end:?}) at {happened:?}"));
            }
        };
        if let Some(reason) = reason {
            self.coverage.reach(reason);
        }
        self.leave_hub(line);
        Ok(())
    }

    /// Sets the clocks as they have to be after a session was told something.
    fn settle_clocks(&mut self, line: usize, seen: &Seen<'_>, stage_before: Stage, has_looked: bool) {
        let (now, limits) = (self.now, self.swarm.limits.clone());
        let is_paused = seen.wire_bytes >= limits.outbox_pause_bytes;
        let has_taken = matches!(seen.happened, Happened::Wrote(bytes) if bytes > 0);
        if is_paused {
            self.coverage.reach("paused");
        }
        let conn = self.conn_mut(line);
        if seen.is_finishing && stage_before != Stage::Lingering {
            conn.stage = Stage::Lingering;
            conn.clocks.finish(now, &limits);
            conn.due.clear();
            conn.said.clear();
            (conn.asked, conn.answered) = (None, None);
        }
        if conn.stage == Stage::Open {
            if has_looked {
                (conn.clocks.frame, conn.clocks.frame_left) = (None, None);
            }
            let is_reading = conn.is_idle() && !is_paused && !conn.is_eof && conn.clocks.pace.is_none();
            let is_begun = conn.fed > 0;
            conn.clocks.run_frame(now, is_reading && is_begun, &limits);
        }
        conn.clocks.run_stall(now, has_taken, seen.wire_bytes > 0, &limits);
    }

    /// What has to be true of each connection that goes on.
    fn check_rest(&mut self, line: usize, seen: &Seen<'_>) -> Result<(), String> {
        let limits = &self.swarm.limits;
        let conn = self.conns[line].as_ref().expect("it goes on");
        let is_paused = seen.wire_bytes >= limits.outbox_pause_bytes;
        let is_open = conn.stage == Stage::Open;
        let wants_read = !conn.is_eof && (!is_open || !is_paused && conn.has_room(limits));
        // What may wait, and then the last piece of mail and the answer to one request.
        let answer_bytes_max = if conn.caps.history { PAGE_BYTES_MAX } else { MESSAGE_BYTES_MAX };
        let wire_bytes_max = limits.outbox_pause_bytes + 2 * limits.list_bytes_max + answer_bytes_max;
        let checks = [
            (conn.has_farewell(), "was told to go, and did not hear it"),
            (conn.is_overflowing && is_open, "goes on, although more waited for it than may"),
            (is_open && seen.wire_bytes > wire_bytes_max, "has more on the wire than may be"),
            (seen.wants_read != wants_read, "is read from, or not, when it should not, or should"),
            (seen.deadline != conn.clocks.next(), "has another deadline than it should"),
            (
                !is_open && conn.is_eof && seen.wire_bytes == 0,
                "is not dropped, although both sides have ended",
            ),
        ];
        if let Some((_, fault)) = checks.into_iter().find(|(is_wrong, _)| *is_wrong) {
            return Err(format!(
                "{fault}: deadline {:?}, clocks {:?}, {} bytes on the wire",
                seen.deadline,
                conn.clocks.next(),
                seen.wire_bytes
            ));
        }
        if !is_open || is_paused {
            return Ok(());
        }
        let waits = if conn.clocks.pace.is_some() { None } else { Some(()) };
        let stuck = waits.filter(|()| conn.is_idle()).and_then(|()| match () {
            () if conn.has_frame() => Some("a request is not looked at"),
            () if conn.refused_frame(limits).is_some() => Some("a frame is not refused"),
            () if conn.is_eof => Some("the client has ended, and the server does not"),
            () => None,
        });
        if let Some(fault) = stuck {
            return Err(fault.into());
        }
        match conn.due.front() {
            Some(due) => Err(format!("did not get what was due: {:?}", due.what)),
            None => Ok(()),
        }
    }

    /// What has to be true when nothing moves any more and time enough has passed: everybody knows the last list.
    pub fn check_quiet(&self) -> Result<(), String> {
        for (line, conn) in self.conns.iter().enumerate() {
            let Some(page) = conn.as_ref().and_then(|conn| conn.page) else { continue };
            let current = self.rooms.version(page.room);
            let text = self.rooms.text(page.room);
            if self.rooms.find_version(page.room, page.seen, page.seen, &text).is_none() {
                return Err(format!("line {line} knows list {} of {current}: not {text}", page.seen));
            }
        }
        Ok(())
    }

    /// How many connections the hub has.
    pub fn connections(&self) -> usize {
        let conns = self.conns.iter().flatten();
        conns.filter(|conn| conn.place != Place::Nowhere && (!conn.is_dismissed || self.is_shut)).count()
    }

    /// How many users are logged in.
    pub fn users(&self) -> usize {
        self.conns.iter().flatten().filter(|conn| conn.user().is_some()).count()
    }

    /// Where somebody is, as they have heard.
    pub fn phase(&self, line: usize) -> Phase {
        match self.conns[line].as_ref().and_then(|conn| conn.page) {
            None => Phase::Auth,
            Some(page) if page.room == LOBBY => Phase::Lobby,
            Some(_) => Phase::Chat,
        }
    }

    /// Whether nothing that somebody said was looked at.
    pub fn is_silent(&self, line: usize) -> bool {
        self.conns[line].as_ref().is_some_and(|conn| conn.frames == 0 && conn.said.is_empty())
    }

    /// Who is logged in on a line.
    pub fn user(&self, line: usize) -> Option<usize> {
        self.conns[line].as_ref().and_then(Conn::user)
    }

    /// Whether somebody was granted to read what was said before.
    pub fn reads_history(&self, line: usize) -> bool {
        self.conns[line].as_ref().is_some_and(|conn| conn.caps.history)
    }

    /// Whether somebody was granted to ask for signs of life.
    pub fn pings(&self, line: usize) -> bool {
        self.conns[line].as_ref().is_some_and(|conn| conn.caps.ping)
    }

    /// The room that somebody is in, if it is not the lobby.
    pub fn room_of(&self, line: usize) -> Option<Name> {
        let room = self.conns[line].as_ref().and_then(Conn::room).filter(|room| *room != LOBBY)?;
        self.rooms.get(room).map(|room| room.name)
    }

    /// What was said in a room to everybody, and by whom, as people read it.
    pub fn said_in(&self, room: &str) -> Vec<(String, String)> {
        let Some(name) = find_room(room) else { return Vec::new() };
        let conversations = self.annals.all().filter(|(conversation, _)| match conversation {
            Conversation::Room(other) => other.id == name.id,
            Conversation::Pair(..) => false,
        });
        let kept = conversations.flat_map(|(_, kept)| kept);
        let line = |kept: &journal::Kept| {
            let text = serde_json::from_str(&format!(r#""{}""#, kept.text)).expect("it was said as JSON");
            (self.book.name(kept.author).to_owned(), text)
        };
        kept.map(line).collect()
    }

    /// What was said in each conversation.
    pub fn annals(&self) -> &Annals {
        &self.annals
    }

    /// The password of a user, if they have an account.
    pub fn password(&self, user: usize) -> Option<&'static str> {
        let password = self.book.password(user)?;
        PASSWORDS.into_iter().find(|known| *known == password)
    }

    /// Whether somebody has begun something that is never finished: nothing can be said after that.
    pub fn is_unfinished(&self, line: usize) -> bool {
        let last = self.conns[line].as_ref().and_then(|conn| conn.said.back());
        last.is_some_and(|said| matches!(said.means, Means::Unfinished | Means::Refused))
    }

    /// Everybody who has an account, and their password.
    pub fn accounts(&self) -> impl Iterator<Item = (usize, String)> + '_ {
        (0..USERS.len()).filter_map(|user| Some((user, self.book.password(user)?.to_owned())))
    }

    /// How many tokens were made.
    pub fn tokens(&self) -> u64 {
        self.book.minted
    }

    /// Whether so many are in the room that is always there, and have heard all they had to.
    pub fn are_together(&self, count: usize) -> bool {
        self.rooms.room(EXAMPLE).members.len() == count
            && self.conns.iter().flatten().all(|conn| conn.due.is_empty() && conn.asked.is_none())
    }

    /// Whether an answer to an old question can come to a connection: it has none waiting that it would replace.
    pub fn takes_old_answer(&self, line: usize, connection: u64) -> bool {
        let conn = self.conns[line].as_ref().filter(|conn| conn.connection == connection);
        conn.is_some_and(|conn| conn.stage == Stage::Open && conn.answered.is_none())
    }

    fn on_answer(&mut self, line: usize, answer: &Answer) {
        let conn = self.conn_mut(line);
        let Some((question, kind, rid)) = conn.asked.take() else { return };
        // An answer of the store is heard before what waits in the mailbox.
        let later = std::mem::take(&mut conn.due);
        match (question, word(answer)) {
            (Question::History(recall), _) => {
                let told = self.conn_mut(line).told.take();
                match told {
                    Some(data) => {
                        let is_of_two = matches!(recall.conversation, Conversation::Pair(..));
                        self.coverage.reach(if is_of_two { "told_of_two" } else { "told" });
                        let rid = rid.map(|rid| format!(r#","rid":"{rid}""#)).unwrap_or_default();
                        let json = format!(r#"{{"type":"history","status":"ok","data":{{{data}}}{rid}}}"#);
                        self.push(line, What::Text(json.into()), 0, true);
                    }
                    None => self.refuse(line, kind, "busy", Retry::Sometime, rid),
                }
            }
            (_, Err(code)) => {
                let retry = match answer {
                    Answer::Refused(Refusal::AuthThrottled { retry_ms }) => Retry::In(*retry_ms),
                    Answer::Refused(Refusal::Busy { .. } | Refusal::Unavailable { .. }) => Retry::Sometime,
                    _ => Retry::Never,
                };
                self.coverage.reach(code);
                let code = match code {
                    "unavailable" => "busy",
                    "name_resembles" => "name_taken",
                    code => code,
                };
                self.refuse(line, kind, code, retry, rid);
            }
            (Question::Register(..), Ok(name)) => {
                let message = "Registered, you can log in now";
                let data = format!(r#"{{"username":"{name}","chatroom":"lobby"}}"#);
                self.coverage.reach("registered");
                if self.swarm.registration == Registration::Invite {
                    self.coverage.reach("invited");
                }
                self.done(line, kind, message, Some(&data), rid.as_deref(), 0);
            }
            (Question::Verify(name, ..), Ok(_)) => self.login(line, name.id, answer, kind, rid.as_deref()),
            (Question::Resume(_), Ok(name)) => {
                let user = self.book.user(name).expect("who comes back was there");
                self.coverage.reach("resumed");
                self.login(line, user, answer, kind, rid.as_deref());
            }
            (Question::Decoy, Ok(_)) => {}
        }
        self.conn_mut(line).due.extend(later);
        self.count_auth_failure(line, answer);
    }

    /// Who fails too often on one connection is told to go, once they have heard that they failed and unless something
    /// else has told them to.
    fn count_auth_failure(&mut self, line: usize, answer: &Answer) {
        if !matches!(answer, Answer::Refused(Refusal::AuthFailed)) {
            return;
        }
        let failures_max = self.swarm.limits.auth_connection_failures_max;
        let conn = self.conn_mut(line);
        conn.auth_failures += 1;
        if conn.auth_failures == failures_max {
            self.push(line, What::Farewell("auth_throttled"), 0, true);
        }
    }

    /// Takes a connection out of the hub.
    fn leave_hub(&mut self, line: usize) {
        let Some(conn) = &mut self.conns[line] else { return };
        let place = std::mem::replace(&mut conn.place, Place::Nowhere);
        if let Place::In { room, .. } = place {
            self.rooms.part(self.now, room, line);
        }
    }

    /// Tells a connection to go.
    fn tell_to_go(&mut self, line: usize, code: &'static str) {
        self.push(line, What::Farewell(code), REPLY_BYTES, false);
        let conn = self.conn_mut(line);
        conn.is_dismissed = true;
    }

    /// Puts down what somebody has to hear.
    fn push(&mut self, line: usize, what: What, cost: usize, is_answer: bool) {
        let limits = &self.swarm.limits;
        let conn = self.conns[line].as_mut().expect("who has to hear something is connected");
        let room = conn.room().unwrap_or(LOBBY);
        conn.push(Due { what, version: self.rooms.version(room), cost, is_answer }, limits);
        if self.rooms.is_long(room) {
            let oldest = self.conns.iter().flatten().filter_map(|conn| conn.oldest_list(room)).min();
            self.rooms.forget(room, oldest.unwrap_or(u64::MAX));
        }
    }

    fn arrive(&mut self) -> u64 {
        self.arrivals += 1;
        self.arrivals
    }

    /// Those without a login, and since when.
    fn visitors(&self) -> Vec<(u64, usize)> {
        let visitor = |(line, conn): (usize, &Option<Conn>)| match conn.as_ref()?.place {
            Place::Visitor(arrival) if !conn.as_ref()?.is_dismissed => Some((arrival, line)),
            _ => None,
        };
        self.conns.iter().enumerate().filter_map(visitor).collect()
    }

    fn conn(&self, line: usize) -> &Conn {
        self.conns[line].as_ref().expect("who does something is connected")
    }

    fn conn_mut(&mut self, line: usize) -> &mut Conn {
        self.conns[line].as_mut().expect("who does something is connected")
    }

    /// Whether the password line has no place for a job from that household.
    fn is_line_full(&self, household: usize) -> bool {
        let bounds = bounds(&self.swarm.limits);
        let of = |household| self.jobs.iter().filter(|(_, other)| *other == household).count();
        let local = of(LOCAL);
        let all = self.jobs.iter().filter(|(_, household)| *household != NO_HASH).count();
        if household != LOCAL && of(household) >= bounds.address_jobs_max {
            return true;
        }
        match (bounds.is_shared, household) {
            (true, _) => all >= bounds.jobs_max,
            (false, LOCAL) => local >= bounds.loopback_jobs_max,
            (false, _) => all - local >= bounds.jobs_max,
        }
    }
}

impl Over {
    /// The place that was reached.
    fn why(&self) -> &'static str {
        match self {
            Self::Closed(why) | Self::Dismissed(why) | Self::Finished(why) => why,
        }
    }
}

/// What somebody is told of what was said before.
fn tell(annals: &Annals, recall: &Recall, book: &Book) -> String {
    let (kept, has_more) = annals.page(recall);
    let lines = kept.into_iter().map(|(seq, kept)| {
        let cid = kept.cid.as_ref().filter(|_| kept.author == recall.reader);
        let cid = cid.map(|cid| format!(r#","cid":"{cid}""#)).unwrap_or_default();
        let (ts, from, text) = (kept.ts, book.name(kept.author), &kept.text);
        format!(r#"{{"seq":{seq},"ts":{ts},"from":"{from}","text":"{text}"{cid}}}"#)
    });
    let lines: Vec<String> = lines.collect();
    format!(r#"{},"msgs":[{}],"more":{has_more}"#, recall.place, lines.join(","))
}

/// A frame's JSON.
fn text(frame: &Frame) -> Result<&str, String> {
    std::str::from_utf8(&frame[PREFIX_BYTES..]).map_err(|_| "got what is not UTF-8".to_owned())
}

/// The household that is the server's own machine.
pub const LOCAL: usize = 0;
/// The place, beside the households, of those who do not wait for a hash.
const NO_HASH: usize = usize::MAX;

/// No page of what was said before is longer on the wire in the simulation.
const PAGE_BYTES_MAX: usize = 128 * 1024;
/// No message of the simulation is longer on the wire.
const MESSAGE_BYTES_MAX: usize = 2048;

/// What a reply or a farewell counts for in a mailbox.
const REPLY_BYTES: usize = 128;
