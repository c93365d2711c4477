//! What the account store has to answer, and what follows from it.

use chatroom_core::message::hello::Registration;
use chatroom_core::server::{Answer, GrantId, Refusal};

use super::accounts::{Book, Question, word};
use super::annals::{Annals, Recall};
use super::conn::{Retry, Stage, What};
use super::logins::Wanted;
use super::{Conversation, Model};
use crate::simulate::desk::{Done, token};
use crate::simulate::step::Fault;
use crate::simulate::town::HOUSEHOLDS;

impl Model {
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
        if let Question::Logins(wanted) = *question {
            return self.work_on_logins(line, wanted, done, fault);
        }
        if let Question::History(recall) = question {
            let told = (fault != Fault::Busy).then(|| tell(&self.annals, recall, &self.book));
            let (page, _) = self.annals.page(recall);
            if page.iter().any(|(_, kept)| kept.is_blank) {
                self.coverage.reach("told_of_what_is_deleted");
            }
            if self.annals.is_cut(&recall.conversation) {
                self.coverage.reach("told_after_a_cut");
            }
            let is_right = match &done.answer {
                Some(Answer::Told(_)) => told.is_some(),
                Some(Answer::Refused(Refusal::Unavailable { .. })) => told.is_none(),
                Some(_) => false,
                None => true,
            };
            (conn.told, conn.answered) = (told.ok_or("unavailable"), done.answer.clone());
            return if is_right { Ok(()) } else { Err(format!("line {line} is told {:?}", done.answer)) };
        }
        let household = HOUSEHOLDS[conn.from];
        let right = self.book.answer(now, question, household, registration, fault, limits);
        if let Some(answer) = &done.answer {
            let grant = match answer {
                Answer::Granted(_, grant) => Some(grant),
                Answer::Registered(_)
                | Answer::Verified(_)
                | Answer::Told(_)
                | Answer::Logins(_)
                | Answer::Refused(_) => None,
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
        self.note_fault(right.err(), fault, done);
        Ok(())
    }

    fn work_on_logins(
        &mut self,
        line: usize,
        wanted: Wanted,
        done: &Done,
        fault: Fault,
    ) -> Result<(), String> {
        let told = self.tell_logins(wanted, fault);
        self.note_fault(told.as_ref().err().copied(), fault, done);
        if let Some(answer) = &done.answer
            && !Self::is_told_right(&told, answer)
        {
            return Err(format!("line {line} is answered {answer:?} where {told:?} is right"));
        }
        let conn = self.conn_mut(line);
        (conn.told, conn.answered) = (told, done.answer.clone());
        Ok(())
    }

    fn note_fault(&mut self, refusal: Option<&'static str>, fault: Fault, done: &Done) {
        match (refusal, fault) {
            (Some("unavailable"), Fault::Busy | Fault::Full) => self.coverage.reach("store_fault"),
            (_, Fault::CrashBefore) if done.is_crashed => self.coverage.reach("crash_before_commit"),
            (_, Fault::CrashAfter) if done.is_crashed => self.coverage.reach("crash_after_commit"),
            _ => {}
        }
    }

    pub(super) fn on_answer(&mut self, line: usize, answer: &Answer) {
        let conn = self.conn_mut(line);
        let Some((question, kind, rid)) = conn.asked.take() else { return };
        // An answer of the store is heard before what waits in the mailbox.
        let later = std::mem::take(&mut conn.due);
        match (question, word(answer)) {
            (Question::History(recall), _) => {
                match std::mem::replace(&mut self.conn_mut(line).told, Err("unavailable")) {
                    Ok(data) => {
                        let is_of_two = matches!(recall.conversation, Conversation::Pair(..));
                        self.coverage.reach(if is_of_two { "told_of_two" } else { "told" });
                        let rid = rid.map(|rid| format!(r#","rid":"{rid}""#)).unwrap_or_default();
                        let json = format!(r#"{{"type":"history","status":"ok","data":{{{data}}}{rid}}}"#);
                        self.push(line, What::Text(json.into()), 0, true);
                    }
                    Err(_) => self.refuse(line, kind, "busy", Retry::Sometime, rid),
                }
            }
            (Question::Logins(wanted), Ok(_)) => {
                self.coverage.reach("logins_listed");
                self.login_ended(line, answer, wanted);
                if let Ok(data) = std::mem::replace(&mut self.conn_mut(line).told, Err("unavailable")) {
                    let json = Self::logins_frame(&data, rid.as_deref());
                    self.push(line, What::Text(json.into()), 0, true);
                }
            }
            (question, Err(code)) => {
                if let Question::Logins(wanted) = question {
                    self.login_ended(line, answer, wanted);
                }
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
    pub(super) fn count_auth_failure(&mut self, line: usize, answer: &Answer) {
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
}

/// What somebody is told of what was said before.
fn tell(annals: &Annals, recall: &Recall, book: &Book) -> String {
    let (kept, has_more) = annals.page(recall);
    let lines = kept.into_iter().map(|(seq, kept)| {
        let cid = kept.cid.as_ref().filter(|_| kept.author == recall.reader && !kept.is_blank);
        let cid = cid.map(|cid| format!(r#","cid":"{cid}""#)).unwrap_or_default();
        let text = if kept.is_blank { "" } else { &kept.text };
        let (ts, from) = (kept.ts, book.name(kept.author));
        format!(r#"{{"seq":{seq},"ts":{ts},"from":"{from}","text":"{text}"{cid}}}"#)
    });
    let lines: Vec<String> = lines.collect();
    format!(r#"{},"msgs":[{}],"more":{has_more}"#, recall.place, lines.join(","))
}
