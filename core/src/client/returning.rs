//! The way to an account and into a room, after a lost connection too; and what becomes of what waits when there is none.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::friends::Ties;
use super::home::{Home, LOGIN_PAUSE, Step};
use super::incoming::Done;
use super::outbox::Waiting;
use super::people::People;
use super::places::Places;
use super::presences::Presences;
use super::readings::Readings;
use super::state::{Pending, State};
use super::{
    BUSY, Client, Command, Conversation, End, Event, LEFT_UNSAID, NO_SUCH_ROOM, NOT_IN_ROOM, RATE_LIMITED,
};
use crate::frame::Decoder;
use crate::message::Kind;
use crate::message::history::Edge;
use crate::message::reply::Received;
use crate::name::RoomName;
use crate::phase::Phase;
use crate::time::Instant;

impl Client {
    pub(super) fn on_logged_in(&mut self, kind: Kind, done: Done, pending: Option<Pending>) {
        let username = done.place.username.unwrap_or_default();
        let is_of_many = self.caps.multi;
        self.state = State::after_login(username.clone(), is_of_many);
        if let Some(home) = &mut self.home {
            home.set_of_many(is_of_many);
        }
        // What another account has read, and what it wanted to say, is not this one's.
        let is_another = self.whose.as_ref() != Some(&username);
        // A person may be quicker than the way back, and be somebody else.
        let is_return = self.step_of_return(kind) == Step::LoggingIn && (kind == Kind::Resume || !is_another);
        if !self.will_be_back() || (is_another && !is_return) {
            self.give_up_unsaid(LEFT_UNSAID);
        }
        if is_another {
            // What a program knew before anybody was logged in is for who comes first.
            match self.whose {
                Some(_) => (self.readings, self.people) = (Readings::default(), People::default()),
                // But not what one knew that goes on for somebody else.
                None if self.home.is_some() && !is_return => self.readings = Readings::default(),
                None => self.readings.clear(),
            }
            (self.places, self.ties) = (Places::default(), Ties::default());
            self.whose = Some(username.clone());
        }
        match is_return && !is_another {
            true => self.presences.lose(),
            false => self.presences = Presences::default(),
        }
        let session =
            done.place.token.clone().map(|token| Event::Session { username: username.clone(), token });
        if is_return {
            session.into_iter().for_each(|session| self.event(session));
            if let (Some(home), Some(token)) = (&mut self.home, done.place.token) {
                home.set_token(token);
            }
            if is_of_many {
                self.arrive();
                return self.be_present_again();
            }
            match self.home.as_mut().and_then(|home| home.enter(Step::Entering)) {
                Some(enter) => self.send(enter),
                None => self.event(Event::Returned { username, room: None }),
            }
            return;
        }
        if let Some(home) = Home::after(pending.map(|pending| pending.command), done.place.token) {
            self.home = Some(home);
        }
        if let Some(home) = &mut self.home {
            home.set_of_many(is_of_many);
        }
        self.event(Event::LoggedIn { username });
        session.into_iter().for_each(|session| self.event(session));
    }

    pub(super) fn on_entered(&mut self, room: RoomName) {
        let is_on_the_way = self.step_of_return(Kind::Enter) != Step::There;
        let name = String::from(room.as_str());
        if self.phase() == Some(Phase::Hall) {
            return self.event(Event::Entered { room: name });
        }
        let of = Conversation::Room(room.clone());
        // A person may be quicker than the way back, and go elsewhere.
        let is_return = is_on_the_way && self.home_room().is_none_or(|home| of.is_of(home));
        self.state = core::mem::take(&mut self.state).entered(room.clone());
        if is_return {
            self.readings.begin(&of);
            self.readings.stop_all_but(&of);
            self.arrive();
        } else {
            self.readings.begin_alone(&of);
            if let Some(home) = &mut self.home {
                home.set_step(Step::There);
            }
            self.go_home_to(Some(room));
            self.event(Event::Entered { room: name });
        }
        self.catch_up(&of);
        self.send_next();
    }

    pub(super) fn on_refused(&mut self, kind: Kind, received: Received, pending: Option<Pending>) {
        match self.step_of_return(kind) {
            Step::LoggingIn if received.retry_ms.is_some() => {
                self.try_login_again(received.retry_ms.map_or(LOGIN_PAUSE, Duration::from_millis));
                return;
            }
            // The password was changed meanwhile, or the account is gone: a person has to look at it.
            Step::LoggingIn => self.lose_home(),
            // The original server has no codes, and an empty room does not survive its restart.
            Step::Entering if received.code.as_deref().is_none_or(|code| code == NO_SUCH_ROOM) => {
                return match self.home.as_mut().and_then(Home::create) {
                    Some(create) => self.send(create),
                    None => self.give_up_the_room(),
                };
            }
            // Another member was quicker to make it.
            Step::Creating => return self.enter_again(),
            Step::Entering | Step::EnteringAgain => return self.give_up_the_room(),
            Step::There | Step::Waiting(_) => {}
        }
        if let Some(Pending { command: Command::Recall(of, edge), .. }) = &pending {
            let again_at = received.retry_ms.map(|pause| self.now + Duration::from_millis(pause));
            if let (Edge::Before(_), Some(again_at)) = (edge, again_at) {
                self.readings.want_older_at(of, *edge, again_at);
            }
            return self.on_no_page(of, again_at);
        }
        if let (Some(Pending { command: Command::Read(of, _), .. }), Some(pause)) =
            (&pending, received.retry_ms)
        {
            self.places.put_off(of, self.now + Duration::from_millis(pause));
        }
        if is_its_own(kind) {
            return;
        }
        let pending = match pending {
            Some(Pending { command, cid, is_repeat, .. }) if kind == Kind::Msg => {
                match self.hold(command, cid, &received) {
                    // Perhaps the server has it from before, and does not tell who has left since.
                    Some(say)
                        if is_repeat
                            && matches!(
                                received.code.as_deref(),
                                Some(NOT_IN_ROOM | BUSY | RATE_LIMITED)
                            ) =>
                    {
                        self.event(Event::Unanswered { request: kind, said: say.said() });
                        return self.send_next();
                    }
                    Some(command) => Some(command),
                    // It will be said.
                    None => return,
                }
            }
            pending => pending.map(|pending| pending.command),
        };
        self.event(Event::Refused {
            request: kind,
            said: pending.and_then(|command| command.said()),
            code: received.code,
            message: received.message.unwrap_or_default(),
            retry_ms: received.retry_ms,
        });
        self.send_next();
    }

    /// How far the way back is, if an answer to `kind` is about it.
    pub(super) fn step_of_return(&self, kind: Kind) -> Step {
        match self.home.as_ref().map_or(Step::There, Home::step) {
            step @ Step::LoggingIn if matches!(kind, Kind::Login | Kind::Resume) => step,
            step @ (Step::Entering | Step::EnteringAgain) if kind == Kind::Enter => step,
            step @ Step::Creating if kind == Kind::Create => step,
            _ => Step::There,
        }
    }

    pub(super) fn try_login_again(&mut self, pause: Duration) {
        if let Some(home) = &mut self.home {
            home.set_step(Step::Waiting(self.now + pause));
        }
    }

    pub(super) fn enter_again(&mut self) {
        match self.home.as_mut().and_then(|home| home.enter(Step::EnteringAgain)) {
            Some(enter) => self.send(enter),
            None => self.arrive(),
        }
    }

    pub(super) fn give_up_the_room(&mut self) {
        if let Some(room) = self.home_room().cloned() {
            self.readings.forget(&Conversation::Room(room));
        }
        self.go_home_to(None);
        self.give_up_unsaid(LEFT_UNSAID);
        self.arrive();
    }

    pub(super) fn arrive(&mut self) {
        if let Some(home) = &mut self.home {
            home.set_step(Step::There);
        }
        // Where nothing is kept, what may have arrived would be said twice.
        if !self.caps.ack {
            self.give_up_sent();
        }
        let username = self.username().map(String::from).unwrap_or_default();
        self.event(Event::Returned { username, room: self.room().map(String::from) });
    }

    /// The room to come back to.
    pub(super) fn home_room(&self) -> Option<&RoomName> {
        self.home.as_ref().and_then(Home::room)
    }

    pub(super) fn go_home_to(&mut self, room: Option<RoomName>) {
        if let Some(home) = &mut self.home {
            home.set_room(room);
        }
    }

    /// When the login is to be tried again. Without a connection there is nobody to try it with.
    pub(super) fn login_at(&self) -> Option<Instant> {
        self.home.as_ref().filter(|_| self.phase() == Some(Phase::Auth)).and_then(Home::deadline)
    }

    pub(super) fn disconnect(&mut self, end: End) {
        if self.state.phase().is_some() {
            self.state = State::Offline;
            self.decoder = Decoder::default();
            self.readings.lose();
            self.places.lose();
            self.people.lose();
            let will_be_back = self.cids.is_some() && self.home.as_ref().is_some_and(Home::has_place);
            let mut unanswered = Vec::new();
            for pending in core::mem::take(&mut self.pending) {
                match pending.command.kind() {
                    Kind::Msg if will_be_back && pending.cid.is_some() => unanswered.push(pending),
                    kind if is_its_own(kind) => {}
                    // It is said again.
                    Kind::Presence if self.home.is_some() => {
                        if let Command::Present(state, text) = pending.command {
                            self.presences.say(state, text);
                        }
                    }
                    // The next connection goes the way back from its start; nobody asked for this part of it.
                    kind if self.step_of_return(kind) == Step::There => self.event(pending.unanswered()),
                    _ => {}
                }
            }
            for Pending { command, cid, .. } in unanswered.into_iter().rev() {
                self.outbox.put_back(command, cid);
            }
            if let Some(home) = &mut self.home {
                home.leave();
            }
            if !will_be_back {
                self.give_up_unsaid("The connection was lost before this was sent");
            }
            self.event(Event::Disconnected(end));
        }
    }

    /// No answer comes any more to what was asked. What nobody asked for is passed over.
    pub(super) fn give_up_pending(&mut self) {
        for pending in core::mem::take(&mut self.pending) {
            if !is_its_own(pending.command.kind()) {
                self.event(pending.unanswered());
            }
        }
    }

    /// There is no way back any more, and nothing that waits for it is sent.
    pub(super) fn lose_home(&mut self) {
        self.home = None;
        // Nor is what a program knew that does not get back for whoever logs in next.
        if self.whose.is_none() {
            self.readings = Readings::default();
        }
        self.give_up_unsaid(LEFT_UNSAID);
    }

    /// Nothing of what waits will be sent, for this reason; of what was sent already nobody knows whether it arrived.
    pub(super) fn give_up_unsaid(&mut self, why: &str) {
        self.give_up_sent();
        self.refuse_unsaid(why);
    }

    /// What waits to be sent again is not.
    pub(super) fn give_up_sent(&mut self) {
        for Waiting { say, .. } in self.outbox.take_sent() {
            self.event(Event::Unanswered { request: Kind::Msg, said: say.said() });
        }
    }

    /// Nothing of what waits will be sent, for this reason.
    pub(super) fn refuse_unsaid(&mut self, why: &str) {
        for Waiting { say, .. } in self.outbox.take_all() {
            self.refuse(&say, why);
        }
    }
}

/// Whether a client asks that by itself. What becomes of it is nothing to the person, who has not asked.
fn is_its_own(kind: Kind) -> bool {
    matches!(kind, Kind::History | Kind::Rooms | Kind::Roster | Kind::Read)
}
