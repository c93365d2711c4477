//! Friends, those who want to be, and those whom somebody wants to hear nothing of.
//!
//! What two are to each other is on the disk, which decides by [`Bond::after`] what becomes of it. In memory are the ties of
//! users who have a device here that is told of them, looked up in the journal's order when it comes; and of everybody whom
//! they have blocked, for it has to be known at once of who is not here.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::directory::UserId;
use super::journal::{Entry, Held};
use super::{Answer, ConnId, Deliveries, Denial, Hub, Mail, Reply, answer_to, note};
use crate::limits::Limits;
use crate::message::friend::{Op, Tie};
use crate::name::{Account, NameKey, UserName};
use crate::time::Instant;

/// What somebody is to others: those are left out who are nothing to them.
pub type Ties = BTreeMap<NameKey, (UserName, Tie)>;

/// What two are to each other, of whom the first is to do something about the second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bond {
    /// The first one's side.
    pub own: Side,
    /// The second one's.
    pub other: Side,
}

/// What two are to each other, as one of them has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// What the other is to this one.
    pub tie: Tie,
    /// What the other asked, or will ask, this one has said no to, and the other has not been told.
    pub has_declined: bool,
}

/// A list of which nobody has more than so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Friends, of who does something.
    Friends,
    /// Friends, of the other.
    OthersFriends,
    /// Whom somebody has asked.
    Asked,
    /// Who has asked the other.
    OthersAsking,
    /// Whom somebody has blocked.
    Blocked,
}

/// Why nothing has become of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untied {
    /// There is no such user.
    Unknown,
    /// Who asks has blocked the other.
    Blocked,
    /// There is nothing to agree to.
    NotAsked,
    /// A list is full.
    Full(List),
}

/// Somebody does something about another.
pub struct Tying {
    /// Who.
    pub account: Account,
    /// The other one.
    pub other: NameKey,
    /// As it was typed.
    pub name: UserName,
    /// What.
    pub op: Op,
    /// How long lists are.
    pub(super) room: Room,
}

/// How long lists are.
#[derive(Clone, Copy)]
pub(super) struct Room {
    friends: usize,
    asked: usize,
    asking: usize,
    blocked: usize,
}

/// What has become of two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tied {
    /// The other one.
    pub other: Account,
    /// What they were.
    pub before: Bond,
    /// What they are.
    pub after: Bond,
}

/// What has to be looked up before a private message is kept, because what is known in memory may be about to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Nothing.
    Given,
    /// That the receiver has not blocked the author.
    NotBlocked,
    /// That they are friends.
    Friends,
}

impl Bond {
    /// What becomes of two when the first does something about the second.
    pub fn after(self, op: Op) -> Result<Self, Untied> {
        let Self { mut own, mut other } = self;
        match (op, own.tie) {
            (Op::Request, Tie::Blocked) => return Err(Untied::Blocked),
            (Op::Request | Op::Accept, Tie::Asking) => return Ok(Self::FRIENDS),
            (Op::Accept, Tie::None | Tie::Friend | Tie::Asked | Tie::Blocked) => {
                return Err(Untied::NotAsked);
            }
            // What was declined is agreed to after all.
            (Op::Request, Tie::None) if other.tie == Tie::Asked => return Ok(Self::FRIENDS),
            (Op::Request, Tie::None) => {
                (own.tie, own.has_declined) = (Tie::Asked, false);
                if other.tie == Tie::None && !other.has_declined {
                    other.tie = Tie::Asking;
                }
            }
            (Op::Decline | Op::Remove, Tie::Asking) => (own.tie, own.has_declined) = (Tie::None, true),
            (Op::Remove | Op::Block, Tie::Friend | Tie::Asked) => {
                own.tie = Tie::None;
                if matches!(other.tie, Tie::Friend | Tie::Asking) {
                    other.tie = Tie::None;
                }
            }
            (Op::Unblock, Tie::Blocked) => {
                let is_asked = other.tie == Tie::Asked && !own.has_declined;
                own.tie = if is_asked { Tie::Asking } else { Tie::None };
            }
            (Op::Request, Tie::Friend | Tie::Asked)
            | (Op::Decline, Tie::None | Tie::Friend | Tie::Asked | Tie::Blocked)
            | (Op::Remove | Op::Block, Tie::None | Tie::Blocked)
            | (Op::Block, Tie::Asking)
            | (Op::Unblock, Tie::None | Tie::Friend | Tie::Asking | Tie::Asked) => {}
        }
        if op == Op::Block {
            own.tie = Tie::Blocked;
        }
        Ok(Self { own, other })
    }

    /// Friends.
    const FRIENDS: Self = {
        let side = Side { tie: Tie::Friend, has_declined: false };
        Self { own: side, other: side }
    };

    /// The lists that become longer, if this becomes that. Who was blocked, or declined, by the other finds their list full or
    /// not as anybody does.
    fn lengthens(self, after: Self) -> impl Iterator<Item = List> {
        let becomes = move |tie| self.own.tie != tie && after.own.tie == tie;
        let is_befriended = becomes(Tie::Friend);
        [
            is_befriended.then_some(List::Friends),
            is_befriended.then_some(List::OthersFriends),
            becomes(Tie::Asked).then_some(List::Asked),
            becomes(Tie::Asked).then_some(List::OthersAsking),
            becomes(Tie::Blocked).then_some(List::Blocked),
        ]
        .into_iter()
        .flatten()
    }
}

impl Tying {
    /// What becomes of two who are that to each other. `count` says how many there are on a list.
    ///
    /// # Errors
    /// Of `count`; the inner one says why nothing becomes of them.
    pub fn decide<E>(
        &self,
        before: Bond,
        mut count: impl FnMut(List) -> Result<usize, E>,
    ) -> Result<Result<Bond, Untied>, E> {
        let after = match before.after(self.op) {
            Ok(after) => after,
            Err(untied) => return Ok(Err(untied)),
        };
        for list in before.lengthens(after) {
            if count(list)? >= self.room.of(list) {
                return Ok(Err(Untied::Full(list)));
            }
        }
        Ok(Ok(after))
    }
}

impl Room {
    fn new(limits: &Limits) -> Self {
        Self {
            friends: limits.friends_max,
            asked: limits.friends_asked_max,
            asking: limits.friends_asking_max,
            blocked: limits.friends_blocked_max,
        }
    }

    fn of(self, list: List) -> usize {
        match list {
            List::Friends | List::OthersFriends => self.friends,
            List::Asked => self.asked,
            List::OthersAsking => self.asking,
            List::Blocked => self.blocked,
        }
    }
}

impl Hub {
    /// Who is what to a user. It is known once their device was told it unasked.
    pub(super) fn list_friends(&mut self, from: ConnId, deliveries: &mut Deliveries) -> Answer {
        let member = self.directory.member(from)?;
        let telling = member.telling.filter(|number| !self.is_settled(*number));
        if let Some(ties) = self.ties_of(member.user) {
            let list = ties.values().cloned().collect();
            // A device that could not be told is told by this, and of what changes from now on.
            let is_first = telling.is_none()
                && self
                    .directory
                    .member_mut(from)
                    .is_some_and(|member| !core::mem::replace(&mut member.knows_friends, true));
            answer_to(from, Some(Ok(Reply::Friends(list))), deliveries);
            if is_first {
                self.tell_who_is_here(from, deliveries);
            }
            return None;
        }
        match telling {
            Some(until) => {
                self.journal.as_mut()?.hold(until, from, Held::Friends);
                None
            }
            None => Some(Err(Denial::NotKept)),
        }
    }

    /// Has something become of a user and another.
    pub(super) fn tie(
        &mut self,
        now: Instant,
        from: ConnId,
        op: Op,
        other: NameKey,
        name: UserName,
    ) -> Answer {
        let member = self.directory.member(from)?;
        let (user, account) = (member.user, member.account.clone());
        if account.key == other {
            return Some(Err(Denial::Oneself));
        }
        if let Err(denial) = self.directory.user_mut(user)?.allowance.change(now, &self.limits) {
            return Some(Err(denial));
        }
        let room = Room::new(&self.limits);
        let journal = self.journal.as_mut()?;
        journal.push(from, Entry::Tying(Box::new(Tying { account, other, name, op, room })));
        self.tying += 1;
        None
    }

    /// What has become of two is on the disk, or nothing has. All devices of both are told that are told of friends.
    pub(super) fn tied(
        &mut self,
        from: ConnId,
        number: u64,
        account: &Account,
        tied: Result<Tied, Denial>,
        deliveries: &mut Deliveries,
    ) {
        self.tying -= 1;
        let is_still = self.is_still(from, number);
        let mut become_of = None;
        let answer = tied.map(|Tied { other, before, after }| {
            // Who was deleted after that was written is nothing to anybody.
            let is_gone = self.gone.contains(&account.key) || self.gone.contains(&other.key);
            let after = if is_gone { Bond::default() } else { after };
            note(&mut self.blocks, &account.key, other.key.clone(), after.own.tie == Tie::Blocked);
            let own = (after.own.tie, after.own.tie != before.own.tie);
            let others = (after.other.tie, after.other.tie != before.other.tie);
            self.retie(account, &other, own, is_still.then_some(from), deliveries);
            if !cfg!(planted_bug = "tie_told_to_one_side") {
                self.retie(&other, account, others, None, deliveries);
            }
            become_of = Some((other.clone(), before.own.tie, after.own.tie));
            Reply::Tied(other.name, after.own.tie)
        });
        answer_to(from, is_still.then_some(answer), deliveries);
        if let Some((other, before, after)) = become_of
            && (before == Tie::Friend) != (after == Tie::Friend)
        {
            self.tell_of_friend(account, &other, after == Tie::Friend, deliveries);
            self.tell_of_friend(&other, account, after == Tie::Friend, deliveries);
        }
    }

    /// Another is something to a user from now on. Their devices are told if that is news, but for the one that is answered.
    fn retie(
        &mut self,
        account: &Account,
        other: &Account,
        (tie, is_news): (Tie, bool),
        except: Option<ConnId>,
        deliveries: &mut Deliveries,
    ) {
        let Some(id) = self.directory.find_user(&account.key) else { return };
        let Some(user) = self.directory.user_mut(id) else { return };
        if let Some(ties) = &mut user.ties {
            match tie {
                Tie::None => drop(ties.remove(&other.key)),
                tie => drop(ties.insert(other.key.clone(), (other.name.clone(), tie))),
            }
            let is_followed = tie == Tie::Friend || cfg!(planted_bug = "told_of_who_was_a_friend");
            self.statuses.follow(id, &other.key, is_followed);
        }
        if is_news {
            let devices = user.devices.clone();
            let told =
                devices.into_iter().filter(|device| Some(*device) != except && self.knows_friends(*device));
            let told: Vec<ConnId> = told.collect();
            deliveries.extend(told.into_iter().map(|device| (device, Mail::Tied(other.name.clone(), tie))));
        }
    }

    /// Whether somebody wants to hear nothing of another.
    pub(super) fn has_blocked(&self, by: &NameKey, of: &NameKey) -> bool {
        self.blocks.get(by).is_some_and(|blocked| blocked.contains(of))
    }

    /// These accounts are deleted: they are nothing to anybody.
    pub(super) fn untie(&mut self, gone: &BTreeSet<&NameKey>, deliveries: &mut Deliveries) {
        self.blocks.retain(|by, blocked| {
            blocked.retain(|of| !gone.contains(of));
            !gone.contains(by) && !blocked.is_empty()
        });
        let mut told = Vec::new();
        for user in self.directory.users_mut() {
            let Some(ties) = &mut user.ties else { continue };
            let devices = &user.devices;
            ties.retain(|key, (name, _)| {
                let is_gone = gone.contains(key);
                if is_gone {
                    told.extend(devices.iter().map(|device| (*device, name.clone())));
                }
                !is_gone
            });
        }
        let told = told.into_iter().filter(|(device, _)| self.knows_friends(*device));
        for (device, name) in told.collect::<Vec<_>>() {
            deliveries.push((device, Mail::Tied(name.clone(), Tie::None)));
            self.tell_gone(device, name, deliveries);
        }
        gone.iter().for_each(|key| self.statuses.forget_followers(key));
    }

    /// A friend who cannot be reached now is written to all the same: by who has friends. An error says that the one with that
    /// name is none.
    pub(super) fn absent_friend(&self, from: ConnId, key: &NameKey) -> Result<Account, Stranger> {
        let Some(member) = self.directory.member(from).filter(|member| member.has_friends) else {
            return Err(Stranger::Known);
        };
        match (self.ties_of(member.user), member.telling) {
            (Some(ties), _) => match ties.get(key) {
                Some((name, Tie::Friend)) => Ok(Account { name: name.clone(), key: key.clone() }),
                Some(_) | None => Err(Stranger::Known),
            },
            (None, Some(until)) if !self.is_settled(until) => Err(Stranger::KnownOnce(until)),
            (None, _) => Err(Stranger::Unknown),
        }
    }

    /// What has to be looked up once more, for something is on its way that may change it.
    pub(super) fn consent(&self, is_reached: bool) -> Consent {
        match (self.tying, is_reached) {
            _ if cfg!(planted_bug = "consent_not_looked_up_again") => Consent::Given,
            (0, _) => Consent::Given,
            (_, true) => Consent::NotBlocked,
            (_, false) => Consent::Friends,
        }
    }

    fn is_settled(&self, number: u64) -> bool {
        self.journal.as_ref().is_none_or(|journal| journal.is_settled(number))
    }

    fn ties_of(&self, user: UserId) -> Option<&Ties> {
        self.directory.user(user).and_then(|user| user.ties.as_ref())
    }

    /// Whether a device was told who is what to its user, and is to be told what changes.
    fn knows_friends(&self, device: ConnId) -> bool {
        self.directory.member(device).is_some_and(|member| member.knows_friends)
    }

    /// What somebody's ties are is forgotten when no device is left that is told of them.
    pub(super) fn forget_ties(&mut self, user: UserId) {
        let has_friends =
            |device: &ConnId| self.directory.member(*device).is_some_and(|member| member.has_friends);
        let Some(found) = self.directory.user(user) else { return };
        if found.ties.is_some()
            && !found.devices.iter().any(has_friends)
            && let Some(ties) = self.directory.user_mut(user).and_then(|found| found.ties.take())
        {
            ties.keys().for_each(|other| self.statuses.follow(user, other, false));
        }
    }
}

/// Somebody is no friend, as far as that is known.
pub(super) enum Stranger {
    /// They are none.
    Known,
    /// It is known when that append is settled.
    KnownOnce(u64),
    /// It could not be read.
    Unknown,
}
