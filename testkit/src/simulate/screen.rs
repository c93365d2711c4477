//! What somebody sees of a room who has a client of this project: it has to be a part of what was said there, in its order,
//! without a hole and without anything twice. It remembers what a program has to that is started again.

use std::collections::BTreeSet;

use chatroom_core::client::{Command, Conversation, Event, Kept, Past, Span};
use chatroom_core::message::{Cid, Text};
use chatroom_core::name::{LOBBY, RoomName, UserName};
use chatroom_core::secret::Token;

/// Something that was said to everybody in a room.
pub struct Spoken {
    /// By whom, and what.
    pub line: (String, String),
    /// Its author is deleted: who has not seen it is not shown it.
    pub is_blank: bool,
    /// It is not kept any longer.
    pub is_gone: bool,
}

/// A screen.
#[derive(Default)]
pub struct Screen {
    /// The room, as it is spelled.
    pub room: Option<String>,
    /// Who said what, to everybody.
    lines: Vec<(String, String)>,
    /// The numbers of what its person has said and seen.
    seen: BTreeSet<u64>,
    /// What lets its person back in.
    token: Option<Token>,
    /// Which part of the room it shows.
    read: Option<Span>,
    /// What its person has said here and not seen.
    outbox: Vec<Outgoing>,
    /// It has come back to its room since, and not been told what it missed.
    has_returned: bool,
    /// What was reached since somebody looked.
    pub reached: Vec<&'static str>,
}

/// A message that was typed.
struct Outgoing {
    id: u64,
    to: Conversation,
    text: Text,
    cid: Cid,
}

impl Screen {
    /// Its person says something, which is called so from now on.
    pub fn say(&mut self, id: u64, to: Option<UserName>, text: Text, cid: Cid) -> Command {
        let here = || Conversation::Room(self.name().unwrap_or_else(lobby));
        let to = to.map_or_else(here, Conversation::Peer);
        if self.room.is_some() {
            self.outbox.push(Outgoing { id, to: to.clone(), text: text.clone(), cid: cid.clone() });
        }
        Command::Say { to, text, id, cid: Some(cid) }
    }

    /// What a program begins with that is started again, if its person was logged in.
    pub fn kept(&self) -> Option<Kept> {
        let say = |outgoing: &Outgoing| {
            let Outgoing { id, to, text, cid } = outgoing;
            Command::Say { to: to.clone(), text: text.clone(), id: *id, cid: Some(cid.clone()) }
        };
        Some(Kept {
            token: self.token.clone()?,
            room: self.name(),
            read: self.name().map(Conversation::Room).zip(self.read).into_iter().collect(),
            outbox: self.outbox.iter().map(say).collect(),
        })
    }

    /// The client tells its person something.
    pub fn see(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::Entered { room } => self.begin(Some(room.clone())),
            Event::LoggedIn { .. } | Event::LoggedOut => {
                self.token = None;
                self.begin(None);
            }
            Event::Left { .. } | Event::Returned { room: None, .. } => self.begin(None),
            Event::Session { token, .. } => self.token = Some(token.clone()),
            Event::Returned { .. } => self.has_returned = true,
            Event::Message { from, text, said, private_with, posted, .. } => {
                self.see_own(*said)?;
                if private_with.is_none() {
                    self.lines.push((from.clone(), text.clone()));
                    if let Some(posted) = posted {
                        let (first, last) = (posted.seq, *posted);
                        self.read.get_or_insert(Span { first, last, has_older: false }).last = last;
                    }
                }
            }
            // The server has said no. What the client gives up itself its program still has.
            Event::Refused { said: Some(said), code: Some(_), .. } => self.forget(*said),
            Event::Acknowledged { said, .. } => self.see_own(Some(*said))?,
            Event::Past { messages, is_older, is_anew, has_older, .. } => {
                if *is_anew {
                    self.lines.clear();
                    self.read = None;
                }
                self.read = extended(self.read, messages, *is_older, *has_older);
                self.reached.push(match (is_older, self.has_returned) {
                    (true, _) => "read_older",
                    (false, true) => "read_what_was_missed",
                    (false, false) => "read_on_entering",
                });
                self.has_returned &= *is_older;
                for past in messages {
                    self.see_own(past.said)?;
                    self.reached.extend(past.said.map(|_| "found_what_was_said"));
                }
                let lines = messages.iter().filter_map(|past| Some((past.from.clone(), past.text.clone()?)));
                let index = if *is_older { 0 } else { self.lines.len() };
                self.lines.splice(index..index, lines);
            }
            _ => {}
        }
        Ok(())
    }

    /// The room.
    pub fn name(&self) -> Option<RoomName> {
        self.room.as_ref().and_then(|room| RoomName::parse(room).ok())
    }

    /// How much it shows.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether it shows a part of all that was said, and, if all has settled, the end of it.
    pub fn check(&self, said: &[Spoken], is_settled: bool) -> Result<(), String> {
        let is_part = match (self.lines.is_empty(), is_settled) {
            (true, true) => said.iter().all(|spoken| spoken.is_blank || spoken.is_gone),
            (true, false) => true,
            (false, _) => (0..said.len()).any(|from| is_shown(&self.lines, &said[from..], is_settled)),
        };
        if is_part {
            return Ok(());
        }
        let said: Vec<_> = said.iter().map(|spoken| spoken.line.clone()).collect();
        Err(self.difference(&said))
    }

    /// What is wrong, from where it begins.
    fn difference(&self, said: &[(String, String)]) -> String {
        let first = self.lines.first().and_then(|first| said.iter().position(|line| line == first));
        let rest = &said[first.unwrap_or(said.len())..];
        let same = self.lines.iter().zip(rest).take_while(|(shown, said)| shown == said).count();
        let few = |lines: &[(String, String)]| {
            let texts = lines.iter().skip(same.saturating_sub(2)).take(6).map(|(_, text)| text.as_str());
            texts.collect::<Vec<_>>().join(" | ")
        };
        format!("the screen shows … {}\nwhere this was said … {}", few(&self.lines), few(rest))
    }

    fn begin(&mut self, room: Option<String>) {
        self.room = room;
        self.has_returned = false;
        self.lines.clear();
        self.read = None;
        self.outbox.clear();
    }

    fn forget(&mut self, said: u64) {
        self.outbox.retain(|outgoing| outgoing.id != said);
    }

    fn see_own(&mut self, said: Option<u64>) -> Result<(), String> {
        said.into_iter().for_each(|said| self.forget(said));
        match said {
            Some(said) if !self.seen.insert(said) => Err(format!("its own message {said} is shown twice")),
            _ => Ok(()),
        }
    }
}

/// Where nothing can be said.
pub fn lobby() -> RoomName {
    RoomName::parse(LOBBY).expect("it is a name")
}

/// Whether these lines are what was said from there on, up to the last if they have to be. What was deleted may have been
/// seen before, or not.
fn is_shown(mut lines: &[(String, String)], said: &[Spoken], up_to_the_last: bool) -> bool {
    for spoken in said {
        match lines.split_first() {
            Some((line, rest)) if *line == spoken.line => lines = rest,
            None if !up_to_the_last => return true,
            Some(_) | None if spoken.is_blank => {}
            Some(_) | None => return false,
        }
    }
    lines.is_empty()
}

/// What is shown, and a page more.
fn extended(read: Option<Span>, messages: &[Past], is_older: bool, has_older: bool) -> Option<Span> {
    let Some((first, last)) = messages.first().zip(messages.last()) else {
        return read.map(|read| Span { has_older, ..read });
    };
    let (first, last) = (first.posted.seq, last.posted);
    Some(match read {
        Some(read) if is_older => Span { first, has_older, ..read },
        Some(read) => Span { last, has_older, ..read },
        None => Span { first, last, has_older },
    })
}
