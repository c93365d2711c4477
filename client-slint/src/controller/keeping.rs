//! What is kept in the window's file, and what comes from there.

use std::collections::BTreeMap;

use chatroom_core::client::{Cids, Command, Conversation, Event, Kept};
use chatroom_core::message::history::Edge;
use chatroom_core::name::{RoomName, UserName};
use jiff::Timestamp;
use jiff::civil::DateTime;

use super::outbox::Typed;
use super::{Controller, Effect, Order, Page, Phrase, Sentence};
use crate::address::Invitation;
use crate::format::clean;
use crate::log::{Delivery, Past};
use crate::screen::Login as LoginPage;
use crate::store::{Account, Line, Login, Older, Opened, Reading, Request, Told, Unseen};

/// What the controller knows of the file.
#[derive(Default)]
pub(super) struct Keeping {
    /// What messages are called; `None` without a file.
    pub(super) names: Option<Cids>,
    /// What the server is known by. Nothing of one that need not prove who it is is kept.
    pub(super) server: Option<String>,
    /// An account was begun with, so there is something to keep.
    pub(super) is_begun: bool,
    /// The server tells whether it has what was sent, and takes it once however often that was.
    pub(super) has_acks: bool,
    /// The conversation that is shown, as the server spells it.
    pub(super) place: Option<Conversation>,
    shown: Shown,
    /// What was typed and has no place yet, by its number in the log: where there is one room at a time, in that.
    pub(super) typed: BTreeMap<u32, Typed>,
    /// The conversation to be shown, or the room to be entered, once it is known what there is of it, and then that.
    pub(super) next: Option<Conversation>,
    opened: Option<Opened>,
    /// What has come to the next conversation meanwhile.
    pub(super) held: Vec<Event>,
    /// The one room that they were in before there could be many: the account may not take part in it yet.
    pub(super) came_from: Option<RoomName>,
    /// At which server who was in which conversation when their login ended: there they go on.
    interrupted: Option<Interrupted>,
    pub(super) unseen: Vec<Unseen>,
}

struct Interrupted {
    server: Option<String>,
    username: String,
    of: Conversation,
}

/// Which part of the conversation is shown.
#[derive(Default)]
struct Shown {
    /// The numbers of its first message and of its last; 0 for none.
    first: u64,
    last: u64,
    /// The last number that was seen.
    seen: u64,
    has_unseen_private: bool,
    has_older_in_file: bool,
    has_older_at_server: bool,
    /// The file was asked for older ones.
    is_asked: bool,
    /// It was filled from the file, and nobody has said anything here since: what comes now was missed.
    is_missing_some: bool,
}

impl Controller {
    /// There is a file. `nonce` must be random, and another one for each program there ever is.
    pub fn keep_in_file(&mut self, nonce: [u8; 12]) {
        self.keeping.names = Some(Cids::new(nonce));
    }

    /// Goes on with a login as if the window had never been closed. Nothing that it shows needs a connection.
    pub fn go_on(&mut self, login: Login, invitation: Invitation) {
        let Login { account, token, place, overview } = login;
        self.screen.connect = Default::default();
        self.screen.login = LoginPage { server: invitation.address.to_string(), ..LoginPage::default() };
        self.server = Some(invitation.address.clone());
        self.keeping.server = Some(account.server);
        self.keeping.is_begun = true;
        self.screen.lobby.username = account.name;
        self.screen.banner = Phrase::Connecting.into();
        self.screen.page = Page::Lobby;
        self.is_multi = overview.is_multi;
        let mut kept = Kept { token, room: None, read: Vec::new(), outbox: Vec::new() };
        self.log.borrow_mut().clear();
        if self.is_multi {
            self.know(&overview.places);
            self.go_on_with_friends(overview.friends);
            self.set_unseen(overview.unseen);
            let read = overview.places.into_iter().filter_map(|known| Some((known.of, known.read?)));
            kept.read = read.collect();
            kept.outbox =
                overview.outbox.into_iter().filter_map(|outgoing| self.send_off(outgoing)).collect();
        }
        if let Some(opened) = place.filter(|opened| self.is_multi || !opened.of.is_private()) {
            self.show_room(&opened.of);
            if let Conversation::Room(room) = &opened.of {
                kept.room = Some(room.clone());
            }
            if !self.is_multi {
                kept.read = Vec::from_iter(opened.read.map(|read| (opened.of.clone(), read)));
            }
            kept.outbox.extend(self.fill(opened));
        }
        self.effects.push_back(Effect::GoOn(invitation, Box::new(kept)));
        // Who goes on forgets what was looked at before.
        if let Some(of) = self.keeping.place.clone().filter(|_| self.is_multi) {
            self.command(Command::Look(of));
        }
        if !self.is_multi {
            self.ask(Request::Unseen);
        }
        self.note_seen();
        self.show_places();
        self.retitle();
    }

    pub(super) fn on_told(&mut self, told: Told) {
        match told {
            Told::Opened(opened) => self.on_opened(opened),
            Told::Older(older) => self.on_older(older),
            Told::Unseen(unseen) if self.is_multi => self.on_counted(unseen),
            Told::Unseen(unseen) => {
                self.keeping.unseen = unseen;
                self.show_places();
            }
            Told::Overview(overview) => self.on_overview(overview),
            Told::Failing(Some(why)) => self.set_unkept(&why),
            Told::Failing(None) => self.understand(),
        }
    }

    /// The window's file cannot be written, or there is none: why, as the end of a sentence.
    pub fn set_unkept(&mut self, why: &str) {
        self.screen.unkept = Sentence::with(Phrase::NotKept, why);
    }

    /// The person has read that.
    pub fn understand(&mut self) {
        self.screen.unkept = Sentence::default();
    }

    /// Goes into a room from the lobby: the file is asked first, so that the server is asked for no more than what is new.
    pub(super) fn go_into(&mut self, room: RoomName) {
        if !self.keeping.is_begun {
            return self.command(Command::Enter(room));
        }
        let of = Conversation::Room(room);
        self.ask(Request::Open(of.clone()));
        self.keeping.next = Some(of);
    }

    fn on_opened(&mut self, opened: Opened) {
        let Some(of) = self.keeping.next.take_if(|next| *next == opened.of) else { return };
        let Conversation::Room(room) = of.clone() else { return self.display(opened) };
        if self.is_multi {
            return self.display(opened);
        }
        if let Some(read) = opened.read {
            self.order(Order::Know(of, read));
        }
        self.keeping.opened = Some(opened);
        self.command(Command::Enter(room));
    }

    /// In a room: what there is of it in the file is shown, and what waits there goes on its way.
    pub(super) fn fill_room(&mut self, room: RoomName) {
        let of = Conversation::Room(room);
        let opened = self.keeping.opened.take().filter(|opened| opened.of == of);
        let opened = opened.unwrap_or_else(|| Opened::nothing(of.clone()));
        for say in self.fill(opened) {
            match (say, self.keeping.has_acks) {
                (say, true) => self.command(say),
                // It may have arrived, and nobody would notice that it came twice.
                (Command::Say { id, .. }, false) => self.fail(Some(id), Delivery::Uncertain),
                (_, false) => {}
            }
        }
        self.ask(Request::Place(Some(of)));
    }

    /// Shows what the file has of a conversation. What is to be said there.
    pub(super) fn fill(&mut self, opened: Opened) -> Vec<Command> {
        let Opened { of, lines, read, seen, outbox } = opened;
        let first = lines.iter().find(|line| line.peer.is_none()).map_or(0, |line| line.posted.seq);
        self.keeping.place = Some(of);
        self.keeping.shown = Shown {
            first,
            last: read.map_or(0, |read| read.last.seq),
            seen,
            has_older_in_file: read.is_some_and(|read| read.first < first),
            has_older_at_server: read.is_some_and(|read| read.has_older),
            is_missing_some: read.is_some(),
            ..Shown::default()
        };
        for line in lines {
            let is_new = !line.is_own && line.peer.is_none() && line.posted.seq > seen;
            let Some(Past { at, author, text, peer, is_own }) = self.past(line) else { continue };
            let mut log = self.log.borrow_mut();
            let id = log.receive(at, &author, text, peer.as_deref(), is_own);
            if is_new && !log.is_marked() {
                log.mark_unread(Some(id));
            }
            self.screen.room.new_count += u32::from(is_new);
        }
        self.look();
        self.show_whether_older();
        outbox.into_iter().filter_map(|outgoing| self.put_out(outgoing)).collect()
    }

    /// Somebody has logged in, and what they read and type is kept from now on.
    pub(super) fn begin(&mut self, username: &str) {
        self.keeping.is_begun = false;
        self.forget_places();
        let (Some(_), Some(address)) = (&self.keeping.names, &self.server) else { return };
        // In many rooms one is shown at a time, and the others are somewhere, if only until the window closes.
        let Some(server) = self.keeping.server.clone().or(self.is_multi.then(String::new)) else { return };
        let account = Account { server, address: address.to_string(), name: username.to_owned() };
        self.effects.push_back(Effect::Store(Request::Begin(account)));
        self.keeping.is_begun = true;
        if self.is_multi {
            self.ask(Request::Multi(true));
            self.ask(Request::Overview);
        } else {
            self.ask(Request::Unseen);
        }
        let is_theirs = |interrupted: &Interrupted| {
            interrupted.server == self.keeping.server && interrupted.username == username
        };
        match self.keeping.interrupted.take().filter(is_theirs).map(|interrupted| interrupted.of) {
            Some(of) if self.is_multi => self.show(of),
            Some(Conversation::Room(room)) => self.go_into(room),
            Some(Conversation::Peer(_)) | None => {}
        }
        self.show_places();
    }

    /// The server says whether they are in many rooms at once. It may have said otherwise when the file heard of it last.
    pub(super) fn set_multi(&mut self, is_multi: bool) {
        if self.is_multi == is_multi {
            return;
        }
        self.is_multi = is_multi;
        if !self.keeping.is_begun {
            return;
        }
        self.ask(Request::Multi(is_multi));
        match (is_multi, self.keeping.place.clone()) {
            (true, place) => {
                if let Some(of) = place.clone() {
                    self.command(Command::Look(of));
                }
                if let Some(Conversation::Room(room)) = place {
                    self.places_hold(&room);
                    self.keeping.came_from = Some(room);
                }
                self.ask(Request::Overview);
            }
            (false, Some(Conversation::Peer(_))) => {
                self.forget_place();
                self.screen.page = Page::Lobby;
            }
            (false, _) => {}
        }
        self.show_places();
    }

    /// Nobody is logged in here any more, and it was not their wish: what waits goes on waiting for them.
    pub(super) fn interrupt(&mut self) {
        if let Some(of) = self.keeping.place.clone().filter(|_| self.keeping.is_begun) {
            let (server, username) = (self.keeping.server.clone(), self.screen.lobby.username.clone());
            self.keeping.interrupted = Some(Interrupted { server, username, of });
        }
        self.keeping.is_begun = false;
        self.forget_places();
    }

    /// They log out.
    pub(super) fn forget_account(&mut self) {
        self.ask(Request::Forget);
        self.keeping.is_begun = false;
        self.keeping.unseen.clear();
        self.forget_places();
    }

    /// No conversation is shown any more.
    pub(super) fn forget_shown(&mut self) {
        self.keeping.place = None;
        self.keeping.shown = Shown::default();
        if !self.is_multi {
            self.keeping.typed.clear();
        }
    }

    /// A message was said, and is shown.
    pub(super) fn keep_message(&mut self, line: Line) {
        let Some(here) = self.keeping.place.clone() else { return };
        let shown = &mut self.keeping.shown;
        shown.is_missing_some = false;
        let of = match &line.peer {
            Some(peer) => {
                shown.has_unseen_private |= !line.is_own;
                let Ok(peer) = UserName::parse(peer) else { return };
                Conversation::Peer(peer)
            }
            None => {
                shown.last = line.posted.seq;
                if shown.first == 0 {
                    shown.first = shown.last;
                }
                here.clone()
            }
        };
        let shown_in = match here {
            Conversation::Room(room) if line.peer.is_some() => Some(room),
            Conversation::Room(_) | Conversation::Peer(_) => None,
        };
        let has_older = self.keeping.shown.has_older_at_server;
        let lines = vec![line];
        self.ask(Request::Read(Reading { of, shown_in, lines, is_older: false, is_anew: false, has_older }));
    }

    /// What was read of a conversation goes into the file.
    pub(super) fn keep_read(
        &mut self,
        of: Conversation,
        lines: Vec<Line>,
        is_older: bool,
        is_anew: bool,
        has_older: bool,
    ) {
        self.ask(Request::Read(Reading { of, shown_in: None, lines, is_older, is_anew, has_older }));
    }

    /// Whether a message of the conversation that is shown is shown already, or has its place among what is not.
    pub(super) fn has_shown(&self, seq: u64, is_older: bool) -> bool {
        let Shown { first, last, .. } = self.keeping.shown;
        if is_older { first > 0 && seq >= first } else { seq <= last }
    }

    /// Whether one that was said before is news.
    pub(super) fn is_unseen(&self, seq: u64) -> bool {
        seq > self.keeping.shown.seen
    }

    /// What was said before has been read. Whether the room was empty until then, so that none of it is news.
    pub(super) fn keep_past(&mut self, lines: Vec<Line>, is_older: bool, is_anew: bool, has_older: bool) {
        let Some(of) = self.keeping.place.clone() else { return };
        let shown = &mut self.keeping.shown;
        let ends = lines.first().zip(lines.last()).map(|(first, last)| (first.posted.seq, last.posted.seq));
        let was_empty = shown.first == 0;
        if is_anew {
            *shown = Shown { seen: shown.seen, ..Shown::default() };
        }
        if let Some((first, last)) = ends {
            if is_older || shown.first == 0 {
                shown.first = first;
            }
            if !is_older {
                shown.last = last;
            }
        }
        if is_anew {
            // A server that has lost what was seen counts on from where it is.
            shown.seen = shown.seen.min(shown.last);
        }
        shown.has_older_at_server = has_older;
        let last = shown.last;
        self.keep_read(of.clone(), lines, is_older, is_anew, has_older);
        // Where many rooms are taken part in, the server says how far they were read.
        if was_empty && !is_older && !self.is_multi {
            self.see(of, last);
        }
    }

    /// Whether what comes now was said while this window was closed, or elsewhere.
    pub(super) fn is_missing_some(&self) -> bool {
        self.keeping.shown.is_missing_some
    }

    /// Asks for what is older than all that is shown: the file, and what that has not, the server.
    pub(super) fn ask_for_older(&mut self) {
        let Some(of) = self.keeping.place.clone() else { return };
        let shown = &mut self.keeping.shown;
        if !self.keeping.is_begun || shown.first == 0 {
            return self.command(Command::older(of));
        }
        let first = shown.first;
        if !shown.has_older_in_file {
            self.command(Command::Recall(of, Edge::Before(first)));
        } else if !std::mem::replace(&mut shown.is_asked, true) {
            self.ask(Request::Older(of, first));
        }
    }

    fn on_older(&mut self, older: Older) {
        let Older { of, before, lines, has_more } = older;
        let shown = &mut self.keeping.shown;
        // It may have been asked for before the room was left, or before all that is shown began anew.
        if self.keeping.place.as_ref() != Some(&of) || shown.first != before {
            return;
        }
        (shown.is_asked, shown.has_older_in_file) = (false, has_more);
        match lines.iter().find(|line| line.peer.is_none()) {
            Some(first) => shown.first = first.posted.seq,
            // It was dropped meanwhile, and the server has it.
            None => shown.has_older_at_server = true,
        }
        let has_lines = !lines.is_empty();
        let past: Vec<Past> = lines.into_iter().filter_map(|line| self.past(line)).collect();
        self.show_older(past, has_lines);
    }

    /// Shows what is older than all that was. Where all of a page was deleted, the person would see nothing come, and the
    /// next one is asked for.
    pub(super) fn show_older(&mut self, past: Vec<Past>, has_lines: bool) {
        let is_invisible = past.is_empty() && has_lines;
        self.log.borrow_mut().prepend(past);
        self.show_whether_older();
        if is_invisible {
            self.read_older();
        }
    }

    pub(super) fn show_whether_older(&mut self) {
        let Shown { has_older_in_file, has_older_at_server, .. } = self.keeping.shown;
        let has_older = has_older_in_file || has_older_at_server;
        self.screen.room.has_older = has_older && self.log.borrow().can_prepend();
    }

    /// What is on the screen is seen, if the person looks.
    pub(super) fn note_seen(&mut self) {
        let Shown { last, seen, has_unseen_private, .. } = self.keeping.shown;
        let Some(of) = self.keeping.place.clone() else { return };
        if self.is_looking() && (last > seen || has_unseen_private) {
            self.see(of, last);
        }
    }

    fn see(&mut self, of: Conversation, last: u64) {
        self.keeping.shown.seen = last;
        self.keeping.shown.has_unseen_private = false;
        if self.is_multi {
            self.saw(&of, last);
            self.command(Command::Read(of, last));
        } else {
            self.ask(Request::Seen(of, last));
        }
    }

    /// Has the file do something, if there is one, and an account that it is about.
    pub(super) fn ask(&mut self, request: Request) {
        if self.keeping.is_begun {
            self.effects.push_back(Effect::Store(request));
        }
    }

    /// What there is to show of a message, unless it was deleted.
    pub(super) fn past(&self, line: Line) -> Option<Past> {
        if line.text.is_empty() {
            return None;
        }
        Some(Past {
            at: self.at(line.posted.ts_ms),
            author: clean(&line.author),
            text: clean(&line.text),
            peer: line.peer.as_deref().map(clean),
            is_own: line.is_own,
        })
    }

    /// A moment, on this computer's clock.
    pub(super) fn at(&self, ts_ms: u64) -> DateTime {
        let at = i64::try_from(ts_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        at.map_or(self.now, |at| at.to_zoned(self.zone.clone()).datetime())
    }
}

impl Keeping {
    /// It was seen on another device, up to that number.
    pub(super) fn see_elsewhere(&mut self, seq: u64) {
        self.shown.seen = self.shown.seen.max(seq);
    }
}
