//! What a server says: what it answers, and who is to hear of it.

use alloc::string::String;

use super::friends::Ties;
use super::home::Step;
use super::incoming::{Done, Incoming};
use super::people::People;
use super::places::Places;
use super::presences::Presences;
use super::readings::Readings;
use super::state::{Pending, State};
use super::{
    Client, Conversation, End, Event, LEFT_UNSAID, Output, REPLACED, Room, SESSION_ENDED, UNKNOWN_TYPE,
};
use crate::limits::SERVER_FRAME_BYTES_MAX;
use crate::message::hello::{Caps, Greeting};
use crate::message::{Cid, Envelope, HALF_SURROGATE, Kind, request};
use crate::name::RoomName;
use crate::phase::Phase;

impl Client {
    /// Reads one frame. Whether there was one.
    pub(super) fn step(&mut self) -> bool {
        let frame = match self.decoder.decode(SERVER_FRAME_BYTES_MAX) {
            Ok(Some(frame)) => frame,
            Ok(None) => return false,
            Err(_) => {
                self.accuse("it sent a frame that is empty or too large");
                return false;
            }
        };
        let envelope = match Envelope::decode(frame) {
            // The original server passes such a text on. Who sent it is not to throw everybody out.
            Err(HALF_SURROGATE) => return true,
            envelope => envelope.map_err(|error| error.0),
        };
        match envelope.and_then(|envelope| Incoming::decode(&envelope).map_err(|unfit| unfit.0)) {
            Ok(incoming) => self.on_incoming(incoming),
            Err(fault) => self.accuse(fault),
        }
        true
    }

    pub(super) fn on_incoming(&mut self, incoming: Incoming) {
        if incoming.kind().is_some_and(|kind| !self.can_expect(kind)) {
            return;
        }
        match incoming {
            Incoming::Greeted(greeting) => {
                // Nobody is led where they did not want to go.
                let multi = greeting.caps.multi && self.wanted_caps().multi;
                let friends = greeting.caps.friends && multi;
                let presence = greeting.caps.presence && friends;
                self.caps = Caps { multi, friends, presence, ..greeting.caps };
                self.event(Event::Greeted(Greeting { caps: self.caps, ..greeting }));
            }
            Incoming::List(list) => {
                self.answered(Kind::List);
                let rooms = list.0.into_iter().map(|(name, members)| Room { name, members }).collect();
                self.event(Event::Rooms(rooms));
            }
            Incoming::Members(list) => {
                self.answered(Kind::List);
                if let Some((name, members)) = list.0.into_iter().next() {
                    self.event(Event::Members(Room { name, members }));
                }
            }
            Incoming::Rooms(rooms) => self.on_rooms(rooms),
            Incoming::Roster(roster) => self.on_roster(roster),
            Incoming::Read(read) => self.on_read(read),
            Incoming::Friend(told) => self.on_friend(told),
            Incoming::Presence(told) => self.on_presence(told),
            Incoming::Logins(told) => {
                if self.answered(Kind::Logins).is_some() {
                    self.event(Event::Logins(told.0));
                }
            }
            Incoming::Msg(msg) => self.on_msg(msg),
            Incoming::Ack(ack) => self.on_ack(ack),
            Incoming::Page(page) => self.on_page(page),
            Incoming::Done(kind, done) => {
                let pending = self.answered(kind);
                self.on_done(kind, done, pending);
            }
            Incoming::Ping if self.caps.ping => {
                self.outputs.push_back(Output::Frame(request::encode_bare(Kind::Pong)));
            }
            Incoming::Ping => {}
            Incoming::Pong(number) => number.into_iter().for_each(|number| self.pulse.answered(number)),
            // It changes nothing: a person has not asked for it, and nothing waits for it.
            Incoming::Refused(Kind::Hello | Kind::Ping | Kind::Pong, _) => {}
            Incoming::Refused(Kind::Roster, received) => self.on_roster_refused(received.retry_ms),
            Incoming::Refused(Kind::Msg, received) if received.rid.is_some() => {
                let is_it =
                    |pending: &Pending| pending.cid.as_ref().map(Cid::as_str) == received.rid.as_deref();
                if let Some(pending) = self.answered_where(is_it) {
                    self.on_refused(Kind::Msg, received, Some(pending));
                }
            }
            Incoming::Refused(kind, received) => {
                let pending = self.answered(kind);
                self.on_refused(kind, received, pending);
            }
            // So says a server that has forgotten since what it granted, or is another one.
            Incoming::Notice(received)
                if received.code.as_deref() == Some(UNKNOWN_TYPE) && self.is_asking(Kind::Resume) =>
            {
                let pending = self.answered(Kind::Resume);
                self.on_refused(Kind::Resume, received, pending);
            }
            Incoming::Notice(received) => {
                // Two windows of one account would drive each other out for ever, and to a login that has ended there is no way
                // back.
                if matches!(received.code.as_deref(), Some(REPLACED | SESSION_ENDED)) {
                    self.lose_home();
                }
                let message = received.message.unwrap_or_default();
                self.event(Event::Notice { code: received.code, message });
            }
            // Newer servers may say what this client does not know.
            Incoming::Unknown => {}
        }
    }

    pub(super) fn on_done(&mut self, kind: Kind, done: Done, pending: Option<Pending>) {
        match kind {
            Kind::Register => self.event(Event::Registered),
            Kind::Login | Kind::Resume => self.on_logged_in(kind, done, pending),
            Kind::Create if self.step_of_return(kind) == Step::Creating => self.enter_again(),
            Kind::Create => self.event(Event::Created { message: done.message }),
            Kind::Enter => match done.place.room.map(|room| RoomName::parse(&room)) {
                Some(Ok(room)) => self.on_entered(room),
                Some(Err(_)) | None => self.accuse("it answered `enter` without a room that can be"),
            },
            Kind::Exit if self.phase() == Some(Phase::Hall) => self.on_left_one(pending),
            Kind::Exit => {
                let room = self.state.room().cloned();
                let meant = pending.and_then(|pending| pending.room);
                self.state = core::mem::take(&mut self.state).left();
                self.go_home_to(None);
                self.refuse_unsaid(LEFT_UNSAID);
                if let Some(room) = room.or(meant) {
                    self.readings.forget(&Conversation::Room(room.clone()));
                    self.event(Event::Left { room: String::from(room.as_str()) });
                }
            }
            Kind::Logout => {
                // The original server answers in order. What another has not answered yet is not the next account's to wait
                // for, still less to say.
                if self.caps.ack {
                    self.give_up_pending();
                }
                self.state = State::Auth;
                self.home = None;
                (self.readings, self.places) = (Readings::default(), Places::default());
                (self.people, self.ties, self.whose) = (People::default(), Ties::default(), None);
                self.presences = Presences::default();
                self.give_up_unsaid(LEFT_UNSAID);
                self.event(Event::LoggedOut);
            }
            // These are told apart by their own types.
            Kind::Hello
            | Kind::List
            | Kind::Msg
            | Kind::History
            | Kind::Ping
            | Kind::Pong
            | Kind::Rooms
            | Kind::Roster
            | Kind::Read
            | Kind::Friend
            | Kind::Presence
            | Kind::Logins => {}
        }
    }

    /// Whether an answer of this kind can be meant for this client: it waits for one, or could have asked here and
    /// given up. Any other would lead it to where the server does not see it.
    pub(super) fn can_expect(&self, kind: Kind) -> bool {
        self.phase().is_some_and(|phase| phase.allows(kind)) || self.is_asking(kind)
    }

    /// The server broke the protocol; nothing it says can be trusted to mean what it seems to.
    pub(super) fn accuse(&mut self, fault: &'static str) {
        if self.state.phase().is_some() {
            self.disconnect(End::ServerFault(fault));
            self.outputs.push_back(Output::Close);
        }
    }
}
