//! What each request has to be answered, whatever it is about.

use std::time::Duration;

use chatroom_core::message::hello::Caps;
use chatroom_core::message::history::Edge;
use chatroom_core::server::{Answer, Refusal};

use super::accounts::Question;
use super::annals::{Conversation, Recall};
use super::conn::{Retry, Seat, What};
use super::journal::{self, Telling};
use super::rate::whole_ms;
use super::{Model, NO_HASH, REPLY_BYTES};
use crate::simulate::desk::Asked;
use crate::simulate::names::{LOBBY, UNFIT_PROGRAMS};
use crate::simulate::step::{Credentials, Means, Of, Said};
use crate::simulate::town::HOUSEHOLDS;

impl Model {
    /// The oldest frame of a connection is looked at.
    pub(super) fn look_at_next(&mut self, line: usize, asked: &mut Vec<Asked>) -> Result<(), String> {
        let limits = &self.swarm.limits;
        let conn = self.conns[line].as_mut().expect("who says something is connected");
        if conn.is_dismissed {
            return Err("a request was looked at of who was told to go".into());
        }
        if !conn.has_frame() || conn.refused_frame(limits).is_some() {
            return Err("a request was looked at that is not there".into());
        }
        let said = conn.said.pop_front().expect("there is one");
        conn.fed -= said.bytes.len();
        conn.frames += 1;
        if said.bytes.len() - 4 == conn.frame_bytes_max(limits) {
            self.coverage.reach("frame_at_the_limit");
        }
        match &said.means {
            Means::Msg { text, .. } => conn.original.asks(text.as_deref().unwrap_or_default()),
            means if means.kind() == "hello" => conn.original.greets(),
            means if means.kind() == "msg" => conn.original.asks(""),
            _ => {}
        }
        self.look_at(line, said, asked)
    }

    fn look_at(&mut self, line: usize, said: Said, asked: &mut Vec<Asked>) -> Result<(), String> {
        let kind = self.conn(line).answer_type(said.means.kind());
        let Said { mut means, rid, .. } = said;
        let mut kind = kind;
        // What was not granted does not exist.
        let caps = self.conn(line).caps;
        let is_missing = match means {
            Means::Resume(_) => !caps.resume,
            Means::History { .. } => !caps.history,
            Means::Ping | Means::Pong | Means::UnfitData("ping") => !caps.ping,
            Means::Rooms
            | Means::Roster(_)
            | Means::Read(..)
            | Means::PeerRead(..)
            | Means::UnfitData("read" | "roster") => !caps.multi,
            Means::Ties | Means::Tie(..) | Means::UnfitData("friend") => !caps.friends,
            Means::Presence(..) | Means::UnfitData("presence") => !caps.presence,
            Means::Logins | Means::EndLogin(_) | Means::UnfitData("logins") => !caps.logins,
            _ => false,
        };
        if is_missing {
            (means, kind) = (Means::Unknown, "error");
        }
        // Who is in many rooms says which one, and of nobody else is that asked.
        means = match means {
            Means::Exit if caps.multi => Means::UnfitData("exit"),
            Means::Part(_) if !caps.multi => Means::Exit,
            means => means,
        };
        if let Some(code) = self.fault(line, &means) {
            let rid = if matches!(means, Means::UnfitHead(_)) { None } else { rid };
            self.coverage.reach(code);
            self.refuse(line, kind, code, Retry::Never, rid);
            return Ok(());
        }
        match means {
            Means::Hello(caps, client) => self.greet(line, caps, client, rid),
            Means::Register(credentials) => return self.register(line, credentials, rid, asked),
            Means::Login(credentials) => {
                // Who has hung up hears no answer.
                if self.conn(line).is_eof {
                    return Ok(());
                }
                let password = credentials.password;
                let question = match credentials.user.filter(|_| (1..=512).contains(&password.len())) {
                    Some(user) => {
                        let conn = self.conn(line);
                        Question::Verify(user, password, conn.caps.resume.then(|| conn.client.clone()))
                    }
                    None => Question::Decoy,
                };
                return self.ask(line, question, kind, rid, asked);
            }
            Means::Resume(token) => {
                if self.conn(line).is_eof {
                    return Ok(());
                }
                return self.ask(line, Question::Resume(token), kind, rid, asked);
            }
            Means::List => self.list(line, kind, rid),
            Means::Create(room) => self.create(line, room, rid),
            Means::Enter(room) if self.is_device(line) => self.join(line, room, rid),
            Means::Enter(room) => self.enter(line, room, rid),
            Means::Part(room) => self.part(line, room, rid),
            Means::Rooms => self.list_rooms(line, rid),
            Means::Roster(room) => self.list_people(line, room, rid),
            Means::Read(room, seq) => self.read(line, room, seq, rid),
            Means::PeerRead(peer, seq) => self.read_peer(line, peer, seq, rid),
            Means::Ties if self.may_list(line, "friend", &rid) => self.list_ties(line, rid),
            Means::Ties => {}
            Means::Tie(op, other) => self.tie(line, op, other, rid),
            Means::Presence(state, text) => self.present(line, state, text, rid),
            Means::Logins => return self.logins(line, None, rid, asked),
            Means::EndLogin(login) => return self.logins(line, Some(login), rid, asked),
            Means::Msg { from, to, text, cid, room } => {
                // What was not granted is passed over.
                let claim = if self.conn(line).caps.ack { (cid, room) } else { (None, None) };
                self.msg(line, from, to, text, claim, rid);
            }
            Means::History { of, edge, limit } => return self.history(line, (of, edge, limit), rid, asked),
            Means::Exit => self.exit(line, rid.as_deref()),
            Means::Logout => self.logout(line, rid.as_deref()),
            Means::Ping | Means::Pong => self.sign_of_life(line, kind, rid),
            Means::Unreadable
            | Means::Unknown
            | Means::UnfitHead(_)
            | Means::UnfitData(_)
            | Means::Refused
            | Means::Unfinished => return Err("what is no request was looked at as one".into()),
        }
        Ok(())
    }

    /// What is wrong with a request before its values are looked at.
    fn fault(&mut self, line: usize, means: &Means) -> Option<&'static str> {
        let bad_frames_max = self.swarm.limits.bad_frames_max;
        let conn = self.conns[line].as_mut().expect("who says something is connected");
        match means {
            Means::Unreadable => {
                conn.bad_frames += 1;
                if conn.bad_frames >= bad_frames_max {
                    conn.reason = Some("bad_frame");
                }
                return Some("bad_frame");
            }
            Means::Unknown => return Some("unknown_type"),
            Means::UnfitHead(_) => return Some("bad_request"),
            _ => {}
        }
        let allowed: &[&str] = match conn.page {
            None if conn.hall.is_some() => &[
                "rooms", "roster", "create", "enter", "exit", "msg", "read", "friend", "presence", "history",
                "logins", "logout",
            ],
            None => &["hello", "register", "login", "resume"],
            Some(page) if page.room == LOBBY => &["list", "create", "enter", "history", "logins", "logout"],
            Some(_) => &["list", "msg", "history", "logins", "exit"],
        };
        match means {
            means if matches!(means.kind(), "ping" | "pong") => {
                matches!(means, Means::UnfitData(_)).then_some("bad_request")
            }
            means if !allowed.contains(&means.kind()) => Some("wrong_state"),
            // Whoever is not logged in, and has not logged out, may have said something else before.
            means if means.kind() == "hello" && conn.frames > 1 => Some("wrong_state"),
            Means::UnfitData(_) => Some("bad_request"),
            _ => None,
        }
    }

    fn greet(&mut self, line: usize, caps: Caps, client: Option<String>, rid: Option<String>) {
        let is_kept = self.swarm.history;
        let (ack, history) = (caps.ack && is_kept, caps.history && is_kept);
        let multi = caps.multi && ack && history;
        let friends = caps.friends && multi;
        let (presence, logins) = (caps.presence && friends, caps.logins && caps.resume);
        let caps = Caps { ack, history, multi, friends, presence, logins, ..caps };
        self.conn_mut(line).caps = caps;
        self.conn_mut(line).client = client.filter(|name| !UNFIT_PROGRAMS.contains(&name.as_str()));
        let now = self.now;
        let limits = self.swarm.limits.clone();
        self.conn_mut(line).break_silence(now, &limits);
        let words = [
            (caps.ack, r#""ack""#),
            (caps.history, r#""history""#),
            (caps.resume, r#""resume""#),
            (caps.ping, r#""ping""#),
            (caps.multi, r#""multi""#),
            (caps.friends, r#""friends""#),
            (caps.presence, r#""presence""#),
            (caps.logins, r#""logins""#),
        ];
        let words: Vec<&str> = words.into_iter().filter(|(has, _)| *has).map(|(_, word)| word).collect();
        let caps = words.join(",");
        let registration = self.swarm.registration.as_str();
        let frame = self.swarm.limits.frame_bytes_max;
        let rid = rid.map(|rid| format!(r#","rid":"{rid}""#)).unwrap_or_default();
        let greeting = format!(
            r#"{{"type":"hello","status":"ok","data":{{"proto":1,"caps":[{caps}],"server":"chatroom 0.1.0","registration":"{registration}","limits":{{"frame":{frame},"text":4096,"name":32}}}}{rid}}}"#
        );
        self.coverage.reach("greeted");
        self.push(line, What::Text(greeting.into()), 0, true);
    }

    fn register(
        &mut self,
        line: usize,
        credentials: Credentials,
        rid: Option<String>,
        asked: &mut Vec<Asked>,
    ) -> Result<(), String> {
        let (now, limits) = (self.now, self.swarm.limits.clone());
        let conn = self.conn_mut(line);
        if conn.is_eof {
            return Ok(());
        }
        let Credentials { user, password, invite } = credentials;
        let Some(user) = user else { return self.deny(line, "register", "name_invalid", rid) };
        if password.len() > 512 {
            return self.deny(line, "register", "password_too_long", rid);
        }
        if password.chars().count() < limits.password_chars_min {
            return self.deny(line, "register", "password_too_short", rid);
        }
        let minute = Duration::from_secs(60);
        let (count, burst) = (limits.register_per_minute, limits.register_burst);
        if let Err(wait) = conn.registrations.take(now, count, minute, burst) {
            self.rate_limit(line, "register", wait, rid, 0);
            return Ok(());
        }
        self.ask(line, Question::Register(user, password, invite), "register", rid, asked)
    }

    fn history(
        &mut self,
        line: usize,
        (of, edge, limit): (Of, Edge, Option<usize>),
        rid: Option<String>,
        asked: &mut Vec<Asked>,
    ) -> Result<(), String> {
        let here = self.room_of(line);
        let reader = self.conn(line).user().expect("only who is logged in comes here");
        let (place, conversation) = match of {
            Of::Room(room) => {
                let there = match here.filter(|here| room.id == here.id) {
                    Some(here) => Some((format!(r#""room":"{}""#, here.text), Conversation::Room(here))),
                    None if self.is_device(line) => self.conversation_of(line, room),
                    None => None,
                };
                let Some(there) = there else { return self.deny(line, "history", "not_in_room", rid) };
                there
            }
            Of::Nobody => return self.deny(line, "history", "name_invalid", rid),
            Of::Peer(peer) => {
                let pair = Conversation::Pair(reader.min(peer.id), reader.max(peer.id));
                (format!(r#""peer":"{}""#, peer.text), pair)
            }
        };
        let (now, limits) = (self.now, &self.swarm.limits);
        let (count, burst) = (limits.history_rate, limits.history_burst);
        if let Err(wait) = self.conn_mut(line).histories.take(now, count, SECOND, burst) {
            self.rate_limit(line, "history", wait, rid, 0);
            return Ok(());
        }
        let recall = Recall { reader, place, conversation, edge, count_max: limit.unwrap_or(100) };
        self.ask(line, Question::History(recall), "history", rid, asked)
    }

    /// The account store has to be asked, and perhaps says no at once.
    pub(super) fn ask(
        &mut self,
        line: usize,
        question: Question,
        kind: &'static str,
        rid: Option<String>,
        asked: &mut Vec<Asked>,
    ) -> Result<(), String> {
        if asked.is_empty() {
            return Err("the account store was not asked".into());
        }
        let refusal = asked.remove(0).refusal;
        let household = HOUSEHOLDS[self.conn(line).from];
        let (limits, registration) = (&self.swarm.limits, self.swarm.registration);
        let admitted = self.book.admit(self.now, &question, household, registration, limits);
        if self.book.is_address_waiting(self.now, &question, household, limits) {
            self.coverage.reach("auth_throttled by address");
        }
        let household = match question {
            Question::Resume(_) | Question::History(_) | Question::Logins(_) => NO_HASH,
            Question::Register(..) | Question::Verify(..) | Question::Decoy => household,
        };
        let is_full = household != NO_HASH && self.is_line_full(household);
        let is_right = match (refusal, admitted) {
            (Some(Refusal::Busy { .. }), Ok(())) => is_full,
            (refusal, Err(right)) => refusal == Some(right),
            (None, Ok(())) => !is_full,
            (Some(_), Ok(())) => false,
        };
        if !is_right {
            return Err(format!("a question is refused with {refusal:?} where {admitted:?} is right"));
        }
        let connection = self.conn(line).connection;
        self.conn_mut(line).asked = Some((question, kind, rid));
        match refusal {
            Some(refusal) => self.on_answer(line, &Answer::Refused(refusal)),
            None => self.jobs.push(((line, connection), household)),
        }
        Ok(())
    }

    /// The password was right.
    pub(super) fn login(
        &mut self,
        line: usize,
        user: usize,
        answer: &Answer,
        kind: &'static str,
        rid: Option<&str>,
    ) {
        let has_ended = self.has_ended(user, answer);
        let conn = self.conn(line);
        if conn.is_dismissed {
            // Who comes to a server that stops hears no more than that, but the disk is asked for what a device is told.
            if conn.is_stopped && conn.caps.multi && !has_ended {
                let whose = (line, conn.connection);
                let with_ties = conn.caps.friends;
                self.journal.push(whose, journal::What::Telling(Telling { user, with_ties }));
            }
            return;
        }
        if has_ended {
            return self.send_away_on_arrival(line);
        }
        let is_device = self.conn(line).caps.multi;
        if is_device {
            self.replace_devices(user);
        } else if let Some(older) = self.single(user) {
            self.tell_to_go(older, "replaced");
            self.leave_hub(older);
        }
        let name = self.book.name(user);
        let session = match answer {
            Answer::Granted(_, grant) => {
                self.conn_mut(line).grant = Some(grant.id);
                self.coverage.reach("granted");
                let (token, expires) = (grant.token.expose(), grant.expires_ms);
                format!(r#","session":{{"token":"{token}","expires":{expires}}}"#)
            }
            Answer::Registered(_)
            | Answer::Verified(_)
            | Answer::Told(_)
            | Answer::Logins(_)
            | Answer::Refused(_) => String::new(),
        };
        let data = format!(r#"{{"username":"{name}","chatroom":"lobby"{session}}}"#);
        self.coverage.reach("logged_in");
        let message = if kind == "resume" { "Welcome back" } else { "Login successful" };
        self.done(line, kind, message, Some(&data), rid, REPLY_BYTES);
        let (login, since, moment) = (self.arrive(), self.journal.last(), self.rooms.moment());
        let conn = self.conn_mut(line);
        (conn.login, conn.since, conn.on_their_way) = (login, since, 0);
        conn.login_moment = moment;
        conn.knows_ties = false;
        if is_device {
            return self.login_device(line, user);
        }
        self.conn_mut(line).place = Seat::In { user, room: LOBBY };
        self.rooms.join(LOBBY, line, user, name);
        self.show(line, LOBBY);
    }

    /// Only a question is answered.
    fn sign_of_life(&mut self, line: usize, kind: &'static str, rid: Option<String>) {
        let (now, limits) = (self.now, &self.swarm.limits);
        let (count, burst) = (limits.ping_rate, limits.ping_burst);
        if let Err(wait) = self.conn_mut(line).pings.take(now, count, SECOND, burst) {
            return self.rate_limit(line, kind, wait, rid, 0);
        }
        if kind == "pong" {
            return self.coverage.reach("pong_heard");
        }
        let rid = rid.map(|rid| format!(r#","rid":"{rid}""#)).unwrap_or_default();
        self.coverage.reach("ping_answered");
        let pong = format!(r#"{{"type":"pong","status":"ok"{rid}}}"#);
        self.push(line, What::Text(pong.into()), 0, true);
    }

    pub(super) fn name_of(&self, line: usize) -> &'static str {
        self.conn(line).user().map_or("nobody", |user| self.book.name(user))
    }

    pub(super) fn done(
        &mut self,
        line: usize,
        kind: &str,
        message: &str,
        data: Option<&str>,
        rid: Option<&str>,
        cost: usize,
    ) {
        self.push(line, What::Text(done(kind, message, data, rid).into()), cost, true);
    }

    pub(super) fn refuse(
        &mut self,
        line: usize,
        kind: &'static str,
        code: &'static str,
        retry: Retry,
        rid: Option<String>,
    ) {
        self.push(line, What::Error { kind, code, retry, rid }, 0, true);
    }

    pub(super) fn refuse_and_count(
        &mut self,
        line: usize,
        kind: &'static str,
        code: &'static str,
        rid: Option<String>,
        cost: usize,
    ) {
        self.coverage.reach(code);
        self.push(line, What::Error { kind, code, retry: Retry::Never, rid }, cost, true);
    }

    fn deny(
        &mut self,
        line: usize,
        kind: &'static str,
        code: &'static str,
        rid: Option<String>,
    ) -> Result<(), String> {
        self.refuse_and_count(line, kind, code, rid, 0);
        Ok(())
    }

    pub(super) fn rate_limit(
        &mut self,
        line: usize,
        kind: &'static str,
        wait: Duration,
        rid: Option<String>,
        cost: usize,
    ) {
        let what = match kind {
            "list_room" => "list",
            "pong" => "ping",
            kind => kind,
        };
        self.coverage.reach(&format!("rate_limited {what}"));
        let retry = Retry::In(whole_ms(wait));
        self.push(line, What::Error { kind, code: "rate_limited", retry, rid }, cost, true);
    }
}

pub(super) fn done(kind: &str, message: &str, data: Option<&str>, rid: Option<&str>) -> String {
    let data = data.map(|data| format!(r#","data":{data}"#)).unwrap_or_default();
    let rid = rid.map(|rid| format!(r#","rid":"{rid}""#)).unwrap_or_default();
    format!(r#"{{"type":"{kind}","status":"ok","message":"{message}"{data}{rid}}}"#)
}

pub(super) const SECOND: Duration = Duration::from_secs(1);
