//! What one takes part in, where that can be many rooms at once: the list beside the pages, what is shown of it, and what
//! comes to those that are not.

use std::collections::BTreeSet;

use chatroom_core::client::{Conversation, Event, Past, Place, folded};
use chatroom_core::message::friend::Tie;
use chatroom_core::message::rooms::Crowd;
use chatroom_core::name::{RoomName, UserName};

use super::conversations::{Entry, Places};
use super::outbox::Way;
use super::room::{Said, log_id};
use super::{Command, Controller, Page, Request, Sentence};
use crate::format::{clean, mentions};
use crate::screen::{PlaceItem, Sidebar};
use crate::store::{Known, Opened, Overview, Unseen};

/// What is in the list.
#[derive(Default)]
pub(super) struct Listed<'a> {
    rooms: Vec<Row<'a>>,
    friends: Vec<Row<'a>>,
    peers: Vec<Row<'a>>,
}

/// A conversation in the list; without an entry, one that has not begun.
pub(super) struct Row<'a> {
    pub(super) of: Conversation,
    entry: Option<&'a Entry>,
}

impl<'a> Listed<'a> {
    pub(super) fn into_rows(self) -> impl Iterator<Item = Row<'a>> {
        self.rooms.into_iter().chain(self.friends).chain(self.peers)
    }

    fn neighbour(self, of: Option<&Conversation>, step: isize) -> Option<Conversation> {
        let mut rows: Vec<Row<'_>> = self.into_rows().collect();
        let last = rows.len().checked_sub(1)?;
        let at = of.and_then(|of| rows.iter().position(|row| row.of.is_same(of)));
        let next = match at {
            Some(at) => at.saturating_add_signed(step).min(last),
            None if step < 0 => last,
            None => 0,
        };
        Some(rows.swap_remove(next).of)
    }
}

impl Controller {
    /// Show the conversation of that name, or go into the room if it is not taken part in.
    pub fn pick(&mut self, name: &str, is_private: bool) {
        let of = match (self.is_multi, is_private) {
            (true, true) => UserName::parse(name).ok().map(Conversation::Peer),
            (true, false) => RoomName::parse(name).ok().map(Conversation::Room),
            (false, _) => None,
        };
        let entry = of.as_ref().and_then(|of| self.places.get(of)).map(|entry| entry.of.clone());
        match entry.or(of.filter(|_| is_private)) {
            Some(of) => self.show(of),
            None => self.enter(name),
        }
    }

    /// Show the conversation that is so many places further down in the list, or up.
    pub fn step(&mut self, step: isize) {
        if self.is_multi
            && let Some(of) = self.listed().neighbour(self.heading(), step)
        {
            self.show(of);
        }
    }

    /// Show all rooms.
    pub fn show_lobby(&mut self) {
        if !self.is_multi || self.screen.page != Page::Room && self.keeping.next.is_none() {
            return;
        }
        self.turn_away();
        self.release();
        self.leave_place();
        self.screen.lobby.error = Sentence::default();
        self.screen.page = Page::Lobby;
        self.show_places();
        self.retitle();
    }

    /// Take part again in the room that is shown and was left.
    pub fn take_part(&mut self) {
        if let Some(Conversation::Room(room)) = self.keeping.place.clone() {
            self.command(Command::Enter(room));
        }
    }

    /// Shows a conversation, as soon as the file has told what there is of it.
    pub(super) fn show(&mut self, of: Conversation) {
        if self.heading().is_some_and(|heading| heading.is_same(&of)) {
            return;
        }
        self.release();
        if self.keeping.place.as_ref().is_some_and(|place| place.is_same(&of)) {
            return;
        }
        self.ask(Request::Open(of.clone()));
        self.keeping.next = Some(of);
    }

    /// What is shown, or will be in a moment.
    fn heading(&self) -> Option<&Conversation> {
        let shown = self.keeping.place.as_ref().filter(|_| self.screen.page == Page::Room);
        self.keeping.next.as_ref().or(shown)
    }

    /// What was about to be shown is not, and what came there meanwhile has come to a conversation like any other.
    fn release(&mut self) {
        self.keeping.next = None;
        for event in std::mem::take(&mut self.keeping.held) {
            self.on_event(event);
        }
    }

    /// Holds back what comes to a conversation that is about to be shown: it is none of what the file was asked for.
    pub(super) fn hold(&mut self, event: Event) -> Option<Event> {
        let of = match &event {
            Event::Message { of, .. } | Event::Past { of, .. } | Event::Acknowledged { of, .. } => of,
            _ => return Some(event),
        };
        if !self.is_multi || self.keeping.next.as_ref().is_none_or(|next| !next.is_same(of)) {
            return Some(event);
        }
        self.keeping.held.push(event);
        None
    }

    /// The file has told what there is of the conversation that is to be shown.
    pub(super) fn display(&mut self, opened: Opened) {
        self.turn_away();
        let of = opened.of.clone();
        let entry = self.places.entry(&of);
        let (is_left, seen) = (entry.is_left, entry.seen.max(opened.seen));
        self.log.borrow_mut().clear();
        self.show_room(&of);
        self.screen.room.is_left = is_left;
        for say in self.fill(Opened { seen, ..opened }) {
            self.command(say);
        }
        self.ask(Request::Place(Some(of.clone())));
        self.command(Command::Look(of));
        self.release();
        self.show_places();
    }

    /// What was shown is not any more. What of it was not seen is counted in the list.
    fn turn_away(&mut self) {
        if self.screen.page != Page::Room {
            return;
        }
        let Some(of) = self.keeping.place.clone() else { return };
        let unread = self.screen.room.new_count;
        let has_waiting = self.keeping.typed.values().any(|typed| typed.of.is_same(&of));
        let Some(entry) = self.places.get_mut(&of) else { return };
        if unread == 0 {
            entry.mentions = 0;
        }
        entry.unread = unread;
        let is_nothing = entry.is_empty && of.is_private();
        if (entry.is_left || is_nothing) && !has_waiting {
            self.places.remove(&of);
        }
    }

    /// How many messages of one's own wait there.
    fn waiting(&self, of: &Conversation) -> u32 {
        let is_away = self.is_away();
        let waits = self.keeping.typed.values().filter(|typed| {
            typed.of.is_same(of) && (is_away || matches!(typed.way, Way::Waits | Way::Failed))
        });
        u32::try_from(waits.count()).unwrap_or(u32::MAX)
    }

    /// Whether what is said there can be sent, once there is a connection.
    pub(super) fn is_reachable(&self, of: &Conversation) -> bool {
        match of {
            Conversation::Peer(_) => true,
            Conversation::Room(_) => self.places.get(of).is_some_and(|entry| !entry.is_left),
        }
    }

    /// Somebody, as the server spells them where that is known.
    pub(super) fn spelled(&self, name: UserName) -> UserName {
        let of = Conversation::Peer(name.clone());
        if let Some(Entry { of: Conversation::Peer(known), .. }) = self.places.get(&of) {
            return known.clone();
        }
        let key = folded(name.as_str());
        let member = self.members.iter().find(|member| folded(member) == key);
        member.and_then(|member| UserName::parse(member).ok()).unwrap_or(name)
    }

    pub(super) fn on_crowds(&mut self, crowds: Vec<Crowd>) {
        self.crowds = crowds;
        self.show_places();
    }

    /// What the account takes part in, and how far it has read there, on any device.
    pub(super) fn on_places(&mut self, places: Vec<Place>) {
        if !self.is_multi {
            return;
        }
        let mut reached = false;
        for Place { of, last, read } in &places {
            let entry = self.places.entry(of);
            reached |= std::mem::take(&mut entry.is_left);
            entry.is_empty &= *last == 0;
            if *read > entry.seen {
                entry.seen = *read;
                self.places.is_miscounted = true;
                if self.is_shown(of) {
                    self.keeping.see_elsewhere(*read);
                }
            } else if entry.seen > *read {
                let seen = entry.seen;
                self.command(Command::Read(of.clone(), seen));
            }
        }
        let is_told = |of: &Conversation| places.iter().any(|place| place.of.is_same(of));
        let gone: Vec<Conversation> = self
            .places
            .iter()
            .filter(|entry| !entry.of.is_private() && !is_told(&entry.of))
            .map(|entry| entry.of.clone())
            .collect();
        gone.iter().for_each(|of| self.set_left(of));
        self.ask(Request::Places(places));
        if std::mem::take(&mut self.places.is_miscounted) {
            self.count();
        }
        if reached {
            // What waits there can be said now.
            self.ask(Request::Overview);
        }
        if let Some(room) = self.keeping.came_from.take().filter(|room| {
            self.places.get(&Conversation::Room(room.clone())).is_none_or(|entry| entry.is_left)
        }) {
            self.command(Command::Enter(room));
        }
        self.note_left();
        self.show_places();
    }

    /// One does not take part in it any more.
    fn set_left(&mut self, of: &Conversation) {
        let is_wanted = self.is_shown(of)
            || self.keeping.typed.values().any(|typed| typed.of.is_same(of) && typed.way != Way::Sent)
            || self.waiting(of) > 0;
        match self.places.get_mut(of) {
            Some(entry) if is_wanted => entry.is_left = true,
            Some(_) | None => self.places.remove(of),
        }
    }

    /// The page says whether its room is taken part in.
    fn note_left(&mut self) {
        let Some(of) = self.keeping.place.as_ref().filter(|of| self.is_shown(of)) else { return };
        let is_left = self.places.get(of).is_some_and(|entry| entry.is_left);
        self.screen.room.is_left = is_left;
        if is_left {
            self.members.clear();
        }
    }

    pub(super) fn on_entered_one_more(&mut self, room: RoomName) {
        let of = Conversation::Room(room);
        self.places.entry(&of).is_left = false;
        self.note_left();
        self.show(of);
        self.show_places();
    }

    pub(super) fn on_left_one(&mut self, room: RoomName) {
        let of = Conversation::Room(room);
        let was_shown = self.is_shown(&of);
        if was_shown {
            self.turn_away();
            self.leave_place();
            self.screen.page = Page::Lobby;
        }
        self.set_left(&of);
        self.show_places();
    }

    /// A message has come to a conversation that is not shown.
    pub(super) fn hear_elsewhere(&mut self, said: Said) {
        log_id(said.said).into_iter().for_each(|id| self.log.borrow_mut().drop_waiting(id));
        let cid = self.take_name(said.said).or(said.cid.clone());
        let Some(posted) = said.posted else { return self.keep_no_longer(cid) };
        self.places.raise(&said.of);
        if !said.is_own && posted.seq > self.places.entry(&said.of).seen {
            let is_for_one = self.is_for_one(&said);
            self.places.entry(&said.of).count(is_for_one);
            self.places.is_miscounted = true;
            if is_for_one {
                self.tell_of(&said);
            }
        }
        let (of, is_own) = (said.of.clone(), said.is_own);
        self.keep_read(of.clone(), vec![said.into_line(posted, cid, None)], false, false, false);
        if is_own {
            // Who says something there, on whatever device, has seen what was said before.
            self.saw(&of, posted.seq);
        }
        self.places.is_stale = true;
    }

    /// What was said before has come to a conversation that is not shown.
    pub(super) fn past_elsewhere(
        &mut self,
        of: Conversation,
        past: Vec<Past>,
        is_older: bool,
        is_anew: bool,
        has_older: bool,
    ) {
        if !is_older && !past.is_empty() {
            self.places.raise(&of);
        }
        let own = self.screen.lobby.username.clone();
        let is_private = of.is_private();
        let entry = self.places.entry(&of);
        if is_anew {
            (entry.unread, entry.mentions) = (0, 0);
            // A server that has lost what was seen counts on from where it is.
            entry.seen = entry.seen.min(past.last().map_or(0, |past| past.posted.seq));
        }
        let seen = entry.seen;
        let new = past.iter().filter(|past| !is_older && !past.is_own && past.posted.seq > seen);
        for text in new.filter_map(|past| past.text.as_deref()) {
            entry.count(is_private || mentions(text, &own));
        }
        self.places.is_miscounted = true;
        for said in past.iter().filter_map(|past| log_id(past.said)) {
            self.log.borrow_mut().drop_waiting(said);
        }
        let lines = past.into_iter().map(|past| self.line_of(past)).collect();
        self.keep_read(of, lines, is_older, is_anew, has_older);
        self.places.is_stale = true;
    }

    /// All that was said there was seen, up to that number.
    pub(super) fn saw(&mut self, of: &Conversation, seq: u64) {
        let entry = self.places.entry(of);
        entry.seen = entry.seen.max(seq);
        (entry.unread, entry.mentions) = (0, 0);
        self.places.is_miscounted = true;
        self.ask(Request::Seen(of.clone(), seq));
    }

    /// What the file has of the account, over all conversations.
    pub(super) fn on_overview(&mut self, overview: Overview) {
        if !self.is_multi {
            return;
        }
        self.know(&overview.places);
        self.know_friends(overview.friends);
        self.set_unseen(overview.unseen);
        for outgoing in overview.outbox {
            if let Some(say) = self.send_off(outgoing) {
                self.command(say);
            }
        }
        self.show_places();
    }

    /// These were taken part in when the file heard of it last.
    pub(super) fn know(&mut self, places: &[Known]) {
        for Known { of, read, seen } in places {
            let entry = self.places.entry(of);
            entry.seen = entry.seen.max(*seen);
            entry.is_empty &= read.is_none();
        }
    }

    /// Asks the file what was not seen.
    pub(super) fn count(&mut self) {
        // While it counts, what it counted before is of no use.
        self.places.is_miscounted = std::mem::replace(&mut self.places.is_counting, true);
        if !self.places.is_miscounted {
            self.ask(Request::Unseen);
        }
    }

    /// The file has counted. What has changed meanwhile, it does not know.
    pub(super) fn on_counted(&mut self, unseen: Vec<Unseen>) {
        self.places.is_counting = false;
        if self.places.is_miscounted {
            return self.count();
        }
        self.set_unseen(unseen);
        self.show_places();
    }

    pub(super) fn set_unseen(&mut self, unseen: Vec<Unseen>) {
        for entry in &mut self.places.entries {
            let of = &entry.of;
            let found = unseen.iter().find(|unseen| unseen.of.is_same(of));
            (entry.unread, entry.mentions) = found.map_or((0, 0), |found| (found.messages, found.mentions));
        }
    }

    /// Nothing is taken part in any more: somebody else may be next.
    pub(super) fn forget_places(&mut self) {
        self.places = Places::default();
        self.crowds.clear();
        self.drafts.clear();
        self.keeping.held.clear();
        self.keeping.typed.clear();
        self.screen.sidebar = Sidebar::default();
        self.forget_presences();
        self.forget_friends();
        self.forget_logins();
    }

    /// Something was said in the one that is shown.
    pub(super) fn places_heard(&mut self, of: &Conversation) {
        self.places.raise(of);
        self.places.is_miscounted = true;
    }

    /// What was said in the one that is shown, and not seen, is for this person.
    pub(super) fn count_mention(&mut self) {
        if let Some(of) = self.keeping.place.clone().filter(|_| self.is_multi) {
            let entry = self.places.entry(&of);
            entry.mentions = entry.mentions.saturating_add(1);
        }
    }

    /// A room is in the list until it is told whether it is taken part in.
    pub(super) fn places_hold(&mut self, room: &RoomName) {
        self.places.entry(&Conversation::Room(room.clone()));
    }

    /// What has come to conversations that are not shown, all at once.
    pub(super) fn show_news(&mut self) {
        match std::mem::take(&mut self.places.is_stale) {
            true => self.show_places(),
            false => self.show_sidebar(),
        }
    }

    /// The list, as it is to be seen.
    pub(super) fn show_sidebar(&mut self) {
        let mut sidebar = Sidebar { is_there: self.is_multi, ..Sidebar::default() };
        self.show_you();
        if self.is_multi {
            let Listed { rooms, friends, peers } = self.listed();
            let items = |rows: Vec<Row<'_>>| rows.iter().map(|row| self.item(row)).collect::<Vec<_>>();
            (sidebar.rooms, sidebar.friends, sidebar.peers) = (items(rooms), items(friends), items(peers));
            let all = sidebar.rooms.iter().chain(&sidebar.friends).chain(&sidebar.peers);
            // Who waits for an answer waits as a message does.
            let asking = u32::try_from(self.screen.friends.asking.len()).unwrap_or(u32::MAX);
            sidebar.unread = all.fold(asking, |sum, item| sum.saturating_add(item.unread));
        }
        self.screen.sidebar = sidebar;
    }

    /// All that is in the list, each person once: rooms, friends and those who were asked to be, and other private
    /// conversations. A friend is there with or without one.
    pub(super) fn listed(&self) -> Listed<'_> {
        let mut listed = Listed::default();
        let (mut asked, mut met) = (Vec::new(), BTreeSet::new());
        for entry in self.places.iter() {
            let row = Row { of: entry.of.clone(), entry: Some(entry) };
            let tie = self.tie_in(&entry.of);
            let list = match (&entry.of, tie) {
                (Conversation::Room(_), _) => &mut listed.rooms,
                (Conversation::Peer(_), Some(Tie::Friend)) => &mut listed.friends,
                (Conversation::Peer(_), Some(Tie::Asked)) => &mut asked,
                (Conversation::Peer(_), Some(Tie::None | Tie::Asking | Tie::Blocked) | None) => {
                    &mut listed.peers
                }
            };
            list.push(row);
            if let (Conversation::Peer(peer), Some(Tie::Friend | Tie::Asked)) = (&entry.of, tie) {
                met.insert(folded(peer.as_str()));
            }
        }
        for (tie, list) in [(Tie::Friend, &mut listed.friends), (Tie::Asked, &mut asked)] {
            let others = self.ties.who(tie).filter(|name| !met.contains(&folded(name.as_str())));
            let mut others: Vec<UserName> = others.cloned().collect();
            // Of those with whom nothing was said yet, who is here comes first.
            others.sort_by_cached_key(|name| !self.is_here(name));
            list.extend(others.into_iter().map(|name| Row { of: Conversation::Peer(name), entry: None }));
        }
        listed.friends.append(&mut asked);
        listed
    }

    pub(super) fn item(&self, row: &Row<'_>) -> PlaceItem {
        let without = |of: &Conversation| PlaceItem {
            name: clean(of.name()),
            is_private: true,
            tie: self.tie_in(of),
            here: self.here_in(of),
            ..PlaceItem::default()
        };
        row.entry.map_or_else(|| without(&row.of), |entry| self.place_item(entry))
    }

    pub(super) fn place_item(&self, entry: &Entry) -> PlaceItem {
        let is_current = self.is_shown(&entry.of);
        // What comes into the one that is shown is counted there.
        let unread = if is_current { self.screen.room.new_count } else { entry.unread };
        PlaceItem {
            name: clean(entry.of.name()),
            is_private: entry.of.is_private(),
            is_current,
            is_left: entry.is_left,
            unread,
            mentions: if unread == 0 { 0 } else { entry.mentions.min(unread) },
            waiting: self.waiting(&entry.of),
            tie: self.tie_in(&entry.of),
            here: self.here_in(&entry.of),
        }
    }

    /// Whether a conversation is the one that is shown. Where there is one room at a time, all that comes is shown there.
    pub(super) fn is_shown(&self, of: &Conversation) -> bool {
        self.screen.page == Page::Room
            && (!self.is_multi || self.keeping.place.as_ref().is_some_and(|place| place.is_same(of)))
    }
}
