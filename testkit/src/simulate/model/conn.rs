//! One connection: what it has said, what it has to hear and in which order, and when it has to end.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use chatroom_core::Instant;
use chatroom_core::frame::PREFIX_BYTES;
use chatroom_core::limits::Limits;
use chatroom_core::message::hello::Caps;
use chatroom_core::server::{Answer, GrantId};

use super::accounts::Question;
use super::hall::Hall;
use super::presence::{PRESENCE, Sight};
use super::rate::Tokens;
use super::room::Rooms;
use crate::simulate::names::LOBBY;
use crate::simulate::original::Original;
use crate::simulate::step::{Means, Said};

/// A connection as the model knows it.
pub struct Conn {
    /// Which of its line's connections it is.
    pub connection: u64,
    /// From which address.
    pub from: usize,
    pub stage: Stage,
    /// Where it is, as the hub has decided.
    pub place: Seat,
    /// When it logged in, in the order of arrivals.
    pub login: u64,
    /// What was to be seen then: of any later moment it may have been told as a device.
    pub login_moment: u64,
    /// The number of the last thing that was to be durable by then: none of those is its own.
    pub since: u64,
    /// It was told to go.
    pub is_dismissed: bool,
    /// Only because the server stops: it is still where it was.
    pub is_stopped: bool,
    /// Where it is, as it has heard.
    pub page: Option<Page>,
    /// What it knows as a device, if it is one and has heard so.
    pub hall: Option<Hall>,
    /// Its frames that were not looked at.
    pub said: VecDeque<Said>,
    /// How many bytes of them the server has.
    pub fed: usize,
    /// How many frames were looked at.
    pub frames: u64,
    /// What it has to hear.
    pub due: VecDeque<Due>,
    /// What of that waits in its mailbox, in bytes.
    pub waiting: usize,
    /// More has waited than may, whatever lists there were.
    pub is_overflowing: bool,
    /// So much has waited that with a list it was more than may.
    pub may_overflow: bool,
    /// An open question, and the mark of the request.
    pub asked: Option<(Question, &'static str, Option<String>)>,
    /// What it was granted.
    pub caps: Caps,
    /// What it is to be told that the store was asked, or why it is not.
    pub told: Result<String, &'static str>,
    pub histories: Tokens,
    /// How much of what it said is on its way to the disk.
    pub on_their_way: u32,
    /// It is looked at further when less is on its way to the disk.
    pub is_withheld: bool,
    /// A request of it waits for the disk.
    pub is_held: bool,
    /// The number by which it is told of its private conversations, if it has not been.
    pub telling: Option<u64>,
    /// It was told who is a friend.
    pub knows_ties: bool,
    /// The rooms of which it is told who comes and goes.
    pub watched: BTreeSet<usize>,
    /// Whom it saw after which of the hub's turns, as far as it may still hear of that.
    pub sights: VecDeque<(u64, Sight)>,
    /// What it has heard last was decided in that turn, or told after it.
    pub heard_turn: u64,
    /// What its program calls itself.
    pub client: Option<String>,
    /// What its login is called that lasts.
    pub grant: Option<GrantId>,
    /// Its answer, not looked at.
    pub answered: Option<Answer>,
    pub is_eof: bool,
    pub bad_frames: u32,
    pub auth_failures: u32,
    pub lists: Tokens,
    pub moves: Tokens,
    pub pings: Tokens,
    /// It was asked whether it is there, and has said nothing since.
    pub is_pinged: bool,
    /// It has to hear that question before anything else.
    pub is_to_be_asked: bool,
    pub registrations: Tokens,
    pub clocks: Clocks,
    /// Why it has to end now.
    pub reason: Option<&'static str>,
    pub original: Original,
    /// A list that may come a second time: one that was asked for and one that was not read the same.
    spare: Option<Rc<str>>,
    /// The same of who is here, until something else comes by the mailbox.
    spares: Vec<String>,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It has not finished its handshake.
    Handshake,
    /// It is talked with.
    Open,
    /// The server has said all it will.
    Lingering,
}

/// Where the hub has a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    /// Without a login, since that moment in the order of arrivals.
    Visitor(u64),
    /// Logged in.
    In {
        /// As whom.
        user: usize,
        /// In which room.
        room: usize,
    },
    /// Logged in, and wherever its user takes part.
    Hall {
        /// As whom.
        user: usize,
    },
    /// Nowhere any more.
    Nowhere,
}

/// What a connection has heard of where it is.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// In which room.
    pub room: usize,
    /// The version of its list that it was given last.
    pub seen: u64,
    /// The version there was when something was decided that it has heard: no older list may follow.
    pub floor: u64,
}

/// Something that a connection has to hear.
pub struct Due {
    pub what: What,
    /// The version of its room's list when that was decided.
    pub version: u64,
    /// When that was.
    pub moment: u64,
    /// In which turn of the hub.
    pub turn: u64,
    /// What it counts for in a mailbox, in bytes; 0 for what goes through none.
    pub cost: usize,
    /// It answers a request of this connection.
    pub is_answer: bool,
}

/// What is to be heard.
#[derive(Debug)]
pub enum What {
    /// Exactly this.
    Text(Rc<str>),
    /// Exactly this, at once after what comes before.
    Follows(Rc<str>),
    /// Exactly this, and nobody is logged in after it.
    LoggedOut(Rc<str>),
    /// A list that belongs to an answer, and is what is known of that room from then on.
    List {
        text: Rc<str>,
        room: usize,
        version: u64,
        /// It follows the answer at once; otherwise it is the answer.
        follows: bool,
    },
    /// A refusal, in any words.
    Error { kind: &'static str, code: &'static str, retry: Retry, rid: Option<String> },
    /// A refusal that ends the connection.
    Farewell(&'static str),
}

/// Whether a refusal says when to come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It does not.
    Never,
    /// It does.
    Sometime,
    /// In exactly so many milliseconds.
    In(u64),
}

/// When a connection has to be told the time, and why.
#[derive(Default)]
pub struct Clocks {
    pub handshake: Option<Instant>,
    pub login: Option<Instant>,
    pub pace: Option<Instant>,
    pub frame: Option<Instant>,
    /// What is left for a frame while its clock stands.
    pub frame_left: Option<Duration>,
    pub linger: Option<Instant>,
    pub stall: Option<Instant>,
    /// When it has been silent for too long, if it can be asked.
    pub silence: Option<Instant>,
}

impl Conn {
    pub fn new(connection: u64, from: usize, arrival: u64, handshake_end: Instant) -> Self {
        Self {
            connection,
            from,
            stage: Stage::Handshake,
            place: Seat::Visitor(arrival),
            login: 0,
            login_moment: 0,
            since: 0,
            is_dismissed: false,
            is_stopped: false,
            page: None,
            hall: None,
            said: VecDeque::new(),
            fed: 0,
            frames: 0,
            due: VecDeque::new(),
            waiting: 0,
            is_overflowing: false,
            may_overflow: false,
            asked: None,
            caps: Caps::default(),
            told: Err("unavailable"),
            histories: Tokens::default(),
            on_their_way: 0,
            is_withheld: false,
            is_held: false,
            telling: None,
            knows_ties: false,
            watched: BTreeSet::new(),
            sights: VecDeque::new(),
            heard_turn: 0,
            client: None,
            grant: None,
            answered: None,
            is_eof: false,
            bad_frames: 0,
            auth_failures: 0,
            lists: Tokens::default(),
            moves: Tokens::default(),
            pings: Tokens::default(),
            is_pinged: false,
            is_to_be_asked: false,
            registrations: Tokens::default(),
            clocks: Clocks { handshake: Some(handshake_end), ..Clocks::default() },
            reason: None,
            original: Original::default(),
            spare: None,
            spares: Vec::new(),
        }
    }

    /// Whether the next request may be looked at: none is being answered.
    pub fn is_idle(&self) -> bool {
        self.asked.is_none()
            && !self.is_withheld
            && !self.is_held
            && !self.due.iter().any(|due| due.is_answer)
    }

    pub fn user(&self) -> Option<usize> {
        match self.place {
            Seat::In { user, .. } | Seat::Hall { user } => Some(user),
            Seat::Visitor(_) | Seat::Nowhere => None,
        }
    }

    /// The room it is in, as the hub has decided, if it is in one at a time.
    pub fn room(&self) -> Option<usize> {
        match self.place {
            Seat::In { room, .. } => Some(room),
            Seat::Visitor(_) | Seat::Hall { .. } | Seat::Nowhere => None,
        }
    }

    pub fn is_in_lobby(&self) -> bool {
        self.page.is_some_and(|page| page.room == LOBBY)
    }

    /// The `type` of an answer to a request of that type.
    pub fn answer_type(&self, kind: &'static str) -> &'static str {
        if kind == "list" && self.page.is_some() && !self.is_in_lobby() { "list_room" } else { kind }
    }

    /// Whether so much may wait for it that it is more than may: differences that a device was not asked for are many.
    pub fn may_have_overflowed(&self, rooms: &Rooms, limits: &Limits) -> bool {
        let floor = self.hall.as_ref().map_or(0, |hall| hall.floor).max(self.login_moment);
        let changes = usize::try_from(rooms.moment() - floor).unwrap_or(usize::MAX);
        let bytes = if self.caps.multi { changes.saturating_mul(CHANGE_BYTES_MAX) } else { 0 };
        self.may_overflow || self.waiting.saturating_add(bytes) > limits.outbox_bytes_max
    }

    /// Whether it is logged in, as far as it has heard.
    pub fn has_logged_in(&self) -> bool {
        self.page.is_some() || self.hall.is_some()
    }

    /// JSON bytes that a frame may have now.
    pub fn frame_bytes_max(&self, limits: &Limits) -> usize {
        if self.has_logged_in() { limits.frame_bytes_max } else { limits.frame_before_login_bytes_max }
    }

    /// Something was heard of it.
    pub fn break_silence(&mut self, now: Instant, limits: &Limits) {
        if self.caps.ping {
            self.is_pinged = false;
            self.clocks.silence = Some(now + Duration::from_millis(limits.silent_probe_ms));
        }
    }

    /// Whether it may be read from, as far as it is not about what waits for it.
    pub fn has_room(&self, limits: &Limits) -> bool {
        self.fed < self.frame_bytes_max(limits) + PREFIX_BYTES
    }

    /// Why the next thing in the stream is no frame, if its length is there and wrong.
    pub fn refused_frame(&self, limits: &Limits) -> Option<&'static str> {
        let length = self.said.front().filter(|_| self.fed >= 4)?.bytes.first_chunk::<4>()?;
        match u32::from_be_bytes(*length) as usize {
            0 => Some("frame_empty"),
            length if length > self.frame_bytes_max(limits) => Some("frame_too_large"),
            _ => None,
        }
    }

    /// Whether a whole frame is there to be looked at.
    pub fn has_frame(&self) -> bool {
        let is_whole = |said: &&Said| !matches!(said.means, Means::Unfinished | Means::Refused);
        let front = self.said.front().filter(is_whole);
        front.is_some_and(|said| self.fed >= said.bytes.len())
    }

    /// Whether it was told by something that it has to go, and has not heard it.
    pub fn has_farewell(&self) -> bool {
        self.due.iter().any(|due| matches!(due.what, What::Farewell(_)))
    }

    /// The oldest version of a room's list that matters to it.
    pub fn oldest_list(&self, room: usize) -> Option<u64> {
        let known = self.page.filter(|page| page.room == room).map(|page| page.seen);
        let due = self.due.iter().filter_map(|due| match due.what {
            What::List { room: other, version, .. } if other == room => Some(version),
            _ => None,
        });
        known.into_iter().chain(due).min()
    }

    /// Puts down something to be heard.
    pub fn push(&mut self, due: Due, limits: &Limits) {
        self.waiting += due.cost;
        self.is_overflowing |= self.waiting > limits.outbox_bytes_max;
        self.may_overflow |= self.waiting + limits.list_bytes_max + 256 > limits.outbox_bytes_max;
        self.due.push_back(due);
    }

    /// It hears a frame: the next thing that is due, or a list that nobody asked for. What it was is returned.
    pub fn hear(&mut self, json: &str, rooms: &Rooms) -> Result<Heard, String> {
        if let Some(due) = self.due.front()
            && due.what.is(json)
        {
            let due = self.due.pop_front().expect("it was just looked at");
            self.waiting -= due.cost;
            if due.cost > 0
                && let Some(page) = &mut self.page
            {
                page.floor = page.floor.max(due.version);
            }
            self.note_turn(json, &due);
            self.note_list(&due.what, rooms);
            self.note_hall(json, (due.cost > 0).then_some(due.moment))?;
            return Ok(Heard::Due(due.what));
        }
        let next = self.due.front();
        let is_between =
            !matches!(next.map(|due| &due.what), Some(What::List { follows: true, .. } | What::Follows(_)));
        if is_between && json.starts_with(PRESENCE) && self.hall.is_some() {
            let before = next.map_or(u64::MAX, |due| due.turn);
            return self.hear_who_is_here(json, before).map(|()| Heard::Unasked);
        }
        if is_between
            && let Some(hall) = &mut self.hall
            && hall.learn_unasked(json, rooms, next.map_or(rooms.moment(), |due| due.moment))?
        {
            return Ok(Heard::Unasked);
        }
        if is_between && let Some(page) = &mut self.page {
            let to = next.map_or_else(|| rooms.version(page.room), |due| due.version);
            let from = page.floor.max(page.seen + 1);
            if let Some(version) = rooms.find_version(page.room, from, to, json) {
                *page = Page { seen: version, floor: version, ..*page };
                return Ok(Heard::Unasked);
            }
        }
        if self.spare.take_if(|spare| **spare == *json).is_some() {
            return Ok(Heard::Unasked);
        }
        Err(match self.due.front() {
            Some(due) => format!("got\n  {json}\nwhere this was due:\n  {:?}", due.what),
            None => format!("got this, and nothing was due:\n  {json}"),
        })
    }

    /// What somebody who may know it is told of who is here, when it was so.
    fn hear_who_is_here(&mut self, json: &str, before: u64) -> Result<(), String> {
        match (self.find_sight(json, before), self.spares.iter().position(|spare| spare == json)) {
            (Some(turn), _) => self.hear_turn(turn),
            (None, Some(index)) => drop(self.spares.remove(index)),
            (None, None) => {
                return Err(format!(
                    "got\n  {json}\nand could see, since it heard something, {:?}",
                    self.sights
                ));
            }
        }
        self.note_hall(json, None)
    }

    /// It has heard what was decided in a turn, so nothing older follows; but what it was told of who is here may as well have
    /// been told unasked, and then it comes again.
    fn note_turn(&mut self, json: &str, due: &Due) {
        if json.starts_with(PRESENCE) && self.find_sight(json, due.turn).is_some() {
            self.spares.push(json.to_owned());
        } else if due.cost > 0 {
            self.hear_turn(due.turn);
            self.spares.clear();
        }
    }

    fn note_list(&mut self, what: &What, rooms: &Rooms) {
        match what {
            What::List { text, room, version, follows } => {
                let was = self.page.filter(|page| page.room == *room && !follows);
                // The one just heard may as well have been a list that nobody asked for.
                let could_be_unasked = was.is_some_and(|page| {
                    page.seen < *version && rooms.find_version(*room, page.seen + 1, *version, text).is_some()
                });
                if could_be_unasked || was.is_none() {
                    self.spare = could_be_unasked.then(|| Rc::clone(text));
                }
                let floor = was.map_or(*version, |page| page.floor);
                self.page = Some(Page { room: *room, seen: *version, floor });
            }
            What::LoggedOut(_) => {
                self.page = None;
                self.hall = None;
                self.spare = None;
            }
            What::Text(_) | What::Follows(_) | What::Error { .. } | What::Farewell(_) => {}
        }
    }

    /// What it has heard is something that a device learns from. Only who asked for that is told of rooms.
    fn note_hall(&mut self, json: &str, moment: Option<u64>) -> Result<(), String> {
        if self.hall.is_none() && self.caps.multi && json.starts_with(r#"{"type":"rooms","status":"ok""#) {
            self.hall = Some(Hall::default());
        }
        self.hall.as_mut().map_or(Ok(()), |hall| hall.learn(json, moment))
    }
}

/// So many bytes a device is told of somebody who comes to a room or goes: of the two rooms, and of who that is.
const CHANGE_BYTES_MAX: usize = 1024;

/// What a connection has heard.
pub enum Heard {
    /// What was due.
    Due(What),
    /// A list that nobody asked for.
    Unasked,
}

impl What {
    /// Whether that is it.
    fn is(&self, json: &str) -> bool {
        match self {
            Self::Text(text) | Self::Follows(text) | Self::LoggedOut(text) | Self::List { text, .. } => {
                **text == *json
            }
            Self::Error { kind, code, retry, rid } => is_error(json, kind, code, *retry, rid.as_deref()),
            Self::Farewell(code) => is_error(json, "error", code, Retry::Never, None),
        }
    }
}

/// Whether that is an error of this type and code, whatever its words are.
pub fn is_error(json: &str, kind: &str, code: &str, retry: Retry, rid: Option<&str>) -> bool {
    let rest = json.strip_prefix(r#"{"type":""#).and_then(|rest| rest.strip_prefix(kind));
    let Some(rest) = rest.and_then(|rest| rest.strip_prefix(r#"","status":"error","message":""#)) else {
        return false;
    };
    let Some(mut rest) = rest.strip_suffix('}') else { return false };
    if let Some(rid) = rid {
        let Some(before) = rest.strip_suffix(&format!(r#","rid":"{rid}""#)) else { return false };
        rest = before;
    }
    if retry != Retry::Never {
        let Some((before, ms)) = rest.rsplit_once(r#","retry_ms":"#) else { return false };
        let Ok(ms) = ms.parse::<u64>() else { return false };
        if matches!(retry, Retry::In(exactly) if exactly != ms) {
            return false;
        }
        rest = before;
    }
    rest.ends_with(&format!(r#"","code":"{code}""#))
}

impl Clocks {
    /// When the first of them runs out.
    pub fn next(&self) -> Option<Instant> {
        let ends = [self.handshake, self.login, self.frame, self.linger, self.stall, self.silence];
        ends.into_iter().chain([self.pace]).flatten().min()
    }

    /// The connection ends its sending side: from now on it only waits for the client to go.
    pub fn finish(&mut self, now: Instant, limits: &Limits) {
        let linger = now + Duration::from_millis(limits.linger_ms_max);
        *self = Self { linger: Some(linger), ..Self::default() };
    }

    /// The clock of a frame runs while the rest of it could arrive, and stands otherwise.
    pub fn run_frame(&mut self, now: Instant, is_reading: bool, limits: &Limits) {
        match (is_reading, self.frame) {
            (true, None) => {
                let left = self.frame_left.unwrap_or(Duration::from_millis(limits.frame_ms_max));
                self.frame = Some(now + left);
            }
            (false, Some(at)) => {
                self.frame_left = Some(at.since(now));
                self.frame = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// A client has to take something within a time while anything waits for it.
    pub fn run_stall(&mut self, now: Instant, has_taken: bool, is_waiting: bool, limits: &Limits) {
        if !is_waiting {
            self.stall = None;
        } else if has_taken || self.stall.is_none() {
            self.stall = Some(now + Duration::from_millis(limits.outbox_stall_ms_max));
        }
    }
}
