//! Messages: said, heard, lost and seen.

use chatroom_core::client::{self, Conversation};
use chatroom_core::limits::TEXT_BYTES_MAX;
use chatroom_core::message::push::Posted;
use chatroom_core::message::{Cid, Text};
use chatroom_core::name::{LOBBY, RoomName, UserName};

use super::{Command, Controller, Effect, Phrase, Sentence};
use crate::format::{clean, mentions};
use crate::log::{Delivery, Log, Past};
use crate::screen::Selected;
use crate::sentence::of_user_name;
use crate::store::{Fate, Line};

/// A message that somebody says now, as the client tells it.
pub(super) struct Said {
    pub(super) of: Conversation,
    pub(super) from: String,
    pub(super) text: String,
    pub(super) is_own: bool,
    /// The window's number for it, if it was typed here.
    pub(super) said: Option<u64>,
    pub(super) private_with: Option<String>,
    pub(super) posted: Option<Posted>,
    pub(super) cid: Option<Cid>,
}

impl Said {
    /// As the file has it. `peer` is the other side, where it is shown among what is said to all.
    pub(super) fn into_line(self, posted: Posted, cid: Option<Cid>, peer: Option<String>) -> Line {
        let Self { from: author, text, is_own, .. } = self;
        Line { posted, author, text, is_own, cid: cid.map(|cid| cid.as_str().to_owned()), peer }
    }
}

impl Controller {
    /// Say what was typed. Whether it is on its way, so that the field can be emptied.
    pub fn send(&mut self, draft: &str) -> bool {
        self.screen.room.hint = Sentence::default();
        if self.is_outbox_full() {
            self.screen.room.hint = Phrase::TooManyWaiting.into();
            return false;
        }
        let (to, text) = match parse_draft(draft) {
            Ok(parsed) => parsed,
            Err(hint) => {
                self.screen.room.hint = hint;
                return false;
            }
        };
        self.drafts.remove(&self.here());
        self.say(to, text);
        self.composer.remember(draft);
        self.screen.room.left = None;
        self.set_following(true);
        self.log.borrow_mut().mark_unread(None);
        true
    }

    /// What is typed has changed.
    pub fn draft_edited(&mut self, draft: &str) {
        self.screen.room.hint = Sentence::default();
        self.screen.room.left = bytes_left(draft);
        if self.is_multi {
            self.drafts.insert(self.here(), draft.to_owned());
        }
    }

    /// An earlier message of one's own, instead of `draft`, which is empty or an earlier one itself.
    pub fn recall(&mut self, draft: &str) -> Option<String> {
        self.composer.recall(draft)
    }

    /// `draft` with the name at its end completed; again for the next name that fits.
    pub fn complete(&mut self, draft: &str) -> Option<String> {
        let own = self.screen.lobby.username.clone();
        let members: Vec<&str> =
            self.members.iter().map(String::as_str).filter(|name| *name != own).collect();
        self.composer.complete(draft, &members)
    }

    /// Something private is to be said to `name`: `draft`, turned into that. `None` where there is a conversation of its own for
    /// it, which is shown.
    pub fn whisper(&mut self, name: &str, draft: &str) -> Option<String> {
        if self.is_multi {
            if let Ok(name) = UserName::parse(name) {
                self.show(Conversation::Peer(self.spelled(name)));
            }
            return None;
        }
        let text = match private_parts(draft) {
            Some((_, text)) => text,
            None => draft,
        };
        Some(format!("{PRIVATE} {name} {text}"))
    }

    /// Say again what did not arrive.
    pub fn retry(&mut self, id: u32) {
        let said =
            self.log.borrow().failed(id).map(|row| said_before(row.peer.as_deref(), row.text.as_ref()));
        let (to, text) = match said {
            Some(Ok(said)) => said,
            Some(Err(hint)) => {
                self.screen.room.hint = hint;
                return;
            }
            None => return,
        };
        self.log.borrow_mut().drop_waiting(id);
        let failed = id;
        let id = self.show_sending(to.as_ref(), &text);
        let cid = self.keep_retried(failed, id);
        let to = to.map_or_else(|| self.here(), Conversation::Peer);
        self.command(Command::Say { to, text, id: id.into(), cid });
        self.show_places();
    }

    /// Forget what did not arrive.
    pub fn discard(&mut self, id: u32) {
        if self.log.borrow().failed(id).is_some() {
            self.log.borrow_mut().drop_waiting(id);
            let cid = self.take_name(Some(id.into()));
            self.keep_no_longer(cid);
            self.show_places();
        }
    }

    /// The list stays at its end, or was scrolled away from it.
    pub fn set_following(&mut self, is_following: bool) {
        self.screen.room.is_following = is_following;
        self.look();
        self.note_seen();
        self.show_sidebar();
        self.retitle();
    }

    /// Lead to another message, `step` places further down or up; to the newest, if none was led to yet.
    pub fn select(&mut self, step: isize) {
        let selected = self.screen.room.selected.as_ref().map(|selected| selected.id);
        if selected.is_none() {
            self.set_following(true);
        }
        let log = self.log.borrow();
        self.screen.room.selected =
            log.neighbour(selected, step).map(|row| Selected { id: row.id, text: row.text.to_string() });
    }

    /// Lead to no message any more.
    pub fn deselect(&mut self) {
        self.screen.room.selected = None;
    }

    fn say(&mut self, to: Option<UserName>, text: Text) {
        let here = self.here();
        // What is private is said where it is shown, among what is said to all or in a place of its own.
        let (of, to, whom) = match to.map(|to| self.spelled(to)) {
            Some(peer) if self.is_multi => {
                let of = Conversation::Peer(peer);
                (of.clone(), of, None)
            }
            Some(peer) => (here.clone(), Conversation::Peer(peer.clone()), Some(peer)),
            None => (here.clone(), here.clone(), None),
        };
        let id = match of.is_same(&here) {
            true => self.show_sending(whom.as_ref(), &text),
            false => self.log.borrow_mut().reserve(),
        };
        let cid = self.keep_typed(id, &of, whom.as_ref(), &text);
        self.command(Command::Say { to, text, id: id.into(), cid });
        if !of.is_same(&here) {
            self.show(of);
        }
    }

    /// The conversation that is shown; the lobby's, where nothing can be said, if there is none.
    pub(super) fn here(&self) -> Conversation {
        let lobby = || Conversation::Room(RoomName::parse(LOBBY).expect("the lobby's name is one"));
        self.keeping.place.clone().unwrap_or_else(lobby)
    }

    fn show_sending(&mut self, to: Option<&UserName>, text: &Text) -> u32 {
        let own = self.screen.lobby.username.as_str();
        self.log.borrow_mut().send(self.now, own, text.as_str(), to.map(UserName::as_str))
    }

    pub(super) fn on_message(&mut self, said: Said) {
        if self.is_shown(&said.of) {
            self.hear(said);
        } else if self.is_multi {
            self.hear_elsewhere(said);
        }
    }

    /// What is shown of a message is kept, and it waits no longer, if it is one that did.
    fn hear(&mut self, said: Said) {
        if said.posted.is_some_and(|posted| self.is_multi && self.has_shown(posted.seq, false)) {
            return said.said.map_or((), |said| self.on_acknowledged(said));
        }
        let number = log_id(said.said);
        let is_for_one = self.is_for_one(&said);
        // Where all of it is private, nothing of it stands out.
        let peer = said.private_with.clone().filter(|_| !self.is_multi);
        let (from, text, is_own) = (clean(&said.from), clean(&said.text), said.is_own);
        let typed = self.take_name(said.said).or(said.cid.clone());
        if self.is_multi {
            self.places_heard(&said.of);
        }
        match said.posted {
            Some(posted) => self.keep_message(said.into_line(posted, typed, peer.clone())),
            // The server keeps nothing, and so does the file.
            None => self.keep_no_longer(typed),
        }
        if number.is_some_and(|id| self.log.borrow_mut().confirm(id)) {
            return;
        }
        self.screen.announcement = format!("{from}: {text}");
        if is_for_one && !self.is_in_front && !is_own {
            let name = self.screen.room.name.clone();
            self.notify(&from, Some(&name).filter(|_| !self.screen.room.is_private), &text);
        }
        let id = self.log.borrow_mut().receive(
            self.now,
            &from,
            text,
            peer.as_deref().map(clean).as_deref(),
            is_own,
        );
        if !is_own && !self.is_looking() {
            count_new(&mut self.screen.room.new_count, &mut self.log.borrow_mut(), id);
            if is_for_one {
                self.count_mention();
            }
        }
    }

    /// Somebody says something to this person, where they do not look.
    pub(super) fn tell_of(&mut self, said: &Said) {
        let (from, text) = (clean(&said.from), clean(&said.text));
        let room = match &said.of {
            Conversation::Room(room) => Some(clean(room.as_str())),
            Conversation::Peer(_) => None,
        };
        let place = room.as_ref().map(|room| format!(" – {room}")).unwrap_or_default();
        self.screen.announcement = format!("{from}{place}: {text}");
        if !self.is_in_front {
            self.notify(&from, room.as_ref(), &text);
        }
    }

    /// What was said before, here or while there was no connection.
    pub(super) fn on_past(
        &mut self,
        of: Conversation,
        mut past: Vec<client::Past>,
        is_older: bool,
        is_anew: bool,
        has_older: bool,
    ) {
        if !self.is_shown(&of) {
            if self.is_multi {
                self.past_elsewhere(of, past, is_older, is_anew, has_older);
            }
            return;
        }
        if self.is_multi && !is_anew {
            // The file may have told of it already.
            let (shown, new) = past.into_iter().partition(|past| self.has_shown(past.posted.seq, is_older));
            past = new;
            let shown: Vec<client::Past> = shown;
            shown.iter().filter_map(|past| past.said).for_each(|said| self.on_acknowledged(said));
        }
        let said: Vec<Option<u64>> = past.iter().map(|past| past.said).collect();
        let lines: Vec<Line> = past.into_iter().map(|past| self.line_of(past)).collect();
        let rows: Vec<Option<Past>> = lines.iter().cloned().map(|line| self.past(line)).collect();
        let unseen: Vec<bool> =
            lines.iter().map(|line| self.is_multi && self.is_unseen(line.posted.seq)).collect();
        let is_missing_some = self.is_missing_some();
        self.keep_past(lines, is_older, is_anew, has_older);
        if is_older {
            let has_lines = !rows.is_empty();
            return self.show_older(rows.into_iter().flatten().collect(), has_lines);
        }
        let mut log = self.log.borrow_mut();
        if is_anew {
            log.clear_placed();
        }
        // What was said before anybody came in is nothing new.
        let is_news = !log.is_empty() && !is_anew && !self.is_multi;
        for ((row, said), is_unseen) in rows.into_iter().zip(said).zip(unseen) {
            let said = log_id(said);
            let Some(Past { at, author, text, is_own, .. }) = row else {
                said.into_iter().for_each(|id| log.drop_waiting(id));
                continue;
            };
            if said.is_some_and(|id| log.confirm(id)) {
                continue;
            }
            let id = log.receive(at, &author, text, None, is_own);
            if (is_news || is_unseen) && !is_own && !self.is_looking() {
                count_new(&mut self.screen.room.new_count, &mut log, id);
            } else if !is_own && is_missing_some && !log.is_marked() {
                log.mark_unread(Some(id));
            }
        }
        drop(log);
        self.show_whether_older();
    }

    /// A message that was said before, as the file has it.
    pub(super) fn line_of(&mut self, past: client::Past) -> Line {
        let cid = self.take_name(past.said).or(past.cid);
        Line {
            posted: past.posted,
            author: past.from,
            text: past.text.unwrap_or_default(),
            is_own: past.is_own,
            cid: cid.map(|cid| cid.as_str().to_owned()),
            peer: None,
        }
    }

    /// Read what is older than all that is shown.
    pub fn read_older(&mut self) {
        if self.screen.room.has_older {
            self.ask_for_older();
        }
    }

    pub(super) fn on_msg_refused(&mut self, said: Option<u64>, code: Option<&str>, sentence: Sentence) {
        let id = log_id(said);
        // The client itself has given it up, and the file has not.
        if code.is_none()
            && let Some(id) = id.filter(|id| self.goes_on_waiting(*id))
        {
            return self.keep_waiting(id);
        }
        self.fail(said, Delivery::Failed);
        // Of another conversation, the list beside it says that something was not sent.
        let typed = id.and_then(|id| self.keeping.typed.get(&id));
        if typed.is_none_or(|typed| self.is_shown(&typed.of)) {
            self.screen.room.hint = sentence;
        }
        self.show_places();
    }

    /// The connection broke, or the server keeps silent: it may have arrived all the same.
    pub(super) fn on_msg_silence(&mut self, said: Option<u64>) {
        self.fail(said, Delivery::Uncertain);
    }

    /// It was said, in a part of the conversation that is not shown.
    pub(super) fn on_acknowledged(&mut self, said: u64) {
        if let Some(id) = log_id(Some(said)) {
            self.log.borrow_mut().drop_waiting(id);
            let cid = self.take_name(Some(said));
            self.keep_no_longer(cid);
        }
    }

    /// What is on the screen is seen.
    pub(super) fn look(&mut self) {
        if self.is_looking() {
            self.screen.room.new_count = 0;
        }
    }

    /// Whether something is said to this person above all.
    pub(super) fn is_for_one(&self, said: &Said) -> bool {
        said.private_with.is_some() || mentions(&said.text, &self.screen.lobby.username)
    }

    /// Whether what comes last is seen as it comes.
    pub(super) fn is_looking(&self) -> bool {
        self.is_in_front && self.screen.room.is_following
    }

    pub(super) fn fail(&mut self, said: Option<u64>, delivery: Delivery) {
        let Some(id) = log_id(said) else { return };
        self.log.borrow_mut().fail(id, delivery);
        match delivery {
            Delivery::Failed => self.keep_failed(id, Fate::Failed),
            // Where it is taken once however often it comes, it is simply sent again at the next start.
            Delivery::Uncertain if !self.keeping.has_acks => self.keep_failed(id, Fate::Uncertain),
            Delivery::Uncertain | Delivery::Sent | Delivery::Sending | Delivery::Waiting => {}
        }
    }

    /// Who said what to this person, and where, unless that is a conversation between the two.
    fn notify(&mut self, from: &str, place: Option<&String>, text: &str) {
        let place = place.map(|place| format!(" – {place}")).unwrap_or_default();
        let body: String = text.chars().take(NOTIFICATION_CHARS_MAX).collect();
        let body = Sentence::with(Phrase::Verbatim, body);
        self.effects.push_back(Effect::Notify { title: format!("{from}{place}"), body });
    }
}

/// Whom a draft is for, and what it says.
fn parse_draft(draft: &str) -> Result<(Option<UserName>, Text), Sentence> {
    let (to, text) = if draft.split_whitespace().next() == Some(PRIVATE) {
        let (name, text) = private_parts(draft)
            .filter(|(_, text)| !text.trim().is_empty())
            .ok_or(Sentence::from(Phrase::WhisperUsage))?;
        (Some(UserName::parse(name).map_err(of_user_name)?), text)
    } else {
        (None, draft)
    };
    Ok((to, Text::try_from(text.trim_end())?))
}

/// What was typed before, to be said again to whom it was for. It is said to nobody if they cannot be addressed: what was
/// private is never said to all.
pub(super) fn said_before(to: Option<&str>, text: &str) -> Result<(Option<UserName>, Text), Sentence> {
    let to = to.map(UserName::parse).transpose().map_err(of_user_name)?;
    Ok((to, Text::try_from(text)?))
}

/// The name and the text of `\private name text`.
fn private_parts(draft: &str) -> Option<(&str, &str)> {
    let rest = draft.strip_prefix(PRIVATE)?.strip_prefix(' ')?;
    rest.trim_start().split_once(' ')
}

/// How much more fits, once that is worth a look.
fn bytes_left(draft: &str) -> Option<i64> {
    let left = i64::try_from(TEXT_BYTES_MAX).ok()? - i64::try_from(draft.trim_end().len()).ok()?;
    (left <= BYTES_LEFT_SHOWN).then_some(left)
}

/// How a private message begins, as in the original.
const PRIVATE: &str = "\\private";

/// When the rest of a message's room is shown.
const BYTES_LEFT_SHOWN: i64 = 500;

/// What a desktop shows of a message.
const NOTIFICATION_CHARS_MAX: usize = 200;

/// The window's number for a message that was typed here, as the log has it.
pub(super) fn log_id(said: Option<u64>) -> Option<u32> {
    u32::try_from(said?).ok()
}

/// Counts a message that was not seen. The first one of them gets the mark.
fn count_new(count: &mut u32, log: &mut Log, id: u32) {
    if *count == 0 {
        log.mark_unread(Some(id));
    }
    *count = count.saturating_add(1);
}
