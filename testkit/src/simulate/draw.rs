//! Draws what happens next, from a seed and from how things stand.

mod hall;
mod many;

use std::collections::VecDeque;
use std::time::Duration;

use chatroom_core::message::hello::Caps;
use chatroom_core::message::history::Edge;
use chatroom_core::message::presence::PresenceState;
use chatroom_core::server::GrantId;
use fastrand::Rng;
use server_common::session::Session;

use super::desk::{INVITE, token};
use super::model::Phase;
use super::names::{PASSWORDS, PROGRAMS, room, user};
use super::step::{Credentials, Fault, From, Keep, Means, Of, Said, Step, To, Wish};
use super::swarm::Swarm;
use super::town::{ADDRESSES, Town};

/// Whoever decides what happens.
pub struct Fate {
    rng: Rng,
    /// Lines whose network takes nothing for now.
    stalled: Vec<bool>,
    /// Numbers what is said, so that no two messages are the same.
    said: u64,
    /// What happens next in any case.
    next: Option<Step>,
    /// What was said lately and may be said again, by whom, and whether by a device.
    recent: VecDeque<(Option<usize>, bool, To, String, String)>,
}

/// How much of what was said may be said again.
const RECENT: usize = 12;

impl Fate {
    /// Draws from `rng`.
    pub fn new(rng: Rng, swarm: &Swarm) -> Self {
        Self { rng, stalled: vec![false; swarm.lines], said: 0, next: None, recent: VecDeque::new() }
    }

    /// What happens next.
    pub fn draw(&mut self, town: &Town) -> Step {
        if let Some(step) = self.next.take() {
            return step;
        }
        let swarm = &town.swarm;
        if self.rng.u16(..250) == 0
            && let Some(step) = self.misfortune(swarm)
        {
            return step;
        }
        if swarm.forgets && self.rng.u16(..300) == 0 {
            return self.let_go(swarm);
        }
        // Somebody who has just come into a room, and does not know yet, is deleted more often than chance would have it.
        let joining = town.model.joining();
        let odds = if joining.is_some() { 100 } else { 400 };
        if swarm.deletions
            && self.rng.u16(..odds) == 0
            && let Some(step) = self.deletion(town, joining)
        {
            return step;
        }
        if self.rng.u8(..100) >= swarm.hurry
            && let Some(step) = self.movement(town)
        {
            return step;
        }
        if self.rng.u8(..100) < 8 {
            return Step::Pass(self.time());
        }
        self.act(town)
    }

    /// What nobody wants to happen.
    fn misfortune(&mut self, swarm: &Swarm) -> Option<Step> {
        let line = self.rng.usize(..swarm.lines);
        match self.rng.u8(..15) {
            0..=2 if swarm.stalls => {
                self.stalled[line] = !self.stalled[line];
                None
            }
            3 | 4 if swarm.cuts => Some(Step::Cut(line)),
            5 | 6 if swarm.ends => Some(Step::End(line)),
            7 if swarm.jumps => Some(Step::Jump(self.time() * 20)),
            8 | 9 if swarm.repeats => Some(Step::Repeat),
            10 if swarm.crashes && self.rng.u8(..4) == 0 => Some(Step::Crash),
            11 if swarm.stops && self.rng.u8(..20) == 0 => Some(Step::ShutDown),
            12 => Some(Step::Doubt(line)),
            13 | 14 if swarm.restarts && swarm.crowds > 0 => {
                let line = self.rng.usize(..swarm.crowds);
                Some(Step::EndProgram { line, is_kept: self.rng.u8(..6) > 0 })
            }
            _ => Some(Step::Wake(line)),
        }
    }

    /// Of some conversations a few messages are kept, and what was said in the last moments.
    fn let_go(&mut self, swarm: &Swarm) -> Step {
        let messages = if self.rng.bool() { self.rng.u32(1..20) } else { 0 };
        let age_max = (messages == 0 || self.rng.u8(..4) == 0).then(|| self.time() * 10);
        let fault = if swarm.faults && self.rng.u8(..8) == 0 { Fault::Busy } else { Fault::None };
        Step::LetGo(Keep { messages, age_max }, fault)
    }

    /// Somebody's account is deleted, and sooner or later the server hears of it. Some people are left.
    fn deletion(&mut self, town: &Town, joining: Option<usize>) -> Option<Step> {
        if joining.is_none() && self.rng.u8(..3) > 0 {
            return Some(Step::Reload);
        }
        let users: Vec<usize> = town.model.accounts().map(|(user, _)| user).collect();
        if users.len() < 3 || (joining.is_none() && self.rng.u8(..3) > 0) {
            return None;
        }
        self.next = self.rng.bool().then_some(Step::Reload);
        let fault = if town.swarm.faults && self.rng.u8(..8) == 0 { Fault::Busy } else { Fault::None };
        let user = joining.filter(|user| users.contains(user));
        Some(Step::Delete(user.unwrap_or_else(|| users[self.rng.usize(..users.len())]), fault))
    }

    /// Something that is on its way moves on, if anything is.
    fn movement(&mut self, town: &Town) -> Option<Step> {
        if town.has_work() && self.rng.u8(..8) == 0 {
            return Some(Step::Work(self.fault(&town.swarm)));
        }
        if town.has_writing() && self.rng.u8(..4) == 0 {
            return Some(self.write(&town.swarm));
        }
        if town.is_alarmed && self.rng.u8(..4) == 0 {
            return Some(Step::Tick);
        }
        let (count, first) = (town.lines.len(), self.rng.usize(..town.lines.len()));
        let turn = self.rng.u8(..3);
        for line in (first..count).chain(0..first) {
            for way in 0..3 {
                let step = match (way + turn) % 3 {
                    0 if town.lines[line].can_carry() => Step::Carry(line, self.piece(&town.swarm)),
                    1 if town.lines[line].can_take() && !self.stalled[line] => {
                        Step::Take(line, self.piece(&town.swarm))
                    }
                    2 if town.lines[line].is_rung => Step::Wake(line),
                    _ => continue,
                };
                return Some(step);
            }
        }
        if town.has_work() {
            return Some(Step::Work(self.fault(&town.swarm)));
        }
        if town.has_writing() {
            return Some(self.write(&town.swarm));
        }
        town.is_alarmed.then_some(Step::Tick)
    }

    fn write(&mut self, swarm: &Swarm) -> Step {
        let count_max = if self.rng.bool() { usize::MAX } else { self.rng.usize(1..4) };
        Step::Write(count_max, self.fault(swarm))
    }

    /// Somebody does something.
    fn act(&mut self, town: &Town) -> Step {
        let swarm = &town.swarm;
        let line = self.rng.usize(..swarm.lines);
        let Some(session) = &town.lines[line].session else {
            // Also who has no connection has something to say.
            if town.lines[line].window.is_some() && self.rng.bool() {
                return self.say_in_many(town, line);
            }
            return self.connect(line, swarm);
        };
        if session.is_finishing() {
            return self.answer_the_end(line, session);
        }
        if town.lines[line].is_up_ended {
            return Step::Pass(self.time());
        }
        if town.lines[line].window.is_some() {
            return self.act_in_many(town, line);
        }
        if town.lines[line].client.is_some() {
            return Step::Wish(line, self.wish(town, line));
        }
        Step::Say(line, self.words(town, line))
    }

    fn connect(&mut self, line: usize, swarm: &Swarm) -> Step {
        self.stalled[line] = false;
        let from = if swarm.is_local { 0 } else { self.rng.usize(..ADDRESSES.len()) };
        let is_secure = !(swarm.strangers && self.rng.u8(..4) == 0);
        Step::Connect { line, from, is_secure }
    }

    /// The server has ended its side: most clients end theirs.
    fn answer_the_end<W, T>(&mut self, line: usize, session: &Session<W, T>) -> Step
    where
        W: server_common::exchange::Wake,
        T: server_common::session::Transport,
    {
        match self.rng.u8(..4) {
            0 => Step::Cut(line),
            1 if session.wants_read() => Step::End(line),
            _ => Step::Pass(self.time()),
        }
    }

    /// What a client without manners says, most of it sensible.
    fn words(&mut self, town: &Town, line: usize) -> Said {
        let swarm = &town.swarm;
        if self.rng.u8(..100) < swarm.nonsense {
            return self.nonsense(town, line);
        }
        let phase = town.model.phase(line);
        // Who is on their way in by a login may find that it has ended.
        let arriving = town.model.arriving(line).filter(|_| self.rng.bool());
        let means = match (phase, self.rng.u8(..100)) {
            (Phase::Lobby | Phase::Chat | Phase::Hall, _) if arriving.is_some() => {
                arriving.map_or(Means::Logins, Means::EndLogin)
            }
            (_, 95..97) if town.model.pings(line) => Means::Ping,
            (_, 97..99) if town.model.pings(line) => Means::Pong,
            (Phase::Lobby | Phase::Chat | Phase::Hall, 93..95) if town.model.tells_logins(line) => {
                self.login(town, line).map_or(Means::Logins, Means::EndLogin)
            }
            (Phase::Auth, 0..40) if town.model.is_silent(line) => self.hello(swarm),
            (Phase::Auth, 0..12) => self.hello(swarm),
            (Phase::Auth, 12..18) => Means::Resume(self.token(town)),
            (Phase::Auth, 18..50) => {
                let invite = [None, Some("nonsense"), Some(INVITE), Some(INVITE)][self.rng.usize(..4)];
                Means::Register(Credentials { invite, ..self.credentials(town) })
            }
            (Phase::Auth, _) => Means::Login(self.credentials(town)),
            (Phase::Lobby | Phase::Chat, 0..20) if town.model.reads_history(line) => self.history(town, line),
            (Phase::Lobby, 0..15) => Means::List,
            (Phase::Lobby, 15..35) => Means::Create(Some(self.room(swarm))),
            (Phase::Lobby, 35..93) => Means::Enter(Some(self.room(swarm))),
            (Phase::Lobby, _) => Means::Logout,
            (Phase::Hall, how) => self.words_in_hall(town, line, how),
            (Phase::Chat, 0..10) => Means::List,
            (Phase::Chat, 10..17) => Means::Exit,
            (Phase::Chat, how) => {
                let to = if how < 40 { To::User(self.user(swarm)) } else { To::Public };
                let own = town.model.user(line);
                let from = own.filter(|_| how % 2 == 0).map_or(From::Absent, From::User);
                self.message(town, line, from, to)
            }
        };
        let rid = match means {
            Means::List | Means::Rooms | Means::Presence(..) => Some(self.rid()),
            _ => self.rng.bool().then(|| self.rid()),
        };
        Said::request(means, rid)
    }

    fn nonsense(&mut self, town: &Town, line: usize) -> Said {
        let swarm = &town.swarm;
        let limits = &swarm.limits;
        let limit = match town.model.phase(line) {
            Phase::Auth => limits.frame_before_login_bytes_max,
            Phase::Lobby | Phase::Chat | Phase::Hall => limits.frame_bytes_max,
        };
        let rid = self.rid();
        let means = match self.rng.u8(..34) {
            0 => return Said::frame("hello", Means::Unreadable, None),
            1 => return Said::frame(r#"{"type":"list","type":"list"}"#, Means::Unreadable, None),
            2 => return Said::frame("[]", Means::Unreadable, None),
            3 => {
                return Said::frame(
                    &format!(r#"{{"type":"nothing","rid":"{rid}"}}"#),
                    Means::Unknown,
                    Some(&rid),
                );
            }
            4 => return Said::frame(r#"{"type":"list","rid":7}"#, Means::UnfitHead("list"), None),
            5 => return Said::frame(r#"{"type":7}"#, Means::UnfitHead("error"), None),
            6 => {
                return Said::unfit("msg", r#"{"type":"msg","data":{"to":"public"}}"#);
            }
            7 => return Said::unfit("login", r#"{"type":"login"}"#),
            8 => {
                return Said::unfit("enter", r#"{"type":"enter","data":{"room":7}}"#);
            }
            9 => return Said::bytes(vec![0; 4], Means::Refused),
            10 => {
                let length = u32::try_from(limit + 1).expect("limits are small");
                return Said::bytes(length.to_be_bytes().to_vec(), Means::Refused);
            }
            11 => return Said::bytes(vec![0, 0, 0, 9, b'{'], Means::Unfinished),
            12..=14 => {
                let means = if town.model.phase(line) == Phase::Auth {
                    Means::Login(self.credentials(town))
                } else {
                    Means::List
                };
                return Said::request(means, Some(rid)).padded(limit);
            }
            15 => Means::Create(None),
            16 => Means::Enter(None),
            17 => Means::Register(Credentials { user: None, ..self.credentials(town) }),
            18 => Means::Login(Credentials { user: None, ..self.credentials(town) }),
            19 => Means::Register(Credentials { password: "123".into(), ..self.credentials(town) }),
            20 => Means::Register(Credentials { password: "x".repeat(513), ..self.credentials(town) }),
            21 => {
                let from = From::User(self.user(swarm).id);
                self.message(town, line, from, To::Public)
            }
            22 => self.message(town, line, From::Nobody, To::Nobody),
            23 => self.message(town, line, From::Absent, To::Nobody),
            24 => return Said::unfit("hello", r#"{"type":"hello","proto":0}"#),
            25 => self.hello(swarm),
            30 => {
                return match self.rng.u8(..3) {
                    0 => Said::unfit("friend", r#"{"type":"friend","data":{"op":"like"}}"#),
                    1 => Said::request(Means::Ties, Some(rid)),
                    _ => Said::request(Means::Tie(self.op(), None), Some(rid)),
                };
            }
            31 => {
                return match self.rng.u8(..3) {
                    0 => Said::unfit("presence", r#"{"type":"presence","data":{"state":"offline"}}"#),
                    _ => {
                        let code = self.text_fault();
                        Said::request(Means::Presence(self.state(), Some(Err(code))), Some(rid))
                    }
                };
            }
            32 => {
                return match self.rng.u8(..3) {
                    0 => Said::unfit("logins", r#"{"type":"logins","data":{"op":"end"}}"#),
                    1 => Said::request(Means::Logins, Some(rid)),
                    _ => Said::request(Means::EndLogin(self.rng.i64(-1..9)), Some(rid)),
                };
            }
            27 => Means::Exit,
            28 => Means::Rooms,
            29 => {
                let nobody = Said::unfit("read", r#"{"type":"read","data":{"room":"den"}}"#);
                return match self.rng.u8(..4) {
                    0 | 1 => nobody,
                    2 => Said::request(Means::Read(None, 1), Some(rid)),
                    _ => Said::request(Means::PeerRead(None, 1), Some(rid)),
                };
            }
            26 => return Said::unfit("ping", r#"{"type":"ping","data":[]}"#),
            _ => {
                let code = self.text_fault();
                Means::Msg { from: From::Absent, to: To::Public, text: Err(code), cid: None, room: None }
            }
        };
        Said::request(means, Some(rid))
    }

    fn caps(&mut self, swarm: &Swarm) -> Caps {
        let is_device = swarm.devices && (swarm.is_alone || self.rng.bool());
        let mut has = || self.rng.u8(..4) > 0;
        let caps = Caps {
            ack: has(),
            history: has(),
            resume: has(),
            ping: has(),
            multi: is_device,
            friends: has(),
            presence: has(),
            logins: has(),
        };
        // Who asks for less than it needs is not granted it.
        if is_device && self.rng.u8(..8) > 0 { Caps { ack: true, history: true, ..caps } } else { caps }
    }

    fn hello(&mut self, swarm: &Swarm) -> Means {
        let program = PROGRAMS.get(self.rng.usize(..2 * PROGRAMS.len())).map(|name| (*name).to_owned());
        Means::Hello(self.caps(swarm), program)
    }

    /// What can be wrong with a text.
    fn text_fault(&mut self) -> &'static str {
        ["text_empty", "text_too_long", "text_invalid"][self.rng.usize(..3)]
    }

    fn state(&mut self) -> PresenceState {
        [PresenceState::Online, PresenceState::Away, PresenceState::Busy][self.rng.usize(..3)]
    }

    /// A login to be ended, most often one of those there are; or none.
    fn login(&mut self, town: &Town, line: usize) -> Option<i64> {
        let logins = town.model.logins_of(line);
        match self.rng.u8(..8) {
            0..2 => None,
            2 => Some(self.rng.i64(0..town.model.logins_begun() + 2)),
            _ if logins.is_empty() => None,
            _ => {
                let GrantId(login) = logins[self.rng.usize(..logins.len())].id;
                Some(login)
            }
        }
    }

    /// What somebody wants to read, most often where they are.
    fn history(&mut self, town: &Town, line: usize) -> Means {
        let of = match town.model.room_of(line).filter(|_| self.rng.u8(..4) > 0) {
            Some(room) => Of::Room(room),
            None if self.rng.u8(..8) == 0 => Of::Nobody,
            None if self.rng.u8(..4) == 0 => Of::Room(self.room(&town.swarm)),
            None => Of::Peer(self.user(&town.swarm)),
        };
        let edge = match self.rng.u8(..3) {
            0 => Edge::End,
            1 => Edge::Before(self.rng.u64(..30)),
            _ => Edge::After(self.rng.u64(..30)),
        };
        let limit = [None, Some(self.rng.usize(1..5)), Some(100)][self.rng.usize(..3)];
        Means::History { of, edge, limit }
    }

    /// Something to say; often with a name of its own, and now and then one that was said before.
    fn message(&mut self, town: &Town, line: usize, from: From, to: To) -> Means {
        let (swarm, author) = (&town.swarm, town.model.user(line));
        // An original client takes what another connection says as it did for its own.
        let is_device = town.model.phase(line) == Phase::Hall;
        let alike: Vec<_> = self.recent.iter().filter(|(_, other, ..)| *other == is_device).collect();
        if !alike.is_empty() && self.rng.u8(..6) == 0 {
            let own = alike.iter().rev().find(|(user, ..)| *user == author);
            let any = alike[self.rng.usize(..alike.len())];
            let (_, _, to, text, cid) = own.copied().unwrap_or(any).clone();
            let text = if self.rng.u8(..8) == 0 { self.text(swarm) } else { text };
            return Means::Msg { from, to, text: Ok(text), cid: Some(cid), room: None };
        }
        let text = self.text(swarm);
        let cid = (self.rng.u8(..3) > 0).then(|| format!("m{}", self.said));
        if let Some(cid) = &cid {
            self.recent.push_back((author, is_device, to, text.clone(), cid.clone()));
            if self.recent.len() > RECENT {
                self.recent.pop_front();
            }
        }
        let room = (self.rng.u8(..8) == 0).then(|| self.room(swarm));
        Means::Msg { from, to, text: Ok(text), cid, room }
    }

    /// What a person wants of a client of this project.
    fn wish(&mut self, town: &Town, line: usize) -> Wish {
        let swarm = &town.swarm;
        match (town.model.phase(line), self.rng.u8(..100)) {
            (Phase::Lobby | Phase::Chat, 97..) => self.login(town, line).map_or(Wish::Logins, Wish::EndLogin),
            (Phase::Auth, 0..50) => Wish::Register(self.user(swarm), PASSWORDS[self.rng.usize(..2)]),
            (Phase::Auth, _) => Wish::Login(self.user(swarm), PASSWORDS[self.rng.usize(..2)]),
            (Phase::Lobby, 0..15) => Wish::List,
            (Phase::Lobby, 15..35) => Wish::Create(self.room(swarm)),
            (Phase::Lobby, 35..93) => Wish::Enter(self.room(swarm)),
            (Phase::Lobby | Phase::Hall, _) => Wish::Logout,
            (Phase::Chat, 0..10) => Wish::List,
            (Phase::Chat, 10..16) => Wish::Exit,
            (Phase::Chat, 16..20) => Wish::Older,
            (Phase::Chat, how) => {
                let to = (how < 40).then(|| self.user(swarm));
                self.said += 1;
                Wish::Say(to, format!("c{}", self.said))
            }
        }
    }

    /// A user and a password that is often theirs.
    fn credentials(&mut self, town: &Town) -> Credentials {
        let name = self.user(&town.swarm);
        let right = town.model.password(name.id).filter(|_| self.rng.u8(..5) > 0);
        let password = right.unwrap_or_else(|| PASSWORDS[self.rng.usize(..PASSWORDS.len())]).to_owned();
        Credentials { user: Some(name), password, invite: None }
    }

    /// A token, most likely one that was given to somebody.
    fn token(&mut self, town: &Town) -> String {
        let count = town.model.tokens();
        if count == 0 || self.rng.u8(..10) == 0 {
            return "nonsense".into();
        }
        let newest = count.saturating_sub(12);
        token(self.rng.u64(newest..count))
    }

    fn user(&mut self, swarm: &Swarm) -> super::names::Name {
        user(self.rng.usize(..swarm.users), self.rng.usize(..2))
    }

    fn room(&mut self, swarm: &Swarm) -> super::names::Name {
        room(self.rng.usize(..swarm.rooms), self.rng.usize(..2))
    }

    fn rid(&mut self) -> String {
        self.said += 1;
        format!("r{}", self.said)
    }

    fn text(&mut self, swarm: &Swarm) -> String {
        self.said += 1;
        let number = self.said;
        match self.rng.u8(..20) {
            0..=2 if swarm.long_texts => format!("w{number} {}", "x".repeat(self.rng.usize(..900))),
            3 => format!(r#"w{number} \"quoted\"\n\tand \\ more"#),
            4 => format!("w{number} \u{4f60}\u{597d} \u{1f600}"),
            _ => format!("w{number}"),
        }
    }

    /// How many bytes move at once.
    fn piece(&mut self, swarm: &Swarm) -> usize {
        match self.rng.u8(..3) {
            0 if swarm.splits => self.rng.usize(1..8),
            1 if swarm.splits => self.rng.usize(1..200),
            _ => usize::MAX,
        }
    }

    fn fault(&mut self, swarm: &Swarm) -> Fault {
        match self.rng.u8(..40) {
            0..=2 if swarm.faults => Fault::Busy,
            3..=7 if swarm.faults => Fault::Full,
            8 if swarm.crashes => Fault::CrashBefore,
            9 if swarm.crashes => Fault::CrashAfter,
            _ => Fault::None,
        }
    }

    /// Mostly moments, seldom minutes.
    fn time(&mut self) -> Duration {
        let most = [10, 100, 1_000, 10_000, 100_000, 3_000_000][self.rng.usize(..6)];
        let scale = if self.rng.u8(..30) == 0 { 30_000 } else { 100 };
        Duration::from_micros(self.rng.u64(..most) * scale / 100)
    }
}
