//! What is waited for, how long, and what becomes of it when it does not come.

use super::home::{Home, LOGIN_PAUSE, Step};
use super::state::Pending;
use super::{ANSWER_TIMEOUT, Client, Command, DOUBT_PATIENCE, End, Output, PING_PATIENCE};
use crate::message::{Kind, request};
use crate::phase::Phase;
use crate::time::Instant;

impl Client {
    pub(super) fn on_timeout(&mut self) {
        while self.pending.front().is_some_and(|pending| pending.asked_at + ANSWER_TIMEOUT <= self.now) {
            if let Some(pending) = self.pending.pop_front() {
                self.on_silence(pending);
            }
        }
        if self.login_at().is_some_and(|at| at <= self.now)
            && let Some(login) = self.home.as_mut().map(Home::login)
        {
            self.send(login);
        }
        self.read_on();
        self.ask_who_is_there();
        self.tell_unnoted();
        self.send_next();
        self.feel_pulse();
    }

    /// When something has waited for long enough.
    pub(super) fn due_at(&self) -> Option<Instant> {
        let answer_at = self.pending.front().map(|pending| pending.asked_at + ANSWER_TIMEOUT);
        let say_at = self.outbox.deadline().filter(|_| self.may_say());
        let may_read = self.is_inside() && !self.is_asking(Kind::History);
        let read_at = self.readings.deadline().filter(|_| may_read);
        let look_at = self.people.deadline().filter(|_| self.may_ask_who_is_there());
        let note_at = self.places.deadline().filter(|_| self.phase() == Some(Phase::Hall));
        let again_at = say_at.into_iter().chain(read_at).chain(look_at).chain(note_at);
        answer_at.into_iter().chain(self.login_at()).chain(again_at).min()
    }

    /// A request got no answer.
    pub(super) fn on_silence(&mut self, pending: Pending) {
        match self.step_of_return(pending.command.kind()) {
            // Whoever has granted that will answer. What is older somebody asks for again.
            Step::There | Step::Waiting(_) => match &pending.command {
                Command::Recall(of, _) => {
                    if self.readings.is_catching_up(of) {
                        self.pending.push_back(Pending { asked_at: self.now, ..pending });
                    }
                }
                Command::Look(_) | Command::Read(..) => {}
                _ => self.event(pending.unanswered()),
            },
            // A server that knows what it is asked has much to do; one that does not will not answer.
            Step::LoggingIn if pending.command.kind() == Kind::Resume && self.caps.resume => {
                self.pending.push_back(Pending { asked_at: self.now, ..pending });
            }
            Step::LoggingIn if pending.command.kind() == Kind::Resume => {
                self.lose_home();
                self.event(pending.unanswered());
            }
            Step::LoggingIn => self.try_login_again(LOGIN_PAUSE),
            Step::Entering | Step::Creating | Step::EnteringAgain => self.give_up_the_room(),
        }
    }

    /// Asks a server for a sign of life that was silent for long, and gives up one that gives none.
    pub(super) fn feel_pulse(&mut self) {
        if !self.has_pulse() || self.pulse.deadline() > self.now {
            return;
        }
        if self.pulse.is_lost(self.now) {
            self.disconnect(End::Silent);
            return self.outputs.push_back(Output::Close);
        }
        // Answers come in order: this one after those that are waited for.
        let patience = if self.pending.is_empty() { PING_PATIENCE } else { ANSWER_TIMEOUT };
        let number = self.pulse.ask(self.now, patience);
        self.outputs.push_back(Output::Frame(request::encode_ping(number)));
    }

    pub(super) fn on_doubt(&mut self) {
        // Nobody waited while nothing ran here.
        for pending in &mut self.pending {
            pending.asked_at = self.now;
        }
        if !self.has_pulse() {
            return;
        }
        // A login takes its time when many come back at once, and to come back anew would make that worse.
        let is_logging_in = self.phase() == Some(Phase::Auth) && !self.pending.is_empty();
        let patience = if is_logging_in { ANSWER_TIMEOUT } else { DOUBT_PATIENCE };
        if let Some(number) = self.pulse.ask_in_doubt(self.now, patience) {
            self.outputs.push_back(Output::Frame(request::encode_ping(number)));
        }
    }

    /// Whether the server can be asked for a sign of life.
    pub(super) fn has_pulse(&self) -> bool {
        self.caps.ping && self.phase().is_some()
    }
}
