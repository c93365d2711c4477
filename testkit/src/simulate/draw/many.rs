//! What a person wants who is in many rooms.

use chatroom_core::client::Conversation;
use chatroom_core::phase::Phase;

use super::Fate;
use crate::simulate::names::{Name, PASSWORDS, find_room, find_user};
use crate::simulate::step::{Of, Step, Wish};
use crate::simulate::town::Town;

impl Fate {
    /// What somebody does who has a window of many rooms and a connection.
    pub(super) fn act_in_many(&mut self, town: &Town, line: usize) -> Step {
        let swarm = &town.swarm;
        match (town.lines[line].phase(), self.rng.u8(..100)) {
            // Most wait for their program to bring them back.
            (None | Some(Phase::Auth), 0..60) => Step::Pass(self.time()),
            (None | Some(Phase::Auth), how) => {
                let name = self.user(swarm);
                let right = town.model.password(name.id).filter(|_| how % 8 > 0);
                let password = right.unwrap_or_else(|| PASSWORDS[self.rng.usize(..2)]);
                let wish = if right.is_some() || how % 8 == 0 { Wish::Login } else { Wish::Register };
                Step::Wish(line, wish(name, password))
            }
            (Some(_), _) if self.rng.u8(..12) == 0 => {
                self.said += 1;
                let text = (self.rng.u8(..3) > 0).then(|| format!("s{}", self.said));
                Step::Wish(line, Wish::Present(self.state(), text))
            }
            (Some(_), _) if self.rng.u8(..25) == 0 => {
                Step::Wish(line, self.login(town, line).map_or(Wish::Logins, Wish::EndLogin))
            }
            (Some(_), 0..3) => Step::Wish(line, Wish::List),
            (Some(_), 3..9) => Step::Wish(line, Wish::Create(self.room(swarm))),
            (Some(_), 9..24) => Step::Wish(line, Wish::Enter(self.room(swarm))),
            (Some(_), 24..29) => match self.talk(town, line) {
                Of::Room(room) => Step::Wish(line, Wish::Leave(room)),
                of => Step::Wish(line, Wish::See(of)),
            },
            (Some(_), 29..31) => Step::Wish(line, Wish::Logout),
            (Some(_), 31..42) => Step::Wish(line, Wish::Look(self.talk(town, line))),
            (Some(_), 42..54) => Step::Wish(line, Wish::See(self.talk(town, line))),
            (Some(_), 60..68) => {
                let (op, name) = self.tie(town, line);
                Step::Wish(line, Wish::Tie(op, name))
            }
            (Some(_), 54..60) => Step::Wish(line, Wish::OlderOf(self.talk(town, line))),
            (Some(_), _) => self.say_in_many(town, line),
        }
    }

    /// Something is said, with a connection or without one.
    pub(super) fn say_in_many(&mut self, town: &Town, line: usize) -> Step {
        self.said += 1;
        let text = format!("c{}", self.said);
        Step::Wish(line, Wish::SayIn(self.talk(town, line), text))
    }

    /// A conversation, most often one that somebody takes part in.
    fn talk(&mut self, town: &Town, line: usize) -> Of {
        let window = town.lines[line].window.as_ref();
        let places = window.map(|window| window.conversations().collect::<Vec<_>>()).unwrap_or_default();
        let found = match self.rng.u8(..8) {
            0 | 1 => None,
            2 => window.and_then(|window| window.room(self.rng.usize(..16))).map(Conversation::Room),
            _ if places.is_empty() => None,
            _ => Some(places[self.rng.usize(..places.len())].clone()),
        };
        let of = match &found {
            Some(Conversation::Room(room)) => find_room(room.as_str()).map(Of::Room),
            Some(Conversation::Peer(peer)) => find_user(peer.as_str()).map(Of::Peer),
            None => None,
        };
        of.unwrap_or_else(|| {
            let name: Name = self.user(&town.swarm);
            Of::Peer(town.model.called(name))
        })
    }
}
