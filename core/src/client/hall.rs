//! In many rooms at once: what differs from being in one.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::conversation::is_same_name;
use super::outbox::Waiting;
use super::state::Pending;
use super::{Client, Command, Conversation, Event, LEFT_UNSAID};
use crate::message::Kind;
use crate::message::history::Edge;
use crate::message::presence::{self, PresenceState};
use crate::message::push::ReceivedMsg;
use crate::message::received::{ReceivedFriend, ReceivedRead, ReceivedRooms, ReceivedRoster};
use crate::name::{RoomName, UserName};
use crate::phase::Phase;

impl Client {
    /// Does what is wanted otherwise here than elsewhere. Anything else comes back.
    pub(super) fn on_command_in_hall(&mut self, command: Command) -> Option<Command> {
        match command {
            // It comes by itself.
            Command::List => {
                self.places.repeat();
                self.ties.repeat();
                self.presences.repeat();
            }
            Command::Exit(room) => {
                // Too late is better than never: afterwards nothing can be said there any more.
                for Waiting { say, cid } in self.outbox.take_all_of(&Conversation::Room(room.clone())) {
                    self.send_say(say, cid);
                }
                self.send(Command::Exit(room));
            }
            Command::Recall(of, shown) => self.recall(&of, shown),
            Command::Read(of, seq) => self.read(of, seq),
            friend @ Command::Friend(..) if !self.caps.friends => {
                self.refuse(&friend, "This server knows of no friends");
            }
            present @ Command::Present(..) if !self.caps.presence => {
                self.refuse(&present, "This server does not tell who is here");
            }
            present @ Command::Present(PresenceState::Offline, _) => {
                self.refuse(&present, "Who is here is not offline");
            }
            elsewhere => return Some(elsewhere),
        }
        None
    }

    /// A person looks at another conversation, now or when there is a connection.
    pub(super) fn look_at(&mut self, of: Conversation) {
        if self.people.of().is_none_or(|looked_at| !looked_at.is_same(&of)) {
            self.people.look_at(self.readings.spelled(&of).cloned().unwrap_or(of));
        }
        self.look();
    }

    fn look(&mut self) {
        let Some(of) = self.people.of().cloned().filter(|_| self.phase() == Some(Phase::Hall)) else {
            return;
        };
        self.readings.look_at(&of);
        match &of {
            // One that is only looked at is nowhere to come back to.
            Conversation::Room(room) if self.places.has(&of) => self.go_home_to(Some(room.clone())),
            // One that was not told is older than those that were, or begins now.
            Conversation::Peer(_) if self.readings.spelled(&of).is_none() => {
                self.readings.begin(&of);
                self.readings.fall_behind(&of);
            }
            Conversation::Room(_) | Conversation::Peer(_) => {}
        }
        self.ask_who_is_there();
        self.read_on();
    }

    /// Asks who is in the room that is looked at, if that is not known and may be asked now.
    pub(super) fn ask_who_is_there(&mut self) {
        if self.may_ask_who_is_there()
            && let Some(room) = self.people.take_question(self.now)
        {
            self.send(Command::Look(Conversation::Room(room)));
        }
    }

    pub(super) fn may_ask_who_is_there(&self) -> bool {
        self.phase() == Some(Phase::Hall) && self.places.is_told() && !self.is_asking(Kind::Roster)
    }

    /// Conversations are read on one after the other, and what a person wants to see comes between two pages.
    fn recall(&mut self, of: &Conversation, shown: Edge) {
        let is_it = |pending: &Pending| match &pending.command {
            Command::Recall(asked, Edge::Before(_)) => asked.is_same(of),
            _ => false,
        };
        if !self.pending.iter().any(is_it) {
            self.readings.want_older(of, shown);
            self.read_on();
        }
    }

    /// Tells the server, if it does not know.
    fn read(&mut self, of: Conversation, seq: u64) {
        if let Some(seq) = self.places.see(&of, seq) {
            self.send(Command::Read(of, seq));
        }
    }

    /// Tells the server what was seen and it could not note.
    pub(super) fn tell_unnoted(&mut self) {
        for (of, seq) in self.places.take_unnoted(self.now) {
            self.send(Command::Read(of, seq));
        }
    }

    pub(super) fn on_rooms(&mut self, rooms: ReceivedRooms) {
        let is_all = rooms.is_all;
        for room in &rooms.out {
            self.on_out(room);
        }
        let mut is_looked_at_told = false;
        for place in self.places.merge(rooms) {
            self.readings.begin(&place.of);
            self.readings.compare(&place.of, place.last);
            let is_looked_at = self.people.of().is_some_and(|of| of.is_same(&place.of));
            // What a person looks at is read again where it ends: to see that it is the same conversation.
            if place.last > 0 && is_looked_at {
                self.readings.fall_behind(&place.of);
            }
            // From here on its server tells who comes and goes.
            if is_looked_at {
                self.people.lose();
                is_looked_at_told = true;
            }
        }
        if is_all || is_looked_at_told {
            self.look();
        }
        self.read_on();
        self.send_next();
    }

    /// The account takes part in a room no more, by whatever device.
    fn on_out(&mut self, room: &RoomName) {
        let of = Conversation::Room(room.clone());
        for msg in self.readings.stop(&of) {
            self.acknowledge(&of, msg);
        }
        if self.home_room().is_some_and(|home| of.is_of(home)) {
            self.go_home_to(None);
        }
        let were_there = self.people.leave(room);
        self.forget_who_is_here(were_there);
        for Waiting { say, cid } in self.outbox.take_all_of(&of) {
            match cid {
                Some(_) => self.event(Event::Unanswered { request: Kind::Msg, said: say.said() }),
                None => self.refuse(&say, LEFT_UNSAID),
            }
        }
    }

    /// This device has left a room. That the account takes part in it no more is told by itself.
    pub(super) fn on_left_one(&mut self, pending: Option<Pending>) {
        if let Some(Pending { command: Command::Exit(room), .. }) = pending {
            let of = Conversation::Room(room);
            let spelled = self.readings.spelled(&of).unwrap_or(&of);
            self.event(Event::Left { room: String::from(spelled.name()) });
        }
    }

    pub(super) fn on_roster(&mut self, roster: ReceivedRoster) {
        let is_it = |pending: &Pending| match &pending.command {
            Command::Look(of) => of.is_of(&roster.room),
            _ => false,
        };
        if roster.members.is_some() {
            self.answered_where(is_it);
        }
        let were_there = self.people.names_before(&roster);
        self.people.merge(roster);
        self.forget_who_is_here(were_there);
        self.ask_who_is_there();
    }

    /// Nothing further is told of those who are seen no more, but of friends.
    fn forget_who_is_here(&mut self, were_there: Vec<UserName>) {
        for name in were_there {
            if !self.is_own(name.as_str()) && !self.people.has(&name) && !self.ties.is_friend(&name) {
                self.presences.forget(name);
            }
        }
    }

    pub(super) fn on_roster_refused(&mut self, retry_ms: Option<u64>) {
        let was_asked = self.answered(Kind::Roster).is_some();
        // A room that is not there has nobody in it.
        if let Some(pause) = retry_ms.filter(|_| was_asked) {
            self.people.put_off(self.now + Duration::from_millis(pause));
        }
        self.ask_who_is_there();
    }

    pub(super) fn on_read(&mut self, read: ReceivedRead) {
        let ReceivedRead { room, peer, seq } = read;
        let Some(of) = Conversation::received(room.as_deref(), peer.as_deref()) else { return };
        self.answered_where(|pending| match &pending.command {
            Command::Read(told, _) => told.is_same(&of),
            _ => false,
        });
        if !cfg!(planted_bug = "read_elsewhere_forgotten") {
            self.places.note_read(&of, seq);
        }
    }

    /// An answer and what comes unasked look alike, and either is how it is now.
    pub(super) fn on_friend(&mut self, told: ReceivedFriend) {
        if let ReceivedFriend::Change(name, _) = &told {
            self.answered_where(|pending| match &pending.command {
                Command::Friend(_, user) => is_same_name(user.as_str(), name.as_str()),
                _ => false,
            });
        }
        self.ties.merge(told);
    }

    /// The answer to what this device said is told as what another one says is.
    pub(super) fn on_presence(&mut self, told: presence::Received) {
        if !self.caps.presence {
            return;
        }
        for presence in told.0 {
            let is_own = self.is_own(presence.user.as_str());
            let is_answer = is_own && self.answered(Kind::Presence).is_some();
            self.presences.merge(presence, is_own, is_answer);
        }
    }

    /// After a return a server knows nothing of what was said before.
    pub(super) fn be_present_again(&mut self) {
        if let Some((state, text)) = self.presences.said().filter(|_| self.caps.presence)
            && !cfg!(planted_bug = "not_said_again_of_oneself")
        {
            self.send(Command::Present(state, text));
        }
    }

    pub(super) fn on_msg_in_hall(&mut self, msg: ReceivedMsg) {
        let Some(of) = Conversation::received(msg.room.as_deref(), msg.peer.as_deref()) else {
            return self.accuse("it sent a message of no conversation");
        };
        let Some(posted) = msg.posted else { return self.accuse("it sent a message without a place") };
        let is_own = self.is_own(&msg.from);
        self.readings.begin(&of);
        self.places.note_said(&of, posted.seq, is_own);
        let heard = self.readings.hear(&of, posted, msg);
        self.on_heard(&of, heard);
        self.send_next();
    }

    /// What was merged is told when nothing further has come. Whether there was anything.
    pub(super) fn tell_changes(&mut self) -> bool {
        if self.phase() != Some(Phase::Hall) {
            return false;
        }
        let crowds = self.places.take_new_crowds().map(Event::Crowds);
        let places = self.places.take_new_places().map(Event::Places);
        let members = self.people.take_new().map(Event::Members);
        let friends = self.ties.take_new().filter(|_| self.caps.friends).map(Event::Friends);
        let presences = self.presences.take_new().map(Event::Presence);
        let events = [crowds, places, friends, members, presences];
        let is_any = events.iter().any(Option::is_some);
        events.into_iter().flatten().for_each(|event| self.event(event));
        is_any
    }
}
