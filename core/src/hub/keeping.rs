//! What the hub does where what is said is kept: it asks for appends, and delivers what was made durable.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::directory::Seat;
use super::friends::{Consent, Stranger};
use super::journal::{Delivery, Fate, Held, Journal, Unfounded};
use super::places::Place;
use super::room::{LOBBY_ID, RoomId};
use super::{
    Answer, Append, Audience, ConnId, Deliveries, Denial, Entry, Hub, Kept, Mail, Memory, Message, Post,
    Reply, Settled, StoredPlace, StoredRoom, Whisper, answer_to,
};
use crate::ledger::Booking;
use crate::name::{Account, NameKey, UserName};
use crate::time::Instant;

impl Hub {
    /// The same, keeping what is said from now on, and going on with what the disk knows.
    #[must_use]
    pub fn with_history(mut self, now: Instant, memory: Memory) -> Self {
        let Memory { rooms, places, blocks } = memory;
        for StoredRoom { key, look, name, last_seq } in rooms {
            let id = match self.rooms.find(&key) {
                Some(id) => id,
                None => self.rooms.create(now, key, look, name, false),
            };
            if let Some(room) = self.rooms.get_mut(id) {
                room.is_spoken_in |= last_seq > 0;
                room.last_seq = last_seq;
            }
        }
        for StoredPlace { account, room, read } in places {
            if let Some(id) = self.rooms.find(&room) {
                let user = self.directory.user_of(&account, Default::default);
                self.take_part(user, id, Place::new(read));
            }
        }
        for (by, of) in blocks {
            self.blocks.entry(by).or_default().insert(of);
        }
        self.journal = Some(Journal::new());
        self
    }

    /// Whether something waits to be made durable, and whoever does that has to be called: once each time that
    /// [`Hub::take_appends`] has found nothing.
    pub fn calls_writer(&mut self) -> bool {
        self.journal.as_mut().is_some_and(Journal::calls)
    }

    /// Takes the next that are to be made durable, in their order and `count_max` at most, and appends them to `group`, which
    /// is empty. Hand them back to [`Hub::settle`], all of them and in the same order, before taking more.
    pub fn take_appends(&mut self, count_max: usize, group: &mut Vec<Append>) {
        if let Some(journal) = &mut self.journal {
            journal.take(count_max, group);
        }
    }

    /// Whether what is said is kept.
    pub fn has_history(&self) -> bool {
        self.journal.is_some()
    }

    pub(super) fn last_append(&self) -> u64 {
        self.journal.as_ref().map_or(0, Journal::last)
    }

    /// How many are to be made durable, or being made so.
    pub fn pending_appends(&self) -> u64 {
        self.journal.as_ref().map_or(0, Journal::pending)
    }

    /// Delivers and acknowledges what was made durable, and tells who said or made the rest that it was not. Then what
    /// waited for it goes on.
    pub fn settle(&mut self, now: Instant, group: Vec<Settled>, deliveries: &mut Deliveries) {
        let mut is_disk_at_work = false;
        for Settled { number, from, fate } in group {
            is_disk_at_work |= fate.is_durable();
            if let Some(journal) = &mut self.journal {
                journal.settle(number);
            }
            match fate {
                Fate::Founded => self.founded(now, number, from, deliveries),
                Fate::NotFounded => self.not_founded(now, number, from, deliveries),
                Fate::Placed(placing, is_durable) => {
                    self.placed(now, from, placing, is_durable, deliveries);
                }
                Fate::Said(delivery) => {
                    let is_there = self.arrived(from, number);
                    self.deliver(from, is_there, *delivery, deliveries);
                }
                Fate::Acknowledged(ack) => {
                    if self.arrived(from, number) {
                        deliveries.push((from, Mail::Frame(ack)));
                    }
                }
                Fate::Told(told) => self.told(from, number, told, deliveries),
                Fate::Untellable => self.untellable(from, number),
                Fate::Tied(account, tied) => {
                    let tied = tied.map(|tied| *tied);
                    self.tied(from, number, &account, tied, deliveries);
                }
                Fate::PeerRead(reader, extent) => {
                    self.peer_read(from, number, &reader, extent, deliveries);
                }
                Fate::Refused(rid, denial) => {
                    if self.arrived(from, number) {
                        deliveries.push((from, Mail::Refused(Box::new((rid, denial)))));
                    }
                }
            }
        }
        if is_disk_at_work {
            self.tell_the_untold();
        }
        self.go_on(now, deliveries);
    }

    /// A room is durable, and exists from now on.
    fn founded(&mut self, now: Instant, number: u64, from: ConnId, deliveries: &mut Deliveries) {
        let founding = self.journal.as_mut().and_then(|journal| journal.take_founding(number));
        let Some(Unfounded { key, look, name, .. }) = founding else { return };
        self.before_change(now, LOBBY_ID);
        self.rooms.create(now, key, look, name.clone(), false);
        answer_to(from, self.directory.member(from).map(|_| Ok(Reply::Created(name))), deliveries);
    }

    /// A room could not be made durable, and what gave way to it comes back.
    fn not_founded(&mut self, now: Instant, number: u64, from: ConnId, deliveries: &mut Deliveries) {
        let founding = self.journal.as_mut().and_then(|journal| journal.take_founding(number));
        let Some(Unfounded { instead, .. }) = founding else { return };
        if let Some((id, room)) = instead {
            self.before_change(now, LOBBY_ID);
            self.rooms.insert(id, room);
        }
        answer_to(from, self.directory.member(from).map(|_| Err(Denial::NotKept)), deliveries);
    }

    /// Has something that is said made durable. If its author may have more on its way, that is answered at once.
    pub(super) fn post(&mut self, now: Instant, from: ConnId, post: Post) -> Answer {
        let member = self.directory.member(from)?;
        let (user, author, here) = (member.user, member.account.clone(), member.room());
        let is_device = matches!(member.seat, Seat::Device(_));
        if let Some(until) = self.waits_for_ties(from, &post) {
            self.journal.as_mut()?.hold(until, from, Held::Post(Box::new(post)));
            return None;
        }
        if let Err(denial) = self.directory.user_mut(user)?.allowance.speak(now, &self.limits) {
            return Some(Err(denial));
        }
        let there = match &post.room {
            Some((key, name)) => match self.place_of(from, key) {
                Some(id) => Some(id),
                None => return Some(Err(Denial::NotThere(name.clone()))),
            },
            None => here,
        };
        let mut asked = (Consent::Given, None);
        let (audience, there) = match (&post.to, there) {
            (None, there) => {
                let room = self.rooms.get(there?)?;
                (Audience::Room(room.key().clone(), room.name.clone()), there)
            }
            (Some((key, name)), there) => {
                let absence = self.absence(name, there);
                let reached = self.reached(key, there, &author.key);
                let consent = self.consent(reached.is_some());
                let (receiver, there) = match reached {
                    Some(receiver) => (receiver.clone(), there),
                    None => match self.absent_friend(from, key) {
                        // Who is not in that room may be in another one.
                        Ok(friend) => (friend, None),
                        Err(Stranger::Known) => return Some(Err(absence)),
                        Err(Stranger::KnownOnce(_) | Stranger::Unknown) => return Some(Err(Denial::NotKept)),
                    },
                };
                asked = (consent, Some(Box::new(absence)));
                (Audience::User(receiver), there)
            }
        };
        // What waits is the text, and what was encoded of it.
        let bytes = post.text.as_str().len() + post.plain.as_ref().map_or(0, |frame| frame.len());
        let booking = Booking::new(&self.ledger, bytes);
        let message = Message::new(author, audience, there, post, is_device, asked, booking);
        let journal = self.journal.as_mut()?;
        let number = journal.push(from, Entry::Message(Box::new(message)));
        let is_full = journal.pending() >= self.limits.appends_total_max;
        if let Some(room) = there.and_then(|id| self.rooms.get_mut(id)) {
            room.last_append = number;
            room.is_spoken_in = true;
        }
        let member = self.directory.member_mut(from)?;
        member.on_their_way += 1;
        if is_full || !member.may_say_more(&self.limits) {
            self.journal.as_mut()?.crowd(from);
            return None;
        }
        Some(Ok(Reply::Said))
    }

    /// Who is of that name, if they can be given a private message by that author: in that room, or wherever they are.
    fn reached(&self, key: &NameKey, room: Option<RoomId>, author: &NameKey) -> Option<&Account> {
        let user = self.directory.find_user(key)?;
        self.reach(user, room).next()?;
        if self.has_blocked(key, author) {
            return None;
        }
        self.directory.user(user).map(|user| &user.account)
    }

    /// The append after which it is known whether a private message is for a friend, if that is not known and matters.
    fn waits_for_ties(&self, from: ConnId, post: &Post) -> Option<u64> {
        let (key, _) = post.to.as_ref()?;
        let Err(Stranger::KnownOnce(until)) = self.absent_friend(from, key) else { return None };
        let there = post.room.as_ref().and_then(|(key, _)| self.place_of(from, key));
        let author = &self.directory.member(from)?.account.key;
        self.reached(key, there, author).is_none().then_some(until)
    }

    /// Somebody cannot be given a private message: in that room, or at all.
    fn absence(&self, name: &UserName, room: Option<RoomId>) -> Denial {
        match room.and_then(|room| self.rooms.get(room)) {
            Some(room) => Denial::NotInRoom(name.clone(), room.name.clone()),
            None => Denial::NotHere(name.clone()),
        }
    }

    /// Something that a connection has said is not on its way any more. Whether it is still there to hear of it, and nobody
    /// else has logged in by it.
    fn arrived(&mut self, from: ConnId, number: u64) -> bool {
        let member = self.directory.member_mut(from).filter(|member| number > member.since_append);
        member.map(|member| member.on_their_way = member.on_their_way.saturating_sub(1)).is_some()
    }

    /// Gives a message to those it is for, and tells its author that it is durable.
    fn deliver(&mut self, from: ConnId, is_there: bool, delivery: Delivery, deliveries: &mut Deliveries) {
        let Delivery { message, posted, placed, own, ack } = delivery;
        match (&message.audience, message.plain(), placed, own) {
            (Audience::User(receiver), ..) => {
                let kept = Kept { to: receiver.name.clone(), posted, cid: message.cid.clone() };
                let booking = Booking::new(&self.ledger, message.text.as_str().len());
                let mut readers = self.readers(&message, receiver);
                if is_there {
                    // Last, as its answer.
                    readers.retain(|id| *id != from);
                }
                let whisper = Arc::new(Whisper {
                    from: message.author.name.clone(),
                    text: message.text,
                    kept: Some(kept),
                    booking: Some(booking),
                });
                let own = is_there.then_some(from);
                let mail = |id| (id, Mail::Whisper(Arc::clone(&whisper)));
                deliveries.extend(readers.into_iter().chain(own).map(mail));
            }
            (Audience::Room(..), Some(plain), Some(placed), Some(own)) => {
                if message.is_read_by_author {
                    self.has_read(&message.author.key, message.room(), posted.seq);
                }
                let Some(room) = message.room().and_then(|id| self.rooms.get_mut(id)) else { return };
                room.last_seq = posted.seq;
                let plain = plain.clone().booked(&self.ledger);
                let (placed, own) = (placed.booked(&self.ledger), own.booked(&self.ledger));
                deliveries.extend(room.members.iter().map(|id| {
                    let frame = match self.directory.member(*id) {
                        // Also if they have connected anew since they said it.
                        Some(member) if member.gets_places && member.account.key == message.author.key => {
                            &own
                        }
                        Some(member) if member.gets_places => &placed,
                        _ => &plain,
                    };
                    (*id, Mail::Frame(frame.clone()))
                }));
            }
            // A message for a room is encoded before it comes here.
            (Audience::Room(..), ..) => {}
        }
        if let Some(ack) = ack.filter(|_| is_there) {
            deliveries.push((from, Mail::Frame(ack)));
        }
    }

    /// The connections that get a private message: the receiver's that is in one room at a time, if it is where it was said,
    /// and all devices of both, wherever they are, so that none misses a message of the conversation.
    fn readers(&self, message: &Message, receiver: &Account) -> Vec<ConnId> {
        let find = |account: &Account| self.directory.named(&account.key);
        let mut readers = Vec::new();
        if let Some(receiver) = find(receiver) {
            readers.extend(receiver.single.filter(|id| self.is_at(*id, message.room())));
            readers.extend(&receiver.devices);
            if cfg!(planted_bug = "private_for_one_device") {
                readers.truncate(1);
            }
        }
        if receiver.key != message.author.key
            && let Some(author) = find(&message.author)
        {
            readers.extend(&author.devices);
        }
        readers
    }

    /// What waited for appends to be settled goes on.
    fn go_on(&mut self, now: Instant, deliveries: &mut Deliveries) {
        let Some(journal) = &mut self.journal else { return };
        for (from, held) in journal.release() {
            let answer = match held {
                Held::Exit => self.go_out(now, from),
                Held::Create(key, look, name) => self.create(now, from, key, look, name),
                Held::Friends => self.list_friends(from, deliveries),
                Held::Post(post) => self.post(now, from, *post),
            };
            answer_to(from, answer, deliveries);
        }
        let Some(journal) = &mut self.journal else { return };
        let has_room = |id| self.directory.member(id).is_none_or(|member| member.may_say_more(&self.limits));
        let relieved = journal.relieve(&self.limits, has_room);
        let there = relieved.into_iter().filter(|id| self.directory.member(*id).is_some());
        deliveries.extend(there.map(|id| (id, Mail::Reply(Reply::Said))));
    }
}
