//! Logins that last, as their user is told of them, and ends them.

use chatroom_core::message::logins::Login;
use chatroom_core::server::{Answer, GrantId, Refusal};

use super::Model;
use super::accounts::{Question, word};
use super::conn::{Conn, Seat};
use super::told::frame;
use crate::simulate::desk::Asked;
use crate::simulate::step::Fault;

/// What somebody wants of their logins.
#[derive(Clone, Copy)]
pub struct Wanted {
    pub user: usize,
    /// The one by which they have come.
    pub own: Option<i64>,
    /// The one that is to end first.
    pub end: Option<i64>,
}

impl Model {
    /// Where is somebody logged in? Perhaps after one of these logins has ended.
    pub(super) fn logins(
        &mut self,
        line: usize,
        end: Option<i64>,
        rid: Option<String>,
        asked: &mut Vec<Asked>,
    ) -> Result<(), String> {
        let conn = self.conn(line);
        let user = conn.user().expect("only who is logged in comes here");
        let own = conn.login();
        if end.is_some() && end == own {
            self.refuse_and_count(line, "logins", "own_login", rid, 0);
            return Ok(());
        }
        if !self.may_list(line, "logins", &rid) {
            return Ok(());
        }
        self.ask(line, Question::Logins(Wanted { user, own, end }), "logins", rid, asked)
    }

    /// The store was asked for somebody's logins: what it has to say, in JSON, or why not.
    pub(super) fn tell_logins(&mut self, wanted: Wanted, fault: Fault) -> Result<String, &'static str> {
        if let Some(end) = wanted.end {
            self.book.end_own(wanted, end, fault)?;
        } else if fault == Fault::Busy {
            return Err("unavailable");
        }
        let logins = self.book.logins(self.now, wanted.user, wanted.own);
        let logins: Vec<String> = logins.iter().map(entry).collect();
        Ok(format!(r#""logins":[{}]"#, logins.join(",")))
    }

    /// A login has ended: those are told to go who have come by it, if who has ended it is still there.
    pub(super) fn login_ended(&mut self, line: usize, answer: &Answer, Wanted { user, end, .. }: Wanted) {
        let was_there = match answer {
            Answer::Logins(_) => true,
            Answer::Refused(Refusal::NoSuchLogin) => false,
            _ => return,
        };
        let Some(end) = end.filter(|_| self.conn(line).user().is_some()) else { return };
        for other in self.single(user).into_iter().chain(self.devices(user)) {
            if self.conn(other).login() == Some(end) {
                self.coverage.reach("ended_login_is_told");
                self.tell_to_go(other, "session_ended");
                self.leave_hub(other);
            }
        }
        if was_there {
            self.coverage.reach("login_ended");
            self.ended.insert((user, end));
        }
    }

    /// Whether somebody comes by a login that has ended on their way. They are told so.
    pub(super) fn has_ended(&self, user: usize, answer: &Answer) -> bool {
        match answer {
            Answer::Granted(_, grant) => self.ended.contains(&(user, grant.id.0)),
            Answer::Registered(_)
            | Answer::Verified(_)
            | Answer::Told(_)
            | Answer::Logins(_)
            | Answer::Refused(_) => false,
        }
    }

    /// Who is here by a login that has ended, and was not told, is told to go.
    pub(super) fn send_the_ended_away(&mut self) {
        for line in 0..self.conns.len() {
            let Some(conn) = self.conns[line].as_ref().filter(|conn| conn.user().is_some()) else { continue };
            if conn.login().is_some_and(|login| !self.book.lasts(login)) {
                self.coverage.reach("ended_login_is_found");
                self.tell_to_go(line, "session_ended");
                self.leave_hub(line);
            }
        }
    }

    pub(super) fn send_away_on_arrival(&mut self, line: usize) {
        self.coverage.reach("login_ended_on_its_way");
        self.tell_to_go(line, "session_ended");
        self.conn_mut(line).place = Seat::Nowhere;
    }

    /// Whether that is what the store has to answer.
    pub(super) fn is_told_right(told: &Result<String, &'static str>, answer: &Answer) -> bool {
        match (told, word(answer)) {
            (Ok(_), Ok("logins")) => true,
            (Err(right), Err(code)) => *right == code,
            (Ok(_) | Err(_), _) => false,
        }
    }

    pub(super) fn logins_frame(data: &str, rid: Option<&str>) -> String {
        frame("logins", data, rid)
    }

    /// The logins of the user of a line, as that line's client is told of them.
    pub fn logins_of(&self, line: usize) -> Vec<Login> {
        let Some(conn) = &self.conns[line] else { return Vec::new() };
        let own = conn.login();
        conn.user().map_or_else(Vec::new, |user| self.book.logins(self.now, user, own))
    }

    /// A login of the user of a line by which another connection is about to come back.
    pub fn arriving(&self, line: usize) -> Option<i64> {
        let conn = self.conns[line].as_ref().filter(|conn| conn.caps.logins)?;
        let (user, own) = (conn.user()?, conn.login());
        let asked = self.conns.iter().flatten().filter_map(|conn| conn.asked.as_ref());
        let shown = asked.filter_map(|(question, ..)| match question {
            Question::Resume(token) => self.book.login_by(token, user),
            _ => None,
        });
        shown.filter(|login| Some(*login) != own).min()
    }

    /// How many logins that last have begun.
    pub fn logins_begun(&self) -> i64 {
        self.book.begun
    }

    /// Whether somebody was granted to be told of their logins.
    pub fn tells_logins(&self, line: usize) -> bool {
        self.conns[line].as_ref().is_some_and(|conn| conn.caps.logins)
    }
}

impl Conn {
    /// The login that lasts by which its user has come.
    fn login(&self) -> Option<i64> {
        self.grant.map(|GrantId(id)| id)
    }
}

fn entry(login: &Login) -> String {
    let GrantId(id) = login.id;
    let client = login.client.as_ref().map(|client| format!(r#","client":"{}""#, client.as_str()));
    let time = |key: &str, ms: Option<u64>| ms.map(|ms| format!(r#","{key}":{ms}"#)).unwrap_or_default();
    let (begun, used) = (time("begun", login.begun_ms), time("used", login.used_ms));
    let own = if login.is_own { r#","own":true"# } else { "" };
    format!(r#"{{"login":{id}{}{begun}{used},"ends":{}{own}}}"#, client.unwrap_or_default(), login.ends_ms)
}
