//! What a device says.

use chatroom_core::message::friend::{Op, Tie};

use super::Fate;
use crate::simulate::names::{Name, find_user};
use crate::simulate::step::{From, Means, Of, To};
use crate::simulate::town::Town;

impl Fate {
    /// Something sensible, in the Hall; `how` is a number below 100.
    pub(super) fn words_in_hall(&mut self, town: &Town, line: usize, how: u8) -> Means {
        let swarm = &town.swarm;
        match self.rng.u8(..20) {
            0 | 1 if town.model.tells_who_is_here(line) => return self.presence(),
            2 if town.model.has_friends(line) => {
                let (op, other) = self.tie(town, line);
                return Means::Tie(op, Some(other));
            }
            _ => {}
        }
        match how {
            0..6 => Means::Rooms,
            6..14 => Means::Roster(Some(self.place(town, line))),
            14..20 => Means::Create(Some(self.room(swarm))),
            20..38 => Means::Enter(Some(self.room(swarm))),
            38..46 => Means::Part(Some(self.place(town, line))),
            46..49 => Means::PeerRead(Some(self.user(swarm)), self.rng.u64(..9)),
            49..58 => {
                let room = self.place(town, line);
                // Mostly the last ones, and now and then more than there are.
                let last = town.model.last_seq(room) + 2;
                Means::Read(Some(room), last.saturating_sub(self.rng.u64(..5)))
            }
            58..66 => self.history_in_hall(town, line),
            66..68 => Means::Logout,
            68..70 if town.model.has_friends(line) => Means::Ties,
            70..76 if town.model.has_friends(line) => {
                let (op, other) = self.tie(town, line);
                Means::Tie(op, Some(other))
            }
            how => {
                let to = if how < 78 { To::User(self.user(swarm)) } else { To::Public };
                // What is private may be said from anywhere.
                let is_anywhere = matches!(to, To::User(_)) && how % 2 == 0;
                let own = town.model.user(line);
                let from = own.filter(|_| how % 3 == 0).map_or(From::Absent, From::User);
                let room = (!is_anywhere).then(|| self.place(town, line));
                match self.message(town, line, from, to) {
                    Means::Msg { from, to, text, cid, room: None } => {
                        Means::Msg { from, to, text, cid, room }
                    }
                    means => means,
                }
            }
        }
    }

    /// How somebody is here; what they say of themselves is something else each time.
    fn presence(&mut self) -> Means {
        let state = self.state();
        let number = self.said;
        let text = match self.rng.u8(..6) {
            0 | 1 => None,
            2 => Some(format!(r#"s{number} \"quoted\" \\ and more"#)),
            3 => Some(format!("s{number} {}", "\u{4f60}".repeat(self.rng.usize(..40)))),
            _ => Some(format!("s{number}")),
        };
        Means::Presence(state, text.map(Ok))
    }

    /// What somebody does about whom: most often about who waits for it, now and then about a friend.
    pub(super) fn tie(&mut self, town: &Town, line: usize) -> (Op, Name) {
        let views = town.model.user(line).map(|user| town.model.views(user)).unwrap_or_default();
        let (wanted, op) = match self.rng.u8(..6) {
            0..4 => (Tie::Asking, [Op::Request, Op::Accept][self.rng.usize(..2)]),
            4 => (Tie::Friend, [Op::Remove, Op::Block][self.rng.usize(..2)]),
            _ => (Tie::Blocked, Op::Unblock),
        };
        let others: Vec<&str> =
            views.iter().filter(|(_, tie)| **tie == wanted).map(|(name, _)| *name).collect();
        let other = others.get(self.rng.usize(..others.len().max(1))).and_then(|name| find_user(name));
        other.map_or_else(|| (self.op(), self.user(&town.swarm)), |other| (op, other))
    }

    /// What somebody does about another: mostly what makes friends.
    pub(super) fn op(&mut self) -> Op {
        match self.rng.u8(..10) {
            0..4 => Op::Request,
            4 | 5 => Op::Accept,
            6 => Op::Decline,
            7 => Op::Remove,
            8 => Op::Block,
            _ => Op::Unblock,
        }
    }

    fn history_in_hall(&mut self, town: &Town, line: usize) -> Means {
        let room = self.place(town, line);
        match self.history(town, line) {
            Means::History { edge, limit, .. } if self.rng.u8(..3) > 0 => {
                Means::History { of: Of::Room(room), edge, limit }
            }
            means => means,
        }
    }

    /// A room, most often one that they take part in.
    fn place(&mut self, town: &Town, line: usize) -> Name {
        let places = town.model.places(line);
        match places.len() {
            0 => self.room(&town.swarm),
            _ if self.rng.u8(..8) == 0 => self.room(&town.swarm),
            count => places[self.rng.usize(..count)],
        }
    }
}
