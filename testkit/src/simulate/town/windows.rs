//! Those who take part in many rooms with a client of this project: what they want, how their programs end, and what has
//! to be true of what they see.

use std::collections::BTreeMap;

use chatroom_core::client::{Client, Command, Conversation, Input};
use chatroom_core::message::friend::Tie;
use chatroom_core::message::presence::PresenceState;
use chatroom_core::message::{Cid, Text};
use chatroom_core::name::{RoomName, UserName};
use chatroom_core::phase::Phase;

use models::sight::How;

use super::{Town, command};
use crate::simulate::names::find_user;
use crate::simulate::step::{Of, Step, Wish};
use crate::simulate::window::{Fate, Said, Window};

impl Town {
    /// What somebody wants is told to their client, whether it has a connection or not.
    pub(super) fn wish_in_many(&mut self, line: usize, wish: &Wish) -> Result<(), String> {
        let Some(window) = &mut self.lines[line].window else { return Ok(()) };
        let command = match wish {
            Wish::SayIn(of, text) => {
                let text = Text::try_from(text.as_str()).expect("it is short");
                let cid = Cid::parse(&format!("window {line} says {}", self.said)).expect("it is short");
                window.say(self.said, conversation(of), text, cid)
            }
            Wish::OlderOf(of) => Command::older(conversation(of)),
            Wish::Look(of) => {
                window.looked_at = Some(conversation(of));
                Command::Look(conversation(of))
            }
            Wish::See(of) => {
                let of = conversation(of);
                let last = window.last(&of);
                Command::Read(of, last)
            }
            Wish::Leave(room) => window.leave(RoomName::parse(room.text).expect("it is a name")),
            Wish::Tie(op, other) => Command::Friend(*op, UserName::parse(other.text).expect("it is a name")),
            Wish::Present(state, text) => window.present(*state, text.clone()),
            // Those are wishes of who is in one room.
            Wish::Say(..) | Wish::Older | Wish::Exit => return Ok(()),
            wish => command(wish),
        };
        self.tell_client(line, Input::Command(command))
    }

    /// The program that has a line's client crashes, and is started again with what its window's file has, or without it.
    pub(super) fn end_program(&mut self, line: usize, is_kept: bool) -> Result<(), String> {
        let line_ = &mut self.lines[line];
        let (Some(client), Some(window)) = (&mut line_.client, &mut line_.window) else { return Ok(()) };
        self.programs += 1;
        let mut nonce = [0xff; 12];
        nonce[..8].copy_from_slice(&self.programs.to_be_bytes());
        let kept = window.start_again(is_kept);
        let has_more_to_say = kept.as_ref().is_some_and(|kept| !kept.outbox.is_empty());
        let goes_on = kept.is_some();
        **client = match kept {
            Some(kept) => Client::that_goes_on(nonce, kept),
            None => Client::that_keeps(nonce),
        };
        self.coverage().reach(if goes_on { "window_went_on" } else { "window_began_anew" });
        if has_more_to_say {
            self.coverage().reach("window_had_more_to_say");
        }
        self.cut(line)
    }

    /// What has just come to a window is what the disk has: nothing is delivered before it is there, or otherwise.
    pub(super) fn check_fresh(&mut self, line: usize) -> Result<(), String> {
        let Some(window) = &mut self.lines[line].window else { return Ok(()) };
        window.reached.drain(..).for_each(|place| self.model.coverage().reach(place));
        let fresh = window.take_fresh();
        for (user, of, shown) in fresh {
            let user = user.as_deref().and_then(find_user).ok_or("something is shown to nobody")?;
            self.model.check_shown(user.id, &of, &shown)?;
        }
        Ok(())
    }

    /// Everybody with a window comes back, or logs in with it, when nothing goes wrong any more. Then each sees what the server
    /// has, and has been told what became of all they have said.
    pub(super) fn come_back_to_windows(&mut self) -> Result<(), String> {
        let said: Vec<Option<Vec<How>>> =
            self.lines.iter().map(|line| line.window.as_ref().and_then(Window::last_said)).collect();
        for line in 0..self.swarm.crowds {
            self.apply(&Step::Connect { line, from: 0, is_secure: true })?;
            self.move_all()?;
        }
        let account = self.model.accounts().next();
        for line in 0..self.swarm.crowds {
            let is_out = self.lines[line].phase() == Some(Phase::Auth);
            if let Some((user, _)) = account.as_ref().filter(|_| is_out)
                && let Some(password) = self.model.password(*user)
            {
                let name = crate::simulate::names::user(*user, 0);
                self.apply(&Step::Wish(line, Wish::Login(name, password)))?;
                self.move_all()?;
            }
        }
        self.settle()?;
        self.check_returned(&said)?;
        let together = (0..self.swarm.crowds).filter(|line| self.lines[*line].phase() == Some(Phase::Hall));
        let mut users: Vec<Option<usize>> = together.map(|line| self.model.user(line)).collect();
        let count = users.len();
        users.sort_unstable();
        users.dedup();
        if count > users.len() {
            self.coverage().reach("windows_of_one_account");
        }
        Ok(())
    }

    /// Who has come back by one window says of themselves what they said before; and whoever has a window is told where they are
    /// logged in.
    fn check_returned(&mut self, said: &[Option<Vec<How>>]) -> Result<(), String> {
        let users: Vec<Option<usize>> = (0..self.swarm.crowds).map(|line| self.model.user(line)).collect();
        for line in 0..self.swarm.crowds {
            if self.lines[line].phase() != Some(Phase::Hall) {
                continue;
            }
            let error = |what: &str| format!("line {line}: {what}");
            let Some(user) = users[line] else { return Err(error("is logged in, and nobody is there")) };
            self.apply(&Step::Wish(line, Wish::Logins))?;
            self.move_all()?;
            let Some(window) = &self.lines[line].window else { continue };
            if window.logins != self.model.logins_of(line) {
                return Err(error("is not told where its person is logged in"));
            }
            let is_alone = users.iter().filter(|other| **other == Some(user)).count() == 1;
            // Who has logged in anew says nothing again.
            let is_back = window.last_said().is_some() && self.model.hears(line);
            if let Some(said) = said[line].as_ref().filter(|_| is_alone && is_back) {
                let how = self.model.how(user);
                if !said.contains(&how) {
                    return Err(error(&format!(
                        "is {how:?}, and one of these was to be said again: {said:?}"
                    )));
                }
                self.coverage().reach("window_says_again");
            }
        }
        Ok(())
    }

    /// When nothing moves any more, who is in many rooms sees all that there is, as it is.
    pub(super) fn check_windows(&mut self) -> Result<(), String> {
        for line in 0..self.swarm.crowds {
            if self.lines[line].session.is_some() && self.lines[line].phase() == Some(Phase::Hall) {
                self.tell_client(line, Input::Command(Command::List))?;
            }
            self.check_window(line).map_err(|error| format!("line {line}: {error}"))?;
        }
        Ok(())
    }

    fn check_window(&mut self, line: usize) -> Result<(), String> {
        let line_ = &self.lines[line];
        let (Some(client), Some(window)) = (&line_.client, &line_.window) else { return Ok(()) };
        let user = window.user.as_deref().and_then(find_user).map(|user| user.id);
        for (of, shown) in window.lines() {
            self.model.check_shown(user.ok_or("something is shown to nobody")?, of, shown)?;
        }
        for (id, said) in window.said() {
            self.check_said(said).map_err(|error| format!("its own message {id} {error}"))?;
        }
        self.check_order(window.said().map(|(_, said)| said))?;
        // Who is deleted, and not shut out yet, reads nothing.
        let user = user.filter(|user| !self.model.is_deleted(*user));
        let Some(user) = user.filter(|_| line_.session.is_some() && client.phase() == Some(Phase::Hall))
        else {
            return Ok(());
        };
        if client.unsaid() > 0 {
            return Err(format!("{} messages are never said", client.unsaid()));
        }
        if let Some((id, _)) = window.said().find(|(_, said)| said.fate.is_none()) {
            return Err(format!("it is never told what became of its own message {id}"));
        }
        self.model.check_places(line, user, window.places())?;
        for of in window.conversations() {
            let (last, right) = (window.last(of), self.model.last_of(user, of));
            // What is not kept any longer is not read.
            if last != right && self.model.first_of(user, of) <= right {
                return Err(format!("{} is shown up to {last} of {right}", of.name()));
            }
        }
        if *window.crowds() != self.model.crowds() {
            return Err(format!("knows the rooms {:?}", window.crowds()));
        }
        let (mut known, right) = (window.friends(), self.model.views(user));
        // Who is deleted, and the server has not heard it, is still what they were.
        known.retain(|name, _| find_user(name).is_none_or(|other| !self.model.is_deleted_unheard(other.id)));
        if self.model.is_told(line) && known != right {
            return Err(format!("knows {known:?} where {right:?} is right"));
        }
        if let Some(room) = window.members() {
            self.model.check_members(&room.name, &room.members)?;
        }
        if self.model.hears(line) {
            let sight = self.model.sight(line);
            let friends = known.iter().filter(|(_, tie)| **tie == Tie::Friend).map(|(name, _)| *name);
            let members =
                window.members().into_iter().flat_map(|room| room.members.iter().map(String::as_str));
            let own = window.user.as_deref();
            for name in friends.chain(members).chain(own) {
                let how = sight.get(name).ok_or_else(|| format!("sees {name}, and should not"))?;
                if window.how(name) != *how {
                    return Err(format!("sees {name} as {:?}, and they are {how:?}", window.how(name)));
                }
                self.model.coverage().reach(match how {
                    (PresenceState::Offline, _) => "window_misses_friend",
                    (_, None) => "window_sees_somebody",
                    (_, Some(_)) => "window_sees_what_somebody_says",
                });
            }
        }
        self.model.coverage().reach("window_settled");
        Ok(())
    }

    /// What a person was told became of a message is what did.
    fn check_said(&self, said: &Said) -> Result<(), String> {
        let seqs = self.model.seqs_of(&said.text);
        // What is not kept any longer can be said again, also by a program that had no answer to it.
        let count = seqs.iter().filter(|(_, is_kept)| *is_kept).count();
        let is_right = match said.fate {
            Some(Fate::Said) => count == 1 || (count == 0 && !seqs.is_empty()),
            Some(Fate::Refused) => seqs.is_empty(),
            Some(Fate::Uncertain | Fate::Forgotten) | None => count <= 1,
        };
        let fate = said.fate;
        if is_right { Ok(()) } else { Err(format!("is there {count} times, and was told to be {fate:?}")) }
    }

    /// Where somebody has said several things, they stand in their order.
    fn check_order<'a>(&self, said: impl Iterator<Item = &'a Said>) -> Result<(), String> {
        let mut lasts = BTreeMap::new();
        for said in said.filter(|said| said.fate == Some(Fate::Said) && !said.is_hurried) {
            let [(seq, _)] = self.model.seqs_of(&said.text)[..] else { continue };
            let last = lasts.entry((said.by.clone(), said.key())).or_insert(0);
            if seq <= *last {
                return Err(format!("{} stands at {seq}, and what was said before at {last}", said.text));
            }
            *last = seq;
        }
        Ok(())
    }
}

fn conversation(of: &Of) -> Conversation {
    match of {
        Of::Room(room) => Conversation::Room(RoomName::parse(room.text).expect("it is a name")),
        Of::Peer(peer) => Conversation::Peer(UserName::parse(peer.text).expect("it is a name")),
        Of::Nobody => unreachable!("nobody's conversation is no wish"),
    }
}
