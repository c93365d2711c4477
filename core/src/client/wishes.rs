//! What a person wants, and what they say: what is sent of it, and when.

use alloc::string::String;
use core::time::Duration;

use super::home::Home;
use super::outbox::Waiting;
use super::{Cids, Client, Command, Conversation, Event, LEFT_UNSAID, RATE_LIMITED};
use crate::message::reply::Received;
use crate::message::{Cid, Kind};
use crate::phase::Phase;

impl Client {
    pub(super) fn on_command(&mut self, command: Command) {
        let kind = command.kind();
        // What is said on the way back is sent there.
        if kind == Kind::Msg && !self.is_inside() && self.will_be_back() {
            return self.say(command);
        }
        if let Command::Look(of) = command {
            return self.look_at(of);
        }
        if matches!(command, Command::Read(..)) && self.phase() != Some(Phase::Hall) {
            return;
        }
        let Some(phase) = self.phase() else {
            return self.refuse(&command, "There is no connection to a server");
        };
        let command = match phase {
            Phase::Hall => self.on_command_in_hall(command),
            Phase::Auth | Phase::Lobby | Phase::Chat => Some(command),
        };
        let Some(command) = command else { return };
        if !phase.allows(kind) {
            return self.event(Event::Refused {
                request: kind,
                said: command.said(),
                code: Some(String::from("wrong_state")),
                message: String::from(phase.refusal(kind)),
                retry_ms: None,
            });
        }
        if kind == Kind::Logins && !self.caps.logins {
            return self.refuse(&command, "This server does not tell where you are logged in");
        }
        match command {
            say @ Command::Say { .. } => self.say(say),
            leave @ Command::Exit(_) => {
                // Too late is better than never: in the lobby nothing can be said any more.
                for Waiting { say, cid } in self.outbox.take_all() {
                    self.send_say(say, cid);
                }
                self.send(leave);
            }
            // Of a room that it is in, and one page at a time.
            Command::Recall(of, shown) => {
                let is_here = self.state.room().is_some_and(|here| of.is_of(here));
                if is_here && self.caps.history && !self.is_asking(Kind::History) {
                    self.readings.want_older(&of, shown);
                    self.read_on();
                }
            }
            Command::Look(_) | Command::Read(..) => {}
            command @ (Command::Register(..)
            | Command::Login(..)
            | Command::Resume(_)
            | Command::List
            | Command::Create(_)
            | Command::Enter(_)
            | Command::Friend(..)
            | Command::Present(..)
            | Command::Logins
            | Command::EndLogin(_)
            | Command::Logout) => self.send(command),
        }
    }

    pub(super) fn say(&mut self, say: Command) {
        let say = match self.addressed(say) {
            Ok(say) => say,
            Err((say, why)) => return self.refuse(&say, why),
        };
        match self.outbox.push(say) {
            Ok(()) => self.send_next(),
            Err(say) => self.refuse(&say, "Too many messages wait to be sent, say this again later"),
        }
    }

    /// What is said, if it can be said where it is meant; else why not.
    fn addressed(&self, say: Command) -> Result<Command, (Command, &'static str)> {
        let is_on_the_way_to_many = !self.is_inside() && self.home.as_ref().is_some_and(Home::is_of_many);
        if self.phase() == Some(Phase::Hall) || is_on_the_way_to_many {
            let is_for_nobody = say.said_to().is_some_and(Conversation::is_public);
            return if is_for_nobody { Err((say, "Nobody can have that name")) } else { Ok(say) };
        }
        let here = self.state.room().or_else(|| self.home.as_ref().and_then(Home::room));
        let say = say.normalized(here);
        if here.is_some_and(|here| say.can_be_said_in(here)) {
            Ok(say)
        } else {
            Err((say, "You are not in that room"))
        }
    }

    /// Sends the next message, if it may be sent.
    pub(super) fn send_next(&mut self) {
        while self.may_say() {
            let here = self.state.room().cloned().map(Conversation::Room);
            let readings = &self.readings;
            // In one room at a time all is said there.
            let is_ready = |to: &Conversation| readings.is_settled(here.as_ref().unwrap_or(to));
            let Some(Waiting { say, cid }) = self.outbox.pop(self.now, is_ready) else { return };
            // It waited since before the end of a program, for another room.
            if self.state.room().is_some_and(|here| !say.can_be_said_in(here)) {
                self.refuse(&say, LEFT_UNSAID);
                continue;
            }
            self.send_say(say, cid);
        }
    }

    /// Sends a message, under the name that it had when it was sent before, if it was.
    pub(super) fn send_say(&mut self, say: Command, cid: Option<Cid>) {
        let is_repeat = cid.is_some() && !cfg!(planted_bug = "repetition_taken_for_new");
        let cid = cid.or_else(|| say.cid().cloned()).or_else(|| self.cids.as_mut().and_then(Cids::make));
        let cid = cid.filter(|_| self.caps.ack);
        self.send_as(say, cid, is_repeat);
    }

    /// Whether there is somewhere to say something, and no message is on its way there.
    pub(super) fn may_say(&self) -> bool {
        let is_free = !self.is_asking(Kind::Msg);
        match self.phase() {
            Some(Phase::Chat) => is_free && !self.is_asking(Kind::Exit),
            // What was said before by this client may stand in a conversation that is not told yet.
            Some(Phase::Hall) => is_free && self.places.is_told(),
            Some(Phase::Auth | Phase::Lobby) | None => false,
        }
    }

    /// Whether this client is where something can be said.
    pub(super) fn is_inside(&self) -> bool {
        matches!(self.phase(), Some(Phase::Chat | Phase::Hall))
    }

    /// Whether this client is on its way back to where what waits will be sent.
    pub(super) fn will_be_back(&self) -> bool {
        self.cids.is_some() && self.home.as_ref().is_some_and(Home::is_away)
    }

    /// Keeps a message that came too soon, to send it again. It comes back if it was refused for another reason, or
    /// if the client is about to leave the room.
    pub(super) fn hold(&mut self, say: Command, cid: Option<Cid>, refusal: &Received) -> Option<Command> {
        let may_come_again = refusal.code.as_deref() == Some(RATE_LIMITED) && !self.is_leaving(&say);
        match refusal.retry_ms.map(Duration::from_millis) {
            Some(pause) if may_come_again => self.outbox.hold(self.now, say, cid, pause).err(),
            _ => Some(say),
        }
    }

    /// Whether the client is about to leave where that is said. Of many rooms it leaves one.
    fn is_leaving(&self, say: &Command) -> bool {
        if self.phase() != Some(Phase::Hall) {
            return self.is_asking(Kind::Exit);
        }
        self.pending.iter().any(|pending| match &pending.command {
            Command::Exit(room) => say.said_to().is_some_and(|to| to.is_of(room)),
            _ => false,
        })
    }

    /// A command is refused here, without the server.
    pub(super) fn refuse(&mut self, command: &Command, why: &str) {
        self.event(Event::Refused {
            request: command.kind(),
            said: command.said(),
            code: None,
            message: String::from(why),
            retry_ms: None,
        });
    }
}
