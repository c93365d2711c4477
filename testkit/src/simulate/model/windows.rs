//! What who takes part in many rooms has to see, as the disk has it.

use std::collections::BTreeMap;

use chatroom_core::client;

use super::Model;
use super::annals::{Conversation, Kept};
use crate::simulate::names::{Name, find_room, find_user};
use crate::simulate::window::{Key, Line, key};

impl Model {
    /// Whether that stands where it is shown to a user.
    pub fn check_shown(&self, user: usize, of: &client::Conversation, shown: &Line) -> Result<(), String> {
        let (_, said) = self.said_to(user, of);
        let (name, seq) = (of.name(), shown.posted.seq);
        let kept = usize::try_from(seq).ok().and_then(|seq| said.get(seq.checked_sub(1)?));
        let kept = kept.ok_or_else(|| format!("{name} shows {seq}, which is not on the disk"))?;
        let is_text = shown.text.as_ref().map_or(kept.is_blank, |text| *text == kept.shown());
        let is_it = self.book.name(kept.author) == shown.from && u128::from(shown.posted.ts_ms) == kept.ts;
        if is_it && is_text {
            return Ok(());
        }
        Err(format!("{name} shows {:?} of {} at {seq}, and the disk has {kept:?}", shown.text, shown.from))
    }

    /// The number of the last message of a conversation of a user's.
    pub fn last_of(&self, user: usize, of: &client::Conversation) -> u64 {
        self.said_to(user, of).1.len() as u64
    }

    /// The number of the first that is kept.
    pub fn first_of(&self, user: usize, of: &client::Conversation) -> u64 {
        self.said_to(user, of).0 as u64
    }

    /// Whether a user knows how far all of their conversations go, and how far they have read. What they have said themselves
    /// they have seen; a server counts that as read only if a device has said it. Of private conversations it need not know
    /// while the disk could not be asked.
    pub fn check_places(&self, line: usize, user: usize, known: &[client::Place]) -> Result<(), String> {
        let is_told = self.is_told(line);
        let is_due = |place: &&client::Place| is_told || !matches!(place.of, client::Conversation::Peer(_));
        let known: Vec<&client::Place> = known.iter().filter(is_due).collect();
        let places = self.places_of(user).into_iter();
        let rooms = places.map(|(name, place)| (false, name, place.last, place.read));
        let talks = self.annals.talks(user).into_iter().filter(|_| is_told);
        let talks = talks.map(|talk| (true, self.book.name(talk.peer).to_owned(), talk.last, talk.read));
        let right: BTreeMap<Key, (u64, u64)> = rooms
            .chain(talks)
            .map(|(is_private, name, last, read)| {
                ((is_private, client::folded(&name)), (last as u64, read as u64))
            })
            .collect();
        let is_own = |of: &client::Conversation, seq: u64| {
            let said =
                usize::try_from(seq).ok().and_then(|seq| self.said_to(user, of).1.get(seq.checked_sub(1)?));
            said.is_some_and(|kept| kept.author == user)
        };
        for place in &known {
            let (last, read) = right
                .get(&key(&place.of))
                .ok_or_else(|| format!("takes part in {}, where it does not", place.of.name()))?;
            let is_read = place.read == *read || (place.read > *read && is_own(&place.of, place.read));
            if place.last != *last || !is_read {
                return Err(format!(
                    "knows {} up to {} and read up to {}, where {last} and {read} is right",
                    place.of.name(),
                    place.last,
                    place.read
                ));
            }
        }
        if known.len() == right.len() {
            Ok(())
        } else {
            Err(format!("knows {} conversations where these are right: {right:?}", known.len()))
        }
    }

    /// How many are in each room, as devices are told.
    pub fn crowds(&self) -> BTreeMap<String, usize> {
        self.rooms.crowds()
    }

    /// Whether those are in a room, in that order.
    pub fn check_members(&self, room: &str, known: &[String]) -> Result<(), String> {
        let room = find_room(room).and_then(|name| self.rooms.find(name.id)).ok_or("knows no such room")?;
        let right: Vec<&str> = room.people.iter().map(|(_, name)| *name).collect();
        if known == right { Ok(()) } else { Err(format!("sees {known:?} where {right:?} are there")) }
    }

    /// Where that was said, in whatever conversation, and whether it is kept.
    pub fn seqs_of(&self, text: &str) -> Vec<(usize, bool)> {
        self.annals.seqs_of(text)
    }

    /// A user's name as it is registered, or as somebody types it who does not know.
    pub fn called(&self, user: Name) -> Name {
        let registered = find_user(self.book.name(user.id)).unwrap_or(user);
        // A client takes two spellings for one that differ in more than the case of letters for two.
        if client::folded(registered.text) == client::folded(user.text) { user } else { registered }
    }

    /// All that was ever said in a conversation of a user's, and the number of the first of it that is kept.
    fn said_to(&self, user: usize, of: &client::Conversation) -> (usize, &[Kept]) {
        match of {
            client::Conversation::Room(room) => {
                find_room(room.as_str()).map_or((1, &[]), |name| self.annals.said_in(name.id))
            }
            client::Conversation::Peer(peer) => find_user(peer.as_str()).map_or((1, &[]), |peer| {
                self.annals.said_of(&Conversation::Pair(user.min(peer.id), user.max(peer.id)))
            }),
        }
    }
}
