//! What people are to each other as a disk has it, where the core decides what becomes of them.

use std::collections::BTreeMap;

use chatroom_core::hub::{Bond, Consent, List, Outcome, Side, Telling, Tied, Ties, Told, Tying, Untied};
use chatroom_core::message::friend::Tie;
use chatroom_core::name::{Account, NameKey, UserName};

/// See the module.
#[derive(Clone, Default)]
pub struct Sides {
    /// By whose side it is and of whom, with how that one is spelled.
    sides: BTreeMap<(NameKey, NameKey), (UserName, Side)>,
}

impl Sides {
    /// What another is to somebody.
    pub fn side(&self, own: &NameKey, other: &NameKey) -> Side {
        self.sides.get(&(own.clone(), other.clone())).map_or_else(Side::default, |(_, side)| *side)
    }

    /// All who are something to somebody.
    pub fn ties(&self, own: &NameKey) -> Ties {
        let mine = self.sides.iter().filter(|((whose, _), (_, side))| whose == own && side.tie != Tie::None);
        mine.map(|((_, other), (name, side))| (other.clone(), (name.clone(), side.tie))).collect()
    }

    /// What somebody's devices are told of them, who has talked to nobody.
    pub fn tell(&self, telling: &Telling) -> Outcome {
        let ties = telling.with_ties.then(|| self.ties(&telling.account.key));
        Outcome::Told(Box::new(Told { talks: vec![], ties }))
    }

    /// Whether somebody is to be given what another says to them alone.
    pub fn wants(&self, receiver: &NameKey, author: &NameKey, consent: Consent) -> bool {
        let tie = self.side(receiver, author).tie;
        match consent {
            Consent::Given => true,
            Consent::NotBlocked => tie != Tie::Blocked,
            Consent::Friends => tie == Tie::Friend,
        }
    }

    /// Who wants to hear nothing of whom.
    pub fn blocks(&self) -> Vec<(NameKey, NameKey)> {
        let blocks = self.sides.iter().filter(|(_, (_, side))| side.tie == Tie::Blocked);
        blocks.map(|(pair, _)| pair.clone()).collect()
    }

    /// All who have ever been something to each other, and are not deleted.
    pub fn pairs(&self) -> impl Iterator<Item = &(NameKey, NameKey)> {
        self.sides.keys()
    }

    /// Somebody does something about another, if there is such a one.
    pub fn tie(&mut self, tying: &Tying, other: Option<Account>) -> Outcome {
        let Some(other) = other else { return Outcome::Untied(Untied::Unknown) };
        let own = &tying.account;
        let before = Bond { own: self.side(&own.key, &other.key), other: self.side(&other.key, &own.key) };
        let decided = tying.decide(before, |list| {
            let (whose, tie) = match list {
                List::Friends => (own, Tie::Friend),
                List::OthersFriends => (&other, Tie::Friend),
                List::Asked => (own, Tie::Asked),
                List::OthersAsking => (&other, Tie::Asking),
                List::Blocked => (own, Tie::Blocked),
            };
            let is_it = |(_, found): &&(UserName, Tie)| *found == tie;
            Ok::<_, ()>(self.ties(&whose.key).values().filter(is_it).count())
        });
        let after = match decided.unwrap() {
            Ok(after) => after,
            Err(untied) => return Outcome::Untied(untied),
        };
        for (one, another, side) in [(own, &other, after.own), (&other, own, after.other)] {
            self.sides.insert((one.key.clone(), another.key.clone()), (another.name.clone(), side));
        }
        Outcome::Tied(Box::new(Tied { other, before, after }))
    }

    /// Somebody is nothing to anybody any more.
    pub fn delete(&mut self, user: &NameKey) {
        self.sides.retain(|(one, other), _| one != user && other != user);
    }
}
