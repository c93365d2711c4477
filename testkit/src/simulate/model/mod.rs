//! What a server has to do, written as simply as can be: lists of people and rooms that are searched from end to end,
//! and for each connection the list of what it has to hear.
//!
//! The model is told what happens to a connection and what came of it, one call of a session at a time, and says
//! whether that was right: each frame to the letter (but for the words of refusals), each clock to the nanosecond.
//! What it leaves open is when a list that nobody asked for is sent; such a list must be newer than what the
//! connection knows, and stand where it belongs between what else it hears. A device gets differences instead: what it
//! makes of them has to be what was so at some moment since it knew last, and in the end what is so.

mod accounts;
mod annals;
mod answers;
mod clocks;
mod conn;
mod facts;
mod hall;
mod journal;
mod keeping;
mod logins;
mod moves;
mod places;
mod presence;
mod rate;
mod request;
mod room;
mod talk;
mod ties;
mod told;
mod windows;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chatroom_core::Instant;
use chatroom_core::frame::{Frame, PREFIX_BYTES};
use chatroom_core::limits::Limits;
use chatroom_core::server::End;

use super::coverage::Coverage;
use super::desk::{Asked, bounds};
use super::names::{LOBBY, USERS};
use super::original::Original;
use super::step::{Keep, Said};
use super::swarm::Swarm;
use accounts::Book;
pub use annals::{Annals, Conversation};
pub use chatroom_core::phase::Phase;
use conn::Stage;
use conn::{Conn, Due, Heard, Retry, Seat, What, is_error};
use journal::Journal;
use keeping::Held;
use models::sight::Statuses;
use models::ties::Most;
use places::Place;
use presence::PRESENCE;
use rate::Tokens;
use room::Rooms;
use ties::Views;

/// The model of a server.
pub struct Model {
    swarm: Swarm,
    now: Instant,
    /// By line.
    conns: Vec<Option<Conn>>,
    arrivals: u64,
    rooms: Rooms,
    /// Who takes part in which of them.
    places: Vec<Place>,
    /// Whose accounts are deleted, as far as the server has heard.
    shut_out: BTreeSet<usize>,
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
    /// Devices that could not be told of their private conversations, and by which number.
    untold: Vec<((usize, u64), u64)>,
    annals: Annals,
    /// What others are to users of whom a device was told that, and one is still there that is told such things.
    ties: BTreeMap<usize, Views>,
    /// Who wants to hear nothing of whom, as far as the server has heard.
    blocks: BTreeSet<(usize, usize)>,
    /// What those who are here have said of themselves.
    statuses: Statuses<usize>,
    /// Whose logins were ended by another device, and which, since the server has started.
    ended: BTreeSet<(usize, i64)>,
    /// How often the hub was told something: after each time others may be told what has come of it.
    turn: u64,
    coverage: Coverage,
}

/// How often a user does something.
#[derive(Clone, Copy, Default)]
struct Habit {
    messages: Tokens,
    rooms: Tokens,
    changes: Tokens,
    statuses: Tokens,
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
            rooms: Rooms::new(now, swarm.limits.list_bytes_max, swarm.devices),
            places: Vec::new(),
            shut_out: BTreeSet::new(),
            habits: Default::default(),
            book: Book::default(),
            jobs: Vec::new(),
            is_shut: false,
            journal: Journal::default(),
            held: Vec::new(),
            crowded: Vec::new(),
            untold: Vec::new(),
            annals: Annals::new(most(&swarm.limits)),
            ties: BTreeMap::new(),
            blocks: BTreeSet::new(),
            statuses: Statuses::default(),
            ended: BTreeSet::new(),
            turn: 0,
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
        self.rooms = Rooms::new(self.now, self.swarm.limits.list_bytes_max, self.swarm.devices);
        self.remember();
        self.habits = Default::default();
        self.book.restart();
        self.jobs.clear();
        self.is_shut = false;
        self.shut_out.clear();
        self.statuses = Statuses::default();
        self.ended.clear();
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
        self.end_turn();
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
        self.end_turn();
    }

    /// What is not kept any longer is let go.
    pub fn let_go(&mut self, keep: Keep) {
        let now = self.now.since_start();
        let ts_min = keep.age_max.map_or(0, |age| now.saturating_sub(age).as_millis());
        if self.annals.let_go(keep.messages as usize, ts_min) > 0 {
            self.coverage.reach(if keep.age_max.is_some() { "let_go_by_age" } else { "let_go_by_count" });
        }
    }

    /// Somebody's account is deleted. The server does not know yet.
    pub fn delete(&mut self, user: usize) {
        self.coverage.reach(if self.devices(user).is_empty() { "deleted" } else { "deleted_with_devices" });
        self.annals.delete(user);
        self.book.delete(user);
    }

    /// The server hears who is deleted: they have to go, and take part nowhere; and so has who has come by a login that has ended.
    pub fn reload(&mut self) {
        let is_gone = |user: &usize| self.annals.is_deleted(*user) && !self.shut_out.contains(user);
        let gone: Vec<usize> = (0..USERS.len()).filter(is_gone).collect();
        for user in (0..USERS.len()).filter(|user| self.annals.is_deleted(*user)).collect::<Vec<_>>() {
            self.shut_out.insert(user);
            for line in self.single(user).into_iter().chain(self.devices(user)) {
                self.coverage.reach("deleted_is_told");
                self.tell_to_go(line, "account_disabled");
                self.leave_hub(line);
            }
            for room in self.device_rooms(user) {
                self.take_no_part(user, room, None);
            }
        }
        self.untie(&gone);
        self.end_turn();
        self.send_the_ended_away();
        self.end_turn();
    }

    /// Everybody is told that the server stops.
    pub fn shut_down(&mut self) {
        self.is_shut = true;
        for line in 0..self.conns.len() {
            if self.conns[line].as_ref().is_some_and(|conn| conn.stage != Stage::Lingering) {
                let is_there = !self.conn(line).is_dismissed;
                self.tell_to_go(line, "shutting_down");
                self.conn_mut(line).is_stopped = is_there;
            }
        }
        self.end_turn();
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
        self.end_turn();
        self.settle_clocks(line, seen, stage, looked_at > 0);
        if seen.end.is_some() {
            self.disconnect(line);
            return Ok(());
        }
        self.check_rest(line, seen)
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
            self.end_turn();
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
                self.end_turn();
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
        if !conn.caps.multi {
            conn.original.hear(json, own_name)?;
        }
        match heard {
            Heard::Unasked if conn.hall.is_some() => {
                self.coverage.reach(match () {
                    () if json.starts_with(PRESENCE) => "told_unasked_who_is_here",
                    () if json.starts_with(r#"{"type":"rooms""#) => "told_of_rooms",
                    () => "told_of_people",
                });
            }
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
            // A device has heard that it is logged in.
            Heard::Due(What::Follows(_)) => conn.clocks.login = None,
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
            (None, None, Some(End::Overflowed))
                if conn.may_have_overflowed(&self.rooms, &self.swarm.limits) =>
            {
                Some("overflowed")
            }
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

    /// What has to be true of each connection that goes on.
    fn check_rest(&mut self, line: usize, seen: &Seen<'_>) -> Result<(), String> {
        let limits = &self.swarm.limits;
        let conn = self.conns[line].as_ref().expect("it goes on");
        let is_paused = seen.wire_bytes >= limits.outbox_pause_bytes;
        let is_open = conn.stage == Stage::Open;
        let wants_read = !conn.is_eof && (!is_open || !is_paused && conn.has_room(limits));
        // What may wait, and then the last piece of mail and the answer to one request.
        let answer_bytes_max = if conn.caps.history { PAGE_BYTES_MAX } else { MESSAGE_BYTES_MAX };
        let rooms_bytes_max = if conn.caps.multi { ROOMS_BYTES_MAX } else { 0 };
        let wire_bytes_max =
            limits.outbox_pause_bytes + 2 * limits.list_bytes_max + answer_bytes_max + rooms_bytes_max;
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

    /// Takes a connection out of the hub.
    fn leave_hub(&mut self, line: usize) {
        let Some(conn) = &mut self.conns[line] else { return };
        let place = std::mem::replace(&mut conn.place, Seat::Nowhere);
        conn.watched.clear();
        let rooms = match place {
            Seat::In { room, .. } => vec![room],
            Seat::Hall { user } => self.device_rooms(user),
            Seat::Visitor(_) | Seat::Nowhere => Vec::new(),
        };
        rooms.into_iter().for_each(|room| self.rooms.part(self.now, room, line));
        if let Seat::Hall { user } = place {
            self.forget_ties(user);
        }
        if let Seat::In { user, .. } | Seat::Hall { user } = place
            && !self.is_here(user)
        {
            self.statuses.forget(user);
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
        let (version, moment) = (self.rooms.version(room), self.rooms.moment());
        conn.push(Due { what, version, moment, turn: self.turn, cost, is_answer }, limits);
        if self.rooms.is_long() {
            let oldest = |room| self.conns.iter().flatten().filter_map(|conn| conn.oldest_list(room)).min();
            let halls = self.conns.iter().flatten().filter_map(|conn| conn.hall.as_ref());
            let floor = halls.map(|hall| hall.floor).min();
            self.rooms.forget(floor.unwrap_or(u64::MAX), |room| oldest(room).unwrap_or(u64::MAX));
        }
    }

    fn arrive(&mut self) -> u64 {
        self.arrivals += 1;
        self.arrivals
    }

    /// Those without a login, and since when.
    fn visitors(&self) -> Vec<(u64, usize)> {
        let visitor = |(line, conn): (usize, &Option<Conn>)| match conn.as_ref()?.place {
            Seat::Visitor(arrival) if !conn.as_ref()?.is_dismissed => Some((arrival, line)),
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

fn most(limits: &Limits) -> Most {
    Most {
        friends: limits.friends_max,
        asked: limits.friends_asked_max,
        asking: limits.friends_asking_max,
        blocked: limits.friends_blocked_max,
    }
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
/// What a device is told of all rooms and of those it takes part in is no longer on the wire in the simulation.
const ROOMS_BYTES_MAX: usize = 16 * 1024;
/// No message of the simulation is longer on the wire.
const MESSAGE_BYTES_MAX: usize = 2048;

/// What a reply or a farewell counts for in a mailbox.
const REPLY_BYTES: usize = 128;
