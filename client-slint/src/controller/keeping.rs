//! What is kept in the window's file, and what comes from there.

use std::collections::BTreeMap;

use chatroom_core::client::{self, Command, Kept};
use chatroom_core::message::{Cid, Text};
use chatroom_core::name::{LOBBY, RoomName, UserName};
use jiff::Timestamp;
use jiff::civil::DateTime;

use super::room::said_before;
use super::{Controller, Effect, Order, Page, Phrase};
use crate::address::Invitation;
use crate::format::clean;
use crate::log::{Delivery, Past};
use crate::screen::Login as LoginPage;
use crate::store::{
    Account, Conversation, Fate, Line, Login, Older, Opened, Outgoing, Reading, Request, Told, Unseen,
};

/// What the controller knows of the file.
#[derive(Default)]
pub(super) struct Keeping {
    /// What messages are called; `None` without a file.
    names: Option<Names>,
    /// What the server is known by. Nothing of one that need not prove who it is is kept.
    pub(super) server: Option<String>,
    /// An account was begun with, so there is something to keep.
    is_begun: bool,
    /// The server tells whether it has what was sent, and takes it once however often that was.
    pub(super) has_acks: bool,
    /// The room that is shown, as the server spells it.
    place: Option<String>,
    shown: Shown,
    /// What those messages are called that have no place yet, by their number in the log.
    cids: BTreeMap<u32, Cid>,
    /// The room to be entered once it is known what there is of it, and then that.
    next: Option<RoomName>,
    opened: Option<Opened>,
    /// At which server who was in which room when their login ended: there they go on.
    interrupted: Option<Interrupted>,
    pub(super) unseen: Vec<Unseen>,
}

struct Interrupted {
    server: Option<String>,
    username: String,
    room: RoomName,
}

/// Which part of the room is shown.
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

/// Makes names for messages that no other window makes.
struct Names {
    prefix: String,
    count: u64,
}

impl Controller {
    /// There is a file. `nonce` must be random, and another one for each program there ever is.
    pub fn keep_in_file(&mut self, nonce: [u8; 12]) {
        let prefix = nonce.iter().map(|byte| format!("{byte:02x}")).collect();
        self.keeping.names = Some(Names { prefix, count: 0 });
    }

    /// Goes on with a login as if the window had never been closed. Nothing that it shows needs a connection.
    pub fn go_on(&mut self, login: Login, invitation: Invitation) {
        let Login { account, token, place } = login;
        self.screen.connect = Default::default();
        self.screen.login = LoginPage { server: invitation.address.to_string(), ..LoginPage::default() };
        self.server = Some(invitation.address.clone());
        self.keeping.server = Some(account.server);
        self.keeping.is_begun = true;
        self.screen.lobby.username = account.name;
        self.screen.banner = Phrase::Connecting.into();
        self.screen.page = Page::Lobby;
        let mut kept = Kept { token, room: None, read: Vec::new(), outbox: Vec::new() };
        if let Some((room, opened)) =
            place.and_then(|opened| Some((RoomName::parse(&opened.room).ok()?, opened)))
        {
            self.log.borrow_mut().clear();
            self.show_room(opened.room.clone());
            let of = client::Conversation::Room(room.clone());
            (kept.room, kept.read) = (Some(room), Vec::from_iter(opened.read.map(|read| (of, read))));
            kept.outbox = self.fill(opened);
        }
        self.effects.push_back(Effect::GoOn(invitation, Box::new(kept)));
        self.ask(Request::Rooms);
        self.note_seen();
        self.retitle();
    }

    pub(super) fn on_told(&mut self, told: Told) {
        match told {
            Told::Opened(opened) => self.on_opened(opened),
            Told::Older(older) => self.on_older(older),
            Told::Rooms(unseen) => {
                self.keeping.unseen = unseen;
                self.show_places();
            }
        }
    }

    /// Goes into a room from the lobby: the file is asked first, so that the server is asked for no more than what is new.
    pub(super) fn go_into(&mut self, room: RoomName) {
        if !self.keeping.is_begun {
            return self.command(Command::Enter(room));
        }
        self.ask(Request::Open(room.as_str().to_owned()));
        self.keeping.next = Some(room);
    }

    fn on_opened(&mut self, opened: Opened) {
        let Some(room) = self.keeping.next.take_if(|room| room.as_str() == opened.room) else { return };
        if let Some(read) = opened.read {
            self.order(Order::Know(client::Conversation::Room(room.clone()), read));
        }
        self.keeping.opened = Some(opened);
        self.command(Command::Enter(room));
    }

    /// In a room: what there is of it in the file is shown, and what waits there goes on its way.
    pub(super) fn fill_room(&mut self, room: &str) {
        let opened = self.keeping.opened.take().filter(|opened| opened.room == room).unwrap_or_default();
        for say in self.fill(Opened { room: room.to_owned(), ..opened }) {
            match (say, self.keeping.has_acks) {
                (say, true) => self.command(say),
                // It may have arrived, and nobody would notice that it came twice.
                (Command::Say { id, .. }, false) => self.fail(Some(id), Delivery::Uncertain),
                (_, false) => {}
            }
        }
        self.ask(Request::Place(Some(room.to_owned())));
    }

    /// Shows what the file has of a room. What is to be said there.
    fn fill(&mut self, opened: Opened) -> Vec<Command> {
        let Opened { room, lines, read, seen, outbox } = opened;
        let first = lines.iter().find(|line| line.peer.is_none()).map_or(0, |line| line.posted.seq);
        self.keeping.place = Some(room);
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

    /// Shows what was typed before. What is to be said, if it still is.
    fn put_out(&mut self, outgoing: Outgoing) -> Option<Command> {
        let Outgoing { cid, to, text, typed_ms, state, .. } = outgoing;
        let (at, own) = (self.at(typed_ms), self.screen.lobby.username.clone());
        let id = self.log.borrow_mut().send(at, &own, &text, to.as_deref());
        let cid = Cid::parse(&cid);
        if let Some(cid) = &cid {
            self.keeping.cids.insert(id, cid.clone());
        }
        let delivery = match state {
            Fate::Waiting => match said_before(to.as_deref(), &text).ok().zip(cid) {
                Some(((to, text), cid)) => {
                    return Some(self.say_as(to, text, id, Some(cid)));
                }
                None => Delivery::Failed,
            },
            Fate::Failed => Delivery::Failed,
            Fate::Uncertain => Delivery::Uncertain,
        };
        self.log.borrow_mut().fail(id, delivery);
        None
    }

    /// The room that is shown; without one, where nothing can be said.
    pub(super) fn here(&self) -> RoomName {
        let room = self.keeping.place.as_deref().unwrap_or(LOBBY);
        RoomName::parse(room).or_else(|_| RoomName::parse(LOBBY)).expect("the lobby's name is one")
    }

    /// The wish to say something in the room that is shown, to everybody or to one.
    pub(super) fn say_as(&self, to: Option<UserName>, text: Text, id: u32, cid: Option<Cid>) -> Command {
        let here = || client::Conversation::Room(self.here());
        let to = to.map_or_else(here, client::Conversation::Peer);
        Command::Say { to, text, id: id.into(), cid }
    }

    /// Writes down what was typed, before it is sent. What it is called from now on.
    pub(super) fn keep_typed(&mut self, id: u32, to: Option<&UserName>, text: &Text) -> Option<Cid> {
        let room = self.keeping.place.clone().filter(|_| self.keeping.is_begun)?;
        let cid = self.keeping.names.as_mut()?.next()?;
        self.keeping.cids.insert(id, cid.clone());
        let typed = self.now.to_zoned(self.zone.clone()).map_or(0, |now| now.timestamp().as_millisecond());
        self.ask(Request::Typed(Outgoing {
            cid: cid.as_str().to_owned(),
            room,
            to: to.map(|to| to.as_str().to_owned()),
            text: text.as_str().to_owned(),
            typed_ms: u64::try_from(typed).unwrap_or_default(),
            state: Fate::Waiting,
        }));
        Some(cid)
    }

    /// It is to be said once more, under the name that it had, so that it is said once. Its name.
    pub(super) fn keep_retried(&mut self, failed: u32, id: u32) -> Option<Cid> {
        let cid = self.keeping.cids.remove(&failed)?;
        self.keeping.cids.insert(id, cid.clone());
        self.ask(Request::Fate(cid.as_str().to_owned(), Fate::Waiting));
        Some(cid)
    }

    /// What a message is called that waits no longer.
    pub(super) fn take_name(&mut self, said: Option<u64>) -> Option<Cid> {
        let id = u32::try_from(said?).ok()?;
        self.keeping.cids.remove(&id)
    }

    /// It is not to be said any more, or was.
    pub(super) fn keep_no_longer(&mut self, cid: Option<Cid>) {
        if let Some(cid) = cid {
            self.ask(Request::Drop(cid.as_str().to_owned()));
        }
    }

    /// It was not said, and is not without the person.
    pub(super) fn keep_failed(&mut self, id: u32, fate: Fate) {
        if let Some(cid) = self.keeping.cids.get(&id) {
            let cid = cid.as_str().to_owned();
            self.ask(Request::Fate(cid, fate));
        }
    }

    /// Whether a message that the client itself gives up is in the file, and will be said when its room is entered next.
    pub(super) fn goes_on_waiting(&self, id: u32) -> bool {
        self.keeping.is_begun && self.keeping.has_acks && self.keeping.cids.contains_key(&id)
    }

    /// Whether no further message can be typed while these wait.
    pub(super) fn is_outbox_full(&self) -> bool {
        self.keeping.is_begun && self.log.borrow().waiting() >= client::WAITING_MAX
    }

    /// Somebody has logged in, and what they read and type is kept from now on.
    pub(super) fn begin(&mut self, username: &str) {
        self.keeping.is_begun = false;
        let (Some(_), Some(server), Some(address)) =
            (&self.keeping.names, &self.keeping.server, &self.server)
        else {
            return;
        };
        let account =
            Account { server: server.clone(), address: address.to_string(), name: username.to_owned() };
        self.effects.push_back(Effect::Store(Request::Begin(account)));
        self.keeping.is_begun = true;
        self.ask(Request::Rooms);
        let is_theirs = |interrupted: &Interrupted| {
            interrupted.server == self.keeping.server && interrupted.username == username
        };
        if let Some(interrupted) = self.keeping.interrupted.take().filter(is_theirs) {
            self.go_into(interrupted.room);
        }
    }

    /// Nobody is logged in here any more, and it was not their wish: what waits goes on waiting for them.
    pub(super) fn interrupt(&mut self) {
        let room = self.keeping.place.as_deref().and_then(|room| RoomName::parse(room).ok());
        if let Some(room) = room.filter(|_| self.keeping.is_begun) {
            let (server, username) = (self.keeping.server.clone(), self.screen.lobby.username.clone());
            self.keeping.interrupted = Some(Interrupted { server, username, room });
        }
        self.keeping.is_begun = false;
    }

    /// They log out.
    pub(super) fn forget_account(&mut self) {
        self.ask(Request::Forget);
        self.keeping.is_begun = false;
        self.keeping.unseen.clear();
    }

    /// No room is shown any more.
    pub(super) fn forget_shown(&mut self) {
        self.keeping.place = None;
        self.keeping.shown = Shown::default();
        self.keeping.cids.clear();
    }

    /// A message was said, and is shown.
    pub(super) fn keep_message(&mut self, line: Line) {
        let Some(room) = self.keeping.place.clone() else { return };
        let shown = &mut self.keeping.shown;
        shown.is_missing_some = false;
        let of = match &line.peer {
            Some(peer) => {
                shown.has_unseen_private |= !line.is_own;
                Conversation::Peer(peer.clone())
            }
            None => {
                shown.last = line.posted.seq;
                if shown.first == 0 {
                    shown.first = shown.last;
                }
                Conversation::Room(room.clone())
            }
        };
        let has_older = self.keeping.shown.has_older_at_server;
        self.ask(Request::Read(Reading {
            of,
            room,
            lines: vec![line],
            is_older: false,
            is_anew: false,
            has_older,
        }));
    }

    /// What was said before has been read. Whether the room was empty until then, so that none of it is news.
    pub(super) fn keep_past(&mut self, lines: Vec<Line>, is_older: bool, is_anew: bool, has_older: bool) {
        let Some(room) = self.keeping.place.clone() else { return };
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
        let of = Conversation::Room(room.clone());
        if was_empty && !is_older {
            let last = shown.last;
            self.ask(Request::Read(Reading { of, room: room.clone(), lines, is_older, is_anew, has_older }));
            self.see(room, last);
        } else {
            self.ask(Request::Read(Reading { of, room, lines, is_older, is_anew, has_older }));
        }
    }

    /// Whether what comes now was said while this window was closed, or elsewhere.
    pub(super) fn is_missing_some(&self) -> bool {
        self.keeping.shown.is_missing_some
    }

    /// Asks for what is older than all that is shown: the file, and what that has not, the server.
    pub(super) fn ask_for_older(&mut self) {
        let shown = &mut self.keeping.shown;
        if !self.keeping.is_begun || shown.first == 0 {
            return self.command(Command::older(client::Conversation::Room(self.here())));
        }
        let first = shown.first;
        if shown.has_older_in_file {
            if !std::mem::replace(&mut shown.is_asked, true)
                && let Some(room) = self.keeping.place.clone()
            {
                self.ask(Request::Older(room, first));
            }
        } else {
            let of = client::Conversation::Room(self.here());
            self.command(Command::Recall(of, chatroom_core::message::history::Edge::Before(first)));
        }
    }

    fn on_older(&mut self, older: Older) {
        let Older { room, before, lines, has_more } = older;
        let shown = &mut self.keeping.shown;
        // It may have been asked for before the room was left, or before all that is shown began anew.
        if self.keeping.place.as_ref() != Some(&room) || shown.first != before {
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
        let Some(room) = self.keeping.place.clone() else { return };
        if self.is_looking() && (last > seen || has_unseen_private) {
            self.see(room, last);
        }
    }

    fn see(&mut self, room: String, last: u64) {
        self.keeping.shown.seen = last;
        self.keeping.shown.has_unseen_private = false;
        self.ask(Request::Seen(room, last));
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

impl Names {
    fn next(&mut self) -> Option<Cid> {
        self.count += 1;
        Cid::parse(&format!("{}-{:x}", self.prefix, self.count))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    #[test]
    fn what_is_typed_waits_for_what_was_typed_before_and_there_is_an_end_to_that() {
        let mut controller = Controller::new(Rc::new(RefCell::default()));
        controller.keep_in_file([0; 12]);
        let account = Account { server: "s".into(), address: "s:1".into(), name: "ann".into() };
        let place = Some(Opened { room: "den".into(), ..Opened::default() });
        let token = chatroom_core::secret::Token::new("token".to_owned().into());
        controller.go_on(Login { account, token, place }, "s:1".parse().expect("it is an address"));
        for number in 0..client::WAITING_MAX {
            assert!(controller.send("hello"), "{number}");
        }
        assert!(!controller.send("one too many"));
        assert_eq!(controller.screen().room.hint.phrase, Phrase::TooManyWaiting);
    }
}
