//! Whether people are here and what they say of themselves, told to their friends and to who watches the rooms they are in.
//!
//! Friends are one audience, the watchers of a room another: each is told at its own pace, and one frame is encoded for all of
//! it. Who sees somebody in both ways is told twice. What is told is all that is known of somebody, so that does no harm; and
//! where one audience was told what another has been told better since, all are told again.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::directory::{Member, Seat, User, UserId};
use super::pacing::Pace;
use super::room::{LOBBY_ID, RoomId};
use super::watch::{About, Bulletin, News, Presences};
use super::{Answer, ConnId, Deliveries, Hub, Mail, Reply, answer_to, note};
use crate::frame::Frame;
use crate::limits::STATUS_BYTES_MAX;
use crate::message::friend::Tie;
use crate::message::presence::{self, Presence, PresenceState, StatusText};
use crate::message::push::Roster;
use crate::name::{Account, NameKey, UserName};
use crate::time::Instant;

/// What somebody who is here says of themselves.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) state: PresenceState,
    pub(super) text: Option<StatusText>,
}

/// Who is to hear that somebody is here, and how.
#[derive(Default)]
pub(super) struct Statuses {
    /// How many connections are told who is here. Without any, nothing is done for it.
    pub(super) listeners: usize,
    /// Whose friends are here and know it: by the friend, who need not be here.
    followers: BTreeMap<NameKey, BTreeSet<UserId>>,
    /// When friends are told of whom, for as long as they were told a moment ago or are about to be.
    turns: BTreeMap<NameKey, Turn>,
    /// At how many of them those are dropped that are over.
    turns_max: usize,
    /// How often anybody's presence has changed.
    changes: u64,
}

struct Turn {
    name: UserName,
    pace: Pace,
    /// It is being encoded.
    is_printing: bool,
}

/// Who is here, and how. Encode it without a lock.
pub enum Here {
    /// These.
    These(Vec<Presence>),
    /// All who are in a room; how those are who are something else than plainly online, in the order of the roster.
    Room(Roster, Vec<Presence>),
}

impl Default for Status {
    fn default() -> Self {
        Self { state: PresenceState::Online, text: None }
    }
}

impl User {
    fn presence(&self) -> Presence {
        let user = self.account.name.clone();
        let is_gone = self.connections() == 0
            || (cfg!(planted_bug = "devices_taken_for_the_account") && self.devices.is_empty());
        if is_gone {
            return Presence::gone(user);
        }
        Presence { user, state: self.status.state, text: self.status.text.clone() }
    }
}

impl Statuses {
    /// Whether a user is to hear of another, who is a friend of theirs, or is not.
    pub(super) fn follow(&mut self, user: UserId, other: &NameKey, is_friend: bool) {
        note(&mut self.followers, other, user, is_friend);
    }

    /// Nobody is a friend of that one any more.
    pub(super) fn forget_followers(&mut self, user: &NameKey) {
        self.followers.remove(user);
    }

    fn forget_turns(&mut self, now: Instant) {
        if self.turns.len() > self.turns_max.max(TURNS_KEPT) {
            self.turns.retain(|_, turn| turn.is_printing || !turn.pace.is_idle(now));
            // Twice as many as are left, so that looking through them costs each of them little.
            self.turns_max = 2 * self.turns.len();
        }
    }
}

impl Here {
    /// What it counts for, in bytes, while it waits: names are shared, what is said is not.
    pub(super) fn cost(&self) -> usize {
        let (Self::These(said) | Self::Room(_, said)) = self;
        (1 + said.len()) * (STATUS_BYTES_MAX + size_of::<Presence>())
    }

    /// Encodes it, each frame's JSON at most `bytes_max` long.
    pub fn encode(&self, bytes_max: usize) -> Vec<Frame> {
        match self {
            Self::These(presences) => presence::encode(presences, bytes_max, None),
            Self::Room(roster, said) => presence::encode_members(roster.members.iter(), said, bytes_max),
        }
    }
}

impl Hub {
    /// A user is here like that, and says this of themselves.
    pub(super) fn present(
        &mut self,
        now: Instant,
        from: ConnId,
        status: Status,
        deliveries: &mut Deliveries,
    ) -> Answer {
        let id = self.directory.member(from)?.user;
        let user = self.directory.user_mut(id)?;
        if let Err(denial) = user.allowance.present(now, &self.limits) {
            return Some(Err(denial));
        }
        let is_news = user.status != status;
        user.status = status;
        let (presence, devices) = (user.presence(), user.devices.clone());
        answer_to(from, Some(Ok(Reply::Present(Box::new(presence.clone())))), deliveries);
        if is_news {
            let others =
                devices.into_iter().filter(|device| *device != from && self.directory.hears(*device));
            deliveries.extend(others.map(|device| (device, present(presence.clone()))));
            self.announce(now, id);
        }
        None
    }

    /// A user has one more connection.
    pub(super) fn arrived_here(&mut self, now: Instant, user: UserId) {
        if self.directory.user(user).is_some_and(|user| user.connections() == 1) {
            self.announce_to_friends(now, user);
        }
    }

    /// A user has one connection less.
    pub(super) fn gone_from_here(&mut self, now: Instant, user: UserId) {
        let Some(found) = self.directory.user_mut(user).filter(|user| user.connections() == 0) else {
            return;
        };
        found.status = Status::default();
        self.announce_to_friends(now, user);
    }

    /// Something else is so of a user from now on: whoever sees them is to be told.
    fn announce(&mut self, now: Instant, user: UserId) {
        self.announce_to_friends(now, user);
        let Some(found) = self.directory.user(user).filter(|_| self.statuses.listeners > 0) else { return };
        let key = found.account.key.clone();
        let devices_are_in = found.device_rooms().filter(|_| !found.devices.is_empty());
        let single_is_in = found.single.and_then(|id| self.directory.member(id)).and_then(Member::room);
        let rooms: BTreeSet<RoomId> = devices_are_in.chain(single_is_in).collect();
        for id in rooms.into_iter().filter(|id| *id != LOBBY_ID) {
            if let Some(room) = self.rooms.get_mut(id)
                && room.note_status(&key)
            {
                self.pacing.changed(now, id, &mut room.pace);
            }
        }
    }

    fn announce_to_friends(&mut self, now: Instant, user: UserId) {
        if let Some(account) = self.directory.user(user).map(|user| user.account.clone()) {
            self.announce_account(now, &account.key, account.name);
        }
    }

    fn announce_account(&mut self, now: Instant, key: &NameKey, name: UserName) {
        self.statuses.changes += 1;
        let is_followed = self.statuses.listeners > 0 && self.statuses.followers.contains_key(key);
        // Whoever begins to follow meanwhile would be told what is being encoded, and nothing after it.
        let is_printing = self.statuses.turns.get(key).is_some_and(|turn| turn.is_printing);
        if is_followed || is_printing {
            let turn = self.statuses.turns.entry(key.clone());
            let turn = turn.or_insert_with(|| Turn { name, pace: Pace::default(), is_printing: false });
            self.pacing.changed(now, key, &mut turn.pace);
        }
    }

    /// Takes what a user's friends are to be told.
    pub(super) fn poll_user(&mut self, now: Instant, key: NameKey) -> Option<Bulletin> {
        let is_followed = self.statuses.followers.contains_key(&key);
        let turn = self.statuses.turns.get_mut(&key)?;
        if turn.is_printing {
            // What is told last has to be what is so.
            self.pacing.postpone(now, &key, &mut turn.pace);
            return None;
        }
        self.pacing.began(now, &mut turn.pace, is_followed);
        if !is_followed {
            return None;
        }
        turn.is_printing = true;
        let presence =
            self.directory.named(&key).map_or_else(|| Presence::gone(turn.name.clone()), User::presence);
        let presences = Presences { all: Vec::from([(key.clone(), presence)]), as_of: self.statuses.changes };
        Some(Bulletin { about: About::User(key), list: None, news: None, presences })
    }

    /// Gives it to all of them.
    pub(super) fn publish_user(
        &mut self,
        now: Instant,
        key: &NameKey,
        frames: Vec<Frame>,
        deliveries: &mut Deliveries,
    ) {
        let followers = self.statuses.followers.get(key).into_iter().flatten();
        let devices = followers.filter_map(|user| self.directory.user(*user)).flat_map(|user| &user.devices);
        let listeners: Vec<ConnId> =
            devices.copied().filter(|device| self.directory.hears(*device)).collect();
        let bytes: usize = frames.iter().map(|frame| frame.len()).sum();
        for frame in frames {
            let frame = frame.booked(&self.ledger);
            deliveries.extend(listeners.iter().map(|device| (*device, Mail::Frame(frame.clone()))));
        }
        if let Some(turn) = self.statuses.turns.get_mut(key) {
            turn.is_printing = false;
            self.pacing.published(now, key, &mut turn.pace, bytes, bytes * listeners.len());
        }
        self.statuses.forget_turns(now);
    }

    /// How those are here of whom that is news in a room.
    pub(super) fn presences_of(&self, id: RoomId, news: &News) -> Presences {
        let News::People(changes, _) = news else { return Presences::default() };
        let Some(room) = self.rooms.get(id) else { return Presences::default() };
        if !room.watchers.iter().any(|device| self.directory.hears(*device)) {
            return Presences::default();
        }
        let shown = |user: &User| (user.account.key.clone(), user.presence());
        let all = match changes.of_whom() {
            Some(keys) => {
                let users = keys.into_iter().filter_map(|key| self.directory.named(key));
                users.filter(|user| self.is_in(user, id)).map(shown).collect()
            }
            None => {
                room.people().iter().filter_map(|(user, _)| self.directory.user(*user)).map(shown).collect()
            }
        };
        Presences { all, as_of: self.statuses.changes }
    }

    /// What the watchers of a room were told may have changed since it was taken, and others may have been told that before:
    /// then all are told again.
    pub(super) fn correct(&mut self, now: Instant, told: Presences, deliveries: &mut Deliveries) {
        if told.as_of == self.statuses.changes {
            return;
        }
        for (key, presence) in told.all {
            let Some(id) = self.directory.find_user(&key) else {
                self.announce_account(now, &key, presence.user);
                continue;
            };
            if let Some(user) = self.directory.user(id).filter(|user| user.presence() != presence) {
                let own = user.devices.iter().filter(|device| self.directory.hears(**device));
                deliveries.extend(own.map(|device| (*device, present(user.presence()))));
                self.announce(now, id);
            }
        }
    }

    /// A device knows who is what to its user from now on: it is told which friends are here, and what the user says of
    /// themselves, if that is anything.
    pub(super) fn tell_who_is_here(&self, from: ConnId, deliveries: &mut Deliveries) {
        let Some(member) = self.directory.member(from).filter(|member| member.has_presence) else { return };
        let Some(user) = self.directory.user(member.user) else { return };
        let own = (user.status != Status::default()).then_some(user);
        let ties = user.ties.iter().flatten().filter(|(_, (_, tie))| *tie == Tie::Friend);
        let friends = ties.filter_map(|(key, _)| self.directory.named(key));
        let here = friends.filter(|friend| friend.connections() > 0);
        let presences: Vec<Presence> = own.into_iter().chain(here).map(User::presence).collect();
        if !presences.is_empty() {
            deliveries.push((from, Mail::Here(Box::new(Here::These(presences)))));
        }
        if let Seat::Device(watched) = &member.seat {
            watched.iter().for_each(|id| self.tell_who_is_in(from, *id, deliveries));
        }
    }

    /// A device was told who is in a room: it is told how they are here.
    pub(super) fn tell_who_is_in(&self, from: ConnId, id: RoomId, deliveries: &mut Deliveries) {
        let Some(room) = self.rooms.get(id).filter(|_| self.directory.hears(from)) else { return };
        let people = room.people().iter().filter_map(|(user, _)| self.directory.user(*user));
        let said = people.filter(|user| user.status != Status::default()).map(User::presence).collect();
        deliveries.push((from, Mail::Here(Box::new(Here::Room(room.roster(), said)))));
    }

    /// Two have become friends, or are none any more: the devices of one are told how the other is here, or that they are not
    /// any more, as far as these know.
    pub(super) fn tell_of_friend(
        &self,
        account: &Account,
        other: &Account,
        is_friend: bool,
        deliveries: &mut Deliveries,
    ) {
        let Some(user) = self.directory.named(&account.key) else { return };
        let friend = self.directory.named(&other.key).filter(|_| is_friend);
        let told = friend.map_or_else(|| Presence::gone(other.name.clone()), User::presence);
        let devices = user.devices.iter().filter(|device| self.directory.hears(**device));
        let devices = devices.filter(|device| is_friend || !self.sees(**device, &other.key));
        deliveries.extend(devices.map(|device| (*device, present(told.clone()))));
    }

    /// A friend is nobody any more.
    pub(super) fn tell_gone(&self, device: ConnId, user: UserName, deliveries: &mut Deliveries) {
        if self.directory.hears(device) {
            deliveries.push((device, present(Presence::gone(user))));
        }
    }

    /// Whether a device watches a room in which somebody is.
    fn sees(&self, device: ConnId, other: &NameKey) -> bool {
        let Some(Member { seat: Seat::Device(watched), .. }) = self.directory.member(device) else {
            return false;
        };
        self.directory.named(other).is_some_and(|other| watched.iter().any(|id| self.is_in(other, *id)))
    }

    /// Whether a user is in a room, by whatever connection.
    fn is_in(&self, user: &User, id: RoomId) -> bool {
        let is_by_device = !user.devices.is_empty() && user.places.contains_key(&id);
        let single = user.single.and_then(|single| self.directory.member(single));
        is_by_device || single.and_then(Member::room) == Some(id)
    }
}

fn present(presence: Presence) -> Mail {
    Mail::Here(Box::new(Here::These(Vec::from([presence]))))
}

/// How many turns are kept before those are dropped that are over.
const TURNS_KEPT: usize = 1024;
